"""docs/checkpoints.md: every state comes back, into its own types, on any number of devices."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from cases import CASES
from jax.sharding import AxisType

import jaxopt_slides as jos
from examples.clients.orbax_resume import restore, save, words_of
from tests import resharding

ROOT = Path(__file__).parents[1]
PARAMS = {"w": jnp.ones((8, 4)), "b": jnp.ones(3)}


def rule_of(tx):
    return words_of(tx)["rule"]


@pytest.fixture(autouse=True)
def _standard_promotion():
    """As a reader has it; other libraries mix dtypes."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def require_equal(found, expected, *, ulp=0):
    """The same types around the same leaves, to the bit or to so many units in the last place."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    require_equal_leaves(jax.tree.leaves(found), jax.tree.leaves(expected), ulp=ulp)


def require_equal_leaves(found, expected, *, ulp=0):
    for a, b in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if ulp and np.issubdtype(a.dtype, np.inexact):
            np.testing.assert_array_max_ulp(a, b, ulp)
        else:
            assert a.tobytes() == b.tobytes()


# ---------------------------------------------------------------- every rule, wrapper and preset


def filled(state, draw):
    """The state with every leaf drawn anew, so that no two are alike."""

    def fill(x):
        if jnp.issubdtype(x.dtype, jnp.inexact):
            return jnp.asarray(draw.random(x.shape), x.dtype)
        return jnp.asarray(draw.integers(0, 2 if x.dtype == bool else 100, x.shape), x.dtype)

    return jax.tree.map(fill, state)


def zeroed(tree):
    return jax.tree.map(lambda x: jnp.zeros_like(x) if isinstance(x, jax.Array) else 0.0, tree)


@pytest.fixture(scope="module")
def everything():
    """The numbers and a state of every case, and what to restore them into."""
    draw = np.random.default_rng(0)
    numbers = {case.name: jos.hyperparams(case.tx()) for case in CASES}
    states = {case.name: filled(case.tx().init(PARAMS), draw) for case in CASES}
    saved = {"numbers": numbers, "states": states}
    return saved, zeroed(saved)


def test_orbax(everything, tmp_path):
    saved, like = everything
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "all", saved)
        checkpointer.wait_until_finished()
        require_equal(checkpointer.restore(tmp_path / "all", like), saved)


def test_msgpack(everything):
    saved, like = everything
    require_equal(flax.serialization.from_bytes(like, flax.serialization.to_bytes(saved)), saved)


def test_the_optimizer_is_made_again_from_its_numbers(everything):
    saved, _ = everything
    for case in CASES:
        tx = case.tx()
        other = jax.tree.map(lambda x: x * 0.5, tx)  # unchecked, and of the same rule
        assert rule_of(other) == rule_of(tx)
        again = jos.with_hyperparams(other, **saved["numbers"][case.name])
        assert jax.tree.leaves(again) == jax.tree.leaves(tx)


def test_lagging_rows(tmp_path):
    tx = jos.rows.lazy(jos.momentum(0.1))
    params = {"table": jos.rows.table(jnp.ones((4, 2)), name="table")}
    ids = {"table": [jnp.array([1, 2])]}
    view = jos.rows.read(tx, params, tx.init(params), ids)
    loss = lambda params: jnp.sum(params["table"][ids["table"][0]])  # noqa: E731
    updates, state = tx.update(jos.rows.value_and_grad(loss)(view)[1], tx.init(params), view)
    params = jos.apply_updates(params, updates)
    require_equal(pickle.loads(pickle.dumps((tx, params, state))), (tx, params, state))
    with ocp.CheckpointManager(tmp_path) as manager:
        save(manager, 1, tx, params, state)
        manager.wait_until_finished()
        found = restore(manager, jos.rows.lazy(jos.momentum(0.5)), zeroed(params))
    require_equal(found, (tx, params, state))
    with pytest.raises(TypeError, match="can not serialize 'Table' object"):
        flax.serialization.to_bytes(params)


# ---------------------------------------------------------------- another rule


def test_the_words_tell_rules_apart():
    named = {}
    for case in CASES:
        structure = jax.tree.structure(case.tx())
        assert named.setdefault(rule_of(case.tx()), structure) == structure, case.name
    assert len(named) > 50


def test_the_words_are_those_of_another_mesh_too():
    meshes = (jax.make_mesh((n,), ("data",), devices=jax.devices()[:n]) for n in (8, 4))
    one, other = (rule_of(jos.sharding.zero1(jos.momentum(0.1), mesh)) for mesh in meshes)
    assert one == other


def test_the_words_tell_long_labels_apart():
    rules = {"sgd": jos.sgd(0.1), "adam": jos.adam(0.1)}
    labels = {f"layer{i}": "sgd" for i in range(20)}
    one, other = (jos.partition(rules, labels | {"last": name}) for name in rules)
    assert rule_of(one) != rule_of(other)
    assert rule_of(one) == rule_of(jos.partition(rules, labels | {"last": "sgd"}))


def test_the_words_hold_no_addresses():
    class Halving:
        """A schedule that prints where it lies."""

        def __call__(self, count):
            return 0.5**count

    first, second = Halving(), Halving()
    assert repr(first) != repr(second)
    assert rule_of(jos.sgd(first)) == rule_of(jos.sgd(second))


RULES = {  # what is saved, and what it is restored into
    "another state": (jos.rmsprop, jos.adagrad),
    "a state of the same fields": (jos.momentum, jos.nesterov),
    "another option": (jos.rmsprop, lambda rate: jos.rmsprop(rate, centered=True)),
    "another order": (
        lambda rate: jos.chain(jos.clip(1.0), jos.sgd(rate)),
        lambda rate: jos.chain(jos.sgd(rate), jos.clip(1.0)),
    ),
    "a wrapper more": (jos.sgd, lambda rate: jos.average_params(jos.sgd(rate), 0.9)),
    "a schedule for a number": (jos.sgd, lambda rate: jos.sgd(jos.linear_schedule(rate, 0.0, 10))),
}


@pytest.mark.parametrize("name", RULES)
def test_another_rule_is_refused_and_both_are_named(name, tmp_path):
    saved, given = (make(0.1) for make in RULES[name])
    with ocp.CheckpointManager(tmp_path) as manager:
        save(manager, 7, saved, PARAMS, saved.init(PARAMS))
        manager.wait_until_finished()
        with pytest.raises(TypeError) as error:
            restore(manager, given, PARAMS)
    assert str(error.value) == f"step 7 was saved with {saved!r}, another rule than {given!r}"


def test_other_numbers_are_not_another_rule(tmp_path):
    saved, given = (jos.chain(jos.clip(n), jos.momentum(n, mu=n)) for n in (0.25, 0.5))
    state = filled(saved.init(PARAMS), np.random.default_rng(0))
    with ocp.CheckpointManager(tmp_path) as manager:
        save(manager, 7, saved, PARAMS, state)
        manager.wait_until_finished()
        require_equal(
            restore(manager, given, jax.tree.map(jnp.zeros_like, PARAMS)), (saved, PARAMS, state)
        )


def test_a_half_written_checkpoint_is_not_the_newest(tmp_path):
    tx = jos.sgd(0.1)
    with ocp.CheckpointManager(tmp_path) as manager:
        save(manager, 7, tx, PARAMS, tx.init(PARAMS))
        manager.wait_until_finished()
    half = tmp_path / "8.orbax-checkpoint-tmp-1"  # as Orbax names it until it is complete
    shutil.copytree(tmp_path / "7", half)
    next(half.rglob("*manifest*")).unlink()
    with ocp.CheckpointManager(tmp_path) as manager:
        assert manager.latest_step() == 7
        require_equal(restore(manager, tx, zeroed(PARAMS)), (tx, PARAMS, tx.init(PARAMS)))


# ---------------------------------------------------------------- on other devices


@pytest.fixture(scope="module")
def on_eight(tmp_path_factory):
    """Where eight devices saved, what, and what they had three steps later."""
    folder = tmp_path_factory.mktemp("eight")
    with jax.numpy_dtype_promotion("standard"):
        return folder, *resharding.save(folder, resharding.mesh_of(8))


@pytest.mark.parametrize(
    ("devices", "kind"), [(1, "Auto"), (2, "Explicit"), (4, "Auto"), (8, "Explicit")]
)
def test_restored_on_some_of_eight_devices(on_eight, devices, kind):
    folder, saved, later = on_eight
    mesh = resharding.mesh_of(devices, getattr(AxisType, kind))
    found, found_later = resharding.restore(folder, mesh)
    require_equal(found, saved)
    # To the bit what these devices make of the same numbers; and almost what eight make of them, whose
    # program multiplies and adds in one operation elsewhere.
    placed = jax.tree.map(lambda x, y: jax.device_put(np.asarray(x), y.sharding), saved[1:], found[1:])
    require_equal(resharding.steps(saved[0], *placed), found_later)
    require_equal(found_later, later, ulp=8)


def run(what, folder, devices, out):
    command = [sys.executable, "-m", "tests.resharding", what, str(folder), str(devices), str(out)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    with np.load(out) as leaves:
        return list(leaves.values())


@pytest.mark.slow
def test_restored_by_processes_with_fewer_devices(tmp_path):
    expected = run("save", tmp_path / "saved", 8, tmp_path / "8.npz")
    n = len(jax.tree.leaves(resharding.make_tx())) + len(resharding.SPECS)
    for devices in (1, 2, 4, 8):
        found = run("restore", tmp_path / "saved", devices, tmp_path / "found.npz")
        require_equal_leaves(found[:n], expected[:n])
        require_equal_leaves(found, expected, ulp=8)
