"""Appending to a session's log: one trip, unless the session is not as this process knew it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from memsvc.core.model import Appended, Batch, Key, Session
from memsvc.errors import Unavailable
from memsvc.stores import rules
from memsvc.stores.payloads import pack
from memsvc.stores.redis import codec
from memsvc.stores.redis.headers import draw
from memsvc.stores.redis.keys import Keys, Place
from memsvc.stores.redis.payloads import told
from memsvc.stores.redis.seen import Seen
from memsvc.stores.redis.server import Server

ROUNDS = 8
"""Most beginnings of an append whose session is changed under it."""
_NOTHING = pack(b"")
_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Onto:
    """The header that an append takes on: of a session that it begins, or of one that is still to learn
    its format or its system prompt.

    Attributes:
        header, settings: as they are stored.
        instead_of: the header that this one stands in for; empty for a new session.
        adopted: whether the system prompt comes with the batch.
    """

    header: bytes = b""
    settings: bytes = b""
    instead_of: bytes = b""
    adopted: bool = False


def onto(session: Session, batch: Batch, old: codec.Header | None = None) -> Onto:
    """What `session` is with what the batch tells of it."""
    told, _, adopted = rules.joined(session, batch)
    stamp, settings = codec.packed_settings(told.settings)
    header = codec.packed_header(told, stamp, old)
    return Onto(header, settings, old.raw if old is not None else b"", adopted)


def begin(key: Key, batch: Batch) -> Onto:
    """What a session is that the batch begins."""
    return onto(replace(rules.begun(key, batch), uid=draw()), batch)


async def append(server: Server, keys: Keys, seen: Seen, key: Key, batch: Batch) -> Appended:
    """Store a batch, all or none. Raises what `ports.Log.append` says."""
    rules.check_ids(batch)
    place, held = keys.place(key), seen.held(key)
    user, taken = held.user, Onto() if held.there else begin(key, batch)
    for _ in range(ROUNDS):
        answer = await _call(server, place, batch, taken, (held.stamp, user))
        match answer:
            case [b"done", raw, settings, seqs, tokens, duplicate, due]:
                session = seen.session(key, held, raw, settings)
                return Appended(session, tuple(seqs), tokens, duplicate=bool(duplicate), due=bool(due))
            case [b"replay", raw, settings, seqs, tokens, revision, log_revision, epoch]:
                session = seen.session(key, held, raw, settings)
                then = replace(session, revision=revision, log_revision=log_revision, epoch=epoch)
                return Appended(then, tuple(seqs), tokens, duplicate=True)
            case [b"reused"]:
                raise rules.key_reused()
            case [b"at", have]:
                raise rules.moved_on(batch.if_log_revision, have)
            case [b"user", token]:
                user = token.decode()
            case [b"no"]:
                user, taken = "-", begin(key, batch)
            case [b"stale", raw, settings]:
                session, header = seen.header(key, held, raw, settings)
                user, taken = header["user"], onto(session, batch, header)
    raise Unavailable("the session is changed faster than this append can join it; try again", retry_after=1)


async def _call(server: Server, place: Place, batch: Batch, taken: Onto, known: tuple[str, str]) -> list[Any]:
    stamp, user = known
    first = batch.system_draft if batch.system is not None else None
    drafts = (first, *batch.drafts)
    asked: dict[str, Any] = {
        "key": batch.idempotency_key,
        "digest": batch.digest.hex(),
        "if_log_revision": batch.if_log_revision,
        "at": batch.at,
        "tip": draw(),
        "name": place.name,
        "stamp": stamp,
        "user": user,
        "format": batch.format,
        "system": codec.system_mark(batch.system) if first is not None else None,
        "system_tokens": batch.system_tokens,
        "adopted": taken.adopted,
        "drafts": [d is not None and (d.tokens, len(d.raw), False if d.id is None else d.id) for d in drafts],
    }
    packed = [pack(d.raw) if d is not None else _NOTHING for d in drafts]
    has, hashes, payloads = told(packed)
    if hashes:
        asked |= {"has": has, "hashes": hashes}
    indexes = (place.index, place.user_index(user))
    names = [*place.of("hgeirabo"), place.shared("due"), place.shared("all"), *indexes]
    blobs = (codec.packed_draft(d, p) if d is not None else b"" for d, p in zip(drafts, packed, strict=True))
    answer: list[Any] = await server.write(
        place.shard, "append", names, _pack(asked), taken.header, taken.settings, taken.instead_of, *blobs, *payloads
    )
    return answer
