"""What importing the library adds, in time and modules, to a process that has jax and chex."""

import functools
import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Case
from benchmarks.workers import ROOT, environment, in_turn

SCRIPT = """
import json, sys, time
import jax, chex
before, began = len(sys.modules), time.perf_counter()
import {}
seconds = time.perf_counter() - began
print(json.dumps({{"ms": seconds * 1e3, "modules": len(sys.modules) - before}}))
"""


def imported(name: str) -> dict[str, float]:
    """Imports it in a fresh process."""
    command = [sys.executable, "-c", SCRIPT.format(name)]
    return json.loads(subprocess.check_output(command, cwd=ROOT, env=environment(), text=True))


def cases(bench: Bench) -> Iterator[Case]:
    """This library and optax."""
    names = bench.of({"jos": "jaxopt_slides", "optax": "optax"})
    ways = {way: functools.partial(imported, name) for way, name in names.items()}
    in_turn(ways, 1)  # so that all is in the disk's cache
    found = in_turn(ways, bench.rounds)
    for unit in ("ms", "modules"):
        values = {way: [x[unit] for x in numbers] for way, numbers in found.items()}
        yield Case("import", "time" if unit == "ms" else "modules", values, unit, "after jax and chex")
