"""Runs the slides' claims and writes one report, in two languages: ``python -m examples.claims``."""

import argparse
import importlib
import os
import pkgutil
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax

import examples.claims
from examples.claims.base import Claim, Row
from examples.claims.portuguese import TITLE as TITULO
from examples.claims.portuguese import translate

MODULE = re.compile(r"c(\d\d)_(\w+)")
TITLE = """# The slides' claims, measured

What the lecture says, as experiments that anyone can run again: the sentence, the figures, and whether
it is true. Each claim has assertions with the tolerances that the tables name; a broken rule fails them
(`tests/test_claims.py`). ± is half of the 95 % interval of the mean over seeds (Student's t).

```sh
python -m examples.claims
```
"""


Say = Callable[[str], str]


class Report(NamedTuple):
    """One claim's measurement, for the pages of all languages."""

    claim: Claim
    rows: list[Row]
    verdict: str
    picture: str
    failure: str | None  # what its check found wrong


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
        "where claims.md, pt/claims.md and the folder claims/ with their pictures go; docs by default "
        "for all claims at full length, else out"
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


def table(rows: list[Row], say: Say) -> str:
    """The figures."""
    lines = [f"| | {say('measured')} | {say('expected')} |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(cell(say(text)) for text in row)} |" for row in rows])


def section(report: Report, say: Say, folder: str) -> str:
    """A claim's part of a page, in the language of ``say``; the pictures are in this folder."""
    claim, title = report.claim, say(report.claim.title)
    failed = f"**{say('The check failed:')}** {report.failure}\n\n" if report.failure else ""
    return (
        f"## {claim.number}. {title}\n\n> {say(claim.sentence)}\n>\n> {say('Slides')} "
        f"{say(claim.slide)}\n\n{failed}**{say('Verdict.')}** {say(report.verdict)}\n\n"
        f"![{title}]({folder}/{report.picture})\n\n{table(report.rows, say)}\n"
    )


def run(number: int, short: bool, out: Path) -> Report:
    """Measures, draws and checks one claim."""
    claim, failure = load(number), None
    result = claim.measure(short=short)
    picture = f"{modules()[number]}.png"
    (out / "claims").mkdir(parents=True, exist_ok=True)
    claim.draw(result, out / "claims" / picture)
    try:
        claim.check(result)
    except AssertionError as error:
        failure = " ".join(str(error).split()) or "an assertion without a text"
    return Report(claim, claim.rows(result), claim.verdict(result), picture, failure)


def footer(seconds: float, short: bool) -> str:
    """How the pages came about."""
    settings = "short settings, " if short else ""
    return (
        f"Written by `python -m examples.claims`: {settings}{seconds / 60:.1f} minutes on "
        f"{os.cpu_count()} cores"
    )


def write(reports: list[Report], foot: str, out: Path) -> Path:
    """The page in English, which is returned, and the one in Portuguese, from the same figures."""

    def save(page: Path, *parts: str) -> None:
        made = f"jax {jax.__version__}, {jax.default_backend()}"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("\n".join(parts) + f", {made}.\n", encoding="utf-8")

    english = [section(report, str, "claims") for report in reports]
    save(out / "claims.md", TITLE, *english, f"---\n\n{foot}")
    portuguese = []
    for report in reports:
        say = partial(translate, texts=report.claim.portuguese)
        portuguese.append(section(report, say, "../claims"))
    save(out / "pt" / "claims.md", TITULO, *portuguese, f"---\n\n{translate(foot, {})}")
    return out / "claims.md"


def main(argv: list[str] | None = None) -> int:
    """Runs the claims with a progress bar; the exit status is 1 if a check failed."""
    from tqdm import tqdm

    options, began, reports = parse(argv), time.perf_counter(), []
    with tqdm(options.only, unit="claim") as bar:
        for number in bar:
            bar.set_description(f"claim {number}, {modules()[number].partition('_')[2]}")
            reports.append(run(number, options.short, options.out))
    page = write(reports, footer(time.perf_counter() - began, options.short), options.out)
    failures = {r.claim.number: r.failure for r in reports if r.failure}
    for number, failure in failures.items():
        print(f"claim {number} failed its check: {failure}")
    print(f"{len(reports) - len(failures)} of {len(reports)} claims passed their checks; {page}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
