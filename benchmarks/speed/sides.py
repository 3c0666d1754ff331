"""Two servers under the same load, in turn: the ratio of a round is of two measurements that lie side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.load import load
from benchmarks.serving import Server, cores
from benchmarks.speed.goals import Json, Plan, reading

T = TypeVar("T")
OURS, THEIRS = "memsvc", "compared with"


@dataclass(frozen=True, slots=True)
class Side:
    """What is asked of a server again and again; `also` are processes whose time is told beside the server's."""

    server: Server
    path: str
    body: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    also: Sequence[int] = ()


def cpu_s(pid: int) -> float | None:
    """Processor time of a process and its children so far, to the microsecond; None where that is not told."""
    spent = 0
    for one in (pid, *_children(pid)):
        try:
            spent += sum(int(f.read_text().split()[0]) for f in Path(f"/proc/{one}/task").glob("*/schedstat"))
        except (OSError, ValueError):
            return None
    return spent / 1e9 or None


def _children(pid: int) -> list[int]:
    try:
        found = [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return found + [n for child in found for n in _children(child)]


def used_us(pids: Sequence[int], before: Sequence[float | None], calls: int) -> float | None:
    """Microseconds a call of these processes since `before`."""
    spent = [None if b is None or (a := cpu_s(p)) is None else a - b for p, b in zip(pids, before, strict=True)]
    known = [s for s in spent if s is not None]
    return round(sum(known) * 1e6 / max(1, calls), 1) if known and len(known) == len(spent) else None


def one_round(number: int, ours: Callable[[], T], theirs: Callable[[], T]) -> tuple[T, T]:
    """(ours, theirs) of a round; who goes first changes from round to round."""
    if number % 2 == 0:
        first = ours()
        return first, theirs()
    second = theirs()
    return ours(), second


def in_turn(rounds: int, ours: Callable[[], T], theirs: Callable[[], T]) -> list[tuple[T, T]]:
    """(ours, theirs) of each round."""
    return [one_round(number, ours, theirs) for number in range(rounds)]


def rates(ours: Side, theirs: Side, connections: int, plan: Plan, beside: Callable[[], float] | None = None) -> Json:
    """Requests a second of ours to theirs, and the same of the processor time that a request takes: above 1 is faster.

    `beside` is measured in each round too; its values are told as such.
    """
    for side in (ours, theirs):
        _round(side, connections, min(1.0, plan.seconds))  # what is learnt at first is learnt
    others: list[float] = []

    def one() -> Json:
        return _round(ours, connections, plan.seconds)

    def other() -> Json:
        if beside is not None:
            others.append(beside())
        return _round(theirs, connections, plan.seconds)

    pairs = in_turn(plan.rounds, one, other)
    told = {OURS: _told([a for a, _ in pairs]), THEIRS: _told([b for _, b in pairs])}
    errors = sum(r["errors"] for pair in pairs for r in pair)
    if errors:
        raise RuntimeError(f"{errors} requests were refused or lost")
    return reading(
        [a["rps"] / b["rps"] for a, b in pairs],
        cpu_ratio=by_cpu([(b["cpu_us"], a["cpu_us"]) for a, b in pairs]),
        connections=connections,
        generator=pairs[0][0]["generator"],
        generator_busy=max(told[OURS]["generator_busy"], told[THEIRS]["generator_busy"]),
        pinned=bool(cores()[0]),
        **told,
    ) | ({"beside": others, "beside_ratios": _against(pairs, others)} if others else {})


def _against(pairs: Sequence[tuple[Json, Json]], others: Sequence[float]) -> list[float]:
    return [a["rps"] / value for (a, _), value in zip(pairs, others, strict=True)]


def by_cpu(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """Median over the rounds of the first's processor time to the second's."""
    ratios = [a / b for a, b in pairs if a and b]
    return round(statistics.median(ratios), 3) if ratios else None


def _round(side: Side, connections: int, seconds: float) -> Json:
    pids = (side.server.pid, *side.also)
    before = [cpu_s(pid) for pid in pids]
    found = load(side.server, side.path, connections, seconds, cores()[1], body=side.body, headers=side.headers)
    found["cpu_us"] = used_us(pids[:1], before[:1], found["answered"])
    found["also_us"] = used_us(pids[1:], before[1:], found["answered"])
    return found


def _told(rounds: Sequence[Json]) -> Json:
    names = ("rps", "p50_ms", "p99_ms", "cpu_us", "also_us", "generator_busy")
    known = {name: [r[name] for r in rounds if r[name] is not None] for name in names}
    return {name: round(statistics.median(values), 3) for name, values in known.items() if values}
