"""What MkDocs calls: the reference's pages, links to files beside the pages, mathematics as MathML."""

import ast
import functools
import html
import posixpath
import re
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import links
import names

ABOUT = """
::: jaxopt_slides.{}
    options:
      show_root_heading: false
      show_root_toc_entry: false
      show_source: false
"""
ROOT = Path(__file__).parents[2]
CODE = re.compile(r"<!-- code: (\S+) (\S+) -->")
MATH = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_config(config: Any) -> Any:
    """Leaves out pages that are not there (yet)."""
    config.nav = _there(config.nav, Path(config.docs_dir))
    return config


def _there(nav: Any, docs: Path) -> Any:
    if isinstance(nav, list):
        return [kept for item in nav if (kept := _there(item, docs)) not in (None, [], {})]
    if isinstance(nav, dict):
        return {k: kept for k, v in nav.items() if (kept := _there(v, docs)) not in (None, [])}
    if nav == "api/":
        return ["api/index.md", *names.pages()]
    return nav if (docs / nav).exists() else None


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the reference and the pictures of the README's home page."""
    index = ["# Reference\n", "| | |\n|---|---|"]
    for uri, (title, of) in names.pages().items():
        links = ", ".join(f"[`{p.rpartition('.')[2]}`][{p}]" for p in of)
        index.append(f"| [{title}]({posixpath.basename(uri)}) | {links} |")
        about = "" if title[0].isupper() else ABOUT.format(title)
        blocks = "".join(f"\n::: {path}\n" for path in of)
        files.append(File.generated(config, uri, content=f"# {title}\n{about}{blocks}"))
    files.append(File.generated(config, "api/index.md", content="\n".join(index) + "\n"))
    for name, picture in pictures().items():
        files.append(File.generated(config, f"pictures/{name}.png", content=picture))
    return files


@functools.cache
def pictures() -> dict[str, bytes]:
    """SGD, and every other rule beside it, in one race down the long narrow valley."""
    from jaxopt_slides import landscapes, viz

    optimizers = viz.usual_optimizers(landscapes.valley)
    paths, found = viz.race(landscapes.valley, optimizers, steps=40), {}
    with tempfile.TemporaryDirectory() as folder:
        for name in optimizers:
            out = Path(folder, f"{name}.png")
            viz.contour_race(
                landscapes.valley, {n: paths[n] for n in dict.fromkeys(("sgd", name))}, out
            )
            found[name] = out.read_bytes()
    return found


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Puts the code in, and leads links to files outside the pages to the source."""
    folder = posixpath.dirname(page.file.src_uri)
    return links.outside(CODE.sub(_code, markdown), folder, config.extra["source"])


def _code(found: re.Match[str]) -> str:
    """The source of a function or of a class's method, as it is in the package."""
    text = (names.PACKAGE / found[1]).read_text(encoding="utf-8")
    body: Any = ast.parse(text)
    for name in found[2].split("."):
        body = next(n for n in body.body if getattr(n, "name", "") == name)
    lines = text.splitlines()
    if ast.get_docstring(body):
        lines[body.body[0].lineno - 1 : body.body[0].end_lineno] = []
        body.end_lineno -= body.body[0].end_lineno - body.body[0].lineno + 1
    lines = lines[body.lineno - 1 : body.end_lineno]
    return "```python\n" + textwrap.dedent("\n".join(lines)) + "\n```"


def on_page_content(content: str, **_: Any) -> str:
    """Mathematics as MathML, which browsers draw by themselves."""
    return MATH.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    tex = html.unescape(found[3]).strip()
    return convert(tex, display=display).replace(r"\_", "_")  # which the converter leaves in names
