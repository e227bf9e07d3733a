"""Trace-time checks: which transform, which leaf, what was expected and what came."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown


def where(path: tuple[Any, ...]) -> str:
    """A key path in words."""
    return f"leaf {jax.tree_util.keystr(path)}" if path else "the only leaf"


def children_of(tree: PyTree) -> tuple[dict[Any, PyTree], type]:
    """The children of the outermost container, by key, and its type; a leaf has none."""
    paths = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda x: x is not tree)
    return {path: child for path, child in paths if path}, type(tree)


def _different_containers(got: PyTree, expected: PyTree, path: tuple[Any, ...] = ()) -> str:
    """Where two trees with the same leaf paths first have different containers, in words."""
    (ours, kind), (theirs, expected_kind) = children_of(got), children_of(expected)
    if kind is expected_kind and ours.keys() == theirs.keys():
        for key, child in ours.items():
            if jax.tree.structure(child) != jax.tree.structure(theirs[key]):
                return _different_containers(child, theirs[key], path + key)
    place = f"at {jax.tree_util.keystr(path)}" if path else "outermost"
    if kind is expected_kind:
        return f"{place}, two of type {kind.__name__} with different keys or static parts"
    return f"{place}, {kind.__name__} where {expected_kind.__name__} was expected"


def _difference(got: PyTree, expected: PyTree, what: str, of: str) -> str:
    """The first difference between two trees, in words."""
    got_paths = [p for p, _ in jax.tree_util.tree_leaves_with_path(got)]
    expected_paths = [p for p, _ in jax.tree_util.tree_leaves_with_path(expected)]
    if missing := [p for p in expected_paths if p not in set(got_paths)]:
        if not missing[0]:
            return f"the {what} are not a single leaf, which the {of} are"
        return f"{where(missing[0])} of the {of} is missing from the {what}"
    if unknown := [p for p in got_paths if p not in set(expected_paths)]:
        if not unknown[0]:
            return f"the {what} are a single leaf, which the {of} are not"
        return f"{where(unknown[0])} of the {what} is not in the {of}"
    return f"the containers differ {_different_containers(got, expected)}"


def dtype_of(x: Any) -> Any:
    """The dtype of an array or a number; None for what is neither, such as the *name* of a dtype."""
    if x is None or isinstance(x, str | bytes | type | np.dtype | list | tuple | dict):
        return None
    try:
        return jnp.result_type(x)
    except TypeError:
        return None


def require_arrays(owner: str, what: str, tree: PyTree) -> None:
    """Every leaf must be an array or a number."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if dtype_of(leaf) is None:
            raise TypeError(
                f"{owner}: {where(path)} of the {what} is a {type(leaf).__name__}; expected an array "
                f"or a number."
            )


def require_alive(owner: str, **trees: PyTree) -> None:
    """No array may be deleted."""
    for what, tree in trees.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.is_deleted():
                raise RuntimeError(
                    f"{owner}: {where(path)} of the {what} is gone: it was deleted, or its memory was "
                    f"donated to an earlier call, such as a training step. Go on with what that call "
                    f"returned, or copy what you keep; make_step(..., donate=False) donates nothing."
                )


def explain(error: Exception, owner: str, **trees: PyTree) -> None:
    """Raises instead of jax's error about a deleted array one that names the leaf."""
    if "deleted" in str(error) or "donated" in str(error):
        require_alive(owner, **trees)


def require_float_leaves(owner: str, what: str, tree: PyTree) -> None:
    """Every leaf must be an array or number of a floating or complex dtype."""
    require_arrays(owner, what, tree)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        dtype = dtype_of(leaf)
        if not jnp.issubdtype(dtype, jnp.inexact):
            raise TypeError(
                f"{owner}: {where(path)} of the {what} has dtype {dtype}; expected a floating or "
                f"complex dtype. Leave parameters that are not trained to masked or freeze, or put "
                f"None in their place."
            )


def require_same_tree(owner: str, what: str, tree: PyTree, of: str, like: PyTree) -> None:
    """``tree`` must have the structure of ``like``; the message names the first leaf that differs."""
    got, expected = jax.tree.structure(tree), jax.tree.structure(like)
    if got == expected:
        return
    raise ValueError(
        f"{owner}: the {what} and the {of} are different trees: "
        f"{_difference(tree, like, what, of)} (leaves: {got.num_leaves} came, {expected.num_leaves} "
        f"expected)."
    )


def require_same_shapes(owner: str, what: str, tree: PyTree, of: str, like: PyTree) -> None:
    """Corresponding leaves of two trees of one structure must have equal shapes."""
    expected = jax.tree.leaves(like)
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(tree), expected, strict=True):
        if np.shape(x) != np.shape(y):
            chex.assert_shape(
                x,
                np.shape(y),
                custom_message=f"{owner}: {where(path)} of the {what} has shape {np.shape(x)}; the "
                f"{of} have shape {np.shape(y)} there. Shapes must be equal; nothing is broadcast.",
            )


def require_same_dtypes(owner: str, what: str, tree: PyTree, of: str, dtypes: list[Any]) -> None:
    """The leaves of ``tree`` must have ``dtypes``, those that belong to the ``of``."""
    for (path, x), dtype in zip(jax.tree_util.tree_leaves_with_path(tree), dtypes, strict=True):
        if dtype_of(x) != dtype:
            chex.assert_type(
                x,
                dtype,
                custom_message=f"{owner}: {where(path)} of the {what} has dtype "
                f"{dtype_of(x)}; the {of} need {dtype} there. Was this state made by init for "
                f"parameters of another dtype?",
            )


def require_no_complex(owner: str, what: str, tree: PyTree, of: str, like: PyTree) -> None:
    """Where the leaves of ``like`` are real, those of ``tree`` must be real too."""
    expected = jax.tree.leaves(like)
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(tree), expected, strict=True):
        if jnp.iscomplexobj(x) and not jnp.iscomplexobj(y):
            raise TypeError(
                f"{owner}: {where(path)} of the {what} has dtype {jnp.result_type(x)}; the {of} have "
                f"{jnp.result_type(y)} there and cannot take complex values."
            )


def require_class(owner: str, state: Any, expected: type) -> None:
    """The state must be of the class that ``init`` returned."""
    if not isinstance(state, expected):
        raise TypeError(
            f"{owner}: expected the {expected.__name__} that its init returned, got "
            f"{type(state).__name__}. Was this state made by another optimizer, or restored from a "
            f"checkpoint as a plain container?"
        )


def require_state(owner: str, state: Any, like: Any, *, of_nothing: bool = False) -> None:
    """The state must be what ``init`` returned: of the class and with the fields of ``like``.

    Where the parameters are None, the tree of nothing, every field is None as well.
    """
    require_class(owner, state, type(like))
    for field, column, used in zip(like._fields, state, like, strict=True):
        if (column is None) != (used is None) and not (of_nothing and column is None):
            raise TypeError(
                f"{owner}: the state has {'no' if column is None else 'a'} {field}, which this "
                f"optimizer {'keeps' if column is None else 'does not keep'}. Was this state made by "
                f"{owner} with other options?"
            )
    require_scalars(owner, state, {"count"})


def require_scalars(owner: str, state: Any, names: set[str]) -> None:
    """These fields of a state must be single numbers, and a count an integer."""
    for name in (n for n in state._fields if n in names):
        value = getattr(state, name)
        dtype, what = dtype_of(value), "one integer" if name.endswith("count") else "one number"
        if dtype is None:
            raise TypeError(f"{owner}: the state's {name} must be {what}, got {shown(value)}.")
        if np.shape(value) or not (what == "one number" or jnp.issubdtype(dtype, jnp.integer)):
            hint = " A stacked state is used under jax.vmap." if np.shape(value) else ""
            raise TypeError(
                f"{owner}: the state's {name} must be {what}, got dtype {dtype} of shape "
                f"{np.shape(value)}.{hint}"
            )
