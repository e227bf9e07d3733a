"""Claim 8: dividing element by element stops helping when features depend strongly on each other."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import label, panels, save
from examples.claims.late_figures import GREY, curve
from examples.text_report import plus_minus

CONDITION = 1000.0
ANGLES, SHORT_ANGLES = (0.0, 2.5, 5.0, 10.0, 22.5, 45.0), (0.0, 10.0, 45.0)
STEPS = 5000
SHOWN = np.unique(np.geomspace(1, STEPS, 60).astype(int)) - 1  # steps in the picture
NEAR = 0.01  # arrived: this share of the first distance
RATES = {  # lowest and highest; every run is made with several, the best for each angle counts
    "SGD": (2e-4, 2e-3),
    "RMSProp": (1e-4, 3e-1),
    "Adagrad": (1e-2, 3.0),
    "full-matrix Adagrad": (1e-2, 3.0),
}
ADAPTIVE = ("RMSProp", "Adagrad")


def full_matrix_adagrad(learning_rate: Any, eps: float = 1e-7) -> jos.GradientTransformation:
    """Adagrad with the whole matrix: u = -alpha (G^(1/2) + eps)^(-1) g, where G = sum of g g'."""

    def init(params):
        return jnp.zeros((params.size, params.size), params.dtype)

    def update(g, G, params=None, **extra):
        del params, extra
        G = G + jnp.outer(g, g)
        values, vectors = jnp.linalg.eigh(G)
        roots = jnp.sqrt(jnp.maximum(values, 0))
        return -learning_rate * (vectors @ ((vectors.T @ g) / (roots + eps))), G

    return jos.GradientTransformation(init, update)


def optimizer(rule: str, rate: Any) -> jos.GradientTransformation:
    """The rule with this learning rate."""
    if rule == "full-matrix Adagrad":
        return full_matrix_adagrad(rate)
    return {"SGD": jos.sgd, "RMSProp": jos.rmsprop, "Adagrad": jos.adagrad}[rule](rate)


def run(rule: str, curvature: Any, start: Any, rate: Any) -> tuple[jax.Array, jax.Array]:
    """The step after which a run stays near the minimum, else ``STEPS``; and some distances to it."""
    tx = optimizer(rule, rate)
    result = jos.fit(lambda w: 0.5 * w @ curvature @ w, tx, start, steps=STEPS, record="params")
    distance = jnp.linalg.norm(result.history["params"], axis=-1) / jnp.linalg.norm(start)
    away = ~(distance <= NEAR)
    return 1 + jnp.max(jnp.where(away, jnp.arange(STEPS), -1)), distance[SHOWN]


def problems(angles: np.ndarray, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Curvatures ``[angles, 2, 2]``, starts ``[angles, seeds, 2]``: a problem turned with its start."""
    bowls = [jos.landscapes.quadratic(CONDITION, angle) for angle in angles.tolist()]
    curvatures = np.stack([jax.jit(jax.hessian(b))(np.zeros(2)) for b in bowls])
    cosine, sine = np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))
    turns = np.stack([cosine, -sine, sine, cosine], -1).reshape(-1, 2, 2)
    rng = np.random.default_rng(0)
    starts = rng.choice([-1, 1], (seeds, 2)) * rng.uniform(0.5, 1.5, (seeds, 2))
    return curvatures, np.einsum("aij,sj->asi", turns, starts)


def measure(short: bool = False) -> dict[str, Any]:
    """Steps to arrive, of every rule at every angle, each at the best of its learning rates."""
    angles, seeds, grid = (SHORT_ANGLES, 4, 10) if short else (ANGLES, 16, 25)
    with jax.enable_x64(True):  # the matrix has condition number 10^6 and more, too much for float32
        problem = problems(np.array(angles), seeds)
        found: dict[str, Any] = {"angles": np.array(angles)}
        for rule, (low, high) in RATES.items():
            rates = np.geomspace(low, high, grid)
            of_rate = jax.vmap(partial(run, rule), in_axes=(None, None, 0))
            of_start = jax.vmap(of_rate, in_axes=(None, 0, None))
            of_angle = jax.jit(jax.vmap(of_start, in_axes=(0, 0, None)))
            steps, ways = map(np.asarray, of_angle(*problem, rates))  # [angles, seeds, rates, ...]
            best = steps.mean(axis=1).argmin(axis=-1)
            each = np.arange(len(angles))
            found[rule], found[f"{rule} rates"] = steps[each, :, best].T, rates[best]
            found[f"{rule} ways"] = ways[each, :, best]
    return found


def edge(found: dict[str, Any], rule: str) -> np.ndarray:
    """How many times sooner than gradient descent the rule arrives on average, ``[angles]``."""
    return found["SGD"].mean(axis=0) / found[rule].mean(axis=0)


def check(found: dict[str, Any]) -> None:
    """A large edge at 0 degrees, next to none at 45; none lost by the full matrix and by SGD."""
    assert found["angles"][0] == 0
    assert found["angles"][-1] == 45
    for rule in ADAPTIVE:
        gain = edge(found, rule)
        assert gain[0] > 3, (rule, gain)
        assert gain[-1] < 1.5, (rule, gain)
        assert np.all(np.diff(gain) < 0), (rule, gain)
    for rule in ("SGD", "full-matrix Adagrad"):  # turning the problem turns their paths
        steps = found[rule]
        np.testing.assert_allclose(steps, steps[:, :1] * np.ones_like(steps), rtol=0.02, atol=1)
    assert np.all(found["SGD"] < STEPS)
    assert np.all(edge(found, "full-matrix Adagrad") > 50)


def rows(found: dict[str, Any]) -> list[Row]:
    """Steps at the first and the last angle."""
    expected = {
        "SGD": "the same at every angle (within 2 %)",
        "RMSProp": "more than 3 times sooner than SGD at 0°, less than 1.5 times at 45°",
        "Adagrad": "more than 3 times sooner than SGD at 0°, less than 1.5 times at 45°",
        "full-matrix Adagrad": "the same at every angle (within 2 %), 50 times sooner than SGD",
    }
    listed = []
    for rule, wanted in expected.items():
        at = [
            f"{angle:g}°: {plus_minus(found[rule][:, i], ',.0f')}"
            for i, angle in enumerate(found["angles"])
        ]
        listed.append(Row(f"{rule}: steps until {NEAR:.0%} of the way is left", "; ".join(at), wanted))
    return listed


def verdict(found: dict[str, Any]) -> str:
    """True, with factors."""
    first, last = ({r: edge(found, r)[i] for r in ADAPTIVE} for i in (0, -1))
    return (
        f"True. On an axis-aligned valley (condition number {CONDITION:g}) Adagrad arrives "
        f"{first['Adagrad']:.0f} times and RMSProp {first['RMSProp']:.1f} times sooner than gradient "
        f"descent (there the axes are problems of one dimension, without noise: easy for Adagrad); "
        f"turned by 45° the factors are {last['Adagrad']:.2f} and {last['RMSProp']:.2f}: no edge is "
        f"left. Dividing by the root of the whole matrix instead restores it at every angle."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Steps against the angle, and the way left over time at the first and the last angle."""
    figure, (left, right) = panels("Steps to the minimum", "The way left: 45° (lines), 0° (dots)")
    for rule in RATES:
        curve(left, rule, found["angles"], found[rule], markevery=1)
        for i, style in ((-1, {}), (0, {"ls": ":", "label": None})):
            curve(right, rule, 1 + SHOWN, found[f"{rule} ways"][i], **style)
    right.axhline(NEAR, color=GREY, lw=1.5)
    right.text(12, 1.1 * NEAR, "arrived", fontsize=13, color=GREY)
    right.set_xscale("log")
    right.set_ylim(NEAR / 3, 2)
    for axes in (left, right):
        axes.set_yscale("log")
    label(left, "angle of the valley (degrees)", f"steps until {NEAR:.0%} of the way is left")
    label(right, "steps", "distance to the minimum, first = 1")
    right.get_legend().remove()
    save(figure, path)


PORTUGUESE = {
    "Features that depend on each other": "Características que dependem umas das outras",
    "However, less effective when there are strong dependences between the features.": (
        "Perdem eficácia, porém, quando as características dependem fortemente umas das outras."
    ),
    "True. On an axis-aligned valley (condition number #) Adagrad arrives # times and RMSProp # "
    "times sooner than gradient descent (there the axes are problems of one dimension, without "
    "noise: easy for Adagrad); turned by #° the factors are # and #: no edge is left. Dividing by "
    "the root of the whole matrix instead restores it at every angle.": (
        "Verdade. Num vale alinhado aos eixos (número de condição #), o Adagrad chega # vezes e o "
        "RMSProp # vezes mais rápido que a descida de gradiente (ali os eixos são problemas de uma "
        "dimensão, sem ruído: fáceis para o Adagrad); com o vale girado em #° os fatores são # e "
        "#: não sobra vantagem. Dividir pela raiz da matriz inteira a devolve em qualquer ângulo."
    ),
    "@: steps until #% of the way is left": "@: passos até faltar #% do caminho",
    "full-matrix Adagrad: steps until #% of the way is left": (
        "Adagrad de matriz completa: passos até faltar #% do caminho"
    ),
    "the same at every angle (within # %)": "o mesmo em todos os ângulos (dentro de # %)",
    "the same at every angle (within # %), # times sooner than SGD": (
        "o mesmo em todos os ângulos (dentro de # %), # vezes mais rápido que o SGD"
    ),
    "more than # times sooner than SGD at #°, less than # times at #°": (
        "mais de # vezes mais rápido que o SGD em #°, menos de # vezes em #°"
    ),
}


CLAIM = Claim(
    number=8,
    title="Features that depend on each other",
    sentence="However, less effective when there are strong dependences between the features.",
    slide="RMSProp / Adagrad, slide “RMSProp × ADAGRAD”",
    measure=measure,
    check=check,
    rows=rows,
    verdict=verdict,
    draw=draw,
    portuguese=PORTUGUESE,
)
