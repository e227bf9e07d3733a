"""Many lazy optimizers at once, and derivatives through their steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides import rows
from tests.rowwise import densely, lazily, lazy_step, require_equal, settled

SIZE = 60


def model():
    rng = np.random.default_rng(8)
    return {"e": rng.normal(size=(SIZE, 3)), "w": rng.normal(size=3)}


def pairs(steps):
    """Ids ``[4]`` and what their rows should say."""
    rng = np.random.default_rng(9)
    chances = 1 / np.arange(1, SIZE + 1) ** 1.5
    ids = rng.choice(SIZE, (steps, 4), p=chances / chances.sum()).astype(np.int32)
    return ids, rng.normal(size=(steps, 4))


def loss(params, batch):
    ids, aims = batch
    return jnp.mean((params["e"][ids] @ params["w"] - aims) ** 2)


def ids_of(batch):
    return {"e": batch[0]}


def test_a_stack_of_optimizers(x64):
    arrays, batches = model(), pairs(60)
    rates, mus = np.array([0.01, 0.03, 0.1]), np.array([0.5, 0.8, 0.95])
    stack = jax.vmap(lambda a, mu: jos.rmsprop(a, 0.9, momentum=mu))(rates, mus)

    def run(tx):
        losses, *end, lz = lazily(tx, None, loss, arrays, ids_of, batches)
        return (losses, *settled(lz, *end)), densely(tx, loss, arrays, batches)

    ours, theirs = jax.jit(jax.vmap(run))(stack)
    assert len(np.unique(ours[0][:, -1])) == 3
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-11)
    require_equal(ours[1:], theirs[1:], 1e-10)


DECAY = jos.add_decayed_weights
HYPER = {
    "rmsprop": (lambda x: jos.rmsprop(0.01 * x[0], 0.9 * x[1], momentum=0.8 * x[2]), None),
    "decay": (
        lambda x: jos.chain(DECAY(0.01 * x[0]), jos.momentum(0.05 * x[1], 0.9 * x[2])),
        None,
    ),
    "horizon": (lambda x: jos.momentum(jos.linear_schedule(0.05 * x[0], 0.01, 40), 0.9 * x[1]), 16),
}


@pytest.mark.parametrize("name", ["rmsprop", pytest.param("decay", marks=pytest.mark.slow), "horizon"])
def test_hypergradients(name, x64):
    """Of a function of all rows after 60 steps; some rows are never touched."""
    make, horizon = HYPER[name]
    arrays, batches = model(), pairs(60)
    assert set(range(SIZE)) - set(batches[0].ravel())

    def total(params):
        return sum(jnp.sum(jnp.sin(p)) for p in jax.tree.leaves(params))

    def lazy_end(x):
        _, *end, lz = lazily(make(x), horizon, loss, arrays, ids_of, batches)
        return total(rows.current(lz, *end))

    def dense_end(x):
        return total(densely(make(x), loss, arrays, batches)[1])

    ours, theirs = jax.jit(lambda x: (jax.grad(lazy_end)(x), jax.grad(dense_end)(x)))(jnp.ones(3))
    assert np.abs(theirs).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_derivatives_of_rows_that_nothing_touched(x64):
    def of_one_row(p):
        return jnp.sum(p["e"][jnp.array([0])] ** 2)

    def row(mu, values):
        lz, p = rows.lazy(jos.momentum(0.1, mu)), {"e": rows.table(values, "e")}

        def step(now, _):
            return lazy_step(lz, of_one_row, {"e": [0]}, *now)[:2], None

        now, _ = jax.lax.scan(step, (p, lz.init(p)), None, length=3)
        return rows.current(lz, *now)["e"][1].sum()

    by_mu, by_values = jax.jit(jax.grad(row, argnums=(0, 1)))(0.9, jnp.ones((2, 3)))
    assert by_mu == 0
    np.testing.assert_array_equal(by_values, [[0, 0, 0], [1, 1, 1]])
