r"""Row-wise Adagrad: one accumulator for each row of a matrix, as for tables of embeddings."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import accumulate_rows, divide_by_root, row_sum
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class RowwiseAdagradState(NamedTuple):
    """State of :func:`rowwise_adagrad`."""

    non_negative = ("sum_of_squares",)
    per_row = ("sum_of_squares",)
    count: int | jax.Array  # [], int32: steps taken
    sum_of_squares: PyTree  # [..., 1] a leaf [..., D], [] a scalar; real, non-negative: c


@rule
class RowwiseAdagrad(Rule):
    """One array: c = c + mean(g**2), u = -alpha g / (sqrt(c) + eps); the mean of a row."""

    learning_rate: Any = hyperparameter(0)
    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    initial_accumulator_value: Any = hyperparameter(0, of="init")

    name = "rowwise_adagrad"
    State = RowwiseAdagradState
    idle = Idle()

    def start(self, w):
        # A sum has the rows' shape also where they are empty, and lies on the devices of its rows.
        c = full_like(row_sum(w), self.initial_accumulator_value, accumulator=True)
        return RowwiseAdagradState(0, sum_of_squares=c)

    def step(self, g, s):
        c = accumulate_rows(s.sum_of_squares, g)
        u = -self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)
        return u, s._replace(sum_of_squares=c)


@public
def rowwise_adagrad(
    learning_rate: Hyperparameter,
    *,
    eps: Hyperparameter = 1e-7,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
) -> GradientTransformation:
    r"""Adagrad with one accumulator a row, which sums the means of the row's squares.

    For every row :math:`g = (g_1, \dots, g_D)`, the last axis of a leaf, with :math:`c^{(0)} = 0`,

    .. math::
        c^{(t+1)} = c^{(t)} + \frac{1}{D} \sum_{i=1}^{D} (g_i^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \bigl(\sqrt{c^{(t+1)}} + \epsilon\bigr).

    The elements of a row share one effective learning rate, so that an update has the direction of
    its gradient row; where the squares of a row are equal it is :func:`adagrad`. A table of
    embeddings ``[words, D]`` keeps a state of ``[words, 1]``: :math:`D` times less memory. Leave
    matrices whose rows are nothing in particular to other rules, with :func:`partition`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`c^{(0)} \ge 0`.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array per leaf: ``[..., 1]`` for ``[..., D]``, so that a vector
      is one row, and ``[]`` for a scalar, a row of one element. Inside ``shard_map`` a row is what
      one device has of it.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = rowwise_adagrad(learning_rate=5.0)
      >>> table = jnp.zeros((3, 2))  # of embeddings: three words
      >>> g = jnp.array([[1.0, 7.0], [0.0, 0.0], [0.5, -0.5]])  # the second did not occur
      >>> updates, state = tx.update(g, tx.init(table))
      >>> state.sum_of_squares
      Array([[25.  ],
             [ 0.  ],
             [ 0.25]], dtype=float32)
      >>> updates.round()
      Array([[-1., -7.],
             [-0., -0.],
             [-5.,  5.]], dtype=float32)

    Note:
      FBGEMM's row-wise Adagrad agrees but for eps 1e-8. torchrec's class ``RowWiseAdagrad`` squares
      the mean of the gradient row and moves the whole row by it. torch, Keras 3 and optax have none.

    References:
      Duchi, Hazan and Singer, *Adaptive Subgradient Methods*, 2011; Naumov et al., *Deep Learning
      Recommendation Model for Personalization and Recommendation Systems*, 2019.
    """
    return lift(RowwiseAdagrad(learning_rate, eps, eps_root, initial_accumulator_value))
