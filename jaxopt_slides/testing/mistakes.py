"""Laws of mistakes: what must neither be broadcast, nor paired, nor truncated, nor end in a puzzle."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides.testing._helpers import (
    differing,
    in_each,
    require_close,
    running,
    said,
    show,
)
from jaxopt_slides.testing._subject import (
    Fault,
    NotApplicable,
    PyTree,
    Subject,
    numbers,
)

LONGEST_MESSAGE = 2000


def nothing_is_broadcast(subject: Subject) -> None:
    """A gradient of another shape than its parameter's is an error, or at least keeps its shape."""
    for was, now in (((3, 4), (4,)), ((3, 1), (3,)), ((2, 3), (1, 3)), ((3,), ())):
        if len(was) not in map(len, subject.shapes):
            continue
        params = {"w": jnp.ones(was, jnp.float32)}
        gradients = {"w": jnp.asarray(numbers(now), jnp.float32)}
        tx = subject.tx()
        with running(f"an update of shape {was}"):
            _, state = subject.update(tx, params, tx.init(params), params)
        try:
            updates, after = subject.update(tx, gradients, state, params)
        except Exception:  # any error will do: nothing passed in silence
            continue
        what = f"a gradient {now} for a parameter {was}"
        if jnp.shape(updates["w"]) != now:
            raise Fault(f"{what}: expected an error, got updates of shape {jnp.shape(updates['w'])}")
        if change := differing(state, after):
            raise Fault(f"{what}: expected an error, but state{change}")


def another_tree_is_an_error(subject: Subject) -> None:
    """Gradients of another tree than the state's raise; without such a state they may pass."""
    for names in (("a", "c"), ("a",), ("a", "b", "c")):
        _wrong_tree(subject, names, lambda *_: None)


def tree_errors_are_readable(subject: Subject) -> None:
    """The error for another tree names a leaf that differs, in under 2000 characters."""
    raised: list[str] = []

    def read(error: Exception, leaf: str) -> None:
        raised.append(leaf)
        text = str(error)
        if len(text) >= LONGEST_MESSAGE:
            raise Fault(f"expected under {LONGEST_MESSAGE} characters, got {len(text)}: {said(error)}")
        if leaf not in text:
            raise Fault(f"expected the leaf {leaf!r} to be named, got {said(error)}")

    many = [f"layer_{i:03}" for i in range(100)]
    _wrong_tree(subject, [*many, "renamed"], read, [*many, "original"])
    if not raised:
        raise NotApplicable("it keeps no state that is like the parameters, so no tree is wrong")


def _wrong_tree(
    subject: Subject, names: Any, read: Callable[..., None], of_state: Any = ("a", "b")
) -> None:
    """Updates gradients with ``names`` from a state of other names."""
    leaf = jnp.asarray(numbers(subject.shapes[0]), jnp.float32)
    params, gradients = dict.fromkeys(of_state, leaf), dict.fromkeys(names, leaf)
    tx = subject.tx()
    _, state = subject.update(tx, params, tx.init(params), params)
    try:
        updates, after = subject.update(tx, gradients, state, gradients)
    except Exception as error:  # whatever it is, it is to be read
        read(error, "original" if "original" in of_state else "b")
        return
    what = f"gradients of {list(names)[-3:]} after init with {list(of_state)[-3:]}"
    if jax.tree.structure(updates) != jax.tree.structure(gradients):
        raise Fault(f"{what}: expected an error, got updates {show(list(updates))}")
    change = differing(state, after)
    if change and not _same(updates, subject.update(tx, gradients, tx.init(gradients), gradients)[0]):
        raise Fault(f"{what}: expected an error, but state{change}")


def _same(a: PyTree, b: PyTree) -> bool:
    try:
        require_close(a, b, 1e-6, "")
    except Fault:
        return False
    return True


def integers_are_not_truncated(subject: Subject) -> None:
    """Integer parameters are refused, or their state is that of floats: no fraction is cut off."""
    subject.require_no_noise()

    def program(params: PyTree, gradients: PyTree) -> PyTree:
        tx = subject.tx()
        _, state = subject.update(tx, gradients, tx.init(params), params)
        return subject.update(tx, gradients, state, params)[0]

    shape = subject.shapes[0]
    whole = {"w": jnp.arange(1, 1 + int(np.prod(shape)), dtype=jnp.int32).reshape(shape)}
    real = {"w": whole["w"].astype(jnp.float32)}
    g = {"w": jnp.asarray(numbers(shape), jnp.float32)}
    results = in_each({"float32": (program, (real, g)), "int32": (program, (whole, g))})
    if "int32" in results:
        what = "int32 parameters, float32 gradients, second update"
        require_close(results["int32"], results["float32"], 0.02, what)


def asks_for_params(subject: Subject) -> None:
    """A transform that needs the parameters says so when it is called without them."""
    tx, gradients, params = subject.tx(), subject.gradients(), subject.params()
    state = tx.init(params)
    try:
        tx.update(gradients, state, **subject.extras(tx, gradients, params))
    except Exception as error:  # whatever it is, it is to be read
        if "param" not in str(error).lower():
            raise Fault(f"expected an error that asks for params, got {said(error)}") from error
        return
    raise NotApplicable("it does not need the parameters")
