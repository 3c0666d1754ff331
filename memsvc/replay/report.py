"""What a replay found, as a table, as JSON, and as a page with a chart."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from memsvc.replay.run import Outcome

_HEAD = ("policy", "calls", "tokens/call", "cache hits", "calls $", "summaries $", "total $", "of full", "compactions")
_WIDTH, _HEIGHT = 720, 320
_COLOURS = ("#888888", "#d08770", "#b48ead", "#5e81ac", "#2e7d32")


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A policy's figures each; `to_full` None where the whole history was not among them."""
    base = next((o.bill.total_usd for o in outcomes if o.policy == "full"), None)
    found = []
    for outcome in outcomes:
        bill = outcome.bill
        found.append(
            {
                "policy": outcome.policy,
                **asdict(bill),
                "total_usd": bill.total_usd,
                "tokens_per_call": bill.tokens / max(1, bill.calls),
                "hit_ratio": bill.read / max(1, bill.tokens),
                "to_full": bill.total_usd / base if base else None,
            }
        )
    return found


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures to read, a line a policy."""
    lines = [_HEAD, *map(_cells, rows(outcomes))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    return "\n".join(
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One sentence: what memsvc saves against the whole history with caching, or costs."""
    found = {row["policy"]: row for row in rows(outcomes)}
    name = next((n for n in ("economic", "threshold") if n in found), None)
    if name is None or found[name]["to_full"] is None:
        return ""
    share = 1 - found[name]["to_full"]
    now, then = found["full"]["total_usd"], found[name]["total_usd"]
    if abs(share) < 0.005:
        return f"With memsvc ({name}) these conversations cost the same: ${then:.4f}. They are too short to compact."
    what = f"{share:.0%} less" if share > 0 else f"{-share:.0%} MORE: it does not pay here"
    return f"With memsvc ({name}) these conversations cost ${then:.4f} instead of ${now:.4f}: {what}."


def page(outcomes: Sequence[Outcome], title: str) -> str:
    """A page with the table and a chart of the longest conversation's cost; no script, nothing fetched."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in rows(outcomes)
    )
    return (
        f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title>'
        "<style>body{font:15px system-ui;margin:2em;max-width:60em}td,th{padding:.2em .8em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(verdict(outcomes))}</p>"
        f"<table><tr>{head}</tr>{body}</table>"
        "<h2>Dollars so far, call by call, in the longest conversation</h2>"
        f"{_chart(outcomes)}"
        "<p>Input side and summaries, at list prices; what the model answers costs the same in every row.</p>\n"
    )


def _chart(outcomes: Sequence[Outcome]) -> str:
    most = max((o.course[-1] for o in outcomes if o.course), default=0.0) or 1.0
    lines = []
    for n, outcome in enumerate(outcomes):
        last = max(1, len(outcome.course) - 1)
        points = " ".join(
            f"{40 + i / last * (_WIDTH - 160):.1f},{_HEIGHT - 20 - usd / most * (_HEIGHT - 40):.1f}"
            for i, usd in enumerate(outcome.course)
        )
        colour = _COLOURS[n % len(_COLOURS)]
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        lines.append(f'<text x="{_WIDTH - 110}" y="{24 + n * 18}" fill="{colour}">{html.escape(outcome.policy)}</text>')
    axis = f'<text x="0" y="20">${most:.2f}</text><text x="0" y="{_HEIGHT - 8}">$0</text>'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="cost by call">{axis}{"".join(lines)}</svg>'


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["policy"],
        f"{row['calls']:,}",
        f"{row['tokens_per_call']:,.0f}",
        f"{row['hit_ratio']:.1%}",
        f"{row['usd']:.4f}",
        f"{row['summary_usd']:.4f}",
        f"{row['total_usd']:.4f}",
        "" if row["to_full"] is None else f"{row['to_full']:.3f}",
        f"{row['compactions']:,}",
    )
