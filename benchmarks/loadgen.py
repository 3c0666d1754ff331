"""A closed-loop load generator in a process of its own: N connections, each waiting for its answer.

Prints one JSON object. `{i}` in the path is the number of the connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks.rawhttp import measure_reply, request_bytes


@dataclass(slots=True)
class Count:
    """What was answered: `answered` counts from the start, `ms` has a figure for each after the warm-up."""

    counting: bool = False
    stopped: bool = False
    answered: int = 0
    errors: int = 0
    bytes: int = 0
    ms: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """Sends the same request again as soon as the last one is answered."""

    def __init__(self, request: bytes, count: Count) -> None:
        self._request, self._count = request, count
        self._data = bytearray()
        self._sent = 0.0
        self._need: tuple[int, int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        """Collect until the reply is whole."""
        self._data += data
        if self._need is None:
            size = measure_reply(self._data)
            if size is None:
                return
            self._need = size[0], size[1] + size[2]
        status, length = self._need
        if len(self._data) < length:
            return
        self._answered(status, length)

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that ends before the run does is an error."""
        if not self._count.stopped:
            self._count.errors += 1

    def close(self) -> None:
        """End this connection."""
        if self._transport is not None:
            self._transport.abort()

    def _answered(self, status: int, length: int) -> None:
        count = self._count
        count.answered += 1
        if not 200 <= status < 400:
            count.errors += 1
        elif count.counting:
            count.ms.append((time.perf_counter() - self._sent) * 1000)
            count.bytes += length
        self._data.clear()
        self._need = None
        if not count.stopped:
            self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(self._request)


def _same(link: Connection) -> Connection:
    return link


async def run(args: argparse.Namespace) -> dict[str, float | int | str]:
    """Warm up, count for the given time, stop."""
    loop = asyncio.get_running_loop()
    body = args.body_file.read_bytes() if args.body_file else b""
    method = "POST" if args.body_file else "GET"
    count = Count()
    paths = (args.path.replace("{i}", str(i)) for i in range(args.connections))
    requests = (request_bytes(method, path, body, args.header) for path in paths)
    links = [Connection(request, count) for request in requests]
    for link in links:
        await loop.create_connection(partial(_same, link), "127.0.0.1", args.port)
    await asyncio.sleep(args.warmup)
    count.counting = True
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(args.seconds)
    seconds, busy = time.perf_counter() - started, time.process_time() - cpu
    count.stopped = True
    for link in links:
        link.close()
    ordered = sorted(count.ms) or [0.0]
    return {
        "answered": count.answered,
        "requests": len(count.ms),
        "rps": round(len(count.ms) / seconds, 1),
        "errors": count.errors,
        "bytes_a_reply": count.bytes // max(1, len(count.ms)),
        "p50_ms": round(ordered[len(ordered) // 2], 3),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 3),
        "generator_busy": round(busy / seconds, 2),
        "generator": "asyncio",
    }


def main() -> None:
    """Run and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--body-file", type=Path)
    parser.add_argument("--header", action="append", default=[], metavar="NAME: VALUE")
    args = parser.parse_args()
    try:
        import uvloop

        figures = uvloop.run(run(args))
    except ImportError:
        figures = asyncio.run(run(args))
    print(json.dumps(figures))
    if not figures["requests"]:
        raise SystemExit("nothing was answered")


if __name__ == "__main__":
    main()
