r"""Coasting: what a transformation does over k steps in which the gradient is zero.

A ball without push. One such step is a linear map of (weight, state): RMSProp's scales the cache by
:math:`\beta`, momentum's sends :math:`p` to :math:`\mu p` and moves the weight by it. The map is
read off ``step`` itself, by applying it to unit states; a chain's is its members' in order; k idle
steps are the k-th power.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.dtypes import real, widen
from jaxopt_slides._core.node import Node
from jaxopt_slides._core.numbers import NearOne
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.rule import Idle
from jaxopt_slides._core.types import GradientTransformation, PyTree


class Transition(NamedTuple):
    """One idle step of one array, as a matrix over (weight, state...).

    Attributes:
      rules: the members in order, each with its hyperparameters.
      idle: how the composition coasts as a whole.
    """

    rules: tuple[Any, ...]
    idle: Idle

    def matrix(self, counts: list[Any], dtype: Any) -> jax.Array:
        """``M[i, j]``: what coordinate i becomes after one idle step from the unit vector of j."""
        rules = [r.at(c, dtype) for r, c in zip(self.rules, counts, strict=True)]
        starts = [r.zeroed().at(0, dtype).start(jnp.zeros((), dtype)) for r in self.rules]
        size = 1 + sum(len(_coordinates(s)) for s in starts)
        columns = [_one_step(rules, starts, counts, row) for row in jnp.eye(size, dtype=dtype)]
        return jnp.stack(columns, axis=1)

    def reaches(self) -> np.ndarray:
        """``[i, j]``: whether coordinate j can ever move coordinate i, whatever the numbers are."""
        generic = Transition(tuple(_generic(r) for r in self.rules), self.idle)
        with jax.ensure_compile_time_eval():
            m = np.asarray(generic.matrix([jnp.zeros((), jnp.int32)] * len(self.rules), jnp.float32))
        once = (m != 0) | np.eye(len(m), dtype=bool)
        return np.linalg.matrix_power(once.astype(int), len(m)) > 0


def _generic(rule: Any) -> Any:
    """The rule with every hyperparameter at 0.5, where no coefficient vanishes."""
    half = {n: NearOne(-0.5) if r.near_one else 0.5 for n, r in rule.hyperparameters()}
    return rule.replace(**{n: v for n, v in half.items() if getattr(rule, n) is not None})


def _coordinates(state: Any) -> list[Any]:
    return [f for f in state[1:] if not _is_fixed(f)]


def _is_fixed(field: Any) -> bool:
    """Whether an idle step leaves a field of a state alone: it is unused, or counts something."""
    return field is None or jnp.issubdtype(getattr(field, "dtype", jnp.float32), jnp.integer)


def _with_coordinates(state: Any, values: Any, count: Any) -> Any:
    values = iter(values)
    return type(state)(count, *(f if _is_fixed(f) else next(values) for f in state[1:]))


def _one_step(rules: Any, starts: Any, counts: Any, unit: jax.Array) -> jax.Array:
    """One idle step from the state whose coordinates are ``unit``."""
    w, *rest = unit
    u, new = jnp.zeros_like(w), []
    for r, start, count in zip(rules, starts, counts, strict=True):
        here, rest = rest[: len(_coordinates(start))], rest[len(_coordinates(start)) :]
        s = _with_coordinates(start, here, count)
        u, s = r.step(u, s, w) if r.needs_params else r.step(u, s)
        new += _coordinates(s)
    return jnp.stack([w + u, *new])


def transition(node: Node) -> Transition:
    """The idle step of a node.

    Raises:
      ValueError: it cannot coast; the message names the member and says why.
    """
    rules, moves, linear, varies = [], False, True, False
    for member in _members(node):
        rule, idle = member.rule, member.idle
        if isinstance(idle, str):
            raise ValueError(f"{node.name} cannot coast: {member.name} {idle}.")
        if moves and not idle.linear_in_g:
            raise ValueError(
                f"{node.name} cannot coast: {member.name} is not linear in its input, and the members "
                f"before it still move when the gradient is zero."
            )
        moves, linear = moves or idle.moves, linear and idle.linear_in_g
        varies = varies or idle.varies or bool(rule and rule.scheduled)
        rules.append(rule)
    return Transition(tuple(rules), Idle(moves, linear, varies))


def _members(node: Node) -> list[Node]:
    if isinstance(node, Chain):
        return [m for member in node.members for m in _members(member)]
    return [node]


def power(matrix: jax.Array, k: jax.Array, *, triangular: bool) -> jax.Array:
    """The k-th power of an idle step, ``[n, n, *k.shape]`` for integers ``k >= 0``, by squaring.

    Where the matrix is triangular, in whatever order of its coordinates, the diagonal's powers are
    plain powers and are taken directly: squaring would double their relative error every time.
    """
    n, ones = len(matrix), (1,) * k.ndim
    eye = jnp.eye(n, dtype=matrix.dtype)

    def body(carry):
        result, square, bits = carry
        product = jnp.einsum("ij,jk...->ik...", square, result, precision="highest")
        square = jnp.matmul(square, square, precision="highest")
        return jnp.where(bits % 2 == 1, product, result), square, bits // 2

    start = jnp.broadcast_to(eye.reshape(n, n, *ones), (n, n, *k.shape))
    result, _, _ = jax.lax.while_loop(lambda c: jnp.any(c[2] > 0), body, (start, matrix, k))
    if triangular:
        exact = jnp.diagonal(matrix).reshape(n, *ones) ** k.astype(matrix.dtype)[None]
        result = result.at[np.arange(n), np.arange(n)].set(exact)
    return result


def product(step: Transition, counts: list[Any], k: jax.Array, dtype: Any) -> jax.Array:
    """The product of k idle steps whose map changes with the count; ``k`` is a scalar."""

    def body(i, total):
        return jnp.matmul(step.matrix([c + i for c in counts], dtype), total, precision="highest")

    eye = jnp.eye(len(step.reaches()), dtype=dtype)
    return jax.lax.fori_loop(0, k, body, eye)


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
    step, node = transition(nodes[1]), nodes[1]
    states, k = _member_states(node, state), jnp.asarray(k, jnp.int32)
    counts = [s.count for s in states]
    leaves, treedef = jax.tree.flatten(params)
    columns = [[jax.tree.leaves(c) for c in _coordinates(s)] for s in states]
    reaches, powers, moved = step.reaches(), {}, []
    for i, w in enumerate(map(widen, leaves)):
        dtype = real(w.dtype)
        if dtype not in powers:
            powers[dtype] = _total(step, reaches, counts, k, dtype)
        coordinates = [w, *(c[i] for column in columns for c in column)]
        moved.append(_apply(powers[dtype], reaches, coordinates))
    displacement = treedef.unflatten(x[0] for x in moved)
    trees = iter([treedef.unflatten(x[i] for x in moved) for i in range(1, len(reaches))])
    new = iter([_with_coordinates(s, trees, s.count + k) for s in states])
    return displacement, _with_member_states(node, state, new)


def _total(step: Transition, reaches: np.ndarray, counts: Any, k: jax.Array, dtype: Any) -> jax.Array:
    if step.idle.varies:
        return product(step, counts, k, dtype)
    triangular = bool((reaches & reaches.T == np.eye(len(reaches), dtype=bool)).all())
    return power(step.matrix(counts, dtype), k, triangular=triangular)


def _apply(total: jax.Array, reaches: np.ndarray, coordinates: list[jax.Array]) -> list[jax.Array]:
    """The displacement of the weight, then the other coordinates after the idle steps."""
    change = total.at[0, 0].add(-1)
    rows = []
    for i, row in enumerate(reaches):
        moving = [(change[i, j], coordinates[j]) for j in np.flatnonzero(row)]
        terms = [m.astype(x.dtype) * x for m, x in moving]
        rows.append(sum(terms[1:], terms[0]))
    return rows


def _member_states(node: Node, state: PyTree) -> list[Any]:
    if isinstance(node, Chain):
        pairs = zip(node.members, node.substates(state), strict=True)
        return [x for m, s in pairs for x in _member_states(m, s)]
    return [state]


def _with_member_states(node: Node, state: PyTree, new: Any) -> PyTree:
    if isinstance(node, Chain):
        pairs = zip(node.members, node.substates(state), strict=True)
        return node.pack([_with_member_states(m, s, new) for m, s in pairs])
    return next(new)
