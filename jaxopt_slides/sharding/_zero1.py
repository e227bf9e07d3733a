"""ZeRO-1: every device keeps and updates its part of the optimizer's state."""

import functools
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from jaxopt_slides._core.checks import where
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import Context, Node, Wrapper
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides.sharding._place import Place, place, typed_mesh, typed_spec
from jaxopt_slides.sharding._types import specs_after, typed


@pytree(repr=False)
class Zero1(Wrapper):
    """Shows the inner transformation arrays that are spread over an axis, and keeps its state so.

    ``start`` is the structure of the inner half of init: where a state lies depends on no number.
    """

    inner: Node
    place: Place = static()
    start: Any = static()
    name = "zero1"
    hands_on_any_dtype = True

    def init(self, params: PyTree) -> PyTree:
        specs = self.place.of(params, "params")
        self._require_declared(params, specs)
        return self._kept(self.inner.init(self._spread(params, specs)), params, specs)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        like, called = (updates, "updates") if context.params is None else (context.params, "params")
        specs = self.place.of(like, called)
        if context.params is not None:
            context = context._replace(params=self._spread(context.params, specs))
        u, state = step_of(self.inner, self._spread(updates, specs), state, context)
        return self._gathered(self._spread(u, specs), specs), self._kept(state, like, specs)

    def _spread(self, tree: PyTree, specs: list[PartitionSpec]) -> PyTree:
        """Every leaf in parts, where it has any."""
        return self._laid(tree, specs, [self.place.parted(x, s) for x, s in _pairs(tree, specs)])

    def _gathered(self, tree: PyTree, specs: list[PartitionSpec]) -> PyTree:
        """Every leaf as its parameter lies."""
        return self._laid(tree, [self.place.parted(x, s) for x, s in _pairs(tree, specs)], specs)

    def _laid(self, tree: PyTree, now: list[PartitionSpec], then: list[PartitionSpec]) -> PyTree:
        leaves, treedef = jax.tree.flatten(tree)
        moves = zip(leaves, now, then, strict=True)
        return treedef.unflatten(x if a == b else self.place.put(x, b) for x, a, b in moves)

    def _kept(self, state: PyTree, like: PyTree, specs: list[PartitionSpec]) -> PyTree:
        """The state in parts: left to itself, the compiler may gather it with the updates."""
        mesh = self.place.mesh
        places = (typed(x, mesh, self.place.parted(x, s)) for x, s in _pairs(like, specs))
        wanted = _state_specs(self.start, jax.tree.structure(like), tuple(places))
        parts = jax.tree.structure(state).flatten_up_to(wanted)
        kept = [
            self.place.put(x, s) if self.place.axis in _names(s) else x for x, s in _pairs(state, parts)
        ]
        return jax.tree.structure(state).unflatten(kept)

    def _require_declared(self, params: PyTree, specs: list[PartitionSpec]) -> None:
        """What can be seen of the parameters' sharding must be what was declared."""
        for (path, x), spec in zip(jax.tree_util.tree_leaves_with_path(params), specs, strict=True):
            if typed_spec(x) is not None and typed_mesh(x) != dict(self.place.mesh.shape):
                raise ValueError(
                    f"zero1: {where(path)} of the params lies on a mesh of {typed_mesh(x)}, and zero1 "
                    f"was given one of {dict(self.place.mesh.shape)}. Give it the params' mesh."
                )
            found: Any = None if isinstance(x, Tracer) else getattr(x, "sharding", None)
            if found is None or len(found.device_set) == 1 or typed_spec(x) is not None:
                continue
            if not found.is_equivalent_to(NamedSharding(self.place.mesh, spec), x.ndim):
                raise ValueError(
                    f"zero1: {where(path)} of the params lies by {found}, where {spec} on "
                    f"{self.place.mesh} was declared. Give zero1 the params' mesh and, unless they are "
                    f"replicated, their specs=."
                )

    def along(
        self, state: PyTree, params: PyTree = None, path: tuple[Any, ...] = ()
    ) -> list[tuple[Node, PyTree]]:
        return self.inner.along(state, params, path)

    def require_state(self, state: PyTree) -> None:
        self.inner.require_state(state)

    def substates(self, state: PyTree) -> list[PyTree]:
        return [state]

    def __repr__(self) -> str:
        """Without mesh and specs, which are where it runs; a checkpoint may go on elsewhere."""
        return f"zero1({self.inner!r}, axis={self.place.axis!r})"


@functools.lru_cache(maxsize=64)
def _state_specs(start: Any, structure: Any, places: tuple[jax.ShapeDtypeStruct, ...]) -> PyTree:
    """Where the state lies; remembered, since every trace of an update asks for it again."""
    init = start.unflatten([0.0] * start.num_leaves).init
    return specs_after("zero1", init, structure.unflatten(places))


def _pairs(tree: PyTree, specs: list[PartitionSpec]) -> list[tuple[Any, PartitionSpec]]:
    return list(zip(jax.tree.leaves(tree), specs, strict=True))


def _names(spec: PartitionSpec) -> list[str]:
    """The axes of the mesh that a spec names."""
    return [n for e in spec for n in (e if isinstance(e, tuple) else (e,))]


@public
def zero1(tx: Any, mesh: Any, axis: str = "data", *, specs: PyTree = None) -> GradientTransformation:
    """Spreads an optimizer's state and its work over the devices that share the parameters.

    With the batch split over an axis of the mesh and the parameters on every device, each device
    would keep the whole state and repeat the same update. Here each keeps and updates a part, and the
    updates are gathered. What is said to the compiler are layouts: the gradients' sum and the cut into
    parts become one reduce-scatter where the backend has it, else an all-reduce and a slice.

    Every leaf is divided at its first axis that the mesh's axis divides evenly. A leaf that has none
    stays whole on every device: :func:`report` names it. Numbers that belong to all leaves, such as the
    norm of :func:`clip_by_global_norm`, are still those of the whole tree.

    Args:
      tx: a transformation, ours or any optax-style pair; the whole optimizer, or a member of a chain.
      mesh: the ``Mesh`` on which the parameters lie, its axes all Auto or all Explicit.
      axis: the axis of the mesh over which the batch is split.
      specs: the parameters' ``PartitionSpec``, a tree like them or a prefix of it, if they are not
        replicated; where axes are Explicit they are read from the types, and this is not needed.

    Returns:
      A transformation with the states of ``tx`` and, up to the order of sums, its numbers. Its updates
      lie as the parameters do. Use it under ``jax.jit``, not inside ``shard_map``.

    Raises:
      TypeError: ``tx`` is no transformation, ``mesh`` no mesh, or ``specs`` no tree of specs.
      ValueError: ``axis`` is no axis of the mesh, or axes are of several types; or, from ``init``,
        parameters that lie elsewhere than declared.

    Example:
      >>> mesh = jax.make_mesh((jax.device_count(),), ("data",))
      >>> tx = jos.sharding.zero1(momentum(0.1), mesh, "data")
      >>> params = {"w": jnp.ones((8 * jax.device_count(), 4))}
      >>> state = tx.init(jax.device_put(params, jax.NamedSharding(mesh, jax.P())))
      >>> state.velocity["w"].addressable_shards[0].data.shape
      (8, 4)

    Note:
      For a table of :mod:`jaxopt_slides.rows`, shard the table itself by rows: its state follows.

    References:
      Rajbhandari et al., *ZeRO: Memory optimizations toward training trillion parameter models*, 2020,
      stage 1; Xu et al., *Automatic cross-replica sharding of weight update in data-parallel
      training*, 2020.
    """
    of_init, of_update = as_halves("zero1: tx", tx)
    found, start = place(mesh, axis, specs), jax.tree.structure(of_init)
    return transformation(Zero1(of_init, found, start), Zero1(of_update, found, start))
