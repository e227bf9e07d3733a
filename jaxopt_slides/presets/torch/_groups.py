"""The param groups of PyTorch's ``optimizer.state_dict()`` against a transformation's numbers."""

import math
from collections.abc import Mapping
from typing import Any

from jaxopt_slides._core.words import shown
from jaxopt_slides.presets._leaves import as_number, require_mapping
from jaxopt_slides.presets._slots import Kept

# A param group's numbers: by its name, the field of ours whose member has it (any member for None),
# and what it may be called there.
NUMBERS = {
    "lr": (None, ("learning_rate",)),
    "momentum": ("velocity", ("momentum", "mu", "decay")),
    "alpha": ("mean_square", ("decay",)),
    "rho": ("mean_square", ("rho",)),
    "eps": (None, ("eps",)),
    "weight_decay": (None, ("weight_decay",)),
    "eps_root": (None, ("eps_root",)),
    "betas[0]": (None, ("b1",)),
    "betas[1]": (None, ("b2",)),
}
LEFT_OUT = ("momentum", "weight_decay")  # a chain without the part has the number 0
OF_SCHEDULES = ("dampening", "lr_decay")
ABSENT = {"eps_root": 0.0, "bias_correction": False, "eps_hat": False}  # what PyTorch's rules lack


def groups_of(owner: str, state_dict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The param groups; none where they were left out."""
    groups = state_dict.get("param_groups", [])
    if not isinstance(groups, list | tuple):
        raise TypeError(f"{owner}: state_dict['param_groups'] must be a list, got {shown(groups)}.")
    for k, group in enumerate(groups):
        what = f"state_dict['param_groups'][{k}]"
        require_mapping(owner, what, group)
        if not isinstance(group.get("params"), list | tuple):
            raise TypeError(f"{owner}: {what} must have a list 'params', got {shown(dict(group))}.")
        if "betas" in group and not (
            isinstance(group["betas"], list | tuple) and len(group["betas"]) == 2
        ):
            got = shown(group["betas"])
            raise TypeError(f"{owner}: betas in {what} must be a pair of numbers, got {got}.")
    return list(groups)


def names_of(groups: list[Mapping[str, Any]]) -> list[str] | None:
    """The names that PyTorch keeps if the optimizer was given named parameters."""
    if not groups or not all(group.get("param_names") for group in groups):
        return None
    return [name for group in groups for name in group["param_names"]]


def require_same_numbers(kept: Kept, groups: list[Mapping[str, Any]], count: int) -> None:
    """Every param group's numbers must be those of the transformation at the next step."""
    for group in groups:
        theirs = _theirs(kept, group)
        for name, ours in {**_numbers(kept, count), **_flags(kept)}.items():
            came = theirs.get(name)
            if ours is None or came is None:
                continue
            came = (
                bool(came)
                if isinstance(ours, bool)
                else as_number(kept.owner, f"{name} in param_groups", came)
            )
            if not math.isclose(ours, came, rel_tol=1e-6):
                ours, came = (str(x) if isinstance(x, bool) else f"{x:g}" for x in (ours, came))
                who = "PyTorch" if name in ABSENT and name not in group else "the state dict"
                raise ValueError(
                    f"{kept.owner}: {who} has {name}={came}, the transformation {ours} at the "
                    f"next step. To go on with another, leave param_groups out of the state dict."
                )


def _theirs(kept: Kept, group: Mapping[str, Any]) -> dict[str, Any]:
    """A group's numbers and flags, without those that PyTorch does not use."""
    betas = dict(zip(("betas[0]", "betas[1]"), group.get("betas", ()), strict=False))
    unused = [] if "velocity" in kept.at else ["dampening", "nesterov"]
    unused += [] if group.get("weight_decay") else ["decoupled_weight_decay"]
    return {name: x for name, x in {**ABSENT, **group, **betas}.items() if name not in unused}


def _numbers(kept: Kept, count: int) -> dict[str, float | None]:
    """Our numbers by PyTorch's names; None for what the rule does not have."""
    ours = {name: kept.number(names, count, field) for name, (field, names) in NUMBERS.items()}
    ours |= {name: ours[name] or 0.0 for name in LEFT_OUT}
    rules = [m.node.rule for m in kept.members if m.node.rule is not None]
    numbers = [getattr(getattr(rule, "step_size_fn", None), "keywords", {}) for rule in rules]
    of = {name: [x[name] for x in numbers if name in x] for name in OF_SCHEDULES}
    return ours | {name: float(found[0]) if found else 0.0 for name, found in of.items()}


def _flags(kept: Kept) -> dict[str, bool]:
    """Our options by PyTorch's names."""
    rules = [m.node.rule for m in kept.members if m.node.rule is not None]
    velocity = kept.members[kept.at["velocity"]].node.rule if "velocity" in kept.at else None
    return {
        "maximize": any(rule.name == "scale" and rule.step_size == -1 for rule in rules),
        "nesterov": getattr(velocity, "name", "") == "nesterov" or getattr(velocity, "nesterov", False),
        "centered": "mean" in kept.at,
        "bias_correction": any(getattr(rule, "bias_correction", False) for rule in rules),
        "eps_hat": any(getattr(rule, "eps_hat", False) for rule in rules),
        "amsgrad": False,
        "decoupled_weight_decay": any(
            m.node.name == "adam" and m.has("weight_decay") for m in kept.members
        ),
    }
