"""clip, clip_by_global_norm, zero_nans and add_decayed_weights, against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxopt_slides as jos

LARGEST = float(np.finfo(np.float32).max)


def one_update(tx, updates, params=None, wrap=lambda f: f):
    return wrap(tx.update)(updates, tx.init(updates), params)[0]


def bits(x):
    """The bytes of an array: -0.0 is not 0.0, and a NaN is itself."""
    return (x.dtype, x.shape, np.asarray(x).tobytes())


def same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert bits(x) == bits(y)


def wide(x):
    x = np.asarray(x)
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def global_norm(leaves):
    """The norm in float64 by ratios, so that the reference itself does not overflow."""
    parts = [p for x in map(wide, leaves) for p in (x.real.ravel(), x.imag.ravel())]
    flat = np.concatenate([*parts, np.zeros(1)])
    largest = np.abs(flat).max()
    return largest * np.sqrt(np.sum((flat / largest) ** 2)) if largest else 0.0


def clipped_by_global_norm(tree, max_norm):
    leaves, treedef = jax.tree.flatten(tree)
    norm = global_norm(leaves)
    factor = 1.0 if norm <= max_norm else max_norm / norm
    return treedef.unflatten([factor * wide(x) for x in leaves])


def close(got, tree, expected, ulps):
    """Within so many ulps in each leaf's dtype; float32 below its normal numbers may be 0."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for u, g, e in zip(*map(jax.tree.leaves, (got, tree, expected)), strict=True):
        assert (u.dtype, u.shape) == (g.dtype, g.shape)
        finfo = jnp.finfo(g.dtype)
        eps, tiny = float(finfo.eps), float(finfo.tiny)
        subnormal = ulps * eps * tiny if finfo.dtype == jnp.float16 else tiny
        tolerance = np.where(np.abs(e) < tiny, subnormal, ulps * eps * np.abs(e))
        assert (np.abs(wide(u) - e) <= tolerance).all(), (u, e)


# ---------------------------------------------------------------- clip_by_global_norm


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "under jit"])
@pytest.mark.parametrize(
    ("dtype", "elements"),
    [
        ("float16", [300.0, 400.0]),  # the squares are beyond 65504
        ("float16", [65504.0, 65504.0]),
        ("float16", [6e-8, -6e-8, 6e-8]),  # the smallest subnormal of float16
        ("bfloat16", [1e30, -2e30]),
        ("float32", [3e30, 4e30]),
        ("float32", [3e38, 3e38]),  # the norm itself is beyond float32
        ("float32", [LARGEST] * 7),
        ("float32", [3e-30, 4e-30]),  # the squares are below float32
        ("float32", [1e30, 1e-30]),
        ("float32", [3e38, -1e38, 0.0]),
        ("float32", [1e30, -1e30, 0.0]),
        ("complex64", [1e30 + 2e30j, -3e30j]),
        ("complex64", [3e38 + 3e38j, 1e38 - 3e38j]),  # |g| is beyond float32
        ("complex64", [1e-30 + 2e-30j, -3e-30j]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("share", [0.25, 1e-4])
def test_no_overflow_and_no_underflow(dtype, elements, share, wrap):
    """Clipped to a part of their norm, or to 1, whichever is less."""
    g = jnp.asarray(elements, dtype)
    max_norm = min(share * global_norm([g]), 1.0)
    updates = wrap(lambda: one_update(jos.clip_by_global_norm(max_norm), {"w": g}))()
    expected = clipped_by_global_norm({"w": g}, max_norm)
    close(updates, {"w": g}, expected, 4)


def test_at_sizes_whose_reciprocal_is_zero():
    """XLA divides by a scalar as it multiplies by its reciprocal: 0 beyond 1e38, eagerly as well."""
    g = {"w": jnp.array([3e38, -3e38, 1e38], jnp.float32)}
    for max_norm in (1e-31, 1.0):
        expected = clipped_by_global_norm(g, max_norm)
        with jax.disable_jit():
            close(one_update(jos.clip_by_global_norm(max_norm), g), g, expected, 4)
        close(one_update(jos.clip_by_global_norm(max_norm), g), g, expected, 4)
        constant = jax.jit(lambda tx: one_update(tx, g))
        close(constant(jos.clip_by_global_norm(max_norm)), g, expected, 4)


def test_clipping_to_huge_norms():
    """The factor 3e38 / norm and the ratios to the largest element do not overflow on the way."""
    for elements, max_norm in [([3e38, 3e38], 3e38), ([3e38, 3e38], 3.4e38), ([3e38] * 4, 1e38)]:
        g = {"w": jnp.array(elements, jnp.float32)}
        close(
            one_update(jos.clip_by_global_norm(max_norm), g), g, clipped_by_global_norm(g, max_norm), 4
        )


def test_optax_zeroes_what_ours_clips():
    g = {"w": jnp.array([3e30, 4e30], jnp.float32)}
    np.testing.assert_array_equal(one_update(optax.clip_by_global_norm(1.0), g)["w"], 0)
    np.testing.assert_allclose(one_update(jos.clip_by_global_norm(1.0), g)["w"], [0.6, 0.8], rtol=3e-7)


@pytest.mark.parametrize("max_norm", [1e-30, 0.5, 1.0, 3e38])
def test_zero_gradients_give_zero_with_derivative_one(max_norm):
    """Zero is inside every ball, so nothing is clipped there."""
    zero = {"w": jnp.array([0.0, -0.0]), "b": jnp.zeros((2, 1))}
    tx = jos.clip_by_global_norm(max_norm)
    same_bits(one_update(tx, zero), zero)

    def total(g, tx):
        return sum(jnp.sum(x) for x in jax.tree.leaves(one_update(tx, g)))

    by_gradient, by_tx = jax.grad(total, argnums=(0, 1))(zero, tx)
    for x in jax.tree.leaves(by_gradient):
        np.testing.assert_array_equal(x, 1.0)
    np.testing.assert_array_equal(jos.hyperparams(by_tx)["max_norm"], 0.0)
    for x in jax.tree.leaves(jax.jacfwd(lambda g: one_update(tx, g)["w"])(zero)["w"]):
        np.testing.assert_array_equal(x, np.eye(2))


def test_norm_zero_stops_everything():
    """And the derivative by the norm is the direction."""
    g = {"w": jnp.array([3.0, -4.0, 0.0]), "z": jnp.zeros(2)}
    tx = jos.clip_by_global_norm(0.0)
    for u in jax.tree.leaves(one_update(tx, g)):
        np.testing.assert_array_equal(u, 0)
    slope = jax.jacobian(lambda tx: one_update(tx, g)["w"])(tx)
    np.testing.assert_allclose(jos.hyperparams(slope)["max_norm"], [0.6, -0.8, 0.0], rtol=3e-7)


def test_derivatives_where_the_norm_binds(x64):
    """u = m g / |g|: the derivative by m is g / |g|, by g it is m (1 - g g' / |g|^2) / |g|."""
    g, m = np.array([3.0, -4.0, 0.0, 12.0]), 2.0
    norm = np.linalg.norm(g)
    jacobian = jax.jacobian(lambda g, tx: one_update(tx, g), argnums=(0, 1))
    by_gradient, by_tx = jacobian(jnp.asarray(g), jos.clip_by_global_norm(m))
    unit = g / norm
    np.testing.assert_allclose(jos.hyperparams(by_tx)["max_norm"], unit, rtol=1e-14)
    expected = m / norm * (np.eye(4) - np.outer(unit, unit))
    np.testing.assert_allclose(by_gradient, expected, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("scale", [1e-30, 1e30, 3e38])
def test_hypergradients_at_extreme_sizes_are_finite(scale):
    g = jnp.array([scale, -scale, 0.0], jnp.float32)
    total = lambda tx: one_update(tx, g)[0]  # noqa: E731
    for max_norm in (1e-31, 1.0):
        for gradient in (jax.grad(total), jax.jit(jax.grad(total))):
            slope = jos.hyperparams(gradient(jos.clip_by_global_norm(max_norm)))["max_norm"]
            outside = max_norm < scale
            np.testing.assert_allclose(slope, np.sqrt(0.5) if outside else 0.0, rtol=3e-7)


SHAPES = [(), (3,), (2, 3), (0,)]
TREES = st.lists(
    st.tuples(
        st.sampled_from(SHAPES),
        st.sampled_from(["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]),
        st.integers(0, 2**32 - 1),
    ),
    max_size=4,
)


def random_tree(leaves):
    tree = {}
    for i, (shape, dtype, seed) in enumerate(leaves):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(shape) * 10.0 ** rng.uniform(-4, 4)
        if dtype.startswith("complex"):
            x = x + 1j * rng.standard_normal(shape)
        tree[f"leaf {i}"] = jnp.asarray(x, dtype)
    return tree


@given(leaves=TREES, exponent=st.integers(-3, 3))
@settings(max_examples=12)
def test_random_trees_of_mixed_dtypes(leaves, exponent):
    """The factor is at hand in the widest dtype, and each leaf is rounded once, in its own."""
    with jax.enable_x64(True):
        tree = random_tree(leaves)
        max_norm = 10.0**exponent
        got = one_update(jos.clip_by_global_norm(max_norm), tree)
        close(got, tree, clipped_by_global_norm(tree, max_norm), 4)


def test_a_wide_tree_is_accurate_too():
    """The sum over many elements: error of a pairwise or blocked sum, not of a loop."""
    g = np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
    tree = {"w": jnp.asarray(g)}
    close(one_update(jos.clip_by_global_norm(1.0), tree), tree, clipped_by_global_norm(tree, 1.0), 64)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("max_norm", [5.0, 5.000001, 1e10, 3e38])
def test_inside_the_ball_nothing_changes(dtype, max_norm):
    """Bit for bit, on the sphere as well; the sign of zero too."""
    tree = {"w": jnp.array([3.0, -0.0, 0.0], dtype), "b": jnp.array([[-4.0]], dtype)}
    for wrap in (lambda f: f, jax.jit):
        same_bits(one_update(jos.clip_by_global_norm(max_norm), tree, wrap=wrap), tree)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_random_gradients_inside_the_ball_come_back(seed):
    rng = np.random.default_rng(seed)
    g = {"w": jnp.asarray(rng.standard_normal(7) * 10.0 ** rng.uniform(-30, 30), jnp.float32)}
    tx = jos.clip_by_global_norm(jnp.float32(global_norm([g["w"]]) * (1 + 1e-6)))
    same_bits(one_update(tx, g), g)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("max_norm", [0.0, 1.0, 1e30])
def test_one_bad_element_makes_every_update_nan(bad, max_norm):
    tree = {"w": jnp.array([1.0, bad]), "b": jnp.ones((2, 2), jnp.bfloat16), "z": jnp.zeros(1)}
    updates = one_update(jos.clip_by_global_norm(max_norm), tree)
    for u in jax.tree.leaves(updates):
        assert bool(jnp.isnan(u).all())


def test_a_bad_imaginary_part_makes_every_update_nan():
    tree = {"c": jnp.array([1.0 + 1j * np.inf, 1.0]), "w": jnp.ones(2)}
    updates = one_update(jos.clip_by_global_norm(1.0), tree)
    assert bool(jnp.isnan(updates["c"].real).all() & jnp.isnan(updates["w"]).all())


@pytest.mark.parametrize("empty", [{}, (), None, {"a": None}, {"a": jnp.zeros((0, 2))}], ids=repr)
@pytest.mark.parametrize("make", [jos.clip, jos.clip_by_global_norm, lambda _: jos.zero_nans()])
def test_empty_trees(make, empty):
    tx = make(1.0)
    for wrap in (lambda f: f, jax.jit):
        updates, state = wrap(tx.update)(empty, tx.init(empty), empty)
        assert jax.tree.structure(updates) == jax.tree.structure(empty)
        assert state.count == 1


def test_a_schedule_of_norms():
    tx = jos.clip_by_global_norm(jos.linear_schedule(1.0, 3.0, 2))
    g = jnp.array([6.0, 8.0])
    state = tx.init(g)
    for max_norm in (1.0, 2.0, 3.0, 3.0):
        assert jos.hyperparams(tx, state)["max_norm"] == max_norm
        updates, state = tx.update(g, state)
        np.testing.assert_allclose(updates, max_norm * np.array([0.6, 0.8]), rtol=3e-7)


def test_stacked_norms():
    """A vmapped constructor: one norm an optimizer."""
    norms = np.array([0.5, 1.0, 20.0], np.float32)
    stacked = jax.vmap(jos.clip_by_global_norm)(jnp.asarray(norms))
    got = jax.vmap(lambda tx: one_update(tx, jnp.array([6.0, 8.0])))(stacked)
    expected = np.minimum(1.0, norms / 10)[:, None] * np.array([6.0, 8.0])
    np.testing.assert_allclose(got, expected, rtol=3e-7)


def test_equal_to_optax_where_its_squares_neither_overflow_nor_underflow():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        tree = {k: jnp.asarray(rng.standard_normal(4), jnp.float32) for k in "ab"}
        ours = one_update(jos.clip_by_global_norm(1.0), tree)
        theirs = one_update(optax.clip_by_global_norm(1.0), tree)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=5e-7), ours, theirs)


# ---------------------------------------------------------------- clip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_clip_is_numpy_clip(dtype):
    elements = [3.0, -3.0, 0.5, -0.5, 0.0, -0.0, np.inf, -np.inf, 1.0, -1.0]
    g = jnp.array(elements, dtype)
    same_bits(one_update(jos.clip(1.0), g), jnp.asarray(np.clip(elements, -1.0, 1.0), dtype))


def test_clip_keeps_nan_and_clips_both_parts_of_complex_numbers():
    g = {"c": jnp.array([3.0 - 0.5j, -0.25 + 2j, 1e30 - 1e30j]), "w": jnp.array([np.nan, 2.0])}
    updates = one_update(jos.clip(1.0), g)
    np.testing.assert_array_equal(updates["c"], np.array([1 - 0.5j, -0.25 + 1j, 1 - 1j]))
    np.testing.assert_array_equal(updates["w"], [np.nan, 1.0])


def test_clip_with_a_schedule_and_its_derivative():
    tx = jos.clip(jos.linear_schedule(1.0, 2.0, 1))
    g = jnp.array([5.0, -5.0, 0.25])
    state = tx.init(g)
    for bound in (1.0, 2.0, 2.0):
        updates, state = tx.update(g, state)
        np.testing.assert_array_equal(updates, np.clip(g, -bound, bound))
    slope = jax.jacobian(lambda tx: one_update(tx, g))(jos.clip(1.0))
    np.testing.assert_array_equal(jos.hyperparams(slope)["max_delta"], [1, -1, 0])
    np.testing.assert_array_equal(one_update(jos.clip(0.0), g), 0)


# ---------------------------------------------------------------- zero_nans


def test_zero_nans_counts_elements():
    tx = jos.zero_nans()
    g = {
        "w": jnp.array([[np.nan, 1.0], [np.inf, np.nan]]),
        "h": jnp.array([np.nan, -0.0], jnp.bfloat16),
        "c": jnp.array([complex(1, np.nan), complex(np.nan, 1), 1 + 1j]),
    }
    state = tx.init(g)
    assert (state.zeroed, state.zeroed.dtype) == (0, jnp.int32)
    for step in (1, 2, 3):
        updates, state = tx.update(g, state)
        assert (state.count, state.zeroed) == (step, 5 * step)
    np.testing.assert_array_equal(updates["w"], [[0, 1], [np.inf, 0]])
    np.testing.assert_array_equal(updates["c"], np.array([0, 0, 1 + 1j]))
    same_bits(updates["h"], jnp.array([0.0, -0.0], jnp.bfloat16))
    clean = {k: jnp.zeros_like(x) for k, x in g.items()}
    assert tx.update(clean, state)[1].zeroed == 15


def test_the_count_of_nans_saturates():
    tx, most = jos.zero_nans(), np.iinfo(np.int32).max
    g = jnp.full(3, jnp.nan)
    for start, expected in [(most - 3, most), (most - 2, most), (most, most), (most - 4, most - 1)]:
        state = tx.init(g)._replace(zeroed=jnp.int32(start))
        assert tx.update(g, state)[1].zeroed == expected


def test_derivative_through_zeroed_nans_is_finite():
    tx = jos.chain(jos.zero_nans(), jos.sgd(0.5))
    g = jnp.array([np.nan, 2.0])
    slope = jax.grad(lambda tx: jnp.sum(one_update(tx, g)))(tx)
    np.testing.assert_array_equal(jos.hyperparams(slope)["learning_rate"], -2.0)
    np.testing.assert_array_equal(jax.grad(lambda g: jnp.sum(one_update(tx, g)))(g), [0, -0.5])


# ---------------------------------------------------------------- add_decayed_weights

W = {"kernel": jnp.array([[2.0, -4.0]]), "bias": jnp.array([8.0])}
G = {"kernel": jnp.array([[1.0, 1.0]]), "bias": jnp.array([1.0])}
matrices = lambda params: jax.tree.map(lambda w: w.ndim > 1, params)  # noqa: E731


def decayed(tx, params=W, updates=G):
    return jax.tree.map(np.asarray, tx.update(updates, tx.init(params), params)[0])


@pytest.mark.parametrize(
    "weight_decay",
    [0.25, jnp.float32(0.25), np.float64(0.25), lambda count: 0.25],
    ids=["number", "array", "numpy", "schedule"],
)
def test_weight_decay_is_added(weight_decay):
    updates = decayed(jos.add_decayed_weights(weight_decay))
    np.testing.assert_array_equal(updates["kernel"], [[1.5, 0.0]])
    np.testing.assert_array_equal(updates["bias"], [3.0])


@pytest.mark.parametrize(
    "mask",
    [{"kernel": True, "bias": False}, matrices, {"kernel": np.True_, "bias": np.False_}],
    ids=["tree", "callable", "numpy"],
)
def test_weight_decay_with_a_mask(mask):
    for wrap in (lambda f: f, jax.jit):
        tx = jos.add_decayed_weights(0.25, mask=mask)
        updates, _ = wrap(tx.update)(G, tx.init(W), W)
        np.testing.assert_array_equal(updates["kernel"], [[1.5, 0.0]])
        np.testing.assert_array_equal(updates["bias"], [1.0])
        theirs = optax.add_decayed_weights(0.25, mask=matrices)
        jax.tree.map(np.testing.assert_array_equal, updates, theirs.update(G, theirs.init(W), W)[0])


def test_weight_decay_with_a_prefix():
    params, updates = {"a": W, "b": W}, {"a": G, "b": G}
    got = decayed(jos.add_decayed_weights(0.25, mask={"a": True, "b": False}), params, updates)
    np.testing.assert_array_equal(got["a"]["bias"], [3.0])
    jax.tree.map(np.testing.assert_array_equal, got["b"], G)
    for mask, bias in [(True, 3.0), (False, 1.0)]:  # the shortest prefix
        np.testing.assert_array_equal(decayed(jos.add_decayed_weights(0.25, mask=mask))["bias"], bias)


def test_a_schedule_of_weight_decay_counts_updates():
    tx = jos.add_decayed_weights(jos.linear_schedule(0.0, 1.0, 4), mask=matrices)
    state = tx.init(W)
    for t in range(6):
        updates, state = tx.update(G, state, W)
        decay = min(t / 4, 1.0)
        np.testing.assert_array_equal(updates["kernel"], 1 + decay * np.array([[2.0, -4.0]]))


def test_weight_decay_of_bfloat16_is_added_in_float32():
    """256 + 0.5 * 1 is a number that bfloat16 does not have: it rounds once, at the end."""
    params, updates = jnp.array([1.0, 3.0], jnp.bfloat16), jnp.array([256.0, 256.0], jnp.bfloat16)
    tx = jos.chain(jos.add_decayed_weights(0.5), jos.scale(0.5))
    got = tx.update(updates, tx.init(params), params)[0]
    same_bits(got, jnp.asarray(np.array([128.25, 128.75]), jnp.bfloat16))


def test_weight_decay_says_what_it_needs():
    tx = jos.add_decayed_weights(0.5)
    with pytest.raises(ValueError, match=r"add_decayed_weights needs the parameters: call update\("):
        tx.update(W, tx.init(W))
    with pytest.raises(ValueError, match=r"add_decayed_weights: weight_decay must be finite and at "):
        jos.add_decayed_weights(-0.5)
    with pytest.raises(
        ValueError, match=r"add_decayed_weights: leaf \['bias'\] of the mask is 1.5; expected one of "
    ):
        jos.add_decayed_weights(0.5, mask={"kernel": True, "bias": 1.5})
