"""examples/bfloat16.py, run in this process for fewer steps."""

import re
import sys
from pathlib import Path

import jax
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import bfloat16

        return bfloat16
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.mark.slow
def test_plain_bfloat16_falls_behind_and_mixed_precision_follows(example, capsys):
    with jax.numpy_rank_promotion("allow"):  # a newcomer's jax: conftest is stricter
        found = example.main(["--steps", "300"])
    printed = capsys.readouterr().out
    assert "300 steps of 32 examples, rmsprop(0.0001)" in printed
    for name, (loss, gap) in found.items():
        row = rf"^{re.escape(name)} +{loss:.4f} +{re.escape(f'{gap:+.4f}')} +[\d.]+$"
        assert re.search(row, printed, re.MULTILINE), printed
    loss, _ = found.pop("float32")
    assert 7 < loss < 7.98  # of log 3000 = 8.006 at the start
    _, plain = found.pop("bfloat16")
    assert plain > 0.01
    assert set(found) == {"bfloat16, master weights", "bfloat16, stochastic rounding"}
    # bfloat16 activations alone cost less than a tenth of what the lost updates do.
    assert all(abs(gap) < plain / 10 for _, gap in found.values()), found


def test_bad_steps_are_refused(example, capsys):
    with pytest.raises(SystemExit, match="2"):
        example.main(["--steps", "0"])
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err
