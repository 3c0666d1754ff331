"""Programs that a measurement needs, each a process of its own, and the processor time they take."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.serving import ROOT, wait_ready

STOP_S = 10.0


class NotRunning(Exception):
    """A program that could not be started; the text says why."""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a program is started with: nothing of the service's own settings, no keys, no way to a model's vendor."""
    unwanted = ("MEMSVC_", "OPENAI_", "ANTHROPIC_", "PYTHON", "REDIS_", "HEADROOM_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    offline = {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return {**clean, **offline, "LANGSMITH_TRACING": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1", **more}


class Process:
    """A server on a port of this machine.

    Args:
        ready: the path that answers 200 when it is ready; empty = a Redis, which answers to PING.
    """

    def __init__(
        self, command: Sequence[str], port: int, env: Mapping[str, str], ready: str = "", within_s: float = 30.0
    ) -> None:
        self.port = port
        self._command, self._ready, self._within_s = list(command), ready, within_s
        self._env = environment(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = io.BytesIO()

    @property
    def pid(self) -> int:
        """Of the process that runs. Raises NotRunning."""
        if self._process is None:
            raise NotRunning(f"{Path(self._command[0]).name} was stopped")
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it is ready. Raises NotRunning with the end of what it wrote."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
        quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": self._log}
        try:
            self._process = subprocess.Popen(self._command, env=self._env, cwd=ROOT, start_new_session=True, **quiet)
        except OSError as failed:
            raise NotRunning(f"{Path(self._command[0]).name}: {failed.strerror}") from failed
        wait = wait_ready if self._ready else _pongs
        if not wait(self.port, self._ready, self._process.poll, self._within_s):
            said = self._said()
            self.stop()
            raise NotRunning(f"does not get ready in {self._within_s:.0f} s: {said}")

    def stop(self) -> None:
        """End it and what it started; it has ten seconds to do so by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is not None:
            print(f"ended by itself, status {process.returncode}: {self._said()}", file=sys.stderr, flush=True)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                process.wait(STOP_S)
            break
        self._log.close()

    def _said(self) -> str:
        """The last line that it wrote."""
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return said[-1][-200:] if said else "says nothing"

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()


def _pongs(port: int, _: str, ended: Callable[[], int | None], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and ended() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
                link.sendall(b"PING\r\n")
                if link.recv(64).startswith(b"+PONG"):
                    return True
        except OSError:
            pass
        time.sleep(0.02)
    return False


def cpu_s(pid: int) -> float:
    """Seconds of processor time that the living threads of a process and of its children have used."""
    spent, waiting = 0, [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*"):
            try:
                spent += int((task / "schedstat").read_text().split()[0])
                waiting += map(int, (task / "children").read_text().split())
            except OSError:
                continue  # the thread has ended
    return spent / 1e9
