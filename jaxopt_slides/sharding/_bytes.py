"""How many bytes each device holds, and what could be divided and is not."""

import math
from typing import Any, NamedTuple

import jax
from jax.core import Tracer
from jax.sharding import NamedSharding

from jaxopt_slides._core.checks import where
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import PyTree
from jaxopt_slides._core.words import require_at_least


class Leaf(NamedTuple):
    """One array: what each of this process's devices holds of it."""

    name: str
    x: Any  # an array, or an abstract one with a sharding
    held: dict[Any, int]  # bytes by device

    @property
    def whole(self) -> int:
        """Its bytes, counted once."""
        return math.prod(self.x.shape) * self.x.dtype.itemsize

    @property
    def most(self) -> int:
        """Its bytes on the device that holds most of it."""
        return max(self.held.values(), default=0)

    @property
    def title(self) -> str:
        """Its name, type and layout."""
        sharding = self.x.sharding
        kind = f"{self.x.dtype}[{', '.join(map(str, self.x.shape))}]"
        return f"{self.name} {kind} {getattr(sharding, 'spec', type(sharding).__name__)}"

    @property
    def reason(self) -> str:
        """Why some devices hold the same of it; nothing if no two do."""
        sharding = self.x.sharding
        devices, piece = len(sharding.device_set), sharding.shard_shape(self.x.shape)
        copies = devices * math.prod(piece) // max(1, math.prod(self.x.shape))
        if copies <= 1:
            return ""
        if not self.x.ndim:
            return "a single number"
        able = [i for i, n in enumerate(piece) if n and n % copies == 0]
        if able:
            return f"axis {able[0]} could be divided by {copies}, and is not"
        return f"no axis of {piece} can be divided by {copies}"


def leaves_of(owner: str, tree: PyTree) -> list[Leaf]:
    """The arrays of a tree, those that lie on a device."""
    found = []
    for path, x in jax.tree_util.tree_leaves_with_path(tree):
        if isinstance(x, Tracer) or (isinstance(x, jax.ShapeDtypeStruct) and x.sharding is None):
            kind = "traced" if isinstance(x, Tracer) else "abstract and has no sharding"
            raise ValueError(
                f"{owner}: {where(path)} is {kind}, so nobody knows where it lies. Give arrays, or "
                f"abstract ones with shardings, such as those of state_shardings."
            )
        if isinstance(x, jax.Array):
            held = [(s.device, s.data.nbytes) for s in x.addressable_shards]
        elif isinstance(getattr(x, "sharding", None), NamedSharding):
            size = math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
            held = [(d, size) for d in x.sharding.addressable_devices]
        else:
            continue
        found.append(Leaf(where(path), x, dict(held)))
    return found


def _total(leaves: list[Leaf]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for leaf in leaves:
        for device, size in leaf.held.items():
            total[device] = total.get(device, 0) + size
    return dict(sorted(total.items(), key=lambda item: item[0].id))


@public
def bytes_per_device(tree: PyTree) -> dict[Any, int]:
    """What each device of this process holds of a tree, read from the arrays' own shards.

    Args:
      tree: a state, parameters, or any tree; of abstract arrays with a ``NamedSharding`` it is what
        they will take. Leaves that are no arrays of jax lie on no device.

    Returns:
      Bytes by device, in the order of the devices' numbers.

    Raises:
      ValueError: a leaf is traced, or abstract without a sharding.

    Example:
      >>> sizes = jos.sharding.bytes_per_device({"w": jnp.ones((8, 4))})
      >>> list(sizes.values())
      [128]
    """
    return _total(leaves_of("bytes_per_device", tree))


@public
def assert_bytes_per_device(tree: PyTree, at_most: int) -> None:
    """Asserts that no device of this process holds more bytes of a tree.

    Args:
      tree: as :func:`bytes_per_device` takes it.
      at_most: bytes.

    Returns:
      Nothing.

    Raises:
      AssertionError: a device holds more, with the largest leaves of which several devices hold the
        same, and why.
      ValueError: ``at_most`` is negative or no integer; or a leaf is traced, or abstract without a
        sharding.

    Example:
      >>> jos.sharding.assert_bytes_per_device({"w": jnp.ones((8, 4))}, at_most=128)
    """
    limit = require_at_least("assert_bytes_per_device", "at_most", at_most, 0)
    leaves = leaves_of("assert_bytes_per_device", tree)
    device, most = max(_total(leaves).items(), key=lambda item: item[1], default=(None, 0))
    if most <= limit:
        return
    shared = sorted((x for x in leaves if x.reason), key=lambda x: -x.most)
    largest = shared[:3] or sorted(leaves, key=lambda x: -x.most)[:3]
    what = "held by several devices alike" if shared else "all of them divided"
    lines = "".join(
        f"\n  {x.most:,} bytes: {x.title}{f' ({x.reason})' if x.reason else ''}" for x in largest
    )
    raise AssertionError(
        f"assert_bytes_per_device: {device} holds {most:,} bytes, expected at most {limit:,}. The "
        f"largest leaves, {what}:{lines}"
    )


@public
def report(tree: PyTree) -> str:
    """A text on what each device holds of a tree: a line for every leaf, the largest first.

    Args:
      tree: as :func:`bytes_per_device` takes it.

    Returns:
      The bytes of one device, the share of the whole that they are, the leaf with its dtype, shape and
      spec, and, where several devices hold the same, why.

    Raises:
      ValueError: a leaf is traced, or abstract without a sharding.

    Example:
      >>> print(jos.sharding.report({"w": jnp.ones((8, 4)), "b": jnp.ones(4)}))
      144 bytes on the fullest of 1 device, 144 in all leaves
        128  1/1  leaf ['w'] float32[8, 4] SingleDeviceSharding
         16  1/1  leaf ['b'] float32[4] SingleDeviceSharding
    """
    leaves = sorted(leaves_of("report", tree), key=lambda x: -x.most)
    total = _total(leaves)
    devices = "1 device" if len(total) == 1 else f"{len(total)} devices"
    lines = [
        f"{max(total.values(), default=0):,} bytes on the fullest of {devices}, "
        f"{sum(x.whole for x in leaves):,} in all leaves"
    ]
    width = max((len(f"{x.most:,}") for x in leaves), default=0)
    for leaf in leaves:
        share = f"1/{round(leaf.whole / leaf.most) if leaf.most else 1}"
        why = f"  ({leaf.reason})" if leaf.reason else ""
        lines.append(f"  {leaf.most:>{width},}  {share}  {leaf.title}{why}")
    return "\n".join(lines)
