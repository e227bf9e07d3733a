"""Our own optimizers for the laws of jaxopt_slides.testing: one line each.

A new rule, part or wrapper is one line here; every law of ``testing.LAWS`` then holds for it.
"""

import jaxopt_slides as jos
from jaxopt_slides.testing import Subject

RATE = {"learning_rate": 0.1}


def of(name, constructor, *, couples=False, **arguments):
    """A subject; all of ours update each element as if it were alone, unless they say otherwise."""
    made = Subject.of(constructor, **arguments)
    return Subject(name, made.make, made.hyperparameters, elementwise=not couples)


def decayed_momentum(weight_decay=0.1, learning_rate=0.1, mu=0.9):
    """Weight decay before a velocity."""
    return jos.chain(jos.add_decayed_weights(weight_decay), jos.momentum(learning_rate, mu))


def named(first=0.9, second=0.5):
    """Two velocities that share a name."""
    return jos.named_chain(("a", jos.trace(first)), ("b", jos.trace(second)))


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
    of("schedule", lambda: jos.momentum(0.1, jos.sutskever_schedule())),
]
