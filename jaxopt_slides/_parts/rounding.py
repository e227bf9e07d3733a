"""Rounding to a narrower dtype: to nearest, or at random."""

from typing import Any

import jax
import jax.numpy as jnp


def step_between(w: jax.Array, r: jax.Array) -> jax.Array:
    """What leads from ``w`` to ``r``; between two zeros r, since only -0.0 leaves -0.0 as it is."""
    return jnp.where((w == 0) & (r == 0), r, r - w)


def _in_range(x: jax.Array, dtype: Any) -> jax.Array:
    """``x`` no further from 0 than the largest number of ``dtype``; an infinity stays one."""
    most = jnp.finfo(dtype).max.astype(x.dtype)
    return jnp.where(jnp.isfinite(x), jnp.clip(x, -most, most), x)


def rounded(x: jax.Array, dtype: Any) -> jax.Array:
    """``x`` rounded to ``dtype``, in its own dtype."""
    if dtype == x.dtype:
        return x
    return _rounded(_in_range(x, dtype), dtype).astype(x.dtype)


def _rounded(x: jax.Array, dtype: Any) -> jax.Array:
    """``x`` in ``dtype``; XLA may not take this and the widening after it for nothing."""
    return jax.lax.optimization_barrier(x.astype(dtype))


def stochastically_rounded(
    key: jax.Array, leaves: list[jax.Array], dtypes: list[Any]
) -> list[jax.Array]:
    """Each leaf as one of its two neighbours in a narrower dtype, the nearer the likelier.

    The mean over keys is the leaf itself, and so is the derivative: one. Leaves of one shape draw
    their numbers together, since each drawing takes long to compile.
    """
    shapes: dict[Any, list[int]] = {}
    for i, (x, d) in enumerate(zip(leaves, dtypes, strict=True)):
        if x.dtype != d:
            shapes.setdefault((x.shape, x.dtype), []).append(i)
    rounded = list(leaves)
    for n, ((shape, dtype), members) in enumerate(shapes.items()):
        draws = jax.random.uniform(jax.random.fold_in(key, n), (len(members), *shape), dtype)
        for i, draw in zip(members, draws, strict=True):
            x = leaves[i]
            step = _neighbour(draw, jax.lax.stop_gradient(x), dtypes[i])
            exact = (step == x) | ~jnp.isfinite(x)
            rounded[i] = jnp.where(exact, x, x + (step - jax.lax.stop_gradient(x)))
    return rounded


def _neighbour(draw: jax.Array, x: jax.Array, dtype: Any) -> jax.Array:
    """The lower or the upper neighbour of ``x`` in ``dtype``, in the dtype of ``x``."""
    x = _in_range(x, dtype)
    nearest = _rounded(x, dtype)
    up, down = jnp.asarray(jnp.inf, dtype), jnp.asarray(-jnp.inf, dtype)
    below = nearest.astype(x.dtype) <= x
    low = jnp.where(below, nearest, jnp.nextafter(nearest, down)).astype(x.dtype)
    high = jnp.where(below, jnp.nextafter(nearest, up), nearest).astype(x.dtype)
    share = (x - low) / jnp.where(high > low, high - low, 1)
    return jnp.where(draw < share, high, low)
