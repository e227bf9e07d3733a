"""The command line of ``text.py``."""

import argparse
from collections.abc import Collection
from pathlib import Path


def at_least_one(text: str) -> int:
    """A whole number from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def picture_path(text: str) -> Path:
    """Where the picture goes: a file, or a folder for ``text.png``."""
    path = Path(text)
    if path.is_dir() or not path.suffix:
        return path / "text.png"
    if path.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a folder nor a .png, .pdf or .svg file")
    return path


def folder_path(text: str) -> Path:
    """A folder, which need not be there yet."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a file, not a folder")
    return path


def parse(argv: list[str] | None, known: Collection[str], parts: int) -> argparse.Namespace:
    """The options, of which ``rules`` are some of the known ones, each once."""

    def rule_names(text: str) -> list[str]:
        names = list(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown rule {name!r}; known are {', '.join(known)}")
        return names

    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains a small word model on Python's own help text with the slides' rules, each "
        "over seven learning rates in one vmapped sweep, and compares them in a table and a picture. "
        "About two minutes on two cores.",
    )
    rounded = f"training steps of each run, rounded up to {parts} equal parts"
    parser.add_argument("--steps", type=at_least_one, default=1000, metavar="N", help=rounded)
    rules = f"rules to train, with commas between: some of {', '.join(known)}"
    parser.add_argument("--rules", type=rule_names, default=",".join(known), metavar="A,B", help=rules)
    out = "where the picture goes: a .png, .pdf or .svg file, or a folder for text.png"
    parser.add_argument("--out", type=picture_path, default="text.png", metavar="PATH", help=out)
    seed = "what the first params and the minibatches are drawn from"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=seed)
    seeds = "train from seeds S to S+N-1, all at once, and show mean ± 95%% interval; N times the work"
    parser.add_argument("--seeds", type=at_least_one, default=1, metavar="N", help=seeds)
    batch = "examples in a minibatch"
    parser.add_argument("--batch-size", type=at_least_one, default=128, metavar="N", help=batch)
    folder = "save a checkpoint there after every part of a run"
    parser.add_argument("--checkpoint-dir", type=folder_path, metavar="DIR", help=folder)
    resume = "go on from the newest checkpoint in --checkpoint-dir, if there is one"
    parser.add_argument("--resume", action="store_true", help=resume)
    options = parser.parse_args(argv)
    if options.resume and options.checkpoint_dir is None:
        parser.error("--resume needs --checkpoint-dir, the folder to resume from")
    return options
