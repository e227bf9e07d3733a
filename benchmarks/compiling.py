"""What comes before the first step: tracing and compiling, and whether a change asks for it again."""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import monitoring

import jaxopt_slides as jos
from benchmarks.bench import Bench, Prepared
from benchmarks.data import RATE, arrays
from benchmarks.figures import Case
from benchmarks.sides import Side, leaves
from benchmarks.workers import in_turn, started

COUNT, SIZE = 1000, 1000
RULES = ("sgd", "momentum", "rmsprop", "adagrad", "ten parts")
QUICK = ("adagrad", "ten parts")  # the chain, a minute of compiling, on a tenth of the leaves
WAYS = {"jos": "jos", "optax": "optax"}
CHANGES, MEMBERS = 5, 256
_seconds: list[float] = []  # of every compilation in this process


def _listen(event: str, duration: float, **_: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _seconds.append(duration)


monitoring.register_event_duration_secs_listener(_listen)


def compilations(function: Callable[[], Any]) -> list[float]:
    """The seconds of every compilation while the function runs."""
    before = len(_seconds)
    jax.block_until_ready(function())
    return _seconds[before:]


def build(side: Side, params: Any, gradients: Any) -> dict[str, float]:
    """The milliseconds that a step's trace and its compilation take, with nothing cached."""
    jax.clear_caches()
    state = jax.eval_shape(side.tx.init, params)
    step, arguments = side.program(Side.step), (params, state, gradients)
    began = time.perf_counter()
    traced = step.trace(*side.argument, *arguments)
    between = time.perf_counter()
    traced.lower().compile()
    ended = time.perf_counter()
    return {"trace": (between - began) * 1e3, "compile": (ended - between) * 1e3}


# ---------------------------------------------------------------- another learning rate


def _changing(step: Callable[[float], Any]) -> int:
    """How many programs are compiled when the learning rate changes, after the first."""
    step(RATE)
    return len(compilations(lambda: [step(RATE * (k + 2)) for k in range(CHANGES)]))


def _loss(w: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(w))


def another_rate(way: str) -> int:
    """Adagrad with several learning rates, one after the other."""
    w, g = jnp.ones(SIZE), jnp.ones(SIZE)
    library = way.partition(",")[0].partition(".")[0]
    injected = _injected(w) if way == "optax, inject_hyperparams" else None
    program = Side.of("jos", "adagrad").program(Side.step, donate=False)

    def step(rate: float) -> Any:
        if injected:
            return injected(rate, g)
        side = Side.of(library, "adagrad", rate)
        state = side.tx.init(w)
        if way == "jos.fit":
            return jos.fit(_loss, side.tx, w, steps=3).params
        if way == "jos.make_step":
            return jos.make_step(_loss, side.tx)(w, state)
        if way == "jos, update":
            return side.tx.update(g, state, w)
        return program(side.tx, w, state, g) if side.is_data else jax.jit(side.step)(w, state, g)

    return _changing(step)


def _injected(w: jax.Array) -> Callable[[float, jax.Array], Any]:
    """The own way of optax to change a learning rate: it is in the state."""
    import optax

    tx = optax.inject_hyperparams(optax.adagrad)(learning_rate=RATE)
    state, update = tx.init(w), jax.jit(tx.update)

    def step(rate: float, g: jax.Array) -> Any:
        hyperparams = state.hyperparams | {"learning_rate": jnp.float32(rate)}
        return update(g, state._replace(hyperparams=hyperparams), w)

    return step


CHANGING = ("jos, jit", "jos.fit", "jos.make_step", "jos, update")
CHANGING += ("optax, jit", "optax, inject_hyperparams")

# ---------------------------------------------------------------- a sweep


def _train(tx: Any) -> jax.Array:
    """A small network, for a hundred steps."""
    draw = np.random.default_rng(0)
    x = jnp.asarray(draw.normal(size=(64, 4)), jnp.float32)
    params = {"w": jnp.full((4, 8), 0.1), "v": jnp.full((8, 1), 0.1)}

    def loss(params):
        found = jnp.tanh(x @ params["w"]) @ params["v"]
        return jnp.mean(jnp.square(found - x[:, :1]))

    return jos.fit(loss, tx, params, steps=100).history["loss"][-1]


def sweep_of(members: int) -> float:
    """The milliseconds that compiling a sweep takes; one member is trained by itself."""
    jax.clear_caches()
    rates = np.geomspace(1e-3, 1e-1, members, dtype=np.float32)
    if members == 1:
        return sum(compilations(lambda: jax.jit(_train)(jos.rmsprop(rates[0])))) * 1e3
    return sum(compilations(lambda: jos.sweep(_train, jos.rmsprop, {"learning_rate": rates}))) * 1e3


def start(plan: dict[str, Any]) -> Prepared:
    """In the child: whatever the plan asks for."""
    if "members" in plan:
        ways = {way: functools.partial(sweep_of, n) for way, n in plan["members"].items()}
    elif "rule" not in plan:
        ways = {way: functools.partial(another_rate, way) for way in plan["ways"]}
    else:
        params, gradients = (leaves(x) for x in arrays(plan["count"], plan["size"]))
        sides = {way: Side.of(who, plan["rule"]) for way, who in plan["ways"].items()}
        ways = {way: functools.partial(build, side, params, gradients) for way, side in sides.items()}
    return Prepared(ways, {way: [] for way in ways})


def _most_rounds(bench: Bench, rule: str) -> int:
    """Compiling takes seconds, the chain a minute, and varies little."""
    return 2 if bench.quick else 3 if rule == "ten parts" else 7


def cases(bench: Bench) -> Iterator[Case]:
    """Trace and compilation of every rule, the changed learning rate, the sweep."""
    with bench.jax("compile") as worker:
        for rule in QUICK if bench.quick else RULES:
            count = COUNT // 10 if bench.quick and rule == "ten parts" else COUNT
            note = f"{count:,} leaves of {SIZE:,} float32"
            plan = {"count": count, "size": SIZE, "rule": rule, "ways": bench.of(WAYS)}
            built = in_turn(started([(worker, plan)]), min(bench.rounds, _most_rounds(bench, rule)))
            for what in ("trace", "compile"):
                values = {way: [x[what] for x in found] for way, found in built.items()}
                yield Case("compile", f"{rule}, {what}", values, note=note)
        ways = started([(worker, {"ways": list(bench.of(dict.fromkeys(CHANGING)))})])
        note = f"after the first, {CHANGES} other learning rates"
        yield Case("compile", "another rate", in_turn(ways, 1), "compilations", note)
        members = {"one member": 1, f"{MEMBERS} members": MEMBERS}
        ways = started([(worker, {"members": members})])
        yield Case("compile", "jos.sweep", in_turn(ways, bench.rounds), note="a small network, RMSProp")
