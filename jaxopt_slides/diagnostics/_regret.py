"""Regret, and Adagrad's bound on it."""

from typing import Any

import jax
import numpy as np

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree


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
