"""Rows against plain NumPy loops in float64, which share no code with the package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides import rows
from tests import oracle
from tests.rowwise import deviation, feed, lazy_step, pushed, settled

FEED = feed(150, 2, 1000, declared=6, seed=7)


def line(t):
    return oracle.linear_schedule(t, 0.5, 0.99, 600)


def cosine(t):
    return oracle.cosine_decay_schedule(t, 0.05, 1200)


MU, RATE = jos.linear_schedule(0.5, 0.99, 600), jos.cosine_decay_schedule(0.05, 1200)


def scaled(gradients, rate):
    return oracle.scale_by_learning_rate(gradients, rate)


# The optimizer, its horizon, and the list of updates from that of the dense gradients.
CASES = {
    "sgd": (jos.sgd(0.03), None, lambda g: oracle.sgd(g, 0.03)),
    "momentum": (jos.momentum(0.03, 0.9), None, lambda g: oracle.momentum(g, 0.03, 0.9)),
    "frictionless": (jos.momentum(0.03, 1.0), None, lambda g: oracle.momentum(g, 0.03, 1.0)),
    "nesterov": (jos.nesterov(0.03, 0.99), None, lambda g: oracle.nesterov(g, 0.03, 0.99)),
    "rmsprop": (
        jos.rmsprop(0.01, 0.95, centered=True, momentum=0.9, nesterov=True),
        None,
        lambda g: oracle.rmsprop(g, 0.01, 0.95, centered=True, momentum=0.9, nesterov=True),
    ),
    "adagrad": (jos.adagrad(0.1), None, lambda g: oracle.adagrad(g, 0.1)),
    "mu": (jos.momentum(RATE, MU), 100, lambda g: oracle.momentum(g, cosine, line)),
    "rate-outside": (
        jos.chain(jos.trace(MU), jos.scale_by_learning_rate(RATE)),
        100,
        lambda g: scaled(oracle.trace(g, line), cosine),
    ),
    "decay": (
        jos.rmsprop(0.01, MU, momentum=0.5),
        100,
        lambda g: oracle.rmsprop(g, 0.01, line, momentum=0.5),
    ),
}


def dense_gradients():
    gradients = []
    for ids, pushes in zip(FEED.ids, FEED.pushes, strict=True):
        g = np.zeros(FEED.start.shape)
        np.add.at(g, ids, pushes.astype(float))
        gradients.append(g)
    return gradients


def lazy_end(tx, horizon):
    lz = rows.lazy(tx, horizon=horizon)
    p = {"e": rows.table(jnp.asarray(FEED.start, float), "e"), "w": jnp.zeros(64)}

    def body(carry, step):
        ids, *pushes = step
        pushes = [x.astype(float) for x in pushes]
        return lazy_step(lz, pushed, {"e": ids}, *carry, ids, *pushes)[:2], None

    end, _ = jax.lax.scan(body, (p, lz.init(p)), FEED[1:])
    return settled(lz, *end)[0]["e"]


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_a_plain_loop(name, x64):
    tx, horizon, updates_of = CASES[name]
    end = jax.jit(lambda: lazy_end(tx, horizon))()
    expected = FEED.start + np.sum(updates_of(dense_gradients()), axis=0)
    assert deviation(np.asarray(end), expected) <= 1e-12


def test_decoupled_decay_in_a_plain_loop(x64):
    tx = jos.chain(
        jos.scale_by_rms(0.9), jos.add_decayed_weights(0.02), jos.scale_by_learning_rate(0.01)
    )
    w = FEED.start.astype(float)
    for u in oracle.scale_by_rms(dense_gradients(), 0.9):
        w = w - 0.01 * (u + 0.02 * w)
    end = jax.jit(lambda: lazy_end(tx, None))()
    assert deviation(np.asarray(end), w) <= 1e-12


def test_coupled_decay_in_a_plain_loop(x64):
    tx = jos.chain(jos.add_decayed_weights(0.02), jos.momentum(0.01, 0.9))
    w, p = FEED.start.astype(float), 0.0
    for g in dense_gradients():
        p = 0.9 * p - 0.01 * (g + 0.02 * w)
        w = w + p
    end = jax.jit(lambda: lazy_end(tx, None))()
    assert deviation(np.asarray(end), w) <= 1e-12
