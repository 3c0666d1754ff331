"""One server: a few connections. Those who ask in one turn of the event loop share a trip, and whoever finds all
connections busy shares the next one that is free.

redis-py's own pools and clients are not used: they raise instead of waiting, or send a write again that
may have been done. A command is sent once here; who may repeat it decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Connection
from redis.exceptions import ResponseError

from memsvc.errors import Unavailable
from memsvc.stores.redis.failures import FAILURES

Command = tuple[Any, ...]
Asked = tuple[Sequence[Command], asyncio.Future[list[Any]]]
CONNECTIONS = 8
"""To one server. One is enough for many small commands; more, so that a large answer holds up nobody else."""
MAX_GROUP = 128
"""Commands that share one trip: more would make the first of them wait for the last."""
MAX_WAITING = 10_000
"""Callers that may wait; beyond it they are told to come back rather than memory growing."""


class Lost(Exception):
    """A trip failed; whether its commands were done is not known. `error` is the driver's."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Link:
    """Sends commands to one server.

    Args:
        make: gives a new connection that is not connected yet.
        timeout_s: the longest a trip may take, a new connection included.
    """

    def __init__(self, make: Callable[[], Connection], *, timeout_s: float) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._idle: list[Connection] = []
        self._made: list[Connection] = []
        self._waiting: deque[Asked] = deque()
        self._boarding: list[Asked] | None = None
        self._drivers: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self, commands: Sequence[Command], *, alone: bool = False) -> list[Any]:
        """The answers, in order, of commands that go over one connection one after the other; an error
        answer is an element. Raises Lost, or Unavailable when too many are waiting.

        Args:
            alone: they keep the connection waiting, and so share no trip that is not full anyway.
        """
        if self._boarding is not None and len(self._boarding) < MAX_GROUP and not alone:
            return await self._join(self._boarding, commands)
        connection = self._take()
        if connection is None:
            if len(self._waiting) >= MAX_WAITING:
                raise Unavailable("too many calls are waiting; come back in a second", retry_after=1)
            return await self._join(self._waiting, commands)
        others = [] if alone else await self._others(connection)
        if others:
            # A task takes them: who began the trip may be cancelled, and is one of many.
            own: Asked = commands, asyncio.get_running_loop().create_future()
            self._start(connection, [own, *others])
            return await own[1]
        found: list[Any] = []
        try:
            await self._trip(connection, [commands], lambda _, answers: found.extend(answers))
        finally:
            self._give(connection)
        return found

    async def close(self) -> None:
        """Let go of all connections once what is under way has ended."""
        self._closed = True
        while self._drivers:
            await asyncio.wait(self._drivers)
        for connection in self._made:
            await connection.disconnect()
        self._made.clear()
        self._idle.clear()

    def _take(self) -> Connection | None:
        if self._closed:
            raise Unavailable("the store is closed", retry_after=1)
        if self._idle:
            return self._idle.pop()
        if len(self._made) < CONNECTIONS:
            made = self._make()
            self._made.append(made)
            return made
        return None

    async def _others(self, connection: Connection) -> list[Asked]:
        """Those who ask while all that have their turn in the event loop now have it."""
        others: list[Asked] = []
        self._boarding = others
        try:
            await asyncio.sleep(0)
        except BaseException:  # cancelled
            if others and not self._closed:
                self._start(connection, others)
            else:
                self._refuse(others)
                self._give(connection)
            raise
        finally:
            if self._boarding is others:
                self._boarding = None
        if self._closed:  # meanwhile, and the connection with it
            raise self._refuse(others)
        return others

    @staticmethod
    def _refuse(others: list[Asked]) -> Unavailable:
        for _, future in others:
            if not future.done():
                future.set_exception(Unavailable("the store is closed", retry_after=1))
        return Unavailable("the store is closed", retry_after=1)

    @staticmethod
    async def _join(others: list[Asked] | deque[Asked], commands: Sequence[Command]) -> list[Any]:
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        others.append((commands, future))
        return await future

    def _give(self, connection: Connection) -> None:
        """Hand a connection to those who wait, or put it back."""
        if self._waiting:
            self._start(connection, self._next_group())
        else:
            self._idle.append(connection)

    def _start(self, connection: Connection, group: list[Asked]) -> None:
        driver = asyncio.create_task(self._drive(connection, group))
        self._drivers.add(driver)
        driver.add_done_callback(self._drivers.discard)

    async def _drive(self, connection: Connection, group: list[Asked]) -> None:
        """A trip for a group, then for those who wait, until nobody does."""
        while group:
            futures = [future for _, future in group]

            def give(number: int, answers: list[Any], to: Sequence[asyncio.Future[list[Any]]] = futures) -> None:
                if not to[number].done():  # else its caller was cancelled
                    to[number].set_result(answers)

            try:
                await self._trip(connection, [commands for commands, _ in group], give)
            except Exception as failed:  # also what nobody thought of: no caller may wait for ever
                for future in futures:
                    if not future.done():  # an exception must not be raised in two tasks
                        future.set_exception(Lost(failed.error if isinstance(failed, Lost) else failed))
            group = self._next_group()
        self._idle.append(connection)

    def _next_group(self) -> list[Asked]:
        group, size = [], 0
        while self._waiting and size < MAX_GROUP:
            one = self._waiting.popleft()
            if not one[1].done():
                group.append(one)
                size += len(one[0])
        return group

    async def _trip(
        self, connection: Connection, calls: Sequence[Sequence[Command]], give: Callable[[int, list[Any]], None]
    ) -> None:
        """Send all calls, and give each its answers, by its number, as soon as they are there."""
        try:
            async with asyncio.timeout(self._timeout_s):
                if connection.is_connected and await connection.can_read():
                    await connection.disconnect(nowait=True)  # the server has closed it
                if not connection.is_connected:
                    await connection.connect()  # type: ignore[no-untyped-call]
                await connection.send_packed_command(b"".join([packed(c) for call in calls for c in call]))
                for number, call in enumerate(calls):
                    give(number, [await _answer(connection) for _ in call])
        except BaseException as error:
            # What comes now over this connection answers a question nobody asks any more.
            await connection.disconnect(nowait=True)
            if isinstance(error, FAILURES):
                raise Lost(error) from error
            raise


def packed(command: Command) -> bytes:
    """A command as it is sent. The driver's own way takes five times as long."""
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        if not isinstance(word, bytes):
            word = str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


async def _answer(connection: Connection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as refused:
        return refused
