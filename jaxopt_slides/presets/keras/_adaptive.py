"""Keras's RMSprop, Adagrad, Adadelta and Adam."""

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._rules import adadelta as _adadelta
from jaxopt_slides._rules import adagrad as _adagrad
from jaxopt_slides._rules import adam as _adam
from jaxopt_slides._rules import rmsprop as _rmsprop
from jaxopt_slides.presets._arguments import (
    AMSGRAD,
    BELOW_1,
    FRACTION,
    POSITIVE,
    on,
    refuse,
    require_flags,
    require_numbers,
)
from jaxopt_slides.presets.keras._shared import with_shared_arguments


@public
@with_shared_arguments
def rmsprop(
    learning_rate: Hyperparameter = 0.001,
    rho: Hyperparameter = 0.9,
    momentum: Hyperparameter = 0.0,
    epsilon: Hyperparameter = 1e-7,
    centered: bool = False,
) -> GradientTransformation:
    r"""As ``keras.optimizers.RMSprop``.

    .. math::
        s^{(t+1)} = \rho s^{(t)} + (1 - \rho)\,(g^{(t)})^2, \qquad
        v^{(t+1)} = \mu v^{(t)} - \alpha\, g^{(t)} / \sqrt{s^{(t+1)} + \epsilon}, \qquad
        u^{(t)} = v^{(t+1)} - \alpha \lambda w,

    and centered with :math:`s - m^2` for :math:`s` under the root. (Keras keeps :math:`-v`.)

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, inside the root.
      centered: subtract the squared mean gradient.

    Args shared by the module's rules follow, as in :func:`sgd`.

    Returns:
      A transformation, :func:`jaxopt_slides.rmsprop` with what the shared arguments put around it.

    Raises:
      ValueError: a number out of range, or an argument that is refused.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.keras.rmsprop(0.1, rho=0.75)
      >>> tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))[0].round(3)
      Array([-0.2], dtype=float32)

    Note:
      Inside the root epsilon flattens gradients smaller than its root, here 3e-4.

    References:
      Keras 3.15, ``keras/src/optimizers/rmsprop.py``.
    """
    require_numbers("keras.rmsprop", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("keras.rmsprop", FRACTION, rho=rho, momentum=momentum)
    require_flags("keras.rmsprop", centered=centered)
    knobs = {"eps": 0.0, "eps_root": epsilon, "centered": centered, "momentum": on(momentum)}
    return _rmsprop.rmsprop(learning_rate, rho, **knobs)


@public
@with_shared_arguments
def adagrad(
    learning_rate: Hyperparameter = 0.001,
    initial_accumulator_value: Hyperparameter = 0.1,
    epsilon: Hyperparameter = 1e-7,
) -> GradientTransformation:
    r"""As ``keras.optimizers.Adagrad``.

    .. math::
        c^{(0)} = c_0, \qquad c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \sqrt{c^{(t+1)} + \epsilon} - \alpha \lambda w.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      initial_accumulator_value: :math:`c_0 \ge 0`.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, inside the root.

    Args shared by the module's rules follow, as in :func:`sgd`.

    Returns:
      A transformation, :func:`jaxopt_slides.adagrad` with what the shared arguments put around it.

    Raises:
      ValueError: a number out of range, or an argument that is refused.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.keras.adagrad(0.1, initial_accumulator_value=0.0)
      >>> tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))[0].round(3)
      Array([-0.1], dtype=float32)

    References:
      Keras 3.15, ``keras/src/optimizers/adagrad.py``.
    """
    start = {"initial_accumulator_value": initial_accumulator_value}
    numbers = {"learning_rate": learning_rate, "epsilon": epsilon, **start}
    require_numbers("keras.adagrad", POSITIVE, **numbers)
    return _adagrad.adagrad(learning_rate, eps=0.0, eps_root=epsilon, **start)


@public
@with_shared_arguments
def adadelta(
    learning_rate: Hyperparameter = 0.001,
    rho: Hyperparameter = 0.95,
    epsilon: Hyperparameter = 1e-7,
) -> GradientTransformation:
    r"""As ``keras.optimizers.Adadelta``: :func:`jaxopt_slides.adadelta` with other defaults.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule; the paper's is 1.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, inside both roots.

    Args shared by the module's rules follow, as in :func:`sgd`.

    Returns:
      A transformation, :func:`jaxopt_slides.adadelta` with what the shared arguments put around it.

    Raises:
      ValueError: a number out of range, or an argument that is refused.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.keras.adadelta()
      adadelta(learning_rate=0.001, rho=0.95, eps=1e-07)

    References:
      Keras 3.15, ``keras/src/optimizers/adadelta.py``.
    """
    require_numbers("keras.adadelta", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("keras.adadelta", FRACTION, rho=rho)
    return _adadelta.adadelta(learning_rate, rho=rho, eps=epsilon)


@public
@with_shared_arguments
def adam(
    learning_rate: Hyperparameter = 0.001,
    beta_1: Hyperparameter = 0.9,
    beta_2: Hyperparameter = 0.999,
    epsilon: Hyperparameter = 1e-7,
    amsgrad: bool = False,
) -> GradientTransformation:
    r"""As ``keras.optimizers.Adam``: :func:`jaxopt_slides.adam` with epsilon on the uncorrected root.

    .. math::
        u^{(t)} = -\alpha\, \frac{\sqrt{1 - \beta_2^{t+1}}}{1 - \beta_1^{t+1}}\,
        m^{(t+1)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr) - \alpha \lambda w.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      beta_1: :math:`\beta_1 \in [0, 1)`, scalar or schedule.
      beta_2: :math:`\beta_2 \in [0, 1)`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, outside the uncorrected root.
      amsgrad: refused.

    Args shared by the module's rules follow, as in :func:`sgd`.

    Returns:
      A transformation, :func:`jaxopt_slides.adam` with what the shared arguments put around it.

    Raises:
      ValueError: a number out of range, or an argument that is refused.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.keras.adam()
      adam(learning_rate=0.001, b1=0.9, b2=0.999, eps=1e-07, eps_root=0.0, eps_hat=True)

    References:
      Keras 3.15, ``keras/src/optimizers/adam.py``.
    """
    require_numbers("keras.adam", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("keras.adam", BELOW_1, beta_1=beta_1, beta_2=beta_2)
    require_flags("keras.adam", amsgrad=amsgrad)
    if amsgrad:
        refuse("keras.adam", "amsgrad", AMSGRAD)
    return _adam.adam(learning_rate, b1=beta_1, b2=beta_2, eps=epsilon, eps_hat=True)
