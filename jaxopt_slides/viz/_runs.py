"""What the pictures show, as arrays: nothing here draws."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.hyperparams import hyperparams
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation
from jaxopt_slides._core.words import as_integer, shown
from jaxopt_slides._rules.adadelta import AdadeltaState
from jaxopt_slides._rules.adam import AdamState
from jaxopt_slides.diagnostics import effective_learning_rate
from jaxopt_slides.landscapes import Landscape
from jaxopt_slides.training.fit import Fit, fit
from jaxopt_slides.training.step import Taken

Optimizers = Mapping[str, GradientTransformation]
Paths = Mapping[str, np.ndarray]


def watched(things: Iterable[Any], what: str, progress: bool) -> Iterable[Any]:
    """The things, with a progress bar where one is asked for and tqdm is installed."""
    if not progress:
        return things
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return things
    return tqdm(things, desc=what, leave=False)


def _require(owner: str, optimizers: Any, **counts: Any) -> None:
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise ValueError(
            f"{owner}: expected optimizers by name, as in {{'sgd': sgd(0.1)}}, got {shown(optimizers)}."
        )
    for name, value in counts.items():
        known = as_integer(value)
        if known is None or known < 1:
            raise ValueError(f"{owner}: {name} must be an integer, at least 1, got {shown(value)}.")


def _run(landscape: Landscape, tx: Any, steps: int, key: jax.Array, record: Any) -> Fit:
    """One run from the landscape's start, in one dispatch; the noise is the key's."""
    noise = jax.random.normal(key, (steps, landscape.dimension)) if landscape.noisy else None
    start = landscape.begin()
    return fit(landscape.function, tx, start, steps=steps, batches=noise, record=record, every=steps)


def _path(result: Fit) -> jax.Array:
    return jnp.concatenate([result.history["params"], result.params[None]])


@public
def race(
    landscape: Landscape,
    optimizers: Optimizers,
    steps: int = 100,
    seed: int = 0,
    *,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """Runs every optimizer from the landscape's start.

    Args:
      landscape: where they race.
      optimizers: by name.
      steps: how many each takes.
      seed: of the noise of a noisy landscape, which is the same for all.
      progress: show a bar, where tqdm is installed.

    Returns:
      The positions by name, ``[steps + 1, dimension]``, the start first.

    Raises:
      ValueError: no optimizers, or fewer than one step.

    Example:
      >>> jos.viz.race(jos.landscapes.quadratic(1.0), {"sgd": sgd(0.5)}, steps=2)["sgd"][:, 1].tolist()
      [1.0, 0.5, 0.25]
    """
    _require("race", optimizers, steps=steps)
    key, paths = jax.random.key(seed), {}
    for name, tx in watched(optimizers.items(), "race", progress):
        paths[name] = np.asarray(_path(_run(landscape, tx, steps, key, ("params",))))
    return paths


@public
def heights(landscape: Landscape, path: Any) -> np.ndarray:
    """The loss at each position, without noise.

    Args:
      landscape: whose loss.
      path: positions ``[..., dimension]``.

    Returns:
      Losses ``[...]``.

    Example:
      >>> jos.viz.heights(jos.landscapes.saddle, [[0.0, 2.0], [1.0, 0.0]]).tolist()
      [4.0, -1.0]
    """
    points = jnp.asarray(path, float)
    quiet = (jnp.zeros(landscape.dimension),) if landscape.noisy else ()
    flat = jax.vmap(lambda w: landscape(w, *quiet))(points.reshape(-1, landscape.dimension))
    return np.asarray(flat).reshape(points.shape[:-1])


def outside(landscape: Landscape, path: np.ndarray) -> np.ndarray:
    """Which positions ``[..., dimension]`` are not in the box of the plot; NaN is not in it."""
    low, high = np.array(landscape.box).T
    plane = path[..., :2]
    return ~((low <= plane) & (plane <= high)).all(axis=-1)


@public
def score(landscape: Landscape, path: Any) -> np.ndarray:
    """One number for a run, the lower the better.

    Args:
      landscape: where it ran.
      path: positions ``[..., steps + 1, dimension]``.

    Returns:
      ``[...]``: the loss above the minimum at the last step, infinite where that is more than at the
      start; on a saddle, which has no minimum, the steps until the path leaves the box, infinite where
      it never does.

    Example:
      >>> bowl = jos.landscapes.quadratic(1.0)
      >>> jos.viz.score(bowl, [[[1.0, 1.0], [0.0, 1.0]], [[1.0, 1.0], [9.0, 9.0]]]).tolist()
      [0.5, inf]
    """
    path = np.asarray(path)
    if not landscape.is_minimum:
        left = outside(landscape, path)
        return np.where(left.any(axis=-1), left.argmax(axis=-1), np.inf)
    least = heights(landscape, landscape.critical_points).min()
    first, last = (heights(landscape, path[..., i, :]) - least for i in (0, -1))
    return np.where(last <= first, np.maximum(last, 0), np.inf)


def _path_at(landscape: Landscape, make: Any, steps: int, rate: Any, key: jax.Array) -> jax.Array:
    return _path(_run(landscape, make(rate), steps, key, ("params",)))


@public
def sensitivity(
    landscape: Landscape,
    rules: Mapping[str, Callable[[Any], GradientTransformation]],
    rates: Any,
    steps: int = 100,
    seeds: int = 1,
    *,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """The :func:`score` of every rule at every learning rate, one compiled program a rule.

    Args:
      landscape: where they run.
      rules: constructors by name, each of a learning rate.
      rates: learning rates ``[rates]``.
      steps: how many each run takes.
      seeds: how many runs of each, on a noisy landscape.
      progress: show a bar, where tqdm is installed.

    Returns:
      Scores by name, ``[rates, seeds]``.

    Raises:
      ValueError: no rules, or fewer than one step or seed.

    Example:
      >>> bowl = jos.landscapes.quadratic(1.0)
      >>> jos.viz.sensitivity(bowl, {"sgd": sgd}, [1.0, 3.0], steps=5)["sgd"].tolist()
      [[0.0], [inf]]
    """
    _require("sensitivity", rules, steps=steps, seeds=seeds)
    keys, rates = jax.random.split(jax.random.key(0), seeds), jnp.asarray(rates, float)
    scores = {}
    for name, make in watched(rules.items(), "sweep", progress):
        one = functools.partial(_path_at, landscape, make, steps)
        every = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))
        scores[name] = score(landscape, np.asarray(every(rates, keys)))
    return scores


def _rate(taken: Taken) -> jax.Array:
    """The effective learning rates; those of a rule that divides by nothing are its learning rate."""
    try:
        return effective_learning_rate(taken.tx, taken.state)
    except ValueError:
        rate = hyperparams(taken.tx, taken.state)["learning_rate"]
        return jnp.full_like(taken.params, rate)


@public
def effective_rates(
    landscape: Landscape, optimizers: Optimizers, steps: int = 100, seed: int = 0
) -> dict[str, np.ndarray]:
    """The effective learning rate of every coordinate before every step but the first.

    Args:
      landscape: where the optimizers run.
      optimizers: by name.
      steps: how many each takes, at least 2.
      seed: of the noise of a noisy landscape.

    Returns:
      Rates by name, ``[steps - 1, dimension]``. Of rules that divide by no root they are the learning
      rate.

    Raises:
      ValueError: no optimizers, or too few steps.
      TypeError: Adadelta or Adam, whose updates are not a rate times the gradient.

    Example:
      >>> rates = jos.viz.effective_rates(jos.landscapes.valley, {"adagrad": adagrad(1.0)}, steps=5)
      >>> bool((np.diff(rates["adagrad"], axis=0) <= 0).all())
      True
    """
    _require("effective_rates", optimizers, steps=steps)
    for name, tx in optimizers.items():
        if isinstance(tx.init(landscape.begin()), AdadeltaState | AdamState):
            raise TypeError(
                f"effective_rates: the updates of {name!r} are not a rate times the gradient."
            )
    key = jax.random.key(seed)
    results = {n: _run(landscape, tx, steps, key, {"rate": _rate}) for n, tx in optimizers.items()}
    return {name: np.asarray(result.history["rate"])[1:] for name, result in results.items()}
