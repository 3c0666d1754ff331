"""The rent meter: what it costs against the best that could be done with hindsight, and what it never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.economy import (
    Market,
    Position,
    Rates,
    Wishes,
    due,
    expected_summary,
    keep_for,
    rent,
    weighed,
)

MARKETS = {
    "read 0.1": Market(Rates(3.0, 3.75, 0.3, 15.0), 300.0, 1024, 1.0, 5.0),
    "read 0.05": Market(Rates(2.0, 2.5, 0.1, 10.0), 300.0, 512, 0.1, 0.5),
    "no write fee": Market(Rates(1.25, 1.25, 0.125, 10.0), 600.0, 1024, 0.25, 2.0),
    "local": Market(Rates(2.0, 2.5, 0.1, 10.0), 300.0, 512),
}
WISHES = Wishes(keep_tokens=2_000, summary_tokens=1_500, alpha=1.5, guard=0.25)
FIXED = 3_000


class Chat:
    """A conversation that grows by `grown` tokens a call; compacted as `decides` says. Sums up its bill."""

    def __init__(self, market: Market, wishes: Wishes, grown: int) -> None:
        self.market, self.wishes, self.grown = market, wishes, grown
        self.summary = self.behind = self.tail = self.sent = self.compactions = 0
        self.bill = self.rent = 0.0

    def position(self) -> Position:
        compactable = max(0, self.tail - self.wishes.keep_tokens) // self.grown * self.grown
        return Position(FIXED, self.summary, self.tail, self.behind, compactable, self.sent)

    def compact(self, position: Position) -> None:
        new = expected_summary(position, self.wishes)
        read = position.compactable + self.summary + 300
        self.bill += self.market.summarizer_input * read + self.market.summarizer_output * new
        self.behind, self.summary = self.behind + position.compactable, new
        self.tail -= position.compactable
        self.sent = min(self.sent, FIXED)
        self.rent, self.compactions = 0.0, self.compactions + 1

    def call(self, *, cold: bool = False) -> None:
        self.tail += self.grown
        position = self.position()
        rates = self.market.main
        cached = 0 if cold else min(self.sent, position.size)
        self.bill += cached * rates.read + (position.size - cached) * rates.write
        move = weighed(position, self.market, self.wishes, cold=cold)
        self.rent += rent(position, move, self.market, cold=cold)
        self.sent = position.size

    def look(self, *, cold: bool = False) -> bool:
        """Compact if it is due."""
        position = self.position()
        move = weighed(position, self.market, self.wishes, cold=cold)
        if not due(position, move, self.rent, self.wishes):
            return False
        self.compact(position)
        return True


def metered(market: Market, grown: int, calls: int) -> Chat:
    chat = Chat(market, WISHES, grown)
    for _ in range(calls):
        chat.call()
        chat.look()
    return chat


def batched(market: Market, grown: int, calls: int, batch: int) -> float:
    """The bill with a compaction whenever `batch` tokens could be covered."""
    chat = Chat(market, WISHES, grown)
    for _ in range(calls):
        chat.call()
        if chat.position().compactable >= batch:
            chat.compact(chat.position())
    return chat.bill


@pytest.mark.parametrize("grown", [100, 400, 1_500])
@pytest.mark.parametrize("name", MARKETS)
def test_a_long_conversation_costs_little_more_than_with_the_best_batches(name: str, grown: int) -> None:
    market = MARKETS[name]
    best = min(batched(market, grown, 600, grown * n) for n in [*range(1, 30), *range(30, 120, 4)])
    mine = metered(market, grown, 600)
    assert mine.bill <= 1.08 * best
    assert mine.compactions > 3


@pytest.mark.parametrize("grown", [100, 400, 1_500])
@pytest.mark.parametrize("name", MARKETS)
def test_wherever_a_conversation_ends_it_has_cost_little_more_than_without_compaction(name: str, grown: int) -> None:
    market = MARKETS[name]
    never, mine = Chat(market, WISHES, grown), Chat(market, WISHES, grown)
    for _ in range(400):
        never.call()
        mine.call()
        assert mine.bill <= 1.2 * never.bill  # right after its first compaction; the most that was found is 1.192
        mine.look()
    assert mine.bill < never.bill


@pytest.mark.parametrize("name", MARKETS)
def test_a_short_hot_conversation_is_left_alone(name: str) -> None:
    assert metered(MARKETS[name], 200, 14).compactions == 0


@given(
    market=st.sampled_from(list(MARKETS.values())),
    tail=st.integers(0, 100_000),
    summary=st.integers(0, 3_000),
    sent=st.integers(0, 100_000),
)
def test_after_the_cache_has_expired_a_compaction_that_is_due_makes_the_next_call_no_dearer(
    market: Market, tail: int, summary: int, sent: int
) -> None:
    position = Position(FIXED, summary, tail, 8 * summary, max(0, tail - WISHES.keep_tokens), sent)
    move = weighed(position, market, WISHES, cold=True)
    if due(position, move, 0.0, WISHES):
        rates, after = market.main, position.size - move.saved
        read = position.compactable + summary + 300
        work = market.summarizer_input * read + market.summarizer_output * move.summary
        assert work + after * rates.write <= position.size * rates.write + 1e-6
        assert after < position.size


def test_after_the_cache_has_expired_it_is_due_at_once() -> None:
    for market in MARKETS.values():
        chat = Chat(market, WISHES, 400)
        for _ in range(25):
            chat.call()
        assert not chat.look()
        assert chat.look(cold=True)


def test_a_price_for_what_is_lost_makes_compactions_rarer() -> None:
    market = MARKETS["read 0.05"]
    dear = replace(market, loss_micros=50_000.0)
    assert 0 < metered(dear, 400, 600).compactions < metered(market, 400, 600).compactions


def test_calls_that_missed_the_cache_unexpectedly_make_it_due_sooner() -> None:
    market = MARKETS["read 0.1"]
    position = Position(FIXED, 0, 10_000, 0, 8_000, 13_000)
    move = weighed(position, market, WISHES, cold=False)
    told = [rent(position, move, market, cold=False, read=read) for read in (None, 13_000, 5_000, 0)]
    assert told[0] == told[1] < told[2] < told[3]
    assert told[3] == rent(position, move, market, cold=True)


@given(
    fixed=st.integers(0, 3_000),
    minimum=st.sampled_from([0, 512, 1_024, 4_096]),
    tail=st.integers(0, 50_000),
    keep=st.integers(1, 4_000),
)
def test_what_stays_is_never_below_what_can_be_cached(fixed: int, minimum: int, tail: int, keep: int) -> None:
    market = replace(MARKETS["read 0.05"], minimum_tokens=minimum)
    wishes = replace(WISHES, keep_tokens=keep)
    position = Position(fixed, 0, tail, 0, max(0, tail - keep), 0)
    stays = keep_for(position, market, wishes)
    assert stays >= keep
    assert fixed + expected_summary(position, wishes) + stays >= minimum


def test_below_the_minimum_the_whole_request_is_paid_in_full() -> None:
    market = replace(MARKETS["read 0.05"], minimum_tokens=4_096)
    position = Position(500, 0, 5_000, 0, 4_000, 5_500)
    move = weighed(position, market, WISHES, cold=False)
    assert position.size - move.saved < 4_096
    small = weighed(position, replace(market, minimum_tokens=0), WISHES, cold=False)
    assert move.need != small.need


@given(summary=st.integers(0, 3_000), behind=st.integers(0, 200_000), compactable=st.integers(0, 100_000))
def test_a_summary_is_expected_to_keep_to_its_limits(summary: int, behind: int, compactable: int) -> None:
    position = Position(FIXED, summary, compactable, behind, compactable, 0)
    expected = expected_summary(position, WISHES)
    assert 0 <= expected <= WISHES.summary_tokens
    assert expected <= (compactable + summary) // 2
