"""PyTorch's Adadelta."""

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._rules import adadelta as _adadelta
from jaxopt_slides.presets._arguments import (
    FRACTION,
    POSITIVE,
    ascending,
    coupled,
    require_flags,
    require_numbers,
    require_switches,
)


@public
def adadelta(
    lr: Hyperparameter = 1.0,
    rho: Hyperparameter = 0.9,
    eps: Hyperparameter = 1e-6,
    weight_decay: Hyperparameter = 0,
    foreach: bool | None = None,
    *,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
) -> GradientTransformation:
    r"""As ``torch.optim.Adadelta``: Adadelta after :math:`g \leftarrow g + \lambda w`.

    Args:
      lr: :math:`\alpha \ge 0`, scalar or schedule.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, inside both roots.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule, coupled.
      foreach: how PyTorch executes the rule; no effect.
      capturable: the same.
      maximize: ascend.
      differentiable: the same as ``foreach``.

    Returns:
      A chain of :func:`add_decayed_weights` and :func:`adadelta`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.torch.adadelta()
      chain(adadelta(learning_rate=1.0, rho=0.9, eps=1e-06))

    References:
      PyTorch 2.13, ``torch/optim/adadelta.py``.
    """
    owner = "torch.adadelta"
    require_numbers(owner, POSITIVE, lr=lr, eps=eps, weight_decay=weight_decay)
    require_numbers(owner, FRACTION, rho=rho)
    require_flags(owner, maximize=maximize)
    require_switches(owner, foreach=foreach, capturable=capturable, differentiable=differentiable)
    rule = _adadelta.adadelta(lr, rho=rho, eps=eps)
    return chain(*ascending(maximize), *coupled(weight_decay), rule)
