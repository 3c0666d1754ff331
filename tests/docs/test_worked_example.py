"""Every number of docs/worked-example.md is what the product's own code computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memsvc.core.economy import Market, Position, Rates, Wishes, price, weighed
from memsvc.core.meter import Look, Mark, read
from memsvc.core.model import Key, Session, Settings
from memsvc.ports import Prices
from memsvc.prices import GenaiPrices

PAGE = Path(__file__).parents[2] / "docs" / "worked-example.md"
TEXT = PAGE.read_text(encoding="utf-8")
SYSTEM, MESSAGE, KEEP, SUMMARY = 3_000, 250, 2_000, 1_500
ALPHA, GUARD, GAP_S = 1.5, 0.25, 30.0
MAIN = Rates(input=2.0, write=2.5, read=0.1, output=10.0)
MARKET = Market(MAIN, 300.0, 512, summarizer_input=0.1, summarizer_output=0.5)
WISHES = Wishes(KEEP, SUMMARY, ALPHA, GUARD)
SESSION = Session(Key("t", "s"), 1, 0.0, 0.0, Settings(system_tokens=SYSTEM))


def after(call: int) -> Look:
    """What the meter says once the reply to this call has been appended."""
    marks = [Mark(MESSAGE, n * GAP_S, 0, assistant, leads=True) for n in range(call) for assistant in (False, True)]
    return read(SESSION, 0, MARKET, WISHES, marks).look((call - 1) * GAP_S + 1.0)


def position(call: int) -> Position:
    """The session at the same moment: the last request had all but the reply."""
    tail = 2 * MESSAGE * call
    return Position(SYSTEM, 0, tail, 0, max(0, tail - KEEP), SYSTEM + tail - MESSAGE)


def due() -> int:
    """The call after which it is compacted."""
    return next(n for n in range(1, 200) if after(n).due)


def usd(micros: float) -> str:
    return f"${micros / 1_000_000:.6f}"


def rows(page: str) -> list[list[str]]:
    """The cells of the table whose first column is a call's number."""
    return [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in page.splitlines() if re.match(r"\| \d", line)
    ]


def test_the_table() -> None:
    shown = rows(TEXT)
    assert len(shown) >= 5
    for cells in shown:
        call = int(cells[0])
        at, look = position(call), after(call)
        move = weighed(at, MARKET, WISHES, cold=False)
        assert look.need == pytest.approx(move.need), "the position is not the meter's"
        asked = 2 * ALPHA * move.need
        wanted = [f"{at.size:,}", f"{at.compactable:,}", f"{move.saved:,}", usd(look.paid), usd(move.need), usd(asked)]
        assert cells[1:] == [*wanted, "yes" if look.due else "no"], f"call {call}"
    assert int(shown[-1][0]) == due()
    assert int(shown[-2][0]) == due() - 1


def test_the_price_of_one_compaction() -> None:
    at = position(due())
    move = weighed(at, MARKET, WISHES, cold=False)
    moved, stayed = price(at.size - move.saved, SYSTEM, MARKET), price(at.size, at.sent, MARKET)
    assert move.need == pytest.approx(move.work + moved - stayed)
    for words in (
        f"work = 0.1 × (0 + 300) + 0.5 × {move.summary:,} = {move.work:,.0f}",
        f"move = 0.1 × 3,000 + 2.5 × {at.size - move.saved - SYSTEM:,} = {moved:,.0f}",
        f"stay = 0.1 × {at.sent:,} + 2.5 × {at.size - at.sent:,} = {stayed:,.0f}",
        f"need = {move.work:,.0f} + {moved:,.0f} − {stayed:,.0f} = {move.need:,.0f}",
        f"{at.compactable:,} ≥ 0.25 × (2,000 + {move.summary:,}) = {GUARD * (KEEP + move.summary):,.0f}",
    ):
        assert words in TEXT, words


def bills(calls: int) -> tuple[float, float]:
    """The input side of so many calls more, without the compaction and with it, the summarizer paid in full."""
    at = position(due())
    move = weighed(at, MARKET, WISHES, cold=False)
    read_once = MARKET.summarizer_input * at.compactable
    left, made = 0.0, move.work + read_once
    before, before_made = at.sent, SYSTEM
    for n in range(calls):
        size = at.size + MESSAGE + 2 * MESSAGE * n
        left += price(size, before, MARKET)
        made += price(size - move.saved, before_made, MARKET)
        before, before_made = size, size - move.saved
    return left, made


def test_what_it_comes_to() -> None:
    shown = re.findall(r"^\* (\d+) calls? later: (\$[\d.]+) without, (\$[\d.]+) with", TEXT, re.M)
    assert len(shown) == 4
    for calls, left, made in shown:
        assert (left, made) == tuple(map(usd, bills(int(calls)))), f"after {calls} calls"
    even = next(n for n in range(1, 99) if bills(n)[1] < bills(n)[0])
    assert f"has paid for itself after {even} calls" in TEXT


def test_the_inputs_are_said() -> None:
    for value in (f"{SYSTEM:,}", f"{MESSAGE} tokens", f"{KEEP:,}", f"{SUMMARY:,}", str(ALPHA), str(GUARD)):
        assert value in TEXT


@pytest.fixture(scope="module")
def prices() -> Prices:
    return GenaiPrices()


@pytest.mark.parametrize(
    ("model", "wanted"),
    [("claude-sonnet-5-5", (2.0, 2.5, 0.1)), ("claude-haiku-5-5", (0.1, None, None))],
)
def test_the_prices_are_those_of_the_list(prices: Prices, model: str, wanted: tuple[float | None, ...]) -> None:
    """Where the list has changed, change the example."""
    found = prices.rates("anthropic", model, at=1_795_000_000.0)
    assert found is not None
    for known, said in zip((found.input, found.write, found.read), wanted, strict=True):
        assert said is None or known == pytest.approx(said)


@pytest.mark.parametrize(
    ("provider", "model", "long", "times"),
    [
        ("anthropic", "claude-sonnet-5-5", False, 1.25),
        ("anthropic", "claude-sonnet-5-5", True, 2.0),
        ("openai", "gpt-5.5", False, 1.0),
        ("openai", "gpt-6.1-sol", False, 1.25),
    ],
)
def test_what_writing_to_a_cache_costs(prices: Prices, provider: str, model: str, long: bool, times: float) -> None:
    """The row of docs/caching.md."""
    found = prices.rates(provider, model, at=1_795_000_000.0, long=long)
    assert found is not None
    assert found.write / found.input == pytest.approx(times)
    row = "| writing, against plain input | 1.25 times, 2 for an hour | 1 | 1.25 times | free |"
    assert row in PAGE.with_name("caching.md").read_text(encoding="utf-8")
