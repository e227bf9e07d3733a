"""The kinds of arguments, with errors that say what would be right."""

import argparse
import math
import pathlib
import re
from collections.abc import Callable
from typing import Any

from jaxopt_slides.viz import RULES
from jaxopt_slides.viz._words import close

COMMANDS = ("race", "sweep", "list")
SIX = "sgd,momentum,nesterov,adagrad,adadelta,rmsprop"


class Usage(ValueError):  # noqa: N818 (it becomes a message, not a traceback)
    """The command line asks for something that there is not."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what would be right, in one line."""

    def error(self, message: str) -> Any:
        """Raises instead of printing the usage."""
        if wrong := re.match(r"argument COMMAND: invalid choice: '([^']*)'", message):
            message = f"there is no command {wrong[1]!r}. {close(wrong[1], COMMANDS)[:-1]}"
        raise Usage(f"{message}. See {self.prog} --help.")


def one_of(known: Any, what: str) -> Callable[[str], str]:
    """A name among those that are known."""

    def kind(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(f"there is no {what} {word!r}. {close(word, known)[:-1]}")
        return word

    return kind


def rules(word: str) -> list[str]:
    """Names of rules with commas between them, each once."""
    names = [one_of(RULES, "rule")(name.strip()) for name in word.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names with commas between them, such as {SIX}")
    return list(dict.fromkeys(names))


def rate(word: str) -> tuple[str, float]:
    """A rule's name and its learning rate."""
    name, equals, value = word.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, such as sgd=0.1, got {word!r}")
    return one_of(RULES, "rule")(name), positive(value)


def positive(word: str) -> float:
    """A number above 0."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {word!r}")
    return value


def count(least: int) -> Callable[[str], int]:
    """An integer, at least so many."""

    def kind(word: str) -> int:
        if not word.isdecimal() or int(word) < least:
            raise argparse.ArgumentTypeError(f"expected an integer, at least {least}, got {word!r}")
        return int(word)

    return kind


def file(suffixes: tuple[str, ...]) -> Callable[[str], pathlib.Path]:
    """A file that ends in one of the suffixes."""

    def kind(word: str) -> pathlib.Path:
        path = pathlib.Path(word)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(
                f"expected a file that ends in {either(suffixes)}, got {word!r}"
            )
        return path

    return kind


def either(words: tuple[str, ...]) -> str:
    """The words with commas and an or."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
