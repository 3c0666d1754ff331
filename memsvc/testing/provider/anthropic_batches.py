"""The Message Batches API."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from memsvc.testing.provider import anthropic_shape
from memsvc.testing.provider.batches import WINDOW_S, Batch, Result, State
from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.outcome import Fault

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_ITEMS = 100_000


def refused(body: Any) -> Fault | None:
    """Why a batch is not even made. What is wrong with an item's params shows in its result."""
    requests = body.get("requests") if isinstance(body, Mapping) else None
    if not isinstance(requests, list):
        return Fault("invalid", "requests: Field required")
    if not requests or len(requests) > MOST_ITEMS:
        return Fault("invalid", f"requests: List should have between 1 and {MOST_ITEMS} items")
    seen: set[str] = set()
    for i, item in enumerate(requests):
        name = item.get("custom_id") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not _CUSTOM_ID.fullmatch(name):
            return Fault("invalid", f"requests.{i}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if name in seen:
            return Fault("invalid", f"requests.{i}.custom_id: custom_id must be unique, {name} is there twice")
        if not isinstance(item.get("params"), Mapping):
            return Fault("invalid", f"requests.{i}.params: Field required")
        seen.add(name)
    return None


def shown(batch: Batch, now: float, url: str) -> dict[str, Any]:
    """A batch as the API shows it. `url` is the server's own."""
    state: State = batch.state(now)
    ended = state == "ended"
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    if ended:
        counts |= Counter(_kind(result) for _, result in batch.results())
    else:
        counts["processing"] = len(batch.items)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": state,
        "request_counts": counts,
        "created_at": _time(batch.created),
        "ended_at": _time(max(batch.ready, batch.canceled_at or 0.0)) if ended else None,
        "expires_at": _time(batch.created + WINDOW_S),
        "archived_at": None,
        "cancel_initiated_at": _time(batch.canceled_at) if batch.canceled_at is not None else None,
        "results_url": f"{url}/v1/messages/batches/{batch.id}/results" if ended else None,
    }


def lines(batch: Batch, request_id: Callable[[], str]) -> list[dict[str, Any]]:
    """The results, one object a line."""
    return [{"custom_id": name, "result": _line(result, request_id())} for name, result in batch.results()]


def _kind(result: Result) -> str:
    if isinstance(result, Written):
        return "succeeded"
    return "errored" if isinstance(result, Fault) else result


def _line(result: Result, request_id: str) -> dict[str, Any]:
    if isinstance(result, Written):
        return {"type": "succeeded", "message": anthropic_shape.message(result)}
    if isinstance(result, Fault):
        return {"type": "errored", "error": anthropic_shape.error(result, request_id)}
    return {"type": result}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
