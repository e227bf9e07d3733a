"""Claim 1: SGD zig-zags over a steep valley and crawls along its floor."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import COLOURS, contours, float64, label, panels, save
from examples.text_report import plus_minus
from jaxopt_slides import diagnostics

VALLEY = jos.landscapes.valley  # curvature 0.04 along the floor, 4 across
RATE, STEPS, NOISE = 0.45, 50, 0.1
KAPPA = 100
BOWL = jos.landscapes.quadratic(KAPPA, angle=30, dimension=10)
RHO = {  # the textbook's best asymptotic rates (Polyak 1964)
    "gradient descent": (KAPPA - 1) / (KAPPA + 1),
    "heavy ball": (KAPPA**0.5 - 1) / (KAPPA**0.5 + 1),
}


def noisy_valley(w: jax.Array, noise: jax.Array) -> jax.Array:
    """The valley as a minibatch sees it."""
    return VALLEY(w) + jnp.sum(noise * w)


def walk(noise: jax.Array) -> jax.Array:
    """SGD's path ``[steps + 1, 2]`` under this noise ``[steps, 2]``."""
    run = jos.fit(
        noisy_valley,
        jos.sgd(RATE),
        VALLEY.begin(),
        steps=len(noise),
        batches=noise,
        record="params",
    )
    return jnp.concatenate([run.history["params"], run.params[None]])


def best(rule: str) -> jos.GradientTransformation:
    """The rule with the hyperparameters that are best for a quadratic of this condition number."""
    if rule == "gradient descent":
        return jos.sgd(2 / (KAPPA + 1))
    return jos.momentum(4 / (KAPPA**0.5 + 1) ** 2, RHO["heavy ball"] ** 2)


def log_distances(rule: str, starts: jax.Array, steps: int) -> np.ndarray:
    """The logarithm of the distance to the minimum before every step, ``[seeds, steps]``."""
    record = {"distance": lambda taken: jnp.log(jnp.linalg.norm(taken.params))}

    def one(start: jax.Array) -> jax.Array:
        return jos.fit(BOWL, best(rule), start, steps=steps, record=record).history["distance"]

    return np.asarray(jax.jit(jax.vmap(one))(starts))


def fitted(log_distance: np.ndarray, factor_t: bool) -> np.ndarray:
    """The rate rho of each run ``[seeds]``: the slope of its second half, without t if it has one."""
    t = np.arange(log_distance.shape[1])[log_distance.shape[1] // 2 :]
    heights = log_distance[:, t] - (np.log(t) if factor_t else 0)
    return np.exp(np.polyfit(t, heights.T, 1)[0])


@float64
def measure(short: bool = False) -> dict[str, Any]:
    """SGD in the valley, with and without noise; both rules' asymptotic rates from random starts."""
    seeds = 3 if short else 20
    noise = NOISE * jax.random.normal(jax.random.key(0), (seeds, STEPS, 2))
    paths = np.asarray(jax.jit(jax.vmap(walk))(jnp.concatenate([jnp.zeros((1, STEPS, 2)), noise])))
    starts = jax.random.normal(jax.random.key(1), (seeds, BOWL.dimension))
    logs = {"gradient descent": log_distances("gradient descent", starts, 2000)}
    logs["heavy ball"] = log_distances("heavy ball", starts, 800)
    return {
        "path": paths[0],
        "flips": np.array([diagnostics.sign_flips(p) for p in paths]),
        "progress": np.array([diagnostics.progress(p, 0.0) for p in paths]),
        "logs": logs,
        "rates": {rule: fitted(log, rule == "heavy ball") for rule, log in logs.items()},
        "rate without t": fitted(logs["heavy ball"], False),
    }


def floor_progress() -> float:
    """How far SGD comes along the floor by the formula."""
    return 1 - (1 - RATE * 0.04) ** STEPS


def check(result: dict[str, Any]) -> None:
    """Flips at every step across and never along; progress and rates as the formulas say."""
    np.testing.assert_array_equal(result["flips"][0], [0, 1])
    along, across = result["flips"][1:].T
    assert np.all(across > 3 * along), f"with noise it turns {across} across and {along} along"
    np.testing.assert_allclose(result["progress"][0], [floor_progress(), 1], atol=1e-4)
    for rule, rho in RHO.items():
        np.testing.assert_allclose(result["rates"][rule], rho, atol=5e-4)
    off = np.abs(result["rate without t"] - RHO["heavy ball"])
    assert np.all(off > 5e-4), f"the heavy ball's root is not double: {off}"


def rows(result: dict[str, Any]) -> list[Row]:
    """Flips, progress, rates."""
    flips, progress = result["flips"], result["progress"]
    noisy = " / ".join(plus_minus(flips[1:, axis], ".2f") for axis in (1, 0))
    come = f"{progress[0, 1]:.1%} / {progress[0, 0]:.1%}"
    found = [
        Row("steps that turn round, across / along", f"{flips[0, 1]:.2f} / {flips[0, 0]:.2f}", "1 / 0"),
        Row("the same with minibatch noise", noisy, "more than 3 times as many across"),
        Row(
            f"progress in {STEPS} steps, across / along",
            come,
            f"100% / {floor_progress():.1%} (± 0.01%)",
        ),
    ]
    for rule, formula in (("gradient descent", "(κ−1)/(κ+1)"), ("heavy ball", "(√κ−1)/(√κ+1)")):
        wanted = f"{formula} = {RHO[rule]:.5f}, to three digits, every seed"
        what = f"asymptotic rate of {rule}, κ = {KAPPA}"
        found.append(Row(what, plus_minus(result["rates"][rule], ".5f"), wanted))
    wrong = plus_minus(result["rate without t"], ".5f")
    wanted = "wrong in the third digit: the root is double"
    return [*found, Row("heavy ball, fitted as ρᵗ instead of t·ρᵗ", wrong, wanted)]


def verdict(result: dict[str, Any]) -> str:
    """True."""
    steps = [np.log(0.1) / np.log(np.mean(result["rates"][rule])) for rule in RHO]
    return (
        "True: across the valley every step turns round, along it none, and there a step covers "
        f"{RATE * 0.04:.1%} of the way that is left. With its best rate gradient descent needs "
        f"{steps[0]:.0f} steps for each digit of accuracy, momentum with its own best {steps[1]:.0f} "
        "in the long run."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """The path in the valley, and the distances with the textbook's slopes."""
    figure, (left, right) = panels("SGD in a long narrow valley", f"Best possible rates, κ = {KAPPA}")
    contours(left, VALLEY)
    left.plot(
        *result["path"].T, "o-", color=COLOURS["black"], ms=4, lw=1.5, label=f"SGD, {STEPS} steps"
    )
    label(left, "along the floor", "across", loc="lower right")
    colours = {"gradient descent": COLOURS["black"], "heavy ball": COLOURS["blue"]}
    for rule, log in result["logs"].items():
        t = np.arange(min(800, log.shape[1]))
        distance = log.T[: len(t)] / np.log(10)
        right.plot(t, distance, color=colours[rule], lw=1, alpha=0.4)
        right.plot([], [], color=colours[rule], lw=3, label=f"{rule}, each seed")
        theory = t * np.log10(RHO[rule])
        theory += np.log10(np.maximum(t, 1)) if rule == "heavy ball" else 0
        style = {"color": COLOURS["red" if rule == "heavy ball" else "orange"], "lw": 2.5, "ls": "--"}
        formula = "t·ρᵗ, ρ = (√κ−1)/(√κ+1)" if rule == "heavy ball" else "ρᵗ, ρ = (κ−1)/(κ+1)"
        right.plot(t, theory + 1.5, **style, label=formula)
    right.set_ylim(-40, 6)
    right.set_xlim(0, 550)
    label(right, "steps", "log₁₀ of the distance to the minimum", loc="lower left")
    save(figure, path)


PORTUGUESE = {
    "Zig-zag across, a crawl along": "Zigue-zague na transversal, lentidão ao longo",
    "Suppose that the loss is steep vertically but shallow horizontally. Which path does SGD take "
    "to the minimum? Very slow progress horizontally, “zig-zag” vertically.": (
        "Numa perda íngreme na vertical e rasa na horizontal, que caminho o SGD faz até o mínimo? "
        "Avança muito devagar na horizontal e faz “zig-zag” na vertical."
    ),
    "True: across the valley every step turns round, along it none, and there a step covers #% of "
    "the way that is left. With its best rate gradient descent needs # steps for each digit of "
    "accuracy, momentum with its own best # in the long run.": (
        "Verdade: na transversal do vale todo passo inverte o sentido, ao longo dele nenhum, e "
        "ali um passo cobre #% do caminho que falta. Com a sua melhor taxa, a descida de "
        "gradiente precisa de # passos para cada dígito de precisão; o momentum, com os seus "
        "melhores valores, de # a longo prazo."
    ),
    "steps that turn round, across / along": (
        "passos que invertem o sentido, na transversal / ao longo"
    ),
    "the same with minibatch noise": "o mesmo com ruído de minibatch",
    "more than # times as many across": "mais de # vezes mais frequente na transversal",
    "progress in # steps, across / along": "progresso em # passos, na transversal / ao longo",
    "asymptotic rate of gradient descent, κ = #": "taxa assintótica da descida de gradiente, κ = #",
    "asymptotic rate of heavy ball, κ = #": "taxa assintótica da bola pesada, κ = #",
    "(κ−#)/(κ+#) = #, to three digits, every seed": (
        "(κ−#)/(κ+#) = #, com três dígitos, em cada semente"
    ),
    "(√κ−#)/(√κ+#) = #, to three digits, every seed": (
        "(√κ−#)/(√κ+#) = #, com três dígitos, em cada semente"
    ),
    "heavy ball, fitted as ρᵗ instead of t·ρᵗ": "bola pesada, ajustada como ρᵗ em vez de t·ρᵗ",
    "wrong in the third digit: the root is double": "errado no terceiro dígito: a raiz é dupla",
}


CLAIM = Claim(
    1,
    "Zig-zag across, a crawl along",
    "Suppose that the loss is steep vertically but shallow horizontally. Which path does SGD take to "
    "the minimum? Very slow progress horizontally, “zig-zag” vertically.",
    "*Momentum*, “Problema com SGD”",
    measure,
    check,
    rows,
    verdict,
    draw,
    PORTUGUESE,
)
