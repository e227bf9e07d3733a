"""``python -m benchmarks``: its logic on made-up numbers, and that its ways compute the same."""

import io
import json
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from benchmarks import (
    child,
    command,
    compiling,
    dense,
    eager,
    importing,
    leaves,
    machine,
    memory,
    rows,
    rows_ways,
    sweep,
    targets,
    workers,
)
from benchmarks.bench import Bench, Prepared
from benchmarks.data import EPS, RULES, WARM_UP, arrays, sample, streams
from benchmarks.figures import HEADER, TRIAD, Case, Summary, lines

MADE_UP = Case(
    "dense",
    "adagrad",
    {
        "jos, donated": [10.0, 20.0, 30.0],
        "jos, one pass": [8.0, 14.0, 27.0],
        "optax, donated": [20.0, 20.0, 90.0],
        "torch, fused": [4.0, 7.0, 27.0],
        TRIAD: [3.0, 6.0, 9.0],
    },
    note="few",
    streams=5,
)


# ---------------------------------------------------------------- figures


def test_a_summary_has_the_quartiles():
    assert Summary.of([4.0, 1.0, 2.0, 3.0, 5.0]) == (3.0, 2.0, 4.0)
    assert str(Summary.of([4.0, 1.0, 2.0, 3.0, 5.0])) == "3 [2, 4]"
    assert str(Summary.of([1234.5])) == "1234"


def test_ratios_are_taken_round_by_round():
    assert MADE_UP.ratio("optax, donated") == Summary.of([2.0, 1.0, 3.0])
    assert MADE_UP.ratio("jos, donated", "optax, donated") == Summary.of([1 / 2, 1.0, 1 / 3])
    unequal = Case("memory", "peak", {"needed": [2.0], "had": [2.0, 4.0, 6.0]})
    assert unequal.ratio("had") == Summary.of([1.0, 2.0, 3.0])
    assert Case("c", "n", {"a": [0], "b": [5]}).ratio("b") is None


def test_the_part_of_the_bandwidth_counts_streams():
    """The triad has 3 streams and Adagrad 5, so that Adagrad cannot take less than 5/3 of its time."""
    assert MADE_UP.reached("jos, donated") == Summary.of([0.5, 0.5, 0.5])
    assert MADE_UP.reached(TRIAD) is None
    assert MADE_UP._replace(streams=0).reached("jos, donated") is None
    assert [streams(rule) for rule in RULES] == [3, 5, 5, 5, 5]


TABLE = """\
dense: adagrad (few)
  jos, donated                                20 [15, 25] ms                                 1    50%
  jos, one pass                             14 [11, 20.5] ms                  0.8 [0.75, 0.85]    62%
  optax, donated                              20 [20, 55] ms                      2 [1.5, 2.5]    25%
  torch, fused                               7 [5.5, 17] ms                 0.4 [0.375, 0.65]   125%
  triad, x + 0.1 g                           6 [4.5, 7.5] ms                    0.3"""


def test_the_table():
    found = lines(MADE_UP)
    for line, expected in zip(found, TABLE.splitlines(), strict=True):
        assert line.split() == expected.split()
    assert {line.index(" ms ") for line in found[1:]} == {HEADER.index("[quartiles]") + 11}  # aligned


def test_json_brings_back_the_case():
    kept = json.loads(json.dumps(MADE_UP.as_json()))
    assert Case.from_json(kept) == MADE_UP
    assert kept["ratio_to"] == "jos, donated"
    assert kept["ways"]["optax, donated"]["ratio"] == {"median": 2.0, "low": 1.5, "high": 2.5}
    assert kept["ways"]["jos, donated"]["of_the_limit"]["median"] == 0.5
    assert kept["ways"][TRIAD]["values"] == [3.0, 6.0, 9.0]


# ---------------------------------------------------------------- targets


def test_the_targets_of_a_case():
    assert targets.verdicts([MADE_UP]) == [
        "UNMET  dense: adagrad: part of the bandwidth in one pass: 0.625 [0.59, 0.67], at least 0.9",
        "UNMET  dense: adagrad: torch fused: 0.5 [0.5, 0.75], at least 1",
        "met    dense: adagrad: optax, without the flag: 2 [1.5, 2.5], at least 1",
    ]
    memory_case = Case("memory", "peak", {memory.NEEDED: [100.0], "jos.fit": [109.0, 111.0, 111.0]})
    assert [line[:5] for line in targets.verdicts([memory_case])] == ["UNMET"]
    below = Case("eager", "sgd", {"jos": [1.0, 1.0, 1.0], "optax": [3.0, 3.9, 9.0]})
    assert targets.verdicts([below]) == ["UNMET  eager: sgd: eager optax: 3.9 [3.45, 6.45], at least 4"]
    counted = Case("compile", "another rate", {"jos, jit": [0], "jos.fit": [1]}, "compilations")
    assert [line[:6].strip() for line in targets.verdicts([counted])] == ["met", "UNMET"]


def test_targets_are_about_subjects_that_there_are():
    assert {target.subject for target in targets.TARGETS} <= command.SUBJECTS.keys()
    assert all((t.least is None) != (t.most is None) for t in targets.TARGETS)


# ---------------------------------------------------------------- the command


def said(capsys, *argv, code=2):
    with pytest.raises(SystemExit) as stopped:
        command.main(list(argv))
    assert stopped.value.code == code if code == 2 else stopped.value.code != 0
    return capsys.readouterr().err if code == 2 else stopped.value.code


def test_an_unknown_subject(capsys):
    names = "dense, leaves, eager, compile, rows, sweep, memory, import"
    assert said(capsys, "--only", "rows,dence").endswith(
        f"argument --only: there is no subject 'dence'; there are {names}. Did you mean dense?\n"
    )
    assert said(capsys, "--only", "").endswith(f"there is no subject ''; there are {names}.\n")


@pytest.mark.parametrize("bad", ["0", "-1", "x"])
def test_bad_numbers(capsys, bad):
    text = said(capsys, f"--rounds={bad}")
    assert text.endswith(f"argument --rounds: it must be a whole number from 1, got {bad!r}.\n")


def test_a_torch_that_is_missing(capsys, monkeypatch, tmp_path):
    nowhere = str(tmp_path / "python")
    text = said(capsys, "--torch-python", nowhere, code=1)
    assert text == f"benchmarks: --torch-python: {nowhere} cannot be run: No such file or directory."
    failed = types.SimpleNamespace(returncode=1)
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: failed)
    assert said(capsys, "--torch-python", "python9", code=1) == (
        "benchmarks: --torch-python: python9 cannot import torch. Give a Python that can, or leave the "
        "option out: nothing is compared with torch then."
    )


def test_what_cannot_be_written_is_said_before_anything_is_measured(capsys, tmp_path):
    path = tmp_path / "no" / "a.json"
    text = said(capsys, "--json", str(path), code=1)
    assert text == f"benchmarks: {path}: there is no folder {path.parent}."


def test_what_is_not_a_record(capsys, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}", encoding="utf-8")
    text = said(capsys, "--from-json", str(path), code=1)
    assert text == f"benchmarks: --from-json: {path} is not what --json writes: KeyError('machine')."


def test_a_run_is_printed_written_drawn_and_read_again(capsys, monkeypatch, tmp_path):
    """The measuring is made up; the rest is all there."""
    asked = []

    def measured(bench, names):
        asked.append((bench, names))
        yield MADE_UP

    monkeypatch.setattr(command, "measured", measured)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: name != "torch")
    written, chart = tmp_path / "a.json", tmp_path / "a.png"
    argv = ["--only", "dense", "--quick", "--json", str(written), "--chart", str(chart)]
    command.main(argv)
    printed = capsys.readouterr().out
    bench, names = asked[0]
    assert (bench.quick, bench.rounds, bench.torch_python, names) == (True, 3, None, ["dense"])
    assert printed.startswith("python -m benchmarks --only dense --quick --json ")
    assert f"jax {jax.__version__}, " in printed
    assert "torch (not installed)\n" in printed
    assert "\n".join([HEADER, *lines(MADE_UP), "", *targets.verdicts([MADE_UP])]) in printed
    kept = json.loads(written.read_text(encoding="utf-8"))
    assert kept["machine"]["cores"] >= 1
    assert kept["date"][:2] == "20"
    assert kept["versions"]["torch"] is None
    assert chart.read_bytes().startswith(b"\x89PNG")
    command.main(["--from-json", str(written)])
    assert capsys.readouterr().out == printed


def test_without_optax(capsys, monkeypatch):
    fake = types.SimpleNamespace(cases=lambda _: [MADE_UP])
    monkeypatch.setattr(command.importlib, "import_module", lambda _: fake)
    assert list(command.measured(Bench(has_optax=False), ["rows", "dense", "sweep"])) == [MADE_UP]
    assert capsys.readouterr().out == "".join(
        f"{name}: left out, for it compares with optax, which is not installed.\n"
        for name in ("rows", "sweep")
    )
    assert Bench(has_optax=False).of(dense.PLAIN).keys() == {"jos, donated", "jos, not donated"}


# ---------------------------------------------------------------- processes


def test_ways_are_timed_in_turn():
    order = []
    ways = {way: lambda way=way: order.append(way) or len(order) for way in "ab"}
    assert workers.in_turn(ways, 3) == {"a": [1, 3, 5], "b": [2, 4, 6]}
    assert order == list("ababab")


def test_ways_that_compute_different_things_are_not_compared():
    with pytest.raises(workers.CannotMeasureError) as error:
        workers.require_equal({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.0, 2.5]}, 1e-5)
    assert str(error.value) == "c and a do not compute the same: their numbers differ by 5.0e-01."
    for other in (1.1e-6, np.nan):
        with pytest.raises(workers.CannotMeasureError, match="b and a do not compute the same"):
            workers.require_equal({"a": [1e-6], "b": [other]}, 1e-5)
    with pytest.raises(workers.CannotMeasureError, match="a found numbers that are not finite"):
        workers.require_equal({"a": [np.inf], "b": [np.inf]}, 1e-5)


def test_a_process_is_asked():
    script = (
        "import sys; print('1', flush=True); [print(line, flush=True, end='') for line in sys.stdin]"
    )
    with workers.Worker([sys.executable, "-c", script]) as worker:
        assert worker.hello == 1
        assert worker.ask(start={"rule": "sgd"}) == {"start": {"rule": "sgd"}}
        assert worker.ask(time="a") == {"time": "a"}


def test_a_process_that_ends():
    with pytest.raises(workers.CannotMeasureError) as error:
        workers.Worker([sys.executable, "-c", "raise SystemExit(3)"])
    assert str(error.value) == (
        "the process `-c raise SystemExit(3)` ended with status 3 before it answered; what it wrote "
        "stands above."
    )


def test_the_flag_is_the_child_s_alone(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"--a=1 --xla_backend_extra_options={workers.ONE_PASS} --b=2")
    assert workers.environment()["XLA_FLAGS"] == "--a=1 --b=2"
    flags = workers.environment(one_pass=True)["XLA_FLAGS"]
    assert flags == f"--a=1 --b=2 --xla_backend_extra_options={workers.ONE_PASS}"


def test_a_child_answers():
    held = []

    def start(plan):
        held.append(plan)
        return Prepared({"a": lambda: plan * 2}, {"a": [1.0]})

    requests = io.StringIO('{"start": 4}\n{"time": "a"}\n{"start": 5}\n{"time": "a"}\n')
    answers = io.StringIO()
    child.serve(start, "hello", requests, answers)
    assert answers.getvalue() == '"hello"\n{"a": [1.0]}\n8\n{"a": [1.0]}\n10\n'
    assert held == [4, 5]


# ---------------------------------------------------------------- the same computation on each side


class InProcess:
    """A worker that is none: the same answers from this process, of a problem that is small."""

    def __init__(self, subject, *, one_pass=False):
        self.start = vars(sys.modules[f"benchmarks.{child.MODULES[subject]}"])["start"]
        self.hello = {"platform": "cpu", "one_pass": True}
        self.prepared, self.one_pass = None, one_pass

    def ask(self, **request):
        self.prepared, reply = child.answer(self.prepared or Prepared({}, {}), self.start, request)
        return json.loads(json.dumps(reply))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class NumPy(InProcess):
    """In torch's place: the rules as NumPy loops in float64."""

    def __init__(self, _):
        self.start, self.prepared = self.begin, None

    @staticmethod
    def begin(plan):
        w, g = (x.astype(np.float64) for x in arrays(plan["count"], plan["size"]))
        s = np.zeros_like(w)
        for _ in range(WARM_UP):
            s = {
                "sgd": lambda s: g,
                "rmsprop": lambda s: 0.9 * s + 0.1 * g**2,
                "adagrad": lambda s: s + g**2,
            }.get(plan["rule"], lambda s: 0.9 * s + g)(s)
            root = np.sqrt(s) + EPS if plan["rule"] in ("rmsprop", "adagrad") else None
            ahead = g + 0.9 * s if plan["rule"] == "nesterov" else s
            w = w - 0.01 * (ahead if root is None else g / root)
        return Prepared({"torch, fused": lambda: 1.0}, {"torch, fused": sample([w[0], w[-1]])})


TINY = Bench(rounds=2, size=64, torch_python="python", jax=InProcess, torch_worker=NumPy)


def test_dense_ways_compute_the_rules():
    """``started`` asks all ways, and a loop in NumPy, for the same numbers."""
    found = {case.name: case for case in dense.cases(TINY)}
    assert [*found] == ["bandwidth", *RULES]
    assert found["bandwidth"].values[TRIAD][0] > 0
    ways = [*dense.PLAIN, *dense.FLAGGED]
    ours = [way for way in ways if way.startswith("jos")]
    for rule in RULES:
        case = found[rule]
        assert [*case.values] == [
            *ours,
            *(way for way in ways if way not in ours),
            "torch, fused",
            TRIAD,
        ]
        assert all(len(v) == 2 and min(v) > 0 for v in case.values.values())
        assert case.reached("jos, one pass").median > 0


def test_ways_in_one_pass_are_left_out_where_it_is_off(capsys):
    class Deaf(InProcess):
        """XLA does not obey here."""

        def __init__(self, subject, **flag):
            super().__init__(subject, **flag)
            self.hello |= {"one_pass": False, "because": "Why."}

    found = next(case for case in dense.cases(TINY._replace(jax=Deaf)) if case.name == "sgd")
    assert not {*dense.FLAGGED} & {*found.values}
    assert capsys.readouterr().out == "dense, one pass: left out. Why.\n"


def test_a_rule_that_is_another_is_noticed(monkeypatch):
    monkeypatch.setattr("benchmarks.sides.DECAY", 0.8)
    with pytest.raises(
        workers.CannotMeasureError, match="torch, fused and jos, donated do not compute"
    ):
        list(dense.cases(TINY))


def test_leaves_ways_compute_the_same(monkeypatch):
    monkeypatch.setattr(leaves, "COUNT", 2)
    monkeypatch.setattr(leaves, "SIZE", 16)
    monkeypatch.setattr(leaves, "TRAINED", 7)
    monkeypatch.setattr(leaves, "RULES", ("rmsprop",))
    one, many = leaves.cases(TINY)
    assert [*one.values] == ["jos", "optax", "torch, fused"]
    assert [*many.values] == list(leaves.TRAINING)
    assert (one.name, many.name) == ("rmsprop, one step", "rmsprop, 7 steps")


def test_eager_ways_compute_the_same(monkeypatch):
    """The chain's updates depend on all of its parts, the clipping by the norm among them."""
    monkeypatch.setattr(eager, "SHAPES", dict.fromkeys(eager.SHAPES, (2, 64, 1)))
    found = list(eager.cases(TINY))
    assert [case.name for case in found] == [
        "sgd",
        "momentum",
        "rmsprop",
        "adagrad",
        "ten parts",
        "init",
    ]
    assert all([*case.values] == ["jos", "optax"] for case in found)


def test_compilations_are_counted(monkeypatch):
    monkeypatch.setattr(compiling, "RULES", ("adagrad",))
    monkeypatch.setattr(compiling, "COUNT", 2)
    monkeypatch.setattr(compiling, "MEMBERS", 3)
    trace, build, changed, swept = compiling.cases(TINY._replace(rounds=1))
    assert [case.name for case in (trace, build)] == ["adagrad, trace", "adagrad, compile"]
    assert changed.values == {
        "jos, jit": [0],
        "jos.fit": [0],
        "jos.make_step": [0],
        "jos, update": [0],
        "optax, jit": [compiling.CHANGES],
        "optax, inject_hyperparams": [0],
    }
    assert min(swept.values["one member"]) > 0
    assert min(swept.values["3 members"]) > 0


def test_fit_s_program_needs_no_more_than_it_must():
    """What XLA counts, on a small problem: params, gradients, state, and the batch."""
    loss, width = memory.problem(256 * 256)
    taken = memory.analysis(loss, memory.Side.of("jos", memory.RULE), width)
    needed = 3 * 4 * width**2 / memory.MIB
    assert needed < taken < 1.1 * needed


def test_a_gpu_s_memory_is_counted_by_xla_alone(monkeypatch):
    made = []

    class OnGPU(InProcess):
        def __init__(self, subject):
            super().__init__(subject)
            self.hello = {"platform": "gpu"}
            made.append(self)

    monkeypatch.setattr(memory.resident, "counted", lambda: True)
    (case,) = memory.cases(TINY._replace(size=64 * 64, rounds=1, jax=OnGPU))
    assert [*case.values] == [memory.NEEDED, "jos.fit, XLA's count"]
    assert len(made) == 3


def test_the_process_s_memory_is_watched(monkeypatch):
    """With numbers for the system's: 192 before, 384 at the peak, asked once it has settled."""
    from benchmarks import resident

    status = iter([*["VmRSS: 400 kB"] * 1, *["VmRSS: 192 kB"] * 2, "VmHWM: 384 kB"])
    system = types.SimpleNamespace(read_text=lambda **_: next(status))
    reset = []
    monkeypatch.setattr(resident, "STATUS", system)
    monkeypatch.setattr(
        resident, "RESET", types.SimpleNamespace(write_text=lambda text, **_: reset.append(text))
    )
    monkeypatch.setattr(resident.time, "sleep", lambda _: None)
    ran = []
    assert resident.peak_of(lambda: ran.append(list(reset))) == 192 / 1024
    assert ran == [["5"]]


def test_rows_and_sweep_have_their_own_commands_and_their_subjects(monkeypatch):
    assert rows.parse(["--quick"]).quick
    assert sweep.parse(["--steps", "7"]).steps == 7
    effort = rows_ways.Effort(2, 1, 1)
    monkeypatch.setattr(rows, "Case", lambda _: rows_ways.Case(50, 4, 8))
    monkeypatch.setattr(
        rows, "ours_in_a_process", lambda mode, case, rule, _: rows_ways.MODES[mode](case, rule, effort)
    )
    (case,) = rows.subject(Bench(quick=True))
    assert (case.name, [*case.values]) == ("adagrad", ["jos", "optax, dense"])
    curve = np.ones((4, 16, 2, 10), np.float32)
    timed = {"jos.sweep": 2.0, "optax, a vmapped closure": 3.0}
    monkeypatch.setattr(sweep, "timed_alone", lambda way, _: sweep.Timed(timed[way], 1.0, curve))
    (case,) = sweep.subject(Bench(quick=True, rounds=2))
    assert case.values == {"jos.sweep": [2.0], "optax, a vmapped closure": [3.0]}


def test_imports_are_counted_in_turn(monkeypatch):
    monkeypatch.setattr(
        importing, "imported", lambda name: {"ms": float(len(name)), "modules": len(name)}
    )
    time, modules = importing.cases(Bench(rounds=2))
    assert time.values == {"jos": [13.0, 13.0], "optax": [5.0, 5.0]}
    assert (time.unit, modules.unit) == ("ms", "modules")


# ---------------------------------------------------------------- the command as it is


@pytest.mark.slow
def test_a_short_run(tmp_path):
    """Everything but what has many leaves or rows, with processes of their own."""
    written, chart = tmp_path / "a.json", tmp_path / "a.png"
    argv = ["--only", "dense,memory,import", "--rounds", "1", "--size", "4096", "--json", str(written)]
    argv = [sys.executable, "-m", "benchmarks", *argv, "--chart", str(chart)]
    done = subprocess.run(argv, cwd=workers.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads(written.read_text(encoding="utf-8"))
    names = ["bandwidth", *RULES, "peak", "time", "modules"]
    assert [case["case"] for case in kept["cases"]] == names
    assert chart.stat().st_size > 10_000


@pytest.mark.slow
def test_the_sweeps_find_the_same_losses():
    plan = sweep.Plan(rates=2, seeds=1, steps=100, part=1)
    found = {way: sweep.timed_alone(way, plan) for way in sweep.WAYS}
    assert sweep.require_equal(found) < 1e-3
