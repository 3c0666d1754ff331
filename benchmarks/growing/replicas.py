"""Several processes on one store: requests a second, and what each request costs the service and the engine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.corpus import Json
from benchmarks.growing import filling
from benchmarks.growing.curves import ENV, Plan
from benchmarks.growing.engines import Sqlite, Valkey
from benchmarks.growing.probing import Probe, append, cpu, fetch, resident, session_path
from benchmarks.serving import ROOT, Server, memsvc_server


def by_replicas(engine: Sqlite | Valkey, plan: Plan) -> list[Json]:
    """Serve processes side by side, each on a port of its own (an engine that machines can share), and as many
    under one `--workers`."""
    found: list[Json] = []
    engine.start()
    try:
        for number in (n for n in plan.replicas if n <= max(2, (os.cpu_count() or 1) // 2)):
            if engine.pid is not None or number == 1:
                loaded = _loaded(engine, plan, f"serve-{number}-", number, 1)
                found.append({"processes": number, "as": "serve", **loaded})
            if number > 1:
                loaded = _loaded(engine, plan, f"workers-{number}-", 1, number)
                found.append({"processes": number, "as": "--workers", **loaded})
    finally:
        engine.stop()
    return found


def _loaded(engine: Sqlite | Valkey, plan: Plan, prefix: str, servers: int, workers: int) -> Json:
    """Fetches, then appends, of sessions with these names that nobody has compacted."""
    print(f"{engine.name}: {servers} serve, {workers} workers each ...", file=sys.stderr, flush=True)
    filling.habit(engine.url, prefix, plan.connections, plan.full, filling.Habit())
    engine.rests()
    options = ("--workers", str(workers)) if workers > 1 else ()
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(memsvc_server((), ENV, engine.url, options)) for _ in range(servers)]
        for server in running:
            probe = Probe(server.port, server.pid, engine.pid)
            for n in range(plan.connections):
                probe.answer(("PUT", session_path(f"{prefix}{n}"), b'{"policy": {"mode": "manual"}}'))
                probe.answer(fetch(f"{prefix}{n}"))
            probe.close()
        found: Json = {"fetch": _round(engine, plan, running, fetch(f"{prefix}{{i}}")[1], None)}
        with tempfile.NamedTemporaryFile() as body:
            _, path, message = append(f"{prefix}{{i}}", 1)
            body.write(message)
            body.flush()
            found["append"] = _round(engine, plan, running, path, Path(body.name))
        found["rss"] = resident([server.pid for server in running])
    return found


def _round(engine: Sqlite | Valkey, plan: Plan, running: Sequence[Server], path: str, body: Path | None) -> Json:
    """Load on all of them at once, from a process for each; figures of all together."""
    pids = [server.pid for server in running]
    of_engine = [engine.pid] if engine.pid is not None else []
    began, engine_began, started = cpu(pids), cpu(of_engine), time.perf_counter()
    loads = [_load(server, path, max(1, plan.connections // len(running)), plan.seconds, body) for server in running]
    told = [json.loads(load.communicate()[0]) for load in loads]
    seconds, spent, engine_spent = time.perf_counter() - started, cpu(pids) - began, cpu(of_engine) - engine_began
    answered = sum(one["answered"] for one in told)
    return {
        "rps": round(sum(one["rps"] for one in told), 1),
        "errors": sum(one["errors"] for one in told),
        "p50_ms": round(sum(one["p50_ms"] for one in told) / len(told), 3),
        "p99_ms": max(one["p99_ms"] for one in told),
        "cpu_us": round(spent * 1e6 / answered, 1),
        "engine_us": round(engine_spent * 1e6 / answered, 1) or None,
        "server_busy": round(spent / seconds, 2),
        "engine_busy": round(engine_spent / seconds, 2),
        "generator_busy": round(sum(one["generator_busy"] for one in told), 2),
    }


def _load(server: Server, path: str, connections: int, seconds: float, body: Path | None) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "loadgen.py"), "--port", str(server.port), "--path", path]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    command += ["--body-file", str(body)] if body is not None else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
