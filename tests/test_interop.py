"""Ours inside other libraries, other libraries' inside ours."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix
import pytest
from flax import nnx
from flax.training.train_state import TrainState

import jaxopt_slides as jos
from tests import oracle

PARAMS = {"w": jnp.array([1.0, -2.0, 3.0]), "b": jnp.array(0.5)}
RULES = {
    "sgd": jos.sgd(0.1),
    "momentum": jos.momentum(0.1, 0.5),
    "rmsprop": jos.rmsprop(0.1, centered=True, momentum=0.5),
    "adagrad": jos.adagrad(0.1),
    "adadelta": jos.adadelta(),
    "adam": jos.adam(0.1),
    "chain": jos.chain(jos.add_decayed_weights(0.1), jos.scale_by_rms(), jos.scale(-0.1)),
}
every_rule = pytest.mark.parametrize("tx", RULES.values(), ids=RULES)


@pytest.fixture(autouse=True)
def standard_promotion():
    """Other libraries mix dtypes; ours must work beside them in this mode as well."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def run(tx, params=PARAMS, steps=3, **extra):
    """The updates of a few steps on sum(w**2), the same loop for any library's optimizer."""
    state, all_updates = tx.init(params), []
    for _ in range(steps):
        updates, state = tx.update(jax.tree.map(lambda w: 2 * w, params), state, params, **extra)
        params = jax.tree.map(lambda w, u: w + u, params, updates)
        all_updates.append(updates)
    return all_updates


def close(a, b, rtol=1e-6):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert jnp.result_type(x) == jnp.result_type(y)
        np.testing.assert_allclose(np.float32(x), np.float32(y), rtol=rtol)


# ---------------------------------------------------------------- the same rules as optax's


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (jos.adam(0.01), optax.adam(0.01)),
        (jos.adam(0.1, b1=0.5, b2=0.9, eps=1e-3), optax.adam(0.1, b1=0.5, b2=0.9, eps=1e-3)),
        (jos.adadelta(), optax.adadelta(1.0)),
        (jos.adadelta(2.0, rho=0.5, eps=1e-3), optax.adadelta(2.0, rho=0.5, eps=1e-3)),
    ],
    ids=["adam", "adam-other", "adadelta", "adadelta-other"],
)
def test_the_same_rule_as_in_optax(ours, theirs, x64):
    gradients = np.stack(oracle.awkward_gradients(1, 200))

    def updates(tx):
        def body(state, g):
            u, state = tx.update(g, state, jnp.zeros(24))
            return state, u

        return jax.lax.scan(body, tx.init(jnp.zeros(24)), jnp.asarray(gradients))[1]

    got, expected = updates(ours), updates(theirs)
    assert got.dtype == expected.dtype == np.float64
    # An alternating gradient cancels in Adam's mean: relative to the coordinate's largest update.
    size = np.abs(expected).max(axis=0)
    assert (np.abs(got - expected) <= 1e-12 * size).all()


def test_optax_adadelta_without_a_learning_rate_ascends():
    # What our Note says of it: no rate is no factor at all, not even the -1.
    up = run(optax.adadelta())[0]
    down = run(jos.adadelta())[0]
    close(up, jax.tree.map(lambda u: -u, down))


# ---------------------------------------------------------------- optax around ours


@every_rule
def test_inside_optax_chain(tx):
    around = optax.chain(optax.clip(1.0), tx, optax.scale(2.0))
    close(run(around), run(jos.chain(optax.clip(1.0), tx, jos.scale(2.0))))
    close(run(optax.chain(tx)), run(tx))


@every_rule
def test_optax_multi_steps(tx):
    every_two = optax.MultiSteps(tx, 2).gradient_transformation()
    state, total = every_two.init(PARAMS), None
    for scale in (1.0, 3.0):
        gradients = jax.tree.map(jnp.float32(scale).__mul__, PARAMS)
        total, state = every_two.update(gradients, state, PARAMS)
    close(total, run(tx, steps=1)[0])  # their mean is 2 w


@every_rule
def test_optax_masked(tx):
    masked = optax.masked(tx, {"w": True, "b": False})
    updates = run(masked, steps=1)[0]
    close(updates["w"], run(tx, {"w": PARAMS["w"]}, steps=1)[0]["w"])
    np.testing.assert_array_equal(updates["b"], 2 * PARAMS["b"])


@every_rule
def test_optax_multi_transform(tx):
    both = optax.multi_transform({"ours": tx, "theirs": optax.sgd(0.1)}, {"w": "ours", "b": "theirs"})
    updates = run(both, steps=2)
    close([u["w"] for u in updates], [u["w"] for u in run(tx, {"w": PARAMS["w"]}, steps=2)])


def test_optax_apply_if_finite():
    tx = optax.apply_if_finite(jos.momentum(0.1), 3)
    state = tx.init(PARAMS)
    bad = jax.tree.map(lambda w: w * jnp.nan, PARAMS)
    updates, state = tx.update(bad, state, PARAMS)
    assert all(bool((u == 0).all()) for u in jax.tree.leaves(updates))
    assert all(bool((v == 0).all()) for v in jax.tree.leaves(state.inner_state.velocity))


def test_optax_inject_hyperparams():
    tx = optax.inject_hyperparams(jos.momentum)(learning_rate=0.1, mu=0.5)
    state = tx.init(PARAMS)
    assert set(state.hyperparams) == {"learning_rate", "mu"}
    close(run(tx), run(jos.momentum(0.1, 0.5)))
    state.hyperparams["learning_rate"] = jnp.float32(0.2)
    updates, _ = jax.jit(tx.update)(jax.tree.map(lambda w: 2 * w, PARAMS), state, PARAMS)
    close(updates, run(jos.momentum(0.2, 0.5), steps=1)[0])


def test_optax_inject_hyperparams_with_a_schedule():
    tx = optax.inject_hyperparams(jos.sgd)(learning_rate=optax.linear_schedule(0.1, 0.3, 2))
    close(run(tx), run(jos.sgd(jos.linear_schedule(0.1, 0.3, 2))))


@every_rule
def test_optax_tree_map_params(tx):
    state = tx.init(PARAMS)
    moved = optax.tree_utils.tree_map_params(
        tx, lambda s: s + 1, state, transform_non_params=lambda s: s
    )
    assert jax.tree.structure(moved) == jax.tree.structure(state)
    counts = {id(s) for s in jax.tree.leaves(state) if s.dtype == jnp.int32}
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(moved), strict=True):
        np.testing.assert_array_equal(after, before if id(before) in counts else before + 1)


@every_rule
def test_optax_tree_get_finds_the_count(tx):
    state = optax.chain(tx, optax.scale(1.0)).init(PARAMS)
    counts = optax.tree_utils.tree_get_all_with_path(state, "count")
    assert counts
    assert all(value == 0 for _, value in counts)


@every_rule
def test_optax_apply_updates_agrees(tx):
    updates = run(tx, steps=1)[0]
    close(optax.apply_updates(PARAMS, updates), jos.apply_updates(PARAMS, updates))


def test_ours_is_an_optax_transformation_by_shape():
    init, update = jos.momentum(0.1)
    assert callable(init)
    assert callable(update)
    with_extra = optax.with_extra_args_support(jos.momentum(0.1))
    close(run(with_extra, value=1.0), run(jos.momentum(0.1)))


# ---------------------------------------------------------------- optax inside ours


@pytest.mark.parametrize(
    "theirs",
    [
        optax.clip(1.0),
        optax.clip_by_global_norm(1.0),
        optax.adam(0.1),
        optax.scale_by_rms(),
        optax.trace(0.9),
        optax.add_decayed_weights(0.1),
        optax.masked(optax.scale(3.0), {"w": True, "b": False}),
        optax.identity(),
        optax.sgd(optax.linear_schedule(0.1, 0.2, 3), 0.9),
    ],
    ids=["clip", "norm", "adam", "rms", "trace", "decay", "masked", "identity", "sgd"],
)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "under jit"])
def test_optax_inside_our_chain(theirs, wrap):
    ours = jos.chain(theirs, jos.momentum(0.1))
    ours = jos.GradientTransformation(wrap(ours.init), wrap(ours.update))
    close(run(ours), run(optax.chain(theirs, jos.momentum(0.1))))


def test_strict_promotion_does_not_reach_foreign_members():
    tx = jos.chain(optax.scale_by_adam(), jos.momentum(optax.cosine_decay_schedule(0.1, 10)))
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        run(tx, {"w": jnp.ones(3, jnp.bfloat16), "b": jnp.ones(())})


def test_foreign_members_see_narrow_updates_in_their_dtype():
    seen = []

    def update(updates, state, params=None):
        seen.append(jax.tree.map(lambda u: u.dtype, updates))
        return updates, state

    spy = optax.GradientTransformation(lambda params: (), update)
    params = {"w": jnp.ones(3, jnp.bfloat16), "b": jnp.ones((), jnp.float32)}
    updates = run(jos.chain(jos.trace(0.9), spy, jos.scale(-1.0)), params, steps=1)[0]
    assert seen == [{"w": jnp.bfloat16, "b": jnp.float32}]
    assert (updates["w"].dtype, updates["b"].dtype) == (jnp.bfloat16, jnp.float32)


def test_what_a_foreign_member_returns_is_widened_again():
    """2**-30 is no float16, but between our members it lives."""
    tx = jos.chain(optax.identity(), jos.scale(2.0**-30), jos.scale(2.0**15), jos.scale(2.0**15))
    params = {"w": jnp.ones(2, jnp.float16)}
    updates, _ = tx.update(params, tx.init(params))
    np.testing.assert_array_equal(updates["w"], np.ones(2, np.float16))


@pytest.mark.parametrize("order", [1, -1])
def test_bfloat16_with_a_foreign_member(order):
    members = [optax.clip(1.0), jos.rmsprop(0.1)][::order]
    params = {"w": jnp.array([0.25, -4.0], jnp.bfloat16)}
    wide = {"w": params["w"].astype(jnp.float32)}
    narrow, exact = (run(jos.chain(*members), p, steps=1)[0]["w"] for p in (params, wide))
    assert narrow.dtype == jnp.bfloat16
    np.testing.assert_allclose(narrow.astype(jnp.float32), exact, rtol=2**-8)


def test_extra_arguments_reach_the_members_that_take_them():
    def update(updates, state, params=None, *, value, **extra):
        seen.update(extra, value=value)
        return jax.tree.map(lambda u: u * value, updates), state

    seen = {}
    theirs = optax.GradientTransformationExtraArgs(lambda params: (), update)
    for tx in (
        jos.chain(theirs, jos.momentum(0.1)),
        jos.chain(jos.sgd(1.0), jos.chain(theirs), jos.scale(0.1)),
        jos.named_chain(("theirs", theirs), ("ours", jos.momentum(0.1))),
    ):
        seen.clear()
        updates = run(tx, steps=1, value=3.0, value_fn=len)[0]
        close(updates, jax.tree.map(lambda w: -0.1 * 3 * 2 * w, PARAMS))
        assert seen == {"value": 3.0, "value_fn": len}
    jitted = jax.jit(lambda g, s, v: jos.chain(theirs).update(g, s, value=v)[0])
    close(jitted(PARAMS, ((),), 2.0), jax.tree.map(lambda w: 2 * w, PARAMS))


def test_extra_arguments_reach_only_who_takes_them():
    """By keyword alone or as a fourth argument; no other argument comes with them."""

    def by_value(updates, state, params=None, *, value):
        return jax.tree.map(lambda u: u * value, updates), state

    def by_factor(updates, state, params=None, factor=0.0):
        return jax.tree.map(lambda u: u * factor, updates), state

    members = [
        optax.GradientTransformationExtraArgs(lambda params: (), f) for f in (by_value, by_factor)
    ]
    tx = jos.chain(*members, jos.scale(0.5))
    updates, _ = tx.update(PARAMS, tx.init(PARAMS), PARAMS, value=3.0, factor=2.0, other=object())
    close(updates, jax.tree.map(lambda w: 3 * w, PARAMS))


def test_optax_line_search_inside_our_chain():
    """It asks for the objective as an argument and changes it from step to step."""

    def loss(params):
        return jnp.sum((params["w"] - 1) ** 2) + params["b"] ** 2

    def minimized(chain):
        tx = chain(jos.sgd(1.0), optax.scale_by_backtracking_linesearch(max_backtracking_steps=10))
        params, state = PARAMS, tx.init(PARAMS)
        for _ in range(5):
            value, grad = jax.value_and_grad(loss)(params)
            updates, state = tx.update(grad, state, params, value=value, grad=grad, value_fn=loss)
            params = jos.apply_updates(params, updates)
        return params

    assert loss(minimized(jos.chain)) < 0.02 * loss(PARAMS)
    close(minimized(jos.chain), minimized(optax.chain), rtol=1e-5)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "under jit"])
@every_rule
def test_unknown_arguments_are_ignored(tx, wrap):
    extra = {"value": jnp.ones(3), "grad": PARAMS, "nothing": None}
    plain = run(tx, steps=2)
    close(run(tx._replace(update=wrap(tx.update)), steps=2, **extra), plain)

    def with_functions(updates, state, params, **extra):
        extra |= {"value_fn": lambda p: 1 / 0, "name": "x", "obj": object()}
        return tx.update(updates, state, params, **extra)

    close(run(tx._replace(update=wrap(with_functions)), steps=2, **extra), plain)


# ---------------------------------------------------------------- schedules


@pytest.mark.parametrize(
    "schedule",
    [
        optax.linear_schedule(0.5, 0.25, 3),
        lambda count: 0.5 - count * (0.25 / 3),
        lambda count: jnp.where(count < 3, 0.5 - 0.25 * count / 3, 0.25),
        lambda count: np.float32(0.5) - np.float32(0.25 / 3) * count,
    ],
    ids=["optax", "lambda", "where", "numpy"],
)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "under jit"])
def test_foreign_schedules(schedule, wrap):
    for make in (jos.sgd, lambda s: jos.momentum(0.1, s), lambda s: jos.rmsprop(0.1, s)):
        theirs, ours = make(schedule), make(jos.linear_schedule(0.5, 0.25, 3))
        with jax.numpy_dtype_promotion("strict"):
            close(run(theirs._replace(update=wrap(theirs.update))), run(ours), rtol=1e-5)


def test_the_first_update_sees_count_zero():
    """And a schedule is evaluated once a step, not once a leaf."""
    seen = []
    tx = jos.sgd(lambda count: seen.append(count) or 0.1)
    with jax.disable_jit():
        run(tx)
    assert [int(c) for c in seen] == [0, 1, 2]
    theirs = optax.sgd(optax.linear_schedule(0.5, 0.1, 3))
    close(run(jos.sgd(optax.linear_schedule(0.5, 0.1, 3))), run(theirs))


def test_our_schedule_inside_optax():
    schedule = jos.linear_schedule(0.5, 0.1, 3)
    close(run(optax.sgd(schedule)), run(jos.sgd(schedule)))


# ---------------------------------------------------------------- flax, Equinox, optimistix


@every_rule
def test_flax_train_state(tx):
    state = TrainState.create(apply_fn=lambda p, x: p["w"] @ x + p["b"], params=PARAMS, tx=tx)

    @jax.jit
    def step(state):
        return state.apply_gradients(grads=jax.tree.map(lambda w: 2 * w, state.params))

    stepped = step(step(state))
    assert stepped.step == 2
    expected = PARAMS
    for updates in run(tx, steps=2):
        expected = jos.apply_updates(expected, updates)
    close(stepped.params, expected, rtol=1e-5)


@every_rule
def test_flax_nnx(tx):
    class Model(nnx.Module):
        def __init__(self):
            self.w = nnx.Param(jnp.array([1.0, -2.0, 3.0]))

    @nnx.jit
    def step(model, optimizer):
        gradients = nnx.grad(lambda m: jnp.sum(m.w[...] ** 2))(model)
        optimizer.update(model, gradients)

    model = Model()
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    expected = model.w[...]
    for updates in run(tx, {"w": expected}, steps=2):
        step(model, optimizer)
        expected = expected + updates["w"]
    np.testing.assert_allclose(model.w[...], expected, rtol=1e-5)


@every_rule
def test_equinox(tx):
    model = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0))

    @eqx.filter_jit
    def step(model, state):
        gradients = eqx.filter_grad(lambda m: jnp.sum(m(jnp.array([1.0, -1.0])) ** 2))(model)
        updates, state = tx.update(gradients, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, updates), state

    def loss(model):
        return float(jnp.sum(model(jnp.array([1.0, -1.0])) ** 2))

    state = tx.init(eqx.filter(model, eqx.is_inexact_array))
    before, facts = loss(model), jax.tree.structure(model)
    stepped, state = step(model, state)
    assert loss(stepped) != before
    assert jax.tree.structure(stepped) == facts
    step(stepped, state)


def test_an_equinox_module_as_a_schedule():
    class Line(eqx.Module):
        start: float
        slope: float

        def __call__(self, count):
            return self.start + self.slope * count

    tx = jos.sgd(Line(0.5, -0.1))
    close(run(tx), run(jos.sgd(lambda count: 0.5 - 0.1 * count)), rtol=1e-5)
    assert jos.hyperparams(tx) == {"learning_rate.start": 0.5, "learning_rate.slope": -0.1}


@every_rule
def test_optimistix(tx):
    solver = optimistix.OptaxMinimiser(tx, rtol=1e-3, atol=1e-3)
    solution = optimistix.minimise(
        lambda y, args: jnp.sum((y - args) ** 2),
        solver,
        jnp.array([1.0, -2.0]),
        args=jnp.array([0.5, 0.5]),
        max_steps=2000,
        throw=False,
    )
    assert bool(jnp.all(jnp.isfinite(solution.value)))
    assert float(jnp.max(jnp.abs(solution.value - 0.5))) < 0.3
