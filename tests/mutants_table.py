"""The table of mutants: in how many ways each rule, and what stands around it, is broken on purpose.

A mutant replaces one piece of a source file, which must occur there exactly once, by another. It
`breaks` one or more subjects, and must be killed on each of them by that subject's own checks (see
mutants.py). None is equivalent to the original: what only rounding could tell apart is not here.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One deliberate error.

    Attributes:
      kind: what is wrong, in words.
      old: what stands in the file, exactly once.
      new: what stands there instead.
      on: words in the names of the cases that show it, tried first.
      by: words in the names of the laws or tests that should kill it, tried first.
      breaks: the subjects on which it must be killed.
      file: where it is, under jaxopt_slides/.
    """

    kind: str
    old: str
    new: str
    on: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    file: str = ""


RULES = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "rowwise_adagrad", "adadelta", "adam")
BALLS = ("sgd", "momentum", "nesterov", "rmsprop")  # have a velocity
LOOKING_AHEAD = ("sgd", "nesterov", "rmsprop", "trace")
SQUARED = ("rmsprop", "adagrad", "rowwise_adagrad", "adadelta", "adam")
WITH_EPS = ("rmsprop", "adagrad", "rowwise_adagrad", "adam")  # added to the root, not under it
WITH_EPS_ROOT = ("rmsprop", "adagrad", "rowwise_adagrad", "adam")
SUMMED = ("adagrad", "scale_by_rss")
AVERAGED = ("rmsprop", "ema", "adadelta", "adam")
CENTERED = ("rmsprop", "scale_by_stddev")
DEBIASED = ("rmsprop", "scale_by_rms", "ema", "adam")


def mutants(file, breaks, *table, on=(), by=()):
    """The rows of one file, or of one part of it, with what they have in common."""
    common = {"file": file, "breaks": breaks, "on": on, "by": by}
    rows = [Mutant(*row[:3], **(row[3] if len(row) > 3 else {})) for row in table]
    return [m._replace(**{k: getattr(m, k) or v for k, v in common.items()}) for m in rows]


def instead(old, *table):
    """Rows that replace the same piece."""
    return [(kind, old, new, *options) for kind, new, *options in table]


# --- The formulas, each used by several rules

FORMULAS = "_core/formulas.py"
TURN = {"on": ("momentum", "nesterov")}
AHEAD = {"on": ("nesterov",)}

SQUARE = mutants(
    FORMULAS,
    SQUARED,
    *instead(
        "return jnp.square(g)\n",
        ("square forgotten", "return g\n"),
        ("absolute value for the square", "return jnp.abs(g)\n"),
        ("square doubled", "return 2 * jnp.square(g)\n"),
        ("negative square", "return -jnp.square(g)\n"),
        ("squared twice", "return jnp.square(jnp.square(g))\n"),
    ),
) + mutants(
    FORMULAS,
    SQUARED,
    *instead(
        "return jnp.square(g.real) + jnp.square(g.imag)",
        ("complex: g^2 for |g|^2", "return jnp.square(g).real"),
        ("complex: imaginary part forgotten", "return jnp.square(g.real)"),
        ("complex: |g| for |g|^2", "return jnp.abs(g)"),
        ("complex: a complex accumulator", "return jnp.square(g)"),
    ),
    by=("dtypes",),
)

MOVING_AVERAGE = mutants(
    FORMULAS,
    AVERAGED,
    *instead(
        "return beta * s + (1 - beta) * x",
        ("(1 - beta) missing", "return beta * s + x"),
        ("(1 - beta) twice", "return beta * s + (1 - beta) * ((1 - beta) * x)"),
        ("beta and 1 - beta swapped", "return (1 - beta) * s + beta * x"),
        ("1 - beta on both", "return (1 - beta) * s + (1 - beta) * x"),
        ("beta on both", "return beta * s + beta * x"),
        ("beta missing", "return s + (1 - beta) * x"),
        ("beta twice", "return beta * (beta * s) + (1 - beta) * x"),
        ("the past forgotten", "return (1 - beta) * x"),
        ("the present forgotten", "return beta * s"),
        ("minus", "return beta * s - (1 - beta) * x"),
        ("beta on the whole", "return beta * (s + (1 - beta) * x)"),
    ),
)
ACCUMULATE = mutants(
    FORMULAS,
    SUMMED,
    *instead(
        "return c + square(g)",
        ("the present forgotten", "return c"),
        ("the past forgotten", "return square(g)"),
        ("square forgotten", "return c + g"),
        ("magnitudes summed", "return c + abs(g)"),
        ("minus", "return c - square(g)"),
        ("half the square", "return c + square(g) / 2"),
        ("an average of two", "return (c + square(g)) / 2"),
        ("an average, as RMSProp's", "return 0.9 * c + 0.1 * square(g)"),
        ("the sum doubled", "return 2 * c + square(g)"),
        ("a product", "return c * square(g)"),
    ),
)

CORRECT = {"on": ("rmsprop-bias_correction", "scale_by_rms-bias_correction")}
DEBIAS = mutants(
    FORMULAS,
    DEBIASED,
    *instead(
        "return beta.one_minus_power(jnp.maximum(count + 1, count))",
        ("correction's exponent t", "return beta.one_minus_power(count)"),
        ("correction's exponent t + 2", "return beta.one_minus_power(count + 2)"),
        ("correction without a power", "return 1 - beta"),
        ("correction by beta^t", "return 1 - beta.one_minus_power(count + 1)"),
        ("correction multiplied", "return 1 / beta.one_minus_power(count + 1)"),
        ("correction twice", "return beta.one_minus_power(count + 1) ** 2"),
        ("correction forgotten", "return jnp.ones_like(beta.one_minus_power(count))"),
        ("correction by its root", "return jnp.sqrt(beta.one_minus_power(count + 1))"),
        (
            "correction overflows with the count",
            "return beta.one_minus_power(count + 1)",
            {"by": ("test_oracle.py::test_the_bias_correction_is_over_at_the_largest_count",)},
        ),
    ),
    **CORRECT,
)

ROOT_OR_ZERO = mutants(
    FORMULAS,
    ("adadelta",),
    *instead(
        "jnp.where(positive, jnp.sqrt(jnp.where(positive, d, 1)), 0)",
        ("root of the past updates forgotten", "jnp.where(positive, d, 0)"),
        ("fourth root", "jnp.where(positive, jnp.sqrt(jnp.sqrt(jnp.where(positive, d, 1))), 0)"),
        ("reciprocal root", "jnp.where(positive, 1 / jnp.sqrt(jnp.where(positive, d, 1)), 0)"),
        ("1 where nothing moved", "jnp.sqrt(jnp.where(positive, d, 1))"),
        (
            "derivative infinite where nothing moved",
            "jnp.sqrt(d)",
            {"by": ("test_oracle.py::test_adadelta_without_eps_rests_and_has_finite_derivatives",)},
        ),
    ),
)

VELOCITY = mutants(
    FORMULAS,
    BALLS,
    *instead(
        'has :math:`u = -\\alpha g`."""\n    return mu * v + u',
        ("mu on the wrong term", '"""\n    return v + mu * u'),
        ("mu on both terms", '"""\n    return mu * (v + u)'),
        ("mu missing", '"""\n    return v + u'),
        ("mu twice", '"""\n    return mu * mu * v + u'),
        ("1 - mu for mu", '"""\n    return (1 - mu) * v + u'),
        ("damped by 1 - mu", '"""\n    return mu * v + (1 - mu) * u'),
        ("velocity forgotten", '"""\n    return u'),
        ("gradient forgotten", '"""\n    return mu * v'),
        ("gradient's sign", '"""\n    return mu * v - u'),
        ("velocity's sign", '"""\n    return u - mu * v'),
        ("gradient doubled", '"""\n    return mu * v + 2 * u'),
    ),
    **TURN,
)

LOOK_AHEAD = mutants(
    FORMULAS,
    LOOKING_AHEAD,
    *instead(
        'in advance."""\n    return mu * v + u',
        ("no look ahead", '"""\n    return v'),
        ("gradient forgotten", '"""\n    return mu * v'),
        ("velocity forgotten", '"""\n    return u'),
        ("mu missing", '"""\n    return v + u'),
        ("mu twice", '"""\n    return mu * mu * v + u'),
        ("mu on the wrong term", '"""\n    return v + mu * u'),
        ("damped by 1 - mu", '"""\n    return mu * v + (1 - mu) * u'),
        ("gradient's sign", '"""\n    return mu * v - u'),
        ("velocity's sign", '"""\n    return u - mu * v'),
    ),
    **AHEAD,
)

NEGATIVE = {"by": ("variance_is_not_negative",)}
VARIANCE = mutants(
    FORMULAS,
    CENTERED,
    *instead(
        "jnp.where(s > square(m), s - square(m), 0)",
        ("centered mean not squared", "jnp.where(s > m.real, s - m.real, 0)"),
        ("not centered", "s"),
        ("mean added", "s + square(m)"),
        ("clamp missing", "s - square(m)", NEGATIVE),
        ("clamp the wrong way", "jnp.where(s > square(m), 0, s - square(m))"),
        ("mean subtracted twice", "jnp.where(s > 2 * square(m), s - 2 * square(m), 0)"),
        ("clamped at the mean square", "jnp.where(s > square(m), s - square(m), s)", NEGATIVE),
    ),
    on=("centered", "scale_by_stddev"),
)

ROOT = mutants(
    FORMULAS,
    SQUARED,
    *instead(
        "return jnp.sqrt(jnp.maximum(s, jnp.finfo(s.dtype).tiny))",
        ("root forgotten", "return jnp.maximum(s, jnp.finfo(s.dtype).tiny)"),
        ("fourth root", "return jnp.sqrt(jnp.sqrt(jnp.maximum(s, jnp.finfo(s.dtype).tiny)))"),
        ("reciprocal root", "return 1 / jnp.sqrt(jnp.maximum(s, jnp.finfo(s.dtype).tiny))"),
        ("root bounded by a large number", "return jnp.sqrt(jnp.maximum(s, jnp.finfo(s.dtype).eps))"),
        ("root's bound removed", "return jnp.sqrt(s)", {"by": ("hypergradient",)}),
    ),
)

DIVIDE = mutants(
    FORMULAS,
    WITH_EPS,
    *instead(
        "return g / (root(s + eps_root) + eps)",
        ("eps inside the root", "return g / root(s + eps_root + eps)"),
        ("eps missing", "return g / root(s + eps_root)"),
        ("eps doubled", "return g / (root(s + eps_root) + 2 * eps)"),
        ("eps subtracted", "return g / (root(s + eps_root) - eps)"),
        ("eps as a bound", "return g / jnp.maximum(root(s + eps_root), eps)"),
        ("eps relative", "return g / (root(s + eps_root) * (1 + eps))"),
        ("multiplied", "return g * (root(s + eps_root) + eps)"),
        ("not divided", "return g"),
        ("sign lost", "return jnp.abs(g) / (root(s + eps_root) + eps)"),
        ("inverted", "return (root(s + eps_root) + eps) / jnp.where(g == 0, 1, g)"),
    ),
    *instead(
        "jnp.where((g == 0) & (s == 0), 0, g), s",
        ("guard at rest removed", "g, s", {"by": ("hypergradient_at_rest",)}),
    ),
) + mutants(
    FORMULAS,
    WITH_EPS_ROOT,
    *instead(
        "return g / (root(s + eps_root) + eps)",
        ("eps_root outside the root", "return g / (root(s) + eps_root + eps)"),
        ("eps_root missing", "return g / (root(s) + eps)"),
        ("eps and eps_root swapped", "return g / (root(s + eps) + eps_root)"),
        ("eps_root doubled", "return g / (root(s + 2 * eps_root) + eps)"),
    ),
    on=("eps_root",),
)

# --- The rules

SGD = mutants(
    "_rules/sgd.py",
    ("sgd",),
    *instead(
        "u = -self.learning_rate * g",
        ("sign", "u = self.learning_rate * g"),
        ("learning rate missing", "u = -g"),
        ("learning rate twice", "u = -self.learning_rate * (self.learning_rate * g)"),
        ("learning rate doubled", "u = -2 * self.learning_rate * g"),
        ("gradient squared", "u = -self.learning_rate * g * g"),
        ("updates are the new weights", "u = g - self.learning_rate * g"),
    ),
) + mutants(
    "_rules/sgd.py",
    ("sgd",),
    *instead(
        "v = integrate_velocity(self.momentum, s.velocity, u)\n",
        (
            "learning rate twice in the velocity",
            "v = integrate_velocity(self.momentum, s.velocity, self.learning_rate * u)\n",
        ),
        ("velocity of ascent", "v = integrate_velocity(self.momentum, s.velocity, -u)\n"),
        ("learning rate for mu", "v = integrate_velocity(self.learning_rate, s.velocity, u)\n"),
        ("velocity and gradient swapped", "v = integrate_velocity(self.momentum, u, s.velocity)\n"),
    ),
    *instead(
        "u = look_ahead(self.momentum, v, u) if self.nesterov else v",
        ("nesterov ignored", "u = v", AHEAD),
        ("nesterov always", "u = look_ahead(self.momentum, v, u)"),
        ("nesterov the wrong way round", "u = v if self.nesterov else look_ahead(self.momentum, v, u)"),
        (
            "nesterov with the old velocity",
            "u = look_ahead(self.momentum, s.velocity, u) if self.nesterov else v",
            AHEAD,
        ),
        (
            "nesterov from the velocity alone",
            "u = look_ahead(self.momentum, v, v) if self.nesterov else v",
            AHEAD,
        ),
        ("old velocity used", "u = look_ahead(self.momentum, v, u) if self.nesterov else s.velocity"),
        ("velocity and gradient both added", "u = v + u"),
    ),
    *instead(
        "return u, s._replace(velocity=v)",
        ("velocity not advanced", "return u, s"),
        ("update stored for the velocity", "return u, s._replace(velocity=u)", AHEAD),
        ("negative velocity stored", "return u, s._replace(velocity=-v)"),
    ),
    (
        "learning rate outside the velocity",
        "v = integrate_velocity(self.momentum, s.velocity, u)\n"
        "        u = look_ahead(self.momentum, v, u) if self.nesterov else v\n"
        "        return u, s",
        "v = integrate_velocity(self.momentum, s.velocity, -g)\n"
        "        u = look_ahead(self.momentum, v, -g) if self.nesterov else v\n"
        "        return self.learning_rate * u, s",
    ),
    ("momentum ignored", "if self.momentum is None:", "if True:"),
    *instead(
        "if self.momentum is None else full_like(w)",
        ("velocity starts at the weights", "if self.momentum is None else full_like(w) + w"),
        ("velocity starts at 1", "if self.momentum is None else full_like(w, 1.0)"),
    ),
    **TURN,
)

MOMENTUM = mutants(
    "_rules/momentum.py",
    ("momentum",),
    *instead(
        "p = integrate_velocity(self.mu, s.velocity, -self.learning_rate * g)",
        ("sign", "p = integrate_velocity(self.mu, s.velocity, self.learning_rate * g)"),
        ("learning rate missing", "p = integrate_velocity(self.mu, s.velocity, -g)"),
        (
            "learning rate twice",
            "p = integrate_velocity(self.mu, s.velocity, -self.learning_rate * (self.learning_rate "
            "* g))",
        ),
        (
            "learning rate on the velocity",
            "p = self.learning_rate * integrate_velocity(self.mu, s.velocity, -g)",
        ),
        (
            "learning rate and mu swapped",
            "p = integrate_velocity(self.learning_rate, s.velocity, -self.mu * g)",
        ),
        ("mu for the learning rate", "p = integrate_velocity(self.mu, s.velocity, -self.mu * g)"),
        (
            "velocity and gradient swapped",
            "p = integrate_velocity(self.mu, -self.learning_rate * g, s.velocity)",
        ),
        (
            "gradient squared",
            "p = integrate_velocity(self.mu, s.velocity, -self.learning_rate * g * g)",
        ),
        ("no velocity", "p = -self.learning_rate * g"),
        ("1 - mu for mu", "p = integrate_velocity(1 - self.mu, s.velocity, -self.learning_rate * g)"),
        (
            "mu on the wrong term",
            "p = s.velocity + self.mu * (-self.learning_rate * g)",
        ),
    ),
    *instead(
        "return p, s._replace(velocity=p)",
        ("velocity not advanced", "return p, s"),
        ("old velocity used", "return s.velocity, s._replace(velocity=p)"),
        ("looks ahead", "return self.mu * p - self.learning_rate * g, s._replace(velocity=p)"),
        ("gradient added again", "return p - self.learning_rate * g, s._replace(velocity=p)"),
        ("negative velocity stored", "return p, s._replace(velocity=-p)"),
        ("velocity damped when stored", "return p, s._replace(velocity=self.mu * p)"),
        ("velocity damped when used", "return self.mu * p, s._replace(velocity=p)"),
        ("velocity doubled when used", "return 2 * p, s._replace(velocity=p)"),
        ("both velocities added", "return p + s.velocity, s._replace(velocity=p)"),
        ("gradient stored for the velocity", "return p, s._replace(velocity=g)"),
    ),
    (
        "learning rate outside the velocity",
        "-self.learning_rate * g)  # p = mu p - alpha g\n        return p, s",
        "-g)\n        return self.learning_rate * p, s",
    ),
    *instead(
        "velocity=full_like(w))",
        ("velocity starts at the weights", "velocity=full_like(w) + w)"),
        ("velocity starts at 1", "velocity=full_like(w, 1.0))"),
    ),
    ("arguments swapped", "Momentum(learning_rate, mu)", "Momentum(mu, learning_rate)"),
)

NO_OPTION = {"by": ("test_preset_details.py::test_an_option_is_true_or_false",)}
NESTEROV = mutants(
    "_rules/nesterov.py",
    ("nesterov",),
    *instead(
        "u = -self.learning_rate * g",
        ("sign", "u = self.learning_rate * g"),
        ("learning rate missing", "u = -g"),
        ("learning rate twice", "u = -self.learning_rate * (self.learning_rate * g)"),
        ("mu for the learning rate", "u = -self.mu * g"),
    ),
    *instead(
        "p = integrate_velocity(self.mu, s.velocity, u)",
        ("sign of the gradient in the velocity", "p = integrate_velocity(self.mu, s.velocity, -u)"),
        ("no velocity", "p = u"),
        ("learning rate for mu", "p = integrate_velocity(self.learning_rate, s.velocity, u)"),
        ("velocity and gradient swapped", "p = integrate_velocity(self.mu, u, s.velocity)"),
        ("learning rate outside the velocity only", "p = integrate_velocity(self.mu, s.velocity, -g)"),
    ),
    *instead(
        "return look_ahead(self.mu_ahead, p, u), s._replace(velocity=p)",
        ("no look ahead", "return p, s._replace(velocity=p)"),
        (
            "old velocity used",
            "return look_ahead(self.mu_ahead, s.velocity, u), s._replace(velocity=p)",
        ),
        ("velocity not advanced", "return look_ahead(self.mu_ahead, p, u), s"),
        ("mu twice", "return look_ahead(self.mu_ahead * self.mu_ahead, p, u), s._replace(velocity=p)"),
        ("from the velocity alone", "return look_ahead(self.mu_ahead, p, p), s._replace(velocity=p)"),
        ("arguments swapped", "return look_ahead(self.mu_ahead, u, p), s._replace(velocity=p)"),
        (
            "update stored for the velocity",
            "p = look_ahead(self.mu_ahead, p, u)\n        return p, s._replace(velocity=p)",
        ),
        (
            "gradient with the wrong sign",
            "return look_ahead(self.mu_ahead, p, -u), s._replace(velocity=p)",
        ),
        ("gradient itself", "return look_ahead(self.mu_ahead, p, g), s._replace(velocity=p)"),
        ("gradient forgotten", "return self.mu_ahead * p, s._replace(velocity=p)"),
        (
            "old iterate's form: (1 + mu) p - mu p_old",
            "return p + self.mu * (p - s.velocity) + u, s._replace(velocity=p)",
        ),
        ("looks behind", "return (p - u) / 2 + u, s._replace(velocity=p)"),
    ),
    *instead(
        "velocity=full_like(w))",
        ("velocity starts at the weights", "velocity=full_like(w) + w)"),
        ("velocity starts at 1", "velocity=full_like(w, 1.0))"),
    ),
    ("learning rate and mu swapped", "Nesterov(learning_rate, mu, ", "Nesterov(mu, learning_rate, "),
    (
        "learning rate outside the velocity",
        "u = -self.learning_rate * g\n"
        "        p = integrate_velocity(self.mu, s.velocity, u)  # p = mu p - alpha g\n"
        "        return look_ahead(self.mu_ahead, p, u), s",
        "p = integrate_velocity(self.mu, s.velocity, -g)\n"
        "        return self.learning_rate * look_ahead(self.mu_ahead, p, -g), s",
    ),
) + mutants(
    "_rules/nesterov.py",
    ("nesterov",),
    *instead(
        "super().at(jnp.maximum(count + 1, count), dtype) if self.true_lookahead else now",
        ("true_lookahead ignored", "now"),
        ("true_lookahead always", "super().at(jnp.maximum(count + 1, count), dtype)"),
        (
            "true_lookahead the wrong way round",
            "now if self.true_lookahead else super().at(jnp.maximum(count + 1, count), dtype)",
        ),
        (
            "the next count overflows",
            "super().at(count + 1, dtype) if self.true_lookahead else now",
            {"by": ("test_preset_details.py::test_nothing_overflows_at_the_largest_count",)},
        ),
        ("mu of t + 2", "super().at(count + 2, dtype) if self.true_lookahead else now"),
        ("mu of t - 1", "super().at(count - 1, dtype) if self.true_lookahead else now"),
        ("the last mu for ever", "super().at(2**31 - 1, dtype) if self.true_lookahead else now"),
    ),
    *instead(
        "return now.replace(mu_ahead=ahead.mu)",
        ("the whole next step's numbers", "return ahead.replace(mu_ahead=ahead.mu)"),
        (
            "the next learning rate, too",
            "return now.replace(mu_ahead=ahead.mu, learning_rate=ahead.learning_rate)",
        ),
        ("both with the next mu", "return now.replace(mu_ahead=ahead.mu, mu=ahead.mu)"),
        ("mu and the next mu swapped", "return now.replace(mu_ahead=now.mu, mu=ahead.mu)"),
        ("the next learning rate for the next mu", "return now.replace(mu_ahead=ahead.learning_rate)"),
    ),
    *instead(
        "return look_ahead(self.mu_ahead, p, u), s._replace(velocity=p)",
        ("the next mu not used", "return look_ahead(self.mu, p, u), s._replace(velocity=p)"),
        (
            "the next mu on the gradient, too",
            "return look_ahead(self.mu_ahead, p, self.mu_ahead / self.mu * u), s._replace(velocity=p)",
        ),
        (
            "the next mu already in the velocity",
            "return look_ahead(self.mu_ahead, p, u), s._replace(velocity=self.mu_ahead / self.mu * p)",
        ),
    ),
    (
        "true_lookahead lost",
        "Nesterov(learning_rate, mu, true_lookahead)",
        "Nesterov(learning_rate, mu)",
    ),
    (
        "true_lookahead unchecked",
        '    require_options("nesterov", true_lookahead=true_lookahead)\n',
        "",
        NO_OPTION,
    ),
    on=("true_lookahead",),
    by=("schedules_anywhere",),
)

ALL = {"on": ("centered-nesterov",)}
STARTED = {"on": ("initial",)}
COMPLEX = {"by": ("dtypes",)}
CENTER = {"on": ("stddev-bias_correction",)}
CORRECT_MEAN = {"breaks": ("scale_by_stddev",), "on": ("bias_correction",)}

NORMALIZE = (
    mutants(
        "_rules/rmsprop.py",
        ("rmsprop",),
        *instead(
            "moving_average(r.decay, s.mean_square, square(g))",
            ("square forgotten", "moving_average(r.decay, s.mean_square, g)"),
            ("cache and square swapped", "moving_average(r.decay, square(g), s.mean_square)"),
            ("a sum, as Adagrad's", "s.mean_square + square(g)"),
            ("no memory", "square(g)"),
            (
                "root averaged instead of square",
                "square(moving_average(r.decay, s.mean_square, abs(g)))",
            ),
        ),
        *instead(
            "    new = s._replace(mean_square=cache, mean=mean)\n",
            ("cache not advanced", "    new = s._replace(mean=mean)\n"),
            (
                "stale cache: the slide's formula",
                "    cache, new = s.mean_square, s._replace(mean_square=cache, mean=mean)\n",
            ),
            ("mean not advanced", "    new = s._replace(mean_square=cache)\n", CENTER),
            (
                "stale mean",
                "    mean, new = s.mean, s._replace(mean_square=cache, mean=mean)\n",
                CENTER,
            ),
        ),
        *instead(
            "return divide_by_root(g, cache, r.eps, r.eps_root), new",
            ("eps and eps_root swapped", "return divide_by_root(g, cache, r.eps_root, r.eps), new"),
            ("square divided", "return divide_by_root(square(g), cache, r.eps, r.eps_root), new"),
            (
                "divided twice",
                "return divide_by_root(divide_by_root(g, cache, r.eps, r.eps_root), cache, r.eps, "
                "r.eps_root), new",
            ),
            ("not divided", "return g, new"),
            ("sign", "return -divide_by_root(g, cache, r.eps, r.eps_root), new"),
        ),
        ("bias correction always", "if r.bias_correction:\n        cache", "if True:\n        cache"),
    )
    + mutants(
        "_rules/rmsprop.py",
        ("rmsprop", "scale_by_rms"),
        ("bias correction never", "if r.bias_correction:\n        cache", "if False:\n        cache"),
        *instead(
            "cache, mean = debias(r.decay, (cache, mean), s.count)\n",
            ("bias correction not on the cache", "_, mean = debias(r.decay, (cache, mean), s.count)\n"),
            (
                "bias correction of the old cache",
                "cache, mean = debias(r.decay, (s.mean_square, mean), s.count)\n",
            ),
            (
                "bias-corrected cache stored",
                "cache, mean = debias(r.decay, (cache, mean), s.count)\n"
                "        new = new._replace(mean_square=cache)\n",
            ),
        ),
        *instead(
            "    if self.bias_correction:\n        require",
            (
                "0/0 accepted",
                "    if False:\n        require",
                {"by": ("test_errors.py::test_bad_call",)},
            ),
        ),
        **CORRECT,
    )
    + mutants(
        "_rules/rmsprop.py",
        CENTERED,
        *instead(
            "cache, mean = debias(r.decay, (cache, mean), s.count)",
            (
                "bias correction on the cache only",
                "cache = debias(r.decay, cache, s.count)",
                CORRECT_MEAN,
            ),
            (
                "bias-corrected mean stored",
                "cache, mean = debias(r.decay, (cache, mean), s.count)\n        new = "
                "new._replace(mean=mean)",
                CORRECT_MEAN,
            ),
            (
                "mean's bias correction multiplied",
                "cache = debias(r.decay, cache, s.count)\n        "
                "mean = mean if mean is None else mean * r.decay.one_minus_power(s.count + 1)",
                CORRECT_MEAN,
            ),
            (
                "mean's bias correction twice",
                "cache, mean = debias(r.decay, (cache, debias(r.decay, mean, s.count)), s.count)",
                CORRECT_MEAN,
            ),
        ),
        *instead(
            "moving_average(r.decay, s.mean, g) if r.centered else None",
            ("mean of squares", "moving_average(r.decay, s.mean, square(g)) if r.centered else None"),
            ("mean of magnitudes", "moving_average(r.decay, s.mean, abs(g)) if r.centered else None"),
            ("mean without memory", "g if r.centered else None"),
            ("mean and gradient swapped", "moving_average(r.decay, g, s.mean) if r.centered else None"),
            ("a sum for the mean", "s.mean + g if r.centered else None"),
        ),
        ("not centered", "cache = variance(cache, mean)", "cache = cache + 0"),
        ("mean and cache swapped", "variance(cache, mean)", "variance(mean, cache)"),
        **CENTER,
    )
)

RMSPROP = mutants(
    "_rules/rmsprop.py",
    ("rmsprop",),
    *instead(
        "u = -self.learning_rate * u",
        ("sign", "u = self.learning_rate * u"),
        ("learning rate missing", "u = -u"),
        ("learning rate twice", "u = -self.learning_rate * (self.learning_rate * u)"),
        ("learning rate times the gradient", "u = -self.learning_rate * g"),
    ),
    (
        "learning rate inside the square",
        "u, s = normalize(self, g, s)",
        "u, s = normalize(self, self.learning_rate * g, s)\n        u = u / self.learning_rate",
    ),
    (
        "learning rate outside the velocity",
        "u = -self.learning_rate * u\n"
        "        if self.momentum is None:\n"
        "            return u, s\n"
        "        v = integrate_velocity(self.momentum, s.velocity, u)\n"
        "        u = look_ahead(self.momentum, v, u) if self.nesterov else v\n"
        "        return u, s",
        "if self.momentum is None:\n"
        "            return -self.learning_rate * u, s\n"
        "        v = integrate_velocity(self.momentum, s.velocity, -u)\n"
        "        u = look_ahead(self.momentum, v, -u) if self.nesterov else v\n"
        "        return self.learning_rate * u, s",
        TURN,
    ),
    ("momentum ignored", "if self.momentum is None:", "if True:", TURN),
    *instead(
        "integrate_velocity(self.momentum, s.velocity, u)",
        (
            "velocity of raw gradients",
            "integrate_velocity(self.momentum, s.velocity, -self.learning_rate * g)",
        ),
        ("velocity of ascent", "integrate_velocity(self.momentum, s.velocity, -u)"),
        ("decay for the momentum", "integrate_velocity(self.decay, s.velocity, u)", ALL),
        ("velocity and update swapped", "integrate_velocity(self.momentum, u, s.velocity)"),
    ),
    *instead(
        "u = look_ahead(self.momentum, v, u) if self.nesterov else v",
        ("nesterov ignored", "u = v", AHEAD),
        ("nesterov always", "u = look_ahead(self.momentum, v, u)", TURN),
        (
            "nesterov with the old velocity",
            "u = look_ahead(self.momentum, s.velocity, u) if self.nesterov else v",
            AHEAD,
        ),
        (
            "nesterov from the velocity alone",
            "u = look_ahead(self.momentum, v, v) if self.nesterov else v",
            AHEAD,
        ),
        ("velocity and update both added", "u = v + u", TURN),
    ),
    *instead(
        "return u, s._replace(velocity=v)",
        ("velocity not advanced", "return u, s", TURN),
        ("old velocity used", "return s.velocity, s._replace(velocity=v)", TURN),
        ("update stored for the velocity", "return u, s._replace(velocity=u)", AHEAD),
    ),
    *instead(
        "mean_square=full_like(w, self.initial_accumulator_value, accumulator=True)",
        ("initial accumulator ignored", "mean_square=full_like(w, accumulator=True)", STARTED),
        (
            "initial accumulator squared",
            "mean_square=full_like(w, self.initial_accumulator_value**2, accumulator=True)",
            ALL,
        ),
        ("cache starts at the weights", "mean_square=full_like(w, accumulator=True) + abs(w)"),
        ("complex cache", "mean_square=full_like(w, self.initial_accumulator_value)", COMPLEX),
    ),
    *instead(
        "velocity=None if self.momentum is None else full_like(w)",
        (
            "velocity starts at the initial accumulator",
            "velocity=None if self.momentum is None else full_like(w, self.initial_accumulator_value)",
            ALL,
        ),
    ),
    *instead(
        "mean=full_like(w) if self.centered else None",
        (
            "mean starts at the initial accumulator",
            "mean=full_like(w, self.initial_accumulator_value) if self.centered else None",
            ALL,
        ),
        ("real mean", "mean=full_like(w, accumulator=True) if self.centered else None", CENTER),
    ),
    (
        "1 - decay loses its digits",
        "decay: Any = hyperparameter(0, 1, near_one=True)",
        "decay: Any = hyperparameter(0, 1)",
        {"by": ("oracle_float32",)},
    ),
)

ADAGRAD_START = (
    ("initial accumulator ignored", "c = full_like(w, accumulator=True)"),
    ("sum starts at the weights", "c = full_like(w, accumulator=True) + abs(w)"),
    ("sum starts at 1", "c = full_like(w, 1.0, accumulator=True)"),
    ("complex sum", "c = full_like(w, self.initial_accumulator_value)"),
    (
        "initial accumulator squared",
        "c = full_like(w, self.initial_accumulator_value**2, accumulator=True)",
    ),
)
INITIAL = "c = full_like(w, self.initial_accumulator_value, accumulator=True)"

ADAGRAD = mutants(
    "_rules/adagrad.py",
    ("adagrad",),
    *instead(
        "c = accumulate(s.sum_of_squares, g)",
        ("sum and gradient swapped", "c = accumulate(g, s.sum_of_squares)"),
        ("no memory", "c = accumulate(0, g)"),
        ("the present forgotten", "c = s.sum_of_squares"),
    ),
    *instead(
        "u = -self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)",
        ("sign", "u = self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)"),
        ("learning rate missing", "u = -divide_by_root(g, c, self.eps, self.eps_root)"),
        (
            "learning rate twice",
            "u = -self.learning_rate * (self.learning_rate * divide_by_root(g, c, self.eps, "
            "self.eps_root))",
        ),
        (
            "old sum used",
            "u = -self.learning_rate * divide_by_root(g, s.sum_of_squares, self.eps, self.eps_root)",
        ),
        (
            "eps and eps_root swapped",
            "u = -self.learning_rate * divide_by_root(g, c, self.eps_root, self.eps)",
        ),
        (
            "square divided",
            "u = -self.learning_rate * divide_by_root(g * abs(g), c, self.eps, self.eps_root)",
        ),
        ("not divided", "u = -self.learning_rate * g"),
        (
            "learning rate inside the quotient",
            "u = -divide_by_root(self.learning_rate * g, self.learning_rate**2 * c, self.eps, "
            "self.eps_root)",
        ),
        (
            "learning rate for eps",
            "u = -self.learning_rate * divide_by_root(g, c, self.learning_rate, self.eps_root)",
        ),
    ),
    *instead(
        "return u, s._replace(sum_of_squares=c)",
        ("sum not advanced", "return u, s"),
        ("square stored for the sum", "return u, s._replace(sum_of_squares=accumulate(0, g))"),
        (
            "update's square stored",
            "return u, s._replace(sum_of_squares=accumulate(s.sum_of_squares, u))",
        ),
        (
            "learning rate in the stored sum",
            "return u, s._replace(sum_of_squares=self.learning_rate * c)",
        ),
    ),
) + mutants("_rules/adagrad.py", ("adagrad",), *instead(INITIAL, *ADAGRAD_START), on=("initial",))

ROWWISE = "_rules/rowwise_adagrad.py"
SUMMED_ROWS = "c = accumulate_rows(s.sum_of_squares, g)"
START_OF_ROWS = "c = full_like(row_sum(w), self.initial_accumulator_value, accumulator=True)"
DIVIDED_ROWS = "u = -self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)"


def rows(*names):
    """The tests of arrays with rows that kill a mutant; the weights of a case are one row."""
    return {"by": tuple(f"test_rowwise_adagrad.py::test_{name}" for name in names)}


LOOP = rows("it_is_the_loop_over_rows")
ROWWISE_ADAGRAD = (
    mutants(
        ROWWISE,
        ("rowwise_adagrad",),
        *instead(
            SUMMED_ROWS,
            ("sum and gradient swapped", "c = accumulate_rows(g, s.sum_of_squares)"),
            ("no memory", "c = accumulate_rows(0, g)"),
            ("the present forgotten", "c = s.sum_of_squares"),
            ("the sum of a row", "c = s.sum_of_squares + row_sum(g * g)"),
            ("the largest of a row", "c = s.sum_of_squares + (g * g).max(keepdims=True)"),
            ("the mean gradient squared", "c = s.sum_of_squares + (g.mean(keepdims=True)) ** 2"),
            (
                "one sum for all rows",
                "c = s.sum_of_squares + (abs(g) ** 2).mean() if g.size else s.sum_of_squares",
                LOOP,
            ),
        ),
        *instead(
            DIVIDED_ROWS,
            ("sign", "u = self.learning_rate * divide_by_root(g, c, self.eps, self.eps_root)"),
            ("learning rate missing", "u = -divide_by_root(g, c, self.eps, self.eps_root)"),
            (
                "learning rate twice",
                "u = -self.learning_rate * (self.learning_rate * divide_by_root(g, c, self.eps, "
                "self.eps_root))",
            ),
            (
                "old sum used",
                "u = -self.learning_rate * divide_by_root(g, s.sum_of_squares, self.eps, "
                "self.eps_root)",
            ),
            (
                "eps and eps_root swapped",
                "u = -self.learning_rate * divide_by_root(g, c, self.eps_root, self.eps)",
            ),
            ("not divided", "u = -self.learning_rate * g"),
            (
                "the mean of a row moves it",
                "u = -self.learning_rate * divide_by_root(g.mean() + 0 * g, c, self.eps, "
                "self.eps_root)",
            ),
            (
                "learning rate for eps",
                "u = -self.learning_rate * divide_by_root(g, c, self.learning_rate, self.eps_root)",
            ),
        ),
        *instead(
            "return u, s._replace(sum_of_squares=c)",
            ("sum not advanced", "return u, s"),
            (
                "mean stored for the sum",
                "return u, s._replace(sum_of_squares=c - s.sum_of_squares)",
            ),
            (
                "update's square stored",
                "return u, s._replace(sum_of_squares=accumulate_rows(s.sum_of_squares, u))",
            ),
            (
                "learning rate in the stored sum",
                "return u, s._replace(sum_of_squares=self.learning_rate * c)",
            ),
        ),
    )
    + mutants(
        ROWWISE,
        ("rowwise_adagrad",),
        *instead(
            START_OF_ROWS,
            ("initial accumulator ignored", "c = full_like(row_sum(w), accumulator=True)"),
            (
                "sum starts at the weights",
                "c = full_like(row_sum(w), accumulator=True) + abs(row_sum(w))",
            ),
            ("sum starts at 1", "c = full_like(row_sum(w), 1.0, accumulator=True)"),
            ("complex sum", "c = full_like(row_sum(w), self.initial_accumulator_value)"),
            (
                "initial accumulator squared",
                "c = full_like(row_sum(w), self.initial_accumulator_value**2, accumulator=True)",
            ),
            (
                "a sum an element",
                "c = full_like(w, self.initial_accumulator_value, accumulator=True)",
            ),
            (
                "no sum for an empty row",
                "c = full_like(w[..., :1] if w.ndim else w, self.initial_accumulator_value, "
                "accumulator=True)",
                rows("one_real_number_a_row"),
            ),
        ),
        on=("initial",),
    )
    + mutants(
        FORMULAS,
        ("rowwise_adagrad",),
        *instead(
            "return c + row_mean(square(g))",
            ("the past forgotten", "return row_mean(square(g))"),
            ("square forgotten", "return c + row_mean(g)"),
            ("the mean of magnitudes", "return c + row_mean(abs(g))"),
            ("the square of the mean", "return c + square(row_mean(g))"),
            ("the sum of a row", "return c + row_sum(square(g))"),
            ("minus", "return c - row_mean(square(g))"),
            ("an average, as RMSProp's", "return 0.9 * c + 0.1 * row_mean(square(g))"),
            ("each element's own square", "return c + square(g)"),
        ),
        *instead(
            "trivial = x.ndim == 0 or x.shape[-1] == 0",
            ("the mean of nothing", "trivial = x.ndim == 0", LOOP),
            ("a scalar has no last axis", "trivial = x.ndim and x.shape[-1] == 0", LOOP),
            ("never the mean", "trivial = True"),
        ),
        *instead(
            "row_sum(x) if trivial else jnp.mean(x, axis=-1, keepdims=True)",
            (
                "the first axis",
                "row_sum(x) if trivial else jnp.mean(x, axis=0, keepdims=True)",
                LOOP,
            ),
            ("all axes", "row_sum(x) if trivial else jnp.mean(x, keepdims=True)", LOOP),
            ("the axis lost", "row_sum(x) if trivial else jnp.mean(x, axis=-1)"),
            (
                "divided by the number of elements but one",
                "row_sum(x) if trivial else row_sum(x) / max(x.shape[-1] - 1, 1)",
            ),
        ),
        *instead(
            "return x if jnp.ndim(x) == 0 else jnp.sum(x, axis=-1, keepdims=True)",
            (
                "the first axis",
                "return x if jnp.ndim(x) == 0 else jnp.sum(x, axis=0, keepdims=True)",
                LOOP,
            ),
            ("a scalar has no last axis", "return jnp.sum(x, axis=-1, keepdims=True)", LOOP),
            ("the first of a row", "return x if jnp.ndim(x) == 0 else x[..., :1]", LOOP),
        ),
    )
    + mutants(
        "_core/lift.py",
        ("rowwise_adagrad",),
        (
            "rows held to the shape of their leaf",
            """            if field in rows:
                like_rows""",
            """            if field in rows and False:
                like_rows""",
            rows("it_is_the_loop_over_rows"),
        ),
        (
            "rows not checked",
            '                require_same_shapes(self.name, what, column, "updates\' rows", like_rows)\n',
            "                pass\n",
            rows("a_state_of_another_shape_is_refused"),
        ),
        (
            "a scalar's shape expected",
            "np.shape(g) if rows else ()",
            "()",
            LOOP,
        ),
        (
            "the narrow state's shape forgotten",
            "jax.ShapeDtypeStruct(getattr(s, f).shape, self.narrow)",
            "jax.ShapeDtypeStruct((), self.narrow)",
            rows("accumulator_dtype"),
        ),
    )
    + mutants(
        "presets/_slots.py",
        ("rowwise_adagrad",),
        (
            "handed to a framework",
            "if known and per_row(member.node.rule):",
            "if False:",
            rows("no_framework_here_keeps_its_state"),
        ),
    )
    + mutants(
        "diagnostics/_regret.py",
        ("rowwise_adagrad",),
        (
            "a bound of rows",
            'if sums is None or hasattr(state, "per_row"):',
            "if sums is None:",
            rows("diagnostics"),
        ),
    )
)

STEP_OF_ADADELTA = "p = divide_by_root(root_or_zero(d + self.eps) * g, cache + self.eps, 0, 0)"
ADADELTA = mutants(
    "_rules/adadelta.py",
    ("adadelta",),
    *instead(
        "cache = moving_average(self.rho, s.mean_square, square(g))",
        ("square forgotten", "cache = moving_average(self.rho, s.mean_square, abs(g))"),
        ("cache and square swapped", "cache = moving_average(self.rho, square(g), s.mean_square)"),
        ("a sum, as Adagrad's", "cache = s.mean_square + square(g)"),
        ("no memory", "cache = square(g)"),
        ("the averages mixed up", "cache = moving_average(self.rho, d, square(g))"),
    ),
    *instead(
        STEP_OF_ADADELTA,
        ("as RMSProp", "p = divide_by_root(g, cache + self.eps, 0, 0)"),
        ("gradients not divided", "p = root_or_zero(d + self.eps) * g"),
        (
            "stale cache",
            "p = divide_by_root(root_or_zero(d + self.eps) * g, s.mean_square + self.eps, 0, 0)",
        ),
        (
            "roots swapped",
            "p = divide_by_root(root_or_zero(cache + self.eps) * g, d + self.eps, 0, 0)",
        ),
        (
            "eps missing from the updates",
            "p = divide_by_root(root_or_zero(d) * g, cache + self.eps, 0, 0)",
        ),
        (
            "eps missing from the gradients",
            "p = divide_by_root(root_or_zero(d + self.eps) * g, cache, 0, 0)",
        ),
        (
            "eps outside the updates' root",
            "p = divide_by_root((root_or_zero(d) + self.eps) * g, cache + self.eps, 0, 0)",
        ),
        (
            "eps outside the gradients' root",
            "p = divide_by_root(root_or_zero(d + self.eps) * g, cache, self.eps, 0)",
        ),
        (
            "eps squared",
            "p = divide_by_root(root_or_zero(d + self.eps**2) * g, cache + self.eps**2, 0, 0)",
        ),
        (
            "gradient squared",
            "p = divide_by_root(root_or_zero(d + self.eps) * g * abs(g), cache + self.eps, 0, 0)",
        ),
        (
            "root of the updates forgotten",
            "p = divide_by_root((d + self.eps) * g, cache + self.eps, 0, 0)",
        ),
        (
            "sign lost",
            "p = abs(divide_by_root(root_or_zero(d + self.eps) * g, cache + self.eps, 0, 0))",
        ),
        (
            "derivative at rest cut off",
            "p = divide_by_root(root_or_zero(d + self.eps) * g, cache, 0, self.eps)",
            {"by": ("test_oracle.py::test_adadelta_at_rest_follows_the_limit",)},
        ),
    ),
    (
        "fresh updates under the root",
        STEP_OF_ADADELTA + "\n        d = moving_average(self.rho, d, square(p))",
        STEP_OF_ADADELTA
        + "\n        d = moving_average(self.rho, d, square(p))"
        + "\n        "
        + STEP_OF_ADADELTA,
    ),
    *instead(
        "d = moving_average(self.rho, d, square(p))",
        (
            "learning rate in the past updates",
            "d = moving_average(self.rho, d, square(self.learning_rate * p))",
        ),
        ("gradients for updates", "d = moving_average(self.rho, d, square(g))"),
        ("updates not squared", "d = moving_average(self.rho, d, abs(p))"),
        ("updates summed", "d = d + square(p)"),
        ("last update only", "d = square(p)"),
        ("updates swapped", "d = moving_average(self.rho, square(p), d)"),
        ("learning rate for rho", "d = self.learning_rate * d + (1 - self.learning_rate) * square(p)"),
    ),
    *instead(
        "return -self.learning_rate * p, s._replace(mean_square=cache, mean_square_update=d)",
        ("sign", "return self.learning_rate * p, s._replace(mean_square=cache, mean_square_update=d)"),
        ("learning rate missing", "return -p, s._replace(mean_square=cache, mean_square_update=d)"),
        (
            "learning rate twice",
            "return -(self.learning_rate**2) * p, s._replace(mean_square=cache, mean_square_update=d)",
        ),
        (
            "learning rate times the gradient",
            "return -self.learning_rate * g, s._replace(mean_square=cache, mean_square_update=d)",
        ),
        ("cache not advanced", "return -self.learning_rate * p, s._replace(mean_square_update=d)"),
        ("updates not remembered", "return -self.learning_rate * p, s._replace(mean_square=cache)"),
        (
            "averages stored the wrong way round",
            "return -self.learning_rate * p, s._replace(mean_square=d, mean_square_update=cache)",
        ),
        (
            "update's average stored twice",
            "return -self.learning_rate * p, s._replace(mean_square=d, mean_square_update=d)",
        ),
    ),
    *instead(
        "mean_square=full_like(w, accumulator=True)",
        ("cache starts at 1", "mean_square=full_like(w, 1.0, accumulator=True)"),
        ("cache starts at the weights", "mean_square=full_like(w, accumulator=True) + abs(w)"),
        ("complex cache", "mean_square=full_like(w)", COMPLEX),
    ),
    *instead(
        "mean_square_update=full_like(w, accumulator=True)",
        ("updates start at 1", "mean_square_update=full_like(w, 1.0, accumulator=True)"),
        ("complex mean of updates", "mean_square_update=full_like(w)", COMPLEX),
    ),
    *instead(
        "idle = Idle()",
        ("called linear", "idle = Idle(linear_in_g=True)", {"by": ("coasts_or_refuses",)}),
        ("said to move", "idle = Idle(moves=True)", {"by": ("moves_as_declared",)}),
    ),
    (
        "1 - rho loses its digits",
        "rho: Any = hyperparameter(0, 1, near_one=True)",
        "rho: Any = hyperparameter(0, 1)",
        {"by": ("oracle_float32",)},
    ),
    ("arguments swapped", "Adadelta(learning_rate, rho, eps)", "Adadelta(rho, learning_rate, eps)"),
)

ADAM = mutants(
    "_rules/adam.py",
    ("adam",),
    *instead(
        "m = moving_average(self.b1, s.mean, g)",
        ("no mean", "m = g"),
        ("mean of squares", "m = moving_average(self.b1, s.mean, g * abs(g))"),
        ("mean and gradient swapped", "m = moving_average(self.b1, g, s.mean)"),
        ("a velocity for the mean", "m = self.b1 * s.mean + g"),
        ("b2 for b1", "m = moving_average(self.b2, s.mean, g)"),
        (
            "learning rate inside the mean",
            "m = moving_average(self.b1, s.mean, self.learning_rate * g)",
        ),
    ),
    *instead(
        "cache = moving_average(self.b2, s.mean_square, square(g))",
        ("b1 for b2", "cache = moving_average(self.b1, s.mean_square, square(g))"),
        ("square of the mean", "cache = moving_average(self.b2, s.mean_square, square(m))"),
        ("variance, as AdaBelief's", "cache = moving_average(self.b2, s.mean_square, square(g - m))"),
        ("square forgotten", "cache = moving_average(self.b2, s.mean_square, abs(g))"),
        ("no memory", "cache = square(g)"),
        ("a sum, as Adagrad's", "cache = s.mean_square + square(g)"),
        ("cache and square swapped", "cache = moving_average(self.b2, square(g), s.mean_square)"),
    ),
    *instead(
        "velocity, spread = debias(self.b1, m, s.count), debias(self.b2, cache, s.count)",
        ("no correction", "velocity, spread = m, cache"),
        ("mean uncorrected", "velocity, spread = m, debias(self.b2, cache, s.count)"),
        ("square uncorrected", "velocity, spread = debias(self.b1, m, s.count), cache"),
        (
            "corrections swapped",
            "velocity, spread = debias(self.b2, m, s.count), debias(self.b1, cache, s.count)",
        ),
        (
            "one correction for both",
            "velocity, spread = debias(self.b1, m, s.count), debias(self.b1, cache, s.count)",
        ),
        (
            "stale cache",
            "velocity, spread = debias(self.b1, m, s.count), debias(self.b2, s.mean_square, s.count)",
        ),
        (
            "stale mean",
            "velocity, spread = debias(self.b1, s.mean, s.count), debias(self.b2, cache, s.count)",
        ),
        (
            "corrected mean stored",
            "velocity, spread = debias(self.b1, m, s.count), debias(self.b2, cache, s.count)\n"
            "        m = velocity",
        ),
        (
            "corrected square stored",
            "velocity, spread = debias(self.b1, m, s.count), debias(self.b2, cache, s.count)\n"
            "        cache = spread",
        ),
        (
            "looks ahead, as Nadam",
            "velocity, spread = debias(self.b1, moving_average(self.b1, m, g), s.count), "
            "debias(self.b2, cache, s.count)",
        ),
        (
            "largest square, as AMSGrad",
            "cache = abs(cache - s.mean_square) / 2 + (cache + s.mean_square) / 2\n        velocity, "
            "spread = debias(self.b1, m, s.count), debias(self.b2, cache, s.count)",
        ),
    ),
    *instead(
        "u = -self.learning_rate * divide_by_root(velocity, spread, eps, self.eps_root)",
        ("sign", "u = self.learning_rate * divide_by_root(velocity, spread, eps, self.eps_root)"),
        ("learning rate missing", "u = -divide_by_root(velocity, spread, eps, self.eps_root)"),
        (
            "learning rate twice",
            "u = -(self.learning_rate**2) * divide_by_root(velocity, spread, eps, self.eps_root)",
        ),
        ("gradient divided", "u = -self.learning_rate * divide_by_root(g, spread, eps, self.eps_root)"),
        ("not divided", "u = -self.learning_rate * velocity"),
        (
            "eps inside the root",
            "u = -self.learning_rate * divide_by_root(velocity, spread, 0, eps)",
        ),
        ("eps missing", "u = -self.learning_rate * divide_by_root(velocity, spread, 0, 0)"),
        (
            "epsilon hat, as Keras",
            "u = -self.learning_rate * divide_by_root(velocity, spread, eps / "
            "(self.b2.one_minus_power(s.count + 1)) ** 0.5, self.eps_root)",
        ),
        (
            "divided by the mean's size, as Adamax's sign",
            "u = -self.learning_rate * divide_by_root(velocity, square(velocity), eps, self.eps_root)",
        ),
    ),
    *instead(
        "return u, s._replace(mean=m, mean_square=cache)",
        ("mean not advanced", "return u, s._replace(mean_square=cache)"),
        ("cache not advanced", "return u, s._replace(mean=m)"),
        ("gradient stored for the mean", "return u, s._replace(mean=g, mean_square=cache)"),
        ("update stored for the mean", "return u, s._replace(mean=u, mean_square=cache)"),
    ),
    *instead(
        "mean=full_like(w), mean_square",
        ("mean starts at the weights", "mean=full_like(w) + w, mean_square"),
        ("real mean", "mean=full_like(w, accumulator=True), mean_square", COMPLEX),
    ),
    *instead(
        "mean_square=full_like(w, accumulator=True)",
        ("cache starts at 1", "mean_square=full_like(w, 1.0, accumulator=True)"),
        ("complex cache", "mean_square=full_like(w)", COMPLEX),
    ),
    *instead(
        'for name in ("b1", "b2")',
        ("b1 = 1 accepted", 'for name in ("b2",)', {"by": ("test_errors.py::test_bad_call",)}),
        ("b2 = 1 accepted", 'for name in ("b1",)', {"by": ("test_errors.py::test_bad_call",)}),
    ),
    ("arguments swapped", "Adam(learning_rate, b1, b2, eps, ", "Adam(learning_rate, b2, b1, eps, "),
)

NADAM = "ahead = debias(self.b1, m, jnp.maximum(s.count + 1, s.count))"
BOTH = "velocity = moving_average(self.b1, ahead, debias(self.b1, g, s.count))"
HAT = "eps = self.eps / root(bias(self.b2, s.count)) if self.eps_hat else self.eps"
BY_ROOT = "u = -self.learning_rate * divide_by_root(velocity, spread, eps, self.eps_root)"
ADAM_OPTIONS = (
    mutants(
        "_rules/adam.py",
        ("adam",),
        *instead(
            "        if self.nesterov:\n",
            ("nesterov ignored", "        if False:\n"),
            ("nesterov always", "        if True:\n"),
        ),
        *instead(
            NADAM,
            ("the mean ahead corrected as at t", "ahead = debias(self.b1, m, s.count)"),
            ("the mean ahead corrected as at t + 2", "ahead = debias(self.b1, m, s.count + 2)"),
            ("the mean ahead uncorrected", "ahead = m"),
            ("the mean ahead corrected by b2", "ahead = debias(self.b2, m, s.count + 1)"),
            ("the mean ahead corrected twice", "ahead = debias(self.b1, velocity, s.count + 1)"),
            ("the old mean ahead", "ahead = debias(self.b1, s.mean, s.count + 1)"),
            (
                "the mean ahead overflows with the count",
                "ahead = debias(self.b1, m, s.count + 1)",
                {"by": ("test_preset_details.py::test_nothing_overflows_at_the_largest_count",)},
            ),
        ),
        *instead(
            BOTH,
            (
                "mean and gradient swapped",
                "velocity = moving_average(self.b1, debias(self.b1, g, s.count), ahead)",
            ),
            ("gradient uncorrected", "velocity = moving_average(self.b1, ahead, g)"),
            (
                "gradient corrected as the mean",
                "velocity = moving_average(self.b1, ahead, debias(self.b1, g, s.count + 1))",
            ),
            (
                "gradient corrected by b2",
                "velocity = moving_average(self.b1, ahead, debias(self.b2, g, s.count))",
            ),
            (
                "b2 between mean and gradient",
                "velocity = moving_average(self.b2, ahead, debias(self.b1, g, s.count))",
            ),
            ("gradient's share missing", "velocity = self.b1 * ahead"),
            ("gradient's share whole", "velocity = self.b1 * ahead + debias(self.b1, g, s.count)"),
            ("mean's share whole", "velocity = ahead + (1 - self.b1) * debias(self.b1, g, s.count)"),
            ("the mean looked ahead to is kept", "velocity = m = " + BOTH.removeprefix("velocity = ")),
        ),
        ("nesterov lost", "eps_root, nesterov, eps_hat))", "eps_root, False, eps_hat))"),
        on=("nesterov",),
    )
    + mutants(
        "_rules/adam.py",
        ("adam",),
        *instead(
            HAT,
            ("eps_hat ignored", "eps = self.eps"),
            ("eps_hat always", "eps = self.eps / root(bias(self.b2, s.count))"),
            (
                "eps_hat corrected by b1",
                "eps = self.eps / root(bias(self.b1, s.count)) if self.eps_hat else self.eps",
            ),
            (
                "eps_hat corrected without the root",
                "eps = self.eps / bias(self.b2, s.count) if self.eps_hat else self.eps",
            ),
            (
                "eps_hat multiplied",
                "eps = self.eps * root(bias(self.b2, s.count)) if self.eps_hat else self.eps",
            ),
            (
                "eps_hat corrected one step late",
                "eps = self.eps / root(bias(self.b2, s.count - 1)) if self.eps_hat else self.eps",
            ),
            (
                "eps_hat corrected one step early",
                "eps = self.eps / root(bias(self.b2, s.count + 1)) if self.eps_hat else self.eps",
            ),
            (
                "eps_hat corrected as at first",
                "eps = self.eps / root(1 - self.b2) if self.eps_hat else self.eps",
            ),
        ),
        ("eps_hat lost", "eps_root, nesterov, eps_hat))", "eps_root, nesterov, False))"),
        ("options swapped", "eps_root, nesterov, eps_hat))", "eps_root, eps_hat, nesterov))"),
        on=("keras.adam",),
    )
    + mutants(
        "_rules/adam.py",
        ("adam",),
        *instead(
            BY_ROOT,
            ("eps_root ignored", "u = -self.learning_rate * divide_by_root(velocity, spread, eps, 0)"),
            (
                "eps_root outside the root",
                "u = -self.learning_rate * divide_by_root(velocity, spread, eps + self.eps_root, 0)",
            ),
            (
                "eps_root's root outside the root",
                "u = -self.learning_rate * divide_by_root(velocity, spread, eps + root(self.eps_root), 0)",
            ),
            (
                "eps and eps_root swapped",
                "u = -self.learning_rate * divide_by_root(velocity, spread, self.eps_root, eps)",
            ),
            (
                "eps_root added before the correction",
                "u = -self.learning_rate * divide_by_root("
                "velocity, debias(self.b2, cache + self.eps_root, s.count), eps, 0)",
            ),
            (
                "eps_root squared",
                "u = -self.learning_rate * divide_by_root(velocity, spread, eps, self.eps_root**2)",
            ),
        ),
        ("eps and eps_root swapped as arguments", "b2, eps, eps_root, nest", "b2, eps_root, eps, nest"),
        *instead(
            'require_options("adam", nesterov=nesterov, eps_hat=eps_hat)',
            ("nesterov unchecked", 'require_options("adam", eps_hat=eps_hat)', NO_OPTION),
            ("eps_hat unchecked", 'require_options("adam", nesterov=nesterov)', NO_OPTION),
        ),
        on=("other_decays",),
    )
)

# --- The parts

AVERAGING = "_parts/averaging.py"
TRACE = mutants(
    AVERAGING,
    ("trace",),
    *instead(
        "v = integrate_velocity(self.decay, s.velocity, g)",
        ("sign", "v = integrate_velocity(self.decay, s.velocity, -g)"),
        ("velocity and gradient swapped", "v = integrate_velocity(self.decay, g, s.velocity)"),
        ("an average", "v = integrate_velocity(self.decay, s.velocity, (1 - self.decay) * g)"),
        ("no velocity", "v = g"),
    ),
    *instead(
        "u = look_ahead(self.decay, v, g) if self.nesterov else v",
        ("nesterov ignored", "u = v", AHEAD),
        ("nesterov always", "u = look_ahead(self.decay, v, g)"),
        (
            "nesterov with the old velocity",
            "u = look_ahead(self.decay, s.velocity, g) if self.nesterov else v",
            AHEAD,
        ),
        ("old velocity used", "u = look_ahead(self.decay, v, g) if self.nesterov else s.velocity"),
    ),
    *instead(
        "return u, s._replace(velocity=v)",
        ("velocity not advanced", "return u, s"),
        ("update stored", "return u, s._replace(velocity=u)", AHEAD),
    ),
    ("velocity starts at the weights", "velocity=full_like(w)", "velocity=full_like(w) + w"),
)
EMA = mutants(
    AVERAGING,
    ("ema",),
    *instead(
        "u = debias(self.decay, m, s.count) if self.debias else m",
        ("debias ignored", "u = m"),
        ("debias always", "u = debias(self.decay, m, s.count)"),
        ("debias the wrong way round", "u = m if self.debias else debias(self.decay, m, s.count)"),
        ("debiased mean stored", "u = m = debias(self.decay, m, s.count) if self.debias else m"),
        ("old mean used", "u = debias(self.decay, s.mean, s.count) if self.debias else s.mean"),
    ),
    ("mean not advanced", "return u, s._replace(mean=m)", "return u, s"),
    (
        "mean and gradient swapped",
        "moving_average(self.decay, s.mean, g)",
        "moving_average(self.decay, g, s.mean)",
    ),
    ("mean starts at the weights", "mean=full_like(w)", "mean=full_like(w) + w"),
)

NORMALIZING = "_parts/normalizing.py"
PARTS_NORMALIZING = (
    mutants(
        NORMALIZING,
        ("scale_by_rss",),
        *instead(
            "c = accumulate(s.sum_of_squares, g)",
            ("sum and gradient swapped", "c = accumulate(g, s.sum_of_squares)"),
            ("no memory", "c = accumulate(0, g)"),
            ("the present forgotten", "c = s.sum_of_squares"),
        ),
        *instead(INITIAL, *ADAGRAD_START),
        *instead(
            "return divide_by_root(g, c, self.eps, self.eps_root), s._replace(sum_of_squares=c)",
            (
                "sign",
                "return -divide_by_root(g, c, self.eps, self.eps_root), s._replace(sum_of_squares=c)",
            ),
            ("sum not advanced", "return divide_by_root(g, c, self.eps, self.eps_root), s"),
            (
                "old sum used",
                "return divide_by_root(g, s[1], self.eps, self.eps_root), s._replace(sum_of_squares=c)",
            ),
            (
                "eps and eps_root swapped",
                "return divide_by_root(g, c, self.eps_root, self.eps), s._replace(sum_of_squares=c)",
            ),
        ),
    )
    + mutants(
        NORMALIZING,
        ("scale_by_rms", "scale_by_stddev"),
        *instead(
            "mean_square=full_like(w, self.initial_accumulator_value, accumulator=True)",
            ("cache starts at 1", "mean_square=full_like(w, 1.0, accumulator=True)"),
            ("complex cache", "mean_square=full_like(w, self.initial_accumulator_value)", COMPLEX),
        ),
        ("sign", "return normalize(self, g, s)", "u, s = normalize(self, g, s)\n        return -u, s"),
        ("state not advanced", "return normalize(self, g, s)", "return normalize(self, g, s)[0], s"),
    )
    + mutants(
        NORMALIZING,
        ("scale_by_stddev",),
        ("not centered", "centered = True", "centered = False"),
        *instead(
            "mean=full_like(w) if self.centered",
            ("real mean", "mean=full_like(w, accumulator=True) if self.centered"),
            ("mean starts at the weights", "mean=full_like(w) + w if self.centered"),
        ),
    )
    + mutants(
        NORMALIZING, ("scale_by_rms",), ("centered", "    centered = False\n", "    centered = True\n")
    )
)

SCALING = "_parts/scaling.py"
PARTS_SCALING = (
    mutants(
        SCALING,
        ("scale",),
        *instead(
            "return self.step_size * g, s",
            ("sign", "return -self.step_size * g, s"),
            ("factor ignored", "return g, s"),
            ("factor twice", "return self.step_size * (self.step_size * g), s"),
            ("divided", "return g / self.step_size, s"),
        ),
    )
    + mutants(
        SCALING,
        ("scale_by_schedule",),
        *instead(
            "return self.step_size_fn * g, s",
            ("sign", "return -self.step_size_fn * g, s"),
            ("schedule ignored", "return g, s"),
            ("schedule twice", "return self.step_size_fn * (self.step_size_fn * g), s"),
            ("divided", "return g / self.step_size_fn, s"),
        ),
    )
    + mutants(
        SCALING,
        ("scale_by_learning_rate",),
        *instead(
            "return -self.learning_rate * g, s",
            ("sign", "return self.learning_rate * g, s"),
            ("learning rate ignored", "return -g, s"),
            ("learning rate twice", "return -self.learning_rate * (self.learning_rate * g), s"),
        ),
    )
    + mutants(
        "_parts/decay.py",
        ("add_decayed_weights",),
        *instead(
            "return g + self.weight_decay * w, s",
            ("sign", "return g - self.weight_decay * w, s"),
            ("gradient forgotten", "return self.weight_decay * w, s"),
            ("weights forgotten", "return g, s"),
            ("gradient decayed", "return g + self.weight_decay * g, s"),
            ("decay on both", "return self.weight_decay * (g + w), s"),
            ("decay missing", "return g + w, s"),
            ("sign of the weights only", "return g + self.weight_decay * (w / abs(w)), s"),
        ),
    )
    + mutants(
        SCALING,
        ("set_to_zero",),
        ("gradients pass", "return nothing_like(g), s", "return g, s"),
        ("ones", "return nothing_like(g), s", "return 1 + 0 * g, s"),
    )
)

# --- What carries every rule: the lift, numbers, dtypes

COUNTED = {"by": ("count",)}
SHAPED = {"on": ("momentum", "nesterov"), "by": ("state_is_stable",)}
LIFT = mutants(
    "_core/lift.py",
    RULES,
    *instead(
        "state = self.rule.State(next_count(state.count), *columns)",
        ("count not advanced", "state = self.rule.State(state.count, *columns)"),
        (
            "count advanced twice",
            "state = self.rule.State(next_count(next_count(state.count)), *columns)",
        ),
        (
            "count in float32",
            "state = self.rule.State(next_count(state.count) * jnp.float32(1), *columns)",
        ),
    ),
    (
        "count overflows",
        "count < jnp.iinfo(jnp.int32).max, count + 1, count",
        "count < 0, count, count + 1",
        COUNTED,
    ),
    (
        "count stops early",
        "count < jnp.iinfo(jnp.int32).max",
        "count < jnp.iinfo(jnp.int16).max",
        COUNTED,
    ),
    (
        "count starts at 1",
        "self.rule.State(jnp.zeros((), jnp.int32)",
        "self.rule.State(jnp.ones((), jnp.int32)",
    ),
    *instead(
        "rule = self.rule.at(count, real(dtype))",
        ("schedules off by one", "rule = self.rule.at(count + 1, real(dtype))"),
        ("schedules stand still", "rule = self.rule.at(0 * count, real(dtype))"),
        ("hyperparameters in float16", "rule = self.rule.at(count, jnp.float16)"),
    ),
    *instead(
        "None if c is None else treedef.unflatten(s[i] for _, s in steps)",
        ("state not advanced", "c if c is None else treedef.unflatten(c)", TURN),
        (
            "state of the first leaf everywhere",
            "c if c is None else treedef.unflatten(steps[0][1][i] for _ in steps)",
            SHAPED,
        ),
        (
            "states in the wrong order",
            "c if c is None else treedef.unflatten(s[i] for _, s in steps[::-1])",
            SHAPED,
        ),
    ),
    *instead(
        "*(c if c is None else c[i] for c in columns)",
        (
            "every leaf steps from the first leaf's state",
            "*(c if c is None else c[0] for c in columns)",
            SHAPED,
        ),
        (
            "leaves step from each other's state",
            "*(c if c is None else c[-1 - i] for c in columns)",
            SHAPED,
        ),
    ),
    (
        "updates in the wrong order",
        "treedef.unflatten(u for u, _ in steps), state",
        "treedef.unflatten(u for u, _ in steps[::-1]), state",
        SHAPED,
    ),
    (
        "state of the first leaf everywhere at init",
        "unflatten(s[i] for s in states)",
        "unflatten(states[0][i] for _ in states)",
        SHAPED,
    ),
)
LIFT += mutants(
    "_core/pair.py",
    RULES,
    (
        "no widening",
        "one_pass.update(node, jax.tree.map(widen, updates), state, context)",
        "node.update(updates, state, context)",
    ),
    *instead(
        "return (wide_updates if node.keeps_wide else cast(wide_updates, context.dtypes)), state",
        ("no narrowing", "return wide_updates, state"),
        (
            "everything in float32",
            "return jax.tree.map(lambda u: u.astype(np.float32), wide_updates), state",
        ),
    ),
)
LIFT += mutants(
    "_core/lift.py",
    ("rmsprop",),
    (
        "fields in the wrong order",
        "*columns[1:])",
        "*columns[:0:-1])",
        {"on": ("momentum", "nesterov")},
    ),
    (
        "fields of the new state in the wrong order",
        "return treedef.unflatten(u for u, _ in steps), state",
        "return treedef.unflatten(u for u, _ in steps), state._replace(mean_square=state[-1])",
        {"on": ("rmsprop-centered-nesterov",)},
    ),
    (
        "bias correction off by one",
        "s = self.rule.State(state.count, *(",
        "s = self.rule.State(state.count + 1, *(",
        CORRECT,
    ),
) + mutants(
    "_core/lift.py",
    ("add_decayed_weights",),
    ("weights of the gradient", "arguments = (g, s, w) if", "arguments = (g, s, g) if"),
    (
        "weights in the wrong order",
        "[widen(w) for w in jax.tree.leaves(context.params)]",
        "[widen(w) for w in jax.tree.leaves(context.params)[::-1]]",
    ),
)

DTYPES = (
    mutants(
        "_core/dtypes.py",
        ("momentum", "adagrad"),
        *instead(
            "return promote(dtype, jnp.float32)",
            ("computes in the gradient's dtype", "return dtype"),
            ("computes in float64", "return promote(dtype, jnp.float64)"),
            ("complex forgotten", "return promote(jnp.finfo(dtype).dtype, jnp.float32)"),
        ),
        (
            "dtypes in the wrong order",
            "zip(leaves, dtypes, strict=True)",
            "zip(leaves, dtypes[::-1], strict=True)",
        ),
        by=("dtypes", "state_is_stable"),
    )
    + mutants(
        "_core/dtypes.py",
        ("momentum", "nesterov", "adagrad"),
        (
            "narrow accumulators",
            "dtype = wide(jnp.result_type(w))\n    if acc",
            "dtype = jnp.result_type(w)\n    if acc",
        ),
        by=("dtypes", "state_is_stable"),
    )
    + mutants(
        "_core/dtypes.py",
        ("rmsprop", "adagrad"),
        ("complex accumulators", "        dtype = real(dtype)\n", "        pass\n"),
        ("every accumulator real, none asked", "    if accumulator:\n", "    if not accumulator:\n"),
        (
            "initial value forgotten",
            "jnp.full_like(w, value, dtype=dtype)",
            "jnp.full_like(w, 0, dtype=dtype)",
            {"on": ("initial",)},
        ),
        by=("dtypes", "state_is_stable", "oracle_float64"),
    )
)

NEAR_ONE = (
    mutants(
        "_core/numbers.py",
        ("rmsprop", "ema"),
        *instead(
            "return (1 + self.offset) * x",
            ("beta - 1 for beta", "return self.offset * x"),
            ("1 - (beta - 1) for beta", "return (1 - self.offset) * x"),
            ("1 - beta for beta", "return -self.offset * x"),
            ("beta as 1", "return x"),
        ),
        *instead(
            "        return -self.offset\n",
            ("beta - 1 for 1 - beta", "        return self.offset\n"),
            (
                "1 - beta loses its digits",
                "        return 1 - (1 + self.offset)\n",
                {"by": ("oracle_float32",)},
            ),
            ("beta for 1 - beta", "        return 1 + self.offset\n"),
            ("a constant 1 - beta", "        return 0.1 + 0 * self.offset\n"),
        ),
        *instead(
            "return NearOne(value - 1) if allowed.near_one else value",
            ("offset's sign", "return NearOne(1 - value) if allowed.near_one else value"),
            ("beta stored for its offset", "return NearOne(value) if allowed.near_one else value"),
        ),
    )
    + mutants(
        "_core/numbers.py",
        ("rmsprop", "ema"),
        *instead(
            "return -jnp.expm1(t.astype(self.offset.dtype) * self.log())",
            ("correction's sign", "return jnp.expm1(t.astype(self.offset.dtype) * self.log())"),
            ("beta^t for 1 - beta^t", "return jnp.exp(t.astype(self.offset.dtype) * self.log())"),
            ("power forgotten", "return -jnp.expm1(self.log())"),
            ("power t - 1", "return -jnp.expm1((t - 1).astype(self.offset.dtype) * self.log())"),
            ("1 + beta^t", "return 1 + jnp.exp(t.astype(self.offset.dtype) * self.log())"),
            (
                "1 - beta^t loses its digits",
                "return 1 - (1 + self.offset) ** t.astype(self.offset.dtype)",
                {"by": ("oracle_float32",)},
            ),
        ),
        *instead(
            "return jnp.log1p(jnp.maximum(self.offset, jnp.finfo(self.offset.dtype).eps - 1))",
            (
                "log of the offset",
                "return jnp.log(jnp.maximum(self.offset, jnp.finfo(self.offset.dtype).eps - 1))",
            ),
            ("log of 1 - beta", "return jnp.log1p(-self.offset)"),
            ("log bounded by a large number", "return jnp.log1p(jnp.maximum(self.offset, -0.05))"),
        ),
        **CORRECT,
    )
    + mutants(
        "_core/numbers.py",
        ("rmsprop",),
        *instead(
            "value = NearOne(value - 1) if near_one else value",
            (
                "a schedule's beta stored for its offset",
                "value = NearOne(value) if near_one else value",
            ),
            (
                "a schedule's offset with the wrong sign",
                "value = NearOne(1 - value) if near_one else value",
            ),
        ),
    )
)

NUMBERS = (
    mutants(
        "_core/numbers.py",
        RULES,
        *instead(
            "    value = schedule(count)\n",
            ("schedules off by one", "    value = schedule(count + 1)\n"),
            ("schedules one late", "    value = schedule(count - 1)\n"),
            ("schedules stand still", "    value = schedule(0 * count)\n"),
            ("schedules twice as fast", "    value = schedule(2 * count)\n"),
        ),
        *instead(
            "        return float(value)\n",
            ("NumPy scalars stay as they are", "        return value\n", {"by": ("one_compilation",)}),
            ("integers rounded", "        return float(int(value))\n"),
            ("numbers through float32", "        return float(np.float32(value))\n"),
        ),
        (
            "a hyperparameter's own dtype",
            "stored = jnp.asarray(stored).astype(dtype)",
            "stored = jnp.asarray(stored)",
            {"by": ("vmapped",), "on": ("scheduled",), "breaks": ("momentum", "rmsprop")},
        ),
    )
    + mutants(
        "_core/rule.py",
        RULES,
        (
            "init's numbers in update too",
            "if r.of != of)",
            "if False)",
            {"by": ("each_hyperparameter",)},
        ),
        ("update's numbers for init", "if r.of != of)", "if r.of == of)"),
        (
            "hyperparameters not resolved at the count",
            "resolve(getattr(self, n), count, dtype",
            "resolve(getattr(self, n), 0 * count, dtype",
        ),
        (
            "unchecked numbers",
            "number(getattr(self, n), r, self.name, n) for",
            "getattr(self, n) for",
            {"by": ("one_compilation", "each_hyperparameter")},
        ),
    )
    + mutants(
        "_core/rule.py",
        ("nesterov",),
        ("a derived number is static", 'metadata={"derived": True}', 'metadata={"static": True}'),
    )
)

# --- Chains, hyperparameters by name, apply_updates, coasting

CHAIN = mutants(
    "_core/chain.py",
    ("chain",),
    *instead(
        "for member, s in zip(self.members, self.substates(state), strict=True):\n"
        "            updates, s = step_of(member, updates, s, context)\n"
        "            states.append(s)\n"
        "        return updates, self.pack(states)",
        (
            "order reversed",
            "for member, s in zip(self.members[::-1], self.substates(state)[::-1], strict=True):\n"
            "            updates, s = step_of(member, updates, s, context)\n"
            "            states.append(s)\n"
            "        return updates, self.pack(states[::-1])",
        ),
        (
            "every member sees the first updates",
            "first = updates\n"
            "        for member, s in zip(self.members, self.substates(state), strict=True):\n"
            "            updates, s = step_of(member, first, s, context)\n"
            "            states.append(s)\n"
            "        return updates, self.pack(states)",
        ),
        (
            "updates summed",
            "first = updates\n"
            "        for member, s in zip(self.members, self.substates(state), strict=True):\n"
            "            u, s = step_of(member, first, s, context)\n"
            "            updates = jax.tree.map(jax.numpy.add, updates, u)\n"
            "            states.append(s)\n"
            "        return updates, self.pack(states)",
        ),
        (
            "states swapped",
            "for member, s in zip(self.members, self.substates(state), strict=True):\n"
            "            updates, s = step_of(member, updates, s, context)\n"
            "            states.append(s)\n"
            "        return updates, self.pack(states[::-1])",
            {"on": ("named-chain",)},
        ),
        (
            "state not advanced",
            "for member, s in zip(self.members, self.substates(state), strict=True):\n"
            "            updates, _ = step_of(member, updates, s, context)\n"
            "            states.append(s)\n"
            "        return updates, self.pack(states)",
        ),
        (
            "last member forgotten",
            "for member, s in zip(self.members, self.substates(state), strict=True):\n"
            "            last, (updates, s) = updates, step_of(member, updates, s, context)\n"
            "            states.append(s)\n"
            "        return last, self.pack(states)",
        ),
    ),
    *instead(
        "[state[n] for n in self.names]",
        ("names in the dict's own order", "list(state.values())[::-1]", {"on": ("named",)}),
    ),
    (
        "a named chain's states by position",
        "dict(zip(self.names, states, strict=True))",
        "dict(zip(self.names, states[::-1], strict=True))",
        {"on": ("named",)},
    ),
    (
        "children in the wrong order",
        "return Chain(tuple(children), self.names)",
        "return Chain(tuple(children[::-1]), self.names)",
        {"on": ("named", "weight"), "by": ("hyperparams_round_trip",)},
    ),
    (
        "init's members reversed",
        "return transformation(Chain(inits), Chain(updates))",
        "return transformation(Chain(inits[::-1]), Chain(updates))",
    ),
    (
        "update's members reversed",
        "return transformation(Chain(inits), Chain(updates))",
        "return transformation(Chain(inits), Chain(updates[::-1]))",
    ),
    ("a member lost", "tuple(u for _, u in pairs)", "tuple(u for _, u in pairs[1:])"),
)

NAMES = mutants(
    "_core/hyperparams.py",
    ("hyperparameters",),
    ("the offset shown for the decay", "else value_of\n", "else lambda x: getattr(x, 'offset', x)\n"),
    (
        "derivatives shown as decays",
        "read = (lambda x: x.offset if isinstance(x, NearOne) else x) if gradient",
        "read = value_of if gradient",
        {"by": ("hypergradient",)},
    ),
    (
        "only update's half changed",
        "init, update = (_set(node, field, value) for node in (init, update))",
        "update = _set(update, field, value)",
        {"on": ("initial",)},
    ),
    (
        "only init's half changed",
        "init, update = (_set(node, field, value) for node in (init, update))",
        "init = _set(init, field, value)",
    ),
    ("halves swapped", "return transformation(init, update)", "return transformation(update, init)"),
    (
        "schedules read at count 0",
        "now = node.rule.at(node.count(state), float)",
        "now = node.rule.at(0 * node.count(state), float)",
        {"by": ("schedules_anywhere",)},
    ),
    (
        "schedules read one late",
        "now = node.rule.at(node.count(state), float)",
        "now = node.rule.at(node.count(state) + 1, float)",
        {"by": ("schedules_anywhere",)},
    ),
    (
        "another parameter of the schedule changed",
        "index = names.index(parameter)",
        "index = names.index(parameter) - 1",
        {"on": ("scheduled",), "by": ("hyperparams_round_trip",)},
    ),
    (
        "new number not stored as it should be",
        "{name: number(value, allowed, node.rule.name, name)}",
        "{name: value}",
        {"by": ("hyperparams_round_trip",)},
    ),
    (
        "all children changed",
        "if name in ranges and (*labels, name) == field.path:",
        "if name in ranges:",
        {"on": ("named",), "by": ("hyperparams_round_trip",)},
    ),
    (
        "names by their first half",
        "fields = [*fields_of(update), *fields_of(init)]\n    read",
        "fields = [*fields_of(update)]\n    read",
        {"by": ("each_hyperparameter",)},
    ),
)
NAMES += mutants(
    "_core/numbers.py",
    ("hyperparameters",),
    *instead(
        "beta = 1 + self.offset",
        ("decay read with the wrong sign", "beta = 1 - self.offset", {"by": ("each_hyperparameter",)}),
        ("offset read for the decay", "beta = self.offset", {"by": ("each_hyperparameter",)}),
    ),
    (
        "decay read with a rounding error",
        "round(beta, 15) - 1 == self.offset",
        "False",
        {"by": ("test_hyperparams.py::test_decays_read_back_exactly",)},
    ),
    (
        "decay rounded to 3 digits",
        "            return round(beta, 15)",
        "            return round(beta, 3)",
        {"by": ("test_hyperparams.py::test_decays_read_back_exactly",)},
    ),
)

APPLY = mutants(
    "_core/apply.py",
    ("apply_updates",),
    *instead(
        "return (jnp.asarray(w, both) + jnp.asarray(u, both)).astype(kept)",
        ("sign", "return (jnp.asarray(w, both) - jnp.asarray(u, both)).astype(kept)"),
        ("weights forgotten", "return jnp.asarray(u, both).astype(kept)"),
        ("updates forgotten", "return jnp.asarray(w, both).astype(kept)"),
        (
            "updates added twice",
            "return (jnp.asarray(w, both) + 2 * jnp.asarray(u, both)).astype(kept)",
        ),
        ("result in the wider dtype", "return jnp.asarray(w, both) + jnp.asarray(u, both)"),
        (
            "sum in the parameter's dtype",
            "return jnp.asarray(w, kept) + jnp.asarray(u, kept)",
            {"by": ("test_apply.py::test_the_sum_is_taken_in_the_wider_dtype",)},
        ),
        (
            "result in the update's dtype",
            "return (jnp.asarray(w, both) + jnp.asarray(u, both)).astype(jnp.result_type(u))",
        ),
    ),
    (
        "arguments swapped",
        "jax.tree.map(add_update, params, updates)",
        "jax.tree.map(add_update, updates, params)",
    ),
    (
        "integers truncated",
        '    require_float_leaves("apply_updates", "params", params)\n',
        "",
        {"by": ("test_apply.py::test_errors",)},
    ),
    (
        "shapes broadcast",
        '    require_same_shapes("apply_updates", "updates", updates, "params", params)\n',
        "",
        {"by": ("test_apply.py::test_errors",)},
    ),
    by=("test_apply.py::test_parameters_keep_their_dtype",),
)

REFUSES = {"by": ("coasts_or_refuses",)}
COAST = "test_coasting.py::test_k_idle_steps_equal_k_updates"


def coasts(*names):
    """The rows of one piece, with the optimizers whose coasting shows them."""
    return {"by": tuple(f"{COAST}[{name}]" for name in names)}


COASTING = mutants(
    "_core/coasting.py",
    ("coasting",),
    *instead(
        "return jnp.stack(columns, axis=1)",
        ("matrix transposed", "return jnp.stack(columns, axis=0)", coasts("momentum")),
    ),
    *instead(
        "return jnp.stack([u, *new])",
        ("update's sign", "return jnp.stack([-u, *new])", coasts("momentum")),
        ("displacement missing", "return jnp.stack([0 * u, *new])", coasts("momentum")),
        ("old state", "return jnp.stack([u, *(0 * x for x in new)])", coasts("momentum")),
    ),
    (
        "a state's value for its change",
        "new += [x - old for x, old in",
        "new += [x for x, old in",
        coasts("rmsprop"),
    ),
    (
        "updates not handed on in a chain",
        "u, s = r.step(u, s, w) if r.needs_params else r.step(u, s)",
        "u, s = r.step(0 * u, s, w) if r.needs_params else r.step(0 * u, s)",
        coasts("two-traces"),
    ),
    (
        "decay of the moved weight",
        "r.step(u, s, w) if r.needs_params",
        "r.step(u, s, w + u) if r.needs_params",
        REFUSES,
    ),
    (
        "product in the wrong order",
        "return pattern.compose(pattern.entries(now), total)",
        "return pattern.compose(total, pattern.entries(now))",
        coasts("scheduled-mu"),
    ),
    *instead(
        "[c + i for c in counts]",
        ("product of the first map only", "[c + 0 * i for c in counts]", coasts("scheduled-mu")),
        ("product off by one", "[c + i + 1 for c in counts]", coasts("scheduled-mu")),
    ),
    (
        "product of k - 1 maps",
        "jax.lax.fori_loop(0, k, body,",
        "jax.lax.fori_loop(1, k, body,",
        coasts("scheduled-mu"),
    ),
    *instead(
        "_with_coordinates(s, trees, s.count + k)",
        ("count not advanced", "_with_coordinates(s, trees, s.count)", coasts("sgd")),
        ("count advanced by one", "_with_coordinates(s, trees, s.count + 1)", coasts("sgd")),
    ),
    (
        "one leaf's coordinates for all",
        "[w, *(c[i] for column in columns for c in column)]",
        "[w, *(c[0] for column in columns for c in column)]",
        {"by": ("test_coasting.py::test_coasting_over_a_tree",)},
    ),
    (
        "coordinates in the wrong order",
        "[w, *(c[i] for column in columns for c in column)]",
        "[w, *(c[i] for column in columns[::-1] for c in column[::-1])]",
        coasts("two-traces"),
    ),
    (
        "a member that moves forgotten",
        "moves, linear = moves or idle.moves",
        "moves, linear = idle.moves",
        {"on": ("momentum",), "by": ("moves_as_declared",)},
    ),
    (
        "what cannot coast accepted",
        "if moves and not idle.linear_in_g:",
        "if False:",
        {"by": ("test_coasting.py::test_a_velocity_before_a_normalization_cannot_coast",)},
    ),
    (
        "schedules forgotten",
        "return any((self._generic({at: 0.25}) != usual).any() for at in scheduled)",
        "return False",
        coasts("scheduled-mu"),
    ),
    (
        "every schedule is in the map",
        "return any((self._generic({at: 0.25}) != usual).any() for at in scheduled)",
        "return bool(scheduled)",
        {"by": ("test_rows.py::test_a_schedule_in_the_map_needs_a_horizon",)},
    ),
    (
        "variation forgotten",
        "        if self.idle.varies:\n",
        "        if False:\n",
        {
            "by": (
                "test_coasting.py::test_k_idle_steps_equal_k_updates_of_debiased_"
                "averages[ema-debiased]",
            )
        },
    ),
    ("variation never", "    if step.varies():\n", "    if False:\n", coasts("scheduled-mu")),
    (
        "states handed back in the wrong order",
        "node.pack([_with_member_states(m, s, new) for m, s in pairs])",
        "node.pack([_with_member_states(m, s, new) for m, s in pairs][::-1])",
        coasts("two-traces"),
    ),
) + mutants(
    "_core/powers.py",
    ("coasting",),
    *instead(
        "return self.compose(tuple(x[digit] for x in table), total), step, rest // 2**BITS",
        (
            "no table",
            "return self.compose(step, total), step, rest // 2**BITS",
            coasts("two-traces"),
        ),
        (
            "the same digit again",
            "return self.compose(tuple(x[digit] for x in table), total), step, rest // 2",
            coasts("two-traces"),
        ),
        (
            "only the last digit counts",
            "return tuple(x[digit] for x in table), step, rest // 2**BITS",
            coasts("momentum"),
        ),
    ),
    (
        "digits off by one",
        "digit = rest % 2**BITS",
        "digit = (rest + 1) % 2**BITS",
        coasts("momentum"),
    ),
    (
        "not squared",
        "            step = self.compose(step, step)\n",
        "            pass\n",
        coasts("momentum"),
    ),
    ("one level", "None, length=LEVELS)", "None, length=1)", coasts("momentum")),
    (
        "power k + 1",
        "start = (self.identity(entries, k.shape), entries, k)",
        "start = (self.identity(entries, k.shape), entries, k + 1)",
        coasts("momentum"),
    ),
    (
        "power starts at the step",
        "start = (self.identity(entries, k.shape), entries, k)",
        "start = (tuple(jnp.broadcast_to(x, k.shape) for x in entries), entries, k)",
        coasts("momentum"),
    ),
    (
        "diagonal not raised",
        "x ** k.astype(x.dtype) if i == j > 0",
        "x if i == j > 0",
        coasts("momentum"),
    ),
    (
        "the weight's change as a factor",
        "if i == j > 0 else found",
        "if i == j else found",
        coasts("decay-decoupled"),
    ),
    (
        "digits of a small decay lost",
        "entries[WEIGHT], 1 + change)",
        "entries[WEIGHT], entries[WEIGHT])",
        {"by": ("test_rows_exact.py::test_the_same_as_dense[decay-before-momentum]",)},
    ),
    (
        "digits of a faded weight lost",
        "jnp.where(change < -0.5, entries[WEIGHT], 1 + change)",
        "1 + change",
        coasts("decay-coupled"),
    ),
    (
        "diagonal always taken directly",
        "        if not self.triangular:\n",
        "        if False:\n",
        coasts("decay-coupled"),
    ),
    (
        "the weight's product forgotten",
        "return b[0, 0] + self._added(a, b, 0, 0)",
        "return b[0, 0] + a[0, 0]",
        coasts("decay-coupled"),
    ),
    (
        "the weight moved by itself alone",
        "pairs = [(row(m), _factor(b, m, j)) for m in range(self.size)]",
        "pairs = [(row(m), _factor(b, m, j)) for m in range(self.size) if m == j]",
        coasts("decay-coupled"),
    ),
    (
        "a factor for its change",
        "return found - 1 if found is not None and i == j > 0 else found",
        "return found",
        {"by": ("test_rows_exact.py::test_schedules_with_a_horizon[decay-exact-in-float32]",)},
    ),
    (
        "one step's reach",
        "    for _ in range(len(reached)):\n",
        "    for _ in range(0):\n",
        {"by": ("test_coasting.py::test_the_pattern_holds_what_several_steps_reach",)},
    ),
    (
        "a state that stays is lost",
        "moved[i] += [] if (i, i) in self.pairs else [x]",
        "moved[i] += []",
        coasts("adagrad"),
    ),
)
COASTING += (
    mutants(
        "_rules/rmsprop.py",
        ("coasting",),
        (
            "called linear",
            "return Idle(moves=self.momentum is not None)",
            "return Idle(moves=self.momentum is not None, linear_in_g=True)",
            REFUSES | {"on": ("rmsprop",)},
        ),
        (
            "said not to move",
            "return Idle(moves=self.momentum is not None)",
            "return Idle()",
            {"on": ("rmsprop-momentum",), "by": ("moves_as_declared",)},
        ),
    )
    + mutants(
        AVERAGING,
        ("coasting",),
        (
            "its correction said not to vary",
            "varies=self.debias",
            "varies=False",
            {"by": ("test_coasting.py::test_k_idle_steps_equal_k_updates_of_debiased_averages",)},
        ),
    )
    + mutants(
        "_rules/momentum.py",
        ("coasting",),
        (
            "said not to move",
            "idle = Idle(moves=True, linear_in_g=True)",
            "idle = Idle(linear_in_g=True)",
            {"on": ("momentum",), "by": ("moves_as_declared",)},
        ),
    )
)

# --- Schedules and training

BY_VALUE = ("test_schedules.py::test_values_in_float64",)
SCHEDULES = (
    mutants(
        "schedules/_base.py",
        ("schedules",),
        *instead(
            "return jnp.maximum(as_real(count) - (0 if begin is None else whole(begin)), 0)",
            (
                "off by one",
                "return jnp.maximum(as_real(count) + 1 - (0 if begin is None else whole(begin)), 0)",
            ),
            ("begin ignored", "return jnp.maximum(as_real(count), 0)"),
            ("begin not clamped", "return as_real(count) - (0 if begin is None else whole(begin))"),
            (
                "begins too early",
                "return jnp.maximum(as_real(count) + (0 if begin is None else whole(begin)), 0)",
            ),
        ),
        *instead(
            "return (steps - jnp.minimum(t, steps)) / steps",
            ("end not clamped", "return (steps - t) / steps"),
            ("progress for what remains", "return jnp.minimum(t, steps) / steps"),
            ("one step too many", "return (steps - jnp.minimum(t, steps)) / (steps + 1)"),
        ),
        *instead(
            "return as_real(init_value) * weight + as_real(end_value) * (1 - weight)",
            ("ends swapped", "return as_real(end_value) * weight + as_real(init_value) * (1 - weight)"),
            ("end forgotten", "return as_real(init_value) * weight"),
            ("end added", "return as_real(init_value) * weight + as_real(end_value)"),
        ),
        (
            "steps not rounded",
            "return jnp.round(as_real(steps))",
            "return as_real(steps)",
            {"by": ("test_schedules.py::test_fractional_steps_are_rounded",)},
        ),
        (
            "steps rounded down",
            "return jnp.round(as_real(steps))",
            "return jnp.floor(as_real(steps))",
            {"by": ("test_schedules.py::test_derivatives",)},
        ),
        (
            "power ignored",
            "jnp.where(x > 0, x, 1) ** as_real(exponent), 0)",
            "jnp.where(x > 0, x, 1), 0)",
        ),
        (
            "derivative of a root at 0",
            "return jnp.where(x > 0, jnp.where(x > 0, x, 1) ** as_real(exponent), 0)",
            "return x ** as_real(exponent)",
            {
                "by": (
                    "test_schedules.py::test_derivatives_by_a_fractional_count_are_finite_at_the_end",
                )
            },
        ),
        (
            "overflow to infinity",
            "jnp.where(overflows, largest, rate ** jnp.where(overflows, 0, periods))",
            "rate ** periods",
            {"by": ("test_schedules.py::test_a_growth_that_overflows",)},
        ),
        (
            "cosine not halved",
            "jnp.square(jnp.sin(jnp.pi / 2 * remaining))",
            "jnp.square(jnp.sin(jnp.pi * remaining))",
        ),
        (
            "sine not squared",
            "jnp.square(jnp.sin(jnp.pi / 2 * remaining))",
            "jnp.sin(jnp.pi / 2 * remaining)",
        ),
        by=BY_VALUE,
    )
    + mutants(
        "schedules/decays.py",
        ("schedules",),
        ("staircase ignored", "jnp.floor_divide(t, steps) if stairs else t / steps", "t / steps"),
        (
            "staircase always",
            "jnp.floor_divide(t, steps) if stairs else t / steps",
            "jnp.floor_divide(t, steps)",
        ),
        (
            "bound on the wrong side",
            "jnp.where(rate < 1, value < end_value, value > end_value)",
            "jnp.where(rate < 1, value > end_value, value < end_value)",
        ),
        (
            "a lower bound always",
            "jnp.where(rate < 1, value < end_value, value > end_value)",
            "value < end_value",
        ),
        ("bound ignored", "    return jnp.where(bounded, end_value, value)", "    return value"),
        by=BY_VALUE,
    )
    + mutants(
        "schedules/pieces.py",
        ("schedules",),
        *instead(
            "value * jnp.where(as_real(count) < whole(boundary), 1, as_real(scale))",
            (
                "boundary excluded",
                "value * jnp.where(as_real(count) <= whole(boundary), 1, as_real(scale))",
            ),
            (
                "scaled before the boundary",
                "value * jnp.where(as_real(count) < whole(boundary), as_real(scale), 1)",
            ),
            (
                "last scale only",
                "as_real(init_value) * jnp.where(as_real(count) < whole(boundary), 1, as_real(scale))",
            ),
        ),
        (
            "boundary excluded from a join",
            "jnp.where(count < start, value, as_real(here))",
            "jnp.where(count <= start, value, as_real(here))",
            {"by": ("test_schedules.py::test_join_in_float64",)},
        ),
        (
            "members count from 0",
            "jnp.maximum(jnp.minimum(count, stop), start) - start)",
            "jnp.maximum(jnp.minimum(count, stop), start))",
            {"by": ("test_schedules.py::test_join_in_float64",)},
        ),
        (
            "members see every count",
            "here = schedule(jnp.maximum(jnp.minimum(count, stop), start) - start)",
            "here = schedule(count - start)",
            {"by": ("test_schedules.py::test_a_member_that_overflows_later_does_not_spoil_a_join",)},
        ),
        by=BY_VALUE,
    )
    + mutants(
        "schedules/cosines.py",
        ("schedules",),
        (
            "floor not scaled by the value",
            "return as_real(init_value) * between(alpha, 1, weight)",
            "return between(alpha, init_value, weight)",
        ),
        (
            "warm-up off by one",
            "return jnp.where(as_real(count) < warmup, rising, falling)",
            "return jnp.where(as_real(count) + 1 < warmup, rising, falling)",
        ),
        (
            "decay without the warm-up",
            "fraction_left(steps_since(warmup_steps, count), total - warmup)",
            "fraction_left(steps_since(warmup_steps, count), total)",
        ),
        (
            "warm-up from the peak",
            "between(peak_value, init_value, fraction_left(as_real(count), warmup))",
            "between(init_value, peak_value, fraction_left(as_real(count), warmup))",
        ),
        (
            "cosine to zero",
            "between(end_value, peak_value, power_of(",
            "between(0.0, peak_value, power_of(",
        ),
        by=BY_VALUE,
    )
    + mutants(
        "schedules/momenta.py",
        ("schedules",),
        ("steps of 250 forgotten", "jnp.floor_divide(as_real(count), 250)", "as_real(count) / 250"),
        (
            "momentum starts at 0",
            "1 - 0.5 / (jnp.floor_divide(as_real(count), 250) + 1)",
            "1 - 1 / (jnp.floor_divide(as_real(count), 250) + 1)",
        ),
        (
            "maximum ignored",
            "jnp.minimum(1 - 0.5 / (jnp.floor_divide(as_real(count), 250) + 1), as_real(max_value))",
            "1 - 0.5 / (jnp.floor_divide(as_real(count), 250) + 1)",
        ),
        by=BY_VALUE,
    )
)

TRAINING = (
    mutants(
        "training/step.py",
        ("training",),
        (
            "params not updated",
            "return apply_updates(params, updates), new_state, taken",
            "return params, new_state, taken",
            {"by": ("test_training.py::test_step_follows_the_slides_loop",)},
        ),
        (
            "stale state",
            "return apply_updates(params, updates), new_state, taken",
            "return apply_updates(params, updates), state, taken",
            {"by": ("test_training.py::test_step_follows_the_slides_loop",)},
        ),
        (
            "gradient applied, not its update",
            "return apply_updates(params, updates), new_state, taken",
            "return apply_updates(params, gradient), new_state, taken",
            {"by": ("test_training.py::test_step_follows_the_slides_loop",)},
        ),
        (
            "the new state recorded",
            "updates, tx, state)",
            "updates, tx, new_state)",
            {"by": ("test_training.py::test_scheduled_learning_rates_are_recorded_from_count_zero",)},
        ),
        (
            "the new params recorded",
            "taken = Taken(value, aux, params,",
            "taken = Taken(value, aux, apply_updates(params, updates),",
            {"by": ("test_training.py::test_fit_follows_the_slides_loop_however_it_is_dispatched",)},
        ),
        (
            "updates recorded for gradients",
            "params, gradient, updates, tx",
            "params, updates, gradient, tx",
            {"by": ("test_training.py::test_fit_follows_the_slides_loop_however_it_is_dispatched",)},
        ),
        (
            "params not handed to the optimizer",
            "tx.update(gradient, state, seen, **extra)",
            "tx.update(gradient, state, **extra)",
            {"on": ("add_decayed_weights",), "by": ("fit_is_the_loop",)},
        ),
        (
            "everything taken for its own",
            "return len(leaves) == len(self._returned) and all(",
            "return True or all(",
            {
                "by": (
                    "test_training.py::test_the_callers_first_params_survive_donation_and_later_"
                    "ones_are_donated",
                )
            },
        ),
        (
            "nothing ever donated",
            "return len(leaves) == len(self._returned) and all(",
            "return False and all(",
            {
                "by": (
                    "test_training.py::test_the_callers_first_params_survive_donation_and_later_"
                    "ones_are_donated",
                )
            },
        ),
        (
            "donates when told not to",
            "        if not self._donate:\n",
            "        if False:\n",
            {"by": ("test_training.py::test_a_step_without_donation_deletes_nothing",)},
        ),
        (
            "params of the last call go on",
            "self._returned = list(map(weakref.ref, jax.tree.leaves(result[:2])))",
            "self._returned = []",
            {
                "by": (
                    "test_training.py::test_the_callers_first_params_survive_donation_and_later_"
                    "ones_are_donated",
                )
            },
        ),
    )
    + mutants(
        "training/batches.py",
        ("training",),
        (
            "batches always from the first",
            "jax.tree.map(lambda x: x[start : start + count], batches)",
            "jax.tree.map(lambda x: x[:count], batches)",
            {"by": ("test_training.py::test_every_source_of_batches_gives_the_same_run",)},
        ),
        (
            "no shuffle",
            "lambda epoch: jax.random.permutation(fold(epoch), examples)",
            "lambda epoch: jnp.arange(examples)",
            {"by": ("test_training.py::test_an_epoch_visits_every_example_once_and_epochs_differ",)},
        ),
        (
            "one order for all epochs",
            "jax.random.permutation(fold(epoch), examples)",
            "jax.random.permutation(key, examples)",
            {"by": ("test_training.py::test_an_epoch_visits_every_example_once_and_epochs_differ",)},
        ),
        (
            "first examples only",
            "rows = rows[:, : an_epoch * self.batch_size].reshape(-1, self.batch_size)",
            "rows = (rows % self.batch_size)[:, : an_epoch * self.batch_size].reshape(-1, self.batch_size)",
            {"by": ("test_training.py::test_an_epoch_visits_every_example_once_and_epochs_differ",)},
        ),
        (
            "epochs of one batch too many",
            "an_epoch = self.examples // self.batch_size\n        first",
            "an_epoch = self.examples // self.batch_size - 1 or 1\n        first",
            {"by": ("test_training.py::test_an_epoch_visits_every_example_once_and_epochs_differ",)},
        ),
        (
            "always from the epoch's first batch",
            "return rows[offset : offset + steps]",
            "return rows[:steps]",
            {"by": ("test_training.py::test_batches_depend_on_key_and_step_alone",)},
        ),
        (
            "with replacement: one batch for ever",
            "jax.random.fold_in(self.key, t))(jnp.arange(start, start + steps))",
            "jax.random.fold_in(self.key, 0 * t))(jnp.arange(start, start + steps))",
            {
                "by": (
                    "test_training.py::test_with_replacement_draws_are_uniform_and_repeat_inside_a_"
                    "batch",
                )
            },
        ),
        (
            "with replacement: from 0 at every dispatch",
            "jnp.arange(start, start + steps)",
            "jnp.arange(0, steps)",
            {
                "by": (
                    "test_training.py::test_with_replacement_draws_are_uniform_and_repeat_inside_a_"
                    "batch",
                )
            },
        ),
        (
            "with replacement: the last example never drawn",
            "jax.random.randint(k, shape, 0, self.examples)",
            "jax.random.randint(k, shape, 0, self.examples - 1)",
            {
                "by": (
                    "test_training.py::test_with_replacement_draws_are_uniform_and_repeat_inside_a_"
                    "batch",
                )
            },
        ),
        (
            "iterating stands still",
            "            start += an_epoch\n",
            "            start += 0\n",
            {"by": ("test_training.py::test_an_epoch_visits_every_example_once_and_epochs_differ",)},
        ),
        (
            "replacement ignored",
            "        if self.replace:\n",
            "        if False:\n",
            {
                "by": (
                    "test_training.py::test_with_replacement_draws_are_uniform_and_repeat_inside_a_"
                    "batch",
                )
            },
        ),
    )
    + mutants(
        "training/recording.py",
        ("training",),
        (
            "norm not rooted",
            "return jnp.sqrt(sum(",
            "return (sum(",
            {"by": ("test_training.py::test_fit_follows_the_slides_loop_however_it_is_dispatched",)},
        ),
        (
            "norm of sums",
            "jnp.sum(square(x)) for x",
            "square(jnp.sum(x)) for x",
            {"by": ("fit_is_the_loop",)},
        ),
    )
    + mutants(
        "training/buffers.py",
        ("training",),
        (
            "the caller's params donated",
            "return jax.tree.map(fresh, tree)",
            "return tree",
            {
                "by": (
                    "test_training.py::test_the_callers_first_params_survive_donation_and_later_"
                    "ones_are_donated",
                )
            },
        ),
        (
            "the state's borrowed buffers donated",
            "found = fresh(x) if address in seen else x",
            "found = x",
            {"by": ("test_training.py::test_fit_eats_no_array_that_the_state_came_with",)},
        ),
    )
    + mutants(
        "training/fit.py",
        ("training",),
        (
            "state not carried",
            "return (params, state), {",
            "return (params, carry[1]), {",
            {"by": ("test_training.py::test_fit_follows_the_slides_loop_however_it_is_dispatched",)},
        ),
        (
            "params not carried",
            "return (params, state), {",
            "return (carry[0], state), {",
            {"by": ("test_training.py::test_fit_follows_the_slides_loop_however_it_is_dispatched",)},
        ),
        (
            "the state to go on from ignored",
            "tx.init(params) if state is None else state",
            "tx.init(params)",
            {"by": ("test_training.py::test_fit_goes_on_from_a_state",)},
        ),
    )
    + mutants(
        "training/watch.py",
        ("training",),
        (
            "losses may be infinite",
            "if not np.isfinite(losses).all():",
            "if np.isnan(losses).all():",
            {"by": ("test_training.py::test_a_non_finite_loss_is_named_when_asked_for",)},
        ),
        (
            "the wrong step blamed",
            "at step {done + first} (steps",
            "at step {first} (steps",
            {"by": ("test_training.py::test_a_non_finite_loss_is_named_when_asked_for",)},
        ),
    )
)

TABLE = [
    *SQUARE,
    *MOVING_AVERAGE,
    *ACCUMULATE,
    *DEBIAS,
    *ROOT_OR_ZERO,
    *VELOCITY,
    *LOOK_AHEAD,
    *VARIANCE,
    *ROOT,
    *DIVIDE,
    *SGD,
    *MOMENTUM,
    *NESTEROV,
    *NORMALIZE,
    *RMSPROP,
    *ADAGRAD,
    *ROWWISE_ADAGRAD,
    *ADADELTA,
    *ADAM,
    *ADAM_OPTIONS,
    *TRACE,
    *EMA,
    *PARTS_NORMALIZING,
    *PARTS_SCALING,
    *LIFT,
    *DTYPES,
    *NEAR_ONE,
    *NUMBERS,
    *CHAIN,
    *NAMES,
    *APPLY,
    *COASTING,
    *SCHEDULES,
    *TRAINING,
]

# The checks of a subject: names of cases or what they begin with, and files of tests. A rule or a
# part that is not here has the cases that begin with its name.
SUBJECTS = {
    "rowwise_adagrad": ("rowwise_adagrad", "test_rowwise_adagrad.py"),
    "adam": ("adam", "keras.adam"),  # that with eps_hat
    "chain": ("named-chain", "nested-chain", "coupled-weight-decay", "decoupled-weight-decay"),
    "hyperparameters": (
        "rmsprop",
        "rmsprop-initial",
        "momentum-scheduled-mu",
        "named-chain",
        "test_hyperparams.py",
    ),
    "apply_updates": ("test_apply.py",),
    "coasting": ("momentum", "rmsprop", "test_coasting.py"),
    "schedules": ("test_schedules.py",),
    "training": ("momentum", "add_decayed_weights", "test_training.py"),
}
