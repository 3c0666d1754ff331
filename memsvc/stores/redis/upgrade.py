"""Bringing a store that an older release wrote to the layout of this one, in place, when it is opened.

What differs is the headers alone, and each is changed by one script: readers and a second process that opens the
store at the same moment see it before or after. A process that dies on the way leaves the old version's number, so that
the next one begins anew; what is done already is left as it is.
"""

from __future__ import annotations

import asyncio

from memsvc.stores.redis.codec import HEADER
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.server import Server

SCHEMA = 3
"""Version of the layout of keys, headers and messages."""
UPGRADED = (1, 2)
"""Versions that are brought up to date."""
STEP = 200
"""Headers that are changed at once."""


async def upgrade(server: Server, keys: Keys) -> None:
    """Bring every session to SCHEMA, from whichever version before. Raises Unavailable; then it may be repeated."""
    for shard in range(SHARDS):
        await upgrade_shard(server, keys, shard)
    await server.commands(0, ("SET", keys.schema, SCHEMA))


async def upgrade_shard(server: Server, keys: Keys, shard: int) -> int:
    """Bring the sessions of a shard up to date; gives how many were not."""
    base, last = keys.base(shard), "-inf"
    changed = 0
    while True:
        asked = ("ZRANGEBYSCORE", f"{base}all", last, "+inf", "WITHSCORES", "LIMIT", 0, STEP)
        (page,) = await server.spread([(shard, asked)])
        headers = [f"{base}h:{name.decode()}" for name, _ in page]
        done = (server.write(shard, "upgrade", [header], len(HEADER)) for header in headers)
        changed += int(sum(await asyncio.gather(*done)))
        if len(page) < STEP:
            return changed
        last = f"({int(page[-1][1])}"  # uids are drawn at random: no two sessions of a shard share one
