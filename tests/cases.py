"""One table of every rule and part: how to make it, its numbers, and its float64 reference.

A new rule is one line in RULES, a ``rule_case``; every law in laws.py then holds for it.
"""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

import jaxopt_slides as jos
from jaxopt_slides._core.pair import halves
from tests import oracle
from tests.adapters import halved, in_head, in_rows, is_bad, part_of, poison, read

STEPS, SIZE = 1000, 24
# Multiples of 1/8: exact in every dtype, so that a narrow run has the same weights as its reference.
WEIGHTS = np.array([(7 * i) % 49 - 24 for i in range(SIZE)]) / 8
# The metric of every step, for who asks for one: it falls, but seldom. Exact in every dtype.
METRICS = 50 + np.cumsum(np.random.default_rng(2).choice([0] * 20 + [-2, 1], STEPS)) / 8
NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Case(NamedTuple):
    """One optimizer under test.

    Attributes:
      name: the test's id.
      make: the constructor, options applied, hyperparameters by keyword.
      hyperparameters: every real hyperparameter and its value in the tests; a schedule's parameters
        stand here in the schedule's place.
      oracle: ``oracle(gradients, **hyperparameters)``, the list of float64 updates.
      terms: the same call gives the magnitude of what is summed into each update (see ``terms_of``);
        None where nothing cancels, so that it is the update's own magnitude.
      shown: the package's name of a hyperparameter, where it is not the keyword.
      parts: the same optimizer as a chain of parts; it becomes a case of its own.
      parts_shown: ``shown`` for the chain of parts.
      refuses: what coasting says of it, where it cannot coast whatever stands before it.
      exempt: the laws that do not hold for it, each with the reason.
      without: hyperparameters of which a plain 0 says "without", as in the framework of a preset, and
        makes another program.
      rule: the rule itself, in a case whose reference is its docstring; see ``rule_case``.
    """

    name: str
    make: Callable[..., Any]
    hyperparameters: dict[str, float]
    oracle: Callable[..., list[Any]]
    terms: Callable[..., list[Any]] | None = None
    shown: Mapping[str, str] = NO_NAMES
    parts: Callable[..., Any] | None = None
    parts_shown: Mapping[str, str] = NO_NAMES
    refuses: str = ""
    exempt: Mapping[str, str] = NO_NAMES
    without: frozenset[str] = frozenset()
    rule: Any = None

    def __repr__(self):
        return self.name

    def tx(self, **changes):
        """The optimizer at the case's hyperparameters, some of them changed."""
        return self.make(**{**self.hyperparameters, **changes})

    def name_of(self, keyword):
        """The name under which ``hyperparams`` shows the constructor's keyword."""
        return self.shown.get(keyword, keyword)

    def reference(self, gradients, **changes):
        """The float64 updates ``[steps, size]``."""
        return np.stack(self.oracle(gradients, **{**self.hyperparameters, **changes}))

    def terms_of(self, gradients, **changes):
        r"""The scale of rounding in each update ``[steps, size]``.

        A quotient is relatively accurate; a sum only relative to the magnitudes of its terms. Hence:
        the update's own magnitude, except for velocities and averages, where it is the same sum taken
        over magnitudes, :math:`\sum_k \mu^k |u_{t-k}|` (an old term that cancelled has left its
        rounding behind), and for centered rules, where it is times :math:`s/(s - m^2)`, the condition
        number of that subtraction, infinite where a constant gradient leaves no variance at all.
        """
        if self.terms is None:
            return np.abs(self.reference(gradients, **changes))
        with np.errstate(all="ignore"):
            return np.stack(self.terms(gradients, **{**self.hyperparameters, **changes}))


# --- Scales of rounding


def _magnitudes(gradients):
    return [np.abs(g) for g in gradients]


def linear(rule):
    """The terms of a sum of gradients with coefficients of one sign: the rule run on magnitudes."""
    return lambda gradients, **h: _magnitudes(rule(_magnitudes(gradients), **h))


def _condition(gradients, decay, eps_root, initial_accumulator_value, bias_correction):
    """s / (s - m^2) at every step; infinite from 1e4 on, where float32 keeps less than two digits."""
    s, m, numbers = initial_accumulator_value, 0.0, []
    for t, g in enumerate(gradients):
        beta = decay(t) if callable(decay) else decay
        s, m = beta * s + (1 - beta) * np.abs(g) ** 2, beta * m + (1 - beta) * g
        correction = 1 - beta ** (t + 1) if bias_correction else 1.0
        spread = np.maximum(s / correction - np.abs(m / correction) ** 2, 0)
        root = eps_root(t) if callable(eps_root) else eps_root
        number = np.where(s == 0, 1, (s / correction + root) / (spread + root))
        numbers.append(np.where(number < 1e4, number, np.inf))
    return numbers


def normalized(centered=False, momentum=False, nesterov=False, bias_correction=False):
    """The terms of RMSProp: conditioned if centered, then summed up if it has a velocity."""

    def terms(gradients, **h):
        mu = h.pop("momentum", None)
        h = {"learning_rate": 1.0, "eps_root": 0.0, "initial_accumulator_value": 0.0} | h
        options = {"centered": centered, "bias_correction": bias_correction}
        u = _magnitudes(oracle.rmsprop(gradients, **h, **options))
        if centered:
            h = {k: h[k] for k in ("decay", "eps_root", "initial_accumulator_value")}
            numbers = _condition(gradients, **h, bias_correction=bias_correction)
            u = [x * c for x, c in zip(u, numbers, strict=True)]
        return oracle.trace(u, mu, nesterov) if momentum else u

    return terms


# --- References and constructors with options


def with_options(function, **options):
    """``function`` with static options applied."""
    return lambda *args, **h: function(*args, **h, **options)


def decayed(gradients, weight_decay, weights=WEIGHTS):
    """The reference of weight decay at constant weights."""
    return oracle.add_decayed_weights(gradients, weight_decay, [weights] * len(gradients))


def boxed(gradients, low, high):
    """The reference of a box at constant weights."""
    return oracle.project_on_box(gradients, low, high, [WEIGHTS] * len(gradients))


def in_ball(gradients, radius):
    """The reference of a ball at constant weights."""
    return oracle.project_on_ball(gradients, radius, [WEIGHTS] * len(gradients))


def in_ball_terms(gradients, radius):
    """Its terms: the end and the weight, rounded twice toward the inside, by up to one unit each."""
    ends = [u + WEIGHTS for u in in_ball(gradients, radius)]
    return [2 * (np.abs(end) + np.abs(WEIGHTS)) for end in ends]


def line(count, init_value, end_value, transition_steps):
    """A straight line from one value to another, which it then keeps."""
    progress = jnp.minimum(jnp.asarray(count, float) / transition_steps, 1.0)
    return init_value + (end_value - init_value) * progress


def scheduled(**parameters):
    """The line as a schedule whose three numbers are leaves of the optimizer."""
    numbers = (int, float, np.generic)
    return Partial(
        line, **{k: float(v) if isinstance(v, numbers) else v for k, v in parameters.items()}
    )


def _steps(parameters):
    return lambda t: oracle.linear_schedule(t, **parameters)


def _oracle_of(rule):
    """A reference ``rule(gradients, learning_rate, mu)`` with the momentum on a line."""
    return lambda gradients, learning_rate, **p: rule(gradients, learning_rate, _steps(p))


def coupled(gradients, weight_decay, learning_rate, mu):
    """Weight decay before the velocity."""
    return oracle.momentum(decayed(gradients, weight_decay), learning_rate, mu)


def coupled_terms(gradients, weight_decay, learning_rate, mu):
    """Its terms."""
    magnitudes = decayed(_magnitudes(gradients), weight_decay, np.abs(WEIGHTS))
    return _magnitudes(oracle.momentum(magnitudes, learning_rate, mu))


def decoupled(gradients, weight_decay, learning_rate, **h):
    """Weight decay between the normalization and the learning rate."""
    u = decayed(oracle.scale_by_rms(gradients, **h), weight_decay)
    return oracle.scale_by_learning_rate(u, learning_rate)


def decoupled_terms(gradients, weight_decay, learning_rate, **h):
    """Its terms."""
    u = _magnitudes(oracle.scale_by_rms(gradients, **h))
    u = decayed(u, weight_decay, np.abs(WEIGHTS))
    return _magnitudes(oracle.scale_by_learning_rate(u, learning_rate))


def traced_twice(gradients, first, second):
    """A velocity of a velocity."""
    return oracle.trace(oracle.trace(gradients, first), second)


def averaged(gradients, learning_rate, decay, mu):
    """A velocity of averages: a nested chain."""
    return oracle.momentum(oracle.ema(gradients, decay), learning_rate, mu)


# --- The table

RMS = {"decay": 0.9, "eps": 1e-7, "eps_root": 0.0, "initial_accumulator_value": 0.0}
RSS = {"eps": 1e-7, "eps_root": 0.0, "initial_accumulator_value": 0.0}
RATE = {"learning_rate": 0.01}
DELTA = {"learning_rate": 0.5, "rho": 0.9, "eps": 1e-6}
ADAM = RATE | {"b1": 0.9, "b2": 0.999, "eps": 1e-8, "eps_root": 0.0}
BALL = {"learning_rate": 0.01, "mu": 0.9}
LINE = {"init_value": 0.5, "end_value": 0.99, "transition_steps": 1000.0}
BOTH_DECAYS = {"decay": "0.decay", "momentum": "2.decay"}


def rmsprop_case(name, numbers=None, **options):
    """RMSProp with some options, and the chain of parts that it equals."""
    rolling = options.get("momentum", False)
    static = {k: v for k, v in options.items() if k != "momentum"}
    normalize = jos.scale_by_stddev if options.get("centered") else jos.scale_by_rms
    correct = options.get("bias_correction", False)

    def parts(learning_rate, momentum=None, **h):
        first = normalize(**h, bias_correction=correct)
        rate = jos.scale_by_learning_rate(learning_rate)
        if not rolling:
            return jos.chain(first, rate)
        return jos.chain(first, rate, jos.trace(momentum, nesterov=options.get("nesterov", False)))

    h = RATE | RMS | ({"momentum": 0.9} if rolling else {}) | (numbers or {})
    make, reference = with_options(jos.rmsprop, **static), with_options(oracle.rmsprop, **static)
    shown = BOTH_DECAYS if rolling else {}
    return Case(name, make, h, reference, normalized(**options), parts=parts, parts_shown=shown)


def adagrad_case(name, **numbers):
    """Adagrad, and the chain of parts that it equals."""

    def parts(learning_rate, **h):
        return jos.chain(jos.scale_by_rss(**h), jos.scale_by_learning_rate(learning_rate))

    return Case(name, jos.adagrad, RATE | RSS | numbers, oracle.adagrad, parts=parts)


def rowwise_case(name, **numbers):
    """Row-wise Adagrad; the weights of a case are one row."""
    return Case(name, jos.rowwise_adagrad, RATE | RSS | numbers, oracle.rowwise_adagrad)


def ball_case(name, make, reference, keyword="mu", nesterov=False):
    """A rule with the learning rate inside its velocity, and the chain of parts that it equals."""

    def parts(learning_rate, **h):
        velocity = jos.trace(h[keyword], nesterov=nesterov)
        return jos.chain(jos.scale_by_learning_rate(learning_rate), velocity)

    h = RATE | {keyword: 0.9}
    shown = {keyword: "decay"}
    return Case(name, make, h, reference, linear(reference), parts=parts, parts_shown=shown)


def documented(constructor, **options):
    """The float64 reference that the docstring's own equations are: see equations.py."""

    def reference(gradients, **h):
        from tests import equations  # and sympy, for those who need it

        return equations.oracle(constructor, **options)(gradients, **h)

    return reference


def rule_case(name, constructor, *, exempt=NO_NAMES, options=NO_NAMES, **numbers):
    """A rule held to the equations of its docstring; what is not given keeps its default.

    ``exempt`` and ``options`` are those of a Case and of the constructor. Whether and why the rule
    refuses to coast is what it declares, and that it does what it declares is a law.
    """
    make, reference = with_options(constructor, **options), documented(constructor, **options)
    defaults = {n: p.default for n, p in inspect.signature(constructor).parameters.items()}
    numbers = {n: numbers.get(n, d) for n, d in defaults.items() if n in numbers or type(d) is float}
    rule = halves(make(**numbers))[1].rule
    refuses = f"cannot coast: {rule.name} {rule.idle}" if isinstance(rule.idle, str) else ""
    return Case(
        name, make, numbers, reference, linear(reference), refuses=refuses, exempt=exempt, rule=rule
    )


NESTEROV = {"nesterov": True}
TRUE = {"true_lookahead": True}
ADAM_MOVES = "cannot coast: adam divides a velocity by a root"


def adam_case(name, numbers=None, reference=oracle.adam, **options):
    """Adam with some options."""
    make = with_options(jos.adam, **options)
    return Case(name, make, ADAM | (numbers or {}), reference, linear(reference), refuses=ADAM_MOVES)


RULES = [
    Case("sgd", jos.sgd, RATE, oracle.sgd, parts=jos.scale_by_learning_rate),
    ball_case("sgd-momentum", jos.sgd, oracle.sgd, "momentum"),
    ball_case(
        "sgd-nesterov",
        with_options(jos.sgd, **NESTEROV),
        with_options(oracle.sgd, **NESTEROV),
        "momentum",
        nesterov=True,
    ),
    ball_case("momentum", jos.momentum, oracle.momentum),
    ball_case("nesterov", jos.nesterov, oracle.nesterov, nesterov=True),
    rmsprop_case("rmsprop"),
    rmsprop_case("rmsprop-centered", centered=True),
    rmsprop_case("rmsprop-momentum", momentum=True),
    rmsprop_case("rmsprop-nesterov", momentum=True, nesterov=True),
    rmsprop_case("rmsprop-bias_correction", bias_correction=True),
    rmsprop_case("rmsprop-eps_root", {"eps": 0.0, "eps_root": 1e-8}),
    rmsprop_case("rmsprop-initial", {"initial_accumulator_value": 1.0}),
    rmsprop_case(
        "rmsprop-centered-nesterov",
        {"eps_root": 1e-8, "initial_accumulator_value": 0.5},
        centered=True,
        momentum=True,
        nesterov=True,
    ),
    adagrad_case("adagrad"),
    adagrad_case("adagrad-eps_root", eps=0.0, eps_root=1e-8),
    adagrad_case("adagrad-initial", initial_accumulator_value=0.1),
    rowwise_case("rowwise_adagrad"),
    rowwise_case("rowwise_adagrad-initial", eps_root=1e-8, initial_accumulator_value=0.1),
    Case("adadelta", jos.adadelta, DELTA, oracle.adadelta),
    Case("adadelta-small_eps", jos.adadelta, DELTA | {"eps": 1e-18}, oracle.adadelta),
    adam_case("adam"),
    adam_case("adam-other_decays", {"b1": 0.5, "b2": 0.9, "eps_root": 1e-8}),
    adam_case("adam-nesterov", reference=with_options(oracle.adam, **NESTEROV), **NESTEROV),
    Case(
        "nesterov-true_lookahead",
        with_options(jos.nesterov, **TRUE),
        BALL,
        with_options(oracle.nesterov, **TRUE),
        linear(oracle.nesterov),
    ),
]

PARTS = [
    Case("scale", jos.scale, {"step_size": -0.3}, oracle.scale),
    Case(
        "scale_by_schedule",
        lambda **p: jos.scale_by_schedule(scheduled(**p)),
        LINE,
        lambda gradients, **p: oracle.scale(gradients, _steps(p)),
        shown={k: f"step_size_fn.{k}" for k in LINE},
    ),
    Case("scale_by_learning_rate", jos.scale_by_learning_rate, RATE, oracle.scale_by_learning_rate),
    Case("trace", jos.trace, {"decay": 0.9}, oracle.trace, linear(oracle.trace)),
    Case(
        "trace-nesterov",
        with_options(jos.trace, **NESTEROV),
        {"decay": 0.9},
        with_options(oracle.trace, **NESTEROV),
        linear(with_options(oracle.trace, **NESTEROV)),
    ),
    Case("ema", jos.ema, {"decay": 0.9}, oracle.ema, linear(oracle.ema)),
    Case(
        "ema-biased",
        with_options(jos.ema, debias=False),
        {"decay": 0.9},
        with_options(oracle.ema, debias=False),
        linear(with_options(oracle.ema, debias=False)),
    ),
    Case("scale_by_rms", jos.scale_by_rms, RMS, oracle.scale_by_rms),
    Case(
        "scale_by_rms-bias_correction",
        with_options(jos.scale_by_rms, bias_correction=True),
        RMS,
        with_options(oracle.scale_by_rms, bias_correction=True),
    ),
    Case(
        "scale_by_stddev", jos.scale_by_stddev, RMS, oracle.scale_by_stddev, normalized(centered=True)
    ),
    Case(
        "scale_by_stddev-bias_correction",
        with_options(jos.scale_by_stddev, bias_correction=True),
        RMS,
        with_options(oracle.scale_by_stddev, bias_correction=True),
        normalized(centered=True, bias_correction=True),
    ),
    Case("scale_by_rss", jos.scale_by_rss, RSS, oracle.scale_by_rss),
    Case(
        "add_decayed_weights",
        jos.add_decayed_weights,
        {"weight_decay": 0.1},
        decayed,
        lambda g, weight_decay: decayed(_magnitudes(g), weight_decay, np.abs(WEIGHTS)),
    ),
    Case("set_to_zero", jos.set_to_zero, {}, oracle.set_to_zero),
    Case("identity", jos.identity, {}, oracle.identity),
]

CHAINS = [
    Case(
        "momentum-scheduled-mu",
        lambda learning_rate, **p: jos.momentum(learning_rate, scheduled(**p)),
        RATE | LINE,
        _oracle_of(oracle.momentum),
        linear(_oracle_of(oracle.momentum)),
        shown={k: f"mu.{k}" for k in LINE},
    ),
    Case(
        "rmsprop-scheduled-decay",
        lambda init_value, end_value, transition_steps, **h: jos.rmsprop(
            decay=scheduled(
                init_value=init_value, end_value=end_value, transition_steps=transition_steps
            ),
            **h,
        ),
        RATE | RSS | LINE,
        lambda gradients, learning_rate, eps, eps_root, initial_accumulator_value, **p: oracle.rmsprop(
            gradients,
            learning_rate,
            _steps(p),
            eps,
            eps_root=eps_root,
            initial_accumulator_value=initial_accumulator_value,
        ),
        shown={k: f"decay.{k}" for k in LINE},
    ),
    Case(
        "coupled-weight-decay",
        lambda weight_decay, **h: jos.chain(jos.add_decayed_weights(weight_decay), jos.momentum(**h)),
        {"weight_decay": 0.1} | BALL,
        coupled,
        coupled_terms,
    ),
    Case(
        "decoupled-weight-decay",
        lambda weight_decay, learning_rate, **h: jos.chain(
            jos.scale_by_rms(**h),
            jos.add_decayed_weights(weight_decay),
            jos.scale_by_learning_rate(learning_rate),
        ),
        RMS | {"weight_decay": 0.1} | RATE,
        decoupled,
        decoupled_terms,
    ),
    Case(
        "named-chain",
        lambda first, second: jos.named_chain(("a", jos.trace(first)), ("b", jos.trace(second))),
        {"first": 0.9, "second": 0.5},
        traced_twice,
        linear(traced_twice),
        shown={"first": "a.decay", "second": "b.decay"},
    ),
    Case(
        "nested-chain",
        lambda learning_rate, decay, mu: jos.chain(
            jos.identity(), jos.chain(jos.ema(decay), jos.chain(jos.momentum(learning_rate, mu)))
        ),
        RATE | {"decay": 0.9, "mu": 0.5},
        averaged,
        linear(averaged),
    ),
]


# --- Wrappers: of the rules above, in case a law holds of a rule and not of its wrapper

ROUNDED_OTHERWISE = {
    "oracle_float32": "XLA contracts another product of its sums; test_rows_exact compares with dense"
}
ITS_MAP = ROUNDED_OTHERWISE | {"schedules_anywhere": "a schedule in an idle step needs a horizon"}
IN_ROWS = {"sgd": {}, "adagrad": {}} | dict.fromkeys(("momentum", "nesterov", "rmsprop"), ITS_MAP)
AT_A_BOUNDARY = "cannot coast: project stops the weights at a boundary"
WRAPS, UNKNOWN = "and is no linear map of its state", "does not say what it does when"
HEAD = np.arange(SIZE) < SIZE // 2  # what `in_head` chooses of an array of SIZE elements
EVERY = {"begin": 1.2, "end": 4.7, "over": 311.0}  # no count at which it is rounded from a half
FIRST_BALL = {"first_rate": 0.01, "mu": 0.9}
SECOND_RMS = {"second_rate": 0.001, **RMS}
PLATEAU = {"factor": 0.7, "rtol": 1e-4, "atol": 0.05, "min_scale": 0.01}
PATIENCE = {"patience": 5, "cooldown": 3}
NARROW_UPDATES = {
    "dtypes": "its updates are float32 for narrow leaves, whose weights it rounds itself",
}
NO_LEAVES = dict.fromkeys(
    ("each_hyperparameter_is_one_leaf", "one_compilation", "vmapped_constructor", "hypergradient"),
    "its numbers are constants of the program, not leaves",
)
NO_FLOATS = dict.fromkeys(
    ("each_hyperparameter_is_one_leaf", "hyperparams_round_trip"),
    "its numbers are float32 arrays, which are neither Python floats nor equal to them",
)
ROUNDED_STATE = {
    "dtypes": "it asks for float32 where the laws ask for wider, and refuses complex leaves",
    "hypergradient": "a velocity rounded to float32 has no smooth derivative in steps of 1e-4",
    "coasts_or_refuses": "float64 steps round their velocity at each of them, coasting once",
}


def rule_of(rule, **h):
    """A reference as a function of the gradients alone."""
    return lambda gradients: rule(gradients, **h)


def conditioned(rule):
    """The magnitudes of a rule that takes gradients as they are: nothing cancels in it."""
    return lambda gradients, **h: _magnitudes(rule(gradients, **h))


def wrapper_case(name, make, hyperparameters, reference, terms=None, **fields):
    """A case that coasting refuses unless it says otherwise."""
    return Case(name, make, hyperparameters, reference, terms, **{"refuses": WRAPS, **fields})


def poisoned(gradients):
    """The gradients of ``poison``."""
    gradients = enumerate(gradients)
    return [np.where(is_bad(t) & (np.real(g) > 0), np.nan, g) for t, g in gradients]


def spared(rule):
    """A reference of the gradients that ``poison`` leaves alone."""
    return lambda gradients, **h: oracle.apply_if_finite(poisoned(gradients), rule_of(rule, **h), 2)


def decayed_head(gradients, weight_decay, weights=WEIGHTS):
    """Weight decay in the first half."""
    weights = np.where(HEAD, weights, 0)
    return decayed(gradients, weight_decay, weights)


def in_two(gradients, first_rate, mu, second_rate, **h):
    """Momentum in the first half, RMSProp in the second."""
    tail = rule_of(oracle.rmsprop, learning_rate=second_rate, **h)
    head = rule_of(oracle.momentum, learning_rate=first_rate, mu=mu)
    return oracle.partition(gradients, HEAD, {True: head, False: tail})


def in_two_terms(gradients, first_rate, mu, second_rate, **h):
    """Its terms."""
    tail = rule_of(normalized(), learning_rate=second_rate, **h)
    head = rule_of(linear(oracle.momentum), learning_rate=first_rate, mu=mu)
    return oracle.partition(gradients, HEAD, {True: head, False: tail})


def every_third(gradients, **h):
    """Momentum of the means of three."""
    return oracle.multi_steps(gradients, rule_of(oracle.momentum, **h), 3)


def ever_rarer(gradients, begin, end, over, **h):
    """Momentum of the means of more and more."""
    numbers = {"init_value": begin, "end_value": end, "transition_steps": over}
    return oracle.multi_steps(gradients, rule_of(oracle.momentum, **h), _steps(numbers))


def mean_params(gradients, decay, weights=WEIGHTS, **h):
    """The average of the weights after each step of momentum, all from the same weights."""
    return oracle.average_params([weights + u for u in oracle.momentum(gradients, **h)], decay)


def mean_params_terms(gradients, decay, **h):
    """Its terms."""
    updates = linear(oracle.momentum)(gradients, **h)
    return oracle.average_params([np.abs(WEIGHTS) + u for u in updates], decay)


def on_plateaus(gradients, factor, rtol, atol, min_scale, **h):
    """Momentum, cut when METRICS stops falling."""
    numbers = {"factor": factor, "rtol": rtol, "atol": atol, "min_scale": min_scale, **PATIENCE}
    return oracle.reduce_on_plateau(
        oracle.momentum(gradients, **h), METRICS[: len(gradients)], **numbers
    )


def clipped_head(gradients, max_norm, **h):
    """RMSProp of the first half, whose norm is bounded."""

    def rule(part):
        return oracle.rmsprop(oracle.clip_by_global_norm(part, max_norm), **h)

    return oracle.masked(gradients, HEAD, rule)


def deep(gradients, mean_decay, **h):
    """Every second mean, if it is finite, of what passes ``clipped_head``; the average is not shown."""
    rule = spared(clipped_head)
    return oracle.multi_steps(gradients, rule_of(rule, **h), 2)


def deep_tx(max_norm, mean_decay, **h):
    """Six deep."""
    tx = jos.masked(jos.chain(jos.clip_by_global_norm(max_norm), jos.rmsprop(**h)), in_head)
    tx = jos.apply_if_finite(jos.average_params(tx, mean_decay), 2)
    return halved(jos.multi_steps(jos.chain(poison(), tx), 2))


def mean_of_clipped(gradients, max_delta, mean_decay, weights=WEIGHTS, **h):
    """The average of the weights after steps of clipped momentum, if finite."""
    rule = spared(lambda part, max_delta, **h: oracle.momentum(oracle.clip(part, max_delta), **h))
    updates = rule(gradients, max_delta=max_delta, **h)
    return oracle.average_params([weights + u for u in updates], mean_decay)


def mean_of_clipped_terms(gradients, **h):
    """Its terms."""
    finite = [np.where(np.isnan(g), 0, g) for g in poisoned(gradients)]
    magnitudes = linear(lambda part, max_delta, **h: oracle.momentum(oracle.clip(part, max_delta), **h))
    mean_decay = h.pop("mean_decay")
    return oracle.average_params([np.abs(WEIGHTS) + u for u in magnitudes(finite, **h)], mean_decay)


WRAPPERS = [
    Case("clip", jos.clip, {"max_delta": 1.0}, oracle.clip),
    Case("clip_by_global_norm", jos.clip_by_global_norm, {"max_norm": 1.0}, oracle.clip_by_global_norm),
    Case(  # some of the gradients are inside this ball
        "clip_by_global_norm-loose",
        jos.clip_by_global_norm,
        {"max_norm": 7e5},
        oracle.clip_by_global_norm,
    ),
    Case(
        "project-box",
        jos.project,
        {"low": -1.0, "high": 2.5},  # no weight of the laws is exactly there
        boxed,
        refuses=AT_A_BOUNDARY,
        exempt={"dtypes": "it refuses complex leaves"},
    ),
    Case("project-ball", jos.project, {"radius": 100.0}, in_ball, in_ball_terms, refuses=AT_A_BOUNDARY),
    Case(  # most of the weights are at its boundary
        "project-ball-tight",
        jos.project,
        {"radius": 8.0},
        in_ball,
        in_ball_terms,
        refuses=AT_A_BOUNDARY,
        exempt={"under_transformations": "the norm it asks for is the radius, with derivative 0"},
    ),
    Case("zero_nans", jos.zero_nans, {}, oracle.identity),
    wrapper_case(
        "zero_nans-poisoned",
        lambda: jos.chain(poison(), jos.zero_nans()),
        {},
        lambda gradients: oracle.zero_nans(poisoned(gradients)),
        refuses=UNKNOWN,
    ),
    wrapper_case(
        "add_decayed_weights-masked",
        lambda weight_decay: halved(jos.add_decayed_weights(weight_decay, mask=in_head)),
        {"weight_decay": 0.1},
        decayed_head,
        lambda g, weight_decay: decayed_head(_magnitudes(g), weight_decay, np.abs(WEIGHTS)),
    ),
    wrapper_case(
        "masked-rmsprop",
        lambda **h: halved(jos.masked(jos.rmsprop(**h), in_head)),
        RATE | RMS,
        lambda gradients, **h: oracle.masked(gradients, HEAD, rule_of(oracle.rmsprop, **h)),
    ),
    wrapper_case(
        "partition",
        lambda first_rate, mu, second_rate, **h: halved(
            jos.partition(
                {"head": jos.momentum(first_rate, mu), "tail": jos.rmsprop(second_rate, **h)}, part_of
            )
        ),
        FIRST_BALL | SECOND_RMS,
        in_two,
        in_two_terms,
        shown={"first_rate": "head.learning_rate", "second_rate": "tail.learning_rate"},
    ),
    wrapper_case(
        "freeze-after-momentum",
        lambda **h: halved(jos.chain(jos.momentum(**h), jos.freeze(in_head))),
        BALL,
        lambda gradients, **h: oracle.freeze(oracle.momentum(gradients, **h), HEAD),
        lambda gradients, **h: oracle.freeze(linear(oracle.momentum)(gradients, **h), HEAD),
    ),
    wrapper_case(
        "multi_steps-momentum",
        lambda **h: jos.multi_steps(jos.momentum(**h), 3),
        BALL,
        every_third,
        linear(every_third),
        refuses="adds up the gradients of several steps",
    ),
    wrapper_case(
        "multi_steps-scheduled",
        lambda begin, end, over, **h: jos.multi_steps(
            jos.momentum(**h), scheduled(init_value=begin, end_value=end, transition_steps=over)
        ),
        BALL | EVERY,
        ever_rarer,
        linear(ever_rarer),
        shown=dict(zip(EVERY, (f"every_k.{k}" for k in LINE), strict=True)),
        refuses="adds up the gradients of several steps",
    ),
    wrapper_case(
        "apply_if_finite-rmsprop",
        lambda **h: jos.apply_if_finite(jos.rmsprop(**h), 2),
        RATE | RMS,
        oracle.rmsprop,
        refuses="leaves out steps, in which nothing may coast",
    ),
    wrapper_case(
        "apply_if_finite-poisoned",
        lambda **h: jos.chain(poison(), jos.apply_if_finite(jos.rmsprop(**h), 2)),
        RATE | RMS,
        spared(oracle.rmsprop),
        refuses=UNKNOWN,
    ),
    wrapper_case(
        "average_params-momentum",
        lambda decay, **h: jos.average_params(jos.momentum(**h), decay),
        BALL | {"decay": 0.99},
        lambda gradients, decay, **h: oracle.momentum(gradients, **h),
        lambda gradients, decay, **h: linear(oracle.momentum)(gradients, **h),
    ),
    wrapper_case(
        "average_params-read",
        lambda decay, **h: read(jos.average_params(jos.momentum(**h), decay), "average"),
        BALL | {"decay": 0.99},
        mean_params,
        mean_params_terms,
    ),
    wrapper_case(
        "reduce_on_plateau",
        lambda learning_rate, mu, **h: jos.chain(
            jos.momentum(learning_rate, mu), jos.reduce_on_plateau(**h, **PATIENCE)
        ),
        BALL | PLATEAU,
        on_plateaus,
        linear(on_plateaus),
        refuses="depends on a metric",
    ),
    wrapper_case(
        "mixed_precision-coupled",
        lambda weight_decay, **h: jos.mixed_precision(
            jos.chain(jos.add_decayed_weights(weight_decay), jos.momentum(**h))
        ),
        {"weight_decay": 0.1} | BALL,
        coupled,
        coupled_terms,
        exempt=NARROW_UPDATES,
    ),
    *(
        wrapper_case(
            f"rows-{rule.name}",
            lambda rule=rule, **h: in_rows(rule.make(**h)),
            rule.hyperparameters,
            rule.oracle,
            rule.terms,
            shown=rule.shown,
            exempt=IN_ROWS.get(rule.name, ITS_MAP | dict(rule.exempt)),
            rule=rule.rule,
        )
        for rule in RULES
        if rule.name in IN_ROWS or (rule.rule and not rule.refuses)
    ),
    wrapper_case(
        "rows-momentum-horizon",
        lambda **h: in_rows(jos.momentum(**h), horizon=5),
        BALL,
        oracle.momentum,
        linear(oracle.momentum),
        exempt=ROUNDED_OTHERWISE,
    ),
    wrapper_case(
        "as_static-rmsprop",
        lambda **h: jos.as_static(jos.rmsprop(**h)),
        RATE | RMS,
        oracle.rmsprop,
        refuses="is static: let the optimizer coast before it is made static",
        exempt=NO_LEAVES,
    ),
    Case(
        "as_arrays-momentum",
        lambda **h: jos.as_arrays(jos.momentum(**h)),
        BALL,
        oracle.momentum,
        linear(oracle.momentum),
        exempt=NO_FLOATS,
    ),
    Case(
        "accumulator_dtype-momentum",
        lambda **h: jos.accumulator_dtype(jos.momentum(**h), jnp.float32),
        BALL,
        with_options(oracle.rounded_momentum, dtype=np.float32),
        linear(with_options(oracle.rounded_momentum, dtype=np.float32)),
        exempt=ROUNDED_STATE,
    ),
    wrapper_case(
        "nested-wrappers",
        deep_tx,
        {"max_norm": 1.0, "mean_decay": 0.99, **RATE, **RMS},
        deep,
        shown={"mean_decay": "inner.decay", "decay": "1.decay"},
    ),
    wrapper_case(
        "nested-wrappers-read",
        lambda max_delta, mean_decay, **h: read(
            jos.average_params(
                jos.mixed_precision(
                    jos.chain(
                        poison(),
                        jos.apply_if_finite(jos.chain(jos.clip(max_delta), jos.momentum(**h)), 2),
                    )
                ),
                mean_decay,
            ),
            "average",
        ),
        {"max_delta": 1.0, "mean_decay": 0.99} | BALL,
        mean_of_clipped,
        mean_of_clipped_terms,
        shown={"mean_decay": "decay"},
        exempt=NARROW_UPDATES,
    ),
]


# --- Presets: one of each composition; test_presets.py says which others are the same


def preset_case(name, preset, names, numbers, reference, terms=None, **fields):
    """A preset under this library's names: ``names`` are those that it takes, by ours.

    The numbers that the framework fixes, such as an eps of 0, are set afterwards.
    """
    shown = fields.get("shown", {})

    def make(**h):
        tx = preset(**{theirs: h[ours] for ours, theirs in names.items()})
        fixed = {shown.get(n, n): value for n, value in h.items() if n not in names}
        return jos.with_hyperparams(tx, **fixed)

    return Case(name, make, numbers, reference, terms, **fields)


def same(*names, **others):
    """Names of arguments, which are ours unless others stand for them."""
    return {n: n for n in names} | others


def on_magnitudes(rule):
    """The terms of a rule that decays weights: the rule run on magnitudes of both."""
    return lambda gradients, **h: _magnitudes(rule(_magnitudes(gradients), np.abs(WEIGHTS), **h))


def damped(gradients, weights=WEIGHTS, *, learning_rate, decay, weight_decay, dampening):
    """torch's SGD: coupled decay, the first gradient undamped, the rate outside."""
    g = decayed(gradients, weight_decay, weights)
    g = oracle.scale(g, lambda t: 1 - dampening * (t > 0))
    return oracle.scale_by_learning_rate(oracle.trace(g, decay), learning_rate)


def outside(gradients, learning_rate, decay, nesterov=False):
    """A velocity with the rate outside."""
    return oracle.scale_by_learning_rate(oracle.trace(gradients, decay, nesterov), learning_rate)


def torch_rmsprop(gradients, learning_rate, momentum, **h):
    """torch's centered RMSprop: the rate outside the velocity."""
    velocity = oracle.trace(oracle.scale_by_stddev(gradients, **h), momentum)
    return oracle.scale_by_learning_rate(velocity, learning_rate)


def torch_rmsprop_terms(gradients, learning_rate, momentum, **h):
    """Its terms."""
    u = oracle.trace(normalized(centered=True)(gradients, **h), momentum)
    return _magnitudes(oracle.scale_by_learning_rate(u, learning_rate))


def slower(gradients, lr_decay, **h):
    """torch's Adagrad, whose rate falls as 1 / (1 + t d)."""
    return oracle.scale(oracle.adagrad(gradients, **h), lambda t: 1 / (1 + t * lr_decay))


def beside(rule):
    """A rule, and -alpha lambda w in every update."""

    def decoupled_rule(gradients, weights=WEIGHTS, *, learning_rate, weight_decay, **h):
        updates = rule(gradients, learning_rate=learning_rate, **h)
        decay = oracle.scale_by_learning_rate(
            decayed([0 * u for u in updates], weight_decay, weights), learning_rate
        )
        return [u + d for u, d in zip(updates, decay, strict=True)]

    return decoupled_rule


def beside_terms(terms):
    """Its terms."""

    def decoupled_terms_of(gradients, learning_rate, weight_decay, **h):
        u = _magnitudes(terms(gradients, learning_rate=learning_rate, **h))
        decay = decayed([0 * x for x in u], weight_decay, np.abs(WEIGHTS))
        decay = _magnitudes(oracle.scale_by_learning_rate(decay, learning_rate))
        return [x + d for x, d in zip(u, decay, strict=True)]

    return decoupled_terms_of


def averaged_adagrad(gradients, learning_rate, decay, **h):
    """jax.example_libraries' Adagrad: averaged, the rate outside."""
    mean = oracle.ema(oracle.scale_by_rss(gradients, **h), decay, debias=False)
    return oracle.scale_by_learning_rate(mean, learning_rate)


TORCH, KERAS = jos.presets.torch, jos.presets.keras
NO_MOMENTUM = frozenset({"decay", "momentum"})
EPS_INSIDE = RMS | {"eps": 0.0, "eps_root": 1e-7}
PRESETS = [
    preset_case(
        "torch.sgd",
        TORCH.sgd,
        {"learning_rate": "lr", "decay": "momentum"} | same("weight_decay", "dampening"),
        RATE | {"decay": 0.9, "weight_decay": 0.1, "dampening": 0.5},
        damped,
        on_magnitudes(damped),
        shown={"dampening": "step_size_fn.dampening"},
        without=frozenset({"decay", "weight_decay", "dampening"}),
    ),
    preset_case(
        "torch.sgd-nesterov",
        with_options(TORCH.sgd, **NESTEROV),
        {"learning_rate": "lr", "decay": "momentum"},
        RATE | {"decay": 0.9},
        with_options(outside, **NESTEROV),
        linear(with_options(outside, **NESTEROV)),
        without=NO_MOMENTUM,
    ),
    preset_case(
        "torch.rmsprop-centered",
        with_options(TORCH.rmsprop, centered=True),
        {"learning_rate": "lr", "decay": "alpha"} | same("eps", "momentum"),
        RATE | RMS | {"momentum": 0.9},
        torch_rmsprop,
        torch_rmsprop_terms,
        shown={"decay": "0.decay", "momentum": "1.decay"},
        without=frozenset({"momentum"}),
    ),
    preset_case(
        "torch.adagrad",
        TORCH.adagrad,
        {"learning_rate": "lr"} | same("eps", "lr_decay", "initial_accumulator_value"),
        RATE | RSS | {"lr_decay": 0.01, "initial_accumulator_value": 0.1},
        slower,
        shown={"lr_decay": "step_size_fn.lr_decay"},
        without=frozenset({"lr_decay"}),
    ),
    preset_case(
        "torch.adam-decoupled",
        lambda b1, b2, **h: TORCH.adam(betas=(b1, b2), decoupled_weight_decay=True, **h),
        {"learning_rate": "lr"} | same("b1", "b2", "eps", "weight_decay"),
        ADAM | {"weight_decay": 0.1},
        beside(oracle.adam),
        beside_terms(linear(oracle.adam)),
        refuses=ADAM_MOVES,
        without=frozenset({"weight_decay"}),
    ),
    preset_case(
        "keras.sgd-nesterov",
        with_options(KERAS.sgd, **NESTEROV),
        same("learning_rate", "momentum", "weight_decay"),
        RATE | {"momentum": 0.9, "weight_decay": 0.1},
        beside(with_options(oracle.sgd, **NESTEROV)),
        beside_terms(linear(with_options(oracle.sgd, **NESTEROV))),
        without=frozenset({"momentum", "weight_decay"}),
    ),
    preset_case(
        "keras.rmsprop-centered",
        with_options(KERAS.rmsprop, centered=True),
        {"decay": "rho", "eps_root": "epsilon"} | same("learning_rate", "momentum", "weight_decay"),
        RATE | EPS_INSIDE | {"momentum": 0.9, "weight_decay": 0.1},
        beside(with_options(oracle.rmsprop, centered=True)),
        beside_terms(normalized(centered=True, momentum=True)),
        without=frozenset({"momentum", "weight_decay"}),
    ),
    preset_case(
        "keras.adam",
        KERAS.adam,
        {"b1": "beta_1", "b2": "beta_2", "eps": "epsilon"} | same("learning_rate", "weight_decay"),
        ADAM | {"b2": 0.9, "weight_decay": 0.1},  # at 0.999 differences in b2 are too coarse
        beside(oracle.adam_eps_hat),
        beside_terms(linear(oracle.adam_eps_hat)),
        refuses=ADAM_MOVES,
        without=frozenset({"weight_decay"}),
    ),
    preset_case(
        "tf1.rmsprop",
        jos.presets.tf1.rmsprop,
        {"eps_root": "epsilon"} | same("learning_rate", "decay", "momentum"),
        RATE | EPS_INSIDE | {"momentum": 0.9, "initial_accumulator_value": 1.0},
        oracle.rmsprop,
        normalized(momentum=True),
        without=frozenset({"momentum"}),
    ),
    preset_case(
        "optax.rmsprop-centered-bias_correction",
        with_options(jos.presets.optax.rmsprop, centered=True, bias_correction=True, **NESTEROV),
        {"eps_root": "eps", "initial_accumulator_value": "initial_scale"}
        | same("learning_rate", "decay", "momentum"),
        RATE | EPS_INSIDE | {"momentum": 0.9, "initial_accumulator_value": 0.5},
        with_options(oracle.rmsprop, centered=True, bias_correction=True, **NESTEROV),
        normalized(centered=True, bias_correction=True, momentum=True, **NESTEROV),
        shown=BOTH_DECAYS,
    ),
    preset_case(
        "optax.sgd",
        jos.presets.optax.sgd,
        same("learning_rate", decay="momentum"),
        RATE | {"decay": 0.9},
        outside,
        linear(outside),
    ),
    preset_case(
        "optax.adagrad",
        jos.presets.optax.adagrad,
        same("learning_rate", "initial_accumulator_value", eps_root="eps"),
        RATE | {"eps": 0.0, "eps_root": 1e-7, "initial_accumulator_value": 0.1},
        oracle.adagrad,
    ),
    preset_case(
        "jax_example.adagrad",
        jos.presets.jax_example.adagrad,
        {"learning_rate": "step_size", "decay": "momentum"},
        RATE | RSS | {"decay": 0.9, "eps": 0.0},
        averaged_adagrad,
        linear(averaged_adagrad),
        without=NO_MOMENTUM,
    ),
]


def _as_parts(case):
    """The chain of parts that a rule equals, held to the rule's own reference."""
    name = f"{case.name}-as-chain"
    return case._replace(name=name, make=case.parts, parts=None, shown=case.parts_shown)


# One chain of each shape here; that every rule equals its chain is a law of its own.
SHAPES = {"momentum", "nesterov", "rmsprop-momentum", "rmsprop-centered", "adagrad"}
CASES = [
    *RULES,
    *PARTS,
    *CHAINS,
    *(_as_parts(c) for c in RULES if c.name in SHAPES),
    *WRAPPERS,
    *PRESETS,
]
# A coefficient in [0, 1], which the laws also run near and at both ends.
COEFFICIENTS = {"mu", "momentum", "decay", "rho", "b1", "b2", "first", "second", "mean_decay"}
COEFFICIENTS |= {
    n for c in CASES if c.rule for n, r in c.rule.hyperparameters() if (r.low, r.high) == (0, 1)
}
# Starting values belong to init and cannot be scheduled.
OF_INIT = {"initial_accumulator_value"}
# Numbers of schedules that a preset makes.
OF_SCHEDULES = {*LINE, *EVERY, "dampening", "lr_decay"}


def refuses_one(case):
    """Whether a coefficient of a rule may not be 1."""
    try:
        return not case.tx(**dict.fromkeys(COEFFICIENTS & {*case.hyperparameters}, 1.0))
    except ValueError:
        return True


# 1 - decay^t is divided by: the constructor refuses a decay of 1.
DEBIASED = {c.name for c in CASES if c.rule and refuses_one(c)} | {
    c.name
    for c in CASES
    if "bias_correction" in c.name
    or c.name.split(".")[-1].split("-")[0] in ("ema", "adam")
    or c.name.startswith(("nested-chain", "average_params", "nested-wrappers"))
}
# A centered rule at decay 0 has no variance: all of its denominator is rounding and eps.
CENTERED = {c.name for c in CASES if "centered" in c.name or "stddev" in c.name}
# All leaves meet in one number, so that those of one dtype have no reference of their own.
GLOBAL = {
    "clip_by_global_norm",
    "clip_by_global_norm-loose",
    "project-ball",
    "project-ball-tight",
    "apply_if_finite-poisoned",
    "nested-wrappers",
}
