"""The slides' rules."""

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._rules import adagrad as _adagrad
from jaxopt_slides._rules import momentum as _momentum
from jaxopt_slides._rules import rmsprop as _rmsprop
from jaxopt_slides._rules import sgd as _sgd
from jaxopt_slides.presets._arguments import FRACTION, require_numbers


@public
def sgd(learning_rate: Hyperparameter) -> GradientTransformation:
    r"""SGD as in the slides' main loop: ``x += - learning_rate * dx``.

    .. math:: u^{(t)} = -\alpha\, g^{(t)}

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.sgd`.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0.
      TypeError: a ``learning_rate`` that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.slides.sgd(0.1)
      sgd(learning_rate=0.1)

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD – Treinamento de Rede Neural".
    """
    return _sgd.sgd(learning_rate)


@public
def momentum(learning_rate: Hyperparameter, mu: Hyperparameter = 0.9) -> GradientTransformation:
    r"""Momentum as in the slides' code: ``v = mu * v - learning_rate * dx; x += v``.

    .. math:: p^{(t+1)} = \mu p^{(t)} - \alpha g^{(t)}, \qquad u^{(t)} = p^{(t+1)}

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      mu: :math:`\mu \in [0, 1]`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.momentum`.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0, or ``mu`` outside [0, 1].
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.slides.momentum(0.1)
      momentum(learning_rate=0.1, mu=0.9)

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD com Momentum".
    """
    return _momentum.momentum(learning_rate, mu)


@public
def rmsprop(learning_rate: Hyperparameter, decay_rate: Hyperparameter = 0.9) -> GradientTransformation:
    r"""RMSProp as in the slides' code, with ``cache`` from 0 and 1e-7 outside the root.

    .. math::
        s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \bigl(\sqrt{s^{(t+1)}} + 10^{-7}\bigr)

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      decay_rate: :math:`\beta \in [0, 1]`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.rmsprop`.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0, or ``decay_rate`` outside [0, 1].
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = jos.presets.slides.rmsprop(0.01)
      >>> updates, _ = tx.update(jnp.array([0.1]), tx.init(jnp.ones(1)))
      >>> updates.round(4)  # lr / sqrt(1 - decay_rate)
      Array([-0.0316], dtype=float32)

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slide "RMSProp".
    """
    require_numbers("slides.rmsprop", FRACTION, decay_rate=decay_rate)
    return _rmsprop.rmsprop(learning_rate, decay_rate)


@public
def adagrad(learning_rate: Hyperparameter) -> GradientTransformation:
    r"""Adagrad as in the slides' code, with ``cache`` from 0 and 1e-7 outside the root.

    .. math::
        c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \bigl(\sqrt{c^{(t+1)}} + 10^{-7}\bigr)

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.adagrad`.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0.
      TypeError: a ``learning_rate`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = jos.presets.slides.adagrad(0.01)
      >>> updates, _ = tx.update(jnp.array([0.1]), tx.init(jnp.ones(1)))
      >>> updates.round(4)
      Array([-0.01], dtype=float32)

    References:
      Patrocínio Jr, *Atualização de Pesos: RMSProp / Adagrad*, slide "ADAGRAD".
    """
    return _adagrad.adagrad(learning_rate)
