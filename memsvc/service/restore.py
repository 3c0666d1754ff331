"""Import: the lines of an export into a store, session by session, each whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Protocol

import orjson
from msgspec import Struct, field

from memsvc.core.lineage import Link, chain, link
from memsvc.core.model import Entry, Key, Part, Session
from memsvc.errors import InvalidRequest
from memsvc.ports import Copies, Ledger, Log
from memsvc.service import archive
from memsvc.service.archive import Digest, Record, Total
from memsvc.service.copies import PAGE, PART_BYTES
from memsvc.service.export import digest_of


class Target(Log, Copies, Ledger, Protocol):
    """A store as far as an import needs it."""


class Restored(Struct):
    """What an import came to.

    Attributes:
        skipped: sessions that were there already, the same.
        refused: sessions that were there already, and are others.
        lines, known: lines of the books that were booked, and those that were there already.
    """

    imported: int = 0
    replaced: int = 0
    skipped: int = 0
    refused: list[Key] = field(default_factory=list)
    lines: int = 0
    known: int = 0


async def restore(store: Target, lines: Iterable[bytes], *, replace: bool = False) -> Restored:
    """Take in an export. Repeated, it skips what is there; a session that is there and differs is refused, or
    with `replace` its place is taken. InvalidRequest for what is no export, or a damaged one: what came before
    the damage stays."""
    run = _Run(store, replace)
    number = 0
    try:
        for text in lines:
            number += 1
            if text.strip():
                await run.take(_parsed(text))
        run.check_end()
    except InvalidRequest as wrong:
        raise InvalidRequest(f"line {number}: {wrong.detail}") from wrong
    finally:
        await run.drop()
    return run.done


def _parsed(text: bytes) -> Record:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        raise InvalidRequest(f"no JSON, the file is damaged or cut off: {wrong}") from wrong
    if not isinstance(value, dict) or not value:
        raise InvalidRequest("no record of an export")
    return value


class _Coming(Struct):
    """The session that is coming in.

    Attributes:
        there: the digest of the one that the store has; None = it has none.
        staged: whether it is being put together.
        last: seq up to which it is staged.
    """

    header: Session
    there: str | None
    staged: bool
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    digest: Digest = field(default_factory=Digest)
    last: int = 0
    waiting: list[Entry] = field(default_factory=list)
    size: int = 0
    links: list[Link] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return self.header.key


class _Run:
    """One import: takes records in the order of the file."""

    def __init__(self, store: Target, replace: bool) -> None:
        self._store = store
        self._replace = replace
        self._began = False
        self._ended = False
        self._total = Total()
        self._coming: _Coming | None = None
        self.done = Restored()

    async def take(self, record: Record) -> None:
        """The next record."""
        kind, value = next(iter(record.items()))
        if not self._began:
            if record != {"memsvc_export": archive.VERSION}:
                raise InvalidRequest(f"not an export that this release reads (version {archive.VERSION})")
            self._began = True
            return
        match kind:
            case "session":
                await self._begin(value, record.get("beside", {}))
            case "message" | "summary" | "pins":
                await self._add(self._now(), kind, value)
            case "end":
                await self._end(self._now(), value)
            case "void":
                await self.drop()
            case "line":
                self._total.add("line", value)
                await self._line(value)
            case "total":
                self._check_total(value)
            case _:
                raise InvalidRequest(f"a record of kind {kind!r} is not known to this release")

    def check_end(self) -> None:
        """Raise InvalidRequest unless all of the file was there."""
        if not self._ended:
            raise InvalidRequest("the file ends too early; export it again")

    async def drop(self) -> None:
        """Forget the session that is coming in."""
        coming, self._coming = self._coming, None
        if coming is not None and coming.staged:
            await self._store.discard(coming.key, coming.token)

    def _now(self) -> _Coming:
        if self._coming is None:
            raise InvalidRequest("a record that belongs to no session")
        return self._coming

    async def _begin(self, value: Any, beside: Any) -> None:
        await self.drop()
        header = archive.header_of(value, beside)
        key = header.key
        exists = await self._store.head(key) is not None
        there = (await digest_of(self._store, key) or "moving") if exists else None
        self._coming = _Coming(header, there, staged=self._replace or not exists)
        self._coming.digest.add("session", value)
        if self._coming.staged:
            await self._store.stage(key, self._coming.token, Part())

    async def _add(self, coming: _Coming, kind: str, value: Any) -> None:
        coming.digest.add(kind, value)
        if not coming.staged:
            return
        if kind == "message":
            entry = archive.message_of(value)
            coming.waiting.append(entry)
            coming.size += len(entry.raw)
            if coming.size >= PART_BYTES or len(coming.waiting) >= PAGE:
                await self._flush(coming)
            return
        await self._flush(coming)
        if kind == "summary":
            summary = archive.summary_of(value)
            coming.links.append(link(summary))
            await self._store.stage(coming.key, coming.token, Part(coming.last, summaries=(summary,)))
        elif not isinstance(value, list) or not all(type(seq) is int for seq in value):
            raise InvalidRequest("pins are not as exported")
        else:
            await self._store.stage(coming.key, coming.token, Part(coming.last, pins=tuple(value)))

    async def _flush(self, coming: _Coming) -> None:
        if not coming.waiting:
            return
        seqs = [e.seq for e in coming.waiting]
        if seqs != list(range(coming.last + 1, coming.last + len(seqs) + 1)):
            raise InvalidRequest(f"messages of session {coming.key.session!r} are missing or out of order")
        await self._store.stage(coming.key, coming.token, Part(coming.last, entries=tuple(coming.waiting)))
        coming.last, coming.size = seqs[-1], 0
        coming.waiting.clear()

    async def _end(self, coming: _Coming, value: Any) -> None:
        digest = coming.digest.hex()
        if value != {**archive.key_record(coming.key), "sha256": digest}:
            raise InvalidRequest(f"session {coming.key.session!r} is damaged: its digest is not the one it came with")
        self._total.add("end", value)
        if coming.there == digest:
            self.done.skipped += 1
        elif not coming.staged:
            self.done.refused.append(coming.key)
        else:
            await self._show(coming, digest)
        await self.drop()

    async def _show(self, coming: _Coming, digest: str) -> None:
        epochs = tuple(one.epoch for one in chain(coming.links, coming.header.summary_epoch))
        made = await self._store.publish(coming.key, coming.token, coming.header, epochs, over=coming.there is not None)
        self.done.imported += coming.there is None
        self.done.replaced += coming.there is not None
        if await digest_of(self._store, coming.key) == digest:
            return
        now = await self._store.head(coming.key)
        if now is not None and (now.uid, now.revision) == (made.uid, made.revision):
            raise InvalidRequest(f"session {coming.key.session!r} is not the same in the store; its header is wrong")

    async def _line(self, value: Any) -> None:
        if await self._store.book(archive.line_of(value)):
            self.done.lines += 1
        else:
            self.done.known += 1

    def _check_total(self, value: Any) -> None:
        if value != self._total.record():
            raise InvalidRequest("sessions or lines of the books are missing: the total is not the one it came with")
        self._ended = True
