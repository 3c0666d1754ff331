"""What operators are given (docs/metrics.md, dashboards, alerts) speaks of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from source import ROOT

from memsvc.metrics import ROWS, Metrics, Row, page

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
TESTS = (DEPLOY / "prometheus" / "alerts_test.yml", DEPLOY / "prometheus" / "alerts_day_test.yml")
DASHBOARD = DEPLOY / "grafana" / "memsvc.json"
NAME = re.compile(r"\b(?:memsvc|process)_[a-z_]+")
SELECTED = re.compile(r"\b((?:memsvc|process)_[a-z_]+)\{([^}]*)\}")
SAMPLES: dict[str, Row] = {sample: row for row in ROWS for sample in row.samples}
OF_SCRAPES = {"job", "instance", "le"}
"""Labels that Prometheus itself sets, and that of buckets."""


def expressions() -> Iterator[tuple[str, str]]:
    """(where it stands, query) of every query."""
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']!r}", target["expr"]
    for test in cases_of_alerts():
        for series in test["input_series"]:
            yield f"test {test['name']!r}", series["series"]


def cases_of_alerts() -> list[dict[str, Any]]:
    return [test for file in TESTS for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]]


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_registry_is_the_table() -> None:
    kinds = {(m.name, m.type) for m in Metrics().registry.collect()}
    assert kinds == {(row.name.removesuffix("_total"), row.kind) for row in ROWS if not row.live}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_names_follow_the_conventions(row: Row) -> None:
    assert row.name.startswith("process_") or re.fullmatch(r"memsvc_[a-z]+(_[a-z]+)*", row.name)
    assert row.name.endswith("_total") == (row.kind == "counter")
    assert bool(row.buckets) == (row.kind == "histogram") == (row.kind != "counter" and row.name in TIMED)
    assert row.help.endswith(".")
    assert not {"session", "tenant"} & set(row.labels) or (row.live and "session" not in row.labels)


TIMED = {"memsvc_request_seconds", "memsvc_summary_seconds"}


def test_queries_name_metrics_and_labels_that_there_are() -> None:
    found = list(expressions())
    assert len(found) > 60
    for where, query in found:
        names = set(NAME.findall(query))
        assert names or query.startswith("up{"), where
        assert names <= set(SAMPLES), f"{where}: there is no {sorted(names - set(SAMPLES))}"
        for name, selector in SELECTED.findall(query):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            assert labels <= set(SAMPLES[name].labels) | OF_SCRAPES, f"{where}: {name} has no such label"
        grouped = {x for g in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", query) for x in re.findall(r"\w+", g)}
        known = {label for name in names for label in SAMPLES[name].labels}
        assert grouped <= known | OF_SCRAPES, f"{where}: nothing has the labels {sorted(grouped - known)}"


def test_legends_name_labels_that_are_left() -> None:
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            left = {x for g in re.findall(r"\bby\s*\(([^)]*)\)", target["expr"]) for x in re.findall(r"\w+", g)}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= left, panel["title"]


def test_the_dashboard_shows_what_matters_and_no_panel_lies_on_another() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    used = {name for p in panels for t in p.get("targets", ()) for name in NAME.findall(t["expr"])}
    shown = {SAMPLES[name].name for name in used}
    hidden = {row.name for row in ROWS} - shown
    assert hidden <= HIDDEN, f"no panel shows {sorted(hidden - HIDDEN)}"
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


HIDDEN = {
    *("memsvc_build_info", "memsvc_calls_booked_total", "memsvc_budget_tenants_left_out"),
    *("process_virtual_memory_bytes", "process_max_fds", "process_start_time_seconds"),
}


def test_every_alert_is_tested_and_explained() -> None:
    rules: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    named = {rule["alert"] for rule in rules}
    fired = {t["alertname"] for test in cases_of_alerts() for t in test["alert_rule_test"] if t["exp_alerts"]}
    assert fired == named
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize("command", [("check", "rules", ALERTS), ("test", "rules", *TESTS)], ids=["check", "test"])
def test_prometheus_itself_takes_the_alerts(command: tuple[str | Path, ...]) -> None:
    done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
