"""One step on an embedding table: rows.lazy against dense optax and against torch's sparse gradients.

``python -m benchmarks.rows`` has more than the subject of ``python -m benchmarks``, and options. A step
reads the rows of some ids, drawn from Zipf's law over a permutation of the table, and takes a gradient
that is given; what follows is the optimizer. Tables are donated. Ours and optax alternate, block by
block, in one process for every rule, and must end with the same table; torch has processes of its own,
one with a thread and one with two, between ours, and the better counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks import figures
from benchmarks.bench import Bench
from benchmarks.rows_ways import LARGER, RULES, Case, Effort
from benchmarks.workers import ROOT

TARGETS = {"adagrad": 80, "rmsprop": 60, "momentum": 15}  # times faster than dense optax, at least
AT_MOST = 1.6  # times as long, on the larger table


def in_a_process(command: list[str]) -> Any:
    """What a command prints last, read as JSON."""
    return json.loads(subprocess.check_output(command, cwd=ROOT, text=True).splitlines()[-1])


def ours_in_a_process(mode: str, case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """One of the modes with memory that nothing has used."""
    plan = json.dumps([mode, case, rule, effort])
    return in_a_process([sys.executable, "-m", "benchmarks.rows_ways", plan])


def against_torch(python: str, case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds of ours and of torch's better number of threads: medians, round by round."""
    ids, g = case.data()
    times: list[list[float]] = [[], [], []]
    with tempfile.TemporaryDirectory() as folder:
        plan = {"rows": case.rows, "rule": rule, "data": f"{folder}/data.npz"}
        np.savez(plan["data"], ids=ids, g=g)
        plan |= {"blocks": effort.blocks, "steps": effort.steps}
        for _ in range(effort.rounds):
            times[0].append(statistics.median(ours_in_a_process("alone", case, rule, effort)[0]))
            for threads in (1, 2):
                at_once = json.dumps(plan | {"threads": threads})
                command = [python, "-m", "benchmarks.rows_torch", at_once]
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
        return f"{self.first:8.2f} {self.second:9.2f} {ratio:>22}"

    @property
    def verdict(self) -> str:
        """Whether the first is faster; even, if the quartiles do not say."""
        low, high = self.spread
        return "even" if low <= 1 <= high else "win" if low > 1 else "LOSS"


def cases(rows: int, ids: int) -> list[Case]:
    """The usual one first, then narrow and wide rows, few ids and many."""
    shapes = [(64, ids), (16, ids), (256, ids), (64, ids // 8), (64, ids * 16)]
    return [Case(rows, width, n) for width, n in shapes]


def measure(options: argparse.Namespace) -> dict[tuple[str, Case, str], Compared]:
    """All comparisons, each printed when it is there."""
    found = {}
    first, *others = every = cases(options.rows, options.ids)
    once = {"in a scan": "against_scan", f"{LARGER} x rows": "against_larger"}
    modes = {"optax": "against_dense"} | once
    jobs = [("optax", case, rule) for case in every for rule in RULES]
    jobs += [(other, first, rule) for other in once for rule in RULES]
    if options.torch_python:
        jobs += [("torch", case, rule) for case in every for rule in ("sgd", "adagrad")]
    if options.quick:
        jobs = [(other, case, rule) for other, case, rule in jobs if case not in others]
    times = f"{'ours ms':>8} {'other ms':>9} {'ratio [quartiles]':>22}"
    print(f"{'against':9} {'table':25} {'rule':9} {times}")
    for other, case, rule in jobs:
        steps = min(options.steps, max(3, options.steps * options.ids // case.ids))
        effort = Effort(options.blocks, steps, options.rounds)
        if other == "torch":
            times = against_torch(options.torch_python, case, rule, effort)
        else:
            times = ours_in_a_process(modes[other], case, rule, effort)
        found[other, case, rule] = c = Compared.of(times)
        verdict = "" if other.endswith("rows") else c.verdict
        print(f"{other:9} {case!s:25} {rule:9} {c}  {verdict}".rstrip(), flush=True)
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


def subject(bench: Bench) -> Iterator[figures.Case]:
    """The first table for ``python -m benchmarks``, with all that it is compared with."""
    case, effort = Case(10**6), Effort(bench.rounds, 10 if bench.quick else 30, 5)
    for rule in ("adagrad",) if bench.quick else RULES:
        ours, dense = ours_in_a_process("against_dense", case, rule, effort)
        note = f"{case.rows:,} rows of {case.width} float32, {case.ids:,} ids, donated"
        yield figures.Case("rows", rule, {"jos": ours, "optax, dense": dense}, note=note)
        if bench.quick:
            continue
        ours, scan = ours_in_a_process("against_scan", case, rule, effort)
        values = {"jos": ours, "optax, dense": scan}
        yield figures.Case("rows", f"{rule}, ten steps in a scan", values, note=note)
        ours, larger = ours_in_a_process("against_larger", case, rule, effort)
        values = {"jos": ours, f"jos, {LARGER} times the rows": larger}
        yield figures.Case("rows", f"{rule}, larger", values, note=note)
        if bench.torch_python and rule in ("sgd", "adagrad"):
            ours, theirs = against_torch(bench.torch_python, case, rule, effort)
            yield figures.Case(
                "rows", f"{rule}, torch", {"jos": ours, "torch, sparse": theirs}, note=note
            )


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter, description=__doc__.split("\n\n")[0]
    )
    numbers = {
        "rows": (10**6, "of the table"),
        "ids": (4096, "read by a step; an eighth and 16 times as many as well"),
        "blocks": (15, "of every way, in turn"),
        "steps": (30, "of ours in a block, fewer with many ids; a dense block has 2"),
        "rounds": (5, "of processes, ours and torch's"),
    }
    for name, (value, text) in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value, metavar="N", help=text)
    python = "a Python that has torch; without it nothing is compared with torch"
    parser.add_argument("--torch-python", metavar="PATH", help=python)
    parser.add_argument("--quick", action="store_true", help="the first table alone")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the table and the targets."""
    print(f"\n{must_show(measure(parse(argv)))}")


if __name__ == "__main__":
    main()
