"""PyTorch's Adam and AdamW."""

from typing import Any

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._core.words import shown
from jaxopt_slides._rules import adam as _adam
from jaxopt_slides.presets._arguments import (
    AMSGRAD,
    BELOW_1,
    POSITIVE,
    ascending,
    coupled,
    is_off,
    refuse,
    require_flags,
    require_numbers,
    require_switches,
)
from jaxopt_slides.presets._decoupled import decoupled


@public
def adam(
    lr: Hyperparameter = 1e-3,
    betas: tuple[Any, Any] = (0.9, 0.999),
    eps: Hyperparameter = 1e-8,
    weight_decay: Hyperparameter = 0,
    amsgrad: bool = False,
    *,
    foreach: bool | None = None,
    maximize: bool = False,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    decoupled_weight_decay: bool = False,
) -> GradientTransformation:
    r"""As ``torch.optim.Adam``: :func:`jaxopt_slides.adam` after :math:`g \leftarrow g + \lambda w`.

    With ``decoupled_weight_decay`` it is AdamW: the decay is :math:`-\alpha \lambda w` in the update,
    and enters no mean.

    Args:
      lr: :math:`\alpha \ge 0`, scalar or schedule.
      betas: the pair :math:`\beta_1, \beta_2 \in [0, 1)`, scalars or schedules.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, outside the root of the corrected mean.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule.
      amsgrad: refused.
      foreach: how PyTorch executes the rule; no effect.
      maximize: ascend.
      capturable: the same as ``foreach``.
      differentiable: the same.
      fused: the same.
      decoupled_weight_decay: decay beside the rule instead of through the gradient.

    Returns:
      A chain of :func:`add_decayed_weights` and :func:`adam`.

    Raises:
      ValueError: a number out of range, or ``amsgrad``.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.torch.adam(lr=0.1, betas=(0.5, 0.9))
      chain(adam(learning_rate=0.1, b1=0.5, b2=0.9, eps=1e-08, eps_root=0.0))

    References:
      PyTorch 2.13, ``torch/optim/adam.py``.
    """
    owner = "torch.adam"
    if not (isinstance(betas, tuple | list) and len(betas) == 2):
        raise TypeError(f"{owner}: betas must be a pair of numbers, got {shown(betas)}.")
    require_numbers(owner, POSITIVE, lr=lr, eps=eps, weight_decay=weight_decay)
    require_numbers(owner, BELOW_1, **{"betas[0]": betas[0], "betas[1]": betas[1]})
    flags = {"maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
    require_flags(owner, amsgrad=amsgrad, **flags)
    switches = {"foreach": foreach, "capturable": capturable, "fused": fused}
    require_switches(owner, differentiable=differentiable, **switches)
    if amsgrad:
        refuse(owner, "amsgrad", AMSGRAD)
    rule = _adam.adam(lr, b1=betas[0], b2=betas[1], eps=eps)
    if not decoupled_weight_decay:
        return chain(*ascending(maximize), *coupled(weight_decay), rule)
    return chain(*ascending(maximize), rule if is_off(weight_decay) else decoupled(rule, weight_decay))
