"""A process that dies, or whose store goes away, at any await: whoever comes next finds all whole.

The life of a session is played over and over; each time the fault comes one store call later,
before the call took effect, after it, or while it was under way. Then a healthy process takes
over the store, callers repeat what was not answered, and laws 1, 6 and 7 must hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

from memsvc.errors import MemsvcError, Unavailable
from memsvc.ports import Store
from memsvc.service.requests import AppendRequest
from memsvc.stores import open_store
from tests.service.audit import check, check_log
from tests.service.world import KEY, SMALL, Clock, World, build, chat, request, user

LEASE_S = 120.0
FAULTS = ["away before", "away after", "dies before", "dies after", "cancelled during"]


class Dies(BaseException):
    """The process is gone; nothing of it runs any more."""


class Faulty:
    """A store whose `at`-th call goes wrong, and all calls after it."""

    def __init__(self, store: Store, at: int, fault: str) -> None:
        self._store, self._at, self._fault = store, at, fault
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._store, name)

        async def call(*args: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls < self._at:
                return await real(*args, **named)
            kind, when = self._fault.split()
            error = Unavailable("the store is away", retry_after=1) if kind == "away" else Dies()
            if self.calls > self._at or when == "before":
                raise error
            if when == "after":
                await real(*args, **named)
                raise error
            under_way = asyncio.ensure_future(real(*args, **named))
            await asyncio.sleep(0)
            under_way.cancel()  # what was handed to the engine may still happen
            raise asyncio.CancelledError

        return call


APPENDS: list[AppendRequest] = [
    request(user("hi"), *chat(6), idempotency_key="k0"),
    request(*chat(3, tag="x"), ids=tuple(f"m{i}" for i in range(6))),
    request(*chat(16, tag="y"), idempotency_key="k2"),
    request(user("z1; last"), idempotency_key="k3"),
]
WRITTEN = [raw for a in APPENDS for raw in a.messages]


async def life(w: World, answered: list[int]) -> None:
    """A session that is compacted by the worker, at the hard mark, and by request."""
    for i, append in enumerate(APPENDS):
        reply = await w.memory.append(KEY, append)
        answered.append(i)
        assert len(reply["seqs"]) == len(append.messages)
        if i == 1:
            await w.work()
            await w.put(system="Be brief.")
        if i == 2:
            await w.context()
            await w.memory.pin(KEY, 1)
    await w.compact(force=True, keep_tokens=1)
    await w.context()


async def shadow_life(w: World, answered: list[int]) -> None:
    """A session that is compacted in the shadow, goes out of it and in again, and outgrows it."""
    await w.put(policy={"mode": "shadow"})
    await w.append(*APPENDS[0].messages)
    answered.append(0)
    await w.work()
    for mode in ("economic", "shadow"):
        await w.put(policy={"mode": mode})
        await w.context()
    await w.compact(to_epoch=0)
    await w.append(*chat(16, tag="more"))
    await w.context()


Life = Callable[[World, list[int]], Awaitable[None]]


async def try_life(store: Store, at: int, fault: str, clock: Clock, life: Life = life) -> tuple[bool, list[int]]:
    """Whether the fault came, and which appends were answered before it."""
    faulty = Faulty(store, at, fault)
    answered: list[int] = []
    playing = asyncio.ensure_future(life(build(cast(Store, faulty), clock=clock), answered))
    try:
        await playing
    except (MemsvcError, Dies, asyncio.CancelledError):
        return True, answered
    return faulty.calls >= at, answered


@pytest.fixture(params=["sqlite", "valkey"])
async def store(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Store]:
    url = "sqlite://:memory:"
    if request.param == "valkey":
        url = f"{request.getfixturevalue('valkey').url}?prefix={prefix}"
    made = open_store(url)
    await made.open()
    yield made
    await made.close()


async def test_the_life_without_a_fault(store: Store) -> None:
    came, answered = await try_life(store, 10_000, "dies before", Clock())
    assert not came
    assert answered == [0, 1, 2, 3]
    w = build(store)
    assert {s["reason"] for s in await w.summaries()} == {"threshold", "hard", "forced"}
    await check(w, WRITTEN)


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault_at_any_call_the_next_process_finds_all_whole(store: Store, fault: str) -> None:
    at, came = 0, True
    while came:
        at += 1
        assert at < 200
        clock = Clock()
        came, answered = await try_life(store, at, fault, clock)
        w = build(store, clock=clock)
        await recover(w, answered)
        await w.memory.delete(KEY)
        assert await store.next_due() is None
    assert at > 20


@pytest.mark.parametrize("fault", ["dies after", "away before"])
async def test_after_a_fault_at_any_call_in_the_shadow(store: Store, fault: str) -> None:
    at, came = 0, True
    while came:
        at += 1
        assert at < 200
        clock = Clock()
        came, answered = await try_life(store, at, fault, clock, shadow_life)
        w = build(store, clock=clock)
        if answered:
            await check_log(w, [e.raw for e in await store.entries(KEY, after=0, limit=1_000)])
            clock.pass_(LEASE_S + 1)
            await w.work()
            assert (await w.context())["tokens"]["context"] <= SMALL.max_tokens
            session = await store.head(KEY)
            assert session is not None
            assert session.context_tokens <= SMALL.threshold_tokens
            live = [e.seq for e in await store.entries(KEY, after=0, limit=1_000) if not e.superseded]
            window = await store.load(KEY)
            assert [e.seq for e in window.entries] == [seq for seq in live if seq > window.session.cut]
            await w.memory.delete(KEY)
    assert at > 15


async def recover(w: World, answered: list[int]) -> None:
    """The next process on the same store: nothing acknowledged is missing, nothing is there twice."""
    if answered:
        number = sum(len(APPENDS[i].messages) for i in answered)
        stored = await w.store.entries(KEY, after=0, limit=10_000)
        assert [e.raw for e in stored[:number]] == WRITTEN[:number]
        assert len(stored) in (number, len([r for a in APPENDS[: len(answered) + 1] for r in a.messages]))
        await check(w, [e.raw for e in stored])
    for append in APPENDS:  # callers repeat themselves
        reply = await w.memory.append(KEY, append)
        assert len(reply["seqs"]) == len(append.messages)
    w.clock.pass_(LEASE_S + 1)
    await w.work()
    session = await w.memory.get(KEY)
    assert session["compaction"]["state"] == "idle"
    assert session["tokens"]["context"] <= SMALL.threshold_tokens
    await check(w, WRITTEN)
