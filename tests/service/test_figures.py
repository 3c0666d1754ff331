"""Running figures: what events come to, where they are told of, and the document that is made of them."""

from __future__ import annotations

import asyncio

from memsvc.core.economy import Rates
from memsvc.core.figures import DayFigure
from memsvc.core.money import DAY_S, Line, Usage
from memsvc.errors import Unavailable
from memsvc.observe import CacheBroken, CompactionFailed, Event, SummarizerFailed, WorkerFailed
from memsvc.prices import GenaiPrices
from memsvc.service.economics import Economics
from memsvc.service.recorder import Recorder
from memsvc.stores.sqlite import SQLiteStore
from tests.service.test_economic import POLICY, SYSTEM, settle, texts, turn
from tests.service.world import KEY, Clock, build, chat, said, user, world


async def told(recorder: Recorder, store: SQLiteStore, clock: Clock) -> dict[tuple[str, str], tuple[int, int, int]]:
    await recorder.settled(9.0)
    day = int(clock() // DAY_S)
    found: list[DayFigure] = await store.figures(KEY.tenant, since=day - 30, until=day + 30)
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for one in found:
        count, tokens, micros = sums.get((one.kind, one.name), (0, 0, 0))
        sums[one.kind, one.name] = (count + one.count, tokens + one.tokens, micros + one.micros)
    return sums


async def test_predicted_and_actual_savings_of_the_same_compactions() -> None:
    store, clock = SQLiteStore(":memory:"), Clock()
    await store.open()
    recorder = Recorder(store, clock=clock)
    economics = Economics(GenaiPrices(), clock=clock, summarizer=Rates(0.1, 0.125, 0.01, 0.5))
    w = build(store, policy=POLICY, clock=clock, economics=economics, sink=recorder)
    await w.put(system=SYSTEM, format="anthropic", model="claude-sonnet-5-5")
    for text in texts(40):
        await turn(w, text)
    await settle(w)
    made = await w.summaries()
    assert len(made) >= 2
    sums = await told(recorder, store, clock)
    assert sums["compacted", "rent"][0] == len(made)
    assert sums["broken", "compacted"][0] == len(made)
    predicted = [round(s["predicted_saving_usd"] * 1e6) for s in made]
    actual = [round(s["actual_saving_usd"] * 1e6) for s in made[:-1]]
    assert sums["predicted", ""] == (len(made), 0, sum(predicted))
    assert sums["settled_predicted", ""] == (len(made) - 1, 0, sum(predicted[:-1]))
    assert sums["settled_actual", ""] == (len(made) - 1, 0, sum(actual))
    savings = (await w.memory.stats.document(KEY.tenant, period="30d", tenants="mine"))["savings"]
    assert savings["settled_count"] == len(made) - 1
    assert round(savings["settled_actual_usd"] * 1e6) == sum(actual)
    assert round(sum(day["predicted_usd"] for day in savings["by_day"]) * 1e6) == sum(predicted)
    await w.memory.drain()
    await store.close()


async def test_what_a_put_or_a_truncation_breaks_is_told_with_its_size() -> None:
    events: list[Event] = []
    async with world(sink=events.append) as w:
        await w.put(system="be brief")
        await w.append(*chat(3))
        await w.put(system="be brief", user="u")
        assert events == []  # nothing that a context shows
        await w.put(system="be long")
        await w.put(tools=[{"type": "function", "function": {"name": "f"}}])
        tokens = (await w.memory.get(KEY))["tokens"]["context"]
        await w.memory.truncate(KEY, 4)
        w.clock.pass_(1)
        await w.memory.truncate(KEY, 4)  # nothing is left to cut off
        broken = [e for e in events if isinstance(e, CacheBroken)]
        assert [e.cause for e in broken] == ["system_changed", "tools_changed", "edited"]
        assert broken[1].tokens >= tokens
        assert broken[2].tokens == 0, "what stands before an edit is still cached"


async def test_an_edit_into_what_a_summary_stood_for_breaks_all_of_it() -> None:
    events: list[Event] = []
    async with world(sink=events.append) as w:
        await w.append(*chat(12, 60))
        await w.compact(force=True, keep_tokens=100)
        await w.memory.truncate(KEY, 2)
        (broken,) = [e for e in events if isinstance(e, CacheBroken)]
        assert broken.tokens > 0


class Away(SQLiteStore):
    """A store that is away for a while."""

    away = False

    async def record(self, *given: object) -> None:  # type: ignore[override]
        if self.away:
            raise Unavailable("away")
        await super().record(*given)  # type: ignore[arg-type]


async def test_failures_are_counted_and_a_store_that_is_away_loses_some_and_breaks_nothing() -> None:
    store, clock = Away(":memory:"), Clock()
    await store.open()
    recorder = Recorder(store, clock=clock)
    for event in (
        SummarizerFailed("default", "s", "openai:gpt/x", "refused"),
        CompactionFailed("default", "s", "summarizer_failed", 2, 5.0),
        WorkerFailed("x"),
    ):
        recorder(event)
    assert await told(recorder, store, clock) == {
        ("failed", "summarizer_failed"): (1, 0, 0),
        ("summarizer", "openai:gpt/x/refused"): (1, 0, 0),
    }
    store.away = True
    recorder(CacheBroken("default", "s", "edited", 10, 0.5))
    await recorder.settled(9.0)
    store.away = False
    await asyncio.to_thread(recorder, CacheBroken("default", "s", "edited", 10, 0.25))  # from a thread, without a loop
    assert (await told(recorder, store, clock))["broken", "edited"] == (1, 10, 250_000)
    await recorder.close(9.0)
    recorder(CacheBroken("default", "s", "edited", 10, 0.25))
    assert (await told(recorder, store, clock))["broken", "edited"] == (1, 10, 250_000)
    document = await build(store, clock=clock).memory.stats.document("default", period="today", tenants="mine")
    assert document["compactions"]["summarizers"] == [{"summarizer": "openai:gpt/x", "error": "refused", "count": 1}]
    assert document["compactions"]["recent"][0]["outcome"] == "failed"
    await store.close()


async def test_many_who_watch_cost_one_look() -> None:
    looks = 0

    class Watched(SQLiteStore):
        async def figures(self, *given: object, **more: object) -> list[DayFigure]:  # type: ignore[override]
            nonlocal looks
            looks += 1
            return await super().figures(*given, **more)  # type: ignore[arg-type]

    store, clock = Watched(":memory:"), Clock()
    await store.open()
    stats = build(store, clock=clock).memory.stats
    for _ in range(2):
        await asyncio.gather(*(stats.document("t", period="7d", tenants="mine") for _ in range(9)))
    assert looks == 1
    await stats.document("t", period="7d", tenants="all")
    await stats.document("u", period="7d", tenants="mine")
    assert looks == 3
    clock.pass_(1.1)
    await stats.document("t", period="7d", tenants="mine")
    assert looks == 4
    await store.close()


async def test_a_document_that_nobody_gets_any_more_is_not_kept() -> None:
    store, clock = SQLiteStore(":memory:"), Clock()
    await store.open()
    stats = build(store, clock=clock).memory.stats
    for n in range(1, 9):
        await stats.document("t", period=f"{n}d", tenants="mine")
    assert len(stats._held) == 8
    clock.pass_(1.1)
    await stats.document("t", period="today", tenants="mine")
    assert [*stats._held] == [("t", "today", "mine")]
    await store.close()


async def test_the_share_that_caches_had() -> None:
    async with world() as w:
        await w.append(user("hi"), said("ho"))
        usage = Usage(1000, 10, cache_read=600, cache_write=300)
        await w.store.book(Line("r1", KEY, w.clock(), "chat", "anthropic", "m", usage, 70))
        await w.store.book(Line("r2", KEY, w.clock(), "chat", "anthropic", "m", Usage(1000, 10), 30))
        cache = (await w.memory.stats.document(KEY.tenant, period="today", tenants="mine"))["cache"]
        (day,) = cache["by_day"]
        assert cache["hit_ratio"] == day["hit_ratio"] == 0.3
        assert (day["input"], day["cache_read"], day["cache_write"]) == (1100, 600, 300)
