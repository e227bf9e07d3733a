"""state_shardings, and what says and asserts how many bytes each device holds."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

import jaxopt_slides as jos
from jaxopt_slides import rows

KINDS = [AxisType.Auto, AxisType.Explicit]
both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
SPECS = {"all": P("data", "model"), "rows": P("data"), "last": P(None, "model"), "none": P()}
SPECS["both"] = P(("data", "model"))


def make_mesh(kind=AxisType.Auto):
    return jax.make_mesh((4, 2), ("data", "model"), axis_types=(kind, kind))


def using(mesh):
    explicit = AxisType.Explicit in mesh.axis_types
    return jax.set_mesh(mesh) if explicit else contextlib.nullcontext()


def abstract(mesh, shape=(16, 8)):
    return {
        k: jax.ShapeDtypeStruct(shape, jnp.bfloat16, sharding=NamedSharding(mesh, spec))
        for k, spec in SPECS.items()
    }


def concrete(mesh):
    return jax.tree.map(
        lambda w: jax.device_put(jnp.ones(w.shape, w.dtype), w.sharding), abstract(mesh)
    )


# ---------------------------------------------------------------- state_shardings


@both_kinds
def test_a_state_lies_as_its_parameters(kind):
    mesh = make_mesh(kind)
    tx = jos.mixed_precision(
        jos.chain(jos.clip_by_global_norm(1.0), jos.multi_steps(jos.rowwise_adagrad(0.1), 2))
    )
    for params in (abstract(mesh), concrete(mesh)):
        found = jos.sharding.state_shardings(tx, params)
        many = found.inner_state[1]
        rows_of = {"all": P("data"), "rows": P("data"), "last": P(), "none": P()}
        rows_of["both"] = P(("data", "model"))
        for tree, specs in [
            (found.master, SPECS),
            (many.acc_grads, SPECS),
            (many.inner_state.sum_of_squares, rows_of),
        ]:
            assert {k: s.spec for k, s in tree.items()} == specs
        for number in (found.inner_state[0].count, many.mini_step, many.inner_state.count):
            assert number == NamedSharding(mesh, P())
        assert {s.mesh for s in jax.tree.leaves(found)} == {mesh}


@pytest.mark.parametrize("kind", [KINDS[1], pytest.param(KINDS[0], marks=pytest.mark.slow)])
def test_they_are_what_jit_takes(kind):
    """As out_shardings of init and as in_shardings of a step, of another library too."""
    optax = pytest.importorskip("optax")
    mesh = make_mesh(kind)
    params = concrete(mesh)
    places = jax.tree.map(lambda w: w.sharding, params)
    for tx in (
        jos.partition({"a": jos.adam(0.1), "b": optax.sgd(0.1, momentum=0.9)}, labels),
        optax.adamw(0.1),
    ):
        found = jos.sharding.state_shardings(tx, params)
        with using(mesh), jax.numpy_dtype_promotion("standard"):  # as optax expects
            state = jax.jit(tx.init, out_shardings=found)(params)
            step = jax.jit(
                tx.update, in_shardings=(places, found, places), out_shardings=(places, found)
            )
            state = step(params, state, params)[1]
        pairs = zip(jax.tree.leaves(state), jax.tree.leaves(found), strict=True)
        assert all(x.sharding.is_equivalent_to(s, x.ndim) for x, s in pairs)
        assert max(jos.sharding.bytes_per_device(state).values()) < sum(
            x.nbytes for x in jax.tree.leaves(state)
        )


def labels(params):
    return {k: "a" if k in ("all", "none") else "b" for k in params}


@both_kinds
def test_tables_of_rows(kind):
    mesh = make_mesh(kind)
    for spec in (P("data"), P("data", "model"), P(None, "model")):
        values = jax.device_put(jnp.ones((16, 8)), NamedSharding(mesh, spec))
        params = {"embed": rows.table(values, "embed"), "w": jnp.ones(4)}
        found = jos.sharding.state_shardings(rows.lazy(jos.rmsprop(0.1)), params)
        assert found.inner_state.mean_square["embed"].spec == spec
        assert found.tables["embed"].stamps.spec == (P("data") if spec[0] else P())
        assert found.inner_state.mean_square["w"].spec == P()
        assert found.clock.spec == P()


def test_a_stamp_lies_as_its_row_under_the_callers_jit():
    mesh = make_mesh()
    values = jax.device_put(jnp.ones((16, 8)), NamedSharding(mesh, P("data")))
    state = jax.jit(rows.lazy(jos.rmsprop(0.1)).init)({"embed": rows.table(values, "embed")})
    assert state.tables["embed"].stamps.sharding.is_equivalent_to(NamedSharding(mesh, P("data")), 1)


def reshaping():
    """Another library's transformation, whose state has a shape of its own."""

    def init(params):
        return jax.tree.map(lambda w: jnp.zeros_like(w.reshape(-1)), params)

    return init, lambda updates, state, params=None: (updates, state)


def test_errors_of_state_shardings():
    mesh, other = make_mesh(), jax.make_mesh((8,), ("x",), axis_types=(AxisType.Auto,))
    tx, find = jos.momentum(0.1), jos.sharding.state_shardings
    unplaced = {"w": jax.ShapeDtypeStruct((8,), jnp.float32)}
    two = {"a": concrete(mesh)["all"], "b": jax.device_put(jnp.ones(8), NamedSharding(other, P("x")))}
    with pytest.raises(ValueError, match="no leaf of the params has") as error:
        find(tx, unplaced)
    assert str(error.value) == (
        "state_shardings: no leaf of the params has a NamedSharding, so no mesh is known. Put them on "
        "one with jax.device_put(params, NamedSharding(mesh, spec)), or give abstract ones a sharding."
    )
    with pytest.raises(ValueError, match="different meshes") as error:
        find(tx, two)
    assert str(error.value) == (
        f"state_shardings: the params lie on different meshes: leaf ['a'] on {mesh}, leaf ['b'] on "
        f"{other}. Make one mesh for all of them."
    )
    with pytest.raises(TypeError, match=r"state_shardings: tx is 3; expected a GradientTransformation"):
        find(3, two)
    with pytest.raises(TypeError, match=r"state_shardings: leaf \['w'\] of the params is a str"):
        find(tx, {"w": "w"})
    with pytest.raises(ValueError, match="init does what JAX cannot follow") as error:
        find(reshaping(), abstract(mesh))
    text = str(error.value)
    assert text.startswith(
        "state_shardings: init does what JAX cannot follow to a sharded parameter, so"
    )
    assert text.endswith(
        "An init that keeps the shapes of the parameters, or makes its arrays from nothing, can be "
        "followed."
    )


# ---------------------------------------------------------------- bytes


def state_of(mesh):
    """A divided array, two that are whole, and a number."""
    put = lambda x, *spec: jax.device_put(x, NamedSharding(mesh, P(*spec)))  # noqa: E731
    return {
        "big": put(jnp.ones((16, 8)), "data", "model"),
        "half": put(jnp.ones((6, 10)), None, "model"),
        "idle": put(jnp.ones((8, 2))),
        "count": put(jnp.int32(3)),
        "host": np.ones(3),
    }


def test_bytes_are_those_of_the_shards():
    mesh = make_mesh()
    tree = state_of(mesh)
    expected = 64 + 120 + 64 + 4
    assert jos.sharding.bytes_per_device(tree) == dict.fromkeys(jax.devices(), expected)
    planned = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
        {name: x for name, x in tree.items() if isinstance(x, jax.Array)},
    )
    assert jos.sharding.bytes_per_device(planned) == dict.fromkeys(jax.devices(), expected)
    first = jax.device_put(jnp.ones(4), SingleDeviceSharding(jax.devices()[3]))
    assert jos.sharding.bytes_per_device([tree, first])[jax.devices()[3]] == expected + 16
    assert jos.sharding.bytes_per_device({"w": np.ones(3)}) == {}


def test_asserting_bytes():
    tree = state_of(make_mesh())
    jos.sharding.assert_bytes_per_device(tree, 252)
    jos.sharding.assert_bytes_per_device({}, at_most=0)
    with pytest.raises(AssertionError) as error:
        jos.sharding.assert_bytes_per_device(tree, at_most=251)
    assert str(error.value) == (
        f"assert_bytes_per_device: {jax.devices()[0]} holds 252 bytes, expected at most 251. The "
        f"largest leaves, held by several devices alike:\n"
        f"  120 bytes: leaf ['half'] float32[6, 10] {P(None, 'model')} (no axis of (6, 5) can be "
        f"divided by 4)\n"
        f"  64 bytes: leaf ['idle'] float32[8, 2] {P()} (axis 0 could be divided by 8, and is not)\n"
        f"  4 bytes: leaf ['count'] int32[] {P()} (a single number)"
    )
    with pytest.raises(AssertionError) as error:
        jos.sharding.assert_bytes_per_device(tree["big"], at_most=63)
    assert str(error.value) == (
        f"assert_bytes_per_device: {jax.devices()[0]} holds 64 bytes, expected at most 63. The largest "
        f"leaves, all of them divided:\n"
        f"  64 bytes: the only leaf float32[16, 8] {P('data', 'model')}"
    )
    with pytest.raises(ValueError, match="at_most must be an integer, at least 0, got -1"):
        jos.sharding.assert_bytes_per_device(tree, -1)


def test_the_fullest_device_counts():
    first, last = jax.devices()[0], jax.devices()[-1]
    tree = [jax.device_put(jnp.ones(n), device) for n, device in ((2, first), (5, last))]
    with pytest.raises(AssertionError, match=r"holds 20 bytes, expected at most 19\."):
        jos.sharding.assert_bytes_per_device(tree, at_most=19)


def test_the_report_has_a_line_for_every_leaf():
    mesh = make_mesh()
    assert jos.sharding.report(state_of(mesh)) == (
        f"252 bytes on the fullest of 8 devices, 820 in all leaves\n"
        f"  120  1/2  leaf ['half'] float32[6, 10] {P(None, 'model')}  (no axis of (6, 5) can be "
        f"divided by 4)\n"
        f"   64  1/8  leaf ['big'] float32[16, 8] {P('data', 'model')}\n"
        f"   64  1/1  leaf ['idle'] float32[8, 2] {P()}  (axis 0 could be divided by 8, and is not)\n"
        f"    4  1/1  leaf ['count'] int32[] {P()}  (a single number)"
    )
    assert jos.sharding.report({}) == "0 bytes on the fullest of 0 devices, 0 in all leaves"
    empty = jax.device_put(jnp.ones((0, 3)), NamedSharding(mesh, P()))
    assert jos.sharding.report([empty]).endswith(f"\n  0  1/1  leaf [0] float32[0, 3] {P()}")


OWNERS = {
    "bytes_per_device": jos.sharding.bytes_per_device,
    "assert_bytes_per_device": lambda tree: jos.sharding.assert_bytes_per_device(tree, at_most=9),
    "report": jos.sharding.report,
}


@pytest.mark.parametrize("owner", OWNERS)
def test_what_lies_nowhere_is_not_counted_as_nothing(owner):
    asked = OWNERS[owner]
    hint = (
        "so nobody knows where it lies. Give arrays, or abstract ones with shardings, such as those of "
        "state_shardings."
    )
    with pytest.raises(ValueError, match="abstract") as error:
        asked(jax.eval_shape(jos.momentum(0.1).init, {"w": jnp.ones(3)}))
    assert str(error.value) == f"{owner}: leaf .count is abstract and has no sharding, {hint}"
    with pytest.raises(ValueError, match="traced") as error:
        jax.eval_shape(lambda w: asked({"w": w}), jnp.ones(3))
    assert str(error.value) == f"{owner}: leaf ['w'] is traced, {hint}"
