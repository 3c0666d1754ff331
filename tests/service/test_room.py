"""Work that is all CPU: one at a time, and who goes first."""

from __future__ import annotations

import asyncio

import pytest

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.model import Key
from memsvc.llm import LocalSummarizer
from memsvc.service.requests import CompactRequest, ContextRequest
from memsvc.service.room import BEGUN, NEW, URGENT, Room
from tests.service.world import World, chat, request, the_counter, world

IN_TIME_S = 20.0


class Party:
    """Those who came to a room, and the order in which they were let in."""

    def __init__(self) -> None:
        self.room, self.came = Room(), list[str]()
        self._let: dict[str, asyncio.Event] = {}

    async def ask(self, name: str, rank: int) -> asyncio.Task[None]:
        self._let[name] = asyncio.Event()
        task = asyncio.create_task(self._stay(name, rank))
        await asyncio.sleep(0)
        return task

    async def _stay(self, name: str, rank: int) -> None:
        async with self.room.taken(rank):
            self.came.append(name)
            await self._let[name].wait()

    async def end(self, name: str, task: asyncio.Task[None]) -> None:
        self._let[name].set()
        await task
        await asyncio.sleep(0)


async def test_what_was_begun_goes_on_before_something_new_begins() -> None:
    p = Party()
    first = await p.ask("first", NEW)
    second, third = await p.ask("second", NEW), await p.ask("third", NEW)
    begun = await p.ask("begun", BEGUN)
    assert p.came == ["first"]
    for name, task in (("first", first), ("begun", begun), ("second", second), ("third", third)):
        await p.end(name, task)
    assert p.came == ["first", "begun", "second", "third"]


async def test_who_is_urgent_waits_for_others_of_its_kind_only() -> None:
    p = Party()
    slow, new = await p.ask("slow", BEGUN), await p.ask("new", BEGUN)
    one, two = await p.ask("one", URGENT), await p.ask("two", URGENT)
    assert p.came == ["slow", "one"]
    await p.end("one", one)
    assert p.came == ["slow", "one", "two"]
    await p.end("slow", slow)
    assert "new" not in p.came, "there is one in"
    await p.end("two", two)
    await p.end("new", new)
    assert p.came[-1] == "new"


@pytest.mark.parametrize("admitted", [False, True])
async def test_who_gives_up_keeps_nobody_out(admitted: bool) -> None:
    p = Party()
    first, gone, last = await p.ask("first", NEW), await p.ask("gone", NEW), await p.ask("last", NEW)
    if admitted:  # in one turn of the loop with what lets it in
        async with p.room.taken(URGENT):
            await p.end("first", first)
        gone.cancel()
    else:
        gone.cancel()
        await p.end("first", first)
    await asyncio.gather(gone, return_exceptions=True)
    await asyncio.sleep(0)
    assert p.came == ["first", "last"]
    await p.end("last", last)


class SlowFor:
    """The local summarizer, but one session's summary waits until it is let."""

    name = "local"

    def __init__(self, session: str) -> None:
        self._local, self._session = LocalSummarizer(the_counter().count), session
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def summarize(self, request: SummaryRequest) -> Reply:
        if request.key.session == self._session:
            self.asked.set()
            await self.let.wait()
        return await self._local.summarize(request)


async def _epoch(w: World, name: str) -> int:
    found = await w.store.head(Key("default", name))
    assert found is not None
    return found.epoch


async def _said(w: World, name: str, turns: int) -> Key:
    key = Key("default", name)
    await w.memory.append(key, request(*chat(turns)))
    return key


async def test_a_fetch_at_the_hard_mark_waits_for_no_compaction_in_the_background() -> None:
    slow = SlowFor("a")
    async with world(summarizers=[slow]) as w, asyncio.timeout(IN_TIME_S):
        keys = [await _said(w, name, 8) for name in ("a", "b", "c")]
        large = await _said(w, "large", 40)
        asked = []
        for key in keys:
            asked.append(asyncio.create_task(w.memory.compact(key, CompactRequest(force=True, wait_ms=60_000))))
            await slow.asked.wait()
        fetched = await w.memory.context(large, ContextRequest())
        assert fetched.session.epoch == 1
        assert [await _epoch(w, name) for name in ("a", "b", "c")] == [0, 0, 0], "they wait for the first"
        slow.let.set()
        assert all(said["changed"] for _, said in await asyncio.gather(*asked))
