"""How much is measured, and the processes that measure."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.workers import Worker


class Prepared(NamedTuple):
    """What a subject answers to a plan, in the child."""

    ways: dict[str, Callable[[], Any]]
    found: dict[str, list[float]]  # numbers that every way must have in common; empty for what has none


class Bench(NamedTuple):
    """What every subject is given."""

    quick: bool = False
    rounds: int = 21
    size: int = 2**24  # params of the dense problems
    torch_python: str | None = None  # a Python that has torch
    has_optax: bool = True
    jax: Callable[..., Any] = Worker.jax  # starts a process; the tests have others
    torch_worker: Callable[[str], Any] = Worker.torch

    def torch(self, stack: contextlib.ExitStack) -> list[Any]:
        """The worker of torch until the stack ends; none without a torch."""
        if not self.torch_python:
            return []
        return [stack.enter_context(self.torch_worker(self.torch_python))]

    def of(self, ways: dict[str, Any]) -> dict[str, Any]:
        """Those of the ways whose library is here."""
        return {way: x for way, x in ways.items() if self.has_optax or not way.startswith("optax")}
