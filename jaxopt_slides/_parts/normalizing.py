"""Dividing updates by the root of their past squares: RMSProp and Adagrad without a learning rate."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import accumulate, divide_by_root
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import (
    Idle,
    Rule,
    hyperparameter,
    option,
    require_options,
    rule,
)
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree
from jaxopt_slides._rules.rmsprop import normalize, require_correctable


class ScaleByRMSState(NamedTuple):
    """State of :func:`scale_by_rms` and, with ``mean``, of :func:`scale_by_stddev`."""

    non_negative = ("mean_square",)
    count: int | jax.Array  # [], int32: steps taken
    mean_square: PyTree  # [*shape] a leaf, real, non-negative
    mean: PyTree = None  # [*shape] a leaf, if centered


class ScaleByRSSState(NamedTuple):
    """State of :func:`scale_by_rss`."""

    non_negative = ("sum_of_squares",)
    count: int | jax.Array  # [], int32: steps taken
    sum_of_squares: PyTree  # [*shape] a leaf, real, non-negative


@rule
class ScaleByRMS(Rule):
    """One array: s = beta s + (1 - beta) g**2, u = g / (sqrt(s) + eps)."""

    decay: Any = hyperparameter(0, 1, near_one=True)
    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    initial_accumulator_value: Any = hyperparameter(0, of="init")
    bias_correction: bool = option()

    name = "scale_by_rms"
    State = ScaleByRMSState
    idle = Idle()
    centered = False
    require_consistent = require_correctable

    def start(self, w):
        return ScaleByRMSState(
            0,
            mean_square=full_like(w, self.initial_accumulator_value, accumulator=True),
            mean=full_like(w) if self.centered else None,
        )

    def step(self, g, s):
        return normalize(self, g, s)


@rule
class ScaleByStddev(ScaleByRMS):
    """One array: as ScaleByRMS with s - m**2 under the root."""

    name = "scale_by_stddev"
    centered = True


@rule
class ScaleByRSS(Rule):
    """One array: c = c + g**2, u = g / (sqrt(c) + eps)."""

    eps: Any = hyperparameter(0)
    eps_root: Any = hyperparameter(0)
    initial_accumulator_value: Any = hyperparameter(0, of="init")

    name = "scale_by_rss"
    State = ScaleByRSSState
    idle = Idle()

    def start(self, w):
        c = full_like(w, self.initial_accumulator_value, accumulator=True)
        return ScaleByRSSState(0, sum_of_squares=c)

    def step(self, g, s):
        c = accumulate(s.sum_of_squares, g)
        return divide_by_root(g, c, self.eps, self.eps_root), s._replace(sum_of_squares=c)


@public
def scale_by_rms(
    decay: Hyperparameter = 0.9,
    *,
    eps: Hyperparameter = 1e-7,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
    bias_correction: bool = False,
) -> GradientTransformation:
    r"""Divides each update by the root of its running mean square.

    For every element :math:`g` of every leaf, with :math:`s^{(0)} = 0`,

    .. math::
        s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        u^{(t)} = g^{(t)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr).

    Args:
      decay: :math:`\beta \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`s^{(0)} \ge 0`.
      bias_correction: :math:`s^{(t+1)} \to s^{(t+1)} / (1 - \beta^{t+1})` in :math:`u`; needs
        :math:`\beta < 1`.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = scale_by_rms(decay=0.75)
      >>> g = {"w": jnp.array([3.0, 0.0])}
      >>> updates, state = tx.update(g, tx.init(g))
      >>> updates["w"].round(3)
      Array([2., 0.], dtype=float32)

    Note:
      torch agrees (eps outside); optax, Keras 3 and TF1 put eps inside the root.

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slide "RMSProp";
      Hinton, Srivastava and Swersky, Lecture 6e, 2012.
    """
    require_options("scale_by_rms", bias_correction=bias_correction)
    return lift(ScaleByRMS(decay, eps, eps_root, initial_accumulator_value, bias_correction))


@public
def scale_by_stddev(
    decay: Hyperparameter = 0.9,
    *,
    eps: Hyperparameter = 1e-7,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
    bias_correction: bool = False,
) -> GradientTransformation:
    r"""Divides each update by its running standard deviation: centered :func:`scale_by_rms`.

    For every element :math:`g` of every leaf, with :math:`s^{(0)} = m^{(0)} = 0`,

    .. math::
        s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        m^{(t+1)} = \beta m^{(t)} + (1 - \beta)\,g^{(t)},

    .. math::
        u^{(t)} = g^{(t)} / \bigl(\sqrt{s^{(t+1)} - (m^{(t+1)})^2} + \epsilon\bigr).

    The difference is clamped at 0, below which only rounding can bring it.

    Args:
      decay: :math:`\beta \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`s^{(0)} \ge 0`; :math:`m` starts at 0.
      bias_correction: :math:`s^{(t+1)} \to s^{(t+1)} / (1 - \beta^{t+1})` and
        :math:`m^{(t+1)} \to m^{(t+1)} / (1 - \beta^{t+1})` in :math:`u`; needs :math:`\beta < 1`.

    Returns:
      A transformation whose state is a count and two float32-or-wider arrays ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = scale_by_stddev(decay=0.5)
      >>> updates, state = tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))
      >>> updates.round(3)  # s - m**2 = 4.5 - 2.25
      Array([2.], dtype=float32)

    Note:
      optax and Keras 3 put eps inside the root, and optax does not clamp.

    References:
      Graves, *Generating Sequences with Recurrent Neural Networks*, 2013, equations 38-45.
    """
    require_options("scale_by_stddev", bias_correction=bias_correction)
    return lift(ScaleByStddev(decay, eps, eps_root, initial_accumulator_value, bias_correction))


@public
def scale_by_rss(
    *,
    eps: Hyperparameter = 1e-7,
    eps_root: Hyperparameter = 0.0,
    initial_accumulator_value: Hyperparameter = 0.0,
) -> GradientTransformation:
    r"""Divides each update by the root of the sum of all its squares so far.

    For every element :math:`g` of every leaf, with :math:`c^{(0)} = 0`,

    .. math::
        c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = g^{(t)} / \bigl(\sqrt{c^{(t+1)}} + \epsilon\bigr).

    Args:
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added outside the root.
      eps_root: :math:`\epsilon_r \ge 0`, scalar or schedule, a second epsilon, inside the root:
        :math:`\sqrt{x} \to \sqrt{x + \epsilon_r}`.
      initial_accumulator_value: :math:`c^{(0)} \ge 0`.

    Returns:
      A transformation whose state is a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = scale_by_rss()
      >>> _, state = tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))
      >>> tx.update(jnp.array([4.0]), state)[0].round(3)
      Array([0.8], dtype=float32)

    Note:
      optax has eps inside the root, starts at 0.1, and returns 0 where the sum is 0.

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slide "ADAGRAD".
    """
    return lift(ScaleByRSS(eps, eps_root, initial_accumulator_value))
