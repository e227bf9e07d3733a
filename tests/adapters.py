"""Nodes that turn a wrapper's special case into an ordinary optimizer of arrays, for cases.py.

They are also what another library would write: nodes of its own, outside the package.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.rule import Rule, rule
from jaxopt_slides._parts.scaling import ScaleState
from jaxopt_slides.rows import lazy, table
from jaxopt_slides.rows._reading import _read as view_of
from jaxopt_slides.rows._table import RowGradients, RowUpdates, Table, View, parts_of


class Adapter(Wrapper):
    """A wrapper without a state of its own."""

    def with_children(self, children):
        return dataclasses.replace(self, inner=children[0])

    def init(self, params):
        return self.inner.init(params)

    def require_state(self, state):
        self.inner.require_state(state)

    def substates(self, state):
        return [state]

    def step(self, updates, state, context):
        step = step_of if self.in_python else type(self.inner).update
        return step(self.inner, updates, state, context)


@pytree(repr=False)
class Halved(Adapter):
    """Shows every array to the inner transformation as two, for masks and labels to choose from."""

    inner: Node
    name = "halved"

    def init(self, params):
        return self.inner.init(split(params))

    def update(self, updates, state, context):
        params = None if context.params is None else split(context.params)
        dtypes = [d for d in context.dtypes for _ in ("head", "tail")]
        new, state = self.step(split(updates), state, Context(params, dtypes, context.extra))
        return joined(new, updates), state


def split(tree):
    """Every array as a dict of its first and its last elements."""

    def of_array(x):
        flat = jnp.ravel(x)
        return {"head": flat[: flat.size // 2], "tail": flat[flat.size // 2 :]}

    return jax.tree.map(of_array, tree)


def joined(parts, like):
    """The arrays of ``split``, in the shapes of ``like``."""
    leaves, treedef = jax.tree.flatten(like)
    pairs = zip(*[iter(jax.tree.leaves(parts))] * 2, strict=True)
    whole = [jnp.concatenate(pair).reshape(jnp.shape(x)) for pair, x in zip(pairs, leaves, strict=True)]
    return treedef.unflatten(whole)


def halved(tx):
    """The transformation on halves."""
    return transformation(*map(Halved, as_halves("halved", tx)))


def in_head(params):
    """The mask of the first halves."""
    return jax.tree.map(lambda part: part == "head", part_of(params))


def part_of(params):
    """The label of every half."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key, params)


@pytree(repr=False)
class Read(Adapter):
    """Gives a field of the new state for updates, so that laws about updates are about it."""

    inner: Node
    field: Any = static()
    name = "read"

    def update(self, updates, state, context):
        _, state = self.step(updates, state, context)
        return getattr(state, self.field), state


def read(tx, field):
    """The transformation whose updates are a field of its state."""
    return transformation(*(Read(half, field) for half in as_halves("read", tx)))


@pytree(repr=False)
class InRows(Adapter):
    """Shows every array as a table, an element a row, of which each step declares all rows."""

    inner: Node
    name = "in_rows"

    def init(self, params):
        return self.inner.init(tables_of(params))

    def update(self, updates, state, context):
        tables = tables_of(updates if context.params is None else context.params)
        parts, treedef = parts_of(tables)
        every = {
            t.name: jnp.arange(len(t.values), dtype=jnp.int32) for _, t in parts if isinstance(t, Table)
        }
        view = view_of(self.inner, tables, state, every)
        leaves = jax.tree.leaves(updates)
        pairs = zip(parts_of(view)[0], leaves, strict=True)
        gradients = treedef.unflatten(_as_rows(v, g) for (_, v), g in pairs)
        new, state = self.step(gradients, state, Context(view, (), context.extra))
        found = jax.tree.leaves(new, is_leaf=lambda x: isinstance(x, RowUpdates))
        changes = [_as_array(u, g) for u, g in zip(found, leaves, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(updates), changes), state


def _as_rows(view, g):
    """The gradient of a whole table as that of a view's rows."""
    if not isinstance(view, View):
        return g
    rows = jnp.zeros((len(view.rows),), jnp.result_type(g))
    return RowGradients(rows.at[view.local(jnp.arange(jnp.size(g)))].set(jnp.ravel(g)), view.name)


def _as_array(update, g):
    """The update of rows, all of them, as that of an array."""
    if not isinstance(update, RowUpdates):
        return update
    zeros = jnp.zeros((jnp.size(g),), update.change.dtype)
    return zeros.at[update.target].set(update.change, mode="drop").reshape(jnp.shape(g))


def tables_of(tree):
    """The arrays as tables."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(tree)
    named = [(jax.tree_util.keystr(path) or "all", x) for path, x in paths]
    return treedef.unflatten(table(jnp.ravel(x), name) if jnp.size(x) else x for name, x in named)


def in_rows(tx, horizon=None):
    """The transformation on rows."""
    return transformation(
        *(InRows(half) for half in as_halves("in_rows", lazy(tx, horizon=horizon), outermost=True))
    )


def is_bad(count):
    """The steps that ``poison`` spoils, two in a row, and none of the first three or last counts."""
    return (count % 7 == 4) | (count % 7 == 5)


@rule
class Poison(Rule):
    """One array: u = NaN where g > 0 in every fifth and sixth of seven steps, else g."""

    name = "poison"
    State = ScaleState

    def start(self, w):
        return ScaleState(0)

    def step(self, g, s):
        return jnp.where(is_bad(s.count) & (g.real > 0), jnp.nan, g), s


def poison():
    """A transformation that spoils some gradients."""
    return lift(Poison())
