r"""Schedules that stay, or go from one value to another along a power."""

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import Schedule
from jaxopt_slides.schedules._base import (
    Number,
    as_real,
    between,
    fraction_left,
    make_schedule,
    power_of,
    steps_since,
    whole,
)


def _constant_schedule(count, *, value):
    del count
    return as_real(value)


@public
def constant_schedule(value: Number) -> Schedule:
    """The same value at every count; what a plain number is, as a member of :func:`join_schedules`.

    Args:
      value: any finite scalar.

    Returns:
      A schedule with the leaf ``value``.

    Raises:
      ValueError: ``value`` is NaN, infinite, or no scalar.
      TypeError: ``value`` is not a number.

    Example:
      >>> constant_schedule(0.5)(1000)
      Array(0.5, dtype=float32)
    """
    return make_schedule("constant_schedule", _constant_schedule, value=value)


def _linear_schedule(count, *, init_value, end_value, transition_steps, transition_begin):
    t = steps_since(transition_begin, count)
    return between(end_value, init_value, fraction_left(t, whole(transition_steps)))


@public
def linear_schedule(
    init_value: Number, end_value: Number, transition_steps: Number, transition_begin: Number = 0
) -> Schedule:
    r"""A straight line from one value to another.

    .. math::
        a(t) = I + (E - I)\, \min(\max(t - B, 0),\, T) / T.

    Args:
      init_value: :math:`I`, any finite scalar, up to count :math:`B`.
      end_value: :math:`E`, any finite scalar, from count :math:`B + T` on.
      transition_steps: :math:`T \ge 1`, rounded.
      transition_begin: :math:`B \ge 0`, rounded; 0 by default, which is no leaf.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> mu = linear_schedule(0.5, 0.99, 1000)
      >>> mu
      linear_schedule(init_value=0.5, end_value=0.99, transition_steps=1000.0)
      >>> mu(0), mu(500), mu(2000)
      (Array(0.5, dtype=float32), Array(0.745, dtype=float32), Array(0.99, dtype=float32))

    Note:
      optax logs ``transition_steps`` below 1 and then never moves, and takes a negative
      ``transition_begin`` for 0; here both are errors.

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*: the momentum from 0.5 to 0.99.
    """
    return make_schedule(
        "linear_schedule", _linear_schedule, init_value=init_value, end_value=end_value,
        transition_steps=transition_steps, transition_begin=transition_begin,
    )  # fmt: skip


def _polynomial_schedule(count, *, init_value, end_value, power, transition_steps, transition_begin):
    t = steps_since(transition_begin, count)
    weight = power_of(fraction_left(t, whole(transition_steps)), power)
    return between(end_value, init_value, weight)


@public
def polynomial_schedule(
    init_value: Number,
    end_value: Number,
    power: Number,
    transition_steps: Number,
    transition_begin: Number = 0,
) -> Schedule:
    r"""A power of what remains, from one value to another.

    .. math::
        a(t) = E + (I - E) \left(1 - \min(\max(t - B, 0),\, T) / T\right)^P.

    Args:
      init_value: :math:`I`, any finite scalar, up to count :math:`B`.
      end_value: :math:`E`, any finite scalar, from count :math:`B + T` on.
      power: :math:`P > 0`; 1 is a line, more falls faster at first, less later.
      transition_steps: :math:`T \ge 1`, rounded.
      transition_begin: :math:`B \ge 0`, rounded; 0 by default, which is no leaf.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> polynomial_schedule(1.0, 0.0, 2, 10)(5)
      Array(0.25, dtype=float32)

    Note:
      Against optax, see :func:`linear_schedule`.
    """
    return make_schedule(
        "polynomial_schedule", _polynomial_schedule, init_value=init_value, end_value=end_value,
        power=power, transition_steps=transition_steps, transition_begin=transition_begin,
    )  # fmt: skip
