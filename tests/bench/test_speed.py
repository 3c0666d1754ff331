"""The speed benchmark: what it makes of figures, how its guard judges them, and that it can measure at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speed import guard, page
from benchmarks.speed.__main__ import main, measured
from benchmarks.speed.goals import QUICK, Goal, Json, reading, unmeasured
from benchmarks.speed.rows import GOALS, ROWS
from benchmarks.speed.valkey import Missing

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
        (0.35, MORE, "**short by 100%**"),
        (1.2, LESS, "aim"),
        (2.0, LESS, "reached"),
        (3.0, LESS, "**short by 50%**"),
        (3.0, Goal("told", "nothing", "less"), ""),
    ],
)
def test_what_falls_short_says_so(number: float, goal: Goal, said: str) -> None:
    assert page.verdict(number, goal) == said


def test_a_row_that_was_not_measured_stands_in_the_table_too() -> None:
    text = page.table({"rate": unmeasured("no Valkey"), "time": reading([1.0])}, BOTH)
    assert "| rate | bare | not measured | no Valkey |" in text
    assert "| time | idle | 1.00 s | 1.00 to 1.00 | - | 2.00 s | 1.30 s | aim |" in text


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
    assert guard.judge(name, before, value(now), BOTH[name]).why == why


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
    (tmp_path / "speed.json").write_text(json.dumps({"figures": {"append": reading([0.6])}}))
    (tmp_path / "peers.md").write_text("| peers |\n")
    monkeypatch.setitem(ROWS, "fetch", (lambda plan: {"fetch": reading([0.8])}, ("fetch",)))
    assert main(["--only", "fetch", "--out", str(tmp_path), "--readme", str(readme)]) == 0
    figures = json.loads((tmp_path / "speed.json").read_text())["figures"]
    assert (figures["fetch"]["value"], figures["append"]["value"]) == (0.8, 0.6)
    text = readme.read_text()
    assert text.startswith("before\n<!-- speed -->\n| what |")
    assert "| peers |" in text
    assert "old" not in text


def test_a_row_that_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(plan: object) -> dict[str, Json]:
        raise Missing("no Valkey")

    def broken(plan: object) -> dict[str, Json]:
        raise RuntimeError("refused")

    monkeypatch.setitem(ROWS, "fetch", (missing, ("fetch",)))
    assert measured("fetch", QUICK)["fetch"] == unmeasured("no Valkey")
    monkeypatch.setitem(ROWS, "fetch", (broken, ("fetch",)))
    assert measured("fetch", QUICK)["fetch"]["fault"]
