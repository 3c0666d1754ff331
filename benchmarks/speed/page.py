"""The table, the chart, and the place of the table in another page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import charts, report
from benchmarks.speed.goals import Goal, Json

HEAD = ("what", "against", "reached", "half of the rounds", "by CPU time", "asked", "aim", "")
MARKS = ("<!-- speed -->\n", "<!-- /speed -->\n")
"""Around the tables in README.md."""


def table(figures: Mapping[str, Json], goals: Mapping[str, Goal]) -> str:
    """A line for each figure, also for those that could not be measured."""
    rows = [_line(figures[name], goal) for name, goal in goals.items() if name in figures]
    return report.table(HEAD, rows)


def _line(found: Json, goal: Goal) -> list[Any]:
    value, by_cpu = found["value"], found.get("cpu_ratio")
    asked = [_with_unit(goal.asked, goal), _with_unit(goal.aim, goal)]
    if value is None:
        return [goal.what, goal.against, "not measured", found["unmeasured"], "-", *asked, ""]
    around = f"{number(found['quarter'])} to {number(found['three_quarters'])}" if "quarter" in found else "-"
    cpu = "-" if by_cpu is None else number(by_cpu)
    return [goal.what, goal.against, _with_unit(value, goal), around, cpu, *asked, verdict(value, goal)]


def verdict(value: float, goal: Goal) -> str:
    """`aim`, `reached`, or by how much it falls short."""
    if goal.asked is None:
        return ""
    if goal.reached(value):
        best = goal.aim is not None and (value >= goal.aim if goal.better == "more" else value <= goal.aim)
        return "aim" if best else "reached"
    away = goal.asked / value if goal.better == "more" else value / goal.asked
    return f"**short by {away - 1:.0%}**"


def number(value: float) -> str:
    """To three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2f}"


def _with_unit(value: float | None, goal: Goal) -> str:
    if value is None:
        return "-"
    return f"{number(value)} {goal.unit}" if goal.unit else number(value)


def chart(path: Path, figures: Mapping[str, Json], goals: Mapping[str, Goal]) -> bool:
    """How far each figure is from what was asked: 1 is what was asked, more is better. False = not drawn."""
    bars: list[charts.Bar] = []
    for name, goal in goals.items():
        value = figures.get(name, {}).get("value")
        if value and goal.asked:
            share = value / goal.asked if goal.better == "more" else goal.asked / value
            bars.append((f"{name.replace('_', ' ')} ({_with_unit(value, goal)})", share, 1.0))
    return charts.bars(path, "Reached, as a share of what was asked", bars, "1 = what was asked; longer is better")


def put_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Replace what stands between the marks. Raises SystemExit where the page has none."""
    before, found, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, ended, after = rest.partition(marks[1])
    if not (found and ended):
        raise SystemExit(f"{page.name} has no place for the table: {marks[0].strip()} ... {marks[1].strip()}")
    page.write_text(f"{before}{found}{text}{ended}{after}", encoding="utf-8")


def block(text: str, stamp: Json, results: Path) -> str:
    """What stands between the marks: the table, where it was measured, and the peers' where there is one."""
    packages = stamp["packages"]
    made = f"{stamp['date']}, {stamp['cores']} cores of {stamp['cpu']}, Python {stamp['python']}"
    libraries = ", ".join(
        f"{name} {packages[name]}" for name in ("aiohttp", "uvloop", "redis", "apsw") if name in packages
    )
    peers = results / "peers.md"
    beside = f"\n{peers.read_text(encoding='utf-8').strip()}\n" if peers.is_file() else ""
    return f"{text}\n{made}; {libraries}; revision {stamp['revision']}.\n{beside}"
