"""What each framework means by the same name, in numbers worked out without this library.

The tables of docs/conventions.md rest on these. Every row starts at x = 1 and sees the gradients 0.1
and then -0.05, with a learning rate of 0.01 and a momentum of 0.9 where there is one. The values were
computed in float64 from the frameworks' sources, and mostly compared with their runs.
"""

import inspect
import math
import pathlib
import re

import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides.presets import jax_example, keras, optax, slides, tf1, torch

pytestmark = pytest.mark.usefixtures("x64")

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "conventions.md"
GRADIENTS = (0.1, -0.05)
TWELVE_DIGITS = 0.5e-12
MU = 0.9


def decaying():
    """The learning rate of the scheduled pair: 0.01, and then 0.001."""
    return jos.piecewise_constant_schedule(0.01, {1: 0.1})


def average(decay):
    """A velocity that is the mean of the gradients from 0, which no framework's SGD has."""
    return jos.chain(jos.ema(decay, debias=False), jos.scale_by_learning_rate(0.01))


def path(tx, gradients, x=1.0):
    """The parameter after each gradient; a gradient may be a function of the parameter."""
    x = jnp.asarray(x, jnp.float64)
    state, found = tx.init(x), []
    for g in gradients:
        g = jnp.asarray(g(x) if callable(g) else g, jnp.float64)
        updates, state = tx.update(g, state, x)
        x = jos.apply_updates(x, updates)
        found.append(float(x))
    return found


# ---------------------------------------------------------------- two steps of each rule

DOWNHILL = (0.999, 0.9995)
WITH_VELOCITY = (0.999, 0.9986)
LOOKED_AHEAD = (0.9981, 0.99824)
MOMENTUM = {
    "slides sgd": (lambda: slides.sgd(0.01), *DOWNHILL),
    "torch sgd": (lambda: torch.sgd(0.01), *DOWNHILL),
    "keras sgd": (lambda: keras.sgd(0.01), *DOWNHILL),
    "tf1 sgd": (lambda: tf1.sgd(0.01), *DOWNHILL),
    "optax sgd": (lambda: optax.sgd(0.01), *DOWNHILL),
    "jax sgd": (lambda: jax_example.sgd(0.01), *DOWNHILL),
    "slides, inside": (lambda: slides.momentum(0.01, MU), *WITH_VELOCITY),
    "keras, inside": (lambda: keras.sgd(0.01, MU), *WITH_VELOCITY),
    "torch, outside": (lambda: torch.sgd(0.01, MU), *WITH_VELOCITY),
    "tf1, outside": (lambda: tf1.momentum(0.01, MU), *WITH_VELOCITY),
    "optax, outside": (lambda: optax.sgd(0.01, MU), *WITH_VELOCITY),
    "jax, outside": (lambda: jax_example.momentum(0.01, MU), *WITH_VELOCITY),
    "torch dampening": (lambda: torch.sgd(0.01, MU, dampening=0.9), 0.999, 0.99815),
    "mean from 0": (lambda: average(MU), 0.9999, 0.99986),
    "slides nesterov": (lambda: jos.nesterov(0.01, MU), *LOOKED_AHEAD),
    "keras nesterov": (lambda: keras.sgd(0.01, MU, nesterov=True), *LOOKED_AHEAD),
    "torch nesterov": (lambda: torch.sgd(0.01, MU, nesterov=True), *LOOKED_AHEAD),
    "tf1 nesterov": (lambda: tf1.momentum(0.01, MU, use_nesterov=True), *LOOKED_AHEAD),
    "optax nesterov": (lambda: optax.sgd(0.01, MU, nesterov=True), *LOOKED_AHEAD),
    "jax nesterov": (lambda: jax_example.nesterov(0.01, MU), *LOOKED_AHEAD),
    "true nesterov": (lambda: jos.nesterov(0.01, MU, true_lookahead=True), *LOOKED_AHEAD),
    "slides, decaying": (lambda: slides.momentum(decaying(), MU), 0.999, 0.99815),
    "keras, decaying": (lambda: keras.sgd(decaying(), MU), 0.999, 0.99815),
    "torch, decaying": (lambda: torch.sgd(decaying(), MU), 0.999, 0.99896),
    "tf1, decaying": (lambda: tf1.momentum(decaying(), MU), 0.999, 0.99896),
    "optax, decaying": (lambda: optax.sgd(decaying(), MU), 0.999, 0.99896),
    "jax, decaying": (lambda: jax_example.momentum(decaying(), MU), 0.999, 0.99896),
}

SLIDES_RMS = (0.968377323398000, 0.983121475535357)
KERAS_RMS_MOMENTUM = (0.968378804418571, 0.954663283000596)
OPTAX_RMS = (0.968377381511013, 0.983121513021723)
OPTAX_RMS_MOMENTUM = (0.968377381511013, 0.954661156381635)
RMSPROP = {
    "slides": (lambda: slides.rmsprop(0.01), *SLIDES_RMS),
    "slides, decay 0.99": (lambda: slides.rmsprop(0.01, 0.99), 0.900000999990000, 0.944901922274508),
    "Hinton, no eps": (lambda: jos.rmsprop(0.01, eps=0.0), 0.968377223398316, 0.983121419013806),
    "torch": (torch.rmsprop, 0.900000099999900, 0.944901385184049),
    "torch momentum": (lambda: torch.rmsprop(momentum=MU), 0.900000099999900, 0.854901475183959),
    "torch centered": (lambda: torch.rmsprop(centered=True), 0.899496319484078, 0.944441138822421),
    "keras": (lambda: keras.rmsprop(0.01), 0.968378804418571, 0.983122359023882),
    "keras momentum": (lambda: keras.rmsprop(0.01, momentum=MU), *KERAS_RMS_MOMENTUM),
    "keras centered": (
        lambda: keras.rmsprop(0.01, centered=True),
        0.966668518364212,
        0.981515710513454,
    ),
    # tf.keras before Keras 3 has no preset; these are its two rules. With momentum, eps moves.
    "tf.keras legacy": (lambda: jos.rmsprop(0.01, eps=1e-7), *SLIDES_RMS),
    "tf.keras legacy momentum": (
        lambda: jos.rmsprop(0.01, eps=0.0, eps_root=1e-7, momentum=MU),
        *KERAS_RMS_MOMENTUM,
    ),
    "tf1": (lambda: tf1.rmsprop(0.01), 0.998946492566089, 0.999501654165194),
    "tf1 momentum": (lambda: tf1.rmsprop(0.01, momentum=MU), 0.998946492566089, 0.998553497474674),
    "tf1 centered": (lambda: tf1.rmsprop(0.01, centered=True), 0.998946434097990, 0.999501601172480),
    "optax": (lambda: optax.rmsprop(0.01), *OPTAX_RMS),
    "jax": (lambda: jax_example.rmsprop(0.01), *OPTAX_RMS),
    "optax momentum": (lambda: optax.rmsprop(0.01, momentum=MU), *OPTAX_RMS_MOMENTUM),
    "jax momentum": (lambda: jax_example.rmsprop_momentum(0.01), *OPTAX_RMS_MOMENTUM),
    "optax nesterov": (
        lambda: optax.rmsprop(0.01, momentum=MU, nesterov=True),
        0.939917024870925,
        0.942316553765194,
    ),
    "optax bias correction": (
        lambda: optax.rmsprop(0.01, bias_correction=True),
        0.990000004999996,
        0.996426845560041,
    ),
}

FROM_A_TENTH = (0.996984887924728, 0.998475599247189)
ADAGRAD = {
    "slides": (lambda: slides.adagrad(0.01), 0.990000009999990, 0.994472141954993),
    "torch": (torch.adagrad, 0.990000000010000, 0.994472135961000),
    "keras": (lambda: keras.adagrad(0.01), *FROM_A_TENTH),
    "tf.keras legacy": (
        lambda: jos.adagrad(0.01, initial_accumulator_value=0.1),
        0.996984887463313,
        0.998475599003869,
    ),
    "tf1": (lambda: tf1.adagrad(0.01), 0.996984886554222, 0.998475598539222),
    "optax": (lambda: optax.adagrad(0.01), *FROM_A_TENTH),
    "jax": (lambda: jax_example.adagrad(0.01), 0.999, 0.998547213595500),
}

TABLES = {"momentum": MOMENTUM, "rmsprop": RMSPROP, "adagrad": ADAGRAD}
ROWS = [pytest.param(*row, id=f"{t}-{n}") for t, table in TABLES.items() for n, row in table.items()]


@pytest.mark.parametrize(("make", "first", "second"), ROWS)
def test_two_steps(make, first, second):
    np.testing.assert_allclose(path(make(), GRADIENTS), [first, second], rtol=0, atol=TWELVE_DIGITS)


@pytest.mark.parametrize(
    ("true", "expected"),
    [pytest.param(True, [0.81, 0.55971], id="true"), pytest.param(False, [0.85, 0.6075], id="usual")],
)
def test_nesterov_under_a_momentum_schedule(true, expected):
    """Down x^2/2 from 1 while mu goes 0.5, 0.9, 0.99: the true method looks ahead with the next mu."""
    mu = jos.piecewise_constant_schedule(0.5, {1: 0.9 / 0.5, 2: 0.99 / 0.9})
    tx = jos.nesterov(0.1, mu, true_lookahead=true)
    found = path(tx, [lambda x: x] * 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TWELVE_DIGITS)


def test_every_framework_looks_ahead_with_the_mu_of_this_step():
    def mu():
        return jos.piecewise_constant_schedule(0.5, {1: 0.9 / 0.5, 2: 0.99 / 0.9})

    for tx in (
        torch.sgd(0.1, mu(), nesterov=True),
        keras.sgd(0.1, mu(), nesterov=True),
        tf1.momentum(0.1, mu(), use_nesterov=True),
        optax.sgd(0.1, mu(), nesterov=True),
        jax_example.nesterov(0.1, mu()),
    ):
        found = path(tx, [lambda x: x] * 2)
        np.testing.assert_allclose(found, [0.85, 0.6075], rtol=0, atol=TWELVE_DIGITS)


def test_converting_a_velocity():
    """b = -v / lr, with the learning rate of the next step."""
    v = slides.momentum(0.01, MU).update(jnp.float64(0.1), slides.momentum(0.01, MU).init(1.0))[1]
    saved = torch.to_state_dict(slides.momentum(0.01, MU), 1.0, v)
    np.testing.assert_allclose(saved["state"][0]["momentum_buffer"], 0.1, rtol=1e-15)
    back = torch.load_state(slides.momentum(0.001, MU), jnp.float64(1), saved)
    np.testing.assert_allclose(back.velocity, -0.001 * 0.1, rtol=1e-15)


def test_lr_decay_divides_torch_s_learning_rate():
    """lr_t = lr / (1 + (t - 1) lr_decay)."""
    x1, x2 = path(torch.adagrad(), GRADIENTS)
    slower = path(torch.adagrad(lr_decay=0.5), GRADIENTS)
    np.testing.assert_allclose(slower, [x1, x1 + (x2 - x1) / 1.5], rtol=0, atol=TWELVE_DIGITS)


# ---------------------------------------------------------------- defaults, starts, refusals


def default_of(make, name):
    default = inspect.signature(make).parameters[name].default
    return None if default is inspect.Parameter.empty else default


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (torch, "lr", (1e-3, 1e-2, 1e-2)),
        (keras, "learning_rate", (0.01, 0.001, 0.001)),
        (tf1, "learning_rate", (None, None, None)),
        (optax, "learning_rate", (None, None, None)),
        (jax_example, "step_size", (None, None, None)),
        (slides, "learning_rate", (None, None, None)),
    ],
)
def test_default_learning_rates(module, name, expected):
    rules = (module.sgd, module.rmsprop, module.adagrad)
    assert tuple(default_of(rule, name) for rule in rules) == expected


def test_a_centered_mean_starts_at_zero():
    for tx in (tf1.rmsprop(0.01, centered=True), keras.rmsprop(0.01, centered=True)):
        assert tx.init(jnp.ones(())).mean == 0
    assert tf1.rmsprop(0.01, centered=True).init(jnp.ones(())).mean_square == 1
    assert torch.rmsprop(centered=True).init(jnp.ones(()))[0].mean == 0


def test_a_sum_of_zero():
    """TF1 refuses to start there; optax and jax's example return 0 while the sum is 0."""
    with pytest.raises(ValueError, match="initial_accumulator_value must be above 0"):
        tf1.adagrad(0.01, initial_accumulator_value=0.0)
    for tx in (optax.adagrad(0.01, 0.0), jax_example.adagrad(0.01), optax.adagrad(0.01, 0.0, eps=0.0)):
        assert path(tx, [0.0, 0.0]) == [1.0, 1.0]


def test_only_optax_has_a_bias_correction():
    having = [
        module.__name__.split(".")[2]
        for module in (slides, torch, keras, tf1, optax, jax_example)
        if "bias_correction" in inspect.signature(module.rmsprop).parameters
    ]
    assert having == ["optax"]


def test_weight_decay():
    """torch: g += wd x, before the moments. Keras: x -= x wd lr, before the step."""
    coupled = path(torch.sgd(0.01, MU, weight_decay=0.5), GRADIENTS)
    # b is 0.6, and then 0.54 - 0.05 + 0.497.
    np.testing.assert_allclose(coupled, [0.994, 0.994 - 0.00987], rtol=0, atol=TWELVE_DIGITS)
    decoupled = path(keras.sgd(0.01, MU, weight_decay=0.5), GRADIENTS)
    # v is -0.001, and then -0.0004.
    expected = [0.995 - 0.001, 0.994 * 0.995 - 0.0004]
    np.testing.assert_allclose(decoupled, expected, rtol=0, atol=TWELVE_DIGITS)
    adaptive = path(torch.rmsprop(weight_decay=0.5), GRADIENTS[:1])[0]  # g is 0.6: lr / sqrt(0.01)
    np.testing.assert_allclose(adaptive, 1 - 0.01 * 0.6 / (0.06 + 1e-8), rtol=0, atol=TWELVE_DIGITS)
    adaptive = path(keras.rmsprop(0.01, weight_decay=0.5), GRADIENTS[:1])[0]
    np.testing.assert_allclose(adaptive, 0.968378804418571 - 0.005, rtol=0, atol=TWELVE_DIGITS)
    for rule in (optax.sgd, optax.rmsprop, optax.adagrad):
        assert "weight_decay" not in inspect.signature(rule).parameters


def test_jax_s_hidden_average_can_be_left_out():
    x1, x2 = path(jax_example.adagrad(0.01, momentum=0.0), GRADIENTS)
    np.testing.assert_allclose([x1, x2], [0.99, 0.99 + 0.01 / math.sqrt(5)], rtol=0, atol=TWELVE_DIGITS)


# ---------------------------------------------------------------- where people get hurt


@pytest.mark.parametrize(
    ("make", "times"),
    [
        pytest.param(torch.rmsprop, 10, id="torch"),
        pytest.param(lambda: slides.rmsprop(0.01), 3.16, id="slides"),
        pytest.param(lambda: keras.rmsprop(0.01), 3.16, id="keras"),
        pytest.param(lambda: optax.rmsprop(0.01), 3.16, id="optax"),
        pytest.param(lambda: optax.rmsprop(0.01, bias_correction=True), 1.00, id="optax, corrected"),
        pytest.param(lambda: tf1.rmsprop(0.01), 0.1 / math.sqrt(0.9 + 0.1 * 0.01), id="tf1"),
    ],
)
def test_the_first_step_in_learning_rates(make, times):
    step = 1 - path(make(), GRADIENTS[:1])[0]
    np.testing.assert_allclose(step / 0.01, times, rtol=1e-3)


def kept(tx, small, steps=100):
    """How far a coordinate of constant gradient ``small`` comes, relative to one of gradient 1."""
    x, g = jnp.zeros(2), jnp.array([small, 1.0])
    state = tx.init(x)
    for _ in range(steps):
        updates, state = tx.update(g, state, x)
        x = jos.apply_updates(x, updates)
    return float(x[0] / x[1])


@pytest.mark.parametrize(
    ("make", "printed"),
    [
        pytest.param(lambda: slides.adagrad(0.01), "0.997", id="slides adagrad"),
        pytest.param(lambda: optax.adagrad(0.01), "0.00017", id="optax adagrad"),
        pytest.param(lambda: slides.rmsprop(0.01), "0.989", id="slides rmsprop"),
        pytest.param(lambda: optax.rmsprop(0.01), "0.09", id="optax rmsprop"),
    ],
)
def test_eps_inside_the_root_flattens_small_gradients(make, printed):
    digits = len(printed) - 2
    assert f"{kept(make(), 1e-5):.{digits}f}" == printed


def test_the_gain_of_a_vanishing_gradient():
    """u / g is lr / eps with eps outside the root, and lr / sqrt(eps) with eps inside."""
    gain = {}
    for name, tx in {"outside": slides.adagrad(1.0), "inside": keras.adagrad(1.0, 0.0)}.items():
        updates, _ = tx.update(jnp.float64(1e-20), tx.init(jnp.float64(0)))
        gain[name] = float(-updates / 1e-20)
    np.testing.assert_allclose(gain["outside"], 1e7, rtol=1e-9)
    np.testing.assert_allclose(gain["inside"], math.sqrt(1e7), rtol=1e-9)


# ---------------------------------------------------------------- the page


@pytest.mark.parametrize(("_make", "first", "second"), ROWS)
def test_the_page_lists_the_row(_make, first, second):
    assert f" | {first:.12f} | {second:.12f} |\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_lists_no_other_row():
    known = {f"{first:.12f} | {second:.12f}" for _, first, second in (row.values for row in ROWS)}
    assert set(re.findall(r"(0\.\d{12} \| 0\.\d{12}) \|\n", PAGE.read_text(encoding="utf-8"))) == known


def test_the_page_s_links_lead_somewhere():
    page = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 10
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (PAGE.parent / link).exists(), link
