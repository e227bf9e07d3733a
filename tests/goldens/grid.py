"""The table of golden runs; only NumPy is needed to read it.

A row names a framework's constructor and its arguments in the framework's own words. ``record.py``
runs the framework itself; the tests run ours with the same arguments on the same problem.

The floats of ``arguments`` are Python floats. What reaches each framework in a float64 run is said in
``frameworks.py``; a float32 run gets them as they are.
"""

from tests.goldens.problem import SHAPES, SIZE, START, STEPS, gradient, join, split
from tests.goldens.rows import Run
from tests.goldens.rows_keras import KERAS
from tests.goldens.rows_others import JAX_EXAMPLE, OPTAX, TF1
from tests.goldens.rows_torch import TORCH

__all__ = [
    "FRAMEWORKS",
    "HANDED_OVER",
    "HANDOVER_STEP",
    "RECORDED_STEPS",
    "RUNS",
    "SHAPES",
    "SIZE",
    "START",
    "STATE_STEP",
    "STEPS",
    "Run",
    "gradient",
    "join",
    "split",
]

RECORDED_STEPS = (*range(1, 11), *range(20, STEPS + 1, 10))
STATE_STEP = 100  # where the framework's own state is kept, of the float64 run
HANDOVER_STEP = 50  # where it is kept too, in the runs of HANDED_OVER
RUNS = [*TORCH, *KERAS, *TF1, *OPTAX, *JAX_EXAMPLE]
FRAMEWORKS = tuple(dict.fromkeys(run.framework for run in RUNS))
HANDED_OVER = {
    "torch-sgd-momentum=0.9-schedule=0.98",
    "torch-rmsprop-centered-momentum=0.9",
    "torch-adagrad-lr_decay=0.01",
    "keras-sgd-momentum=0.9-gradient_accumulation_steps=4",
    "keras-sgd-momentum=0.9-schedule=0.98",
    "keras-rmsprop-momentum=0.9-centered",
}
