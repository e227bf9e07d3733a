"""The package against the slides: their code cells, their formulas, and worked values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from tests import oracle
from tests.laws import GRADIENTS, require_close, run_in

START = np.linspace(-2, 2, GRADIENTS.shape[1])
SLIDES = {
    "SGD": (jos.sgd(0.01), oracle.slide_sgd, {"learning_rate": 0.01}),
    "Momentum": (jos.momentum(0.01, 0.9), oracle.slide_momentum, {"mu": 0.9, "learning_rate": 0.01}),
    "RMSProp": (
        jos.rmsprop(0.01, 0.9),
        oracle.slide_rmsprop,
        {"decay_rate": 0.9, "learning_rate": 0.01},
    ),
    "Adagrad": (jos.adagrad(0.01), oracle.slide_adagrad, {"learning_rate": 0.01}),
}


@jax.jit
def positions(tx, x, gradients):
    """Where the parameters are after each step."""

    def body(carry, g):
        x, state = carry
        updates, state = tx.update(g, state, x)
        x = jos.apply_updates(x, updates)
        return (x, state), x

    return jax.lax.scan(body, (x, tx.init(x)), gradients)[1]


@pytest.mark.parametrize("name", SLIDES)
def test_the_slides_code_cell(name, x64):
    tx, cell, numbers = SLIDES[name]
    got = np.asarray(positions(tx, jnp.asarray(START), jnp.asarray(GRADIENTS)))
    expected = np.stack(cell(START, GRADIENTS, **numbers))
    # A position is a sum: its rounding is relative to the farthest it has been.
    scale = np.maximum.accumulate(np.abs(expected), axis=0)
    require_close(got, expected, scale, 1e-12, name)


def test_the_rmsprop_formula_is_0_over_0_at_first_and_not_what_we_follow(x64):
    # The slide's formula divides by the old s: at t = 0 it is g/0, and where g is 0, too, 0/0.
    gradients = np.array([[0.0, 2.0, -3.0], [1.0, 2.0, -3.0]])
    formula = np.stack(oracle.slide_rmsprop_formula(np.zeros(3), gradients, 0.9, 0.01))
    assert np.isnan(formula[0, 0])
    assert np.isinf(formula[0, 1:]).all()
    got = np.asarray(positions(jos.rmsprop(0.01, 0.9), jnp.zeros(3), jnp.asarray(gradients)))
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, oracle.slide_rmsprop(np.zeros(3), gradients, 0.9, 0.01), 1e-12)


def test_the_rmsprop_formula_with_the_fresh_mean_is_the_rule(x64):
    # One step later than the code cell, with s as the formula updates it, the two differ by one
    # gradient in s only: the formula on (g, g) divides the second g by the s of the first.
    g = np.array([[2.0], [2.0]])
    s = 0.1 * 4.0
    tx = jos.rmsprop(0.01, 0.9, eps=0.0)
    first = run_in(np.float64, tx, g, np.zeros(1))[0]
    np.testing.assert_allclose(first, -0.01 * 2.0 / np.sqrt(s), rtol=1e-15)


def test_adadelta_without_eps_rests_and_has_finite_derivatives():
    # The step grows from sqrt(eps): exactly 0 for eps = 0, where the root's derivative is infinite.
    @jax.value_and_grad
    def total(tx):
        g = jnp.asarray([3.0, 0.0, -1e-12])
        return jnp.sum(jax.lax.scan(lambda s, _: tx.update(g, s)[::-1], tx.init(g), length=5)[1])

    value, derivatives = total(jos.adadelta(eps=0.0))
    assert value == 0
    assert all(np.isfinite(x) for x in jos.hyperparams(derivatives, gradient=True).values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adadelta_at_rest_follows_the_limit(dtype, x64):
    # At g = s = d = 0 the ratio of the roots is 1: du/dg = -1, cut off by nothing.
    tx, zero = jos.adadelta(), jnp.zeros((), dtype)
    slope = jax.grad(lambda g: tx.update(g, tx.init(zero))[0])(zero)
    np.testing.assert_allclose(slope, -1, rtol=1e-6)


CORRECTED = {
    "ema": (jos.ema(0.9), 1.0),
    "scale_by_rms": (jos.scale_by_rms(0.9, bias_correction=True), 1.0),
    "rmsprop": (jos.rmsprop(0.5, bias_correction=True), -0.5),
    "adam": (jos.adam(0.5), -0.5),
}


@pytest.mark.parametrize("name", CORRECTED)
def test_the_bias_correction_is_over_at_the_largest_count(name):
    # t + 1 must not wrap around to a negative power of beta, an infinite correction.
    tx, expected = CORRECTED[name]
    last = jnp.int32(np.iinfo(np.int32).max)
    state = jax.tree.map(jnp.ones_like, tx.init(jnp.ones(2)))
    for count in (last - 1, last):
        updates = tx.update(jnp.ones(2), state._replace(count=count))[0]
        np.testing.assert_allclose(updates, [expected] * 2, rtol=1e-6)


# From CONVENTIONS.md: x0 = 1, g = (0.1, -0.05), learning rate 0.01, momentum 0.9.
WORKED = {
    "sgd": (jos.sgd(0.01), 0.999, 0.9995),
    "momentum": (jos.momentum(0.01, 0.9), 0.999, 0.9986),
    "sgd with momentum": (jos.sgd(0.01, 0.9), 0.999, 0.9986),
    "nesterov": (jos.nesterov(0.01, 0.9), 0.9981, 0.99824),
    "slides' rmsprop": (jos.rmsprop(0.01), 0.968377323398000, 0.983121475535357),
    "slides' rmsprop, 0.99": (jos.rmsprop(0.01, 0.99), 0.900000999990000, 0.944901922274508),
    "Hinton's, no eps": (jos.rmsprop(0.01, eps=0.0), 0.968377223398316, 0.983121419013806),
    "torch's": (jos.rmsprop(0.01, 0.99, eps=1e-8), 0.900000099999900, 0.944901385184049),
    "torch's, centered": (
        jos.rmsprop(0.01, 0.99, eps=1e-8, centered=True),
        0.899496319484078,
        0.944441138822421,
    ),
    "Keras 3's": (jos.rmsprop(0.01, eps=0.0, eps_root=1e-7), 0.968378804418571, 0.983122359023882),
    "TF1's": (
        jos.rmsprop(0.01, eps=0.0, eps_root=1e-10, initial_accumulator_value=1.0),
        0.998946492566089,
        0.999501654165194,
    ),
    "optax's, nesterov": (
        jos.rmsprop(0.01, eps=0.0, eps_root=1e-8, momentum=0.9, nesterov=True),
        0.939917024870925,
        0.942316553765194,
    ),
    "optax's, bias_correction": (
        jos.rmsprop(0.01, eps=0.0, eps_root=1e-8, bias_correction=True),
        0.990000004999996,
        0.996426845560041,
    ),
    "slides' adagrad": (jos.adagrad(0.01), 0.990000009999990, 0.994472141954993),
    "torch's adagrad": (jos.adagrad(0.01, eps=1e-10), 0.990000000010000, 0.994472135961000),
    "Keras 3's adagrad": (
        jos.adagrad(0.01, eps=0.0, eps_root=1e-7, initial_accumulator_value=0.1),
        0.996984887924728,
        0.998475599247189,
    ),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_values(name, x64):
    tx, *expected = WORKED[name]
    got = positions(tx, jnp.asarray(1.0), jnp.asarray([0.1, -0.05]))
    # The table has 15 decimals; values near 1, so absolute and relative are the same.
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_the_learning_rate_is_inside_the_velocity(x64):
    # From 0.01 to 0.001 at step 2: inside 0.99815, outside (torch, TF1, optax) 0.99896.
    gradients = jnp.asarray([0.1, -0.05])

    def rate(t):
        return jnp.where(t == 0, 0.01, 0.001)

    inside = positions(jos.momentum(rate, 0.9), jnp.asarray(1.0), gradients)
    outside = jos.chain(jos.trace(0.9), jos.scale_by_learning_rate(rate))
    outside = positions(outside, jnp.asarray(1.0), gradients)
    np.testing.assert_allclose(inside[1], 0.99815, rtol=0, atol=1e-12)
    np.testing.assert_allclose(outside[1], 0.99896, rtol=0, atol=1e-12)


def test_a_constant_gradient_leaves_no_variance_and_no_nan():
    # Centered E[g^2] - E[g]^2 of float32 gradients 11 and 13 goes below 0 by rounding.
    gradients = np.full((1000, 2), [11.0, 13.0])
    got = run_in(np.float32, jos.rmsprop(0.01, centered=True), gradients, np.zeros(2))
    assert np.isfinite(got).all()
    assert (got < 0).all()


def test_squares_that_overflow_or_vanish_give_no_nan():
    # |g| above 1.8e19 squares to inf in float32: the update is 0. Below 1e-23 the square is 0: the
    # update is g / eps.
    g = np.array([[1e20, 1e-30, -1e20, 0.0]])
    for tx in (jos.rmsprop(1.0), jos.adagrad(1.0)):
        got = run_in(np.float32, tx, g, np.zeros(4))[0]
        np.testing.assert_allclose(got, [0, -1e-23, 0, 0], rtol=1e-5)


# The references of the wrappers on numbers that can be worked out by hand, for who checks the checkers.


def test_the_reference_of_multi_steps_is_a_mean():
    got = oracle.multi_steps([2.0, 4.0, 9.0, 1.0], oracle.identity, 2)
    np.testing.assert_array_equal(got, [0, 3, 0, 5])
    got = oracle.multi_steps([2.0, 4.0, 9.0, 1.0], oracle.identity, lambda update: 1 + update)
    np.testing.assert_array_equal(got, [2, 0, 6.5, 0])


def test_the_reference_of_apply_if_finite_lets_the_last_straw_through():
    got = oracle.apply_if_finite(np.array([1, np.nan, np.inf, 2, np.inf, 3]), oracle.identity, 1)
    np.testing.assert_array_equal(got, [1, 0, np.inf, 2, 0, 3])


def test_the_reference_of_average_params():
    np.testing.assert_allclose(oracle.average_params([2.0, 1.0], 0.5), [2, 4 / 3], rtol=1e-15)


def test_the_reference_of_reduce_on_plateau():
    values = [3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0]
    numbers = {"factor": 0.5, "rtol": 0.0, "atol": 0.0, "min_scale": 0.2, "patience": 2, "cooldown": 1}
    got = oracle.reduce_on_plateau(np.ones(7), values, **numbers)
    np.testing.assert_array_equal(got, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5])
    got = oracle.reduce_on_plateau(np.ones(7), [3.0] * 7, **{**numbers, "cooldown": 0})
    np.testing.assert_array_equal(got, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.2])


def test_the_references_of_clipping_and_of_groups():
    np.testing.assert_array_equal(oracle.clip([np.array([3 - 0.5j])], 1.0), [[1 - 0.5j]])
    got = oracle.clip_by_global_norm([np.array([3.0, 4.0])], 1.0)
    np.testing.assert_allclose(got, [[0.6, 0.8]], rtol=1e-15)
    two = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(oracle.freeze(two, [True, False]), [[0, 2]])
    half = {"learning_rate": 0.5}
    got = oracle.masked(two, [True, False], lambda g: oracle.sgd(g, **half))
    np.testing.assert_array_equal(got, [[-0.5, 2]])


def test_oracle_imports_neither_jax_nor_the_package():
    import ast
    import pathlib

    tree = ast.parse(pathlib.Path(oracle.__file__).read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names == {"math", "numpy"}
