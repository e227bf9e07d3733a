"""Reading and changing an optimizer's hyperparameters by name."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jax.core import Tracer

from jaxopt_slides._core.node import Node
from jaxopt_slides._core.numbers import NearOne, Range, number
from jaxopt_slides._core.pair import halves, transformation
from jaxopt_slides._core.rule import Rule, value_of
from jaxopt_slides._core.spelling import argument_meant, public
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown


class Field(NamedTuple):
    """One hyperparameter: its member's labels and its own name, its rule, and what is stored."""

    path: tuple[str, ...]
    rule: Rule
    stored: Any


def fields_of(node: Node, labels: tuple[str, ...] = ()) -> Iterator[Field]:
    """Every hyperparameter of a node and its members."""
    yield from own_fields(node, labels)
    for label, child in node.children():
        yield from fields_of(child, (*labels, label))


def own_fields(node: Node, labels: tuple[str, ...] = ()) -> Iterator[Field]:
    """Every hyperparameter of a node's own rule."""
    if node.rule is not None:
        for name, _ in node.rule.hyperparameters():
            if not node.rule.absent(name):
                yield Field((*labels, name), node.rule, getattr(node.rule, name))


def _names(fields: list[Field]) -> dict[str, Field]:
    """The shortest unambiguous name of every field: the members' labels only where they are needed."""
    tails = {f.path: [".".join(f.path[i:]) for i in reversed(range(len(f.path)))] for f in fields}
    count: dict[str, int] = {}
    for names in tails.values():
        for name in names:
            count[name] = count.get(name, 0) + 1
    return {next((n for n in tails[f.path] if count[n] == 1), tails[f.path][-1]): f for f in fields}


def _our_halves(tx: Any, function: str) -> tuple[Node, Node]:
    nodes = halves(tx) if isinstance(tx, GradientTransformation) else None
    if nodes is None:
        raise TypeError(
            f"{function}: expected a GradientTransformation of this library, got "
            f"{type(tx).__name__}. The numbers of another library's optimizer are fixed inside its "
            f"functions."
        )
    return nodes


def _parameters(name: str, stored: Any) -> Iterator[tuple[str, Any]]:
    """A number under its name; a schedule's real parameters under ``name.parameter``."""
    if not callable(stored):
        yield name, stored
        return
    for path, leaf in jax.tree_util.tree_leaves_with_path(stored):
        keys = [k for k in path if not isinstance(k, jax.tree_util.FlattenedIndexKey)]
        yield ".".join([name, *(_key(k) for k in keys)]), leaf


def _key(key: Any) -> str:
    return str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))


@public
def hyperparams(
    tx: GradientTransformation, state: PyTree = None, *, gradient: bool = False
) -> dict[str, Any]:
    """The hyperparameters of an optimizer, by name.

    A name is qualified by the member's label (its index in a :func:`chain`, its name in a
    :func:`named_chain`) only where it would be ambiguous. A schedule shows its own real parameters,
    as ``mu.end_value``.

    Args:
      tx: the optimizer.
      state: its state; then every schedule shows the one value that the next update will use.
      gradient: say True for a tree that holds derivatives, such as ``jax.grad(train)(tx)``. A decay
        is stored as its offset from 1, so that 1 - decay keeps its digits; without this, that 1
        would be added to the derivative.

    Returns:
      A dict of name to number. Python numbers come back as they were given.

    Raises:
      TypeError: ``tx`` is not an optimizer of this library.

    Example:
      >>> hyperparams(rmsprop(learning_rate=0.01))
      {'learning_rate': 0.01, 'decay': 0.9, 'eps': 1e-07, 'eps_root': 0.0,
       'initial_accumulator_value': 0.0}
      >>> tx = momentum(0.01, linear_schedule(0.5, 0.99, 1000))
      >>> hyperparams(tx)
      {'learning_rate': 0.01, 'mu.init_value': 0.5, 'mu.end_value': 0.99, 'mu.transition_steps': 1000.0}
      >>> hyperparams(tx, tx.init(0.0))["mu"]
      Array(0.5, dtype=float32)

    Note:
      optax offers this after the fact, for optimizers built through ``inject_hyperparams``.
    """
    init, update = _our_halves(tx, "hyperparams")
    fields = [*fields_of(update), *fields_of(init)]
    read = (lambda x: x.offset if isinstance(x, NearOne) else x) if gradient else value_of
    if state is not None:
        now = {f.path: f.stored for f in fields_at(update, state)}
        return {n: read(now.get(f.path, f.stored)) for n, f in _names(fields).items()}
    named = (item for n, f in _names(fields).items() for item in _parameters(n, f.stored))
    return {name: read(stored) for name, stored in named}


def fields_at(node: Node, state: PyTree, labels: tuple[str, ...] = ()) -> Iterator[Field]:
    """The fields of :func:`fields_of`, every schedule replaced by its value at the state's count."""
    node.require_state(state)
    if node.rule is not None:
        now = node.rule.at(node.count(state), float)
        for field in own_fields(node, labels):
            value = getattr(now, field.path[-1]) if callable(field.stored) else field.stored
            yield field._replace(stored=value)
    for (label, child), s in zip(node.children(), node.substates(state), strict=True):
        yield from fields_at(child, s, (*labels, label))


@public
def with_hyperparams(tx: GradientTransformation, **changes: Any) -> GradientTransformation:
    """A copy of an optimizer with some hyperparameters changed.

    The copy has the same state and, number for number, the same compiled programs. Names are those
    of :func:`hyperparams`, or any longer form that is still unambiguous; a schedule can be given for
    a number and a number for a schedule.

    Args:
      tx: the optimizer, or a tree of its derivatives.
      **changes: name and new value. Names with dots are passed as ``**{"0.decay": 0.5}``. A value
        equal to what stands there is left alone, unchecked.

    Returns:
      The changed optimizer.

    Raises:
      TypeError: a value is not a number, or ``tx`` is not an optimizer of this library.
      ValueError: a name is unknown or ambiguous, or a value is out of range.

    Example:
      >>> with_hyperparams(momentum(0.1), learning_rate=0.2)
      momentum(learning_rate=0.2, mu=0.9)
    """
    init, update = _our_halves(tx, "with_hyperparams")
    fields, before = [*fields_of(update), *fields_of(init)], (init, update)
    for name, value in changes.items():
        field, parameter = _find(name, fields)
        if parameter is None:
            init, update = (_set(node, field, value) for node in (init, update))
        else:
            schedule = _set_parameter(field, parameter, value)
            init, update = (_set(node, field, schedule) for node in (init, update))
        fields = [*fields_of(update), *fields_of(init)]
    _require_consistent(init, before[0])
    _require_consistent(update, before[1])
    return transformation(init, update)


def _require_consistent(node: Node, before: Node) -> None:
    """Checks every rule that has changed, once all have: two bounds may move together."""
    if node.rule is not before.rule:
        node.rule.require_consistent()
    for (_, child), (_, old) in zip(node.children(), before.children(), strict=True):
        _require_consistent(child, old)


def _find(name: str, fields: list[Field]) -> tuple[Field, str | None]:
    """The field called ``name``, and the schedule parameter if the name goes on to one."""
    found: list[tuple[Field, str | None]] = []
    for field in fields:
        inner = [n for n, _ in _parameters("", field.stored)] if callable(field.stored) else []
        tails = [".".join(field.path[i:]) for i in range(len(field.path))]
        found += [(field, None) for tail in tails if tail == name]
        found += [(field, i) for tail in tails for i in inner if tail + i == name]
    exact = [(f, p) for f, p in found if ".".join(f.path) + (p or "") == name]
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0]
    known = [n for k, f in _names(fields).items() for n, _ in _parameters(k, f.stored)]
    if found:
        every = sorted(".".join(f.path) for f, _ in found)
        raise ValueError(f"with_hyperparams: {name!r} is ambiguous; say which of {every}.")
    meant = argument_meant(name, known)
    hint = f" Did you mean {meant!r}?" if meant else ""
    raise ValueError(f"with_hyperparams: no hyperparameter {name!r}; this optimizer has {known}.{hint}")


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, float) and a == b)


def _set(node: Node, field: Field, value: Any, labels: tuple[str, ...] = ()) -> Node:
    """The node with the field's value replaced, checked unless nothing changes."""
    ranges, name = dict(node.rule.hyperparameters()) if node.rule else {}, field.path[-1]
    if name in ranges and (*labels, name) == field.path:
        stored, allowed = getattr(node.rule, name), ranges[name]
        if node.rule.absent(name) or _unchanged(stored, value):
            return node
        if value is None:
            raise TypeError(
                f"{node.rule.name}: {name} cannot become None, which would change the state; make a "
                f"new {node.rule.name} without it."
            )
        rule = node.rule.replace(**{name: number(value, allowed, node.rule.name, name)})
        return node.with_rule(rule)
    children = [_set(c, field, value, (*labels, label)) for label, c in node.children()]
    return node.with_children(children)


def _unchanged(stored: Any, value: Any) -> bool:
    """Whether ``value`` is what :func:`hyperparams` reads from ``stored``."""
    read = value_of(stored)
    if _same(read, value):
        return True
    arrays = isinstance(read, jax.Array) and isinstance(value, jax.Array)
    if not arrays or isinstance(read, Tracer) or isinstance(value, Tracer):
        return False
    return read.dtype == value.dtype and read.shape == value.shape and bool((read == value).all())


def _set_parameter(field: Field, parameter: str, value: Any) -> Any:
    """The field's schedule with one of its real parameters replaced."""
    names = [n for n, _ in _parameters("", field.stored)]
    leaves, treedef = jax.tree.flatten(field.stored)
    index = names.index(parameter)
    if not _same(leaves[index], value):
        allowed = getattr(field.stored, "ranges", {}).get(parameter.rpartition(".")[2], Range())
        owner = f"{field.rule.name}: {field.path[-1]}"
        if callable(value):
            raise TypeError(
                f"{owner}: {parameter[1:]} must be a number or a scalar array, got {shown(value)}. "
                f"To replace the whole schedule, set {field.path[-1]}."
            )
        leaves[index] = number(value, allowed, owner, parameter[1:])
    return treedef.unflatten(leaves)
