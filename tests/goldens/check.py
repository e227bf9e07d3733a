"""Compare every golden with a plain NumPy float64 loop: ``python -m tests.goldens.check``.

It needs NumPy only. The loops are written from the frameworks' sources and share nothing with the
package. Prints, for every run, the worst distance of each dtype from the float64 loop, relative to the
largest magnitude that the parameter has had in the run.
"""

import importlib
import sys

import numpy as np

from tests.goldens.grid import RECORDED_STEPS, RUNS, START, gradient
from tests.goldens.load import load

BOUND = 1e-13


def loop(run):
    """The float64 trajectory of the plain rule with the hyperparameters that the framework used."""
    rule = getattr(importlib.import_module(f"tests.goldens.rules_{run.framework}"), run.function)
    powers = [name for name in run.rounded or () if name.endswith("_power")]
    arguments = run.used | {
        p: np.float32(run.arguments[p.removesuffix("_power")]).item() for p in powers
    }
    if run.schedule:
        rate, decay = arguments[run.rate], run.schedule[1]
        arguments[run.rate] = lambda t: rate * decay**t
    rows = list(rule(START, lambda t, x: gradient(t, x, np.float64), **arguments))
    return np.stack([rows[step - 1] for step in RECORDED_STEPS])


def distance(x, reference):
    """The worst relative distance; the scale is the parameter's largest magnitude."""
    return float(np.max(np.abs(x - reference) / np.abs(reference).max(axis=0)))


def main():
    """Print the distances and fail where a float64 run is not one."""
    failed = []
    for run in RUNS:
        golden, reference = load(run), loop(run)
        wide, narrow = distance(golden.float64, reference), distance(golden.float32, reference)
        print(f"{wide:8.1e} {narrow:8.1e}  {run.id}")
        failed += [run.id] if wide > BOUND else []
    sys.exit(f"not float64: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
