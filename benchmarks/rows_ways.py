"""What ``rows.py`` times in JAX, every mode in a process of its own."""

import functools
import json
import sys
import time
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
LARGER = 4  # times the rows, on the larger table


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


def scanned(step, params, state, ids, g):
    """A step for each of several batches, in one program."""

    def body(carry, ids):
        *carry, value = step(*carry, ids, g)
        return tuple(carry), value

    (params, state), values = jax.lax.scan(body, (params, state), ids)
    return params, state, values


class Way:
    """One optimizer at work on one table."""

    def __init__(
        self, case: Case, rule: str, *, lazy: bool, rows: int | None = None, at_once: int | None = None
    ):
        """Starts the rule on the case's table, or on one with so many rows; several steps at once."""
        ids, g = case.data(rows)
        self.batches, self.g, self.done = [jnp.asarray(x) for x in ids], jnp.asarray(g), 0
        params = jax.random.normal(jax.random.key(0), (rows or case.rows, case.width)) * 0.1
        name, options = RULES[rule]
        made = getattr(jos.presets.optax if lazy else optax, name)(RATE, **options)
        tx: Any = jos.rows.lazy(made) if lazy else made
        self.tx, step = tx, lazy_step if lazy else dense_step
        self.params: Any = jos.rows.table(params, "table") if lazy else params
        self.state = tx.init(self.params)
        step, self.at_once = functools.partial(step, tx), at_once or 1
        if at_once:
            self.batches = [jnp.asarray(ids[:at_once])]
            step = functools.partial(scanned, step)
        self.step = jax.jit(step, donate_argnums=(0, 1))

    def block(self, steps: int) -> float:
        """The milliseconds of a step: of so many calls, after two that fill the caches again."""
        self.take(2)
        began = time.perf_counter()
        self.take(steps)
        return (time.perf_counter() - began) * 1e3 / (steps * self.at_once)

    def take(self, steps: int) -> None:
        """Calls the step so many times, and waits."""
        for _ in range(steps):
            ids = self.batches[self.done % len(self.batches)]
            self.params, self.state, _ = self.step(self.params, self.state, ids, self.g)
            self.done += 1
        jax.block_until_ready((self.params, self.state))


def require_equal(ours: Way, dense: Way, rtol: float = 1e-5) -> None:
    """After the same steps both have the same table, up to rounding at the size of its weights.

    With many ids one row sums thousands of gradients, and its weights grow past 10.
    """
    assert ours.done == dense.done
    table = jos.rows.current(ours.tx, ours.params, ours.state)
    difference = float(jnp.abs(table - dense.params).max() / jnp.abs(dense.params).max())
    assert difference < rtol, f"the tables differ by {difference:.1e} of the largest weight"


def against_dense(case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The milliseconds of ours and of optax's, block by block in turn."""
    ours, dense = Way(case, rule, lazy=True), Way(case, rule, lazy=False)
    for way in (ours, dense):
        way.take(5)
    require_equal(ours, dense)
    times = [[ours.block(effort.steps), dense.block(2)] for _ in range(effort.blocks)]
    return [list(x) for x in zip(*times, strict=True)]


def against_scan(case: Case, rule: str, effort: Effort) -> list[list[float]]:
    """The same, both with several steps in one program, where buffers are kept from step to step."""
    ours, dense = (Way(case, rule, lazy=lazy, at_once=10) for lazy in (True, False))
    for way in (ours, dense):
        way.take(1)
    require_equal(ours, dense)
    calls = max(1, effort.steps // 10)
    times = [[ours.block(calls), dense.block(1)] for _ in range(effort.blocks)]
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


MODES = {f.__name__: f for f in (against_dense, against_scan, against_larger, alone)}


def main() -> None:
    """Reads mode, case, rule and effort as JSON; prints the milliseconds of every way and block."""
    mode, case, rule, effort = json.loads(sys.argv[1])
    print(json.dumps(MODES[mode](Case(*case), rule, Effort(*effort))))


if __name__ == "__main__":
    main()
