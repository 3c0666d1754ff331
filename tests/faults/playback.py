"""A provider of bytes: answers every request with the same ones, cut where a test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Playback:
    """Plays `body` as an event stream.

    Attributes:
        cut: hangs up after so many bytes; None = ends as it should.
        stall: says nothing more after so many bytes, until `go` is set.
        requests: bodies' sizes so far.
        left: how many of its clients have gone before the end.
    """

    body: bytes
    cut: int | None = None
    stall: int | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0
    left: int = 0
    url: str = ""
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Playback:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go.set()
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-le"))
                await reader.readexactly(length)
                self.requests += 1
                await self._play(writer)
                if self.cut is not None:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left += 1
        finally:
            writer.close()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        sent = self.body if self.cut is None else self.body[: self.cut]
        writer.write(HEAD)
        if self.stall is not None:
            _chunk(writer, sent[: self.stall])
            await writer.drain()
            await self.go.wait()
            sent = sent[self.stall :]
        _chunk(writer, sent)
        if self.cut is None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    if data:
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
