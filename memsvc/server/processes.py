"""Several server processes on one port of one machine: started together, restarted when one dies, stopped together.

Each is a whole `memsvc serve`; the system's kernel deals connections out among them (SO_REUSEPORT). The parent
serves nothing: it holds the port, so that a port of 0 is the same one for all, and a pipe to each child,
whose end tells a child that the parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

READY_S = 60.0
"""A process that has not said by then that it serves is taken for stuck."""
QUICK_S = 10.0
"""Who dies sooner than this after its start is started again after a pause that grows."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        command: of one process, without its port; it prints one line when it serves, and stops when its
            standard input ends.
        told: variables that it gets beside those of this process.
        number: how many.
        grace_s: seconds they get to finish what is under way.
        gone: told the id of one that has died.
    """

    command: tuple[str, ...]
    told: Mapping[str, str]
    number: int
    host: str
    port: int
    grace_s: float
    gone: Callable[[int], None] = lambda pid: None


class CannotBind(Exception):
    """The port is not to be had; the text says why."""


def reserve(host: str, port: int) -> socket.socket:
    """A socket that holds a port for processes that share it, and takes no connection itself.

    Raises CannotBind."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not hasattr(socket, "SO_REUSEPORT"):
            raise CannotBind("this system cannot share a port among processes; use --workers 1")
        _check_free(family, host, port)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a service before it that have ended
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as taken:
        held.close()
        raise CannotBind(str(taken.strerror)) from None
    except BaseException:
        held.close()
        raise
    return held


def _check_free(family: int, host: str, port: int) -> None:
    """Raise OSError where somebody has the port: with SO_REUSEPORT another service of the same user, perhaps on
    another store, would get a part of the connections without a word."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have just ended do not count
        probe.bind((host, port))


async def run(plan: Plan, stopped: asyncio.Event, tell: Callable[[int], None]) -> int:
    """Run the processes until `stopped`; gives the exit status: that of one that could not start, else 0.

    `tell` gets the port once all of them serve. Raises CannotBind."""
    with reserve(plan.host, plan.port) as held:
        port = int(held.getsockname()[1])
        command = (*plan.command, "--port", str(port))
        children = [_Child(command, {**os.environ, **plan.told}, plan) for _ in range(plan.number)]
        try:
            for child in children:
                await child.start()
            statuses = await _unless(stopped, asyncio.gather(*(child.ready() for child in children)))
            if statuses is None:
                return 0
            if any(statuses):
                return next(status for status in statuses if status)
            tell(port)
            watching = [asyncio.create_task(child.keep(stopped)) for child in children]
            await stopped.wait()
            await asyncio.gather(*watching)
        finally:
            await asyncio.gather(*(child.stop() for child in children))
    return 0


class _Child:
    """One process, and those that take its place."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], plan: Plan) -> None:
        self._command = command
        self._env = env
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._started = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(*self._command, env=self._env, stdin=pipe, stdout=pipe)

    async def ready(self) -> int:
        """0 when it serves, else the status it ended with."""
        process = self._process
        assert process is not None, "it was started"
        assert process.stdout is not None, "it was given a pipe"
        try:
            async with asyncio.timeout(READY_S):
                if await process.stdout.readline():
                    return 0
        except TimeoutError:
            process.kill()
        return await process.wait() or 1

    async def keep(self, stopped: asyncio.Event) -> None:
        """Start it again whenever it dies, until all are to stop."""
        pause = FIRST_PAUSE_S
        while not stopped.is_set():
            assert self._process is not None, "it was started"
            await _either(self._process.wait(), stopped.wait())
            if stopped.is_set():
                return
            self._plan.gone(self._process.pid)
            pause = FIRST_PAUSE_S if time.monotonic() - self._started > QUICK_S else min(pause * 2, LONGEST_PAUSE_S)
            said = f"memsvc: process {self._process.pid} ended with status {self._process.returncode}"
            print(f"{said}; starting another in {pause:g} s", file=sys.stderr)
            await _either(asyncio.sleep(pause), stopped.wait())
            if stopped.is_set():
                return
            try:
                await self.start()
            except OSError as failed:  # no memory or no process to be had: perhaps after the next pause
                print(f"memsvc: no process could be started: {failed.strerror}", file=sys.stderr)
                continue
            await _either(self.ready(), stopped.wait())

    async def stop(self) -> None:
        """Let it finish what is under way, then end it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._plan.grace_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _unless(stopped: asyncio.Event, wait: Awaitable[T]) -> T | None:
    """What is waited for; None if `stopped` comes first."""
    task = asyncio.ensure_future(wait)
    await _either(asyncio.wait({task}), stopped.wait())
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


async def _either(*waits: object) -> None:
    tasks = [asyncio.ensure_future(w) for w in waits]  # type: ignore[call-overload]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
