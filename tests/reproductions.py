"""For every law that finds a fault in optax: what kind of fault it is, and three lines that show one.

The lines use optax alone. They stand in docs/laws.md, which the tests execute, so a fault that a new
release of optax mends makes a test fail, and then its row goes.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """What the faults of one law are, and a reproduction."""

    text: str
    code: str


SETUP = """\
import jax, jax.numpy as jnp, optax, optax.contrib


def error_of(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except Exception as error:
        return str(error)
"""

KINDS = {
    "tree_is_kept": Kind(
        "An error for a tree with a scalar leaf, or without any leaf.",
        """\
tx = optax.scale_by_sm3()
state = tx.init({"w": jnp.float32(1)})
assert error_of(tx.update, {"w": jnp.float32(1)}, state) == "list index out of range"
""",
    ),
    "none_is_no_leaf": Kind(
        "`None`, which stands for no parameter, is taken for an array.",
        """\
tx = optax.contrib.galore(0.1)
message = error_of(tx.init, {"w": jnp.ones(3), "none": None})
assert "'NoneType' object has no attribute" in message
""",
    ),
    "python_floats_are_leaves": Kind(
        "The signatures take any `ArrayLike`, but a Python float ends in an `AttributeError`, or in an "
        "error of a helper.",
        """\
tx = optax.clip_by_global_norm(1.0)
state = tx.init(0.5)
assert error_of(tx.update, 1.0, state) == "'float' object has no attribute 'dtype'"
""",
    ),
    "empty_trees_work": Kind(
        "A tree without leaves is an error.",
        """\
tx = optax.flatten(optax.sgd(0.1, momentum=0.9))
message = error_of(tx.init, {})
assert "at least one array" in message
""",
    ),
    "small_leaves_work": Kind(
        "A scalar, or a leaf without elements, is an error or changes its shape.",
        """\
tx, one = optax.scale_by_distance_over_gradients(), jnp.float32(1)
updates, _ = tx.update(one, tx.init(one), one)
assert updates.shape == (1,)
""",
    ),
    "nothing_is_broadcast": Kind(
        "A gradient of another shape is broadcast against the state.",
        """\
tx = optax.adam(0.1)
updates, _ = tx.update(jnp.ones(4), tx.init(jnp.ones((3, 4))))
assert updates.shape == (3, 4)
""",
    ),
    "tree_errors_are_readable": Kind(
        "The error for a wrong tree is jax's own, which prints all names of both trees: 8000 "
        "characters for a hundred leaves.",
        """\
tx, names = optax.adam(0.1), [f"layer_{i:03}" for i in range(100)]
state = tx.init(dict.fromkeys([*names, "original"], jnp.ones(2)))
assert len(error_of(tx.update, dict.fromkeys([*names, "renamed"], jnp.ones(2)), state)) > 2000
""",
    ),
    "integers_are_not_truncated": Kind(
        "Integer parameters are accepted; their state is made of integers, and the numbers are others.",
        """\
tx, g = optax.adam(0.1), jnp.array([1.0])
_, state = tx.update(g, tx.init(jnp.array([1])))
assert tx.update(g, state)[0][0] < -0.14  # with a float parameter it is -0.1
""",
    ),
    "asks_for_params": Kind(
        "Without the parameters it needs, it raises an error about trees.",
        """\
tx, g = optax.novograd(0.1), {"w": jnp.ones(2)}
message = error_of(tx.update, g, tx.init(g))
assert "param" not in message
""",
    ),
    "state_is_a_scan_carry": Kind(
        "The first update changes the state's tree, or a dtype of it for narrow parameters, so that "
        "`lax.scan` refuses it.",
        """\
tx, g = optax.scale_by_distance_over_gradients(), jnp.ones(2, jnp.bfloat16)
first = tx.init(g)
assert (first.max_dist.dtype, tx.update(g, first, g)[1].max_dist.dtype) == ("bfloat16", "float32")
""",
    ),
    "zero_gradients_are_finite": Kind(
        "A zero gradient gives NaN: in float16, where an `eps` of 1e-8 is 0, or wherever a norm of 0 "
        "is divided by.",
        """\
tx, g = optax.adam(0.1), jnp.zeros(2, jnp.float16)
updates, _ = tx.update(g, tx.init(g))
assert jnp.isnan(updates).all()
""",
    ),
    "any_gradient_is_finite": Kind(
        "A float32 gradient of zero, or a very small one, gives NaN.",
        """\
tx, g = optax.contrib.normalize(), jnp.zeros(2)
updates, _ = tx.update(g, tx.init(g))
assert jnp.isnan(updates).all()
""",
    ),
    "huge_gradients_do_not_erase": Kind(
        "The square of one huge gradient overflows, and every update is 0 or NaN.",
        """\
tx, g = optax.clip_by_global_norm(1.0), jnp.array([1e20, 1.0])
updates, _ = tx.update(g, tx.init(g))
assert (updates == 0).all()
""",
    ),
    "constant_gradients_stay_finite": Kind(
        "The variance E[g²] − E[g]² of constant gradients is rounded below zero.",
        """\
tx, g = optax.scale_by_stddev(), jnp.array([11.0, 13.0])
step = lambda state, g: tx.update(g, state)[::-1]
assert jnp.isnan(jax.lax.scan(step, tx.init(g), jnp.tile(g, (200, 1)))[1]).any()
""",
    ),
    "narrow_follows_float32": Kind(
        "Accumulators have the parameters' dtype, and in bfloat16 a sum or a mean stops growing.",
        """\
tx, g = optax.scale_by_rss(0.0), jnp.ones(2, jnp.bfloat16)
step = lambda state, g: tx.update(g, state)[::-1]
assert jax.lax.scan(step, tx.init(g), jnp.ones((1000, 2), g.dtype))[1][-1, 0] == 1 / 16  # 1000**-0.5
""",
    ),
    "small_float16_is_not_lost": Kind(
        "The square of a small float16 gradient, or its product with the learning rate, is 0.",
        """\
tx, g = optax.adam(0.001), jnp.full(2, 1.2e-5, jnp.float16)
updates, _ = tx.update(g, tx.init(g))
assert jnp.isinf(updates).all()
""",
    ),
    "complex_gradients_turn": Kind(
        "Complex leaves are accepted, but g² stands where |g|² belongs.",
        """\
tx, g = optax.scale_by_adadelta(), jnp.array([1 + 1j])
u, v = (tx.update(x, tx.init(x), x)[0] for x in (g, 1j * g))
assert abs(v - 1j * u) > 0.5 * abs(u)
""",
    ),
    "nan_is_refused": Kind(
        "A NaN hyperparameter is accepted, and every update is NaN.",
        """\
tx, g = optax.sgd(float("nan")), jnp.ones(2)
updates, _ = tx.update(g, tx.init(g))
assert jnp.isnan(updates).all()
""",
    ),
    "decay_above_one_is_refused": Kind(
        "A decay above 1 is accepted; a mean square then becomes negative, and its root NaN.",
        """\
tx, g = optax.rmsprop(0.1, decay=1.5), jnp.ones(2)
updates, _ = tx.update(g, tx.init(g))
assert jnp.isnan(updates).all()
""",
    ),
    "schedules_are_taken": Kind(
        "Only learning rates take schedules; for others there is `inject_hyperparams`. A schedule in "
        "another place is accepted, and the first update ends in a `TypeError` about functions.",
        """\
tx, g = optax.sgd(0.1, momentum=lambda count: 0.9), jnp.ones(2)
message = error_of(tx.update, g, tx.init(g))
assert message.startswith("unsupported operand type(s) for *")
""",
    ),
    "hyperparameters_may_be_traced": Kind(
        "A Python `if` on a hyperparameter: it cannot be swept by `vmap` or under one compilation.",
        """\
g = jnp.ones(2)
one = lambda b2: optax.scale_by_sm3(b2=b2).update(g, optax.scale_by_sm3().init(g))[0]
assert "boolean conversion of traced array" in error_of(jax.jit(one), 0.9)
""",
    ),
    "hypergradients_are_finite": Kind(
        "Where a gradient is exactly zero, the derivative by a hyperparameter is NaN: 0·∞ at the root. "
        "(The documentation of adam recommends a positive `eps_root` for this use.)",
        """\
g = jnp.array([0.0, 1.0])
loss = lambda b2: optax.scale_by_adam(b2=b2).update(g, optax.scale_by_adam().init(g))[0].sum()
assert jnp.isnan(jax.grad(loss)(0.999))
""",
    ),
    "gradient_through_steps": Kind(
        "The same for the derivative by the parameters, through the steps.",
        """\
tx = optax.scale_by_adam()
loss = lambda w: tx.update(w * w, tx.init(w))[0].sum()
assert jnp.isnan(jax.grad(loss)(jnp.array([0.0, 1.0]))[0])
""",
    ),
    "counts_saturate": Kind(
        "A count is used as count + 1, which overflows after 2³¹ − 1 steps, and the update is NaN.",
        """\
tx, g = optax.contrib.scale_by_madgrad(0.1), jnp.ones(2)
late = tx.init(g)._replace(count=jnp.int32(2**31 - 1))
assert jnp.isnan(tx.update(g, late, g)[0]).all()
""",
    ),
    "state_may_be_donated": Kind(
        "The state holds the parameters' own arrays, or one array twice, so that a step that donates "
        "both is an error.",
        """\
tx, w = optax.contrib.dog(0.1), jnp.ones(2)
step = jax.jit(lambda w, state: (w, state), donate_argnums=(0, 1))
assert "donate the same buffer twice" in error_of(step, w, tx.init(w))
""",
    ),
    "state_follows_sharding": Kind(
        "Under `jit(init)` the state of sharded parameters lands on one device. (Called eagerly, or "
        "with `out_shardings`, it does not.)",
        """\
mesh = jax.sharding.Mesh(jax.devices(), ("x",))
w = jax.device_put(jnp.ones((8, 4)), jax.NamedSharding(mesh, jax.P("x")))
assert len(jax.devices()) == 1 or jax.jit(optax.trace(0.9).init)(w).trace.sharding != w.sharding
""",
    ),
}
