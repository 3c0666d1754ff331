"""The economic mode: compactions that pay, long before the threshold, and none that do not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from msgspec.structs import replace

from memsvc.core.economy import Rates
from memsvc.core.model import Key
from memsvc.prices import GenaiPrices
from memsvc.service.economics import LATE_S, Economics
from memsvc.service.requests import UsageRequest
from memsvc.service.returns import Returns
from tests.service.world import KEY, SMALL, Clock, Json, World, chat, said, user, words, world

POLICY = replace(
    SMALL,
    mode="economic",
    threshold_tokens=100_000,
    max_tokens=150_000,
    keep_tokens=600,
    summary_tokens=500,
    alpha=1.5,
    guard=0.25,
)
TTL_S = 300.0
SYSTEM = words(1_600, "rule")


@contextlib.asynccontextmanager
async def economic(
    model: str | None = "claude-sonnet-5-5", *, returns: Returns | None = None, times: float = 1.0, **settings: object
) -> AsyncIterator[World]:
    """A world with a cheap summarizer, or one so many `times` dearer."""
    clock = Clock()
    rates = Rates(0.1 * times, 0.125 * times, 0.01 * times, 0.5 * times)
    economics = Economics(GenaiPrices(), clock=clock, summarizer=rates, returns=returns)
    async with world(policy=POLICY, clock=clock, economics=economics) as w:
        await w.put(system=SYSTEM, format="anthropic", model=model, **settings)
        yield w


async def turn(w: World, text: str, *, after: float = 30.0) -> None:
    """A question, its answer, and what the service does about them."""
    w.clock.pass_(after)
    await w.append(user(text))
    await settle(w)
    await w.append(said(f"answer to {text}"))
    await settle(w)


async def settle(w: World) -> None:
    await w.memory.looks.settled()
    await w.work()


async def wake_ups(w: World) -> None:
    """Let time pass until nothing is due any more."""
    while (due := (await compaction(w))["due"]) is not None:
        w.clock.now = max(w.clock(), due)
        assert await w.work() == 1


async def compaction(w: World) -> Json:
    found: Json = (await w.memory.get(KEY))["compaction"]
    return found


def texts(number: int) -> list[str]:
    return [str(m["content"]) for m in chat(number, 120) if m["role"] == "user"]


async def test_a_long_hot_chat_is_compacted_when_its_rent_has_come_to_the_price_and_the_saving_comes_in() -> None:
    async with economic() as w:
        assert (await compaction(w))["actual_saving_usd"] is None
        for text in texts(120):
            await turn(w, text)
        made = await w.summaries()
        assert 4 <= len(made) <= 12
        assert {s["reason"] for s in made} == {"rent"}
        assert all(s["predicted_saving_usd"] > 0 for s in made)
        assert (await w.memory.get(KEY))["tokens"]["ratio"] < 0.5
        assert len(await w.history()) == 240
        shown = await compaction(w)
        assert shown["predicted_saving_usd"] == made[-1]["predicted_saving_usd"]
        assert shown["actual_saving_usd"] == made[-1]["actual_saving_usd"]
        assert all(s["actual_saving_usd"] > 0 for s in made[:-1]), "each was compacted again only when it had paid"
        assert all(s["replaced_tokens"] > s["tokens"] for s in made)
        before = shown["actual_saving_usd"]
        for text in texts(3):
            await turn(w, text)
        assert (await compaction(w))["actual_saving_usd"] > before


async def test_a_short_hot_chat_is_left_alone() -> None:
    async with economic() as w:
        for text in texts(14):
            await turn(w, text)
        assert await w.summaries() == []


async def test_when_the_cache_has_expired_it_is_compacted_before_anybody_comes_back() -> None:
    async with economic() as w:
        for text in texts(12):
            await turn(w, text)
        assert await w.summaries() == []
        last = w.clock()
        await wake_ups(w)
        (made,) = await w.summaries()
        assert (made["reason"], made["at"]) == ("cold", last + TTL_S + LATE_S)


async def test_a_session_that_goes_on_is_looked_at_again_when_its_cache_expires_later() -> None:
    async with economic() as w:
        for text in texts(12):
            await turn(w, text)
        first = (await compaction(w))["due"]
        await turn(w, "one more", after=TTL_S - 10.0)
        last = w.clock()
        w.clock.now = max(first, last)
        await w.work()
        assert await w.summaries() == []
        await wake_ups(w)
        assert [(s["reason"], s["at"]) for s in await w.summaries()] == [("cold", last + TTL_S + LATE_S)]


async def test_nobody_waits_for_a_compaction_that_is_due_when_the_cache_expires() -> None:
    async with economic() as w:
        for text in texts(12):
            await turn(w, text)
        assert (await compaction(w))["state"] == "queued"
        assert (await w.context(wait_ms=60_000))["epoch"] == 0


async def test_where_a_price_or_a_cache_is_unknown_only_the_threshold_counts() -> None:
    for model in (None, "llama-4-70b", "gpt-99-unheard-of"):
        async with economic(model) as w:
            for text in texts(40):
                await turn(w, text)
            w.clock.pass_(1e6)
            assert await w.work() == 0
            assert await w.summaries() == []


async def test_the_threshold_stays_a_promise() -> None:
    async with economic(policy={"threshold_tokens": 2_600}) as w:
        await w.append(*chat(20, 120))
        await w.work()
        assert [s["reason"] for s in await w.summaries()] == ["threshold"]


async def test_it_costs_less_than_the_price_when_the_model_is_dearer() -> None:
    """What a token costs decides how soon: a dear cache read pays for a compaction earlier."""
    counts = []
    for model in ("gpt-4o", "gpt-5"):
        async with economic(model) as w:
            for text in texts(60):
                await turn(w, text)
            counts.append(len(await w.summaries()))
    assert counts[0] > counts[1]


async def test_a_compaction_that_was_not_worth_it_says_so() -> None:
    async with economic() as w:
        for text in texts(12):
            await turn(w, text)
        await w.compact(force=True)
        await turn(w, "one call, which writes all that was kept to the cache again")
        assert (await compaction(w))["actual_saving_usd"] < 0


async def test_a_cache_that_reports_say_is_missed_is_compacted_sooner() -> None:
    made = []
    for share in (1.0, 0.0):
        async with economic() as w:
            for n, text in enumerate(texts(40)):
                w.clock.pass_(30.0)
                await w.append(user(text))
                context = await w.context()
                size = int(context["tokens"]["context"] * 1.3)
                usage = {"input_tokens": size - int(size * share), "cache_read_input_tokens": int(size * share)}
                usage |= {"cache_creation_input_tokens": 0, "output_tokens": 20}
                report = UsageRequest(usage, id=f"call-{n}", revision=context["revision"])
                await w.append(said(f"answer to {text}"), usage=report)
                await settle(w)
            made.append([s["to"] for s in await w.summaries()])
    hot, missed = made
    assert missed
    assert not hot or missed[0] < hot[0]


async def test_a_tenant_whose_sessions_are_never_taken_up_again_is_not_compacted_for_nothing() -> None:
    """The summary of a session that ends costs its price and saves nothing."""
    never = Returns()
    for n in range(40):
        never.called(Key("default", f"once {n}"), 0.0, TTL_S)
    made = []
    for returns in (Returns(), never):
        async with economic(returns=returns, times=5.0) as w:
            for text in texts(12):
                await turn(w, text)
            await wake_ups(w)
            made.append([s["reason"] for s in await w.summaries()])
    assert made == [["cold"], []]
