"""One step on an embedding table: rows.lazy against dense optax and against torch's sparse gradients.

A step reads the rows of some ids, drawn from Zipf's law over a permutation of the table, and takes a
gradient that is given; what follows is the optimizer. Tables are donated. Ours and optax alternate,
block by block, in one process for every rule, and must end with the same table; torch has processes of
its own, one with a thread and one with two, between ours, and the better counts.
"""

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxopt_slides as jos

MOMENTUM = {"momentum": 0.9}
RULES: dict[str, tuple[str, dict[str, Any]]] = {  # names of optax's and what else they take
    "sgd": ("sgd", {}),
    "momentum": ("sgd", MOMENTUM),
    "nesterov": ("sgd", MOMENTUM | {"nesterov": True}),
    "rmsprop": ("rmsprop", {}),
    "adagrad": ("adagrad", {}),
}
RATE, BATCHES = 0.01, 32
TARGETS = {"adagrad": 80, "rmsprop": 60, "momentum": 15}  # times faster than dense optax, at least
LARGER, AT_MOST = 4, 1.6  # so many times the rows may take so many times as long


class Case(NamedTuple):
    """One shape of the work."""

    rows: int
    width: int = 64
    ids: int = 4096

    def data(self, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Ids ``[batches, ids]`` and the gradient of the rows that they read ``[ids, width]``."""
        rows, draw = rows or self.rows, np.random.default_rng(0)
        law = np.cumsum(1 / np.arange(1, rows + 1))
        ranks = np.searchsorted(law / law[-1], draw.random((BATCHES, self.ids)))
        ids = draw.permutation(rows)[np.minimum(ranks, rows - 1)].astype(np.int32)
        return ids, draw.normal(size=(self.ids, self.width)).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.rows:>9,} x {self.width:<3} {self.ids:>6,} ids"


class Effort(NamedTuple):
    """How long everything is timed."""

    blocks: int  # of each way, in turn
    steps: int  # a block of ours
    rounds: int  # pairs of processes, ours and torch's


def lazy_step(tx, params, state, ids, g):
    """Ours."""
    view = jos.rows.read(tx, params, state, {"table": ids})
    loss = jos.rows.value_and_grad(lambda table: jnp.sum(table[ids] * g))
    value, gradient = loss(view)
    updates, state = tx.update(gradient, state, view)
    return jos.apply_updates(params, updates), state, value


def dense_step(tx, params, state, ids, g):
    """The same with optax: the gradient is scattered into an array like the table."""
    value, gradient = jax.value_and_grad(lambda table: jnp.sum(table[ids] * g))(params)
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates), state, value


class Way:
    """One optimizer at work on one table."""

    def __init__(self, case: Case, rule: str, *, lazy: bool, rows: int | None = None):
        """Starts the rule on the case's table, or on one with so many rows."""
        ids, g = case.data(rows)
        self.batches, self.g, self.done = [jnp.asarray(x) for x in ids], jnp.asarray(g), 0
        params = jax.random.normal(jax.random.key(0), (rows or case.rows, case.width)) * 0.1
        name, options = RULES[rule]
        made = getattr(jos.presets.optax if lazy else optax, name)(RATE, **options)
        tx: Any = jos.rows.lazy(made) if lazy else made
        self.tx, step = tx, lazy_step if lazy else dense_step
        self.params: Any = jos.rows.table(params, "table") if lazy else params
        self.state = tx.init(self.params)
        self.step = jax.jit(functools.partial(step, tx), donate_argnums=(0, 1))

    def block(self, steps: int) -> float:
        """The milliseconds of a step: of so many, after two that fill the caches again."""
        self.take(2)
        began = time.perf_counter()
        self.take(steps)
        return (time.perf_counter() - began) * 1e3 / steps

    def take(self, steps: int) -> None:
        """Takes some steps, and waits for them."""
        for _ in range(steps):
            ids = self.batches[self.done % BATCHES]
            self.params, self.state, _ = self.step(self.params, self.state, ids, self.g)
            self.done += 1
        jax.block_until_ready((self.params, self.state))


def require_equal(ours: Way, dense: Way, atol: float = 1e-5) -> None:
    """After the same steps both have the same table."""
    assert ours.done == dense.done
    table = jos.rows.current(ours.tx, ours.params, ours.state)
    difference = float(jnp.abs(table - dense.params).max())
    assert difference < atol, f"the tables differ by {difference:.1e}"


def against_dense(case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds of ours and of optax's, block by block in turn."""
    ours, dense = Way(case, rule, lazy=True), Way(case, rule, lazy=False)
    for way in (ours, dense):
        way.take(5)
    require_equal(ours, dense)
    times = [[ours.block(effort.steps), dense.block(2)] for _ in range(effort.blocks)]
    return [list(x) for x in zip(*times, strict=True)]


def against_larger(case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds on the table and on a larger one, block by block in turn."""
    ways = [Way(case, rule, lazy=True, rows=case.rows * n) for n in (1, LARGER)]
    for way in ways:
        way.take(5)
    times = [[way.block(effort.steps) for way in ways] for _ in range(effort.blocks)]
    return [list(x) for x in zip(*times, strict=True)]


def alone(case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds of ours."""
    ours = Way(case, rule, lazy=True)
    ours.take(5)
    return [[ours.block(effort.steps) for _ in range(effort.blocks)]]


MODES = {f.__name__: f for f in (against_dense, against_larger, alone)}


def in_a_process(command: list[str]) -> Any:
    """What a command prints last, read as JSON."""
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def ours_in_a_process(mode: str, case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """One of the modes with memory that nothing has used."""
    return in_a_process([sys.executable, __file__, "--child", json.dumps([mode, case, rule, effort])])


def against_torch(python: str, case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds of ours and of torch's better number of threads: medians, round by round."""
    ids, g = case.data()
    times: list[list[float]] = [[], [], []]
    with tempfile.TemporaryDirectory() as folder:
        plan = {"rows": case.rows, "rule": rule, "data": f"{folder}/data.npz"}
        np.savez(plan["data"], ids=ids, g=g)
        plan |= {"blocks": effort.blocks, "steps": effort.steps}
        script = str(Path(__file__).with_name("rows_torch.py"))
        for _ in range(effort.rounds):
            times[0].append(statistics.median(ours_in_a_process("alone", case, rule, effort)[0]))
            for threads in (1, 2):
                command = [python, script, json.dumps(plan | {"threads": threads})]
                times[threads].append(statistics.median(in_a_process(command)))
    return [times[0], min(times[1:], key=statistics.median)]


class Compared(NamedTuple):
    """Two ways in one table: medians, and the median of the second's time by the first's."""

    first: float
    second: float
    ratio: float
    spread: tuple[float, float]  # quartiles

    @classmethod
    def of(cls, times: list[list[float]]) -> "Compared":
        """Of times measured in turn."""
        ratios = np.array(times[1]) / np.array(times[0])
        low, middle, high = (float(x) for x in np.quantile(ratios, [0.25, 0.5, 0.75]))
        return cls(statistics.median(times[0]), statistics.median(times[1]), middle, (low, high))

    def __str__(self) -> str:
        """Times, ratio and spread in columns."""
        low, high = self.spread
        ratio = f"{self.ratio:.3g} [{low:.3g}, {high:.3g}]"
        verdict = "even" if low <= 1 <= high else "win" if low > 1 else "LOSS"
        return f"{self.first:8.2f} {self.second:9.2f} {ratio:>22}  {verdict}"


def cases(rows: int, ids: int) -> list[Case]:
    """The usual one first, then narrow and wide rows, few ids and many."""
    shapes = [(64, ids), (16, ids), (256, ids), (64, ids // 8), (64, ids * 16)]
    return [Case(rows, width, n) for width, n in shapes]


def measure(options: argparse.Namespace) -> dict[tuple[str, Case, str], Compared]:
    """All comparisons, each printed when it is there."""
    effort, found = Effort(options.blocks, options.steps, options.rounds), {}
    first, *others = every = cases(options.rows, options.ids)
    modes = {"optax": "against_dense", f"{LARGER} x rows": "against_larger"}
    jobs = [("optax", case, rule) for case in every for rule in RULES]
    jobs += [(f"{LARGER} x rows", first, rule) for rule in RULES]
    if options.torch_python:
        jobs += [("torch", case, rule) for case in every for rule in ("sgd", "adagrad")]
    if options.quick:
        jobs = [(other, case, rule) for other, case, rule in jobs if case not in others]
    times = f"{'ours ms':>8} {'other ms':>9} {'ratio [quartiles]':>22}"
    print(f"{'against':9} {'table':25} {'rule':9} {times}")
    for other, case, rule in jobs:
        if other == "torch":
            times = against_torch(options.torch_python, case, rule, effort)
        else:
            times = ours_in_a_process(modes[other], case, rule, effort)
        found[other, case, rule] = Compared.of(times)
        print(f"{other:9} {case!s:25} {rule:9} {found[other, case, rule]}", flush=True)
    return found


def must_show(found: dict[tuple[str, Case, str], Compared]) -> str:
    """Every target beside what was found on the first table."""
    first, lines = next(iter(found))[1], []
    for (other, case, rule), c in found.items():
        if other == "optax" and case == first and rule in TARGETS:
            claim, met = f"at least {TARGETS[rule]} times faster", c.ratio >= TARGETS[rule]
        elif other == "torch" and case == first and rule == "adagrad":
            claim, met = "not slower", c.ratio >= 1
        elif other.endswith("rows"):
            claim, met = f"at most {AT_MOST} times as long", c.ratio <= AT_MOST
        else:
            continue
        lines.append(f"{'met' if met else 'UNMET':6} {rule:9} {other:9} {claim}: {c.ratio:.3g}")
    return "\n".join(lines)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter, description=__doc__.split("\n\n")[0]
    )
    numbers = {
        "rows": (10**6, "of the table"),
        "ids": (4096, "read by a step; an eighth and 16 times as many as well"),
        "blocks": (15, "of every way, in turn"),
        "steps": (30, "of ours in a block; a dense block has 2"),
        "rounds": (5, "of processes, ours and torch's"),
    }
    for name, (value, text) in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value, metavar="N", help=text)
    python = "a Python that has torch; without it nothing is compared with torch"
    parser.add_argument("--torch-python", metavar="PATH", help=python)
    parser.add_argument("--quick", action="store_true", help="the first table alone")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the table and the targets."""
    options = parse(argv)
    if options.child:
        mode, case, rule, effort = json.loads(options.child)
        print(json.dumps(MODES[mode](Case(*case), rule, Effort(*effort))))
        return
    print(f"\n{must_show(measure(options))}")


if __name__ == "__main__":
    main()
