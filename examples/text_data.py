"""The text of ``text.py``: Python's own help, which every CPython carries, as numbers."""

import collections
import hashlib
import re
from typing import NamedTuple

import numpy as np

CONTEXT = 3  # words that the model sees to guess the next one
VOCABULARY = 3000  # the most frequent words, and <unk>, which stands for all the others
BLOCK, VALIDATION_EVERY = 500, 10  # words a block; every tenth block is for validation
WORD = re.compile(r"[a-z_][a-z_0-9]*(?:['’][a-z]+)?|[0-9]+|[.,:;()?!]")


class Corpus(NamedTuple):
    """A text cut into words and then into examples, a context and the word that follows it.

    Attributes:
      text: the text as it came.
      sizes: how many words it has, how many once its repetitions are left out, how many are distinct.
      vocabulary: the words that have a number, which is their place; the first is ``<unk>``.
      counts: how often each of them stands in the training text, ``[vocabulary]``.
      train: ``(contexts [examples, 3], words [examples])``, int32.
      validation: the same, of other blocks of the text.
    """

    text: str
    sizes: tuple[int, int, int]
    vocabulary: list[str]
    counts: np.ndarray
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]


def python_help() -> str:
    """The text behind ``help("if")`` and its like, in alphabetical order of its topics."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def without_repetitions(text: str) -> str:
    """Every paragraph once: topics quote each other, and validation must not have been trained on."""
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n\s*\n", text))
    return "\n\n".join(dict.fromkeys(paragraphs))


def words(text: str) -> list[str]:
    """Lower-case words, names, numbers and the signs of a sentence; drawings are left out."""
    return WORD.findall(text.lower())


def examples(blocks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Every word with the ``CONTEXT`` words before it, none across the border of a block."""
    windows = [
        np.lib.stride_tricks.sliding_window_view(b, CONTEXT + 1) for b in blocks if len(b) > CONTEXT
    ]
    joined = np.concatenate(windows).astype(np.int32)
    return joined[:, :CONTEXT], joined[:, CONTEXT]


def load(text: str | None = None) -> Corpus:
    """Reads, cuts and numbers the text; the vocabulary comes from the training blocks alone."""
    text = python_help() if text is None else text
    kept = words(without_repetitions(text))
    blocks = [kept[i : i + BLOCK] for i in range(0, len(kept), BLOCK)]
    train = [b for i, b in enumerate(blocks) if (i + 1) % VALIDATION_EVERY]
    validation = blocks[VALIDATION_EVERY - 1 :: VALIDATION_EVERY]
    counted = collections.Counter(w for b in train for w in b)
    vocabulary = ["<unk>", *(w for w, _ in counted.most_common(VOCABULARY - 1))]
    number = {w: i for i, w in enumerate(vocabulary)}
    numbered = [[np.array([number.get(w, 0) for w in b]) for b in part] for part in (train, validation)]
    counts = np.bincount(np.concatenate(numbered[0]), minlength=len(vocabulary))
    sizes = (len(words(text)), len(kept), len(set(kept)))
    return Corpus(text, sizes, vocabulary, counts, examples(numbered[0]), examples(numbered[1]))


def describe(corpus: Corpus) -> str:
    """Size and hash, words, vocabulary and split, for the top of the output."""
    raw = corpus.text.encode()
    digest = hashlib.sha256(raw).hexdigest()
    total, kept, distinct = corpus.sizes
    unknown = np.mean(corpus.validation[1] == 0)
    known = len(corpus.vocabulary) - 1
    examples_of = [f"{len(part[1]):,}" for part in (corpus.train, corpus.validation)]
    return (
        f"corpus       pydoc_data.topics, {len(raw):,} bytes, sha256 {digest}\n"
        f"words        {total:,}; {kept:,} without repeated paragraphs; {distinct:,} distinct\n"
        f"vocabulary   the {known:,} most frequent words of the training text, and <unk> for others "
        f"({unknown:.1%} of validation)\n"
        f"split        blocks of {BLOCK} words, every {VALIDATION_EVERY}th for validation: "
        f"{examples_of[0]} examples to train, {examples_of[1]} to validate"
    )
