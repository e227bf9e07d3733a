"""Different rules for different leaves: ``partition``, and its two everyday cases."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxopt_slides._core.apply import only
from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.checks import require_class, require_float_leaves
from jaxopt_slides._core.dtypes import cast
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import Context, Node, Several
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._parts.labels import Function, Kind, Tree, is_floating, nested
from jaxopt_slides._parts.scaling import set_to_zero


class PartitionState(NamedTuple):
    """State of :func:`partition`, :func:`masked` and :func:`freeze`."""

    inner_states: dict[str, PyTree]  # by label; None where a leaf belongs to another


@pytree(repr=False)
class Partition(Several):
    """Every member sees the leaves of its label; the others are None to it."""

    members: tuple[Node, ...]
    kind: Kind = static()
    labels: Tree | Function = static()
    any_dtype = True

    @property
    def name(self) -> str:
        return self.kind.owner

    @property
    def idle(self) -> str:
        return "treats the leaves differently"

    @property
    def keeps_wide(self) -> bool:
        return any(m.keeps_wide for m in self.members)

    def children(self) -> tuple[tuple[str, Node], ...]:
        return tuple(zip(map(str, self.kind.known), self.members, strict=True))

    def with_children(self, children: list[Node]) -> "Partition":
        return dataclasses.replace(self, members=tuple(children))

    def init(self, params: PyTree) -> PartitionState:
        chosen = self._chosen(params, params)
        return PartitionState(
            {
                label: member.init(only(params, mine))
                for (label, member), mine in zip(self.children(), chosen, strict=True)
            }
        )

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        params = context.params
        like = cast(updates, context.dtypes) if params is None else params
        leaves, treedef = jax.tree.flatten(updates)
        new: list[Any] = [_untouched(x) for x in leaves]
        states = {}
        if params is not None:
            self._chosen(params, params)  # its leaves too must be floating wherever a member steps
        chosen = self._chosen(like, updates, "updates" if params is None else "parameters")
        columns = zip(self.children(), chosen, self.substates(state), strict=True)
        for (label, member), mine, s in columns:
            dtypes = [d for d, m in zip(context.dtypes, mine, strict=True) if m]
            extra = {k: _of(x, mine, treedef) for k, x in context.extra.items()}
            inner = Context(None if params is None else only(params, mine), dtypes, extra)
            u, states[label] = step_of(member, only(updates, mine), s, inner)
            places = [i for i, m in enumerate(mine) if m]
            for i, x in zip(places, jax.tree.leaves(u), strict=True):
                new[i] = x
        return treedef.unflatten(new), PartitionState(states)

    def _chosen(self, params: PyTree, tree: PyTree, called: str = "parameters") -> list[list[bool]]:
        """For every member, which leaves it has; a leaf that is not floating must be left alone."""
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        labels = self.kind.of(self.labels, params, called)
        for label, (path, x) in zip(labels, leaves, strict=True):
            member = self.members[self.kind.known.index(label)]
            if not is_floating(x) and not member.inert:
                require_float_leaves(member.name, "parameters", nested(path, x))
        return [
            [label == k and is_floating(x) for label, (_, x) in zip(labels, leaves, strict=True)]
            for k in self.kind.known
        ]

    def along(
        self, state: PyTree, params: PyTree = None, path: tuple[Any, ...] = ()
    ) -> list[tuple[Node, PyTree]]:
        paths = [p for p, _ in jax.tree_util.tree_leaves_with_path(params)]
        if path not in paths:
            return [(self, state)]
        chosen = self._chosen(params, params)
        i = next(i for i, mine in enumerate(chosen) if mine[paths.index(path)])
        inner = None if state is None else self.substates(state)[i]
        return self.members[i].along(inner, only(params, chosen[i]), path)

    def require_state(self, state: PyTree) -> None:
        require_class(self.name, state, PartitionState)
        expected = sorted(map(str, self.kind.known))
        got: Any = state.inner_states
        got = sorted(map(str, got)) if isinstance(got, dict) else type(got).__name__
        if got != expected:
            raise TypeError(
                f"{self.name}: expected a dict of one state for each of {expected}, got {got!s:.200}. "
                f"Was this state made by another optimizer?"
            )

    def substates(self, state: PyTree) -> list[PyTree]:
        self.require_state(state)
        return [state.inner_states[str(k)] for k in self.kind.known]

    def __repr__(self) -> str:
        if self.kind.what == "labels":
            members = ", ".join(
                f"{k!r}: {m!r}" for k, m in zip(self.kind.known, self.members, strict=True)
            )
            return f"{self.name}({{{members}}}, {self.labels!r})"
        inner = f"{self.members[1]!r}, " if self.name == "masked" else ""
        return f"{self.name}({inner}{self.labels!r})"


def _of(x: Any, mine: list[bool], treedef: Any) -> Any:
    """An extra argument; a member's part of one that is a tree like the parameters, as ``grad``."""
    is_tree = jax.tree.structure(x) == treedef and not jax.tree_util.treedef_is_leaf(treedef)
    return only(x, mine) if is_tree else x


def _untouched(x: Any) -> Any:
    """The update of a leaf that no one trains: an array of no tangents where it is not floating."""
    return x if is_floating(x) else np.zeros(np.shape(x), jax.dtypes.float0)


def _partition(kind: Kind, transforms: list[Any], labels: Any) -> GradientTransformation:
    what = "inner" if kind.owner == "masked" else "the transformation of {!r}"
    pairs = [
        as_halves(f"{kind.owner}: {what.format(k)}", tx)
        for k, tx in zip(kind.known, transforms, strict=True)
    ]
    static = kind.static(labels)
    inits, updates = (tuple(half) for half in zip(*pairs, strict=True))
    return transformation(Partition(inits, kind, static), Partition(updates, kind, static))


@public
def partition(
    transforms: Mapping[Any, Any], labels: PyTree | Callable[[PyTree], PyTree]
) -> GradientTransformation:
    """Applies a transformation of its own to every group of leaves.

    Args:
      transforms: a mapping of label to transformation, ours or any optax-style pair.
      labels: a tree of labels like the parameters, or a prefix of it, where a label holds for all
        leaves below; or a function that makes such a tree from the parameters. A function sees
        arrays, at each trace, and must not look at their values; it is static, compared by
        identity, so define it once. A callable *pytree*, such as an Equinox module of labels, is a
        tree.

    Returns:
      A transformation whose state holds one state by label. To each member the leaves of the others
      are None. Leaves that are not floating are left alone under :func:`set_to_zero` and
      :func:`identity`, and an error elsewhere.

    Raises:
      ValueError: an unknown label, with the known ones; labels that do not fit the parameters.
      TypeError: a member is no transformation; a label is an array.

    Example:
      A learning rate for every layer, in three lines:

      >>> rates = {"embed": 0.1, "head": 0.01}
      >>> tx = partition({k: sgd(rate) for k, rate in rates.items()}, {k: k for k in rates})
      >>> params = {"embed": jnp.ones(1), "head": {"w": jnp.ones(1), "b": jnp.ones(1)}}
      >>> tx.update(params, tx.init(params))[0]
      {'embed': Array([-0.1], dtype=float32),
       'head': {'b': Array([-0.01], dtype=float32), 'w': Array([-0.01], dtype=float32)}}
      >>> hyperparams(tx)
      {'embed.learning_rate': 0.1, 'head.learning_rate': 0.01}

    Note:
      optax's function of this name (formerly ``multi_transform``) agrees.
    """
    if not isinstance(transforms, Mapping) or not transforms:
        raise TypeError(
            f"partition: transforms must be a mapping of label to transformation, got "
            f"{transforms!r:.60}."
        )
    known = tuple(transforms)
    if dotted := [k for k in known if "." in str(k)]:
        raise ValueError(
            f"partition: the label {dotted[0]!r} has a dot; dots separate the parts of a "
            f"hyperparameter's name."
        )
    if len(set(map(str, known))) < len(known):
        raise ValueError(f"partition: the labels {list(known)} do not differ as text.")
    return _partition(Kind("partition", "labels", known), list(transforms.values()), labels)


@public
def masked(inner: Any, mask: PyTree | Callable[[PyTree], PyTree]) -> GradientTransformation:
    """Applies a transformation to some leaves; the updates of the others pass as they are.

    It is ``partition({True: inner, False: identity()}, mask)``.

    Args:
      inner: a transformation, ours or any optax-style pair.
      mask: a tree of True and False like the parameters, a prefix of it, or a function that makes it
        from the parameters.

    Returns:
      A transformation. Where the mask is False a leaf may have any dtype: an integer's update is an
      array of ``float0``, which :func:`apply_updates` takes for no change.

    Raises:
      ValueError: a mask that does not fit the parameters, or with other leaves than True and False.
      TypeError: ``inner`` is no transformation.

    Example:
      >>> tx = masked(sgd(0.1), {"w": True, "b": False})
      >>> params = {"w": jnp.ones(1), "b": jnp.ones(1)}
      >>> tx.update(params, tx.init(params))[0]
      {'b': Array([1.], dtype=float32), 'w': Array([-0.1], dtype=float32)}

    Note:
      optax agrees. What is not to be trained at all needs :func:`freeze`: here its gradient passes.
    """
    return _partition(Kind("masked", "mask", (False, True)), [chain(), inner], mask)


@public
def freeze(mask: PyTree | Callable[[PyTree], PyTree]) -> GradientTransformation:
    """Keeps some leaves as they are, bit for bit; the updates of the others pass.

    Put it last: ``chain(momentum(0.1), freeze(mask))``.

    Args:
      mask: a tree of True (frozen) and False like the parameters, a prefix of it, or a function that
        makes it from the parameters.

    Returns:
      A transformation without state of its own.

    Raises:
      ValueError: a mask that does not fit the parameters, or with other leaves than True and False.

    Example:
      >>> tx = chain(sgd(0.1), freeze({"w": False, "b": True}))
      >>> params = {"w": jnp.ones(1), "b": jnp.ones(1)}
      >>> tx.update(params, tx.init(params))[0]
      {'b': Array([-0.], dtype=float32), 'w': Array([-0.1], dtype=float32)}

    Note:
      optax's function of this name agrees, but adds +0.0, which turns a weight of -0.0 into 0.0.
    """
    return _partition(Kind("freeze", "mask", (False, True)), [chain(), set_to_zero()], mask)
