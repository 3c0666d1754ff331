"""API keys: one hash of the store, read whole when they are listed. There are few, and they change seldom."""

from __future__ import annotations

from dataclasses import fields

import msgspec

from memsvc.core.access import ApiKey, ordered
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server

_FIELDS = tuple(f.name for f in fields(ApiKey))
_SHARD = 0


class AccessKeys:
    """Calls about API keys."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._hash = keys.access

    async def add(self, key: ApiKey) -> bool:
        """Keep a new key; False if its id is taken."""
        return await self._swap(key.id, b"", _packed(key))

    async def one(self, id: str) -> ApiKey | None:
        """The key with this id, or None."""
        (raw,) = await self._server.spread([(_SHARD, ("HGET", self._hash, id))])
        return None if raw is None else _unpacked(raw)

    async def many(self, tenant: str | None) -> list[ApiKey]:
        """A tenant's keys, or everybody's, oldest first."""
        (raws,) = await self._server.spread([(_SHARD, ("HVALS", self._hash))])
        found = [key for key in map(_unpacked, raws) if tenant is None or key.tenant == tenant]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def change(self, seen: ApiKey, new: ApiKey) -> bool:
        """Put `new` in the place of `seen`; False if that is not what is stored."""
        return await self._swap(seen.id, _packed(seen), _packed(new))

    async def _swap(self, id: str, seen: bytes, new: bytes) -> bool:
        return bool(await self._server.write(_SHARD, "swap", [self._hash], id, seen, new))


def _packed(key: ApiKey) -> bytes:
    return msgspec.msgpack.encode([getattr(key, name) for name in _FIELDS])


def _unpacked(raw: bytes) -> ApiKey:
    values = dict(zip(_FIELDS, msgspec.msgpack.decode(raw), strict=True))
    return ApiKey(**{**values, "scopes": ordered(values["scopes"])})
