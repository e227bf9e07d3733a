"""optax's sgd."""

from typing import Any

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._parts.averaging import trace
from jaxopt_slides._parts.precision import narrowed
from jaxopt_slides._parts.scaling import scale_by_learning_rate
from jaxopt_slides.presets._arguments import (
    FRACTION,
    POSITIVE,
    require_dtype,
    require_flags,
    require_numbers,
)


@public
def sgd(
    learning_rate: Hyperparameter,
    momentum: Hyperparameter | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
) -> GradientTransformation:
    r"""As ``optax.sgd``: the learning rate outside the velocity.

    .. math::
        b^{(t+1)} = \mu b^{(t)} + g^{(t)}, \qquad u^{(t)} = -\alpha\, b^{(t+1)},

    and with ``nesterov`` :math:`u^{(t)} = -\alpha\,(g^{(t)} + \mu b^{(t+1)})`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule; None keeps no velocity.
      nesterov: look ahead along the new velocity; without momentum no effect, as in optax.
      accumulator_dtype: the dtype of the velocity; None is float32 or wider.

    Returns:
      A chain of :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.optax.sgd(0.1, 0.9)
      chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))

    Note:
      :func:`jaxopt_slides.sgd` has the learning rate inside, as the slides; the two part when it
      changes.

    References:
      optax 0.2.8, ``optax/_src/alias.py``.
    """
    require_numbers("optax.sgd", POSITIVE, learning_rate=learning_rate)
    require_flags("optax.sgd", nesterov=nesterov)
    require_dtype("optax.sgd", accumulator_dtype=accumulator_dtype)
    rate = scale_by_learning_rate(learning_rate)
    if momentum is None:
        return chain(rate)
    require_numbers("optax.sgd", FRACTION, momentum=momentum)
    velocity = trace(momentum, nesterov=nesterov)
    if accumulator_dtype is not None:
        velocity = narrowed("optax.sgd", velocity, accumulator_dtype)
    return chain(velocity, rate)
