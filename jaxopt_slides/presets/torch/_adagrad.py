"""PyTorch's Adagrad."""

import jax.numpy as jnp

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._parts.scaling import scale_by_schedule
from jaxopt_slides._rules import adagrad as _adagrad
from jaxopt_slides.presets._arguments import (
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


def _inverse_time(count, *, lr_decay):
    return 1 / (1 + jnp.asarray(count, float) * jnp.asarray(lr_decay, float))


@public
def adagrad(
    lr: Hyperparameter = 1e-2,
    lr_decay: float = 0,
    weight_decay: Hyperparameter = 0,
    initial_accumulator_value: Hyperparameter = 0,
    eps: Hyperparameter = 1e-10,
    foreach: bool | None = None,
    *,
    maximize: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
) -> GradientTransformation:
    r"""As ``torch.optim.Adagrad``.

    With :math:`g \leftarrow g + \lambda w` and the decay :math:`d` of the learning rate,

    .. math::
        c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\frac{\alpha}{1 + t d}\, g^{(t)} / \bigl(\sqrt{c^{(t+1)}} + \epsilon\bigr).

    Args:
      lr: :math:`\alpha \ge 0`, scalar or schedule.
      lr_decay: :math:`d \ge 0`, a number.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule, coupled.
      initial_accumulator_value: :math:`c^{(0)} \ge 0`.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, outside the root.
      foreach: how PyTorch executes the rule; no effect.
      maximize: ascend.
      differentiable: the same as ``foreach``.
      fused: the same.

    Returns:
      A chain of :func:`add_decayed_weights`, :func:`adagrad` and, with ``lr_decay``,
      :func:`scale_by_schedule`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.torch.adagrad(lr=0.1, lr_decay=1.0)
      >>> g = jnp.array([3.0])
      >>> _, state = tx.update(g, tx.init(g))
      >>> tx.update(jnp.array([4.0]), state)[0].round(4)  # 0.1 / 2 * 4 / 5
      Array([-0.04], dtype=float32)

    References:
      PyTorch 2.13, ``torch/optim/adagrad.py``.
    """
    owner = "torch.adagrad"
    start = {"initial_accumulator_value": initial_accumulator_value}
    require_numbers(owner, POSITIVE, lr=lr, weight_decay=weight_decay, eps=eps, **start)
    require_constants(owner, POSITIVE, lr_decay=lr_decay)
    require_flags(owner, maximize=maximize)
    require_switches(owner, foreach=foreach, differentiable=differentiable, fused=fused)
    slower = make_schedule(owner, _inverse_time, lr_decay=lr_decay)
    members = [*ascending(maximize), *coupled(weight_decay), _adagrad.adagrad(lr, eps=eps, **start)]
    return chain(*members, *([] if is_off(lr_decay) else [scale_by_schedule(slower)]))
