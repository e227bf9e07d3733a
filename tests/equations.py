r"""The equations of docstrings, as programs in NumPy float64: what the rules are compared with.

A docstring has its update equations in ``.. math::`` blocks (or, on one line, in its first
sentence), the values at the start inline before them, and under Args the letter of every
hyperparameter first of all. An option's entry says there what changes when the option is not at its
default: equations take the place of those with the same left side, or join them, and :math:`a \to b`
puts b in the place of a in all others. In :math:`\sqrt{x} \to \dots` x is whatever stands there.
Prose between them is not read; nor is any code of the package. Rows of the README's table are
programs, too, with :math:`s \leftarrow \dots` for the next value.
"""

import inspect
import re
from typing import Any, NamedTuple

import numpy as np
import sympy

from tests.tex import EquationError, statements, symbol

BLOCK = re.compile(r"\.\. math::\n((?:(?: {4}.*)?\n)+)")
INLINE = re.compile(r":math:`([^`]*)`")
ENTRY = re.compile(r"^ {2}\*{0,2}(\w+): ((?:.*\n(?: {4}.*\n|\n(?= {4}))*))", re.MULTILINE)
START = re.compile(r"\s*(?:\\?\w+( \w+)?\^\{\(\d\)\}\s*=\s*)+-?\d+\s*")
SAYS = re.compile(r"=|\\to(?![a-z])")  # an equation, not a letter in prose
HALF, X = sympy.Rational(1, 2), sympy.Symbol("x")


# --- From a docstring to a system of equations


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


class Text(NamedTuple):
    """The formulas of a docstring: (beginning, end, tex) in it, and for each argument its own."""

    main: list[tuple[int, int, str]]
    start: list[tuple[int, int, str]]
    arguments: dict[str, list[tuple[int, int, str]]]


def formulas(pattern, text, begin=0, end=None):
    """The formulas of one kind in a part of a text."""
    return [(*m.span(1), m[1]) for m in pattern.finditer(text, begin, len(text) if end is None else end)]


def read(text):
    """Finds the formulas of a docstring that say what the update is."""
    head = text.find("\nArgs:\n")
    tail = re.compile(r"^\w+:$", re.MULTILINE).search(text, head + 7) if head >= 0 else None
    head, end = (head, tail.start() if tail else len(text)) if head >= 0 else (len(text), len(text))
    main = formulas(BLOCK, text, 0, head)
    if not main:
        main = [f for f in formulas(INLINE, text, 0, text.find("\n\n")) if "=" in f[2]]
    start = [f for f in formulas(INLINE, text, 0, head) if START.fullmatch(f[2])]
    entries = ENTRY.finditer(text, head, end)
    return Text(main, start, {m[1]: formulas(INLINE, text, *m.span(2)) for m in entries})


def base(key):
    """The name of a symbol, without its time."""
    return key.name.partition("@")[0]


def system(text, given, defaults):
    """The equations of a docstring where ``given`` arguments differ from their ``defaults``."""
    parts = read(text)
    equations, start, letters, arrows = {}, {}, {}, []

    def join(tex, what):
        for sides, relations in statements(tex):
            if relations == ["\\to"]:
                arrows.append(tuple(sides))
            elif {*relations} != {"="} or not all(s.is_Symbol for s in sides[:-1]):
                raise EquationError(f"{tex!r} is no equation")
            elif base(sides[0]) + "@0" == sides[0].name:
                start.update({base(s): sides[-1] for s in sides[:-1]})
            else:
                what[sides[0]] = sides[1]

    for _, _, tex in (*parts.main, *parts.start):
        join(tex, equations)
    for name in {**defaults, **given}:
        default, own = defaults.get(name), parts.arguments.get(name, [])
        value = given.get(name, default)
        if not isinstance(default, bool) and value is not None:
            letters[name], own = letter(name, own), own[1:]
            if letters[name].name.endswith("@0"):
                if float(start.get(base(letters[name]), np.nan)) != default:
                    raise EquationError(f"{letters[name]} is said to start otherwise than at {default}")
                start[base(letters[name])] = letters[name]
        if value is not default or not isinstance(default, bool | None):
            for _, _, tex in own:
                if SAYS.search(tex):
                    join(tex, equations)
    return System({k: changed(k, e, arrows) for k, e in equations.items()}, start, letters)


def letter(name, own):
    r"""The letter of a hyperparameter: the first that stands in its entry, as in ``\mu \in [0, 1]``."""
    if not own:
        raise EquationError(f"Args gives no letter of {name}")
    first = next(statements(own[0][2]), None)
    if not first or not first[0][0].is_Symbol:
        raise EquationError(f"{own[0][2]!r} is no letter of {name}")
    return first[0][0]


def changed(key, expression, arrows):
    """An equation with what its options put into it."""
    for old, new in arrows:
        if old.is_Symbol and old == key:
            continue
        if old == sympy.sqrt(X):
            expression = expression.replace(is_root, lambda e: new.subs(X, e.base) ** (2 * e.exp))
        else:
            expression = expression.subs(old, new)
    return expression


def is_root(e):
    """Whether an expression is a square root, or one over it."""
    return e.is_Pow and abs(e.exp) == HALF


def of_row(equations):
    r"""The system of a row of the README's table: assignments one after the other, starting at 0."""
    done, states, letters = {}, set(), {}
    parsed = [s for tex in equations for s in statements(tex)]
    for sides, relations in parsed:
        if relations not in (["="], ["\\leftarrow"]) or not sides[0].is_Symbol:
            raise EquationError(f"{equations} assigns to nothing")
    kept = {sides[0] for sides, relations in parsed if relations == ["\\leftarrow"]}
    count = sympy.Symbol("t")
    renamed = {s: symbol(s.name, "t") for s in kept} | {count: count + 1}
    for sides, _ in parsed:
        value = sides[1].subs(renamed, simultaneous=True)
        if sides[0] in kept:
            states.add(sides[0].name)
            renamed[sides[0]] = key = symbol(sides[0].name, "t+1")
            done[key] = value
        else:
            done[sides[0]] = value
    return System(done, dict.fromkeys(states, sympy.Integer(0)), letters)


# --- Running a system


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


# --- Of a constructor


def defaults_of(constructor):
    """The arguments of a constructor and their defaults."""
    return {n: p.default for n, p in inspect.signature(constructor).parameters.items()}


def text_of(constructor):
    """The docstring of a constructor."""
    return f"{inspect.getdoc(constructor)}\n"


def equations_of(constructor, **given):
    """The system in the docstring of a constructor, for its arguments."""
    return system(text_of(constructor), given, defaults_of(constructor))


def oracle(constructor, **options):
    """The docstring as a float64 reference: ``oracle(gradients, **hyperparameters)``."""

    def reference(gradients, **numbers):
        defaults = {n: d for n, d in defaults_of(constructor).items() if d is not inspect.Parameter.empty}
        numbers = defaults | options | numbers
        return run(equations_of(constructor, **options, **numbers), gradients, numbers)[0]

    return reference
