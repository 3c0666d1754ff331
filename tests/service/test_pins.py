"""Pins: word for word in every later summary, and never so many that nothing else has room."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from memsvc.errors import CannotFit, NotFound
from tests.service.world import KEY, SMALL, chat, said, texts_of, user, words, world

WIDE = replace(SMALL, summary_tokens=240, threshold_tokens=900)
FACT = 'The vault code is 7341-K, and "Mila" holds the second key — don\'t change it.\nSecond line.'


async def test_a_pin_stands_word_for_word_in_every_later_summary() -> None:
    async with world(policy=WIDE) as w:
        await w.append(user("hello"), said(FACT), *chat(10))
        assert await w.memory.pin(KEY, 2) == {"seq": 2, "pinned": True, "tokens": (await w.history())[1]["tokens"]}
        for i in range(4):
            await w.work()
            assert FACT in (await w.summaries())[-1]["text"]
            await w.append(*chat(8, tag=f"r{i}x"))
        assert len(await w.summaries()) == 4


async def test_a_pin_in_the_tail_waits_for_its_cut() -> None:
    async with world(policy=WIDE) as w:
        await w.append(*chat(8), user(FACT), said("ok " + words(60)))
        await w.memory.pin(KEY, 17)
        await w.work()
        assert FACT not in (await w.summaries())[-1]["text"]
        await w.append(*chat(8, tag="r"))
        await w.work()
        assert FACT in (await w.summaries())[-1]["text"]


async def test_a_pin_set_after_its_message_was_covered_comes_into_the_next_summary() -> None:
    async with world(policy=WIDE) as w:
        await w.append(user("hello"), said(FACT), *chat(10))
        await w.work()
        await w.memory.pin(KEY, 2)
        await w.append(*chat(8, tag="r"))
        await w.work()
        assert FACT in (await w.summaries())[-1]["text"]


async def test_an_unpinned_message_may_go_and_one_that_was_edited_away_does() -> None:
    async with world(policy=WIDE) as w:
        await w.append(*chat(2), said(FACT), user("pinned too: tulips"), *chat(10, tag="x"))
        for seq in (5, 6):
            await w.memory.pin(KEY, seq)
        await w.memory.unpin(KEY, 6)
        await w.memory.unpin(KEY, 6)
        assert [e.seq for e in await w.store.pins(KEY)] == [5]
        await w.memory.truncate(KEY, 4)
        assert await w.store.pins(KEY) == []
        await w.append(*chat(10, tag="y"))
        await w.work()
        assert "7341-K" not in texts_of(await w.context())


async def test_pins_over_half_of_the_summary_are_refused() -> None:
    async with world(policy=WIDE) as w:
        await w.append(user(words(60, "a")), user(words(60, "b")), user(words(10, "c")), user(words(400, "d")))
        sizes = [r["tokens"] for r in await w.history()]
        assert sizes[0] < 120 < sizes[0] + sizes[1]
        await w.memory.pin(KEY, 1)
        await w.memory.pin(KEY, 1)  # again is no more
        for seq in (2, 4):
            with pytest.raises(CannotFit) as refused:
                await w.memory.pin(KEY, seq)
            assert refused.value.code == "pins_too_large"
            await w.put(policy={"summary_tokens": refused.value.extra["minimum"], "threshold_tokens": 5_000})
            await w.memory.pin(KEY, seq)
            await w.memory.unpin(KEY, seq)
            await w.put(policy=None)
        assert [e.seq for e in await w.store.pins(KEY)] == [1]


async def test_only_live_messages_can_be_pinned() -> None:
    async with world() as w:
        await w.append(*chat(2, tokens=4))
        await w.memory.truncate(KEY, 3)
        for seq in (4, 5, 999):
            with pytest.raises(NotFound):
                await w.memory.pin(KEY, seq)


async def test_pins_that_outgrew_a_smaller_summary_are_said_at_the_hard_mark_and_never_dropped() -> None:
    async with world(policy=WIDE) as w:
        await w.append(user("hello"), said(FACT), *chat(10))
        await w.memory.pin(KEY, 2)
        await w.put(policy={"summary_tokens": 30})
        await w.work()
        await w.append(*chat(20, tag="more"))
        context = await w.context()
        assert context["tokens"]["context"] <= WIDE.max_tokens
        assert all(FACT in s["text"] for s in await w.summaries())
        assert await w.summaries()
