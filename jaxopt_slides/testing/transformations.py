"""Laws of transformations: jit, vmap, grad, donation, sharding, pickling, lowering."""

import pickle
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    require_close,
    require_finite,
    running,
    said,
    stacked,
    trajectory,
)
from jaxopt_slides.testing._subject import Fault, NotApplicable, PyTree, Subject

NEAR = 1e-3  # three steps, a few hundred roundings, complements of decays as small as 1e-4


def _by_hand(subject: Subject, steps: int) -> list[PyTree]:
    """Updates called one by one."""
    tx, params = subject.tx(), subject.params()
    state, out = tx.init(params), []
    for t in range(steps):
        updates, state = subject.update(tx, subject.gradients(t), state, params)
        out.append(updates)
    return out


def eager_is_jit(subject: Subject) -> None:
    """Three steps agree called eagerly, inside jit, and under disable_jit."""
    gradients, params = stacked(subject, 3), subject.params()
    eager = _by_hand(subject, 3)
    with running("under jit"):
        inside = jax.jit(lambda g, p: trajectory(subject, subject.tx(), g, p))(gradients, params)
    with running("under disable_jit"), jax.disable_jit():
        plain = _by_hand(subject, 3)
    for t, (one, other) in enumerate(zip(eager, plain, strict=True)):
        now = jax.tree.map(lambda u, t=t: u[t], inside)
        require_close(one, now, NEAR, f"step {t}, eagerly against jit")
        require_close(other, now, NEAR, f"step {t}, under disable_jit against jit")


def inputs_are_not_changed(subject: Subject) -> None:
    """NumPy arrays that are handed to init and update are not written to."""
    copied = _numpy if not subject.random() else lambda tree: tree  # a key is no NumPy array
    for mode in ("compiled", "disable_jit"):
        params, gradients = _numpy(subject.params()), _numpy(subject.gradients())
        with jax.disable_jit(mode == "disable_jit"), running("NumPy arrays"):
            tx = subject.tx()
            state = copied(tx.init(params))
            before = copied(state)
            subject.update(tx, gradients, state, params)
        what = f"after update, {mode}"
        require_close(params, _numpy(subject.params()), 0, f"params {what}")
        require_close(gradients, _numpy(subject.gradients()), 0, f"gradients {what}")
        if not subject.random():
            require_close(state, before, 0, f"state {what}")


def _numpy(tree: PyTree) -> PyTree:
    """The tree with arrays that can be written to."""
    return jax.tree.map(lambda x: np.array(x, copy=True), tree)


def vmap_is_a_loop(subject: Subject, tolerance: float = NEAR) -> None:
    """Under vmap over parameters and gradients it does what it does in a loop over them."""
    subject.require_no_noise()

    def program(gradients: PyTree, params: PyTree) -> PyTree:
        return trajectory(subject, subject.tx(), gradients, params)

    one = (stacked(subject, 3), subject.params())
    two = jax.tree.map(lambda x: jnp.flip(x, -1) * jnp.asarray(0.5, x.dtype), one)
    both = jax.tree.map(lambda *x: jnp.stack(x), one, two)
    with running("under vmap"):
        jax.eval_shape(jax.vmap(program), *both)
    many, loop = jax.jit(
        lambda both: (jax.vmap(program)(*both), jax.lax.map(lambda b: program(*b), both))
    )(both)
    require_close(many, loop, tolerance, "three updates of two sets of parameters, vmap against a loop")


def gradient_through_steps(subject: Subject) -> None:
    """The derivative of three steps by the parameters is finite where a gradient is exactly zero."""

    def loss(w: PyTree) -> Any:
        tx = subject.tx()
        state = tx.init(w)
        for _ in range(3):
            updates, state = subject.update(tx, jax.tree.map(jax.lax.mul, w, w), state, w)
            w = jax.tree.map(jax.lax.add, w, updates)
        return sum(map(jnp.sum, jax.tree.leaves(w)))

    w = jax.tree.map(
        lambda p: p.reshape(-1).at[0].set(jnp.zeros((), p.dtype)).reshape(p.shape), subject.params()
    )
    try:
        gradient = jax.jit(jax.grad(loss))(w)
    except Exception as error:  # a while loop has no reverse derivative
        raise NotApplicable(f"it has no reverse derivative: {said(error)}") from None
    require_finite(gradient, "d(sum of w after 3 steps)/dw, gradients w², w[0] = 0", "derivatives")


def state_may_be_donated(subject: Subject) -> None:
    """Parameters and state can be donated together: the state does not alias the parameters."""

    def step(params: PyTree, state: PyTree, gradients: PyTree) -> Any:
        updates, state = subject.update(subject.tx(), gradients, state, params)
        return jax.tree.map(lambda p, u: p + u.astype(p.dtype), params, updates), state

    params = jax.tree.map(jnp.copy, subject.params())
    state = subject.tx().init(params)
    shared = [
        jax.tree_util.keystr(path)
        for path, x in jax.tree_util.tree_leaves_with_path(state)
        if any(x is p or _same_buffer(x, p) for p in jax.tree.leaves(params))
    ]
    if shared:
        raise Fault(f"state{shared[0]} is the parameters' own buffer: donating both is an error")
    with running("a step that donates params and state"):
        jax.jit(step, donate_argnums=(0, 1))(params, state, subject.gradients())


def _same_buffer(x: Any, y: jax.Array) -> bool:
    return isinstance(x, jax.Array) and x.size > 0 and _address(x) == _address(y)


def _address(x: jax.Array) -> Any:
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return None
    return x.unsafe_buffer_pointer()


def state_pickles(subject: Subject) -> None:
    """State comes back from pickle and goes on as if nothing had happened."""
    tx, params = subject.tx(), subject.params()
    _, state = subject.update(tx, subject.gradients(0), tx.init(params), params)
    with running("pickle"):
        copy = pickle.loads(pickle.dumps(state))
    if jax.tree.structure(copy) != jax.tree.structure(state):
        raise Fault(f"expected {jax.tree.structure(state)}, got {jax.tree.structure(copy)}")
    expected, _ = subject.update(tx, subject.gradients(1), state, params)
    with running("an update from the copy"):
        got, _ = subject.update(tx, subject.gradients(1), copy, params)
    require_close(got, expected, 1e-6, "the update after a pickle of the state")


def lowers_everywhere(subject: Subject) -> None:
    """Both functions are lowered for cpu, cuda and tpu: no callback to Python."""

    def program(g: PyTree, w: PyTree) -> PyTree:
        tx = subject.tx()
        return subject.update(tx, g, tx.init(w), w)[0]

    shapes = jax.eval_shape(lambda p: p, subject.params())
    with running("jax.export for cpu, cuda and tpu"):
        exported = jax.export.export(jax.jit(program), platforms=["cpu", "cuda", "tpu"])(shapes, shapes)
        assert exported.mlir_module_serialized


def state_follows_sharding(subject: Subject) -> None:
    """Every state array that is like a parameter lies where the parameter lies, under jit(init) too."""
    devices = jax.devices()
    if len(devices) < 2:
        raise NotApplicable("needs two devices")
    mesh = jax.sharding.Mesh(np.array(devices[:2]), ("x",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    params = {"w": jax.device_put(jnp.ones((4, 6), jnp.float32), sharding)}
    if 2 not in map(len, subject.shapes):
        raise NotApplicable("it is not judged on matrices")
    tx, judged = subject.tx(), 0
    for how, init in (("init", tx.init), ("jit(init)", jax.jit(tx.init))):
        for path, leaf in jax.tree_util.tree_leaves_with_path(init(params)):
            if jnp.shape(leaf) == (4, 6):
                judged += 1
                if not leaf.sharding.is_equivalent_to(sharding, 2):
                    name = jax.tree_util.keystr(path)
                    raise Fault(f"{how}: state{name} is {leaf.sharding}, its parameter {sharding}")
    if not judged:
        raise NotApplicable("no state array is like a parameter")
