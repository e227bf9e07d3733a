r"""Numbers about a run: effective learning rates, spreads, zig-zag, overshoot, regret and its bound.

They take what :func:`fit` records, or an optimizer's state, and return NumPy or jax arrays; nothing
here changes a run.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.dtypes import real
from jaxopt_slides._core.formulas import divide_by_root
from jaxopt_slides._core.node import Node
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown

ACCUMULATORS = ("sum_of_squares", "mean_square")


def _members(node: Node, state: PyTree) -> Iterator[tuple[Any, Any]]:
    node.require_state(state)
    if not isinstance(node, Chain):
        yield node.rule, state
        return
    for child, s in zip(node.members, node.substates(state), strict=True):
        yield from _members(child, s)


def effective_learning_rate(tx: GradientTransformation, state: PyTree) -> PyTree:
    r"""What multiplies each element's next gradient, about: :math:`\alpha / (\sqrt c + \epsilon)`.

    Args:
      tx: Adagrad or RMSProp, or a chain with one of them or of their parts.
      state: its state, after at least one step.

    Returns:
      A tree like the parameters. It is exact for the gradient 0; a gradient that enters the
      accumulator at once is divided by a little more.

    Raises:
      TypeError: ``tx`` is not an optimizer of this library.
      ValueError: it divides by no root of past squares.

    Example:
      >>> tx = adagrad(0.5)
      >>> _, state = tx.update(jnp.array([1.0, 4.0]), tx.init(jnp.zeros(2)))
      >>> jos.diagnostics.effective_learning_rate(tx, state).round(3)
      Array([0.5  , 0.125], dtype=float32)
    """
    nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
    if nodes is None:
        raise TypeError(
            f"effective_learning_rate: expected an optimizer of this library, got {shown(tx)}."
        )
    found, rate = None, 1.0
    for rule, s in _members(nodes[1], state):
        names = dict(rule.hyperparameters()) if rule is not None else {}
        if "learning_rate" in names:
            rate = rate * rule.at(s.count, float).learning_rate
        field = next((f for f in ACCUMULATORS if getattr(s, f, None) is not None), None)
        found = (rule, s, field) if field else found
    if found is None:
        raise ValueError(
            f"effective_learning_rate: {tx!r:.80} divides by no root of past squares; its rate is its "
            f"learning_rate."
        )
    return jax.tree.map(lambda c: _gain(found, c) * jnp.asarray(rate, c.dtype), _column(found))


def _column(found: Any) -> PyTree:
    _, s, field = found
    return getattr(s, field)


def _gain(found: Any, c: jax.Array) -> jax.Array:
    """1 / (sqrt(c + eps_root) + eps)."""
    rule, s, _ = found
    now = rule.at(s.count, real(c.dtype))
    return divide_by_root(jnp.ones_like(c), c, now.eps, getattr(now, "eps_root", 0))


def spread(tree: PyTree, *, rows: bool = False) -> PyTree:
    """The decades between the largest and the smallest size of each leaf.

    Args:
      tree: gradients or parameters.
      rows: compare the root mean squares of rows instead of the magnitudes of elements.

    Returns:
      A float for every leaf, ``log10(max / min)`` over what is not zero; 0 where at most one is.

    Example:
      >>> jos.diagnostics.spread({"w": jnp.array([1e-3, 0.0, 10.0])})
      {'w': 4.0}
    """

    def of(x: Any) -> float:
        sizes = np.abs(np.asarray(x, np.float64))
        if rows:
            sizes = np.sqrt(np.mean(np.square(sizes.reshape(sizes.shape[0], -1)), axis=1))
        sizes = sizes[sizes > 0]
        return float(np.round(np.log10(sizes.max() / sizes.min()), 12)) if sizes.size else 0.0

    return jax.tree.map(of, tree)


def sign_flips(path: Any) -> np.ndarray:
    """How often each coordinate turns round: the share of steps against the step before.

    Args:
      path: positions ``[steps, ...]``, as ``fit(..., record=["params"])`` has them.

    Returns:
      ``[...]``, from 0 (straight on) to 1 (to and fro at every step). A step of 0 turns nothing.

    Example:
      >>> jos.diagnostics.sign_flips(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]))
      array([0., 1.])
    """
    steps = np.diff(_path("sign_flips", path, 3), axis=0)
    return np.mean(steps[1:] * steps[:-1] < 0, axis=0)


def progress(path: Any, goal: Any) -> np.ndarray:
    """The share of the way to the goal that each coordinate has come; 1 is there.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``: 1 minus the last distance over the first; NaN where there was no way to go.

    Example:
      >>> jos.diagnostics.progress(np.array([[4.0], [3.0], [1.0]]), 0.0)
      array([0.75])
    """
    path = _path("progress", path, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - np.abs(path[-1] - goal) / np.abs(path[0] - goal)


def overshoot(path: Any, goal: Any) -> np.ndarray:
    """How far each coordinate goes beyond the goal, as a share of the way to it.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``, 0 for who never passes it.

    Example:
      >>> jos.diagnostics.overshoot(np.array([[4.0], [-1.0], [0.5]]), 0.0)
      array([0.25])
    """
    path = _path("overshoot", path, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = (goal - path) / (path[0] - goal)
    return np.maximum(beyond.max(axis=0), 0)


def _path(owner: str, path: Any, least: int) -> np.ndarray:
    path = np.asarray(path, np.float64)
    if path.ndim < 1 or len(path) < least:
        raise ValueError(f"{owner}: the path must have at least {least} positions, got {path.shape}.")
    return path


def regret(losses: Any, fixed_losses: Any) -> np.ndarray:
    r"""The regret after each round: :math:`R(T) = \sum_{t \le T} f_t(x_t) - f_t(x^*)`.

    Args:
      losses: :math:`f_t(x_t)`, ``[rounds]``: each round's loss where the optimizer stood.
      fixed_losses: :math:`f_t(x^*)`, ``[rounds]``: the same rounds' losses at the best fixed point.

    Returns:
      ``[rounds]``, in float64.

    Example:
      >>> jos.diagnostics.regret([3.0, 1.0], [1.0, 1.0])
      array([2., 2.])
    """
    losses, fixed = np.asarray(losses, np.float64), np.asarray(fixed_losses, np.float64)
    if losses.shape != fixed.shape or losses.ndim != 1:
        raise ValueError(
            f"regret: both must have one loss a round, got shapes {losses.shape} and {fixed.shape}."
        )
    return np.cumsum(losses - fixed)


def adagrad_bound(state: PyTree, learning_rate: float, radius: float) -> float:
    r"""Adagrad's own bound on its regret, from its state.

    For convex losses, with every iterate at most :math:`D_\infty` from the best fixed point in every
    coordinate,

    .. math::
        R(T) \le \Bigl(\frac{D_\infty^2}{2 \alpha} + \alpha\Bigr) \sum_i \sqrt{c_i^{(T)}},
        \qquad c_i^{(T)} = \sum_{t \le T} \bigl(g_i^{(t)}\bigr)^2,

    where the first term comes from :math:`\tfrac{1}{2\alpha} \sum_t \langle (x_t - x^*)^2,
    \sqrt{c^{(t)}} - \sqrt{c^{(t-1)}} \rangle` and the second from :math:`\tfrac{\alpha}{2} \sum_t
    \sum_i (g_i^{(t)})^2 / \sqrt{c_i^{(t)}} \le \alpha \sum_i \sqrt{c_i^{(T)}}`. It holds for
    :math:`\epsilon = 0`, any initial :math:`c^{(0)} \ge 0` (then part of :math:`c^{(T)}`), and with a
    projection onto a box if there is one; :math:`\epsilon > 0` adds :math:`\epsilon D_\infty^2 / (2
    \alpha)` for each coordinate. The best learning rate for it is :math:`D_\infty / \sqrt 2`.

    Args:
      state: Adagrad's state.
      learning_rate: :math:`\alpha > 0`, constant.
      radius: :math:`D_\infty`, the largest distance in any coordinate.

    Returns:
      The bound.

    Example:
      >>> tx = adagrad(1.0, eps=0.0)
      >>> _, state = tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)))
      >>> jos.diagnostics.adagrad_bound(state, learning_rate=1.0, radius=2.0)
      21.0

    References:
      Duchi, Hazan and Singer, *Adaptive Subgradient Methods*, 2011, theorem 5 (diagonal matrices),
      the half on composite mirror descent, with its :math:`\delta = 0`.
    """
    sums = getattr(state, "sum_of_squares", None)
    if sums is None:
        raise TypeError(f"adagrad_bound: expected Adagrad's state, got {type(state).__name__}.")
    total = sum(float(np.sqrt(np.asarray(c, np.float64)).sum()) for c in jax.tree.leaves(sums))
    return (radius**2 / (2 * learning_rate) + learning_rate) * total
