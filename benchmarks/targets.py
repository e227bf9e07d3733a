"""What the library promises of itself, beside what was measured."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.figures import Case, Summary
from benchmarks.memory import NEEDED

Measure = Callable[[Case], Summary | None]  # None where the ways that it compares were not measured


class Target(NamedTuple):
    """A claim about cases of one subject: ``measure`` is at least, or at most, so much."""

    subject: str
    cases: Sequence[str]
    measure: Measure
    words: str
    least: float | None = None
    most: float | None = None

    def verdict(self, case: Case) -> str | None:
        """A line that says whether the claim holds of a case; None if it is not about it."""
        found = self.measure(case) if (self.applies(case)) else None
        if found is None:
            return None
        met = found.median >= self.least if self.least is not None else found.median <= (self.most or 0)
        bound = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        said = "met" if met else "UNMET"
        return f"{said:6} {case.subject}: {case.name}: {self.words}: {found}, {bound}"

    def applies(self, case: Case) -> bool:
        """Whether the claim is about the case."""
        return case.subject == self.subject and case.name in self.cases


def faster(way: str, than: str) -> Measure:
    """How many times as fast."""
    return lambda case: case.ratio(than, way) if {way, than} <= case.values.keys() else None


def longer(way: str, than: str) -> Measure:
    """How many times as long, or as much."""
    return faster(than, way)


def reached(way: str) -> Measure:
    """The part of the bandwidth."""
    return lambda case: case.reached(way) if way in case.values else None


def number(way: str) -> Measure:
    """The number itself."""
    return lambda case: Summary.of(case.values[way]) if way in case.values else None


ONE_STATE, RULES = ("momentum", "rmsprop", "adagrad"), ("sgd", "momentum", "rmsprop", "adagrad")


def _each(names: Sequence[str], what: str) -> list[str]:
    return [f"{name}, {what}" for name in names]


TARGETS = [
    Target("dense", ONE_STATE, reached("jos, one pass"), "part of the bandwidth in one pass", 0.9),
    Target("dense", ("momentum", "adagrad"), faster("jos, one pass", "torch, fused"), "torch fused", 1),
    Target("dense", ("rmsprop",), faster("jos, one pass", "torch, foreach"), "torch foreach", 3),
    Target(
        "dense",
        (*RULES, "nesterov"),
        faster("jos, donated", "optax, donated"),
        "optax, without the flag",
        1,
    ),
    Target(
        "leaves", _each(RULES, "100 steps"), faster("jos.fit", "optax, a jitted step"), "fit, optax", 8
    ),
    Target("eager", ("rmsprop", "adagrad"), faster("jos", "optax"), "eager optax", 10),
    Target("eager", ("momentum",), faster("jos", "optax"), "eager optax", 5),
    Target("eager", ("sgd", "ten parts"), faster("jos", "optax"), "eager optax", 4),
    Target("compile", _each((*RULES, "ten parts"), "trace"), longer("jos", "optax"), "optax", most=1),
    Target("compile", _each(RULES, "compile"), longer("jos", "optax"), "optax", most=1),
    Target("compile", ["ten parts, compile"], longer("jos", "optax"), "optax", most=1.3),
    *(
        Target("compile", ["another rate"], number(way), way, most=0)
        for way in ("jos, jit", "jos.fit", "jos.make_step", "jos, update")
    ),
    Target("compile", ["jos.sweep"], longer("256 members", "one member"), "256 members, one", most=1.5),
    Target("rows", ["adagrad"], faster("jos", "optax, dense"), "dense optax", 80),
    Target("rows", ["rmsprop"], faster("jos", "optax, dense"), "dense optax", 60),
    Target("rows", ["momentum"], faster("jos", "optax, dense"), "dense optax", 15),
    Target("rows", ["adagrad, torch"], faster("jos", "torch, sparse"), "torch's sparse gradients", 1),
    Target("memory", ["peak"], longer("jos.fit", NEEDED), NEEDED, most=1.1),
    Target("memory", ["peak"], longer("jos.fit, XLA's count", NEEDED), f"{NEEDED}, XLA", most=1.1),
]


def verdicts(cases: Sequence[Case]) -> list[str]:
    """A line for every claim about what was measured."""
    found = (target.verdict(case) for target in TARGETS for case in cases)
    return [line for line in found if line]
