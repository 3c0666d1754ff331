"""Compacting when asked, going back by an edit, and waiting for a worker."""

from __future__ import annotations

import asyncio
import json

import pytest

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.errors import NotFound
from memsvc.service.requests import ContextRequest
from tests.service.audit import check, check_coverage
from tests.service.world import KEY, Failing, calls, chat, request, result, said, user, words, world


class Gate:
    """A summarizer that answers when it is let."""

    name = "gate"

    def __init__(self) -> None:
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.asked.set()
        await self.let.wait()
        return Reply("[1 user] asked for tulips.", self.name)


async def test_below_the_threshold_only_force_compacts() -> None:
    async with world() as w:
        await w.append(*chat(4, tokens=20))
        assert await w.compact() == (200, {"epoch": 0, "changed": False, "reason": "below_threshold"})
        assert await w.compact(force=True) == (200, {"epoch": 1, "changed": True, "reason": "forced"})
        assert await w.compact(force=True) == (200, {"epoch": 1, "changed": False, "reason": "nothing_to_compact"})
        assert [s["reason"] for s in await w.summaries()] == ["forced"]


async def test_above_the_threshold_no_force_is_needed() -> None:
    async with world() as w:
        await w.append(*chat(6))
        assert await w.compact() == (200, {"epoch": 1, "changed": True, "reason": "threshold"})
        assert await w.work() == 0  # that was the job
        assert (await w.memory.get(KEY))["compaction"]["state"] == "idle"
        assert len(await w.summaries()) == 1


async def test_keep_tokens_is_the_least_that_stays_this_time() -> None:
    async with world() as w:
        await w.append(*chat(10))
        await w.compact(force=True, keep_tokens=600)
        wide = [r["tokens"] for r in await w.history() if not r["compacted"]]
        assert sum(wide) >= 600 > sum(wide[1:])
        await w.compact(force=True, keep_tokens=1)
        assert len([r for r in await w.history() if not r["compacted"]]) == 1


async def test_an_open_group_and_the_newest_closed_one_stay() -> None:
    async with world() as w:
        await w.append(*chat(6), calls("a"), result("a", "yes"), calls("b", "c"), result("b", "no"))
        await w.compact(force=True, keep_tokens=1)
        assert [r["seq"] for r in await w.history() if not r["compacted"]] == [13, 14, 15, 16]
        await check(w, [e.raw for e in await w.store.entries(KEY, after=0, limit=100)])


async def test_manual_mode_compacts_only_when_asked() -> None:
    async with world() as w:
        await w.put(policy={"mode": "manual"})
        await w.append(*chat(8))
        assert await w.work() == 0
        assert (await w.compact())[1]["reason"] == "below_threshold"
        assert (await w.compact(force=True))[1]["changed"]


async def test_what_takes_longer_is_202_and_goes_on() -> None:
    gate = Gate()
    async with world(summarizers=[gate]) as w:
        await w.append(*chat(8))
        assert await w.compact(force=True, wait_ms=0) == (202, {"epoch": 0, "changed": False, "reason": "running"})
        await gate.asked.wait()
        assert await w.summaries() == []
        gate.let.set()
        await w.memory.drain(5.0)
        assert [s["model"] for s in await w.summaries()] == ["gate"]


async def test_a_failure_after_202_goes_to_nobody_and_loses_nothing() -> None:
    class Late(Gate):
        async def summarize(self, request: SummaryRequest) -> Reply:
            await super().summarize(request)
            return await Failing().summarize(request)

    gate = Late()
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with world(summarizers=[gate]) as w:
        await w.append(*chat(8))
        assert (await w.compact(force=True, wait_ms=0))[0] == 202
        gate.let.set()
        await w.memory.drain(5.0)
        await check_coverage(w)
    assert complaints == []


async def test_compacting_an_unknown_session() -> None:
    async with world() as w:
        with pytest.raises(NotFound):
            await w.compact(force=True)


async def test_a_fetch_may_wait_for_the_worker_and_no_longer_than_it_said() -> None:
    gate = Gate()
    async with world(summarizers=[gate]) as w:
        await w.append(*chat(8))
        work = asyncio.create_task(w.work())
        await gate.asked.wait()
        assert (await w.context(wait_ms=30))["epoch"] == 0
        waiting = asyncio.create_task(w.context(wait_ms=5_000))
        gate.let.set()
        assert (await waiting)["epoch"] == 1
        await work


async def test_truncate_gives_the_session_and_moves_the_epoch() -> None:
    async with world() as w:
        await w.append(*chat(6))
        await w.work()
        cut = (await w.memory.get(KEY))["cut"]
        before = await w.memory.get(KEY)
        same = await w.memory.truncate(KEY, 12)
        assert same == before  # nothing to cut
        kept = await w.memory.truncate(KEY, cut)
        assert (kept["cut"], kept["messages"], kept["epoch"]) == (cut, cut, 2)
        assert kept["log_revision"] == before["log_revision"] + 1
        gone = await w.memory.truncate(KEY, 0)
        assert (gone["cut"], gone["messages"], gone["tokens"]["context"], gone["epoch"]) == (None, 0, 0, 3)
        assert all(r["superseded"] and not r["compacted"] for r in await w.history())
        assert [s["current"] for s in await w.summaries()] == [False]
        reply = await w.append(user("afresh"))
        assert reply["seqs"] == [13]
        await check(w, list(request(*chat(6), user("afresh")).messages))


async def test_the_request_survives_an_edit_that_cut_the_user_off() -> None:
    async with world() as w:
        ask = "Please plant forty tulips along the fence."
        await w.append(user("hello"), said("hi"), user(ask))
        for i in range(12):
            await w.append(calls(f"c{i}"), result(f"c{i}", words(40, f"r{i}x")))
        await w.append(user("thanks, and now?"), said(words(60, "ok")))
        await w.work()
        cut = (await w.memory.get(KEY))["cut"]
        assert "Current request" not in (await w.summaries())[-1]["text"]  # the tail has a newer one
        await w.memory.truncate(KEY, 27)
        assert cut < 27
        for i in range(12, 24):
            await w.append(calls(f"c{i}"), result(f"c{i}", words(40, f"r{i}x")))
        await w.work()
        assert f"## Current request, word for word\n[3 user] {ask}" in (await w.summaries())[-1]["text"]


async def test_append_with_context_is_the_context_after_it() -> None:
    async with world() as w:
        await w.append(*chat(2))
        reply, rendered = await w.memory.append_and_context(KEY, request(user("zz1; now")), ContextRequest("anthropic"))
        body = json.loads(rendered.body)
        assert (body["revision"], body["log_revision"]) == (reply["revision"], reply["log_revision"])
        assert "zz1;" in rendered.body.decode()
        assert rendered == await w.memory.context(KEY, ContextRequest("anthropic"))
