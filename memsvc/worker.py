"""The background worker: claims due compactions, runs them, gives them back.

It holds nothing of its own: a job lives in the store, and one whose worker died becomes
due again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from memsvc.core.model import Job
from memsvc.errors import MemsvcError, NotFound
from memsvc.observe import CompactionFailed, Sink, WorkerFailed, places
from memsvc.ports import Queue
from memsvc.service.compact import Compactor, Outcome

BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0)
"""Pause before the next try of a failed compaction, by number of failures."""

LEASE_PARTS = 3
"""A lease is renewed when so much of it is over."""


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
        self._queue = queue
        self._compactor = compactor
        self._clock = clock
        self._sink = sink
        self._concurrency = concurrency
        self._lease_s = lease_s
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

    async def stop(self, timeout_s: float) -> None:
        """Take no new job, let running ones finish for `timeout_s`, then cancel them."""
        self._stopping = True
        self._wake.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run_due(self) -> int:
        """Run every job that is due now, one after the other; how many there were."""
        done = 0
        while not self._stopping and (job := await self._claim()) is not None:
            await self._run(job)
            done += 1
        return done

    async def _claim(self) -> Job | None:
        return await self._queue.claim(now=self._clock(), lease_s=self._lease_s)

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

    async def _run(self, job: Job) -> None:
        work = asyncio.ensure_future(self._compactor.run(job.key, reason="threshold"))
        try:
            held = await self._keep(job, work)
        finally:
            await _stopped(work)
        if held is not None:
            await self._finish(held, work)

    async def _keep(self, job: Job, work: asyncio.Future[Outcome]) -> Job | None:
        """Hold the lease while the work goes on, so that nobody else pays for the same summary; gives the
        job as it is held in the end, None if the lease was lost to another worker."""
        while not (await asyncio.wait({work}, timeout=self._lease_s / LEASE_PARTS))[0]:
            try:
                held = await self._queue.extend(job, now=self._clock(), lease_s=self._lease_s)
            except MemsvcError:
                continue  # the store is away: the lease may outlast that
            if held is None:
                return None
            job = held
        return job

    async def _finish(self, job: Job, work: asyncio.Future[Outcome]) -> None:
        try:
            outcome = work.result()
        except NotFound:
            await self._queue.finish(job)
            return
        except MemsvcError as failed:
            await self._back_off(job, failed.code, failed.detail)
            return
        except Exception as bug:  # the job is given back with its pause, not left to its lease
            self._sink(WorkerFailed(type(bug).__name__, places(bug.__traceback__)))
            await self._back_off(job, "internal", type(bug).__name__)
            return
        await self._queue.finish(job, reason=outcome.reason, error=outcome.error)

    async def _back_off(self, job: Job, code: str, detail: str) -> None:
        retry_at = self._clock() + BACKOFF_S[min(job.attempts, len(BACKOFF_S)) - 1]
        self._sink(CompactionFailed(job.key.tenant, job.key.session, code, job.attempts, retry_at))
        await self._queue.finish(job, state="backoff", reason=code, error=detail, retry_at=retry_at)


async def _stopped(work: asyncio.Future[Outcome]) -> None:
    """Cancel what still runs, and see its end."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
