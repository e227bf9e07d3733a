"""The loop itself: ``while True``, many steps per dispatch."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.checks import require_alive
from jaxopt_slides._core.node import is_traced
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import require_at_least
from jaxopt_slides.rows import flush, lazy
from jaxopt_slides.rows._lazy import is_lazy, require_declared
from jaxopt_slides.rows._table import tables_of
from jaxopt_slides.rows._whole import donating_flush
from jaxopt_slides.training.batches import source
from jaxopt_slides.training.buffers import copied, is_foreign, unshared
from jaxopt_slides.training.recording import recorders
from jaxopt_slides.training.step import (
    Program,
    Taken,
    as_ours,
    assertive,
    take_step,
)
from jaxopt_slides.training.watch import Report, Watch, require_watchers


class Fit(NamedTuple):
    """What :func:`fit` returns.

    Attributes:
      params: the parameters after the last step.
      state: the optimizer's state, to go on from.
      history: what was recorded, ``[steps, ...]`` by name.
    """

    params: PyTree
    state: PyTree
    history: dict[str, PyTree]


def _scan(program, length, tx, carry, source):
    """``length`` steps; the source is (None, batches) or (data, indices into it)."""
    data, xs = source

    def body(carry, x):
        batch = () if x is None else (x,) if data is None else (data.take(x),)
        params, state = carry
        params, state, taken = take_step(program, tx, params, state, batch)
        return (params, state), {name: function(taken) for name, function in program.recorders}

    (params, state), history = jax.lax.scan(body, carry, xs, length=length)
    return Fit(params, state, history)


_jitted_scan = jax.jit(_scan, static_argnums=(0, 1), donate_argnums=3)
_checked_scan = assertive(_scan)


def _dispatch(program, length, tx, carry, source):
    """One compiled scan, with assertions if they were asked for."""
    if program.checked:
        return _checked_scan((program, length), tx, carry, source)
    return _jitted_scan(program, length, tx, carry, source)


@public
def fit(
    loss: Callable[..., Any],
    tx: GradientTransformation,
    params: PyTree,
    *,
    steps: int,
    batches: Any = None,
    state: PyTree = None,
    has_aux: bool = False,
    record: str | Sequence[str] | Mapping[str, Callable[[Taken], Any]] = ("loss",),
    progress: bool | Callable[[Report], Any] = False,
    stop: Callable[[Report], bool] | None = None,
    every: int = 100,
    check_finite: bool = False,
    checked: bool = False,
    ids: Callable[..., Any] | None = None,
) -> Fit:
    """Trains: the slides' main loop, ``every`` steps per dispatch in one ``lax.scan``.

    The optimizer is an argument of the compiled program: calls that differ in hyperparameters only
    compile once. Inside a caller's ``jit`` or ``vmap`` the whole run is one scan, so a sweep is
    ``jax.vmap(lambda tx: fit(loss, tx, params, steps=100).history["loss"])(stacked)``.

    Args:
      loss: ``loss(params)`` without batches, else ``loss(params, batch)``; a scalar, or
        ``(scalar, aux)`` with ``has_aux``.
      tx: a transformation, ours or any optax-style pair.
      params: the first parameters; they survive.
      steps: how many steps to take, at least 0.
      batches: None; :func:`sample_batches`; a tree of arrays ``[steps, ...]``, one batch a step; or
        any iterator of batches.
      state: the optimizer's state to go on from; by default ``tx.init(params)``.
      has_aux: the loss returns ``(loss, aux)``.
      record: names among ``"loss"`` (always recorded), ``"aux"``, ``"params"`` (the iterates before
        each update), ``"gradient_norm"``, ``"update_norm"`` and any name in ``hyperparams(tx)``; or
        a mapping of names to functions of the step taken.
      progress: True shows loss and steps per second, through tqdm where it is installed; a callable
        is called with a report after every dispatch.
      stop: called with the report after every dispatch; training ends when it returns True.
      every: steps per dispatch, at least 1.
      check_finite: raise at the first loss that is not finite.
      checked: assert after every step what :func:`checked` asserts, which costs time.
      ids: for parameters with tables (:func:`rows.table`): ``ids(batch)``, or ``ids()`` without
        batches, returns by the name of each table the ids that the loss will read. ``tx`` may be
        plain; it is made lazy. At the end every row is brought up to date.

    Returns:
      The last params and state, and the history ``[steps, ...]`` by name.

    Raises:
      ValueError: bad ``steps`` or ``every``, too few batches, or an unknown name to record.
      TypeError: an argument of another kind, or a loss that is not one real number.
      RuntimeError: ``params`` or ``state`` was deleted, or donated to an earlier call.
      FloatingPointError: with ``check_finite``, a loss that is not finite, naming the step.
      AssertionError: with ``checked``, a value that is wrong, naming leaf and step.

    Example:
      >>> result = fit(lambda w: jnp.sum(w**2), momentum(0.25, mu=0.5), jnp.array([1.0]), steps=3)
      >>> result.history["loss"]
      Array([1.  , 0.25, 0.  ], dtype=float32)

    References:
      Patrocínio Jr, *Atualização de Pesos: Momentum*, slide "SGD – Treinamento de Rede Neural".
    """
    steps, every = (
        require_at_least("fit", "steps", steps, 0),
        require_at_least("fit", "every", every, 1),
    )
    program = Program(loss, has_aux, checked=checked, owner="fit", ids=ids).prepared()
    require_watchers(progress, stop, check_finite)
    tx, (data, xs) = as_ours("fit", tx), source(batches, steps)
    if tables_of(params) and state is None and not is_lazy(tx):
        tx = lazy(tx)
    require_declared("fit", tx, params, ids)
    traced = is_traced(tx, params, state, None if isinstance(batches, Iterator) else batches)
    require_alive("fit", params=params, state=state)
    carry = (params, tx.init(params) if state is None else state)
    program = program._replace(recorders=recorders(record, tx, carry[1], has_aux))
    if traced:
        if progress or stop or check_finite:
            raise ValueError(
                "fit: progress, stop and check_finite need concrete values, not jit or vmap."
            )
        result = _scan(program, steps, tx, carry, (data, xs(0, steps)))
        return _up_to_date(tx, result, donate=False)
    first = copied(params)  # the caller's survive
    known = state is None and not is_foreign(tx)  # then the state is new
    carry = first, unshared(carry[1], tx, params, first) if known else copied(carry[1])
    watch = Watch.of(progress, stop, check_finite, steps)
    result = _loop(
        lambda carry, start, count: _dispatch(program, count, tx, carry, (data, xs(start, count))),
        carry,
        steps,
        every,
        watch,
    )
    return _up_to_date(tx, result, donate=True)


def _loop(dispatch: Callable[..., Fit], carry: Any, steps: int, every: int, watch: Watch) -> Fit:
    """Dispatch after dispatch, with a look at the losses in between where one is asked for."""
    history, done = [], 0
    while True:
        count, began = min(every, steps - done), time.perf_counter()
        result = dispatch(carry, done, count)
        carry, done = (result.params, result.state), done + count
        history.append(result.history)
        ended = done == steps
        if any(watch) and count:
            ended |= watch.wants_to_end(result.history, done, steps, began)
        if ended:
            break
    return result._replace(history=jax.tree.map(lambda *xs: jnp.concatenate(xs), *history))


def _up_to_date(tx: Any, result: Fit, *, donate: bool) -> Fit:
    """The result with every row of every table brought up to date."""
    if not tables_of(result.params):
        return result
    params, state = (donating_flush if donate else flush)(tx, result.params, result.state)
    return result._replace(params=params, state=state)
