"""TensorFlow 1's rules."""

from jax.core import Tracer

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._parts.averaging import trace
from jaxopt_slides._parts.scaling import scale_by_learning_rate
from jaxopt_slides._rules import adadelta as _adadelta
from jaxopt_slides._rules import adagrad as _adagrad
from jaxopt_slides._rules import adam as _adam
from jaxopt_slides._rules import rmsprop as _rmsprop
from jaxopt_slides._rules import sgd as _sgd
from jaxopt_slides.presets._arguments import (
    BELOW_1,
    FRACTION,
    POSITIVE,
    on,
    require_flags,
    require_name,
    require_numbers,
)


@public
def sgd(
    learning_rate: Hyperparameter, use_locking: bool = False, name: str = "GradientDescent"
) -> GradientTransformation:
    r"""As ``tf.train.GradientDescentOptimizer``: :math:`u = -\alpha g`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      use_locking: of TensorFlow's graph; no effect.
      name: the same.

    Returns:
      A transformation, :func:`jaxopt_slides.sgd`.

    Raises:
      ValueError: a concrete ``learning_rate`` below 0.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.tf1.sgd(0.1)
      sgd(learning_rate=0.1)

    References:
      TensorFlow 2.21, ``tensorflow/python/training/gradient_descent.py``.
    """
    require_flags("tf1.sgd", use_locking=use_locking)
    require_name("tf1.sgd", name)
    require_numbers("tf1.sgd", POSITIVE, learning_rate=learning_rate)
    return _sgd.sgd(learning_rate)


@public
def momentum(
    learning_rate: Hyperparameter,
    momentum: Hyperparameter,
    use_locking: bool = False,
    name: str = "Momentum",
    use_nesterov: bool = False,
) -> GradientTransformation:
    r"""As ``tf.train.MomentumOptimizer``: the learning rate outside the velocity.

    .. math::
        b^{(t+1)} = \mu b^{(t)} + g^{(t)}, \qquad u^{(t)} = -\alpha\, b^{(t+1)},

    and with ``use_nesterov`` :math:`u^{(t)} = -\alpha\,(g^{(t)} + \mu b^{(t+1)})`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      use_locking: of TensorFlow's graph; no effect.
      name: the same.
      use_nesterov: look ahead along the new velocity.

    Returns:
      A chain of :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.tf1.momentum(0.1, 0.9)
      chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))

    References:
      TensorFlow 2.21, ``tensorflow/python/training/momentum.py``.
    """
    require_flags("tf1.momentum", use_locking=use_locking, use_nesterov=use_nesterov)
    require_name("tf1.momentum", name)
    require_numbers("tf1.momentum", POSITIVE, learning_rate=learning_rate)
    require_numbers("tf1.momentum", FRACTION, momentum=momentum)
    return chain(trace(momentum, nesterov=use_nesterov), scale_by_learning_rate(learning_rate))


@public
def rmsprop(
    learning_rate: Hyperparameter,
    decay: Hyperparameter = 0.9,
    momentum: Hyperparameter = 0.0,
    epsilon: Hyperparameter = 1e-10,
    use_locking: bool = False,
    centered: bool = False,
    name: str = "RMSProp",
) -> GradientTransformation:
    r"""As ``tf.train.RMSPropOptimizer``: the mean square starts at 1, the learning rate is inside.

    .. math::
        s^{(0)} = 1, \qquad s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        u^{(t)} = \mu u^{(t-1)} - \alpha\, g^{(t)} / \sqrt{s^{(t+1)} + \epsilon},

    and centered with :math:`s - m^2` for :math:`s` under the root, :math:`m^{(0)} = 0`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      decay: :math:`\beta \in [0, 1]`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, inside the root.
      use_locking: of TensorFlow's graph; no effect.
      centered: subtract the squared mean gradient.
      name: as ``use_locking``.

    Returns:
      A transformation, :func:`jaxopt_slides.rmsprop`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.tf1.rmsprop(0.01)
      >>> updates, _ = tx.update(jnp.array([0.1]), tx.init(jnp.ones(1)))
      >>> updates.round(5)  # thirty times smaller than from s = 0
      Array([-0.00105], dtype=float32)

    References:
      TensorFlow 2.21, ``tensorflow/python/training/rmsprop.py``.
    """
    require_flags("tf1.rmsprop", use_locking=use_locking, centered=centered)
    require_name("tf1.rmsprop", name)
    require_numbers("tf1.rmsprop", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("tf1.rmsprop", FRACTION, decay=decay, momentum=momentum)
    knobs = {"eps": 0.0, "eps_root": epsilon, "centered": centered, "momentum": on(momentum)}
    return _rmsprop.rmsprop(learning_rate, decay, **knobs, initial_accumulator_value=1.0)


@public
def adagrad(
    learning_rate: Hyperparameter,
    initial_accumulator_value: Hyperparameter = 0.1,
    use_locking: bool = False,
    name: str = "Adagrad",
) -> GradientTransformation:
    r"""As ``tf.train.AdagradOptimizer``: no epsilon, and a sum that starts above 0.

    .. math::
        c^{(0)} = c_0, \qquad c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \sqrt{c^{(t+1)}}.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      initial_accumulator_value: :math:`c_0 > 0`.
      use_locking: of TensorFlow's graph; no effect.
      name: the same.

    Returns:
      A transformation, :func:`jaxopt_slides.adagrad`.

    Raises:
      ValueError: a number out of range; TensorFlow, too, refuses an ``initial_accumulator_value`` of 0.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.tf1.adagrad(0.1)
      adagrad(learning_rate=0.1, eps=0.0, eps_root=0.0, initial_accumulator_value=0.1)

    References:
      TensorFlow 2.21, ``tensorflow/python/training/adagrad.py``.
    """
    require_flags("tf1.adagrad", use_locking=use_locking)
    require_name("tf1.adagrad", name)
    start = {"initial_accumulator_value": initial_accumulator_value}
    require_numbers("tf1.adagrad", POSITIVE, learning_rate=learning_rate, **start)
    c = initial_accumulator_value
    if not (callable(c) or isinstance(c, Tracer)) and c == 0:
        raise ValueError(
            "tf1.adagrad: initial_accumulator_value must be above 0, since there is no epsilon, got "
            f"{float(c)}; TensorFlow refuses it too."
        )
    return _adagrad.adagrad(learning_rate, eps=0.0, **start)


@public
def adadelta(
    learning_rate: Hyperparameter = 0.001,
    rho: Hyperparameter = 0.95,
    epsilon: Hyperparameter = 1e-8,
    use_locking: bool = False,
    name: str = "Adadelta",
) -> GradientTransformation:
    r"""As ``tf.train.AdadeltaOptimizer``: :func:`jaxopt_slides.adadelta` with other defaults.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule; the paper's is 1.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, inside both roots.
      use_locking: of TensorFlow's graph; no effect.
      name: the same.

    Returns:
      A transformation, :func:`jaxopt_slides.adadelta`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.tf1.adadelta()
      adadelta(learning_rate=0.001, rho=0.95, eps=1e-08)

    References:
      TensorFlow 2.21, ``tensorflow/python/training/adadelta.py``.
    """
    require_flags("tf1.adadelta", use_locking=use_locking)
    require_name("tf1.adadelta", name)
    require_numbers("tf1.adadelta", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("tf1.adadelta", FRACTION, rho=rho)
    return _adadelta.adadelta(learning_rate, rho=rho, eps=epsilon)


@public
def adam(
    learning_rate: Hyperparameter = 0.001,
    beta1: Hyperparameter = 0.9,
    beta2: Hyperparameter = 0.999,
    epsilon: Hyperparameter = 1e-8,
    use_locking: bool = False,
    name: str = "Adam",
    use_own_namescope_for_non_slot_vars: bool = False,
) -> GradientTransformation:
    r"""As ``tf.train.AdamOptimizer``: :func:`jaxopt_slides.adam` with epsilon on the uncorrected root.

    .. math::
        u^{(t)} = -\alpha\, \frac{\sqrt{1 - \beta_2^{t+1}}}{1 - \beta_1^{t+1}}\,
        m^{(t+1)} / \bigl(\sqrt{s^{(t+1)}} + \epsilon\bigr).

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      beta1: :math:`\beta_1 \in [0, 1)`, scalar or schedule.
      beta2: :math:`\beta_2 \in [0, 1)`, scalar or schedule.
      epsilon: :math:`\epsilon \ge 0`, scalar or schedule, outside the uncorrected root.
      use_locking: of TensorFlow's graph; no effect.
      name: the same.
      use_own_namescope_for_non_slot_vars: the same.

    Returns:
      A transformation, :func:`jaxopt_slides.adam`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> jos.presets.tf1.adam()
      adam(learning_rate=0.001, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, eps_hat=True)

    References:
      TensorFlow 2.21, ``tensorflow/python/training/adam.py``.
    """
    scope = {"use_own_namescope_for_non_slot_vars": use_own_namescope_for_non_slot_vars}
    require_flags("tf1.adam", use_locking=use_locking, **scope)
    require_name("tf1.adam", name)
    require_numbers("tf1.adam", POSITIVE, learning_rate=learning_rate, epsilon=epsilon)
    require_numbers("tf1.adam", BELOW_1, beta1=beta1, beta2=beta2)
    return _adam.adam(learning_rate, b1=beta1, b2=beta2, eps=epsilon, eps_hat=True)
