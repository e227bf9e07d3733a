"""Claim 7: Adagrad's sum grows like t, its effective rate falls like 1/sqrt(t); RMSProp's is level."""

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

BOWL = jos.landscapes.noisy_bowl
POINTS = 400  # of a curve, spaced evenly in log t
SETTLED = 1000  # steps after which the start is forgotten
CASES = (("Adagrad", "noisy"), ("RMSProp", "noisy"), ("Adagrad", "quiet"), ("RMSProp", "quiet"))


def optimizer(rule: str) -> jos.GradientTransformation:
    """The rule with its learning rate."""
    return jos.adagrad(0.5) if rule == "Adagrad" else jos.rmsprop(0.01)


def cache(state: Any) -> jax.Array:
    """What the rule divides by the root of."""
    return state.sum_of_squares if hasattr(state, "sum_of_squares") else state.mean_square


def run(rule: str, noise: jax.Array) -> dict[str, jax.Array]:
    """Descends the bowl once, with noise ``[steps, 2]``: histories ``[steps, 2]``."""
    record = {
        "cache": lambda taken: cache(taken.state),
        "rate": lambda taken: jos.diagnostics.effective_learning_rate(taken.tx, taken.state),
    }
    tx = optimizer(rule)
    result = jos.fit(BOWL, tx, BOWL.begin(), steps=len(noise), batches=noise, record=record)
    return {name: result.history[name] for name in record}


def exponent(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The slope of log value against log t, ``[seeds]``, of values ``[seeds, times]``, once settled."""
    late = t >= SETTLED
    return np.polyfit(np.log(t[late]), np.log(values[:, late]).T, 1)[0]


def measure(short: bool = False) -> dict[str, Any]:
    """Both rules on a bowl with gradient noise and on the same bowl without."""
    steps, seeds = (10_000, 8) if short else (100_000, 20)
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    noise = jax.vmap(lambda key: jax.random.normal(key, (steps + 1, 2)))(keys)
    times = np.unique(np.geomspace(1, steps, POINTS).astype(int))
    found: dict[str, Any] = {"t": times, "steps": steps}
    programs = {rule: jax.jit(jax.vmap(partial(run, rule))) for rule, _ in CASES}
    for rule, kind in CASES:
        history = programs[rule](noise if kind == "noisy" else jnp.zeros_like(noise))
        at = {name: np.asarray(x, float)[:, times].mean(axis=-1) for name, x in history.items()}
        for name, values in at.items():
            found[f"{rule} {kind} {name}"] = values
            found[f"{rule} {kind} {name} exponent"] = exponent(times, values)
    return found


def check(found: dict[str, Any]) -> None:
    """Every seed's exponent: 1 and -1/2 for Adagrad within 0.05, 0 for RMSProp within 0.1."""
    wanted = (("Adagrad", 1.0, -0.5, 0.05), ("RMSProp", 0.0, 0.0, 0.1))
    for rule, of_cache, of_rate, tolerance in wanted:
        np.testing.assert_allclose(found[f"{rule} noisy cache exponent"], of_cache, atol=2 * tolerance)
        np.testing.assert_allclose(found[f"{rule} noisy rate exponent"], of_rate, atol=tolerance)
    # c = t (Var g + mean g, squared): with noise of variance 1 the factor is a little above 1.
    growth = found["Adagrad noisy cache"][:, -1] / found["steps"]
    assert np.all((growth > 0.9) & (growth < 1.3)), growth
    # Without noise the sum converges, and so does the rate: nothing falls any more.
    np.testing.assert_allclose(found["Adagrad quiet cache exponent"], 0, atol=0.02)
    np.testing.assert_allclose(found["Adagrad quiet rate exponent"], 0, atol=0.02)


def rows(found: dict[str, Any]) -> list[Row]:
    """The exponents."""

    def of(name: str) -> str:
        return plus_minus(found[f"{name} exponent"], ".4f")

    quiet = found["RMSProp quiet rate"].mean(axis=0)
    return [
        Row("Adagrad: c ~ t^p, p", of("Adagrad noisy cache"), "1 (each seed within 0.1)"),
        Row("Adagrad: effective rate ~ t^p, p", of("Adagrad noisy rate"), "-1/2 (within 0.05)"),
        Row("RMSProp: s ~ t^p, p", of("RMSProp noisy cache"), "0 (within 0.2)"),
        Row("RMSProp: effective rate ~ t^p, p", of("RMSProp noisy rate"), "0 (within 0.1)"),
        Row("Adagrad without gradient noise: c ~ t^p, p", of("Adagrad quiet cache"), "the slide: 1"),
        Row(
            "RMSProp without gradient noise: effective rate, first and last",
            f"{quiet[0]:.4f} and {quiet[-1]:.3f}",
            "the slide: level; above 2 a step goes further beyond the minimum than it was before it",
        ),
    ]


def verdict(found: dict[str, Any]) -> str:
    """True with gradient noise, not without."""
    rate = plus_minus(found["Adagrad noisy rate exponent"], ".3f")
    return (
        f"True where gradients keep their size, as minibatch noise makes them: Adagrad's rate falls as "
        f"t^({rate}) and RMSProp's stays level. Not a property of the rule alone: without noise the "
        f"gradients vanish, Adagrad's sum stops growing and its rate stops falling, while RMSProp's "
        f"rate climbs until the step oscillates."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Cache and effective rate against t, both axes logarithmic."""
    figure, (left, right) = panels("What the root is taken of", "Effective learning rate")
    late = found["t"] >= 3
    t = found["t"][late]
    for axes, name in ((left, "cache"), (right, "rate")):
        for rule, kind in CASES:
            style = {} if kind == "noisy" else {"ls": ":", "label": f"{rule}, no gradient noise"}
            curve(axes, rule, t, found[f"{rule} {kind} {name}"][:, late], **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
    left.plot(t, 3.0 * t, color=GREY, ls="--", lw=1.5, label="slopes 1 and -1/2")
    right.plot(t, 1.2 / t**0.5, color=GREY, ls="--", lw=1.5)
    left.set_ylim(top=1e10)
    label(left, "steps t", "c of Adagrad, s of RMSProp", loc="upper left")
    label(right, "steps t", "α / √c, α / √s (mean of both axes)")
    right.get_legend().remove()
    save(figure, path)


PORTUGUESE = {
    "Effective learning rates over time": "Taxas de aprendizado efetivas ao longo do tempo",
    "c(t) tends to grow linearly with t, so Adagrad reduces its effective learning rate over time "
    "by #/√t; the learning rate of RMSProp is fixed over time.": (
        "c(t) tende a crescer linearmente com t, e por isso a taxa de aprendizado efetiva do "
        "Adagrad cai ao longo do tempo com #/√t; a do RMSProp é fixa."
    ),
    "RMSProp / Adagrad, slides “ADAGRAD” and “RMSProp × ADAGRAD”": (
        "RMSProp / Adagrad, slides “ADAGRAD” e “RMSProp × ADAGRAD”"
    ),
    "True where gradients keep their size, as minibatch noise makes them: Adagrad's rate falls as "
    "t^(# ± #) and RMSProp's stays level. Not a property of the rule alone: without noise the "
    "gradients vanish, Adagrad's sum stops growing and its rate stops falling, while RMSProp's "
    "rate climbs until the step oscillates.": (
        "Verdade onde os gradientes mantêm o tamanho, como o ruído dos minibatches faz: a taxa do "
        "Adagrad cai como t^(# ± #) e a do RMSProp fica estável. Não é propriedade só da regra: "
        "sem ruído os gradientes desaparecem, a soma do Adagrad para de crescer e a sua taxa para "
        "de cair, enquanto a taxa do RMSProp sobe até o passo oscilar."
    ),
    "# (each seed within #)": "# (cada semente dentro de #)",
    "#/# (within #)": "#/# (dentro de #)",
    "@: effective rate ~ t^p, p": "@: taxa efetiva ~ t^p, p",
    "@: c ~ t^p, p": "@: c ~ t^p, p",
    "@: s ~ t^p, p": "@: s ~ t^p, p",
    "Adagrad without gradient noise: c ~ t^p, p": "Adagrad sem ruído no gradiente: c ~ t^p, p",
    "the slide: #": "o slide: #",
    "RMSProp without gradient noise: effective rate, first and last": (
        "RMSProp sem ruído no gradiente: taxa efetiva, primeira e última"
    ),
    "# and #": "# e #",
    "the slide: level; above # a step goes further beyond the minimum than it was before it": (
        "o slide: estável; acima de # um passo termina além do mínimo, mais longe do que estava "
        "antes dele"
    ),
}


CLAIM = Claim(
    number=7,
    title="Effective learning rates over time",
    sentence="c(t) tends to grow linearly with t, so Adagrad reduces its effective learning rate over "
    "time by 1/√t; the learning rate of RMSProp is fixed over time.",
    slide="RMSProp / Adagrad, slides “ADAGRAD” and “RMSProp × ADAGRAD”",
    measure=measure,
    check=check,
    rows=rows,
    verdict=verdict,
    draw=draw,
    portuguese=PORTUGUESE,
)
