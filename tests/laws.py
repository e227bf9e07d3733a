"""The laws: what holds for every optimizer in cases.py, as plain functions that raise AssertionError.

They are functions, not tests, so that a script can break a rule and call them in its own process.
Rounding is measured against ``Case.terms_of``: the magnitude of what was summed. What can be asked
of any transform is asked by ``jaxopt_slides.testing``; here stand the laws that need the oracle, the
package's own parts, or strictness beyond what everyone owes.
"""

import contextlib
import functools
import pickle
import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from jaxopt_slides import testing
from jaxopt_slides._core.chain import Chain
from jaxopt_slides._core.coasting import coast, transition
from jaxopt_slides._core.lift import Lifted
from jaxopt_slides._core.numbers import NearOne
from jaxopt_slides._core.pair import halves
from tests import oracle
from tests.cases import (
    CENTERED,
    COEFFICIENTS,
    DEBIASED,
    GLOBAL,
    METRICS,
    OF_INIT,
    OF_SCHEDULES,
    SIZE,
    STEPS,
    WEIGHTS,
)

GRADIENTS = np.stack(oracle.awkward_gradients(0, STEPS, SIZE))
# Gradients of a float32 run are rounded before its float64 reference sees them.
NARROW = GRADIENTS.astype(np.float32)
ULP32 = float(np.finfo(np.float32).eps)


def x64():
    """Float64 inside a with statement."""
    return jax.enable_x64(True)


# --- Running


@jax.jit
def run(tx, gradients, params):
    """Every update of a run at constant parameters; the optimizer is an argument."""

    def body(state, x):
        updates, state = tx.update(x[0], state, params, value=x[1])
        return state, updates

    n = jax.tree.leaves(gradients)[0].shape[0]
    return jax.lax.scan(body, tx.init(params), (gradients, metrics(n)))[1]


def metrics(n):
    """The metric of each of the first steps."""
    return jnp.asarray(METRICS[:n], float)


def step(tx, g, state, w, t=0):
    """One update by itself; who asks for no metric drops it."""
    return tx.update(g, state, w, value=float(METRICS[t]))


def in_float64(case, gradients=GRADIENTS, **changes):
    """The run of a case in float64; arrays among its numbers are float64, too."""
    with x64():
        return run_in(np.float64, case.tx(**changes), gradients)


def run_in(dtype, tx, gradients=GRADIENTS, weights=WEIGHTS):
    """``run`` in a dtype, as NumPy."""
    with x64() if dtype == np.float64 else contextlib.nullcontext():
        return np.asarray(run(tx, jnp.asarray(gradients, dtype), jnp.asarray(weights, dtype)))


def require_close(got, expected, scale, tolerance, what):
    """``|got - expected| <= tolerance * scale``, element by element.

    An infinite scale says that nothing is known there; a zero scale asks for equality.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    known = np.isfinite(scale) & np.isfinite(expected)
    assert known.mean() > 0.5, f"{what}: only {known.mean():.0%} of the elements say anything"
    error = np.abs(np.where(known, got - expected, 0))
    bad = ~(error <= tolerance * np.where(known, scale, 0))
    if bad.any():
        i = tuple(int(n) for n in np.argwhere(bad)[0])
        raise AssertionError(
            f"{what}: {bad.sum()} of {bad.size} elements differ, first at {i}: got {got[i]!r}, "
            f"expected {expected[i]!r}, allowed {tolerance:g} times {scale[i]!r}"
        )


# --- 1. The oracle


def settings(case, values):
    """The case's own numbers, then every coefficient of decay at each of ``values``."""
    names = COEFFICIENTS & set(case.hyperparameters)
    yield {}
    for value in values if names else ():
        undefined = (value == 1 and case.name in DEBIASED) or (value == 0 and case.name in CENTERED)
        other_rule = value == 0 and names & case.without
        if not undefined and not other_rule:
            yield dict.fromkeys(names, value)


def law_oracle_float64(case):
    """1000 steps on awkward gradients agree with the oracle to 1e-12, ends of the intervals included.

    1e-12 is 4500 ulp, for 1000 steps that round a few times each. The optimizer is traced.
    """
    no_eps = {n: 0.0 for n in ("eps", "eps_root") if n in case.hyperparameters}
    started = dict.fromkeys(OF_INIT & set(case.hyperparameters), 0.3)
    for changes in [*settings(case, (0.0, 0.5, 0.99, 0.9999, 1.0)), no_eps, started]:
        with np.errstate(all="ignore"):
            expected = case.reference(GRADIENTS, **changes)
            got = in_float64(case, **changes)
        scale = case.terms_of(GRADIENTS, **changes)
        require_close(got, expected, scale, 1e-12, f"{case.name} {changes}")


class BakedDecay:
    """A decay and its complement as the float64 constants that a program without tracing holds."""

    def __init__(self, offset, count):
        t = np.arange(1, STEPS + 1)
        with np.errstate(divide="ignore"):
            self.powers = -np.expm1(t * np.log1p(offset))
        self.beta, self.complement = baked(1 + offset, count), baked(-offset, count)

    def __mul__(self, x):
        return self.beta * x

    __rmul__ = __mul__

    def __rsub__(self, one):
        return self.complement

    def one_minus_power(self, t):
        """``1 - beta**t``, from a table."""
        return baked(self.powers, t - 1)


def baked(value, count):
    """A number as a literal; a schedule's values as a constant table, read at the count."""
    return float(value) if np.ndim(value) == 0 else jnp.asarray(value, jnp.float32)[count]


def _bake(rule, count):
    """The rule with literals for hyperparameters, each rounded once from float64."""
    new = {}
    for name, allowed in rule.hyperparameters():
        stored = getattr(rule, name)
        if callable(stored):
            with jax.ensure_compile_time_eval(), x64():
                stored = np.asarray(jax.vmap(stored)(np.arange(STEPS)))
            stored = NearOne(stored - 1) if allowed.near_one else stored
        if not rule.absent(name):
            near = isinstance(stored, NearOne)
            new[name] = BakedDecay(stored.offset, count) if near else baked(stored, count)
    if hasattr(rule, "mu_ahead"):  # a constant in every case that is baked
        new["mu_ahead"] = new["mu"]
    return rule.replace(**new)


def _rules(node):
    """The rules of a chain in order, or None where it is more than a chain of rules."""
    if isinstance(node, Lifted):
        return [node.rule]
    members = [_rules(child) for _, child in node.children()] if isinstance(node, Chain) else [None]
    return None if None in members else [r for rules in members for r in rules]


def run_baked(tx, gradients, weights):
    """The run of the same steps with nothing traced but gradients, in float32.

    A wrapper computes nothing from its rules' numbers, which are held to literals without it; it is
    compared with itself as constants.
    """
    starts, rules = map(_rules, halves(tx))
    if rules is None:
        return run_in(np.float32, jos.as_static(tx), gradients, weights)
    w = jnp.asarray(weights, jnp.float32)

    def body(states, g):
        new = []
        for rule, s in zip(rules, states, strict=True):
            arguments = (g, s, w) if rule.needs_params else (g, s)
            g, after = _bake(rule, s.count).step(*arguments)
            new.append(after._replace(count=s.count + 1))
        return tuple(new), g

    def program(gradients):
        first = [r.at(0, jnp.float32).start(w)._replace(count=jnp.int32(0)) for r in starts]
        return jax.lax.scan(body, tuple(first), gradients)[1]

    return np.asarray(jax.jit(program)(jnp.asarray(gradients, jnp.float32)))


def distances(got, expected, scale):
    """The largest and the root mean square error of a run, in units of ``scale``."""
    used = np.isfinite(scale) & (scale > 0)
    error = np.abs(got.astype(np.float64) - expected)[used] / scale[used]
    return np.array([error.max(initial=0), np.sqrt(np.mean(error**2)) if error.size else 0])


def law_oracle_float32(case):
    """In float32 a traced optimizer is at most twice as far from the oracle as baked constants.

    Both the largest and the mean error of the 1000 steps, at decays up to 0.9999.
    """
    for changes in settings(case, (0.999, 0.9999)):
        tx = case.tx(**changes)
        expected, scale = case.reference(NARROW, **changes), case.terms_of(NARROW, **changes)
        traced = distances(run_in(np.float32, tx, NARROW), expected, scale)
        constant = distances(run_baked(tx, NARROW, WEIGHTS), expected, scale)
        assert (traced <= 2 * constant).all(), (
            f"{case.name} {changes}: max and rms error {traced} traced, {constant} baked"
        )


# --- 2. Three ways to run


def _loop(tx, gradients, weights):
    """Updates called one by one, eagerly unless under disable_jit."""
    state, out = tx.init(weights), []
    for t, g in enumerate(gradients):
        updates, state = step(tx, g, state, weights, t)
        out.append(np.asarray(updates))
    return np.stack(out)


def law_three_ways(case):
    """Eagerly, inside a user's jit and under disable_jit: 20 steps within 4 ulp of what is summed.

    The compiler contracts a * b + c where single operations round twice, so equality is not to be
    had; the ulp is that of ``Case.terms_of``.
    """
    tx, n = case.tx(), 20
    gradients, weights = jnp.asarray(NARROW[:n]), jnp.asarray(WEIGHTS, jnp.float32)
    scale = case.terms_of(NARROW[:n])
    inside = run_in(np.float32, tx, NARROW)[:n]
    eager = _loop(tx, gradients, weights)
    with jax.disable_jit():
        plain = _loop(tx, gradients, weights)
    require_close(eager, inside, scale, 4 * ULP32, f"{case.name}: eager against jit")
    require_close(plain, inside, scale, 4 * ULP32, f"{case.name}: disable_jit against jit")
    require_close(plain, eager, scale, 4 * ULP32, f"{case.name}: disable_jit against eager")


# --- 3. State


def small_tree():
    """Params of every shape and container, as NumPy: a test can see whether they were written to."""
    w = np.arange(6, dtype=np.float32).reshape(3, 2) - 2
    return {"w": w, "b": np.float32(0.5) * np.ones(()), "none": None, "deep": (w[:0], [w[0] + 1])}


def _avals(tree):
    return jax.tree.structure(tree), [
        (x.shape, x.dtype, x.weak_type) for x in map(jax.typeof, jax.tree.leaves(tree))
    ]


def _float32(tree):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


def require_equal(a, b, what):
    """Two trees are equal, bit for bit, in structure too."""
    assert jax.tree.structure(a) == jax.tree.structure(b), f"{what}: other structure"
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype, f"{what}: {x.dtype} is not {y.dtype}"
        assert x.tobytes() == y.tobytes(), f"{what}: {x} is not {y}"


def subject_of(case):
    """The case as jaxopt_slides.testing sees it."""
    return testing.Subject(case.name, case.make, case.hyperparameters, elementwise=True)


def law_state_is_stable(case):
    """State is a scan carry that keeps its weak types too; it is float32, and its counts are int32."""
    testing.state_is_a_scan_carry(subject_of(case))
    tx, params = case.tx(), _float32(small_tree())
    first = tx.init(params)
    updates, second = step(tx, params, first, params)
    assert _avals(first) == _avals(second), f"{case.name}: {_avals(first)} became {_avals(second)}"
    assert _avals(updates) == _avals(params), f"{case.name}: updates {_avals(updates)}"
    traced = jax.eval_shape(tx.init, params)
    assert _avals(traced) == _avals(first), f"{case.name}: traced init {traced}"
    traced = jax.eval_shape(lambda g, s: step(tx, g, s, params), params, first)
    assert _avals(traced) == _avals((updates, second)), f"{case.name}: traced update {traced}"
    for path, leaf in jax.tree_util.tree_leaves_with_path(second):
        words = jax.tree_util.keystr(path)
        expected = _whole_dtype(words) or np.float32
        assert leaf.dtype == expected, f"{case.name}: state{words} is {leaf.dtype}"


# What state holds beside arrays like the parameters.
COUNTERS = ("count", "mini_step", "gradient_step", "zeroed", "total_notfinite")
COUNTERS += ("clock", "stamps", "since", "next_row")  # of tables
FLAGS = ("last_finite",)


def _whole_dtype(words):
    """The dtype of a counter or a flag, None for anything else."""
    field = words.rpartition(".")[2]
    return np.bool_ if field in FLAGS else np.int32 if field.endswith(COUNTERS) else None


def law_inputs_are_not_changed(case):
    """init and update leave their arguments alone, NumPy arrays too, compiled or not."""
    testing.inputs_are_not_changed(subject_of(case))


def _three_steps(tx, w):
    """Three steps along a curve on which a coordinate at 0 has a gradient of exactly 0."""

    def body(carry, value):
        w, state = carry
        updates, state = tx.update(w * w * 0.5, state, w, value=value)
        return (jos.apply_updates(w, updates), state), None

    return jax.lax.scan(body, (w, tx.init(w)), metrics(3))[0][0]


def _sum_of_squares(wrap, tx, w):
    return jnp.sum(jnp.square(wrap(_three_steps)(tx, w)))


@jax.jit
def _gradients(tx, w):
    loss = functools.partial(_sum_of_squares, lambda f: f, tx)
    again = functools.partial(_sum_of_squares, jax.checkpoint, tx)
    return jax.grad(loss)(w), jax.grad(again)(w)


def law_under_transformations(case):
    """vmap over parameters equals a loop; grad is finite; jax.checkpoint does not change it."""
    testing.vmap_is_a_loop(subject_of(case), 8 * ULP32)
    w = jnp.asarray([[-1.5, 0.0, 2.0], [0.25, 1.0, 0.0]], jnp.float32)
    gradient, again = map(np.asarray, _gradients(case.tx(), w))
    assert np.isfinite(gradient).all(), f"{case.name}: gradient {gradient}"
    # Recomputed steps may be contracted otherwise: a few ulp, relative to the largest of the row.
    size = np.abs(gradient).max() * np.ones_like(gradient)
    require_close(again, gradient, size, 1e-5, f"{case.name}: gradient under checkpoint")


# --- 4. One compilation


class Compilations:
    """Counts what jax compiles while it is listening."""

    def __init__(self):
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event, *_, **__):
        self.count += event == "/jax/core/compile/backend_compile_duration"


COMPILATIONS = Compilations()


def _values(case, name):
    """Ten values of every kind of number, integers where they are in range."""
    if "transition_steps" in name:
        return [50.0, 60, 70.5, np.float32(80), np.float64(90), np.int32(99), 110, 120.0, 130, 140]
    one = 1 if name not in COEFFICIENTS or case.name not in DEBIASED else 0
    zero = 0 if name not in case.without else 0.125
    if name in case.without and one == 0:
        one = 0.875
    numpy = [np.float32(0.3), np.float64(0.7), np.float32(0.9), np.int32(one), np.float16(0.5)]
    return [0.1, 0.25, 0.99, zero, one, *numpy]


def law_one_compilation(case):
    """Ten values of every hyperparameter: one trace under a user's jit, one compiled eager update."""
    traces = []

    @jax.jit
    def train(tx, w):
        traces.append(tx)
        updates, _ = step(tx, w, tx.init(w), w)
        return updates

    w = jnp.ones(5, jnp.float32)
    state = case.tx().init(w)
    step(case.tx(), w, state, w)
    before = COMPILATIONS.count
    optimizers = [case.tx(**{n: v}) for n in case.hyperparameters for v in _values(case, n)]
    for tx in optimizers:
        step(tx, w, state, w)
    eager = COMPILATIONS.count - before
    assert eager == 0, f"{case.name}: {eager} further compilations of the eager update"
    for tx in [case.tx(), *optimizers]:
        train(tx, w)
        assert jax.tree.structure(tx) == jax.tree.structure(case.tx()), f"{case.name}: {tx}"
    assert len(traces) == 1, f"{case.name}: traced {len(traces)} times"


def law_each_hyperparameter_is_one_leaf(case):
    """As many leaves as hyperparameters, all Python floats, each named in its tree path."""
    tx = case.tx()
    leaves = jax.tree_util.tree_leaves_with_path(tx)
    shown = {case.name_of(n): v for n, v in case.hyperparameters.items()}
    assert set(jos.hyperparams(tx)) == set(shown), f"{case.name}: {jos.hyperparams(tx)}"
    assert len(leaves) == len(shown), f"{case.name}: {leaves}"
    assert all(type(x) is float for _, x in leaves), f"{case.name}: {leaves}"
    assert jos.hyperparams(tx) == shown, f"{case.name}: {jos.hyperparams(tx)} is not {shown}"
    words = [set(re.findall(r"\w+", jax.tree_util.keystr(p))) for p, _ in leaves]
    for name in shown:
        last = name.rsplit(".", 1)[-1]
        named, need = sum(last in w for w in words), sum(n.rsplit(".", 1)[-1] == last for n in shown)
        assert named == need, f"{case.name}: {name} names {named} of {words}"
    twin = case.tx()
    assert jax.tree.structure(tx) == jax.tree.structure(twin)
    assert hash(jax.tree.structure(tx)) == hash(jax.tree.structure(twin))


# --- 5. Vmapped constructors


def law_vmapped_constructor(case):
    """A vmapped constructor is the loop of constructors, schedules included, in float64."""
    names = list(case.hyperparameters)
    if not names:
        return
    rows = [[v * f for v in case.hyperparameters.values()] for f in (0.5, 0.9, 1.0)]
    weights = WEIGHTS.astype(np.float64)
    with x64():
        stacked = jax.vmap(lambda *h: case.make(**dict(zip(names, h, strict=True))))(
            *map(jnp.asarray, zip(*rows, strict=True))
        )
        many = np.asarray(jax.vmap(run, in_axes=(0, None, None))(stacked, GRADIENTS, weights))
    for row, got in zip(rows, many, strict=True):
        changes = dict(zip(names, row, strict=True))
        one = in_float64(case, **changes)
        require_close(got, one, case.terms_of(GRADIENTS, **changes), 1e-13, f"{case.name} {changes}")


# --- 6. Hypergradients


CURVATURE = np.where(np.arange(8) % 2, np.linspace(0.5, 1.5, 8), 0)


def _train(tx):
    """The loss after 50 steps; half of the coordinates have a gradient that is always exactly 0."""

    def body(carry, value):
        w, state = carry
        updates, state = tx.update(CURVATURE * w, state, w, value=value)
        return (w + 0.1 * updates, state), None

    w = jnp.linspace(2.0, 4.0, 8)
    w, _ = jax.lax.scan(body, (w, tx.init(w)), metrics(50))[0]
    return jnp.sum(jnp.log1p(w * w))


def law_hypergradient(case):
    """The derivative of 50 steps by every hyperparameter is finite and equals central differences.

    The numbers go in through ``with_hyperparams`` and the derivatives come out through
    ``hyperparams``: the names must agree too. With steps of 1e-4 and one Richardson extrapolation
    the series is off by 1e-16 and rounding by 1e-12, times loss and derivatives of order 1; a
    derivative that is 1e-4 of the largest is held to 1e-6 of that instead of its own.
    """
    names = [case.name_of(n) for n in case.hyperparameters]
    values = np.array([_inside(case, n, v) for n, v in case.hyperparameters.items()])
    if not names:
        return

    def value_and_derivatives(row):
        tx = jos.with_hyperparams(case.tx(), **dict(zip(names, row, strict=True)))
        value, gradient = jax.value_and_grad(_train)(tx)
        gradient = jos.hyperparams(gradient, gradient=True)
        return value, jnp.stack([gradient[n] for n in names])

    with x64():
        rows = jnp.asarray(_perturbed(values))
        losses, derivatives = map(np.asarray, jax.jit(jax.vmap(value_and_derivatives))(rows))
    assert np.isfinite(derivatives).all(), f"{case.name}: {names} {derivatives[0]}"
    difference = _central_differences(losses[1:])
    scale = np.maximum(np.abs(difference), 1e-4 * np.abs(difference).max())
    require_close(derivatives[0], difference, scale, 1e-6, f"{case.name}: d/d{names}")


def law_hypergradient_at_rest(case):
    """At the bottom of a bowl, where every gradient is 0, the reversed 50 steps do not overflow.

    There du/dg would be 1/eps for whoever divides by the root of past squares: 1e6 at every step.
    """

    def train(tx):
        def body(carry, value):
            w, state = carry
            updates, state = tx.update(w, state, w, value=value)
            return (w + 0.1 * updates, state), None

        w = jnp.zeros(3, jnp.float32)
        return jnp.sum(jax.lax.scan(body, (w, tx.init(w)), metrics(50))[0][0])

    gradient = jax.tree.leaves(jax.grad(train)(case.tx()))
    assert np.isfinite(gradient).all(), f"{case.name}: {gradient}"


def law_variance_is_not_negative(case):
    """Constant float32 gradients leave no variance, and rounding cannot make it negative.

    Then the root holds eps_root alone: an update is at most |g| / sqrt(eps_root), and hardly less.
    """
    if case.name not in CENTERED:
        return
    g = np.broadcast_to(np.linspace(7, 17, SIZE, dtype=np.float32), (100, SIZE))
    h = {"decay": 0.5, "eps": 0.0, "eps_root": 0.01, "initial_accumulator_value": 0.0}
    h |= {n: 0.0 for n in ("momentum", "weight_decay") if n in case.hyperparameters}
    most = case.hyperparameters.get("learning_rate", 1) * g / np.sqrt(0.01)
    ratio = np.abs(run_in(np.float32, case.tx(**h), g)) / most
    assert ratio.max() <= 1 + 4 * ULP32, f"{case.name}: {ratio.max()} times the largest update"
    assert ratio[-1].min() >= 0.99, f"{case.name}: {ratio[-1].min()} times the largest update"


def _inside(case, name, value):
    """A value where the loss is smooth on the scale of a difference's step.

    A centered, debiased first step has no variance at an initial value of 0: below it the clamp
    holds, above it the root grows. That kink has no derivative to compare with. Adadelta's updates go
    with the root of eps, whose series in STEP / eps is too long at 1e-3: its fifth power is left over.
    So it is in STEP / (1 - b2) at 0.999, where no bias correction takes 1 - b2 out of the root.
    """
    if case.rule and name in COEFFICIENTS:
        return min(value, 0.9)
    if name == "eps" and case.name.startswith("adadelta"):
        return 0.1
    if name == "initial_accumulator_value" and {case.name} <= CENTERED & DEBIASED:
        return 0.5
    return {"transition_steps": 100.0, "end_value": 0.9, "eps": 1e-3}.get(name, value)


STEP = 1e-4


def _perturbed(x):
    return np.concatenate([x[None], *(x + f * STEP * np.eye(len(x)) for f in (1, -1, 2, -2))])


def _central_differences(losses):
    plus, minus, plus2, minus2 = np.split(losses, 4)
    return (4 * (plus - minus) / (2 * STEP) - (plus2 - minus2) / (4 * STEP)) / 3


# --- 7. Chains


@jax.jit
def _all_updates(optimizers, gradients, params):
    """The runs of several optimizers in one program."""
    return [run(tx, gradients, params) for tx in optimizers]


def law_chain_is_associative(case):
    """However a chain is nested, and with identities in it, the updates are the same to 1 ulp."""
    a, b, c = case.tx(), jos.trace(0.5), jos.scale_by_learning_rate(0.3)
    one = jos.identity()
    nested = [
        jos.chain(a, b, c),
        jos.chain(a, jos.chain(b, c)),
        jos.chain(jos.chain(a, b), c),
        jos.chain(one, a, one, jos.chain(jos.chain(), b), c, one),
    ]
    plain, *others = _all_updates(nested, NARROW[:50], WEIGHTS.astype(np.float32))
    for tx, got in zip(nested[1:], others, strict=True):
        require_close(got, plain, np.abs(plain), ULP32, f"{case.name}: {tx}")


def law_equals_its_parts(case):
    """A named optimizer is its chain of parts: the same formulas in the same order, to 4 ulp."""
    if case.parts is None:
        return
    whole = in_float64(case)
    parts = run_in(np.float64, case.parts(**case.hyperparameters))
    ulp = np.finfo(np.float64).eps
    require_close(parts, whole, case.terms_of(GRADIENTS), 4 * ulp, f"{case.name}: its parts")


# --- 8. Lowering


def law_lowers(case):
    """jax.export lowers init and update for cpu, cuda and tpu: lowered, not compiled nor run."""

    def program(tx, g, w):
        return step(tx, g, tx.init(w), w)

    w = jax.ShapeDtypeStruct((4, 3), jnp.float32)
    exported = jax.export.export(jax.jit(program), platforms=["cpu", "cuda", "tpu"])(case.tx(), w, w)
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert exported.mlir_module_serialized, case.name
    assert len(exported.in_avals) == len(jax.tree.leaves(case.tx())) + 2, (
        f"{case.name}: {exported.in_avals}"
    )


# --- 9. Pickles


def law_pickles(case):
    """Optimizer and state come back from pickle equal, and go on as if nothing had happened."""
    testing.state_pickles(subject_of(case))
    tx, w = case.tx(), _float32(small_tree())
    state = step(tx, w, tx.init(w), w)[1]
    tx2 = pickle.loads(pickle.dumps(tx))
    require_equal(tx2, tx, f"{case.name}: optimizer")
    assert repr(tx2) == repr(tx)
    before = COMPILATIONS.count
    expected = step(tx, w, state, w)
    require_equal(step(tx2, w, state, w), expected, f"{case.name}: the next update")
    assert COMPILATIONS.count - before <= 0, f"{case.name}: the copy was compiled again"


# --- 10. Dtypes

DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64")
REAL_STATE = ("mean_square", "sum_of_squares", ".maps[")


def _gradient_of(dtype, steps):
    """Gradients that every dtype can hold; a complex one turns in the plane."""
    g = np.random.default_rng(1).normal(size=(steps, SIZE)) * 2.0 ** -np.arange(SIZE)[None, :] * 16
    if dtype == "complex64":
        g = g * np.exp(1j * np.arange(steps))[:, None]
    return jnp.asarray(g, dtype)


def _state_dtype(path, dtype, squares):
    """Wide; complex gradients have complex velocities and means but real accumulators of squares."""
    if (whole := _whole_dtype(path)) is not None:
        return whole
    if dtype is None:  # a number of all leaves
        return "float64"
    if dtype == "complex64":
        return "float32" if any(name in path for name in squares) else "complex64"
    return "float64" if dtype == "float64" else "float32"


def law_dtypes(case):
    """Updates have the gradient's dtype and its accuracy; state is float32 or wider."""
    with x64():
        gradients = {d: _gradient_of(d, 10) for d in DTYPES}
        params = {d: jnp.asarray(WEIGHTS, d) for d in DTYPES}
        tx = case.tx()
        state = tx.init(params)
        kinds = [{d: gradients[d]} for d in DTYPES] if case.name in GLOBAL else [gradients]
        runs = [run(tx, g, {d: params[d] for d in g}) for g in kinds]
        updates = {d: u for one in runs for d, u in one.items()}
        first = jax.tree.map(lambda g: g[0], gradients)
        stepped = jax.eval_shape(lambda *args: step(tx, *args), first, state, params)
        for s in (state, stepped[1]):
            _require_state_dtypes(case, s)
    for dtype in DTYPES:
        u = updates[dtype]
        assert u.dtype == dtype, f"{case.name}: a {dtype} gradient gave a {u.dtype} update"
        kind = np.complex128 if dtype == "complex64" else np.float64
        g = np.asarray(gradients[dtype]).astype(kind)
        tiny = float(jnp.finfo(dtype).smallest_subnormal)
        # In 10 steps float32 state rounds a few dozen times; then one rounding to a narrow dtype.
        wide = 64 * (np.finfo(np.float64).eps if dtype == "float64" else ULP32)
        tolerance = wide + (float(jnp.finfo(dtype).eps) if dtype in DTYPES[:2] else 0)
        scale = case.terms_of(g) + tiny / tolerance
        got = np.asarray(u).astype(kind)
        require_close(got, case.reference(g), scale, tolerance, f"{case.name} in {dtype}")


def _require_state_dtypes(case, state):
    squares = (*REAL_STATE, *(f".{f}[" for f in getattr(state, "non_negative", ())))
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        words = jax.tree_util.keystr(path)
        dtype = next((d for d in DTYPES if f"'{d}'" in words), None)
        expected = _state_dtype(words, dtype, squares)
        assert leaf.dtype == expected, f"{case.name}: state{words} is {leaf.dtype}, not {expected}"


# --- 11. Hyperparameters by name


def law_hyperparams_round_trip(case):
    """What ``hyperparams`` reads, ``with_hyperparams`` writes: all, one by one, on gradients too."""
    tx = case.tx()
    shown = jos.hyperparams(tx)
    require_equal(jos.with_hyperparams(tx, **shown), tx, f"{case.name}: nothing changed")
    for name, value in shown.items():
        new = 0.25 if value != 0.25 else 0.75
        changed = jos.with_hyperparams(tx, **{name: new})
        assert jos.hyperparams(changed) == {**shown, name: new}, f"{case.name}: {name}, {changed}"
        assert jos.hyperparams(tx) == shown, f"{case.name}: the original changed"
        require_equal(
            jos.with_hyperparams(changed, **{name: value}), tx, f"{case.name}: {name} and back"
        )
    _require_constructor_agrees(case)
    _require_gradient_round_trip(case)


def _require_constructor_agrees(case):
    for keyword in case.hyperparameters:
        changed = jos.with_hyperparams(case.tx(), **{case.name_of(keyword): 0.25})
        require_equal(changed, case.tx(**{keyword: 0.25}), f"{case.name}: {keyword} by either way")


def _require_gradient_round_trip(case):
    w = jnp.asarray([1.0, -2.0, 0.0], jnp.float32)

    def loss(tx):
        return jnp.sum(step(tx, w, tx.init(w), w)[0])

    gradient = jax.grad(loss)(case.tx())
    shown = jos.hyperparams(gradient)
    back = jos.with_hyperparams(gradient, **shown)
    require_equal(back, gradient, f"{case.name}: a gradient tree")
    assert set(shown) == set(jos.hyperparams(case.tx())), f"{case.name}: {shown}"


# --- 12. Counts and schedules


def wobble(value):
    """A schedule around ``value`` that differs at every count, in jax and in Python."""
    return lambda t: value * (1 - 0.5 / (t + 2))


def law_schedules_anywhere(case):
    """Every hyperparameter of update may be a schedule, and the first update sees count 0."""
    names = [n for n in case.hyperparameters if n not in OF_INIT | OF_SCHEDULES]
    if not names:
        return
    values = [(case.hyperparameters[n] or 1e-3) * 0.9**i for i, n in enumerate(names)]
    schedules = dict(zip(names, map(wobble, values), strict=True))  # no two hyperparameters are equal
    tx, n = case.tx(**schedules), 50
    got = in_float64(case, GRADIENTS[:n], **schedules)
    expected = case.reference(GRADIENTS[:n], **schedules)
    scale = case.terms_of(GRADIENTS[:n], **schedules)
    require_close(got, expected, scale, 1e-12, f"{case.name} with schedules for {names}")
    with x64():
        _require_current_values(case, tx, schedules)


def _require_current_values(case, tx, schedules):
    w = jnp.asarray(WEIGHTS)
    state = tx.init(w)
    for t in range(3):
        now = jos.hyperparams(tx, state)
        for name, schedule in schedules.items():
            value = float(now[case.name_of(name)])
            assert abs(value - schedule(t)) <= 1e-15, f"{case.name}: {name} at {t} is {value}"
        _, state = _counted(tx, w, state)


def _counted(tx, w, state):
    """The calls that make one count: more than one where gradients are gathered."""
    for _ in range(10):
        updates, state = step(tx, w, state, w)
        if not any(map(int, _leaves_called(state, "mini_step"))):
            return updates, state
    raise AssertionError(f"{tx}: no update in 10 calls")


def _leaves_called(state, name):
    pairs = jax.tree_util.tree_leaves_with_path(state)
    return [x for p, x in pairs if str(p[-1]) == f".{name}"]


def _counts(state, value=None):
    """The state with every count replaced, or its counts."""
    largest = jnp.int32(value) if value is not None else None
    pairs, treedef = jax.tree_util.tree_flatten_with_path(state)
    is_count = [str(p[-1]) == ".count" for p, _ in pairs]
    if largest is None:
        return [int(x) for (_, x), yes in zip(pairs, is_count, strict=True) if yes]
    return treedef.unflatten(largest if yes else x for (_, x), yes in zip(pairs, is_count, strict=True))


def law_count(case):
    """Counts go 0, 1, 2 and stop at the largest int32, not before, where updates stay finite."""
    tx, w = case.tx(), jnp.asarray(WEIGHTS, jnp.float32)
    state, last = tx.init(w), np.iinfo(np.int32).max
    for t in range(3):
        assert set(_counts(state)) <= {t}, f"{case.name}: counts {_counts(state)} at step {t}"
        _, state = _counted(tx, w, state)
    late = _counts(state, last - 1)
    for expected in (last - 1, last, last):
        assert set(_counts(late)) <= {expected}, f"{case.name}: counts {_counts(late)}"
        updates, late = _counted(tx, w, late)
        assert np.isfinite(updates).all(), f"{case.name}: {updates} at the last count"


# --- 13. Coasting (alone, far and near 1: test_coasting.py)

NORMALIZING = ("rmsprop", "adagrad", "rowwise", "adadelta", "scale_by_r", "scale_by_stddev")
NORMALIZING += ("decoupled", "clip")


def law_coasts_or_refuses(case):
    """Behind a velocity and a decay, three idle steps are three updates; what divides refuses."""
    before = (jos.trace(0.5), jos.scale(0.5), jos.add_decayed_weights(0.1))
    tx = jos.chain(*before, case.tx())

    @jax.jit
    def both_ways(w):
        state = step(tx, w, tx.init(w), w)[1]
        end, after = w, state
        for _ in range(3):
            updates, after = step(tx, jnp.zeros_like(w), after, end)
            end = end + updates
        return coast(tx, state, w, 3), (end - w, after)

    refusal = ""
    with x64():
        try:
            coasted, stepped = both_ways(jnp.asarray([1.0, -2.0, 0.5]))
        except ValueError as error:
            refusal = str(error)
    divides = case.name.split(".")[-1].startswith(NORMALIZING)
    divides = divides if case.rule is None else not getattr(case.rule.idle, "linear_in_g", False)
    expected = case.refuses or ("is not linear in its input" if divides else "")
    assert expected in refusal, f"{case.name}: {refusal!r}"
    assert bool(expected) == bool(refusal), f"{case.name}: {refusal!r}"
    if expected:
        return
    assert jax.tree.structure(coasted) == jax.tree.structure(stepped)
    for a, b in zip(jax.tree.leaves(coasted), jax.tree.leaves(stepped), strict=True):
        require_close(a, b, np.abs(b).max() * np.ones(b.shape) + 1e-3, 1e-12, f"{case.name}: coasting")


def law_moves_as_declared(case):
    """What still moves without a gradient is refused before a division; what rests is not."""
    if case.refuses:
        return
    tx, w = case.tx(), jnp.asarray([1.0, -2.0, 0.5], jnp.float32)
    state = step(tx, w, tx.init(w), w)[1]
    moves = bool(jnp.any(step(tx, jnp.zeros_like(w), state, w)[0] != 0))
    try:
        transition(halves(jos.chain(tx, jos.scale(0.5), jos.scale_by_rms()))[1])
        refused = False
    except ValueError:
        refused = True
    assert refused == moves, f"{case.name}: moves: {moves}, refused: {refused}"


# --- 14. Training


def law_fit_is_the_loop(case):
    """``fit`` takes the steps of a loop over ``update`` and ``apply_updates``, and records them."""
    tx, w = case.tx(), jnp.asarray([1.0, -2.0, 0.5], jnp.float32)
    state, rows = tx.init(w), []
    for _ in range(3):
        updates, state = tx.update(2 * w, state, w, value=jnp.sum(w * w))
        rows.append([w, 2 * w, updates])
        w = jos.apply_updates(w, updates)
    params, gradients, updates = np.swapaxes(np.asarray(rows), 0, 1)
    names = ("params", "gradient_norm", "update_norm")
    result = jos.fit(lambda w: jnp.sum(w * w), tx, params[0], steps=3, record=names)
    got = [result.history[n] for n in names]
    expected = [params, np.linalg.norm(gradients, axis=1), np.linalg.norm(updates, axis=1)]
    for name, a, b in zip(names, got, expected, strict=True):
        require_close(a, b, np.abs(b).max() * np.ones_like(b), 1e-4, f"{case.name}: {name}")
    require_close(result.params, w, np.abs(params).max() * np.ones(3), 1e-4, f"{case.name}: params")


LAWS = [law for name, law in list(globals().items()) if name.startswith("law_")]


def name_of(law):
    """What the tests and ``Case.exempt`` call a law."""
    return law.__name__.removeprefix("law_")


def laws_of(case):
    """The laws that hold for a case."""
    return [law for law in LAWS if name_of(law) not in case.exempt]
