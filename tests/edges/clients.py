"""What the tests of the client need: both transports over one service, a clock by hand, a way to lose answers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from memsvc.client import Client, Request, Retry, Transport
from memsvc.client.http import HttpTransport
from memsvc.embedded import InProcess
from memsvc.service import Memory
from tests.edges.api import MAX_BODY, serving

KINDS = ("http", "in_process")


@asynccontextmanager
async def transport_to(memory: Memory, kind: str) -> AsyncIterator[Transport]:
    """A transport of that kind; a client opens and closes it."""
    if kind == "http":
        async with serving(memory) as api:
            yield HttpTransport(api.url)
    else:
        yield InProcess(memory, tenant="default", max_body_bytes=MAX_BODY, sink=lambda event: None)


def threads() -> list[str]:
    """Names of the threads that we have started."""
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("memsvc"))


@dataclass
class Time:
    """Seconds that pass when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def client(self, service: str | Transport, retry: Retry | None = None) -> Client:
        """A client that goes by this time and draws 1.0 from every hat."""
        more: dict[str, Any] = {} if retry is None else {"retry": retry}
        return Client(service, clock=lambda: self.now, sleep=self.sleep, chance=lambda: 1.0, **more)


@dataclass
class Scripted:
    """A transport that answers as it was told, then again as the last time."""

    script: list[Any]
    seen: list[Request] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    async def open(self) -> None: ...

    async def send(self, request: Request, timeout_s: float) -> Any:
        self.seen.append(request)
        self.timeouts.append(timeout_s)
        found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None: ...


class Losing:
    """Stands before a server and hands on every request; of the next `lose` answers it hangs up instead, where they
    are `torn` in the middle."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pipes: set[asyncio.Task[None]] = set()
        self.lose = 0
        self.lost = 0
        self.torn = False
        self.url = ""

    async def __aenter__(self) -> Losing:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", self._port)
        pipes = [asyncio.ensure_future(p) for p in (self._forward(reader, before), self._back(behind, writer))]
        self._pipes |= set(pipes)
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for pipe in pipes:
            pipe.cancel()
        for end in (writer, before):
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):  # the service answers when it is done: the write is in the store
            if self.lose:
                self.lose -= 1
                self.lost += 1
                if self.torn:
                    writer.write(chunk[:-5])
                return
            writer.write(chunk)
