"""Claim 10: Adagrad for short training, RMSProp for long: on text, and on a target that drifts."""

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
from examples.claims.small_text import WORDS, init_params, small_corpus, surprise
from examples.text_report import plus_minus

BATCH = 16  # examples of the text
RULES = {  # each with its learning rates, half a decade apart
    "RMSProp": (jos.rmsprop, 10 ** np.arange(-3.5, -1.4, 0.5)),
    "Adagrad": (jos.adagrad, 10 ** np.arange(-1.5, 0.1, 0.5)),
}
LONG_MEMORY = "RMSProp, β = 0.999"  # a control: of the long memory without the falling rate
TEXT_RULES = RULES | {LONG_MEMORY: (partial(jos.rmsprop, decay=0.999), 10 ** np.arange(-3, -1.4, 0.5))}
TRACKING = {
    "RMSProp": (jos.rmsprop, 10 ** np.arange(-3, -0.9, 0.5)),
    "Adagrad": (jos.adagrad, 10 ** np.arange(-1, 1.1, 0.5)),
}
DRIFT, NOISE, DIMENSION = 0.01, 0.3, 10  # of the target: its steps, and what hides it
SHORT = 2  # the place of the short training among the lengths
BEGIN = 1000  # steps that choose the rate for the drifting target


def text_part(train, validation, tx, params, state, indices):
    """Some steps of one run, batches ``[steps, BATCH]`` of examples, and then the validation loss."""
    of_batch = lambda params, i: surprise(params, jax.tree.map(lambda x: x[i], train))  # noqa: E731
    run = jos.fit(of_batch, tx, params, state=state, steps=len(indices), batches=indices)
    return run.params, run.state, surprise(run.params, validation)


def train_text(rule: str, parts: int, steps: int, seeds: int, corpus: Any) -> np.ndarray:
    """Validation losses ``[rates, seeds, parts]``."""
    constructor, rates = TEXT_RULES[rule]
    txs = jax.vmap(constructor)(jnp.asarray(rates, jnp.float32))
    params = jax.vmap(init_params)(jax.vmap(jax.random.key)(jnp.arange(seeds)))
    params = jax.tree.map(lambda x: jnp.stack([x] * len(rates)), params)
    state = jax.vmap(lambda tx, p: jax.vmap(tx.init)(p))(txs, params)
    over_seeds = jax.vmap(partial(text_part, *corpus), in_axes=(None, 0, 0, 0))
    program = jax.jit(jax.vmap(over_seeds, in_axes=(0, 0, 0, None)))
    rng, losses = np.random.default_rng(0), []
    for _ in range(parts):
        indices = rng.integers(len(corpus[0][1]), size=(seeds, steps, BATCH))
        params, state, loss = program(txs, params, state, indices)
        losses.append(np.asarray(loss))
    return np.stack(losses, axis=-1)


def follow(rule: str, steps: int, seeds: int) -> np.ndarray:
    """Mean square distances to the drifting target, ``[rates, seeds, steps]``."""
    constructor, rates = TRACKING[rule]
    rng = np.random.default_rng(1)
    shape = (seeds, steps, DIMENSION)
    target = np.cumsum(DRIFT * rng.normal(size=shape), axis=1).astype(np.float32)
    seen = target + NOISE * rng.normal(size=shape).astype(np.float32)

    def one(rate, seen, target):
        loss = lambda w, z: 0.5 * jnp.sum(jnp.square(w - z))  # noqa: E731
        start = jnp.zeros(DIMENSION)
        run = jos.fit(loss, constructor(rate), start, steps=steps, batches=seen, record="params")
        return jnp.mean(jnp.square(run.history["params"] - target), axis=-1)

    over_seeds = jax.vmap(one, in_axes=(None, 0, 0))
    every = jax.jit(jax.vmap(over_seeds, in_axes=(0, None, None)))
    return np.asarray(every(jnp.asarray(rates, jnp.float32), seen, target))


def measure(short: bool = False) -> dict[str, Any]:
    """Both rules on both tasks, at every learning rate."""
    parts, steps, seeds, long = (10, 60, 2, 30_000) if short else (100, 100, 5, 50_000)
    corpus = small_corpus()
    found: dict[str, Any] = {"t": steps * np.arange(1, parts + 1), "steps": long}
    for rule in TEXT_RULES:
        losses = train_text(rule, parts, steps, seeds, corpus)
        best = losses.mean(axis=1).argmin(axis=0)  # of each length of training
        found[f"{rule} text"] = losses[best, :, np.arange(parts)].T
        found[f"{rule} text rates"] = TEXT_RULES[rule][1][best]
    for rule in TRACKING:
        distances = follow(rule, long, 5)
        chosen = distances[:, :, :BEGIN].mean(axis=(1, 2)).argmin()
        found[f"{rule} drift"], found[f"{rule} drift rate"] = (
            distances[chosen],
            TRACKING[rule][1][chosen],
        )
        found[f"{rule} drift, best of all"] = distances.mean(axis=(1, 2)).min()
    return found


def growth(found: dict[str, Any], rule: str) -> np.ndarray:
    """The last tenth's mean square distance over the beginning's, ``[seeds]``."""
    distances = found[f"{rule} drift"]
    return distances[:, -found["steps"] // 10 :].mean(axis=1) / distances[:, :BEGIN].mean(axis=1)


def gain(found: dict[str, Any], rule: str) -> np.ndarray:
    """Its validation loss minus Adagrad's, ``[seeds, lengths of training]``."""
    return found[f"{rule} text"] - found["Adagrad text"]


def check(found: dict[str, Any]) -> None:
    """Adagrad loses a target that RMSProp follows; on the text it is ahead at every length."""
    np.testing.assert_allclose(growth(found, "RMSProp"), 1, atol=0.25)
    assert np.all(growth(found, "Adagrad") > 1.6), growth(found, "Adagrad")
    assert found["Adagrad drift"].mean() > 1.5 * found["RMSProp drift"].mean()
    ahead, left = gain(found, "RMSProp"), gain(found, LONG_MEMORY)
    assert np.all(ahead[:, [SHORT, -1]] > 0.02), ahead
    assert np.all(left[:, -1] < 0.5 * ahead[:, -1]), left
    start = np.log(WORDS)
    for rule in TEXT_RULES:
        assert np.all(found[f"{rule} text"][:, -1] < start - 1), f"{rule} learned nothing"


def rows(found: dict[str, Any]) -> list[Row]:
    """Losses after short and long training, distances to the target early and late."""
    listed = []
    for name, i in (("short", SHORT), ("long", -1)):
        for rule in TEXT_RULES:
            what = f"text, {found['t'][i]:,} steps: {rule}'s validation loss, best rate"
            rate = f" at {found[f'{rule} text rates'][i]:.2g}"
            listed.append(Row(what, plus_minus(found[f"{rule} text"][:, i], ".3f") + rate, "-"))
        wanted = "above 0.02; the slide: " + ("positive" if name == "short" else "negative")
        what = f"text, {found['t'][i]:,} steps: RMSProp's loss - Adagrad's"
        listed.append(Row(what, plus_minus(gain(found, "RMSProp")[:, i], ".3f"), wanted))
    left = plus_minus(gain(found, LONG_MEMORY)[:, -1], ".3f")
    listed.append(Row(f"text, long: the same for {LONG_MEMORY}", left, "less than half of it"))
    for rule in RULES:
        wanted = "1 (within 0.25)" if rule == "RMSProp" else "above 1.6"
        rate = found[f"{rule} drift rate"]
        what = f"drift: {rule}'s squared distance, last tenth / first {BEGIN:,} steps, rate {rate:.2g}"
        listed.append(Row(what, plus_minus(growth(found, rule), ".2f"), wanted))
        lowest = f"{found[f'{rule} drift, best of all']:.4f}"
        listed.append(Row(f"drift: {rule}'s mean squared distance, rate best for all", lowest, "-"))
    return listed


def verdict(found: dict[str, Any]) -> str:
    """Half true."""
    ahead, left = (plus_minus(gain(found, rule)[:, -1], ".2f") for rule in ("RMSProp", LONG_MEMORY))
    return (
        f"Half true. Where the target drifts, RMSProp follows it for ever and Adagrad falls behind "
        f"({growth(found, 'Adagrad').mean():.1f} times its first squared distance). But length alone "
        f"is no reason: on text that stays the same, Adagrad is ahead of RMSProp with β = 0.9 after "
        f"the short run and, by {ahead} nats a word, after the long one too. What costs there is the "
        f"short memory, not the fixed rate: with β = 0.999 the difference is {left}."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Validation loss against the length of training; distance to the target over time."""
    figure, (left, right) = panels("Text, the best rate for each length", "A target that drifts")
    for rule in TEXT_RULES:
        curve(left, rule, found["t"], found[f"{rule} text"], markevery=0.1)
    for rule in TRACKING:
        edges = np.unique(np.geomspace(100, found["steps"], 30).astype(int))
        means = np.add.reduceat(found[f"{rule} drift"], edges[:-1], axis=1) / np.diff(edges)
        means[:, -1] = found[f"{rule} drift"][:, edges[-2] :].mean(axis=1)
        rate = f"{rule}, learning rate {found[f'{rule} drift rate']:.2g}"
        curve(right, rule, np.sqrt(edges[:-1] * edges[1:]), means, label=rate)
        right.set_yscale("log")
    for axes in (left, right):
        axes.set_xscale("log")
    label(left, "steps of training", "validation loss (nats a word)")
    label(right, "steps", "mean square distance to the target")
    right.axvline(BEGIN, color=GREY, lw=1.5, ls="--")
    right.text(BEGIN * 1.1, 0.0021, "rates chosen before this line", fontsize=13, color=GREY)
    save(figure, path)


PORTUGUESE = {
    "Short and long training": "Treinos curtos e longos",
    "The learning rate of RMSProp is fixed over time, being more suitable for training tasks of "
    "long duration; that of Adagrad falls by #/√t, which is quite aggressive (it may be good for "
    "short models that are easy to train, but too fast for training of long duration).": (
        "Com taxa de aprendizado fixa no tempo, o RMSProp é mais adequado a treinos longos; a do "
        "Adagrad cai com #/√t, queda bastante agressiva (boa, talvez, para modelos curtos e "
        "fáceis de treinar, mas rápida demais para treinos longos)."
    ),
    "Half true. Where the target drifts, RMSProp follows it for ever and Adagrad falls behind (# "
    "times its first squared distance). But length alone is no reason: on text that stays the "
    "same, Adagrad is ahead of RMSProp with β = # after the short run and, by # ± # nats a word, "
    "after the long one too. What costs there is the short memory, not the fixed rate: with β = # "
    "the difference is # ± #.": (
        "Meia verdade. Onde o alvo se desloca, o RMSProp o segue para sempre e o Adagrad fica "
        "para trás (# vezes a sua distância quadrática inicial). Mas a duração, sozinha, não é "
        "motivo: num texto que não muda, o Adagrad está à frente do RMSProp com β = # depois do "
        "treino curto e também, com vantagem de # ± # nats por palavra, depois do longo. O que custa "
        "ali é a memória curta, não a taxa fixa: com β = # a diferença é de # ± #."
    ),
    "text, # steps: @'s validation loss, best rate": (
        "texto, # passos: perda de validação do @, melhor taxa"
    ),
    "text, # steps: @, β = #'s validation loss, best rate": (
        "texto, # passos: perda de validação do @ com β = #, melhor taxa"
    ),
    "# ± # at #": "# ± # com #",
    "above #; the slide: positive": "acima de #; o slide: positiva",
    "above #; the slide: negative": "acima de #; o slide: negativa",
    "text, # steps: RMSProp's loss - Adagrad's": (
        "texto, # passos: perda do RMSProp - perda do Adagrad"
    ),
    "text, long: the same for RMSProp, β = #": "texto, longo: o mesmo para o RMSProp, β = #",
    "less than half of it": "menos da metade dela",
    "drift: @'s squared distance, last tenth / first # steps, rate #": (
        "deslocamento: distância quadrática do @, último décimo / primeiros # passos, taxa #"
    ),
    "above #": "acima de #",
    "drift: @'s mean squared distance, rate best for all": (
        "deslocamento: distância quadrática média do @, melhor taxa para tudo"
    ),
}


CLAIM = Claim(
    number=10,
    title="Short and long training",
    sentence="The learning rate of RMSProp is fixed over time, being more suitable for training tasks "
    "of long duration; that of Adagrad falls by 1/√t, which is quite aggressive (it may be good for "
    "short models that are easy to train, but too fast for training of long duration).",
    slide="RMSProp / Adagrad, slide “RMSProp × ADAGRAD”",
    measure=measure,
    check=check,
    rows=rows,
    verdict=verdict,
    draw=draw,
    portuguese=PORTUGUESE,
)
