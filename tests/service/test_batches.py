"""Summaries that wait for a batch: half the price, over restarts, and only while the session is as it was."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from memsvc.core.asking import Receipt, Reply, SummaryRequest
from memsvc.core.economy import Rates
from memsvc.core.model import Key, Session
from memsvc.core.money import Spent, Usage
from memsvc.errors import SummarizerError
from memsvc.llm import AnthropicModel, LocalSummarizer, OpenAIModel, WrittenSummarizer
from memsvc.llm.batches import batches_of
from memsvc.llm.deferred import DeferredSummarizer
from memsvc.prices import GenaiPrices
from memsvc.service.deferral import GIVEN_UP_S, Deferrals, Ticket, ticket_of
from memsvc.service.economics import Economics
from memsvc.service.routing import Writers
from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing.provider import Provider
from tests.service.test_economic import POLICY, SYSTEM, TTL_S, settle, texts, turn
from tests.service.world import KEY, Clock, World, build, chat, the_counter, user

BATCH_S = 3_600.0
VENDORS = pytest.mark.parametrize("vendor", ["anthropic", "openai"])


@dataclass
class Place:
    """A service on a store, and a provider whose batches take an hour."""

    w: World
    store: SQLiteStore
    provider: Provider
    start: Callable[[], World]

    async def silent(self) -> None:
        """A conversation, and then silence until its cache has expired."""
        await self.w.put(system=SYSTEM, format="anthropic", model="claude-sonnet-5-5")
        for text in texts(12):
            await turn(self.w, text)
        self.w.clock.pass_(2 * TTL_S)
        await self.w.work()

    async def later(self, seconds: float) -> None:
        """Time passes; whatever becomes due meanwhile is done."""
        end = self.w.clock() + seconds
        while (due := await self.store.next_due()) is not None and due <= end:
            self.w.clock.now = max(self.w.clock(), due)
            await self.w.work()
        self.w.clock.now = end

    async def spent(self) -> Spent:
        (found,) = await self.store.spent(KEY.tenant, since=0, until=10**6)
        return found

    @property
    def asked(self) -> list[str]:
        """Paths that were posted to."""
        return [c.path for c in self.provider.calls if c.method == "POST"]

    @property
    def handed_in(self) -> int:
        return sum(path in ("/v1/messages/batches", "/v1/batches") for path in self.asked)


@contextlib.asynccontextmanager
async def place(vendor: str) -> AsyncIterator[Place]:
    clock, store = Clock(), SQLiteStore(":memory:")
    await store.open()
    model: AnthropicModel | OpenAIModel
    async with Provider(clock=clock, batch_s=BATCH_S) as provider:
        if vendor == "anthropic":
            model = AnthropicModel("claude-haiku-5-5", api_key="any", base_url=provider.anthropic_url)
        else:
            model = OpenAIModel("gpt-6-luna", api_key="any", base_url=provider.openai_url)
            model.provider = "openai"  # its prices and batches, at another address
        count = the_counter().count

        def start() -> World:
            written = WrittenSummarizer(model, store, GenaiPrices(), count, clock=clock)
            batches = batches_of(model)
            assert batches is not None
            deferred = DeferredSummarizer(written, batches, store, GenaiPrices(), clock=clock, micros_per_hour=None)
            writers = Writers([written, LocalSummarizer(count)], deferrals=Deferrals([deferred]))
            economics = Economics(GenaiPrices(), clock=clock, summarizer=Rates(0.1, 0.125, 0.01, 0.5))
            return build(store, policy=POLICY, summarizers=writers, clock=clock, economics=economics)

        made = Place(start(), store, provider, start)
        try:
            yield made
        finally:
            await made.w.memory.drain(1.0)
            await model.close()
            await store.close()


@VENDORS
async def test_a_cold_session_is_summarized_by_batch_at_half_the_price(vendor: str) -> None:
    async with place(vendor) as p:
        await p.silent()
        assert p.handed_in == 1
        shown = (await p.w.memory.get(KEY))["compaction"]
        assert (shown["state"], shown["due"]) == ("queued", p.w.clock() + 60.0)
        held = await p.spent()
        assert (held.held, held.micros > 0) == (1, True)
        await p.later(BATCH_S - 60.0)
        assert await p.w.summaries() == []
        await p.later(1_000.0)
        (made,) = await p.w.summaries()
        assert made["reason"] == "cold"
        assert made["model"] != "local"
        assert made["predicted_saving_usd"] is not None
        assert p.handed_in == 1
        spent = await p.spent()
        name = "claude-haiku-5-5" if vendor == "anthropic" else "gpt-6-luna"
        full = GenaiPrices().micros(vendor, name, spent.usage, at=p.w.clock())
        assert full is not None
        assert (spent.held, spent.micros) == (0, -(-full // 2))
        assert made["cost_usd"] == spent.micros / 1e6
        assert spent.micros < held.micros
        assert await p.store.next_due() is None


@VENDORS
async def test_a_restart_finds_the_batch_that_was_handed_in(vendor: str) -> None:
    async with place(vendor) as p:
        await p.silent()
        p.w = p.start()
        await p.later(BATCH_S + 1_000.0)
        assert len(await p.w.summaries()) == 1
        assert p.handed_in == 1


@VENDORS
async def test_who_comes_back_meanwhile_does_not_wait_and_the_summary_still_fits(vendor: str) -> None:
    async with place(vendor) as p:
        await p.silent()
        before = await p.w.context(marks="none")
        await p.w.append(user("I am back, where were we?"))
        await settle(p.w)
        assert (await p.w.context(marks="none"))["messages"][: len(before["messages"])] == before["messages"]
        await p.later(BATCH_S + 1_000.0)
        (made,) = await p.w.summaries()
        context = await p.w.context()
        assert context["covers"] == {"from": 1, "to": made["to"]}
        assert len(await p.w.history()) == 25


async def test_an_edit_throws_the_batch_away_and_the_books_keep_it() -> None:
    async with place("anthropic") as p:
        await p.silent()
        await p.w.memory.truncate(KEY, 3)
        await p.later(BATCH_S + 1_000.0)
        assert await p.w.summaries() == []
        spent = await p.spent()
        assert (spent.calls, spent.held) == (1, 0)


async def test_past_the_threshold_nobody_waits() -> None:
    async with place("anthropic") as p:
        await p.silent()
        await p.w.put(policy={"threshold_tokens": 2_600})
        await p.w.append(*chat(16, 120, tag="more"))
        assert await p.w.work() == 1
        (made,) = await p.w.summaries()
        assert made["reason"] == "threshold"
        assert any(path.endswith("/cancel") for path in p.asked)
        assert (await p.spent()).held == 1, "it may be done already"
        await p.later(BATCH_S + 2_000.0)
        assert (await p.spent()).held == 0, "and now it is known"
        assert len(await p.w.summaries()) == 1


@VENDORS
@pytest.mark.parametrize("how", ["expired", "refusal", "server_error"])
async def test_a_batch_without_an_answer_that_may_stand_is_written_at_once(vendor: str, how: str) -> None:
    async with place(vendor) as p:
        p.provider.script([how, "ok"])
        await p.silent()
        await p.later(90_000.0)
        (made,) = await p.w.summaries()
        assert (made["reason"], made["model"] != "local") == ("cold", True)
        assert p.handed_in == 1, "no second batch for the same summary"
        spent = await p.spent()
        assert (spent.calls, spent.held) == (2, 0)


async def test_a_provider_that_is_away_is_asked_again() -> None:
    async with place("anthropic") as p:
        await p.silent()
        port = int(p.provider.url.rpartition(":")[2])
        await p.provider.close()
        await p.later(BATCH_S + 1_000.0)
        assert await p.w.summaries() == []
        assert (await p.w.memory.get(KEY))["compaction"]["state"] == "queued"
        await p.provider.start(port)
        await p.later(2_000.0)
        assert len(await p.w.summaries()) == 1


class Never:
    """A vendor that never answers."""

    name = "never"

    async def submit(self, request: SummaryRequest) -> Receipt:
        return Receipt(self.name, "id", "batch", 1_000.0, 10, 5)

    async def reply(self, key: Key, receipt: Receipt) -> Reply | None:
        return None

    async def cancel(self, receipt: Receipt) -> None:
        return


async def test_a_batch_that_never_ends_is_given_up() -> None:
    deferrals = Deferrals([Never()])
    session = Session(KEY, 1, 0.0, 0.0)
    ticket = await deferrals.submit("never", SummaryRequest((), (), None, None, 100, KEY), session, 3, None)
    assert ticket is not None
    assert ticket_of(ticket.looked(dropped=True).note) == Ticket(ticket.receipt, 1, 0, 0, 3, None, 1, True)
    assert await deferrals.reply(KEY, ticket, 1_000.0 + GIVEN_UP_S) is None
    with pytest.raises(SummarizerError):
        await deferrals.reply(KEY, ticket, 1_001.0 + GIVEN_UP_S)
    with pytest.raises(SummarizerError):
        await Deferrals([]).reply(KEY, ticket, 1_000.0)
    waits = [ticket.next_look(0.0)]
    for _ in range(12):
        ticket = ticket.looked()
        waits.append(ticket.next_look(0.0))
    assert (waits[0], waits[-1], waits == sorted(waits)) == (60.0, 900.0, True)


async def test_a_forced_compaction_does_not_wait() -> None:
    async with place("openai") as p:
        await p.silent()
        assert (await p.w.compact(force=True))[1]["changed"]
        await p.later(BATCH_S + 1_000.0)
        assert [s["reason"] for s in await p.w.summaries()] == ["forced"]


def test_a_note_that_is_no_ticket_is_none() -> None:
    for note in ("", "x", "{}", '{"uid": 1}', "[1]"):
        assert ticket_of(note) is None


async def test_what_is_not_handed_in_is_not_paid_for() -> None:
    async with place("anthropic") as p:
        await p.provider.close()
        await p.silent()
        (made,) = await p.w.summaries()
        assert made["model"] == "local", "written at once, by whoever is there"
        found: list[Any] = await p.store.spent(KEY.tenant, since=0, until=10**6)
        assert all(line.usage == Usage(0, 0) or line.held for line in found)
