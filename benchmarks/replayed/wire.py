"""The way from the gateway to the provider, with hands on it: a reply can be held or cut after any byte."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import TracebackType

_END = b"0\r\n\r\n"
"""Of a body in chunks."""


@dataclass(slots=True)
class Hitch:
    """What is to happen to one reply.

    Attributes:
        after: so many bytes of it (its head among them) go through.
        cut: the connection breaks then; else nothing more comes until `go`.
        reached: it has happened.
    """

    after: int
    cut: bool
    go: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class Wire:
    """Passes TCP connections on to a port of this machine.

    Attributes:
        hitch: for the next reply that begins; None = it goes through.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self.hitch: Hitch | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._to)
        both = [asyncio.create_task(self._requests(reader, ours)), asyncio.create_task(self._replies(theirs, writer))]
        self._tasks.update(both)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._tasks.difference_update(both)
            for end in (ours, writer):
                end.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                if (hitch := self.hitch) is not None:
                    self.hitch = None
                    if await self._hitched(hitch, chunk, reader, writer):
                        return
                    continue
                writer.write(chunk)
                await writer.drain()

    async def _hitched(
        self, hitch: Hitch, chunk: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection is to end."""
        came = bytearray(chunk)
        while len(came) < hitch.after:
            if came.endswith(_END) or not (more := await reader.read(65_536)):
                break
            came += more
        writer.write(bytes(came[: hitch.after]))
        await writer.drain()
        if len(came) <= hitch.after:
            return False  # that was all of it
        hitch.reached.set()
        if hitch.cut:
            return True
        await hitch.go.wait()
        writer.write(bytes(came[hitch.after :]))
        await writer.drain()
        return False
