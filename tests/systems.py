"""Systems of update equations, run in NumPy float64."""

from typing import Any, NamedTuple

import numpy as np
import sympy

from tests.tex import EquationError, symbol

HALF = sympy.Rational(1, 2)


class System(NamedTuple):
    """The equations of one rule with its options chosen.

    Attributes:
      equations: what a symbol is, by the symbol; ``u`` or ``u@t`` is the update.
      start: the number with which a name starts, or the symbol of the hyperparameter that it is.
      letters: the symbol of every hyperparameter.
    """

    equations: dict[Any, Any]
    start: dict[str, Any]
    letters: dict[str, Any]


def base(key):
    """The name of a symbol, without its time."""
    return key.name.partition("@")[0]


def square(x):
    """Returns |x|^2, always real."""
    return np.real(x * np.conj(x))


def divide(x, y):
    """Returns x / y, with 0/0 = 0."""
    x, y = np.broadcast_arrays(x, y)
    return np.divide(x, y, out=np.zeros(x.shape, np.result_type(x, y)), where=(x != 0) | (y != 0))


def row_sum(x):
    """The sum over each row."""
    return x if np.ndim(x) == 0 else np.sum(x, axis=-1, keepdims=True)


def row_mean(x):
    """The mean over each row."""
    return row_sum(x) / (np.shape(x) or (1,))[-1]


CALLS = {"max": np.maximum, "min": np.minimum, "sign": np.sign, "abs": np.abs}
CALLS |= {"sum": row_sum, "mean": row_mean}


class Step:
    """One step: symbols are worked out when they are asked for."""

    def __init__(self, equations, known):
        self.equations, self.known = equations, dict(known)

    def __getitem__(self, key):
        if key.name not in self.known:
            if key not in self.equations:
                raise EquationError(f"nothing says what {key.name} is")
            expression = self.equations[key]
            self.known[key.name] = None  # asked for again meanwhile, it depends on itself
            self.known[key.name] = self.value(expression)
        if self.known[key.name] is None:
            raise EquationError(f"{key.name} depends on itself")
        return self.known[key.name]

    def value(self, e):
        """The value of an expression."""
        if e.is_Symbol:
            return self[e]
        if e.is_Number:
            return float(e)
        if e.is_Add:
            return sum(map(self.value, e.args[1:]), self.value(e.args[0]))
        if e.is_Mul or e.is_Pow:
            over, under = [], []
            for x in sympy.Mul.make_args(e):
                (under if x.is_Pow and x.exp.is_negative else over).append(x)
            top = self.product(over)
            return divide(top, self.product([x.base**-x.exp for x in under])) if under else top
        return CALLS[e.func.__name__](*map(self.value, e.args))

    def product(self, factors):
        """The product of powers with positive exponents, in order."""
        result = 1.0
        for x in factors:
            result = result * (self.power(x.base, x.exp) if x.is_Pow else self.value(x))
        return result

    def power(self, base, exponent):
        """A power; a square is real."""
        if exponent == 2:
            return square(self.value(base))
        if exponent == HALF:
            return np.sqrt(self.value(base))
        return self.value(base) ** self.value(exponent)


def at(number, t):
    """A number, or a schedule's value at a count."""
    return float(number(t) if callable(number) else number)


@np.errstate(all="ignore")
def run(system, gradients, numbers, weights=None):
    """The updates and, by name, the states after each step: float64, or complex128."""
    gradients = [np.asarray(g) for g in gradients]
    kind = np.complex128 if np.iscomplexobj(gradients[0]) else np.float64
    start = {n: Step({}, values(system, numbers, 0))[v] if v.is_Symbol else float(v)
             for n, v in system.start.items()}  # fmt: skip
    state = {f"{n}@t": v for n, v in start.items()}
    names = {k.name.removesuffix("+1") for k in system.equations if k.name.endswith("@t+1")}
    updates, states = [], []
    update = next((k for k in system.equations if k.name in {"u", "u@t"}), None)
    if update is None:
        raise EquationError("nothing says what u is")
    for t, g in enumerate(gradients):
        g = g.astype(kind)
        known = {**state, **values(system, numbers, t), "g": g, "g@t": g, "t": t}
        known |= {"D": (g.shape or (1,))[-1]}
        if weights is not None:
            known |= {"w": weights, "w@t": weights}
        step = Step(system.equations, known)
        updates.append(np.broadcast_to(step[update], g.shape).astype(kind))
        state = {n: step[symbol(n + "+1")] for n in names if n in state}
        states.append({n.partition("@")[0]: v for n, v in state.items()})
    return updates, states


def values(system, numbers, t):
    """The hyperparameters of a step, under their letters."""
    known = {}
    for name, key in system.letters.items():
        letter = base(key)
        if key.name.endswith("@0"):
            known[key.name] = at(numbers[name], t)
        else:
            known |= {f"{letter}{time}": at(numbers[name], t) for time in ("", "@t")}
            known[f"{letter}@t+1"] = at(numbers[name], t + 1)
    return known
