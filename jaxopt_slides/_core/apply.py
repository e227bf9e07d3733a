"""Adding updates to parameters."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxopt_slides._core.checks import (
    explain,
    require_float_leaves,
    require_no_complex,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.dtypes import promote
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree


class RowsOnly:
    """The update of some rows of a parameter, which adds itself."""

    def added_to(self, param: Any) -> Any:
        """The parameter with this update in it."""
        raise NotImplementedError


def _is_rows_only(x: Any) -> bool:
    return isinstance(x, RowsOnly)


@public
def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    r"""Adds updates to parameters: the slides' last line, :math:`W \leftarrow W + u`.

    Args:
      params: a tree of floating or complex arrays or numbers; None stands for no parameter.
      updates: a tree of the same structure and shapes, as ``update`` returned it. Where an update has
        the dtype ``float0``, as :func:`masked` gives it to integers, the parameter stays as it is.

    Returns:
      The new parameters, each in its parameter's dtype; the sum is taken in the wider of the two.

    Raises:
      ValueError: the trees differ, with the first leaf that does.
      TypeError: a leaf is an integer, a bool or not a number.
      AssertionError: two shapes differ (from chex).

    Example:
      >>> apply_updates({"w": jnp.ones(2)}, {"w": jnp.array([0.5, -0.5])})
      {'w': Array([1.5, 0.5], dtype=float32)}

    Note:
      optax's function of this name broadcasts and truncates integer parameters silently.
    """
    if any(isinstance(x, Tracer) for t in (params, updates) for x in jax.tree.leaves(t)):
        return _apply(params, updates)
    try:
        return _jitted_apply(params, updates)
    except TypeError:
        _apply(params, updates)  # says it better, where jit refused an argument
        raise
    except (RuntimeError, ValueError) as error:
        explain(error, "apply_updates", params=params, updates=updates)
        raise


def _apply(params: PyTree, updates: PyTree) -> PyTree:
    found, outline = jax.tree.flatten(updates, is_leaf=_is_rows_only)
    if any(map(_is_rows_only, found)):
        try:
            parts = outline.flatten_up_to(params)
        except ValueError as error:
            raise ValueError(
                f"apply_updates: the params are not those of the updates: {error}"
            ) from None
        pairs = zip(parts, found, strict=True)
        return outline.unflatten(
            [u.added_to(w) if _is_rows_only(u) else _apply(w, u) for w, u in pairs]
        )
    leaves, treedef = jax.tree.flatten(params)
    if jax.tree.structure(updates) == treedef and any(map(is_none, jax.tree.leaves(updates))):
        changed = [not is_none(u) for u in jax.tree.leaves(updates)]
        new = iter(jax.tree.leaves(_apply(only(params, changed), only(updates, changed))))
        return treedef.unflatten(next(new) if c else w for w, c in zip(leaves, changed, strict=True))
    require_float_leaves("apply_updates", "params", params)
    require_float_leaves("apply_updates", "updates", updates)
    require_same_tree("apply_updates", "updates", updates, "params", params)
    require_same_shapes("apply_updates", "updates", updates, "params", params)
    require_no_complex("apply_updates", "updates", updates, "params", params)
    return jax.tree.map(add_update, params, updates)


def is_none(u: Any) -> bool:
    """Whether an update says that there is nothing to change."""
    return getattr(u, "dtype", None) == jax.dtypes.float0


def only(tree: PyTree, chosen: list[bool]) -> PyTree:
    """The tree with None for the leaves that are not chosen."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef.unflatten(x if c else None for x, c in zip(leaves, chosen, strict=True))


def add_update(w: jax.Array, u: jax.Array) -> jax.Array:
    """One parameter plus its update, in the parameter's dtype; the sum is taken in the wider."""
    kept, both = jnp.result_type(w), promote(jnp.result_type(w), jnp.result_type(u))
    return (jnp.asarray(w, both) + jnp.asarray(u, both)).astype(kept)


_jitted_apply = jax.jit(_apply)
