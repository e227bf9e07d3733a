"""Docstrings for the site: their reStructuredText roles, mathematics and doctests as Markdown."""

import re
import sys
import textwrap
from pathlib import Path

import griffe

sys.path.insert(0, str(Path(__file__).parent))
import names

BLOCK = re.compile(r"^( *)\.\. math::(?: (.+)\n|\n((?:\1 {4}.*\n?|[ ]*\n(?=\1 {4}))+))", re.MULTILINE)
MATH = re.compile(r":math:`([^`]*)`")
ROLE = re.compile(r":(?:func|class|mod|data):`([^`]*)`")
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)


class Readable(griffe.Extension):
    """Rewrites every docstring as it is read."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called once for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring with ``$...$``, fenced examples and links in place of roles."""
    text = BLOCK.sub(_displayed, text + "\n")
    text = MATH.sub(lambda m: f"${' '.join(m[1].split())}$", text)
    text = ROLE.sub(_linked, text)
    return EXAMPLE.sub("Examples:", text).rstrip()


def _displayed(found: re.Match[str]) -> str:
    lines = found[2] or textwrap.dedent(found[3]).strip()
    return textwrap.indent(f"\n$$\n{lines}\n$$\n", found[1])


def _linked(found: re.Match[str]) -> str:
    name = found[1].strip("~!")
    path = names.paths().get(name)
    return f"[`{name}`][{path}]" if path else f"`{name}`"
