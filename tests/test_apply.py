"""apply_updates: W becomes W + u in W's dtype; nothing is broadcast, nothing truncated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos

bf16 = jnp.bfloat16


def both(params, updates):
    """The result, called eagerly and under jit alike."""
    eager = jos.apply_updates(params, updates)
    jitted = jax.jit(jos.apply_updates)(params, updates)
    assert jax.tree.structure(eager) == jax.tree.structure(jitted)
    for a, b in zip(jax.tree.leaves(eager), jax.tree.leaves(jitted), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    return eager


@pytest.mark.parametrize(
    ("kept", "came"),
    [
        ("float32", "float32"),
        ("float32", "bfloat16"),
        ("float32", "float16"),
        ("bfloat16", "bfloat16"),
        ("bfloat16", "float32"),
        ("float16", "float32"),
        ("float16", "bfloat16"),
        ("complex64", "complex64"),
        ("complex64", "float32"),
    ],
)
def test_parameters_keep_their_dtype(kept, came):
    new = both({"w": jnp.ones(3, kept)}, {"w": jnp.full(3, 0.5, came)})["w"]
    assert new.dtype == kept
    np.testing.assert_array_equal(np.asarray(new).astype(np.complex64), 1.5)


def test_float64():
    with jax.enable_x64():
        for kept, came in [("float64", "float32"), ("float32", "float64"), ("complex128", "float64")]:
            new = both(jnp.ones(2, kept), jnp.full(2, 0.5, came))
            assert new.dtype == kept
            np.testing.assert_array_equal(new, 1.5)


def test_the_sum_is_taken_in_the_wider_dtype():
    """1 + (2^-8 + 2^-17): rounding the update to bfloat16 first would lose its last bit."""
    u = np.float32(2**-8 + 2**-17)  # just above the tie between 1 and 1 + 2^-7
    exact = np.float32(1) + u
    new = both(jnp.ones((), bf16), jnp.float32(u))
    assert new == jnp.float32(exact).astype(bf16)
    w, u = jnp.float16(2048), jnp.float32(1.0009765)  # in float16 the tie would round to even, down
    assert both(w, u) == 2050


def test_complex():
    new = both(jnp.array([1 + 2j, 0]), jnp.array([1j, -1]))
    np.testing.assert_array_equal(new, [1 + 3j, -1])


@pytest.mark.parametrize(
    ("params", "updates", "expected"),
    [
        ({"a": 1.0}, {"a": 0.5}, {"a": 1.5}),
        (1.0, jnp.float32(0.5), 1.5),
        (1.0, jnp.array(0.5, bf16), 1.5),
        (np.float32(1), 0.5, 1.5),
        (np.ones(()), 0.5, 1.5),
        (1 + 0j, 0.5j, 1 + 0.5j),
    ],
)
def test_numbers_are_leaves(params, updates, expected):
    new = both(params, updates)
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(new))
    assert new == expected


def test_numpy_parameters_in_double_precision_become_float32_without_x64():
    assert both(np.ones(2), jnp.ones(2)).dtype == jnp.float32


@pytest.mark.parametrize("empty", [{}, (), [], None, {"a": None, "b": ()}], ids=repr)
def test_empty_trees(empty):
    assert both(empty, empty) == empty


def test_none_passes_through():
    new = both({"a": None, "b": (jnp.ones(2), None)}, {"a": None, "b": (jnp.ones(2), None)})
    assert new["a"] is None
    assert new["b"][1] is None
    np.testing.assert_array_equal(new["b"][0], 2)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 0, 2), ()])
def test_zero_sized_and_scalar(shape):
    assert both(jnp.ones(shape), jnp.ones(shape)).shape == shape


def test_minus_zero():
    new = both(jnp.array([-0.0, 0.0, -0.0]), jnp.array([-0.0, -0.0, 0.0]))
    np.testing.assert_array_equal(jnp.signbit(new), [True, False, False])


def test_it_is_pure():
    params, updates = {"a": np.ones(2, np.float32)}, {"a": np.ones(2, np.float32)}
    jos.apply_updates(params, updates)
    np.testing.assert_array_equal(params["a"], 1)
    np.testing.assert_array_equal(updates["a"], 1)


def test_under_vmap_and_grad():
    new = jax.vmap(jos.apply_updates, in_axes=(None, 0))(jnp.ones(2), jnp.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(new, 1 + np.arange(6.0).reshape(3, 2))
    slope = jax.grad(lambda u: jos.apply_updates({"a": 1.0}, {"a": u})["a"] ** 2)(2.0)
    assert slope == 6


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "under jit"])
@pytest.mark.parametrize(
    ("params", "updates", "error", "text"),
    [
        ({"a": 1}, {"a": 1.0}, TypeError, r"leaf \['a'\] of the params has dtype int32"),
        ({"a": 1.0}, {"a": 1}, TypeError, r"leaf \['a'\] of the updates has dtype int32"),
        (True, 1.0, TypeError, "the only leaf of the params has dtype bool"),
        (1.0, 1j, TypeError, "float32.*complex"),
        ({"a": 1.0}, {"b": 1.0}, ValueError, r"leaf \['a'\] of the params is missing from the updates"),
        ([1.0], (1.0,), ValueError, "the containers differ outermost, tuple where list was expected"),
        ({"a": np.ones(3)}, {"a": np.ones((3, 1))}, AssertionError, r"leaf \['a'\].*\(3, 1"),
        ({"a": np.ones(3)}, {"a": 1.0}, AssertionError, r"leaf \['a'\].*shape \(\);"),
    ],
)  # fmt: skip
def test_errors(wrap, params, updates, error, text):
    with pytest.raises(error, match="apply_updates: .*" + text):
        wrap(jos.apply_updates)(params, updates)
