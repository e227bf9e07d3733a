"""Skipping steps whose gradient is not finite."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import require_float_leaves
from jaxopt_slides._core.dtypes import either, is_finite, or_nothing
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.lift import next_count
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import as_integer, shown


class ApplyIfFiniteState(NamedTuple):
    """State of :func:`apply_if_finite`."""

    notfinite_count: int | jax.Array  # [], int32: gradients that were not finite, in a row
    last_finite: bool | jax.Array  # [], bool: whether the last gradient was finite
    total_notfinite: int | jax.Array  # [], int32: gradients that were not finite, in all
    inner_state: PyTree


@pytree(repr=False)
class ApplyIfFinite(Wrapper):
    """Takes the inner step only where every gradient is finite."""

    inner: Node
    max_consecutive_errors: int = static()
    name = "apply_if_finite"
    state_type = ApplyIfFiniteState
    idle = "leaves out steps, in which nothing may coast"  # pyright: ignore[reportAssignmentType]

    def init(self, params: PyTree) -> ApplyIfFiniteState:
        require_float_leaves(self.name, "params", params)
        in_a_row, total = (jnp.zeros((), jnp.int32) for _ in range(2))  # two buffers, for donation
        return ApplyIfFiniteState(in_a_row, jnp.ones((), bool), total, self.inner.init(params))

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        require_float_leaves(self.name, "updates", updates)
        (inner_state,) = self.substates(state)
        finite = all_finite(updates)
        in_a_row = jnp.where(finite, 0, next_count(state.notfinite_count))
        total = jnp.where(finite, state.total_notfinite, next_count(state.total_notfinite))
        taken = finite | (in_a_row > self.max_consecutive_errors)
        # The inner step never sees what is skipped: neither its values nor its derivatives are NaN.
        seen = jax.tree.map(lambda g: either(taken, g, 0), updates)
        u, new = step_of(self.inner, seen, inner_state, context)
        u = jax.tree.map(lambda x: or_nothing(taken, x), u)
        new = jax.tree.map(lambda a, b: either(taken, a, b), new, inner_state)
        return u, ApplyIfFiniteState(in_a_row, finite, total, new)

    def __repr__(self) -> str:
        return f"{self.name}({self.inner!r}, {self.max_consecutive_errors})"


def all_finite(tree: PyTree) -> jax.Array:
    """Whether every element of every leaf is finite."""
    finite = jnp.ones((), bool)
    for x in jax.tree.leaves(tree):
        finite &= is_finite(x)
    return finite


@public
def apply_if_finite(inner: Any, max_consecutive_errors: int) -> GradientTransformation:
    """Skips a step whose gradient has a NaN or an infinity anywhere.

    A skipped step leaves the parameters and the inner state as they were, bit for bit: the update is
    -0.0 everywhere (adding +0.0 would turn a weight of -0.0 into 0.0).

    Args:
      inner: a transformation, ours or any optax-style pair.
      max_consecutive_errors: so many gradients in a row may be skipped, at least 0; the next one goes
        through, so that a run that is lost shows it.

    Returns:
      A transformation whose state has the counters ``notfinite_count`` (in a row),
      ``total_notfinite`` and ``last_finite``, and the ``inner_state``.

    Raises:
      ValueError: ``max_consecutive_errors`` is negative.
      TypeError: it is no integer, or ``inner`` no transformation.

    Example:
      >>> tx = apply_if_finite(momentum(0.1), max_consecutive_errors=5)
      >>> state = tx.init(jnp.zeros(2))
      >>> updates, state = tx.update(jnp.array([jnp.inf, 1.0]), state)
      >>> updates, state.total_notfinite, state.inner_state.velocity
      (Array([-0., -0.], dtype=float32), Array(1, dtype=int32), Array([0., 0.], dtype=float32))

    Note:
      optax agrees, but for the +0.0.
    """
    if (most := as_integer(max_consecutive_errors)) is None:
        raise TypeError(
            f"apply_if_finite: max_consecutive_errors must be an integer, got "
            f"{shown(max_consecutive_errors)}."
        )
    if not 0 <= most <= jnp.iinfo(jnp.int32).max:
        raise ValueError(
            f"apply_if_finite: max_consecutive_errors must be at least 0 and fit into int32, got "
            f"{most}."
        )
    of_init, of_update = as_halves("apply_if_finite: inner", inner)
    return transformation(ApplyIfFinite(of_init, most), ApplyIfFinite(of_update, most))
