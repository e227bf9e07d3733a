"""The memory that a process takes, as Linux counts it."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def counted() -> bool:
    """Whether this system counts it."""
    return STATUS.exists() and RESET.exists()


def _megabytes(name: str) -> float:
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _settled() -> float:
    """What the process has once it is done with freeing, which jax's threads do later."""
    gc.collect()
    last, now = float("inf"), _megabytes("VmRSS")
    while now < last:
        time.sleep(0.3)
        last, now = now, _megabytes("VmRSS")
    return now


def peak_of(function: Callable[[], Any]) -> float:
    """How many MiB beyond what it has now the process takes at most while the function runs."""
    before = _settled()
    RESET.write_text("5", encoding="utf-8")  # the peak so far is forgotten
    kept = function()
    peak = _megabytes("VmHWM") - before
    del kept
    return peak
