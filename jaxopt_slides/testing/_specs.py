"""From the words of a command line to a subject, with errors that say what would be right."""

import ast
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from jaxopt_slides.testing._helpers import said
from jaxopt_slides.testing._subject import Subject, is_transform

EXAMPLE = "optax:rmsprop learning_rate=0.1"


class Usage(ValueError):  # noqa: N818 (it becomes a message, not a traceback)
    """The command line names nothing that could be judged."""


def subject_of(spec: str, words: Iterable[str]) -> Subject:
    """The subject that ``MODULE:CONSTRUCTOR name=value ...`` names."""
    constructor = _constructor(spec)
    arguments = dict(map(_argument, words))
    shown = f"{spec}({', '.join(f'{n}={v!r}' for n, v in arguments.items())})"
    if is_transform(constructor):
        if arguments:
            raise Usage(f"{spec} is a transform already and takes no arguments.")
        return Subject(shown.removesuffix("()"), lambda: constructor)
    _require_arguments(spec, constructor, arguments)
    subject = Subject.of(constructor, **arguments)
    try:
        made = subject.tx()
    except Exception as error:
        raise Usage(f"{shown} raised {said(error)}") from error
    if not is_transform(made):
        raise Usage(f"{shown} returned {type(made).__name__}, not a pair of init and update.")
    return Subject(shown, subject.make, subject.hyperparameters)


def _constructor(spec: str) -> Any:
    module, colon, name = spec.partition(":")
    if not colon or not module or not name:
        raise Usage(f"expected MODULE:CONSTRUCTOR, as in {EXAMPLE!r}, got {spec!r}.")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        like = close(module, ["optax", "optax.contrib", "jaxopt_slides"])
        raise Usage(f"cannot import {module!r} ({error}).{like}") from error
    public = [n for n in dir(found) if callable(getattr(found, n)) and not n.startswith("_")]
    if not callable(getattr(found, name, None)) and not is_transform(getattr(found, name, None)):
        raise Usage(f"{module!r} has no constructor {name!r}.{close(name, public)}")
    return getattr(found, name)


def close(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, as a question."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _argument(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals or not name.isidentifier():
        raise Usage(f"expected name=value, as in {EXAMPLE.split()[1]!r}, got {word!r}.")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def _require_arguments(spec: str, constructor: Callable[..., Any], arguments: dict[str, Any]) -> None:
    parameters = inspect.signature(constructor).parameters.values()
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in arguments:
            if name not in named:
                takes = f" It takes {', '.join(named)}." if named else " It takes none."
                raise Usage(f"{spec} has no argument {name!r}.{close(name, named) or takes}")
    missing = [n for n, p in named.items() if p.default is p.empty and n not in arguments]
    if missing:
        words = " ".join(f"{n}={'0.1' if n == 'learning_rate' else '...'}" for n in missing)
        raise Usage(f"{spec} needs {', '.join(missing)}: add {words}")
