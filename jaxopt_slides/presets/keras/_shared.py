"""The arguments that all of Keras's optimizers share, and what they put around a rule."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.numbers import as_schedule, number
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.types import GradientTransformation
from jaxopt_slides._core.words import as_integer, shown
from jaxopt_slides._parts.accumulation import multi_steps
from jaxopt_slides._parts.clipping import clip, clip_by_global_norm
from jaxopt_slides._parts.scaling import scale
from jaxopt_slides.presets._arguments import (
    ABOVE_0,
    FRACTION,
    POSITIVE,
    is_off,
    refuse,
    require_constants,
    require_flags,
    require_name,
    require_numbers,
)
from jaxopt_slides.presets._decoupled import decoupled


@pytree()
class OfGradients:
    """A schedule of the count of gradients as one of updates: at the last gradient of each."""

    schedule: Any
    steps: int = static()

    def __call__(self, count: Any) -> Any:
        return self.schedule((jnp.asarray(count) + 1) * self.steps - 1)


def _around(
    owner: str,
    make: Callable[..., GradientTransformation],
    arguments: dict[str, Any],
    /,
    weight_decay: Any = None,
    clipnorm: Any = None,
    clipvalue: Any = None,
    global_clipnorm: Any = None,
    use_ema: bool = False,
    ema_momentum: float = 0.99,
    ema_overwrite_frequency: int | None = None,
    loss_scale_factor: Any = None,
    gradient_accumulation_steps: Any = None,
    name: str | None = None,
) -> GradientTransformation:
    """The rule with what Keras's base class adds to it, in its order."""
    del ema_overwrite_frequency  # of use_ema
    require_flags(owner, use_ema=use_ema)
    require_constants(owner, FRACTION, ema_momentum=ema_momentum)
    require_name(owner, name)
    if use_ema:
        refuse(owner, "use_ema", "wrap the optimizer in average_params, whose average is unbiased")
    steps, rate = _steps(owner, gradient_accumulation_steps), arguments["learning_rate"]
    if steps is not None and callable(rate):
        arguments = {**arguments, "learning_rate": OfGradients(as_schedule(rate), steps)}
    tx = make(**arguments)
    if not is_off(weight_decay):
        require_numbers(owner, POSITIVE, weight_decay=weight_decay)
        tx = decoupled(tx, weight_decay)
    members = [*_clipped(owner, clipnorm, clipvalue, global_clipnorm), tx]
    if steps is not None:
        members = [multi_steps(_one(members), steps)]
    if loss_scale_factor is not None:
        require_constants(owner, ABOVE_0, loss_scale_factor=loss_scale_factor)
        factor = number(loss_scale_factor, ABOVE_0, owner, "loss_scale_factor")
        members = [scale(1 / factor), *members]
    return _one(members)


def _one(members: list[GradientTransformation]) -> GradientTransformation:
    return chain(*members) if len(members) > 1 else members[0]


def _steps(owner: str, given: Any) -> int | None:
    if is_off(given):
        return None
    steps = as_integer(given)
    if steps is None or steps < 2:
        raise ValueError(
            f"{owner}: gradient_accumulation_steps must be an integer of at least 2, got "
            f"{shown(given)}."
        )
    return steps


def _clipped(owner: str, clipnorm: Any, clipvalue: Any, global_clipnorm: Any) -> list[Any]:
    given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    used = [n for n, value in given.items() if value is not None]
    if len(used) > 1:
        raise ValueError(
            f"{owner}: {' and '.join(used)} cannot be used together; Keras refuses it too."
        )
    require_numbers(owner, ABOVE_0, **{n: given[n] for n in used if not is_off(given[n])})
    if not is_off(clipnorm):
        refuse(
            owner,
            "clipnorm",
            "it bounds the norm of each leaf alone, and no part does; global_clipnorm bounds the norm "
            "of all leaves, clipvalue each element",
        )
    if not is_off(global_clipnorm):
        return [clip_by_global_norm(global_clipnorm)]
    return [] if is_off(clipvalue) else [clip(clipvalue)]


def with_shared_arguments(
    make: Callable[..., GradientTransformation],
) -> Callable[..., GradientTransformation]:
    """The preset that takes Keras's shared arguments after those of ``make``."""
    own, shared = inspect.signature(make), list(inspect.signature(_around).parameters.values())[3:]
    signature = own.replace(parameters=[*own.parameters.values(), *shared])
    owner = f"keras.{make.__name__}"

    @functools.wraps(make)
    def preset(*args: Any, **kwargs: Any) -> GradientTransformation:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{owner}: {error}.") from None
        bound.apply_defaults()
        around = {p.name: bound.arguments.pop(p.name) for p in shared}
        return _around(owner, make, bound.arguments, **around)

    preset.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    return preset
