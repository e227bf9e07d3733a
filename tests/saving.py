"""Stops at the named points of a save of examples/text_checkpoint.py; as a script, runs text.py so.

``python -m tests.saving FOLDER POINT NTH OPTION...`` runs examples/text.py, made small, with its
checkpoints in the folder. When the save numbered NTH, from 0, comes to the point, it says so and waits
to be killed; at "rename", which is one call of the system, it says so and goes on, so that the kill
falls somewhere around it. "none" runs to the end, and "keep" too, which keeps all checkpoints.
"""

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[1]
POINTS = [  # every step of a save, in order
    "open",
    "write",
    "half written",
    "written",
    "sync",
    "synced",
    "rename",
    "renamed",
    "sync folder",
    "folder synced",
    "remove",
    "removed",
]
if os.name == "nt":
    POINTS.remove("sync folder")
    POINTS.remove("folder synced")


class Halting:
    """A file that is handed to the system in two halves."""

    def __init__(self, file, reach):
        self.file, self.reach = file, reach

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        self.reach("write")
        middle = len(content) // 2
        for half, point in [(content[:middle], "half written"), (content[middle:], "written")]:
            self.file.write(half)
            self.file.flush()
            self.reach(point)


@contextlib.contextmanager
def watched(folder, reach):
    """Calls ``reach(point)`` at every point of a save into this folder."""
    true = {(owner, name): getattr(owner, name) for owner, name in CALLS}

    def step(owner, name, before, after):
        def call(path, *arguments, **options):
            if path.parent != folder:
                return true[owner, name](path, *arguments, **options)
            reach(before)
            result = true[owner, name](path, *arguments, **options)
            reach(after)
            return result

        return call

    def opening(path, mode="r", *arguments, **options):
        if path.parent != folder or mode != "wb":
            return true[Path, "open"](path, mode, *arguments, **options)
        reach("open")
        return Halting(true[Path, "open"](path, mode, *arguments, **options), reach)

    def fsync(number):
        of_folder = stat.S_ISDIR(os.fstat(number).st_mode)
        reach("sync folder" if of_folder else "sync")
        true[os, "fsync"](number)
        reach("folder synced" if of_folder else "synced")

    Path.open = opening
    Path.replace = step(Path, "replace", "rename", "renamed")
    Path.unlink = step(Path, "unlink", "remove", "removed")
    os.fsync = fsync
    try:
        yield
    finally:
        for (owner, name), function in true.items():
            setattr(owner, name, function)


CALLS = [(Path, "open"), (Path, "replace"), (Path, "unlink"), (os, "fsync")]


def small(text, put=setattr):
    """The model and its text, a hundredth of their size, a part for every step, and no picture."""
    help_text = text.text_data.python_help()[:50_000]
    for name, value in {"WIDTH": 4, "HIDDEN": 8, "PARTS": 1000}.items():
        put(text, name, value)
    put(text.text_data, "VOCABULARY", 50)
    put(text.text_data, "python_help", lambda: help_text)
    put(text, "gradient_sizes", lambda *_: "")
    put(text.text_picture, "save", lambda *_: None)


def import_text():
    """examples/text.py, as its own folder finds it."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import text
    finally:
        sys.path.pop(0)
    return text


def main(folder, point, nth, *options):
    """Runs, and stops there."""
    text, saves = import_text(), [-1]

    def reach(here):
        saves[0] += here == "open"
        if here == "open":
            print("saving", flush=True)
        if (here, saves[0]) == (point, int(nth)):
            print("here", flush=True)
            if point != "rename":
                threading.Event().wait()

    small(text)
    if point == "keep":
        text.text_checkpoint.KEPT = 10**6
    with watched(Path(folder), reach):
        text.main([f"--checkpoint-dir={folder}", *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
