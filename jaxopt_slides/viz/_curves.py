"""Curves: losses with bands over seeds, sensitivity to the learning rate, effective rates."""

import pathlib
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxopt_slides._core.spelling import public
from jaxopt_slides.viz._style import TICK, dress, new_figure, save, styles, suffix_of
from jaxopt_slides.viz._words import Words

SUFFIXES = (".png", ".svg", ".pdf")


@public
def loss_curves(
    curves: Mapping[str, Any],
    out: str | pathlib.Path,
    *,
    lang: str = "en",
    title: str | None = None,
    rates: Mapping[str, float] | None = None,
    log: bool = True,
) -> pathlib.Path:
    """Draws losses against steps, with bands from the lowest to the highest seed.

    Args:
      curves: losses by name, ``[steps]`` or ``[seeds, steps]``; of seeds the median is the line.
      out: the file, ``.png``, ``.svg`` or ``.pdf``.
      lang: ``"en"`` or ``"pt"``.
      title: by default what the picture shows.
      rates: learning rates by name, for the legend.
      log: a logarithmic axis, where every loss is positive.

    Returns:
      The path of the file.

    Raises:
      ValueError: another suffix or language, or no curves.
      ImportError: matplotlib is not installed.

    Example:
      >>> jos.viz.loss_curves({"sgd": [[4.0, 2.0, 1.0]]}, "losses.png")  # doctest: +SKIP
      PosixPath('losses.png')
    """
    words, path = Words(lang), suffix_of("loss_curves", out, SUFFIXES)
    runs = {n: np.atleast_2d(np.asarray(c, float)) for n, c in _some("loss_curves", curves).items()}
    figure, axes = _axes(words, words("losses") if title is None else title, "steps", "loss")
    for i, (name, losses) in enumerate(runs.items()):
        style, steps = styles(runs)[name], np.arange(losses.shape[1])
        every = max(1, len(steps) // 10)
        line = {
            "color": style.colour,
            "marker": style.marker,
            "markevery": (i * every // len(runs), every),
        }
        label = words.rule(name, (rates or {}).get(name))
        axes.plot(steps, np.median(losses, axis=0), style.line, lw=2.5, ms=8, label=label, **line)
        axes.fill_between(
            steps, losses.min(axis=0), losses.max(axis=0), color=style.colour, alpha=0.2, lw=0
        )
    if log and all((losses[np.isfinite(losses)] > 0).all() for losses in runs.values()):
        axes.set_yscale("log")
    else:
        axes.yaxis.set_major_formatter(words.formatter())
    seeds = max(len(losses) for losses in runs.values())
    _finish(figure, axes, words("band", seeds) if seeds > 1 else "", path)
    return path


@public
def sensitivity_curves(
    rates: Any,
    scores: Mapping[str, Any],
    out: str | pathlib.Path,
    *,
    lang: str = "en",
    title: str | None = None,
    steps_to_leave: bool = False,
) -> pathlib.Path:
    """Draws a score against the learning rate for every rule.

    Args:
      rates: learning rates ``[rates]``.
      scores: by name, ``[rates]`` or ``[rates, seeds]``, as :func:`sensitivity` returns; what is not
        finite is a cross at the top.
      out: the file, ``.png``, ``.svg`` or ``.pdf``.
      lang: ``"en"`` or ``"pt"``.
      title: by default what the picture shows.
      steps_to_leave: the scores are steps until a path leaves a saddle, not losses.

    Returns:
      The path of the file.

    Raises:
      ValueError: another suffix or language, or no scores.
      ImportError: matplotlib is not installed.

    Example:
      >>> scores = {"sgd": [1.0, 0.1, jnp.inf]}
      >>> jos.viz.sensitivity_curves([0.1, 1.0, 10.0], scores, "sweep.png")  # doctest: +SKIP
      PosixPath('sweep.png')
    """
    words, path = Words(lang), suffix_of("sensitivity_curves", out, SUFFIXES)
    y = "steps to leave" if steps_to_leave else "loss above"
    figure, axes = _axes(words, words("sensitivity") if title is None else title, "learning rate", y)
    runs = {n: np.asarray(s, float) for n, s in _some("sensitivity_curves", scores).items()}
    runs = {n: s.reshape(len(s), -1) for n, s in runs.items()}
    axes.set_xscale("log")
    least = _least(runs)
    for i, (name, values) in enumerate(runs.items()):
        style, lost = styles(runs)[name], np.logical_not(np.isfinite(values).all(axis=1))
        kept = np.where(lost[:, None], np.nan, np.maximum(values, least))
        middle, look = np.median(kept, axis=1), {"color": style.colour, "marker": style.marker}
        axes.plot(rates, middle, style.line, lw=2.5, ms=8, label=words(name), **look)
        axes.fill_between(
            rates, kept.min(axis=1), kept.max(axis=1), color=style.colour, alpha=0.2, lw=0
        )
        top = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        height = np.full(int(lost.sum()), 0.985 - 0.03 * i)
        axes.plot(np.asarray(rates)[lost], height, "x", color=style.colour, ms=8, mew=2.5, **top)
    if least > 0:
        axes.set_yscale("log")
    axes.margins(y=0.25)
    seeds = max(s.shape[1] for s in runs.values())
    _finish(figure, axes, words("band", seeds) if seeds > 1 else "", path)
    return path


@public
def effective_rate_curves(
    rates: Mapping[str, Any], out: str | pathlib.Path, *, lang: str = "en", title: str | None = None
) -> pathlib.Path:
    """Draws effective learning rates over time, one line a coordinate.

    Args:
      rates: by name, ``[steps, ...]``, as :func:`effective_rates` returns.
      out: the file, ``.png``, ``.svg`` or ``.pdf``.
      lang: ``"en"`` or ``"pt"``.
      title: by default what the picture shows.

    Returns:
      The path of the file.

    Raises:
      ValueError: another suffix or language, or no rates.
      ImportError: matplotlib is not installed.

    Example:
      >>> rates = jos.viz.effective_rates(jos.landscapes.valley, {"adagrad": adagrad(1.0)})
      >>> jos.viz.effective_rate_curves(rates, "rates.png")  # doctest: +SKIP
      PosixPath('rates.png')
    """
    words, path = Words(lang), suffix_of("effective_rate_curves", out, SUFFIXES)
    runs = {n: np.asarray(r, float) for n, r in _some("effective_rate_curves", rates).items()}
    title = words("effective rates") if title is None else title
    figure, axes = _axes(words, title, "steps", "effective rate")
    for name, values in runs.items():
        style, columns = styles(runs)[name], values.reshape(len(values), -1).T
        steps = np.arange(1, len(values) + 1)
        for i, column in enumerate(columns):
            label = words(name) if len(columns) == 1 else f"{words(name)}, {_coordinate(i)}"
            look = {"color": style.colour, "marker": style.marker, "alpha": 1 if i == 0 else 0.65}
            line = ("-", "--", ":", "-.")[i % 4]
            axes.plot(steps, column, line, lw=2.5, ms=8, markevery=0.1, label=label, **look)
    axes.set_yscale("log")
    _finish(figure, axes, "", path)
    return path


def _coordinate(i: int) -> str:
    return "xyz"[i] if i < 3 else f"w{i}"


def _some(owner: str, curves: Any) -> Mapping[str, Any]:
    if not isinstance(curves, Mapping) or not curves:
        raise ValueError(f"{owner}: expected arrays by name, got {curves!r:.60}.")
    return curves


def _least(runs: Mapping[str, np.ndarray]) -> float:
    """Where a logarithmic axis ends: what has arrived exactly is drawn there, not at minus infinity."""
    positive = np.concatenate([s[np.isfinite(s) & (s > 0)] for s in runs.values()])
    if not len(positive):
        return 0.0
    return float(max(positive.min(), positive.max() * 1e-12))


def _axes(words: Words, title: str, x: str, y: str) -> tuple[Any, Any]:
    figure = new_figure(width=12)
    axes = figure.subplots()
    dress(axes, title, words(x), words(y))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if x == "steps":
        axes.xaxis.set_major_formatter(words.formatter())
    return figure, axes


def _finish(figure: Any, axes: Any, note: str, path: pathlib.Path) -> None:
    """The legend beside the axes, where it hides no curve."""
    handles, _ = axes.get_legend_handles_labels()
    look: Any = {"fontsize": TICK, "title_fontsize": TICK, "frameon": False, "labelspacing": 0.8}
    title = "\n".join(textwrap.wrap(note, 24)) or None
    figure.legend(handles=handles, loc="outside right upper", title=title, alignment="left", **look)
    save(figure, path)
