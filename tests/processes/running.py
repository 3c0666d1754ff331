"""Processes of the service as an operator starts them, and a client that asks them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
SMALL = {"threshold_tokens": 600, "keep_tokens": 150, "summary_tokens": 120, "max_tokens": 100_000}
PATIENCE_S = 60.0


class Running:
    """One `memsvc` process. `line` is what it printed when it was ready."""

    def __init__(self, process: asyncio.subprocess.Process, line: str) -> None:
        self.process = process
        self.line = line

    @property
    def url(self) -> str:
        """Where it serves."""
        found = re.search(r"http://\S+?(?=,| )", self.line)
        assert found, self.line
        return found[0]

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its status, once it has ended."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    def children(self) -> list[int]:
        """Its child processes."""
        return [pid for pid, parent in processes("ppid") if int(parent) == self.process.pid]


def processes(column: str) -> list[tuple[int, str]]:
    """(pid, what `ps` has in that column) of all processes of this machine."""
    lines = subprocess.run(["ps", "-A", "-o", f"pid=,{column}="], capture_output=True, text=True, check=True).stdout
    return [(int(pid), rest) for pid, _, rest in (line.strip().partition(" ") for line in lines.splitlines())]


def alive(pid: int) -> bool:
    """Whether a process runs."""
    return (pid, True) in {(p, not state.strip().startswith("Z")) for p, state in processes("stat")}


@contextlib.asynccontextmanager
async def memsvc(*args: str, **settings: Any) -> AsyncIterator[Running]:
    """A process with these arguments and settings, ready; killed in the end if it still runs."""
    env = {**os.environ, **{f"MEMSVC_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [sys.executable, "-m", "memsvc", *args]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    assert process.stderr is not None
    reading = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode().strip()
        yield Running(process, line or (await reading).decode())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


class Client:
    """Calls of the API, each over a connection of its own, so that any process may get it."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call that succeeds, sent again where a process died under it; gives the body."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                    return await self._call(method, path, body, headers)
                await asyncio.sleep(0.02)

    async def _call(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, json=body, headers=headers) as response,
        ):
            answer = await response.json() if response.status != 204 else None
            assert response.status < 300, (response.status, answer)
            return answer

    async def once(self, session: str, text: str) -> Any:
        """Append a message, without trying again."""
        message = {"role": "user", "content": text}
        return await self._call("POST", f"/v1/sessions/{session}/messages", {"messages": [message]}, {})

    async def say(self, session: str, *texts: str) -> Any:
        """Append turns: what the user said, and an answer to each."""
        messages = [
            m for t in texts for m in ({"role": "user", "content": t}, {"role": "assistant", "content": "ok " + t})
        ]
        return await self.call("POST", f"/v1/sessions/{session}/messages", {"messages": messages})


async def until(true: Callable[[], Any]) -> None:
    """Wait for what other processes do."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = true()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


STOP, KILL = signal.SIGTERM, signal.SIGKILL
