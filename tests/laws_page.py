"""Writes docs/laws.md: the laws, and what they find in every transform of optax and in ours.

    python -m tests.laws_page [--jobs 2] [--only NAME] [--results FILE]

With ``--only`` it prints instead of writing. ``--results`` keeps the verdicts in a JSON file and
judges only subjects that are not yet in it: the whole takes half an hour on two quiet cores.
"""

import argparse
import collections
import importlib.metadata
import json
import multiprocessing
import sys
import warnings
from pathlib import Path

import jax

from jaxopt_slides import testing
from tests import peers, subjects
from tests.reproductions import KINDS, SETUP

PAGE = Path(__file__).resolve().parent.parent / "docs" / "laws.md"
OURS = "jaxopt_slides."
HEAD = """\
# The laws

`jaxopt_slides.testing` holds what any optax-style transform should keep, as functions and as a command:

```sh
python -m jaxopt_slides.testing optax:rmsprop learning_rate=0.1
```

prints each law with *ok*, *fault* and its counterexample, or *not applicable* and why. In a test suite,
`testing.check(tx)` raises all faults at once; `testing.Subject.of(constructor, learning_rate=0.1)` is
asked about its hyperparameters too.

A law finds a fault where a user gets a wrong number, a NaN, a silent broadcast, or a crash that does
not say what is wrong. That is a strict reading: many of these are known, some are deliberate, and for
several the library documents a way around. A fault here means that the default does not keep the law,
not that the transform is unfit for its purpose.
"""


def start() -> None:
    """Two devices for the law of shardings, and silence: the subjects' warnings are their own."""
    jax.config.update("jax_num_cpu_devices", 2)
    warnings.simplefilter("ignore")


def everything() -> dict:
    """All subjects by name: optax's, then ours."""
    ours = {OURS + s.name: s for s in subjects.SUBJECTS}
    return {s.name: s for s in peers.subjects()} | ours


def judged(name: str) -> tuple[str, list]:
    """The verdicts on one subject."""
    return name, [list(v) for v in testing.judge(everything()[name])]


def plural(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def of_laws(results: dict) -> list[str]:
    """Every law with its sentence, and in how many transforms of optax it finds a fault."""
    counts = collections.Counter(
        law
        for name, verdicts in results.items()
        if not name.startswith(OURS)
        for law, verdict, _ in verdicts
        if verdict == "fault"
    )
    rows = [f"| `{law.name}` | {law.sentence} | {counts[law.name] or '–'} |" for law in testing.LAWS]
    return ["| Law | | Faults in optax |", "|---|---|--:|", *rows]


def of_kinds(results: dict) -> list[str]:
    """What the faults of every law are, and three lines that show one, in optax alone."""
    lines = ["```python", SETUP.rstrip(), "```", ""]
    for law in testing.LAWS:
        found = [
            name
            for name, verdicts in results.items()
            if not name.startswith(OURS) and [law.name, "fault"] in [v[:2] for v in verdicts]
        ]
        if found:
            kind = KINDS[law.name]
            heading = f"### `{law.name}`: {plural(len(found), 'fault')}"
            lines += [heading, "", kind.text, "", "```python", kind.code.rstrip(), "```", ""]
    return lines


def of_subjects(results: dict, ours: bool) -> list[str]:
    """One row a transform: how many laws it keeps, and which it does not."""
    lines = ["| Transform | ok | n/a | Faults |", "|---|--:|--:|---|"]
    for name, verdicts in results.items():
        if name.startswith(OURS) == ours:
            count = collections.Counter(v for _, v, _ in verdicts)
            faults = ", ".join(f"`{law}`" for law, v, _ in verdicts if v == "fault") or "–"
            shown = name.removeprefix(OURS).removeprefix("optax.")
            lines.append(f"| `{shown}` | {count['ok']} | {count['not applicable']} | {faults} |")
    return lines


def page(results: dict) -> str:
    """The whole page."""
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in ("optax", "jax"))
    theirs = {n: v for n, v in results.items() if not n.startswith(OURS)}
    faults = sum(v == "fault" for verdicts in theirs.values() for _, v, _ in verdicts)
    own = sum(v == "fault" for n, x in results.items() if n not in theirs for _, v, _ in x)
    left_out = [f"`{name}` ({why})" for name, why in peers.LEFT_OUT.items()]
    parts = [
        HEAD,
        f"The numbers below are of {versions}, on CPU: {plural(len(theirs), 'transform')} that `optax` "
        f"and `optax.contrib` export, {plural(faults, 'fault')}; {len(results) - len(theirs)} of ours, "
        f"{plural(own, 'fault')}. Left out: {', '.join(left_out)}.\n",
        "## Each law\n",
        *of_laws(results),
        "\n## Each kind of fault, in three lines\n",
        "The tests run these lines, with optax alone.\n",
        *of_kinds(results),
        "## Each transform of optax\n",
        "Required arguments are given ordinary values (`tests/peers.py` lists them), all others keep "
        "their defaults; only `sgd` has `momentum=0.9`. *n/a*: the law asks nothing here; a bare "
        "closure, for example, cannot be an argument of `jit`.\n",
        *of_subjects(results, ours=False),
        "\n## Each transform of ours\n",
        *of_subjects(results, ours=True),
    ]
    return "\n".join(parts) + "\n"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.laws_page", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--only", action="append", default=[], help="a subject; repeatable")
    parser.add_argument("--results", type=Path, help="where verdicts are kept")
    return parser.parse_args()


def main() -> int:
    """Runs the script."""
    options = arguments()
    kept = options.results and options.results.exists()
    results = json.loads(options.results.read_text(encoding="utf-8")) if kept else {}
    names = options.only or list(everything())
    missing = [n for n in names if n not in results]
    with multiprocessing.get_context("spawn").Pool(options.jobs, start, maxtasksperchild=20) as pool:
        for name, verdicts in pool.imap_unordered(judged, missing):
            results[name] = verdicts
            faults = [law for law, verdict, _ in verdicts if verdict == "fault"]
            print(name, *faults, flush=True)
            if options.results:
                options.results.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if not options.only:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page({n: results[n] for n in names}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
