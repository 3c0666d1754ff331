"""Appends of 1 KB, each answered when it is as durable as its store makes it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.rawhttp import Link
from benchmarks.serving import ROOT, Server, cores, memsvc_server, pin_to, program
from benchmarks.speed.goals import Goal, Json, Plan, reading
from benchmarks.speed.sides import Side, rates
from benchmarks.speed.talk import manual, one_message
from benchmarks.speed.valkey import valkey_server

WRITERS = 64
_APPEND = "/v1/sessions/w{i}/messages"
GOALS = {
    "append": Goal(
        "append of 1 KB, durable, SQLite, 64 writers: requests/s",
        "aiohttp and one insert, commits shared",
        "more",
        0.5,
        0.8,
    ),
    "append_raw": Goal("the same", "inserts of one process without HTTP, commits shared", "more"),
    "append_valkey": Goal(
        "append of 1 KB, Valkey (append-only file), 64 writers: requests/s",
        "aiohttp and one script call",
        "more",
        0.7,
        1.5,
    ),
}


def append(plan: Plan) -> dict[str, Json]:
    """In SQLite."""
    ours_on, _ = cores()
    with ExitStack() as stack:
        folder, body = Path(stack.enter_context(tempfile.TemporaryDirectory())), stack.enter_context(one_message())
        memsvc = stack.enter_context(memsvc_server(ours_on))
        _sessions(memsvc)
        options = ["--file", str(folder / "bare.db")]
        bare = stack.enter_context(program("benchmarks.speed.bare_sqlite", options, "/", ours_on))
        ours, theirs = Side(memsvc, _APPEND, body), Side(bare, _APPEND, body)
        found = rates(ours, theirs, WRITERS, plan, lambda: _raw(folder, body, plan.seconds))
    raw = reading(found.pop("beside_ratios"), inserts_a_second=round(statistics.median(found.pop("beside")), 1))
    return {"append": found, "append_raw": raw}


def _raw(folder: Path, body: Path, seconds: float) -> float:
    file = folder / f"raw{len(list(folder.iterdir()))}.db"
    command = [sys.executable, "-m", "benchmarks.speed.bare_sqlite", "--file", str(file), "--raw", str(seconds)]
    command += ["--body-file", str(body), "--writers", str(WRITERS)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, preexec_fn=pin_to(cores()[0])
    )
    return float(done.stdout)


def append_valkey(plan: Plan) -> dict[str, Json]:
    """In Valkey, one for both, which shares the load generator's core."""
    ours_on, theirs_on = cores()
    with ExitStack() as stack:
        body, valkey = stack.enter_context(one_message()), stack.enter_context(valkey_server(theirs_on))
        memsvc = stack.enter_context(memsvc_server(ours_on, store=valkey.url))
        _sessions(memsvc)
        fixed = ["--url", valkey.url]
        bare = stack.enter_context(program("benchmarks.speed.bare_valkey", fixed, "", ours_on))
        also = (valkey.pid,)
        found = rates(Side(memsvc, _APPEND, body, also=also), Side(bare, _APPEND, body, also=also), WRITERS, plan)
    return {"append_valkey": found | {"valkey": valkey.version}}


def _sessions(server: Server) -> None:
    link = Link(server.port)
    for i in range(WRITERS):
        manual(link, f"w{i}")
    link.close()
