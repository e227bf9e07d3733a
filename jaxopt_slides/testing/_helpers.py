"""What the laws are written with: runs, comparisons and how a counterexample is shown."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._subject import Fault, NotApplicable, PyTree, Subject

DTYPES = ("float32", "bfloat16", "float16", "float64", "complex64")
# Some updates are differences of two parameters of order 1, which a few float32 ulp are off.
ROUNDING = 1e-6


@contextlib.contextmanager
def running(what: str) -> Iterator[None]:
    """What is raised inside is a fault of the subject; the text says what was being done."""
    try:
        yield
    except (Fault, NotApplicable):
        raise
    except Exception as error:  # whatever stops a transform
        raise Fault(f"{what}: expected to run, raised {said(error)}") from error


def said(error: BaseException) -> str:
    """An error in one line."""
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:200]}{'...' if len(text) > 200 else ''}"


def show(tree: PyTree) -> str:
    """A small tree of arrays, short."""

    def one(x: Any) -> str:
        x = np.asarray(x)
        x = x if x.dtype.kind in "fciub" else x.astype(np.float32)
        text = np.array2string(x, precision=4, threshold=6, edgeitems=2, separator=", ")
        return " ".join(text.split())

    return str(jax.tree.map(one, tree)).replace("'[", "[").replace("]'", "]")


def x64(dtype: Any) -> contextlib.AbstractContextManager[Any]:
    """Float64 where the dtype needs it."""
    return jax.enable_x64(True) if dtype == "float64" else contextlib.nullcontext()


def finite(tree: PyTree) -> bool:
    """Whether every number is finite."""
    return all(bool(jnp.isfinite(jnp.asarray(x)).all()) for x in jax.tree.leaves(tree))


def require_finite(tree: PyTree, what: str, of: str = "updates") -> None:
    """A fault if any number is NaN or infinite, with the first of them."""
    for path, x in jax.tree_util.tree_leaves_with_path(tree):
        bad = np.argwhere(~np.isfinite(_wide(x)))
        if len(bad):
            raise Fault(f"{what}: expected finite {of}, got {element(path, x, bad[0])}")


def require_close(got: PyTree, expected: PyTree, tolerance: float, what: str) -> None:
    """Equal structure, and every leaf within ``tolerance`` times the largest of the leaf.

    Unless equality is asked for, ROUNDING is allowed besides.
    """
    if jax.tree.structure(got) != jax.tree.structure(expected):
        raise Fault(f"{what}: expected {jax.tree.structure(expected)}, got {jax.tree.structure(got)}")
    paths = jax.tree_util.tree_leaves_with_path(got)
    for (path, x), y in zip(paths, jax.tree.leaves(expected), strict=True):
        a, b = _wide(x), _wide(y)
        if a.shape != b.shape:
            raise Fault(f"{what}: expected shape {b.shape}, got {a.shape}")
        size = np.max(np.abs(b), initial=0, where=np.isfinite(b))
        allowed = tolerance * size + (ROUNDING if tolerance else 0)
        equal = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            bad = np.argwhere(~(equal | (np.abs(a - b) <= allowed)))
        if len(bad):
            raise Fault(f"{what}: expected {show(b[tuple(bad[0])])}, got {element(path, x, bad[0])}")


def element(path: Any, x: Any, index: Any) -> str:
    """One number of a tree, and where it is."""
    where = jax.tree_util.keystr(path) + (str([int(i) for i in index]) if len(index) else "")
    return f"{show(_wide(x)[tuple(index)])} at {where or 'the leaf'}"


def _wide(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def facts(tree: PyTree) -> list[Any]:
    """Path, shape and dtype of every leaf."""
    return [
        (jax.tree_util.keystr(p), jnp.shape(x), jnp.result_type(x).name)
        for p, x in jax.tree_util.tree_leaves_with_path(tree)
    ]


def differing(a: PyTree, b: PyTree) -> str:
    """The first leaf in which two trees' facts differ, as a sentence; nothing if none does."""
    one, two = facts(a), facts(b)
    for x, y in zip(one, two, strict=False):
        if x != y:
            return f"{x[0]} {x[1]} {x[2]} became {y[0]} {y[1]} {y[2]}"
    if jax.tree.structure(a) != jax.tree.structure(b):
        return f" {jax.tree.structure(a)} became {jax.tree.structure(b)}"[:300]
    return ""


def stacked(subject: Subject, steps: int, dtype: Any = "float32") -> PyTree:
    """The subject's gradients of several steps, one array a leaf."""
    return jax.tree.map(lambda *g: jnp.stack(g), *(subject.gradients(t, dtype) for t in range(steps)))


def constant(tree: PyTree, steps: int) -> PyTree:
    """The same gradients at every step."""
    return jax.tree.map(lambda g: jnp.broadcast_to(g, (steps, *jnp.shape(g))), tree)


def trajectory(subject: Subject, tx: Any, gradients: PyTree, params: PyTree) -> PyTree:
    """The updates of all steps at constant parameters, to be called while tracing.

    The first step stands before the scan: a state that changes its dtype in it is a fault of
    ``state_is_a_scan_carry``, and of no other law.
    """
    first, rest = (
        jax.tree.map(lambda g: g[0], gradients),
        jax.tree.map(lambda g: g[1:], gradients),
    )
    updates, state = subject.update(tx, first, tx.init(params), params)

    def body(state: PyTree, g: PyTree) -> Any:
        updates, state = subject.update(tx, g, state, params)
        return state, updates

    others = jax.lax.scan(body, state, rest)[1]
    return jax.tree.map(lambda u, us: jnp.concatenate([u[None], us]), updates, others)


def run(subject: Subject, gradients: PyTree, params: PyTree) -> PyTree:
    """:func:`trajectory` of the subject in one program."""
    return jax.jit(lambda g, p: trajectory(subject, subject.tx(), g, p))(gradients, params)


def in_each(programs: dict[str, tuple[Callable[..., Any], Any]]) -> dict[str, Any]:
    """The results of those programs that can be traced, compiled as one."""
    kept = {}
    for name, (program, arguments) in programs.items():
        try:
            jax.eval_shape(program, *arguments)
        except Exception:  # which dtypes run at all is another law's matter
            continue
        kept[name] = (program, arguments)
    functions = {n: f for n, (f, _) in kept.items()}
    every = jax.jit(lambda args: {n: f(*args[n]) for n, f in functions.items()})
    results = every({n: a for n, (_, a) in kept.items()})
    return {n: results[n] for n in kept}  # in the caller's order; jit sorts


def in_dtypes(
    subject: Subject, dtypes: tuple[str, ...], make: Any, origin: bool = False
) -> dict[str, PyTree]:
    """The trajectories of ``make(dtype)``'s gradients, in one program.

    At the origin an update that is a difference of parameters is not rounded to their dtype.
    """
    at = jnp.zeros_like if origin else jnp.asarray

    def program(params: PyTree, gradients: PyTree) -> PyTree:
        return trajectory(subject, subject.tx(), gradients, params)

    results = in_each({d: (program, (jax.tree.map(at, subject.params(d)), make(d))) for d in dtypes})
    if not results:
        raise NotApplicable("it runs in none of these dtypes")
    return results


def last(updates: PyTree) -> PyTree:
    """The updates of the last step."""
    return jax.tree.map(lambda u: u[-1], updates)


def hypothesis() -> Any:
    """The hypothesis package, or a sentence that says how to get it."""
    try:
        import hypothesis
    except ImportError:
        raise NotApplicable("needs hypothesis: pip install 'jaxopt_slides[testing]'") from None
    return hypothesis


def find(strategy: Any, check: Callable[[Any], None], examples: int) -> None:
    """Runs ``check`` on examples, always the same; a failing one is shrunk and its fault raised."""
    hyp = hypothesis()
    test = hyp.given(strategy)(check)
    hyp.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(hyp.Phase.generate, hyp.Phase.shrink),
        suppress_health_check=list(hyp.HealthCheck),
        verbosity=hyp.Verbosity.quiet,
    )(test)()
