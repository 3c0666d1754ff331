"""Chat Completions messages as the measures see them: their text, their tokens, where they may be parted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from memsvc.ports import Counter
from memsvc.tokens import build_counter

Json = dict[str, Any]
OVERHEAD = 4
"""Tokens of a message's frame, as in Chat Completions."""


@cache
def counter() -> Counter:
    """o200k, the same count for every compactor."""
    return build_counter()


def text_of(message: Json) -> str:
    """All that a model would read of a message: what is said, then each call's name and arguments."""
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(p["text"] for p in content if p.get("type") == "text")
    calls = (c["function"] for c in message.get("tool_calls") or [])
    return "".join([content or "", *(f"\n{f['name']} {f['arguments']}" for f in calls)])


def joined(messages: Sequence[Json]) -> str:
    """The text of a whole context."""
    return "\n".join(map(text_of, messages))


@lru_cache(maxsize=200_000)
def count(text: str) -> int:
    """Tokens of a text."""
    return counter().count(text)


def sizes(messages: Sequence[Json]) -> list[int]:
    """Tokens of each message."""
    return [count(text_of(m)) + OVERHEAD for m in messages]


def size(messages: Sequence[Json]) -> int:
    """Tokens of a context."""
    return sum(sizes(messages))


def groups(messages: Sequence[Json]) -> list[range]:
    """Indices of messages that stay together: calls with the results that follow them, else one message."""
    found: list[range] = []
    start = 0
    while start < len(messages):
        end = start + 1
        if messages[start].get("tool_calls"):
            while end < len(messages) and messages[end]["role"] == "tool":
                end += 1
        found.append(range(start, end))
        start = end
    return found


def parted(messages: Sequence[Json], parts: int) -> list[int]:
    """Ends of `parts` nearly equal parts that part no group; the last is the end."""
    ends = [round(len(messages) * (k + 1) / parts) for k in range(parts)]
    starts = [g.start for g in groups(messages)] + [len(messages)]
    return [min(s for s in starts if s >= end) for end in ends]
