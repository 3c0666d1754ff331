"""What the lines of tenants come to: each shard keeps its own figures by day, a slot of the tenant's the sums of days
that are over, so that a year is not added up again by everybody who looks.

Sums of a span of days stand with the number of changes that its figures had seen. Who books in it again makes the
number another one, and the next who looks adds up anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from operator import add
from typing import Any

import msgspec

from memsvc.core.money import Spent, Usage
from memsvc.errors import Unavailable
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.server import Server

SPAN = 8
"""Days that are summed up together; lua/common.lua says the same."""
AT_ONCE = 2
"""So many spans are added up without a look for sums."""
Place = tuple[int, str, str, str]
Row = tuple[int, str, str, str, list[float]]
_rows = msgspec.msgpack.Decoder(list[tuple[int, int, str, str, str, list[float]]]).decode
_marks = msgspec.msgpack.Decoder(list[list[int]]).decode
_sealed = msgspec.msgpack.Decoder(tuple[int, list[Row]]).decode
_pack = msgspec.msgpack.Encoder().encode


class Rollup:
    """Sums of the books."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    async def spent(self, tenants: Sequence[str], since: int, until: int) -> tuple[list[Spent], dict[str, Spent]]:
        """What all lines of these tenants come to by day, feature and model, and those of each tenant."""
        days: dict[Place, list[float]] = {}
        owners: dict[str, list[float]] = {}
        for tenant, row in await self._found(tenants, since, until):
            if since <= row[0] < until:
                _add(days, row[:4], row[4])
                _add(owners, tenant, row[4])
        by_day = [_spent(place, figures) for place, figures in sorted(days.items())]
        each = {name: _spent((0, "", "", ""), figures) for name, figures in sorted(owners.items())}
        return [one for one in by_day if one.calls], {name: one for name, one in each.items() if one.calls}

    async def _found(self, tenants: Sequence[str], since: int, until: int) -> list[tuple[str, Row]]:
        if until <= since or not tenants:
            return []
        first, last = since // SPAN, (until - 1) // SPAN
        if last - first < AT_ONCE:
            return await self._read(tenants, since, until)
        marks = await self._marked(tenants, first, last)  # before anything is added up
        spans = sorted({span for _, span in marks})
        stand = await self._standing(tenants, spans, marks) if spans else {}
        found = [(tenant, row) for (tenant, _), rows in stand.items() for row in rows]
        fresh: dict[tuple[str, int], list[Row]] = {}
        for span in spans:  # one after the other: so much at once would hold the server up
            stale = [t for t in tenants if (t, span) in marks and (t, span) not in stand]
            fresh |= {(tenant, span): [] for tenant in stale}
            for tenant, row in await self._read(stale, span * SPAN, (span + 1) * SPAN):
                fresh[tenant, span].append(row)
                found.append((tenant, row))
        await self._seal(fresh, marks, found)
        return found

    async def _marked(self, tenants: Sequence[str], first: int, last: int) -> dict[tuple[str, int], int]:
        """How often the books of each tenant were changed in each span, as far as they ever were."""
        reads = [self._server.read(n, "marks", self._pairs(n, tenants), first, last) for n in range(SHARDS)]
        sums: dict[tuple[str, int], int] = {}
        for raw in await asyncio.gather(*reads):
            for tenant, counts in zip(tenants, _marks(raw), strict=True):
                for span, count in zip(counts[::2], counts[1::2], strict=True):
                    sums[tenant, span] = sums.get((tenant, span), 0) + count
        return sums

    async def _standing(
        self, tenants: Sequence[str], spans: Sequence[int], marks: dict[tuple[str, int], int]
    ) -> dict[tuple[str, int], list[Row]]:
        """The sums that still hold."""
        places = [self._keys.sums(tenant) for tenant in tenants]
        answers = await self._server.spread([(shard, ("HMGET", key, *spans)) for shard, key in places])
        found = {}
        for tenant, raws in zip(tenants, answers, strict=True):
            for span, raw in zip(spans, raws, strict=True):
                mark, rows = _sealed(raw) if raw is not None else (-1, [])
                if mark == marks.get((tenant, span)):
                    found[tenant, span] = rows
        return found

    async def _read(self, tenants: Sequence[str], since: int, until: int) -> list[tuple[str, Row]]:
        """Figures as the shards have them: one script a shard."""
        if not tenants:
            return []
        reads = [self._server.read(n, "spent", self._pairs(n, tenants), since, until) for n in range(SHARDS)]
        sums: dict[tuple[int, Place], list[float]] = {}
        for raw in await asyncio.gather(*reads):
            for owner, day, feature, provider, model, figures in _rows(raw):
                _add(sums, (owner, (day, feature, provider, model)), figures)
        return [(tenants[owner], (*place, figures)) for (owner, place), figures in sums.items()]

    async def _seal(
        self,
        fresh: dict[tuple[str, int], list[Row]],
        marks: dict[tuple[str, int], int],
        found: Iterable[tuple[str, Row]],
    ) -> None:
        """Keep sums of days before a tenant's last two: in those much is booked, and also by older releases, which
        count no changes."""
        newest: dict[str, int] = {}
        for tenant, row in found:
            newest[tenant] = max(newest.get(tenant, row[0]), row[0])
        fields: dict[str, list[Any]] = {}
        for (tenant, span), rows in fresh.items():
            if rows and (span + 1) * SPAN < newest[tenant]:
                fields.setdefault(tenant, []).extend((span, _pack((marks[tenant, span], rows))))
        with contextlib.suppress(Unavailable):  # then the next adds up again
            for tenant, given in fields.items():
                shard, key = self._keys.sums(tenant)
                await self._server.commands(shard, ("HSET", key, *given))

    def _pairs(self, shard: int, tenants: Sequence[str]) -> list[str]:
        base = self._keys.base(shard)
        return [f"{base}{letter}:{self._keys.tenant(tenant)}" for tenant in tenants for letter in "wv"]


def _add(sums: dict[Any, list[float]], place: Any, figures: list[float]) -> None:
    seen = sums.get(place)
    sums[place] = figures if seen is None else list(map(add, seen, figures))


def _spent(place: Place, figures: list[float]) -> Spent:
    calls, *tokens, micros, unpriced, held, worst = map(round, figures)
    return Spent(*place, calls, Usage(*tokens), micros, unpriced, held, worst)
