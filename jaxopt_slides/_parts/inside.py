"""Updates after which a parameter is inside a bound, whatever is rounded on the way."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.dtypes import promote, wide
from jaxopt_slides._parts.rounding import rounded


class Dtypes(NamedTuple):
    """The real dtypes in which a leaf's parameter is kept and its update is given."""

    kept: Any
    given: Any

    @property
    def computed(self) -> Any:
        """The dtype that holds both, float32 or wider."""
        return wide(promote(self.kept, self.given))


class Leaf(NamedTuple):
    """An update and its parameter, both in one real dtype, and what they are stored in."""

    u: jax.Array
    w: jax.Array
    dtypes: Dtypes


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def at_most(w: jax.Array, bound: jax.Array, dtypes: Dtypes) -> jax.Array:
    """The largest update whose sum with ``w`` is at most ``bound``, after every rounding.

    The bound is first rounded down to a number that the parameter can be. ``bound - w``, rounded, can
    be one number too high; the next below it is not: then the exact sum is at most the bound, and no
    rounding carries it across. Where the sum with the higher one rounds to the bound, that one stays.
    The derivative is that of ``bound - w``.
    """
    nearest = rounded(bound, dtypes.kept)
    bound = _lower(nearest, nearest > bound, dtypes.kept)
    u = rounded(bound - w, dtypes.given)
    return _lower(u, w + u > bound, dtypes.given)


@at_most.defjvp
def _(dtypes: Dtypes, primals: Any, tangents: Any) -> Any:
    return at_most(*primals, dtypes), tangents[1] - tangents[0]


def at_least(w: jax.Array, bound: jax.Array, dtypes: Dtypes) -> jax.Array:
    """The smallest update whose sum with ``w`` is at least ``bound``, after every rounding."""
    return -at_most(-w, -bound, dtypes)


def _lower(x: jax.Array, chosen: jax.Array, dtype: Any) -> jax.Array:
    """``x``, a number of ``dtype``, or where chosen the next number below it."""
    below = jnp.nextafter(x.astype(dtype), jnp.asarray(-jnp.inf, dtype))
    return jnp.where(chosen, below.astype(x.dtype), x)


# Jitted, so that leaves of one shape are traced once.


@functools.partial(jax.jit, static_argnums=2)
def between(leaf: Any, bounds: tuple[Any, Any], dtypes: Dtypes) -> jax.Array:
    """The update, cut where it would leave [low, high]; elsewhere bit for bit, and NaN stays NaN."""
    (u, w), (low, high) = leaf, bounds
    if low is not None:
        least = at_least(w, low, dtypes)
        u = jnp.where(u < least, least, u)
    if high is not None:
        most = at_most(w, high, dtypes)
        u = jnp.where(u > most, most, u)
    return u


@functools.partial(jax.jit, static_argnums=2)
def toward(w: jax.Array, target: jax.Array, dtypes: Dtypes) -> jax.Array:
    """The update to ``target``, or to the next number that is nearer to 0, after every rounding."""
    return jnp.where(target < 0, at_least(w, target, dtypes), at_most(w, target, dtypes))


@functools.partial(jax.jit, static_argnums=2)
def arrival(u: jax.Array, w: jax.Array, dtypes: Dtypes) -> tuple[jax.Array, jax.Array]:
    """The update as it will be given, and the parameter as :func:`apply_updates` will make it."""
    u = rounded(u, dtypes.given)
    both = rounded(w + u, promote(dtypes.kept, dtypes.given))
    return u, rounded(both, dtypes.kept)
