"""Searching a session's log, compacted or not."""

from __future__ import annotations

import asyncio
from typing import Any

from memsvc.core.flatten import said
from memsvc.core.model import Key
from memsvc.core.search import Scan, parse, snippet
from memsvc.errors import NotFound
from memsvc.ports import Log

PAGE = 500
MOST_MESSAGES = 200_000
"""The newest of a longer log are looked through."""
AT_ONCE = 2
"""Searches that run together in this process; others wait."""


class Search:
    """Looks through logs, page by page, off the event loop."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, key: Key, q: str, limit: int) -> dict[str, Any]:
        """The document of a search. Raises NotFound, InvalidRequest."""
        query = parse(q)
        head = await self._log.head(key)
        if head is None:
            raise NotFound(f"no session {key.session!r}")
        scan = Scan(query)
        first = seq = max(0, head.last_seq - MOST_MESSAGES)
        async with self._turns:
            while page := await self._log.entries(key, after=seq, limit=PAGE):
                await asyncio.to_thread(scan.look, page)
                seq = page[-1].seq
            best = await asyncio.to_thread(scan.best, limit)
        rows = []
        for match, score in best:
            found = await self._log.entries(key, after=match.seq - 1, upto=match.seq, limit=1)
            if not found or found[0].redacted:
                continue  # erased since
            entry = found[0]
            rows.append(
                {
                    "seq": entry.seq,
                    "role": said(entry).role,
                    "at": entry.at,
                    "score": round(score, 4),
                    "snippet": snippet(entry, query),
                    "compacted": entry.seq <= head.cut and not entry.superseded,
                    "superseded": entry.superseded,
                }
            )
        return {"results": rows, "matches": len(scan.matches), "from_seq": first + 1}
