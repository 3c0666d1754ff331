"""Reading a session: its window, its log, its summaries, its pins."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from memsvc.core.model import Entry, Key, Known, Session, Summary, Window
from memsvc.core.money import Sent
from memsvc.errors import Unavailable
from memsvc.stores import rules
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.payloads import entries as whole_entries
from memsvc.stores.redis.seen import Held, Seen
from memsvc.stores.redis.server import Server

MAX_SEQ = (1 << 32) - 1
PAGE, PAGE_BYTES = 1000, 4 * 1024 * 1024
"""The most that one script reads: longer tails and pages take several trips, so that nobody else waits long."""
ROUNDS = 8
"""Most beginnings of a reading whose session is changed under it."""
_pack = msgspec.msgpack.Encoder().encode


def bounded(number: int) -> int:
    """A seq, epoch or limit from outside, brought into the range that is given out."""
    return min(max(number, 0), MAX_SEQ)


class Reading:
    """Calls that read. Raises what `ports.Log` says."""

    def __init__(self, server: Server, keys: Keys, seen: Seen) -> None:
        self._server = server
        self._keys = keys
        self._seen = seen

    async def load(self, key: Key, known: Known | None = None) -> Window:
        """Header, current summary and live tail; one trip, unless the tail is long."""
        for _ in range(ROUNDS):
            window = await self._load(key, known)
            if window is not None:
                return window
        raise Unavailable("the session is changed faster than its tail can be read; try again", retry_after=1)

    async def _load(self, key: Key, known: Known | None) -> Window | None:
        """None if the prefix or the cut moved between two parts of a long tail."""
        window, last = await self._part(key, known)
        if window.session is (known and known.session):
            return window
        entries = list(window.entries)
        session = window.session
        while last < session.last_seq:
            part, last = await self._part(key, Known(session.uid, session.prefix_revision, last))
            if not part.partial or part.session.epoch != session.epoch:
                return None
            entries += part.entries
            session, window = part.session, replace(window, session=part.session, mark=part.mark)
        return window if len(entries) == len(window.entries) else replace(window, entries=tuple(entries))

    async def _part(self, key: Key, known: Known | None) -> tuple[Window, int]:
        """A window, and the last seq looked at."""
        place, held = self._keys.place(key), self._seen.held(key)
        answer = await self._server.read(
            place.shard,
            "load",
            place.of("hgexs"),
            _pack(_has(known, held)),
            PAGE,
            PAGE_BYTES,
            large=known is None,
        )
        match answer:
            case []:
                self._seen.forget(key)
                raise rules.no_session(key)
            case [b"same"]:
                assert known is not None
                assert known.session is not None
                return Window(known.session, None, (), partial=True, mark=known.mark), known.session.last_seq
        kind, raw, settings, summary, entries, last = answer
        session, header = self._seen.header(key, held, raw, settings)
        made = codec.summary_of(summary) if summary is not None else None
        tail = tuple(await whole_entries(self._server, place, entries))
        return Window(session, made, tail, partial=kind == b"part", mark=header.mark()), last

    async def entries(self, key: Key, *, after: int, upto: int | None, limit: int) -> list[Entry]:
        """The log as written, superseded messages included."""
        for _ in range(ROUNDS):
            found = await self._entries(key, bounded(after), MAX_SEQ if upto is None else bounded(upto), bounded(limit))
            if found is not None:
                return found
        raise Unavailable("the session is changed faster than its log can be read; try again", retry_after=1)

    async def _entries(self, key: Key, after: int, upto: int, limit: int) -> list[Entry] | None:
        """None if the session was edited, or is another one, between two pages."""
        place = self._keys.place(key)
        found: list[Entry] = []
        seen, ended = None, 0
        while not ended:
            page = min(limit - len(found), PAGE)
            answer = await self._server.read(
                place.shard, "entries", place.of("hex"), after, upto, page, PAGE_BYTES, large=True
            )
            if not answer:
                raise rules.no_session(key)
            uid, epoch, entries, ranges, after, ended = answer
            if seen not in (None, (uid, epoch)):
                return None
            seen = uid, epoch
            gone = [tuple(map(int, r.split(b":"))) for r in ranges]
            made = await whole_entries(self._server, place, entries)
            found += [replace(e, superseded=True) if any(a < e.seq <= b for a, b in gone) else e for e in made]
            ended = ended or len(found) >= limit
        return found

    async def summaries(self, key: Key, *, after: int, limit: int) -> list[Summary]:
        """Committed summaries with epoch > after, oldest first."""
        place = self._keys.place(key)
        answer = await self._server.read(place.shard, "summaries", place.of("hs"), bounded(after), bounded(limit))
        if not answer:
            raise rules.no_session(key)
        return [codec.summary_of(s) for s in answer[0]]

    async def pins(self, key: Key) -> list[Entry]:
        """The pinned live messages, in seq order."""
        place = self._keys.place(key)
        answer = await self._server.read(place.shard, "pins", place.of("hep"))
        if not answer:
            raise rules.no_session(key)
        return await whole_entries(self._server, place, answer[0])

    async def sent(self, key: Key, revision: int) -> Sent | None:
        """The size of the context that a fetch at `revision` got, None if nothing is known of it."""
        place = self._keys.place(key)
        asked = min(max(revision, -1), 2**53)
        answer = await self._server.read(place.shard, "sent", place.of("hexd"), asked)
        match answer:
            case []:
                raise rules.no_session(key)
            case [uid, prefix_revision, tokens]:
                return Sent(uid, prefix_revision, revision, tokens)
        return None


def _has(known: Known | None, held: Held) -> dict[str, Any]:
    """What a reader has, as the script compares it."""
    has: dict[str, Any] = {"stamp": held.stamp}
    if known is None:
        return has
    has |= {"uid": known.uid, "prefix_revision": known.prefix_revision, "last_seq": known.last_seq}
    if known.mark:
        has["prefix_tip"], has["tip"], has["put_tip"] = codec.MARK.unpack(known.mark)
        session: Session | None = known.session
        if session is not None:
            figures = ("revision", "anchor_revision", "anchor_tokens")
            has |= {name: getattr(session, name) for name in figures}
    return has
