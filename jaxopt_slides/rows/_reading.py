"""Reading rows in a step, differentiating by them, and bringing whole tables up to date."""

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.apply import add_update
from jaxopt_slides._core.dtypes import widen
from jaxopt_slides._core.node import is_traced
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides._parts.checked import Checked
from jaxopt_slides.rows import _maps
from jaxopt_slides.rows._course import Course, LazyState, TableState, course, rotating
from jaxopt_slides.rows._ids import everywhere, positions, taken, written
from jaxopt_slides.rows._lazy import Lazy
from jaxopt_slides.rows._table import RowGradients, Table, View, parts_of, plain, watched

LARGE = 2**24  # bytes of a table from which on an eager step is worth a warning


def lazy_of(owner: str, tx: Any) -> Lazy:
    nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
    if nodes is None or not isinstance(nodes[1], Lazy):
        raise TypeError(
            f"{owner}: expected the optimizer that rows.lazy returned, got {shown(tx, 80)}."
        )
    return nodes[1]


def tables_by_name(owner: str, params: PyTree, state: PyTree) -> dict[str, tuple[Any, Table]]:
    """The tables by name, with their paths."""
    found = {part.name: (path, part) for path, part in parts_of(params)[0] if isinstance(part, Table)}
    if not isinstance(state, LazyState):
        raise TypeError(
            f"{owner}: expected the LazyState that init returned, got {type(state).__name__}."
        )
    if list(found) != list(state.tables):
        raise ValueError(
            f"{owner}: the params have the tables {list(found)}, and the state those of "
            f"{list(state.tables)}. Was this state made for other params?"
        )
    return found


@public
def read(tx: GradientTransformation, params: PyTree, state: PyTree, ids: Mapping[str, Any]) -> PyTree:
    """The parameters as one step sees them: of every table the rows that it declares, up to date.

    Args:
      tx: what :func:`lazy` returned.
      params: the parameters, tables among them.
      state: the optimizer's state.
      ids: by the name of each table the ids that the loss will read: integers in an array of any
        shape, or a list of such arrays. Repeated ids are welcome; negative ones count from the end.

    Returns:
      The parameters with a view in the place of every table: ``params["embed"][ids]`` in the loss
      stays as it is. An id that is out of range or was not declared reads NaN and is never written.

    Raises:
      ValueError: no such table, or a table without ids; called eagerly, rows that lag behind a
        change of the optimizer.
      TypeError: ids that are no integers, or another optimizer.

    Example:
      >>> tx = jos.rows.lazy(adagrad(0.1))
      >>> params = {"embed": jos.rows.table(jnp.ones((5, 2)), "embed")}
      >>> view = jos.rows.read(tx, params, tx.init(params), {"embed": [jnp.array([1, 1]), [4]]})
      >>> view["embed"][jnp.array([4, 0])]
      Array([[ 1.,  1.],
             [nan, nan]], dtype=float32)
    """
    node, tables = lazy_of("read", tx), tables_by_name("read", params, state)
    if not isinstance(ids, Mapping) or ids.keys() != tables.keys():
        came = list(ids) if isinstance(ids, Mapping) else shown(ids)
        raise ValueError(f"read: ids must be given for the tables {list(tables)}, got {came}.")
    declared = {name: _declared(name, ids[name], len(t.values)) for name, (_, t) in tables.items()}
    if is_traced(tx, params, state, declared):
        return _read(node, params, state, declared)
    warn_of_copies([t for _, t in tables.values()], "outside jit")
    view = _jitted_read(node, params, state, declared)
    if late := [v.name for _, v in parts_of(view)[0] if isinstance(v, View) and v.lost.any()]:
        raise ValueError(too_late("read", late[0]))
    return view


def too_late(owner: str, name: str) -> str:
    return (
        f"{owner}: table {name!r} has rows that lag behind a change of the hyperparameters. "
        f"Call rows.flush(tx, params, state) before a change, or make the optimizer with a horizon."
    )


def _declared(name: str, ids: Any, rows: int) -> jax.Array:
    """All ids of a table as rows ``[declared]``."""
    several = ids if isinstance(ids, list | tuple) and any(hasattr(x, "shape") for x in ids) else [ids]
    found = [everywhere(positions(f"read: table {name!r}", x, rows)).ravel() for x in several]
    nothing = jnp.full((1,), rows, jnp.int32)  # an id of no row, so that no array is empty
    return jnp.concatenate(found) if sum(map(len, found)) else nothing


_warned: set[str] = set()


def warn_of_copies(tables: list[Table], how: str) -> None:
    """Says once of every large table that a step copies it, and how not to."""
    for t in tables:
        size = t.values.size * t.values.dtype.itemsize
        if size >= LARGE and t.name not in _warned:
            _warned.add(t.name)
            warnings.warn(
                f"table {t.name!r} has {size / 2**20:.0f} MiB, and a step {how} copies all of it. Use "
                f"make_step or fit, or jax.jit of the whole step with params and state donated.",
                stacklevel=4,
            )


def _read(node: Lazy, params: PyTree, state: LazyState, declared: dict[str, jax.Array]) -> PyTree:
    node.require_state(state)
    arrays = plain(params, lambda t: t.values)
    found, treedef = parts_of(params)
    parts = []
    for path, part in found:
        if isinstance(part, Table):
            way = course(node, arrays, state.inner_state, path, part.name)
            part = _view(node, way, part, state, declared[part.name])
        parts.append(part)
    view = treedef.unflatten(parts)
    return watched(view) if isinstance(node.inner, Checked) else view


_jitted_read = jax.jit(_read)


def _view(node: Lazy, way: Course, part: Table, state: LazyState, ids: jax.Array) -> View:
    own = jax.tree.map(jnp.asarray, state.tables[part.name])
    rows = len(part.values)
    if own.next_row is not None:
        turn = jnp.arange(rotating(node.horizon, rows), dtype=jnp.int32)
        ids = jnp.concatenate([ids, (own.next_row + turn) % rows])
    stamps = taken(own.stamps, ids, 0)
    stamps = jnp.where(ids < rows, stamps, state.clock)
    places = jnp.arange(len(ids), dtype=jnp.int32)
    # The sum with what was read is a dependency, without which the stamps would be copied.
    later = places + jnp.minimum(state.clock - stamps, 0)
    slots = written(own.stamps, ids, later)
    first = taken(slots, ids, -1) == places
    target = jnp.where(first, ids, rows)
    leaves = jax.tree.leaves(jax.tree.map(jnp.asarray, state.inner_state))
    raw, *states = (taken(x, target, 0) for x in (part.values, *(leaves[i] for i in way.columns)))
    moved, states, lost = brought(way, own, state.clock, stamps, raw, states)
    kept = raw if moved is None else add_update(raw, moved)
    return View(kept, ids, target, slots, raw, moved, tuple(states), lost, state.clock, part.name)


def brought(way: Course, own: TableState, clock: Any, stamps: Any, raw: Any, states: list[Any]):
    """The displacement of rows (None if nothing moves), their states now, and which are lost."""
    if not way.pattern.pairs:
        return None, states, jnp.zeros((), bool)
    total, lost = _maps.until_now(way.pattern, own, clock, stamps)
    wide = [widen(x) for x in states]
    moved, *new = way.pattern.apply(total, [widen(raw), *wide])
    new = [x.astype(s.dtype) for x, s in zip(new, states, strict=True)]
    return moved if way.moves else None, new, lost.any()


@public
def value_and_grad(
    loss: Callable[..., Any], *, has_aux: bool = False
) -> Callable[..., tuple[Any, PyTree]]:
    """The loss and its gradients, of tables those of the rows in the view.

    Args:
      loss: ``loss(params, *args, **kwargs)``, a scalar, or ``(scalar, aux)`` with ``has_aux``.
      has_aux: the loss returns ``(loss, aux)``.

    Returns:
      A function of a view and the loss's other arguments that returns ``(loss, gradients)``, or
      ``((loss, aux), gradients)``. Gradients of one row that was read several times are summed.

    Raises:
      TypeError: a loss that cannot be called; parameters with a table that :func:`read` has not made
        a view.

    Example:
      >>> tx = jos.rows.lazy(sgd(0.1))
      >>> params = {"embed": jos.rows.table(jnp.ones((5, 1)), "embed")}
      >>> view = jos.rows.read(tx, params, tx.init(params), {"embed": [2, 2]})
      >>> square = lambda p: jnp.sum(p["embed"][jnp.array([2, 2])] ** 2)
      >>> loss, gradients = jos.rows.value_and_grad(square)(view)
      >>> loss, gradients["embed"].values.sum()
      (Array(2., dtype=float32), Array(4., dtype=float32))
    """
    if not callable(loss):
        raise TypeError(f"value_and_grad: loss must be a function of the params, got {shown(loss)}.")

    def both(view: PyTree, /, *args: Any, **kwargs: Any) -> tuple[Any, PyTree]:
        found, treedef = parts_of(view)
        if unread := [part.name for _, part in found if isinstance(part, Table)]:
            raise TypeError(
                f"value_and_grad: table {unread[0]!r} has not been read; take the gradients of what "
                f"rows.read(tx, params, state, ids) returns."
            )
        parts = [part for _, part in found]
        inputs = [(p.rows, p.astray) if isinstance(p, View) else p for p in parts]

        def of_inputs(inputs):
            pairs = zip(parts, inputs, strict=True)
            return loss(treedef.unflatten(_with_rows(p, x) for p, x in pairs), *args, **kwargs)

        value, gradients = jax.value_and_grad(of_inputs, has_aux=has_aux)(inputs)
        pairs = zip(parts, gradients, strict=True)
        return value, treedef.unflatten(
            RowGradients(g[0], p.name, g[1]) if isinstance(p, View) else g for p, g in pairs
        )

    return both


def _with_rows(part: Any, inputs: Any) -> Any:
    """The view with other rows, and nothing else in it that is differentiated by."""
    if not isinstance(part, View):
        return inputs
    fixed = jax.tree.map(jax.lax.stop_gradient, part)
    return dataclasses.replace(fixed, rows=inputs[0], astray=inputs[1])
