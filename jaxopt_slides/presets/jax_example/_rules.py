"""The rules of ``jax.example_libraries.optimizers``."""

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._parts.averaging import ema, trace
from jaxopt_slides._parts.normalizing import scale_by_rss
from jaxopt_slides._parts.scaling import scale_by_learning_rate
from jaxopt_slides._rules import adam as _adam
from jaxopt_slides._rules import rmsprop as _rmsprop
from jaxopt_slides._rules import sgd as _sgd
from jaxopt_slides.presets._arguments import BELOW_1, FRACTION, POSITIVE, is_off, require_numbers


@public
def sgd(step_size: Hyperparameter) -> GradientTransformation:
    r"""As ``optimizers.sgd``: :math:`u = -\alpha g`.

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.sgd`.

    Raises:
      ValueError: a concrete ``step_size`` below 0.
      TypeError: a ``step_size`` that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.jax_example.sgd(0.1)
      sgd(learning_rate=0.1)

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    require_numbers("jax_example.sgd", POSITIVE, step_size=step_size)
    return _sgd.sgd(step_size)


@public
def momentum(step_size: Hyperparameter, mass: Hyperparameter) -> GradientTransformation:
    r"""As ``optimizers.momentum``: the learning rate outside the velocity.

    .. math::
        b^{(t+1)} = \mu b^{(t)} + g^{(t)}, \qquad u^{(t)} = -\alpha\, b^{(t+1)}

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      mass: :math:`\mu \in [0, 1]`, scalar or schedule.

    Returns:
      A chain of :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.jax_example.momentum(0.1, 0.9)
      chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    return _velocity("jax_example.momentum", step_size, mass, nesterov=False)


@public
def nesterov(step_size: Hyperparameter, mass: Hyperparameter) -> GradientTransformation:
    r"""As ``optimizers.nesterov``: :func:`momentum` that looks ahead.

    .. math::
        b^{(t+1)} = \mu b^{(t)} + g^{(t)}, \qquad u^{(t)} = -\alpha\,(\mu b^{(t+1)} + g^{(t)})

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      mass: :math:`\mu \in [0, 1]`, scalar or schedule.

    Returns:
      A chain of :func:`trace` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.jax_example.nesterov(0.1, 0.9)
      chain(trace(decay=0.9, nesterov=True), scale_by_learning_rate(learning_rate=0.1))

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    return _velocity("jax_example.nesterov", step_size, mass, nesterov=True)


def _velocity(owner: str, step_size: Hyperparameter, mass: Hyperparameter, *, nesterov: bool):
    require_numbers(owner, POSITIVE, step_size=step_size)
    require_numbers(owner, FRACTION, mass=mass)
    return chain(trace(mass, nesterov=nesterov), scale_by_learning_rate(step_size))


@public
def adagrad(step_size: Hyperparameter, momentum: Hyperparameter = 0.9) -> GradientTransformation:
    r"""As ``optimizers.adagrad``: without epsilon, and averaged unless told otherwise.

    .. math::
        c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        m^{(t+1)} = \mu m^{(t)} + (1 - \mu)\, g^{(t)} / \sqrt{c^{(t+1)}}, \qquad
        u^{(t)} = -\alpha\, m^{(t+1)},

    with 0 for the quotient where :math:`c = 0`.

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule; a plain 0 leaves the average out.

    Returns:
      A chain of :func:`scale_by_rss`, :func:`ema` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = jos.presets.jax_example.adagrad(1.0)
      >>> tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))[0].round(3)  # a tenth of Adagrad's
      Array([-0.1], dtype=float32)

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    require_numbers("jax_example.adagrad", POSITIVE, step_size=step_size)
    require_numbers("jax_example.adagrad", FRACTION, momentum=momentum)
    average = [] if is_off(momentum) else [ema(momentum, debias=False)]
    return chain(scale_by_rss(eps=0.0), *average, scale_by_learning_rate(step_size))


@public
def rmsprop(
    step_size: Hyperparameter, gamma: Hyperparameter = 0.9, eps: Hyperparameter = 1e-8
) -> GradientTransformation:
    r"""As ``optimizers.rmsprop``: eps inside the root.

    .. math::
        s^{(t+1)} = \gamma s^{(t)} + (1 - \gamma)\,(g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \sqrt{s^{(t+1)} + \epsilon}

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      gamma: :math:`\gamma \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.rmsprop`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.hyperparams(jos.presets.jax_example.rmsprop(0.1))["eps_root"]
      1e-08

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    require_numbers("jax_example.rmsprop", POSITIVE, step_size=step_size, eps=eps)
    require_numbers("jax_example.rmsprop", FRACTION, gamma=gamma)
    return _rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps)


@public
def rmsprop_momentum(
    step_size: Hyperparameter,
    gamma: Hyperparameter = 0.9,
    eps: Hyperparameter = 1e-8,
    momentum: Hyperparameter = 0.9,
) -> GradientTransformation:
    r"""As ``optimizers.rmsprop_momentum``: :func:`rmsprop` with the learning rate inside a velocity.

    .. math::
        s^{(t+1)} = \gamma s^{(t)} + (1 - \gamma)\,(g^{(t)})^2, \qquad
        u^{(t)} = \mu u^{(t-1)} - \alpha\, g^{(t)} / \sqrt{s^{(t+1)} + \epsilon}

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      gamma: :math:`\gamma \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule.

    Returns:
      A transformation, :func:`jaxopt_slides.rmsprop`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.hyperparams(jos.presets.jax_example.rmsprop_momentum(0.1))["momentum"]
      0.9

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    owner = "jax_example.rmsprop_momentum"
    require_numbers(owner, POSITIVE, step_size=step_size, eps=eps)
    require_numbers(owner, FRACTION, gamma=gamma, momentum=momentum)
    return _rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps, momentum=momentum)


@public
def adam(
    step_size: Hyperparameter,
    b1: Hyperparameter = 0.9,
    b2: Hyperparameter = 0.999,
    eps: Hyperparameter = 1e-8,
) -> GradientTransformation:
    r"""As ``optimizers.adam``: :func:`jaxopt_slides.adam`.

    Args:
      step_size: :math:`\alpha \ge 0`, scalar or schedule.
      b1: :math:`\beta_1 \in [0, 1)`, scalar or schedule.
      b2: :math:`\beta_2 \in [0, 1)`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, outside the root.

    Returns:
      A transformation, :func:`jaxopt_slides.adam`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument that is not a number, a scalar array or a schedule.

    Example:
      >>> jos.presets.jax_example.adam(0.1)
      adam(learning_rate=0.1, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)

    References:
      jax 0.10.2, ``jax/example_libraries/optimizers.py``.
    """
    require_numbers("jax_example.adam", POSITIVE, step_size=step_size, eps=eps)
    require_numbers("jax_example.adam", BELOW_1, b1=b1, b2=b2)
    return _adam.adam(step_size, b1=b1, b2=b2, eps=eps)
