"""Judging a subject by the laws."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from jaxopt_slides.testing._helpers import said
from jaxopt_slides.testing._laws import LAWS, Law
from jaxopt_slides.testing._subject import Fault, NotApplicable, Subject


class Verdict(NamedTuple):
    """What one law found.

    Attributes:
      law: the law's name.
      verdict: "ok", "fault" or "not applicable".
      text: the counterexample of a fault, or the reason why the law asks nothing; else empty.

    Example:
      >>> from jaxopt_slides import testing
      >>> testing.Verdict("runs", "ok").text
      ''
    """

    law: str
    verdict: Literal["ok", "fault", "not applicable"]
    text: str = ""


def _verdict(law: Law, subject: Subject) -> Verdict:
    try:
        law.function(subject)
    except NotApplicable as reason:
        return Verdict(law.name, "not applicable", str(reason))
    except Fault as fault:
        return Verdict(law.name, "fault", str(fault))
    except Exception as error:  # whatever stops a transform is its fault
        return Verdict(law.name, "fault", f"raised {said(error)}")
    return Verdict(law.name, "ok")


def judge(what: Any, laws: Iterable[str] | None = None) -> list[Verdict]:
    """Holds a transform to the laws.

    Args:
      what: a :class:`Subject`, or an ``(init, update)`` pair.
      laws: the names of some laws; all by default.

    Returns:
      One verdict a law, in their order. A transform that does not run at all is asked nothing else.

    Raises:
      ValueError: there is no law of that name.
      TypeError: ``what`` is neither a subject nor an ``(init, update)`` pair.

    Example:
      >>> from jaxopt_slides import testing
      >>> for verdict in testing.judge(sgd(0.1), ["runs", "nothing_is_broadcast", "nan_is_refused"]):
      ...     print(verdict.law, verdict.verdict, verdict.text)
      runs ok
      nothing_is_broadcast ok
      nan_is_refused not applicable no hyperparameter is known
    """
    return list(verdicts(Subject.of(what), chosen(laws)))


def verdicts(subject: Subject, laws: Iterable[Law]) -> Iterator[Verdict]:
    """The verdicts of some laws, one by one."""
    first = _verdict(LAWS[0], subject)
    broken = first.verdict == "fault"
    if broken:
        yield first
    for law in laws:
        if broken and law is not LAWS[0]:
            yield Verdict(law.name, "not applicable", "it does not run")
        elif not broken:
            yield first if law is LAWS[0] else _verdict(law, subject)


def chosen(names: Iterable[str] | None) -> list[Law]:
    """The laws of these names; all for None."""
    if names is None:
        return list(LAWS)
    by_name = {law.name: law for law in LAWS}
    names = list(names)
    for name in names:
        if name not in by_name:
            raise ValueError(f"there is no law {name!r}; the laws are {', '.join(by_name)}.")
    return [by_name[name] for name in names]


def check(what: Any, laws: Iterable[str] | None = None) -> None:
    """Raises one :class:`Fault` that lists all that the laws find: for a test suite.

    Args:
      what: a :class:`Subject`, or an ``(init, update)`` pair.
      laws: the names of some laws; all by default.

    Returns:
      Nothing, if no law finds a fault.

    Raises:
      Fault: a law finds one; an AssertionError.
      ValueError: there is no law of that name.
      TypeError: ``what`` is neither a subject nor an ``(init, update)`` pair.

    Example:
      >>> from jaxopt_slides import testing
      >>> testing.check(momentum(0.1), ["state_pickles", "vmap_is_a_loop"])
    """
    subject = Subject.of(what)
    faults = [f"{v.law}: {v.text}" for v in judge(subject, laws) if v.verdict == "fault"]
    if faults:
        raise Fault("\n".join([f"{subject.name}: {len(faults)} faults", *faults]))
