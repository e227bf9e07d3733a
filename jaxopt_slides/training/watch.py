"""Who looks at a run between two dispatches: progress, a stop, a check of the losses."""

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxopt_slides._core.rule import require_options
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown


class Report(NamedTuple):
    """What ``progress`` and ``stop`` are called with after every dispatch.

    Attributes:
      step: how many steps are done.
      steps: how many there are to be.
      loss: the last step's loss.
      steps_per_second: over the last dispatch.
      history: what was recorded in the last dispatch.
    """

    step: int
    steps: int
    loss: float
    steps_per_second: float
    history: dict[str, PyTree]


def _printer(steps: int) -> Callable[[Report], Any]:
    """Progress through tqdm where it is installed, else a line on stderr per dispatch."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        line = "step {0.step}/{0.steps}  loss {0.loss:.4g}  {0.steps_per_second:.3g} steps/s\n"
        return lambda report: sys.stderr.write(line.format(report))
    bar = tqdm(total=steps, unit="step")

    def show(report: Report) -> None:
        bar.set_postfix(loss=f"{report.loss:.4g}", refresh=False)
        bar.update(report.step - bar.n)
        if report.step == steps:
            bar.close()

    return show


def _require_finite(losses: np.ndarray, done: int) -> None:
    if not np.isfinite(losses).all():
        first = int(np.argmin(np.isfinite(losses)))
        raise FloatingPointError(
            f"fit: the loss is {losses[first]} at step {done + first} (steps count from 0). The usual "
            f"causes are a learning rate that is too high and a batch with non-finite values."
        )


class Watch(NamedTuple):
    """What looks at the losses between two dispatches."""

    show: Callable[[Report], Any] | None
    stop: Callable[[Report], bool] | None
    check_finite: bool

    @classmethod
    def of(cls, progress: Any, stop: Any, check_finite: bool, steps: int) -> "Watch":
        """What looks, as :func:`fit` was asked."""
        return cls(_printer(steps) if progress is True else progress or None, stop, check_finite)

    def wants_to_end(self, history: dict[str, PyTree], done: int, steps: int, began: float) -> bool:
        """Checks, shows, and asks whether to stop."""
        losses = np.asarray(history["loss"])  # waits for them; before that nothing is timed
        seconds = time.perf_counter() - began
        if self.check_finite:
            _require_finite(losses, done - len(losses))
        report = Report(done, steps, float(losses[-1]), len(losses) / seconds, history)
        if self.show:
            self.show(report)
        return bool(self.stop and self.stop(report))


def require_watchers(progress: Any, stop: Any, check_finite: Any) -> None:
    """Raises TypeError for what cannot be called, or is neither True nor False."""
    require_options("fit", check_finite=check_finite)
    if not isinstance(progress, bool) and not callable(progress):
        raise TypeError(f"fit: progress must be True, False or a function, got {shown(progress)}.")
    if stop is not None and not callable(stop):
        raise TypeError(f"fit: stop must be a function of the report, got {shown(stop)}.")
