"""Dataclasses that are pytrees, and whose tree structure tells their classes apart."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T", bound=type)


def static(*, default: Any = dataclasses.MISSING) -> Any:
    """A field of a :func:`pytree` that belongs to its structure, compared by value."""
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
def pytree(**options: Any) -> Callable[[T], T]:
    """Makes a class a frozen dataclass and a pytree; :func:`static` fields are no children.

    The class is a static field of its own, ``class_``. In jaxlib 0.10 to 0.12 the structures of two
    registered dataclasses with equal fields are equal whatever the classes, and only their hashes
    differ. The cache of ``jax.jit`` looks at seven bits of a hash before it compares: without the
    field, one call in a hundred that is given a second optimizer would run the first one's program.
    """

    def decorated(cls: T) -> T:
        mark = dataclasses.field(default=cls, repr=False, kw_only=True, metadata={"static": True})
        cls.__annotations__ = {**inspect.get_annotations(cls), "class_": Any}
        cls.class_ = mark  # pyright: ignore[reportAttributeAccessIssue]
        cls = dataclasses.dataclass(frozen=True, **options)(cls)
        fields = dataclasses.fields(cls)
        return jax.tree_util.register_dataclass(
            cls,
            data_fields=[f.name for f in fields if "static" not in f.metadata],
            meta_fields=[f.name for f in fields if "static" in f.metadata],
        )

    return decorated
