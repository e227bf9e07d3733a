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
from jaxopt_slides._core.rule import Rule, rule
from jaxopt_slides._parts.scaling import ScaleState


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


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
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


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
class Read(Adapter):
    """Gives a field of the new state for updates, so that laws about updates are about it."""

    inner: Node
    field: Any = dataclasses.field(metadata={"static": True})
    name = "read"

    def update(self, updates, state, context):
        _, state = self.step(updates, state, context)
        return getattr(state, self.field), state


def read(tx, field):
    """The transformation whose updates are a field of its state."""
    return transformation(*(Read(half, field) for half in as_halves("read", tx)))


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
