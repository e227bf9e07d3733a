"""The states of optax's aliases, in and out. They are known by the names of their fields."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.checks import dtype_of, require_same_shapes, require_same_tree
from jaxopt_slides._core.dtypes import fresh
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides.presets._leaves import as_array, as_number, as_steps, name_of
from jaxopt_slides.presets._slots import Kept

KEYS = {
    "SGD": {"velocity": "trace"},
    "RMSProp": {"mean_square": "nu", "mean": "mu", "velocity": "trace"},
    "Adagrad": {"sum_of_squares": "sum_of_squares"},
    "Adadelta": {"mean_square": "e_g", "mean_square_update": "e_x"},
    "Adam": {"mean": "mu", "mean_square": "nu"},
}
FIELDS = {key for names in KEYS.values() for key in names.values()} | {"count"}
INJECTED = ("hyperparams", "hyperparams_states")  # of optax.inject_hyperparams
OTHERS = ("ScaleByBeliefState", "ScaleByAmsgradState")  # with fields of the same names


@public
def load_state(
    tx: GradientTransformation, params: PyTree, state_dict: Any, *, count: int | None = None
) -> PyTree:
    r"""The state of ``tx`` that continues an optax run.

    Velocities are converted where the two have their learning rates in different places,
    :math:`v = -\alpha b`; ``optax.sgd`` has it outside, ``optax.rmsprop`` inside.

    Args:
      tx: a rule or a chain of rules and parts, usually of :mod:`presets.optax`.
      params: the parameters; only their structure, shapes and dtypes count.
      state_dict: an optax state, or a mapping of its fields as :func:`to_state_dict` returns it.
      count: the number of steps taken, where optax does not say and the next step depends on it.

    Returns:
      The state, as ``tx.init(params)`` but for its numbers.

    Raises:
      ValueError: the state has other fields than the rule, other trees or shapes, or an injected
        learning rate that is not the transformation's.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx, params = jos.presets.optax.sgd(0.1, 0.9), {"w": jnp.ones(2)}
      >>> saved = {"trace": {"w": np.array([1.0, 2.0])}}
      >>> jos.presets.optax.load_state(tx, params, saved)[0].velocity
      {'w': Array([1., 2.], dtype=float32)}

    Note:
      Rules that keep the same fields cannot be told apart: yogi, adamax, lamb, radam and nadam keep
      Adam's, lars momentum's.

    References:
      optax 0.2.8, ``optax/_src/transform.py``.
    """
    owner = "optax.load_state"
    kept = Kept(owner, tx, params)
    keys = kept.names("optax", KEYS)
    if not isinstance(state_dict, tuple | list | Mapping):
        raise TypeError(
            f"{owner}: expected an optax state or a mapping of its fields, got {shown(state_dict)}."
        )
    found = _found(owner, state_dict)
    steps = found.pop("count", None)
    if set(found) != set(keys.values()):
        raise ValueError(
            f"{owner}: the transformation keeps {sorted(keys.values())} in optax's words, the state "
            f"has {sorted(found)}."
        )
    columns = {field: _column(owner, key, found[key], params, field) for field, key in keys.items()}
    count = kept.step_count(steps, count)
    for rate in _injected_rates(state_dict):
        rate = as_number(owner, "the injected learning rate", rate)
        kept.require_rate("optax", rate, count, "the state's hyperparams")
    if "velocity" in keys:
        factor = kept.velocity_factor(kept.family == "SGD", count, into=True)
        columns["velocity"] = [factor * v for v in columns["velocity"]]
    return kept.fill(columns, count)


def _found(owner: str, state: Any) -> dict[str, Any]:
    """The known fields of a state, wherever in it they are; every one may occur once."""
    found: dict[str, Any] = {}
    flat = isinstance(state, Mapping) and set(state) <= FIELDS  # as to_state_dict has it
    for key, value in state.items() if flat else _fields(owner, state):
        if key == "count" and value is not None:
            value = as_steps(owner, "count", value)
        if key == "count" and found.get(key, value) != value:
            raise ValueError(f"{owner}: the state has counts {found[key]} and {value}.")
        if key in found and key != "count":
            raise ValueError(
                f"{owner}: the state has two fields {key}; pass the part of it that is one rule's."
            )
        found[key] = value
    return found


def _fields(owner: str, state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The known fields. Other floating arrays have no place, but for injected hyperparameters."""
    is_record = hasattr(state, "_fields")  # only there are names fields, in a dict they are labels
    if is_record:
        pairs = zip(state._fields, state, strict=True)
        if type(state).__name__ in OTHERS:
            raise ValueError(
                f"{owner}: {type(state).__name__} is the state of a rule that is not here."
            )
    elif isinstance(state, Mapping):
        pairs = state.items()
    elif isinstance(state, tuple | list):
        pairs = ((name, value) for value in state)
    elif name and jnp.issubdtype(dtype_of(state) or int, jnp.inexact):
        raise ValueError(
            f"{owner}: the state also has {name}, for which the transformation has no place; pass the "
            f"part of it that is one rule's."
        )
    else:
        return
    for key, value in pairs:
        if is_record and key in FIELDS:
            yield key, value
        elif not is_record or key not in INJECTED:
            yield from _fields(owner, value, str(key))


def _injected_rates(state: Any) -> Iterator[Any]:
    """The learning rates of ``optax.inject_hyperparams``."""
    if hasattr(state, "hyperparams") and isinstance(state.hyperparams, Mapping):
        yield from (x for n, x in state.hyperparams.items() if n == "learning_rate")
    if isinstance(state, tuple | list):
        for value in state:
            yield from _injected_rates(value)


def _column(owner: str, key: str, tree: PyTree, params: PyTree, field: str) -> list[np.ndarray]:
    require_same_tree(owner, f"arrays of {key}", tree, "params", params)
    pairs = zip(jax.tree.leaves(tree), jax.tree_util.tree_leaves_with_path(params), strict=True)
    return [as_array(owner, f"{key} of {name_of(path)}", x, w, field) for x, (path, w) in pairs]


@public
def to_state_dict(tx: GradientTransformation, params: PyTree, state: PyTree) -> dict[str, Any]:
    r"""The fields of an optax state that continues a run of ``tx``: ``count``, ``trace``, ``nu`` ...

    Args:
      tx: as in :func:`load_state`.
      params: the parameters, whose structure the trees have.
      state: the state of ``tx``.

    Returns:
      A dict of field to tree; ``count`` is an int32 scalar. :func:`to_state` puts it into a state.

    Raises:
      ValueError: optax has no rule with this state.
      TypeError: ``tx`` is not a transformation of this library, or ``state`` is not its state.

    Example:
      >>> tx, params = jos.presets.optax.adagrad(0.1), {"w": jnp.ones(1)}
      >>> jos.presets.optax.to_state_dict(tx, params, tx.init(params))
      {'count': Array(0, dtype=int32), 'sum_of_squares': {'w': Array([0.1], dtype=float32)}}

    References:
      optax 0.2.8, ``optax/_src/transform.py``.
    """
    return _fields_of("optax.to_state_dict", tx, params, state)


def _fields_of(owner: str, tx: GradientTransformation, params: PyTree, state: PyTree) -> dict[str, Any]:
    kept, treedef = Kept(owner, tx, params, state), jax.tree.structure(params)
    fields: dict[str, Any] = {"count": jnp.asarray(kept.count, jnp.int32)}
    for field, key in kept.names("optax", KEYS).items():
        arrays = kept.leaves(field)
        if field == "velocity":
            factor = kept.velocity_factor(kept.family == "SGD", kept.count, into=False)
            arrays = [np.asarray(factor * v, v.dtype) for v in arrays]
        fields[key] = treedef.unflatten(map(fresh, arrays))
    return fields


@public
def to_state(tx: GradientTransformation, params: PyTree, state: PyTree, like: PyTree) -> PyTree:
    """The optax state that continues a run of ``tx``: ``like``, filled by :func:`to_state_dict`.

    Args:
      tx: as in :func:`load_state`.
      params: the parameters.
      state: the state of ``tx``.
      like: a state of the optax optimizer that goes on, such as its ``init(params)``.

    Returns:
      A state of that optimizer.

    Raises:
      ValueError: ``like`` lacks a field, or has one that ``tx`` does not keep.
      TypeError: ``tx`` is not a transformation of this library, or ``state`` is not its state.

    Example:
      >>> import collections
      >>> TraceState = collections.namedtuple("TraceState", "trace")  # as optax has it
      >>> tx, params = jos.presets.optax.sgd(0.1, 0.9), {"w": jnp.ones(1)}
      >>> jos.presets.optax.to_state(tx, params, tx.init(params), (TraceState(None), ()))
      (TraceState(trace={'w': Array([0.], dtype=float32)}), ())

    References:
      optax 0.2.8, ``optax/_src/transform.py``.
    """
    owner = "optax.to_state"
    fields, known = _fields_of(owner, tx, params, state), _found(owner, like)
    theirs, ours = set(known) - {"count"}, set(fields) - {"count"}
    if theirs != ours:
        raise ValueError(
            f"{owner}: the transformation keeps {sorted(ours)} in optax's words, the state to fill has "
            f"{sorted(theirs)}."
        )
    for key in (key for key in ours if known[key] is not None):
        require_same_tree(owner, f"arrays of {key} to fill", known[key], "params", params)
        require_same_shapes(owner, f"arrays of {key} to fill", known[key], "params", params)
    return _filled(like, fields)


def _filled(state: PyTree, fields: dict[str, Any]) -> PyTree:
    if hasattr(state, "_fields"):
        pairs = zip(state._fields, state, strict=True)
        return type(state)(
            *(_like(x, fields[n]) if n in fields else _filled(x, fields) for n, x in pairs)
        )
    if isinstance(state, Mapping):
        return {n: _filled(x, fields) for n, x in state.items()}
    if isinstance(state, tuple | list):
        return type(state)(_filled(x, fields) for x in state)
    return state


def _like(old: PyTree, new: PyTree) -> PyTree:
    """A copy of ``new`` in the dtypes of ``old``; a count may stand in several states."""
    if old is None:
        return new
    return jax.tree.map(lambda o, n: fresh(n, jnp.result_type(o)), old, new)
