"""Reading, changing and printing an optimizer's hyperparameters by name."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxopt_slides as jos


def same(a, b):
    """Equal as optimizers: tree structure, and every leaf in type, dtype and value."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert type(x) is type(y)
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_array_equal(x, y)


OPTIMIZERS = [
    jos.sgd(0.1),
    jos.sgd(0.1, 0.9, nesterov=True),
    jos.momentum(0.1, 0.5),
    jos.nesterov(0.1, 0.5),
    jos.rmsprop(0.1),
    jos.rmsprop(0.1, 0.99, centered=True, momentum=0.9, eps=1e-8),
    jos.rmsprop(0.1, initial_accumulator_value=1.0, bias_correction=True),
    jos.adagrad(0.1, initial_accumulator_value=0.5),
    jos.trace(0.9, nesterov=True),
    jos.ema(0.9),
    jos.ema(0.9, debias=False),
    jos.scale(-2.5),
    jos.scale_by_learning_rate(0.1),
    jos.add_decayed_weights(1e-4),
    jos.project(low=-1.0, high=1.0),
    jos.project(radius=2.0),
    jos.scale_by_rms(0.999),
    jos.scale_by_stddev(0.5, bias_correction=True),
    jos.scale_by_rss(eps=0.0, eps_root=1e-10),
    jos.set_to_zero(),
    jos.identity(),
    jos.momentum(0.01, jos.linear_schedule(0.5, 0.99, 1000)),
    jos.rmsprop(0.01, jos.linear_schedule(0.5, 0.99, 1000)),
    jos.scale_by_schedule(jos.linear_schedule(1.0, 0.0, 10)),
    jos.chain(jos.scale_by_rms(), jos.trace(0.9), jos.scale_by_learning_rate(0.1)),
    jos.chain(jos.momentum(0.1), jos.chain(jos.scale(2.0), jos.scale(3.0)), jos.scale(4.0)),
    jos.named_chain(("decay", jos.add_decayed_weights(0.1)), ("rule", jos.rmsprop(0.1))),
]
every_optimizer = pytest.mark.parametrize("tx", OPTIMIZERS, ids=lambda tx: repr(tx)[:60])


# ---------------------------------------------------------------- names


NAMES = [
    (jos.sgd(0.1), ["learning_rate"]),
    (jos.sgd(0.1, 0.9), ["learning_rate", "momentum"]),
    (jos.momentum(0.1), ["learning_rate", "mu"]),
    (jos.nesterov(0.1), ["learning_rate", "mu"]),
    (
        jos.rmsprop(0.1),
        ["learning_rate", "decay", "eps", "eps_root", "initial_accumulator_value"],
    ),
    (
        jos.rmsprop(0.1, momentum=0.9),
        ["learning_rate", "decay", "eps", "eps_root", "momentum", "initial_accumulator_value"],
    ),
    (jos.adagrad(0.1), ["learning_rate", "eps", "eps_root", "initial_accumulator_value"]),
    (jos.adadelta(), ["learning_rate", "rho", "eps"]),
    (jos.adam(0.1), ["learning_rate", "b1", "b2", "eps", "eps_root"]),
    (jos.trace(0.9), ["decay"]),
    (jos.ema(0.9), ["decay"]),
    (jos.scale(1.0), ["step_size"]),
    (jos.scale_by_learning_rate(1.0), ["learning_rate"]),
    (jos.add_decayed_weights(1.0), ["weight_decay"]),
    (jos.project(low=0.0), ["low"]),
    (jos.project(low=0.0, high=1.0), ["low", "high"]),
    (jos.project(radius=1.0), ["radius"]),
    (jos.scale_by_rms(), ["decay", "eps", "eps_root", "initial_accumulator_value"]),
    (jos.scale_by_stddev(), ["decay", "eps", "eps_root", "initial_accumulator_value"]),
    (jos.scale_by_rss(), ["eps", "eps_root", "initial_accumulator_value"]),
    (jos.set_to_zero(), []),
    (jos.identity(), []),
    (jos.chain(optax.adam(0.1)), []),
    # qualified only where that is needed
    (jos.chain(jos.trace(0.9), jos.scale(2.0)), ["decay", "step_size"]),
    (jos.chain(jos.scale(1.0), jos.scale(2.0)), ["0.step_size", "1.step_size"]),
    (
        jos.chain(jos.trace(0.9), jos.ema(0.9), jos.scale(2.0)),
        ["0.decay", "1.decay", "step_size"],
    ),
    (
        jos.named_chain(("v", jos.trace(0.9)), ("m", jos.ema(0.9)), ("s", jos.scale(2.0))),
        ["v.decay", "m.decay", "step_size"],
    ),
    (
        jos.chain(jos.chain(jos.trace(0.1), jos.scale(0.2)), jos.chain(jos.trace(0.3))),
        ["0.0.decay", "step_size", "1.0.decay"],
    ),
    (
        jos.named_chain(
            ("x", jos.named_chain(("in", jos.scale(1.0)))),
            ("y", jos.chain(jos.scale(2.0), jos.scale(3.0))),
        ),
        ["in.step_size", "0.step_size", "1.step_size"],
    ),
    # a schedule's own numbers
    (
        jos.momentum(0.1, jos.linear_schedule(0.5, 0.99, 1000)),
        ["learning_rate", "mu.init_value", "mu.end_value", "mu.transition_steps"],
    ),
    (jos.momentum(0.1, lambda count: 0.5), ["learning_rate"]),
    (
        jos.chain(jos.scale(1.0), jos.scale(jos.constant_schedule(2.0))),
        ["0.step_size", "1.step_size.value"],
    ),
]


@pytest.mark.parametrize(("tx", "names"), NAMES, ids=lambda x: repr(x)[:60])
def test_names(tx, names):
    assert list(jos.hyperparams(tx)) == names
    assert len(jax.tree.leaves(tx)) == len(names)


def test_values_are_those_that_were_given():
    tx = jos.rmsprop(0.25, 0.5, eps=1e-3, momentum=0.75, eps_root=1e-5, initial_accumulator_value=2)
    assert jos.hyperparams(tx) == {
        "learning_rate": 0.25,
        "decay": 0.5,
        "eps": 1e-3,
        "eps_root": 1e-5,
        "momentum": 0.75,
        "initial_accumulator_value": 2.0,
    }
    assert all(type(v) is float for v in jos.hyperparams(tx).values())


def test_every_number_becomes_a_python_float_and_an_array_stays_one():
    for one in (1, 1.0, np.float32(1), np.float64(1), np.int8(1), np.array(1.0)):
        same(jos.sgd(one), jos.sgd(1.0))
        same(jos.scale_by_rms(one), jos.scale_by_rms(1.0))
    for one in (jnp.float32(1), jnp.bfloat16(1), jnp.int32(1)):
        tx = jos.rmsprop(one, one)
        for value in (jos.hyperparams(tx)["learning_rate"], jos.hyperparams(tx)["decay"]):
            assert isinstance(value, jax.Array)
            assert (value.dtype, value.shape, float(value)) == (jnp.float32, (), 1.0)


GIVEN = [0.9, 0.1, 0.123456789, 1e-7, 1e-15, 0.99, 0.999, 0.9999, 0.99999, 0.5, 0, 1, 0.7, 0.3, 0.95]


@pytest.mark.parametrize("make", [jos.ema, jos.scale_by_rms, jos.scale_by_stddev, jos.trace])
def test_decays_read_back_exactly(make):
    given = {"debias": False} if make is jos.ema else {}
    for value in GIVEN:
        read = jos.hyperparams(make(value, **given))["decay"]
        assert (type(read), read) == (float, float(value))
        assert f"decay={float(value)!r}" in repr(make(value, **given))


@given(st.integers(0, 10**12))
@settings(max_examples=200, deadline=None)
def test_decimals_read_back_exactly(digits):
    value = digits / 10**12
    assert jos.hyperparams(jos.scale_by_rms(value))["decay"] == value


@given(st.floats(0.5, 1))
@settings(max_examples=200, deadline=None)
def test_floats_from_a_half_to_one_read_back_exactly(value):
    assert jos.hyperparams(jos.scale_by_rms(value))["decay"] == value


@given(st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_any_decay_reads_back_as_stored(value):
    """Below a half the offset from 1 keeps an absolute, not a relative, precision."""
    tx = jos.scale_by_rms(value)
    read = jos.hyperparams(tx)["decay"]
    assert abs(read - value) <= 2**-53
    same(jos.scale_by_rms(read), tx)


# ---------------------------------------------------------------- changing


def test_with_hyperparams_changes_a_copy():
    tx = jos.momentum(0.1, 0.9)
    changed = jos.with_hyperparams(tx, learning_rate=0.2)
    same(changed, jos.momentum(0.2, 0.9))
    same(tx, jos.momentum(0.1, 0.9))
    same(jos.with_hyperparams(tx), tx)
    same(jos.with_hyperparams(tx, learning_rate=0.2, mu=0), jos.momentum(0.2, 0.0))


def test_the_half_of_init_changes_too():
    tx = jos.with_hyperparams(jos.adagrad(0.1), initial_accumulator_value=3)
    same(tx, jos.adagrad(0.1, initial_accumulator_value=3.0))
    assert tx.init(1.0).sum_of_squares == 3


@every_optimizer
def test_round_trip(tx):
    same(jos.with_hyperparams(tx, **jos.hyperparams(tx)), tx)


@every_optimizer
def test_every_name_changes_its_own_number(tx):
    for name, old in jos.hyperparams(tx).items():
        new = 2.0 if name.endswith("transition_steps") else 0.25
        changed = jos.with_hyperparams(tx, **{name: new})
        assert jos.hyperparams(changed) == {**jos.hyperparams(tx), name: new}
        assert jax.tree.structure(changed) == jax.tree.structure(tx)
        same(jos.with_hyperparams(changed, **{name: old}), tx)


def test_qualified_names():
    tx = jos.chain(jos.scale(1.0), jos.chain(jos.scale(2.0), jos.trace(0.5)))
    assert jos.hyperparams(tx) == {"0.step_size": 1.0, "1.0.step_size": 2.0, "decay": 0.5}
    for name in ("decay", "1.decay", "1.1.decay"):
        assert jos.hyperparams(jos.with_hyperparams(tx, **{name: 0.75}))["decay"] == 0.75
    changed = jos.with_hyperparams(tx, **{"1.0.step_size": 5})
    same(changed, jos.chain(jos.scale(1.0), jos.chain(jos.scale(5.0), jos.trace(0.5))))


def test_a_whole_path_is_never_ambiguous():
    tx = jos.chain(jos.chain(jos.scale(1.0), jos.scale(2.0)), jos.scale(3.0))
    names = jos.hyperparams(tx)
    assert sorted(names.values()) == [1.0, 2.0, 3.0]
    changed = jos.with_hyperparams(tx, **{next(n for n, v in names.items() if v == 3.0): 7.0})
    same(changed, jos.chain(jos.chain(jos.scale(1.0), jos.scale(2.0)), jos.scale(7.0)))


def test_names_in_a_named_chain():
    tx = jos.named_chain(("fast", jos.ema(0.5)), ("slow", jos.ema(0.99)))
    changed = jos.with_hyperparams(tx, **{"slow.decay": 0.999})
    same(changed, jos.named_chain(("fast", jos.ema(0.5)), ("slow", jos.ema(0.999))))


def test_a_schedule_for_a_number_and_back():
    tx, schedule = jos.momentum(0.1, 0.9), jos.linear_schedule(0.5, 0.99, 1000)
    scheduled = jos.with_hyperparams(tx, mu=schedule)
    same(scheduled, jos.momentum(0.1, schedule))
    same(jos.with_hyperparams(scheduled, mu=0.9), tx)
    same(jos.with_hyperparams(scheduled, mu=jos.constant_schedule(0.9)).update, jos.momentum(
        0.1, jos.constant_schedule(0.9)).update)  # fmt: skip
    for foreign in (lambda count: 0.5, optax.linear_schedule(0.5, 0.99, 1000)):
        tx = jos.with_hyperparams(jos.rmsprop(0.1), decay=foreign)
        assert "decay" not in jos.hyperparams(tx)
        np.testing.assert_allclose(jos.hyperparams(tx, tx.init(1.0))["decay"], 0.5)
        same(jos.with_hyperparams(tx, decay=0.9), jos.rmsprop(0.1))


def test_a_schedule_s_numbers():
    tx = jos.rmsprop(0.1, jos.linear_schedule(0.5, 0.99, 1000))
    changed = jos.with_hyperparams(tx, **{"decay.end_value": 0.75, "decay.transition_steps": 10})
    same(changed, jos.rmsprop(0.1, jos.linear_schedule(0.5, 0.75, 10)))
    chained = jos.chain(jos.scale(1.0), tx)
    changed = jos.with_hyperparams(chained, **{"1.decay.init_value": 0.25})
    same(changed, jos.chain(jos.scale(1.0), jos.rmsprop(0.1, jos.linear_schedule(0.25, 0.99, 1000))))


@pytest.mark.parametrize(
    ("schedule", "name", "value"),
    [
        (jos.linear_schedule(0.5, 0.99, 1000), "transition_steps", 0),
        (jos.linear_schedule(0.5, 0.99, 1000), "transition_steps", -5),
        (jos.linear_schedule(0.5, 0.99, 1000), "end_value", math.nan),
        (jos.sutskever_schedule(0.99), "max_value", 2),
    ],
)
def test_a_schedule_s_numbers_are_checked_as_in_its_constructor(schedule, name, value):
    with pytest.raises(ValueError, match=name):
        jos.with_hyperparams(jos.momentum(0.1, schedule), **{f"mu.{name}": value})


def test_arrays_for_numbers():
    tx = jos.with_hyperparams(jos.rmsprop(0.1), learning_rate=jnp.float32(0.2), decay=jnp.float32(0.5))
    same(tx, jos.rmsprop(jnp.float32(0.2), jnp.float32(0.5)))
    same(jos.with_hyperparams(tx, learning_rate=0.1, decay=0.9), jos.rmsprop(0.1))
    same(jos.with_hyperparams(tx, **jos.hyperparams(tx)), tx)


def test_while_tracing():
    @jax.jit
    def halved(tx):
        return jos.with_hyperparams(tx, learning_rate=jos.hyperparams(tx)["learning_rate"] / 2)

    tx = halved(jos.rmsprop(0.5, 0.75))
    values = jos.hyperparams(tx)
    assert float(values["learning_rate"]) == 0.25
    assert float(values["decay"]) == 0.75
    stacked = jax.vmap(lambda d: jos.with_hyperparams(jos.rmsprop(0.5), decay=d))(jnp.array([0.5, 1]))
    np.testing.assert_array_equal(jos.hyperparams(stacked)["decay"], [0.5, 1])


def test_the_same_state_and_program_serve_the_copy():
    traced = 0

    @jax.jit
    def step(tx, state):
        nonlocal traced
        traced += 1
        return tx.update(1.0, state)

    tx = jos.momentum(0.1)
    state = tx.init(0.0)
    for rate in (0.1, 1, np.float64(3)):
        step(jos.with_hyperparams(tx, learning_rate=rate), state)
    assert traced == 1


# ---------------------------------------------------------------- gradient trees


def train(tx):
    params = jnp.array([1.0, -2.0])
    state = tx.init(params)
    for _ in range(3):
        updates, state = tx.update(2 * params, state, params)
        params = params + updates
    return jnp.sum(params**2)


GRADIENTS = [
    (jos.momentum, (0.1, 0.9), ("learning_rate", "mu")),
    (jos.rmsprop, (0.1, 0.9), ("learning_rate", "decay")),
    (jos.ema, (0.3,), ("decay",)),
]


@pytest.mark.parametrize(("make", "values", "names"), GRADIENTS, ids=["momentum", "rmsprop", "ema"])
def test_derivatives_by_name(make, values, names):
    with jax.enable_x64():
        tree = jax.grad(train)(make(*values))
        by_name = jos.hyperparams(tree, gradient=True)
        step = 1e-6
        for i, name in enumerate(names):
            above, below = ([*values], [*values])
            above[i] += step
            below[i] -= step
            slope = (train(make(*above)) - train(make(*below))) / (2 * step)
            np.testing.assert_allclose(by_name[name], slope, rtol=1e-6)


def test_derivatives_are_the_leaves_unchanged():
    tx = jos.chain(jos.rmsprop(0.1, jos.linear_schedule(0.5, 0.9, 10)), jos.trace(0.5), jos.ema(0.25))
    tree = jax.grad(train)(tx)
    read = jos.hyperparams(tree, gradient=True)
    assert list(read) == list(jos.hyperparams(tx))
    ids = {id(leaf) for leaf in jax.tree.leaves(tree)}
    assert {id(v) for v in read.values()} == ids


@pytest.mark.parametrize(
    "tx",
    [jos.momentum(0.1), jos.rmsprop(0.1), jos.chain(jos.scale_by_rms(), jos.scale(-0.1)), jos.ema(0.1)],
    ids=repr,
)
def test_round_trip_on_a_gradient_tree(tx):
    tree = jax.grad(train)(tx)
    same(jos.with_hyperparams(tree, **jos.hyperparams(tree)), tree)


# ---------------------------------------------------------------- with a state


def test_what_the_next_update_uses():
    schedule = jos.linear_schedule(0.5, 0.75, 4)
    tx = jos.named_chain(
        ("rule", jos.momentum(0.1, schedule)), ("rms", jos.scale_by_rms(jos.linear_schedule(0, 1, 4)))
    )
    state = tx.init(1.0)
    for count in range(6):
        now = jos.hyperparams(tx, state)
        assert list(now) == [
            "learning_rate", "mu", "decay", "eps", "eps_root", "initial_accumulator_value"
        ]  # fmt: skip
        assert (now["learning_rate"], now["eps"]) == (0.1, 1e-7)
        np.testing.assert_allclose(now["mu"], 0.5 + 0.0625 * min(count, 4), rtol=1e-6)
        np.testing.assert_allclose(now["decay"], min(count, 4) / 4, rtol=1e-6)
        _, state = tx.update(1.0, state)


def test_the_value_read_is_the_value_used():
    tx = jos.scale(lambda count: 0.5 + count)
    state = tx.init(1.0)
    for _ in range(3):
        used = jos.hyperparams(tx, state)["step_size"]
        updates, state = tx.update(1.0, state)
        assert updates == used


def test_with_a_state_under_jit():
    tx = jos.momentum(0.1, jos.linear_schedule(0.5, 0.75, 4))
    state = tx.init(1.0)._replace(count=jnp.int32(2))
    assert float(jax.jit(jos.hyperparams)(tx, state)["mu"]) == 0.625


# ---------------------------------------------------------------- printing


@every_optimizer
def test_repr_evaluates_to_the_optimizer(tx):
    same(eval(repr(tx), dict(vars(jos))), tx)


@pytest.mark.parametrize(
    ("tx", "text"),
    [
        (jos.sgd(1), "sgd(learning_rate=1.0)"),
        (jos.momentum(0.1), "momentum(learning_rate=0.1, mu=0.9)"),
        (jos.sgd(0.1, 0.9, nesterov=True), "sgd(learning_rate=0.1, momentum=0.9, nesterov=True)"),
        (jos.scale_by_rms(0.999), None),
        (jos.set_to_zero(), "set_to_zero()"),
        (jos.identity(), "chain()"),
        (jos.chain(jos.scale(2), jos.trace(0.9)), "chain(scale(step_size=2.0), trace(decay=0.9))"),
        (jos.named_chain(("a", jos.scale(2))), "named_chain(('a', scale(step_size=2.0)))"),
        (jos.chain(optax.clip(1.0)), "chain(clip)"),
        (
            jos.momentum(0.1, jos.linear_schedule(0.5, 0.99, 10)),
            "momentum(learning_rate=0.1, mu=linear_schedule(init_value=0.5, end_value=0.99, "
            "transition_steps=10.0))",
        ),
    ],
    ids=lambda x: str(x)[:40],
)
def test_repr(tx, text):
    if text is None:
        assert repr(tx).startswith("scale_by_rms(decay=0.999, eps=1e-07")
    else:
        assert repr(tx) == text


def test_repr_of_stacked_and_traced_optimizers():
    assert "0.1" in repr(jax.vmap(jos.momentum)(jnp.array([0.1, 0.2])))
    seen = []
    jax.jit(lambda tx: seen.append(repr(tx)))(jos.rmsprop(0.1))
    assert seen[0].startswith("rmsprop(learning_rate=")
