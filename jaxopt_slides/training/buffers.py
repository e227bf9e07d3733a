"""Buffers that may be donated: nobody else's."""

from typing import Any

import jax

from jaxopt_slides._core.dtypes import fresh
from jaxopt_slides._core.foreign import Foreign
from jaxopt_slides._core.node import Node
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.types import GradientTransformation, PyTree


def copied(tree: PyTree) -> PyTree:
    """Fresh buffers that may be donated, one for every leaf."""
    return jax.tree.map(fresh, tree)


def is_foreign(tx: GradientTransformation) -> bool:
    """Whether any member is another library's, which may hand out arrays that it keeps."""

    def found(node: Node) -> bool:
        return isinstance(node, Foreign) or any(found(child) for _, child in node.children())

    return any(map(found, halves(tx) or ()))


def unshared(tree: PyTree, *others: PyTree) -> PyTree:
    """The tree, its leaves copied where a buffer is another's too, or not known to be its own."""
    seen = {None, *map(_address, jax.tree.leaves(others))}

    def owned(x: Any) -> Any:
        address = _address(x)
        found = fresh(x) if address in seen else x
        seen.add(address)
        return found

    return jax.tree.map(owned, tree)


def _address(x: Any) -> int | None:
    """Where an array of one device lies; None of any other."""
    try:
        return x.unsafe_buffer_pointer() if x.size else None
    except (AttributeError, RuntimeError, ValueError, TypeError):  # NumPy's, a number, in shards, a key
        return None
