r"""Schedules: hyperparameters that follow the count of steps; the first update sees count 0.

A schedule is a ``Partial`` whose leaves are its numbers, so that it crosses ``jit``, ``vmap`` and
``grad`` inside its optimizer. Called with a count it returns a scalar of the default float dtype.
Numbers of steps are stored as floats, as the optimizer's other leaves, and rounded where they are
used: derivatives by them are 0. Every derivative is finite, also where a schedule begins or ends,
unless it is itself too large for a float.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import DictKey, Partial

from jaxopt_slides._core.numbers import Range, number

Number = float | jax.Array


class Positive(Range):
    def __str__(self) -> str:
        return "finite and above 0"


RANGES = {
    **dict.fromkeys(("transition_steps", "decay_steps"), Range(1)),
    **dict.fromkeys(("transition_begin", "warmup_steps"), Range(0)),
    **dict.fromkeys(("power", "exponent", "decay_rate"), Positive(math.ulp(0.0))),
    "max_value": Range(0, 1),
}


@jax.tree_util.register_pytree_with_keys_class
class NumbersSchedule(Partial):
    """A ``Partial`` of keyword arguments, its leaves in their order rather than the alphabet's."""

    ranges = RANGES  # what a parameter may be when with_hyperparams changes it

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


def checked_number(owner: str, name: str, value: Any, allowed: Range) -> Any:
    """The number as it is stored, checked; no schedule."""
    if callable(value):
        raise TypeError(
            f"{owner}: {name} must be a number or a scalar array, got the callable {value!r:.60}. "
            f"One schedule after another is join_schedules."
        )
    return number(value, allowed, owner, name)


def make_schedule(owner: str, function: Any, **numbers: Any) -> NumbersSchedule:
    """The function with its numbers, checked; None, and a transition_begin of 0, have no leaf."""
    for name, value in numbers.items():
        if value is not None or name != "end_value" or owner != "exponential_decay":
            numbers[name] = checked_number(owner, name, value, RANGES.get(name, Range()))
    begin = numbers.get("transition_begin")
    if isinstance(begin, float) and begin == 0:
        numbers["transition_begin"] = None
    return NumbersSchedule(function, **numbers)


def known(*values: Any) -> bool:
    """Whether all values are concrete."""
    return not any(isinstance(value, Tracer) for value in values)


def as_real(x: Any) -> jax.Array:
    """A scalar of the default float dtype."""
    return jnp.asarray(x, float)


def whole(steps: Any) -> jax.Array:
    """A number of steps, rounded."""
    return jnp.round(as_real(steps))


def steps_since(begin: Any, count: Any) -> jax.Array:
    """Steps since ``begin``, and 0 before it."""
    return jnp.maximum(as_real(count) - (0 if begin is None else whole(begin)), 0)


def fraction_left(t: jax.Array, steps: jax.Array) -> jax.Array:
    """1 - t/steps, with all its digits also near the end; a traced ``steps`` may be below 1."""
    steps = jnp.maximum(steps, 1)
    return (steps - jnp.minimum(t, steps)) / steps


def between(end_value: Any, init_value: Any, weight: jax.Array) -> jax.Array:
    """From ``init_value`` at weight 1 to ``end_value`` at weight 0, exact at both."""
    return as_real(init_value) * weight + as_real(end_value) * (1 - weight)


def power_of(x: jax.Array, exponent: Any) -> jax.Array:
    """``x**exponent`` for x >= 0, with derivative 0 at 0, where that of a root is infinite."""
    return jnp.where(x > 0, jnp.where(x > 0, x, 1) ** as_real(exponent), 0)


def growth(rate: jax.Array, periods: jax.Array) -> jax.Array:
    """``rate**periods``; where that overflows, the largest float, with derivative 0."""
    largest = float(jnp.finfo(periods.dtype).max)
    overflows = periods * jnp.log(rate) > math.log(largest) - 1e-3
    return jnp.where(overflows, largest, rate ** jnp.where(overflows, 0, periods))


def half_cosine(remaining: jax.Array) -> jax.Array:
    """0.5 (1 + cos(pi (1 - remaining))), without its cancellation near the end."""
    return jnp.square(jnp.sin(jnp.pi / 2 * remaining))
