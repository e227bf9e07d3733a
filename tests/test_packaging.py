"""What is shipped, what it needs, where it runs, and what CI does: the files say so, and they agree."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import jaxopt_slides as jos

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
FOLDERS = ("jaxopt_slides", "examples", "tests", "benchmarks")
SOURCES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))


def relative(path):
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- the import


def test_importing_warns_of_nothing():
    command = [sys.executable, "-W", "error", "-c", "import jaxopt_slides"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


# ---------------------------------------------------------------- what is shipped and needed


def test_the_wheel_is_the_package_and_the_sdist_is_the_repository():
    targets = PROJECT["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"] == {"packages": ["jaxopt_slides"]}
    here = {p.name for p in ROOT.iterdir()} - {"README.md", "LICENSE", "pyproject.toml", ".gitignore"}
    ignored = [*(ROOT / ".gitignore").read_text(encoding="utf-8").splitlines(), ".git", "PKG-INFO"]
    ignored = {line.strip("/") for line in ignored}
    kept = {n for n in here - ignored if not n.endswith(".egg-info") and not n.startswith(".coverage")}
    assert kept <= {*targets["sdist"]["only-include"]}


def test_the_runtime_needs_jax_and_chex_alone():
    names = [re.match(r"[\w-]+", d)[0] for d in PROJECT["project"]["dependencies"]]
    assert names == ["jax", "jaxlib", "chex"]


NEWEST = {  # extras whose lower bounds are not run, and why
    "relay": "three frameworks at once: .ci/full runs the example with the newest",
    "bench": "benchmarks are run with the newest",
    "dev": "the checkers are pinned where they are named",
    "browser": "selenium fetches what fits the browser",
    "docs": "pinned where they are named; the site is built with those",
}
EXTRAS = PROJECT["project"]["optional-dependencies"]
BOUNDED = PROJECT["project"]["dependencies"] + [
    d
    for extra, names in EXTRAS.items()
    if extra not in NEWEST
    for d in names
    if "jaxopt_slides" not in d
]


def test_the_lower_bounds_are_those_that_are_tested():
    lines = (ROOT / ".ci" / "lower-bounds.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if "==" in line)
    bounds = {d.split(">=")[0]: d.split(">=")[1] for d in BOUNDED}

    def padded(version):
        return (version + ".0.0").split(".")[:3]

    assert not bounds.keys() - tested.keys()
    for name, bound in bounds.items():
        assert padded(tested[name]) == padded(bound), name
    assert NEWEST.keys() <= EXTRAS.keys()


def test_the_readme_s_extras_exist():
    ours = re.findall(r'"\.\[([\w,]+)\]"', README)
    assert {"viz", "test", "examples"} <= {*ours}
    assert {name for names in ours for name in names.split(",")} <= EXTRAS.keys()
    jax_has = {*importlib.metadata.metadata("jax").get_all("Provides-Extra")}
    theirs = {*re.findall(r'"jax\[(\w+)\]"', README)}
    assert theirs == {"cuda13", "cuda12", "tpu"}
    assert theirs <= jax_has


def test_the_readme_says_what_this_is_not():
    assert "not\n[google/jaxopt](https://github.com/google/jaxopt)" in README


def test_the_install_section_is_short():
    section = README.partition("## Install\n")[2].partition("\n## ")[0]
    assert 5 < len(section.splitlines()) <= 14


# ---------------------------------------------------------------- Linux, macOS, Windows

METHODS = {"read_text", "write_text", "open"}


def without_encoding(source):
    """Calls that read or write text in whatever encoding the platform prefers."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or "encoding" in {k.arg for k in node.keywords}:
            continue
        if getattr(node.func, "attr", "") in METHODS:
            reads = getattr(node.func.value, "id", "") not in {"Image", "os"}  # Pillow's; bytes
        else:
            reads = getattr(node.func, "id", "") == "open"
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if reads and not any(isinstance(x, str) and re.fullmatch("[rwax+]*b[+]?", x) for x in texts):
            yield f"line {node.lineno}"


def test_the_search_for_encodings_finds_them():
    bad = "open('a'); p.read_text(); p.write_text(text); open(f, 'w')"
    good = "open(f, 'rb'); p.read_text(encoding='utf-8'); Image.open(f); os.open(f, 0); p.read_bytes()"
    assert len(list(without_encoding(bad))) == 4
    assert not list(without_encoding(good))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_text_is_utf_8_on_every_platform(path):
    assert not list(without_encoding(path.read_text(encoding="utf-8")))


POSIX_ONLY = re.compile(r"\bos\.fork\b|\bimport (fcntl|pwd|grp|resource|termios)\b|[\"']/tmp\b|SIGKILL")


def test_the_search_for_posix_finds_it():
    assert POSIX_ONLY.search("import resource")
    assert POSIX_ONLY.search("open('/tmp/x')")
    assert not POSIX_ONLY.search("import importlib.resources")


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_source_needs_posix(path):
    if path != pathlib.Path(__file__):
        assert not POSIX_ONLY.search(path.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- CI


def commands(job):
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def test_the_workflow_calls_the_same_scripts():
    assert WORKFLOW[True].keys() >= {"push", "pull_request"}  # YAML reads the key `on` as true
    assert commands("run") == [".ci/run"]
    assert commands("full") == [".ci/full"]
    assert all((ROOT / script).exists() for job in ("run", "full") for script in commands(job))


def test_the_workflow_goes_to_macos_and_windows():
    job = WORKFLOW["jobs"]["elsewhere"]
    assert job["strategy"]["matrix"]["os"] == ["macos-latest", "windows-latest"]
    install, imported, tests = commands("elsewhere")
    assert install == 'python -m pip install -e ".[test]"'
    assert imported == 'python -W error -c "import jaxopt_slides"'
    files = re.findall(r"tests/\w+\.py", tests)
    assert "tests/test_packaging.py" in files
    assert all((ROOT / file).exists() for file in files)


def test_the_pythons_of_ci_are_those_that_are_promised():
    promised = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if ":: 3." in c]
    full = next(s["with"]["python-version"] for s in WORKFLOW["jobs"]["full"]["steps"] if "with" in s)
    assert sorted(full.split()) == promised
    assert PROJECT["project"]["requires-python"] == f">={promised[0]}"


# ---------------------------------------------------------------- the citation


def test_the_citation_is_of_this_version():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == jos.__version__
    assert CITATION["license"] == PROJECT["project"]["license"]
    assert {"message", "title", "authors", "type"} <= CITATION.keys()


# Of the format's version 1.2.0, what is used here.
TYPES = {"slides", "article", "conference-paper", "generic"}
FIELDS = (
    "type title authors languages notes journal volume issue start end year doi collection-title "
    "identifiers"
)
PERSON = {"given-names", "family-names", "name-suffix", "affiliation"}


@pytest.mark.parametrize("reference", CITATION["references"], ids=lambda r: r["title"][:30])
def test_a_reference_of_the_citation(reference):
    assert {"type", "title", "authors"} <= reference.keys() <= {*FIELDS.split()}
    assert reference["type"] in TYPES
    assert isinstance(reference["title"], str)
    assert all({"family-names"} <= person.keys() <= PERSON for person in reference["authors"])
    assert isinstance(reference.get("year", 0), int)
    assert all(i.keys() == {"type", "value"} for i in reference.get("identifiers", []))


def test_the_citation_has_the_slides_and_the_papers_of_the_rules():
    cited = {(r["authors"][0]["family-names"], r.get("year")) for r in CITATION["references"]}
    titles = {r["title"] for r in CITATION["references"]}
    assert titles >= {"Atualização de Pesos: Momentum", "Atualização de Pesos: RMSProp / Adagrad"}
    assert cited == {
        ("Patrocínio", None),
        ("Polyak", 1964),
        ("Nesterov", 1983),
        ("Sutskever", 2013),
        ("Duchi", 2011),
        ("Hinton", 2012),
        ("Graves", 2013),
        ("Zeiler", 2012),
        ("Kingma", 2015),
    }
    notes = " ".join(r["notes"] for r in CITATION["references"])
    rules = ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adadelta", "adam"]
    assert all(re.search(rf"\b{rule}\b", notes) for rule in rules)
