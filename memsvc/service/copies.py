"""Forks: a new session that shares the past of another.

What is read from the source goes, part by part, where nobody sees it, and is shown in one step: a crash
leaves no half session, and no store has to copy across its slots at once.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from memsvc.core.lineage import Link, chain, forked, link
from memsvc.core.model import Entry, Key, Part, Session, Summary
from memsvc.errors import Conflict, NotFound
from memsvc.ports import Copies, Log

TRIES = 5
"""Attempts while others edit or compact the source."""
PAGE = 100
"""Most messages or summaries in one reading; fewer where they are large."""
PART_BYTES = 1_000_000
"""Size of a part from which on it is handed to the store."""


class Source(Log, Copies, Protocol):
    """A store as far as copies need it."""


def as_it_is(header: Session) -> Session:
    """A fork's header that is that of its source."""
    return header


async def fork(
    store: Source,
    key: Key,
    to: Key,
    after_seq: int | None,
    at: float,
    dress: Callable[[Session], Session] = as_it_is,
) -> Session:
    """Copy a session up to `after_seq` (None = all of it) to a name that is free. `dress` changes the copy's header
    before anybody sees it. Raises NotFound, Conflict."""
    for _ in range(TRIES):
        session = await store.head(key)
        if session is None:
            raise NotFound(f"no session {key.session!r}")
        if to == key or await store.head(to) is not None:
            raise Conflict(f"there is a session {to.session!r} already", code="session_exists")
        token = uuid.uuid4().hex
        try:
            links = await _stage(store, session, to, token, after_seq)
            if await same(store, session):
                current = links[-1] if links else None
                header = dress(forked(session, current, after_seq, at))
                made = await store.publish(to, token, header, tuple(one.epoch for one in links))
                if await same(store, session):
                    return made
                # What was erased there meanwhile must not live on here. Nobody was told of the copy yet.
                await store.delete(to)
        finally:
            await store.discard(to, token)
    raise Conflict("the session is being edited or compacted all the time; try again", code="lost_race")


async def _stage(store: Source, session: Session, to: Key, token: str, after_seq: int | None) -> tuple[Link, ...]:
    upto = session.last_seq if after_seq is None else min(after_seq, session.last_seq)
    await store.stage(to, token, Part())  # also where there is no message
    last = 0
    async for page in parts(entries(store, session.key, upto)):
        await store.stage(to, token, Part(last, entries=page))
        last = page[-1].seq
    links = chain([link(s) async for s in summaries(store, session.key)], session.summary_epoch)
    links = tuple(one for one in links if one.to_seq <= upto)
    shared = {one.epoch for one in links}
    async for summary in summaries(store, session.key):
        if summary.epoch in shared:
            await store.stage(to, token, Part(last, summaries=(summary,)))
    pins = tuple(p.seq for p in await store.pins(session.key) if p.seq <= upto)
    await store.stage(to, token, Part(last, pins=pins))
    return links


async def same(store: Log, before: Session) -> bool:
    """Whether nothing was compacted, edited or erased since: then what was read is of one piece."""
    now = await store.head(before.key)
    return now is not None and (now.uid, now.epoch) == (before.uid, before.epoch)


async def entries(log: Log, key: Key, upto: int, after: int = 0) -> AsyncIterator[Entry]:
    """The log as written between two seqs, page by page."""
    limit = 4
    while after < upto and (page := await log.entries(key, after=after, upto=upto, limit=limit)):
        for entry in page:
            yield entry
        after = page[-1].seq
        small = sum(len(e.raw) for e in page) < PART_BYTES // 2
        limit = min(PAGE, limit * 2) if small else max(1, limit // 2)


async def summaries(log: Log, key: Key) -> AsyncIterator[Summary]:
    """All summaries of a session, page by page."""
    after = 0
    while page := await log.summaries(key, after=after, limit=PAGE):
        for summary in page:
            yield summary
        after = page[-1].epoch


async def parts(log: AsyncIterator[Entry]) -> AsyncIterator[tuple[Entry, ...]]:
    """Entries in groups that a store can take at once."""
    held: list[Entry] = []
    size = 0
    async for entry in log:
        held.append(entry)
        size += len(entry.raw)
        if size >= PART_BYTES or len(held) >= PAGE:
            yield tuple(held)
            held, size = [], 0
    if held:
        yield tuple(held)
