"""The table of golden runs and the problem they all solve; only NumPy is needed to read it.

A row names a framework's constructor and its arguments in the framework's own words. ``record.py``
runs the framework itself; the tests run ours with the same arguments. Both ask ``gradient`` for the
gradient at their own parameters (a closed loop), so that an error feeds back into the run.

The floats of ``arguments`` are Python floats. What reaches each framework in a float64 run is said in
``record.py``; a float32 run gets them as they are.
"""

from typing import Any, NamedTuple

import numpy as np

SHAPES = ((5, 4), (4,))
SIZE = 24
STEPS = 200
RECORDED_STEPS = (*range(1, 11), *range(20, STEPS + 1, 10))
STATE_STEP = 100  # where the framework's own state is kept, of the float64 run
HANDOVER_STEP = 50  # where it is kept too, in the runs of HANDED_OVER
RATES = {"lr", "learning_rate", "step_size"}


class Run(NamedTuple):
    """One golden run.

    Attributes:
      framework: the package; also the name of our module of presets.
      function: the optimizer, in lower case.
      arguments: what its constructor gets, in the framework's own names.
      schedule: ``("exponential", rate)`` makes the learning rate of step t = 0, 1, … lr * rate**t.
      rounded: the hyperparameters that the framework rounded to float32 in the float64 run; None
        where the run is float64 throughout. Such runs have "-python-floats" in their id.
    """

    framework: str
    function: str
    arguments: dict[str, Any]
    schedule: tuple[str, float] | None = None
    rounded: tuple[str, ...] | None = None

    @property
    def id(self):
        """A readable name, the learning rate left out."""
        parts = [_shown(k, v) for k, v in self.arguments.items() if k not in RATES or v is None]
        schedule = [f"schedule={self.schedule[1]}"] if self.schedule else []
        suffix = [] if self.rounded is None else ["python-floats"]
        return "-".join([self.framework, self.function, *parts, *schedule, *suffix])

    @property
    def rate(self):
        """The name of the learning rate among the arguments; None where it is the default."""
        return next((name for name in self.arguments if name in RATES), None)


def _shown(name, value):
    return name if value is True else f"{name}={value}".replace(" ", "")


# --- The problem: a noisy quadratic of 24 parameters


def _uniform(seed, shape):
    """Numbers in [-1, 1), the same in every NumPy, exact in float32."""
    raw = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(40)).astype(float) / 2.0**23 - 1).reshape(shape)


_INDEX = np.arange(SIZE)
START = ((7 * _INDEX) % 33 - 16) / 8
TARGET = ((11 * _INDEX + 5) % 33 - 16) / 8
CURVATURE = np.geomspace(0.05, 5, SIZE).astype(np.float32).astype(float)
NOISE_SCALE = np.full(SIZE, 0.5)
# Gradients of 1e-6 to 1e-4, which the place of epsilon decides about.
TINY = np.array([3, 9, 15, 21])
CURVATURE[TINY] = [2.0**-20, 2.0**-17, 2.0**-15, 2.0**-13]
NOISE_SCALE[TINY] = CURVATURE[TINY] / 2
START[TINY] = [0, 1, 0, -1]
TARGET[TINY] = [-1, 2, 1, -2]
# The gradient of one parameter is exactly zero at first.
SILENT, SILENT_STEPS = 11, 20
NOISE = NOISE_SCALE * _uniform(20, (STEPS, SIZE))


def gradient(t, x, dtype):
    """The gradient of step t = 0, 1, … at the flat parameters, computed in the dtype."""
    a, target, noise = (v.astype(dtype) for v in (CURVATURE, TARGET, NOISE[t]))
    g = a * (np.asarray(x, dtype) - target) + noise
    if t < SILENT_STEPS:
        g[SILENT] = 0
    return g


def split(vector):
    """The flat parameters as leaves of SHAPES."""
    return [vector[:20].reshape(SHAPES[0]), vector[20:].reshape(SHAPES[1])]


def join(leaves):
    """The leaves as one flat vector."""
    return np.concatenate([np.asarray(leaf).ravel() for leaf in leaves])


# --- The table


def _runs(framework, function, *rows):
    return [Run(framework, function, row) for row in rows]


def _decaying(framework, function, rate, *rows):
    return [Run(framework, function, row, schedule=("exponential", rate)) for row in rows]


TORCH = [
    *_runs(
        "torch",
        "sgd",
        {},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.9},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.5},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        {"lr": 1e-4, "momentum": 0.9, "weight_decay": 0.1, "maximize": True},
    ),
    *_decaying(
        "torch",
        "sgd",
        0.98,
        {"lr": 0.02, "momentum": 0.9},
        {"lr": 0.02, "momentum": 0.9, "nesterov": True},
    ),
    *_runs(
        "torch",
        "rmsprop",
        {},
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-3},
        {"lr": 0.003, "momentum": 0.9},
        {"lr": 0.01, "centered": True},
        {"lr": 0.003, "centered": True, "momentum": 0.9},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.001, "maximize": True},
        {
            "lr": 0.0003,
            "alpha": 0.95,
            "eps": 1e-4,
            "weight_decay": 0.1,
            "momentum": 0.9,
            "centered": True,
            "maximize": True,
        },
    ),
    *_runs(
        "torch",
        "adagrad",
        {},
        {"lr": 0.1, "lr_decay": 0.01},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "initial_accumulator_value": 0.1},
        {"lr": 0.1, "eps": 1e-3},
        {"lr": 0.01, "maximize": True},
        {
            "lr": 0.01,
            "lr_decay": 0.01,
            "weight_decay": 0.1,
            "initial_accumulator_value": 0.1,
            "eps": 1e-3,
            "maximize": True,
        },
    ),
    *_runs(
        "torch",
        "adadelta",
        {},
        {"lr": 0.5, "rho": 0.95, "eps": 1e-4},
        {"lr": 1.0, "weight_decay": 0.1},
        {"lr": 0.1, "maximize": True},
    ),
    *_runs(
        "torch",
        "adam",
        {},
        {"lr": 0.01, "betas": (0.8, 0.99)},
        {"lr": 0.01, "eps": 1e-3},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.001, "maximize": True},
    ),
]

RUNS = [*TORCH]
FRAMEWORKS = tuple(dict.fromkeys(run.framework for run in RUNS))
HANDED_OVER = {
    "torch-sgd-momentum=0.9-schedule=0.98",
    "torch-rmsprop-centered-momentum=0.9",
    "torch-adagrad-lr_decay=0.01",
}
