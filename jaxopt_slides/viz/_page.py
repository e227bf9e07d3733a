"""A race as one page: the landscape embedded, the paths as data, a script of its own, no request."""

import base64
import html
import io
import json
import pathlib
import re
from typing import Any

import numpy as np

from jaxopt_slides.viz._stage import Stage
from jaxopt_slides.viz._words import Words

TEMPLATE = pathlib.Path(__file__).with_name("_page.html")
COLOURS = 64  # of the embedded picture
SHAPES = {  # markers about the origin, ten pixels wide
    "o": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "s": "M-4.5 -4.5h9v9h-9z",
    "D": "M0 -6L6 0L0 6L-6 0z",
    "v": "M-6 -5h12L0 6z",
    "^": "M-6 5h12L0 -6z",
    "P": "M-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    "X": "M-5 -6L0 -2.5L5 -6L6 -5L2.5 0L6 5L5 6L0 2.5L-5 6L-6 5L-2.5 0L-6 -5z",
}


def page(stage: Stage, runners: list[Any], words: Words, title: str) -> str:
    """The page's text."""
    width, height = stage.size
    steps = len(runners[0].line) - 1
    keys = ("play", "speed", "go to step", "keys", "needs scripts", "show", "rule", "loss")
    values = {key: html.escape(words(key)) for key in keys} | {
        "lang": "pt-BR" if words.lang == "pt" else words.lang,
        "title": html.escape(title),
        "width": str(width),
        "height": str(height),
        "steps": str(steps),
        "background": _background(stage),
        "runners": "\n".join(draw(i, r) for draw in (_path, _mark) for i, r in enumerate(runners)),
        "rows": "\n".join(_row(i, r, words) for i, r in enumerate(runners)),
        "data": _data(runners, words, steps, height),
    }
    return re.sub(
        r"\{\{([^}]+)\}\}", lambda match: values[match[1]], TEMPLATE.read_text(encoding="utf-8")
    )


def _background(stage: Stage) -> str:
    from PIL.Image import Dither

    stream = io.BytesIO()
    stage.image().quantize(COLOURS, dither=Dither.NONE).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def _dashes(runner: Any) -> str:
    return ' stroke-dasharray="14 9"' if runner.style.line == "--" else ""


def _path(i: int, runner: Any) -> str:
    """One rule's path, still empty."""
    return (
        f'<g id="path{i}"><path id="halo{i}" class="halo"/>'
        f'<path id="line{i}" class="line" stroke="{runner.style.colour}"{_dashes(runner)}/></g>'
    )


def _mark(i: int, runner: Any) -> str:
    """One rule's marker, over every path."""
    shape, colour = SHAPES[runner.style.marker], runner.style.colour
    return f'<path id="mark{i}" class="mark" fill="{colour}" d="{shape}"/>'


def _row(i: int, runner: Any, words: Words) -> str:
    """One rule's line of the table: shown or not, how it looks, its loss."""
    colour, label = runner.style.colour, html.escape(runner.label)
    name = f"{html.escape(words('show'))} {label}"
    key = (
        f'<svg viewBox="-20 -10 40 20" aria-hidden="true">'
        f'<path d="M-20 0H20" stroke="{colour}" stroke-width="3"/>'
        f'<path d="{SHAPES[runner.style.marker]}" fill="{colour}"/></svg>'
    )
    box = f'<input type="checkbox" id="show{i}" checked aria-label="{name}">'
    return (
        f'<tr><td>{box}</td><th scope="row">{key} {label}</th><td class="loss" id="loss{i}"></td></tr>'
    )


def _points(pixels: np.ndarray, height: int) -> list[Any]:
    """Pixels from the upper left corner; null for what is not drawn."""
    return [
        None if np.isnan(x) else [round(float(x), 1), round(height - float(y), 1)] for x, y in pixels
    ]


def _data(runners: list[Any], words: Words, steps: int, height: int) -> str:
    """What the script draws, as JSON that cannot end the script."""
    data = {
        "steps": steps,
        **{key: words(key) for key in ("step", "play", "pause")},
        "runners": [
            {
                "line": _points(r.line, height),
                "mark": _points(r.mark, height),
                "loss": [float(f"{v:.4g}") if np.isfinite(v) else None for v in r.heights],
            }
            for r in runners
        ],
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
