"""The loop's body: loss, gradient, update."""

import dataclasses
import functools
import operator
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.apply import apply_updates
from jaxopt_slides._core.assertions import enabled
from jaxopt_slides._core.checks import (
    dtype_of,
    explain,
    require_alive,
    require_arrays,
    require_float_leaves,
)
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import is_traced
from jaxopt_slides._core.pair import transformation
from jaxopt_slides._core.rule import require_options
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides._parts.checked import CheckedState, step_count
from jaxopt_slides._parts.checked import checked as asserting
from jaxopt_slides.rows import read, value_and_grad
from jaxopt_slides.rows._lazy import is_lazy, require_declared, update_with_assertions
from jaxopt_slides.rows._reading import warn_of_copies
from jaxopt_slides.rows._table import tables_of, watched
from jaxopt_slides.training.buffers import copied


class Taken(NamedTuple):
    """One training step, as the recorders of :func:`fit` see it.

    Attributes:
      loss: the loss at ``params``, before the update.
      aux: what the loss function returned beside it, or None.
      params: the parameters before the update.
      gradient: the gradient at ``params``.
      updates: what was added to ``params``.
      tx: the optimizer.
      state: its state before the update.
    """

    loss: jax.Array
    aux: PyTree
    params: PyTree
    gradient: PyTree
    updates: PyTree
    tx: GradientTransformation
    state: PyTree


class Program(NamedTuple):
    """What of a training step is static."""

    loss: Callable[..., Any]
    has_aux: bool
    recorders: tuple[tuple[str, Callable[[Taken], Any]], ...] = ()
    checked: bool = False
    owner: str = "make_step"  # for messages
    ids: Callable[..., Any] | None = None  # of the batch: what tables are read at

    def prepared(self) -> "Program":
        """This program, its parts checked as far as that is possible without calling them."""
        if not callable(self.loss):
            raise TypeError(
                f"{self.owner}: loss must be a function of the parameters, got {shown(self.loss)}."
            )
        require_options(self.owner, has_aux=self.has_aux, checked=self.checked)
        if self.ids is not None and not callable(self.ids):
            raise TypeError(
                f"{self.owner}: ids must be a function of the batch that returns every table's ids, "
                f"got {shown(self.ids)}."
            )
        return self

    def declared(self, tx: Any, params: PyTree, batch: tuple[PyTree, ...]) -> Any:
        """The ids at which a batch reads the tables among the parameters."""
        require_declared(self.owner, tx, params, self.ids)
        return self.ids(*batch)  # pyright: ignore[reportOptionalCall]

    def value(self, params: PyTree, *batch: PyTree) -> Any:
        """What the loss returns, which must be one real number, and something else with has_aux."""
        returned: Any = self.loss(params, *batch)
        pair = isinstance(returned, tuple | list) and len(returned) == 2
        value: Any = returned[0] if self.has_aux and pair else returned
        dtype = dtype_of(value)
        is_real = dtype is not None and jnp.issubdtype(dtype, jnp.floating) and not np.shape(value)
        if is_real and (pair or not self.has_aux):
            return returned
        came = shown(value) if dtype is None else f"an array of {dtype} of shape {np.shape(value)}"
        came = f"a {type(value).__name__}" if isinstance(value, tuple | list | dict) else came
        wanted = "a pair of one real number and anything" if self.has_aux else "one real number"
        hint = " A loss that returns more takes has_aux=True." if pair and not self.has_aux else ""
        raise TypeError(f"{self.owner}: the loss must return {wanted}, got {came}.{hint}")


def take_step(
    program: Program,
    tx: GradientTransformation,
    params: PyTree,
    state: PyTree,
    batch: tuple[PyTree, ...],
) -> tuple[PyTree, PyTree, Taken]:
    """The slide's four lines: batch, forward, backward, ``x += update``."""
    require_float_leaves(program.owner, "params", params)
    seen, differentiate = params, jax.value_and_grad
    if program.ids is not None or tables_of(params):
        seen = read(tx, params, state, program.declared(tx, params, batch))
        seen, differentiate = watched(seen) if program.checked else seen, value_and_grad
    value, gradient = differentiate(program.value, has_aux=program.has_aux)(seen, *batch)
    value, aux = value if program.has_aux else (value, None)
    extra = {"value": value, "grad": gradient, "value_fn": lambda w: _value(program, w, batch)}
    if not program.checked:
        updates, new_state = tx.update(gradient, state, seen, **extra)
    elif is_lazy(tx):
        updates, new_state = update_with_assertions(tx, gradient, state, seen, extra)
    else:
        asserted = CheckedState(step_count(state), state)
        updates, (_, new_state) = asserting(tx).update(gradient, asserted, params, **extra)
    taken = Taken(value, aux, params, gradient, updates, tx, state)
    return apply_updates(params, updates), new_state, taken


def _value(program: Program, params: PyTree, batch: tuple[PyTree, ...]) -> jax.Array:
    """The loss alone, for transformations that search along a line."""
    value = program.loss(params, *batch)
    return value[0] if program.has_aux else value


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Fixed:
    """A static argument as a pytree without leaves, for what takes arrays only."""

    value: Any


def assertive(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(fixed, *trees)`` compiled with chex's value assertions, which are raised at once.

    What is compiled while chex's assertions are off holds none, so that belongs to the cache's key.
    """
    inner = jax.jit(lambda fixed, *trees: function(*fixed.value[0], *trees))

    @functools.cache
    def compiled():
        return chex.chexify(inner, async_check=False)

    return lambda fixed, *trees: compiled()(Fixed((fixed, enabled())), *trees)


def _step(program, tx, params, state, batch):
    params, state, taken = take_step(program, tx, params, state, batch)
    return params, state, (taken.loss, taken.aux) if program.has_aux else taken.loss


_plain_step = jax.jit(_step, static_argnums=0)
_donating_step = jax.jit(_step, static_argnums=0, donate_argnums=(2, 3))
_checked_step = assertive(_step)


def as_ours(owner: str, tx: Any) -> GradientTransformation:
    """Any transformation as a pytree that jit takes, with the same states."""
    return transformation(*as_halves(f"{owner}: tx", tx, outermost=True))


class _Step:
    """A training step that donates what it returned itself, and nothing else of the caller's."""

    def __init__(self, program: Program, tx: GradientTransformation, donate: bool):
        self._program, self._tx, self._donate = program, tx, donate
        self._returned: list[weakref.ref] = []

    def __call__(self, params: PyTree, state: PyTree, *batch: PyTree):
        try:
            return self._take(params, state, batch)
        except TypeError:
            for name, tree in (("params", params), ("state", state), ("batch", batch)):
                require_arrays("make_step", name, tree)  # says it better, where jit refused one
            raise
        except (RuntimeError, ValueError) as error:
            explain(error, "make_step", params=params, state=state, batch=batch)
            raise

    def _take(self, params: PyTree, state: PyTree, batch: tuple[PyTree, ...]):
        leaves = jax.tree.leaves((params, state))
        if is_traced(self._tx, leaves, batch):
            return _step(self._program, self._tx, params, state, batch)
        if self._program.checked:
            return _checked_step((self._program,), self._tx, params, state, batch)
        if not self._donate:
            warn_of_copies(tables_of(params), "donate=False")
            return _plain_step(self._program, self._tx, params, state, batch)
        if not self._are_own(leaves):
            require_alive("make_step", params=params, state=state)
            params, state = copied((params, state))
        result = _donating_step(self._program, self._tx, params, state, batch)
        self._returned = list(map(weakref.ref, jax.tree.leaves(result[:2])))
        return result

    def _are_own(self, leaves: list[Any]) -> bool:
        returned = map(operator.call, self._returned)  # what is no longer there is None
        return len(leaves) == len(self._returned) and all(map(operator.is_, returned, leaves))


@public
def make_step(
    loss: Callable[..., Any],
    tx: GradientTransformation,
    *,
    has_aux: bool = False,
    donate: bool = True,
    checked: bool = False,
    ids: Callable[..., Any] | None = None,
) -> Callable[..., tuple[PyTree, PyTree, Any]]:
    """One jitted training step, for those who write the loop themselves.

    The step takes the optimizer as an argument of one program: two steps made from the same loss
    with different learning rates share one compilation.

    Args:
      loss: ``loss(params, *batch)``, a scalar, or ``(scalar, aux)`` with ``has_aux``.
      tx: a transformation, ours or any optax-style pair.
      has_aux: the loss returns ``(loss, aux)``.
      donate: let a step write its results into the buffers of the params and state that the step
        before returned, which are then gone. Params and state from anywhere else are copied first,
        so the caller's own survive. What is gone is an error that names the leaf when it is used.
      checked: assert after every step what :func:`checked` asserts, and wait for it; nothing is
        donated then.
      ids: for parameters with tables (:func:`rows.table`): ``ids(*batch)`` returns, by the name of
        each table, the ids that the loss will read, as :func:`rows.read` takes them.

    Returns:
      ``step(params, state, *batch) -> (params, state, loss)``, with ``(loss, aux)`` for ``loss`` if
      ``has_aux``. Inside a caller's jit or scan it is traced inline, without donation.

    Raises:
      TypeError: ``tx`` is not a transformation, or ``loss`` no function; or, from the step, a loss that
        is not one real number.
      RuntimeError: from the step, params or state that were deleted, or donated to an earlier call.
      AssertionError: from the step, if ``checked`` and a value is wrong.

    Example:
      >>> tx = momentum(0.25, mu=0.5)
      >>> step = make_step(lambda w, x: jnp.sum((w - x) ** 2), tx)
      >>> w = jnp.array([0.0])
      >>> state = tx.init(w)
      >>> for x in [1.0, 1.0]:
      ...     w, state, loss = step(w, state, x)
      >>> w, loss
      (Array([1.], dtype=float32), Array(0.25, dtype=float32))

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD – Treinamento de Rede Neural".
    """
    require_options("make_step", donate=donate)
    program = Program(loss, has_aux, checked=checked, ids=ids).prepared()
    return _Step(program, as_ours("make_step", tx), donate)
