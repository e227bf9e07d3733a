"""Claims 7 to 11 of examples/claims: short settings pass, and a broken rule does not."""

import importlib

import jax
import pytest

from jaxopt_slides._core.formulas import divide_by_root
from jaxopt_slides._rules.adagrad import Adagrad
from jaxopt_slides._rules.rmsprop import RMSProp

pytest.importorskip("matplotlib")

NAMES = ("c07_rates", "c08_rotation", "c09_regret", "c10_long_runs", "c11_wilson")


def claim(name):
    return importlib.import_module(f"examples.claims.{name}").CLAIM


def slow_if_long(name, *more):
    """The case; claim 10 takes six seconds and is left to .ci/full."""
    marks = [pytest.mark.slow] if name == "c10_long_runs" else []
    return pytest.param(name, *more, marks=marks)


@pytest.mark.parametrize("name", [slow_if_long(n) for n in NAMES])
def test_short_settings_pass_and_are_reported(name, tmp_path):
    one = claim(name)
    found = one.measure(short=True)
    one.check(found)
    rows = one.rows(found)
    assert len(rows) > 3
    assert all(text.strip() and "nan" not in text for row in rows for text in row)
    assert f"c{one.number:02d}" == name[:3]
    assert one.verdict(found).endswith(".")
    one.draw(found, tmp_path / "pictures" / "claim.png")
    assert (tmp_path / "pictures" / "claim.png").stat().st_size > 20_000


def forgets(self, g, s):
    """Adagrad with RMSProp's cache."""
    c = 0.9 * s.sum_of_squares + 0.1 * g * g
    return -self.learning_rate * divide_by_root(g, c, self.eps, 0), s._replace(sum_of_squares=c)


def accumulates(self, g, s):
    """RMSProp with Adagrad's cache."""
    c = s.mean_square + g * g
    return -self.learning_rate * divide_by_root(g, c, self.eps, 0), s._replace(mean_square=c)


def descends(self, g, s):
    """Adagrad without the division."""
    return -self.learning_rate * g, s._replace(sum_of_squares=s.sum_of_squares + g * g)


def divides_by_the_sum(self, g, s):
    """Adagrad without the root."""
    c = s.sum_of_squares + g * g
    return -self.learning_rate * g / (c + 1e-7), s._replace(sum_of_squares=c)


BROKEN = [
    ("c07_rates", Adagrad, forgets),
    ("c07_rates", RMSProp, accumulates),
    ("c08_rotation", Adagrad, descends),
    ("c09_regret", Adagrad, forgets),
    ("c09_regret", Adagrad, divides_by_the_sum),
    ("c09_regret", RMSProp, accumulates),
    ("c10_long_runs", Adagrad, forgets),
    ("c10_long_runs", RMSProp, accumulates),
    ("c11_wilson", Adagrad, descends),
    ("c11_wilson", Adagrad, divides_by_the_sum),
]


@pytest.mark.parametrize(
    ("name", "rule", "step"),
    [slow_if_long(*b) for b in BROKEN],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_broken_rule_fails(name, rule, step, monkeypatch):
    monkeypatch.setattr(rule, "step", step)
    jax.clear_caches()
    try:
        with pytest.raises(AssertionError):
            claim(name).check(claim(name).measure(short=True))
    finally:
        jax.clear_caches()
