"""The curves: a store that gets more sessions, a session that gets more messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import IO

from benchmarks.corpus import Json
from benchmarks.growing import filling
from benchmarks.growing.engines import Sqlite, Valkey
from benchmarks.growing.probing import Probe, append, fetch, resident, session_path
from benchmarks.serving import ROOT, Server, cores, memsvc_server

ENV = {"MEMSVC_REDIS_PERSISTENCE": "off", "MEMSVC_LOG_LEVEL": "warning"}
LISTED = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do.

    Attributes:
        lengths: messages of the long sessions.
        sizes: sessions in the store; the first is as good as empty: only those that are asked about.
        full, full_sessions, small: messages of the first so many sessions and of every hundredth after them; of
            all others.
        picked: sessions that are asked about at each size.
        rounds, repeats: of the long sessions: so many rounds of so many requests of a kind.
        seconds, connections: of load on replicas.
        replicas: processes at once; more than two only where there are two cores for each.
        habits: sessions for each way of writing.
        compacted: messages of the session whose compaction is timed.
        moved: sessions that are exported and imported.
    """

    lengths: Sequence[int] = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
    sizes: Sequence[int] = (300, 1_000, 10_000, 100_000, 1_000_000)
    full: int = 20
    full_sessions: int = 100_000
    small: int = 2
    picked: int = 300
    rounds: int = 12
    repeats: int = 12
    seconds: float = 3.0
    connections: int = 64
    replicas: Sequence[int] = (1, 2, 4, 8)
    habits: int = 500
    compacted: int = 1_400
    moved: int = 2_000

    def messages(self, number: int) -> int:
        """Of the session with that number."""
        return self.full if number < self.full_sessions or number % 100 == 0 else self.small


QUICK = Plan(
    lengths=(10, 100, 2_000),
    sizes=(30, 300),
    full_sessions=100,
    picked=30,
    rounds=2,
    repeats=5,
    seconds=0.5,
    connections=8,
    habits=20,
    compacted=100,
    moved=50,
)


def by_sessions(engine: Sqlite | Valkey, plan: Plan) -> list[Json]:
    """A point for each size of the store."""
    found: list[Json] = []
    before = 0
    held: dict[str, int | None] = {"memory": 0, "disk": 0}
    engine.start()
    try:
        for size in plan.sizes:
            _say(f"{engine.name}: {size:,} sessions")
            memory, disk = _rested(engine)  # with what was asked at the size before, which is not counted
            engine.fills()
            filled = filling.sessions(engine.url, range(before, size), plan.messages)
            before = size
            now, on_disk = _rested(engine)
            more = {"memory": _above(now, memory), "disk": on_disk - disk}
            held = {what: None if new is None else (held[what] or 0) + new for what, new in more.items()}
            with memsvc_server(cores()[0], ENV, engine.url) as server:
                asked = _store_point(engine, plan, size, server)
            found.append({"sessions": size, "filled": asdict(filled), **held, **asked})
            found[-1]["messages"] = sum(point["filled"]["messages"] for point in found)
    finally:
        engine.stop()
    return found


def _store_point(engine: Sqlite | Valkey, plan: Plan, size: int, server: Server) -> Json:
    """What a service on the store does. Each of the sessions asked about is new to it."""
    picked = [filling.name(n) for n in _picked(plan, size)]
    began = [f"new-{size}-{n}" for n in range(len(picked))]
    idle = resident([server.pid])
    probe = Probe(server.port, server.pid, engine.pid)
    try:
        for n in range(10):  # what a process does once
            for request in (append(f"warm-{size}", n), fetch(f"warm-{size}"), _listing()):
                probe.answer(request)
        probe.ask("fetch_first", map(fetch, picked))
        probe.ask("fetch", map(fetch, picked * 2))
        on_disk = engine.disk()
        probe.ask("append", (append(session, n) for n, session in enumerate(picked)))
        grown = (engine.disk() - on_disk) / len(picked)
        probe.ask("fetch_after_append", map(fetch, picked))
        probe.ask("begin", (append(session, n) for n, session in enumerate(began)))
        probe.ask("list", [_listing()] * max(5, len(picked) // 10))
    finally:
        probe.close()
    rss = {"idle": idle, "after": resident([server.pid])}
    ready, written = round(server.ready_s, 3), round(grown)
    return {"ready_s": ready, "rss": rss, "log_bytes_an_append": written, "asked": probe.figures()}


def _picked(plan: Plan, size: int) -> list[int]:
    """Numbers of sessions anywhere in the store, all of the same length, in no order."""
    dice, found = Random(size), dict[int, None]()
    while len(found) < min(plan.picked, size):
        number = dice.randrange(size)
        found[number if number < plan.full_sessions else number - number % 100] = None
    return list(found)


def by_messages(engine: Sqlite | Valkey, plan: Plan) -> list[Json]:
    """A point for each length of a session; all are asked by turns, and have contexts of one size."""
    points: list[Json] = []
    engine.start()
    try:
        filling.sessions(engine.url, range(1), lambda number: 1)  # what a store has before its first session
        memory, disk = _rested(engine)
        for length in plan.lengths:
            _say(f"{engine.name}: a session of {length:,} messages")
            engine.fills()
            filled = filling.long(engine.url, length)
            now, on_disk = _rested(engine)
            held = {"memory": _above(now, memory), "disk": on_disk - disk}
            points.append({"messages": length, "filled": asdict(filled), **held})
            memory, disk = now, on_disk
        with memsvc_server(cores()[0], ENV, engine.url) as server:
            _ask_by_turns(engine, plan, server, points)
    finally:
        engine.stop()
    return points


def _ask_by_turns(engine: Sqlite | Valkey, plan: Plan, server: Server, points: list[Json]) -> None:
    probes = {length: Probe(server.port, server.pid, engine.pid) for length in plan.lengths}
    order = list(probes.items())
    for number in range(-1, plan.rounds):
        if number == 0:  # the first round was to warm up
            for probe in probes.values():
                probe.spent.clear()
        for length, probe in order if number % 2 else order[::-1]:
            session = filling.long_name(length)
            history = ("GET", f"{session_path(session)}/history?after={max(0, length - 50)}&limit=50", b"")
            first = ("GET", f"{session_path(session)}/history?limit=50", b"")
            probe.ask("append", (append(session, n, filling.TEXT_BYTES) for n in range(plan.repeats)))
            probe.ask("fetch", [fetch(session)] * plan.repeats)
            probe.ask("history_end", [history] * 5)
            probe.ask("history_begin", [first] * 5)
    for point in points:
        session = filling.long_name(point["messages"])
        probe = probes[point["messages"]]
        point["context_bytes"] = len(probe.answer(fetch(session)))
        body = b'{"force": true, "keep_tokens": 500, "wait_ms": 60000}'
        probe.ask("compact", [("POST", f"{session_path(session)}/compact", body)])
        point["asked"] = probe.figures()
        probe.close()


def by_habit(engine: Sqlite | Valkey, plan: Plan) -> dict[str, Json]:
    """Bytes of a message's own beside its JSON, by how its writer writes: sessions of 20 messages."""
    ways = {
        "at_once": filling.Habit(),
        "by_turns": filling.Habit(by_turns=True),
        "keyed": filling.Habit(by_turns=True, keyed=True),
        "named": filling.Habit(by_turns=True, named=True),
    }
    found: dict[str, Json] = {}
    engine.start()
    try:
        filling.sessions(engine.url, range(plan.habits), lambda number: 1)
        memory, disk = _rested(engine)
        for name, way in ways.items():
            _say(f"{engine.name}: sessions written {name}")
            engine.fills()
            filled = filling.habit(engine.url, name, plan.habits, plan.full, way)
            now, on_disk = _rested(engine)
            found[name] = {"filled": asdict(filled), "memory": _above(now, memory), "disk": on_disk - disk}
            memory, disk = now, on_disk
    finally:
        engine.stop()
    return found


def compaction(plan: Plan) -> Json:
    """A session put in by one append, and its first local summary; three times, on SQLite."""
    said = [json.loads(draft.raw) for draft in filling.drafts(plan.compacted)]
    body = json.dumps({"messages": said}).encode()
    with memsvc_server(cores()[0], ENV) as server:
        probe = Probe(server.port, server.pid, None)
        for n in range(3):
            path = session_path(f"whole-{n}")
            probe.answer(("PUT", path, b'{"policy": {"mode": "manual"}, "format": "openai"}'))
            tokens = json.loads(probe.ask("bulk", [("POST", f"{path}/messages", body)]))["tokens"]
            probe.ask("compact", [("POST", f"{path}/compact", b'{"force": true, "wait_ms": 60000}')])
        probe.close()
    return {"messages": plan.compacted, "tokens": tokens, "asked": probe.figures()}


def by_moving(engine: Sqlite | Valkey, plan: Plan) -> Json:
    """`memsvc export` of a store, and `memsvc import` into an empty one of the same kind."""
    engine.start()
    try:
        filling.sessions(engine.url, range(plan.moved), lambda number: plan.full)
        _say(f"{engine.name}: export, import")
        with tempfile.NamedTemporaryFile() as file:
            exported = _command(["export", "--store", engine.url], file)
            imported = _command(["import", file.name, "--store", engine.other], None)
            size = os.stat(file.name).st_size
    finally:
        engine.stop()
    sessions = {"sessions": plan.moved, "messages": plan.moved * plan.full, "bytes": size}
    return {**sessions, "export_s": exported, "import_s": imported}


def _command(words: list[str], output: IO[bytes] | None) -> float:
    """How long a command of memsvc takes, its start among it."""
    began = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(ROOT), **ENV}
    into = output or subprocess.DEVNULL
    subprocess.run([sys.executable, "-m", "memsvc", *words], stdout=into, env=env, cwd=ROOT, check=True)
    return round(time.perf_counter() - began, 2)


def _rested(engine: Sqlite | Valkey) -> tuple[int | None, int]:
    engine.rests()
    return engine.memory(), engine.disk()


def _above(now: int | None, before: int | None) -> int | None:
    return now - before if now is not None and before is not None else None


def _listing() -> tuple[str, str, bytes]:
    return "GET", f"/v1/sessions?limit={LISTED}", b""


def _say(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)
