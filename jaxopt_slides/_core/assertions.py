"""Value assertions through chex: one per kind, naming the first leaf that is at fault."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.node import NotChexifiedError, is_traced
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.types import PyTree


class Flags(NamedTuple):
    """What was looked at, one element each.

    Attributes:
      ok: whether all is well there.
      value: a number to show where it is not.
    """

    ok: jax.Array  # [n], bool
    value: jax.Array  # [n], float


@pytree()
class Message:
    """A text that is made when it is shown: only then is it known which element is at fault.

    chex and checkify carry the arguments of a message as pytrees of arrays through a compiled
    program and call ``format`` on them outside.
    """

    flags: Flags
    step: Any
    texts: tuple[str, ...] = static()

    def __format__(self, _: str) -> str:
        first = int(jnp.argmin(self.flags.ok))
        step = f"step {int(self.step)}" if self.step >= 0 else "an uncounted step"
        return self.texts[first].format(value=float(self.flags.value[first]), step=step)


def enabled() -> bool:
    """Whether chex asserts anything: ``chex.disable_asserts()`` has not been called."""
    try:
        chex.assert_equal(0, 1)
    except AssertionError:
        return True
    return False


def _assert_finite(ok: jax.Array, message: Message) -> None:
    chex.assert_tree_all_finite(
        jnp.where(ok, 0.0, jnp.nan), custom_message="{0}", custom_message_format_vars=[message]
    )


def _assert_in_range(ok: jax.Array, message: Message) -> None:
    extra: Any = {"custom_message": "{0}", "custom_message_format_vars": [message]}
    if is_traced(ok):
        chex.assert_trees_all_equal(ok, jnp.ones_like(ok), **extra)
    else:  # the same, in one line
        chex.assert_equal(bool(ok), True, **extra)


def require(
    owner: str, flags: Flags, step: Any, texts: Callable[[], list[str]], *, finite: bool
) -> None:
    """Asserts that all flags are set.

    Args:
      owner: who asks, for the message that says what is missing.
      flags: what was looked at.
      step: the number of the step, negative if it is not known.
      texts: makes the text of every element; ``{value}`` and ``{step}`` stand for the numbers, as in
        "at {step}".
      finite: whether the flags are about finiteness; else they are about ranges.

    Raises:
      AssertionError: from chex; traced, it comes from the function that ``chex.chexify`` made.
      RuntimeError: the call is being traced outside ``chex.chexify``.
    """
    ok = flags.ok.all()
    if not is_traced(ok) and bool(ok):
        return
    message = Message(flags, jnp.asarray(step, jnp.int32), tuple(texts()))
    try:
        (_assert_finite if finite else _assert_in_range)(ok, message)
    except RuntimeError:
        raise NotChexifiedError(
            f"{owner} asserts values, which takes chex.chexify around the outermost jax.jit: "
            f"step = chex.chexify(jax.jit(step)). make_step and fit do that with checked=True."
        ) from None


def finite_flags(leaves: list[Any]) -> Flags:
    """Whether every element of each leaf is finite."""
    ok = one_a_leaf(lambda x: jnp.isfinite(x).all(), leaves, bool)
    return Flags(ok, jnp.zeros(ok.shape))


def sign_flags(leaves: list[Any]) -> Flags:
    """Whether no element of each leaf is negative."""
    least = one_a_leaf(lambda x: jnp.min(x, initial=jnp.inf), leaves, float)
    return Flags(~(least < 0), least)


def one_a_leaf(function: Callable[[Any], jax.Array], leaves: list[Any], dtype: Any) -> jax.Array:
    """A number for every leaf, ``[leaves]``.

    Leaves of one type, which includes shape and sharding, are stacked: XLA took over a minute for a
    thousand scalars put together.
    """
    groups: dict[Any, list[int]] = {}
    for i, x in enumerate(leaves):
        groups.setdefault(jax.typeof(x), []).append(i)
    numbers = [jax.vmap(function)(jnp.stack([leaves[i] for i in g])) for g in groups.values()]
    place = np.argsort([i for g in groups.values() for i in g], kind="stable")
    return jnp.concatenate([jnp.zeros(0, dtype), *(x.astype(dtype) for x in numbers)])[place]


def stacked(ok: list[Any], values: list[Any]) -> Flags:
    """Single flags as one."""
    none = jnp.ones(0, bool), jnp.zeros(0)
    if not ok:
        return Flags(*none)
    return Flags(jnp.stack(ok), jnp.stack([jnp.asarray(v, float) for v in values]))


def belongs_to(fields: str, state: PyTree, path: tuple[Any, ...]) -> bool:
    """Whether the leaf at ``path`` is in a field that its state's class lists under ``fields``.

    A class lists ``non_negative`` accumulators, and what ``may_be_infinite``.
    """
    for key in path:
        name = getattr(key, "name", None)
        if name is not None and name in getattr(type(state), fields, ()):
            return True
        state = _child(state, key)
    return False


def _child(tree: PyTree, key: Any) -> PyTree:
    if isinstance(key, jax.tree_util.GetAttrKey):
        return getattr(tree, key.name)
    if isinstance(key, jax.tree_util.DictKey | jax.tree_util.SequenceKey):
        return tree[key.key if isinstance(key, jax.tree_util.DictKey) else key.idx]
    return None
