"""Bringing whole tables up to date."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.apply import add_update
from jaxopt_slides._core.node import is_traced
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides.rows._course import Course, LazyState, TableState, course
from jaxopt_slides.rows._ids import taken, written
from jaxopt_slides.rows._lazy import Lazy
from jaxopt_slides.rows._reading import brought, lazy_of, tables_by_name, too_late
from jaxopt_slides.rows._table import Table, parts_of, plain

AT_ONCE = 2**14  # rows at a time


@public
def current(tx: GradientTransformation, params: PyTree, state: PyTree) -> PyTree:
    """The parameters as a dense optimizer would have them: every table an array, all rows up to date.

    Args:
      tx: what :func:`lazy` returned.
      params: the parameters, tables among them; they stay as they are.
      state: the optimizer's state.

    Returns:
      The parameters, arrays in place of tables.

    Raises:
      ValueError: called eagerly, rows that lag behind a change of the optimizer; else they read NaN.
      TypeError: another optimizer, or another's state.

    Example:
      >>> tx = jos.rows.lazy(momentum(0.1))
      >>> params = {"embed": jos.rows.table(jnp.ones((2, 1)), "embed")}
      >>> jos.rows.current(tx, params, tx.init(params))["embed"].shape
      (2, 1)
    """
    return plain(_flushed("current", tx, params, state)[0], lambda t: t.values)


@public
def flush(tx: GradientTransformation, params: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
    """Brings every row of every table up to date.

    Before a checkpoint that others read, before hyperparameters change, at the end. It walks the
    whole tables, in place under ``jax.jit`` with params and state donated.

    Args:
      tx: what :func:`lazy` returned.
      params: the parameters, tables among them.
      state: the optimizer's state.

    Returns:
      The params, whose tables no longer lag and may be read directly, and the state.

    Raises:
      ValueError: called eagerly, rows that lag behind a change of the optimizer.
      TypeError: another optimizer, or another's state.

    Example:
      >>> tx = jos.rows.lazy(momentum(0.1))
      >>> params = {"embed": jos.rows.table(jnp.ones((2, 1)), "embed")}
      >>> params, state = jos.rows.flush(tx, params, tx.init(params))
      >>> params["embed"][jnp.array([1])]
      Array([[1.]], dtype=float32)
    """
    return _flushed("flush", tx, params, state)


def _flushed(
    owner: str, tx: Any, params: PyTree, state: PyTree, jitted: Any = None
) -> tuple[PyTree, PyTree]:
    node, tables = lazy_of(owner, tx), tables_by_name(owner, params, state)
    if is_traced(tx, params, state):
        return _flush(node, params, state)[:2]
    params, state, lost = (jitted or _jitted_flush)(node, params, state)
    if late := [name for name, x in zip(tables, lost, strict=True) if x]:
        raise ValueError(too_late(owner, late[0]))
    return params, state


def _flush(node: Lazy, params: PyTree, state: LazyState) -> tuple[PyTree, LazyState, list[Any]]:
    node.require_state(state)
    arrays = plain(params, lambda t: t.values)
    (found, treedef), tables, lost = parts_of(params), dict(state.tables), []
    leaves, outline = jax.tree.flatten(jax.tree.map(jnp.asarray, state.inner_state))
    parts = [part for _, part in found]
    for n, (path, part) in enumerate(found):
        if isinstance(part, Table):
            way, own = course(node, arrays, state.inner_state, path, part.name), state.tables[part.name]
            columns = [leaves[i] for i in way.columns]
            values, columns, stamps, late = _flush_one(way, own, state.clock, part.values, columns)
            parts[n] = Table(values, jnp.zeros_like(part.lag), part.name)
            for i, x in zip(way.columns, columns, strict=True):
                leaves[i] = x
            tables[part.name] = own._replace(stamps=stamps)
            lost.append(late)
    return treedef.unflatten(parts), LazyState(state.clock, outline.unflatten(leaves), tables), lost


def _flush_one(way: Course, own: TableState, clock: Any, values: Any, columns: list[Any]) -> Any:
    """All rows of a table, some at a time: each is read, brought up to date and written in place."""
    rows, some = len(values), min(len(values), AT_ONCE)

    def body(n, carry):
        values, columns, stamps, lost = carry
        ids = n * some + jnp.arange(some, dtype=jnp.int32)
        stamp = jnp.where(ids < rows, taken(stamps, ids, 0), clock)
        raw, *old = (taken(x, ids, 0) for x in (values, *columns))
        moved, new, late = brought(way, own, clock, stamp, raw, old)
        if moved is not None:
            values = written(values, ids, add_update(raw, moved))
        columns = [written(x, ids, y) for x, y in zip(columns, new, strict=True)]
        now = clock + jnp.minimum(clock - stamp, 0)  # depends on what was read: see _maps
        return values, columns, written(stamps, ids, now), lost | late

    start = (values, columns, own.stamps, jnp.zeros((), bool))
    return jax.lax.fori_loop(0, -(-rows // some), body, start)


_jitted_flush = jax.jit(_flush)
_donating = jax.jit(_flush, donate_argnums=(1, 2))


def donating_flush(tx: GradientTransformation, params: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
    """:func:`flush` in the buffers of the params and the state, which are then gone."""
    return _flushed("flush", tx, params, state, _donating)
