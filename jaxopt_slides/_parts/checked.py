"""Value assertions around a transformation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides._core.assertions import (
    Flags,
    belongs_to,
    enabled,
    finite_flags,
    require,
    sign_flags,
    stacked,
)
from jaxopt_slides._core.checks import where
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.hyperparams import fields_at, fields_of
from jaxopt_slides._core.lift import next_count
from jaxopt_slides._core.node import Context, Node, Wrapper, is_traced
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree
from jaxopt_slides._core.rule import value_of
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._parts.labels import is_floating


class CheckedState(NamedTuple):
    """State of :func:`checked`."""

    count: int | jax.Array  # [], int32: steps taken
    inner_state: PyTree


@pytree(repr=False)
class Checked(Wrapper):
    """Asserts what came out of a step of the inner transformation."""

    inner: Node
    name = "checked"
    state_type = CheckedState
    hands_on_any_dtype = True

    @property
    def in_python(self) -> bool:
        # Off, it is as any other wrapper; on, what was compiled while it was off is never called.
        return enabled() or self.inner.in_python

    def init(self, params: PyTree) -> CheckedState:
        return CheckedState(jnp.zeros((), jnp.int32), self.inner.init(params))

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        (before,) = self.substates(state)
        new, after = step_of(self.inner, updates, before, context)
        if enabled():
            self._require(Seen(context.params, updates, new, before, after), state.count)
        return new, CheckedState(next_count(state.count), after)

    def along(
        self, state: PyTree, params: PyTree = None, path: tuple[Any, ...] = ()
    ) -> list[tuple[Node, PyTree]]:
        inner = None if state is None else self.substates(state)[0]
        return self.inner.along(inner, params, path)

    def _require(self, seen: "Seen", step: Any) -> None:
        owner = f"checked({self.inner.name})"
        inspect = _inspected if is_traced(self, seen) else _jitted_inspected
        finite, in_range = inspect(self.inner, seen)
        require(owner, in_range, step, lambda: _range_texts(owner, self.inner, seen), finite=False)
        require(owner, finite, step, lambda: _finite_texts(owner, seen), finite=True)


class Seen(NamedTuple):
    """What a step took and gave."""

    params: PyTree
    gradients: PyTree
    updates: PyTree
    before: PyTree
    after: PyTree


def _inspected(node: Node, seen: Seen) -> tuple[Flags, Flags]:
    """Flags for what must be finite, and for what must be in a range."""
    looked_at = [*floating(seen.params), *floating(seen.updates), *must_be_finite(seen.after)]
    flags = finite_flags([x for _, x in looked_at])
    gradients = finite_flags([x for _, x in floating(seen.gradients)])
    values = jnp.zeros(flags.ok.shape)
    begin = len(floating(seen.params))
    values = values.at[begin : begin + len(gradients.ok)].set(gradients.ok.astype(values.dtype))
    signs = sign_flags([x for _, x in non_negative(seen.after)])
    # No constructor could check a schedule, or what was traced there.
    numbers = [(f, value_of(f.stored)) for f in fields_at(node, seen.before)]
    ranges = [dict(f.rule.hyperparameters())[f.path[-1]] for f, _ in numbers]
    inside = [
        jnp.isfinite(v) & (v >= r.low) & (v <= r.high)
        for (_, v), r in zip(numbers, ranges, strict=True)
    ]
    bounded = stacked(inside, [v for _, v in numbers])
    both = zip(bounded, signs, strict=True)
    return flags._replace(value=values), Flags(*(jnp.concatenate(pair) for pair in both))


_jitted_inspected = jax.jit(_inspected)


def floating(tree: PyTree) -> list[tuple[Any, Any]]:
    """The leaves that could be something else than finite, with their paths."""
    return [(p, x) for p, x in jax.tree_util.tree_leaves_with_path(tree) if is_floating(x)]


def non_negative(state: PyTree) -> list[tuple[Any, Any]]:
    """The leaves of accumulators, with their paths."""
    return [(p, x) for p, x in floating(state) if belongs_to("non_negative", state, p)]


def must_be_finite(state: PyTree) -> list[tuple[Any, Any]]:
    """The leaves that must be finite, with their paths: not a best value before there is one."""
    return [(p, x) for p, x in floating(state) if not belongs_to("may_be_infinite", state, p)]


class _Update(str):
    """The text of an update, which also tells of its gradient."""

    __slots__ = ()

    def format(self, *_, value: float, step: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        gradient = "; its gradient is finite" if value else ", and neither is its gradient"
        return str.format(self, step=step) + gradient


def _finite_texts(owner: str, seen: Seen) -> list[str]:
    at = f"{_escaped(owner)}: at {{step}} "
    texts = [f"{at}{_escaped(where(p))} of the params is not finite" for p, _ in floating(seen.params)]
    texts += [
        _Update(f"{at}{_escaped(where(p))} of the updates is not finite")
        for p, _ in floating(seen.updates)
    ]
    return texts + [
        f"{at}state{_escaped(jax.tree_util.keystr(p))} is not finite"
        for p, _ in must_be_finite(seen.after)
    ]


def _range_texts(owner: str, node: Node, seen: Seen) -> list[str]:
    texts, owner = [], _escaped(owner)
    for f in fields_of(node):
        allowed = dict(f.rule.hyperparameters())[f.path[-1]]
        name = _escaped(".".join(f.path))
        texts.append(f"{owner}: at {{step}} {name} is {{value:g}}; it must be {allowed}")
    return texts + [
        f"{owner}: at {{step}} state{_escaped(jax.tree_util.keystr(p))} is {{value:g}}; "
        f"it must not be negative"
        for p, _ in non_negative(seen.after)
    ]


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def step_count(state: PyTree) -> Any:
    """The number of steps that a state has seen: its first ``count``, or -1 if it keeps none."""
    for path, x in jax.tree_util.tree_leaves_with_path(state):
        if getattr(path[-1], "name", None) == "count":
            return x
    return jnp.full((), -1, jnp.int32)


@public
def checked(tx: Any) -> GradientTransformation:
    """Asserts, after every step, that nothing went wrong, and names the leaf and the step.

    What is asserted: hyperparameters that are scheduled or arrays are in their ranges, accumulators
    of squares are not negative, and parameters, updates and state are finite. A failure is chex's
    ``AssertionError``. After ``chex.disable_asserts()`` nothing is computed for it.

    Called eagerly, ``update`` needs nothing else. Inside a jitted step it takes
    ``step = chex.chexify(jax.jit(step))``; :func:`make_step` and :func:`fit` do that with
    ``checked=True``.

    Args:
      tx: a transformation, ours or any optax-style pair.

    Returns:
      A transformation with the same updates, whose state adds a count.

    Raises:
      AssertionError: from ``update``, if a value is wrong.
      RuntimeError: from ``update``, if it is traced without ``chex.chexify``.
      TypeError: ``tx`` is no transformation.

    Example:
      >>> tx = checked(rmsprop(0.1))
      >>> w = {"a": jnp.ones(2), "b": jnp.ones(2)}
      >>> g = {"a": jnp.ones(2), "b": jnp.array([1.0, jnp.nan])}
      >>> try:
      ...     tx.update(g, tx.init(w), w)
      ... except AssertionError as error:
      ...     print(str(error).partition("[checked")[2])
      (rmsprop): at step 0 leaf ['b'] of the updates is not finite, and neither is its gradient]

    Note:
      ``jax_debug_nans`` finds the first operation that made a NaN, and stops at intended ones too.
    """
    of_init, of_update = as_halves("checked: tx", tx)
    return transformation(Checked(of_init), Checked(of_update))
