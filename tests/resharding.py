"""A checkpoint that some devices save and others restore; as a script, each on devices of its own.

``python -m tests.resharding save|restore FOLDER DEVICES OUT`` writes into OUT the leaves of what is
saved or restored, and of what there is three steps later.
"""

import os
import sys

if __name__ == "__main__":
    # The last of two counts holds: conftest has put eight into what is inherited.
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={sys.argv[3]}"
    os.environ["XLA_FLAGS"] = flags

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jaxopt_slides as jos
from examples.clients import orbax_resume

SPECS = {"rows": P("x"), "columns": P(None, "x"), "all": P(), "table": P("x")}


def make_tx(rate=0.1):
    """Several rules and wrappers; each works element by element, so that no sum depends on a device."""
    rules = {
        "many": jos.chain(jos.clip(0.5), jos.rmsprop(rate, 0.8, centered=True, momentum=0.9)),
        "decayed": jos.chain(jos.add_decayed_weights(0.1), jos.adam(rate)),
        "row": jos.rowwise_adagrad(rate),
    }
    labels = {"rows": "many", "columns": "decayed", "all": "many", "table": "row"}
    return jos.average_params(jos.multi_steps(jos.partition(rules, labels), 2), 0.9)


def mesh_of(devices, kind=AxisType.Auto):
    return jax.make_mesh((devices,), ("x",), axis_types=(kind,), devices=jax.devices()[:devices])


def place(values, mesh):
    return {k: jax.device_put(v, NamedSharding(mesh, SPECS[k])) for k, v in values.items()}


def first_params():
    value = np.sin(np.arange(16 * 8, dtype=np.float32)).reshape(16, 8)
    return {"rows": value, "columns": value + 1, "all": value[0, :3], "table": value[:8] * 2}


@jax.jit
def step(tx, params, state):
    updates, state = tx.update(jax.tree.map(lambda w: 0.5 * w + 1, params), state, params)
    return jos.apply_updates(params, updates), state


def steps(tx, params, state, n=3):
    for _ in range(n):
        params, state = step(tx, params, state)
    return params, state


def save(folder, mesh):
    """Trains five steps and saves; what was saved, and parameters and state three steps later."""
    tx = make_tx()
    params = place(first_params(), mesh)
    params, state = steps(tx, params, jax.jit(tx.init)(params), 5)
    tx = make_tx(0.01)
    with ocp.CheckpointManager(folder) as manager:
        orbax_resume.save(manager, 5, tx, params, state)
        manager.wait_until_finished()
    return (tx, params, state), steps(tx, params, state)


def restore(folder, mesh):
    """Restores on this mesh; what was restored, and parameters and state three steps later."""
    params = place(jax.tree.map(np.zeros_like, first_params()), mesh)
    with ocp.CheckpointManager(folder) as manager:
        tx, params, state = orbax_resume.restore(manager, make_tx(), params)
    for leaf in jax.tree.leaves((params, state)):
        assert leaf.sharding.device_set == {*mesh.devices.flat}, leaf.sharding
    for tree in (params, state.average, state.inner_state.acc_grads):
        for name, spec in SPECS.items():
            assert tree[name].sharding.is_equivalent_to(NamedSharding(mesh, spec), tree[name].ndim)
    return (tx, params, state), steps(tx, params, state)


if __name__ == "__main__":
    assert jax.device_count() == int(sys.argv[3])
    results = globals()[sys.argv[1]](sys.argv[2], mesh_of(jax.device_count()))
    np.savez(sys.argv[4], *map(np.asarray, jax.tree.leaves(results)))
