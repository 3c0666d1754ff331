"""Sessions put together out of sight, part by part, and made visible in one step."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from memsvc.core.model import Key, Part, Session
from memsvc.errors import Conflict, Unavailable
from memsvc.stores.payloads import pack
from memsvc.stores.redis import codec
from memsvc.stores.redis.headers import draw
from memsvc.stores.redis.keys import Keys, user_token
from memsvc.stores.redis.payloads import told
from memsvc.stores.redis.seen import LEAST_BYTES, Seen
from memsvc.stores.redis.server import Server

STALE_S = 3600
"""An attempt that nobody has added to for so long has died; what it left goes."""
ROUNDS = 8
_pack = msgspec.msgpack.Encoder().encode


class Staging:
    """Calls of copies. Raises what `ports.Copies` says."""

    def __init__(self, server: Server, keys: Keys, seen: Seen) -> None:
        self._server = server
        self._keys = keys
        self._seen = seen

    async def stage(self, key: Key, token: str, part: Part) -> None:
        """Add a part."""
        place = self._keys.place(key)
        entries = [
            (e.seq, e.epoch, e.revision, e.tokens, len(e.raw), False if e.id is None else e.id, e.superseded)
            for e in part.entries
        ]
        asked = {"token": token, "after": part.after, "entries": entries, "pins": part.pins, "tip": draw()}
        packed = [pack(e.raw) for e in part.entries]
        has, hashes, payloads = told(packed)
        asked |= {"summaries": [s.epoch for s in part.summaries], "ttl": STALE_S, "has": has, "hashes": hashes}
        messages = map(codec.packed_entry, part.entries, packed)
        blobs = (*messages, *payloads, *map(codec.packed_summary, part.summaries))
        if not await self._server.write(place.shard, "stage", place.staged(), _pack(asked), *blobs):
            raise _lost()

    async def publish(self, key: Key, token: str, session: Session, chain: Sequence[int], over: bool) -> Session:
        """Make what was staged visible under this header; `over` one that is there."""
        place = self._keys.place(key)
        new = replace(session, key=key, uid=draw(), state="idle", due_at=None)
        stamp, settings = codec.packed_settings(new.settings)
        user, before = user_token(key.tenant, new.settings.user), self._seen.held(key).user
        for _ in range(ROUNDS):
            indexes = (place.index, place.user_index(user), place.user_index(before))
            shared = map(place.shared, ("due", "claimed", "all"))
            names = [*place.staged(), *place.of("eixspbohgcrad"), *shared, *indexes, place.shared("heirs")]
            asked = {"token": token, "over": over, "chain": chain, "name": place.name}
            asked |= {"user_before": before, "tip": draw()}
            header = codec.packed_header(new, stamp)
            answer = await self._server.write(place.shard, "publish", names, _pack(asked), header, settings)
            match answer:
                case [b"lost"]:
                    raise _lost()
                case [b"exists"]:
                    raise Conflict(f"there is a session {key.session!r} already", code="session_exists")
                case [b"user", found]:
                    before = found.decode()
                case [b"done", raw]:
                    self._seen.put(key, stamp, user, new.settings, len(settings) + LEAST_BYTES)
                    return codec.header_of(raw).session(new.settings)
        raise Unavailable("the session is changed faster than it can be replaced; try again", retry_after=1)

    async def discard(self, key: Key, token: str) -> None:
        """Give an attempt up, if it still is one."""
        place = self._keys.place(key)
        await self._server.write(place.shard, "discard", place.staged(), token)


def _lost() -> Conflict:
    return Conflict("another copy to the same session has begun, or this one was given up", code="lost_race")
