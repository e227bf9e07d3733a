"""Coasting: k idle steps equal k calls of ``update`` with zero gradient."""

import re
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.coasting import coast
from jaxopt_slides._core.powers import pattern_of
from tests.cases import scheduled

KS = np.array([0, 1, 2, 3, 10, 100, 1000, 10_000], np.int32)  # as counts are
VALUES = np.array([0.0, 0.5, 0.9, 0.99, 1.0])
BELOW_ONE = VALUES[:-1]  # a debiased average at decay 1 is 0/0, which the constructor refuses
WEIGHTS = np.array([1.5, -0.25, 3.0, 0.0])
PUSHES = np.array([[1.0, -2.0, 1e-6, 0.0], [-3.0, 0.5, 2e-6, 0.0], [0.25, 4.0, -1e-6, 0.0]])


def slide_line(end):
    """The slides' momentum schedule, from 0.5 to ``end`` in 1000 steps."""
    return scheduled(init_value=0.5, end_value=end, transition_steps=1000.0)


def falling(rate):
    """A learning rate that falls to a tenth in 500 steps."""
    return scheduled(init_value=rate, end_value=rate / 10, transition_steps=500.0)


RATE, DECAY = jos.scale_by_learning_rate(0.1), jos.add_decayed_weights(0.01)
# Each is a constructor of one optimizer from one coefficient, mu or beta.
COASTS = {
    "sgd": lambda x: jos.sgd(0.1 * x),
    "sgd-momentum": lambda x: jos.sgd(0.1, x),
    "sgd-nesterov": lambda x: jos.sgd(0.1, x, nesterov=True),
    "momentum": lambda x: jos.momentum(0.1, x),
    "nesterov": lambda x: jos.nesterov(0.1, x),
    "rmsprop": lambda x: jos.rmsprop(0.1, x, initial_accumulator_value=0.5),
    "rmsprop-centered": lambda x: jos.rmsprop(0.1, x, centered=True),
    "rmsprop-momentum": lambda x: jos.rmsprop(0.1, x, momentum=x),
    "rmsprop-nesterov": lambda x: jos.rmsprop(0.1, 0.9, momentum=x, nesterov=True, centered=True),
    "adagrad": lambda x: jos.adagrad(0.1 * x),
    "adadelta": lambda x: jos.adadelta(rho=x),
    "scale": jos.scale,
    "scale_by_schedule": lambda x: jos.scale_by_schedule(falling(x)),
    "trace": jos.trace,
    "trace-nesterov": lambda x: jos.trace(x, nesterov=True),
    "ema-biased": lambda x: jos.ema(x, debias=False),
    "scale_by_rms": jos.scale_by_rms,
    "scale_by_stddev": jos.scale_by_stddev,
    "scale_by_rss": lambda x: jos.scale_by_rss(initial_accumulator_value=x),
    "set_to_zero": lambda x: jos.chain(jos.trace(x), jos.set_to_zero()),
    "identity": lambda x: jos.identity(),
    "decay-alone": lambda x: jos.chain(jos.add_decayed_weights(x), jos.scale_by_learning_rate(0.001)),
    "decay-coupled": lambda x: jos.chain(DECAY, jos.momentum(0.1, x)),
    "decay-decoupled": lambda x: jos.chain(jos.scale_by_rms(x), DECAY, RATE),
    "rms-then-trace": lambda x: jos.chain(jos.scale_by_rms(0.9), RATE, jos.trace(x)),
    "two-traces": lambda x: jos.chain(jos.trace(x), jos.trace(0.5), RATE),
    "trace-then-ema": lambda x: jos.chain(jos.trace(0.5), jos.ema(x, debias=False)),
    "scheduled-mu": lambda x: jos.momentum(0.1, slide_line(x)),
    "scheduled-rate": lambda x: jos.chain(jos.trace(x), jos.scale_by_learning_rate(falling(0.1))),
    "scheduled-decay": lambda x: jos.rmsprop(0.1, slide_line(x), momentum=0.5),
    "named": lambda x: jos.named_chain(("r", jos.scale_by_rms(0.9)), ("v", jos.trace(x)), ("a", RATE)),
    "nested": lambda x: jos.chain(jos.chain(jos.identity(), jos.trace(x)), jos.chain(jos.chain(RATE))),
}
DEBIASED = {
    "ema-debiased": jos.ema,
    "rmsprop-bias_correction": lambda x: jos.rmsprop(0.1, x, bias_correction=True, momentum=0.5),
    "ema-then-momentum": lambda x: jos.chain(jos.ema(x), jos.momentum(0.1, 0.9)),
}


def pushed(tx, w):
    """Parameters and state after three real gradients."""
    state = tx.init(w)
    for g in jnp.asarray(PUSHES):
        updates, state = tx.update(g, state, w)
        w = jos.apply_updates(w, updates)
    return w, state


def step_by_step(tx, w, state):
    """Displacement and state after each k of KS, by 10,000 calls of ``update``.

    The displacement is summed with Neumaier's compensation: 10,000 plain additions alone would
    lose the twelve digits that are compared. The weight moves along as in any training loop.
    """

    def body(carry, _):
        w, total, lost, state = carry
        u, state = tx.update(jnp.zeros_like(w), state, w)
        new = total + u
        larger = jnp.abs(total) >= jnp.abs(u)
        lost += jnp.where(larger, (total - new) + u, (u - new) + total)
        return (w + u, new, lost, state), (new + lost, state)

    zero = jnp.zeros_like(w)
    _, later = jax.lax.scan(body, (w, zero, zero, state), None, length=KS[-1])
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b])[KS], (zero, state), later)


def both_ways(make, values):
    """Coasting and stepping, for every value and every k, in one program."""

    @jax.jit
    def everything(values):
        def one(x):
            tx = make(x)
            w, state = pushed(tx, jnp.asarray(WEIGHTS))
            coasted = jax.vmap(lambda k: coast(tx, state, w, k))(jnp.asarray(KS))
            return coasted, step_by_step(tx, w, state)

        return jax.vmap(one)(values)

    return everything(jnp.asarray(values))


def require_coasts(make, values):
    """The metric is |a - b| / (|b| + 1e-3 max|b|), the maximum taken over the elements of a leaf at
    one value and one k: twelve digits of each element down to a thousandth of the largest, and of
    that below, where a sum of velocities of both signs has cancelled."""
    coasted, stepped = both_ways(make, values)
    assert jax.tree.structure(coasted) == jax.tree.structure(stepped)
    pairs = zip(jax.tree_util.tree_leaves_with_path(coasted), jax.tree.leaves(stepped), strict=True)
    for (path, a), b in pairs:
        assert a.dtype == b.dtype, f"{jax.tree_util.keystr(path)}: {a.dtype}, {b.dtype}"
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        size = np.abs(b).max(axis=tuple(range(2, b.ndim)), keepdims=True)
        # A step loses up to the smallest normal number by underflow: in 10,000 steps 2e-304, which
        # is 1e-12 of 2e-292.
        underflow = KS[-1] * np.finfo(np.float64).tiny / 1e-12
        error = np.abs(a - b) / (np.abs(b) + 1e-3 * size + underflow)
        worst = np.unravel_index(np.argmax(error), error.shape)
        assert error.max() <= 1e-12, (
            f"{jax.tree_util.keystr(path)} at value {values[worst[0]]}, k = {KS[worst[1]]}: off by "
            f"{error.max():.2g}; coasted {a[worst[:2]]}, stepped {b[worst[:2]]}"
        )


@pytest.mark.parametrize("name", COASTS)
def test_k_idle_steps_equal_k_updates(name, x64):
    require_coasts(COASTS[name], VALUES)


@pytest.mark.parametrize("name", DEBIASED)
def test_k_idle_steps_equal_k_updates_of_debiased_averages(name, x64):
    require_coasts(DEBIASED[name], BELOW_ONE)


@pytest.mark.slow
def test_closed_form_of_momentum(x64):
    # Displacement v mu (1 - mu^k) / (1 - mu), and k v at mu = 1; velocity mu^k v; exact in fractions.
    for mu in VALUES:
        tx = jos.momentum(1.0, float(mu))
        state = tx.update(jnp.asarray([-1.0]), tx.init(jnp.zeros(1)))[1]
        for k in (0, 1, 2, 3, 10, 100, 1000, 10_000):
            moved, after = coast(tx, state, jnp.zeros(1), k)
            m = Fraction(float(mu))
            expected = k if mu == 1 else m * (1 - m**k) / (1 - m)
            np.testing.assert_allclose(moved, [float(expected)], rtol=1e-12)
            np.testing.assert_allclose(after.velocity, [float(m**k)], rtol=1e-12, atol=1e-307)
            assert int(after.count) == 1 + k


@pytest.mark.parametrize("k", [7, np.int32(7), np.int64(7), np.uint8(7)], ids=lambda k: str(type(k)))
def test_k_may_be_any_integer(k, x64):
    for make in (jos.momentum, jos.chain):  # a count and none
        tx = make(0.1) if make is jos.momentum else make()
        w = jnp.asarray(WEIGHTS)
        state = tx.update(w, tx.init(w))[1]
        moved, after = coast(tx, state, w, k)
        expected, same = coast(tx, state, w, jnp.int32(7))
        np.testing.assert_array_equal(moved, expected)
        assert jax.tree.map(lambda x: x.dtype, after) == jax.tree.map(lambda x: x.dtype, same)


def test_the_pattern_holds_what_several_steps_reach():
    change = np.zeros((4, 4))
    change[0, 1] = change[1, 2] = change[2, 3] = 1.0  # the last state reaches the weight in three steps
    assert set(pattern_of(change).pairs) >= {(i, j) for i in range(4) for j in range(i + 1, 4)}


def test_powers_of_a_vector_of_k(x64):
    mu = 0.99
    change = np.array([[0.0, mu, 0.0], [0.0, mu - 1, 0.0], [0.0, 0.0, -0.5]])
    pattern = pattern_of(change)
    assert pattern == (3, ((0, 1), (1, 1), (2, 2)))
    step = pattern.entries(jnp.asarray(change))
    got = pattern.powers(step, jnp.asarray(KS))
    one_by_one = [pattern.powers(step, jnp.asarray(k)) for k in KS]
    for entry, *alone in zip(got, *one_by_one, strict=True):
        assert entry.shape == KS.shape
        np.testing.assert_allclose(entry, alone, rtol=1e-15)
    x = Fraction(float(np.float64(mu) - 1)) + 1
    exact = [float(Fraction(mu) * (1 - x ** int(k)) / (1 - x)) for k in KS]
    np.testing.assert_allclose(got[0], exact, rtol=1e-12)
    np.testing.assert_allclose(got[1], [float(x ** int(k)) for k in KS], rtol=1e-12)
    np.testing.assert_allclose(got[2], [0.5 ** int(k) for k in KS], rtol=1e-15)


def test_a_small_decay_keeps_its_digits_in_float32():
    pattern = pattern_of(np.array([[-1e-7, 1.0], [0.0, -0.1]], np.float32))
    step = pattern.entries(jnp.array([[-1e-7, 0.9], [0.0, -0.1]], jnp.float32))
    decay, _, _ = pattern.powers(step, jnp.array([1, 1000, 1_000_000]))
    np.testing.assert_allclose(decay, np.expm1([-1e-7, -1e-4, -0.1]), rtol=1e-6)


def test_coasting_over_a_tree(x64):
    # Leaves of several shapes and dtypes; zero steps change nothing, not even a bit.
    params = {"a": jnp.asarray([[1.0, -2.0]]), "b": jnp.asarray(3.0, jnp.float32), "none": None}
    tx = jos.chain(jos.scale_by_rms(0.9), jos.trace(0.5), RATE)
    state = tx.update(params, tx.init(params))[1]
    moved, after = coast(tx, state, params, 0)
    assert jax.tree.structure((moved, after)) == jax.tree.structure((params, state))
    for x, y in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    moved, after = coast(tx, state, params, 1)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, expected = tx.update(zeros, state)
    for x, y in zip(jax.tree.leaves((moved, after)), jax.tree.leaves((updates, expected)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6 if x.dtype == np.float32 else 1e-14)


def test_a_velocity_before_a_normalization_cannot_coast():
    params = jnp.zeros(2)
    for part in (jos.scale_by_rms(), jos.scale_by_stddev(), jos.scale_by_rss()):
        tx = jos.chain(jos.trace(0.9), part)
        name = repr(part).split("(")[0]
        text = (
            f"chain cannot coast: {name} is not linear in its input, and the members before it still "
            f"move when the gradient is zero."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            coast(tx, tx.init(params), params, 3)


def test_adam_cannot_coast():
    params = jnp.zeros(2)
    for tx in (jos.adam(0.1), jos.chain(jos.adam(0.1))):
        name = repr(tx).split("(")[0]
        text = (
            f"{name} cannot coast: adam divides a velocity by a root, so that an idle step is not "
            f"linear in its state."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            coast(tx, tx.init(params), params, 3)


def test_a_nested_member_is_named():
    params = jnp.zeros(2)
    tx = jos.named_chain(("a", jos.chain(jos.add_decayed_weights(0.1))), ("b", jos.adagrad(0.1)))
    with pytest.raises(ValueError, match=r"^named_chain cannot coast: adagrad is not linear in"):
        coast(tx, tx.init(params), params, 3)


def test_a_foreign_transform_cannot_coast():
    params = jnp.zeros(2)
    tx = jos.chain(jos.trace(0.9), optax.clip(1.0))
    text = "chain cannot coast: clip is a foreign transform, of which only init and update are known."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        coast(tx, tx.init(params), params, 3)
    with pytest.raises(ValueError, match="cannot coast: it is a foreign transform"):
        coast(optax.sgd(0.1), optax.sgd(0.1).init(params), params, 3)


def test_a_counter_is_no_coordinate():
    """zero_nans counts elements, in an integer that has neither the shape nor the map of a state."""
    tx = jos.chain(jos.zero_nans(), jos.trace(0.5))
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    gradients = {"a": jnp.array([jnp.nan, 2.0]), "b": jnp.ones(3)}
    _, state = tx.update(gradients, tx.init(params), params)
    displacement, coasted = coast(tx, state, params, 2)
    np.testing.assert_array_equal(displacement["a"], [0.0, 1.5])
    assert int(coasted[0].zeroed) == 1
    assert int(coasted[0].count) == 3
    np.testing.assert_array_equal(coasted[1].velocity["b"], 0.25)
