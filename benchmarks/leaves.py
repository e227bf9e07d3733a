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
from benchmarks.sides import Side, Stepping, leaves
from benchmarks.workers import in_turn, started

RULES = ("sgd", "momentum", "rmsprop", "adagrad")
COUNT = SIZE = 1000
ONE_STEP = {"jos": "jos", "optax": "optax"}
TRAINED = 100  # steps


@jax.custom_vjp
def loss(params: list[jax.Array]) -> jax.Array:
    """One weight, whose gradients are said to be the params: nearly all time is the optimizer's."""
    return jnp.sum(params[0][:1])


loss.defvjp(lambda params: (loss(params), params), lambda params, out: ([w * out for w in params],))


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
    """Training from the same params every time, so that nothing shrinks into subnormal numbers.

    What starting costs is left out, but for "jos.fit", which copies the params and calls ``init``.
    """

    def __init__(self, way: str, rule: str, values: np.ndarray, steps: int):
        """Compiles, by training once."""
        self.way, self.steps, self.first = way, steps, leaves(values)
        self.side = side = Side.of("optax" if way.startswith("optax") else "jos", rule)
        self.calls = 1 if way == "optax, a scan" else steps
        if way == "jos.make_step":
            self.step = jos.make_step(loss, side.tx)
        elif way.startswith("optax"):
            one = training_step if self.calls == steps else functools.partial(scanned, steps=steps)
            self.step = side.jitted(one)
        self.params = self.first
        self.block()

    def _train(self, params: Any, state: Any) -> Any:
        if self.way.startswith("jos.fit"):
            return jos.fit(loss, self.side.tx, params, steps=self.steps, state=state).params
        for _ in range(self.calls):
            params, state, _ = self.step(params, state)
        return params

    def block(self) -> float:
        """The milliseconds of a step."""
        params = [w.copy() for w in self.first]
        state = None if self.way == "jos.fit" else self.side.tx.init(params)
        jax.block_until_ready((params, state))
        began = time.perf_counter()
        self.params = jax.block_until_ready(self._train(params, state))
        return (time.perf_counter() - began) * 1e3 / self.steps

    def found(self) -> list[float]:
        """Some of the last params."""
        return sample([np.asarray(x) for x in (self.params[0], self.params[-1])])


TRAINING = ("jos.fit", "jos.fit, state given", "jos.make_step", "optax, a jitted step", "optax, a scan")


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
    one = bench.of(ONE_STEP)
    slow = {"jos.make_step"} if bench.quick else {}
    many = [way for way in bench.of(dict.fromkeys(TRAINING)) if way not in slow]
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
