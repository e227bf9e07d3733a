"""Another library's transformation as a node."""

import inspect
from typing import Any

import jax
from jax.tree_util import Partial

from jaxopt_slides._core.checks import require_float_leaves, require_same_shapes, require_same_tree
from jaxopt_slides._core.dtypes import cast, widen
from jaxopt_slides._core.node import Context, Node
from jaxopt_slides._core.pair import halves, wanted
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown


@pytree(repr=False)
class Foreign(Node):
    """One half of another library's transformation.

    It sees updates in the dtypes in which they came and computes under standard dtype promotion.
    """

    function: Any  # Partial: static unless the other library's function is itself a pytree
    name: str = static()  # of its update
    extras: frozenset[str] = static(default=frozenset())
    idle = "is a foreign transform, of which only init and update are known"

    def init(self, params: PyTree) -> PyTree:
        require_float_leaves(self.name, "params", params)
        with jax.numpy_dtype_promotion("standard"):
            return self.function(params)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        require_float_leaves(self.name, "updates", updates)
        extra = wanted(self, context.extra)
        with jax.numpy_dtype_promotion("standard"):
            narrow = cast(updates, context.dtypes)
            returned = self.function(narrow, state, context.params, **extra)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise TypeError(
                f"{self.name}: update must return the pair (updates, state), got "
                f"{type(returned).__name__}{_length(returned)}."
            )
        new, state = returned
        require_same_tree(self.name, "new updates", new, "updates", updates)
        require_float_leaves(self.name, "new updates", new)
        require_same_shapes(self.name, "new updates", new, "updates", updates)
        return jax.tree.map(widen, new), state

    def __repr__(self) -> str:
        return self.name


def _length(x: Any) -> str:
    return f" of {len(x)}" if isinstance(x, tuple | list | dict) else ""


def _hint(tx: Any) -> str:
    """What to do about what is no transformation."""
    if isinstance(tx, list):
        return " Several transformations one after another are chain(*members)."
    if isinstance(tx, Partial):
        return " This is half of a transformation: pass the whole, not its init or its update."
    name = getattr(tx, "__qualname__", "<")
    return "" if "<" in name else f" Call the constructor: pass {name}(...), not {name}."


def _foreign_halves(label: str, tx: Any) -> tuple[Node, Node]:
    pair: tuple[Any, Any] = tx if isinstance(tx, tuple) and len(tx) == 2 else (tx, None)
    members = (getattr(tx, "init", pair[0]), getattr(tx, "update", pair[1]))
    if not all(map(callable, members)) or isinstance(tx, type):
        raise TypeError(
            f"{label} is {shown(tx, 80)}; expected a GradientTransformation, ours or any optax-style "
            f"(init, update) pair.{_hint(tx)}"
        )
    init, update = (m if isinstance(m, Partial) else Partial(m) for m in members)
    name = getattr(update.func, "__qualname__", "a foreign transform").split(".")[0]
    return Foreign(init, name), Foreign(update, name, _extras(members[1]))


def _extras(update: Any) -> frozenset[str]:
    """The keyword arguments that an update takes beside its three first; all are ``"*"``."""
    parameters = list(inspect.signature(update).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return frozenset("*")
    named = [p for p in parameters[3:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return frozenset(p.name for p in named)


def as_halves(label: str, tx: Any, *, outermost: bool = False) -> tuple[Node, Node]:
    """The halves of any transformation; ``label`` says what it is to a message."""
    ours = halves(tx) if isinstance(tx, GradientTransformation) else None
    if ours and ours[1].own_trees and not outermost:
        raise TypeError(
            f"{label} is {shown(tx, 80)}, which must be outermost: make the whole optimizer first and "
            f"wrap that in {ours[1].name}."
        )
    return ours or _foreign_halves(label, tx)
