"""Laws of numbers: dtypes, zeros, extremes, and rounding that accumulates."""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    DTYPES,
    constant,
    differing,
    element,
    find,
    finite,
    hypothesis,
    in_each,
    last,
    require_close,
    require_finite,
    running,
    show,
    stacked,
    trajectory,
    x64,
)
from jaxopt_slides.testing._subject import Fault, NotApplicable, PyTree, Subject

STEPS = 1000  # a bfloat16 mean square with decay 0.999 stalls after 300


def _takes_complex(subject: Subject) -> bool:
    try:
        jax.eval_shape(functools.partial(_one, subject), subject.params("complex64"))
    except Exception:  # refusing complex leaves is anyone's right
        return False
    return True


def _one(subject: Subject, params: PyTree) -> Any:
    tx = subject.tx()
    state = tx.init(params)
    return state, *subject.update(tx, params, state, params)


def precision_is_kept(subject: Subject) -> None:
    """Every float dtype is accepted, and no update is narrower than its gradient."""
    for dtype in DTYPES:
        if dtype == "complex64" and not _takes_complex(subject):
            continue
        with x64(dtype), running(f"{dtype} leaves"):
            params = subject.params(dtype)
            _, updates, _ = jax.eval_shape(functools.partial(_one, subject), params)
        for leaf in jax.tree.leaves(updates):
            with jax.numpy_dtype_promotion("standard"), x64(dtype):
                wider = jnp.promote_types(leaf.dtype, dtype)
            if wider != leaf.dtype:
                raise Fault(f"a {dtype} gradient gave a {leaf.dtype} update")


def state_is_a_scan_carry(subject: Subject) -> None:
    """State keeps tree, shapes and dtypes, from init through every update, eager or traced."""
    for dtype in DTYPES:
        params = subject.params()
        if dtype == "complex64" and not _takes_complex(subject):
            continue
        with x64(dtype):
            params = subject.params(dtype)
            try:
                state, _, after = jax.eval_shape(functools.partial(_one, subject), params)
            except Exception:  # a fault of precision_is_kept, not of this law
                continue
            if change := differing(state, after):
                raise Fault(f"{dtype} parameters: state{change} in the first update")
            if change := differing(state, subject.tx().init(params)):
                raise Fault(f"{dtype} parameters: traced init's state{change} in an eager init")
    _scan_of_nothing(subject)


def _scan_of_nothing(subject: Subject) -> None:
    """A scan of length 0 returns the state that it was given."""
    params, tx = subject.params(), subject.tx()
    state = tx.init(params)
    none = jax.tree.map(lambda g: g[:0], stacked(subject, 1))
    with running("a scan of length 0"):
        after, _ = jax.lax.scan(lambda s, g: subject.update(tx, g, s, params)[::-1], state, none)
    if change := differing(state, after):
        raise Fault(f"a scan of length 0: state{change}")


def _in_dtypes(subject: Subject, dtypes: tuple[str, ...], make: Any) -> dict[str, PyTree]:
    """The trajectories of ``make(dtype)``'s gradients, in one program."""

    def program(params: PyTree, gradients: PyTree) -> PyTree:
        return trajectory(subject, subject.tx(), gradients, params)

    results = in_each({d: (program, (subject.params(d), make(d))) for d in dtypes})
    if not results:
        raise NotApplicable("it runs in none of these dtypes")
    return results


def zero_gradients_are_finite(subject: Subject) -> None:
    """Gradients of exactly zero give finite updates, in float16 too, where 1e-8 is zero."""
    dtypes = ("float32", "bfloat16", "float16", "complex64")
    zeros = _in_dtypes(subject, dtypes, lambda d: jax.tree.map(jnp.zeros_like, stacked(subject, 3, d)))
    for dtype, updates in zeros.items():
        require_finite(updates, f"three zero gradients in {dtype}")


def constant_gradients_stay_finite(subject: Subject) -> None:
    """200 times the same gradients, 11 and 13 among them: no variance rounds below zero to NaN."""

    def same(dtype: str) -> PyTree:
        values = itertools.cycle((11, 13, 7.1, 16.7, 0.3, 1001, 9.9))
        tree = subject.gradients(0, dtype)
        filled = (
            np.fromiter(itertools.islice(values, g.size), np.float32).reshape(g.shape)
            for g in jax.tree.leaves(tree)
        )
        return constant(jax.tree.structure(tree).unflatten(map(jnp.asarray, filled)), 200)

    updates = _in_dtypes(subject, ("float32",), same)["float32"]
    for t in range(200):
        what = f"step {t} of constant gradients, 11 and 13 among them"
        require_finite(jax.tree.map(lambda u, t=t: u[t], updates), what)


def any_gradient_is_finite(subject: Subject) -> None:
    """Three updates of any float32 gradients up to 1e16 in size, or down to zero, are finite."""
    st = hypothesis().strategies
    params, most = subject.params(), float(np.float32(1e16))
    program = jax.jit(lambda g: trajectory(subject, subject.tx(), g, params))

    def check(values: list[float]) -> None:
        gradients = jax.tree.map(
            lambda g: jnp.broadcast_to(
                jnp.asarray(values, jnp.float32).reshape(3, *[1] * jnp.ndim(g)), (3, *jnp.shape(g))
            ),
            params,
        )
        require_finite(last(program(gradients)), f"every element has the gradients {values}")

    sizes = st.one_of(
        st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e-20, 1e-10, 1e10, most]),
        st.floats(-most, most, width=32, allow_subnormal=False),
    )
    find(st.lists(sizes, min_size=3, max_size=3), check, 25)


SPIKES = {"float32": (1e15, 1e20), "float16": (100, 300)}  # the squares of the second overflow


def huge_gradients_do_not_erase(subject: Subject) -> None:
    """One gradient of 1e20, or 300 in float16, neither makes NaN nor zeroes every update."""

    def spiked(which: int) -> Any:
        def gradients(dtype: str) -> PyTree:
            size = jnp.asarray(SPIKES[dtype][which], dtype)
            return jax.tree.map(
                lambda g: g.reshape(3, -1).at[0, 0].set(size).reshape(g.shape),
                stacked(subject, 3, dtype),
            )

        return _in_dtypes(subject, tuple(SPIKES), gradients)

    large, huge = spiked(0), spiked(1)
    for dtype, updates in huge.items():
        what = f"one gradient of {SPIKES[dtype][1]:g} in {dtype}"
        for t in range(3):
            now, before = (jax.tree.map(lambda u, t=t: u[t], x) for x in (updates, large[dtype]))
            require_finite(now, f"{what}, step {t}")
            if _largest(now) == 0 and _largest(before) > 1e-10:
                raise Fault(
                    f"{what}: every update of step {t} is 0; with {SPIKES[dtype][0]:g} "
                    f"the largest is {_largest(before):.4g}"
                )


def _largest(tree: PyTree) -> float:
    return max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(tree))


def _alternating(one: PyTree, other: PyTree, steps: int) -> PyTree:
    """Two gradients in turn: constant ones would leave a centered rule nothing but rounding."""
    both = jax.tree.map(lambda *x: jnp.stack(x), one, other)
    return jax.tree.map(lambda x: jnp.tile(x, (steps // 2, *[1] * (x.ndim - 1))), both)


def narrow_follows_float32(subject: Subject) -> None:
    """After 1000 gradients g, g/2, g, ... in bfloat16 or float16 it is within 10 % of float32.

    A sum that stalls at 256, or a mean square at half of its size, is further off; rounding of the
    updates themselves is not.
    """
    subject.require_no_noise()

    def gradients(dtype: str) -> PyTree:
        g = jax.tree.map(jnp.abs, subject.gradients(0, dtype))
        return _alternating(g, jax.tree.map(lambda x: x * jnp.asarray(0.5, x.dtype), g), STEPS)

    results = _in_dtypes(subject, ("float32", "bfloat16", "float16"), gradients)
    _require_follows(results, f"{STEPS} gradients g, g/2, g, ... with g 0.1 to 2")


def small_float16_is_not_lost(subject: Subject) -> None:
    """After 100 gradients of 1.2e-5 and 2.4e-5 in float16 it is within 10 % of float32, or of 0."""
    subject.require_no_noise()
    small = {"learning_rate": 1e-3} if "learning_rate" in subject.hyperparameters else {}

    def program(params: PyTree, gradients: PyTree) -> PyTree:
        return trajectory(subject, subject.tx(**small), gradients, params)

    def tiny(dtype: str) -> PyTree:
        one, other = (jnp.asarray(x, jnp.float16).astype(dtype) for x in (1.2e-5, 2.4e-5))
        params = subject.params(dtype)
        return _alternating(
            jax.tree.map(lambda p: jnp.full_like(p, one), params),
            jax.tree.map(lambda p: jnp.full_like(p, other), params),
            100,
        )

    runs = {d: (program, (subject.params(d), tiny(d))) for d in ("float32", "float16")}
    _require_follows(in_each(runs), "100 gradients of 1.2e-5 and 2.4e-5")


def _require_follows(results: dict[str, PyTree], what: str) -> None:
    wide = last(results.pop("float32"))
    if not finite(wide):
        raise NotApplicable("the float32 run is not finite")
    for dtype, updates in results.items():
        tiny = float(jnp.finfo(dtype).smallest_subnormal)
        paths = jax.tree_util.tree_leaves_with_path(last(updates))
        for (path, x), y in zip(paths, jax.tree.leaves(wide), strict=True):
            got, expected = np.asarray(x, np.float64), np.asarray(y, np.float64)
            bad = np.argwhere(~(np.abs(got - expected) <= 0.1 * np.abs(expected) + tiny))
            if len(bad):
                raise Fault(
                    f"{what}: the last update is {element(path, x, bad[0])} in {dtype}, "
                    f"{show(expected[tuple(bad[0])])} in float32"
                )


def complex_gradients_turn(subject: Subject) -> None:
    """Gradients and parameters times i give updates times i, as |g|² does and g² does not."""
    subject.require_no_noise()

    def program(p: PyTree, g: PyTree) -> PyTree:
        return trajectory(subject, subject.tx(), g, p)

    real = subject.params(), stacked(subject, 3)
    turn = jnp.asarray(1j, jnp.complex64)
    params = subject.params("complex64")
    gradients = jax.tree.map(lambda g: g * (1 + 0.5 * turn), stacked(subject, 3, "complex64"))
    inputs = {
        "real": real,
        "negative": jax.tree.map(jnp.negative, real),
        "complex": (params, gradients),
        "turned": jax.tree.map(lambda x: x * turn, (params, gradients)),
    }
    results = in_each({n: (program, arguments) for n, arguments in inputs.items()})
    if "turned" not in results:
        raise NotApplicable("it does not take complex leaves")
    try:
        require_close(results["negative"], jax.tree.map(jnp.negative, results["real"]), 1e-3, "")
    except Fault:
        raise NotApplicable("it does not treat both signs alike") from None
    expected = jax.tree.map(lambda u: u * turn, results["complex"])
    require_finite(expected, "three complex gradients")
    require_close(results["turned"], expected, 1e-3, "gradients and params times i")
