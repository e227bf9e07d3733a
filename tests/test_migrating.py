"""The lines of docs/migrating.md are run: optax's calls, ours, and where "the same" is said."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos

PAGE = (pathlib.Path(__file__).parent.parent / "docs/migrating.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
CALL = re.compile(r"`(jos\.[^`]*\))`")
SCOPE = {"jos": jos, "optax": optax}


def trajectory(tx):
    """The updates of five steps, the last without a gradient."""
    w = jnp.array([1.0, -2.0])
    state, found = tx.init(w), []
    for g in ([0.3, -0.02], [1e-3, 4.0], [-0.5, 0.1], [0.2, 0.2], [0.0, 0.0]):
        with jax.numpy_dtype_promotion("standard"):  # optax's Adam needs it
            updates, state = tx.update(jnp.array(g), state, w)
        w = jos.apply_updates(w, updates)
        found.append(updates)
    return np.array(found)


def rules(cell):
    """The calls of a cell that make a transformation by themselves."""
    return [eval(c, SCOPE) for c in CALL.findall(cell) if "tx" not in c]


def agree(one, other, rtol=2e-6):
    return np.allclose(trajectory(one), trajectory(other), rtol=rtol, atol=1e-9)


def test_there_are_rows_of_three_frameworks():
    assert all(len(row) == 3 for row in ROWS)
    for framework in ("optax", "torch", "keras"):
        assert sum(f"presets.{framework}" in row[1] for row in ROWS) >= 4


@pytest.mark.parametrize("row", [r for r in ROWS if rules(r[1]) and rules(r[2])], ids=lambda r: r[0])
def test_the_slides_rule_is_the_same_where_the_page_says_so(row):
    (preset,), plain = rules(row[1]), rules(row[2])[0]
    same = "the same" in row[2] or "inside the velocity" in row[2]  # at a constant rate
    assert agree(preset, plain) == same


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r[0].startswith("`optax.") and "presets" in r[1]], ids=lambda r: r[0]
)
def test_optax_is_the_same_as_its_preset(row):
    there = eval(row[0].strip("`"), SCOPE)
    assert agree(there, rules(row[1])[0], rtol=3e-5)  # optax's Adam takes 1 - b2 in float32: 1e-5 off


def test_what_else_the_page_names_is_there():
    names = set(re.findall(r"`(?:tx = )?jos\.([\w.]+)", PAGE))
    assert {"with_hyperparams", "multi_steps", "apply_updates", "presets.torch.load_state"} <= names
    for name in names:
        thing = jos
        for part in name.split("."):
            thing = getattr(thing, part)
        assert thing is not None
