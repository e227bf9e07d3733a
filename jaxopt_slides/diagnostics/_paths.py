"""How a path turns, nears its goal and overshoots it."""

from typing import Any

import numpy as np

from jaxopt_slides._core.spelling import public


@public
def sign_flips(path: Any) -> np.ndarray:
    """How often each coordinate turns round: the share of steps against the step before.

    Args:
      path: positions ``[steps, ...]``, as ``fit(..., record=["params"])`` has them.

    Returns:
      ``[...]``, from 0 (straight on) to 1 (to and fro at every step). A step of 0 turns nothing.

    Raises:
      ValueError: fewer than three positions, or one that is not finite.

    Example:
      >>> jos.diagnostics.sign_flips(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]))
      array([0., 1.])
    """
    steps = np.sign(np.diff(_path("sign_flips", path, 3), axis=0))
    return np.mean(steps[1:] * steps[:-1] < 0, axis=0)


@public
def progress(path: Any, goal: Any) -> np.ndarray:
    """The share of the way to the goal that each coordinate has come; 1 is there.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``: 1 minus the last distance over the first; NaN where there was no way to go.

    Raises:
      ValueError: no positions, one that is not finite, or a goal of another shape.

    Example:
      >>> jos.diagnostics.progress(np.array([[4.0], [3.0], [1.0]]), 0.0)
      array([0.75])
    """
    path, way = _path("progress", path, 1), _way("progress", path, goal)
    return 1 - np.abs(path[-1] - goal) / np.abs(way)


@public
def overshoot(path: Any, goal: Any) -> np.ndarray:
    """How far each coordinate goes beyond the goal, as a share of the way to it.

    Args:
      path: positions ``[steps, ...]``.
      goal: ``[...]``.

    Returns:
      ``[...]``, 0 for who never passes it; NaN where there was no way to go.

    Raises:
      ValueError: no positions, one that is not finite, or a goal of another shape.

    Example:
      >>> jos.diagnostics.overshoot(np.array([[4.0], [-1.0], [0.5]]), 0.0)
      array([0.25])
    """
    path, way = _path("overshoot", path, 1), _way("overshoot", path, goal)
    return np.maximum(np.max((goal - path) / way, axis=0), 0)


def _path(owner: str, path: Any, least: int) -> np.ndarray:
    """The positions in float64."""
    path = np.asarray(path, np.float64)
    if path.ndim < 1 or len(path) < least:
        raise ValueError(
            f"{owner}: the path must have at least {least} position{'s' * (least > 1)}, got shape "
            f"{path.shape}."
        )
    if not np.isfinite(path).all():
        first = np.argwhere(~np.isfinite(path))[0][0]
        raise ValueError(f"{owner}: the path is not finite from position {first} on; cut it there.")
    return path


def _way(owner: str, path: Any, goal: Any) -> np.ndarray:
    """From the goal to the first position; NaN where they are one."""
    first, goal = np.asarray(path[0], np.float64), np.asarray(goal, np.float64)
    if goal.shape not in ((), first.shape):
        raise ValueError(
            f"{owner}: the goal must be a number or of shape {first.shape}, got shape {goal.shape}."
        )
    return np.where(first == goal, np.nan, first - goal)
