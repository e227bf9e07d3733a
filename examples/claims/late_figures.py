"""What claims 7 to 11 share beside early_figures: how rules look, and bands over seeds."""

from typing import Any

import numpy as np

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


def curve(axes: Any, rule: str, x: Any, values: Any, **style: Any) -> None:
    """A mean over seeds, of ``values`` [seeds, points], with its 95 % interval as a band."""
    colour, marker, line = STYLES[rule]
    values = np.asarray(values, float)
    mean, half = values.mean(axis=0), half_interval(values)
    every = max(1, len(mean) // 8)
    style = {"label": rule, "ls": line, "marker": marker, "markevery": every, **style}
    axes.plot(x, mean, color=colour, lw=2.4, ms=8, **style)
    axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.25, lw=0)
