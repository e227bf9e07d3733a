"""Processes that are timed in turn, and what they are asked."""

import contextlib
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

ROOT = Path(__file__).parent.parent
ONE_PASS = "xla_cpu_use_multi_output_fusion"


class CannotMeasureError(Exception):
    """Something that the user must hear about, as a sentence."""


def environment(*, one_pass: bool = False) -> dict[str, str]:
    """The environment of a child: this one, with or without the flag for kernels of one pass."""
    flags = [x for x in os.environ.get("XLA_FLAGS", "").split() if ONE_PASS not in x]
    if one_pass:
        flags.append(f"--xla_backend_extra_options={ONE_PASS}")
    # Several processes share a GPU, so that none may take all of its memory.
    return os.environ | {"XLA_FLAGS": " ".join(flags), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class Worker:
    """A process that answers requests; it sleeps between them."""

    def __init__(self, command: list[str], *, one_pass: bool = False):
        """Starts it, and waits for its first line."""
        self._command = " ".join(command[1:])
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(one_pass=one_pass),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.hello = self._answer()

    @classmethod
    def jax(cls, subject: str, *, one_pass: bool = False) -> "Worker":
        """One of ours and optax's."""
        return cls([sys.executable, "-m", "benchmarks.child", subject], one_pass=one_pass)

    @classmethod
    def torch(cls, python: str) -> "Worker":
        """One of torch's."""
        return cls([python, "-m", "benchmarks.torch_child"])

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise CannotMeasureError(
                f"the process `{self._command}` ended with status {self._process.returncode} before it "
                f"answered; what it wrote stands above."
            )
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        """One request and its answer."""
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # the answer that is missing says it
            print(json.dumps(request), file=pipe, flush=True)
        return self._answer()

    def close(self) -> None:
        """Ends it, which it does by itself when there is nothing more to read."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def started(plans: list[tuple[Any, Any]], rtol: float = 1e-5) -> dict[str, Callable[[], Any]]:
    """The ways of several workers, each given a plan; all must have found the same numbers."""
    ways, found = {}, {}
    for worker, plan in plans:
        for way, numbers in worker.ask(start=plan).items():
            ways[way] = functools.partial(worker.ask, time=way)
            if numbers:
                found[way] = numbers
    require_equal(found, rtol)
    return ways


def require_equal(found: dict[str, list[float]], rtol: float) -> None:
    """Every way has the numbers of the first: a benchmark compares the same computation."""
    for way, numbers in found.items():
        first, expected = next(iter(found.items()))
        if not np.isfinite(expected).all():
            raise CannotMeasureError(f"{first} found numbers that are not finite.")
        most = np.abs(np.subtract(numbers, expected)).max()
        if not most <= rtol * np.abs(expected).max():  # NaN is not
            raise CannotMeasureError(
                f"{way} and {first} do not compute the same: their numbers differ by {most:.1e}."
            )


def in_turn(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """A block of every way, then another, so that noise hits all; what each measured in each round."""
    measured: dict[str, list[Any]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, block in ways.items():
            measured[way].append(block())
    return measured
