"""Races as a picture, as a GIF, and as a page."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxopt_slides._core.spelling import public
from jaxopt_slides.landscapes import Landscape
from jaxopt_slides.viz import _page
from jaxopt_slides.viz._film import Overlay, save_gif
from jaxopt_slides.viz._runs import Paths, heights
from jaxopt_slides.viz._stage import Stage, contour_stage, marks, surface_stage, within
from jaxopt_slides.viz._style import require_matplotlib, styles, suffix_of
from jaxopt_slides.viz._words import Words

SUFFIXES = (".png", ".gif", ".html")
PNG_DPI, GIF_DPI = 150, 80


class Runner(NamedTuple):
    """One rule in a race, as it is drawn.

    Attributes:
      name: the key of its path.
      label: what the legend says.
      style: its colour and marker.
      line: its path in pixels, ``[steps + 1, 2]``, NaN outside the box.
      mark: its marker's place in pixels, ``[steps + 1, 2]``.
      heights: its loss, ``[steps + 1]``.
    """

    name: str
    label: str
    style: Any
    line: np.ndarray
    mark: np.ndarray
    heights: np.ndarray


@public
def contour_race(
    landscape: Landscape,
    paths: Paths,
    out: str | pathlib.Path,
    *,
    lang: str = "en",
    title: str | None = None,
    rates: Mapping[str, float] | None = None,
    frames: int = 100,
    fps: int = 12,
    progress: bool = False,
) -> pathlib.Path:
    """Draws a race on the level lines of a landscape.

    Args:
      landscape: where they ran.
      paths: positions by name, ``[steps + 1, dimension]``, of one length, as :func:`race` returns.
      out: the file: ``.png``, ``.gif`` (animated) or ``.html`` (one page with play, pause and a
        slider, which needs nothing else).
      lang: ``"en"`` or ``"pt"``.
      title: by default the landscape's name.
      rates: learning rates by name, for the legend.
      frames: how many frames a GIF has at most.
      fps: frames per second of a GIF.
      progress: show a bar while a GIF is drawn, where tqdm is installed.

    Returns:
      The path of the file. A path that leaves the box ends at its edge, where its marker waits.

    Raises:
      ValueError: another suffix or language, or paths of different lengths.
      ImportError: matplotlib is not installed.

    Example:
      >>> saddle = jos.landscapes.saddle
      >>> paths = jos.viz.race(saddle, jos.viz.usual_optimizers(saddle))
      >>> jos.viz.contour_race(saddle, paths, "race.gif", lang="pt")  # doctest: +SKIP
      PosixPath('race.gif')
    """
    show = _Show(landscape, paths, Words(lang), title, rates, frames, fps, progress)
    return _draw("contour_race", contour_stage, show, out)


@public
def surface_race(
    landscape: Landscape,
    paths: Paths,
    out: str | pathlib.Path,
    *,
    lang: str = "en",
    title: str | None = None,
    rates: Mapping[str, float] | None = None,
    frames: int = 100,
    fps: int = 12,
    progress: bool = False,
) -> pathlib.Path:
    """Draws a race on a landscape in three dimensions.

    Args:
      landscape: where they ran.
      paths: positions by name, ``[steps + 1, dimension]``, of one length, as :func:`race` returns.
      out: the file: ``.png``, ``.gif`` or ``.html``, as in :func:`contour_race`.
      lang: ``"en"`` or ``"pt"``.
      title: by default the landscape's name.
      rates: learning rates by name, for the legend.
      frames: how many frames a GIF has at most.
      fps: frames per second of a GIF.
      progress: show a bar while a GIF is drawn, where tqdm is installed.

    Returns:
      The path of the file. Paths lie over the surface: nothing hides them.

    Raises:
      ValueError: another suffix or language, or paths of different lengths.
      ImportError: matplotlib is not installed.

    Example:
      >>> saddle = jos.landscapes.saddle
      >>> paths = jos.viz.race(saddle, jos.viz.usual_optimizers(saddle))
      >>> jos.viz.surface_race(saddle, paths, "race.html")  # doctest: +SKIP
      PosixPath('race.html')
    """
    show = _Show(landscape, paths, Words(lang), title, rates, frames, fps, progress)
    return _draw("surface_race", surface_stage, show, out)


class _Show(NamedTuple):
    """What is to be drawn."""

    landscape: Landscape
    paths: Paths
    words: Words
    title: str | None
    rates: Mapping[str, float] | None
    frames: int
    fps: int
    progress: bool

    def label(self, name: str) -> str:
        """The legend's text for a rule."""
        return self.words.rule(name, (self.rates or {}).get(name))


def _draw(owner: str, stage_of: Callable[..., Stage], show: _Show, out: Any) -> pathlib.Path:
    path = suffix_of(owner, out, SUFFIXES)
    require_matplotlib()
    lengths = {name: len(positions) for name, positions in show.paths.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{owner}: expected paths by name, all of one length, got lengths {lengths}.")
    key = "race on a surface" if stage_of is surface_stage else "race"
    name = show.words.landscape(show.landscape)
    title = show.words(key, name) if show.title is None else show.title
    page = path.suffix.lower() == ".html"
    dpi = GIF_DPI if path.suffix.lower() == ".gif" else PNG_DPI
    legend = [] if page else _legend(show)
    stage = stage_of(show.landscape, show.words, "" if page else title, dpi, legend)
    runners = [_runner(show, stage, name) for name in show.paths]
    path.parent.mkdir(parents=True, exist_ok=True)
    if page:
        path.write_text(_page.page(stage, runners, show.words, title), encoding="utf-8")
    elif path.suffix.lower() == ".gif":
        overlay = Overlay(stage, runners, show.words)
        save_gif(overlay, path, show.frames, show.fps, show.progress)
    else:
        Overlay(stage, runners, show.words).frame(next(iter(lengths.values())) - 1).save(path)
    return path


def _runner(show: _Show, stage: Stage, name: str) -> Runner:
    path = np.asarray(show.paths[name])
    drawn = within(show.landscape, path)
    style = styles(show.paths)[name]
    line, mark = stage.pixels(drawn), stage.pixels(marks(drawn))
    return Runner(name, show.label(name), style, line, mark, heights(show.landscape, path))


def _legend(show: _Show) -> list[Any]:
    from matplotlib.lines import Line2D

    look = styles(show.paths)
    return [
        Line2D(
            [],
            [],
            color=s.colour,
            marker=s.marker,
            ls=s.line,
            lw=2.5,
            ms=10,
            mec="white",
            label=show.label(n),
        )
        for n, s in look.items()
    ]
