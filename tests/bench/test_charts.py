"""Charts: the same bytes for the same figures, text that stays text; without the library a line that says so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import charts

drawn = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
BARS = [("fetch", 0.8, 0.7), ("append", 0.4, None)]


@drawn
def test_a_chart_is_the_same_each_time_and_its_text_is_text(tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    for path in (one, two):
        assert charts.lines(path, "Growth", {"p50": [(1, 2), (10, 3)], "p99": [(1, 4)]}, "messages", "ms", log_x=True)
    assert one.read_bytes() == two.read_bytes()
    texts = {e.text for e in ElementTree.parse(one).iter() if e.tag.endswith("}text")}
    assert {"Growth", "messages", "ms", "p50", "p99"} <= texts


@drawn
def test_bars_show_what_was_asked(tmp_path: Path) -> None:
    assert charts.bars(tmp_path / "bars.svg", "Ratios", BARS, "ratio")
    texts = {e.text for e in ElementTree.parse(tmp_path / "bars.svg").iter() if e.tag.endswith("}text")}
    assert {"fetch", "append", "0.8", "asked"} <= texts


def test_without_the_library_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda name: None)
    assert not charts.bars(tmp_path / "none.svg", "Ratios", BARS, "ratio")
    assert not (tmp_path / "none.svg").exists()
    assert "none.svg is not drawn" in capsys.readouterr().err
