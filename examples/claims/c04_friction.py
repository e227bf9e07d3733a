"""Claim 4: a ball with friction; μ is what is left of its momentum after a minibatch."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import COLOURS, float64, label, panels, save
from examples.text_report import plus_minus

MUS = (0.5, 0.9, 0.99, 1.0)
RATE, SLOPE = 0.1, 1.0
SLOPING = 3000  # steps on the slope; as many follow on the level
STYLES = dict(zip(MUS, (("orange", "-"), ("blue", "-"), ("red", "-"), ("black", ":")), strict=True))


def velocities(mu: jax.Array, g: jax.Array) -> jax.Array:
    """The ball's velocity ``[steps]`` under these gradients ``[steps]``."""
    record = {"velocity": lambda taken: taken.updates}
    tx, start = jos.momentum(RATE, mu), jnp.zeros(())
    run = jos.fit(lambda w, g: g * w, tx, start, steps=len(g), batches=g, record=record)
    return run.history["velocity"]


@float64
def measure(short: bool = False) -> dict[str, Any]:
    """A slope and then the level, for each μ; and a slope seen through noisy minibatches."""
    g = jnp.where(jnp.arange(2 * SLOPING) < SLOPING, SLOPE, 0.0)
    seeds, steps = (8, 8000) if short else (20, 20_000)
    noisy = SLOPE + jax.random.normal(jax.random.key(4), (seeds, steps))
    over_mus = jax.vmap(velocities, in_axes=(0, None))
    rough = jax.jit(jax.vmap(over_mus, in_axes=(None, 0)))(jnp.array(MUS[:-1]), noisy)
    late = np.asarray(rough)[:, :, SLOPING:]  # [seeds, mus, steps]
    balls = np.asarray(jax.jit(over_mus)(jnp.array(MUS), g))
    return {
        "velocity": dict(zip(MUS, balls, strict=True)),
        "mean": dict(zip(MUS, late.mean(axis=-1).T, strict=False)),
        "deviation": dict(zip(MUS, late.std(axis=-1).T, strict=False)),
    }


def terminal(mu: float) -> float:
    """The velocity at which friction balances the slope."""
    return -RATE * SLOPE / (1 - mu)


def theory(mu: float) -> np.ndarray:
    """The velocity after each step on the slope, and then on the level."""
    t = np.arange(1, SLOPING + 1)
    falling = -RATE * SLOPE * t if mu == 1 else terminal(mu) * (1 - mu**t)
    return np.concatenate([falling, falling[-1] * mu**t])


def deviation(mu: float) -> float:
    """What noise of standard deviation 1 in the gradients makes of the velocity."""
    return RATE / np.sqrt(1 - mu**2)


def half_life(velocity: np.ndarray) -> float:
    """Steps in which half of the velocity is lost on the level, from a line through its logarithm."""
    level = np.abs(velocity[SLOPING:])
    level = level[level > 1e-12 * level[0]]
    return -np.log(2) / np.polyfit(np.arange(len(level)), np.log(level), 1)[0]


def lost(velocity: np.ndarray) -> float:
    """The share of its velocity that the ball loses in the first step on the level."""
    return 1 - velocity[SLOPING] / velocity[SLOPING - 1]


def check(result: dict[str, Any]) -> None:
    """Every step as the formula says; half-life, friction, and noisy slopes."""
    for mu in MUS:
        velocity = result["velocity"][mu]
        np.testing.assert_allclose(velocity, theory(mu), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(lost(velocity), 1 - mu, atol=1e-9)
        if mu < 1:
            np.testing.assert_allclose(velocity[SLOPING - 1], terminal(mu), rtol=1e-9)
            np.testing.assert_allclose(half_life(velocity), np.log(2) / -np.log(mu), rtol=1e-6)
            np.testing.assert_allclose(result["mean"][mu].mean(), terminal(mu), rtol=0.01)
            np.testing.assert_allclose(result["deviation"][mu].mean(), deviation(mu), rtol=0.1)


def rows(result: dict[str, Any]) -> list[Row]:
    """Terminal velocity, half-life, friction, and the noisy slope."""
    found = []
    for mu, velocity in result["velocity"].items():
        end = velocity[SLOPING - 1]
        if mu == 1:
            falling = f"{end:.1f} after {SLOPING:,} steps"
            found.append(Row("μ = 1: velocity", falling, f"−αgt = {-RATE * SLOPING:.1f}: no limit"))
        else:
            wanted = f"−αg/(1−μ) = {terminal(mu):.6f} (± 10⁻⁹)"
            found.append(Row(f"μ = {mu}: terminal velocity", f"{end:.6f}", wanted))
            wanted = f"ln 2/−ln μ = {np.log(2) / -np.log(mu):.4f} (± 10⁻⁶)"
            found.append(Row(f"μ = {mu}: half-life in steps", f"{half_life(velocity):.4f}", wanted))
        share = f"{lost(velocity):.4f}"
        found.append(Row(f"μ = {mu:g}: lost a minibatch on the level", share, f"1−μ = {1 - mu:.4f}"))
    return [*found, *noisy_rows(result)]


def noisy_rows(result: dict[str, Any]) -> list[Row]:
    """The slope through noisy minibatches."""
    found = []
    for mu, mean in result["mean"].items():
        wanted = f"{terminal(mu):.4f} (± 1%); ασ/√(1−μ²) = {deviation(mu):.4f} (± 10%)"
        both = f"{plus_minus(mean, '.4f')}; {plus_minus(result['deviation'][mu], '.4f')}"
        found.append(Row(f"μ = {mu}, noisy slope: mean; deviation of the velocity", both, wanted))
    return found


def verdict(result: dict[str, Any]) -> str:
    """True, except for the word friction."""
    halves = [f"{half_life(result['velocity'][mu]):.1f}" for mu in MUS[:-1]]
    return (
        f"True as “decay of the momentum per minibatch”: half of the velocity is gone after "
        f"{', '.join(halves)} steps for μ = 0.5, 0.9, 0.99. The slide's other words, “friction "
        f"(coefficient μ)” and “viscosity”, have it upside down: what a minibatch takes is 1−μ, and "
        f"the ball with μ = 1 rolls on for ever."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """Velocity against time: on the slope and on the level."""
    titles = ("On a slope: terminal velocity −αg/(1−μ)", "On the level: half-life ln 2/−ln μ")
    figure, (left, right) = panels(*titles)
    t = np.arange(1, 401)
    for mu, (colour, line) in STYLES.items():
        style = {"color": COLOURS[colour], "ls": line, "lw": 2.5, "label": f"μ = {mu}"}
        velocity = result["velocity"][mu]
        left.plot(t, np.abs(velocity[: len(t)]) / (RATE * SLOPE), **style)
        right.plot(t - 1, velocity[SLOPING - 1 :][: len(t)] / velocity[SLOPING - 1], **style)
        if mu < 1:
            left.axhline(terminal(mu) / terminal(0), color=COLOURS["grey"], lw=1.2, ls="--")
            right.plot(half_life(velocity), 0.5, "o", color=COLOURS[colour], ms=11, mec="black")
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylim(0.8, 300)
    right.set_xscale("symlog", linthresh=1)
    right.set_xlim(0, 400)
    right.axhline(0.5, color=COLOURS["grey"], lw=1.2, ls="--")
    label(left, "steps (dashed: the formula)", "velocity over αg", loc="upper left")
    label(right, "steps (dots: half of it)", "share of the velocity that is left", loc="lower left")
    save(figure, path)


PORTUGUESE = {
    "The ball with friction": "A bola com atrito",
    "Physical interpretation: a ball that rolls down the loss, plus friction (coefficient μ). The "
    "“momentum” parameter is really the “rate of decay of the momentum per minibatch” (and its "
    "physical analogue would be viscosity).": (
        "Interpretação física: uma bola que desce pela perda, mais atrito (coeficiente μ). O "
        "parâmetro “momentum” seria, na verdade, a “taxa de decaimento do momentum por minibatch” "
        "(e o seu análogo físico, a viscosidade)."
    ),
    "*Momentum*, “SGD com Momentum” and “Atualização pelo Momentum”": (
        "*Momentum*, “SGD com Momentum” e “Atualização pelo Momentum”"
    ),
    "True as “decay of the momentum per minibatch”: half of the velocity is gone after #, #, # "
    "steps for μ = #, #, #. The slide's other words, “friction (coefficient μ)” and “viscosity”, "
    "have it upside down: what a minibatch takes is #−μ, and the ball with μ = # rolls on for "
    "ever.": (
        "Verdade como “decaimento do momentum por minibatch”: metade da velocidade se perde após "
        "#; # e # passos para μ = #; # e #. As outras palavras do slide, “atrito (coeficiente μ)” "
        "e “viscosidade”, invertem a ideia: o que um minibatch tira é #−μ, e a bola com μ = # "
        "rola para sempre."
    ),
    "μ = #: terminal velocity": "μ = #: velocidade terminal",
    "μ = #: half-life in steps": "μ = #: meia-vida em passos",
    "ln #/−ln μ = # (± #⁻⁶)": "ln #/−ln μ = # (± #⁻⁶)",
    "μ = #: lost a minibatch on the level": "μ = #: fração perdida por minibatch no plano",
    "μ = #: velocity": "μ = #: velocidade",
    "# after # steps": "# após # passos",
    "−αgt = #: no limit": "−αgt = #: sem limite",
    "μ = #, noisy slope: mean; deviation of the velocity": (
        "μ = #, inclinação ruidosa: média; desvio da velocidade"
    ),
}


CLAIM = Claim(
    4,
    "The ball with friction",
    "Physical interpretation: a ball that rolls down the loss, plus friction (coefficient μ). The "
    "“momentum” parameter is really the “rate of decay of the momentum per minibatch” (and its "
    "physical analogue would be viscosity).",
    "*Momentum*, “SGD com Momentum” and “Atualização pelo Momentum”",
    measure,
    check,
    rows,
    verdict,
    draw,
    PORTUGUESE,
)
