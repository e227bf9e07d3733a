"""examples/conventions.py, run in this process for a few steps."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxopt_slides import presets

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(EXAMPLES))
    try:
        import conventions

        return conventions
    finally:
        sys.path.remove(str(EXAMPLES))


def test_a_short_run_saves_the_picture(example, tmp_path, capsys):
    out = tmp_path / "new" / "drift.png"
    with jax.numpy_rank_promotion("allow"):  # a newcomer's jax: conftest is stricter
        example.main(["--steps", "8", "--out", str(out)])
    assert str(out) in capsys.readouterr().out
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("x64")
def test_the_labels_are_right(example):
    """Keras's SGD is the slides' rule; torch's parts from it when the learning rate falls."""
    steps, panels = 12, example.panels(12)
    momentum = example.drifts(panels["Momentum, learning rate 0.1, then 0.01"], steps)
    keras, outside, _ = momentum.values()
    assert not keras.any()
    fall = steps // 4
    assert outside[:fall].max() < 1e-12
    assert outside[fall:].min() > 1e-3
    # And the lines of those that share a label lie on one another.
    tx = {"slides": presets.keras.adagrad(0.1), "optax": presets.optax.adagrad(0.1)}
    tx["TF1"] = presets.tf1.adagrad(0.1)
    assert max(d.max() for d in example.drifts(tx, steps).values()) < 1e-5
    rate = 0.1
    tx = {"slides": presets.torch.sgd(rate, 0.9), "optax": presets.optax.sgd(rate, 0.9)}
    tx["TF1"] = presets.tf1.momentum(rate, 0.9)
    assert not any(d.any() for d in example.drifts(tx, steps).values())


def test_labels_are_moved_apart(example):
    found = example.spread([0.0, 0.1, -5.0, 0.05], gap=1.0, lowest=-4.0)
    assert found[2] == -4
    assert np.all(np.diff(sorted(found)) > 0.99)
    assert np.argsort(found).tolist() == [2, 0, 3, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "3"], "'3' is not a whole number of at least 4"),
        (["--out", "drift.txt"], "'drift.txt' is not a .png, .pdf or .svg file"),
    ],
)
def test_bad_arguments_are_refused(example, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments)
    assert message in capsys.readouterr().err
