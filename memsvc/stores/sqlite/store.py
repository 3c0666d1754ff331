"""The embedded store: one file, one writer thread, readers that never wait for it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar, cast

import apsw
import orjson

from memsvc.core.model import (
    Appended,
    Batch,
    Entry,
    Job,
    Key,
    Known,
    Session,
    State,
    Summary,
    Window,
)
from memsvc.errors import InvalidRequest, Unavailable
from memsvc.stores.sqlite import append, jobs, moves, rows
from memsvc.stores.sqlite.codec import (
    ENTRY_COLUMNS,
    SESSION_COLUMNS,
    SUMMARY_COLUMNS,
    entry_of,
    session_of,
    summary_of,
)
from memsvc.stores.sqlite.connect import connect, migrate, translated
from memsvc.stores.sqlite.writer import Writer

T = TypeVar("T")
Read = Callable[[apsw.Connection], T]
_LAST = "\U0010ffff"


class SQLiteStore:
    """Implements `ports.Store`. `path` is a file, or `:memory:` for a private one that ends with it.

    Small reads run right on the event loop (a few microseconds, WAL readers never block);
    those that may be large run in a reader thread. In memory, everything goes through the writer.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: Writer | None = None
        self._near: apsw.Connection | None = None
        self._far: apsw.Connection | None = None
        self._reader: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open or create the file and bring its schema up to date. Raises Unavailable."""
        connection = await asyncio.to_thread(_opened, self._path)
        self._writer = Writer(connection)
        if self._path != ":memory:":
            self._near = connect(self._path, writable=False)
            self._far = connect(self._path, writable=False)
            self._reader = ThreadPoolExecutor(1, "memsvc-sqlite-reader")

    async def close(self) -> None:
        """Finish accepted writes and let go. Idempotent."""
        if self._writer is not None:
            await self._writer.close()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.shutdown)
        for connection in (self._near, self._far):
            if connection is not None:
                connection.close()
        self._near = self._far = self._reader = None

    async def ping(self) -> None:
        """Raise Unavailable if a write would fail now."""
        await self._write(lambda db: db.execute("SELECT 1").get)

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
                return replace(new, uid=rows.insert(db, new))
            return old if new == old else rows.update(db, new)

        return await self._write(work)

    async def append(self, key: Key, batch: Batch) -> Appended:
        """Store a batch, all or none; durable when it returns."""
        return await self._write(lambda db: append.append(db, key, batch))

    async def load(self, key: Key, known: Known | None = None) -> Window:
        """Header, current summary and live tail in one snapshot."""

        def work(db: apsw.Connection) -> Window:
            session = rows.must_head(db, key)
            if known is not None and (session.uid, session.prefix_revision) == (known.uid, known.prefix_revision):
                new = rows.tail(db, session.uid, known.last_seq) if session.last_seq > known.last_seq else ()
                return Window(session, None, new, partial=True)
            summary = rows.summary(db, session.uid, session.summary_epoch)
            return Window(session, summary, rows.tail(db, session.uid, session.cut))

        return await (self._read(work, snapshot=True) if known is not None else self._read_far(work))

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
            return [summary_of(r) for r in db.execute(query, (uid, after, limit))]

        return await self._read_far(work)

    async def commit(
        self,
        key: Key,
        summary: Summary,
        *,
        expect_epoch: int,
        expect_cut: int,
        soft_tokens: int | None,
        factor: float,
        renderer: int,
    ) -> Session:
        """Make `summary` current, by compare-and-set on (epoch, cut)."""
        expect, frozen = (expect_epoch, expect_cut), (soft_tokens, factor, renderer)
        return await self._write(lambda db: moves.commit(db, key, summary, expect, frozen))

    async def truncate(self, key: Key, *, after_seq: int, at: float) -> Session:
        """Supersede every live message with seq > after_seq."""
        return await self._write(lambda db: moves.truncate(db, key, after_seq, at))

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

    async def delete(self, key: Key) -> bool:
        """Remove the session and all that hangs on it."""
        return await self._write(lambda db: moves.delete(db, key))

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
        where, values = ["tenant = ?"], [tenant]
        if prefix:
            where.append("sid >= ? AND sid < ?")
            values += [prefix, prefix + _LAST]
        if user is not None:
            where.append("user = ?")
            values.append(user)
        parameters: list[str | float] = list(values)
        if after is not None:
            where.append("(updated_at, uid) < (?, ?)")
            parameters += _position(after)
        query = (
            f"SELECT {SESSION_COLUMNS} FROM sessions WHERE {' AND '.join(where)} "
            "ORDER BY updated_at DESC, uid DESC LIMIT ?"
        )
        found = await self._read_far(lambda db: [session_of(r) for r in db.execute(query, (*parameters, limit + 1))])
        page = found[:limit]
        return page, _cursor(page[-1]) if len(found) > limit else None

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
        due = await self._read(jobs.next_due)
        if due is None or due > now:
            return None  # no write for an idle worker's look
        return await self._write(lambda db: jobs.claim(db, now, lease_s))

    async def finish(
        self,
        job: Job,
        *,
        state: str = "idle",
        reason: str | None = None,
        error: str | None = None,
        retry_at: float | None = None,
    ) -> bool:
        """End or reschedule a claimed job; False if its lease was lost."""
        ended = cast(State, state)
        return await self._write(lambda db: jobs.finish(db, job, ended, reason, error, retry_at))

    async def next_due(self) -> float | None:
        """When the earliest job is due; None = none."""
        return await self._read(jobs.next_due)

    # --- where things run ------------------------------------------------------

    async def _write(self, work: Read[T]) -> T:
        if self._writer is None:
            raise Unavailable("the store is not open", retry_after=1)
        return await self._writer.do(work)

    async def _read(self, work: Read[T], *, snapshot: bool = False) -> T:
        if self._near is None:
            return await self._write(work)
        return _in_snapshot(self._near, work) if snapshot else _once(self._near, work)

    async def _read_far(self, work: Read[T]) -> T:
        if self._far is None or self._reader is None:
            return await self._write(work)
        return await asyncio.get_running_loop().run_in_executor(self._reader, _in_snapshot, self._far, work)


def _opened(path: str) -> apsw.Connection:
    connection = connect(path, writable=True)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _once(db: apsw.Connection, work: Read[T]) -> T:
    with translated():
        return work(db)


def _in_snapshot(db: apsw.Connection, work: Read[T]) -> T:
    """Several statements that see one state of the store."""
    with translated():
        db.execute("BEGIN")
        try:
            return work(db)
        finally:
            db.execute("COMMIT")


def _cursor(session: Session) -> str:
    raw = orjson.dumps([session.updated_at, session.uid])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _position(cursor: str) -> tuple[float, int]:
    try:
        at, uid = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return float(at), int(uid)
    except (ValueError, TypeError) as wrong:
        raise InvalidRequest("after is not a cursor this service gave; start without it", field="after") from wrong
