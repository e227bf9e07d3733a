"""The shardings of a state, from those of its parameters."""

from typing import Any

import jax
from jax.sharding import NamedSharding

from jaxopt_slides._core.checks import require_arrays, where
from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.pair import transformation
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides.sharding._types import REPLICATED, Meshes, is_spec, specs_after, trimmed, typed


@public
def state_shardings(tx: Any, params: PyTree) -> PyTree:
    """The shardings of an optimizer's state, for ``in_shardings`` and ``out_shardings`` of ``jax.jit``.

    Nothing is computed and no memory is used: ``init`` is traced once on a mesh with explicit axes,
    where JAX's types say how each result is sharded. An array that follows a parameter lies as that
    parameter does, a number a row as its row; counts and other numbers are replicated.

    Args:
      tx: a transformation, ours or any optax-style pair.
      params: the parameters: arrays, or ``jax.ShapeDtypeStruct`` with ``sharding``. A leaf without a
        ``NamedSharding`` counts as replicated; all others lie on one mesh.

    Returns:
      A tree like the state, with a ``NamedSharding`` on the parameters' mesh for every array.

    Raises:
      TypeError: ``tx`` is no transformation, or a leaf of the params no array.
      ValueError: no leaf of the params lies on a mesh, two lie on different ones, or one on several
        devices without a ``NamedSharding``.

    Example:
      >>> mesh = jax.make_mesh((jax.device_count(),), ("data",))
      >>> rows = jax.NamedSharding(mesh, jax.P("data"))
      >>> w = jax.ShapeDtypeStruct((8 * jax.device_count(), 4), jnp.float32, sharding=rows)
      >>> shardings = jos.sharding.state_shardings(momentum(0.1), {"w": w})
      >>> shardings.velocity["w"] == rows, shardings.count.spec == jax.P()
      (True, True)
      >>> init = jax.jit(momentum(0.1).init, out_shardings=shardings)

    Note:
      Leaves that follow no parameter in JAX's types, such as the factors of optax's ``adafactor``, are
      replicated.
    """
    init = transformation(*as_halves("state_shardings: tx", tx, outermost=True)).init
    require_arrays("state_shardings", "params", _dtyped(params))
    mesh = mesh_of("state_shardings", params)
    places = jax.tree.map(lambda x: typed(x, mesh, _spec(x)), params)
    specs = specs_after("state_shardings", init, places)
    return jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs, is_leaf=is_spec)


def _dtyped(params: PyTree) -> PyTree:
    """The tree with a number for what is abstract, which has a dtype and no value."""
    return jax.tree.map(lambda x: 0 if isinstance(x, jax.ShapeDtypeStruct) else x, params)


def _named(x: Any) -> NamedSharding | None:
    """The leaf's sharding, if it is on a mesh."""
    where: Any = getattr(x, "sharding", None)
    return where if isinstance(where, NamedSharding) and not where.mesh.empty else None


def _spec(x: Any) -> Any:
    named = _named(x)
    return REPLICATED if named is None else trimmed(named.spec)


def mesh_of(owner: str, params: PyTree) -> Meshes:
    """The mesh on which all parameters lie."""
    found: dict[Meshes, str] = {}
    for path, x in jax.tree_util.tree_leaves_with_path(params):
        named, sharding = _named(x), getattr(x, "sharding", None)
        if named is not None:
            found.setdefault(named.mesh, where(path))
        elif sharding is not None and len(getattr(sharding, "device_set", ())) > 1:
            raise ValueError(
                f"{owner}: {where(path)} of the params lies on {len(sharding.device_set)} devices by a "
                f"{type(sharding).__name__}; expected a NamedSharding. Put it there with "
                f"jax.device_put(x, NamedSharding(mesh, spec))."
            )
    if not found:
        raise ValueError(
            f"{owner}: no leaf of the params has a NamedSharding, so no mesh is known. Put them on one "
            f"with jax.device_put(params, NamedSharding(mesh, spec)), or give abstract ones a sharding."
        )
    (mesh, first), *others = found.items()
    if others:
        raise ValueError(
            f"{owner}: the params lie on different meshes: {first} on {mesh}, {others[0][1]} on "
            f"{others[0][0]}. Make one mesh for all of them."
        )
    return mesh
