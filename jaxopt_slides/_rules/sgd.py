r"""SGD: the main loop's ``x += - learning_rate * dx``."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import integrate_velocity, look_ahead
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, option, require_options, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class SGDState(NamedTuple):
    """State of :func:`sgd`."""

    count: int | jax.Array  # [], int32: steps taken
    velocity: PyTree = None  # [*shape] a leaf; None without momentum


@rule
class SGD(Rule):
    """One array: u = -alpha g; or with momentum p = mu p - alpha g, u = p."""

    learning_rate: Any = hyperparameter(0)
    momentum: Any = hyperparameter(0, 1, optional=True)
    nesterov: bool = option()

    name = "sgd"
    State = SGDState

    @property
    def idle(self) -> Idle:
        return Idle(moves=self.momentum is not None, linear_in_g=True)

    def start(self, w):
        return SGDState(0, None if self.momentum is None else full_like(w))

    def step(self, g, s):
        u = -self.learning_rate * g
        if self.momentum is None:
            return u, s
        v = integrate_velocity(self.momentum, s.velocity, u)
        u = look_ahead(self.momentum, v, u) if self.nesterov else v
        return u, s._replace(velocity=v)


@public
def sgd(
    learning_rate: Hyperparameter,
    momentum: Hyperparameter | None = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    r"""Stochastic gradient descent, with or without momentum.

    For every element :math:`g` of every leaf,

    .. math::
        u^{(t)} = -\alpha\, g^{(t)}.

    With ``momentum`` :math:`= \mu` it is :func:`momentum`, or :func:`nesterov`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule. Then :math:`u^{(t)} = p^{(t+1)}`, where
        :math:`p^{(t+1)} = \mu p^{(t)} - \alpha g^{(t)}` and :math:`p^{(0)} = 0`. None, the default,
        keeps no velocity.
      nesterov: look ahead along the new velocity, :math:`u^{(t)} = \mu p^{(t+1)} - \alpha g^{(t)}`.
        It needs ``momentum``.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and, with momentum, one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range, or ``nesterov`` without ``momentum``.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = sgd(learning_rate=0.1)
      >>> updates, state = tx.update(jnp.array([3.0, -1.0]), tx.init(jnp.zeros(2)))
      >>> updates
      Array([-0.3,  0.1], dtype=float32)

    Note:
      Every framework agrees on the rule; torch and optax put :math:`\alpha` outside the velocity,
      which is the same until :math:`\alpha` changes.

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD – Treinamento de Rede Neural".
    """
    require_options("sgd", nesterov=nesterov)
    if nesterov and momentum is None:
        raise ValueError("sgd: nesterov=True needs a momentum, got momentum=None.")
    return lift(SGD(learning_rate, momentum, nesterov))
