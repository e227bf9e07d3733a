"""Property-based trees: every optimizer keeps structure, shape and dtype, and works leaf by leaf."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxopt_slides as jos


class Layer(NamedTuple):
    weight: Any
    bias: Any = None


# Few shapes and dtypes: each is one compilation of each rule.
SHAPES = [(), (3,), (2, 3), (0,), (2, 0)]
DTYPES = ["float32", "bfloat16"]


@st.composite
def array_leaves(draw):
    shape, dtype = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(DTYPES))
    eighths = draw(st.integers(-40, 40))  # exact in every dtype
    n = int(np.prod(shape))
    return jnp.asarray(((np.arange(n) + eighths) / 8).reshape(shape), dtype)


leaves = st.one_of(
    array_leaves(), st.integers(-40, 40).map(lambda i: i / 8), st.none(), st.just(np.float32(0.5))
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.builds(Layer, inner, inner),
    ),
    max_leaves=5,
)

OPTIMIZERS = {
    "sgd": jos.sgd(0.5),
    "nesterov": jos.nesterov(0.5, 0.75),
    "rmsprop": jos.rmsprop(0.5, centered=True, momentum=0.5),
    "adagrad": jos.adagrad(0.5),
    "adadelta": jos.adadelta(0.5),
    "adam": jos.adam(0.5),
    "chain": jos.chain(jos.add_decayed_weights(0.25), jos.ema(0.5), jos.scale_by_learning_rate(0.5)),
    "identity": jos.identity(),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
# Where values are compared every example compiles, so all kinds of rules share one chain.
EVERYTHING = jos.chain(
    jos.add_decayed_weights(0.25),
    jos.rmsprop(0.5, centered=True, momentum=0.5),
    jos.scale_by_rss(),
    jos.nesterov(0.5, 0.75),
)
few = settings(max_examples=25, deadline=None, derandomize=True)
fewer = settings(few, max_examples=12)  # every example compiles


def leaf_facts(tree):
    return [(np.shape(x), jnp.result_type(x)) for x in jax.tree.leaves(tree)]


def exactly_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert jnp.result_type(x) == jnp.result_type(y)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@every_optimizer
@given(params=trees)
@few
def test_structure_shape_and_dtype_are_kept(name, params):
    check_facts(params, *jax.eval_shape(lambda w: one_step(OPTIMIZERS[name], w), params))


def one_step(tx, params):
    state = tx.init(params)
    updates, after = tx.update(params, state, params)
    return updates, jos.apply_updates(params, updates), state, after


def check_facts(params, updates, new, state, after):
    for result in (updates, new):
        assert jax.tree.structure(result) == jax.tree.structure(params)
        assert leaf_facts(result) == leaf_facts(params)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert leaf_facts(after) == leaf_facts(state)


@every_optimizer
@given(params=trees)
@few
def test_state_mirrors_the_parameters_in_float32(name, params):
    def is_state(s):
        return getattr(s, "_fields", ("",))[0] == "count"

    for state in jax.tree.leaves(OPTIMIZERS[name].init(params), is_leaf=is_state):
        assert leaf_facts(state.count) == [((), jnp.int32)]
        for column in state[1:]:
            if column is not None:
                assert jax.tree.structure(column) == jax.tree.structure(params)
                assert leaf_facts(column) == [(shape, jnp.float32) for shape, _ in leaf_facts(params)]


@given(params=trees)
@fewer
def test_eagerly_and_without_touching_the_arguments(params):
    tx = EVERYTHING
    state = tx.init(params)
    before = jax.tree.map(lambda x: np.array(x, copy=True), (params, state))
    updates, after = tx.update(params, state, params)
    new = jos.apply_updates(params, updates)
    check_facts(params, updates, new, state, after)
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves((updates, new, after)))
    exactly_equal(before, jax.tree.map(np.asarray, (params, state)))
    exactly_equal(tx.update(params, state, params), (updates, after))


@given(params=trees)
@fewer
def test_a_tree_is_its_leaves(params):
    """Two steps of the whole tree equal two steps of every leaf alone."""
    tx = EVERYTHING

    def two_steps(w):
        state = tx.init(w)
        u, state = tx.update(w, state, w)
        return jos.apply_updates(w, tx.update(jax.tree.map(lambda x: -x, u), state, w)[0])

    exactly_equal(two_steps(params), jax.tree.map(two_steps, params))


@given(params=trees)
@fewer
def test_none_means_no_parameter_here(params):
    tx = EVERYTHING
    with_none = {"none": None, "here": params, "also": (None, None)}
    updates, _ = tx.update(with_none, tx.init(with_none), with_none)
    alone, _ = tx.update(params, tx.init(params), params)
    assert updates["none"] is None
    assert updates["also"] == (None, None)
    exactly_equal(updates["here"], alone)


@every_optimizer
@pytest.mark.parametrize("empty", [{}, (), [], None, {"a": None}, Layer(None, ())], ids=repr)
def test_empty_trees(name, empty):
    tx = OPTIMIZERS[name]
    state = tx.init(empty)
    for update in (tx.update, jax.jit(tx.update)):
        updates, after = update(empty, state, empty)
        assert updates == empty
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert jos.apply_updates(empty, updates) == empty


@every_optimizer
def test_zero_steps_of_a_scan(name):
    tx = OPTIMIZERS[name]
    state = tx.init(jnp.ones(3))
    carry, out = jax.lax.scan(lambda s, g: tx.update(g, s, g)[::-1], state, jnp.ones((0, 3)), unroll=1)
    exactly_equal(carry, state)
    assert out.shape == (0, 3)


def test_dict_order_does_not_matter():
    tx = jos.momentum(0.5)
    state = tx.init({"a": jnp.zeros(2), "b": jnp.zeros(3)})
    updates, _ = tx.update({"b": jnp.ones(3), "a": jnp.full(2, 2.0)}, state)
    np.testing.assert_array_equal(updates["a"], -1)
    np.testing.assert_array_equal(updates["b"], -0.5)


def test_a_callable_pytree_is_a_tree_of_parameters():
    """An Equinox module, or a Partial, is no schedule and no mask when it holds the parameters."""
    model = jax.tree_util.Partial(jnp.dot, jnp.ones(2))
    tx = jos.momentum(0.5)
    updates, state = tx.update(model, tx.init(model))
    assert jax.tree.structure(updates) == jax.tree.structure(model)
    assert jax.tree.structure(state.velocity) == jax.tree.structure(model)
    np.testing.assert_array_equal(jos.apply_updates(model, updates).args[0], 0.5)
