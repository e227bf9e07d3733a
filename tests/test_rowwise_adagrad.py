"""Row-wise Adagrad on arrays that have rows: shapes, dtypes, wrappers, and what it is not."""

import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.coasting import coast
from tests import oracle

SHAPES = [(), (5,), (1,), (4, 3), (2, 4, 3), (4, 1), (0,), (3, 0), (0, 4), (2, 0, 3)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
NUMBERS = {"learning_rate": 0.1, "eps": 1e-3, "eps_root": 1e-4, "initial_accumulator_value": 0.25}
TABLE = np.arange(12, dtype=np.float32).reshape(4, 3) / 4 - 1


def rows_of(shape):
    return (*shape[:-1], 1) if shape else ()


def gradients_of(shape, dtype=np.float64, steps=30):
    """Rows of many sizes, some of them 0, some at every second step; exact in bfloat16."""
    rng = np.random.default_rng(3)
    signs = rng.choice([-1, 1], (steps, *shape)) * 2.0 ** rng.integers(-8, 8, (steps, *shape))
    there = rng.uniform(size=(steps, *rows_of(shape))) < 0.5
    g = np.where(there, signs, 0) * (rng.uniform(size=(steps, *shape)) < 0.9)
    return g * (1 + 1j if dtype == jnp.complex64 else 1)


def run(tx, gradients, state):
    """All updates and the last state."""

    def body(state, g):
        updates, state = tx.update(g, state)
        return state, updates

    state, updates = jax.jit(lambda g, s: jax.lax.scan(body, s, g))(gradients, state)
    return updates, state


def trained(tx, w=TABLE, steps=3):
    state = tx.init(w)
    for _ in range(steps):
        updates, state = tx.update(w * w, state, w)
        w = jos.apply_updates(w, updates)
    return w, state


# ---------------------------------------------------------------- the numbers


@every_shape
def test_it_is_the_loop_over_rows(shape, x64):
    g = gradients_of(shape)
    tx = jos.rowwise_adagrad(**NUMBERS)
    updates, state = run(tx, jnp.asarray(g), tx.init(jnp.zeros(shape)))
    expected = np.stack(oracle.rowwise_adagrad(g, **NUMBERS))
    assert expected.shape == updates.shape == g.shape
    np.testing.assert_allclose(updates, expected, rtol=1e-13)
    assert np.isfinite(state.sum_of_squares).all()


def test_rows_of_every_size():
    """From 1e-18 on, where the square is still a float32, a first step has the size of its rate."""
    g = jnp.array([[1.0, -1.0]]) * 10.0 ** jnp.arange(-18, 19)[:, None].astype(jnp.float32)
    tx = jos.rowwise_adagrad(1.0, eps=0.0)
    updates, _ = tx.update(g, tx.init(g))
    np.testing.assert_allclose(updates, -jnp.sign(g), rtol=1e-6)


def test_the_oracle_by_hand():
    """Three rows of two: 3 and 4, nothing, and two of one size."""
    g = np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 2.0]])
    first, second = oracle.rowwise_adagrad([g, g], 1.0, eps=0.0)
    np.testing.assert_allclose(first, -g / np.sqrt([[12.5], [1], [4]]))
    np.testing.assert_allclose(second, -g / np.sqrt([[25], [1], [8]]))


def test_rows_of_one_size_are_adagrads():
    """Where the squares of a row are equal, their mean is each of them."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (20, 4, 3))
    g = jnp.asarray(gradients_of((4, 1), steps=20) * signs, jnp.float32)
    both = [tx(**NUMBERS) for tx in (jos.rowwise_adagrad, jos.adagrad)]
    by_row, by_element = (run(tx, g, tx.init(g[0])) for tx in both)
    np.testing.assert_allclose(by_row[0], by_element[0], rtol=1e-6)
    sums = [state.sum_of_squares[:, :1] for _, state in (by_row, by_element)]
    np.testing.assert_allclose(*sums, rtol=1e-6)


def test_a_row_is_the_last_axis_and_not_another():
    g = jnp.array([[1.0, 0.0], [0.0, 0.0], [3.0, 3.0]])
    tx = jos.rowwise_adagrad(1.0, eps=0.0)
    _, state = tx.update(g, tx.init(g))
    np.testing.assert_array_equal(state.sum_of_squares, [[0.5], [0.0], [9.0]])
    _, state = tx.update(g.T, tx.init(g.T))
    np.testing.assert_allclose(state.sum_of_squares, [[10 / 3], [3.0]], rtol=1e-6)


def test_an_update_has_the_direction_of_its_row():
    g = jnp.array([[1.0, 1e-4, -2.0], [1e4, 0.0, 1e-6]])
    tx = jos.rowwise_adagrad(0.5)
    updates, state = tx.update(g, tx.init(g))
    rates = jos.diagnostics.effective_learning_rate(tx, state, g)
    np.testing.assert_allclose(updates, -rates * g, rtol=1e-6)
    np.testing.assert_array_equal(rates, np.repeat(rates[:, :1], 3, axis=1))


# ---------------------------------------------------------------- state


@every_shape
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "complex64"])
def test_one_real_number_a_row(shape, dtype):
    w = jnp.ones(shape, dtype)
    tx = jos.rowwise_adagrad(0.1, initial_accumulator_value=0.5)
    first = tx.init(w)
    assert jax.eval_shape(tx.init, w) == jax.eval_shape(lambda: first)
    updates, state = tx.update(w, first, w)
    assert (updates.shape, updates.dtype) == (shape, dtype)
    for s, value in ((first, 0.5), (state, 0.5 if 0 in shape[-1:] else 1.5)):
        c = s.sum_of_squares
        assert (c.shape, c.dtype, c.weak_type) == (rows_of(shape), jnp.float32, False)
        np.testing.assert_array_equal(c, np.full(rows_of(shape), value, np.float32))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "complex64"])
def test_dtypes(dtype):
    kind = np.complex128 if dtype == "complex64" else np.float64
    g = gradients_of((4, 3), dtype)
    tx = jos.rowwise_adagrad(**NUMBERS)
    updates, _ = run(tx, jnp.asarray(g, dtype), tx.init(jnp.zeros((4, 3), dtype)))
    assert updates.dtype == dtype
    expected = np.stack(oracle.rowwise_adagrad(g, **NUMBERS))
    rtol = 2 * float(jnp.finfo(dtype).eps) + 1e-6
    tiny = float(jnp.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(np.asarray(updates).astype(kind), expected, rtol=rtol, atol=tiny)


def test_numpy_and_python_leaves():
    tx = jos.rowwise_adagrad(0.1)
    state = tx.init({"a": np.ones((2, 3), np.float32), "b": 1.0})
    assert {name: c.shape for name, c in state.sum_of_squares.items()} == {"a": (2, 1), "b": ()}


def test_a_row_that_never_occurs_rests():
    """Its updates are 0, and every derivative through it is finite, also without eps."""
    g = jnp.zeros((3, 2)).at[0, 0].set(2.0)

    def loss(tx, g):
        def body(carry, _):
            w, state = carry
            updates, state = tx.update(g * w, state, w)
            return (w + updates, state), None

        (w, _), _ = jax.lax.scan(body, (jnp.ones((3, 2)), tx.init(g)), length=50)
        return jnp.sum(w * w)

    for eps in (1e-7, 0.0):
        tx = jos.rowwise_adagrad(0.1, eps=eps)
        updates, _ = tx.update(g, tx.init(g))
        np.testing.assert_array_equal(updates != 0, g != 0)
        gradients = jax.tree.leaves(jax.grad(loss, argnums=(0, 1))(tx, g))
        assert all(np.isfinite(x).all() for x in gradients)


def test_vmap_and_symbolic_shapes():
    g = jnp.asarray(gradients_of((5, 4, 3), steps=1)[0], jnp.float32)
    tx = jos.rowwise_adagrad(0.1)
    whole = tx.update(g, tx.init(g))
    mapped = jax.vmap(lambda g: tx.update(g, tx.init(g)))(g)
    np.testing.assert_array_equal(mapped[0], whole[0])
    np.testing.assert_array_equal(mapped[1].sum_of_squares, whole[1].sum_of_squares)
    rows, size = jax.export.symbolic_shape("rows, size")
    w = jax.ShapeDtypeStruct((rows, size), jnp.float32)
    program = jax.export.export(jax.jit(lambda g: tx.update(g, tx.init(g))))(w)
    np.testing.assert_allclose(program.call(g[0])[0], whole[0][0], rtol=1e-6)


# ---------------------------------------------------------------- states of wrong shapes


NEEDS = "rowwise_adagrad: {} of the state's sum_of_squares has shape {}; the updates' rows have shape "
NEEDS += "{} there. Shapes must be equal; nothing is broadcast."


@pytest.mark.parametrize(
    ("of_state", "of_gradient", "expected"),
    [
        ((4, 3), (4, 3), (4, 1)),  # that of adagrad
        ((4, 1), (5, 3), (5, 1)),
        ((1, 1), (4, 3), (4, 1)),
        ((4,), (4, 3), (4, 1)),
        ((), (4, 3), (4, 1)),
        ((3,), (3,), (1,)),
        ((1,), (), ()),
        ((), (3,), (1,)),
        ((2, 1), (2, 4, 3), (2, 4, 1)),
        ((3, 0), (3, 0), (3, 1)),
    ],
)
def test_a_state_of_another_shape_is_refused(of_state, of_gradient, expected):
    tx = jos.rowwise_adagrad(0.1)
    for wrap, place in ((lambda x: x, "the only leaf"), (lambda x: {"w": [x]}, "leaf ['w'][0]")):
        g = wrap(jnp.ones(of_gradient))
        state = tx.init(g)._replace(sum_of_squares=wrap(jnp.ones(of_state)))
        text = NEEDS.format(place, of_state, expected)
        with pytest.raises(AssertionError, match=re.escape(text)):
            tx.update(g, state)
        with pytest.raises(AssertionError, match=re.escape(text)):
            jax.jit(tx.update)(g, state)


def test_every_leaf_has_its_own_rows():
    """Leaves of one dtype and different shapes in one tree; one wrong among them is named."""
    w = {str(shape): jnp.ones(shape) for shape in SHAPES}
    tx = jos.rowwise_adagrad(0.1)
    _, state = tx.update(w, tx.init(w))
    found = {name: c.shape for name, c in state.sum_of_squares.items()}
    assert found == {str(shape): rows_of(shape) for shape in SHAPES}
    wrong = state.sum_of_squares | {"(2, 4, 3)": jnp.ones((4, 1))}
    with pytest.raises(AssertionError, match=re.escape("leaf ['(2, 4, 3)'] of the state's")):
        tx.update(w, state._replace(sum_of_squares=wrong))


def test_a_state_of_another_dtype_is_refused():
    tx, w = jos.rowwise_adagrad(0.1), jnp.ones((4, 3))
    state = tx.init(w)._replace(sum_of_squares=jnp.ones((4, 1), jnp.complex64))
    with pytest.raises(AssertionError, match="has dtype complex64; the updates need float32 there"):
        tx.update(w, state)


def test_none_and_empty_trees():
    tx = jos.rowwise_adagrad(0.1)
    for tree in (None, {}, {"a": None}):
        updates, state = tx.update(tree, tx.init(tree))
        assert updates == tree
        assert state.sum_of_squares == tree


# ---------------------------------------------------------------- inside wrappers


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_accumulator_dtype(dtype):
    tx = jos.accumulator_dtype(jos.rowwise_adagrad(0.1), dtype)
    w, state = trained(tx)
    assert (state.sum_of_squares.shape, state.sum_of_squares.dtype) == ((4, 1), dtype)
    np.testing.assert_allclose(w, trained(jos.rowwise_adagrad(0.1))[0], atol=1e-2)
    with pytest.raises(AssertionError, match=re.escape("has shape (4, 3); the updates' rows")):
        tx.update(w, state._replace(sum_of_squares=jnp.ones((4, 3), dtype)))


WRAPPED = {
    "chain": lambda tx: jos.chain(tx, jos.identity()),
    "masked": lambda tx: jos.masked(tx, {"b": False, "w": True}),
    "partition": lambda tx: jos.partition({"t": tx, "o": jos.sgd(0.1)}, {"b": "o", "w": "t"}),
    "multi_steps": lambda tx: jos.multi_steps(tx, 1),
    "apply_if_finite": lambda tx: jos.apply_if_finite(tx, 2),
    "average_params": lambda tx: jos.average_params(tx, 0.9),
    "mixed_precision": jos.mixed_precision,
    "checked": jos.checked,
    "as_static": jos.as_static,
    "as_arrays": jos.as_arrays,
    "accumulator_dtype": lambda tx: jos.accumulator_dtype(tx, jnp.float32),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_it_updates_a_table_as_alone(name):
    params = {"b": jnp.ones(2), "w": jnp.asarray(TABLE)}
    tx, alone = WRAPPED[name](jos.rowwise_adagrad(0.1)), jos.rowwise_adagrad(0.1)
    state, w, of_w = tx.init(params), params["w"], alone.init(params["w"])
    for _ in range(3):
        updates, state = tx.update(jax.tree.map(jnp.square, params), state, params)
        params = jos.apply_updates(params, updates)
        updates, of_w = alone.update(w * w, of_w)
        w = jos.apply_updates(w, updates)
    np.testing.assert_allclose(params["w"], w, rtol=1e-6)
    assert (4, 1) in {jnp.shape(x) for x in jax.tree.leaves(state)}


def test_a_nan_step_leaves_the_rows_alone():
    tx = jos.apply_if_finite(jos.rowwise_adagrad(0.1), 2)
    _, state = trained(tx)
    _, after = tx.update(jnp.full((4, 3), jnp.nan), state)
    np.testing.assert_array_equal(after.inner_state.sum_of_squares, state.inner_state.sum_of_squares)


def test_checked_names_a_row_s_sum():
    tx = jos.checked(jos.rowwise_adagrad(0.1))
    state = tx.init(jnp.asarray(TABLE))
    inner = state.inner_state._replace(sum_of_squares=jnp.full((4, 1), -1.0))
    with pytest.raises(AssertionError, match="sum_of_squares is -1; it must not be negative"):
        tx.update(jnp.zeros((4, 3)), state._replace(inner_state=inner))
    with pytest.raises(AssertionError, match="sum_of_squares is not finite"):
        tx.update(jnp.full((4, 3), 1e30), state)


def test_bfloat16_tables_with_master_weights():
    tx = jos.mixed_precision(jos.rowwise_adagrad(1e-3))
    w = jnp.ones((4, 3), jnp.bfloat16)
    state = tx.init(w)
    for _ in range(3):
        updates, state = tx.update(jnp.ones_like(w), state, w)
        w = jos.apply_updates(w, updates)
    assert state.inner_state.sum_of_squares.dtype == jnp.float32
    np.testing.assert_allclose(state.master, 1 - 1e-3 * (1 + 2**-0.5 + 3**-0.5), rtol=1e-6)


def test_coasting_is_standing_still():
    tx = jos.rowwise_adagrad(0.1)
    w, state = trained(tx)
    moved, after = coast(tx, state, w, 7)
    np.testing.assert_array_equal(moved, np.zeros((4, 3)))
    np.testing.assert_array_equal(after.sum_of_squares, state.sum_of_squares)
    assert int(after.count) == int(state.count) + 7
    chained = jos.chain(tx, jos.trace(0.5))
    _, state = trained(chained)
    moved, after = coast(chained, state, w, 2)
    np.testing.assert_allclose(moved, state[1].velocity * 0.75, rtol=1e-6)
    np.testing.assert_array_equal(after[0].sum_of_squares, state[0].sum_of_squares)


# ---------------------------------------------------------------- where it is not Adagrad


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
def test_no_framework_here_keeps_its_state(framework):
    module = getattr(jos.presets, framework)
    tx, params = jos.rowwise_adagrad(0.1), {"w": jnp.ones((4, 3))}
    text = "rowwise_adagrad keeps one number a row, which no framework here does."
    with pytest.raises(ValueError, match=f"^{framework}.to_state_dict: {text}"):
        module.to_state_dict(tx, params, tx.init(params))
    plain = jos.adagrad(0.1)
    saved = module.to_state_dict(plain, params, plain.init(params))
    with pytest.raises(ValueError, match=f"^{framework}.load_state: {text}"):
        module.load_state(jos.chain(tx), params, saved)


def test_diagnostics():
    tx = jos.rowwise_adagrad(0.5, eps=0.0)
    g = jnp.array([[3.0, 4.0], [1.0, 1.0]])
    _, state = tx.update(g, tx.init(g))
    with pytest.raises(TypeError, match=r"expected Adagrad's state, got RowwiseAdagradState\.$"):
        jos.diagnostics.adagrad_bound(state, 0.5, 1.0)
    of_rows = jos.diagnostics.effective_learning_rate(tx, state)
    np.testing.assert_allclose(of_rows, [[0.5 / np.sqrt(12.5)], [0.5]], rtol=1e-6)
    of_elements = jos.diagnostics.effective_learning_rate(tx, state, g)
    np.testing.assert_allclose(of_elements, np.repeat(of_rows, 2, axis=1), rtol=1e-6)
