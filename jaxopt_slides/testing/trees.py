"""Laws of trees: structure, leaves of every kind, and which of them go together."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxopt_slides.testing._helpers import (
    find,
    hypothesis,
    require_close,
    require_finite,
    run,
    running,
    show,
    stacked,
)
from jaxopt_slides.testing._subject import (
    SHAPES,
    Fault,
    NotApplicable,
    PyTree,
    Subject,
    numbers,
)


class Layer(NamedTuple):
    """A container that is neither a dict nor a list."""

    weight: Any
    bias: Any = None


def runs(subject: Subject) -> None:
    """Two eager updates of ordinary float32 leaves run and are finite."""
    params = subject.params()
    with running("init and two updates"):
        tx = subject.tx()
        state = tx.init(params)
        for t in range(2):
            updates, state = subject.update(tx, subject.gradients(t), state, params)
            require_finite(updates, f"update {t} of gradients {show(subject.gradients(t))}")


def tree_is_kept(subject: Subject) -> None:
    """Updates have the gradients' tree and shapes: nested containers, None, scalars, no elements."""
    _any_shape(subject)
    st = hypothesis().strategies
    leaves = st.sampled_from([(3,), (), (2, 3), (0,), None])
    trees = st.recursive(
        leaves.map(lambda s: s if s is None else jnp.asarray(numbers(s), jnp.float32)),
        lambda inner: st.one_of(
            st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            st.lists(inner, max_size=2),
            st.lists(inner, max_size=2).map(tuple),
            st.builds(Layer, inner, inner),
        ),
        max_leaves=4,
    )
    find(trees, lambda tree: _tree_is_kept(subject, {"w": tree}), 12)


def _tree_is_kept(subject: Subject, params: PyTree) -> None:
    what = f"gradients like {show(params)}"
    with running(what):
        tx = subject.tx()
        updates, _ = jax.eval_shape(lambda p: subject.update(tx, p, tx.init(p), p), params)
    if jax.tree.structure(updates) != jax.tree.structure(params):
        raise Fault(f"{what}: expected updates of this tree, got {jax.tree.structure(updates)}")
    for x, u in zip(jax.tree.leaves(params), jax.tree.leaves(updates), strict=True):
        if jnp.shape(x) != u.shape:
            raise Fault(f"{what}: a gradient {jnp.shape(x)} gave an update {u.shape}")


def _any_shape(subject: Subject) -> None:
    if subject.shapes != SHAPES:
        raise NotApplicable(f"it is judged on leaves of shapes {list(subject.shapes)} only")


def none_is_no_leaf(subject: Subject) -> None:
    """A None among the parameters is no parameter: it stays, and the other leaves do not notice."""
    subject.require_no_noise()
    params, gradients = subject.params(), subject.gradients()
    with running("params with a None"):
        tx = subject.tx()
        state = tx.init({"none": None, "some": params})
        some = {"none": None, "some": gradients}
        updates, _ = subject.update(tx, some, state, {"none": None, "some": params})
    if not isinstance(updates, dict) or updates.get("none", 0) is not None:
        raise Fault(f"expected the None back, got {show(updates)}")
    alone, _ = subject.update(tx, gradients, tx.init(params), params)
    require_close(updates["some"], alone, 1e-6, "leaves beside a None")


def python_floats_are_leaves(subject: Subject) -> None:
    """Parameters and gradients that are Python floats are float32 scalars."""
    _any_shape(subject)
    subject.require_no_noise()

    def two(w: Any, g: Any) -> PyTree:
        tx = subject.tx()
        _, state = subject.update(tx, g, tx.init(w), w)
        return subject.update(tx, g, state, w)[0]

    try:
        expected = two({"w": jnp.float32(0.5)}, {"w": jnp.float32(1)})
    except Exception:  # it may well be small_leaves_work's matter
        raise NotApplicable("it takes no scalars at all") from None
    with running("params {'w': 0.5}, gradients {'w': 1.0}"):
        got = two({"w": 0.5}, {"w": 1.0})
    require_close(got, expected, 1e-5, "the second update of {'w': 0.5} with gradient 1.0")


def empty_trees_work(subject: Subject) -> None:
    """Trees without a leaf pass through init and update."""
    for empty in ({}, (), {"a": None}):
        with running(f"params {empty}"):
            tx = subject.tx()
            updates, _ = subject.update(tx, empty, tx.init(empty), empty)
        if updates != empty:
            raise Fault(f"params {empty}: expected updates {empty}, got {updates}")


def small_leaves_work(subject: Subject) -> None:
    """Scalars and leaves without elements pass through, and make nothing else NaN."""
    _any_shape(subject)
    for shape in ((0,), (2, 0), ()):
        leaf, other = jnp.ones(shape, jnp.float32), jnp.ones(3, jnp.float32)
        params = {"a": leaf, "b": other}
        what = f"a leaf of shape {shape} beside one of shape (3,)"
        with running(what):
            tx = subject.tx()
            updates, state = subject.update(tx, params, tx.init(params), params)
            updates, _ = subject.update(tx, params, state, params)
        require_finite(updates, what)
        if jnp.shape(updates["a"]) != shape:
            raise Fault(f"{what}: got an update of shape {jnp.shape(updates['a'])}")


def callable_trees_are_params(subject: Subject) -> None:
    """A pytree that happens to be callable, such as a model, is a tree of parameters."""
    subject.require_no_noise()
    params, gradients = (jax.tree_util.Partial(len, x) for x in (subject.params(), subject.gradients()))
    with running("params that are a callable pytree"):
        tx = subject.tx()
        updates, _ = subject.update(tx, gradients, tx.init(params), params)
    plain, _ = subject.update(tx, gradients.args[0], tx.init(params.args[0]), params.args[0])
    require_close(jax.tree.leaves(updates), jax.tree.leaves(plain), 1e-6, "a callable pytree's updates")


def leaves_keep_their_names(subject: Subject) -> None:
    """Other names, hence another order of the leaves, change nothing for any of them."""
    subject.require_no_noise()
    if len(subject.shapes) < 2:
        raise NotApplicable("it is judged on one leaf only")

    def renamed(tree: PyTree) -> PyTree:
        return {chr(ord("z") - ord(k)): x for k, x in tree.items()}

    gradients, params = stacked(subject, 3), subject.params()
    plain = run(subject, gradients, params)
    other = run(subject, renamed(gradients), renamed(params))
    require_close(other, renamed(plain), 1e-4, f"three updates after renaming {list(plain)}")


def elements_are_independent(subject: Subject) -> None:
    """Each element is updated as if it were alone, where the transform says or shows that it is so."""
    if subject.random():
        raise NotApplicable("it draws random numbers")
    gradients, params = stacked(subject, 3), subject.params()
    whole = run(subject, gradients, params)
    changed = jax.tree.map(lambda g: g.reshape(3, -1).at[:, 0].mul(-3).reshape(g.shape), gradients)
    other = run(subject, changed, params)

    def rest(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda u: u.reshape(3, -1)[:, 1:], tree)

    try:
        require_close(rest(other), rest(whole), 1e-5, "the other elements, after one in a leaf changed")
    except Fault:
        if subject.elementwise:
            raise
        raise NotApplicable(
            "it couples elements; Subject(elementwise=True) would hold it to this"
        ) from None
