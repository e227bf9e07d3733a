"""The table of mutants, continued: the presets, held to the recorded runs of the frameworks.

One section for each framework, in the form of mutants_table.py. Each names the runs or the tests that
kill it: a recorded run of 200 steps takes a second.
"""

from tests.mutants_table import instead, mutants
from tests.mutants_wrappers import tests_of

goldens = tests_of("test_goldens.py")
details = tests_of("test_preset_details.py")
worked = tests_of("test_conventions.py")


def runs(*names):
    """The recorded runs that end elsewhere with a mutant."""
    return goldens(*(f"float64[{name}]" for name in names))


def handed(*names):
    """The recorded runs that are handed over in the middle."""
    return goldens(*(f"a_run_that_is_handed_over_ends_where_the_framework_does[{n}]" for n in names))


def out(*names):
    """The recorded states that come out again."""
    return goldens(*(f"state_goes_out_as_it_came_in[{name}]" for name in names))


def signature(*names):
    """The recorded signatures of constructors."""
    return goldens(*(f"names_order_and_defaults_are_the_framework_s[{name}]" for name in names))


def refused(*rows):
    """The rows of what is refused."""
    return details(*(f"what_is_refused[{row}]" for row in rows))


def bad(*rows):
    """The rows of the table of bad inputs of presets."""
    return tests_of("test_bad_presets.py")(*(f"bad_input[{row}]" for row in rows))


def scheduled(case):
    """The law that tells by a schedule where the learning rate is."""
    return {"by": ("schedules_anywhere",), "on": (case,)}


MAXIMIZE = details("maximize_is_the_gradient_of_minus_the_loss")
ABSENT = details("a_plain_0_keeps_nothing_and_an_array_does")

# --- torch

SGD_RATE = "torch-sgd-momentum=0.9-schedule=0.98"
SGD_DAMPED = "torch-sgd-momentum=0.9-dampening=0.9"
SGD_BOTH = "torch-sgd-momentum=0.9-dampening=0.5-weight_decay=0.1"
SGD_DECAY = "torch-sgd-momentum=0.9-weight_decay=0.1"
SGD_UP = "torch-sgd-momentum=0.9-weight_decay=0.1-maximize"
RMS_ALL = "torch-rmsprop-alpha=0.95-eps=0.0001-weight_decay=0.1-momentum=0.9-centered-maximize"
ADAGRAD_ALL = (
    "torch-adagrad-lr_decay=0.01-weight_decay=0.1-initial_accumulator_value=0.1-eps=0.001-maximize"
)
ADAMW = "torch-adam-weight_decay=0.1-decoupled_weight_decay"
PARTS_OF_RMS = "members = [*ascending(maximize), *coupled(weight_decay), normalize(alpha, eps=eps)]"
DAMP = (
    "        members += [] if is_off(dampening) else [scale_by_schedule(damping)]\n"
    "        members += [trace(momentum, nesterov=nesterov)]\n"
)

TORCH_SGD = mutants(
    "presets/torch/_sgd.py",
    ("torch",),
    *instead(
        "jnp.where(count == 0, 1, 1 - jnp.asarray(dampening, float))",
        ("the first gradient damped, too", "1 - jnp.asarray(dampening, float) + 0 * count"),
        ("the second undamped, too", "jnp.where(count <= 1, 1, 1 - jnp.asarray(dampening, float))"),
        ("the dampening itself", "jnp.where(count == 0, 1, jnp.asarray(dampening, float))"),
    ),
    *instead(
        DAMP,
        ("dampening ignored", DAMP.splitlines(keepends=True)[1]),
        ("the velocity damped", "".join(DAMP.splitlines(keepends=True)[::-1])),
        (
            "damped before the decay",
            DAMP.replace("members += []", "members[:0] = []", 1),
            runs(SGD_BOTH),
        ),
        (
            "nesterov ignored",
            DAMP.replace(", nesterov=nesterov", ""),
            runs("torch-sgd-momentum=0.9-nesterov"),
        ),
        ("nesterov always", DAMP.replace("nesterov=nesterov", "nesterov=True")),
    ),
    (
        "damped without a velocity, too",
        "    if not is_off(momentum):\n" + DAMP.splitlines(keepends=True)[0],
        DAMP.splitlines(keepends=True)[0][4:] + "    if not is_off(momentum):\n",
        ABSENT,
    ),
    *instead(
        "members = [*ascending(maximize), *coupled(weight_decay)]",
        ("decayed uphill", "members = [*coupled(weight_decay), *ascending(maximize)]", runs(SGD_UP)),
        ("maximize ignored", "members = [*coupled(weight_decay)]", runs(SGD_UP)),
        ("weight decay ignored", "members = [*ascending(maximize)]", runs(SGD_DECAY)),
    ),
    *instead(
        "return chain(*members, scale_by_learning_rate(lr))",
        (
            "the learning rate inside the velocity",
            "return chain(scale_by_learning_rate(lr), *members)",
            runs(SGD_RATE),
        ),
        (
            "weight decay beside the velocity",
            "return chain(*members[1:], *members[:1], scale_by_learning_rate(lr))",
            runs(SGD_DECAY),
        ),
    ),
    *instead(
        "if nesterov and (is_off(momentum) or not is_off(dampening)):",
        (
            "nesterov without momentum",
            "if nesterov and not is_off(dampening):",
            refused("torch nesterov without momentum"),
        ),
        (
            "nesterov with dampening",
            "if nesterov and is_off(momentum):",
            refused("torch nesterov with dampening"),
        ),
    ),
    (
        "momentum not checked by its name",
        "    require_numbers(owner, FRACTION, momentum=momentum)\n",
        "",
        refused("torch momentum"),
    ),
    (
        "flags not checked",
        "nesterov=nesterov, maximize=maximize)",
        "nesterov=nesterov)",
        refused("torch flag"),
    ),
    (
        "switches not checked",
        "foreach=foreach, differentiable=differentiable, fused=fused)",
        "differentiable=differentiable, fused=fused)",
        refused("torch switch"),
    ),
    (
        "another default",
        "lr: Hyperparameter = 1e-3",
        "lr: Hyperparameter = 1e-2",
        signature("torch-sgd"),
    ),
    (
        "another order of arguments",
        "    momentum: Hyperparameter = 0,\n    dampening: float = 0,\n",
        "    dampening: float = 0,\n    momentum: Hyperparameter = 0,\n",
        signature("torch-sgd"),
    ),
    **runs(SGD_DAMPED),
)

TORCH_RMSPROP = mutants(
    "presets/torch/_rmsprop.py",
    ("torch",),
    *instead(
        PARTS_OF_RMS,
        (
            "eps inside the root",
            PARTS_OF_RMS.replace("eps=eps", "eps=0.0, eps_root=eps"),
            runs("torch-rmsprop"),
        ),
        ("alpha ignored", PARTS_OF_RMS.replace("alpha, eps", "eps"), runs("torch-rmsprop")),
        (
            "decayed beside the root",
            "members = [*ascending(maximize), normalize(alpha, eps=eps), *coupled(weight_decay)]",
            runs("torch-rmsprop-weight_decay=0.1"),
        ),
        (
            "decayed uphill",
            "members = [*coupled(weight_decay), *ascending(maximize), normalize(alpha, eps=eps)]",
        ),
        ("maximize ignored", "members = [*coupled(weight_decay), normalize(alpha, eps=eps)]"),
        ("weight decay ignored", "members = [*ascending(maximize), normalize(alpha, eps=eps)]"),
    ),
    *instead(
        "normalize = scale_by_stddev if centered else scale_by_rms",
        ("centered ignored", "normalize = scale_by_rms"),
        ("centered always", "normalize = scale_by_stddev", runs("torch-rmsprop")),
    ),
    *instead(
        "members += [] if is_off(momentum) else [trace(momentum)]",
        ("momentum ignored", "pass"),
        (
            "the velocity of the gradients",
            "members[:0] = [] if is_off(momentum) else [trace(momentum)]",
        ),
        ("alpha for the momentum", "members += [] if is_off(momentum) else [trace(alpha)]"),
        (
            "the rate inside the velocity",
            "members += [scale_by_learning_rate(lr)] + ([] if is_off(momentum) else [trace(momentum)])\n    return chain(*members)",
            scheduled("torch.rmsprop-centered"),
        ),
    ),
    (
        "Keras's decay",
        "alpha: Hyperparameter = 0.99",
        "alpha: Hyperparameter = 0.9",
        signature("torch-rmsprop"),
    ),
    (
        "alpha not checked by its name",
        "FRACTION, alpha=alpha, momentum=momentum)",
        "FRACTION, momentum=momentum)",
        refused("torch alpha"),
    ),
    **runs(RMS_ALL),
)

TORCH_ADAGRAD = mutants(
    "presets/torch/_adagrad.py",
    ("torch",),
    *instead(
        "return 1 / (1 + jnp.asarray(count, float) * jnp.asarray(lr_decay, float))",
        (
            "slower by one step",
            "return 1 / (1 + (jnp.asarray(count, float) + 1) * jnp.asarray(lr_decay, float))",
        ),
        (
            "slower by the root",
            "return (1 + jnp.asarray(count, float) * jnp.asarray(lr_decay, float)) ** -0.5",
        ),
        (
            "slower exponentially",
            "return (1 + jnp.asarray(lr_decay, float)) ** -jnp.asarray(count, float)",
        ),
    ),
    *instead(
        "[*ascending(maximize), *coupled(weight_decay), _adagrad.adagrad(lr, eps=eps, **start)]",
        (
            "decayed uphill",
            "[*coupled(weight_decay), *ascending(maximize), _adagrad.adagrad(lr, eps=eps, **start)]",
            runs(ADAGRAD_ALL),
        ),
        (
            "decayed beside the root",
            "[*ascending(maximize), _adagrad.adagrad(lr, eps=eps, **start), *coupled(weight_decay)]",
            runs("torch-adagrad-weight_decay=0.1"),
        ),
        (
            "the start ignored",
            "[*ascending(maximize), *coupled(weight_decay), _adagrad.adagrad(lr, eps=eps)]",
            runs("torch-adagrad-initial_accumulator_value=0.1"),
        ),
        (
            "eps inside the root",
            "[*ascending(maximize), *coupled(weight_decay), _adagrad.adagrad(lr, eps=0.0, eps_root=eps, **start)]",
            runs("torch-adagrad-eps=0.001"),
        ),
    ),
    *instead(
        "return chain(*members, *([] if is_off(lr_decay) else [scale_by_schedule(slower)]))",
        ("lr_decay ignored", "return chain(*members)"),
        (
            "the gradient slowed down",
            "return chain(*([] if is_off(lr_decay) else [scale_by_schedule(slower)]), *members)",
        ),
    ),
    (
        "a negative lr_decay",
        "    require_constants(owner, POSITIVE, lr_decay=lr_decay)\n",
        "",
        refused("torch lr_decay"),
    ),
    (
        "the slides' eps",
        "eps: Hyperparameter = 1e-10",
        "eps: Hyperparameter = 1e-7",
        signature("torch-adagrad"),
    ),
    **runs("torch-adagrad-lr_decay=0.01"),
)

TORCH_ADADELTA = mutants(
    "presets/torch/_adadelta.py",
    ("torch",),
    *instead(
        "rule = _adadelta.adadelta(lr, rho=rho, eps=eps)",
        ("rho ignored", "rule = _adadelta.adadelta(lr, eps=eps)"),
        ("eps ignored", "rule = _adadelta.adadelta(lr, rho=rho)"),
        (
            "the learning rate ignored",
            "rule = _adadelta.adadelta(rho=rho, eps=eps)",
        ),
    ),
    *instead(
        "return chain(*ascending(maximize), *coupled(weight_decay), rule)",
        (
            "decayed uphill",
            "return chain(*coupled(weight_decay), *ascending(maximize), rule)",
            MAXIMIZE,
        ),
        (
            "decayed beside the roots",
            "return chain(*ascending(maximize), rule, *coupled(weight_decay))",
            runs("torch-adadelta-weight_decay=0.1"),
        ),
        (
            "maximize ignored",
            "return chain(*coupled(weight_decay), rule)",
            runs("torch-adadelta-maximize"),
        ),
    ),
    (
        "Keras's rho",
        "rho: Hyperparameter = 0.9",
        "rho: Hyperparameter = 0.95",
        signature("torch-adadelta"),
    ),
    **runs("torch-adadelta-rho=0.95-eps=0.0001"),
)

TORCH_ADAM = mutants(
    "presets/torch/_adam.py",
    ("torch",),
    *instead(
        "rule = _adam.adam(lr, b1=betas[0], b2=betas[1], eps=eps)",
        ("betas swapped", "rule = _adam.adam(lr, b1=betas[1], b2=betas[0], eps=eps)"),
        (
            "Keras's eps",
            "rule = _adam.adam(lr, b1=betas[0], b2=betas[1], eps=eps, eps_hat=True)",
            runs("torch-adam-eps=0.001"),
        ),
        (
            "eps inside the root",
            "rule = _adam.adam(lr, b1=betas[0], b2=betas[1], eps=0.0, eps_root=eps)",
            runs("torch-adam-eps=0.001"),
        ),
    ),
    *instead(
        "    if not decoupled_weight_decay:\n",
        ("never decoupled", "    if True:\n", runs(ADAMW)),
        ("always decoupled", "    if False:\n", runs("torch-adam-weight_decay=0.1")),
    ),
    *instead(
        "return chain(*ascending(maximize), *coupled(weight_decay), rule)",
        (
            "decayed uphill",
            "return chain(*coupled(weight_decay), *ascending(maximize), rule)",
            MAXIMIZE,
        ),
        ("maximize ignored", "return chain(*coupled(weight_decay), rule)", runs("torch-adam-maximize")),
    ),
    *instead(
        "return chain(*ascending(maximize), rule if is_off(weight_decay) else decoupled(rule, weight_decay))",
        (
            "AdamW does not ascend",
            "return chain(rule if is_off(weight_decay) else decoupled(rule, weight_decay))",
            MAXIMIZE,
        ),
        ("AdamW does not decay", "return chain(*ascending(maximize), rule)", runs(ADAMW)),
    ),
    ("amsgrad accepted", "    if amsgrad:\n", "    if False:\n", refused("torch amsgrad")),
    ("three betas", " and len(betas) == 2)", ")", refused("torch three betas")),
    (
        "the second beta not checked by its name",
        '{"betas[0]": betas[0], "betas[1]": betas[1]}',
        '{"betas[0]": betas[0]}',
        refused("torch beta"),
    ),
    (
        "Keras's default eps",
        "eps: Hyperparameter = 1e-8",
        "eps: Hyperparameter = 1e-7",
        signature("torch-adam"),
    ),
    **runs("torch-adam-betas=(0.8,0.99)"),
)

OTHER = "a_param_group_with_another_number_is_refused"


def other(name, key, value):
    """A param group whose number is another one."""
    return details(f"{OTHER}[{name}-{key}-{value}]")


NAMES = details("names_put_a_framework_s_parameters_in_order")
FRESH = details("a_fresh_torch_state_is_empty_and_a_count_alone_is_a_state")
HANDED_BALL = goldens("torch_s_velocity_becomes_the_slides_and_back")
CENTERED_RMS = "torch-rmsprop-centered-momentum=0.9"


def bad_state(row):
    """A row of the states that are refused."""
    return details(f"a_torch_state_is_refused[{row}]")


TORCH_STATE = mutants(
    "presets/torch/_state.py",
    ("torch",),
    (
        "the two means of RMSProp swapped",
        '{"mean_square": "square_avg", "mean": "grad_avg", "velocity"',
        '{"mean_square": "grad_avg", "mean": "square_avg", "velocity"',
        handed(CENTERED_RMS),
    ),
    (
        "the two means of Adadelta swapped",
        '{"mean_square": "square_avg", "mean_square_update": "acc_delta"}',
        '{"mean_square": "acc_delta", "mean_square_update": "square_avg"}',
        handed("torch-adadelta"),
    ),
    (
        "the two means of Adam swapped",
        '{"mean": "exp_avg", "mean_square": "exp_avg_sq"}',
        '{"mean": "exp_avg_sq", "mean_square": "exp_avg"}',
        handed("torch-adam"),
    ),
    *instead(
        "factor = kept.velocity_factor(True, steps, into=True)",
        ("the buffer copied as it is", "factor = 1.0"),
        ("the buffer taken for the slides'", "factor = kept.velocity_factor(False, steps, into=True)"),
        (
            "the rate of the last step",
            "factor = kept.velocity_factor(True, steps - 1, into=True)",
            goldens("with_a_scheduled_rate_the_next_step_is_the_same_and_the_others_are_not"),
        ),
    ),
    *instead(
        "factor = kept.velocity_factor(True, kept.count, into=False)",
        ("the velocity copied as it is", "factor = 1.0"),
        (
            "the velocity divided by the first rate",
            "factor = kept.velocity_factor(True, 0, into=False)",
            details("a_velocity_goes_out_by_the_rate_of_the_next_step"),
        ),
    ),
    *instead(
        "    require_same_numbers(kept, groups, steps)\n",
        ("numbers not compared", "", other("torch-adam", "betas", "value13")),
        (
            "numbers of the first step compared",
            "    require_same_numbers(kept, groups, 0)\n",
            handed(SGD_RATE),
        ),
    ),
    *instead(
        "if keys and not any(rows.values()) and not count:",
        ("a count alone is no state", "if keys and not any(rows.values()):", FRESH),
        ("no step is no state", "if False:", FRESH),
        ("no row is no step", "if not any(rows.values()) and not count:", FRESH),
    ),
    *instead(
        'ids = [i for group in groups for i in group["params"]] if groups else _sorted(owner, rows)',
        ("the groups' order ignored", "ids = _sorted(owner, rows)", NAMES),
    ),
    *instead(
        "names = names if names is not None else names_of(groups)",
        ("the state's names ignored", "", NAMES),
        ("the given names ignored", "names = names_of(groups)", NAMES),
    ),
    (
        "another number of parameters",
        "if ids is not None and (len(ids) != count or set(rows) - set(ids)):",
        "if False:",
        bad_state("more parameters"),
    ),
    ("a buffer of None", "if value is not None} - {", "} - {", bad_state("a buffer of None")),
    (
        "a missing buffer",
        "if missing := set(keys.values()) - used:",
        "if missing := set():",
        bad_state("no buffer"),
    ),
    (
        "a buffer too many",
        "if more := used - set(keys.values()):",
        "if more := set():",
        bad_state("one more"),
    ),
    *instead(
        "steps = {as_steps(",
        ("a step too many", "steps = {1 + as_steps(", handed("torch-adam")),
    ),
    (
        "parameters of different age",
        "    if len(steps) > 1:\n",
        "    if False:\n",
        details("parameters_of_different_age_are_refused"),
    ),
    *instead(
        "[np.float32(kept.count)] * len",
        ("the step after next goes out", "[np.float32(kept.count + 1)] * len", out("torch-adam")),
        ("an integer goes out", "[np.int32(kept.count)] * len", out("torch-adam")),
    ),
    ("SGD counts", '    if kept.family != "SGD":\n', "    if True:\n", out("torch-sgd-momentum=0.9")),
    (
        "a fresh buffer of 0",
        "    elif not kept.count and not any(x.any() for column in columns.values() for x in column):\n",
        "    elif False:\n",
        FRESH,
    ),
    ("the leaves' order goes out", "{k: c[leaf] for k", "{k: c[i] for k", NAMES),
    (
        "one parameter without a step",
        "if missing := [i for i in rows if said and i not in said]:",
        "if missing := []:",
        bad("no step of one"),
    ),
    **HANDED_BALL,
)

BETAS = """    "betas[0]": (None, ("b1",)),
    "betas[1]": (None, ("b2",)),
"""
TORCH_GROUPS = mutants(
    "presets/torch/_groups.py",
    ("torch",),
    (
        "numbers compared roughly",
        "ours, came, rel_tol=1e-6)",
        "ours, came, rel_tol=0.25)",
        other("torch-sgd-momentum=0.9", "momentum", "0.8"),
    ),
    (
        "momentum not compared",
        'unused = [] if "velocity" in kept.at',
        'unused = ["momentum"] if "velocity" in kept.at',
        other("torch-sgd-momentum=0.9", "momentum", "0.8"),
    ),
    ("the first decay for the momentum", '"momentum": ("velocity", (', '"momentum": (None, ('),
    (
        "the velocity's decay for alpha",
        '"alpha": ("mean_square", ("decay",))',
        '"alpha": ("velocity", ("decay",))',
    ),
    (
        "rho not compared",
        '    "rho": ("mean_square", ("rho",)),\n',
        "",
        other("torch-adadelta", "rho", "0.95"),
    ),
    (
        "eps not compared",
        '    "eps": (None, ("eps",)),\n',
        "",
        other("torch-adagrad-lr_decay=0.01", "eps", "1e-07"),
    ),
    (
        "no decay compared with none",
        'LEFT_OUT = ("momentum", "weight_decay")',
        'LEFT_OUT = ("momentum",)',
        other("torch-sgd-momentum=0.9", "weight_decay", "0.1"),
    ),
    *instead(
        "float(found[0]) if found else 0.0",
        ("schedules' numbers taken for 0", "0.0", handed("torch-adagrad-lr_decay=0.01")),
        (
            "no dampening not compared",
            "float(found[0]) if found else None",
            other("torch-sgd-momentum=0.9", "dampening", "0.5"),
        ),
    ),
    *instead(
        'any(rule.name == "scale" and rule.step_size == -1 for rule in rules)',
        ("maximize taken for False", "False", handed(SGD_UP)),
        ("maximize not compared", "None", other("torch-sgd-momentum=0.9", "maximize", "True")),
    ),
    *instead(
        'getattr(velocity, "name", "") == "nesterov" or getattr(velocity, "nesterov", False)',
        ("nesterov taken for False", "False", handed("torch-sgd-momentum=0.9-nesterov")),
        ("nesterov not compared", "None", other("torch-sgd-momentum=0.9", "nesterov", "True")),
        (
            "the rule nesterov not known",
            'getattr(velocity, "nesterov", False)',
            details("the_rule_nesterov_is_torch_s"),
        ),
    ),
    *instead(
        BETAS,
        (
            "betas compared crosswise",
            BETAS.replace("b1", "b0").replace("b2", "b1").replace("b0", "b2"),
            handed("torch-adam"),
        ),
        (
            "the second beta not compared",
            BETAS.splitlines(keepends=True)[0],
            other("torch-adam", "betas", "value14"),
        ),
    ),
    (
        "centered not compared",
        '"centered": "mean" in kept.at',
        '"centered": None',
        bad("centered before the first step"),
    ),
    (
        "amsgrad not compared",
        '        "amsgrad": False,\n',
        "",
        bad("amsgrad before the first step"),
    ),
    (
        "decoupled taken for False",
        'm.node.name == "adam" and m.has("weight_decay") for m',
        "False for m",
        bad("decoupled here alone"),
    ),
    (
        "options that PyTorch lacks not compared",
        'ABSENT = {"eps_root": 0.0, "bias_correction": False, "eps_hat": False}',
        "ABSENT = {}",
        bad("eps_root here alone", "bias_correction here alone", "eps_hat here alone"),
    ),
    **handed(CENTERED_RMS),
)

# --- Keras

ACC = "keras-sgd-momentum=0.9-gradient_accumulation_steps=4"
ACC_RATE = "keras-sgd-momentum=0.9-gradient_accumulation_steps=4-schedule=0.98"
ALL_SHARED = "keras-sgd-momentum=0.9-weight_decay=0.1-global_clipnorm=2.0-loss_scale_factor=3.0-gradient_accumulation_steps=4"
KERAS_RATE = "keras-sgd-momentum=0.9-weight_decay=0.1-schedule=0.98"
SCALED = "keras-sgd-momentum=0.9-loss_scale_factor=10.0"
KERAS_RMS = "keras-rmsprop-momentum=0.9-centered"
CLIPS = "keras-sgd-momentum=0.9-clipvalue=0.3"
CLIP_NORM = "keras-sgd-momentum=0.9-global_clipnorm=2.0"

SCALE = (
    "        require_constants(owner, ABOVE_0, loss_scale_factor=loss_scale_factor)\n"
    "        factor = number(loss_scale_factor, ABOVE_0, "
)

KERAS_SHARED = mutants(
    "presets/keras/_shared.py",
    ("keras",),
    *instead(
        "(jnp.asarray(count) + 1) * self.steps - 1",
        ("the rate of the first gradient", "jnp.asarray(count) * self.steps"),
        ("the rate of the count of updates", "jnp.asarray(count)"),
    ),
    (
        "a schedule sees the count of updates",
        "if steps is not None and callable(rate):",
        "if False:",
    ),
    *instead(
        "        tx = decoupled(tx, weight_decay)\n",
        ("weight decay ignored", "", runs("keras-sgd-weight_decay=0.1")),
    ),
    (
        "weight decay not checked by its name",
        "        require_numbers(owner, POSITIVE, weight_decay=weight_decay)\n",
        "",
        refused("keras decay"),
    ),
    *instead(
        "members = [*_clipped(owner, clipnorm, clipvalue, global_clipnorm), tx]",
        (
            "the update clipped",
            "members = [tx, *_clipped(owner, clipnorm, clipvalue, global_clipnorm)]",
            runs(CLIPS),
        ),
        (
            "not clipped",
            "_clipped(owner, clipnorm, clipvalue, global_clipnorm)\n    members = [tx]",
            runs(CLIPS),
        ),
    ),
    *instead(
        "members = [multi_steps(_one(members), steps)]",
        (
            "every gradient clipped",
            "members = [*members[:-1], multi_steps(members[-1], steps)]",
            runs(ALL_SHARED),
        ),
        ("not accumulated", "pass", runs(ACC)),
    ),
    *instead(
        "members = [scale(1 / factor), *members]",
        ("gradients multiplied by the scale", "members = [scale(factor), *members]", runs(SCALED)),
        ("the update scaled", "members = [*members, scale(1 / factor)]", runs(ALL_SHARED)),
        ("the scale forgotten", "pass", runs(SCALED)),
    ),
    (
        "a scale of 0",
        SCALE,
        SCALE.replace("ABOVE_0", "POSITIVE"),
        refused("keras scale"),
    ),
    (
        "accumulating one gradient",
        "if steps is None or steps < 2:",
        "if steps is None or steps < 1:",
        refused("keras steps"),
    ),
    ("use_ema ignored", "    if use_ema:\n", "    if False:\n", refused("keras use_ema")),
    ("any name", "    require_name(owner, name)\n", "", refused("keras name")),
    ("two clips", "    if len(used) > 1:\n", "    if False:\n", refused("keras two clips")),
    (
        "clipnorm ignored",
        "    if not is_off(clipnorm):\n",
        "    if False:\n",
        refused("keras clipnorm"),
    ),
    (
        "clips not checked by their names",
        "    require_numbers(owner, ABOVE_0, **{n: given[n] for n in used if not is_off(given[n])})\n",
        "",
        refused("keras clip"),
    ),
    (
        "global_clipnorm clips elements",
        "[clip_by_global_norm(global_clipnorm)]",
        "[clip(global_clipnorm)]",
        runs(CLIP_NORM),
    ),
    (
        "clipvalue clips the norm",
        "else [clip(clipvalue)]",
        "else [clip_by_global_norm(clipvalue)]",
        runs(CLIPS),
    ),
    (
        "too many arguments without the owner",
        'raise TypeError(f"{owner}: {error}.") from None',
        "raise",
        refused("keras arguments"),
    ),
    (
        "shared arguments in another order",
        "    weight_decay: Any = None,\n    clipnorm: Any = None,\n",
        "    clipnorm: Any = None,\n    weight_decay: Any = None,\n",
        signature("keras-adam"),
    ),
    **runs(ACC_RATE),
)

KERAS_SGD = mutants(
    "presets/keras/_sgd.py",
    ("keras",),
    *instead(
        "_sgd.sgd(learning_rate, mu, nesterov=nesterov and mu is not None)",
        ("nesterov ignored", "_sgd.sgd(learning_rate, mu)"),
        (
            "nesterov always",
            "_sgd.sgd(learning_rate, mu, nesterov=mu is not None)",
            runs("keras-sgd-momentum=0.9"),
        ),
        ("momentum ignored", "_sgd.sgd(learning_rate)"),
        ("nesterov asks for a momentum", "_sgd.sgd(learning_rate, mu, nesterov=nesterov)", ABSENT),
    ),
    (
        "the learning rate outside",
        "    mu = on(momentum)\n    return _sgd.sgd(learning_rate, mu, nesterov=nesterov and mu is not None)\n",
        "    from jaxopt_slides import chain, scale_by_learning_rate, trace\n\n"
        "    return chain(trace(momentum, nesterov=nesterov), scale_by_learning_rate(learning_rate))\n",
        runs("keras-sgd-momentum=0.9-nesterov-schedule=0.98"),
    ),
    ("a velocity of 0", "mu = on(momentum)", "mu = momentum", ABSENT),
    (
        "tf.keras's rate",
        "learning_rate: Hyperparameter = 0.01",
        "learning_rate: Hyperparameter = 0.001",
        signature("keras-sgd"),
    ),
    **runs("keras-sgd-momentum=0.9-nesterov"),
)

KNOBS = '{"eps": 0.0, "eps_root": epsilon, "centered": centered, "momentum": on(momentum)}'
KERAS_ADAPTIVE = mutants(
    "presets/keras/_adaptive.py",
    ("keras",),
    *instead(
        KNOBS,
        ("eps outside the root", KNOBS.replace('"eps": 0.0, "eps_root": epsilon', '"eps": epsilon')),
        ("centered ignored", KNOBS.replace('"centered": centered, ', "")),
        ("momentum ignored", KNOBS.replace(', "momentum": on(momentum)', "")),
    ),
    (
        "rho ignored",
        "_rmsprop.rmsprop(learning_rate, rho, ",
        "_rmsprop.rmsprop(learning_rate, ",
        runs("keras-rmsprop-rho=0.99-epsilon=0.001"),
    ),
    *instead(
        "_adagrad.adagrad(learning_rate, eps=0.0, eps_root=epsilon, **start)",
        (
            "Adagrad's eps outside the root",
            "_adagrad.adagrad(learning_rate, eps=epsilon, **start)",
            runs("keras-adagrad-epsilon=0.001"),
        ),
        (
            "Adagrad from 0",
            "_adagrad.adagrad(learning_rate, eps=0.0, eps_root=epsilon)",
            runs("keras-adagrad-initial_accumulator_value=0.01"),
        ),
    ),
    *instead(
        "_adadelta.adadelta(learning_rate, rho=rho, eps=epsilon)",
        (
            "Adadelta's rho ignored",
            "_adadelta.adadelta(learning_rate, eps=epsilon)",
            runs("keras-adadelta"),
        ),
        (
            "Adadelta's eps ignored",
            "_adadelta.adadelta(learning_rate, rho=rho)",
            runs("keras-adadelta"),
        ),
    ),
    *instead(
        "_adam.adam(learning_rate, b1=beta_1, b2=beta_2, eps=epsilon, eps_hat=True)",
        (
            "Adam's eps on the corrected root",
            "_adam.adam(learning_rate, b1=beta_1, b2=beta_2, eps=epsilon)",
            runs("keras-adam-epsilon=0.001"),
        ),
        (
            "Adam's betas swapped",
            "_adam.adam(learning_rate, b1=beta_2, b2=beta_1, eps=epsilon, eps_hat=True)",
            runs("keras-adam-beta_1=0.8-beta_2=0.99"),
        ),
    ),
    ("amsgrad accepted", "    if amsgrad:\n", "    if False:\n", refused("keras amsgrad")),
    (
        "Adagrad's start of the slides",
        "initial_accumulator_value: Hyperparameter = 0.1",
        "initial_accumulator_value: Hyperparameter = 0.0",
        signature("keras-adagrad"),
    ),
    (
        "the paper's rho",
        "rho: Hyperparameter = 0.95",
        "rho: Hyperparameter = 0.9",
        signature("keras-adadelta"),
    ),
    **runs(KERAS_RMS),
)

KERAS_NAMES = details("keras_s_variables_in_the_order_of_names")
KERAS_SCHEDULE = details("a_learning_rate_that_is_a_schedule_is_no_keras_variable")
KERAS_COUNTED = details("keras_s_variables_are_counted")
KERAS_ROWS = '{"mean_square": "velocity", "velocity": "momentum", "mean": "average_gradient"}'
KERAS_STATE = mutants(
    "presets/keras/_state.py",
    ("keras",),
    *instead(
        KERAS_ROWS,
        (
            "RMSprop's velocity first",
            '{"velocity": "momentum", "mean_square": "velocity", "mean": "average_gradient"}',
        ),
        (
            "RMSprop's mean before its velocity",
            '{"mean_square": "velocity", "mean": "average_gradient", "velocity": "momentum"}',
        ),
    ),
    (
        "Adam's mean square first",
        '{"mean": "momentum", "mean_square": "velocity"}',
        '{"mean_square": "velocity", "mean": "momentum"}',
        handed("keras-adam"),
    ),
    (
        "Adadelta's updates first",
        '{"mean_square": "accumulated_grad", "mean_square_update": "accumulated_delta_var"}',
        '{"mean_square_update": "accumulated_delta_var", "mean_square": "accumulated_grad"}',
        handed("keras-adadelta"),
    ),
    *instead(
        'INTERLEAVED = ("Adadelta", "Adam")',
        ("Adam field by field", 'INTERLEAVED = ("Adadelta",)', handed("keras-adam")),
        ("Adadelta field by field", 'INTERLEAVED = ("Adam",)', handed("keras-adadelta")),
        ("RMSprop leaf by leaf", 'INTERLEAVED = ("Adadelta", "Adam", "RMSProp")'),
    ),
    *instead(
        'return -1.0 if kept.family == "RMSProp" else 1.0',
        ("RMSprop adds its momentum", "return 1.0"),
        ("SGD subtracts its momentum", "return -1.0", handed("keras-sgd-momentum=0.9")),
    ),
    *instead(
        "_sign(kept) * kept.velocity_factor(False, kept.count, into=False)",
        (
            "the sign lost on the way out",
            "kept.velocity_factor(False, kept.count, into=False)",
            out(KERAS_RMS),
        ),
        (
            "the velocity taken out as torch's",
            "_sign(kept) * kept.velocity_factor(True, kept.count, into=False)",
            out(KERAS_RMS),
        ),
    ),
    *instead(
        "_sign(kept) * kept.velocity_factor(False, count, into=True)",
        (
            "the velocity taken in as torch's",
            "_sign(kept) * kept.velocity_factor(True, count, into=True)",
        ),
        (
            "the velocity of a trace copied",
            "_sign(kept)",
            details("keras_s_velocity_becomes_torch_s_and_back"),
        ),
    ),
    *instead(
        'kept.step_count(as_steps(owner, "variable 0, the step,", store["0"]), None)',
        (
            "the count forgotten",
            "kept.step_count(0, None)",
            handed("keras-sgd-momentum=0.9-schedule=0.98"),
        ),
        (
            "a step too many",
            'kept.step_count(as_steps(owner, "variable 0, the step,", store["0"]) + 1, None)',
            handed("keras-adam"),
        ),
    ),
    *instead(
        "np.array(kept.count), *_rate(kept), ",
        ("the count after the rate", "*_rate(kept), np.array(kept.count), ", KERAS_NAMES),
        ("no rate goes out", "np.array(kept.count), ", KERAS_NAMES),
    ),
    (
        "a schedule's rate goes out",
        "if not owners or callable(owners[0].learning_rate):",
        "if not owners:",
        KERAS_SCHEDULE,
    ),
    (
        "the first rate compared",
        'require_rate("Keras", rate, count, ',
        'require_rate("Keras", rate, 0, ',
        KERAS_SCHEDULE,
    ),
    ("rates not compared", "    if head == 2:\n", "    if False:\n", KERAS_SCHEDULE),
    *instead(
        "if head not in (1, 2) or set(store) != {str(i) for i in range(len(store))}:",
        (
            "any number of variables",
            "if set(store) != {str(i) for i in range(len(store))}:",
            KERAS_COUNTED,
        ),
        ("any numbers for names", "if head not in (1, 2):", KERAS_COUNTED),
    ),
    (
        "names ignored on the way in",
        "_order(kept, keys, order_of(owner, params, names)), head)",
        "_order(kept, keys, [*range(len(leaves))]), head)",
        KERAS_NAMES,
    ),
    (
        "names ignored on the way out",
        "order = _order(kept, keys, order_of(owner, params, names))",
        "order = _order(kept, keys, [*range(len(columns[[*keys][0]]))])",
        KERAS_NAMES,
    ),
    **handed(KERAS_RMS),
)

# --- TF1

TF1_MOMENTUM = "chain(trace(momentum, nesterov=use_nesterov), scale_by_learning_rate(learning_rate))"
TF1_DECAYING = worked("two_steps[momentum-tf1, decaying]")
TF1_KNOBS = '{"eps": 0.0, "eps_root": epsilon, "centered": centered, "momentum": on(momentum)}'
TF1 = mutants(
    "presets/tf1/_rules.py",
    ("tf1",),
    *instead(
        TF1_MOMENTUM,
        (
            "the learning rate inside",
            "chain(scale_by_learning_rate(learning_rate), trace(momentum, nesterov=use_nesterov))",
            TF1_DECAYING,
        ),
        (
            "nesterov ignored",
            "chain(trace(momentum), scale_by_learning_rate(learning_rate))",
            runs("tf1-momentum-momentum=0.9-use_nesterov"),
        ),
        (
            "nesterov always",
            "chain(trace(momentum, nesterov=True), scale_by_learning_rate(learning_rate))",
            runs("tf1-momentum-momentum=0.9"),
        ),
    ),
    *instead(
        TF1_KNOBS,
        (
            "eps outside the root",
            TF1_KNOBS.replace('"eps": 0.0, "eps_root": epsilon', '"eps": epsilon'),
        ),
        ("centered ignored", TF1_KNOBS.replace('"centered": centered, ', "")),
        ("momentum ignored", TF1_KNOBS.replace(', "momentum": on(momentum)', "")),
        ("a velocity of 0", TF1_KNOBS.replace("on(momentum)", "momentum"), ABSENT),
    ),
    *instead(
        "**knobs, initial_accumulator_value=1.0)",
        ("the mean square from 0", "**knobs)"),
    ),
    (
        "decay ignored",
        "_rmsprop.rmsprop(learning_rate, decay, ",
        "_rmsprop.rmsprop(learning_rate, ",
        runs("tf1-rmsprop-decay=0.99-epsilon=0.001"),
    ),
    *instead(
        "_adagrad.adagrad(learning_rate, eps=0.0, **start)",
        (
            "an eps in Adagrad",
            "_adagrad.adagrad(learning_rate, **start)",
            worked("two_steps[adagrad-tf1]"),
        ),
        ("Adagrad from 0", "_adagrad.adagrad(learning_rate, eps=0.0)", runs("tf1-adagrad")),
    ),
    (
        "Adagrad's start of 0",
        "    if not (callable(c) or isinstance(c, Tracer)) and c == 0:\n",
        "    if False:\n",
        refused("tf1 adagrad from 0"),
    ),
    *instead(
        "_adadelta.adadelta(learning_rate, rho=rho, eps=epsilon)",
        (
            "Adadelta's rho ignored",
            "_adadelta.adadelta(learning_rate, eps=epsilon)",
            runs("tf1-adadelta"),
        ),
        ("Adadelta's eps ignored", "_adadelta.adadelta(learning_rate, rho=rho)", runs("tf1-adadelta")),
    ),
    *instead(
        "_adam.adam(learning_rate, b1=beta1, b2=beta2, eps=epsilon, eps_hat=True)",
        (
            "Adam's eps on the corrected root",
            "_adam.adam(learning_rate, b1=beta1, b2=beta2, eps=epsilon)",
            runs("tf1-adam-epsilon=0.001"),
        ),
        (
            "Adam's betas swapped",
            "_adam.adam(learning_rate, b1=beta2, b2=beta1, eps=epsilon, eps_hat=True)",
            runs("tf1-adam-beta1=0.8-beta2=0.99"),
        ),
    ),
    ("any name", '    require_name("tf1.sgd", name)\n', "", refused("tf1 name")),
    (
        "Keras's eps",
        "epsilon: Hyperparameter = 1e-10",
        "epsilon: Hyperparameter = 1e-7",
        signature("tf1-rmsprop"),
    ),
    (
        "nesterov before the name",
        '    use_locking: bool = False,\n    name: str = "Momentum",\n    use_nesterov: bool = False,\n',
        '    use_locking: bool = False,\n    use_nesterov: bool = False,\n    name: str = "Momentum",\n',
        signature("tf1-momentum"),
    ),
    **runs("tf1-rmsprop-momentum=0.9-centered"),
)

# --- optax

OPTAX_RMS = "optax-rmsprop-decay=0.95-eps=0.0001-initial_scale=0.5-eps_in_sqrt=False-centered-momentum=0.9-nesterov-bias_correction"
OPTAX_RMS_RATE = "optax-rmsprop-momentum=0.9-schedule=0.98"
OPTAX_RATE = "optax-sgd-momentum=0.9-schedule=0.98"
OPTAX = mutants(
    "presets/optax/_sgd.py",
    ("optax",),
    (
        "the learning rate inside",
        "return chain(velocity, rate)",
        "return chain(rate, velocity)",
        runs(OPTAX_RATE),
    ),
    (
        "nesterov ignored",
        "trace(momentum, nesterov=nesterov)",
        "trace(momentum)",
        runs("optax-sgd-momentum=0.9-nesterov"),
    ),
    (
        "momentum ignored",
        "    if momentum is None:\n",
        "    if True:\n",
        runs("optax-sgd-momentum=0.9"),
    ),
    (
        "the velocity not narrowed",
        "    if accumulator_dtype is not None:\n",
        "    if False:\n",
        details("optax_s_velocity_is_narrowed"),
    ),
    (
        "momentum not checked by its name",
        '    require_numbers("optax.sgd", FRACTION, momentum=momentum)\n',
        "",
        refused("optax momentum"),
    ),
    (
        "another order of arguments",
        "    momentum: Hyperparameter | None = None,\n    nesterov: bool = False,\n",
        "    nesterov: bool = False,\n    momentum: Hyperparameter | None = None,\n",
        signature("optax-sgd"),
    ),
) + mutants(
    "presets/optax/_adaptive.py",
    ("optax",),
    *instead(
        "outside, inside = (0.0, eps) if eps_in_sqrt else (eps, 0.0)",
        ("eps always inside", "outside, inside = 0.0, eps"),
        ("eps always outside", "outside, inside = eps, 0.0", runs("optax-rmsprop")),
        ("eps on the wrong side", "inside, outside = (0.0, eps) if eps_in_sqrt else (eps, 0.0)"),
    ),
    ("centered ignored", "(scale_by_stddev if centered else scale_by_rms)(", "scale_by_rms("),
    ("initial_scale ignored", "        initial_accumulator_value=initial_scale,\n", ""),
    ("bias_correction ignored", "        bias_correction=bias_correction,\n", ""),
    (
        "bias_correction always",
        "bias_correction=bias_correction,\n    )",
        "bias_correction=True,\n    )",
        runs("optax-rmsprop"),
    ),
    *instead(
        "members.append(trace(momentum, nesterov=nesterov))",
        ("nesterov ignored", "members.append(trace(momentum))"),
        (
            "nesterov always",
            "members.append(trace(momentum, nesterov=True))",
            runs("optax-rmsprop-momentum=0.9"),
        ),
        (
            "the learning rate outside",
            "members.insert(1, trace(momentum, nesterov=nesterov))",
            runs(OPTAX_RMS_RATE),
        ),
        ("the velocity of the gradients", "members.insert(0, trace(momentum, nesterov=nesterov))"),
    ),
    (
        "decay not checked by its name",
        "    require_numbers(owner, BELOW_1 if bias_correction else FRACTION, decay=decay)\n",
        "",
        refused("optax decay"),
    ),
    *instead(
        "scale_by_rss(eps=0.0, eps_root=eps, **start)",
        (
            "Adagrad's eps outside the root",
            "scale_by_rss(eps=eps, **start)",
            runs("optax-adagrad-eps=0.001"),
        ),
        ("Adagrad's start ignored", "scale_by_rss(eps=0.0, eps_root=eps)", runs("optax-adagrad")),
    ),
    (
        "Adadelta descends without a rate",
        "return chain(*first, _adadelta.adadelta(1.0, rho=rho, eps=eps), scale(-1.0))",
        "return chain(*first, _adadelta.adadelta(1.0, rho=rho, eps=eps))",
        runs("optax-adadelta-learning_rate=None"),
    ),
    *instead(
        "return chain(*first, _adadelta.adadelta(learning_rate, rho=rho, eps=eps))",
        (
            "Adadelta's decay forgotten",
            "return chain(_adadelta.adadelta(learning_rate, rho=rho, eps=eps))",
            runs("optax-adadelta-weight_decay=0.1"),
        ),
        (
            "Adadelta's eps ignored",
            "return chain(*first, _adadelta.adadelta(learning_rate, rho=rho))",
            runs("optax-adadelta-rho=0.95-eps=0.0001"),
        ),
    ),
    (
        "the mask ignored",
        "add_decayed_weights(weight_decay, mask=weight_decay_mask)",
        "add_decayed_weights(weight_decay)",
        details("optax_s_mask"),
    ),
    *instead(
        '{"eps": eps, "eps_root": eps_root, "nesterov": nesterov}',
        (
            "Adam's eps_root ignored",
            '{"eps": eps, "nesterov": nesterov}',
            runs("optax-adam-eps_root=1e-06"),
        ),
        (
            "Adam's eps inside the root",
            '{"eps": eps_root, "eps_root": eps, "nesterov": nesterov}',
            runs("optax-adam-eps=0.001"),
        ),
        ("Adam's nesterov ignored", '{"eps": eps, "eps_root": eps_root}', runs("optax-adam-nesterov")),
        (
            "Adam's eps as Keras's",
            '{"eps": eps, "eps_root": eps_root, "nesterov": nesterov, "eps_hat": True}',
            runs("optax-adam-eps=0.001"),
        ),
    ),
    (
        "Adam's betas swapped",
        "b1=b1, b2=b2, **knobs",
        "b1=b2, b2=b1, **knobs",
        runs("optax-adam-b1=0.8-b2=0.99"),
    ),
    *instead(
        'narrowed("optax.adam", tx, mu_dtype, fields=("mean",))',
        ("mu_dtype ignored", "tx", details("adam_s_mean_alone_is_narrowed")),
        (
            "both means narrowed",
            'narrowed("optax.adam", tx, mu_dtype)',
            details("adam_s_mean_alone_is_narrowed"),
        ),
        (
            "the mean square narrowed",
            'narrowed("optax.adam", tx, mu_dtype, fields=("mean_square",))',
            details("adam_s_mean_alone_is_narrowed"),
        ),
    ),
    (
        "eps outside by default",
        "eps_in_sqrt: bool = True",
        "eps_in_sqrt: bool = False",
        signature("optax-rmsprop"),
    ),
    **runs(OPTAX_RMS),
)

OPTAX_HANDED = "an_optax_run_is_handed_over_and_back"
OPTAX_BALL = details(f"{OPTAX_HANDED}[sgd-arguments0]")
OPTAX_CENTERED = details(f"{OPTAX_HANDED}[rmsprop-arguments1]")
ANOTHER_TRACE = details("optax_s_trace_in_another_convention")


def bad_optax(row):
    """A row of optax's states that are refused."""
    return details(f"an_optax_state_is_refused[{row}]")


OPTAX_STATE = mutants(
    "presets/optax/_state.py",
    ("optax",),
    (
        "the two means of RMSProp swapped",
        '{"mean_square": "nu", "mean": "mu", "velocity": "trace"}',
        '{"mean_square": "mu", "mean": "nu", "velocity": "trace"}',
    ),
    (
        "the two means of Adadelta swapped",
        '{"mean_square": "e_g", "mean_square_update": "e_x"}',
        '{"mean_square": "e_x", "mean_square_update": "e_g"}',
        details(f"{OPTAX_HANDED}[adadelta-arguments3]"),
    ),
    (
        "the two means of Adam swapped",
        '{"mean": "mu", "mean_square": "nu"}',
        '{"mean": "nu", "mean_square": "mu"}',
        details(f"{OPTAX_HANDED}[adam-arguments4]"),
    ),
    *instead(
        'kept.velocity_factor(kept.family == "SGD", count, into=True)',
        ("every velocity has the rate outside", "kept.velocity_factor(True, count, into=True)"),
        (
            "every velocity has the rate inside",
            "kept.velocity_factor(False, count, into=True)",
            OPTAX_BALL,
        ),
        ("the trace copied as it is", "1.0", ANOTHER_TRACE),
    ),
    *instead(
        'kept.velocity_factor(kept.family == "SGD", kept.count, into=False)',
        (
            "every velocity goes out with the rate outside",
            "kept.velocity_factor(True, kept.count, into=False)",
        ),
        ("the velocity copied as it is", "1.0", ANOTHER_TRACE),
    ),
    *instead(
        "count = kept.step_count(steps, count)",
        ("the count forgotten", "count = kept.step_count(0, count)"),
        (
            "a step too many",
            "count = kept.step_count(None if steps is None else steps + 1, count)",
        ),
    ),
    (
        "a step too many goes out",
        "jnp.asarray(kept.count, jnp.int32)",
        "jnp.asarray(kept.count + 1, jnp.int32)",
    ),
    (
        "a field too many",
        "    if set(found) != set(keys.values()):\n",
        "    if not set(found) >= set(keys.values()):\n",
        bad_optax("one more field"),
    ),
    (
        "two counts",
        'if key == "count" and found.get(key, value) != value:',
        "if False:",
        bad_optax("two counts"),
    ),
    ("two traces", 'if key in found and key != "count":', "if False:", bad_optax("two traces")),
    (
        "another tree",
        '    require_same_tree(owner, f"arrays of {key}", tree, "params", params)\n',
        "",
        bad_optax("another tree"),
    ),
    (
        "another rule's state filled",
        "    if theirs != ours:\n",
        "    if False:\n",
        details("an_optax_state_of_another_rule_is_not_filled"),
    ),
    (
        "a count where optax keeps none",
        '- {"count"}, set(fields) - {"count"}',
        ', set(fields) - {"count"}',
        OPTAX_CENTERED,
    ),
    (
        "unknown arrays left out",
        "elif name and jnp.issubdtype(dtype_of(state) or int, jnp.inexact):",
        "elif False:",
        bad("optax state of MultiSteps"),
    ),
    (
        "another rule with Adam's fields",
        "if type(state).__name__ in OTHERS:",
        "if False:",
        bad("optax state of adabelief"),
    ),
    (
        "an injected rate not compared",
        "for rate in _injected_rates(state_dict):",
        "for rate in ():",
        bad("optax state of another injected learning rate"),
    ),
    *instead(
        "fresh(n, jnp.result_type(o))",
        (
            "our dtypes filled in",
            "fresh(n)",
            tests_of("test_presets.py")("the_state_to_fill_keeps_its_dtypes"),
        ),
        (
            "one count in two places",
            "jnp.asarray(n, jnp.result_type(o))",
            details("a_count_that_is_filled_in_twice_is_two_arrays"),
        ),
    ),
    **OPTAX_CENTERED,
)

# --- jax.example_libraries and the slides

JAX_DECAYING = runs("jax_example-momentum-mass=0.9-schedule=0.98")
JAX_ADAGRAD = "jax_example-adagrad"
JAX_EXAMPLE = mutants(
    "presets/jax_example/_rules.py",
    ("jax_example",),
    *instead(
        "chain(trace(mass, nesterov=nesterov), scale_by_learning_rate(step_size))",
        (
            "the learning rate inside",
            "chain(scale_by_learning_rate(step_size), trace(mass, nesterov=nesterov))",
            JAX_DECAYING,
        ),
        (
            "nesterov ignored",
            "chain(trace(mass), scale_by_learning_rate(step_size))",
            runs("jax_example-nesterov-mass=0.9"),
        ),
        (
            "nesterov always",
            "chain(trace(mass, nesterov=True), scale_by_learning_rate(step_size))",
            runs("jax_example-momentum-mass=0.9"),
        ),
    ),
    *instead(
        "average = [] if is_off(momentum) else [ema(momentum, debias=False)]",
        ("the average corrected", "average = [] if is_off(momentum) else [ema(momentum)]"),
        ("a velocity for the average", "average = [] if is_off(momentum) else [trace(momentum)]"),
        ("no average", "average = []"),
        ("an average of nothing", "average = [ema(momentum, debias=False)]", ABSENT),
    ),
    *instead(
        "return chain(scale_by_rss(eps=0.0), *average, scale_by_learning_rate(step_size))",
        ("an eps", "return chain(scale_by_rss(), *average, scale_by_learning_rate(step_size))"),
        (
            "the gradients averaged",
            "return chain(*average, scale_by_rss(eps=0.0), scale_by_learning_rate(step_size))",
        ),
        (
            "Adagrad's rate inside the average",
            "return chain(scale_by_rss(eps=0.0), scale_by_learning_rate(step_size), *average)",
            scheduled("jax_example.adagrad"),
        ),
    ),
    *instead(
        "_rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps)",
        (
            "RMSProp's eps outside the root",
            "_rmsprop.rmsprop(step_size, gamma, eps=eps)",
            runs("jax_example-rmsprop"),
        ),
        (
            "RMSProp's gamma ignored",
            "_rmsprop.rmsprop(step_size, eps=0.0, eps_root=eps)",
            runs("jax_example-rmsprop-gamma=0.99-eps=0.001"),
        ),
    ),
    *instead(
        "_rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps, momentum=momentum)",
        (
            "RMSProp's momentum ignored",
            "_rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps)\n",
            runs("jax_example-rmsprop_momentum"),
        ),
        (
            "gamma for the momentum",
            "_rmsprop.rmsprop(step_size, gamma, eps=0.0, eps_root=eps, momentum=gamma)",
            runs("jax_example-rmsprop_momentum-gamma=0.99-eps=0.001-momentum=0.8"),
        ),
    ),
    *instead(
        "_adam.adam(step_size, b1=b1, b2=b2, eps=eps)",
        (
            "Adam's betas swapped",
            "_adam.adam(step_size, b1=b2, b2=b1, eps=eps)",
            runs("jax_example-adam-b1=0.8-b2=0.99-eps=0.001"),
        ),
        (
            "Adam's eps as Keras's",
            "_adam.adam(step_size, b1=b1, b2=b2, eps=eps, eps_hat=True)",
            runs("jax_example-adam-b1=0.8-b2=0.99-eps=0.001"),
        ),
    ),
    (
        "mass not checked by its name",
        "    require_numbers(owner, FRACTION, mass=mass)\n",
        "",
        refused("jax mass"),
    ),
    (
        "no average by default",
        "adagrad(step_size: Hyperparameter, momentum: Hyperparameter = 0.9)",
        "adagrad(step_size: Hyperparameter, momentum: Hyperparameter = 0.0)",
        signature("jax_example-adagrad"),
    ),
    **runs(JAX_ADAGRAD),
)

SLIDES_DEFAULTS = details("the_slides_defaults")
SLIDES = mutants(
    "presets/slides/_rules.py",
    ("slides",),
    (
        "the learning rate for mu",
        "_momentum.momentum(learning_rate, mu)",
        "_momentum.momentum(mu, learning_rate)",
        worked("two_steps[momentum-slides, inside]"),
    ),
    (
        "mu ignored",
        "_momentum.momentum(learning_rate, mu)",
        "_momentum.momentum(learning_rate)",
        SLIDES_DEFAULTS,
    ),
    *instead(
        "_rmsprop.rmsprop(learning_rate, decay_rate)",
        (
            "decay_rate ignored",
            "_rmsprop.rmsprop(learning_rate)",
            worked("two_steps[rmsprop-slides, decay 0.99]"),
        ),
        (
            "eps inside the root",
            "_rmsprop.rmsprop(learning_rate, decay_rate, eps=0.0, eps_root=1e-7)",
            worked("two_steps[rmsprop-slides]"),
        ),
    ),
    (
        "Adagrad from 0.1",
        "_adagrad.adagrad(learning_rate)",
        "_adagrad.adagrad(learning_rate, initial_accumulator_value=0.1)",
        worked("two_steps[adagrad-slides]"),
    ),
    (
        "decay_rate not checked by its name",
        '    require_numbers("slides.rmsprop", FRACTION, decay_rate=decay_rate)\n',
        "",
        refused("slides decay_rate"),
    ),
    ("another mu", "mu: Hyperparameter = 0.9", "mu: Hyperparameter = 0.99", SLIDES_DEFAULTS),
    (
        "another decay_rate",
        "decay_rate: Hyperparameter = 0.9",
        "decay_rate: Hyperparameter = 0.99",
        SLIDES_DEFAULTS,
    ),
)

# --- What the presets share

DECAYED_RMS = runs("keras-rmsprop-momentum=0.9-weight_decay=0.1")
DECAYED_ADAGRAD = runs("keras-adagrad-weight_decay=0.1")
STEP = (
    "        u, s = super().step(g, s)\n"
    "        return u - self.learning_rate * self.weight_decay * w, s\n"
)
DECOUPLED = mutants(
    "presets/_decoupled.py",
    ("presets",),
    *instead(
        STEP,
        ("the weights grow", STEP.replace("u - self", "u + self")),
        ("decayed without the learning rate", STEP.replace("self.learning_rate * ", "")),
        ("not decayed", STEP.replace("self.weight_decay * w", "0 * w")),
        (
            "coupled after all",
            STEP.replace("step(g, s)", "step(g + self.weight_decay * w, s)").replace(
                "self.weight_decay * w, s", "0 * w, s"
            ),
        ),
        ("the updated weights decayed", STEP.replace(" * w, s", " * (w + u), s")),
        (
            "the decay in the velocity",
            STEP.replace(
                "* w, s", "* w, s._replace(velocity=u - self.learning_rate * self.weight_decay * w)"
            ),
        ),
    ),
    (
        "said to stand still",
        "idle._replace(moves=True)",
        "idle",
        details("what_decays_beside_a_rule_moves_without_a_gradient"),
    ),
    ("of init forgotten", "of_update.rule.merged(of_init.rule)", "of_update.rule", DECAYED_ADAGRAD),
    (
        "options forgotten",
        "for name in whole.__dataclass_fields__}",
        'for name in whole.__dataclass_fields__ if name not in ("nesterov", "centered")}',
        runs("keras-sgd-momentum=0.9-nesterov-weight_decay=0.1"),
    ),
    **DECAYED_RMS,
)

ARGUMENTS = mutants(
    "presets/_arguments.py",
    ("presets",),
    *instead(
        "return value is None or value == 0",
        ("None is a number", "return value is not None and value == 0", runs("keras-sgd")),
        ("0 is a number", "return value is None", ABSENT),
    ),
    *instead(
        "    if callable(value) or isinstance(value, jax.Array | bool) or",
        (
            "an array of 0 is without",
            "    if callable(value) or isinstance(value, bool) or",
            ABSENT,
        ),
        (
            "a schedule is without",
            "    if callable(value):\n        return True\n    if isinstance(value, jax.Array | bool) or",
            {"by": ("schedules_anywhere",), "on": ("torch.sgd",)},
        ),
    ),
    (
        "on for off",
        "return None if is_off(value) else value",
        "return value if is_off(value) else None",
        runs("keras-sgd-momentum=0.9"),
    ),
    *instead(
        "return [] if is_off(weight_decay) else [add_decayed_weights(weight_decay)]",
        ("never coupled", "return []", runs("torch-sgd-weight_decay=0.1")),
        (
            "the weights grow",
            "return [] if is_off(weight_decay) else [add_decayed_weights(weight_decay), scale(-1.0)]",
            runs("torch-sgd-weight_decay=0.1"),
        ),
    ),
    *instead(
        "return [scale(-1.0)] if maximize else []",
        ("never ascending", "return []", MAXIMIZE),
        ("always ascending", "return [scale(-1.0)]", runs("torch-sgd")),
    ),
    (
        "numbers not checked",
        "        number(value, allowed, owner, name)\n",
        "        pass\n",
        refused("torch lr"),
    ),
    ("fractions above 1", "Range(0), Range(0, 1)", "Range(0), Range(0)", refused("torch momentum")),
    (
        "negative numbers",
        "POSITIVE, FRACTION = Range(0)",
        "POSITIVE, FRACTION = Range()",
        refused("torch lr"),
    ),
    (
        "flags of any kind",
        "        if not isinstance(value, bool):\n",
        "        if False:\n",
        refused("torch flag"),
    ),
    (
        "switches of any kind",
        "        if not (value is None or isinstance(value, bool)):\n",
        "        if False:\n",
        refused("torch switch"),
    ),
    (
        "None for a switch",
        "if not (value is None or isinstance(value, bool)):",
        "if not isinstance(value, bool):",
        runs("torch-sgd"),
    ),
    (
        "names of any kind",
        "    if not (name is None or isinstance(name, str)):\n",
        "    if False:\n",
        refused("tf1 name"),
    ),
)

AT_50 = goldens("a_torch_run_of_100_steps_is_handed_over_at_50[torch-rmsprop-centered-momentum=0.9]")
NO_MEMORY = details("what_is_loaded_shares_no_memory")
DTYPES = details("what_is_loaded_has_the_dtypes_of_init")
NEXT_RATE = goldens("with_a_scheduled_rate_the_next_step_is_the_same_and_the_others_are_not")
SLOTS = mutants(
    "presets/_slots.py",
    ("presets",),
    *instead(
        'not any(m.has("learning_rate") for m in self.members[: self.at["velocity"] + 1])',
        (
            "a rate after the velocity is inside",
            'not any(m.has("learning_rate") for m in self.members)',
            handed("torch-sgd-momentum=0.9"),
        ),
        (
            "a rate before the velocity alone is inside",
            'not any(m.has("learning_rate") for m in self.members[: self.at["velocity"]])',
        ),
    ),
    *instead(
        "return -rate if outside == into else -1 / rate",
        ("the sign lost", "return rate if outside == into else 1 / rate"),
        ("in and out mixed up", "return -1 / rate if outside == into else -rate"),
    ),
    (
        "a rate of 0 divides",
        "        if not rate:\n",
        "        if rate is None:\n",
        details("a_torch_state_is_refused[no rate to divide by]"),
    ),
    *instead(
        'rate = self.number(["learning_rate"], count)',
        ("the rate of the last step", 'rate = self.number(["learning_rate"], count - 1)', NEXT_RATE),
    ),
    (
        "numbers of the first step",
        "jnp.asarray(count, jnp.int32), float)",
        "jnp.asarray(0, jnp.int32), float)",
        NEXT_RATE,
    ),
    *instead(
        "members = self.members if field is None else [self.members[self.at[field]]]",
        ("the first member's number", "members = self.members", handed(CENTERED_RMS)),
    ),
    *instead(
        "lambda x: jnp.asarray(count, x.dtype) if _is_count(x) else x, s)",
        ("the count not filled in", "lambda x: x, s)", handed("torch-adam")),
        (
            "a step too many",
            "lambda x: jnp.asarray(count + 1, x.dtype) if _is_count(x) else x, s)",
            handed("torch-adam"),
        ),
        (
            "the count in another dtype",
            "lambda x: jnp.asarray(count) if _is_count(x) else x, s)",
            DTYPES,
        ),
    ),
    (
        "the count only beside arrays",
        "            states.append(s._replace(**trees) if trees else s)",
        "            states.append(s._replace(**trees) if trees else self.members[i].state)",
        handed("torch-adagrad-lr_decay=0.01"),
    ),
    *instead(
        "return int(known or 0)",
        ("the count forgotten", "return 0", handed("torch-adam")),
    ),
    *instead(
        "if given is not None and not 0 <= given <= MOST_STEPS:",
        (
            "a count below 0",
            "if given is not None and not given <= MOST_STEPS:",
            details("a_torch_state_is_refused[a count below 0]"),
        ),
    ),
    (
        "two counts",
        "if None not in (found, given) and found != given:",
        "if False:",
        details("a_torch_state_is_refused[two counts]"),
    ),
    (
        "a count that a schedule asks for",
        "if known is None and (needs := [m.node.name for m in self.members if m.counts]):",
        "if False:",
        details("a_torch_state_is_refused[no count]"),
    ),
    *instead(
        'rule.scheduled or rule.name == "adam" or any(getattr(rule, n, False) for n in corrected)',
        (
            "schedules do not count",
            'rule.name == "adam" or any(getattr(rule, n, False) for n in corrected)',
            details("a_torch_state_is_refused[no count]"),
        ),
        (
            "Adam does not count",
            "rule.scheduled or any(getattr(rule, n, False) for n in corrected)",
            details("the_count_is_asked_for_where_it_matters"),
        ),
        (
            "corrections do not count",
            'rule.scheduled or rule.name == "adam"',
            details("the_count_is_asked_for_where_it_matters"),
        ),
        ("everything counts", "True", details("the_count_is_asked_for_where_it_matters")),
    ),
    (
        "two of one field",
        "                if field in self.at:\n",
        "                if False:\n",
        details("a_torch_state_is_refused[two velocities]"),
    ),
    (
        "a wrapper's state forgotten",
        "if known or all(map(_is_count, jax.tree.leaves(member.state))):",
        "if True:",
        details("a_torch_state_is_refused[a wrapper]"),
    ),
    (
        "a part without a state refused",
        "if known or all(map(_is_count, jax.tree.leaves(member.state))):",
        "if known:",
        handed(CLIP_NORM),
    ),
    (
        "a field that the framework does not keep",
        "if unknown := [field for field in self.at if field not in known]:",
        "if unknown := []:",
        details("a_torch_state_is_refused[another rule]"),
    ),
    *instead(
        "fresh(a, x.dtype)",
        ("a buffer shared", "jnp.asarray(a, x.dtype)", NO_MEMORY),
        ("the framework's dtype", "fresh(a)", DTYPES),
    ),
    ("rates compared roughly", "rate, ours, rel_tol=1e-6)", "rate, ours, rel_tol=0.9)", KERAS_SCHEDULE),
    (
        "a mean elsewhere",
        'if "mean" in at and at["mean"] != squares:',
        "if False:",
        bad("an average alone"),
    ),
    (
        "a velocity before the division",
        'elif squares is not None and at.get("velocity", squares) < squares:',
        "elif False:",
        bad("a velocity before the root"),
    ),
    (
        "counts that differ",
        "        if len(counts) > 1:\n",
        "        if False:\n",
        bad("out with counts that differ"),
    ),
    ("a family by its first field", '    "adam": "Adam",\n', "", handed("torch-adam")),
    ("Adadelta for RMSProp", '    "adadelta": "Adadelta",\n', "", handed("torch-adadelta")),
    **HANDED_BALL,
)

LEAVES = mutants(
    "presets/_leaves.py",
    ("presets",),
    *instead(
        "return [known.index(name) for name in given]",
        ("names the other way round", "return [given.index(name) for name in known]"),
        ("names ignored", "return list(range(len(known)))"),
    ),
    (
        "any names",
        "if len(given) != len(known) or any(name not in given for name in known):",
        "if False:",
    ),
    *instead(
        "if shape in shapes[:i] and in_dict[i]:",
        ("twins in a dict guessed", "if False:"),
        (
            "twins in a list refused",
            "if shape in shapes[:i]:",
            details("twins_in_a_list_have_an_order_and_others_in_a_dict"),
        ),
        (
            "others in a dict refused",
            "if i and in_dict[i]:",
            details("twins_in_a_list_have_an_order_and_others_in_a_dict"),
        ),
    ),
    (
        "another shape",
        "    if array.shape != np.shape(like):\n",
        "    if False:\n",
        details("a_torch_state_is_refused[another shape]"),
    ),
    (
        "integers",
        "    if not jnp.issubdtype(array.dtype, jnp.complexfloating if whole else jnp.floating):\n",
        "    if False:\n",
        details("a_torch_state_is_refused[integers]"),
    ),
    (
        "negative squares",
        "    if field in SQUARES and (array < 0).any():\n",
        "    if False:\n",
        bad("a mean square below 0", "optax mean square below 0"),
    ),
    (
        "half a step",
        "if not (0 <= steps <= MOST_STEPS and steps == math.floor(steps)):",
        "if not 0 <= steps <= MOST_STEPS:",
        bad("step 2.5"),
    ),
    (
        "names without the outer keys",
        'return ".".join(map(str, keys)) or "the only leaf"',
        'return [*map(str, keys), "the only leaf"][-2:][0]',
        details("names_have_dots"),
    ),
    **NAMES,
)

TABLE = [
    *TORCH_SGD,
    *TORCH_RMSPROP,
    *TORCH_ADAGRAD,
    *TORCH_ADADELTA,
    *TORCH_ADAM,
    *TORCH_STATE,
    *TORCH_GROUPS,
    *KERAS_SHARED,
    *KERAS_SGD,
    *KERAS_ADAPTIVE,
    *KERAS_STATE,
    *TF1,
    *OPTAX,
    *OPTAX_STATE,
    *JAX_EXAMPLE,
    *SLIDES,
    *DECOUPLED,
    *ARGUMENTS,
    *SLOTS,
    *LEAVES,
]

CASES = {
    "torch": ("torch.sgd", "torch.rmsprop", "torch.adagrad", "torch.adam"),
    "keras": ("keras.sgd", "keras.rmsprop", "keras.adam"),
    "tf1": ("tf1.rmsprop",),
    "optax": ("optax.sgd", "optax.rmsprop", "optax.adagrad"),
    "jax_example": ("jax_example.adagrad",),
    "slides": (),
}
TESTS = ("test_preset_details.py", "test_conventions.py", "test_goldens.py")
SUBJECTS = {name: (*cases, *TESTS) for name, cases in CASES.items()}
SUBJECTS["presets"] = (*(c for cases in CASES.values() for c in cases), *TESTS)
