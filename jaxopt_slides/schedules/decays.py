r"""Exponential decay."""

import jax.numpy as jnp

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import Schedule
from jaxopt_slides.schedules._base import Number, as_real, growth, make_schedule, steps_since, whole


def _exponential_decay(
    count, *, init_value, transition_steps, decay_rate, transition_begin, end_value, stairs=False
):
    t, steps = steps_since(transition_begin, count), jnp.maximum(whole(transition_steps), 1)
    periods = jnp.floor_divide(t, steps) if stairs else t / steps
    init_value, rate = as_real(init_value), as_real(decay_rate)
    value = init_value * growth(rate, periods)
    if end_value is None:
        return value
    end_value = as_real(end_value)
    bounded = jnp.where(rate < 1, value < end_value, value > end_value)
    value = init_value * growth(rate, jnp.where(bounded, 0, periods))  # no 0 * inf in derivatives
    return jnp.where(bounded, end_value, value)


def _staircase_exponential_decay(count, **numbers):
    return _exponential_decay(count, **numbers, stairs=True)


@public
def exponential_decay(
    init_value: Number,
    transition_steps: Number,
    decay_rate: Number,
    transition_begin: Number = 0,
    staircase: bool = False,
    end_value: Number | None = None,
) -> Schedule:
    r"""The same factor for the same number of steps.

    .. math::
        a(t) = I\, r^{\max(t - B, 0) / T}, \qquad \text{the exponent rounded down if staircase.}

    Args:
      init_value: :math:`I`, any finite scalar.
      transition_steps: :math:`T \ge 1`, rounded.
      decay_rate: :math:`r > 0`.
      transition_begin: :math:`B \ge 0`, rounded; 0 by default, which is no leaf.
      staircase: static; True holds the value for ``transition_steps`` at a time.
      end_value: a lower bound of the value if ``decay_rate`` is below 1, else an upper bound; None,
        the default, is no bound and no leaf.

    Returns:
      A schedule with these leaves; ``end_value`` is the last.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number, or a ``staircase`` that is not a bool.

    Example:
      >>> exponential_decay(1.0, 10, 0.25)(5)
      Array(0.5, dtype=float32)
      >>> exponential_decay(1.0, 10, 0.25, staircase=True)(19)
      Array(0.25, dtype=float32)

    Note:
      optax logs ``transition_steps`` or ``decay_rate`` of 0 and never decays, and returns infinity
      or NaN for a factor that overflows, which here stops at the largest float.
    """
    if not isinstance(staircase, bool):
        raise TypeError(f"exponential_decay: staircase must be True or False, got {staircase!r:.60}.")
    return make_schedule(
        "exponential_decay", _staircase_exponential_decay if staircase else _exponential_decay,
        init_value=init_value, transition_steps=transition_steps, decay_rate=decay_rate,
        transition_begin=transition_begin, end_value=end_value,
    )  # fmt: skip
