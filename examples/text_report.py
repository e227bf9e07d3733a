"""What ``text.py`` prints: progress, the table, the sizes of gradients."""

import contextlib
import sys
import textwrap
import time
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit  # scipy comes with jax

SLIDES = (4, 5)  # orders of magnitude of the gradients of text, slide "RMSProp × ADAGRAD"


class Sweep(NamedTuple):
    """One rule's runs, every learning rate from every seed.

    Attributes:
      rule: its name.
      rates: the learning rates, ``[rates]``.
      steps: when the validation loss was measured, ``[times]``, from step 0.
      losses: the validation loss, ``[times, seeds, rates]``; not finite where a run diverged.
      seconds: what compiling and running took.
      params: the model with the best learning rate, from the first seed.
    """

    rule: str
    rates: np.ndarray
    steps: np.ndarray
    losses: np.ndarray
    seconds: tuple[float, float]
    params: Any = None

    @property
    def diverged(self) -> np.ndarray:
        """Rates whose loss, from some seed, was not finite or ended above its start, ``[rates]``."""
        finite = np.isfinite(self.losses).all(axis=(0, 1))
        return ~finite | (self.losses[-1] > self.losses[0]).any(axis=0)

    @property
    def best(self) -> int | None:
        """The place of the rate with the lowest loss that did not diverge; None if all did."""
        if self.diverged.all():
            return None
        return int(np.argmin(np.where(self.diverged, np.inf, self.lowest)))

    @property
    def lowest(self) -> np.ndarray:
        """The lowest validation loss on the way, the mean over seeds, ``[rates]``."""
        return self.losses.min(axis=0).mean(axis=0)

    @property
    def curve(self) -> np.ndarray:
        """The validation loss at the best rate, ``[times, seeds]``."""
        return self.losses[:, :, self.best]


class Progress:
    """A bar on a terminal where tqdm is installed; else a line on stderr every ten seconds or so.

    Args:
      total: the steps of all rules together.
    """

    def __init__(self, total: int):
        """Opens the bar, if there is to be one."""
        self._done, self._total, self._spoke, self._bar = 0, total, time.monotonic(), None
        if sys.stderr.isatty():
            with contextlib.suppress(ImportError):
                from tqdm import tqdm

                self._bar = tqdm(total=total, unit="step", dynamic_ncols=True)

    def show(self, rule: str, steps: int, losses: np.ndarray | None = None) -> None:
        """Shows ``steps`` more steps and the lowest of the losses; without losses, that it compiles."""
        self._done += steps
        state = "compiling"
        if losses is not None:
            lowest = np.min(losses, where=np.isfinite(losses), initial=np.inf)
            state = f"lowest validation loss now {lowest:.3f}"
        if self._bar is not None:
            self._bar.set_description(f"{rule}, {state}", refresh=losses is None)
            self._bar.update(steps)
        elif time.monotonic() - self._spoke >= 10 or self._done == self._total:
            self._spoke = time.monotonic()
            print(
                f"  step {self._done:,} of {self._total:,}: {rule}, {state}",
                file=sys.stderr,
                flush=True,
            )

    def say(self, text: str) -> None:
        """Prints to stdout, above the bar."""
        if self._bar is None:
            print(text, flush=True)
        else:
            self._bar.write(text)

    def close(self) -> None:
        """Leaves the bar as it is and the cursor below it."""
        if self._bar is not None:
            self._bar.close()


def half_interval(values: np.ndarray) -> np.ndarray:
    """Half of the 95 % interval of the mean over the first axis (Student's t); 0 for one value."""
    n = len(values)
    if n < 2:
        return np.zeros(np.shape(values)[1:])
    return stdtrit(n - 1, 0.975) * np.std(values, axis=0, ddof=1) / n**0.5


def plus_minus(values: np.ndarray, digits: str) -> str:
    """The mean, with half of its 95 % interval (Student's t) if there are several values."""
    values = np.asarray(values, float)
    text = format(values.mean(), digits)
    return text if len(values) < 2 else f"{text} ± {format(half_interval(values), digits)}"


def describe_sweep(sweep: Sweep) -> str:
    """How a sweep ran, and the validation perplexity of every learning rate."""
    compiling, running = sweep.seconds
    runs = sweep.losses[0].size
    cells = [
        f"{rate:g}: {'diverged' if bad else f'{np.exp(loss):.0f}'}"
        for rate, loss, bad in zip(sweep.rates, sweep.lowest, sweep.diverged, strict=True)
    ]
    return (
        f"{sweep.rule:<9} {runs} runs in one program, compiled once in {compiling:.1f} s; "
        f"{sweep.steps[-1]:,} steps in {running:.1f} s\n{'':<9} {'   '.join(cells)}"
    )


def steps_to_reach(sweep: Sweep, targets: np.ndarray) -> np.ndarray:
    """The first measured step at or below each seed's target, ``[seeds]``; infinite if none is."""
    reached = sweep.curve <= targets
    return np.where(reached.any(axis=0), sweep.steps[reached.argmax(axis=0)], np.inf)


def row(sweep: Sweep, sgd: Sweep | None) -> list[str]:
    """One line of the table."""
    lost = f"{sweep.diverged.sum()} of {len(sweep.rates)}"
    if sweep.best is None:
        return [sweep.rule, "none", "all diverged", "-", "-", lost]
    edge = "*" if sweep.best in (0, len(sweep.rates) - 1) else ""
    perplexity = plus_minus(np.exp(sweep.curve.min(axis=0)), ".1f")
    cells = [sweep.rule, f"{sweep.rates[sweep.best]:g}{edge}", perplexity]
    if sgd is None:
        return [*cells, "-", "-", lost]
    targets = sgd.curve.min(axis=0)
    steps = steps_to_reach(sweep, targets)
    if np.isfinite(steps).all():
        speed_up = steps_to_reach(sgd, targets) / np.maximum(steps, 1)
        return [*cells, plus_minus(steps, ",.0f"), plus_minus(speed_up, ".2f") + "×", lost]
    if not np.isfinite(steps).any():
        return [*cells, "not reached", "-", lost]
    return [*cells, f"reached from {np.isfinite(steps).sum()} of {len(steps)} seeds", "-", lost]


def aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width each, the first to the left and the others to the right."""
    first, *others = zip(*rows, strict=True)
    columns = [[f"{cell:<{max(map(len, first))}}" for cell in first]]
    columns += [[f"{cell:>{max(map(len, column))}}" for cell in column] for column in others]
    return ["  ".join(cells) for cells in zip(*columns, strict=True)]


def table(sweeps: list[Sweep]) -> str:
    """The table: rule, best learning rate, validation perplexity, steps to reach SGD's best."""
    sgd = next((s for s in sweeps if s.rule == "sgd" and s.best is not None), None)
    head = ["rule", "best rate", "validation perplexity", "steps to SGD's best", "speed-up", "diverged"]
    lines = aligned([head, *(row(s, sgd) for s in sweeps)])
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join([*lines, "", *notes(sweeps, sgd)])


def notes(sweeps: list[Sweep], sgd: Sweep | None) -> list[str]:
    """What the table's columns mean, as far as they need it."""
    every, steps, seeds = sweeps[0].steps[1], sweeps[0].steps[-1], sweeps[0].losses.shape[1]
    said = [
        f"Perplexity: lowest of {steps // every} looks at the validation text, every {every:,} steps.",
        "Diverged: the validation loss was not finite, or ended above its start.",
    ]
    if sgd is None:
        said.append(
            "Steps to SGD's best: only with sgd among the rules, and a rate at which it converges."
        )
    else:
        lowest = sgd.curve.min(axis=0).mean()
        said.append(f"SGD's best: its lowest validation loss, {lowest:.3f} nats a word.")
        said.append(
            "Speed-up: SGD's steps divided by the rule's. For RMSProp and Adagrad on text the slides "
            "speak\nof 2 to 3 orders of magnitude."
        )
    if any(s.best in (0, len(s.rates) - 1) for s in sweeps):
        said.append("*: at an end of its grid; a rate beyond it may be better.")
    if seeds > 1:
        said.append(f"±: half of the 95 % interval of the mean over {seeds} seeds (Student's t).")
    return said


def decades(norms: np.ndarray, least: float = 0, most: float = 100) -> float:
    """Orders of magnitude between two percentiles of the sizes that are not zero."""
    low, high = np.percentile(norms[norms > 0], [least, most])
    return float(np.log10(high / low))


def spans(norms: dict[str, np.ndarray], minibatch: np.ndarray, counts: np.ndarray) -> str:
    """How many orders of magnitude the per-word gradients ``[vocabulary]`` span; the slides' claim."""
    rows = [["", "smallest", "largest", "orders of magnitude", "1st to 99th percentile"]]
    for when, sizes in norms.items():
        cells = [f"{sizes[sizes > 0].min():.1e}", f"{sizes.max():.1e}", f"{decades(sizes):.1f}"]
        rows.append([when, *cells, f"{decades(sizes, 1, 99):.1f}"])
    first = next(iter(norms.values()))
    both = (first > 0) & (counts > 0)
    r = np.corrcoef(np.log(first[both]), np.log(counts[both]))[0, 1]
    text = (
        f"A word's gradient goes with how often the word occurs (correlation of logarithms {r:.2f}), "
        f"which spans {decades(counts):.1f} orders. In one minibatch {np.mean(minibatch == 0):.0%} of "
        f"the words have no gradient at all. {claim(max(decades(n) for n in norms.values()))}"
    )
    title = "Sizes of the gradient of each word's embedding, over all of the training text:"
    return "\n".join([title, *(f"  {line}" for line in aligned(rows)), textwrap.fill(text, 96)])


def claim(widest: float) -> str:
    """What this measurement says about the slides' 4 to 5 orders of magnitude."""
    low, high = SLIDES
    slides = (
        f"The slides speak of {low} to {high} orders of magnitude for text; here it is {widest:.1f}"
    )
    if widest >= low:
        return f"{slides}."
    return f"{slides}, in a text this small."
