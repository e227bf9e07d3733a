"""The picture of ``relay.py``: the losses of the three runs, and how far two are from the third."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from relay_runners import OUTSIDE

SINGLE, RELAY, NAIVE = "#BBBBBB", "#0072B2", "#D55E00"  # told apart by colour-blind people too
SHADES = {"torch": "#F3E3D9", "keras": "#F6DADA", "optax": "#DDEBDD", "jaxopt_slides": "#DCE6F2"}


def save(race: Any, steps: int, limit: float, path: Path) -> None:
    """Draws two panels above each other and saves them."""
    figure = Figure(figsize=(11, 8), dpi=130, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=12)
        axes.margins(x=0)
        shade_legs(axes, race, steps)
    draw_losses(upper, race, steps)
    draw_distances(lower, race, limit)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def shade_legs(axes: Any, race: Any, steps: int) -> None:
    """A colour for each framework, and a line at each handover."""
    for i, leg in enumerate(race.legs):
        axes.axvspan(i * steps, (i + 1) * steps, color=SHADES[leg.framework], lw=0)
        if i:
            axes.axvline(i * steps, color="white", lw=2)


def draw_losses(axes: Any, race: Any, steps: int) -> None:
    """The loss of each run against steps, and who runs."""
    axes.plot(race.naive.losses, color=NAIVE, lw=2.2, label="the relay, velocity copied as it is")
    axes.plot(race.single.losses, color=SINGLE, lw=8, label=f"{race.legs[0].framework} alone")
    axes.plot(race.relay.losses, color=RELAY, lw=2.2, label="the relay, velocity converted")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("loss", fontsize=14)
    axes.set_title(f"One training run, a new framework every {steps} steps", fontsize=17, pad=46)
    where = {"transform": axes.get_xaxis_transform(), "ha": "center", "fontsize": 13}
    for i, leg in enumerate(race.legs):
        axes.text((i + 0.5) * steps, 1.02, f"{leg.framework}\nlearning rate {leg.rate:g}", **where)
    label_kicks(axes, race, steps)
    axes.legend(fontsize=13, framealpha=0.9, edgecolor="none")


def label_kicks(axes: Any, race: Any, steps: int) -> None:
    """By how much a copied velocity is wrong where the learning rate goes inside it."""
    for i, (last, leg) in enumerate(pairwise(race.legs), 1):
        if last.framework in OUTSIDE and leg.framework not in OUTSIDE:
            top = race.naive.losses[i * steps : (i + 1) * steps].max()
            word = f"velocity × −{1 / leg.rate:g}"
            place = {"xytext": (0, 6), "textcoords": "offset points", "fontsize": 13}
            axes.annotate(word, (i * steps, top), color=NAIVE, **place)


def draw_distances(axes: Any, race: Any, limit: float) -> None:
    """The largest difference in any weight from the single run; none is drawn where there is none."""
    for run, colour, word in ((race.naive, NAIVE, "copied"), (race.relay, RELAY, "converted")):
        apart = np.abs(run.weights - race.single.weights).max(axis=1)
        axes.plot(np.where(apart > 0, apart, np.nan), color=colour, lw=2.2)
        if apart[-1] > 0:
            label(axes, f"{word}: {apart[-1]:.2g}", apart[-1], colour)
    axes.axhline(limit, color="black", ls="--", lw=1.2)
    label(axes, f"allowed: {limit:.0e}", limit, "black")
    axes.set_yscale("log")
    axes.set_ylim(1e-19, 1e4)
    axes.set_yticks([1e-18, 1e-12, 1e-6, 1])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(f"distance of the weights\nfrom {race.legs[0].framework} alone", fontsize=14)
    axes.set_xlabel("steps", fontsize=14)


def label(axes: Any, word: str, height: float, colour: str) -> None:
    """A word above the right end of a line."""
    end = {"textcoords": "offset points", "xytext": (-6, 6), "ha": "right", "fontsize": 13}
    axes.annotate(word, (1, height), xycoords=axes.get_yaxis_transform(), color=colour, **end)
