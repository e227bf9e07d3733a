"""Narrow parameters and narrow state: mixed_precision, accumulator_dtype, and extreme gradients."""

import functools
import re

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._parts.rounding import stochastically_rounded
from tests.cases import PARTS, RULES

NARROW = pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
NUMPY = {jnp.bfloat16: ml_dtypes.bfloat16, jnp.float16: np.float16}
MODES = {"master": {}, "stochastic": {"mode": "stochastic_rounding", "seed": 0}}


def bits(x):
    """An array as unsigned integers: equal where every bit is."""
    x = np.asarray(x)
    return x.view(f"u{x.dtype.itemsize}")


# Master weights

STEPS, SIZE = 1000, 64


def jumps(start):
    """1000 updates that double, halve, cancel, turn the sign of and nudge float32 weights."""
    rng, m, updates = np.random.default_rng(0), start.astype(np.float32), []
    for _ in range(STEPS):
        factor = rng.choice([1, -0.5, -2, -1, -1.5, 2e-3, -3e-5, 1e-7, 0.0], m.shape).astype(np.float32)
        u = factor * m + np.float32(1e-6) * rng.standard_normal(m.shape).astype(np.float32)
        u = np.where(np.abs(m + u) < 1e4, u, -m / 2).astype(np.float32)
        updates.append(u)
        m = m + u
    return np.stack(updates)


@functools.cache
def started():
    return np.random.default_rng(1).standard_normal(SIZE)


@NARROW
@pytest.mark.parametrize(
    "make", [lambda: jos.scale(1.0), lambda: optax.scale(1.0)], ids=["jos", "optax"]
)
def test_params_are_their_masters_rounded_bit_for_bit(dtype, make):
    tx = jos.mixed_precision(make())
    # What is narrow before the first step is exact in its master.
    params = {"narrow": jnp.asarray(started(), dtype), "wide": jnp.asarray(started(), jnp.float32)}
    updates = {n: jumps(np.asarray(w).astype(np.float32)) for n, w in params.items()}

    def body(carry, u):
        params, state = carry
        updates, state = tx.update(u, state, params)
        params = jos.apply_updates(params, updates)
        return (params, state), (params, state.master)

    _, (seen, masters) = jax.jit(functools.partial(jax.lax.scan, body))(
        (params, tx.init(params)), updates
    )
    assert masters["wide"] is None
    assert seen["narrow"].dtype == dtype
    expected = {n: np.asarray(w).astype(np.float32) for n, w in params.items()}
    for t in range(STEPS):
        expected = {n: w + updates[n][t] for n, w in expected.items()}
        np.testing.assert_array_equal(bits(masters["narrow"][t]), bits(expected["narrow"]), f"step {t}")
        rounded = expected["narrow"].astype(NUMPY[dtype])
        nought = np.zeros((), NUMPY[dtype])  # a float16 sum has no way to reach -0.0
        rounded = np.where(rounded == 0, nought, rounded)
        got = np.where(seen["narrow"][t] == 0, nought, np.asarray(seen["narrow"][t]))
        np.testing.assert_array_equal(np.abs(got), np.abs(rounded), f"step {t}")
        np.testing.assert_array_equal(bits(got)[rounded != 0], bits(rounded)[rounded != 0], f"step {t}")
        np.testing.assert_array_equal(bits(seen["wide"][t]), bits(expected["wide"]), f"step {t}")


@NARROW
def test_small_updates_add_up(dtype):
    w = jnp.ones(2, dtype)
    step = float(jnp.finfo(dtype).eps) / 16

    @functools.partial(jax.jit, static_argnums=0)
    def run(wrap, w):
        tx = wrap(jos.sgd(1.0))

        def body(carry, _):
            updates, state = tx.update(jnp.full(2, -step, dtype), carry[1], carry[0])
            return (jos.apply_updates(carry[0], updates), state), None

        return jax.lax.scan(body, (w, tx.init(w)), None, length=160)[0][0]

    np.testing.assert_array_equal(run(lambda tx: tx, w), w)  # without it nothing moves
    np.testing.assert_array_equal(run(jos.mixed_precision, w), w + jnp.asarray(10 * 16 * step, dtype))


@pytest.mark.parametrize("mode", MODES)
def test_no_update_is_no_change_bit_for_bit(mode):
    params = {"w": jnp.array([-0.0, 0.0, -1.0, 3e-5], jnp.bfloat16), "v": jnp.array([-0.0, 0.0])}
    tx = jos.mixed_precision(jos.apply_if_finite(jos.momentum(0.1), 5), **MODES[mode])
    updates, state = tx.update(jax.tree.map(lambda x: x * jnp.asarray(jnp.nan, x.dtype), params),
                               tx.init(params), params)  # fmt: skip
    after = jos.apply_updates(params, updates)
    for name, w in params.items():
        np.testing.assert_array_equal(bits(after[name]), bits(w))
    assert int(state.inner_state.total_notfinite) == 1


def test_a_parameter_stays_at_float16s_largest_number_and_comes_back():
    w = jnp.array([60000.0, -60000.0, 60000.0], jnp.float16)
    tx = jos.mixed_precision(jos.scale(1.0))
    updates, state = tx.update(jnp.array([5519.0, -5519.0, 5521.0]).astype(jnp.float16), tx.init(w), w)
    # float16 knows 5520 and 5520 only; 65520 would round to infinity, which no update leaves again.
    np.testing.assert_array_equal(state.master, [65520.0, -65520.0, 65520.0])
    w = jos.apply_updates(w, updates)
    np.testing.assert_array_equal(w, np.array([65504, -65504, 65504], "f2"))
    back = jnp.array([-5520.0, 5520.0, -5520.0]).astype(jnp.float16)
    updates, state = tx.update(back, state, w)
    np.testing.assert_array_equal(jos.apply_updates(w, updates), np.array([60000, -60000, 60000], "f2"))


def test_a_weight_goes_to_zero_and_comes_back():
    w, tx = jnp.array([1.0, -2.0], jnp.bfloat16), jos.mixed_precision(jos.scale(1.0))
    start, state = w, tx.init(w)
    for g, expected in [(-start, jnp.zeros_like(w)), (start, start)]:
        updates, state = tx.update(g, state, w)
        w = jos.apply_updates(w, updates)
        np.testing.assert_array_equal(w, expected)


def test_an_infinity_stays_one():
    w, tx = jnp.ones(3, jnp.float16), jos.mixed_precision(jos.scale(1.0))
    updates, state = tx.update(jnp.array([np.inf, -np.inf, np.nan], jnp.float16), tx.init(w), w)
    np.testing.assert_array_equal(jos.apply_updates(w, updates), [np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(state.master, [np.inf, -np.inf, np.nan])


def test_the_inner_transformation_sees_the_masters():
    """Two steps of growth by 2**-9, of which no bfloat16 of 1 knows."""
    tx, w = jos.mixed_precision(jos.add_decayed_weights(2.0**-9)), jnp.ones(1, jnp.bfloat16)
    state = tx.init(w)
    for expected in (1 + 2.0**-9, (1 + 2.0**-9) ** 2):
        _, state = tx.update(jnp.zeros(1, jnp.bfloat16), state, w)
        np.testing.assert_array_equal(state.master, [expected])


def test_the_inner_transformation_is_given_the_metric():
    tx = jos.mixed_precision(jos.chain(jos.scale(1.0), jos.reduce_on_plateau(0.5, patience=1)))
    w = jnp.ones(1, jnp.bfloat16)
    _, state = tx.update(w, tx.init(w), w, value=7.0)
    assert state.inner_state[1].best_value == 7


def test_foreign_members_see_float32_inside():
    """A third of a bfloat16 gradient is rounded nowhere on the way to its master."""
    tx = jos.mixed_precision(jos.chain(jos.scale(1 / 3), optax.trace(0.0)))
    w = jnp.zeros(1, jnp.bfloat16)
    state = tx.init(w)
    assert state.inner_state[1].trace.dtype == jnp.float32
    _, state = tx.update(jnp.ones(1, jnp.bfloat16), state, w)
    np.testing.assert_array_equal(state.master, np.float32([1 / 3]))


def test_the_last_of_a_chain_keeps_its_updates_wide():
    w, mixed = jnp.ones(1, jnp.bfloat16), jos.mixed_precision(jos.sgd(1.0))
    for tx, expected in [
        (jos.chain(jos.scale(2.0), mixed), jnp.float32),
        (jos.chain(mixed, jos.scale(2.0)), jnp.bfloat16),
    ]:
        updates, _ = tx.update(w, tx.init(w), w)
        assert updates.dtype == expected


@pytest.mark.parametrize("mode", MODES)
def test_the_inner_transformation_sees_float32_weights_and_takes_new_numbers(mode):
    params = {"w": jnp.full(3, 1.0, jnp.bfloat16), "v": jnp.ones(2)}
    tx = jos.mixed_precision(
        jos.chain(jos.add_decayed_weights(0.5), jos.momentum(0.25, mu=0.5)), **MODES[mode]
    )
    state = tx.init(params)
    assert state.inner_state[1].velocity["w"].dtype == jnp.float32
    assert jos.hyperparams(tx) == {"weight_decay": 0.5, "learning_rate": 0.25, "mu": 0.5}
    size = jax.jit(lambda tx, g, s, p: tx.update(g, s, p))
    updates, _ = size(tx, params, state, params)
    np.testing.assert_array_equal(updates["w"], np.full(3, -0.375, np.float32))  # exact in bfloat16
    updates, _ = size(jos.with_hyperparams(tx, learning_rate=0.5), params, state, params)
    np.testing.assert_array_equal(updates["v"], np.full(2, -0.75, np.float32))
    assert size._cache_size() == 1
    assert updates["w"].dtype == updates["v"].dtype == jnp.float32


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "inner", [lambda: jos.rmsprop(0.01), lambda: optax.adam(0.01)], ids=["jos", "optax"]
)
def test_params_and_state_are_donated_together(mode, inner):
    tx = jos.mixed_precision(inner(), **MODES[mode])
    params = {"w": jnp.ones(3, jnp.bfloat16), "v": jnp.ones(2), "h": jnp.ones(2, jnp.float16)}
    state = tx.init(params)
    held = jax.tree.leaves((params, state))
    pointers = [x.unsafe_buffer_pointer() for x in held]
    assert len(set(pointers)) == len(pointers)  # no master is the parameter itself

    def step(params, state):
        updates, state = tx.update(params, state, params)
        return jos.apply_updates(params, updates), state

    params, state = jax.jit(step, donate_argnums=(0, 1))(params, state)
    assert all(x.is_deleted() for x in held)
    params, state = jax.jit(step, donate_argnums=(0, 1))(params, state)
    assert [x.dtype for x in jax.tree.leaves(params)] == [jnp.float16, jnp.float32, jnp.bfloat16]


def test_a_run_in_fit_goes_on_from_its_state():
    tx = jos.mixed_precision(jos.momentum(1e-4))
    bowl = lambda w: jnp.sum(w.astype(jnp.float32) ** 2)  # noqa: E731
    w = jnp.ones(4, jnp.bfloat16)
    whole = jos.fit(bowl, tx, w, steps=40)
    half = jos.fit(bowl, tx, w, steps=20)
    rest = jos.fit(bowl, tx, half.params, state=half.state, steps=20)
    np.testing.assert_array_equal(bits(rest.params), bits(whole.params))
    np.testing.assert_array_equal(bits(rest.state.master), bits(whole.state.master))
    assert float(whole.params[0]) < 1


# Stochastic rounding

DRAWS = 4000
HALF_SUBNORMAL = 2.0**-25


def draws(x, dtype, count=DRAWS):
    keys = jax.random.split(jax.random.key(0), count)

    def one(key):
        (rounded,) = stochastically_rounded(key, [jnp.asarray(x)], [jnp.dtype(dtype)])
        return rounded.astype(dtype)

    return np.asarray(jax.vmap(one)(keys))


@NARROW
def test_the_mean_is_exact_and_only_neighbours_come(dtype):
    rng = np.random.default_rng(0)
    low = -10 if dtype == jnp.float16 else -30  # down to float16's subnormals
    x = (rng.choice([-1, 1], 200) * 10.0 ** rng.uniform(low, 4, 200)).astype(np.float32)
    narrow = NUMPY[dtype]
    nearest = x.astype(narrow)
    other = np.nextafter(nearest, np.where(nearest < x, np.inf, -np.inf).astype(narrow))
    below, above = (f(nearest, other).astype(np.float64) for f in (np.minimum, np.maximum))
    got = draws(x, dtype).astype(np.float64)
    assert ((got == below) | (got == above)).all()
    share = (x - below) / (above - below)  # of a draw that goes up: a coin
    sigma = (above - below) * np.sqrt(share * (1 - share) / DRAWS)
    # Five sigma, and 2^-23 of the gap, which is as fine as float32 random numbers are.
    assert (np.abs(got.mean(0) - x) <= 5 * sigma + (above - below) * 2.0**-23).all()


@NARROW
def test_what_the_dtype_holds_stays(dtype):
    smallest = float(jnp.finfo(dtype).smallest_subnormal) if dtype == jnp.float16 else 2.0**-126
    x = np.float32([0.0, -0.0, 1.0, -1.5, 3e4, smallest, -smallest]).astype(NUMPY[dtype])
    got = draws(jnp.asarray(x.astype(np.float32)), dtype, 100)
    np.testing.assert_array_equal(bits(got), np.broadcast_to(bits(x), got.shape))


def test_at_float16s_edges_both_signs_fare_alike():
    largest = 65504.0
    x = np.float32([largest, 65519, 65521, 1e6, np.inf, HALF_SUBNORMAL, 1e-12])
    up, down = draws(x, jnp.float16), draws(-x, jnp.float16)
    for got, sign in ((up, 1), (down, -1)):
        # Beyond the largest number there are no two neighbours: it is the largest.
        expected = sign * np.array([*[largest] * 4, np.inf], np.float16)
        np.testing.assert_array_equal(got[:, :5], np.broadcast_to(expected, (DRAWS, 5)))
        assert set(np.abs(got[:, 5]).tolist()) == {0.0, 2.0**-24}
        assert abs((got[:, 5] != 0).mean() - 0.5) < 5 * 0.5 / DRAWS**0.5
        assert (got[:, 6] != 0).sum() <= 3  # one in 60,000 draws: 0.07 of 4,000
    assert np.isnan(draws(np.float32([np.nan]), jnp.float16, 3)).all()


def test_leaves_of_one_shape_draw_on_their_own():
    x = jnp.full(400, 1 + 2.0**-8)  # halfway
    a, b = stochastically_rounded(jax.random.key(0), [x, x], [jnp.dtype(jnp.bfloat16)] * 2)
    assert not np.array_equal(a, b)
    for got in (a, b):
        assert set(got.tolist()) == {1.0, 1 + 2.0**-7}


def test_the_derivative_of_stochastic_rounding_is_one():
    def rounded(x):
        return stochastically_rounded(jax.random.key(0), [x], [jnp.dtype(jnp.bfloat16)])[0].sum()

    x = jnp.array([1 + 2.0**-9, -3.01, 0.5, 0.0])
    np.testing.assert_array_equal(jax.grad(rounded)(x), np.ones(4))


def test_a_seed_has_32_bits():
    stochastic(2**32 - 1)
    with pytest.raises(ValueError, match=re.escape("an integer in [0, 2**32), got 4294967296.")):
        stochastic(2**32)


def stochastic(seed):
    return jos.mixed_precision(jos.sgd(1.0), "stochastic_rounding", seed=seed)


@jax.jit
def stochastic_run(state, params):
    """300 steps of 2^-10: params, state and every key."""
    gradient = jax.tree.map(lambda x: jnp.full(x.shape, -(2.0**-10), x.dtype), params)

    def body(carry, _):
        params, state = carry
        updates, new = stochastic(0).update(gradient, state, params)
        return (jos.apply_updates(params, updates), new), new.key

    (params, state), keys = jax.lax.scan(body, (params, state), None, length=300)
    return params, state, keys


def test_a_stochastic_run_moves_on_average_and_is_its_seeds():
    start = {"w": jnp.ones((40, 10), jnp.bfloat16), "v": jnp.zeros(3), "u": jnp.ones(400, jnp.bfloat16)}
    state = stochastic(3).init(start)
    np.testing.assert_array_equal(state.key, jax.random.PRNGKey(3))
    params, state, keys = stochastic_run(state, start)
    assert state.master is None
    assert len({tuple(k) for k in keys.tolist()}) == len(keys)
    # Each of 300 steps of 2^-10 is a coin with gap 2^-7 and share 1/8: the mean of 400 weights.
    sigma = 2.0**-7 * np.sqrt(300 / 8 * (7 / 8) / 400)
    for name in ("w", "u"):
        assert abs(np.asarray(params[name], np.float32).mean() - (1 + 300 / 1024)) < 5 * sigma
    assert not np.array_equal(params["w"].reshape(-1), params["u"])  # leaves draw on their own
    np.testing.assert_array_equal(params["v"], np.full(3, 300 / 1024, np.float32))  # float32: exact
    again, _, _ = stochastic_run(stochastic(3).init(start), start)
    np.testing.assert_array_equal(bits(params["w"]), bits(again["w"]))
    other, _, _ = stochastic_run(stochastic(4).init(start), start)
    assert not np.array_equal(params["w"], other["w"])
    replaced = stochastic(3).init(start)._replace(key=jax.random.PRNGKey(4))
    replaced, _, _ = stochastic_run(replaced, start)
    np.testing.assert_array_equal(bits(replaced["w"]), bits(other["w"]))


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: jos.mixed_precision(jos.sgd(0.1), "bf16"),
            ValueError,
            "mixed_precision: mode must be 'master_weights' or 'stochastic_rounding', got 'bf16'.",
        ),
        (
            lambda: jos.mixed_precision(jos.sgd(0.1), "stochastic_rounding"),
            ValueError,
            "mixed_precision: 'stochastic_rounding' needs a seed, an integer in [0, 2**32), got None.",
        ),
        (
            lambda: jos.mixed_precision(jos.sgd(0.1), "stochastic_rounding", seed=True),
            ValueError,
            "mixed_precision: 'stochastic_rounding' needs a seed, an integer in [0, 2**32), got True.",
        ),
        (
            lambda: jos.mixed_precision(jos.sgd(0.1), seed=0),
            ValueError,
            "mixed_precision: 'master_weights' draws no random numbers, got seed=0.",
        ),
        (
            lambda: jos.mixed_precision(jos.sgd),
            TypeError,
            "mixed_precision: inner is sgd; expected a GradientTransformation, ours or any optax-style "
            "(init, update) pair. Call the constructor: pass sgd(...), not sgd.",
        ),
        (
            lambda: jos.accumulator_dtype(jos.momentum(0.1), jnp.int8),
            TypeError,
            "accumulator_dtype: dtype must be a real floating dtype, got int8.",
        ),
        (
            lambda: jos.accumulator_dtype(jos.momentum(0.1), "narrow"),
            TypeError,
            "accumulator_dtype: dtype must be a real floating dtype, got 'narrow'.",
        ),
        (
            lambda: jos.accumulator_dtype(jos.momentum(0.1), jnp.complex64),
            TypeError,
            "accumulator_dtype: dtype must be a real floating dtype, got complex64.",
        ),
        (
            lambda: jos.accumulator_dtype(optax.adam(0.1), jnp.bfloat16),
            TypeError,
            "accumulator_dtype: chain is another library's, whose state only it can narrow.",
        ),
        (
            lambda: jos.accumulator_dtype(jos.chain(jos.clip(1.0), optax.trace(0.9)), jnp.bfloat16),
            TypeError,
            "accumulator_dtype: trace is another library's, whose state only it can narrow.",
        ),
        (
            lambda: jos.accumulator_dtype(0.9, jnp.bfloat16),
            TypeError,
            "accumulator_dtype: tx is 0.9; expected a GradientTransformation, ours or any optax-style "
            "(init, update) pair.",
        ),
        (
            lambda: jos.accumulator_dtype(jos.momentum(0.1), jnp.bfloat16).init(np.complex64(1)),
            TypeError,
            "accumulator_dtype: momentum keeps a complex state for complex leaves, which bfloat16 "
            "cannot hold.",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_updates_without_params_or_with_other_masters_are_refused():
    tx, w = jos.mixed_precision(jos.sgd(0.1)), {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(2)}
    state = tx.init(w)
    with pytest.raises(
        ValueError, match=re.escape("mixed_precision needs the parameters: call update(")
    ):
        tx.update(w, state)
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), w)
    text = "mixed_precision: the narrow params and the state's master are different trees: leaf ['a'] "
    text += "of the state's master is missing from the narrow params (leaves: 0 came, 1 expected)."
    with pytest.raises(ValueError, match=re.escape(text)):
        tx.update(wide, state, wide)
    text = "mixed_precision: expected the MixedPrecisionState that its init returned, got SGDState."
    with pytest.raises(TypeError, match=re.escape(text)):
        tx.update(w, jos.sgd(0.1).init(w), w)


# accumulator_dtype


def ones_forever(tx, steps, dtype=jnp.float32):
    """Updates and last state of a run of gradients of 1."""
    w = jnp.ones(3, dtype)

    def body(state, _):
        updates, state = tx.update(jnp.ones(3, dtype), state, w)
        return state, updates

    return jax.jit(lambda s: jax.lax.scan(body, s, None, length=steps))(tx.init(w))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_bfloat16_sum_stalls_at_256_and_a_float32_one_does_not(dtype):
    narrow, _ = ones_forever(jos.accumulator_dtype(jos.adagrad(0.1), jnp.bfloat16), 2000, dtype)
    assert narrow.sum_of_squares.dtype == jnp.bfloat16
    np.testing.assert_array_equal(narrow.sum_of_squares, jnp.full(3, 256, jnp.bfloat16))
    true, _ = ones_forever(jos.adagrad(0.1), 2000, dtype)
    np.testing.assert_array_equal(true.sum_of_squares, np.full(3, 2000, np.float32))


def test_a_bfloat16_mean_of_squares_stalls_at_a_quarter():
    narrow, _ = ones_forever(jos.accumulator_dtype(jos.rmsprop(0.1, 0.999), jnp.bfloat16), 5000)
    assert float(narrow.mean_square[0]) == 0.25  # 0.001 * (1 - 0.25) is below half an ulp, 2^-10
    true, _ = ones_forever(jos.rmsprop(0.1, 0.999), 5000)
    np.testing.assert_allclose(true.mean_square, 1 - 0.999**5000, rtol=1e-3)


def test_steps_are_taken_in_float32_from_a_narrow_state():
    tx = jos.accumulator_dtype(jos.momentum(0.3, mu=0.7), jnp.bfloat16)
    g = jnp.asarray(np.random.default_rng(0).standard_normal((50, 64)), jnp.float32)
    state, bare = tx.init(g[0]), jos.momentum(0.3, mu=0.7)
    for x in g:
        wide = state._replace(velocity=state.velocity.astype(jnp.float32))
        expected, expected_state = bare.update(x, wide)
        updates, state = tx.update(x, state)
        assert updates.dtype == jnp.float32
        np.testing.assert_array_equal(updates, expected)  # only what is kept is rounded
        np.testing.assert_array_equal(state.velocity, expected_state.velocity.astype(jnp.bfloat16))
        assert state.velocity.dtype == jnp.bfloat16


def test_every_rule_inside_is_narrowed_and_wrappers_keep_their_own():
    params = {"a": jnp.ones(2)}
    tx = jos.chain(
        jos.clip_by_global_norm(1.0),
        jos.masked(jos.scale_by_rms(), True),
        jos.multi_steps(jos.as_static(jos.momentum(0.1)), 2),
    )
    state = jos.accumulator_dtype(tx, jnp.float16).init(params)
    found = {jax.tree_util.keystr(p): x.dtype for p, x in jax.tree_util.tree_leaves_with_path(state)}
    narrow = {p for p, d in found.items() if d == jnp.float16}
    assert {p.rpartition(".")[2] for p in narrow} == {"mean_square['a']", "velocity['a']"}
    assert {p for p, d in found.items() if d == jnp.float32} == {"[2].acc_grads['a']"}


def test_real_states_of_complex_leaves_can_be_narrow():
    tx = jos.accumulator_dtype(jos.rmsprop(0.1), jnp.bfloat16)
    z = jnp.array([3 + 4j], jnp.complex64)
    updates, state = tx.update(z, tx.init(z))
    assert (updates.dtype, state.mean_square.dtype) == (jnp.complex64, jnp.bfloat16)
    np.testing.assert_array_equal(state.mean_square, jnp.array([2.5], jnp.bfloat16))  # 0.1 * 25


# Extremes

DTYPES = [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64, jnp.complex64]
LONG = 3000
OWN = {jnp.float16: (2.0**-24, 6e4)}  # 1e-30 and 1e18 are beyond float16: its own extremes


def extremes():
    """Gradients ``[steps, 7]`` by dtype: zero, tiny, huge, turns of them, one after the other."""
    rng, t = np.random.default_rng(0), np.arange(LONG)
    trees = {}
    for dtype in DTYPES:
        tiny, huge = OWN.get(dtype, (1e-30, 1e18))
        turns = np.array([0.0, tiny, huge, 1.0, -huge, -tiny])
        columns = [0 * t, 0 * t + tiny, 0 * t - huge, turns[t % 6], turns[rng.integers(0, 6, LONG)]]
        columns += [np.where(t < 1, huge, 0), np.where(t < LONG // 2, tiny, huge)]
        g = np.stack(columns, axis=1)
        if dtype == jnp.complex64:
            g = g * np.array([1, 1j, 1 + 1j, 1 - 1j, -1j, 1 + 1j, -1])
        trees[jnp.dtype(dtype).name] = jnp.asarray(g, dtype)
    return trees


@jax.jit
def reaches(tx, gradients):
    """Whether a NaN came, by dtype, and the last state."""
    params = jax.tree.map(lambda g: jnp.ones_like(g[0]), gradients)

    def body(carry, g):
        state, seen = carry
        updates, state = tx.update(g, state, params)
        return (state, jax.tree.map(lambda s, u: s | jnp.isnan(u), seen, updates)), None

    none = jax.tree.map(lambda w: jnp.zeros(w.shape, bool), params)
    (state, seen), _ = jax.lax.scan(body, (tx.init(params), none), gradients)
    return seen, state


@pytest.mark.parametrize("case", [*RULES, *PARTS], ids=repr)
def test_no_nan_in_3000_steps_of_extreme_gradients(case, x64):
    gradients = extremes()
    no_eps = {n: 0.0 for n in ("eps", "eps_root") if n in case.hyperparameters}
    for changes in [{}, no_eps] if no_eps else [{}]:  # one program: numbers are arguments
        seen, state = reaches(case.tx(**changes), gradients)
        assert {n: s.tolist() for n, s in seen.items() if s.any()} == {}
        states = jax.tree_util.tree_leaves_with_path(state)
        assert [jax.tree_util.keystr(p) for p, x in states if jnp.isnan(x).any()] == []


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_adagrads_accumulator_is_true_over_3000_steps(dtype):
    g = jnp.asarray(np.random.default_rng(0).standard_normal((LONG, 32)), dtype)
    tx = jos.adagrad(0.1)

    def body(state, x):
        return tx.update(x, state)[1], None

    state = jax.jit(lambda s, g: jax.lax.scan(body, s, g)[0])(tx.init(g[0]), g)
    expected = (np.asarray(g).astype(np.float64) ** 2).sum(0)
    np.testing.assert_allclose(state.sum_of_squares, expected, rtol=1e-3)
