r"""Schedules of the momentum."""

import jax.numpy as jnp

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import Schedule
from jaxopt_slides.schedules._base import Number, as_real, make_schedule


def _sutskever_schedule(count, *, max_value):
    return jnp.minimum(1 - 0.5 / (jnp.floor_divide(as_real(count), 250) + 1), as_real(max_value))


@public
def sutskever_schedule(max_value: Number = 0.99) -> Schedule:
    r"""Momentum that rises from 0.5 towards 1, as averaging needs it, up to a maximum.

    .. math::
        \mu(t) = \min\left(1 - 2^{-1 - \log_2(\lfloor t / 250 \rfloor + 1)},\, \mu_{\max}\right).

    Args:
      max_value: :math:`\mu_{\max} \in [0, 1]`; 0.99 by default, and 0.9 to 0.999 in the paper.

    Returns:
      A schedule with the leaf ``max_value``.

    Raises:
      ValueError: a concrete ``max_value`` outside [0, 1], or no scalar.
      TypeError: ``max_value`` is not a number.

    Example:
      >>> mu = sutskever_schedule()
      >>> mu(0), mu(250), mu(100000)
      (Array(0.5, dtype=float32), Array(0.75, dtype=float32), Array(0.99, dtype=float32))

    References:
      Sutskever, Martens, Dahl and Hinton, *On the importance of initialization and momentum in deep
      learning*, 2013, equation (5).
    """
    return make_schedule("sutskever_schedule", _sutskever_schedule, max_value=max_value)
