"""Bad arguments of the presets, and states that cannot be converted: one table, as in test_bad_inputs.

Nothing in this table may be accepted silently. Where Python refuses a call, the text is Python's.
"""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax as ox
import pytest

import jaxopt_slides as jos
from jaxopt_slides.presets import jax_example, keras, optax, slides, tf1, torch
from tests.test_bad_inputs import Bad

W, G = jnp.ones(2), np.ones(2, np.float32)
COMPLEX = jnp.ones(2, jnp.complex64)
PARAMS, TWINS = [W, W], {"w": W, "b": W}
LINE = jos.linear_schedule(0.5, 0.9, 10)
BALL, ADAM, VELOCITY = torch.sgd(0.1, 0.9), torch.adam(0.1), keras.sgd(0.1, 0.9)
TWO = jos.chain(jos.momentum(0.1), jos.momentum(0.1))
BALL_OF_OPTAX, ADAM_OF_OPTAX = ox.sgd(0.1, 0.9).init(PARAMS), ox.adam(0.1).init(PARAMS)
INJECTED = ox.inject_hyperparams(ox.sgd)(learning_rate=0.5, momentum=0.9)

# What torch saves of a parameter, and in a group.
BALLS = {"momentum_buffer": G}
MEANS = {"step": 3.0, "exp_avg": G, "exp_avg_sq": G}
BALL_GROUP = {
    "params": [0, 1],
    "lr": 0.1,
    "momentum": 0.9,
    "dampening": 0,
    "weight_decay": 0,
    "nesterov": False,
    "maximize": False,
}
ADAM_GROUP = {
    "params": [0, 1],
    "lr": 0.1,
    "betas": (0.9, 0.999),
    "eps": 1e-8,
    "weight_decay": 0,
    "amsgrad": False,
    "maximize": False,
}


def balls(**changes):
    """Two parameters of torch's SGD with momentum."""
    return {"state": dict.fromkeys(range(2), BALLS | changes)}


def means(**changes):
    """Two parameters of torch's Adam after three steps."""
    return {"state": dict.fromkeys(range(2), MEANS | changes)}


def without_step(row):
    return {key: value for key, value in row.items() if key != "step"}


def grouped(state_dict, *groups):
    return {**state_dict, "param_groups": list(groups)}


def store(*arrays):
    """What Keras's save_own_variables fills."""
    return {str(i): array for i, array in enumerate(arrays)}


def stepped(tx, params=None):
    """The state after a step."""
    params = PARAMS if params is None else params
    return tx.update(params, tx.init(params), params)[1]


TABLE = [
    # what torch's rules take
    Bad(
        "torch lr below 0",
        lambda: torch.sgd(-1.0),
        ValueError,
        "torch.sgd: lr must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "torch lr a string",
        lambda: torch.sgd("0.1"),
        TypeError,
        "torch.sgd: lr must be a number, a scalar array or a schedule (a callable of the count), "
        "got str '0.1'.",
    ),
    Bad(
        "torch lr the parameters",
        lambda: torch.sgd([W, W]),
        TypeError,
        "torch.sgd: lr must be a number, a scalar array or a schedule (a callable of the count), "
        "got list [Array([1., 1.], dtype=float32), Array([1., 1.], dtype=float.",
    ),
    Bad(
        "torch lr twice",
        lambda: torch.sgd([W, W], lr=0.1),
        TypeError,
        "sgd() got multiple values for argument 'lr'",
    ),
    Bad(
        "torch too many positionals",
        lambda: torch.sgd(0.1, 0.9, 0, 0, False, True),
        TypeError,
        "sgd() takes from 0 to 5 positional arguments but 6 were given",
    ),
    Bad(
        "torch unknown keyword",
        lambda: torch.rmsprop(nesterov=True),
        TypeError,
        "torch.rmsprop: no argument 'nesterov'; it takes lr, alpha, eps, weight_decay, momentum, "
        "centered, capturable, foreach, maximize, differentiable.",
    ),
    Bad(
        "torch momentum 2",
        lambda: torch.sgd(0.1, 2),
        ValueError,
        "torch.sgd: momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "torch momentum None",
        lambda: torch.sgd(0.1, None),
        TypeError,
        "torch.sgd: momentum must be a number, a scalar array or a schedule (a callable of the "
        "count), got NoneType None.",
    ),
    Bad(
        "torch momentum a vector",
        lambda: torch.sgd(0.1, W),
        ValueError,
        "torch.sgd: momentum must be a scalar, got an array of shape (2,). To make one per "
        "value, map the constructor over the values with jax.vmap.",
    ),
    Bad(
        "torch momentum a NumPy vector",
        lambda: torch.sgd(0.1, np.ones(2)),
        TypeError,
        "torch.sgd: momentum must be a number, a scalar array or a schedule (a callable of the "
        "count), got ndarray of shape (2,).",
    ),
    Bad(
        "torch dampening a schedule",
        lambda: torch.sgd(0.1, 0.9, LINE),
        TypeError,
        "torch.sgd: dampening must be a number or a scalar array, not a schedule, got "
        "linear_schedule(init_value=0.5, end_value=0.9, transition_st....",
    ),
    Bad(
        "torch dampening infinite",
        lambda: torch.sgd(0.1, 0.9, math.inf),
        ValueError,
        "torch.sgd: dampening must be finite, got inf.",
    ),
    Bad(
        "torch dampening a string",
        lambda: torch.sgd(0.1, 0.9, "no"),
        TypeError,
        "torch.sgd: dampening must be a number, a scalar array or a schedule (a callable of the "
        "count), got str 'no'.",
    ),
    Bad(
        "torch weight decay below 0",
        lambda: torch.sgd(weight_decay=-1),
        ValueError,
        "torch.sgd: weight_decay must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "torch weight decay None",
        lambda: torch.sgd(weight_decay=None),
        TypeError,
        "torch.sgd: weight_decay must be a number, a scalar array or a schedule (a callable of "
        "the count), got NoneType None.",
    ),
    Bad(
        "torch weight decay False",
        lambda: torch.sgd(weight_decay=False),
        TypeError,
        "torch.sgd: weight_decay must be a number, a scalar array or a schedule (a callable of "
        "the count), got bool False.",
    ),
    Bad(
        "torch nesterov without momentum",
        lambda: torch.sgd(0.1, nesterov=True),
        ValueError,
        "torch.sgd: nesterov=True needs a momentum and no dampening, got momentum=0 and "
        "dampening=0; PyTorch refuses it too.",
    ),
    Bad(
        "torch nesterov with dampening",
        lambda: torch.sgd(0.1, 0.9, 0.5, nesterov=True),
        ValueError,
        "torch.sgd: nesterov=True needs a momentum and no dampening, got momentum=0.9 and "
        "dampening=0.5; PyTorch refuses it too.",
    ),
    Bad(
        "torch nesterov with traced dampening",
        lambda: jax.jit(lambda d: jax.tree.leaves(torch.sgd(0.1, 0.9, d, nesterov=True)))(0.0),
        ValueError,
        "torch.sgd: nesterov=True needs a momentum and no dampening, got momentum=0.9 and "
        "dampening=a traced value; PyTorch refuses it too.",
    ),
    Bad(
        "torch nesterov 1",
        lambda: torch.sgd(0.1, 0.9, nesterov=1),
        TypeError,
        "torch.sgd: nesterov must be True or False, got 1.",
    ),
    Bad(
        "torch maximize a string",
        lambda: torch.sgd(maximize="yes"),
        TypeError,
        "torch.sgd: maximize must be True or False, got 'yes'.",
    ),
    Bad(
        "torch foreach a string",
        lambda: torch.sgd(foreach="yes"),
        TypeError,
        "torch.sgd: foreach must be True, False or None, got 'yes'.",
    ),
    Bad(
        "torch differentiable 2",
        lambda: torch.sgd(differentiable=2),
        TypeError,
        "torch.sgd: differentiable must be True, False or None, got 2.",
    ),
    Bad(
        "torch fused 1",
        lambda: torch.sgd(fused=1),
        TypeError,
        "torch.sgd: fused must be True, False or None, got 1.",
    ),
    Bad(
        "torch alpha 1.5",
        lambda: torch.rmsprop(alpha=1.5),
        ValueError,
        "torch.rmsprop: alpha must be in [0, 1], got 1.5.",
    ),
    Bad(
        "torch rmsprop eps below 0",
        lambda: torch.rmsprop(eps=-1),
        ValueError,
        "torch.rmsprop: eps must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "torch rmsprop momentum below 0",
        lambda: torch.rmsprop(momentum=-0.1),
        ValueError,
        "torch.rmsprop: momentum must be in [0, 1], got -0.1.",
    ),
    Bad(
        "torch centered None",
        lambda: torch.rmsprop(centered=None),
        TypeError,
        "torch.rmsprop: centered must be True or False, got None.",
    ),
    Bad(
        "torch capturable a string",
        lambda: torch.rmsprop(capturable="no"),
        TypeError,
        "torch.rmsprop: capturable must be True, False or None, got 'no'.",
    ),
    Bad(
        "torch lr_decay below 0",
        lambda: torch.adagrad(lr_decay=-1),
        ValueError,
        "torch.adagrad: lr_decay must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "torch lr_decay a schedule",
        lambda: torch.adagrad(lr_decay=LINE),
        TypeError,
        "torch.adagrad: lr_decay must be a number or a scalar array, not a schedule, got "
        "linear_schedule(init_value=0.5, end_value=0.9, transition_st....",
    ),
    Bad(
        "torch adagrad start below 0",
        lambda: torch.adagrad(initial_accumulator_value=-1),
        ValueError,
        "torch.adagrad: initial_accumulator_value must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "torch rho 2",
        lambda: torch.adadelta(rho=2),
        ValueError,
        "torch.adadelta: rho must be in [0, 1], got 2.0.",
    ),
    Bad(
        "torch adadelta maximize 1",
        lambda: torch.adadelta(maximize=1),
        TypeError,
        "torch.adadelta: maximize must be True or False, got 1.",
    ),
    Bad(
        "torch betas one number",
        lambda: torch.adam(betas=0.9),
        TypeError,
        "torch.adam: betas must be a pair of numbers, got 0.9.",
    ),
    Bad(
        "torch betas three numbers",
        lambda: torch.adam(betas=(0.9, 0.99, 0.999)),
        TypeError,
        "torch.adam: betas must be a pair of numbers, got (0.9, 0.99, 0.999).",
    ),
    Bad(
        "torch betas an array",
        lambda: torch.adam(betas=jnp.array([0.5, 0.25])),
        TypeError,
        "torch.adam: betas must be a pair of numbers, got Array([0.5 , 0.25], dtype=float32).",
    ),
    Bad(
        "torch second beta 1",
        lambda: torch.adam(betas=(0.9, 1.0)),
        ValueError,
        "torch.adam: betas[1] must be in [0, 1), got 1.0.",
    ),
    Bad(
        "torch first beta 1",
        lambda: torch.adam(betas=(1, 0.9)),
        ValueError,
        "torch.adam: betas[0] must be in [0, 1), got 1.0.",
    ),
    Bad(
        "torch second beta a string",
        lambda: torch.adam(betas=(0.9, "b")),
        TypeError,
        "torch.adam: betas[1] must be a number, a scalar array or a schedule (a callable of the "
        "count), got str 'b'.",
    ),
    Bad(
        "torch amsgrad",
        lambda: torch.adam(amsgrad=True),
        ValueError,
        "torch.adam: amsgrad cannot be expressed here: it divides by the largest mean square so "
        "far, which no part keeps.",
    ),
    Bad(
        "torch amsgrad None",
        lambda: torch.adam(amsgrad=None),
        TypeError,
        "torch.adam: amsgrad must be True or False, got None.",
    ),
    Bad(
        "torch decoupled 1",
        lambda: torch.adam(decoupled_weight_decay=1),
        TypeError,
        "torch.adam: decoupled_weight_decay must be True or False, got 1.",
    ),
    # what Keras's rules take
    Bad(
        "keras learning rate below 0",
        lambda: keras.sgd(-1),
        ValueError,
        "keras.sgd: learning_rate must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "keras unknown keyword",
        lambda: keras.sgd(decay=0.1),
        TypeError,
        "keras.sgd: no argument 'decay'; it takes learning_rate, momentum, nesterov, weight_decay, "
        "clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, "
        "loss_scale_factor, gradient_accumulation_steps, name.",
    ),
    Bad(
        "keras too many positionals",
        lambda: keras.sgd(*range(20)),
        TypeError,
        "keras.sgd: too many positional arguments.",
    ),
    Bad(
        "keras learning rate twice",
        lambda: keras.sgd(0.1, learning_rate=0.1),
        TypeError,
        "keras.sgd: multiple values for argument 'learning_rate'.",
    ),
    Bad(
        "keras momentum 1.5",
        lambda: keras.sgd(momentum=1.5),
        ValueError,
        "keras.sgd: momentum must be in [0, 1], got 1.5.",
    ),
    Bad(
        "keras nesterov a string",
        lambda: keras.sgd(nesterov="yes"),
        TypeError,
        "keras.sgd: nesterov must be True or False, got 'yes'.",
    ),
    Bad(
        "keras weight decay below 0",
        lambda: keras.sgd(weight_decay=-1),
        ValueError,
        "keras.sgd: weight_decay must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "keras weight decay NaN",
        lambda: keras.adam(weight_decay=math.nan),
        ValueError,
        "keras.adam: weight_decay must be finite and at least 0, got nan.",
    ),
    Bad(
        "keras weight decay False",
        lambda: keras.sgd(weight_decay=False),
        TypeError,
        "keras.sgd: weight_decay must be a number, a scalar array or a schedule (a callable of "
        "the count), got bool False.",
    ),
    Bad(
        "keras weight decay a vector",
        lambda: keras.sgd(weight_decay=np.ones(2)),
        TypeError,
        "keras.sgd: weight_decay must be a number, a scalar array or a schedule (a callable of "
        "the count), got ndarray of shape (2,).",
    ),
    Bad(
        "keras clipnorm",
        lambda: keras.sgd(clipnorm=1.0),
        ValueError,
        "keras.sgd: clipnorm cannot be expressed here: it bounds the norm of each leaf alone, "
        "and no part does; global_clipnorm bounds the norm of all leaves, clipvalue each element.",
    ),
    Bad(
        "keras clipnorm and clipvalue",
        lambda: keras.sgd(clipnorm=1.0, clipvalue=1.0),
        ValueError,
        "keras.sgd: clipnorm and clipvalue cannot be used together; Keras refuses it too.",
    ),
    Bad(
        "keras clipvalue and global_clipnorm",
        lambda: keras.rmsprop(clipvalue=1.0, global_clipnorm=1.0),
        ValueError,
        "keras.rmsprop: clipvalue and global_clipnorm cannot be used together; Keras refuses it too.",
    ),
    Bad(
        "keras clipvalue below 0",
        lambda: keras.sgd(clipvalue=-1.0),
        ValueError,
        "keras.sgd: clipvalue must be finite and above 0, got -1.0.",
    ),
    Bad(
        "keras global_clipnorm a string",
        lambda: keras.sgd(global_clipnorm="1"),
        TypeError,
        "keras.sgd: global_clipnorm must be a number, a scalar array or a schedule (a callable "
        "of the count), got str '1'.",
    ),
    Bad(
        "keras use_ema",
        lambda: keras.sgd(use_ema=True),
        ValueError,
        "keras.sgd: use_ema cannot be expressed here: wrap the optimizer in average_params, "
        "whose average is unbiased.",
    ),
    Bad(
        "keras use_ema 1",
        lambda: keras.sgd(use_ema=1),
        TypeError,
        "keras.sgd: use_ema must be True or False, got 1.",
    ),
    Bad(
        "keras clipvalue an array of 0",
        lambda: keras.sgd(clipvalue=jnp.zeros(())),
        ValueError,
        "keras.sgd: clipvalue must be finite and above 0, got 0.0.",
    ),
    Bad(
        "keras ema_momentum 2",
        lambda: keras.sgd(ema_momentum=2),
        ValueError,
        "keras.sgd: ema_momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "keras loss_scale_factor 0",
        lambda: keras.sgd(loss_scale_factor=0),
        ValueError,
        "keras.sgd: loss_scale_factor must be finite and above 0, got 0.0.",
    ),
    Bad(
        "keras loss_scale_factor subnormal",
        lambda: keras.sgd(loss_scale_factor=5e-324),
        ValueError,
        "keras.sgd: loss_scale_factor must be finite and above 0, got 5e-324.",
    ),
    Bad(
        "keras loss_scale_factor a schedule",
        lambda: keras.sgd(loss_scale_factor=LINE),
        TypeError,
        "keras.sgd: loss_scale_factor must be a number or a scalar array, not a schedule, got "
        "linear_schedule(init_value=0.5, end_value=0.9, transition_st....",
    ),
    Bad(
        "keras loss_scale_factor a vector",
        lambda: keras.sgd(loss_scale_factor=W),
        ValueError,
        "keras.sgd: loss_scale_factor must be a scalar, got an array of shape (2,). To make one "
        "per value, map the constructor over the values with jax.vmap.",
    ),
    Bad(
        "keras accumulation of 1",
        lambda: keras.sgd(gradient_accumulation_steps=1),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got 1.",
    ),
    Bad(
        "keras accumulation of 2.5",
        lambda: keras.sgd(gradient_accumulation_steps=2.5),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got 2.5.",
    ),
    Bad(
        "keras accumulation below 0",
        lambda: keras.sgd(gradient_accumulation_steps=-4),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got -4.",
    ),
    Bad(
        "keras accumulation True",
        lambda: keras.sgd(gradient_accumulation_steps=True),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got True.",
    ),
    Bad(
        "keras accumulation False",
        lambda: keras.sgd(gradient_accumulation_steps=False),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got False.",
    ),
    Bad(
        "keras accumulation a vector",
        lambda: keras.sgd(gradient_accumulation_steps=np.array([2, 3])),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got array([2, 3]).",
    ),
    Bad(
        "keras accumulation traced",
        lambda: jax.jit(lambda k: jax.tree.leaves(keras.sgd(gradient_accumulation_steps=k)))(2),
        ValueError,
        "keras.sgd: gradient_accumulation_steps must be an integer of at least 2, got a traced value.",
    ),
    Bad(
        "keras name 3",
        lambda: keras.sgd(name=3),
        TypeError,
        "keras.sgd: name must be a string, got 3.",
    ),
    Bad(
        "keras rho below 0",
        lambda: keras.rmsprop(rho=-1),
        ValueError,
        "keras.rmsprop: rho must be in [0, 1], got -1.0.",
    ),
    Bad(
        "keras epsilon None",
        lambda: keras.rmsprop(epsilon=None),
        TypeError,
        "keras.rmsprop: epsilon must be a number, a scalar array or a schedule (a callable of "
        "the count), got NoneType None.",
    ),
    Bad(
        "keras centered 1",
        lambda: keras.rmsprop(centered=1),
        TypeError,
        "keras.rmsprop: centered must be True or False, got 1.",
    ),
    Bad(
        "keras adagrad start below 0",
        lambda: keras.adagrad(initial_accumulator_value=-1),
        ValueError,
        "keras.adagrad: initial_accumulator_value must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "keras adadelta rho a string",
        lambda: keras.adadelta(rho="x"),
        TypeError,
        "keras.adadelta: rho must be a number, a scalar array or a schedule (a callable of the "
        "count), got str 'x'.",
    ),
    Bad(
        "keras beta_1 1",
        lambda: keras.adam(beta_1=1.0),
        ValueError,
        "keras.adam: beta_1 must be in [0, 1), got 1.0.",
    ),
    Bad(
        "keras beta_2 2",
        lambda: keras.adam(beta_2=2.0),
        ValueError,
        "keras.adam: beta_2 must be in [0, 1), got 2.0.",
    ),
    Bad(
        "keras amsgrad",
        lambda: keras.adam(amsgrad=True),
        ValueError,
        "keras.adam: amsgrad cannot be expressed here: it divides by the largest mean square so "
        "far, which no part keeps.",
    ),
    # what TF1's rules take
    Bad(
        "tf1 without a learning rate",
        tf1.sgd,
        TypeError,
        "sgd() missing 1 required positional argument: 'learning_rate'",
    ),
    Bad(
        "tf1 use_locking 1",
        lambda: tf1.sgd(0.1, use_locking=1),
        TypeError,
        "tf1.sgd: use_locking must be True or False, got 1.",
    ),
    Bad(
        "tf1 use_locking the momentum",
        lambda: tf1.sgd(0.1, 0.9),
        TypeError,
        "tf1.sgd: use_locking must be True or False, got 0.9.",
    ),
    Bad(
        "tf1 name 1",
        lambda: tf1.sgd(0.1, name=1),
        TypeError,
        "tf1.sgd: name must be a string, got 1.",
    ),
    Bad(
        "tf1 momentum 2",
        lambda: tf1.momentum(0.1, 2),
        ValueError,
        "tf1.momentum: momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "tf1 use_nesterov a string",
        lambda: tf1.momentum(0.1, 0.9, use_nesterov="yes"),
        TypeError,
        "tf1.momentum: use_nesterov must be True or False, got 'yes'.",
    ),
    Bad(
        "tf1 decay 2",
        lambda: tf1.rmsprop(0.1, 2),
        ValueError,
        "tf1.rmsprop: decay must be in [0, 1], got 2.0.",
    ),
    Bad(
        "tf1 epsilon below 0",
        lambda: tf1.rmsprop(0.1, epsilon=-1),
        ValueError,
        "tf1.rmsprop: epsilon must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "tf1 adagrad start 0",
        lambda: tf1.adagrad(0.1, 0),
        ValueError,
        "tf1.adagrad: initial_accumulator_value must be above 0, since there is no epsilon, got "
        "0.0; TensorFlow refuses it too.",
    ),
    Bad(
        "tf1 adagrad start an array of 0",
        lambda: tf1.adagrad(0.1, jnp.zeros(())),
        ValueError,
        "tf1.adagrad: initial_accumulator_value must be above 0, since there is no epsilon, got "
        "0.0; TensorFlow refuses it too.",
    ),
    Bad(
        "tf1 adagrad start below 0",
        lambda: tf1.adagrad(0.1, -1),
        ValueError,
        "tf1.adagrad: initial_accumulator_value must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "tf1 rho below 0",
        lambda: tf1.adadelta(rho=-1),
        ValueError,
        "tf1.adadelta: rho must be in [0, 1], got -1.0.",
    ),
    Bad(
        "tf1 beta1 1",
        lambda: tf1.adam(beta1=1),
        ValueError,
        "tf1.adam: beta1 must be in [0, 1), got 1.0.",
    ),
    Bad(
        "tf1 namescope 1",
        lambda: tf1.adam(use_own_namescope_for_non_slot_vars=1),
        TypeError,
        "tf1.adam: use_own_namescope_for_non_slot_vars must be True or False, got 1.",
    ),
    # what optax's aliases take
    Bad(
        "optax learning rate None",
        lambda: optax.sgd(None),
        TypeError,
        "optax.sgd: learning_rate must be a number, a scalar array or a schedule (a callable of "
        "the count), got NoneType None.",
    ),
    Bad(
        "optax momentum 2",
        lambda: optax.sgd(0.1, 2),
        ValueError,
        "optax.sgd: momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "optax nesterov 1",
        lambda: optax.sgd(0.1, 0.9, 1),
        TypeError,
        "optax.sgd: nesterov must be True or False, got 1.",
    ),
    Bad(
        "optax accumulator_dtype unknown",
        lambda: optax.sgd(0.1, 0.9, False, "narrow"),
        TypeError,
        "optax.sgd: accumulator_dtype must be a real floating dtype or None, got 'narrow'.",
    ),
    Bad(
        "optax accumulator_dtype integer, unused",
        lambda: optax.sgd(0.1, accumulator_dtype=jnp.int32),
        TypeError,
        "optax.sgd: accumulator_dtype must be a real floating dtype or None, got int32.",
    ),
    Bad(
        "optax accumulator_dtype float64 without x64",
        lambda: optax.sgd(0.1, 0.9, accumulator_dtype=jnp.float64),
        TypeError,
        "optax.sgd: float64 is not available while jax_enable_x64 is off.",
    ),
    Bad(
        "optax decay 2",
        lambda: optax.rmsprop(0.1, 2),
        ValueError,
        "optax.rmsprop: decay must be in [0, 1], got 2.0.",
    ),
    Bad(
        "optax decay 1 with bias correction",
        lambda: optax.rmsprop(0.1, 1.0, bias_correction=True),
        ValueError,
        "optax.rmsprop: decay must be in [0, 1), got 1.0.",
    ),
    Bad(
        "optax initial_scale below 0",
        lambda: optax.rmsprop(0.1, initial_scale=-1),
        ValueError,
        "optax.rmsprop: initial_scale must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "optax eps_in_sqrt None",
        lambda: optax.rmsprop(0.1, eps_in_sqrt=None),
        TypeError,
        "optax.rmsprop: eps_in_sqrt must be True or False, got None.",
    ),
    Bad(
        "optax bias_correction 1",
        lambda: optax.rmsprop(0.1, bias_correction=1),
        TypeError,
        "optax.rmsprop: bias_correction must be True or False, got 1.",
    ),
    Bad(
        "optax rmsprop momentum 3",
        lambda: optax.rmsprop(0.1, momentum=3),
        ValueError,
        "optax.rmsprop: momentum must be in [0, 1], got 3.0.",
    ),
    Bad(
        "optax adagrad start below 0",
        lambda: optax.adagrad(0.1, -1),
        ValueError,
        "optax.adagrad: initial_accumulator_value must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "optax adadelta weight decay None",
        lambda: optax.adadelta(0.1, weight_decay=None),
        TypeError,
        "optax.adadelta: weight_decay must be a number, a scalar array or a schedule (a callable "
        "of the count), got NoneType None.",
    ),
    Bad(
        "optax mask 3",
        lambda: optax.adadelta(0.1, weight_decay=0.1, weight_decay_mask=3),
        ValueError,
        "add_decayed_weights: the only leaf of the mask is 3; expected one of [False, True].",
    ),
    Bad(
        "optax mask of another tree",
        lambda: optax.adadelta(0.1, 0.9, 1e-6, 0.1, {"a": True}).init(PARAMS),
        ValueError,
        "masked: the mask must be a tree like the parameters, or stop earlier, where one holds "
        "for all below; outermost there is a dict where the parameters have a list.",
    ),
    Bad(
        "optax b1 1",
        lambda: optax.adam(0.1, 1.0),
        ValueError,
        "optax.adam: b1 must be in [0, 1), got 1.0.",
    ),
    Bad(
        "optax mu_dtype integer",
        lambda: optax.adam(0.1, mu_dtype=jnp.int32),
        TypeError,
        "optax.adam: mu_dtype must be a real floating dtype or None, got int32.",
    ),
    Bad(
        "optax eps_root below 0",
        lambda: optax.adam(0.1, eps_root=-1),
        ValueError,
        "optax.adam: eps_root must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "optax nesterov by position",
        lambda: optax.adam(0.1, 0.9, 0.99, 1e-8, 0.0, None, True),
        TypeError,
        "adam() takes from 1 to 6 positional arguments but 7 were given",
    ),
    # what the rules of jax.example_libraries and of the slides take
    Bad(
        "jax_example step_size below 0",
        lambda: jax_example.sgd(-1),
        ValueError,
        "jax_example.sgd: step_size must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "jax_example mass 2",
        lambda: jax_example.momentum(0.1, 2),
        ValueError,
        "jax_example.momentum: mass must be in [0, 1], got 2.0.",
    ),
    Bad(
        "jax_example mass a string",
        lambda: jax_example.nesterov(0.1, "x"),
        TypeError,
        "jax_example.nesterov: mass must be a number, a scalar array or a schedule (a callable "
        "of the count), got str 'x'.",
    ),
    Bad(
        "jax_example without a mass",
        lambda: jax_example.momentum(0.1),
        TypeError,
        "momentum() missing 1 required positional argument: 'mass'",
    ),
    Bad(
        "jax_example adagrad momentum None",
        lambda: jax_example.adagrad(0.1, None),
        TypeError,
        "jax_example.adagrad: momentum must be a number, a scalar array or a schedule (a "
        "callable of the count), got NoneType None.",
    ),
    Bad(
        "jax_example gamma 2",
        lambda: jax_example.rmsprop(0.1, 2),
        ValueError,
        "jax_example.rmsprop: gamma must be in [0, 1], got 2.0.",
    ),
    Bad(
        "jax_example rmsprop momentum 2",
        lambda: jax_example.rmsprop_momentum(0.1, momentum=2),
        ValueError,
        "jax_example.rmsprop_momentum: momentum must be in [0, 1], got 2.0.",
    ),
    Bad(
        "jax_example b2 1",
        lambda: jax_example.adam(0.1, b2=1),
        ValueError,
        "jax_example.adam: b2 must be in [0, 1), got 1.0.",
    ),
    Bad(
        "slides learning rate below 0",
        lambda: slides.sgd(-1),
        ValueError,
        "sgd: learning_rate must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "slides decay_rate 2",
        lambda: slides.rmsprop(0.1, 2),
        ValueError,
        "slides.rmsprop: decay_rate must be in [0, 1], got 2.0.",
    ),
    Bad(
        "slides eps",
        lambda: slides.rmsprop(0.1, eps=1e-8),
        TypeError,
        "slides.rmsprop: no argument 'eps'; it takes learning_rate, decay_rate.",
    ),
    # options of the rules
    Bad(
        "nesterov true_lookahead 1",
        lambda: jos.nesterov(0.1, 0.9, true_lookahead=1),
        TypeError,
        "nesterov: true_lookahead must be True or False, got 1.",
    ),
    Bad(
        "nesterov true_lookahead by position",
        lambda: jos.nesterov(0.1, 0.9, True),
        TypeError,
        "nesterov() takes from 1 to 2 positional arguments but 3 were given",
    ),
    Bad(
        "adam eps_root below 0",
        lambda: jos.adam(0.1, eps_root=-1),
        ValueError,
        "adam: eps_root must be finite and at least 0, got -1.0.",
    ),
    Bad(
        "adam nesterov 1",
        lambda: jos.adam(0.1, nesterov=1),
        TypeError,
        "adam: nesterov must be True or False, got 1.",
    ),
    Bad(
        "adam eps_hat a string",
        lambda: jos.adam(0.1, eps_hat="yes"),
        TypeError,
        "adam: eps_hat must be True or False, got 'yes'.",
    ),
    # a state dict of torch
    Bad(
        "state dict a list",
        lambda: torch.load_state(BALL, PARAMS, [1]),
        TypeError,
        "torch.load_state: the state dict must be a mapping, got list.",
    ),
    Bad(
        "no state",
        lambda: torch.load_state(BALL, PARAMS, {"a": 1, "b": 2}),
        ValueError,
        "torch.load_state: the state dict has no 'state', only ['a', 'b'].",
    ),
    Bad(
        "state a list",
        lambda: torch.load_state(BALL, PARAMS, {"state": [1]}),
        TypeError,
        "torch.load_state: state_dict['state'] must be a mapping, got list.",
    ),
    Bad(
        "row a list",
        lambda: torch.load_state(BALL, PARAMS, {"state": {0: [1]}}),
        TypeError,
        "torch.load_state: state_dict['state'][0] must be a mapping, got list.",
    ),
    Bad(
        "param_groups None",
        lambda: torch.load_state(BALL, PARAMS, {**balls(), "param_groups": None}),
        TypeError,
        "torch.load_state: state_dict['param_groups'] must be a list, got None.",
    ),
    Bad(
        "param_groups of numbers",
        lambda: torch.load_state(BALL, PARAMS, {**balls(), "param_groups": [1]}),
        TypeError,
        "torch.load_state: state_dict['param_groups'][0] must be a mapping, got int.",
    ),
    Bad(
        "param_groups without params",
        lambda: torch.load_state(BALL, PARAMS, {**balls(), "param_groups": [{"lr": 0.1}]}),
        TypeError,
        "torch.load_state: state_dict['param_groups'][0] must have a list 'params', got {'lr': 0.1}.",
    ),
    Bad(
        "keys that are strings",
        lambda: torch.load_state(BALL, PARAMS, {"state": {"0": BALLS, "1": BALLS}}),
        TypeError,
        "torch.load_state: without param_groups the keys of state_dict['state'] must be "
        "integers, got '0'.",
    ),
    Bad(
        "three parameters before the first step",
        lambda: torch.load_state(
            BALL, PARAMS, grouped({"state": {}}, BALL_GROUP | {"params": [0, 1, 2]})
        ),
        ValueError,
        "torch.load_state: params has 2 leaves, the state dict 3 parameters and the state of 0.",
    ),
    Bad(
        "one parameter of two",
        lambda: torch.load_state(BALL, PARAMS, {"state": {0: BALLS}}),
        ValueError,
        "torch.load_state: params has 2 leaves, the state dict 1 parameters and the state of 1.",
    ),
    Bad(
        "three parameters in the groups",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"params": [0, 1, 2]})),
        ValueError,
        "torch.load_state: params has 2 leaves, the state dict 3 parameters and the state of 2.",
    ),
    Bad(
        "a parameter in no group",
        lambda: torch.load_state(torch.sgd(0.1), [W], grouped(balls(), {"params": [0]})),
        ValueError,
        "torch.load_state: params has 1 leaves, the state dict 1 parameters and the state of 2.",
    ),
    Bad(
        "no buffer of one",
        lambda: torch.load_state(BALL, PARAMS, {"state": {0: BALLS, 1: {}}}),
        ValueError,
        "torch.load_state: parameter 1 (1) has no momentum_buffer, only []. Was it made with "
        "other options, or has it never had a gradient?",
    ),
    Bad(
        "a buffer None",
        lambda: torch.load_state(BALL, PARAMS, balls(momentum_buffer=None)),
        ValueError,
        "torch.load_state: parameter 0 (0) has no momentum_buffer, only []. Was it made with "
        "other options, or has it never had a gradient?",
    ),
    Bad(
        "buffers without momentum here",
        lambda: torch.load_state(torch.sgd(0.1), PARAMS, balls()),
        ValueError,
        "torch.load_state: parameter 0 has a momentum_buffer, for which the transformation has "
        "no place.",
    ),
    Bad(
        "amsgrad's buffer",
        lambda: torch.load_state(ADAM, PARAMS, means(max_exp_avg_sq=G)),
        ValueError,
        "torch.load_state: parameter 0 (0) has a max_exp_avg_sq, for which the transformation "
        "has no place.",
    ),
    Bad(
        "another rule's buffers",
        lambda: torch.load_state(BALL, PARAMS, means()),
        ValueError,
        "torch.load_state: parameter 0 (0) has no momentum_buffer, only ['exp_avg', "
        "'exp_avg_sq']. Was it made with other options, or has it never had a gradient?",
    ),
    Bad(
        "no mean of centered",
        lambda: torch.load_state(torch.rmsprop(centered=True), PARAMS, balls(square_avg=G, step=3.0)),
        ValueError,
        "torch.load_state: parameter 0 (0) has no grad_avg, only ['momentum_buffer', "
        "'square_avg']. Was it made with other options, or has it never had a gradient?",
    ),
    Bad(
        "a buffer of another shape",
        lambda: torch.load_state(BALL, {"out": {"w": jnp.ones(3)}}, {"state": {0: BALLS}}),
        ValueError,
        "torch.load_state: momentum_buffer of parameter 0 (out.w) has shape (2,), expected (3,).",
    ),
    Bad(
        "an integer buffer",
        lambda: torch.load_state(BALL, PARAMS, balls(momentum_buffer=np.ones(2, np.int64))),
        TypeError,
        "torch.load_state: momentum_buffer of parameter 0 (0) has dtype int64, expected real "
        "floating numbers.",
    ),
    Bad(
        "a complex buffer",
        lambda: torch.load_state(BALL, PARAMS, balls(momentum_buffer=np.ones(2, complex))),
        TypeError,
        "torch.load_state: momentum_buffer of parameter 0 (0) has dtype complex128, expected "
        "real floating numbers.",
    ),
    Bad(
        "a real buffer of a complex leaf",
        lambda: torch.load_state(BALL, [COMPLEX, W], balls()),
        TypeError,
        "torch.load_state: momentum_buffer of parameter 0 (0) has dtype float32, expected "
        "complex numbers.",
    ),
    Bad(
        "a mean square below 0",
        lambda: torch.load_state(
            torch.adagrad(), PARAMS, balls(momentum_buffer=None, sum=-G, step=3.0)
        ),
        ValueError,
        "torch.load_state: sum of parameter 0 (0) has numbers below 0, expected a mean or sum of "
        "squares.",
    ),
    Bad(
        "steps that differ",
        lambda: torch.load_state(ADAM, PARAMS, {"state": {0: MEANS, 1: MEANS | {"step": 4.0}}}),
        ValueError,
        "torch.load_state: the parameters have taken [3, 4] steps; here one count holds for all. "
        "Use a transformation for each group, with partition.",
    ),
    Bad(
        "no step",
        lambda: torch.load_state(ADAM, PARAMS, {"state": {i: without_step(MEANS) for i in (0, 1)}}),
        ValueError,
        "torch.load_state: the state does not say how many steps were taken, and the next step "
        "of adam depends on it: pass count=.",
    ),
    Bad(
        "no step of one",
        lambda: torch.load_state(ADAM, PARAMS, {"state": {0: MEANS, 1: without_step(MEANS)}}),
        ValueError,
        "torch.load_state: parameter 1 has no step, which others have.",
    ),
    Bad(
        "step below 0",
        lambda: torch.load_state(ADAM, PARAMS, means(step=-3.0)),
        ValueError,
        "torch.load_state: step of parameter 0 must be a whole number from 0 to 2**31 - 1, got -3.0.",
    ),
    Bad(
        "step 2.5",
        lambda: torch.load_state(ADAM, PARAMS, means(step=2.5)),
        ValueError,
        "torch.load_state: step of parameter 0 must be a whole number from 0 to 2**31 - 1, got 2.5.",
    ),
    Bad(
        "step NaN",
        lambda: torch.load_state(ADAM, PARAMS, means(step=math.nan)),
        ValueError,
        "torch.load_state: step of parameter 0 must be a whole number from 0 to 2**31 - 1, got nan.",
    ),
    Bad(
        "step None",
        lambda: torch.load_state(ADAM, PARAMS, means(step=None)),
        TypeError,
        "torch.load_state: step of parameter 0 must be a number, got None.",
    ),
    Bad(
        "step a vector",
        lambda: torch.load_state(ADAM, PARAMS, means(step=G)),
        TypeError,
        "torch.load_state: step of parameter 0 must be a number, got array([1., 1.], dtype=float32).",
    ),
    Bad(
        "step beyond int32",
        lambda: torch.load_state(ADAM, PARAMS, means(step=2.0**40)),
        ValueError,
        "torch.load_state: step of parameter 0 must be a whole number from 0 to 2**31 - 1, got "
        "1099511627776.0.",
    ),
    # its number of steps
    Bad(
        "count 1.5",
        lambda: torch.load_state(BALL, PARAMS, balls(), count=1.5),
        TypeError,
        "torch.load_state: count must be an integer, got 1.5.",
    ),
    Bad(
        "count True",
        lambda: torch.load_state(BALL, PARAMS, balls(), count=True),
        TypeError,
        "torch.load_state: count must be an integer, got True.",
    ),
    Bad(
        "count below 0",
        lambda: torch.load_state(BALL, PARAMS, balls(), count=-1),
        ValueError,
        "torch.load_state: count must be from 0 to 2**31 - 1, got -1.",
    ),
    Bad(
        "count beyond int32",
        lambda: torch.load_state(BALL, PARAMS, balls(), count=2**40),
        ValueError,
        "torch.load_state: count must be from 0 to 2**31 - 1, got 1099511627776.",
    ),
    Bad(
        "count that contradicts",
        lambda: torch.load_state(ADAM, PARAMS, means(), count=4),
        ValueError,
        "torch.load_state: count=4, but the state says 3 steps.",
    ),
    Bad(
        "count 0 with buffers",
        lambda: torch.load_state(BALL, PARAMS, balls(), count=0),
        ValueError,
        "torch.load_state: count=0, but the state dict has what a first step leaves; pass the "
        "steps taken.",
    ),
    Bad(
        "count missing for a schedule",
        lambda: torch.load_state(torch.sgd(LINE, 0.9), PARAMS, balls()),
        ValueError,
        "torch.load_state: the state does not say how many steps were taken, and the next step "
        "of scale_by_learning_rate depends on it: pass count=.",
    ),
    Bad(
        "count missing for dampening",
        lambda: torch.load_state(torch.sgd(0.1, 0.9, 0.5), PARAMS, balls()),
        ValueError,
        "torch.load_state: the state does not say how many steps were taken, and the next step "
        "of scale_by_schedule depends on it: pass count=.",
    ),
    # its param_groups
    Bad(
        "other lr",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"lr": 0.2})),
        ValueError,
        "torch.load_state: the state dict has lr=0.2, the transformation 0.1 at the next step. "
        "To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other lr before the first step",
        lambda: torch.load_state(BALL, PARAMS, grouped({"state": {}}, BALL_GROUP | {"lr": 0.2})),
        ValueError,
        "torch.load_state: the state dict has lr=0.2, the transformation 0.1 at the next step. "
        "To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other lr of the second group",
        lambda: torch.load_state(
            BALL,
            PARAMS,
            grouped(balls(), BALL_GROUP | {"params": [0]}, BALL_GROUP | {"params": [1], "lr": 0.2}),
        ),
        ValueError,
        "torch.load_state: the state dict has lr=0.2, the transformation 0.1 at the next step. "
        "To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "lr a string",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"lr": "x"})),
        TypeError,
        "torch.load_state: lr in param_groups must be a number, got 'x'.",
    ),
    Bad(
        "other momentum",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"momentum": 0.5})),
        ValueError,
        "torch.load_state: the state dict has momentum=0.5, the transformation 0.9 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "momentum in torch alone",
        lambda: torch.load_state(torch.sgd(0.1), PARAMS, grouped({"state": {}}, BALL_GROUP)),
        ValueError,
        "torch.load_state: the state dict has momentum=0.9, the transformation 0 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other dampening",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"dampening": 0.5})),
        ValueError,
        "torch.load_state: the state dict has dampening=0.5, the transformation 0 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other weight_decay",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"weight_decay": 0.5})),
        ValueError,
        "torch.load_state: the state dict has weight_decay=0.5, the transformation 0 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other nesterov",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"nesterov": True})),
        ValueError,
        "torch.load_state: the state dict has nesterov=True, the transformation False at the "
        "next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other maximize",
        lambda: torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP | {"maximize": True})),
        ValueError,
        "torch.load_state: the state dict has maximize=True, the transformation False at the "
        "next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other first beta",
        lambda: torch.load_state(ADAM, PARAMS, grouped(means(), ADAM_GROUP | {"betas": (0.5, 0.999)})),
        ValueError,
        "torch.load_state: the state dict has betas[0]=0.5, the transformation 0.9 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other second beta",
        lambda: torch.load_state(ADAM, PARAMS, grouped(means(), ADAM_GROUP | {"betas": (0.9, 0.99)})),
        ValueError,
        "torch.load_state: the state dict has betas[1]=0.99, the transformation 0.999 at the "
        "next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "betas one number",
        lambda: torch.load_state(ADAM, PARAMS, grouped(means(), ADAM_GROUP | {"betas": 0.9})),
        TypeError,
        "torch.load_state: betas in state_dict['param_groups'][0] must be a pair of numbers, got 0.9.",
    ),
    Bad(
        "other eps",
        lambda: torch.load_state(ADAM, PARAMS, grouped(means(), ADAM_GROUP | {"eps": 1e-3})),
        ValueError,
        "torch.load_state: the state dict has eps=0.001, the transformation 1e-08 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "amsgrad before the first step",
        lambda: torch.load_state(ADAM, PARAMS, grouped({"state": {}}, ADAM_GROUP | {"amsgrad": True})),
        ValueError,
        "torch.load_state: the state dict has amsgrad=True, the transformation False at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "decoupled in torch alone",
        lambda: torch.load_state(
            torch.adam(0.1, weight_decay=0.1),
            PARAMS,
            grouped(means(), ADAM_GROUP | {"weight_decay": 0.1, "decoupled_weight_decay": True}),
        ),
        ValueError,
        "torch.load_state: the state dict has decoupled_weight_decay=True, the transformation "
        "False at the next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "decoupled here alone",
        lambda: torch.load_state(
            torch.adam(0.1, weight_decay=0.1, decoupled_weight_decay=True),
            PARAMS,
            grouped(means(), ADAM_GROUP | {"weight_decay": 0.1, "decoupled_weight_decay": False}),
        ),
        ValueError,
        "torch.load_state: the state dict has decoupled_weight_decay=False, the transformation "
        "True at the next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other alpha",
        lambda: torch.load_state(
            torch.rmsprop(0.1),
            PARAMS,
            grouped(
                balls(momentum_buffer=None, square_avg=G, step=3.0), {"params": [0, 1], "alpha": 0.9}
            ),
        ),
        ValueError,
        "torch.load_state: the state dict has alpha=0.9, the transformation 0.99 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "centered before the first step",
        lambda: torch.load_state(
            torch.rmsprop(), PARAMS, grouped({"state": {}}, {"params": [0, 1], "centered": True})
        ),
        ValueError,
        "torch.load_state: the state dict has centered=True, the transformation False at the "
        "next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "eps_root here alone",
        lambda: torch.load_state(
            jos.rmsprop(0.1, eps_root=0.5), PARAMS, grouped({"state": {}}, {"params": [0, 1]})
        ),
        ValueError,
        "torch.load_state: PyTorch has eps_root=0, the transformation 0.5 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "eps_hat here alone",
        lambda: torch.load_state(jos.adam(0.1, eps_hat=True), PARAMS, grouped(means(), ADAM_GROUP)),
        ValueError,
        "torch.load_state: PyTorch has eps_hat=False, the transformation True at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "bias_correction here alone",
        lambda: torch.load_state(
            jos.scale_by_rms(bias_correction=True), PARAMS, grouped({"state": {}}, {"params": [0, 1]})
        ),
        ValueError,
        "torch.load_state: PyTorch has bias_correction=False, the transformation True at "
        "the next step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other lr_decay",
        lambda: torch.load_state(
            torch.adagrad(),
            PARAMS,
            grouped(balls(momentum_buffer=None, sum=G, step=3.0), {"params": [0, 1], "lr_decay": 0.5}),
        ),
        ValueError,
        "torch.load_state: the state dict has lr_decay=0.5, the transformation 0 at the next "
        "step. To go on with another, leave param_groups out of the state dict.",
    ),
    Bad(
        "other rho",
        lambda: torch.load_state(
            torch.adadelta(), PARAMS, grouped({"state": {}}, {"params": [0, 1], "rho": 0.5})
        ),
        ValueError,
        "torch.load_state: the state dict has rho=0.5, the transformation 0.9 at the next step. "
        "To go on with another, leave param_groups out of the state dict.",
    ),
    # the order of its parameters
    Bad(
        "the order of a dict",
        lambda: torch.load_state(BALL, TWINS, balls()),
        ValueError,
        "torch.load_state: b and w have one shape, and a dict's leaves are in the order of the "
        "alphabet: pass names=, all of ['b', 'w'] in the framework's order.",
    ),
    Bad(
        "names of other leaves",
        lambda: torch.load_state(BALL, TWINS, balls(), names=["a", "b"]),
        ValueError,
        "torch.load_state: names must be the leaves ['b', 'w'] in the framework's order, got "
        "['a', 'b'].",
    ),
    Bad(
        "too few names",
        lambda: torch.load_state(BALL, TWINS, balls(), names=["w"]),
        ValueError,
        "torch.load_state: names must be the leaves ['b', 'w'] in the framework's order, got ['w'].",
    ),
    Bad(
        "a name twice",
        lambda: torch.load_state(BALL, TWINS, balls(), names=["w", "w"]),
        ValueError,
        "torch.load_state: names must be the leaves ['b', 'w'] in the framework's order, got "
        "['w', 'w'].",
    ),
    Bad(
        "names a string",
        lambda: torch.load_state(BALL, {"w": W}, {"state": {0: BALLS}}, names="w"),
        ValueError,
        "torch.load_state: names must be the leaves ['w'] in the framework's order, got 'w'.",
    ),
    Bad(
        "names a number",
        lambda: torch.load_state(BALL, PARAMS, balls(), names=5),
        ValueError,
        "torch.load_state: names must be the leaves ['0', '1'] in the framework's order, got 5.",
    ),
    Bad(
        "names that are numbers",
        lambda: torch.load_state(BALL, PARAMS, balls(), names=[0, 1]),
        ValueError,
        "torch.load_state: names must be the leaves ['0', '1'] in the framework's order, got [0, 1].",
    ),
    Bad(
        "names of two leaves of one name",
        lambda: torch.load_state(BALL, {"a.b": W, "a": {"b": W}}, balls(), names=["a.b", "a.b"]),
        ValueError,
        "torch.load_state: two leaves of params are called a.b; names cannot tell them apart.",
    ),
    Bad(
        "param_names of other leaves",
        lambda: torch.load_state(
            BALL, TWINS, grouped(balls(), BALL_GROUP | {"param_names": ["0.weight", "0.bias"]})
        ),
        ValueError,
        "torch.load_state: the state dict's param_names must be the leaves ['b', 'w'] in the "
        "framework's order, got ['0.weight', '0.bias']. Pass names=, the leaves in that order.",
    ),
    # the transformation that it is for
    Bad(
        "learning rate 0 at the conversion",
        lambda: torch.load_state(jos.momentum(0.0), PARAMS, balls()),
        ValueError,
        "torch.load_state: one velocity has the learning rate inside, the other outside, so that "
        "they differ by the factor of minus the next step's learning rate, and it is 0; convert "
        "where it is above 0.",
    ),
    Bad(
        "learning rate 0 at the next step",
        lambda: torch.load_state(
            jos.momentum(jos.linear_schedule(1.0, 0.0, 10)), PARAMS, balls(), count=10
        ),
        ValueError,
        "torch.load_state: one velocity has the learning rate inside, the other outside, so that "
        "they differ by the factor of minus the next step's learning rate, and it is 0; convert "
        "where it is above 0.",
    ),
    Bad(
        "two velocities",
        lambda: torch.load_state(jos.chain(jos.trace(0.9), jos.momentum(0.1)), PARAMS, balls()),
        ValueError,
        "torch.load_state: chain(trace(decay=0.9), momentum(learning_rate=0.1, mu=0.9)) keeps "
        "two of velocity; frameworks keep one.",
    ),
    Bad(
        "a velocity after Adam",
        lambda: torch.load_state(jos.chain(jos.adam(0.1), jos.trace(0.9)), PARAMS, means()),
        ValueError,
        "torch.load_state: trace keeps a velocity, and PyTorch's Adam does not.",
    ),
    Bad(
        "an average alone",
        lambda: torch.load_state(jos.ema(0.9), PARAMS, balls()),
        ValueError,
        "torch.load_state: ema(decay=0.9) keeps a mean of something else than what is divided by "
        "its root; no framework does.",
    ),
    Bad(
        "a velocity before the root",
        lambda: torch.load_state(jos.chain(jos.trace(0.9), jos.scale_by_rms()), PARAMS, balls()),
        ValueError,
        "torch.load_state: chain(trace(decay=0.9), scale_by_rms(decay=0.9, eps=1e-07, "
        "eps_root=0.0)) keeps a velocity before the division by the root; no framework does.",
    ),
    Bad(
        "a velocity after scale",
        lambda: torch.load_state(jos.chain(jos.scale(-0.1), jos.trace(0.9)), PARAMS, balls()),
        ValueError,
        "torch.load_state: chain(scale(step_size=-0.1), trace(decay=0.9)) keeps a velocity after "
        "scale, and no learning rate; no framework does.",
    ),
    Bad(
        "multi_steps outside",
        lambda: torch.load_state(jos.multi_steps(BALL, 2), PARAMS, balls()),
        ValueError,
        "torch.load_state: multi_steps has a state that no framework keeps; convert that of the "
        "chain of rules inside it, or outside.",
    ),
    Bad(
        "masked outside",
        lambda: torch.load_state(jos.masked(BALL, [True, False]), PARAMS, balls()),
        ValueError,
        "torch.load_state: masked has a state that no framework keeps; convert that of the chain "
        "of rules inside it, or outside.",
    ),
    Bad(
        "mixed_precision outside",
        lambda: torch.load_state(jos.mixed_precision(BALL), PARAMS, balls()),
        ValueError,
        "torch.load_state: mixed_precision has a state that no framework keeps; convert that of "
        "the chain of rules inside it, or outside.",
    ),
    Bad(
        "apply_if_finite outside",
        lambda: torch.load_state(jos.apply_if_finite(BALL, 3), PARAMS, balls()),
        ValueError,
        "torch.load_state: apply_if_finite has a state that no framework keeps; convert that of "
        "the chain of rules inside it, or outside.",
    ),
    Bad(
        "average_params outside",
        lambda: torch.load_state(jos.average_params(BALL, 0.9), PARAMS, balls()),
        ValueError,
        "torch.load_state: average_params has a state that no framework keeps; convert that of "
        "the chain of rules inside it, or outside.",
    ),
    Bad(
        "reduce_on_plateau in the chain",
        lambda: torch.load_state(jos.chain(BALL, jos.reduce_on_plateau()), PARAMS, balls()),
        ValueError,
        "torch.load_state: reduce_on_plateau has a state that no framework keeps; convert that "
        "of the chain of rules inside it, or outside.",
    ),
    Bad(
        "optax's trace in the chain",
        lambda: torch.load_state(jos.chain(ox.trace(0.9), jos.scale(-0.1)), PARAMS, balls()),
        ValueError,
        "torch.load_state: trace is another library's, whose state only it knows.",
    ),
    Bad(
        "optax's sgd",
        lambda: torch.load_state(ox.sgd(0.1, 0.9), PARAMS, balls()),
        TypeError,
        "torch.load_state: expected a transformation of this library, got "
        "GradientTransformationExtraArgs(init=<function init_fn>, upd....",
    ),
    Bad(
        "the constructor",
        lambda: torch.load_state(torch.sgd, PARAMS, balls()),
        TypeError,
        "torch.load_state: expected a transformation of this library, got sgd.",
    ),
    Bad(
        "params in place of tx",
        lambda: torch.load_state(PARAMS, BALL, balls()),
        TypeError,
        "torch.load_state: expected a transformation of this library, got [Array([1., 1.], "
        "dtype=float32), Array([1., 1.], dtype=float....",
    ),
    Bad(
        "integer params",
        lambda: torch.load_state(BALL, [1, 2], balls()),
        TypeError,
        "chain: leaf [0] of the params has dtype int32; expected a floating or complex dtype. "
        "Leave parameters that are not trained to masked or freeze, or put None in their place.",
    ),
    Bad(
        "a stack of optimizers",
        lambda: torch.load_state(jax.vmap(jos.momentum)(W), PARAMS, balls()),
        ValueError,
        "torch.load_state: momentum's learning_rate has shape (2,), expected a scalar; convert "
        "for one transformation of the stack at a time.",
    ),
    Bad(
        "under jit",
        lambda: jax.jit(lambda lr: torch.load_state(torch.sgd(lr, 0.9), PARAMS, balls()))(0.1),
        TypeError,
        "torch.load_state: traced values came; convert outside of jit, vmap and grad.",
    ),
    # a state dict for torch
    Bad(
        "out of optax's sgd",
        lambda: torch.to_state_dict(ox.sgd(0.1), PARAMS, ()),
        TypeError,
        "torch.to_state_dict: expected a transformation of this library, got "
        "GradientTransformationExtraArgs(init=<function init_fn>, upd....",
    ),
    Bad(
        "out of another rule's state",
        lambda: torch.to_state_dict(jos.momentum(0.1), PARAMS, ADAM.init(PARAMS)[0]),
        TypeError,
        "momentum: expected the MomentumState that its init returned, got AdamState. Was this "
        "state made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "out of another chain's state",
        lambda: torch.to_state_dict(BALL, PARAMS, ADAM.init(PARAMS)),
        TypeError,
        "chain: expected a tuple of 2 states, one for each of ['trace', "
        "'scale_by_learning_rate'], got tuple of 1. Was this state made by another optimizer?",
    ),
    Bad(
        "out of nothing",
        lambda: torch.to_state_dict(BALL, PARAMS, ()),
        TypeError,
        "chain: expected a tuple of 2 states, one for each of ['trace', "
        "'scale_by_learning_rate'], got tuple of 0. Was this state made by another optimizer?",
    ),
    Bad(
        "out of multi_steps",
        lambda: torch.to_state_dict(
            jos.multi_steps(BALL, 2), PARAMS, jos.multi_steps(BALL, 2).init(PARAMS)
        ),
        ValueError,
        "torch.to_state_dict: multi_steps has a state that no framework keeps; convert that of "
        "the chain of rules inside it, or outside.",
    ),
    Bad(
        "out at learning rate 0",
        lambda: torch.to_state_dict(jos.momentum(0.0), PARAMS, stepped(jos.momentum(0.0))),
        ValueError,
        "torch.to_state_dict: one velocity has the learning rate inside, the other outside, so "
        "that they differ by the factor of minus the next step's learning rate, and it is 0; "
        "convert where it is above 0.",
    ),
    Bad(
        "out in the order of a dict",
        lambda: torch.to_state_dict(BALL, TWINS, stepped(BALL, TWINS)),
        ValueError,
        "torch.to_state_dict: b and w have one shape, and a dict's leaves are in the order of "
        "the alphabet: pass names=, all of ['b', 'w'] in the framework's order.",
    ),
    Bad(
        "out with wrong names",
        lambda: torch.to_state_dict(BALL, TWINS, stepped(BALL, TWINS), names=["a", "b"]),
        ValueError,
        "torch.to_state_dict: names must be the leaves ['b', 'w'] in the framework's order, got "
        "['a', 'b'].",
    ),
    Bad(
        "out with fewer params",
        lambda: torch.to_state_dict(BALL, [W], stepped(BALL)),
        ValueError,
        "torch.to_state_dict: the params and the state's velocity are different trees: leaf [1] "
        "of the state's velocity is missing from the params (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "out with other shapes",
        lambda: torch.to_state_dict(BALL, [W, jnp.ones(3)], stepped(BALL)),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has "
        "shape (3,) but expected (2). [torch.to_state_dict: leaf [1] of the params has shape "
        "(3,); the state's velocity have shape (2,) there. Shapes must be equal; nothing is "
        "broadcast.]",
    ),
    Bad(
        "out with counts that differ",
        lambda: torch.to_state_dict(BALL, PARAMS, (stepped(BALL)[0], BALL.init(PARAMS)[1])),
        ValueError,
        "torch.to_state_dict: members of chain(trace(decay=0.9), "
        "scale_by_learning_rate(learning_rate=0.1)) have taken [0, 1] steps; frameworks keep one "
        "count.",
    ),
    Bad(
        "out of jax_example's adagrad",
        lambda: torch.to_state_dict(
            jax_example.adagrad(0.1), PARAMS, stepped(jax_example.adagrad(0.1))
        ),
        ValueError,
        "torch.to_state_dict: chain(scale_by_rss(eps=0.0, eps_root=0.0), ema(decay=0.9, "
        "debias=False), scale_by_learning_rate(learning_rate=0.1)) keeps a mean of something "
        "else than what is divided by its root; no framework does.",
    ),
    Bad(
        "out under jit",
        lambda: jax.jit(lambda s: torch.to_state_dict(BALL, PARAMS, s))(stepped(BALL)),
        TypeError,
        "torch.to_state_dict: traced values came; convert outside of jit, vmap and grad.",
    ),
    # a store of Keras, in and out
    Bad(
        "store a list",
        lambda: keras.load_state(VELOCITY, PARAMS, [1]),
        TypeError,
        "keras.load_state: the state dict must be a mapping, got list.",
    ),
    Bad(
        "store empty",
        lambda: keras.load_state(VELOCITY, PARAMS, {}),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum'] of 2 "
        "parameters, numbered from '0'; got 0 arrays with the keys [].",
    ),
    Bad(
        "store with an array too many",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.1, G, G, G)),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum'] of 2 "
        "parameters, numbered from '0'; got 5 arrays with the keys ['0', '1', '2', '3', '4'].",
    ),
    Bad(
        "store of another rule",
        lambda: keras.load_state(keras.adam(), PARAMS, store(7, 0.1, G, G)),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum', "
        "'velocity'] of 2 parameters, numbered from '0'; got 4 arrays with the keys ['0', '1', "
        "'2', '3'].",
    ),
    Bad(
        "store of a rule with memory",
        lambda: keras.load_state(keras.sgd(0.1), PARAMS, store(7, 0.1, G, G)),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and [] of 2 parameters, "
        "numbered from '0'; got 4 arrays with the keys ['0', '1', '2', '3'].",
    ),
    Bad(
        "store from 1",
        lambda: keras.load_state(VELOCITY, PARAMS, {"1": 7, "2": 0.1, "3": G, "4": G}),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum'] of 2 "
        "parameters, numbered from '0'; got 4 arrays with the keys ['1', '2', '3', '4'].",
    ),
    Bad(
        "store with numbers for keys",
        lambda: keras.load_state(VELOCITY, PARAMS, {0: 7, 1: 0.1, 2: G, 3: G}),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum'] of 2 "
        "parameters, numbered from '0'; got 4 arrays with the keys [0, 1, 2, 3].",
    ),
    Bad(
        "store with other names",
        lambda: keras.load_state(
            VELOCITY, PARAMS, {"iteration": 7, "learning_rate": 0.1, "a": G, "b": G}
        ),
        ValueError,
        "keras.load_state: expected the step, perhaps the learning rate, and ['momentum'] of 2 "
        "parameters, numbered from '0'; got 4 arrays with the keys ['iteration', "
        "'learning_rate', 'a', 'b'].",
    ),
    Bad(
        "store of another shape",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.1, G, np.ones(3))),
        ValueError,
        "keras.load_state: variable 3, momentum of 1, has shape (3,), expected (2,).",
    ),
    Bad(
        "store of integers",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.1, np.ones(2, np.int64), G)),
        TypeError,
        "keras.load_state: variable 2, momentum of 0, has dtype int64, expected real floating numbers.",
    ),
    Bad(
        "store with None",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.1, None, G)),
        ValueError,
        "keras.load_state: variable 2, momentum of 0, has shape (), expected (2,).",
    ),
    Bad(
        "store by rule, not by parameter",
        lambda: keras.load_state(
            keras.adam(0.1), [W, jnp.ones(3)], store(7, 0.1, G, np.ones(3), G, np.ones(3))
        ),
        ValueError,
        "keras.load_state: variable 3, velocity of 0, has shape (3,), expected (2,).",
    ),
    Bad(
        "store with a velocity below 0",
        lambda: keras.load_state(keras.adam(0.1), [W], store(7, 0.1, G, -G)),
        ValueError,
        "keras.load_state: variable 3, velocity of 0, has numbers below 0, expected a mean or "
        "sum of squares.",
    ),
    Bad(
        "store's step below 0",
        lambda: keras.load_state(VELOCITY, PARAMS, store(-7, 0.1, G, G)),
        ValueError,
        "keras.load_state: variable 0, the step, must be a whole number from 0 to 2**31 - 1, got -7.",
    ),
    Bad(
        "store's step 7.5",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7.5, 0.1, G, G)),
        ValueError,
        "keras.load_state: variable 0, the step, must be a whole number from 0 to 2**31 - 1, got 7.5.",
    ),
    Bad(
        "store's step a string",
        lambda: keras.load_state(VELOCITY, PARAMS, store("x", 0.1, G, G)),
        TypeError,
        "keras.load_state: variable 0, the step, must be a number, got 'x'.",
    ),
    Bad(
        "store's other learning rate",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.2, G, G)),
        ValueError,
        "keras.load_state: Keras has the learning rate 0.2, the transformation 0.1 at the next "
        "step. To go on with another, put it into state_dict['1'].",
    ),
    Bad(
        "store's learning rate a vector",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, G, G, G)),
        TypeError,
        "keras.load_state: variable 1, the learning rate, must be a number, got array([1., 1.], "
        "dtype=float32).",
    ),
    Bad(
        "store for a chain without a learning rate",
        lambda: keras.load_state(jos.trace(0.9), PARAMS, store(7, 0.1, G, G)),
        ValueError,
        "keras.load_state: one velocity has the learning rate inside, the other outside, so that "
        "they differ by the factor of minus the next step's learning rate, and there is none.",
    ),
    Bad(
        "store at learning rate 0",
        lambda: keras.load_state(torch.sgd(0.0, 0.9), PARAMS, store(7, 0.0, G, G)),
        ValueError,
        "keras.load_state: one velocity has the learning rate inside, the other outside, so that "
        "they differ by the factor of minus the next step's learning rate, and it is 0; convert "
        "where it is above 0.",
    ),
    Bad(
        "store for a dict",
        lambda: keras.load_state(VELOCITY, TWINS, store(7, 0.1, G, G)),
        ValueError,
        "keras.load_state: b and w have one shape, and a dict's leaves are in the order of the "
        "alphabet: pass names=, all of ['b', 'w'] in the framework's order.",
    ),
    Bad(
        "store with wrong names",
        lambda: keras.load_state(VELOCITY, TWINS, store(7, 0.1, G, G), names=["x"]),
        ValueError,
        "keras.load_state: names must be the leaves ['b', 'w'] in the framework's order, got ['x'].",
    ),
    Bad(
        "store for multi_steps",
        lambda: keras.load_state(
            keras.sgd(0.1, 0.9, gradient_accumulation_steps=2), PARAMS, store(7, 0.1, G, G)
        ),
        ValueError,
        "keras.load_state: multi_steps has a state that no framework keeps; convert that of the "
        "chain of rules inside it, or outside.",
    ),
    Bad(
        "store for two velocities",
        lambda: keras.load_state(
            jos.chain(jos.momentum(0.1), jos.momentum(0.1)), PARAMS, store(7, 0.1, G, G)
        ),
        ValueError,
        "keras.load_state: chain(momentum(learning_rate=0.1, mu=0.9), "
        "momentum(learning_rate=0.1, mu=0.9)) keeps two of velocity; frameworks keep one.",
    ),
    Bad(
        "store for optax's sgd",
        lambda: keras.load_state(ox.sgd(0.1, 0.9), PARAMS, store(7, 0.1, G, G)),
        TypeError,
        "keras.load_state: expected a transformation of this library, got "
        "GradientTransformationExtraArgs(init=<function init_fn>, upd....",
    ),
    Bad(
        "store for None",
        lambda: keras.load_state(None, PARAMS, store(7, 0.1, G, G)),
        TypeError,
        "keras.load_state: expected a transformation of this library, got None.",
    ),
    Bad(
        "store and a count",
        lambda: keras.load_state(VELOCITY, PARAMS, store(7, 0.1, G, G), count=3),
        TypeError,
        "keras.load_state: no argument 'count'; it takes tx, params, state_dict, names.",
    ),
    Bad(
        "store out of another rule's state",
        lambda: keras.to_state_dict(VELOCITY, PARAMS, ADAM.init(PARAMS)[0]),
        TypeError,
        "sgd: expected the SGDState that its init returned, got AdamState. Was this state made "
        "by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "store out in the order of a dict",
        lambda: keras.to_state_dict(VELOCITY, TWINS, stepped(VELOCITY, TWINS)),
        ValueError,
        "keras.to_state_dict: b and w have one shape, and a dict's leaves are in the order of "
        "the alphabet: pass names=, all of ['b', 'w'] in the framework's order.",
    ),
    Bad(
        "store out with fewer params",
        lambda: keras.to_state_dict(VELOCITY, [W], stepped(VELOCITY)),
        ValueError,
        "keras.to_state_dict: the params and the state's velocity are different trees: leaf [1] "
        "of the state's velocity is missing from the params (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "store out without a learning rate",
        lambda: keras.to_state_dict(jos.trace(0.9), PARAMS, stepped(jos.trace(0.9))),
        ValueError,
        "keras.to_state_dict: one velocity has the learning rate inside, the other outside, so "
        "that they differ by the factor of minus the next step's learning rate, and there is "
        "none.",
    ),
    Bad(
        "store out of an average",
        lambda: keras.to_state_dict(jos.ema(0.9), PARAMS, stepped(jos.ema(0.9))),
        ValueError,
        "keras.to_state_dict: ema(decay=0.9) keeps a mean of something else than what is divided "
        "by its root; no framework does.",
    ),
    Bad(
        "store out of a stack",
        lambda: keras.to_state_dict(jax.vmap(keras.sgd)(W), PARAMS, stepped(keras.sgd(0.1))),
        ValueError,
        "keras.to_state_dict: sgd's learning_rate has shape (2,), expected a scalar; convert for "
        "one transformation of the stack at a time.",
    ),
    # a state of optax, in and out
    Bad(
        "optax state a number",
        lambda: optax.load_state(BALL, PARAMS, 3),
        TypeError,
        "optax.load_state: expected an optax state or a mapping of its fields, got 3.",
    ),
    Bad(
        "optax state of Adam for SGD",
        lambda: optax.load_state(BALL, PARAMS, ox.adam(0.1).init(PARAMS)),
        ValueError,
        "optax.load_state: the transformation keeps ['trace'] in optax's words, the state has "
        "['mu', 'nu'].",
    ),
    Bad(
        "optax state without a velocity",
        lambda: optax.load_state(
            optax.rmsprop(0.1, momentum=0.9), PARAMS, ox.rmsprop(0.1).init(PARAMS)
        ),
        ValueError,
        "optax.load_state: the transformation keeps ['nu', 'trace'] in optax's words, the state "
        "has ['nu'].",
    ),
    Bad(
        "optax state centered",
        lambda: optax.load_state(
            optax.rmsprop(0.1), PARAMS, ox.rmsprop(0.1, centered=True).init(PARAMS)
        ),
        ValueError,
        "optax.load_state: the transformation keeps ['nu'] in optax's words, the state has "
        "['mu', 'nu'].",
    ),
    Bad(
        "optax state of amsgrad",
        lambda: optax.load_state(ADAM, PARAMS, ox.amsgrad(0.1).init(PARAMS)),
        ValueError,
        "optax.load_state: ScaleByAmsgradState is the state of a rule that is not here.",
    ),
    Bad(
        "optax state of adabelief",
        lambda: optax.load_state(ADAM, PARAMS, ox.adabelief(0.1).init(PARAMS)),
        ValueError,
        "optax.load_state: ScaleByBeliefState is the state of a rule that is not here.",
    ),
    Bad(
        "optax state of another injected learning rate",
        lambda: optax.load_state(BALL, PARAMS, INJECTED.init(PARAMS)),
        ValueError,
        "optax.load_state: optax has the learning rate 0.5, the transformation 0.1 at the next "
        "step. To go on with another, put it into the state's hyperparams.",
    ),
    Bad(
        "optax state of MultiSteps",
        lambda: optax.load_state(BALL, PARAMS, ox.MultiSteps(ox.sgd(0.1, 0.9), 2).init(PARAMS)),
        ValueError,
        "optax.load_state: the state also has acc_grads, for which the transformation has no "
        "place; pass the part of it that is one rule's.",
    ),
    Bad(
        "optax state with an average",
        lambda: optax.load_state(BALL, PARAMS, ox.chain(ox.ema(0.9), ox.trace(0.9)).init(PARAMS)),
        ValueError,
        "optax.load_state: the state also has ema, for which the transformation has no place; "
        "pass the part of it that is one rule's.",
    ),
    Bad(
        "optax state of two rules",
        lambda: optax.load_state(BALL, PARAMS, (BALL_OF_OPTAX, BALL_OF_OPTAX)),
        ValueError,
        "optax.load_state: the state has two fields trace; pass the part of it that is one rule's.",
    ),
    Bad(
        "optax state masked",
        lambda: optax.load_state(BALL, PARAMS, ox.masked(ox.trace(0.9), [True, False]).init(PARAMS)),
        ValueError,
        "optax.load_state: the arrays of trace and the params are different trees: leaf [1] of "
        "the params is missing from the arrays of trace (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "optax state of another tree",
        lambda: optax.load_state(BALL, {"w": W, "b": W}, BALL_OF_OPTAX),
        ValueError,
        "optax.load_state: the arrays of trace and the params are different trees: leaf ['b'] "
        "of the params is missing from the arrays of trace (leaves: 2 came, 2 expected).",
    ),
    Bad(
        "optax state of another shape",
        lambda: optax.load_state(BALL, [W, jnp.ones(4)], BALL_OF_OPTAX),
        ValueError,
        "optax.load_state: trace of 1 has shape (2,), expected (4,).",
    ),
    Bad(
        "optax state of integers",
        lambda: optax.load_state(BALL, [W], {"trace": [np.ones(2, np.int64)]}),
        TypeError,
        "optax.load_state: trace of 0 has dtype int64, expected real floating numbers.",
    ),
    Bad(
        "optax state None",
        lambda: optax.load_state(BALL, PARAMS, {"trace": None}),
        ValueError,
        "optax.load_state: the arrays of trace and the params are different trees: leaf [0] of "
        "the params is missing from the arrays of trace (leaves: 0 came, 2 expected).",
    ),
    Bad(
        "optax mean square below 0",
        lambda: optax.load_state(ADAM, [W], {"count": 1, "mu": [G], "nu": [-G]}),
        ValueError,
        "optax.load_state: nu of 0 has numbers below 0, expected a mean or sum of squares.",
    ),
    Bad(
        "optax counts that differ",
        lambda: optax.load_state(
            ADAM, PARAMS, (ADAM_OF_OPTAX, ADAM_OF_OPTAX[0]._replace(mu=None, nu=None, count=1))
        ),
        ValueError,
        "optax.load_state: the state has counts 0 and 1.",
    ),
    Bad(
        "optax count a vector",
        lambda: optax.load_state(ADAM, [W], {"count": G, "mu": [G], "nu": [G]}),
        TypeError,
        "optax.load_state: count must be a number, got array([1., 1.], dtype=float32).",
    ),
    Bad(
        "optax count below 0",
        lambda: optax.load_state(ADAM, [W], {"count": -1, "mu": [G], "nu": [G]}),
        ValueError,
        "optax.load_state: count must be a whole number from 0 to 2**31 - 1, got -1.",
    ),
    Bad(
        "optax count 1.5",
        lambda: optax.load_state(ADAM, [W], {"count": 1.5, "mu": [G], "nu": [G]}),
        ValueError,
        "optax.load_state: count must be a whole number from 0 to 2**31 - 1, got 1.5.",
    ),
    Bad(
        "optax count missing",
        lambda: optax.load_state(ADAM, [W], {"mu": [G], "nu": [G]}),
        ValueError,
        "optax.load_state: the state does not say how many steps were taken, and the next step "
        "of adam depends on it: pass count=.",
    ),
    Bad(
        "optax count missing for a schedule",
        lambda: optax.load_state(optax.sgd(0.1, LINE), PARAMS, BALL_OF_OPTAX),
        ValueError,
        "optax.load_state: the state does not say how many steps were taken, and the next step "
        "of trace depends on it: pass count=.",
    ),
    Bad(
        "optax count that contradicts",
        lambda: optax.load_state(ADAM, PARAMS, ox.adam(0.1).init(PARAMS), count=3),
        ValueError,
        "optax.load_state: count=3, but the state says 0 steps.",
    ),
    Bad(
        "optax count argument 2.0",
        lambda: optax.load_state(BALL, PARAMS, BALL_OF_OPTAX, count=2.0),
        TypeError,
        "optax.load_state: count must be an integer, got 2.0.",
    ),
    Bad(
        "optax state at learning rate 0",
        lambda: optax.load_state(jos.momentum(0.0), PARAMS, BALL_OF_OPTAX),
        ValueError,
        "optax.load_state: one velocity has the learning rate inside, the other outside, so that "
        "they differ by the factor of minus the next step's learning rate, and it is 0; convert "
        "where it is above 0.",
    ),
    Bad(
        "optax state for optax's sgd",
        lambda: optax.load_state(ox.sgd(0.1, 0.9), PARAMS, BALL_OF_OPTAX),
        TypeError,
        "optax.load_state: expected a transformation of this library, got "
        "GradientTransformationExtraArgs(init=<function init_fn>, upd....",
    ),
    Bad(
        "optax state for multi_steps",
        lambda: optax.load_state(jos.multi_steps(BALL, 2), PARAMS, BALL_OF_OPTAX),
        ValueError,
        "optax.load_state: multi_steps has a state that no framework keeps; convert that of the "
        "chain of rules inside it, or outside.",
    ),
    Bad(
        "optax fields out of optax's state",
        lambda: optax.to_state_dict(BALL, PARAMS, BALL_OF_OPTAX),
        TypeError,
        "trace: expected the TraceState that its init returned, got TraceState. Was this state "
        "made by another optimizer, or restored from a checkpoint as a plain container?",
    ),
    Bad(
        "optax fields out with fewer params",
        lambda: optax.to_state_dict(BALL, [W], stepped(BALL)),
        ValueError,
        "optax.to_state_dict: the params and the state's velocity are different trees: leaf [1] "
        "of the state's velocity is missing from the params (leaves: 1 came, 2 expected).",
    ),
    Bad(
        "optax fields out with another shape",
        lambda: optax.to_state_dict(BALL, [W, jnp.ones(3)], stepped(BALL)),
        AssertionError,
        "[Chex] Assertion assert_shape failed: Error in shape compatibility check: input 0 has "
        "shape (3,) but expected (2). [optax.to_state_dict: leaf [1] of the params has shape "
        "(3,); the state's velocity have shape (2,) there. Shapes must be equal; nothing is "
        "broadcast.]",
    ),
    Bad(
        "optax fields out under jit",
        lambda: jax.jit(lambda s: optax.to_state_dict(BALL, PARAMS, s))(stepped(BALL)),
        TypeError,
        "optax.to_state_dict: traced values came; convert outside of jit, vmap and grad.",
    ),
    Bad(
        "optax fields out of two velocities",
        lambda: optax.to_state_dict(TWO, PARAMS, TWO.init(PARAMS)),
        ValueError,
        "optax.to_state_dict: chain(momentum(learning_rate=0.1, mu=0.9), "
        "momentum(learning_rate=0.1, mu=0.9)) keeps two of velocity; frameworks keep one.",
    ),
    Bad(
        "optax state to fill another rule's",
        lambda: optax.to_state(BALL, PARAMS, stepped(BALL), ox.adam(0.1).init(PARAMS)),
        ValueError,
        "optax.to_state: the transformation keeps ['trace'] in optax's words, the state to fill "
        "has ['mu', 'nu'].",
    ),
    Bad(
        "optax state to fill None",
        lambda: optax.to_state(BALL, PARAMS, stepped(BALL), None),
        ValueError,
        "optax.to_state: the transformation keeps ['trace'] in optax's words, the state to fill "
        "has [].",
    ),
    Bad(
        "optax state to fill two",
        lambda: optax.to_state(BALL, PARAMS, stepped(BALL), (BALL_OF_OPTAX, BALL_OF_OPTAX)),
        ValueError,
        "optax.to_state: the state has two fields trace; pass the part of it that is one rule's.",
    ),
    Bad(
        "optax state to fill MultiSteps",
        lambda: optax.to_state(
            BALL, PARAMS, stepped(BALL), ox.MultiSteps(ox.sgd(0.1, 0.9), 2).init(PARAMS)
        ),
        ValueError,
        "optax.to_state: the state also has acc_grads, for which the transformation has no "
        "place; pass the part of it that is one rule's.",
    ),
    Bad(
        "optax state to fill masked",
        lambda: optax.to_state(
            BALL, PARAMS, stepped(BALL), ox.masked(ox.trace(0.9), [True, False]).init(PARAMS)
        ),
        ValueError,
        "optax.to_state: the arrays of trace to fill and the params are different trees: leaf "
        "[1] of the params is missing from the arrays of trace to fill (leaves: 1 came, 2 "
        "expected).",
    ),
    Bad(
        "optax state to fill of another tree",
        lambda: optax.to_state(BALL, PARAMS, stepped(BALL), ox.trace(0.9).init({"w": W})),
        ValueError,
        "optax.to_state: the arrays of trace to fill and the params are different trees: leaf "
        "[0] of the params is missing from the arrays of trace to fill (leaves: 1 came, 2 "
        "expected).",
    ),
    Bad(
        "optax state to fill from optax's sgd",
        lambda: optax.to_state(ox.sgd(0.1), PARAMS, BALL_OF_OPTAX, BALL_OF_OPTAX),
        TypeError,
        "optax.to_state: expected a transformation of this library, got "
        "GradientTransformationExtraArgs(init=<function init_fn>, upd....",
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
    assert len(TABLE) >= 310


def test_what_the_bad_rows_begin_from_is_accepted():
    torch.load_state(BALL, PARAMS, grouped(balls(), BALL_GROUP), count=3)
    torch.load_state(ADAM, PARAMS, grouped(means(), ADAM_GROUP))
    keras.load_state(VELOCITY, PARAMS, store(7, 0.1, G, G))
    optax.load_state(BALL, PARAMS, BALL_OF_OPTAX)
    optax.to_state(BALL, PARAMS, stepped(BALL), BALL_OF_OPTAX)


OWNER = r"(?:\[Chex\] Assertion \w+ failed: [^\[]*\[)?([\w.]+)(?:: |\(\) )"


@pytest.mark.parametrize("row", TABLE, ids=ids())
def test_the_text_names_its_owner_in_one_short_line(row):
    owner = re.match(OWNER, row.text)
    assert owner, row.text
    framework, _, function = owner[1].rpartition(".")
    assert hasattr(getattr(jos.presets, framework), function) if framework else known(function)
    assert len(row.text) < 500
    assert not re.search(r"\n|Tracer|0x[0-9a-f]{6}", row.text)


def known(name):
    """Whether it is a function of the library; Python leaves the module out."""
    return any(hasattr(module, name) for module in (jos, jos.presets.torch, jos.presets.tf1))
