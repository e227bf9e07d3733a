"""Two transformations of different classes have different tree structures, so jit keeps them apart."""

import itertools
import pathlib

import jax
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.lift import Lifted, lift
from jaxopt_slides._core.rule import Rule, hyperparameter, rule
from jaxopt_slides._rules.sgd import SGDState
from tests.cases import CASES

PACKAGE = pathlib.Path(jos.__file__).parent


def nodes_of(node):
    """The classes of a node, of its rule and of its members."""
    own = (type(node), type(node.rule), *(type(getattr(node, n, None)) for n in ("narrow", "fields")))
    return (*own, *itertools.chain(*(nodes_of(child) for _, child in node.children())))


def test_cases_of_different_classes_have_different_structures():
    """Most cases have one leaf or two, so their classes are all that tells them apart."""
    cases = [(c.name, c.tx().update) for c in CASES]
    cases = [(name, jax.tree.structure(u), nodes_of(u.args[0])) for name, u in cases if u.args]
    for (one, structure, classes), (other, structure_, classes_) in itertools.combinations(cases, 2):
        assert classes == classes_ or structure != structure_, f"{one} and {other}"


def optimizer(i):
    """One whose updates are i; its rule's class is one of many that look alike."""

    def step(self, g, s):
        return g * 0 + self.learning_rate * i, s

    body = {"__annotations__": {"learning_rate": float}, "learning_rate": hyperparameter()}
    cls = rule(type(f"Rule{i}", (Rule,), {**body, "step": step, "name": f"rule{i}", "State": SGDState}))
    return lift(cls(1.0))


def test_jit_never_takes_one_optimizer_for_another():
    """jit looks at 7 bits of a hash before ==, so of 120 classes it would confuse some ten."""
    step = jax.jit(lambda tx: tx.update(1.0, SGDState(0))[0])
    got = [int(step(optimizer(i))) for i in range(120)]
    assert got == list(range(120))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_dataclasses_are_registered_in_one_place(path):
    """register_dataclass by itself would leave the class out of the structure."""
    assert (path.name == "pytree.py") == ("register_dataclass(" in path.read_text(encoding="utf-8"))


def test_a_copy_keeps_its_class_and_shows_none():
    """The field that holds the class is no argument that anyone sees."""
    tx = jos.rmsprop(0.1)
    half = tx.update.args[0]
    assert isinstance(half, Lifted)
    assert half.with_rule(half.rule).class_ is Lifted
    assert "class_" not in repr(tx)
