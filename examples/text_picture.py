"""The picture of ``text.py``: what each rule reaches, when, and at which learning rates."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from text_report import Sweep, half_interval

STYLES = {  # colours that colour-blind people can tell apart (Okabe and Ito), and a marker each
    "sgd": ("#000000", "o", "-"),
    "momentum": ("#0072B2", "s", "-"),
    "nesterov": ("#56B4E9", "D", "--"),
    "rmsprop": ("#D55E00", "^", "-"),
    "adagrad": ("#009E73", "v", "-"),
}


def save(sweeps: list[Sweep], path: Path) -> None:
    """Draws two panels beside each other and saves them."""
    figure = Figure(figsize=(13, 6), dpi=150, layout=ConstrainedLayoutEngine(wspace=0.06))
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=13)
    draw_curves(left, sweeps)
    draw_rates(right, sweeps)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def draw_curves(axes: Any, sweeps: list[Sweep]) -> None:
    """Validation loss against steps, each rule at its best learning rate."""
    trained = [s for s in sweeps if s.best is not None]
    for i, s in enumerate(trained):
        colour, marker, line = STYLES[s.rule]
        mean, half = s.curve.mean(axis=1), half_interval(s.curve.T)
        style = {"color": colour, "marker": marker, "markevery": (i + 1, 5), "lw": 2.2, "ms": 7}
        axes.plot(s.steps, mean, line, label=f"{s.rule}, learning rate {s.rates[s.best]:g}", **style)
        axes.fill_between(s.steps, mean - half, mean + half, color=colour, alpha=0.2, lw=0)
    axes.set_title("Each rule at its best learning rate", fontsize=16)
    axes.set_xlabel("steps", fontsize=15)
    axes.set_ylabel("validation loss (nats a word)", fontsize=15)
    if trained:
        low = min(s.curve.min() for s in trained)
        high = max(s.curve[1].max() for s in trained)  # what is above is the start, common to all
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axes.legend(fontsize=14, framealpha=0.85, edgecolor="none")


def draw_rates(axes: Any, sweeps: list[Sweep]) -> None:
    """Lowest validation perplexity against the learning rate; diverged runs are crosses at the top."""
    for i, s in enumerate(sweeps):
        colour, marker, line = STYLES[s.rule]
        height = np.exp(np.where(s.diverged, np.nan, s.lowest))
        axes.plot(s.rates, height, line, color=colour, marker=marker, lw=2.2, ms=7, label=s.rule)
        lost = s.rates[s.diverged]
        where = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(lost, np.full(len(lost), 0.98 - 0.03 * i), "x", color=colour, ms=9, mew=2.5, **where)
    axes.set_xscale("log")
    if not all(s.diverged.all() for s in sweeps):
        axes.set_yscale("log")
        axes.margins(y=0.15)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title("Every learning rate (× at the top: diverged)", fontsize=16)
    axes.set_xlabel("learning rate", fontsize=15)
    axes.set_ylabel(f"lowest validation perplexity in {sweeps[0].steps[-1]:,} steps", fontsize=15)
    axes.legend(fontsize=14, framealpha=0.85, edgecolor="none")
