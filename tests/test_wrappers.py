"""What every wrapper must be able to do: inside other libraries, stacked, differentiated, donated."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training.train_state import TrainState

import jaxopt_slides as jos

MASK = {"w": True, "b": False}
WRAPPERS = {
    "clip": lambda tx: jos.chain(jos.clip(0.5), tx),
    "clip_by_global_norm": lambda tx: jos.chain(jos.clip_by_global_norm(0.5), tx),
    "zero_nans": lambda tx: jos.chain(jos.zero_nans(), tx),
    "decay": lambda tx: jos.chain(jos.add_decayed_weights(0.1, mask=MASK), tx),
    "masked": lambda tx: jos.chain(jos.masked(tx, MASK), jos.scale(0.5)),
    "partition": lambda tx: jos.partition({"a": tx, "b": jos.sgd(0.1)}, {"w": "a", "b": "b"}),
    "freeze": lambda tx: jos.chain(tx, jos.freeze({"w": False, "b": True})),
    "multi_steps": lambda tx: jos.multi_steps(tx, 2),
    "apply_if_finite": lambda tx: jos.apply_if_finite(tx, 3),
    "average_params": lambda tx: jos.average_params(tx, 0.9),
    "mixed_precision": jos.mixed_precision,
    "checked": jos.checked,
    "plateau": lambda tx: jos.chain(tx, jos.reduce_on_plateau(0.5, patience=1)),
    "all": lambda tx: jos.average_params(
        jos.multi_steps(jos.apply_if_finite(jos.masked(tx, MASK), 3), 2), 0.9
    ),
}
every_wrapper = pytest.mark.parametrize("name", WRAPPERS)
PARAMS = {"w": jnp.array([1.0, -2.0, 0.0]), "b": jnp.array([[0.5]])}
STEPS = 4


def run(tx, params=PARAMS):
    state = tx.init(params)
    for _ in range(STEPS):
        updates, state = tx.update(params, state, params, value=jnp.float32(1))
        params = jos.apply_updates(params, updates)
    return params


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=STEPS * 4 * 2.0**-23, atol=1e-7)


@every_wrapper
def test_inside_optax_chain(name):
    ours = WRAPPERS[name](jos.momentum(0.125))
    member = optax.GradientTransformationExtraArgs(*ours)
    close(run(optax.chain(member)), run(ours))
    if name != "plateau":
        close(run(optax.chain(ours)), run(ours))


@every_wrapper
def test_in_a_flax_train_state(name):
    tx = WRAPPERS[name](jos.momentum(0.125))
    state = TrainState.create(apply_fn=None, params=PARAMS, tx=tx)
    extra = {"value": jnp.float32(1)}

    def step(state):
        updates, new = state.tx.update(state.params, state.opt_state, state.params, **extra)
        return state.replace(
            step=state.step + 1, params=optax.apply_updates(state.params, updates), opt_state=new
        )

    if name not in {"plateau", "checked"}:  # which want the metric, and chex's assertions
        step = jax.jit(lambda state: state.apply_gradients(grads=state.params))
    for _ in range(STEPS):
        state = step(state)
    assert state.step == STEPS
    close(state.params, run(tx))


@every_wrapper
def test_a_vmapped_constructor_is_a_stack(name):
    rates = jnp.array([0.125, 0.25])
    make = lambda rate: WRAPPERS[name](jos.momentum(rate))  # noqa: E731
    if name == "checked":  # asserts only outside vmap, which chex's assertions do not allow
        stacked, mapped = jax.vmap(make)(rates), None
        assert jax.tree.leaves(stacked)[0].shape == (2,)
        return
    mapped = jax.jit(jax.vmap(run))(jax.vmap(make)(rates))
    for i, rate in enumerate(rates):
        close(jax.tree.map(lambda x, i=i: x[i], mapped), run(make(float(rate))))


@every_wrapper
def test_hypergradients_against_central_differences(name, x64):
    """By every hyperparameter, in float64; where the rule has a kink, it is not near."""
    params = {k: w.astype(jnp.float64) for k, w in PARAMS.items()}

    leaves, treedef = jax.tree.flatten(WRAPPERS[name](jos.momentum(0.125, 0.5)))

    def loss(leaves):
        return sum(jnp.sum(w**2) for w in jax.tree.leaves(run(treedef.unflatten(leaves), params)))

    wrap = (lambda f: f) if name == "checked" else jax.jit  # whose assertions jit does not take
    compiled, h = wrap(loss), 1e-6
    for i, slope in enumerate(wrap(jax.grad(loss))(leaves)):
        high, low = (compiled([x + s * h * (i == j) for j, x in enumerate(leaves)]) for s in (1, -1))
        np.testing.assert_allclose(slope, (high - low) / (2 * h), rtol=1e-6, atol=1e-8)


@every_wrapper
def test_parameters_and_state_can_be_donated_together(name):
    """No buffer twice: neither from init, eager or jitted, nor from an eager update."""
    tx = WRAPPERS[name](jos.momentum(0.125))
    value = jnp.float32(1)

    def step(params, state):
        updates, state = tx.update(params, state, params, value=value)
        return jos.apply_updates(params, updates), state

    donating = step if name == "checked" else jax.jit(step, donate_argnums=(0, 1))
    for init in (tx.init, jax.jit(tx.init)):
        params = {"w": jnp.arange(3.0), "b": jnp.ones((1, 1), jnp.bfloat16)}
        state = init(params)
        for take in (donating, donating, step, donating):
            pointers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((params, state))]
            assert len(set(pointers)) == len(pointers)
            params, state = take(params, state)
        assert all(bool(jnp.isfinite(w).all()) for w in jax.tree.leaves(params))
