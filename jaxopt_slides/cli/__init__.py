"""The command line: race rules on a landscape, sweep their learning rates, list what there is.

The exit status is 0, or 2 if the command line is at fault; what would be right is then on stderr.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from jaxopt_slides.cli._arguments import (
    SIX,
    Parser,
    Usage,
    count,
    either,
    file,
    one_of,
    positive,
    rate,
    rules,
)
from jaxopt_slides.cli._commands import CURVES, RACES, race, show, sweep
from jaxopt_slides.landscapes import LANDSCAPES
from jaxopt_slides.viz import LANGUAGES, RULES

VIEWS = ("contour", "surface", "loss", "rates")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(
        prog="jaxopt-slides",
        description="Races of the lecture's rules, and how they depend on their learning rates.",
        epilog=f"example: jaxopt-slides race --landscape saddle --rules {SIX} --out race.gif",
    )
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_race(commands)
    _add_sweep(commands)
    say = "print the rules with their learning rates, and the landscapes"
    described = f"{say[0].upper()}{say[1:]}."
    commands.add_parser("list", help=say, description=described).set_defaults(run=show)
    return made


def _add_shared(command: argparse.ArgumentParser, steps: int) -> None:
    landscapes, known = ", ".join(LANDSCAPES), ", ".join(RULES)
    kind = one_of(LANDSCAPES, "landscape")
    add = command.add_argument
    add("--landscape", type=kind, default="valley", metavar="NAME", help=f"{landscapes} (%(default)s)")
    add("--rules", type=rules, default=SIX, metavar="NAME,NAME", help=f"of {known} (%(default)s)")
    add("--steps", type=count(1), default=steps, metavar="N", help="that each rule takes (%(default)s)")
    lang = one_of(LANGUAGES, "language")
    add("--lang", type=lang, default="en", help="of the words in the picture: en or pt (%(default)s)")
    add("--title", help="of the picture, instead of its own")
    add("--quiet", action="store_true", help="no progress bar, and no report of what was written")


def _add_race(commands: Any) -> None:
    say = "race rules on a landscape: a picture, an animation, or a page"
    command = commands.add_parser("race", help=say, description=f"{say[0].upper()}{say[1:]}.")
    _add_shared(command, 100)
    kind, add = one_of(VIEWS, "view"), command.add_argument
    files = f"the file: {either(RACES)}; for loss and rates {either(CURVES)} (race.gif, or VIEW.png)"
    add("--out", type=file((*RACES, *CURVES[1:])), metavar="FILE", help=files)
    add("--view", type=kind, help=f"{either(VIEWS)} (surface on saddles, contour elsewhere)")
    add(
        "--learning-rate",
        type=rate,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of a rule, instead of the usual one that `list` shows; repeatable",
    )
    add("--seeds", type=count(1), default=1, metavar="N", help="of a noisy landscape, for loss (1)")
    add("--frames", type=count(2), default=100, metavar="N", help="of a GIF, at most (%(default)s)")
    add(
        "--fps",
        type=count(1),
        default=12,
        metavar="N",
        help="frames per second of a GIF (%(default)s)",
    )
    command.set_defaults(run=race)


def _add_sweep(commands: Any) -> None:
    say = "run rules at many learning rates: a table, and a picture"
    command = commands.add_parser("sweep", help=say, description=f"{say[0].upper()}{say[1:]}.")
    _add_shared(command, 100)
    add = command.add_argument
    add("--out", type=file(CURVES), metavar="FILE", help=f"the picture: {either(CURVES)} (none)")
    add("--lowest", type=positive, default=1e-4, metavar="RATE", help="learning rate (%(default)s)")
    add("--highest", type=positive, default=1e2, metavar="RATE", help="learning rate (%(default)s)")
    add("--count", type=count(2), default=19, metavar="N", help="of learning rates (%(default)s)")
    add("--seeds", type=count(1), default=1, metavar="N", help="of a noisy landscape (%(default)s)")
    command.set_defaults(run=sweep)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    try:
        options = parser().parse_args(argv)
        options.run(options)
    except (Usage, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
