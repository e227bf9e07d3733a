"""How pictures look: colours, markers, sizes. matplotlib is imported here, when something is drawn."""

import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from jaxopt_slides._core.words import shown

TITLE, LABEL, TICK = 19, 16, 14  # points, for a figure ten inches wide: legible on a slide


class Style(NamedTuple):
    """How one rule looks: colours that colour-blind people can tell apart (Okabe and Ito), a marker."""

    colour: str
    marker: str
    line: str = "-"


STYLES = {
    "sgd": Style("#000000", "o"),
    "momentum": Style("#0072B2", "s"),
    "nesterov": Style("#56B4E9", "D", "--"),
    "adagrad": Style("#009E73", "v"),
    "adadelta": Style("#E69F00", "P"),
    "rmsprop": Style("#D55E00", "^"),
    "adam": Style("#CC79A7", "X", "--"),
}


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each name: a rule's own, and for other names those that are left, in turn."""
    names = list(names)
    free = [s for n, s in STYLES.items() if n not in names] or list(STYLES.values())
    others = [n for n in names if n not in STYLES]
    return {n: STYLES[n] if n in STYLES else free[others.index(n) % len(free)] for n in names}


def require_matplotlib() -> None:
    """Says what to install where nothing can be drawn; before anything else is imported of it."""
    try:
        import matplotlib.figure  # noqa: F401 (whether it is there)
    except ImportError as error:
        raise ImportError(
            'jaxopt_slides.viz draws with matplotlib: pip install "jaxopt_slides[viz]"'
        ) from error


def new_figure(width: float = 10, height: float = 6.25, dpi: int = 150) -> Any:
    """A figure without pyplot: no window, no global state."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(width, height), dpi=dpi, layout=engine)
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Any, title: str, x: str, y: str) -> None:
    """Title, labels and sizes of flat axes."""
    axes.set_title(title, fontsize=TITLE, pad=12)
    axes.set_xlabel(x, fontsize=LABEL)
    axes.set_ylabel(y, fontsize=LABEL)
    axes.tick_params(labelsize=TICK)


def save(figure: Any, out: pathlib.Path) -> None:
    """Saves a figure as what its suffix says."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)


def suffix_of(owner: str, out: Any, known: tuple[str, ...]) -> pathlib.Path:
    """The path, if its suffix is one that can be drawn."""
    path = pathlib.Path(out)
    if path.suffix.lower() not in known:
        raise ValueError(f"{owner}: the file must end in {' or '.join(known)}, got {shown(str(out))}.")
    return path
