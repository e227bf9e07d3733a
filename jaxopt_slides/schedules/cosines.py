r"""Schedules along half a cosine."""

import jax.numpy as jnp

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import Schedule
from jaxopt_slides.schedules._base import (
    Number,
    as_real,
    between,
    fraction_left,
    half_cosine,
    known,
    make_schedule,
    power_of,
    steps_since,
    whole,
)


def _cosine_decay_schedule(count, *, init_value, decay_steps, alpha, exponent):
    weight = power_of(half_cosine(fraction_left(as_real(count), whole(decay_steps))), exponent)
    return as_real(init_value) * between(alpha, 1, weight)


@public
def cosine_decay_schedule(
    init_value: Number, decay_steps: Number, alpha: Number = 0.0, exponent: Number = 1.0
) -> Schedule:
    r"""Half a cosine from a value down to a fraction of it.

    .. math::
        a(t) = I \left(\alpha + (1 - \alpha)
        \left[\tfrac12 \left(1 + \cos(\pi \min(t, T) / T)\right)\right]^P\right).

    Args:
      init_value: :math:`I`, any finite scalar.
      decay_steps: :math:`T \ge 1`, rounded.
      alpha: the fraction that stays, any finite scalar; 0 by default.
      exponent: :math:`P > 0`; 1 by default.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> schedule = cosine_decay_schedule(1.0, 90)
      >>> schedule(0), schedule(60), schedule(90)
      (Array(1., dtype=float32), Array(0.25, dtype=float32), Array(0., dtype=float32))

    Note:
      Computed as a squared sine of what remains, which keeps its digits near the end.

    References:
      Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """
    return make_schedule(
        "cosine_decay_schedule", _cosine_decay_schedule, init_value=init_value,
        decay_steps=decay_steps, alpha=alpha, exponent=exponent,
    )  # fmt: skip


def _warmup_cosine_decay_schedule(
    count, *, init_value, peak_value, warmup_steps, decay_steps, end_value, exponent
):
    warmup, total = whole(warmup_steps), whole(decay_steps)
    rising = between(peak_value, init_value, fraction_left(as_real(count), warmup))
    remaining = fraction_left(steps_since(warmup_steps, count), total - warmup)
    falling = between(end_value, peak_value, power_of(half_cosine(remaining), exponent))
    return jnp.where(as_real(count) < warmup, rising, falling)


@public
def warmup_cosine_decay_schedule(
    init_value: Number,
    peak_value: Number,
    warmup_steps: Number,
    decay_steps: Number,
    end_value: Number = 0.0,
    exponent: Number = 1.0,
) -> Schedule:
    r"""A line up to a peak, then half a cosine down.

    .. math::
        a(t) = \begin{cases} I + (M - I)\, t / W, & t < W, \\
        E + (M - E) \left[\tfrac12 \left(1 + \cos\left(\pi \frac{\min(t, T) - W}{T - W}
        \right)\right)\right]^P, & t \ge W. \end{cases}

    Args:
      init_value: :math:`I`, any finite scalar.
      peak_value: :math:`M`, any finite scalar.
      warmup_steps: :math:`W \ge 0`, rounded.
      decay_steps: :math:`T > W`, rounded: the warm-up is part of it.
      end_value: :math:`E`, any finite scalar; 0 by default.
      exponent: :math:`P > 0`; 1 by default.

    Returns:
      A schedule with these leaves, in this order.

    Raises:
      ValueError: a concrete argument out of its range, NaN or infinite, or an array of numbers.
      TypeError: an argument that is not a number.

    Example:
      >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)
      >>> schedule(5), schedule(10), schedule(70)
      (Array(0.5, dtype=float32), Array(1., dtype=float32), Array(0.25, dtype=float32))

    Note:
      optax divides ``end_value`` by ``peak_value``, and so ignores it where the peak is 0.

    References:
      Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """
    owner = "warmup_cosine_decay_schedule"
    schedule = make_schedule(
        owner, _warmup_cosine_decay_schedule, init_value=init_value, peak_value=peak_value,
        warmup_steps=warmup_steps, decay_steps=decay_steps, end_value=end_value, exponent=exponent,
    )  # fmt: skip
    steps = [schedule.keywords[name] for name in ("warmup_steps", "decay_steps")]
    if known(*steps) and round(float(steps[1])) <= round(float(steps[0])):
        raise ValueError(
            f"{owner}: decay_steps includes the warm-up and must be above warmup_steps = "
            f"{float(steps[0]):g}, got {float(steps[1]):g}."
        )
    return schedule
