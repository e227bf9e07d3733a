"""Many runs of one program: every combination of some hyperparameters, from several seeds."""

import collections
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxopt_slides._core.node import is_traced
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import require_at_least
from jaxopt_slides.training.grid import points_of, require_call, require_ends, seeds_of


class Sweep(NamedTuple):
    """What :func:`sweep` returns.

    Attributes:
      axes: the values along every axis of the results: the grid's, and with seeds ``"seed"``, the last.
      results: what ``train`` returned, every leaf ``[*axes, ...]``.
    """

    axes: collections.OrderedDict[str, jax.Array]  # ordered: jit sorts the keys of a dict
    results: PyTree

    def columns(self) -> dict[str, PyTree]:
        """The same as a table, one row a run: the axes, then each result (one alone is "result")."""
        lengths = tuple(len(x) for x in self.axes.values())
        axes = jnp.meshgrid(*(jnp.arange(n) for n in lengths), indexing="ij")
        rows = {n: x[i.ravel()] for (n, x), i in zip(self.axes.items(), axes, strict=True)}
        found = self.results if isinstance(self.results, Mapping) else {"result": self.results}
        return rows | jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(lengths) :]), dict(found))


@public
def sweep(
    train: Callable[..., PyTree],
    make_optimizer: Callable[..., Any],
    grid: Mapping[str, Any],
    *,
    seeds: Any = None,
    batch_size: int | None = None,
) -> Sweep:
    """Trains with every combination of some hyperparameters, and from every seed, in one program.

    The runs are a ``vmap`` over the combinations, and inside it one over the seeds: what depends on the
    seed alone, such as the batches, is computed once a seed. Grids of the same shape share one
    compilation, as long as ``train`` and ``make_optimizer`` are the same functions.

    Args:
      train: ``train(tx)``, or ``train(tx, seed)`` with seeds; returns arrays, in any tree. As a
        ``jax.tree_util.Partial`` it brings arrays, such as the data, as arguments of the program.
      make_optimizer: called with the grid's names as keyword arguments; returns the optimizer, ours or
        any optax-style pair.
      grid: a list or an array ``[n]`` of values for every name.
      seeds: None; how many, for 0 to that less one; or an array ``[n]`` of integers or of random keys.
      batch_size: how many runs to train at a time, which bounds the memory; by default all. They are
        spread evenly, so that it may be any number of at least 1.

    Returns:
      The axes, in the order of the grid, and the results, whose leaves begin with these axes.

    Raises:
      ValueError: an empty grid or axis, a value out of its hyperparameter's range, or a bad number of
        seeds or runs.
      TypeError: an argument of another kind, names that ``make_optimizer`` does not take, or a
        ``train`` that does not take what it is called with.

    Example:
      >>> def train(tx):
      ...     return fit(lambda w: w**2, tx, 1.0, steps=20).history["loss"][-1]
      >>> swept = sweep(train, momentum, {"learning_rate": [0.1, 0.3, 1.1], "mu": [0.0, 0.5]})
      >>> swept.results.shape
      (3, 2)
      >>> swept.axes["learning_rate"][jnp.argmin(swept.results[:, 0])]
      Array(0.3, dtype=float32)

    Note:
      The same as ``vmap`` over a vmapped constructor, plus the product of the axes, seeds, bounded
      memory and the range checks, which the constructor cannot make on traced values. optax's
      constructors work too. A grid's values are float32 arrays: of a decay near 1, such as 0.999, they
      know 1 - decay to five digits, where a Python number has all.
    """
    points = points_of(grid)
    require_call("make_optimizer", make_optimizer, (), points)
    if not is_traced(points):
        require_ends(make_optimizer, points)
    require_call("train", train, ("tx",) if seeds is None else ("tx", "seed"), {})
    keys = None if seeds is None else seeds_of(seeds, points)
    size = None if batch_size is None else require_at_least("sweep", "batch_size", batch_size, 1)
    train, make_optimizer = (
        f if isinstance(f, Partial) else Partial(f) for f in (train, make_optimizer)
    )
    runs = _runs if is_traced(train, make_optimizer, points, keys) else _jitted_runs
    results = runs(size, train, make_optimizer, points, keys)
    return Sweep(points if keys is None else points | {"seed": keys}, results)


def _runs(batch_size, train, make_optimizer, points, seeds):
    """Every run's results, ``[*points, seeds, ...]``."""
    lengths = tuple(len(x) for x in points.values())
    product = [x.ravel() for x in jnp.meshgrid(*points.values(), indexing="ij")]
    width = 1 if seeds is None else len(seeds)

    def at(point):
        tx = make_optimizer(**dict(zip(points, point, strict=True)))
        return train(tx) if seeds is None else _mapped(lambda seed: train(tx, seed), seeds, batch_size)

    results = _mapped(at, product, batch_size and max(1, batch_size // width))
    return jax.tree.map(lambda x: x.reshape(*lengths, *x.shape[1:]), results)


_jitted_runs = jax.jit(_runs, static_argnums=0)


def _mapped(function: Callable[..., PyTree], xs: PyTree, most: int | None) -> PyTree:
    """``function`` of every element of ``xs``, at most so many at a time, evenly."""
    count = len(jax.tree.leaves(xs)[0])
    if most is None or most >= count:
        return jax.vmap(function)(xs)
    batches = -(-count // most)
    size = -(-count // batches)
    chosen = np.minimum(np.arange(batches * size), count - 1)  # the last one again, to fill up
    groups = jax.tree.map(lambda x: x[chosen.reshape(batches, size)], xs)
    found = jax.lax.map(jax.vmap(function), groups)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], found)
