"""An average of the parameters, for evaluation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.apply import add_update
from jaxopt_slides._core.checks import (
    require_float_leaves,
    require_same_dtypes,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.dtypes import cast, copy_of, dtypes_of, real, wide, widen
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.lift import next_count
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree
from jaxopt_slides._core.rule import Rule, hyperparameter, require_below_one, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class AverageParamsState(NamedTuple):
    """State of :func:`average_params`."""

    count: int | jax.Array  # [], int32: steps taken
    log_decay: float | jax.Array  # [], float32 or wider: log of all decays' product, count log(decay)
    log_decay_rest: float | jax.Array  # [], float32 or wider: what rounding has kept out of it
    average: PyTree  # [*shape] a leaf, float32 or wider: the average, bias corrected
    inner_state: PyTree


@rule
class Averaging(Rule):
    """One array: a = a + (1 - beta) / (1 - beta**t) (w - a)."""

    decay: Any = hyperparameter(0, 1, near_one=True)

    name = "average_params"

    def require_consistent(self) -> None:
        require_below_one(self.name, "the bias correction", self.decay)

    def follow(self, log_decay, rest):
        """The decays' new product as a logarithm, and what rounding keeps out of that (Kahan).

        Ten thousand times log(0.9999) in float32 would be off by 1e-4, always to the same side.
        """
        change = self.decay.log() + rest
        new = log_decay + change
        return new, change - (new - log_decay)

    def share(self, log_decay):
        """The share of the newest parameters, at the decays' product with this step's."""
        total = -jnp.expm1(log_decay)  # 0 as long as a scheduled decay is 1: nothing has entered
        return (1 - self.decay) / jnp.where(total > 0, total, 1)


@pytree(repr=False)
class AverageParams(Wrapper):
    """Follows the parameters that the inner transformation leads to."""

    inner: Node
    rule: Averaging
    name = "average_params"
    state_type = AverageParamsState
    trees = ("average",)

    def init(self, params: PyTree) -> AverageParamsState:
        require_float_leaves(self.name, "params", params)
        average, inner = jax.tree.map(copy_of, params), self.inner.init(params)
        return AverageParamsState(
            jnp.zeros((), jnp.int32), jnp.zeros(()), jnp.zeros(()), average, inner
        )

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        (inner_state,) = self.substates(state)
        if context.params is None and jax.tree.leaves(updates):
            raise ValueError(f"{self.name} needs the parameters: call update(updates, state, params).")
        require_same_tree(self.name, "params", context.params, "state's average", state.average)
        require_same_shapes(self.name, "params", context.params, "state's average", state.average)
        dtypes = [wide(d) for d in dtypes_of(context.params)]
        require_same_dtypes(self.name, "state's average", state.average, "params", dtypes)
        u, inner_state = step_of(self.inner, updates, inner_state, context)
        given = u if self.keeps_wide else cast(u, context.dtypes)
        params = jax.tree.map(_moved, context.params, given)
        rule = self.rule.at(state.count, state.log_decay.dtype)
        decays = rule.follow(state.log_decay, state.log_decay_rest)
        average = self._averaged(state, decays[0], params)
        return u, AverageParamsState(next_count(state.count), *decays, average, inner_state)

    def _averaged(self, state: PyTree, log_decay: jax.Array, params: PyTree) -> PyTree:
        shares = {
            d: self.rule.at(state.count, d).share(log_decay.astype(d))
            for d in {real(d) for d in dtypes_of(params)}
        }
        first = state.log_decay == 0
        pairs = zip(jax.tree.leaves(state.average), jax.tree.leaves(params), strict=True)
        average = [_follow(first, a, w, shares[real(w.dtype)]) for a, w in pairs]
        return jax.tree.structure(params).unflatten(average)


@jax.jit
def _moved(w: jax.Array, u: jax.Array) -> jax.Array:
    """The parameter as the caller will have it, in its wide dtype."""
    return widen(_rounded(add_update(w, _rounded(u))))


def _rounded(x: jax.Array) -> jax.Array:
    """``x`` as it is; without a barrier XLA takes narrowing and widening again for nothing."""
    return x if x.dtype == wide(x.dtype) else jax.lax.optimization_barrier(x)


@jax.jit
def _follow(first: jax.Array, a: jax.Array, w: jax.Array, share: jax.Array) -> jax.Array:
    """The average moved towards w; a + r (w - a), since (1 - r) a + r w loses the digits of 1 - r."""
    with jax.numpy_dtype_promotion("standard"):  # a complex average times a real share
        return jnp.where(first, w, a + share * (w - a))


@public
def average_params(tx: Any, decay: Hyperparameter) -> GradientTransformation:
    r"""Keeps an exponential moving average of the *parameters*, bias corrected.

    With :math:`w^{(t+1)}` the parameters after a step, and :math:`a` read as ``state.average``,

    .. math::
        a^{(t+1)} = \frac{(1 - \beta) \sum_{j=1}^{t+1} \beta^{t+1-j}\, w^{(j)}}{1 - \beta^{t+1}}.

    The updates are those of ``tx``; evaluate the model at ``state.average``. Before the first step
    that is a copy of the parameters, which then has no weight.

    Args:
      tx: a transformation, ours or any optax-style pair. Make this the outermost: what follows it in
        a chain would lead to other parameters than those averaged here. Inside :func:`multi_steps` it
        averages once an update, around it once a call.
      decay: :math:`\beta \in [0, 1)`, scalar or schedule.

    Returns:
      A transformation whose ``update`` needs ``params``; its state adds one float32-or-wider array
      ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``decay`` outside [0, 1), or, from ``update``, no ``params``.
      TypeError: ``tx`` is no transformation, or ``decay`` no number, scalar array or schedule.

    Example:
      >>> tx = average_params(sgd(1.0), decay=0.5)
      >>> w = jnp.array([4.0])
      >>> state = tx.init(w)
      >>> for _ in range(2):
      ...     updates, state = tx.update(w / 2, state, w)
      ...     w = apply_updates(w, updates)
      >>> w.item(), round(state.average.item(), 3)  # (1 * 2.0 + 2 * 1.0) / 3
      (1.0, 1.333)

    References:
      Polyak and Juditsky, *Acceleration of stochastic approximation by averaging*, 1992.
    """
    of_init, of_update = as_halves("average_params: tx", tx)
    own = Averaging(decay).prepared()
    return transformation(
        AverageParams(of_init, own.half("init")), AverageParams(of_update, own.half("update"))
    )
