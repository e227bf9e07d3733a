"""Laws of hyperparameters: their range, schedules, tracing, stacking, and the counts behind them."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    finite,
    require_close,
    require_finite,
    running,
    said,
    show,
    stacked,
    trajectory,
)
from jaxopt_slides.testing._subject import Fault, NotApplicable, PyTree, Subject

DECAYS = ("decay", "mu", "momentum", "b1", "b2", "b3", "rho")  # they lie in [0, 1] wherever they occur
SCHEDULED = ("learning_rate", *DECAYS)
NEAR = 1e-3


def _names(subject: Subject, among: tuple[str, ...] | None = None) -> list[str]:
    """The subject's hyperparameters, or those of them that are ``among`` some."""
    if not subject.hyperparameters:
        raise NotApplicable("no hyperparameter is known")
    names = [n for n in subject.hyperparameters if among is None or n in among]
    if not names:
        raise NotApplicable(f"no hyperparameter is called {', '.join(among or ())}")
    return names


def _refuses(subject: Subject, **changes: Any) -> bool:
    try:
        subject.tx(**changes)
    except (TypeError, ValueError):
        return True
    return False


def nan_is_refused(subject: Subject) -> None:
    """A NaN hyperparameter is an error at construction."""
    accepted = [n for n in _names(subject) if not _refuses(subject, **{n: math.nan})]
    if accepted:
        raise Fault(f"expected an error at construction, accepted {'=nan, '.join(accepted)}=nan")


def decay_above_one_is_refused(subject: Subject) -> None:
    """A decay or momentum of 1.5 is an error at construction."""
    accepted = [n for n in _names(subject, DECAYS) if not _refuses(subject, **{n: 1.5})]
    if accepted:
        raise Fault(f"expected an error at construction, accepted {'=1.5, '.join(accepted)}=1.5")


def _with(subject: Subject, changes: dict[str, Any], steps: int = 2) -> PyTree:
    """The updates of a run with some hyperparameters changed."""
    return jax.jit(lambda g, p: trajectory(subject, subject.tx(**changes), g, p))(
        stacked(subject, steps), subject.params()
    )


def schedules_start_at_zero(subject: Subject) -> None:
    """The first update uses a schedule's value at count 0."""
    subject.require_no_noise()
    for name in _names(subject, SCHEDULED):
        value = subject.hyperparameters[name]
        table = np.array([value, 0.5 * value, 0.25 * value, 0.125 * value], np.float32)
        try:
            got = _with(subject, {name: lambda t, table=table: jnp.asarray(table)[t]}, 1)
        except Exception:  # a fault of schedules_are_taken, not of this law
            continue
        require_close(
            got,
            _with(subject, {name: float(value)}, 1),
            1e-4,
            f"first update, {name}=lambda count: {value} * 0.5**count",
        )
        return
    raise NotApplicable("it takes no schedule")


def _always(value: float) -> Callable[[Any], Any]:
    return lambda count: value + 0.0 * count


def schedules_are_taken(subject: Subject) -> None:
    """Learning rate, momentum and decays take a schedule, or refuse one at construction."""
    subject.require_no_noise()
    crashes, expected = [], None
    for name in _names(subject, SCHEDULED):
        value = subject.hyperparameters[name]
        schedule = _always(value)
        if _refuses(subject, **{name: schedule}):
            continue
        try:
            got = _with(subject, {name: schedule})
        except Exception as error:  # whatever stops it
            crashes.append(f"{name}: {said(error)}")
            continue
        expected = _with(subject, {}) if expected is None else expected
        require_close(got, expected, NEAR, f"two updates, {name}=lambda count: {value}")
    if crashes:
        raise Fault("accepted at construction, then raised: " + "; ".join(crashes))


def _traced(subject: Subject) -> Callable[[Any], PyTree]:
    """A run as a function of the hyperparameters."""
    gradients, params = stacked(subject, 3), subject.params()
    return lambda h: trajectory(subject, subject.tx(**h), gradients, params)


def _arrays(subject: Subject) -> dict[str, jax.Array]:
    return {n: jnp.asarray(v, jnp.float32) for n, v in subject.hyperparameters.items()}


def _require_traceable(subject: Subject) -> None:
    """NotApplicable where hyperparameters_may_be_traced finds the fault."""
    _names(subject)
    try:
        jax.eval_shape(_traced(subject), _arrays(subject))
    except Exception:  # it is that law's fault
        raise NotApplicable("its hyperparameters cannot be traced") from None


def hyperparameters_may_be_traced(subject: Subject) -> None:
    """Made inside jit from traced hyperparameters, so that a sweep compiles once, it does the same."""
    subject.require_no_noise()
    crashes = []
    for name in _names(subject):
        one = {name: jnp.asarray(subject.hyperparameters[name], jnp.float32)}
        try:
            jax.eval_shape(_traced(subject), one)
        except Exception as error:  # whatever stops it
            crashes.append(f"{name}: {said(error)}")
    if crashes:
        raise Fault("; ".join(crashes))
    got = jax.jit(_traced(subject))(_arrays(subject))
    require_close(got, jax.jit(_traced(subject))({}), NEAR, "three updates, traced against constants")


def vmapped_constructor_is_a_loop(subject: Subject) -> None:
    """A constructor under vmap, over two rows of hyperparameters, is two constructors."""
    subject.require_no_noise()
    _require_traceable(subject)
    rows = {n: jnp.asarray([v, 0.9 * v], jnp.float32) for n, v in subject.hyperparameters.items()}
    with running("a vmapped constructor"):
        many = jax.jit(jax.vmap(_traced(subject)))(rows)
    loop = jax.jit(lambda rows: jax.lax.map(_traced(subject), rows))(rows)
    require_close(many, loop, NEAR, "hyperparameters times 1 and 0.9, vmap against a loop")


def hypergradients_are_finite(subject: Subject) -> None:
    """The derivative of three steps by every hyperparameter is finite where a gradient is zero."""
    _require_traceable(subject)
    gradients = jax.tree.map(
        lambda g: g.reshape(3, -1).at[:, 0].set(jnp.zeros((), g.dtype)).reshape(g.shape),
        stacked(subject, 3),
    )

    def loss(h: Any) -> Any:
        updates = trajectory(subject, subject.tx(**h), gradients, subject.params())
        return sum(jnp.sum(jnp.square(u)) for u in jax.tree.leaves(updates))

    try:
        derivative = jax.jit(jax.grad(loss))(_arrays(subject))
    except Exception as error:  # a while loop has no reverse derivative
        raise NotApplicable(f"it has no reverse derivative: {said(error)}") from None
    bad = {n: d for n, d in derivative.items() if not finite(d)}
    if bad:
        raise Fault(f"first element's gradients 0, others not: derivatives {show(bad)}")


def _data(subject: Subject) -> Any:
    """The transform, if it is a pytree of numbers that crosses jit as an argument."""
    _names(subject)
    tx = subject.tx()
    leaves = jax.tree.leaves(tx)
    if not leaves or any(callable(x) for x in leaves):
        raise NotApplicable("the optimizer is a pair of closures, not a pytree of numbers")
    return tx


def optimizers_are_arguments(subject: Subject) -> None:
    """As jit's argument the optimizer compiles once for all values, as exact as with constants."""
    subject.require_no_noise()
    _data(subject)
    near_one = {n: 0.9999 for n in subject.hyperparameters if n in DECAYS}
    gradients, params, traces = stacked(subject, 3), subject.params(), []

    @jax.jit
    def program(tx: Any) -> PyTree:
        traces.append(tx)
        return trajectory(subject, tx, gradients, params)

    program(subject.tx())
    got = program(subject.tx(**near_one))
    if len(traces) > 1:
        raise Fault(f"expected one trace for two values of {list(near_one)}, got {len(traces)}")
    constant = jax.jit(lambda: trajectory(subject, subject.tx(**near_one), gradients, params))()
    require_close(got, constant, 2e-5, f"{near_one}, as an argument against constants")


def stacks_need_vmap(subject: Subject) -> None:
    """An optimizer that was stacked by vmap is an error without vmap, not a broadcast."""
    _data(subject)
    rows = {n: jnp.asarray([v, 0.9 * v], jnp.float32) for n, v in subject.hyperparameters.items()}
    stack = jax.vmap(lambda h: subject.tx(**h))(rows)
    leaf = {"w": jnp.ones((3, 2), jnp.float32)}
    try:
        updates, _ = subject.update(stack, leaf, stack.init(leaf), leaf)
    except Exception:  # any error will do: nothing passed in silence
        return
    raise Fault(f"two stacked optimizers updated one (3, 2) leaf: {show(updates)}")


def _counts(tx: Any, subject: Subject) -> Iterator[Any]:
    """The states of 12 eager steps."""
    state = tx.init(subject.params())
    step = jax.jit(lambda g, s, p: subject.update(tx, g, s, p)[1])
    for t in range(12):
        yield state
        state = step(subject.gradients(t), state, subject.params())


def counts_saturate(subject: Subject) -> None:
    """A count of steps stops at the largest int32 instead of becoming negative."""
    tx = subject.tx()
    states = [jax.tree.leaves(s) for s in _counts(tx, subject)]
    if len({len(s) for s in states}) > 1:
        raise NotApplicable("its state changes its tree, which is another law's matter")
    columns = zip(*states, strict=True)
    counting = [
        jnp.shape(c[0]) == ()
        and jnp.result_type(c[0]) == jnp.int32
        and [int(x) - int(c[0]) for x in c] == list(range(12))
        for c in columns
    ]
    if not any(counting):
        raise NotApplicable("no part of its state counts steps")
    leaves, treedef = jax.tree.flatten(tx.init(subject.params()))
    largest = jnp.asarray(np.iinfo(np.int32).max, jnp.int32)
    late = treedef.unflatten(largest if c else x for c, x in zip(counting, leaves, strict=True))
    updates, after = subject.update(tx, subject.gradients(), late, subject.params())
    require_finite(updates, f"from a count of {int(largest)}")
    for (path, x), c in zip(jax.tree_util.tree_leaves_with_path(after), counting, strict=True):
        if c and int(x) < 0:
            raise Fault(f"state{jax.tree_util.keystr(path)} went from {int(largest)} to {int(x)}")
