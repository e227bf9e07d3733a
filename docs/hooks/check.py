"""Checks a built site: no dead link or anchor, nothing from elsewhere, no mathematics left as TeX.

python docs/hooks/check.py FOLDER
"""

import html.parser
import posixpath
import re
import sys
import urllib.parse
from pathlib import Path

LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "use": "href",
}
TEX = re.compile(
    r"\\[a-zA-Z]+|\\[\[\]()]|\$[^$\n]+\$|arithmatex|:(?:math|func|class|mod|data):|\.\. math::"
)


class Page(html.parser.HTMLParser):
    """What a page links to, what it loads, its anchors and its text outside code."""

    def __init__(self, text: str):
        """Reads the page."""
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.text: list[str] = []
        self.inside: list[str] = []
        self.formulas: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes links, what is loaded, anchors, and where code begins."""
        found = {k: v for k, v in attrs if v is not None}
        self.anchors |= {found[k] for k in ("id", "name") if k in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in LOADED and LOADED[tag] in found and found.get("rel") != "canonical":
            self.loaded.append(found[LOADED[tag]])
        if tag == "math":
            self.formulas.append("")
        if tag in ("code", "script", "style", "annotation", "math"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Notes where code ends."""
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        """Keeps text outside code."""
        if not self.inside:
            self.text.append(data)
        elif self.inside[-1] == "math":
            self.formulas[-1] += data


def is_elsewhere(link: str) -> bool:
    """Whether a link leaves the site."""
    return bool(urllib.parse.urlsplit(link).scheme) or link.startswith("//")


def faults(folder: Path) -> list[str]:
    """What is wrong with a built site, one line each."""
    pages = {
        p.relative_to(folder).as_posix(): Page(p.read_text("utf-8")) for p in folder.rglob("*.html")
    }
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    found = []
    for name, page in pages.items():
        found += [f"{name}: loads {x}" for x in page.loaded if is_elsewhere(x) and "data:" not in x[:5]]
        found += [f"{name}: {x!r} is left" for x in TEX.findall("\n".join(page.text))]
        found += [f"{name}: TeX in the formula {x}" for x in page.formulas if "\\" in x]
        for link in page.links + page.loaded if name != "404.html" else []:
            if not is_elsewhere(link) and (missing := _missing(name, link, pages, files)):
                found.append(f"{name}: {missing}")
    return found


def _missing(name: str, link: str, pages: dict[str, Page], files: set[str]) -> str:
    """Why a link inside the site leads nowhere; empty if it leads somewhere."""
    path, _, anchor = link.partition("#")
    target = (
        posixpath.normpath(posixpath.join(posixpath.dirname(name), path.partition("?")[0]))
        if path
        else name
    )
    target = urllib.parse.unquote(target)
    if target in (".", "") or f"{target}/index.html".removeprefix("./") in files:
        target = posixpath.normpath(posixpath.join(target, "index.html"))
    if target not in files:
        return f"no file for {link}"
    known = pages[target].anchors if target in pages else {anchor}
    return "" if not anchor or urllib.parse.unquote(anchor) in known else f"no anchor for {link}"


def main() -> None:
    """Prints the faults, and fails if there are any."""
    found = faults(Path(sys.argv[1]))
    print(
        "\n".join(found)
        or "the site has no dead link, loads nothing from elsewhere, and no TeX is left"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
