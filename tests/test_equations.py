"""The equations of the docstrings and of the README are what the code computes, to a symbol."""

import functools
import inspect
import itertools
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core.pair import halves
from tests import equations, tex
from tests.tex import EquationError

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
RULES = {
    n: f
    for n, f in vars(jos).items()
    if getattr(f, "__module__", "").startswith("jaxopt_slides._rules.")
}
PARTS = (
    "scale scale_by_learning_rate scale_by_schedule trace ema scale_by_rms scale_by_stddev scale_by_rss"
)
PARTS = {n: getattr(jos, n) for n in [*PARTS.split(), "add_decayed_weights", "clip"]}
EVERY = RULES | PARTS
STEPS = 10
GRADIENTS = np.random.default_rng(7).normal(size=(STEPS, 3, 4))
WEIGHTS = np.random.default_rng(8).normal(size=(3, 4))


# ---------------------------------------------------------------- the code's side


def choices(constructor):
    """Every choice of the options that the constructor allows, all at their defaults first."""
    defaults = equations.defaults_of(constructor)
    options = [n for n, d in defaults.items() if isinstance(d, bool)]
    options += ["momentum"] if defaults.get("momentum", 0) is None else []
    for on in itertools.product((False, True), repeat=len(options)):
        chosen = {n for n, yes in zip(options, on, strict=True) if yes}
        if "nesterov" not in chosen or "momentum" in {*options} <= chosen or "momentum" not in options:
            yield frozenset(chosen)


def varying(value):
    """A schedule around a value, so that an equation must say of which step its number is."""
    return lambda t: value * (1 - 0.5 / (t + 2))


def numbers_of(constructor, chosen):
    """A number for each hyperparameter, no two alike and none so small that it would not show."""
    defaults = equations.defaults_of(constructor)
    arguments = equations.read(equations.text_of(constructor)).arguments
    used = [
        n for n, d in defaults.items() if not isinstance(d, bool) and (d is not None or n in chosen)
    ]
    values = {n: 0.3 + 0.5 * (i + 1) / (len(used) + 1) for i, n in enumerate(used)}
    first = {n: f"{arguments.get(n, [])[:1]}" for n in used}
    return {n: v if "^{(0)}" in first[n] else varying(v) for n, v in values.items()}


@functools.cache
def code(name, chosen, plain=False):
    """The numbers, options, updates and states in float64; plain: nothing at the start or in a root."""
    constructor, defaults = EVERY[name], equations.defaults_of(EVERY[name])
    numbers = numbers_of(constructor, chosen)
    numbers |= {n: 0.0 for n in numbers if plain and n in {"eps_root", "initial_accumulator_value"}}
    options = {n: not defaults[n] for n in chosen if defaults[n] is not None}
    updates, states = [], []
    with jax.enable_x64(True):
        tx, w = constructor(**numbers, **options), jnp.asarray(WEIGHTS)
        state = tx.init(w)
        for g in GRADIENTS:
            u, state = tx.update(jnp.asarray(g), state, w)
            updates.append(np.asarray(u))
            states.append([np.asarray(x) for x in jax.tree.leaves(state)])
    return numbers, options, updates, states


# ---------------------------------------------------------------- the comparison


def near(a, b):
    """Whether two arrays are equal but for rounding."""
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-10, atol=1e-12)


def require_agreement(name, chosen, text=None, short=None, steps=STEPS):
    """Raises unless a docstring, or a short form of it, gives the code's updates and states."""
    numbers, options, updates, states = code(name, chosen, plain=short is not None)
    defaults = equations.defaults_of(EVERY[name])
    text = text or equations.text_of(EVERY[name])
    system = equations.system(text, {**numbers, **options}, defaults)
    system = system if short is None else short._replace(letters=system.letters)
    said, kept = equations.run(system, GRADIENTS[:steps], numbers, WEIGHTS)
    for t, (a, b) in enumerate(zip(said, updates[:steps], strict=True)):
        assert near(a, b), f"{name} {sorted(chosen)}: update {t} is {b}, the equations say {a}"
        for letter, value in kept[t].items():
            assert any(near(value, x) for x in states[t]), (
                f"{name} {sorted(chosen)}: no state is {letter}"
            )
        assert len(kept[t]) == len(states[t]) - 1, (
            f"{name}: {len(states[t])} arrays, a count among them"
        )


PAIRS = [(name, chosen) for name, constructor in EVERY.items() for chosen in choices(constructor)]


@pytest.mark.parametrize(
    ("name", "chosen"), PAIRS, ids=lambda x: x if isinstance(x, str) else "-".join(sorted(x))
)
def test_a_docstring_says_what_the_code_does(name, chosen):
    require_agreement(name, chosen)


@pytest.mark.parametrize("name", EVERY)
def test_no_update_stands_in_prose_where_nothing_reads_it(name):
    text = equations.text_of(EVERY[name])
    parts = equations.read(text)
    spans = {f[:2] for f in (*parts.main, *parts.start, *itertools.chain(*parts.arguments.values()))}
    for m in equations.INLINE.finditer(text):
        assert m.span(1) in spans or not re.match(r"\s*(u|\w\^\{\(t\+1\)\})[^=]*=", m[1]), m[1]


# ---------------------------------------------------------------- one symbol changed


SKIPPED = re.compile(
    r"\\(?:big|Big|bigg|Bigg)[lr]?|\\left|\\right|\\[,;!: ]|\\qquad|\\quad|[\s&,.{}()_^\[\]|]"
)
OPPOSITE = {"+": "-", "-": "+", "/": " ", "\\sqrt": "", "\\max": "\\min", "\\min": "\\max"}
OPPOSITE |= {"\\sum": "", "\\hat": "", "\\overline": "", "\\frac": "\\sqrt", "=": "+", "\\to": "="}
OPPOSITE |= {"\\leftarrow": "=", "\\operatorname": "\\sqrt", "\\in": "+", "\\ge": "+", "\\cdot": "+"}


def changes(tokens, letters):
    """Each way to change one symbol of a formula: (place, what stands there then)."""
    for m in tokens:
        token = m[0]
        if token in OPPOSITE:
            yield m, OPPOSITE[token]
        elif token.isdigit():
            yield m, str(int(token) + 1)
        elif re.fullmatch(r"[A-Za-z]|\\[a-z]+", token):
            yield from ((m, other) for other in ("", *sorted(letters - {token})))


def mutants(text, spans):
    """Copies of a text in which one symbol of one of its formulas is changed."""
    found = [
        [m for m in tex.TOKEN.finditer(text, *span) if not SKIPPED.fullmatch(m[0])] for span in spans
    ]
    letters = {m[0] for tokens in found for m in tokens if re.fullmatch("[A-Za-z]", m[0])}
    letters |= {m[0] for tokens in found for m in tokens if m[0] in tex.GREEK}
    for tokens in found:
        for m, new in changes(tokens, letters):
            yield f"{text[: m.start()]}{new} {text[m.end() :]}", (m.start(), m[0], new)


def survives(name, chosen, **said):
    """Whether the comparison does not notice."""
    try:
        if isinstance(short := said.get("short"), str):
            said["short"] = equations.of_code(short)
        elif short:
            said["short"] = equations.of_row(short)
        require_agreement(name, chosen, **said, steps=2)  # where most end
        require_agreement(name, chosen, **said)
    except (AssertionError, EquationError):
        return False
    return True


def formulas_of(name):
    """Where the formulas of a docstring are; of a hyperparameter's range, the letter alone."""
    parts = equations.read(equations.text_of(EVERY[name]))
    defaults = equations.defaults_of(EVERY[name])
    spans = [f[:2] for f in (*parts.main, *parts.start)]
    for argument, (*own,) in parts.arguments.items():
        if own and not isinstance(defaults[argument], bool):
            first = own.pop(0)
            spans.append((first[0], first[0] + len(re.split(r"\\(?:in|ge)\b", first[2])[0])))
        spans += [f[:2] for f in own if equations.SAYS.search(f[2])]
    return spans


@pytest.mark.parametrize("name", EVERY)
def test_one_symbol_changed_in_a_docstring_is_noticed(name):
    text, known, count = equations.text_of(EVERY[name]), [*choices(EVERY[name])], 0
    for mutant, what in mutants(text, formulas_of(name)):
        count += 1
        # Most show at once, with all options or with none; a few in one combination only.
        order = [known[-1], *known[:-1]]
        assert not all(survives(name, chosen, text=mutant) for chosen in order), what
    assert count > 5


# ---------------------------------------------------------------- ranges


RANGE = re.compile(
    r"\S.*?(?:\\ge (?P<least>0)|\\in \[(?P<low>\d), (?P<high>\d)(?P<end>[\])]))", re.DOTALL
)
RANGES = [
    (name, argument, found)
    for name, constructor in EVERY.items()
    for argument, formulas in equations.read(equations.text_of(constructor)).arguments.items()
    if formulas and (found := RANGE.match(formulas[0][2]))
]


@pytest.mark.parametrize(
    ("name", "argument", "found"), RANGES, ids=lambda x: x if isinstance(x, str) else "range"
)
def test_a_range_is_what_the_constructor_allows(name, argument, found):
    chosen = {"momentum"} & {argument}
    others = {n: v if not callable(v) else 0.5 for n, v in numbers_of(EVERY[name], chosen).items()}

    def allows(value):
        try:
            EVERY[name](**{**others, argument: value})
        except ValueError:
            return False
        return True

    low, high = float(found["least"] or found["low"]), found["high"]
    assert allows(low)
    assert not allows(low - 1e-3)
    if high is None:
        assert allows(1e3)
    else:
        assert allows(float(high)) == (found["end"] == "]")
        assert allows(float(high) - 1e-3)
        assert not allows(float(high) + 1e-3)


# ---------------------------------------------------------------- the rules' own classes


def class_text(name):
    numbers = numbers_of(EVERY[name], frozenset())
    return inspect.getdoc(type(halves(EVERY[name](**numbers))[1].rule))


SAID = [name for name in EVERY if re.match(r"One array: \w =", class_text(name))]


def test_the_classes_that_say_what_they_compute():
    others = "sgd momentum nesterov rmsprop adagrad rowwise_adagrad"
    assert {*SAID} >= {*others.split(), *PARTS} - {"scale_by_stddev"}  # "as ScaleByRMS with ..."


@pytest.mark.parametrize("name", SAID)
def test_the_docstring_of_the_class(name):
    text = class_text(name)
    require_agreement(name, frozenset(), short=equations.of_code(text))
    for old, new in (("-", "+"), ("+", "-"), ("g", "w"), ("2", "3"), ("sqrt", ""), ("1", "2")):
        for m in re.finditer(rf"(?<![a-z*]){re.escape(old)}(?![a-z])", text.partition(";")[0]):
            mutant = f"{text[: m.start()]}{new}{text[m.end() :]}"
            assert not survives(name, frozenset(), short=mutant), mutant


# ---------------------------------------------------------------- the README's table


ROW = re.compile(r"^\| `(\w+)\(([^)]*)\)` \| (.*?) \| (.*?) ?\|$", re.MULTILINE)
ROWS = {m[1]: m for m in ROW.finditer(README) if m[1] in RULES}
MATHS = re.compile(r"\$([^$]+)\$")


def equations_in(text):
    return [m[1] for m in MATHS.finditer(text)]


@pytest.mark.parametrize("name", ROWS)
def test_the_readme_s_row(name):
    row = ROWS[name]
    require_agreement(name, frozenset(), short=equations.of_row(equations_in(row[3])))
    for mutant, what in mutants(row[3], [m.span(1) for m in MATHS.finditer(row[3])]):
        assert not survives(name, frozenset(), short=equations_in(mutant)), what


@pytest.mark.parametrize("name", ROWS)
def test_the_readme_s_defaults(name):
    row, defaults = ROWS[name], equations.defaults_of(RULES[name])
    letters = equations.equations_of(RULES[name]).letters
    said = {
        s[0]: float(s[1]) for f in equations_in(row[4]) for s, _ in tex.statements(f.replace(r"\ ", ""))
    }
    named = {letters[n]: d for n, d in defaults.items() if n in letters and isinstance(d, float) and d}
    assert said == named
    assert set(row[2].split(", ")) >= {n for n, d in defaults.items() if d is inspect.Parameter.empty}


def test_the_readme_s_rules():
    first = "sgd momentum nesterov rmsprop adagrad rowwise_adagrad adadelta adam"
    assert {*first.split()} <= {*ROWS} <= {*RULES}
