"""How optimizer libraries go wrong, one test an entry; docs/pitfalls.md says the same in words."""

import pathlib
import pickle
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jaxopt_slides as jos
from jaxopt_slides._core.coasting import coast
from tests import cases, mutants, mutants_table

EVERY = {
    "sgd": lambda: jos.sgd(0.1),
    "momentum": lambda: jos.momentum(0.1),
    "nesterov": lambda: jos.nesterov(0.1),
    "rmsprop": lambda: jos.rmsprop(0.1, centered=True, momentum=0.9),
    "adagrad": lambda: jos.adagrad(0.1),
    "chain": lambda: jos.chain(jos.clip_by_global_norm(1.0), jos.momentum(0.1), jos.zero_nans()),
    "masked": lambda: jos.masked(jos.momentum(0.1), True),
    "partition": lambda: jos.partition({"x": jos.momentum(0.1)}, "x"),
    "multi_steps": lambda: jos.multi_steps(jos.momentum(0.1), 1),
    "apply_if_finite": lambda: jos.apply_if_finite(jos.momentum(0.1), 3),
    "average_params": lambda: jos.average_params(jos.momentum(0.1), 0.9),
    "checked": lambda: jos.checked(jos.momentum(0.1)),
    "mixed_precision": lambda: jos.mixed_precision(jos.momentum(0.1)),
    "accumulator_dtype": lambda: jos.accumulator_dtype(jos.momentum(0.1), jnp.bfloat16),
    "as_static": lambda: jos.as_static(jos.momentum(0.1)),
    "reduce_on_plateau": lambda: jos.chain(jos.momentum(0.1), jos.reduce_on_plateau()),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
keeping = pytest.mark.parametrize("make", list(EVERY.values())[1:], ids=list(EVERY)[1:])  # a velocity


def update(tx, updates, state, params=None):
    return tx.update(updates, state, params, value=1.0)


def run(tx, w, gradient, steps):
    """The state after some steps with one gradient."""

    def body(state, _):
        return update(tx, gradient, state, w)[1], None

    return jax.jit(lambda s: jax.lax.scan(body, s, None, length=steps)[0])(tx.init(w))


def same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, np.asarray(x).tobytes()) == (y.dtype, np.asarray(y).tobytes())


# ---------------------------------------------------------------- shapes, trees, leaves


@keeping
def test_01_a_gradient_of_another_shape_is_an_error(make):
    tx, w = make(), jnp.ones((3, 4))
    for params in (None, w):
        if params is None and tx.init(w).__class__.__name__.startswith(("Average", "Mixed")):
            continue  # they need the parameters
        with pytest.raises(AssertionError, match=r"has shape \(4,\).*nothing is broadcast"):
            update(tx, jnp.ones(4), tx.init(w), params)
    with pytest.raises(AssertionError, match=r"shape \(3,\).*\(3, 1\) there.*nothing is broadcast"):
        jos.apply_updates(jnp.ones((3, 1)), jnp.ones(3))


@keeping
def test_02_a_gradient_tree_of_another_structure_is_named_in_one_line(make):
    many = {f"layer{i}": jnp.ones(()) for i in range(200)}
    tx = make()
    with pytest.raises(ValueError, match=r"leaf \['layer7'\] of the .* is missing") as caught:
        update(tx, {k: v for k, v in many.items() if k != "layer7"}, tx.init(many), many)
    assert len(str(caught.value)) < 300


@every
def test_03_none_passes_and_python_floats_are_leaves(make):
    tx, w = make(), {"none": None, "float": 1.0}
    updates, state = update(tx, w, tx.init(w), w)
    new = jos.apply_updates(w, updates)
    assert new["none"] is None
    assert isinstance(new["float"], jax.Array)
    assert new["float"] < 1
    update(tx, updates, state, new)


@every
def test_04_integer_parameters_are_an_error_that_names_the_leaf(make):
    w = {"w": jnp.ones(2), "n": jnp.arange(2)}
    with pytest.raises(TypeError, match=r"leaf \['n'\] of the param.* has dtype int32"):
        make().init(w)
    tx = jos.masked(make(), {"w": True, "n": False})
    g = {"w": jnp.ones(2), "n": np.zeros(2, jax.dtypes.float0)}
    new = jos.apply_updates(w, update(tx, g, tx.init(w), w)[0])
    same_bits(new["n"], w["n"])


@every
@pytest.mark.parametrize("empty", [None, {}, (), {"a": None}], ids=repr)
def test_05_empty_trees_and_empty_chains_do_nothing(make, empty):
    for tx in (make(), jos.chain(), jos.chain(jos.chain(), make())):
        state = tx.init(empty)
        if empty is not None:  # no parameters at all, to those that need them
            updates, _ = update(tx, empty, state, empty)
            assert jos.apply_updates(empty, updates) == empty


@pytest.mark.parametrize(
    ("name", "tx"),
    [
        ("add_decayed_weights", jos.add_decayed_weights(0.1)),
        ("add_decayed_weights", jos.chain(jos.add_decayed_weights(0.1), jos.sgd(0.1))),
        ("project", jos.project(low=0.0)),
        ("project", jos.chain(jos.sgd(0.1), jos.project(radius=1.0))),
        ("average_params", jos.average_params(jos.sgd(0.1), 0.9)),
        ("mixed_precision", jos.mixed_precision(jos.sgd(0.1))),
    ],
    ids=lambda x: str(x)[:30],
)
def test_06_missing_params_are_asked_for(name, tx):
    with pytest.raises(ValueError, match=f"^{name} needs the parameters: call update"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))


class Labels(eqx.Module):
    """A callable pytree: as labels it is a tree."""

    weight: bool
    bias: bool

    def __call__(self, params):
        raise AssertionError("called")


class Halving(eqx.Module):
    """A callable pytree: as a hyperparameter it is a schedule."""

    start: float

    def __call__(self, count):
        return self.start * 0.5 ** jnp.asarray(count, float)


def test_07_masks_nest_and_callable_pytrees_are_trees():
    w = Labels(jnp.ones(2), jnp.ones(2))
    inner = jos.masked(jos.sgd(0.1), lambda params: jax.tree.map(lambda w: True, params))
    tx = jos.masked(inner, Labels(True, False))
    updates, _ = tx.update(w, tx.init(w), w)
    np.testing.assert_allclose(updates.weight, -0.1, rtol=1e-6)
    same_bits(updates.bias, w.bias)
    tx = jos.sgd(Halving(0.5))
    assert jos.hyperparams(tx) == {"learning_rate.start": 0.5}
    assert tx.update(1.0, tx.init(1.0))[0] == -0.5


@every
def test_08_the_state_is_a_scan_carry_from_the_start(make):
    tx, w = make(), {"a": jnp.ones(2), "b": jnp.ones(3, jnp.bfloat16)}
    start = tx.init(w)
    in_jit = make is not EVERY["checked"]  # whose assertions need chexify there
    after = run(tx, w, w, 2) if in_jit else update(tx, w, start, w)[1]
    assert jax.tree.structure(start) == jax.tree.structure(after)
    shapes = [[(x.shape, x.dtype) for x in jax.tree.leaves(s)] for s in (start, after)]
    assert shapes[0] == shapes[1]


@every
@pytest.mark.parametrize("shape", [(), (0,), (3, 0)], ids=str)
def test_09_scalars_empty_arrays_and_scans_of_no_steps(make, shape):
    tx, w = make(), jnp.ones(shape)
    assert update(tx, w, tx.init(w), w)[0].shape == shape
    if make is EVERY["checked"]:
        return  # its assertions need chexify under jit
    same_bits(run(tx, w, w, 0), tx.init(w))
    result = jos.fit(lambda w: jnp.sum(w * w), tx, w, steps=0)
    assert result.history["loss"].shape == (0,)
    same_bits(result.params, w)


# ---------------------------------------------------------------- hyperparameters


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: jos.sgd(-1.0), "sgd: learning_rate must be finite and at least 0, got -1.0."),
        (lambda: jos.rmsprop(0.1, decay=1.5), "rmsprop: decay must be in [0, 1], got 1.5."),
        (lambda: jos.sgd(0.1, momentum=2), "sgd: momentum must be in [0, 1], got 2.0."),
        (lambda: jos.adagrad(0.1, eps=-1), "adagrad: eps must be finite and at least 0, got -1.0."),
        (lambda: jos.sgd(float("nan")), "sgd: learning_rate must be finite and at least 0, got nan."),
        (
            lambda: jos.mixed_precision(jos.sgd(0.1), mode="master"),
            "mixed_precision: mode must be 'master_weights' or 'stochastic_rounding', got 'master'.",
        ),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_10_wrong_numbers_and_modes_are_refused_at_construction(call, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        call()


def test_11_momentum_may_be_a_schedule():
    tx = jos.sgd(1.0, momentum=jos.linear_schedule(0.5, 0.99, 2))
    state, seen = tx.init(0.0), []
    for g in (1.0, 0.0, 0.0):
        seen.append(float(jos.hyperparams(tx, state)["momentum"]))
        updates, state = tx.update(g, state)
    np.testing.assert_allclose(seen, [0.5, 0.745, 0.99], rtol=1e-6)
    np.testing.assert_allclose(updates, -0.745 * 0.99, rtol=1e-6)


def test_12_a_schedule_s_wrong_arguments_are_errors():
    with pytest.raises(ValueError, match=r"^linear_schedule: transition_steps must be finite and at l"):
        jos.linear_schedule(1.0, 0.0, 0)
    with pytest.raises(ValueError, match=r"^exponential_decay: decay_rate must be finite and above 0"):
        jos.exponential_decay(1.0, 10, 0.0)


WRAPPERS = {
    "alone": lambda tx: tx,
    "chain": jos.chain,
    "masked": lambda tx: jos.masked(tx, True),
    "multi_steps": lambda tx: jos.multi_steps(tx, 1),
    "apply_if_finite": lambda tx: jos.apply_if_finite(tx, 3),
    "average_params": lambda tx: jos.average_params(tx, 0.9),
    "checked": jos.checked,
    "mixed_precision": jos.mixed_precision,
    "accumulator_dtype": lambda tx: jos.accumulator_dtype(tx, jnp.bfloat16),
    "as_static": jos.as_static,
    "foreign schedule": lambda tx: jos.sgd(optax.linear_schedule(1.0, 3.0, 2)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_13_the_first_update_sees_count_zero(wrap):
    tx, w = wrap(jos.sgd(jos.linear_schedule(1.0, 3.0, 2))), jnp.ones(())
    state, seen = tx.init(w), []
    for _ in range(3):
        updates, state = tx.update(w, state, w)
        seen.append(float(-updates))
    assert seen == [1.0, 2.0, 3.0]


def test_14_a_new_learning_rate_compiles_nothing():
    traces = []

    @jax.jit
    def train(tx, w):
        traces.append(tx)
        return tx.update(w, tx.init(w))[0]

    for rate in (0.1, 0.2, 1, np.float32(3)):
        np.testing.assert_allclose(train(jos.momentum(rate), jnp.ones(2)), -rate, rtol=1e-6)
    assert len(traces) == 1


def test_15_the_learning_rate_that_a_step_uses_is_read_by_name():
    rate = jos.exponential_decay(1.0, 1, 0.5)
    tx = jos.chain(jos.trace(0.0), jos.masked(jos.multi_steps(jos.sgd(rate), 1), True))
    state = tx.init(1.0)
    for expected in (1.0, 0.5, 0.25):
        assert jos.hyperparams(tx, state)["learning_rate"] == expected
        updates, state = tx.update(1.0, state)
        assert updates == -expected
    history = jos.fit(lambda w: w, tx, 0.0, steps=3, record="learning_rate").history
    assert history["learning_rate"].tolist() == [1.0, 0.5, 0.25]


@every
def test_16_counters_stop_at_the_largest_int32(make):
    tx, w, most = make(), jnp.ones(2), np.iinfo(np.int32).max

    def late(path, x):
        is_count = x.dtype == jnp.int32 and getattr(path[-1], "name", "") == "count"
        return jnp.int32(most) if is_count else x

    state = jax.tree_util.tree_map_with_path(late, tx.init(w))
    updates, after = update(tx, w, state, w)
    assert np.isfinite(updates).all()
    assert all((x >= 0).all() for x in jax.tree.leaves(after) if x.dtype == jnp.int32)


# ---------------------------------------------------------------- numbers


def test_17_accumulators_are_float32_for_narrower_leaves():
    zero, one = jnp.zeros(1, jnp.float16), jnp.ones(1, jnp.bfloat16)
    for tx in (jos.adagrad(0.1, eps=1e-8), jos.rmsprop(0.1, eps=1e-8), jos.rmsprop(0.1, eps=0.0)):
        np.testing.assert_array_equal(tx.update(zero, tx.init(zero))[0], zero)
    adagrad, rmsprop = jos.adagrad(0.1), jos.rmsprop(0.1, 0.999)
    assert run(adagrad, one, one, 2000).sum_of_squares == 2000
    np.testing.assert_allclose(run(rmsprop, one, one, 2000).mean_square, 1 - 0.999**2000, rtol=1e-4)
    narrow = [jos.accumulator_dtype(tx, jnp.bfloat16) for tx in (adagrad, rmsprop)]
    assert run(narrow[0], one, one, 2000).sum_of_squares == 256  # opt-in, and documented there
    assert run(narrow[1], one, one, 2000).mean_square == 0.25


def test_18_bfloat16_parameters_keep_small_updates_on_request():
    w, small = jnp.ones(1, jnp.bfloat16), jnp.full(1, -(2.0**-9), jnp.bfloat16)
    assert jos.apply_updates(w, -small) == 1  # 1 + 2^-9 in bfloat16
    tx = jos.mixed_precision(jos.sgd(1.0))
    state, new = tx.init(w), w
    for _ in range(4):
        updates, state = tx.update(small, state, new)
        new = jos.apply_updates(new, updates)
    assert (new, state.master) == (1 + 2.0**-7, 1 + 2.0**-7)
    w = jnp.ones(10_000, jnp.bfloat16)
    tx = jos.mixed_precision(jos.sgd(1.0), "stochastic_rounding", seed=0)
    updates, _ = tx.update(jnp.full_like(w, -(2.0**-9)), tx.init(w), w)
    rounded = np.asarray(jos.apply_updates(w, updates), np.float32)
    assert set(rounded) == {1, 1 + 2.0**-7}
    assert abs(rounded.mean() - 1 - 2.0**-9) < 2e-4  # 6 standard deviations


def test_19_a_centered_variance_is_never_negative():
    g = jnp.array([11.0, 13.0])  # optax's update is NaN at step 136
    for tx in (jos.rmsprop(0.01, centered=True), jos.scale_by_stddev(eps=0.0)):
        state = tx.init(g)
        for _ in range(200):
            updates, state = tx.update(g, state)
            assert np.isfinite(updates).all()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(300, "float16"), (1e20, "float32"), (1e-30, "float32"), (1e38, "bfloat16")],
    ids=str,
)
def test_20_clipping_by_the_norm_neither_overflows_nor_divides_by_zero(value, dtype):
    tx, g = jos.clip_by_global_norm(1e-32), jnp.full(4, value, dtype)
    clipped = np.asarray(tx.update(g, tx.init(g))[0], np.float64)
    expected = 0 if dtype == "float16" else 0.5e-32
    np.testing.assert_allclose(clipped, expected, rtol=1e-2)
    tx = jos.clip_by_global_norm(1.0)
    norm = np.linalg.norm(np.asarray(tx.update(g, tx.init(g))[0], np.float64))
    np.testing.assert_allclose(norm, min(1, 2 * value), rtol=1e-2)
    same_bits(tx.update(0 * g, tx.init(g))[0], 0 * g)


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_21_a_gradient_that_is_not_finite_leaves_everything_as_it_was(make, bad):
    if make is EVERY["checked"]:
        make = EVERY["momentum"]  # the guard is around the assertions' inside
    tx, w = jos.apply_if_finite(make(), 3), {"a": jnp.array([1.0, -0.0]), "b": jnp.ones(1)}
    state = update(tx, w, tx.init(w), w)[1]
    updates, after = update(tx, {"a": jnp.array([1.0, bad]), "b": jnp.ones(1)}, state, w)
    same_bits(jos.apply_updates(w, updates), w)
    same_bits(after.inner_state, state.inner_state)
    assert after.total_notfinite == 1


def test_22_squares_that_overflow_or_underflow_give_no_nan():
    for make in (jos.adagrad, jos.rmsprop):
        tx, w = make(1.0), jnp.float32(1)
        updates, state = tx.update(jnp.float32(1e30), tx.init(w))
        assert (abs(updates), jax.tree.leaves(state)[1]) == (0, np.inf)  # divided by infinity
        assert abs(tx.update(w, state)[0]) == 0  # and so is all that comes later
        updates, state = tx.update(jnp.float32(1e-30), tx.init(w))
        np.testing.assert_allclose(updates, -1e-23, rtol=1e-5)  # divided by eps alone


def test_23_complex_parameters_have_real_accumulators():
    g = jnp.array([3 + 4j], jnp.complex64)
    for tx, field in ((jos.adagrad(1.0), "sum_of_squares"), (jos.rmsprop(1.0, 0.0), "mean_square")):
        updates, state = tx.update(g, tx.init(g))
        square = getattr(state, field)
        assert (square.dtype, square[0]) == (jnp.float32, 25)
        np.testing.assert_allclose(updates, -g / 5, rtol=1e-6)


@every
def test_24_the_caller_s_gradients_survive(make):
    tx, g = make(), {"a": np.array([1.0, 2.0], np.float32)}
    before, state = g["a"].copy(), tx.init(g)
    kept = jax.tree.map(np.array, state)
    for _ in range(2):
        update(tx, g, state, g)
    np.testing.assert_array_equal(g["a"], before)
    same_bits(jax.tree.map(np.asarray, state), kept)


def test_25_gradients_are_accumulated_in_float32_and_averaged():
    tx, w = jos.multi_steps(jos.sgd(1.0), 8), jnp.zeros(1, jnp.bfloat16)
    state = tx.init(w)
    for g in [1.0] + [2.0**-9] * 7:  # in bfloat16 the sum would stay 1
        updates, state = tx.update(jnp.full(1, g, jnp.bfloat16), state)
    assert updates == -jnp.bfloat16((1 + 7 * 2.0**-9) / 8)
    assert updates != -jnp.bfloat16(1 / 8)


def test_26_no_test_leaves_float64_on(request):
    assert "_restored" in request.fixturenames  # conftest.py: after every test
    assert not jax.config.jax_enable_x64
    with jax.enable_x64(True):
        assert jos.sgd(0.1).update(jnp.ones(1), jos.sgd(0.1).init(jnp.ones(1)))[0].dtype == "float64"
    assert not jax.config.jax_enable_x64


# ---------------------------------------------------------------- state, sharding, checkpoints


@keeping
def test_27_state_lies_where_its_parameters_lie_also_under_jit(make):
    mesh = jax.make_mesh((8,), ("x",), axis_types=(AxisType.Auto,))
    w = jax.device_put(jnp.ones((16, 4)), NamedSharding(mesh, P("x")))
    tx = make()
    for init in (tx.init, jax.jit(tx.init)):
        arrays = [x for x in jax.tree.leaves(init(w)) if x.shape == w.shape]
        assert arrays or make is EVERY["sgd"]
        for x in arrays:
            assert x.sharding.is_equivalent_to(w.sharding, 2)
            sizes = [s.data.nbytes for s in x.addressable_shards]
            assert sizes == [x.nbytes // 8] * 8


@every
@pytest.mark.parametrize("plain", [tuple, lambda s: s._asdict(), list], ids=["tuple", "dict", "list"])
def test_28_a_state_restored_as_plain_containers_is_an_error(make, plain):
    tx, w = make(), jnp.ones(2)
    state = tx.init(w)
    if make in (EVERY["chain"], EVERY["reduce_on_plateau"]):
        state, plain = tuple(plain(s) for s in state), lambda s: s
    with pytest.raises(TypeError, match="or restored from a checkpoint as a plain container"):
        update(tx, w, plain(state), w)


def test_29_donation_takes_only_what_a_step_returned():
    tx, w = jos.momentum(0.1), jnp.ones(2)
    step, state = jos.make_step(lambda w: jnp.sum(w * w), tx), tx.init(w)
    mine = step(w, state)[:2]
    step(*mine)
    np.testing.assert_array_equal(w, 1)  # the caller's own
    np.testing.assert_array_equal(state.velocity, 0)
    with pytest.raises(RuntimeError, match=r"Array has been deleted with shape=float32\[2\]"):
        mine[0] + 1
    with pytest.raises(
        RuntimeError, match=r"^momentum: leaf .count of the state is gone: it was deleted"
    ):
        tx.update(w, mine[1])


@every
def test_30_a_resumed_run_is_the_uninterrupted_one(make):
    tx, w = jos.chain(make(), jos.scale(jos.linear_schedule(1.0, 0.5, 4))), jnp.array([1.0, -2.0])

    def go(tx, w, state, steps):
        for _ in range(steps):
            updates, state = update(tx, w, state, w)
            w = jos.apply_updates(w, updates)
        return tx, w, state

    whole = go(tx, w, tx.init(w), 5)
    half = pickle.loads(pickle.dumps(go(tx, w, tx.init(w), 2)))
    same_bits(go(*half, 3)[1:], whole[1:])
    assert whole[2][1].count == 5
    assert jos.hyperparams(half[0], half[2])["step_size"] == 0.75


# ---------------------------------------------------------------- tests


def test_31_the_tests_numbers_leave_a_wrong_formula_nowhere_to_hide():
    assert len(cases.RULES) >= 16
    for case in cases.CASES:
        assert callable(case.oracle)
        assert all(case.hyperparameters.get(n, 1) > 0 for n in cases.COEFFICIENTS), case
    assert len(mutants_table.TABLE) > 100  # deliberately broken rules, of which none may survive


# ---------------------------------------------------------------- more numbers


@pytest.mark.parametrize(
    "make",
    [
        *(lambda centered=c, momentum=m: jos.rmsprop(0.1, centered=centered, momentum=momentum)
          for c in (False, True) for m in (None, 0.9)),
        lambda: jos.adagrad(0.1),
        lambda: jos.chain(jos.clip_by_global_norm(1.0), jos.sgd(0.1)),
    ],
)  # fmt: skip
def test_32_hypergradients_are_finite_where_a_gradient_is_zero(make):
    def train(tx, g):
        state, w = tx.init(g), jnp.zeros(2)
        for _ in range(2):
            updates, state = tx.update(g, state)
            w = w + updates
        return jnp.sum(w)

    derivatives = jax.jit(jax.grad(train, (0, 1)))
    for g in ([0.0, 1.0], [0.0, 0.0]):
        for d in jax.tree.leaves(derivatives(make(), jnp.array(g))):
            assert np.isfinite(d).all()


def test_33_numbers_neither_lose_digits_nor_widen_nor_recompile():
    one = jnp.ones(1)
    first = jax.jit(lambda tx: tx.update(one, tx.init(one))[1].mean_square)
    np.testing.assert_allclose(first(jos.rmsprop(0.1, 0.9999)), 1 - 0.9999, rtol=1e-6)
    narrow = jnp.ones(1, jnp.bfloat16)
    tx = jos.momentum(np.float64(0.1), np.float64(0.9))
    assert tx.update(narrow, tx.init(narrow))[0].dtype == jnp.bfloat16
    assert [type(x) for x in jax.tree.leaves(jos.momentum(1, 0))] == [float, float]


def test_34_no_change_keeps_minus_zero():
    w = jnp.array([-0.0, 0.0, 1.0])
    nothing = [
        jos.set_to_zero(),
        jos.freeze(True),
        jos.multi_steps(jos.sgd(0.1), 2),
        jos.apply_if_finite(jos.sgd(0.1), 3),
    ]
    for tx in nothing:
        g = jnp.full(3, np.nan)
        same_bits(jos.apply_updates(w, tx.update(g, tx.init(w), w)[0]), w)


def test_35_between_members_float16_lives_in_float32():
    g = jnp.full(1, 2e-5, jnp.float16)
    assert jnp.float16(1e-3) * g == 0
    tx = jos.chain(jos.scale_by_learning_rate(1e-3), jos.trace(0.9))
    velocity = run(tx, g, g, 3)[1].velocity
    np.testing.assert_allclose(velocity, -1e-3 * float(g[0]) * 2.71, rtol=1e-5)


@pytest.mark.parametrize("wrap", list(WRAPPERS.values())[:9], ids=list(WRAPPERS)[:9])
def test_36_a_stack_without_vmap_is_an_error(wrap):
    stack, w = jax.vmap(jos.momentum)(jnp.array([0.1, 0.2])), jnp.ones(2)
    tx = wrap(stack)
    with pytest.raises(ValueError, match=r"^momentum: learning_rate has shape \(2,\) where a scalar"):
        tx.update(w, tx.init(w), w)


@pytest.mark.parametrize("mu", [1.0, 1 - 1e-6, 1 - 1e-4, 0.9])
def test_37_a_thousand_idle_steps_are_accurate_up_to_momentum_one(mu):
    tx, w = jos.momentum(0.1, mu), jnp.float32(0)
    state = tx.init(w)._replace(velocity=jnp.float32(1))
    moved, _ = coast(tx, state, w, 1000)
    np.testing.assert_allclose(moved, sum(mu**k for k in range(1, 1001)), rtol=1e-5)
    if mu < 1:  # the same quotient in a bias correction: the first average is the first update
        average = jos.ema(mu)
        np.testing.assert_allclose(average.update(3.0, average.init(0.0))[0], 3, rtol=1e-6)


@every
def test_38_no_state_shares_a_buffer_with_the_parameters(make):
    tx, w = make(), {"a": jnp.ones(2), "b": jnp.ones(2, jnp.bfloat16)}
    if make is EVERY["checked"]:
        make = None  # its assertions need chexify under jit
    state = tx.init(w)
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((w, state))]
    assert len(set(buffers)) == len(buffers)
    if make:
        donating = jax.jit(lambda w, s: update(tx, w, s, w), donate_argnums=(0, 1))
        donating(w, state)


def test_39_a_schedule_in_a_mapped_constructor_carries_its_numbers():
    rates, w = jnp.array([0.1, 0.2]), jnp.ones(())
    first = jax.vmap(lambda tx: tx.update(w, tx.init(w))[0])
    stacked = jax.vmap(lambda r: jos.sgd(jos.exponential_decay(r, 10, 0.5)))(rates)
    np.testing.assert_allclose(first(stacked), -rates, rtol=1e-6)
    captured = jax.vmap(lambda r: jos.sgd(lambda count: r * 0.5**count))(rates)
    assert not jax.tree.leaves(captured)  # a closure is static: nothing to map over
    with pytest.raises(jax.errors.UnexpectedTracerError):
        captured.update(w, captured.init(w))


def test_40_mutants_begin_with_empty_caches(monkeypatch):
    cleared = []
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(True))
    monkeypatch.setattr(mutants.sys, "modules", {})
    with mutants.imported_with(None):
        assert cleared == [True]
    assert cleared == [True, True]


def test_41_optimizers_of_two_classes_have_two_structures():
    one, other = jos.scale(0.1), jos.add_decayed_weights(0.1)  # test_structure.py has all pairs
    assert len(jax.tree.leaves(one)) == len(jax.tree.leaves(other))
    assert jax.tree.structure(one) != jax.tree.structure(other)


# ---------------------------------------------------------------- the page


def test_the_page_has_every_entry_and_every_entry_a_test():
    page = pathlib.Path(__file__).parent.parent / "docs" / "pitfalls.md"
    entries = [
        int(n) for n in re.findall(r"^\*\*(\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    tests = [int(m[1]) for name in globals() if (m := re.match(r"test_(\d\d)_", name))]
    assert entries == sorted(tests) == list(range(1, 42))
