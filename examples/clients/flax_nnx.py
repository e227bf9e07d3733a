"""Flax nnx: an optimizer of this library in nnx.Optimizer, its learning rate changed on the way.

nnx takes the attributes of a module for static unless they are declared to be data. Of Python floats
that makes constants of the program; of arrays it makes an error. So the optimizer goes in as a static
one, and is then replaced by one that is declared to be data and has arrays as hyperparameters: a new
learning rate compiles nothing.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)[:, None]
Y = 2 * X + 1
compilations = []


@nnx.jit
def step(model: nnx.Linear, optimizer: nnx.Optimizer) -> jax.Array:
    """One step of least squares on the line; changes the model and the optimizer."""
    compilations.append(X.shape)  # Python runs this line only while it compiles
    value, gradients = nnx.value_and_grad(lambda model: jnp.mean((model(X) - Y) ** 2))(model)
    optimizer.update(model, gradients)
    return value


def main(steps: int = 100) -> dict[str, Any]:
    """Fits the line; returns its slope and intercept, and how often the step was compiled."""
    compilations.clear()
    tx = jos.rmsprop(0.05)
    static: Any = jos.as_static(tx)  # Any, since nnx's annotations name optax's class
    model: Any = nnx.Linear(1, 1, kernel_init=nnx.initializers.zeros, rngs=nnx.Rngs(0))
    optimizer: Any = nnx.Optimizer(model, static, wrt=nnx.Param)
    value = jnp.inf
    for rate in (0.05, 0.005):
        optimizer.tx = nnx.data(jos.as_arrays(jos.with_hyperparams(tx, learning_rate=rate)))
        for _ in range(steps // 2):
            value = step(model, optimizer)
    line = {"slope": model.kernel[...].item(), "intercept": model.bias[...].item()}
    print(f"flax nnx: y = {line['slope']:.3f} x + {line['intercept']:.3f}, loss {value:.1e}")
    print(f"two learning rates, {len(compilations)} compilation")
    return line | {"compilations": len(compilations)}


if __name__ == "__main__":
    main()
