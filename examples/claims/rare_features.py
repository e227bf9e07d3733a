"""Features that occur more or less often, over some decades: gradients of many sizes, for claim 5."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.early_figures import float64
from jaxopt_slides import diagnostics

FEATURES, NEAR = 11, 0.01  # a weight has arrived when it is so near its goal


def goals(seed: int) -> jax.Array:
    """Weights of one scale: between 0.5 and 2, of either sign."""
    size, sign = jax.random.split(jax.random.key(seed))
    sizes = jax.random.uniform(size, (FEATURES,), float, 0.5, 2.0)
    return sizes * jax.random.rademacher(sign, (FEATURES,), float)


def shares(spread: Any) -> jax.Array:
    """How often each feature occurs: from 1 down by so many decades."""
    return 10.0 ** (-spread * jnp.linspace(0.0, 1.0, FEATURES))


def loss(w: jax.Array, share: jax.Array, goal: jax.Array) -> jax.Array:
    """Half of the mean squared error where a feature occurs in that share of the examples."""
    return 0.5 * jnp.sum(share * (w - goal) ** 2)


def arrival(steps: int, tx: Any, spread: jax.Array, goal: jax.Array) -> jax.Array:
    """Steps until all weights stay near their goals; ``steps`` if they do not."""
    record = {"far": lambda taken: jnp.max(jnp.abs(taken.params - goal)) > NEAR}
    share, start = shares(spread), jnp.zeros(FEATURES)
    run = jos.fit(lambda w: loss(w, share, goal), tx, start, steps=steps, record=record)
    return steps - jnp.argmax(run.history["far"][::-1])


def arrivals(make: Any, rates: Any, spreads: np.ndarray, seeds: int, steps: int) -> np.ndarray:
    """The same at the best rate for each spread, ``[spreads, seeds]``."""
    txs = jax.vmap(make)(jnp.array(rates))
    goal = jnp.stack([goals(seed) for seed in range(seeds)])

    def by_seed(tx: Any, spread: jax.Array) -> jax.Array:
        return jax.vmap(lambda g: arrival(steps, tx, spread, g))(goal)

    grid = jax.vmap(jax.vmap(by_seed, in_axes=(None, 0)), in_axes=(0, None))
    found = np.asarray(jax.jit(grid)(txs, jnp.array(spreads)))
    best = found.mean(axis=2).argmin(axis=0)
    return np.take_along_axis(found, best[None, :, None], axis=0)[0]


def update_spread(make: Any, seed: int) -> float:
    """Decades that the first update spans over features of five decades."""
    w, tx = jnp.zeros(FEATURES), make(0.1)
    return diagnostics.spread(tx.update(jax.grad(loss)(w, shares(5.0), goals(seed)), tx.init(w))[0])


@float64
def measure(rules: dict[str, Any], seeds: int, spreads: np.ndarray) -> dict[str, Any]:
    """Spreads of goals and of first updates, and steps to arrive, of ``{rule: (make, rates)}``."""
    slow = int(3 * 10 ** max(spreads)) + 1000  # for SGD: it needs about ln(100) / (1.9 share)
    return {
        "spreads": spreads,
        "goals": np.array([diagnostics.spread(goals(seed)) for seed in range(seeds)]),
        "updates": {
            rule: np.array([update_spread(make, seed) for seed in range(seeds)])
            for rule, (make, _) in rules.items()
        },
        "arrivals": {
            rule: arrivals(make, rates, spreads, seeds, slow if rule == "SGD" else 3000)
            for rule, (make, rates) in rules.items()
        },
    }
