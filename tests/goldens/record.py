"""Record what the frameworks do: ``python -m tests.goldens.record [--only torch]``.

Needs the packages of ``requirements.txt``; the tests need only what this writes.
"""

import argparse
import datetime as dt
import inspect
import json
import platform

import numpy as np

from tests.goldens import frameworks
from tests.goldens.grid import (
    FRAMEWORKS,
    HANDED_OVER,
    HANDOVER_STEP,
    RECORDED_STEPS,
    RUNS,
    STATE_STEP,
    STEPS,
    gradient,
)
from tests.goldens.load import HERE


def trajectory(run, dtype):
    """The parameters ``[len(RECORDED_STEPS), SIZE]`` and the flattened states by name."""
    driver = frameworks.DRIVERS[run.framework](run, dtype)
    kept = {STATE_STEP, HANDOVER_STEP} if run.id in HANDED_OVER else {STATE_STEP}
    rows, states = [], {}
    for t in range(STEPS):
        x = driver.read()
        assert x.dtype == dtype, f"{run.id} computes in {x.dtype}"
        driver.step(gradient(t, x, dtype))
        if t + 1 in RECORDED_STEPS:
            rows.append(driver.read().copy())
        if t + 1 in kept and dtype == np.float64:
            states |= flattened(run, t + 1, driver.state())
    rows = np.stack(rows)
    assert np.isfinite(rows).all(), f"{run.id} is not finite"
    return rows, states


def flattened(run, step, state):
    """A state as arrays by path, and one JSON text for what is no array."""
    if not state:
        return {}
    arrays, rest = {}, {}
    _sort(state, "", arrays, rest)
    prefix = f"{run.id}/{step}"
    text = np.array(json.dumps(rest))
    return {f"{prefix}.json": text} | {f"{prefix}{path}": v.copy() for path, v in arrays.items()}


def _sort(state, path, arrays, rest):
    for name, value in state.items():
        if isinstance(value, dict):
            _sort(value, f"{path}/{name}", arrays, rest.setdefault(str(name), {}))
        elif hasattr(value, "numpy") or isinstance(value, np.ndarray | np.generic):
            arrays[f"{path}/{name}"] = np.asarray(value)
        else:
            rest[str(name)] = value


def record(framework):
    """Write one framework's file."""
    contents = {}
    for run in (run for run in RUNS if run.framework == framework):
        for dtype in (np.float64, np.float32):
            rows, states = trajectory(run, dtype)
            contents |= {f"{run.id}/{np.dtype(dtype).name}": rows} | states
        print(run.id, flush=True)
    contents["versions"] = np.array(json.dumps(provenance(framework)))
    np.savez_compressed(HERE / f"{framework}.npz", **contents)


def provenance(framework):
    """What recorded the file, and when."""
    date = dt.datetime.now(dt.UTC).date().isoformat()
    return frameworks.versions(framework) | {"python": platform.python_version(), "date": date}


def signature(function):
    """Parameter names and defaults in order; null is None, and a required one has no default."""
    parameters = inspect.signature(function).parameters.values()
    return [
        {"name": p.name, "kind": p.kind.name.lower()}
        | ({} if p.default is p.empty else {"default": p.default})
        for p in parameters
        if p.name not in ("self", "params")
    ]


def record_signatures(framework):
    """Write the signatures of one framework's constructors beside the others'."""
    path = HERE / "signatures.json"
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    functions = frameworks.CLASSES[framework]
    table[framework] = {name: signature(frameworks.constructor(framework, name)) for name in functions}
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def main():
    """Record the frameworks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=FRAMEWORKS, help="one framework instead of all")
    only = parser.parse_args().only
    for framework in [only] if only else FRAMEWORKS:
        record(framework)
        record_signatures(framework)


if __name__ == "__main__":
    main()
