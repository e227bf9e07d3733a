"""Bad inputs, one table: each row is a call, the error's class, and its text, all of it.

Nothing in this table may be accepted silently, and every text says which transformation, what was
expected and what came. test_errors.py has the same for whole families: every hyperparameter's range,
every kind of leaf, eagerly and under jit.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.node import NotChexifiedError


class Bad(NamedTuple):
    id: str
    call: Callable[[], Any]
    error: type
    text: str


PARAMS = {"w": jnp.ones(2), "b": jnp.ones(3)}
NARROW = {"w": jnp.ones(2, jnp.bfloat16)}
BALL = jos.momentum(0.1)
STACK = jax.vmap(jos.momentum)(jnp.array([0.1, 0.2]))
LINE = jos.linear_schedule(0.5, 0.9, 10)
MASK = {"w": True, "b": False}
KEY = jax.random.key(0)
W = jnp.ones(2)
COMPLEX = jnp.ones(2, jnp.complex64)


def loss(w):
    return jnp.sum(w**2)


def step(tx, updates=PARAMS, params=PARAMS, state=None, **extra):
    """One update; from the state of PARAMS, unless another is given."""
    return tx.update(updates, tx.init(PARAMS) if state is None else state, params, **extra)


def stacked(state):
    return jax.tree.map(lambda x: jnp.stack([x, x]), state)


def foreign(update):
    """Another library's transformation, whose update does what it likes."""

    def careless(updates, state, params=None):
        return update(updates, state)

    return optax.GradientTransformation(lambda params: (), careless)


def ints(tree):
    return jax.tree.map(lambda x: x.astype(int), tree)


MASTERS = jos.mixed_precision(BALL)
ROUNDED = jos.mixed_precision(BALL, "stochastic_rounding", seed=0)
METRIC = jos.reduce_on_plateau()

TABLE = [
    # rules and parts
    Bad(
        "learning rate below 0",
        lambda: jos.sgd(-1.0),
        ValueError,
        "sgd: learning_rate must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "learning rate NaN",
        lambda: jos.momentum(math.nan),
        ValueError,
        "momentum: learning_rate must be finite and at least 0, got nan.",
    ),
    Bad(
        "learning rate infinite",
        lambda: jos.adagrad(math.inf),
        ValueError,
        "adagrad: learning_rate must be finite and at least 0, got inf.",
    ),
    Bad(
        "row-wise learning rate infinite",
        lambda: jos.rowwise_adagrad(math.inf),
        ValueError,
        "rowwise_adagrad: learning_rate must be finite and at least 0, got inf.",
    ),
    Bad(
        "row-wise eps a vector",
        lambda: jos.rowwise_adagrad(0.1, eps=jnp.ones(2)),
        ValueError,
        "rowwise_adagrad: eps must be a scalar, got an array of shape (2,). To make one per value, map "
        "the constructor over the values with jax.vmap.",
    ),
    Bad(
        "row-wise start below 0",
        lambda: jos.rowwise_adagrad(0.1, initial_accumulator_value=-1),
        ValueError,
        "rowwise_adagrad: initial_accumulator_value must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "row-wise state with a number an element",
        lambda: jos.rowwise_adagrad(0.1).update(
            jnp.ones((4, 3)),
            jos.rowwise_adagrad(0.1).init(jnp.ones((4, 3)))._replace(sum_of_squares=jnp.ones((4, 3))),
        ),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(4, 3) but expected (4, 1). [rowwise_adagrad: the only leaf of the state's sum_of_squares has "
        "shape (4, 3); the updates' rows have shape (4, 1) there. Shapes must be equal; nothing is "
        "broadcast.]",
    ),
    Bad(
        "row-wise state of other rows",
        lambda: jos.rowwise_adagrad(0.1).update(
            {"w": jnp.ones((5, 3))}, jos.rowwise_adagrad(0.1).init({"w": jnp.ones((4, 3))})
        ),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(4, 1) but expected (5, 1). [rowwise_adagrad: leaf ['w'] of the state's sum_of_squares has "
        "shape (4, 1); the updates' rows have shape (5, 1) there. Shapes must be equal; nothing is "
        "broadcast.]",
    ),
    Bad(
        "row-wise with adagrad's state",
        lambda: jos.rowwise_adagrad(0.1).update(jnp.ones(3), jos.adagrad(0.1).init(jnp.ones(3))),
        TypeError,
        "rowwise_adagrad: expected the RowwiseAdagradState that its init returned, got AdagradState. "
        "Was this state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "learning rate complex",
        lambda: jos.sgd(1j),
        TypeError,
        "sgd: learning_rate must be a number, a scalar array or a schedule (a callable of the count),"
        " got complex 1j.",
    ),
    Bad(
        "learning rate True",
        lambda: jos.sgd(True),
        TypeError,
        "sgd: learning_rate must be a number, a scalar array or a schedule (a callable of the count),"
        " got bool True.",
    ),
    Bad(
        "learning rate a string",
        lambda: jos.sgd("0.1"),
        TypeError,
        "sgd: learning_rate must be a number, a scalar array or a schedule (a callable of the count),"
        " got str '0.1'.",
    ),
    Bad(
        "learning rate a NumPy vector",
        lambda: jos.sgd(np.ones(2)),
        TypeError,
        "sgd: learning_rate must be a number, a scalar array or a schedule (a callable of the count),"
        " got ndarray of shape (2,).",
    ),
    Bad(
        "project without a set",
        jos.project,
        TypeError,
        "project: expected a box (low, high or both) or a ball (radius), got neither.",
    ),
    Bad(
        "project onto a box and a ball",
        lambda: jos.project(low=0.0, radius=1.0),
        TypeError,
        "project: expected a box (low, high or both) or a ball (radius), got both.",
    ),
    Bad(
        "project with bounds out of order",
        lambda: jos.project(low=1, high=jnp.float32(0.5)),
        ValueError,
        "project: low must be at most high, got low 1.0 and high 0.5.",
    ),
    Bad(
        "project with an infinite bound",
        lambda: jos.project(low=0.0, high=math.inf),
        ValueError,
        "project: high must be finite, got inf.",
    ),
    Bad(
        "project with a vector of bounds",
        lambda: jos.project(low=jnp.zeros(2)),
        ValueError,
        "project: low must be a scalar, got an array of shape (2,). To make one per value, map the "
        "constructor over the values with jax.vmap.",
    ),
    Bad(
        "project with a negative radius",
        lambda: jos.project(radius=-1.0),
        ValueError,
        "project: radius must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "project with a tuple of bounds",
        lambda: jos.project(low=(0.0, 1.0)),
        TypeError,
        "project: low must be a number, a scalar array or a schedule (a callable of the count), got "
        "tuple (0.0, 1.0).",
    ),
    Bad(
        "project without params",
        lambda: step(jos.project(low=0.0), params=None),
        ValueError,
        "project needs the parameters: call update(updates, state, params).",
    ),
    Bad(
        "project complex parameters onto a box, at init",
        lambda: jos.project(low=0.0).init({"w": COMPLEX}),
        TypeError,
        "project: leaf ['w'] of the params has dtype complex64; complex numbers have no order, so "
        "neither low nor high. A ball (radius) takes them.",
    ),
    Bad(
        "project complex updates onto a box",
        lambda: jos.project(high=0.0).update(
            {"w": COMPLEX}, jos.project(high=0.0).init(W), {"w": COMPLEX}
        ),
        TypeError,
        "project: leaf ['w'] of the updates has dtype complex64; complex numbers have no order, so "
        "neither low nor high. A ball (radius) takes them.",
    ),
    Bad(
        "project complex parameters with real updates",
        lambda: jos.project(radius=1.0).update(W, jos.project(radius=1.0).init(W), COMPLEX),
        TypeError,
        "project: the only leaf of the params has dtype complex64; the updates have float32 there and "
        "cannot take complex values.",
    ),
    Bad(
        "project with a bound moved across the other",
        lambda: jos.with_hyperparams(jos.project(low=0.0, high=1.0), low=2.0),
        ValueError,
        "project: low must be at most high, got low 2.0 and high 1.0.",
    ),
    Bad(
        "project with another optimizer's state",
        lambda: step(jos.project(low=0.0), state=jos.sgd(0.1).init(PARAMS)),
        TypeError,
        "project: expected the ProjectState that its init returned, got SGDState. Was this state made "
        "by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "learning rate a vector",
        lambda: jos.sgd(jnp.ones(2)),
        ValueError,
        "sgd: learning_rate must be a scalar, got an array of shape (2,). To make one per value, map "
        "the constructor over the values with jax.vmap.",
    ),
    Bad(
        "learning rate a complex array",
        lambda: jos.sgd(jnp.array(1j)),
        TypeError,
        "sgd: learning_rate must be a real number, got an array of complex64.",
    ),
    Bad(
        "learning rate beyond float64",
        lambda: jos.sgd(10**400),
        ValueError,
        "sgd: learning_rate must be finite, got an integer beyond float64.",
    ),
    Bad(
        "learning rate a class",
        lambda: jos.sgd(float),
        TypeError,
        "sgd: learning_rate must be a number, a scalar array or a schedule (a callable of the count),"
        " got type <class 'float'>.",
    ),
    Bad(
        "momentum 2",
        lambda: jos.sgd(0.1, 2),
        ValueError,
        "sgd: momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "decay 1.5",
        lambda: jos.rmsprop(0.1, 1.5),
        ValueError,
        "rmsprop: decay must be in [0, 1], got 1.5.",
    ),
    Bad(
        "eps below 0",
        lambda: jos.rmsprop(0.1, eps=-1),
        ValueError,
        "rmsprop: eps must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "nesterov without momentum",
        lambda: jos.sgd(0.1, nesterov=True),
        ValueError,
        "sgd: nesterov=True needs a momentum, got momentum=None.",
    ),
    Bad(
        "nesterov a string",
        lambda: jos.trace(0.9, nesterov="yes"),
        TypeError,
        "trace: nesterov must be True or False, got 'yes'.",
    ),
    Bad(
        "bias correction at decay 1",
        lambda: jos.rmsprop(0.1, 1.0, bias_correction=True),
        ValueError,
        "rmsprop: bias_correction needs a decay below 1, got 1.",
    ),
    Bad(
        "clip below 0",
        lambda: jos.clip(-1.0),
        ValueError,
        "clip: max_delta must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "clip a pair",
        lambda: jos.clip((-1, 1)),
        TypeError,
        "clip: max_delta must be a number, a scalar array or a schedule (a callable of the count), "
        "got tuple (-1, 1).",
    ),
    Bad(
        "clip None",
        lambda: jos.clip(None),
        TypeError,
        "clip: max_delta must be a number, a scalar array or a schedule (a callable of the count), "
        "got NoneType None.",
    ),
    Bad(
        "clip by norm infinite",
        lambda: jos.clip_by_global_norm(math.inf),
        ValueError,
        "clip_by_global_norm: max_norm must be finite and at least 0, got inf.",
    ),
    Bad(
        "clip by a vector",
        lambda: jos.clip_by_global_norm(jnp.ones(2)),
        ValueError,
        "clip_by_global_norm: max_norm must be a scalar, got an array of shape (2,). To make one per "
        "value, map the constructor over the values with jax.vmap.",
    ),
    Bad(
        "decay needs params",
        lambda: step(jos.add_decayed_weights(0.1), params=None),
        ValueError,
        "add_decayed_weights needs the parameters: call update(updates, state, params).",
    ),
    Bad(
        "scale_by_schedule of a number",
        lambda: jos.scale_by_schedule(0.1),
        TypeError,
        "scale_by_schedule: step_size_fn must be a callable of the count, got 0.1. For a number use "
        "scale.",
    ),
    # leaves, in init
    Bad(
        "integers",
        lambda: BALL.init({"w": jnp.ones(2, int)}),
        TypeError,
        "momentum: leaf ['w'] of the params has dtype int32; expected a floating or complex dtype. "
        "Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    Bad(
        "bools behind a mask",
        lambda: jos.masked(BALL, True).init({"w": jnp.ones(2, bool)}),
        TypeError,
        "momentum: leaf ['w'] of the parameters has dtype bool; expected a floating or complex dtype."
        " Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    Bad(
        "a string",
        lambda: BALL.init({"w": "x"}),
        TypeError,
        "momentum: leaf ['w'] of the params is a str; expected an array or a number.",
    ),
    Bad(
        "the name of a dtype",
        lambda: BALL.init({"w": "float32"}),
        TypeError,
        "momentum: leaf ['w'] of the params is a str; expected an array or a number.",
    ),
    Bad(
        "a dtype",
        lambda: BALL.init({"w": jnp.float32}),
        TypeError,
        "momentum: leaf ['w'] of the params is a _ScalarMeta; expected an array or a number.",
    ),
    Bad(
        "a string behind a mask",
        lambda: jos.freeze(MASK).init({"w": "x", "b": W}),
        TypeError,
        "freeze: leaf ['w'] of the params is a str; expected an array or a number.",
    ),
    Bad(
        "a key",
        lambda: BALL.init(KEY),
        TypeError,
        "momentum: the only leaf of the params has dtype key<fry>; expected a floating or complex "
        "dtype. Leave parameters that are not trained to masked or freeze, or put None in their "
        "place.",
    ),
    Bad(
        "an array of strings",
        lambda: BALL.init([np.array(["a"])]),
        TypeError,
        "momentum: leaf [0] of the params is a ndarray; expected an array or a number.",
    ),
    Bad(
        "complex into bfloat16",
        lambda: jos.accumulator_dtype(BALL, jnp.bfloat16).init(jnp.ones(2, complex)),
        TypeError,
        "accumulator_dtype: momentum keeps a complex state for complex leaves, which bfloat16 cannot "
        "hold.",
    ),
    Bad(
        "integers to a foreign member",
        lambda: jos.chain(optax.sgd(0.1)).init(jnp.ones(2, int)),
        TypeError,
        "chain: the only leaf of the params has dtype int32; expected a floating or complex dtype. "
        "Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    # trees, shapes and dtypes, in update
    Bad(
        "a leaf missing",
        lambda: step(BALL, {"w": W}, params=None),
        ValueError,
        "momentum: the updates and the state's velocity are different trees: leaf ['b'] of the "
        "state's velocity is missing from the updates (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "a leaf too many",
        lambda: step(BALL, {**PARAMS, "c": W}, params=None),
        ValueError,
        "momentum: the updates and the state's velocity are different trees: leaf ['c'] of the "
        "updates is not in the state's velocity (leaves: 3 came, 2 expected).",
    ),
    Bad(
        "another container",
        lambda: step(BALL, [W, W], params=None),
        ValueError,
        "momentum: the updates and the state's velocity are different trees: leaf ['b'] of the "
        "state's velocity is missing from the updates (leaves: 2 came, 2 expected).",
    ),
    Bad(
        "(1,) on (2,)",
        lambda: step(BALL, {**PARAMS, "w": jnp.ones(1)}, params=None),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(1,) but expected (2). [momentum: leaf ['w'] of the updates has shape (1,); the state's "
        "velocity have shape (2,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "params of another shape",
        lambda: step(BALL, params={**PARAMS, "w": jnp.ones((2, 2))}),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(2,) but expected (2, 2). [momentum: leaf ['w'] of the updates has shape (2,); the params "
        "have shape (2, 2) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "params of another tree",
        lambda: step(BALL, params={"w": W}),
        ValueError,
        "momentum: the updates and the params are different trees: leaf ['b'] of the updates is "
        "not in the params (leaves: 2 came, 1 expected).",
    ),
    Bad(
        "integer updates",
        lambda: step(BALL, ints(PARAMS)),
        TypeError,
        "momentum: leaf ['b'] of the updates has dtype int32; expected a floating or complex dtype. "
        "Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    Bad(
        "complex updates",
        lambda: step(BALL, {**PARAMS, "w": COMPLEX}),
        TypeError,
        "momentum: leaf ['w'] of the updates has dtype complex64; the params have float32 there and "
        "cannot take complex values.",
    ),
    Bad(
        "complex updates without params",
        lambda: step(BALL, {**PARAMS, "w": COMPLEX}, params=None),
        AssertionError,
        "[Chex] Assertion assert_type failed: Error in type compatibility check: input 0 has type "
        "float32 but expected complex64. [momentum: leaf ['w'] of the state's velocity has dtype "
        "float32; the updates need complex64 there. Was this state made by init for parameters of "
        "another dtype?]",
    ),
    Bad(
        "a string as an update",
        lambda: step(jos.masked(BALL, MASK), {**PARAMS, "w": "x"}),
        TypeError,
        "masked: leaf ['w'] of the updates is a str; expected an array or a number.",
    ),
    Bad(
        "state and updates swapped",
        lambda: BALL.update(BALL.init(PARAMS), PARAMS),
        TypeError,
        "momentum: leaf .count of the updates has dtype int32; expected a floating or complex dtype. "
        "Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    Bad(
        "accumulated shape",
        lambda: step(jos.multi_steps(BALL, 2), {**PARAMS, "w": jnp.ones(3)}, params=None),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(3,) but expected (2). [multi_steps: leaf ['w'] of the updates has shape (3,); the state's "
        "acc_grads have shape (2,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "averaged shape",
        lambda: step(
            jos.average_params(BALL, 0.9),
            state=jos.average_params(BALL, 0.9).init(NARROW),
            updates={"w": jnp.ones(3)},
            params={"w": jnp.ones(3)},
        ),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(3,) but expected (2). [average_params: leaf ['w'] of the params has shape (3,); the state's"
        " average have shape (2,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "average of real, params complex",
        lambda: step(jos.average_params(BALL, 0.9), params={**PARAMS, "w": COMPLEX}),
        AssertionError,
        "[Chex] Assertion assert_type failed: Error in type compatibility check: input 0 has type "
        "float32 but expected complex64. [average_params: leaf ['w'] of the state's average has dtype"
        " float32; the params need complex64 there. Was this state made by init for parameters of "
        "another dtype?]",
    ),
    Bad(
        "integer params behind a mask",
        lambda: step(jos.masked(BALL, MASK), params={**PARAMS, "w": jnp.ones(2, int)}),
        TypeError,
        "momentum: leaf ['w'] of the parameters has dtype int32; expected a floating or complex "
        "dtype. Leave parameters that are not trained to masked or freeze, or put None in their "
        "place.",
    ),
    Bad(
        "master of another tree",
        lambda: MASTERS.update(NARROW, MASTERS.init({"v": NARROW["w"]}), NARROW),
        ValueError,
        "mixed_precision: the params and the state's master are different trees: leaf ['v'] of "
        "the state's master is missing from the params (leaves: 1 came, 1 expected).",
    ),
    Bad(
        "master of wide params",
        lambda: MASTERS.update(NARROW, MASTERS.init({"w": W}), NARROW),
        ValueError,
        "mixed_precision: the narrow params and the state's master are different trees: leaf "
        "['w'] of the narrow params is not in the state's master (leaves: 1 came, 0 expected).",
    ),
    Bad(
        "average_params needs params",
        lambda: step(jos.average_params(BALL, 0.9), params=None),
        ValueError,
        "average_params needs the parameters: call update(updates, state, params).",
    ),
    Bad(
        "mixed_precision needs params",
        lambda: step(MASTERS, params=None),
        ValueError,
        "mixed_precision needs the parameters: call update(updates, state, params).",
    ),
    # states, in update
    Bad(
        "state of another rule",
        lambda: step(BALL, state=jos.sgd(0.1).init(PARAMS)),
        TypeError,
        "momentum: expected the MomentumState that its init returned, got SGDState. Was this state "
        "made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "state of optax",
        lambda: step(BALL, state=optax.adam(0.1).init(PARAMS)),
        TypeError,
        "momentum: expected the MomentumState that its init returned, got tuple. Was this state made "
        "by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "state as a dict",
        lambda: step(BALL, state=BALL.init(PARAMS)._asdict()),
        TypeError,
        "momentum: expected the MomentumState that its init returned, got dict. Was this state made "
        "by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "state of other options",
        lambda: step(jos.sgd(0.1), state=jos.sgd(0.1, 0.9).init(PARAMS)),
        TypeError,
        "sgd: the state has a velocity, which this optimizer does not keep. Was this state made by "
        "sgd with other options?",
    ),
    Bad(
        "state of a chain",
        lambda: step(jos.chain(BALL), state=BALL.init(PARAMS)),
        TypeError,
        "chain: expected a tuple of 1 states, one for each of ['momentum'], got MomentumState of 2. "
        "Was this state made by another optimizer?",
    ),
    Bad(
        "state of a named chain",
        lambda: step(jos.named_chain(("a", BALL)), state={"b": BALL.init(PARAMS)}),
        TypeError,
        "named_chain: expected a dict of 1 states, one for each of ['a'], got dict with the keys "
        "['b']. Was this state made by another optimizer?",
    ),
    Bad(
        "inner state to masked",
        lambda: step(jos.masked(BALL, MASK), state=BALL.init(PARAMS)),
        TypeError,
        "masked: expected the PartitionState that its init returned, got MomentumState. Was this "
        "state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "inner state to multi_steps",
        lambda: step(jos.multi_steps(BALL, 2), state=BALL.init(PARAMS)),
        TypeError,
        "multi_steps: expected the MultiStepsState that its init returned, got MomentumState. Was "
        "this state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "inner state to apply_if_finite",
        lambda: step(jos.apply_if_finite(BALL, 2), state=BALL.init(PARAMS)),
        TypeError,
        "apply_if_finite: expected the ApplyIfFiniteState that its init returned, got MomentumState. "
        "Was this state made by another optimizer, or restored from a checkpoint as a plain "
        "container?",
    ),
    Bad(
        "inner state to average_params",
        lambda: step(jos.average_params(BALL, 0.9), state=BALL.init(PARAMS)),
        TypeError,
        "average_params: expected the AverageParamsState that its init returned, got MomentumState. "
        "Was this state made by another optimizer, or restored from a checkpoint as a plain "
        "container?",
    ),
    Bad(
        "inner state to mixed_precision",
        lambda: step(MASTERS, state=BALL.init(PARAMS)),
        TypeError,
        "mixed_precision: expected the MixedPrecisionState that its init returned, got MomentumState."
        " Was this state made by another optimizer, or restored from a checkpoint as a plain "
        "container?",
    ),
    Bad(
        "inner state to checked",
        lambda: step(jos.checked(BALL), state=BALL.init(PARAMS)),
        TypeError,
        "checked: expected the CheckedState that its init returned, got MomentumState. Was this state"
        " made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "inner state to clip",
        lambda: step(jos.clip(1.0), state=BALL.init(PARAMS)),
        TypeError,
        "clip: expected the ClipState that its init returned, got MomentumState. Was this state made "
        "by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "inner state to reduce_on_plateau",
        lambda: step(METRIC, state=BALL.init(PARAMS)),
        TypeError,
        "reduce_on_plateau: expected the ReduceOnPlateauState that its init returned, got "
        "MomentumState. Was this state made by another optimizer, or restored from a checkpoint as a "
        "plain container?",
    ),
    Bad(
        "inner state to zero_nans",
        lambda: step(jos.zero_nans(), state=BALL.init(PARAMS)),
        TypeError,
        "zero_nans: expected the ZeroNansState that its init returned, got MomentumState. Was this "
        "state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "wide state to a narrow one",
        lambda: step(jos.accumulator_dtype(BALL, jnp.bfloat16), state=BALL.init(PARAMS)),
        AssertionError,
        "[Chex] Assertion assert_type failed: Error in type compatibility check: input 0 has type "
        "float32 but expected bfloat16. [momentum: leaf ['b'] of the state's velocity has dtype "
        "float32; the updates need bfloat16 there. Was this state made by init for parameters of "
        "another dtype?]",
    ),
    Bad(
        "partition with other labels",
        lambda: step(
            jos.partition({"x": BALL}, "x"), state=jos.partition({"y": BALL}, "y").init(PARAMS)
        ),
        TypeError,
        "partition: expected a dict of one state for each of ['x'], got ['y']. Was this state made by"
        " another optimizer?",
    ),
    Bad(
        "partition with a list",
        lambda: step(jos.freeze(MASK), state=jos.freeze(MASK).init(PARAMS)._replace(inner_states=[])),
        TypeError,
        "freeze: expected a dict of one state for each of ['False', 'True'], got list. Was this state"
        " made by another optimizer?",
    ),
    Bad(
        "a state of stochastic rounding",
        lambda: MASTERS.update(NARROW, ROUNDED.init(NARROW), NARROW),
        TypeError,
        "mixed_precision: 'master_weights' keeps a master, but the state has a key. Was it made in "
        "another mode?",
    ),
    Bad(
        "a state of master weights",
        lambda: ROUNDED.update(NARROW, MASTERS.init(NARROW), NARROW),
        TypeError,
        "mixed_precision: 'stochastic_rounding' keeps a key, but the state has a master. Was it made "
        "in another mode?",
    ),
    Bad(
        "stacked state",
        lambda: step(BALL, state=stacked(BALL.init(PARAMS))),
        TypeError,
        "momentum: the state's count must be one integer, got dtype int32 of shape (2,). A stacked "
        "state is used under jax.vmap.",
    ),
    Bad(
        "stacked clip",
        lambda: step(
            jos.clip_by_global_norm(1.0), state=stacked(jos.clip_by_global_norm(1.0).init(PARAMS))
        ),
        TypeError,
        "clip_by_global_norm: the state's count must be one integer, got dtype int32 of shape (2,). A"
        " stacked state is used under jax.vmap.",
    ),
    Bad(
        "stacked steps",
        lambda: step(jos.multi_steps(BALL, 2), state=stacked(jos.multi_steps(BALL, 2).init(PARAMS))),
        TypeError,
        "multi_steps: the state's mini_step must be one number, got dtype int32 of shape (2,). A "
        "stacked state is used under jax.vmap.",
    ),
    Bad(
        "a count of None",
        lambda: step(jos.zero_nans(), state=jos.zero_nans().init(PARAMS)._replace(count=None)),
        TypeError,
        "zero_nans: the state's count must be one integer, got None.",
    ),
    Bad(
        "a count that is a float",
        lambda: step(jos.clip(1.0), state=jos.clip(1.0).init(PARAMS)._replace(count=1.0)),
        TypeError,
        "clip: the state's count must be one integer, got dtype float32 of shape ().",
    ),
    Bad(
        "a counter that is a string",
        lambda: step(
            jos.apply_if_finite(BALL, 2),
            state=jos.apply_if_finite(BALL, 2).init(PARAMS)._replace(total_notfinite="x"),
        ),
        TypeError,
        "apply_if_finite: the state's total_notfinite must be one number, got 'x'.",
    ),
    # a stack without vmap, behind every wrapper
    Bad(
        "stack",
        lambda: step(STACK),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in chain",
        lambda: step(jos.chain(STACK)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in masked",
        lambda: step(jos.masked(STACK, True)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in partition",
        lambda: step(jos.partition({"x": STACK}, "x")),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in multi_steps",
        lambda: step(jos.multi_steps(STACK, 1)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in apply_if_finite",
        lambda: step(jos.apply_if_finite(STACK, 2)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in average_params",
        lambda: step(jos.average_params(STACK, 0.9)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in checked",
        lambda: step(jos.checked(STACK)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in mixed_precision",
        lambda: step(jos.mixed_precision(STACK)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in accumulator_dtype",
        lambda: step(jos.accumulator_dtype(STACK, jnp.bfloat16)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in as_arrays",
        lambda: step(jos.as_arrays(STACK)),
        ValueError,
        "momentum: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is "
        "used under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "stack in as_static",
        lambda: step(jos.as_static(STACK)),
        ValueError,
        "as_static: a hyperparameter has shape (2,), so this is a stack of optimizers, which only "
        "jax.vmap can use.",
    ),
    # compositions and wrappers: what they wrap
    Bad(
        "chain of a number",
        lambda: jos.chain(BALL, 0.1),
        TypeError,
        "chain: member 1 is 0.1; expected a GradientTransformation, ours or any optax-style (init, "
        "update) pair.",
    ),
    Bad(
        "chain of a list",
        lambda: jos.chain([BALL]),
        TypeError,
        "chain: member 0 is [momentum(learning_rate=0.1, mu=0.9)]; expected a GradientTransformation,"
        " ours or any optax-style (init, update) pair. Several transformations one after another are "
        "chain(*members).",
    ),
    Bad(
        "chain of a constructor",
        lambda: jos.chain(jos.momentum),
        TypeError,
        "chain: member 0 is momentum; expected a GradientTransformation, ours or any optax-style "
        "(init, update) pair. Call the constructor: pass momentum(...), not momentum.",
    ),
    Bad(
        "chain of half a pair",
        lambda: jos.chain(BALL.init),
        TypeError,
        "chain: member 0 is Partial(init, momentum()); expected a GradientTransformation, "
        "ours or any optax-style (init, update) pair. This is half of a transformation: pass the "
        "whole, not its init or its update.",
    ),
    Bad(
        "named_chain without names",
        lambda: jos.named_chain(BALL),
        TypeError,
        "named_chain: member 0 is momentum(learning_rate=0.1, mu=0.9); expected a (name, "
        "transformation) pair.",
    ),
    Bad(
        "named_chain with a name twice",
        lambda: jos.named_chain(("a", BALL), ("a", BALL)),
        ValueError,
        "named_chain: the name 'a' occurs twice; names must be unique.",
    ),
    Bad(
        "named_chain with a dot",
        lambda: jos.named_chain(("a.b", BALL)),
        ValueError,
        "named_chain: the name 'a.b' is empty or has a dot; dots separate the parts of a "
        "hyperparameter's name.",
    ),
    Bad(
        "masked, arguments swapped",
        lambda: jos.masked(MASK, BALL),
        TypeError,
        "masked: inner is {'w': True, 'b': False}; expected a GradientTransformation, ours or any "
        "optax-style (init, update) pair.",
    ),
    Bad(
        "masked around a constructor",
        lambda: jos.masked(optax.sgd, MASK),
        TypeError,
        "masked: inner is sgd; expected a GradientTransformation, ours or any optax-style (init, "
        "update) pair. Call the constructor: pass sgd(...), not sgd.",
    ),
    Bad(
        "partition of a list",
        lambda: jos.partition([BALL], "x"),
        TypeError,
        "partition: transforms must be a mapping of label to transformation, got "
        "[momentum(learning_rate=0.1, mu=0.9)].",
    ),
    Bad(
        "partition of nothing",
        lambda: jos.partition({}, "x"),
        TypeError,
        "partition: transforms must be a mapping of label to transformation, got {}.",
    ),
    Bad(
        "partition of a number",
        lambda: jos.partition({"x": 0.1}, "x"),
        TypeError,
        "partition: the transformation of 'x' is 0.1; expected a GradientTransformation, ours or any "
        "optax-style (init, update) pair.",
    ),
    Bad(
        "partition, labels alike",
        lambda: jos.partition({1: BALL, "1": BALL}, 1),
        ValueError,
        "partition: the labels [1, '1'] do not differ as text.",
    ),
    Bad(
        "multi_steps around a name",
        lambda: jos.multi_steps("sgd", 2),
        TypeError,
        "multi_steps: inner is 'sgd'; expected a GradientTransformation, ours or any optax-style "
        "(init, update) pair.",
    ),
    Bad(
        "apply_if_finite around None",
        lambda: jos.apply_if_finite(None, 2),
        TypeError,
        "apply_if_finite: inner is None; expected a GradientTransformation, ours or any optax-style "
        "(init, update) pair.",
    ),
    Bad(
        "average_params around a rate",
        lambda: jos.average_params(0.1, 0.9),
        TypeError,
        "average_params: tx is 0.1; expected a GradientTransformation, ours or any optax-style (init,"
        " update) pair.",
    ),
    Bad(
        "checked around a list",
        lambda: jos.checked([BALL]),
        TypeError,
        "checked: tx is [momentum(learning_rate=0.1, mu=0.9)]; expected a GradientTransformation, "
        "ours or any optax-style (init, update) pair. Several transformations one after another are "
        "chain(*members).",
    ),
    Bad(
        "mixed_precision around a class",
        lambda: jos.mixed_precision(optax.GradientTransformation),
        TypeError,
        "mixed_precision: inner is GradientTransformation; expected a GradientTransformation, ours or"
        " any optax-style (init, update) pair. Call the constructor: pass "
        "GradientTransformation(...), not GradientTransformation.",
    ),
    Bad(
        "accumulator_dtype around a function",
        lambda: jos.accumulator_dtype(loss, jnp.bfloat16),
        TypeError,
        "accumulator_dtype: tx is loss; expected a GradientTransformation, ours or any optax-style "
        "(init, update) pair. Call the constructor: pass loss(...), not loss.",
    ),
    Bad(
        "as_static of a dict",
        lambda: jos.as_static({}),
        TypeError,
        "as_static: tx is {}; expected a GradientTransformation, ours or any optax-style (init, "
        "update) pair.",
    ),
    Bad(
        "as_arrays of a number",
        lambda: jos.as_arrays(0.1),
        TypeError,
        "as_arrays: tx is 0.1; expected a GradientTransformation, ours or any optax-style (init, "
        "update) pair.",
    ),
    Bad(
        "foreign narrow state",
        lambda: jos.accumulator_dtype(jos.chain(optax.clip(1.0)), jnp.bfloat16),
        TypeError,
        "accumulator_dtype: clip is another library's, whose state only it can narrow.",
    ),
    Bad(
        "a foreign update with integers",
        lambda: step(jos.chain(foreign(lambda u, s: (ints(u), s)))),
        TypeError,
        "foreign: leaf ['b'] of the new updates has dtype int32; expected a floating or complex "
        "dtype. Leave parameters that are not trained to masked or freeze, or put None in their "
        "place.",
    ),
    Bad(
        "a foreign update without a state",
        lambda: step(jos.chain(foreign(lambda u, s: u))),
        TypeError,
        "foreign: update must return the pair (updates, state), got dict of 2.",
    ),
    Bad(
        "a foreign update of another shape",
        lambda: step(jos.chain(foreign(lambda u, s: (jax.tree.map(jnp.sum, u), s)))),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "() but expected (3). [foreign: leaf ['b'] of the new updates has shape (); the updates have "
        "shape (3,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "as_static of a traced rate",
        lambda: jax.jit(lambda a: jos.as_static(jos.sgd(a)).init(W))(0.1),
        TypeError,
        "as_static: a hyperparameter is traced, so it has no value that could be fixed.",
    ),
    Bad(
        "checked without chexify",
        lambda: jax.jit(jos.checked(BALL).update)(PARAMS, jos.checked(BALL).init(PARAMS)),
        NotChexifiedError,
        "checked(momentum) asserts values, which takes chex.chexify around the outermost jax.jit: "
        "step = chex.chexify(jax.jit(step)). make_step and fit do that with checked=True.",
    ),
    # masks and labels
    Bad(
        "mask of 0 and 1",
        lambda: jos.masked(BALL, {"w": 1, "b": 0}),
        ValueError,
        "masked: leaf ['b'] of the mask is 0; expected one of [False, True].",
    ),
    Bad(
        "mask of names",
        lambda: jos.freeze(["w"]),
        ValueError,
        "freeze: leaf [0] of the mask is 'w'; expected one of [False, True].",
    ),
    Bad(
        "mask of an array",
        lambda: jos.masked(BALL, {"w": jnp.array([True, False]), "b": True}),
        TypeError,
        "masked: leaf ['w'] of the mask is an array of shape (2,); expected one of [False, True] for "
        "the whole leaf. To mask elements, multiply the gradients.",
    ),
    Bad(
        "decay mask of strings",
        lambda: jos.add_decayed_weights(0.1, mask={"w": "yes", "b": "no"}),
        ValueError,
        "add_decayed_weights: leaf ['b'] of the mask is 'no'; expected one of [False, True].",
    ),
    Bad(
        "mask that is a class",
        lambda: jos.masked(BALL, bool),
        TypeError,
        "masked: the mask is a class, bool; expected a tree of True and False, or a function that "
        "makes it from the parameters.",
    ),
    Bad(
        "freeze of a transformation",
        lambda: jos.freeze(BALL),
        TypeError,
        "freeze: the mask is a transformation, momentum(learning_rate=0.1, mu=0.9); expected a tree "
        "of True and False, or a function that makes it from the parameters.",
    ),
    Bad(
        "mask None",
        lambda: step(jos.masked(BALL, None)),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; outermost there is nothing (None) where the parameters have a dict.",
    ),
    Bad(
        "mask with None",
        lambda: step(jos.masked(BALL, {"w": True, "b": None})),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; at ['b'] there is nothing (None) where the parameters have an array.",
    ),
    Bad(
        "mask without a leaf",
        lambda: step(jos.masked(BALL, {"w": True})),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; outermost it lacks ['b'].",
    ),
    Bad(
        "mask with a leaf too many",
        lambda: step(jos.masked(BALL, {**MASK, "c": True})),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; outermost it has ['c'], which the parameters do not have.",
    ),
    Bad(
        "mask deeper than the params",
        lambda: step(jos.masked(BALL, {"w": {"x": True}, "b": True})),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; at ['w'] there is a dict where the parameters have an array.",
    ),
    Bad(
        "mask that is a list",
        lambda: step(jos.freeze([True, False])),
        ValueError,
        "freeze: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; outermost there is a list where the parameters have a dict.",
    ),
    Bad(
        "a mask's function returns None",
        lambda: step(jos.masked(BALL, lambda p: None)),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds for "
        "all below; outermost there is nothing (None) where the parameters have a dict.",
    ),
    Bad(
        "a mask's function returns text",
        lambda: step(jos.masked(BALL, lambda p: "w")),
        ValueError,
        "masked: the only leaf of the mask is 'w'; expected one of [False, True].",
    ),
    Bad(
        "a mask's function returns a function",
        lambda: step(jos.masked(BALL, lambda p: lambda q: True)),
        TypeError,
        "masked: the function of the mask returned a function; expected a tree of True and False.",
    ),
    Bad(
        "a mask's function returns the params",
        lambda: step(jos.masked(BALL, lambda p: p)),
        TypeError,
        "masked: leaf ['b'] of the mask is an array of shape (3,); expected one of [False, True] for "
        "the whole leaf. To mask elements, multiply the gradients.",
    ),
    Bad(
        "a mask that depends on values",
        lambda: step(jos.masked(BALL, lambda p: jax.tree.map(lambda w: jnp.all(w > 0), p))),
        TypeError,
        "masked: leaf ['b'] of the mask is traced; the mask must be known before tracing.",
    ),
    Bad(
        "an unknown label",
        lambda: jos.partition({"embed": BALL}, "embeds"),
        ValueError,
        "partition: the only leaf of the labels is 'embeds'; expected one of ['embed']. Did you mean "
        "'embed'?",
    ),
    Bad(
        "labels without a leaf",
        lambda: step(jos.partition({"x": BALL}, {"w": "x"})),
        ValueError,
        "partition: the labels must be a tree like the parameters, or stop earlier, where one holds "
        "for all below; outermost it lacks ['b'].",
    ),
    Bad(
        "labels of booleans",
        lambda: jos.partition({"x": BALL}, MASK),
        ValueError,
        "partition: leaf ['b'] of the labels is False; expected one of ['x'].",
    ),
    # wrappers: their own arguments
    Bad(
        "every_k 0",
        lambda: jos.multi_steps(BALL, 0),
        ValueError,
        "multi_steps: every_k must be at least 1 and fit into int32, got 0.",
    ),
    Bad(
        "every_k 1.5",
        lambda: jos.multi_steps(BALL, 1.5),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got 1.5.",
    ),
    Bad(
        "every_k 2.0",
        lambda: jos.multi_steps(BALL, 2.0),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got 2.0.",
    ),
    Bad(
        "every_k True",
        lambda: jos.multi_steps(BALL, True),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got True.",
    ),
    Bad(
        "every_k None",
        lambda: jos.multi_steps(BALL, None),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got None.",
    ),
    Bad(
        'every_k "2"',
        lambda: jos.multi_steps(BALL, "2"),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got '2'.",
    ),
    Bad(
        "every_k math.nan",
        lambda: jos.multi_steps(BALL, math.nan),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got nan.",
    ),
    Bad(
        "every_k jnp.ones(2, int)",
        lambda: jos.multi_steps(BALL, jnp.ones(2, int)),
        TypeError,
        "multi_steps: every_k must be an integer or a schedule (a callable of the number of updates),"
        " got Array([1, 1], dtype=int32).",
    ),
    Bad(
        "every_k 10**12",
        lambda: jos.multi_steps(BALL, 10**12),
        ValueError,
        "multi_steps: every_k must be at least 1 and fit into int32, got 1000000000000.",
    ),
    Bad(
        "every_k by a schedule of text",
        lambda: step(jos.multi_steps(BALL, lambda t: "x")),
        TypeError,
        "multi_steps: every_k must be a real number, but its schedule returned str.",
    ),
    Bad(
        "every_k by a schedule of vectors",
        lambda: step(jos.multi_steps(BALL, lambda t: W)),
        ValueError,
        "multi_steps: every_k has shape (2,) where a scalar was expected. A stacked optimizer is used"
        " under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "max_consecutive_errors -1",
        lambda: jos.apply_if_finite(BALL, -1),
        ValueError,
        "apply_if_finite: max_consecutive_errors must be at least 0 and fit into int32, got -1.",
    ),
    Bad(
        "max_consecutive_errors 1.5",
        lambda: jos.apply_if_finite(BALL, 1.5),
        TypeError,
        "apply_if_finite: max_consecutive_errors must be an integer, got 1.5.",
    ),
    Bad(
        "max_consecutive_errors None",
        lambda: jos.apply_if_finite(BALL, None),
        TypeError,
        "apply_if_finite: max_consecutive_errors must be an integer, got None.",
    ),
    Bad(
        "average decay 1",
        lambda: jos.average_params(BALL, 1.0),
        ValueError,
        "average_params: the bias correction needs a decay below 1, got 1.",
    ),
    Bad(
        "average decay above 1",
        lambda: jos.average_params(BALL, 1.1),
        ValueError,
        "average_params: decay must be in [0, 1], got 1.1.",
    ),
    Bad(
        "average decay None",
        lambda: jos.average_params(BALL, None),
        TypeError,
        "average_params: decay must be a number, a scalar array or a schedule (a callable of the "
        "count), got NoneType None.",
    ),
    Bad(
        "a mode mistyped",
        lambda: jos.mixed_precision(BALL, mode="master"),
        ValueError,
        "mixed_precision: mode must be 'master_weights' or 'stochastic_rounding', got 'master'.",
    ),
    Bad(
        "a mode in an array",
        lambda: jos.mixed_precision(BALL, mode=np.array(["master_weights"])),
        ValueError,
        "mixed_precision: mode must be 'master_weights' or 'stochastic_rounding', got "
        "array(['master_weights'], dtype='<U14').",
    ),
    Bad(
        "rounding without a seed",
        lambda: jos.mixed_precision(BALL, "stochastic_rounding"),
        ValueError,
        "mixed_precision: 'stochastic_rounding' needs a seed, an integer in [0, 2**32), got None.",
    ),
    Bad(
        "rounding with half a seed",
        lambda: jos.mixed_precision(BALL, "stochastic_rounding", seed=0.5),
        ValueError,
        "mixed_precision: 'stochastic_rounding' needs a seed, an integer in [0, 2**32), got 0.5.",
    ),
    Bad(
        "a seed below 0",
        lambda: jos.mixed_precision(BALL, "stochastic_rounding", seed=-1),
        ValueError,
        "mixed_precision: 'stochastic_rounding' needs a seed, an integer in [0, 2**32), got -1.",
    ),
    Bad(
        "masters with a seed",
        lambda: jos.mixed_precision(BALL, seed=0),
        ValueError,
        "mixed_precision: 'master_weights' draws no random numbers, got seed=0.",
    ),
    Bad(
        "accumulators of int",
        lambda: jos.accumulator_dtype(BALL, int),
        TypeError,
        "accumulator_dtype: dtype must be a real floating dtype, got int.",
    ),
    Bad(
        "accumulators of complex",
        lambda: jos.accumulator_dtype(BALL, jnp.complex64),
        TypeError,
        "accumulator_dtype: dtype must be a real floating dtype, got complex64.",
    ),
    Bad(
        "accumulators of None",
        lambda: jos.accumulator_dtype(BALL, None),
        TypeError,
        "accumulator_dtype: dtype must be a real floating dtype, got None.",
    ),
    Bad(
        "accumulators of an unknown name",
        lambda: jos.accumulator_dtype(BALL, "float12"),
        TypeError,
        "accumulator_dtype: dtype must be a real floating dtype, got 'float12'.",
    ),
    Bad(
        "accumulators of an array",
        lambda: jos.accumulator_dtype(BALL, W),
        TypeError,
        "accumulator_dtype: dtype must be a real floating dtype, got Array([1., 1.], dtype=float32).",
    ),
    Bad(
        "accumulators of float64 while it is off",
        lambda: jos.accumulator_dtype(BALL, np.float64),
        TypeError,
        "accumulator_dtype: float64 is not available while jax_enable_x64 is off.",
    ),
    Bad(
        "plateau factor 2",
        lambda: jos.reduce_on_plateau(2),
        ValueError,
        "reduce_on_plateau: factor must be in [0, 1], got 2.0.",
    ),
    Bad(
        "plateau rtol below 0",
        lambda: jos.reduce_on_plateau(rtol=-1),
        ValueError,
        "reduce_on_plateau: rtol must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "patience 0",
        lambda: jos.reduce_on_plateau(patience=0),
        ValueError,
        "reduce_on_plateau: patience must be at least 1 and fit into int32, got 0.",
    ),
    Bad(
        "patience 1.5",
        lambda: jos.reduce_on_plateau(patience=1.5),
        TypeError,
        "reduce_on_plateau: patience must be an integer, got 1.5.",
    ),
    Bad(
        "cooldown None",
        lambda: jos.reduce_on_plateau(cooldown=None),
        TypeError,
        "reduce_on_plateau: cooldown must be an integer, got None.",
    ),
    Bad(
        "metric missing",
        lambda: step(METRIC, value=None),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but None came: call update(updates, "
        "state, params, value=loss).",
    ),
    Bad(
        "metric a string",
        lambda: step(METRIC, value="x"),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but 'x' came: call update(updates, "
        "state, params, value=loss).",
    ),
    Bad(
        "metric a vector",
        lambda: step(METRIC, value=W),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but an array of float32 of shape (2,) "
        "came: call update(updates, state, params, value=loss).",
    ),
    Bad(
        "metric a list",
        lambda: step(METRIC, value=[1.0]),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but [1.0] came: call update(updates, "
        "state, params, value=loss).",
    ),
    Bad(
        "metric complex",
        lambda: step(METRIC, value=1j),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but 1j came: call update(updates, "
        "state, params, value=loss).",
    ),
    Bad(
        "metric a complex array",
        lambda: step(METRIC, value=jnp.array(1j)),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but an array of complex64 of shape () "
        "came: call update(updates, state, params, value=loss).",
    ),
    Bad(
        "metric True",
        lambda: step(METRIC, value=True),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but True came: call update(updates, "
        "state, params, value=loss).",
    ),
    Bad(
        "metric under another name",
        lambda: step(jos.chain(BALL, METRIC), loss=1.0),
        TypeError,
        "reduce_on_plateau needs the metric, one real number, but None came: call update(updates, "
        "state, params, value=loss).",
    ),
    # schedules
    Bad(
        "linear over 0 steps",
        lambda: jos.linear_schedule(1.0, 0.0, 0),
        ValueError,
        "linear_schedule: transition_steps must be finite and at least 1, got 0.0.",
    ),
    Bad(
        "linear to NaN",
        lambda: jos.linear_schedule(1.0, math.nan, 10),
        ValueError,
        "linear_schedule: end_value must be finite, got nan.",
    ),
    Bad(
        "linear from a string",
        lambda: jos.linear_schedule("x", 0.0, 10),
        TypeError,
        "linear_schedule: init_value must be a number, a scalar array or a schedule (a callable of "
        "the count), got str 'x'.",
    ),
    Bad(
        "a schedule of a schedule",
        lambda: jos.cosine_decay_schedule(LINE, 10),
        TypeError,
        "cosine_decay_schedule: init_value must be a number or a scalar array, got the callable "
        "linear_schedule(init_value=0.5, end_value=0.9, transition_st. One schedule after another is "
        "join_schedules.",
    ),
    Bad(
        "polynomial of power 0",
        lambda: jos.polynomial_schedule(1.0, 0.0, 0, 10),
        ValueError,
        "polynomial_schedule: power must be finite and above 0, got 0.0.",
    ),
    Bad(
        "exponential of rate 0",
        lambda: jos.exponential_decay(1.0, 10, 0.0),
        ValueError,
        "exponential_decay: decay_rate must be finite and above 0, got 0.0.",
    ),
    Bad(
        "staircase 1",
        lambda: jos.exponential_decay(1.0, 10, 0.5, staircase=1),
        TypeError,
        "exponential_decay: staircase must be True or False, got 1.",
    ),
    Bad(
        "sutskever above 1",
        lambda: jos.sutskever_schedule(1.5),
        ValueError,
        "sutskever_schedule: max_value must be in [0, 1], got 1.5.",
    ),
    Bad(
        "warm-up too long",
        lambda: jos.warmup_cosine_decay_schedule(0.0, 1.0, 20, 10),
        ValueError,
        "warmup_cosine_decay_schedule: decay_steps includes the warm-up and must be above "
        "warmup_steps = 20, got 10.",
    ),
    Bad(
        "pieces in a list",
        lambda: jos.piecewise_constant_schedule(1.0, [(3, 0.1)]),
        TypeError,
        "piecewise_constant_schedule: boundaries_and_scales must be a dict, got [(3, 0.1)].",
    ),
    Bad(
        "a piece before 0",
        lambda: jos.piecewise_constant_schedule(1.0, {-3: 0.1}),
        ValueError,
        "piecewise_constant_schedule: a boundary must be finite and at least 0, got -3.0.",
    ),
    Bad(
        "a piece's scale a string",
        lambda: jos.piecewise_constant_schedule(1.0, {3: "a"}),
        TypeError,
        "piecewise_constant_schedule: the scale at 3 must be a number, a scalar array or a schedule "
        "(a callable of the count), got str 'a'.",
    ),
    Bad(
        "join of numbers",
        lambda: jos.join_schedules([1.0, 2.0], [3]),
        TypeError,
        "join_schedules: schedules[0] must be a callable of the count, got 1.0. For a number use "
        "constant_schedule.",
    ),
    Bad(
        "join without boundaries",
        lambda: jos.join_schedules([LINE, LINE], []),
        ValueError,
        "join_schedules: needs one boundary between any two schedules, got 2 schedules and 0 "
        "boundaries.",
    ),
    Bad(
        "join backwards",
        lambda: jos.join_schedules([LINE] * 3, [3, 2]),
        ValueError,
        "join_schedules: boundaries must not decrease, got [3.0, 2.0].",
    ),
    Bad(
        "join of one",
        lambda: jos.join_schedules(LINE, [3]),
        TypeError,
        "join_schedules: schedules must be a sequence, got linear_schedule(init_value=0.5, "
        "end_value=0.9, transition_st.",
    ),
    Bad(
        "a schedule returns None",
        lambda: step(jos.sgd(lambda t: None)),
        TypeError,
        "sgd: learning_rate must be a real number, but its schedule returned NoneType.",
    ),
    Bad(
        "a schedule returns a vector",
        lambda: step(jos.sgd(lambda t: W)),
        ValueError,
        "sgd: learning_rate has shape (2,) where a scalar was expected. A stacked optimizer is used "
        "under jax.vmap, and a schedule returns one number.",
    ),
    Bad(
        "a schedule returns True",
        lambda: step(jos.sgd(lambda t: True)),
        TypeError,
        "sgd: learning_rate must be a real number, but its schedule returned bool.",
    ),
    Bad(
        "a schedule returns complex",
        lambda: step(jos.sgd(lambda t: 1j)),
        TypeError,
        "sgd: learning_rate must be a real number, but its schedule returned complex.",
    ),
    # apply_updates
    Bad(
        "apply, a leaf missing",
        lambda: jos.apply_updates(PARAMS, {"w": W}),
        ValueError,
        "apply_updates: the updates and the params are different trees: leaf ['b'] of the "
        "params is missing from the updates (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "apply (3, 1) to (3,)",
        lambda: jos.apply_updates(PARAMS, {**PARAMS, "b": jnp.ones((3, 1))}),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(3, 1) but expected (3). [apply_updates: leaf ['b'] of the updates has shape (3, 1); the "
        "params have shape (3,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "apply to integers",
        lambda: jos.apply_updates(jnp.ones(2, int), W),
        TypeError,
        "apply_updates: the only leaf of the params has dtype int32; expected a floating or complex "
        "dtype. Leave parameters that are not trained to masked or freeze, or put None in their "
        "place.",
    ),
    Bad(
        "apply complex to real",
        lambda: jos.apply_updates(W, COMPLEX),
        TypeError,
        "apply_updates: the only leaf of the updates has dtype complex64; the params have float32 "
        "there and cannot take complex values.",
    ),
    Bad(
        "apply a string",
        lambda: jos.apply_updates({"w": W}, {"w": "x"}),
        TypeError,
        "apply_updates: leaf ['w'] of the updates is a str; expected an array or a number.",
    ),
    Bad(
        "apply to a dtype's name",
        lambda: jos.apply_updates({"w": "f"}, {"w": 1.0}),
        TypeError,
        "apply_updates: leaf ['w'] of the params is a str; expected an array or a number.",
    ),
    # hyperparams and with_hyperparams
    Bad(
        "hyperparams of optax",
        lambda: jos.hyperparams(optax.sgd(0.1)),
        TypeError,
        "hyperparams: expected a GradientTransformation of this library, got "
        "GradientTransformationExtraArgs. The numbers of another library's optimizer are fixed inside"
        " its functions.",
    ),
    Bad(
        "hyperparams of a constructor",
        lambda: jos.hyperparams(jos.sgd),
        TypeError,
        "hyperparams: expected a GradientTransformation of this library, got function. The numbers of"
        " another library's optimizer are fixed inside its functions.",
    ),
    Bad(
        "hyperparams at another state",
        lambda: jos.hyperparams(jos.masked(BALL, True), BALL.init(PARAMS)),
        TypeError,
        "masked: expected the PartitionState that its init returned, got MomentumState. Was this "
        "state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "an unknown name",
        lambda: jos.with_hyperparams(BALL, learning_rat=1),
        ValueError,
        "with_hyperparams: no hyperparameter 'learning_rat'; this optimizer has ['learning_rate', "
        "'mu']. Did you mean 'learning_rate'?",
    ),
    Bad(
        "an ambiguous name",
        lambda: jos.with_hyperparams(jos.chain(BALL, BALL), mu=0.5),
        ValueError,
        "with_hyperparams: 'mu' is ambiguous; say which of ['0.mu', '1.mu'].",
    ),
    Bad(
        "out of range",
        lambda: jos.with_hyperparams(BALL, mu=2),
        ValueError,
        "momentum: mu must be in [0, 1], got 2.0.",
    ),
    Bad(
        "out of range in as_static",
        lambda: jos.with_hyperparams(jos.as_static(BALL), mu=math.nan),
        ValueError,
        "momentum: mu must be in [0, 1], got nan.",
    ),
    Bad(
        "None for a number",
        lambda: jos.with_hyperparams(BALL, mu=None),
        TypeError,
        "momentum: mu cannot become None, which would change the state; make a new momentum without "
        "it.",
    ),
    Bad(
        "complex for a number",
        lambda: jos.with_hyperparams(BALL, mu=1j),
        TypeError,
        "momentum: mu must be a number, a scalar array or a schedule (a callable of the count), got "
        "complex 1j.",
    ),
    Bad(
        "True for a number",
        lambda: jos.with_hyperparams(BALL, mu=True),
        TypeError,
        "momentum: mu must be a number, a scalar array or a schedule (a callable of the count), got "
        "bool True.",
    ),
    Bad(
        "an option",
        lambda: jos.with_hyperparams(jos.apply_if_finite(BALL, 2), max_consecutive_errors=3),
        ValueError,
        "with_hyperparams: no hyperparameter 'max_consecutive_errors'; this optimizer has "
        "['learning_rate', 'mu'].",
    ),
    Bad(
        "a static number of steps",
        lambda: jos.with_hyperparams(jos.multi_steps(jos.identity(), 2), every_k=3),
        ValueError,
        "with_hyperparams: no hyperparameter 'every_k'; this optimizer has [].",
    ),
    Bad(
        "average decay 1, later",
        lambda: jos.with_hyperparams(jos.average_params(jos.sgd(0.1), 0.9), decay=1.0),
        ValueError,
        "average_params: the bias correction needs a decay below 1, got 1.",
    ),
    Bad(
        "a schedule's end NaN",
        lambda: jos.with_hyperparams(jos.momentum(0.1, LINE), **{"mu.end_value": math.nan}),
        ValueError,
        "momentum: mu: end_value must be finite, got nan.",
    ),
    Bad(
        "a schedule inside a schedule",
        lambda: jos.with_hyperparams(jos.momentum(0.1, LINE), **{"mu.end_value": LINE}),
        TypeError,
        "momentum: mu: end_value must be a number or a scalar array, got "
        "linear_schedule(init_value=0.5, end_value=0.9, transition_st.... To replace the whole "
        "schedule, set mu.",
    ),
    Bad(
        "a schedule's end a vector",
        lambda: jos.with_hyperparams(jos.momentum(0.1, LINE), **{"mu.end_value": W}),
        ValueError,
        "momentum: mu: end_value must be a scalar, got an array of shape (2,). To make one per value,"
        " map the constructor over the values with jax.vmap.",
    ),
    # make_step
    Bad(
        "no loss",
        lambda: jos.make_step(None, BALL),
        TypeError,
        "make_step: loss must be a function of the parameters, got None.",
    ),
    Bad(
        "loss and tx swapped",
        lambda: jos.make_step(BALL, loss),
        TypeError,
        "make_step: loss must be a function of the parameters, got momentum(learning_rate=0.1, "
        "mu=0.9).",
    ),
    Bad(
        "step of a constructor",
        lambda: jos.make_step(loss, jos.momentum),
        TypeError,
        "make_step: tx is momentum; expected a GradientTransformation, ours or any optax-style (init,"
        " update) pair. Call the constructor: pass momentum(...), not momentum.",
    ),
    Bad(
        "has_aux a string",
        lambda: jos.make_step(loss, BALL, has_aux="yes"),
        TypeError,
        "make_step: has_aux must be True or False, got 'yes'.",
    ),
    Bad(
        "donate None",
        lambda: jos.make_step(loss, BALL, donate=None),
        TypeError,
        "make_step: donate must be True or False, got None.",
    ),
    Bad(
        "a loss of two numbers",
        lambda: jos.make_step(lambda w: w, BALL)(W, BALL.init(W)),
        TypeError,
        "make_step: the loss must return one real number, got an array of float32 of shape (2,).",
    ),
    Bad(
        "a loss of None",
        lambda: jos.make_step(lambda w: None, BALL)(W, BALL.init(W)),
        TypeError,
        "make_step: the loss must return one real number, got None.",
    ),
    Bad(
        "an integer loss",
        lambda: jos.make_step(lambda w: 1, BALL)(W, BALL.init(W)),
        TypeError,
        "make_step: the loss must return one real number, got an array of int32 of shape ().",
    ),
    Bad(
        "a loss with more",
        lambda: jos.make_step(lambda w: (loss(w), 1), BALL)(W, BALL.init(W)),
        TypeError,
        "make_step: the loss must return one real number, got a tuple. A loss that returns more takes"
        " has_aux=True.",
    ),
    Bad(
        "a loss without more",
        lambda: jos.make_step(loss, BALL, has_aux=True)(W, BALL.init(W)),
        TypeError,
        "make_step: the loss must return a pair of one real number and anything, got an array of "
        "float32 of shape ().",
    ),
    Bad(
        "integer params",
        lambda: jos.make_step(loss, BALL)(jnp.ones(2, int), BALL.init(W)),
        TypeError,
        "make_step: the only leaf of the params has dtype int32; expected a floating or complex "
        "dtype. Leave parameters that are not trained to masked or freeze, or put None in their "
        "place.",
    ),
    Bad(
        "a string for params",
        lambda: jos.make_step(loss, BALL)("x", BALL.init(W)),
        TypeError,
        "make_step: the only leaf of the params is a str; expected an array or a number.",
    ),
    Bad(
        "a string in a batch",
        lambda: jos.make_step(lambda w, x: loss(w), BALL)(W, BALL.init(W), {"x": "a"}),
        TypeError,
        "make_step: leaf [0]['x'] of the batch is a str; expected an array or a number.",
    ),
    Bad(
        "no state",
        lambda: jos.make_step(loss, BALL)(W, None),
        TypeError,
        "momentum: expected the MomentumState that its init returned, got NoneType. Was this state "
        "made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    # fit
    Bad(
        "steps below 0",
        lambda: jos.fit(loss, BALL, W, steps=-1),
        ValueError,
        "fit: steps must be an integer, at least 0, got -1.",
    ),
    Bad(
        "half a step",
        lambda: jos.fit(loss, BALL, W, steps=0.5),
        ValueError,
        "fit: steps must be an integer, at least 0, got 0.5.",
    ),
    Bad(
        "traced steps",
        lambda: jax.jit(lambda n: jos.fit(loss, BALL, W, steps=n).params)(3),
        ValueError,
        "fit: steps must be an integer, at least 0, got a traced value.",
    ),
    Bad(
        "every 0",
        lambda: jos.fit(loss, BALL, W, steps=3, every=0),
        ValueError,
        "fit: every must be an integer, at least 1, got 0.",
    ),
    Bad(
        "fit without a transformation",
        lambda: jos.fit(loss, 0.1, W, steps=3),
        TypeError,
        "fit: tx is 0.1; expected a GradientTransformation, ours or any optax-style (init, update) "
        "pair.",
    ),
    Bad(
        "too few batches",
        lambda: jos.fit(lambda w, x: loss(w), BALL, W, steps=3, batches=jnp.ones((2, 2))),
        ValueError,
        "fit: batches must be None, an iterator, sample_batches(...), or arrays with one batch a step"
        " in front, at least 3; got leading axes [(2,)].",
    ),
    Bad(
        "a function for batches",
        lambda: jos.fit(lambda w, x: loss(w), BALL, W, steps=3, batches=loss),
        TypeError,
        "fit: the only leaf of the batches is a function; expected an array or a number.",
    ),
    Bad(
        "an iterator that ends",
        lambda: jos.fit(lambda w, x: loss(w), BALL, W, steps=3, batches=iter([W])),
        ValueError,
        "fit: the iterator ended 2 batches before the last step.",
    ),
    Bad(
        "batches of two shapes",
        lambda: jos.fit(lambda w, x: loss(w), BALL, W, steps=2, batches=iter([W, jnp.ones(3)])),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has shape "
        "(3,) but expected (2). [fit: the only leaf of the batch 1 has shape (3,); the batch 0 have "
        "shape (2,) there. Shapes must be equal; nothing is broadcast.]",
    ),
    Bad(
        "record mistyped",
        lambda: jos.fit(loss, jos.sgd(0.1), W, steps=3, record="los"),
        ValueError,
        "fit: cannot record 'los'; known are ['aux', 'gradient_norm', 'learning_rate', 'loss', "
        "'params', 'update_norm'].",
    ),
    Bad(
        "record None",
        lambda: jos.fit(loss, BALL, W, steps=3, record=None),
        TypeError,
        "fit: record must be a name, names or a mapping, got None.",
    ),
    Bad(
        "record a number",
        lambda: jos.fit(loss, BALL, W, steps=3, record={"x": 3}),
        TypeError,
        "fit: record must map names to functions of the step taken, got 'x': 3.",
    ),
    Bad(
        "record aux of none",
        lambda: jos.fit(loss, BALL, W, steps=3, record="aux"),
        ValueError,
        "fit: cannot record 'aux' without has_aux=True.",
    ),
    Bad(
        "stop a number",
        lambda: jos.fit(loss, BALL, W, steps=3, stop=3),
        TypeError,
        "fit: stop must be a function of the report, got 3.",
    ),
    Bad(
        "progress a string",
        lambda: jos.fit(loss, BALL, W, steps=3, progress="bar"),
        TypeError,
        "fit: progress must be True, False or a function, got 'bar'.",
    ),
    Bad(
        "checked a string",
        lambda: jos.fit(loss, BALL, W, steps=3, checked="yes"),
        TypeError,
        "fit: checked must be True or False, got 'yes'.",
    ),
    Bad(
        "progress under jit",
        lambda: jax.jit(lambda w: jos.fit(loss, BALL, w, steps=3, progress=True).params)(W),
        ValueError,
        "fit: progress, stop and check_finite need concrete values, not jit or vmap.",
    ),
    Bad(
        "a loss that is NaN",
        lambda: jos.fit(lambda w: loss(w) * math.nan, BALL, W, steps=3, check_finite=True),
        FloatingPointError,
        "fit: the loss is nan at step 0 (steps count from 0). The usual causes are a learning rate "
        "that is too high and a batch with non-finite values.",
    ),
    Bad(
        "fit of a vector",
        lambda: jos.fit(lambda w: w, BALL, W, steps=3),
        TypeError,
        "fit: the loss must return one real number, got an array of float32 of shape (2,).",
    ),
    # sample_batches
    Bad(
        "a seed for a key",
        lambda: jos.sample_batches(0, W, 1),
        TypeError,
        "sample_batches: key must be one random key, as jax.random.key(seed) makes it, got 0.",
    ),
    Bad(
        "two keys",
        lambda: jos.sample_batches(jax.random.split(KEY), W, 1),
        TypeError,
        "sample_batches: key must be one random key, as jax.random.key(seed) makes it, got an array "
        "of key<fry> of shape (2,).",
    ),
    Bad(
        "key and data swapped",
        lambda: jos.sample_batches(W, KEY, 1),
        TypeError,
        "sample_batches: key must be one random key, as jax.random.key(seed) makes it, got an array "
        "of float32 of shape (2,).",
    ),
    Bad(
        "no data",
        lambda: jos.sample_batches(KEY, {}, 1),
        ValueError,
        "sample_batches: the data must be arrays with one common number of examples in front, got "
        "leading axes [].",
    ),
    Bad(
        "data of strings",
        lambda: jos.sample_batches(KEY, np.array(["a"]), 1),
        TypeError,
        "sample_batches: the only leaf of the data is a ndarray; expected an array or a number.",
    ),
    Bad(
        "data of two lengths",
        lambda: jos.sample_batches(KEY, PARAMS, 1),
        ValueError,
        "sample_batches: the data must be arrays with one common number of examples in front, got "
        "leading axes [(2,), (3,)].",
    ),
    Bad(
        "no examples",
        lambda: jos.sample_batches(KEY, jnp.ones((0, 2)), 1),
        ValueError,
        "sample_batches: the data set has no examples.",
    ),
    Bad(
        "a batch of 0",
        lambda: jos.sample_batches(KEY, W, 0),
        ValueError,
        "sample_batches: batch_size must be in [1, 2], the number of examples, got 0.",
    ),
    Bad(
        "a batch of 3 of 2",
        lambda: jos.sample_batches(KEY, W, 3),
        ValueError,
        "sample_batches: batch_size must be in [1, 2], the number of examples, got 3.",
    ),
    Bad(
        "a batch of 1.5",
        lambda: jos.sample_batches(KEY, W, 1.5),
        TypeError,
        "sample_batches: batch_size must be an integer, got 1.5.",
    ),
    Bad(
        "a batch size in an array",
        lambda: jos.sample_batches(KEY, W, np.array([1])),
        TypeError,
        "sample_batches: batch_size must be an integer, got array([1]).",
    ),
    Bad(
        "replace a string",
        lambda: jos.sample_batches(KEY, W, 1, replace="no"),
        TypeError,
        "sample_batches: replace must be True or False, got 'no'.",
    ),
]


def ids():
    return [row.id for row in TABLE]


@pytest.mark.parametrize("row", TABLE, ids=ids())
def test_bad_input(row):
    with pytest.raises(row.error) as caught:
        row.call()
    assert type(caught.value) is row.error
    assert str(caught.value) == row.text


def test_the_rows_are_distinct():
    assert len(set(ids())) == len(TABLE)
    assert len(TABLE) >= 267


OWNER = r"(\[Chex\] Assertion \w+ failed: [^\[]*\[)?(\w+)(\(momentum\))?(:| needs| asserts)"


@pytest.mark.parametrize("row", TABLE, ids=ids())
def test_the_text_names_its_owner_in_one_short_line(row):
    owner = re.match(OWNER, row.text)
    assert owner, row.text
    assert owner[2] == "foreign" or hasattr(jos, owner[2])
    assert len(row.text) < 500
    assert not re.search(r"\n|Tracer|0x[0-9a-f]{6}", row.text)
