"""How firmly a rule was laid down, and how the patterns that tell are written.

Patterns stand in blocks of text: a rule begins at the block's own indent, a line with more indent goes on with the
one before, without a space between. <NAME> stands for a fragment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from memsvc.core.patterns import regex

NONE, SOFT, SCOPED, STANDING = 0, 1, 2, 3
"""No rule; a preference or a fact about the person ("I'm vegetarian"); a rule for a kind of occasion or of output
("When you cite, ...", "Use British spelling"); a rule in so many words ("always", "never", "from now on", "do not")."""

Patterns = tuple[re.Pattern[str], ...]
Graded = tuple[tuple[re.Pattern[str], int], ...]


def words(text: str) -> frozenset[str]:
    """The words of a block."""
    return frozenset(text.split())


def joined(text: str) -> str:
    """One pattern that was written over several lines."""
    return "".join(line.strip() for line in text.splitlines())


def patterns(text: str, names: Mapping[str, str] | None = None) -> Patterns:
    """The patterns of a block, in order."""
    lines = [line for line in text.splitlines() if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    found: list[str] = []
    for line in lines:
        if line[indent].isspace():
            found[-1] += line.strip()
        else:
            found.append(line.strip())
    for name, fragment in (names or {}).items():
        found = [pattern.replace(f"<{name}>", fragment) for pattern in found]
    return tuple(regex(pattern) for pattern in found)


def one_of(text: str, names: Mapping[str, str] | None = None) -> re.Pattern[str]:
    """One pattern for a block: it matches where any of the block's does, in one pass."""
    return regex("|".join(f"(?:{p.pattern})" for p in patterns(text, names)))


def graded(standing: str, scoped: str, soft: str, names: Mapping[str, str] | None = None) -> Graded:
    """The patterns of three blocks with the strength of each, the strongest first."""
    blocks = ((standing, STANDING), (scoped, SCOPED), (soft, SOFT))
    return tuple((one_of(block, names), strength) for block, strength in blocks)
