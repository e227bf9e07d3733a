"""Leaves of a tree against a framework's list of parameters."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown


def name_of(path: Any) -> str:
    """A leaf's path with dots, as frameworks write it."""
    keys = (next(getattr(k, a) for a in ("key", "name", "idx") if hasattr(k, a)) for k in path)
    return ".".join(map(str, keys)) or "the only leaf"


SQUARES = ("mean_square", "sum_of_squares", "mean_square_update")  # real and never negative
MOST_STEPS = 2**31 - 1  # a count is an int32


def order_of(
    owner: str, params: PyTree, names: Sequence[str] | None, source: str = "names"
) -> list[int]:
    """For each of the framework's parameters, in its order, which leaf of ``params`` it is.

    Without names that is the order of the leaves. A dict's is the alphabet's, which a framework does
    not share; where shapes could not tell, names have to. ``source`` says where they are from.
    """
    paths = jax.tree_util.tree_leaves_with_path(params)
    known = [name_of(path) for path, _ in paths]
    if names is not None:
        return _named(owner, known, names, source)
    shapes = [np.shape(x) for _, x in paths]
    in_dict = [any(isinstance(k, jax.tree_util.DictKey) for k in path) for path, _ in paths]
    for i, shape in enumerate(shapes):
        if shape in shapes[:i] and in_dict[i]:
            twin = shapes.index(shape)
            raise ValueError(
                f"{owner}: {known[twin]} and {known[i]} have one shape, and a dict's leaves are in the "
                f"order of the alphabet: pass names=, all of {known} in the framework's order."
            )
    return list(range(len(paths)))


def _named(owner: str, known: list[str], names: Any, source: str) -> list[int]:
    """For each name, which of the known leaves it is; every leaf has one."""
    if twice := [name for name in known if known.count(name) > 1]:
        raise ValueError(
            f"{owner}: two leaves of params are called {twice[0]}; names cannot tell them apart."
        )
    given = [] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if len(given) != len(known) or any(name not in given for name in known):
        got = shown(given or names)
        hint = "" if source == "names" else " Pass names=, the leaves in that order."
        raise ValueError(
            f"{owner}: {source} must be the leaves {known} in the framework's order, got {got}.{hint}"
        )
    return [known.index(name) for name in given]


def as_number(owner: str, what: str, value: Any) -> float:
    """A framework's number."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"{owner}: {what} must be a number, got {shown(value)}.") from None


def as_steps(owner: str, what: str, value: Any) -> int:
    """A framework's number of steps, which may be a float there."""
    steps = as_number(owner, what, value)
    if not (0 <= steps <= MOST_STEPS and steps == math.floor(steps)):
        raise ValueError(
            f"{owner}: {what} must be a whole number from 0 to 2**31 - 1, got {shown(value)}."
        )
    return int(steps)


def as_array(owner: str, what: str, array: Any, like: Any, field: str) -> np.ndarray:
    """A framework's array as NumPy, of the leaf's shape and of what the field may hold."""
    try:
        array = np.asarray(array)
    except (TypeError, RuntimeError, ValueError) as error:
        raise TypeError(f"{owner}: {what} is not an array that NumPy understands: {error}") from error
    if array.shape != np.shape(like):
        raise ValueError(f"{owner}: {what} has shape {array.shape}, expected {np.shape(like)}.")
    whole = jnp.iscomplexobj(like) and field not in SQUARES
    if not jnp.issubdtype(array.dtype, jnp.complexfloating if whole else jnp.floating):
        kind = "complex" if whole else "real floating"
        raise TypeError(f"{owner}: {what} has dtype {array.dtype}, expected {kind} numbers.")
    if field in SQUARES and (array < 0).any():
        raise ValueError(f"{owner}: {what} has numbers below 0, expected a mean or sum of squares.")
    return array


def require_mapping(owner: str, what: str, value: Any) -> Mapping[Any, Any]:
    """The value, which must be a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{owner}: {what} must be a mapping, got {type(value).__name__}.")
    return value
