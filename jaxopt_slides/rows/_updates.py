"""What an update of tables takes, and what it makes of the rows of a view."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import require_same_shapes, require_same_tree
from jaxopt_slides._core.dtypes import widen
from jaxopt_slides._core.types import PyTree
from jaxopt_slides.rows._course import Course
from jaxopt_slides.rows._table import (
    RowGradients,
    RowUpdates,
    View,
    is_marked,
    parts_of,
    plain,
    tables_of,
)


def caught_up(view: View) -> jax.Array:
    """The rows of a view in the dtype that the optimizer computes in."""
    wide = widen(view.raw)
    return wide if view.moved is None else wide + view.moved


def matching(updates: PyTree, params: PyTree) -> list[tuple[Any, View]]:
    """The views with their paths; updates and parameters must be one tree."""
    found, _ = parts_of(updates)
    theirs, _ = parts_of(params)
    views_in = [part for _, part in found if isinstance(part, View)]
    for part in [*tables_of(updates), *views_in, *tables_of(params)]:
        raise TypeError(
            f"lazy: update was given table {part.name!r} itself. It takes what rows.value_and_grad "
            f"returned, and the view that rows.read made: tx.update(gradients, state, view)."
        )
    if params is None:
        if marked := [g.name for _, g in found if is_marked(g)]:
            raise ValueError(
                f"lazy: table {marked[0]!r} needs the view: call update(gradients, state, view)."
            )
        return []
    named = [(p, g.name) for p, g in found if isinstance(g, RowGradients)]
    if named != [(p, v.name) for p, v in theirs if isinstance(v, View)]:
        raise ValueError(
            f"lazy: the gradients have rows of the tables {[n for _, n in named]} and the view those "
            f"of {[v.name for _, v in theirs if isinstance(v, View)]}. Take the gradients with "
            f"rows.value_and_grad of this view."
        )
    gradients, arrays = plain(updates, lambda g: g.values), plain(params, lambda v: v.rows)
    require_same_tree("lazy", "updates", gradients, "params", arrays)
    require_same_shapes("lazy", "updates", gradients, "params", arrays)
    return [(p, v) for p, v in theirs if isinstance(v, View)]


def as_updates(
    params: PyTree, wide: PyTree, narrow: PyTree, courses: dict[str, Course], fresh: dict[str, Any]
) -> PyTree:
    """The updates, with rows in the place of every table; NaN if these were read in another step."""
    if params is None:
        return narrow
    (found, treedef), pairs = (
        parts_of(params),
        zip(jax.tree.leaves(wide), jax.tree.leaves(narrow), strict=True),
    )
    return treedef.unflatten(
        _row_updates(part, jnp.where(fresh[part.name], u, jnp.nan), courses[part.name].moves)
        if isinstance(part, View)
        else n
        for (_, part), (u, n) in zip(found, pairs, strict=True)
    )


def _row_updates(view: View, u: jax.Array, moves: bool) -> RowUpdates:
    change = u if view.moved is None else view.moved + u
    return RowUpdates(view.target, view.raw, change, moves, view.name)
