"""A conversation that needs compacting, and what must be true of the calls in it."""

from __future__ import annotations

import itertools
import json
from typing import Any, Literal

from memsvc.client import Session
from memsvc.testing import prefix_breaks, violations
from memsvc.testing.provider import Provider
from memsvc.wire.replies import HistoryItem

SMALL: dict[str, Any] = {"mode": "threshold", "threshold_tokens": 500, "keep_tokens": 120, "summary_tokens": 150}
FERRY = "Order 4711: the ferry to Vila Nova de Gaia leaves at 09:40 and costs 12.50 EUR. " * 4
TURNS = [
    f"Turn {i}: please use the tool for Porto."
    if i % 2 == 0
    else f"Turn {i}: I was born in {1960 + i}. " + "So be it. " * 20
    for i in range(8)
]
SUMMARY = "<conversation_summary>"


async def settled(session: Session) -> int:
    """The epoch, once no compaction is due any more."""
    return (await session.context(wait_ms=20_000)).epoch


async def log(session: Session) -> list[HistoryItem]:
    """Every row of a log of which nothing was superseded or stored twice, and no summary as a message."""
    rows = [row async for row in session.walk()]
    assert not [row.seq for row in rows if row.superseded]
    said = [json.dumps(row.message) for row in rows]
    assert len(said) == len(set(said))
    assert not [text for text in said if SUMMARY in text]
    return rows


def check(provider: Provider, format: Literal["anthropic", "openai", "responses"], epoch: int) -> list[Any]:
    """Bodies of all calls: each legal, and each begins as the one before but where a new epoch began."""
    calls = [call for call in provider.calls if call.method == "POST"]
    assert {call.status for call in calls} == {200}
    bodies = [call.body for call in calls]
    assert [v for body in bodies for v in violations(body, format, body["model"])] == []
    breaks = [b for before, now in itertools.pairwise(bodies) if (b := prefix_breaks(before, now))]
    assert 2 <= len(breaks) <= epoch, breaks
    assert SUMMARY in json.dumps(bodies[-1])
    longest = max(len(json.dumps(body)) for body in bodies)
    assert longest < 8_000, "a call was as long as the whole conversation"
    return bodies
