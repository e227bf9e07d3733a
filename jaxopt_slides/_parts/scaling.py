"""Multiplying updates by a number: the parts without memory."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import nothing_like
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, Schedule


class ScaleState(NamedTuple):
    """State of the parts without memory: the count, for schedules."""

    count: int | jax.Array  # [], int32: steps taken


class _Stateless(Rule):
    State = ScaleState
    idle = Idle(linear_in_g=True)


@rule
class Scale(_Stateless):
    """One array: u = a g."""

    step_size: Any = hyperparameter()

    name = "scale"

    def step(self, g, s):
        return self.step_size * g, s


@rule
class ScaleBySchedule(_Stateless):
    """One array: u = a g; a is the schedule's."""

    step_size_fn: Any = hyperparameter()

    name = "scale_by_schedule"

    def step(self, g, s):
        return self.step_size_fn * g, s


@rule
class ScaleByLearningRate(_Stateless):
    """One array: u = -alpha g."""

    learning_rate: Any = hyperparameter(0)

    name = "scale_by_learning_rate"

    def step(self, g, s):
        return -self.learning_rate * g, s


@rule
class SetToZero(_Stateless):
    """One array: u = 0."""

    name = "set_to_zero"
    inert = True

    def step(self, g, s):
        return nothing_like(g), s


@public
def scale(step_size: Hyperparameter) -> GradientTransformation:
    r"""Multiplies updates by a number: :math:`u = a g`.

    Args:
      step_size: :math:`a`, any finite scalar, or a schedule.

    Returns:
      A transformation without state but its count.

    Raises:
      ValueError: a NaN or infinite ``step_size``.
      TypeError: a ``step_size`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = scale(-0.5)
      >>> tx.update(jnp.array([2.0]), tx.init(jnp.zeros(1)))[0]
      Array([-1.], dtype=float32)
    """
    return lift(Scale(step_size))


@public
def scale_by_learning_rate(learning_rate: Hyperparameter) -> GradientTransformation:
    r"""Turns a direction of ascent into a step of descent: :math:`u = -\alpha g`.

    The only part with a minus sign; :func:`sgd` is this part.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.

    Returns:
      A transformation without state but its count.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0.
      TypeError: a ``learning_rate`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = scale_by_learning_rate(0.5)
      >>> tx.update(jnp.array([2.0]), tx.init(jnp.zeros(1)))[0]
      Array([-1.], dtype=float32)
    """
    return lift(ScaleByLearningRate(learning_rate))


@public
def scale_by_schedule(step_size_fn: Schedule) -> GradientTransformation:
    r"""Multiplies updates by a schedule's value: :math:`u^{(t)} = a_t g^{(t)}`.

    Args:
      step_size_fn: :math:`a_t`, a callable of the count :math:`t`; the first update sees count 0.

    Returns:
      A transformation whose state is the count.

    Raises:
      TypeError: ``step_size_fn`` is not callable.

    Example:
      >>> tx = scale_by_schedule(linear_schedule(1.0, 0.0, 10))
      >>> _, state = tx.update(jnp.ones(1), tx.init(jnp.zeros(1)))
      >>> tx.update(jnp.ones(1), state)[0]
      Array([0.9], dtype=float32)
    """
    if not callable(step_size_fn):
        raise TypeError(
            f"scale_by_schedule: step_size_fn must be a callable of the count, got "
            f"{step_size_fn!r:.60}. For a number use scale."
        )
    return lift(ScaleBySchedule(step_size_fn))


@public
def set_to_zero() -> GradientTransformation:
    """Replaces every update by 0; by -0.0, which also leaves a weight of -0.0 as it is.

    Example:
      >>> tx = set_to_zero()
      >>> tx.update(jnp.array([jnp.nan, 2.0]), tx.init(jnp.zeros(2)))[0]
      Array([-0., -0.], dtype=float32)
    """
    return lift(SetToZero())
