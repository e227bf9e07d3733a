"""Trains word embeddings in a table of a million rows, by dense and by lazy updates of the same rule.

The model is fastText's CBOW (Bojanowski et al., 2017): a word is the mean of its own row and of its
character n-grams' rows, all hashed into one table, and the words around a word tell it from others that
are drawn at random. A step reads a few thousand rows. The dense way updates the million all the same;
the lazy way, ``ids=``, those that are read, and has the same losses. The text is Python's own help.
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import embeddings_picture
import jax
import jax.numpy as jnp
import numpy as np
import text_data

import jaxopt_slides as jos

SIDE, NEGATIVES = 2, 5  # words read on each side; words drawn against every true one
LENGTHS, PARTS = range(3, 7), 24  # of n-grams; rows that a word has at most
COMPARED, RTOL = 200, 1e-4  # steps in which the losses of both ways must be equal, and how equal
RULES = {
    "adagrad": lambda: jos.adagrad(0.1),
    "rmsprop": lambda: jos.rmsprop(0.001),
    "momentum": lambda: jos.momentum(1.0),
}


class Words(NamedTuple):
    """A text as numbers, and which rows each of its words has.

    Attributes:
      text: the words in order, ``[length]``.
      counts: how often each stands there, ``[words]``.
      parts: the rows of every word, ``[words, PARTS]``, filled up with its first.
      shares: of these in the word's mean, ``[words, PARTS]``, 0 for what fills up.
    """

    text: np.ndarray
    counts: np.ndarray
    parts: np.ndarray
    shares: np.ndarray


class Batch(NamedTuple):
    """Examples of one step, or of many ``[steps, ...]``."""

    around: Any  # [batch, 2 SIDE]
    choice: Any  # [batch, 1 + NEGATIVES]: the true word and the others


def rows_of(word: str, rows: int) -> list[int]:
    """The word's own row and those of its n-grams."""
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in LENGTHS for i in range(len(marked) - n + 1)]
    return [zlib.crc32(x.encode()) % rows for x in [word, *grams]][:PARTS]


def read_text(rows: int) -> Words:
    """Python's help."""
    found = text_data.words(text_data.without_repetitions(text_data.python_help()))
    vocabulary, text, counts = np.unique(found, return_inverse=True, return_counts=True)
    parts, shares = np.zeros((2, len(vocabulary), PARTS))
    for i, word in enumerate(vocabulary):
        own = rows_of(word, rows)
        parts[i] = own + own[:1] * (PARTS - len(own))
        shares[i, : len(own)] = 1 / len(own)
    return Words(text.astype(np.int32), counts, parts.astype(np.int32), shares.astype(np.float32))


def draw_batches(words: Words, steps: int, size: int, seed: int) -> Batch:
    """Places in the text, and for each as many others, frequent words more often."""
    draw = np.random.default_rng(seed)
    places = draw.integers(SIDE, len(words.text) - SIDE, (steps, size, 1))
    beside = np.array([i for i in range(-SIDE, SIDE + 1) if i])
    chances = np.cumsum(words.counts**0.75)
    others = np.searchsorted(chances, draw.random((steps, size, NEGATIVES)) * chances[-1])
    choice = np.concatenate([words.text[places], others], axis=2)
    return Batch(words.text[places + beside], choice.astype(np.int32))


def make_loss(words: Words) -> tuple[Callable[..., jax.Array], Callable[..., Any]]:
    """The loss of parameters, tables or arrays, and what it reads of them."""
    parts, shares = jnp.asarray(words.parts), jnp.asarray(words.shares)

    def loss(params: Any, batch: Batch) -> jax.Array:
        rows = params["parts"][parts[batch.around]]  # [batch, 2 SIDE, PARTS, width]
        context = jnp.einsum("bwpd,bwp->bd", rows, shares[batch.around]) / (2 * SIDE)
        scores = jnp.einsum("bcd,bd->bc", params["words"][batch.choice], context)
        signs = jnp.where(jnp.arange(1 + NEGATIVES) == 0, -1.0, 1.0)
        return jnp.mean(jnp.sum(jax.nn.softplus(scores * signs[None]), axis=1))

    return loss, lambda batch: {"parts": parts[batch.around], "words": batch.choice}


def init_params(words: Words, options: argparse.Namespace) -> dict[str, jax.Array]:
    """As in fastText: small and uniform, and zero on the side of the words to be told."""
    shape, key = (options.rows, options.width), jax.random.key(options.seed)
    parts = jax.random.uniform(key, shape, minval=-1 / options.width, maxval=1 / options.width)
    return {"parts": parts, "words": jnp.zeros((len(words.counts), options.width))}


class Run(NamedTuple):
    """One way, trained."""

    name: str
    losses: np.ndarray  # [steps]
    milliseconds: float  # a step, the median over dispatches without the first, which compiles


def train(name: str, steps: int, loss: Any, params: Any, batches: Batch, **options: Any) -> Run:
    """Trains in the way that the params say, with a line of progress."""
    clock = []  # when each dispatch was done

    def show(report: Any) -> None:
        clock.append(time.perf_counter())
        done = f"{name:6} step {report.step:,} of {report.steps:,}, loss {report.loss:.3f}"
        print(f"\r{done}", end="", flush=True)

    every = min(20, -(-steps // 3))
    first = jax.tree.map(lambda x: x[:steps], batches)
    tx = RULES[options.pop("rule")]()
    run = jos.fit(loss, tx, params, steps=steps, batches=first, progress=show, every=every, **options)
    print()
    seconds = np.diff(clock)[: max(1, steps // every - 1)]  # a shorter one at the end compiles again
    return Run(name, np.asarray(run.history["loss"]), float(np.median(seconds)) * 1e3 / every)


def report(dense: Run, lazy: Run) -> str:
    """The largest relative difference of the losses, which must be that of float32, and the times."""
    steps = min(COMPARED, len(dense.losses))
    a, b = dense.losses[:steps], lazy.losses[:steps]
    difference = float(np.max(np.abs(a - b) / np.abs(a)))
    assert difference <= RTOL, f"the losses differ by {difference:.1e} in the first {steps} steps"
    lines = [f"losses  equal within {difference:.1e} in the first {steps} steps"]
    lines += [
        f"{r.name:7} {r.milliseconds:.3g} ms a step, last loss {r.losses[-1]:.3f}"
        for r in (dense, lazy)
    ]
    return "\n".join(
        [*lines, f"        lazy is {dense.milliseconds / lazy.milliseconds:.1f} times as fast"]
    )


def at_least(low: int) -> Callable[[str], int]:
    """Reads a whole number from the command line."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {low}")
        return int(text)

    return read


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains word embeddings in a large table by dense and by lazy updates, and shows "
        "that the losses are the same and the time is not. About a minute on two cores.",
    )
    parser.add_argument("--rule", choices=RULES, default="adagrad", help="the rule of both ways")
    numbers = {
        "rows": (10**6, "of the table that words and n-grams are hashed into"),
        "width": (64, "numbers in a row"),
        "steps": (20_000, "training steps of the lazy way"),
        "dense-steps": (500, "training steps of the dense way, no more than --steps"),
        "batch": (64, "examples in a step"),
    }
    for name, (value, text) in numbers.items():
        read = at_least(2 if "steps" in name else 1)  # the first dispatch compiles
        parser.add_argument(f"--{name}", type=read, default=value, metavar="N", help=text)
    seed = "what the first params and the batches are drawn from"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=seed)
    out = "where the picture goes: a .png, .pdf or .svg file"
    parser.add_argument("--out", type=Path, default="embeddings.png", metavar="PATH", help=out)
    options = parser.parse_args(argv)
    if options.out.suffix.lower() not in {".png", ".pdf", ".svg"}:
        parser.error(f"argument --out: '{options.out}' is not a .png, .pdf or .svg file")
    return options


def describe(options: argparse.Namespace, words: Words, batches: Batch) -> str:
    """What is trained."""
    read = words.parts[batches.around[:100]].reshape(-1, options.batch * 2 * SIDE * PARTS)
    distinct = statistics.mean(len(np.unique(x)) for x in read)
    size = options.rows * options.width * 4 / 2**20
    return (
        f"text    {len(words.text):,} words, {len(words.counts):,} distinct\n"
        f"table   {options.rows:,} rows of {options.width}, {size:,.1f} MiB\n"
        f"step    {options.batch} examples, {read[0].size:,} rows, {distinct:,.0f} of them distinct\n"
        f"rule    {RULES[options.rule]()!r}\n"
    )


def main(argv: list[str] | None = None) -> tuple[Run, Run]:
    """Trains in both ways, compares, draws."""
    options, began = parse(argv), time.perf_counter()
    words = read_text(options.rows)
    batches = draw_batches(words, options.steps, options.batch, options.seed)
    (loss, ids), params = make_loss(words), init_params(words, options)
    print(describe(options, words, batches), flush=True)
    tables = {name: jos.rows.table(x, name) for name, x in params.items()}
    lazy = train("lazy", options.steps, loss, tables, batches, rule=options.rule, ids=ids)
    dense_steps = min(options.dense_steps, options.steps)
    dense = train("dense", dense_steps, loss, params, batches, rule=options.rule)
    print(f"\n{report(dense, lazy)}")
    title = f"{options.rule}, a table of {options.rows:,} rows of {options.width}"
    embeddings_picture.save(dense, lazy, title, options.out)
    print(f"picture {options.out}\ntime    {time.perf_counter() - began:.0f} s")
    return dense, lazy


if __name__ == "__main__":
    main()
