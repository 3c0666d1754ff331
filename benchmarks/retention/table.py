"""Records as figures and as two tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import report
from benchmarks.retention.jobs import OURS, Record

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a measure, the value of it that counts, and what is asked of it.

    Attributes:
        at: compactions or rounds that the best baseline is compared at.
        count: sums are told, not shares; less is better.
        missing: what to install where it could not be measured.
    """

    title: str
    measure: str
    value: str
    reach: str
    aim: str
    at: int = 1
    count: bool = False
    missing: str = ""


_DATA = "the set is not in the folder"
_SUITE = "install requirements-fidelity.txt"
ROWS = (
    Row("LoCoMo, answer found by BM25, 10 %", "locomo 10%", "bm25@5", "30", "36", missing=_DATA),
    Row("the same at 20 %", "locomo 20%", "bm25@5", "44", "50", missing=_DATA),
    Row("the same at 30 %", "locomo 30%", "bm25@5", "56", "62", missing=_DATA),
    Row("LoCoMo, answer in a window, 20 %", "locomo 20%", "ans_win", "60", "66", missing=_DATA),
    Row("bfcl_memory, answer found by BM25, 20 %", "bfcl_memory 20%", "bm25@5", "55", "65", missing=_DATA),
    Row("CrossWOZ (Chinese), fact in a window, 20 %", "crosswoz 20%", "ans_win", "68", "75", missing=_DATA),
    Row("COMPINT constraints, 20,000 tokens, 20 %", "constraints 20000", "kept", "97", "100", missing=_SUITE),
    Row("the same, 100,000 tokens, 10 %", "constraints 100000", "kept", "95", "100", missing=_SUITE),
    Row("conformance kit, rounds fed back, 20 %", "kit fed back", "survived", "65", "80", 3, missing=_SUITE),
    Row("old values of changed facts in it", "kit fed back", "stale", "2", "0", 3, True, _SUITE),
    Row("conformance kit, one session, 20 %", "kit epochs", "survived", "65", "80", 3, missing=_SUITE),
    Row("old values of changed facts in it", "kit epochs", "stale", "2", "0", 3, True, _SUITE),
    Row("agents' later references, to the letter", "agent", "exact", "60", "80", missing=_DATA),
    Row("the same, by name", "agent", "by name", "75", "90", missing=_DATA),
)


class Figures:
    """All records of a run, to be asked for means."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.methods = list(dict.fromkeys(r.method for r in records if r.method != OURS))
        self.epochs = sorted({r.epochs for r in records})

    def of(self, measure: str, method: str, epochs: int) -> list[Record]:
        """The records of one cell."""
        wanted = (measure, method, epochs)
        return [r for r in self._records if (r.measure, r.method, r.epochs) == wanted]

    def value(self, row: Row, method: str, epochs: int) -> float | None:
        """The mean in per cent, or the sum; None = not measured."""
        pooled = [v for r in self.of(row.measure, method, epochs) for v in r.values.get(row.value, ())]
        if not pooled:
            return None
        return sum(pooled) if row.count else 100 * sum(pooled) / len(pooled)

    def best(self, row: Row) -> tuple[float, str] | None:
        """The best baseline."""
        found = [(v, m) for m in self.methods if (v := self.value(row, m, row.at)) is not None]
        return (min(found) if row.count else max(found)) if found else None

    def spent(self, measure: str, method: str = OURS) -> Json:
        """How sizes compare with what was allowed, over all ways of playing."""
        found = [r for r in self._records if (r.measure, r.method) == (measure, method) and r.ratio]
        if not found:
            return {}
        first = [r for r in found if r.epochs == 1]
        return {
            "largest_used": round(max(r.used for r in found), 4),
            "mean_used": {e: _mean(r.used for r in found if r.epochs == e) for e in self.epochs},
            "mean_ratio": _mean(r.ratio for r in first),
            "over_budget": sum(r.over for r in found),
            "refused": sorted({why for r in found for why in r.refused}),
            "compactions_that_changed_nothing": sum(len(r.refused) for r in found),
        }

    def held(self, row: Row) -> float | None:
        """What is left of the first figure after the most compactions."""
        last, first = self.value(row, OURS, self.epochs[-1]), self.value(row, OURS, self.epochs[0])
        return None if last is None or not first else last / first


def summary(figures: Figures) -> str:
    """The table for readers: the best baseline, the service after each number of compactions, and what is asked."""
    head = ["measure, %", "best of the others", *_after(figures.epochs), "last / first", "budget used", "goal", "aim"]
    lines = []
    for row in ROWS:
        best, ours = figures.best(row), [figures.value(row, OURS, e) for e in figures.epochs]
        if best is None or all(v is None for v in ours):
            lines.append([row.title, f"not measured: {row.missing}", *["-"] * (len(head) - 2)])
            continue
        held = None if row.count else figures.held(row)
        used = figures.spent(row.measure).get("mean_used", {}).get(figures.epochs[0])
        asked = [f"at most {row.reach}" if row.count else row.reach, row.aim]
        shares = ["-" if held is None else f"{held:.2f}", "-" if used is None else f"{used:.0%}"]
        told = _number(row, best[0])
        of = f" of {len(_pooled(figures, row))}" if row.count else ""
        lines.append([row.title, f"{told} ({best[1]}){of}", *(_number(row, v) for v in ours), *shares, *asked])
    return report.table(head, lines)


def every(figures: Figures) -> str:
    """The table of all methods."""
    names = [*figures.methods, OURS]
    lines = []
    for row in ROWS:
        for epochs in figures.epochs:
            found = [figures.value(row, name, epochs) for name in names]
            if any(v is not None for v in found):
                lines.append([row.title, str(epochs), *(_number(row, v) for v in found)])
    return report.table(["measure, %", "compactions", *names], lines)


def body(figures: Figures) -> list[Json]:
    """The same as data."""
    names = [*figures.methods, OURS]
    return [
        {
            "measure": row.title,
            "value": f"{row.measure}: {row.value}",
            "values": len(_pooled(figures, row)),
            "asked": row.reach,
            "aim": row.aim,
            "by_method": {n: {e: _round(figures.value(row, n, e)) for e in figures.epochs} for n in names},
            "last_to_first": _round(figures.held(row)),
            "sizes": figures.spent(row.measure),
        }
        for row in ROWS
    ]


def _pooled(figures: Figures, row: Row) -> list[float]:
    found = figures.of(row.measure, OURS, row.at)
    return [v for r in found for v in r.values.get(row.value, ())]


def _after(epochs: Sequence[int]) -> list[str]:
    return [f"memsvc, {e} compaction{'s' if e > 1 else ''}" for e in epochs]


def _number(row: Row, value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if row.count else f"{value:.1f}"


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
