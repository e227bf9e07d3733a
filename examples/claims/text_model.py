"""A small word model on real text, for the claims: that of ``examples/text.py``, with fewer units."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples import text_data
from examples.text_report import decades
from jaxopt_slides import diagnostics

WIDTH, HIDDEN, BATCH = 16, 32, 64
VALIDATION = 1024  # examples
EVERY = 20  # steps between two looks at the validation text
Params = dict[str, jax.Array]
Examples = tuple[Any, Any]  # contexts [examples, 3] and the words that follow them [examples]


class Curves(NamedTuple):
    """One rule's validation losses.

    Attributes:
      rates: the learning rates ``[rates]``.
      losses: after every ``EVERY`` steps, ``[seeds, rates, looks]``.
      params: where the training ended, ``[seeds, rates, ...]``.
    """

    rates: np.ndarray
    losses: np.ndarray
    params: Params

    @property
    def best(self) -> int:
        """The place of the rate with the lowest loss, the mean over seeds."""
        return int(np.argmin(np.nan_to_num(self.losses, nan=np.inf).min(axis=2).mean(axis=0)))

    @property
    def curve(self) -> np.ndarray:
        """The losses at the best rate, ``[seeds, looks]``."""
        return self.losses[:, self.best]

    def steps_to(self, targets: np.ndarray) -> np.ndarray:
        """Steps until each seed's loss is at its target, ``[seeds]``; infinite if it never is."""
        reached = self.curve <= targets[:, None]
        return np.where(reached.any(axis=1), EVERY * (1 + reached.argmax(axis=1)), np.inf)


def start(key: jax.Array) -> Params:
    """Small random embeddings, layers scaled by their fan-in."""
    words, inputs = text_data.VOCABULARY, text_data.CONTEXT * WIDTH
    embed, hidden, out = jax.random.split(key, 3)
    return {
        "embed": jax.random.normal(embed, (words, WIDTH)) * 0.1,
        "hidden": jax.random.normal(hidden, (inputs, HIDDEN)) / inputs**0.5,
        "hidden_bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(out, (HIDDEN, words)) / HIDDEN**0.5,
        "out_bias": jnp.zeros(words),
    }


def loss(params: Params, batch: Examples) -> jax.Array:
    """The mean of -log p(word | the three words before it)."""
    contexts, words = batch
    x = params["embed"][contexts].reshape(len(words), -1)
    h = jnp.tanh(x @ params["hidden"] + params["hidden_bias"][None])
    scores = h @ params["out"] + params["out_bias"][None]
    right = jnp.take_along_axis(scores, words[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - right)


def loss_on(params: Params, data: Examples) -> jax.Array:
    """The loss over many examples, 512 at a time; the rest is left out."""
    groups = len(data[1]) // 512
    data = jax.tree.map(lambda x: x[: groups * 512].reshape(groups, 512, *x.shape[1:]), data)
    return jnp.mean(jax.lax.map(jax.checkpoint(lambda batch: loss(params, batch)), data))


@jax.jit
def gradient(params: Params, data: Examples) -> Params:
    """The gradient over all of these examples."""
    return jax.grad(loss_on)(params, data)


def curves(constructor: Any, rates: Any, seeds: int, looks: int, corpus: text_data.Corpus) -> Curves:
    """Trains a rule with all rates from all seeds, as one vmapped optimizer in one program."""
    train = jax.tree.map(jnp.asarray, corpus.train)
    validation = jax.tree.map(lambda x: jnp.asarray(x[:VALIDATION]), corpus.validation)

    def one(tx: Any, key: jax.Array) -> tuple[Params, jax.Array]:
        def part(carry: Any, i: jax.Array) -> Any:
            batches = jos.sample_batches(jax.random.fold_in(key, i), train, BATCH)
            run = jos.fit(loss, tx, carry[0], state=carry[1], steps=EVERY, batches=batches)
            return (run.params, run.state), loss_on(run.params, validation)

        params = start(key)
        (params, _), losses = jax.lax.scan(part, (params, tx.init(params)), jnp.arange(looks))
        return params, losses

    tx = jax.vmap(constructor)(jnp.array(rates))
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    grid = jax.vmap(jax.vmap(one, in_axes=(0, None)), in_axes=(None, 0))
    params, losses = jax.jit(grid)(tx, keys)
    return Curves(np.array(rates), np.asarray(losses), params)


def spreads(params: Params, data: Examples) -> dict[str, float]:
    """Decades between the words' gradients, between their single elements, and between the weights."""
    embed = gradient(params, data)["embed"]
    return {
        "words": diagnostics.spread(embed, rows=True),
        "elements": decades(np.abs(np.asarray(embed)), 0.5, 99.5),
        "weights": diagnostics.spread(params["embed"], rows=True),
    }


def unseen(contexts: np.ndarray) -> float:
    """The share of the words that a minibatch does not have, on average."""
    batches = contexts[: len(contexts) // BATCH * BATCH].reshape(-1, BATCH, text_data.CONTEXT)
    return float(1 - np.mean([len(np.unique(batch)) for batch in batches]) / text_data.VOCABULARY)


def measure(rules: Any, seeds: int, looks: int, examples: int | None = None) -> dict[str, Any]:
    """The curves of ``{rule: (make, rates)}``, and how sizes spread over so many examples."""
    corpus = text_data.load()
    found = {rule: curves(make, rates, seeds, looks, corpus) for rule, (make, rates) in rules.items()}
    some = jax.tree.map(lambda x: x[:examples], corpus.train)
    first = [spreads(start(jax.random.key(seed)), some) for seed in range(seeds)]
    end = found["Adagrad"]
    last = [jax.tree.map(lambda x, s=seed: x[s, end.best], end.params) for seed in range(seeds)]
    return {
        "curves": found,
        **{name: np.array([s[name] for s in first]) for name in first[0]},
        "after": np.array([spreads(params, some)["words"] for params in last]),
        "idle": unseen(corpus.train[0]),
        "counts": decades(corpus.counts),
        "examples": len(corpus.train[1]),
        "steps": EVERY * looks,
    }
