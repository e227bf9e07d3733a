"""A learning rate that is cut when a metric stops improving."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import dtype_of
from jaxopt_slides._core.dtypes import real, widest
from jaxopt_slides._core.lift import lift_whole
from jaxopt_slides._core.rule import Rule, hyperparameter, option, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._core.words import as_integer, shown

KINDS = (jnp.floating, jnp.integer)  # what a metric may be


class ReduceOnPlateauState(NamedTuple):
    """State of :func:`reduce_on_plateau`."""

    may_be_infinite = ("best_value",)  # before the first metric
    count: int | jax.Array  # [], int32: steps taken
    scale: jax.Array  # [], float32 or wider: what updates are multiplied by
    best_value: jax.Array  # [], float32 or wider: the best metric so far
    plateau_count: int | jax.Array  # [], int32: steps without improvement
    cooldown_count: int | jax.Array  # [], int32: steps in which nothing is cut


@rule
class ReduceOnPlateau(Rule):
    """All arrays: u = scale g."""

    factor: Any = hyperparameter(0, 1)
    rtol: Any = hyperparameter(0)
    atol: Any = hyperparameter(0)
    min_scale: Any = hyperparameter(0, 1)
    patience: int = option(default=10)
    cooldown: int = option(default=0)

    name = "reduce_on_plateau"
    State = ReduceOnPlateauState
    extras = frozenset({"value"})
    idle = "depends on a metric"

    def require_extras(self, extra) -> None:
        value = extra.get("value")
        dtype = None if isinstance(value, bool) else dtype_of(value)
        shape = getattr(value, "shape", ())
        real_number = dtype is not None and any(jnp.issubdtype(dtype, k) for k in KINDS)
        if value is None or not real_number or shape:
            came = f"an array of {dtype} of shape {shape}" if hasattr(value, "shape") else ""
            raise TypeError(
                f"reduce_on_plateau needs the metric, one real number, but {came or shown(value)} "
                f"came: call update(updates, state, params, value=loss)."
            )

    def start(self, params):
        waited, cooldown = (jnp.zeros((), jnp.int32) for _ in range(2))  # two buffers, for donation
        one = jnp.ones((), widest(params))
        return ReduceOnPlateauState(0, one, jnp.inf * one, waited, cooldown)

    def step(self, updates, s, value):
        value = jnp.asarray(value).astype(s.best_value.dtype)
        least = self.rtol * jnp.abs(s.best_value) + self.atol
        improved = value < jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value - least)
        waited = jnp.where(improved, 0, s.plateau_count + 1)
        cooling = s.cooldown_count > 0
        cut = ~cooling & (waited >= self.patience)
        scale = jnp.where(cut, jnp.maximum(s.scale * self.factor, self.min_scale), s.scale)
        new = s._replace(
            scale=scale.astype(s.scale.dtype),
            best_value=jnp.where(improved, value, s.best_value),
            plateau_count=jnp.where(cooling | cut, 0, waited),
            cooldown_count=jnp.where(cooling, s.cooldown_count - 1, jnp.where(cut, self.cooldown, 0)),
        )
        return jax.tree.map(lambda g: new.scale.astype(real(g.dtype)) * g, updates), new


@public
def reduce_on_plateau(
    factor: Hyperparameter = 0.1,
    *,
    patience: int = 10,
    rtol: Hyperparameter = 1e-4,
    atol: Hyperparameter = 0.0,
    cooldown: int = 0,
    min_scale: Hyperparameter = 0.0,
) -> GradientTransformation:
    r"""Multiplies updates by a scale that is cut when a metric stops improving.

    A metric :math:`m` (lower is better) improves on the best :math:`b` where
    :math:`m < b - (\text{rtol}\,|b| + \text{atol})`. After ``patience`` steps in a row without that,

    .. math::
        \text{scale} \leftarrow \max(\text{factor} \cdot \text{scale},\, \text{min\_scale}), \qquad
        u = \text{scale} \cdot g.

    Args:
      factor: in [0, 1], scalar or schedule.
      patience: steps without improvement before a cut, an integer, at least 1.
      rtol: how much better counts, relative to the best, at least 0.
      atol: the same, absolute.
      cooldown: steps after a cut in which no step counts as without improvement, at least 0.
      min_scale: the least scale, in [0, 1].

    Returns:
      A transformation whose ``update`` needs ``value=``, the metric; :func:`chain` hands it on, and
      :func:`make_step` and :func:`fit` give it the loss. Put it last in a chain, or behind a rule.
      The scale is in its state. A metric that is NaN does not improve.

    Raises:
      ValueError: a number out of range.
      TypeError: a number of the wrong type; or, from ``update``, no ``value``.

    Example:
      >>> tx = chain(sgd(1.0), reduce_on_plateau(0.5, patience=2))
      >>> state = tx.init(jnp.zeros(1))
      >>> for loss in [3.0, 3.0, 3.0]:
      ...     updates, state = tx.update(jnp.ones(1), state, value=loss)
      ...     print(updates)
      [-1.]
      [-1.]
      [-0.5]

    Note:
      It counts calls: given every minibatch's loss, ``patience`` is a number of minibatches; that of
      Keras's callback is one of epochs. optax (``contrib.reduce_on_plateau``) and torch
      (``ReduceLROnPlateau``, which waits one step more) agree on positive metrics. optax compares with
      :math:`(1 - \text{rtol})\,b`, which below 0 takes a slightly *worse* metric for a better one. An
      ``optax.chain`` hands the metric to members of optax's class alone:
      ``optax.GradientTransformationExtraArgs(*reduce_on_plateau())``.
    """
    for name, value, least in (("patience", patience, 1), ("cooldown", cooldown, 0)):
        if (steps := as_integer(value)) is None:
            raise TypeError(f"reduce_on_plateau: {name} must be an integer, got {shown(value)}.")
        if not least <= steps <= jnp.iinfo(jnp.int32).max:
            raise ValueError(
                f"reduce_on_plateau: {name} must be at least {least} and fit into int32, got {steps}."
            )
    steps = int(patience), int(cooldown)
    return lift_whole(ReduceOnPlateau(factor, rtol, atol, min_scale, *steps))
