"""Claim 2: momentum overshoots, and arrives sooner all the same."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import COLOURS, float64, label, panels, rolled, save
from examples.text_report import plus_minus
from jaxopt_slides import diagnostics

BALLS = {  # the slide's constants, as a schedule's two ends; the first is SGD
    "SGD": (0.0, 0.0),
    "μ = 0.5": (0.5, 0.5),
    "μ = 0.9": (0.9, 0.9),
    "μ = 0.99": (0.99, 0.99),
    "μ = 0.5 → 0.99": (0.5, 0.99),
}
CONSTANT = list(BALLS)[:4]
STYLES = dict(
    zip(
        BALLS,
        (("black", "o", "-"), ("orange", "D", "-"), ("blue", "s", "-"), ("red", "^", "-")),
        strict=False,
    )
) | {"μ = 0.5 → 0.99": ("green", "v", "--")}
RISE = 200  # steps from 0.5 to 0.99
NEAR = 0.01  # of the first distance: arrived
SHOWN = 100  # the condition number that the figures are about


def race(kappa: float, starts: jax.Array, steps: int) -> np.ndarray:
    """The paths of all balls, ``[balls, seeds, steps, 2]``, with the learning rate 1 / curvature."""
    first, last = (jnp.array(ends) for ends in zip(*BALLS.values(), strict=True))
    bowl = jos.landscapes.quadratic(float(kappa))

    def one(first: jax.Array, last: jax.Array, start: jax.Array) -> jax.Array:
        tx = jos.momentum(1 / kappa, jos.linear_schedule(first, last, RISE))
        return jos.fit(bowl, tx, start, steps=steps, record="params").history["params"]

    seeds = jax.vmap(one, in_axes=(None, None, 0))
    return np.asarray(jax.jit(jax.vmap(seeds, in_axes=(0, 0, None)))(first, last, starts))


def steps_to_stay(distances: np.ndarray) -> np.ndarray:
    """The step after which the distance stays within ``NEAR`` of the first, of ``[..., steps]``."""
    outside = distances > NEAR * distances[..., :1]
    return distances.shape[-1] - np.argmax(outside[..., ::-1], axis=-1)


@float64
def measure(short: bool = False) -> dict[str, Any]:
    """Overshoot along the floor, and steps to a hundredth of the first distance, for each κ."""
    kappas = (10, SHOWN) if short else (10, SHOWN, 1000, 10_000)
    starts = jax.random.normal(jax.random.key(2), (3 if short else 20, 2))
    result: dict[str, Any] = {"kappas": kappas, "starts": np.asarray(starts)}
    result |= {"steps": {}, "overshoot": {}}
    for kappa in kappas:
        paths = race(kappa, starts, 1500 + 6 * kappa)
        distances = np.linalg.norm(paths, axis=-1)
        result["steps"][kappa] = dict(zip(BALLS, steps_to_stay(distances), strict=True))
        floor = np.moveaxis(paths[..., 0], 1, 2)  # [balls, steps, seeds]
        beyond = [diagnostics.overshoot(ball, 0.0) for ball in floor]
        result["overshoot"][kappa] = dict(zip(BALLS, beyond, strict=True))
        if kappa == SHOWN:
            result["floor"] = dict(zip(BALLS, (ball[:, 0] / ball[0, 0] for ball in floor), strict=True))
    return result


def expected(ball: str, starts: np.ndarray) -> tuple[float, np.ndarray]:
    """Overshoot and steps by the closed form, for constant μ and the condition number shown."""
    axes = np.stack([rolled(a, BALLS[ball][0], 3000) for a in (1 / SHOWN, 1.0)])
    distances = np.linalg.norm(axes[None] * starts[:, :, None], axis=1)
    return max(-axes[0].min(), 0.0), steps_to_stay(distances)


def check(result: dict[str, Any]) -> None:
    """Constant μ as the closed form has it; who overshoots, and who is sooner."""
    for ball in CONSTANT:
        beyond, steps = expected(ball, result["starts"])
        np.testing.assert_allclose(result["overshoot"][SHOWN][ball], beyond, atol=1e-6)
        np.testing.assert_allclose(result["steps"][SHOWN][ball], steps, atol=1)
    assert result["overshoot"][SHOWN]["μ = 0.9"].min() > 0.1, "μ = 0.9 does not overshoot"
    times = {kappa: mean_speed_ups(result, kappa) for kappa in result["kappas"]}
    assert times[SHOWN]["μ = 0.9"] > 3, times
    assert times[SHOWN]["μ = 0.99"] < 1, times
    for kappa in result["kappas"][2:]:
        assert times[kappa]["μ = 0.9"] > 3, times
        assert (times[kappa]["μ = 0.99"] > times[kappa]["μ = 0.9"]) == (kappa >= 10_000), times


def speed_up(result: dict[str, Any], kappa: int, ball: str) -> np.ndarray:
    """SGD's steps over the ball's, ``[seeds]``."""
    return result["steps"][kappa]["SGD"] / result["steps"][kappa][ball]


def mean_speed_ups(result: dict[str, Any], kappa: int) -> dict[str, float]:
    """Each ball's, the mean over seeds."""
    return {ball: float(speed_up(result, kappa, ball).mean()) for ball in BALLS}


def rows(result: dict[str, Any]) -> list[Row]:
    """Each ball's overshoot, its steps, and how much sooner it arrives."""
    found = []
    for kappa, balls in result["overshoot"].items():
        for ball, beyond in balls.items():
            theory = "measured"
            if kappa == SHOWN and ball in CONSTANT:
                theory = f"{expected(ball, result['starts'])[0]:.1%} by the closed form (± 10⁻⁶)"
            if kappa in (SHOWN, result["kappas"][-1]):
                found.append(
                    Row(
                        f"κ = {kappa:,}, {ball}: overshoot along the floor",
                        f"{beyond.mean():.1%}",
                        theory,
                    )
                )
    for kappa, balls in result["steps"].items():
        for ball, steps in balls.items():
            times = "" if ball == "SGD" else f", {plus_minus(speed_up(result, kappa, ball), '.2f')}×"
            what = f"κ = {kappa:,}, {ball}: steps to {NEAR:.0%} of the first distance"
            found.append(Row(what, plus_minus(steps, ",.0f") + times, wanted(kappa, ball)))
    return found


def wanted(kappa: int, ball: str) -> str:
    """What the number of steps is compared with."""
    if kappa != SHOWN or ball not in CONSTANT:
        return "mean above 3×" if ball == "μ = 0.9" and kappa > SHOWN else "measured"
    sooner = {"μ = 0.9": "; mean above 3×", "μ = 0.99": "; mean below 1×"}
    return "the closed form (± 1 step)" + sooner.get(ball, "")


def verdict(result: dict[str, Any]) -> str:
    """True of a μ that suits the valley."""
    last = result["kappas"][-1]

    def times(ball: str, kappa: int = SHOWN) -> str:
        return f"{speed_up(result, kappa, ball).mean():.1f}"

    def beyond(ball: str, kappa: int = SHOWN) -> str:
        return f"{result['overshoot'][kappa][ball].mean():.0%}"

    slower = 1 / speed_up(result, SHOWN, "μ = 0.99").mean()
    fast = {ball: times(ball) for ball in BALLS}
    return (
        f"True of a μ that suits the valley. At κ = {SHOWN} 0.9 overshoots by {beyond('μ = 0.9')} and "
        f"is {fast['μ = 0.9']} times as fast as SGD. But 0.5 ({fast['μ = 0.5']} times as fast) does "
        f"not pass the minimum at all, and 0.99 passes it by {beyond('μ = 0.99')} and swings so long "
        f"that it takes {slower:.1f} times SGD's steps. The schedule 0.5 → 0.99 over {RISE} steps is "
        f"{fast['μ = 0.5 → 0.99']} times as fast. The longer the valley, the larger the right μ: at "
        f"κ = {last:,} 0.99 is {times('μ = 0.99', last)} times as fast as SGD, and 0.9 "
        f"{times('μ = 0.9', last)} times, with an overshoot of {beyond('μ = 0.9', last)}."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """The way along the floor, and steps against the condition number."""
    figure, (left, right) = panels(f"Along the floor, κ = {SHOWN}", "Steps until it stays within 1%")
    for ball, (colour, marker, line) in STYLES.items():
        style = {"color": COLOURS[colour], "ls": line, "lw": 2.2, "label": ball}
        left.plot(result["floor"][ball][:601], **style)
        steps = np.array([result["steps"][kappa][ball].mean() for kappa in result["kappas"]])
        right.plot(result["kappas"], steps, marker=marker, ms=8, **style)
    left.axhline(0, color=COLOURS["grey"], lw=1)
    label(left, "steps", "distance to the minimum, signed (1: the start)", loc="upper right")
    right.set_xscale("log")
    right.set_yscale("log")
    label(right, "condition number κ", "steps (mean over starts)", loc="upper left")
    save(figure, path)


PORTUGUESE = {
    "Overshoot, and yet sooner": "Ultrapassa a meta e, ainda assim, chega antes",
    "Note that momentum overshoots the target but in general reaches the minimum much faster. (μ "
    "is usually about #, # or #, sometimes adjusted over time, for example # → #.)": (
        "O momentum passa da meta, mas em geral chega ao mínimo muito mais depressa. (μ costuma "
        "ser cerca de #; # ou #, às vezes ajustado ao longo do tempo, por exemplo # → #.)"
    ),
    "*Momentum*, “SGD × SGD+Momentum” and “Atualização pelo Momentum”": (
        "*Momentum*, “SGD × SGD+Momentum” e “Atualização pelo Momentum”"
    ),
    "True of a μ that suits the valley. At κ = # # overshoots by #% and is # times as fast as "
    "SGD. But # (# times as fast) does not pass the minimum at all, and # passes it by #% and "
    "swings so long that it takes # times SGD's steps. The schedule # → # over # steps is # times "
    "as fast. The longer the valley, the larger the right μ: at κ = # # is # times as fast as "
    "SGD, and # # times, with an overshoot of #%.": (
        "Verdade para um μ adequado ao vale. Com κ = #, o valor # ultrapassa a meta em #% e é # "
        "vezes mais rápido que o SGD. Já # (# vezes mais rápido) nem chega a passar do mínimo, e "
        "# passa dele em #% e oscila por tanto tempo que leva # vezes os passos do SGD. O "
        "agendamento # → # em # passos é # vezes mais rápido. Quanto mais longo o vale, maior o μ "
        "certo: com κ = #, o valor # é # vezes mais rápido que o SGD, e # é # vezes, com uma "
        "ultrapassagem de #%."
    ),
    "κ = #, SGD: overshoot along the floor": "κ = #, SGD: ultrapassagem ao longo do fundo",
    "κ = #, μ = #: overshoot along the floor": "κ = #, μ = #: ultrapassagem ao longo do fundo",
    "κ = #, μ = # → #: overshoot along the floor": (
        "κ = #, μ = # → #: ultrapassagem ao longo do fundo"
    ),
    "#% by the closed form (± #⁻⁶)": "#% pela forma fechada (± #⁻⁶)",
    "κ = #, SGD: steps to #% of the first distance": ("κ = #, SGD: passos até #% da distância inicial"),
    "κ = #, μ = #: steps to #% of the first distance": (
        "κ = #, μ = #: passos até #% da distância inicial"
    ),
    "κ = #, μ = # → #: steps to #% of the first distance": (
        "κ = #, μ = # → #: passos até #% da distância inicial"
    ),
    "# ± #, # ± #×": "# ± #; # ± #×",
    "the closed form (± # step)": "a forma fechada (± # passo)",
    "the closed form (± # step); mean above #×": "a forma fechada (± # passo); média acima de #×",
    "the closed form (± # step); mean below #×": "a forma fechada (± # passo); média abaixo de #×",
    "mean above #×": "média acima de #×",
}


CLAIM = Claim(
    2,
    "Overshoot, and yet sooner",
    "Note that momentum overshoots the target but in general reaches the minimum much faster. (μ is "
    "usually about 0.5, 0.9 or 0.99, sometimes adjusted over time, for example 0.5 → 0.99.)",
    "*Momentum*, “SGD × SGD+Momentum” and “Atualização pelo Momentum”",
    measure,
    check,
    rows,
    verdict,
    draw,
    PORTUGUESE,
)
