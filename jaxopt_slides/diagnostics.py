r"""Numbers about a run: effective learning rates, spreads, zig-zag, overshoot, regret and its bound.

They take what :func:`fit` records, or an optimizer's state, and return NumPy or jax arrays; nothing
here changes a run.
"""

import typing as _typing
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.dtypes import widen
from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown

ACCUMULATORS = ("sum_of_squares", "mean_square")


@public
def effective_learning_rate(tx: Any, state: PyTree, params: PyTree = None, **extra: Any) -> PyTree:
    r"""What the next update multiplies a small gradient by: :math:`-\partial u / \partial g` at 0.

    Of Adagrad this is :math:`\alpha / (\sqrt c + \epsilon)` with the state's own :math:`c`. RMSProp
    forgets before it divides: :math:`\alpha / (\sqrt{\beta s} + \epsilon)`. Schedules, bias
    corrections, centering and whatever else stands in a chain are in it, since it is ``update`` itself
    that is differentiated; what a velocity makes of the gradient in later steps is not.

    Args:
      tx: an optimizer, ours or any optax-style pair, that updates each element by itself.
      state: its state.
      params: the parameters. They may be left out of Adagrad, RMSProp and chains with one of them
        or their parts, unless a member needs them, as weight decay does. Row-wise Adagrad's rates
        are then one a row.
      **extra: keyword arguments of ``update``, where it asks for any.

    Returns:
      A tree like the parameters, in float32 or wider. A gradient that is not small enters the
      accumulator and is divided by more. Where none ever came it is :math:`\alpha / \epsilon`.

    Raises:
      TypeError: ``tx`` is not an optimizer.
      ValueError: no ``params``, and the state does not show their shapes.

    Example:
      >>> tx = adagrad(0.5)
      >>> _, state = tx.update(jnp.array([1.0, 4.0]), tx.init(jnp.zeros(2)))
      >>> jos.diagnostics.effective_learning_rate(tx, state).round(3)
      Array([0.5  , 0.125], dtype=float32)
    """
    if not callable(getattr(tx, "update", None)):
        raise TypeError(f"effective_learning_rate: expected an optimizer, got {shown(tx)}.")
    like = _accumulator(state) if params is None else params
    if like is None:
        raise ValueError(
            f"effective_learning_rate: {tx!r:.80} keeps no squares that look like the parameters; call "
            f"effective_learning_rate(tx, state, params)."
        )
    ones = jax.tree.map(lambda w: jnp.ones_like(widen(w)), like)
    small = jax.tree.map(
        lambda x: jnp.full_like(x, jnp.finfo(x.dtype).tiny), ones
    )  # at 0, 0/0 is taken for 0
    _, slopes = jax.jvp(lambda g: tx.update(g, state, params, **extra)[0], (small,), (ones,))
    return jax.tree.map(lambda slope: -jnp.real(slope), slopes)


def _accumulator(state: PyTree) -> PyTree:
    """The one tree of accumulated squares in a state or in a chain of states; None if there is none."""
    if hasattr(state, "_fields"):
        return next((x for n in ACCUMULATORS if (x := getattr(state, n, None)) is not None), None)
    if not isinstance(state, tuple | dict):
        return None
    members = state.values() if isinstance(state, dict) else state
    found = [x for x in map(_accumulator, members) if x is not None]
    return found[0] if len(found) == 1 else None


@public
def spread(tree: PyTree, *, rows: bool = False) -> PyTree:
    """The decades between the largest and the smallest size of each leaf.

    Args:
      tree: gradients or parameters.
      rows: compare the root mean squares of rows (of the first axis) instead of the magnitudes of
        elements.

    Returns:
      A float for every leaf, ``log10(max / min)`` over what is not zero; 0 where at most one is; NaN
      where something is not finite.

    Example:
      >>> jos.diagnostics.spread({"w": jnp.array([1.0, 0.0, -1e4])})
      {'w': 4.0}
    """
    return jax.tree.map(lambda x: _decades(_sizes(x, rows)), tree)


def _sizes(x: Any, rows: bool) -> np.ndarray:
    sizes = np.abs(np.asarray(x)).astype(np.float64)
    if not (rows and sizes.size and np.isfinite(sizes).all()):
        return sizes
    sizes = sizes.reshape(sizes.shape[0] if sizes.ndim else 1, -1)
    unit = sizes.max(axis=1) + (sizes.max(axis=1) == 0)  # lest squares over- or underflow
    return unit * np.sqrt(np.mean(np.square(sizes / unit[:, None]), axis=1))


def _decades(sizes: np.ndarray) -> float:
    if not np.isfinite(sizes).all():
        return float("nan")
    sizes = sizes[sizes > 0]
    return float(np.round(np.log10(sizes.max()) - np.log10(sizes.min()), 12)) if sizes.size else 0.0


@public
def sign_flips(path: Any) -> np.ndarray:
    """How often each coordinate turns round: the share of steps against the step before.

    Args:
      path: positions ``[steps, ...]``, as ``fit(..., record=["params"])`` has them.

    Returns:
      ``[...]``, from 0 (straight on) to 1 (to and fro at every step). A step of 0 turns nothing.

    Raises:
      ValueError: fewer than three positions, or one that is not finite.

    Example:
      >>> jos.diagnostics.sign_flips(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]))
      array([0., 1.])
    """
    steps = np.sign(np.diff(_path("sign_flips", path, 3), axis=0))
    return np.mean(steps[1:] * steps[:-1] < 0, axis=0)


@public
def progress(path: Any, goal: Any) -> np.ndarray:
    """The share of the way to the goal that each coordinate has come; 1 is there.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``: 1 minus the last distance over the first; NaN where there was no way to go.

    Raises:
      ValueError: no positions, one that is not finite, or a goal of another shape.

    Example:
      >>> jos.diagnostics.progress(np.array([[4.0], [3.0], [1.0]]), 0.0)
      array([0.75])
    """
    path, way = _path("progress", path, 1), _way("progress", path, goal)
    return 1 - np.abs(path[-1] - goal) / np.abs(way)


@public
def overshoot(path: Any, goal: Any) -> np.ndarray:
    """How far each coordinate goes beyond the goal, as a share of the way to it.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``, 0 for who never passes it; NaN where there was no way to go.

    Raises:
      ValueError: no positions, one that is not finite, or a goal of another shape.

    Example:
      >>> jos.diagnostics.overshoot(np.array([[4.0], [-1.0], [0.5]]), 0.0)
      array([0.25])
    """
    path, way = _path("overshoot", path, 1), _way("overshoot", path, goal)
    return np.maximum(np.max((goal - path) / way, axis=0), 0)


def _path(owner: str, path: Any, least: int) -> np.ndarray:
    """The positions in float64."""
    path = np.asarray(path, np.float64)
    if path.ndim < 1 or len(path) < least:
        raise ValueError(
            f"{owner}: the path must have at least {least} position{'s' * (least > 1)}, got shape "
            f"{path.shape}."
        )
    if not np.isfinite(path).all():
        first = np.argwhere(~np.isfinite(path))[0][0]
        raise ValueError(f"{owner}: the path is not finite from position {first} on; cut it there.")
    return path


def _way(owner: str, path: Any, goal: Any) -> np.ndarray:
    """From the goal to the first position; NaN where they are one."""
    first, goal = np.asarray(path[0], np.float64), np.asarray(goal, np.float64)
    if goal.shape not in ((), first.shape):
        raise ValueError(
            f"{owner}: the goal must be a number or of shape {first.shape}, got shape {goal.shape}."
        )
    return np.where(first == goal, np.nan, first - goal)


@public
def regret(losses: Any, fixed_losses: Any) -> np.ndarray:
    r"""The regret after each round: :math:`R(T) = \sum_{t \le T} f_t(x_t) - f_t(x^*)`.

    Args:
      losses: :math:`f_t(x_t)`, ``[rounds]``: each round's loss where the optimizer stood.
      fixed_losses: :math:`f_t(x^*)`, ``[rounds]``: the same rounds' losses at the best fixed point.

    Returns:
      ``[rounds]``, in float64.

    Raises:
      ValueError: the two are not vectors of one length.

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


@public
def adagrad_bound(state: PyTree, learning_rate: float, radius: float, *, eps: float = 0.0) -> float:
    r"""Adagrad's own bound on its regret, from its state.

    For convex losses, with every iterate at most :math:`D` from the best fixed point in every
    coordinate,

    .. math::
        R(T) \le \sum_i \frac{D^2}{2 \alpha} \bigl(\sqrt{c_i} + \epsilon\bigr) + \alpha \sqrt{c_i},
        \qquad c_i = \sum_{t \le T} \bigl(g_i^{(t)}\bigr)^2.

    The first term is :math:`\tfrac{1}{2\alpha} \sum_t \langle (x_t - x^*)^2, h_t - h_{t-1} \rangle`
    with :math:`h_t = \sqrt{c^{(t)}} + \epsilon`, which only grows, so that the sum telescopes; the
    second is :math:`\tfrac{\alpha}{2} \sum_t \sum_i (g_i^{(t)})^2 / h_{t,i}`, at most
    :math:`\alpha \sum_i \sqrt{c_i}`. Projection onto a box (:func:`project`) changes neither, nor does
    an initial accumulator, which is part of :math:`c`. Onto a ball Adagrad would have to project in
    the norm of :math:`h_t`, which :func:`project` does not.

    Args:
      state: Adagrad's state after the rounds, that of ``adagrad`` or ``scale_by_rss``.
      learning_rate: :math:`\alpha > 0`, constant.
      radius: :math:`D \ge 0`, the largest distance in any coordinate; in a box, at most its width.
      eps: :math:`\epsilon \ge 0`, that of the optimizer; its ``eps_root`` must be 0.

    Returns:
      The bound, least for :math:`\alpha = D / \sqrt 2`: :math:`\sqrt 2\, D \sum_i \sqrt{c_i}`.

    Raises:
      TypeError: ``state`` has no sum of squares of every element.
      ValueError: a number out of range.

    Example:
      >>> tx = adagrad(1.0, eps=0.0)
      >>> _, state = tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)))
      >>> jos.diagnostics.adagrad_bound(state, learning_rate=1.0, radius=2.0)
      21.0

    References:
      Duchi, Hazan and Singer, *Adaptive Subgradient Methods*, 2011, theorem 5 (diagonal matrices,
      composite mirror descent), where :math:`\alpha` is :math:`\eta` and :math:`\epsilon` is
      :math:`\delta`.
    """
    sums = getattr(state, "sum_of_squares", None)
    if sums is None or hasattr(state, "per_row"):  # of a row's one number the theorem says nothing
        raise TypeError(f"adagrad_bound: expected Adagrad's state, got {type(state).__name__}.")
    if not (0 < learning_rate < np.inf and 0 <= radius < np.inf and 0 <= eps < np.inf):
        raise ValueError(
            f"adagrad_bound: learning_rate must be above 0, radius and eps at least 0, all finite, got "
            f"{learning_rate!r}, {radius!r} and {eps!r}."
        )
    roots = np.concatenate([np.sqrt(np.ravel(c).astype(np.float64)) for c in jax.tree.leaves(sums)])
    weights = np.sum(roots + eps) * radius**2 / (2 * learning_rate)
    return float(weights + learning_rate * np.sum(roots))


if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
