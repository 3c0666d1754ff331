"""A provider that costs next to nothing: the same canned reply to every call, streamed if asked for.

It speaks just enough HTTP for one client that sends whole requests with a length, and keeps the pace of thousands of
streams at once on one core: one timer writes to all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import time
from typing import cast

TEXT = "The parcel is on its way and will arrive on Tuesday before noon. "
USAGE = {"input_tokens": 900, "output_tokens": 200, "cache_read_input_tokens": 8_000, "cache_creation_input_tokens": 90}
TURNS = 50
"""So many times between two events of a stream the timer looks whose turn it is."""
STAMP = b'"at":'
"""Member of a text's event: when it was written, in nanoseconds of the machine's monotonic clock."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n\r\n"


def main() -> None:
    """Serve `POST /v1/messages` on 127.0.0.1 until terminated; `--pause-ms` between the events of a stream."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--pause-ms", type=float, default=0.0)
    args = parser.parse_args()
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    pace = Pace(args.events, args.pause_ms / 1000)
    loop.run_until_complete(loop.create_server(lambda: Link(pace), "127.0.0.1", args.port, backlog=4096))
    if pace.pause_s:
        pace.start(loop)
    loop.run_forever()


class Pace:
    """Writes the streams' events: all at once, or one every `pause_s` seconds."""

    def __init__(self, events: int, pause_s: float) -> None:
        self.numbers = itertools.count(1)
        self.events = events
        self.pause_s = pause_s
        self._turns: list[dict[Link, int]] = [{} for _ in range(TURNS)]
        self._turn = 0
        self._due = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to keep time."""
        self._loop, self._due = loop, loop.time()
        self._tick()

    def add(self, link: Link) -> None:
        """A stream whose beginning is written: it has its place between two turns for all its events."""
        self._turns[self._turn][link] = self.events

    def _tick(self) -> None:
        self._turn = (self._turn + 1) % TURNS
        turn = self._turns[self._turn]
        for link, left in list(turn.items()):
            if left and not link.gone:
                link.write(text_event())
                turn[link] = left - 1
            else:
                del turn[link]
                link.end()
        self._due += self.pause_s / TURNS
        self._loop.call_at(self._due, self._tick)


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._came = bytearray()
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.gone = True

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._came, 0, end + 2)
        if len(self._came) < end + 4 + (int(length.group(1)) if length else 0):
            return
        raw = bytes(self._came)
        self._came.clear()
        self._answer(raw)

    def _answer(self, raw: bytes) -> None:
        if raw.startswith(b"GET "):
            self._transport.write(_HEAD % (b"text/plain", b"Content-Length: 0"))
            return
        number = next(self._pace.numbers)
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
        if b'"stream":true' not in raw and b'"stream": true' not in raw:
            reply = {**message, "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "usage": USAGE}
            body = dumped(reply)
            self._transport.write(_HEAD % (b"application/json", b"Content-Length: %d" % len(body)) + body)
            return
        self._transport.write(_HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked"))
        for begun in _beginning(message):
            self.write(begun)
        if self._pace.pause_s:
            self._pace.add(self)
            return
        for _ in range(self._pace.events):
            self.write(text_event())
        self.end()

    def write(self, event: bytes) -> None:
        """One event, a chunk of its own."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))

    def end(self) -> None:
        """The last events of a stream."""
        if not self.gone:
            for event in ENDING:
                self.write(event)
            self._transport.write(b"0\r\n\r\n")


def dumped(value: object) -> bytes:
    """JSON as the vendors write it in streams: compact."""
    return json.dumps(value, separators=(",", ":")).encode()


def event_of(value: dict[str, object]) -> bytes:
    """An event of a stream."""
    return b"event: %b\ndata: %b\n\n" % (str(value["type"]).encode(), dumped(value))


def text_event() -> bytes:
    """A piece of text, and the time."""
    return b"%b,%b%d}\n\n" % (_TEXT, STAMP, time.monotonic_ns())


def _beginning(message: dict[str, object]) -> list[bytes]:
    start = {**message, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    block = {"type": "text", "text": ""}
    return [
        event_of({"type": "message_start", "message": start}),
        event_of({"type": "content_block_start", "index": 0, "content_block": block}),
    ]


_TEXT = event_of(
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
)[: -len(b"}\n\n")]
ENDING = [
    event_of({"type": "content_block_stop", "index": 0}),
    event_of({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}}),
    event_of({"type": "message_stop"}),
]


if __name__ == "__main__":
    main()
