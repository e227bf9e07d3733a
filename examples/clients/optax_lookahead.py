"""optax.lookahead around ours: optax's parameters are then a pair, a fast and a slow copy.

Gradients are those of the fast copy alone. ``Any`` is for type checkers: optax's annotations name its
own class.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1


@jax.grad
def gradient(params):
    """Of the mean square error of the line."""
    return jnp.mean((params["slope"] * X + params["intercept"] - Y) ** 2)


def main(steps: int = 100) -> dict[str, dict[str, float]]:
    """Fits the line; returns the fast and the slow one."""
    inner: Any = jos.sgd(0.1)
    tx = optax.lookahead(inner, sync_period=5, slow_step_size=0.5)
    params: Any = optax.LookaheadParams.init_synced({"slope": 0.0, "intercept": 0.0})
    params = jax.tree.map(jnp.asarray, params)
    state, update = tx.init(params), jax.jit(tx.update)
    for _ in range(steps):
        updates, state = update(gradient(params.fast), state, params)
        params = jos.apply_updates(params, updates)
    lines = {"fast": params.fast, "slow": params.slow}
    for name, line in lines.items():
        print(f"optax.lookahead, {name}: y = {line['slope']:.3f} x + {line['intercept']:.3f}")
    return jax.tree.map(float, lines)


if __name__ == "__main__":
    main()
