"""Another library's transformation as a node."""

import dataclasses
import inspect
from typing import Any

import jax
from jax.tree_util import Partial

from jaxopt_slides._core.checks import require_float_leaves, require_same_tree
from jaxopt_slides._core.dtypes import cast, widen
from jaxopt_slides._core.node import Context, Node
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.types import GradientTransformation, PyTree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
class Foreign(Node):
    """One half of another library's transformation.

    It sees updates in the dtypes in which they came and computes under standard dtype promotion.
    """

    function: Any  # Partial: static unless the other library's function is itself a pytree
    in_python: bool = dataclasses.field(default=False, metadata={"static": True})
    idle = "is a foreign transform, of which only init and update are known"

    @property
    def name(self) -> str:
        return getattr(self.function.func, "__qualname__", "a foreign transform").split(".")[0]

    def init(self, params: PyTree) -> PyTree:
        require_float_leaves(self.name, "params", params)
        with jax.numpy_dtype_promotion("standard"):
            return self.function(params)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        require_float_leaves(self.name, "updates", updates)
        extra = context.extra if self.in_python else {}
        with jax.numpy_dtype_promotion("standard"):
            narrow = cast(updates, context.dtypes)
            new, state = self.function(narrow, state, context.params, **extra)
        require_same_tree(self.name, "new updates", new, "updates", updates)
        return jax.tree.map(widen, new), state

    def __repr__(self) -> str:
        return self.name


def _foreign_halves(label: str, tx: Any) -> tuple[Node, Node]:
    pair: tuple[Any, Any] = tx if isinstance(tx, tuple) and len(tx) == 2 else (tx, None)
    members = (getattr(tx, "init", pair[0]), getattr(tx, "update", pair[1]))
    if not all(map(callable, members)) or isinstance(tx, type):
        shown = getattr(tx, "__qualname__", f"{tx!r:.80}")
        hint = f" Call the constructor: pass {shown}(...), not {shown}." if callable(tx) else ""
        hint = " Members are separate arguments: chain(*members)." if isinstance(tx, list) else hint
        raise TypeError(
            f"{label} is {shown}; expected a GradientTransformation, ours or any optax-style "
            f"(init, update) pair.{hint}"
        )
    init, update = (m if isinstance(m, Partial) else Partial(m) for m in members)
    parameters = inspect.signature(members[1]).parameters.values()
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    return Foreign(init), Foreign(update, takes_any)


def as_halves(label: str, tx: Any) -> tuple[Node, Node]:
    """The halves of any transformation; ``label`` says what it is to a message."""
    ours = halves(tx) if isinstance(tx, GradientTransformation) else None
    return ours or _foreign_halves(label, tx)
