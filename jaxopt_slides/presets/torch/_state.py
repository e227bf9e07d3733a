"""PyTorch's ``optimizer.state_dict()``, in and out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides.presets._leaves import as_array, name_of, order_of, require_mapping
from jaxopt_slides.presets._slots import Kept

KEYS = {
    "SGD": {"velocity": "momentum_buffer"},
    "RMSProp": {"mean_square": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
    "Adagrad": {"sum_of_squares": "sum"},
    "Adadelta": {"mean_square": "square_avg", "mean_square_update": "acc_delta"},
    "Adam": {"mean": "exp_avg", "mean_square": "exp_avg_sq"},
}
# A param group's numbers: by its name, the field of ours whose member has it (any member for None),
# and what it may be called there; then the numbers of schedules, and what is True or False.
NUMBERS = {
    "lr": (None, ("learning_rate",)),
    "momentum": ("velocity", ("momentum", "mu", "decay")),
    "alpha": ("mean_square", ("decay",)),
    "rho": ("mean_square", ("rho",)),
    "eps": (None, ("eps",)),
    "weight_decay": (None, ("weight_decay",)),
}
OF_SCHEDULES = ("dampening", "lr_decay")


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
    rows, groups = _rows(owner, state_dict)
    kept = Kept(owner, tx, tx.init(params))
    keys = kept.names("PyTorch", KEYS)
    if not any(rows.values()) and (keys or not rows) and not count:
        return tx.init(params)  # no step taken
    ids = [i for group in groups for i in group["params"]] if groups else sorted(rows)
    names = names if names is not None else _param_names(groups)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if len(ids) != len(leaves) and (keys or groups):
        raise ValueError(
            f"{owner}: params has {len(leaves)} leaves, the state dict {len(ids)} parameters."
        )
    columns: dict[str, list[Any]] = {field: [None] * len(leaves) for field in keys}
    for leaf, i in zip(order_of(owner, params, names), ids, strict=True) if keys else ():
        path, w = leaves[leaf]
        row = _row(owner, rows.get(i, {}), keys, f"parameter {i} ({name_of(path)})")
        for field, key in keys.items():
            what = f"{key} of parameter {i} ({name_of(path)})"
            columns[field][leaf] = as_array(owner, what, row[key], w)
    steps = kept.step_count(_steps(owner, rows), count)
    for group in groups:
        _require_same_numbers(kept, group, steps)
    if "velocity" in keys:
        factor = kept.velocity_factor(True, steps, into=True)
        columns["velocity"] = [factor * b for b in columns["velocity"]]
    return kept.fill(columns, steps)


def _rows(owner: str, state_dict: Any) -> tuple[Mapping[Any, Any], list[Any]]:
    saved = require_mapping(owner, "the state dict", state_dict)
    if "state" not in saved:
        raise ValueError(f"{owner}: the state dict has no 'state', only {sorted(map(str, saved))}.")
    rows = require_mapping(owner, "state_dict['state']", saved["state"])
    for i, row in rows.items():
        require_mapping(owner, f"state_dict['state'][{i!r}]", row)
    return rows, list(saved.get("param_groups", []))


def _param_names(groups: list[Any]) -> list[str] | None:
    """The names that PyTorch keeps if the optimizer was given named parameters."""
    if not groups or not all(group.get("param_names") for group in groups):
        return None
    return [name for group in groups for name in group["param_names"]]


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
    steps = {int(row["step"]) for row in rows.values() if "step" in row}
    if len(steps) > 1:
        raise ValueError(
            f"{owner}: the parameters have taken {sorted(steps)} steps; here one count holds for all. "
            f"Use a transformation for each group, with partition."
        )
    return next(iter(steps), None)


def _require_same_numbers(kept: Kept, group: Mapping[str, Any], count: int) -> None:
    """A param group's numbers must be those of the transformation at the next step."""
    for name, (ours, theirs) in _numbers(kept, group, count).items():
        if not math.isclose(ours, theirs, rel_tol=1e-6):
            raise ValueError(
                f"{kept.owner}: the state dict has {name}={theirs:g}, the transformation {ours:g} at "
                f"the next step. To go on with another, leave param_groups out of the state dict."
            )


def _numbers(kept: Kept, group: Mapping[str, Any], count: int) -> dict[str, tuple[float, float]]:
    """Both sides' number of each name that both have; what a chain leaves out is 0."""
    rules = [m.node.rule for m in kept.members if m.node.rule is not None]
    ours = {name: kept.number(names, count, field) for name, (field, names) in NUMBERS.items()}
    ours["weight_decay"] = ours["weight_decay"] or 0.0
    numbers = [getattr(getattr(rule, "step_size_fn", None), "keywords", {}) for rule in rules]
    for name in OF_SCHEDULES:
        ours[name] = next((float(of[name]) for of in numbers if name in of), 0.0)
    ours["maximize"] = any(rule.name == "scale" and rule.step_size == -1 for rule in rules)
    if "velocity" in kept.at:
        rule = kept.members[kept.at["velocity"]].node.rule
        ours["nesterov"] = rule.name == "nesterov" or getattr(rule, "nesterov", False)
    betas = dict(zip(("betas[0]", "betas[1]"), group.get("betas", ()), strict=False))
    ours |= {"betas[0]": kept.number(["b1"], count), "betas[1]": kept.number(["b2"], count)}
    theirs = {**group, **betas}
    if "velocity" not in kept.at:
        theirs.pop("dampening", None)  # without momentum PyTorch does not use it
    pairs = {name: (x, theirs.get(name)) for name, x in ours.items()}
    return {n: (float(x), float(y)) for n, (x, y) in pairs.items() if x is not None and y is not None}


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
    kept = Kept(owner, tx, state)
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
