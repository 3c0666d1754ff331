"""The table, the chart, and the place of the table in another page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import charts, report
from benchmarks.speed.goals import Goal, Json

HEAD = ("what", "against", "reached", "half of the rounds", "by CPU time", "measured, both", "asked", "aim", "goal")
MARKS = ("<!-- speed -->\n", "<!-- /speed -->\n")
"""Around the tables in README.md."""


def table(figures: Mapping[str, Json], goals: Mapping[str, Goal]) -> str:
    """A line for each figure, also for those that could not be measured."""
    rows = [_line(figures[name], goal) for name, goal in goals.items() if name in figures]
    return report.table(HEAD, rows)


def _line(found: Json, goal: Goal) -> list[Any]:
    value = found["value"]
    asked = [_with_unit(goal.asked, goal), _with_unit(goal.aim, goal)]
    if value is None:
        return [goal.what, goal.against, "not measured", found["unmeasured"], "-", "-", *asked, ""]
    around = f"{number(found['quarter'])} to {number(found['three_quarters'])}" if len(found["rounds"]) > 1 else "-"
    cpu = number(found["cpu_ratio"]) if found.get("cpu_ratio") else "-"
    if found.get("cpu_s"):
        cpu = f"{number(found['cpu_s'])} s"
    return [goal.what, goal.against, _with_unit(value, goal), around, cpu, _both(found), *asked, verdict(value, goal)]


def _both(found: Json) -> str:
    """What the ratio is made of: of the service, and of what it is compared with."""
    ours, others = found.get("memsvc", {}), found.get("compared with", {})
    if "rps" in ours and "rps" in others:
        return f"{number(ours['rps'])} / {number(others['rps'])} a second"
    if "p50_ms" in ours and "p50_ms" in others:
        return f"p50 {number(ours['p50_ms'])} / {number(others['p50_ms'])} ms"
    if "busy_p99_ms" in found:
        return f"p99 {number(found['busy_p99_ms'])} / {number(found['idle_p99_ms'])} ms"
    if "fetch" in found and "append" in found:
        told = (f"{kind} {' / '.join(number(us) for us in found[kind]['cpu_us'])} µs" for kind in ("fetch", "append"))
        return ", ".join(told)
    return "-"


def verdict(value: float, goal: Goal) -> str:
    """`aim`, `reached`, or how much of what was asked."""
    if goal.asked is None:
        return ""
    if goal.reached(value):
        best = goal.aim is not None and (value >= goal.aim if goal.better == "more" else value <= goal.aim)
        return "aim" if best else "reached"
    return f"**short: {int(_share(value, goal) * 1000) / 10:g}% of it**"


def _share(value: float, goal: Goal) -> float:
    """How much of what was asked: 1 is all of it, more is better."""
    asked = goal.asked or 0.0
    part, whole = (value, asked) if goal.better == "more" else (asked, value)
    return part / whole if whole else 1.0


def number(value: float) -> str:
    """To three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2f}"


def _with_unit(value: float | None, goal: Goal) -> str:
    if value is None:
        return "-"
    if not goal.unit:
        return number(value)
    return f"{value:,.0f} {goal.unit}" if value == int(value) else f"{number(value)} {goal.unit}"


def chart(path: Path, figures: Mapping[str, Json], goals: Mapping[str, Goal]) -> bool:
    """How far each figure is from what was asked: 1 is what was asked, more is better. False = not drawn."""
    bars: list[charts.Bar] = []
    for name, goal in goals.items():
        if goal.asked is None or name not in figures:
            continue
        value = figures[name]["value"]
        said = "not measured" if value is None else _with_unit(value, goal)
        bars.append((f"{name.replace('_', ' ')} ({said})", 0.0 if value is None else _share(value, goal), 1.0))
    return charts.bars(path, "Reached, as a share of what was asked", bars, "1 = what was asked; longer is better")


def put_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Replace what stands between the marks. Raises SystemExit where the page has none."""
    before, found, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, ended, after = rest.partition(marks[1])
    if not (found and ended):
        raise SystemExit(f"{page.name} has no place for the table: {marks[0].strip()} ... {marks[1].strip()}")
    page.write_text(f"{before}{found}{text}{ended}{after}", encoding="utf-8")


def when(figures: Mapping[str, Json]) -> str:
    """When the figures were measured: a part of them may be older than the rest."""
    times = sorted({found["measured"] for found in figures.values()})
    return "" if len(times) < 2 else f"Parts of the table were measured from {times[0]} to {times[-1]}.\n"


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
