"""Redis or Valkey through redis.asyncio. Import this only where such a store is asked for."""

from memsvc.stores.redis.server import Waiting
from memsvc.stores.redis.store import RedisStore

__all__ = ["RedisStore", "Waiting"]
