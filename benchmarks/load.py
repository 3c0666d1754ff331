"""One round of load, from a process of its own, on a core of its own where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks.corpus import Json
from benchmarks.serving import Server, cpu_seconds, pin_to


def load(
    server: Server,
    path: str,
    connections: int,
    seconds: float,
    cpus: Sequence[int],
    *,
    body: Path | None = None,
    generator: Literal["best", "asyncio"] = "best",
) -> Json:
    """One round of load from a process of its own; at best `wrk`, for plain GETs where it is installed."""
    wrk = shutil.which("wrk") if generator == "best" and body is None else None
    if wrk is not None:
        command = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
        command.append(server.url + path)
    else:
        own = str(Path(__file__).resolve().parent / "loadgen.py")
        command = [sys.executable, own, "--port", str(server.port), "--path", path]
        command += ["--connections", str(connections), "--seconds", str(seconds)]
        command += ["--body-file", str(body)] if body else []
    before = cpu_seconds(server.pid)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, check=True, preexec_fn=pin_to(cpus)
    )
    found: Json = json.loads(done.stdout) if wrk is None else parse_wrk(done.stdout)
    after = cpu_seconds(server.pid)
    spent = None if before is None or after is None else after - before
    found["server_cpu_us"] = None if spent is None else round(spent * 1e6 / max(1, found["answered"]), 1)
    return found


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
