"""Ids of rows: what they may be, which rows they mean, and taking and writing these."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxopt_slides._core.one_pass import require_scatters
from jaxopt_slides._core.words import shown


def positions(owner: str, ids: Any, size: int) -> jax.Array:
    """Ids as rows, int32: negatives count from the end, and what is no row becomes ``size``.

    The range is tested in the dtype in which the ids came: 2**32 + 5 is not 5.
    """
    ids = _integers(owner, ids)
    where = np.where if isinstance(ids, np.ndarray) else jnp.where
    if ids.dtype.itemsize < 4:  # their range need not hold ``size``
        ids = ids.astype(np.int32)
    inside = ids < size
    if jnp.issubdtype(ids.dtype, jnp.signedinteger):
        inside &= ids >= -size
        ids = where(ids < 0, ids + size, ids)
    rows = where(inside, ids, ids.dtype.type(0)).astype(np.int32)
    return jnp.asarray(where(inside, rows, np.int32(size)))


def _integers(owner: str, ids: Any) -> Any:
    """The ids as an array of integers, NumPy's unless they are jax's."""
    if not isinstance(ids, jax.Array):
        came = shown(ids)
        try:
            ids = np.asarray(ids)
        except ValueError:
            raise TypeError(f"{owner}: ids must be integers in an array, got {came}.") from None
        if ids.dtype.kind in "OUS":
            raise TypeError(f"{owner}: ids must be integers in an array, got {came}.")
        if not ids.size:
            ids = ids.astype(np.int32)
    if not jnp.issubdtype(ids.dtype, jnp.integer):
        raise TypeError(
            f"{owner}: ids must be integers, got an array of {ids.dtype} of shape {ids.shape}."
            f"{' A mask is no list of ids: take jnp.flatnonzero of it.' if ids.dtype == bool else ''}"
        )
    return ids


def taken(x: jax.Array, ids: jax.Array, fill: Any) -> jax.Array:
    """The rows at ``ids``; ``fill`` where an id is no row."""
    where = _explicit(x)
    if where is None:
        return x.at[ids].get(mode="fill", fill_value=fill)
    spec = PartitionSpec(*jax.typeof(ids).sharding.spec, *where.spec[1:])
    placed = NamedSharding(where.mesh, spec)
    return x.at[ids].get(mode="fill", fill_value=fill, out_sharding=placed)


def written(x: jax.Array, ids: jax.Array, rows: jax.Array) -> jax.Array:
    """The array with these rows at ``ids``; those of no row are dropped."""
    require_scatters()
    where = _explicit(x)
    if where is None:
        return x.at[ids].set(rows, mode="drop")
    return x.at[ids].set(rows, mode="drop", out_sharding=where)


def everywhere(ids: jax.Array) -> jax.Array:
    """The ids on every device: what a step declares, each device looks up among its own rows."""
    where = _explicit(ids)
    return (
        ids if where is None else jax.sharding.reshard(ids, NamedSharding(where.mesh, PartitionSpec()))
    )


def _explicit(x: jax.Array) -> NamedSharding | None:
    """The sharding in the type of an array on a mesh with explicit axes, where results need one too."""
    where: Any = jax.typeof(x).sharding
    return where if AxisType.Explicit in where.mesh.axis_types else None
