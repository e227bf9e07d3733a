"""Starts the processes of ``multihost.py`` on this machine, and leaves none of them behind.

Every child holds the reading end of a pipe whose writing end is here, and ends itself when that closes:
whatever becomes of this process, ``kill -9`` included, no child outlives it.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"


class FailedError(RuntimeError):
    """A child has failed, or the time is over."""


def end_with_the_launcher() -> None:
    """In a child: ends this process when its standard input, the launcher's pipe, is closed."""

    def wait() -> None:
        os.read(0, 1)
        os._exit(70)

    threading.Thread(target=wait, daemon=True).start()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def environment() -> dict[str, str]:
    """This process's, but for one CPU device to a process."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    kept = " ".join(f for f in flags if "host_platform_device_count" not in f)
    return {**os.environ, "XLA_FLAGS": kept, "JAX_PLATFORMS": "cpu"}


@contextlib.contextmanager
def children(commands: list[list[str]], errors: Path) -> Iterator[list[subprocess.Popen]]:
    """The commands running, each with its errors in a file; at the end, however it comes, none is."""
    started: list[subprocess.Popen] = []
    try:
        for i, command in enumerate(commands):
            with (errors / f"{i}.err").open("wb") as err:
                # A session of its own: an interrupt from the keyboard reaches this process alone.
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stderr=err,
                    env=environment(),
                    start_new_session=True,
                )
            started.append(child)
        yield started
    finally:
        for child in started:
            if child.poll() is None:
                child.kill()
        for child in started:
            child.wait()
            if child.stdin:
                child.stdin.close()


def wait_for(started: list[subprocess.Popen], errors: Path, until: float) -> None:
    """Returns when all have ended well; raises as soon as one has not, or the time is over."""
    while any(child.poll() is None for child in started):
        if failed := [i for i, child in enumerate(started) if child.poll() not in (None, 0)]:
            break
        if time.monotonic() > until:
            raise FailedError(
                "the time is over (--timeout), so all processes were ended. The last words of the "
                f"first: {last_words(errors, 0)}"
            )
        time.sleep(0.05)
    else:
        failed = [i for i, child in enumerate(started) if child.returncode]
    if failed:
        raise FailedError(
            f"process {failed[0]} ended with status {started[failed[0]].returncode}, so the others "
            f"were ended too. Its last words:\n{last_words(errors, failed[0])}"
        )


def last_words(errors: Path, i: int) -> str:
    """The end of what a process wrote to its standard error."""
    text = (errors / f"{i}.err").read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.strip().splitlines()[-20:])


def run(script: str, processes: int, options: list[str], seconds: float) -> None:
    """Runs the script in so many processes that find each other, until all have ended."""
    until = time.monotonic() + seconds
    address = f"{HOST}:{free_port()}"
    commands = [
        [sys.executable, script, *options, "--coordinator", address, "--rank", f"{i}/{processes}"]
        for i in range(processes)
    ]
    with tempfile.TemporaryDirectory() as folder, children(commands, Path(folder)) as started:
        wait_for(started, Path(folder), until)
