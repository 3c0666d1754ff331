"""Servers for one measurement: started on a free loopback port, pinned, stopped again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
READY_S = 30.0
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `ready_s` is the time from its start until it was ready."""

    port: int
    pid: int
    ready_s: float

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def memsvc_server(
    cpus: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    store: str | None = None,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """`python -m memsvc serve` over the store of that URL (None = a new SQLite file), default settings otherwise;
    `options` are more of its command line."""
    folder = tempfile.mkdtemp(prefix="memsvc-bench-")
    try:
        store = store or f"sqlite:///{Path(folder) / 'memsvc.db'}"
        command = ["-m", "memsvc", "serve", "--host", "127.0.0.1", "--store", store, *options]
        with _running(command, "/readyz", cpus, env or {}) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def memsvc_worker(store: str) -> Iterator[Server]:
    """`python -m memsvc worker` over the store of that URL; its port has probes only."""
    with _running(
        ["-m", "memsvc", "worker", "--store", store], "/readyz", (), {}, port_option="--metrics-port"
    ) as made:
        yield made


@contextmanager
def provider_server() -> Iterator[Server]:
    """`python -m memsvc.testing.provider`: a stand-in for both vendors' APIs."""
    with _running(["-m", "memsvc.testing.provider", "--host", "127.0.0.1"], "", (), {}) as server:
        yield server


@contextmanager
def scripted_server(cpus: Sequence[int] = (), *, events: int, pause_ms: float) -> Iterator[Server]:
    """A provider that gives the same canned reply to every call."""
    command = [str(ROOT / "benchmarks" / "scripted.py"), "--events", str(events), "--pause-ms", str(pause_ms)]
    with _running(command, "/", cpus, {}) as server:
        yield server


@contextmanager
def bare_server(reply: bytes, cpus: Sequence[int] = (), headers: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A bare aiohttp handler that answers every GET with the same bytes and headers."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(reply)
        file.flush()
        command = [str(ROOT / "benchmarks" / "bare.py"), "--reply", file.name]
        command += ["--headers", json.dumps(dict(headers))] if headers is not None else []
        with _running(command, "/", cpus, {}) as server:
            yield server


@contextmanager
def program(module: str, options: Sequence[str], ready: str, cpus: Sequence[int] = ()) -> Iterator[Server]:
    """`python -m module` with these options and a `--port`; ready when it answers a GET of that path."""
    with _running(["-m", module, *options], ready, cpus, {}) as server:
        yield server


@contextmanager
def _running(
    command: list[str], ready: str, cpus: Sequence[int], env: Mapping[str, str], *, port_option: str = "--port"
) -> Iterator[Server]:
    port = free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MEMSVC_")}
    clean["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command, port_option, str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**clean, **env},
            cwd=ROOT,
            preexec_fn=pin_to(cpus),
        )
        try:
            if not wait_ready(port, ready, process.poll):
                raise SystemExit(f"server did not get ready:\n{_end_of(log)}")
            yield Server(port, process.pid, time.perf_counter() - started)
        finally:
            if process.poll() is not None:
                print(f"server ended by itself, status {process.returncode}:\n{_end_of(log)}", file=sys.stderr)
            _stop(process)


def _end_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-4000:].decode(errors="replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_S)


def cpu_seconds(pid: int) -> float | None:
    """Processor time the process has used so far, all its threads; None where that is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin_to(cpus: Sequence[int]) -> Callable[[], None] | None:
    """A `preexec_fn` that keeps the child on these cores; None where that is not possible."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, set(cpus))


def cores() -> tuple[list[int], list[int]]:
    """Cores for the server and for the load generator; both empty where they cannot be parted."""
    if not hasattr(os, "sched_getaffinity"):
        return [], []
    mine = sorted(os.sched_getaffinity(0))
    return ([mine[0]], [mine[1]]) if len(mine) > 1 else ([], [])


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(port: int, path: str, ended: Callable[[], int | None], within_s: float = READY_S) -> bool:
    """Ask until the answer is 200, every 5 ms; False if the process ended or time is up.
    Without a path any answer will do."""
    wanted = b"HTTP/1.1 200" if path else b"HTTP/1.1 "
    request = f"GET {path or '/'} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and ended() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
                link.sendall(request)
                if link.recv(64).startswith(wanted):
                    return True
        except OSError:
            pass
        time.sleep(0.005)
    return False
