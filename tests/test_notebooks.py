"""The notebooks are stored clean, open in Colab, and run from top to bottom."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]
REPOSITORY = "jaxopt-slides/jaxopt_slides"  # owner and name, wherever a link needs them
NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
PICTURES = {"race_the_rules": 6, "sweep_and_hypergradient": 2}


def cells(path, kind=None):
    read = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [c for c in read if kind in (None, c["cell_type"])]


def source(cell):
    return "".join(cell["source"])


# ---------------------------------------------------------------- how they are stored


def test_there_are_two():
    assert [p.stem for p in NOTEBOOKS] == sorted(PICTURES)


@every_notebook
def test_nothing_that_a_run_leaves_is_stored(path):
    """Clear all outputs before you save; `metadata` of a cell is what an editor left there."""
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert all(cell["metadata"] == {} for cell in cells(path))
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    assert stored["metadata"]["language_info"] == {"name": "python"}  # not which Python it was
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)


@every_notebook
def test_a_cell_has_a_name_and_keeps_it(path):
    """An id is words, not the random digits of a cell made anew: so that a change is a small diff."""
    ids = [cell["id"] for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    assert ids[:3] == ["title", "install", "imports"]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", i) and len(i) <= 64 for i in ids)
    # A text stands before the code that it explains.
    assert all(
        ids.index(i) + 1 == ids.index(i.removesuffix("-text")) for i in ids if i.endswith("-text")
    )


@every_notebook
def test_the_file_is_as_json_writes_it(path):
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- links


@every_notebook
def test_the_badge_opens_this_notebook(path):
    where = f"github/{REPOSITORY}/blob/main/{path.relative_to(ROOT).as_posix()}"
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    link = f"[![Open in Colab]({badge})](https://colab.research.google.com/{where})"
    first = cells(path)[0]
    assert first["cell_type"] == "markdown"
    assert source(first).splitlines()[2] == link


@every_notebook
def test_every_link_names_one_repository(path):
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"github(?:\.com)?/([\w-]+/[\w-]+)", text)) == {REPOSITORY}


def test_the_package_names_the_same_repository():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get(
        "urls", {}
    )
    found = {m for url in urls.values() for m in re.findall(r"github\.com/([\w-]+/[\w-]+)", url)}
    assert found <= {REPOSITORY}


@every_notebook
@pytest.mark.parametrize("missing", [False, True])
def test_the_first_code_installs_what_is_missing_and_only_that(path, missing, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append((command, check)))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if missing else find(name))
    exec(source(cells(path, "code")[0]), {})
    package = f"jaxopt_slides[viz] @ git+https://github.com/{REPOSITORY}"
    command = [sys.executable, "-m", "pip", "install", "-q", package]
    assert commands == ([(command, True)] if missing else [])


# ---------------------------------------------------------------- from top to bottom


class Shown:
    """Stands in for IPython's Image and for plt.show: what would appear under a cell."""

    def __init__(self):
        self.files = []

    def image(self, filename):
        self.files.append(filename)

    def figures(self):
        import matplotlib.pyplot as plt

        for number in plt.get_fignums():
            figure = plt.figure(number)
            assert all(axes.get_xlabel() or axes.get_ylabel() for axes in figure.axes)
            self.files.append(f"figure-{len(self.files)}.png")
            figure.savefig(self.files[-1])
        plt.close("all")


@pytest.fixture
def shown(monkeypatch, tmp_path):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    found = Shown()
    display = types.ModuleType("IPython.display")
    monkeypatch.setattr(display, "Image", found.image, raising=False)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(plt, "show", found.figures)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as a reader has it
        yield found


@every_notebook
def test_the_cells_run_in_their_order(path, shown):
    names = {"__name__": "__main__"}
    for cell in cells(path, "code"):
        exec(compile(source(cell), f"{path.name}, cell {cell['id']}", "exec"), names)
    assert len(shown.files) == PICTURES[path.stem]
    for file in map(Path, shown.files):
        assert file.read_bytes().startswith((b"\x89PNG", b"GIF89a"))
        assert file.stat().st_size > 10_000, file


@pytest.mark.slow
@every_notebook
def test_in_a_kernel_every_picture_appears(path, tmp_path):
    """What Jupyter does; needs the extra `notebooks`."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    pictures = [o for o in outputs if {"image/png", "image/gif"} & set(o.get("data", {}))]
    assert len(pictures) == PICTURES[path.stem]
    assert not [o for o in outputs if o.get("name") == "stderr"]
