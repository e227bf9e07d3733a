"""Claim 6: RMSProp and Adagrad differ in one line."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import (
    COLOURS,
    RULES,
    contours,
    float64,
    label,
    panels,
    save,
    show_code,
)
from jaxopt_slides._rules import adagrad, rmsprop

VALLEY = jos.landscapes.valley
RATE, STEPS, DECAY = 0.5, 200, 0.9
SLIDE_LINES = {
    "RMSProp": "cache = decay_rate * cache + (1 - decay_rate) * dx**2",
    "Adagrad": "cache += dx**2",
}


def cache_line(function: Callable[..., Any]) -> str:
    """The line of its source that updates the cache."""
    lines = [line.strip() for line in inspect.getsource(function).splitlines()]
    return next(line for line in lines if line.startswith(("c =", "cache =")))


Cell = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def slide_rmsprop(x: np.ndarray, cache: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slide's cell."""
    cache = DECAY * cache + (1 - DECAY) * dx**2
    return x - RATE * dx / (np.sqrt(cache) + 1e-7), cache


def slide_adagrad(x: np.ndarray, cache: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slide's cell."""
    cache = cache + dx**2
    return x - RATE * dx / (np.sqrt(cache) + 1e-7), cache


def slide_path(cell: Cell, steps: int) -> np.ndarray:
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
    lines = result["lines"]
    assert lines["Adagrad"].startswith("c = accumulate("), lines
    assert lines["RMSProp"].startswith("cache = moving_average("), lines
    np.testing.assert_allclose(first_steps(result), 1 / np.sqrt(1 - DECAY), rtol=1e-5)
    np.testing.assert_allclose(result["turned"], result["exact"], atol=1e-10)
    assert apart(*result["paths"].values()) > 1, "the paths are the same"
    last = {rule: lengths(path)[-1] for rule, path in result["paths"].items()}
    assert last["RMSProp"] > 3 * last["Adagrad"], last


def rows(result: dict[str, Any]) -> list[Row]:
    """The line, the cells, the first step, the identity."""
    last = {rule: lengths(path)[-1] for rule, path in result["paths"].items()}
    steps, first = len(result["turned"]), f"{first_steps(result)[0]:.5f}"
    found = []
    for rule, slide in SLIDE_LINES.items():
        found.append(Row(f"{rule}: the cache", f"`{result['lines'][rule]}`", f"slide: `{slide}`"))
    for rule, path in result["paths"].items():
        what = f"{rule}: distance from the slide's cell in {steps} steps"
        found.append(Row(what, f"{apart(path, result['cells'][rule]):.0e}", "0 (± 10⁻¹⁰)"))
    wanted = f"1/√(1−β) = {1 / np.sqrt(1 - DECAY):.5f} (± 10⁻⁵)"
    found.append(Row("first step, RMSProp over Adagrad", first, wanted))
    what = "RMSProp with β = t/(t+1) and α/√(t+1): distance from Adagrad"
    found.append(Row(what, f"{apart(result['turned'], result['exact']):.0e}", "0 (± 10⁻¹⁰)"))
    both = f"{last['RMSProp']:.2e} / {last['Adagrad']:.2e}"
    return [*found, Row(f"step {steps - 1}: RMSProp / Adagrad", both, "more than 3 times as long")]


def verdict(result: dict[str, Any]) -> str:
    """True."""
    return (
        f"True: without RMSProp's options the rules differ in the line of the cache alone. It is worth "
        f"a factor of {first_steps(result)[0]:.2f} at the first step, and later the whole character: "
        f"here Adagrad comes to rest, while RMSProp's steps stay as long as its rate. If RMSProp "
        f"weighs all squares alike (β = t/(t+1)) and its rate falls as 1/√(t+1), it is Adagrad to "
        f"{apart(result['turned'], result['exact']):.0e}."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """The sources above the paths and the lengths of their steps."""
    figure, (left, right) = panels("Paths from one start", "Length of each step", width=7.6, height=9.5)
    grid = figure.add_gridspec(2, 2, height_ratios=(0.55, 1))
    for i, axes in enumerate((left, right)):
        axes.set_subplotspec(grid[1, i])
    sources = {"RMSProp": rmsprop.normalize, "Adagrad": adagrad.Adagrad.step}
    for i, (rule, function) in enumerate(sources.items()):
        show_code(figure.add_subplot(grid[0, i]), rule, function, result["lines"][rule])
    contours(left, VALLEY)
    for rule in sources:
        colour, marker, line = RULES[rule]
        style = {"color": colour, "ls": line, "lw": 2, "label": f"{rule}, α = {RATE:g}"}
        left.plot(*result["paths"][rule].T, marker=marker, markevery=5, ms=7, **style)
        right.plot(lengths(result["paths"][rule]), **style)
    right.set_yscale("log")
    left.plot(*VALLEY.start, "o", color=COLOURS["black"], ms=10)
    label(left, "along the floor", "across", loc="upper right")
    label(right, "steps", "length", loc="center right")
    save(figure, path)


PORTUGUESE = {
    "The one-line difference": "A diferença de uma linha",
    "“Diferença” (the difference): an arrow from the word to the two lines of the cache, # and #.": (
        "“Diferença”: uma seta liga a palavra às duas linhas do cache, # e #."
    ),
    "True: without RMSProp's options the rules differ in the line of the cache alone. It is worth "
    "a factor of # at the first step, and later the whole character: here Adagrad comes to rest, "
    "while RMSProp's steps stay as long as its rate. If RMSProp weighs all squares alike (β = "
    "t/(t+#)) and its rate falls as #/√(t+#), it is Adagrad to #.": (
        "Verdade: sem as opções do RMSProp, as regras só diferem na linha do cache. Ela vale um "
        "fator de # no primeiro passo e, depois, todo o caráter: aqui o Adagrad chega ao repouso, "
        "enquanto os passos do RMSProp continuam do tamanho da sua taxa. Se o RMSProp pesa todos "
        "os quadrados por igual (β = t/(t+#)) e a sua taxa cai como #/√(t+#), ele é o Adagrad, a "
        "menos de #."
    ),
    "@: the cache": "@: o cache",
    "slide: #": "slide: #",
    "@: distance from the slide's cell in # steps": ("@: distância até a célula do slide em # passos"),
    "first step, RMSProp over Adagrad": "primeiro passo, RMSProp dividido por Adagrad",
    "RMSProp with β = t/(t+#) and α/√(t+#): distance from Adagrad": (
        "RMSProp com β = t/(t+#) e α/√(t+#): distância até o Adagrad"
    ),
    "step #: RMSProp / Adagrad": "passo #: RMSProp / Adagrad",
    "more than # times as long": "mais de # vezes mais longo",
}


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
    PORTUGUESE,
)
