"""Laws of numbers: zeros, extremes, and rounding below zero."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    constant,
    find,
    finite,
    hypothesis,
    in_dtypes,
    last,
    require_finite,
    stacked,
    trajectory,
)
from jaxopt_slides.testing._subject import Fault, NotApplicable, PyTree, Subject


def zero_gradients_are_finite(subject: Subject) -> None:
    """Gradients of exactly zero give finite updates, in float16 too, where 1e-8 is zero."""
    dtypes = ("float32", "bfloat16", "float16", "complex64")
    zeros = in_dtypes(subject, dtypes, lambda d: jax.tree.map(jnp.zeros_like, stacked(subject, 3, d)))
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

    updates = in_dtypes(subject, ("float32",), same)["float32"]
    for t in range(200):
        now = jax.tree.map(lambda u, t=t: u[t], updates)
        if t and not finite(now) and _largest(jax.tree.map(lambda u, t=t: u[t - 1], updates)) > BOUND:
            raise NotApplicable("on a plane, which has no minimum, it grows without bound")
        require_finite(now, f"step {t} of constant gradients, 11 and 13 among them")


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


BOUND = 1e6  # no NaN of a root comes after such updates, an overflow does
SPIKES: dict[str, tuple[float, float]] = {
    "float32": (1e15, 1e20),
    "float16": (100, 300),
}  # the squares of the second overflow


def huge_gradients_do_not_erase(subject: Subject) -> None:
    """One gradient of 1e20, or 300 in float16, neither makes NaN nor zeroes every update."""

    def spiked(which: int) -> Any:
        def gradients(dtype: str) -> PyTree:
            size = jnp.asarray(SPIKES[dtype][which], dtype)
            return jax.tree.map(
                lambda g: g.reshape(3, -1).at[0, 0].set(size).reshape(g.shape),
                stacked(subject, 3, dtype),
            )

        return in_dtypes(subject, tuple(SPIKES), gradients)

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
