"""apply_if_finite: a bad gradient never happened, bit for bit."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos

RULES = {
    "sgd": lambda: jos.sgd(0.125),
    "sgd-momentum": lambda: jos.sgd(0.125, 0.9),
    "momentum": lambda: jos.momentum(0.125, 0.9),
    "momentum-scheduled": lambda: jos.momentum(
        jos.cosine_decay_schedule(0.125, 1000), jos.sutskever_schedule()
    ),
    "nesterov": lambda: jos.nesterov(0.125, 0.9),
    "rmsprop": lambda: jos.rmsprop(0.125),
    "rmsprop-centered": lambda: jos.rmsprop(0.125, centered=True, eps_root=1e-6),
    "rmsprop-momentum": lambda: jos.rmsprop(0.125, momentum=0.9, bias_correction=True),
    "rmsprop-nesterov": lambda: jos.rmsprop(0.125, momentum=0.9, nesterov=True, centered=True),
    "adagrad": lambda: jos.adagrad(0.125),
    "chain": lambda: jos.chain(
        jos.clip_by_global_norm(1.0), jos.add_decayed_weights(0.01), jos.trace(0.9), jos.scale(-0.1)
    ),
    "averaged": lambda: jos.average_params(jos.momentum(0.125), 0.99),
    "optax": lambda: optax.chain(optax.trace(0.9), optax.scale(-0.125)),
}
every_rule = pytest.mark.parametrize("name", RULES)
PARAMS = {
    "w": jnp.array([-0.0, 0.0, 1.0, -2.5]),
    "narrow": jnp.array([-0.0, 3.0], jnp.bfloat16),
    "still": jnp.array([-0.0]),
}
STEPS, BAD_STEP = 1000, 500


def gradients_of(steps):
    """Noise; none at all for the first weight, -0.0, and for the last leaf."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((steps, 4))
    w[:, 0] = 0
    return {
        "w": jnp.asarray(w, jnp.float32),
        "narrow": jnp.asarray(rng.standard_normal((steps, 2)), jnp.bfloat16),
        "still": jnp.zeros((steps, 1)),
    }


@jax.jit
def train(tx, params, gradients):
    """All steps in one scan: the last parameters and state."""

    def body(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        return (jos.apply_updates(params, updates), state), None

    return jax.lax.scan(body, (params, tx.init(params)), gradients)[0]


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes(), (path, x, y)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@every_rule
def test_one_bad_gradient_among_a_thousand(name, bad):
    """Bit for bit the run in which that step did not take place, also where a weight is -0.0."""
    tx = jos.apply_if_finite(jos.chain(RULES[name]()), 5)
    gradients = gradients_of(STEPS)
    poisoned = gradients | {"w": gradients["w"].at[BAD_STEP, 2].set(bad)}
    without = jax.tree.map(lambda g: jnp.delete(g, BAD_STEP, axis=0), gradients)
    params, state = train(tx, PARAMS, poisoned)
    expected, expected_state = train(tx, PARAMS, without)
    same(params, expected)
    same(state.inner_state, expected_state.inner_state)
    assert (state.total_notfinite, state.notfinite_count, state.last_finite) == (1, 0, True)
    assert expected_state.total_notfinite == 0
    assert all(bool(jnp.isfinite(w).all()) for w in jax.tree.leaves(params))


@every_rule
def test_a_skipped_step_changes_no_bit(name):
    """Eagerly, before any other step and after one."""
    tx = jos.apply_if_finite(RULES[name](), 5)
    good = jax.tree.map(lambda g: g[0], gradients_of(1))
    bad = good | {"narrow": jnp.array([1.0, np.nan], jnp.bfloat16)}
    params, state = PARAMS, tx.init(PARAMS)
    for _ in range(2):
        updates, skipped = tx.update(bad, state, params)
        for u in jax.tree.leaves(updates):
            assert np.asarray(u).tobytes() == np.asarray(-jnp.zeros_like(u)).tobytes()
        same(jos.apply_updates(params, updates), params)
        same(skipped.inner_state, state.inner_state)
        updates, state = tx.update(good, state, params)
        params = jos.apply_updates(params, updates)


def test_optax_turns_minus_zero_into_zero():
    """Why our update is -0.0."""
    w, bad = jnp.array([-0.0]), jnp.array([np.inf])
    theirs, ours = optax.apply_if_finite(optax.sgd(0.1), 5), jos.apply_if_finite(jos.sgd(0.1), 5)
    assert not np.signbit(optax.apply_updates(w, theirs.update(bad, theirs.init(w))[0]))[0]
    assert np.signbit(jos.apply_updates(w, ours.update(bad, ours.init(w))[0]))[0]


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_the_counters_and_what_goes_through_agree_with_optax(most):
    rng = np.random.default_rng(most)
    finite = rng.random(40) < 0.45
    bad = np.where(rng.random(40) < 0.5, np.nan, np.inf)
    gradients = np.where(finite, rng.standard_normal(40), bad).astype(np.float32)
    ours = jos.apply_if_finite(jos.chain(jos.trace(0.5), jos.scale(-0.5)), most)
    theirs = optax.apply_if_finite(optax.chain(optax.trace(0.5), optax.scale(-0.5)), most)
    s, t, their_update = ours.init(jnp.zeros(1)), theirs.init(jnp.zeros(1)), jax.jit(theirs.update)
    for g in gradients:
        u, s = ours.update(jnp.array([g]), s)
        v, t = their_update(jnp.array([g]), t)
        np.testing.assert_array_equal(u, v)
        for field in ("notfinite_count", "last_finite", "total_notfinite"):
            assert getattr(s, field) == getattr(t, field)
            assert getattr(s, field).dtype == getattr(t, field).dtype
        np.testing.assert_array_equal(s.inner_state[0].velocity, t.inner_state[0].trace)


def test_after_too_many_in_a_row_a_gradient_goes_through():
    tx = jos.apply_if_finite(jos.sgd(0.5), 2)
    state, w = tx.init(jnp.ones(1)), jnp.ones(1)
    for step, g in enumerate([np.nan, np.nan, 1.0, np.nan, np.nan, np.nan]):
        updates, state = tx.update(jnp.array([g]), state)
        assert bool(jnp.isnan(updates[0])) == (step == 5)
        w = jos.apply_updates(w, updates)
    assert (state.notfinite_count, state.total_notfinite) == (3, 5)
    assert bool(jnp.isnan(w[0]))


def test_before_the_first_gradient_the_last_was_finite():
    state = jos.apply_if_finite(jos.sgd(0.5), 2).init(jnp.ones(1))
    assert (state.notfinite_count, state.last_finite, state.total_notfinite) == (0, True, 0)


def test_counters_saturate():
    tx, most = jos.apply_if_finite(jos.sgd(0.5), 2), np.int32(np.iinfo(np.int32).max)
    state = tx.init(jnp.ones(1))._replace(notfinite_count=most, total_notfinite=most)
    _, after = tx.update(jnp.array([np.nan]), state)
    assert (after.notfinite_count, after.total_notfinite) == (most, most)


@pytest.mark.parametrize("name", sorted(set(RULES) - {"optax", "sgd-momentum", "rmsprop-momentum"}))
def test_hypergradients_through_a_skipped_step_are_finite(name):
    """And those of the run without that step, to rounding."""
    tx = jos.apply_if_finite(RULES[name](), 5)
    data = jnp.array([1.0, -2.0, 0.5, 3.0])

    def final_loss(tx, bad):
        w, state = jnp.array([0.5, 0.0]), None
        state = tx.init(w)
        for t, x in enumerate(data):
            g = jnp.where(bad[t], jnp.inf, w - x)
            updates, state = tx.update(g, state, w)
            w = jos.apply_updates(w, updates)
        return jnp.sum(w**2)

    def without(tx):
        w = jnp.array([0.5, 0.0])
        state = tx.init(w)
        for x in (data[0], data[2], data[3]):
            updates, state = tx.update(w - x, state, w)
            w = jos.apply_updates(w, updates)
        return jnp.sum(w**2)

    slopes = jax.jit(jax.grad(final_loss))(tx, jnp.array([False, True, False, False]))
    expected = jax.jit(jax.grad(without))(tx)
    for slope, e in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected), strict=True):
        assert bool(jnp.isfinite(slope))
        np.testing.assert_allclose(slope, e, rtol=1e-4, atol=1e-6)


def test_complex_and_zero_size_leaves():
    tx = jos.apply_if_finite(jos.sgd(0.5), 5)
    w = {"c": jnp.array([1 + 1j]), "none": jnp.zeros((0, 2)), "nothing": None}
    for bad in (complex(1, np.nan), complex(np.inf, 1)):
        updates, state = tx.update(w | {"c": jnp.array([bad])}, tx.init(w))
        assert state.total_notfinite == 1
        np.testing.assert_array_equal(jos.apply_updates(w, updates)["c"], w["c"])
    assert tx.update(w, tx.init(w))[1].last_finite
    assert jos.apply_if_finite(jos.sgd(0.5), 5).update({}, tx.init({}))[1].last_finite


def test_keys_in_the_inner_state_are_kept():
    """Typed random keys, ours and optax's."""
    for inner in (
        jos.mixed_precision(jos.sgd(0.5), "stochastic_rounding", seed=0),
        optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(0)), optax.scale(-0.5)),
    ):
        tx = jos.apply_if_finite(inner, 5)
        w = jnp.ones(2, jnp.bfloat16)
        state = tx.init(w)
        updates, skipped = tx.update(jnp.array([1.0, np.nan], jnp.bfloat16), state, w)
        np.testing.assert_array_equal(jos.apply_updates(w, updates), w)
        data = lambda s: [  # noqa: E731
            np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
            for x in jax.tree.leaves(s)
        ]
        for a, b in zip(data(skipped.inner_state), data(state.inner_state), strict=True):
            np.testing.assert_array_equal(a, b)


def test_in_a_stack_each_optimizer_skips_for_itself():
    stacked = jax.vmap(lambda rate: jos.apply_if_finite(jos.momentum(rate, 0.5), 5))(
        jnp.array([0.5, 0.25])
    )
    w = jnp.ones((2, 1))
    state = jax.vmap(lambda tx, w: tx.init(w))(stacked, w)
    step = jax.vmap(lambda tx, g, s: tx.update(g, s))
    updates, state = step(stacked, jnp.array([[1.0], [np.nan]]), state)
    np.testing.assert_array_equal(updates, [[-0.5], [-0.0]])
    np.testing.assert_array_equal(state.total_notfinite, [0, 1])
    np.testing.assert_array_equal(step(stacked, jnp.ones((2, 1)), state)[0], [[-0.75], [-0.25]])


def test_bad_arguments():
    for value, error, text in [
        (-1, ValueError, "max_consecutive_errors must be at least 0 and fit into int32, got -1."),
        (1.0, TypeError, "max_consecutive_errors must be an integer, got 1.0."),
        (True, TypeError, "max_consecutive_errors must be an integer, got True."),
    ]:
        with pytest.raises(error, match=re.escape("apply_if_finite: " + text)):
            jos.apply_if_finite(jos.sgd(0.1), value)
    with pytest.raises(TypeError, match=r"apply_if_finite: inner is .*; expected a GradientTransf"):
        jos.apply_if_finite(jos.sgd, 1)
    tx = jos.apply_if_finite(jos.sgd(0.1), 1)
    with pytest.raises(TypeError, match=r"apply_if_finite: expected the ApplyIfFiniteState that its "):
        tx.update(jnp.ones(1), jos.sgd(0.1).init(jnp.ones(1)))
