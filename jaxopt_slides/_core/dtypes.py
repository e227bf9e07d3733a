"""Widening, narrowing, and state arrays that follow their parameter."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown


@functools.cache
def promote(a: Any, b: Any) -> Any:
    """The dtype that holds both, also where the user has made promotion strict."""
    with jax.numpy_dtype_promotion("standard"):
        return jnp.promote_types(a, b)


def wide(dtype: Any) -> Any:
    """The dtype a rule computes in: float32 or wider, complex if ``dtype`` is."""
    return promote(dtype, jnp.float32)


def real(dtype: Any) -> Any:
    """The dtype of ``abs`` of an array of ``dtype``: what accumulators of squares have."""
    return jnp.finfo(dtype).dtype


def real_floating(owner: str, dtype: Any) -> Any:
    """A real floating dtype that the user named."""
    try:  # np.dtype(None) would be float64, and an array would stand for its own dtype
        unnamed = dtype is None or isinstance(dtype, np.ndarray | np.generic | jax.Array)
        found = jnp.dtype(bool if unnamed else dtype)
    except TypeError:
        found = jnp.dtype(bool)
    if not jnp.issubdtype(found, jnp.floating):
        raise TypeError(f"{owner}: dtype must be a real floating dtype, got {shown(dtype)}.")
    if jax.dtypes.canonicalize_dtype(found) != found:
        raise TypeError(f"{owner}: {found} is not available while jax_enable_x64 is off.")
    return found


def widen(x: Any) -> Any:
    """``x`` in the dtype that a rule computes in; what is not floating stays as it is."""
    dtype = jnp.result_type(x)
    return jnp.asarray(x, wide(dtype)) if jnp.issubdtype(dtype, jnp.inexact) else x


def dtypes_of(tree: PyTree) -> list[Any]:
    """The dtypes of the leaves, in order."""
    return [jnp.result_type(leaf) for leaf in jax.tree.leaves(tree)]


def widest(tree: PyTree) -> Any:
    """The real dtype that holds all leaves' magnitudes, float32 or wider."""
    found = jnp.dtype(jnp.float32)
    for dtype in dtypes_of(tree):
        found = promote(found, real(wide(dtype)))
    return found


def cast(tree: PyTree, dtypes: Sequence[Any]) -> PyTree:
    """The leaves of ``tree`` in ``dtypes``; what is not floating stays as it is."""
    leaves, treedef = jax.tree.flatten(tree)
    pairs = zip(leaves, dtypes, strict=True)
    return treedef.unflatten(
        x.astype(d) if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else x for x, d in pairs
    )


def full_like(w: Any, value: Any = 0.0, *, accumulator: bool = False) -> jax.Array:
    """An array shaped and sharded as ``w`` in its wide dtype, real if an ``accumulator`` of squares.

    Called eagerly, ``jnp.full_like`` keeps the sharding. Under a caller's jit on a mesh with Auto
    axes the compiler would drop it, since a constant depends on no parameter: a choice between two
    equal values, element by element of ``w``, ties the two together and costs nothing later.
    """
    dtype = wide(jnp.result_type(w))
    if accumulator:
        dtype = real(dtype)
    if isinstance(value, jax.Array):
        value = value.astype(dtype)
    s = jnp.full_like(w, value, dtype=dtype)
    return jnp.where(w == w, s, s) if isinstance(w, Tracer) else s  # noqa: PLR0124 (a dependency)


def fresh(x: Any, dtype: Any = None) -> jax.Array:
    """A copy of ``x``: never the same buffer, which could not be donated twice.

    NumPy's memory is copied before jax sees it, which may read it after this call has returned, when
    its owner writes into it again.
    """
    return jnp.array(np.array(x) if isinstance(x, np.ndarray) else x, dtype, copy=True)


def copy_of(w: Any) -> jax.Array:
    """A copy of ``w`` in its wide dtype."""
    return fresh(w, wide(jnp.result_type(w)))


@jax.jit
def either(chosen: jax.Array, x: jax.Array, other: Any) -> jax.Array:
    """``x`` or ``other``; jitted, as the two below, so that leaves of one shape are traced once."""
    return jnp.where(chosen, x, other)


@jax.jit
def or_nothing(chosen: jax.Array, x: jax.Array) -> jax.Array:
    """``x``, or the update that changes no weight."""
    return jnp.where(chosen, x, nothing_like(x))


@jax.jit
def is_finite(x: jax.Array) -> jax.Array:
    """Whether every element is finite."""
    return jnp.isfinite(x).all()


def nothing_like(x: jax.Array) -> jax.Array:
    """The update that changes no weight, bit for bit: -0.0, since -0.0 + 0.0 is 0.0."""
    none = -jnp.zeros_like(x)
    return jnp.where(x == x, none, none)  # noqa: PLR0124 (sharded as x, also where x is a constant)
