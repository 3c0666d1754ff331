"""What the service does beside answering: fetches while compactions run, one long compaction, several processes."""

from __future__ import annotations

import json
import statistics
import threading
import time
from contextlib import ExitStack

from benchmarks import report
from benchmarks.rawhttp import Link
from benchmarks.serving import Server, cores, memsvc_server
from benchmarks.speed import story
from benchmarks.speed.goals import Goal, Json, Plan, reading
from benchmarks.speed.sides import Side, by_cpu, cpu_s, in_turn, measure
from benchmarks.speed.talk import FETCH, encoded, fill, manual, one_message
from benchmarks.speed.valkey import valkey_server

_EACH, _LONG_TOKENS, _SUMMARY_TOKENS = 240, 100_000, 10_000
"""Messages of a session that is compacted beside fetches; tokens of the long one, and of its summary."""
_PAUSE_S, _PATIENCE_S = 0.002, 300.0
_BATCH = 200
GOALS = {
    "compacting": Goal("fetch p99 while 50 compactions run", "while none does", "less", 2.0, 1.3),
    "workers": Goal("CPU time of a request, `--workers 2`, Valkey", "`--workers 1`", "less", 1.1, 1.02),
    "summarizer": Goal("a compaction of 100,000 tokens, local summarizer", "-", "less", 1.0, 0.3, "s"),
}


def compacting(plan: Plan) -> dict[str, Json]:
    """One caller fetches 16 KB, pausing 2 ms; sessions of about 20,000 tokens are compacted by the local summarizer.

    Neither is kept to a core: the service may use what there is.
    """
    with memsvc_server() as server:
        path, link = fill(server.port, "fetched", 16_000) + FETCH, Link(server.port)
        names = iter(range(10**6))
        _fetched(server, path, seconds=0.5)

        def busy() -> list[float]:
            group = next(names)
            paths = [_story(link, f"busy-{group}-{n}", _EACH) for n in range(plan.compactions)]
            return _fetched(server, path, during=paths)

        pairs = in_turn(max(2, plan.rounds // 2), busy, lambda: _fetched(server, path, seconds=4 * plan.seconds))
        link.close()
    tails = [tuple(report.percentile(ms, 0.99) or 0.0 for ms in pair) for pair in pairs]
    told = {"compacting": _told([ms for pair in pairs for ms in pair[0]])}
    told["idle"] = _told([ms for pair in pairs for ms in pair[1]])
    return {"compacting": reading([a / b for a, b in tails], **told)}


def _told(ms: list[float]) -> Json:
    found = {"p50_ms": statistics.median(ms), "p99_ms": report.percentile(ms, 0.99) or 0.0}
    return {name: round(value, 3) for name, value in found.items()} | {"fetches": len(ms)}


def _fetched(server: Server, path: str, seconds: float = 0.0, during: list[str] | None = None) -> list[float]:
    """Milliseconds of each fetch, for so long, or while the sessions of those paths are compacted."""
    link, spent = Link(server.port), []
    over = threading.Event()
    thread = threading.Thread(target=_compact, args=(server, during, over)) if during else None
    if thread is not None:
        thread.start()
    end = time.perf_counter() + seconds
    while not over.is_set() if thread is not None else time.perf_counter() < end:
        started = time.perf_counter()
        link.ok("GET", path)
        spent.append((time.perf_counter() - started) * 1000)
        time.sleep(_PAUSE_S)
    if thread is not None:
        thread.join()
    link.close()
    return spent


def _compact(server: Server, paths: list[str], over: threading.Event) -> None:
    link = Link(server.port)
    try:
        for path in paths:
            link.ok("POST", f"{path}/compact", encoded({"force": True, "wait_ms": 0}))
        for path in paths:
            _settled(link, path)
    finally:
        over.set()
        link.close()


def _settled(link: Link, path: str) -> None:
    """Wait until the session has a summary. Raises RuntimeError where none comes."""
    end = time.monotonic() + _PATIENCE_S
    while (found := json.loads(link.ok("GET", path)))["compaction"]["state"] in ("queued", "running", "backoff"):
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    if found["epoch"] != 1:
        raise RuntimeError(f"a compaction did not happen: {found['compaction']}")


def _story(link: Link, session: str, messages: int) -> str:
    path = manual(link, session)
    for start in range(0, messages, _BATCH):
        link.ok("POST", f"{path}/messages", story.messages(range(start, min(start + _BATCH, messages))))
    return path


def summarizer(plan: Plan) -> dict[str, Json]:
    """From asking for a compaction until it is committed, a new session each time; over HTTP, no core to itself."""
    spent, busy = [], []
    with memsvc_server() as server:
        link = Link(server.port)
        for number in range(plan.starts):
            path, sent = _story(link, f"long-{number}", 0), 0
            tokens, policy = 0, {"mode": "manual", "keep_tokens": 1_000, "summary_tokens": _SUMMARY_TOKENS}
            link.ok("PUT", path, encoded({"policy": policy}))
            while tokens < (_LONG_TOKENS if plan.many >= 10**6 else 2_000):
                link.ok("POST", f"{path}/messages", story.messages(range(sent, sent + _BATCH)))
                sent += _BATCH
                tokens = json.loads(link.ok("GET", path))["tokens"]["full"]
            before, started = cpu_s(server.pid), time.perf_counter()
            link.ok("POST", f"{path}/compact", encoded({"force": True, "wait_ms": 60_000}))
            _settled(link, path)
            spent.append(time.perf_counter() - started)
            if before is not None:
                busy.append((cpu_s(server.pid) or before) - before)
        link.close()
    return {"summarizer": reading(spent, tokens=tokens, cpu_s=round(statistics.median(busy), 3) if busy else None)}


def workers(plan: Plan) -> dict[str, Json]:
    """Fetches of one session and appends to 64: two processes against one, on the same core; the time of all counts."""
    ours_on, _ = cores()
    with ExitStack() as stack:
        body, valkey = stack.enter_context(one_message()), stack.enter_context(valkey_server())
        servers = [
            stack.enter_context(memsvc_server(ours_on, store=valkey.url, options=["--workers", str(n)])) for n in (2, 1)
        ]
        path = fill(servers[0].port, "fetched", 16_000) + FETCH
        link = Link(servers[0].port)
        for i in range(64):
            manual(link, f"w{i}")
        link.close()

        def both(server: Server) -> tuple[float | None, float | None]:
            fetch = measure(Side(server, path), 50, plan.seconds)
            append = measure(Side(server, "/v1/sessions/w{i}/messages", body), 64, plan.seconds)
            return fetch["cpu_us"], append["cpu_us"]

        pairs = in_turn(plan.rounds, lambda: both(servers[0]), lambda: both(servers[1]))
    if any(cpu is None for pair in pairs for side in pair for cpu in side):
        raise RuntimeError("this system does not tell the processor time of a process")
    sums = [tuple(sum(c or 0.0 for c in side) for side in pair) for pair in pairs]
    kinds = {
        name: {
            "ratio": by_cpu([(two[n], one[n]) for two, one in pairs]),
            "cpu_us": [round(statistics.median(pair[side][n] or 0.0 for pair in pairs), 1) for side in (0, 1)],
        }
        for n, name in enumerate(("fetch", "append"))
    }
    return {"workers": reading([two / one for two, one in sums], **kinds)}
