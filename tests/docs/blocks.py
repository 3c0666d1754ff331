"""The fenced blocks of the documents, and by which test each is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(p.name for p in ROOT.glob("*.md")),
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    "benchmarks/README.md",
]
REASONS = {
    "it takes minutes",
    "it runs until stopped",
    "it needs a server of that kind",
    "it changes the machine",
}
"""Why a block may stand in a page without being run: `<!-- not run: REASON -->` on the line before it. A block that a
test of its own runs says so in the same place: `<!-- run by: tests/FOLDER/test_name.py -->`."""
SHELL = {"sh", "bash"}
SHOWN = {"text"}
"""Drawings, output and formulas: nothing that could be run."""
OWN = {
    "README.md": "tests/test_readme.py",
    "docs/http.md": "tests/test_readme.py",
    "docs/gateway.md": "tests/test_readme.py",
    "docs/recall.md": "tests/test_readme.py",
    "docs/client.md": "tests/edges/test_client_page.py",
    "docs/integrations.md": "tests/integrations/test_examples.py",
    "docs/provider.md": "tests/provider/test_command.py",
}
"""Pages whose Python is run by a test of their own; that of all others is run by `test_snippets.py`."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        line: where it begins in its page.
        excuse: why it is not run; "" = it is.
        test: the file that runs it, where the page names one.
    """

    page: str
    line: int
    language: str
    text: str
    excuse: str
    test: str


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """Every block of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(
        r"^(?:<!-- (?:not run: ([^\n]*?)|run by: ([^\n]*?)) -->\n)?```([^\n]*)\n(.*?)^```$", text, re.M | re.S
    )
    return tuple(
        Block(page, text.count("\n", 0, one.start(3)) + 1, one[3].strip(), one[4], one[1] or "", one[2] or "")
        for one in found
    )


def runnable(page: str) -> list[Block]:
    """Those that `test_snippets.py` runs: shell of any page, Python of pages without a test of their own."""
    languages = SHELL if page in OWN else SHELL | {"python"}
    return [block for block in blocks(page) if block.language in languages and not block.excuse + block.test]
