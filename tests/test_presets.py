"""Presets are data like every rule, drop-in for optax's aliases, and their states go over to it."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax as ox
import pytest

import jaxopt_slides as jos
from jaxopt_slides.presets import jax_example, keras, optax, slides, tf1, torch
from tests.goldens import grid
from tests.test_goldens import preset_of

# ---------------------------------------------------------------- presets that are our own rules


def rate(alpha):
    return jos.scale_by_learning_rate(alpha)


OWN = {
    "slides.sgd": (slides.sgd(0.1), jos.sgd(0.1)),
    "slides.momentum": (slides.momentum(0.1, 0.8), jos.momentum(0.1, 0.8)),
    "slides.rmsprop": (slides.rmsprop(0.1, 0.8), jos.rmsprop(0.1, 0.8)),
    "slides.adagrad": (slides.adagrad(0.1), jos.adagrad(0.1)),
    "torch.sgd": (torch.sgd(0.1), jos.chain(rate(0.1))),
    "torch.sgd-momentum": (torch.sgd(0.1, 0.9), jos.chain(jos.trace(0.9), rate(0.1))),
    "torch.rmsprop": (torch.rmsprop(), jos.chain(jos.scale_by_rms(0.99, eps=1e-8), rate(0.01))),
    "torch.adagrad": (torch.adagrad(), jos.chain(jos.adagrad(0.01, eps=1e-10))),
    "torch.adadelta": (torch.adadelta(), jos.chain(jos.adadelta(1.0, rho=0.9, eps=1e-6))),
    "torch.adam": (torch.adam(0.1), jos.chain(jos.adam(0.1))),
    "torch.adam-decay": (
        torch.adam(0.1, weight_decay=0.2),
        jos.chain(jos.add_decayed_weights(0.2), jos.adam(0.1)),
    ),
    "keras.sgd": (keras.sgd(0.1), jos.sgd(0.1)),
    "keras.sgd-momentum": (keras.sgd(0.1, 0.9), jos.sgd(0.1, 0.9)),
    "keras.sgd-nesterov": (keras.sgd(0.1, 0.9, True), jos.sgd(0.1, 0.9, nesterov=True)),
    "keras.sgd-clipvalue": (keras.sgd(0.1, clipvalue=2.0), jos.chain(jos.clip(2.0), jos.sgd(0.1))),
    "keras.rmsprop": (keras.rmsprop(0.1), jos.rmsprop(0.1, 0.9, eps=0.0, eps_root=1e-7)),
    "keras.adagrad": (
        keras.adagrad(0.1),
        jos.adagrad(0.1, eps=0.0, eps_root=1e-7, initial_accumulator_value=0.1),
    ),
    "keras.adadelta": (keras.adadelta(), jos.adadelta(0.001, rho=0.95, eps=1e-7)),
    "keras.adam": (keras.adam(), jos.adam(0.001, eps=1e-7, eps_hat=True)),
    "tf1.sgd": (tf1.sgd(0.1), jos.sgd(0.1)),
    "tf1.momentum": (tf1.momentum(0.1, 0.9), jos.chain(jos.trace(0.9), rate(0.1))),
    "tf1.rmsprop": (
        tf1.rmsprop(0.1),
        jos.rmsprop(0.1, eps=0.0, eps_root=1e-10, initial_accumulator_value=1.0),
    ),
    "tf1.adagrad": (tf1.adagrad(0.1), jos.adagrad(0.1, eps=0.0, initial_accumulator_value=0.1)),
    "tf1.adadelta": (tf1.adadelta(), jos.adadelta(0.001, rho=0.95, eps=1e-8)),
    "tf1.adam": (tf1.adam(), jos.adam(0.001, eps_hat=True)),
    "optax.sgd": (optax.sgd(0.1, 0.9), jos.chain(jos.trace(0.9), rate(0.1))),
    "optax.adagrad": (
        optax.adagrad(0.1),
        jos.chain(jos.scale_by_rss(eps=0.0, eps_root=1e-7, initial_accumulator_value=0.1), rate(0.1)),
    ),
    "optax.adadelta": (optax.adadelta(0.5), jos.chain(jos.adadelta(0.5, rho=0.9, eps=1e-6))),
    "optax.adam": (
        optax.adam(0.1, 0.8, 0.99, 1e-7, 1e-6),
        jos.adam(0.1, b1=0.8, b2=0.99, eps=1e-7, eps_root=1e-6),
    ),
    "optax.adam-nesterov": (optax.adam(0.1, nesterov=True), jos.adam(0.1, nesterov=True)),
    "jax_example.sgd": (jax_example.sgd(0.1), jos.sgd(0.1)),
    "jax_example.momentum": (jax_example.momentum(0.1, 0.9), jos.chain(jos.trace(0.9), rate(0.1))),
    "jax_example.rmsprop": (jax_example.rmsprop(0.1), jos.rmsprop(0.1, eps=0.0, eps_root=1e-8)),
    "jax_example.adam": (jax_example.adam(0.1), jos.adam(0.1)),
}


@pytest.mark.parametrize("name", OWN)
def test_a_preset_is_our_own_rule(name):
    preset, own = OWN[name]
    assert jax.tree.structure(preset) == jax.tree.structure(own)
    assert jax.tree.leaves(preset) == jax.tree.leaves(own)
    assert repr(preset) == repr(own)


# ---------------------------------------------------------------- presets are data

RUNS = {run.id: run for run in grid.RUNS}
W = jnp.array([1.0, -2.0, 0.5])


def halved(tree):
    return jax.tree.map(lambda x: 0.5 * x, tree)


@pytest.mark.parametrize("name", RUNS)
def test_leaves_are_python_floats_and_the_structure_is_the_call_s(name):
    tx, again = (preset_of(RUNS[name]) for _ in range(2))
    assert jax.tree.leaves(tx)
    assert {type(x) for x in jax.tree.leaves(tx)} == {float}
    assert jax.tree.structure(tx) == jax.tree.structure(again)
    assert jax.tree.leaves(tx) == jax.tree.leaves(again)


def floats_of(run):
    return {k: v for k, v in run.arguments.items() if isinstance(v, float | tuple)}


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if floats_of(run)])
def test_vmap_of_the_constructor_stacks(name):
    run = RUNS[name]
    stacks = jax.tree.map(lambda x: jnp.array([x, 0.5 * x]), floats_of(run))
    stack = jax.vmap(lambda given: preset_of(run, {**run.arguments, **given}))(stacks)
    assert {x.shape for x in jax.tree.leaves(stack)} == {(2,)}


@pytest.mark.parametrize("name", RUNS)
def test_other_numbers_are_no_other_program(name):
    tx, traced = preset_of(RUNS[name]), []

    @jax.jit
    def step(tx, w):
        traced.append(w)
        return tx.update(w, tx.init(w), w)[0]

    # Traced only: to compile them all would take a minute.
    first, second = (step.trace(t, W).out_info for t in (tx, halved(tx)))
    assert first == second
    assert len(traced) == 1


ONE_OF_EACH = {
    "slides": slides.rmsprop(0.1, 0.8),
    "torch": torch.sgd(0.1, 0.9, dampening=0.5, weight_decay=0.01, maximize=True),
    "keras": keras.rmsprop(0.1, momentum=0.9, weight_decay=0.01, gradient_accumulation_steps=2),
    "tf1": tf1.rmsprop(0.1, centered=True),
    "optax": optax.adadelta(0.5, weight_decay=0.1),
    "jax_example": jax_example.adagrad(0.1),
}


@pytest.mark.parametrize("framework", ONE_OF_EACH)
def test_hyperparams_and_pickle(framework):
    tx = ONE_OF_EACH[framework]
    numbers = jos.hyperparams(tx)
    assert sorted(numbers.values()) == sorted(
        x if x >= 0 or x == -1 else round(1 + x, 15) for x in jax.tree.leaves(tx)
    )
    changed = jos.with_hyperparams(tx, **dict.fromkeys(numbers, 0.25))
    assert jos.hyperparams(changed) == dict.fromkeys(numbers, 0.25)
    assert jax.tree.structure(changed) == jax.tree.structure(tx)
    loaded = pickle.loads(pickle.dumps(tx))
    assert jax.tree.structure(loaded) == jax.tree.structure(tx)
    assert jax.tree.leaves(loaded) == jax.tree.leaves(tx)


# ---------------------------------------------------------------- beside optax

PARAMS = {"w": jnp.array([1.0, -2.0, 3.0]), "b": jnp.array(0.5)}
MASK = {"w": True, "b": False}


@pytest.fixture
def standard():
    """optax mixes dtypes."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def in_float64(tree):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x), float), tree)


def gradient(t, params):
    return jax.tree.map(lambda w: 0.3 * w + jnp.sin(t + jnp.arange(w.size).reshape(w.shape)), params)


def walk(tx, params, state, first, last):
    """The parameters after every step from ``first`` to ``last``, and the last state."""

    def body(carry, t):
        params, state = carry
        updates, state = tx.update(gradient(t, params), state, params)
        params = jax.tree.map(lambda w, u: w + u.astype(w.dtype), params, updates)
        return (params, state), params

    times = jnp.arange(first, last).astype(params["w"].dtype)
    (_, state), path = jax.lax.scan(body, (params, state), times)
    return path, state


def close(got, expected, **tolerance):
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x, float), np.asarray(y, float), **tolerance)


def prefixes(*arguments):
    """Every call that gives the first few by position."""
    return [arguments[: i + 1] for i in range(len(arguments))]


CALLS = [
    *(("sgd", call, {}) for call in prefixes(0.1, 0.9, True, jnp.float64)),
    ("sgd", (0.1, None, True, None), {}),
    ("sgd", (0.1,), {"nesterov": True}),
    ("sgd", (0.1, 0.0), {}),
    *(("rmsprop", call, {}) for call in prefixes(0.01, 0.8, 1e-4, 0.5, False, True, 0.9, True, True)),
    ("rmsprop", (0.01,), {"momentum": 0.9, "eps_in_sqrt": False}),
    ("rmsprop", (0.01,), {"nesterov": True}),
    *(("adagrad", call, {}) for call in prefixes(0.1, 0.2, 1e-3)),
    ("adadelta", (), {}),
    ("adadelta", (None, 0.8), {}),
    *(("adadelta", call, {}) for call in prefixes(0.5, 0.8, 1e-4, 0.1, MASK)),
    ("adadelta", (0.5,), {"weight_decay": 0.1, "weight_decay_mask": lambda params: MASK}),
    *(("adam", call, {}) for call in prefixes(0.1, 0.8, 0.9, 1e-4, 1e-6, jnp.float64)),
    ("adam", (0.1,), {"nesterov": True}),
    ("adam", (jos.exponential_decay(0.1, 1, 0.5),), {}),
]


@pytest.mark.usefixtures("x64", "standard")
@pytest.mark.parametrize(("name", "call", "more"), CALLS)
def test_drop_in_for_optax(name, call, more):
    """In float64: in float32 optax's 1 - b2**t is 1e-5 from it."""
    ours, theirs = (getattr(library, name)(*call, **more) for library in (optax, ox))
    params = in_float64(PARAMS)
    got, _ = walk(ours, params, ours.init(params), 0, 3)
    expected, _ = walk(theirs, params, theirs.init(params), 0, 3)
    close(got, expected, rtol=1e-12, atol=1e-12)


NARROW = {
    "sgd": ("trace", {"learning_rate": 0.1, "momentum": 0.9, "accumulator_dtype": jnp.bfloat16}),
    "adam": ("mu", {"learning_rate": 0.1, "mu_dtype": jnp.bfloat16}),
}
BFLOAT16_EPS = 2.0**-8


@pytest.mark.usefixtures("standard")
@pytest.mark.parametrize("name", NARROW)
def test_narrow_states_as_in_optax(name):
    """Five steps: a few bfloat16 ulp apart, since optax also multiplies in bfloat16."""
    field, arguments = NARROW[name]
    ours, theirs = (getattr(library, name)(**arguments) for library in (optax, ox))
    got, state = walk(ours, PARAMS, ours.init(PARAMS), 0, 5)
    expected, their_state = walk(theirs, PARAMS, theirs.init(PARAMS), 0, 5)
    close(got, expected, rtol=4 * BFLOAT16_EPS, atol=4 * BFLOAT16_EPS)
    fields = optax.to_state_dict(ours, PARAMS, state)
    theirs = {k: ox.tree_utils.tree_get(their_state, k) for k in fields if k != "count"}
    assert {x.dtype for x in jax.tree.leaves(theirs[field])} == {jnp.dtype(jnp.bfloat16)}
    for key, tree in theirs.items():
        close(fields[key], tree, rtol=4 * BFLOAT16_EPS, atol=4 * BFLOAT16_EPS)


# ---------------------------------------------------------------- states, in and out

DECAYING = jos.exponential_decay(0.05, 1, 0.98)
HANDED_OVER = {
    "sgd": ("sgd", {"learning_rate": 0.05}),
    "sgd-momentum-schedule": ("sgd", {"learning_rate": DECAYING, "momentum": 0.9}),
    "sgd-nesterov-schedule": (
        "sgd",
        {"learning_rate": DECAYING, "momentum": 0.9, "nesterov": True},
    ),
    "rmsprop": ("rmsprop", {"learning_rate": 0.01}),
    "rmsprop-centered-momentum": (
        "rmsprop",
        {"learning_rate": 0.01, "initial_scale": 1.0, "centered": True, "momentum": 0.9},
    ),
    "rmsprop-schedule-bias_correction": (
        "rmsprop",
        {"learning_rate": DECAYING, "momentum": 0.9, "bias_correction": True},
    ),
    "adagrad": ("adagrad", {"learning_rate": 0.1}),
    "adadelta": ("adadelta", {"learning_rate": 1.0}),
    "adam": ("adam", {"learning_rate": 0.01}),
    "adam-schedule": ("adam", {"learning_rate": DECAYING}),
}


def both(name):
    """Ours, optax's, and parameters in float64."""
    function, arguments = HANDED_OVER[name]
    return *(getattr(library, function)(**arguments) for library in (optax, ox)), in_float64(PARAMS)


@pytest.mark.usefixtures("x64", "standard")
@pytest.mark.parametrize("name", HANDED_OVER)
def test_a_run_of_optax_is_handed_over_at_50_and_back_at_70(name):
    """100 steps end where optax's own end; so do the last 30 in optax again."""
    ours, theirs, params = both(name)
    whole, _ = walk(theirs, params, theirs.init(params), 0, 100)
    half, their_state = walk(theirs, params, theirs.init(params), 0, 50)
    at_50 = jax.tree.map(lambda x: x[-1], half)
    state = optax.load_state(ours, at_50, their_state)
    second, _ = walk(ours, at_50, state, 50, 100)
    close(second, jax.tree.map(lambda x: x[50:], whole), rtol=1e-12, atol=1e-12)

    path, state = walk(ours, at_50, state, 50, 70)
    at_70 = jax.tree.map(lambda x: x[-1], path)
    back = optax.to_state(ours, at_70, state, theirs.init(params))
    assert jax.tree.structure(back) == jax.tree.structure(their_state)
    close(back, walk(theirs, at_50, their_state, 50, 70)[1], rtol=1e-11, atol=1e-12)
    last, _ = walk(theirs, at_70, back, 70, 100)
    close(last, jax.tree.map(lambda x: x[70:], whole), rtol=1e-12, atol=1e-12)


def test_the_state_to_fill_keeps_its_dtypes():
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    ours, theirs = optax.sgd(0.1, 0.9), ox.sgd(0.1, 0.9)
    state = ours.update(params, ours.init(params))[1]
    like = theirs.init(params)
    filled = optax.to_state(ours, params, state, like)
    assert jax.tree.map(jnp.result_type, filled) == jax.tree.map(jnp.result_type, like)
    np.testing.assert_array_equal(filled[0].trace["w"].astype(float), np.ones(3))


@pytest.mark.usefixtures("x64", "standard")
def test_optax_s_velocity_becomes_the_slides_and_back():
    """b = -v / lr, at a constant rate."""
    _, _, params = both("sgd")
    ours, theirs = jos.momentum(0.05, 0.9), ox.sgd(0.05, 0.9)
    half, their_state = walk(theirs, params, theirs.init(params), 0, 50)
    at_50 = jax.tree.map(lambda x: x[-1], half)
    state = optax.load_state(ours, at_50, their_state)
    got, _ = walk(ours, at_50, state, 50, 100)
    expected, _ = walk(theirs, at_50, their_state, 50, 100)
    close(got, expected, rtol=1e-12, atol=1e-12)
    close(optax.to_state(ours, at_50, state, their_state), their_state, rtol=1e-15)


# ---------------------------------------------------------------- memory


def test_a_loaded_state_is_not_what_the_framework_writes_into_afterwards():
    """torch steps in place; jax may read NumPy's memory after the call that copies it."""
    params = [np.ones(300_000, np.float32)]
    tx = torch.sgd(0.1, 0.9)
    for _ in range(20):
        buffer = np.ones(300_000, np.float32)
        state = torch.load_state(tx, params, {"state": {0: {"momentum_buffer": buffer}}})
        buffer[:] = 7
        np.testing.assert_array_equal(state[0].velocity[0], 1)
