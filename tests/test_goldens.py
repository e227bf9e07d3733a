"""Our presets against what the frameworks did: the recorded runs of tests/goldens.

Both sides get their gradients from one NumPy function at their own parameters, so that every error
feeds back into the run. A run of ours gets a framework's arguments as they are.
"""

import functools
import inspect

import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from tests.goldens import grid, load

RUNS = {run.id: run for run in grid.RUNS}
FLOAT64 = [name for name, run in RUNS.items() if run.rounded is None]
EPS = {np.float32: float(np.finfo(np.float32).eps), np.float64: float(np.finfo(np.float64).eps)}


def preset_of(run, arguments=None):
    """Our preset with the framework's arguments; a schedule takes the learning rate's place."""
    arguments = dict(run.arguments if arguments is None else arguments)
    if run.schedule:
        kind, factor = run.schedule
        assert kind == "exponential"
        arguments[run.rate] = jos.exponential_decay(arguments[run.rate], 1, factor)
    return getattr(getattr(jos.presets, run.framework), run.function)(**arguments)


def replay(tx, steps, params=None, state=None, first=0, dtype=np.float64):
    """Our parameters after each of the steps ``first`` to ``max(steps)``, and the last state."""
    x = [jnp.asarray(w, dtype) for w in grid.split(grid.START if params is None else params)]
    state, rows = tx.init(x) if state is None else state, []
    for t in range(first, max(steps)):
        g = grid.split(grid.gradient(t, grid.join(x), dtype))
        updates, state = tx.update([jnp.asarray(leaf, dtype) for leaf in g], state, x)
        x = jos.apply_updates(x, updates)
        if t + 1 in steps:
            rows.append(grid.join(x))
    return np.stack(rows), state


@functools.cache
def ours(name, dtype):
    """Our run at the recorded steps; cached, since two tests look at it."""
    return replay(preset_of(RUNS[name]), grid.RECORDED_STEPS, dtype=dtype)[0]


def size(x):
    """The largest parameter of each step."""
    return np.abs(x).max(axis=-1, keepdims=True)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", FLOAT64)
def test_float64(name):
    """200 steps to 1e-12 of the framework's own float64 run."""
    golden = load.find(name).float64
    error = np.abs(ours(name, np.float64) - golden) / size(golden)
    assert error.max() <= 1e-12


@pytest.mark.parametrize("name", RUNS)
def test_float32(name):
    """10 steps to 8 ulp of the largest parameter; 200 steps to twice the framework's own error."""
    golden = load.find(name)
    got = ours(name, np.float32)
    tenth = grid.RECORDED_STEPS.index(10)
    first = np.abs(got - golden.float32)[: tenth + 1] / size(golden.float32)[: tenth + 1]
    assert first.max() <= 8 * EPS[np.float32]
    drift = np.abs(got[-1].astype(float) - golden.float32[-1]).max()
    own = np.abs(golden.float64[-1] - golden.float32[-1]).max()
    assert drift <= 2 * own
