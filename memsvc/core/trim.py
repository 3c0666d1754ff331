"""Texts cut down to a number of tokens: one text in its middle, notes by whole lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from msgspec import Struct

from memsvc.core.patterns import regex

Count = Callable[[str], int]
_LABELLED = regex(r"\[\d{1,12} [^\]\n]{1,80}\] ")


def clamp(text: str, limit: int, count: Count, what: str) -> str:
    """At most `limit` tokens of a text: its beginning and its end, and between them how much is missing."""
    if count(text[: 64 * max(0, limit) + 64]) <= limit and count(text) <= limit:
        return text
    low, high = 0, min(len(text), 64 * max(0, limit))
    best = ""
    while low < high:
        keep = (low + high + 1) // 2
        head, tail = text[: keep - keep // 3], text[len(text) - keep // 3 :]
        candidate = f"{head} [… {len(text) - keep} characters {what} …] {tail}".rstrip()
        if count(candidate) <= limit:
            low, best = keep, candidate
        else:
            high = keep - 1
    return best


def trim(body: str, limit: int, count: Count) -> str:
    """Whole lines of a body within `limit` tokens. The longest section gives first: of lines that
    carry a message number the oldest, of others the last."""
    if limit <= 0 or not body:
        return ""
    if count(body) <= limit:
        return body
    sections = _sections(body, count)
    total = sum(section.cost for section in sections)
    heap = [(-section.cost, i) for i, section in enumerate(sections)]
    heapify(heap)
    while total > limit and heap:
        _, i = heappop(heap)
        before = sections[i].cost
        sections[i].give()
        total -= before - sections[i].cost
        if sections[i].cost:
            heappush(heap, (-sections[i].cost, i))
    kept = "\n".join(line for section in sections for line in section.text()).strip()
    return kept or clamp(body.splitlines()[0], limit, count, "left out")


class _Section(Struct):
    """Lines of a body below one heading; `cost` in tokens, of all of it."""

    heading: str | None
    lines: deque[tuple[str, int]]
    cost: int

    def give(self) -> None:
        """Let one line go, and the heading with the last one."""
        if self.lines:
            oldest = _LABELLED.match(self.lines[0][0])
            self.cost -= (self.lines.popleft() if oldest else self.lines.pop())[1]
        if not self.lines:
            self.heading, self.cost = None, 0

    def text(self) -> list[str]:
        return [*([self.heading] if self.heading is not None else []), *(line for line, _ in self.lines)]


def _sections(body: str, count: Count) -> list[_Section]:
    found = [_Section(None, deque(), 0)]
    for line in body.splitlines():
        cost = count(line) + 1
        if line.startswith("#"):
            found.append(_Section(line, deque(), cost))
        else:
            found[-1].lines.append((line, cost))
            found[-1].cost += cost
    return found
