"""The site's pages agree with its navigation, with each other, and with what the package exports.

The built site itself is checked by docs/hooks/check.py, which .ci/run calls; here are its own tests.
"""

import importlib
import pathlib
import re
import sys

import pytest

import jaxopt_slides as jos

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "hooks"))
import check  # noqa: E402
import links  # noqa: E402
import names  # noqa: E402

PAGES = [p for p in DOCS.rglob("*.md") if "hooks" not in p.parts]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"```.*?```", re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def text_of(path):
    """A page without its code."""
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """The anchors of a page's headings, as code hosts and MkDocs make them."""
    found = [re.sub(r"[`*$]", "", h) for h in HEADING.findall(text_of(path))]
    return {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in found}


def navigation():
    """The pages named in mkdocs.yml."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return set(re.findall(r"^ +- (?:\w+: )?(\S+\.md)$", text, re.MULTILINE))


def test_navigation_and_pages_agree():
    pages = {p.relative_to(DOCS).as_posix() for p in PAGES}
    assert pages == navigation()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda p: p.name
)
def test_no_link_of_a_page_is_dead(page):
    made = {"pictures", "api"}  # by docs/hooks/site.py
    for link in LINK.findall(text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in link or path.removeprefix("../").partition("/")[0] in made:
            continue
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_links_to_files_beside_the_pages_lead_to_the_source_or_are_text():
    text = "[a](../tests/test_docs.py#L3), [b](rows.md), [c](https://example.org/x), ![d](../README.md)"
    left = "[b](rows.md), [c](https://example.org/x), ![d](../README.md)"
    assert links.outside(text, "", "") == f"a, {left}"
    there = "https://example.org/main/"
    assert links.outside(text, "", there) == f"[a]({there}tests/test_docs.py#L3), {left}"


def test_links_into_the_reference_are_to_what_is_there():
    known = {path for _, of in names.pages().values() for path in of}
    for page in PAGES:
        named = re.findall(r"\]\[(jaxopt_slides\.[\w.]+)\]", text_of(page))
        assert {*named} <= known, page.name


def test_every_public_name_is_in_the_reference():
    hidden = {"annotations"}
    for module, paths in {
        "": [p for of in names.top().values() for p in of],
        **{
            m: names.exports(m)
            for m in ("rows", "sharding", "landscapes", "diagnostics", "viz", "testing")
        },
        **{f"presets.{m}": names.exports(f"presets.{m}") for m in names.FRAMEWORKS},
    }.items():
        found = importlib.import_module(f"jaxopt_slides.{module}".rstrip("."))
        public = {
            n
            for n, x in vars(found).items()
            if not n.startswith("_")
            and n not in hidden
            and getattr(x, "__module__", found.__name__).startswith("jaxopt_slides")
            and not isinstance(x, type(jos))
        }
        listed = {p.rpartition(".")[2] for p in paths}
        assert listed >= {n for n in public if _is_own(found, n)}, module
        assert all(hasattr(found, n) for n in listed), module


def _is_own(module, name):
    """Whether a module without an ``__init__`` defines a name, or a package exports it."""
    thing = getattr(module, name)
    if hasattr(module, "__path__"):
        return True
    return getattr(thing, "__module__", None) == module.__name__


GOOD = (
    '<html><body id="top"><a href="other/">x</a><a href="#top">y</a><img src="a.png">'
    "<p>five</p><math><mi>min</mi></math><code>\\frac</code></body></html>"
)
OTHER = '<html><body><h1 id="here">t</h1><a href="../index.html#top">back</a></body></html>'
BROKEN = [
    ('href="other/"', 'href="others/"', "no file for others/"),
    ('href="#top"', 'href="#up"', "no anchor for #up"),
    ('href="other/"', 'href="other/#there"', "no anchor for other/#there"),
    ('src="a.png"', 'src="b.png"', "no file for b.png"),
    ('src="a.png"', 'src="https://example.org/a.png"', "loads https://example.org/a.png"),
    ("<p>five</p>", "<p>\\frac{1}{2}</p>", "'\\\\frac' is left"),
    ("<mi>min</mi>", "<mi>min\\_x</mi>", "TeX in the formula min\\_x"),
    ("<p>five</p>", "<p>:math:`x`</p>", "':math:' is left"),
    ("<p>five</p>", "<math><mi>\\unheard</mi></math>", "TeX in the formula \\unheard"),
    ("<p>five</p>", "<p>$x + y$</p>", "'$x + y$' is left"),
]


def build(folder, index):
    (folder / "other").mkdir()
    (folder / "index.html").write_text(index, encoding="utf-8")
    (folder / "other" / "index.html").write_text(OTHER, encoding="utf-8")
    (folder / "a.png").write_bytes(b"")


def test_a_good_site_has_no_faults(tmp_path):
    build(tmp_path, GOOD)
    assert check.faults(tmp_path) == []


@pytest.mark.parametrize(("old", "new", "fault"), BROKEN, ids=range(len(BROKEN)))
def test_faults_of_a_site_are_found(old, new, fault, tmp_path):
    build(tmp_path, GOOD.replace(old, new))
    assert check.faults(tmp_path) == [f"index.html: {fault}"]
