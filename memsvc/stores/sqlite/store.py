"""The embedded store: one file, one writer thread, readers that never wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, cast

import apsw
from msgspec.structs import replace

from memsvc.core.model import (
    Appended,
    Backlog,
    Batch,
    Entry,
    Job,
    Key,
    Known,
    Part,
    Session,
    State,
    Summary,
    Window,
)
from memsvc.core.money import Line, Sent, Spent
from memsvc.errors import Unavailable
from memsvc.stores import rules
from memsvc.stores.sqlite import append, census, jobs, ledger, listing, moves, redact, rows, staging
from memsvc.stores.sqlite.access import AccessKeys
from memsvc.stores.sqlite.codec import (
    ENTRY_COLUMNS,
    SUMMARY_COLUMNS,
    entry_of,
    summary_of,
)
from memsvc.stores.sqlite.connect import MEMORY, open_writer, rewrite_version, tend_log
from memsvc.stores.sqlite.figures import FigureRows
from memsvc.stores.sqlite.readers import NotHere, Readers
from memsvc.stores.sqlite.writer import Writer

T = TypeVar("T")
Read = Callable[[apsw.Connection], T]
NEAR_BYTES = 64_000
"""A tail up to this is read on the event loop: handing it to a thread would take longer."""


class SQLiteStore(AccessKeys, FigureRows):
    """Implements `ports.Store`. `path` is a file, or `:memory:` for a private one that ends with it. `own_loop`: see
    `Readers`.

    Writes go through one thread. Small reads run right on the event loop, those that may be
    large in reader threads. In memory, everything goes through the writer.
    """

    def __init__(self, path: str, *, own_loop: bool = False) -> None:
        self._path = path
        self._own_loop = own_loop
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    async def open(self) -> None:
        """Open or create the file and bring its schema up to date. Raises Unavailable."""
        connection, self._readers = await asyncio.to_thread(_opened, self._path, self._own_loop)
        self._writer = Writer(connection)
        if self._readers is not None:
            tend_log(connection, partial(setattr, self._readers, "crowded"))

    async def close(self) -> None:
        """Finish accepted writes and let go. Idempotent; from then on every call is Unavailable."""
        readers, self._readers = self._readers, None
        if self._writer is not None:
            await self._writer.close()
        if readers is not None:
            await asyncio.to_thread(readers.close)

    async def ping(self) -> None:
        """Raise Unavailable if a read or a write would fail now. It writes, for less than that
        proves no free disk: the schema's number over itself, a page that is shared with every
        write of the moment."""
        await self._write(rewrite_version)
        await self._read(lambda db: rows.head(db, Key("", "")))
        await self._read_far(lambda db: rows.head(db, Key("", "")))

    # --- log -------------------------------------------------------------------

    async def head(self, key: Key) -> Session | None:
        """The header, or None."""
        return await self._read(lambda db: rows.head(db, key))

    async def put(self, key: Key, change: Callable[[Session | None], Session], *, at: float) -> Session:
        """Create or change the header."""

        def work(db: apsw.Connection) -> Session:
            old = rows.head(db, key)
            new = change(old)
            if old is None:
                new = rules.born(key, new)
                return replace(new, uid=rows.insert(db, new))
            return old if new == old else rows.update(db, jobs.ask_if_due(db, new, at))

        return await self._write(work)

    async def append(self, key: Key, batch: Batch) -> Appended:
        """Store a batch, all or none; durable when it returns."""
        return await self._write(lambda db: append.append(db, key, batch))

    async def load(self, key: Key, known: Known | None = None) -> Window:
        """Header, current summary and live tail in one snapshot."""

        readers = self._readers
        if readers is not None:
            with contextlib.suppress(NotHere):
                return readers.one(
                    lambda db: (known and rows.unchanged(db, known)) or rows.window(db, key, known, NEAR_BYTES)
                )
        return await self._read_far(lambda db: rows.window(db, key, known))

    async def entries(self, key: Key, *, after: int, upto: int | None = None, limit: int) -> list[Entry]:
        """The log as written, superseded messages included."""

        def work(db: apsw.Connection) -> list[Entry]:
            session = rows.must_head(db, key)
            return rows.between(db, session.uid, after, upto, limit)

        return await self._read_far(work)

    async def summaries(self, key: Key, *, after: int = 0, limit: int = 100) -> list[Summary]:
        """Committed summaries with epoch > after, oldest first."""
        query = f"SELECT {SUMMARY_COLUMNS} FROM summaries WHERE uid = ? AND epoch > ? ORDER BY epoch LIMIT ?"

        def work(db: apsw.Connection) -> list[Summary]:
            uid = rows.must_head(db, key).uid
            return [summary_of(r) for r in db.execute(query, (uid, rows.bounded(after), rows.bounded(limit)))]

        return await self._read_far(work)

    async def commit(
        self,
        key: Key,
        summary: Summary,
        *,
        expect_epoch: int,
        expect_cut: int,
        soft_tokens: int | None,
        factor: float | None,
        renderer: int,
        expect_uid: int | None = None,
    ) -> Session:
        """Make `summary` current, by compare-and-set on (epoch, cut)."""
        expect, frozen = (expect_uid, expect_epoch, expect_cut), (soft_tokens, factor, renderer)
        return await self._write(lambda db: moves.commit(db, key, summary, expect, frozen))

    async def truncate(self, key: Key, *, after_seq: int, at: float, if_log_revision: int | None = None) -> Session:
        """Supersede every live message with seq > after_seq."""
        return await self._write(lambda db: moves.truncate(db, key, after_seq, at, if_log_revision))

    async def revert(self, key: Key, to_epoch: int, *, at: float) -> Session:
        """`Log.revert`."""
        return await self._write(lambda db: moves.revert(db, key, to_epoch, at))

    async def redact(self, key: Key, seq: int, *, at: float) -> Session:
        """Erase one message for good."""
        return await self._write(lambda db: redact.redact(db, key, seq, at), erases=True)

    async def pin(self, key: Key, seq: int, pinned: bool) -> None:
        """Pin or unpin a live message."""
        await self._write(lambda db: moves.pin(db, key, seq, pinned))

    async def pins(self, key: Key) -> list[Entry]:
        """The pinned live messages, in seq order."""
        columns = ENTRY_COLUMNS.replace("pos", "m.pos")
        query = (
            f"SELECT {columns} FROM pins p JOIN messages m ON m.pos = p.uid << {rows.SEQ_BITS} | p.seq "
            "WHERE p.uid = ? AND m.superseded = 0 ORDER BY p.seq"
        )

        def work(db: apsw.Connection) -> list[Entry]:
            return [entry_of(r) for r in db.execute(query, (rows.must_head(db, key).uid,))]

        return await self._read_far(work)

    async def delete(self, key: Key, *, before: float | None = None) -> bool:
        """Remove the session and all that hangs on it."""

        def work(db: apsw.Connection) -> bool:
            if before is None:
                staging.discard(db, key)
            return moves.delete(db, key, before)

        return await self._write(work, erases=True)

    async def sessions(
        self,
        tenant: str,
        *,
        prefix: str = "",
        user: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[list[Session], str | None]:
        """A tenant's sessions, newest activity first, and the next page's cursor."""
        page = listing.Page(tenant, prefix, user, after, limit)
        return await self._read_far(page.read)

    # --- copies ----------------------------------------------------------------

    async def stage(self, key: Key, token: str, part: Part) -> None:
        """Add a part of a session that nobody sees yet."""
        await self._write(lambda db: staging.stage(db, key, token, part))

    async def publish(
        self, key: Key, token: str, session: Session, chain: Sequence[int], *, over: bool = False
    ) -> Session:
        """Show what was staged."""
        return await self._write(lambda db: staging.publish(db, key, token, session, chain, over), erases=over)

    async def discard(self, key: Key, token: str) -> None:
        """Give an attempt up."""
        await self._write(lambda db: staging.discard(db, key, token))

    async def every(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """All sessions, in the order in which they began."""
        return await self._read_far(lambda db: census.every(db, tenant, after, limit))

    async def idle(
        self, tenant: str, *, before: float, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """Sessions that were not active since, the longest idle first."""
        return await self._read_far(lambda db: census.idle(db, tenant, before, after, limit))

    async def lines(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Line], str | None]:
        """All lines of the books, by tenant and id."""
        return await self._read_far(lambda db: census.lines(db, tenant, after, limit))

    # --- queue -----------------------------------------------------------------

    async def enqueue(self, key: Key, *, due_at: float) -> None:
        """Ask for a compaction; an earlier request stands."""

        def work(db: apsw.Connection) -> None:
            session = rows.must_head(db, key)
            asked = jobs.ask(db, session, due_at)
            if asked != session:
                rows.update(db, asked)

        await self._write(work)

    async def claim(self, *, now: float, lease_s: float) -> Job | None:
        """Take one due job, or None."""
        due, stale = await self._read(lambda db: (jobs.any_due(db, now, lease_s), staging.any_stale(db)))
        if stale:  # whoever looks for work keeps house
            await self._write(staging.remove_stale)
        if not due:
            return None  # no write for an idle worker's look
        return await self._write(lambda db: jobs.claim(db, now, lease_s))

    async def take(self, key: Key, *, now: float, lease_s: float) -> Job | None:
        """Take the job of one session, due or not; None while another holds it."""
        return await self._write(lambda db: jobs.take(db, rows.must_head(db, key), now, lease_s))

    async def finish(
        self,
        job: Job,
        *,
        state: str = "idle",
        reason: str | None = None,
        error: str | None = None,
        retry_at: float | None = None,
        note: str | None = None,
    ) -> bool:
        """End or reschedule a claimed job; False if its lease was lost."""
        ended = cast(State, state)
        return await self._write(lambda db: jobs.finish(db, job, ended, reason, error, retry_at, note))

    async def extend(self, job: Job, *, now: float, lease_s: float) -> bool:
        """Let a claimed job become due later; False if its lease was lost."""
        return await self._write(lambda db: jobs.extend(db, job, now, lease_s))

    async def next_due(self) -> float | None:
        """When the earliest job is due; None = none."""
        return await self._read(jobs.next_due)

    async def backlog(self, *, now: float) -> Backlog:
        """How much waits."""
        return await self._read_far(lambda db: jobs.backlog(db, now))

    # --- ledger ----------------------------------------------------------------

    async def hold(self, line: Line, *, most_micros: int | None, since: float) -> bool:
        """Book the worst case of a call; False if it would pass `most_micros`."""
        return await self._write(lambda db: ledger.hold(db, line, most_micros, since))

    async def settle(self, line: Line, *, held: str | None = None) -> bool:
        """Put what a call came to in the place of its worst case, held under another id perhaps."""
        return await self._write(lambda db: ledger.settle(db, line, held))

    async def release(self, key: Key, id: str) -> bool:
        """Take the line of a held call that was not billed off the books."""
        return await self._write(lambda db: ledger.release(db, key, id))

    async def book(self, line: Line) -> bool:
        """Book a reported call; False if its id is booked already."""
        return await self._write(lambda db: ledger.book(db, line))

    async def spent(self, tenant: str, *, since: int, until: int) -> list[Spent]:
        """What a tenant's lines come to, by day, feature and model."""
        return await self._read_far(lambda db: ledger.spent(db, tenant, since, until))

    async def sent(self, key: Key, revision: int) -> Sent | None:
        """The size of the context that a fetch at `revision` got, None if nothing is known of it."""
        return await self._read_far(lambda db: ledger.sent(db, key, revision))

    # --- where things run ------------------------------------------------------

    async def _write(self, work: Read[T], *, erases: bool = False) -> T:
        if self._writer is None:
            raise Unavailable("the store is not open", retry_after=1)
        if not erases or self._readers is None:
            return await self._writer.do(work, erases=erases)
        with self._readers.apart():  # the log is emptied, which a reader would hold up
            return await self._writer.do(work, erases=True)

    async def _read(self, work: Read[T]) -> T:
        if self._readers is not None:
            with contextlib.suppress(NotHere):
                return self._readers.one(work)
        return await self._read_far(work)

    async def _read_far(self, work: Read[T]) -> T:
        if self._readers is None:
            return await self._write(work)
        return await self._readers.far(work)


def _opened(path: str, own_loop: bool) -> tuple[apsw.Connection, Readers | None]:
    connection = open_writer(path)
    try:
        staging.tidy(connection)
        return connection, None if path == MEMORY else Readers(path, own_loop=own_loop)
    except BaseException:
        connection.close()
        raise
