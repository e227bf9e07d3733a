"""A suite proves itself: breaks every rule in many ways and shows that the laws notice each time.

    python -m tests.mutants [--only SUBJECT] [--jobs 2] [--list]

A mutant of mutants_table.py, mutants_wrappers.py, mutants_presets.py, mutants_project.py,
mutants_rows.py or mutants_sharding.py is one replacement in one source file. The package and the laws
are imported anew with it, through an import hook that serves the changed source: no file is written.
Compiled programs of the original would hide a mutant, so jax's caches are cleared every time. A mutant
breaks one or more subjects (a rule, a part, a wrapper, the presets of a framework, or something that
all of them use) and must be killed on *each*: a law must fail for a case of that rule, or a test of
that subject must fail. So a formula that three rules share counts for a rule only where a case of this
rule notices. Every check that kills must pass on the original. The exit status is 1 if a mutant
survives, 2 if the table or the original is at fault.
"""

import argparse
import collections
import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "jaxopt_slides"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]  # as in pytest

from tests import (  # noqa: E402 (as pytest imports)
    mutants_presets,
    mutants_project,
    mutants_rows,
    mutants_sharding,
    mutants_table,
    mutants_wrappers,
)
from tests.mutants_table import RULES, Mutant  # noqa: E402 (as pytest imports)

TABLE = mutants_table.TABLE + mutants_wrappers.TABLE
TABLE += mutants_presets.TABLE + mutants_project.TABLE + mutants_rows.TABLE
TABLE += mutants_sharding.TABLE
SUBJECTS = mutants_table.SUBJECTS | mutants_wrappers.SUBJECTS
SUBJECTS |= mutants_presets.SUBJECTS | mutants_project.SUBJECTS | mutants_rows.SUBJECTS
SUBJECTS |= mutants_sharding.SUBJECTS

LEAST = 25
# The laws that notice most, cheapest first; the others follow in the order of laws.py.
FIRST = ("schedules_anywhere", "oracle_float64", "dtypes", "state_is_stable", "count", "hypergradient")
KEPT = {
    "oracle",
    "mutants",
    "mutants_presets",
    "mutants_table",
    "mutants_wrappers",
    "mutants_project",
    "mutants_rows",
    "mutants_sharding",
}  # modules of tests/ that import nothing of the package


class Check(NamedTuple):
    """A law for one case, or, without a case, a file or a test for pytest."""

    name: str
    case: str = ""

    def __str__(self) -> str:
        return f"{self.name}[{self.case}]" if self.case else self.name


class Kill(NamedTuple):
    """How a mutant died on one subject; without a check it survived."""

    subject: str
    check: Check | None
    error: str
    seconds: float


# --- Importing with a changed source


class Text(importlib.machinery.SourceFileLoader):
    """Loads a module from a string."""

    text = ""

    def get_code(self, fullname):
        return compile(self.text, self.get_filename(fullname), "exec", dont_inherit=True)


class Changed:
    """Finds one module of the package in a string instead of its file."""

    def __init__(self, file: str, text: str):
        self.path, self.text = PACKAGE / file, text
        parts = ("jaxopt_slides", *Path(file).with_suffix("").parts)
        self.name = ".".join(p for p in parts if p != "__init__")

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        loader = Text(name, str(self.path))
        loader.text = self.text
        return importlib.util.spec_from_file_location(name, self.path, loader=loader)


def forget() -> None:
    """Drops the package, the laws and the tests, and all that was compiled for them."""
    import jax

    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        of_tests = file and Path(file).parent == TESTS and not name.startswith("__")
        kept = name.split(".")[-1] in KEPT
        if name.split(".")[0] == "jaxopt_slides" or name == "tests" or (of_tests and not kept):
            del sys.modules[name]  # "tests" too, which holds its modules as attributes
    jax.clear_caches()


@contextlib.contextmanager
def imported_with(mutant: Mutant | None):
    """The package with a mutant in it, or the original, until the end of the with statement."""
    hooks = [Changed(mutant.file, changed(mutant))] if mutant else []
    forget()
    sys.meta_path[:0] = hooks
    try:
        yield
    finally:
        for hook in hooks:
            sys.meta_path.remove(hook)
        forget()


def changed(mutant: Mutant) -> str:
    """The file's text with the mutant in it."""
    return (PACKAGE / mutant.file).read_text(encoding="utf-8").replace(mutant.old, mutant.new)


# --- Checks


def cases_of(subject: str) -> list[str]:
    """The names of the cases that belong to a subject: those of a rule, without chains of parts."""
    from tests import cases

    wanted = SUBJECTS.get(subject, (subject,))
    names = [c.name for c in cases.CASES if not c.name.endswith("-as-chain")]
    return [n for n in names if n in wanted or n.split("-")[0] in wanted]


def first_of(items: list[str], words: tuple[str, ...]) -> list[str]:
    """The items in the order of the first word that they contain, the others after them."""
    rank = len(words)
    return sorted(items, key=lambda x: next((i for i, w in enumerate(words) if w in x), rank))


def checks(mutant: Mutant, subject: str) -> Iterator[Check]:
    """What may kill the mutant on this subject, likeliest first."""
    from tests import cases, laws

    exempt = {(c.name, law) for c in cases.CASES for law in c.exempt}
    tests = [w for w in (*mutant.by, *SUBJECTS.get(subject, ())) if ".py" in w]
    words = tuple(w for w in mutant.by if ".py" not in w)
    if not words:
        yield from map(Check, tests)
    names = first_of([law.__name__.removeprefix("law_") for law in laws.LAWS], (*words, *FIRST))
    for name in names:
        for case in first_of(cases_of(subject), mutant.on):
            if (case, name) not in exempt:
                yield Check(name, case)
    if words:
        yield from map(Check, tests)


def failure(check: Check) -> str:
    """Runs a check; returns what failed, or nothing."""
    if not check.case:
        return run_pytest(check.name)
    try:
        from tests import cases, laws

        case = next(c for c in cases.CASES if c.name == check.case)
        getattr(laws, f"law_{check.name}")(case)
    except Exception as error:  # whatever stops a law fails it
        return type(error).__name__
    return ""


class Failed:
    """A pytest plugin that remembers the first test that failed."""

    name = ""

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.name:
            self.name = report.nodeid.split("::")[-1]


def run_pytest(test: str) -> str:
    """Runs a test or a file of tests in this process until the first failure, and names it."""
    import pytest

    failed, output = Failed(), io.StringIO()
    options = ["-x", "--assert=plain", "-p", "no:xdist", "-m", "", "--rootdir", str(TESTS.parent)]
    options += ["-c", str(TESTS.parent / "pyproject.toml")]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main([*options, str(TESTS / test)], plugins=[failed])
    if status in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"cannot run {test}: {output.getvalue()[-2000:]}")
    return "" if status == pytest.ExitCode.OK else failed.name or "collection"


# --- One process


def start() -> None:
    """Sets jax up as the suite does; what a mutant warns of is no news."""
    warnings.simplefilter("ignore")
    from tests import conftest  # noqa: F401 (its switches are what matters)


def first_checks(mutant: Mutant) -> list[Check]:
    """The check that is tried first on every subject of a mutant."""
    return [next(checks(mutant, subject)) for subject in mutant.breaks]


def examine(mutant: Mutant) -> list[Kill]:
    """Tries to kill one mutant on every subject that it breaks."""
    plans = {s: list(checks(mutant, s)) for s in mutant.breaks}
    with imported_with(mutant):
        return [_kill(subject, plan) for subject, plan in plans.items()]


def _kill(subject: str, plan: list[Check]) -> Kill:
    began = time.perf_counter()
    for check in plan:
        if error := failure(check):
            return Kill(subject, check, error, time.perf_counter() - began)
    return Kill(subject, None, "", time.perf_counter() - began)


def clean(checks: list[Check]) -> list[str]:
    """Those of the checks that fail on the original, and how."""
    with imported_with(None):
        results = [(check, failure(check)) for check in checks]
    return [f"{check}: {error}" for check, error in results if error]


# --- All of it


def faults() -> list[str]:
    """What is wrong with the table: a piece that is not there exactly once, or is no Python."""
    found = []
    for m in TABLE:
        count = (PACKAGE / m.file).read_text(encoding="utf-8").count(m.old)
        if count != 1 or m.old == m.new:
            found.append(f"{m.file}: {m.kind}: {m.old!r} occurs {count} times")
            continue
        try:
            compile(changed(m), m.file, "exec")
        except SyntaxError as error:
            found.append(f"{m.file}: {m.kind}: {error}")
    twice = collections.Counter((m.file, m.old, m.new) for m in TABLE)
    return found + [f"{key} is in the table twice" for key, n in twice.items() if n > 1]


class Here:
    """A pool of this process, for --jobs 1."""

    def __enter__(self):
        start()
        return self

    def __exit__(self, *_):
        pass

    def imap(self, function, items, chunksize=1):
        return map(function, items)


def pool_of(jobs: int):
    """``jobs`` processes, replaced now and then: a mutant's programs are never quite freed."""
    if jobs == 1:
        return Here()
    return multiprocessing.get_context("spawn").Pool(jobs, initializer=start, maxtasksperchild=40)


def dealt(checks: set[Check], jobs: int) -> list[list[Check]]:
    """The checks in a few parts of equal length."""
    ordered = sorted(checks)
    return [part for i in range(4 * jobs) if (part := ordered[i :: 4 * jobs])]


def require_clean(pool, checks: set[Check], jobs: int) -> None:
    """Stops the script if a check fails on the original."""
    bad = [line for lines in pool.imap(clean, dealt(checks, jobs)) for line in lines]
    if bad:
        print("These checks fail on the original, and so prove nothing:", *bad, sep="\n  ")
        sys.exit(2)


def describe(mutant: Mutant, kills: list[Kill]) -> str:
    """One line: the file, what is wrong, and what noticed."""
    lost = [k.subject for k in kills if not k.check]
    seconds = sum(k.seconds for k in kills)
    verdict = f"SURVIVES on {', '.join(lost)}" if lost else f"killed by {kills[0].check}"
    more = f" and on {', '.join(k.subject for k in kills[1:])}" if len(kills) > 1 and not lost else ""
    error = f" ({kills[0].error})" if kills[0].check and kills[0].error != "AssertionError" else ""
    return f"{mutant.file}: {mutant.kind}: {verdict}{error}{more}, {seconds:.1f} s"


def table(results: list[tuple[Mutant, list[Kill]]]) -> list[str]:
    """For every subject how many distinct mutants touch it, alone or others too, and how many died."""
    lines = [f"{'subject':24}{'mutants':>8}{'killed':>8}{'alone':>8}{'shared':>8}"]
    subjects = {k.subject: None for _, kills in results for k in kills}
    for subject in sorted(subjects, key=lambda s: (s not in RULES, list(subjects).index(s))):
        here = [(m, k) for m, kills in results for k in kills if k.subject == subject]
        own = sum(len(m.breaks) == 1 for m, _ in here)
        killed = sum(k.check is not None for _, k in here)
        lines.append(f"{subject:24}{len(here):8}{killed:8}{own:8}{len(here) - own:8}")
    return lines


def chosen(only: list[str]) -> list[Mutant]:
    """The mutants of some subjects, to be killed on these alone; all by default."""
    if not only:
        return TABLE
    left = (m._replace(breaks=tuple(s for s in m.breaks if s in only)) for m in TABLE)
    return [m for m in left if m.breaks]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", default=[], help="a subject; repeatable")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--list", action="store_true", help="show the mutants and stop")
    return parser.parse_args()


def run_all(chosen: list[Mutant], jobs: int) -> list[tuple[Mutant, list[Kill]]]:
    """Every mutant, one line each, and the original before and after."""
    results = []
    with pool_of(jobs) as pool:
        planned = {c for found in pool.imap(first_checks, chosen, chunksize=64) for c in found}
        require_clean(pool, planned, jobs)
        for mutant, kills in zip(chosen, pool.imap(examine, chosen), strict=True):
            results.append((mutant, kills))
            print(describe(mutant, kills), flush=True)
        used = {k.check for _, kills in results for k in kills if k.check}
        require_clean(pool, used - planned, jobs)
    return results


def main() -> int:
    """Runs the script."""
    options = arguments()
    if found := faults():
        print("The table is wrong:", *found, sep="\n  ")
        return 2
    mutants = chosen(options.only)
    if options.list:
        print(*(f"{m.file}: {m.kind} ({', '.join(m.breaks)})" for m in mutants), sep="\n")
        return 0
    began = time.perf_counter()
    results = run_all(mutants, options.jobs)
    alive = [m for m, kills in results if not all(k.check for k in kills)]
    print("", *table(results), "", sep="\n")
    counts = collections.Counter(rule for m, _ in results for rule in m.breaks)
    few = [rule for rule in RULES if counts[rule] < LEAST] if not options.only else []
    if few:
        print(f"Fewer than {LEAST} mutants: {', '.join(few)}")
    seconds = time.perf_counter() - began
    print(f"{len(results)} mutants, {len(results) - len(alive)} killed, {seconds:.0f} s")
    return int(bool(alive or few))


if __name__ == "__main__":
    sys.exit(main())
