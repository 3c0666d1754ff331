"""Figures on paper: percentiles, tables, and a stamp that says where and when they were measured."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.serving import ROOT

RESULTS = ROOT / "benchmarks" / "results"
_PACKAGES = ("memsvc", "aiohttp", "uvloop", "orjson", "msgspec", "pydantic", "apsw", "tiktoken", "toktok-rs")


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0..1) of the values lie, nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratio(part: float, whole: float) -> float | None:
    """part / whole to three digits; None where there is no whole."""
    return round(part / whole, 3) if whole else None


def stamp(also: Sequence[str] = ()) -> dict[str, Any]:
    """Machine, processor, Python, packages (and those that are `also` used) and date; nothing that names a person
    or a folder."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "fsync_ms": _fsync_ms(),
        "python": platform.python_version(),
        "packages": {name: v for name in (*_PACKAGES, *also) if (v := _version(name)) is not None},
        "revision": _revision(),
    }


def write(name: str, figures: dict[str, Any], table: str, folder: Path) -> list[Path]:
    """Write `name.json` and `name.md`; the table carries the stamp below it."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    page.write_text(table + "\n" + _signature(figures["stamp"]))
    return [data, page]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; None prints as a dash, numbers to the right."""
    right = [all(not isinstance(r[i], str) for r in rows) for i in range(len(head))]
    rule = ["---:" if r else "---" for r in right]
    lines = [head, rule, *([cell(v) for v in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(value: Any) -> str:
    """One value for a table."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" if value >= 10 else f"{value:.3f}"


def _signature(made: dict[str, Any]) -> str:
    packages = ", ".join(f"{k} {v}" for k, v in made["packages"].items())
    where = f"{made['machine']}, {made['cores']} cores of {made['cpu']}, load {made['load_1min']} before the run"
    disk = f"a 4 KB write with fsync {made['fsync_ms']} ms"
    what = f"Python {made['python']}; {packages}; revision {made['revision']}"
    return f"{made['date']}; {where}; {disk}; {what}.\n"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() if found.returncode == 0 else "unknown"


def _fsync_ms() -> float:
    """Median of 30 durable writes where the servers keep their files: the floor of an append."""
    spent: list[float] = []
    with tempfile.TemporaryFile() as file:
        for _ in range(30):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            spent.append((time.perf_counter() - started) * 1000)
    return round(percentile(spent, 0.5) or 0.0, 3)


class Progress:
    """A bar where `rich` is installed and somebody watches, a line every tenth otherwise."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
            console = importlib.import_module("rich.console").Console(stderr=True)
            self._bar = importlib.import_module("rich.progress").Progress(console=console)
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total)
        return self

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._done == self._total or self._done % max(1, self._total // 10) == 0:
            print(f"{self._what}: {self._done}/{self._total}", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
