"""The diagnostics: every number against a closed form or a computation by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides import diagnostics
from jaxopt_slides.diagnostics import (
    adagrad_bound,
    effective_learning_rate,
    overshoot,
    progress,
    regret,
    sign_flips,
    spread,
)

# ---------------------------------------------------------------- effective learning rate

W = {"a": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array(3.0)}
G = [{"a": jnp.array([3.0, -0.5, 1e-3]) * (1 + t), "b": jnp.array(-2.0) + t} for t in range(4)]
TORCH, KERAS = jos.presets.torch, jos.presets.keras
OPTIMIZERS = {
    "adagrad": jos.adagrad(0.5),
    "adagrad-eps_root": jos.adagrad(0.5, eps=1e-3, eps_root=0.25, initial_accumulator_value=0.5),
    "rmsprop": jos.rmsprop(0.5, 0.75),
    "rmsprop-bias_correction": jos.rmsprop(0.5, 0.75, bias_correction=True, eps_root=0.1),
    "rmsprop-centered": jos.rmsprop(0.5, 0.75, centered=True, eps=0.01),
    "rmsprop-momentum": jos.rmsprop(0.5, 0.75, momentum=0.9),
    "rmsprop-scheduled": jos.rmsprop(
        jos.linear_schedule(0.5, 0.1, 8), jos.linear_schedule(0.5, 0.9, 8)
    ),
    "adadelta": jos.adadelta(),
    "adam": jos.adam(0.5, b2=0.75),
    "rss-chain": jos.chain(jos.scale(2.0), jos.scale_by_rss(), jos.scale_by_learning_rate(0.5)),
    "rms-named": jos.named_chain(("n", jos.scale_by_rms(0.75)), ("r", jos.scale(-0.5))),
    "nested": jos.chain(jos.chain(jos.scale_by_rss()), jos.chain(jos.scale(3.0), jos.sgd(0.1))),
    "torch.adagrad": TORCH.adagrad(lr=0.5, lr_decay=0.25),
    "keras.adagrad": KERAS.adagrad(0.5),
    "keras.rmsprop": KERAS.rmsprop(0.5, rho=0.75, centered=True),
}
WITH_PARAMS = {
    "momentum": jos.momentum(0.5),
    "torch.sgd": TORCH.sgd(0.5, momentum=0.5, dampening=0.5),
    "decayed": jos.chain(jos.scale_by_rms(0.75), jos.add_decayed_weights(0.1), jos.scale(-0.5)),
    "keras.adam": KERAS.adam(0.5, weight_decay=0.1),
    "masked": jos.masked(jos.adagrad(0.5), {"a": True, "b": False}),
    "partition": jos.partition({"x": jos.adagrad(0.5), "y": jos.sgd(0.1)}, {"a": "x", "b": "y"}),
    "optax": optax.rmsprop(0.5, decay=0.75),
    "two": jos.chain(jos.scale_by_rss(), jos.scale_by_rms(0.75), jos.scale(-1.0)),
}


def state_after(tx, gradients, params=W):
    state = tx.init(params)
    for g in gradients:
        _, state = tx.update(g, state, params)
    return state


def measured(tx, state, params):
    """-(update of a tiny gradient - update of none) / gradient, in float64."""
    tiny = 1e-9

    def update(size):
        g = jax.tree.map(lambda w: jnp.full_like(w, size), params)
        return tx.update(g, state, params)[0]

    return jax.tree.map(lambda u, v: np.float64(v - u) / tiny, update(tiny), update(0.0))


@pytest.mark.parametrize("name", OPTIMIZERS | WITH_PARAMS)
def test_it_is_the_response_to_a_tiny_gradient(name, x64):
    tx = (OPTIMIZERS | WITH_PARAMS)[name]
    params = jax.tree.map(lambda w: jnp.asarray(w, float), W)
    gradients = [jax.tree.map(lambda g: jnp.asarray(g, float), g) for g in G]
    with jax.numpy_dtype_promotion("standard"):  # for optax
        state = state_after(tx, gradients, params)
        got = effective_learning_rate(tx, state, params)
        for a, b in zip(
            jax.tree.leaves(got), jax.tree.leaves(measured(tx, state, params)), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-4)
    if name in OPTIMIZERS:
        for a, b in zip(
            jax.tree.leaves(got), jax.tree.leaves(effective_learning_rate(tx, state)), strict=True
        ):
            np.testing.assert_array_equal(a, b)


GRADIENTS = np.array([[3.0, 0.1], [4.0, -0.2], [0.0, 0.3]])


def closed(tx, **extra):
    """The rate after GRADIENTS, of an optimizer of one array."""
    w = jnp.zeros(2)
    state = state_after(tx, jnp.asarray(GRADIENTS, jnp.float32), w)
    return np.asarray(effective_learning_rate(tx, state, **extra))


def test_adagrad_in_closed_form():
    c = np.sum(GRADIENTS**2, axis=0)
    np.testing.assert_allclose(closed(jos.adagrad(0.5)), 0.5 / (np.sqrt(c) + 1e-7), rtol=1e-6)
    tx = jos.adagrad(0.5, eps=0.1, eps_root=0.25, initial_accumulator_value=2.0)
    np.testing.assert_allclose(closed(tx), 0.5 / (np.sqrt(c + 2.25) + 0.1), rtol=1e-6)
    tx = TORCH.adagrad(lr=0.5, lr_decay=0.25)  # three steps are taken: 1 + 3 d
    np.testing.assert_allclose(closed(tx), 0.5 / 1.75 / (np.sqrt(c) + 1e-10), rtol=1e-6)


def test_rmsprop_in_closed_form():
    decay = 0.75
    powers = decay ** np.arange(3, 0, -1)[:, None]  # with the next step's, of a gradient of 0
    s = (1 - decay) * np.sum(powers * GRADIENTS**2, axis=0)
    m = (1 - decay) * np.sum(powers * GRADIENTS, axis=0)
    whole = 1 - decay**4
    np.testing.assert_allclose(closed(jos.rmsprop(0.5, decay)), 0.5 / (np.sqrt(s) + 1e-7), rtol=1e-6)
    tx = jos.rmsprop(0.5, decay, bias_correction=True, eps_root=0.1)
    np.testing.assert_allclose(closed(tx), 0.5 / np.sqrt(s / whole + 0.1), rtol=1e-5)
    tx = jos.rmsprop(0.5, decay, centered=True)
    np.testing.assert_allclose(closed(tx), 0.5 / np.sqrt(s - m**2), rtol=1e-5)


def test_where_no_gradient_ever_came():
    tx = jos.adagrad(0.5)
    state = state_after(tx, [jnp.array([2.0, 0.0])], jnp.zeros(2))
    np.testing.assert_allclose(effective_learning_rate(tx, state), [0.25, 0.5 / 1e-7], rtol=1e-6)


def test_narrow_complex_jitted_and_stacked():
    tx = jos.adagrad(0.5)
    w = jnp.zeros(2, jnp.bfloat16)
    state = state_after(tx, [jnp.array([2.0, 4.0], jnp.bfloat16)], w)
    for rate in (effective_learning_rate(tx, state), effective_learning_rate(tx, state, w)):
        assert rate.dtype == jnp.float32
        np.testing.assert_allclose(rate, [0.25, 0.125], rtol=1e-6)
    w = jnp.zeros(1, jnp.complex64)
    state = state_after(tx, [jnp.array([3 + 4j])], w)
    np.testing.assert_allclose(effective_learning_rate(tx, state, w), [0.1], rtol=1e-6)
    stack = jax.vmap(jos.adagrad)(jnp.array([0.5, 1.0]))
    states = jax.vmap(lambda tx: state_after(tx, [jnp.array([2.0])], jnp.zeros(1)))(stack)
    rates = jax.jit(jax.vmap(effective_learning_rate))(stack, states)
    np.testing.assert_allclose(rates, [[0.25], [0.5]], rtol=1e-6)


def test_extra_arguments_are_handed_on():
    tx = jos.chain(jos.adagrad(0.5), jos.reduce_on_plateau(0.5, patience=1))
    w, g = jnp.zeros(1), jnp.array([2.0])
    state = tx.init(w)
    for value in (1.0, 1.0):
        _, state = tx.update(g, state, w, value=value)
    rate = effective_learning_rate(tx, state, w, value=0.5)
    np.testing.assert_allclose(rate, 0.5 * 0.5 / np.sqrt(8), rtol=1e-6)


# ---------------------------------------------------------------- spread


def test_spread_of_leaves_and_rows():
    x = jnp.array([[1.0, 0.0], [1e3, 1e-2], [0.0, 0.0]])
    tree = {"w": x, "b": jnp.array(-5.0), "none": None, "empty": jnp.zeros(0)}
    of_elements = spread(tree)
    np.testing.assert_allclose(of_elements.pop("w"), 5, rtol=1e-8)
    assert of_elements == {"b": 0.0, "none": None, "empty": 0.0}
    of_rows = spread(tree, rows=True)
    expected = np.log10(np.sqrt((1e6 + 1e-4) / 2) / np.sqrt(1 / 2))
    np.testing.assert_allclose(of_rows["w"], expected, rtol=1e-9)
    assert of_rows["b"] == of_rows["empty"] == 0


def test_spread_of_rows_of_tensors():
    x = np.ones((3, 2, 4)) * np.array([1.0, 10.0, 1e-4])[:, None, None]
    assert spread(x, rows=True) == 5.0


def test_spread_at_the_edges():
    assert spread(jnp.full(4, -2.0)) == 0
    assert spread(jnp.zeros(3)) == spread(jnp.zeros((3, 2)), rows=True) == 0
    assert spread(jnp.array([3 + 4j, 50j])) == 1.0
    assert spread(jnp.array([1.0, 100.0], jnp.bfloat16)) == 2.0
    assert np.isnan(spread(jnp.array([1.0, jnp.nan])))
    assert np.isnan(spread(jnp.array([[1.0], [jnp.inf]]), rows=True))
    assert spread(np.array([1e-300, 1e300])) == 600
    assert spread(np.array([[1e-300], [1e300]]), rows=True) == 600


# ---------------------------------------------------------------- paths


def test_sign_flips():
    zigzag = np.array([0, 1, 0, 1, 0.0])
    straight = np.arange(5.0)
    once = np.array([0, 1, 2, 1, 0.0])
    paused = np.array([0, 1, 1, 0, 0.0])  # a pause hides the turn
    path = np.stack([zigzag, straight, once, paused, np.zeros(5)], axis=1)
    np.testing.assert_allclose(sign_flips(path), [1, 0, 1 / 3, 0, 0])
    np.testing.assert_allclose(sign_flips(path * 1e-200), [1, 0, 1 / 3, 0, 0])
    assert sign_flips(path.reshape(5, 1, 5)).shape == (1, 5)


def test_sign_flips_of_gradient_descent_on_a_valley():
    """Beyond 1/curvature every step crosses the floor; below it none does."""
    loss = jos.landscapes.quadratic(10.0)
    result = jos.fit(loss, jos.sgd(0.15), loss.begin(), steps=20, record=["params"])
    np.testing.assert_array_equal(sign_flips(result.history["params"]), [0, 1])


def test_progress():
    path = np.array([[4.0, 0.0, 2.0, 1.0], [9.0, 9.0, 9.0, 9.0], [1.0, 2.0, 2.0, -2.0]])
    goal = np.array([0.0, 1.0, 2.0, 0.0])
    np.testing.assert_allclose(progress(path, goal), [0.75, 0, np.nan, -1])
    np.testing.assert_allclose(progress(path[:1], goal), [0, 0, np.nan, 0])
    np.testing.assert_allclose(progress(path, 0.0), [0.75, np.nan, 0, -1])


def test_overshoot():
    path = np.array(
        [[4.0, -4.0, 4.0, 1.0, 0.0], [-1.0, 2.0, 1.0, 3.0, 5.0], [-2.0, 0.5, 2.0, 2.0, 0.0]]
    )
    np.testing.assert_allclose(overshoot(path, 0.0), [0.5, 0.5, 0, 0, np.nan])
    np.testing.assert_allclose(overshoot(path, path[0] / 2), [2, 2, 0.5, 0, np.nan])


def test_overshoot_of_momentum_is_that_of_a_damped_oscillator():
    """Small steps of momentum are an oscillator with damping ratio z: it passes by exp(-pi z / ...)."""
    mu, rate = 0.99, 1e-3
    result = jos.fit(lambda w: 0.5 * w**2, jos.momentum(rate, mu), 1.0, steps=400, record=["params"])
    z = (1 - mu) / (2 * np.sqrt(rate))
    expected = np.exp(-np.pi * z / np.sqrt(1 - z**2))
    np.testing.assert_allclose(overshoot(result.history["params"], 0.0), expected, rtol=0.03)


# ---------------------------------------------------------------- regret


def test_regret():
    np.testing.assert_array_equal(regret([3.0, 1.0, 0.0], [1.0, 1.0, 2.0]), [2, 2, 0])
    assert regret([], []).shape == (0,)
    assert regret(jnp.ones(3), jnp.zeros(3)).dtype == np.float64
    assert np.isnan(regret([1.0, np.nan], [0.0, 0.0])[1])


def sums(c):
    return jos.scale_by_rss().init(jnp.zeros(len(c)))._replace(sum_of_squares=jnp.asarray(c))


def test_the_bound_with_its_constants_written_out():
    c = [4.0, 9.0]  # roots 2 and 3
    state = sums(c)
    assert adagrad_bound(state, 0.5, 2.0) == (4 / 1 + 0.5) * 5
    assert adagrad_bound(state, 0.5, 2.0, eps=0.25) == 4 * (5 + 2 * 0.25) + 0.5 * 5
    assert adagrad_bound(state, 0.5, 0.0) == 2.5
    best = adagrad_bound(state, 2 / np.sqrt(2), 2.0)
    np.testing.assert_allclose(best, np.sqrt(2) * 2 * 5, rtol=1e-7)
    assert best < min(adagrad_bound(state, a, 2.0) for a in (1.3, 1.5))
    tree = state._replace(sum_of_squares={"a": jnp.array([4.0]), "b": (jnp.array(9.0), None)})
    assert adagrad_bound(tree, 0.5, 2.0) == 4.5 * 5


def play(tx, losses, start):
    """Online rounds: where the optimizer stood in each, the losses there, and the last state."""

    def body(carry, data):
        w, state = carry
        value, g = jax.value_and_grad(losses)(w, data)
        updates, new = tx.update(g, state, w)
        return (jos.apply_updates(w, updates), new), (w, value)

    def rounds(data):
        (_, state), (where, values) = jax.lax.scan(body, (start, tx.init(start)), data)
        return where, values, state

    return rounds


def linear(w, g):
    return jnp.sum(g * w)


def logistic(w, data):
    x, y = data[:-1], data[-1]
    return jax.nn.softplus(-y * jnp.sum(x * w))


def best_in_box(losses, data, dimension):
    """The best fixed point of [-1, 1]^d in hindsight, by projected accelerated descent."""

    def total(w):
        return jnp.mean(jax.vmap(losses, (None, 0))(w, data))

    tx = jos.chain(jos.nesterov(0.3, 0.9), jos.project(low=-1.0, high=1.0))
    return jos.fit(total, tx, jnp.zeros(dimension), steps=800).params


@pytest.mark.parametrize("rate", [0.05, 0.7, np.sqrt(2)])
@pytest.mark.parametrize("seed", range(3))
def test_regret_stays_under_the_bound(rate, seed, x64):
    """Linear and logistic losses in a box, features over three decades, at every round."""
    rng, rounds, d = np.random.default_rng(seed), 200, 4
    scales = np.logspace(0, -3, d)
    x = rng.normal(size=(rounds, d)) * scales * (rng.random((rounds, d)) < 0.5)
    y = np.sign(x @ (1 / scales) + rng.normal(size=rounds))
    for losses, data in ((linear, x + 0.2 * scales), (logistic, np.column_stack([x, y]))):
        data = jnp.asarray(data)
        tx = jos.chain(jos.adagrad(rate, eps=1e-7), jos.project(low=-1.0, high=1.0))
        where, values, _ = play(tx, losses, jnp.zeros(d))(data)
        gradients = jax.vmap(jax.grad(losses))(where, data)
        squares = np.cumsum(np.asarray(gradients) ** 2, axis=0)
        for t in (1, 2, 5, 20, 80, rounds):
            if losses is linear:
                fixed = -np.sign(np.sum(data[:t], axis=0))
            else:
                fixed = np.asarray(best_in_box(losses, data[:t], d))
            of_fixed = jax.vmap(losses, (None, 0))(jnp.asarray(fixed), data[:t])
            distance = np.abs(np.asarray(where[:t]) - fixed).max()
            bound = adagrad_bound(sums(squares[t - 1]), rate, float(distance), eps=1e-7)
            assert regret(values[:t], of_fixed)[-1] <= bound


# Found by random search: one number, in [-1, 1]; against these neither constant could be half as large.
AGAINST_FIRST = (
    0.3836403930,
    0.0890697378,
    [3.27658588, 1.28811484, 0.58280937, 1.0831243, 0.35738572],
)
AGAINST_FIRST[2].extend([1.23172579, 0.242653, 0.20486824, 0.63794849])
AGAINST_SECOND = (
    2.5815297630,
    -1.0,
    [-6.78850512, 3.56582089, -2.23103934, 4.30629603, 0.90697026, 0.0163483, -13.58336314],
)


@pytest.mark.parametrize(("adversary", "first"), [(AGAINST_FIRST, True), (AGAINST_SECOND, False)])
def test_with_half_of_either_constant_the_bound_would_be_wrong(adversary, first, x64):
    rate, start, slopes = adversary
    g = jnp.asarray(slopes)[:, None]
    tx = jos.chain(jos.adagrad(rate, eps=0.0), jos.project(low=-1.0, high=1.0))
    where, values, state = play(tx, linear, jnp.array([start]))(g)
    fixed = -np.sign(np.sum(slopes))
    total = regret(values, fixed * np.asarray(slopes))[-1]
    distance = float(np.abs(where - fixed).max())
    bound = adagrad_bound(state[0], rate, distance)
    root = np.sqrt(np.sum(np.square(slopes)))
    half = (distance**2 / (4 * rate) if first else rate / 2) * root
    assert bound - half < total <= bound


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: effective_learning_rate("adagrad", ()),
            TypeError,
            "effective_learning_rate: expected an optimizer, got 'adagrad'.",
        ),
        (
            lambda: effective_learning_rate(jos.sgd(0.1), jos.sgd(0.1).init(W)),
            ValueError,
            "effective_learning_rate: sgd(learning_rate=0.1) keeps no squares that look like the "
            "parameters; call effective_learning_rate(tx, state, params).",
        ),
        (
            lambda: sign_flips(np.zeros((2, 3))),
            ValueError,
            "sign_flips: the path must have at least 3 positions, got shape (2, 3).",
        ),
        (
            lambda: sign_flips(1.0),
            ValueError,
            "sign_flips: the path must have at least 3 positions, got shape ().",
        ),
        (
            lambda: progress(np.zeros((0, 3)), 0.0),
            ValueError,
            "progress: the path must have at least 1 position, got shape (0, 3).",
        ),
        (
            lambda: overshoot([[1.0], [0.5], [np.nan], [np.inf]], 0.0),
            ValueError,
            "overshoot: the path is not finite from position 2 on; cut it there.",
        ),
        (
            lambda: progress(np.ones((4, 3)), np.zeros(2)),
            ValueError,
            "progress: the goal must be a number or of shape (3,), got shape (2,).",
        ),
        (
            lambda: regret([1.0, 2.0], [1.0]),
            ValueError,
            "regret: both must have one loss a round, got shapes (2,) and (1,).",
        ),
        (
            lambda: regret(1.0, 1.0),
            ValueError,
            "regret: both must have one loss a round, got shapes () and ().",
        ),
        (
            lambda: adagrad_bound(jos.rmsprop(0.1).init(W), 0.1, 1.0),
            TypeError,
            "adagrad_bound: expected Adagrad's state, got RMSPropState.",
        ),
        (
            lambda: adagrad_bound(sums([1.0]), 0.0, 1.0),
            ValueError,
            "adagrad_bound: learning_rate must be above 0, radius and eps at least 0, all finite, got "
            "0.0, 1.0 and 0.0.",
        ),
        (
            lambda: adagrad_bound(sums([1.0]), 0.5, float("nan")),
            ValueError,
            "adagrad_bound: learning_rate must be above 0, radius and eps at least 0, all finite, got "
            "0.5, nan and 0.0.",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as found:
        call()
    assert str(found.value) == text


def test_the_module_is_public():
    assert jos.diagnostics is diagnostics
