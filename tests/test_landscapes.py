"""The landscapes: formulas, derivatives, minima, starts, grids, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides import landscapes
from jaxopt_slides.landscapes import LANDSCAPES

# Written anew from the published formulas, as lists of terms and their derivatives by hand.
FORMULAS = {
    "valley": lambda x, y: 0.02 * x * x + 2 * y * y,
    "beale": lambda x, y: sum((b - x * (1 - y**k)) ** 2 for k, b in ((1, 1.5), (2, 2.25), (3, 2.625))),
    "rosenbrock": lambda x, y: (x - 1) ** 2 + 100 * (y - x * x) ** 2,
    "himmelblau": lambda x, y: (x * x + y - 11) ** 2 + (y * y + x - 7) ** 2,
    "saddle": lambda x, y: (y - x) * (y + x),
    "monkey_saddle": lambda x, y: ((x + 1j * y) ** 3).real,
    "noisy_bowl": lambda x, y: (x * x + y * y) / 2,
}
GRADIENTS = {
    "valley": lambda x, y: (0.04 * x, 4 * y),
    "beale": lambda x, y: (
        sum(-2 * (1 - y**k) * (b - x * (1 - y**k)) for k, b in ((1, 1.5), (2, 2.25), (3, 2.625))),
        sum(
            2 * k * x * y ** (k - 1) * (b - x + x * y**k) for k, b in ((1, 1.5), (2, 2.25), (3, 2.625))
        ),
    ),
    "rosenbrock": lambda x, y: (2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)),
    "himmelblau": lambda x, y: (
        4 * x * (x * x + y - 11) + 2 * (y * y + x - 7),
        2 * (x * x + y - 11) + 4 * y * (y * y + x - 7),
    ),
    "saddle": lambda x, y: (-2 * x, 2 * y),
    "monkey_saddle": lambda x, y: (3 * (x * x - y * y), -6 * x * y),
    "noisy_bowl": lambda x, y: (x, y),
}
MINIMA = {  # as published, with the height there
    "valley": [(0.0, 0.0)],
    "beale": [(3.0, 0.5)],
    "rosenbrock": [(1.0, 1.0)],
    "himmelblau": [(3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)],
    "noisy_bowl": [(0.0, 0.0)],
}
every_one = pytest.mark.parametrize("name", LANDSCAPES)


def height(landscape):
    """The height as a function of the position alone."""
    quiet = (jnp.zeros(landscape.dimension),) if landscape.noisy else ()
    return lambda w: landscape(w, *quiet)


def positions(landscape, n=50):
    low, high = np.array(landscape.box).T
    return np.random.default_rng(0).uniform(low, high, (n, 2))


@every_one
def test_heights_and_gradients_are_the_formulas(name, x64):
    landscape = LANDSCAPES[name]
    for point in positions(landscape):
        value, slope = jax.value_and_grad(height(landscape))(jnp.asarray(point))
        np.testing.assert_allclose(value, FORMULAS[name](*point), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(slope, GRADIENTS[name](*point), rtol=1e-11, atol=1e-11)


@every_one
def test_critical_points(name, x64):
    landscape = LANDSCAPES[name]
    assert landscape.is_minimum == (name in MINIMA)
    if landscape.is_minimum:
        np.testing.assert_allclose(landscape.critical_points, MINIMA[name], atol=1e-6)
    for point in landscape.critical_points:
        w = jnp.asarray(point)
        np.testing.assert_allclose(jax.grad(height(landscape))(w), 0, atol=1e-12)
        np.testing.assert_allclose(height(landscape)(w), 0, atol=1e-24)
        curvatures = np.linalg.eigvalsh(jax.hessian(height(landscape))(w))
        if landscape.is_minimum:
            assert curvatures.min() > 0
        elif name == "saddle":
            np.testing.assert_array_equal(curvatures, [-2, 2])


def test_the_monkey_has_room_for_a_tail():
    """Around its critical point, which is flat, three valleys and three ridges in turn."""
    angles = np.arange(6) * np.pi / 3
    ring = 0.1 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    heights = jax.vmap(landscapes.monkey_saddle)(jnp.asarray(ring, jnp.float32))
    np.testing.assert_array_equal(np.sign(heights), [1, -1] * 3)
    np.testing.assert_array_equal(jax.hessian(landscapes.monkey_saddle)(jnp.zeros(2)), 0)


@every_one
def test_names_starts_and_boxes(name):
    landscape = LANDSCAPES[name]
    assert getattr(landscapes, name) is landscape
    assert landscape.dimension == len(landscape.begin()) == 2
    assert landscape.begin().dtype == jnp.float32
    low, high = np.array(landscape.box).T
    assert (low < high).all()
    for point in (landscape.start, *landscape.critical_points):
        assert (low <= point).all()
        assert (point <= high).all()
    slope = jax.grad(height(landscape))(landscape.begin())
    assert (np.abs(slope) > 0).all(), "a race from here goes somewhere along both axes"


@every_one
def test_a_grid_is_a_row_for_each_y(name):
    landscape = LANDSCAPES[name]
    x, y, heights = landscape.grid(7)
    assert (x.shape, y.shape, heights.shape) == ((7,), (7,), (7, 7))
    assert ((x[0], x[-1]), (y[0], y[-1])) == landscape.box
    expected = [[FORMULAS[name](a, b) for a in x] for b in y]
    np.testing.assert_allclose(heights, expected, rtol=2e-5, atol=1e-4)
    assert landscape.grid()[2].shape == (200, 200)


def test_noise_tilts_the_bowl():
    w, noise = jnp.array([1.0, 2.0]), jnp.array([0.5, -1.0])
    assert landscapes.noisy_bowl(w, noise) == 2.5 + 0.5 - 2
    np.testing.assert_array_equal(jax.grad(landscapes.noisy_bowl)(w, noise), w + noise)
    assert [name for name, x in LANDSCAPES.items() if x.noisy] == ["noisy_bowl"]


# ---------------------------------------------------------------- quadratics


@pytest.mark.parametrize("dimension", [2, 3, 5])
@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, -110])
@pytest.mark.parametrize("kappa", [1, 10.0, 1e4])
def test_a_quadratic_has_its_curvatures(kappa, angle, dimension, x64):
    landscape = landscapes.quadratic(kappa, angle, dimension)
    hessian = np.asarray(jax.hessian(landscape)(jnp.ones(dimension)))
    expected = np.logspace(0, np.log10(kappa), dimension)
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), expected, rtol=1e-9)
    turn = np.deg2rad(angle)
    flat, steep = np.zeros(dimension), np.zeros(dimension)
    flat[:2], steep[:2] = (np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))
    np.testing.assert_allclose(hessian @ flat, flat, atol=1e-10 * kappa)
    np.testing.assert_allclose(hessian @ steep, kappa * steep, rtol=1e-10, atol=1e-10 * kappa)
    np.testing.assert_allclose(hessian[2:, :2], 0, atol=1e-12)
    w = np.random.default_rng(1).normal(size=dimension)
    np.testing.assert_allclose(landscape(w), w @ hessian @ w / 2, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(landscape)(jnp.asarray(w)), hessian @ w, rtol=1e-9)
    assert landscape.critical_points == ((0.0,) * dimension,)
    assert landscape(landscape.critical_points[0]) == 0
    assert landscape.dimension == dimension


def test_quadratics_built_alike_are_equal():
    """So that jit compiles one of them once."""
    a, b = landscapes.quadratic(9.0, 30.0), landscapes.quadratic(9, 30)
    assert a == b
    assert hash(a) == hash(b)
    assert a != landscapes.quadratic(9.0, 31.0)
    assert a.name == "quadratic, condition number 9, turned by 30 degrees"


def test_the_grid_of_a_quadratic_goes_through_its_minimum():
    _, _, heights = landscapes.quadratic(4.0, 0.0, 4).grid(5)
    assert heights[2, 2] == 0
    np.testing.assert_allclose([heights[2, 3], heights[3, 2]], [0.5, 2.0])


# ---------------------------------------------------------------- use


@every_one
def test_under_jit_vmap_and_grad(name):
    landscape = LANDSCAPES[name]
    points = jnp.asarray(positions(landscape, 4), jnp.float32)
    values = jnp.stack([height(landscape)(w) for w in points])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(height(landscape)))(points), values, rtol=1e-5, atol=1e-5
    )
    slopes = jax.jit(jax.vmap(jax.grad(height(landscape))))(points)
    expected = np.array([GRADIENTS[name](*np.asarray(w, float)) for w in points])
    np.testing.assert_allclose(slopes, expected, rtol=1e-4, atol=1e-3)


def test_a_list_and_integers_are_positions():
    assert landscapes.saddle([1, 2]) == 3
    assert landscapes.quadratic(9, dimension=3)([1, 1, 1]) == 0.5 * (1 + 3 + 9)


@pytest.mark.parametrize("name", ["valley", "beale", "rosenbrock", "himmelblau"])
def test_momentum_arrives(name):
    landscape = LANDSCAPES[name]
    rate = {"valley": 0.05, "beale": 0.002, "rosenbrock": 4e-4, "himmelblau": 0.002}[name]
    result = jos.fit(landscape, jos.momentum(rate), landscape.begin(), steps=3000)
    distances = np.linalg.norm(
        np.asarray(landscape.critical_points) - np.asarray(result.params), axis=1
    )
    assert distances.min() < 0.02


def test_fit_takes_noise_as_batches():
    bowl = landscapes.noisy_bowl
    noise = jax.random.normal(jax.random.key(0), (200, 2))
    result = jos.fit(bowl, jos.sgd(0.05), bowl.begin(), steps=200, batches=noise)
    assert jnp.linalg.norm(result.params) < 0.6


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: landscapes.valley(jnp.ones(3)),
            ValueError,
            "long narrow valley: a position has shape (2,), got (3,). Of many positions, "
            "jax.vmap takes the heights.",
        ),
        (
            lambda: landscapes.beale(jnp.ones((2, 5))),
            ValueError,
            "Beale: a position has shape (2,), got (2, 5). Of many positions, jax.vmap "
            "takes the heights.",
        ),
        (
            lambda: landscapes.noisy_bowl(jnp.ones(2)),
            TypeError,
            "noisy bowl: expected a position and its noise, got 1 arguments.",
        ),
        (
            lambda: landscapes.saddle(jnp.ones(2), jnp.ones(2)),
            TypeError,
            "saddle: expected a position alone, got 2 arguments.",
        ),
        (
            lambda: landscapes.valley.grid(1),
            ValueError,
            "grid: size must be an integer of at least 2, got 1.",
        ),
        (
            lambda: landscapes.valley.grid(9.0),
            ValueError,
            "grid: size must be an integer of at least 2, got 9.0.",
        ),
        (
            lambda: landscapes.quadratic(0.5),
            ValueError,
            "quadratic: condition_number must be a finite number of at least 1, got 0.5.",
        ),
        (
            lambda: landscapes.quadratic(float("inf")),
            ValueError,
            "quadratic: condition_number must be a finite number of at least 1, got inf.",
        ),
        (
            lambda: landscapes.quadratic(True),
            ValueError,
            "quadratic: condition_number must be a finite number of at least 1, got True.",
        ),
        (
            lambda: landscapes.quadratic("10"),
            ValueError,
            "quadratic: condition_number must be a finite number of at least 1, got '10'.",
        ),
        (
            lambda: landscapes.quadratic(2.0, float("nan")),
            ValueError,
            "quadratic: angle must be a finite number, got nan.",
        ),
        (
            lambda: landscapes.quadratic(2.0, -float("inf")),
            ValueError,
            "quadratic: angle must be a finite number, got -inf.",
        ),
        (
            lambda: landscapes.quadratic(2.0, dimension=1),
            ValueError,
            "quadratic: dimension must be an integer of at least 2, got 1.",
        ),
        (
            lambda: landscapes.quadratic(2.0, dimension=2.0),
            ValueError,
            "quadratic: dimension must be an integer of at least 2, got 2.0.",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as found:
        call()
    assert str(found.value) == text
