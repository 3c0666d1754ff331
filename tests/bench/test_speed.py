"""The speed benchmark: what it makes of figures, how its guard judges them, and that it can measure at all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.speed import filled, guard, page
from benchmarks.speed.__main__ import main, measured
from benchmarks.speed.goals import QUICK, Goal, Json, reading, unmeasured
from benchmarks.speed.rows import GOALS, ROWS
from benchmarks.speed.sides import in_turn
from benchmarks.speed.turns import Spent, compared
from benchmarks.speed.valkey import Missing
from memsvc.core.model import Key
from memsvc.ports import Store
from memsvc.stores import open_store

MORE = Goal("rate", "bare", "more", 0.7, 0.9)
LESS = Goal("time", "idle", "less", 2.0, 1.3, "s")
BOTH = {"rate": MORE, "time": LESS}


def value(number: float | None) -> Json:
    return {"value": number}


def test_every_figure_of_a_row_has_a_goal_and_a_place_in_the_table() -> None:
    named = [name for _, names in ROWS.values() for name in names]
    assert sorted(named) == sorted(GOALS)


def test_a_reading_is_the_median_and_what_lies_around_it() -> None:
    found = reading([1.0, 9.0, 2.0, 3.0, 4.0, 5.0, 6.0], bytes=16)
    assert (found["value"], found["quarter"], found["three_quarters"]) == (4.0, 2.0, 6.0)
    assert found["bytes"] == 16


@pytest.mark.parametrize(
    ("number", "goal", "said"),
    [
        (0.9, MORE, "aim"),
        (0.7, MORE, "reached"),
        (0.35, MORE, "**short: 50% of it**"),
        (1.2, LESS, "aim"),
        (2.0, LESS, "reached"),
        (3.0, LESS, "**short: 66.6% of it**"),
        (3.0, Goal("told", "nothing", "less"), ""),
    ],
)
def test_what_falls_short_says_so(number: float, goal: Goal, said: str) -> None:
    assert page.verdict(number, goal) == said


def test_the_chart_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, float, float | None]] = []
    monkeypatch.setattr(page.charts, "bars", lambda path, title, bars, label: drawn.extend(bars) or True)
    assert page.chart(tmp_path / "x.svg", {"rate": value(0.0), "time": unmeasured("no clock")}, BOTH)
    assert drawn == [("rate (0.00)", 0.0, 1.0), ("time (not measured)", 0.0, 1.0)]


def test_a_row_that_was_not_measured_stands_in_the_table_too() -> None:
    text = page.table({"rate": unmeasured("no Valkey"), "time": reading([1.0, 1.0])}, BOTH)
    assert "| rate | bare | not measured | no Valkey |" in text
    assert "| time | idle | 1 s | 1.00 to 1.00 | - | - | 2 s | 1.30 s | aim |" in text


@pytest.mark.parametrize(
    ("name", "stored", "now", "why"),
    [
        ("rate", 1.0, 0.9, ""),
        ("rate", 1.0, 5.0, ""),
        ("rate", 1.0, 0.8, "25% worse than stored"),
        ("time", 1.0, 1.14, ""),
        ("time", 1.0, 0.1, ""),
        ("time", 1.0, 1.2, "20% worse than stored"),
        ("time", 1.0, None, "could not be measured: not measured"),
        ("time", None, 1.0, "no stored figure to compare with"),
    ],
)
def test_the_guard_judges_a_figure(name: str, stored: float | None, now: float | None, why: str) -> None:
    before = None if stored is None else value(stored)
    assert [j.why for j in guard.judge(name, before, value(now), BOTH[name])] == [why]


def test_the_guard_judges_the_time_of_the_processor_too() -> None:
    before, now = reading([1.0], cpu_ratio=0.8), reading([1.0], cpu_ratio=0.4)
    judged = guard.judge("rate", before, now, MORE)
    assert [(j.name, j.why) for j in judged] == [("rate", ""), ("rate, by CPU time", "100% worse than stored")]
    assert guard.better(now, reading([0.1], cpu_ratio=0.7), MORE)["value"] == 1.0
    assert guard.better(now, reading([0.1], cpu_ratio=0.7), MORE)["cpu_ratio"] == 0.7


def test_what_looks_worse_is_measured_again_and_the_best_counts() -> None:
    readings = iter([value(0.5), unmeasured("busy"), value(0.95), value(0.1)])
    judged = guard.check({"row": ["rate"]}, lambda row: {"rate": next(readings)}, {"rate": value(1.0)}, BOTH)
    assert [(j.now, j.why) for j in judged] == [(0.95, "")]


def test_what_stays_worse_fails_after_two_repeats() -> None:
    asked: list[str] = []

    def measure(row: str) -> dict[str, Json]:
        asked.append(row)
        return {"time": value(2.0)}

    judged = guard.check({"row": ["time"]}, measure, {"time": value(1.0)}, BOTH)
    assert len(asked) == 3
    assert [(j.worse, j.why) for j in judged] == [(1.0, "100% worse than stored")]
    assert "| time | 1.00 | 2.00 | +100% | 100% worse than stored |" in guard.table(judged)


def test_the_check_fails_where_a_row_is_worse_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--only", "fetch", "--out", str(tmp_path)]) == 1  # nothing is stored
    (tmp_path / "speed.json").write_text(json.dumps({"figures": {"fetch": value(0.8)}}))
    for now, code in ((value(0.75), 0), (value(0.6), 1), (unmeasured("no core"), 1)):
        monkeypatch.setitem(ROWS, "fetch", (lambda plan, now=now: {"fetch": now}, ("fetch",)))  # type: ignore[misc]
        assert main(["--check", "--only", "fetch", "--out", str(tmp_path)]) == code
    assert "could not be measured: no core" in capsys.readouterr().out


def test_a_part_of_the_rows_leaves_the_stored_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n")
    (tmp_path / "speed.json").write_text(json.dumps({"figures": {"append": reading([0.6], measured="2026-01-01")}}))
    (tmp_path / "peers.md").write_text("| peers |\n")
    monkeypatch.setitem(ROWS, "fetch", (lambda plan: {"fetch": reading([0.8])}, ("fetch",)))
    assert main(["--only", "fetch", "--out", str(tmp_path), "--readme", str(readme)]) == 0
    figures = json.loads((tmp_path / "speed.json").read_text())["figures"]
    assert (figures["fetch"]["value"], figures["append"]["value"]) == (0.8, 0.6)
    text = readme.read_text()
    assert text.startswith("before\n<!-- speed -->\n| what |")
    assert "| peers |" in text
    assert "old" not in text
    assert "measured from 2026-01-01 to" in text


def test_a_row_that_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(plan: object) -> dict[str, Json]:
        raise Missing("no Valkey")

    def broken(plan: object) -> dict[str, Json]:
        raise RuntimeError("refused")

    monkeypatch.setitem(ROWS, "fetch", (missing, ("fetch",)))
    assert measured("fetch", QUICK)["fetch"] == unmeasured("no Valkey")
    monkeypatch.setitem(ROWS, "fetch", (broken, ("fetch",)))
    assert measured("fetch", QUICK)["fetch"]["fault"]


def test_times_are_compared_round_by_round() -> None:
    rounds = [
        ({"fetch": Spent([2.0, 2.0], [20.0], 9)}, {"fetch": Spent([1.0], [10.0], 9)}),
        ({"fetch": Spent([3.0], [40.0], 9)}, {"fetch": Spent([3.0], [10.0], 9)}),
        ({"fetch": Spent([9.0], [10.0], 9)}, {"fetch": Spent([3.0], [10.0], 9)}),
    ]
    found = compared(rounds, ["fetch"])["fetch"]
    assert (found["rounds"], found["value"], found["cpu_ratio"]) == ([2.0, 1.0, 3.0], 2.0, 2.0)
    assert found["memsvc"]["bytes"] == 9


def test_who_goes_first_changes_from_round_to_round() -> None:
    said: list[str] = []
    in_turn(3, lambda: said.append("ours"), lambda: said.append("theirs"))
    assert said == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


async def test_a_long_session_is_filled_as_it_would_have_grown() -> None:
    async with memory_store() as store:
        await filled.messages(store, 2_050)
        window = await store.load(Key("default", filled.LONG))
    assert window.session.messages == window.session.last_seq == 2_050
    assert (window.session.epoch, window.session.cut, len(window.entries)) == (3, 2_040, 10)


async def test_a_full_store_has_so_many_sessions() -> None:
    async with memory_store() as store:
        await filled.sessions(store, 300)
        window = await store.load(Key("default", filled.session(299)))
        assert await store.session_count("default") == 300
    assert window.session.messages == 2


def test_a_filled_store_is_made_once_and_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSVC_BENCH_CACHE", str(tmp_path / "cache"))
    made: list[int] = []

    async def fill(store: object, many: int) -> None:
        made.append(many)

    for _ in range(2):
        with filled.copy_of("nothing", fill, 5, tmp_path) as url:
            assert Path(url.removeprefix("sqlite:///")).is_file()
        assert not Path(url.removeprefix("sqlite:///")).exists()
    assert made == [5]


@asynccontextmanager
async def memory_store() -> AsyncIterator[Store]:
    """A store of nothing."""
    store = open_store("sqlite://:memory:")
    await store.open()
    yield store
    await store.close()
