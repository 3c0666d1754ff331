"""Reading a file: small things right on the event loop, large ones in threads.

In WAL mode a reader never waits for a writer, and a small read takes microseconds, less than
handing it to a thread would.

Nothing here opens the file or SQLite's own files beside it in any other way: closing a descriptor
drops all POSIX locks that the process has on that file, SQLite's included, and the next process
that opens the store would take it for abandoned.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import apsw

from memsvc.stores.sqlite.connect import BUSY_MS, open_reader, translated, unavailable
from memsvc.stores.sqlite.rows import TooLarge

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
THREADS = 4
"""Large reads at once: more than one, so that a slow disk or a huge log holds up nobody else."""


class NotHere(Exception):
    """The event loop should not do this read: it is large, or would wait for a lock."""


class Readers:
    """Connections that read one file. Blocks while it connects: construct it in a thread."""

    def __init__(self, path: str) -> None:
        self._connections = [open_reader(path, busy_ms=BUSY_MS) for _ in range(THREADS)]
        self._near = open_reader(path, busy_ms=0)
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        for connection in self._connections:
            self._idle.put(connection)
        self._pool = ThreadPoolExecutor(THREADS, "memsvc-sqlite-reader")

    def one(self, work: Work[T]) -> T:
        """The result of a single small statement, at once. Raises NotHere."""
        try:
            return work(self._near)
        except apsw.BusyError as busy:
            raise NotHere from busy
        except apsw.Error as error:
            raise unavailable(error) from error

    def several(self, work: Work[T]) -> T:
        """The result of a few small statements that see one state, at once. Raises NotHere."""
        try:
            return self.one(lambda db: _in_snapshot(db, work))
        except TooLarge as large:
            raise NotHere from large

    async def far(self, work: Work[T]) -> T:
        """The result of statements that see one state, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._far, work)

    def _far(self, work: Work[T]) -> T:
        connection = self._idle.get()
        try:
            with translated():
                return _in_snapshot(connection, work)
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Wait for running reads and let go. Blocks: call it in a thread."""
        self._pool.shutdown()
        for connection in (self._near, *self._connections):
            connection.close()


def _in_snapshot(db: apsw.Connection, work: Work[T]) -> T:
    db.execute("BEGIN")
    try:
        return work(db)
    finally:
        if db.in_transaction:  # SQLite ends it by itself after some errors
            db.execute("COMMIT")
