"""What helps who reads a repr, hovers over a name, or misspells one."""

import doctest
import importlib
import inspect
import pathlib
import pickle
import re
import subprocess
import sys
import traceback

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides._core import spelling
from tests import cases, subjects, test_docs

ROOT = pathlib.Path(__file__).parent.parent
FUNCTIONS = {n: f for n, f in test_docs.DOCUMENTED.items() if inspect.isfunction(f)} | {
    f"viz.{n}": f for n, f in vars(jos.viz).items() if not n.startswith("_") and inspect.isfunction(f)
}


def said_by(call, error=TypeError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- a repr is the call that makes it

NAMES = {n: getattr(jos, n) for n in test_docs.NAMES} | {"rows": jos.rows}
NAMES |= {"Partial": jax.tree_util.Partial, "Array": jnp.array, "float32": jnp.float32}
NAMES |= {  # the callables that the cases' optimizers were given
    f.__name__: f for f in (cases.line, cases.in_head, cases.part_of, subjects.by_rank)
}
OPTIMIZERS = {c.name: c.tx for c in cases.CASES} | {f"law-{s.name}": s.tx for s in subjects.SUBJECTS}
OPTIMIZERS["checked"] = lambda: jos.checked(jos.rmsprop(0.1))
UNWRITTEN = {  # what a repr shows that no public call makes, and why
    "poison": "a transformation of the tests, of which only its name is known",
    "halved": "the same",
    "read": "the same",
    "in_rows": "the same",
    "decoupled": "weight decay beside a rule: only presets make it",
    "damped_but_first": "a schedule of the presets: PyTorch's dampening spares the first gradient",
    "inverse_time": "a schedule of the presets: lr_decay of torch.adagrad",
}


def same(a, b):
    leaves = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    assert all(type(x) is type(y) for x, y in leaves)
    rounding = 1e-6 if any(isinstance(x, jax.Array) for x, _ in leaves) else 0  # of 8 digits
    assert all(np.allclose(x, y, rounding, 0) for x, y in leaves)
    assert jax.tree.structure(a) == jax.tree.structure(b)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_repr_makes_an_equal_optimizer(name):
    tx = OPTIMIZERS[name]()
    text = repr(tx)
    assert "0x" not in text
    assert "<" not in text
    unwritten = UNWRITTEN.keys() & {*re.findall(r"(\w+)\(", text)}
    if unwritten:
        with pytest.raises(NameError):
            eval(text, dict(NAMES))
    else:
        same(eval(text, dict(NAMES)), tx)


def test_every_exception_is_needed():
    texts = " ".join(repr(make()) for make in OPTIMIZERS.values())
    assert UNWRITTEN.keys() <= {*re.findall(r"(\w+)\(", texts)}


def test_every_public_constructor_is_in_some_repr():
    groups = ("rules", "parts", "wrappers")
    made = {n for group in groups for n in test_docs.PUBLIC[group].split()} | {"chain", "rows.lazy"}
    texts = " ".join(repr(make()) for make in OPTIMIZERS.values())
    shown = {*re.findall(r"([\w.]+)\(", texts)}
    assert made - shown == {"as_arrays"}  # whose repr is that of the arrays


REPRS = [
    (
        lambda: jos.momentum(0.01, jos.linear_schedule(0.5, 0.99, 1000)),
        "momentum(learning_rate=0.01, mu=linear_schedule(init_value=0.5, end_value=0.99, "
        "transition_steps=1000.0))",
    ),
    (lambda: jos.sgd(0.1, 0.9, nesterov=True), "sgd(learning_rate=0.1, momentum=0.9, nesterov=True)"),
    (
        lambda: jos.accumulator_dtype(jos.chain(jos.trace(0.9), jos.scale(-0.1)), jnp.bfloat16),
        "chain(accumulator_dtype(trace(decay=0.9), 'bfloat16'), "
        "accumulator_dtype(scale(step_size=-0.1), 'bfloat16'))",
    ),
    (lambda: jos.rows.lazy(jos.sgd(0.1), horizon=4), "rows.lazy(sgd(learning_rate=0.1), horizon=4)"),
    (
        lambda: jos.partition({"a": jos.sgd(0.1), "b": jos.set_to_zero()}, {"w": "a", "c": "b"}),
        "partition({'a': sgd(learning_rate=0.1), 'b': set_to_zero()}, {'c': 'b', 'w': 'a'})",
    ),
    (
        lambda: jos.named_chain(("clip", jos.clip(1.0)), ("rule", jos.sgd(0.1))),
        "named_chain(('clip', clip(max_delta=1.0)), ('rule', sgd(learning_rate=0.1)))",
    ),
    (
        lambda: jos.multi_steps(jos.freeze(jnp.isscalar), every_k=2),
        "multi_steps(freeze(isscalar), every_k=2)",
    ),
    (lambda: jos.sgd(lambda count: 0.1), "sgd(learning_rate=<lambda>)"),
    (
        lambda: jos.presets.keras.sgd(0.1, weight_decay=0.01),
        "decoupled(sgd(learning_rate=0.1), weight_decay=0.01)",
    ),
    (
        lambda: jos.sgd(jax.tree_util.Partial(cases.line, 0.1, end_value=0.2, transition_steps=3)),
        "sgd(learning_rate=Partial(line, 0.1, end_value=0.2, transition_steps=3))",
    ),
]


@pytest.mark.parametrize(("make", "text"), REPRS, ids=[text[:40] for _, text in REPRS])
def test_a_repr(make, text):
    assert repr(make()) == text


@pytest.mark.parametrize("subject", subjects.SUBJECTS, ids=lambda s: s.name)
def test_a_state_is_readable(subject):
    state = subject.tx().init({"w": jnp.ones(2)})
    text = repr(state)
    assert "0x" not in text
    assert text.startswith(("(", "{")) or re.match(r"\w+State\(\w+=", text)


# ---------------------------------------------------------------- hovering


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_is_a_plain_function(name):
    function = FUNCTIONS[name]
    own = getattr(function, "__wrapped__", None)
    assert own, f"decorate {name} with @public, of jaxopt_slides/_core/spelling.py"
    assert function.__code__ is spelling.public(own).__code__, "@public is the outermost decorator"
    assert inspect.signature(function) == inspect.signature(own)
    assert (function.__doc__, function.__name__) == (own.__doc__, own.__name__)
    module = importlib.import_module(function.__module__)
    assert getattr(module, function.__name__) is function, "pickle and doctest find it by its name"
    assert pickle.loads(pickle.dumps(function)) is function
    assert re.match(rf"@public\n(@\w+\n)?def {function.__name__}\(", inspect.getsource(function))


def test_doctest_finds_a_public_function():
    module = importlib.import_module("jaxopt_slides._rules.momentum")
    found = {e.name.rpartition(".")[2]: e for e in doctest.DocTestFinder().find(module)}
    assert found["momentum"].examples


@pytest.mark.parametrize("name", test_docs.PUBLIC["rules"].split())
def test_a_rule_s_help_has_signature_equation_and_shapes(name):
    text = inspect.getdoc(getattr(jos, name))
    assert ".. math::" in text
    assert "``[" in text.partition("Returns:")[2].partition("Raises:")[0]
    assert str(inspect.signature(getattr(jos, name))).startswith("(learning_rate: ")


# ---------------------------------------------------------------- a misspelt keyword

KEYWORDS = [
    (lambda: jos.momentum(0.1, mo=0.9), "momentum: no argument 'mo'; did you mean 'mu'?"),
    (lambda: jos.rmsprop(lr=0.1), "rmsprop: no argument 'lr'; did you mean 'learning_rate'?"),
    (lambda: jos.rmsprop(alpha=0.1), "rmsprop: no argument 'alpha'; did you mean 'learning_rate'?"),
    (lambda: jos.rmsprop(0.1, alpha=0.99), "rmsprop: no argument 'alpha'; did you mean 'decay'?"),
    (
        lambda: jos.rmsprop(learning_rate=0.1, alpha=0.99),
        "rmsprop: no argument 'alpha'; did you mean 'decay'?",
    ),
    (lambda: jos.rmsprop(0.1, beta=0.9), "rmsprop: no argument 'beta'; did you mean 'decay'?"),
    (lambda: jos.rmsprop(0.1, rho=0.9), "rmsprop: no argument 'rho'; did you mean 'decay'?"),
    (lambda: jos.rmsprop(0.1, epsilon=0.9), "rmsprop: no argument 'epsilon'; did you mean 'eps'?"),
    (
        lambda: jos.rmsprop(0.1, Momentum=0.9),
        "rmsprop: no argument 'Momentum'; did you mean 'momentum'?",
    ),
    (lambda: jos.momentum(0.1, momentum=0.9), "momentum: no argument 'momentum'; did you mean 'mu'?"),
    (lambda: jos.momentum(0.1, beta=0.9), "momentum: no argument 'beta'; did you mean 'mu'?"),
    (lambda: jos.nesterov(0.1, momentum=0.9), "nesterov: no argument 'momentum'; did you mean 'mu'?"),
    (lambda: jos.adam(0.1, beta_1=0.9), "adam: no argument 'beta_1'; did you mean 'b1'?"),
    (lambda: jos.adam(0.1, beta2=0.9), "adam: no argument 'beta2'; did you mean 'b2'?"),
    (
        lambda: jos.sgd(0.1, weight_decay=0.01),
        "sgd: no argument 'weight_decay'; did you mean chain(add_decayed_weights(weight_decay), "
        "sgd(...))?",
    ),
    (
        lambda: jos.adam(0.1, global_clipnorm=1.0),
        "adam: no argument 'global_clipnorm'; did you mean chain(clip_by_global_norm(max_norm), "
        "adam(...))?",
    ),
    (
        lambda: jos.momentum(0.1, nesterov=True),
        "momentum: no argument 'nesterov'; did you mean nesterov(learning_rate, mu)?",
    ),
    (lambda: jos.sgd(0.1, params={}), "sgd: no argument 'params'; did you mean sgd(...).init(params)?"),
    (
        lambda: jos.sgd(0.1, lr=0.2),
        "sgd: no argument 'lr'; it takes learning_rate, momentum, nesterov.",
    ),
    (lambda: jos.zero_nans(value=1), "zero_nans: no argument 'value'; it takes none."),
    (lambda: jos.clip(max_dleta=1), "clip: no argument 'max_dleta'; did you mean 'max_delta'?"),
    (
        lambda: jos.linear_schedule(0, 1, steps=9),
        "linear_schedule: no argument 'steps'; did you mean 'transition_steps'?",
    ),
    (
        lambda: jos.presets.torch.sgd(learning_rate=0.1),
        "torch.sgd: no argument 'learning_rate'; did you mean 'lr'?",
    ),
    (
        lambda: jos.presets.keras.rmsprop(0.1, eps=1e-7),
        "keras.rmsprop: no argument 'eps'; did you mean 'epsilon'?",
    ),
    (
        lambda: jos.presets.tf1.momentum(0.1, 0.9, weight_decay=0.1),
        "tf1.momentum: no argument 'weight_decay'; did you mean "
        "chain(add_decayed_weights(weight_decay), tf1.momentum(...))?",
    ),
    (
        lambda: jos.rows.lazy(jos.sgd(0.1), horizn=3),
        "lazy: no argument 'horizn'; did you mean 'horizon'?",
    ),
    (lambda: jos.fit(stepss=3), "fit: no argument 'stepss'; did you mean 'steps'?"),
    (
        lambda: jos.landscapes.quadratic(dimensions=3),
        "quadratic: no argument 'dimensions'; did you mean 'dimension'?",
    ),
]


@pytest.mark.parametrize(("call", "text"), KEYWORDS, ids=[text[:40] for _, text in KEYWORDS])
def test_a_misspelt_keyword(call, text):
    assert said_by(call) == text


TAKES_ANY = {  # keyword, and why
    "with_hyperparams": "they are the optimizer's names, among which it suggests",
    "diagnostics.effective_learning_rate": "they go to update, as there",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_answers_a_misspelt_keyword(name):
    function = FUNCTIONS[name]
    parameters = list(inspect.signature(function).parameters.values())
    named = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    owner = spelling.owner(function)
    if name in TAKES_ANY:
        assert any(p.kind is p.VAR_KEYWORD for p in parameters)
        return
    assert said_by(lambda: function(qzx=1)).startswith(f"{owner}: no argument 'qzx'; it takes ")
    for right in named:
        wrong = f"{right}_"
        assert said_by(lambda wrong=wrong: function(**{wrong: 1})) == (
            f"{owner}: no argument {wrong!r}; did you mean {right!r}?"
        )


def test_other_errors_of_a_call_are_python_s_own():
    assert said_by(jos.momentum) == "momentum() missing 1 required positional argument: 'learning_rate'"
    assert "multiple values for argument 'mu'" in said_by(lambda: jos.momentum(0.1, 0.9, mu=0.9))
    assert "takes 1 positional argument but 2 were given" in said_by(lambda: jos.adagrad(0.1, 1e-7))


def test_an_error_inside_is_left_alone():
    error = TypeError("inside")

    @spelling.public
    def raises(a=1):
        raise error

    with pytest.raises(TypeError) as caught:
        raises(a=2)
    assert caught.value is error


def test_the_traceback_is_short():
    with pytest.raises(TypeError) as caught:
        jos.momentum(0.1, mo=0.9)
    assert caught.value.__suppress_context__
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [f.name for f in frames] == ["test_the_traceback_is_short", "call"]


def test_with_hyperparams_knows_the_other_names_too():
    tx = jos.chain(jos.clip(1.0), jos.rmsprop(0.1))
    assert said_by(lambda: jos.with_hyperparams(tx, lr=0.1), ValueError) == (
        "with_hyperparams: no hyperparameter 'lr'; this optimizer has ['max_delta', 'learning_rate', "
        "'decay', 'eps', 'eps_root', 'initial_accumulator_value']. Did you mean 'learning_rate'?"
    )


# ---------------------------------------------------------------- a misspelt name

TORCH = "module 'jaxopt_slides.presets.torch' has no attribute "
ATTRIBUTES = [
    (jos, "rmsprp", "module 'jaxopt_slides' has no attribute 'rmsprp'; did you mean 'rmsprop'?"),
    (jos, "RMSProp", "module 'jaxopt_slides' has no attribute 'RMSProp'; did you mean 'rmsprop'?"),
    (jos, "Adam", "module 'jaxopt_slides' has no attribute 'Adam'; did you mean 'adam'?"),
    (
        jos,
        "ApplyIfFinite",
        "module 'jaxopt_slides' has no attribute 'ApplyIfFinite'; did you mean 'apply_if_finite'?",
    ),
    (jos, "nag", "module 'jaxopt_slides' has no attribute 'nag'; did you mean 'nesterov'?"),
    (
        jos,
        "heavy_ball",
        "module 'jaxopt_slides' has no attribute 'heavy_ball'; did you mean 'momentum'?",
    ),
    (
        jos,
        "inject_hyperparams",
        "module 'jaxopt_slides' has no attribute 'inject_hyperparams'; did you "
        "mean 'with_hyperparams'?",
    ),
    (jos, "preset", "module 'jaxopt_slides' has no attribute 'preset'; did you mean 'presets'?"),
    (jos, "qqqqq", "module 'jaxopt_slides' has no attribute 'qqqqq'"),
    (jos, "_rmsprop", "module 'jaxopt_slides' has no attribute '_rmsprop'"),
    (
        jos.presets,
        "pytorch",
        "module 'jaxopt_slides.presets' has no attribute 'pytorch'; did you mean 'torch'?",
    ),
    (jos.presets.torch, "SGD", f"{TORCH}'SGD'; did you mean 'sgd'?"),
    (jos.presets.torch, "load_state_dict", f"{TORCH}'load_state_dict'; did you mean 'load_state'?"),
    (
        jos.landscapes,
        "sadle",
        "module 'jaxopt_slides.landscapes' has no attribute 'sadle'; did you mean 'saddle'?",
    ),
    (
        jos.rows,
        "value_and_grads",
        "module 'jaxopt_slides.rows' has no attribute 'value_and_grads'; did "
        "you mean 'value_and_grad'?",
    ),
]


@pytest.mark.parametrize(("module", "name", "text"), ATTRIBUTES, ids=lambda x: str(x)[:30])
def test_a_misspelt_name(module, name, text):
    assert said_by(lambda: getattr(module, name), AttributeError) == text


PUBLIC_MODULES = [jos, jos.presets, *(getattr(jos.presets, f) for f in test_docs.FRAMEWORKS)]
PUBLIC_MODULES += [jos.rows, jos.landscapes, jos.diagnostics, jos.viz, jos.schedules, jos.training]
PUBLIC_MODULES += [jos.sharding]


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda m: m.__name__)
def test_every_public_module_answers_a_misspelt_name(module):
    for right in [n for n in dir(module) if not n.startswith("_") and n.islower()]:
        text = said_by(lambda right=right: getattr(module, right.upper() + "_"), AttributeError)
        assert text == (
            f"module {module.__name__!r} has no attribute {right.upper() + '_'!r}; "
            f"did you mean {right!r}?"
        )


def test_importing_a_misspelt_name():
    with pytest.raises(ImportError) as caught:
        from jaxopt_slides import rmsprp  # noqa: F401
    assert str(caught.value) == (
        "cannot import name 'rmsprp' from 'jaxopt_slides'; did you mean 'rmsprop'?"
    )
    with pytest.raises(ImportError, match=r"\(.*__init__\.py\)$"):  # Python's own, without a guess
        from jaxopt_slides import qqqqq  # noqa: F401


def test_a_submodule_is_imported_and_not_guessed():
    code = "from jaxopt_slides import testing, cli, viz; print(testing.__name__, cli.__name__)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["jaxopt_slides.testing", "jaxopt_slides.cli"]


def test_python_adds_no_guess_of_its_own():
    code = "import jaxopt_slides as jos; jos.rmsprp"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stderr.splitlines()[-1] == (
        "AttributeError: module 'jaxopt_slides' has no attribute 'rmsprp'; did you mean 'rmsprop'?"
    )
