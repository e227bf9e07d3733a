r"""Schedules made of pieces."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from jaxopt_slides._core.numbers import Range, as_schedule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import Schedule
from jaxopt_slides.schedules._base import Number, NumbersSchedule, as_real, checked_number, known, whole


def _piecewise_constant_schedule(count, *, init_value, boundaries, scales):
    value = as_real(init_value)
    for boundary, scale in zip(boundaries, scales, strict=True):
        value = value * jnp.where(as_real(count) < whole(boundary), 1, as_real(scale))
    return value


@public
def piecewise_constant_schedule(
    init_value: Number, boundaries_and_scales: Mapping[float, Number] | None = None
) -> Schedule:
    r"""A value that is scaled at each boundary, and holds in between.

    .. math::
        a(t) = I \prod_{i :\, t \ge b_i} f_i.

    Args:
      init_value: :math:`I`, any finite scalar.
      boundaries_and_scales: a dict of counts :math:`b_i \ge 0`, rounded, to factors
        :math:`f_i \ge 0`, in any order; the factor counts from its boundary on.

    Returns:
      A schedule with the leaves ``init_value``, ``boundaries.0``, ..., ``scales.0``, ..., ascending.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: ``boundaries_and_scales`` is not a dict, or holds what is not a number.

    Example:
      >>> schedule = piecewise_constant_schedule(1.0, {100: 0.5, 200: 0.5})
      >>> schedule(99), schedule(100), schedule(200)
      (Array(1., dtype=float32), Array(0.5, dtype=float32), Array(0.25, dtype=float32))
    """
    owner = "piecewise_constant_schedule"
    steps = {} if boundaries_and_scales is None else boundaries_and_scales
    if not isinstance(steps, Mapping):
        raise TypeError(f"{owner}: boundaries_and_scales must be a dict, got {steps!r:.60}.")
    items = [(checked_number(owner, "a boundary", b, Range(0)), scale) for b, scale in steps.items()]
    items.sort(key=lambda item: item[0])
    return NumbersSchedule(
        _piecewise_constant_schedule,
        init_value=checked_number(owner, "init_value", init_value, Range()),
        boundaries=tuple(boundary for boundary, _ in items),
        scales=tuple(checked_number(owner, f"the scale at {b:g}", s, Range(0)) for b, s in items),
    )


def _join_schedules(count, *, schedules, boundaries):
    count = jnp.asarray(count)
    count = count.astype(int if jnp.issubdtype(count.dtype, jnp.integer) else float)
    last = 2**31 - 128  # the largest float32 that is an int32
    changes = [jnp.minimum(whole(b), last).astype(count.dtype) for b in boundaries]
    value = jnp.zeros((), float)
    for schedule, start, stop in zip(schedules, [0, *changes], [*changes, count], strict=True):
        # A member never sees a count at which it is not used: it may overflow there.
        here = schedule(jnp.maximum(jnp.minimum(count, stop), start) - start)
        value = jnp.where(count < start, value, as_real(here))
    return value


@public
def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[Number]) -> Schedule:
    r"""Schedules one after another, each counting from its own beginning.

    .. math::
        a(t) = a_i(t - b_i), \qquad b_i \le t < b_{i+1}, \qquad b_0 = 0.

    Args:
      schedules: callables of the count, at least one; other libraries' and lambdas are static.
      boundaries: :math:`b_1 \le b_2 \le \dots`, at least 0, rounded; one fewer than ``schedules``.

    Returns:
      A schedule with the members' leaves, as ``schedules.0.init_value``, then ``boundaries.0``, ....

    Raises:
      ValueError: another number of boundaries, or boundaries that decrease or are out of range.
      TypeError: a member that is not callable, or a boundary that is not a number.

    Example:
      >>> warmup = linear_schedule(0.0, 1.0, 10)
      >>> schedule = join_schedules([warmup, cosine_decay_schedule(1.0, 90)], [10])
      >>> schedule(5), schedule(10), schedule(70)
      (Array(0.5, dtype=float32), Array(1., dtype=float32), Array(0.25, dtype=float32))

    Note:
      optax ignores surplus schedules or boundaries.
    """
    schedules, starts = _items("schedules", schedules), _items("boundaries", boundaries)
    for i, schedule in enumerate(schedules):
        if not callable(schedule):
            raise TypeError(
                f"join_schedules: schedules[{i}] must be a callable of the count, got "
                f"{schedule!r:.60}. For a number use constant_schedule."
            )
    if len(starts) != len(schedules) - 1:
        raise ValueError(
            f"join_schedules: needs one boundary between any two schedules, got {len(schedules)} "
            f"schedules and {len(starts)} boundaries."
        )
    named = enumerate(starts)
    starts = tuple(checked_number("join_schedules", f"boundaries[{i}]", b, Range(0)) for i, b in named)
    if known(*starts) and (given := [float(b) for b in starts]) != sorted(given):
        raise ValueError(f"join_schedules: boundaries must not decrease, got {given}.")
    members = tuple(as_schedule(schedule) for schedule in schedules)
    return NumbersSchedule(_join_schedules, schedules=members, boundaries=starts)


def _items(name: str, values: Any) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"join_schedules: {name} must be a sequence, got {values!r:.60}.") from None
