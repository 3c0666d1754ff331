"""Going back to an earlier summary: the context shows again what that one left, and nothing is lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from memsvc.errors import Conflict
from tests.service.world import KEY, SMALL, World, chat, texts_of, world

MANUAL = replace(SMALL, mode="manual", max_tokens=20_000)


async def compact_twice(w: World) -> None:
    for number in range(2):
        await w.append(*chat(12, tag=f"r{number}t"))
        assert (await w.compact(force=True))[1]["changed"]


async def test_the_context_is_again_as_the_earlier_summary_left_it() -> None:
    async with world(policy=MANUAL) as w:
        await compact_twice(w)
        first, second = await w.summaries()
        assert await w.compact(to_epoch=1) == (200, {"epoch": 3, "changed": True, "reason": "reverted"})
        context = await w.context()
        assert (context["covers"], context["epoch"]) == ({"from": 1, "to": first["to"]}, 3)
        assert context["prefix_change"] == {"reason": "compacted", "at_revision": context["revision"]}
        assert len(context["messages"]) == 1 + 48 - first["to"] < 1 + 48
        assert [s["current"] for s in await w.summaries()] == [True, False]
        assert await w.compact(to_epoch=1) == (200, {"epoch": 3, "changed": False, "reason": "already_there"})
        with pytest.raises(Conflict):
            await w.compact(to_epoch=2)
        assert second["to"] > first["to"]


async def test_zero_is_the_full_history_and_the_next_compaction_covers_all_again() -> None:
    async with world(policy=MANUAL) as w:
        await w.append(*chat(12))
        before = await w.context()
        await w.compact(force=True)
        await w.compact(to_epoch=0)
        context = await w.context()
        assert (context["covers"], texts_of(context)) == (None, texts_of(before))
        assert not any(row["compacted"] for row in await w.history())
        assert (await w.compact(force=True))[1]["changed"]
        newest = (await w.summaries())[-1]
        assert (newest["epoch"], newest["from"], newest["current"]) == (3, 1, True)


async def test_past_the_threshold_the_promise_comes_first() -> None:
    async with world() as w:
        await w.append(*chat(12))
        assert await w.work() == 1
        await w.compact(to_epoch=0)
        assert (await w.memory.get(KEY))["compaction"]["state"] == "queued"
        assert await w.work() == 1
        assert (await w.context())["covers"] is not None
