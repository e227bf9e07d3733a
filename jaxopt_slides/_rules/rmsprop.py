r"""RMSProp: ``cache = decay_rate * cache + (1 - decay_rate) * dx**2``, then divide by its root."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import (
    debias,
    divide_by_root,
    integrate_velocity,
    look_ahead,
    moving_average,
    square,
    variance,
)
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import (
    Idle,
    Rule,
    hyperparameter,
    option,
    require_below_one,
    require_options,
    rule,
)
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


def require_correctable(self: Any) -> None:
    """The ``require_consistent`` of rules with a bias correction, which at decay 1 would be 0/0."""
    if self.bias_correction:
        require_below_one(self.name, "bias_correction", self.decay)


class RMSPropState(NamedTuple):
    """State of :func:`rmsprop`."""

    non_negative = ("mean_square",)
    count: int | jax.Array  # [], int32: steps taken
    mean_square: PyTree  # [*shape] a leaf, real, non-negative: the slide's s, the code's cache
    mean: PyTree = None  # [*shape] a leaf: the mean gradient, if centered
    velocity: PyTree = None  # [*shape] a leaf, with momentum


@rule
class RMSProp(Rule):
    """One array: s = beta s + (1 - beta) g**2, u = -alpha g / (sqrt(s) + eps)."""

    learning_rate: Any = hyperparameter(0)
    decay: Any = hyperparameter(0, 1, near_one=True)
    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    initial_accumulator_value: Any = hyperparameter(0, of="init")
    momentum: Any = hyperparameter(0, 1, optional=True)
    centered: bool = option()
    nesterov: bool = option()
    bias_correction: bool = option()

    name = "rmsprop"
    State = RMSPropState
    require_consistent = require_correctable

    @property
    def idle(self) -> Idle:
        return Idle(moves=self.momentum is not None)

    def start(self, w):
        return RMSPropState(
            0,
            mean_square=full_like(w, self.initial_accumulator_value, accumulator=True),
            mean=full_like(w) if self.centered else None,
            velocity=None if self.momentum is None else full_like(w),
        )

    def step(self, g, s):
        u, s = normalize(self, g, s)
        u = -self.learning_rate * u
        if self.momentum is None:
            return u, s
        v = integrate_velocity(self.momentum, s.velocity, u)
        u = look_ahead(self.momentum, v, u) if self.nesterov else v
        return u, s._replace(velocity=v)


def normalize(r, g, s):
    """The slides' cache and division: ``dx / (np.sqrt(cache) + 1e-7)``, with the fresh cache."""
    cache = moving_average(r.decay, s.mean_square, square(g))
    mean = moving_average(r.decay, s.mean, g) if r.centered else None
    new = s._replace(mean_square=cache, mean=mean)
    if r.bias_correction:
        cache, mean = debias(r.decay, (cache, mean), s.count)
    if mean is not None:
        cache = variance(cache, mean)
    return divide_by_root(g, cache, r.eps, r.eps_root), new


@public
def rmsprop(
    learning_rate: Hyperparameter,
    decay: Hyperparameter = 0.9,
    *,
    eps: Hyperparameter = 1e-7,
    centered: bool = False,
    momentum: Hyperparameter | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
) -> GradientTransformation:
    r"""RMSProp: gradients divided by the root of their running mean square.

    For every element :math:`g` of every leaf, with :math:`s^{(0)} = 0`,

    .. math::
        s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr).

    The slide's formula divides by :math:`\sqrt{s^{(t)}}`, the old mean and without
    :math:`\epsilon`, which is 0/0 at the first step; its code cell has the fresh mean and 1e-7. This
    is the code cell.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      decay: :math:`\beta \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      centered: subtract the squared running mean of the gradients,
        :math:`s^{(t+1)} \to s^{(t+1)} - (m^{(t+1)})^2` under the root, with
        :math:`m^{(t+1)} = \beta m^{(t)} + (1 - \beta)\,g^{(t)}` and :math:`m^{(0)} = 0`.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule. Then :math:`u^{(t)} = v^{(t+1)}`, where
        :math:`v^{(t+1)} = \mu v^{(t)} - \alpha\, g^{(t)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr)` and
        :math:`v^{(0)} = 0`. None keeps no velocity.
      nesterov: look ahead along the new velocity, :math:`u^{(t)} = \mu v^{(t+1)} - \alpha\, g^{(t)} /
        \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr)`. It needs ``momentum``.
      bias_correction: :math:`s^{(t+1)} \to s^{(t+1)} / (1 - \beta^{t+1})` under the root, and if
        centered :math:`m^{(t+1)} \to m^{(t+1)} / (1 - \beta^{t+1})`. It needs :math:`\beta < 1`.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`s^{(0)} \ge 0`.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and, per leaf, one float32-or-wider array ``[*shape]``, one more each if centered and
      with momentum.

    Raises:
      ValueError: a concrete hyperparameter out of range, or options that contradict each other.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = rmsprop(learning_rate=0.1, decay=0.75)
      >>> updates, state = tx.update(jnp.array([3.0, 0.0]), tx.init(jnp.zeros(2)))
      >>> updates.round(3)
      Array([-0.2, -0. ], dtype=float32)
      >>> state.mean_square
      Array([2.25, 0.  ], dtype=float32)

    Note:
      torch has the same form with decay 0.99 and eps 1e-8; optax, Keras 3 and TF1 put eps inside the
      root, which flattens gradients smaller than its root; TF1 starts at :math:`s^{(0)} = 1`.

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slides "RMSProp" and
      "RMSprop × ADAGRAD"; Hinton, Srivastava and Swersky, Lecture 6e, 2012; Graves, 2013 (centered).
    """
    require_options("rmsprop", centered=centered, nesterov=nesterov, bias_correction=bias_correction)
    if nesterov and momentum is None:
        raise ValueError("rmsprop: nesterov=True needs a momentum, got momentum=None.")
    return lift(
        RMSProp(
            learning_rate,
            decay,
            eps,
            eps_root,
            initial_accumulator_value,
            momentum,
            centered,
            nesterov,
            bias_correction,
        )
    )
