"""The guard: figures of now against those that are stored. More than 15 % worse is a regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import report
from benchmarks.speed.goals import Goal, Json
from benchmarks.speed.page import number

ALLOWED = 0.15
REPEATS = 2
"""How often a row that looks worse is measured again: the best of its readings counts, since others on the machine can
only make it worse."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One figure.

    Attributes:
        worse: by how much, as a share of the stored one; below 0 is better; None = it could not be judged.
        why: what is wrong with it; empty = nothing.
    """

    name: str
    stored: float | None
    now: float | None
    worse: float | None
    why: str = ""


def judge(name: str, stored: Json | None, now: Json | None, goal: Goal) -> Judged:
    """One figure against its stored one."""
    before = stored.get("value") if stored else None
    after = now.get("value") if now else None
    if after is None:
        why = (now or {}).get("unmeasured", "not measured")
        return Judged(name, before, None, None, f"could not be measured: {why}")
    if before is None:
        return Judged(name, None, after, None, "no stored figure to compare with")
    worse = before / after - 1 if goal.better == "more" else after / before - 1
    why = f"{worse:.0%} worse than stored" if worse > ALLOWED else ""
    return Judged(name, before, after, round(worse, 4), why)


def better(one: Json, other: Json, goal: Goal) -> Json:
    """The better of two readings of the same figure; one that was measured before one that was not."""
    if one.get("value") is None or other.get("value") is None:
        return other if one.get("value") is None else one
    return max(one, other, key=lambda r: float(r["value"]) * (1 if goal.better == "more" else -1))


def check(
    rows: Mapping[str, Sequence[str]],
    measure: Callable[[str], dict[str, Json]],
    stored: Mapping[str, Json],
    goals: Mapping[str, Goal],
) -> list[Judged]:
    """Measure each row (its name, and the figures it gives), again where one looks worse; all of them judged."""
    found: list[Judged] = []
    for row, names in rows.items():
        now: dict[str, Json] = {}
        for _ in range(1 + REPEATS):
            for name, one in measure(row).items():
                now[name] = better(now[name], one, goals[name]) if name in now else one
            judged = [judge(name, stored.get(name), now.get(name), goals[name]) for name in names]
            if not any(j.why and j.stored is not None for j in judged):
                break
        found += judged
    return found


def table(judged: Sequence[Judged]) -> str:
    """A line for each figure."""
    lines = [
        [j.name, _told(j.stored), _told(j.now), "-" if j.worse is None else f"{j.worse:+.0%}", j.why or "well"]
        for j in judged
    ]
    return report.table(("figure", "stored", "now", "worse by", "judged"), lines)


def _told(value: float | None) -> str:
    return "-" if value is None else number(value)
