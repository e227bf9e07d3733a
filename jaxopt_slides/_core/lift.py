"""The lift: from a rule for one array to ``init`` and ``update`` over trees."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.checks import (
    require_class,
    require_float_leaves,
    require_no_complex,
    require_same_dtypes,
    require_same_shapes,
    require_same_tree,
    require_scalars,
    require_state,
)
from jaxopt_slides._core.dtypes import dtypes_of, real, wide, widen, widest
from jaxopt_slides._core.node import Context, Node
from jaxopt_slides._core.pair import transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.rule import Rule, per_row
from jaxopt_slides._core.types import GradientTransformation, PyTree


@jax.jit
def _step(rule: Rule, g: jax.Array, s: Any, w: Any) -> tuple[jax.Array, Any]:
    """One step of one array; jitted so that leaves of one shape are traced once."""
    arguments = (g, s, w) if rule.needs_params else (g, s)
    if jnp.iscomplexobj(g):  # real hyperparameters times complex gradients
        with jax.numpy_dtype_promotion("standard"):
            return rule.step(*arguments)
    return rule.step(*arguments)


class Ruled(Node):
    """A node that is one rule."""

    rule: Rule

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def idle(self) -> Any:
        return self.rule.idle

    @property
    def inert(self) -> bool:
        return self.rule.inert

    def with_rule(self, rule: Rule) -> Any:
        return dataclasses.replace(self, rule=rule)  # pyright: ignore[reportArgumentType]

    def __repr__(self) -> str:
        return repr(self.rule)


@pytree(repr=False)
class Lifted(Ruled):
    """A rule applied to every leaf.

    ``narrow`` is the dtype of its state, where one was asked for: of all of it, or of ``fields``.
    """

    rule: Rule
    narrow: Any = static(default=None)
    fields: tuple[str, ...] | None = static(default=None)

    @property
    def elementwise(self) -> bool:
        return self.narrow is None and not per_row(self.rule)

    def __repr__(self) -> str:
        if self.narrow is None:
            return repr(self.rule)
        fields = "" if self.fields is None else f", fields={self.fields}"
        return f"accumulator_dtype({self.rule!r}, '{jnp.dtype(self.narrow)}'{fields})"

    def init(self, params: PyTree) -> PyTree:
        require_float_leaves(self.name, "params", params)
        leaves, treedef = jax.tree.flatten(params)
        kinds = [wide(jnp.result_type(w)) for w in leaves]
        at = {d: (self.rule.at(0, real(d)), self.expected_state(d)) for d in dict.fromkeys(kinds)}
        started = ((at[d][0].start(w), at[d][1]) for w, d in zip(leaves, kinds, strict=True))
        states = [self._in_dtypes(s, kept) for s, kept in started]
        used = self.expected_state()
        columns = [
            None if one is None else treedef.unflatten(s[i] for s in states)
            for i, one in enumerate(used)
        ]
        return self.rule.State(jnp.zeros((), jnp.int32), *columns[1:])

    def _in_dtypes(self, s: Any, expected: Any) -> Any:
        """The state of one array, narrowed or widened where ``accumulator_dtype`` asks for that."""
        if self.narrow is None:
            return s
        pairs = zip(s[1:], expected[1:], strict=True)
        return type(s)(s[0], *(x if x is None else x.astype(e.dtype) for x, e in pairs))

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        gradients, treedef = jax.tree.flatten(updates)
        self._require_matching(updates, gradients, state)
        weights = [None] * len(gradients)
        if self.rule.needs_params and gradients:
            if context.params is None:
                raise ValueError(
                    f"{self.name} needs the parameters: call update(updates, state, params)."
                )
            require_no_complex(self.name, "params", context.params, "updates", updates)
            weights = [widen(w) for w in jax.tree.leaves(context.params)]
        columns = [f if f is None else jax.tree.leaves(f) for f in state[1:]]
        steps = []
        at = {dtype: self._at(state.count, dtype) for dtype in dict.fromkeys(dtypes_of(gradients))}
        for i, (g, w) in enumerate(zip(gradients, weights, strict=True)):
            rule, computed, kept = at[g.dtype]
            s = self.rule.State(state.count, *(c if c is None else c[i] for c in columns))
            u, s = _step(rule, g, self._in_dtypes(s, computed), w)
            steps.append((u, self._in_dtypes(s, kept)))
        columns = [
            None if c is None else treedef.unflatten(s[i] for _, s in steps)
            for i, c in enumerate(columns, start=1)
        ]
        state = self.rule.State(next_count(state.count), *columns)
        return treedef.unflatten(u for u, _ in steps), state

    def _at(self, count: Any, dtype: Any) -> tuple[Rule, Any, Any]:
        """The rule at a count, and its state's dtypes when it computes and when it is kept."""
        rule = self.rule.at(count, real(dtype))
        return rule, self._started(dtype), self.expected_state(dtype)

    def _started(self, dtype: Any, shape: Any = ()) -> Any:
        return jax.eval_shape(self.rule.zeroed().start, jax.ShapeDtypeStruct(shape, dtype))

    def expected_state(self, dtype: Any = jnp.float32, shape: Any = ()) -> Any:
        """Shapes and dtypes of the state of one array."""
        s = self._started(dtype, shape)
        if self.narrow is None:
            return s
        fields = s._fields[1:] if self.fields is None else self.fields
        fields = [f for f in fields if getattr(s, f) is not None]
        if any(jnp.issubdtype(getattr(s, f).dtype, jnp.complexfloating) for f in fields):
            raise TypeError(
                f"accumulator_dtype: {self.name} keeps a complex state for complex leaves, which "
                f"{jnp.dtype(self.narrow)} cannot hold."
            )
        narrow = {f: jax.ShapeDtypeStruct(getattr(s, f).shape, self.narrow) for f in fields}
        return s._replace(**narrow)

    def require_state(self, state: PyTree) -> None:
        require_state(self.name, state, self.expected_state(), of_nothing=True)

    def _require_matching(self, updates: PyTree, gradients: list[Any], state: PyTree) -> None:
        """State and updates must have one structure, and the shapes and dtypes that ``init`` gives."""
        require_float_leaves(self.name, "updates", updates)
        require_state(self.name, state, self.expected_state(), of_nothing=updates is None)
        rows = per_row(self.rule)  # elsewhere a field has its leaf's shape, and a scalar says enough
        kinds = [(g.dtype, np.shape(g) if rows else ()) for g in gradients]
        expected = {kind: self.expected_state(*kind) for kind in dict.fromkeys(kinds)}
        for field, column in zip(state._fields[1:], state[1:], strict=True):
            if column is None:
                continue
            like = [getattr(expected[kind], field) for kind in kinds]
            what = f"state's {field}"
            require_same_tree(self.name, "updates", updates, what, column)
            if field in rows:
                like_rows = jax.tree.structure(column).unflatten(like)
                require_same_shapes(self.name, what, column, "updates' rows", like_rows)
            else:
                require_same_shapes(self.name, "updates", updates, what, column)
            require_same_dtypes(self.name, what, column, "updates", [x.dtype for x in like])


@pytree(repr=False)
class Whole(Ruled):
    """A rule applied to the whole tree at once, such as a norm over all leaves."""

    rule: Rule

    @property
    def extras(self) -> frozenset[str]:
        return self.rule.extras

    def init(self, params: PyTree) -> PyTree:
        require_float_leaves(self.name, "params", params)
        state = self.rule.at(0, widest(params)).start(params)
        return state._replace(count=jnp.zeros((), jnp.int32))

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        require_float_leaves(self.name, "updates", updates)
        self.require_state(state)
        self.rule.require_extras(context.extra)
        extra = {name: context.extra[name] for name in self.rule.extras}
        rule = self.rule.at(state.count, widest(updates))
        with jax.numpy_dtype_promotion("standard"):  # leaves of several dtypes meet in one number
            updates, new = rule.step(updates, state, **extra)
        return updates, new._replace(count=next_count(state.count))

    def require_state(self, state: PyTree) -> None:
        require_class(self.name, state, self.rule.State)
        require_scalars(self.name, state, {*state._fields})  # no rule of a whole tree keeps a tree


def next_count(count: jax.Array) -> jax.Array:
    """``count + 1``, stopping at the largest int32."""
    return jnp.where(count < jnp.iinfo(jnp.int32).max, count + 1, count)


def lift(rule: Rule) -> GradientTransformation:
    """The transformation that applies ``rule`` to every leaf; hyperparameters are checked here."""
    rule = rule.prepared()
    return transformation(Lifted(rule.half("init")), Lifted(rule.half("update")))


def lift_whole(rule: Rule) -> GradientTransformation:
    """The transformation that applies ``rule`` to the whole tree at once."""
    rule = rule.prepared()
    return transformation(Whole(rule.half("init")), Whole(rule.half("update")))
