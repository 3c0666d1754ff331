"""The books: one line a model call, written before the call at its worst, or after it as reported.

A line lies in the shard of its session, where a hold can look at what the session has spent. That an id is
booked once in a tenant, whichever session names it, is kept by an index of ids: it says in which shard the line
is or is about to be. It is written first: whoever comes again after a crash finds the shard and books there.
"""

from __future__ import annotations

import msgspec

from memsvc.core.model import Key
from memsvc.core.money import OWN, Line, Spent, Usage
from memsvc.stores import rules
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import SHARDS, Keys, Place
from memsvc.stores.redis.server import Server

BOOKED, PASSES, GONE = 1, 2, 3
"""What the script answers: booked, more than the limit, no such session."""
RELEASED = 2
"""Added to the answer of `settle` where the line of the other id was held, and is no more."""
FIGURES = 10
"""Figures kept for each day, feature and model (see `tally` in lua/common.lua)."""
_place = msgspec.msgpack.Decoder(tuple[float, str, str, str]).decode


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

    async def spent(self, tenant: str, since: int, until: int) -> list[Spent]:
        """What a tenant's lines come to, by day, feature and model: the scripts that book keep count."""
        name = self._keys.tenant(tenant)
        asked = [(shard, ("HGETALL", f"{self._keys.base(shard)}w:{name}")) for shard in range(SHARDS)]
        sums: dict[tuple[int, str, str, str], list[int]] = {}
        for answer in await self._server.spread(asked):
            for field, value in (
                answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
            ):
                day, feature, provider, model = _place(field[1:])
                if since <= day < until:
                    sums.setdefault((int(day), feature, provider, model), [0] * FIGURES)[field[0] - 1] += round(
                        float(value)
                    )
        return [
            Spent(*place, calls, Usage(*tokens), micros, unpriced, held, worst)
            for place, (calls, *tokens, micros, unpriced, held, worst) in sorted(sums.items())
            if calls
        ]

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
            return [*place.of("h"), place.ledger, *place.of("q"), f"{base}lines", f"{base}heirs", place.spent]
        # Of another session: its figures stay at the worst.
        names = [f"{base}h:-", f"{base}l:{place.tenant}", f"{base}q:-", f"{base}lines", f"{base}heirs"]
        return [*names, f"{base}w:{place.tenant}"]

    async def _write(
        self, script: str, line: Line, shard: int, held: bool, must: str = "0", more: tuple[bytes | int | str, ...] = ()
    ) -> int:
        place = self._keys.place(line.key)
        own = "1" if line.id.startswith(OWN) else "0"
        args = (line.id, "1" if held else "0", codec.packed_spent(line), codec.packed_line(line), own, must)
        names = self._names(place, shard)
        return int(await self._server.write(shard, script, names, *args, place.tenant + line.id, *more))
