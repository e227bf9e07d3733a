"""The protocol: what a gradient transformation is."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
from jax.tree_util import Partial

PyTree = Any
Schedule = Callable[[Any], Any]
Hyperparameter = float | jax.Array | Schedule


class InitFn(Protocol):
    """What ``init`` of a transformation is: parameters to state."""

    def __call__(self, params: PyTree, /) -> PyTree:
        """The state for ``params``."""
        ...


class UpdateFn(Protocol):
    """What ``update`` of a transformation is: gradients and state to updates and the next state."""

    def __call__(
        self, updates: PyTree, state: PyTree, /, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        """The updates and the next state."""
        ...


class GradientTransformation(NamedTuple):
    """An optimizer as data: a pure ``(init, update)`` pair and a pytree of its hyperparameters.

    ``init(params) -> state`` makes the state; every array in it has the shape and the sharding of
    its parameter, in float32 or wider.

    ``update(updates, state, params=None, **extra) -> (updates, state)`` turns gradients into what
    :func:`apply_updates` adds to the parameters, in the gradients' dtypes. ``updates`` must have the
    tree, the shapes and (up to widening) the dtypes that ``state`` was made for. Called eagerly it
    is one cached jit call; called while tracing it is traced inline. Keyword arguments that no
    member asks for are dropped.

    Both members are :class:`jax.tree_util.Partial`, so a transformation crosses ``jit``, ``vmap`` and
    ``grad`` as an argument: its leaves are its hyperparameters, each one leaf, Python floats unless
    arrays were given (a float and an array are two different programs to ``jit``).

    Example:
      >>> tx = momentum(learning_rate=0.1, mu=0.5)
      >>> tx
      momentum(learning_rate=0.1, mu=0.5)
      >>> jax.tree.leaves(tx)
      [0.1, 0.5]
      >>> stacked = jax.vmap(momentum)(jnp.array([0.1, 0.2]))  # two optimizers in one
      >>> jax.vmap(lambda tx: tx.update(1.0, tx.init(1.0))[0])(stacked)
      Array([-0.1, -0.2], dtype=float32)
    """

    init: InitFn
    update: UpdateFn

    def __repr__(self) -> str:
        if not all(isinstance(member, Partial) and member.args for member in self):
            return f"GradientTransformation(init={self.init!r}, update={self.update!r})"
        init, update = (member.args[0] for member in self)  # pyright: ignore[reportAttributeAccessIssue]
        return repr(update.merged(init))
