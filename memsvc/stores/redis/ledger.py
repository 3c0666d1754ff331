"""The books: one line a model call, written before the call at its worst, or after it as reported.

A line lies in the shard of its session, where a hold can look at what the session has spent. That an id is
booked once in a tenant, whichever session names it, is kept by an index of ids: it says in which shard the line
is or is about to be. It is written first: whoever comes again after a crash finds the shard and books there.
"""

from __future__ import annotations

import math
from typing import Any

from memsvc.core.model import Key
from memsvc.core.money import OWN, Line
from memsvc.stores import rules
from memsvc.stores.paging import packed_place, place_of
from memsvc.stores.redis import codec
from memsvc.stores.redis.census import heirs_of
from memsvc.stores.redis.keys import Keys, Place
from memsvc.stores.redis.server import Server

BOOKED, PASSES, GONE = 1, 2, 3
"""What the script answers: booked, more than the limit, no such session."""
RELEASED = 2
"""Added to the answer of `settle` where the line of the other id was held, and is no more."""
STEP = 500
"""Lines that are asked for at once."""


class Books:
    """Calls of the ledger."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    async def hold(self, line: Line, most_micros: int | None, since: float) -> bool:
        """Book the worst case of a call; False, and nothing is booked, if it would pass `most_micros`,
        or if the id is booked already. NotFound for a session that is gone."""
        place = self._keys.place(line.key)
        if await self._marked(line, place.shard) != place.shard:
            return False
        limit = () if most_micros is None else (codec.spent_key(line.feature, since), most_micros)
        answer = await self._write("book", line, place.shard, True, "1" if line.key.session else "0", limit)
        if answer in (PASSES, GONE):
            await self._unmarked(line.key, line.id)
        if answer == GONE:
            raise rules.no_session(line.key)
        return answer == BOOKED

    async def book(self, line: Line) -> bool:
        """Book a call; False if its id is booked already."""
        shard = await self._marked(line, self._keys.place(line.key).shard)
        return await self._write("book", line, shard, line.held) == BOOKED

    async def settle(self, line: Line, held: str | None) -> bool:
        """Put what a call came to in the place of its worst case, or book it; False if it is settled already."""
        shard = await self._marked(line, self._keys.place(line.key).shard)
        at = None if held is None or held == line.id else await self._where(line.key, held)
        if held is None or at is None:
            return await self._write("settle", line, shard, False) == BOOKED
        if at != shard:  # booked first: the books never show less than the bill
            answer = await self._write("settle", line, shard, False)
            await self.release(line.key, held)
            return answer == BOOKED
        both = (held, self._keys.tenant(line.key.tenant) + held)
        answer = await self._write("settle", line, shard, False, "0", both)
        if answer & RELEASED:
            await self._unmarked(line.key, held)
        return bool(answer & BOOKED)

    async def release(self, key: Key, id: str) -> bool:
        """Take a held line off; False if none is held."""
        shard = await self._where(key, id)
        if shard is None:
            return False
        place = self._keys.place(key)
        held = await self._server.write(shard, "release", self._names(place, shard), id, place.tenant + id)
        if held:
            await self._unmarked(key, id)
        return bool(held)

    async def calls(self, key: Key, after: str | None, limit: int) -> tuple[list[Line], str | None]:
        """A page of a session's lines by time, and the cursor of the next one. Raises NotFound."""
        place = self._keys.place(key)
        at, last = _any(place_of(after, [0.0, ""])) if after is not None else (-math.inf, "")
        (head,) = await self._server.spread([(place.shard, ("GET", *place.of("h")))])
        if head is None:
            raise rules.no_session(key)
        found: list[tuple[float, str]] = []
        skip, page = 0, [()] * STEP
        while len(found) <= limit and len(page) == STEP:
            asked = ("ZRANGEBYSCORE", *place.of("j"), repr(at), "+inf", "WITHSCORES", "LIMIT", skip, STEP)
            (page,) = await self._server.spread([(place.shard, asked)])
            each = [(float(t), id.decode("utf-8", "surrogatepass")) for id, t in page]
            found += [one for one in each if one > (at, last)]
            skip += STEP
        ids = [id for _, id in found[:limit]]
        asked_for = [(place.shard, ("HGET", place.ledger, id.encode("utf-8", "surrogatepass"))) for id in ids]
        raws = await self._server.spread(asked_for)
        stored = [codec.line_of(raw) for raw in raws if raw is not None]
        # An earlier release that deletes a session leaves the index behind, for a later one of that name.
        uid = codec.header_of(head)["uid"]
        others = sorted({owner for owner, _ in stored} - {uid})
        heirs = await heirs_of(self._server, place.shard, place.base, others)
        lines = [line(key.session) for owner, line in stored if heirs.get(owner, owner) == uid]
        return lines, packed_place(list(found[limit - 1])) if len(found) > limit else None

    async def _marked(self, line: Line, shard: int) -> int:
        """The shard in which the line is or will be: this one unless the id is known already."""
        at, index = self._keys.book(line.key.tenant, line.id)
        return int(await self._server.write(at, "mark_line", [index], line.id, shard))

    async def _where(self, key: Key, id: str) -> int | None:
        """The shard in which a line is or is about to be; None if the id is not known."""
        at, index = self._keys.book(key.tenant, id)
        (found,) = await self._server.commands(at, ("HGET", index, id))
        return None if found is None else int(found)

    async def _unmarked(self, key: Key, id: str) -> None:
        at, index = self._keys.book(key.tenant, id)
        await self._server.commands(at, ("HDEL", index, id))

    def _names(self, place: Place, shard: int) -> list[str]:
        base = self._keys.base(shard)
        if shard == place.shard:
            own = [*place.of("h"), place.ledger, *place.of("q"), f"{base}lines", f"{base}heirs", place.spent]
            return [*own, *place.of("j"), f"{base}tenants", place.days]
        # Of another session: its figures stay at the worst.
        names = [f"{base}h:-", f"{base}l:{place.tenant}", f"{base}q:-", f"{base}lines", f"{base}heirs"]
        return [*names, f"{base}w:{place.tenant}", f"{base}j:-", f"{base}tenants", f"{base}v:{place.tenant}"]

    async def _write(
        self, script: str, line: Line, shard: int, held: bool, must: str = "0", more: tuple[bytes | int | str, ...] = ()
    ) -> int:
        place = self._keys.place(line.key)
        own = "1" if line.id.startswith(OWN) else "0"
        args = (line.id, "1" if held else "0", codec.packed_spent(line), codec.packed_line(line), own, must)
        names = self._names(place, shard)
        return int(await self._server.write(shard, script, names, *args, place.tenant + line.id, *more))


def _any(place: list[Any]) -> list[Any]:
    return place
