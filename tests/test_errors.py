"""Bad input: each a one-paragraph error that names the transformation and the culprit."""

import contextlib
import decimal
import math
import pickle
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos


def tree(**changes):
    return {"a": jnp.ones(3), "b": jnp.ones((3, 4))} | changes


def shaped(dtype):
    return {"a": jnp.ones(3, dtype)}


def matches(error, text, call):
    """``call`` raises exactly ``error`` whose text holds ``text`` and is one short paragraph."""
    with pytest.raises(error, match=re.escape(text)) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is error
    assert len(message) < 1000
    assert not re.search(r"\n", message)
    assert not re.search(r"Tracer|0x[0-9a-f]{6}", message)


# ---------------------------------------------------------------- update: state against gradients


class BadUpdate(NamedTuple):
    id: str
    tx: Callable[[], Any]
    updates: Callable[[], Any]
    state: Callable[[Any], Any]
    error: type
    text: str
    params: Callable[[], Any] = lambda: None


def for_tree(**changes):
    return lambda tx: tx.init(tree(**changes))


def momentum():
    return jos.momentum(0.1)


def rms_chain():
    return jos.chain(jos.scale_by_rms(), jos.scale_by_learning_rate(0.1))


def named():
    return jos.named_chain(("rms", jos.scale_by_rms()), ("rate", jos.scale_by_learning_rate(0.1)))


TREES = "momentum: the updates and the state's velocity are different trees: "
NEEDS_FLOAT = "expected a floating or complex dtype."
RESTORED = "Was this state made by another optimizer, or restored from a checkpoint"
FOREIGN = "momentum: expected the MomentumState that its init returned, got {}. " + RESTORED
MEMBERS = "chain: expected a tuple of 2 states, one for each of ['scale_by_rms', "
MEMBERS += "'scale_by_learning_rate'], got {}. Was this state made by another optimizer?"
NAMES = "chain: expected a dict of 2 states, one for each of ['rms', 'rate'], got {}. "
SHAPES = "momentum: leaf ['{}'] of the updates has shape {}; the {} have shape {} there. "
SHAPES += "Shapes must be equal; nothing is broadcast."
DTYPES = "{}: leaf ['a'] of the state's {} has dtype {}; the updates need {} there. "
DTYPES += "Was this state made by init for parameters of another dtype?"

BAD_UPDATES = [
    # trees
    BadUpdate(
        "missing-leaf",
        momentum,
        lambda: {"a": jnp.ones(3)},
        for_tree(),
        ValueError,
        TREES + "leaf ['b'] of the state's velocity is missing from the updates (leaves: 1 "
        "came, 2 expected).",
    ),
    BadUpdate(
        "extra-leaf",
        momentum,
        lambda: tree(c=jnp.ones(2)),
        for_tree(),
        ValueError,
        TREES + "leaf ['c'] of the updates is not in the state's velocity (leaves: 3 came, 2 "
        "expected).",
    ),
    BadUpdate(
        "none-for-leaf",
        momentum,
        lambda: tree(b=None),
        for_tree(),
        ValueError,
        TREES + "leaf ['b'] of the state's velocity is missing from the updates (leaves: 1",
    ),
    BadUpdate(
        "leaf-for-none",
        momentum,
        tree,
        for_tree(b=None),
        ValueError,
        TREES + "leaf ['b'] of the updates is not in the state's velocity (leaves: 2",
    ),
    BadUpdate(
        "no-tree-at-all",
        momentum,
        lambda: None,
        for_tree(),
        ValueError,
        TREES + "leaf ['a'] of the state's velocity is missing from the updates (leaves: ",
    ),
    BadUpdate(
        "list-for-dict",
        momentum,
        lambda: list(tree().values()),
        for_tree(),
        ValueError,
        TREES + "leaf ['a'] of the state's velocity is missing from the updates (leaves: ",
    ),
    BadUpdate(
        "tuple-for-list",
        momentum,
        lambda: (jnp.ones(3),),
        lambda tx: tx.init([jnp.ones(3)]),
        ValueError,
        TREES + "the containers differ outermost, tuple where list was expected ",
    ),
    BadUpdate(
        "tuple-for-list-far-inside",  # the message must still show the place
        momentum,
        lambda: {"many": [jnp.ones(())] * 60, "x": {"y": (jnp.ones(3),)}},
        lambda tx: tx.init({"many": [jnp.ones(())] * 60, "x": {"y": [jnp.ones(3)]}}),
        ValueError,
        "['x']['y']",
    ),
    BadUpdate(
        "a-missing-only-leaf-in-grammar",
        momentum,
        tree,
        lambda tx: tx.init(jnp.ones(3)),
        ValueError,
        "the updates are not a single leaf",
    ),
    BadUpdate(
        "params-of-another-tree",
        momentum,
        tree,
        for_tree(),
        ValueError,
        "momentum: the updates and the params are different trees: leaf ['b'] of the updates is "
        "not in the params (leaves: 2 came, 1 expected).",
        lambda: {"a": jnp.ones(3)},
    ),
    # shapes
    BadUpdate(
        "(4,)-on-(3,4)",
        momentum,
        lambda: tree(b=jnp.ones(4)),
        for_tree(),
        AssertionError,
        SHAPES.format("b", (4,), "state's velocity", (3, 4)),
    ),
    BadUpdate(
        "(3,1)-on-(3,)",
        momentum,
        lambda: tree(a=jnp.ones((3, 1))),
        for_tree(),
        AssertionError,
        SHAPES.format("a", (3, 1), "state's velocity", (3,)),
    ),
    BadUpdate(
        "scalar-on-(3,)",
        momentum,
        lambda: tree(a=1.0),
        for_tree(),
        AssertionError,
        SHAPES.format("a", (), "state's velocity", (3,)),
    ),
    BadUpdate(
        "params-of-another-shape",
        momentum,
        tree,
        for_tree(),
        AssertionError,
        SHAPES.format("b", (3, 4), "params", (4,)),
        lambda: tree(b=jnp.ones(4)),
    ),
    # dtypes
    BadUpdate(
        "complex-on-real",
        momentum,
        lambda: shaped(jnp.complex64),
        lambda tx: tx.init(shaped(jnp.float32)),
        AssertionError,
        DTYPES.format("momentum", "velocity", "float32", "complex64"),
    ),
    BadUpdate(
        "real-on-complex",
        momentum,
        lambda: shaped(jnp.float32),
        lambda tx: tx.init(shaped(jnp.complex64)),
        AssertionError,
        DTYPES.format("momentum", "velocity", "complex64", "float32"),
    ),
    BadUpdate(
        "complex-on-a-real-mean",
        jos.scale_by_stddev,
        lambda: shaped(jnp.complex64),
        lambda tx: tx.init(shaped(jnp.float32)),
        AssertionError,
        DTYPES.format("scale_by_stddev", "mean", "float32", "complex64"),
    ),
    BadUpdate(
        "integer-velocity",
        momentum,
        lambda: shaped(jnp.float32),
        lambda tx: tx.init(shaped(jnp.float32))._replace(velocity=shaped(jnp.int32)),
        AssertionError,
        DTYPES.format("momentum", "velocity", "int32", "float32"),
    ),
    *[
        BadUpdate(
            f"{dtype}-updates",
            momentum,
            lambda dtype=dtype: {"a": jnp.ones(3), "b": [jnp.ones(3, dtype)]},
            lambda tx: tx.init({"a": jnp.ones(3), "b": [jnp.ones(3)]}),
            TypeError,
            f"momentum: leaf ['b'][0] of the updates has dtype {dtype}; " + NEEDS_FLOAT,
        )
        for dtype in ("int32", "uint8", "bool")
    ],
    BadUpdate(
        "python-int-updates",
        momentum,
        lambda: 1,
        lambda tx: tx.init(1.0),
        TypeError,
        "momentum: the only leaf of the updates has dtype int32; " + NEEDS_FLOAT,
    ),
    BadUpdate(
        "integer-params",
        momentum,
        lambda: shaped(jnp.float32),
        lambda tx: tx.init(shaped(jnp.float32)),
        TypeError,
        "momentum: leaf ['a'] of the params has dtype int32; " + NEEDS_FLOAT,
        lambda: shaped(jnp.int32),
    ),
    BadUpdate(
        "decay-of-integer-params",
        lambda: jos.add_decayed_weights(0.1),
        lambda: shaped(jnp.float32),
        lambda tx: tx.init(shaped(jnp.float32)),
        TypeError,
        "add_decayed_weights: leaf ['a'] of the params has dtype int32; " + NEEDS_FLOAT,
        lambda: shaped(jnp.int32),
    ),
    BadUpdate(
        "decay-of-complex-params-into-real-updates",
        lambda: jos.add_decayed_weights(0.1),
        lambda: shaped(jnp.float32),
        lambda tx: tx.init(shaped(jnp.float32)),
        TypeError,
        "add_decayed_weights: leaf ['a'] of the params has dtype complex64",
        lambda: shaped(jnp.complex64),
    ),
    # foreign states
    BadUpdate(
        "optax-state",
        momentum,
        tree,
        lambda tx: optax.adam(0.1).init(tree()),
        TypeError,
        FOREIGN.format("tuple"),
    ),
    BadUpdate(
        "another-rule's-state",
        momentum,
        tree,
        lambda tx: jos.rmsprop(0.1).init(tree()),
        TypeError,
        FOREIGN.format("RMSPropState"),
    ),
    BadUpdate(
        "nesterov's-state",
        momentum,
        tree,
        lambda tx: jos.nesterov(0.1).init(tree()),
        TypeError,
        FOREIGN.format("NesterovState"),
    ),
    BadUpdate(
        "state-as-tuple",
        momentum,
        tree,
        lambda tx: tuple(tx.init(tree())),
        TypeError,
        FOREIGN.format("tuple"),
    ),
    BadUpdate(
        "state-as-dict",
        momentum,
        tree,
        lambda tx: tx.init(tree())._asdict(),
        TypeError,
        FOREIGN.format("dict"),
    ),
    BadUpdate("no-state", momentum, tree, lambda tx: None, TypeError, FOREIGN.format("NoneType")),
    BadUpdate(
        "chain-state-too-short",
        rms_chain,
        tree,
        lambda tx: tx.init(tree())[:1],
        TypeError,
        MEMBERS.format("tuple of 1"),
    ),
    BadUpdate(
        "chain-state-as-list",
        rms_chain,
        tree,
        lambda tx: list(tx.init(tree())),
        TypeError,
        MEMBERS.format("list of 2"),
    ),
    BadUpdate(
        "chain-state-of-one-rule",
        rms_chain,
        tree,
        lambda tx: momentum().init(tree()),
        TypeError,
        MEMBERS.format("MomentumState of 2"),
    ),
    BadUpdate(
        "chain-without-state",
        rms_chain,
        tree,
        lambda tx: None,
        TypeError,
        MEMBERS.format("NoneType"),
    ),
    BadUpdate(
        "chain-state-in-wrong-order",
        rms_chain,
        tree,
        lambda tx: tx.init(tree())[::-1],
        TypeError,
        "scale_by_rms: expected the ScaleByRMSState that its init returned, got ScaleState. "
        + RESTORED,
    ),
    BadUpdate(
        "named-chain-with-a-tuple",
        named,
        tree,
        lambda tx: tuple(tx.init(tree()).values()),
        TypeError,
        "named_" + NAMES.format("tuple of 2"),
    ),
    BadUpdate(
        "named-chain-with-other-names",
        named,
        tree,
        lambda tx: dict(zip(["rms", "speed"], tx.init(tree()).values(), strict=True)),
        TypeError,
        "'speed'",
    ),
    # the state of the same rule with other options
    *[
        BadUpdate(
            label,
            lambda used=used: used,
            tree,
            lambda tx, made=made: made.init(tree()),
            TypeError,
            f"{name}: the state {has} {field}",
        )
        for label, used, made, name, has, field in [
            ("sgd-lacks-velocity", jos.sgd(0.1, 0.9), jos.sgd(0.1), "sgd", "has no", "velocity"),
            ("sgd-has-velocity", jos.sgd(0.1), jos.sgd(0.1, 0.9), "sgd", "has a", "velocity"),
            (
                "rmsprop-lacks-mean",
                jos.rmsprop(0.1, centered=True),
                jos.rmsprop(0.1),
                "rmsprop",
                "has no",
                "mean",
            ),
            (
                "rmsprop-has-mean",
                jos.rmsprop(0.1),
                jos.rmsprop(0.1, centered=True),
                "rmsprop",
                "has a",
                "mean",
            ),
            (
                "rmsprop-lacks-velocity",
                jos.rmsprop(0.1, momentum=0.9),
                jos.rmsprop(0.1),
                "rmsprop",
                "has no",
                "velocity",
            ),
            (
                "stddev-lacks-mean",
                jos.scale_by_stddev(),
                jos.scale_by_rms(),
                "scale_by_stddev",
                "has no",
                "mean",
            ),
            (
                "rms-has-mean",
                jos.scale_by_rms(),
                jos.scale_by_stddev(),
                "scale_by_rms",
                "has a",
                "mean",
            ),
        ]
    ],
    # parameters
    BadUpdate(
        "no-params",
        lambda: jos.add_decayed_weights(0.1),
        tree,
        for_tree(),
        ValueError,
        "add_decayed_weights needs the parameters: call update(updates, state, params).",
    ),
    BadUpdate(
        "no-params-in-a-chain",
        lambda: jos.chain(jos.add_decayed_weights(0.1), momentum()),
        tree,
        for_tree(),
        ValueError,
        "add_decayed_weights needs the parameters: call update(updates, state, params).",
    ),
    # hyperparameters that only show when used
    BadUpdate(
        "stacked-optimizer",
        lambda: jax.vmap(jos.scale)(jnp.array([0.1, 0.2])),
        tree,
        lambda tx: jos.scale(1.0).init(tree()),
        ValueError,
        "scale: step_size has shape (2,) where a scalar was expected. A stacked optimizer is used "
        "under jax.vmap, and a schedule returns one number.",
    ),
    BadUpdate(
        "schedule-returns-a-vector",
        lambda: jos.momentum(0.1, lambda count: jnp.ones(3)),
        tree,
        for_tree(),
        ValueError,
        "momentum: mu has shape (3,) where a scalar was expected.",
    ),
    *[
        BadUpdate(
            f"schedule-returns-{what}",
            lambda value=value: jos.momentum(0.1, lambda count: value()),
            tree,
            for_tree(),
            TypeError,
            "momentum: mu",
        )
        for what, value in [
            ("None", lambda: None),
            ("a-string", lambda: "x"),
            ("complex", lambda: 1j),
            ("complex-array", lambda: jnp.full((), 1j)),
            ("bool", lambda: True),
        ]
    ],
]

EAGER, JITTED = "eagerly", "under jit"


def run_bad_update(row, how):
    tx = row.tx()
    arguments = (row.updates(), row.state(tx), row.params())
    return jax.jit(tx.update)(*arguments) if how == JITTED else tx.update(*arguments)


@pytest.mark.parametrize("how", [EAGER, JITTED])
@pytest.mark.parametrize("row", BAD_UPDATES, ids=lambda row: row.id)
def test_bad_update(row, how):
    if how == JITTED and row.id == "python-int-updates":
        how = EAGER  # jit itself turns a Python int into an array
    matches(row.error, row.text, lambda: run_bad_update(row, how))


@contextlib.contextmanager
def silent_chex():
    chex.disable_asserts()
    try:
        yield
    finally:
        chex.enable_asserts()


@pytest.mark.parametrize(
    "row", [r for r in BAD_UPDATES if r.error is not AssertionError], ids=lambda row: row.id
)
def test_a_wrong_tree_or_state_raises_with_chex_assertions_off(row):
    with silent_chex():
        matches(row.error, row.text, lambda: run_bad_update(row, EAGER))


def test_chex_assertions_come_back_on():
    with silent_chex():
        pass
    with pytest.raises(AssertionError):
        jos.apply_updates(jnp.ones(3), jnp.ones((3, 1)))


def test_float64_gradient_on_float32_state():
    with jax.enable_x64():
        state = momentum().init(shaped(jnp.float32))
        for tx in (momentum().update, jax.jit(momentum().update)):
            matches(
                AssertionError,
                DTYPES.format("momentum", "velocity", "float32", "float64"),
                lambda tx=tx: tx({"a": jnp.ones(3, jnp.float64)}, state),
            )
        matches(
            AssertionError,
            DTYPES.format("adagrad", "sum_of_squares", "float64", "float32"),
            lambda: jos.adagrad(0.1).update(
                shaped(jnp.float32), jos.adagrad(0.1).init(shaped(jnp.float64))
            ),
        )


def test_string_updates_name_the_leaf():
    state = momentum().init({"a": [jnp.ones(3)]})
    text = "momentum: leaf ['a'][0] of the updates is a str; expected an array or a number."
    matches(TypeError, text, lambda: momentum().update({"a": ["x"]}, state))


def test_a_thousand_leaves_give_a_short_message():
    many = {f"layer{i}": jnp.zeros(()) for i in range(1000)}
    tx = momentum()
    state, lists = tx.init(many), tx.init({k: [v] for k, v in many.items()})
    fewer = dict(list(many.items())[:-1])
    for bad, s in [
        (fewer, state),
        ({**many, "one_more": 1.0}, state),
        (list(many.values()), state),
        (many, lists),
        ({k: (v,) for k, v in many.items()}, lists),
    ]:
        with pytest.raises(ValueError, match=r"^momentum: the updates and the state's velo") as e:
            tx.update(bad, s)
        assert len(str(e.value)) < 1000


# ---------------------------------------------------------------- init and apply_updates


class Bad(NamedTuple):
    id: str
    call: Callable[[], Any]
    error: type
    text: str


@pytest.mark.parametrize("how", [EAGER, JITTED])
@pytest.mark.parametrize(
    ("dtype", "leaf"),
    [
        ("int32", jnp.ones(3, jnp.int32)),
        ("int32", np.ones(3, np.int32)),
        ("uint8", jnp.ones(3, jnp.uint8)),
        ("bool", jnp.ones(3, bool)),
        ("int32", 1),
        ("bool", True),
        ("key<fry>", jax.random.key(0)),
    ],
    ids=["int", "numpy-int", "uint8", "bool", "python-int", "python-bool", "key"],
)
def test_integer_leaves(dtype, leaf, how):
    wrap = jax.jit if how == JITTED else lambda f: f
    bad, good = {"w": [1.0, leaf]}, {"w": [1.0, jnp.ones(np.shape(leaf))]}
    rest = f"has dtype {dtype}; {NEEDS_FLOAT} Leave parameters that are not trained to masked or freeze"
    tx, chained = jos.rmsprop(0.1), rms_chain()
    apply = wrap(jos.apply_updates)
    matches(TypeError, f"rmsprop: leaf ['w'][1] of the params {rest}", lambda: wrap(tx.init)(bad))
    matches(TypeError, f"chain: leaf ['w'][1] of the params {rest}", lambda: wrap(chained.init)(bad))
    matches(TypeError, f"apply_updates: leaf ['w'][1] of the params {rest}", lambda: apply(bad, good))
    matches(
        TypeError,
        f"apply_updates: leaf ['w'][1] of the updates has dtype {dtype}; {NEEDS_FLOAT}",
        lambda: apply(good, bad),
    )


@pytest.mark.parametrize("leaf", ["x", b"x", object(), len, np.array([None]), 1 + decimal.Decimal(1)])
def test_leaves_that_are_no_numbers(leaf):
    kind = type(leaf).__name__
    bad, good = {"w": [leaf]}, {"w": [1.0]}
    is_a = f"leaf ['w'][0] of the {{}} is a {kind}; expected an array or a number."
    params, updates = is_a.format("params"), is_a.format("updates")
    for tx in (jos.sgd(0.1), momentum(), jos.adagrad(0.1)):
        name = repr(tx).split("(")[0]
        matches(TypeError, f"{name}: {params}", lambda tx=tx: tx.init(bad))
    matches(TypeError, f"apply_updates: {params}", lambda: jos.apply_updates(bad, good))
    matches(TypeError, f"apply_updates: {updates}", lambda: jos.apply_updates(good, bad))


# ---------------------------------------------------------------- hyperparameters


HYPERPARAMETERS = [
    (constructor, given, name, allowed)
    for constructor, given, hyperparameters in [
        (jos.sgd, {"learning_rate": 0.1}, "learning_rate+ momentum01?"),
        (jos.momentum, {"learning_rate": 0.1}, "learning_rate+ mu01"),
        (jos.nesterov, {"learning_rate": 0.1}, "learning_rate+ mu01"),
        (
            jos.rmsprop,
            {"learning_rate": 0.1},
            "learning_rate+ decay01 eps+ eps_root+ initial_accumulator_value+ momentum01?",
        ),
        (
            jos.adagrad,
            {"learning_rate": 0.1},
            "learning_rate+ eps+ eps_root+ initial_accumulator_value+",
        ),
        (
            jos.rowwise_adagrad,
            {"learning_rate": 0.1},
            "learning_rate+ eps+ eps_root+ initial_accumulator_value+",
        ),
        (jos.adadelta, {}, "learning_rate+ rho01 eps+"),
        (jos.adam, {"learning_rate": 0.1}, "learning_rate+ eps+"),
        (jos.scale, {}, "step_size-"),
        (jos.scale_by_learning_rate, {}, "learning_rate+"),
        (jos.add_decayed_weights, {}, "weight_decay+"),
        (jos.project, {}, "low-? high-? radius+?"),
        (jos.trace, {}, "decay01"),
        (jos.ema, {}, "decay01"),
        (jos.scale_by_rms, {}, "decay01 eps+ eps_root+ initial_accumulator_value+"),
        (jos.scale_by_stddev, {}, "decay01 eps+ eps_root+ initial_accumulator_value+"),
        (jos.scale_by_rss, {}, "eps+ eps_root+ initial_accumulator_value+"),
    ]
    for name, allowed in re.findall(r"([a-z_]+)(\S+)", hyperparameters)
]
RANGES = {"+": "finite and at least 0", "01": "in [0, 1]", "-": "finite"}
RANGES |= {f"{kind}?": text for kind, text in RANGES.items()}
OUTSIDE = {
    "-": [math.nan, math.inf, -math.inf, np.float32("nan"), np.inf],
    "+": [math.nan, math.inf, -math.inf, -1.0, -1, -1e-300, np.float64(-2), np.float32("nan")],
    "01": [math.nan, math.inf, -1.0, -1, 2, 1.5, math.nextafter(1, 2), -1e-300, np.float64(-2)],
}
OUTSIDE |= {f"{kind}?": values for kind, values in OUTSIDE.items()}
NOT_NUMBERS = [True, False, np.True_, "0.1", b"0.1", 1j, np.complex64(1), [0.1], (0.1,), (), {}]
NOT_NUMBERS += [decimal.Decimal("0.1"), jos.sgd(0.1), np.array("0.1"), jax.ShapeDtypeStruct((), float)]


def ids(case):
    return f"{case[0].__name__}.{case[2]}"


@pytest.mark.parametrize("case", HYPERPARAMETERS, ids=ids)
def test_hyperparameters_out_of_range(case):
    constructor, given, name, allowed = case
    prefix = f"{constructor.__name__}: {name} must be {RANGES[allowed]}, got "
    for value in OUTSIDE[allowed]:
        text = f"{prefix}{float(value)!r}."
        matches(ValueError, text, lambda v=value: constructor(**{**given, name: v}))
        if abs(value) > 1e-38 and value != math.nextafter(1, 2):
            array = jnp.float32(value)
            matches(ValueError, text, lambda v=array: constructor(**{**given, name: v}))
    text = f"{constructor.__name__}: {name} must be finite, got an integer beyond float64."
    matches(ValueError, text, lambda: constructor(**{**given, name: 10**400}))


@pytest.mark.parametrize("case", HYPERPARAMETERS, ids=ids)
def test_hyperparameters_that_are_no_numbers(case):
    constructor, given, name, allowed = case
    owner = constructor.__name__
    prefix = f"{owner}: {name} must be a number, a scalar array or a schedule (a callable of the count)"
    for value in NOT_NUMBERS + ([] if allowed.endswith("?") else [None]):
        kind = type(value[()] if isinstance(value, np.ndarray) else value).__name__
        text = f"{prefix}, got {kind} "
        matches(TypeError, text, lambda v=value: constructor(**{**given, name: v}))
    for shape in [(1,), (2,), (2, 1)]:
        text = f"{prefix}, got ndarray of shape {shape}."
        matches(TypeError, text, lambda s=shape: constructor(**{**given, name: np.ones(s)}))
        text = (
            f"{owner}: {name} must be a scalar, got an array of shape {shape}. To make one per "
            "value, map the constructor over the values with jax.vmap."
        )
        matches(ValueError, text, lambda s=shape: constructor(**{**given, name: jnp.ones(s)}))
    for value in (jnp.full((), 1j), jnp.array(True), jax.random.key(0)):
        text = f"{owner}: {name} must be a real number, got an array of {value.dtype}."
        matches(TypeError, text, lambda v=value: constructor(**{**given, name: v}))


@pytest.mark.parametrize("case", HYPERPARAMETERS, ids=ids)
def test_end_points_and_every_kind_of_number_are_allowed(case):
    constructor, given, name, allowed = case
    if constructor is jos.ema:
        given = {**given, "debias": False}
    values = [0, 0.0, 0.5, 1, 1.0, np.float32(1), np.float64(0.5), np.int64(1), np.array(0.5)]
    values += [jnp.float32(1), jnp.int32(1), jnp.bfloat16(0.5), lambda count: 0.5]
    values += [-1.0, 3e5] if allowed == "-" else [1e30] if allowed == "+" else []
    for value in values:
        constructor(**{**given, name: value})


@pytest.mark.parametrize("case", HYPERPARAMETERS, ids=ids)
def test_the_constructor_is_not_checked_while_tracing(case):
    constructor, given, name, _ = case
    assert len(jax.vmap(lambda v: constructor(**{**given, name: v}))(jnp.array([-1.0, 7.0]))) == 2


# ---------------------------------------------------------------- everything else, in one table


def scaled_twice():
    return jos.chain(jos.scale(1.0), jos.scale(2.0))


def made_by_hand(count):
    return 0.1 * count


NO_PAIR = "expected a GradientTransformation, ours or any optax-style (init, update) pair."
CALL = NO_PAIR + " Call the constructor: pass {0}(...), not {0}."

BAD_CALLS = [
    # apply_updates
    Bad(
        "apply-missing-leaf",
        lambda: jos.apply_updates(tree(), {"a": jnp.ones(3)}),
        ValueError,
        "apply_updates: the updates and the params are different trees: leaf ['b'] of the "
        "params is missing from the updates (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "apply-to-none",
        lambda: jos.apply_updates(tree(a=None), tree()),
        ValueError,
        "apply_updates: the updates and the params are different trees: leaf ['a'] of "
        "the updates is not in the params (leaves: 2",
    ),
    Bad(
        "apply-(3,1)-to-(3,)",
        lambda: jos.apply_updates(tree(), tree(a=jnp.ones((3, 1)))),
        AssertionError,
        "apply_updates: leaf ['a'] of the updates has shape (3, 1); the params have shape (3,) there. "
        "Shapes must be equal; nothing is broadcast.",
    ),
    Bad(
        "apply-(4,)-to-(3,4)",
        lambda: jax.jit(jos.apply_updates)(tree(), tree(b=jnp.ones(4))),
        AssertionError,
        "apply_updates: leaf ['b'] of the updates has shape (4,); the params have shape (3, 4) there.",
    ),
    Bad(
        "apply-complex-to-real",
        lambda: jos.apply_updates(shaped(jnp.float32), shaped(jnp.complex64)),
        TypeError,
        "apply_updates: leaf ['a']",
    ),
    # options
    Bad(
        "sgd-nesterov",
        lambda: jos.sgd(0.1, nesterov=True),
        ValueError,
        "sgd: nesterov=True needs a momentum, got momentum=None.",
    ),
    Bad(
        "rmsprop-nesterov",
        lambda: jos.rmsprop(0.1, nesterov=True),
        ValueError,
        "rmsprop: nesterov=True needs a momentum, got momentum=None.",
    ),
    *[
        Bad(
            f"{call.__name__}-{option}-{value!r:.8}",
            lambda call=call, option=option, value=value: call(0.1, **{option: value}),
            TypeError,
            f"{call.__name__}: {option} must be True or False, got {value!r}.",
        )
        for call, option in [
            (jos.sgd, "nesterov"),
            (jos.rmsprop, "nesterov"),
            (jos.rmsprop, "centered"),
            (jos.rmsprop, "bias_correction"),
            (jos.trace, "nesterov"),
            (jos.ema, "debias"),
            (jos.scale_by_rms, "bias_correction"),
            (jos.scale_by_stddev, "bias_correction"),
        ]
        for value in (1, None, "yes", np.True_, jnp.array(True))
    ],
    *[
        Bad(
            f"{call.__name__}-bias-at-{value!r:.12}",
            lambda call=call, given=given, value=value: call(decay=value, **given),
            ValueError,
            f"{call.__name__}: {given.get('name', option)} needs a decay below 1, got 1",
        )
        for call, given, option in [
            (jos.rmsprop, {"learning_rate": 0.1, "bias_correction": True}, "bias_correction"),
            (jos.scale_by_rms, {"bias_correction": True}, "bias_correction"),
            (jos.scale_by_stddev, {"bias_correction": True}, "bias_correction"),
            (jos.ema, {}, "debias"),
        ]
        for value in (1, 1.0, np.float32(1), np.int32(1), jnp.float32(1))
    ],
    *[
        Bad(
            f"adam-{name}-{value}",
            lambda name=name, value=value: jos.adam(0.1, **{name: value}),
            ValueError,
            f"adam: {name} must be in [0, 1], got {value}.",
        )
        for name in ("b1", "b2")
        for value in (-0.5, 1.5, math.nan)
    ],
    *[
        Bad(
            f"adam-{name}-at-{value!r:.12}",
            lambda name=name, value=value: jos.adam(0.1, **{name: value}),
            ValueError,
            f"adam: bias correction needs a {name} below 1, got 1.",
        )
        for name in ("b1", "b2")
        for value in (1, 1.0, np.float32(1), jnp.float32(1))
    ],
    Bad(
        "bias-at-True-is-a-bool",
        lambda: jos.rmsprop(0.1, True, bias_correction=True),
        TypeError,
        "rmsprop: decay must be a number",
    ),
    Bad(
        "with-decay-1-under-debias",
        lambda: jos.with_hyperparams(jos.ema(0.9), decay=1.0),
        ValueError,
        "ema: debias needs a decay below 1, got 1.",
    ),
    # chains
    Bad("chain-number", lambda: jos.chain(momentum(), 0.1), TypeError, "chain: member 1 is 0.1; "),
    Bad("chain-None", lambda: jos.chain(None), TypeError, "chain: member 0 is None; " + NO_PAIR),
    Bad("chain-str", lambda: jos.chain("ab"), TypeError, "chain: member 0 is 'ab'; " + NO_PAIR),
    Bad("chain-pair", lambda: jos.chain((1, 2)), TypeError, "chain: member 0 is (1, 2); " + NO_PAIR),
    Bad("chain-list", lambda: jos.chain([momentum()]), TypeError, "chain: member 0 is [momentum("),
    Bad(
        "chain-state",
        lambda: jos.chain(jos.sgd(0.1).init(1.0)),
        TypeError,
        "chain: member 0 is SGDState(",
    ),
    Bad(
        "chain-of-pairs",
        lambda: jos.chain(("a", momentum())),
        TypeError,
        "chain: member 0 is ('a', momentum(",
    ),
    Bad("chain-uncalled", lambda: jos.chain(jos.momentum), TypeError, CALL.format("momentum")),
    Bad("chain-uncalled-name", lambda: jos.chain(jos.rmsprop), TypeError, "rmsprop"),
    Bad(
        "chain-class",
        lambda: jos.chain(optax.GradientTransformation),
        TypeError,
        CALL.format("GradientTransformation"),
    ),
    Bad(
        "named-chain-without-name",
        lambda: jos.named_chain(momentum()),
        TypeError,
        "named_chain: member 0 is momentum(learning_rate=0.1, mu=0.9); expected a (name, "
        "transformation) pair.",
    ),
    Bad(
        "named-chain-3",
        lambda: jos.named_chain(("a", 1, 2)),
        TypeError,
        "named_chain: member 0 is ('a', 1, 2); expected a (name, transformation) pair.",
    ),
    Bad(
        "named-chain-list",
        lambda: jos.named_chain(["a", 1]),
        TypeError,
        "named_chain: member 0 is ['a', 1]; expected a (name, transformation) pair.",
    ),
    Bad(
        "named-chain-number-as-name",
        lambda: jos.named_chain(("a", momentum()), (1, momentum())),
        TypeError,
        "named_chain: member 1 is (1, momentum(learning_rate=0.1, mu=0.9)); expected a (name, ",
    ),
    Bad(
        "named-chain-twice",
        lambda: jos.named_chain(("a", momentum()), ("b", momentum()), ("a", momentum())),
        ValueError,
        "named_chain: the name 'a' occurs twice; names must be unique.",
    ),
    Bad(
        "named-chain-number",
        lambda: jos.named_chain(("a", 0.1)),
        TypeError,
        "named_chain: member 'a' is 0.1; " + NO_PAIR,
    ),
    Bad("named-chain-dot", lambda: jos.named_chain(("a.b", momentum())), ValueError, "'a.b'"),
    Bad("named-chain-nameless", lambda: jos.named_chain(("", momentum())), ValueError, "''"),
    # stacked optimizers
    *[
        Bad(
            f"stacked-{name}",
            lambda make=make: make().init(tree()),
            ValueError,
            f"{owner}: {name} has shape (2,) where a scalar was expected. A stacked optimizer is used "
            "under jax.vmap, and a schedule returns one number.",
        )
        for owner, name, make in [
            (
                "adagrad",
                "initial_accumulator_value",
                lambda: jax.vmap(lambda a: jos.adagrad(0.1, initial_accumulator_value=a))(jnp.ones(2)),
            ),
        ]
    ],
    # hyperparams and with_hyperparams
    Bad(
        "unknown",
        lambda: jos.with_hyperparams(momentum(), learning_rat=1),
        ValueError,
        "with_hyperparams: no hyperparameter 'learning_rat'; this optimizer has ['learning_rate', "
        "'mu']. Did you mean 'learning_rate'?",
    ),
    Bad(
        "unknown-without-a-guess",
        lambda: jos.with_hyperparams(momentum(), zzz=1),
        ValueError,
        "with_hyperparams: no hyperparameter 'zzz'; this optimizer has ['learning_rate', 'mu'].",
    ),
    Bad(
        "ambiguous",
        lambda: jos.with_hyperparams(scaled_twice(), step_size=1),
        ValueError,
        "with_hyperparams: 'step_size' is ambiguous; say which of ['0.step_size', '1.step_size'].",
    ),
    Bad(
        "new-value-out-of-range",
        lambda: jos.with_hyperparams(momentum(), mu=2),
        ValueError,
        "momentum: mu must be in [0, 1], got 2.0.",
    ),
    Bad(
        "new-value-in-a-chain",
        lambda: jos.with_hyperparams(rms_chain(), **{"1.learning_rate": -1}),
        ValueError,
        "scale_by_learning_rate: learning_rate must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "new-value-nan",
        lambda: jos.with_hyperparams(momentum(), mu=math.nan),
        ValueError,
        "momentum: mu must be in [0, 1], got nan.",
    ),
    Bad(
        "new-value-str",
        lambda: jos.with_hyperparams(momentum(), mu="a"),
        TypeError,
        "momentum: mu must be a number, a scalar array or a schedule (a callable of the count), got "
        "str 'a'.",
    ),
    Bad(
        "momentum-switched-off",  # another state: not a change of a number
        lambda: jos.with_hyperparams(jos.sgd(0.1, 0.9), momentum=None),
        TypeError,
        "sgd: momentum",
    ),
    Bad(
        "option-as-hyperparameter",
        lambda: jos.with_hyperparams(jos.ema(0.9), debias=False),
        ValueError,
        "with_hyperparams: no hyperparameter 'debias'; this optimizer has ['decay'].",
    ),
    *[
        Bad(
            f"{function.__name__}-of-{type(what).__name__}",
            lambda function=function, what=what: function(what),
            TypeError,
            f"{function.__name__}: expected a GradientTransformation of this library, got "
            f"{type(what).__name__}.",
        )
        for function in (jos.hyperparams, jos.with_hyperparams)
        for what in (
            optax.sgd(0.1),
            optax.GradientTransformation(lambda p: (), lambda u, s, p=None: (u, s)),
            None,
            jos.momentum,
            (1, 2),
        )
    ],
    Bad(
        "hyperparams-of-another-state",
        lambda: jos.hyperparams(momentum(), jos.sgd(0.1).init(1.0)),
        TypeError,
        FOREIGN.format("SGDState"),
    ),
    Bad(
        "hyperparams-of-a-chain-state",
        lambda: jos.hyperparams(rms_chain(), momentum().init(1.0)),
        TypeError,
        MEMBERS.format("MomentumState of 2"),
    ),
    # schedules
    Bad(
        "pickle-lambda",
        lambda: pickle.dumps(jos.momentum(lambda count: 0.1)),
        pickle.PicklingError,
        "cannot be pickled",
    ),
    Bad(
        "scale_by_schedule-of-a-number",
        lambda: jos.scale_by_schedule(0.1),
        TypeError,
        "scale_by_schedule: step_size_fn must be a callable of the count, got 0.1. For a number use "
        "scale.",
    ),
]


@pytest.mark.parametrize("row", BAD_CALLS, ids=lambda row: row.id)
def test_bad_call(row):
    matches(row.error, row.text, row.call)


def test_pickling_a_lambda_says_what_to_do():
    with pytest.raises(pickle.PicklingError) as caught:
        pickle.dumps(jos.momentum(lambda count: 0.1))
    assert re.fullmatch(
        r"the schedule \S*<lambda> cannot be pickled \(.+\)\. Use a function that a module defines at "
        r"its top level, or one of this library's schedules\.",
        str(caught.value),
    )
    assert jos.hyperparams(pickle.loads(pickle.dumps(jos.momentum(made_by_hand))))["mu"] == 0.9
