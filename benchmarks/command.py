"""The command: measures the subjects, prints the table and the targets, writes JSON, draws."""

import argparse
import difflib
import importlib
import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import HEADER, Case, lines
from benchmarks.machine import described, torch_version
from benchmarks.workers import CannotMeasureError

SUBJECTS = {  # the function that measures it, and whether it is nothing without optax
    "dense": ("dense", "cases", False),
    "leaves": ("leaves", "cases", False),
    "eager": ("eager", "cases", False),
    "compile": ("compiling", "cases", False),
    "rows": ("rows", "subject", True),
    "sweep": ("sweep", "subject", True),
    "memory": ("memory", "cases", False),
    "import": ("importing", "cases", False),
}


def subjects(text: str) -> list[str]:
    """The subjects that ``--only`` names."""
    names = text.split(",")
    for name in names:
        if name not in SUBJECTS:
            close = difflib.get_close_matches(name, SUBJECTS, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise argparse.ArgumentTypeError(
                f"there is no subject {name!r}; there are {', '.join(SUBJECTS)}.{hint}"
            )
    return names


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1, got {text!r}.")
    return int(text)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="This library beside optax and torch, in one run."
    )
    say = parser.add_argument
    say("--only", type=subjects, default=list(SUBJECTS), metavar="A,B", help=", ".join(SUBJECTS))
    say("--quick", action="store_true", help="less of everything, in under two minutes")
    say("--rounds", type=at_least_one, metavar="N", help="blocks of every way; 21, or 3 if quick")
    say("--size", type=at_least_one, default=2**24, metavar="N", help="params of dense and memory")
    say("--json", type=Path, metavar="PATH", help="all that was measured")
    say("--chart", type=Path, metavar="PATH", help="the ratios as a picture (needs matplotlib)")
    say("--from-json", type=Path, metavar="PATH", help="measure nothing, print what was written")
    say("--torch-python", metavar="PATH", help="a Python that has torch; this one, if it has")
    return parser.parse_args(argv)


def prepared(options: argparse.Namespace) -> tuple[Bench, str | None]:
    """How much is measured, with which torch."""
    python = options.torch_python
    if python is None and importlib.util.find_spec("torch"):
        python = sys.executable
    torch = torch_version(python) if python else None
    rounds = options.rounds or (3 if options.quick else 21)
    has_optax = importlib.util.find_spec("optax") is not None
    return Bench(options.quick, rounds, options.size, python, has_optax), torch


def measured(bench: Bench, names: list[str]) -> Iterator[Case]:
    """The cases of the subjects, as they come."""
    for name in names:
        module, function, needs_optax = SUBJECTS[name]
        if needs_optax and not bench.has_optax:
            print(f"{name}: left out, for it compares with optax, which is not installed.")
            continue
        yield from getattr(importlib.import_module(f"benchmarks.{module}"), function)(bench)


def require_writable(options: argparse.Namespace) -> None:
    """What is found out before anything is measured, rather than after."""
    for path in (options.json, options.chart):
        if path and not path.parent.is_dir():
            raise CannotMeasureError(f"{path}: there is no folder {path.parent}.")
    if options.chart and not importlib.util.find_spec("matplotlib"):
        raise CannotMeasureError("--chart needs matplotlib: pip install matplotlib, or leave it out.")


def recorded(path: Path) -> tuple[dict[str, Any], list[Case]]:
    """What a run wrote, and its cases."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        conditions(kept)
        return kept, [Case.from_json(case) for case in kept["cases"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotMeasureError(f"--from-json: {path} is not what --json writes: {error!r}.") from None


def run(argv: list[str] | None) -> None:
    """All of it."""
    from benchmarks.targets import verdicts  # after the command line, for it imports jax

    options = parse(argv)
    require_writable(options)
    if options.from_json:
        kept, found = recorded(options.from_json)
        print(conditions(kept), HEADER, *(line for case in found for line in lines(case)), sep="\n")
    else:
        bench, torch = prepared(options)
        words = shlex.join(sys.argv[1:] if argv is None else argv)
        kept = {"command": f"python -m benchmarks {words}".strip(), **described(torch)}
        print(conditions(kept), HEADER, sep="\n")
        found = []
        for case in measured(bench, options.only):
            found.append(case)
            print(*lines(case), sep="\n", flush=True)
    print("", *verdicts(found), sep="\n")
    if options.json:
        text = json.dumps(kept | {"cases": [case.as_json() for case in found]}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.chart:
        from benchmarks.chart import draw

        draw(found, options.chart)


def conditions(kept: dict[str, Any]) -> str:
    """The first lines: on what."""
    machine, versions = kept["machine"], kept["versions"]
    had = ", ".join(f"{name} {version or '(not installed)'}" for name, version in versions.items())
    load = "" if machine["load"] is None else f", load {machine['load']:.1f} before"
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}{load}"
    return f"{kept['command']}\n{kept['date']}, {where}\nPython {machine['python']}, {had}\n"


def main(argv: list[str] | None = None) -> None:
    """Runs, and says in a sentence why it cannot."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is the children's
    try:
        run(argv)
    except CannotMeasureError as error:
        raise SystemExit(f"benchmarks: {error}") from None
