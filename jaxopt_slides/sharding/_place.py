"""The axis over which a state is spread, and how each array is laid out over it."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, get_abstract_mesh

from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides._parts.labels import is_floating
from jaxopt_slides.sharding._types import REPLICATED, explicit_spec, is_spec, trimmed


@dataclasses.dataclass(frozen=True)
class Place:
    """An axis of a mesh, and where the parameters lie without it: static, compared by value."""

    mesh: Mesh
    axis: str
    specs: tuple[PartitionSpec, ...]
    structure: Any

    def __reduce__(self):
        """Devices cannot be pickled; their numbers can."""
        ids = np.vectorize(lambda d: d.id, otypes=[int])(self.mesh.devices)
        mesh = (ids, self.mesh.axis_names, self.mesh.axis_types)
        return unpickled, (mesh, self.axis, self.specs, self.structure)

    @property
    def declared(self) -> PyTree:
        """The tree of specs as it was given, but for their form."""
        return self.structure.unflatten(self.specs)

    def of(self, params: PyTree, called: str) -> list[PartitionSpec]:
        """Where every leaf lies without the axis: as its type says or, if it does not, as declared."""
        try:
            parts = self.structure.flatten_up_to(params)
        except ValueError as error:
            raise ValueError(
                f"zero1: specs must be a tree like the {called}, or stop earlier, where one holds for "
                f"all below: {error}"
            ) from None
        pairs = [(s, x) for s, t in zip(self.specs, parts, strict=True) for x in jax.tree.leaves(t)]
        return [s if (found := typed_spec(x)) is None else found for s, x in pairs]

    def parted(self, x: Any, spec: PartitionSpec) -> PartitionSpec:
        """The spec of the array's parts, which is ``spec`` itself where nothing can be divided."""
        return parted(np.shape(x), spec, self.mesh.shape, self.axis) if can_be_parted(x) else spec

    def put(self, x: Any, spec: PartitionSpec) -> Any:
        """The array, laid out by the spec; while tracing, as a constraint for the compiler."""
        around, in_type = get_abstract_mesh(), typed_spec(x) is not None
        if self.axis in around.manual_axes:
            raise ValueError(
                f"zero1: this is inside a shard_map over {self.axis!r}, where each device has arrays "
                f"of its own and none can be laid out over that axis. Call init and update outside of "
                f"it, under jax.jit."
            )
        if not isinstance(x, Tracer):
            return jax.device_put(x, NamedSharding(x.sharding.mesh if in_type else self.mesh, spec))
        if in_type:
            return jax.sharding.reshard(x, NamedSharding(jax.typeof(x).sharding.mesh, spec))
        mesh: Any = self.mesh if around.empty else around
        return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))


def unpickled(mesh: Any, axis: str, specs: Any, structure: Any) -> Place:
    """The place on the devices of the same numbers."""
    ids, names, kinds = mesh
    here = {d.id: d for d in jax.devices()}
    if missing := sorted({*map(int, ids.flat)} - {*here}):
        raise ValueError(
            f"zero1: this optimizer was saved on a mesh with devices {missing}, and here there are "
            f"{sorted(here)}. Make a new one with zero1 on a mesh of these, and restore the state into "
            f"what its init returns."
        )
    devices = np.vectorize(here.get, otypes=[object])(ids)
    return Place(Mesh(devices, names, axis_types=kinds), axis, specs, structure)


def can_be_parted(x: Any) -> bool:
    """Whether there is anything to divide: not a number, nor the update of nothing."""
    return np.ndim(x) > 0 and is_floating(x)


def typed_spec(x: Any) -> PartitionSpec | None:
    """The spec in the array's type, if it has one."""
    return explicit_spec(x) if can_be_parted(x) else None


def typed_mesh(x: Any) -> dict[str, int]:
    """The axes of the mesh in the array's type, by name."""
    return dict(jax.typeof(x).sharding.mesh.shape)


def parted(
    shape: tuple[int, ...], spec: PartitionSpec, sizes: Mapping[str, int], axis: str
) -> PartitionSpec:
    """The spec with ``axis`` in it, at the first free axis of the array that it divides.

    Where it divides no free one, it is the first that can be divided further. If there is none, or
    the array is spread over ``axis`` already, the spec stays as it is.
    """
    entries = [e if isinstance(e, tuple) else () if e is None else (e,) for e in spec]
    entries += [()] * (len(shape) - len(entries))
    pieces = [sizes[axis] * math.prod(sizes[name] for name in e) for e in entries]
    able = [i for i, n in enumerate(shape) if n and n % pieces[i] == 0]
    if not able or any(axis in e for e in entries):
        return spec
    chosen = next((i for i in able if not entries[i]), able[0])
    entries[chosen] = (*entries[chosen], axis)
    return trimmed(entries)


def place(mesh: Any, axis: Any, specs: PyTree) -> Place:
    """The place that the user described, checked."""
    if not isinstance(mesh, Mesh):
        raise TypeError(f"zero1: mesh must be a jax.sharding.Mesh, got {shown(mesh)}.")
    if axis not in mesh.axis_names:
        raise ValueError(
            f"zero1: axis must be one of the mesh's, {list(mesh.axis_names)}, got {shown(axis)}."
        )
    if len({*mesh.axis_types}) > 1 or AxisType.Manual in mesh.axis_types:
        raise ValueError(
            f"zero1: the mesh's axes must be all Auto or all Explicit, got "
            f"{[kind.name for kind in mesh.axis_types]}."
        )
    leaves, structure = jax.tree.flatten(
        REPLICATED if specs is None else specs, is_leaf=lambda x: x is None or is_spec(x)
    )
    for spec in leaves:
        if spec is not None and not is_spec(spec):
            raise TypeError(f"zero1: specs must be a tree of PartitionSpec or None, got {shown(spec)}.")
        names = [n for e in spec or () for n in (e if isinstance(e, tuple) else (e,))]
        if unknown := [n for n in names if n is not None and n not in mesh.axis_names]:
            raise ValueError(
                f"zero1: the spec {spec} names {unknown[0]!r}, which is no axis of the mesh, "
                f"{list(mesh.axis_names)}."
            )
    return Place(mesh, axis, tuple(trimmed(spec or ()) for spec in leaves), structure)
