"""masked, partition and freeze: trees, prefixes, functions, modules, integers, optax's members."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxopt_slides as jos

PARAMS = {"net": {"w": jnp.array([1.0, -2.0]), "b": jnp.array([0.5])}, "head": jnp.array([4.0])}
eagerly_and_jitted = pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eagerly", "jit"])


def run(tx, params=PARAMS, steps=3, wrap=lambda f: f):
    """Parameters after a few steps on sum(w**4) / 4, the same loop for any library."""
    update = wrap(tx.update)
    state, trail = tx.init(params), []
    for _ in range(steps):
        gradients = jax.tree.map(lambda w: w**3, params)
        updates, state = update(gradients, state, params)
        params = jax.tree.map(lambda w, u: w + u, params, updates)
        trail.append(updates)
    return trail


def same(a, b):
    """Equal bit for bit."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes(), (x, y)


def close(a, b):
    """optax computes the same numbers, in another order."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)


def raises(error, text, call):
    with pytest.raises(error, match=re.escape(text)):
        call()


# ---------------------------------------------------------------- masked

FULL = {"net": {"w": True, "b": False}, "head": False}
FORMS = {
    "tree": FULL,
    "numpy": jax.tree.map(np.bool_, FULL),
    "callable": lambda params: jax.tree.map(lambda w: w.size == 2, params),
    "callable prefix": lambda params: {"net": {"w": True, "b": False}, "head": False},
}


@eagerly_and_jitted
@pytest.mark.parametrize("mask", FORMS.values(), ids=FORMS)
def test_masked_is_the_inner_optimizer_on_its_leaves(mask, wrap):
    inner = jos.momentum(0.25, 0.5)
    alone = run(inner, {"w": PARAMS["net"]["w"]}, wrap=wrap)
    got = run(jos.masked(inner, mask), wrap=wrap)
    raw = run(optax.identity())
    for u, a, r in zip(got, alone, raw, strict=True):
        same(u["net"]["w"], a["w"])
        same((u["net"]["b"], u["head"]), (r["net"]["b"], r["head"]))


@eagerly_and_jitted
@pytest.mark.parametrize(
    ("prefix", "full"),
    [
        (True, jax.tree.map(lambda _: True, FULL)),
        (False, jax.tree.map(lambda _: False, FULL)),
        ({"net": True, "head": False}, {"net": {"w": True, "b": True}, "head": False}),
        (lambda params: {"net": False, "head": True}, {"net": {"w": False, "b": False}, "head": True}),
    ],
    ids=["all", "none", "tree", "callable"],
)
def test_a_prefix_holds_for_all_below(prefix, full, wrap):
    for u, v in zip(
        run(jos.masked(jos.adagrad(0.5), prefix), wrap=wrap),
        run(jos.masked(jos.adagrad(0.5), full)),
        strict=True,
    ):
        same(u, v)


bools = st.fixed_dictionaries({"net": st.fixed_dictionaries({"w": st.booleans(), "b": st.booleans()})})
masks = st.builds(lambda d, head: d | {"head": head}, bools, st.booleans())


@given(outer=masks, inner=masks)
@settings(max_examples=12)
def test_masked_in_masked_is_the_conjunction(outer, inner):
    both = jax.tree.map(lambda a, b: a and b, outer, inner)
    nested = jos.masked(jos.masked(jos.momentum(0.25), inner), outer)
    for u, v in zip(run(nested), run(jos.masked(jos.momentum(0.25), both)), strict=True):
        same(u, v)


def test_masked_in_masked_with_functions():
    """The inner function sees None where the outer mask is False."""
    seen = []

    def small(params):
        seen.append(jax.tree.structure(params))
        return jax.tree.map(lambda w: w.size == 1, params)

    nested = jos.masked(jos.masked(jos.momentum(0.25), small), {"net": True, "head": False})
    expected = jos.masked(jos.momentum(0.25), {"net": {"w": False, "b": True}, "head": False})
    for u, v in zip(run(nested), run(expected), strict=True):
        same(u, v)
    assert set(seen) == {jax.tree.structure(PARAMS | {"head": None})}


TREES = st.recursive(
    st.integers(1, 3).map(lambda n: jnp.arange(1.0, n + 1)),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3), st.lists(inner, max_size=2)
    ),
    max_leaves=5,
)


@given(params=TREES, data=st.data())
@settings(max_examples=12)
def test_random_trees_agree_with_optax(params, data):
    mask = jax.tree.map(lambda _: data.draw(st.booleans()), params)
    ours = jos.masked(jos.chain(jos.trace(0.5), jos.scale(-0.25)), mask)
    theirs = optax.masked(optax.chain(optax.trace(0.5), optax.scale(-0.25)), mask)
    for u, v in zip(run(ours, params, 2), run(theirs, params, 2), strict=True):
        close(u, v)


@given(params=TREES, data=st.data())
@settings(max_examples=12)
def test_random_partitions_agree_with_optax(params, data):
    labels = jax.tree.map(lambda _: data.draw(st.sampled_from("xyz")), params)
    ours = {"x": jos.sgd(0.25), "y": jos.sgd(0.5), "z": jos.set_to_zero()}
    theirs = {"x": optax.sgd(0.25), "y": optax.sgd(0.5), "z": optax.set_to_zero()}
    pairs = zip(
        run(jos.partition(ours, labels), params, 2),
        run(optax.partition(theirs, labels), params, 2),
        strict=True,
    )
    for u, v in pairs:
        close(u, v)


# ---------------------------------------------------------------- partition

LABELS = {
    "tree": {"net": {"w": "slow", "b": "slow"}, "head": "fast"},
    "prefix": {"net": "slow", "head": "fast"},
    "callable": lambda params: {"net": "slow", "head": "fast"},
    "by shape": lambda params: jax.tree_util.tree_map_with_path(
        lambda path, _: "slow" if path[0].key == "net" else "fast", params
    ),
}


@eagerly_and_jitted
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_a_learning_rate_for_every_layer(labels, wrap):
    """Against a NumPy loop for every layer."""
    rates = {"slow": 0.01, "fast": 0.1}
    tx = jos.partition({k: jos.momentum(rate, 0.5) for k, rate in rates.items()}, labels)
    state, params, update = tx.init(PARAMS), PARAMS, wrap(tx.update)
    for _ in range(5):
        updates, state = update(jax.tree.map(lambda w: w**3, params), state, params)
        params = jos.apply_updates(params, updates)

    def loop(w, rate):
        w, v = np.asarray(w, np.float64), 0.0
        for _ in range(5):
            v = 0.5 * v - rate * w**3
            w = w + v
        return w

    expected = {
        "net": {k: loop(w, 0.01) for k, w in PARAMS["net"].items()},
        "head": loop(PARAMS["head"], 0.1),
    }
    # Five steps, each a few roundings of half an ulp, at rest or contracting.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=5e-6), params, expected)
    assert jos.hyperparams(tx) == {
        "slow.learning_rate": 0.01,
        "slow.mu": 0.5,
        "fast.learning_rate": 0.1,
        "fast.mu": 0.5,
    }


def test_partition_changes_and_differentiates_per_group():
    tx = jos.partition({"a": jos.sgd(0.5), "b": jos.sgd(0.25)}, {"net": "a", "head": "b"})
    slope = jax.grad(lambda tx: jnp.sum(run(tx, steps=1)[0]["head"]))(tx)
    assert jos.hyperparams(slope) == {"a.learning_rate": 0.0, "b.learning_rate": -64.0}
    changed = jos.with_hyperparams(tx, **{"b.learning_rate": 1.0})
    np.testing.assert_array_equal(run(changed, steps=1)[0]["head"], [-64.0])
    np.testing.assert_array_equal(run(changed, steps=1)[0]["net"]["b"], [-0.0625])


def test_a_stack_of_partitions():
    def make(rate):
        return jos.partition({"a": jos.sgd(rate), "b": jos.sgd(1.0)}, {"net": "a", "head": "b"})

    rates = jnp.array([0.5, 0.25])
    got = jax.vmap(lambda tx: run(tx, steps=1)[0]["net"]["b"])(jax.vmap(make)(rates))
    np.testing.assert_array_equal(got, [[-0.0625], [-0.03125]])


@eagerly_and_jitted
def test_optax_members(wrap):
    """Stateful ones, against optax's own wrappers, which strict promotion would refuse."""
    labels = {"net": {"w": "adam", "b": "ours"}, "head": "adam"}
    ours = jos.partition({"adam": optax.adam(0.1), "ours": jos.sgd(0.5)}, labels)
    theirs = optax.partition({"adam": optax.adam(0.1), "ours": optax.sgd(0.5)}, labels)
    for tx, peer in [
        (ours, theirs),
        (jos.masked(optax.adam(0.1), FULL), optax.masked(optax.adam(0.1), FULL)),
    ]:
        with jax.numpy_dtype_promotion("standard"):
            expected = run(peer)
        for u, v in zip(run(tx, wrap=wrap), expected, strict=True):
            close(u, v)


def test_labels_of_any_kind():
    for labels in (
        {"net": 1, "head": 2},
        {"net": np.int64(1), "head": 2},
        lambda p: {"net": 1, "head": 2},
    ):
        tx = jos.partition({1: jos.sgd(0.5), 2: jos.set_to_zero()}, labels)
        updates = run(tx, steps=1)[0]
        np.testing.assert_array_equal(updates["net"]["b"], [-0.0625])
        np.testing.assert_array_equal(updates["head"], [0.0])


def test_extra_arguments_reach_the_member_that_wants_them():
    tx = jos.partition(
        {"a": jos.chain(jos.sgd(1.0), jos.reduce_on_plateau(0.5, patience=1)), "b": jos.sgd(1.0)},
        {"net": "a", "head": "b"},
    )
    state = tx.init(PARAMS)
    for expected in (1.0, 0.5, 0.25):
        updates, state = tx.update(PARAMS, state, PARAMS, value=1.0, unknown=object())
        np.testing.assert_array_equal(updates["net"]["b"], -expected * PARAMS["net"]["b"])
        np.testing.assert_array_equal(updates["head"], -PARAMS["head"])
    raises(TypeError, "reduce_on_plateau needs the metric", lambda: tx.update(PARAMS, state))


def spy(seen):
    """Another library's member that notes what it is given."""

    def update(updates, state, params=None, **extra):
        seen.append({"updates": updates, "params": params, **extra})
        return updates, state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


def test_members_see_their_leaves_in_their_dtypes():
    seen, params = [], {"a": jnp.ones(2), "b": jnp.ones(2, jnp.bfloat16), "c": jnp.ones(2)}
    tx = jos.masked(spy(seen), {"a": False, "b": True, "c": True})
    tx.update(params, tx.init(params), params)
    dtypes = {k: None if x is None else x.dtype for k, x in seen[0]["updates"].items()}
    assert dtypes == {"a": None, "b": jnp.bfloat16, "c": jnp.float32}


def test_an_extra_tree_is_divided_too():
    """As ``grad``; a metric is no tree, also where there is only one parameter."""
    seen = []
    tx = jos.partition({"x": spy(seen), "y": jos.sgd(1.0)}, {"net": "x", "head": "y"})
    tx.update(PARAMS, tx.init(PARAMS), PARAMS, grad=PARAMS, value=2.0)
    assert jax.tree.structure(seen[0]["grad"]) == jax.tree.structure(PARAMS | {"head": None})
    w = jnp.ones(1)
    for label in ("x", "y"):
        tx = jos.partition({"x": spy(seen), "y": jos.sgd(1.0)}, label)
        tx.update(w, tx.init(w), w, value=3.0)
        assert seen[-1]["value"] is not None


def test_a_function_sees_the_parameters_as_they_are():
    """Without them, what stands in their place has the dtypes of the updates."""
    params, gradients = {"w": jnp.ones(1, jnp.bfloat16)}, {"w": jnp.ones(1, jnp.float16)}
    seen = []
    tx = jos.masked(jos.sgd(1.0), lambda p: [seen.append(p["w"].dtype), True][1])
    state = tx.init(params)
    for came, expected in ((params, jnp.bfloat16), (None, jnp.float16)):
        seen.clear()
        tx.update(gradients, state, came)
        assert set(seen) == {jnp.dtype(expected)}


def test_what_a_member_keeps_wide_stays_wide():
    params = {"a": jnp.ones(1, jnp.bfloat16), "b": jnp.ones(1, jnp.bfloat16)}
    tx = jos.partition(
        {"m": jos.mixed_precision(jos.sgd(1.0)), "s": jos.sgd(1.0)}, {"a": "m", "b": "s"}
    )
    updates, _ = tx.update(params, tx.init(params), params)
    assert updates["a"].dtype == jnp.float32


def test_a_dot_in_a_label_is_an_error():
    text = "partition: the label 'a.b' has a dot; dots separate the parts of a hyperparameter's name."
    raises(ValueError, text, lambda: jos.partition({"a.b": jos.sgd(0.1)}, "a.b"))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (
            {"net": {"w": "slow", "b": "fsat"}, "head": "fast"},
            "partition: leaf ['net']['b'] of the labels is 'fsat'; expected one of ['slow', 'fast']. "
            "Did you mean 'fast'?",
        ),
        (
            {"net": "slow", "head": None},
            "partition: the labels must be a tree like the parameters, or stop earlier, where one "
            "holds for all below; at ['head'] there is nothing (None) where the parameters have an "
            "array.",
        ),
        ({"net": "slow"}, "outermost it lacks ['head']."),
        (
            {"net": "slow", "head": "fast", "tail": "fast"},
            "outermost it has ['tail'], which the parameters do not have.",
        ),
        (
            {"net": ["slow", "slow"], "head": "fast"},
            "at ['net'] there is a list where the parameters have a dict.",
        ),
    ],
    ids=["unknown", "none", "lacking", "extra", "container"],
)
@pytest.mark.parametrize("form", [lambda labels: labels, lambda labels: lambda params: labels])
def test_wrong_labels(labels, text, form):
    members = {"slow": jos.sgd(0.1), "fast": jos.sgd(1.0)}
    raises(ValueError, text, lambda: jos.partition(members, form(labels)).init(PARAMS))


def test_wrong_masks():
    inner = jos.sgd(0.1)
    for wrong, shown in [(1, "1"), ("yes", "'yes'"), (np.float32(1), "1.0")]:
        raises(
            ValueError,
            f"masked: leaf ['head'] of the mask is {shown}; expected one of [False, True].",
            lambda wrong=wrong: jos.masked(inner, {"net": True, "head": wrong}),
        )
    raises(
        TypeError,
        "masked: leaf ['head'] of the mask is an array of shape (1,); expected one of [False, True] "
        "for the whole leaf. To mask elements, multiply the gradients.",
        lambda: jos.masked(inner, {"net": True, "head": np.array([True])}),
    )
    raises(
        TypeError,
        "masked: leaf ['head'] of the mask is traced; the mask must be known before tracing.",
        lambda: jax.jit(lambda m: jos.masked(inner, {"net": True, "head": m}).init(PARAMS))(True),
    )
    raises(
        TypeError,
        "masked: the function of the mask returned a function; expected a tree of True and False.",
        lambda: jos.masked(inner, lambda params: lambda leaf: True).init(PARAMS),
    )
    raises(
        TypeError,
        "partition: transforms must be a mapping of label to transformation, got ",
        lambda: jos.partition([inner], {"net": 0, "head": 0}),
    )
    raises(
        ValueError,
        "partition: the labels [1, '1'] do not differ as text.",
        lambda: jos.partition({1: inner, "1": inner}, 1),
    )


# ---------------------------------------------------------------- Equinox modules


class Affine(eqx.Module):
    """A callable pytree: as parameters, as a mask and as labels it is a tree, never a function."""

    weight: jax.Array | bool | str
    bias: jax.Array | bool | str
    name: str = eqx.field(static=True, default="affine")

    def __call__(self, x):
        raise AssertionError("a module of parameters, masks or labels was called")


MODEL = Affine(jnp.array([[1.0, 2.0]]), jnp.array([3.0]))


@eagerly_and_jitted
@pytest.mark.parametrize(
    "mask",
    [Affine(True, False), lambda model: jax.tree.map(lambda w: w.ndim > 1, model)],
    ids=["module", "function"],
)
def test_modules_as_parameters_and_as_masks(mask, wrap):
    updates = run(jos.masked(jos.sgd(0.5), mask), MODEL, 1, wrap)[0]
    assert isinstance(updates, Affine)
    np.testing.assert_array_equal(updates.weight, [[-0.5, -4.0]])
    np.testing.assert_array_equal(updates.bias, [27.0])


def test_modules_as_labels_and_with_none():
    members = {"w": jos.sgd(0.5), "b": jos.sgd(1.0)}
    updates = run(jos.partition(members, Affine("w", "b")), MODEL, 1)[0]
    np.testing.assert_array_equal(updates.bias, [-27.0])
    whole = eqx.nn.MLP(2, 1, 3, 1, key=jax.random.key(0))
    params = eqx.filter(whole, eqx.is_inexact_array)  # None for the activation functions
    mask = jax.tree.map(lambda w: w.ndim > 1, params)
    updates = run(jos.masked(jos.sgd(0.5), mask), params, 1)[0]
    for u, w in zip(jax.tree.leaves(updates), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(u, (-0.5 if w.ndim > 1 else 1.0) * w**3, rtol=1e-6)
    stepped = eqx.apply_updates(whole, updates)
    assert jax.tree.structure(stepped) == jax.tree.structure(whole)


# ---------------------------------------------------------------- freeze


@eagerly_and_jitted
@pytest.mark.parametrize("inner", [jos.momentum(0.5), jos.rmsprop(0.5), optax.adam(0.5)])
def test_frozen_leaves_keep_their_bits(inner, wrap):
    """-0.0 and a weight whose gradient is NaN or infinite; under optax's freeze -0.0 becomes 0.0."""
    frozen = np.array([-0.0, 0.0, 1.5, 1e-45, np.inf], np.float32)
    params = {"w": jnp.ones(5), "b": jnp.asarray(frozen)}
    tx = jos.chain(inner, jos.freeze({"w": False, "b": True}))
    state, update = tx.init(params), wrap(tx.update)
    for bad in (1.0, np.nan, np.inf, -1.0):
        updates, state = update({"w": jnp.ones(5), "b": jnp.full(5, bad)}, state, params)
        params = jos.apply_updates(params, updates)
        assert bool(jnp.isfinite(params["w"]).all())
        assert np.asarray(params["b"])[[0, 1, 2, 4]].tobytes() == frozen[[0, 1, 2, 4]].tobytes()


def test_frozen_subnormal_numbers_are_at_most_flushed():
    """XLA on the CPU takes 1e-45 for 0 in a sum; the update itself is -0.0."""
    tx = jos.freeze(True)
    updates, _ = tx.update(jnp.array([1.0]), tx.init(jnp.array([1.0])))
    same(updates, jnp.array([-0.0]))


def test_freeze_takes_every_form_of_mask():
    for mask in ({"net": True, "head": False}, lambda params: {"net": True, "head": False}):
        updates = run(jos.chain(jos.sgd(0.5), jos.freeze(mask)), steps=1)[0]
        same(updates["net"], {"w": jnp.array([-0.0, -0.0]), "b": jnp.array([-0.0])})
        np.testing.assert_array_equal(updates["head"], [-32.0])


# ---------------------------------------------------------------- integers and bools

MIXED = {"w": jnp.array([1.0, 2.0]), "n": jnp.arange(3), "flag": jnp.array([True, False])}
TRAINED = {"w": True, "n": False, "flag": False}
STILL = {k: not v for k, v in TRAINED.items()}


def squares(params):
    return jnp.sum(params["w"] ** 2) * 0.5


@eagerly_and_jitted
@pytest.mark.parametrize(
    "tx",
    [
        jos.masked(jos.momentum(0.5), TRAINED),
        jos.chain(jos.masked(jos.momentum(0.5), TRAINED), jos.freeze(STILL)),
        jos.partition(
            {"a": jos.momentum(0.5), "b": jos.set_to_zero()}, {"w": "a", "n": "b", "flag": "b"}
        ),
        jos.masked(jos.masked(jos.momentum(0.5), TRAINED), TRAINED),
        jos.checked(jos.masked(jos.momentum(0.5), TRAINED)),
        jos.as_static(jos.masked(jos.momentum(0.5), TRAINED)),
        jos.masked(jos.apply_if_finite(jos.momentum(0.5), 3), TRAINED),
    ],
    ids=["masked", "freeze", "partition", "nested", "checked", "static", "finite"],
)
def test_integers_and_bools_stay_as_they_are(tx, wrap):
    """Gradients of ints are float0, as jax.grad(allow_int=True) makes them."""

    def step(params, state):
        gradients = jax.grad(squares, allow_int=True)(params)
        updates, state = tx.update(gradients, state, params)
        return jos.apply_updates(params, updates), state

    if isinstance(tx.update.args[0], type(jos.checked(tx).update.args[0])):
        wrap = lambda f: f  # noqa: E731 (checked outside chexify is eager)
    params, state = MIXED, tx.init(MIXED)
    for _ in range(2):
        params, state = wrap(step)(params, state)
    same({k: params[k] for k in ("n", "flag")}, {k: MIXED[k] for k in ("n", "flag")})
    # w = 1: v = -0.5, w = 0.5; v = -0.45 - 0.25, w = -0.2
    np.testing.assert_allclose(params["w"], np.array([-0.2, -0.4]), rtol=1e-6)


def test_an_integer_update_is_none_whatever_came():
    """float0, also where the caller's gradient of an integer is a 0 of its own dtype."""
    tx = jos.masked(jos.momentum(0.5), TRAINED)
    gradients = jax.tree.map(jnp.zeros_like, MIXED)
    updates, _ = tx.update(gradients, tx.init(MIXED), MIXED)
    assert {k: u.dtype for k, u in updates.items() if k != "w"} == dict.fromkeys(
        ("n", "flag"), jax.dtypes.float0
    )
    same(jos.apply_updates(MIXED, updates), MIXED)


def test_integers_elsewhere_are_an_error_that_names_the_leaf():
    def text(leaf, what, dtype):
        return (
            f"leaf ['{leaf}'] of the {what} has dtype {dtype}; expected a floating or complex dtype. "
            f"Leave parameters that are not trained to masked or freeze, or put None in their place."
        )

    masked, flag = jos.masked(jos.momentum(0.5), TRAINED), text("flag", "params", "bool")
    number = text("n", "parameters", "int32")
    for tx, expected in [
        (jos.momentum(0.5), "momentum: " + flag),
        (jos.masked(jos.momentum(0.5), TRAINED | {"n": True}), "momentum: " + number),
        (jos.chain(masked, jos.scale(2.0)), "scale: " + flag),
        (jos.chain(masked, optax.scale(2.0)), flag),
        (jos.apply_if_finite(masked, 1), "apply_if_finite: " + flag),
        (jos.multi_steps(masked, 2), "multi_steps: " + flag),
        (jos.average_params(masked, 0.5), "average_params: " + flag),
    ]:
        raises(TypeError, expected, lambda tx=tx: tx.init(MIXED))
    raises(
        TypeError,
        "apply_updates: leaf ['flag'] of the params has dtype bool",
        lambda: jos.apply_updates(MIXED, MIXED),
    )
