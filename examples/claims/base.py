"""What a claim is: the slide's sentence, an experiment, its figures, and a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure of a report."""

    what: str
    measured: str  # with its spread over seeds where there are any
    expected: str  # what the sentence or the theory says, and the tolerance


class Claim(NamedTuple):
    """One claim of the slides.

    Attributes:
      number: as in the report.
      title: a few words.
      sentence: what the slide says, in English.
      slide: its title and heading.
      measure: ``measure(short=False)`` runs the experiment; short settings are for the tests.
      check: asserts, with tolerances, what the claim needs; of a broken rule it would fail.
      rows: the figures.
      verdict: one or two sentences; where the slide is wrong it says so.
      draw: saves the picture, for a path that ends in .png.
      portuguese: its texts in Brazilian Portuguese, by the English ones; see portuguese.py.
    """

    number: int
    title: str
    sentence: str
    slide: str
    measure: Callable[..., dict[str, Any]]
    check: Callable[[dict[str, Any]], None]
    rows: Callable[[dict[str, Any]], list[Row]]
    verdict: Callable[[dict[str, Any]], str]
    draw: Callable[[dict[str, Any], Path], None]
    portuguese: dict[str, str]
