"""One pass over memory: what the compiler makes of an update with XLA's flag, and without it."""

import json
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core import one_pass

ONE_LOOP = {  # one array of state, element by element
    "momentum": lambda: jos.momentum(0.1),
    "nesterov": lambda: jos.nesterov(0.1),
    "rmsprop": lambda: jos.rmsprop(0.1),
    "adagrad": lambda: jos.adagrad(0.1),
    "scheduled": lambda: jos.momentum(jos.exponential_decay(0.1, 10, 0.5)),
    "decayed": lambda: jos.chain(jos.add_decayed_weights(0.1), jos.momentum(0.1)),
    "clipped": lambda: jos.chain(jos.clip(1.0), jos.rmsprop(0.1)),
}
AS_BEFORE = {  # the flag's barrier would cost a copy
    "sgd": lambda: jos.sgd(0.1),
    "two arrays": lambda: jos.rmsprop(0.1, momentum=0.9),
    "rows": lambda: jos.rowwise_adagrad(0.1),
    "masked": lambda: jos.masked(jos.momentum(0.1), {"a": True, "b": False}),
    "norm": lambda: jos.chain(jos.clip_by_global_norm(1.0), jos.momentum(0.1)),
    "narrow state": lambda: jos.accumulator_dtype(jos.momentum(0.1), jnp.bfloat16),
}
SHAPES = {"a": (512, 64), "b": (300, 7)}  # two, lest XLA makes one loop of both


def step(tx, params, state, gradients):
    """A training step but for the gradient, to be compiled with params and state donated."""
    updates, state = tx.update(gradients, state, params)
    return jos.apply_updates(params, updates), state


def trees(tx, dtype=jnp.float32):
    """Parameters of two leaves, their state and a gradient."""
    key = jax.random.key(0)
    params = {n: jax.random.normal(key, shape).astype(dtype) for n, shape in SHAPES.items()}
    return params, tx.init(params), jax.tree.map(lambda p: p[::-1] * 2, params)


def loops(tx, dtype=jnp.float32):
    """Fusions and copies of whole leaves in the compiled step."""
    compiled = jax.jit(step, donate_argnums=(1, 2)).lower(tx, *trees(tx, dtype)).compile().as_text()
    entry = compiled[compiled.index("ENTRY ") :].splitlines()
    whole = [line for line in entry if re.search(r"\[(512,64|300,7)\]", line.partition("(%")[0])]
    return [sum(f" {kind}(" in line for line in whole) for kind in ("fusion", "copy")]


def barriers(tx, dtype=jnp.float32):
    """How often the traced step has a barrier."""
    return str(jax.make_jaxpr(step)(tx, *trees(tx, dtype))).count("optimization_barrier")


def numbers(tx, steps=5):
    """Parameters and state after some steps."""
    params, state, gradients = trees(tx)
    for _ in range(steps):
        params, state = jax.jit(step)(tx, params, state, gradients)
    return [np.asarray(x, np.float64).ravel()[::97].tolist() for x in jax.tree.leaves((params, state))]


def raised_by_rows():
    """What a step on a table says."""
    tx = jos.rows.lazy(jos.adagrad(0.1))
    params = {"e": jos.rows.table(jnp.ones((8, 4)), "e")}
    try:
        jos.rows.read(tx, params, tx.init(params), {"e": jnp.array([1, 2])})
    except RuntimeError as error:
        return str(error)
    return None


def report():
    """What the child process finds out, under the flag."""
    answer = jos.diagnostics.one_pass()
    makers = {**ONE_LOOP, **AS_BEFORE}
    found = {
        "answer": [answer.on, answer.because],
        "loops": {name: loops(make()) for name, make in ONE_LOOP.items()},
        "barriers": {name: barriers(make()) for name, make in makers.items()},
        "bfloat16": barriers(jos.momentum(0.1), jnp.bfloat16),
        "numbers": {name: numbers(ONE_LOOP[name]()) for name in ("momentum", "adagrad")},
        "rows": raised_by_rows(),
        "version": jax.lib.__version__,
    }
    print(json.dumps(found))


@pytest.fixture(scope="module")
def flagged():
    """The report of a process that was started with the flag."""
    environment = {**os.environ, "XLA_FLAGS": one_pass.FLAG}
    command = [sys.executable, "-c", "from tests import test_one_pass; test_one_pass.report()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_with_the_flag_it_is_on(flagged):
    assert flagged["answer"] == [True, f"XLA_FLAGS has {one_pass.FLAG}, and XLA obeys."]


@pytest.mark.parametrize("name", ONE_LOOP)
def test_one_fusion_a_leaf(flagged, name):
    assert flagged["loops"][name] == [2, 0]  # of two leaves, and no copy


@pytest.mark.parametrize("name", AS_BEFORE)
def test_the_others_are_compiled_as_without_the_flag(flagged, name):
    assert flagged["barriers"][name] == 0


def test_narrow_parameters_are_compiled_as_without_the_flag(flagged):
    assert flagged["bfloat16"] == 0


@pytest.mark.parametrize("name", ["momentum", "adagrad"])
def test_the_numbers_are_the_same(flagged, name):
    for got, expected in zip(flagged["numbers"][name], numbers(ONE_LOOP[name]()), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)  # 5 steps, other contractions


def test_rows_are_refused_where_the_compiler_would_end_the_process(flagged):
    version = flagged["version"]
    if tuple(map(int, version.split(".")[:2])) >= (0, 12):
        assert flagged["rows"] is None
    else:
        assert flagged["rows"] == (
            f"rows: with xla_cpu_use_multi_output_fusion in XLA_FLAGS, jaxlib {version} ends the "
            f"process when it compiles a step that writes rows. Take it out of XLA_FLAGS, or use "
            f"jaxlib 0.12 or newer."
        )


@pytest.mark.parametrize("name", [*ONE_LOOP, *AS_BEFORE])
def test_without_the_flag_there_is_no_barrier(name):
    assert barriers({**ONE_LOOP, **AS_BEFORE}[name]()) == 0


def test_without_the_flag_two_loops(flagged):
    """The negative control: what counts fusions sees two of a leaf."""
    assert loops(jos.adagrad(0.1)) == [4, 0]
    assert flagged["loops"]["adagrad"] == [2, 0]


def test_without_the_flag_it_says_what_to_do():
    answer = jos.diagnostics.one_pass()
    assert not answer
    assert answer.because == f"XLA_FLAGS lacks {one_pass.FLAG}, which must be there when Python starts."


def test_a_flag_that_comes_too_late_is_not_taken_for_one(monkeypatch):
    """XLA has read its flags; to write barriers now would cost a copy."""
    jnp.ones(1).block_until_ready()
    monkeypatch.setenv("XLA_FLAGS", one_pass.FLAG)
    one_pass._is_obeyed.cache_clear()
    answer = jos.diagnostics.one_pass()
    assert not answer
    assert answer.because.endswith("before that one was set, or its version knows it no more.")
    assert barriers(jos.momentum(0.1)) == 0


def test_on_other_hardware_nothing_is_to_be_done(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", one_pass.FLAG)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    answer = jos.diagnostics.one_pass()
    assert (answer.on, answer.because) == (False, "On gpu XLA makes one pass by itself.")
    assert barriers(jos.momentum(0.1)) == 0
    assert raised_by_rows() is None


def test_rows_are_written_where_the_flag_came_too_late(monkeypatch):
    jnp.ones(1).block_until_ready()
    monkeypatch.setenv("XLA_FLAGS", one_pass.FLAG)
    assert raised_by_rows() is None
