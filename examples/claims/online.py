"""Online convex problems on the box [-1, 1]^SIZE, for claim 9, and their best fixed points."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos

SIZE = 5  # weights
CANDIDATES = 16  # fixed points, each the best one of the first so many rounds
SCALES = np.logspace(-1, 1, SIZE)  # of the coordinates: two decades


def linear(w: Any, g: Any) -> jax.Array:
    """A linear loss."""
    return jnp.sum(w * g)


def absolute(w: Any, target: Any) -> jax.Array:
    """An absolute error, the coordinates weighted."""
    return jnp.sum(jnp.asarray(SCALES, target.dtype) * jnp.abs(w - target))


def logistic(w: Any, x: Any) -> jax.Array:
    """Logistic regression; x is the example times its label."""
    return jax.nn.softplus(-jnp.sum(w * x))


LOSSES = {"linear": linear, "absolute": absolute, "logistic": logistic}


def rounds(kind: str, steps: int, seed: int) -> np.ndarray:
    """What the loss of each round takes beside the weights, ``[steps, SIZE]``."""
    rng = np.random.default_rng(seed)
    noise, centre = rng.normal(size=(steps, SIZE)), rng.uniform(-0.8, 0.8, SIZE)
    if kind == "linear":
        return SCALES * (noise + centre)
    if kind == "absolute":
        return np.clip(centre + 0.3 * noise, -1, 1)
    x = SCALES * noise
    return x * np.where(rng.logistic(size=steps) < x @ centre, 1, -1)[:, None]


def best_fixed(kind: str, zs: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The points of the box with the lowest sums of losses over the first ``counts`` rounds."""
    if kind == "linear":
        return -np.sign(np.cumsum(zs, axis=0)[counts - 1])
    if kind == "absolute":
        return np.stack([np.median(zs[:n], axis=0) for n in counts])
    return np.asarray(_best_logistic(jnp.asarray(zs, jnp.float32), jnp.asarray(counts)))


@jax.jit
@partial(jax.vmap, in_axes=(None, 0))
def _best_logistic(zs, count):
    """Accelerated projected gradient descent, with a step for each coordinate that majorizes."""
    zs = jnp.where(jnp.arange(len(zs))[:, None] < count, zs, 0)
    step = 4 / (SIZE * jnp.sum(zs**2, axis=0))

    def body(k, carry):
        w, ahead = carry
        slope = -jax.nn.sigmoid(-zs @ ahead) @ zs
        new = jnp.clip(ahead - step * slope, -1, 1)
        return new, new + k / (k + 3.0) * (new - w)

    start = jnp.zeros(SIZE)
    return jax.lax.fori_loop(0, 300, body, (start, start))[0]


def play(loss: Any, tx: Any, start: Any, zs: Any, **record: Any) -> Any:
    """One run of the projected rule: loss, position and what else is asked for, before every round."""
    record = {"params": lambda taken: taken.params, **record}
    tx = jos.chain(tx, jos.project(low=-1.0, high=1.0))
    return jos.fit(loss, tx, start, steps=len(zs), batches=zs, record=record)


def regrets(kind: str, losses: np.ndarray, zs: np.ndarray) -> np.ndarray:
    """Against the candidate that is best after each round: losses ``[rates, rounds]``."""
    counts = np.unique(np.geomspace(1, len(zs), CANDIDATES).astype(int))
    fixed = best_fixed(kind, zs, counts).astype(np.float32)
    every = jax.jit(jax.vmap(jax.vmap(LOSSES[kind], in_axes=(None, 0)), in_axes=(0, None)))
    theirs = np.asarray(every(fixed, zs.astype(np.float32)))
    return np.array([np.max([jos.diagnostics.regret(x, f) for f in theirs], axis=0) for x in losses])
