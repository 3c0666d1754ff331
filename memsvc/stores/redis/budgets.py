"""Budgets of a tenant and their counters. They lie in a slot of the tenant's, so that a count is one step
whichever session pays: the lines themselves lie with their sessions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from memsvc.core.budgets import Budget, Counted, Period, Reached, Spending, name, renews_at
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server

KEPT_S = 86_400
"""Counters are kept so long after their period, for calls that are settled late."""
_limits = msgspec.msgpack.Decoder(list[tuple[Period, str | None, int]]).decode
MAX_INTEGER = 2**53
"""Lua counts exactly up to this: nine billion dollars."""


class Budgets:
    """Calls about them."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    async def listed(self, tenant: str) -> list[Budget]:
        """A tenant's own budgets, in order of period and feature."""
        shard, key = self._keys.budgets(tenant)
        (raw,) = await self._server.spread([(shard, ("HGET", key, "limits"))])
        return [] if raw is None else [Budget(*one) for one in _limits(raw)]

    async def put(self, tenant: str, budgets: Sequence[Budget]) -> None:
        """Let these take the place of those that are there."""
        shard, key = self._keys.budgets(tenant)
        given = sorted(((b.period, b.feature, b.micros) for b in budgets), key=lambda one: (one[0], one[1] or ""))
        await self._server.write(shard, "keep", [key], "limits", msgspec.msgpack.encode(given))

    async def count(self, spending: Spending, limits: Sequence[Budget], anyway: bool) -> Counted:
        """Count, unless a limit would be passed, or anyway."""
        shard, names = self._counters(spending.tenant, spending.at)
        left = [int(renews_at(period, spending.at) - spending.at) + KEPT_S for period in ("day", "month")]
        places = ((1 if b.period == "day" else 2, b.feature or "", min(b.micros, MAX_INTEGER)) for b in limits)
        asked = [int(anyway), *(x for place in places for x in place)]
        micros = max(-MAX_INTEGER, min(spending.micros, MAX_INTEGER))
        given = (spending.feature, micros, *left, *asked)
        refused, *figures = await self._server.write(shard, "count", names, *given)
        reached = (Reached(b, *map(int, figures[3 * n : 3 * n + 3])) for n, b in enumerate(limits))
        return Counted(limits[refused - 1] if refused else None, tuple(reached))

    async def counted(self, tenant: str, at: float, budgets: Sequence[Budget]) -> list[Reached]:
        """How far budgets are used up."""
        shard, (day, month) = self._counters(tenant, at)
        fields = ((b, day if b.period == "day" else month, b.feature or "") for b in budgets)
        asked = [(shard, ("HMGET", key, f"u{of}", f"p{of}")) for _, key, of in fields]
        answers = await self._server.spread(asked) if asked else []
        found = ((b, int(used or 0), int(peak or 0)) for b, (used, peak) in zip(budgets, answers, strict=True))
        return [Reached(b, used, peak, peak) for b, used, peak in found]

    def _counters(self, tenant: str, at: float) -> tuple[int, list[str]]:
        shard, key = self._keys.budgets(tenant)
        return shard, [f"{key}:{name('day', at)}", f"{key}:{name('month', at)}"]
