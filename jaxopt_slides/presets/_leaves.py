"""Leaves of a tree against a framework's list of parameters."""

from collections.abc import Mapping, Sequence
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


def order_of(owner: str, params: PyTree, names: Sequence[str] | None) -> list[int]:
    """For each of the framework's parameters, in its order, which leaf of ``params`` it is.

    Without names that is the order of the leaves. A dict's is the alphabet's, which a framework does
    not share; where shapes could not tell, names have to.
    """
    paths = jax.tree_util.tree_leaves_with_path(params)
    known = [name_of(path) for path, _ in paths]
    if names is not None:
        if isinstance(names, str) or sorted(map(str, names)) != sorted(known):
            raise ValueError(
                f"{owner}: names must be the leaves {known} in the framework's order, got "
                f"{shown(names)}."
            )
        return [known.index(name) for name in names]
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


def as_array(owner: str, what: str, array: Any, like: Any) -> np.ndarray:
    """A framework's array as NumPy, of the leaf's shape."""
    try:
        array = np.asarray(array)
    except (TypeError, RuntimeError, ValueError) as error:
        raise TypeError(f"{owner}: {what} is not an array that NumPy understands: {error}") from error
    if array.shape != np.shape(like):
        raise ValueError(f"{owner}: {what} has shape {array.shape}, expected {np.shape(like)}.")
    kind = jnp.complexfloating if np.iscomplexobj(like) else jnp.floating
    if not jnp.issubdtype(array.dtype, kind):
        raise TypeError(f"{owner}: {what} has dtype {array.dtype}, expected floating numbers.")
    return array


def require_mapping(owner: str, what: str, value: Any) -> Mapping[Any, Any]:
    """The value, which must be a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{owner}: {what} must be a mapping, got {type(value).__name__}.")
    return value
