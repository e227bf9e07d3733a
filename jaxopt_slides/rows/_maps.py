r"""What the steps without gradient add up to, for every row from its stamp to now.

A row's stamp is the step up to which it has been brought. Without a horizon one map holds since the
step ``since``, and k idle steps are its k-th power. With one, ``maps[s % length]`` is the product of
the maps from step s to now, so that every step may have its own; then come the digits that the sums
among them have lost so far, since adding one number many times rounds the same way every time.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.powers import Entries, Pattern

SAME = 4  # ulps: two programs may round the same map differently


def started(pattern: Pattern, dtype: Any, length: int | None) -> Entries:
    """The maps before the first step."""
    like = tuple(jnp.zeros((), dtype) for _ in pattern.pairs)
    if length is None:
        return pattern.identity(like, ())
    lost = [jnp.zeros((length,), dtype) for _ in pattern.pairs]
    return (*pattern.identity(like, (length,)), *lost)


def until_now(pattern: Pattern, table: Any, clock: Any, stamps: Any) -> tuple[Entries, jax.Array]:
    """The map of every row from its stamp to now, and which rows have none."""
    gap = clock - stamps  # exact also where the count has wrapped around
    if table.since is None:
        length = len(table.maps[0])
        found = table.maps[: len(pattern.pairs)]
        return tuple(m[stamps & (length - 1)] for m in found), jnp.zeros((), bool)
    lost = (gap > 0) & (stamps - table.since < 0)
    found = pattern.powers(table.maps, gap)
    return tuple(jnp.where(lost, jnp.nan, x) for x in found), lost


def after_step(pattern: Pattern, table: Any, now: Entries, clock: Any) -> tuple[Entries, Any]:
    """The maps, and since when they hold, after a step at ``clock`` whose map is ``now``."""
    if table.since is None:
        length = len(table.maps[0])
        maps = _composed(pattern, tuple(x[None] for x in now), table.maps)
        fresh = started(pattern, maps[0].dtype, 1)
        at = (clock + 1) & (length - 1)
        return tuple(m.at[at].set(x[0]) for m, x in zip(maps, fresh, strict=True)), None
    same = [
        jnp.abs(x - m) <= SAME * jnp.finfo(m.dtype).eps * jnp.abs(m)
        for x, m in zip(now, table.maps, strict=True)
    ]
    unchanged = jnp.stack(same).all()
    maps = tuple(jnp.where(unchanged, m, x) for x, m in zip(now, table.maps, strict=True))
    return maps, jnp.where(unchanged, table.since, clock)


def _composed(pattern: Pattern, now: Entries, maps: Entries) -> Entries:
    """One more step for every map, each entry a sum with compensation (Neumaier)."""
    sums, lost = maps[: len(pattern.pairs)], list(maps[len(pattern.pairs) :])
    new = list(pattern.compose(now, sums))
    for n, added in enumerate(pattern.additions(now, sums)):
        if added is not None:
            added = added + lost[n]
            new[n] = sums[n] + added
            virtual = new[n] - sums[n]
            lost[n] = (sums[n] - (new[n] - virtual)) + (added - virtual)
    return (*new, *lost)


def ring_length(horizon: int) -> int:
    """A power of two, so that the place of a stamp does not jump where the count wraps around."""
    return 1 << (horizon - 1).bit_length()


def opaque_zero(x: jax.Array, rows: int) -> jax.Array:
    """0 for every row of ``x``, which the compiler cannot know.

    What is written into a table must depend on what was read from it, or XLA keeps a copy of the
    whole table for the reader.
    """
    first = x.reshape(rows, -1)[:, :1] if x.size else jnp.zeros((rows, 1))
    size = jnp.abs(jax.lax.stop_gradient(first)).astype(jnp.float32)
    known = jnp.where(size < 1e9, size, 0).astype(jnp.int32)  # NaN is not below anything
    return jnp.minimum(known, 0).sum(axis=1, dtype=jnp.int32)
