"""Law 4: append and fetch never call a model and never wait for one."""

from __future__ import annotations

import asyncio

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.llm import LocalSummarizer
from memsvc.service.requests import ContextRequest
from tests.service.audit import check_coverage
from tests.service.world import KEY, SMALL, Failing, chat, request, said, the_counter, user, words, world

IN_TIME_S = 5.0
"""Far longer than any of this takes; only a wait for a model would pass it."""


class Hanging:
    """A model that never answers."""

    name = "hanging"

    def __init__(self) -> None:
        self.started = asyncio.Event()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.started.set()
        await asyncio.Event().wait()
        raise AssertionError("never")


def local() -> LocalSummarizer:
    return LocalSummarizer(the_counter().count)


async def test_below_the_hard_mark_nothing_is_asked() -> None:
    away = Failing()
    async with world(summarizers=[away]) as w:
        await w.append(*chat(10))
        context = await w.context()
        await w.memory.append_and_context(KEY, request(user("more")), ContextRequest("openai"))
        assert context["epoch"] == 0
        assert len(context["messages"]) == 20
        assert away.asked == 0
        assert (await w.memory.get(KEY))["compaction"]["state"] == "queued"


async def test_at_the_hard_mark_only_the_last_summarizer_is_asked() -> None:
    away = Failing()
    async with world(summarizers=[away, local()]) as w:
        await w.append(*chat(40))
        context = await w.context()
        assert away.asked == 0
        assert context["tokens"]["context"] <= SMALL.max_tokens
        assert [s["model"] for s in await w.summaries()] == ["local"]
        assert [s["reason"] for s in await w.summaries()] == ["hard"]


async def test_a_model_that_hangs_holds_up_neither_append_nor_fetch() -> None:
    hanging = Hanging()
    async with world(summarizers=[hanging, local()]) as w:
        await w.append(*chat(10))
        work = asyncio.create_task(w.work())
        async with asyncio.timeout(IN_TIME_S):
            await hanging.started.wait()
            await w.append(user("and more"))
            assert (await w.context())["epoch"] == 0
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_a_model_that_hangs_does_not_hold_up_the_fetch_at_the_hard_mark() -> None:
    hanging = Hanging()
    async with world(summarizers=[hanging, local()]) as w:
        await w.append(*chat(10))
        work = asyncio.create_task(w.work())
        async with asyncio.timeout(IN_TIME_S):
            await hanging.started.wait()
            await w.append(*chat(40, tag="x"))
            context = await w.context()
        assert context["epoch"] == 1
        assert context["tokens"]["context"] <= SMALL.max_tokens
        await check_coverage(w)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_a_model_that_hangs_is_given_up_and_the_next_one_asked() -> None:
    async with world(summarizers=[Hanging(), local()], patience_s=0.01) as w:
        await w.append(*chat(10))
        async with asyncio.timeout(IN_TIME_S):
            await w.work()
        summaries = await w.summaries()
        assert [(s["model"], s["attempts"]) for s in summaries] == [("local", 2)]


async def test_a_model_that_breaks_leaves_append_and_fetch_alone() -> None:
    class Broken:
        name = "broken"

        async def summarize(self, request: SummaryRequest) -> Reply:
            raise RuntimeError("a bug")

    async with world(summarizers=[Broken(), local()]) as w:
        await w.append(*chat(10))
        await w.work()
        told = (await w.memory.get(KEY))["compaction"]
        assert told["state"] == "idle"
        assert "RuntimeError" in told["last_error"]
        await w.append(said("still here"), user(words(10)))
        assert (await w.context())["epoch"] == 1, "the next in line wrote it"
        await w.append(*chat(40, tag="x"))
        assert (await w.context())["tokens"]["context"] <= SMALL.max_tokens
        await check_coverage(w)


async def test_many_fetches_at_the_hard_mark_share_one_compaction() -> None:
    async with world(summarizers=[local()]) as w:
        await w.append(*chat(40))
        found = await asyncio.gather(*(w.context(format=f) for f in ("openai", "anthropic") * 10))
        assert {c["epoch"] for c in found} == {1}
        assert len(await w.summaries()) == 1
