"""The stage of a race: the landscape drawn once, and where a position is on the picture."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxopt_slides.landscapes import Landscape
from jaxopt_slides.viz._runs import heights, outside
from jaxopt_slides.viz._style import LABEL, TICK, TITLE, new_figure
from jaxopt_slides.viz._words import Words

# Where the highest point is so high, or so many times as high as the median, heights are logarithms.
HIGH, STEEP = 1000, 30


class Stage(NamedTuple):
    """A drawn landscape.

    Attributes:
      figure: with a canvas, drawn.
      pixels: of positions ``[steps, 2]`` within the box, ``[steps, 2]`` from the lower left corner.
    """

    figure: Any
    pixels: Callable[[np.ndarray], np.ndarray]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self.figure.canvas.get_width_height()
        return int(width), int(height)

    def image(self) -> Any:
        """What is on the canvas, as a Pillow image."""
        from PIL import Image

        return Image.frombytes("RGBA", self.size, bytes(self.figure.canvas.buffer_rgba())).convert(
            "RGB"
        )


class Relief(NamedTuple):
    """Heights as they are drawn."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    of: Callable[[np.ndarray], np.ndarray]
    logarithmic: bool


def relief(landscape: Landscape, size: int) -> Relief:
    """The landscape on a grid; logarithms where a few walls would flatten everything else."""
    x, y, z = landscape.grid(size)
    low = z.min()
    steep = z.max() - low > min(HIGH, STEEP * (np.median(z) - low))
    logarithmic = bool(landscape.is_minimum and steep)

    def shown_as(values: np.ndarray) -> np.ndarray:
        return np.log1p(np.maximum(values, 0)) if logarithmic else values

    return Relief(x, y, shown_as(z), lambda path: shown_as(heights(landscape, path)), logarithmic)


def within(landscape: Landscape, path: np.ndarray) -> np.ndarray:
    """The path ``[steps, 2]`` inside the box: NaN outside, but for where it crosses the edge.

    Of more than two dimensions, the first two are drawn.
    """
    plane = np.array(path[:, :2], np.float64)
    out = outside(landscape, plane)
    low, high = np.array(landscape.box).T
    drawn = np.where(out[:, None], np.nan, plane)
    for i in np.flatnonzero(out):
        for j in (i - 1, i + 1):
            if 0 <= j < len(plane) and not out[j]:
                drawn[i] = _crossing(plane[j], plane[i], low, high)
                break
    return drawn


def _crossing(inside: np.ndarray, beyond: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the way from inside to beyond meets the edge of the box."""
    if not np.isfinite(beyond).all():
        return inside
    way = beyond - inside
    edge = np.where(way > 0, high, low)
    share = np.divide(edge - inside, way, out=np.full(2, np.inf), where=way != 0)
    return np.clip(inside + min(1.0, float(share.min())) * way, low, high)


def marks(drawn: np.ndarray) -> np.ndarray:
    """Where the marker is at each step: it waits at the edge for a path that is outside."""
    known = ~np.isnan(drawn[:, 0])
    last = np.maximum.accumulate(np.where(known, np.arange(len(drawn)), 0))
    return drawn[last]


def contour_stage(landscape: Landscape, words: Words, title: str, dpi: int, legend: list[Any]) -> Stage:
    """Level lines seen from above; the critical points are stars."""
    figure = new_figure(dpi=dpi)
    axes, land = figure.add_subplot(), relief(landscape, 200)
    grey = _greys()
    levels = np.linspace(land.z.min(), land.z.max(), 16)
    if not land.logarithmic and landscape.is_minimum:  # more lines near the bottom
        levels = land.z.min() + (land.z.max() - land.z.min()) * np.linspace(0, 1, 16) ** 2
    axes.contourf(land.x, land.y, land.z, levels=levels, cmap=grey)
    axes.contour(land.x, land.y, land.z, levels=levels, colors="#8a94a0", linewidths=0.8)
    points = np.array(landscape.critical_points)[:, :2]
    key = "minimum" if landscape.is_minimum else "critical point"
    (star,) = axes.plot(*points.T, "*", ms=17, mfc="white", mec="black", mew=1.3, label=words(key))
    axes.set_xlim(*landscape.box[0])
    axes.set_ylim(*landscape.box[1])
    _finish(figure, axes, words, title, [*legend, star] if legend else [])
    return Stage(figure, axes.transData.transform)


def surface_stage(landscape: Landscape, words: Words, title: str, dpi: int, legend: list[Any]) -> Stage:
    """The surface in three dimensions."""
    figure = new_figure(dpi=dpi)
    axes, land = figure.add_subplot(projection="3d", computed_zorder=False), relief(landscape, 60)
    x, y = np.meshgrid(land.x, land.y)
    z: Any = land.z
    axes.plot_surface(x, y, z, cmap=_greys(), rcount=60, ccount=60, lw=0, antialiased=False, alpha=1)
    axes.plot_wireframe(x, y, z, rcount=15, ccount=15, color="#8a94a0", lw=0.6)
    axes.view_init(elev=42, azim=-62)
    axes.set_box_aspect((1.25, 1, 0.62), zoom=1.02)
    axes.set_zlabel(words("log loss" if land.logarithmic else "loss"), fontsize=LABEL, labelpad=9)
    axes.zaxis.set_major_formatter(words.formatter())
    axes.locator_params(nbins=5)
    _finish(figure, axes, words, title, legend)

    def pixels(path: np.ndarray) -> np.ndarray:
        from mpl_toolkits.mplot3d import proj3d

        flat = proj3d.proj_transform(path[:, 0], path[:, 1], land.of(path), axes.get_proj())
        return axes.transData.transform(np.column_stack(flat[:2]))

    return Stage(figure, pixels)


def _greys() -> Any:
    """From light (low) to grey (high), light enough for every rule's colour, black included."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("greys", ["#fbfcfd", "#e3e8ee", "#b9c3ce"])


def _finish(figure: Any, axes: Any, words: Words, title: str, legend: list[Any]) -> None:
    """What both stages share; afterwards the layout is final."""
    if title:
        figure.suptitle(title, fontsize=TITLE, x=0.03, ha="left")
    axes.set_xlabel("x", fontsize=LABEL)
    axes.set_ylabel("y", fontsize=LABEL)
    axes.tick_params(labelsize=TICK)
    axes.xaxis.set_major_formatter(words.formatter())
    axes.yaxis.set_major_formatter(words.formatter())
    if legend:
        figure.legend(
            handles=legend, loc="outside right upper", fontsize=TICK, frameon=False, labelspacing=0.9
        )
    figure.canvas.draw()
    figure.set_layout_engine("none")  # what is added now moves nothing
