"""Trace-time checks: which transform, which leaf, what was expected and what came."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.types import PyTree


def where(path: tuple[Any, ...]) -> str:
    """A key path in words."""
    return f"leaf {jax.tree_util.keystr(path)}" if path else "the only leaf"


def require_float_leaves(owner: str, what: str, tree: PyTree) -> None:
    """Every leaf must be an array or number of a floating or complex dtype."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        try:
            dtype = jnp.result_type(leaf)
        except TypeError:
            raise TypeError(
                f"{owner}: {where(path)} of the {what} is a {type(leaf).__name__}; expected an array "
                f"or a number."
            ) from None
        if not jnp.issubdtype(dtype, jnp.inexact):
            raise TypeError(
                f"{owner}: {where(path)} of the {what} has dtype {dtype}; expected a floating or "
                f"complex dtype. Leave parameters that are not trained out of the tree, or put None "
                f"in their place."
            )


def require_same_tree(owner: str, what: str, tree: PyTree, of: str, like: PyTree) -> None:
    """``tree`` must have the structure of ``like``; the message names the first leaf that differs."""
    got, expected = jax.tree.structure(tree), jax.tree.structure(like)
    if got == expected:
        return
    got_paths = [p for p, _ in jax.tree_util.tree_leaves_with_path(tree)]
    expected_paths = [p for p, _ in jax.tree_util.tree_leaves_with_path(like)]
    missing = [p for p in expected_paths if p not in set(got_paths)]
    unknown = [p for p in got_paths if p not in set(expected_paths)]
    if missing:
        problem = f"the {what} have no {where(missing[0])}, which the {of} have"
    elif unknown:
        problem = f"the {what} have {where(unknown[0])}, which the {of} do not have"
    else:
        problem = (
            f"the leaves have the same paths in different containers, {got!s:.120} in the {what} "
            f"and {expected!s:.120} in the {of}"
        )
    raise ValueError(
        f"{owner}: the {what} and the {of} are different trees: {problem} ({len(got_paths)} leaves "
        f"came, {len(expected_paths)} were expected)."
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
        if jnp.result_type(x) != dtype:
            chex.assert_type(
                x,
                dtype,
                custom_message=f"{owner}: {where(path)} of the {what} has dtype "
                f"{jnp.result_type(x)}; the {of} need {dtype} there. Was this state made by init for "
                f"parameters of another dtype?",
            )


def require_state(owner: str, state: Any, expected: type) -> None:
    """The state must be of the class that ``init`` returned."""
    if not isinstance(state, expected):
        raise TypeError(
            f"{owner}: expected the {expected.__name__} that its init returned, got "
            f"{type(state).__name__}. Was this state made by another optimizer, or restored from a "
            f"checkpoint as a plain container?"
        )
