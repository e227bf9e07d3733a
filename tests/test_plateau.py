"""reduce_on_plateau: against optax where that is right, and a NumPy loop."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax.contrib
import pytest

import jaxopt_slides as jos


def scales(tx, metrics):
    """The scale of every step, from an update of ones."""
    one = jnp.ones((), jnp.float32)

    def body(state, metric):
        updates, state = tx.update(one, state, value=metric)
        return state, updates

    with jax.numpy_dtype_promotion("standard"):  # for optax
        run = jax.jit(lambda metrics: jax.lax.scan(body, tx.init(one), metrics))
        state, result = run(jnp.asarray(metrics, jnp.float32))
    return np.asarray(result), state


def loop(metrics, factor, patience, rtol=1e-4, atol=0.0, cooldown=0, min_scale=0.0):
    """The documented rule, in NumPy: better is less than the best by rtol of its magnitude and atol."""
    scale, best, waited, cooling, trail = 1.0, np.inf, 0, 0, []
    for m in np.asarray(metrics, np.float32).astype(np.float64):
        least = rtol * abs(best) + atol if np.isfinite(best) else 0.0
        better = m < best - least
        best, waited = (m, 0) if better else (best, waited + 1)
        if cooling:
            cooling, waited = cooling - 1, 0
        elif waited >= patience:
            scale, waited, cooling = max(scale * factor, min_scale), 0, cooldown
        trail.append(scale)
    return np.array(trail)


RTOL, TINY = 40 * 2.0**-23, 1.2e-38  # some 40 products with the factor; below float32's normal numbers
SETTINGS = [
    {"factor": 0.5, "patience": 1},
    {"factor": 0.5, "patience": 3},
    {"factor": 0.1, "patience": 2, "cooldown": 4},
    {"factor": 0.5, "patience": 2, "cooldown": 1, "min_scale": 0.125},
    {"factor": 0.25, "patience": 4, "rtol": 0.0, "atol": 0.05},
    {"factor": 0.75, "patience": 2, "rtol": 0.1, "atol": 0.01, "cooldown": 2, "min_scale": 0.01},
]
every_setting = pytest.mark.parametrize("settings", SETTINGS, ids=repr)


def noisy(seed, steps=200):
    """A loss that falls, with noise, and stops."""
    rng = np.random.default_rng(seed)
    return np.exp(-np.arange(steps) / 40) + 0.3 + 0.1 * rng.random(steps)


@every_setting
@pytest.mark.parametrize("seed", range(3))
def test_positive_metrics_agree_with_optax_and_the_loop(settings, seed):
    metrics = noisy(seed)
    ours, state = scales(jos.reduce_on_plateau(**settings), metrics)
    theirs, peer = scales(optax.contrib.reduce_on_plateau(**settings), metrics)
    np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=TINY)
    np.testing.assert_allclose(ours, loop(metrics, **settings), rtol=RTOL, atol=TINY)
    assert ours[-1] < 1
    assert (state.plateau_count, state.cooldown_count) == (peer.plateau_count, peer.cooldown_count)
    np.testing.assert_array_equal(state.best_value, peer.best_value)
    assert state.count == len(metrics)


@every_setting
@pytest.mark.parametrize("shift", [-1.0, -5.0])
def test_negative_metrics_agree_with_the_loop(settings, shift):
    metrics = noisy(0) + shift
    ours, _ = scales(jos.reduce_on_plateau(**settings), metrics)
    np.testing.assert_allclose(ours, loop(metrics, **settings), rtol=RTOL, atol=TINY)


def test_below_zero_optax_takes_a_worse_metric_for_a_better_one():
    """-1, then ever so slightly worse: (1 - rtol) * -1 is above -1."""
    metrics = -1 + 1e-3 * np.arange(6)
    settings = {"factor": 0.5, "patience": 2, "rtol": 0.01}
    _, peer = scales(optax.contrib.reduce_on_plateau(**settings), metrics)
    assert peer.best_value > -1
    assert peer.scale == 1
    ours, state = scales(jos.reduce_on_plateau(**settings), metrics)
    assert state.best_value == -1
    np.testing.assert_array_equal(ours, [1, 1, 0.5, 0.5, 0.25, 0.25])


def test_metrics_that_are_not_finite():
    tx = jos.reduce_on_plateau(0.5, patience=2)
    nan, inf = np.nan, np.inf
    for metrics, expected, best in [
        ([nan, nan, nan, 1.0], [1, 0.5, 0.5, 0.5], 1.0),  # NaN does not improve, nor stay
        ([1.0, nan, nan, 0.5], [1, 1, 0.5, 0.5], 0.5),
        ([inf, inf, 3.0, inf], [1, 0.5, 0.5, 0.5], 3.0),
        ([1.0, -inf, -inf, 5.0, 4.0], [1, 1, 1, 0.5, 0.5], -inf),  # nothing is better than that
    ]:
        got, state = scales(tx, metrics)
        np.testing.assert_array_equal(got, expected)
        assert state.best_value == best


def test_cooldown_by_hand():
    """A cut, two steps that do not count, then patience anew."""
    got, _ = scales(jos.reduce_on_plateau(0.5, patience=2, cooldown=2), [1.0] * 10)
    np.testing.assert_array_equal(got, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25])


def test_a_cooldown_longer_than_the_patience():
    got, _ = scales(jos.reduce_on_plateau(0.5, patience=1, cooldown=3), [1.0] * 6)
    np.testing.assert_array_equal(got, [1, 0.5, 0.5, 0.5, 0.5, 0.25])


def test_improvement_is_relative_to_the_best():
    """2.2 is not below half of 4, and so is no best value; 1.9 is."""
    got, state = scales(jos.reduce_on_plateau(0.5, patience=1, rtol=0.5), [4.0, 2.2, 1.9])
    np.testing.assert_array_equal(got, [1, 0.5, 0.5])
    assert state.best_value == np.float32(1.9)


def test_an_integer_is_a_metric_too():
    tx = jos.reduce_on_plateau(0.5, patience=1)
    state = tx.init(jnp.ones(1))
    for value, expected in [(1, 1.0), (jnp.int32(1), 0.5), (np.int64(1), 0.25)]:
        updates, state = tx.update(jnp.ones(1), state, value=value)
        np.testing.assert_array_equal(updates, [expected])


def test_min_scale_by_hand():
    got, _ = scales(jos.reduce_on_plateau(0.5, patience=1, min_scale=0.2), [1.0] * 6)
    np.testing.assert_array_equal(got, np.float32([1, 0.5, 0.25, 0.2, 0.2, 0.2]))


def test_through_chain_in_every_dtype():
    tx = jos.chain(jos.momentum(0.5, 0.0), jos.reduce_on_plateau(0.5, patience=1))
    for dtype in ("float32", "bfloat16", "float16", "complex64"):
        g = {"w": jnp.ones(2, dtype)}
        state = tx.init(g)
        for value, expected in [(1.0, -0.5), (jnp.float16(1), -0.25), (jnp.float32(2), -0.125)]:
            updates, state = tx.update(g, state, value=value, unknown=len)
            assert updates["w"].dtype == dtype
            np.testing.assert_array_equal(np.asarray(updates["w"], np.complex64), expected)
    assert state[1].scale.dtype == jnp.float32


def test_in_float64(x64):
    tx = jos.reduce_on_plateau(0.1, patience=1)
    state = tx.init(jnp.ones(2))
    for _ in range(2):
        updates, state = tx.update(jnp.ones(2), state, value=1.0)
    np.testing.assert_array_equal(updates, [0.1, 0.1])


def line(w):
    """Never better: a loss whose gradient is 1."""
    return jnp.sum(w - jax.lax.stop_gradient(w)) + 2.0


def test_make_step_and_fit_give_it_the_loss():
    tx = jos.chain(jos.sgd(1.0), jos.reduce_on_plateau(0.5, patience=2))
    step, w = jos.make_step(line, tx), jnp.zeros(1)
    state = tx.init(w)
    trail = []
    for _ in range(5):
        w, state, _ = step(w, state)
        trail.append(float(w[0]))
    assert trail == [-1, -2, -2.5, -3, -3.25]
    fitted = jos.fit(line, tx, jnp.zeros(1), steps=5, record=["params"])
    np.testing.assert_array_equal(fitted.history["params"][1:, 0], trail[:4])
    np.testing.assert_array_equal(fitted.params, trail[4:])
    assert fitted.state[1].best_value == 2.0


def test_inside_optax_and_around_optax():
    """optax hands the metric to members of its own class alone: then wrap ours in that."""
    wrapped = optax.GradientTransformationExtraArgs(*jos.reduce_on_plateau(0.5, patience=1))
    theirs = optax.chain(jos.sgd(1.0), wrapped)
    ours = jos.chain(jos.sgd(1.0), optax.contrib.reduce_on_plateau(0.5, patience=1))
    for tx in (theirs, ours):
        with jax.numpy_dtype_promotion("standard"):
            state = tx.init(jnp.ones(1))
            for expected in (-1.0, -0.5, -0.25):
                updates, state = tx.update(jnp.ones(1), state, value=1.0)
                np.testing.assert_array_equal(updates, [expected])


def test_derivatives_by_the_factor_and_a_stack_of_factors():
    """Twice cut, the update is factor**2."""

    def last(tx):
        state = tx.init(jnp.ones(()))
        for _ in range(3):
            u, state = tx.update(jnp.ones(()), state, value=1.0)
        return u

    make = lambda factor: jos.reduce_on_plateau(factor, patience=1)  # noqa: E731
    np.testing.assert_array_equal(
        jax.vmap(last)(jax.vmap(make)(jnp.array([0.5, 0.25]))), [0.25, 0.0625]
    )
    slopes = jos.hyperparams(jax.grad(last)(make(0.5)))
    assert slopes == {"factor": 1.0, "rtol": 0.0, "atol": 0.0, "min_scale": 0.0}


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "jit"])
def test_a_missing_metric(wrap):
    text = (
        "reduce_on_plateau needs the metric, one real number, but {} came: call update(updates, state, "
    )
    text += "params, value=loss)."
    for tx in (jos.reduce_on_plateau(), jos.chain(jos.sgd(0.1), jos.reduce_on_plateau())):
        state = tx.init(jnp.ones(2))
        for extra, came in [
            ({}, "None"),
            ({"value": None}, "None"),
            ({"value": jnp.ones(2)}, "an array of float32 of shape (2,)"),
        ]:
            with pytest.raises(TypeError, match=re.escape(text.format(came))):
                wrap(tx.update)(jnp.ones(2), state, None, **extra)


def test_bad_arguments():
    for arguments, error, text in [
        ({"factor": 1.5}, ValueError, "factor must be in [0, 1], got 1.5."),
        ({"factor": -0.5}, ValueError, "factor must be in [0, 1], got -0.5."),
        ({"rtol": -1.0}, ValueError, "rtol must be finite and at least 0, got -1.0."),
        ({"atol": -1.0}, ValueError, "atol must be finite and at least 0, got -1.0."),
        ({"min_scale": 2.0}, ValueError, "min_scale must be in [0, 1], got 2.0."),
        ({"patience": 0}, ValueError, "patience must be at least 1 and fit into int32, got 0."),
        ({"patience": 1.0}, TypeError, "patience must be an integer, got 1.0."),
        ({"cooldown": -1}, ValueError, "cooldown must be at least 0 and fit into int32, got -1."),
        ({"cooldown": True}, TypeError, "cooldown must be an integer, got True."),
    ]:
        with pytest.raises(error, match=re.escape("reduce_on_plateau: " + text)):
            jos.reduce_on_plateau(**arguments)
