"""Clients that listen to many streams at once, in a process of their own: how long each event was under way.

    python benchmarks/streamers.py --port 8080 --streams 1000 --events 400 --starts-per-s 100

Prints one JSON object. `benchmarks/gateway.py` starts it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.scripted import ENDING, STAMP
from benchmarks.serving import cpu_seconds

SAID = "Where is parcel {}, which weighs {} kg and went to warehouse {}? "
_LAST = ENDING[-1]


def main(argv: Sequence[str] | None = None) -> int:
    """Open the streams, listen to their ends, print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="texts that a whole stream has")
    parser.add_argument("--starts-per-s", type=float, default=100.0)
    parser.add_argument("--window-s", type=float, default=8.0, help="time that is measured, with all streams open")
    parser.add_argument("--pids", type=int, nargs="*", default=[], help="processes whose processor time is told")
    args = parser.parse_args(argv)
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    print(json.dumps(loop.run_until_complete(Crowd(args).listen())))
    return 0


class Crowd:
    """All streams of a run.

    Attributes:
        late_ms: how long events were under way, while `measuring`, one of each read; seen: all events meanwhile.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.events: int = args.events
        self.late_ms = array("d")
        self.measuring = False
        self.seen, self.whole = 0, 0
        self._open, self._ended = 0, 0
        self._all_open, self._all_ended = asyncio.Event(), asyncio.Event()

    async def listen(self) -> dict[str, Any]:
        """Open them at an even pace, measure while all are open, wait for their ends."""
        args, loop = self._args, asyncio.get_running_loop()
        began = loop.time()
        for number in range(args.streams):
            await asyncio.sleep(max(0.0, began + number / args.starts_per_s - loop.time()))
            await loop.create_connection(lambda number=number: Stream(self, number), "127.0.0.1", args.port)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_open.wait(), 120)
        opened = self._open - self._ended
        before, at = self._cpu(), loop.time()
        self.measuring = True
        await asyncio.sleep(args.window_s)
        self.measuring = False
        took = loop.time() - at
        busy = [round((b - a) / took, 3) for a, b in zip(before, self._cpu(), strict=True)]
        still = self._open - self._ended
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_ended.wait(), 600)
        late = self.late_ms
        return {
            "streams": args.streams,
            "open": min(opened, still),
            "whole": self.whole,
            "lost": args.streams - self.whole,
            "events_per_s": round(self.seen / took, 1),
            "under_way_p50_ms": round(report.percentile(late, 0.5) or 0.0, 3),
            "under_way_p99_ms": round(report.percentile(late, 0.99) or 0.0, 3),
            "busy": busy[:-1],
            "own_busy": busy[-1],
        }

    def begins(self) -> None:
        """A stream's first bytes came."""
        self._open += 1
        if self._open == self._args.streams:
            self._all_open.set()

    def ends(self, whole: bool) -> None:
        """A stream is over."""
        self._ended += 1
        self.whole += whole
        if self._ended == self._args.streams:
            self._all_ended.set()

    def _cpu(self) -> list[float]:
        return [*(cpu_seconds(pid) or 0.0 for pid in self._args.pids), time.process_time()]


class Stream(asyncio.Protocol):
    """One stream: its events are counted as they come."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd = crowd
        self._number = number
        self._rest = b""
        self._seen = 0
        self._begun, self._last, self._done = False, False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        n = self._number
        said = [SAID.format(n, n % 30, n % 7) * 4, "I will look.", "Well?"]
        messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]
        body = {"model": "claude-sonnet-5-5", "max_tokens": 500, "stream": True, "messages": messages}
        raw = json.dumps(body).encode()
        head = (
            "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer any\r\nContent-Type:"
            " application/json\r\nanthropic-version: 2026-10-21\r\n"
            f"x-memsvc-session: s{n}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        self._transport.write(head.encode() + raw)

    def data_received(self, data: bytes) -> None:
        """Count what is whole; the last event's time says how long it was under way."""
        now = time.monotonic_ns()
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n\n")
        self._rest = data[end:] if end >= 0 else data  # what is before has been counted
        seen = data.count(STAMP, 0, end) if end >= 0 else 0
        self._seen += seen
        crowd = self._crowd
        if not self._begun:
            self._begun = True
            crowd.begins()
        if crowd.measuring and seen:
            crowd.seen += seen
            at = data.rfind(STAMP, 0, end) + len(STAMP)
            crowd.late_ms.append((now - int(data[at : data.index(b"}", at)])) / 1e6)
        self._last = self._last or _LAST in data
        if data.endswith(b"\r\n0\r\n\r\n"):
            self._end(self._last and self._seen == crowd.events)

    def connection_lost(self, exc: Exception | None) -> None:
        """Too early, if the stream has not ended."""
        self._end(False)

    def _end(self, whole: bool) -> None:
        if not self._done:
            self._done = True
            self._crowd.ends(whole)
            self._transport.close()


if __name__ == "__main__":
    raise SystemExit(main())
