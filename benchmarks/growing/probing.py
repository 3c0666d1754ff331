"""One request after the other, and what it costs: milliseconds seen by a client, processor time of each process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import Json
from benchmarks.growing.filling import text
from benchmarks.rawhttp import Link
from benchmarks.report import percentile
from benchmarks.serving import cpu_seconds

PAGE_BYTES = 4096
Request = tuple[str, str, bytes]


def session_path(session: str) -> str:
    """Of a session."""
    return f"/v1/sessions/{session}"


def fetch(session: str) -> Request:
    """Of its context."""
    return "GET", f"{session_path(session)}/context?format=openai", b""


def append(session: str, number: int, size: int = 1000) -> Request:
    """Of one message of so many characters."""
    message = {"role": "assistant" if number % 2 else "user", "content": text(number % 64, size)}
    return "POST", f"{session_path(session)}/messages", json.dumps({"messages": [message]}).encode()


@dataclass
class Spent:
    """Of one kind of request: milliseconds of each, and processor time of the service and of the engine."""

    ms: list[float] = field(default_factory=list)
    server_s: float = 0.0
    engine_s: float = 0.0

    def figures(self) -> Json:
        """For the results; `engine_us` is None where the engine has no process of its own."""
        count = max(1, len(self.ms))
        return {
            "requests": len(self.ms),
            "p50_ms": round(statistics.median(self.ms), 3) if self.ms else None,
            "p99_ms": round(percentile(self.ms, 0.99) or 0.0, 3),
            "cpu_us": round(self.server_s * 1e6 / count, 1),
            "engine_us": round(self.engine_s * 1e6 / count, 1) or None,
        }


class Probe:
    """Asks one server over one connection.

    Args:
        server, engine: process ids; None = there is no such process.
    """

    def __init__(self, port: int, server: int, engine: int | None) -> None:
        self._link = Link(port)
        self._server, self._engine = server, engine
        self.spent: dict[str, Spent] = {}

    def ask(self, kind: str, requests: Iterable[Request]) -> bytes:
        """Send them one by one; the last reply. Raises RuntimeError where one fails."""
        reply = b""
        spent = self.spent.setdefault(kind, Spent())
        before = self._cpu()
        for method, path, body in requests:
            started = time.perf_counter()
            reply = self._link.ok(method, path, body)
            spent.ms.append((time.perf_counter() - started) * 1000)
        after = self._cpu()
        spent.server_s += after[0] - before[0]
        spent.engine_s += after[1] - before[1]
        return reply

    def answer(self, request: Request) -> bytes:
        """One more that does not count."""
        return self._link.ok(*request)

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def figures(self) -> dict[str, Json]:
        """Of all kinds."""
        return {kind: spent.figures() for kind, spent in self.spent.items()}

    def _cpu(self) -> tuple[float, float]:
        return cpu([self._server]), cpu([self._engine] if self._engine is not None else [])


def cpu(pids: Sequence[int]) -> float:
    """Seconds that these processes and what they started have run: by the scheduler's own count where there is one,
    which is exact, else by ticks."""
    total = 0.0
    for pid in family(pids):
        try:
            tasks = [int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
            total += sum(tasks) / 1e9
        except (OSError, IndexError):
            total += cpu_seconds(pid) or 0.0
    return total


def family(pids: Sequence[int]) -> list[int]:
    """These processes and their children."""
    found = list(pids)
    for pid in found:
        try:
            told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            continue
        found.extend(map(int, told.split()))
    return found


def resident(pids: Sequence[int]) -> int:
    """Bytes of memory that these processes and their children have now, shared pages counted in each."""
    total = 0
    for pid in family(pids):
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
        except OSError:
            continue
    return total
