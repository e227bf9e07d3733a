"""sample_batches, make_step and fit: the slides' main loop."""

import functools
import itertools
import re
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos

scan_program = sys.modules["jaxopt_slides.training.fit"]._jitted_scan
step_programs = sys.modules["jaxopt_slides.training.step"]


def bowl(w):
    return jnp.sum(w**2)


def line(params, batch):
    return jnp.mean((params["a"] * batch["x"] + params["b"] - batch["y"]) ** 2)


def data(examples=12):
    x = np.linspace(-1, 1, examples, dtype=np.float32)
    return {"x": x, "y": 3 * x + 1}


START = {"a": 0.0, "b": 0.0}


def loop(learning_rate, mu, w, steps):
    """The slides' momentum loop on the bowl, in NumPy: iterates and losses."""
    x, v, iterates, losses = np.float64(w), 0.0, [], []
    for _ in range(steps):
        iterates.append(x)
        losses.append(x**2)
        dx = 2 * x
        v = mu * v - learning_rate * dx
        x = x + v
    return x, np.array(iterates), np.array(losses)


# sample_batches


def test_an_epoch_visits_every_example_once_and_epochs_differ():
    batches = jos.sample_batches(jax.random.key(0), np.arange(12), 4)
    drawn = [np.asarray(b) for b in itertools.islice(batches, 9)]
    epochs = [np.concatenate(drawn[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(e.tolist()) == list(range(12)) for e in epochs)
    assert len({tuple(e.tolist()) for e in epochs}) == 3


def test_an_epoch_leaves_out_what_does_not_fill_a_batch():
    batches = jos.sample_batches(jax.random.key(0), np.arange(11), 4)
    first_epoch = np.concatenate(list(itertools.islice(batches, 2)))
    assert len(set(first_epoch.tolist())) == 8


def test_batches_depend_on_key_and_step_alone():
    batches = jos.sample_batches(jax.random.key(3), np.arange(10), 3)
    whole = np.asarray(batches.indices(0, 20))
    pieces = np.concatenate([batches.indices(s, n) for s, n in [(0, 1), (1, 6), (7, 13)]])
    np.testing.assert_array_equal(whole, pieces)
    np.testing.assert_array_equal(whole[:5], list(itertools.islice(batches, 5)))
    other = jos.sample_batches(jax.random.key(4), np.arange(10), 3)
    assert not np.array_equal(whole, other.indices(0, 20))


def test_many_epochs_are_no_larger_a_program_than_three():
    def equations(steps):
        batches = functools.partial(jos.sample_batches, data=np.arange(10), batch_size=3)
        return len(jax.make_jaxpr(lambda key: batches(key).indices(0, steps))(jax.random.key(0)).eqns)

    assert equations(7) == equations(4000)


def test_with_replacement_draws_are_uniform_and_repeat_inside_a_batch():
    batches = jos.sample_batches(jax.random.key(0), np.arange(4), 4, replace=True)
    drawn = np.asarray(batches.indices(0, 1000))
    assert any(len(set(row.tolist())) < 4 for row in drawn)
    counts = np.bincount(drawn.ravel(), minlength=4)
    # 4000 draws, standard deviation sqrt(4000 * 3 / 16) = 27 a cell; five of them
    assert np.abs(counts - 1000).max() < 137
    pieces = np.concatenate([batches.indices(0, 3), batches.indices(3, 7)])
    np.testing.assert_array_equal(drawn[:10], pieces)
    np.testing.assert_array_equal(drawn[:2], list(itertools.islice(batches, 2)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({}, 2), ValueError, "sample_batches: the data must be arrays with one common number of"),
        (((np.ones(3), np.ones(4)), 2), ValueError, "got leading axes [(3,), (4,)]"),
        ((1.0, 1), ValueError, "got leading axes [()]"),
        ((np.ones(3), 4), ValueError, "batch_size must be in [1, 3], the number of examples, got 4."),
        ((np.ones(3), 0), ValueError, "batch_size must be in [1, 3]"),
        ((np.ones(3), 1.5), TypeError, "sample_batches: batch_size must be an integer, got 1.5."),
        ((np.ones(3), True), TypeError, "sample_batches: batch_size must be an integer, got True."),
    ],
)
def test_bad_data_sets_are_refused(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        jos.sample_batches(jax.random.key(0), *arguments)


# make_step


def test_step_follows_the_slides_loop():
    tx = jos.momentum(0.1, 0.5)
    step, w = jos.make_step(bowl, tx), jnp.array(1.0)
    state, losses = tx.init(w), []
    for _ in range(10):
        w, state, loss = step(w, state)
        losses.append(loss)
    end, _, expected = loop(0.1, 0.5, 1.0, 10)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)  # float32, ten steps
    np.testing.assert_allclose(w, end, rtol=1e-5)


def test_the_callers_first_params_survive_donation_and_later_ones_are_donated():
    tx = jos.momentum(0.1)
    step, first = jos.make_step(bowl, tx), {"w": jnp.ones(3)}["w"]
    first_state = tx.init(first)
    second, state, _ = step(first, first_state)
    third, state, _ = step(second, state)
    assert not first.is_deleted()
    assert not first_state.velocity.is_deleted()
    assert second.is_deleted()
    again, _, _ = step(first, first_state)  # a caller's tree once more: copied once more
    assert not first.is_deleted()
    np.testing.assert_array_equal(again, np.full(3, 0.8, np.float32))
    assert not third.is_deleted()


GONE = (
    "gone: it was deleted, or its memory was donated to an earlier call, such as a training step. Go "
    "on with what that call returned, or copy what you keep; make_step(..., donate=False) donates "
    "nothing."
)


@pytest.mark.parametrize("owner", ["make_step", "fit", "momentum", "apply_updates"])
def test_what_was_donated_is_named_when_it_is_used(owner):
    tx, loss = jos.momentum(0.1), lambda p: bowl(p["w"])
    step, first = jos.make_step(loss, tx), {"w": jnp.ones(3)}
    gone, state, _ = step(first, tx.init(first))
    kept, kept_state, _ = step(gone, state)
    uses = {
        "make_step": lambda: step(gone, kept_state),
        "fit": lambda: jos.fit(loss, tx, gone, steps=1),
        "momentum": lambda: tx.update(gone, kept_state),
        "apply_updates": lambda: jos.apply_updates(gone, kept),
    }
    with pytest.raises(RuntimeError) as raised:
        uses[owner]()
    what = "updates" if owner == "momentum" else "params"
    assert str(raised.value) == f"{owner}: leaf ['w'] of the {what} is {GONE}"


def test_what_someone_else_donated_is_named_too():
    """Between two steps the caller's own program took the state's memory."""
    tx = jos.momentum(0.1)
    step = jos.make_step(bowl, tx)
    params, state, _ = step(jnp.ones(3), tx.init(jnp.ones(3)))
    jax.jit(lambda s: jax.tree.map(lambda x: x + 1, s), donate_argnums=0)(state)
    with pytest.raises(RuntimeError, match=r"^make_step: leaf .count of the state is gone"):
        step(params, state)


def test_another_error_is_not_taken_for_a_donation(monkeypatch):
    """The step has donated its arguments, and then failed of something else."""
    tx = jos.momentum(0.1)
    step = jos.make_step(bowl, tx)
    params, state, _ = step(jnp.ones(3), tx.init(jnp.ones(3)))

    def failing(_, tx, params, state, batch):
        del tx, params, batch
        jax.tree.map(lambda x: x.delete(), state)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(step_programs, "_donating_step", failing)
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        step(params, state)


def test_a_step_without_donation_deletes_nothing():
    tx = jos.momentum(0.1)
    step, first = jos.make_step(bowl, tx, donate=False), jnp.ones(3)
    second, state, _ = step(first, tx.init(first))
    third, _, _ = step(second, state)
    assert not any(x.is_deleted() for x in (first, second, third, state.velocity))


def test_fit_eats_no_array_that_the_state_came_with():
    """A number of the optimizer's, the params or a constant of another library's as a state."""
    rate, params, constant = jnp.float32(0.5), jnp.float32(2.0), jnp.ones(())
    ours = jos.adagrad(0.1, initial_accumulator_value=rate)
    theirs = (lambda p: (constant, p), lambda g, s, p=None: (g * s[0], s))
    for tx in (ours, theirs):
        jos.fit(lambda w: w * w, tx, params, steps=2)
        assert [float(x) for x in (rate, params, constant)] == [0.5, 2.0, 1.0]


def test_params_that_share_a_buffer_can_be_donated():
    tx, shared = jos.momentum(0.1), jnp.ones(3)
    step = jos.make_step(lambda p: bowl(p["a"]) + bowl(p["b"]), tx)
    params = {"a": shared, "b": shared}
    params, _, _ = step(params, tx.init(params))
    np.testing.assert_array_equal(params["a"], params["b"])


def test_a_step_returns_what_the_loss_returns_beside_it():
    step = jos.make_step(lambda w, x: (bowl(w - x), {"x": x}), jos.sgd(0.5), has_aux=True)
    w, _, (loss, aux) = step(jnp.array(1.0), jos.sgd(0.5).init(1.0), 3.0)
    assert (float(w), float(loss), float(aux["x"])) == (3.0, 4.0, 3.0)


@pytest.mark.parametrize("has_aux", [False, True])
def test_a_step_hands_on_the_loss_its_gradient_and_itself(has_aux):
    """The objective takes the parameters alone, with this step's batch."""

    def update(updates, state, params, *, value, grad, value_fn):
        return value + 10 * grad + 100 * value_fn(2 * params), state

    tx = optax.GradientTransformationExtraArgs(lambda params: (), update)
    of = (lambda w, x: (bowl(w - x), x)) if has_aux else lambda w, x: bowl(w - x)
    w, _, _ = jos.make_step(of, tx, has_aux=has_aux)(jnp.array(3.0), (), 1.0)
    assert w == 3 + 4 + 10 * 4 + 100 * 25


def test_a_checked_step_hands_on_the_loss_too():
    tx = jos.chain(jos.add_decayed_weights(0.0), jos.sgd(1.0), jos.reduce_on_plateau(0.5, patience=1))
    step = jos.make_step(jnp.sum, tx, checked=True)
    w, state = jnp.zeros(1), tx.init(jnp.zeros(1))
    for _ in range(2):
        w, state, _ = step(w, state)
    assert state[2].best_value == -1


def test_ten_learning_rates_share_one_compiled_step():
    def loss(w):
        return jnp.sum(w**4)

    before = step_programs._donating_step._cache_size()
    for i in range(10):
        tx, w = jos.momentum(0.01 * (i + 1)), jnp.ones(3)
        jos.make_step(loss, tx)(w, tx.init(w))
    assert step_programs._donating_step._cache_size() == before + 1


def test_a_step_is_traced_inline_under_scan_and_vmap():
    tx = jos.momentum(0.1, 0.5)
    step = jos.make_step(bowl, tx)

    def run(w):
        def body(carry, _):
            *carry, loss = step(*carry)
            return tuple(carry), loss

        return jax.lax.scan(body, (w, tx.init(w)), None, length=10)[1]

    _, _, expected = loop(0.1, 0.5, 1.0, 10)
    np.testing.assert_allclose(run(jnp.array(1.0)), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(run)(jnp.ones(2)), [expected, expected], rtol=1e-5)


def test_an_optax_transformation_trains_too():
    tx = optax.sgd(0.1)
    w, _, _ = jos.make_step(bowl, tx)(jnp.array(1.0), tx.init(1.0))
    np.testing.assert_allclose(w, 0.8, rtol=1e-6)
    result = jos.fit(bowl, optax.adam(0.1), jnp.array(1.0), steps=100)
    assert result.history["loss"][-1] < 1e-2


def test_make_step_refuses_what_is_no_transformation():
    with pytest.raises(TypeError, match=re.escape("make_step: tx is 0.1; expected a Gradient")):
        jos.make_step(bowl, 0.1)


# fit


@pytest.mark.parametrize("every", [1, 7, 100])
def test_fit_follows_the_slides_loop_however_it_is_dispatched(every):
    record = ("params", "gradient_norm", "update_norm", "mu")
    result = jos.fit(bowl, jos.momentum(0.1, 0.5), 1.0, steps=20, every=every, record=record)
    end, iterates, losses = loop(0.1, 0.5, 1.0, 20)
    history = result.history
    np.testing.assert_allclose(history["loss"], losses, rtol=2e-5)  # float32, twenty steps
    np.testing.assert_allclose(history["params"], iterates, rtol=1e-5)
    np.testing.assert_allclose(history["gradient_norm"], np.abs(2 * iterates), rtol=1e-5)
    moved = np.abs(np.diff(np.append(iterates, end)))
    np.testing.assert_allclose(history["update_norm"], moved, rtol=1e-4)
    np.testing.assert_array_equal(history["mu"], np.full(20, 0.5))
    np.testing.assert_allclose(result.params, end, rtol=1e-5)
    assert int(result.state.count) == 20


def test_scheduled_learning_rates_are_recorded_from_count_zero():
    tx = jos.sgd(jos.linear_schedule(1.0, 0.0, 10))
    result = jos.fit(bowl, tx, 1.0, steps=12, every=5, record="learning_rate")
    expected = [1 - t / 10 for t in range(10)] + [0, 0]
    np.testing.assert_allclose(result.history["learning_rate"], expected, atol=1e-7)


def test_own_recorders_see_the_step_taken():
    record = {"product": lambda taken: taken.gradient * taken.updates, "aux": lambda taken: taken.aux}
    loss = lambda w: (bowl(w), w + 1)  # noqa: E731
    result = jos.fit(loss, jos.sgd(0.25), 1.0, steps=2, record=record, has_aux=True)
    np.testing.assert_array_equal(result.history["product"], [-1.0, -0.25])
    np.testing.assert_array_equal(result.history["aux"], [2.0, 1.5])
    np.testing.assert_array_equal(result.history["loss"], [1.0, 0.25])


def test_every_source_of_batches_gives_the_same_run():
    batches = jos.sample_batches(jax.random.key(1), data(), 4)
    stacked = batches.take(batches.indices(0, 30))
    runs = [
        jos.fit(line, jos.rmsprop(0.05), START, steps=30, every=every, batches=source)
        for every in (8, 30)
        for source in (batches, iter(batches), stacked)
    ]
    for run in runs[1:]:
        # One program in chunks of different length: equal up to contraction, a few ulp in 30 steps.
        np.testing.assert_allclose(run.history["loss"], runs[0].history["loss"], rtol=1e-4)
    losses = runs[0].history["loss"]
    assert losses[-10:].mean() < losses[:10].mean()


def test_fit_goes_on_from_a_state():
    tx = jos.momentum(0.1, 0.9)
    whole = jos.fit(bowl, tx, 1.0, steps=20)
    half = jos.fit(bowl, tx, 1.0, steps=10)
    rest = jos.fit(bowl, tx, half.params, state=half.state, steps=10)
    np.testing.assert_allclose(rest.params, whole.params, rtol=1e-6)
    assert not half.params.is_deleted()
    assert not half.state.velocity.is_deleted()


def test_ten_learning_rates_compile_once():
    def loss(w):
        return jnp.sum(w**6)

    before = scan_program._cache_size()
    for i in range(10):
        jos.fit(loss, jos.rmsprop(0.001 * (i + 1), 0.5 + 0.01 * i), jnp.ones(2), steps=20)
    assert scan_program._cache_size() == before + 1


def test_a_sweep_is_vmap_and_a_hypergradient_grad():
    def final(tx):
        return jos.fit(bowl, tx, jnp.array(1.0), steps=20).history["loss"][-1]

    rates = [0.05, 0.1, 0.2]
    sweep = jax.vmap(final)(jax.vmap(jos.momentum)(jnp.array(rates)))
    np.testing.assert_allclose(sweep, [loop(r, 0.9, 1.0, 20)[2][-1] for r in rates], rtol=1e-4)
    slope = jos.hyperparams(jax.grad(final)(jos.momentum(0.1)), gradient=True)["learning_rate"]
    h = 1e-5
    expected = (loop(0.1 + h, 0.9, 1.0, 20)[2][-1] - loop(0.1 - h, 0.9, 1.0, 20)[2][-1]) / (2 * h)
    np.testing.assert_allclose(slope, expected, rtol=1e-3)  # float32 against float64


def test_no_steps_change_nothing():
    result = jos.fit(bowl, jos.momentum(0.1), jnp.array(2.0), steps=0, record="params")
    assert float(result.params) == 2.0
    assert result.history["loss"].shape == result.history["params"].shape == (0,)


def test_progress_and_stop_see_every_dispatch():
    reports = []
    result = jos.fit(
        bowl,
        jos.sgd(0.25),
        1.0,
        steps=20,
        every=2,
        progress=reports.append,
        stop=lambda report: report.loss < 0.02,
    )
    losses = [0.25**t for t in range(20)]  # each step halves the weight
    assert [r.step for r in reports] == [2, 4]
    assert [r.loss for r in reports] == [losses[1], losses[3]]
    assert all(r.steps == 20 and r.steps_per_second > 0 for r in reports)
    np.testing.assert_array_equal(result.history["loss"], losses[:4])


def test_the_speed_is_that_of_the_steps_not_of_their_dispatch():
    """A step that sleeps 20 ms: however busy the machine, never more than 50 steps a second."""

    def slowly(w):
        time.sleep(0.02)
        return w

    def loss(w):
        seen = jax.pure_callback(slowly, jax.typeof(w), jax.lax.stop_gradient(w))
        return jnp.sum(w * jax.lax.stop_gradient(seen))

    reports = []
    jos.fit(loss, jos.sgd(0.1), jnp.ones(2), steps=6, every=3, progress=reports.append)
    assert len(reports) == 2
    assert all(r.steps_per_second <= 50 for r in reports)


def test_progress_is_shown_through_tqdm(capsys):
    jos.fit(bowl, jos.sgd(0.25), 1.0, steps=4, every=2, progress=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "loss=0.0156" in shown


def test_progress_is_shown_without_tqdm_too(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    jos.fit(bowl, jos.sgd(0.25), 1.0, steps=4, every=2, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\S+ steps/s", "N steps/s", text) for text in lines] == [
        "step 2/4  loss 0.25  N steps/s",
        "step 4/4  loss 0.01562  N steps/s",
    ]


def test_a_non_finite_loss_is_named_when_asked_for():
    arguments = {"steps": 50, "every": 2}
    result = jos.fit(lambda w: jnp.sum(w**4), jos.sgd(1.0), 2.0, **arguments)
    first = int(np.argmin(np.isfinite(np.asarray(result.history["loss"]))))
    value = float(result.history["loss"][first])
    with pytest.raises(FloatingPointError, match=f"fit: the loss is {value} at step {first} "):
        jos.fit(lambda w: jnp.sum(w**4), jos.sgd(1.0), 2.0, check_finite=True, **arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": -1}, "fit: steps must be an integer, at least 0, got -1."),
        ({"steps": 2.0}, "fit: steps must be an integer, at least 0, got 2.0."),
        ({"steps": True}, "fit: steps must be an integer, at least 0, got True."),
        ({"every": 0}, "fit: every must be an integer, at least 1, got 0."),
        ({"record": "los"}, "fit: cannot record 'los'; known are ['aux', 'gradient_norm', 'learning_"),
        ({"batches": np.ones((4, 2))}, "at least 5; got leading axes [(4,)]"),
        ({"batches": {}}, "fit: batches must be None, an iterator, sample_batches(...), or arrays"),
        ({"batches": iter([1.0, 2.0])}, "fit: the iterator ended 3 batches before the last step."),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        jos.fit(lambda w, *_: bowl(w), jos.sgd(0.1), 1.0, **{"steps": 5, **changes})


def test_what_needs_concrete_values_is_refused_under_jit():
    run = jax.jit(lambda tx: jos.fit(bowl, tx, 1.0, steps=5, progress=print).params)
    with pytest.raises(ValueError, match="progress, stop and check_finite need concrete values"):
        run(jos.sgd(0.1))
