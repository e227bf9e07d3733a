r"""Nesterov momentum: the velocity's next step is taken in advance."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import integrate_velocity, look_ahead
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class NesterovState(NamedTuple):
    """State of :func:`nesterov`."""

    count: int | jax.Array  # [], int32: steps taken
    velocity: PyTree  # [*shape] a leaf


@rule
class Nesterov(Rule):
    """One array: p = mu p - alpha g, u = mu p - alpha g."""

    learning_rate: Any = hyperparameter(0)
    mu: Any = hyperparameter(0, 1)

    name = "nesterov"
    State = NesterovState
    idle = Idle(moves=True, linear_in_g=True)

    def start(self, w):
        return NesterovState(0, velocity=full_like(w))

    def step(self, g, s):
        u = -self.learning_rate * g
        p = integrate_velocity(self.mu, s.velocity, u)  # p = mu p - alpha g
        return look_ahead(self.mu, p, u), s._replace(velocity=p)  # mu p - alpha g, with the new p


def nesterov(learning_rate: Hyperparameter, mu: Hyperparameter = 0.9) -> GradientTransformation:
    r"""Momentum whose gradient is taken where the velocity leads.

    In the variable that the parameters hold (the point looked ahead to), for every element
    :math:`g` of every leaf, with :math:`p^{(0)} = 0`,

    .. math::
        p^{(t+1)} = \mu p^{(t)} - \alpha g^{(t)}, \qquad
        u^{(t)} = \mu p^{(t+1)} - \alpha g^{(t)}.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      mu: :math:`\mu \in [0, 1]`, scalar or schedule.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0, or ``mu`` outside [0, 1].
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = nesterov(learning_rate=0.1, mu=0.5)
      >>> updates, state = tx.update(jnp.array([1.0]), tx.init(jnp.zeros(1)))
      >>> updates
      Array([-0.15], dtype=float32)

    Note:
      Keras, torch, TF1 and optax have this form. Under a scheduled :math:`\mu` they, and this rule,
      use :math:`\mu_t` twice where the original method would use :math:`\mu_{t+1}` to look ahead.

    References:
      Nesterov, 1983; Sutskever, Martens, Dahl and Hinton, 2013, section 2; the rule beside
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD com Momentum".
    """
    return lift(Nesterov(learning_rate, mu))
