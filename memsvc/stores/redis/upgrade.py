"""Bringing a store that an older release wrote to the layout of this one, in place, when it is opened.

What differs is the headers alone, and each is changed within one script: readers and a second process that opens the
store at the same moment see it before or after. Until all are done the version says `2 to 3`: the older release, which
would misread headers that are done, refuses that, and where a process dies on the way the next one begins anew; what
is done already is left as it is.
"""

from __future__ import annotations

from memsvc.stores.redis.codec import HEADER
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.server import Server

SCHEMA = 3
"""Version of the layout of keys, headers and messages."""
UPGRADED = (1, 2)
"""Versions that are brought up to date."""
STEP = 200
"""Headers that one script changes, in a few milliseconds in which the server does nothing else."""


def upgraded_from(version: str) -> int | None:
    """The version that a store is brought up to date from, or was when a process died; None = not one of UPGRADED."""
    begun, _, to = version.partition(" to ")
    return int(begun) if begun in map(str, UPGRADED) and to in ("", str(SCHEMA)) else None


async def upgrade(server: Server, keys: Keys, version: int) -> None:
    """Bring every session from `version` to SCHEMA. Raises Unavailable; then it may be repeated."""
    await server.commands(0, ("SET", keys.schema, f"{version} to {SCHEMA}"))
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
        if headers:
            changed += int(await server.write(shard, "upgrade", headers, len(HEADER)))
        if len(page) < STEP:
            return changed
        last = f"({int(page[-1][1])}"  # uids are drawn at random: no two sessions of a shard share one
