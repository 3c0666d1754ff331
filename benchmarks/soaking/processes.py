"""Processes that die and come back: started again whenever they end, for whatever reason.

Each serves on a port of its own that it keeps. What ends although nobody killed it is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.serving import ROOT, free_port

READY_S = 60.0
STOP_S = 20.0
PAUSE_S = (0.0, 0.5)
"""Between an end and the next start, in seconds: least and most."""


class Kept:
    """One process that is kept running.

    Args:
        kind: what is killed with it: `server`, `worker`, `group` (several processes behind one port).
        command: what follows `python -m`; gets `--port` where `port` is not 0.
        ready: what its first line of output contains.
    """

    def __init__(self, kind: str, command: Sequence[str], env: Mapping[str, str], log: Path, port: int = 0) -> None:
        self.kind = kind
        self.port = port
        self.ended: Counter[str] = Counter()
        self._command = [sys.executable, "-m", *command, *(["--port", str(port)] if port else [])]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MEMSVC_")}
        self._env = {**clean, "PYTHONPATH": str(ROOT), **env}
        self._log = log
        self._ready = asyncio.Event()
        self._stopping = False
        self._killed = False
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> bool:
        """Whether it has said that it serves."""
        return self._ready.is_set()

    def start(self) -> None:
        """Begin keeping it."""
        self._keeping = asyncio.create_task(self._keep())

    async def until_ready(self) -> None:
        """Wait until it serves. Raises TimeoutError."""
        async with asyncio.timeout(READY_S):
            await self._ready.wait()

    def kill(self) -> bool:
        """End it with SIGKILL; False if it does not run."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._killed = True
        self._ready.clear()
        self._process.kill()
        return True

    def kill_child(self, number: int) -> bool:
        """End one of its own processes with SIGKILL; False if it has none."""
        children = self._children()
        if not children:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(children[number % len(children)], signal.SIGKILL)
            return True
        return False

    async def stop(self) -> None:
        """SIGTERM, then the end; it is not started again."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
        if self._keeping is None:
            return
        _, late = await asyncio.wait({self._keeping}, timeout=STOP_S)
        if late:
            self.ended["had to be killed at the end"] += 1
            self.kill()
            await asyncio.wait({self._keeping}, timeout=STOP_S)

    def _children(self) -> list[int]:
        if self._process is None:
            return []
        pid = self._process.pid
        try:
            return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:  # it is gone, or this system has no /proc
            return []

    async def _keep(self) -> None:
        pause = PAUSE_S[1]
        while not self._stopping:
            self._killed = False
            await self._run()
            self._ready.clear()
            await asyncio.sleep(PAUSE_S[0] if self._killed else pause)

    async def _run(self) -> None:
        pipe = asyncio.subprocess.PIPE
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=self._env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=log
            )
            self._process = process
            assert process.stdout is not None
            while line := await process.stdout.readline():
                log.write(line)
                log.flush()
                self._ready.set()
            status = await process.wait()
        if not self._killed and not self._stopping:
            self.ended[f"{self.kind} ended with status {status}"] += 1


def server(store: str, env: Mapping[str, str], folder: Path, number: int) -> Kept:
    """`memsvc serve` that compacts only what callers and the hard mark ask for."""
    command = ["memsvc", "serve", "--host", "127.0.0.1"]
    told = {**env, "MEMSVC_STORE": store, "MEMSVC_WORKERS_CONCURRENCY": "0"}
    return Kept("server", command, told, folder / f"server{number}.log", free_port())


def group(store: str, env: Mapping[str, str], folder: Path) -> Kept:
    """`memsvc serve --workers 2`, whose processes compact as well."""
    command = ["memsvc", "serve", "--host", "127.0.0.1", "--workers", "2"]
    return Kept("group", command, {**env, "MEMSVC_STORE": store}, folder / "group.log", free_port())


def worker(store: str, env: Mapping[str, str], folder: Path, number: int) -> Kept:
    """`memsvc worker`."""
    return Kept("worker", ["memsvc", "worker"], {**env, "MEMSVC_STORE": store}, folder / f"worker{number}.log")


def provider(delay_s: float, folder: Path) -> Kept:
    """A stand-in for a vendor's API that takes its time; it is not killed."""
    command = ["memsvc.testing.provider", "--host", "127.0.0.1", "--behaviour", "slow", "--delay", f"{delay_s:g}"]
    return Kept("provider", command, {}, folder / "provider.log", free_port())
