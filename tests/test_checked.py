"""checked: value assertions, which name leaf and step, wherever a step is run."""

import collections
import contextlib
import logging
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.lift import next_count
from jaxopt_slides._parts.checked import step_count

FINE = {"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)}
BAD = {"a": np.ones(2, np.float32), "b": np.array([1.0, np.nan], np.float32)}
EAGER_FINITE = (
    "[Chex] Assertion assert_tree_all_finite failed: Tree contains non-finite value: Nonfinite. "
)
EAGER_RANGE = "[Chex] Assertion assert_equal failed: False != True "
TRACED_FINITE = "[Chex] chexify assertion 'assert_tree_all_finite' failed: Tree contains non-finite "
TRACED_FINITE += "value: nan. Custom message: "
TRACED_RANGE = (
    "[Chex] chexify assertion 'assert_trees_all_equal' failed: Trees (arrays) 0 and 1 differ: "
)
TRACED_RANGE += "Values not exactly equal: False != True.. Custom message: "
UNCHEXIFIED = " asserts values, which takes chex.chexify around the outermost jax.jit: "
UNCHEXIFIED += "step = chex.chexify(jax.jit(step)). make_step and fit do that with checked=True."
BAD_UPDATE = "leaf ['b'] of the updates is not finite, and neither is its gradient"


def chexified(function):
    return chex.chexify(function, async_check=False)


@contextlib.contextmanager
def alarms(text):
    """The block raises what chex raises, about ``text`` and nothing else, in one short line."""
    with pytest.raises(AssertionError) as caught:
        yield
    message = str(caught.value)
    eager = [f"{kind}[{text}]" for kind in (EAGER_FINITE, EAGER_RANGE)]
    traced = [f"{kind}{text}. [failed at: " for kind in (TRACED_FINITE, TRACED_RANGE)]
    assert message in eager or message.startswith(tuple(traced)), message
    assert "\n" not in message
    assert len(message) < 500


@contextlib.contextmanager
def switched_off():
    chex.disable_asserts()
    try:
        yield
    finally:
        chex.enable_asserts()


def updater(tx):
    """The user's own step, as a new function: nothing of it is compiled yet."""
    return jax.jit(lambda *arguments: tx.update(*arguments))  # noqa: PLW0108 (jit caches by function)


def eagerly(tx):
    return tx.update


def in_a_chexified_step(tx):
    return chexified(updater(tx))


RUNS = pytest.mark.parametrize("run", [eagerly, in_a_chexified_step])


# What is asserted


def spoiled(state, **fields):
    """A state of checked(a rule) with some fields of the rule's replaced."""
    return state._replace(inner_state=state.inner_state._replace(**fields))


VALUES = {
    "updates-of-a-bad-gradient": (
        lambda: jos.sgd(0.1),
        lambda s: (BAD, s, FINE),
        f"checked(sgd): at step 0 {BAD_UPDATE}",
    ),
    "updates-of-a-fine-gradient": (
        lambda: jos.chain(jos.sgd(0.1), jos.scale(1e38), jos.scale(1e38)),
        lambda s: (FINE, s, FINE),
        "checked(chain): at step 0 leaf ['a'] of the updates is not finite; its gradient is finite",
    ),
    "accumulator-infinite": (
        lambda: jos.adagrad(0.1),
        lambda s: ({**FINE, "b": np.float32([1, 1e30])}, s, FINE),
        "checked(adagrad): at step 0 state.sum_of_squares['b'] is not finite",
    ),
    "accumulator-negative": (
        lambda: jos.rmsprop(0.1, 0.5),
        lambda s: (FINE, spoiled(s, mean_square={**FINE, "b": np.float32([1, -3])}), FINE),
        "checked(rmsprop): at step 0 state.mean_square['b'] is -1; it must not be negative",
    ),
    "velocities-are-signed": (
        lambda: jos.momentum(0.1),
        lambda s: (FINE, spoiled(s, velocity={**FINE, "b": np.float32([1, -3])}), FINE),
        None,
    ),
    "velocity-infinite": (
        lambda: jos.chain(jos.momentum(0.1), jos.clip(1.0)),
        lambda s: (
            FINE,
            s._replace(
                inner_state=(
                    s.inner_state[0]._replace(velocity={**FINE, "a": np.float32([np.inf, 0])}),
                    s.inner_state[1],
                )
            ),
            FINE,
        ),
        "checked(chain): at step 0 state[0].velocity['a'] is not finite",
    ),
    "params": (
        lambda: jos.sgd(0.1),
        lambda s: (FINE, s, {**FINE, "b": np.float32([np.inf, 1])}),
        "checked(sgd): at step 0 leaf ['b'] of the params is not finite",
    ),
    "no-params": (
        lambda: jos.sgd(0.1),
        lambda s: (BAD, s, None),
        f"checked(sgd): at step 0 {BAD_UPDATE}",
    ),
    "scheduled-rate": (
        lambda: jos.sgd(lambda count: 0.5 - count),
        lambda s: (FINE, spoiled(s, count=jnp.int32(1)), FINE),
        "checked(sgd): at step 0 learning_rate is -0.5; it must be finite and at least 0",
    ),
    "scheduled-mu": (
        lambda: jos.chain(jos.momentum(0.1, lambda count: 1.5 + count), jos.scale(2.0)),
        lambda s: (FINE, s, FINE),
        "checked(chain): at step 0 0.mu is 1.5; it must be in [0, 1]",
    ),
    "static-schedule": (
        lambda: jos.as_static(jos.sgd(lambda count: -1.0 - count)),
        lambda s: (FINE, s, FINE),
        "checked(sgd): at step 0 inner.learning_rate is -1; it must be finite and at least 0",
    ),
    "a-bare-array": (
        lambda: jos.sgd(0.1),
        lambda s: (np.float32([1, np.nan]), s, np.ones(2, np.float32)),
        f"checked(sgd): at step 0 {BAD_UPDATE}".replace("leaf ['b']", "the only leaf"),
    ),
    "braces-in-a-key": (
        lambda: jos.sgd(0.1),
        lambda s: ({"{b}": np.float32([np.nan])}, s, {"{b}": np.ones(1, np.float32)}),
        f"checked(sgd): at step 0 {BAD_UPDATE}".replace("'b'", "'{b}'"),
    ),
    "nothing": (lambda: jos.rmsprop(0.1), lambda s: (FINE, s, FINE), None),
    "no-leaves": (lambda: jos.sgd(0.1), lambda s: ({}, s, {}), None),
}


@RUNS
@pytest.mark.parametrize("name", VALUES)
def test_values_are_asserted_and_named(name, run):
    make, arguments, text = VALUES[name]
    tx = jos.checked(make())
    update = run(tx)
    with alarms(text) if text else contextlib.nullcontext():
        update(*arguments(tx.init(FINE)))


def test_updates_and_state_are_those_of_the_bare_transformation():
    tx, bare = jos.checked(jos.rmsprop(0.1)), jos.rmsprop(0.1)
    state, bare_state = tx.init(FINE), bare.init(FINE)
    for _ in range(3):
        updates, state = tx.update(FINE, state, FINE)
        expected, bare_state = bare.update(FINE, bare_state, FINE)
        chex.assert_trees_all_equal(updates, expected)
        chex.assert_trees_all_equal(state.inner_state, bare_state)
    assert int(state.count) == 3


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.complex64])
def test_narrow_and_complex_leaves_are_asserted_too(dtype):
    params, tx = {"w": jnp.ones(3, dtype)}, jos.checked(jos.rmsprop(0.1))
    update = chexified(updater(tx))
    for call in (tx.update, update):
        call(params, tx.init(params), params)
        with alarms(f"checked(rmsprop): at step 0 {BAD_UPDATE}".replace("'b'", "'w'")):
            call({"w": params["w"] * jnp.asarray(jnp.nan, dtype)}, tx.init(params), params)


def test_accumulators_inside_a_chain_are_looked_at():
    tx = jos.checked(jos.chain(jos.scale_by_rms(0.5), jos.scale(-0.1)))
    state = tx.init(FINE)
    first = state.inner_state[0]._replace(mean_square={**FINE, "b": np.float32([1, -3])})
    with alarms("checked(chain): at step 0 state[0].mean_square['b'] is -1; it must not be negative"):
        tx.update(FINE, state._replace(inner_state=(first, state.inner_state[1])), FINE)


def test_a_nan_accumulator_is_not_finite_rather_than_negative():
    tx = jos.checked(jos.rmsprop(0.1))
    state = spoiled(tx.init(FINE), mean_square=BAD)
    with alarms(
        "checked(rmsprop): at step 0 leaf ['b'] of the updates is not finite; its gradient is finite"
    ):
        tx.update(FINE, state, FINE)


def test_a_leaf_among_leaves_of_several_shapes_is_named():
    fine = {"a": np.ones(1, np.float32), "b": np.ones(2, np.float32), "c": np.ones(1, np.float32)}
    tx = jos.checked(jos.sgd(0.1))
    for name in ("b", "c"):
        bad = {k: x * np.float32(np.nan) if k >= name else x for k, x in fine.items()}
        with alarms(f"checked(sgd): at step 0 {BAD_UPDATE}".replace("'b'", f"'{name}'")):
            tx.update(bad, tx.init(fine), fine)


def test_the_ends_of_a_range_are_no_alarm():
    tx = jos.checked(jos.momentum(lambda count: 0.0 * count, lambda count: 1.0 + 0 * count))
    tx.update(FINE, tx.init(FINE), FINE)
    tx, still = jos.checked(jos.adagrad(0.1)), jax.tree.map(np.zeros_like, FINE)
    _, state = tx.update(still, tx.init(FINE), FINE)
    np.testing.assert_array_equal(state.inner_state.sum_of_squares["b"], 0)


def test_an_infinite_number_is_an_alarm():
    tx = jos.checked(jos.sgd(lambda count: jnp.inf + count))
    with alarms("checked(sgd): at step 0 learning_rate is inf; it must be finite and at least 0"):
        tx.update(FINE, tx.init(FINE), FINE)


def test_the_count_is_found_behind_other_numbers():
    tx = jos.apply_if_finite(jos.sgd(0.1), 3)
    state = tx.init(FINE)
    for _ in range(2):
        _, state = tx.update(FINE, state)
    assert (step_count(state), step_count(())) == (2, -1)


# Where a step is run


def test_the_step_counts_on():
    tx = jos.checked(jos.momentum(0.1))
    for update in (tx.update, chexified(updater(tx))):
        state = tx.init(FINE)
        for _ in range(3):
            _, state = update(FINE, state, FINE)
        with alarms(f"checked(momentum): at step 3 {BAD_UPDATE}"):
            update(BAD, state, FINE)


@pytest.mark.parametrize("around", [updater, lambda tx: jax.vmap(tx.update)], ids=["jit", "vmap"])
def test_without_chexify_one_sentence_says_what_is_missing(around):
    tx = jos.checked(jos.rmsprop(0.1))
    arguments = FINE, tx.init(FINE), FINE
    if around is not updater:
        arguments = jax.tree.map(lambda x: jnp.stack([x, x]), arguments)
    with pytest.raises(RuntimeError) as caught:
        around(tx)(*arguments)
    assert str(caught.value) == "checked(rmsprop)" + UNCHEXIFIED


def stacks(steps, bad):
    """So many gradients, the one at ``bad`` with a NaN."""
    return jax.tree.map(lambda *xs: np.stack(xs), *(BAD if i == bad else FINE for i in range(steps)))


def test_in_a_scan_inside_a_chexified_step():
    tx = jos.checked(jos.rmsprop(0.1))

    @chexified
    @jax.jit
    def run(gradients):
        return jax.lax.scan(lambda s, g: (tx.update(g, s, FINE)[1], None), tx.init(FINE), gradients)[0]

    assert int(run(stacks(5, bad=None)).count) == 5
    with alarms(f"checked(rmsprop): at step 3 {BAD_UPDATE}"):
        run(stacks(5, bad=3))


@pytest.mark.parametrize("around", [jax.jit, lambda f: f], ids=["jit", "bare"])
def test_under_vmap_over_params_inside_a_chexified_step(around):
    tx = jos.checked(jos.rmsprop(0.1))
    step = chexified(around(jax.vmap(lambda g: tx.update(g, tx.init(g), g)[0])))
    step(stacks(3, bad=None))
    with alarms("checked(rmsprop): at step 0 leaf ['b'] of the params is not finite"):
        step(stacks(3, bad=1))


def test_in_a_gradient_inside_a_chexified_step():
    @chexified
    @jax.jit
    def slope(g):
        def loss(rate):
            tx = jos.checked(jos.sgd(rate))
            return jnp.sum(tx.update(g, tx.init(FINE), FINE)[0]["b"])

        return jax.grad(loss)(0.5)

    assert float(slope(FINE)) == -2.0
    with alarms(f"checked(sgd): at step 0 {BAD_UPDATE}"):
        slope(BAD)


@pytest.mark.parametrize("mapped", [False, True], ids=["traced", "vmapped"])
def test_numbers_that_no_constructor_could_check(mapped):
    def one(rate):
        tx = jos.checked(jos.momentum(rate))
        return tx.update(FINE, tx.init(FINE), FINE)[0]

    def sweep(rates):
        txs = jax.vmap(lambda rate: jos.checked(jos.momentum(rate)))(rates)
        return jax.vmap(lambda tx: tx.update(FINE, tx.init(FINE), FINE)[0])(txs)

    step = chexified(jax.jit(sweep if mapped else one))
    rates = jnp.array([0.1, 0.2, 0.3])
    step(rates if mapped else rates[0])
    with alarms(
        "checked(momentum): at step 0 learning_rate is -0.25; it must be finite and at least 0"
    ):
        step(rates.at[1].set(-0.25) if mapped else -0.25)
    with alarms("checked(momentum): at step 0 learning_rate is nan; it must be finite and at least 0"):
        step(rates.at[2].set(jnp.nan) if mapped else jnp.nan)


# make_step and fit


def loss(params, x):
    """Finite, and so is its gradient, while x < 1."""
    return jnp.sum((params["a"] - x) ** 2) + jnp.sum(jnp.sqrt(params["b"] - x))


def loss_and_aux(params, x):
    return loss(params, x), {"x": x}


POISONED = np.array([0, 0, 0, 2, 0], np.float32)
TRAINED = {
    "sgd": (lambda: jos.sgd(0.01), f"checked(sgd): at step 3 {BAD_UPDATE}"),
    "adam of optax": (lambda: optax.adam(0.01), f"checked(chain): at step 3 {BAD_UPDATE}"),
    # It keeps no count: nobody knows which step it is.
    "sgd of optax": (lambda: optax.sgd(0.01), f"checked(chain): at an uncounted step {BAD_UPDATE}"),
    "checked twice": (lambda: jos.checked(jos.sgd(0.01)), f"checked(sgd): at step 3 {BAD_UPDATE}"),
}


@pytest.mark.parametrize("has_aux", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_fit_checks_when_it_is_asked_to(name, has_aux):
    make, text = TRAINED[name]
    tx, of = make(), loss_and_aux if has_aux else loss
    options = {"every": 2, "has_aux": has_aux, "checked": True}
    fine = jos.fit(of, tx, FINE, steps=3, batches=POISONED, **options)
    with alarms(text):
        jos.fit(of, tx, FINE, steps=5, batches=POISONED, **options)
    with alarms(text):  # the state that it returns is the optimizer's own, and goes on counting
        jos.fit(of, tx, fine.params, state=fine.state, steps=2, batches=POISONED[3:], **options)


@pytest.mark.parametrize("has_aux", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_make_step_checks_when_it_is_asked_to(name, has_aux):
    make, text = TRAINED[name]
    tx = make()
    step = jos.make_step(loss_and_aux if has_aux else loss, tx, has_aux=has_aux, checked=True)
    params, state = FINE, tx.init(FINE)
    for x in POISONED[:3]:
        before = params, state
        params, state, value = step(params, state, x)
        assert isinstance(value, tuple) == has_aux
        leaves = [x for x in jax.tree.leaves(before) if isinstance(x, jax.Array)]
        assert not any(x.is_deleted() for x in leaves)  # nothing is donated
    with alarms(text):
        step(params, state, POISONED[3])


def test_checked_training_is_the_same_training():
    runs = [
        jos.fit(loss, jos.rmsprop(0.01), FINE, steps=3, batches=POISONED, checked=c)
        for c in (False, True)
    ]
    # Two programs of one mathematics, three steps: a few ulp.
    chex.assert_trees_all_close(runs[0], runs[1], rtol=1e-5)
    assert jax.tree.structure(runs[0]) == jax.tree.structure(runs[1])


def test_a_checked_transformation_in_unchecked_training_says_what_is_missing():
    with pytest.raises(RuntimeError) as caught:
        jos.fit(loss, jos.checked(jos.sgd(0.1)), FINE, steps=5, batches=POISONED)
    assert str(caught.value) == "checked(sgd)" + UNCHEXIFIED
    step = jos.make_step(loss, jos.checked(jos.sgd(0.1)))
    with pytest.raises(RuntimeError, match=re.escape("checked(sgd)" + UNCHEXIFIED)):
        step(FINE, jos.checked(jos.sgd(0.1)).init(FINE), 0.0)


def test_checked_training_inside_the_users_chexified_program():
    def run(xs):
        return jos.fit(loss, jos.sgd(0.01), FINE, steps=5, batches=xs, checked=True).params

    chexified(jax.jit(run))(POISONED * 0)
    with alarms(f"checked(sgd): at step 3 {BAD_UPDATE}"):
        chexified(jax.jit(run))(POISONED)


# Nested


def metric(tx):
    return jos.chain(tx, jos.reduce_on_plateau(0.5, patience=2))


WRAPPERS = {
    "chain": lambda t: jos.chain(jos.clip(1.0), t),
    "named_chain": lambda t: jos.named_chain(("first", t), ("last", jos.scale(1.0))),
    "masked": lambda t: jos.masked(t, {"a": False, "b": True}),
    "partition": lambda t: jos.partition({"x": jos.sgd(0.1), "y": t}, {"a": "x", "b": "y"}),
    "apply_if_finite": lambda t: jos.apply_if_finite(t, 0),
    "multi_steps": lambda t: jos.multi_steps(t, 1),
    "multi_steps-scheduled": lambda t: jos.multi_steps(t, lambda count: 1.0 + 0 * count),
    "average_params": lambda t: jos.average_params(t, 0.9),
    "master": jos.mixed_precision,
    "stochastic": lambda t: jos.mixed_precision(t, "stochastic_rounding", seed=0),
    "accumulator_dtype": lambda t: jos.accumulator_dtype(t, jnp.bfloat16),
    "reduce_on_plateau": metric,
    "as_static": jos.as_static,
    "as_arrays": jos.as_arrays,
    "checked": jos.checked,
    "optax": lambda t: jos.chain(optax.chain(t)),
}


@RUNS
@pytest.mark.parametrize("order", ["inside", "outside"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_inside_and_around_every_wrapper(name, order, run):
    wrap, rule = WRAPPERS[name], jos.rmsprop(0.1)
    tx = wrap(jos.checked(rule)) if order == "inside" else jos.checked(wrap(rule))
    extra = {"value": jnp.float32(1.0)} if name == "reduce_on_plateau" else {}
    update = tx.update if run is eagerly else chexified(jax.jit(lambda *a: tx.update(*a, **extra)))
    eager = extra if run is eagerly else {}
    state = tx.init(FINE)
    for _ in range(2):
        updates, state = update(FINE, state, FINE, **eager)
    # The same updates as without it; the chain of optax is one of ours inside.
    bare, bare_state = wrap(rule), wrap(rule).init(FINE)
    for _ in range(2):
        expected, bare_state = bare.update(FINE, bare_state, FINE, **extra)
    chex.assert_trees_all_close(updates, expected, rtol=1e-6)
    with pytest.raises(AssertionError, match=re.escape(f"at step 2 {BAD_UPDATE}")):
        update(BAD, state, FINE, **eager)


@RUNS
@pytest.mark.parametrize("rule", [lambda: jos.rmsprop(0.1), lambda: metric(jos.sgd(0.1))])
def test_a_skipped_step_is_no_alarm(rule, run):
    tx = jos.checked(jos.apply_if_finite(rule(), 5))
    update = (
        run(tx) if run is eagerly else chexified(jax.jit(lambda *a, value: tx.update(*a, value=value)))
    )
    state = tx.init(FINE)
    for _ in range(2):
        updates, state = update(BAD, state, FINE, value=jnp.float32(jnp.nan))
    chex.assert_trees_all_equal(updates, jax.tree.map(np.zeros_like, FINE))
    assert int(state.inner_state.total_notfinite) == 2


def test_a_skipped_step_is_no_alarm_in_training():
    tx = jos.apply_if_finite(jos.sgd(0.01), 5)
    run = jos.fit(loss, tx, FINE, steps=5, batches=POISONED, checked=True)
    assert int(run.state.total_notfinite) == 1


@RUNS
def test_gathering_gradients_is_no_alarm_and_the_full_mean_is_checked(run):
    around = jos.checked(jos.multi_steps(metric(jos.sgd(0.1)), 2))
    update = (
        run(around) if run is eagerly else chexified(jax.jit(lambda *a: around.update(*a, value=1.0)))
    )
    extra = {"value": 1.0} if run is eagerly else {}
    _, state = update(FINE, around.init(FINE), FINE, **extra)
    with alarms("checked(multi_steps): at step 1 " + BAD_UPDATE):
        update(BAD, state, FINE, **extra)

    inside = jos.multi_steps(jos.checked(jos.sgd(0.1)), 2)
    update = run(inside)
    _, state = update(BAD, inside.init(FINE), FINE)  # only the mean is the inner one's gradient
    with alarms(f"checked(sgd): at step 0 {BAD_UPDATE}"):
        update(FINE, state, FINE)


def test_a_branch_that_is_not_taken_asserts_nothing():
    tx = jos.checked(jos.sgd(0.1))
    state = tx.init(FINE)

    def step(taken, gradient):
        # In each branch the state is concrete and the gradient is not.
        return jax.lax.cond(
            taken, lambda: tx.update(gradient, state, FINE)[0], lambda: jax.tree.map(jnp.asarray, FINE)
        )

    run = chexified(jax.jit(step))
    run(False, BAD)
    with alarms(f"checked(sgd): at step 0 {BAD_UPDATE}"):
        run(True, BAD)


# Switched off


def primitives(function, *arguments):
    """How often each primitive stands in a program, at any depth."""
    found = collections.Counter()

    def visit(jaxpr):
        for eqn in jaxpr.eqns:
            found[eqn.primitive.name] += 1
            for inner in jax.tree.leaves(list(eqn.params.values())):
                if hasattr(inner, "jaxpr") or hasattr(inner, "eqns"):
                    visit(getattr(inner, "jaxpr", inner))

    visit(jax.make_jaxpr(function)(*arguments).jaxpr)
    return found


def test_switched_off_the_program_is_that_of_the_bare_transformation():
    bare, tx = jos.rmsprop(0.1), jos.checked(jos.rmsprop(0.1))
    expected = primitives(bare.update, FINE, bare.init(FINE), FINE)
    of_count = primitives(next_count, jnp.int32(0))  # checked counts; that is all
    with switched_off():
        got = primitives(tx.update, FINE, tx.init(FINE), FINE)
    assert got == expected + of_count


def test_switched_off_an_eager_update_is_one_call(caplog):
    params = {"w": jnp.ones(3, jnp.bfloat16), "v": jnp.ones((7, 5), jnp.bfloat16)}  # narrow: to be cast
    tx = jos.chain(jos.clip(1.0), jos.checked(jos.chain(jos.checked(jos.rmsprop(0.1)), jos.scale(2.0))))
    state = tx.init(params)
    with switched_off(), jax.log_compiles(), caplog.at_level(logging.WARNING):
        tx.update(params, state, params)
    compiled = [r for r in caplog.messages if r.startswith("Finished XLA compilation")]
    assert len(compiled) == 1, compiled
    assert "jit(_jitted_update)" in compiled[0]


def test_what_was_compiled_while_off_is_not_silent_later_nor_the_reverse():
    tx = jos.checked(jos.nesterov(0.1))
    nested = jos.chain(jos.clip(1.0), tx)
    step = jos.make_step(loss, jos.nesterov(0.01), checked=True)
    state, calls = tx.init(FINE), [
        lambda: tx.update(BAD, tx.init(FINE), FINE),
        lambda: nested.update(BAD, nested.init(FINE), FINE),
        lambda: step(FINE, jos.nesterov(0.01).init(FINE), 2.0),
        lambda: jos.fit(loss, jos.nesterov(0.01), FINE, steps=1, batches=POISONED[3:], checked=True),
        lambda: chexified(updater(tx))(BAD, state, FINE),
    ]  # fmt: skip
    for call in calls:
        with switched_off():
            call()
        with alarms(f"checked(nesterov): at step 0 {BAD_UPDATE}"):
            call()
        with switched_off():
            call()


# One cache for all


@pytest.mark.parametrize(("first", "size"), [("plain", 5), ("chexified", 6)])
def test_programs_with_and_without_assertions_do_not_meet_in_a_cache(first, size):
    fine = {"b": np.ones(size, np.float32)}  # a shape that no other test has: the caches are cold
    bad = {"b": np.full(size, np.nan, np.float32)}
    rule = jos.rmsprop(0.125)
    tx = jos.checked(rule)

    def program(g, s):
        updates, s = tx.update(g, s, fine)
        again, _ = rule.update(g, s.inner_state, fine)
        return jos.apply_updates(jos.apply_updates(fine, updates), again), s

    def plain():
        updates, state = tx.update(fine, tx.init(fine), fine)
        rule.update(fine, rule.init(fine), fine)
        jos.apply_updates(fine, updates)
        with alarms(f"checked(rmsprop): at step 1 {BAD_UPDATE}"):
            tx.update(bad, state, fine)
        updates, _ = rule.update(bad, rule.init(fine), fine)  # the bare one asserts nothing
        assert np.isnan(jos.apply_updates(fine, updates)["b"]).all()

    def with_chexify(function):
        function = chexified(function)
        function(fine, tx.init(fine))
        with alarms(f"checked(rmsprop): at step 0 {BAD_UPDATE}"):
            function(bad, tx.init(fine))

    if first == "plain":
        plain()
    with_chexify(jax.jit(program))
    with_chexify(program)  # not jitted: our own cached calls are traced in it
    with_chexify(lambda g, s: (tx.update(g, s, fine), tx.update(fine, tx.init(fine), fine)))
    plain()


# Many leaves


def test_a_thousand_leaves_take_four_checks_not_thousands():
    params = {f"w{i}": np.ones(1 + i % 3, np.float32) for i in range(1000)}
    tx, counted = jos.checked(jos.sgd(0.1, momentum=0.9)), []

    def step(g, s):
        def update(g, s):
            return tx.update(g, s, g)

        counted.append(primitives(update, g, s))
        return jnp.zeros(())

    chexified(step)(params, tx.init(params))
    (count,) = counted
    assert count["check"] == 4  # chex's own and its safeguard, for ranges and for finiteness
    # Leaves of a type are looked at together: a thousand reductions took XLA a minute.
    assert count["is_finite"] + count["reduce_and"] < 30
