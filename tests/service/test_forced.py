"""Compactions that callers ask for: one at a time whoever asks, in whichever process."""

from __future__ import annotations

import asyncio

import pytest

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.model import Job, Key
from memsvc.errors import NotFound, SummarizerError
from memsvc.stores.sqlite import SQLiteStore
from tests.service.world import KEY, Clock, Failing, World, build, chat


class Slow:
    """A summarizer that answers when it is let, and counts how often it was asked."""

    name = "slow"

    def __init__(self) -> None:
        self.count, self.asked, self.let = 0, asyncio.Event(), asyncio.Event()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.count += 1
        self.asked.set()
        await self.let.wait()
        return Reply("[1 user] asked for tulips.", self.name)


async def two(slow: Slow) -> tuple[SQLiteStore, World, World]:
    """Two processes' worth of service on one store."""
    store = SQLiteStore(":memory:")
    await store.open()
    clock = Clock()
    first, second = (build(store, summarizers=[slow], clock=clock) for _ in range(2))
    await first.append(*chat(12))
    return store, first, second


async def test_one_is_paid_for_when_two_processes_are_asked_at_once() -> None:
    slow = Slow()
    store, first, second = await two(slow)
    asked = [asyncio.create_task(w.compact(wait_ms=60_000)) for w in (first, second)]
    await slow.asked.wait()
    assert await first.work() == await second.work() == 0, "no worker gets it either"
    assert (await first.memory.get(KEY))["compaction"]["state"] == "running"
    slow.let.set()
    replies = sorted([body["reason"] for _, body in await asyncio.gather(*asked)])
    assert replies == ["below_threshold", "threshold"]
    assert slow.count == 1
    assert (await first.memory.get(KEY))["compaction"]["state"] == "idle"
    await store.close()


async def test_who_asks_while_a_worker_is_at_it_waits_for_the_worker() -> None:
    slow = Slow()
    store, first, second = await two(slow)
    working = asyncio.create_task(first.work())
    await slow.asked.wait()
    status, body = await second.compact(wait_ms=1)
    assert (status, body["reason"]) == (202, "running")
    slow.let.set()
    assert await working == 1
    await second.memory.drain(60.0)
    assert slow.count == 1
    await store.close()


async def test_a_forced_one_that_fails_is_tried_again_like_any_other() -> None:
    store = SQLiteStore(":memory:")
    await store.open()
    away = Failing()
    w = build(store, summarizers=[away])
    await w.append(*chat(12))
    with pytest.raises(SummarizerError):
        await w.compact(force=True)
    state = (await w.memory.get(KEY))["compaction"]
    assert (state["state"], state["last_reason"]) == ("backoff", "summarizer_failed")
    assert await w.work() == 0
    w.clock.pass_(5.0)
    assert await w.work() == 1
    await store.close()


async def test_a_session_deleted_meanwhile() -> None:
    slow = Slow()
    store, first, _ = await two(slow)
    asked = asyncio.create_task(first.compact(force=True, wait_ms=60_000))
    await slow.asked.wait()
    await first.memory.delete(KEY)
    slow.let.set()
    with pytest.raises(NotFound):
        await asked
    assert await store.next_due() is None
    await store.close()


async def test_however_many_ask_one_looks_at_the_queue() -> None:
    class Counting(SQLiteStore):
        taken = 0

        async def take(self, key: Key, *, now: float, lease_s: float) -> Job | None:
            self.taken += 1
            return await super().take(key, now=now, lease_s=lease_s)

    store, slow = Counting(":memory:"), Slow()
    await store.open()
    w = build(store, summarizers=[slow])
    await w.append(*chat(12))
    asked = [asyncio.create_task(w.compact(force=True, keep_tokens=n, wait_ms=1)) for n in range(1, 101)]
    await slow.asked.wait()
    await asyncio.gather(*asked)
    assert store.taken == 1
    slow.let.set()
    await w.memory.drain(60.0)
    assert slow.count <= 100
    await store.close()


async def test_a_third_at_once_is_told_that_one_is_running() -> None:
    slow = Slow()
    store, first, _ = await two(slow)
    asked = [await first.compact(force=True, keep_tokens=n, wait_ms=0) for n in range(10, 40)]
    assert {status for status, _ in asked} == {202}
    slow.let.set()
    await first.memory.drain(10.0)
    assert slow.count <= 2
    await store.close()
