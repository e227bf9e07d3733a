"""Claim 11: a separable problem that gradient descent generalizes on and adaptive rules do not."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from examples.claims.base import Claim, Row
from examples.claims.early_figures import label, panels, save
from examples.claims.late_figures import GREY, STYLES, curve
from examples.text_report import plus_minus

TRAIN, TEST = 40, 500  # examples
POSITIVE = 0.7  # the probability of the label +1: above 1/2
RULES = ("SGD", "momentum", "RMSProp", "Adagrad", "Adam")
LOOKS = 20  # at the test error
FULL, MINI = "full batch", "minibatches of 4"
ADAPTIVE = ("RMSProp", "Adagrad", "Adam")


def optimizer(rule: str) -> jos.GradientTransformation:
    """The rule with a learning rate at which it trains."""
    rates = {"SGD": 0.3, "momentum": 0.03, "RMSProp": 0.001, "Adagrad": 0.03, "Adam": 0.001}
    return getattr(jos, rule.lower())(rates[rule])


def labels(seed: int) -> np.ndarray:
    """-1 and 1, ``[TRAIN + TEST]``, most of those to train on positive."""
    rng = np.random.default_rng(seed)
    while True:
        y = np.where(rng.random(TRAIN + TEST) < POSITIVE, 1, -1)
        if y[:TRAIN].sum() > 0:
            return y


def features(y: np.ndarray) -> np.ndarray:
    """The paper's: the label; 1; 1; and a block of five for each example, which no other one has.

    Of its own block a positive example has the first feature, a negative one all five. The blocks of
    the test examples are left out: no gradient ever reaches their weights, which stay 0.
    """
    X = np.zeros((TRAIN + TEST, 3 + 5 * TRAIN), np.float32)
    X[:, 0], X[:, 1:3] = y, 1
    for i in range(TRAIN):
        first = 3 + 5 * i
        X[i, first : first + (1 if y[i] == 1 else 5)] = 1
    return X


def loss(w: jax.Array, weights: jax.Array, X: jax.Array, y: jax.Array) -> jax.Array:
    """Least squares, the examples weighted as often as they are in the batch."""
    return 0.5 * jnp.sum(weights * jnp.square(jnp.sum(X * w[None], axis=1) - y))


def run(rule: str, X: Any, y: Any, weights: Any) -> dict[str, jax.Array]:
    """Trains from 0 on batches ``[steps, TRAIN]`` of the first examples; looks at weights and loss."""
    of_batch = partial(loss, X=X[:TRAIN], y=y[:TRAIN])
    w, steps = jnp.zeros(X.shape[1]), len(weights)
    result = jos.fit(of_batch, optimizer(rule), w, steps=steps, batches=weights, record="params")
    w = jnp.concatenate(
        [result.history["params"][steps // LOOKS :: steps // LOOKS], result.params[None]]
    )
    right = y[None] * jnp.sum(X[None] * w[:, None], axis=-1) > 0  # [LOOKS, examples]
    wrong = jnp.where(right, 0.0, 1.0)
    errors = {"train": wrong[:, :TRAIN].mean(axis=1), "test": wrong[:, TRAIN:].mean(axis=1)}
    return errors | {"w": w[-1], "loss": of_batch(w[-1], jnp.full(TRAIN, 1 / TRAIN))}


def measure(short: bool = False) -> dict[str, Any]:
    """Every rule with the whole set in a batch, and with minibatches."""
    steps, seeds = (1_200, 3) if short else (4_000, 10)
    ys = np.stack([labels(seed) for seed in range(seeds)])
    Xs = np.stack([features(y) for y in ys])
    found: dict[str, Any] = {"negative": np.mean(ys[:, TRAIN:] < 0, axis=1), "steps": steps}
    found["sign"] = np.sign(np.einsum("snd,sn->sd", Xs[:, :TRAIN], ys[:, :TRAIN]))
    mini = np.random.default_rng(0).multinomial(4, np.full(TRAIN, 1 / TRAIN), (seeds, steps)) / 4
    batches = {FULL: np.full_like(mini, 1 / TRAIN), MINI: mini}
    for rule in RULES:
        program = jax.jit(jax.vmap(partial(run, rule)))
        for kind, weights in batches.items():
            results = program(Xs, ys.astype(np.float32), weights.astype(np.float32))
            found[f"{rule}, {kind}"] = jax.tree.map(np.asarray, results)
    return found


def check(found: dict[str, Any]) -> None:
    """Full batch: all train; SGD tests without an error; the adaptive rules call all positive."""
    assert np.all(found["negative"] > 0.2)
    for rule in RULES:
        full, mini = found[f"{rule}, {FULL}"], found[f"{rule}, {MINI}"]
        for result in (full, mini):
            assert np.all(result["train"][:, -1] == 0), rule
            assert np.all(result["loss"] < 1e-3), (rule, result["loss"])
        wrong = found["negative"] if rule in ADAPTIVE else 0
        np.testing.assert_allclose(full["test"][:, -1], wrong, atol=1e-6, err_msg=rule)
        if rule in ADAPTIVE:  # lemma 3.1: w is sign(X'y) / 4
            np.testing.assert_allclose(full["w"], found["sign"] / 4, atol=0.01, err_msg=rule)
        else:
            np.testing.assert_allclose(mini["test"][:, -1], 0, err_msg=rule)
    assert np.all(found[f"Adagrad, {MINI}"]["test"][:, -1] < 0.5 * found["negative"])


def rows(found: dict[str, Any]) -> list[Row]:
    """The errors at the end."""
    listed = [
        Row("share of negative test examples", plus_minus(found["negative"], ".3f"), "1 - p = 0.3")
    ]
    for rule in RULES:
        ends = {
            kind: "train {}, test {}".format(
                *(
                    plus_minus(found[f"{rule}, {kind}"][part][:, -1], ".3f")
                    for part in ("train", "test")
                )
            )
            for kind in (FULL, MINI)
        }
        wanted = "0; the share of negative ones" if rule in ADAPTIVE else "0; 0"
        listed.append(Row(f"{rule}, {FULL}: errors", ends[FULL], wanted))
        listed.append(Row(f"{rule}, {MINI}: errors", ends[MINI], "not in the paper"))
    return listed


def verdict(found: dict[str, Any]) -> str:
    """A counterweight, with its own limit."""
    wrong = plus_minus(found[f"Adagrad, {FULL}"]["test"][:, -1], ".3f")
    mini = plus_minus(found[f"Adagrad, {MINI}"]["test"][:, -1], ".3f")
    return (
        f"As the paper proves: with full-batch gradients all rules fit the training set, gradient "
        f"descent makes no error on new examples, and Adagrad, RMSProp and Adam call every one of them "
        f"positive (test error {wrong}). The slide's “work very well” is about speed, not about what "
        f"is learned. The counterexample is fragile, too: with {MINI} Adagrad's test error is {mini}."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Test error over time, and the weights at the end."""
    figure, (left, right) = panels("Errors on new examples", f"Weights, {FULL}, one seed")
    t = found["steps"] // LOOKS * np.arange(1, LOOKS + 1)
    for i, rule in enumerate(("SGD", "RMSProp", "Adagrad")):
        for kind, style in ((FULL, {}), (MINI, {"ls": ":"})):
            style = {"label": f"{rule}, {kind}", "markevery": (i, 5), **style}
            curve(left, rule, t, found[f"{rule}, {kind}"]["test"], **style)
    names = ["the label", "1", "1", "own (+)", "own (-)"]
    sign = found["sign"][0]
    own = [3 + int(np.argmax(sign[3:] == s)) for s in (1, -1)]
    for i, rule in enumerate(("SGD", "Adagrad")):
        height = found[f"{rule}, {FULL}"]["w"][0][[0, 1, 2, *own]]
        right.bar(np.arange(5) + 0.4 * i - 0.2, height, 0.4, color=STYLES[rule][0], label=rule)
    right.set_xticks(range(5), names, fontsize=13)
    right.axhline(0, color=GREY, lw=1)
    label(left, "steps", "share of new examples on the wrong side", loc="center right")
    label(right, "feature", "weight")
    save(figure, path)


PORTUGUESE = {
    "A counterweight: what is learned": "Um contrapeso: o que se aprende",
    "RMSProp and Adagrad work very well on data sets whose gradients vary much in magnitude.": (
        "RMSProp e Adagrad funcionam muito bem em dados cujos gradientes variam muito em magnitude."
    ),
    "RMSProp / Adagrad, slide “RMSProp × ADAGRAD”; against it Wilson et al., The Marginal Value "
    "of Adaptive Gradient Methods in Machine Learning, #, section #": (
        "RMSProp / Adagrad, slide “RMSProp × ADAGRAD”; em contraponto, Wilson et al., The "
        "Marginal Value of Adaptive Gradient Methods in Machine Learning, #, seção #"
    ),
    "As the paper proves: with full-batch gradients all rules fit the training set, gradient "
    "descent makes no error on new examples, and Adagrad, RMSProp and Adam call every one of them "
    "positive (test error # ± #). The slide's “work very well” is about speed, not about what is "
    "learned. The counterexample is fragile, too: with minibatches of # Adagrad's test error is "
    "# ± #.": (
        "Como o artigo prova: com gradientes do conjunto inteiro, todas as regras se ajustam ao "
        "conjunto de treino, a descida de gradiente não erra em exemplos novos, e Adagrad, "
        "RMSProp e Adam dizem que todos eles são positivos (erro de teste # ± #). O "
        "“funcionam muito bem” do slide fala de velocidade, não do que se aprende. O contraexemplo "
        "também é frágil: com minibatches de # o erro de teste do Adagrad é de # ± #."
    ),
    "share of negative test examples": "proporção de exemplos de teste negativos",
    "train # ± #, test # ± #": "treino # ± #; teste # ± #",
    "@, full batch: errors": "@, conjunto inteiro: erros",
    "@, minibatches of #: errors": "@, minibatches de #: erros",
    "not in the paper": "não está no artigo",
    "#; the share of negative ones": "#; a proporção de negativos",
}


CLAIM = Claim(
    number=11,
    title="A counterweight: what is learned",
    sentence="RMSProp and Adagrad work very well on data sets whose gradients vary much in magnitude.",
    slide="RMSProp / Adagrad, slide “RMSProp × ADAGRAD”; against it Wilson et al., The Marginal Value "
    "of Adaptive Gradient Methods in Machine Learning, 2017, section 3",
    measure=measure,
    check=check,
    rows=rows,
    verdict=verdict,
    draw=draw,
    portuguese=PORTUGUESE,
)
