"""The table of mutants, continued: project, whose rounding must not leave the set."""

from tests.mutants_table import instead, mutants
from tests.mutants_wrappers import bad, tests_of

project = tests_of("test_project.py")
INSIDE = "_parts/inside.py"
PROJECT = "_parts/project.py"
LEFT = project("plain_rounding_would_leave_the_box")
NEAREST = project("the_nearest_update_on_either_side")
BOX, BALL = project("a_box_is_never_left"), project("a_ball_is_never_left")
NUMPY, OPTAX = project("against_numpy_and_optax"), project("against_optax")
SLOPES = project("derivatives_of_a_box")
ROUNDED = project("outside_by_rounding_is_outside")

TABLE = [
    *mutants(
        INSIDE,
        ("project",),
        *instead(
            "return _lower(u, w + u > bound, dtypes.given)",
            ("rounded across the bound", "return u", LEFT),
            ("always one lower", "return _lower(u, u == u, dtypes.given)", NEAREST),
            ("lowered at the bound too", "return _lower(u, w + u >= bound, dtypes.given)", NEAREST),
        ),
        *instead(
            "bound = _lower(nearest, nearest > bound, dtypes.kept)",
            ("a bound that the parameter cannot be", "bound = nearest", BOX),
        ),
        *instead(
            "return at_most(*primals, dtypes), tangents[1] - tangents[0]",
            ("no derivative by w", "return at_most(*primals, dtypes), tangents[1]", SLOPES),
            (
                "derivative by w of the wrong sign",
                "return at_most(*primals, dtypes), tangents[1] + tangents[0]",
                SLOPES,
            ),
            (
                "no derivative by the bound",
                "return at_most(*primals, dtypes), -tangents[0]",
                SLOPES,
            ),
        ),
        (
            "upward for downward",
            "return -at_most(-w, -bound, dtypes)",
            "return at_most(w, bound, dtypes)",
            NEAREST,
        ),
        ("no lower bound", "u = jnp.where(u < least, least, u)", "pass", NUMPY),
        ("no upper bound", "u = jnp.where(u > most, most, u)", "pass", NUMPY),
        (
            "NaN to the bound",
            "u = jnp.where(u > most, most, u)",
            "u = jnp.where(u <= most, u, most)",
            project("nan_stays_and_infinity_goes_to_the_bound"),
        ),
        (
            "targets rounded outward",
            "jnp.where(target < 0, at_least(w",
            "jnp.where(target > 0, at_least(w",
            BALL,
        ),
        ("the update is not rounded", "u = rounded(u, dtypes.given)\n    both", "both", ROUNDED),
        (
            "the end is not rounded",
            "both = rounded(w + u, promote(dtypes.kept, dtypes.given))\n    return u, rounded(both, dtypes.kept)",
            "return u, w + u",
            ROUNDED,
        ),
    ),
    *mutants(
        PROJECT,
        ("project",),
        (
            "one ball a leaf",
            "inside = functools.reduce(operator.and_, same)",
            "inside = next(same)",
            project("one_leaf_outside_moves_all"),
        ),
        (
            "projected although inside",
            "jnp.where(inside, u, v)",
            "v",
            project("inside_a_ball_nothing_is_touched", "what_is_at_the_boundary_rests_there"),
        ),
        (
            "the update alone projected",
            "_in_ball([x.w + x.u for x in leaves], shorter)",
            "_in_ball([x.u for x in leaves], shorter)",
            OPTAX,
        ),
        (
            "no room for rounding",
            "shorter = radius * (1 - 4 * jnp.finfo(dtype).eps)",
            "shorter = radius",
            project("a_ball_is_never_left", "what_is_at_the_boundary_rests_there"),
        ),
        (
            "half the radius",
            "shorter = radius * (1 - 4 * jnp.finfo(dtype).eps)",
            "shorter = radius / 2",
            OPTAX,
        ),
        (
            "the count stands",
            "state._replace(count=next_count(state.count))",
            "state",
            project("bounds_are_scalar_arrays_and_schedules_too"),
        ),
        (
            "dtypes of the gradients alone",
            "map(real, dtypes_of(context.params))",
            "map(real, context.dtypes)",
            BOX,
        ),
        (
            "dtypes of the parameters alone",
            "map(real, context.dtypes))",
            "map(real, dtypes_of(context.params)))",
            BOX,
        ),
        (
            "imaginary parts lost",
            "return jax.lax.complex(*parts) if len(parts) == 2 else parts[0]",
            "return jax.lax.complex(parts[0], 0 * parts[0]) if len(parts) == 2 else parts[0]",
            project("one_ball_for_the_whole_tree"),
        ),
        (
            "bounds in any order",
            "if self.low > self.high:",
            "if False:",
            bad("project with bounds out of order"),
        ),
        (
            "complex leaves in a box",
            "if jnp.iscomplexobj(leaf):",
            "if False:",
            bad("project complex parameters onto a box, at init"),
        ),
    ),
    *mutants(
        "_core/hyperparams.py",
        ("project",),
        (
            "consistency not asked",
            "        node.rule.require_consistent()\n",
            "        pass\n",
            bad("project with a bound moved across the other"),
        ),
    ),
]
SUBJECTS = {"project": ("project", "test_project.py")}
