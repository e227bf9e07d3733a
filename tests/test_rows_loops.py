"""Rows in closed loops: the same losses as with dense arrays, under every transformation of jax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides import rows
from tests.rowwise import as_tables, dense_step, densely, lazily, lazy_step, require_equal, settled

MIXED = jos.chain(jos.clip_by_global_norm(1.0), jos.rmsprop(0.01, 0.9, momentum=0.9))
RATE = jos.chain(
    jos.trace(jos.linear_schedule(0.5, 0.95, 200)),
    jos.scale_by_learning_rate(jos.cosine_decay_schedule(0.05, 400)),
)


def both_ways(tx, horizon, loss, arrays, ids_of, batches):
    losses, *end, lz = lazily(tx, horizon, loss, arrays, ids_of, batches)
    return (losses, *settled(lz, *end)), densely(tx, loss, arrays, batches)


def require_same(tx, horizon, loss, arrays, ids_of, batches):
    """Losses within 1e-11, and parameters and state as far as 500 steps leave them alike."""
    run = jax.jit(lambda *args: both_ways(tx, horizon, loss, args[0], ids_of, args[1]))
    ours, theirs = run(arrays, batches)
    assert np.isfinite(theirs[0]).all()
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-11)
    require_equal(ours[1:], theirs[1:], 1e-10)
    return theirs[0]


# ---------------------------------------------------------------- a model of words


def words(steps, size=300, seed=1):
    """Batches of contexts ``[8, 3]``, targets ``[8]`` and labels ``[8]``."""
    rng = np.random.default_rng(seed)
    chances = 1 / np.arange(1, size + 1)
    ids = rng.choice(size, (steps, 8, 4), p=chances / chances.sum()).astype(np.int32)
    labels = np.where((ids[..., 0] + ids[..., 3]) % 2, 1.0, -1.0)
    return {"context": ids[..., :3], "target": ids[..., 3], "label": labels}


def word_model(size=300, seed=2):
    rng = np.random.default_rng(seed)
    shapes = {"embed": (size, 4), "bias": (size,), "w": (4, 4)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def word_loss(params, batch):
    """Logistic: the mean of a context, through a matrix, against a target of the same table."""
    context = params["embed"][batch["context"]].mean(axis=1)
    target = params["embed"][batch["target"]]
    score = jnp.sum((context @ params["w"]) * target, axis=1) + params["bias"][batch["target"]]
    return jnp.mean(jax.nn.softplus(-batch["label"] * score)) + 1e-3 * jnp.sum(params["w"] ** 2)


def word_ids(batch):
    return {"embed": [batch["context"], batch["target"]], "bias": batch["target"]}


LOOPS = {
    "momentum": (jos.momentum(0.05, 0.9), None),
    "mixed": (MIXED, None),
    "mixed-horizon": (MIXED, 64),
    "adagrad": (jos.adagrad(0.1), None),
    "decay": (jos.chain(jos.add_decayed_weights(0.01), jos.momentum(0.05, 0.9)), None),
    "schedules": (RATE, 64),
}


ASKED = {"momentum", "mixed-horizon"}  # the others are left to .ci/full


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ASKED else [pytest.mark.slow]) for n in LOOPS]
)
def test_losses_of_500_steps(name, x64):
    tx, horizon = LOOPS[name]
    losses = require_same(tx, horizon, word_loss, word_model(), word_ids, words(500))
    assert losses[-50:].mean() < 0.9 * losses[:50].mean()


# ---------------------------------------------------------------- transformations in the loss


def in_vmap(params, batch):
    def one(c, t, y):
        return word_loss(params, {"context": c[None], "target": t[None], "label": y[None]})

    return jnp.mean(jax.vmap(one)(batch["context"], batch["target"], batch["label"]))


def in_scan(params, batch):
    def body(total, one):
        return total + word_loss(params, jax.tree.map(lambda x: x[None], one)), None

    return jax.lax.scan(body, jnp.zeros(()), batch)[0] / 8


def in_checkpoint(params, batch):
    return jax.checkpoint(word_loss)(params, batch)


def in_cond(params, batch):
    return jax.lax.cond(batch["label"][0] > 0, word_loss, in_scan, params, batch)


def in_jit(params, batch):
    return jax.jit(word_loss)(params, batch)


SLOW = [pytest.param(f, marks=pytest.mark.slow) for f in (in_scan, in_checkpoint, in_jit)]


@pytest.mark.parametrize("loss", [in_vmap, in_cond, *SLOW])
def test_lookups_inside_transformations_of_the_loss(loss, x64):
    require_same(MIXED, None, loss, word_model(), word_ids, words(40))


# ---------------------------------------------------------------- shapes


SHAPES = {
    "0-d": ((), 20, (3,)),
    "1-d": ((5,), 20, (3,)),
    "2-d": ((2, 3), 20, (3,)),
    "numbers": ((5,), 20, ()),
    "matrices": ((2, 3), 20, (2, 3)),
    "one-row": ((4,), 1, (3,)),
    "one-row-of-one-number": ((), 1, ()),
}


@pytest.mark.parametrize("horizon", [None, 7])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_ids_and_of_rows(name, horizon, x64):
    shape, size, width = SHAPES[name]
    rng = np.random.default_rng(3)
    batches = rng.integers(size, size=(60, *shape)).astype(np.int32), rng.normal(size=(60, *width))
    arrays = {"e": rng.normal(size=(size, *width)), "w": rng.normal(size=3)}

    def loss(params, batch):
        ids, aim = batch
        return jnp.sum((params["e"][ids] - aim) ** 2) + jnp.sum(params["w"] ** 2)

    loss = jax.numpy_rank_promotion("allow")(loss)
    require_same(jos.momentum(0.02, 0.9), horizon, loss, arrays, lambda b: {"e": b[0]}, batches)


@pytest.mark.parametrize("horizon", [None, 7])
def test_steps_that_touch_nothing(horizon, x64):
    """Rows roll on while ids are empty, and while those declared are out of range."""
    tx, none = jos.momentum(0.1, 0.9), jnp.zeros((0,), jnp.int32)
    lz, values = rows.lazy(tx, horizon=horizon), jnp.linspace(-1, 2, 18).reshape(9, 2)
    p, dense = {"e": rows.table(values, "e")}, {"e": values}
    s, d = lz.init(p), tx.init(dense)

    def loss(p, ids):
        return jnp.sum(jnp.where(jnp.isnan(p["e"][ids]), 0, p["e"][ids]) ** 2)

    ours = jax.jit(lambda p, s, ids: lazy_step(lz, loss, {"e": ids}, p, s, ids)[:2])
    theirs = jax.jit(lambda p, s, ids: dense_step(tx, loss, p, s, ids)[:2])
    for ids in [none, jnp.array([3, 3]), none, none, none, jnp.array([3, 5]), none]:
        p, s = ours(p, s, ids)
        dense, d = theirs(dense, d, ids)
    for _ in range(5):
        p, s = ours(p, s, jnp.array([9, -10, 2**31 - 1]))
        dense, d = theirs(dense, d, none)
    require_equal(settled(lz, p, s), (dense, d))


def test_one_tree_of_many_places(x64):
    """Tables in lists and dicts, of several dtypes, one read twice and one with ids from the end."""
    rng = np.random.default_rng(5)
    a, b = jnp.asarray(rng.normal(size=(7, 2))), jnp.asarray(rng.normal(size=(9, 2)), jnp.float32)
    arrays = {"in": [a, {"x": b}], "w": jnp.asarray(1.5)}
    made = {"in": [rows.table(a, "a"), {"x": rows.table(b, "b")}], "w": arrays["w"]}
    ids = rng.integers(-7, 7, size=(50, 2, 3))

    def loss(p, i):
        a, b = p["in"][0], p["in"][1]["x"]
        both = jnp.sum(a[i[0]] * a[i[1]]) + jnp.sum(b[i[0]].astype(float) ** 2)
        return p["w"] * both + p["w"] ** 2

    lz = rows.lazy(MIXED)

    def body(carry, i):
        ours, theirs = carry
        *ours, a = lazy_step(lz, loss, {"a": [i[1], i[0]], "b": i}, *ours, i)
        *theirs, b = dense_step(MIXED, loss, *theirs, i)
        return (tuple(ours), tuple(theirs)), (a, b)

    begun = (made, lz.init(made)), (arrays, MIXED.init(arrays))
    (ours, theirs), (a, b) = jax.jit(lambda x: jax.lax.scan(body, begun, x))(ids)
    np.testing.assert_allclose(a[:5], b[:5], rtol=1e-6)  # a float32 table
    np.testing.assert_allclose(a, b, rtol=1e-4)
    assert jax.tree.structure(settled(lz, *ours)) == jax.tree.structure(theirs)


def test_donated_step(x64):
    """One jitted call a step, whose params and state are donated."""
    arrays, batches, tx = word_model(), words(30), MIXED
    lz, tables = rows.lazy(tx), as_tables(jax.tree.map(jnp.asarray, arrays), {"embed", "bias"})

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(p, s, batch):
        return lazy_step(lz, word_loss, word_ids(batch), p, s, batch)

    theirs = jax.jit(lambda p, s, batch: dense_step(tx, word_loss, p, s, batch))
    p, s, d, t = tables, lz.init(tables), arrays, tx.init(arrays)
    for n in range(30):
        batch = jax.tree.map(lambda x: x[n], batches)  # noqa: B023
        before = p["embed"].values
        p, s, a = step(p, s, batch)
        assert before.is_deleted()
        d, t, b = theirs(d, t, batch)
        np.testing.assert_allclose(a, b, rtol=1e-11)
    require_equal(settled(lz, p, s), (d, t), 1e-11)
