"""Parameters narrower than float32, and narrower state."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import require_float_leaves, require_same_shapes, require_same_tree
from jaxopt_slides._core.dtypes import copy_of, dtypes_of, real_floating, wide, widen
from jaxopt_slides._core.foreign import Foreign, as_halves
from jaxopt_slides._core.lift import Lifted
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import as_integer, shown
from jaxopt_slides._parts.rounding import rounded, step_between, stochastically_rounded

MASTER, STOCHASTIC = "master_weights", "stochastic_rounding"


class MixedPrecisionState(NamedTuple):
    """State of :func:`mixed_precision`."""

    master: PyTree  # [*shape], float32, for each narrow leaf; None with stochastic rounding
    key: jax.Array | None  # [2], uint32: the random key; None with master weights
    inner_state: PyTree


@pytree(repr=False)
class MixedPrecision(Wrapper):
    """Lets the inner transformation update float32 weights, and rounds them."""

    inner: Node
    mode: str = static()
    seed: int | None = static()
    name = "mixed_precision"
    state_type = MixedPrecisionState
    trees = ("master", "key")

    @property
    def keeps_wide(self) -> bool:
        return True

    def init(self, params: PyTree) -> MixedPrecisionState:
        require_float_leaves(self.name, "params", params)
        inner = self.inner.init(jax.tree.map(widen, params))
        if self.mode == STOCHASTIC:
            return MixedPrecisionState(None, jax.random.PRNGKey(self.seed or 0), inner)
        return MixedPrecisionState(
            jax.tree.map(lambda w: copy_of(w) if is_narrow(w) else None, params), None, inner
        )

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        (inner_state,) = self.substates(state)
        if context.params is None and jax.tree.leaves(updates):
            raise ValueError(f"{self.name} needs the parameters: call update(updates, state, params).")
        self._require_mode(state)
        narrow, treedef = jax.tree.flatten(context.params)
        weights = self._weights(context.params, state)
        wide_params = treedef.unflatten(weights)
        inside = Context(wide_params, dtypes_of(wide_params), context.extra)
        u, inner_state = step_of(self.inner, updates, inner_state, inside)
        with jax.numpy_dtype_promotion("standard"):  # complex weights may get real updates
            new = [w + x for w, x in zip(weights, jax.tree.leaves(u), strict=True)]
        dtypes, key = dtypes_of(context.params), state.key
        if self.mode == STOCHASTIC:
            key, now = jax.random.split(key)
            targets = stochastically_rounded(now, new, dtypes)
        else:
            targets = [rounded(x, d) for x, d in zip(new, dtypes, strict=True)]
        # From the narrow weight to the rounded one: the sum in apply_updates is that one.
        difference = [
            step_between(widen(w), t) if is_narrow(w) else x
            for t, w, x in zip(targets, narrow, jax.tree.leaves(u), strict=True)
        ]
        master = None
        if self.mode == MASTER:
            pairs = zip(new, narrow, strict=True)
            master = treedef.unflatten(n if is_narrow(w) else None for n, w in pairs)
        return treedef.unflatten(difference), MixedPrecisionState(master, key, inner_state)

    def _require_mode(self, state: PyTree) -> None:
        """The state must be that of this mode."""
        field, other = ("key", "master") if self.mode == STOCHASTIC else ("master", "key")
        if getattr(state, other) is not None:
            raise TypeError(
                f"{self.name}: {self.mode!r} keeps a {field}, but the state has a {other}. Was it made "
                f"in another mode?"
            )

    def _weights(self, params: PyTree, state: PyTree) -> list[jax.Array]:
        """The weights in float32 or wider: the masters where there are any."""
        leaves, treedef = jax.tree.flatten(params)
        if self.mode == STOCHASTIC:
            return [widen(w) for w in leaves]
        both = (params, state.master)  # compared with a leaf for every None, then without
        filled = jax.tree.map(lambda _: 0, both, is_leaf=lambda x: x is None)
        require_same_tree(self.name, "params", filled[0], "state's master", filled[1])
        of_narrow = treedef.unflatten(w if is_narrow(w) else None for w in leaves)
        require_same_tree(self.name, "narrow params", of_narrow, "state's master", state.master)
        require_same_shapes(self.name, "params", of_narrow, "state's master", state.master)
        masters = iter(jax.tree.leaves(state.master))
        return [next(masters) if is_narrow(w) else widen(w) for w in leaves]

    def __repr__(self) -> str:
        seed = "" if self.seed is None else f", seed={self.seed}"
        return f"{self.name}({self.inner!r}, {self.mode!r}{seed})"


def is_narrow(w: Any) -> bool:
    """Whether a leaf's dtype is narrower than float32."""
    dtype = jnp.result_type(w)
    return wide(dtype) != dtype


@public
def mixed_precision(
    inner: Any, mode: str = MASTER, *, seed: int | None = None
) -> GradientTransformation:
    r"""Trains bfloat16 or float16 parameters without losing small updates.

    A weight of 1 in bfloat16 has no neighbour nearer than :math:`2^{-8}`: smaller updates round to
    nothing. With ``"master_weights"`` the state holds a float32 copy :math:`\tilde w` of every narrow
    parameter, which the inner transformation updates, and the parameter follows it rounded,

    .. math::
        \tilde w \leftarrow \tilde w + u, \qquad w = \operatorname{round}(\tilde w).

    With ``"stochastic_rounding"`` there is no copy: :math:`w + u` becomes one of its two neighbours,
    the nearer the likelier, so that its mean is :math:`w + u`.

    Args:
      inner: a transformation, ours or any optax-style pair; it sees float32 weights.
      mode: ``"master_weights"`` or ``"stochastic_rounding"``.
      seed: an integer in [0, 2**32), needed with stochastic rounding: the state's ``key``
        starts from it, and can be replaced there.

    Returns:
      A transformation whose ``update`` needs ``params``. Its updates are float32 for narrow
      parameters, since the difference of two bfloat16 numbers need not be one; so make it the
      outermost, or the last of a chain. float32 and wider leaves are updated as by ``inner``.
      A finite parameter that is changed by other means than :func:`apply_updates` comes back to its
      master at the next step. Beyond the largest number of the narrow dtype the parameter stays there.

    Raises:
      ValueError: an unknown mode; a seed that is missing or not needed; or, from ``update``, no
        ``params``.
      TypeError: ``inner`` is no transformation.

    Example:
      >>> w = jnp.ones(1, jnp.bfloat16)
      >>> tx = mixed_precision(sgd(1.0))
      >>> state = tx.init(w)
      >>> for _ in range(3):
      ...     updates, state = tx.update(jnp.full(1, -1 / 512, jnp.bfloat16), state, w)
      ...     w = apply_updates(w, updates)
      >>> w, state.master  # without it, w stays 1
      (Array([1.00781], dtype=bfloat16), Array([1.0058594], dtype=float32))

    Note:
      Scaling the loss, which float16 *gradients* need so that they do not underflow, is out of scope:
      multiply the loss by a constant and begin the chain with its inverse, ``scale(1 / constant)``,
      or use a library for it.

    References:
      Micikevicius et al., *Mixed precision training*, 2018; Gupta et al., *Deep learning with limited
      numerical precision*, 2015 (stochastic rounding).
    """
    if not isinstance(mode, str) or mode not in (MASTER, STOCHASTIC):
        raise ValueError(
            f"mixed_precision: mode must be {MASTER!r} or {STOCHASTIC!r}, got {shown(mode)}."
        )
    if mode == MASTER and seed is not None:
        raise ValueError(
            f"mixed_precision: {MASTER!r} draws no random numbers, got seed={shown(seed)}."
        )
    if mode == STOCHASTIC:
        given, seed = seed, as_integer(seed)
        if seed is None or not 0 <= seed < 2**32:
            raise ValueError(
                f"mixed_precision: {STOCHASTIC!r} needs a seed, an integer in [0, 2**32), got "
                f"{shown(given)}."
            )
    of_init, of_update = as_halves("mixed_precision: inner", inner)
    return transformation(MixedPrecision(of_init, mode, seed), MixedPrecision(of_update, mode, seed))


@public
def accumulator_dtype(tx: GradientTransformation, dtype: Any) -> GradientTransformation:
    """Keeps the state of a transformation in a narrower dtype, to save memory.

    Steps are still computed in float32 or wider; only what is kept between them is rounded. It loses
    what a narrow state cannot hold: in bfloat16, Adagrad's sum stops growing at 256 times the
    newest square, a mean of squares with decay 0.999 stalls at a fifth to a third, and a velocity
    forgets gradients smaller than 1/256 of it.

    Args:
      tx: a transformation of this library; every rule and part inside it is changed.
      dtype: a real floating dtype, such as ``jnp.bfloat16``.

    Returns:
      The same transformation with narrow velocities and accumulators.

    Raises:
      TypeError: ``dtype`` is not a real floating dtype, or a member of ``tx`` is another library's;
        or, from ``init``, a leaf is complex.

    Example:
      >>> tx = accumulator_dtype(momentum(0.1), jnp.bfloat16)
      >>> tx.init(jnp.zeros(2)).velocity.dtype
      dtype(bfloat16)

    Note:
      In optax it is an argument of some rules, ``sgd`` and ``trace`` among them.
    """
    return narrowed("accumulator_dtype", tx, dtype)


def narrowed(
    owner: str, tx: GradientTransformation, dtype: Any, fields: tuple[str, ...] | None = None
) -> GradientTransformation:
    """The transformation with its state, or some fields of it, in ``dtype``."""
    narrow = real_floating(owner, dtype)
    of_init, of_update = as_halves(f"{owner}: tx", tx)
    return transformation(_narrowed(of_init, narrow, fields), _narrowed(of_update, narrow, fields))


def _narrowed(node: Node, dtype: Any, fields: tuple[str, ...] | None) -> Node:
    if isinstance(node, Foreign):
        raise TypeError(
            f"accumulator_dtype: {node.name} is another library's, whose state only it can narrow."
        )
    if isinstance(node, Lifted):
        return dataclasses.replace(node, narrow=dtype, fields=fields)
    return node.with_children([_narrowed(child, dtype, fields) for _, child in node.children()])
