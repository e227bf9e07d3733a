"""A table's way through an optimizer: its members, their map when idle, and their state."""

from typing import Any, NamedTuple

import jax

from jaxopt_slides._core.coasting import Transition, is_fixed, transition
from jaxopt_slides._core.powers import Entries, Pattern
from jaxopt_slides._core.types import PyTree


class TableState(NamedTuple):
    """What :func:`lazy` keeps of one table beside the optimizer's own state."""

    stamps: jax.Array  # [rows], int32: the step up to which each row has been brought
    maps: Entries  # what one idle step does; with a horizon [length], since each of the last steps
    since: Any  # [], int32: the step since which that holds; None with a horizon
    next_row: Any  # [], int32: the next row to be brought up to date in rotation; None without


class LazyState(NamedTuple):
    """State of :func:`lazy`."""

    clock: int | jax.Array  # [], int32: steps taken; wraps around
    inner_state: PyTree  # as it is for arrays in place of the tables
    tables: dict[str, TableState]


class Course(NamedTuple):
    """How one table goes through the optimizer.

    Attributes:
      step: what an idle step does to one row.
      pattern: which entries of it there are.
      columns: where among the leaves of the optimizer's state the table's own arrays are.
      counts: where its members' counts are.
    """

    step: Transition
    pattern: Pattern
    columns: list[int]
    counts: list[int]

    @property
    def moves(self) -> bool:
        """Whether a row moves while nothing touches it."""
        return any(i == 0 for i, _ in self.pattern.pairs)

    def now(self, leaves: list[Any], dtype: Any) -> Entries:
        """The map of an idle step at the state's count."""
        counts = [leaves[i] for i in self.counts]
        return self.pattern.entries(self.step.change(counts, dtype))


def course(node: Any, params: PyTree, state: PyTree, path: Any, name: str) -> Course:
    """The course of the table at ``path`` of ``params``, which has arrays in place of tables.

    Raises:
      ValueError: it cannot coast; the message names the member and says why.
    """
    leaves, treedef = jax.tree.flatten(state)
    places = treedef.unflatten(range(len(leaves)))
    found = node.inner.along(state, params, path)
    indices = [where for _, where in node.inner.along(places, params, path)]
    try:
        step = transition(node.inner, [member for member, _ in found])
    except ValueError as error:
        raise ValueError(f"lazy: table {name!r} cannot be updated row by row: {error}") from None
    if node.horizon is None and step.varies():
        raise ValueError(
            f"lazy: table {name!r} needs a horizon: what an idle step of {node.inner!r:.80} does "
            f"depends on the count. Say lazy(..., horizon=1000), and every row is brought up to date "
            f"within so many steps."
        )
    columns = []
    for (_, s), where in zip(found, indices, strict=True):
        fields = [w for x, w in zip(s[1:], where[1:], strict=True) if not is_fixed(x)]
        columns += [dict(jax.tree_util.tree_leaves_with_path(field))[path] for field in fields]
    return Course(step, step.pattern(), columns, [where.count for where in indices])


def rotating(horizon: Any, rows: int) -> int:
    """How many rows are brought up to date in rotation at every step."""
    return -(-rows // horizon)
