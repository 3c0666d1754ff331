"""The mode `shadow`: all is decided, written and booked, and the full history is served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.errors import CannotFit, Conflict, NotFound
from memsvc.service.requests import UsageRequest
from memsvc.testing import prefix_breaks
from tests.service.test_economic import economic, texts, turn
from tests.service.world import KEY, SMALL, Json, World, build, chat, said, the_counter, user, words, world

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


async def test_larger_limits_take_it_back_into_the_shadow() -> None:
    async with world(policy=replace(SHADOW, max_tokens=4_000)) as w:
        await w.append(*chat(40))
        assert (await w.context())["covers"] is not None
        await w.put(metadata={"a": 1})
        assert (await w.context())["covers"] is not None
        await w.put(policy={"max_tokens": 50_000})
        assert (await w.context())["covers"] is None


@pytest.mark.parametrize(("model", "ratio"), [("gpt-5", 2.0), ("claude-sonnet-5-5", 1.0)])
@pytest.mark.parametrize("then", ["edit", "switch"])
async def test_reports_are_of_the_full_history_and_the_threshold_goes_by_their_ratio(
    model: str, ratio: float, then: str
) -> None:
    async with world(policy=replace(SHADOW, threshold_tokens=1_000)) as w:
        await w.put(format="openai", model=model)
        await w.append(*chat(14))
        await w.work()
        context = await w.context()
        size = int(context["tokens"]["full"] * ratio)
        usage = {"prompt_tokens": size, "completion_tokens": 1, "total_tokens": size + 1}
        await w.memory.usage(KEY, UsageRequest(usage, "r", None, None, revision=context["revision"]))
        session = await w.store.head(KEY)
        assert session is not None
        assert session.soft_tokens == pytest.approx(1_000 / ratio, abs=1)
        await (w.memory.truncate(KEY, 27) if then == "edit" else w.put(policy={"mode": "economic"}))
        session = await w.store.head(KEY)
        assert session is not None
        assert session.soft_tokens == pytest.approx(1_000 / ratio, abs=1)
        assert (session.factor, session.anchor_raw) == (pytest.approx(ratio), 0)


STEPS: list[Callable[[World], Any]] = [
    lambda w: w.append(*chat(2, tag="s")),
    lambda w: w.append(*chat(6, tag="m")),
    lambda w: w.work(),
    lambda w: w.compact(force=True, keep_tokens=1),
    lambda w: w.compact(to_epoch=0),
    lambda w: w.memory.pin(KEY, 1),
]
EDITS: list[Callable[[World], Any]] = [
    lambda w: w.memory.truncate(KEY, 5),
    lambda w: w.memory.redact(KEY, 3),
    lambda w: w.put(policy={"mode": "economic"}),
    lambda w: w.put(policy={"mode": "shadow"}),
    lambda w: w.put(policy={"mode": "manual"}),
    lambda w: w.put(policy={"max_tokens": 900}),
    lambda w: w.put(policy={"max_tokens": None}),
]


@settings(max_examples=40)
@given(st.lists(st.sampled_from([*STEPS, *STEPS, *EDITS]), min_size=1, max_size=10))
def test_law1_and_2_whatever_happens_in_the_shadow_and_at_its_edges(steps: list[Callable[[World], Any]]) -> None:
    async def play() -> None:
        async with world(policy=SHADOW) as w:
            await w.append(*chat(4), format="openai")
            before = await w.context()
            for step in steps:
                with contextlib.suppress(Conflict, CannotFit, NotFound):
                    await step(w)
                context = await w.context()
                window = await w.store.load(KEY)
                live = [r["seq"] for r in await w.history() if not r["superseded"]]
                assert [e.seq for e in window.entries] == [seq for seq in live if seq > window.session.cut]
                session = await w.memory.get(KEY)
                if session["policy"]["mode"] == "shadow" and session["compaction"]["shadow"]:
                    assert context["covers"] is None
                    assert context["messages"] == [r["message"] for r in await w.history() if not r["superseded"]]
                if context["prefix_change"] == before["prefix_change"]:
                    assert prefix_breaks(before, context) is None
                else:
                    assert context["prefix_change"]["at_revision"] > before["revision"]
                before = context

    the_counter()
    asyncio.run(play())
