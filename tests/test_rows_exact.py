"""Rows in an open loop: lazy tables end where the dense trajectory of the same gradients ends.

5,000 steps of Zipf's ids, so that rows wait for none to nearly all steps and repeat inside a step. The
float64 metric is |a - b| / (|b| + 1e-3 max|b|) of every element of the parameters and of the state.
"""

import functools

import jax
import numpy as np
import pytest

import jaxopt_slides as jos
from tests.rowwise import arrays_of, both_ways, feed, require_equal

STEPS, HORIZON = 5000, 500
MUS = [0.5, 0.9, 0.99, 1.0]
DECAY = jos.add_decayed_weights(0.01)


def rate(init_value=0.05):
    """A learning rate that falls all the time."""
    return jos.cosine_decay_schedule(init_value, STEPS, alpha=0.05)


def line(start, end, steps=3000):
    return jos.linear_schedule(start, end, steps)


def after(part, *, weight_decay=DECAY):
    """The usual chain of decoupled decay."""
    return jos.chain(part, weight_decay, jos.scale_by_learning_rate(0.01))


# What does the same at every count runs both without and with a horizon.
CONSTANT = {
    "sgd": jos.sgd(0.03),
    "sgd-nesterov": jos.sgd(0.03, 0.9, nesterov=True),
    **{f"momentum-{mu}": jos.momentum(0.01, mu) for mu in MUS},
    "nesterov": jos.nesterov(0.03, 0.95),
    "rmsprop": jos.rmsprop(0.01, 0.9),
    "rmsprop-centered": jos.rmsprop(0.01, 0.95, centered=True),
    "rmsprop-momentum": jos.rmsprop(0.01, 0.99, momentum=0.9),
    "rmsprop-everything": jos.rmsprop(0.01, 0.9, momentum=0.8, nesterov=True, centered=True),
    "adagrad": jos.adagrad(0.1),
    "decay-after-rms": after(jos.scale_by_rms(0.9)),
    "decay-after-rss": after(jos.scale_by_rss()),
    "decay-of-keras-sgd": jos.presets.keras.sgd(0.01, momentum=0.9, weight_decay=0.01),
    "decay-of-keras-rmsprop": jos.presets.keras.rmsprop(0.01, momentum=0.5, weight_decay=0.004),
    "decay-before-sgd": jos.chain(DECAY, jos.sgd(0.03)),
    "decay-before-momentum": jos.chain(DECAY, jos.momentum(0.01, 0.9)),
    "decay-of-torch-sgd": jos.presets.torch.sgd(0.01, momentum=0.9, weight_decay=0.01, nesterov=True),
    "clip-rmsprop": jos.chain(jos.clip_by_global_norm(1.0), jos.rmsprop(0.01, 0.9, momentum=0.9)),
    "partition": jos.partition(
        {"table": jos.momentum(0.01, 0.9), "rest": jos.adam(0.01)}, {"e": "table", "w": "rest"}
    ),
}
SCHEDULED = {
    "rate-inside": jos.momentum(rate(), 0.9),
    "rate-outside": jos.chain(jos.trace(0.9), jos.scale_by_learning_rate(rate())),
    "mu": jos.momentum(0.01, line(0.5, 0.99, 1000)),
    "mu-and-rate-nesterov": jos.sgd(rate(), line(0.5, 0.99), nesterov=True),
    "decay-of-rmsprop": jos.rmsprop(rate(), line(0.5, 0.999), momentum=0.9),
    "decay-exact-in-float32": jos.rmsprop(2.0**-7, line(0.5, 1 - 2.0**-10, 3072), momentum=0.875),
    "weight-decay-after": after(
        jos.scale_by_rms(0.9), weight_decay=jos.add_decayed_weights(line(0.1, 0))
    ),
    "weight-decay-before": jos.chain(jos.add_decayed_weights(line(0.1, 0)), jos.momentum(0.01, 0.9)),
}


@functools.cache
def numbers():
    return feed(3000, 4, STEPS)


def ends(tx, horizons, dtype):
    """The dense and the lazy ends, in one program."""
    with jax.enable_x64(dtype == np.float64):
        return jax.device_get(jax.jit(lambda tx: both_ways(tx, horizons, numbers(), dtype))(tx))


# Idle steps share one rounding of alpha times lambda, where dense ones round their products each time;
# where it is exact the velocity too is nearer than dense, 0.84. Measured: 1.318 with jax 0.10, whose
# dense end has the same error, and 1.414 with jax 0.12.
MORE = {("decay-before-momentum", "velocity"): 1.45}


def require_as_near(name, lazily, dense, reference):
    """In float32 the lazy end is about as far from the float64 one as the dense end is."""
    ours, theirs = arrays_of(lazily), arrays_of(dense)
    for field, exact in arrays_of(reference).items():
        a, b = ours[field] - exact, theirs[field] - exact
        l2, most = [np.linalg.norm(x.ravel()) for x in (a, b)], [np.abs(x).max() for x in (a, b)]
        allowed = next((x for (n, f), x in MORE.items() if n == name and f in field), 1.25)
        assert l2[0] <= allowed * l2[1], f"{field}: {l2[0]:.3g} from float64, and dense {l2[1]:.3g}"
        assert most[0] <= 2 * most[1], f"{field}: at most {most[0]:.3g}, and dense {most[1]:.3g}"


def require_both(name, tx, horizons):
    exact, lazily = ends(tx, horizons, np.float64)
    for found in lazily:
        require_equal(found, exact)
    dense, lazily = ends(tx, horizons, np.float32)
    for found in lazily:
        require_as_near(name, found, dense, exact)


def test_the_feed_has_gaps_of_all_sizes():
    ids = numbers().ids
    gaps = [np.diff(np.flatnonzero((ids == row).any(axis=1))) for row in range(3000)]
    assert np.concatenate(gaps).max() > 4000
    assert np.concatenate(gaps).min() == 1
    assert sum(len(np.unique(step)) < len(step) for step in ids) > STEPS // 2
    assert any(not (ids == row).any() for row in range(3000))


# Left to .ci/full: what differs from another by a number, or by a part that a third one has.
LEFT = {"momentum-0.5", "momentum-0.99", "sgd-nesterov", "rmsprop-centered", "rmsprop-momentum"}
LEFT |= {"decay-of-torch-sgd", "clip-rmsprop", "decay-before-momentum", "rmsprop-everything"}
LEFT |= {"decay-after-rss", "decay-before-sgd", "decay-of-keras-sgd", "decay-of-keras-rmsprop"}
LEFT |= {"decay-after-rms", "momentum-1.0"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in LEFT else []) for n in CONSTANT]
)
def test_the_same_as_dense(name):
    require_both(name, CONSTANT[name], [None, HORIZON])


ASKED = {"rate-outside", "mu", "weight-decay-before", "decay-of-rmsprop"}  # of schedules


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ASKED else [pytest.mark.slow]) for n in SCHEDULED]
)
def test_schedules_with_a_horizon(name):
    require_both(name, SCHEDULED[name], [HORIZON])
