"""Static trees of labels and masks: written out, as a prefix, or as a function of the parameters."""

import dataclasses
import sys
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxopt_slides._core.checks import children_of, where
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import reduced, shown, written


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree of labels, static and compared by value."""

    leaves: tuple[Any, ...]
    structure: Any

    @property
    def tree(self) -> PyTree:
        """The tree itself."""
        return self.structure.unflatten(self.leaves)

    def __repr__(self) -> str:
        """In full up to 80 characters; a longer one ends in a checksum, so that no two look alike."""
        text = shown(self.tree, sys.maxsize)
        return text if len(text) <= 80 else f"{text[:80]}... #{zlib.crc32(text.encode()):08x}"


@dataclasses.dataclass(frozen=True)
class Function:
    """A function that makes the tree of labels from the parameters."""

    function: Callable[[PyTree], PyTree]

    def __repr__(self) -> str:
        return written(self.function)

    def __reduce__(self):
        return reduced(self, self.function, "function of a mask or of labels", "a tree")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What labels may be: of masks True and False, of a partition its keys.

    Attributes:
      owner: the transformation, for messages.
      what: "mask" or "labels".
      known: the labels that are allowed.
    """

    owner: str
    what: str
    known: tuple[Any, ...]

    def static(self, labels: Any) -> Tree | Function:
        """What the user gave, checked as far as that is possible without parameters."""
        if isinstance(labels, type) or (hasattr(labels, "init") and hasattr(labels, "update")):
            kind = "a class" if isinstance(labels, type) else "a transformation"
            raise TypeError(
                f"{self.owner}: the {self.what} is {kind}, {shown(labels)}; expected a tree of "
                f"{self._expected}, or a function that makes it from the parameters."
            )
        if callable(labels) and jax.tree_util.all_leaves([labels]):
            return Function(labels)
        leaves, structure = jax.tree_util.tree_flatten_with_path(labels)
        return Tree(tuple(self._label(path, x) for path, x in leaves), structure)

    def of(self, labels: Tree | Function, params: PyTree, called: str = "parameters") -> list[Any]:
        """One label for every leaf of ``params``, which a message calls ``called``."""
        if isinstance(labels, Function):
            made = labels.function(params)
            if callable(made) and jax.tree_util.all_leaves([made]):
                raise TypeError(
                    f"{self.owner}: the function of the {self.what} returned a function; expected a "
                    f"tree of {self._expected}."
                )
            made = self.static(made)
            assert isinstance(made, Tree)
            labels = made
        try:
            parts = labels.structure.flatten_up_to(params)
        except ValueError:
            raise ValueError(
                f"{self.owner}: {_mismatch(self.what, labels.tree, params, called)}"
            ) from None
        pairs = zip(labels.leaves, parts, strict=True)
        return [label for label, part in pairs for _ in jax.tree.leaves(part)]

    @property
    def _expected(self) -> str:
        return "True and False" if self.what == "mask" else f"labels among {list(self.known)}"

    def _label(self, path: tuple[Any, ...], label: Any) -> Any:
        place = f"{self.owner}: {where(path)} of the {self.what}"
        if isinstance(label, Tracer):
            raise TypeError(f"{place} is traced; the {self.what} must be known before tracing.")
        if isinstance(label, np.ndarray | np.generic | jax.Array) and label.ndim == 0:
            label = label.item()
        if hasattr(label, "shape"):
            raise TypeError(
                f"{place} is an array of shape {label.shape}; expected one of {list(self.known)} for "
                f"the whole leaf. To mask elements, multiply the gradients."
            )
        kinds = {type(k) for k in self.known}
        if type(label) in kinds and label in self.known:
            return label
        raise ValueError(f"{place} is {shown(label)}; {_known(self.known, label)}")


def _known(known: tuple[Any, ...], label: Any) -> str:
    import difflib

    close = difflib.get_close_matches(str(label), [k for k in known if isinstance(k, str)], 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"expected one of {list(known)}.{hint}"


def _mismatch(
    what: str, labels: PyTree, params: PyTree, called: str, path: tuple[Any, ...] = ()
) -> str:
    """Where ``labels`` first stops being a prefix of ``params``, in words."""
    (ours, kind), (theirs, expected) = children_of(labels), children_of(params)
    if kind is expected and ours.keys() == theirs.keys():
        for key, child in ours.items():
            if not _is_prefix(child, theirs[key]):
                return _mismatch(what, child, theirs[key], called, path + key)
    place = f"at {jax.tree_util.keystr(path)}" if path else "outermost"
    rule = (
        f"the {what} must be a tree like the {called}, or stop earlier, where one holds for all below"
    )
    if kind is not expected:
        return (
            f"{rule}; {place} there is {_article(kind)} where the {called} have {_article(expected)}."
        )
    lacking = sorted(
        {jax.tree_util.keystr(k) for k in theirs} - {jax.tree_util.keystr(k) for k in ours}
    )
    extra = sorted({jax.tree_util.keystr(k) for k in ours} - {jax.tree_util.keystr(k) for k in theirs})
    said = [f"lacks {', '.join(lacking)!s:.80}"] if lacking else []
    said += [f"has {', '.join(extra)!s:.80}, which the {called} do not have"] if extra else []
    return f"{rule}; {place} it {' and '.join(said) or 'has other keys or static parts'}."


def _article(kind: type) -> str:
    if kind is type(None):
        return "nothing (None)"
    return "an array" if issubclass(kind, jax.Array | np.ndarray) else f"a {kind.__name__}"


def _is_prefix(labels: PyTree, params: PyTree) -> bool:
    try:
        jax.tree.structure(labels).flatten_up_to(params)
    except ValueError:
        return False
    return True


def is_floating(x: Any) -> bool:
    """Whether a leaf can be trained: floating or complex."""
    return bool(jnp.issubdtype(jnp.result_type(x), jnp.inexact))


def nested(path: tuple[Any, ...], x: Any) -> PyTree:
    """A tree whose only leaf is ``x``, at a path that prints alike."""
    for key in reversed(path):
        x = {str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))): x}
    return x
