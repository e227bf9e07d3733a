"""Optimistix: a minimiser from an optimizer, and minima of many optimizers in one program."""

import jax
import jax.numpy as jnp
import optimistix as optx

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1
RATES = (0.05, 0.2)


def loss(line: jax.Array, height: jax.Array) -> jax.Array:
    """The mean square error of a line ``[2]``: its slope and its intercept."""
    return jnp.mean((line[0] * X + line[1] - height) ** 2)


def minimum(tx: jos.GradientTransformation) -> tuple[jax.Array, jax.Array]:
    """Where optimistix stops, ``[2]``, and after how many steps."""
    solver = optx.OptaxMinimiser(tx, rtol=1e-4, atol=1e-4)
    solution = optx.minimise(loss, solver, jnp.zeros(2), args=Y, max_steps=1000)
    return solution.value, solution.stats["num_steps"]


def main() -> dict[str, list]:
    """Minimises with two learning rates at once; returns the lines and the numbers of steps."""
    stack = jax.vmap(lambda rate: jos.momentum(rate, mu=0.5))(jnp.array(RATES))
    lines, steps = jax.jit(jax.vmap(minimum))(stack)
    for rate, (slope, intercept), count in zip(RATES, lines, steps, strict=True):
        print(f"optimistix: y = {slope:.3f} x + {intercept:.3f}, {count} steps of {rate}")
    return {"lines": lines.tolist(), "steps": steps.tolist()}


if __name__ == "__main__":
    main()
