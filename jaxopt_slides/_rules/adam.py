r"""Adam: a velocity and a root mean square of the gradients, both corrected for their start at 0."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import (
    bias,
    debias,
    divide_by_root,
    moving_average,
    root,
    square,
)
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import (
    Rule,
    hyperparameter,
    option,
    require_below_one,
    require_options,
    rule,
)
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class AdamState(NamedTuple):
    """State of :func:`adam`."""

    non_negative = ("mean_square",)
    count: int | jax.Array  # [], int32: steps taken
    mean: PyTree  # [*shape] a leaf: the mean gradient, uncorrected
    mean_square: PyTree  # [*shape] a leaf, real, non-negative, uncorrected


@rule
class Adam(Rule):
    """One array: the docstring of :func:`adam` has the equations."""

    learning_rate: Any = hyperparameter(0)
    b1: Any = hyperparameter(0, 1, near_one=True)
    b2: Any = hyperparameter(0, 1, near_one=True)
    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    nesterov: bool = option()
    eps_hat: bool = option()

    name = "adam"
    State = AdamState
    idle = "divides a velocity by a root, so that an idle step is not linear in its state"

    def require_consistent(self) -> None:
        for name in ("b1", "b2"):
            require_below_one(self.name, "bias correction", getattr(self, name), name)

    def start(self, w):
        return AdamState(0, mean=full_like(w), mean_square=full_like(w, accumulator=True))

    def step(self, g, s):
        m = moving_average(self.b1, s.mean, g)
        cache = moving_average(self.b2, s.mean_square, square(g))
        velocity, spread = debias(self.b1, m, s.count), debias(self.b2, cache, s.count)
        if self.nesterov:
            ahead = debias(self.b1, m, jnp.maximum(s.count + 1, s.count))
            velocity = moving_average(self.b1, ahead, debias(self.b1, g, s.count))
        # eps on the uncorrected root: the same as this one on the corrected root.
        eps = self.eps / root(bias(self.b2, s.count)) if self.eps_hat else self.eps
        u = -self.learning_rate * divide_by_root(velocity, spread, eps, self.eps_root)
        return u, s._replace(mean=m, mean_square=cache)


@public
def adam(
    learning_rate: Hyperparameter,
    *,
    b1: Hyperparameter = 0.9,
    b2: Hyperparameter = 0.999,
    eps: Hyperparameter = 1e-8,
    eps_root: Hyperparameter = 0.0,
    nesterov: bool = False,
    eps_hat: bool = False,
) -> GradientTransformation:
    r"""Adam: the running mean of the gradients, divided by the root of their running mean square.

    The bridge to the next lecture: momentum and RMSProp in one rule. For every element :math:`g` of
    every leaf, with :math:`m^{(0)} = s^{(0)} = 0`,

    .. math::
        m^{(t+1)} = \beta_1 m^{(t)} + (1 - \beta_1)\,g^{(t)}, \qquad
        s^{(t+1)} = \beta_2 s^{(t)} + (1 - \beta_2)\,(g^{(t)})^2,

    .. math::
        \hat m^{(t)} = \frac{m^{(t+1)}}{1 - \beta_1^{t+1}}, \qquad
        \hat s^{(t)} = \frac{s^{(t+1)}}{1 - \beta_2^{t+1}}, \qquad
        u^{(t)} = -\alpha\, \hat m^{(t)} / \bigl(\sqrt{\hat s^{(t)}} + \epsilon\bigr).

    The corrections undo the start at 0: the first step is :math:`\alpha` in size, as Adagrad's is.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      b1: :math:`\beta_1 \in [0, 1)`, scalar or schedule, of the mean.
      b2: :math:`\beta_2 \in [0, 1)`, scalar or schedule, of the mean square.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root of the corrected mean.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      nesterov: look ahead (NAdam): :math:`\hat m^{(t)} = \beta_1 m^{(t+1)} / (1 - \beta_1^{t+2}) +
        (1 - \beta_1)\, g^{(t)} / (1 - \beta_1^{t+1})`.
      eps_hat: add :math:`\epsilon` to the root *before* its correction, the :math:`\hat\epsilon` of the
        paper's shorter form: :math:`\epsilon \to \epsilon / \sqrt{1 - \beta_2^{t+1}}`.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and two float32-or-wider arrays ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule, or an option that
        is not True or False.

    Example:
      >>> tx = adam(learning_rate=0.1)
      >>> updates, state = tx.update(jnp.array([3.0, -0.01]), tx.init(jnp.zeros(2)))
      >>> updates.round(3)
      Array([-0.1,  0.1], dtype=float32)
      >>> updates, state = tx.update(jnp.array([0.0, 0.0]), state)  # it goes on by itself
      >>> updates.round(3)
      Array([-0.067,  0.067], dtype=float32)

    Note:
      torch and optax agree, defaults included. Keras 3 and TF1 have ``eps_hat``, 1e-7 and 1e-8; at
      first that is :math:`1/\sqrt{1 - \beta_2} \approx 32` times as large. With a scheduled
      :math:`\beta` the correction is :math:`1 - \beta^{t+1}` with the current :math:`\beta`.

    References:
      Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1 and
      section 2 (epsilon hat); Dozat, *Incorporating Nesterov Momentum into Adam*, 2016.
    """
    require_options("adam", nesterov=nesterov, eps_hat=eps_hat)
    return lift(Adam(learning_rate, b1, b2, eps, eps_root, nesterov, eps_hat))
