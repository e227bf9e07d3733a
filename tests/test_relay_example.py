"""examples/relay.py, in this process, with the frameworks that the suite has."""

import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LEGS = ["--legs", "optax,jaxopt_slides,optax"]


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import relay
        import relay_picture  # noqa: F401 (relay imports it when it draws)

        return relay
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture(autouse=True)
def newcomers_jax():
    """conftest is stricter."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def test_the_relay_stays_and_the_naive_copy_jumps(example, capsys, tmp_path):
    race = example.main([*LEGS, "--out", str(tmp_path / "new" / "relay.png")])
    assert race.relay.weights.dtype == np.float64
    assert len(race.relay.losses) == len(race.naive.losses) == 301
    apart = example.distance(race.relay, race.single)
    assert apart.max() <= 1e-9
    assert race.relay.losses[-1] < 0.1 * race.relay.losses[0]

    lost = example.distance(race.naive, race.single)
    assert (lost[:101] == 0).all()  # nothing was handed over
    assert (lost[110:] > 0.1).all()
    assert race.naive.losses[100:201].max() > 1.5 * race.naive.losses[100]  # it jumps
    assert race.naive.losses[-1] > 2 * race.relay.losses[-1]  # and never makes up for it

    printed = capsys.readouterr().out
    for i, leg in enumerate(race.legs):
        end = race.relay.losses[100 * (i + 1)]
        row = rf"^ +{i + 1} +{leg.framework} +{leg.rate:g} +{end:.12f} .* [\d.]+e[+-]\d\d +[\d.]+$"
        assert re.search(row, printed, re.MULTILINE), printed
    assert f"ever farther than {apart.max():.1e} from optax alone" in printed
    assert (tmp_path / "new" / "relay.png").stat().st_size > 10_000


def test_each_leg_may_be_any_number_of_steps(example):
    legs = [example.Leg(name, 0.1) for name in ("optax", "jaxopt_slides", "jaxopt_slides", "optax")]
    race = example.run_race(legs, 3)
    assert race.relay.losses.shape == (13,)
    assert example.distance(race.relay, race.single).max() <= 1e-15


def test_a_relay_that_leaves_the_single_run_fails(example, monkeypatch, tmp_path):
    monkeypatch.setattr(example, "convert", example.copy_buffers)
    with pytest.raises(SystemExit, match=r"The relay left the run in one framework: .* is above 1e-09"):
        example.main([*LEGS, "--steps", "5", "--out", str(tmp_path / "relay.png")])


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_a_missing_framework_is_named_before_the_race(example, monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    monkeypatch.setattr(example, "run_race", lambda *_: pytest.fail("it raced"))
    message = rf"{name} cannot be imported .* The relay needs it: pip install \"\.\[relay\]\""
    with pytest.raises(SystemExit, match=message):
        example.main(["--legs", f"optax,{name}"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "'0' is not a whole number of at least 1"),
        (["--legs", "optax,sonnet"], "unknown 'sonnet'; known are torch, keras, optax, jaxopt_slides"),
        (["--legs", "keras,optax"], "the first leg must be torch or optax"),
    ],
)
def test_bad_arguments_are_refused(example, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments)
    assert message in capsys.readouterr().err
