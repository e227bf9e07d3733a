"""Bounding updates: by element, by the norm of the whole tree, and NaN by 0."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.lift import lift, lift_whole
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter


class ClipState(NamedTuple):
    """State of :func:`clip` and :func:`clip_by_global_norm`: the count, for schedules."""

    count: int | jax.Array  # [], int32: steps taken


class ZeroNansState(NamedTuple):
    """State of :func:`zero_nans`."""

    count: int | jax.Array  # [], int32: steps taken
    zeroed: int | jax.Array = 0  # [], int32: how many elements were NaN so far


@rule
class Clip(Rule):
    """One array: u = min(max(g, -delta), delta)."""

    max_delta: Any = hyperparameter(0)

    name = "clip"
    State = ClipState
    idle = Idle()

    def step(self, g, s):
        if jnp.iscomplexobj(g):
            u = jax.lax.complex(self._clipped(g.real), self._clipped(g.imag))
        else:
            u = self._clipped(g)
        return u, s

    def _clipped(self, g):
        return jnp.clip(g, -self.max_delta, self.max_delta)


@rule
class ClipByGlobalNorm(Rule):
    """All arrays: u = g min(1, max_norm / |g|)."""

    max_norm: Any = hyperparameter(0)

    name = "clip_by_global_norm"
    State = ClipState
    idle = Idle()

    def step(self, updates, s):
        unit = unit_of(jax.tree.leaves(updates), jnp.result_type(self.max_norm))
        scaled = jax.tree.map(lambda g: _scaled(g, unit), updates)
        norm = _norm(jax.tree.leaves(scaled), unit.dtype)
        inside, factor = norm <= self.max_norm * unit, self.max_norm / norm

        return jax.tree.map(lambda g, x: _clipped(inside, factor, g, x), updates, scaled), s


def unit_of(leaves: list[jax.Array], dtype: Any) -> jax.Array:
    """A power of two that brings the largest element to about 1; NaN if one is not finite.

    At that scale no square overflows, and those that underflow do not count. It is no division by
    the largest element, since XLA divides by a scalar as it multiplies by its reciprocal, which
    beyond 1e38 is 0. The norm does not depend on it, so its derivative may be left out.

    Its last operation is a power because XLA repeats cheap ones in all consumers: with a maximum over
    the leaves at the end, compile time grew with the square of their number.
    """
    largest = jnp.zeros((), dtype)
    for x in _real_parts(leaves):
        largest = jnp.maximum(largest, _largest(x).astype(dtype))
    most = -2 - jnp.finfo(dtype).minexp  # at 2**-most nothing is flushed to 0 yet
    exponent = -jnp.clip(jnp.floor(jnp.log2(largest)), -most, most)
    return jax.lax.stop_gradient(jnp.exp2(jnp.where(jnp.isfinite(largest), exponent, jnp.nan)))


# Jitted, so that leaves of one shape are traced once.


@jax.jit
def _largest(x: jax.Array) -> jax.Array:
    return jnp.max(jnp.abs(x), initial=0)


@jax.jit
def _clipped(inside: jax.Array, factor: jax.Array, g: jax.Array, scaled: jax.Array) -> jax.Array:
    """``g``, or ``scaled`` times the factor, which is NaN if an element anywhere is not finite."""
    with jax.numpy_dtype_promotion("standard"):
        u = (scaled * factor).astype(g.dtype)  # |scaled| <= norm: no overflow
        return jnp.where(jnp.isnan(factor), factor.astype(g.dtype), jnp.where(inside, g, u))


@jax.jit
def _scaled(g: jax.Array, unit: jax.Array) -> jax.Array:
    """``g * unit``, clipped to where it is anyway: lest XLA moves ``unit`` out of the square."""
    with jax.numpy_dtype_promotion("standard"):
        parts = [jnp.clip(x * unit, -16, 16) for x in _real_parts([g])]
    return jax.lax.complex(*parts) if len(parts) == 2 else parts[0]


def _norm(leaves: list[jax.Array], dtype: Any) -> jax.Array:
    """The global norm of scaled leaves; of zeros it is 1, with derivative 0, and the unit is huge."""
    parts = (_sum_of_squares(x).astype(dtype) for x in _real_parts(leaves))
    total = sum(parts, jnp.zeros((), dtype))
    return jnp.sqrt(jnp.where(total == 0, 1, total))


@jax.jit
def _sum_of_squares(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(x))


def _real_parts(leaves: list[jax.Array]) -> list[jax.Array]:
    return [x for g in leaves for x in ((g.real, g.imag) if jnp.iscomplexobj(g) else (g,))]


@rule
class ZeroNans(Rule):
    """All arrays: u = 0 where g is NaN, else g."""

    name = "zero_nans"
    State = ZeroNansState
    idle = Idle(linear_in_g=True)

    def start(self, params):
        del params
        return ZeroNansState(0, jnp.zeros((), jnp.int32))

    def step(self, updates, s):
        nans = jax.tree.map(jnp.isnan, updates)
        new = sum((jnp.sum(x, dtype=jnp.int32) for x in jax.tree.leaves(nans)), jnp.int32(0))
        limit = jnp.iinfo(jnp.int32).max
        zeroed = jnp.where(s.zeroed > limit - new, limit, s.zeroed + new)
        return jax.tree.map(lambda g, n: jnp.where(n, 0, g), updates, nans), s._replace(zeroed=zeroed)


@public
def clip(max_delta: Hyperparameter) -> GradientTransformation:
    r"""Clips every element of every update: :math:`u = \min(\max(g, -\delta), \delta)`.

    Args:
      max_delta: :math:`\delta \ge 0`, scalar or schedule. Real and imaginary parts of complex leaves
        are clipped one by one.

    Returns:
      A transformation without state but its count. A NaN stays NaN.

    Raises:
      ValueError: a concrete ``max_delta`` below 0.
      TypeError: a ``max_delta`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = clip(1.0)
      >>> tx.update(jnp.array([3.0, -0.5]), tx.init(jnp.zeros(2)))[0]
      Array([ 1. , -0.5], dtype=float32)

    Note:
      optax and torch (``clip_grad_value_``) agree.
    """
    return lift(Clip(max_delta))


@public
def clip_by_global_norm(max_norm: Hyperparameter) -> GradientTransformation:
    r"""Scales all updates by one factor, so that their common norm is at most ``max_norm``.

    Over all elements of all leaves,

    .. math::
        u = g \, \min\bigl(1,\, m / \lVert g \rVert\bigr), \qquad
        \lVert g \rVert = \frac{1}{a} \sqrt{\textstyle\sum |a g|^2}, \quad a \max |g| \approx 1.

    With that power of two :math:`a` the norm neither overflows (a float16 gradient of
    300, a float32 one of 1e30) nor underflows (1e-30). Zero gradients give zero, with derivative 1.

    Args:
      max_norm: :math:`m \ge 0`, scalar or schedule.

    Returns:
      A transformation without state but its count. Updates inside the ball come back bit for bit. A
      NaN or an infinity anywhere makes *every* update NaN: :func:`apply_if_finite` around it skips
      such a step, :func:`checked` names the leaf.

    Raises:
      ValueError: a concrete ``max_norm`` below 0.
      TypeError: a ``max_norm`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = clip_by_global_norm(1.0)
      >>> g = {"a": jnp.array([3e30]), "b": jnp.array([4e30])}
      >>> updates, _ = tx.update(g, tx.init(g))
      >>> updates["a"].round(3), updates["b"].round(3)
      (Array([0.6], dtype=float32), Array([0.8], dtype=float32))

    Note:
      optax squares the gradients as they are: beyond 1e19 in float32 the norm is infinite and every
      update is silently 0. torch (``clip_grad_norm_``) adds 1e-6 to the norm.

    References:
      Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks*, 2013.
    """
    return lift_whole(ClipByGlobalNorm(max_norm))


@public
def zero_nans() -> GradientTransformation:
    """Replaces every NaN in the updates by 0, and counts them.

    Returns:
      A transformation whose state has ``zeroed``, the number of elements that were NaN so far: read
      it, for a NaN that goes unnoticed is a bug that stays. Infinities pass.

    Example:
      >>> tx = zero_nans()
      >>> updates, state = tx.update(jnp.array([jnp.nan, 2.0]), tx.init(jnp.zeros(2)))
      >>> updates, state.zeroed
      (Array([0., 2.], dtype=float32), Array(1, dtype=int32))

    Note:
      optax keeps for every leaf whether the last update had a NaN.
    """
    return lift_whole(ZeroNans())
