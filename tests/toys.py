"""One deliberately broken transform for every law: a law that lets its toy pass has no teeth."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from jaxopt_slides.testing import Subject


class Pair(NamedTuple):
    """What optax calls a GradientTransformation; as a pytree it holds whatever its members hold."""

    init: Any
    update: Any


def each(f):
    """A stateless transform of each leaf."""
    return Pair(lambda params: (), lambda g, s, p=None: (jax.tree.map(f, g), s))


def velocities(learning_rate=0.1, decay=0.9, init=jnp.zeros_like, first=lambda x: x):
    """Momentum as one writes it in four lines, without a check."""

    def update(g, v, p=None):
        v = jax.tree.map(lambda v, g: decay * v + first(g), v, g)
        return jax.tree.map(lambda v: -learning_rate * v, v), v

    return Pair(lambda params: jax.tree.map(init, params), update)


def whole(f):
    """A stateless transform of the list of all leaves."""

    def update(g, s, p=None):
        leaves, treedef = jax.tree.flatten(g)
        return treedef.unflatten(f(leaves)), s

    return Pair(lambda params: (), update)


def scheduled(learning_rate=0.1, start=1):
    """The count is advanced before the schedule is asked."""

    def update(g, count, p=None):
        rate = learning_rate(count + start) if callable(learning_rate) else learning_rate
        return jax.tree.map(lambda g: -rate * g, g), count + 1

    return Pair(lambda params: jnp.int32(0), update)


def norm(leaves):
    return jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in leaves))


def largest(leaves):
    return jnp.max(jnp.stack([jnp.max(jnp.abs(x)) for x in leaves]))


def clipped(leaves):
    n = norm(leaves)
    return [jnp.where(n < 1, x, x / n.astype(x.dtype)) for x in leaves]


def paired_by_order():
    tx = velocities()

    def update(g, v, p=None):
        _, treedef = jax.tree.flatten(g)
        u, v = tx.update(jax.tree.leaves(g), jax.tree.leaves(v))
        return treedef.unflatten(u), treedef.unflatten(v)

    return Pair(tx.init, update)


def integer_velocity():
    def update(g, v, p=None):
        v = jax.tree.map(lambda v, g: (0.9 * v + g).astype(v.dtype), v, g)
        return v, v

    return Pair(lambda params: jax.tree.map(jnp.zeros_like, params), update)


def centered(decay=0.9):
    """E[g²] − E[g]² without a clamp."""

    def update(g, s, p=None):
        m = jax.tree.map(lambda m, g: decay * m + (1 - decay) * g, s[0], g)
        n = jax.tree.map(lambda n, g: decay * n + (1 - decay) * g * g, s[1], g)
        return jax.tree.map(lambda g, m, n: g / (jnp.sqrt(n - m * m) + 1e-8), g, m, n), (m, n)

    return Pair(lambda params: (jax.tree.map(jnp.zeros_like, params),) * 2, update)


def adagrad(params_like=jnp.zeros_like, eps=1e-7):
    """The sum of squares in the gradient's own dtype."""

    def update(g, s, p=None):
        s = jax.tree.map(lambda s, g: s + jnp.square(g), s, g)
        return jax.tree.map(lambda g, s: g / (jnp.sqrt(s) + eps), g, s), s

    return Pair(lambda params: jax.tree.map(params_like, params), update)


def checks_in_python(learning_rate=0.1):
    if learning_rate < 0:
        raise ValueError("negative")
    return velocities(learning_rate)


@jax.tree_util.register_pytree_node_class
class Static:
    """An optimizer as a pytree whose learning rate is part of the structure."""

    def __init__(self, mu, decay):
        self.mu, self.decay = mu, decay

    def tree_flatten(self):
        return (self.mu,), self.decay

    @classmethod
    def tree_unflatten(cls, decay, children):
        return cls(*children, decay)

    def init(self, params):
        return ()

    def update(self, g, s, p=None):
        return jax.tree.map(lambda g: -self.mu * self.decay * g, g), s


def broadcasts(learning_rate=0.1):
    """An optimizer as a pytree that asks nothing of its leaves' shapes."""

    class Stack(NamedTuple):
        rate: Any

        def init(self, params):
            return ()

        def update(self, g, s, p=None):
            return jax.tree.map(lambda g: jnp.reshape(self.rate, (-1, 1, 1)) * g, g), s

    return Stack(learning_rate)


@custom_vmap
def forgets_the_batch(x):
    return x


@forgets_the_batch.def_vmap
def _(size, batched, x):
    return jnp.broadcast_to(x[:1], x.shape), True


def counting():
    return Pair(lambda params: jnp.int32(0), lambda g, count, p=None: (g, count + 1))


def differs_when_traced(g):
    return 2 * g if isinstance(g, jax.core.Tracer) else g


def in_place(g):
    if isinstance(g, np.ndarray):
        g *= 2
    return g


def calls_python(g):
    return jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(g.shape, g.dtype), g)


def needs_params():
    return Pair(lambda params: (), lambda g, s, p=None: ({k: g[k] + p[k] for k in g}, s))


def unpicklable():
    return Pair(lambda params: jax.tree_util.Partial(lambda: 0), lambda g, s, p=None: (g, s))


def of(make, elementwise=False, **hyperparameters):
    return Subject("toy", make, hyperparameters, elementwise=elementwise)


RATE, DECAY = {"learning_rate": 0.1}, {"decay": 0.9}
TOYS = {
    "runs": of(lambda: each(lambda g: g / 0.0)),
    "tree_is_kept": of(lambda: each(jnp.atleast_1d)),
    "none_is_no_leaf": of(
        lambda: Pair(
            lambda params: (),
            lambda g, s, p=None: (
                jax.tree.map(lambda x: 0 if x is None else x, g, is_leaf=lambda x: x is None),
                s,
            ),
        )
    ),
    "python_floats_are_leaves": of(lambda: each(lambda g: g.astype(g.dtype))),
    "empty_trees_work": of(
        lambda: whole(lambda leaves: [x / n for n in [largest(leaves)] for x in leaves])
    ),
    "small_leaves_work": of(lambda: each(lambda g: g / jnp.max(g))),
    "callable_trees_are_params": of(
        lambda: Pair(lambda p: (), lambda g, s, p=None: (g() if callable(g) else g, s))
    ),
    "leaves_keep_their_names": of(lambda: whole(lambda leaves: [2 * leaves[0], *leaves[1:]])),
    "elements_are_independent": of(lambda: whole(clipped), elementwise=True),
    "nothing_is_broadcast": of(velocities),
    "another_tree_is_an_error": of(paired_by_order),
    "tree_errors_are_readable": of(velocities),
    "integers_are_not_truncated": of(integer_velocity),
    "asks_for_params": of(needs_params),
    "precision_is_kept": of(lambda: each(lambda g: g.astype(jnp.float32))),
    "state_is_a_scan_carry": of(lambda: Pair(lambda p: (), lambda g, s, p=None: (g, (g,)))),
    "zero_gradients_are_finite": of(lambda: each(lambda g: g / jnp.abs(g))),
    "any_gradient_is_finite": of(lambda: each(lambda g: g * g * g)),
    "huge_gradients_do_not_erase": of(lambda: whole(clipped)),
    "constant_gradients_stay_finite": of(centered, decay=0.5),
    "narrow_follows_float32": of(adagrad),
    "small_float16_is_not_lost": of(lambda: velocities(1.0, first=lambda g: g * 1e-3)),
    "complex_gradients_turn": of(lambda: each(lambda g: g / jnp.sqrt(g * g + 1e-7))),
    "nan_is_refused": of(velocities, **RATE),
    "decay_above_one_is_refused": of(velocities, **DECAY),
    "schedules_start_at_zero": of(scheduled, **RATE),
    "schedules_are_taken": of(velocities, **DECAY),
    "hyperparameters_may_be_traced": of(checks_in_python, **RATE),
    "optimizers_are_arguments": of(Static, mu=0.5, decay=0.9),
    "stacks_need_vmap": of(broadcasts, **RATE),
    "vmapped_constructor_is_a_loop": of(
        lambda learning_rate: velocities(forgets_the_batch(learning_rate)), **RATE
    ),
    "hypergradients_are_finite": of(lambda eps: adagrad(eps=eps + jnp.sqrt(0 * eps)), eps=1e-7),
    "counts_saturate": of(counting),
    "eager_is_jit": of(lambda: each(differs_when_traced)),
    "inputs_are_not_changed": of(lambda: each(in_place)),
    "vmap_is_a_loop": of(lambda: each(forgets_the_batch)),
    "gradient_through_steps": of(lambda: each(lambda g: jnp.sqrt(jnp.abs(g)))),
    "state_may_be_donated": of(lambda: velocities(init=lambda p: p)),
    "state_pickles": of(unpicklable),
    "lowers_everywhere": of(lambda: each(calls_python)),
    "state_follows_sharding": of(velocities),
}
