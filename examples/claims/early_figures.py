"""What claims 1 to 6 share: float64, a closed form, and how their pictures look."""

import functools
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.layout_engine import ConstrainedLayoutEngine

COLOURS = {  # colours that colour-blind people can tell apart (Okabe and Ito)
    "black": "#000000",
    "blue": "#0072B2",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "red": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "grey": "#777777",
}
RULES = {  # a colour, a marker and a line for each rule
    "SGD": ("#000000", "o", "-"),
    "momentum": ("#0072B2", "s", "-"),
    "RMSProp": ("#D55E00", "^", "-"),
    "Adagrad": ("#009E73", "v", "--"),
}


def float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a measurement in double precision, and leaves jax's setting as it was."""

    @functools.wraps(function)
    def in_float64(*arguments: Any, **options: Any) -> Any:
        with jax.enable_x64(True):
            return function(*arguments, **options)

    return in_float64


def roots(a: Any, mu: Any) -> tuple[np.ndarray, np.ndarray]:
    r"""The roots of :math:`z^2 - (1 + \mu - a) z + \mu`, the larger first: momentum on a parabola."""
    half = (1 + np.asarray(mu) - np.asarray(a) + 0j) / 2
    apart = np.sqrt(half**2 - mu)
    z = np.stack([half + apart, half - apart])
    z = np.where(np.abs(z[0]) >= np.abs(z[1]), z, z[::-1])
    return z[0], z[1]


def rolled(a: float, mu: float, steps: int) -> np.ndarray:
    r"""Where momentum is on a parabola after each step, from 1 at rest, ``[steps + 1]``.

    With :math:`a = \alpha \lambda`, :math:`w_{t+1} = (1 + \mu - a) w_t - \mu w_{t-1}`, whose solution
    is :math:`A z_1^t + (1 - A) z_2^t`.
    """
    t = np.arange(steps + 1)
    if mu == 0:
        return (1 - a) ** t
    first, second = (complex(z) for z in roots(a, mu))
    if first == second:
        raise ValueError("rolled: a double root has another solution")
    share = (1 - a - second) / (first - second)
    return (share * first**t + (1 - share) * second**t).real


def panels(*titles: str, width: float = 6.5, height: float = 6) -> tuple[Figure, list[Any]]:
    """A figure with these panels beside each other, in letters for a slide."""
    size = (width * len(titles), height)
    figure = Figure(figsize=size, dpi=120, layout=ConstrainedLayoutEngine(wspace=0.06))
    axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
    for one, title in zip(axes, titles, strict=True):
        one.set_title(title, fontsize=16)
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=13)
    return figure, axes


def label(axes: Any, x: str, y: str, **legend: Any) -> None:
    """Names the axes and shows the legend."""
    axes.set_xlabel(x, fontsize=15)
    axes.set_ylabel(y, fontsize=15)
    axes.legend(**{"fontsize": 13, "framealpha": 0.85, "edgecolor": "none"} | legend)


def contours(axes: Any, landscape: Any, levels: int = 12) -> None:
    """The landscape's contour lines, over its box, and its goal."""
    x, y, heights = landscape.grid(150)
    low = heights - heights.min()
    bounds = np.geomspace(low.max() * 1e-3, low.max(), levels)
    axes.contour(x, y, low, levels=bounds, colors=COLOURS["grey"], alpha=0.5, linewidths=1)
    goal = landscape.critical_points[0]
    axes.plot(*goal[:2], "*", color=COLOURS["orange"], ms=18, mec="black", zorder=5)


def show_code(axes: Any, rule: str, function: Callable[..., Any], differs: str) -> None:
    """The source of a step, with the line that differs in the rule's colour."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    lines = [line for line in lines if not line.lstrip().startswith('"""')]  # without its docstring
    where = {"transform": axes.transAxes, "in_layout": False}
    name = "RMSProp (what its step calls)" if rule == "RMSProp" else rule
    axes.text(0, 0.93, name, fontsize=17, color=RULES[rule][0], weight="bold", **where)
    for i, line in enumerate(lines):
        plain = {"color": "black"}
        style = {"color": RULES[rule][0], "weight": "bold"} if line.strip() == differs else plain
        axes.text(0, 0.81 - 0.1 * i, line, family="monospace", fontsize=9.8, **style, **where)
    axes.axis("off")


def save(figure: Figure, path: Path) -> None:
    """Saves the picture, with its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
