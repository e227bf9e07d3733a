"""jaxopt_slides.testing: ours pass every law, every law catches its toy, and the command says so."""

import pathlib

import jax
import jax.numpy as jnp
import pytest

import jaxopt_slides as jos
from jaxopt_slides import testing
from jaxopt_slides.testing.__main__ import main
from tests import peers, toys
from tests.reproductions import KINDS, SETUP
from tests.subjects import DERIVED, SUBJECTS

LAWS = {law.name: law for law in testing.LAWS}
every_law = pytest.mark.parametrize("name", LAWS)
# The others of SUBJECTS share all their code with these; `python -m tests.laws_page` judges them all.
SOME = {
    "momentum",
    "rmsprop-centered",
    "adagrad",
    "add_decayed_weights",
    "project-box",
    "project-ball",
    "scale_by_schedule",
    "named-chain",
    "identity",
}


# The suite asks most of these laws of every case as well; the others are left to .ci/full.
ALWAYS = {"add_decayed_weights", "scale_by_schedule", "identity"}
ASKED = [
    pytest.param(s, marks=[pytest.mark.slow] if s.name in SOME - ALWAYS else [])
    for s in SUBJECTS
    if s.name in SOME or s in DERIVED
]


@pytest.mark.parametrize("subject", ASKED, ids=repr)
def test_ours_pass_every_law(subject):
    verdicts = testing.judge(subject)
    assert [v.law for v in verdicts] == list(LAWS)
    assert [v for v in verdicts if v.verdict == "fault"] == []
    assert sum(v.verdict == "ok" for v in verdicts) > 20


# ---------------------------------------------------------------- teeth


def test_every_law_has_a_toy():
    assert list(toys.TOYS) == list(LAWS)


@every_law
def test_every_law_catches_its_toy(name):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        verdicts = {v.law: v for v in testing.judge(toys.TOYS[name], [name])}
    assert verdicts[name].verdict == "fault", verdicts[name]
    assert 10 < len(verdicts[name].text) < 700


def test_a_correct_toy_has_no_fault_of_numbers():
    """Plain momentum keeps every law that is not about errors or narrow accumulators."""
    names = ["runs", "tree_is_kept", "none_is_no_leaf", "empty_trees_work", "small_leaves_work"]
    names += ["leaves_keep_their_names", "any_gradient_is_finite", "eager_is_jit", "vmap_is_a_loop"]
    assert {v.verdict for v in testing.judge(toys.TOYS["nothing_is_broadcast"], names)} == {"ok"}


def test_a_counterexample_is_shrunk():
    (verdict,) = testing.judge(toys.TOYS["any_gradient_is_finite"], ["any_gradient_is_finite"])
    assert "gradients [0.0, 0.0, " in verdict.text
    (verdict,) = testing.judge(toys.of(lambda: toys.each(jnp.atleast_1d)), ["tree_is_kept"])
    assert verdict.text.startswith("gradients like ")
    assert "a gradient () gave an update (1,)" in verdict.text


# ---------------------------------------------------------------- the laws as a library


@pytest.mark.parametrize("law", testing.LAWS, ids=lambda law: law.name)
def test_laws_are_public_and_documented(law):
    assert getattr(testing, law.name) is law.function
    assert law.sentence.endswith(".")
    assert all(0 < n <= 40 for n in law.pitfalls)


def test_check_raises_one_error_with_every_fault():
    laws = ["runs", "nothing_is_broadcast", "tree_errors_are_readable"]
    with pytest.raises(testing.Fault, match=r"(?s)toy: 2 faults\nnothing_is_.*\ntree_errors_are"):
        testing.check(toys.TOYS["nothing_is_broadcast"], laws)
    testing.check(jos.momentum(0.1), laws)


def test_what_does_not_run_is_asked_nothing_else():
    first, *others = testing.judge(toys.TOYS["runs"])
    assert first == ("runs", "fault", first.text)
    assert {v[1:] for v in others} == {("not applicable", "it does not run")}
    assert len(others) == len(LAWS) - 1


def test_bad_questions():
    with pytest.raises(ValueError, match=r"there is no law 'rns'; the laws are runs, tree_is_kept"):
        testing.judge(jos.identity(), ["rns"])
    with pytest.raises(TypeError, match=r"expected an \(init, update\) pair or a constructor"):
        testing.judge(3)


def test_a_subject_knows_its_numbers():
    subject = testing.Subject.of(jos.rmsprop, learning_rate=1, centered=True)
    assert subject.hyperparameters["learning_rate"] == 1.0
    assert subject.hyperparameters["decay"] == 0.9
    assert "centered" not in subject.hyperparameters
    assert "centered=True" in repr(subject.tx())
    assert testing.Subject.of(subject) is subject


def test_extra_arguments_are_offered_to_who_takes_them():
    def update(g, s, p=None, *, value, value_fn):
        return jax.tree.map(lambda g: g * (value - value_fn(p)), g), s

    subject = testing.Subject("needs value", lambda: toys.Pair(lambda p: (), update))
    testing.check(subject, ["runs", "eager_is_jit"])


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hypothesis", None)
    (verdict,) = testing.judge(jos.sgd(0.1), ["any_gradient_is_finite"])
    assert verdict[1:] == ("not applicable", "needs hypothesis: pip install 'jaxopt_slides[testing]'")


# ---------------------------------------------------------------- the command


def run_main(capsys, *argv):
    status = main(argv)
    return status, *capsys.readouterr()


TWO = ("--law", "runs", "--law", "nan_is_refused", "--law", "asks_for_params")


def test_the_command_s_output(capsys):
    status, out, _ = run_main(capsys, "optax:rmsprop", "learning_rate=0.1", *TWO)
    assert status == 1
    header, *lines = out.splitlines()
    assert header == f"optax:rmsprop(learning_rate=0.1), jax {jax.__version__}"
    assert lines == [
        "runs                            ok",
        "nan_is_refused                  fault",
        "    expected an error at construction, accepted decay=nan, eps=nan, initial_scale=nan,",
        "    learning_rate=nan",
        "asks_for_params                 not applicable: it does not need the parameters",
        "3 laws: 1 ok, 1 fault, 1 not applicable",
    ]


def test_no_fault_is_status_0(capsys):
    status, out, _ = run_main(capsys, "jaxopt_slides:rmsprop", "learning_rate=1", "centered=True", *TWO)
    assert status == 0
    assert out.endswith("3 laws: 2 ok, 0 faults, 1 not applicable\n")


def test_the_list(capsys):
    status, out, _ = run_main(capsys, "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(LAWS)


USAGE = {
    (): "expected MODULE:CONSTRUCTOR and its arguments, as in 'optax:rmsprop learning_rate=0.1'.",
    (
        "optax.sgd",
    ): "expected MODULE:CONSTRUCTOR, as in 'optax:rmsprop learning_rate=0.1', got 'optax.sgd'.",
    ("optx:sgd",): "cannot import 'optx' (No module named 'optx'). Did you mean 'optax'?",
    ("optax:rmsprp",): "'optax' has no constructor 'rmsprp'. Did you mean 'rmsprop'?",
    ("optax:rmsprop",): "optax:rmsprop needs learning_rate: add learning_rate=0.1",
    ("optax:ema",): "optax:ema needs decay: add decay=...",
    ("optax:sgd", "lr"): "expected name=value, as in 'learning_rate=0.1', got 'lr'.",
    ("optax:sgd", "learning_rte=1"): "optax:sgd has no argument 'learning_rte'. "
    "Did you mean 'learning_rate'?",
    ("optax:identity", "x=1"): "optax:identity has no argument 'x'. It takes none.",
    (
        "optax:sgd",
        "lr=1",
    ): "optax:sgd has no argument 'lr'. It takes learning_rate, momentum, nesterov, accumulator_dtype.",
    ("jaxopt_slides:sgd", "learning_rate=-1"): "jaxopt_slides:sgd(learning_rate=-1) raised ValueError: "
    "sgd: learning_rate must be finite and at least 0, got -1.0.",
    ("optax:constant_schedule", "value=1.0"): "optax:constant_schedule(value=1.0) returned function, "
    "not a pair of init and update.",
    ("optax:sgd", "learning_rate=1", "--law", "rusn"): "there is no law 'rusn'. Did you mean 'runs'?",
    ("optax:sgd", "learning_rate=1", "--law", "x"): "there is no law 'x'. See --list.",
}


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_a_bad_command_line_says_what_would_be_right(capsys, argv):
    assert run_main(capsys, *argv) == (2, "", f"error: {USAGE[argv]}\n")


def test_a_bare_string_is_an_argument(capsys):
    status, _, err = run_main(capsys, "jaxopt_slides:sgd", "learning_rate=fast")
    assert status == 2
    assert "learning_rate='fast'" in err


# ---------------------------------------------------------------- the page

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "laws.md"


@pytest.mark.parametrize("law", KINDS)
def test_every_kind_of_fault_is_real(law):
    """Three lines of optax alone, as they stand in docs/laws.md."""
    names = {}
    code = KINDS[law].code
    assert code in PAGE.read_text(encoding="utf-8")
    assert law in LAWS
    assert len(code.splitlines()) == 3
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        exec(SETUP + code, names)
    assert not any("jaxopt_slides" in str(value) for value in names.values())


def test_the_page_lists_every_law_and_every_transform():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{law.name}` | {law.sentence} |" in text for law in testing.LAWS)
    for name in (*(s.name.removeprefix("optax.") for s in peers.subjects()), *peers.LEFT_OUT):
        assert f"`{name}`" in text
    assert f"{len(SUBJECTS)} of ours, 0 faults" in text
