"""Trains one model four times: in float32, in bfloat16, and in bfloat16 with small updates kept.

A weight near 1/8 has no neighbour in bfloat16 nearer than 1/1024, so updates of 1/10000 are rounded to
nothing and training stalls. ``mixed_precision`` keeps them, in float32 master weights or, without a
copy, by rounding at random to one neighbour or the other so that the mean is right. The model, its text
and the first weights are those of ``text.py``; all four runs see the same batches.
"""

import argparse
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import text
import text_data
import text_options

import jaxopt_slides as jos

BATCH, LEARNING_RATE = 32, 1e-4


class Run(NamedTuple):
    """One of the four."""

    name: str
    dtype: Any
    tx: jos.GradientTransformation


def runs(seed: int) -> list[Run]:
    """The float32 run, which the others should follow, first."""
    rule = jos.rmsprop(LEARNING_RATE)
    stochastic = jos.mixed_precision(rule, "stochastic_rounding", seed=seed)
    return [
        Run("float32", jnp.float32, rule),
        Run("bfloat16", jnp.bfloat16, rule),
        Run("bfloat16, master weights", jnp.bfloat16, jos.mixed_precision(rule)),
        Run("bfloat16, stochastic rounding", jnp.bfloat16, stochastic),
    ]


def cast(params: dict[str, jax.Array], dtype: Any) -> dict[str, jax.Array]:
    """Every array in ``dtype``."""
    return jax.tree.map(lambda w: w.astype(dtype), params)


def train(run: Run, steps: int, seed: int, corpus: text_data.Corpus) -> float:
    """The validation loss after training; weights, gradients and activations have the run's dtype."""
    first, order = jax.random.split(jax.random.key(seed))
    data, validation = jax.tree.map(jnp.asarray, (corpus.train, corpus.validation))
    batches = jos.sample_batches(order, data, BATCH)
    params = cast(text.init_params(first), run.dtype)
    params = jos.fit(text.loss, run.tx, params, steps=steps, batches=batches).params
    return float(text.loss_on_text(cast(params, jnp.float32), validation))  # measured in float32


def gaps(steps: int, seed: int, corpus: text_data.Corpus) -> dict[str, tuple[float, float]]:
    """For every run its loss and by how much that is above the float32 run's; prints each."""
    print(f"{'run':30} {'validation loss':>15} {'above float32':>15} {'seconds':>8}")
    losses, found = [], {}
    for run in runs(seed):
        began = time.perf_counter()
        losses.append(train(run, steps, seed, corpus))
        found[run.name] = (losses[-1], losses[-1] - losses[0])
        seconds = time.perf_counter() - began
        print(
            f"{run.name:30} {losses[-1]:15.4f} {losses[-1] - losses[0]:+15.4f} {seconds:8.1f}",
            flush=True,
        )
    return found


def main(argv: list[str] | None = None) -> dict[str, tuple[float, float]]:
    """Trains four times and prints the table."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains a small word model in float32, in bfloat16, and in bfloat16 with master "
        "weights and with stochastic rounding, and compares the validation losses.",
    )
    parser.add_argument(
        "--steps", type=text_options.at_least_one, default=1000, metavar="N", help="training steps"
    )
    seed = "what the first params and the minibatches are drawn from"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=seed)
    options, corpus = parser.parse_args(argv), text_data.load()
    print(f"{text_data.describe(corpus)}\n")
    print(f"{options.steps:,} steps of {BATCH} examples, rmsprop({LEARNING_RATE:g})\n")
    return gaps(options.steps, options.seed, corpus)


if __name__ == "__main__":
    main()
