"""Export: a whole store as lines, in bounded memory, while it is in use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import orjson
from msgspec import Struct, field

from memsvc.core.model import Key, Session
from memsvc.ports import Census, Log
from memsvc.service import archive
from memsvc.service.archive import Digest, Record, Total
from memsvc.service.copies import TRIES, entries, same, summaries

PAGE = 100
"""Sessions or lines of the books looked up at a time."""


class Source(Log, Census, Protocol):
    """A store as far as an export needs it."""


class Exported(Struct):
    """What an export came to.

    Attributes:
        moving: sessions that were edited or compacted at every try; they are not in it.
    """

    total: Record = field(default_factory=dict)
    moving: list[Key] = field(default_factory=list)


async def export(
    store: Source, write: Callable[[bytes], object], *, tenant: str | None = None, digests: bool = False
) -> Exported:
    """Write every session and every line of the books of a tenant (None = of all); `digests`: only what
    proves them. A session is as it was at one moment, each at its own."""

    def tell(kind: str, value: object, **more: object) -> None:
        if not digests or kind in ("end", "total"):
            write(orjson.dumps({kind: value, **more}) + b"\n")

    tell("memsvc_export", archive.VERSION)
    total, done = Total(), Exported()
    async for session in every_session(store, tenant):
        end = await _session(store, session.key, tell)
        if end is not None:
            total.add("end", end)
        elif await store.head(session.key) is not None:
            done.moving.append(session.key)
    after: str | None = None
    while True:
        lines, after = await store.lines(tenant=tenant, after=after, limit=PAGE)
        for line in lines:
            value = archive.line_record(line)
            total.add("line", value)
            tell("line", value)
        if after is None:
            break
    done.total = total.record()
    tell("total", done.total)
    return done


async def digest_of(store: Log, key: Key) -> str | None:
    """The digest of a session as it is now; None if there is none, or it does not keep still."""
    end = await _session(store, key, lambda kind, value, **more: None)
    return str(end["sha256"]) if end is not None else None


async def every_session(store: Census, tenant: str | None) -> AsyncIterator[Session]:
    """All sessions of a tenant (None = of all tenants)."""
    after: str | None = None
    while True:
        page, after = await store.every(tenant=tenant, after=after, limit=PAGE)
        for session in page:
            yield session
        if after is None:
            return


async def _session(store: Log, key: Key, tell: Callable[..., None]) -> Record | None:
    """Tell one session; gives its end, None where it could not be told."""
    for _ in range(TRIES):
        session = await store.head(key)
        if session is None:
            return None
        digest = Digest()
        await _tell(store, session, digest, tell)
        if await same(store, session):
            end = {**archive.key_record(key), "sha256": digest.hex()}
            tell("end", end)
            return end
        tell("void", archive.key_record(key))
    return None


async def _tell(store: Log, session: Session, digest: Digest, tell: Callable[..., None]) -> None:
    def say(kind: str, value: object, **more: object) -> None:
        digest.add(kind, value)
        tell(kind, value, **more)

    header, beside = archive.header_record(session)
    say("session", header, beside=beside)
    async for entry in entries(store, session.key, session.last_seq):
        say("message", archive.message_record(entry))
    async for summary in summaries(store, session.key):
        say("summary", archive.summary_record(summary))
    say("pins", [p.seq for p in await store.pins(session.key) if p.seq <= session.last_seq])
