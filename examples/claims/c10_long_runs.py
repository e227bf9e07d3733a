"""Claim 10: Adagrad for short training, RMSProp for long: text that stays the same, a target that drifts."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples import text_data
from examples.claims.base import Claim, Row
from examples.claims.late_figures import curve, label, panels, save
from examples.text_report import plus_minus

WORDS, WIDTH, BATCH = 200, 8, 16  # the text model; other words are <unk>
RULES = {  # each with its learning rates, half a decade apart
    "RMSProp": (jos.rmsprop, 10 ** np.arange(-4, -0.9, 0.5)),
    "Adagrad": (jos.adagrad, 10 ** np.arange(-2.5, 0.6, 0.5)),
}
TRACKING = {
    "RMSProp": (jos.rmsprop, 10 ** np.arange(-3, 0.1, 0.5)),
    "Adagrad": (jos.adagrad, 10 ** np.arange(-1, 2.1, 0.5)),
}
DRIFT, NOISE, DIMENSION = 0.01, 0.3, 10  # of the target: its steps, and what hides it
TENTH = 10


def init_params(key: jax.Array) -> dict[str, jax.Array]:
    """Embeddings of the three words before, and a softmax over the next one."""
    embed, out = jax.random.split(key)
    inputs = text_data.CONTEXT * WIDTH
    return {
        "embed": 0.1 * jax.random.normal(embed, (WORDS, WIDTH)),
        "out": jax.random.normal(out, (inputs, WORDS)) / inputs**0.5,
        "bias": jnp.zeros(WORDS),
    }


def surprise(params: dict[str, jax.Array], batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The mean of -log p(word | context)."""
    contexts, words = batch
    scores = params["embed"][contexts].reshape(len(words), -1) @ params["out"] + params["bias"][None]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - scores[jnp.arange(len(words)), words])


def text_part(train, validation, tx, params, state, indices):
    """Some steps of one run, batches ``[steps, BATCH]`` of examples, and then the validation loss."""
    of_batch = lambda params, i: surprise(params, jax.tree.map(lambda x: x[i], train))  # noqa: E731
    run = jos.fit(of_batch, tx, params, state=state, steps=len(indices), batches=indices)
    return run.params, run.state, surprise(run.params, validation)


def train_text(rule: str, parts: int, steps: int, seeds: int, corpus: Any) -> np.ndarray:
    """Validation losses ``[rates, seeds, parts]``."""
    constructor, rates = RULES[rule]
    txs = jax.vmap(constructor)(jnp.asarray(rates, jnp.float32))
    params = jax.vmap(init_params)(jax.vmap(jax.random.key)(jnp.arange(seeds)))
    params = jax.tree.map(lambda x: jnp.stack([x] * len(rates)), params)
    state = jax.vmap(lambda tx, p: jax.vmap(tx.init)(p))(txs, params)
    over_seeds = jax.vmap(partial(text_part, *corpus), in_axes=(None, 0, 0, 0))
    program = jax.jit(jax.vmap(over_seeds, in_axes=(0, 0, 0, None)))
    rng, losses = np.random.default_rng(0), []
    for _ in range(parts):
        indices = rng.integers(len(corpus[0][1]), size=(seeds, steps, BATCH))
        params, state, loss = program(txs, params, state, indices)
        losses.append(np.asarray(loss))
    return np.stack(losses, axis=-1)


def small_corpus() -> tuple[Any, Any]:
    """Train and validation examples, rare words replaced."""
    corpus = text_data.load()
    parts = (corpus.train, tuple(x[:3000] for x in corpus.validation))
    return jax.tree.map(lambda x: jnp.asarray(np.where(x < WORDS, x, 0), jnp.int32), parts)


def follow(rule: str, steps: int, seeds: int) -> np.ndarray:
    """Mean square distances to the drifting target, ``[rates, seeds, steps]``."""
    constructor, rates = TRACKING[rule]
    rng = np.random.default_rng(1)
    shape = (seeds, steps, DIMENSION)
    target = np.cumsum(DRIFT * rng.normal(size=shape), axis=1).astype(np.float32)
    seen = target + NOISE * rng.normal(size=shape).astype(np.float32)

    def one(rate, seen, target):
        loss = lambda w, z: 0.5 * jnp.sum(jnp.square(w - z))  # noqa: E731
        start = jnp.zeros(DIMENSION)
        run = jos.fit(loss, constructor(rate), start, steps=steps, batches=seen, record="params")
        return jnp.mean(jnp.square(run.history["params"] - target), axis=-1)

    over_seeds = jax.vmap(one, in_axes=(None, 0, 0))
    every = jax.jit(jax.vmap(over_seeds, in_axes=(0, None, None)))
    return np.asarray(every(jnp.asarray(rates, jnp.float32), seen, target))


def measure(short: bool = False) -> dict[str, Any]:
    """Both rules on both tasks, at every learning rate."""
    parts, steps, seeds, long = (20, 50, 2, 5_000) if short else (100, 100, 4, 50_000)
    corpus = small_corpus()
    found: dict[str, Any] = {"t": steps * np.arange(1, parts + 1)}
    for rule in RULES:
        found[f"{rule} text"] = train_text(rule, parts, steps, seeds, corpus)
        found[f"{rule} drift"] = follow(rule, long, max(seeds, 4))
    return found
