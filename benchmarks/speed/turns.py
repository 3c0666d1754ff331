"""Calls one after the other over one connection: how long each takes, and the server's processor time for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import report
from benchmarks.rawhttp import Link
from benchmarks.serving import Server
from benchmarks.speed.goals import Json, reading
from benchmarks.speed.sides import OURS, THEIRS, by_cpu, cpu_s
from benchmarks.speed.talk import FETCH, messages


@dataclass(slots=True)
class Spent:
    """Of calls of one kind: milliseconds, microseconds of processor time, bytes of the last answer."""

    ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    bytes: int = 0

    @property
    def median_ms(self) -> float:
        """Of a call."""
        return statistics.median(self.ms)

    @property
    def mean_cpu_us(self) -> float | None:
        """Of a call; None where it is not told."""
        return statistics.fmean(self.cpu_us) if self.cpu_us else None


class Caller:
    """One connection to a server, and what its calls took since `begin`."""

    def __init__(self, server: Server) -> None:
        self._link, self._pid = Link(server.port), server.pid
        self.spent: dict[str, Spent] = {}

    def begin(self) -> None:
        """A new round."""
        self.spent = {}

    def call(self, kind: str, method: str, path: str, body: bytes = b"") -> bytes:
        """One call, which is counted; its answer."""
        before, started = cpu_s(self._pid), time.perf_counter()
        answer = self._link.ok(method, path, body)
        ms, after = (time.perf_counter() - started) * 1000, cpu_s(self._pid)
        spent = self.spent.setdefault(kind, Spent())
        spent.ms.append(ms)
        if before is not None and after is not None:
            spent.cpu_us.append((after - before) * 1e6)
        spent.bytes = len(answer)
        return answer

    def append(self, path: str, number: int) -> None:
        """1 KB more."""
        self.call("append", "POST", f"{path}/messages", messages(range(number, number + 1)))

    def fetch(self, path: str) -> None:
        """The context."""
        self.call("fetch", "GET", path + FETCH)

    @property
    def link(self) -> Link:
        """For calls that are not counted."""
        return self._link

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()


Round = dict[str, Spent]


def compared(pairs: Sequence[tuple[Round, Round]], kinds: Sequence[str] = ("append", "fetch")) -> dict[str, Json]:
    """Kind of call -> ours to theirs, of the medians of each round: below 1 is faster."""
    return {kind: _compared([(a[kind], b[kind]) for a, b in pairs]) for kind in kinds}


def _compared(pairs: Sequence[tuple[Spent, Spent]]) -> Json:
    return reading(
        [a.median_ms / b.median_ms for a, b in pairs],
        cpu_ratio=by_cpu([(a.mean_cpu_us, b.mean_cpu_us) for a, b in pairs]),
        **{OURS: told([a for a, _ in pairs]), THEIRS: told([b for _, b in pairs])},
    )


def told(rounds: Sequence[Spent]) -> Json:
    """What the calls of all rounds took."""
    every = [ms for spent in rounds for ms in spent.ms]
    cpu = [us for spent in rounds for us in spent.cpu_us]
    return {
        "p50_ms": round(statistics.median(every), 3),
        "p99_ms": round(report.percentile(every, 0.99) or 0.0, 3),
        "cpu_us": round(statistics.fmean(cpu), 1) if cpu else None,
        "bytes": int(statistics.median(spent.bytes for spent in rounds)),
    }


def turned(caller: Caller, turn: Callable[[int], None], many: int) -> Round:
    """What `many` turns took."""
    caller.begin()
    for number in range(many):
        turn(number)
    return caller.spent
