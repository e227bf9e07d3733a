"""The same optimizer with no leaves, or with nothing but array leaves."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import Context, Node, Wrapper, is_traced
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree


@pytree(repr=False)
class Static(Wrapper):
    """A node whose numbers are part of the tree structure."""

    numbers: tuple[float, ...] = static()
    structure: Any = static()
    hands_on_any_dtype = True
    by_value = True

    @functools.cached_property
    def inner(self) -> Node:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.structure.unflatten(self.numbers)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def idle(self) -> str:
        return "is static: let the optimizer coast before it is made static"

    @property
    def inert(self) -> bool:
        return self.inner.inert

    def with_children(self, children: list[Node]) -> "Static":
        return frozen(children[0])

    def init(self, params: PyTree) -> PyTree:
        return self.inner.init(params)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        return step_of(self.inner, updates, state, context)

    def require_state(self, state: PyTree) -> None:
        self.inner.require_state(state)

    def substates(self, state: PyTree) -> list[PyTree]:
        return [state]

    def __repr__(self) -> str:
        return f"as_static({self.inner!r})"


def frozen(node: Node) -> Static:
    """The node as a static one."""
    if isinstance(node, Static):
        return node
    leaves, structure = jax.tree.flatten(node)
    if is_traced(leaves):
        raise TypeError(
            "as_static: a hyperparameter is traced, so it has no value that could be fixed."
        )
    if stacked := [jnp.shape(x) for x in leaves if jnp.shape(x)]:
        raise ValueError(
            f"as_static: a hyperparameter has shape {stacked[0]}, so this is a stack of optimizers, "
            f"which only jax.vmap can use."
        )
    return Static(tuple(x.item() if hasattr(x, "item") else x for x in leaves), structure)


@public
def as_static(tx: GradientTransformation) -> GradientTransformation:
    """The same optimizer without leaves, for frameworks that insist on static ones.

    Its numbers are constants of every program that uses it, so a new number compiles anew, and
    neither ``jax.grad`` nor ``jax.vmap`` reaches them. :func:`hyperparams` and
    :func:`with_hyperparams` go on working.

    Args:
      tx: a transformation with concrete hyperparameters.

    Returns:
      A transformation with the same states and updates, hashable, compared by value.

    Raises:
      TypeError: a hyperparameter is traced, or ``tx`` is no transformation.
      ValueError: ``tx`` is a stack of optimizers.

    Example:
      >>> tx = as_static(momentum(0.1))
      >>> tx, jax.tree.leaves(tx)
      (as_static(momentum(learning_rate=0.1, mu=0.9)), [])
    """
    of_init, of_update = as_halves("as_static: tx", tx)
    return transformation(frozen(of_init), frozen(of_update))


@public
def as_arrays(tx: GradientTransformation) -> GradientTransformation:
    """The same optimizer with every hyperparameter an array, those that :func:`as_static` fixed too.

    For what treats Python floats as static, such as ``eqx.filter_jit``, which otherwise compiles once
    for every learning rate. To ``jax.jit`` an array and a float are two different programs.

    Args:
      tx: a transformation.

    Returns:
      A transformation whose leaves are scalar arrays of the default float dtype.

    Raises:
      TypeError: ``tx`` is no transformation.

    Example:
      >>> jax.tree.leaves(as_arrays(momentum(0.1)))
      [Array(0.1, dtype=float32), Array(0.9, dtype=float32)]
    """
    of_init, of_update = map(thawed, as_halves("as_arrays: tx", tx))
    return transformation(jax.tree.map(_array, of_init), jax.tree.map(_array, of_update))


def thawed(node: Node) -> Node:
    """The node without what :func:`as_static` has fixed in it."""
    if isinstance(node, Static):
        return thawed(node.inner)
    return node.with_children([thawed(child) for _, child in node.children()])


def _array(x: Any) -> jax.Array:
    return x if isinstance(x, jax.Array) else jnp.asarray(x, float)
