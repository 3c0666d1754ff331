"""Examples for the documentation. A test sends each body to a running service and compares the reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BODIES: Mapping[str, Any] = {
    "put": {
        "format": "anthropic",
        "system": "You are a travel agent. Answer in one paragraph.",
        "policy": {"threshold_tokens": 32000, "keep_tokens": 8000},
        "user": "u-31",
    },
    "append": {
        "messages": [
            {"role": "user", "content": "A week in Porto in May?"},
            {"role": "assistant", "content": "May is mild and quiet: a good choice."},
        ],
        "ids": ["m-1", "m-2"],
    },
    "compact": {"force": True, "wait_ms": 2000},
    "truncate": {"after_seq": 1},
    "count": {"messages": [{"role": "user", "content": "How long is this?"}]},
}

REPLIES: Mapping[str, Any] = {
    "healthz": {"status": "ok"},
    "readyz": {"status": "ready"},
}
