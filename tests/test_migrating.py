"""The lines of docs/migrating.md are run: optax's calls, ours, and where "the same" is said."""

import re

import pytest

import jaxopt_slides as jos
from tests.migrating import PAGE, ROWS, apart, in_optax, ours, pairs

SCOPE = {"jos": jos}
PAIRS = list(pairs())


def test_there_are_rows_of_three_frameworks():
    assert all(len(row) == 3 for row in ROWS)
    for framework in ("optax", "torch", "keras"):
        assert sum(f"presets.{framework}" in row[1] for row in ROWS) >= 4


@pytest.mark.parametrize(("framework", "there", "here", "agree"), PAIRS, ids=str)
def test_a_rule_is_the_same_as_its_preset_where_the_page_says_so(framework, there, here, agree):
    """`python -m tests.migrating` asks the frameworks themselves, and optax is asked here too."""
    (preset,) = (h for _, t, h, _ in PAIRS if t == there and "presets" in h)
    assert (apart(ours(eval(preset, SCOPE)), ours(eval(here, SCOPE))) <= 1) == agree
    if framework == "optax":
        assert (apart(in_optax(there), ours(eval(here, SCOPE))) <= 1) == agree


def test_what_else_the_page_names_is_there():
    names = set(re.findall(r"`(?:tx = )?jos\.([\w.]+)", PAGE))
    assert {"with_hyperparams", "multi_steps", "apply_updates", "presets.torch.load_state"} <= names
    for name in names:
        thing = jos
        for part in name.split("."):
            thing = getattr(thing, part)
        assert thing is not None
