"""Claim 9: Adagrad's regret has a bound, which holds at every step; RMSProp's grows without one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import label, panels, save
from examples.claims.late_figures import STYLES, curve
from examples.claims.online import LOSSES, SIZE, play, regrets, rounds
from examples.text_report import plus_minus

RATES = (0.1, 2**0.5, 10.0)  # the second is the best for the bound
DIAMETER = 2.0  # of the box, in every coordinate
FACTORS = {3: 3.0, 22: 24.0}  # length of the cycle: C. f(x) = C x at its first step, else f(x) = -x


def falling(count: Any) -> jax.Array:
    """The paper's learning rate, 1 / sqrt(t)."""
    return (count + 1.0) ** -0.5


RIVALS: dict[str, tuple[int, str, Callable[[], Any]]] = {  # decay 0.1 is the paper's 1 / (1 + C^2)
    "RMSProp, β = 0.1": (3, "RMSProp", lambda: jos.rmsprop(falling, 0.1)),
    "Adam, β₁ = 0, β₂ = 0.1": (3, "Adam", lambda: jos.adam(falling, b1=0.0, b2=0.1)),
    "RMSProp, β = 0.9": (3, "RMSProp", lambda: jos.rmsprop(falling, 0.9)),
    "Adagrad": (3, "Adagrad", lambda: jos.adagrad(1.0)),
    "RMSProp, β = 0.9, cycle of 22": (22, "RMSProp", lambda: jos.rmsprop(falling, 0.9)),
    "RMSProp, β = 0.9, fixed rate, cycle of 22": (22, "RMSProp", lambda: jos.rmsprop(0.03, 0.9)),
    "Adagrad, cycle of 22": (22, "Adagrad", lambda: jos.adagrad(1.0)),
}
DRAWN = [*list(RIVALS)[:2], *list(RIVALS)[3:4], *list(RIVALS)[5:]]
HARMLESS = "RMSProp, β = 0.9"  # too long a memory for the cycle of 3


def sums(kind: str, rate: Any, zs: Any) -> tuple[jax.Array, jax.Array]:
    """Adagrad's losses ``[rounds]``, and its sum of squares after every round ``[rounds, SIZE]``."""
    tx = jos.adagrad(rate, eps=0.0)
    before = {"c": lambda taken: taken.state[0].sum_of_squares}
    result = play(LOSSES[kind], tx, jnp.zeros(SIZE), zs, **before)
    after = jnp.concatenate([result.history["c"][1:], result.state[0].sum_of_squares[None]])
    return result.history["loss"], after


def bounds(rate: float, c: np.ndarray) -> list[float]:
    """The bound after every round, from the sums of squares ``[rounds, SIZE]``."""
    state = jos.adagrad(rate).init(jnp.zeros(SIZE))
    return [jos.diagnostics.adagrad_bound(state._replace(sum_of_squares=x), rate, DIAMETER) for x in c]


def online(kind: str, steps: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Adagrad's regret and its bound, ``[seeds, rates, rounds]``."""
    zs = np.stack([rounds(kind, steps, seed) for seed in range(seeds)])
    of_rates = jax.vmap(partial(sums, kind), in_axes=(0, None))
    of_seeds = jax.jit(jax.vmap(of_rates, in_axes=(None, 0)))
    losses, c = map(np.asarray, of_seeds(jnp.array(RATES), jnp.asarray(zs, jnp.float32)))
    bound = [[bounds(rate, one) for rate, one in zip(RATES, of_seed, strict=True)] for of_seed in c]
    regret = [regrets(kind, one, z) for one, z in zip(losses, zs, strict=True)]
    return np.array(regret), np.array(bound)


def walk(length: int, make: Callable[[], Any], steps: int, starts: Any) -> dict[str, np.ndarray]:
    """The end ``[starts]``, and the regret against -1, the best fixed point, ``[starts, steps]``."""
    slopes = np.where(np.arange(steps) % length == 0, FACTORS[length], -1).astype(np.float32)
    one = lambda start: play(lambda x, slope: slope * x, make(), start, slopes)  # noqa: E731
    where = np.asarray(jax.jit(jax.vmap(one))(starts).history["params"], float)
    regret = np.stack([jos.diagnostics.regret(slopes * x, -slopes) for x in where])
    growth = np.log(regret[:, -1] / regret[:, steps // 4]) / np.log(4)
    return {"end": where[:, -1], "regret": regret, "growth": growth, "slopes": slopes}


def measure(short: bool = False) -> dict[str, Any]:
    """Three online problems with their bounds, and the two cycles."""
    steps, seeds, long = (300, 2, 13_200) if short else (2_000, 10, 33_000)
    found: dict[str, Any] = {kind: online(kind, steps, seeds) for kind in LOSSES}
    starts = jnp.linspace(-0.9, 0.9, seeds)
    for name, (length, _, make) in RIVALS.items():
        found[name] = walk(length, make, long, starts)
    return found


def converges(name: str) -> bool:
    """Whether it should go to the best point."""
    return name.startswith("Adagrad") or name == HARMLESS


def check(found: dict[str, Any]) -> None:
    """Under the bound at every round; and who goes to the best point, who to the worst."""
    for kind in LOSSES:
        regret, bound = found[kind]
        assert np.all(regret <= bound), (kind, np.max(regret / bound))
        assert np.all(np.max(regret[:, 1] / bound[:, 1], axis=-1) > 0.1), f"{kind}: a bound for nothing"
    for name, (length, rule, _) in RIVALS.items():
        end, regret, growth = (found[name][k] for k in ("end", "regret", "growth"))
        if converges(name):
            assert np.all(end < -0.95), (name, end)
            assert np.all(growth < 0.75), (name, growth)
        else:
            assert np.all(end > 0.9), (name, end)
            np.testing.assert_allclose(growth, 1, atol=0.15, err_msg=name)
            assert np.all(regret[:, -1] / regret.shape[1] > 0.95 * worst(length)), name
        if rule == "Adagrad":
            squares = np.cumsum(found[name]["slopes"].astype(float) ** 2)
            assert np.all(regret <= bounds(1.0, squares[:, None])), name


def worst(length: int) -> float:
    """The average regret of who stands at the worst point."""
    return 2 * (FACTORS[length] - length + 1) / length


def rows(found: dict[str, Any]) -> list[Row]:
    """How near regret comes to its bound, and how it grows on the cycles."""
    listed = []
    for kind in LOSSES:
        ratio = np.max(found[kind][0] / found[kind][1], axis=-1)
        at = "; ".join(f"α = {a:.3g}: {plus_minus(ratio[:, i], '.3f')}" for i, a in enumerate(RATES))
        listed.append(
            Row(f"Adagrad, {kind} losses: largest regret / bound", at, "at most 1, every seed")
        )
    for name, (length, _, _) in RIVALS.items():
        end, growth, regret = (found[name][k] for k in ("end", "growth", "regret"))
        average = plus_minus(regret[:, -1] / regret.shape[1], ".4f")
        measured = f"{end.mean():+.3f}, R(T) ~ T^{growth.mean():.2f}, R(T)/T = {average}"
        bad = f"+1, exponent 1 (within 0.15), {worst(length):.4f} or more (within 5 %)"
        what = (
            f"{name.split(', cycle')[0]}; C = {FACTORS[length]:g} once in {length} steps: end, regret"
        )
        listed.append(Row(what, measured, "-1, exponent below 3/4" if converges(name) else bad))
    return listed


def verdict(found: dict[str, Any]) -> str:
    """Both halves hold, the second with a condition."""
    nearest = max(np.max(found[kind][0] / found[kind][1]) for kind in LOSSES)
    return (
        f"True. Adagrad's regret stays under its bound at every round (at most {nearest:.0%} of it); "
        f"RMSProp, with a falling rate or a fixed one, walks to the worst point of a convex problem. "
        f"It takes a memory that is short for the cycle: with β = 0.9 it still solves the paper's "
        f"cycle of 3 steps, and fails on one of 22. Adagrad solves both."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Regret and bound; and the average regret on the cycle of 3 and of 22."""
    titles = "Adagrad's regret and its bound (dashed)", "f = Cx once a cycle, otherwise -x"
    figure, (left, right) = panels(*titles)
    for kind, colour, marker in zip(LOSSES, ("#009E73", "#0072B2", "#CC79A7"), "vsD", strict=True):
        regret, bound = (x[:, 1].mean(axis=0) for x in found[kind])
        t = np.arange(1, len(bound) + 1)
        every = {"marker": marker, "markevery": 0.1, "ms": 8, "lw": 2.2, "color": colour}
        left.plot(t, np.maximum(regret, 1e-9), label=f"{kind} losses", **every)
        left.plot(t, bound, ls="--", **every)
    left.set(xscale="log", yscale="log", ylim=(0.3, None))
    for name in DRAWN:
        length, rule, _ = RIVALS[name]
        regret = found[name]["regret"]
        t = np.unique(np.geomspace(3 * length, regret.shape[1], 60).astype(int))
        style = {"ls": STYLES[rule][2] if length == 3 else ":", "label": name}
        curve(right, rule, t, regret[:, t - 1] / t, **style)
    right.set(xscale="log", yscale="log", ylim=(1e-4, 3))
    label(left, "rounds t", "regret R(t), mean over seeds; α = √2", loc="upper left")
    label(right, "rounds t", "average regret R(t) / t", loc="lower left")
    save(figure, path)


PORTUGUESE = {
    "Formal bounds": "Limites formais",
    "RMSProp is a heuristic approach, while Adagrad has formal bounds on its rate of convergence, "
    "though only for convex problems.": (
        "O RMSProp é heurístico; o Adagrad tem limites formais para a sua taxa de convergência, "
        "embora só em problemas convexos."
    ),
    "True. Adagrad's regret stays under its bound at every round (at most #% of it); RMSProp, "
    "with a falling rate or a fixed one, walks to the worst point of a convex problem. It takes a "
    "memory that is short for the cycle: with β = # it still solves the paper's cycle of # "
    "steps, and fails on one of #. Adagrad solves both.": (
        "Verdade. O arrependimento (*regret*) do Adagrad fica abaixo do seu limite em todas as "
        "rodadas (no máximo #% dele); o RMSProp, com taxa decrescente ou fixa, caminha até o pior "
        "ponto de um problema convexo. Para isso, a memória precisa ser curta em relação ao "
        "ciclo: com β = # ele ainda resolve o ciclo de # passos do artigo e falha num de #. O "
        "Adagrad resolve os dois."
    ),
    "Adagrad, linear losses: largest regret / bound": (
        "Adagrad, perdas lineares: maior arrependimento / limite"
    ),
    "Adagrad, absolute losses: largest regret / bound": (
        "Adagrad, perdas absolutas: maior arrependimento / limite"
    ),
    "Adagrad, logistic losses: largest regret / bound": (
        "Adagrad, perdas logísticas: maior arrependimento / limite"
    ),
    "at most #, every seed": "no máximo #, em cada semente",
    "@; C = # once in # steps: end, regret": ("@; C = # uma vez a cada # passos: fim, arrependimento"),
    "@, β = #; C = # once in # steps: end, regret": (
        "@, β = #; C = # uma vez a cada # passos: fim, arrependimento"
    ),
    "@, β = #, fixed rate; C = # once in # steps: end, regret": (
        "@, β = #, taxa fixa; C = # uma vez a cada # passos: fim, arrependimento"
    ),
    "Adam, β₁ = #, β₂ = #; C = # once in # steps: end, regret": (
        "Adam, β₁ = #; β₂ = #; C = # uma vez a cada # passos: fim, arrependimento"
    ),
    "#, R(T) ~ T^#, R(T)/T = # ± #": "#; R(T) ~ T^#; R(T)/T = # ± #",
    "#, exponent # (within #), # or more (within # %)": (
        "#; expoente # (dentro de #); # ou mais (dentro de # %)"
    ),
    "#, exponent below #/#": "#; expoente abaixo de #/#",
}


CLAIM = Claim(
    number=9,
    title="Formal bounds",
    sentence="RMSProp is a heuristic approach, while Adagrad has formal bounds on its rate of "
    "convergence, though only for convex problems.",
    slide="RMSProp / Adagrad, slide “RMSProp × ADAGRAD”",
    measure=measure,
    check=check,
    rows=rows,
    verdict=verdict,
    draw=draw,
    portuguese=PORTUGUESE,
)
