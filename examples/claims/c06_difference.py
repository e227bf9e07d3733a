"""Claim 6: RMSProp and Adagrad differ in one line."""

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import COLOURS, RULES, contours, float64, label, panels, save
from jaxopt_slides._rules import adagrad, rmsprop

VALLEY = jos.landscapes.valley
RATE, STEPS, DECAY = 0.5, 200, 0.9


def code(function: Callable[..., Any]) -> list[str]:
    """The source of a function, moved to the left, without its docstring."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    return [line for line in lines if not line.lstrip().startswith('"""')]


def cache_line(function: Callable[..., Any]) -> str:
    """The line of its source that updates the cache."""
    lines = [line.strip() for line in inspect.getsource(function).splitlines()]
    return next(line for line in lines if line.startswith(("c =", "cache =")))


def slide_rmsprop(x: np.ndarray, cache: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slide's cell."""
    cache = DECAY * cache + (1 - DECAY) * dx**2
    return x - RATE * dx / (np.sqrt(cache) + 1e-7), cache


def slide_adagrad(x: np.ndarray, cache: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slide's cell."""
    cache = cache + dx**2
    return x - RATE * dx / (np.sqrt(cache) + 1e-7), cache


def slide_path(cell: Callable[..., tuple[np.ndarray, np.ndarray]], steps: int) -> np.ndarray:
    """The cell in its loop: ``[steps, 2]``."""
    x, cache, path = np.array(VALLEY.start), np.zeros(2), []
    for _ in range(steps):
        path.append(x)
        x, cache = cell(x, cache, np.array([0.04, 4.0]) * x)
    return np.array(path)


def path_of(tx: jos.GradientTransformation, steps: int) -> np.ndarray:
    """The optimizer's path from the same start, ``[steps, 2]``."""
    return np.asarray(
        jos.fit(VALLEY, tx, VALLEY.begin(), steps=steps, record="params").history["params"]
    )


def as_adagrad() -> jos.GradientTransformation:
    """RMSProp that weighs all squares alike, s = c/t, and a rate that makes up for the division."""

    def decay(count: jax.Array) -> jax.Array:
        return count / (count + 1.0)

    def rate(count: jax.Array) -> jax.Array:
        return RATE / jnp.sqrt(count + 1.0)

    return jos.rmsprop(rate, decay, eps=0.0)


@float64
def measure(short: bool = False) -> dict[str, Any]:
    """Both rules, the slides' cells, and RMSProp made into Adagrad, from one start."""
    steps = 50 if short else STEPS
    paths = {"RMSProp": jos.rmsprop(RATE, DECAY), "Adagrad": jos.adagrad(RATE)}
    return {
        "paths": {rule: path_of(tx, steps) for rule, tx in paths.items()},
        "cells": {
            "RMSProp": slide_path(slide_rmsprop, steps),
            "Adagrad": slide_path(slide_adagrad, steps),
        },
        "turned": path_of(as_adagrad(), steps),
        "exact": path_of(jos.adagrad(RATE, eps=0.0), steps),
        "lines": {
            "RMSProp": cache_line(rmsprop.normalize),
            "Adagrad": cache_line(adagrad.Adagrad.step),
        },
    }


def first_steps(result: dict[str, Any]) -> np.ndarray:
    """RMSProp's first step over Adagrad's, ``[2]``."""
    r, a = (result["paths"][rule] for rule in ("RMSProp", "Adagrad"))
    return (r[1] - r[0]) / (a[1] - a[0])


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance between two paths, in any coordinate."""
    return float(np.abs(one - other).max())


def lengths(path: np.ndarray) -> np.ndarray:
    """How long each step is."""
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


def check(result: dict[str, Any]) -> None:
    """The cells' paths; the one line; and that nothing else differs."""
    for rule, path in result["paths"].items():
        np.testing.assert_allclose(path, result["cells"][rule], atol=1e-10)
    assert result["lines"]["Adagrad"].startswith("c = accumulate(")
    assert result["lines"]["RMSProp"].startswith("cache = moving_average(")
    np.testing.assert_allclose(first_steps(result), 1 / np.sqrt(1 - DECAY), rtol=1e-5)
    np.testing.assert_allclose(result["turned"], result["exact"], atol=1e-10)
    assert apart(*result["paths"].values()) > 1
    assert lengths(result["paths"]["RMSProp"])[-1] > 3 * lengths(result["paths"]["Adagrad"])[-1]


def rows(result: dict[str, Any]) -> list[Row]:
    """The line, the cells, the first step, the identity."""
    last = {rule: lengths(path)[-1] for rule, path in result["paths"].items()}
    steps = len(result["turned"])
    return [
        *(
            Row(f"{rule}: the line of the cache", f"`{result['lines'][rule]}`", f"slide: `{slide}`")
            for rule, slide in (
                ("RMSProp", "cache = decay_rate * cache + (1 - decay_rate) * dx**2"),
                ("Adagrad", "cache += dx**2"),
            )
        ),
        *(
            Row(
                f"{rule}: distance from the slide's cell in {steps} steps",
                f"{apart(path, result['cells'][rule]):.0e}",
                "0 (± 10⁻¹⁰)",
            )
            for rule, path in result["paths"].items()
        ),
        Row(
            "first step, RMSProp over Adagrad",
            f"{first_steps(result)[0]:.5f}",
            f"1/√(1−β) = {1 / np.sqrt(1 - DECAY):.5f} (± 10⁻⁵)",
        ),
        Row(
            "RMSProp with β = t/(t+1), α/√(t+1), from Adagrad",
            f"{apart(result['turned'], result['exact']):.0e}",
            "0 (± 10⁻¹⁰)",
        ),
        Row(
            f"step {steps - 1}: RMSProp / Adagrad",
            f"{last['RMSProp']:.2e} / {last['Adagrad']:.2e}",
            "more than 3 times as long",
        ),
    ]


def verdict(result: dict[str, Any]) -> str:
    """True."""
    return (
        f"True: without RMSProp's options the rules differ in the line of the cache alone. It is worth a "
        f"factor of {first_steps(result)[0]:.2f} at the first step, and later the whole character: here "
        f"Adagrad comes to rest, while RMSProp's steps stay as long as its rate. If RMSProp weighs all squares alike (β = t/(t+1)) and its rate falls as "
        f"1/√(t+1), it is Adagrad to {apart(result['turned'], result['exact']):.0e}."
    )


def show_code(axes: Any, rule: str, lines: list[str], differs: str) -> None:
    """The source of a step, with the line that differs in the rule's colour."""
    where = {"transform": axes.transAxes, "in_layout": False}
    name = "RMSProp (what its step calls)" if rule == "RMSProp" else rule
    axes.text(0, 1, name, fontsize=17, color=RULES[rule][0], weight="bold", **where)
    for i, line in enumerate(lines):
        plain = {"color": "black"}
        style = {"color": RULES[rule][0], "weight": "bold"} if line.strip() == differs else plain
        axes.text(0, 0.88 - 0.105 * i, line, family="monospace", fontsize=11, **style, **where)
    axes.axis("off")


def draw(result: dict[str, Any], path: Path) -> None:
    """The sources above the paths and the lengths of their steps."""
    figure, (left, right) = panels("Paths from one start", "Length of each step", width=7.6, height=9.5)
    grid = figure.add_gridspec(2, 2, height_ratios=(0.55, 1))
    for i, axes in enumerate((left, right)):
        axes.set_subplotspec(grid[1, i])
    sources = {"RMSProp": rmsprop.normalize, "Adagrad": adagrad.Adagrad.step}
    for i, (rule, function) in enumerate(sources.items()):
        show_code(figure.add_subplot(grid[0, i]), rule, code(function), result["lines"][rule])
    contours(left, VALLEY)
    for rule in sources:
        colour, marker, line = RULES[rule]
        style = {"color": colour, "ls": line, "lw": 2, "label": f"{rule}, α = {RATE:g}"}
        left.plot(*result["paths"][rule].T, marker=marker, markevery=5, ms=7, **style)
        right.plot(lengths(result["paths"][rule]), **style)
    right.set_yscale("log")
    left.plot(*VALLEY.start, "o", color=COLOURS["black"], ms=10)
    label(left, "along the floor", "across", loc="upper right")
    label(right, "steps", "length", loc="lower left")
    save(figure, path)


CLAIM = Claim(
    6,
    "The one-line difference",
    "“Diferença” (the difference): an arrow from the word to the two lines of the cache, "
    "`cache = decay_rate * cache + (1 - decay_rate) * dx**2` and `cache += dx**2`.",
    "*RMSProp / Adagrad*, “RMSprop × ADAGRAD”",
    measure,
    check,
    rows,
    verdict,
    draw,
)
