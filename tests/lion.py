r"""Lion: the sign of a mean gradient. No rule of the package: test_walkthrough.py adds it to a copy."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import moving_average
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class LionState(NamedTuple):
    """State of :func:`lion`."""

    count: int | jax.Array  # [], int32: steps taken
    mean: PyTree  # [*shape] a leaf: the mean gradient


@rule
class Lion(Rule):
    """One array: u = -alpha sign(b1 m + (1 - b1) g), m = b2 m + (1 - b2) g."""

    learning_rate: Any = hyperparameter(0)
    b1: Any = hyperparameter(0, 1, near_one=True)
    b2: Any = hyperparameter(0, 1, near_one=True)

    name = "lion"
    State = LionState

    def start(self, w):
        return LionState(0, mean=full_like(w))

    def step(self, g, s):
        u = -self.learning_rate * jnp.sign(moving_average(self.b1, s.mean, g))
        return u, s._replace(mean=moving_average(self.b2, s.mean, g))


@public
def lion(
    learning_rate: Hyperparameter,
    *,
    b1: Hyperparameter = 0.9,
    b2: Hyperparameter = 0.99,
) -> GradientTransformation:
    r"""Lion: steps of one size, in the direction of a mean gradient.

    For every element :math:`g` of every leaf, with :math:`m^{(0)} = 0`,

    .. math::
        u^{(t)} = -\alpha \operatorname{sign}\bigl(\beta_1 m^{(t)} + (1 - \beta_1)\,g^{(t)}\bigr),

    .. math::
        m^{(t+1)} = \beta_2 m^{(t)} + (1 - \beta_2)\,g^{(t)}.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      b1: :math:`\beta_1 \in [0, 1]`, scalar or schedule, of the direction.
      b2: :math:`\beta_2 \in [0, 1]`, scalar or schedule, of the mean.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = lion(learning_rate=0.1)
      >>> updates, state = tx.update(jnp.array([3.0, -0.01]), tx.init(jnp.zeros(2)))
      >>> updates
      Array([-0.1,  0.1], dtype=float32)

    Note:
      optax agrees, and decays the weights as well.

    References:
      Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023, program 1.
    """
    return lift(Lion(learning_rate, b1, b2))
