"""Claim 8: dividing element by element stops helping when features depend strongly on each other."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.late_figures import curve, label, panels, save
from examples.text_report import plus_minus

CONDITION = 1000.0
ANGLES = (0.0, 2.5, 5.0, 10.0, 22.5, 45.0)
STEPS = 5000
NEAR = 0.01  # arrived: this share of the first distance
RATES = {  # lowest and highest; every run is made with several, the best for each angle counts
    "SGD": (2e-4, 2e-3),
    "RMSProp": (1e-4, 3e-1),
    "Adagrad": (1e-2, 1e2),
    "full-matrix Adagrad": (1e-2, 1e2),
}
ADAPTIVE = ("RMSProp", "Adagrad")


def full_matrix_adagrad(learning_rate: Any, eps: float = 1e-7) -> jos.GradientTransformation:
    """Adagrad with the whole matrix: u = -alpha (G^(1/2) + eps)^(-1) g, where G = sum of g g'."""

    def init(params):
        return jnp.zeros((params.size, params.size), params.dtype)

    def update(g, G, params=None):
        del params
        G = G + jnp.outer(g, g)
        values, vectors = jnp.linalg.eigh(G)
        roots = jnp.sqrt(jnp.maximum(values, 0))
        return -learning_rate * (vectors @ ((vectors.T @ g) / (roots + eps))), G

    return jos.GradientTransformation(init, update)


def optimizer(rule: str, rate: Any) -> jos.GradientTransformation:
    """The rule with this learning rate."""
    if rule == "full-matrix Adagrad":
        return full_matrix_adagrad(rate)
    return {"SGD": jos.sgd, "RMSProp": jos.rmsprop, "Adagrad": jos.adagrad}[rule](rate)


def run(rule: str, curvature: jax.Array, start: jax.Array, rate: jax.Array) -> jax.Array:
    """The path of one run, ``[steps, 2]``."""
    result = jos.fit(
        lambda w: 0.5 * w @ curvature @ w,
        optimizer(rule, rate),
        start,
        steps=STEPS,
        record="params",
    )
    return result.history["params"]


def arrival(path: jax.Array) -> jax.Array:
    """The step after which the run stays near the minimum; ``STEPS`` if it never does."""
    distance = jnp.linalg.norm(path, axis=-1)
    away = ~(distance <= NEAR * distance[0])
    return jnp.where(away.any(), 1 + jnp.max(jnp.where(away, jnp.arange(STEPS), -1)), 0)


def problems(seeds: int) -> tuple[jax.Array, jax.Array]:
    """Curvatures ``[angles, 2, 2]``, starts ``[angles, seeds, 2]``: one problem, turned with its start."""
    bowls = [jos.landscapes.quadratic(CONDITION, angle) for angle in ANGLES]
    curvatures = jnp.stack([jax.hessian(bowl)(bowl.begin()) for bowl in bowls])
    turn = jnp.deg2rad(jnp.array(ANGLES))
    turns = jnp.stack([jnp.cos(turn), -jnp.sin(turn), jnp.sin(turn), jnp.cos(turn)], -1)
    turns = turns.reshape(-1, 2, 2)
    starts = jax.random.normal(jax.random.key(0), (seeds, 2))
    return curvatures, jnp.einsum("aij,sj->asi", turns, starts)


def measure(short: bool = False) -> dict[str, Any]:
    """Steps to arrive, of every rule at every angle, each at the best of its learning rates."""
    seeds, grid = (4, 12) if short else (16, 25)
    curvatures, starts = problems(seeds)
    found: dict[str, Any] = {"angles": np.array(ANGLES)}
    for rule, (low, high) in RATES.items():
        rates = jnp.geomspace(low, high, grid)
        one = lambda *xs, rule=rule: arrival(run(rule, *xs))  # noqa: E731 (vmapped thrice below)
        over_rates = jax.vmap(one, in_axes=(None, None, 0))
        over_seeds = jax.vmap(over_rates, in_axes=(None, 0, None))
        steps = jax.jit(jax.vmap(over_seeds, in_axes=(0, 0, None)))(curvatures, starts, rates)
        best = jnp.argmin(steps.mean(axis=1), axis=-1)
        found[rule] = np.asarray(jnp.take_along_axis(steps, best[:, None, None], axis=-1))[..., 0].T
        found[f"{rule} rates"] = np.asarray(rates[best])
        paths = jax.vmap(partial(run, rule), in_axes=(0, 0, 0))
        found[f"{rule} paths"] = np.asarray(paths(curvatures, starts[:, 0], rates[best]))
    return found
