"""What :func:`fit` records of every step."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxopt_slides._core.formulas import square
from jaxopt_slides._core.hyperparams import hyperparams
from jaxopt_slides._core.types import GradientTransformation, PyTree
from jaxopt_slides._core.words import shown
from jaxopt_slides.training.step import Taken


def _norm(tree: PyTree) -> jax.Array:
    return jnp.sqrt(sum((jnp.sum(square(x)) for x in jax.tree.leaves(tree)), jnp.zeros(())))


RECORDERS: dict[str, Callable[[Taken], Any]] = {
    "loss": lambda taken: taken.loss,
    "aux": lambda taken: taken.aux,
    "params": lambda taken: taken.params,
    "gradient_norm": lambda taken: _norm(taken.gradient),
    "update_norm": lambda taken: _norm(taken.updates),
}


@functools.cache  # the same function for the same name: it is part of what is compiled
def _hyperparameter(name: str) -> Callable[[Taken], jax.Array]:
    return lambda taken: jnp.asarray(hyperparams(taken.tx, taken.state)[name], float)


def recorders(
    record: Any, tx: GradientTransformation, state: PyTree, has_aux: bool
) -> tuple[tuple[str, Any], ...]:
    """The names and functions to record, hashable; the loss is always among them."""
    if isinstance(record, Mapping):
        wanted = dict(record)
        if wrong := [n for n, f in wanted.items() if not isinstance(n, str) or not callable(f)]:
            raise TypeError(
                f"fit: record must map names to functions of the step taken, got "
                f"{shown(wrong[0])}: {shown(wanted[wrong[0]])}."
            )
    elif not isinstance(record, Iterable):
        raise TypeError(f"fit: record must be a name, names or a mapping, got {shown(record)}.")
    else:
        names = [record] if isinstance(record, str) else list(record)
        known = {n: _hyperparameter(n) for n in hyperparams(tx, state)} | RECORDERS
        if unknown := [n for n in names if n not in known]:
            raise ValueError(f"fit: cannot record {unknown[0]!r}; known are {sorted(known)}.")
        if "aux" in names and not has_aux:
            raise ValueError("fit: cannot record 'aux' without has_aux=True.")
        wanted = {n: known[n] for n in names}
    return tuple({**wanted, "loss": RECORDERS["loss"]}.items())
