"""Trips that callers share: each gets its own answers, also where the connection or the caller does not last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hiredis import Reader
from redis.asyncio import Connection

from memsvc.errors import Unavailable
from memsvc.stores.redis.link import Link, Lost


class Counting:
    """A server that answers each command with its number, and hangs up before one of them."""

    def __init__(self, hangs_up_at: int | None = None) -> None:
        self.hangs_up_at = hangs_up_at
        self.seen: list[list[bytes]] = []
        self.connections = 0
        self.reads = 0
        self.serving: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.serving.add(asyncio.current_task())
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = Reader()
        while data := await reader.read(65_536):
            commands.feed(data)
            self.reads += 1
            while (command := commands.gets()) is not False:
                if command[0] != b"SET":  # what a driver says of itself
                    writer.write(b"+OK\r\n")
                    continue
                self.seen.append(command)
                if len(self.seen) == self.hangs_up_at:
                    await writer.drain()
                    return
                writer.write(b":%d\r\n" % len(self.seen))


@asynccontextmanager
async def linked(server: Counting) -> AsyncIterator[Link]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    link = Link(lambda: Connection(host="127.0.0.1", port=port), timeout_s=5.0)
    try:
        yield link
    finally:
        await link.close()
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*(task for task in server.serving if task))


async def test_those_who_ask_in_one_turn_share_a_trip_and_each_gets_its_answers() -> None:
    server = Counting()
    async with linked(server) as link:
        await link.run([("SET", "warm")])
        before = server.reads
        found = await asyncio.gather(*(link.run([("SET", n), ("SET", -n)]) for n in range(20)))
        assert server.reads == before + 1
        assert server.connections == 1
    assert found == [[2 * n + 2, 2 * n + 3] for n in range(20)]
    assert [int(command[1]) for command in server.seen[1:]] == [s * n for n in range(20) for s in (1, -1)]


async def test_an_answer_that_came_before_the_connection_broke_is_not_lost() -> None:
    server = Counting(hangs_up_at=4)
    async with linked(server) as link:
        calls = (link.run([("SET", n)]) for n in range(6))
        found = await asyncio.gather(*calls, return_exceptions=True)
    assert found[:3] == [[1], [2], [3]]
    assert [type(one) for one in found[3:]] == [Lost] * 3


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_who_is_cancelled_in_the_turn_takes_nobody_along(cancelled: int) -> None:
    server = Counting()
    async with linked(server) as link:
        calls = [asyncio.create_task(link.run([("SET", n)])) for n in range(3)]
        await asyncio.sleep(0)
        calls[cancelled].cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(one, list) for one in found] == [n != cancelled for n in range(3)]
        assert await link.run([("SET", "after")]), "no connection has got lost"
        assert server.connections == 1


async def test_who_waits_for_the_end_of_his_turn_at_a_close_is_refused() -> None:
    server = Counting()
    async with linked(server) as link:
        calls = [asyncio.create_task(link.run([("SET", n)])) for n in range(3)]
        await asyncio.sleep(0)
        await link.close()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in found] == [Unavailable] * 3
    assert server.seen == []
    assert server.connections == 0


async def test_a_call_that_keeps_its_connection_waiting_shares_no_trip() -> None:
    server = Counting()
    async with linked(server) as link:
        await asyncio.gather(link.run([("SET", 1)]), link.run([("SET", 2)], alone=True), link.run([("SET", 3)]))
    assert server.connections == 2
