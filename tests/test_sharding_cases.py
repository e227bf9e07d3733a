"""Every case of cases.py on eight devices: sharded, and with ZeRO-1, as on a single one."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jaxopt_slides as jos
from tests import laws
from tests.cases import CASES, SIZE, WEIGHTS

STEPS = 20
FEW = {"rmsprop-centered-nesterov", "clip_by_global_norm"}  # what CI asks; .ci/full asks all of them
KINDS = (AxisType.Auto, AxisType.Explicit)
# Tables of their own: test_zero1.py. What turns arrays into tables here, and reads them whole, mixes
# what is divided with what is not, which explicit axes refuse to add.
OF_ROWS = {c.name for c in CASES if c.name.startswith("rows-")}
EVERY = [
    pytest.param(c, k, marks=[] if c.name in FEW else [pytest.mark.slow], id=f"{c.name}-{k.name}")
    for c in CASES
    for k in KINDS
    if c.name not in OF_ROWS or k is AxisType.Auto
]
HALVED = {"masked-rmsprop", "partition", "freeze-after-momentum", "add_decayed_weights-masked"}
HALVED |= {"nested-wrappers"}  # whose adapter cuts 24 elements in two: 4 divides 12, and 8 does not


@jax.jit
def walked(tx, gradients, params):
    """The last state and every update."""

    def body(state, x):
        updates, state = tx.update(x[0], state, params, value=x[1])
        return state, updates

    return jax.lax.scan(body, tx.init(params), (gradients, laws.metrics(len(gradients))))


def on(mesh, spec):
    return NamedSharding(mesh, P(*spec))


@pytest.mark.parametrize(("case", "kind"), EVERY)
def test_sharded_is_as_on_one_device(case, kind):
    """20 steps within 4 ulp of what is summed, as whoever rounds in another order is held to."""
    parts = 4 if case.name in HALVED else 8
    mesh = jax.make_mesh((parts, 8 // parts), ("data", "other"), axis_types=(kind, kind))
    narrow, weights = laws.NARROW[:STEPS], WEIGHTS.astype(np.float32)
    tx, scale = case.tx(), case.terms_of(narrow)
    _, single = walked(tx, jnp.asarray(narrow), jnp.asarray(weights))
    ways = {"sharded": (tx, ("data",))}
    if case.name not in OF_ROWS:
        ways["zero1"] = (jos.sharding.zero1(tx, mesh), ())
    with jax.set_mesh(mesh) if kind is AxisType.Explicit else contextlib.nullcontext():
        for what, (optimizer, spec) in ways.items():
            w = jax.device_put(weights, on(mesh, spec))
            g = jax.device_put(narrow, on(mesh, (None, *spec)))
            state, many = walked(optimizer, g, w)
            laws.require_close(many, single, scale, 4 * laws.ULP32, f"{case.name} {what}")
            require_divided(state, parts, f"{case.name} {what}")
            wanted = jax.tree.leaves(jos.sharding.state_shardings(optimizer, w))
            for x, sharding in zip(jax.tree.leaves(state), wanted, strict=True):
                assert x.sharding.is_equivalent_to(sharding, x.ndim), (what, x.sharding, sharding)


def require_divided(state, parts, what):
    """Each device holds its part of what follows the weights or a half of them, and the rest whole."""
    for path, x in jax.tree_util.tree_leaves_with_path(state):
        share = parts if x.shape[:1] in {(SIZE,), (SIZE // 2,)} else 1
        name = f"{what}: {jax.tree_util.keystr(path)}"
        assert {s.data.nbytes for s in x.addressable_shards} == {x.nbytes // share}, name
