"""What was spent: periods, groupings, and the command that prints it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memsvc.cli import main
from memsvc.core.money import Line, Usage
from memsvc.errors import InvalidRequest
from memsvc.prices import GenaiPrices
from memsvc.service.requests import UsageRequest
from memsvc.service.spend import days_of, parts_of
from memsvc.stores.sqlite import SQLiteStore
from tests.service.world import KEY, chat, user, world

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC).timestamp()
TODAY = int(NOON // 86_400)


@pytest.mark.parametrize(
    ("period", "first", "days"),
    [
        ("today", TODAY, 1),
        ("1d", TODAY, 1),
        ("30d", TODAY - 29, 30),
        ("2026-03", TODAY - 14, 31),
        ("2026-02", TODAY - 14 - 28, 28),
        ("2024-12", int(datetime(2024, 12, 1, tzinfo=UTC).timestamp()) // 86_400, 31),
        ("2026-03-14", TODAY - 1, 1),
    ],
)
def test_periods(period: str, first: int, days: int) -> None:
    assert days_of(period, NOON) == (first, first + days)


@pytest.mark.parametrize(
    "period", ["", "0d", "367d", "d", "2026", "2026-13", "2026-02-30", "20260101", "9999-12", "-1d"]
)
def test_what_is_no_period(period: str) -> None:
    with pytest.raises(InvalidRequest, match="period"):
        days_of(period, NOON)


def test_parts_come_in_one_order() -> None:
    assert parts_of("model,day") == ("day", "model")
    assert parts_of("") == ()
    for by in ("tenant", "day,"):
        with pytest.raises(InvalidRequest, match="by"):
            parts_of(by)


async def test_reported_calls_and_own_ones_are_summed_up() -> None:
    async with world(prices=GenaiPrices()) as w:
        w.clock.now = NOON
        await w.append(user("hi"))
        told: dict[str, Any] = {"input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": 9_000}
        for n, model in enumerate(["claude-sonnet-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "nobody-knows"]):
            request = UsageRequest(told, f"msg_{n}", "anthropic", model, feature="chat" if n else "title")
            await w.memory.usage(KEY, request)
        await w.store.hold(
            Line("memsvc-x", KEY, NOON, "summary", "anthropic", "claude-haiku-5-5", Usage(5, 5), 4_000_000),
            most_micros=None,
            since=0.0,
        )
        found = await w.memory.spend("default", period="today", by="feature,model")
        assert (found["from"], found["to"]) == ("2026-03-15", "2026-03-15")
        total = found["total"]
        assert (total["calls"], total["unpriced_calls"], total["held_calls"], total["held_usd"]) == (5, 1, 1, 4.0)
        assert total["tokens"] == {"input": 40_005, "output": 405, "cache_read": 36_000, "cache_write": 0}
        rows = {(r["feature"], r["model"]): r for r in found["rows"]}
        assert len(rows) == 5
        sonnet = rows["title", "claude-sonnet-5-5"]
        assert sonnet["cost_usd"] == pytest.approx((1_000 * 2 + 9_000 * 0.1 + 100 * 10) / 1e6, rel=0.1)
        assert sum(r["cost_usd"] for r in rows.values()) == pytest.approx(total["cost_usd"])
        assert found["top_models"][0]["model"] == "claude-haiku-5-5"
        assert found["top_features"][0] == {"feature": "summary", "cost_usd": 4.0}
        by_day = await w.memory.spend("default", period="7d", by="day")
        assert [r["day"] for r in by_day["rows"]] == ["2026-03-15"]
        assert (await w.memory.spend("other", period="today", by="model"))["total"]["calls"] == 0


async def test_nothing_asked_apart_is_one_row() -> None:
    async with world() as w:
        await w.append(*chat(1))
        assert (await w.memory.spend("default", period="today", by=""))["rows"] == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio
    import time

    file = tmp_path / "books.db"

    async def book() -> None:
        store = SQLiteStore(str(file))
        await store.open()
        for n in range(3):
            line = Line(f"r{n}", KEY, time.time(), "chat", "openai", "gpt-5", Usage(1_000, 10, 400), 1_500_000)
            await store.book(line)
        await store.close()

    asyncio.run(book())
    url = f"sqlite:///{file}"
    assert main(["spend", "--store", url]) == 0
    shown = capsys.readouterr().out
    assert "4.5000" in shown
    assert "total" in shown
    assert main(["spend", "--store", url, "--json", "--by", "model"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["model"] == "gpt-5"
    assert main(["spend", "--store", url, "--period", "never"]) == 1
    assert "period" in capsys.readouterr().err
    assert main(["spend", "--store", f"sqlite:///{tmp_path}/none.db"]) == 1
