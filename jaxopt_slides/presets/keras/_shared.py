"""The arguments that all of Keras's optimizers share, and what they put around a rule."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from jax.tree_util import Partial

from jaxopt_slides._core.chain import chain
from jaxopt_slides._core.numbers import as_schedule
from jaxopt_slides._core.types import GradientTransformation
from jaxopt_slides._parts.accumulation import multi_steps
from jaxopt_slides._parts.clipping import clip, clip_by_global_norm
from jaxopt_slides._parts.scaling import scale
from jaxopt_slides.presets._arguments import (
    POSITIVE,
    is_off,
    refuse,
    require_flags,
    require_name,
    require_numbers,
)
from jaxopt_slides.presets._decoupled import decoupled


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
    del ema_momentum, ema_overwrite_frequency  # of use_ema
    require_flags(owner, use_ema=use_ema)
    require_name(owner, name)
    if use_ema:
        refuse(owner, "use_ema", "wrap the optimizer in average_params, whose average is unbiased")
    steps, rate = gradient_accumulation_steps, arguments["learning_rate"]
    if not is_off(steps) and callable(rate):
        arguments = {
            **arguments,
            "learning_rate": Partial(_of_gradients, as_schedule(rate), float(steps)),
        }
    tx = make(**arguments)
    if not is_off(weight_decay):
        require_numbers(owner, POSITIVE, weight_decay=weight_decay)
        tx = decoupled(tx, weight_decay)
    members = [*_clipped(owner, clipnorm, clipvalue, global_clipnorm), tx]
    if not is_off(steps):
        members = [multi_steps(chain(*members), steps)]
    if loss_scale_factor is not None:
        require_numbers(owner, POSITIVE, loss_scale_factor=loss_scale_factor)
        members = [scale(1 / loss_scale_factor), *members]
    return chain(*members) if len(members) > 1 else members[0]


def _of_gradients(schedule, steps, count):
    """The schedule at the last of the gradients that make update number ``count``."""
    return schedule((count + 1) * steps - 1)


def _clipped(owner: str, clipnorm: Any, clipvalue: Any, global_clipnorm: Any) -> list[Any]:
    given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    used = [n for n, value in given.items() if value is not None]
    if len(used) > 1:
        raise ValueError(
            f"{owner}: {' and '.join(used)} cannot be used together; Keras refuses it too."
        )
    require_numbers(owner, POSITIVE, **{n: given[n] for n in used})
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


def with_shared_arguments(make: Callable[..., GradientTransformation]) -> Any:
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
