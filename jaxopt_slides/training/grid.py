"""What :func:`sweep` is called with, checked."""

import collections
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.words import as_integer, require_at_least, shown


def points_of(grid: Any) -> collections.OrderedDict[str, jax.Array]:
    """The grid's values as floating arrays ``[n]``, by name."""
    if not isinstance(grid, Mapping) or not all(isinstance(n, str) for n in grid):
        raise TypeError(f"sweep: grid must map names of hyperparameters to values, got {shown(grid)}.")
    if not grid:
        raise ValueError("sweep: the grid is empty; it needs at least one name with its values.")
    axes = collections.OrderedDict()
    for name, values in grid.items():
        x = _axis(f"grid[{name!r}]", values, "real numbers", jnp.floating)
        axes[name] = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
    return axes


def seeds_of(seeds: Any, points: Mapping[str, Any]) -> jax.Array:
    """The seeds as an array ``[n]``."""
    if "seed" in points:
        raise ValueError("sweep: with seeds, the grid cannot have a 'seed' of its own.")
    if as_integer(seeds) is None:
        return _axis("seeds", seeds, "integers or keys", jax.dtypes.prng_key)
    return jnp.asarray(np.arange(require_at_least("sweep", "seeds", seeds, 1)))


def _axis(label: str, values: Any, wanted: str, kind: Any) -> jax.Array:
    """Values as an array ``[n]`` of integers or of the kind."""
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError):
        array = None
    if array is None or not any(jnp.issubdtype(array.dtype, k) for k in (jnp.integer, kind)):
        raise TypeError(f"sweep: {label} must be an array [n] of {wanted}, got {shown(values)}.")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"sweep: {label} must be an array [n] of {wanted}, got shape {array.shape}.")
    return array


def require_call(
    name: str, function: Any, positional: tuple[str, ...], named: Mapping[str, Any]
) -> None:
    """The function must take these arguments, as far as its signature tells."""
    if not callable(function):
        raise TypeError(f"sweep: {name} must be a function, got {shown(function)}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        call = ", ".join([*positional, *(f"{n}=..." for n in named)])
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        takes = signature.replace(parameters=bare, return_annotation=signature.empty)
        message = f"sweep: {name} is called as {name}({call}), but takes {takes}: {error}."
        raise TypeError(message) from None


def require_ends(make_optimizer: Callable[..., Any], points: Mapping[str, jax.Array]) -> None:
    """The constructor must take the ends of every axis as numbers, the range of which it checks."""
    arrays = {name: np.asarray(x) for name, x in points.items()}  # NumPy compiles nothing
    first = {name: float(x[0]) for name, x in arrays.items()}
    for name, x in arrays.items():
        for end in (x.min(), x.max()):
            tx = make_optimizer(**first | {name: float(end)})
            as_halves("sweep: what make_optimizer returns", tx)
