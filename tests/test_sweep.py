"""sweep: every combination of some hyperparameters, from several seeds, in one program."""

import collections
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides.training import grid as grid_module

RATES, MUS = [0.02, 0.05, 0.1, 0.2, 0.4], np.array([0.0, 0.5, 0.9])
START = np.array([1.0, -2.0], np.float32)


def bowl(w):
    return jnp.sum(jnp.array([1.0, 3.0]) * w**2)


def train(tx):
    return jos.fit(bowl, tx, START, steps=6).history["loss"]


def train_from(tx, seed):
    """Another start for every seed, given as an integer or as a key."""
    key = seed if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key) else jax.random.key(seed)
    fitted = jos.fit(bowl, tx, jax.random.normal(key, (2,)), steps=6)
    return {"loss": fitted.history["loss"][-1], "params": fitted.params}


def close(a, b, rtol=1e-6):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-12), a, b)


# ---------------------------------------------------------------- the same as the loop


@pytest.mark.parametrize("batch_size", [None, 1, 2, 4, 7, 14, 15, 100])
def test_a_sweep_is_the_loop_for_every_batch_size(batch_size):
    swept = jos.sweep(train, jos.momentum, {"learning_rate": RATES, "mu": MUS}, batch_size=batch_size)
    assert swept.results.shape == (5, 3, 6)
    for i, rate in enumerate(RATES):
        for j, mu in enumerate(MUS):
            close(swept.results[i, j], train(jos.momentum(rate, mu)))


@pytest.mark.parametrize("batch_size", [None, 1, 3, 4, 5, 8, 9, 20])
@pytest.mark.parametrize("seeds", [4, np.array([0, 1, 2, 3]), "keys"])
def test_seeds_are_the_last_axis(batch_size, seeds):
    seeds = jax.vmap(jax.random.key)(jnp.arange(4)) if isinstance(seeds, str) else seeds
    grid = {"learning_rate": RATES}
    swept = jos.sweep(train_from, jos.sgd, grid, seeds=seeds, batch_size=batch_size)
    assert list(swept.axes) == ["learning_rate", "seed"]
    assert swept.results["params"].shape == (5, 4, 2)
    for i, rate in enumerate(RATES):
        for seed in range(4):
            expected = train_from(jos.sgd(rate), jnp.array(seed))
            close(jax.tree.map(lambda x: x[i, seed], swept.results), expected)  # noqa: B023 (used at once)


def test_the_axes_follow_the_grid_and_not_the_alphabet():
    swept = jos.sweep(train, jos.momentum, {"mu": MUS, "learning_rate": RATES})
    assert list(swept.axes) == ["mu", "learning_rate"]
    close(swept.results[2, 0], train(jos.momentum(0.02, 0.9)))


def test_several_hyperparameters_of_any_constructor():
    def make(learning_rate, max_norm, decay):
        return jos.chain(jos.clip_by_global_norm(max_norm), jos.rmsprop(learning_rate, decay))

    swept = jos.sweep(train, make, {"decay": [0.9, 0.99], "max_norm": [1], "learning_rate": [0.1, 0.2]})
    assert swept.results.shape == (2, 1, 2, 6)
    close(swept.results[1, 0, 1], train(make(0.2, 1.0, jnp.array(0.99))), rtol=1e-5)


def test_optax_s_constructors_are_swept_too():
    swept = jos.sweep(train, optax.sgd, {"momentum": [0.0, 0.9], "learning_rate": RATES}, batch_size=3)
    close(swept.results[1, 2], train(optax.sgd(0.1, momentum=0.9)))


def test_a_schedule_s_numbers_can_be_swept():
    def make(start, end):
        return jos.momentum(0.05, jos.linear_schedule(start, end, 5))

    swept = jos.sweep(train, make, {"start": [0.1, 0.5], "end": [0.9, 0.99]})
    close(swept.results[0, 1], train(make(0.1, 0.99)))


# ---------------------------------------------------------------- the table


def test_the_table_has_a_row_for_every_run():
    swept = jos.sweep(train_from, jos.momentum, {"learning_rate": RATES, "mu": MUS}, seeds=2)
    table = swept.columns()
    assert list(table) == ["learning_rate", "mu", "seed", "loss", "params"]
    assert {name: x.shape for name, x in table.items()} == {
        **dict.fromkeys(["learning_rate", "mu", "seed", "loss"], (30,)),
        "params": (30, 2),
    }
    row = {name: x[9] for name, x in table.items()}
    assert (row["learning_rate"], row["mu"], row["seed"]) == (np.float32(0.05), 0.5, 1)
    np.testing.assert_array_equal(row["params"], swept.results["params"][1, 1, 1])


def test_a_single_result_is_a_column_called_result():
    table = jos.sweep(train, jos.sgd, {"learning_rate": RATES}).columns()
    assert {name: x.shape for name, x in table.items()} == {"learning_rate": (5,), "result": (5, 6)}


# ---------------------------------------------------------------- programs


def counted():
    """A train that counts how often it is traced."""
    traces = []

    def train(tx):
        traces.append(tx)
        return jos.fit(bowl, tx, START, steps=2).history["loss"][-1]

    return train, traces


@pytest.mark.parametrize("batch_size", [None, 4])
def test_grids_of_one_shape_share_one_compilation(batch_size):
    train, traces = counted()
    for rates in (RATES, np.array(RATES) / 3, [1, 2, 3, 4, 5]):
        grid = {"learning_rate": rates, "mu": MUS}
        jos.sweep(train, jos.momentum, grid, batch_size=batch_size)
    assert len(traces) == 1


def test_a_partial_brings_its_arrays_as_arguments():
    traces = []

    def train(target, tx):
        traces.append(target)
        return jos.fit(lambda w: jnp.sum((w - target) ** 2), tx, START, steps=2).params

    for target in (jnp.zeros(2), jnp.ones(2)):
        swept = jos.sweep(jax.tree_util.Partial(train, target), jos.sgd, {"learning_rate": [0.5]})
        close(swept.results, np.asarray(target)[None])
    assert len(traces) == 1


def test_what_depends_on_the_seed_alone_is_computed_once_a_seed():
    def train(tx, seed):
        return jos.fit(bowl, tx, jnp.sin(jnp.full(2, seed, float)), steps=1).params

    def sweep(rates):
        return jos.sweep(train, jos.sgd, {"learning_rate": rates}, seeds=3).results

    text = str(jax.make_jaxpr(sweep)(jnp.array(RATES)))
    assert re.findall(r"f32\[([\d,]*)\] = sin ", text) == ["3,2"]


def test_it_composes_with_jit_vmap_and_grad():
    def lowest(rates):
        swept = jos.sweep(train, jos.momentum, {"learning_rate": rates, "mu": MUS}, batch_size=4)
        return swept.results[..., -1]

    rates = jnp.array(RATES)
    eager = lowest(rates)
    close(jax.jit(lowest)(rates), eager)
    close(jax.vmap(lowest)(jnp.stack([rates, rates / 2]))[0], eager)
    slope = jax.grad(lambda r: lowest(r).sum())(rates)
    expected = sum(jax.grad(lambda r: train(jos.momentum(r, mu))[-1])(rates[1]) for mu in MUS)  # noqa: B023
    np.testing.assert_allclose(slope[1], expected, rtol=1e-5)


def test_a_sweep_is_returned_from_jit_with_its_axes_in_order():
    def make(alpha, zeta):
        return jos.momentum(zeta, alpha)

    def swept(rates, seeds):
        grid = collections.OrderedDict(zeta=rates, alpha=jnp.array(MUS))
        return jos.sweep(train_from, make, grid, seeds=seeds)

    result = jax.jit(swept)(jnp.array(RATES), jnp.arange(2))
    assert list(result.axes) == ["zeta", "alpha", "seed"]
    assert result.results["loss"].shape == (5, 3, 2)


def test_one_axis_alone_may_be_traced():
    swept = jax.jit(
        lambda mus: jos.sweep(train, jos.momentum, {"learning_rate": RATES, "mu": mus}).results
    )
    close(swept(jnp.array(MUS))[1, 2], train(jos.momentum(0.05, 0.9)))


def test_float64_grids_stay_float64(x64):
    swept = jos.sweep(
        lambda tx: jos.hyperparams(tx)["mu"], jos.momentum, {"learning_rate": [1], "mu": MUS}
    )
    assert swept.axes["mu"].dtype == np.float64
    np.testing.assert_allclose(swept.results[0], MUS, rtol=1e-15)


# ---------------------------------------------------------------- bad arguments

NUMBERS = "must be an array [n] of real numbers, got"
ONE = {"learning_rate": [0.1]}
BAD = [
    (TypeError, "train must be a function, got 3.", (3, jos.sgd, ONE), {}),
    (
        TypeError,
        "make_optimizer must be a function, got sgd(learning_rate=0.1).",
        (train, jos.sgd(0.1), ONE),
        {},
    ),
    (
        TypeError,
        "grid must map names of hyperparameters to values, got [0.1].",
        (train, jos.sgd, [0.1]),
        {},
    ),
    (TypeError, "grid must map names", (train, jos.sgd, {1: [0.1]}), {}),
    (ValueError, "the grid is empty", (train, jos.sgd, {}), {}),
    (
        TypeError,
        f"grid['learning_rate'] {NUMBERS} 'ab'.",
        (train, jos.sgd, {"learning_rate": "ab"}),
        {},
    ),
    (TypeError, f"{NUMBERS} [[1], 2].", (train, jos.sgd, {"learning_rate": [[1], 2]}), {}),
    (TypeError, f"{NUMBERS} [True].", (train, jos.sgd, {"learning_rate": [True]}), {}),
    (TypeError, f"{NUMBERS} [1j].", (train, jos.sgd, {"learning_rate": [1j]}), {}),
    (TypeError, f"{NUMBERS} None.", (train, jos.sgd, {"learning_rate": None}), {}),
    (ValueError, f"{NUMBERS} shape ().", (train, jos.sgd, {"learning_rate": 0.1}), {}),
    (ValueError, f"{NUMBERS} shape (1, 2).", (train, jos.sgd, {"learning_rate": [[1, 2]]}), {}),
    (ValueError, f"{NUMBERS} shape (0,).", (train, jos.sgd, {"learning_rate": []}), {}),
    (
        TypeError,
        "make_optimizer is called as make_optimizer(learning_rate=..., nu=...), but takes "
        "(learning_rate, mu=0.9): got an unexpected keyword argument 'nu'.",
        (train, jos.momentum, ONE | {"nu": [0.1]}),
        {},
    ),
    (
        TypeError,
        "make_optimizer(mu=...), but takes (learning_rate, mu=0.9): missing a required argument",
        (train, jos.momentum, {"mu": [0.1]}),
        {},
    ),
    (
        TypeError,
        "what make_optimizer returns is 3; expected a GradientTransformation",
        (train, lambda learning_rate: 3, ONE),
        {},
    ),
    (
        TypeError,
        "train is called as train(tx, seed), but takes (tx): too many positional arguments.",
        (train, jos.sgd, ONE),
        {"seeds": 2},
    ),
    (
        TypeError,
        "train is called as train(tx), but takes (tx, seed): missing a required argument: 'seed'.",
        (train_from, jos.sgd, ONE),
        {},
    ),
    (
        ValueError,
        "seeds must be an integer, at least 1, got 0.",
        (train_from, jos.sgd, ONE),
        {"seeds": 0},
    ),
    (
        TypeError,
        "seeds must be an array [n] of integers or keys, got [0.5].",
        (train_from, jos.sgd, ONE),
        {"seeds": [0.5]},
    ),
    (
        ValueError,
        "integers or keys, got shape (0,).",
        (train_from, jos.sgd, ONE),
        {"seeds": jnp.arange(0)},
    ),
    (
        ValueError,
        "with seeds, the grid cannot have a 'seed' of its own.",
        (train_from, lambda seed: jos.sgd(0.1), {"seed": [1]}),
        {"seeds": 2},
    ),
    *(
        (
            ValueError,
            f"batch_size must be an integer, at least 1, got {size}.",
            (train, jos.sgd, ONE),
            {"batch_size": size},
        )
        for size in (0, -1, 1.5, True)
    ),
]


@pytest.mark.parametrize(("error", "text", "arguments", "options"), BAD, ids=range(len(BAD)))
def test_bad_arguments_are_refused_in_words(error, text, arguments, options):
    with pytest.raises(error, match=re.escape(text)) as caught:
        jos.sweep(*arguments, **options)
    assert str(caught.value).startswith("sweep: ")


@pytest.mark.parametrize("bad", [[0.5, 1.5], [-0.1, 0.5], [0.5, np.nan, 0.9]])
def test_a_value_out_of_range_is_refused_wherever_it_stands(bad):
    with pytest.raises(ValueError, match=r"momentum: mu must be in \[0, 1\], got"):
        jos.sweep(train, jos.momentum, {"learning_rate": [0.1], "mu": bad})


def test_a_function_without_a_signature_is_called_as_it_is():
    grid_module.require_call("train", dict.fromkeys, ("tx",), {})
    grid_module.require_call("train", iter, ("tx", "seed"), {})
