"""Weight decay."""

from collections.abc import Callable
from typing import Any

from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import Idle, Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree
from jaxopt_slides._parts.labels import Kind
from jaxopt_slides._parts.masking import masked
from jaxopt_slides._parts.scaling import ScaleState


@rule
class AddDecayedWeights(Rule):
    """One array: u = g + lambda w."""

    weight_decay: Any = hyperparameter(0)

    name = "add_decayed_weights"
    needs_params = True
    State = ScaleState
    idle = Idle(moves=True, linear_in_g=True)

    def step(self, g, s, w):
        return g + self.weight_decay * w, s


@public
def add_decayed_weights(
    weight_decay: Hyperparameter = 0.0, *, mask: PyTree | Callable[[PyTree], PyTree] | None = None
) -> GradientTransformation:
    r"""Adds a multiple of the parameter to its update: :math:`u = g + \lambda w`.

    Before a rule it is L2 regularisation ("coupled"); between a rule's normalizing parts and its
    learning rate it is decoupled weight decay.

    Args:
      weight_decay: :math:`\lambda \ge 0`, scalar or schedule.
      mask: which leaves decay, as in :func:`masked`; all by default.

    Returns:
      A transformation whose ``update`` needs ``params``.

    Raises:
      ValueError: a concrete ``weight_decay`` below 0; or, from ``update``, no ``params``.
      TypeError: a ``weight_decay`` that is not a number, a scalar array or a schedule.

    Example:
      >>> tx = add_decayed_weights(0.5)
      >>> w = jnp.array([2.0])
      >>> tx.update(jnp.array([3.0]), tx.init(w), w)[0]
      Array([4.], dtype=float32)

      Matrices decay, biases do not:

      >>> tx = add_decayed_weights(0.5, mask=lambda p: jax.tree.map(lambda w: w.ndim > 1, p))
    """
    tx = lift(AddDecayedWeights(weight_decay))
    if mask is None:
        return tx
    Kind("add_decayed_weights", "mask", (False, True)).static(mask)  # a wrong one is ours to name
    return masked(tx, mask)
