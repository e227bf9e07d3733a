"""The loop's first line: ``data_batch = dataset.sample_data_batch()``."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.checks import (
    dtype_of,
    require_arrays,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.rule import require_options
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import as_integer, shown


@pytree()
class Batches:
    """Minibatches as a pure function of the key and the step: see :func:`sample_batches`."""

    key: jax.Array
    data: PyTree  # [examples, ...] a leaf
    batch_size: int = static()
    replace: bool = static()

    @property
    def examples(self) -> int:
        """The number of examples in the data set."""
        return jax.tree.leaves(self.data)[0].shape[0]

    def indices(self, start: int, steps: int) -> jax.Array:
        """The examples of steps ``start`` to ``start + steps - 1``, ``[steps, batch_size]``."""
        if self.replace:
            keys = jax.vmap(lambda t: jax.random.fold_in(self.key, t))(jnp.arange(start, start + steps))
            shape = (self.batch_size,)
            return jax.vmap(lambda k: jax.random.randint(k, shape, 0, self.examples))(keys)
        an_epoch = self.examples // self.batch_size
        first, offset = divmod(start, an_epoch)
        rows = _epochs(self.key, first + np.arange(-(-(offset + steps) // an_epoch)), self.examples)
        rows = rows[:, : an_epoch * self.batch_size].reshape(-1, self.batch_size)
        return rows[offset : offset + steps]

    def take(self, indices: jax.Array) -> PyTree:
        """The examples with these indices."""
        return jax.tree.map(lambda x: x[indices], self.data)

    def __iter__(self) -> Iterator[PyTree]:
        """One batch after another, without end."""
        an_epoch = 1 if self.replace else self.examples // self.batch_size
        start = 0
        while True:
            for row in self.indices(start, an_epoch):
                yield self.take(row)
            start += an_epoch


@public
def sample_batches(key: jax.Array, data: PyTree, batch_size: int, *, replace: bool = False) -> Batches:
    """Random minibatches of a data set, without end.

    Without replacement every epoch is a new permutation, cut into whole batches; the rest of an
    epoch that does not fill a batch is left out of that epoch. With replacement every example of
    every batch is drawn anew. Batch t depends on ``key`` and t alone.

    Args:
      key: a JAX random key.
      data: a tree of arrays ``[examples, ...]``, all with the same number of examples.
      batch_size: the number of examples in a batch, 1 to ``examples``.
      replace: draw with replacement.

    Returns:
      An endless iterable of trees ``[batch_size, ...]``; :func:`fit` takes it as ``batches`` and then
      gathers inside its scan.

    Raises:
      ValueError: no arrays, unequal numbers of examples, or a batch larger than the data set.
      TypeError: a ``batch_size`` that is not an integer, or a ``key`` that is no random key.

    Example:
      >>> import itertools
      >>> batches = sample_batches(jax.random.key(0), {"x": jnp.arange(6)}, batch_size=2)
      >>> epoch = list(itertools.islice(batches, 3))
      >>> sorted(int(i) for batch in epoch for i in batch["x"])
      [0, 1, 2, 3, 4, 5]

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD – Treinamento de Rede Neural".
    """
    _require_key(key)
    require_options("sample_batches", replace=replace)
    require_arrays("sample_batches", "data", data)
    sizes = {jnp.shape(x)[:1] for x in jax.tree.leaves(data)}
    if len(sizes) != 1 or sizes == {()}:
        raise ValueError(
            f"sample_batches: the data must be arrays with one common number of examples in front, "
            f"got leading axes {sorted(sizes)}."
        )
    ((examples,),) = sizes
    if not examples:
        raise ValueError("sample_batches: the data set has no examples.")
    if (size := as_integer(batch_size)) is None:
        raise TypeError(f"sample_batches: batch_size must be an integer, got {shown(batch_size)}.")
    if not 1 <= size <= examples:
        raise ValueError(
            f"sample_batches: batch_size must be in [1, {examples}], the number of examples, got "
            f"{size}."
        )
    return Batches(key, jax.tree.map(jnp.asarray, data), size, replace)


@functools.partial(jax.jit, static_argnums=2)
def _epochs(key: jax.Array, epochs: jax.Array, examples: int) -> jax.Array:
    """A permutation of the examples for every epoch; a scan, as they are too many to unroll."""
    fold = functools.partial(jax.random.fold_in, key)
    return jax.lax.map(lambda epoch: jax.random.permutation(fold(epoch), examples), epochs)


def _require_key(key: Any) -> None:
    """One random key, typed or of the older kind, an array ``[2]`` of uint32."""
    dtype, shape = dtype_of(key), getattr(key, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not (typed and shape == ()) and not (dtype == jnp.uint32 and shape and len(shape) == 1):
        came = shown(key) if shape is None else f"an array of {dtype} of shape {shape}"
        raise TypeError(
            f"sample_batches: key must be one random key, as jax.random.key(seed) makes it, got {came}."
        )


def source(batches: Any, steps: int) -> tuple[Batches | None, Callable[[int, int], Any]]:
    """The data that the scan gathers from, and what it scans over for ``count`` steps."""
    if batches is None:
        return None, lambda _start, _count: None
    if isinstance(batches, Batches):
        return batches, batches.indices
    if isinstance(batches, Iterator):
        return None, lambda _start, count: _stack(batches, count)
    require_arrays("fit", "batches", batches)
    leading = {jnp.shape(x)[:1] for x in jax.tree.leaves(batches)}
    if not leading or any(not axis or axis[0] < steps for axis in leading):
        raise ValueError(
            f"fit: batches must be None, an iterator, sample_batches(...), or arrays with one batch "
            f"a step in front, at least {steps}; got leading axes {sorted(leading)}."
        )
    return None, lambda start, count: jax.tree.map(lambda x: x[start : start + count], batches)


def _stack(batches: Iterator[PyTree], count: int) -> PyTree:
    taken = list(itertools.islice(batches, count))
    if len(taken) < count:
        raise ValueError(f"fit: the iterator ended {count - len(taken)} batches before the last step.")
    for i, batch in enumerate(taken):
        require_arrays("fit", f"batch {i}", batch)
        require_same_tree("fit", f"batch {i}", batch, "batch 0", taken[0])
        require_same_shapes("fit", f"batch {i}", batch, "batch 0", taken[0])
    return jax.tree.map(lambda *xs: np.stack(xs), *taken)
