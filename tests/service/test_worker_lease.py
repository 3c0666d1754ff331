"""A slow summarizer keeps its lease, and a worker that lost it stops paying."""

from __future__ import annotations

import asyncio

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.model import Job, Key, Known, Window
from memsvc.errors import Unavailable
from memsvc.observe import Event
from memsvc.service.leased import BACKOFF_S
from memsvc.stores.sqlite import SQLiteStore
from memsvc.worker import Worker
from tests.service.world import KEY, Clock, World, build, chat

LEASE_S = 0.06
"""Real seconds between two looks at the lease are a third of it; the leases themselves are the clock's."""


class Slow:
    """A summarizer that answers when it is let, and tells when it was stopped."""

    name = "slow"

    def __init__(self) -> None:
        self.asked, self.let, self.stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.asked.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        return Reply("[1 user] asked for tulips.", self.name)


class Watched(SQLiteStore):
    """Tells when a lease was asked to be extended."""

    extended: asyncio.Event

    async def extend(self, job: Job, *, now: float, lease_s: float) -> bool:
        held = await super().extend(job, now=now, lease_s=lease_s)
        self.extended.set()
        return held


async def started(store: Watched, slow: Slow) -> tuple[World, Worker, asyncio.Task[int]]:
    store.extended = asyncio.Event()
    await store.open()
    w = build(store, summarizers=[slow], clock=Clock())
    await w.append(*chat(12))
    events: list[Event] = []
    worker = Worker(store, w.memory.compactor, clock=w.clock, sink=events.append, lease_s=LEASE_S)
    task = asyncio.create_task(worker.run_due())
    await slow.asked.wait()
    return w, worker, task


async def looked(store: Watched) -> None:
    store.extended.clear()
    await store.extended.wait()


async def test_nobody_else_gets_the_job_while_a_summarizer_is_at_work() -> None:
    store, slow = Watched(":memory:"), Slow()
    w, _, task = await started(store, slow)
    for _ in range(3):
        w.clock.pass_(LEASE_S * 0.6)  # three of these are more than the first lease
        await looked(store)
        assert await store.claim(now=w.clock(), lease_s=LEASE_S) is None
    slow.let.set()
    assert await task == 1
    assert [s["model"] for s in await w.summaries()] == ["slow"]
    assert not slow.stopped.is_set()
    await store.close()


async def test_a_worker_that_lost_its_lease_stops_and_changes_nothing() -> None:
    store, slow = Watched(":memory:"), Slow()
    w, _, task = await started(store, slow)
    w.clock.pass_(LEASE_S * 2)
    other = await store.claim(now=w.clock(), lease_s=60.0)
    while other is None:  # a look at the lease came between the two lines above
        w.clock.pass_(LEASE_S * 2)
        other = await store.claim(now=w.clock(), lease_s=60.0)
    await slow.stopped.wait()
    assert await task == 1
    assert await w.summaries() == []
    assert await store.finish(other), "the other worker's claim stands"
    await store.close()


async def test_a_stopping_worker_stops_its_summarizer() -> None:
    store, slow = Watched(":memory:"), Slow()
    _, _, task = await started(store, slow)
    task.cancel()
    await slow.stopped.wait()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await store.close()


class Away(SQLiteStore):
    """A store that cannot be read for a while."""

    away = False

    async def load(self, key: Key, known: Known | None = None) -> Window:
        if self.away:
            raise Unavailable("the store is away", retry_after=1)
        return await super().load(key, known)


async def test_a_compaction_goes_on_soon_after_the_store_is_back_however_often_it_was_away() -> None:
    store = Away(":memory:")
    await store.open()
    w = build(store, clock=Clock())
    await w.append(*chat(12))
    store.away = True
    for _ in range(len(BACKOFF_S) + 1):
        assert await w.worker.run_due() == 1
        w.clock.pass_(BACKOFF_S[0])
    store.away = False
    assert await w.worker.run_due() == 1
    assert (await w.memory.get(KEY))["epoch"] == 1
    await store.close()


class Mumbling(Watched):
    """Does what it is asked when a lease is to be extended, and then fails to say so, once."""

    lost = 0

    async def extend(self, job: Job, *, now: float, lease_s: float) -> bool:
        held = await super().extend(job, now=now, lease_s=lease_s)
        if not self.lost:
            self.lost += 1
            raise Unavailable("the answer was lost", retry_after=1)
        return held


async def test_an_answer_that_was_lost_costs_no_summary_that_is_being_paid_for() -> None:
    store, slow = Mumbling(":memory:"), Slow()
    w, _, task = await started(store, slow)
    for _ in range(3):
        w.clock.pass_(LEASE_S * 0.6)
        await looked(store)
    assert store.lost
    slow.let.set()
    assert await task == 1
    assert not slow.stopped.is_set()
    assert [s["model"] for s in await w.summaries()] == ["slow"]
    assert (await w.memory.get(KEY))["compaction"]["state"] == "idle"
    await store.close()
