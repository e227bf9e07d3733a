"""The process in which a subject is timed: ``python -m benchmarks.child SUBJECT``.

It reads requests, a line of JSON each, and answers each with a line of JSON. ``{"start": plan}``
prepares what the plan names, and is answered with the numbers that every way has found so far.
``{"time": way}`` takes one block of that way, and is answered with what it measured.
"""

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

import jax

import jaxopt_slides as jos
from benchmarks.bench import Prepared

MODULES = {
    "dense": "dense",
    "leaves": "leaves",
    "eager": "eager",
    "compile": "compiling",
    "memory": "memory",
}


def answer(prepared: Prepared, start: Callable[[Any], Prepared], request: Any) -> tuple[Prepared, Any]:
    """One request."""
    if "start" in request:
        prepared.ways.clear()  # frees what the plan before held
        prepared = start(request["start"])
        return prepared, prepared.found
    return prepared, prepared.ways[request["time"]]()


def serve(start: Callable[[Any], Prepared], hello: Any, requests: TextIO, answers: TextIO) -> None:
    """Says hello, then answers every line of the requests."""
    prepared, reply = Prepared({}, {}), hello
    print(json.dumps(reply), file=answers, flush=True)
    for line in requests:
        prepared, reply = answer(prepared, start, json.loads(line))
        print(json.dumps(reply), file=answers, flush=True)


def main() -> None:
    """Serves the subject on standard input and output."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not get between the answers
    start = importlib.import_module(f"benchmarks.{MODULES[sys.argv[1]]}").start
    found = jos.diagnostics.one_pass()
    hello = {
        "platform": jax.default_backend(),
        "device": str(jax.devices()[0].device_kind),
        "one_pass": found.on,
        "because": found.because,
    }
    serve(start, hello, sys.stdin, answers)


if __name__ == "__main__":
    main()
