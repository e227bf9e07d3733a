"""The lift: from a rule for one array to ``init`` and ``update`` over trees."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import Partial

from jaxopt_slides._core.checks import (
    require_float_leaves,
    require_no_complex,
    require_same_dtypes,
    require_same_shapes,
    require_same_tree,
    require_state,
)
from jaxopt_slides._core.dtypes import cast, dtypes_of, real, wide, widen
from jaxopt_slides._core.rule import Rule
from jaxopt_slides._core.types import GradientTransformation, PyTree


class Context(NamedTuple):
    """What every member of a composition sees beside the updates and its own state.

    Attributes:
      params: the parameters, or None.
      dtypes: the dtypes in which the updates came in, one a leaf; inside they are wide.
      extra: the extra keyword arguments of ``update``.
    """

    params: PyTree
    dtypes: list[Any]
    extra: dict[str, Any]


class Node:
    """One half of a transformation, over trees: what the ``Partial`` of init or of update carries.

    A node is a pytree of hyperparameters. As the half of ``init`` it answers :meth:`init`, as the
    half of ``update`` it answers :meth:`update`, in wide dtypes.
    """

    name: Any = "?"
    wants_extra: Any = False

    def init(self, params: PyTree) -> PyTree:
        """The state for ``params``."""
        raise NotImplementedError

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        """The updates and the next state."""
        raise NotImplementedError

    def children(self) -> "tuple[tuple[str, Node], ...]":
        """The labelled members of a composition."""
        return ()

    def with_children(self, children: "list[Node]") -> "Node":
        """A copy with other members, in the order of :meth:`children`."""
        del children
        return self

    def merged(self, init_half: "Node") -> "Node":
        """The two halves as one, for printing; ``self`` is the half of update."""
        halves_ = zip(self.children(), init_half.children(), strict=True)
        return self.with_children([u.merged(i) for (_, u), (_, i) in halves_])

    def substates(self, state: PyTree) -> list[PyTree]:
        """The members' states, in the order of :meth:`children`."""
        del state
        return []


@jax.jit
def _step(rule: Rule, g: jax.Array, s: Any, w: Any) -> tuple[jax.Array, Any]:
    """One step of one array; jitted so that leaves of one shape are traced once."""
    arguments = (g, s, w) if rule.needs_params else (g, s)
    if jnp.iscomplexobj(g):  # real hyperparameters times complex gradients
        with jax.numpy_dtype_promotion("standard"):
            return rule.step(*arguments)
    return rule.step(*arguments)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
class Lifted(Node):
    """A rule applied to every leaf."""

    rule: Rule

    @property
    def name(self) -> str:
        return self.rule.name

    def init(self, params: PyTree) -> PyTree:
        leaves, treedef = jax.tree.flatten(params)
        states = [self._start(w) for w in leaves]
        used = self.expected_state()
        columns = [
            None if one is None else treedef.unflatten(s[i] for s in states)
            for i, one in enumerate(used)
        ]
        return self.rule.State(jnp.zeros((), jnp.int32), *columns[1:])

    def _start(self, w: Any) -> Any:
        return self.rule.at(0, real(wide(jnp.result_type(w)))).start(w)

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
        dtypes = dict.fromkeys(g.dtype for g in gradients)
        rules = {dtype: self.rule.at(state.count, real(dtype)) for dtype in dtypes}
        steps = []
        for i, (g, w) in enumerate(zip(gradients, weights, strict=True)):
            s = self.rule.State(state.count, *(c if c is None else c[i] for c in columns))
            steps.append(_step(rules[g.dtype], g, s, w))
        columns = [
            None if c is None else treedef.unflatten(s[i] for _, s in steps)
            for i, c in enumerate(columns, start=1)
        ]
        state = self.rule.State(next_count(state.count), *columns)
        return treedef.unflatten(u for u, _ in steps), state

    def expected_state(self, dtype: Any = jnp.float32) -> Any:
        """Shapes and dtypes of the state of one scalar of ``dtype``."""
        return jax.eval_shape(self.rule.zeroed().start, jax.ShapeDtypeStruct((), dtype))

    def _require_matching(self, updates: PyTree, gradients: list[Any], state: PyTree) -> None:
        """State and updates must have one structure, one shape a leaf, and matching dtypes."""
        require_state(self.name, state, self.expected_state(), of_nothing=updates is None)
        expected = {d: self.expected_state(d) for d in {g.dtype for g in gradients}}
        for field, column in zip(state._fields[1:], state[1:], strict=True):
            if column is None:
                continue
            dtypes = [getattr(expected[g.dtype], field).dtype for g in gradients]
            require_same_tree(self.name, "updates", updates, f"state's {field}", column)
            require_same_shapes(self.name, "updates", updates, f"state's {field}", column)
            require_same_dtypes(self.name, f"state's {field}", column, "updates", dtypes)

    def merged(self, init_half: Node) -> Node:
        assert isinstance(init_half, Lifted)
        theirs = {n: getattr(init_half.rule, n) for n, _ in self.rule.hyperparameters()}
        return Lifted(self.rule.replace(**{n: v for n, v in theirs.items() if self.rule.absent(n)}))

    def __repr__(self) -> str:
        return repr(self.rule)


def next_count(count: jax.Array) -> jax.Array:
    """``count + 1``, stopping at the largest int32."""
    return jnp.where(count < jnp.iinfo(jnp.int32).max, count + 1, count)


def lift(rule: Rule) -> GradientTransformation:
    """The transformation that applies ``rule`` to every leaf; hyperparameters are checked here."""
    rule = rule.checked()
    rule.require_consistent()
    return transformation(Lifted(rule.half("init")), Lifted(rule.half("update")))


def transformation(init_half: Node, update_half: Node) -> GradientTransformation:
    """The pair whose members carry the two halves of a node."""
    return GradientTransformation(Partial(init, init_half), Partial(update, update_half))


def halves(tx: GradientTransformation) -> tuple[Node, Node] | None:
    """The two nodes of one of our transformations, None for any other library's."""
    if [getattr(member, "func", None) for member in tx] != [init, update]:
        return None
    return tx.init.args[0], tx.update.args[0]  # pyright: ignore[reportFunctionMemberAccess]


def init(node: Node, /, params: PyTree) -> PyTree:
    """``tx.init``: not jitted when called eagerly, so that state keeps the parameters' sharding."""
    require_float_leaves(str(node.name), "params", params)
    return node.init(params)


def update(node: Node, /, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any):
    """``tx.update``: one cached jit call when called eagerly, inline when called while tracing."""
    if node.wants_extra:
        return _update(node, updates, state, params, extra)
    if any(isinstance(x, Tracer) for x in _samples(node, updates, state, params)):
        return _update(node, updates, state, params, {})
    try:
        return _jitted_update(node, updates, state, params)
    except TypeError:
        _update(node, updates, state, params, {})  # says it better, where jit refused an argument
        raise


def _samples(node: Node, *trees: PyTree) -> list[Any]:
    """Enough leaves to tell whether a call is being traced: one a tree, and the hyperparameters."""
    return [x for tree in trees for x in jax.tree.leaves(tree)[:1]] + jax.tree.leaves(node)


def _update(node: Node, updates: PyTree, state: PyTree, params: PyTree, extra: dict[str, Any]):
    """Checks, widens once, steps, narrows once."""
    owner = str(node.name)
    require_float_leaves(owner, "updates", updates)
    if params is not None:
        require_float_leaves(owner, "params", params)
        require_same_tree(owner, "updates", updates, "params", params)
        require_same_shapes(owner, "updates", updates, "params", params)
        require_no_complex(owner, "updates", updates, "params", params)
    context = Context(params, dtypes_of(updates), extra)
    wide_updates, state = node.update(jax.tree.map(widen, updates), state, context)
    require_same_tree(owner, "new updates", wide_updates, "updates", updates)
    require_same_shapes(owner, "new updates", wide_updates, "updates", updates)
    return cast(wide_updates, context.dtypes), state


@jax.jit
def _jitted_update(node: Node, updates: PyTree, state: PyTree, params: PyTree):
    return _update(node, updates, state, params, {})
