"""as_static and as_arrays: the same optimizer for frameworks that split trees in their own way."""

import pickle
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxopt_slides as jos

RULES = {
    "momentum": lambda: jos.momentum(0.1, 0.5),
    "rmsprop": lambda: jos.rmsprop(0.1, centered=True, momentum=0.5, initial_accumulator_value=0.5),
    "scheduled": lambda: jos.nesterov(jos.cosine_decay_schedule(0.1, 10), jos.sutskever_schedule()),
    "array": lambda: jos.adagrad(jnp.float32(0.1)),
    "masked": lambda: jos.masked(jos.momentum(0.1), {"w": True, "b": False}),
    "wrapped": lambda: jos.average_params(
        jos.multi_steps(jos.apply_if_finite(jos.sgd(0.1), 3), 2), 0.9
    ),
    "plateau": lambda: jos.chain(jos.sgd(0.1), jos.reduce_on_plateau(0.5, patience=1)),
    "optax": lambda: jos.chain(optax.trace(0.5), jos.sgd(0.1)),
}
every_rule = pytest.mark.parametrize("name", RULES)
PARAMS = {"w": jnp.array([1.0, -2.0]), "b": jnp.array([0.5], jnp.bfloat16)}


def run(tx, steps=3):
    params, state = PARAMS, tx.init(PARAMS)
    for _ in range(steps):
        updates, state = tx.update(params, state, params, value=1.0)
        params = jos.apply_updates(params, updates)
    return params, state


def close(a, b):
    """A number in the program instead of an argument: a last digit may differ."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        floating = jnp.issubdtype(x.dtype, jnp.floating)
        rtol = 4 * float(jnp.finfo(x.dtype).eps) if floating else 0
        np.testing.assert_allclose(np.float32(x), np.float32(y), rtol=rtol)


@every_rule
def test_static_has_no_leaves_and_the_same_states_and_updates(name):
    tx = jos.as_static(RULES[name]())
    assert jax.tree.leaves(tx) == []
    close(run(tx), run(RULES[name]()))


@every_rule
def test_static_is_hashed_and_compared_by_value(name):
    make = (lambda: jos.as_static(RULES[name]())) if name != "optax" else None
    if make is None:  # optax's functions are new closures at every call, so only itself is equal
        member = optax.trace(0.5)
        make = lambda: jos.as_static(jos.chain(member, jos.sgd(0.1)))  # noqa: E731
    a, b = make(), make()
    assert a is not b
    assert jax.tree.structure(a) == jax.tree.structure(b)
    assert hash(jax.tree.structure(a)) == hash(jax.tree.structure(b))
    assert jax.tree.structure(a) != jax.tree.structure(jos.as_static(jos.momentum(0.1, 0.25)))


def test_a_static_optimizer_is_a_key_by_value():
    for make in (RULES["momentum"], RULES["array"], lambda: jos.sgd(jnp.float32(0.5), momentum=0.5)):
        found = {jos.as_static(make()): "here"}
        assert found[jos.as_static(make())] == "here"
        assert jos.as_static(jos.momentum(0.1, 0.25)) not in found


def test_static_optimizers_are_static_arguments():
    """Equal ones share a program, others compile anew."""
    traces = []

    def step(structure, w):
        traces.append(structure)
        tx = jax.tree.unflatten(structure, [])
        return tx.update(w, tx.init(w))[0]

    jitted = jax.jit(step, static_argnums=0)
    for rate, expected in [(0.5, 1), (0.5, 1), (0.25, 2), (0.5, 2)]:
        updates = jitted(jax.tree.structure(jos.as_static(jos.sgd(rate))), jnp.ones(1))
        np.testing.assert_array_equal(updates, [-rate])
        assert len(traces) == expected


@every_rule
def test_flax_nnx_optimizer(name):
    class Model(nnx.Module):
        def __init__(self):
            self.w, self.b = nnx.Param(PARAMS["w"]), nnx.Param(PARAMS["b"])

    tx = jos.as_static(RULES[name]())
    expected, _ = run(RULES[name](), 2)
    if name == "masked":  # there the parameters are an nnx.State, so the mask is a function
        two = lambda params: jax.tree.map(lambda w: w.size == 2, params)  # noqa: E731
        tx = jos.as_static(jos.masked(jos.momentum(0.1), two))

    @nnx.jit
    def step(model, optimizer):
        gradients = nnx.grad(
            lambda m: 0.5 * jnp.sum(m.w[...] ** 2) + 0.5 * jnp.sum(m.b[...] ** 2).astype(jnp.float32)
        )(model)
        optimizer.update(model, gradients, value=1.0)

    with jax.numpy_dtype_promotion("standard"):
        model = Model()
        optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
        for _ in range(2):
            step(model, optimizer)
    np.testing.assert_allclose(model.w[...], expected["w"], rtol=1e-6)
    np.testing.assert_allclose(np.float32(model.b[...]), np.float32(expected["b"]), rtol=2**-7)


@every_rule
def test_hyperparameters_are_read_and_changed_by_name(name):
    plain, tx = RULES[name](), jos.as_static(RULES[name]())
    mine, theirs = jos.hyperparams(tx), jos.hyperparams(plain)
    assert len(mine) == len(theirs)
    np.testing.assert_allclose([float(x) for x in mine.values()], [float(x) for x in theirs.values()])
    if name != "scheduled":
        changed = jos.with_hyperparams(tx, learning_rate=0.25)
        assert jax.tree.leaves(changed) == []
        expected = jos.with_hyperparams(plain, learning_rate=0.25)
        close(run(changed), run(expected))
        by_name = {k.rpartition(".")[2]: v for k, v in jos.hyperparams(changed).items()}
        assert by_name["learning_rate"] == 0.25


def test_hyperparams_at_a_state():
    tx = jos.as_static(jos.momentum(jos.linear_schedule(0.5, 0.25, 2), 0.5))
    state = tx.init(jnp.ones(1))
    for expected in (0.5, 0.375, 0.25):
        assert jos.hyperparams(tx, state)["learning_rate"] == expected
        _, state = tx.update(jnp.ones(1), state)


def test_static_says_what_it_is():
    tx = jos.as_static(jos.momentum(0.1))
    assert repr(tx) == "as_static(momentum(learning_rate=0.1, mu=0.9))"
    assert repr(jos.as_static(tx)) == repr(tx)
    restored = pickle.loads(pickle.dumps(tx))
    assert jax.tree.structure(restored) == jax.tree.structure(tx)
    close(run(restored), run(tx))


def test_static_inside_other_wrappers():
    inner = jos.momentum(0.1, 0.5)
    for wrap in (
        lambda tx: jos.chain(jos.clip(1.0), tx),
        lambda tx: jos.apply_if_finite(tx, 3),
        lambda tx: jos.multi_steps(tx, 2),
        lambda tx: jos.masked(tx, True),
        optax.chain,
    ):
        close(run(wrap(jos.as_static(inner)))[0], run(wrap(inner))[0])


def test_what_has_no_value_cannot_be_static():
    with pytest.raises(
        TypeError,
        match=r"as_static: a hyperparameter is traced, so it has no value that could be fixed\.",
    ):
        jax.jit(lambda rate: jos.as_static(jos.sgd(rate)).init(jnp.ones(1)))(0.1)
    stacked = jax.vmap(jos.momentum)(jnp.array([0.1, 0.2, 0.3]))
    text = "as_static: a hyperparameter has shape (3,), so this is a stack of optimizers, which only "
    text += "jax.vmap can use."
    with pytest.raises(ValueError, match=re.escape(text)):
        jos.as_static(stacked)
    for function in (jos.as_static, jos.as_arrays):
        with pytest.raises(
            TypeError, match=rf"{function.__name__}: tx is .*; expected a GradientTransf"
        ):
            function(jos.sgd)


# ---------------------------------------------------------------- as_arrays


@every_rule
def test_arrays_have_arrays_for_leaves_and_the_same_results(name):
    tx = jos.as_arrays(RULES[name]())
    assert all(isinstance(x, jax.Array) and x.dtype == jnp.float32 for x in jax.tree.leaves(tx))
    assert len(jax.tree.leaves(tx)) == len(jax.tree.leaves(RULES[name]()))
    close(run(tx), run(RULES[name]()))


def test_filter_jit_compiles_once_over_learning_rates():
    """It takes Python floats for static; that is what as_arrays is for."""
    traces = []

    @eqx.filter_jit
    def step(tx, w):
        traces.append(None)
        return tx.update(w, tx.init(w))[0]

    for convert, compilations in [(jos.as_arrays, 1), (lambda tx: tx, 3)]:
        traces.clear()
        for rate in (0.5, 0.25, 0.125):
            np.testing.assert_array_equal(step(convert(jos.momentum(rate)), jnp.ones(2)), -rate)
        assert len(traces) == compilations


def test_filter_grad_sees_arrays():
    def loss(tx):
        return jnp.sum(tx.update(jnp.ones(2), tx.init(jnp.ones(2)))[0])

    slopes = eqx.filter_grad(loss)(jos.as_arrays(jos.momentum(0.5)))
    assert jos.hyperparams(slopes, gradient=True)["learning_rate"] == -2


def test_arrays_of_arrays_of_tracers_and_of_stacks():
    tx = jos.as_arrays(jos.sgd(0.5))
    assert jax.tree.leaves(jos.as_arrays(tx))[0] is jax.tree.leaves(tx)[0]
    update = jax.jit(lambda rate: jos.as_arrays(jos.sgd(rate)).update(1.0, jos.sgd(rate).init(1.0))[0])
    assert update(0.5) == -0.5
    stacked = jax.vmap(jos.sgd)(jnp.array([0.5, 0.25]))
    got = jax.vmap(lambda tx: tx.update(1.0, tx.init(1.0))[0])(jos.as_arrays(stacked))
    np.testing.assert_array_equal(got, [-0.5, -0.25])


def halving(count, steps):
    return 0.5 ** (count // steps)


def test_whole_numbers_in_a_schedule_become_floating_arrays():
    tx = jos.as_arrays(jos.sgd(jax.tree_util.Partial(halving, steps=2)))
    assert [x.dtype for x in jax.tree.leaves(tx)] == [jnp.float32]


def test_the_halves_of_one_optimizer_differ():
    tx = jos.as_static(jos.identity())
    assert tx.init == jos.as_static(jos.identity()).init
    assert tx.init != tx.update


def test_arrays_become_static_again():
    tx = jos.as_static(jos.as_arrays(jos.momentum(0.5, 0.25)))
    assert jos.hyperparams(tx) == {"learning_rate": 0.5, "mu": 0.25}


def test_arrays_in_float64(x64):
    (rate,) = jax.tree.leaves(jos.as_arrays(jos.sgd(0.1)))
    assert (rate.dtype, float(rate)) == (jnp.float64, 0.1)


def test_as_arrays_reaches_what_as_static_has_fixed():
    inside = jos.chain(jos.clip(1.0), jos.as_static(jos.momentum(0.5)))
    for tx, numbers in [(jos.as_static(jos.momentum(0.5)), [0.5, 0.9]), (inside, [1.0, 0.5, 0.9])]:
        leaves = jax.tree.leaves(jos.as_arrays(tx))
        assert [float(x) for x in leaves] == pytest.approx(numbers)
        assert all(isinstance(x, jax.Array) for x in leaves)
