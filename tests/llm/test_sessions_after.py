"""Whatever a provider does, through the vendors' own SDKs over HTTP: what the session is like afterwards.

Each behaviour of the stand-in provider, for both vendors: a context that the provider accepts, nothing
lost, a compaction that happened by somebody, its cost known and bounded, and the reason told.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from memsvc.core.money import Line, Usage
from memsvc.llm import AnthropicModel, Limits, LocalSummarizer, OpenAIModel, WrittenSummarizer
from memsvc.observe import Event, SummarizerFailed
from memsvc.prices import FixedPrices, GenaiPrices
from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing import violations
from memsvc.testing.provider import BEHAVIOURS, Ask, Provider
from memsvc.testing.provider.notes import BAD, HABITS
from tests.service.audit import check
from tests.service.world import KEY, SMALL, Clock, World, build, chat, request, the_counter

POLICY = replace(SMALL, threshold_tokens=2_400, keep_tokens=200, summary_tokens=600, max_tokens=20_000)
TURNS = chat(16, tokens=60)
CAP_MICROS = 50_000
CALL_S = 5.0

WRITTEN = frozenset({"ok", "rate_limited_once", "thinking_first", "think_tags", "too_long", "absurd_usage", "no_usage"})
"""The model's summary stands: the answer is sound, becomes sound, or is made so."""
LOCAL = {
    "slow": "summary_timeout",
    "rate_limited": "summary_rate_limited",
    "retry_after_huge": "summary_rate_limited",
    "spend_limit": "summary_quota",
    "overloaded": "summary_overloaded",
    "server_error": "summary_server",
    "bad_gateway_html": "summary_timeout",
    "cut": "summary_connection",
    "truncated": "summary_incomplete",
    "empty": "summary_empty",
    "refusal": "summary_refused",
    "only_thinking": "summary_incomplete",
    "chat": "summary_chat",
    "chat_plain": "summary_unstructured",
    "placeholder": "summary_placeholder",
    "injected": "summary_steered",
    "tool_call": "summary_incomplete",
    "wrong_key": "summary_auth",
    "no_model": "summary_unknown",
    "not_json": "summary_garbled",
    "overflow": "summary_overflow",
    "expired": "summary_timeout",
}
"""The local summarizer takes over, for this reason."""
EXPECTED = {("overloaded", "openai"): "summary_server"}
"""Where the vendors differ: OpenAI has no status of its own for an overload."""
MOST_CALLS = {"overflow": 6}
"""Requests that one compaction may make: at most three where trying again may help, two where the answer was
refused, one otherwise; a request that is too large, which is refused unbilled, is halved to 4,000 tokens."""


@dataclass
class Place:
    """A service, a provider and a model of it."""

    w: World
    provider: Provider
    store: SQLiteStore
    summarizer: WrittenSummarizer
    slept: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return sum(1 for c in self.provider.calls if c.method == "POST")


@contextlib.asynccontextmanager
async def place(vendor: str, **limits: Any) -> AsyncIterator[Place]:
    store, provider, slept = SQLiteStore(":memory:"), Provider(), list[float]()
    await store.open()
    await provider.start()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    model: AnthropicModel | OpenAIModel
    if vendor == "anthropic":
        model = AnthropicModel("claude-haiku-5-5", api_key="any", base_url=provider.anthropic_url)
    else:
        model = OpenAIModel("gpt-6-luna", api_key="any", base_url=provider.openai_url)
        model.provider = "openai"  # its prices, at another address
    w = build(store, policy=POLICY)
    summarizer = WrittenSummarizer(
        model,
        store,
        GenaiPrices(),
        the_counter().count,
        clock=w.clock,
        limits=Limits(**{"call_s": CALL_S, "micros_per_hour": CAP_MICROS, **limits}),
        sleep=sleep,
    )
    events: list[Event] = []
    chain = [summarizer, LocalSummarizer(the_counter().count)]
    w = build(store, policy=POLICY, summarizers=chain, clock=w.clock, sink=events.append)
    try:
        yield Place(w, provider, store, summarizer, slept, events)
    finally:
        await summarizer.close()
        await provider.close()
        await w.memory.drain(1.0)
        await store.close()


async def spent(store: SQLiteStore) -> int:
    """Micros that the session's books show, found by asking what would still fit."""
    low, high = 0, 10_000_000
    while low < high:  # hold books nothing when refused, and a held probe of 0 costs nothing
        middle = (low + high) // 2
        probe = Line(f"probe-{uuid.uuid4()}", KEY, 0.0, "summary", "p", "m", Usage(0, 0), 0, True)
        fits = await store.hold(probe, most_micros=middle, since=0.0)
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


async def compacted(p: Place) -> dict[str, Any]:
    """The session after the turns and one look of the worker; sound whatever happened."""
    await p.w.append(*TURNS)
    assert await p.w.work() == 1
    await check(p.w, list(request(*TURNS).messages))
    for format in ("anthropic", "openai", "responses"):
        context = await p.w.context(format=format)
        names = ("tools", "input") if format == "responses" else ("system", "tools", "messages")
        assert violations({k: context[k] for k in names if k in context}, format) == []  # type: ignore[arg-type]
    session = await p.w.memory.get(KEY)
    assert session["epoch"] == 1, session["compaction"]
    assert session["compaction"]["state"] == "idle"
    (summary,) = await p.w.summaries()
    assert summary["tokens"] <= POLICY.summary_tokens
    books = await spent(p.store)
    assert books <= CAP_MICROS
    assert round(summary["cost_usd"] * 1e6) == pytest.approx(books, abs=2)
    return {**summary, "error": session["compaction"]["last_error"], "books": books}


def test_every_behaviour_has_its_expectation() -> None:
    assert set(BEHAVIOURS) == WRITTEN | set(LOCAL) | {*HABITS, *BAD}, "those of test_summarizers.py among them"


@pytest.mark.parametrize("vendor", ["anthropic", "openai"])
@pytest.mark.parametrize("behaviour", sorted(WRITTEN))
async def test_the_models_summary_stands(vendor: str, behaviour: str) -> None:
    async with place(vendor) as p:
        p.provider.script(["rate_limited_once", "ok"] if behaviour == "rate_limited_once" else [behaviour])
        found = await compacted(p)
        assert found["model"].startswith(("claude-haiku", "gpt-6"))
        assert found["error"] is None
        assert found["text"].count("</conversation_summary>") == 1
        assert found["text"].endswith("</conversation_summary>")
        assert "<think" not in found["text"]
        assert found["books"] > 0
        billed = [c.usage for c in p.provider.calls if c.usage is not None]
        assert billed
        if behaviour in ("absurd_usage", "no_usage"):
            assert found["cost_usd"] > 0.003, "an unknown bill is booked at its worst case"
        assert p.calls <= 2


@pytest.mark.parametrize("vendor", ["anthropic", "openai"])
@pytest.mark.parametrize("behaviour", sorted(LOCAL))
async def test_the_local_summarizer_takes_over(vendor: str, behaviour: str) -> None:
    async with place(vendor, call_s=0.2 if behaviour == "slow" else CALL_S) as p:
        p.provider.script([behaviour])
        found = await compacted(p)
        assert found["model"] == "local"
        assert found["error"].startswith(("anthropic:claude", "openai:gpt", "claude", "gpt"))
        assert p.calls <= MOST_CALLS.get(behaviour, 3)
        assert sum(p.slept) < CALL_S
        reason = EXPECTED.get((behaviour, vendor), LOCAL[behaviour])
        assert [e.error for e in p.events if isinstance(e, SummarizerFailed)] == [reason]


@pytest.mark.parametrize("behaviour", ["rate_limited", "server_error", "cut", "wrong_key", "spend_limit"])
async def test_a_provider_that_stays_away_is_left_alone(behaviour: str) -> None:
    async with place("anthropic") as p:
        p.provider.script([behaviour])
        made = []
        for turn in range(8):
            await p.w.append(*chat(14, tokens=60, tag=f"r{turn}x"))
            before = p.calls
            await p.w.work()
            made.append(p.calls - before)
        assert made[-1] == 0, f"{made}: nobody calls a provider that rests"
        assert (await p.w.memory.get(KEY))["epoch"] == 8, "summaries go on without it"
        assert "rests" in (await p.w.memory.get(KEY))["compaction"]["last_error"]


async def test_a_session_that_has_used_its_hour_goes_on_locally() -> None:
    async with place("anthropic", micros_per_hour=6_000) as p:
        p.provider.script(["no_usage"])
        models = []
        for turn in range(4):
            await p.w.append(*chat(24, tokens=60, tag=f"r{turn}x"))
            await p.w.work()
            models.append((await p.w.summaries())[-1]["model"])
        assert models[0] != "local"
        assert models[-1] == "local"
        assert "an hour" in (await p.w.memory.get(KEY))["compaction"]["last_error"]
        assert await spent(p.store) <= 6_000
        p.w.clock.pass_(3_601)
        p.provider.script(["ok"])
        await p.w.append(*chat(24, tokens=60, tag="later"))
        await p.w.work()
        assert (await p.w.summaries())[-1]["model"] != "local"


async def test_append_and_fetch_do_not_wait_for_a_slow_provider() -> None:
    async with place("openai", call_s=60.0) as p:
        asked = asyncio.Event()

        def slow(ask: Ask) -> str:
            asked.set()
            return "slow"

        p.provider.behave(slow)
        await p.w.append(*TURNS)
        work = asyncio.create_task(p.w.work())
        await asked.wait()
        await p.w.append(*chat(1, tag="meanwhile"))
        context = await p.w.context(format="openai")
        assert context["epoch"] == 0
        assert "meanwhile0a" in context["messages"][-1]["content"]
        assert (await p.w.memory.get(KEY))["compaction"]["state"] == "running"
        assert not work.done()
        p.provider.release()
        assert await work >= 1, "what came meanwhile is looked at again"
        after = await p.w.context(format="openai")
        assert after["epoch"] == 1
        assert after["messages"][-1] == context["messages"][-1]


async def test_the_next_model_in_line_is_asked_before_the_local_one() -> None:
    async with place("anthropic") as p:
        model = OpenAIModel("gpt-6-luna", api_key="any", base_url=p.provider.openai_url)
        model.provider = "openai"
        second = WrittenSummarizer(model, p.store, GenaiPrices(), the_counter().count, clock=p.w.clock)
        chain = [p.summarizer, second, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=POLICY, summarizers=chain)
        p.provider.behave(lambda ask: "refusal" if "claude" in ask.model.name else None)
        await w.append(*TURNS)
        await w.work()
        (summary,) = await w.summaries()
        assert summary["model"].startswith("gpt-6-luna")
        assert summary["attempts"] == 2
        assert "claude" in (await w.memory.get(KEY))["compaction"]["last_error"]
        await second.close()


async def test_a_local_model_with_a_small_window_is_learned() -> None:
    async with contextlib.AsyncExitStack() as end:
        store, clock = SQLiteStore(":memory:"), Clock()
        await store.open()
        end.push_async_callback(store.close)
        provider = await end.enter_async_context(Provider(windows={"tiny": 6_000}))
        model = OpenAIModel("tiny", base_url=provider.openai_url)
        end.push_async_callback(model.close)
        written = WrittenSummarizer(model, store, FixedPrices(0, 0), the_counter().count, clock=clock)
        policy = replace(POLICY, threshold_tokens=9_000, max_tokens=60_000)
        w = build(store, policy=policy, summarizers=[written, LocalSummarizer(the_counter().count)], clock=clock)
        models = []
        for turn in range(4):
            await w.append(*chat(40, tokens=120, tag=f"r{turn}x"))
            await w.work()
            models.append((await w.summaries())[-1]["model"])
            assert await spent(store) == 0, "a server of one's own costs nothing"
        assert models[-2:] == ["tiny", "tiny"], models
        refused = [c for c in provider.calls if c.status == 400]
        assert len(refused) <= 6, "what is too large is not sent again and again"
