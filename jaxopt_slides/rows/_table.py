"""A table of rows as a parameter, and the few rows of it that one step sees."""

import dataclasses
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxopt_slides._core.apply import RowsOnly, add_update
from jaxopt_slides._core.checks import dtype_of
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides.rows._ids import positions, taken, written


class _Rows:
    """What a table and a view of it have in common: they are read by ids, and by nothing else."""

    name: str

    def __iter__(self) -> NoReturn:
        raise TypeError(f"table {self.name!r} cannot be iterated: read rows of it, as in table[ids].")

    def __jax_array__(self) -> NoReturn:
        raise TypeError(
            f"table {self.name!r} is no array: read rows of it, as in table[ids]. "
            f"rows.current(tx, params, state) returns every table as an array."
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self.__jax_array__()


@pytree(eq=False)
class Table(_Rows):
    """A parameter whose rows are updated one by one: see :func:`table`.

    Attributes:
      values: ``[rows, ...]``.
      lag: 0., or 1. where rows wait for the steps in which nothing touched them.
      name: what ids are declared under.

    Example:
      >>> jos.rows.table(jnp.ones((3, 2)), "embed").shape
      (3, 2)
    """

    values: Any
    lag: Any
    name: str = static()

    def __getitem__(self, ids: Any) -> jax.Array:
        """The rows of these ids; NaN where an id is none of the table, or the table lags behind."""
        if not isinstance(self.lag, Tracer) and self.lag:
            raise ValueError(
                f"table {self.name!r} lags behind its optimizer. Read rows.current(tx, params, state), "
                f"or in a training step rows.read(tx, params, state, ids)."
            )
        at = positions(f"table {self.name!r}", ids, len(self.values))
        found = taken(self.values, at, jnp.nan)
        return jnp.where(self.lag > 0, jnp.full_like(found, jnp.nan), found)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the values."""
        return self.values.shape

    @property
    def dtype(self) -> Any:
        """That of the values."""
        return self.values.dtype


@pytree(eq=False)
class View(_Rows):
    """The rows of a table that one step has declared, brought up to date: see :func:`read`.

    Of several places that declare one id the first named in ``slots`` stands for it; at the others
    everything is 0.

    Attributes:
      rows: ``[declared, ...]``, what the loss sees, in the table's dtype.
      ids: ``[declared]``, int32.
      target: ``[declared]``, the id at the place that stands for it, elsewhere the table's length.
      slots: ``[rows of the table]``: at a declared id its place, elsewhere its stamp.
      raw: ``[declared, ...]``, the rows as the table has them.
      moved: ``[declared, ...]``, in float32 or wider, what they have moved since; None if nothing does.
      states: the optimizer's arrays for these rows, up to date.
      lost: whether a row cannot be brought up to date, since the optimizer has changed.
      clock: the step that reads them.
      name: the table's.
      astray: None, or 0., added to what is read at other ids: its derivative tells whether any was.

    Example:
      >>> tx = jos.rows.lazy(sgd(0.1))
      >>> params = {"embed": jos.rows.table(jnp.ones((9, 2)), "embed")}
      >>> view = jos.rows.read(tx, params, tx.init(params), {"embed": [7, 8, 7]})["embed"]
      >>> view.rows.shape, view.local([8])
      ((3, 2), Array([1], dtype=int32))
    """

    rows: Any
    ids: Any
    target: Any
    slots: Any
    raw: Any
    moved: Any
    states: Any
    lost: Any
    clock: Any
    name: str = static()
    astray: Any = None

    @property
    def array(self) -> jax.Array:
        """The rows and a last one of NaN, ``[declared + 1, ...]``: for modules that hold an array."""
        return jnp.concatenate([self.rows, jnp.full_like(self.rows[:1], jnp.nan)])

    def local(self, ids: Any) -> jax.Array:
        """The places of ids in ``array``, the last one for those that were not declared."""
        at = positions(f"table {self.name!r}", ids, len(self.slots))
        count = len(self.ids)
        place = taken(self.slots, at, count)
        known = taken(self.ids, place, -1) == at
        return jnp.where(known & (at < len(self.slots)), place, count)

    def __getitem__(self, ids: Any) -> jax.Array:
        """The rows of these ids; NaN for those that were not declared."""
        place = self.local(ids)
        found = taken(self.rows, place, jnp.nan)
        if self.astray is None:
            return found
        known = (place < len(self.ids)).reshape(place.shape + (1,) * (found.ndim - place.ndim))
        return found + jnp.where(known, 0, self.astray.astype(found.dtype))


@pytree(eq=False)
class RowGradients:
    """The gradient of a view's rows, duplicates summed: ``[declared, ...]``."""

    values: Any
    name: str = static()
    astray: Any = None  # by the view's


@pytree(eq=False)
class RowUpdates(RowsOnly):
    """What becomes of the declared rows; :func:`apply_updates` writes it into the table."""

    target: Any
    raw: Any
    change: Any  # in float32 or wider: what they have moved since, and this step's update
    lags: bool = static()
    name: str = static()

    def added_to(self, param: Any) -> Table:
        """The table with these rows in it."""
        if not isinstance(param, Table) or param.name != self.name:
            raise TypeError(
                f"apply_updates: the updates have rows of table {self.name!r} where the params have "
                f"{shown(param) if not isinstance(param, Table) else f'table {param.name!r}'}. Apply "
                f"them to the params that rows.read was given."
            )
        rows = add_update(self.raw, self.change)
        values = written(param.values, self.target, rows)
        return Table(values, jnp.full_like(param.lag, float(self.lags)), self.name)


@public
def table(values: Any, name: str) -> Table:
    """Marks a parameter as a table, whose rows :func:`lazy` updates one by one.

    Args:
      values: ``[rows, ...]``, floating; a row may be a vector, as an embedding is, or any array.
      name: what its ids are declared under; unique among the tables of the parameters.

    Returns:
      A pytree with the values, to stand in their place among the parameters. ``table[ids]`` reads
      rows as an array's indexing does, NaN where an id is out of range.

    Raises:
      TypeError: values that are no floating array, or a name that is no string.
      ValueError: values without rows.

    Example:
      >>> embed = jos.rows.table(jnp.array([[1.0, 2.0], [3.0, 4.0]]), "embed")
      >>> embed[jnp.array([1, -2, 7])]
      Array([[ 3.,  4.],
             [ 1.,  2.],
             [nan, nan]], dtype=float32)
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"table: name must be a string that is not empty, got {shown(name)}.")
    dtype = dtype_of(values)
    if dtype is None or not jnp.issubdtype(dtype, jnp.inexact):
        raise TypeError(f"table: values must be a floating array, got {dtype or shown(values)}.")
    values = jnp.asarray(values)
    if not values.ndim or not len(values):
        raise ValueError(f"table: values must be an array [rows, ...], got shape {values.shape}.")
    return Table(values, jnp.zeros((), jnp.float32), name)


MARKED = (Table, View, RowGradients)


def is_marked(x: Any) -> bool:
    """Whether a tree's part is a table, a view of one or the gradient of a view."""
    return isinstance(x, MARKED)


def parts_of(tree: PyTree) -> tuple[list[tuple[Any, Any]], Any]:
    """The leaves with their paths, tables and what stands for them among the leaves; the structure."""
    return jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_marked)


def watched(view: PyTree) -> PyTree:
    """The view with a trace of what is read at ids that were not declared."""
    zero = jnp.zeros((), jnp.float32)
    found, treedef = parts_of(view)
    parts = [part for _, part in found]
    return treedef.unflatten(
        dataclasses.replace(p, astray=zero) if isinstance(p, View) else p for p in parts
    )


def tables_of(tree: PyTree) -> list[Table]:
    """The tables among the parameters."""
    return [part for _, part in parts_of(tree)[0] if isinstance(part, Table)]


def plain(tree: PyTree, array_of: Any) -> PyTree:
    """The tree with an array for every table, view or gradient."""
    return jax.tree.map(lambda x: array_of(x) if is_marked(x) else x, tree, is_leaf=is_marked)
