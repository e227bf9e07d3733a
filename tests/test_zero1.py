"""ZeRO-1 on eight devices: bytes, numbers, collectives, and that the optimizer is still data."""

import contextlib
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from test_sharding import WRAPPERS, near

import jaxopt_slides as jos
from jaxopt_slides import rows

KINDS = (AxisType.Auto, AxisType.Explicit)
both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
one_kind = pytest.mark.parametrize(
    "kind",
    [KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.slow)],  # test_sharding_cases.py has both
    ids=lambda k: k.name,
)
VALUE = np.sin(np.arange(64 * 16, dtype=np.float32)).reshape(64, 16)
HOST = {  # three that can be divided, one at its second axis, and two that cannot
    "all": VALUE,
    "rows": VALUE[:, :3],
    "narrow": VALUE.astype(jnp.bfloat16),
    "wide": VALUE[:3],
    "none": VALUE[:9, :7],
    "scalar": np.float32(2),
}
DIVIDED = {"all", "rows", "narrow"}


def make_mesh(kind, shape=(8,), names=("data",)):
    return jax.make_mesh(shape, names, axis_types=(kind,) * len(shape))


def using(mesh):
    explicit = AxisType.Explicit in mesh.axis_types
    return jax.set_mesh(mesh) if explicit else contextlib.nullcontext()


def everywhere(mesh, tree=HOST):
    return jax.device_put(tree, NamedSharding(mesh, P()))


@jax.jit
def take(tx, params, state):
    gradients = jax.tree.map(lambda w: w * w / 8, params)
    updates, state = tx.update(gradients, state, params, value=jnp.float32(1))
    return jos.apply_updates(params, updates), updates, state


@jax.jit
def scanned(tx, params, state):
    body = lambda c, _: (take(tx, *c)[::2], None)  # noqa: E731
    return jax.lax.scan(body, (params, state), length=3)[0]


# ---------------------------------------------------------------- bytes and numbers


def require_an_eighth(state):
    """Every array of the state lies in eighths, but for those that eight divides at no axis."""
    for path, x in jax.tree_util.tree_leaves_with_path(state):
        parts = 8 if any(n % 8 == 0 for n in x.shape) else 1
        held = {s.data.nbytes for s in x.addressable_shards}
        assert held == {x.nbytes // parts}, jax.tree_util.keystr(path)


@both_kinds
def test_each_device_holds_an_eighth_of_the_state(kind):
    mesh = make_mesh(kind)
    tx = jos.sharding.zero1(jos.adagrad(0.1), mesh)
    params = everywhere(mesh)
    with using(mesh):
        eager, jitted = tx.init(params), jax.jit(tx.init)(params)
        stepped = take(tx, params, jitted)[2]
        later = scanned(tx, params, jitted)[1]
    for state in (eager, jitted, stepped, later):
        require_an_eighth(state)
        columns = [s.index[1] for s in state.sum_of_squares["wide"].addressable_shards]
        assert columns == [slice(2 * i, 2 * i + 2) for i in range(8)]
    # Of 4 * (64 * 16 + 64 * 3 + 64 * 16 + 3 * 16) bytes an eighth; two leaves whole; a count.
    expected = 4 * (2288 // 8 + 63 + 1) + 4
    sizes = jos.sharding.bytes_per_device(stepped)
    assert set(sizes.values()) == {expected}
    assert list(sizes) == jax.devices()


@one_kind
def test_updates_and_parameters_stay_on_every_device(kind):
    mesh = make_mesh(kind)
    tx = jos.sharding.zero1(jos.chain(jos.clip_by_global_norm(0.5), jos.momentum(0.1)), mesh)
    params, alone = everywhere(mesh), jax.device_put(HOST, jax.devices()[0])
    plain = jos.chain(jos.clip_by_global_norm(0.5), jos.momentum(0.1))
    with using(mesh):
        found = take(tx, params, tx.init(params))
    near(found, take(plain, alone, plain.init(alone)))  # the norm is that of all leaves
    for x in jax.tree.leaves(found[:2]):
        assert x.sharding.is_fully_replicated


SOME = [
    pytest.param(n, marks=[] if n == "partition" else [pytest.mark.slow])
    for n in WRAPPERS
    if n != "checked"  # below
]


@one_kind
@pytest.mark.parametrize("name", SOME)
def test_wrappers_inside(name, kind):
    mesh, inner = make_mesh(kind), WRAPPERS[name]()
    names = ("all", "rows", "none", "narrow")
    host = {k: HOST[k] for k in names}
    tx = jos.sharding.zero1(inner, mesh)
    params, alone = everywhere(mesh, host), jax.device_put(host, jax.devices()[0])
    single = take(inner, alone, inner.init(alone))
    single = take(inner, single[0], single[2])
    with using(mesh):
        many = take(tx, params, tx.init(params))
        many = take(tx, many[0], many[2])
    require_an_eighth(many[2])
    near(many, single)


def test_checked_asserts_inside():
    """Assertions run in Python: there the layouts are asked for one by one."""
    mesh = make_mesh(AxisType.Auto)
    tx = jos.sharding.zero1(jos.checked(jos.adagrad(0.1)), mesh)
    params = everywhere(mesh, {"w": VALUE})
    updates, state = tx.update(params, tx.init(params))
    require_an_eighth(state)
    assert updates["w"].sharding.is_fully_replicated
    with pytest.raises(Exception, match=r"leaf \['w'\] of the updates is not finite"):
        tx.update({"w": params["w"].at[3, 3].set(jnp.nan)}, state)


@one_kind
def test_another_library_inside(kind):
    optax = pytest.importorskip("optax")
    mesh, foreign = make_mesh(kind), optax.adam(0.1)
    tx = jos.sharding.zero1(jos.chain(jos.clip(1.0), foreign), mesh)
    params = everywhere(mesh, {"w": VALUE, "b": VALUE[0, :9]})
    with using(mesh):
        found = take(tx, params, jax.jit(tx.init)(params))
    require_an_eighth(found[2])
    plain, alone = jos.chain(jos.clip(1.0), foreign), {"w": VALUE, "b": VALUE[0, :9]}
    near(found, take(plain, alone, plain.init(alone)))


def forgetful():
    """Another library's transformation, whose state is made anew every time, from nothing."""

    def zeros(tree):
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), tree)

    return lambda params: jax.tree.map(jnp.zeros_like, params), lambda g, s, _=None: (g, zeros(s))


def test_a_state_that_depends_on_no_array():
    """The compiler has nothing to follow; the layout is said of the state itself."""
    mesh = make_mesh(AxisType.Auto)
    tx, plain = jos.sharding.zero1(forgetful(), mesh), jos.chain(forgetful())
    params = everywhere(mesh, {"w": VALUE})
    state = jax.jit(tx.init)(params)
    require_an_eighth(state)
    require_an_eighth(take(tx, params, state)[2])
    whole = take(plain, params, jax.jit(plain.init)(params))[2]
    assert all(x.sharding.is_fully_replicated for x in jax.tree.leaves(whole))


def test_what_is_inside_sees_parts():
    """Gradients and parameters: only then is the sum of gradients one reduce-scatter."""
    mesh, seen = make_mesh(AxisType.Explicit), []

    def update(updates, state, params):
        seen.extend(jax.typeof(tree["w"]).sharding.spec[0] for tree in (updates, params))
        return updates, state

    tx = jos.sharding.zero1((lambda params: (), update), mesh)
    with using(mesh):
        params = everywhere(mesh, {"w": VALUE})
        tx.update(params, tx.init(params), params)
    assert seen == ["data", "data"]


CHAIN = jos.chain(jos.clip_by_global_norm(1.0), jos.rmsprop(0.01, momentum=0.9))
TABLES = [
    pytest.param(jos.adagrad(0.1), 16, AxisType.Explicit, id="adagrad"),
    *(
        pytest.param(CHAIN, n, k, id=f"chain-{n}-{k.name}", marks=pytest.mark.slow)
        for n in (16, 9)  # rows that a step declares: divided by eight, and not
        for k in KINDS
    ),
]


@pytest.mark.parametrize(("inner", "count", "kind"), TABLES)
def test_tables_of_rows(inner, count, kind):
    """The table stays on every device; what is kept for its rows is divided by them."""
    mesh, rng = make_mesh(kind), np.random.default_rng(0)
    batches = rng.integers(0, 64, (3, count))

    def loss(params, ids):
        return jnp.sum((params["embed"][ids] @ params["w"]) ** 2)

    @jax.jit
    def step(tx, params, state, ids):
        view = rows.read(tx, params, state, {"embed": ids})
        _, gradients = rows.value_and_grad(loss)(view, ids)
        updates, state = tx.update(gradients, state, view)
        return jos.apply_updates(params, updates), state

    def walk(inner, put):
        tx = rows.lazy(inner)
        params = {"embed": rows.table(put(VALUE), "embed"), "w": put(np.ones(16, np.float32))}
        state = tx.init(params)
        for ids in batches:
            params, state = step(tx, params, state, jnp.asarray(ids))
        return state, rows.current(tx, params, state)

    _, single = walk(inner, jnp.asarray)
    with using(mesh):
        state, many = walk(jos.sharding.zero1(inner, mesh), lambda x: everywhere(mesh, x))
    require_an_eighth(state.inner_state)
    np.testing.assert_allclose(many["embed"], single["embed"], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- parameters that are sharded


@both_kinds
def test_parameters_on_another_axis_keep_it(kind):
    """On the types' word where axes are explicit, on the caller's where they are not."""
    mesh = make_mesh(kind, (4, 2), ("data", "model"))
    host = {"a": VALUE, "b": VALUE, "c": VALUE[:2, :3], "d": VALUE}
    specs = {"a": P(None, "model"), "b": P("model"), "c": P("model"), "d": P("data")}
    params = jax.tree.map(lambda x, s: jax.device_put(x, NamedSharding(mesh, s)), host, specs)
    given = None if kind is AxisType.Explicit else specs
    tx = jos.sharding.zero1(jos.momentum(0.1), mesh, specs=given)
    expected = {"a": P("data", "model"), "b": P("model", "data"), "c": P("model"), "d": P("data")}
    with using(mesh):
        state = tx.init(params)
        new, updates, stepped = take(tx, params, state)
    near((new, updates), take(jos.momentum(0.1), host, jos.momentum(0.1).init(host))[:2])
    for name, w in host.items():
        lies = NamedSharding(mesh, expected[name])
        for x in (state.velocity[name], stepped.velocity[name]):
            assert x.sharding.is_equivalent_to(lies, 2), (name, x.sharding)
        for x in (new[name], updates[name]):
            assert x.sharding.is_equivalent_to(NamedSharding(mesh, specs[name]), w.ndim), name


@pytest.mark.parametrize(
    ("shape", "spec", "expected"),
    [
        ((16, 8), P(), P("data")),
        ((3, 8), P(), P(None, "data")),
        ((16, 3), P("model"), P(("model", "data"))),
        ((4, 8), P("model"), P("model", "data")),
        ((16, 8), P("model"), P("model", "data")),
        ((4, 3), P("model"), P("model")),  # 8 does not divide 4
        ((8,), P("data"), P("data")),
        ((32, 8), P("data"), P("data")),
        ((16, 3), P(("model", "other")), P(("model", "other"))),  # nor 16 parts of 16 rows once more
        ((0, 3), P(), P()),
        ((8, 0), P(), P("data")),
        ((), P(), P()),
    ],
)
def test_the_axis_that_is_divided(shape, spec, expected):
    from jaxopt_slides.sharding._place import parted

    sizes = {"data": 4, "model": 2, "other": 8}
    assert parted(shape, spec, sizes, "data") == expected


# ---------------------------------------------------------------- what is compiled


def program(tx, mesh):
    """A data-parallel step, compiled: the batch divided, the parameters on every device."""
    params = everywhere(mesh, {"w": VALUE, "b": VALUE[0, :9]})
    x = jax.device_put(np.ones((32, 64), np.float32), NamedSharding(mesh, P("data")))

    def loss(params, x):
        return jnp.mean((x @ params["w"]) ** 2) + jnp.sum(params["b"] ** 2)

    def step(params, state, x):
        updates, state = tx.update(jax.grad(loss)(params, x), state, params)
        return jos.apply_updates(params, updates), state

    with using(mesh):
        state = jax.jit(tx.init)(params)
        return jax.jit(step).lower(params, state, x).compile().as_text()


# A float16 state is nothing else's dtype in the program.
STATE, PART = re.compile(r"\bf16\[64,16\]"), re.compile(r"\bf16\[8,16\]")


@both_kinds
def test_the_program_has_the_collectives_and_no_whole_state(kind):
    """XLA's CPU backend has no pass that makes a reduce-scatter of an all-reduce and a slice of it."""
    mesh = make_mesh(kind)
    inner = jos.accumulator_dtype(jos.chain(jos.trace(0.9), jos.scale_by_rms()), jnp.float16)
    text = program(jos.sharding.zero1(inner, mesh), mesh)
    summed = re.findall(r"= \S*f32\[(?:64,16|16,64)\]\S* .*\ball-reduce\(", text)
    assert re.search(r"\breduce-scatter\(", text) or (summed and "dynamic-slice(" in text)
    assert re.search(r"= f32\[64,16\]\S* all-gather\(", text)
    assert PART.search(text)
    assert not STATE.search(text)


@both_kinds
def test_the_program_without_zero1_has_the_whole_state(kind):
    """What the test above looks for is found where it is."""
    mesh = make_mesh(kind)
    inner = jos.accumulator_dtype(jos.chain(jos.trace(0.9), jos.scale_by_rms()), jnp.float16)
    text = program(inner, mesh)
    assert STATE.search(text)
    assert not PART.search(text)
    assert "all-gather(" not in text


# ---------------------------------------------------------------- still data


def test_it_is_data():
    mesh = make_mesh(AxisType.Auto)
    tx = jos.sharding.zero1(jos.momentum(0.1, mu=0.5), mesh)
    assert repr(tx) == "zero1(momentum(learning_rate=0.1, mu=0.5), axis='data')"
    assert jax.tree.leaves(tx) == [0.1, 0.5]
    assert jos.hyperparams(tx) == {"learning_rate": 0.1, "mu": 0.5}
    other = jos.with_hyperparams(tx, learning_rate=0.2)
    assert jax.tree.leaves(other) == [0.2, 0.5]
    alike = jos.sharding.zero1(jos.momentum(0.2, mu=0.5), make_mesh(AxisType.Auto), "data")
    assert jax.tree.structure(alike) == jax.tree.structure(tx)
    assert jax.tree.structure(pickle.loads(pickle.dumps(tx))) == jax.tree.structure(tx)
    assert isinstance(tx.init({"w": VALUE}), type(jos.momentum(0.1).init({"w": VALUE})))
    declared = jos.sharding.zero1(jos.sgd(0.1), mesh, specs={"w": P("data")})
    assert repr(declared) == "zero1(sgd(learning_rate=0.1), axis='data')"  # may go on elsewhere


def test_the_params_mesh_must_be_zero1s():
    mesh = make_mesh(AxisType.Explicit)
    other = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Explicit,), devices=jax.devices()[:4])
    params = {"w": jax.device_put(jnp.ones((8, 4)), NamedSharding(other, P()))}
    with pytest.raises(ValueError, match=r"leaf \['w'\] of the params lies on a mesh of") as error:
        jos.sharding.zero1(jos.momentum(0.1), mesh).init(params)
    assert str(error.value).endswith(
        "{'data': 4}, and zero1 was given one of {'data': 8}. Give it the params' mesh."
    )


def test_one_program_for_all_learning_rates_and_sweeps():
    mesh = make_mesh(AxisType.Auto)
    params = everywhere(mesh, {"w": VALUE})
    traces = []

    @jax.jit
    def step(tx, params, state):
        traces.append(None)
        return take(tx, params, state)[0]

    for rate in (0.1, 0.2):
        tx = jos.sharding.zero1(jos.momentum(rate), mesh)
        step(tx, params, tx.init(params))
    assert len(traces) == 1

    def train(tx, params):
        return take(tx, params, tx.init(params))[0]

    rates = jnp.array([0.1, 0.2])
    many = jax.vmap(lambda rate: jos.sharding.zero1(jos.momentum(rate), mesh))(rates)
    found = jax.jit(jax.vmap(train, in_axes=(0, None)))(many, params)
    plain = jax.vmap(train, in_axes=(0, None))(jax.vmap(jos.momentum)(rates), {"w": VALUE})
    near(found, plain)
    loss = lambda tx, w: jnp.sum(train(tx, w)["w"] ** 2)  # noqa: E731
    by_rate = jax.jit(jax.grad(loss))
    sharded = by_rate(jos.sharding.zero1(jos.momentum(0.1), mesh), params)
    near(jax.tree.leaves(sharded), jax.tree.leaves(by_rate(jos.momentum(0.1), {"w": VALUE})))


def test_make_step_trains_with_it():
    mesh = make_mesh(AxisType.Auto)
    params = everywhere(mesh, {"w": VALUE})
    x = jax.device_put(VALUE, NamedSharding(mesh, P("data")))
    loss = lambda params, x: jnp.mean((params["w"] - 2 * x) ** 2)  # noqa: E731

    def train(tx):
        step, w, state = jos.make_step(loss, tx), params, tx.init(params)
        for _ in range(3):
            w, state, value = step(w, state, x)
        return w, value, state

    found = train(jos.sharding.zero1(jos.rmsprop(0.01), mesh))
    require_an_eighth(found[2])
    near(found, train(jos.rmsprop(0.01)))


def test_integers_that_are_left_alone():
    mesh = make_mesh(AxisType.Auto)
    params = everywhere(mesh, {"w": VALUE, "steps": np.arange(8, dtype=np.int32)})
    tx = jos.sharding.zero1(jos.masked(jos.momentum(0.1), {"w": True, "steps": False}), mesh)
    gradients = {"w": params["w"], "steps": np.zeros(8, jax.dtypes.float0)}
    updates, state = jax.jit(tx.update)(gradients, jax.jit(tx.init)(params), params)
    assert updates["steps"].dtype == jax.dtypes.float0
    require_an_eighth(state)


def test_the_mesh_that_the_caller_has_set():
    """An automatic mesh around, of which the types of the state's place know nothing."""
    mesh = make_mesh(AxisType.Auto)
    tx = jos.sharding.zero1(jos.momentum(0.1), mesh)
    with jax.set_mesh(mesh):
        params = everywhere(mesh, {"w": VALUE})
        state = tx.init(params)
        require_an_eighth(take(tx, params, state)[2])
        found = jos.sharding.state_shardings(tx, params)
    assert found.velocity["w"].is_equivalent_to(NamedSharding(mesh, P("data")), 2)


# ---------------------------------------------------------------- errors


def test_bad_arguments():
    mesh, tx = make_mesh(AxisType.Auto), jos.sgd(0.1)
    mixed = jax.make_mesh((4, 2), ("a", "b"), axis_types=KINDS)
    zero1 = jos.sharding.zero1
    cases = [
        (TypeError, lambda: zero1(tx, "data"), "zero1: mesh must be a jax.sharding.Mesh, got 'data'."),
        (
            ValueError,
            lambda: zero1(tx, mesh, "model"),
            "zero1: axis must be one of the mesh's, ['data'], got 'model'.",
        ),
        (
            ValueError,
            lambda: zero1(tx, mixed, "a"),
            "zero1: the mesh's axes must be all Auto or all Explicit, got ['Auto', 'Explicit'].",
        ),
        (
            TypeError,
            lambda: zero1(tx, mesh, specs={"w": "data"}),
            "zero1: specs must be a tree of PartitionSpec or None, got 'data'.",
        ),
        (
            ValueError,
            lambda: zero1(tx, mesh, specs=P("model")),
            f"zero1: the spec {P('model')} names 'model', which is no axis of the mesh, ['data'].",
        ),
        (
            TypeError,
            lambda: zero1(tx, mesh, "data", spec=None),
            "zero1: no argument 'spec'; did you mean 'specs'?",
        ),
    ]
    for kind, call, message in cases:
        with pytest.raises(kind) as error:
            call()
        assert str(error.value) == message
    with pytest.raises(TypeError, match=r"zero1: tx is rows\.lazy\(.*, which must be outermost"):
        zero1(rows.lazy(tx), mesh)


def test_params_that_lie_elsewhere_than_declared():
    mesh = make_mesh(AxisType.Auto)
    w = jax.device_put(VALUE, NamedSharding(mesh, P("data")))
    with pytest.raises(ValueError, match="lies by") as error:
        jos.sharding.zero1(jos.momentum(0.1), mesh).init({"w": w})
    text = str(error.value)
    assert text.startswith("zero1: leaf ['w'] of the params lies by NamedSharding(")
    assert text.endswith(
        "was declared. Give zero1 the params' mesh and, unless they are replicated, their specs=."
    )
    tx = jos.sharding.zero1(jos.momentum(0.1), mesh, specs=[P("data")])
    with pytest.raises(
        ValueError, match="zero1: specs must be a tree like the params, or stop earlier"
    ):
        tx.init({"w": w})


def test_inside_shard_map():
    mesh = make_mesh(AxisType.Auto)
    tx = jos.sharding.zero1(jos.momentum(0.1), mesh)
    run = jax.shard_map(
        lambda w: tx.update(w, tx.init(w))[0], mesh=mesh, in_specs=P("data"), out_specs=P("data")
    )
    with pytest.raises(ValueError, match="shard_map") as error:
        jax.jit(run)(np.ones((64, 2), np.float32))
    assert str(error.value).partition("\n")[0] == (
        "zero1: this is inside a shard_map over 'data', where each device has arrays of its own and "
        "none can be laid out over that axis. Call init and update outside of it, under jax.jit."
    )


def test_a_pickle_of_other_devices():
    from jaxopt_slides.sharding._place import unpickled

    mesh = (np.array([0, 8]), ("data",), (AxisType.Auto,))
    with pytest.raises(ValueError, match="saved") as error:
        unpickled(mesh, "data", (P(),), jax.tree.structure(0))
    assert str(error.value) == (
        "zero1: this optimizer was saved on a mesh with devices [8], and here there are "
        "[0, 1, 2, 3, 4, 5, 6, 7]. Make a new one with zero1 on a mesh of these, and restore the state "
        "into what its init returns."
    )
