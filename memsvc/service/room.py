"""Room for work that is all CPU: one piece at a time, and who goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

URGENT: Final = 0
"""A fetch waits for it: it waits for nothing but others of its kind."""
BEGUN: Final = 1
"""It goes on with what was begun, whose memory is let go of at its end."""
NEW: Final = 2


class Room:
    """Lets one in at a time, of those that wait the one of the least rank, of equals the first that came.

    Threads of one interpreter get no more CPU by being several, and each is one more that requests wait for. Who is
    URGENT does not wait for one of another rank that is in: those then wait for both. Not to be taken by one who is in.
    """

    def __init__(self) -> None:
        self._inside: list[int] = []
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def taken(self, rank: int) -> AsyncIterator[None]:
        """Wait for room; let go of it at the end of the block."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), mine))
        self._admit()
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was let in, and given up before it knew
                self._leave(rank)
            raise
        try:
            yield
        finally:
            self._leave(rank)

    def _admit(self) -> None:
        while self._waiting:
            rank, _, first = self._waiting[0]
            if not first.done():  # else it was given up
                if self._inside and (rank > URGENT or URGENT in self._inside):
                    return
                self._inside.append(rank)
                first.set_result(None)
            heapq.heappop(self._waiting)

    def _leave(self, rank: int) -> None:
        self._inside.remove(rank)
        self._admit()
