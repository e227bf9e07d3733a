"""Gradient accumulation: one update from the mean of several gradients."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import (
    require_float_leaves,
    require_same_dtypes,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.dtypes import dtypes_of, full_like, or_nothing, real
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.lift import next_count
from jaxopt_slides._core.node import Context, Node, Wrapper, is_traced
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.rule import Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree, Schedule
from jaxopt_slides._core.words import as_integer, shown, written


class MultiStepsState(NamedTuple):
    """State of :func:`multi_steps`."""

    mini_step: int | jax.Array  # [], int32: gradients since the last update
    gradient_step: int | jax.Array  # [], int32: updates so far
    inner_state: PyTree
    acc_grads: PyTree  # [*shape] a leaf, float32 or wider: their sum


@rule
class EveryK(Rule):
    """The number of gradients to an update, where it is a schedule."""

    every_k: Any = hyperparameter(1, optional=True)

    name = "multi_steps"


@pytree(repr=False)
class MultiSteps(Wrapper):
    """Sums gradients; the inner transformation sees their mean at every k-th."""

    inner: Node
    every_k: int | None = static()
    rule: EveryK
    name = "multi_steps"
    state_type = MultiStepsState
    trees = ("acc_grads",)
    idle = "adds up the gradients of several steps, whose rows differ"  # pyright: ignore[reportAssignmentType]

    def count(self, state: PyTree) -> Any:
        return state.gradient_step

    def init(self, params: PyTree) -> MultiStepsState:
        require_float_leaves(self.name, "params", params)
        mini, gradient = (jnp.zeros((), jnp.int32) for _ in range(2))  # two buffers, for donation
        return MultiStepsState(mini, gradient, self.inner.init(params), jax.tree.map(full_like, params))

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        require_float_leaves(self.name, "updates", updates)
        (inner_state,) = self.substates(state)
        require_same_tree(self.name, "updates", updates, "state's acc_grads", state.acc_grads)
        require_same_shapes(self.name, "updates", updates, "state's acc_grads", state.acc_grads)
        dtypes = dtypes_of(updates)
        require_same_dtypes(self.name, "state's acc_grads", state.acc_grads, "updates", dtypes)
        total = jax.tree.map(_sum, state.acc_grads, updates)
        n = state.mini_step + 1

        def last():
            mean = jax.tree.map(lambda x: divided(x, n), total)
            u, new = step_of(self.inner, mean, inner_state, context)
            none = jax.tree.map(lambda x: or_nothing(False, x), total)
            return u, MultiStepsState(jnp.zeros_like(n), next_count(state.gradient_step), new, none)

        def between():
            u = jax.tree.map(lambda g: or_nothing(False, g), updates)
            return u, MultiStepsState(n, state.gradient_step, inner_state, total)

        complete = n >= self._k(state.gradient_step)
        if not is_traced(complete):
            return last() if bool(complete) else between()
        return jax.lax.cond(complete, last, between)

    def _k(self, gradient_step: Any) -> Any:
        if self.every_k is not None:
            return self.every_k
        return jnp.round(self.rule.at(gradient_step, float).every_k).astype(jnp.int32)

    def __repr__(self) -> str:
        k = self.every_k if self.every_k is not None else self.rule.every_k
        return f"{self.name}({self.inner!r}, every_k={written(k)})"


_sum = jax.jit(jnp.add)  # jitted, so that leaves of one shape are traced once


@jax.jit
def divided(x: jax.Array, n: jax.Array) -> jax.Array:
    """A sum of n terms as their mean."""
    with jax.numpy_dtype_promotion("standard"):  # a complex sum by a real number
        return x / n.astype(real(x.dtype))


@public
def multi_steps(inner: Any, every_k: int | Schedule) -> GradientTransformation:
    r"""Updates once in ``every_k`` calls, with the mean of the gradients since the last update.

    .. math::
        \bar g = \frac{1}{k} \sum_{i=1}^{k} g_i

    The sum is taken in float32 or wider, so that no small microbatch is lost in bfloat16. In between
    the update is -0.0 everywhere, which leaves the parameters as they are, bit for bit.

    Args:
      inner: a transformation, ours or any optax-style pair. Schedules inside it count updates.
      every_k: :math:`k \ge 1`, an integer, which is static; or a schedule of the number of updates so
        far, rounded, where less than 1 counts as 1.

    Returns:
      A transformation whose state adds two counts and one float32-or-wider array ``[*shape]`` per
      leaf. Of the extra keyword arguments ``inner`` sees those of the k-th call.

    Raises:
      ValueError: an ``every_k`` below 1.
      TypeError: ``every_k`` is no integer and no schedule, or ``inner`` no transformation.

    Example:
      >>> tx = multi_steps(sgd(1.0), every_k=2)
      >>> state = tx.init(jnp.zeros(1))
      >>> for g in [1.0, 3.0]:
      ...     updates, state = tx.update(jnp.array([g]), state)
      ...     print(updates)
      [-0.]
      [-2.]

    Note:
      optax's ``MultiSteps`` is a class of its own shape; this is a transformation like the others,
      so it can stand in a chain and in a ``lax.scan``.
    """
    k, schedule = (None, every_k) if callable(every_k) else (_integer(every_k), None)
    of_init, of_update = as_halves("multi_steps: inner", inner)
    own = EveryK(schedule).prepared()
    return transformation(
        MultiSteps(of_init, k, own.half("init")), MultiSteps(of_update, k, own.half("update"))
    )


def _integer(every_k: Any) -> int:
    if (k := as_integer(every_k)) is None:
        raise TypeError(
            f"multi_steps: every_k must be an integer or a schedule (a callable of the number of "
            f"updates), got {shown(every_k)}."
        )
    if not 1 <= k <= jnp.iinfo(jnp.int32).max:
        raise ValueError(f"multi_steps: every_k must be at least 1 and fit into int32, got {k}.")
    return k
