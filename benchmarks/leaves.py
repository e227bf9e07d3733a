"""A thousand small leaves: what bounds a step is the dispatch of its buffers."""

import functools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from benchmarks.bench import Bench, Prepared
from benchmarks.data import arrays, sample
from benchmarks.figures import Case
from benchmarks.sides import HAS_PACKED, Side, Stepping, leaves
from benchmarks.workers import in_turn, started

RULES = ("sgd", "momentum", "rmsprop", "adagrad")
COUNT = SIZE = 1000
ONE_STEP = {"jos": "jos", "jos, packed": "packed", "optax": "optax"}
TRAINED = 100  # steps


def loss(params: list[jax.Array]) -> jax.Array:
    """Something to train whose gradients cost little."""
    return sum((jnp.sum(jnp.square(w)) for w in params), jnp.float32(0.0)) / 2


def training_step(side: Side, params: Any, state: Any) -> tuple[Any, Any, Any]:
    """Loss, gradients, update."""
    value, gradients = jax.value_and_grad(loss)(params)
    return *side.step(params, state, gradients), value


def scanned(side: Side, params: Any, state: Any, *, steps: int) -> tuple[Any, Any, Any]:
    """Many training steps in one program."""

    def body(carry, _):
        *carry, value = training_step(side, *carry)
        return tuple(carry), value

    (params, state), values = jax.lax.scan(body, (params, state), length=steps)
    return params, state, values


class Training:
    """Training from the same params every time, so that nothing shrinks into subnormal numbers."""

    def __init__(self, way: str, rule: str, values: np.ndarray, steps: int):
        """Compiles, by training once."""
        self.steps, self.first = steps, leaves(values)
        self.side = Side.of(way.partition(",")[0].partition(".")[0], rule)
        self.train = {
            "jos.fit": self._fit,
            "jos.make_step": self._make_step,
            "optax, a jitted step": self._jitted,
            "optax, a scan": self._jitted,
        }[way]
        self.made = jos.make_step(loss, self.side.tx) if way == "jos.make_step" else None
        self.calls = 1 if way == "optax, a scan" else steps
        step = training_step if self.calls == steps else functools.partial(scanned, steps=steps)
        self.step = self.side.jitted(step) if way.startswith("optax") else None
        self.params = self.train()
        jax.block_until_ready(self.params)

    def _fit(self) -> Any:
        return jos.fit(loss, self.side.tx, self.first, steps=self.steps).params

    def _make_step(self) -> Any:
        params, state = self.first, self.side.tx.init(self.first)
        for _ in range(self.steps):
            params, state, _ = self.made(params, state)  # pyright: ignore[reportOptionalCall]
        return params

    def _jitted(self) -> Any:
        params = [w.copy() for w in self.first]
        state = self.side.tx.init(params)
        for _ in range(self.calls):
            params, state, _ = self.step(params, state)  # pyright: ignore[reportOptionalCall]
        return params

    def block(self) -> float:
        """The milliseconds of a step, with all that starting costs shared among them."""
        began = time.perf_counter()
        self.params = jax.block_until_ready(self.train())
        return (time.perf_counter() - began) * 1e3 / self.steps

    def found(self) -> list[float]:
        """Some of the last params."""
        return sample([np.asarray(x) for x in (self.params[0], self.params[-1])])


TRAINING = ("jos.fit", "jos.make_step", "optax, a jitted step", "optax, a scan")


def start(plan: dict[str, Any]) -> Prepared:
    """In the child: one step of the plan's sides, or training."""
    values, gradients = arrays(plan["count"], plan["size"])
    if "steps" in plan:
        made = {way: Training(way, plan["rule"], values, plan["steps"]) for way in plan["ways"]}
        return Prepared({w: x.block for w, x in made.items()}, {w: x.found() for w, x in made.items()})
    gradients = leaves(gradients)
    sides = {way: Side.of(who, plan["rule"]) for way, who in plan["ways"].items()}
    made = {way: Stepping(side, values, gradients) for way, side in sides.items()}
    blocks = {way: functools.partial(one.block, 5) for way, one in made.items()}
    return Prepared(blocks, {way: one.found() for way, one in made.items()})


def cases(bench: Bench) -> Iterator[Case]:
    """One step with gradients that are given, then training by many."""
    shape = {"count": COUNT, "size": SIZE}
    one = {way: who for way, who in bench.of(ONE_STEP).items() if who != "packed" or HAS_PACKED}
    many = list(bench.of(dict.fromkeys(TRAINING)))
    with ExitStack() as stack:
        jax_worker, others = stack.enter_context(bench.jax("leaves")), bench.torch(stack)
        for rule in ("adagrad",) if bench.quick else RULES:
            plan = shape | {"rule": rule}
            plans = [(jax_worker, plan | {"ways": one}), *((w, plan | {"steps": 5}) for w in others)]
            note = f"{COUNT:,} leaves of {SIZE:,} float32, donated"
            ways = started(plans)
            yield Case("leaves", f"{rule}, one step", in_turn(ways, bench.rounds), note=note)
            ways = started([(jax_worker, plan | {"ways": many, "steps": TRAINED})])
            yield Case(
                "leaves",
                f"{rule}, {TRAINED} steps",
                in_turn(ways, bench.rounds),
                note=f"{note}, a step with loss and gradients",
            )
