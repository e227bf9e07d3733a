"""optax's rmsprop, adagrad, adadelta and adam."""

from collections.abc import Callable
from typing import Any

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree
from jaxopt_slides._parts.averaging import trace
from jaxopt_slides._parts.decay import add_decayed_weights
from jaxopt_slides._parts.normalizing import scale_by_rms, scale_by_rss, scale_by_stddev
from jaxopt_slides._parts.precision import narrowed
from jaxopt_slides._parts.scaling import scale, scale_by_learning_rate
from jaxopt_slides._rules import adadelta as _adadelta
from jaxopt_slides._rules import adam as _adam
from jaxopt_slides.presets._arguments import (
    BELOW_1,
    FRACTION,
    POSITIVE,
    is_off,
    require_dtype,
    require_flags,
    require_numbers,
)


@public
def rmsprop(
    learning_rate: Hyperparameter,
    decay: Hyperparameter = 0.9,
    eps: Hyperparameter = 1e-8,
    initial_scale: Hyperparameter = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Hyperparameter | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> GradientTransformation:
    r"""As ``optax.rmsprop``: eps inside the root, the learning rate inside the velocity.

    .. math::
        s^{(t+1)} = \beta s^{(t)} + (1 - \beta)\,(g^{(t)})^2, \qquad
        u^{(t)} = \mu u^{(t-1)} - \alpha\, g^{(t)} / \sqrt{s^{(t+1)} + \epsilon},

    and centered with :math:`s - m^2` for :math:`s` under the root.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      decay: :math:`\beta \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule.
      initial_scale: :math:`s^{(0)} \ge 0`.
      eps_in_sqrt: False puts eps outside the root, as the slides have it.
      centered: subtract the squared mean gradient.
      momentum: :math:`\mu \in [0, 1]`, scalar or schedule; None keeps no velocity.
      nesterov: look ahead along the new velocity; without momentum no effect, as in optax.
      bias_correction: divide the means by :math:`1 - \beta^{t+1}` before use.

    Returns:
      A chain of :func:`scale_by_rms` or :func:`scale_by_stddev`, :func:`scale_by_learning_rate` and
      :func:`trace`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.optax.rmsprop(0.1, 0.75, momentum=0.9)
      >>> tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))[0].round(3)
      Array([-0.2], dtype=float32)

    Note:
      Where rounding makes :math:`s - m^2` negative, optax returns NaN and this 0 in its place.

    References:
      optax 0.2.8, ``optax/_src/alias.py``.
    """
    owner = "optax.rmsprop"
    numbers = {"learning_rate": learning_rate, "eps": eps, "initial_scale": initial_scale}
    require_numbers(owner, POSITIVE, **numbers)
    flags = {"centered": centered, "nesterov": nesterov, "bias_correction": bias_correction}
    require_flags(owner, eps_in_sqrt=eps_in_sqrt, **flags)
    require_numbers(owner, BELOW_1 if bias_correction else FRACTION, decay=decay)
    outside, inside = (0.0, eps) if eps_in_sqrt else (eps, 0.0)
    normalize = (scale_by_stddev if centered else scale_by_rms)(
        decay,
        eps=outside,
        eps_root=inside,
        initial_accumulator_value=initial_scale,
        bias_correction=bias_correction,
    )
    members = [normalize, scale_by_learning_rate(learning_rate)]
    if momentum is not None:
        require_numbers(owner, FRACTION, momentum=momentum)
        members.append(trace(momentum, nesterov=nesterov))
    return chain(*members)


@public
def adagrad(
    learning_rate: Hyperparameter,
    initial_accumulator_value: Hyperparameter = 0.1,
    eps: Hyperparameter = 1e-7,
) -> GradientTransformation:
    r"""As ``optax.adagrad``: eps inside the root, and a sum that starts at 0.1.

    .. math::
        c^{(0)} = c_0, \qquad c^{(t+1)} = c^{(t)} + (g^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, g^{(t)} / \sqrt{c^{(t+1)} + \epsilon}.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      initial_accumulator_value: :math:`c_0 \ge 0`.
      eps: :math:`\epsilon \ge 0`, scalar or schedule.

    Returns:
      A chain of :func:`scale_by_rss` and :func:`scale_by_learning_rate`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.optax.adagrad(0.1, 0.0)
      >>> tx.update(jnp.array([3.0, 0.0]), tx.init(jnp.zeros(2)))[0].round(3)
      Array([-0.1, -0. ], dtype=float32)

    References:
      optax 0.2.8, ``optax/_src/alias.py``.
    """
    start = {"initial_accumulator_value": initial_accumulator_value}
    require_numbers("optax.adagrad", POSITIVE, learning_rate=learning_rate, eps=eps, **start)
    return chain(scale_by_rss(eps=0.0, eps_root=eps, **start), scale_by_learning_rate(learning_rate))


@public
def adadelta(
    learning_rate: Hyperparameter | None = None,
    rho: Hyperparameter = 0.9,
    eps: Hyperparameter = 1e-6,
    weight_decay: Hyperparameter = 0.0,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] | None = None,
) -> GradientTransformation:
    r"""As ``optax.adadelta``: :func:`jaxopt_slides.adadelta` after :math:`g \leftarrow g + \lambda w`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule. With None, optax's default, the update
        is :math:`+p`, which *ascends*: a ``scale(-1.0)`` has to follow.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, inside both roots.
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule, coupled.
      weight_decay_mask: which leaves decay, as in :func:`masked`; all by default.

    Returns:
      A chain of :func:`add_decayed_weights` and :func:`adadelta`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.optax.adadelta(0.5)
      >>> tx.update(jnp.array([3.0]), tx.init(jnp.zeros(1)))[0].round(5)
      Array([-0.00158], dtype=float32)

    References:
      optax 0.2.8, ``optax/_src/alias.py``.
    """
    require_numbers("optax.adadelta", POSITIVE, eps=eps, weight_decay=weight_decay)
    require_numbers("optax.adadelta", FRACTION, rho=rho)
    decay = add_decayed_weights(weight_decay, mask=weight_decay_mask)
    first = [] if is_off(weight_decay) else [decay]
    if learning_rate is None:
        return chain(*first, _adadelta.adadelta(1.0, rho=rho, eps=eps), scale(-1.0))
    require_numbers("optax.adadelta", POSITIVE, learning_rate=learning_rate)
    return chain(*first, _adadelta.adadelta(learning_rate, rho=rho, eps=eps))


@public
def adam(
    learning_rate: Hyperparameter,
    b1: Hyperparameter = 0.9,
    b2: Hyperparameter = 0.999,
    eps: Hyperparameter = 1e-8,
    eps_root: Hyperparameter = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    r"""As ``optax.adam``: :func:`jaxopt_slides.adam`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule.
      b1: :math:`\beta_1 \in [0, 1)`, scalar or schedule.
      b2: :math:`\beta_2 \in [0, 1)`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, outside the root.
      eps_root: a second epsilon, at least 0, inside the root.
      mu_dtype: the dtype of the mean gradient; None is float32 or wider.
      nesterov: NAdam.

    Returns:
      A transformation, :func:`jaxopt_slides.adam`.

    Raises:
      ValueError: a number out of range.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx = jos.presets.optax.adam(0.1, mu_dtype=jnp.bfloat16)
      >>> tx.init(jnp.zeros(1)).mean.dtype, tx.init(jnp.zeros(1)).mean_square.dtype
      (dtype(bfloat16), dtype('float32'))

    References:
      optax 0.2.8, ``optax/_src/alias.py``.
    """
    require_numbers("optax.adam", POSITIVE, learning_rate=learning_rate, eps=eps, eps_root=eps_root)
    require_numbers("optax.adam", BELOW_1, b1=b1, b2=b2)
    require_flags("optax.adam", nesterov=nesterov)
    require_dtype("optax.adam", mu_dtype=mu_dtype)
    knobs = {"eps": eps, "eps_root": eps_root, "nesterov": nesterov}
    tx = _adam.adam(learning_rate, b1=b1, b2=b2, **knobs)
    return tx if mu_dtype is None else narrowed("optax.adam", tx, mu_dtype, fields=("mean",))
