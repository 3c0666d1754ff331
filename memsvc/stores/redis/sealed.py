"""Encrypted keys for model providers: one hash of the store."""

from __future__ import annotations

import msgspec

from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server

_SHARD = 0
_names = msgspec.msgpack.Decoder(tuple[str, str]).decode


class SealedKeys:
    """Calls about them."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._hash = keys.sealed

    async def put(self, tenant: str, provider: str, sealed: bytes) -> None:
        """Keep bytes, in the place of those that are there."""
        await self._server.write(_SHARD, "keep", [self._hash], _field(tenant, provider), sealed)

    async def one(self, tenant: str, provider: str) -> bytes | None:
        """The bytes, or None."""
        (raw,) = await self._server.spread([(_SHARD, ("HGET", self._hash, _field(tenant, provider)))])
        return None if raw is None else bytes(raw)

    async def remove(self, tenant: str, provider: str) -> bool:
        """Forget them; False if there are none."""
        return bool(await self._server.write(_SHARD, "drop", [self._hash], _field(tenant, provider)))

    async def names(self, tenant: str | None) -> list[tuple[str, str]]:
        """(tenant, provider) of all that is kept, of one tenant or everybody."""
        (raws,) = await self._server.spread([(_SHARD, ("HKEYS", self._hash))])
        return sorted(name for name in map(_names, raws) if tenant is None or name[0] == tenant)


def _field(tenant: str, provider: str) -> bytes:
    return msgspec.msgpack.encode((tenant, provider))
