"""Draws how far the frameworks' rules of one name drift from the slides' rule of that name.

Every rule starts at the same point with the same learning rate and sees the same noise. The problem is
a noisy quadratic of 24 parameters whose gradients span five orders of magnitude, as the slides say of
text. Drawn is the distance from the slides' run relative to how far that run has come: at 1 the two are
as far apart as the slides' run is from its start. All in float64: what is drawn is rules, not rounding.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import StrMethodFormatter

import jaxopt_slides as jos
from jaxopt_slides import presets

SIZE, NOISE, SEED = 24, 0.5, 0
FLOOR, TOP = 1e-6, 4.0  # of the pictures; what is less, such as nothing, is drawn at the floor
STYLES = {  # by a label's start: colours that colour-blind people can tell apart, and a marker each
    "torch\ndampening": ("#E69F00", "v"),
    "torch": ("#D55E00", "^"),
    "Keras": ("#0072B2", "o"),
    "optax": ("#009E73", "s"),
    "TF1": ("#CC79A7", "D"),
    "jax example": ("#000000", "v"),
}
Rules = dict[str, jos.GradientTransformation]


def panels(steps: int) -> dict[str, Rules]:
    """The rules of each panel, by a label of who has it and why it differs, and the slides' own."""
    rate = jos.piecewise_constant_schedule(0.1, {-(-steps // 4): 0.1})
    return {
        "Momentum, learning rate 0.1, then 0.01": {
            "slides": presets.slides.momentum(rate),
            "Keras\nthe same rule": presets.keras.sgd(rate, 0.9),
            "torch, optax, TF1\nlearning rate outside": presets.torch.sgd(rate, 0.9),
            "torch\ndampening 0.5": presets.torch.sgd(rate, 0.9, dampening=0.5),
        },
        "RMSProp, learning rate 0.01": {
            "slides": presets.slides.rmsprop(0.01),
            "torch\ndecay 0.99": presets.torch.rmsprop(0.01),
            "TF1\nstarts at 1": presets.tf1.rmsprop(0.01),
            "Keras\n$\\epsilon$ inside, $10^{-7}$": presets.keras.rmsprop(0.01),
            "optax\n$\\epsilon$ inside, $10^{-8}$": presets.optax.rmsprop(0.01),
        },
        "Adagrad, learning rate 0.1": {
            "slides": presets.slides.adagrad(0.1),
            # The three of the next line are one to the eye.
            "Keras, optax, TF1\nstart at 0.1": presets.keras.adagrad(0.1),
            "torch\n$\\epsilon$ is $10^{-10}$": presets.torch.adagrad(0.1),
            "jax example\nhidden average": presets.jax_example.adagrad(0.1),
        },
    }


def loss(x: jax.Array, noise: jax.Array) -> jax.Array:
    """The gradients are those of (x - 1)^2/2 and noise, times 1 to 1e-5."""
    scale = jnp.geomspace(1, 1e-5, SIZE)
    return jnp.sum(scale * (0.5 * (x - 1) ** 2 + noise * x))


def run(tx: jos.GradientTransformation, steps: int) -> np.ndarray:
    """The parameters after each step, ``[steps, SIZE]``; they start at 0."""
    noise = NOISE * jax.random.normal(jax.random.key(SEED), (steps + 1, SIZE))
    result = jos.fit(loss, tx, jnp.zeros(SIZE), steps=steps + 1, batches=noise, record=("params",))
    return np.asarray(result.history["params"])[1:]  # what is recorded is before each step


def drifts(rules: Rules, steps: int) -> dict[str, np.ndarray]:
    """The relative distance of every other rule from the first, after each step."""
    paths = {label: run(tx, steps) for label, tx in rules.items()}
    ours = paths.pop("slides")
    come = np.linalg.norm(ours, axis=1)
    return {label: np.linalg.norm(x - ours, axis=1) / come for label, x in paths.items()}


def spread(heights: list[float], gap: float, lowest: float) -> list[float]:
    """The heights of labels, moved apart to at least ``gap`` between neighbours, above ``lowest``."""
    order = np.argsort(heights)
    placed = np.array(heights)[order]
    for _ in range(100):
        placed[0] = max(placed[0], lowest)
        for i in range(1, len(placed)):
            lack = max(0.0, gap - (placed[i] - placed[i - 1]))
            placed[i - 1 : i + 1] += -lack / 2, lack / 2
    return placed[np.argsort(order)].tolist()


def draw(axes: Any, title: str, found: dict[str, np.ndarray]) -> None:
    """One panel: a line for each rule, its label at its end."""
    lines = {label: np.clip(d, FLOOR, None) for label, d in found.items()}
    ends = [float(np.log10(d[-1])) for d in lines.values()]
    heights = spread(ends, gap=0.78, lowest=np.log10(FLOOR) + 0.4)
    steps = np.arange(1, len(next(iter(lines.values()))) + 1)
    for (label, d), height in zip(lines.items(), heights, strict=True):
        colour, marker = next(style for who, style in STYLES.items() if label.startswith(who))
        marks = np.unique(np.geomspace(1, len(d), 8).astype(int)) - 1
        axes.plot(
            steps, d, color=colour, marker=marker, markevery=list(marks), lw=2.2, ms=7, clip_on=False
        )
        place = {"xycoords": axes.get_yaxis_transform(), "va": "center", "annotation_clip": False}
        axes.annotate(label, (1.04, 10**height), color=colour, fontsize=14, linespacing=1.1, **place)
    axes.set(xscale="log", yscale="log", xlim=(1, steps[-1]), ylim=(FLOOR, TOP))
    axes.set_title(title, fontsize=16, pad=12)
    axes.set_xlabel("steps", fontsize=15)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=13)


def save(steps: int, path: Path) -> None:
    """Runs every rule and draws the three panels beside each other."""
    figure = Figure(figsize=(18, 6), dpi=120, layout=ConstrainedLayoutEngine(wspace=0.03))
    for axes, (title, rules) in zip(figure.subplots(1, 3), panels(steps).items(), strict=True):
        with jax.enable_x64(True):
            draw(axes, title, drifts(rules, steps))
    figure.axes[0].set_ylabel(
        "distance from the slides' run,\nrelative to how far that has come", fontsize=15
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def at_least_four(text: str) -> int:
    """A whole number from the command line; the learning rate of momentum falls after a quarter."""
    if not text.isdecimal() or int(text) < 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 4")
    return int(text)


def main(argv: list[str] | None = None) -> None:
    """Draws the picture."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Draws how far the frameworks' momentum, RMSProp and Adagrad drift from the "
        "slides' rules, on a noisy quadratic whose gradients span five orders of magnitude.",
    )
    parser.add_argument("--steps", type=at_least_four, default=1000, metavar="N", help="training steps")
    out = "where the picture goes: a .png, .pdf or .svg file"
    parser.add_argument("--out", type=Path, default="conventions.png", metavar="PATH", help=out)
    options = parser.parse_args(argv)
    if options.out.suffix.lower() not in {".png", ".pdf", ".svg"}:
        parser.error(f"argument --out: '{options.out}' is not a .png, .pdf or .svg file")
    save(options.steps, options.out)
    print(f"picture      {options.out}")


if __name__ == "__main__":
    main()
