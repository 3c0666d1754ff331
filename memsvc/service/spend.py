"""What a tenant has spent: the books, rolled up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from memsvc.core.money import DAY_S, Spent
from memsvc.errors import InvalidRequest
from memsvc.ports import Ledger

By = Literal["day", "feature", "model"]
BYS: tuple[By, ...] = ("day", "feature", "model")
MOST_DAYS = 366
TOP = 5
_EPOCH = date(1970, 1, 1)
_LAST = re.compile(r"([0-9]{1,3})d")


def days_of(period: str, now: float) -> tuple[int, int]:
    """First day and the day after the last one (days since 1970, UTC) of `today`, `30d` (today is one of them),
    `2026-11` or `2026-11-24`. Raises InvalidRequest."""
    today = int(now // DAY_S)
    if period == "today":
        return today, today + 1
    if (last := _LAST.fullmatch(period)) and 0 < int(last[1]) <= MOST_DAYS:
        return today + 1 - int(last[1]), today + 1
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}", period):
            first = date.fromisoformat(period + "-01")
            return _day(first), _day((first + timedelta(days=31)).replace(day=1))
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", period):
            return _day(date.fromisoformat(period)), _day(date.fromisoformat(period)) + 1
    except (ValueError, OverflowError):
        pass  # no such day
    raise InvalidRequest(
        f"`period` must be `today`, `7d` (up to {MOST_DAYS}d), a month such as 2026-11, or a day such as 2026-11-24",
        field="period",
    )


def parts_of(by: str) -> tuple[By, ...]:
    """What to tell apart: of day, feature and model, with commas between them. Raises InvalidRequest."""
    given = by.split(",") if by else []
    if set(given) - set(BYS):
        raise InvalidRequest("`by` must be one or more of day, feature and model, with commas between them", field="by")
    return tuple(one for one in BYS if one in given)


async def spend(ledger: Ledger, tenant: str, *, period: str, by: str, now: float) -> dict[str, Any]:
    """The document of a report. Raises InvalidRequest."""
    since, until = days_of(period, now)
    parts = parts_of(by)
    found = await ledger.spent(tenant, since=since, until=until)
    return {
        "from": day_name(since),
        "to": day_name(until - 1),
        "by": list(parts),
        "total": figures_of(found),
        "rows": [{**_named(place, parts), **figures_of(lines)} for place, lines in grouped(found, parts)],
        "top_models": _top(found, "model"),
        "top_features": _top(found, "feature"),
    }


def grouped(found: Iterable[Spent], parts: Sequence[By]) -> list[tuple[tuple[Any, ...], list[Spent]]]:
    """Lines with what tells them apart, in its order; a model is (provider, model)."""
    groups: dict[tuple[Any, ...], list[Spent]] = {}
    for one in found:
        groups.setdefault(tuple(_part(one, part) for part in parts), []).append(one)
    return sorted(groups.items())


def _part(one: Spent, part: By) -> Any:
    return (one.provider, one.model) if part == "model" else getattr(one, part)


def _named(place: tuple[Any, ...], parts: Sequence[By]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for part, value in zip(parts, place, strict=True):
        if part == "model":
            named |= {"provider": value[0], "model": value[1]}
        else:
            named[part] = day_name(value) if part == "day" else value
    return named


def figures_of(lines: Sequence[Spent]) -> dict[str, Any]:
    """What lines come to, as documents say it."""

    def total(read: Any) -> int:
        return sum(read(one) or 0 for one in lines)

    return {
        "calls": total(lambda one: one.calls),
        "tokens": {
            "input": total(lambda one: one.usage.input),
            "output": total(lambda one: one.usage.output),
            "cache_read": total(lambda one: one.usage.cache_read),
            "cache_write": total(lambda one: one.usage.cache_write),
        },
        "cost_usd": total(lambda one: one.micros) / 1e6,
        "held_usd": total(lambda one: one.held_micros) / 1e6,
        "held_calls": total(lambda one: one.held),
        "unpriced_calls": total(lambda one: one.unpriced),
    }


def _top(found: Sequence[Spent], part: By) -> list[dict[str, Any]]:
    each = grouped(found, (part,))
    rows = [{**_named(place, (part,)), "cost_usd": figures_of(lines)["cost_usd"]} for place, lines in each]
    return sorted(rows, key=lambda row: -row["cost_usd"])[:TOP]


def _day(day: date) -> int:
    return (day - _EPOCH).days


def day_name(day: int) -> str:
    """`2026-11-24`."""
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
