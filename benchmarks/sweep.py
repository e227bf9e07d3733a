"""4 rules x 64 learning rates x 4 seeds of a small MLP, by ``sweep`` and in four ways with optax.

``python -m benchmarks.sweep`` is the subject of ``python -m benchmarks``, with options. Every way
starts in a process of its own, with nothing compiled, trains the same networks on the same batches with
the same rules (``presets.optax``) and must find the same losses: the training loss of every run as a
curve of ten points, each the mean of a tenth of the steps. Timed is all that happens from the first
call to the last loss, compilation included; imports and the data are not. Two ways take minutes, so a
part of their runs is timed and scaled, which the table says.
"""

import argparse
import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxopt_slides as jos
from benchmarks.bench import Bench
from benchmarks.figures import Case
from benchmarks.workers import ROOT

INPUTS, HIDDEN, CLASSES, EXAMPLES, BATCH, POINTS = 4, 8, 2, 256, 16, 10
RULES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, float]]] = {
    "sgd": (jos.presets.optax.sgd, optax.sgd, (1e-3, 0.5)),
    "momentum": (
        functools.partial(jos.presets.optax.sgd, momentum=0.9),
        functools.partial(optax.sgd, momentum=0.9),
        (1e-4, 0.1),
    ),
    "rmsprop": (jos.presets.optax.rmsprop, optax.rmsprop, (1e-5, 1e-2)),
    "adagrad": (jos.presets.optax.adagrad, optax.adagrad, (1e-3, 0.2)),
}


class Plan(NamedTuple):
    """How much is trained."""

    rates: int = 64
    seeds: int = 4
    steps: int = 4000
    part: int = 4  # learning rates of which the slow ways train the first seed

    def grid(self, rule: str) -> np.ndarray:
        """The rule's learning rates."""
        return np.geomspace(*RULES[rule][2], self.rates, dtype=np.float32)

    def chosen(self) -> np.ndarray:
        """The learning rates of the part, spread over all."""
        return np.unique(np.linspace(0, self.rates - 1, self.part).round().astype(int))


class Timed(NamedTuple):
    """What one way took and found: all losses, or those of a part with NaN elsewhere."""

    seconds: float
    scaled: float  # how many times longer all runs take than those timed; 1 for all
    losses: np.ndarray  # [rules, rates, seeds, points]


def make_data() -> tuple[jax.Array, jax.Array]:
    """A fixed data set: points and the class that a random network gives each."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(EXAMPLES, INPUTS)).astype(np.float32)
    hidden = np.tanh(x @ draw.normal(size=(INPUTS, 32)))
    return jnp.asarray(x), jnp.asarray((hidden @ draw.normal(size=(32, CLASSES))).argmax(1))


DATA = make_data()


def loss(params, batch):
    """The cross-entropy of a tanh network with one hidden layer."""
    x, y = batch
    scores = jnp.tanh(x @ params["w"] + params["b"]) @ params["v"] + params["c"]
    chosen = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - chosen)


def start(seed):
    """The seed's first params and its batches."""
    first, second, order = jax.random.split(jax.random.key(seed), 3)
    params = {
        "w": jax.random.normal(first, (INPUTS, HIDDEN)) / INPUTS**0.5,
        "b": jnp.zeros((1, HIDDEN)),
        "v": jax.random.normal(second, (HIDDEN, CLASSES)) / HIDDEN**0.5,
        "c": jnp.zeros((1, CLASSES)),
    }
    return params, jos.sample_batches(order, DATA, BATCH)


def curve(losses):
    """The losses of all steps, as a few means."""
    return losses.reshape(POINTS, -1).mean(1)


def step(rule, rate, params, state, batch):
    """One step with optax, whose optimizer closes over a learning rate that may be traced."""
    value, gradient = jax.value_and_grad(loss)(params, jax.tree.map(lambda x: x[batch], DATA))
    updates, state = rule(rate).update(gradient, state, params)
    return (optax.apply_updates(params, updates), state), value


def run(rule, steps, rate, seed):
    """One run with optax as a scan."""
    params, batches = start(seed)

    def body(carry, batch):
        return step(rule, rate, *carry, batch)

    carry = (params, rule(rate).init(params))
    return curve(jax.lax.scan(body, carry, batches.indices(0, steps))[1])


def ours(plan: Plan) -> Timed:
    """jos.sweep."""

    def train(tx, seed):
        params, batches = start(seed)
        return curve(jos.fit(loss, tx, params, steps=plan.steps, batches=batches).history["loss"])

    began, losses = time.perf_counter(), []
    for name, (rule, _, _) in RULES.items():
        swept = jos.sweep(train, rule, {"learning_rate": plan.grid(name)}, seeds=plan.seeds)
        losses.append(np.asarray(swept.results))
    return Timed(time.perf_counter() - began, 1.0, np.stack(losses))


def vmapped_closure(plan: Plan) -> Timed:
    """optax, one program a rule: vmap over learning rates and seeds of a closure over them."""
    began, losses = time.perf_counter(), []
    seeds = np.arange(plan.seeds)
    for name, (_, rule, _) in RULES.items():
        one = functools.partial(run, rule, plan.steps)
        grid = jax.jit(jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None)))
        losses.append(np.asarray(grid(plan.grid(name), seeds)))
    return Timed(time.perf_counter() - began, 1.0, np.stack(losses))


def scan_in_a_loop(plan: Plan) -> Timed:
    """optax, one compiled scan a rule, called for every run with its learning rate and seed."""
    began, losses = time.perf_counter(), []
    for name, (_, rule, _) in RULES.items():
        one = jax.jit(functools.partial(run, rule, plan.steps))
        found = [[one(rate, seed) for seed in range(plan.seeds)] for rate in plan.grid(name)]
        losses.append(np.array(jax.device_get(found)))
    return Timed(time.perf_counter() - began, 1.0, np.stack(losses))


def _in_part(plan: Plan, one: Callable[..., Any]) -> tuple[float, np.ndarray]:
    """``one(rule, rate, seed)`` for a part of the runs: what all would take, and the losses."""
    losses = np.full((len(RULES), plan.rates, plan.seeds, POINTS), np.nan, np.float32)
    began = time.perf_counter()
    for i, name in enumerate(RULES):
        for j in plan.chosen():
            losses[i, j, 0] = one(RULES[name][1], plan.grid(name)[j], 0)
    return time.perf_counter() - began, losses


def step_in_a_loop(plan: Plan) -> Timed:
    """optax, one jitted step a rule, called in a Python loop; a part of the runs, scaled."""
    began = time.perf_counter()
    begin = jax.jit(lambda seed: (start(seed)[0], start(seed)[1].indices(0, plan.steps)))
    first = jax.jit(lambda rule, params: rule(1.0).init(params), static_argnums=0)
    jitted = jax.jit(step, static_argnums=0, donate_argnums=(2, 3))

    def one(rule, rate, seed, steps=None):
        params, batches = begin(seed)
        state, losses = first(rule, params), []
        for batch in np.asarray(batches)[:steps]:
            (params, state), value = jitted(rule, rate, params, state, batch)
            losses.append(value)
        return jax.block_until_ready(losses) if steps else curve(np.array(jax.device_get(losses)))

    for _, rule, (low, _) in RULES.values():  # compiles, which is not scaled
        one(rule, np.float32(low), 0, 1)
    compiled = time.perf_counter() - began
    seconds, losses = _in_part(plan, one)
    scale = plan.rates * plan.seeds / len(plan.chosen())
    return Timed(compiled + seconds * scale, scale, losses)


def recompiling(plan: Plan) -> Timed:
    """optax, the learning rate a constant: one scan compiled for every run; a part, scaled."""

    def one(rule, rate, seed):
        return jax.jit(lambda seed: run(rule, plan.steps, float(rate), seed))(seed)

    seconds, losses = _in_part(plan, one)
    scale = plan.rates * plan.seeds / len(plan.chosen())
    return Timed(seconds * scale, scale, losses)


WAYS: dict[str, Callable[[Plan], Timed]] = {
    "jos.sweep": ours,
    "optax, recompiling per run": recompiling,
    "optax, a jitted step in a loop": step_in_a_loop,
    "optax, a compiled scan in a loop": scan_in_a_loop,
    "optax, a vmapped closure": vmapped_closure,
}


def timed_alone(way: str, plan: Plan) -> Timed:
    """The way in a fresh process."""
    options = ["--way", way, "--plan", json.dumps(plan)]
    command = [sys.executable, "-m", "benchmarks.sweep", *options]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, scaled, losses = json.loads(printed.splitlines()[-1])
    return Timed(seconds, scaled, np.array(losses, np.float32))


def require_equal(found: dict[str, Timed], rtol: float = 1e-3) -> float:
    """The largest relative difference from jos.sweep's losses, which must be that of float32."""
    reference = found["jos.sweep"].losses
    assert np.isfinite(reference).all()
    most = 0.0
    for way, timed in found.items():
        known = np.isfinite(timed.losses)
        assert known.sum() == round(reference.size / timed.scaled), way
        difference = np.abs(timed.losses - reference)[known] / reference[known]
        assert difference.max() < rtol, f"{way}: losses differ by {difference.max():.1e}"
        most = max(most, float(difference.max()))
    return most


def report(rounds: list[dict[str, Timed]]) -> str:
    """A table of medians and ratios; a ratio is the median of the rounds' own."""
    lines = [f"{'way':34} {'seconds':>8} {'ratio to jos.sweep [rounds]':>30}   runs timed"]
    for way in rounds[0]:
        seconds = statistics.median(r[way].seconds for r in rounds)
        ratios = sorted(r[way].seconds / r["jos.sweep"].seconds for r in rounds)
        spread = f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
        timed = rounds[0][way]
        runs = "all" if timed.scaled == 1 else f"1 in {timed.scaled:g}, scaled"
        lines.append(f"{way:34} {seconds:8.2f} {spread:>30}   {runs}")
    return "\n".join(lines)


def subject(bench: Bench) -> Iterator[Case]:
    """All ways for ``python -m benchmarks``; if it must be quick, the fast ones and fewer runs."""
    plan = Plan(rates=16, seeds=2, steps=500) if bench.quick else Plan()
    ways = ("jos.sweep", "optax, a vmapped closure") if bench.quick else tuple(WAYS)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(min(bench.rounds, 1 if bench.quick else 5)):
        timed = {way: timed_alone(way, plan) for way in ways}
        require_equal(timed)
        for way, found in timed.items():
            seconds[way].append(found.seconds)
    grid = f"{len(RULES)} rules x {plan.rates} rates x {plan.seeds} seeds, {plan.steps:,} steps each"
    yield Case("sweep", "a small MLP", seconds, "s", f"{grid}, compilation included")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter, description=__doc__.split("\n\n")[0]
    )
    for name, value in Plan._field_defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value, metavar="N")
    rounds = "how often every way is timed, in turn"
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help=rounds)
    parser.add_argument("--ways", default="", metavar="A,B", help="only ways with such words in them")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--plan", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Times every way in turn and prints the table."""
    options = parse(argv)
    if options.way:
        jax.block_until_ready(DATA)
        timed = WAYS[options.way](Plan(*json.loads(options.plan)))
        print(json.dumps([timed.seconds, timed.scaled, timed.losses.tolist()]))
        return
    plan = Plan(*(getattr(options, name) for name in Plan._fields))
    grid = f"{len(RULES)} rules x {plan.rates} learning rates x {plan.seeds} seeds"
    print(f"{grid}, {plan.steps} steps each")
    words = options.ways.split(",")
    ways = [way for way in WAYS if way == "jos.sweep" or any(word in way for word in words)]
    rounds = []
    for _ in range(options.rounds):
        rounds.append({way: timed_alone(way, plan) for way in ways})
        most = require_equal(rounds[-1])
        print(*(f"{timed.seconds:8.2f}" for timed in rounds[-1].values()), flush=True)
    print(f"\n{report(rounds)}\n\nlosses: largest relative difference {most:.1e}")


if __name__ == "__main__":
    main()
