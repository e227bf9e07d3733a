"""examples/embeddings.py, tiny: both ways, their losses and the picture."""

import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = ["--rows", "3000", "--width", "16", "--steps", "45", "--dense-steps", "30", "--batch", "8"]


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import embeddings

        return embeddings
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.mark.parametrize("rule", ["adagrad", "rmsprop", "momentum"])
def test_both_ways_have_the_same_losses(example, rule, tmp_path, capsys):
    path = tmp_path / "new" / "small.png"
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        dense, lazy = example.main([*SMALL, "--rule", rule, "--out", str(path)])
    assert dense.losses.shape == (30,)
    assert lazy.losses.shape == (45,)
    np.testing.assert_allclose(lazy.losses[:30], dense.losses, rtol=1e-4)
    assert lazy.losses[0] == pytest.approx(6 * np.log(2), rel=1e-6)  # all words alike
    assert lazy.losses[-10:].mean() < lazy.losses[0]
    printed = capsys.readouterr().out
    assert re.search(r"losses  equal within \d\.\de[+-]\d\d in the first 30 steps", printed)
    assert re.search(r"lazy +[\d.e+]+ ms a step, last loss \d\.\d+", printed)
    assert path.stat().st_size > 10_000


def test_other_losses_are_an_error(example):
    one, other = (example.Run("dense", np.full(9, x), 1.0) for x in (1.0, 1.001))
    with pytest.raises(AssertionError, match=r"the losses differ by 1\.0e-03 in the first 9 steps"):
        example.report(one, other)


def test_a_word_has_its_own_row_and_those_of_its_n_grams(example):
    rows = example.rows_of("cat", 10**6)
    assert len(rows) == 1 + 3 + 2 + 1  # <ca cat at>, <cat cat>, <cat>
    assert set(example.rows_of("a", 10**6)) & set(rows) == set()
    assert example.rows_of("concatenate", 10**6)[0] != example.rows_of("cat", 10**6)[0]
    assert example.rows_of("<cat>", 10**6)[0] in rows
    assert len(example.rows_of("x" * 40, 10**6)) == example.PARTS


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rows", "0"], "'0' is not a whole number of at least 1"),
        (["--steps", "1"], "'1' is not a whole number of at least 2"),
        (["--rule", "adam"], "invalid choice: 'adam'"),
        (["--out", "words.gif"], "'words.gif' is not a .png, .pdf or .svg file"),
    ],
)
def test_bad_arguments_are_refused(example, capsys, arguments, text):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments)
    assert text in capsys.readouterr().err
