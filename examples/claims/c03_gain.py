"""Claim 3: velocity builds up along shallow directions and is damped along steep ones."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import COLOURS, float64, label, panels, roots, save
from examples.text_report import plus_minus

MUS = (0.5, 0.9, 0.99)
RATE = 0.01
DIRECTIONS = {  # what the gradient's sign does from minibatch to minibatch, and the gain that follows
    "keeps its sign": ("1/(1−μ)", lambda mu: 1 / (1 - mu)),
    "has a random sign": ("1/√(1−μ²)", lambda mu: 1 / np.sqrt(1 - mu**2)),
    "changes sign": ("1/(1+μ)", lambda mu: 1 / (1 + mu)),
}
STEEPNESS = np.geomspace(1e-4, 2.8, 60)  # α times the curvature of each axis of the bowl
WINDOW = {0.5: 120, 0.9: 600, 0.99: 4000}  # steps after which a ball has forgotten how it began


def slopes(key: jax.Array, steps: int) -> jax.Array:
    """Gradients ``[steps, 3]`` along the three directions."""
    alternating = 1.0 - 2.0 * (jnp.arange(steps) % 2)
    return jnp.stack([jnp.ones(steps), jax.random.rademacher(key, (steps,), float), alternating], 1)


def gains(mu: jax.Array, g: jax.Array) -> jax.Array:
    """Root mean square of the velocity over that of α g in the second half, ``[3]``."""
    record = {"velocity": lambda taken: taken.updates}
    tx, start = jos.momentum(RATE, mu), jnp.zeros(3)
    run = jos.fit(lambda w, g: jnp.sum(g * w), tx, start, steps=len(g), batches=g, record=record)
    late = run.history["velocity"][len(g) // 2 :]
    return jnp.sqrt(jnp.mean(late**2, axis=0)) / RATE


def bowl(w: jax.Array) -> jax.Array:
    """A parabola an axis, each of another steepness."""
    return 0.5 * jnp.sum(jnp.asarray(STEEPNESS) * w**2)


def roll(mu: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Velocities and gradients ``[steps, axes]`` in the bowl, with the learning rate 1."""
    record = {"velocity": lambda taken: taken.updates, "gradient": lambda taken: taken.gradient}
    start = jnp.ones(len(STEEPNESS))
    run = jos.fit(bowl, jos.momentum(1.0, mu), start, steps=max(WINDOW.values()), record=record)
    return run.history["velocity"], run.history["gradient"]


def gains_in_bowl() -> dict[float, np.ndarray]:
    """The gain of every axis; what decays as √μᵗ is first blown up by as much."""
    velocities, gradients = (np.asarray(x) for x in jax.jit(jax.vmap(roll))(jnp.array(MUS)))
    found = {}
    for mu, velocity, gradient in zip(MUS, velocities, gradients, strict=True):
        t = np.arange(WINDOW[mu] // 4, WINDOW[mu])
        growth = mu ** (-t[:, None] / 2)
        with np.errstate(over="ignore", invalid="ignore"):  # of a rule that diverges: check says so
            sizes = [np.sqrt(np.sum((x[t] * growth) ** 2, axis=0)) for x in (velocity, gradient)]
            found[mu] = sizes[0] / sizes[1]
    return found


def theory(mu: float, a: np.ndarray) -> np.ndarray:
    r"""The gain :math:`1 / |1 - \mu / z|`, z the larger root: :math:`1 / \sqrt a` where it swings."""
    return 1 / np.abs(1 - mu / roots(a, mu)[0])


@float64
def measure(short: bool = False) -> dict[str, Any]:
    """Gains under three kinds of gradients, and in a bowl of sixty steepnesses."""
    seeds, steps = (8, 8000) if short else (20, 20_000)
    g = jax.vmap(lambda key: slopes(key, steps))(jax.random.split(jax.random.key(3), seeds))
    found = jax.jit(jax.vmap(jax.vmap(gains, in_axes=(None, 0)), in_axes=(0, None)))(jnp.array(MUS), g)
    by_mu = {mu: np.asarray(gain) for mu, gain in zip(MUS, found, strict=True)}  # [seeds, 3]
    return {"gains": by_mu, "bowl": gains_in_bowl()}


def smooth(mu: float) -> np.ndarray:
    """The axes that are not close to where a ball begins to swing; there it settles too slowly."""
    return np.abs(np.log(STEEPNESS / (1 - mu**0.5) ** 2)) > 0.7


def check(result: dict[str, Any]) -> None:
    """The three gains, and the bowl's curve."""
    for mu in MUS:
        gain = result["gains"][mu].mean(axis=0)
        wanted = np.array([formula(mu) for _, formula in DIRECTIONS.values()])
        np.testing.assert_allclose(gain[[0, 2]], wanted[[0, 2]], rtol=1e-6)
        np.testing.assert_allclose(gain[1], wanted[1], rtol=0.1)
        far = smooth(mu)
        curve = theory(mu, STEEPNESS)
        np.testing.assert_allclose(result["bowl"][mu][far], curve[far], rtol=0.05)


def rows(result: dict[str, Any]) -> list[Row]:
    """Gain by direction and μ, and that of a steep and a shallow axis."""
    found = []
    for mu in MUS:
        for i, (direction, (text, formula)) in enumerate(DIRECTIONS.items()):
            tolerance = "± 10%" if i == 1 else "± 10⁻⁶"
            gain = plus_minus(result["gains"][mu][:, i], ".3f")
            found.append(
                Row(
                    f"μ = {mu}, gradient {direction}", gain, f"{text} = {formula(mu):.3f} ({tolerance})"
                )
            )
    for a in (0.3, 2.8):
        axis = int(np.argmin(np.abs(STEEPNESS - a)))
        here = f"{result['bowl'][0.9][axis]:.3f}"
        wanted = f"1/√(αλ) = {theory(0.9, STEEPNESS[axis]):.3f} (± 5%)"
        found.append(Row(f"μ = 0.9, in a bowl with αλ = {STEEPNESS[axis]:.2f}", here, wanted))
    return found


def verdict(result: dict[str, Any]) -> str:
    """True, and where the border is."""
    one = int(np.argmin(np.abs(STEEPNESS - 1)))
    steep, highest = result["bowl"][0.9], max(result["bowl"][0.9])
    return (
        f"True, with a border that the slide does not mention: on a parabola of curvature λ the gain "
        f"is above 1 where αλ < 1 and below 1 where αλ > 1, exactly where SGD itself would zig-zag "
        f"(measured at αλ = {STEEPNESS[one]:.2f}: {steep[one]:.2f}). At best μ = 0.9 damps to "
        f"1/(1+μ) = {result['gains'][0.9][:, 2].mean():.2f}. A slope that lasts gains 1/(1−μ) = "
        f"{result['gains'][0.9][:, 0].mean():.0f}; where it flattens the velocity is older than the "
        f"gradient and the ratio is up to {highest:.0f}."
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """Gain against steepness, and by direction."""
    figure, (left, right) = panels("In a bowl: gain of each axis", "By what the gradient's sign does")
    a = np.geomspace(STEEPNESS[0], STEEPNESS[-1], 600)
    styles = zip(MUS, (("orange", "D"), ("blue", "s"), ("red", "^")), strict=True)
    for i, (mu, (colour, marker)) in enumerate(styles):
        style = {"color": COLOURS[colour], "marker": marker, "ls": "none", "ms": 8}
        left.plot(a, theory(mu, a), color=COLOURS[colour], lw=1.5)
        left.plot(STEEPNESS[::2], result["bowl"][mu][::2], **style, label=f"μ = {mu}")
        x = np.arange(len(DIRECTIONS)) + 0.15 * (i - 1)
        right.plot(x, result["gains"][mu].mean(axis=0), **style, label=f"μ = {mu}, measured")
        right.plot(x, [f(mu) for _, f in DIRECTIONS.values()], "_", color="black", ms=22, mew=2)
    left.axhline(1, color=COLOURS["grey"], lw=1)
    left.axvline(1, color=COLOURS["grey"], lw=1, ls=":")
    left.text(1.05, 30, "SGD\nzig-zags", fontsize=13)
    left.set_xscale("log")
    for axes in (left, right):
        axes.set_yscale("log")
    right.plot([], [], "_", color="black", ms=22, mew=2, label="formula")
    ticks = [f"{direction}\n{text}" for direction, (text, _) in DIRECTIONS.items()]
    right.set_xlim(-0.6, 2.6)
    right.set_xticks(range(len(ticks)), ticks, fontsize=14)
    label(left, "steepness αλ (shallow → steep); lines: theory", "gain: velocity over α × gradient")
    label(right, "", "gain")
    save(figure, path)


PORTUGUESE = {
    "Built up where shallow, damped where steep": "Acumula onde é raso, amortece onde é íngreme",
    "Allows the velocity to “accumulate” in shallow directions. Reduces the velocity in steep "
    "directions, because of the rapid change of sign.": (
        "Nas direções rasas a velocidade pode “se acumular”. Nas íngremes ela diminui, porque o "
        "sinal muda rapidamente."
    ),
    "True, with a border that the slide does not mention: on a parabola of curvature λ the gain "
    "is above # where αλ < # and below # where αλ > #, exactly where SGD itself would zig-zag "
    "(measured at αλ = #: #). At best μ = # damps to #/(#+μ) = #. A slope that lasts gains "
    "#/(#−μ) = #; where it flattens the velocity is older than the gradient and the ratio is up "
    "to #.": (
        "Verdade, com uma fronteira que o slide não menciona: numa parábola de curvatura λ, o "
        "ganho fica acima de # onde αλ < # e abaixo de # onde αλ > #, exatamente onde o próprio "
        "SGD faria zigue-zague (medido em αλ = #: #). No melhor caso, μ = # amortece até #/(#+μ) "
        "= #. Uma inclinação duradoura ganha #/(#−μ) = #; onde ela se achata, a velocidade é mais "
        "antiga que o gradiente e a razão chega a #."
    ),
    "μ = #, gradient keeps its sign": "μ = #, o gradiente mantém o sinal",
    "μ = #, gradient has a random sign": "μ = #, o gradiente tem sinal aleatório",
    "μ = #, gradient changes sign": "μ = #, o gradiente troca de sinal",
    "μ = #, in a bowl with αλ = #": "μ = #, numa tigela com αλ = #",
}


CLAIM = Claim(
    3,
    "Built up where shallow, damped where steep",
    "Allows the velocity to “accumulate” in shallow directions. Reduces the velocity in steep "
    "directions, because of the rapid change of sign.",
    "*Momentum*, “Atualização pelo Momentum”",
    measure,
    check,
    rows,
    verdict,
    draw,
    PORTUGUESE,
)
