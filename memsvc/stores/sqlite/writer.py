"""The one writer: a thread that puts many writes into one durable transaction.

Each write runs inside its own savepoint, so one that fails rolls back alone; all of a group
are acknowledged together, after the commit that made them durable. All writes of one turn of the
event loop are in one group: the thread is woken once for them, and not in the middle of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import apsw

from memsvc.errors import Unavailable
from memsvc.stores.sqlite.connect import scrub, translated

T = TypeVar("T")
Work = Callable[[apsw.Connection], Any]
Item = tuple[Work, asyncio.Future[Any], bool]
"""What to do, who waits for it, and whether it erases: then the log file is emptied too."""
MAX_WAITING = 10_000
"""Writes that may wait; beyond it callers are told to come back rather than memory growing."""
MAX_GROUP = 256
"""Writes in one transaction, about: more would make the first of them wait for the last."""


class Writer:
    """Runs functions on the write connection, in order, in a thread of its own."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[list[Item] | None] = queue.SimpleQueue()
        self._turn: list[Item] = []
        self._accepted, self._begun = 0, 0  # the one is counted on the event loop, the other in the thread
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="memsvc-sqlite-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[apsw.Connection], T], *, erases: bool = False) -> T:
        """The result of `work`, once it is durable, and where it `erases`, once the log file has been emptied
        if readers let it. A cancelled caller's write may still happen."""
        if self._closed:
            raise Unavailable("the store is closed", retry_after=1)
        if self._accepted - self._begun >= MAX_WAITING:
            raise Unavailable("too many writes are waiting; come back in a second", retry_after=1)
        future: asyncio.Future[T] = self._loop.create_future()
        self._accepted += 1
        self._turn.append((work, future, erases))
        if len(self._turn) == 1:
            self._loop.call_soon(self._loop.call_soon, self._hand_over)  # tasks that this turn begins come along
        return await future

    def _hand_over(self) -> None:
        """Give the thread what this turn of the event loop has brought."""
        turn, self._turn = self._turn, []
        for start in range(0, len(turn), MAX_GROUP):
            self._queue.put(turn[start : start + MAX_GROUP])

    async def close(self) -> None:
        """Do what was accepted, then end the thread and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._next_group()
            if group:
                self._begun += len(group)
                self._commit(group)
        with contextlib.suppress(apsw.Error):  # all that was acknowledged is in the file
            self._connection.close()

    def _next_group(self) -> tuple[list[Item], bool]:
        group: list[Item] = []
        turn = self._queue.get()
        while turn is not None:
            group += turn
            if len(group) >= MAX_GROUP:
                return group, True
            try:
                turn = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[Item]) -> None:
        outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            with translated():
                self._connection.execute("BEGIN IMMEDIATE")
                outcomes = [(future, *self._one(work)) for work, future, _ in group]
                self._connection.execute("COMMIT")
            if any(erases for _, _, erases in group):
                scrub(self._connection)
        except BaseException as failed:  # of the whole group: nothing of it is durable
            with contextlib.suppress(apsw.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            outcomes = [(future, None, _each(failed)) for _, future, _ in group]
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_tell, outcomes)

    def _one(self, work: Work) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT one")
        try:
            with translated():
                result = work(self._connection)
        except Exception as failed:
            if not self._connection.in_transaction:
                raise  # SQLite has undone the whole group by itself (disk full, I/O error)
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            return None, failed
        self._connection.execute("RELEASE one")
        return result, None


def _each(failed: BaseException) -> BaseException:
    """The group's failure for one of its callers: an exception must not be raised in two tasks."""
    if not isinstance(failed, Unavailable):
        return failed
    own = Unavailable(failed.detail, code=failed.code, **failed.extra)
    own.__cause__ = failed.__cause__
    return own


def _tell(outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, failed in outcomes:
        if future.done():
            continue  # its caller was cancelled
        if failed is not None:
            future.set_exception(failed)
        else:
            future.set_result(result)
