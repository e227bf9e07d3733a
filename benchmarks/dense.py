"""One step on one large leaf: what bounds it is the memory's bandwidth."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jax
import numpy as np

from benchmarks.bench import Bench, Prepared
from benchmarks.data import RULES, arrays, streams
from benchmarks.figures import TRIAD, Case
from benchmarks.sides import Side, Stepping, leaves, timed
from benchmarks.workers import in_turn, started

PLAIN = {  # the side, whether it is donated, and how many steps a block has
    "jos, donated": ("jos", True, 5),
    "jos, not donated": ("jos", False, 2),
    "optax, donated": ("optax", True, 5),
    "optax, not donated": ("optax", False, 2),
}
FLAGGED = {"jos, one pass": ("jos", True, 5), "optax, with the flag": ("optax", True, 5)}
QUICK = ("momentum", "rmsprop", "adagrad")
LIMIT = {TRIAD: ("triad", True, 5)}


class Triad:
    """Two arrays read and one written in place: what the memory can do."""

    def __init__(self, gradients: list[jax.Array]):
        """Compiles."""
        self.step = jax.jit(lambda x, g: x + np.float32(0.1) * g, donate_argnums=0)
        self.x, self.g = jax.numpy.array(gradients[0]), gradients[0]
        self.take(2)

    def take(self, steps: int) -> None:
        """So many times, waited for."""
        for _ in range(steps):
            self.x = self.step(self.x, self.g)
        jax.block_until_ready(self.x)


def start(plan: dict[str, Any]) -> Prepared:
    """In the child: the plan's ways for its rule."""
    values, gradients = arrays(plan["count"], plan["size"])
    gradients = leaves(gradients)
    ways, found = {}, {}
    for way, (who, donate, steps) in plan["ways"].items():
        if who == "triad":
            ways[way], found[way] = functools.partial(timed, Triad(gradients).take, steps), []
            continue
        one = Stepping(Side.of(who, plan["rule"]), values, gradients, donate=donate)
        ways[way], found[way] = functools.partial(one.block, steps), one.found()
    return Prepared(ways, found)


def cases(bench: Bench) -> Iterator[Case]:
    """Every rule, after the machine's own bandwidth."""
    with ExitStack() as stack:
        plain = stack.enter_context(bench.jax("dense"))
        others = [(worker, {"steps": 3}) for worker in bench.torch(stack)]
        if plain.hello["platform"] == "cpu":
            flagged = stack.enter_context(bench.jax("dense", one_pass=True))
            if flagged.hello["one_pass"]:
                others.append((flagged, {"ways": bench.of(FLAGGED)}))
            else:
                print(f"dense, one pass: left out. {flagged.hello['because']}")
        shape = {"count": 1, "size": bench.size}
        yield _bandwidth(bench, plain, shape)
        for rule in QUICK if bench.quick else RULES:
            plan = shape | {"rule": rule, "ways": bench.of(PLAIN) | LIMIT}
            ways = started([(plain, plan), *((worker, plan | other) for worker, other in others)])
            ways = {way: ways[way] for way in sorted(ways, key=_library)}
            note = f"{bench.size:,} float32 in one leaf, {4 * streams(rule)} bytes each and step"
            yield Case("dense", rule, in_turn(ways, bench.rounds), note=note, streams=streams(rule))


def _library(way: str) -> int:
    """Ours before optax's and torch's, and the triad last."""
    return ("jos", "optax", "torch", TRIAD.partition(",")[0]).index(way.partition(",")[0])


def _bandwidth(bench: Bench, worker: Any, shape: dict[str, int]) -> Case:
    """GB/s of the triad."""
    times = in_turn(started([(worker, shape | {"rule": "sgd", "ways": LIMIT})]), bench.rounds)[TRIAD]
    speeds = [bench.size * 12 / t / 1e6 for t in times]
    return Case("dense", "bandwidth", {TRIAD: speeds}, "GB/s", f"{bench.size:,} float32 in place")
