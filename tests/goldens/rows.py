"""One row of the grid, and how rows are written."""

from typing import Any, NamedTuple

import numpy as np

RATES = {"lr", "learning_rate", "step_size"}


class Run(NamedTuple):
    """One golden run.

    Attributes:
      framework: the package; also the name of our module of presets.
      function: the optimizer, in lower case.
      arguments: what its constructor gets, in the framework's own names.
      schedule: ``("exponential", rate)`` makes the learning rate of step t = 0, 1, … lr * rate**t.
      rounded: the hyperparameters that the framework rounded to float32 in the float64 run; None
        where the run is float64 throughout. Such runs have "-python-floats" in their id.
        "beta_1_power" is the beta_1 of the bias correction, rounded where that of the moment is not.
    """

    framework: str
    function: str
    arguments: dict[str, Any]
    schedule: tuple[str, float] | None = None
    rounded: tuple[str, ...] | None = None

    @property
    def id(self):
        """A readable name, the learning rate left out."""
        parts = [_shown(k, v) for k, v in self.arguments.items() if k not in RATES or v is None]
        schedule = [f"schedule={self.schedule[1]}"] if self.schedule else []
        suffix = [] if self.rounded is None else ["python-floats"]
        return "-".join([self.framework, self.function, *parts, *schedule, *suffix])

    @property
    def rate(self):
        """The name of the learning rate among the arguments; None where it is the default."""
        return next((name for name in self.arguments if name in RATES), None)

    @property
    def used(self):
        """The arguments as the float64 run used them: those of ``rounded`` are rounded to float32."""
        rounded = self.rounded or ()
        return {k: float(np.float32(v)) if k in rounded else v for k, v in self.arguments.items()}


def _shown(name, value):
    return name if value is True else f"{name}={value}".replace(" ", "")


def runs(framework, function, *rows):
    """Runs at a constant learning rate."""
    return [Run(framework, function, row) for row in rows]


def decaying(framework, function, rate, *rows):
    """Runs at a learning rate that decays exponentially."""
    return [Run(framework, function, row, schedule=("exponential", rate)) for row in rows]
