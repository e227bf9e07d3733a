"""What was measured: cases, their ratios, and the table."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

TRIAD = "triad, x + 0.1 g"


class Summary(NamedTuple):
    """A median and its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Summary":
        """Of any numbers."""
        low, median, high = (float(x) for x in np.quantile(list(values), [0.25, 0.5, 0.75]))
        return cls(median, low, high)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.median:.4g}"
        return f"{self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"


class Case(NamedTuple):
    """Several ways to do one thing, measured in turn: a number for every way and round.

    ``streams`` is how many arrays a step reads and writes, where the bandwidth is the limit; the triad,
    which has 3, is then among the ways.
    """

    subject: str
    name: str
    values: dict[str, list[float]]  # the first way is what the others are divided by
    unit: str = "ms"
    note: str = ""
    streams: int = 0

    @property
    def first(self) -> str:
        """The way that the others are divided by."""
        return next(iter(self.values))

    def ratio(self, way: str, by: str | None = None) -> Summary | None:
        """A way's numbers by another's, round by round where they were measured in turn."""
        above, below = np.array(self.values[way], float), np.array(self.values[by or self.first], float)
        if not below.all():
            return None
        if above.size != below.size:
            below = np.median(below)
        return Summary.of(above / below)

    def reached(self, way: str) -> Summary | None:
        """The part of the machine's bandwidth that a way reaches."""
        if not self.streams or way == TRIAD:
            return None
        least = np.array(self.values[TRIAD]) * self.streams / 3
        return Summary.of(least / np.array(self.values[way]))

    def as_json(self) -> dict[str, Any]:
        """All of it, with medians and ratios."""
        ways = {}
        for way, values in self.values.items():
            ways[way] = {"values": values, "summary": Summary.of(values)._asdict()}
            for name, summary in (("ratio", self.ratio(way)), ("of_the_limit", self.reached(way))):
                if summary:
                    ways[way][name] = summary._asdict()
        kept = {"subject": self.subject, "case": self.name, "unit": self.unit, "note": self.note}
        return kept | {"ratio_to": self.first, "streams": self.streams, "ways": ways}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Case":
        """What :meth:`as_json` wrote."""
        values = {way: found["values"] for way, found in kept["ways"].items()}
        return cls(kept["subject"], kept["case"], values, kept["unit"], kept["note"], kept["streams"])


HEADER = f"{'way':32} {'median [quartiles]':>28} {'':13} {'ratio [quartiles]':>22} {'limit':>6}"


def lines(case: Case) -> list[str]:
    """A case's part of the table."""
    note = f" ({case.note})" if case.note else ""
    found = [f"{case.subject}: {case.name}{note}"]
    for way, values in case.values.items():
        ratio, reached = case.ratio(way), case.reached(way)
        by = "1" if way == case.first else str(ratio or "")
        limit = f"{reached.median:.0%}" if reached else ""
        found.append(
            f"  {way:30} {Summary.of(values)!s:>28} {case.unit:13} {by:>22} {limit:>6}".rstrip()
        )
    return found
