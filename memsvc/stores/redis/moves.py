"""Commit, truncate, pin, delete: the writes that move a session's pointers.

What `core.policy` makes of a header is made here, from the header as it was; the script refuses where one of
the figures that went into it has changed since.
"""

from __future__ import annotations

from typing import Any

import msgspec

from memsvc.core.model import Key, Session, Summary
from memsvc.core.policy import next_factor, renewed
from memsvc.errors import NotFound, Unavailable
from memsvc.stores import rules
from memsvc.stores.redis import codec
from memsvc.stores.redis.headers import Headers, draw
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.payloads import entries
from memsvc.stores.redis.reading import bounded
from memsvc.stores.redis.scripts import place
from memsvc.stores.redis.seen import Seen
from memsvc.stores.redis.server import Server

ROUNDS = 8
"""Most beginnings of a write whose session is changed under it."""
_RATED = ("factor", "anchor_tokens", "anchor_raw", "anchor_revision", "missed_tokens", "soft_tokens")
"""What `next_factor` and `renewed` look at and change."""
_pack = msgspec.msgpack.Encoder().encode


class Moves:
    """Calls that move a session's pointers. Raises what `ports.Log` says."""

    def __init__(self, server: Server, keys: Keys, seen: Seen, headers: Headers) -> None:
        self._server = server
        self._keys = keys
        self._seen = seen
        self._headers = headers

    async def commit(
        self,
        key: Key,
        summary: Summary,
        expect: tuple[int | None, int, int],
        frozen: tuple[int | None, float | None, int],
    ) -> Session:
        """Compare-and-set on `expect` = (uid or None, epoch, cut). `frozen` = soft_tokens, factor (None = what
        was reported in the old epoch, else as it is), renderer of the new epoch."""
        uid, epoch, cut = expect
        soft, factor, renderer = frozen
        where = self._keys.place(key)
        asked: dict[str, Any] = {"expect_uid": uid, "expect_epoch": epoch, "expect_cut": cut}
        asked |= {"epoch": summary.epoch, "from_seq": summary.from_seq, "to_seq": summary.to_seq}
        asked |= {"tokens": summary.tokens, "tip": draw()}
        told = {"renderer": renderer, "last_reason": summary.reason, "last_error": None, "soft_tokens": soft}
        old = await self._must(key) if factor is None else None
        for _ in range(ROUNDS):
            held = self._seen.held(key)
            seen = {} if old is None else _rated(old)
            anchor = dict.fromkeys(("anchor_tokens", "anchor_raw", "anchor_revision", "missed_tokens"), 0)
            rate = {"factor": factor if old is None else next_factor(old)}
            asked |= {"stamp": held.stamp, "seen": seen, "set": _set({**told, **anchor, **rate})}
            answer = await self._server.write(
                where.shard, "commit", where.of("hgexscd"), _pack(asked), codec.packed_summary(summary)
            )
            if not answer:
                raise rules.no_session(key)
            found = self._seen.session(key, held, *answer[1:])
            match answer[0]:
                case b"done":
                    return found
                case b"lost":
                    raise rules.lost_race(found)
                case b"gap":
                    raise rules.not_contiguous(found, summary)
            old = found
        raise _hurried()

    async def truncate(self, key: Key, after_seq: int, at: float, expected: int | None = None) -> Session:
        """Supersede all live messages with seq > after_seq; an older summary may become current. `expected`: the
        log's revision, None = any."""
        where = self._keys.place(key)
        old, header = await self._stored(key)
        user = header["user"]
        for _ in range(ROUNDS):
            held = self._seen.held(key)
            asked = {"after_seq": bounded(after_seq), "at": at, "name": where.name, "user": user, "tip": draw()}
            asked |= {"reason": "edited", "stamp": held.stamp, "seen": _rated(old), "set": _rated(renewed(old))}
            asked |= {} if expected is None else {"expected": expected}
            indexes = (where.index, where.user_index(user))
            names = [*where.of("hgexcpd"), where.shared("due"), *indexes]
            answer = await self._server.write(where.shard, "truncate", names, _pack(asked))
            match answer:
                case []:
                    raise rules.no_session(key)
                case [b"user", token]:
                    user = token.decode()
                case [b"moved", have]:
                    raise rules.moved_on(expected, int(have))
                case [kind, raw, settings]:
                    old = self._seen.session(key, held, raw, settings)
                    if kind == b"done":
                        return old
        raise _hurried()

    async def revert(self, key: Key, to_epoch: int, at: float) -> Session:
        """Make an earlier summary the current one again, or none."""
        where = self._keys.place(key)
        old = await self._must(key)
        for _ in range(ROUNDS):
            held = self._seen.held(key)
            asked = {"reason": "compacted", "at": at, "name": where.name, "tip": draw(), "stamp": held.stamp}
            asked["to_epoch"] = bounded(to_epoch) if to_epoch >= 0 else -1
            told = _set({"last_reason": "reverted", "last_error": None})
            asked |= {"seen": _rated(old), "set": {**_rated(renewed(old)), **told}}
            names = [*where.of("hgexcd"), where.shared("due")]
            answer = await self._server.write(where.shard, "revert", names, _pack(asked))
            if not answer:
                raise rules.no_session(key)
            old = self._seen.session(key, held, *answer[1:])
            if answer[0] == b"done":
                return old
            if answer[0] == b"none":
                raise rules.not_in_force(to_epoch)
        raise _hurried()

    async def redact(self, key: Key, seq: int, at: float) -> Session:
        """Erase one message, and every summary that covers it."""
        where = self._keys.place(key)
        user = None
        for _ in range(ROUNDS):
            old, header = await self._stored(key)
            user = header["user"] if user is None else user
            stored = await self._server.read(
                where.shard, "entries", where.of("hex"), bounded(seq) - 1, bounded(seq), 1, 1
            )
            if seq < 1 or not stored or not stored[2]:
                raise NotFound(f"no message with seq {seq} in session {key.session!r}")
            found = stored[2][0]
            (gone,) = await entries(self._server, where, [found])
            if gone.redacted:
                return old
            held = self._seen.held(key)
            asked = {"seq": seq, "at": at, "name": where.name, "user": user, "tip": draw(), "stamp": held.stamp}
            hashes = sorted({bytes(name).hex() for _, name in codec.stored_of(found).cuts})
            asked |= {"reason": "edited", "tokens": gone.tokens, "size": len(gone.raw), "hashes": hashes}
            asked |= {"seen": _rated(old), "set": {**_rated(renewed(old)), **_set({"last_error": None})}}
            names = [*where.of("hgexscprdbo"), where.shared("due"), where.index, where.user_index(user)]
            answer = await self._server.write(
                where.shard, "redact", names, _pack(asked), found, codec.packed_tombstone(gone)
            )
            match answer:
                case []:
                    raise rules.no_session(key)
                case [b"user", token]:
                    user = token.decode()
                case [kind, raw, settings]:
                    session = self._seen.session(key, held, raw, settings)
                    if kind == b"done":
                        return session
        raise _hurried()

    async def pin(self, key: Key, seq: int, pinned: bool) -> None:
        """Pin or unpin a live message."""
        where = self._keys.place(key)
        asked = bounded(seq), "1" if pinned else "0"
        answer = await self._server.write(where.shard, "pin", where.of("hxp"), *asked)
        if answer == 0:
            raise rules.no_session(key)
        if answer == 1:
            raise rules.no_message(key, seq)

    async def delete(self, key: Key, before: float | None) -> bool:
        """Remove a session and all that hangs on it; False if there was none, or it was active since `before`.
        What its calls cost stays in the books, without its name."""
        where = self._keys.place(key)
        user, moment = self._seen.held(key).user, "" if before is None else repr(before)
        for _ in range(ROUNDS):
            indexes = (where.index, where.user_index(user))
            names = [*map(where.shared, ("due", "claimed", "all")), *indexes]
            names += [*where.staged(), *where.of("hgeiraxscpqdboj")]
            answer = await self._server.write(where.shard, "delete", names, where.name, user, moment)
            if isinstance(answer, int):
                if answer:
                    self._seen.forget(key)
                return answer == 1
            user = answer[1].decode()
        raise _hurried()

    async def _stored(self, key: Key) -> tuple[Session, codec.Header]:
        found = await self._headers.stored(key)
        if found is None:
            raise rules.no_session(key)
        return found

    async def _must(self, key: Key) -> Session:
        return (await self._stored(key))[0]


def _rated(session: Session) -> dict[int, Any]:
    return _set({name: getattr(session, name) for name in _RATED})


def _set(values: dict[str, Any]) -> dict[int, Any]:
    """Fields of a header, by their places, as they are stored: False stands for none."""
    return {place(name): False if value is None else value for name, value in values.items()}


def _hurried() -> Unavailable:
    return Unavailable("the session is changed faster than this change can be made; try again", retry_after=1)
