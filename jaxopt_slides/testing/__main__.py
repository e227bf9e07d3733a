"""The command: ``python -m jaxopt_slides.testing optax:rmsprop learning_rate=0.1``.

Prints each law with ok, fault and its counterexample, or not applicable and why. The exit status is
1 if there are faults, 2 if the command line is at fault.
"""

import argparse
import collections
import importlib.metadata
import sys
import textwrap
import warnings
from collections.abc import Sequence

import jax

from jaxopt_slides.testing._judge import Verdict, chosen, verdicts
from jaxopt_slides.testing._laws import LAWS, Law
from jaxopt_slides.testing._specs import EXAMPLE, Usage, close, subject_of
from jaxopt_slides.testing._subject import Subject

WIDTH = 100
FIRST = max(len(law.name) for law in LAWS) + 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m jaxopt_slides.testing",
        description="Holds an optax-style transform to the laws.",
        epilog=f"example: python -m jaxopt_slides.testing {EXAMPLE}",
    )
    made.add_argument("spec", nargs="?", metavar="MODULE:CONSTRUCTOR", help="what makes the transform")
    made.add_argument("arguments", nargs="*", metavar="name=value", help="its arguments")
    made.add_argument("--law", action="append", metavar="NAME", help="only this law; repeatable")
    made.add_argument("--list", action="store_true", help="print the laws and stop")
    return made


def lines_of(verdict: Verdict) -> str:
    """One line for a verdict, and a fault's counterexample indented below."""
    line = f"{verdict.law:{FIRST}}{verdict.verdict}"
    if verdict.verdict == "not applicable":
        return f"{line}: {verdict.text}"
    below = textwrap.wrap(verdict.text, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    return "\n    ".join([line, *below])


def report(subject: Subject, laws: Sequence[Law]) -> int:
    """Judges, printing as it goes; returns the number of faults."""
    counts = collections.Counter()
    print(f"{subject.name}, jax {importlib.metadata.version('jax')}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the subject's deprecations and roundings are its own
        for verdict in verdicts(subject, laws):
            counts[verdict.verdict] += 1
            print(lines_of(verdict), flush=True)
    faults, missing = counts["fault"], counts["not applicable"]
    plural = "" if faults == 1 else "s"
    print(f"{counts.total()} laws: {counts['ok']} ok, {faults} fault{plural}, {missing} not applicable")
    return faults


def two_devices() -> None:
    """Asks for two host devices, for the law of shardings, unless jax has started already."""
    try:
        if jax.config.jax_num_cpu_devices < 2:  # pyright: ignore[reportAttributeAccessIssue]
            jax.config.update("jax_num_cpu_devices", 2)
    except RuntimeError:
        pass  # the caller has chosen the devices


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    options = parser().parse_intermixed_args(argv)
    if options.list:
        print(*(f"{law.name:{FIRST}}{law.sentence}" for law in LAWS), sep="\n")
        return 0
    try:
        if options.spec is None:
            raise Usage(f"expected MODULE:CONSTRUCTOR and its arguments, as in {EXAMPLE!r}.")
        for name in options.law or ():
            if name not in {law.name for law in LAWS}:
                like = close(name, [law.name for law in LAWS]) or " See --list."
                raise Usage(f"there is no law {name!r}.{like}")
        two_devices()
        subject = subject_of(options.spec, options.arguments)
    except Usage as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(report(subject, chosen(options.law)) > 0)


if __name__ == "__main__":
    sys.exit(main())
