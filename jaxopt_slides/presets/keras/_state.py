"""The variables of a Keras optimizer, as ``save_own_variables`` writes them, in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides.presets._leaves import (
    as_array,
    as_number,
    as_steps,
    name_of,
    order_of,
    require_mapping,
)
from jaxopt_slides.presets._slots import Kept

# In the order in which Keras makes them. Adadelta and Adam make both for one parameter, then for the
# next; RMSprop makes one for all parameters, then the next.
KEYS = {
    "SGD": {"velocity": "momentum"},
    "RMSProp": {"mean_square": "velocity", "velocity": "momentum", "mean": "average_gradient"},
    "Adagrad": {"sum_of_squares": "accumulator"},
    "Adadelta": {"mean_square": "accumulated_grad", "mean_square_update": "accumulated_delta_var"},
    "Adam": {"mean": "momentum", "mean_square": "velocity"},
}
INTERLEAVED = ("Adadelta", "Adam")


@public
def load_state(
    tx: GradientTransformation,
    params: PyTree,
    state_dict: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
) -> PyTree:
    r"""The state of ``tx`` that continues a Keras run.

    Keras's SGD keeps the slides' :math:`v`, its RMSprop :math:`-v`; both are converted to
    :math:`b = -v/\alpha` where ``tx`` has its learning rate outside.

    Args:
      tx: a rule or a chain of rules and parts, usually of :mod:`presets.keras`.
      params: the parameters; only their structure, shapes and dtypes count.
      state_dict: what ``optimizer.save_own_variables(store)`` puts into ``store = {}``: arrays by
        "0", "1" and so on, the number of steps first, then the learning rate unless it is a schedule.
      names: the leaves of ``params`` in the order of Keras's variables; by default the order of the
        leaves.

    Returns:
      The state, as ``tx.init(params)`` but for its numbers.

    Raises:
      ValueError: there are more or fewer variables than the rule has, of other shapes, or negative
        where squares are kept; the learning rate is another; or names are needed.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx, params = jos.presets.keras.sgd(0.1, momentum=0.9), [jnp.ones(2)]
      >>> store = {"0": np.array(7), "1": np.array(0.1), "2": np.array([0.5, 1.0])}
      >>> state = jos.presets.keras.load_state(tx, params, store)
      >>> int(state.count), state.velocity
      (7, [Array([0.5, 1. ], dtype=float32)])

    Note:
      The variables have no names there: another rule's, of the same number and shapes, cannot be told
      apart. Gradients that are being accumulated and averages of weights are not converted.

    References:
      Keras 3.15, ``keras/src/optimizers``.
    """
    owner = "keras.load_state"
    store = require_mapping(owner, "the state dict", state_dict)
    kept = Kept(owner, tx, params)
    keys = kept.names("Keras", KEYS)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    head = len(store) - len(keys) * len(leaves)
    if head not in (1, 2) or set(store) != {str(i) for i in range(len(store))}:
        raise ValueError(
            f"{owner}: expected the step, perhaps the learning rate, and {sorted(keys.values())} of "
            f"{len(leaves)} parameters, numbered from '0'; got {len(store)} arrays with the keys "
            f"{shown(list(store))}."
        )
    columns: dict[str, list[Any]] = {field: [None] * len(leaves) for field in keys}
    for i, (field, leaf) in enumerate(_order(kept, keys, order_of(owner, params, names)), head):
        path, w = leaves[leaf]
        what = f"variable {i}, {keys[field]} of {name_of(path)},"
        columns[field][leaf] = as_array(owner, what, store[str(i)], w, field)
    count = kept.step_count(as_steps(owner, "variable 0, the step,", store["0"]), None)
    if head == 2:
        rate = as_number(owner, "variable 1, the learning rate,", store["1"])
        kept.require_rate("Keras", rate, count, "state_dict['1']")
    if "velocity" in keys:
        factor = _sign(kept) * kept.velocity_factor(False, count, into=True)
        columns["velocity"] = [factor * v for v in columns["velocity"]]
    return kept.fill(columns, count)


def _order(kept: Kept, keys: dict[str, str], order: list[int]) -> list[tuple[str, int]]:
    """The field and the leaf of every variable, in Keras's order."""
    if kept.family in INTERLEAVED:
        return [(field, leaf) for leaf in order for field in keys]
    return [(field, leaf) for field in keys for leaf in order]


def _sign(kept: Kept) -> float:
    """RMSprop subtracts its momentum from the weight, SGD adds it."""
    return -1.0 if kept.family == "RMSProp" else 1.0


@public
def to_state_dict(
    tx: GradientTransformation, params: PyTree, state: PyTree, *, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    r"""The variables of a Keras optimizer that continues a run of ``tx``.

    Args:
      tx: as in :func:`load_state`.
      params: the parameters; only their structure counts.
      state: the state of ``tx``.
      names: as in :func:`load_state`.

    Returns:
      NumPy arrays by "0", "1" and so on, for ``optimizer.load_own_variables`` after
      ``optimizer.build(variables)``. The learning rate is among them unless it is a schedule.

    Raises:
      ValueError: Keras has no rule with this state, or names are needed.
      TypeError: ``tx`` is not a transformation of this library, or ``state`` is not its state.

    Example:
      >>> tx, params = jos.presets.keras.sgd(0.5, momentum=0.9), [jnp.ones(1)]
      >>> _, state = tx.update([jnp.array([2.0])], tx.init(params), params)
      >>> jos.presets.keras.to_state_dict(tx, params, state)
      {'0': array(1), '1': array(0.5), '2': array([-1.], dtype=float32)}

    References:
      Keras 3.15, ``keras/src/optimizers``.
    """
    owner = "keras.to_state_dict"
    kept = Kept(owner, tx, params, state)
    keys = kept.names("Keras", KEYS)
    columns = {field: kept.leaves(field) for field in keys}
    if "velocity" in keys:
        factor = _sign(kept) * kept.velocity_factor(False, kept.count, into=False)
        columns["velocity"] = [np.asarray(factor * v, v.dtype) for v in columns["velocity"]]
    order = _order(kept, keys, order_of(owner, params, names))
    arrays = [np.array(kept.count), *_rate(kept), *(columns[field][leaf] for field, leaf in order)]
    return {str(i): x for i, x in enumerate(arrays)}


def _rate(kept: Kept) -> list[np.ndarray]:
    owners = [m.node.rule for m in kept.members if m.has("learning_rate")]
    if not owners or callable(owners[0].learning_rate):
        return []
    return [np.array(kept.number(["learning_rate"], kept.count))]
