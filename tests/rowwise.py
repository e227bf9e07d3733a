"""Tables updated row by row, side by side with dense arrays: what the tests of rows share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from jaxopt_slides import rows


class Feed(NamedTuple):
    """What every step of an open loop is given; numbers that float32 holds.

    Attributes:
      start: ``[rows, width]``, the table.
      ids: ``[steps, declared]``.
      pushes: ``[steps, declared, width]``, the gradient at each place of ``ids``.
      dense: ``[steps, 64]``, the gradient of the parameter beside the table.
    """

    start: np.ndarray
    ids: np.ndarray
    pushes: np.ndarray
    dense: np.ndarray


def feed(size: int, width: int, steps: int, declared: int = 16, seed: int = 0) -> Feed:
    """Zipf's ids: gaps from none to nearly all steps, repeats in a step, and rows never touched."""
    rng = np.random.default_rng(seed)
    chances = 1 / np.arange(1, size + 1)
    drawn = rng.choice(size, (steps, declared), p=chances / chances.sum())
    ids = rng.permutation(size)[drawn].astype(np.int32)

    def of_many_sizes(*shape):
        return (rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 1, shape)).astype(np.float32)

    start = rng.normal(size=(size, width)).astype(np.float32)
    return Feed(start, ids, of_many_sizes(steps, declared, width), of_many_sizes(steps, 64))


def pushed(params, ids, push, dense):
    """A loss whose gradients are what the feed says."""
    return jnp.sum(params["e"][ids] * push) + jnp.sum(params["w"] * dense)


def dense_step(tx, loss, params, state, *args):
    """One step of the dense optimizer."""
    value, gradients = jax.value_and_grad(loss)(params, *args)
    updates, state = tx.update(gradients, state, params)
    return jos.apply_updates(params, updates), state, value


def lazy_step(tx, loss, ids, params, state, *args):
    """One step of the lazy optimizer, which reads the rows ``ids`` (by table)."""
    view = rows.read(tx, params, state, ids)
    value, gradients = rows.value_and_grad(loss)(view, *args)
    updates, state = tx.update(gradients, state, view)
    return jos.apply_updates(params, updates), state, value


def settled(tx, params, state):
    """The parameters and the optimizer's own state with every row up to date, all dense arrays."""
    params, state = rows.flush(tx, params, state)
    tables = jax.tree.map(
        lambda p: p.values if isinstance(p, rows.Table) else p, params, is_leaf=is_table
    )
    return tables, state.inner_state


def is_table(x):
    return isinstance(x, rows.Table)


def both_ways(tx: Any, horizons: Any, numbers: Feed, dtype: Any) -> tuple[Any, list[Any]]:
    """Parameters and state after all steps: of the dense optimizer, and of lazy ones by horizon."""
    start, ids, pushes, dense = (
        jnp.asarray(x) if x.dtype == np.int32 else jnp.asarray(x, dtype) for x in numbers
    )
    w = jnp.zeros(dense.shape[1:], dtype)
    lazies = [rows.lazy(tx, horizon=h) for h in horizons]
    params, table = {"e": start, "w": w}, {"e": rows.table(start, "e"), "w": w}
    begun = [(params, tx.init(params)), *((table, lz.init(table)) for lz in lazies)]

    def body(carry, step):
        (p, s), *others = carry
        new = [dense_step(tx, pushed, p, s, *step)[:2]]
        for lz, (p, s) in zip(lazies, others, strict=True):
            new.append(lazy_step(lz, pushed, {"e": step[0]}, p, s, *step)[:2])
        return new, None

    (first, *others), _ = jax.lax.scan(body, begun, (ids, pushes, dense))
    return first, [settled(lz, p, s) for lz, (p, s) in zip(lazies, others, strict=True)]


def as_tables(arrays: dict[str, Any], names: Any) -> dict[str, Any]:
    return {n: rows.table(x, n) if n in names else x for n, x in arrays.items()}


def lazily(tx, horizon, loss, arrays, ids_of, batches):
    """The losses of all steps, then parameters and state of the lazy optimizer, and itself."""
    declared = ids_of(jax.tree.map(lambda x: x[0], batches))
    lz, tables = rows.lazy(tx, horizon=horizon), as_tables(arrays, declared)

    def body(carry, batch):
        *carry, value = lazy_step(lz, loss, ids_of(batch), *carry, batch)
        return tuple(carry), value

    end, losses = jax.lax.scan(body, (tables, lz.init(tables)), batches)
    return losses, *end, lz


def densely(tx, loss, arrays, batches):
    """The losses of all steps, then parameters and state, of the dense optimizer."""

    def body(carry, batch):
        *carry, value = dense_step(tx, loss, *carry, batch)
        return tuple(carry), value

    arrays = jax.tree.map(jnp.asarray, arrays)
    end, losses = jax.lax.scan(body, (arrays, tx.init(arrays)), batches)
    return losses, *end


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """Every floating array of a tree by its path, in float64."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path): np.asarray(x, np.float64)
        for path, x in found
        if jnp.issubdtype(x.dtype, jnp.floating)
    }


def deviation(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b| / (|b| + 1e-3 max|b|)."""
    size = np.abs(b).max(initial=0)
    return float((np.abs(a - b) / (np.abs(b) + 1e-3 * size + np.finfo(np.float64).tiny)).max(initial=0))


def require_equal(lazily: Any, dense: Any, most: float = 1e-12) -> float:
    """Compares every array, and every count; returns the largest deviation."""
    assert jax.tree.structure(lazily) == jax.tree.structure(dense)
    for x, y in zip(jax.tree.leaves(lazily), jax.tree.leaves(dense), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        if not jnp.issubdtype(y.dtype, jnp.floating):
            np.testing.assert_array_equal(x, y)
    ours, theirs = arrays_of(lazily), arrays_of(dense)
    found = {name: deviation(ours[name], theirs[name]) for name in theirs}
    worst = max(found, key=lambda name: (np.isnan(found[name]), found[name]))
    assert found[worst] <= most, f"{worst} is off by {found[worst]:.2g}"
    return found[worst]
