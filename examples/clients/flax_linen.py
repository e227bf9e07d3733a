"""Flax linen: an optimizer of this library in a TrainState."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.training.train_state import TrainState

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)[:, None]
Y = 2 * X + 1


@jax.jit
def step(state: TrainState) -> tuple[TrainState, jax.Array]:
    """One step of least squares on the line."""

    def loss(params):
        return jnp.mean((state.apply_fn({"params": params}, X) - Y) ** 2)

    value, gradients = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=gradients), value


def main(steps: int = 100) -> dict[str, float]:
    """Fits the line; returns its slope and intercept."""
    model = nn.Dense(1, kernel_init=nn.initializers.zeros)
    params: Any = model.init(jax.random.key(0), X)["params"]
    state = TrainState.create(apply_fn=model.apply, params=params, tx=jos.momentum(0.05, mu=0.8))
    value = jnp.inf
    for _ in range(steps):
        state, value = step(state)
    params = state.params
    line = {"slope": params["kernel"].item(), "intercept": params["bias"].item()}
    print(f"flax linen: y = {line['slope']:.3f} x + {line['intercept']:.3f}, loss {value:.1e}")
    return line


if __name__ == "__main__":
    main()
