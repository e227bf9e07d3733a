r"""Momentum: ``v = mu * v - learning_rate * dx; x += v``."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import integrate_velocity
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class MomentumState(NamedTuple):
    """State of :func:`momentum`."""

    count: int | jax.Array  # [], int32: steps taken
    velocity: PyTree  # [*shape] a leaf: the slide's p


@rule
class Momentum(Rule):
    """One array: p = mu p - alpha g, u = p."""

    learning_rate: Any = hyperparameter(0)
    mu: Any = hyperparameter(0, 1)

    name = "momentum"
    State = MomentumState
    idle = Idle(moves=True, linear_in_g=True)

    def start(self, w):
        return MomentumState(0, velocity=full_like(w))

    def step(self, g, s):
        p = integrate_velocity(self.mu, s.velocity, -self.learning_rate * g)  # p = mu p - alpha g
        return p, s._replace(velocity=p)


@public
def momentum(learning_rate: Hyperparameter, mu: Hyperparameter = 0.9) -> GradientTransformation:
    r"""SGD with momentum: a ball that rolls down the loss, with friction.

    For every element :math:`g` of every leaf, with :math:`p^{(0)} = 0`,

    .. math::
        p^{(t+1)} = \mu p^{(t)} - \alpha g^{(t)}, \qquad u^{(t)} = p^{(t+1)}.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      mu: :math:`\mu \in [0, 1]`, scalar or schedule; 0.9 by default, 0.5 to 0.99 in use.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0, or ``mu`` outside [0, 1].
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      The slides' 0.5 to 0.99, over 1000 steps:

      >>> tx = momentum(0.01, linear_schedule(0.5, 0.99, 1000))
      >>> updates, state = tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))
      >>> updates, state = tx.update(jnp.array([0.0]), state)
      >>> updates.round(4)  # still half the speed
      Array([-0.015], dtype=float32)

    Note:
      Keras has the learning rate inside the velocity as here; torch, TF1 and optax's ``sgd`` have it
      outside, which differs once the learning rate changes: then it rescales the past as well.

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD com Momentum"; Sutskever, Martens,
      Dahl and Hinton, *On the importance of initialization and momentum in deep learning*, 2013.
    """
    return lift(Momentum(learning_rate, mu))
