"""The Portuguese pages say what the English ones do: the same code, equations, pictures and figures.

Blocks of code are equal to the last byte, comments included, so test_docs.py runs those of the English
page and nobody runs them twice. Figures are compared paragraph by paragraph and cell by cell: in
Portuguese with a decimal comma and points between thousands, except in code and equations.
"""

import posixpath
import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from examples.claims import __main__ as command  # only where there is matplotlib
from examples.claims.portuguese import FIGURE, SWAPPED, TITLE, WORDS, of_each_name, translate
from jaxopt_slides.viz._words import WORDS as SHOWN

ROOT = Path(__file__).parents[1]
PAIRS = {"README.md": "README.pt-BR.md"} | {
    f"docs/{page}.md": f"docs/pt/{page}.md" for page in ("rules", "claims")
}
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(r"<!--.*?-->")
EQUATION = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
SPAN = re.compile(r"`[^`]*`")
TARGET = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\](\([^)\s]+\)|\[[^\]]+\])")
VERSION = re.compile(r"(?:Python |jax |jaxlib |Apache-)\d[\d.]*\d")
HEADING = re.compile(r"^#+ ", re.MULTILINE)


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def english_figures(text):
    """The figures of a text without code, equations and targets, as English writes them."""
    return FIGURE.findall(text)


def portuguese_figures(text):
    return [found.translate(SWAPPED) for found in FIGURE.findall(text)]


def targets(text, page, twin):
    """Where pictures and links lead, from the root; each page stands for its twin, and is left out."""
    home, found = {v: k for k, v in PAIRS.items()}, []
    for picture, where in TARGET.findall(text):
        inside = where[1:-1]
        if where[0] == "(" and "://" not in inside:
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(page), inside))
            inside = home.get(inside, inside)
        if inside not in (page, twin):
            found.append(picture + inside)
    return found


def parts(text):
    """Paragraphs, headings and lines of tables, each line as its cells."""
    for paragraph in re.split(r"\n{2,}", text):
        if paragraph.startswith("|"):
            yield from (re.split(r"(?<!\\)\|", line)[1:-1] for line in paragraph.splitlines())
        elif paragraph.strip():
            yield [paragraph]


def kind(part):
    """What a part is, by how its first line begins, and how many cells it has."""
    first = part[0].lstrip()
    start = re.match(r"#+ |>|!\[|\*\*|---|\$\$", first)
    return (start[0] if start else "", len(part))


def differences(english, portuguese, page):
    """Where the pages say something else, in words; nothing if they agree."""
    twin = PAIRS[page]
    found = []

    def compare(what, here, there):
        if here != there:
            found.append(f"{what}: {here} in English, {there} in Portuguese")

    for what, pattern in (("code", CODE), ("included code", INCLUDED)):
        compare(what, pattern.findall(english), pattern.findall(portuguese))
        english, portuguese = pattern.sub("", english), pattern.sub("", portuguese)
    compare("equations", EQUATION.findall(english), EQUATION.findall(portuguese))
    compare("headings", HEADING.findall(english), HEADING.findall(portuguese))
    compare("targets", targets(english, page, twin), targets(portuguese, twin, page))
    here, there = list(parts(english)), list(parts(portuguese))
    compare("parts", [kind(part) for part in here], [kind(part) for part in there])
    cells = zip(
        (cell for part in here for cell in part),
        (cell for part in there for cell in part),
        strict=False,
    )
    for ours, theirs in cells:
        compare("names", sorted(SPAN.findall(ours)), sorted(SPAN.findall(theirs)))
        compare("versions", VERSION.findall(ours), VERSION.findall(theirs))
        ours, theirs = bare(ours), bare(theirs)
        compare("figures", english_figures(ours), portuguese_figures(theirs))
    return found


def bare(cell):
    """A cell without what is the same in both languages."""
    for pattern in (EQUATION, SPAN, VERSION, re.compile(r"\]\([^)]*\)"), re.compile(r"\]\[[^\]]*\]")):
        cell = pattern.sub(" ", cell)
    return cell


@pytest.mark.parametrize("page", PAIRS)
def test_the_languages_agree(page):
    assert not differences(read(page), read(PAIRS[page]), page)


def test_the_readmes_and_no_other_pages_are_paired():
    assert {f"docs/pt/{p.name}" for p in (ROOT / "docs" / "pt").glob("*.md")} | {"README.pt-BR.md"} == {
        *PAIRS.values()
    }
    for page, twin in (("README.md", "README.pt-BR.md"), ("README.pt-BR.md", "README.md")):
        assert f"]({twin})" in "\n".join(read(page).splitlines()[:3])


def test_every_target_of_the_portuguese_pages_is_there():
    for page in PAIRS.values():
        for _, where in TARGET.findall(CODE.sub("", read(page))):
            generated = where.startswith("(../pictures/")  # by the site
            if where[0] == "(" and "://" not in where and not generated:
                assert (ROOT / page).parent.joinpath(where[1:-1]).exists(), (page, where)


# ---------------------------------------------------------------- what a mistake would do

MISTAKES = [
    ("README.md", "code", "learning_rate=0.01, mu=0.9)", "learning_rate=0.01, mu=0.8)"),
    ("README.md", "code", "  # 50 steps down", "  # 50 passos por"),
    ("README.md", "equations", r"\mu p - \alpha g,\quad u = p", r"\mu p + \alpha g,\quad u = p"),
    ("README.md", "equations", r"\epsilon = 10^{-6}", r"\epsilon = 10^{-7}"),
    ("README.md", "figures", "| 7,3307 |", "| 7,3308 |"),
    ("README.md", "figures", "| 7,3307 |", "| 7.3307 |"),
    ("README.md", "figures", "1.000 passos, cada", "1,000 passos, cada"),
    ("README.md", "figures", "em 440 passos", "em 44 passos"),
    ("README.md", "figures", "−12,5 vezes", "−12,6 vezes"),
    ("README.md", "versions", "Python 3.11", "Python 3.12"),
    ("README.md", "names", "`multi_steps(inner, every_k)`", "`multi_steps(inner, k)`"),
    ("README.md", "targets", "(examples/relay.png)", "(examples/text.png)"),
    ("README.md", "targets", "(docs/pt/claims.md)", "(docs/rows.md)"),
    ("README.md", "headings", "## Precisão", "### Precisão"),
    ("README.md", "parts", "| 0,9 | 0,9 | 0,99 | 0,9 |", "| 0,9 | 0,9 | 0,99 |"),
    ("README.md", "parts", "Rode os testes (18 minutos em dois núcleos):\n", ""),
    (
        "docs/rules.md",
        "equations",
        "- \\alpha g^{(t)}, \\qquad u^{(t)} = p",
        "- g^{(t)}, \\qquad u^{(t)} = p",
    ),
    ("docs/rules.md", "included code", "_rules/adam.py Adam.step", "_rules/adam.py Adam.start"),
    ("docs/rules.md", "code", "nesterov -0.570 0.095", "nesterov -0.570 0.096"),
    ("docs/rules.md", "targets", "[jaxopt_slides.adam]", "[jaxopt_slides.sgd]"),
    ("docs/rules.md", "targets", "](../pictures/adam.png)", "](pictures/adam.png)"),
    ("docs/rules.md", "figures", "dá 0/0 no", "dá 0/1 no"),
    ("docs/claims.md", "figures", "| 2,000 ± 0,000 |", "| 2,001 ± 0,000 |"),
    ("docs/claims.md", "figures", "0,0%", "0,1%"),
    ("docs/claims.md", "figures", "**Veredito.** Verdade: na", "**Veredito.** Verdade 1: na"),
    ("docs/claims.md", "names", "`cache += dx**2`", "`cache += dx**3`"),
    ("docs/claims.md", "targets", "](../claims/c07_rates.png)", "](../claims/c08_rotation.png)"),
    ("docs/claims.md", "headings", "## 4. ", ""),
]


@pytest.mark.parametrize(("page", "what", "right", "wrong"), MISTAKES)
def test_a_mistake_in_the_portuguese_is_found(page, what, right, wrong):
    portuguese = read(PAIRS[page])
    assert right in portuguese
    found = differences(read(page), portuguese.replace(right, wrong, 1), page)
    assert any(text.startswith(f"{what}: ") for text in found), found


@pytest.mark.parametrize("page", PAIRS)
def test_every_figure_and_equation_of_the_english_page_counts(page):
    """Any digit or equation that changes there alone, wherever it is, is found."""
    english, portuguese = read(page), read(PAIRS[page])
    places = [m.start() for m in re.finditer(r"\d|\\[a-z]{2,}|\$", english)]
    for place in places[:: max(1, len(places) // 60)]:
        changed = english[:place] + ("7" if english[place] != "7" else "8") + english[place + 1 :]
        assert differences(changed, portuguese, page), english[place - 20 : place + 20]


# ---------------------------------------------------------------- the claims' texts

CLAIMS = sorted(command.modules())


def texts(number):
    """What the English page has of a claim, as the translation is given it."""
    section = re.split(r"^## \d+\. ", read("docs/claims.md"), flags=re.MULTILINE)[number]
    title, *lines = section.splitlines()
    found = [title]
    for line in lines:
        for start in ("> Slides ", "> ", "**Verdict.** "):
            if line.startswith(start):
                found.append(line.removeprefix(start))
                break
        if line.startswith("| ") and not line.startswith("| |"):
            found += [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return found


@pytest.mark.parametrize("number", CLAIMS)
def test_the_page_is_the_translation_of_the_english_one(number):
    claim = command.load(number)
    section = re.split(r"^## \d+\. ", read("docs/pt/claims.md"), flags=re.MULTILINE)[number]
    every = texts(number)
    assert len(every) > 10
    for text in every:
        translated = re.escape(translate(text, claim.portuguese))
        here = re.compile(rf"(^|\| |> |\*\* |Slides ){translated}( \||$)", re.MULTILINE)
        assert here.search(section), text


@pytest.mark.parametrize("number", [0, *CLAIMS])
def test_texts_have_the_same_figures_in_both_languages(number):
    pairs = of_each_name(command.load(number).portuguese) if number else WORDS
    assert pairs
    for english, portuguese in pairs.items():
        assert english.count("#") == portuguese.count("#"), english
        assert not re.search(r"\d|@", english + portuguese), "a figure that cannot change"


def test_the_pages_begin_with_their_introductions():
    assert read("docs/pt/claims.md").startswith(TITLE)
    assert read("docs/claims.md").startswith(command.TITLE)


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("measured", "medido"),
        ("1,234.5 ± 0.25", "1.234,5 ± 0,25"),
        ("-1/2 (within 0.05)", "-1/2 (dentro de 0,05)"),
        ("α = 0.1: 2e-16", "α = 0,1: 2e-16"),
        ("`f(1.5, 2)`", "`f(1.5, 2)`"),
        ("nan (within inf)", "nan (dentro de inf)"),
    ],
)
def test_a_translation(text, translated):
    assert translate(text, {"#/# (within #)": "#/# (dentro de #)"}) == translated


def test_a_text_without_portuguese_is_refused():
    with pytest.raises(LookupError, match=r"no Portuguese for 'in # steps': add it"):
        translate("in 50 steps", {})


def test_pictures_use_the_pages_terms():
    pages = "".join(map(read, PAIRS.values())).lower()
    for key in ("learning rate", "steps", "loss", "saddle", "long narrow valley", "condition number"):
        assert SHOWN[key][1].lower() in pages, key
