"""Runs the slides' claims and writes one report: ``python -m examples.claims``."""

import argparse
import importlib
import os
import pkgutil
import re
import time
from pathlib import Path
from typing import Any

import jax

import examples.claims
from examples.claims.base import Claim, Row

MODULE = re.compile(r"c(\d\d)_(\w+)")
TITLE = """# The slides' claims, measured

What the lecture says, as experiments that anyone can run again: the sentence, the figures, and whether
it is true. Each claim has assertions with the tolerances that the tables name; a broken rule fails them
(`tests/test_claims.py`). ± is half of the 95 % interval of the mean over seeds (Student's t).

```sh
python -m examples.claims
```
"""


def modules() -> dict[int, str]:
    """The modules ``cNN_name.py`` beside this one, by number."""
    names = sorted(m.name for m in pkgutil.iter_modules(examples.claims.__path__))
    return {int(match[1]): name for name in names if (match := MODULE.fullmatch(name))}


def load(number: int) -> Claim:
    """One claim."""
    return importlib.import_module(f"examples.claims.{modules()[number]}").CLAIM


def numbers(text: str) -> list[int]:
    """Claims from the command line, each once, in order."""
    known = modules()
    for one in (part.strip() for part in text.split(",")):
        if not one.isdecimal() or int(one) not in known:
            raise argparse.ArgumentTypeError(
                f"{one!r} is not a claim; known are {', '.join(map(str, known))}"
            )
    return sorted({int(part) for part in text.split(",")})


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.claims",
        description="Measures what the slides claim, and writes a page with a picture for each claim.",
    )
    only = "claims to run, with commas between; all by default"
    parser.add_argument("--only", type=numbers, default=sorted(modules()), metavar="1,3", help=only)
    short = "few seeds and steps: seconds instead of minutes, and less certain figures"
    parser.add_argument("--short", action="store_true", help=short)
    out = (
        "where claims.md and the folder claims/ with its pictures go; docs by default for all claims "
        "at full length, else out"
    )
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help=out)
    options = parser.parse_args(argv)
    if options.out is None:
        whole = options.only == sorted(modules()) and not options.short
        options.out = Path("docs" if whole else "out")
    return options


def cell(text: str) -> str:
    """Text in a table: a bar would end the cell."""
    return text.replace("|", "\\|")


def table(rows: list[Row]) -> str:
    """The figures."""
    lines = ["| | measured | expected |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(map(cell, row))} |" for row in rows])


def section(claim: Claim, result: dict[str, Any], picture: str, failure: str | None) -> str:
    """A claim's part of the page."""
    failed = f"**The check failed:** {failure}\n\n" if failure else ""
    return (
        f"## {claim.number}. {claim.title}\n\n> {claim.sentence}\n>\n> Slides {claim.slide}\n\n"
        f"{failed}**Verdict.** {claim.verdict(result)}\n\n"
        f"![{claim.title}]({picture})\n\n{table(claim.rows(result))}\n"
    )


def run(number: int, short: bool, out: Path) -> tuple[str, str | None]:
    """Measures, draws and checks one claim: its section, and what its check found wrong."""
    claim, failure = load(number), None
    result = claim.measure(short=short)
    picture = f"claims/{modules()[number]}.png"
    (out / "claims").mkdir(parents=True, exist_ok=True)
    claim.draw(result, out / picture)
    try:
        claim.check(result)
    except AssertionError as error:
        failure = " ".join(str(error).split()) or "an assertion without a text"
    return section(claim, result, picture, failure), failure


def footer(seconds: float, short: bool) -> str:
    """How the page came about."""
    settings = "short settings, " if short else ""
    return (
        f"---\n\nWritten by `python -m examples.claims`: {settings}{seconds / 60:.1f} minutes on "
        f"{os.cpu_count()} cores, jax {jax.__version__}, {jax.default_backend()}.\n"
    )


def main(argv: list[str] | None = None) -> int:
    """Runs the claims with a progress bar; the exit status is 1 if a check failed."""
    from tqdm import tqdm

    options, began, parts, failures = parse(argv), time.perf_counter(), [TITLE], {}
    with tqdm(options.only, unit="claim") as bar:
        for number in bar:
            bar.set_description(f"claim {number}, {modules()[number].partition('_')[2]}")
            part, failure = run(number, options.short, options.out)
            parts.append(part)
            if failure:
                failures[number] = failure
    parts.append(footer(time.perf_counter() - began, options.short))
    page = options.out / "claims.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    for number, failure in failures.items():
        print(f"claim {number} failed its check: {failure}")
    print(
        f"{len(options.only) - len(failures)} of {len(options.only)} claims passed their checks; {page}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
