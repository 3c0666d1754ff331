"""Running figures of a tenant and its newest compactions, in a slot of the tenant's, and what is told of all slots.

A remembered compaction names its session by the hash that names its keys: who deletes the session need not look
here, for its header, which has the name, is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from memsvc.core.budgets import name
from memsvc.core.days import shifted
from memsvc.core.figures import KEPT_DAYS, MOST_NOTED, DayFigure, Figure, Noted
from memsvc.core.model import Key
from memsvc.core.money import DAY_S
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.server import Server

COUNT, TOKENS, MICROS = range(3)
_pack = msgspec.msgpack.Encoder().encode
_field = msgspec.msgpack.Decoder(tuple[int, str, str, int]).decode
_told = msgspec.msgpack.Decoder(tuple[int, str, float, dict[str, Any]]).decode
_NAMED = ("epoch", "reason", "model", "before_tokens", "after_tokens", "seconds", "attempts", "predicted_saving_usd")


class Figures:
    """Calls of `ports.Figures`."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    async def record(self, tenant: str, at: float, figures: Sequence[Figure], note: Noted | None) -> None:
        """Add to the figures of a day, and remember a compaction."""
        shard, key = self._keys.figures(tenant)
        day = int(at // DAY_S)
        fields: list[Any] = []
        for one in figures:
            for which, value in ((COUNT, one.count), (TOKENS, one.tokens), (MICROS, one.micros)):
                if value:
                    fields += [_pack((day, one.kind, one.name, which)), value]
        names = [f"{key}:{name('month', at)}", key, f"{self._keys.base(shard)}tenants"]
        packed = b"" if note is None else self._packed(note)
        await self._server.write(shard, "note", names, tenant, (KEPT_DAYS + 31) * DAY_S, MOST_NOTED, packed, *fields)

    async def figures(self, tenant: str | None, since: int, until: int) -> list[DayFigure]:
        """A tenant's figures, or those of all together."""
        tenants = [tenant] if tenant is not None else await self.tenants()
        months = _months(since, until)
        asked = []
        for one in tenants:
            shard, key = self._keys.figures(one)
            asked += [(shard, ("HGETALL", f"{key}:{month}")) for month in months]
        sums: dict[tuple[int, str, str], list[int]] = {}
        for answer in await self._server.spread(asked):
            for field, value in pairs(answer):
                day, kind, of, which = _field(field)
                if since <= day < until:
                    sums.setdefault((day, kind, of), [0, 0, 0])[which] += round(float(value))
        return [DayFigure(*place, *values) for place, values in sorted(sums.items())]

    async def noted(self, tenant: str | None, limit: int) -> list[Noted]:
        """Compactions of a tenant, or everybody's, newest first."""
        tenants = [tenant] if tenant is not None else await self.tenants()
        asked = [(shard, ("LRANGE", key, 0, limit - 1)) for shard, key in map(self._keys.figures, tenants)]
        lists = zip(tenants, await self._server.spread(asked), strict=True)
        found = [(owner, *_told(raw)) for owner, raws in lists for raw in raws]
        if tenant is None:
            found.sort(key=lambda one: -one[3])
        found = found[:limit]
        headers = await self._server.spread(
            [(shard, ("GET", f"{self._keys.base(shard)}h:{session}")) for _, shard, session, _, _ in found]
        )
        return [
            Noted(owner, _name(raw, at), at, **told)
            for (owner, _, _, at, told), raw in zip(found, headers, strict=True)
        ]

    async def tenants(self) -> list[str]:
        """All that have books or figures, in order."""
        answers = await self._server.spread([(n, ("SMEMBERS", f"{self._keys.base(n)}tenants")) for n in range(SHARDS)])
        return sorted({one.decode() for found in answers for one in found})

    async def session_count(self, tenant: str | None) -> int:
        """How many sessions there are."""
        index = "all" if tenant is None else f"t:{self._keys.tenant(tenant)}"
        asked = [(shard, ("ZCARD", self._keys.base(shard) + index)) for shard in range(SHARDS)]
        return sum(await self._server.spread(asked))

    def _packed(self, note: Noted) -> bytes:
        place = self._keys.place(Key(note.tenant, note.session))
        told = {one: getattr(note, one) for one in (*_NAMED, "error")}
        return _pack((place.shard, place.name, note.at, told))


def pairs(answer: Any) -> Sequence[tuple[bytes, bytes]]:
    """A hash as the server's protocol gives it."""
    if isinstance(answer, dict):
        return list(answer.items())
    return list(zip(answer[::2], answer[1::2], strict=True))


def _name(raw: bytes | None, at: float) -> str:
    """The name in a header; "" where the session is gone, or is a later one of the same name."""
    if raw is None:
        return ""
    header = codec.header_of(raw)
    return header["sid"] if header["created_at"] <= at else ""


def _months(since: int, until: int) -> list[str]:
    """Names of the months of days: a counter's key ends with one."""
    first, last = name("month", since * DAY_S), name("month", (until - 1) * DAY_S)
    months = [first]
    step = 0
    while months[-1] != last and step < 1200:
        step += 1
        months.append("{:04}-{:02}".format(*shifted(since, step)))
    return months
