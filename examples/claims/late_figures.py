"""What the pictures of claims 7 to 11 share: colours, a frame, curves with bands over seeds."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.layout_engine import ConstrainedLayoutEngine

from examples.text_report import half_interval

STYLES = {  # colours that colour-blind people can tell apart (Okabe and Ito), a marker and a line each
    "SGD": ("#000000", "o", "-"),
    "momentum": ("#0072B2", "s", "--"),
    "RMSProp": ("#D55E00", "^", "-"),
    "Adagrad": ("#009E73", "v", "-"),
    "RMSProp, β = 0.999": ("#E69F00", "D", "--"),
    "Adam": ("#CC79A7", "D", "--"),
    "full-matrix Adagrad": ("#0072B2", "s", "-."),
}
GREY = "#666666"


def panels(*titles: str, height: float = 6.0) -> tuple[Figure, list[Any]]:
    """A picture with these panels beside each other."""
    layout = ConstrainedLayoutEngine(wspace=0.05)
    figure = Figure(figsize=(6.5 * len(titles), height), dpi=150, layout=layout)
    axes = [figure.add_subplot(1, len(titles), i + 1) for i in range(len(titles))]
    for one, title in zip(axes, titles, strict=True):
        one.set_title(title, fontsize=16)
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=13)
    return figure, axes


def label(axes: Any, x: str, y: str, **legend: Any) -> None:
    """Names the axes, and adds the legend."""
    axes.set_xlabel(x, fontsize=15)
    axes.set_ylabel(y, fontsize=15)
    axes.legend(**{"fontsize": 13, "framealpha": 0.85, "edgecolor": "none", **legend})


def curve(axes: Any, rule: str, x: Any, values: Any, **style: Any) -> None:
    """A mean over seeds, of ``values`` [seeds, points], with its 95 % interval as a band."""
    colour, marker, line = STYLES[rule]
    values = np.asarray(values, float)
    mean, half = values.mean(axis=0), half_interval(values)
    every = max(1, len(mean) // 8)
    style = {"label": rule, "ls": line, "marker": marker, "markevery": every, **style}
    axes.plot(x, mean, color=colour, lw=2.4, ms=8, **style)
    axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.25, lw=0)


def save(figure: Figure, path: Path) -> None:
    """Saves it, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
