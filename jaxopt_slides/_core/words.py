"""Values in messages: one short line, without addresses."""

import functools
import operator
import pickle
import re
from typing import Any

import numpy as np
from jax.core import Tracer


def shown(value: Any, width: int = 60) -> str:
    """The value as a message shows it."""
    if isinstance(value, Tracer):
        return "a traced value"
    text = " ".join(written(value).split())
    return text if len(text) <= width else f"{text[:width]}..."


def written(value: Any) -> str:
    """The value as it stands in a call: a function is its name, a partial the call that makes it."""
    if isinstance(value, functools.partial) and type(value).__repr__ is functools.partial.__repr__:
        arguments = [written(x) for x in (value.func, *value.args)]
        arguments += [f"{name}={written(x)}" for name, x in value.keywords.items()]
        return f"{type(value).__name__}({', '.join(arguments)})"
    text = getattr(value, "__qualname__", None) or repr(value)
    return re.sub(r"\S*<locals>\.| at 0x[0-9a-f]+", "", text)


def reduced(wrapper: Any, function: Any, what: str, instead: str) -> tuple[Any, tuple[Any]]:
    """How pickle makes a static wrapper of a user's function again; a lambda is refused in words."""
    try:
        pickle.dumps(function)
    except Exception as error:
        raise pickle.PicklingError(
            f"the {what} {wrapper!r} cannot be pickled ({error}). Use a function that a module defines "
            f"at its top level, or {instead}."
        ) from error
    return type(wrapper), (function,)


def as_integer(value: Any) -> int | None:
    """The value as a Python integer; None where it is none, or a bool, or traced."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def require_at_least(owner: str, name: str, value: Any, least: int) -> int:
    """The value as a Python integer, which must be at least so much."""
    number = as_integer(value)
    if number is None or number < least:
        raise ValueError(f"{owner}: {name} must be an integer, at least {least}, got {shown(value)}.")
    return number
