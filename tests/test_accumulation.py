"""multi_steps: k microbatches are one batch of their mean."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos

RULES = {
    "sgd": lambda: jos.sgd(0.125),
    "momentum": lambda: jos.momentum(0.125, 0.9),
    "nesterov": lambda: jos.nesterov(0.125, jos.linear_schedule(0.5, 0.9, 3)),
    "rmsprop": lambda: jos.rmsprop(jos.cosine_decay_schedule(0.125, 7), centered=True, momentum=0.9),
    "adagrad": lambda: jos.adagrad(0.125),
    "chain": lambda: jos.chain(
        jos.clip_by_global_norm(1.0), jos.add_decayed_weights(0.1), jos.sgd(0.5)
    ),
    "optax": lambda: optax.adam(0.125),
}
every_rule = pytest.mark.parametrize("name", RULES)


def params_of(dtype):
    return {"w": jnp.array([-0.0, 1.0, -2.0], dtype), "b": jnp.array([[0.5]], dtype)}


def microbatches(n, dtype, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"w": (3,), "b": (1, 1)}
    return [
        {k: jnp.asarray(rng.standard_normal(shape), dtype) for k, shape in shapes.items()}
        for _ in range(n)
    ]


def train(tx, params, gradients, wrap=jax.jit):
    update, state, trail = wrap(tx.update), tx.init(params), []
    for g in gradients:
        updates, state = update(g, state, params)
        params = jos.apply_updates(params, updates)
        trail.append(params)
    return trail, state


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes(), (x, y)


def means(gradients, k):
    """Means of k consecutive gradients, in NumPy."""
    groups = [gradients[i : i + k] for i in range(0, len(gradients) - k + 1, k)]
    return [jax.tree.map(lambda *xs: jnp.asarray(np.mean(np.stack(xs), 0)), *group) for group in groups]


@every_rule
@pytest.mark.parametrize("k", [2, 5])
def test_microbatches_equal_one_batch(name, k, x64):
    """In float64, and in between no bit of a parameter changes; a weight of -0.0 neither."""
    gradients, params = microbatches(4 * k + k // 2, jnp.float64), params_of(jnp.float64)
    trail, state = train(jos.multi_steps(RULES[name](), k), params, gradients)
    expected, inner = train(jos.chain(RULES[name]()), params, means(gradients, k))
    for i, w in enumerate(trail):
        done = (i + 1) // k
        if (i + 1) % k:
            same(w, trail[i - 1] if i else params)
        else:
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12),
                w,
                expected[done - 1],
            )
    assert (state.gradient_step, state.mini_step) == (4, k // 2)
    for a, b in zip(jax.tree.leaves(state.inner_state), jax.tree.leaves(inner), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@every_rule
def test_k_of_one_is_the_inner_optimizer(name):
    for dtype in ("float32", "bfloat16"):
        gradients, params = microbatches(4, dtype), params_of(dtype)
        trail, state = train(jos.multi_steps(RULES[name](), 1), params, gradients)
        expected, inner = train(jos.chain(RULES[name]()), params, gradients)
        for a, b in zip(trail, expected, strict=True):
            same(a, b)
        same(state.inner_state, inner[0])


@every_rule
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "jit"])
def test_updates_between_are_minus_zero(name, wrap):
    tx, params = jos.multi_steps(RULES[name](), 3), params_of("bfloat16")
    state, update = tx.init(params), wrap(tx.update)
    for g in microbatches(2, "bfloat16"):
        updates, state = update(g, state, params)
        same(updates, jax.tree.map(lambda w: -jnp.zeros_like(w), params))


def test_small_microbatches_are_not_lost_in_bfloat16():
    """1 + 15 gradients of 2**-10: a sum in bfloat16 stays 1, since its half ulp there is 2**-8."""
    gradients = [1.0] + [2.0**-10] * 15
    tx = jos.multi_steps(jos.chain(jos.trace(0.0)), 16)
    w = jnp.zeros(1, jnp.bfloat16)
    state = tx.init(w)
    assert state.acc_grads.dtype == jnp.float32
    for g in gradients:
        updates, state = tx.update(jnp.full(1, g, jnp.bfloat16), state, w)
    exact = np.mean(gradients)
    np.testing.assert_array_equal(state.inner_state[0].velocity, np.float32(exact))  # not rounded yet
    np.testing.assert_array_equal(updates, jnp.asarray([exact], jnp.bfloat16))
    assert float(updates[0]) > 1 / 16
    summed_in_bfloat16 = sum(jnp.asarray(g, jnp.bfloat16) for g in gradients) / 16
    assert float(summed_in_bfloat16) == 1 / 16


@pytest.mark.parametrize("every", ["static", "schedule"])
def test_inside_a_scan(every):
    k = 3 if every == "static" else lambda count: 3
    tx, params = jos.multi_steps(jos.momentum(0.125, 0.9), k), params_of("float32")
    gradients = microbatches(12, "float32")

    @jax.jit
    def run(tx, params, gradients):
        def body(carry, g):
            params, state = carry
            updates, state = tx.update(g, state, params)
            params = jos.apply_updates(params, updates)
            return (params, state), params

        return jax.lax.scan(body, (params, tx.init(params)), gradients)

    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *gradients)
    (_, state), trail = run(tx, params, stacked)
    expected, last = train(tx, params, gradients)
    expected = jax.tree.map(lambda *xs: jnp.stack(xs), *expected)
    for a, b in zip(jax.tree.leaves(trail), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_max_ulp(np.asarray(a), np.asarray(b), 2)
    assert (state.gradient_step, last.gradient_step, state.mini_step) == (4, 4, 0)


def test_a_schedule_of_k_counts_updates():
    """k = 1, 2, 3, 3, ...: as optax, and against a NumPy loop."""
    schedule = jos.linear_schedule(1.0, 3.0, 2)
    tx = jos.multi_steps(jos.momentum(0.5, 0.5), schedule)
    gradients = np.random.default_rng(0).standard_normal(12).astype(np.float32)
    theirs = optax.MultiSteps(
        optax.chain(optax.scale(-0.5), optax.trace(0.5)), lambda step: jnp.minimum(step + 1, 3)
    )
    state, peer, their_update = tx.init(jnp.zeros(1)), theirs.init(jnp.zeros(1)), jax.jit(theirs.update)
    updates_so_far, pending, v = 0, [], 0.0
    for g in gradients:
        assert jos.hyperparams(tx, state)["every_k"] == min(updates_so_far + 1, 3)
        u, state = tx.update(jnp.array([g]), state)
        with jax.numpy_dtype_promotion("standard"):
            their_u, peer = their_update(jnp.array([g]), peer)
        pending.append(np.float64(g))
        expected = 0.0
        if len(pending) == min(updates_so_far + 1, 3):
            v = 0.5 * v - 0.5 * np.mean(pending)
            expected, pending, updates_so_far = v, [], updates_so_far + 1
        np.testing.assert_allclose(u, [expected], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(u, their_u, rtol=1e-6, atol=1e-7)
        assert (state.gradient_step, state.mini_step) == (updates_so_far, len(pending))
        assert (peer.gradient_step, peer.mini_step) == (updates_so_far, len(pending))


def test_a_schedule_below_one_counts_as_one():
    tx = jos.multi_steps(jos.sgd(1.0), lambda count: 0.25 - count)
    state = tx.init(jnp.zeros(1))
    for n in range(1, 4):
        updates, state = tx.update(jnp.ones(1), state)
        np.testing.assert_array_equal(updates, [-1.0])
        assert (state.gradient_step, state.mini_step) == (n, 0)


def test_the_count_of_updates_saturates():
    tx, most = jos.multi_steps(jos.sgd(1.0), 1), np.int32(np.iinfo(np.int32).max)
    state = tx.init(jnp.zeros(1))._replace(gradient_step=most)
    assert tx.update(jnp.ones(1), state)[1].gradient_step == most


def test_gradients_of_a_wider_dtype_are_an_error(x64):
    tx = jos.multi_steps(jos.sgd(1.0), 2)
    state = tx.init(jnp.zeros(1, jnp.float32))
    with pytest.raises(AssertionError, match="multi_steps: the only leaf of the state's acc_grads"):
        tx.update(jnp.ones(1, jnp.float64), state)


@pytest.mark.parametrize("k", [1, 3])
def test_equal_to_optax(k):
    params, gradients = params_of("float32"), microbatches(7, "float32", seed=1)
    ours = jos.multi_steps(jos.chain(jos.trace(0.5), jos.scale(-0.25)), k)
    theirs = optax.MultiSteps(optax.chain(optax.trace(0.5), optax.scale(-0.25)), k)
    with jax.numpy_dtype_promotion("standard"):
        expected, peer = train(theirs.gradient_transformation(), params, gradients)
    trail, state = train(ours, params, gradients)
    for a, b in zip(trail, expected, strict=True):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a, b)
    assert (state.mini_step, state.gradient_step) == (peer.mini_step, peer.gradient_step)


def test_inner_schedules_count_updates():
    tx = jos.multi_steps(jos.sgd(jos.linear_schedule(1.0, 0.0, 2)), 2)
    state, seen = tx.init(jnp.zeros(1)), []
    for _ in range(6):
        updates, state = tx.update(jnp.ones(1), state)
        seen.append(float(updates[0]))
    assert seen == [0.0, -1.0, 0.0, -0.5, 0.0, 0.0]


def test_extra_arguments_are_those_of_the_last_call():
    tx = jos.multi_steps(jos.chain(jos.sgd(1.0), jos.reduce_on_plateau(0.5, patience=1)), 2)
    state = tx.init(jnp.zeros(1))
    for value, expected in [(9.0, 0.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.5)]:
        updates, state = tx.update(jnp.ones(1), state, value=value, unknown=object())
        np.testing.assert_array_equal(updates, [-expected])
    assert state.inner_state[1].best_value == 1.0


def spy(seen):
    def update(updates, state, params=None, **extra):
        seen.append(extra)
        return updates, state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


def test_extra_arguments_of_any_type_reach_foreign_members():
    """Functions too, which jit could not take; and then only every k-th call comes."""
    seen = []
    tx = jos.multi_steps(jos.chain(spy(seen), jos.sgd(1.0)), 2)
    state = tx.init(jnp.zeros(1))
    for i in range(4):
        updates, state = tx.update(jnp.full(1, float(i)), state, value_fn=len, i=i)
        np.testing.assert_array_equal(updates, [[-0.0], [-0.5], [-0.0], [-2.5]][i])
    assert seen == [{"value_fn": len, "i": 1}, {"value_fn": len, "i": 3}]


def test_with_apply_if_finite_inside_a_bad_microbatch_costs_its_update():
    tx = jos.multi_steps(jos.apply_if_finite(jos.momentum(0.5, 0.5), 5), 2)
    state, seen = tx.init(jnp.zeros(1)), []
    for g in [1.0, 3.0, 1.0, np.nan, np.inf, -np.inf, 5.0, 7.0]:
        updates, state = tx.update(jnp.array([g]), state)
        seen.append(float(updates[0]))
    assert seen == [0, -1, 0, 0, 0, 0, 0, -3.5]
    assert (state.inner_state.total_notfinite, state.gradient_step) == (2, 4)


def test_with_apply_if_finite_outside_a_bad_microbatch_is_left_out():
    """The next one takes its place, so the mean is of k good gradients."""
    tx = jos.apply_if_finite(jos.multi_steps(jos.momentum(0.5, 0.5), 2), 5)
    state, seen = tx.init(jnp.zeros(1)), []
    for g in [1.0, np.nan, 3.0, np.inf, 5.0, 7.0]:
        updates, state = tx.update(jnp.array([g]), state)
        seen.append(float(updates[0]))
    assert seen == [0, 0, -1, 0, 0, -3.5]
    assert (state.total_notfinite, state.inner_state.gradient_step) == (2, 2)


def test_hypergradients_by_finite_differences(x64):
    gradients = [jnp.array([1.0, -3.0]), jnp.array([0.0, 0.5])] * 3

    def loss(tx):
        w, state = jnp.array([2.0, 1.0]), tx.init(jnp.zeros(2))
        for g in gradients:
            updates, state = tx.update(g * w, state, w)
            w = w + updates
        return jnp.sum(w**2)

    make = lambda rate, mu: jos.multi_steps(jos.momentum(rate, mu), 2)  # noqa: E731
    slopes = jos.hyperparams(jax.grad(loss)(make(0.1, 0.5)), gradient=True)
    h = 1e-6
    by_rate = (loss(make(0.1 + h, 0.5)) - loss(make(0.1 - h, 0.5))) / (2 * h)
    by_mu = (loss(make(0.1, 0.5 + h)) - loss(make(0.1, 0.5 - h))) / (2 * h)
    np.testing.assert_allclose([slopes["learning_rate"], slopes["mu"]], [by_rate, by_mu], rtol=1e-8)


def test_complex_and_empty_leaves():
    tx = jos.multi_steps(jos.sgd(1.0), 2)
    w = {"c": jnp.array([1 + 1j]), "none": jnp.zeros((0, 2)), "nothing": None}
    _, state = tx.update(w, tx.init(w))
    updates, _ = tx.update(jax.tree.map(lambda x: 3 * x, w), state)
    np.testing.assert_array_equal(updates["c"], -2 * w["c"])
    for empty in ({}, None, {"a": None}):
        updates, state = tx.update(empty, tx.init(empty))
        assert updates == empty
        assert state.mini_step == 1


def test_a_stack_accumulates_for_each():
    stacked = jax.vmap(lambda rate: jos.multi_steps(jos.sgd(rate), 2))(jnp.array([1.0, 0.5]))
    state = jax.vmap(lambda tx: tx.init(jnp.zeros(1)))(stacked)
    step = jax.vmap(lambda tx, g, s: tx.update(g, s), in_axes=(0, None, 0))
    _, state = step(stacked, jnp.array([1.0]), state)
    np.testing.assert_array_equal(step(stacked, jnp.array([3.0]), state)[0], [[-2.0], [-1.0]])


def test_bad_arguments():
    for k, error, text in [
        (0, ValueError, "every_k must be at least 1 and fit into int32, got 0."),
        (
            2.0,
            TypeError,
            "every_k must be an integer or a schedule (a callable of the number of updates)",
        ),
        (True, TypeError, "every_k must be an integer or a schedule"),
    ]:
        with pytest.raises(error, match=re.escape("multi_steps: " + text)):
            jos.multi_steps(jos.sgd(0.1), k)
    tx = jos.multi_steps(jos.sgd(0.1), 2)
    state = tx.init({"w": jnp.ones(2)})
    with pytest.raises(
        AssertionError, match=r"multi_steps: leaf \['w'\] of the updates has shape \(3,\)"
    ):
        tx.update({"w": jnp.ones(3)}, state)
    with pytest.raises(
        ValueError, match=r"multi_steps: the updates and the state's acc_grads are differ"
    ):
        tx.update({"b": jnp.ones(2)}, state)
    with pytest.raises(
        TypeError, match=r"multi_steps: expected the MultiStepsState that its init return"
    ):
        tx.update({"w": jnp.ones(2)}, tuple(state))
    needs = jos.multi_steps(jos.add_decayed_weights(0.1), 2)
    with pytest.raises(ValueError, match=r"add_decayed_weights needs the parameters"):
        needs.update({"w": jnp.ones(2)}, needs.init({"w": jnp.ones(2)}))
