"""CONTRIBUTING's "Add a rule", followed to the letter in a copy of the tree."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests import cases, laws, test_equations

ROOT = pathlib.Path(__file__).parent.parent
PAGE = (
    (ROOT / "CONTRIBUTING.md")
    .read_text(encoding="utf-8")
    .partition("## Add a rule")[2]
    .partition("\n## ")[0]
)
AMSGRAD, EXPORT, LINE = (
    m[1] for m in re.finditer(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
FILES = {"amsgrad": AMSGRAD, "lion": (ROOT / "tests" / "lion.py").read_text(encoding="utf-8")}
WRONG = {  # in step, one at a time
    "the least of all": ("amsgrad", "jnp.maximum(s.largest, v)", "jnp.minimum(s.largest, v)"),
    "not the largest": ("amsgrad", "divide_by_root(m, largest,", "divide_by_root(m, v,"),
    "the old mean": ("amsgrad", "divide_by_root(m,", "divide_by_root(s.mean,"),
    "the other decay": ("amsgrad", "moving_average(self.b2,", "moving_average(self.b1,"),
    "uphill": ("lion", "u = -self", "u = self"),
    "without a sign": ("lion", "jnp.sign(", "("),
    "one decay for both": ("lion", "mean=moving_average(self.b2", "mean=moving_average(self.b1"),
}
every_file = pytest.mark.parametrize("name", FILES)
every_wrong = pytest.mark.parametrize("what", WRONG)


def broken(what):
    """The name of a rule and its file with a wrong step."""
    name, old, new = WRONG[what]
    assert FILES[name].count(old) == 1
    return name, FILES[name].replace(old, new)


# ---------------------------------------------------------------- in this process


def require_equations_and_oracle(name, source, monkeypatch):
    """Runs a rule's file and asks what a wrong step would not survive, without installing the rule."""
    names = {"__name__": f"jaxopt_slides._rules.{name}"}
    exec(compile(source, f"{name}.py", "exec"), names)
    case = cases.rule_case(name, names[name], learning_rate=0.01)
    laws.law_oracle_float64(case)
    laws.law_schedules_anywhere(case)
    monkeypatch.setitem(test_equations.EVERY, name, names[name])
    test_equations.code.cache_clear()
    test_equations.require_agreement(name, frozenset())


@every_file
def test_the_rule(name, monkeypatch):
    require_equations_and_oracle(name, FILES[name], monkeypatch)


@every_wrong
def test_a_wrong_step(what, monkeypatch):
    with pytest.raises(AssertionError):
        require_equations_and_oracle(*broken(what), monkeypatch)


# ---------------------------------------------------------------- in a copy of the tree: everything


def insert(path, before, line):
    """Puts a line before the only place where another begins."""
    text = path.read_text(encoding="utf-8")
    assert text.count(f"\n{before}") == 1
    path.write_text(text.replace(f"\n{before}", f"\n{line}{before}"), encoding="utf-8")


def add(tree, name, source):
    """The three touches, and nothing else."""
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.png", "*.gif")
    shutil.copytree(ROOT, tree, ignore=ignored, dirs_exist_ok=True)
    (tree / "jaxopt_slides" / "_rules" / f"{name}.py").write_text(source, encoding="utf-8")
    package = tree / "jaxopt_slides" / "__init__.py"
    insert(package, "from jaxopt_slides._rules.momentum", EXPORT.replace("amsgrad", name))
    line = LINE.replace("amsgrad", name)
    insert(tree / "tests" / "cases.py", '    Case("sgd", jos.sgd,', f"    {line}")


def ask(tree, *arguments):
    """Runs the tests of a tree in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", *arguments]
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout[-3000:]


FOR_EVERY_RULE = ("laws", "equations", "docs", "testing", "precision", "sharding")


@pytest.mark.slow
@every_file
def test_three_touches_and_every_law(name, tmp_path):
    add(tmp_path, name, FILES[name])
    files = [f"tests/test_{subject}.py" for subject in FOR_EVERY_RULE]
    status, said = ask(tmp_path, "-k", f"{name} or names or rules", *files)
    assert status == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) >= 45
    assert "failed" not in said


@pytest.mark.slow
@every_wrong
def test_the_laws_notice_a_wrong_step(what, tmp_path):
    name, source = broken(what)
    add(tmp_path, name, source)
    status, said = ask(tmp_path, "-k", f"oracle_float64-{name}", "tests/test_laws.py")
    assert (status, "1 failed" in said) == (1, True), said
    status, said = ask(tmp_path, "-k", f"does and {name}", "tests/test_equations.py")
    assert (status, "1 failed" in said) == (1, True), said
