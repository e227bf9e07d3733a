"""Rows when hyperparameters change, when counts wrap around, and in bfloat16."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides import rows
from tests.rowwise import dense_step, feed, lazy_step, pushed, require_equal, settled

SIZE, HALF, LAST = 200, 200, 2**31 - 1
FEED = feed(SIZE, 3, 2 * HALF, declared=4, seed=6)
FIRST, SECOND = tuple(x[:HALF] for x in FEED[1:]), tuple(x[HALF:] for x in FEED[1:])


def begin(tx, horizon=None, dtype=float, start=FEED.start):
    lz, w = rows.lazy(tx, horizon=horizon), jnp.zeros(64, dtype)
    start = jnp.asarray(start, dtype)
    p = {"e": rows.table(start, "e"), "w": w}
    return lz, (p, lz.init(p)), ({"e": start, "w": w}, tx.init({"e": start, "w": w}))


@jax.jit
def both(lz, tx, ours, theirs, batches):
    """The lazy and the dense optimizer through the same batches; their numbers are arguments."""

    def body(carry, batch):
        ours, theirs = carry
        i, *pushes = batch
        numbers = (i, *(x.astype(ours[0]["e"].dtype) for x in pushes))
        ours = lazy_step(lz, pushed, {"e": i}, *ours, *numbers)[:2]
        return (ours, dense_step(tx, pushed, *theirs, *numbers)[:2]), None

    return jax.lax.scan(body, (ours, theirs), batches)[0]


def changed(lz, tx, **numbers):
    return jos.with_hyperparams(lz, **numbers), jos.with_hyperparams(tx, **numbers)


def late(owner):
    return re.escape(
        f"{owner}: table 'e' has rows that lag behind a change of the hyperparameters. Call "
        f"rows.flush(tx, params, state) before a change, or make the optimizer with a horizon."
    )


MIXED = jos.chain(jos.clip_by_global_norm(1.0), jos.rmsprop(0.01, 0.9, momentum=0.9))
CHANGES = {
    "mu": (jos.momentum(0.01, 0.9), {"mu": 0.5}),
    "decay": (MIXED, {"decay": 0.99}),
    "weight_decay": (jos.chain(jos.add_decayed_weights(0.1), jos.sgd(0.03)), {"weight_decay": 0.2}),
    "rate-outside": (
        jos.chain(jos.trace(0.9), jos.scale_by_learning_rate(0.01)),
        {"learning_rate": 0.002},
    ),
}
HARMLESS = {
    "sgd": (jos.sgd(0.03), {"learning_rate": 0.01}),
    "adagrad": (jos.adagrad(0.1), {"learning_rate": 0.01}),
    "rmsprop": (jos.rmsprop(0.1), {"learning_rate": 0.01, "eps": 1e-4}),
    "rate-inside": (jos.momentum(0.01, 0.9), {"learning_rate": 0.002}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_with_a_horizon(name, x64):
    tx, numbers = CHANGES[name]
    lz, *ends = begin(tx, 50)
    ends = both(lz, tx, *ends, FIRST)
    lz, tx = changed(lz, tx, **numbers)
    ours, theirs = both(lz, tx, *ends, SECOND)
    require_equal(settled(lz, *ours), theirs)


@pytest.mark.parametrize("name", HARMLESS)
def test_changes_that_no_idle_row_feels(name, x64):
    tx, numbers = HARMLESS[name]
    lz, *ends = begin(tx)
    ends = both(lz, tx, *ends, FIRST)
    lz, tx = changed(lz, tx, **numbers)
    ours, theirs = both(lz, tx, *ends, SECOND)
    require_equal(settled(lz, *ours), theirs)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_a_flush(name, x64):
    tx, numbers = CHANGES[name]
    lz, *ends = begin(tx)
    ours, theirs = both(lz, tx, *ends, FIRST)
    ours = rows.flush(lz, *ours)
    lz, tx = changed(lz, tx, **numbers)
    ours, theirs = both(lz, tx, ours, theirs, SECOND)
    require_equal(settled(lz, *ours), theirs)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ("mu", "decay") else [pytest.mark.slow]) for n in CHANGES]
)
def test_a_change_without_a_flush_is_never_silent(name, x64):
    """Rows of the first step after the change are exact and go on so; those that lag are refused."""
    tx, numbers = CHANGES[name]
    lz, *ends = begin(tx)
    ends = both(lz, tx, *ends, FIRST)
    lz, tx = changed(lz, tx, **numbers)
    same = np.broadcast_to(SECOND[0][:1], SECOND[0].shape)  # the ids of the first step in all
    ours, theirs = both(lz, tx, *ends, (same, *SECOND[1:]))
    touched = np.union1d(same[0], FIRST[0][-1])  # those of the last step before did not lag yet
    others = np.setdiff1d(np.arange(SIZE), touched)
    view = rows.read(lz, *ours, {"e": touched})
    np.testing.assert_allclose(view["e"][touched], theirs[0]["e"][touched], rtol=1e-12)
    for ids in (others, others[:1], np.arange(SIZE)):
        with pytest.raises(ValueError, match=f"^{late('read')}$"):
            rows.read(lz, *ours, {"e": ids})
    for function in (rows.current, rows.flush):
        with pytest.raises(ValueError, match=f"^{late(function.__name__)}$"):
            function(lz, *ours)
    found = jax.jit(rows.current)(lz, *ours)["e"]
    np.testing.assert_allclose(found[touched], theirs[0]["e"][touched], rtol=1e-12)
    assert np.isnan(found[others]).all()
    seen = jax.jit(lambda: rows.read(lz, *ours, {"e": np.arange(SIZE)})["e"][np.arange(SIZE)])()
    np.testing.assert_array_equal(np.isnan(seen).all(axis=1), np.isin(np.arange(SIZE), others))


# ---------------------------------------------------------------- counts that wrap around


def shifted(ours, theirs, clock, counts):
    """The start of a run whose steps begin at ``clock``, and the members' counts at ``counts``."""

    def counted(tree):
        is_count = lambda x: x.dtype == jnp.int32 and not x.ndim  # noqa: E731
        return jax.tree.map(lambda x: jnp.full_like(x, counts) if is_count(x) else x, tree)

    (p, s), (d, t) = ours, theirs
    own = s.tables["e"]
    since = None if own.since is None else own.since + clock
    tables = {"e": own._replace(stamps=own.stamps + clock, since=since)}
    s = s._replace(clock=s.clock + clock, inner_state=counted(s.inner_state), tables=tables)
    return (p, s), (d, counted(t))


WRAPS = {
    "power": (jos.momentum(0.01, 0.99), None),
    "mixed": (MIXED, None),
    "ring": (MIXED, 50),
    "schedule": (
        jos.momentum(jos.cosine_decay_schedule(0.05, 100), jos.linear_schedule(0.5, 0.99, 100)),
        50,
    ),
}


@pytest.mark.parametrize("name", WRAPS)
def test_stamps_wrap_around(name, x64):
    tx, horizon = WRAPS[name]
    lz, *ends = begin(tx, horizon)
    start = jnp.int32(LAST - 150)
    ours, theirs = both(lz, tx, *shifted(*ends, start, 0), FIRST)
    assert ours[1].clock == LAST - 150 + 200 - 2**32
    require_equal(settled(lz, *ours), theirs)
    plainly, _ = both(lz, tx, *ends, FIRST)
    require_equal(settled(lz, *ours), settled(lz, *plainly), 0.0)


@pytest.mark.parametrize("name", WRAPS)
def test_counts_of_the_inner_state_stay_at_the_last(name, x64):
    tx, horizon = WRAPS[name]
    lz, *ends = begin(tx, horizon)
    ours, theirs = both(lz, tx, *shifted(*ends, jnp.int32(LAST - 150), LAST - 150), FIRST)
    ends = settled(lz, *ours)
    require_equal(ends, theirs)
    assert {int(x) for x in jax.tree.leaves(ends[1]) if x.dtype == jnp.int32} == {LAST}


# ---------------------------------------------------------------- bfloat16


@pytest.mark.parametrize("horizon", [None, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", ["momentum", *(pytest.param(n, marks=pytest.mark.slow) for n in ("mixed", "decay"))]
)
def test_a_bfloat16_table(name, horizon):
    """No further from the run with a float32 table than a dense bfloat16 run is."""
    rms, decay, rate = (
        jos.scale_by_rms(0.9),
        jos.add_decayed_weights(0.01),
        jos.scale_by_learning_rate(0.01),
    )
    tx = {"momentum": jos.momentum(0.01, 0.9), "mixed": MIXED, "decay": jos.chain(rms, decay, rate)}[
        name
    ]
    batches = (FEED.ids, *(jnp.asarray(x, jnp.bfloat16).astype(jnp.float32) for x in FEED[2:]))
    lz, ours, theirs = begin(tx, horizon, jnp.bfloat16)
    assert {x.dtype for x in jax.tree.leaves(ours[1].inner_state)} <= {jnp.dtype("f4"), jnp.dtype("i4")}
    ours, theirs = both(lz, tx, ours, theirs, batches)
    narrow = jnp.asarray(FEED.start, jnp.bfloat16).astype(jnp.float32)
    exact, _ = both(lz, tx, *begin(tx, horizon, jnp.float32, narrow)[1:], batches)
    exact, ours, theirs = (
        np.asarray(x["e"], np.float64)
        for x in (settled(lz, *exact)[0], settled(lz, *ours)[0], theirs[0])
    )
    assert np.linalg.norm(ours - exact) <= np.linalg.norm(theirs - exact)
