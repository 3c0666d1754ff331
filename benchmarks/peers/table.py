"""The figures as one table: a row for each thing, a dash where a question makes no sense for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import report

Figures = dict[str, Any]
DASH = "-"
NOTES = """
A turn stores one message and gets what a model is to be sent. Peers hold the whole conversation below their limits
there, so that no model is called: their best case; memsvc has its default limits, and its third row does the same work
as the peers. CPU is that of all processes a thing needs, its store included; of what runs in the caller's process, the
calls alone. `>` = broken off after that time. Lost = acknowledged, but neither in what is sent nor ever shown to a
summarizer whose summary was delivered (of a local summary of memsvc: nor in the range that it stands for). *Taken*
counts messages that were acknowledged while every call of the provider failed; the first of them is past the threshold.

Prefix, cost and facts are of one conversation ({played}), with a threshold of {threshold:,} tokens and {keep:,} kept.
Prefix: the share of each prompt that is, to the letter, the beginning of the next, on average; then across a restart.
Cost: input and summaries at the prices of {model} (summaries: the vendor's cheapest model) with a warm cache, against
sending the whole conversation with the cache. Facts: the share of {kept} the last prompt,
and its size. Peers that summarize with a model got, from the stand-in provider, the same extract of whatever they
showed it ({summary:,} tokens): the figure says what they show and keep, not what a real model would write.
Keeping more is dearer: read both.
"""


def table(figures: Figures) -> str:
    """The table and what its columns mean."""
    sizes = figures["plan"]["sizes"]
    head = [
        "",
        *(f"turn at {n:,} messages, ms (CPU ms)" for n in sizes),
        *(title.format(**figures["plan"]) for title, _ in COLUMNS),
    ]
    rows = []
    for row in figures["rows"]:
        if row.get("skipped"):
            rows.append([row["title"], f"skipped: {row['skipped']}", *[DASH] * (len(head) - 2)])
            continue
        timed = [_time(row.get("speed", {}).get(str(n))) for n in sizes]
        rows.append([row["title"], *timed, *(show(row, figures) for _, show in COLUMNS)])
    return report.table(head, rows) + _notes(figures)


def _notes(figures: Figures) -> str:
    own = "".join(f"\n* {row['title']}: {row['note']}" for row in figures["rows"] if row.get("note"))
    return NOTES.format(**figures["played"]) + (f"{own}\n" if own else "")


def _time(found: Figures | None) -> str:
    if found is None:
        return DASH
    if "failed" in found:
        return failed(found)
    cpu = f" ({_ms(found['cpu_ms'])})" if found["cpu_ms"] is not None else ""
    return _ms(found["p50_ms"]) + cpu


def failed(found: Figures) -> str:
    """What to say of a measure that came to nothing."""
    loading = " to load" if found.get("loading") else ""
    return f"> {found['seconds']:.0f} s{loading}" if found["failed"] == "slow" else f"fails: {found['failed'][:70]}"


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _of(measure: str, text: Callable[[Figures], str]) -> Callable[[Figures, Figures], str]:
    def show(row: Figures, _: Figures) -> str:
        found = row.get(measure)
        if not found:
            return DASH
        return failed(found) if "failed" in found else text(found)

    return show


def _lost(found: Figures) -> str:
    return f"{found['lost']} of {found['acknowledged']}"


def _raced(found: Figures) -> str:
    return _lost(found) + (f"; {found['refused']} refused" if found["refused"] else "")


def _import(found: Figures) -> str:
    return f"{_lost(found)}; {found['seconds']:.1f} s"


def _outage(found: Figures) -> str:
    return f"{found['accepted']} of {found['sent']} taken; {found['lost']} lost"


def _prefix(found: Figures) -> str:
    after = found.get("prefix_after_restart")
    return f"{found['prefix_kept']:.1%}" + (f"; {after:.1%}" if after is not None else "")


def _cost(row: Figures, figures: Figures) -> str:
    found = row.get("play")
    if not found or "failed" in found:
        return DASH
    whole = figures["whole"]["usd"]
    return f"{(found['usd'] + found['summary_usd']) / whole:.2f}"


def _facts(found: Figures) -> str:
    return f"{found['kept']:.0%} in {found['tokens_at_end']:,} tokens"


COLUMNS: tuple[tuple[str, Callable[[Figures, Figures], str]], ...] = (
    ("slowest turn while a summary takes {delay_s:g} s, ms", _of("stall", lambda f: _ms(f["slowest_ms"]))),
    ("lost of appends at once", _of("race", _raced)),
    ("lost of those written during a summary", _of("meanwhile", _raced)),
    ("lost in an import; time to the first prompt", _of("imported", _import)),
    ("while the provider fails", _of("outage", _outage)),
    ("prefix kept; after a restart", _of("play", _prefix)),
    ("cost, whole conversation = 1", _cost),
    ("facts kept", _of("play", _facts)),
)
