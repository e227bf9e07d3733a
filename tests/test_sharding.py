"""State lies where its parameters lie, on eight devices: called eagerly, jitted, and in shard_map."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES
from cases import WRAPPERS as WRAPPED
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jaxopt_slides as jos

MESHES = {
    f"{kind.name}-{'x'.join(map(str, shape))}": (kind, shape)
    for kind in (AxisType.Auto, AxisType.Explicit)
    for shape in [(8,), (4, 2)]
}
every_mesh = pytest.mark.parametrize("mesh", MESHES)
RULES = [case for case in CASES if not case.name.endswith("-as-chain") and case not in WRAPPED]
every_rule = pytest.mark.parametrize("case", RULES, ids=repr)
STEPPING = {
    "sgd": lambda: jos.sgd(0.1),
    "nesterov": lambda: jos.nesterov(0.1),
    "rmsprop": lambda: jos.rmsprop(
        0.1, centered=True, momentum=0.9, initial_accumulator_value=1.0, bias_correction=True
    ),
    "adagrad": lambda: jos.adagrad(0.1, initial_accumulator_value=0.5),
    "rowwise_adagrad": lambda: jos.rowwise_adagrad(0.1, initial_accumulator_value=0.5),
    "chain": lambda: jos.chain(
        jos.add_decayed_weights(0.1), jos.scale_by_stddev(), jos.trace(0.9), jos.scale(-0.1)
    ),
    "scheduled": lambda: jos.momentum(0.1, jos.linear_schedule(0.5, 0.99, 10)),
}

MASK = {"all": True, "rows": True, "none": False, "narrow": True}
WRAPPERS = {
    "clipped": lambda: jos.chain(
        jos.clip_by_global_norm(1.0), jos.clip(0.5), jos.zero_nans(), jos.momentum(0.1)
    ),
    "multi_steps": lambda: jos.multi_steps(jos.momentum(0.1), 1),
    "apply_if_finite": lambda: jos.apply_if_finite(jos.rmsprop(0.1, momentum=0.9), 3),
    "average_params": lambda: jos.average_params(jos.momentum(0.1), 0.9),
    "plateau": lambda: jos.chain(jos.momentum(0.1), jos.reduce_on_plateau(0.5, patience=1)),
    "as_static": lambda: jos.as_static(jos.momentum(0.1)),
    "checked": lambda: jos.checked(jos.momentum(0.1)),
    "nested": lambda: jos.average_params(
        jos.multi_steps(jos.apply_if_finite(jos.adagrad(0.1), 3), 2), 0.9
    ),
    "masked": lambda: jos.masked(jos.momentum(0.1), MASK),
    "partition": lambda: jos.partition({True: jos.momentum(0.1), False: jos.adagrad(0.1)}, MASK),
    "mixed_precision": lambda: jos.mixed_precision(jos.momentum(0.1)),
}
every_wrapper = pytest.mark.parametrize("name", WRAPPERS)


def make_mesh(name):
    kind, shape = MESHES[name]
    return jax.make_mesh(shape, ("x", "y")[: len(shape)], axis_types=(kind,) * len(shape))


def make_params(mesh):
    """One leaf on all devices, one over the first axis, one replicated, one in bfloat16."""
    rows, matrix = P("x"), P(*mesh.axis_names)
    value = np.arange(16 * 8, dtype=np.float32).reshape(16, 8) / 16 - 3
    params = {
        "all": (value if len(mesh.axis_names) == 2 else value[:, 0], matrix),
        "rows": (value, rows),
        "none": (value[0, :3], P()),
        "narrow": (value.astype(jnp.bfloat16), rows),
    }
    return {k: jax.device_put(v, NamedSharding(mesh, spec)) for k, (v, spec) in params.items()}


def columns(tx, state, params):
    """The params-shaped trees inside a state."""
    like = jax.tree.structure(params)
    is_column = lambda t: jax.tree.structure(t) == like  # noqa: E731
    return [t for t in jax.tree.leaves(state, is_leaf=is_column) if is_column(t)]


def lies_as(tree, params):
    """Every leaf is sharded as its parameter, also in bytes per device."""
    for name, w in params.items():
        x = tree[name]
        assert x.shape == w.shape
        assert x.sharding.is_equivalent_to(w.sharding, w.ndim), (name, x.sharding, w.sharding)
        assert len(x.addressable_shards) == 8
        for a, b in zip(x.addressable_shards, w.addressable_shards, strict=True):
            assert (a.device, a.index) == (b.device, b.index)
            assert a.data.nbytes == b.data.size * x.dtype.itemsize


def like_state(name, params):
    """What a rule's state lies like: the parameters, or their rows, of which no device has a part."""
    return jax.tree.map(_rows_of, params) if name.startswith("rowwise") else params


def _rows_of(w):
    spec = (*w.sharding.spec, *[None] * w.ndim)[: w.ndim - 1]
    return jax.device_put(np.asarray(w)[..., :1], NamedSharding(w.sharding.mesh, P(*spec)))


def with_mesh(mesh, wanted):
    return jax.set_mesh(mesh) if wanted else contextlib.nullcontext()


def expected_columns(tx):
    return len(columns(tx, tx.init({"one": jnp.ones(())}), {"one": 0}))


@every_mesh
@every_rule
def test_init_called_eagerly(case, mesh):
    mesh, tx = make_mesh(mesh), case.tx()
    params = make_params(mesh)
    for wanted in (False, True):
        with with_mesh(mesh, wanted):
            found = columns(tx, tx.init(params), params)
        assert len(found) == expected_columns(tx)
        for column in found:
            lies_as(column, like_state(case.name, params))


@every_mesh
@pytest.mark.parametrize("wanted", [False, True], ids=["no mesh set", "mesh set"])
def test_init_under_the_callers_jit(mesh, wanted):
    mesh = make_mesh(mesh)
    params = make_params(mesh)
    transforms = {case.name: case.tx() for case in RULES}
    with with_mesh(mesh, wanted):
        states = jax.jit(lambda txs, p: {k: tx.init(p) for k, tx in txs.items()})(transforms, params)
    for name, tx in transforms.items():
        found = columns(tx, states[name], params)
        assert len(found) == expected_columns(tx)
        for column in found:
            lies_as(column, like_state(name, params))


def lying_columns(state, params):
    """Every params-shaped tree in a wrapper's state lies as the parameters; how many there are.

    A group's tree has None where another group's leaves are.
    """
    known, found = set(params), 0
    is_column = lambda t: isinstance(t, dict) and set(t) == known  # noqa: E731
    for tree in jax.tree.leaves(state, is_leaf=is_column):
        if is_column(tree):
            here = {k: x for k, x in tree.items() if x is not None}
            lies_as(here, {k: params[k] for k in here})
            found += bool(here)
    return found


COLUMNS = {"apply_if_finite": 2, "multi_steps": 2, "average_params": 2, "nested": 3}
COLUMNS |= {"partition": 2, "mixed_precision": 2}  # and one in the others


@pytest.mark.parametrize("mesh", ["Auto-4x2", "Explicit-4x2"])
@every_wrapper
def test_states_of_wrappers(name, mesh):
    """From init and after updates, eager and jitted, with the numbers of one device."""
    mesh, tx = make_mesh(mesh), WRAPPERS[name]()
    params = make_params(mesh)

    def take(params, state):
        updates, state = tx.update(params, state, params, value=jnp.float32(1))
        return jos.apply_updates(params, updates), state

    def trail(params, init, step):
        states = [(params, init(params))]
        return [*states, step(*states[-1])]

    with with_mesh(mesh, mesh.axis_types[0] is AxisType.Explicit):
        trails = [trail(params, tx.init, take)]
        if name != "checked":  # which under jit needs chex.chexify
            trails.append(trail(params, jax.jit(tx.init), jax.jit(take)))
    with with_mesh(mesh, True):
        assert lying_columns(jax.jit(tx.init)(params), params) == COLUMNS.get(name, 1)
    for w, state in (pair for states in trails for pair in states):
        lies_as(w, params)
        assert lying_columns(state, params) == COLUMNS.get(name, 1)
    one_device = jax.tree.map(lambda w: jax.device_put(np.asarray(w), jax.devices()[0]), params)
    for single, *many in zip(trail(one_device, tx.init, take), *trails, strict=True):
        for sharded in many:
            near(sharded, single)


def near(sharded, single):
    """Norms over devices are summed in another order; a bfloat16 value may round to its neighbour."""
    for a, b in zip(jax.tree.leaves(sharded), jax.tree.leaves(single), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        rtol = 2**-7 if a.dtype == jnp.bfloat16 else 1e-5
        if jnp.issubdtype(a.dtype, jnp.floating):
            np.testing.assert_allclose(np.float32(a), np.float32(b), rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_the_starting_value_is_there_on_every_device(value):
    mesh = make_mesh("Auto-8")
    params = make_params(mesh)
    for tx in (
        jos.adagrad(0.1, initial_accumulator_value=value),
        jos.adagrad(0.1, initial_accumulator_value=jnp.float32(value)),
    ):
        for init in (tx.init, jax.jit(tx.init)):
            state = init(params).sum_of_squares
            lies_as(state, params)
            for x in jax.tree.leaves(state):
                np.testing.assert_array_equal(x, np.float32(value))


def train(tx, params, step):
    state = tx.init(params)
    trail = []
    for _ in range(3):
        params, updates, state = step(tx, params, state)
        trail.append((params, updates, state))
    return trail


def step(tx, params, state):
    gradients = jax.tree.map(lambda w: w * w, params)
    updates, state = tx.update(gradients, state, params)
    return jos.apply_updates(params, updates), updates, state


@every_mesh
@pytest.mark.parametrize("name", STEPPING)
def test_eager_updates_keep_the_sharding_and_the_numbers(name, mesh):
    mesh, tx = make_mesh(mesh), STEPPING[name]()
    params = make_params(mesh)
    alone = jax.tree.map(lambda w: jax.device_put(np.asarray(w), jax.devices()[0]), params)
    for sharded, single in zip(train(tx, params, step), train(tx, alone, step), strict=True):
        for tree in sharded[:2]:
            lies_as(tree, params)
        for tree in columns(tx, sharded[2], params):
            lies_as(tree, like_state(name, params))
        close(sharded, single)


def close(sharded, single):
    for a, b in zip(jax.tree.leaves(sharded), jax.tree.leaves(single), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype == np.int32:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_array_max_ulp(a.astype(np.float32), b.astype(np.float32), 4)


@every_mesh
def test_training_under_jit(mesh):
    mesh, tx = make_mesh(mesh), STEPPING["rmsprop"]()
    params = make_params(mesh)
    for sharded, single in zip(train(tx, params, jax.jit(step)), train(tx, params, step), strict=True):
        for tree in (*sharded[:2], *columns(tx, sharded[2], params)):
            lies_as(tree, params)
        assert sharded[2].count == single[2].count


@pytest.mark.parametrize("name", STEPPING)
def test_inside_shard_map(name):
    mesh, tx = make_mesh("Auto-8"), STEPPING[name]()
    w = np.arange(32, dtype=np.float32).reshape(16, 2) / 8 - 1.5
    params = {"w": jax.device_put(w, NamedSharding(mesh, P("x")))}

    @jax.jit
    @jax.shard_map(mesh=mesh, in_specs=(P(), P("x")), out_specs=P("x"))
    def run(tx, params):
        return train(tx, params, step)[-1][0]

    result = run(tx, params)
    lies_as(result, params)
    close(result, jax.jit(lambda tx, p: train(tx, p, step)[-1][0])(tx, {"w": jnp.asarray(w)}))


def test_data_parallel_gradients_with_psum():
    """The usual loop: parameters replicated, each device's gradients averaged over the mesh."""
    mesh, tx = make_mesh("Auto-8"), jos.momentum(0.1)
    data = jnp.arange(16.0)

    @jax.jit
    @jax.shard_map(mesh=mesh, in_specs=(P(), P(), P("x")), out_specs=(P(), P()))
    def parallel(params, state, batch):
        gradient = jax.lax.pmean(jnp.mean(batch) * params, "x")
        updates, state = tx.update(gradient, state)
        return jos.apply_updates(params, updates), state

    params, state = jnp.float32(2), tx.init(jnp.float32(2))
    params, state = parallel(params, state, data)
    np.testing.assert_allclose(params, 2 - 0.1 * 7.5 * 2, rtol=1e-6)
    assert state.count == 1
