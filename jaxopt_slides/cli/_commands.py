"""What the commands do."""

import argparse
import pathlib
from typing import Any

import numpy as np

from jaxopt_slides.cli._arguments import Usage, either
from jaxopt_slides.landscapes import LANDSCAPES, Landscape
from jaxopt_slides.viz import (
    RULES,
    contour_race,
    effective_rate_curves,
    effective_rates,
    heights,
    loss_curves,
    sensitivity,
    sensitivity_curves,
    surface_race,
    usual_optimizers,
    usual_rates,
)
from jaxopt_slides.viz import race as run_race

RACES = (".png", ".gif", ".html")
CURVES = (".png", ".svg", ".pdf")


def race(options: argparse.Namespace) -> None:
    """Runs a race and draws it."""
    landscape = LANDSCAPES[options.landscape]
    view = options.view or ("contour" if landscape.is_minimum else "surface")
    flat = view in ("loss", "rates")
    out = options.out or pathlib.Path(f"{view}.png" if flat else "race.gif")
    if out.suffix.lower() not in (CURVES if flat else RACES):
        raise Usage(
            f"--view {view} draws a file that ends in {either(CURVES if flat else RACES)}, not {out}."
        )
    given = dict(options.learning_rate)
    if idle := [name for name in given if name not in options.rules]:
        raise Usage(
            f"--learning-rate {idle[0]}: {idle[0]!r} is not among --rules {','.join(options.rules)}."
        )
    optimizers = usual_optimizers(landscape, options.rules, given)
    {"loss": _losses, "rates": _effective}.get(view, _draw_race)(options, view, optimizers, out)
    if not options.quiet:
        print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


def _rates_of(landscape: Landscape, options: argparse.Namespace) -> dict[str, float]:
    return usual_rates(landscape) | dict(options.learning_rate)


def _draw_race(options: Any, view: str, optimizers: Any, out: pathlib.Path) -> None:
    landscape, progress = LANDSCAPES[options.landscape], not options.quiet
    paths = run_race(landscape, optimizers, options.steps, progress=progress)
    (contour_race if view == "contour" else surface_race)(
        landscape,
        paths,
        out,
        lang=options.lang,
        title=options.title,
        rates=_rates_of(landscape, options),
        frames=options.frames,
        fps=options.fps,
        progress=progress,
    )


def _losses(options: Any, _: str, optimizers: Any, out: pathlib.Path) -> None:
    landscape = LANDSCAPES[options.landscape]
    runs = [run_race(landscape, optimizers, options.steps, seed) for seed in range(options.seeds)]
    losses = {n: np.stack([heights(landscape, run[n]) for run in runs]) for n in optimizers}
    rates = _rates_of(landscape, options)
    loss_curves(losses, out, lang=options.lang, title=options.title, rates=rates)


def _effective(options: Any, _: str, optimizers: Any, out: pathlib.Path) -> None:
    if no := [name for name in optimizers if name in ("adadelta", "adam")]:
        raise Usage(f"--view rates: {no[0]}'s update is not a rate times the gradient; leave it out.")
    rates = effective_rates(LANDSCAPES[options.landscape], optimizers, options.steps)
    effective_rate_curves(rates, out, lang=options.lang, title=options.title)


def sweep(options: argparse.Namespace) -> None:
    """Runs a sweep, prints it, and draws it where a file is named."""
    if options.lowest >= options.highest:
        raise Usage(
            f"--lowest must be below --highest, got {options.lowest:g} and {options.highest:g}."
        )
    landscape, rules = LANDSCAPES[options.landscape], {n: RULES[n] for n in options.rules}
    rates = np.geomspace(options.lowest, options.highest, options.count)
    ask: Any = (options.steps, options.seeds)
    scores = sensitivity(landscape, rules, rates, *ask, progress=not options.quiet)
    print(*_table(landscape, rates, scores), sep="\n")
    if options.out:
        look: Any = {"lang": options.lang, "title": options.title}
        leave = not landscape.is_minimum
        sensitivity_curves(rates, scores, options.out, steps_to_leave=leave, **look)
        if not options.quiet:
            print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB")


def _table(landscape: Landscape, rates: np.ndarray, scores: dict[str, np.ndarray]) -> list[str]:
    """Learning rates down, rules across, the median over seeds; then each rule's best."""
    low = landscape.is_minimum
    what = "loss above the minimum at the last step" if low else "steps until it leaves the box"
    missing = "diverged" if low else "stays"
    middle = {name: np.median(values, axis=1) for name, values in scores.items()}
    lines = [f"{landscape.name}: {what}", "learning rate" + "".join(f"{n:>11}" for n in middle)]
    for i, rate in enumerate(rates):
        cells = (f"{m[i]:.3g}" if np.isfinite(m[i]) else missing for m in middle.values())
        lines.append(f"{rate:13.3g}" + "".join(f"{cell:>11}" for cell in cells))
    best = (f"{rates[m.argmin()]:.3g}" if np.isfinite(m).any() else "none" for m in middle.values())
    return [*lines, f"{'best at':>13}" + "".join(f"{rate:>11}" for rate in best)]


def show(_: argparse.Namespace) -> None:
    """Prints what there is."""
    print("landscapes, and the usual learning rates of the rules on each\n")
    print(f"{'':14}" + "".join(f"{name:>10}" for name in RULES))
    for key, landscape in LANDSCAPES.items():
        print(f"{key:14}" + "".join(f"{rate:10g}" for rate in usual_rates(landscape).values()))
