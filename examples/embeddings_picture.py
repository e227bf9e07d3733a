"""The picture of ``embeddings.py``."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # without pyplot: no window, no global state
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE = "#0072B2", "#D55E00"  # also for the colour-blind
SHOWN = 200  # steps, of both ways


def smooth(losses: np.ndarray) -> np.ndarray:
    """Means over neighbouring steps, about 100 of them."""
    size = max(1, len(losses) // 100)
    return losses[: len(losses) // size * size].reshape(-1, size).mean(1)


def draw_losses(axes: Any, dense: Any, lazy: Any) -> None:
    """Both ways, step by step."""
    axes.plot(lazy.losses[:SHOWN], color=BLUE, lw=6, alpha=0.45, label="lazy")
    axes.plot(dense.losses[:SHOWN], color=ORANGE, lw=1.6, ls="--", label="dense")
    axes.set_title("The same losses: the first steps", fontsize=16)


def draw_bars(axes: Any, dense: Any, lazy: Any) -> None:
    """The time per step, logarithmic."""
    runs = (dense, lazy)
    bars = axes.bar(
        [r.name for r in runs], [r.milliseconds for r in runs], color=[ORANGE, BLUE], width=0.6
    )
    axes.bar_label(bars, [f"{r.milliseconds:.3g} ms" for r in runs], fontsize=15, padding=3)
    axes.set_yscale("log")
    axes.set_ylim(lazy.milliseconds / 4, dense.milliseconds * 3)
    axes.set_ylabel("ms per step (logarithmic)", fontsize=15)
    axes.set_title(f"{dense.milliseconds / lazy.milliseconds:.1f} times as fast", fontsize=16)


def save(dense: Any, lazy: Any, title: str, path: Path) -> None:
    """Draws the losses on top of each other, the whole lazy training and the time per step."""
    figure = Figure(figsize=(17, 5.4), dpi=100, layout="constrained")
    beside, whole, bars = figure.subplots(1, 3, width_ratios=[1.3, 1.3, 1])
    draw_losses(beside, dense, lazy)
    means = smooth(lazy.losses)
    whole.plot(np.linspace(0, len(lazy.losses), len(means)), means, color=BLUE, lw=3, label="lazy")
    whole.axvspan(0, len(dense.losses), color=ORANGE, alpha=0.3, label="steps that dense took")
    whole.xaxis.set_major_locator(MaxNLocator(5))
    whole.set_title("All lazy steps, smoothed", fontsize=16)
    for axes in (beside, whole):
        axes.set_xlabel("step", fontsize=15)
        axes.set_ylabel("loss", fontsize=15)
        axes.legend(fontsize=14)
        axes.grid(alpha=0.3)
    draw_bars(bars, dense, lazy)
    for axes in (beside, whole, bars):
        axes.tick_params(labelsize=13)
    figure.suptitle(title, fontsize=17)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
