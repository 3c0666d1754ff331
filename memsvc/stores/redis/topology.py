"""Which server has which shard, and finding it again after a fail-over: one server, behind sentinels, a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any, Protocol

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ConnectionError, MovedError, RedisError, ResponseError

from memsvc.stores.redis.keys import SHARDS, tag
from memsvc.stores.redis.link import Link, Lost
from memsvc.stores.redis.urls import Address

Node = tuple[str, int]
LOOK_S = 0.2
"""The shortest time between two looks for where the servers are now."""


class Topology(Protocol):
    """Where the shards are."""

    async def open(self) -> None:
        """Find the servers. Raises Lost."""
        ...

    def link(self, shard: int) -> Link:
        """To the server that has a shard, as far as is known. Raises Lost if none is known to."""
        ...

    def at(self, node: Node) -> Link:
        """To a server that another one has named."""
        ...

    async def look(self, moved: MovedError | None = None) -> None:
        """Something is not where it was. Never raises: the next call will tell."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class Links:
    """Links by server, made when first asked for."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._links: dict[Node, Link] = {}

    def __getitem__(self, node: Node) -> Link:
        found = self._links.get(node)
        if found is None:
            address = self._address
            found = Link(lambda: connection(address, node, address.options), timeout_s=address.timeout_s)
            self._links[node] = found
        return found

    async def keep(self, nodes: Iterable[Node]) -> None:
        """Let go of all servers but these."""
        kept = set(nodes)
        gone = [self._links.pop(n) for n in list(self._links) if n not in kept]
        await asyncio.gather(*(link.close() for link in gone))


def connection(address: Address, node: Node, options: Any) -> Connection:
    """A connection that is not connected yet. It sends nothing twice; the link limits its time."""
    kind = SSLConnection if address.tls else Connection
    return kind(
        host=node[0],
        port=node[1],
        protocol=3,
        legacy_responses=False,
        socket_timeout=None,
        socket_connect_timeout=address.connect_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        client_name="memsvc",
        **options,
    )


class Single:
    """One server."""

    def __init__(self, address: Address) -> None:
        self._links = Links(address)
        self._node = address.hosts[0]

    async def open(self) -> None:
        """Nothing to find."""

    def link(self, shard: int) -> Link:
        """The server."""
        return self._links[self._node]

    def at(self, node: Node) -> Link:
        """A server that another one has named: a plain server names none."""
        return self._links[self._node]

    async def look(self, moved: MovedError | None = None) -> None:
        """It is nowhere else."""

    async def close(self) -> None:
        """Let go."""
        await self._links.keep([])


class Sentinel(Single):
    """The primary that sentinels name."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._address = address
        self._looking = asyncio.Lock()
        self._looked = 0.0

    async def open(self) -> None:
        """Ask the sentinels. Raises Lost."""
        failed: BaseException = ConnectionError("no sentinel was asked")
        for host in self._address.hosts:
            asked = Link(lambda h=host: self._sentinel(h), timeout_s=self._address.timeout_s)  # type: ignore[misc]
            try:
                (found,) = await asked.run([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.service)])
            except Lost as lost:
                failed = lost.error
                continue
            finally:
                await asked.close()
            if isinstance(found, list):
                self._node = found[0].decode(), int(found[1])
                return
            failed = (
                found if isinstance(found, RedisError) else ConnectionError("the sentinels do not know the service")
            )
        raise Lost(failed)

    def _sentinel(self, host: Node) -> Connection:
        options = {k: v for k, v in self._address.options.items() if k.startswith("ssl_")}
        return connection(self._address, host, {**options, **self._address.sentinel})

    async def look(self, moved: MovedError | None = None) -> None:
        """Ask the sentinels again; callers that come at once share one asking."""
        before = self._looked
        async with self._looking:
            if self._looked != before or time.monotonic() - self._looked < LOOK_S:
                return
            with contextlib.suppress(Lost):
                await self.open()
                await self._links.keep([self._node])
            self._looked = time.monotonic()


class Cluster:
    """A cluster: each shard is in one slot, each slot at one primary."""

    def __init__(self, address: Address) -> None:
        self._seeds = address.hosts
        self._links = Links(address)
        self._slots = [key_slot(tag(shard).encode()) for shard in range(SHARDS)]
        self._nodes: list[Node | None] = [None] * SHARDS
        self._looking = asyncio.Lock()
        self._looked = 0.0

    async def open(self) -> None:
        """Ask one node after the other where the slots are. Raises Lost."""
        failed: BaseException = ConnectionError("no node was asked")
        for node in dict.fromkeys([*(n for n in self._nodes if n is not None), *self._seeds]):
            try:
                (found,) = await self._links[node].run([("CLUSTER", "SLOTS")])
            except Lost as lost:
                failed = lost.error
                continue
            if isinstance(found, ResponseError):
                failed = found
                continue
            self._learn(found, node)
            await self._links.keep({n for n in self._nodes if n is not None})
            return
        raise Lost(failed)

    def _learn(self, ranges: list[Any], asked: Node) -> None:
        nodes: list[Node | None] = [None] * SHARDS
        for first, last, primary, *_ in ranges:
            host = (primary[0] or b"").decode()
            node = (asked[0] if host in ("", "?") else host, int(primary[1]))
            for shard, slot in enumerate(self._slots):
                if first <= slot <= last:
                    nodes[shard] = node
        self._nodes = nodes

    def link(self, shard: int) -> Link:
        """The primary that has the shard's slot."""
        node = self._nodes[shard]
        if node is None:
            raise Lost(ConnectionError("no node of the cluster has this session's slot"))
        return self._links[node]

    def at(self, node: Node) -> Link:
        """A node that another one has named."""
        return self._links[node]

    async def look(self, moved: MovedError | None = None) -> None:
        """Take over what a node has told, or ask where everything is now."""
        if moved is not None and moved.host:
            node = (moved.host, moved.port)
            self._nodes = [
                node if slot == moved.slot_id else n for n, slot in zip(self._nodes, self._slots, strict=True)
            ]
            return
        before = self._looked
        async with self._looking:
            if self._looked != before or time.monotonic() - self._looked < LOOK_S:
                return
            with contextlib.suppress(Lost):
                await self.open()
            self._looked = time.monotonic()

    async def close(self) -> None:
        """Let go."""
        await self._links.keep([])


def topology(address: Address) -> Topology:
    """What a URL names."""
    match address.kind:
        case "sentinel":
            return Sentinel(address)
        case "cluster":
            return Cluster(address)
        case _:
            return Single(address)
