"""Every command does what it says, and bad arguments are answered with what would be right."""

import subprocess
import sys

import pytest

import jaxopt_slides as jos
from jaxopt_slides import cli

pytest.importorskip("matplotlib")
QUICK = ["--steps", "4", "--rules", "sgd,adagrad"]


def run(capsys, *words):
    status = cli.main([str(w) for w in words])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("suffix", [".png", ".gif", ".html"])
@pytest.mark.parametrize("landscape", ["saddle", "valley"])
def test_race_draws_by_suffix(suffix, landscape, capsys, tmp_path):
    out = tmp_path / f"race{suffix}"
    words = ["--landscape", landscape, "--out", out, "--lang", "pt", "--learning-rate", "sgd=0.25"]
    status, said, _ = run(capsys, "race", *QUICK, *words, "--frames", "3")
    assert status == 0
    assert said == f"{out}: {out.stat().st_size / 1e3:.0f} kB\n"
    if suffix == ".html":
        assert "α = 0,25" in out.read_text(encoding="utf-8")


def test_race_draws_a_gif_here_by_default(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "race", *QUICK, "--quiet") == (0, "", "")
    assert (tmp_path / "race.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize("view", ["loss", "rates"])
def test_race_draws_curves(view, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--view", view, "--landscape", "noisy_bowl", "--seeds", "2"]
    assert run(capsys, "race", *QUICK, *words)[0] == 0
    assert (tmp_path / f"{view}.png").stat().st_size > 5000


def test_sweep_prints_a_table_and_draws(capsys, tmp_path):
    out = tmp_path / "sweep.svg"
    words = ["--lowest", "0.1", "--highest", "10", "--count", "3", "--out", out]
    status, said, _ = run(capsys, "sweep", *QUICK, *words)
    assert status == 0
    table = [line.split() for line in said.splitlines()]
    assert said.startswith("long narrow valley: loss above the minimum at the last step\n")
    assert table[1] == ["learning", "rate", "sgd", "adagrad"]
    assert [row[0] for row in table[2:5]] == ["0.1", "1", "10"]
    assert table[3][1] == "diverged"
    assert table[5][:3] == ["best", "at", "0.1"]
    assert out.exists()
    assert "kB" in said


def test_sweep_on_a_saddle_counts_steps(capsys):
    words = [
        "--landscape",
        "saddle",
        "--lowest",
        "0.001",
        "--highest",
        "0.5",
        "--count",
        "2",
        "--quiet",
    ]
    status, said, err = run(capsys, "sweep", *QUICK, *words)
    assert (status, err) == (0, "")
    assert said.startswith("saddle: steps until it leaves the box\n")
    assert "stays" in said


def test_list_names_all(capsys):
    status, said, _ = run(capsys, "list")
    assert status == 0
    assert all(name in said for name in [*jos.viz.RULES, *jos.landscapes.LANDSCAPES])


@pytest.mark.parametrize("words", [[], ["race"], ["sweep"], ["list"]])
def test_help_everywhere(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*words, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("usage: jaxopt-slides")


MISTAKES = {
    "rce": "there is no command 'rce'. Did you mean 'race'? Known are race, sweep, list. See",
    "": "the following arguments are required: COMMAND. See jaxopt-slides --help.",
    "race --landscape sadle": "there is no landscape 'sadle'. Did you mean 'saddle'? Known are",
    "race --rules sgd,adagrat": "there is no rule 'adagrat'. Did you mean 'adagrad'? Known are",
    "race --rules ,": "expected names with commas between them, such as sgd,momentum",
    "race --out race.mp4": (
        "expected a file that ends in .png, .gif, .html, .svg or .pdf, got 'race.mp4'"
    ),
    "race --out race.svg": (
        "--view contour draws a file that ends in .png, .gif or .html, not race.svg."
    ),
    "race --view loss --out a.gif": (
        "--view loss draws a file that ends in .png, .svg or .pdf, not a.gif."
    ),
    "race --view surfaces": "there is no view 'surfaces'. Did you mean 'surface'?",
    "race --lang fr": "there is no language 'fr'. Known are en, pt.",
    "race --steps 0": "argument --steps: expected an integer, at least 1, got '0'. See",
    "race --steps many": "expected an integer, at least 1, got 'many'",
    "race --learning-rate sgd": "expected NAME=VALUE, such as sgd=0.1, got 'sgd'",
    "race --learning-rate sgd=-1": "expected a number above 0, got '-1'",
    "race --learning-rate sgd=fast": "expected a number above 0, got 'fast'",
    "race --learning-rate sdg=1": "there is no rule 'sdg'. Did you mean 'sgd'?",
    "race --learning-rate adam=1": "--learning-rate adam: 'adam' is not among --rules sgd,momentum",
    "race --view rates --rules adam": "adam's update is not a rate times the gradient; leave it out.",
    "sweep --lowest 2 --highest 1": "--lowest must be below --highest, got 2 and 1.",
    "race --bogus": "unrecognized arguments: --bogus",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_answered_with_what_would_be_right(words, capsys):
    status, said, err = run(capsys, *words.split())
    assert (status, said) == (2, "")
    assert err.startswith("error: ")
    assert MISTAKES[words] in err
    assert err.count("\n") == 1


def test_as_a_module():
    command = [sys.executable, "-m", "jaxopt_slides", "list"]
    assert "saddle" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
