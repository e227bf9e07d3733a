"""The documentation runs, the public API is what the design says, and imports point one way."""

import ast
import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re
import subprocess
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "jaxopt_slides"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = ["jaxopt_slides"] + [
    m.name for m in pkgutil.walk_packages(jos.__path__, "jaxopt_slides.") if not m.ispkg
]
PUBLIC = {
    "protocol": "GradientTransformation apply_updates chain named_chain identity set_to_zero "
    "hyperparams with_hyperparams",
    "rules": "sgd momentum nesterov rmsprop adagrad rowwise_adagrad adadelta adam",  # the first
    "parts": "scale scale_by_learning_rate scale_by_schedule trace scale_by_rms scale_by_stddev "
    "scale_by_rss ema add_decayed_weights clip clip_by_global_norm zero_nans project",
    "wrappers": "masked partition freeze apply_if_finite multi_steps average_params reduce_on_plateau "
    "checked mixed_precision accumulator_dtype as_static as_arrays",
    "schedules": "constant_schedule linear_schedule polynomial_schedule exponential_decay "
    "piecewise_constant_schedule cosine_decay_schedule warmup_cosine_decay_schedule join_schedules "
    "sutskever_schedule",
    "training": "make_step fit sample_batches sweep",
}
# A rule is what stands in a file of _rules: a new one needs no entry here.
RULES = sorted(p.stem for p in (PACKAGE / "_rules").glob("[!_]*.py"))
NAMES = sorted({*RULES, *(name for group in PUBLIC.values() for name in group.split())})
FLAGS = doctest.NORMALIZE_WHITESPACE  # and no ELLIPSIS: an example shows all that it prints


def names_for_examples():
    public = {n: getattr(jos, n) for n in dir(jos) if not n.startswith("_")}
    return public | {"jos": jos, "jax": jax, "jnp": jnp, "np": np}


def run_examples(example):
    failures = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=failures.append)
    assert not failures, "".join(failures)


# ---------------------------------------------------------------- examples


def examples_of(name):
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(importlib.import_module(name), name, extraglobs=names_for_examples())
    return [e for e in found if e.examples]


EXAMPLES = [example for name in MODULES for example in examples_of(name)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name.removeprefix("jaxopt_slides."))
def test_docstring_examples(example):
    run_examples(example)


def python_blocks(path):
    """The Python blocks of a page, each kept at its own line; none where there is no page yet."""
    if not path.exists():
        return ""
    kept, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        opens = line.strip() in ("```python", "```pycon", "```py")
        inside = (inside or opens) and line.strip() != "```"
        kept.append(line if inside and not opens else "")
    return "\n".join(kept)


PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(p.relative_to(ROOT).as_posix() for p in sorted(ROOT.glob("docs/**/*.md"))),
]


@pytest.fixture
def _bare_errors():
    """Errors without jax's note on the frames that it hid, which no page shows."""
    before = jax.config.jax_traceback_filtering
    jax.config.update("jax_traceback_filtering", "off")
    yield
    jax.config.update("jax_traceback_filtering", before)


@pytest.mark.usefixtures("_bare_errors")
@pytest.mark.parametrize("page", PAGES)
def test_the_page_s_python_blocks(page, tmp_path, monkeypatch):
    """Blocks with prompts are doctests, the others are executed; a page's blocks share their names."""
    source = python_blocks(ROOT / page)
    monkeypatch.chdir(tmp_path)  # a block may save a file
    names = {"__name__": page}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as a reader has it
        if re.search("^>>>", source, re.MULTILINE):
            run_examples(doctest.DocTestParser().get_doctest(source, names, page, page, 0))
        elif source.strip():
            exec(compile(source, page, "exec"), names)


def test_the_readme_has_an_example_once_there_is_a_readme():
    assert not (ROOT / "README.md").exists() or "jaxopt_slides" in python_blocks(ROOT / "README.md")


# ---------------------------------------------------------------- the public API


def public_names(module):
    return sorted(
        n
        for n, v in vars(module).items()
        if not n.startswith("_") and not isinstance(v, types.ModuleType)
    )


def test_the_public_names():
    assert public_names(jos) == NAMES


def test_every_file_of_rules_is_one_rule_of_its_name():
    assert {*PUBLIC["rules"].split()} <= {*RULES}
    for name in RULES:
        assert getattr(jos, name).__module__ == f"jaxopt_slides._rules.{name}"


FRAMEWORKS = ("slides", "torch", "keras", "tf1", "optax", "jax_example")
PRESETS = {
    f"{framework}.{name}": getattr(getattr(jos.presets, framework), name)
    for framework in FRAMEWORKS
    for name in public_names(getattr(jos.presets, framework))
}


def test_the_presets_names():
    assert sorted(n for n in dir(jos.presets) if not n.startswith("_")) == sorted(FRAMEWORKS)
    every = {"sgd", "rmsprop", "adagrad"}
    for framework in FRAMEWORKS:
        names = {n.partition(".")[2] for n in PRESETS if n.startswith(f"{framework}.")}
        assert every <= names
        if framework not in ("slides", "jax_example"):  # these have no Adadelta
            assert {"adadelta", "adam"} <= names
        assert ("load_state" in names) == ("to_state_dict" in names)
        assert ("load_state" in names) == (framework in ("torch", "keras", "optax"))


MODULE_NAMES = {  # public modules, whose names stay in them
    f"{module.__name__.partition('.')[2]}.{name}": getattr(module, name)
    for module in (jos.landscapes, jos.diagnostics)
    for name in public_names(module)
    if (hasattr(module, "__path__") or getattr(vars(module)[name], "__module__", "") == module.__name__)
    and (inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name)))
}


def test_the_public_modules_names():
    assert sorted(MODULE_NAMES) == [
        "diagnostics.OnePass",
        "diagnostics.adagrad_bound",
        "diagnostics.effective_learning_rate",
        "diagnostics.one_pass",
        "diagnostics.overshoot",
        "diagnostics.progress",
        "diagnostics.regret",
        "diagnostics.sign_flips",
        "diagnostics.spread",
        "landscapes.Landscape",
        "landscapes.quadratic",
    ]


ROWS = {f"rows.{name}": getattr(jos.rows, name) for name in public_names(jos.rows)}


def test_the_names_of_rows():
    names = ["Table", "View", "current", "flush", "lazy", "read", "table", "value_and_grad"]
    assert list(ROWS) == [f"rows.{name}" for name in names]


SHARDING = {f"sharding.{name}": getattr(jos.sharding, name) for name in public_names(jos.sharding)}


def test_the_names_of_sharding():
    names = ["assert_bytes_per_device", "bytes_per_device", "report", "state_shardings", "zero1"]
    assert list(SHARDING) == [f"sharding.{name}" for name in names]


DOCUMENTED = {name: getattr(jos, name) for name in NAMES} | PRESETS | MODULE_NAMES | ROWS | SHARDING
SHARED = inspect.signature(jos.presets.keras.adadelta).parameters.keys() - {
    "learning_rate",
    "rho",
    "epsilon",
}


SECTIONS = ["Args:", "Attributes:", "Returns:", "Raises:", "Example:", "Note:", "References:"]
ENTRY = re.compile(r"^  (\*{0,2}\w+): \S", re.MULTILINE)


def sections(text):
    """The sections of a docstring by their headings, what stands before them under an empty one."""
    parts = re.split(rf"^({'|'.join(SECTIONS)})$\n", text, flags=re.MULTILINE)
    assert len({*parts[1::2]}) == len(parts[1::2]), "a section stands there twice"
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def stars(argument):
    return {argument.VAR_POSITIONAL: "*", argument.VAR_KEYWORD: "**"}.get(argument.kind, "")


def require_house_form(what, elsewhere=()):
    """The docstring has the form of the house; ``elsewhere`` are arguments documented by the module."""
    text = inspect.getdoc(what) or ""
    assert text[:1].isupper()
    assert text.splitlines()[0].endswith("."), "the first line is one sentence"
    found = sections(text)
    assert [*found][1:] == [s for s in SECTIONS if s in found], "sections in the order of the house"
    assert all(part.strip() for part in found.values())
    assert ">>>" in found["Example:"]
    stray = re.findall(r"^\w+:$", text, re.MULTILINE)
    assert {*stray} <= {*SECTIONS}, stray
    if inspect.isclass(what):
        return
    arguments = [a for a in inspect.signature(what).parameters.values() if a.name not in elsewhere]
    names = [f"{stars(a)}{a.name}" for a in arguments]
    assert ENTRY.findall(found.get("Args:", "")) == names, "every argument, in the order of the call"
    assert ("Returns:" in found) or not names


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_name_is_documented(name):
    what, elsewhere = DOCUMENTED[name], ()
    if name.startswith("keras.") and "Args shared by the module's rules follow" in what.__doc__:
        elsewhere = SHARED
        assert all(f"``{n}``" in jos.presets.keras.__doc__ for n in SHARED)
    require_house_form(what, elsewhere)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_s_docstring_has_every_section_and_an_equation(name):
    text = inspect.getdoc(getattr(jos, name))
    assert [*sections(text)] == ["", *(s for s in SECTIONS if s != "Attributes:")]
    assert ".. math::" in sections(text)[""]  # test_equations.py compares it with the code


def taught(form=None):
    """A function whose docstring has the form of the house, or another one."""

    def teach(rate, *, eps=0.1):
        """Does it."""

    teach.__doc__ = GOOD if form is None else form
    return teach


GOOD = """Does it.

    Args:
      rate: how fast,
        at least 0.
      eps: how carefully.

    Returns:
      What it did.

    Raises:
      ValueError: sometimes.

    Example:
      >>> None
    """
ARGS, RETURNS, RAISES, EXAMPLE = (p for p in GOOD.split("\n\n") if ":" in p)
FORMS = {
    "nothing": (GOOD, ""),
    "no sentence": ("Does it.", "Does it"),
    "a small letter": ("Does", "does"),
    "an argument is missing": ("      eps: how carefully.\n", ""),
    "an argument too many": ("eps: how", "zeta: why.\n      eps: how"),
    "another order": (
        "rate: how fast,\n        at least 0.\n      eps: how",
        "eps: how.\n      rate: how",
    ),
    "an argument without a word": ("eps: how carefully.", "eps:"),
    "no arguments": (f"{ARGS}\n\n", ""),
    "no result": (f"{RETURNS}\n\n", ""),
    "sections in another order": (f"{RETURNS}\n\n{RAISES}", f"{RAISES}\n\n{RETURNS}"),
    "a section twice": (RAISES, f"{RAISES}\n\n{RAISES}"),
    "a section of no house": ("Raises:", "Throws:"),
    "an empty section": ("      ValueError: sometimes.\n", ""),
    "no example": (EXAMPLE, ""),
    "an example without a prompt": (">>> None", "None"),
}


def test_the_form_of_the_house_itself():
    require_house_form(taught())


@pytest.mark.parametrize("what", FORMS)
def test_another_form_is_noticed(what):
    old, new = FORMS[what]
    assert old in GOOD
    with pytest.raises((AssertionError, KeyError)):
        require_house_form(taught(GOOD.replace(old, new)))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_name_is_annotated(name):
    what = DOCUMENTED[name]
    if not inspect.isclass(what):
        signature = inspect.signature(what)
        assert signature.return_annotation is not signature.empty
        for argument in signature.parameters.values():
            assert argument.annotation is not argument.empty, argument


SIGNATURES = {
    "sgd": "learning_rate, momentum=None, *, nesterov=False",
    "momentum": "learning_rate, mu=0.9",
    "nesterov": "learning_rate, mu=0.9, *, true_lookahead=False",
    "rmsprop": "learning_rate, decay=0.9, *, eps=1e-07, centered=False, momentum=None, nesterov=False, "
    "bias_correction=False, eps_root=0.0, initial_accumulator_value=0.0",
    "adagrad": "learning_rate, *, eps=1e-07, eps_root=0.0, initial_accumulator_value=0.0",
    "rowwise_adagrad": "learning_rate, *, eps=1e-07, eps_root=0.0, initial_accumulator_value=0.0",
    "adadelta": "learning_rate=1.0, *, rho=0.9, eps=1e-06",
    "adam": "learning_rate, *, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, nesterov=False, "
    "eps_hat=False",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_and_defaults_follow_the_design(name):
    signature = inspect.signature(getattr(jos, name))
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == f"({SIGNATURES[name]})"


@pytest.mark.parametrize("name", NAMES)
def test_only_main_coefficients_are_positional(name):
    if name in {*RULES, *PUBLIC["parts"].split()}:
        for p in inspect.signature(getattr(jos, name)).parameters.values():
            main = p.name in {"learning_rate", "mu", "decay", "momentum", "step_size", "step_size_fn"}
            main = main or p.name in {"weight_decay", "max_delta", "max_norm"}
            assert main or p.kind is p.KEYWORD_ONLY, p


# ---------------------------------------------------------------- the house


def test_importing_loads_no_optional_library():
    code = "import sys, jaxopt_slides; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    roots = {name.split(".")[0] for name in loaded}
    assert "jaxopt_slides" in roots
    assert not roots & {"matplotlib", "optax", "flax", "equinox", "optimistix", "tqdm", "hypothesis"}


def test_importing_neither_starts_a_backend_nor_compiles():
    code = (
        "import jaxopt_slides as jos; from jax._src import xla_bridge; jos.rmsprop(0.1); "
        "print(xla_bridge.backends_are_initialized())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "False"


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()


def relative(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_are_short_and_documented(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text))


def imported(path):
    """The dotted names that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module


ALLOWED = {  # what each part of the package may import from the package
    "_core": {"_core"},
    "_rules": {"_core", "_rules"},
    "_parts": {"_core", "_rules", "_parts"},
    "schedules": {"_core", "schedules"},
    "rows": {"_core", "_parts", "rows"},
    "training": {"_core", "_parts", "rows", "training"},
    "presets": {"_core", "_rules", "_parts", "schedules", "presets"},
    "sharding": {"_core", "_parts", "sharding"},
    "landscapes": {"_core"},
    "diagnostics": {"_core", "diagnostics"},
    "viz": {"_core", "_rules", "training", "landscapes", "diagnostics", "viz"},
    "cli": {"landscapes", "viz", "cli"},
    "__main__": {"cli"},
    "testing": {"testing"},  # black boxes: nothing of the package is known here
}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_one_way(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    ours = {m.split(".")[1] for m in imported(path) if m.startswith("jaxopt_slides.")}
    assert ours <= ALLOWED[part]
    assert "jaxopt_slides" not in set(imported(path)), "the package's own front door"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_viz_imports_matplotlib(path):
    used = {m.split(".")[0] for m in imported(path)} & {"matplotlib", "mpl_toolkits", "PIL"}
    assert not used or path.parent.name == "viz"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_rules_do_not_import_each_other(path):
    if path.parent.name == "_rules" and path.stem != "__init__":
        assert not any(m.startswith("jaxopt_slides._rules") for m in imported(path))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_runtime_dependencies_are_jax_and_chex(path):
    allowed = {"jaxopt_slides", "jax", "jaxlib", "chex", "numpy", *sys.stdlib_module_names}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    modules = [a.name for n in top if isinstance(n, ast.Import) for a in n.names]
    modules += [n.module for n in top if isinstance(n, ast.ImportFrom)]
    assert {m.split(".")[0] for m in modules} <= allowed
