r"""Adadelta: RMSProp whose step has the size of its own past steps."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.dtypes import full_like
from jaxopt_slides._core.formulas import divide_by_root, moving_average, root_or_zero, square
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree


class AdadeltaState(NamedTuple):
    """State of :func:`adadelta`."""

    non_negative = ("mean_square", "mean_square_update")
    count: int | jax.Array  # [], int32: steps taken
    mean_square: PyTree  # [*shape] a leaf, real, non-negative: of the gradients
    mean_square_update: PyTree  # [*shape] a leaf, real, non-negative: of the updates before alpha


@rule
class Adadelta(Rule):
    """One array: the docstring of :func:`adadelta` has the equations."""

    learning_rate: Any = hyperparameter(0)
    rho: Any = hyperparameter(0, 1, near_one=True)
    eps: Any = hyperparameter(0)

    name = "adadelta"
    State = AdadeltaState
    idle = Idle()

    def start(self, w):
        # Two arrays, not one twice: their buffers may be donated.
        return AdadeltaState(
            0,
            mean_square=full_like(w, accumulator=True),
            mean_square_update=full_like(w, accumulator=True),
        )

    def step(self, g, s):
        d = s.mean_square_update
        cache = moving_average(self.rho, s.mean_square, square(g))
        # eps is part of the square here, so that at rest du/dg is cut off only where eps is 0 too.
        p = divide_by_root(root_or_zero(d + self.eps) * g, cache + self.eps, 0, 0)
        d = moving_average(self.rho, d, square(p))
        return -self.learning_rate * p, s._replace(mean_square=cache, mean_square_update=d)


@public
def adadelta(
    learning_rate: Hyperparameter = 1.0,
    *,
    rho: Hyperparameter = 0.9,
    eps: Hyperparameter = 1e-6,
) -> GradientTransformation:
    r"""Adadelta: gradients divided by their root mean square, times that of the updates so far.

    For every element :math:`g` of every leaf, with :math:`s^{(0)} = d^{(0)} = 0`,

    .. math::
        s^{(t+1)} = \rho s^{(t)} + (1 - \rho)\,(g^{(t)})^2, \qquad
        p^{(t)} = g^{(t)} \sqrt{d^{(t)} + \epsilon} \,/ \sqrt{s^{(t+1)} + \epsilon},

    .. math::
        d^{(t+1)} = \rho d^{(t)} + (1 - \rho)\,(p^{(t)})^2, \qquad
        u^{(t)} = -\alpha\, p^{(t)}.

    The step has the unit of the weights, whatever that of the loss; it grows from
    :math:`\sqrt{\epsilon}`, so that without :math:`\epsilon` nothing would ever move. :math:`\alpha`
    scales what is added to the weights and is not part of :math:`d`.

    Args:
      learning_rate: :math:`\alpha \ge 0`, scalar or schedule; the paper has none, that is 1.
      rho: :math:`\rho \in [0, 1]`, scalar or schedule.
      eps: :math:`\epsilon \ge 0`, scalar or schedule, added inside both roots.

    Returns:
      A transformation. Leaves ``[*shape]`` map to ``[*shape]`` in the gradient's dtype; its state is
      a count and two float32-or-wider arrays ``[*shape]`` per leaf, real also for complex leaves.

    Raises:
      ValueError: a concrete hyperparameter out of range.
      TypeError: a hyperparameter that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = adadelta(rho=0.75)
      >>> updates, state = tx.update(jnp.array([3.0, 0.0]), tx.init(jnp.zeros(2)))
      >>> updates.round(4)  # the first step is sqrt(eps / (1 - rho))
      Array([-0.002, -0.   ], dtype=float32)
      >>> state.mean_square
      Array([2.25, 0.  ], dtype=float32)

    Note:
      torch and optax have the same rule, :math:`\rho` and :math:`\epsilon`; but for complex leaves
      torch takes real and imaginary parts apart and optax squares without the absolute value, and
      optax without a learning rate adds :math:`+p`, which ascends. Keras 3 and TF1 have
      :math:`\alpha = 0.001` and :math:`\rho = 0.95`, with :math:`\epsilon` 1e-7 and 1e-8.

    References:
      Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012, algorithm 1.
    """
    return lift(Adadelta(learning_rate, rho, eps))
