"""PyTorch's SGD, with momentum, dampening and Nesterov."""

import jax.numpy as jnp

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.numbers import Range
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._core.words import shown
from jaxopt_slides._parts.averaging import trace
from jaxopt_slides._parts.scaling import scale_by_learning_rate, scale_by_schedule
from jaxopt_slides.presets._arguments import (
    FRACTION,
    POSITIVE,
    ascending,
    coupled,
    is_off,
    require_constants,
    require_flags,
    require_numbers,
    require_switches,
)
from jaxopt_slides.schedules._base import make_schedule


def _damped_but_first(count, *, dampening):
    return jnp.where(count == 0, 1, 1 - jnp.asarray(dampening, float))


@public
def sgd(
    lr: Hyperparameter = 1e-3,
    momentum: Hyperparameter = 0,
    dampening: float = 0,
    weight_decay: Hyperparameter = 0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    fused: bool | None = None,
) -> GradientTransformation:
    r"""As ``torch.optim.SGD``.

    With :math:`g \leftarrow g + \lambda w`, the first gradient undamped,

    .. math::
        b^{(1)} = g^{(0)}, \qquad b^{(t+1)} = \mu b^{(t)} + (1 - d)\, g^{(t)}, \qquad
        u^{(t)} = -\alpha\, b^{(t+1)},

    and with ``nesterov`` :math:`u^{(t)} = -\alpha\,(g^{(t)} + \mu b^{(t+1)})`.

    Args:
      lr: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      dampening: :math:`d`, any finite number; without momentum it has no effect, as there.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule, coupled.
      nesterov: look ahead along the new velocity.
      maximize: ascend.
      foreach: how PyTorch executes the rule; no effect.
      differentiable: the same.
      fused: the same.

    Returns:
      A chain of :func:`add_decayed_weights`, :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range, or ``nesterov`` without momentum or with dampening.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.torch.sgd(lr=0.01, momentum=0.9)
      >>> tx
      chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.01))

    Note:
      The slides have the learning rate inside the velocity; the two part when it changes.

    References:
      PyTorch 2.13, ``torch/optim/sgd.py``.
    """
    owner = "torch.sgd"
    require_numbers(owner, POSITIVE, lr=lr, weight_decay=weight_decay)
    require_numbers(owner, FRACTION, momentum=momentum)
    require_constants(owner, Range(), dampening=dampening)
    require_flags(owner, nesterov=nesterov, maximize=maximize)
    require_switches(owner, foreach=foreach, differentiable=differentiable, fused=fused)
    damping = make_schedule(owner, _damped_but_first, dampening=dampening)
    if nesterov and (is_off(momentum) or not is_off(dampening)):
        raise ValueError(
            f"{owner}: nesterov=True needs a momentum and no dampening, got momentum={shown(momentum)} "
            f"and dampening={shown(dampening)}; PyTorch refuses it too."
        )
    members = [*ascending(maximize), *coupled(weight_decay)]
    if not is_off(momentum):
        members += [] if is_off(dampening) else [scale_by_schedule(damping)]
        members += [trace(momentum, nesterov=nesterov)]
    return chain(*members, scale_by_learning_rate(lr))
