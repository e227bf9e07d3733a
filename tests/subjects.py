"""Our own optimizers for the laws of jaxopt_slides.testing: one line each.

A new part or wrapper is one line here; every law of ``testing.LAWS`` then holds for it. A new rule has
its line in cases.py, and comes from there.
"""

import jax
import jax.numpy as jnp

import jaxopt_slides as jos
from jaxopt_slides.testing import Subject
from tests.cases import RULES

RATE, PRESETS = {"learning_rate": 0.1}, jos.presets


def of(name, constructor, *, couples=False, follows=False, **arguments):
    """A subject; all of ours update each element as if it were alone, unless they say otherwise."""
    made = Subject.of(constructor, **arguments)
    return Subject(
        name, made.make, made.hyperparameters, elementwise=not couples, follows_params=follows
    )


def decayed_momentum(weight_decay=0.1, learning_rate=0.1, mu=0.9):
    """Weight decay before a velocity."""
    return jos.chain(jos.add_decayed_weights(weight_decay), jos.momentum(learning_rate, mu))


def named(first=0.9, second=0.5):
    """Two velocities that share a name."""
    return jos.named_chain(("a", jos.trace(first)), ("b", jos.trace(second)))


def wrapped(wrap, **changes):
    """A constructor of a wrapped RMSProp, or of another rule."""

    def make(learning_rate=0.1, decay=0.9):
        return wrap(jos.rmsprop(learning_rate, decay, **changes))

    return make


def averaged(learning_rate=0.1, decay=0.9, mu=0.9):
    """A momentum whose parameters are averaged."""
    return jos.average_params(jos.momentum(learning_rate, mu), decay)


def two_groups(learning_rate=0.1, decay=0.9):
    """Matrices and the rest, each by a rule of its own."""
    rules = {"matrix": jos.rmsprop(learning_rate, decay), "rest": jos.sgd(0.1)}
    return jos.partition(rules, by_rank)


def by_rank(params):
    """Labels by the number of axes; one function, since functions are compared by identity."""
    return jax.tree.map(lambda x: "matrix" if jnp.ndim(x) > 1 else "rest", params)


def looking_ahead(learning_rate=0.1):
    """Nesterov's own lookahead, whose first update sees the momentum of counts 0 and 1."""
    return jos.nesterov(learning_rate, 0.9, true_lookahead=True)


def nested(learning_rate=0.1, decay=0.9, max_norm=1.0):
    """Four wrappers around a chain."""
    inner = jos.chain(jos.clip_by_global_norm(max_norm), jos.rmsprop(learning_rate))
    return jos.apply_if_finite(jos.average_params(jos.masked(inner, True), decay), 3)


SUBJECTS = [
    of("sgd", jos.sgd, **RATE),
    of("sgd-momentum-nesterov", jos.sgd, momentum=0.9, nesterov=True, **RATE),
    of("momentum", jos.momentum, **RATE),
    of("nesterov", jos.nesterov, **RATE),
    of("rmsprop", jos.rmsprop, **RATE),
    of("rmsprop-momentum", jos.rmsprop, momentum=0.9, **RATE),
    of("rmsprop-centered", jos.rmsprop, centered=True, **RATE),
    of("rmsprop-bias_correction", jos.rmsprop, bias_correction=True, **RATE),
    of("adagrad", jos.adagrad, **RATE),
    of("rowwise_adagrad", jos.rowwise_adagrad, couples=True, **RATE),
    of("scale", jos.scale, step_size=0.5),
    of("scale_by_learning_rate", jos.scale_by_learning_rate, **RATE),
    of("scale_by_schedule", jos.scale_by_schedule, step_size_fn=jos.linear_schedule(0.1, 0.2, 10)),
    of("trace", jos.trace, decay=0.9),
    of("ema", jos.ema, decay=0.9),
    of("scale_by_rms", jos.scale_by_rms),
    of("scale_by_stddev", jos.scale_by_stddev),
    of("scale_by_rss", jos.scale_by_rss),
    of("add_decayed_weights", jos.add_decayed_weights, weight_decay=0.1),
    of("set_to_zero", jos.set_to_zero),
    of("identity", jos.identity),
    of("decayed-momentum", decayed_momentum),
    of("named-chain", named),
    of("adadelta", jos.adadelta),
    of("adam", jos.adam, **RATE),
    of("clip", jos.clip, max_delta=0.5),
    of("clip_by_global_norm", jos.clip_by_global_norm, couples=True, max_norm=1.0),
    of("project-box", jos.project, low=-1.0, high=1.0),
    of("project-ball", jos.project, couples=True, radius=1.0),
    of("zero_nans", jos.zero_nans),
    of("decay-masked", jos.add_decayed_weights, weight_decay=0.1, mask=True),
    of("masked", wrapped(lambda tx: jos.masked(tx, True))),
    of("partition", two_groups, couples=True),
    of("freeze", wrapped(lambda tx: jos.chain(tx, jos.freeze(False)))),
    of("multi_steps", wrapped(lambda tx: jos.multi_steps(tx, 2))),
    of("apply_if_finite", wrapped(lambda tx: jos.apply_if_finite(tx, 3)), couples=True),
    of("average_params", averaged),
    of("reduce_on_plateau", wrapped(lambda tx: jos.chain(tx, jos.reduce_on_plateau()))),
    of("mixed_precision", wrapped(jos.mixed_precision), follows=True),
    of("stochastic", wrapped(lambda tx: jos.mixed_precision(tx, "stochastic_rounding", seed=0))),
    of("accumulator_dtype", wrapped(lambda tx: jos.accumulator_dtype(tx, jnp.float32))),
    of("as_static", lambda: jos.as_static(jos.rmsprop(0.1))),
    of("as_arrays", wrapped(jos.as_arrays)),
    of("nested-wrappers", nested, couples=True),
    of("nesterov-true_lookahead", looking_ahead),
    of("adam-eps_hat", jos.adam, nesterov=True, eps_hat=True, **RATE),
    of("presets.torch.sgd", PRESETS.torch.sgd, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    of("presets.keras.rmsprop", PRESETS.keras.rmsprop, momentum=0.9, weight_decay=0.1, **RATE),
    of("presets.tf1.rmsprop", PRESETS.tf1.rmsprop, momentum=0.9, centered=True, **RATE),
    of("presets.optax.rmsprop", PRESETS.optax.rmsprop, momentum=0.9, nesterov=True, **RATE),
    of("presets.jax_example.adagrad", PRESETS.jax_example.adagrad, step_size=0.1),
    of("schedule", lambda: jos.momentum(0.1, jos.sutskever_schedule())),
]


def of_case(case):
    """The subject of a rule's case; it couples elements if it has one number a row."""
    rows = getattr(case.rule.State, "per_row", ())
    return Subject(case.name, case.make, case.hyperparameters, elementwise=not rows)


# Rules with no line of their own above.
DERIVED = [of_case(c) for c in RULES if c.rule and c.name not in {s.name for s in SUBJECTS}]
SUBJECTS += DERIVED
