"""The runners of ``relay.py``: each framework's own momentum, behind the same few methods.

A framework is imported when its runner starts. All of them compute in float64.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos

MU = 0.9
Arrays = list[np.ndarray]


class Runner(Protocol):
    """One framework's optimizer, and the weights that it trains."""

    def step(self, gradients: Arrays) -> None:
        """One step."""
        ...

    def weights(self) -> Arrays:
        """The weights, as NumPy copies."""
        ...

    def save(self) -> Mapping[str, Any]:
        """The optimizer's state, as the framework saves it."""
        ...

    def load(self, saved: Mapping[str, Any]) -> None:
        """Goes on from a state as the framework saves it."""
        ...

    def velocity(self) -> Arrays:
        """The raw velocity, whatever the framework means by it."""
        ...

    def set_velocity(self, arrays: Arrays) -> None:
        """Overwrites the raw velocity."""
        ...

    def set_rate(self, rate: float) -> None:
        """Goes on with another learning rate."""
        ...


def load_framework(name: str) -> Any:
    """The imported framework, or a word on how to install it."""
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")  # jax is here anyway
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SystemExit(
            f'{name} cannot be imported ({error}). The relay needs it: pip install ".[relay]"'
        ) from None


class Torch:
    """``torch.optim.SGD``: b = mu b + g, w = w - lr b."""

    def __init__(self, weights: Arrays, rate: float):
        self.torch = load_framework("torch")
        self.params = [self.torch.nn.Parameter(self.torch.tensor(w)) for w in weights]
        self.sgd = self.torch.optim.SGD(self.params, lr=rate, momentum=MU)

    def step(self, gradients: Arrays) -> None:
        for w, g in zip(self.params, gradients, strict=True):
            w.grad = self.torch.tensor(g)
        self.sgd.step()

    def weights(self) -> Arrays:
        return [w.detach().numpy().copy() for w in self.params]

    def save(self) -> Mapping[str, Any]:
        return self.sgd.state_dict()

    def load(self, saved: Mapping[str, Any]) -> None:
        rows = saved["state"].items()
        tensors = {i: {k: self.torch.tensor(x) for k, x in row.items()} for i, row in rows}
        self.sgd.load_state_dict({**self.sgd.state_dict(), "state": tensors})

    def velocity(self) -> Arrays:
        return [self.sgd.state[w]["momentum_buffer"].numpy().copy() for w in self.params]

    def set_velocity(self, arrays: Arrays) -> None:
        for w, b in zip(self.params, arrays, strict=True):
            self.sgd.state[w]["momentum_buffer"] = self.torch.tensor(b)

    def set_rate(self, rate: float) -> None:
        self.sgd.param_groups[0]["lr"] = rate


class Keras:
    """``keras.optimizers.SGD``: v = mu v - lr g, w = w + v."""

    def __init__(self, weights: Arrays, rate: float):
        self.keras = load_framework("keras")
        self.keras.config.set_floatx("float64")  # the learning rate is a variable of this dtype
        self.params = [self.keras.Variable(w, dtype="float64") for w in weights]
        # On TensorFlow a Python float would be rounded to float32.
        self.sgd = self.keras.optimizers.SGD(np.float64(rate), momentum=np.float64(MU))
        self.sgd.build(self.params)

    def step(self, gradients: Arrays) -> None:
        self.sgd.apply([self.keras.ops.convert_to_tensor(g) for g in gradients], self.params)

    def weights(self) -> Arrays:
        return [np.array(self.keras.ops.convert_to_numpy(w)) for w in self.params]

    def save(self) -> Mapping[str, Any]:
        store = {}
        self.sgd.save_own_variables(store)
        return store

    def load(self, saved: Mapping[str, Any]) -> None:
        self.sgd.load_own_variables(saved)

    def velocity(self) -> Arrays:
        return [np.array(self.keras.ops.convert_to_numpy(v)) for v in self.sgd.momentums]

    def set_velocity(self, arrays: Arrays) -> None:
        for v, array in zip(self.sgd.momentums, arrays, strict=True):
            v.assign(array)

    def set_rate(self, rate: float) -> None:
        self.sgd.learning_rate = rate


class Optax:
    """``optax.sgd``: b = mu b + g, w = w - lr b."""

    def __init__(self, weights: Arrays, rate: float):
        self.optax = load_framework("optax")
        self.params = [jnp.asarray(w) for w in weights]
        self.set_rate(rate)
        self.state = self.sgd.init(self.params)

    def step(self, gradients: Arrays) -> None:
        updates, self.state = self.update(gradients, self.state)
        self.params = self.optax.apply_updates(self.params, updates)

    def weights(self) -> Arrays:
        return [np.array(w) for w in self.params]

    def save(self) -> Mapping[str, Any]:
        return {"trace": self.velocity()}

    def load(self, saved: Mapping[str, Any]) -> None:
        trace, *rest = self.state
        self.state = (trace._replace(trace=saved["trace"]), *rest)

    def velocity(self) -> Arrays:
        return [np.array(b) for b in self.state[0].trace]

    def set_velocity(self, arrays: Arrays) -> None:
        self.load({"trace": [jnp.asarray(b) for b in arrays]})

    def set_rate(self, rate: float) -> None:
        self.sgd = self.optax.sgd(rate, MU)
        self.update = jax.jit(self.sgd.update)


class Slides:
    """``jaxopt_slides.momentum``: v = mu v - lr g, w = w + v. It saves in PyTorch's words."""

    def __init__(self, weights: Arrays, rate: float):
        self.params = [jnp.asarray(w) for w in weights]
        self.set_rate(rate)
        self.state = self.tx.init(self.params)

    def step(self, gradients: Arrays) -> None:
        updates, self.state = self.update(gradients, self.state)
        self.params = jos.apply_updates(self.params, updates)

    def weights(self) -> Arrays:
        return [np.array(w) for w in self.params]

    def save(self) -> Mapping[str, Any]:
        return jos.presets.torch.to_state_dict(self.tx, self.params, self.state)

    def load(self, saved: Mapping[str, Any]) -> None:
        self.state = jos.presets.torch.load_state(self.tx, self.params, saved)

    def velocity(self) -> Arrays:
        return [np.array(v) for v in self.state.velocity]

    def set_velocity(self, arrays: Arrays) -> None:
        self.state = self.state._replace(velocity=[jnp.asarray(v) for v in arrays])

    def set_rate(self, rate: float) -> None:
        self.tx = jos.momentum(rate, MU)
        self.update = jax.jit(self.tx.update)


RUNNERS = {"torch": Torch, "keras": Keras, "optax": Optax, "jaxopt_slides": Slides}
OUTSIDE = ("torch", "optax")  # the learning rate is outside the velocity, which halving it leaves alone
