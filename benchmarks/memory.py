"""The most memory that training takes, where params, gradients and state are all that is needed."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import jax
import jax.numpy as jnp

import jaxopt_slides as jos
from benchmarks import resident
from benchmarks.bench import Bench, Prepared
from benchmarks.data import batch
from benchmarks.figures import Case
from benchmarks.sides import Side
from benchmarks.workers import in_turn, started

RULE, STEPS, MIB = "adagrad", 5, 2**20
NEEDED = "params + gradients + state"


def problem(size: int) -> tuple[Callable[[jax.Array], jax.Array], int]:
    """A square matrix whose gradient is a product, so that XLA cannot fuse it away; and its width."""
    x = jnp.asarray(batch(size))
    return lambda w: jnp.mean(jnp.square(x @ w - 1)), x.shape[1]


def _fit(loss: Any, side: Side, params: jax.Array) -> Any:
    return jax.block_until_ready(jos.fit(loss, side.tx, params, steps=STEPS).params)


def _jitted(loss: Any, side: Side, width: int) -> Callable[[], Any]:
    """A step jitted with donation, in a loop."""

    def training_step(side: Side, params: Any, state: Any) -> tuple[Any, Any, Any]:
        value, gradients = jax.value_and_grad(loss)(params)
        return *side.step(params, state, gradients), value

    step = side.jitted(training_step)

    def train() -> Any:
        params = jnp.zeros((width, width))
        state = side.tx.init(params)
        for _ in range(STEPS):
            params, state, _ = jax.block_until_ready(step(params, state))
        return params

    return train


def analysis(loss: Any, side: Side, width: int) -> float:
    """What XLA says in MiB of the program that ``fit`` compiles: all that lives at once."""

    def train(tx: Any, params: Any, state: Any) -> Any:
        done = jos.fit(loss, tx, params, steps=STEPS, state=state)
        return done.params, done.state, done.history

    params = jax.ShapeDtypeStruct((width, width), jnp.float32)
    program = jax.jit(train, donate_argnums=(1, 2))
    compiled = program.lower(side.tx, params, jax.eval_shape(side.tx.init, params)).compile()
    found = compiled.memory_analysis()
    taken = found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    return (taken + found.temp_size_in_bytes) / MIB


def start(plan: dict[str, Any]) -> Prepared:
    """In the child: one way, run once, so that compiling is over when it is watched."""
    loss, width = problem(plan["size"])
    side = Side.of(plan["who"], RULE)
    if plan["kind"] == "analysis":
        return Prepared(
            {plan["way"]: functools.partial(analysis, loss, side, width)}, {plan["way"]: []}
        )
    if plan["who"] == "jos":
        params = jnp.zeros((width, width))  # the caller's own, which survive
        train = functools.partial(_fit, loss, side, params)
    else:
        train = _jitted(loss, side, width)
    train()
    return Prepared({plan["way"]: functools.partial(resident.peak_of, train)}, {plan["way"]: []})


def cases(bench: Bench) -> Iterator[Case]:
    """Every way in a process of its own, which is watched three times, or once if quick."""
    rounds = 1 if bench.quick else 3
    needed = 3 * 4 * round(bench.size**0.5) ** 2 / MIB
    values = {NEEDED: [needed]}
    plans = {
        "jos.fit, XLA's count": ("jos", "analysis"),
        "jos.fit": ("jos", "peak"),
        "optax, a jitted step": ("optax", "peak"),
    }
    watched = resident.counted()
    for way, (who, kind) in bench.of(plans).items():
        with bench.jax("memory") as worker:
            watched &= worker.hello["platform"] == "cpu"  # Linux counts the host's memory alone
            if kind == "analysis" or watched:
                plan = {"size": bench.size, "who": who, "kind": kind, "way": way}
                values |= in_turn(started([(worker, plan)]), rounds)
    with ExitStack() as stack:
        for worker in bench.torch(stack) if watched else []:
            plan = {"size": bench.size, "rule": RULE, "steps": STEPS, "kind": "peak"}
            values |= in_turn(started([(worker, plan)]), rounds)
    note = f"Adagrad, {round(bench.size**0.5) ** 2:,} float32; beyond the caller's own params"
    yield Case("memory", "peak", values, "MiB", note)
