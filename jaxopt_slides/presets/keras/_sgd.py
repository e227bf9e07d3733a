"""Keras's SGD."""

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._rules import sgd as _sgd
from jaxopt_slides.presets._arguments import FRACTION, POSITIVE, on, require_flags, require_numbers
from jaxopt_slides.presets.keras._shared import with_shared_arguments


@public
@with_shared_arguments
def sgd(
    learning_rate: Hyperparameter = 0.01, momentum: Hyperparameter = 0.0, nesterov: bool = False
) -> GradientTransformation:
    r"""As ``keras.optimizers.SGD``: the slides' momentum.

    .. math::
        v^{(t+1)} = \mu v^{(t)} - \alpha g^{(t)}, \qquad u^{(t)} = v^{(t+1)} - \alpha \lambda w,

    and with ``nesterov`` :math:`\mu v^{(t+1)} - \alpha g^{(t)}` for :math:`v^{(t+1)}` in :math:`u`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      nesterov: look ahead along the new velocity; without momentum no effect, as there.

    Args shared by the module's rules follow: ``weight_decay`` (:math:`\lambda`), ``clipnorm``,
    ``clipvalue``, ``global_clipnorm``, ``use_ema``, ``ema_momentum``, ``ema_overwrite_frequency``,
    ``loss_scale_factor``, ``gradient_accumulation_steps`` and ``name``.

    Returns:
      A transformation, :func:`jaxopt_slides.sgd` with what the shared arguments put around it.

    Raises:
      ValueError: a number out of range, or an argument that is refused.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.keras.sgd(0.1, momentum=0.5, weight_decay=0.01)
      >>> w = jnp.array([1.0])
      >>> tx.update(jnp.array([3.0]), tx.init(w), w)[0]  # -0.1 * 3 - 0.1 * 0.01 * 1
      Array([-0.301], dtype=float32)

    References:
      Keras 3.15, ``keras/src/optimizers/sgd.py`` and ``base_optimizer.py``.
    """
    require_numbers("keras.sgd", POSITIVE, learning_rate=learning_rate)
    require_numbers("keras.sgd", FRACTION, momentum=momentum)
    require_flags("keras.sgd", nesterov=nesterov)
    mu = on(momentum)
    return _sgd.sgd(learning_rate, mu, nesterov=nesterov and mu is not None)
