"""Ids of rows: what they may be, and which rows they mean."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
