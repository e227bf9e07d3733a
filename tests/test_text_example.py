"""The main job, examples/text.py, run in this process with tiny settings."""

import hashlib
import logging
import re
import sys
from pathlib import Path
from pydoc_data.topics import topics

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def text():
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(EXAMPLES))
    try:
        import text

        return text
    finally:
        sys.path.remove(str(EXAMPLES))


def run(text, capsys, *arguments):
    with jax.numpy_rank_promotion("allow"):  # a newcomer's jax: conftest is stricter
        text.main(list(arguments))
    return capsys.readouterr()


def test_a_short_run_prints_the_table_and_saves_the_picture(
    text, capsys, caplog, tmp_path, monkeypatch
):
    monkeypatch.setattr(text, "PARTS", 4)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        printed = run(text, capsys, "--steps", "20", "--rules", "sgd,adagrad", "--out", str(tmp_path))
    # One compilation a rule, as jax itself logs it.
    compiled = [r for r in caplog.messages if "XLA compilation of jit(sweep_part)" in r]
    assert len(compiled) == 2
    # jax prints what it compiles on stderr too, here; progress is among it.
    assert "step 40 of 40: adagrad, lowest validation loss now" in printed.err

    raw = "\n\n".join(topics[name] for name in sorted(topics)).encode()
    assert f"{len(raw):,} bytes, sha256 {hashlib.sha256(raw).hexdigest()}" in printed.out
    assert len(re.findall(r"7 runs in one program, compiled once in .* 20 steps in", printed.out)) == 2
    assert re.search(
        r"^rule +best rate +validation perplexity +steps to SGD's best", printed.out, re.MULTILINE
    )
    sgd = re.search(r"^sgd +([\d.]+)\*? +([\d.]+) +\d+ +1\.00× +\d of 7$", printed.out, re.MULTILINE)
    assert sgd, printed.out
    assert 100 < float(sgd[2]) < 3000
    assert re.search(r"^adagrad +[\d.]+\*? +[\d.]+ ", printed.out, re.MULTILINE)
    assert "The slides speak of 4 to 5 orders of magnitude for text; here it is" in " ".join(
        printed.out.split()
    )
    assert "±" not in printed.out
    assert (tmp_path / "text.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_several_seeds_print_intervals(text, capsys, tmp_path):
    out = tmp_path / "new" / "curves.png"
    printed = run(
        text, capsys, "--steps=3", "--rules=rmsprop", "--seeds=2", "--batch-size=16", f"--out={out}"
    ).out
    assert re.search(r"^rmsprop +[\d.]+\*? +[\d.]+ ± [\d.]+ +- +- +\d of 7$", printed, re.MULTILINE), (
        printed
    )
    assert "95 % interval of the mean over 2 seeds" in printed
    assert "Steps to SGD's best: only with sgd among the rules" in printed
    assert "14 runs in one program" in printed
    assert out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--rules", "sgd,adam"],
            "unknown rule 'adam'; known are sgd, momentum, nesterov, rmsprop, adagrad",
        ),
        (["--steps", "0"], "'0' is not a whole number of at least 1"),
        (["--out", "curves.txt"], "'curves.txt' is neither a folder nor a .png, .pdf or .svg file"),
    ],
)
def test_bad_arguments_say_what_is_wrong(text, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        text.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("steps", "parts", "each"), [(1, 1, 1), (20, 20, 1), (1000, 25, 40), (1010, 25, 41)]
)
def test_steps_are_rounded_up_to_equal_parts(text, steps, parts, each):
    plan = text.make_plan(text.text_options.parse(["--steps", str(steps)], text.RULES, text.PARTS))
    assert (plan.parts, plan.steps) == (parts, each)


def sweep(text, rule, losses):
    """A finished sweep of one seed with losses ``[times][rates]``."""
    losses = np.array(losses)[:, None, :]
    rates, steps = 10.0 ** np.arange(losses.shape[2]), 10 * np.arange(len(losses))
    return text.text_report.Sweep(rule, rates, steps, losses, (1.0, 1.0))


def test_diverged_runs_are_shown_and_never_the_best(text, tmp_path):
    nan, report = np.nan, text.text_report
    sgd = sweep(text, "sgd", [[8, 8, 8, 8], [7, 6, nan, 2], [6, 5, nan, 9]])
    lost = sweep(text, "momentum", [[8, 8], [nan, 9], [nan, np.inf]])
    quick = sweep(text, "adagrad", [[8, 8], [5, 7], [4, 7]])
    assert sgd.diverged.tolist() == [False, False, True, True]
    assert sgd.best == 1
    assert lost.best is None
    assert "1: 403   10: 148   100: diverged   1000: diverged" in report.describe_sweep(sgd)
    table = report.table([sgd, lost, quick])
    assert re.search(r"^sgd +10 +148\.4 +20 +1\.00× +2 of 4$", table, re.MULTILINE), table
    assert re.search(r"^momentum +none +all diverged +- +- +2 of 2$", table, re.MULTILINE), table
    assert re.search(r"^adagrad +1\* +54\.6 +10 +2\.00× +0 of 2$", table, re.MULTILINE), table
    text.text_picture.save([sgd, lost, quick], tmp_path / "lost.svg")
    text.text_picture.save([lost], tmp_path / "all.png")


def test_the_interval_is_students(text):
    # t(0.975, 2 degrees) = 4.3027; the standard error of 1, 2, 3 is 1 / sqrt(3)
    assert text.text_report.half_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.302653 / 3**0.5)


def test_validation_shares_no_paragraph_and_no_window_with_training(text):
    data = text.text_data
    paragraphs = [" ".join(f"w{i}_{j}" for j in range(100)) for i in range(100)]
    corpus = data.load("\n\n".join([*paragraphs, paragraphs[3]]))
    assert corpus.sizes == (10_100, 10_000, 10_000)
    assert len(corpus.train[1]) + len(corpus.validation[1]) == 20 * (data.BLOCK - data.CONTEXT)
    assert (corpus.validation[1] == 0).all()  # all its words are its own, so none is in the vocabulary
    context, word = corpus.train[0][0], corpus.train[1][0]
    assert [corpus.vocabulary[i] for i in [*context, word]] == ["w0_0", "w0_1", "w0_2", "w0_3"]


def test_gradients_of_words_that_do_not_occur_are_zero(text):
    params = text.init_params(jax.random.key(0))
    with jax.numpy_rank_promotion("allow"):
        norms = text.row_gradient_norms(params, (np.array([[1, 2, 3], [3, 4, 5]]), np.array([0, 1])))
    assert np.flatnonzero(np.asarray(norms)).tolist() == [1, 2, 3, 4, 5]
