r"""The slides' formulas, each written once; rules and parts call the same ones."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.numbers import NearOne


def square(g: jax.Array) -> jax.Array:
    r"""The elementwise square :math:`|g|^2`, real also for complex gradients."""
    if jnp.iscomplexobj(g):
        return jnp.square(g.real) + jnp.square(g.imag)
    return jnp.square(g)


def moving_average(beta: NearOne, s: jax.Array, x: jax.Array) -> jax.Array:
    r""":math:`s \leftarrow \beta s + (1 - \beta)\,x`."""
    return beta * s + (1 - beta) * x


def bias(beta: NearOne, count: jax.Array) -> jax.Array:
    r""":math:`1 - \beta^{t+1}`: what a moving average that began at 0 has reached of a constant.

    At the largest count t + 1 would overflow; there it has long been 1.
    """
    return beta.one_minus_power(jnp.maximum(count + 1, count))


def debias(beta: NearOne, x: Any, count: jax.Array) -> Any:
    r""":math:`x / (1 - \beta^{t+1})`: moving averages that began at 0, made whole; None stays None.

    Averages that meet in a difference are corrected together, by the same number: the compiler may
    round two copies of it differently.
    """
    correction = bias(beta, count)
    return jax.tree.map(lambda average: average / correction, x)


def accumulate(c: jax.Array, g: jax.Array) -> jax.Array:
    r""":math:`c \leftarrow c + |g|^2`."""
    return c + square(g)


def row_sum(x: jax.Array) -> jax.Array:
    """The sum over each row, ``[..., 1]``: the last axis. A scalar is a row of one element, ``[]``."""
    return x if jnp.ndim(x) == 0 else jnp.sum(x, axis=-1, keepdims=True)


def row_mean(x: jax.Array) -> jax.Array:
    """The mean over each row, ``[..., 1]``; that of a row without elements is 0, not 0/0."""
    trivial = x.ndim == 0 or x.shape[-1] == 0
    return row_sum(x) if trivial else jnp.mean(x, axis=-1, keepdims=True)


def accumulate_rows(c: jax.Array, g: jax.Array) -> jax.Array:
    r""":math:`c \leftarrow c + \overline{|g|^2}`, the mean over each row."""
    return c + row_mean(square(g))


def integrate_velocity(mu: jax.Array, v: jax.Array, u: jax.Array) -> jax.Array:
    r""":math:`v \leftarrow \mu v + u`; the slides' momentum has :math:`u = -\alpha g`."""
    return mu * v + u


def look_ahead(mu: jax.Array, v: jax.Array, u: jax.Array) -> jax.Array:
    r"""Nesterov's update :math:`\mu v + u` from the *new* velocity: one more step of it, in advance."""
    return mu * v + u


def variance(s: jax.Array, m: jax.Array) -> jax.Array:
    r""":math:`s - |m|^2`, which rounding can make negative: then 0."""
    return jnp.where(s > square(m), s - square(m), 0)


def root(s: jax.Array) -> jax.Array:
    r""":math:`\sqrt{s}`, bounded away from 0 by the smallest normal number.

    At :math:`s = 0` the derivative of a square root is infinite, and times a zero gradient it would
    make every hypergradient NaN; and with :math:`\epsilon = 0` a zero gradient would be 0/0.
    """
    return jnp.sqrt(jnp.maximum(s, jnp.finfo(s.dtype).tiny))


def root_or_zero(d: jax.Array) -> jax.Array:
    r""":math:`\sqrt{d}` as a factor: exactly 0 at 0, where its derivative is 0 instead of infinite."""
    positive = d > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, d, 1)), 0)


@jax.custom_jvp
def divide_by_root(g: jax.Array, s: jax.Array, eps: Any, eps_root: Any) -> jax.Array:
    r""":math:`g / (\sqrt{s + \epsilon_{\text{root}}} + \epsilon)`; the slides' code has 0 and 1e-7.

    Where no gradient ever came (g = s = 0) the derivative by g would be :math:`1/\epsilon`; a loss
    at rest there would multiply it by itself at every step until it overflows. It is 0 instead.
    """
    return _quotient(g, s, eps, eps_root)


def _quotient(g: jax.Array, s: jax.Array, eps: Any, eps_root: Any) -> jax.Array:
    return g / (root(s + eps_root) + eps)


@divide_by_root.defjvp
def _derivative(primals: Any, tangents: Any) -> Any:
    """Asked for here, and only in programs with derivatives, whether a gradient ever came."""

    def where_any_came(g, s, *eps):
        return _quotient(jnp.where((g == 0) & (s == 0), 0, g), s, *eps)

    with jax.numpy_dtype_promotion("standard"):  # complex gradients over real roots
        return jax.jvp(where_any_came, primals, tangents)
