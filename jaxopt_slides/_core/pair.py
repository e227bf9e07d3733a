"""The pair itself: ``init`` and ``update`` as functions of a node, eager or traced."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.tree_util import Partial

from jaxopt_slides._core import one_pass
from jaxopt_slides._core.checks import (
    explain,
    require_arrays,
    require_float_leaves,
    require_no_complex,
    require_same_shapes,
    require_same_tree,
)
from jaxopt_slides._core.dtypes import cast, dtypes_of, widen
from jaxopt_slides._core.node import Context, Node, NotChexifiedError, is_traced
from jaxopt_slides._core.types import GradientTransformation, PyTree


@jax.tree_util.register_static
class StaticPartial(Partial):
    """A half without leaves, compared by value."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticPartial) and (self.func, self.args) == (other.func, other.args)

    def __hash__(self) -> int:
        return hash((self.func, self.args))


def transformation(init_half: Node, update_half: Node) -> GradientTransformation:
    """The pair whose members carry the two halves of a node."""
    partial = StaticPartial if update_half.by_value else Partial
    return GradientTransformation(partial(init, init_half), partial(update, update_half))


def halves(tx: GradientTransformation) -> tuple[Node, Node] | None:
    """The two nodes of one of our transformations, None for any other library's."""
    if [getattr(member, "func", None) for member in tx] != [init, update]:
        return None
    return tx.init.args[0], tx.update.args[0]  # pyright: ignore[reportAttributeAccessIssue]


def init(node: Node, /, params: PyTree) -> PyTree:
    """``tx.init``: not jitted when called eagerly, so that state keeps the parameters' sharding."""
    _requirement(node)(str(node.name), "params", params)
    return node.init(params)


def _requirement(node: Node) -> Callable[[str, str, PyTree], None]:
    """What the leaves must be: floating, or any arrays where the node leaves the others alone."""
    return require_arrays if node.any_dtype else require_float_leaves


def update(node: Node, /, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any):
    """``tx.update``: one cached jit call when called eagerly, inline when called while tracing."""
    extra = wanted(node, extra)
    if (
        node.in_python
        or not _are_arrays(extra)
        or is_traced(*_samples(node, updates, state, params, extra))
    ):
        return _update(node, updates, state, params, extra)
    try:
        return _jitted_update(node, updates, state, params, extra)
    except NotChexifiedError:  # inside another library's chain, where no node tells of it
        return _update(node, updates, state, params, extra)
    except TypeError:
        _update(node, updates, state, params, extra)  # says it better, where jit refused an argument
        raise
    except (RuntimeError, ValueError) as error:
        explain(error, str(node.name), updates=updates, state=state, params=params)
        raise


def wanted(node: Node, extra: dict[str, Any]) -> dict[str, Any]:
    """Those of the keyword arguments for which the node asks."""
    return {n: x for n, x in extra.items() if n in node.extras or "*" in node.extras}


def _are_arrays(extra: dict[str, Any]) -> bool:
    """Whether jit takes them all; who is given a function, such as an objective, runs in Python."""
    kinds = (jax.Array, np.ndarray, np.generic, int, float, complex)
    return all(isinstance(x, kinds) for x in jax.tree.leaves(extra))


def _samples(node: Node, *trees: PyTree) -> list[Any]:
    """Enough leaves to tell whether a call is being traced: one a tree, and the hyperparameters."""
    return [x for tree in trees for x in jax.tree.leaves(tree)[:1]] + jax.tree.leaves(node)


def _update(node: Node, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]):
    """Checks, widens once, steps, narrows once."""
    owner = str(node.name)
    if node.own_trees:
        return node.update(updates, state, Context(params, (), extra))
    _requirement(node)(owner, "updates", updates)
    if params is not None:
        _requirement(node)(owner, "params", params)
        require_same_tree(owner, "updates", updates, "params", params)
        require_same_shapes(owner, "updates", updates, "params", params)
        require_no_complex(owner, "updates", updates, "params", params)
    context = Context(params, dtypes_of(updates), extra)
    wide_updates, state = one_pass.update(node, jax.tree.map(widen, updates), state, context)
    require_same_tree(owner, "new updates", wide_updates, "updates", updates)
    require_same_shapes(owner, "new updates", wide_updates, "updates", updates)
    return (wide_updates if node.keeps_wide else cast(wide_updates, context.dtypes)), state


@jax.jit
def _jitted_update(node: Node, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]):
    return _update(node, updates, state, params, extra)


def step_of(node: Node, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
    """``node.update`` for a member: inline while tracing, else one cached call where possible."""
    extra = wanted(node, context.extra)
    if is_traced(*_samples(node, updates, state, context.params, extra)):
        return node.update(updates, state, context)
    if node.in_python or not _are_arrays(extra):
        return node.update(updates, state, context)
    try:
        dtypes = tuple(context.dtypes)
        return _jitted_member(node, updates, state, context.params, dtypes, extra)
    except NotChexifiedError:
        return node.update(updates, state, context)


def _member(
    node: Node, updates: PyTree, state: PyTree, params: PyTree, dtypes: Sequence[Any], extra: Any
):
    return node.update(updates, state, Context(params, dtypes, extra))


_jitted_member = jax.jit(_member, static_argnums=4)
