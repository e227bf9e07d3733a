"""Every transform that optax and optax.contrib export, with the arguments at which it is judged."""

import functools
import inspect

import jax
import optax
import optax.contrib

from jaxopt_slides.testing import Subject

SGD = optax.sgd(0.1, momentum=0.9)
# What a required argument of this name gets.
REQUIRED = {
    "learning_rate": 0.1,
    "decay": 0.9,
    "step_size": -0.1,
    "step_size_fn": lambda count: -0.1 / (1 + count),
    "weight_decay": 0.1,
    "max_delta": 1.0,
    "max_norm": 1.0,
    "threshold": 1.0,
    "clipping": 0.1,
    "eta": 0.1,
    "gamma": 0.55,
    "key": 0,
    "inner": SGD,
    "tx": SGD,
    "optimizer": SGD,
    "base_optimizer": SGD,
    "max_consecutive_errors": 3,
    "should_transform_fn": lambda count: count >= 0,
    "mask": lambda params: jax.tree.map(lambda _: True, params),
    "freeze_mask": lambda params: jax.tree.map(lambda _: False, params),
    "transforms": {"all": SGD},
    "param_labels": lambda params: jax.tree.map(lambda _: "all", params),
    "adv_optimizer": optax.contrib.normalize(),
    "measure": optax.tree.norm,
    "measure_name": "norm",
    "measures": {"norm": optax.tree.norm},
}
# Options beside the required ones, or instead of them.
OPTIONS = {
    "add_noise": {"key": 0},
    "noisy_sgd": {"key": 0},
    "adafactor": {"learning_rate": 0.1},
    "adadelta": {"learning_rate": 0.1},
    "scale_by_learning_rate": {"learning_rate": 0.1},
    "lbfgs": {"learning_rate": 0.1, "linesearch": None},
    "sgd": {"momentum": 0.9},
    # Its default, None, fits a single array only.
    "scale_by_muon": {
        "weight_dimension_numbers": lambda params: jax.tree.map(
            lambda _: optax.contrib.MuonDimensionNumbers(), params
        )
    },
}
# Rules whose signature does not say that they return a transform.
UNANNOTATED = {"scale_by_factored_rms", "monitor", "dog", "dowg"}
# Rules that take matrices only.
MATRICES = {"scale_by_muon", "scale_by_galore"}
# Built here by hand: the constructors take transforms, or return a constructor.
BY_HAND = {
    "chain": lambda learning_rate=0.1: optax.chain(optax.trace(0.9), optax.scale(-learning_rate)),
    "named_chain": lambda learning_rate=0.1: optax.named_chain(
        ("a", optax.trace(0.9)), ("b", optax.scale(-learning_rate))
    ),
    "inject_hyperparams": lambda learning_rate=0.1, decay=0.9: optax.inject_hyperparams(optax.rmsprop)(
        learning_rate=learning_rate, decay=decay
    ),
    "inject_stateful_hyperparams": lambda learning_rate=0.1, decay=0.9: (
        optax.inject_stateful_hyperparams(optax.rmsprop)(learning_rate=learning_rate, decay=decay)
    ),
    # A line search is given a direction in which its objective falls.
    "scale_by_backtracking_linesearch": lambda learning_rate=0.1: optax.chain(
        optax.sgd(learning_rate), optax.scale_by_backtracking_linesearch(5)
    ),
    "scale_by_zoom_linesearch": lambda learning_rate=0.1: optax.chain(
        optax.sgd(learning_rate), optax.scale_by_zoom_linesearch(5)
    ),
    "stateless": lambda: optax.stateless(lambda g, p: jax.tree.map(lambda x: 2 * x, g)),
    "stateless_with_tree_map": lambda: optax.stateless_with_tree_map(lambda g, p: 2 * g),
    "sam": lambda learning_rate=0.1: optax.contrib.sam(
        optax.sgd(learning_rate), optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    ),
}
# Judged nowhere, and why.
LEFT_OUT = {
    "measure_with_ema": "returns a measure, not updates",
    "differentially_private_aggregate": "takes per-example gradients",
    "dpsgd": "takes per-example gradients",
    "lookahead": "takes pairs of parameters",
}


def exported(module):
    """The names of the module's transforms."""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if name.startswith("_") or not inspect.isfunction(value):
            continue
        returns = str(inspect.signature(value).return_annotation)
        if "GradientTransformation" in returns or name in UNANNOTATED:
            yield name


def subject(module, name):
    """One exported transform as a subject."""
    shapes = ((3, 2), (2, 2)) if name in MATRICES else ((3, 2), (3,))
    constructor = BY_HAND.get(name, getattr(module, name))
    parameters = inspect.signature(constructor).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    arguments = {n: REQUIRED[n] for n in needed} | OPTIONS.get(name, {})
    made = Subject.of(functools.partial(constructor), **arguments)
    extra = ("obj_fn",) if name == "sophia" else made.extra
    full = f"{module.__name__}.{name}"
    return Subject(full, made.make, made.hyperparameters, shapes, extra=extra)


def subjects():
    """All of them."""
    for module in (optax, optax.contrib):
        yield from (subject(module, n) for n in exported(module) if n not in LEFT_OUT)
