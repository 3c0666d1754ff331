"""The mode `shadow`: all is decided, written and booked, and the full history is served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memsvc.errors import CannotFit
from tests.service.test_economic import economic, texts, turn
from tests.service.world import KEY, SMALL, Json, build, chat, said, user, words, world

SHADOW = replace(SMALL, mode="shadow", max_tokens=50_000)


def served(context: Json) -> tuple[Any, ...]:
    """What of a context a provider's cache sees."""
    return context.get("system"), context["messages"]


async def test_what_is_served_is_the_full_history_whatever_is_compacted() -> None:
    async with world(policy=SHADOW) as w:
        await w.append(*chat(12), format="anthropic")
        before = await w.context(format="anthropic", marks="none")
        assert await w.work() == 1
        (made,) = await w.summaries()
        assert (made["reason"], made["current"]) == ("threshold", True)
        after = await w.context(format="anthropic", marks="none")
        assert served(after) == served(before)
        assert (after["covers"], after["prefix_change"]) == (None, None)
        assert after["tokens"] == before["tokens"]
        assert after["stable_prefix"] == before["stable_prefix"]
        shown = await w.memory.get(KEY)
        assert shown["tokens"]["ratio"] == 1.0
        assert shown["compaction"]["shadow"]["tokens"] < shown["tokens"]["context"]


async def test_the_prefix_stays_while_the_conversation_and_its_summaries_go_on() -> None:
    async with world(policy=SHADOW) as w:
        last: Json | None = None
        for n in range(40):
            await w.append(user(f"q{n} {words(40, f'q{n}x')}"), said(f"a{n} {words(40, f'a{n}x')}"))
            await w.work()
            context = await w.context()
            if last is not None:
                assert context["messages"][: len(last["messages"])] == last["messages"]
            last = context
        made = await w.summaries()
        assert len(made) >= 3
        assert [s["from"] for s in made[1:]] == [s["to"] + 1 for s in made[:-1]]
        again = await build(w.store, policy=SHADOW, clock=w.clock).context()
        assert again == last, "another process serves the same"


async def test_it_decides_as_the_economic_mode_does() -> None:
    made = []
    for mode in ("economic", "shadow"):
        async with economic(policy={"mode": mode}) as w:
            for text in texts(60):
                await turn(w, text)
            made.append([(s["reason"], s["from"], s["to"]) for s in await w.summaries()])
            if mode == "shadow":
                assert (await w.memory.get(KEY))["compaction"]["actual_saving_usd"] is not None
                assert len((await w.context())["messages"]) == 120
    assert made[0] == made[1] != []


async def test_out_of_the_shadow_the_newest_summary_is_served_and_back_again() -> None:
    async with world(policy=SHADOW) as w:
        await w.append(*chat(12))
        await w.work()
        full = await w.context()
        await w.put(policy={"mode": "economic"})
        context = await w.context()
        assert context["covers"]["to"] == (await w.summaries())[-1]["to"]
        assert context["prefix_change"] == {"reason": "compacted", "at_revision": context["revision"]}
        await w.put(policy={"mode": "shadow"})
        back = await w.context()
        assert back["messages"] == full["messages"]
        assert back["prefix_change"]["at_revision"] == back["revision"]


async def test_a_change_of_the_services_own_mode_is_noticed() -> None:
    async with world(policy=SMALL) as w:
        await w.append(*chat(12))
        await w.work()
        assert (await w.context())["covers"] is not None
        shaded = build(w.store, policy=SHADOW, clock=w.clock)
        context = await shaded.context()
        assert (context["covers"], len(context["messages"])) == (None, 24)
        assert await shaded.context() == context
        plain = build(w.store, policy=SMALL, clock=w.clock)
        assert (await plain.context())["covers"] is not None


async def test_a_history_that_outgrows_its_limit_is_served_compacted_for_good() -> None:
    async with world(policy=replace(SHADOW, max_tokens=2_000)) as w:
        await w.append(*chat(6))
        await w.work()
        assert (await w.context())["covers"] is None
        await w.append(*chat(20, tag="more"))
        await w.work()
        context = await w.context()
        assert context["covers"] is not None
        assert context["tokens"]["context"] <= 2_000
        assert (await w.memory.get(KEY))["compaction"]["shadow"] is None
        await w.append(user("and on"))
        later = await w.context()
        assert later["messages"][: len(context["messages"])] == context["messages"], "it does not go back"
        with pytest.raises(CannotFit):
            await w.context(max_tokens=50)


async def test_an_edit_and_a_redaction_in_the_shadow() -> None:
    async with world(policy=SHADOW) as w:
        await w.append(*chat(12))
        await w.work()
        await w.memory.truncate(KEY, 20)
        assert len((await w.context())["messages"]) == 20
        await w.memory.redact(KEY, 3)
        context = await w.context()
        assert len(context["messages"]) == 19
        assert "t1q" not in str(context["messages"])


async def test_a_history_that_is_too_long_before_anything_was_compacted() -> None:
    async with world(policy=replace(SHADOW, max_tokens=2_000)) as w:
        await w.append(user("begin"))
        await w.context()
        await w.append(*chat(40))
        context = await w.context()
        assert context["covers"] is not None
        assert context["tokens"]["context"] <= 2_000
