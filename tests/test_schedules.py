"""Schedules: their values, derivatives, leaves and errors, and what an optimizer does with them."""

import functools
import pickle
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracle
import pytest
from jax.tree_util import Partial

import jaxopt_slides as jos

LAST = 2**31 - 1  # where the count stops
COUNTS = [0, 1, 4, 5, 6, 7, 9, 10, 11, 17, 24, 25, 26, 249, 250, 251, 1000, 12_500, 2**24, LAST]

# Name, arguments, and the names of the leaves in their order.
LINE = "init_value end_value transition_steps"
POLYNOMIAL = "init_value end_value power transition_steps transition_begin"
EXPONENTIAL = "init_value transition_steps decay_rate"
COSINE = "init_value decay_steps alpha exponent"
WARMUP = "init_value peak_value warmup_steps decay_steps end_value exponent"
STEPS = "init_value boundaries.0 boundaries.1 boundaries.2 scales.0 scales.1 scales.2"
CASES = [
    ("constant_schedule", (0.3,), "value"),
    ("linear_schedule", (0.5, 0.99, 1000), LINE),
    ("linear_schedule", (0.5, -0.1, 10, 5), f"{LINE} transition_begin"),
    ("linear_schedule", (0.5, 0.1, 1), LINE),
    *(("polynomial_schedule", (2.0, 0.1, p, 20, 5), POLYNOMIAL) for p in (0.25, 0.5, 1, 2, 3.5)),
    ("exponential_decay", (0.5, 10, 0.7), EXPONENTIAL),
    ("exponential_decay", (0.5, 10, 0.7, 5, True), f"{EXPONENTIAL} transition_begin"),
    ("exponential_decay", (0.5, 10, 0.7, 5, False, 0.1), f"{EXPONENTIAL} transition_begin end_value"),
    ("exponential_decay", (0.5, 10, 1.3, 0, True, 0.9), f"{EXPONENTIAL} end_value"),
    ("exponential_decay", (0.5, 7, 1.0), EXPONENTIAL),
    ("piecewise_constant_schedule", (0.5,), "init_value"),
    ("piecewise_constant_schedule", (0.5, {25: 0.1, 7: 0.5, 0: 3.0}), STEPS),
    ("piecewise_constant_schedule", (0.5, {10: 0.0}), "init_value boundaries.0 scales.0"),
    ("cosine_decay_schedule", (0.5, 25), COSINE),
    ("cosine_decay_schedule", (0.5, 1000, 0.1, 0.5), COSINE),
    ("cosine_decay_schedule", (0.5, 1, 1.5, 2), COSINE),
    ("warmup_cosine_decay_schedule", (0.1, 0.5, 10, 250), WARMUP),
    ("warmup_cosine_decay_schedule", (0.0, 0.5, 0, 25, 0.1), WARMUP),
    ("warmup_cosine_decay_schedule", (0.5, 2.0, 5, 26, 0.1, 0.5), WARMUP),
    ("sutskever_schedule", (), "max_value"),
    ("sutskever_schedule", (0.9,), "max_value"),
]
IN_OPTAX = [case for case in CASES if hasattr(optax, case[0])]
ID = [f"{name}{arguments}" for name, arguments, _ in CASES]
EVERY = pytest.mark.parametrize(("name", "arguments", "leaves"), CASES, ids=ID)


def make(name, arguments):
    return getattr(jos, name)(*arguments)


def at_counts(schedule, counts=COUNTS):
    """The values at all counts, in one elementwise evaluation."""
    return np.broadcast_to(schedule(jnp.array(counts, jnp.int32)), len(counts))


def reference(name, arguments, counts=COUNTS):
    if name == "constant_schedule":
        return np.full(len(counts), arguments[0])
    if name == "exponential_decay" and arguments[2] > 1:
        counts = np.minimum(counts, 12_500)  # bounded long before; the reference would overflow
    return np.array([getattr(oracle, name)(int(count), *arguments) for count in counts])


def names(schedule):
    """The leaves' names, as ``hyperparams`` shows them."""
    shown = jos.hyperparams(jos.scale_by_schedule(schedule))
    return [name.removeprefix("step_size_fn.") for name in shown]


def join(module=jos):
    members = [module.linear_schedule(0.1, 1.0, 5), module.exponential_decay(1.0, 5, 0.5),
               module.cosine_decay_schedule(0.3, 20, 0.1)]  # fmt: skip
    return module.join_schedules(members, [5, 17])


def join_of_oracles(count):
    members = [
        lambda t: oracle.linear_schedule(t, 0.1, 1.0, 5),
        lambda t: oracle.exponential_decay(t, 1.0, 5, 0.5),
        lambda t: oracle.cosine_decay_schedule(t, 0.3, 20, 0.1),
    ]
    return oracle.join_schedules(count, members, [5, 17])


# Values


@EVERY
def test_values_in_float64(x64, name, arguments, leaves):
    values = at_counts(make(name, arguments))
    assert values.dtype == np.float64
    # The atol is for 1 + cos near the schedule's end, which cancels in the reference.
    np.testing.assert_allclose(values, reference(name, arguments), rtol=1e-13, atol=3e-17)


def test_join_in_float64(x64):
    expected = [join_of_oracles(count) for count in COUNTS]
    np.testing.assert_allclose(at_counts(join()), expected, rtol=1e-13)


@EVERY
def test_values_in_float32_are_accurate_also_at_large_counts(name, arguments, leaves):
    values = at_counts(make(name, arguments))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, reference(name, arguments), rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("count", [2**24 - 1, 2**24, 2**23 + 1, 1, 0])
def test_a_long_line_in_float32(count):
    np.testing.assert_allclose(
        jos.linear_schedule(1.0, 0.0, 2**24)(count), 1 - count / 2**24, rtol=1.2e-7
    )
    boundary = jos.piecewise_constant_schedule(1.0, {2**24 - 1: 0.5})
    assert boundary(count) == (0.5 if count >= 2**24 - 1 else 1)
    stairs = jos.exponential_decay(1.0, 2**23, 0.5, staircase=True)
    assert stairs(count) == 0.5 ** (count // 2**23)


@pytest.mark.parametrize("steps", [3, 41, 47, 1000])
def test_stairs_begin_at_their_count(steps):
    stairs = jax.jit(jos.exponential_decay(1.0, steps, 0.5, staircase=True))
    for k in (1, 2, 3, 7, 13):
        assert stairs(k * steps - 1) == 0.5 ** (k - 1)
        assert stairs(k * steps) == 0.5**k


@pytest.mark.parametrize(("name", "arguments", "leaves"), IN_OPTAX, ids=str)
def test_values_are_those_of_optax(x64, name, arguments, leaves):
    theirs = getattr(optax, name)(*arguments)
    with jax.numpy_dtype_promotion("standard"):
        expected = at_counts(theirs)
    np.testing.assert_allclose(at_counts(make(name, arguments)), expected, rtol=1e-6, atol=1e-7)


def test_joins_are_those_of_optax(x64):
    with jax.numpy_dtype_promotion("standard"):
        expected = at_counts(join(optax))
    np.testing.assert_allclose(at_counts(join()), expected, rtol=1e-6, atol=1e-7)


def test_the_ends_are_exact():
    for schedule in (
        jos.linear_schedule(0.3, 0.7, 11, 3),
        jos.polynomial_schedule(0.3, 0.7, 0.5, 11, 3),
        jos.warmup_cosine_decay_schedule(0.3, 0.5, 3, 14, 0.7),
    ):
        assert schedule(0) == np.float32(0.3)
        assert schedule(14) == schedule(LAST) == np.float32(0.7)


def test_a_peak_of_zero_does_not_lose_the_end():
    schedule = jos.warmup_cosine_decay_schedule(1.0, 0.0, 10, 20, 0.5)
    assert schedule(10) == 0
    assert schedule(20) == 0.5


def test_fractional_steps_are_rounded():
    assert jos.linear_schedule(1.0, 0.0, 0.07 * 100)(7) == 0
    assert jos.linear_schedule(1.0, 0.0, 10.4)(5) == 0.5


@EVERY
def test_every_kind_of_count(name, arguments, leaves):
    schedule = make(name, arguments)
    expected = at_counts(schedule)
    for i in (0, 4, 12, -1):
        for kind in (int, float, np.int64, np.uint32, jnp.int32):
            value = schedule(kind(COUNTS[i]))
            assert value.shape == ()
            assert value.dtype == jnp.float32
            np.testing.assert_allclose(value, expected[i], rtol=3e-7)
    traced = jax.jit(jax.vmap(schedule))(jnp.array(COUNTS, jnp.int32))
    np.testing.assert_allclose(traced, expected, rtol=1e-6)


# Derivatives


def close_to_central_differences(schedule, counts):
    leaves, treedef = jax.tree.flatten(schedule)
    at = jnp.array(counts, jnp.int32)
    gradients = jax.tree.leaves(jax.vmap(jax.grad(lambda s, t: s(t)), (None, 0))(schedule, at))
    assert len(gradients) == len(leaves)
    h = 1e-6
    for i, gradient in enumerate(gradients):
        up, down = ([*leaves[:i], leaves[i] + d, *leaves[i + 1 :]] for d in (h, -h))
        slope = at_counts(treedef.unflatten(up), counts) - at_counts(treedef.unflatten(down), counts)
        np.testing.assert_allclose(gradient, slope / (2 * h), rtol=1e-6, atol=1e-9, err_msg=f"{i}")


@EVERY
def test_derivatives(x64, name, arguments, leaves):
    close_to_central_differences(make(name, arguments), [0, 1, 5, 7, 10, 11, 24, 25, 26, 250, 1000])


def test_derivatives_of_a_join(x64):
    close_to_central_differences(join(), [0, 1, 4, 5, 6, 16, 17, 18, 37, 38, LAST])


@EVERY
def test_derivatives_are_finite_at_every_count_in_float32(name, arguments, leaves):
    gradient = jax.jit(jax.vmap(jax.grad(lambda s, t: s(t)), (None, 0)))
    for leaf in jax.tree.leaves(gradient(make(name, arguments), jnp.array(COUNTS, jnp.int32))):
        assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("bound", [None, 3.0])
@pytest.mark.parametrize("staircase", [False, True])
def test_a_growth_that_overflows(bound, staircase):
    schedule = jos.exponential_decay(0.5, 10, 2.0, 5, staircase, bound)
    for count in (1000, 1275, 1276, 1284, 1285, 1286, 10**6, LAST):
        value, gradient = jax.value_and_grad(lambda s, t=count: s(t))(schedule)
        assert np.isfinite(value)
        assert value == bound or (bound is None and value > 1e29)
        leaves = np.array(jax.tree.leaves(gradient))
        assert not np.any(np.isnan(leaves))
        beyond = 0.5 * 127 * 2.0 ** (min(count, 1285) / 10 - 1.5) > 3.4e38  # the derivative by the rate
        assert beyond or np.all(np.isfinite(leaves))


def test_derivatives_by_a_fractional_count_are_finite_at_the_end():
    for schedule in (
        jos.polynomial_schedule(1.0, 0.1, 0.25, 20),
        jos.cosine_decay_schedule(1.0, 20, exponent=0.25),
        jos.warmup_cosine_decay_schedule(0.0, 1.0, 5, 20, exponent=0.25),
    ):
        assert [np.isfinite(jax.grad(schedule)(count)) for count in (0.0, 5.0, 20.0, 21.0)] == [
            True
        ] * 4


def test_a_member_that_overflows_later_does_not_spoil_a_join():
    schedule = jos.join_schedules([Partial(_exponential, 1.0), jos.constant_schedule(1.0)], [10])
    gradient = jax.grad(lambda s: s(1000))(schedule)
    assert jax.tree.leaves(gradient) == [0.0, 1.0, 0.0]


def _exponential(rate, count):
    return jnp.exp(rate * jnp.asarray(count, float))


# A schedule is data


@EVERY
def test_leaves(name, arguments, leaves):
    schedule = make(name, arguments)
    assert isinstance(schedule, Partial)
    assert names(schedule) == leaves.split()
    assert all(type(leaf) is float for leaf in jax.tree.leaves(schedule))


def test_leaves_of_a_join():
    assert names(jos.join_schedules([jos.linear_schedule(0.1, 1, 5), lambda count: 0.5], [5])) == [
        "schedules.0.init_value",
        "schedules.0.end_value",
        "schedules.0.transition_steps",
        "boundaries.0",
    ]


def test_repr_is_the_call():
    assert repr(jos.momentum(0.1, jos.linear_schedule(0.5, 1, 10))) == (
        "momentum(learning_rate=0.1, mu=linear_schedule(init_value=0.5, end_value=1.0, "
        "transition_steps=10.0))"
    )


@EVERY
def test_schedules_built_alike_have_one_treedef_and_pickle(name, arguments, leaves):
    schedule, again = make(name, arguments), make(name, arguments)
    assert jax.tree.structure(schedule) == jax.tree.structure(again)
    restored = pickle.loads(pickle.dumps(schedule))
    assert jax.tree.structure(restored) == jax.tree.structure(schedule)
    assert jax.tree.leaves(restored) == jax.tree.leaves(schedule)
    assert restored(7) == schedule(7)


def test_a_join_pickles():
    restored = pickle.loads(pickle.dumps(join()))
    assert jax.tree.structure(restored) == jax.tree.structure(join())
    assert restored(7) == join()(7)


def test_options_are_part_of_the_structure():
    smooth, stairs = (jos.exponential_decay(1.0, 10, 0.5, staircase=s) for s in (False, True))
    assert jax.tree.leaves(smooth) == jax.tree.leaves(stairs)
    assert jax.tree.structure(smooth) != jax.tree.structure(stairs)
    assert smooth(5) < stairs(5) == 1


@EVERY
def test_a_vmapped_constructor_equals_the_loop(name, arguments, leaves):
    if not arguments or isinstance(arguments[-1], dict):
        return
    stacked = jax.vmap(lambda first: make(name, (first, *arguments[1:])))(jnp.array([0.25, 0.5]))
    assert len(jax.tree.leaves(stacked)) == len(leaves.split())
    values = jax.vmap(at_counts_traced)(stacked)
    one_by_one = [at_counts(make(name, (first, *arguments[1:]))) for first in (0.25, 0.5)]
    np.testing.assert_allclose(values, one_by_one, rtol=1e-6, atol=1e-8)


def at_counts_traced(schedule):
    return jax.vmap(schedule)(jnp.array(COUNTS, jnp.int32))


def test_every_argument_may_be_traced():
    def everything(x):
        join = jos.join_schedules(
            [
                jos.constant_schedule(x),
                jos.linear_schedule(x, x, x, x),
                jos.polynomial_schedule(x, x, x, x, x),
                jos.exponential_decay(x, x, x, x, True, x),
                jos.piecewise_constant_schedule(x, {3: x}),
                jos.cosine_decay_schedule(x, x, x, x),
                jos.warmup_cosine_decay_schedule(x, x, x, x + 1, x, x),
                jos.sutskever_schedule(x),
            ],
            [x, x, x, x, x, x, x],
        )
        return [join, *join.keywords["schedules"]]

    x = jnp.array([0.4, 1.0, 3.0])  # 0.4 rounds to 0 steps
    stacked = jax.vmap(everything)(x)
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda all_: sum(s(2) for s in all_))))(stacked)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(both))
    for dtype in (jnp.int32, jnp.float16):
        leaves = jax.tree.leaves(jax.vmap(everything)(jnp.array([1, 3], dtype)))
        assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


def test_ten_values_compile_once():
    @jax.jit
    @chex.assert_max_traces(n=1)
    def train(tx):
        updates, _ = tx.update(jnp.ones(2), tx.init(jnp.zeros(2)))
        return updates

    for i in range(1, 11):
        mu = jos.linear_schedule(i / 20, 0.99, 100 * i, transition_begin=i)
        train(jos.momentum(jos.cosine_decay_schedule(i, i), mu))


# Inside optimizers

GRADIENTS = [np.array([1.0, -2.0, 0.0]) * (t % 3 - 0.5) for t in range(40)]


def run(tx):
    params = jnp.zeros(3)
    state, updates = tx.init(params), []
    for g in GRADIENTS:
        u, state = tx.update(jnp.asarray(g), state, params)
        updates.append(u)
    return updates


def test_inside_momentum(x64):
    tx = jos.momentum(join(), jos.linear_schedule(0.5, 0.99, 20))
    mu = functools.partial(oracle.linear_schedule, init_value=0.5, end_value=0.99, transition_steps=20)
    np.testing.assert_allclose(
        run(tx), oracle.momentum(GRADIENTS, join_of_oracles, mu), rtol=1e-12, atol=1e-15
    )


def test_inside_rmsprop(x64):
    tx = jos.rmsprop(jos.exponential_decay(0.1, 10, 0.5), jos.linear_schedule(0.5, 0.99, 20))
    decay = functools.partial(
        oracle.linear_schedule, init_value=0.5, end_value=0.99, transition_steps=20
    )
    expected = oracle.rmsprop(GRADIENTS, lambda t: oracle.exponential_decay(t, 0.1, 10, 0.5), decay)
    np.testing.assert_allclose(run(tx), expected, rtol=1e-12)


def test_inside_a_chain(x64):
    tx = jos.chain(jos.trace(jos.sutskever_schedule()), jos.scale_by_schedule(join()), jos.scale(-1.0))
    traced = oracle.trace(GRADIENTS, oracle.sutskever_schedule)
    np.testing.assert_allclose(
        run(tx), oracle.scale_by_learning_rate(traced, join_of_oracles), rtol=1e-12, atol=1e-15
    )


def test_hyperparams_shows_and_changes_the_parameters():
    tx = jos.momentum(0.01, jos.linear_schedule(0.5, 0.99, 1000))
    assert list(jos.hyperparams(tx).items()) == [
        ("learning_rate", 0.01),
        ("mu.init_value", 0.5),
        ("mu.end_value", 0.99),
        ("mu.transition_steps", 1000.0),
    ]
    changed = jos.with_hyperparams(tx, **{"mu.end_value": 0.9})
    assert jax.tree.leaves(changed) == [0.01, 0.5, 0.9, 1000.0]
    state = tx.init(jnp.zeros(1))._replace(count=jnp.int32(500))
    np.testing.assert_allclose(jos.hyperparams(tx, state)["mu"], 0.745, rtol=1e-6)


def test_foreign_schedules_are_hyperparameters(x64):
    foreign = optax.linear_schedule(0.5, 0.99, 20)
    ours = jos.linear_schedule(0.5, 0.99, 20)
    expected = run(jos.momentum(0.1, ours))
    for mu in (foreign, lambda count: 1.0 * ours(count), Partial(_line, end=0.99)):
        np.testing.assert_allclose(run(jos.momentum(0.1, mu)), expected, rtol=1e-6, atol=1e-9)
    mixed = jos.join_schedules([foreign, lambda count: jnp.array([0.1, 0.2])[count % 2]], [10])
    values = [mixed(count) for count in (0, 9, 10, 11, LAST)]
    np.testing.assert_allclose(values, [0.5, 0.7205, 0.1, 0.2, 0.2], rtol=1e-6)


def _line(count, end):
    return 0.5 + (end - 0.5) * jnp.minimum(count / 20, 1)


def test_optax_accepts_ours():
    tx = optax.sgd(jos.linear_schedule(1.0, 0.0, 10))
    updates, state = tx.update(jnp.ones(2), tx.init(jnp.zeros(2)))
    np.testing.assert_allclose(updates, [-1.0, -1.0])
    np.testing.assert_allclose(tx.update(jnp.ones(2), state)[0], [-0.9, -0.9], rtol=1e-6)


# Errors


def test_pickling_a_lambda_says_what_to_do():
    schedule = jos.join_schedules([lambda count: 0.1, jos.constant_schedule(0.2)], [5])
    with pytest.raises(pickle.PicklingError) as caught:
        pickle.dumps(schedule)
    assert re.fullmatch(
        r"the schedule \S*<lambda> cannot be pickled \(.+\)\. Use a function that a module defines at "
        r"its top level, or one of this library's schedules\.",
        str(caught.value),
    )


def _bad(function, text, *arguments, error=ValueError, **keywords):
    return pytest.param(
        function, arguments, keywords, error, f"{function}: {text}", id=f"{function}: {text}"
    )


ABOVE = "must be finite and above 0, got"
BETWEEN = "needs one boundary between any two schedules"
AT_LEAST_0, AT_LEAST_1 = "must be finite and at least 0, got", "must be finite and at least 1, got"
BAD = [
    _bad("constant_schedule", "value must be finite, got nan.", float("nan")),
    _bad("linear_schedule", "init_value must be finite, got inf.", float("inf"), 1.0, 10),
    _bad("linear_schedule", "end_value must be finite, got -inf.", 1.0, -float("inf"), 10),
    _bad("linear_schedule", f"transition_steps {AT_LEAST_1} 0.0.", 1.0, 0.0, 0),
    _bad("linear_schedule", f"transition_steps {AT_LEAST_1} -5.0.", 1.0, 0.0, jnp.array(-5)),
    _bad("linear_schedule", f"transition_begin {AT_LEAST_0} -1.0.", 1.0, 0.0, 10, -1),
    _bad("polynomial_schedule", f"power {ABOVE} 0.0.", 1.0, 0.0, 0, 10),
    _bad("polynomial_schedule", f"transition_steps {AT_LEAST_1} 0.5.", 1.0, 0.0, 2, 0.5),
    _bad("polynomial_schedule", f"transition_begin {AT_LEAST_0} -3.0.", 1, 0, 2, 5, -3),
    _bad("exponential_decay", f"transition_steps {AT_LEAST_1} 0.0.", 1.0, 0, 0.5),
    _bad("exponential_decay", f"decay_rate {ABOVE} 0.0.", 1.0, 10, 0.0),
    _bad("exponential_decay", f"decay_rate {ABOVE} -0.5.", 1.0, 10, -0.5),
    _bad("exponential_decay", f"transition_begin {AT_LEAST_0} -1.0.", 1.0, 10, 0.5, -1),
    _bad("exponential_decay", "end_value must be finite, got nan.", 1, 10, 0.5, 0, False, np.nan),
    _bad(
        "exponential_decay", "staircase must be True or False, got 1.",
        1, 10, 0.5, 0, 1, error=TypeError,
    ),
    _bad("piecewise_constant_schedule", "init_value must be finite, got nan.", float("nan")),
    _bad("piecewise_constant_schedule", f"a boundary {AT_LEAST_0} -5.0.", 1.0, {-5: 0.5}),
    _bad("piecewise_constant_schedule", f"the scale at 100 {AT_LEAST_0} -1.0.", 1.0, {100: -1}),
    _bad(
        "piecewise_constant_schedule", "boundaries_and_scales must be a dict, got [(100, 0.5)].",
        1.0, [(100, 0.5)], error=TypeError,
    ),
    _bad("cosine_decay_schedule", f"decay_steps {AT_LEAST_1} 0.0.", 1.0, 0),
    _bad("cosine_decay_schedule", "alpha must be finite, got nan.", 1.0, 10, float("nan")),
    _bad("cosine_decay_schedule", f"exponent {ABOVE} 0.0.", 1.0, 10, exponent=0),
    _bad("warmup_cosine_decay_schedule", f"warmup_steps {AT_LEAST_0} -1.0.", 0, 1, -1, 10),
    _bad("warmup_cosine_decay_schedule", f"decay_steps {AT_LEAST_1} 0.0.", 0, 1, 0, 0),
    _bad("warmup_cosine_decay_schedule", f"exponent {ABOVE} -1.0.", 0, 1, 5, 10, 0, -1),
    *(
        _bad(
            "warmup_cosine_decay_schedule",
            f"decay_steps includes the warm-up and must be above warmup_steps = 20, got {total}.",
            0.0, 1.0, 20, total,
        )
        for total in (20, 10)
    ),
    _bad("sutskever_schedule", "max_value must be in [0, 1], got 1.5.", 1.5),
    _bad("sutskever_schedule", "max_value must be in [0, 1], got -0.5.", jnp.float32(-0.5)),
    _bad(
        "join_schedules", f"{BETWEEN}, got 2 schedules and 2 boundaries.",
        [optax.constant_schedule(1.0)] * 2, [1, 2],
    ),
    _bad("join_schedules", f"{BETWEEN}, got 0 schedules and 0 boundaries.", [], []),
    _bad(
        "join_schedules", "boundaries must not decrease, got [5.0, 3.0].",
        [optax.constant_schedule(1.0)] * 3, [5, 3]
    ),
    _bad(
        "join_schedules", f"boundaries[0] {AT_LEAST_0} -1.0.",
        [optax.constant_schedule(1.0)] * 2, [-1],
    ),
    _bad(
        "join_schedules",
        "schedules[1] must be a callable of the count, got 0.1. For a number use constant_schedule.",
        [optax.constant_schedule(1.0), 0.1], [5], error=TypeError,
    ),
    _bad(
        "join_schedules", "boundaries must be a sequence, got 5.",
        [optax.constant_schedule(1.0)] * 2, 5, error=TypeError,
    ),
    _bad("join_schedules", "schedules must be a sequence, got 0.5.", 0.5, [5], error=TypeError),
    _bad(
        "linear_schedule",
        "end_value must be a number or a scalar array, got the callable <class 'float'>. One "
        "schedule after another is join_schedules.",
        1.0, float, 10, error=TypeError,
    ),
    _bad(
        "linear_schedule",
        "init_value must be a scalar, got an array of shape (2,). To make one per value, map the "
        "constructor over the values with jax.vmap.",
        jnp.ones(2), 1.0, 10,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("function", "arguments", "keywords", "error", "text"), BAD)
def test_bad_arguments_are_errors_at_construction(function, arguments, keywords, error, text):
    with pytest.raises(error) as caught:
        getattr(jos, function)(*arguments, **keywords)
    assert str(caught.value) == text


@pytest.mark.parametrize("value", [None, "0.1", True, 1j, [0.1]])
@EVERY
def test_what_is_not_a_number_is_a_type_error(name, arguments, leaves, value):
    with pytest.raises(TypeError, match=rf"^{name}: {leaves.split()[0]} must be a number"):
        make(name, (value, *arguments[1:]))


def test_a_stacked_schedule_needs_vmap():
    stacked = jax.vmap(lambda v: jos.linear_schedule(v, 0.99, 10))(jnp.array([0.5, 0.6]))
    tx = jos.momentum(0.1, stacked)
    with pytest.raises(ValueError, match=r"^momentum: mu has shape \(2,\) where a scalar was expected"):
        tx.update(jnp.ones(2), tx.init(jnp.zeros(2)))
