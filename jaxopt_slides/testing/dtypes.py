"""Laws of dtypes: none is narrowed, narrow ones follow float32, and complex leaves turn."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    DTYPES,
    differing,
    element,
    finite,
    in_dtypes,
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


def _alternating(one: PyTree, other: PyTree, steps: int) -> PyTree:
    """Two gradients in turn: constant ones would leave a centered rule nothing but rounding."""
    both = jax.tree.map(lambda *x: jnp.stack(x), one, other)
    return jax.tree.map(lambda x: jnp.tile(x, (steps // 2, *[1] * (x.ndim - 1))), both)


def narrow_follows_float32(subject: Subject) -> None:
    """After 1000 gradients g, g/2, g, ... in bfloat16 or float16 it is within 10 % of float32.

    A sum that stalls at 256, or a mean square at half of its size, is further off; rounding of the
    updates themselves is not.
    """
    subject.require_own_path()

    def gradients(dtype: str) -> PyTree:
        g = jax.tree.map(jnp.abs, subject.gradients(0, dtype))
        return _alternating(g, jax.tree.map(lambda x: x * jnp.asarray(0.5, x.dtype), g), STEPS)

    results = in_dtypes(subject, ("float32", "bfloat16", "float16"), gradients, origin=True)
    _require_follows(results, f"{STEPS} gradients g, g/2, g, ... with g 0.1 to 2")


def small_float16_is_not_lost(subject: Subject) -> None:
    """After 100 gradients of 1.2e-5 and 2.4e-5 in float16 it is within 10 % of float32, or of 0."""
    subject.require_own_path()
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

    runs = {
        d: (program, (jax.tree.map(jnp.zeros_like, subject.params(d)), tiny(d)))
        for d in ("float32", "float16")
    }
    _require_follows(in_each(runs), "100 gradients of 1.2e-5 and 2.4e-5")


def _require_follows(results: dict[str, PyTree], what: str) -> None:
    wide = last(results.pop("float32"))
    if not finite(wide):
        raise NotApplicable("the float32 run is not finite")
    if not any(jnp.any(x != 0) for x in jax.tree.leaves(wide)):
        raise NotApplicable("the last float32 update is 0")
    for dtype, updates in results.items():
        tiny = float(jnp.finfo(dtype).smallest_subnormal)
        paths = jax.tree_util.tree_leaves_with_path(last(updates))
        for (path, x), y in zip(paths, jax.tree.leaves(wide), strict=True):
            got, expected = np.asarray(x, np.float64), np.asarray(y, np.float64)
            size = np.max(np.abs(expected), initial=0)
            bad = np.argwhere(~(np.abs(got - expected) <= 0.1 * size + tiny))
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
