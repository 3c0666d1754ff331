"""The background worker: claims due compactions, runs them, gives them back.

It holds nothing of its own: a job lives in the store, and one whose worker died becomes
due again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from memsvc.errors import MemsvcError
from memsvc.observe import Sink, WorkerFailed, places
from memsvc.ports import Queue
from memsvc.service.compact import Compactor
from memsvc.service.leased import Leased


class Worker:
    """Runs due compactions until stopped.

    Args:
        queue: where jobs are claimed; shared by any number of workers.
        compactor: does one compaction.
        clock: unix seconds.
        concurrency: compactions at once.
        lease_s: a job claimed and not finished by then is taken over.
        poll_s: longest pause between looks at the queue (other processes enqueue too).
    """

    def __init__(
        self,
        queue: Queue,
        compactor: Compactor,
        *,
        clock: Callable[[], float],
        sink: Sink,
        concurrency: int = 2,
        lease_s: float = 120.0,
        poll_s: float = 1.0,
    ) -> None:
        self._leased = Leased(queue, compactor, clock=clock, sink=sink, lease_s=lease_s)
        self._sink = sink
        self._concurrency = concurrency
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Look at the queue now instead of at the next poll."""
        self._wake.set()

    def start(self) -> None:
        """Begin working in the background."""
        self._tasks = [asyncio.create_task(self._loop()) for _ in range(self._concurrency)]

    def retire(self) -> None:
        """Take no new job; running ones go on."""
        self._stopping = True
        self._wake.set()

    async def stop(self, timeout_s: float) -> None:
        """Take no new job, let running ones finish for `timeout_s`, then cancel them."""
        self.retire()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run_due(self) -> int:
        """Run every job that is due now, one after the other; how many there were."""
        done = 0
        while not self._stopping and (job := await self._leased.claim()) is not None:
            await self._leased.run(job, reason="threshold")
            done += 1
        return done

    async def _loop(self) -> None:
        while not self._stopping:
            try:
                busy = await self.run_due()
            except MemsvcError as failed:  # the store is away: its jobs are still there when it is back
                self._sink(WorkerFailed(failed.code))
                busy = 0
            except Exception as bug:  # a bug in one job must not end the worker
                self._sink(WorkerFailed(type(bug).__name__, places(bug.__traceback__)))
                busy = 0
            if not busy:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
