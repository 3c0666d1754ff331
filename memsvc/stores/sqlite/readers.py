"""Reading a file: small things right on the event loop, large ones in threads.

In WAL mode a reader never waits for a writer, and a small read takes microseconds, less than
handing it to a thread would.

Nothing here opens the file or SQLite's own files beside it in any other way: closing a descriptor
drops all POSIX locks that the process has on that file, SQLite's included, and the next process
that opens the store would take it for abandoned.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Callable, Iterator
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
    """Connections that read one file. Blocks while it connects: construct it in a thread.

    Args:
        own_loop: all that one turn of the event loop reads sees one state: to lock and to let go of the log for each
            read would take longer than most reads. It is not old: who runs in this turn was put in the loop's queue
            before the first of its reads, so that whatever he knows of had happened by then; who learns of something
            later is behind `_let_go` in that queue, which is first in, first out. What a socket brings comes to a
            request through a future, and so through that queue. All that holds only where nobody learns of anything
            while he holds the loop up.

    Attributes:
        crowded: the log is long, and cannot begin anew while somebody reads in it: reads do not share then, so that
            there are moments in which nobody does. Set by the writer's thread.
    """

    def __init__(self, path: str, *, own_loop: bool) -> None:
        self._connections = [open_reader(path, busy_ms=BUSY_MS) for _ in range(THREADS)]
        self._near = open_reader(path, busy_ms=0)
        self._own_loop = own_loop
        self._looking = False
        self._apart = 0
        self.crowded = False
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        for connection in self._connections:
            self._idle.put(connection)
        self._pool = ThreadPoolExecutor(THREADS, "memsvc-sqlite-reader")

    def one(self, work: Work[T]) -> T:
        """The result of a few small statements that see one state, at once. Raises NotHere."""
        try:
            if not self._near.in_transaction:
                if self.crowded or self._apart or not self._own_loop:
                    return _in_snapshot(self._near, work)
                self._near.execute("BEGIN")
                if not self._looking:
                    self._looking = True
                    asyncio.get_running_loop().call_soon(self._let_go)
            return work(self._near)
        except TooLarge as large:
            raise NotHere from large
        except apsw.BusyError as busy:
            raise NotHere from busy
        except apsw.Error as error:
            raise unavailable(error) from error

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Meanwhile reads do not share: somebody waits for a moment in which nobody reads."""
        self._apart += 1
        try:
            yield
        finally:
            self._apart -= 1

    def _let_go(self) -> None:
        self._looking = False
        with contextlib.suppress(apsw.Error):
            if self._near.in_transaction:  # SQLite ends it by itself after some errors
                self._near.execute("ROLLBACK")

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
