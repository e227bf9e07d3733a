"""The public names, read from the source: ``from ... import a as a`` under a comment with the group."""

import functools
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "jaxopt_slides"
EXPORT = re.compile(r"import \(?\s*(\w+) as \1\b")
DEFINED = re.compile(r"^(?:def|class) ([A-Za-z]\w*)\b|^([a-z]\w*): Landscape = ", re.MULTILINE)
GROUPS = ("protocol", "rules", "parts", "wrappers", "schedules", "training")
FRAMEWORKS = ("slides", "torch", "keras", "tf1", "optax", "jax_example")


def exports(module: str) -> list[str]:
    """What a module makes public, with its full path."""
    folder = PACKAGE.joinpath(*module.split("."))
    source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = source.read_text(encoding="utf-8")
    found = EXPORT.findall(text) if folder.is_dir() else [a or b for a, b in DEFINED.findall(text)]
    return [f"jaxopt_slides.{module}.{name}" for name in found]


@functools.cache
def top() -> dict[str, list[str]]:
    """The names of ``jaxopt_slides`` itself by their group."""
    groups: dict[str, list[str]] = {}
    group = ""
    for line in (PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            group = line.removeprefix("# ")
        if group in GROUPS and (found := EXPORT.search(line)):
            groups.setdefault(group, []).append(f"jaxopt_slides.{found[1]}")
    return groups


@functools.cache
def pages() -> dict[str, tuple[str, list[str]]]:
    """Every page of the reference: its file, its title and what stands on it."""
    found = {f"api/{group}.md": (group.capitalize(), of) for group, of in top().items()}
    for name in FRAMEWORKS:
        module = f"presets.{name}"
        found[f"api/presets-{name}.md"] = (f"presets.{name}", exports(module))
    for name in ("rows", "sharding", "testing", "landscapes", "diagnostics", "viz"):
        found[f"api/{name}.md"] = (name, exports(name))
    return found


@functools.cache
def paths() -> dict[str, str]:
    """The full path of every public name, by the name as docstrings write it."""
    found: dict[str, str] = {}
    for _, of in reversed(pages().values()):
        for path in of:
            found[path.rpartition(".")[2]] = path
            found[path.removeprefix("jaxopt_slides.")] = path
    return found
