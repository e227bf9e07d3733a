"""The wrapper that updates the touched rows of a table, and lets the others coast."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.assertions import Flags, enabled, require
from jaxopt_slides._core.checks import require_class
from jaxopt_slides._core.dtypes import cast, dtypes_of, full_like, widen, widest
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import halves, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import require_at_least
from jaxopt_slides._parts.checked import Checked, CheckedState
from jaxopt_slides.rows import _maps
from jaxopt_slides.rows._course import Course, LazyState, TableState, course, rotating
from jaxopt_slides.rows._ids import written
from jaxopt_slides.rows._table import Table, View, parts_of, plain, tables_of
from jaxopt_slides.rows._updates import as_updates, caught_up, matching


@pytree(repr=False)
class Lazy(Wrapper):
    """Runs the inner transformation on the declared rows of every table, brought up to date."""

    inner: Node
    horizon: int | None = static(default=None)
    name = "lazy"
    state_type = LazyState
    own_trees = True

    @property
    def idle(self) -> str:
        return "is outermost: wrap the whole chain in rows.lazy"

    def init(self, params: PyTree) -> LazyState:
        arrays = plain(params, lambda t: t.values)
        inner_state = self.inner.init(arrays)
        tables = {}
        for path, part in parts_of(params)[0]:
            if isinstance(part, Table):
                if part.name in tables:
                    raise ValueError(
                        f"lazy: two tables are called {part.name!r}; names must be unique."
                    )
                way = course(self._unscheduled(), arrays, inner_state, path, part.name)
                tables[part.name] = self._start(part, way)
        return LazyState(jnp.zeros((), jnp.int32), inner_state, tables)

    def _unscheduled(self) -> "Lazy":
        """This half, which does not know of schedules, as if it had a horizon."""
        return dataclasses.replace(self, horizon=1)

    def _start(self, part: Table, way: Course) -> TableState:
        values = jnp.asarray(part.values)
        rows = values.sum(axis=tuple(range(1, values.ndim)))  # their shape, and where they lie
        stamps = full_like(rows, accumulator=True).astype(jnp.int32)
        dtype, zero = widest(values), jnp.zeros((), jnp.int32)
        if not way.pattern.pairs:
            return TableState(stamps, (), None, None)
        if self.horizon is None:
            return TableState(stamps, _maps.started(way.pattern, dtype, None), zero, None)
        maps = _maps.started(way.pattern, dtype, _maps.ring_length(self.horizon))
        return TableState(stamps, maps, None, zero)

    def require_state(self, state: PyTree) -> None:
        require_class(self.name, state, LazyState)
        _require_states(self.inner, state.inner_state)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        self.require_state(state)
        views = matching(updates, context.params)
        if isinstance(self.inner, Checked) and enabled():
            _require_known(f"checked({self.inner.inner.name})", updates, state.clock)
        gradients = plain(updates, lambda g: g.values)
        arrays = plain(context.params, caught_up)
        leaves, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, state.inner_state))
        courses = {v.name: course(self, arrays, state.inner_state, p, v.name) for p, v in views}
        rows = list(leaves)
        for _, view in views:
            for i, x in zip(courses[view.name].columns, view.states, strict=True):
                rows[i] = x
        extra = {n: plain(x, lambda g: getattr(g, "values", g)) for n, x in context.extra.items()}
        params = None if context.params is None else arrays
        inner = Context(params, dtypes_of(gradients), extra)
        wide, new = self.inner.update(jax.tree.map(widen, gradients), treedef.unflatten(rows), inner)
        new_leaves, tables = jax.tree.leaves(new), dict(state.tables)
        for path, view in views:
            way, g = courses[view.name], dict(jax.tree_util.tree_leaves_with_path(gradients))[path]
            tables[view.name] = self._after(way, state, view, leaves, g)
            for i in way.columns:
                new_leaves[i] = written(leaves[i], view.target, new_leaves[i])
        narrow = wide if self.inner.keeps_wide else cast(wide, inner.dtypes)
        fresh = {view.name: view.clock == state.clock for _, view in views}
        state = LazyState(state.clock + 1, treedef.unflatten(new_leaves), tables)
        return as_updates(context.params, wide, narrow, courses, fresh), state

    def _after(
        self, way: Course, state: LazyState, view: View, leaves: list[Any], g: Any
    ) -> TableState:
        """The table's own state after a step in which the view's rows were touched."""
        table, count = state.tables[view.name], len(view.ids)
        now = state.clock + 1 + _maps.opaque_zero(g, count)
        stamps = written(view.slots, view.ids, now)
        if not way.pattern.pairs:
            return table._replace(stamps=stamps)
        step = way.now(leaves, table.maps[0].dtype)
        maps, since = _maps.after_step(way.pattern, table, step, state.clock)
        next_row = table.next_row
        if next_row is not None:
            next_row = (next_row + rotating(self.horizon, len(stamps))) % len(stamps)
        return TableState(stamps, maps, since, next_row)

    def __repr__(self) -> str:
        return f"rows.lazy({self.inner!r}{'' if self.horizon is None else f', horizon={self.horizon}'})"


def _require_known(owner: str, gradients: PyTree, step: Any) -> None:
    """Asserts that the loss has read no id that was not declared."""
    watched = [g for _, g in parts_of(gradients)[0] if getattr(g, "astray", None) is not None]
    if watched:
        ok = jnp.stack([g.astray == 0 for g in watched])
        texts = [
            f"{owner}: at {{step}} the loss has read ids of table {g.name!r} that were not declared, "
            f"or are out of its range"
            for g in watched
        ]
        require(owner, Flags(ok, jnp.zeros(ok.shape)), step, lambda: texts, finite=False)


def _require_states(node: Node, state: PyTree) -> None:
    node.require_state(state)
    for (_, child), s in zip(node.children(), node.substates(state), strict=True):
        _require_states(child, s)


def is_lazy(tx: Any) -> bool:
    """Whether the optimizer is one that :func:`lazy` made."""
    nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
    return nodes is not None and isinstance(nodes[1], Lazy)


def require_declared(owner: str, tx: Any, params: PyTree, ids: Any) -> None:
    """Tables need an optimizer that knows of them, and the ids at which a batch reads them."""
    tables = [t.name for t in tables_of(params)]
    if ids is not None and not tables:
        raise TypeError(
            f"{owner}: ids says which rows a batch reads, and the params have no table. Mark one with "
            f"rows.table(values, name), or leave ids out."
        )
    if tables and not is_lazy(tx):
        raise TypeError(
            f"{owner}: the params have the tables {tables}, so tx and the state must be those of "
            f"rows.lazy: tx = rows.lazy(...), state = tx.init(params)."
        )
    if tables and ids is None:
        raise TypeError(
            f"{owner}: the params have the tables {tables}; say which of their rows a batch reads, "
            f"such as ids=lambda batch: {{{tables[0]!r}: batch}}."
        )


def update_with_assertions(
    tx: Any, gradients: PyTree, state: LazyState, view: PyTree, extra: dict
) -> Any:
    """One update with :func:`checked` inside the optimizer."""
    both: Any = halves(tx)
    inside = [dataclasses.replace(half, inner=Checked(half.inner)) for half in both]
    asserted = state._replace(inner_state=CheckedState(state.clock, state.inner_state))
    updates, new = transformation(*inside).update(gradients, asserted, view, **extra)
    return updates, new._replace(inner_state=new.inner_state.inner_state)


@public
def lazy(inner: Any, *, horizon: int | None = None) -> GradientTransformation:
    r"""Updates the rows of tables that a step touches, on the trajectory of a dense optimizer.

    A row that nothing touched for k steps is brought up to date just before it is read: with
    :math:`M` the linear map that one step without gradient is to (weight, state), by
    :math:`M^k` (:math:`\mathrm{cache} \leftarrow \beta^k\, \mathrm{cache}` of RMSProp, a displacement
    by :math:`\mu (1 - \mu^k) / (1 - \mu)\, p` of momentum). Work and memory traffic of a step are in
    proportion to the rows it touches. Arrays beside tables are updated as ever.

    Args:
      inner: the optimizer. What a table goes through in it must be linear when its gradient is zero:
        the slides' rules, their parts, clipping by norm and weight decay are, in the usual orders;
        Adam is not. :func:`partition` may send tables and other arrays to different rules.
      horizon: None, if an idle step does the same at every count. With a number of steps it may change,
        by schedules or by :func:`with_hyperparams`: every row is then brought up to date at least once
        in so many steps, ``rows / horizon`` of them in every step.

    Returns:
      A transformation, to stand outermost. ``init`` takes parameters with tables in them, ``update``
      the gradients of :func:`value_and_grad` and the view of :func:`read`.

    Raises:
      TypeError: ``inner`` is no transformation.
      ValueError: a horizon below 1; from ``init`` or ``read``, a table that cannot coast, with the
        member's name, or needs a horizon.

    Example:
      >>> from jaxopt_slides import rows
      >>> tx = rows.lazy(momentum(0.5, mu=0.5))
      >>> params = {"embed": rows.table(jnp.zeros((4, 1)), "embed")}
      >>> state = tx.init(params)
      >>> for ids in [[0, 3], [3], [3]]:
      ...     view = rows.read(tx, params, state, {"embed": ids})
      ...     loss = lambda p: jnp.sum(p["embed"][jnp.array(ids)])
      ...     _, gradients = rows.value_and_grad(loss)(view)
      ...     updates, state = tx.update(gradients, state, view)
      ...     params = apply_updates(params, updates)
      >>> rows.current(tx, params, state)["embed"][:, 0]  # row 0 rolled on for two steps
      Array([-0.875, 0. , 0. , -2.125], dtype=float32)

    Note:
      Sparse optimizers elsewhere (torch's SparseAdam, TensorFlow's and TorchRec's) freeze the state of
      untouched rows, which is another trajectory.
    """
    if horizon is not None:
        horizon = require_at_least("lazy", "horizon", horizon, 1)
    init, update = as_halves("lazy: inner", inner)
    return transformation(Lazy(init, horizon), Lazy(update, horizon))
