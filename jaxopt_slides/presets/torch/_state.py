"""PyTorch's ``optimizer.state_dict()``, in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import as_integer, shown
from jaxopt_slides.presets._leaves import as_array, as_steps, name_of, order_of, require_mapping
from jaxopt_slides.presets._slots import Kept
from jaxopt_slides.presets.torch._groups import groups_of, names_of, require_same_numbers

KEYS = {
    "SGD": {"velocity": "momentum_buffer"},
    "RMSProp": {"mean_square": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
    "Adagrad": {"sum_of_squares": "sum"},
    "Adadelta": {"mean_square": "square_avg", "mean_square_update": "acc_delta"},
    "Adam": {"mean": "exp_avg", "mean_square": "exp_avg_sq"},
}


@public
def load_state(
    tx: GradientTransformation,
    params: PyTree,
    state_dict: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
    count: int | None = None,
) -> PyTree:
    r"""The state of ``tx`` that continues a PyTorch run.

    Velocities are converted where ``tx`` has its learning rate inside: :math:`v = -\alpha b`, with the
    learning rate :math:`\alpha` of the next step.

    Args:
      tx: a rule or a chain of rules and parts, usually of :mod:`presets.torch`.
      params: the parameters; only their structure, shapes and dtypes count.
      state_dict: ``optimizer.state_dict()``, its tensors as they are or as NumPy arrays. Numbers in
        its ``param_groups`` must be those of ``tx``; to change them on purpose, leave that entry out.
      names: the leaves of ``params`` in PyTorch's order, such as ``["embed", "out.weight"]``; by
        default the ``param_names`` of the state dict if it has them, else the order of the leaves.
      count: the number of steps taken, where PyTorch does not say (SGD) and a schedule asks.

    Returns:
      The state, as ``tx.init(params)`` but for its numbers; it shares no memory with PyTorch's.

    Raises:
      ValueError: the state dict is another rule's, of other options, shapes or numbers; names or a
        count are needed; or parameters have taken different numbers of steps.
      TypeError: an argument of the wrong kind.

    Example:
      >>> tx, params = jos.presets.torch.sgd(lr=0.1, momentum=0.9), [jnp.ones(2)]
      >>> saved = {"state": {0: {"momentum_buffer": np.array([1.0, 2.0])}}}
      >>> state = jos.presets.torch.load_state(tx, params, saved)
      >>> state[0].velocity
      [Array([1., 2.], dtype=float32)]
      >>> jos.presets.torch.load_state(jos.momentum(0.1), params, saved).velocity
      [Array([-0.1, -0.2], dtype=float32)]

    References:
      PyTorch 2.13, ``torch/optim``.
    """
    owner = "torch.load_state"
    rows, groups = _rows(owner, state_dict), groups_of(owner, state_dict)
    kept = Kept(owner, tx, params)
    keys = kept.names("PyTorch", KEYS)
    if keys and not any(rows.values()) and not count:  # no step taken
        _require_as_many(owner, params, [i for group in groups for i in group["params"]] or None, rows)
        require_same_numbers(kept, groups, 0)
        return tx.init(params)
    columns = _columns(owner, params, keys, rows, groups, names)
    steps = kept.step_count(_steps(owner, rows), count)
    if count == 0 and keys:
        raise ValueError(
            f"{owner}: count=0, but the state dict has what a first step leaves; pass the steps taken."
        )
    require_same_numbers(kept, groups, steps)
    if "velocity" in keys:
        factor = kept.velocity_factor(True, steps, into=True)
        columns["velocity"] = [factor * b for b in columns["velocity"]]
    return kept.fill(columns, steps)


def _columns(
    owner: str, params: PyTree, keys: dict[str, str], rows: Mapping[Any, Any], groups: Any, names: Any
) -> dict[str, list[Any]]:
    """The arrays of every field, in the order of the leaves."""
    source = "names" if names is not None else "the state dict's param_names"
    names = names if names is not None else names_of(groups)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    ids = [i for group in groups for i in group["params"]] if groups else _sorted(owner, rows)
    _require_as_many(owner, params, ids if keys or groups else None, rows)
    columns: dict[str, list[Any]] = {field: [None] * len(leaves) for field in keys}
    for i in () if keys else rows:
        _row(owner, rows[i], keys, f"parameter {i}")
    for leaf, i in zip(order_of(owner, params, names, source), ids, strict=True) if keys else ():
        path, w = leaves[leaf]
        row = _row(owner, rows.get(i, {}), keys, f"parameter {i} ({name_of(path)})")
        for field, key in keys.items():
            what = f"{key} of parameter {i} ({name_of(path)})"
            columns[field][leaf] = as_array(owner, what, row[key], w, field)
    return columns


def _require_as_many(owner: str, params: PyTree, ids: Any, rows: Mapping[Any, Any]) -> None:
    """As many parameters as leaves, where it is known how many there are, and none without a group."""
    count = len(jax.tree.leaves(params))
    if ids is not None and (len(ids) != count or set(rows) - set(ids)):
        raise ValueError(
            f"{owner}: params has {count} leaves, the state dict {len(ids)} parameters and the state "
            f"of {len(rows)}."
        )


def _sorted(owner: str, rows: Mapping[Any, Any]) -> list[Any]:
    """The parameters in PyTorch's order, which only numbers tell where there are no param_groups."""
    if other := [i for i in rows if as_integer(i) is None]:
        raise TypeError(
            f"{owner}: without param_groups the keys of state_dict['state'] must be integers, got "
            f"{shown(other[0])}."
        )
    return sorted(rows)


def _rows(owner: str, state_dict: Any) -> Mapping[Any, Any]:
    saved = require_mapping(owner, "the state dict", state_dict)
    if "state" not in saved:
        raise ValueError(f"{owner}: the state dict has no 'state', only {sorted(map(str, saved))}.")
    rows = require_mapping(owner, "state_dict['state']", saved["state"])
    for i, row in rows.items():
        require_mapping(owner, f"state_dict['state'][{i!r}]", row)
    return rows


def _row(owner: str, row: Mapping[str, Any], keys: dict[str, str], what: str) -> Mapping[str, Any]:
    """One parameter's state, which must have these keys and no others."""
    used = {key for key, value in row.items() if value is not None} - {"step"}
    if missing := set(keys.values()) - used:
        raise ValueError(
            f"{owner}: {what} has no {min(missing)}, only {sorted(used)}. Was it made with other "
            f"options, or has it never had a gradient?"
        )
    if more := used - set(keys.values()):
        raise ValueError(
            f"{owner}: {what} has a {min(more)}, for which the transformation has no place."
        )
    return row


def _steps(owner: str, rows: Mapping[Any, Any]) -> int | None:
    """The number of steps that every parameter has taken; None where PyTorch does not keep it."""
    said = {i: row["step"] for i, row in rows.items() if "step" in row}
    if missing := [i for i in rows if said and i not in said]:
        raise ValueError(f"{owner}: parameter {missing[0]} has no step, which others have.")
    steps = {as_steps(owner, f"step of parameter {i}", value) for i, value in said.items()}
    if len(steps) > 1:
        raise ValueError(
            f"{owner}: the parameters have taken {sorted(steps)} steps; here one count holds for all. "
            f"Use a transformation for each group, with partition."
        )
    return next(iter(steps), None)


@public
def to_state_dict(
    tx: GradientTransformation, params: PyTree, state: PyTree, *, names: Sequence[str] | None = None
) -> dict[str, Any]:
    r"""A PyTorch ``state_dict`` that continues a run of ``tx``, without its ``param_groups``.

    Velocities are converted where ``tx`` has its learning rate inside: :math:`b = -v/\alpha`.

    Args:
      tx: as in :func:`load_state`.
      params: the parameters; only their structure counts.
      state: the state of ``tx``.
      names: as in :func:`load_state`.

    Returns:
      ``{"state": {0: {...}, 1: {...}}}``, with NumPy arrays; ``step`` is a float32 scalar, as in
      PyTorch. The ``param_groups`` are those of the optimizer that loads it::

          rows = presets.torch.to_state_dict(tx, params, state)["state"]
          tensors = {i: {k: torch.tensor(x) for k, x in row.items()} for i, row in rows.items()}
          optimizer.load_state_dict({**optimizer.state_dict(), "state": tensors})

    Raises:
      ValueError: PyTorch has no rule with this state, or names are needed.
      TypeError: ``tx`` is not a transformation of this library, or ``state`` is not its state.

    Example:
      >>> tx, params = jos.momentum(0.5), [jnp.ones(1)]
      >>> _, state = tx.update([jnp.array([2.0])], tx.init(params))
      >>> jos.presets.torch.to_state_dict(tx, params, state)["state"][0]["momentum_buffer"]
      array([2.], dtype=float32)

    References:
      PyTorch 2.13, ``torch/optim``.
    """
    owner = "torch.to_state_dict"
    kept = Kept(owner, tx, params, state)
    names_ = kept.names("PyTorch", KEYS)
    columns: dict[str, list[Any]] = {key: kept.leaves(field) for field, key in names_.items()}
    if "velocity" in kept.at:
        factor = kept.velocity_factor(True, kept.count, into=False)
        columns["momentum_buffer"] = [
            np.asarray(factor * v, v.dtype) for v in columns["momentum_buffer"]
        ]
    if kept.family != "SGD":
        columns["step"] = [np.float32(kept.count)] * len(jax.tree.leaves(params))
    elif not kept.count and not any(x.any() for column in columns.values() for x in column):
        return {"state": {}}  # before its first step PyTorch has none, and does not damp that step
    order = order_of(owner, params, names)
    return {"state": {i: {k: c[leaf] for k, c in columns.items()} for i, leaf in enumerate(order)}}
