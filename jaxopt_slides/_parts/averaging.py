"""Velocities and running means of updates."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import debias, integrate_velocity, look_ahead, moving_average
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


class TraceState(NamedTuple):
    """State of :func:`trace`."""

    count: int | jax.Array  # [], int32: steps taken
    velocity: PyTree  # [*shape] a leaf


class EmaState(NamedTuple):
    """State of :func:`ema`."""

    count: int | jax.Array  # [], int32: steps taken
    mean: PyTree  # [*shape] a leaf


@rule
class Trace(Rule):
    """One array: v = mu v + g, u = v."""

    decay: Any = hyperparameter(0, 1)
    nesterov: bool = option()

    name = "trace"
    State = TraceState
    idle = Idle(moves=True, linear_in_g=True)

    def start(self, w):
        return TraceState(0, velocity=full_like(w))

    def step(self, g, s):
        v = integrate_velocity(self.decay, s.velocity, g)
        u = look_ahead(self.decay, v, g) if self.nesterov else v
        return u, s._replace(velocity=v)


@rule
class Ema(Rule):
    """One array: m = beta m + (1 - beta) g, u = m / (1 - beta**(t + 1)); or u = m."""

    decay: Any = hyperparameter(0, 1, near_one=True)
    debias: bool = option(default=True)

    name = "ema"
    State = EmaState

    @property
    def idle(self) -> Idle:
        return Idle(moves=True, linear_in_g=True, varies=self.debias)

    def require_consistent(self) -> None:
        if self.debias:
            require_below_one(self.name, "debias", self.decay)

    def start(self, w):
        return EmaState(0, mean=full_like(w))

    def step(self, g, s):
        m = moving_average(self.decay, s.mean, g)
        u = debias(self.decay, m, s.count) if self.debias else m
        return u, s._replace(mean=m)


@public
def trace(decay: Hyperparameter, *, nesterov: bool = False) -> GradientTransformation:
    r"""Accumulates updates into a velocity: momentum without a learning rate.

    For every element :math:`g` of every leaf, with :math:`v^{(0)} = 0`,

    .. math::
        v^{(t+1)} = \mu v^{(t)} + g^{(t)}, \qquad u^{(t)} = v^{(t+1)}.

    (Not a matrix trace.) The slides' momentum is ``chain(scale_by_learning_rate(alpha), trace(mu))``;
    the other order has the learning rate outside the velocity.

    Args:
      decay: :math:`\mu \in [0, 1]`, scalar or schedule.
      nesterov: look ahead along the new velocity, :math:`u^{(t)} = \mu v^{(t+1)} + g^{(t)}`.

    Returns:
      A transformation whose state is a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``decay`` outside [0, 1].
      TypeError: a ``decay`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = trace(0.5)
      >>> _, state = tx.update(jnp.array([4.0]), tx.init(jnp.zeros(1)))
      >>> tx.update(jnp.array([1.0]), state)[0]
      Array([3.], dtype=float32)
    """
    require_options("trace", nesterov=nesterov)
    return lift(Trace(decay, nesterov))


@public
def ema(decay: Hyperparameter, *, debias: bool = True) -> GradientTransformation:
    r"""Replaces updates by their exponential moving average.

    For every element :math:`g` of every leaf, with :math:`m^{(0)} = 0`,

    .. math::
        m^{(t+1)} = \beta m^{(t)} + (1 - \beta)\, g^{(t)}, \qquad
        u^{(t)} = m^{(t+1)} / (1 - \beta^{t+1}).

    Args:
      decay: :math:`\beta \in [0, 1)`, scalar or schedule; up to 1 without ``debias``.
      debias: divide by :math:`1 - \beta^{t+1}`, so that the first average is the first update; without
        it, :math:`u^{(t)} = m^{(t+1)}`.

    Returns:
      A transformation whose state is a count and one float32-or-wider array ``[*shape]`` per leaf.

    Raises:
      ValueError: a concrete ``decay`` outside [0, 1], or 1 with ``debias``.
      TypeError: a ``decay`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = ema(0.5, debias=False)
      >>> _, state = tx.update(jnp.array([4.0]), tx.init(jnp.zeros(1)))
      >>> tx.update(jnp.array([1.0]), state)[0]
      Array([1.5], dtype=float32)
    """
    require_options("ema", debias=debias)
    return lift(Ema(decay, debias))
