"""Equinox: one compiled training for every learning rate, and one for all of them at once.

``eqx.filter_jit`` takes Python floats for constants, so that each learning rate would be a program of
its own. ``jos.as_arrays`` makes arguments of them.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1
RATES = (0.1, 0.3, 1.0)
compilations = []


class Line(eqx.Module):
    """A line; the unit is no parameter."""

    slope: jax.Array
    intercept: jax.Array
    unit: str = "metre"

    def __call__(self, x: jax.Array) -> jax.Array:
        """The line's height at x."""
        return self.slope * x + self.intercept


def train(tx: jos.GradientTransformation, model: Line, steps: int) -> Line:
    """Least squares for so many steps."""
    compilations.append(steps)  # Python runs this line only while it compiles
    state = tx.init(eqx.filter(model, eqx.is_inexact_array))
    for _ in range(steps):
        gradients = eqx.filter_grad(lambda model: jnp.mean((model(X) - Y) ** 2))(model)
        updates, state = tx.update(gradients, state, eqx.filter(model, eqx.is_inexact_array))
        model = eqx.apply_updates(model, updates)
    return model


def main(steps: int = 20) -> dict[str, list[float] | int]:
    """Fits the line with three learning rates, one by one and at once; returns the slopes."""
    compilations.clear()
    start, compiled = Line(jnp.zeros(()), jnp.zeros(())), eqx.filter_jit(train)
    lines = [compiled(jos.as_arrays(jos.adagrad(rate)), start, steps) for rate in RATES]
    one_by_one, count = [line.slope.item() for line in lines], len(compilations)
    stack = jax.vmap(jos.adagrad)(jnp.array(RATES))  # three optimizers in one
    lines = eqx.filter_vmap(train, in_axes=(0, None, None))(stack, start, steps)
    print("equinox: slopes", *(f"{slope:.3f}" for slope in one_by_one), f"after {steps} steps")
    print(f"three learning rates, {count} compilation")
    return {"one by one": one_by_one, "at once": lines.slope.tolist(), "compilations": count}


if __name__ == "__main__":
    main()
