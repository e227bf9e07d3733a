"""optax around ours: its wrappers take our constructors and optimizers as they take its own.

``Any`` is for type checkers: optax's annotations name its own class, which ours is only in shape.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1
START = {"slope": jnp.zeros(()), "intercept": jnp.zeros(())}


@jax.grad
def gradient(params, half=slice(None)):
    """Of the mean square error, over some of the points."""
    return jnp.mean((params["slope"] * X[half] + params["intercept"] - Y[half]) ** 2)


def injected(steps: int) -> float:
    """The slope by momentum whose learning rate is written into optax's state halfway."""
    constructor: Any = jos.momentum
    tx = optax.inject_hyperparams(constructor)(learning_rate=0.05, mu=0.8)
    state: Any = tx.init(START)
    params, update = START, jax.jit(tx.update)
    for i in range(steps):
        if i == steps // 2:
            state.hyperparams["learning_rate"] = jnp.float32(0.01)
        updates, state = update(gradient(params), state)
        params = jos.apply_updates(params, updates)
    return params["slope"].item()


def accumulated(steps: int) -> float:
    """The slope by RMSProp from the mean of two gradients, one of each half of the points."""
    inner: Any = jos.rmsprop(0.05)
    tx = optax.MultiSteps(inner, every_k_schedule=2)
    params, state, update = START, tx.init(START), jax.jit(tx.update)
    for i in range(2 * steps):
        half = slice(8, 16) if i % 2 else slice(0, 8)
        updates, state = update(gradient(params, half), state, params)
        params = jos.apply_updates(params, updates)
    return params["slope"].item()


def main(steps: int = 100) -> dict[str, float]:
    """Fits the line in two ways; returns the slopes."""
    ways = {"inject_hyperparams": injected, "MultiSteps": accumulated}
    slopes = {name: way(steps) for name, way in ways.items()}
    print("optax around ours:", ", ".join(f"{name} {slope:.3f}" for name, slope in slopes.items()))
    return slopes


if __name__ == "__main__":
    main()
