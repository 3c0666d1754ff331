"""Budgets: no call past them, news of their levels, and what is left."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from msgspec.structs import replace

from memsvc.core.budgets import Budget, Counted, Spending
from memsvc.core.model import Key
from memsvc.core.money import OWN, Line, Usage
from memsvc.errors import BudgetExceeded, NotFound, Unavailable
from memsvc.llm import LocalSummarizer, OpenAIModel, WrittenSummarizer
from memsvc.observe import Booked, BudgetReached, Event, Unpriced
from memsvc.prices import FixedPrices
from memsvc.service.budgets import Purse, Terms
from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing.provider import Provider
from memsvc.webhook import PAUSES_S, Webhook
from tests.service.world import KEY, Clock, build, chat, the_counter, user

TENANT = "default"
DAY = Budget("day", None, 1_000_000)
NEWS = BudgetReached(TENANT, None, "day", 80, 1.0, 0.81)


@dataclass
class Held:
    """A purse on a store of its own."""

    store: SQLiteStore
    purse: Purse
    clock: Clock
    events: list[Event] = field(default_factory=list)

    def line(self, id: str, micros: int | None, feature: str = "summary") -> Line:
        now = self.clock()
        return Line(OWN + id, Key(TENANT, ""), now, feature, "openai", "gpt-6-luna", Usage(10, 5), micros)

    async def hold(self, id: str, micros: int, feature: str = "summary") -> bool:
        return await self.purse.hold(self.line(id, micros, feature), most_micros=None, since=0.0)

    async def left(self) -> float:
        (budget,) = await self.purse.document(TENANT)
        found: float = budget["left_usd"]
        return found

    @property
    def levels(self) -> list[int]:
        return [e.percent for e in self.events if isinstance(e, BudgetReached)]


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    store, clock, events = SQLiteStore(":memory:"), Clock(), list[Event]()
    await store.open()
    yield Held(store, Purse(store, Terms((DAY,)), clock=clock, tell=events.append), clock, events)
    await store.close()


async def test_the_worst_case_is_held_and_what_was_not_needed_is_given_back(held: Held) -> None:
    assert await held.hold("a", 600_000)
    assert await held.left() == 0.4
    await held.purse.settle(held.line("a", 100_000))
    assert await held.left() == 0.9
    assert (await held.store.spent(TENANT, since=0, until=10**6))[0].micros == 100_000


async def test_a_call_whose_id_was_not_known_is_settled_under_it(held: Held) -> None:
    call = replace(held.line("a", 100_000), id="msg_1")
    assert await held.hold("a", 600_000)
    assert await held.purse.settle(call, held=OWN + "a")
    assert await held.left() == 0.9
    assert not await held.purse.book(call)
    assert await held.left() == 0.9


async def test_of_a_call_that_was_reported_first_the_worst_case_is_given_back(held: Held) -> None:
    call = replace(held.line("a", 100_000), id="msg_1")
    assert await held.hold("a", 600_000)
    assert await held.purse.book(call)
    assert await held.left() == 0.3
    assert not await held.purse.settle(call, held=OWN + "a")
    assert await held.left() == 0.9


async def test_a_call_that_was_not_billed_is_given_back(held: Held) -> None:
    assert await held.hold("a", 600_000)
    for released in (True, False):
        assert await held.purse.release(Key(TENANT, ""), OWN + "a") is released
        assert await held.left() == 1.0
    assert await held.store.spent(TENANT, since=0, until=10**6) == []


async def test_law8_where_nobody_knows_whether_a_call_was_settled_the_worst_case_stays_counted() -> None:
    class Forgetful(SQLiteStore):
        """Does it, and says nothing."""

        away = True

        async def settle(self, line: Line, *, held: str | None = None) -> bool:
            booked = await super().settle(line, held=held)
            if self.away:
                raise Unavailable("away")
            return booked

    store, clock = Forgetful(":memory:"), Clock()
    await store.open()
    h = Held(store, Purse(store, Terms((DAY,)), clock=clock, tell=lambda event: None), clock)
    call = replace(h.line("a", 100_000), id="msg_1")
    assert await h.hold("a", 600_000)
    with pytest.raises(Unavailable):
        await h.purse.settle(call, held=OWN + "a")
    store.away = False
    assert not await h.purse.settle(call, held=OWN + "a"), "it is booked"
    assert await h.left() == 0.4
    await store.close()


async def test_a_call_that_would_pass_the_budget_is_not_held_and_the_error_says_what_to_do(held: Held) -> None:
    await held.hold("a", 900_000)
    with pytest.raises(BudgetExceeded) as refused:
        await held.hold("b", 100_001)
    error = refused.value
    assert (error.status, error.code) == (402, "budget_exceeded")
    assert error.extra == {
        "period": "day",
        "limit_usd": 1.0,
        "spent_usd": 0.9,
        "renews_at": 1_700_006_400.0,
    }
    assert "$1.00 a day: $0.90 are spent or held, this call may cost $0.10" in error.detail
    assert "2023-11-15T00:00Z" in error.detail
    assert await held.left() == 0.1
    held.clock.now = 1_700_006_400.0
    assert await held.hold("b", 1_000_000), "the next day"


async def test_what_was_made_is_booked_whatever_the_budgets_say(held: Held) -> None:
    assert await held.purse.book(held.line("a", 3_000_000))
    assert not await held.purse.book(held.line("a", 3_000_000))
    (budget,) = await held.purse.document(TENANT)
    assert (budget["spent_usd"], budget["left_usd"], budget["levels_reached"]) == (3.0, 0.0, [50, 80, 100])
    with pytest.raises(BudgetExceeded):
        await held.hold("b", 1)


async def test_a_call_that_is_refused_for_another_reason_counts_nothing(held: Held) -> None:
    assert not await held.purse.hold(held.line("a", 500), most_micros=499, since=0.0)
    assert await held.left() == 1.0
    assert await held.hold("a", 500)
    assert not await held.hold("a", 500), "the id is booked"
    assert await held.left() == 0.9995


async def test_each_level_is_told_once_in_a_period(held: Held) -> None:
    await held.hold("a", 490_000)
    assert held.levels == []
    await held.hold("b", 320_000)
    assert held.levels == [50, 80]
    await held.purse.settle(held.line("b", 0))
    await held.hold("c", 400_000)
    assert held.levels == [50, 80], "it was there before"
    for n in range(2):
        with pytest.raises(BudgetExceeded):
            await held.hold(f"d{n}", 200_000)
    assert held.levels == [50, 80, 100]
    again = Purse(held.store, Terms((DAY,)), clock=held.clock, tell=held.events.append)
    with pytest.raises(BudgetExceeded):
        await again.hold(held.line("e", 200_000), most_micros=None, since=0.0)
    assert held.levels == [50, 80, 100], "a restart tells nothing anew"


async def test_a_tenants_own_budget_and_one_for_a_feature(held: Held) -> None:
    shown = await held.purse.put(TENANT, [Budget("day", None, 5_000_000), Budget("month", "chat", 10)])
    assert [(b["period"], b["feature"], b["limit_usd"], b["default"]) for b in shown] == [
        ("day", None, 5.0, False),
        ("month", "chat", 0.00001, False),
    ]
    assert await held.hold("a", 2_000_000)
    with pytest.raises(BudgetExceeded, match="'chat'"):
        await held.hold("b", 11, "chat")


async def test_a_model_without_a_price_is_told_of_once_a_day(held: Held) -> None:
    for n in range(3):
        await held.purse.book(held.line(f"{n}", None))
    told = [event for event in held.events if not isinstance(event, Booked)]
    assert told == [Unpriced(TENANT, "openai", "gpt-6-luna", "summary")]
    held.clock.pass_(86_400.0)
    await held.purse.book(held.line("4", None))
    assert len([event for event in held.events if not isinstance(event, Booked)]) == 2


async def test_past_a_budget_summaries_are_local_and_no_model_is_called(held: Held) -> None:
    async with Provider() as provider:
        model = OpenAIModel("some-model", base_url=provider.openai_url)
        count = the_counter().count
        written = WrittenSummarizer(model, held.purse, FixedPrices(10, 10), count, clock=held.clock)
        w = build(held.store, summarizers=[written, LocalSummarizer(count)], clock=held.clock)
        for budget in (5_000_000, 5_000):
            await held.purse.put(TENANT, [Budget("day", None, budget)])
            await w.append(*chat(12, tag=f"b{budget}x"))
            assert (await w.compact(force=True))[1]["changed"]
        first, second = await w.summaries()
        assert first["model"] != "local"
        assert second["model"] == "local"
        assert "budget" in (await w.memory.get(KEY))["compaction"]["last_error"]
        assert await w.append(user("and appends go on"))
        await model.close()


# --- the webhook ---------------------------------------------------------------------


@dataclass
class Receiver:
    """A server that gets news, and answers as it is told."""

    answers: list[int]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"location": "/elsewhere"} if status == 302 else {})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver([])
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


def webhook(url: str, lost: list[str], pauses: list[float], secret: bytes | None = b"s3cret") -> Webhook:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return Webhook(url, secret, clock=lambda: 1_700_000_000.0, failed=lost.append, sleep=sleep)


async def test_news_is_signed_and_sent(receiver: Receiver) -> None:
    lost: list[str] = []
    hook = webhook(receiver.url, lost, [])
    hook.offer(NEWS)
    hook.offer(Unpriced(TENANT, "openai", "m", "chat"))
    await hook.close(10.0)
    ((headers, body),) = receiver.got
    assert b'"event":"budget_reached"' in body
    assert b'"percent":80' in body
    proof = hmac.new(b"s3cret", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-memsvc-signature"] == f"sha256={proof}"
    assert headers["x-memsvc-timestamp"] == "1700000000"
    assert lost == []


async def test_news_is_sent_again_until_it_is_taken(receiver: Receiver) -> None:
    receiver.answers = [503, 302, 200]
    lost, pauses = list[str](), list[float]()
    hook = webhook(receiver.url, lost, pauses, secret=None)
    hook.offer(NEWS)
    await hook.close(10.0)
    assert (len(receiver.got), pauses, lost) == (3, list(PAUSES_S[:2]), [])
    assert "x-memsvc-signature" not in receiver.got[0][0]


async def test_news_that_nobody_takes_is_given_up_and_told_of() -> None:
    lost, pauses = list[str](), list[float]()
    hook = webhook("http://127.0.0.1:1/with-a-secret", lost, pauses)
    hook.offer(NEWS)
    await hook.close(10.0)
    assert pauses == list(PAUSES_S)
    assert len(lost) == 1
    assert "secret" not in lost[0]


async def test_a_stop_does_not_wait_for_a_receiver_that_hangs() -> None:
    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    lost: list[str] = []
    hook = Webhook("http://127.0.0.1:1/", None, clock=lambda: 0.0, failed=lost.append, sleep=never)
    hook.offer(NEWS)
    await hook.close(0.0)
    assert lost == []


class Begun(SQLiteStore):
    """Tells which writes were begun before the first of them had ended; `broken` is the one that fails."""

    def __init__(self, broken: str = "") -> None:
        super().__init__(":memory:")
        self.broken = broken
        self.begun: list[str] = []
        self.ended = False

    async def count(self, spending: Spending, limits: Sequence[Budget] = (), *, anyway: bool = False) -> Counted:
        self.begun += [] if self.ended else ["count"]
        try:
            if self.broken == "count":
                raise Unavailable("no count today")
            return await super().count(spending, limits, anyway=anyway)
        finally:
            self.ended = True

    async def hold(self, line: Line, *, most_micros: int | None, since: float) -> bool:
        self.begun += [] if self.ended else ["hold"]
        if self.broken == "hold":
            raise NotFound("no session")
        return await super().hold(line, most_micros=most_micros, since=since)


@pytest.mark.parametrize(("limits", "begun"), [((), ["count", "hold"]), ((DAY,), ["count"])])
async def test_without_a_limit_a_count_does_not_hold_up_the_books(limits: tuple[Budget, ...], begun: list[str]) -> None:
    store, clock = Begun(), Clock()
    await store.open()
    h = Held(store, Purse(store, Terms(limits), clock=clock, tell=lambda event: None), clock)
    assert await h.hold("a", 300_000)
    assert store.begun == begun
    assert [one.used for one in await store.counted(TENANT, clock(), (DAY,))] == [300_000]
    assert [line.held for line in (await store.lines())[0]] == [True]
    await store.close()


@pytest.mark.parametrize(("broken", "error"), [("count", Unavailable), ("hold", NotFound)])
async def test_where_one_of_the_two_fails_nothing_stays(broken: str, error: type[Exception]) -> None:
    store, clock = Begun(broken), Clock()
    await store.open()
    h = Held(store, Purse(store, Terms(), clock=clock, tell=lambda event: None), clock)
    with pytest.raises(error):
        await h.hold("a", 300_000)
    assert [one.used for one in await store.counted(TENANT, clock(), (DAY,))] == [0]
    assert (await store.lines())[0] == []
    await store.close()
