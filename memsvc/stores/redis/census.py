"""All that a store holds, page by page, in an order that activity does not change: shard by shard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from memsvc.core.model import Key, Session
from memsvc.core.money import Line
from memsvc.stores.paging import packed_place, place_of
from memsvc.stores.redis import codec
from memsvc.stores.redis.headers import Headers
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.listing import UID_DIGITS
from memsvc.stores.redis.server import Server

STEP = 200
"""Names that are asked for at once."""


class Census:
    """Pages of sessions and of the books. Raises what `ports.Census` says."""

    def __init__(self, server: Server, keys: Keys, headers: Headers) -> None:
        self._server = server
        self._keys = keys
        self._headers = headers

    async def every(self, tenant: str | None, after: str | None, limit: int) -> tuple[list[Session], str | None]:
        """A page of sessions by shard and uid, and the cursor of the next one."""
        place: list[int] = place_of(after, [0, 0])
        shard, uid = place
        found: list[Session] = []
        places: list[list[int]] = []
        while shard < SHARDS and len(found) <= limit:
            asked = ("ZRANGEBYSCORE", f"{self._keys.base(shard)}all", f"({uid}", "+inf", "WITHSCORES", "LIMIT", 0, STEP)
            (page,) = await self._server.spread([(shard, asked)])
            for session in await self._sessions(shard, [name.decode() for name, _ in page]):
                if tenant in (None, session.key.tenant):
                    found.append(session)
                    places.append([shard, session.uid])
            shard, uid = (shard, int(page[-1][1])) if len(page) == STEP else (shard + 1, 0)
        return found[:limit], packed_place(places[limit - 1]) if len(found) > limit else None

    async def idle(self, tenant: str, before: float, after: str | None, limit: int) -> tuple[list[Session], str | None]:
        """A page of sessions that were not active since `before`, and the cursor of the next one."""
        place: tuple[int, float, str] = tuple(_any(place_of(after, [0, 0.0, ""])))
        shard, at, last = place if after is not None else (0, -math.inf, "")
        found: list[tuple[list[int | float | str], Session]] = []
        skip = 0
        while shard < SHARDS and len(found) <= limit:
            index = f"{self._keys.base(shard)}t:{self._keys.tenant(tenant)}"
            asked = ("ZRANGEBYSCORE", index, repr(at), f"({before!r}", "WITHSCORES", "LIMIT", skip, STEP)
            (page,) = await self._server.spread([(shard, asked)])
            fresh = [(n.decode(), float(t)) for n, t in page if (float(t), n.decode()) > (at, last)]
            names = [self._keys.place(Key(tenant, name[UID_DIGITS:])).name for name, _ in fresh]
            there = {s.uid: s for s in await self._sessions(shard, names)}
            for name, moment in fresh:
                session = there.get(int(name[:UID_DIGITS], 16))
                if session is not None and session.updated_at < before:
                    found.append(([shard, moment, name], session))
            if len(page) < STEP:
                shard, at, last, skip = shard + 1, -math.inf, "", 0
                continue
            # From the last one's moment on, not by a count of those before: some of them may have left meanwhile.
            end, newest = float(page[-1][1]), page[-1][0].decode()
            skip = skip + STEP if end == at else 0
            at, last = end, max(last, newest) if end == at else newest
        page_of = [session for _, session in found[:limit]]
        return page_of, packed_place(found[limit - 1][0]) if len(found) > limit else None

    async def lines(self, tenant: str | None, after: str | None, limit: int) -> tuple[list[Line], str | None]:
        """A page of the books by shard, and the cursor of the next one."""
        shard: int
        shard, last = _any(place_of(after, [0, ""]))
        owner = self._keys.tenant(tenant) if tenant is not None else ""
        found: list[Line] = []
        places: list[list[int | str]] = []
        while shard < SHARDS and len(found) <= limit:
            begin = f"({last}" if last else f"[{owner}"
            end = b"(" + owner.encode() + b"\xff" if owner else b"+"
            asked = ("ZRANGEBYLEX", f"{self._keys.base(shard)}lines", begin, end, "LIMIT", 0, STEP)
            (page,) = await self._server.spread([(shard, asked)])
            members = [m.decode("utf-8", "surrogatepass") for m in page]
            for member, line in zip(members, await self._lines(shard, members), strict=True):
                if line is not None:
                    found.append(line)
                    places.append([shard, member])
            shard, last = (shard, members[-1]) if len(page) == STEP else (shard + 1, "")
        return found[:limit], packed_place(places[limit - 1]) if len(found) > limit else None

    async def _sessions(self, shard: int, names: Sequence[str]) -> list[Session]:
        """Headers by their names in a shard; without those that were deleted meanwhile."""
        base = self._keys.base(shard)
        raws = await self._server.spread([(shard, ("GET", f"{base}{x}:{name}")) for name in names for x in "hg"])
        found = []
        for raw, settings in zip(raws[::2], raws[1::2], strict=True):
            if raw is None:
                continue
            header = codec.header_of(raw)
            if settings is not None and codec.stamp_of(settings) == header["stamp"]:
                found.append(header.session(codec.settings_of(settings)))
                continue
            head = await self._headers.head(Key(header["tenant"], header["sid"]))  # changed between the two looks
            found += [head] if head is not None else []
        return found

    async def _lines(self, shard: int, members: Sequence[str]) -> list[Line | None]:
        base, cut = self._keys.base(shard), codec.FINGERPRINT_CHARS
        asked = [(shard, ("HGET", f"{base}l:{m[:cut]}", m[cut:].encode("utf-8", "surrogatepass"))) for m in members]
        stored = [codec.line_of(raw) if raw is not None else None for raw in await self._server.spread(asked)]
        uids = {one[0] for one in stored if one is not None and one[0]}
        owners = await self._owners(shard, sorted(uids))
        return [None if one is None else one[1](owners.get(one[0], "")) for one in stored]

    async def _owners(self, shard: int, uids: Sequence[int]) -> dict[int, str]:
        """Names of the sessions that are there, or that took their places, by uid."""
        base = self._keys.base(shard)
        heirs = await heirs_of(self._server, shard, base, uids)
        now = sorted(set(heirs.values()))
        found = await self._server.spread([(shard, ("ZRANGEBYSCORE", f"{base}all", uid, uid)) for uid in now])
        names = [one[0].decode() for one in found if one]
        there = {s.uid: s.key.session for s in await self._sessions(shard, names)}
        return {uid: there[heir] for uid, heir in heirs.items() if heir in there}


async def heirs_of(server: Server, shard: int, base: str, uids: Sequence[int]) -> dict[int, int]:
    """Uids of the sessions that took the places of these, their own where none did. `base`: of the shard's keys."""
    heirs = {uid: uid for uid in uids}
    fresh = list(uids)
    while fresh:  # a session that took a place may have lost it too
        (answer,) = await server.spread([(shard, ("HMGET", f"{base}heirs", *fresh))])
        nexts = {uid: int(one) for uid, one in zip(fresh, answer, strict=True) if one is not None}
        heirs = {uid: nexts.get(now, now) for uid, now in heirs.items()}
        fresh = sorted(set(nexts.values()))
    return heirs


def _any(place: list[Any]) -> list[Any]:
    return place
