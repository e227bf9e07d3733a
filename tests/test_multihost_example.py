"""examples/multihost.py: processes that find each other, train as one does, and leave none behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def multihost():
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(EXAMPLES))
    try:
        import multihost

        yield multihost
    finally:
        sys.path.remove(str(EXAMPLES))


def wait_until(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize("name", ["processes", "steps", "batch-size"])
def test_bad_numbers_say_what_is_wrong(multihost, capsys, name):
    with pytest.raises(SystemExit, match="2"):
        multihost.main([f"--{name}", "0"])
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err


def test_what_the_launcher_says_to_a_child_is_no_one_else_s(multihost, capsys):
    options = multihost.parse(["--processes", "2", "--coordinator", "here:1", "--rank", "1/2"])
    assert (options.processes, options.coordinator, options.rank) == (2, "here:1", "1/2")
    with pytest.raises(SystemExit, match="0"):
        multihost.parse(["--help"])
    shown = capsys.readouterr().out
    assert "--coordinator" not in shown
    assert "--processes N" in shown


# ---------------------------------------------------------------- training


def test_it_trains_as_a_plain_loop_does(multihost, monkeypatch):
    """On the eight devices of one process, three steps; the state is divided among them."""
    import itertools

    import text
    import text_data

    import jaxopt_slides as jos

    corpus = text_data.load("\n\n".join(f"a{i % 7} b{i % 5} c{i % 3}. D{i}" for i in range(999)))
    monkeypatch.setattr(text_data, "load", lambda: corpus)
    options = multihost.parse(["--steps", "3", "--batch-size", "16"])
    with jax.numpy_rank_promotion("allow"):
        losses, held = multihost.train(options)
        params = text.init_params(jax.random.key(0))
        tx = jos.chain(jos.clip_by_global_norm(1.0), jos.momentum(0.3))
        batches = jos.sample_batches(jax.random.key(1), corpus.train, 16)
        step, state, expected = jos.make_step(text.loss, tx), tx.init(params), []
        for batch in itertools.islice(batches, 3):
            params, state, value = step(params, state, batch)
            expected.append(float(value))
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    found = re.fullmatch(r".* holds ([\d,]+) of the state's ([\d,]+) bytes", held)
    part, whole = (int(n.replace(",", "")) for n in found.groups())
    assert whole / 8 <= part < whole / 8 + 16  # all that cannot be divided is two counts


def test_a_batch_that_the_devices_do_not_divide(multihost, monkeypatch):
    monkeypatch.setattr(multihost, "connect", lambda options: None)
    with pytest.raises(SystemExit) as error:
        multihost.work(multihost.parse(["--batch-size", "12"]))
    assert str(error.value) == "--batch-size 12 cannot be divided among 8 devices"


def test_losses_that_differ_are_a_failure(multihost, monkeypatch, capsys):
    def run(script, processes, options, seconds):
        path = Path(options[options.index("--losses") + 1])
        path.write_text(str([4.0, 2.0 + (processes > 1) * 1e-4]), encoding="utf-8")

    monkeypatch.setattr(multihost.multihost_launch, "run", run)
    with pytest.raises(SystemExit) as error:
        multihost.main(["--processes", "2"])
    assert str(error.value) == "multihost.py: the losses should be at most 1e-05 apart, relatively"
    assert (
        "losses of 2 processes and of one: at most 5.0e-05 apart, relatively" in capsys.readouterr().out
    )


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_train_as_one(processes):
    """200 steps; the losses of all of them are compared by the script itself."""
    command = [sys.executable, "multihost.py", "--processes", str(processes), "--timeout", "400"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        command, check=False, cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    line = (
        rf"^process (\d) of {processes}: \S+ holds ([\d,]+) of the state's ([\d,]+) bytes; "
        rf"loss 8\.\d+, after 200 steps 5\.\d+$"
    )
    found = re.findall(line, done.stdout, re.MULTILINE)
    assert sorted(rank for rank, *_ in found) == [str(i) for i in range(processes)]
    for _, part, whole in found:
        part, whole = (int(n.replace(",", "")) for n in (part, whole))
        assert whole / processes <= part < whole / processes + 8  # two counts are whole
    apart = re.search(rf"losses of {processes} processes and of one: at most (\S+) apart", done.stdout)
    assert float(apart[1]) <= 1e-5


def job_with_a_free_port():
    """A number of an Open MPI job from which jax.distributed takes a port on which nothing listens."""
    for job in range(1, 4000):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", 61440 + job)):
                return job
    raise AssertionError("no port is free")


@pytest.mark.slow
def test_in_a_cluster_that_jax_detects():
    """The same line in every process, here with the variables that Open MPI's mpirun sets."""
    known = {
        "OMPI_MCA_orte_hnp_uri": f"{job_with_a_free_port()}.0;tcp://127.0.0.1:1",
        "OMPI_COMM_WORLD_SIZE": "2",
        "PYTHONPATH": str(EXAMPLES.parent),
        "XLA_FLAGS": "",
        "JAX_PLATFORMS": "cpu",
    }
    command, started = [sys.executable, str(EXAMPLES / "multihost.py"), "--steps", "3"], []
    try:
        for rank in ("0", "1"):
            ranks = {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_LOCAL_RANK": rank}
            environment = {**os.environ, **known, **ranks}
            started.append(
                subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            )
        said = [child.communicate(timeout=300)[0] for child in started]
    finally:
        for child in started:
            child.kill()
            child.wait()
    losses = []  # how large they are is a matter of the text, which comes with Python
    for rank, text in enumerate(said):
        line = rf"process {rank} of 2: .*; loss (8\.\d+), after 3 steps (\d\.\d+)$"
        found = re.search(line, text, re.MULTILINE)
        assert found, text
        losses.append((float(found[1]), float(found[2])))
    assert losses[0] == losses[1]
    assert losses[0][1] < losses[0][0]


# ---------------------------------------------------------------- nothing is left behind


CHILD = """
import sys, time
sys.path.insert(0, {examples!r})
import multihost_launch
multihost_launch.end_with_the_launcher()
rank = sys.argv[sys.argv.index("--rank") + 1]
for beat in range(1 if "--quick" in sys.argv else 12000):
    with open({folder!r} + "/" + rank[0], "a", encoding="utf-8") as file:
        file.write(".")
    if "--fail" in sys.argv and rank[0] == "1":
        sys.exit("no weights here")
    time.sleep(0.05)
"""


@pytest.fixture
def child(multihost, tmp_path):
    """A script that writes a dot into a file as long as it runs; and how many dots each wrote."""
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(examples=str(EXAMPLES), folder=str(tmp_path)), encoding="utf-8")

    def beats():
        return [len(p.read_text(encoding="utf-8")) for p in sorted(tmp_path.glob("[0-9]"))]

    return str(script), beats


def is_still(beats):
    """Whether no process writes any more."""
    before = beats()
    time.sleep(0.5)
    return before == beats()


def test_processes_that_end_well(multihost, child):
    script, beats = child
    multihost.multihost_launch.run(script, 2, ["--quick"], 60)
    assert beats() == [1, 1]


def test_when_one_fails_the_others_are_ended(multihost, child):
    script, beats = child
    with pytest.raises(multihost.multihost_launch.FailedError) as error:
        multihost.multihost_launch.run(script, 3, ["--fail"], 60)
    assert str(error.value) == (
        "process 1 ended with status 1, so the others were ended too. Its last words:\nno weights here"
    )
    assert is_still(beats)


def test_a_cluster_of_which_something_is_missing_is_an_error(multihost, monkeypatch):
    """Each process would otherwise train alone, and say that all is well."""

    def initialize(*_):
        raise ValueError("Number of processes must be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(ValueError, match="Number of processes"):
        multihost.connect(multihost.parse([]))


def test_when_the_time_is_over_all_are_ended(multihost, child):
    script, beats = child
    with pytest.raises(multihost.multihost_launch.FailedError, match="the time is over"):
        multihost.multihost_launch.run(script, 2, [], 1.0)
    assert is_still(beats)


# What starts in the background of a script ignores interrupts, and so do its children: not here.
LAUNCHER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {examples!r})
import multihost_launch
multihost_launch.run({script!r}, 2, [], 60)
"""


@pytest.mark.parametrize("end", ["interrupt", "terminate", "kill"])
def test_whatever_ends_the_launcher_ends_its_children(child, end):
    script, beats = child
    source = LAUNCHER.format(examples=str(EXAMPLES), script=script)
    launcher = subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(beats()) == 2 and min(beats()) > 3)
        assert not is_still(beats)
        launcher.send_signal(signal.SIGINT) if end == "interrupt" else getattr(launcher, end)()
        assert launcher.wait(20) != 0
        wait_until(lambda: is_still(beats))
    finally:
        launcher.kill()
        launcher.wait()
