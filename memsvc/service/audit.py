"""What summaries say, where it comes from, and what they leave out: the log is read once for a page of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from memsvc.core.model import Entry, Key, Summary
from memsvc.core.sources import Statement, statements
from memsvc.core.trace import Trace
from memsvc.ports import Log

PAGE = 500
MOST_MESSAGES = 200_000
"""The newest that the last summary of a page stands for are looked through."""
MOST_SUMMARIES = 20
"""Most summaries that are told of at once."""
MOST_RANGES = 100
"""Ranges of messages that are told as left out, the newest ones."""
AT_ONCE = 2
"""Readings of logs that run together in this process; others wait."""


class Audit:
    """Looks through logs, page by page, off the event loop."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def tell(self, key: Key, summaries: Sequence[Summary]) -> list[dict[str, Any]]:
        """`statements` and `left_out` of each. Raises NotFound."""
        last = max((s.to_seq for s in summaries), default=0)
        first = seq = max(0, last - MOST_MESSAGES)
        async with self._turns:
            reading = await asyncio.to_thread(_Reading, summaries, first + 1)
            while seq < last and (page := await self._log.entries(key, after=seq, upto=last, limit=PAGE)):
                await asyncio.to_thread(reading.look, page)
                seq = page[-1].seq
            return await asyncio.to_thread(reading.told)


class _Reading:
    """A log as far as it is read. A summary is told of when the last message that it stands for has been read."""

    def __init__(self, summaries: Sequence[Summary], first: int) -> None:
        self._summaries = summaries
        self._first = first
        self._said = [statements(s.text, s.to_seq) for s in summaries]
        self._told: dict[int, dict[str, Any]] = {}
        self._open = sorted(range(len(summaries)), key=lambda i: -summaries[i].to_seq)
        unnamed = [s for said in self._said for s in said if not s.sources]
        self._trace = Trace((s.text for s in unnamed if s.exact), (s.text for s in unnamed if not s.exact))
        self._seqs: list[int] = []
        self._tokens: list[int] = []

    def look(self, page: Sequence[Entry]) -> None:
        """The next messages of the log."""
        for entry in page:
            self._close(entry.seq)
            if not entry.superseded:
                self._trace.look(entry)
                self._seqs.append(entry.seq)
                self._tokens.append(entry.tokens)

    def told(self) -> list[dict[str, Any]]:
        """What there is to say of each summary."""
        self._close(None)
        return [self._told[i] for i in range(len(self._summaries))]

    def _close(self, before: int | None) -> None:
        """Tell of the summaries that stand for no message from seq `before` on; None = of all."""
        while self._open and (before is None or self._summaries[self._open[-1]].to_seq < before):
            i = self._open.pop()
            found = [(s, s.sources or self._traced(s)) for s in self._said[i]]
            rows = [
                {"text": s.text, "section": s.section, "sources": list(q), "named": bool(s.sources)} for s, q in found
            ]
            named = {seq for _, sources in found for seq in sources}
            self._told[i] = {"statements": rows, "left_out": self._left_out(named, self._summaries[i].to_seq)}

    def _traced(self, one: Statement) -> tuple[int, ...]:
        return self._trace.value(one.text) if one.exact else self._trace.point(one.text)

    def _left_out(self, named: set[int], to_seq: int) -> dict[str, Any]:
        """Of the live messages up to `to_seq` those that are not named; neighbours in the live log make one range."""
        ranges: list[list[int]] = []
        number = tokens = 0
        joined = False
        for at in range(bisect_right(self._seqs, to_seq)):
            seq = self._seqs[at]
            if seq in named:
                joined = False
                continue
            number, tokens = number + 1, tokens + self._tokens[at]
            if joined:
                ranges[-1][1] = seq
            else:
                ranges.append([seq, seq])
            joined = True
        return {"from": self._first, "messages": number, "tokens": tokens, "ranges": ranges[-MOST_RANGES:]}
