r"""The TeX of the docstrings' update equations as sympy expressions: a small recursive descent.

A name is a letter, with an accent or a subscript if it has one, and its time: ``s^{(t+1)}`` is the
symbol ``s@t+1``, ``\mu_{t+1}`` is ``\mu@t+1``, a bare ``s`` is ``s``. A number raised to ``t+1`` is a
power. Products are written side by side. A square is :math:`|x|^2`, as everywhere in the package.
"""

import re

import sympy

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[A-Za-z]|\d+(?:\.\d+)?|\S")
SIZES = re.compile(
    r"\\(?:(?:big|Big|bigg|Bigg)[lr]?|left|right)(?![A-Za-z])|\\[,;!: ]|\\\n|[{}]*\\textstyle"
)
ACCENTS = ("\\hat", "\\bar", "\\tilde", "\\dot")
GREEK = {"\\alpha", "\\beta", "\\gamma", "\\delta", "\\epsilon", "\\eta", "\\kappa"}
GREEK |= {"\\lambda", "\\mu", "\\nu", "\\rho", "\\sigma", "\\tau"}
CALLS = {"\\max": 2, "\\min": 2, "\\sign": 1, "\\mean": 1}
RELATIONS = ("=", "\\leftarrow", "\\to", "\\ge", "\\in")
TIMES = ("t", "t+1", "0")


class EquationError(ValueError):
    """What stands there is not an equation that this module can read."""


def symbol(name, time=""):
    """The symbol of a name at a time."""
    return sympy.Symbol(f"{name}@{time}" if time else name)


def function(name):
    """A function that sympy neither evaluates nor simplifies."""
    return sympy.Function(name.removeprefix("\\"))


class Parser:
    """One formula; each method reads what it is called after."""

    def __init__(self, tex):
        tex = re.sub(r"\\operatorname\{(\w+)\}", r"\\\1 ", tex)
        self.tokens, self.at, self.index = TOKEN.findall(SIZES.sub(" ", tex)), 0, None

    @property
    def next(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected):
        token = self.next
        if not token or (expected and token not in expected):
            raise EquationError(f"{token!r} where {expected or 'more'} was expected in {self.tokens}")
        self.at += 1
        return token

    def ends(self):
        if self.next:
            raise EquationError(f"{self.next!r} is left over of {self.tokens}")

    def expression(self):
        sign = -1 if self.next == "-" else 1
        if self.next in {"-", "+"}:
            self.take()
        total = sign * self.term()
        while self.next in {"+", "-"}:
            total = total + self.term() if self.take() == "+" else total - self.term()
        return total

    def term(self):
        product = self.factor()
        while self.next and self.next not in {"+", "-", ")", "}", "|", ",", *RELATIONS}:
            if self.next in {"/", "\\cdot"}:
                product = product / self.factor() if self.take() == "/" else product * self.factor()
            else:
                product *= self.factor()
        return product

    def factor(self):
        base = self.atom()
        if self.next != "^":
            return base
        self.take()
        return base ** (self.group() if self.next == "{" else self.atom())

    def group(self, opening="{", closing="}"):
        self.take(opening)
        inside = self.expression()
        self.take(closing)
        return inside

    def argument(self):
        return self.group() if self.next == "{" else self.atom()

    def atom(self):
        token = self.next
        if token == "(":
            return self.group("(", ")")
        if token == "|":
            return function("abs")(self.group("|", "|"))
        if token[:1].isdigit():
            return sympy.Rational(self.take())
        if token in CALLS:
            return self.call()
        own = {"\\frac": self.quotient, "\\sqrt": self.root, "\\overline": self.mean, "\\sum": self.sum}
        return own.get(token, self.name)()

    def quotient(self):
        self.take("\\frac")
        top = self.argument()
        return top / self.argument()

    def root(self):
        self.take("\\sqrt")
        return sympy.sqrt(self.argument())

    def mean(self):
        self.take("\\overline")
        return function("mean")(self.group())

    def call(self):
        name = self.take()
        self.take("(")
        arguments = [self.expression()]
        while self.next == ",":
            self.take()
            arguments.append(self.expression())
        self.take(")")
        if len(arguments) != CALLS[name]:
            raise EquationError(f"{name} of {len(arguments)} arguments")
        return function(name)(*arguments)

    def sum(self):
        r"""``\sum_{i=1}^{D} x_i``: over the row, of D elements."""
        for token in ("\\sum", "_", "{", "i", "=", "1", "}", "^", "{", "D", "}"):
            self.take(token)
        self.index = "i"
        inside = self.term()
        self.index = None
        return function("sum")(inside)

    def name(self):
        token = self.take()
        if token in ACCENTS:
            braced = self.next == "{"
            token += f" {self.letter(self.take('{') and self.take() if braced else self.take())}"
            if braced:
                self.take("}")
        else:
            self.letter(token)
        time = ""
        if self.next == "_":
            self.take()
            subscript = self.braced() if self.next == "{" else self.take()
            if subscript in TIMES:
                time = subscript
            elif subscript != self.index:
                if not re.fullmatch(r"\d|r", subscript):
                    raise EquationError(f"{token}_{subscript} is no name")
                token += f"_{subscript}"
        later = self.time()
        if time and later:
            raise EquationError(f"{token} at {time} and at {later}")
        return symbol(token, time or later)

    def letter(self, token):
        if token in GREEK or re.fullmatch("[A-Za-z]", token):
            return token
        raise EquationError(f"{token!r} is no letter, in {self.tokens}")

    def braced(self):
        self.take("{")
        inside = ""
        while self.next not in {"}", ""}:
            inside += self.take()
        self.take("}")
        return inside

    def time(self):
        """The ``(t+1)`` of ``^{(t+1)}``, if that is what comes next."""
        if self.tokens[self.at : self.at + 3] != ["^", "{", "("]:
            return ""
        self.take("^")
        time = self.braced()[1:-1]
        if time not in TIMES:
            raise EquationError(f"({time}) is no time")
        return time


def statements(tex):
    r"""The statements of a formula, ``\qquad``, a comma or a line between them: (sides, relations)."""
    tex = re.sub(r"\\q?quad(?![A-Za-z])", ",", tex)
    parser = Parser(tex.strip().rstrip(",."))
    while parser.next:
        sides, relations = [parser.expression()], []
        while parser.next in RELATIONS:
            relations.append(parser.take())
            if relations[-1] == "\\in":  # an interval, which ends the formula
                yield sides, relations
                return
            sides.append(parser.expression())
        yield sides, relations
        while parser.next == ",":
            parser.take()
    parser.ends()
