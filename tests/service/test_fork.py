"""Forks: a new session that shares the past, and nothing after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.lineage import Link, chain
from memsvc.core.model import TOMBSTONE, Entry, Key, Session
from memsvc.errors import Conflict, MemsvcError, NotFound
from memsvc.ports import Store
from memsvc.stores.sqlite import SQLiteStore
from tests.faults.test_crash_at_every_await import FAULTS, Dies, Faulty
from tests.laws.test_law1_no_loss import Play
from tests.service.audit import check
from tests.service.world import KEY, Clock, World, build, chat, request, said, texts_of, the_counter, user, world

FORK = Key("default", "fork")


async def grown(w: World) -> list[bytes]:
    """A session with three summaries, a pin, settings and a redacted message."""
    await w.put(system="Be brief.", metadata={"a": 1}, user="u-1")
    raws = list(request(user("p1; note this"), said("p2; noted")).messages)
    await w.append(*raws)
    for i in range(4):
        turn = list(request(*chat(6, tag=f"r{i}x")).messages)
        await w.append(*turn, idempotency_key=f"k{i}")
        raws += turn
        await w.work()
    await w.memory.pin(KEY, 2)
    await w.memory.redact(KEY, len(raws))
    return [*raws[:-1], TOMBSTONE]


async def log(w: World, key: Key) -> list[Entry]:
    return await w.store.entries(key, after=0, limit=1000)


async def test_all_of_it_is_shared() -> None:
    async with world() as w:
        raws = await grown(w)
        before = await w.memory.get(KEY)
        w.clock.pass_(60)
        made = await w.memory.fork(KEY, "fork", None)
        moved = {"session": "fork", "created_at": w.clock(), "updated_at": w.clock()}
        assert {**made, "compaction": 0} == {**before, **moved, "compaction": 0}
        assert await log(w, FORK) == await log(w, KEY)
        assert await w.summaries(FORK) == await w.summaries()
        assert [p.seq for p in await w.store.pins(FORK)] == [2]
        for format in ("anthropic", "openai", "responses"):
            assert await w.context(FORK, format=format) == await w.context(KEY, format=format)
        await check(w, raws, FORK)


async def test_they_go_their_own_ways() -> None:
    async with world() as w:
        raws = await grown(w)
        await w.memory.fork(KEY, "fork", None)
        before = await w.memory.get(KEY), await w.context(KEY)
        more = list(request(*chat(12, tag="f")).messages)
        await w.append(*more, key=FORK, idempotency_key="k0")
        await w.work()
        await w.memory.unpin(FORK, 2)
        await w.memory.redact(FORK, 1)
        assert (await w.memory.get(KEY), await w.context(KEY)) == before
        await w.memory.delete(KEY)
        await check(w, [TOMBSTONE, *raws[1:], *more], FORK)


@pytest.mark.parametrize("back", [0, 1, 5, 15, 30, 47])
async def test_up_to_a_message(back: int) -> None:
    async with world() as w:
        raws = await grown(w)
        upto = len(raws) - back
        before = await w.memory.get(KEY)
        made = await w.memory.fork(KEY, "fork", upto)
        assert made["last_seq"] == upto
        summaries = [s for s in await w.summaries() if s["to"] <= upto]
        assert [s["to"] for s in await w.summaries(FORK)] == [s["to"] for s in summaries]
        assert made["cut"] == (summaries[-1]["to"] if summaries else None)
        assert [p.seq for p in await w.store.pins(FORK)] == [2]
        if back:
            assert (made["epoch"], made["revision"]) == (before["epoch"] + 1, before["revision"] + 1)
        reply = await w.append(user("z1; onwards"), key=FORK)
        assert reply["seqs"] == [upto + 1]
        await check(w, [*raws[:upto], *request(user("z1; onwards")).messages], FORK)


async def test_what_an_edit_cut_off_is_shared_too() -> None:
    async with world() as w:
        await w.append(*chat(3))
        await w.memory.truncate(KEY, 4)
        await w.append(user("n1; new"), said("n2; ok"))
        await w.memory.fork(KEY, "fork", 7)
        assert [e.superseded for e in await log(w, FORK)] == [False] * 4 + [True] * 2 + [False]
        assert "n1;" in texts_of(await w.context(FORK))
        assert "t2q;" not in texts_of(await w.context(FORK))


async def test_names() -> None:
    async with world() as w:
        await w.append(*chat(2))
        await w.put(Key("other", "free"), system="x")
        await w.memory.fork(KEY, "free", None)
        for to in ("free", "s"):
            with pytest.raises(Conflict) as refused:
                await w.memory.fork(KEY, to, None)
            assert refused.value.code == "session_exists"
        with pytest.raises(NotFound):
            await w.memory.fork(Key("default", "nobody"), "fork", None)
        assert (await w.memory.fork(KEY, "none of it", 0))["messages"] == 0


async def test_a_fork_that_is_too_large_is_compacted() -> None:
    async with world() as w:
        await w.append(*chat(14))
        await w.memory.fork(KEY, "fork", None)
        assert (await w.memory.get(FORK))["compaction"]["state"] == "queued"
        assert await w.work() == 2
        assert (await w.memory.get(FORK))["cut"]


class Moving:
    """A store that is edited while it is read: `deed` comes before the `at`-th call."""

    def __init__(self, store: Store, at: int, deed: Any) -> None:
        self._store, self._at, self._deed = store, at, deed
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)

        async def call(*args: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                await self._deed()
            return await real(*args, **named)

        return call


@pytest.mark.parametrize("what", ["redact", "truncate", "append", "compact"])
async def test_a_source_that_changes_meanwhile(what: str) -> None:
    at, calls = 0, 1
    while at < calls:
        at += 1 if what == "redact" else 3
        async with world() as w:
            raws = await grown(w)
            more = list(request(*chat(2, tag="m")).messages)
            deeds: dict[str, Any] = {
                "redact": lambda w=w: w.memory.redact(KEY, 1),
                "truncate": lambda w=w: w.memory.truncate(KEY, 40),
                "append": lambda w=w, more=more: w.append(*more),
                "compact": lambda w=w: w.compact(force=True, keep_tokens=1),
            }
            moving = Moving(w.store, at, deeds[what])
            m = build(cast(Store, moving), clock=w.clock)
            await m.memory.fork(KEY, "fork", None)
            calls = moving.calls
            entries = await log(w, FORK)
            written = [TOMBSTONE if e.redacted else raw for e, raw in zip(entries, [*raws, *more], strict=False)]
            assert len(entries) in (len(raws), len(raws) + len(more))
            await check(w, written, FORK)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_crash_leaves_no_half_session(fault: str) -> None:
    async with world() as w:
        raws = await grown(w)
        at, came = 0, True
        while came:
            at += 1
            faulty = Faulty(w.store, at, fault)
            try:
                await build(cast(Store, faulty), clock=w.clock).memory.fork(KEY, "fork", None)
            except (MemsvcError, Dies, asyncio.CancelledError):
                came = True
            else:
                came = faulty.calls >= at
            if await w.store.head(FORK) is None:
                await w.memory.fork(KEY, "fork", None)
            await check(w, raws, FORK)
            await w.memory.delete(FORK)
        assert at > 5


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("awtf"), st.integers(1, 60)), min_size=1, max_size=10), st.integers(0, 60))
def test_law1_holds_in_every_fork(steps: list[tuple[str, int]], upto: int) -> None:
    async def play() -> None:
        async with world(clock=Clock()) as w:
            p = Play(w)
            await p.append(chat(4, tag="a0x"), "openai", False)
            for i, (kind, n) in enumerate(steps):
                if kind == "a":
                    await p.append(chat(1 + n % 7, tag=f"a{i}x"), "openai", False)
                elif kind == "w":
                    await w.work()
                elif kind == "t":
                    await w.memory.truncate(KEY, min(n, len(p.written)))
                else:
                    await w.compact(force=True, keep_tokens=n)
            made = await w.memory.fork(KEY, "fork", upto)
            await check(w, p.written[: made["last_seq"]], FORK)
            await w.memory.truncate(FORK, upto // 2)
            await check(w, p.written[: made["last_seq"]], FORK)

    the_counter()
    asyncio.run(play())


def test_the_chain_of_summaries() -> None:
    links = [Link(1, 1, 3), Link(2, 4, 8), Link(5, 4, 12), Link(6, 13, 20), Link(9, 13, 15)]
    assert [one.epoch for one in chain(links, 9)] == [1, 5, 9]
    assert [one.epoch for one in chain(links, 2)] == [1, 2]
    assert chain(links, 0) == ()
    assert [one.epoch for one in chain(reversed(links), 6)] == [1, 5, 6]


class Erasing(SQLiteStore):
    """Deletes the source of a fork right before the copy is shown."""

    async def publish(
        self, key: Key, token: str, session: Session, chain: Sequence[int], *, over: bool = False
    ) -> Session:
        await self.delete(KEY)
        return await super().publish(key, token, session, chain, over=over)


async def test_what_is_erased_while_it_is_copied_does_not_live_on_in_the_copy() -> None:
    store = Erasing(":memory:")
    await store.open()
    w = build(store, clock=Clock())
    await w.put(user="alice")
    await w.append(user("my number is 4711"))
    with pytest.raises(NotFound):
        await w.memory.fork(KEY, "fork", None)
    assert await store.sessions("default") == ([], None)
    await store.close()
