"""What is asked of each figure, and how one is written down."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do; `QUICK` only shows that everything runs.

    Attributes:
        rounds: pairs of measurements of which the median ratio counts.
        seconds: of one measurement under load.
        turns: calls of one measurement over a single connection.
        deep: messages of the session that stands for a long one.
        many: messages of the longest session, and sessions of the fullest store.
    """

    rounds: int = 7
    seconds: float = 2.0
    turns: int = 16
    turn_rounds: int = 15
    deep: int = 10_000
    many: int = 1_000_000
    compactions: int = 50
    starts: int = 5
    sessions: int = 10_000


QUICK = Plan(rounds=2, seconds=0.5, turns=4, turn_rounds=3, deep=300, many=2_000, compactions=3, starts=2, sessions=200)


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Attributes:
        better: which way is better.
        unit: of the value; empty for a ratio.
        asked, aim: to reach at least, and what is hoped for; None = told without a goal.
    """

    what: str
    against: str
    better: Literal["more", "less"]
    asked: float | None = None
    aim: float | None = None
    unit: str = ""

    def reached(self, value: float) -> bool | None:
        """Whether the value is what was asked; None where nothing was."""
        if self.asked is None:
            return None
        return value >= self.asked if self.better == "more" else value <= self.asked


def reading(values: Sequence[float], **also: Any) -> Json:
    """The median of the rounds' values, what lies around it, and what else is told of them."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    digits = {"value": statistics.median(ordered), "quarter": low, "three_quarters": high}
    return {name: round(v, 4) for name, v in digits.items()} | {"rounds": [round(v, 4) for v in values]} | also


def unmeasured(why: str) -> Json:
    """Instead of a reading."""
    return {"value": None, "unmeasured": why}
