"""Hyperparameters: what a number may be, how it is stored, and what it is worth at a count."""

import dataclasses
import math
import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.tree_util import Partial

from jaxopt_slides._core.dtypes import wide
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.words import reduced, written


@pytree(repr=False)
class NearOne:
    r"""A decay :math:`\beta \in [0, 1]`, kept as the offset :math:`\beta - 1`.

    A float32 :math:`\beta` near 1 knows only a few digits of :math:`1 - \beta`; the float32 offset
    knows all of them, and :math:`\beta` as well. ``beta * s + (1 - beta) * x`` then reads as on the
    slide and is accurate in both terms. A derivative by the offset is the derivative by beta.
    """

    offset: Any

    def __mul__(self, x):
        return (1 + self.offset) * x

    __rmul__ = __mul__

    def __rsub__(self, one):
        if not (isinstance(one, int) and one == 1):
            raise TypeError(f"only 1 - beta is kept accurate, not {one} - beta")
        return -self.offset

    def log(self) -> jax.Array:
        """The logarithm of beta, accurate near 1; that of an ulp at 0."""
        return jnp.log1p(jnp.maximum(self.offset, jnp.finfo(self.offset.dtype).eps - 1))

    def one_minus_power(self, t: jax.Array) -> jax.Array:
        """``1 - beta**t`` for an integer t, accurate at both ends of [0, 1]."""
        return -jnp.expm1(t.astype(self.offset.dtype) * self.log())

    @property
    def value(self) -> Any:
        """Beta itself; for a Python number the shortest decimal that is stored as this offset."""
        beta = 1 + self.offset
        if isinstance(beta, float) and round(beta, 15) - 1 == self.offset:
            return round(beta, 15)
        return beta

    def __repr__(self) -> str:
        return repr(self.value)


@dataclasses.dataclass(frozen=True)
class Range:
    """What one hyperparameter may be: ``low <= value <= high``, and which half of the pair owns it."""

    low: float = -math.inf
    high: float = math.inf
    near_one: bool = False
    of: str = "update"
    optional: bool = False

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "finite"
        if math.isinf(self.high):
            return f"finite and at least {self.low:g}"
        return f"in [{self.low:g}, {self.high:g}]"


def require_in_range(value: float, allowed: Range, owner: str, name: str) -> None:
    """Raises ValueError, naming hyperparameter, range and value."""
    if not (math.isfinite(value) and allowed.low <= value <= allowed.high):
        raise ValueError(f"{owner}: {name} must be {allowed}, got {value!r}.")


def number(value: Any, allowed: Range, owner: str, name: str) -> Any:
    """Checks one hyperparameter and returns it as it is stored.

    Python and NumPy numbers become Python floats, scalar arrays stay arrays, schedules become
    pytrees. Only concrete numbers are checked against the range.
    """
    if isinstance(value, NearOne):
        value = value.value
    if value is None and allowed.optional:
        return None
    if callable(value) and not isinstance(value, type):
        return as_schedule(value)
    if isinstance(value, jax.Array):
        value = _scalar_array(value, owner, name)
        if not isinstance(value, Tracer):
            require_in_range(float(value), allowed, owner, name)
    else:
        value = _python_float(value, owner, name)
        require_in_range(value, allowed, owner, name)
    return NearOne(value - 1) if allowed.near_one else value


def _scalar_array(value: jax.Array, owner: str, name: str) -> jax.Array:
    if value.shape:
        raise ValueError(
            f"{owner}: {name} must be a scalar, got an array of shape {value.shape}. "
            f"To make one per value, map the constructor over the values with jax.vmap."
        )
    if jnp.issubdtype(value.dtype, jnp.integer):
        return value.astype(float)
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"{owner}: {name} must be a real number, got an array of {value.dtype}.")
    return value.astype(wide(value.dtype))


def _python_float(value: Any, owner: str, name: str) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    real = isinstance(value, numbers.Real | np.floating | np.integer) or (
        isinstance(value, np.generic) and jnp.issubdtype(value.dtype, jnp.floating)
    )
    if not real or isinstance(value, bool | np.bool_):
        shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else f" {value!r:.60}"
        raise TypeError(
            f"{owner}: {name} must be a number, a scalar array or a schedule (a callable of the "
            f"count), got {type(value).__name__}{shape}."
        )
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{owner}: {name} must be finite, got an integer beyond float64.") from None


@pytree(repr=False)
class ForeignSchedule:
    """Any other library's callable of the count, static, evaluated under standard promotion."""

    function: Any = static()

    def __call__(self, count):
        with jax.numpy_dtype_promotion("standard"):
            return self.function(count)

    def __repr__(self) -> str:
        return written(self.function)

    def __reduce__(self):
        return reduced(self, self.function, "schedule", "one of this library's schedules")


def as_schedule(schedule: Any) -> Any:
    """A schedule as a pytree: its own leaves if it has any, else one static callable."""
    if isinstance(schedule, Partial | ForeignSchedule):
        return schedule
    if not jax.tree_util.all_leaves([schedule]):
        return schedule  # a callable pytree, for example an Equinox module
    return ForeignSchedule(schedule)


def _scheduled(schedule: Any, count: Any, label: str) -> jax.Array:
    """The schedule's value at ``count``, which must be a real number."""
    value = schedule(count)
    is_array = isinstance(value, jax.Array | np.ndarray | np.generic)
    dtype = value.dtype if is_array else type(value)
    kinds = (jnp.floating, jnp.integer)
    if dtype not in (int, float) and not (is_array and any(jnp.issubdtype(dtype, k) for k in kinds)):
        name = dtype if is_array else dtype.__name__
        raise TypeError(f"{label} must be a real number, but its schedule returned {name}.")
    return jnp.asarray(value)


def resolve(value: Any, count: Any, dtype: Any, near_one: bool, label: str) -> Any:
    """The hyperparameter's value at ``count`` as a scalar of ``dtype``."""
    if callable(value):
        value = _scheduled(value, count, label)
        value = NearOne(value - 1) if near_one else value
    stored = value.offset if isinstance(value, NearOne) else value
    if jnp.shape(stored):
        raise ValueError(
            f"{label} has shape {jnp.shape(stored)} where a scalar was expected. A stacked "
            f"optimizer is used under jax.vmap, and a schedule returns one number."
        )
    stored = jnp.asarray(stored).astype(dtype)
    return NearOne(stored) if isinstance(value, NearOne) else stored
