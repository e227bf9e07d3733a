"""Haiku: its parameters are nested dicts, so that labels by module and name are plain dicts too."""

import haiku as hk
import jax
import jax.numpy as jnp

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)[:, None]
Y = 2 * X + 1


def line(x: jax.Array) -> jax.Array:
    """The model: one linear module, which Haiku calls "linear"."""
    return hk.Linear(1, w_init=jnp.zeros)(x)


def main(steps: int = 100) -> dict[str, float]:
    """Fits the line, slope and intercept by a rule each; returns both."""
    net = hk.without_apply_rng(hk.transform(line))
    params = net.init(jax.random.key(0), X)
    rules = {"fast": jos.nesterov(0.05, mu=0.8), "plain": jos.sgd(0.1)}
    tx = jos.partition(rules, {"linear": {"w": "fast", "b": "plain"}})
    state, value = tx.init(params), jnp.inf

    @jax.jit
    def step(tx, params, state):
        loss = lambda params: jnp.mean((net.apply(params, X) - Y) ** 2)  # noqa: E731
        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = tx.update(gradients, state, params)
        return jos.apply_updates(params, updates), state, value

    for _ in range(steps):
        params, state, value = step(tx, params, state)
    found = {"slope": params["linear"]["w"].item(), "intercept": params["linear"]["b"].item()}
    print(f"haiku: y = {found['slope']:.3f} x + {found['intercept']:.3f}, loss {value:.1e}")
    return found


if __name__ == "__main__":
    main()
