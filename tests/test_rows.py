"""Tables: reading by ids, refusals, copies and shards. Trajectories: test_rows_exact.py."""

import re
import warnings

import equinox
import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxopt_slides as jos
from jaxopt_slides import rows
from jaxopt_slides.rows import _reading, _whole
from jaxopt_slides.rows._ids import positions

SIZE, WIDTH = 6, 2
VALUES = np.arange(SIZE * WIDTH, dtype=np.float32).reshape(SIZE, WIDTH) / 4 + 1


def made(tx=None, values=VALUES, **options):
    """An optimizer, parameters with one table, and their state."""
    tx = rows.lazy(jos.momentum(0.5) if tx is None else tx, **options)
    params = {"embed": rows.table(jnp.asarray(values), "embed"), "w": jnp.ones(WIDTH)}
    return tx, params, tx.init(params)


def loss(params, ids):
    return jnp.sum((params["embed"][ids] @ params["w"]) ** 2)


def step(tx, params, state, ids):
    view = rows.read(tx, params, state, {"embed": ids})
    value, gradients = rows.value_and_grad(loss)(view, ids)
    updates, state = tx.update(gradients, state, view)
    return jos.apply_updates(params, updates), state, value


# Ids


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, int]
)
def test_ids_of_every_integer_dtype(dtype):
    low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -3
    ids = np.array([0, 5, 6, 100, low], dtype)
    expected = [0, 5, 6, 6, 0 if low == 0 else 3]
    np.testing.assert_array_equal(positions("t", ids, SIZE), expected)
    np.testing.assert_array_equal(positions("t", jnp.asarray(ids), SIZE), expected)
    np.testing.assert_array_equal(positions("t", ids.tolist(), SIZE), expected)
    np.testing.assert_array_equal(positions("t", ids, 1000)[:4], [0, 5, 6, 100])  # beyond an int8


@pytest.mark.parametrize("wrong", [2**32 + 5, -(2**32), 2**31, -7, 6])
def test_the_range_is_tested_before_any_cast(wrong, x64):
    for ids in (wrong, np.array([wrong]), jnp.array([wrong], jnp.int64)):
        assert positions("t", ids, SIZE).ravel().tolist() == [SIZE]


@pytest.mark.parametrize("ids", [[], (), np.zeros((0, 3), int), jnp.zeros((0,), jnp.int32)])
def test_no_ids(ids):
    tx, params, state = made()
    view = rows.read(tx, params, state, {"embed": ids})
    assert view["embed"][jnp.array([0])].shape == (1, WIDTH)
    assert np.isnan(view["embed"][jnp.array([0])]).all()
    _, gradients = rows.value_and_grad(lambda p: jnp.sum(p["w"]))(view)
    updates, state = tx.update(gradients, state, view)
    params = jos.apply_updates(params, updates)
    np.testing.assert_array_equal(params["embed"].values, VALUES)
    np.testing.assert_array_equal(params["w"], 0.5)
    assert int(state.clock) == 1


REFUSED = [
    (True, "ids must be integers, got an array of bool of shape ()."),
    (np.array([True]), "of shape (1,). A mask is no list of ids: take jnp.flatnonzero of it."),
    (1.0, "ids must be integers, got an array of float64 of shape ()."),
    (np.array([1.0, 2.0], np.float32), "ids must be integers, got an array of float32 of shape (2,)."),
    ("embed", "ids must be integers in an array, got 'embed'."),
    ([[1], [2, 3]], "ids must be integers in an array, got [[1], [2, 3]]."),
    (None, "ids must be integers in an array, got None."),
    (slice(1), "ids must be integers in an array, got slice(None, 1, None)."),
]


@pytest.mark.parametrize(("ids", "text"), REFUSED, ids=range(len(REFUSED)))
def test_ids_that_are_none(ids, text):
    tx, params, state = made()
    with pytest.raises(TypeError, match=re.escape(text)):
        rows.read(tx, params, state, {"embed": ids})
    with pytest.raises(TypeError, match=re.escape(text)):
        params["embed"][ids]


def test_a_table_a_view_and_an_array_are_read_alike():
    tx, params, state = made()
    ids = jnp.array([[0, 5], [-1, 3]])
    view = rows.read(tx, params, state, {"embed": [ids, 2, [5, 5]]})
    for kind in (params, view, rows.current(tx, params, state)):
        np.testing.assert_array_equal(kind["embed"][ids], VALUES[np.asarray(ids)])
        np.testing.assert_array_equal(kind["embed"][2], VALUES[2])
        assert kind["embed"].shape[-1:] == (WIDTH,) if kind is not view else True
    assert np.isnan(view["embed"][jnp.array([1, 4, 6, -7, 99])]).all()
    assert np.isnan(params["embed"][jnp.array([6, -7, 99])]).all()


def test_what_is_out_of_range_or_undeclared_is_never_written():
    tx, params, state = made()

    def one(p):
        return jnp.nansum(p["embed"][jnp.array([0, 6, 3])])

    view = rows.read(tx, params, state, {"embed": [0, 6, -100]})
    _, gradients = rows.value_and_grad(one)(view)
    updates, state = tx.update(gradients, state, view)
    values = np.asarray(jos.apply_updates(params, updates)["embed"].values)
    assert (values[1:] == VALUES[1:]).all()
    assert (values[0] != VALUES[0]).all()
    assert (np.asarray(state.tables["embed"].stamps) == [1, 0, 0, 0, 0, 0]).all()


@pytest.mark.parametrize("wrong", [4, 6, -100])
def test_checked_tells_of_an_id_that_was_not_declared(wrong):
    _, params, _ = made()
    batches = jnp.array([[0, 1], [1, 0], [1, wrong]])
    declare = {"embed": [jnp.array([0, 1, 99])]}
    text = (
        r"checked\(sgd\): at step 2 the loss has read ids of table 'embed' that were not declared, or "
        r"are out of its range"
    )
    with pytest.raises(AssertionError, match=text):
        jos.fit(
            loss, jos.sgd(1e-3), params, steps=3, batches=batches, ids=lambda _: declare, checked=True
        )
    tx, params, state = made(jos.checked(jos.sgd(1e-3)))
    view = rows.read(tx, params, state, declare)
    _, gradients = rows.value_and_grad(loss)(view, batches[0])
    tx.update(gradients, state, view)
    _, gradients = rows.value_and_grad(loss)(view, batches[2])
    with pytest.raises(AssertionError, match=text.replace("2", "0")):
        tx.update(gradients, state, view)


def test_one_place_stands_for_an_id_that_is_declared_twice():
    """Where two places wrote one row, which of them is last would be the device's choice."""
    tx, params, state = made()
    view = rows.read(tx, params, state, {"embed": [3, 1, 3, -3, 9]})["embed"]
    assert sorted(view.target.tolist()) == [1, 3, SIZE, SIZE, SIZE]
    np.testing.assert_array_equal(view.rows[view.target == SIZE], 0.0)
    np.testing.assert_array_equal(view[jnp.array([3, 1])], VALUES[[3, 1]])


# What a table is


def test_a_table_is_read_by_ids_and_nothing_else():
    tx, params, state = made()
    view = rows.read(tx, params, state, {"embed": [0]})
    for part in (params["embed"], view["embed"]):
        with pytest.raises(TypeError, match=r"^table 'embed' cannot be iterated: read rows of it"):
            list(part)
        with pytest.raises(TypeError, match=r"^table 'embed' is no array: read rows of it"):
            jnp.sum(part)
        with pytest.raises(TypeError, match=r"^table 'embed' is no array: read rows of it"):
            np.asarray(part)
    assert (params["embed"].shape, params["embed"].dtype) == ((SIZE, WIDTH), np.float32)


def test_a_lagging_table_is_not_read_silently():
    tx, params, state = made()
    params, state, _ = step(tx, params, state, jnp.array([0, 1]))
    with pytest.raises(ValueError, match=r"^table 'embed' lags behind its optimizer. Read rows"):
        params["embed"][0]
    assert np.isnan(jax.jit(lambda p: p["embed"][0])(params)).all()
    flushed, _ = rows.flush(tx, params, state)
    expected = rows.current(tx, params, state)["embed"]
    np.testing.assert_array_equal(flushed["embed"][jnp.arange(SIZE)], expected)


@pytest.mark.parametrize("traced", [False, True])
def test_the_view_of_another_step_is_not_used_silently(traced):
    tx, params, state = made()
    update = jax.jit(tx.update) if traced else tx.update
    ids = jnp.array([0, 1])
    view = rows.read(tx, params, state, {"embed": ids})
    _, gradients = rows.value_and_grad(loss)(view, ids)
    updates, state = update(gradients, state, view)
    params = jos.apply_updates(params, updates)
    assert not np.isnan(params["embed"].values).any()
    updates, _ = update(gradients, state, view)  # once more, of the same view
    stale = jos.apply_updates(params, updates)["embed"].values
    assert np.isnan(stale[:2]).all()
    np.testing.assert_array_equal(stale[2:], params["embed"].values[2:])


@pytest.mark.parametrize("make", [jos.sgd, jos.adagrad, jos.rmsprop], ids=lambda f: f.__name__)
def test_where_nothing_moves_a_table_never_lags(make):
    tx, params, state = made(make(0.1))
    params, state, _ = step(tx, params, state, jnp.array([0, 1]))
    np.testing.assert_array_equal(params["embed"][jnp.arange(SIZE)], params["embed"].values)


def test_under_a_plain_optimizer_a_table_is_an_array():
    params = {"embed": rows.table(jnp.asarray(VALUES), "embed"), "w": jnp.ones(WIDTH)}
    arrays = {"embed": jnp.asarray(VALUES), "w": jnp.ones(WIDTH)}
    tx = jos.chain(jos.add_decayed_weights(0.1), jos.momentum(0.01))
    states = [tx.init(params), tx.init(arrays)]
    for ids in (jnp.array([0, 1]), jnp.array([1, 1])):
        params, arrays = (
            jos.apply_updates(p, tx.update(jax.grad(loss)(p, ids), s, p)[0])
            for p, s in zip((params, arrays), states, strict=True)
        )
    np.testing.assert_array_equal(params["embed"].values, arrays["embed"])


TABLES = [
    (
        lambda: rows.table(jnp.ones((2, 2)), ""),
        TypeError,
        "table: name must be a string that is not empty, got ''.",
    ),
    (
        lambda: rows.table(jnp.ones((2, 2)), 3),
        TypeError,
        "table: name must be a string that is not empty, got 3.",
    ),
    (
        lambda: rows.value_and_grad(0.5),
        TypeError,
        "value_and_grad: loss must be a function of the params, got 0.5.",
    ),
    (
        lambda: rows.table(jnp.ones((2, 2), int), "t"),
        TypeError,
        "table: values must be a floating array, got int32.",
    ),
    (lambda: rows.table("x", "t"), TypeError, "table: values must be a floating array, got 'x'."),
    (
        lambda: rows.table(jnp.ones(()), "t"),
        ValueError,
        "table: values must be an array [rows, ...], got shape ().",
    ),
    (
        lambda: rows.table(jnp.ones((0, 2)), "t"),
        ValueError,
        "table: values must be an array [rows, ...], got shape (0, 2).",
    ),
    (lambda: rows.lazy(jos.sgd), TypeError, "lazy: inner is sgd; expected a GradientTransformation"),
    (
        lambda: rows.lazy(jos.sgd(0.1), horizon=0),
        ValueError,
        "lazy: horizon must be an integer, at least 1, got 0.",
    ),
    (
        lambda: jos.chain(rows.lazy(jos.sgd(0.1)), jos.scale(2.0)),
        TypeError,
        "chain: member 0 is rows.lazy(sgd(learning_rate=0.1)), which must be outermost: make the whole "
        "optimizer first and wrap that in lazy.",
    ),
    (lambda: rows.lazy(rows.lazy(jos.sgd(0.1))), TypeError, "lazy: inner is rows.lazy(sgd("),
    (lambda: jos.checked(rows.lazy(jos.sgd(0.1))), TypeError, "which must be outermost"),
    (
        lambda: made(values=VALUES)[0].init([rows.table(VALUES, "t"), rows.table(VALUES, "t")]),
        ValueError,
        "lazy: two tables are called 't'; names must be unique.",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), TABLES, ids=range(len(TABLES)))
def test_bad_tables(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


# Using it wrongly


def _misuses():
    tx, params, state = made()
    view = rows.read(tx, params, state, {"embed": [0]})
    _, gradients = rows.value_and_grad(loss)(view, jnp.array([0]))
    updates, _ = tx.update(gradients, state, view)
    dense = {"embed": jnp.ones((SIZE, WIDTH)), "w": jnp.ones(WIDTH)}
    other = made(jos.sgd(0.1))
    a, b = rows.read, rows.flush
    return {
        "a plain optimizer": (
            lambda: a(jos.sgd(0.1), params, state, {}),
            TypeError,
            "read: expected the optimizer that rows.lazy returned, got sgd(learning_rate=0.1).",
        ),
        "a plain state": (
            lambda: b(tx, params, jos.sgd(0.1).init(dense)),
            TypeError,
            "flush: expected the LazyState that init returned, got SGDState.",
        ),
        "other tables": (
            lambda: a(tx, dense, state, {}),
            ValueError,
            "read: the params have the tables [], "
            "and the state those of ['embed']. Was this state made for other params?",
        ),
        "no ids": (
            lambda: a(tx, params, state, {}),
            ValueError,
            "read: ids must be given for the tables ['embed'], got [].",
        ),
        "ids alone": (lambda: a(tx, params, state, [0]), ValueError, "the tables ['embed'], got [0]."),
        "an unknown table": (lambda: a(tx, params, state, {"embd": [0]}), ValueError, "got ['embd']."),
        "no view": (
            lambda: rows.value_and_grad(loss)(params, jnp.array([0])),
            TypeError,
            "value_and_grad: table 'embed' has not been read; take the gradients of what rows.read(",
        ),
        "the params for the view": (
            lambda: tx.update(gradients, state, params),
            TypeError,
            "lazy: update "
            "was given table 'embed' itself. It takes what rows.value_and_grad returned, and the view",
        ),
        "a view for gradients": (
            lambda: tx.update(view, state, view),
            TypeError,
            "lazy: update was given table 'embed' itself.",
        ),
        "dense gradients": (
            lambda: tx.update(dense, state, view),
            ValueError,
            "lazy: the gradients have "
            "rows of the tables [] and the view those of ['embed']. Take the gradients with",
        ),
        "no params": (
            lambda: tx.update(gradients, state),
            ValueError,
            "lazy: table 'embed' needs the view: call update(gradients, state, view).",
        ),
        "updates for others": (
            lambda: jos.apply_updates(dense, updates),
            TypeError,
            "apply_updates: the updates have rows of table 'embed' where the params have",
        ),
        "updates for another tree": (
            lambda: jos.apply_updates([1.0], updates),
            ValueError,
            "apply_updates: the params are not those of the updates",
        ),
        "another optimizer's state": (
            lambda: tx.update(gradients, other[2], view),
            TypeError,
            "momentum: expected the MomentumState that its init returned, got SGDState.",
        ),
    }


MISUSES = [
    "a plain optimizer",
    "a plain state",
    "other tables",
    "no ids",
    "ids alone",
    "an unknown table",
    "no view",
    "the params for the view",
    "a view for gradients",
    "dense gradients",
    "no params",
    "updates for others",
    "updates for another tree",
    "another optimizer's state",
]


@pytest.mark.parametrize("name", MISUSES)
def test_misuse(name):
    misuses = _misuses()
    assert list(misuses) == MISUSES
    call, kind, text = misuses[name]
    with pytest.raises(kind, match=re.escape(text)):
        call()


CANNOT = {
    "adam": (lambda: jos.adam(0.1), "adam cannot coast: adam divides a velocity by a root"),
    "clip after trace": (
        lambda: jos.chain(jos.trace(0.9), jos.clip(1.0)),
        "chain cannot coast: clip is not linear in its input",
    ),
    "trace before rms": (
        lambda: jos.chain(jos.trace(0.9), jos.scale_by_rms()),
        "chain cannot coast: scale_by_rms is not linear in its input",
    ),
    "coupled decay before rms": (
        lambda: jos.chain(jos.add_decayed_weights(0.1), jos.rmsprop(0.1)),
        "chain cannot coast: rmsprop is not linear in its input",
    ),
    "coupled decay before adagrad": (
        lambda: jos.chain(jos.add_decayed_weights(0.1), jos.adagrad(0.1)),
        "chain cannot coast: adagrad is not linear in its input",
    ),
    "multi_steps": (
        lambda: jos.multi_steps(jos.sgd(0.1), 2),
        "multi_steps cannot coast: multi_steps adds up the gradients of several steps, whose rows",
    ),
    "apply_if_finite": (
        lambda: jos.apply_if_finite(jos.sgd(0.1), 2),
        "apply_if_finite cannot coast: apply_if_finite leaves out steps, in which nothing may coast",
    ),
    "foreign": (lambda: optax.sgd(0.1), "is a foreign transform"),
    "average_params": (
        lambda: jos.average_params(jos.sgd(0.1), 0.9),
        "average_params wraps sgd and is no linear map of its state",
    ),
    "in a partition": (
        lambda: jos.partition({"a": jos.adam(0.1), "b": jos.sgd(0.1)}, {"embed": "a", "w": "b"}),
        "partition cannot coast: adam divides",
    ),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_coast_is_refused_when_a_table_is_marked(name):
    make, text = CANNOT[name]
    with pytest.raises(ValueError, match=rf"^lazy: table 'embed' cannot be updated.*{re.escape(text)}"):
        made(make())
    plain = {"embed": jnp.asarray(VALUES)}  # without a table there is nothing to refuse
    rows.lazy(jos.adam(0.1)).init(plain)


def test_a_schedule_in_the_map_needs_a_horizon():
    schedule = jos.linear_schedule(0.1, 0.01, 10)
    for inner in (jos.momentum(0.1, schedule), jos.chain(jos.trace(0.9), jos.sgd(schedule))):
        tx, params, state = made(inner)
        with pytest.raises(ValueError, match=r"^lazy: table 'embed' needs a horizon: what an idle"):
            rows.read(tx, params, state, {"embed": [0]})
        tx, params, state = made(inner, horizon=3)
        rows.read(tx, params, state, {"embed": [0]})
    for inner in (jos.momentum(schedule), jos.rmsprop(schedule), jos.adagrad(schedule)):
        tx, params, state = made(inner)  # not in the map: nothing to ask for
        rows.read(tx, params, state, {"embed": [0]})


def test_the_training_loop_asks_for_what_it_needs():
    tx, params, state = made()
    del state
    calls = {
        "make_step": lambda: jos.make_step(loss, tx)(params, tx.init(params), jnp.array([0])),
        "fit": lambda: jos.fit(loss, tx, params, steps=1, batches=jnp.array([[0]])),
    }
    for name, call in calls.items():
        text = rf"^{name}: the params have the tables \['embed'\]; say which of their rows"
        with pytest.raises(TypeError, match=text):
            call()
    plain = jos.momentum(0.1)
    take_plain = jos.make_step(loss, plain, ids=lambda i: {"embed": i})
    with pytest.raises(TypeError, match=r"so tx and the state must be those of rows.lazy"):
        take_plain(params, plain.init(params), jnp.array([0]))
    with pytest.raises(TypeError, match=r"^fit: ids must be a function of the batch"):
        jos.fit(loss, tx, params, steps=1, batches=jnp.array([[0]]), ids={"embed": 0})
    arrays = {"embed": jnp.asarray(VALUES), "w": jnp.ones(WIDTH)}
    with pytest.raises(TypeError, match=r"^make_step: ids says .*, and the params have no table. Mark"):
        take_plain(arrays, plain.init(arrays), jnp.array([0]))
    with pytest.raises(TypeError, match=r"^fit: ids says .*, and the params have no table. Mark"):
        jos.fit(loss, plain, arrays, steps=1, batches=jnp.array([[0]]), ids=lambda i: {"embed": i})


# The training loop


@pytest.mark.parametrize("donate", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_make_step_and_fit_do_it_all(donate):
    batches = jnp.asarray(np.random.default_rng(0).integers(0, SIZE, (30, 3)))
    inner, dense = jos.momentum(1e-3), {"embed": jnp.asarray(VALUES), "w": jnp.ones(WIDTH)}
    expected = jos.fit(loss, inner, dense, steps=30, batches=batches)
    tx, params, state = made(inner)
    first = params
    take = jos.make_step(loss, tx, ids=lambda ids: {"embed": ids}, donate=donate)
    losses = []
    for ids in batches:
        params, state, value = take(params, state, ids)
        losses.append(value)
    np.testing.assert_allclose(losses, expected.history["loss"], rtol=1e-4)
    np.testing.assert_allclose(
        rows.current(tx, params, state)["embed"], expected.params["embed"], rtol=1e-5
    )
    np.testing.assert_array_equal(first["embed"].values, VALUES)  # the caller's survive
    for optimizer in (tx, inner):
        result = jos.fit(
            loss, optimizer, first, steps=30, batches=batches, ids=lambda i: {"embed": i}, every=7
        )
        np.testing.assert_allclose(result.history["loss"], expected.history["loss"], rtol=1e-4)
        np.testing.assert_allclose(result.params["embed"].values, expected.params["embed"], rtol=1e-5)
        assert float(result.params["embed"].lag) == 0


def test_a_large_table_copied_is_told_of_once(monkeypatch):
    monkeypatch.setattr(_reading, "LARGE", 1)
    monkeypatch.setattr(_reading, "_warned", set())
    tx, params, state = made()
    text = r"^table 'embed' has 0 MiB, and a step outside jit copies all of it. Use make_step or fit"
    with pytest.warns(UserWarning, match=text):
        step(tx, params, state, jnp.array([0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(tx, params, state, jnp.array([0]))
        jax.jit(step, static_argnums=())(tx, params, state, jnp.array([0]))


# Copies and shards


RULES = {
    "sgd": lambda: jos.sgd(0.1),
    "momentum": lambda: jos.momentum(0.1),
    "nesterov": lambda: jos.nesterov(0.1),
    "rmsprop": lambda: jos.rmsprop(0.1),
    "centered": lambda: jos.rmsprop(0.1, centered=True),
    "rmsprop-momentum": lambda: jos.rmsprop(0.1, momentum=0.9),
    "adagrad": lambda: jos.adagrad(0.1),
    "decoupled": lambda: jos.chain(
        jos.scale_by_rms(), jos.add_decayed_weights(0.1), jos.scale_by_learning_rate(0.1)
    ),
    "coupled": lambda: jos.chain(jos.add_decayed_weights(0.1), jos.momentum(0.1)),
}
LONG = 4099  # rows, a number that nothing else has


def copies(compiled):
    """The copies of something as long as the table in a compiled program."""
    pattern = rf"= \w+\[{LONG}(,\d+)?\]\S* copy(-start)?\("
    return [line.strip() for line in compiled.as_text().splitlines() if re.search(pattern, line)]


def compiled(function, *arguments):
    return jax.jit(function, donate_argnums=(1, 2)).lower(*arguments).compile()


@pytest.mark.parametrize("horizon", [None, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RULES)
def test_no_copy_of_a_table_or_of_its_stamps(name, horizon, monkeypatch):
    monkeypatch.setattr(_whole, "AT_ONCE", 64)
    tx, params, state = made(RULES[name](), np.ones((LONG, WIDTH), np.float32), horizon=horizon)
    ids = jnp.arange(8)

    def scanned(tx, params, state, batches):
        body = lambda carry, ids: (step(tx, *carry, ids)[:2], None)  # noqa: E731
        return jax.lax.scan(body, (params, state), batches)[0]

    assert not copies(compiled(step, tx, params, state, ids))
    assert not copies(compiled(scanned, tx, params, state, jnp.stack([ids] * 3)))
    assert not copies(compiled(rows.flush, tx, params, state))


def test_a_flush_in_parts(monkeypatch):
    """A number of rows that the parts do not divide; the same as in one part."""
    tx, params, state = made(values=np.ones((11, WIDTH), np.float32))
    params, state, _ = step(tx, params, state, jnp.arange(11))
    params, state, _ = step(tx, params, state, jnp.array([3]))
    whole = rows.flush(tx, params, state)
    jax.clear_caches()
    monkeypatch.setattr(_whole, "AT_ONCE", 4)
    for a, b in zip(
        jax.tree.leaves(whole), jax.tree.leaves(rows.flush(tx, params, state)), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert (np.asarray(whole[1].tables["embed"].stamps) == 2).all()


def test_the_check_catches_a_copy():
    """A gather and a scatter of one array, neither of which depends on the other."""

    def careless(_, values, stamps, ids):
        return values, stamps.at[ids].set(7), stamps[ids]

    arguments = (None, jnp.ones((LONG, WIDTH)), jnp.zeros(LONG, jnp.int32), jnp.arange(8))
    assert copies(compiled(careless, *arguments))


@pytest.mark.parametrize("horizon", [None, pytest.param(64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["adagrad", "momentum", "rmsprop-momentum", "decoupled"])
@pytest.mark.parametrize(
    "axis",
    [pytest.param(AxisType.Auto, marks=pytest.mark.slow), AxisType.Explicit],
    ids=lambda a: a.name,
)
def test_a_table_sharded_by_rows(axis, name, horizon):
    mesh = jax.make_mesh((8,), ("x",), axis_types=(axis,))
    with jax.set_mesh(mesh):
        _as_on_one_device(mesh, name, horizon)


def _as_on_one_device(mesh, name, horizon):
    values = np.random.default_rng(0).normal(size=(512, WIDTH)).astype(np.float32)
    tx, params, first = made(RULES[name](), values, horizon=horizon)
    by_rows = NamedSharding(mesh, PartitionSpec("x"))
    embed = rows.table(jax.device_put(values, by_rows), "embed")
    sharded = {"embed": embed, "w": jnp.ones(WIDTH)}
    state = tx.init(sharded)
    long = [x for x in jax.tree.leaves(state) if x.shape[:1] == (512,)]
    assert all(x.sharding.is_equivalent_to(by_rows, x.ndim) for x in long)
    batches = jnp.asarray(np.random.default_rng(1).integers(0, 512, (5, 16)))
    program = compiled(step, tx, sharded, state, batches[0])
    text = program.as_text()
    assert not re.search(r"\[512[,\]]", text)  # no array of the whole table's length
    assert not re.search(r"all-gather|all-to-all|collective-permute", text)
    single = (params, first)
    for ids in batches:
        sharded, state, _ = program(tx, sharded, state, ids)
        single = step(tx, *single, ids)[:2]
    assert sharded["embed"].values.sharding.is_equivalent_to(by_rows, 2)
    both = (rows.current(tx, sharded, state), rows.current(tx, *single))
    # Five steps of a velocity: what cancels has rounded at the size of its terms, that of the table.
    atol = 1e-5 * np.abs(values).max()
    np.testing.assert_allclose(both[0]["embed"], both[1]["embed"], rtol=1e-5, atol=atol)
    flushed = rows.flush(tx, sharded, state)[0]["embed"]
    np.testing.assert_array_equal(flushed[jnp.array([0, -1])], np.asarray(both[0]["embed"])[[0, 511]])


def test_ids_sharded_as_the_batch_on_a_mesh_with_explicit_axes():
    """What a step declares is on every device; what it reads lies as the ids do."""
    mesh = jax.make_mesh((8,), ("x",), axis_types=(AxisType.Explicit,))
    placed = NamedSharding(mesh, PartitionSpec("x"))
    tx, params, state = made(values=np.tile(VALUES, (8, 1)))
    ids = jnp.arange(8) % SIZE
    view = rows.read(tx, params, state, {"embed": ids})["embed"]
    params["embed"] = rows.table(jax.device_put(params["embed"].values, placed), "embed")

    @jax.jit
    def read(params, state, ids):
        view = rows.read(tx, params, state, {"embed": ids})["embed"]
        return view, view[ids]

    with jax.set_mesh(mesh):
        found, read_rows = read(params, tx.init(params), jax.device_put(ids, placed))
    assert read_rows.sharding.is_equivalent_to(placed, 2)
    np.testing.assert_array_equal(read_rows, VALUES[np.asarray(ids)])
    for name in ("rows", "ids", "target"):
        assert getattr(found, name).sharding.is_fully_replicated
        np.testing.assert_array_equal(getattr(found, name), getattr(view, name))


# Modules that hold an array and take from it


def take(view, ids, looked_up):
    """The two lines: the declared rows as the module's array, and the ids' places in it."""
    return looked_up(view["embed"].array, view["embed"].local(ids))


def _linen(array, ids):
    module = flax.linen.Embed(len(array), WIDTH)
    return module.apply({"params": {"embedding": array}}, ids)


def _nnx(array, ids):
    module = flax.nnx.Embed(len(array), WIDTH, rngs=flax.nnx.Rngs(0))
    module.embedding = flax.nnx.Param(array)
    return module(ids)


def _equinox(array, ids):
    module = equinox.nn.Embedding(weight=array)
    return jax.vmap(module)(ids.ravel()).reshape(*ids.shape, WIDTH)


@pytest.mark.parametrize("looked_up", [_linen, _nnx, _equinox], ids=["linen", "nnx", "equinox"])
def test_modules_that_take_from_an_array(looked_up):
    tx, params, state = made()
    ids = jnp.array([[3, 3], [5, -6]])
    view = rows.read(tx, params, state, {"embed": ids})
    np.testing.assert_array_equal(take(view, ids, looked_up), VALUES[np.asarray(ids)])
    assert np.isnan(take(view, jnp.array([4, 99]), looked_up)).all()  # undeclared, and no row at all
    _, gradients = rows.value_and_grad(lambda p: jnp.sum(take(p, ids, looked_up)))(view)
    summed = {int(i): g for i, g in zip(view["embed"].target, gradients["embed"].values, strict=True)}
    assert [float(summed[i][0]) for i in (3, 5, 0)] == [2.0, 1.0, 1.0]


def test_it_reads_like_its_call_and_is_data():
    tx, _, state = made(jos.momentum(0.25), horizon=8)
    assert repr(tx) == "rows.lazy(momentum(learning_rate=0.25, mu=0.9), horizon=8)"
    assert jos.hyperparams(tx) == {"learning_rate": 0.25, "mu": 0.9}
    changed = jos.with_hyperparams(tx, mu=0.5)
    assert jax.tree.structure(changed) == jax.tree.structure(tx)
    assert float(jos.hyperparams(changed, state)["mu"]) == 0.5
