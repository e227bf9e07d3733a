"""project: the parameters are in the set after apply_updates, whatever is rounded on the way."""

import itertools

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

import jaxopt_slides as jos
from jaxopt_slides._parts.inside import Dtypes, at_least, at_most, toward

SIZE = 64
NARROW = ("bfloat16", "float16", "float32")
every_dtype = pytest.mark.parametrize("dtype", NARROW)
every_pair = pytest.mark.parametrize(("kept", "given_"), list(itertools.product(NARROW, NARROW)))


@jax.jit
def moved(tx, w, u):
    """The parameters after one update, as a training step has it: all in one program."""
    return jos.apply_updates(w, tx.update(u, tx.init(w), w)[0])


def moved_eagerly(tx, w, u):
    return jos.apply_updates(w, tx.update(u, tx.init(w), w)[0])


def exact(x):
    return np.asarray(x, np.float64)


def update(tx, u, w):
    return tx.update(u, tx.init(w), w)[0]


# ---------------------------------------------------------------- the box


def arrays(low, high):
    """Without subnormal numbers, which XLA takes for 0."""
    return hnp.arrays(np.float32, SIZE, elements=st.floats(low, high, width=32, allow_subnormal=False))


BOUNDS = st.tuples(st.floats(-3, 3, width=32, allow_subnormal=False), st.floats(0.125, 4, width=32))


@every_pair
@settings(max_examples=25)
@given(bounds=BOUNDS, share=arrays(0, 1), u=arrays(-10, 10), tiny=st.integers(0, 24))
def test_a_box_is_never_left(kept, given_, bounds, share, u, tiny):
    """Of float32 bounds that bfloat16 does not have: no parameter is beyond them, compared exactly."""
    low, high = bounds[0], float(np.float32(bounds[0] + bounds[1]))
    tx = jos.project(low=low, high=high)
    w = jnp.asarray(low + share * (high - low), kept)
    w = jnp.where(exact(w) < low, jnp.nextafter(w, jnp.asarray(jnp.inf, kept)), w)
    w = jnp.where(exact(w) > high, jnp.nextafter(w, jnp.asarray(-jnp.inf, kept)), w)
    for step in (moved, moved_eagerly):
        end = exact(step(tx, w, jnp.asarray(u * 2.0**-tiny, given_)))
        assert (end >= low).all(), (end.min(), low)
        assert (end <= high).all(), (end.max(), high)


@every_dtype
def test_a_box_is_reached_and_nothing_inside_is_touched(dtype):
    w = jnp.asarray(np.linspace(-1, 1, SIZE), dtype)
    tx = jos.project(low=-1.0, high=1.0)
    far = moved(tx, moved(tx, w, jnp.full(SIZE, 9, dtype)), jnp.full(SIZE, 9, dtype))
    np.testing.assert_array_equal(exact(far), 1)  # the second step makes up for the first's rounding
    far = moved(tx, moved(tx, w, jnp.full(SIZE, -9, dtype)), jnp.full(SIZE, -9, dtype))
    np.testing.assert_array_equal(exact(far), -1)
    u = jnp.asarray(-w * jnp.asarray(0.37, dtype), dtype)
    assert update(tx, u, w).tobytes() == u.tobytes()


def test_one_update_falls_short_by_at_most_one_unit():
    w = np.random.default_rng(0).uniform(-1, 0.1, 1000).astype(np.float32)
    u = update(jos.project(high=np.float32(0.1)), jnp.full(1000, 3.0), jnp.asarray(w))
    distance = exact(np.float32(0.1)) - exact(w)
    gap = distance - exact(u)
    units = np.spacing(np.asarray(u))
    assert (gap >= -units / 2).all()  # then the sum rounds to the bound
    assert (gap <= units).all()
    assert (gap > 0).any(), "this test has no rounding in it"


def test_plain_rounding_would_leave_the_box():
    """What the part is for: P(w + u) - w as it stands ends above the bound, in half of the cases."""
    w = np.random.default_rng(0).uniform(-1, 0.1, 1000).astype(np.float32)
    plain = w + (np.clip(w + np.float32(3), None, np.float32(0.1)) - w)
    assert (plain > np.float32(0.1)).mean() > 0.2
    assert (moved(jos.project(high=np.float32(0.1)), jnp.asarray(w), jnp.full(1000, 3.0)) <= 0.1).all()


@pytest.mark.parametrize(("low", "high"), [(-0.5, None), (None, 0.5), (-0.5, 0.5), (0.5, 0.5)])
def test_against_numpy_and_optax(low, high):
    rng = np.random.default_rng(1)
    w, u = rng.uniform(-2, 2, (2, SIZE)).astype(np.float32)
    end = moved(jos.project(low=low, high=high), jnp.asarray(w), jnp.asarray(u))
    np.testing.assert_allclose(end, np.clip(w + u, low, high), atol=3e-7)
    if low is not None and high is not None:
        theirs = optax.projections.projection_box(jnp.asarray(w + u), low, high)
        np.testing.assert_allclose(end, theirs, atol=3e-7)


def test_from_outside_one_step_leads_in():
    w = jnp.array([5.0, -7.0, 0.25])
    np.testing.assert_array_equal(
        moved(jos.project(low=-1.0, high=1.0), w, jnp.zeros(3)), [1, -1, 0.25]
    )


def test_bounds_are_scalar_arrays_and_schedules_too():
    tx = jos.project(low=jos.linear_schedule(-1.0, 0.0, 2), high=jnp.float32(1.0))
    w, state = jnp.full(1, -2.0), tx.init(jnp.zeros(1))
    for low in (-1.0, -0.5, 0.0, 0.0):
        updates, state = tx.update(jnp.full(1, -2.0), state, w)
        w = jos.apply_updates(w, updates)
        assert w == low
    assert state.count == 4
    assert moved(jos.project(high=jnp.float32(1.0)), jnp.zeros(1), jnp.full(1, 9.0)) == 1


def test_stacked_bounds():
    stack = jax.vmap(lambda low, high: jos.project(low=low, high=high))(
        -jnp.arange(3.0), jnp.arange(3.0)
    )
    ends = jax.vmap(moved, (0, None, None))(stack, jnp.zeros(2), jnp.array([-9.0, 9.0]))
    np.testing.assert_array_equal(ends, [[0, 0], [-1, 1], [-2, 2]])


def test_nan_stays_and_infinity_goes_to_the_bound():
    w, u = jnp.zeros(3), jnp.array([jnp.nan, jnp.inf, -jnp.inf])
    np.testing.assert_array_equal(moved(jos.project(low=-1.0, high=2.0), w, u), [np.nan, 2, -1])


def test_derivatives_of_a_box():
    def end(high, w, u):
        return moved(jos.project(low=-1.0, high=high), w, u)

    w, u = jnp.array([0.0, 0.25, 0.0]), jnp.array([0.5, 9.0, -9.0])
    by_high, by_w, by_u = (jax.jacrev(end, i)(1.0, w, u) for i in range(3))
    np.testing.assert_array_equal(by_high, [0, 1, 0])
    np.testing.assert_array_equal(by_w, np.diag([1, 0, 0]))
    np.testing.assert_array_equal(by_u, np.diag([1, 0, 0]))


def test_two_bounds_may_move_together():
    tx = jos.with_hyperparams(jos.project(low=-1.0, high=1.0), low=3.0, high=4.0)
    assert jos.hyperparams(tx) == {"low": 3.0, "high": 4.0}
    tx = jos.with_hyperparams(tx, high=-1.0, low=-2.0)
    assert jos.hyperparams(tx) == {"low": -2.0, "high": -1.0}
    with pytest.raises(ValueError, match=r"low must be at most high, got low 3\.0 and high -1\.0\."):
        jos.with_hyperparams(tx, low=3.0)


def test_no_number_between_the_bounds():
    """bfloat16 has nothing in [0.1001, 0.1002]: the parameter goes next to it, and stays there."""
    tx, none = jos.project(low=0.1001, high=0.1002), jnp.zeros(1, jnp.bfloat16)
    w = moved(tx, moved(tx, jnp.ones(1, jnp.bfloat16), none), none)
    assert exact(w) == 0.10009765625
    assert moved(tx, w, none) == w


# ---------------------------------------------------------------- the ball


def norm(tree):
    parts = [np.asarray(x).astype(np.complex128).ravel() for x in jax.tree.leaves(tree)]
    return float(np.linalg.norm(np.concatenate(parts)))


def tree_of(rng, dtypes, scale):
    shapes = [(5, 3), (), (7,)]
    return {d: jnp.asarray(rng.normal(size=s) * scale, d) for d, s in zip(dtypes, shapes, strict=True)}


@every_pair
def test_a_ball_is_never_left(kept, given_):
    rng, w = np.random.default_rng(2), jnp.zeros(SIZE, kept)
    tx = jos.project(radius=3.0)
    most, units = 0, max(float(jnp.finfo(d).eps) for d in (kept, given_))
    for t in range(40):
        u = jnp.asarray(rng.normal(size=SIZE) * 10.0 ** -(t % 4), given_)
        w = (moved if t % 2 else moved_eagerly)(tx, w, u)
        assert norm(w) <= 3
        most = max(most, norm(w))
    assert most > 3 * (1 - 16 * units), "it came near"


def test_one_ball_for_the_whole_tree():
    rng = np.random.default_rng(3)
    dtypes = ("float32", "bfloat16", "complex64")
    w, u = tree_of(rng, dtypes, 0.1), tree_of(rng, dtypes, 3.0)
    end = moved(jos.project(radius=2.0), w, u)
    assert {k: x.dtype for k, x in end.items()} == {k: x.dtype for k, x in w.items()}
    assert 1.98 < norm(end) <= 2
    far = {k: np.asarray(w[k]).astype(complex) + np.asarray(u[k]).astype(complex) for k in w}
    for k, x in end.items():
        wanted = far[k] * 2 / norm(far)
        np.testing.assert_allclose(
            np.asarray(x).astype(complex), wanted, atol=0.03 if "b" in k else 1e-6
        )


def test_one_leaf_outside_moves_all():
    w = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    end = moved(jos.project(radius=1.0), w, {"a": jnp.zeros(2), "b": jnp.array([3.0, 4.0])})
    np.testing.assert_allclose(end["b"], [0.6, 0.8], rtol=1e-6)
    end = moved(jos.project(radius=1.0), w, {"a": jnp.array([0.6, 0.0]), "b": jnp.array([0.0, 0.9])})
    assert 1 - 1e-6 < norm(end) <= 1
    assert end["a"][0] < 0.6


@pytest.mark.parametrize(("kept", "given_"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_outside_by_rounding_is_outside(kept, given_):
    """1.0045 is inside, but bfloat16 makes 1.0078 of it, in the update or in the parameter."""
    tx = jos.chain(jos.scale(1.0045), jos.project(radius=1.006))
    assert moved(tx, jnp.zeros(1, kept), jnp.ones(1, given_)) == 1


@pytest.mark.parametrize("radius", [0.5, 2.0, 100.0])
def test_against_optax(radius):
    rng = np.random.default_rng(4)
    w, u = ({"a": jnp.asarray(rng.normal(size=5), jnp.float32), "b": jnp.ones(2)} for _ in range(2))
    ours = moved(jos.project(radius=radius), w, u)
    theirs = optax.projections.projection_l2_ball(jos.apply_updates(w, u), radius)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


@every_dtype
def test_inside_a_ball_nothing_is_touched(dtype):
    rng = np.random.default_rng(5)
    w, u = (jnp.asarray(rng.normal(size=SIZE) / SIZE, dtype) for _ in range(2))
    assert update(jos.project(radius=1.0), u, w).tobytes() == u.tobytes()


def test_what_is_at_the_boundary_rests_there():
    """A projection of what is projected is the same, bit for bit."""
    tx = jos.project(radius=1.0)
    for seed in range(20):
        w = jnp.asarray(np.random.default_rng(seed).normal(size=SIZE), jnp.float32)
        w = moved(tx, w, jnp.zeros(SIZE))
        np.testing.assert_array_equal(moved(tx, w, jnp.zeros(SIZE)), w)


def test_a_ball_of_radius_zero_and_huge_numbers():
    w = jnp.array([1e30, 1e-30, -3e30], jnp.float32)
    np.testing.assert_array_equal(moved(jos.project(radius=0.0), w, w), 0)
    end = moved(jos.project(radius=1e30), jnp.zeros(3), w)
    np.testing.assert_allclose(exact(end) / 1e30, np.array([1, 0, -3]) / np.sqrt(10), rtol=1e-6)


def test_one_infinity_makes_every_update_of_a_ball_nan():
    u = {"a": jnp.array([1.0, jnp.inf]), "b": jnp.ones(1)}
    end = moved(jos.project(radius=1.0), jax.tree.map(jnp.zeros_like, u), u)
    assert all(np.isnan(x).all() for x in jax.tree.leaves(end))


def test_derivatives_of_a_ball():
    """The Jacobian of r x / |x| is r (1 - x x' / |x|^2) / |x|, where a coordinate is 0, too."""
    x, r = np.array([3.0, 4.0, 0.0]), 1.5
    w = jnp.array([1.0, 1.0, 0.0])
    by_u = jax.jacrev(lambda u: moved(jos.project(radius=r), w, u))(jnp.asarray(x, jnp.float32) - w)
    np.testing.assert_allclose(by_u, r * (np.eye(3) - np.outer(x, x) / 25) / 5, atol=1e-6)
    by_r = jax.grad(lambda r: moved(jos.project(radius=r), w, jnp.asarray(x, jnp.float32) - w)[1])(r)
    np.testing.assert_allclose(by_r, 0.8, rtol=1e-6)


# ---------------------------------------------------------------- rounding


@every_pair
@settings(max_examples=25)
@given(w=arrays(-4, 4), bound=arrays(-4, 4))
def test_the_nearest_update_on_either_side(kept, given_, w, bound):
    """at_most goes as far as an update of its dtype can, to one unit of it, and not beyond."""
    dtypes = Dtypes(jnp.dtype(kept), jnp.dtype(given_))
    w, bound = (jnp.asarray(np.round(x * 2**12) / 2**12, kept) for x in (w, bound))
    w, bound = w.astype(jnp.float32), bound.astype(jnp.float32)
    low, high = at_least(w, bound, dtypes), at_most(w, bound, dtypes)
    for u in (low, high):
        np.testing.assert_array_equal(u.astype(given_).astype(jnp.float32), u)
        unit = np.abs(exact(bound) - exact(w)) * float(jnp.finfo(given_).eps)
        assert (np.abs(exact(bound) - exact(w) - exact(u)) <= unit).all()

    def end(u):
        return exact(jos.apply_updates(w.astype(kept), u.astype(given_)))

    assert (end(high) <= exact(bound)).all()
    assert (end(low) >= exact(bound)).all()


def test_toward_never_passes_zero():
    """A target nearer to 0 than w has digits: the weight becomes 0, not a little negative."""
    dtypes = Dtypes(jnp.dtype(jnp.float32), jnp.dtype(jnp.float32))
    for w, target in [(1.0, 1e-9), (1.0, -1e-9), (-1.0, 1e-9), (-1.0, -1e-9), (1.0, 0.0), (0.5, 0.25)]:
        end = w + float(toward(jnp.float32(w), jnp.float32(target), dtypes))
        assert abs(end) <= abs(target)
        assert end * target >= 0


# ---------------------------------------------------------------- in company


def test_masked_multi_steps_and_partition():
    tx = jos.chain(jos.sgd(1.0), jos.masked(jos.project(low=0.0), {"a": True, "b": False}))
    w = {"a": jnp.ones(2), "b": jnp.ones(2)}
    end = moved(tx, w, jax.tree.map(lambda x: 3 * x, w))
    np.testing.assert_array_equal(end["a"], 0)
    np.testing.assert_array_equal(end["b"], -2)
    tx, w = jos.multi_steps(jos.chain(jos.sgd(1.0), jos.project(low=0.0)), 2), jnp.ones(1)
    state = tx.init(w)
    for expected in (1, 0):
        updates, state = tx.update(jnp.full(1, 3.0), state, w)
        w = jos.apply_updates(w, updates)
        assert w == expected


def test_master_weights_stay_in_the_box():
    tx = jos.mixed_precision(jos.chain(jos.sgd(1.0), jos.project(high=0.5)))
    w = jnp.zeros(2, jnp.bfloat16)
    state = tx.init(w)
    for _ in range(3):
        updates, state = tx.update(jnp.full(2, -0.3, jnp.bfloat16), state, w)
        w = jos.apply_updates(w, updates)
    np.testing.assert_array_equal(state.master, 0.5)
    np.testing.assert_array_equal(exact(w), 0.5)


def test_float64_parameters_with_float32_updates(x64):
    w = jnp.asarray(np.random.default_rng(0).uniform(-1, 0.1, 100))
    end = moved(jos.project(high=0.1), w, jnp.full(100, 3.0, jnp.float32))
    assert end.dtype == jnp.float64
    assert (end <= 0.1).all()
    assert (end > 0.1 - 2e-7).all()


def test_fit_finds_the_constrained_minimum():
    """Of |w - (2, 0.5)|^2 in the box [-1, 1] and in the unit ball."""
    goal = jnp.array([2.0, 0.5])

    def loss(w):
        return jnp.sum((w - goal) ** 2)

    box = jos.fit(
        loss, jos.chain(jos.momentum(0.1), jos.project(low=-1.0, high=1.0)), jnp.zeros(2), steps=200
    )
    np.testing.assert_allclose(box.params, [1, 0.5], atol=1e-5)
    ball = jos.fit(loss, jos.chain(jos.sgd(0.1), jos.project(radius=1.0)), jnp.zeros(2), steps=200)
    np.testing.assert_allclose(ball.params, goal / jnp.linalg.norm(goal), atol=1e-5)


def test_the_printed_call():
    assert repr(jos.project(low=0.0)) == "project(low=0.0)"
    assert repr(jos.project(low=-1.0, high=1.0)) == "project(low=-1.0, high=1.0)"
    assert repr(jos.project(radius=2.0)) == "project(radius=2.0)"
