"""The rules by name, and learning rates with which a race on each landscape is worth watching.

They are chosen for the picture: small enough for SGD and momentum to be stable, so that each rule shows
its own way. What a rule does at every learning rate is what :func:`sensitivity` measures.
"""

from collections.abc import Callable, Iterable, Mapping

from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation
from jaxopt_slides._rules.adadelta import adadelta
from jaxopt_slides._rules.adagrad import adagrad
from jaxopt_slides._rules.adam import adam
from jaxopt_slides._rules.momentum import momentum
from jaxopt_slides._rules.nesterov import nesterov
from jaxopt_slides._rules.rmsprop import rmsprop
from jaxopt_slides._rules.sgd import sgd
from jaxopt_slides.landscapes import Landscape
from jaxopt_slides.viz._words import close

RULES: dict[str, Callable[[float], GradientTransformation]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
}

# In the order of RULES, by the landscape's name.
_OTHERWISE = (0.01, 0.005, 0.005, 0.3, 10.0, 0.05, 0.1)
_RATES = {
    "long narrow valley": (0.45, 0.3, 0.3, 2.0, 80.0, 0.2, 0.3),
    "Beale": (0.01, 0.003, 0.003, 0.5, 20.0, 0.05, 0.2),
    "Rosenbrock": (0.001, 0.0005, 0.0005, 0.5, 5.0, 0.02, 0.1),
    "Himmelblau": (0.003, 0.002, 0.002, 0.8, 10.0, 0.1, 0.2),
    "saddle": (0.02, 0.02, 0.02, 0.1, 3.0, 0.05, 0.05),
    "monkey saddle": (0.02, 0.02, 0.02, 0.1, 3.0, 0.05, 0.05),
    "noisy bowl": (0.1, 0.02, 0.02, 0.5, 20.0, 0.05, 0.1),
}


@public
def usual_rates(landscape: Landscape) -> dict[str, float]:
    """The learning rate of every rule for a race on a landscape.

    Args:
      landscape: one of :mod:`landscapes`, or another, for which they are a guess.

    Returns:
      Learning rates by the name of the rule.

    Example:
      >>> jos.viz.usual_rates(jos.landscapes.saddle)["adagrad"]
      0.1
    """
    return dict(zip(RULES, _RATES.get(landscape.name, _OTHERWISE), strict=True))


@public
def usual_optimizers(
    landscape: Landscape, names: Iterable[str] = tuple(RULES), rates: Mapping[str, float] | None = None
) -> dict[str, GradientTransformation]:
    """Rules by name, each with its usual learning rate on a landscape.

    Args:
      landscape: where they will race.
      names: of the rules, as in :data:`RULES`.
      rates: learning rates that replace the usual ones, by name.

    Returns:
      Optimizers by name, in the order of the names.

    Raises:
      ValueError: an unknown rule; the message says which was probably meant.

    Example:
      >>> jos.viz.usual_optimizers(jos.landscapes.saddle, ["sgd", "momentum"], {"sgd": 0.1})
      {'sgd': sgd(learning_rate=0.1), 'momentum': momentum(learning_rate=0.02, mu=0.9)}
    """
    rates = usual_rates(landscape) | dict(rates or {})
    names = list(names)
    for name in [*names, *rates]:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}. {close(name, RULES)}")
    return {name: RULES[name](rates[name]) for name in names}
