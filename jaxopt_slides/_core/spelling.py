"""Names that are not there: what was meant.

Here once for all: :func:`public` around every public function, for its keywords, and
:func:`no_such_name` in the ``__getattr__`` of every public module.
"""

import difflib
import functools
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# What papers and libraries call the same argument, the likelier meaning of a letter first.
ALIKE = [
    names.split()
    for names in (
        "learning_rate lr step_size alpha eta",
        "b1 beta_1 beta1 betas beta",
        "b2 beta_2 beta2",
        "decay rho alpha beta gamma smoothing_constant decay_rate",
        "mu momentum mass beta",
        "eps epsilon e",
        "nesterov use_nesterov",
        "transition_steps decay_steps steps",
        "max_norm clip_norm global_clipnorm clipnorm",
        "max_delta clip_value clipvalue",
    )
]
ADVICE = {  # arguments of other libraries' optimizers that are transformations or calls here
    "weight_decay": "chain(add_decayed_weights(weight_decay), {0}(...))",
    "clipnorm": "chain(clip_by_global_norm(max_norm), {0}(...))",
    "clip_norm": "chain(clip_by_global_norm(max_norm), {0}(...))",
    "global_clipnorm": "chain(clip_by_global_norm(max_norm), {0}(...))",
    "clipvalue": "chain(clip(max_delta), {0}(...))",
    "momentum: nesterov": "nesterov(learning_rate, mu)",
    "params": "{0}(...).init(params)",
}
NAMES = {  # names elsewhere, folded, of what has another name here
    "heavyball": "momentum",
    "nag": "nesterov",
    "injecthyperparams": "with_hyperparams",
    "multitransform": "partition",
    "clipgradnorm": "clip_by_global_norm",
    "clipgradvalue": "clip",
    "loadstatedict": "load_state",
    "statedict": "to_state_dict",
    "pytorch": "torch",
    "tensorflow": "tf1",
    "jax": "jax_example",
}


def public(function: F) -> F:
    """A public function: a misspelt keyword is answered with the right one.

    Nothing is looked at unless a call fails. Signature, docstring and name are the function's own.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            if text := _wrong_keyword(function, args, kwargs):
                raise TypeError(text) from None
            raise

    return typing.cast(F, call)


def _wrong_keyword(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    """What to say about the first keyword that the function does not have; nothing if it has all."""
    parameters = inspect.signature(function).parameters
    wrong = [name for name in kwargs if name not in parameters]
    if not wrong or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return ""
    free = [n for n in list(parameters)[len(args) :] if n not in kwargs]
    name = owner(function)
    text = f"{name}: no argument {wrong[0]!r}; "
    if guess := argument_meant(wrong[0], free):
        return f"{text}did you mean {guess!r}?"
    advice = ADVICE.get(wrong[0]) or ADVICE.get(f"{name}: {wrong[0]}")
    if advice and {*ALIKE[0]} & {*parameters}:  # it has a learning rate: an optimizer
        return f"{text}did you mean {advice.format(name)}?"
    return f"{text}it takes {', '.join(parameters) or 'none'}."


def owner(function: Callable[..., Any]) -> str:
    """The function's name as messages have it: ``momentum``, of a preset ``torch.sgd``."""
    _, part, *rest = function.__module__.split(".")
    return f"{rest[0]}.{function.__name__}" if part == "presets" else function.__name__


def argument_meant(name: str, known: Iterable[str]) -> str | None:
    """The argument that was meant: the same thing under another name, or one that is spelt alike."""
    known = list(known)
    alike = (k for group in ALIKE if name in group for k in group if k in known)
    return next(alike, None) or close(name, known)


def close(name: str, known: Iterable[str]) -> str | None:
    """The name that is spelt most alike, whatever its case and underscores."""
    least = 0.5 if len(name) <= 3 else 0.65
    folded = {_fold(k): k for k in known}
    best = difflib.get_close_matches(_fold(name), folded, 1, least)
    return folded[best[0]] if best else None


def _fold(name: str) -> str:
    return name.lower().replace("_", "")


def no_such_name(module: str, name: str) -> Exception:
    """The error for a module's ``__getattr__`` to raise, with the name that was meant.

    Of ``from module import name`` Python keeps nothing but the name, unless it is an ImportError.
    """
    known = [n for n in dir(sys.modules[module]) if not n.startswith("_")]
    elsewhere = NAMES.get(_fold(name))
    guess = None
    if not name.startswith("_"):
        guess = elsewhere if elsewhere in known else close(name, known)
    hint = f"; did you mean {guess!r}?" if guess else ""
    asked_by = sys._getframe(2).f_code.co_name  # noqa: SLF001 (public in all but its name)
    if guess and asked_by == "_handle_fromlist" and not importlib.util.find_spec(f"{module}.{name}"):
        return ImportError(f"cannot import name {name!r} from {module!r}{hint}", name=module)
    # With a name and no object Python adds no guess of its own.
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}", name=name)
