"""The ratios as a picture: a panel for every subject, a line for every case."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.figures import Case

SIDES = {"jos": "#0b62a4", "optax": "#d1700f", "torch": "#2e8540"}  # others are grey
MARKERS = "osD^v"
LINE, HEAD, LEGEND = 0.1, 0.75, 0.18  # inches: a way, a title with its axis, a line of the legend


def side_of(way: str) -> str:
    """The library that a way belongs to."""
    return next((side for side in SIDES if way.startswith(side)), "")


def styles(cases: Sequence[Case]) -> dict[str, tuple[str, str]]:
    """Colour by library, marker by the way's place in it."""
    found: dict[str, tuple[str, str]] = {}
    for case in cases:
        for way in case.values:
            side = side_of(way)
            known = sum(side_of(other) == side for other in found if other != way)
            found.setdefault(way, (SIDES.get(side, "#777777"), MARKERS[known % len(MARKERS)]))
    return found


def drawable(cases: Sequence[Case]) -> list[Case]:
    """Those that have ratios: two ways at least, and none that is zero."""
    return [c for c in cases if len(c.values) > 1 and all(min(v) > 0 for v in c.values.values())]


def panel(axes: Axes, cases: Sequence[Case]) -> None:
    """One subject."""
    looks = styles(cases)
    for row, case in enumerate(cases):
        for k, way in enumerate(case.values):
            ratio, y = case.ratio(way), row + 0.8 * ((k + 0.5) / len(case.values) - 0.5)
            assert ratio is not None
            color, marker = looks[way]
            axes.plot(
                [ratio.low, ratio.high], [y, y], color=color, lw=2, alpha=0.35, solid_capstyle="butt"
            )
            axes.plot(ratio.median, y, marker, color=color, ms=4.5, alpha=0.9, label=way, mew=0)
    axes.axvline(1, color="#444444", lw=0.8, zorder=0)
    axes.set(xscale="log", ylim=(len(cases) - 0.5, -0.5), yticks=range(len(cases)))
    axes.set_yticklabels([case.name for case in cases])
    for row in range(1, len(cases)):
        axes.axhline(row - 0.5, color="#eeeeee", lw=0.8, zorder=0)
    axes.set_title(f"{cases[0].subject}: ratio to {cases[0].first}", loc="left", fontsize=9)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.5), max(high, 2.2))
    wide = axes.get_xlim()[1] / axes.get_xlim()[0] > 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(
        handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(1.01, 1.05), fontsize=7.5,
        frameon=False, borderpad=0, labelspacing=0.35, handletextpad=0.2,
    )  # fmt: skip


def _height(cases: Sequence[Case]) -> float:
    """In inches: room for every way of every case, and for the legend."""
    lines = sum(max(2, len(case.values)) for case in cases)
    return HEAD + max(LINE * lines, LEGEND * len(styles(cases)))


def draw(cases: Sequence[Case], path: Path) -> None:
    """All subjects, one below the other, to a file."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in drawable(cases):
        groups.setdefault((case.subject, case.first), []).append(case)
    panels = list(groups.values())
    if not panels:
        return
    heights = [_height(group) for group in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9, sum(heights)), height_ratios=heights, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for one, group in zip(axes[:, 0], panels, strict=True):
        panel(one, group)
    title = "By the first way of each, which is at 1: less is to the left; lines join quartiles"
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=150)
    plt.close(figure)
