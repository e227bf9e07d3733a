r"""Coasting: what a transformation does over k steps in which the gradient is zero.

A ball without push. One such step is a linear map of (weight, state): RMSProp's scales the cache by
:math:`\beta`, momentum's sends :math:`p` to :math:`\mu p` and moves the weight by it. The map is
read off ``step`` itself, by applying it to unit states; a chain's is its members' in order; k idle
steps are the k-th power.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.dtypes import real, widen
from jaxopt_slides._core.node import Node
from jaxopt_slides._core.numbers import NearOne
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.powers import Entries, Pattern, pattern_of
from jaxopt_slides._core.rule import Idle
from jaxopt_slides._core.types import GradientTransformation, PyTree


class Transition(NamedTuple):
    """One idle step of one array, as a linear map of its coordinates (weight, state...).

    Attributes:
      rules: the members in order, each with its hyperparameters.
      idle: how the composition coasts as a whole.
    """

    rules: tuple[Any, ...]
    idle: Idle

    def change(self, counts: list[Any], dtype: Any) -> jax.Array:
        """``E[i, j]``: by how much one idle step from the unit vector of j changes coordinate i."""
        rules = [r.at(c, dtype) for r, c in zip(self.rules, counts, strict=True)]
        starts = [r.zeroed().at(0, dtype).start(jnp.zeros((), dtype)) for r in self.rules]
        size = 1 + sum(len(coordinates_of(s)) for s in starts)
        columns = [_one_step(rules, starts, counts, row) for row in jnp.eye(size, dtype=dtype)]
        return jnp.stack(columns, axis=1)

    def pattern(self) -> Pattern:
        """Which entries can differ from zero, whatever the hyperparameters are."""
        return pattern_of(self._generic({}))

    def varies(self) -> bool:
        """Whether the map depends on the count: by itself, or by a schedule of what is in it."""
        if self.idle.varies:
            return True
        scheduled = [(i, n) for i, r in enumerate(self.rules) for n in r.scheduled]
        usual = self._generic({}) if scheduled else None
        return any((self._generic({at: 0.25}) != usual).any() for at in scheduled)

    def _generic(self, others: dict[tuple[int, str], float]) -> np.ndarray:
        """The change with every hyperparameter at 0.5, where no coefficient vanishes, but some."""
        rules = []
        for i, rule in enumerate(self.rules):
            used = [(n, r) for n, r in rule.hyperparameters() if getattr(rule, n) is not None]
            values = {n: others.get((i, n), 0.5) for n, _ in used}
            stored = {n: NearOne(values[n] - 1) if r.near_one else values[n] for n, r in used}
            rules.append(rule.replace(**stored))
        counts: list[Any] = [np.zeros((), np.int32)] * len(rules)
        with ThreadPoolExecutor(1) as alone:  # where the caller's trace and mesh are not
            found = alone.submit(Transition(tuple(rules), self.idle).change, counts, jnp.float32)
            return np.asarray(found.result())


def coordinates_of(state: Any) -> list[Any]:
    """The fields of a rule's state that an idle step maps, in order."""
    return [f for f in state[1:] if not is_fixed(f)]


def is_fixed(field: Any) -> bool:
    """Whether an idle step leaves a field of a state alone: it is unused, or counts something."""
    return field is None or jnp.issubdtype(getattr(field, "dtype", jnp.float32), jnp.integer)


def _with_coordinates(state: Any, values: Any, count: Any) -> Any:
    values = iter(values)
    return type(state)(count, *(f if is_fixed(f) else next(values) for f in state[1:]))


def _one_step(rules: Any, starts: Any, counts: Any, unit: jax.Array) -> jax.Array:
    """The change of every coordinate in one idle step from ``unit``."""
    w, *rest = unit
    u, new = jnp.zeros_like(w), []
    for r, start, count in zip(rules, starts, counts, strict=True):
        here, rest = rest[: len(coordinates_of(start))], rest[len(coordinates_of(start)) :]
        s = _with_coordinates(start, here, count)
        u, s = r.step(u, s, w) if r.needs_params else r.step(u, s)
        new += [x - old for x, old in zip(coordinates_of(s), here, strict=True)]
    return jnp.stack([u, *new])


def transition(node: Node, members: list[Node] | None = None) -> Transition:
    """The idle step of a node, or of those of its members that one leaf passes through.

    Raises:
      ValueError: it cannot coast; the message names the member and says why.
    """
    rules, moves, linear, varies = [], False, True, False
    for member in [m for m, _ in node.along(None)] if members is None else members:
        rule, idle = member.rule, member.idle
        if isinstance(idle, str):
            raise ValueError(f"{node.name} cannot coast: {member.name} {idle}.")
        if moves and not idle.linear_in_g:
            raise ValueError(
                f"{node.name} cannot coast: {member.name} is not linear in its input, and the members "
                f"before it still move when the gradient is zero."
            )
        moves, linear = moves or idle.moves, linear and idle.linear_in_g
        varies = varies or idle.varies
        rules.append(rule)
    return Transition(tuple(rules), Idle(moves, linear, varies))


def product(step: Transition, counts: list[Any], k: jax.Array, dtype: Any) -> Entries:
    """The product of k idle steps whose map changes with the count; ``k`` is a scalar."""
    pattern = step.pattern()

    def body(i, total):
        now = step.change([c + i for c in counts], dtype)
        return pattern.compose(pattern.entries(now), total)

    like = tuple(jnp.zeros((), dtype) for _ in pattern.pairs)
    return jax.lax.fori_loop(0, k, body, pattern.identity(like, ()))


def coast(tx: GradientTransformation, state: PyTree, params: PyTree, k: Any) -> tuple[PyTree, PyTree]:
    """What k updates with zero gradients add up to, without taking them one by one.

    Args:
      tx: a transformation of this library that can coast.
      state: its state.
      params: the parameters.
      k: the number of idle steps, an integer at least 0; it may be traced.

    Returns:
      The displacement of the parameters and the state after k idle steps.

    Raises:
      ValueError: ``tx`` cannot coast; the message names the member and says why.
    """
    nodes = halves(tx)
    if nodes is None:
        raise ValueError(f"{tx!r:.80} cannot coast: it is a foreign transform.")
    node = nodes[1]
    step, members = transition(node), node.along(state)
    states, k = [s for _, s in members], jnp.asarray(k, jnp.int32)
    counts = [s.count for s in states]
    leaves, treedef = jax.tree.flatten(params)
    columns = [[jax.tree.leaves(c) for c in coordinates_of(s)] for s in states]
    pattern, totals, moved = step.pattern(), {}, []
    for i, w in enumerate(map(widen, leaves)):
        dtype = real(w.dtype)
        if dtype not in totals:
            totals[dtype] = _total(step, pattern, counts, k, dtype)
        coordinates = [w, *(c[i] for column in columns for c in column)]
        moved.append(pattern.apply(totals[dtype], coordinates))
    displacement = treedef.unflatten(x[0] for x in moved)
    trees = iter([treedef.unflatten(x[i] for x in moved) for i in range(1, pattern.size)])
    new = iter([_with_coordinates(s, trees, s.count + k) for s in states])
    return displacement, _with_member_states(node, state, new)


def _total(step: Transition, pattern: Pattern, counts: Any, k: jax.Array, dtype: Any) -> Entries:
    if step.varies():
        return product(step, counts, k, dtype)
    return pattern.powers(pattern.entries(step.change(counts, dtype)), k)


def _with_member_states(node: Node, state: PyTree, new: Any) -> PyTree:
    if isinstance(node, Chain):
        pairs = zip(node.members, node.substates(state), strict=True)
        return node.pack([_with_member_states(m, s, new) for m, s in pairs])
    return next(new)
