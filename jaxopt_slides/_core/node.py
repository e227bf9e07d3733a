"""Nodes: what the two halves of a transformation carry, and how they compose."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
from jax.core import Tracer

from jaxopt_slides._core.checks import require_class, require_scalars
from jaxopt_slides._core.rule import Rule
from jaxopt_slides._core.types import PyTree


class Context(NamedTuple):
    """What every member of a composition sees beside the updates and its own state.

    Attributes:
      params: the parameters, or None.
      dtypes: the dtypes in which the updates came in, one a leaf; inside they are wide.
      extra: the extra keyword arguments of ``update``.
    """

    params: PyTree
    dtypes: Sequence[Any]
    extra: dict[str, Any]


class Node:
    """One half of a transformation, over trees: what the ``Partial`` of init or of update carries.

    A node is a pytree of hyperparameters. As the half of ``init`` it answers :meth:`init`, as the
    half of ``update`` it answers :meth:`update`, in wide dtypes.

    Attributes:
      name: what messages call it.
      rule: its own hyperparameters, beside those of its children.
      state_type: the class of its state, where that has ``inner_state`` and no rule makes it.
      in_python: it asserts values; then an eager update runs its wrappers in Python, and only what
        is inside them in cached calls.
      extras: the keyword arguments of ``update`` that it asks for; ``"*"`` stands for all.
      keeps_wide: its updates stay in float32 or wider although the gradients are narrower.
      any_dtype: it leaves parameters alone that are not floating, such as integers.
      inert: it changes no parameter and needs no dtype.
      by_value: it has no leaves, and a transformation made of it is compared by value.
      own_trees: its parameters and updates are other trees than an array for an array, which it
        checks itself.
      elementwise: every element of a leaf is updated by itself, and so is its state.
      idle: why it cannot coast.
    """

    name: Any = "?"
    rule: Any = None
    state_type: Any = None
    in_python: Any = False
    extras: Any = frozenset()
    keeps_wide: Any = False
    any_dtype: Any = False
    inert: Any = False
    by_value: Any = False
    own_trees: Any = False
    elementwise: Any = False
    idle: Any = "does not say what it does when its gradient is zero"

    def init(self, params: PyTree) -> PyTree:
        """The state for ``params``."""
        raise NotImplementedError

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        """The updates and the next state."""
        raise NotImplementedError

    def children(self) -> "tuple[tuple[str, Node], ...]":
        """The labelled members of a composition."""
        return ()

    def with_children(self, children: "list[Node]") -> "Node":
        """A copy with other members, in the order of :meth:`children`."""
        del children
        return self

    def with_rule(self, rule: Rule) -> "Node":
        """A copy with other hyperparameters of its own."""
        del rule
        return self

    def count(self, state: PyTree) -> Any:
        """The count at which the next update evaluates this node's own schedules."""
        return state.count

    def merged(self, init_half: "Node") -> "Node":
        """The two halves as one, for printing; ``self`` is the half of update."""
        halves_ = zip(self.children(), init_half.children(), strict=True)
        node = self.with_children([u.merged(i) for (_, u), (_, i) in halves_])
        return node if self.rule is None else node.with_rule(self.rule.merged(init_half.rule))

    def require_state(self, state: PyTree) -> None:
        """Raises where the state is not one that this node's init returned."""
        del state

    def substates(self, state: PyTree) -> list[PyTree]:
        """The members' states, in the order of :meth:`children`."""
        del state
        return []

    def along(
        self, state: PyTree, params: PyTree = None, path: tuple[Any, ...] = ()
    ) -> "list[tuple[Node, PyTree]]":
        """The members, one after another, that one leaf passes through, each with its state.

        Where leaves go different ways, ``params`` and the leaf's path say which is meant.
        """
        del params, path
        return [(self, state)]


class Several(Node):
    """A node with members side by side or one after another."""

    members: tuple[Node, ...]

    @property
    def in_python(self) -> bool:
        return any(m.in_python for m in self.members)

    @property
    def extras(self) -> frozenset[str]:
        return frozenset().union(*(m.extras for m in self.members))


class Wrapper(Node):
    """A node around one other, ``inner``, whose state is the ``inner_state`` of its own."""

    inner: Node
    trees: ClassVar[tuple[str, ...]] = ()  # what of the state, beside inner_state, is no number
    hands_on_any_dtype: ClassVar[bool] = False  # what is not floating, if the inner leaves it alone

    @property
    def in_python(self) -> bool:
        return self.inner.in_python

    @property
    def extras(self) -> frozenset[str]:
        return self.inner.extras

    @property
    def keeps_wide(self) -> bool:
        return self.inner.keeps_wide

    @property
    def any_dtype(self) -> bool:
        return self.hands_on_any_dtype and self.inner.any_dtype

    @property
    def idle(self) -> str:
        return f"wraps {self.inner.name} and is no linear map of its state"

    def children(self) -> tuple[tuple[str, Node], ...]:
        return (("inner", self.inner),)

    def with_children(self, children: list[Node]) -> Any:
        return dataclasses.replace(self, inner=children[0])  # pyright: ignore[reportArgumentType]

    def with_rule(self, rule: Rule) -> Any:
        return dataclasses.replace(self, rule=rule)  # pyright: ignore[reportArgumentType]

    def require_state(self, state: PyTree) -> None:
        require_class(self.name, state, self.state_type)
        require_scalars(self.name, state, {*state._fields} - {"inner_state", *self.trees})

    def substates(self, state: PyTree) -> list[PyTree]:
        self.require_state(state)
        return [state.inner_state]

    def __repr__(self) -> str:
        """The call that makes it: the inner transformation, then what is its own."""
        own = repr(self.rule) if self.rule is not None else ""
        arguments = own[own.find("(") + 1 : -1] if own else ""
        return f"{self.name}({self.inner!r}{', ' if arguments else ''}{arguments})"


class NotChexifiedError(RuntimeError):
    """A value is asserted in a program that is traced outside ``chex.chexify``."""


def is_traced(*trees: PyTree) -> bool:
    """Whether any leaf is a tracer."""
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(trees))
