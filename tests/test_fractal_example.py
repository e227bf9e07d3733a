"""examples/fractal.py: tiny pictures, and the box dimension of sets whose dimension is known."""

import math
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos

EXAMPLES = Path(__file__).parents[1] / "examples"
POWERS = [1, 2, 4, 8, 16, 32]
THREES = [1, 3, 9, 27]


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import fractal

        return fractal
    finally:
        sys.path.remove(str(EXAMPLES))


# ---------------------------------------------------------------- box dimension


def carpet(level):
    """The Sierpinski carpet, ``[3 ** level, 3 ** level]``."""
    cells, one = np.ones((1, 1), bool), np.ones((3, 3), bool)
    one[1, 1] = False
    for _ in range(level):
        cells = np.kron(cells, one)
    return cells


def koch(level, size, angle):
    """The pixels of the Koch curve's corners, which stand closer than pixels; turned by an angle."""
    points = np.array([0j, 1])
    turn = np.exp(1j * np.pi / 3)
    for _ in range(level):
        start, step = points[:-1], np.diff(points) / 3
        corners = [start, start + step, start + step * (1 + turn), start + 2 * step]
        points = np.append(np.stack(corners, 1).ravel(), points[-1])
    points = 0.95 * (points - 0.5) * np.exp(1j * angle) + 0.5 + 0.4j
    pixels = np.zeros((size, size), bool)
    pixels[(points.imag * size).astype(int), (points.real * size).astype(int)] = True
    return pixels


def disc(size):
    """A disc whose middle is no pixel."""
    x = np.arange(size) - size / 2 + 0.3
    return np.add.outer(x**2, x**2) < (0.4 * size) ** 2


@pytest.mark.parametrize(
    ("pixels", "sizes", "expected"),
    [
        (np.eye(256, dtype=bool), POWERS, 1),
        (np.arange(256)[:, None] == np.full(256, 77), POWERS, 1),
        (np.ones((256, 256), bool), POWERS, 2),
        (carpet(5), THREES, math.log(8) / math.log(3)),
    ],
    ids=["diagonal", "line", "square", "carpet"],
)
def test_the_box_dimension_of_sets_that_boxes_cover_exactly(example, pixels, sizes, expected):
    dimension = example.box_dimension(pixels, sizes)
    assert dimension.value == pytest.approx(expected, abs=1e-12)
    assert dimension.interval == pytest.approx((expected, expected), abs=1e-12)
    assert dimension.counts[0] == pixels.sum()


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.7, 1.1])
def test_the_koch_curve_s_box_dimension_is_in_its_interval(example, angle):
    dimension = example.box_dimension(koch(8, 256, angle), [1, 2, 4, 8, 16])
    low, high = dimension.interval
    assert dimension.value == pytest.approx(math.log(4) / math.log(3), abs=0.03)
    assert low < math.log(4) / math.log(3) < high
    assert 0.02 < high - low < 0.15


def test_the_boundary_of_a_disc_has_dimension_1(example):
    dimension = example.box_dimension(example.boundary(disc(256)), [1, 2, 4, 8, 16])
    low, high = dimension.interval
    assert dimension.value == pytest.approx(1, abs=0.05)
    assert 0.9 < low < 1 < high < 1.1


def test_a_set_that_is_empty_has_no_dimension(example):
    assert example.box_dimension(np.zeros((16, 16), bool), [1, 2]) is None


def test_a_picture_that_the_boxes_do_not_divide_is_padded(example):
    assert example.box_dimension(np.ones((5, 7), bool), [1, 4]).counts.tolist() == [35, 4]


def test_the_boundary_of_a_half_plane_is_a_line(example):
    converged = np.arange(8)[:, None] + np.zeros(8, int) < 3
    assert np.argwhere(example.boundary(converged)).tolist() == [[2, x] for x in range(8)]


def test_the_liveliest_part_holds_the_boundary(example):
    edge = np.zeros((32, 32), bool)
    edge[20:24, 8:12] = True
    x, y, side = example.liveliest(edge, 8)
    assert (x * 32, y * 32, side * 32) == (8, 20, 4)


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (np.full(40, 2.0), -1.0),
        (np.append(4.0, np.full(39, 2.0)), (1 + 39 / 2) / 40),
        (np.append(4.0, np.full(39, 8.0)), -(1 + 39 / 2) / 40),
        (np.append(np.full(39, 2.0), np.nan), -(39 + 1e-6) / 40),
        (np.append(np.full(39, 2.0), np.inf), -(39 + 1e-6) / 40),
    ],
    ids=["level", "falls", "grows", "nan", "infinite"],
)
def test_verdicts(example, losses, expected):
    verdict = example.verdict(jnp.asarray(losses, jnp.float32))
    assert float(verdict) == pytest.approx(expected, rel=1e-6)


def test_every_pixel_is_its_own_optimizer(example):
    window = example.Window((0.1, 1.0), (0.0, 0.8))
    tx = example.optimizers(window, 4)
    rates, mus = window.axes(4)
    assert mus.tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7])
    loss, params = example.network(0)
    verdicts = example.make_program(steps=30, seed=0)(tx)
    for i, j in [(0, 0), (2, 1), (1, 3)]:
        alone = jos.fit(loss, jos.momentum(rates[j], mus[i]), params, steps=30).history["loss"]
        assert float(verdicts[4 * i + j]) == pytest.approx(float(example.verdict(alone)), rel=1e-3)


def test_a_window_s_part_is_what_the_frame_shows(example):
    part = example.Window((0.01, 1.0), (0.0, 0.8)).part(0.5, 0.25, 0.25)
    assert part.rates == pytest.approx((0.1, 0.1 * 100**0.25))
    assert part.mus == pytest.approx((0.2, 0.4))


# ---------------------------------------------------------------- the script


def test_a_small_picture(example, tmp_path, capsys):
    path = tmp_path / "new" / "small.png"
    arguments = ["--size", "32", "--steps", "40", "--zoom", "4", "--out", str(path)]
    with jax.numpy_rank_promotion("allow"):  # a newcomer's jax: conftest is stricter
        whole, zoom = example.main(arguments)
    printed = capsys.readouterr().out
    assert "1,024 optimizers as one, 40 steps each" in printed
    assert re.search(r"box dimension of the boundary 1\.\d+ \[\d\.\d+, \d\.\d+\]", printed)
    assert f"picture  {path}" in printed
    assert path.stat().st_size > 10_000
    assert 0.2 < whole.converged.mean() < 0.9
    assert whole.converged[:, 0].all()  # the smallest learning rate
    assert not whole.converged[:, -1].any()  # the largest
    assert 0.8 < whole.dimension.value < 1.6
    assert 0 < zoom.converged.mean() < 1
    for outer, inner in zip(whole.window, zoom.window, strict=True):
        assert outer[0] - 1e-9 <= inner[0] < inner[1] <= outer[1] + 1e-9
    assert np.isfinite(zoom.verdicts).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--size", "15"], "'15' is not a whole number from 16 to 4096"),
        (["--steps", "ten"], "'ten' is not a whole number from 20 to 1000000"),
        (["--zoom", "1"], "'1' is not a whole number from 2 to 500"),
        (["--out", "fractal.gif"], "'fractal.gif' is not a .png, .pdf or .svg file"),
    ],
)
def test_bad_arguments_are_refused(example, capsys, arguments, text):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments)
    assert text in capsys.readouterr().err
