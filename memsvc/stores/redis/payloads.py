"""Messages with large payloads: read, then made whole in a second trip."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from memsvc.core.model import Entry
from memsvc.errors import Unavailable
from memsvc.stores.payloads import Packed, whole
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import Place
from memsvc.stores.redis.server import Server

AT_ONCE = 4
"""Payloads in one answer: each may have megabytes."""


async def entries(server: Server, place: Place, stored: Sequence[bytes]) -> list[Entry]:
    """Stored messages as they were written. Unavailable if a session was deleted or redacted meanwhile."""
    found = [codec.stored_of(one) for one in stored]
    names = list(dict.fromkeys(bytes(name) for one in found for _, name in one.cuts))
    if not names:
        return [one.entry for one in found]
    payloads: dict[bytes, bytes] = {}
    for at in range(0, len(names), AT_ONCE):
        asked = names[at : at + AT_ONCE]
        (answer,) = await server.spread([(place.shard, ("HMGET", *place.of("b"), *(name.hex() for name in asked)))])
        payloads |= {name: data for name, data in zip(asked, answer, strict=True) if data is not None}
    if len(payloads) < len(names):
        raise Unavailable("the session was changed while it was read; try again", retry_after=1)
    return [
        replace(one.entry, raw=whole(one.entry.raw, one.cuts, payloads.__getitem__)) if one.cuts else one.entry
        for one in found
    ]


def told(packed: Sequence[Packed]) -> tuple[list[list[int]], list[str], list[bytes]]:
    """For scripts: the payloads of each message, by place in the list of their names, once each; the names, as text for
    scripts know no other; the payloads."""
    payloads: dict[bytes, bytes] = {}
    for one in packed:
        payloads |= one.payloads
    at = {name: number for number, name in enumerate(payloads, start=1)}
    return (
        [sorted({at[name] for _, name in one.cuts}) for one in packed],
        [name.hex() for name in payloads],
        [*payloads.values()],
    )
