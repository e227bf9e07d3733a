"""examples/clients with the real libraries: each trains as a plain NumPy loop does."""

import ast
import importlib
import math
import re
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx
from flax.training.train_state import TrainState

import jaxopt_slides as jos
from tests import oracle

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(p for p in (ROOT / "examples/clients").glob("*.py") if p.stem != "__init__")
PAGE = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
X = np.linspace(-1, 1, 16)
RTOL = 1e-5  # float32 against float64


@pytest.fixture(autouse=True)
def standard_promotion():
    """As a reader has it; other libraries mix dtypes."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def run(name, *arguments):
    return importlib.import_module(f"examples.clients.{name}").main(*arguments)


def slope_and_intercept(line, x=X):
    """The gradient of mean (line(x) - (2 x + 1))**2."""
    error = line[0] * x + line[1] - (2 * x + 1)
    return np.array([np.mean(2 * error * x), np.mean(2 * error)])


def fitted(rule, steps, gradient=slope_and_intercept, start=(0.0, 0.0)):
    """Where a rule of the oracle leads in so many steps; it is asked anew at every step."""
    line, gradients = np.array(start), []
    for _ in range(steps):
        gradients.append(gradient(line))
        line = line + rule(gradients)[-1]
    return line


def close(found, expected, rtol=RTOL):
    np.testing.assert_allclose(found, expected, rtol=rtol)


def ends(found):
    return [found["slope"], found["intercept"]]


# ---------------------------------------------------------------- each against a loop


def test_flax_linen():
    close(ends(run("flax_linen", 12)), fitted(lambda g: oracle.momentum(g, 0.05, 0.8), 12))


def test_flax_nnx():
    found = run("flax_nnx", 12)
    rate = lambda t: 0.05 if t < 6 else 0.005  # noqa: E731
    close(ends(found), fitted(lambda g: oracle.rmsprop(g, rate, 0.9), 12))
    assert found["compilations"] == 1


def test_equinox():
    found = run("equinox_sweep", 6)
    expected = [fitted(lambda g, r=rate: oracle.adagrad(g, r), 6)[0] for rate in (0.1, 0.3, 1.0)]
    close(found["one by one"], expected)
    close(found["at once"], expected)
    assert found["compilations"] == 1


def test_haiku():
    def rule(gradients):
        slopes, intercepts = np.array(gradients).T
        fast, plain = oracle.nesterov(slopes, 0.05, 0.8), oracle.sgd(intercepts, 0.1)
        return np.stack([fast, plain], axis=1)

    close(ends(run("haiku_partition", 12)), fitted(rule, 12))


def test_optax_around_ours():
    found = run("optax_around", 12)
    rate = lambda t: 0.05 if t < 6 else 0.01  # noqa: E731
    close(found["inject_hyperparams"], fitted(lambda g: oracle.momentum(g, rate, 0.8), 12)[0])

    # The mean over two halves is that of all.
    close(found["MultiSteps"], fitted(lambda g: oracle.rmsprop(g, 0.05, 0.9), 12)[0])


def test_optax_lookahead_around_ours():
    found = run("optax_lookahead", 12)
    slow = fast = np.zeros(2)
    for i in range(12):
        fast = fast - 0.1 * slope_and_intercept(fast)
        if i % 5 == 4:
            slow = fast = slow + 0.5 * (fast - slow)
    assert (slow != fast).all()
    close(ends(found["slow"]), slow)
    close(ends(found["fast"]), fast)


def test_optax_inside_ours():
    def rule(gradients):
        clipped = [g * min(1, 0.5 / np.linalg.norm(g)) for g in gradients]
        return oracle.sgd(oracle.trace(clipped, 0.5), lambda t: 0.2 * (1 - t / 12))

    assert np.linalg.norm(slope_and_intercept(np.zeros(2))) > 0.5, "the clip has to do something"
    close(ends(run("optax_inside", 12)), fitted(rule, 12))


def test_optimistix():
    found = run("optimistix_minimise")
    for rate, line, steps in zip((0.05, 0.2), found["lines"], found["steps"], strict=True):
        close(line, fitted(lambda g, r=rate: oracle.momentum(g, r, 0.5), steps))
        # It stops where the loss, among others, changes by no more than 1e-4 and 1e-4 of itself.
        close(line, [2, 1], rtol=5e-3)
    assert found["steps"][0] > found["steps"][1] > 5


def test_numpyro():
    data, steps = np.array([1.0, 2.0, 3.0, 6.0]), 12

    def gradient(mode):  # of -log p(mode, data), with the prior Normal(0, 2)
        return np.clip(mode / 4 + np.sum(mode - data), -5, 5)

    def rule(gradients):
        return oracle.momentum(gradients, lambda t: 0.05 - 0.04 * t / steps, 0.5)

    found = run("numpyro_svi", steps)
    close(found["mode"], fitted(rule, steps, gradient, start=0.0))
    before = fitted(rule, steps - 1, gradient, start=0.0)
    squares = (before / 2) ** 2 + np.sum((before - data) ** 2)
    close(found["loss"], 0.5 * squares + math.log(2) + 2.5 * math.log(2 * math.pi))
    close(run("numpyro_svi", 100)["mode"], 4 * 3 / 4.25, rtol=1e-4)  # the posterior's


def test_orbax():
    found = run("orbax_resume", 8)
    rate = lambda t: 0.1 if t < 8 else 0.01  # noqa: E731
    assert found["resumed"] == found["straight"]
    assert found["learning_rate"] == 0.01
    close(found["resumed"], fitted(lambda g: oracle.rmsprop(g, rate, 0.8), 16)[0])


# ---------------------------------------------------------------- each detour is needed

PARAMS = {"w": jnp.ones(2)}


def compilations(jit, *optimizers):
    """How often a library's jit compiles a step that is called with each of these in turn."""
    traces = []
    step = jit(lambda tx: traces.append(tx) or jnp.ones(()))
    for tx in optimizers:
        step(tx)
    return len(traces)


@pytest.mark.parametrize(("wrap", "expected"), [(lambda tx: tx, 3), (jos.as_static, 1)])
def test_linen_compiles_for_an_optimizer_made_anew(wrap, expected):
    made = [jos.momentum(0.1), jos.momentum(0.1), jos.momentum(0.1)]
    states = [TrainState.create(apply_fn=len, params=PARAMS, tx=wrap(tx)) for tx in made]
    assert compilations(jax.jit, *states) == expected


@pytest.mark.parametrize(("wrap", "expected"), [(lambda tx: tx, 3), (jos.as_arrays, 1)])
def test_equinox_compiles_for_every_number(wrap, expected):
    assert compilations(eqx.filter_jit, *(wrap(jos.momentum(r)) for r in (0.1, 0.2, 0.3))) == expected


def test_nnx_refuses_arrays_that_are_not_declared():
    model = nnx.Linear(1, 1, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="static attribute 'tx'"):
        nnx.Optimizer(model, jos.as_arrays(jos.momentum(0.1)), wrt=nnx.Param)


def test_lookahead_is_refused_inside_our_chain():
    tx, pair = jos.chain(optax.lookahead(jos.sgd(0.1), 5, 0.5)), optax.LookaheadParams(PARAMS, PARAMS)
    with pytest.raises(ValueError, match="updates and the params are different trees"):
        tx.update(PARAMS, tx.init(pair), pair)


def test_orbax_cannot_rebuild_a_partial(tmp_path):
    """Anyone's: when it can, optimizers may be saved as they are, and the page should say so."""
    with (
        ocp.StandardCheckpointer() as checkpointer,
        pytest.raises(TypeError, match="must be a mapping"),
    ):
        checkpointer.save(tmp_path / "step", {"partial": jax.tree_util.Partial(len, jnp.ones(2))})


def test_hyperparameters_come_back_from_orbax_to_the_last_digit(tmp_path):
    schedule = jos.cosine_decay_schedule(0.1, 100)
    tx = jos.chain(jos.clip_by_global_norm(0.3), jos.rmsprop(schedule, 0.9999, eps=1e-9))
    like = jos.chain(jos.clip_by_global_norm(1.0), jos.rmsprop(jos.cosine_decay_schedule(0.5, 10), 0.1))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "step", jos.hyperparams(tx))
        checkpointer.wait_until_finished()
        found = checkpointer.restore(tmp_path / "step", jos.hyperparams(like))
    assert jax.tree.leaves(jos.with_hyperparams(like, **found)) == jax.tree.leaves(tx)


# ---------------------------------------------------------------- the folder and its page


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_is_short_and_tested_and_on_the_page(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert f'run("{path.stem}"' in Path(__file__).read_text(encoding="utf-8")
    assert f"examples/clients/{path.name}" in PAGE
    # Run as a script it is found before the library of the same name.
    imported = {a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import) for a in n.names}
    assert path.stem not in {name.partition(".")[0] for name in imported} | set(sys.stdlib_module_names)


def test_the_page_names_only_what_there_is():
    named = re.findall(r"examples/clients/(\w+\.py)", PAGE)
    assert sorted(set(named)) == [p.name for p in SCRIPTS]


def test_the_readme_names_every_client():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    sentence = next(s for s in re.split(r"(?<=\.) ", readme) if "(docs/clients.md)" in s)
    for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE):
        name = heading.removesuffix(" around ours").removesuffix(" inside ours")
        assert name in sentence or heading == "Type checkers", name
