"""Law 6: of racing compactions one wins, the rest change nothing; appends never conflict with one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.errors import NotFound
from memsvc.llm import LocalSummarizer
from memsvc.stores.sqlite import SQLiteStore
from tests.service.audit import check
from tests.service.world import KEY, World, build, chat, request, texts_of, the_counter, user, world

Deed = Callable[[World], Awaitable[object]]


class Meanwhile:
    """The local summarizer, in whose working time something else happens once."""

    name = "meanwhile"

    def __init__(self, deed: Deed) -> None:
        self.local = LocalSummarizer(the_counter().count)
        self.deed: Deed | None = deed
        self.world: World | None = None

    async def summarize(self, request: SummaryRequest) -> Reply:
        deed, self.deed = self.deed, None
        if deed is not None and self.world is not None:
            await deed(self.world)
        return await self.local.summarize(request)


def raws(*messages: object) -> list[bytes]:
    return list(request(*messages).messages)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def world_with(deed: Deed):  # type: ignore[no-untyped-def]
    summarizer = Meanwhile(deed)
    async with world(summarizers=[summarizer]) as w:
        summarizer.world = w
        yield w


async def test_of_twenty_racing_compactions_one_wins() -> None:
    async with world() as w:
        await w.append(*chat(12))
        runs = (w.memory.compactor.run(KEY, reason="forced") for _ in range(10))
        asked = (w.compact(force=True) for _ in range(10))  # these join one run
        done = await asyncio.gather(*runs, *asked)
        assert sum(outcome.changed for outcome in done[:10]) <= 1
        assert {status for status, _ in done[10:]} == {200}
        assert len(await w.summaries()) == 1
        await check(w, raws(*chat(12)))


async def test_of_racing_compactions_in_several_processes_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "m.db")
    async with world(path) as first, world(path) as second, world(path) as third:
        await first.append(*chat(12))
        runs = (w.memory.compactor.run(KEY, reason="forced") for w in (first, second, third) for _ in range(4))
        done = await asyncio.gather(*runs)
        assert sum(outcome.changed for outcome in done) == 1
        assert {outcome.reason for outcome in done} <= {"forced", "lost_race", "nothing_to_compact"}
        await check(second, raws(*chat(12)))


async def test_appends_during_a_compaction_survive() -> None:
    more = chat(3, tag="late")
    async with world_with(lambda w: w.append(*more)) as w:
        await w.append(*chat(12))
        assert await w.work() >= 1
        assert (await w.summaries())[0]["epoch"] == 1
        await check(w, raws(*chat(12), *more))
        assert "late2a;" in texts_of(await w.context())


async def test_an_edit_during_a_compaction_wins() -> None:
    async with world_with(lambda w: w.memory.truncate(KEY, 4)) as w:
        await w.append(*chat(12))
        await w.work()
        assert await w.summaries() == []
        session = await w.memory.get(KEY)
        assert (session["messages"], session["cut"], session["epoch"]) == (4, None, 1)
        assert session["compaction"]["state"] == "idle"
        await check(w, raws(*chat(12)))


async def test_an_edit_that_leaves_it_too_large_does_not_end_the_compaction() -> None:
    async with world_with(lambda w: w.memory.truncate(KEY, 23)) as w:
        await w.append(*chat(12))
        await w.work()
        assert [s["epoch"] for s in await w.summaries()] == [2]
        await check(w, raws(*chat(12)))


async def test_a_deletion_during_a_compaction_leaves_nothing() -> None:
    async with world_with(lambda w: w.memory.delete(KEY)) as w:
        await w.append(*chat(12))
        await w.work()
        with pytest.raises(NotFound):
            await w.memory.get(KEY)
        assert await w.work() == 0


async def test_a_session_created_again_gets_nothing_of_the_deleted_one() -> None:
    async def again(w: World) -> None:
        await w.memory.delete(KEY)
        await w.append(*chat(12, tag="other"))

    async with world_with(again) as w:
        await w.append(*chat(12))
        assert (await w.compact(force=True))[1] == {"epoch": 0, "changed": False, "reason": "lost_race"}
        assert await w.summaries() == []
        await check(w, raws(*chat(12, tag="other")))
        assert "t1q;" not in texts_of(await w.context())


async def test_a_lost_race_changes_nothing() -> None:
    store = SQLiteStore(":memory:")
    await store.open()
    other = build(store)
    # One that holds no lease: a fetch past the hard mark does not wait for one.
    summarizer = Meanwhile(lambda w: other.memory.compactor.run(KEY, reason="forced"))
    w = build(store, summarizers=[summarizer])
    summarizer.world = w
    await w.append(*chat(12))
    assert (await w.compact(force=True))[1]["reason"] == "lost_race"
    found = await w.summaries()
    assert [s["model"] for s in found] == ["local"]
    await check(w, raws(*chat(12)))
    await store.close()


async def test_a_compaction_never_causes_a_conflict_for_if_match() -> None:
    async with world() as w:
        reply = await w.append(*chat(12))
        await w.compact(force=True)
        again = await w.append(user("next"), if_log_revision=reply["log_revision"])
        assert again["epoch"] == 1
        assert again["log_revision"] == reply["log_revision"] + 1
