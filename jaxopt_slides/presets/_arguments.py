"""What the presets share: checks under the framework's own argument names, and refusals."""

import math
import sys
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from jaxopt_slides._core.numbers import Range, number
from jaxopt_slides._core.words import shown
from jaxopt_slides._parts.decay import add_decayed_weights
from jaxopt_slides._parts.scaling import scale


class _Positive(Range):
    def __str__(self) -> str:
        return "finite and above 0"


class _BelowOne(Range):
    def __str__(self) -> str:
        return "in [0, 1)"


POSITIVE, FRACTION = Range(0), Range(0, 1)
ABOVE_0, BELOW_1 = _Positive(sys.float_info.min), _BelowOne(0, math.nextafter(1, 0))
AMSGRAD = "it divides by the largest mean square so far, which no part keeps"


def require_numbers(owner: str, allowed: Range, **numbers: Any) -> None:
    """Each is a number, a scalar array or a schedule, in the range; the parts name it otherwise."""
    for name, value in numbers.items():
        number(value, allowed, owner, name)


def require_constants(owner: str, allowed: Range, **numbers: Any) -> None:
    """Each is a number or a scalar array in the range, and no schedule."""
    for name, value in numbers.items():
        if callable(value):
            raise TypeError(
                f"{owner}: {name} must be a number or a scalar array, not a schedule, got "
                f"{shown(value)}."
            )
    require_numbers(owner, allowed, **numbers)


def require_dtype(owner: str, **dtypes: Any) -> None:
    """Each is a real floating dtype or None."""
    for name, dtype in dtypes.items():
        try:
            real = dtype is None or jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
        except TypeError:
            real = False
        if not real:
            raise TypeError(
                f"{owner}: {name} must be a real floating dtype or None, got {shown(dtype)}."
            )


def require_flags(owner: str, **flags: Any) -> None:
    """Each is True or False."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be True or False, got {shown(value)}.")


def require_switches(owner: str, **switches: Any) -> None:
    """How a framework executes a rule, which changes no number: True, False or None."""
    for name, value in switches.items():
        if not (value is None or isinstance(value, bool)):
            raise TypeError(f"{owner}: {name} must be True, False or None, got {shown(value)}.")


def require_name(owner: str, name: Any) -> None:
    """Frameworks name their variables by it; nothing here is named."""
    if not (name is None or isinstance(name, str)):
        raise TypeError(f"{owner}: name must be a string, got {shown(name)}.")


def refuse(owner: str, argument: str, why: str) -> NoReturn:
    """Raises ValueError: no composition of this library's parts does what the argument asks for."""
    raise ValueError(f"{owner}: {argument} cannot be expressed here: {why}.")


def is_off(value: Any) -> bool:
    """Whether an argument says "without": None or a plain 0, but neither an array nor a schedule."""
    if callable(value) or isinstance(value, jax.Array | bool) or np.ndim(value):
        return False
    return value is None or value == 0


def on(value: Any) -> Any:
    """The argument, or None where it says "without"."""
    return None if is_off(value) else value


def coupled(weight_decay: Any) -> list[Any]:
    """Weight decay as part of the gradient."""
    return [] if is_off(weight_decay) else [add_decayed_weights(weight_decay)]


def ascending(maximize: bool) -> list[Any]:
    """The gradient of minus the loss."""
    return [scale(-1.0)] if maximize else []
