"""Adding updates to parameters."""

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxopt_slides._core.checks import (
    require_float_leaves,
    require_no_complex,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.dtypes import promote
from jaxopt_slides._core.types import PyTree


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    r"""Adds updates to parameters: the slides' last line, :math:`W \leftarrow W + u`.

    Args:
      params: a tree of floating or complex arrays or numbers; None stands for no parameter.
      updates: a tree of the same structure and shapes, as ``update`` returned it.

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


def _apply(params: PyTree, updates: PyTree) -> PyTree:
    require_float_leaves("apply_updates", "params", params)
    require_float_leaves("apply_updates", "updates", updates)
    require_same_tree("apply_updates", "updates", updates, "params", params)
    require_same_shapes("apply_updates", "updates", updates, "params", params)
    require_no_complex("apply_updates", "updates", updates, "params", params)
    return jax.tree.map(_add, params, updates)


def _add(w: jax.Array, u: jax.Array) -> jax.Array:
    kept, both = jnp.result_type(w), promote(jnp.result_type(w), jnp.result_type(u))
    return (jnp.asarray(w, both) + jnp.asarray(u, both)).astype(kept)


_jitted_apply = jax.jit(_apply)
