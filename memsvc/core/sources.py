"""Which messages a summary names: each statement stands behind the number and the speaker of its source."""

from __future__ import annotations

import re

MOST = 2_000
_SOURCE = re.compile(
    r"\[\d{1,10}(?:, ?\d{1,10})* (?:user|assistant|tool|system|call|result|error)\b|\bseq \d{1,10}\b"
    r"|^\d{1,10} (?=[^:\n]{1,80}: )",
    re.MULTILINE,
)
_NUMBERS = re.compile(r"\d{1,10}")


def sources(text: str, to_seq: int) -> list[int]:
    """Numbers of the messages that a summary names, in order, each once: `[17 user]`, `[3, 5 assistant]`, `seq 9`.
    Numbers beyond `to_seq` are none: a model may make one up."""
    found: set[int] = set()
    for match in _SOURCE.finditer(text):
        if len(found) >= MOST:
            break
        found |= {n for n in map(int, _NUMBERS.findall(match[0])) if 0 < n <= to_seq}
    return sorted(found)
