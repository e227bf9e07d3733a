"""Draws the boundary between training and divergence, which is a fractal.

Every pixel is one optimizer: its learning rate and its mu train one small tanh network, always the
same, on the whole of its data. Sohl-Dickstein (2024, "The boundary of neural network trainability is
fractal") has two learning rates in their place. An optimizer is data, so all 65,536 are *one*
``momentum``, made by a vmapped constructor, and an argument of one compiled program; the zoom is an
argument of the same one.
"""

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

import jaxopt_slides as jos

INPUTS, WIDTH, EXAMPLES = 16, 16, 32
AT_ONCE = 1024  # optimizers in one vmap: bounds the memory
WORST = 1e6  # a loss so many times the first, or not finite, counts as this
LAST = 20  # the last losses, on whose mean the verdict rests
BLUE, BROWN = "Blues", "YlOrBr"  # dark meets light at the boundary, in grey and for the colour-blind


class Window(NamedTuple):
    """A part of the plane: learning rates are spaced evenly in their logarithm, mu evenly."""

    rates: tuple[float, float] = (0.35, 1.0)
    mus: tuple[float, float] = (0.0, 1.0)

    def axes(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Learning rate and mu at the middle of every column and every row."""
        middles = (np.arange(size) + 0.5) / size
        return self.rate(middles), self.mu(middles)

    def rate(self, x: Any) -> Any:
        """The learning rate at ``x`` in [0, 1] from the left."""
        return self.rates[0] * (self.rates[1] / self.rates[0]) ** x

    def mu(self, y: Any) -> Any:
        """Mu at ``y`` in [0, 1] from below."""
        return self.mus[0] + (self.mus[1] - self.mus[0]) * y

    def part(self, x: float, y: float, side: float) -> "Window":
        """The square whose lower left corner is (x, y), all in fractions of this window."""
        rates = (float(self.rate(x)), float(self.rate(x + side)))
        return Window(rates, (float(self.mu(y)), float(self.mu(y + side))))


def optimizers(window: Window, size: int) -> jos.GradientTransformation:
    """``size * size`` optimizers as one, row by row from below."""
    rates, mus = (jnp.asarray(x, jnp.float32) for x in window.axes(size))
    return jax.vmap(jos.momentum)(jnp.tile(rates, size), jnp.repeat(mus, size))


def network(seed: int) -> tuple[Callable[[Any], jax.Array], dict[str, jax.Array]]:
    """The loss of a tanh network with one hidden layer on random data, and its first params."""
    keys = jax.random.split(jax.random.key(seed), 4)
    x = jax.random.normal(keys[0], (EXAMPLES, INPUTS))
    y = jax.random.normal(keys[1], (EXAMPLES,))
    params = {
        "hidden": jax.random.normal(keys[2], (INPUTS, WIDTH)) / INPUTS**0.5,
        "out": jax.random.normal(keys[3], (WIDTH,)) / WIDTH**0.5,
    }
    return lambda w: jnp.mean((jnp.tanh(x @ w["hidden"]) @ w["out"] - y) ** 2), params


def verdict(losses: jax.Array) -> jax.Array:
    """Whether training converged, as the sign, and how fast.

    Losses count in units of the first. A run has converged if its last are below 1 in the mean; it then
    gets the mean of all, and else minus the mean of their inverses: near 0 is fast in both.
    """
    ratio = losses / losses[0]
    ratio = jnp.where(jnp.isfinite(ratio), jnp.clip(ratio, 1 / WORST, WORST), WORST)
    converged = jnp.mean(ratio[-LAST:]) < 1
    return jnp.where(converged, jnp.mean(ratio), -jnp.mean(1 / ratio))


def make_program(steps: int, seed: int) -> Callable[[jos.GradientTransformation], jax.Array]:
    """The program: trains with every optimizer of a stack and returns the verdicts."""
    loss, params = network(seed)

    def train(tx):
        return verdict(jos.fit(loss, tx, params, steps=steps).history["loss"])

    return jax.jit(functools.partial(jax.lax.map, train, batch_size=AT_ONCE))


def boundary(converged: np.ndarray) -> np.ndarray:
    """The pixels whose right or upper neighbour fared otherwise, ``[size, size]``."""
    edge = np.zeros_like(converged)
    edge[:, :-1] |= converged[:, :-1] != converged[:, 1:]
    edge[:-1] |= converged[:-1] != converged[1:]
    return edge


class Dimension(NamedTuple):
    """The box dimension of a set of pixels."""

    sizes: np.ndarray  # [k] of boxes, in pixels
    counts: np.ndarray  # [k] boxes that hold a pixel of the set
    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.interval
        slopes = -np.diff(np.log(self.counts)) / np.diff(np.log(self.sizes))
        local = f"from {slopes.min():.2f} to {slopes.max():.2f} between neighbouring box sizes"
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}], {local}"


def box_dimension(pixels: np.ndarray, sizes: list[int], draws: int = 2000) -> Dimension | None:
    """Minus the slope of log(boxes with a pixel) by log(size of the boxes); None for an empty set.

    The 95% interval is a bootstrap over the largest boxes: the counts are sums over them. Every size
    must divide the largest.
    """
    largest = max(sizes)
    rows, columns = (-(-n // largest) * largest for n in pixels.shape)
    padded = np.zeros((rows, columns), bool)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels

    def blocks(x, size):  # [a, b] -> [a / size, size, b / size, size]
        return x.reshape(x.shape[0] // size, size, x.shape[1] // size, size)

    boxes = [blocks(padded, size).any((1, 3)) for size in sizes]
    counts = np.stack(
        [blocks(b, largest // s).sum((1, 3)).ravel() for b, s in zip(boxes, sizes, strict=True)]
    )
    counts = counts[:, counts[-1] > 0]  # [sizes, largest boxes that hold a pixel]
    if not counts.size:
        return None

    def slope(n):  # n: [sizes, ...]
        x = np.log(sizes) - np.mean(np.log(sizes))
        return -np.tensordot(x, np.log(n), 1) / (x @ x)

    chosen = np.random.default_rng(0).integers(counts.shape[1], size=(draws, counts.shape[1]))
    low, high = np.quantile(slope(counts[:, chosen].sum(-1)), [0.025, 0.975])
    total = counts.sum(1)
    return Dimension(np.array(sizes), total, float(slope(total)), (float(low), float(high)))


def liveliest(edge: np.ndarray, factor: int) -> tuple[float, float, float]:
    """The part, ``factor`` times smaller than the picture, with most of the boundary: x, y, side."""
    size, side = len(edge), max(1, len(edge) // factor)
    sums = np.zeros((size + 1, size + 1))
    sums[1:, 1:] = edge.cumsum(0).cumsum(1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    return float(x / size), float(y / size), side / size


class Panel(NamedTuple):
    """One window, computed."""

    name: str
    window: Window
    verdicts: np.ndarray  # [size, size]
    dimension: Dimension | None

    @property
    def converged(self) -> np.ndarray:
        """Which optimizers converged, ``[size, size]``."""
        return self.verdicts > 0

    def describe(self) -> str:
        """A few lines about it."""
        (left, right), (low, high) = self.window
        return (
            f"{self.name:8} learning rate {left:.6g} to {right:.6g}, mu {low:.6g} to {high:.6g}\n"
            f"         {self.converged.mean():.1%} converged; box dimension of the boundary "
            f"{self.dimension or 'unknown: no boundary here'}"
        )


def compute(name: str, program: Callable[..., jax.Array], window: Window, size: int) -> Panel:
    """Trains with every optimizer of a window."""
    verdicts = np.asarray(program(optimizers(window, size))).reshape(size, size)
    sizes = [2**k for k in range(max(2, (size // 16).bit_length()))]
    return Panel(name, window, verdicts, box_dimension(boundary(verdicts > 0), sizes))


def colours(verdicts: np.ndarray) -> np.ndarray:
    """Blue where training converged, dark if slowly; brown where it diverged, light if slowly."""

    def ranks(x):  # evenly in (0, 1), so that every shade is used
        return (np.argsort(np.argsort(x)) + 0.5) / max(1, len(x))

    image, converged = np.empty((*verdicts.shape, 4)), verdicts > 0
    image[converged] = colormaps[BLUE](0.15 + 0.85 * ranks(verdicts[converged]))
    image[~converged] = colormaps[BROWN](0.05 + 0.8 * ranks(verdicts[~converged]))
    return image


def draw_plane(axes: Any, panel: Panel) -> None:
    """The verdicts of a window."""
    edges = np.linspace(0, 1, len(panel.verdicts) + 1)
    axes.pcolormesh(
        panel.window.rate(edges), panel.window.mu(edges), colours(panel.verdicts), rasterized=True
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.set_xlabel("learning rate", fontsize=15)
    axes.set_ylabel("momentum μ", fontsize=15)


def draw_counts(axes: Any, panels: list[Panel]) -> None:
    """Boxes that meet the boundary, by their size."""
    for panel, (colour, marker) in zip(panels, [("#0072B2", "o"), ("#D55E00", "s")], strict=False):
        if d := panel.dimension:
            label = f"{panel.name}: {d.value:.2f} [{d.interval[0]:.2f}, {d.interval[1]:.2f}]"
            axes.loglog(d.sizes, d.counts, marker, color=colour, ms=9, label=label)
            middle = np.exp(np.mean(np.log(d.counts)) + d.value * np.mean(np.log(d.sizes)))
            axes.loglog(d.sizes, middle * d.sizes**-d.value, color=colour, lw=2)
    axes.set_xlabel("size of a box (pixels)", fontsize=15)
    axes.set_ylabel("boxes that meet the boundary", fontsize=15)
    axes.set_title("Box dimension", fontsize=16)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=13)


def save(panels: list[Panel], steps: int, path: Path) -> None:
    """Draws the plane, the zoom and the box counts beside each other."""
    figure = Figure(figsize=(19, 6.3), dpi=100, layout=ConstrainedLayoutEngine(wspace=0.05))
    plane, zoom, counts = figure.subplots(1, 3)
    for axes in (plane, zoom, counts):
        axes.tick_params(labelsize=13)
    draw_plane(plane, panels[0])
    draw_plane(zoom, panels[1])
    draw_counts(counts, panels)
    (left, right), (low, high) = panels[1].window
    plane.add_patch(Rectangle((left, low), right - left, high - low, fill=False, ec="black", lw=2))
    plane.set_title(f"{panels[0].verdicts.size:,} optimizers, {steps} steps each", fontsize=16)
    zoom.set_title("The framed part", fontsize=16)
    names = {
        "converged (dark: slowly)": colormaps[BLUE](0.8),
        "diverged (light: slowly)": colormaps[BROWN](0.4),
    }
    plane.legend(
        handles=[Patch(color=c, label=n) for n, c in names.items()], fontsize=13, loc="lower left"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number in a range from the command line."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Draws the boundary between training and divergence over learning rate and mu, a "
        "part of it enlarged, and measures its box dimension. About a minute on two cores.",
    )
    size = "optimizers along each side of both pictures"
    parser.add_argument("--size", type=whole(16, 4096), default=256, metavar="N", help=size)
    steps = "training steps of each"
    parser.add_argument("--steps", type=whole(LAST, 10**6), default=300, metavar="N", help=steps)
    zoom = "how much the part with most of the boundary is enlarged; float32 ends at 500"
    parser.add_argument("--zoom", type=whole(2, 500), default=8, metavar="K", help=zoom)
    seed = "what the network and its data are drawn from"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=seed)
    out = "where the picture goes: a .png, .pdf or .svg file"
    parser.add_argument("--out", type=Path, default="fractal.png", metavar="PATH", help=out)
    options = parser.parse_args(argv)
    if options.out.suffix.lower() not in {".png", ".pdf", ".svg"}:
        parser.error(f"argument --out: '{options.out}' is not a .png, .pdf or .svg file")
    return options


def main(argv: list[str] | None = None) -> list[Panel]:
    """Trains, measures, draws."""
    options = parse(argv)
    program, panels, window = make_program(options.steps, options.seed), [], Window()
    print(
        f"{options.size**2:,} optimizers as one, {options.steps} steps each, then as many in the zoom"
    )
    for name in ("whole", "zoom"):
        began = time.perf_counter()
        panels.append(compute(name, program, window, options.size))
        seconds = time.perf_counter() - began
        print(f"\n{panels[-1].describe()}\n         {seconds:.1f} s", flush=True)
        window = window.part(*liveliest(boundary(panels[-1].converged), options.zoom))
    save(panels, options.steps, options.out)
    print(f"\npicture  {options.out}")
    return panels


if __name__ == "__main__":
    main()
