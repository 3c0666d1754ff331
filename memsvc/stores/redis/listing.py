"""A tenant's sessions, page by page: each shard keeps its own by activity, a page is merged from all."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from memsvc.core.model import Key, Session
from memsvc.stores.paging import cursor, position
from memsvc.stores.redis import codec
from memsvc.stores.redis.headers import Headers
from memsvc.stores.redis.keys import SHARDS, Keys, user_token
from memsvc.stores.redis.link import Command
from memsvc.stores.redis.seen import LEAST_BYTES, Seen
from memsvc.stores.redis.server import Server

UID_DIGITS = 14
MOST_UID = 1 << 53
STEP, MOST_STEP = 8, 1000
"""Sessions that are asked of a shard at once: few at first, for a page takes a few from each."""

Place = tuple[float, int]
Found = tuple[float, int, str]
"""Activity, uid, name."""


@dataclass
class Shelf:
    """What one shard has: `ahead` of what was taken, down to `read`."""

    index: str
    read: Place | None
    ahead: deque[Found] = field(default_factory=deque)
    step: int = STEP
    ended: bool = False

    def command(self) -> Command:
        """Asks for what follows."""
        highest = "+inf" if self.read is None else repr(self.read[0])
        return ("ZREVRANGEBYSCORE", self.index, highest, "-inf", "WITHSCORES", "LIMIT", 0, self.step)

    def take_in(self, answer: list[tuple[bytes, float]], prefix: str) -> None:
        """Keep what follows; sessions of the same moment as the last one come again."""
        self.ended = len(answer) < self.step
        self.step = min(self.step * 2, MOST_STEP)
        fresh = 0
        for member, at in answer:
            uid = int(member[:UID_DIGITS], 16)
            if self.read is not None and (at, uid) >= self.read:
                continue
            fresh += 1
            self.read = at, uid
            name = member[UID_DIGITS:].decode()
            if name.startswith(prefix):
                self.ahead.append((at, uid, name))
        if not fresh and not self.ended:  # more of one moment than were asked for
            self.step *= 2


class Listing:
    """Pages of sessions."""

    def __init__(self, server: Server, keys: Keys, seen: Seen, headers: Headers) -> None:
        self._server = server
        self._keys = keys
        self._seen = seen
        self._headers = headers

    async def page(
        self, tenant: str, prefix: str, user: str | None, after: str | None, limit: int
    ) -> tuple[list[Session], str | None]:
        """A page, newest activity first, and the cursor of the next one."""
        start = None if after is None else position(after, most_uid=MOST_UID)
        name = f"t:{self._keys.tenant(tenant)}" if user is None else f"u:{user_token(tenant, user)}"
        shelves = [Shelf(f"{self._keys.base(shard)}{name}", start) for shard in range(SHARDS)]
        found = await self._merged(shelves, prefix, limit + 1)
        page = found[:limit]
        following = cursor(page[-1][0], page[-1][1]) if page and len(found) > limit else None
        return await self._sessions(tenant, page), following

    async def _merged(self, shelves: list[Shelf], prefix: str, number: int) -> list[Found]:
        """The newest of all shards: nothing is taken while a shard may have something newer."""
        found: list[Found] = []
        while True:
            empty = [(n, s) for n, s in enumerate(shelves) if not s.ahead and not s.ended]
            answers = await self._server.spread([(n, s.command()) for n, s in empty]) if empty else []
            for (_, shelf), answer in zip(empty, answers, strict=True):
                shelf.take_in(answer, prefix)
            heads = [(-s.ahead[0][0], -s.ahead[0][1], n) for n, s in enumerate(shelves) if s.ahead]
            heapq.heapify(heads)
            while heads and len(found) < number and all(s.ahead or s.ended for s in shelves):
                _, _, n = heapq.heappop(heads)
                found.append(shelves[n].ahead.popleft())
                if shelves[n].ahead:
                    at, uid, _ = shelves[n].ahead[0]
                    heapq.heappush(heads, (-at, -uid, n))
            if len(found) == number or all(s.ended and not s.ahead for s in shelves):
                return found

    async def _sessions(self, tenant: str, page: list[Found]) -> list[Session]:
        """Their headers; without those that were deleted meanwhile."""
        keys = [Key(tenant, name) for _, _, name in page]
        places = [self._keys.place(key) for key in keys]
        raws = await self._server.spread([(p.shard, ("GET", *p.of("h"))) for p in places])
        headers = [codec.header_of(raw) if raw is not None else None for raw in raws]
        there = [n for n, (h, f) in enumerate(zip(headers, page, strict=True)) if h is not None and h.uid == f[1]]
        missing = [n for n in there if self._seen.settings(headers[n]["stamp"]) is None]  # type: ignore[index]
        blobs = await self._server.spread([(places[n].shard, ("GET", *places[n].of("g"))) for n in missing])
        settings = dict(zip(missing, blobs, strict=True))
        sessions = (await self._session(keys[n], headers[n], settings.get(n)) for n in there)  # type: ignore[arg-type]
        return [s async for s in sessions if s is not None]

    async def _session(self, key: Key, header: codec.Header, settings: bytes | None) -> Session | None:
        stamp = header["stamp"]
        held = self._seen.settings(stamp)
        if held is None and settings is not None and codec.stamp_of(settings) == stamp:
            held = codec.settings_of(settings)
            self._seen.put(key, stamp, header["user"], held, len(settings) + LEAST_BYTES)
        if held is not None:
            return header.session(held)
        return await self._headers.head(key)  # changed between the two looks
