"""Checkpoints of ``text.py``: each is one file, complete or not there at all.

The file is a pickle, with its checksum in front: optimizer, params and state are pytrees that pickle to
their own types, so that a resumed run goes on to the bit, on the same machine with the same versions.
It is written beside its place, synced and then renamed into it, and the one before is kept.

Orbax would do it too, and is the tool where arrays lie on many devices (docs/checkpoints.md). Here one
device holds everything, and a file needs nothing installed. Reading a pickle can run code: resume only
from folders of your own.
"""

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import text_report

KEPT = 2  # the newest, and the one before should the newest be damaged later


def write(path: Path, content: Any) -> None:
    """Writes a checkpoint such that a crash at any moment leaves the old file or the new one."""
    body = pickle.dumps(content)
    beside = path.with_name("unfinished")
    with beside.open("wb") as file:
        file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())  # the bytes are on the disk before the name is
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk; Windows does not open folders, and does it by itself."""
    if os.name == "nt":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def read(path: Path) -> Any:
    """What a checkpoint holds; None if it is damaged."""
    digest, _, body = path.read_bytes().partition(b"\n")
    if digest.decode(errors="replace") != hashlib.sha256(body).hexdigest():
        return None
    try:
        return pickle.loads(body)
    except (AttributeError, ImportError, TypeError) as error:
        raise SystemExit(
            f"text.py: {path} was saved by another version of this program ({error}). Go on with that "
            f"version, or start a new run in another --checkpoint-dir."
        ) from error


class Run(NamedTuple):
    """One rule's runs on their way.

    Attributes:
      tx: the optimizers, ``[rates]`` a leaf.
      params: the models, ``[seeds, rates, ...]`` a leaf.
      state: the optimizers' states, ``[seeds, rates, ...]`` a leaf.
      losses: the validation losses so far, ``[seeds, rates]`` each, the first before training.
      seconds: what compiling and running took so far.
    """

    tx: Any
    params: Any
    state: Any
    losses: list[np.ndarray]
    seconds: tuple[float, float] = (0.0, 0.0)

    @property
    def parts(self) -> int:
        """How many parts of the run are done."""
        return len(self.losses) - 1


class Checkpoints:
    """A run's checkpoints in a folder of their own.

    Args:
      folder: the folder, made if need be; None to save nothing.
      settings: what the run depends on, by the option's name; saved with it.
      resume: go on from the newest, if there is one.

    Attributes:
      sweeps: the finished sweeps that it has.
      run: the runs that it has on their way; None for none.
    """

    def __init__(self, folder: Path | None, settings: dict[str, Any], *, resume: bool):
        """Makes the folder, and reads the checkpoint."""
        self._folder, self._settings = folder, settings
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.sweeps: list[text_report.Sweep] = []
        self.run: Run | None = None
        if resume:
            self._load()
        else:
            self._require_none()

    def save(self, sweeps: list[text_report.Sweep], run: Run | None = None) -> None:
        """Saves what there is, and then removes all but the newest ``KEPT``."""
        if self._folder is None:
            return
        # Their order by name is that of time.
        path = self._folder / f"{len(sweeps):03}_rules_{run.parts if run else 0:03}_parts.ckpt"
        write(path, {"settings": self._settings, "sweeps": sweeps, "run": run})
        for path in self._complete()[:-KEPT]:
            path.unlink()

    def _complete(self) -> list[Path]:
        """The newest last; what is unfinished has another name."""
        return sorted(self._folder.glob("*.ckpt")) if self._folder is not None else []

    def _require_none(self) -> None:
        """A new run never writes over another one's checkpoints."""
        if found := self._complete():
            raise SystemExit(
                f"text.py: {found[-1]} is there already, from an earlier run. Give --resume to go on "
                f"from it, or another --checkpoint-dir."
            )

    def _load(self) -> None:
        """The newest that is not damaged."""
        found = self._complete()
        for path in reversed(found):
            saved = read(path)
            if saved is not None:
                self._require_settings(path, saved["settings"])
                print(f"checkpoint   resuming from {path}")
                self.sweeps, self.run = saved["sweeps"], saved["run"]
                return
            print(f"checkpoint   {path} is damaged: its checksum does not fit")
        if found:
            raise SystemExit(
                f"text.py: every checkpoint in {self._folder} is damaged. Start a new run in another "
                f"--checkpoint-dir."
            )
        print(f"checkpoint   none in {self._folder} yet: starting afresh")

    def _require_settings(self, path: Path, saved: dict[str, Any]) -> None:
        for name, now in self._settings.items():
            if saved.get(name) != now:
                raise SystemExit(
                    f"text.py: {path} was saved by a run with {name} {saved.get(name)}, and this is a "
                    f"run with {name} {now}. Resume with the options of that run, or start a new one "
                    f"in another --checkpoint-dir."
                )
