"""How each framework is run. Each function imports its own framework and returns a Driver."""

import importlib.metadata
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.goldens.grid import START, join, split

# The constructor behind each function of the grid.
CLASSES = {
    "torch": {
        "sgd": "SGD",
        "rmsprop": "RMSprop",
        "adagrad": "Adagrad",
        "adadelta": "Adadelta",
        "adam": "Adam",
    },
}
# The distributions whose versions are recorded.
DISTRIBUTIONS = {"torch": ["torch"]}


class Driver(NamedTuple):
    """An optimizer that has been started.

    Attributes:
      read: the parameters, flat.
      step: one step with these gradients, flat.
      state: the framework's own state.
    """

    read: Callable[[], np.ndarray]
    step: Callable[[np.ndarray], Any]
    state: Callable[[], dict[str, Any]] = dict


def torch_driver(run, dtype):
    """torch computes in the dtype of the parameters; Python floats reach it as doubles."""
    import torch

    torch.set_num_threads(1)
    leaves = [torch.nn.Parameter(torch.tensor(leaf.astype(dtype))) for leaf in split(START)]
    tx = getattr(torch.optim, CLASSES["torch"][run.function])(leaves, **run.arguments)
    decay = run.schedule and torch.optim.lr_scheduler.ExponentialLR(tx, gamma=run.schedule[1])

    def step(gradients):
        for leaf, g in zip(leaves, split(gradients), strict=True):
            leaf.grad = torch.tensor(g)
        tx.step()
        if decay:
            decay.step()

    return Driver(lambda: join(leaf.detach().numpy() for leaf in leaves), step, tx.state_dict)


DRIVERS = {"torch": torch_driver}


def versions(framework):
    """The version of everything that a framework's goldens depend on."""
    names = [*DISTRIBUTIONS[framework], "numpy"]
    return {name: importlib.metadata.version(name) for name in names}


def constructor(framework, function):
    """The framework's own constructor."""
    import torch

    modules = {"torch": torch.optim}
    return getattr(modules[framework], CLASSES[framework][function])
