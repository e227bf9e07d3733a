"""What an update makes of gradients of all sizes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.dtypes import widen
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
