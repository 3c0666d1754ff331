"""Compactions under a lease: whoever holds a session's job is the only one who pays for its summary."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from weakref import WeakValueDictionary

from msgspec import Struct

from memsvc.core.model import Job, Key
from memsvc.errors import MemsvcError, NotFound, Unavailable
from memsvc.observe import CompactionFailed, Sink, WorkerFailed, places
from memsvc.ports import Queue
from memsvc.service.chain import reasons
from memsvc.service.compact import Compactor
from memsvc.service.outcome import Outcome

BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0)
"""Pause before the next try of a failed compaction, by number of failures; where the store was away, the first."""
LEASE_PARTS = 3
"""A lease is renewed when so much of it is over."""
WAIT_STEPS_S = (0.05, 1.0)
"""First and longest pause between looks at a job that another process holds: there is no event to wait for."""


class Ended(Struct, frozen=True):
    """How a claimed compaction ended.

    Attributes:
        outcome: None if it failed, or the lease was lost to another worker.
        error: why it failed; already told to the session's state.
    """

    outcome: Outcome | None = None
    error: Exception | None = None


class Leased:
    """Runs claimed compactions: holds their lease while they work, then gives the job back.

    Args:
        clock: unix seconds.
        lease_s: a job claimed and neither finished nor renewed by then is taken over.
    """

    def __init__(
        self, queue: Queue, compactor: Compactor, *, clock: Callable[[], float], sink: Sink, lease_s: float
    ) -> None:
        self._queue = queue
        self._compactor = compactor
        self._clock = clock
        self._sink = sink
        self._lease_s = lease_s
        self._turns: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def claim(self) -> Job | None:
        """Take one job that is due."""
        return await self._queue.claim(now=self._clock(), lease_s=self._lease_s)

    async def now(self, key: Key, *, reason: str, keep_tokens: int | None) -> Outcome:
        """Compact a session at the caller's wish, due or not, once nobody else is at it.

        Raises NotFound, SummarizerError, and Unavailable where another process took the job over."""
        turn = self._turns.setdefault(key, asyncio.Lock())  # however many ask here, one of them looks
        async with turn:
            job = await self._taken(key)
            ended = await self.run(job, reason=reason, keep_tokens=keep_tokens)
        if ended.error is not None:
            raise ended.error
        if ended.outcome is None:
            raise Unavailable("another process has taken this compaction over; look at the session", retry_after=1)
        return ended.outcome

    async def _taken(self, key: Key) -> Job:
        pause = WAIT_STEPS_S[0]
        while (job := await self._queue.take(key, now=self._clock(), lease_s=self._lease_s)) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, WAIT_STEPS_S[1])
        return job

    async def run(self, job: Job, *, reason: str, keep_tokens: int | None = None) -> Ended:
        """Do a claimed compaction and give the job back. Raises Unavailable when the store is away."""
        compact = self._compactor.run(job.key, reason=reason, keep_tokens=keep_tokens, note=job.note)
        work = asyncio.ensure_future(compact)
        try:
            held = await self._keep(job, work)
        finally:
            await _stopped(work)
        return await self._finish(job, work, reason) if held else Ended()

    async def _keep(self, job: Job, work: asyncio.Future[Outcome]) -> bool:
        """Hold the lease while the work goes on. False if it was lost to another worker."""
        while not (await asyncio.wait({work}, timeout=self._lease_s / LEASE_PARTS))[0]:
            try:
                held = await self._queue.extend(job, now=self._clock(), lease_s=self._lease_s)
            except MemsvcError:
                continue  # the store is away: the lease may outlast that
            if not held:
                return False
        return True

    async def _finish(self, job: Job, work: asyncio.Future[Outcome], trigger: str) -> Ended:
        try:
            outcome = work.result()
        except NotFound as gone:
            await self._queue.finish(job)
            return Ended(error=gone)
        except Unavailable as away:  # nothing is wrong with the job, however often: it waits for the store alone
            await self._back_off(job, trigger, away.code, away.detail, pause=BACKOFF_S[0])
            return Ended(error=away)
        except MemsvcError as failed:
            await self._back_off(job, trigger, failed.code, reasons(failed) or failed.detail)
            return Ended(error=failed)
        except Exception as bug:  # the job is given back with its pause, not left to its lease
            self._sink(WorkerFailed(type(bug).__name__, places(bug.__traceback__)))
            await self._back_off(job, trigger, "internal", type(bug).__name__)
            return Ended(error=bug)
        if outcome.note is not None:
            told, again, note = outcome.reason if outcome.changed else None, outcome.again, outcome.note
            await self._queue.finish(job, state="queued", reason=told, error=outcome.error, retry_at=again, note=note)
        elif await self._queue.finish(job, reason=outcome.reason, error=outcome.error) and outcome.again is not None:
            with contextlib.suppress(NotFound):
                await self._queue.enqueue(job.key, due_at=outcome.again)
        return Ended(outcome)

    async def _back_off(self, job: Job, trigger: str, code: str, detail: str, *, pause: float | None = None) -> None:
        retry_at = self._clock() + (pause or BACKOFF_S[min(job.attempts, len(BACKOFF_S)) - 1])
        self._sink(CompactionFailed(job.key.tenant, job.key.session, code, job.attempts, retry_at, trigger))
        await self._queue.finish(job, state="backoff", reason=code, error=detail, retry_at=retry_at)


async def _stopped(work: asyncio.Future[Outcome]) -> None:
    """Cancel what still runs, and see its end."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
