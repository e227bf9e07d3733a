"""What moves in a race, over a stage that is drawn once; and a GIF of it."""

import pathlib
from typing import Any

import numpy as np

from jaxopt_slides.viz._runs import watched
from jaxopt_slides.viz._stage import Stage
from jaxopt_slides.viz._style import LABEL
from jaxopt_slides.viz._words import Words

HOLD = 2500  # milliseconds of a GIF's last frame
COLOURS = 128  # of a GIF


class Overlay:
    """The paths over the stage; the stage is drawn once, then only what moves."""

    def __init__(self, stage: Stage, runners: list[Any], words: Words):
        from matplotlib.lines import Line2D
        from matplotlib.patheffects import Normal, Stroke

        figure, self.stage, self.runners, self.words = stage.figure, stage, runners, words
        self.background = figure.canvas.copy_from_bbox(figure.bbox)
        halo = [Stroke(linewidth=4.5, foreground="white"), Normal()]
        plain: Any = {"transform": None, "figure": figure}  # no transform: pixels
        self.lines = [
            Line2D([], [], color=r.style.colour, ls=r.style.line, lw=2.5, path_effects=halo, **plain)
            for r in runners
        ]
        self.marks = [
            Line2D(
                [],
                [],
                color=r.style.colour,
                marker=r.style.marker,
                ms=12,
                mec="white",
                mew=1.4,
                **plain,
            )
            for r in runners
        ]
        self.count = figure.text(0.985, 0.03, "", fontsize=LABEL, ha="right")

    def frame(self, step: int) -> Any:
        """The picture after so many steps, as a Pillow image."""
        canvas = self.stage.figure.canvas
        canvas.restore_region(self.background)
        for runner, line, mark in zip(self.runners, self.lines, self.marks, strict=True):
            line.set_data(*runner.line[: step + 1].T)
            mark.set_data(*runner.mark[step : step + 1].T)
        self.count.set_text(f"{self.words('step')} {step}")
        for artist in [*self.lines, *self.marks, self.count]:
            artist.draw(canvas.get_renderer())
        return self.stage.image()


def save_gif(overlay: Overlay, path: pathlib.Path, frames: int, fps: int, progress: bool) -> None:
    """Frames of one palette, without dithering: what does not move costs nothing."""
    from PIL.Image import Dither

    steps = len(overlay.runners[0].line) - 1
    at = np.unique(np.linspace(0, steps, min(frames, steps + 1)).round().astype(int))
    palette = _palette(overlay.frame(steps), [r.style.colour for r in overlay.runners])
    images = [
        overlay.frame(int(step)).quantize(palette=palette, dither=Dither.NONE)
        for step in watched(at, path.name, progress)
    ]
    durations = [round(1000 / fps)] * (len(images) - 1) + [HOLD]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0)


def _palette(picture: Any, colours: list[str]) -> Any:
    """A picture of few colours, the rules' own exactly among them."""
    from PIL.Image import Dither
    from PIL.ImageColor import getrgb

    few = picture.quantize(COLOURS - len(colours), dither=Dither.NONE)
    own = [value for colour in colours for value in getrgb(colour)]
    few.putpalette(few.getpalette()[: 3 * (COLOURS - len(colours))] + own)
    return few
