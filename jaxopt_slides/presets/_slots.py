"""An optimizer's state by the names of this library's fields, whatever chain of parts keeps it.

Frameworks keep the same few arrays under other names; each framework's module says which. One array
differs in more than its name: the velocity is b with the learning rate outside it, and v = -alpha b
with the learning rate inside it, where alpha is that of the next step. Then the next step is the same.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.lift import Lifted
from jaxopt_slides._core.node import Node
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.rule import value_of
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import as_integer, shown

FAMILIES = {
    "adam": "Adam",
    "adadelta": "Adadelta",
    "mean_square": "RMSProp",
    "sum_of_squares": "Adagrad",
}


class Member(NamedTuple):
    """One rule or part of a chain, and its state."""

    node: Node
    state: Any

    @property
    def fields(self) -> list[str]:
        """The fields of its state that have an array for every leaf."""
        if not isinstance(self.node, Lifted):
            return []
        expected = self.node.expected_state()
        return [f for f in expected._fields[1:] if getattr(expected, f) is not None]

    @property
    def counts(self) -> bool:
        """Whether its next step depends on the count."""
        rule = self.node.rule
        corrected = ("bias_correction", "debias")
        return rule is not None and (
            rule.scheduled or rule.name == "adam" or any(getattr(rule, n, False) for n in corrected)
        )

    def has(self, name: str) -> bool:
        """Whether it has the hyperparameter."""
        rule = self.node.rule
        return rule is not None and name in dict(rule.hyperparameters()) and not rule.absent(name)


class Kept:
    """What a chain keeps, and where.

    Attributes:
      owner: what messages call the conversion.
      members: the rules and parts in order.
      at: by field, such as ``velocity``: the index of the member that keeps it.
      family: the rule that it is, by the name that frameworks share.
    """

    def __init__(self, owner: str, tx: GradientTransformation, state: PyTree):
        nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
        if nodes is None:
            raise TypeError(f"{owner}: expected a transformation of this library, got {shown(tx)}.")
        self.owner, self.node, self.at = owner, nodes[1], {}
        self.members = list(_members(self.node, state))
        for i, member in enumerate(self.members):
            if not isinstance(member.node, Lifted) and not _only_counts(member.state):
                raise ValueError(
                    f"{owner}: {member.node.name} has a state that no framework keeps; convert that of "
                    f"the chain of rules inside it, or outside."
                )
            for field in member.fields:
                if field in self.at:
                    raise ValueError(
                        f"{owner}: {self.node!r:.200} keeps two of {field}; frameworks keep one."
                    )
                self.at[field] = i
        found = {m.node.name for m in self.members} | set(self.at)
        self.family = next((name for key, name in FAMILIES.items() if key in found), "SGD")

    def names(self, framework: str, table: dict[str, dict[str, str]]) -> dict[str, str]:
        """The framework's name of each field that is kept."""
        known = table.get(self.family, {})
        if unknown := [field for field in self.at if field not in known]:
            raise ValueError(f"{self.owner}: {framework}'s {self.family} keeps no {unknown[0]}.")
        return {field: known[field] for field in known if field in self.at}

    @property
    def outside(self) -> bool:
        """Whether the velocity has the learning rate outside."""
        return not any(m.has("learning_rate") for m in self.members[: self.at["velocity"] + 1])

    def number(self, names: Sequence[str], count: int, field: str | None = None) -> float | None:
        """The first of these hyperparameters, at a count, that the member that keeps ``field`` has.

        Without a field, that any member has; None where there is none.
        """
        if field is not None and field not in self.at:
            return None
        members = self.members if field is None else [self.members[self.at[field]]]
        for node, name in ((m.node, n) for m in members for n in names if m.has(n)):
            stored = getattr(node.rule, name)
            if callable(stored):
                stored = getattr(node.rule.at(jnp.asarray(count, jnp.int32), float), name)
            return float(value_of(stored))
        return None

    def velocity_factor(self, outside: bool, count: int, *, into: bool) -> float:
        """What the framework's velocity is multiplied by on its way in, or ours on its way out."""
        if outside == self.outside:
            return 1.0
        rate = self.number(["learning_rate"], count)
        if not rate:
            raise ValueError(
                f"{self.owner}: the velocities differ by the factor of minus the next step's learning "
                f"rate, which is {rate}."
            )
        return -rate if outside == into else -1 / rate

    def step_count(self, found: int | None, given: Any) -> int:
        """The number of steps taken: what the framework says, or the caller."""
        if given is not None and (as_integer(given) is None or given < 0):
            raise TypeError(f"{self.owner}: count must be an integer at least 0, got {shown(given)}.")
        if None not in (found, given) and found != given:
            raise ValueError(f"{self.owner}: count={given}, but the state says {found} steps.")
        known = found if found is not None else given
        if known is None and (needs := [m.node.name for m in self.members if m.counts]):
            raise ValueError(
                f"{self.owner}: the state does not say how many steps were taken, and the next step of "
                f"{needs[0]} depends on it: pass count=."
            )
        return int(known or 0)

    def fill(self, columns: dict[str, list[Any]], count: int) -> PyTree:
        """The state with these arrays, a list of leaves a field, and this count everywhere."""
        states = []
        for i, (_, s) in enumerate(self.members):
            s = jax.tree.map(lambda x: jnp.asarray(count, x.dtype) if _is_count(x) else x, s)
            mine = [f for f, at in self.at.items() if at == i]
            trees = {f: _refilled(getattr(s, f), columns[f]) for f in mine}
            states.append(s._replace(**trees) if trees else s)
        return _rebuilt(self.node, iter(states))

    def leaves(self, field: str) -> list[np.ndarray]:
        """The arrays of a field, as NumPy copies."""
        tree = getattr(self.members[self.at[field]].state, field)
        return [np.array(x) for x in jax.tree.leaves(tree)]

    @property
    def count(self) -> int:
        """The steps taken."""
        counts = [x for m in self.members for x in jax.tree.leaves(m.state) if _is_count(x)]
        return int(counts[0]) if counts else 0


def _is_count(x: Any) -> bool:
    return jnp.ndim(x) == 0 and jnp.issubdtype(jnp.result_type(x), jnp.integer)


def _only_counts(state: PyTree) -> bool:
    return all(map(_is_count, jax.tree.leaves(state)))


def _members(node: Node, state: PyTree) -> Iterator[Member]:
    node.require_state(state)
    if not isinstance(node, Chain):
        yield Member(node, state)
        return
    for child, s in zip(node.members, node.substates(state), strict=True):
        yield from _members(child, s)


def _rebuilt(node: Node, states: Iterator[Any]) -> PyTree:
    if isinstance(node, Chain):
        return node.pack([_rebuilt(child, states) for child in node.members])
    return next(states)


def _refilled(tree: PyTree, arrays: list[Any]) -> PyTree:
    """The tree with the arrays for its leaves, in its dtypes and shardings; never their buffers."""
    leaves, treedef = jax.tree.flatten(tree)
    new = [jnp.array(a, x.dtype, copy=True) for a, x in zip(arrays, leaves, strict=True)]
    return treedef.unflatten(jax.device_put(a, x.sharding) for a, x in zip(new, leaves, strict=True))
