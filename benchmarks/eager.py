"""``update`` and ``init`` called without jit."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from benchmarks.bench import Bench, Prepared
from benchmarks.data import WARM_UP, arrays, sample
from benchmarks.figures import Case
from benchmarks.sides import Side, leaves, timed
from benchmarks.workers import in_turn, started

QUICK = ("sgd", "adagrad", "ten parts")
WAYS = {"jos": "jos", "optax": "optax"}
SHAPES = dict.fromkeys(("sgd", "momentum", "rmsprop", "adagrad"), (1000, 1000, 2))
SHAPES |= {"ten parts": (1, 1000, 20), "init": (1000, 1000, 2)}  # leaves, their size, steps of a block


class Eager:
    """One optimizer whose ``update`` is called from Python."""

    def __init__(self, side: Side, values: np.ndarray, gradients: list[jax.Array]):
        """Takes the first steps."""
        self.side, self.params, self.gradients = side, leaves(values), gradients
        self.state, self.updates = side.tx.init(self.params), None
        self.take(WARM_UP)

    def take(self, steps: int) -> None:
        """So many updates, waited for."""
        for _ in range(steps):
            self.updates, self.state = self.side.tx.update(self.gradients, self.state, self.params)
        jax.block_until_ready((self.updates, self.state))

    def found(self) -> list[float]:
        """Some of the updates."""
        assert self.updates is not None
        return sample([np.asarray(x) for x in (self.updates[0], self.updates[-1])])


def begin(side: Side, params: list[jax.Array], steps: int) -> None:
    """``init``, so many times, waited for."""
    for _ in range(steps):
        jax.block_until_ready(side.tx.init(params))


def start(plan: dict[str, Any]) -> Prepared:
    """In the child: both sides of the plan's rule, or what starts Adagrad."""
    values, gradients = arrays(plan["count"], plan["size"])
    if plan["rule"] == "init":
        takes = {
            way: functools.partial(begin, Side.of(who, "adagrad"), leaves(values))
            for way, who in plan["ways"].items()
        }
        blocks = {way: functools.partial(timed, take, plan["steps"]) for way, take in takes.items()}
        return Prepared(blocks, {way: [] for way in takes})
    sides = {way: Side.of(who, plan["rule"]) for way, who in plan["ways"].items()}
    made = {way: Eager(side, values, leaves(gradients)) for way, side in sides.items()}
    blocks = {way: functools.partial(timed, one.take, plan["steps"]) for way, one in made.items()}
    return Prepared(blocks, {way: one.found() for way, one in made.items()})


def cases(bench: Bench) -> Iterator[Case]:
    """The rules on a thousand leaves, a chain on one, and the start of Adagrad."""
    with bench.jax("eager") as worker:
        for rule, (count, size, steps) in SHAPES.items():
            if bench.quick and rule not in QUICK:
                continue
            shape = {"count": count, "size": size, "steps": steps, "rule": rule}
            ways = started([(worker, shape | {"ways": bench.of(WAYS)})])
            note = f"{count:,} leaves of {size:,} float32" if count > 1 else f"one leaf of {size:,}"
            yield Case("eager", rule, in_turn(ways, bench.rounds), note=note)
