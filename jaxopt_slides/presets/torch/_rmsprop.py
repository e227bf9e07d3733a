"""PyTorch's RMSprop."""

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._parts.averaging import trace
from jaxopt_slides._parts.normalizing import scale_by_rms, scale_by_stddev
from jaxopt_slides._parts.scaling import scale_by_learning_rate
from jaxopt_slides.presets._arguments import (
    FRACTION,
    POSITIVE,
    ascending,
    coupled,
    is_off,
    require_flags,
    require_numbers,
    require_switches,
)


@public
def rmsprop(
    lr: Hyperparameter = 1e-2,
    alpha: Hyperparameter = 0.99,
    eps: Hyperparameter = 1e-8,
    weight_decay: Hyperparameter = 0,
    momentum: Hyperparameter = 0,
    centered: bool = False,
    capturable: bool = False,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
) -> GradientTransformation:
    r"""As ``torch.optim.RMSprop``.

    With :math:`g \leftarrow g + \lambda w`, :math:`a` for the decay that PyTorch calls alpha, and the
    learning rate :math:`\alpha`,

    .. math::
        s^{(t+1)} = a s^{(t)} + (1 - a)\,(g^{(t)})^2, \qquad
        b^{(t+1)} = \mu b^{(t)} + g^{(t)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr), \qquad
        u^{(t)} = -\alpha\, b^{(t+1)},

    and centered with :math:`s - m^2` for :math:`s` under the root.

    Args:
      lr: :math:`\alpha \ge 0`, scalar or schedule.
      alpha: :math:`a \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, outside the root.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule, coupled.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      centered: subtract the squared mean gradient.
      capturable: how PyTorch executes the rule; no effect.
      foreach: the same.
      maximize: ascend.
      differentiable: the same as ``capturable``.

    Returns:
      A chain of :func:`add_decayed_weights`, :func:`scale_by_rms` or :func:`scale_by_stddev`,
      :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.torch.rmsprop(alpha=0.75, momentum=0.9)
      >>> [type(s).__name__ for s in tx.init(jnp.zeros(2))]
      ['ScaleByRMSState', 'TraceState', 'ScaleState']

    Note:
      The first step is :math:`\alpha / \sqrt{1 - a}`, ten times the learning rate with the defaults.

    References:
      PyTorch 2.13, ``torch/optim/rmsprop.py``.
    """
    owner = "torch.rmsprop"
    require_numbers(owner, POSITIVE, lr=lr, eps=eps, weight_decay=weight_decay)
    require_numbers(owner, FRACTION, alpha=alpha, momentum=momentum)
    require_flags(owner, centered=centered, maximize=maximize)
    require_switches(owner, capturable=capturable, foreach=foreach, differentiable=differentiable)
    normalize = scale_by_stddev if centered else scale_by_rms
    members = [*ascending(maximize), *coupled(weight_decay), normalize(alpha, eps=eps)]
    members += [] if is_off(momentum) else [trace(momentum)]
    return chain(*members, scale_by_learning_rate(lr))
