"""On what, and with which versions, something was measured."""

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.workers import ROOT, CannotMeasureError

PACKAGES = ("jaxopt_slides", "jax", "jaxlib", "numpy", "chex", "optax")


def cores() -> int:
    """How many this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def processor() -> str:
    """Its name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """A package's, or None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def torch_version(python: str) -> str:
    """That of the torch which this Python has."""
    command = [python, "-c", "import torch; print(torch.__version__)"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotMeasureError(f"--torch-python: {python} cannot be run: {error.strerror}.") from None
    if done.returncode:
        raise CannotMeasureError(
            f"--torch-python: {python} cannot import torch. Give a Python that can, or leave the "
            f"option out: nothing is compared with torch then."
        )
    return done.stdout.split()[-1]


def commit() -> str | None:
    """The commit of this folder, with a plus if files differ from it; None outside of a repository."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def described(torch: str | None) -> dict[str, Any]:
    """Machine, versions, date, and how busy the machine was before anything was measured."""
    load = getattr(os, "getloadavg", None)
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor(),
            "cores": cores(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "load": load()[0] if load else None,
        },
        "versions": {name: version(name) for name in PACKAGES} | {"torch": torch},
        "commit": commit(),
    }
