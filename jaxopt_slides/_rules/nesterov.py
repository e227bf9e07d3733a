r"""Nesterov momentum: the velocity's next step is taken in advance."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import integrate_velocity, look_ahead
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import (
    Idle,
    Rule,
    derived,
    hyperparameter,
    option,
    require_options,
    rule,
)
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class NesterovState(NamedTuple):
    """State of :func:`nesterov`."""

    count: int | jax.Array  # [], int32: steps taken
    velocity: PyTree  # [*shape] a leaf


@rule
class Nesterov(Rule):
    """One array: p = mu p - alpha g, u = mu p - alpha g; or u = mu(t + 1) p - alpha g."""

    learning_rate: Any = hyperparameter(0)
    mu: Any = hyperparameter(0, 1)
    true_lookahead: bool = option()
    mu_ahead: Any = derived(default=None)  # the mu of u: that of this step, or the next step's

    name = "nesterov"
    State = NesterovState
    idle = Idle(moves=True, linear_in_g=True)

    def start(self, w):
        return NesterovState(0, velocity=full_like(w))

    def at(self, count, dtype):
        now = super().at(count, dtype)
        ahead = super().at(jnp.maximum(count + 1, count), dtype) if self.true_lookahead else now
        return now.replace(mu_ahead=ahead.mu)

    def step(self, g, s):
        u = -self.learning_rate * g
        p = integrate_velocity(self.mu, s.velocity, u)  # p = mu p - alpha g
        return look_ahead(self.mu_ahead, p, u), s._replace(velocity=p)  # mu p - alpha g, the new p


@public
def nesterov(
    learning_rate: Hyperparameter, mu: Hyperparameter = 0.9, *, true_lookahead: bool = False
) -> GradientTransformation:
    r"""Momentum whose gradient is taken where the velocity leads.

    In the variable that the parameters hold (the point looked ahead to), for every element
    :math:`g` of every leaf, with :math:`p^{(0)} = 0`,

    .. math::
        p^{(t+1)} = \mu p^{(t)} - \alpha g^{(t)}, \qquad
        u^{(t)} = \mu p^{(t+1)} - \alpha g^{(t)}.

    Under a schedule of :math:`\mu` the point looked ahead to is :math:`W + \mu_{t+1} p^{(t+1)}`, since
    the next step is the one that will be taken with :math:`\mu_{t+1}`. With ``true_lookahead`` that
    is what stands in the parameters; without it, :math:`\mu_t` is used twice, as every framework
    does.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      mu: :math:`\mu \in [0, 1]`, scalar or schedule.
      true_lookahead: look ahead with the next step's :math:`\mu`,
        :math:`u^{(t)} = \mu_{t+1} p^{(t+1)} - \alpha g^{(t)}`; nothing changes while it is constant.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0, or ``mu`` outside [0, 1].
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule, or an option that
        is not True or False.

    Example:
      >>> tx = nesterov(learning_rate=0.1, mu=0.5)
      >>> updates, state = tx.update(jnp.array([1.0]), tx.init(jnp.zeros(1)))
      >>> updates
      Array([-0.15], dtype=float32)

      The true method, from 1 down :math:`f = x^2/2` while :math:`\mu` goes 0.5, 0.9, 0.99:

      >>> mu = piecewise_constant_schedule(0.5, {1: 1.8, 2: 1.1})
      >>> tx, x = nesterov(0.1, mu, true_lookahead=True), 1.0
      >>> state = tx.init(x)
      >>> for _ in range(2):
      ...     updates, state = tx.update(x, state)
      ...     x = apply_updates(x, updates)
      >>> print(f"{x:.5f}")  # 0.60750 without true_lookahead
      0.55971

    Note:
      Keras, torch, TF1, optax and jax.example_libraries have the form without ``true_lookahead``.

    References:
      Nesterov, 1983; Sutskever, Martens, Dahl and Hinton, 2013, section 2; the rule beside
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD com Momentum".
    """
    require_options("nesterov", true_lookahead=true_lookahead)
    return lift(Nesterov(learning_rate, mu, true_lookahead))
