"""One round of load, from a process of its own, on a core of its own where there is one."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from benchmarks.corpus import Json
from benchmarks.serving import Server, cpu_seconds, pin_to

_POSTS = """
local made, n = {}, 0
local file = io.open(%(body)s, "rb")
local body = file:read("*a")
file:close()
function init()
  for i = 0, %(last)d do
    made[i] = wrk.format("POST", (string.gsub(%(path)s, "{i}", tostring(i))), nil, body)
  end
end
function request()
  n = (n + 1) %% (%(last)d + 1)
  return made[n]
end
"""
"""For wrk, which knows nothing of its connections: the paths in turn."""


def load(
    server: Server,
    path: str,
    connections: int,
    seconds: float,
    cpus: Sequence[int],
    *,
    body: Path | None = None,
    headers: Mapping[str, str] | None = None,
    generator: Literal["best", "asyncio"] = "best",
) -> Json:
    """One round of load from a process of its own; at best `wrk`, where it is installed. POSTs of the body, else GETs;
    `{i}` in the path is one of 0..connections-1."""
    wrk = shutil.which("wrk") if generator == "best" else None
    with tempfile.TemporaryDirectory() as folder:
        command = _own(server, path, connections, seconds)
        if wrk is not None:
            command = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
        for name, value in (headers or {}).items():
            command += ["-H" if wrk is not None else "--header", f"{name}: {value}"]
        if body is not None:
            command += (
                ["--body-file", str(body)] if wrk is None else ["-s", _script(Path(folder), path, body, connections)]
            )
        if wrk is not None:
            command.append(server.url + ("" if body is not None else path))
        before, started, spent = cpu_seconds(server.pid), time.perf_counter(), _children_s()
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 60, check=True, preexec_fn=pin_to(cpus)
        )
    took, spent = time.perf_counter() - started, _children_s() - spent
    found: Json = json.loads(done.stdout) if wrk is None else parse_wrk(done.stdout)
    found["generator_busy"] = found["generator_busy"] or round(spent / took, 2)
    after = cpu_seconds(server.pid)
    used = None if before is None or after is None else after - before
    found["server_cpu_us"] = None if used is None else round(used * 1e6 / max(1, found["answered"]), 1)
    return found


def _own(server: Server, path: str, connections: int, seconds: float) -> list[str]:
    own = str(Path(__file__).resolve().parent / "loadgen.py")
    where = [sys.executable, own, "--port", str(server.port), "--path", path]
    return [*where, "--connections", str(connections), "--seconds", str(seconds)]


def _script(folder: Path, path: str, body: Path, connections: int) -> str:
    script = folder / "posts.lua"
    last = connections - 1 if "{i}" in path else 0
    script.write_text(_POSTS % {"body": json.dumps(str(body)), "path": json.dumps(path), "last": last})
    return str(script)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def parse_wrk(text: str) -> Json:
    """The figures that `wrk --latency` prints, named as the own generator names them."""
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    shares = {m[1]: float(m[2]) * unit[m[3]] for m in re.finditer(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", text)}
    rps = re.search(r"Requests/sec:\s+([\d.]+)", text)
    failed = re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", text)
    total = re.search(r"(\d+) requests in", text)
    return {
        "answered": int(total[1]) if total else 0,
        "rps": float(rps[1]) if rps else 0.0,
        "errors": sum(int(n) for n in failed),
        "p50_ms": shares.get("50"),
        "p99_ms": shares.get("99"),
        "generator_busy": None,
        "generator": "wrk",
    }
