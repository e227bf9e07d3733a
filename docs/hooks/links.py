"""Links from a page to files that are no pages: they work on a code host, and must not be dead here."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")


def outside(markdown: str, folder: str, source: str) -> str:
    """Links to files that are no pages lead to ``source``; without one, only their text is left."""

    def led(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, found[2]))
        if "://" in found[2] or target.startswith("docs/") or not (ROOT / target).exists():
            return found[0]
        return f"[{found[1]}]({source}{target}{found[3]})" if source else found[1]

    return LINK.sub(led, markdown)
