"""What the golden runs do not show of the presets: single options, states of other shapes, refusals."""

import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax as the_real_optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.coasting import transition
from jaxopt_slides._core.pair import halves
from jaxopt_slides.presets import jax_example, keras, optax, slides, tf1, torch
from tests.goldens import grid
from tests.test_goldens import at, preset_of

G = jnp.array([3.1, -0.7])
W = jnp.array([0.5, 2.0])
RUNS = {run.id: run for run in grid.RUNS}


def first(tx, g=G):
    """The first update at W."""
    return tx.update(g, tx.init(W), W)[0]


def same(a, b):
    """Two trees are equal, number for number."""
    jax.tree.map(np.testing.assert_array_equal, a, b)


# ---------------------------------------------------------------- options of rules


@pytest.mark.parametrize(
    ("make", "option"),
    [(jos.nesterov, "true_lookahead"), (jos.adam, "nesterov"), (jos.adam, "eps_hat")],
)
def test_an_option_is_true_or_false(make, option):
    with pytest.raises(TypeError, match=f"{option} must be True or False, got 1"):
        make(0.1, **{option: 1})


def test_nothing_overflows_at_the_largest_count():
    """The count of the next step is t + 1, or t where that would be negative."""
    mu = jos.linear_schedule(0.0, 0.5, 2)
    for tx, expected in (
        (jos.nesterov(0.1, mu, true_lookahead=True), 0.5 * (0.5 - 0.1) - 0.1),
        (jos.adam(0.5, nesterov=True), -0.5),
    ):
        state = jax.tree.map(jnp.ones_like, tx.init(W))
        state = state._replace(count=jnp.int32(np.iinfo(np.int32).max))
        np.testing.assert_allclose(tx.update(jnp.ones(2), state)[0], [expected] * 2, rtol=1e-6)


# ---------------------------------------------------------------- options of presets


def test_adam_s_mean_alone_is_narrowed():
    """Also after a step, which is taken in float32."""
    narrow, wide = optax.adam(0.1, mu_dtype=jnp.bfloat16), optax.adam(0.1)
    state = narrow.init(W)
    assert (state.mean.dtype, state.mean_square.dtype) == (jnp.bfloat16, jnp.float32)
    updates, state = narrow.update(G, state)
    expected_updates, expected = wide.update(G, wide.init(W))
    assert (state.mean.dtype, state.mean_square.dtype) == (jnp.bfloat16, jnp.float32)
    np.testing.assert_array_equal(updates, expected_updates)
    np.testing.assert_array_equal(state.mean, expected.mean.astype(jnp.bfloat16))
    np.testing.assert_array_equal(state.mean_square, expected.mean_square)


def test_optax_s_velocity_is_narrowed():
    assert optax.sgd(0.1, 0.9, accumulator_dtype=jnp.bfloat16).init(W)[0].velocity.dtype == jnp.bfloat16
    assert optax.sgd(0.1, 0.9).init(W)[0].velocity.dtype == jnp.float32


def test_optax_s_mask():
    params = {"a": W, "b": W}
    tx = optax.adadelta(0.1, weight_decay=0.5, weight_decay_mask={"a": True, "b": False})
    plain, whole = optax.adadelta(0.1), optax.adadelta(0.1, weight_decay=0.5)
    updates = tx.update({"a": G, "b": G}, tx.init(params), params)[0]
    np.testing.assert_array_equal(updates["a"], first(whole))
    np.testing.assert_array_equal(updates["b"], first(plain))


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: torch.sgd(0.1, 0.9, **k),
        torch.rmsprop,
        torch.adagrad,
        torch.adadelta,
        torch.adam,
        lambda **k: torch.adam(decoupled_weight_decay=True, **k),
    ],
)
@pytest.mark.parametrize("weight_decay", [0, 0.5])
def test_maximize_is_the_gradient_of_minus_the_loss(make, weight_decay):
    up, down = make(weight_decay=weight_decay, maximize=True), make(weight_decay=weight_decay)
    np.testing.assert_allclose(first(up, G), first(down, -G), rtol=1e-6)


def test_a_plain_0_keeps_nothing_and_an_array_does():
    assert repr(torch.sgd(0.1, dampening=0.5)) == "chain(scale_by_learning_rate(learning_rate=0.1))"
    for tx in (keras.sgd(0.1), keras.sgd(0.1, nesterov=True), keras.rmsprop(), tf1.rmsprop(0.1)):
        assert tx.init(W).velocity is None
    for tx in (keras.sgd(0.1, jnp.zeros(())), tf1.rmsprop(0.1, momentum=jnp.zeros(()))):
        assert tx.init(W).velocity is not None
    assert len(torch.adagrad(lr_decay=jnp.zeros(())).init(W)) == 2
    assert len(jax_example.adagrad(0.1, momentum=0).init(W)) == 2
    with pytest.raises(ValueError, match=r"keras\.sgd: learning_rate must be finite and at least 0"):
        keras.sgd(jnp.float32(-1))


def test_what_decays_beside_a_rule_moves_without_a_gradient():
    """So it cannot coast before a division; without the decay it can."""
    transition(halves(jos.chain(keras.adagrad(), jos.scale_by_rms()))[1])
    with pytest.raises(ValueError, match="is not linear in its input"):
        transition(halves(jos.chain(keras.adagrad(weight_decay=0.1), jos.scale_by_rms()))[1])


def test_the_slides_defaults():
    assert repr(slides.momentum(0.1, 0.5)) == "momentum(learning_rate=0.1, mu=0.5)"
    defaults = {
        "sgd": {"learning_rate": inspect.Parameter.empty},
        "momentum": {"learning_rate": inspect.Parameter.empty, "mu": 0.9},
        "rmsprop": {"learning_rate": inspect.Parameter.empty, "decay_rate": 0.9},
        "adagrad": {"learning_rate": inspect.Parameter.empty},
    }
    for name, expected in defaults.items():
        parameters = inspect.signature(getattr(slides, name)).parameters.values()
        assert {p.name: p.default for p in parameters} == expected


# ---------------------------------------------------------------- refusals

REFUSED = {
    "torch nesterov without momentum": (lambda: torch.sgd(nesterov=True), "needs a momentum"),
    "torch nesterov with dampening": (
        lambda: torch.sgd(momentum=0.9, dampening=0.5, nesterov=True),
        "needs a momentum and no dampening",
    ),
    "torch momentum": (lambda: torch.sgd(momentum=1.5), "torch.sgd: momentum must be in [0, 1]"),
    "torch lr": (lambda: torch.sgd(-1.0), "torch.sgd: lr must be finite and at least 0"),
    "torch flag": (lambda: torch.sgd(maximize=1), "torch.sgd: maximize must be True or False"),
    "torch switch": (lambda: torch.sgd(foreach=1), "torch.sgd: foreach must be True, False or None"),
    "torch alpha": (lambda: torch.rmsprop(alpha=2), "torch.rmsprop: alpha must be in [0, 1]"),
    "torch lr_decay": (lambda: torch.adagrad(lr_decay=-1.0), "torch.adagrad: lr_decay must be finite"),
    "torch betas": (lambda: torch.adam(betas=0.9), "torch.adam: betas must be a pair"),
    "torch three betas": (lambda: torch.adam(betas=(0, 0, 0)), "torch.adam: betas must be a pair"),
    "torch beta": (lambda: torch.adam(betas=(0.9, 2)), "torch.adam: betas[1] must be in [0, 1)"),
    "torch amsgrad": (lambda: torch.adam(amsgrad=True), "torch.adam: amsgrad cannot be expressed here"),
    "keras amsgrad": (lambda: keras.adam(amsgrad=True), "keras.adam: amsgrad cannot be expressed here"),
    "keras use_ema": (lambda: keras.sgd(use_ema=True), "keras.sgd: use_ema cannot be expressed here"),
    "keras clipnorm": (lambda: keras.sgd(clipnorm=1.0), "keras.sgd: clipnorm cannot be expressed here"),
    "keras two clips": (
        lambda: keras.sgd(clipvalue=1.0, global_clipnorm=1.0),
        "keras.sgd: clipvalue and global_clipnorm cannot be used together",
    ),
    "keras clip": (lambda: keras.sgd(clipvalue=-1.0), "keras.sgd: clipvalue must be finite"),
    "keras decay": (lambda: keras.sgd(weight_decay=-1.0), "keras.sgd: weight_decay must be finite"),
    "keras steps": (
        lambda: keras.sgd(gradient_accumulation_steps=1),
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got 1.",
    ),
    "keras scale": (lambda: keras.sgd(loss_scale_factor=0), "loss_scale_factor must be finite and abo"),
    "keras name": (lambda: keras.sgd(name=1), "keras.sgd: name must be a string, got 1."),
    "keras argument": (
        lambda: keras.sgd(lr=1),
        "keras.sgd: no argument 'lr'; did you mean 'learning_rate'?",
    ),
    "keras arguments": (lambda: keras.sgd(*range(99)), "keras.sgd: too many positional arguments."),
    "tf1 adagrad from 0": (lambda: tf1.adagrad(0.1, 0.0), "initial_accumulator_value must be above 0"),
    "tf1 name": (lambda: tf1.sgd(0.1, name=1), "tf1.sgd: name must be a string, got 1."),
    "optax momentum": (lambda: optax.sgd(0.1, 2.0), "optax.sgd: momentum must be in [0, 1], got 2.0."),
    "optax decay": (lambda: optax.rmsprop(0.1, 2.0), "optax.rmsprop: decay must be in [0, 1]"),
    "jax mass": (
        lambda: jax_example.momentum(0.1, 2.0),
        "jax_example.momentum: mass must be in [0, 1]",
    ),
    "slides decay_rate": (lambda: slides.rmsprop(0.1, 2.0), "slides.rmsprop: decay_rate must be in"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused(row):
    call, text = REFUSED[row]
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        call()


# ---------------------------------------------------------------- torch's and Keras's states

OTHER_NUMBERS = [
    ("torch-sgd-momentum=0.9", "lr", 0.02),
    ("torch-sgd-momentum=0.9", "momentum", 0.8),
    ("torch-sgd-momentum=0.9", "weight_decay", 0.1),
    ("torch-sgd-momentum=0.9", "dampening", 0.5),
    ("torch-sgd-momentum=0.9", "nesterov", True),
    ("torch-sgd-momentum=0.9", "maximize", True),
    ("torch-sgd-momentum=0.9-dampening=0.5", "dampening", 0.4),
    ("torch-sgd-momentum=0.9-schedule=0.98", "lr", 0.02),
    ("torch-rmsprop-centered-momentum=0.9", "alpha", 0.9),
    ("torch-rmsprop-centered-momentum=0.9", "momentum", 0.99),
    ("torch-adagrad-lr_decay=0.01", "lr_decay", 0.0),
    ("torch-adagrad-lr_decay=0.01", "eps", 1e-7),
    ("torch-adadelta", "rho", 0.95),
    ("torch-adam", "betas", (0.8, 0.999)),
    ("torch-adam", "betas", (0.9, 0.99)),
]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("name", "key", "value"), OTHER_NUMBERS)
def test_a_param_group_with_another_number_is_refused(name, key, value):
    tx, (x, saved) = preset_of(RUNS[name]), at(name, 100)
    params, (group,) = [jnp.asarray(w) for w in grid.split(x)], saved["param_groups"]
    assert group[key] != value
    with pytest.raises(ValueError, match=rf"the state dict has {key}.*the transformation .* at the"):
        torch.load_state(tx, params, saved | {"param_groups": [group | {key: value}]}, count=100)


def buffers(*arrays):
    """A torch state of momentum buffers."""
    return {"state": {i: {"momentum_buffer": np.array(a)} for i, a in enumerate(arrays)}}


TWINS = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
BALL = torch.sgd(0.1, 0.9)


def test_names_put_a_framework_s_parameters_in_order():
    tx, saved = BALL, buffers([1.0], [2.0])
    for names, order in ((["a", "b"], [1, 2]), (["b", "a"], [2, 1])):
        state = torch.load_state(tx, TWINS, saved, names=names)
        assert [float(state[0].velocity[n][0]) for n in "ab"] == order
        rows = torch.to_state_dict(tx, TWINS, state, names=names)["state"]
        assert [float(rows[i]["momentum_buffer"][0]) for i in (0, 1)] == [1, 2]
        named = saved | {"param_groups": [{"params": [0, 1], "param_names": names}]}
        same(torch.load_state(tx, TWINS, named), state)
        three = TWINS | {"c": jnp.zeros(1)}  # an order and its inverse part here
        cycle = torch.load_state(tx, three, buffers([1.0], [2.0], [3.0]), names=["c", "a", "b"])
        assert [float(cycle[0].velocity[n][0]) for n in "abc"] == [2, 3, 1]
        rows = torch.to_state_dict(tx, three, cycle, names=["c", "a", "b"])["state"]
        assert [float(rows[i]["momentum_buffer"][0]) for i in range(3)] == [1, 2, 3]
    other = saved | {"param_groups": [{"params": [1, 0]}]}
    state = torch.load_state(tx, [jnp.zeros(1)] * 2, other)
    assert [float(v[0]) for v in state[0].velocity] == [2, 1]
    with pytest.raises(ValueError, match="a and b have one shape"):
        torch.load_state(tx, TWINS, saved)
    with pytest.raises(ValueError, match="names must be the leaves"):
        torch.load_state(tx, TWINS, saved, names=["a", "a"])


def test_keras_s_variables_in_the_order_of_names():
    tx, params = keras.adam(), TWINS | {"c": jnp.zeros(1)}
    store = {"0": np.array(7)} | {str(i): np.array([i / 8]) for i in range(1, 7)}
    state = keras.load_state(tx, params, store, names=["c", "a", "b"])
    assert [float(state.mean[n][0]) * 8 for n in "abc"] == [3, 5, 1]
    assert [float(state.mean_square[n][0]) * 8 for n in "abc"] == [4, 6, 2]
    out = keras.to_state_dict(tx, params, state, names=["c", "a", "b"])
    assert [float(out[str(i)]) for i in (0, 1)] == [7, 0.001]
    assert [float(out[str(i)][0]) * 8 for i in range(2, 8)] == [1, 2, 3, 4, 5, 6]


def test_a_learning_rate_that_is_a_schedule_is_no_keras_variable():
    tx = keras.sgd(jos.exponential_decay(0.1, 1, 0.5), 0.9)
    assert set(keras.to_state_dict(tx, [W], tx.init([W]))) == {"0", "1"}
    store = {"0": np.array(1), "1": np.array(0.05), "2": np.array([1.0, 2.0])}
    assert int(keras.load_state(tx, [W], store).count) == 1  # the rate of the next step
    with pytest.raises(ValueError, match=r"Keras has the learning rate 0\.1, the transformation 0\.05"):
        keras.load_state(tx, [W], store | {"1": np.array(0.1)})


STATES = {
    "no state": (BALL, {"param_groups": []}, {}, "has no 'state'"),
    "a buffer of None": (BALL, {"state": {0: {"momentum_buffer": None}}}, {}, "has no momentum_buffer"),
    "no buffer": (BALL, {"state": {0: {"step": 3}}}, {}, "has no momentum_buffer"),
    "one more": (
        BALL,
        {"state": {0: {"momentum_buffer": np.ones(2), "exp_avg": np.ones(2)}}},
        {},
        "has a exp_avg, for which",
    ),
    "another rule": (
        jos.chain(jos.adam(0.1), jos.trace(0.9)),
        {"state": {0: {"step": 3, "exp_avg": G, "exp_avg_sq": G**2}}},
        {},
        "trace keeps a velocity, and PyTorch's Adam does not",
    ),
    "more parameters": (BALL, buffers([1.0, 2.0], [1.0, 2.0]), {}, "1 leaves, the state dict 2 param"),
    "another shape": (BALL, buffers([1.0]), {}, "has shape (1,), expected (2,)"),
    "integers": (BALL, buffers([1, 2]), {}, "has dtype int64, expected real floating numbers"),
    "two velocities": (
        jos.chain(jos.trace(0.9), jos.momentum(0.1)),
        buffers([1.0, 2.0]),
        {},
        "keeps two of velocity",
    ),
    "a wrapper": (jos.multi_steps(BALL, 2), buffers([1.0, 2.0]), {}, "has a state that no framework"),
    "no rate to divide by": (jos.momentum(0.0), buffers([1.0, 2.0]), {}, "rate, and it is 0; convert"),
    "no count": (
        torch.sgd(jos.exponential_decay(0.1, 1, 0.5), 0.9),
        buffers([1.0, 2.0]),
        {},
        "scale_by_learning_rate depends on it: pass count=",
    ),
    "a count below 0": (
        BALL,
        buffers([1.0, 2.0]),
        {"count": -1},
        "count must be from 0 to 2**31 - 1, got -1",
    ),
    "two counts": (
        torch.adam(),
        {"state": {0: {"step": 3, "exp_avg": G, "exp_avg_sq": G**2}}},
        {"count": 4},
        "count=4, but the state says 3 steps",
    ),
}


@pytest.mark.parametrize("row", STATES)
def test_a_torch_state_is_refused(row):
    tx, saved, more, text = STATES[row]
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        torch.load_state(tx, [W], saved, **more)


def test_parameters_of_different_age_are_refused():
    rows = {i: {"step": 3 + i, "exp_avg": G, "exp_avg_sq": G**2} for i in range(2)}
    with pytest.raises(ValueError, match=re.escape("have taken [3, 4] steps")):
        torch.load_state(torch.adam(), [W, W], {"state": rows})


def test_a_fresh_torch_state_is_empty_and_a_count_alone_is_a_state():
    for tx in (torch.sgd(0.1), BALL):
        assert torch.to_state_dict(tx, [W], tx.init([W])) == {"state": {}}
        same(torch.load_state(tx, [W], {"state": {}}), tx.init([W]))
    state = torch.load_state(torch.sgd(jos.exponential_decay(0.1, 1, 0.5)), [W], {"state": {}}, count=5)
    assert int(state[0].count) == 5
    with pytest.raises(ValueError, match="pass count="):  # without buffers nothing says that it is new
        torch.load_state(torch.sgd(jos.exponential_decay(0.1, 1, 0.5)), [W], {"state": {}})
    with pytest.raises(ValueError, match="1 leaves, the state dict 0 parameters"):
        torch.load_state(BALL, [W], {"state": {}}, count=5)
    row = torch.to_state_dict(torch.adam(), [W], torch.adam().init([W]))["state"][0]
    assert (row["step"].dtype, row["step"].shape) == (np.float32, ())


def aligned(*values):
    """A float32 array where JAX would take over the memory of NumPy's."""
    raw = np.zeros(256, np.uint8)
    array = raw[-raw.ctypes.data % 64 :][: 4 * len(values)].view(np.float32)
    array[:] = values
    return array


def test_what_is_loaded_shares_no_memory():
    row = {"step": 1, "exp_avg": aligned(1.0, 2.0), "exp_avg_sq": aligned(3.0, 4.0)}
    mean = torch.load_state(torch.adam(), [W], {"state": {0: row}})[0].mean[0]
    row["exp_avg"][:] = 7
    np.testing.assert_array_equal(mean, [1, 2])


@pytest.mark.usefixtures("x64")
def test_what_is_loaded_has_the_dtypes_of_init():
    row = {"step": 1, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}
    for w in (W, np.asarray(W, float)):
        state = torch.load_state(torch.adam(), [w], {"state": {0: row}})
        jax.tree.map(
            lambda x, y: np.testing.assert_equal(x.dtype, y.dtype), state, torch.adam().init([w])
        )


def test_a_velocity_goes_out_by_the_rate_of_the_next_step():
    tx = jos.momentum(jos.exponential_decay(0.1, 1, 0.5))
    state = jax.tree.map(jnp.ones_like, tx.init([W]))._replace(count=jnp.int32(2))
    rows = torch.to_state_dict(tx, [W], state)["state"]
    np.testing.assert_allclose(rows[0]["momentum_buffer"], -40, rtol=1e-6)


def test_keras_s_velocity_becomes_torch_s_and_back():
    store = {"0": np.array(1), "1": np.array(0.1), "2": np.array([1.0, 2.0])}
    state = keras.load_state(BALL, [W], store)
    np.testing.assert_allclose(state[0].velocity[0], [-10, -20], rtol=1e-6)
    np.testing.assert_allclose(keras.to_state_dict(BALL, [W], state)["2"], [1, 2], rtol=1e-6)


def test_the_rule_nesterov_is_torch_s():
    group = {"params": [0], "lr": 0.1, "momentum": 0.9, "nesterov": True}
    saved = buffers([1.0, 2.0]) | {"param_groups": [group]}
    state = torch.load_state(jos.nesterov(0.1, 0.9), [W], saved)
    np.testing.assert_allclose(state.velocity[0], [-0.1, -0.2], rtol=1e-6)


def test_numbers_are_compared_without_a_velocity():
    saved = {"state": {0: {}}, "param_groups": [{"params": [0], "lr": 0.2}]}
    with pytest.raises(ValueError, match=r"has lr=0\.2, the transformation 0\.1"):
        torch.load_state(torch.sgd(0.1), [W], saved)


def test_twins_in_a_list_have_an_order_and_others_in_a_dict():
    state = torch.load_state(BALL, [W, W], buffers([1.0, 2.0], [3.0, 4.0]))
    same(state[0].velocity, [np.array([1, 2]), np.array([3, 4])])
    state = torch.load_state(BALL, {"a": W, "b": jnp.zeros(1)}, buffers([1.0, 2.0], [3.0]))
    same(state[0].velocity, {"a": np.array([1, 2]), "b": np.array([3])})


def test_names_have_dots():
    params = {"a": {"c": jnp.zeros(1)}, "b": {"c": jnp.zeros(1)}}
    state = torch.load_state(BALL, params, buffers([1.0], [2.0]), names=["b.c", "a.c"])
    same(state[0].velocity, {"a": {"c": np.array([2])}, "b": {"c": np.array([1])}})


def test_keras_s_variables_are_counted():
    for store in (
        {"0": np.array(1)},
        {str(i): np.ones(2) for i in range(5)},
        {"0": 1, "2": np.ones(2)},
    ):
        with pytest.raises(ValueError, match="expected the step, perhaps the learning rate"):
            keras.load_state(keras.sgd(0.1, 0.9), [W], store)


# ---------------------------------------------------------------- optax's own states

ALIASES = {
    "sgd": (0.1, 0.9),
    "rmsprop": {"learning_rate": 0.1, "momentum": 0.9, "centered": True, "bias_correction": True},
    "adagrad": (0.1,),
    "adadelta": (0.1,),
    "adam": (0.1,),
}
FALLING = (jos.exponential_decay(0.1, 1, 0.5), 0.9)


def of_optax(name, arguments):
    """optax's optimizer and ours."""
    keywords = arguments if isinstance(arguments, dict) else {}
    positional = () if keywords else arguments
    return (getattr(m, name)(*positional, **keywords) for m in (the_real_optax, optax))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("name", "arguments"), [*ALIASES.items(), ("sgd", FALLING), ("rmsprop", (FALLING[0],))]
)
def test_an_optax_run_is_handed_over_and_back(name, arguments):
    theirs, ours = of_optax(name, arguments)
    params = {"a": W.astype(float), "b": {"c": jnp.float64(2)}}
    g = [jax.tree.map(lambda x, t=t: jnp.sin(x * (3 + t)), params) for t in range(5)]
    state = theirs.init(params)
    with jax.numpy_dtype_promotion("standard"):
        for t in range(3):
            _, state = theirs.update(g[t], state, params)
    mine = optax.load_state(ours, params, state)
    back = optax.to_state(ours, params, mine, theirs.init(params))
    assert jax.tree.structure(back) == jax.tree.structure(state)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-14), back, state)
    for t in (3, 4):
        with jax.numpy_dtype_promotion("standard"):
            expected, state = theirs.update(g[t], state, params)
        got, mine = ours.update(g[t], mine, params)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), got, expected)


@pytest.mark.parametrize(("make", "factor"), [(jos.momentum, -0.1), (BALL, 1.0)])
def test_optax_s_trace_in_another_convention(make, factor):
    tx = BALL if factor == 1 else make(0.1)
    state = optax.load_state(tx, [W], {"trace": [np.ones(2)]})
    (velocity,) = [x for x in jax.tree.leaves(state) if x.shape]
    np.testing.assert_allclose(velocity, [factor] * 2, rtol=1e-6)
    np.testing.assert_allclose(optax.to_state_dict(tx, [W], state)["trace"][0], 1, rtol=1e-6)


TRACE = the_real_optax.TraceState([np.ones(2)])
OPTAX_STATES = {
    "another field": ({"nu": [np.ones(2)]}, "keeps ['trace'] in optax's words, the state has ['nu']"),
    "one more field": ({"trace": [np.ones(2)], "nu": [np.ones(2)]}, "the state has ['nu', 'trace']"),
    "two traces": ((TRACE, TRACE), "two fields trace"),
    "two counts": (
        (TRACE, the_real_optax.ScaleByScheduleState(1), the_real_optax.ScaleByScheduleState(2)),
        "counts 1 and 2",
    ),
    "another tree": ({"trace": {"a": np.ones(2)}}, "trace"),
}


@pytest.mark.parametrize("row", OPTAX_STATES)
def test_an_optax_state_is_refused(row):
    state, text = OPTAX_STATES[row]
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        optax.load_state(optax.sgd(0.1, 0.9), [W], state)


def test_an_optax_state_of_another_rule_is_not_filled():
    tx = optax.sgd(0.1, 0.9)
    with pytest.raises(ValueError, match="the state to fill has"):
        optax.to_state(tx, [W], tx.init([W]), the_real_optax.adam(0.1).init([W]))


def test_a_count_that_is_filled_in_twice_is_two_arrays():
    """One buffer could not be donated twice."""
    theirs, ours = of_optax("adam", (FALLING[0],))
    state = optax.to_state(ours, [W], ours.init([W]), theirs.init([W]))
    assert len({x.unsafe_buffer_pointer() for x in jax.tree.leaves(state)}) == 4


def test_the_count_is_asked_for_where_it_matters():
    means = {"mu": [np.ones(2)], "nu": [np.ones(2)]}
    with pytest.raises(ValueError, match="the next step of adam depends on it"):
        optax.load_state(optax.adam(0.1), [W], means)
    corrected = optax.rmsprop(0.1, bias_correction=True)
    with pytest.raises(ValueError, match="the next step of scale_by_rms depends on it"):
        optax.load_state(corrected, [W], {"nu": means["nu"]})
    assert int(optax.load_state(corrected, [W], {"nu": means["nu"]}, count=3)[0].count) == 3
    assert int(optax.load_state(optax.rmsprop(0.1), [W], {"nu": means["nu"]})[0].count) == 0
