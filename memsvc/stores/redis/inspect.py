"""Looking into a Redis or Valkey without changing anything: commands that read, and no script."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from redis.exceptions import RedisError

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Reached, in_force
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.ports.inspect import Facts
from memsvc.stores.redis import codec
from memsvc.stores.redis.access import AccessKeys
from memsvc.stores.redis.budgets import Budgets
from memsvc.stores.redis.checks import told_by
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.sealed import SealedKeys
from memsvc.stores.redis.server import Server, Waiting
from memsvc.stores.redis.topology import topology
from memsvc.stores.redis.upgrade import SCHEMA, UPGRADED, upgraded_from
from memsvc.stores.redis.urls import parse

MOST = 50
"""Failing sessions and tenants' budgets that are told."""
PINGS = 5
"""Trips whose median is told as the latency."""


class RedisInspect:
    """Implements `ports.inspect.Inspect`. ValueError for a URL that makes no sense."""

    def __init__(self, url: str) -> None:
        self._address = parse(url)
        self._keys = Keys(self._address.prefix)

    async def facts(self, *, now: float, budgets: Sequence[Budget] = (), deep: bool = False) -> Facts:
        """What is on the servers. Raises Unavailable."""
        server = Server(topology(self._address), self._keys, Waiting())
        await server.open()
        try:
            return await self._facts(server, now, budgets)
        finally:
            await server.close()

    async def _facts(self, server: Server, now: float, budgets: Sequence[Budget]) -> Facts:
        told = tuple([await self._server(server, shard) for shard in server.servers()])
        if any(one.get("loading", "0") != "0" for one in told):
            return Facts("redis", None, SCHEMA, UPGRADED, told=told)
        (raw,) = await server.spread([(0, ("GET", self._keys.schema))])
        version = _version(raw.decode("ascii", "replace")) if raw is not None else None
        if version is None or version > SCHEMA:
            return Facts("redis", version, SCHEMA, UPGRADED, told=told)
        bases = [(shard, self._keys.base(shard)) for shard in range(SHARDS)]
        counts = await server.spread([(n, ("ZCARD", f"{base}all")) for n, base in bases])
        dues = await server.spread([(n, ("ZCOUNT", f"{base}due", "-inf", repr(now))) for n, base in bases])
        firsts = await server.spread([(n, ("ZRANGE", f"{base}due", 0, 0, "WITHSCORES")) for n, base in bases])
        oldest = min((float(at) for found in firsts for _, at in found if at <= now), default=None)
        listed = await AccessKeys(server, self._keys).many(None)
        return Facts(
            "redis",
            version,
            SCHEMA,
            UPGRADED,
            sessions=sum(counts),
            due=sum(dues),
            oldest_due=oldest,
            failing=await self._failing(server, bases) if version == SCHEMA else (),
            keys=tuple(listed),
            sealed=tuple(await SealedKeys(server, self._keys).names(None)),
            reached=await self._reached(server, listed, now, budgets),
            told=told,
        )

    async def _server(self, server: Server, shard: int) -> Mapping[str, str]:
        """What a server says of itself; `memsvc_skew_s` how far its clock is ahead of ours, `memsvc_trip_s` how long
        an answer takes, `memsvc_tls`, `memsvc_hosts`."""
        told = await told_by(server, shard)
        trips = []
        for _ in range(PINGS):
            began = time.perf_counter()
            await server.ask(shard, ("PING",))
            trips.append(time.perf_counter() - began)
        before = time.time()
        answer = await server.ask(shard, ("TIME",))
        middle = (before + time.time()) / 2
        if isinstance(answer, list):
            told["memsvc_skew_s"] = repr(int(answer[0]) + int(answer[1]) / 1e6 - middle)
        if told.get("cluster_enabled") == "1":
            answer = await server.ask(shard, ("CLUSTER", "INFO"))
            if not isinstance(answer, RedisError):
                lines = (line.partition(":") for line in answer.decode().splitlines())
                told |= {name: value for name, _, value in lines}
        told["memsvc_trip_s"] = repr(sorted(trips)[PINGS // 2])
        told["memsvc_tls"] = str(int(self._address.tls))
        told["memsvc_hosts"] = " ".join(host for host, _ in self._address.hosts)
        return told

    async def _failing(self, server: Server, bases: Sequence[tuple[int, str]]) -> tuple[tuple[Key, str], ...]:
        pages = await server.spread([(n, ("ZRANGE", f"{base}due", 0, MOST)) for n, base in bases])
        asked = [
            (n, ("GET", f"{base}h:{name.decode()}"))
            for (n, base), page in zip(bases, pages, strict=True)
            for name in page
        ]
        raws = await server.spread(asked[: MOST * 4]) if asked else []
        headers = [codec.header_of(raw) for raw in raws if raw is not None]
        found = [h for h in headers if h["job_attempts"] and not h["job_lease"]][:MOST]
        return tuple((Key(h["tenant"], h["sid"]), str(h["last_error"] or h["last_reason"] or "")) for h in found)

    async def _reached(
        self, server: Server, listed: Sequence[ApiKey], now: float, defaults: Sequence[Budget]
    ) -> tuple[tuple[str, Reached], ...]:
        books, found = Budgets(server, self._keys), []
        for tenant in sorted({DEFAULT_TENANT, *(key.tenant for key in listed)})[:MOST]:
            asked = in_force(await books.listed(tenant), defaults)
            found += [(tenant, one) for one in await books.counted(tenant, now, asked)]
        return tuple(found)


def _version(told: str) -> int | None:
    begun = upgraded_from(told)
    return int(told) if begun is None and told.isdecimal() else begun
