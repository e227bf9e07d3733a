"""How each framework is run. Each function imports its own framework and returns a Driver.

A golden of float64 must be float64 throughout. What that takes, found by comparing each run with plain
loops in which single hyperparameters were rounded to float32 (``check.py``):

* torch 2.13: nothing.
* Keras 3.15 on TensorFlow, float64 variables, Python floats, floatx float32. Rounded: learning_rate
  (it is a floatx variable); SGD's momentum and weight_decay, and Adam's betas in the bias correction
  (``cast`` makes a float32 tensor first); initial_accumulator_value. A schedule is computed in float32.
  Not rounded: rho, RMSprop's momentum, epsilon, clipvalue, global_clipnorm, loss_scale_factor, Adam's
  betas in the moments. ``1 - rho`` is Python's. floatx float64 saves the learning_rate only.
  With floatx float64 and ``np.float64`` for every float, the defaults included, nothing is rounded.
* Keras on JAX under x64, and on torch except for global_clipnorm, need floatx float64 only.
* tf.compat.v1 rounds every Python float but initial_accumulator_value, and then computes 1 - decay in
  float64. Adam's powers of beta are float32 variables. Float64 tensors are kept as they are.
* optax 0.2.8 and jax 0.10.2 under x64: nothing, but that ``optax.exponential_decay`` of Python floats
  is float32, since optax counts in int32. ``np.float64`` parameters are kept as they are.
"""

import importlib
import importlib.metadata
import inspect
import os
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
    "keras": {
        "sgd": "SGD",
        "rmsprop": "RMSprop",
        "adagrad": "Adagrad",
        "adadelta": "Adadelta",
        "adam": "Adam",
    },
    "tf1": {
        "sgd": "GradientDescentOptimizer",
        "momentum": "MomentumOptimizer",
        "rmsprop": "RMSPropOptimizer",
        "adagrad": "AdagradOptimizer",
        "adadelta": "AdadeltaOptimizer",
        "adam": "AdamOptimizer",
    },
    "optax": {name: name for name in ("sgd", "rmsprop", "adagrad", "adadelta", "adam")},
    "jax_example": {
        name: name
        for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "rmsprop_momentum", "adam")
    },
}
MODULES = {
    "torch": "torch.optim",
    "keras": "keras.optimizers",
    "tf1": "tensorflow.compat.v1.train",
    "optax": "optax",
    "jax_example": "jax.example_libraries.optimizers",
}
# The distributions whose versions are recorded.
DISTRIBUTIONS = {
    "torch": ["torch"],
    "keras": ["keras", "tensorflow"],
    "tf1": ["tensorflow"],
    "optax": ["optax", "jax", "jaxlib"],
    "jax_example": ["jax", "jaxlib"],
}


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


def keras_driver(run, dtype):
    """Keras on TensorFlow; in float64 with ``floatx`` and NumPy's float64 hyperparameters."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    plain = run.rounded is not None or dtype == np.float32
    keras.config.set_floatx("float32" if plain else "float64")
    make = constructor("keras", run.function)
    arguments = run.arguments if plain else spelled_out(make, run.arguments, np.float64)
    if run.schedule:
        rate, decay = arguments["learning_rate"], run.schedule[1]
        decay = decay if plain else np.float64(decay)
        arguments = arguments | {
            "learning_rate": keras.optimizers.schedules.ExponentialDecay(rate, 1, decay)
        }
    tx = make(**arguments, name=run.function)
    leaves = [
        keras.Variable(leaf.astype(dtype), dtype=np.dtype(dtype).name, name=f"leaf_{i}")
        for i, leaf in enumerate(split(START))
    ]

    def step(gradients):
        tx.apply([keras.ops.convert_to_tensor(g) for g in split(gradients)], leaves)

    def state():
        store = {}
        tx.save_own_variables(store)
        return store | {"names": [v.path for v in tx.variables]}

    return Driver(lambda: join(leaf.numpy() for leaf in leaves), step, state)


def spelled_out(make, arguments, wide):
    """The arguments with the defaults, every float of them as ``wide`` makes it."""
    parameters = inspect.signature(make).parameters.values()
    defaults = {p.name: p.default for p in parameters if isinstance(p.default, float)}
    arguments = {**defaults, **arguments}
    return {k: wide(v) if isinstance(v, float) else v for k, v in arguments.items()}


def tf1_driver(run, dtype):
    """tf.compat.v1 in eager mode; in float64 every hyperparameter is a float64 tensor."""
    import tensorflow as tf

    def wide(value):
        return tf.constant(value, tf.float64)

    make = constructor("tf1", run.function)
    plain = run.rounded is not None or dtype == np.float32
    arguments = run.arguments if plain else spelled_out(make, run.arguments, wide)
    start = "initial_accumulator_value"  # it is exact as a Python float
    arguments = {k: float(v) if k == start else v for k, v in arguments.items()}
    tx = make(**arguments)
    leaves = [tf.Variable(leaf.astype(dtype)) for leaf in split(START)]

    def step(gradients):
        pairs = zip(map(tf.constant, split(gradients)), leaves, strict=True)
        tx.apply_gradients(list(pairs))

    return Driver(lambda: join(leaf.numpy() for leaf in leaves), step)


def optax_driver(run, dtype):
    """optax without jit; float64 under ``jax_enable_x64``, float32 without it."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", dtype == np.float64)
    arguments = run.arguments
    if run.schedule:
        numbers = np.array([arguments["learning_rate"], run.schedule[1]], dtype)
        rate = optax.exponential_decay(numbers[0], 1, numbers[1])
        arguments = arguments | {"learning_rate": rate}
    tx = constructor("optax", run.function)(**arguments)
    params = [jax.numpy.asarray(leaf, dtype) for leaf in split(START)]
    state = tx.init(params)

    def step(gradients):
        nonlocal params, state
        updates, state = tx.update(split(gradients), state, params)
        params = optax.apply_updates(params, updates)

    return Driver(lambda: join(params), step)


def jax_example_driver(run, dtype):
    """jax.example_libraries.optimizers without jit, in the modes of optax."""
    import jax
    from jax.example_libraries import optimizers

    jax.config.update("jax_enable_x64", dtype == np.float64)
    arguments = run.arguments
    if run.schedule:
        rate = optimizers.exponential_decay(arguments["step_size"], 1, run.schedule[1])
        arguments = arguments | {"step_size": rate}
    init, update, params = constructor("jax_example", run.function)(**arguments)
    state, count = init([jax.numpy.asarray(leaf, dtype) for leaf in split(START)]), 0

    def step(gradients):
        nonlocal state, count
        state, count = update(count, split(gradients), state), count + 1

    return Driver(lambda: join(params(state)), step)


DRIVERS = {
    "torch": torch_driver,
    "keras": keras_driver,
    "tf1": tf1_driver,
    "optax": optax_driver,
    "jax_example": jax_example_driver,
}


def versions(framework):
    """The version of everything that a framework's goldens depend on."""
    names = [*DISTRIBUTIONS[framework], "numpy"]
    return {name: importlib.metadata.version(name) for name in names}


def constructor(framework, function):
    """The framework's own constructor."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    module = importlib.import_module(MODULES[framework])
    return getattr(module, CLASSES[framework][function])
