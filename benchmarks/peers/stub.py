"""The benchmark's side of the stand-in provider."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.peers.processes import Process
from benchmarks.peers.talk import Json
from benchmarks.rawhttp import Link
from benchmarks.serving import ROOT, free_port


class Stub:
    """A stand-in provider that runs, and how to tell it what to do."""

    def __init__(self) -> None:
        self.port, control = free_port(), free_port()
        command = [sys.executable, "-m", "benchmarks.peers.provider", "--port", str(self.port)]
        env = {"PYTHONPATH": str(ROOT)}
        self._process = Process([*command, "--control", str(control)], control, env, ready="/")
        self._process.start()
        self._link = Link(control)

    @property
    def url(self) -> str:
        """Of Anthropic's API; OpenAI's is below `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    def be(self, **how: Any) -> None:
        """Behave so from now on: `delay_s`, `failing`, `summary`; forget what was seen."""
        self._link.ok("PUT", "/", json.dumps({**how, "log": [], "last": None}).encode())

    def summaries(self) -> list[Json]:
        """Every call for a summary since then."""
        return list(self._look()["log"])

    def last(self) -> Any:
        """The body of the newest call that was not for a summary."""
        return self._look()["last"]

    def shown(self) -> set[str]:
        """The marks of all messages that a summary which was delivered was written from."""
        return {mark for call in self.summaries() if call["ok"] for mark in call["marks"]}

    def quiet(self, within_s: float = 30.0) -> None:
        """Wait until no summary is being written."""
        end = time.monotonic() + within_s
        while any(call["ended"] is None for call in self.summaries()) and time.monotonic() < end:
            time.sleep(0.05)

    def stop(self) -> None:
        """Take it down."""
        self._link.close()
        self._process.stop()

    def _look(self) -> Json:
        return dict(json.loads(self._link.ok("GET", "/")))
