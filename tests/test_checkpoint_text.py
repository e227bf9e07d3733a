"""examples/text.py goes on from its checkpoints to the bit, whenever and however it was stopped."""

import contextlib
import hashlib
import itertools
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from tests import saving

OPTIONS = ["--rules=sgd,momentum", "--batch-size=8"]
TIMES = re.compile(r"[\d.]+ s\b")


@pytest.fixture(scope="module")
def text():
    return saving.import_text()


@pytest.fixture(scope="module")
def checkpoint(text):
    return text.text_checkpoint


@pytest.fixture(autouse=True)
def _as_a_newcomer_has_it():
    with jax.numpy_rank_promotion("allow"):
        yield


class CrashError(Exception):
    """What a test stops a save with."""


def crashing(point, nth):
    """A ``reach`` that stops the save with this number, from 0, at the point."""
    saves = itertools.count(-1)
    now = [next(saves)]

    def reach(here):
        if here == saving.POINTS[0]:
            now[0] = next(saves)
        if (here, now[0]) == (point, nth):
            raise CrashError

    return reach


def bits(tree):
    """Every leaf as its dtype, shape and bytes, with the structure, which has the types."""
    leaves, structure = jax.tree.flatten(tree)
    leaves = [np.asarray(x) for x in leaves]
    return structure, [(x.dtype, x.shape, x.tobytes()) for x in leaves]


def content(checkpoint, path):
    """What a file holds, to the bit, but for the times; the file must be complete."""
    saved = checkpoint.read(path)
    assert saved is not None, path
    sweeps = [s._replace(rule=None, seconds=()) for s in saved["sweeps"]]
    run = saved["run"] and saved["run"]._replace(seconds=())
    return saved["settings"], [s.rule for s in saved["sweeps"]], bits((sweeps, run))


def files(folder):
    return sorted(p.name for p in folder.glob("*.ckpt"))


# ---------------------------------------------------------------- one save


def sweeps_and_run(checkpoint, n):
    """Something to save, told by ``n``: n // 3 rules are done, and n % 3 parts of the next."""
    tx = np.float32(n)
    return [n] * (n // 3), checkpoint.Run(tx, n, n, [None] * (n % 3 + 1))


def saver(checkpoint, folder, *, resume=True):
    return checkpoint.Checkpoints(folder, {"--seed": 0}, resume=resume)


def test_the_points_are_all_that_a_save_does(checkpoint, tmp_path):
    reached = []
    with saving.watched(tmp_path, reached.append):
        for n in range(3):
            saver(checkpoint, tmp_path).save(*sweeps_and_run(checkpoint, n))
    assert reached[-len(saving.POINTS) :] == saving.POINTS
    synced = saving.POINTS.index("synced")
    assert saving.POINTS.index("written") < synced < saving.POINTS.index("rename")
    assert files(tmp_path) == ["000_rules_001_parts.ckpt", "000_rules_002_parts.ckpt"]


@pytest.mark.parametrize("point", saving.POINTS)
def test_a_save_cut_short_leaves_the_old_one_or_the_new_one(checkpoint, tmp_path, point, capsys):
    for n in range(3):
        saver(checkpoint, tmp_path).save(*sweeps_and_run(checkpoint, n))
    with saving.watched(tmp_path, crashing(point, 0)), pytest.raises(CrashError):
        saver(checkpoint, tmp_path).save(*sweeps_and_run(checkpoint, 3))
    found = saver(checkpoint, tmp_path)
    renamed = saving.POINTS.index(point) >= saving.POINTS.index("renamed")
    assert found.run.tx == (3 if renamed else 2)
    assert len(found.sweeps) == found.run.tx // 3
    assert "damaged" not in capsys.readouterr().out
    found.save(*sweeps_and_run(checkpoint, 4))  # what the crash left is in nobody's way
    assert saver(checkpoint, tmp_path).run.tx == 4
    assert len(files(tmp_path)) == 2
    assert not (tmp_path / "unfinished").exists()


# ---------------------------------------------------------------- what is never loaded


def damaged(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[:-1],
            "half": content[:middle],
            "no checksum": content.partition(b"\n")[2],
            "a bit flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "the checksum flipped": bytes([content[0] ^ 1]) + content[1:],
            "not text": b"\xff" * 80,
        }[how]
    )


@pytest.mark.parametrize(
    "how",
    ["empty", "truncated", "half", "no checksum", "a bit flipped", "the checksum flipped", "not text"],
)
def test_a_damaged_checkpoint_is_never_loaded(checkpoint, tmp_path, how, capsys):
    for n in range(2):
        saver(checkpoint, tmp_path).save(*sweeps_and_run(checkpoint, n))
    old, new = (tmp_path / name for name in files(tmp_path))
    capsys.readouterr()
    damaged(new, how)
    assert saver(checkpoint, tmp_path).run.tx == 0
    assert capsys.readouterr().out == (
        f"checkpoint   {new} is damaged: its checksum does not fit\ncheckpoint   resuming from {old}\n"
    )
    damaged(old, how)
    with pytest.raises(SystemExit) as error:
        saver(checkpoint, tmp_path)
    assert str(error.value) == (
        f"text.py: every checkpoint in {tmp_path} is damaged. Start a new run in another "
        f"--checkpoint-dir."
    )


def test_a_half_written_checkpoint_beside_a_complete_one_is_not_loaded(checkpoint, tmp_path, capsys):
    saver(checkpoint, tmp_path).save(*sweeps_and_run(checkpoint, 0))
    (path,) = tmp_path.glob("*.ckpt")
    (tmp_path / "unfinished").write_bytes(path.read_bytes()[:-100])
    capsys.readouterr()
    assert saver(checkpoint, tmp_path).run.tx == 0
    assert capsys.readouterr().out == f"checkpoint   resuming from {path}\n"
    path.unlink()
    assert saver(checkpoint, tmp_path).run is None
    assert capsys.readouterr().out == f"checkpoint   none in {tmp_path} yet: starting afresh\n"


# ---------------------------------------------------------------- the command line


def test_a_new_run_does_not_write_over_an_old_one(checkpoint, tmp_path):
    saver(checkpoint, tmp_path, resume=False).save(*sweeps_and_run(checkpoint, 0))
    (path,) = tmp_path.glob("*.ckpt")
    with pytest.raises(SystemExit) as error:
        saver(checkpoint, tmp_path, resume=False)
    assert str(error.value) == (
        f"text.py: {path} is there already, from an earlier run. Give --resume to go on from it, or "
        f"another --checkpoint-dir."
    )


def test_without_a_folder_nothing_is_saved(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saver(checkpoint, None, resume=False).save(*sweeps_and_run(checkpoint, 0))
    assert not list(tmp_path.iterdir())


SETTINGS = {  # an option, what was saved, and what it is now
    "--steps=3": ("--steps", 2, 3),
    "--rules=sgd": ("--rules", "sgd,momentum", "sgd"),
    "--seed=-1": ("--seed", 0, -1),
    "--seeds=2": ("--seeds", 1, 2),
    "--batch-size=9": ("--batch-size", 8, 9),
}


@pytest.mark.parametrize("option", SETTINGS)
def test_other_options_are_refused_by_name(text, checkpoint, tmp_path, monkeypatch, option):
    saving.small(text, monkeypatch.setattr)
    options = ["--steps=2", *OPTIONS, f"--checkpoint-dir={tmp_path}"]
    parsed = text.text_options.parse(options, text.RULES, text.PARTS)
    corpus = text.text_data.load()
    settings = text.settings(parsed.rules, text.make_plan(parsed), corpus)
    checkpoint.Checkpoints(tmp_path, settings, resume=False).save([])
    (path,) = tmp_path.glob("*.ckpt")
    name, saved, now = SETTINGS[option]
    with pytest.raises(SystemExit) as error:
        text.main([*options, option, "--resume"])
    assert str(error.value) == (
        f"text.py: {path} was saved by a run with {name} {saved}, and this is a run with {name} {now}. "
        f"Resume with the options of that run, or start a new one in another --checkpoint-dir."
    )


def test_another_text_is_refused(text, checkpoint, tmp_path, monkeypatch):
    """That of another Python, say."""
    saving.small(text, monkeypatch.setattr)
    plan, corpus = text.Plan(1, 1, 8, (0,)), text.text_data.load()
    here, elsewhere = (text.settings(["sgd"], plan, corpus._replace(text=t)) for t in ("a", "b"))
    checkpoint.Checkpoints(tmp_path, here, resume=False).save([])
    name, hashes = "a text of sha256", [hashlib.sha256(t).hexdigest() for t in (b"a", b"b")]
    expected = f"a run with {name} {hashes[0]}, and this is a run with {name} {hashes[1]}. Resume"
    with pytest.raises(SystemExit, match=expected):
        checkpoint.Checkpoints(tmp_path, elsewhere, resume=True)


def test_a_checkpoint_of_another_program_is_said_to_be_one(text, checkpoint, tmp_path, monkeypatch):
    """Its classes are no longer there."""
    saving.small(text, monkeypatch.setattr)
    monkeypatch.setattr(checkpoint.pickle, "dumps", lambda _: b"cnowhere\nGone\n.")
    checkpoint.Checkpoints(tmp_path, {}, resume=False).save([])
    with pytest.raises(SystemExit, match="was saved by another version of this program") as error:
        checkpoint.Checkpoints(tmp_path, {}, resume=True)
    assert str(error.value).endswith(
        "(No module named 'nowhere'). Go on with that version, or start a "
        "new run in another --checkpoint-dir."
    )


@pytest.mark.parametrize("name", ["the learning rates", "a model of the sizes", "the versions"])
def test_what_else_a_run_depends_on_is_compared(text, checkpoint, tmp_path, monkeypatch, name):
    saving.small(text, monkeypatch.setattr)
    plan = text.Plan(1, 1, 8, (0,))
    settings = text.settings(["sgd"], plan, text.text_data.load())
    checkpoint.Checkpoints(tmp_path, settings, resume=False).save([])
    with pytest.raises(SystemExit, match=f"a run with {name} "):
        checkpoint.Checkpoints(tmp_path, settings | {name: "others"}, resume=True)


def test_bad_arguments(text, tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    for options, message in {
        ("--resume",): "--resume needs --checkpoint-dir, the folder to resume from",
        (
            f"--checkpoint-dir={file}",
        ): f"argument --checkpoint-dir: {str(file)!r} is a file, not a folder",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            text.main([*options])
        assert message in capsys.readouterr().err


# ---------------------------------------------------------------- whole runs


def test_a_resumed_run_ends_as_one_without_a_stop(text, checkpoint, tmp_path, monkeypatch, capsys):
    saving.small(text, monkeypatch.setattr)
    options = [*OPTIONS, "--steps=3"]
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    with monkeypatch.context() as keeping_all:
        keeping_all.setattr(checkpoint, "KEPT", 100)
        text.main([*options, f"--checkpoint-dir={straight}"])
    expected, names = TIMES.sub("", capsys.readouterr().out), files(straight)
    assert len(names) == 6
    # As if it had been stopped in its fifth save, in the second rule.
    stopped.mkdir()
    for name in names[2:4]:
        shutil.copy(straight / name, stopped)
    (stopped / "unfinished").write_bytes((straight / names[4]).read_bytes()[:1000])
    text.main([*options, f"--checkpoint-dir={stopped}", "--resume"])
    first, _, said = capsys.readouterr().out.partition("\n")
    assert first == f"checkpoint   resuming from {stopped / '001_rules_001_parts.ckpt'}"
    assert TIMES.sub("", said) == expected
    assert files(stopped) == names[-2:] == ["001_rules_002_parts.ckpt", "002_rules_000_parts.ckpt"]
    for name in names[-2:]:
        assert content(checkpoint, straight / name) == content(checkpoint, stopped / name)
    # A run that is done says the same again, without training.
    text.main([*options, f"--checkpoint-dir={stopped}", "--resume"])
    assert TIMES.sub("", capsys.readouterr().out).partition("\n")[2] == expected


# ---------------------------------------------------------------- kill -9


@contextlib.contextmanager
def running(folder, steps, point="none", nth=0, *, resume=False):
    """examples/text.py in a process of its own, made small by tests/saving.py; killed at the end.

    ``Popen.kill`` is kill -9, and TerminateProcess on Windows: the process itself does nothing more.
    """
    command = [sys.executable, "-m", "tests.saving", str(folder), point, str(nth)]
    process = subprocess.Popen(
        [*command, *OPTIONS, f"--steps={steps}", *["--resume"] * resume],
        cwd=saving.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def wait_for(process, word, times=1):
    """Reads what the process says until it has said the word so often."""
    words = (line for line in process.stdout if line.strip() == word)
    assert len(list(itertools.islice(words, times))) == times


def run_to_the_end(folder, steps, point="none", *, resume=False):
    with running(folder, steps, point, resume=resume) as process:
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said.replace("saving\n", "")


class Straight(NamedTuple):
    """A run that nothing stopped, with all its checkpoints."""

    folder: Path
    steps: int
    said: str


@pytest.fixture(scope="module", params=[6])
def straight(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("straight")
    said = run_to_the_end(folder, request.param, "keep")
    assert len(files(folder)) == 2 * request.param
    return Straight(folder, request.param, said)


def require_no_other(checkpoint, folder, straight):
    """Every checkpoint in the folder is whole, and that of the run that nothing stopped, to the bit."""
    for name in files(folder):
        assert content(checkpoint, folder / name) == content(checkpoint, straight.folder / name)


def require_same_end(checkpoint, folder, straight):
    said = run_to_the_end(folder, straight.steps, resume=True).partition("\n")[2]
    assert TIMES.sub("", said) == TIMES.sub("", straight.said)
    assert files(folder) == files(straight.folder)[-2:]
    require_no_other(checkpoint, folder, straight)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "nth"), [(p, 8) for p in saving.POINTS] + [("half written", 0), ("rename", 0)]
)
def test_killed_at_every_point_of_a_save(checkpoint, tmp_path, straight, point, nth):
    with running(tmp_path, straight.steps, point, nth) as process:
        wait_for(process, "here")
    assert process.returncode != 0
    require_no_other(checkpoint, tmp_path, straight)
    require_same_end(checkpoint, tmp_path, straight)


@pytest.mark.slow
@pytest.mark.parametrize("straight", [150], indirect=True)
def test_killed_at_twenty_moments_one_after_the_other(checkpoint, tmp_path, straight):
    draw = random.Random(0)
    for moment in range(20):
        saves = 0 if moment % 5 == 0 else draw.randint(1, 12)  # 0: while it starts
        with running(tmp_path, straight.steps, resume=True) as process:
            wait_for(process, "saving", saves)
            before, end = files(tmp_path), time.monotonic() + draw.uniform(0, 0.05 if saves else 5)
            while time.monotonic() < end and (saves or files(tmp_path) == before):
                time.sleep(0.005)
        assert process.returncode != 0
        require_no_other(checkpoint, tmp_path, straight)
    assert 0 < len(files(tmp_path)) <= 3
    require_same_end(checkpoint, tmp_path, straight)
