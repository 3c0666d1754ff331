"""Budgets: what a tenant may spend in a day or a month, and which levels of it were passed. Days and months in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from msgspec import Struct

from memsvc.core.days import civil
from memsvc.core.money import DAY_S

Period = Literal["day", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)


class Budget(Struct, frozen=True):
    """A limit on what a tenant's calls cost in each day or month.

    Attributes:
        feature: what the calls are for; None = all of them together.
        micros: millionths of a dollar.
    """

    period: Period
    feature: str | None
    micros: int

    @property
    def place(self) -> tuple[Period, str]:
        """Where it is counted: period and feature, "" for all."""
        return self.period, self.feature or ""


class Spending(Struct, frozen=True):
    """What is to be counted.

    Attributes:
        micros: millionths of a dollar; below 0 to take back.
        at: when the call was made (unix seconds): it counts in that day and month.
    """

    tenant: str
    feature: str
    micros: int
    at: float

    @property
    def places(self) -> list[tuple[str, str]]:
        """All places where it counts: (name of the period, feature or "")."""
        return [(name(period, self.at), feature) for period in PERIODS for feature in ("", self.feature)]


class Reached(Struct, frozen=True):
    """How far a budget is used up.

    Attributes:
        used: millionths of a dollar in the present period, with what is held.
        before, peak: the most it ever was in this period, before the count and after it.
    """

    budget: Budget
    used: int
    before: int
    peak: int


class Counted(Struct, frozen=True):
    """What came of a count.

    Attributes:
        refused: the first budget that it would have passed: then nothing was counted, and that budget's peak is
            its limit from now on. None = it was counted.
        reached: of the budgets that were asked about.
    """

    refused: Budget | None
    reached: tuple[Reached, ...]


def name(period: Period, at: float) -> str:
    """A period's name: `2026-11-24`, `2026-11`."""
    year, month, day = civil(int(at // DAY_S))
    return f"{year:04d}-{month:02d}-{day:02d}" if period == "day" else f"{year:04d}-{month:02d}"


def renews_at(period: Period, at: float) -> float:
    """When the next period begins (unix seconds)."""
    day = int(at // DAY_S) + 1
    while period == "month" and civil(day)[2] != 1:
        day += 1
    return float(day * DAY_S)


def in_force(own: Iterable[Budget], defaults: Iterable[Budget]) -> list[Budget]:
    """A tenant's own budgets, and the service's where it has none of that period and feature."""
    return list({b.place: b for b in (*defaults, *own)}.values())


def concerning(budgets: Iterable[Budget], feature: str) -> list[Budget]:
    """Those that a call for `feature` counts in."""
    return [b for b in budgets if b.feature in (None, feature)]


def passed(reached: Reached, levels: Sequence[int]) -> list[int]:
    """Levels, in per cent of the budget, that a count was the first to reach."""
    limit = reached.budget.micros
    return [level for level in levels if reached.before * 100 < level * limit <= reached.peak * 100]
