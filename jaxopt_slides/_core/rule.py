"""What a rule is: a dataclass of hyperparameters with ``start`` and ``step`` for one array."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, dataclass_transform

import jax
from jax.core import Tracer

from jaxopt_slides._core.numbers import NearOne, Range, number, resolve
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.words import shown, written

T = TypeVar("T", bound=type)
ELSEWHERE = ()  # stands, without a leaf, for a hyperparameter that the other half of the pair owns


class Idle(NamedTuple):
    """What one step with zero gradient does to (weight, state): see :mod:`_core.coasting`.

    Attributes:
      moves: the update can be nonzero although the gradient is zero.
      linear_in_g: ``step`` is linear in (g, s) together, so it may follow a member that moves.
      varies: the map depends on the count, as a bias correction does.
    """

    moves: bool = False
    linear_in_g: bool = False
    varies: bool = False


def hyperparameter(
    low: float = -math.inf,
    high: float = math.inf,
    *,
    near_one: bool = False,
    of: str = "update",
    optional: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field that is one real hyperparameter: one leaf of the optimizer."""
    allowed = Range(low, high, near_one, of, optional)
    return dataclasses.field(default=default, metadata={"range": allowed})


def option(*, default: Any = False) -> Any:
    """A field that is a static choice: compared by value, part of the tree structure."""
    return static(default=default)


def derived(*, default: Any = None) -> Any:
    """A field that :meth:`Rule.at` works out from the others: no leaf before, and never shown."""
    return dataclasses.field(default=default, repr=False, metadata={"derived": True})


@dataclass_transform(frozen_default=True, field_specifiers=(hyperparameter, option, derived))
def rule(cls: T) -> T:
    """Makes ``cls`` a frozen dataclass and a pytree whose leaves are its hyperparameters."""
    return pytree(repr=False)(cls)


class Rule:
    """A rule for one array.

    ``start(w)`` returns the state of one array and ``step(g, s)`` the pair (what to add to the array,
    the next state); a rule with ``needs_params`` has ``step(g, s, w)``. Inside ``step`` every
    hyperparameter is a scalar of the array's (real) compute dtype, and ``s.count`` is the number of
    earlier steps; the lift advances the count. ``State`` is a NamedTuple whose first field is
    ``count``; a field that an option leaves unused is None, and the class lists as ``per_row`` those
    that are not shaped like the array (see :func:`per_row`). ``idle`` is an :class:`Idle`, or the
    reason why the rule cannot coast.
    """

    name: ClassVar[str]
    State: ClassVar[type]
    step: Callable[..., tuple[Any, Any]]
    needs_params: ClassVar[bool] = False
    inert: ClassVar[bool] = False  # changes no parameter, whatever its dtype
    extras: ClassVar[frozenset[str]] = frozenset()  # keyword arguments of update that step takes
    idle: Any = "does not say what it does when its gradient is zero"

    def start(self, w: Any) -> Any:
        """The state of one array; of a rule without memory, the count alone."""
        del w
        return self.State(0)

    @classmethod
    def hyperparameters(cls) -> Iterator[tuple[str, Range]]:
        """The names and ranges of the real hyperparameters."""
        for field in dataclasses.fields(cls):  # pyright: ignore[reportArgumentType]
            if "range" in field.metadata:
                yield field.name, field.metadata["range"]

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, unchecked."""
        return dataclasses.replace(self, **changes)  # pyright: ignore[reportArgumentType]

    def checked(self) -> Self:
        """A copy with every hyperparameter checked and in its stored form."""
        return self.replace(
            **{n: number(getattr(self, n), r, self.name, n) for n, r in self.hyperparameters()}
        )

    def require_consistent(self) -> None:
        """Raises ValueError where checked hyperparameters and options contradict each other."""

    def prepared(self) -> Self:
        """A copy that is checked in every respect."""
        rule = self.checked()
        rule.require_consistent()
        return rule

    def require_extras(self, extra: dict[str, Any]) -> None:
        """Raises TypeError where a keyword argument of update is missing."""

    def merged(self, of_init: Self) -> Self:
        """This half with what the half of init owns."""
        theirs = {n: getattr(of_init, n) for n, _ in self.hyperparameters()}
        return self.replace(**{n: v for n, v in theirs.items() if self.absent(n)})

    def half(self, of: str) -> Self:
        """The hyperparameters of ``init`` or those of ``update``; the others become ELSEWHERE."""
        others = (n for n, r in self.hyperparameters() if r.of != of)
        return self.replace(**{n: ELSEWHERE for n in others if getattr(self, n) is not None})

    def zeroed(self) -> Self:
        """A copy whose hyperparameters are all 0: enough to ask ``start`` for shapes and dtypes."""
        used = (n for n, _ in self.hyperparameters() if getattr(self, n) is not None)
        return self.replace(**dict.fromkeys(used, 0.0))

    def at(self, count: Any, dtype: Any) -> Self:
        """The rule with every hyperparameter a scalar of ``dtype``: its value at ``count``."""
        return self.replace(
            **{
                n: resolve(getattr(self, n), count, dtype, r.near_one, f"{self.name}: {n}")
                for n, r in self.hyperparameters()
                if not self.absent(n)
            }
        )

    def absent(self, name: str) -> bool:
        """Whether this half does not hold the hyperparameter: unused, or the other half's."""
        stored = getattr(self, name)
        return stored is None or isinstance(stored, tuple)

    @property
    def scheduled(self) -> list[str]:
        """The hyperparameters that depend on the count."""
        return [n for n, _ in self.hyperparameters() if callable(getattr(self, n))]

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # pyright: ignore[reportArgumentType]
        shown = ((f.name, getattr(self, f.name)) for f in fields if f.repr)
        defaults = {f.name: f.default for f in fields if "static" in f.metadata}
        shown = ((n, v) for n, v in shown if v is not defaults.get(n, self) and not self.absent(n))
        arguments = [f"{n}={written(v)}" for n, v in shown]
        return f"{self.name}({', '.join(arguments)})"


def per_row(rule: Rule) -> tuple[str, ...]:
    """The fields of its state that have one number a row: ``[..., 1]`` for an array ``[..., D]``."""
    return getattr(rule.State, "per_row", ())


def value_of(stored: Any) -> Any:
    """A hyperparameter as the user gave it."""
    return stored.value if isinstance(stored, NearOne) else stored


def require_options(owner: str, **options: Any) -> None:
    """Static choices are True or False, nothing else."""
    for name, value in options.items():
        if not isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be True or False, got {shown(value)}.")


def require_below_one(owner: str, reason: str, decay: Any, name: str = "decay") -> None:
    """At decay 1 nothing enters an average, and its bias correction would be 0/0."""
    offset = getattr(decay, "offset", None)
    if isinstance(offset, float | jax.Array) and not isinstance(offset, Tracer) and offset == 0:
        raise ValueError(f"{owner}: {reason} needs a {name} below 1, got {float(decay.value):g}.")
