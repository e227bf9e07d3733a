"""average_params: the bias-corrected average of the parameters, in float64 by hand."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos

UNIT = 2.0**-24  # half an ulp of float32, relative


def averages(params, decay):
    """The closed form's numerator and denominator as loops in float64; decay may be a schedule."""
    total, weight, trail = 0.0, 0.0, []
    for t, w in enumerate(np.asarray(params, np.float64)):
        beta = decay(t) if callable(decay) else decay
        total, weight = beta * total + (1 - beta) * w, beta * weight + (1 - beta)
        trail.append(total / weight)
    return np.stack(trail)


@jax.jit
def follow(tx, params):
    """The averages over given parameters ``[steps, size]``: the update leads from 0 to each."""

    def body(state, w):
        zero = jnp.zeros_like(w)
        _, state = tx.update(w, state, zero)
        return state, state

    return jax.lax.scan(body, tx.init(params[0]), params)[1]


def walk(steps, dtype=np.float32):
    """Parameters that drift and are noisy: constant, rising, falling, fast."""
    rng = np.random.default_rng(0)
    drift = np.linspace(0, 1, steps)[:, None] * np.array([0.0, 1.0, -0.5, 2.0])
    return (1 + drift + 0.1 * rng.standard_normal((steps, 4))).astype(dtype)


def test_the_reference_is_the_closed_form():
    beta, w = 0.75, walk(9, np.float64)
    for t, a in enumerate(averages(w, beta)):
        weights = beta ** np.arange(t, -1, -1.0)
        expected = (1 - beta) * (weights[:, None] * w[: t + 1]).sum(0) / (1 - beta ** (t + 1))
        np.testing.assert_allclose(a, expected, rtol=1e-14)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999, 0.9999])
def test_against_the_closed_form_over_ten_thousand_steps(decay):
    """Each step rounds the average by up to two half ulps and forgets earlier errors by the decay.

    Independent errors add up to 1 / sqrt(1 - decay**2) of them; five times that is never reached.
    """
    params = walk(10_000)
    states = follow(jos.average_params(jos.identity(), decay), jnp.asarray(params))
    error = np.abs(np.asarray(states.average, np.float64) / averages(params, decay) - 1)
    assert error.max() <= 5 * UNIT / np.sqrt(1 - decay**2)
    np.testing.assert_array_equal(states.average[0], params[0])
    np.testing.assert_array_equal(states.count, np.arange(1, 10_001))


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999, 0.9999])
def test_the_product_of_decays_keeps_its_digits(decay):
    """Ten thousand float32 additions, compensated: two ulps of the exact sum."""
    states = follow(jos.average_params(jos.identity(), decay), jnp.ones((10_000, 1)))
    exact = np.arange(1, 10_001) * np.log(decay)
    np.testing.assert_allclose(np.asarray(states.log_decay, np.float64), exact, rtol=6 * UNIT)


@pytest.mark.parametrize("decay", [0.9999, 0.99999, 0.999999])
def test_the_bias_correction_keeps_its_digits(decay):
    """1 - decay**2 in float32 knows three digits of the second share."""
    params = np.float32([[1.0], [3.0], [-1.0]])
    states = follow(jos.average_params(jos.identity(), decay), jnp.asarray(params))
    np.testing.assert_allclose(states.average, averages(params, decay), rtol=8 * UNIT)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999, 0.9999])
def test_a_constant_stays_itself(decay):
    """The bias correction is exact: no step leaves a trace of the zero that an average starts from."""
    params = jnp.full((3000, 2), jnp.array([0.1, -3e5]))
    states = follow(jos.average_params(jos.identity(), decay), params)
    np.testing.assert_array_equal(states.average, params)


def warmup(count):
    """The usual one, in NumPy and in JAX."""
    return (1 + count) / (10 + count)


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        (lambda t: jnp.minimum(0.99, warmup(t)), lambda t: min(0.99, warmup(t))),
        (jos.linear_schedule(0.0, 0.9, 50), lambda t: 0.9 * min(t / 50, 1)),
        (lambda t: jnp.where(t % 2 == 0, 0.5, 0.0), lambda t: 0.5 if t % 2 == 0 else 0.0),
    ],
    ids=["warm-up", "linear", "alternating"],
)
def test_a_scheduled_decay_against_a_numpy_loop(schedule, reference):
    """The schedule's own float32 value has its offset from 1 to an ulp of 1."""
    params = walk(300)
    states = follow(jos.average_params(jos.identity(), schedule), jnp.asarray(params))
    expected = averages(params, reference)
    # 1 - decay is at least 0.01 here, so an ulp of the decay is 100 of it; errors of 1 / (1 - decay).
    np.testing.assert_allclose(states.average, expected, rtol=100 * 2 * UNIT)


def test_in_float64(x64):
    params = walk(500, np.float64)
    states = follow(jos.average_params(jos.identity(), 0.99), jnp.asarray(params))
    assert states.average.dtype == jnp.float64
    np.testing.assert_allclose(states.average, averages(params, 0.99), rtol=1e-13)


def test_complex_parameters():
    params = walk(50) + 1j * walk(50)[:, ::-1]
    states = follow(jos.average_params(jos.identity(), 0.9), jnp.asarray(params, jnp.complex64))
    for part in (np.real, np.imag):
        np.testing.assert_allclose(part(states.average), averages(part(params), 0.9), rtol=20 * UNIT)


def test_updates_are_those_of_the_inner_optimizer():
    params = {"w": jnp.array([1.0, -2.0]), "h": jnp.array([0.5], jnp.bfloat16)}
    inner, tx = jos.momentum(0.125), jos.average_params(jos.momentum(0.125), 0.5)
    a, b, trail = inner.init(params), tx.init(params), []
    for _ in range(4):
        u, a = inner.update(params, a, params)
        v, b = tx.update(params, b, params)
        for x, y in zip(jax.tree.leaves(u), jax.tree.leaves(v), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
        params = jos.apply_updates(params, v)
        trail.append(params)
    for key in params:
        expected = averages([np.asarray(p[key], np.float64) for p in trail], 0.5)[-1]
        np.testing.assert_allclose(b.average[key], expected, rtol=4 * UNIT)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "jit"])
def test_bfloat16_parameters_are_averaged_in_float32(wrap):
    """As the caller has them: rounded to bfloat16, where 1 + 2**-9 is 1."""
    tx = jos.average_params(jos.sgd(1.0), 0.5)

    @wrap
    def step(w, g, state):
        updates, state = tx.update(jnp.full(1, g, jnp.bfloat16), state, w)
        return jos.apply_updates(w, updates), state

    w = jnp.ones(1, jnp.bfloat16)
    state = tx.init(w)
    assert state.average.dtype == jnp.float32
    w, state = step(w, -(2.0**-9), state)
    np.testing.assert_array_equal(state.average, [1.0])
    w, state = step(w, -(2.0**-7), state)
    assert float(w[0]) == 1 + 2**-7
    # (1 * 1 + 2 (1 + 2**-7)) / 3, which bfloat16 cannot hold
    np.testing.assert_allclose(state.average, [1 + 2**-7 * 2 / 3], rtol=2 * UNIT)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "jit"])
def test_the_average_is_of_the_parameters_as_the_caller_has_them(wrap):
    """1 + (2**-8 + 2**-17) would round up, to 1 + 2**-7; the caller adds 2**-8, rounded first."""
    tx = jos.average_params(jos.sgd(2.0**-8 + 2.0**-17), 0.5)
    w = jnp.ones(1, jnp.bfloat16)
    updates, state = wrap(tx.update)(-w, tx.init(w), w)
    assert updates.dtype == jnp.bfloat16
    np.testing.assert_array_equal(jos.apply_updates(w, updates), [1.0])
    np.testing.assert_array_equal(state.average, [1.0])


def test_wide_updates_are_not_rounded_before_the_average():
    """From 256 to 1 + 2**-7 the way has more digits than a bfloat16."""
    tx = jos.average_params(jos.mixed_precision(jos.sgd(255.0 - 2.0**-7)), 0.5)
    w = jnp.full(1, 256, jnp.bfloat16)
    updates, state = tx.update(jnp.ones(1, jnp.bfloat16), tx.init(w), w)
    np.testing.assert_array_equal(jos.apply_updates(w, updates), [1 + 2.0**-7])
    np.testing.assert_array_equal(state.average, [1 + 2.0**-7])


def test_a_decay_of_one_at_first_has_finite_derivatives():
    """Nothing enters then, and the average is the newest parameters."""

    def final(rate):
        tx = jos.average_params(jos.sgd(rate), lambda count: jnp.where(count < 2, 1.0, 0.5))
        w = jnp.ones(())
        state = tx.init(w)
        for _ in range(2):
            updates, state = tx.update(w, state, w)
            w = jos.apply_updates(w, updates)
        return state.average

    np.testing.assert_array_equal(final(0.5), 0.25)
    np.testing.assert_array_equal(jax.grad(final)(0.5), -1.0)


def test_bfloat16_averages_are_mapped_and_differentiated():
    def final(rate):
        tx = jos.average_params(jos.sgd(rate), 0.5)
        w = jnp.ones(1, jnp.bfloat16)
        return tx.update(w, tx.init(w), w)[1].average[0]

    rates = jnp.array([0.5, 0.25])
    np.testing.assert_array_equal(jax.vmap(final)(rates), [0.5, 0.75])
    np.testing.assert_array_equal(jax.vmap(jax.grad(final))(rates), [-1.0, -1.0])


def test_before_the_first_step_it_is_a_copy_of_the_parameters():
    params = {"w": jnp.array([1.0, -0.0]), "b": 2.0, "none": None}
    state = jos.average_params(jos.sgd(0.1), 0.9).init(params)
    np.testing.assert_array_equal(state.average["w"], params["w"])
    assert state.average["w"].unsafe_buffer_pointer() != params["w"].unsafe_buffer_pointer()
    updates, state = jos.average_params(jos.sgd(0.1), 0.9).update(params, state, params)
    np.testing.assert_array_equal(state.average["w"], params["w"] + updates["w"])


@pytest.mark.parametrize(
    "tx",
    [
        jos.average_params(jos.momentum(0.125), 0.9),
        jos.average_params(jos.mixed_precision(jos.sgd(0.1)), 0.9),
        jos.multi_steps(jos.average_params(jos.sgd(0.1), 0.9), 1),
    ],
    ids=["momentum", "mixed", "accumulated"],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_parameters_and_state_can_be_donated_together(tx, dtype):
    """No buffer twice, neither from an eager init, nor a jitted one, nor an update."""

    def step(params, state):
        updates, state = tx.update(params, state, params)
        return jos.apply_updates(params, updates), state

    donating = jax.jit(step, donate_argnums=(0, 1))
    for init in (tx.init, jax.jit(tx.init)):
        params = {"w": jnp.arange(1.0, 4.0).astype(dtype), "b": jnp.ones((), dtype)}
        state = init(params)
        pointers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((params, state))]
        assert len(set(pointers)) == len(pointers)
        for _ in range(3):
            params, state = donating(params, state)
        updates, state = tx.update(params, state, params)
        params = jos.apply_updates(params, updates)
        params, state = donating(params, state)
        assert all(bool(jnp.isfinite(w).all()) for w in jax.tree.leaves(params))


def test_around_and_inside_multi_steps():
    """Inside it averages once an update, around it once a call."""
    inside = jos.multi_steps(jos.average_params(jos.sgd(1.0), 0.5), 2)
    around = jos.average_params(jos.multi_steps(jos.sgd(1.0), 2), 0.5)
    for tx, expected in [
        (inside, averages([1.0, 0.0], 0.5)),
        (around, averages([2.0, 1.0, 1.0, 0.0], 0.5)),
    ]:
        w = jnp.array(2.0)
        state = tx.init(w)
        for _ in range(4):
            updates, state = tx.update(jnp.array(1.0), state, w)
            w = jos.apply_updates(w, updates)
        average = state.average if tx is around else state.inner_state.average
        np.testing.assert_allclose(average, expected[-1], rtol=4 * UNIT)


def test_optax_inside():
    tx, w = jos.average_params(optax.adam(0.1), 0.5), jnp.array([1.0])
    state, trail = tx.init(w), []
    for _ in range(3):
        updates, state = tx.update(w, state, w)
        w = jos.apply_updates(w, updates)
        trail.append(np.asarray(w))
    np.testing.assert_allclose(state.average, averages(trail, 0.5)[-1], rtol=4 * UNIT)


def test_equal_to_optax_debiased_ema_of_parameters():
    params = walk(50)
    states = follow(jos.average_params(jos.identity(), 0.9), jnp.asarray(params))
    theirs = optax.ema(0.9, debias=True)
    state = theirs.init(jnp.asarray(params[0]))
    with jax.numpy_dtype_promotion("standard"):
        for t, w in enumerate(params):
            average, state = theirs.update(jnp.asarray(w), state)
            np.testing.assert_allclose(states.average[t], average, rtol=1e-5)  # 1 - 0.9 in float32


def test_hypergradients(x64):
    """By the decay and the learning rate, against central differences."""

    def loss(tx):
        w = jnp.array([1.0, -2.0])
        state = tx.init(w)
        for _ in range(4):
            updates, state = tx.update(w**3, state, w)
            w = jos.apply_updates(w, updates)
        return jnp.sum(state.average**2)

    make = lambda rate, decay: jos.average_params(jos.sgd(rate), decay)  # noqa: E731
    slopes = jos.hyperparams(jax.grad(loss)(make(0.05, 0.7)), gradient=True)
    h = 1e-6
    by_rate = (loss(make(0.05 + h, 0.7)) - loss(make(0.05 - h, 0.7))) / (2 * h)
    by_decay = (loss(make(0.05, 0.7 + h)) - loss(make(0.05, 0.7 - h))) / (2 * h)
    np.testing.assert_allclose(
        [slopes["learning_rate"], slopes["decay"]], [by_rate, by_decay], rtol=1e-7
    )


def test_a_stack_of_decays():
    decays = [0.5, 0.9]
    stacked = jax.vmap(lambda beta: jos.average_params(jos.identity(), beta))(jnp.array(decays))
    params = walk(20)
    got = jax.vmap(follow, in_axes=(0, None))(stacked, jnp.asarray(params)).average
    expected = np.stack([averages(params, beta) for beta in decays])
    np.testing.assert_allclose(got, expected, rtol=20 * UNIT)


def test_changing_the_decay_on_the_way():
    """The bias correction is by the decays that were used."""
    params = walk(10)
    tx = jos.average_params(jos.identity(), 0.5)
    state = tx.init(jnp.asarray(params[0]))
    for t, w in enumerate(params):
        tx = jos.with_hyperparams(tx, decay=0.5 if t < 3 else 0.9)
        _, state = tx.update(jnp.asarray(w), state, jnp.zeros(4))
    expected = averages(params, lambda t: 0.5 if t < 3 else 0.9)[-1]
    np.testing.assert_allclose(state.average, expected, rtol=20 * UNIT)


def test_bad_arguments():
    for decay, text in [
        (1.0, "the bias correction needs a decay below 1, got 1."),
        (1.5, "decay must be in [0, 1], got 1.5."),
        (-0.1, "decay must be in [0, 1], got -0.1."),
    ]:
        with pytest.raises(ValueError, match=re.escape("average_params: " + text)):
            jos.average_params(jos.sgd(0.1), decay)
    tx = jos.average_params(jos.sgd(0.1), 0.5)
    state = tx.init({"w": jnp.ones(2)})
    with pytest.raises(
        ValueError, match=r"average_params needs the parameters: call update\(updates, st"
    ):
        tx.update({"w": jnp.ones(2)}, state)
    with pytest.raises(
        ValueError, match=r"average_params: the params and the state's average are different"
    ):
        tx.update({"b": jnp.ones(2)}, state, {"b": jnp.ones(2)})
    with pytest.raises(
        AssertionError, match=r"average_params: leaf \['w'\] of the params has shape \(3,\)"
    ):
        tx.update({"w": jnp.ones(3)}, state, {"w": jnp.ones(3)})
