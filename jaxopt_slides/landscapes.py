r"""Surfaces to race on: each a pure function with its start, the box of its plot, and where it ends.

A landscape is called like a loss, with the position ``[dimension]`` (:data:`noisy_bowl` also with a
batch, its noise), so that it goes straight into :func:`fit`.

Example:
  >>> from jaxopt_slides import landscapes
  >>> valley = landscapes.valley
  >>> result = fit(valley, momentum(0.1), valley.begin(), steps=200)
  >>> bool(valley(result.params) < 0.01 * valley(valley.begin()))
  True
"""

import dataclasses
import math
import typing as _typing
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.words import as_integer, shown

Point = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Landscape:
    """A surface.

    Attributes:
      name: what pictures call it.
      function: of a position ``[dimension]``, and of a batch if it is noisy.
      start: where a race begins.
      box: the lowest and highest value of the first two axes in a plot.
      critical_points: where the gradient vanishes: the minima, or of a saddle its critical point.
      is_minimum: whether these are minima.
      noisy: whether the function takes a batch.

    Example:
      >>> bowl = jos.landscapes.Landscape(
      ...     "bowl", lambda w: w @ w, (1.0, 2.0), ((-2.0, 2.0), (-2.0, 2.0)), ((0.0, 0.0),)
      ... )
      >>> bowl(bowl.begin())
      Array(5., dtype=float32)
    """

    name: str
    function: Callable[..., jax.Array]
    start: Point
    box: tuple[tuple[float, float], tuple[float, float]]
    critical_points: tuple[Point, ...]
    is_minimum: bool = True
    noisy: bool = False

    def __call__(self, w: Any, *batch: Any) -> jax.Array:
        """The height at a position."""
        w = jnp.asarray(w)
        if w.shape != (self.dimension,):
            raise ValueError(
                f"{self.name}: a position has shape ({self.dimension},), got {w.shape}. Of many "
                f"positions, jax.vmap takes the heights."
            )
        if len(batch) != self.noisy:
            expected = "a position and its noise" if self.noisy else "a position alone"
            raise TypeError(f"{self.name}: expected {expected}, got {1 + len(batch)} arguments.")
        return self.function(w if jnp.issubdtype(w.dtype, jnp.inexact) else w.astype(float), *batch)

    @property
    def dimension(self) -> int:
        """The length of a position."""
        return len(self.start)

    def begin(self) -> jax.Array:
        """The start, as an array."""
        return jnp.array(self.start, float)

    def grid(self, size: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The box as x ``[size]``, y ``[size]`` and heights ``[size, size]``, a row for each y.

        Of more than two dimensions, the others are those of the first critical point; noise is 0.
        """
        if (known := as_integer(size)) is None or known < 2:
            raise ValueError(f"grid: size must be an integer of at least 2, got {shown(size)}.")
        x, y = (np.linspace(low, high, size) for low, high in self.box)
        rest = np.array(self.critical_points[0][2:])
        here = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        points = np.concatenate([here, np.broadcast_to(rest, (len(here), len(rest)))], axis=1)
        quiet = (jnp.zeros(self.dimension),) if self.noisy else ()
        heights = jax.vmap(lambda w: self(w, *quiet))(jnp.asarray(points, float))
        return x, y, np.asarray(heights).reshape(size, size)


def _valley(w):
    return 0.5 * (0.04 * w[0] ** 2 + 4 * w[1] ** 2)


def _beale(w):
    x, y = w
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def _himmelblau(w):
    x, y = w
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _saddle(w):
    return w[1] ** 2 - w[0] ** 2


def _monkey_saddle(w):
    return w[0] ** 3 - 3 * w[0] * w[1] ** 2


def _noisy_bowl(w, noise):
    return 0.5 * jnp.sum(w**2) + jnp.sum(noise * w)


valley: Landscape = Landscape(
    "long narrow valley", _valley, (-9.0, 1.6), ((-10.0, 10.0), (-2.5, 2.5)), ((0.0, 0.0),)
)
beale: Landscape = Landscape("Beale", _beale, (1.0, 1.5), ((-4.5, 4.5), (-4.5, 4.5)), ((3.0, 0.5),))
rosenbrock: Landscape = Landscape(
    "Rosenbrock", _rosenbrock, (-1.2, 1.0), ((-2.0, 2.0), (-1.0, 3.0)), ((1.0, 1.0),)
)
himmelblau: Landscape = Landscape(
    "Himmelblau",
    _himmelblau,
    (-0.5, -1.5),
    ((-6.0, 6.0), (-6.0, 6.0)),
    (
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ),
)
saddle: Landscape = Landscape(
    "saddle", _saddle, (0.001, 1.0), ((-1.5, 1.5), (-1.2, 1.2)), ((0.0, 0.0),), is_minimum=False
)
monkey_saddle: Landscape = Landscape(
    "monkey saddle",
    _monkey_saddle,
    (0.5, 0.001),
    ((-1.0, 1.0), (-1.0, 1.0)),
    ((0.0, 0.0),),
    is_minimum=False,
)
noisy_bowl: Landscape = Landscape(
    "noisy bowl", _noisy_bowl, (2.0, -1.5), ((-3.0, 3.0), (-3.0, 3.0)), ((0.0, 0.0),), noisy=True
)

LANDSCAPES = {
    "valley": valley,
    "beale": beale,
    "rosenbrock": rosenbrock,
    "himmelblau": himmelblau,
    "saddle": saddle,
    "monkey_saddle": monkey_saddle,
    "noisy_bowl": noisy_bowl,
}


@dataclasses.dataclass(frozen=True)
class _Quadratic:
    """f(w) = w' H w / 2, the curvatures from 1 to ``condition_number``, the first plane turned."""

    condition_number: float
    angle: float
    dimension: int

    def __call__(self, w):
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = cosine * w[0] + sine * w[1], cosine * w[1] - sine * w[0]
        first, last = self.condition_number, 1.0
        between = np.geomspace(first, last, self.dimension)[1:-1]
        return 0.5 * (last * x**2 + first * y**2 + jnp.sum(jnp.asarray(between, w.dtype) * w[2:] ** 2))


@public
def quadratic(condition_number: float = 25.0, angle: float = 0.0, dimension: int = 2) -> Landscape:
    r"""A bowl :math:`f(w) = \tfrac12 w^\top H w` with curvatures from 1 to :math:`\kappa`.

    The first two axes have curvatures 1 and :math:`\kappa`, turned by the angle; the others are
    between, spaced evenly in logarithm, and not turned.

    Args:
      condition_number: :math:`\kappa \ge 1`, the largest curvature over the smallest.
      angle: in degrees; how far the valley is turned out of the first axis.
      dimension: at least 2.

    Returns:
      A landscape with its minimum 0 at 0.

    Raises:
      ValueError: an argument out of range.

    Example:
      >>> float(quadratic(100.0)([1.0, 1.0]))
      50.5
    """
    known = as_integer(dimension)
    if known is None or known < 2:
        raise ValueError(
            f"quadratic: dimension must be an integer of at least 2, got {shown(dimension)}."
        )
    for name, value, low in (("condition_number", condition_number, 1), ("angle", angle, -math.inf)):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and low <= value < math.inf and value > -math.inf):
            range_ = "a finite number" + (f" of at least {low}" if low == 1 else "")
            raise ValueError(f"quadratic: {name} must be {range_}, got {shown(value)}.")
    function = _Quadratic(float(condition_number), math.radians(angle), known)
    name = f"quadratic, condition number {condition_number:g}, turned by {angle:g} degrees"
    box = ((-2.0, 2.0), (-2.0, 2.0))
    start = (-1.6, *[1.0] * (known - 1))
    return Landscape(name, function, start, box, ((0.0,) * known,))


if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
