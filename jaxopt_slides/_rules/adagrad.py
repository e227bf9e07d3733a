r"""Adagrad: ``cache += dx**2``, then divide by its root."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import accumulate, divide_by_root
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class AdagradState(NamedTuple):
    """State of :func:`adagrad`."""

    non_negative = ("sum_of_squares",)
    count: int | jax.Array  # [], int32: steps taken
    sum_of_squares: PyTree  # [*shape] a leaf, real, non-negative: the slide's c, the code's cache


@rule
class Adagrad(Rule):
    """One array: c = c + g**2, u = -alpha g / (sqrt(c) + eps)."""

    learning_rate: Any = hyperparameter(0)
    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    initial_accumulator_value: Any = hyperparameter(0, of="init")

    name = "adagrad"
    State = AdagradState
    idle = Idle()

    def start(self, w):
        c = full_like(w, self.initial_accumulator_value, accumulator=True)
        return AdagradState(0, sum_of_squares=c)

    def step(self, g, s):
        c = accumulate(s.sum_of_squares, g)
        u = -self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)
        return u, s._replace(sum_of_squares=c)


@public
def adagrad(
    learning_rate: Hyperparameter,
    *,
    eps: Hyperparameter = 1e-7,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
) -> GradientTransformation:
    r"""Adagrad: gradients divided by the root of the sum of all their squares so far.

    For every element :math:`g` of every leaf, with :math:`c^{(0)} = 0`,

    .. math::
        c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \bigl(\sqrt{c^{(t+1)}} + \epsilon\bigr).

    The sum includes the current square, as in the slide :math:`c^{(t)} = \sum_{j=1}^{t}(g^{(j)})^2`,
    which counts gradients from 1. The effective learning rate falls as :math:`1/\sqrt{t}`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`c^{(0)} \ge 0`.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = adagrad(learning_rate=0.1)
      >>> state = tx.init(jnp.zeros(2))
      >>> updates, state = tx.update(jnp.array([3.0, -0.01]), state)
      >>> updates.round(3)  # the first step has one size, whatever the gradient's
      Array([-0.1,  0.1], dtype=float32)
      >>> updates, state = tx.update(jnp.array([4.0, 0.0]), state)
      >>> [f"{u:.3f}" for u in updates]
      ['-0.080', '-0.000']

    Note:
      torch agrees but for eps 1e-10; Keras 3 and optax put eps inside the root and start at 0.1,
      TF1 starts at 0.1 without eps.

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slides "ADAGRAD" and
      "RMSprop × ADAGRAD"; Duchi, Hazan and Singer, *Adaptive Subgradient Methods*, 2011.
    """
    return lift(Adagrad(learning_rate, eps, eps_root, initial_accumulator_value))
