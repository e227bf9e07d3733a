r"""The equations of docstrings, as programs in NumPy float64: what the rules are compared with.

A docstring has its update equations in ``.. math::`` blocks (or, on one line, in its first
sentence), the values at the start inline before them, and under Args the letter of every
hyperparameter first of all. An option's entry says there what changes when the option is not at its
default: equations take the place of those with the same left side, or join them, and :math:`a \to b`
puts b in the place of a in all others. In :math:`\sqrt{x} \to \dots` x is whatever stands there.
Prose between them is not read; nor is any code of the package. Rows of the README's table are
programs, too, with :math:`s \leftarrow \dots` for the next value.
"""

import functools
import inspect
import re
from typing import NamedTuple

import numpy as np
import sympy

from tests.systems import System, base, run
from tests.tex import GREEK, EquationError, statements, symbol

BLOCK = re.compile(r"\.\. math::\n((?:(?: {4}.*)?\n)+)")
INLINE = re.compile(r":math:`([^`]*)`")
ENTRY = re.compile(r"^ {2}\*{0,2}(\w+): ((?:.*\n(?: {4}.*\n|\n(?= {4}))*))", re.MULTILINE)
START = re.compile(r"\s*(?:\\?\w+( \w+)?\^\{\(\d\)\}\s*=\s*)+-?\d+\s*")
SAYS = re.compile(r"=|\\to(?![a-z])")  # an equation, not a letter in prose
HALF, X, T = sympy.Rational(1, 2), sympy.Symbol("x"), sympy.Symbol("t")


# --- From a docstring to a system of equations


class Text(NamedTuple):
    """The formulas of a docstring: (beginning, end, tex) in it, and for each argument its own."""

    main: list[tuple[int, int, str]]
    start: list[tuple[int, int, str]]
    arguments: dict[str, list[tuple[int, int, str]]]


def formulas(pattern, text, begin=0, end=None):
    """The formulas of one kind in a part of a text."""
    return [
        (*m.span(1), m[1]) for m in pattern.finditer(text, begin, len(text) if end is None else end)
    ]


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


class Reader:
    """Gathers the system of a docstring, one statement after the other."""

    def __init__(self):
        self.equations, self.start, self.letters, self.arrows = {}, {}, {}, []

    def take(self, found):
        """Takes formulas; of two with one left side the later stands, in the place of the first."""
        for _, _, tex in found:
            for sides, relations in statements(tex):
                if relations == ["\\to"]:
                    self.arrows.append(sides)
                elif {*relations} != {"="} or not all(s.is_Symbol for s in sides[:-1]):
                    raise EquationError(f"{tex!r} is no equation")
                elif sides[0].name == f"{base(sides[0])}@0":
                    self.start.update({base(s): sides[-1] for s in sides[:-1]})
                else:
                    self.equations[sides[0]] = sides[1]

    def take_letter(self, name, found, default):
        r"""Takes the letter of a hyperparameter: the first of its entry, as in ``\mu \in [0, 1]``."""
        first = next(statements(found[0][2]), None) if found else None
        if not first or not first[0][0].is_Symbol:
            raise EquationError(f"Args gives no letter of {name}")
        self.letters[name] = key = first[0][0]
        if key.name.endswith("@0"):
            if float(self.start.get(base(key), np.nan)) != default:
                raise EquationError(f"{base(key)} is said to start otherwise than at {default}")
            self.start[base(key)] = key

    def system(self):
        """The system, with what its options put into it."""
        equations = {k: changed(k, e, self.arrows) for k, e in self.equations.items()}
        return System(equations, self.start, self.letters)


def system(text, given, defaults):
    """The equations of a docstring where ``given`` arguments differ from their ``defaults``."""
    parts, reader = read(text), Reader()
    reader.take([*parts.main, *parts.start])
    for name, default in defaults.items():
        value, own = given.get(name, default), parts.arguments.get(name, [])
        is_option = isinstance(default, bool)
        if not is_option and value is not None:
            reader.take_letter(name, own, default)
            own = own[1:]
        if value is not default or not (is_option or default is None):
            reader.take([f for f in own if SAYS.search(f[2])])
    return reader.system()


def changed(key, expression, arrows):
    """An equation with what its options put into it, unless it is that symbol's own."""
    for old, new in arrows:
        if old == sympy.sqrt(X):
            expression = expression.replace(is_root, functools.partial(put_into_root, new))
        elif old != key:
            expression = expression.subs(old, new)
    return expression


def put_into_root(new, e):
    """What stands in the place of one root, or of one over it."""
    return new.subs(X, e.base) ** (2 * e.exp)


def is_root(e):
    """Whether an expression is a square root, or one over it."""
    return e.is_Pow and abs(e.exp) == HALF


def of_row(equations, count=1):
    r"""The system of assignments one after the other, starting at 0, as in the README's table.

    ``count`` is what t is in the first step.
    """
    parsed = [s for tex in equations for s in statements(tex)]
    for sides, relations in parsed:
        if relations not in (["="], ["\\leftarrow"]) or not sides[0].is_Symbol or sides[0] == T:
            raise EquationError(f"{equations} assigns to nothing")
    kept = {sides[0] for sides, relations in parsed if relations == ["\\leftarrow"]}
    done, renamed = {}, {s: symbol(s.name, "t") for s in kept} | {T: T + count}
    for (key, value), _ in parsed:
        value = value.subs(renamed, simultaneous=True)
        if key in kept:
            renamed[key] = symbol(key.name, "t+1")
        done[renamed.get(key, key)] = value
    return System(done, {s.name: sympy.Integer(0) for s in kept}, {})


WORDS = {"sqrt": r"\sqrt", "max": r"\max", "min": r"\min", "mean": r"\mean", "sign": r"\sign"}
WORDS |= {"eps": r"\epsilon", "b1": r"\beta_1", "b2": r"\beta_2"}
WORDS |= {name.removeprefix("\\"): name for name in GREEK}


def of_code(text):
    """The system of "One array: p = mu p - alpha g, u = p.", up to a semicolon or the full stop."""
    said = re.match(r"One array: ([^;]*?)(?:;|\.$)", text, re.DOTALL)
    if not said:
        return None
    tex = re.sub(r"\b[a-z]+\d?\b", lambda m: WORDS.get(m[0], m[0]) + " ", said[1]).replace("**", "^")
    tex = re.sub(r"\^\(([^()]*)\)", r"^{\1}", tex)
    found = [re.split(r"\s*=\s*", one) for one in re.split(r",\s(?=\w\s*=)", tex)]
    kept = {name for name, value in found if re.search(rf"(?<![\\a-z]){name}\b", value)}
    arrows = [f"{n} \\leftarrow {v}" if n in kept else f"{n} = {v}" for n, v in found]
    return of_row(arrows, count=0)


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
        defaults = {
            n: d for n, d in defaults_of(constructor).items() if d is not inspect.Parameter.empty
        }
        numbers = defaults | options | numbers
        return run(equations_of(constructor, **numbers), gradients, numbers)[0]

    return reference
