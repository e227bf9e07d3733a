r"""Schedules: hyperparameters that follow the count of steps; the first update sees count 0.

A schedule is a ``Partial`` whose leaves are its numbers, so that it crosses ``jit``, ``vmap`` and
``grad`` inside its optimizer. Called with a count it returns a scalar of the default float dtype.
Numbers of steps are stored as floats, as the optimizer's other leaves, and rounded where they are
used: derivatives by them are 0. Every derivative is finite, also where a schedule begins or ends,
unless it is itself too large for a float.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import DictKey, Partial

from jaxopt_slides._core.numbers import Range, as_schedule, number
from jaxopt_slides._core.types import Schedule

Number = float | jax.Array


class _Positive(Range):
    def __str__(self) -> str:
        return "finite and above 0"


_RANGES = {
    **dict.fromkeys(("transition_steps", "decay_steps"), Range(1)),
    **dict.fromkeys(("transition_begin", "warmup_steps"), Range(0)),
    **dict.fromkeys(("power", "exponent", "decay_rate"), _Positive(math.ulp(0.0))),
    "max_value": Range(0, 1),
}


@jax.tree_util.register_pytree_with_keys_class
class _Schedule(Partial):
    """A ``Partial`` of keyword arguments, its leaves in their order rather than the alphabet's."""

    def tree_flatten_with_keys(self):
        children = [(DictKey(name), value) for name, value in self.keywords.items()]
        return children, (self.func, tuple(self.keywords))

    @classmethod
    def tree_unflatten(cls, aux_data, children):
        function, names = aux_data
        return cls(function, **dict(zip(names, children, strict=True)))

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.keywords.items() if value is not None]
        return f"{self.func.__name__.lstrip('_')}({', '.join(shown)})"


def _number(owner: str, name: str, value: Any, allowed: Range) -> Any:
    if callable(value):
        raise TypeError(
            f"{owner}: {name} must be a number or a scalar array, got the callable {value!r:.60}. "
            f"One schedule after another is join_schedules."
        )
    return number(value, allowed, owner, name)


def _schedule(owner: str, function: Any, **numbers: Any) -> _Schedule:
    """The function with its numbers, checked; None, and a transition_begin of 0, have no leaf."""
    for name, value in numbers.items():
        if value is not None or name != "end_value" or owner != "exponential_decay":
            numbers[name] = _number(owner, name, value, _RANGES.get(name, Range()))
    begin = numbers.get("transition_begin")
    if isinstance(begin, float) and begin == 0:
        numbers["transition_begin"] = None
    return _Schedule(function, **numbers)


def _known(*values: Any) -> bool:
    return not any(isinstance(value, Tracer) for value in values)


def _real(x: Any) -> jax.Array:
    return jnp.asarray(x, float)


def _whole(steps: Any) -> jax.Array:
    return jnp.round(_real(steps))


def _since(begin: Any, count: Any) -> jax.Array:
    """Steps since ``begin``, and 0 before it."""
    return jnp.maximum(_real(count) - (0 if begin is None else _whole(begin)), 0)


def _remaining(t: jax.Array, steps: jax.Array) -> jax.Array:
    """1 - t/steps, with all its digits also near the end; a traced ``steps`` may be below 1."""
    steps = jnp.maximum(steps, 1)
    return (steps - jnp.minimum(t, steps)) / steps


def _between(end_value: Any, init_value: Any, weight: jax.Array) -> jax.Array:
    """From ``init_value`` at weight 1 to ``end_value`` at weight 0, exact at both."""
    return _real(init_value) * weight + _real(end_value) * (1 - weight)


def _power(x: jax.Array, exponent: Any) -> jax.Array:
    """``x**exponent`` for x >= 0, with derivative 0 at 0, where that of a root is infinite."""
    return jnp.where(x > 0, jnp.where(x > 0, x, 1) ** _real(exponent), 0)


def _growth(rate: jax.Array, periods: jax.Array) -> jax.Array:
    """``rate**periods``; where that overflows, the largest float, with derivative 0."""
    largest = float(jnp.finfo(periods.dtype).max)
    overflows = periods * jnp.log(rate) > math.log(largest) - 1e-3
    return jnp.where(overflows, largest, rate ** jnp.where(overflows, 0, periods))


def _half_cosine(remaining: jax.Array) -> jax.Array:
    """0.5 (1 + cos(pi (1 - remaining))), without its cancellation near the end."""
    return jnp.square(jnp.sin(jnp.pi / 2 * remaining))


def _constant_schedule(count, *, value):
    del count
    return _real(value)


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
    return _schedule("constant_schedule", _constant_schedule, value=value)


def _linear_schedule(count, *, init_value, end_value, transition_steps, transition_begin):
    t = _since(transition_begin, count)
    return _between(end_value, init_value, _remaining(t, _whole(transition_steps)))


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
    return _schedule(
        "linear_schedule", _linear_schedule, init_value=init_value, end_value=end_value,
        transition_steps=transition_steps, transition_begin=transition_begin,
    )  # fmt: skip


def _polynomial_schedule(count, *, init_value, end_value, power, transition_steps, transition_begin):
    t = _since(transition_begin, count)
    weight = _power(_remaining(t, _whole(transition_steps)), power)
    return _between(end_value, init_value, weight)


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
    return _schedule(
        "polynomial_schedule", _polynomial_schedule, init_value=init_value, end_value=end_value,
        power=power, transition_steps=transition_steps, transition_begin=transition_begin,
    )  # fmt: skip


def _exponential_decay(
    count, *, init_value, transition_steps, decay_rate, transition_begin, end_value, stairs=False
):
    t, steps = _since(transition_begin, count), jnp.maximum(_whole(transition_steps), 1)
    periods = jnp.floor_divide(t, steps) if stairs else t / steps
    init_value, rate = _real(init_value), _real(decay_rate)
    value = init_value * _growth(rate, periods)
    if end_value is None:
        return value
    end_value = _real(end_value)
    bounded = jnp.where(rate < 1, value < end_value, value > end_value)
    value = init_value * _growth(rate, jnp.where(bounded, 0, periods))  # no 0 * inf in derivatives
    return jnp.where(bounded, end_value, value)


def _staircase_exponential_decay(count, **numbers):
    return _exponential_decay(count, **numbers, stairs=True)


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
    return _schedule(
        "exponential_decay", _staircase_exponential_decay if staircase else _exponential_decay,
        init_value=init_value, transition_steps=transition_steps, decay_rate=decay_rate,
        transition_begin=transition_begin, end_value=end_value,
    )  # fmt: skip


def _piecewise_constant_schedule(count, *, init_value, boundaries, scales):
    value = _real(init_value)
    for boundary, scale in zip(boundaries, scales, strict=True):
        value = value * jnp.where(_real(count) < _whole(boundary), 1, _real(scale))
    return value


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
    items = [(_number(owner, "a boundary", b, Range(0)), scale) for b, scale in steps.items()]
    items.sort(key=lambda item: item[0])
    return _Schedule(
        _piecewise_constant_schedule,
        init_value=_number(owner, "init_value", init_value, Range()),
        boundaries=tuple(boundary for boundary, _ in items),
        scales=tuple(_number(owner, f"the scale at {b:g}", s, Range(0)) for b, s in items),
    )


def _cosine_decay_schedule(count, *, init_value, decay_steps, alpha, exponent):
    weight = _power(_half_cosine(_remaining(_real(count), _whole(decay_steps))), exponent)
    return _real(init_value) * _between(alpha, 1, weight)


def cosine_decay_schedule(
    init_value: Number, decay_steps: Number, alpha: Number = 0.0, exponent: Number = 1.0
) -> Schedule:
    r"""Half a cosine from a value down to a fraction of it.

    .. math::
        a(t) = I \left(\alpha + (1 - \alpha)
        \left[\tfrac12 \left(1 + \cos(\pi \min(t, T) / T)\right)\right]^P\right).

    Args:
      init_value: :math:`I`, any finite scalar.
      decay_steps: :math:`T \ge 1`, rounded.
      alpha: the fraction that stays, any finite scalar; 0 by default.
      exponent: :math:`P > 0`; 1 by default.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> schedule = cosine_decay_schedule(1.0, 90)
      >>> schedule(0), schedule(60), schedule(90)
      (Array(1., dtype=float32), Array(0.25, dtype=float32), Array(0., dtype=float32))

    Note:
      Computed as a squared sine of what remains, which keeps its digits near the end.

    References:
      Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """
    return _schedule(
        "cosine_decay_schedule", _cosine_decay_schedule, init_value=init_value,
        decay_steps=decay_steps, alpha=alpha, exponent=exponent,
    )  # fmt: skip


def _warmup_cosine_decay_schedule(
    count, *, init_value, peak_value, warmup_steps, decay_steps, end_value, exponent
):
    warmup, total = _whole(warmup_steps), _whole(decay_steps)
    rising = _between(peak_value, init_value, _remaining(_real(count), warmup))
    remaining = _remaining(_since(warmup_steps, count), total - warmup)
    falling = _between(end_value, peak_value, _power(_half_cosine(remaining), exponent))
    return jnp.where(_real(count) < warmup, rising, falling)


def warmup_cosine_decay_schedule(
    init_value: Number,
    peak_value: Number,
    warmup_steps: Number,
    decay_steps: Number,
    end_value: Number = 0.0,
    exponent: Number = 1.0,
) -> Schedule:
    r"""A line up to a peak, then half a cosine down.

    .. math::
        a(t) = \begin{cases} I + (M - I)\, t / W, & t < W, \\
        E + (M - E) \left[\tfrac12 \left(1 + \cos\left(\pi \frac{\min(t, T) - W}{T - W}
        \right)\right)\right]^P, & t \ge W. \end{cases}

    Args:
      init_value: :math:`I`, any finite scalar.
      peak_value: :math:`M`, any finite scalar.
      warmup_steps: :math:`W \ge 0`, rounded.
      decay_steps: :math:`T > W`, rounded: the warm-up is part of it.
      end_value: :math:`E`, any finite scalar; 0 by default.
      exponent: :math:`P > 0`; 1 by default.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)
      >>> schedule(5), schedule(10), schedule(70)
      (Array(0.5, dtype=float32), Array(1., dtype=float32), Array(0.25, dtype=float32))

    Note:
      optax divides ``end_value`` by ``peak_value``, and so ignores it where the peak is 0.

    References:
      Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """
    owner = "warmup_cosine_decay_schedule"
    schedule = _schedule(
        owner, _warmup_cosine_decay_schedule, init_value=init_value, peak_value=peak_value,
        warmup_steps=warmup_steps, decay_steps=decay_steps, end_value=end_value, exponent=exponent,
    )  # fmt: skip
    steps = [schedule.keywords[name] for name in ("warmup_steps", "decay_steps")]
    if _known(*steps) and round(float(steps[1])) <= round(float(steps[0])):
        raise ValueError(
            f"{owner}: decay_steps includes the warm-up and must be above warmup_steps = "
            f"{float(steps[0]):g}, got {float(steps[1]):g}."
        )
    return schedule


def _join_schedules(count, *, schedules, boundaries):
    count = jnp.asarray(count)
    count = count.astype(int if jnp.issubdtype(count.dtype, jnp.integer) else float)
    last = 2**31 - 128  # the largest float32 that is an int32
    changes = [jnp.minimum(_whole(b), last).astype(count.dtype) for b in boundaries]
    value = jnp.zeros((), float)
    for schedule, start, stop in zip(schedules, [0, *changes], [*changes, count], strict=True):
        # A member never sees a count at which it is not used: it may overflow there.
        here = schedule(jnp.maximum(jnp.minimum(count, stop), start) - start)
        value = jnp.where(count < start, value, _real(here))
    return value


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
    starts = tuple(_number("join_schedules", f"boundaries[{i}]", b, Range(0)) for i, b in named)
    if _known(*starts) and (known := [float(b) for b in starts]) != sorted(known):
        raise ValueError(f"join_schedules: boundaries must not decrease, got {known}.")
    members = tuple(as_schedule(schedule) for schedule in schedules)
    return _Schedule(_join_schedules, schedules=members, boundaries=starts)


def _items(name: str, values: Any) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"join_schedules: {name} must be a sequence, got {values!r:.60}.") from None


def _sutskever_schedule(count, *, max_value):
    return jnp.minimum(1 - 0.5 / (jnp.floor_divide(_real(count), 250) + 1), _real(max_value))


def sutskever_schedule(max_value: Number = 0.99) -> Schedule:
    r"""Momentum that rises from 0.5 towards 1, as averaging needs it, up to a maximum.

    .. math::
        \mu(t) = \min\left(1 - 2^{-1 - \log_2(\lfloor t / 250 \rfloor + 1)},\, \mu_{\max}\right).

    Args:
      max_value: :math:`\mu_{\max} \in [0, 1]`; 0.99 by default, and 0.9 to 0.999 in the paper.

    Returns:
      A schedule with the leaf ``max_value``.

    Raises:
      ValueError: a concrete ``max_value`` outside [0, 1], or no scalar.
      TypeError: ``max_value`` is not a number.

    Example:
      >>> mu = sutskever_schedule()
      >>> mu(0), mu(250), mu(100000)
      (Array(0.5, dtype=float32), Array(0.75, dtype=float32), Array(0.99, dtype=float32))

    References:
      Sutskever, Martens, Dahl and Hinton, *On the importance of initialization and momentum in deep
      learning*, 2013, equation (5).
    """
    return _schedule("sutskever_schedule", _sutskever_schedule, max_value=max_value)
