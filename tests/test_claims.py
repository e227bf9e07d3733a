"""Every claim of examples/claims with short settings, and with rules that are wrong."""

import functools
import inspect
import re
from pathlib import Path

import jax
import pytest

import jaxopt_slides as jos
from jaxopt_slides import adagrad, rmsprop  # as they are, whatever a test puts in their place
from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.rule import rule
from jaxopt_slides._rules.adagrad import Adagrad
from jaxopt_slides._rules.rmsprop import RMSProp

pytest.importorskip("matplotlib")
from examples.claims import __main__ as command  # only where there is matplotlib
from examples.claims import c05_scales, text_model
from examples.claims.portuguese import translate

CLAIMS = sorted(command.modules())
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def newcomers_jax():
    """conftest is stricter."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


LONG = {5, 10}  # some ten seconds each: .ci/full


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in CLAIMS]
)
def test_a_claim_holds_and_is_drawn(number, tmp_path):
    claim = command.load(number)
    assert claim.number == number
    result = claim.measure(short=True)
    claim.check(result)
    rows = claim.rows(result)
    assert len(rows) > 2
    assert all(text.strip() for row in rows for text in row)
    verdict = claim.verdict(result)
    assert len(verdict) > 20
    for text in (claim.title, claim.sentence, claim.slide, verdict, *(t for row in rows for t in row)):
        translate(text, claim.portuguese)  # refuses what has no Portuguese
    claim.draw(result, tmp_path / "new" / "claim.png")
    assert (tmp_path / "new" / "claim.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "new" / "claim.png").stat().st_size > 1000


# ---------------------------------------------------------------- wrong rules


def without_mu(learning_rate, mu=0.9):
    del mu
    return jos.chain(jos.trace(0.0), jos.scale_by_learning_rate(learning_rate))


def dampened(learning_rate, mu=0.9):
    return jos.chain(jos.ema(mu, debias=False), jos.scale_by_learning_rate(learning_rate))


@rule
class Undivided(RMSProp):
    """Divides by s instead of its root."""

    def step(self, g, s):
        u, s = super().step(g, s)
        return u / (s.mean_square**0.5 + 1e-12), s


@rule
class Unrooted(Adagrad):
    """Divides by c instead of its root."""

    def step(self, g, s):
        u, s = super().step(g, s)
        return u / (s.sum_of_squares**0.5 + 1e-12), s


def rmsprop_by_s(learning_rate, decay=0.9, *, eps=1e-7):
    return lift(Undivided(learning_rate, decay, eps, 0.0, 0.0, None))


def adagrad_by_c(learning_rate, *, eps=1e-7):
    return lift(Unrooted(learning_rate, eps, 0.0, 0.0))


def swapped_decay(learning_rate, decay=0.9, *, eps=1e-7):
    return rmsprop(learning_rate, 1 - decay if isinstance(decay, float) else decay, eps=eps)


def eps_inside(learning_rate, decay=0.9, *, eps=1e-7):
    return rmsprop(learning_rate, decay, eps=0.0, eps_root=eps)


def forgetful_adagrad(learning_rate, *, eps=1e-7):
    return rmsprop(learning_rate, 0.9, eps=eps)


def started_at_a_tenth(learning_rate, *, eps=1e-7):
    return adagrad(learning_rate, eps=eps, initial_accumulator_value=0.1)


def half_a_step(learning_rate):
    return jos.scale_by_learning_rate(0.5 * learning_rate)


WRONG = [
    (1, "sgd", half_a_step),
    *((number, "momentum", wrong) for number in (1, 2, 3, 4) for wrong in (without_mu, dampened)),
    *((number, "momentum", jos.nesterov) for number in (1, 2, 3, 4)),
    (5, "rmsprop", rmsprop_by_s),
    (5, "rmsprop", eps_inside),
    (5, "adagrad", adagrad_by_c),
    (5, "adagrad", started_at_a_tenth),
    (6, "rmsprop", rmsprop_by_s),
    (6, "rmsprop", swapped_decay),
    (6, "adagrad", adagrad_by_c),
    (6, "rmsprop", eps_inside),
    (6, "adagrad", forgetful_adagrad),
    (6, "adagrad", started_at_a_tenth),
]


@functools.cache
def text_by_right_rules():
    """The slow half of claim 5; the wrong rules must fail its other half."""
    text = {
        name: (getattr(jos, name.lower()), rates[1][1:2]) for name, rates in c05_scales.RATES.items()
    }
    return text_model.measure(text, 1, 6, examples=2048)


@pytest.mark.parametrize(
    ("number", "name", "wrong"),
    [pytest.param(*w, marks=[pytest.mark.slow] if w[0] in LONG else []) for w in WRONG],
)
def test_a_wrong_rule_fails_the_check(number, name, wrong, monkeypatch):
    claim = command.load(number)
    with monkeypatch.context() as patch:
        if number == 5:
            right = text_by_right_rules()
            patch.setattr(text_model, "measure", lambda *_, **__: right)
        patch.setattr(jos, name, wrong)
        result = claim.measure(short=True)
    with pytest.raises(AssertionError):
        claim.check(result)


# ---------------------------------------------------------------- the command and its page


def test_the_command_writes_a_page(tmp_path, capsys):
    assert command.main(["--only", "6", "--short", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "1 of 1 claims passed their checks" in printed.out
    assert "claim 6, difference" in printed.err
    page = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert "## 6. The one-line difference" in page
    assert "**Verdict.** True" in page
    (picture,) = re.findall(r"!\[.*\]\((.*)\)", page)
    assert (tmp_path / picture).stat().st_size > 1000
    portuguese = (tmp_path / "pt" / "claims.md").read_text(encoding="utf-8")
    assert "## 6. A diferença de uma linha" in portuguese
    assert "**Veredito.** Verdade" in portuguese
    assert f"](../{picture})" in portuguese


def test_a_claim_that_fails_is_in_the_page_and_in_the_exit_status(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(jos, "adagrad", forgetful_adagrad)
    assert command.main(["--only", "6", "--short", "--out", str(tmp_path)]) == 1
    assert "claim 6 failed its check: Not equal to tolerance" in capsys.readouterr().out
    assert "**The check failed:** Not equal to tolerance" in (tmp_path / "claims.md").read_text(
        encoding="utf-8"
    )
    portuguese = (tmp_path / "pt" / "claims.md").read_text(encoding="utf-8")
    assert "**A verificação falhou:** Not equal to tolerance" in portuguese


@pytest.mark.parametrize("text", ["0", "1,99", "one", ""])
def test_an_unknown_claim_is_refused(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--only", text])
    assert "is not a claim; known are 1, 2, 3" in capsys.readouterr().err


def test_a_part_does_not_overwrite_the_page():
    assert command.parse([]).out == Path("docs")
    assert command.parse(["--only", "2, 1,1"]).out == Path("out")
    assert command.parse(["--only", "2, 1,1"]).only == [1, 2]
    assert command.parse(["--short"]).out == Path("out")


def test_the_page_has_every_claim_and_its_pictures():
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^## (\d+)\. ", page, re.MULTILINE)] == CLAIMS
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert len(pictures) == len(CLAIMS)
    assert all((ROOT / "docs" / picture).stat().st_size > 1000 for picture in pictures)
    assert "The check failed" not in page


@pytest.mark.parametrize("number", CLAIMS)
def test_modules_are_short(number):
    module = inspect.getmodule(command.load(number).measure)
    assert len(inspect.getsource(module).splitlines()) < 250
