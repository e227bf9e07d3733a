"""What JAX's types say of an array's place: with explicit axes it is carried through ``init``."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec, use_abstract_mesh

from jaxopt_slides._core.types import PyTree

Meshes = Mesh | AbstractMesh
REPLICATED = PartitionSpec()


def explicit(mesh: Meshes) -> AbstractMesh:
    """The mesh with explicit axes, on which types have shardings; without devices."""
    kinds = (AxisType.Explicit,) * len(mesh.axis_names)
    return AbstractMesh(tuple(mesh.shape.values()), mesh.axis_names, axis_types=kinds)


def typed(x: Any, mesh: Meshes, spec: PartitionSpec) -> jax.ShapeDtypeStruct:
    """An abstract array with its place in its type."""
    where = NamedSharding(explicit(mesh), spec)
    return jax.ShapeDtypeStruct(np.shape(x), jnp.result_type(x), sharding=where)


def specs_after(owner: str, init: Callable[[PyTree], PyTree], params: PyTree) -> PyTree:
    """Where ``init`` puts its state for :func:`typed` parameters: a spec for every leaf.

    It is traced and never run. On a mesh with explicit axes the type of every result says how it is
    sharded, so that no guess by shapes or names is needed, whoever wrote ``init``. What it makes from
    nothing, such as a count, is replicated.
    """
    meshes: Any = [x.sharding.mesh for x in jax.tree.leaves(params)] or [AbstractMesh((), ())]
    with use_abstract_mesh(meshes[0]):  # instead of the caller's, which may have other axes
        try:
            state = jax.eval_shape(init, params)
        except Exception as error:
            if type(error).__name__ != "ShardingTypeError":  # which JAX does not make public
                raise
            raise ValueError(
                f"{owner}: init does what JAX cannot follow to a sharded parameter, so that nothing is "
                f"known of where its state lies: {str(error).partition('. ')[0]}. An init that keeps "
                f"the shapes of the parameters, or makes its arrays from nothing, can be followed."
            ) from error
    return jax.tree.map(lambda x: trimmed(getattr(x.sharding, "spec", ())), state)


def trimmed(entries: Iterable[Any]) -> PartitionSpec:
    """The entries as a spec, each in its short form, without what says nothing at the end."""
    names = [e if isinstance(e, tuple) else () if e is None else (e,) for e in entries]
    while names and not names[-1]:
        names.pop()
    return PartitionSpec(*((n[0] if len(n) == 1 else n or None) for n in names))


def is_spec(x: Any) -> bool:
    """Whether it is a spec, whatever a version of JAX takes it for."""
    return isinstance(x, PartitionSpec)


def explicit_spec(x: Any) -> PartitionSpec | None:
    """The spec in the type of an array on a mesh with explicit axes; elsewhere types have none."""
    where: Any = getattr(jax.typeof(x), "sharding", None)
    if where is None or AxisType.Explicit not in where.mesh.axis_types:
        return None
    return trimmed(where.spec)
