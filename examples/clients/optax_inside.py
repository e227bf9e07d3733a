"""optax inside ours: its parts are links of our chain, its schedules are our hyperparameters."""

import jax.numpy as jnp
import optax

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1


def loss(params):
    """The mean square error of the line."""
    return jnp.mean((params["slope"] * X + params["intercept"] - Y) ** 2)


def main(steps: int = 100) -> dict[str, float]:
    """Fits the line with a chain of both libraries' parts; returns its slope and intercept."""
    rate = optax.linear_schedule(0.2, 0.0, steps)
    tx = jos.chain(optax.clip_by_global_norm(0.5), optax.trace(0.5), jos.sgd(rate))
    start = {"slope": jnp.zeros(()), "intercept": jnp.zeros(())}
    result = jos.fit(loss, tx, start, steps=steps)
    line = {name: value.item() for name, value in result.params.items()}
    print(f"optax inside ours: y = {line['slope']:.3f} x + {line['intercept']:.3f}, {steps} steps")
    return line


if __name__ == "__main__":
    main()
