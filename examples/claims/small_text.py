"""A small model of Python's own help text, for claim 10: three words in, 200 known words out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from examples import text_data

WORDS, WIDTH = 200, 8  # other words are <unk>; numbers a word


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


def small_corpus() -> tuple[Any, Any]:
    """Train and validation examples, rare words replaced."""
    corpus = text_data.load()
    parts = (corpus.train, tuple(x[:3000] for x in corpus.validation))
    return jax.tree.map(lambda x: jnp.asarray(np.where(x < WORDS, x, 0), jnp.int32), parts)
