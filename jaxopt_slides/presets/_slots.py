"""An optimizer's state by the names of this library's fields, whatever chain of parts keeps it.

Frameworks keep the same few arrays under other names; each framework's module says which. One array
differs in more than its name: the velocity is b with the learning rate outside it, and v = -alpha b
with the learning rate inside it, where alpha is that of the next step. Then the next step is the same.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.checks import require_same_shapes, require_same_tree
from jaxopt_slides._core.dtypes import fresh
from jaxopt_slides._core.foreign import Foreign
from jaxopt_slides._core.lift import Lifted
from jaxopt_slides._core.node import Node, is_traced
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.rule import per_row, value_of
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import as_integer, shown
from jaxopt_slides.presets._leaves import MOST_STEPS

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

    def __init__(self, owner: str, tx: GradientTransformation, params: PyTree, state: Any = ...):
        nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
        if nodes is None:
            raise TypeError(f"{owner}: expected a transformation of this library, got {shown(tx)}.")
        state = tx.init(params) if state is ... else state
        if is_traced(tx, params, state):
            raise TypeError(f"{owner}: traced values came; convert outside of jit, vmap and grad.")
        self.owner, self.node, self.params, self.at = owner, nodes[1], params, {}
        self.members = list(_members(self.node, state))
        for i, member in enumerate(self.members):
            _require_kept(owner, member)
            for field in member.fields:
                if field in self.at:
                    raise ValueError(
                        f"{owner}: {self.node!r:.200} keeps two of {field}; frameworks keep one."
                    )
                self.at[field] = i
        self._require_a_known_order()
        found = {m.node.name for m in self.members} | set(self.at)
        self.family = next((name for key, name in FAMILIES.items() if key in found), "SGD")

    def _require_a_known_order(self) -> None:
        """Every framework divides by the root before its velocity, and by the means of one member."""
        at, squares = self.at, self.at.get("mean_square", self.at.get("sum_of_squares"))
        why = ""
        if "mean" in at and at["mean"] != squares:
            why = "a mean of something else than what is divided by its root"
        elif squares is not None and at.get("velocity", squares) < squares:
            why = "a velocity before the division by the root"
        elif "velocity" in at and not any(m.has("learning_rate") for m in self.members):
            scaled = [m.node.name for m in self.members[: at["velocity"]] if m.node.name == "scale"]
            why = "a velocity after scale, and no learning rate" if scaled else ""
        if why:
            raise ValueError(f"{self.owner}: {self.node!r:.200} keeps {why}; no framework does.")

    def names(self, framework: str, table: dict[str, dict[str, str]]) -> dict[str, str]:
        """The framework's name of each field that is kept."""
        known = table.get(self.family, {})
        if unknown := [field for field in self.at if field not in known]:
            name = self.members[self.at[unknown[0]]].node.name
            raise ValueError(
                f"{self.owner}: {name} keeps a {unknown[0]}, and {framework}'s {self.family} does not."
            )
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
            if np.ndim(value_of(stored)):
                raise ValueError(
                    f"{self.owner}: {node.name}'s {name} has shape {np.shape(value_of(stored))}, "
                    f"expected a scalar; convert for one transformation of the stack at a time."
                )
            return float(value_of(stored))
        return None

    def velocity_factor(self, outside: bool, count: int, *, into: bool) -> float:
        """What the framework's velocity is multiplied by on its way in, or ours on its way out."""
        if outside == self.outside:
            return 1.0
        rate = self.number(["learning_rate"], count)
        if not rate:
            none = "there is none" if rate is None else "it is 0; convert where it is above 0"
            raise ValueError(
                f"{self.owner}: one velocity has the learning rate inside, the other outside, so that "
                f"they differ by the factor of minus the next step's learning rate, and {none}."
            )
        return -rate if outside == into else -1 / rate

    def step_count(self, found: int | None, given: Any) -> int:
        """The number of steps taken: what the framework says, or the caller."""
        if given is not None and as_integer(given) is None:
            raise TypeError(f"{self.owner}: count must be an integer, got {shown(given)}.")
        if given is not None and not 0 <= given <= MOST_STEPS:
            raise ValueError(f"{self.owner}: count must be from 0 to 2**31 - 1, got {given}.")
        if None not in (found, given) and found != given:
            raise ValueError(f"{self.owner}: count={given}, but the state says {found} steps.")
        known = found if found is not None else given
        if known is None and (needs := [m.node.name for m in self.members if m.counts]):
            raise ValueError(
                f"{self.owner}: the state does not say how many steps were taken, and the next step of "
                f"{needs[0]} depends on it: pass count=."
            )
        return int(known or 0)

    def require_rate(self, framework: str, rate: float, count: int, where: str) -> None:
        """A learning rate that the framework kept must be that of the next step."""
        ours = self.number(["learning_rate"], count)
        if ours is not None and not math.isclose(rate, ours, rel_tol=1e-6):
            raise ValueError(
                f"{self.owner}: {framework} has the learning rate {rate:g}, the transformation "
                f"{ours:g} at the next step. To go on with another, put it into {where}."
            )

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
        require_same_tree(self.owner, "params", self.params, f"state's {field}", tree)
        require_same_shapes(self.owner, "params", self.params, f"state's {field}", tree)
        return [np.array(x) for x in jax.tree.leaves(tree)]

    @property
    def count(self) -> int:
        """The steps taken."""
        counts = {int(x) for m in self.members for x in jax.tree.leaves(m.state) if _is_count(x)}
        if len(counts) > 1:
            raise ValueError(
                f"{self.owner}: members of {self.node!r:.200} have taken {sorted(counts)} steps; "
                f"frameworks keep one count."
            )
        return next(iter(counts), 0)


def _require_kept(owner: str, member: Member) -> None:
    """A member is a rule or a part of this library, or keeps nothing but counts."""
    name, known = member.node.name, isinstance(member.node, Lifted)
    if known and per_row(member.node.rule):
        raise ValueError(f"{owner}: {name} keeps one number a row, which no framework here does.")
    if known or all(map(_is_count, jax.tree.leaves(member.state))):
        return
    if isinstance(member.node, Foreign):
        raise ValueError(f"{owner}: {name} is another library's, whose state only it knows.")
    raise ValueError(
        f"{owner}: {name} has a state that no framework keeps; convert that of the chain of rules "
        f"inside it, or outside."
    )


def _is_count(x: Any) -> bool:
    return jnp.ndim(x) == 0 and jnp.issubdtype(jnp.result_type(x), jnp.integer)


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
    new = [fresh(a, x.dtype) for a, x in zip(arrays, leaves, strict=True)]
    return treedef.unflatten(jax.device_put(a, x.sharding) for a, x in zip(new, leaves, strict=True))
