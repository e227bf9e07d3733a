"""Read the recorded runs; only NumPy is needed.

One ``<framework>.npz`` holds, for every run of the framework:

* ``<id>/float64`` and ``<id>/float32``: the parameters ``[len(RECORDED_STEPS), SIZE]``, row k after
  ``RECORDED_STEPS[k]`` steps;
* ``<id>/<step>/<path>``: one array of the framework's own state after that step of the float64 run;
* ``<id>/<step>.json``: what else that state says.

``versions`` is a JSON text. Strings are stored as arrays of one string, so nothing is pickled.
"""

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.goldens.grid import RUNS, Run

HERE = Path(__file__).parent


class Golden(NamedTuple):
    """What a framework did.

    Attributes:
      run: the row of the grid.
      float64: the parameters after each of RECORDED_STEPS, ``[steps, SIZE]``.
      float32: the same of the float32 run.
      states: the framework's own state after some steps of the float64 run, by step: torch's
        ``state_dict()`` with NumPy arrays for tensors, or the dict that Keras'
        ``save_own_variables`` fills. Empty for the other frameworks.
    """

    run: Run
    float64: np.ndarray
    float32: np.ndarray
    states: dict[int, dict[str, Any]]


@functools.cache
def _contents(framework):
    with np.load(HERE / f"{framework}.npz", allow_pickle=False) as file:
        return dict(file)


def load(run):
    """The recorded run of a row."""
    contents = _contents(run.framework)
    names = [name.removeprefix(f"{run.id}/") for name in contents if name.startswith(f"{run.id}/")]
    steps = sorted(int(name.removesuffix(".json")) for name in names if name.endswith(".json"))
    states = {step: _state(contents, f"{run.id}/{step}") for step in steps}
    return Golden(run, contents[f"{run.id}/float64"], contents[f"{run.id}/float32"], states)


def find(name):
    """The recorded run of an id."""
    return load(next(run for run in RUNS if run.id == name))


def versions(framework):
    """What the framework's file was recorded with."""
    return json.loads(str(_contents(framework)["versions"]))


def signatures():
    """Parameter names and defaults of every constructor: ``[framework][function]``, in order."""
    return json.loads((HERE / "signatures.json").read_text(encoding="utf-8"))


def _state(contents, prefix):
    state = json.loads(str(contents[f"{prefix}.json"]))
    if "param_groups" in state:  # JSON has neither integer keys nor tuples
        state["state"] = {int(k): v for k, v in state["state"].items()}
        for group in state["param_groups"]:
            group.update({k: tuple(v) for k, v in group.items() if k == "betas"})
    for name in (n for n in contents if n.startswith(f"{prefix}/")):
        _put(state, name.removeprefix(f"{prefix}/").split("/"), contents[name])
    return state


def _put(state, path, array):
    *outer, last = path
    for key in outer:
        state = state[int(key) if key.isdigit() else key]
    state[last] = array
