"""Random compositions of rules, parts and wrappers: however nested, they are optimizers."""

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxopt_slides as jos
from tests.laws import require_equal

DEPTH = 4


class Composition(NamedTuple):
    """How to make an optimizer, anew each time."""

    make: Callable[[], Any]
    text: str
    wide: bool = False  # updates of narrow leaves are float32: mixed precision has the last word

    def __repr__(self):
        return self.text


# Few shapes and dtypes: each is one compilation of each rule.
PARAMS = {
    "w": np.array([1.0, -2.0, 0.0], np.float32),
    "b": jnp.asarray([0.5, 1.0, -0.0], jnp.bfloat16),
    "deep": (np.full((), 3.0, np.float32), {"empty": np.ones(0, np.float32)}),
    "none": None,
}


def gradients(t):
    """The gradients of step t: they change, but some stay 0."""
    return jax.tree.map(lambda w: np.asarray(w * (1 - 0.375 * t)).astype(w.dtype), PARAMS)


def of_vectors(params):
    """A mask and labels at once: True for what has an axis."""
    return jax.tree.map(lambda w: w.ndim > 0, params)


MASKS = [of_vectors, {"w": True, "b": False, "deep": True, "none": None}]
SCHEDULE = jos.linear_schedule(0.5, 0.125, 3)
numbers = st.sampled_from([0.0, 0.01, 0.5, 1.0])
coefficients = st.sampled_from([0.0, 0.5, 0.9, 1.0, SCHEDULE])
below_one = st.sampled_from([0.0, 0.5, 0.999])
rates = st.sampled_from([0.0, 0.01, 1.0, SCHEDULE])


def leaf(constructor, *arguments, **options):
    """Compositions that are one constructor with drawn arguments."""
    names, values = tuple(options), tuple(options.values())

    def composition(drawn):
        args, kwargs = drawn[: len(arguments)], dict(zip(names, drawn[len(arguments) :], strict=True))
        shown = [*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())]
        text = f"{constructor.__name__}({', '.join(shown)})"
        return Composition(lambda: constructor(*args, **kwargs), text)

    return st.tuples(*arguments, *values).map(composition)


LEAVES = st.one_of(
    leaf(jos.sgd, rates),
    leaf(jos.momentum, rates, coefficients),
    leaf(jos.nesterov, rates, coefficients),
    leaf(jos.rmsprop, rates, coefficients, centered=st.booleans(), momentum=coefficients),
    leaf(jos.adagrad, rates, initial_accumulator_value=numbers),
    leaf(jos.trace, coefficients),
    leaf(jos.ema, below_one),
    leaf(jos.scale_by_rms, below_one, bias_correction=st.booleans()),
    leaf(jos.scale_by_stddev, below_one),
    leaf(jos.scale_by_rss),
    leaf(jos.scale, st.sampled_from([-1.0, 0.5, SCHEDULE])),
    leaf(jos.clip, numbers),
    leaf(jos.clip_by_global_norm, numbers),
    leaf(jos.zero_nans),
    leaf(jos.project, low=rates),
    leaf(jos.project, radius=numbers),
    leaf(jos.add_decayed_weights, rates, mask=st.sampled_from([None, *MASKS])),
    leaf(jos.freeze, st.sampled_from(MASKS)),
    leaf(jos.set_to_zero),
    leaf(jos.identity),
    leaf(jos.reduce_on_plateau, st.just(0.5), patience=st.just(1), cooldown=st.integers(0, 1)),
)


def around(name, wrap, *, wide=False):
    """A wrapper of one composition."""
    return lambda inner: Composition(
        lambda: wrap(inner.make()), f"{name}({inner.text})", wide or inner.wide
    )


def several(name, wrap, of=lambda flags: bool(flags) and flags[-1]):
    """A wrapper of several."""

    def composition(inner):
        text = f"{name}({', '.join(c.text for c in inner)})"
        return Composition(lambda: wrap([c.make() for c in inner]), text, of([c.wide for c in inner]))

    return composition


AROUND_ONE = [
    *(around(f"masked[{i}]", lambda tx, m=m: jos.masked(tx, m)) for i, m in enumerate(MASKS)),
    around("apply_if_finite", lambda tx: jos.apply_if_finite(tx, 2)),
    around("multi_steps[2]", lambda tx: jos.multi_steps(tx, 2)),
    around("multi_steps[schedule]", lambda tx: jos.multi_steps(tx, jos.linear_schedule(1.0, 3.0, 2))),
    around("average_params", lambda tx: jos.average_params(tx, 0.5)),
    around("average_params[schedule]", lambda tx: jos.average_params(tx, SCHEDULE)),
    around("mixed_precision", jos.mixed_precision, wide=True),
    around(
        "stochastic_rounding",
        lambda tx: jos.mixed_precision(tx, "stochastic_rounding", seed=3),
        wide=True,
    ),
    around("accumulator_dtype", lambda tx: jos.accumulator_dtype(tx, jnp.bfloat16)),
    around("as_static", jos.as_static),
]
AROUND_SEVERAL = [
    several("chain", lambda many: jos.chain(*many)),
    several("named_chain", lambda many: jos.named_chain(*zip("abc", many, strict=False))),
]
IN_TWO = [
    several(
        "partition", lambda two, m=m: jos.partition(dict(zip((True, False), two, strict=True)), m), any
    )
    for m in MASKS
]
CHECKED = around("checked", jos.checked)


def compositions(depth=DEPTH, more=()):
    """Compositions at most so deep; ``more`` are further wrappers."""
    if depth == 1:
        return LEAVES
    inner = compositions(depth - 1, more)
    one = st.builds(lambda wrap, c: wrap(c), st.sampled_from([*AROUND_ONE, *more]), inner)
    many = st.builds(
        lambda wrap, c: wrap(c), st.sampled_from(AROUND_SEVERAL), st.lists(inner, max_size=3)
    )
    two = st.builds(lambda wrap, c: wrap(c), st.sampled_from(IN_TWO), st.tuples(inner, inner))
    # Not one_of, which would count every kind of leaf for one alternative.
    return st.sampled_from([one, one, one, many, many, two, LEAVES]).flatmap(lambda kind: kind)


def facts(tree):
    """Structure, shapes, dtypes and weak types: what a scan carry must keep."""
    avals = map(jax.typeof, jax.tree.leaves(tree))
    return jax.tree.structure(tree), [(x.shape, x.dtype, x.weak_type) for x in avals]


def update(tx, g, state, params):
    """One step, with a metric for who asks for one."""
    updates, state = tx.update(g, state, params, value=jnp.float32(1.0))
    return updates, jos.apply_updates(params, updates), state


def check_facts(composition, updates, new):
    """Updates and new parameters are like the parameters, but for mixed precision's own updates."""
    assert facts(new) == facts(jax.tree.map(jnp.asarray, PARAMS))
    expected = jax.tree.map(
        lambda w: jnp.asarray(w, jnp.float32 if composition.wide else w.dtype), PARAMS
    )
    assert facts(updates) == facts(expected)


# --- What a composition is


@given(compositions())
@settings(max_examples=200)
def test_equal_constructions_are_equal_and_all_numbers_are_floats(composition):
    tx, twin = composition.make(), composition.make()
    assert jax.tree.structure(tx) == jax.tree.structure(twin)
    assert hash(jax.tree.structure(tx)) == hash(jax.tree.structure(twin))
    assert jax.tree.leaves(tx) == jax.tree.leaves(twin)
    assert all(type(x) is float for x in jax.tree.leaves(tx))
    copy = pickle.loads(pickle.dumps(tx))
    require_equal(copy, tx, composition.text)
    assert repr(copy) == repr(tx) == repr(twin)


@given(compositions(), st.integers(0, 100))
@settings(max_examples=200)
def test_hyperparameters_go_out_and_in(composition, which):
    tx = composition.make()
    shown = jos.hyperparams(tx)
    require_equal(jos.with_hyperparams(tx, **shown), tx, composition.text)
    if not shown:
        return
    name = list(shown)[which % len(shown)]
    new = 2.0 if name.endswith("transition_steps") else 0.25
    changed = jos.with_hyperparams(tx, **{name: new})
    assert jos.hyperparams(changed) == {**shown, name: new}
    require_equal(jos.with_hyperparams(changed, **{name: shown[name]}), tx, composition.text)
    if jax.tree.leaves(tx):
        gradient = jax.tree.map(jnp.float32, tx)
        assert list(jos.hyperparams(gradient)) == list(shown)


# --- What it does


@given(compositions())
@settings(max_examples=150)
def test_traced_it_keeps_structure_shape_and_dtype_and_its_state_is_a_scan_carry(composition):
    def train(tx, params):
        def body(carry, g):
            params, state = carry
            updates, new, state = update(tx, g, state, params)
            return (new, state), updates

        first = (params, tx.init(params))
        stacked = jax.tree.map(lambda w: jnp.stack([w, w]), params)
        return jax.lax.scan(body, first, stacked), first[1]

    params = jax.tree.map(jnp.asarray, PARAMS)
    ((new, after), updates), state = jax.eval_shape(train, composition.make(), params)
    check_facts(
        composition, jax.tree.map(lambda u: jax.ShapeDtypeStruct(u.shape[1:], u.dtype), updates), new
    )
    assert facts(after) == facts(state)


@given(compositions(more=[CHECKED]))
@settings(max_examples=25)
def test_eagerly_it_is_pure_finite_and_leaves_its_arguments_alone(composition):
    tx, params, g = composition.make(), PARAMS, gradients(0)
    state = jax.tree.map(np.asarray, tx.init(params))
    kept = jax.tree.map(np.array, (params, g, state))
    first = update(tx, g, state, params)
    require_equal(jax.tree.map(np.asarray, (params, g, state)), kept, composition.text)
    check_facts(composition, *first[:2])
    assert facts(first[2]) == facts(state)
    require_equal(update(composition.make(), g, state, params), first, composition.text)
    for t in range(3):
        jos.hyperparams(tx, state)
        updates, params, state = update(tx, gradients(t), state, params)
        for path, x in jax.tree_util.tree_leaves_with_path((updates, params, state)):
            finite = jnp.isfinite(x) | (".best_value" in jax.tree_util.keystr(path))  # inf at first
            assert finite.all(), (composition, t, path, x)


@given(compositions(DEPTH - 1))
@settings(max_examples=20)
def test_a_skipped_step_changes_nothing(composition):
    tx = jos.apply_if_finite(composition.make(), 1)
    params = jax.tree.map(jnp.asarray, PARAMS)
    _, params, state = update(tx, gradients(0), tx.init(params), params)
    bad = gradients(1) | {"w": np.array([1.0, np.nan, 1.0], np.float32)}
    _, new, after = update(tx, bad, state, params)
    require_equal(new, params, composition.text)
    require_equal(after.inner_state, state.inner_state, composition.text)
    assert int(after.total_notfinite) == 1


# --- The strategies themselves


def test_compositions_reach_every_depth_and_every_wrapper():
    texts = []

    @given(compositions(more=[CHECKED]))
    @settings(max_examples=300)
    def collect(composition):
        texts.append(composition.text)

    collect()
    nested = [sum(text.count(f"{n}(") for n in ("chain", "partition", "finite")) for text in texts]
    assert max(nested) >= DEPTH - 1
    assert len(set(texts)) > 250
    known = (
        "masked",
        "multi_steps",
        "average",
        "mixed",
        "rounding",
        "accumulator",
        "static",
        "checked",
    )
    assert not [n for n in known if not any(n in text for text in texts)]


@pytest.mark.parametrize("name", ["average_params", "mixed_precision"])
def test_what_needs_parameters_says_so_however_deep(name):
    tx = jos.masked(
        jos.chain(jos.apply_if_finite(getattr(jos, name)(jos.sgd(0.1), *[0.5][: name < "b"]), 1)), True
    )
    w = jnp.ones(2)
    with pytest.raises(ValueError, match=f"^{name} needs the parameters"):
        tx.update(w, tx.init(w))
