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
    "usage": {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "revision": 1,
        "provider": "anthropic",
        "model": "claude-haiku-4-5",
        "usage": {
            "input_tokens": 3,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 33,
            "output_tokens": 12,
        },
    },
    "put_budgets": {
        "budgets": [
            {"period": "day", "limit_usd": 20.0},
            {"period": "month", "feature": "summary", "limit_usd": 5.0},
        ]
    },
    "truncate": {"after_seq": 1},
    "fork": {"to": "s-2", "after_seq": 1},
    "count": {"messages": [{"role": "user", "content": "How long is this?"}]},
}

REPLIES: Mapping[str, Any] = {
    "put": {
        "session": "s",
        "format": "anthropic",
        "model": None,
        "user": "u-31",
        "metadata": {},
        "created_at": 1800000000.0,
        "updated_at": 1800000000.0,
        "epoch": 0,
        "revision": 2,
        "log_revision": 1,
        "messages": 2,
        "last_seq": 2,
        "cut": None,
        "tokens": {"full": 40, "context": 40, "system": 15, "tools": 0, "summary": 0, "tail": 25, "ratio": 1.0},
        "compaction": {
            "state": "idle",
            "due": None,
            "last_error": None,
            "last_reason": None,
            "predicted_saving_usd": None,
            "actual_saving_usd": None,
            "shadow": None,
        },
        "policy": {
            "mode": "threshold",
            "threshold_tokens": 32000,
            "keep_tokens": 8000,
            "summary_tokens": 2000,
            "max_tokens": 180000,
            "max_bytes": 25165824,
            "cache_ttl": "5m",
            "alpha": 1.0,
            "guard": 0.5,
            "placement": "user",
            "tool_output_tokens": None,
            "effective": {
                "mode": "threshold",
                "threshold_tokens": 32000,
                "keep_tokens": 8000,
                "summary_tokens": 2000,
                "max_tokens": 180000,
                "max_bytes": 25165824,
                "cache_ttl": "5m",
                "alpha": 1.0,
                "guard": 0.5,
                "placement": "user",
                "tool_output_tokens": None,
            },
        },
    },
    "append": {
        "session": "s",
        "seqs": [1, 2],
        "first_seq": 1,
        "last_seq": 2,
        "log_revision": 1,
        "revision": 1,
        "epoch": 0,
        "tokens": 25,
        "duplicate": False,
    },
    "context": {
        "format": "openai",
        "messages": [
            {"role": "user", "content": "A week in Porto in May?"},
            {"role": "assistant", "content": "May is mild and quiet: a good choice."},
        ],
        "epoch": 0,
        "revision": 1,
        "log_revision": 1,
        "covers": None,
        "tokens": {"full": 25, "context": 25, "system": 0, "tools": 0, "summary": 0, "tail": 25, "ratio": 1.0},
        "stable_prefix": {
            "messages": 2,
            "tokens": 25,
            "sha256": "6eb92f54d3872a1836db84af1514cb5eda9488613d5a5a20326be8e6adce6bda",
        },
        "prefix_change": None,
        "thinking_stripped": False,
    },
    "history": {
        "messages": [
            {
                "seq": 1,
                "id": "m-1",
                "at": 1800000000.0,
                "tokens": 11,
                "epoch": 0,
                "compacted": False,
                "superseded": False,
                "redacted": False,
                "format": "openai",
                "message": {"role": "user", "content": "A week in Porto in May?"},
            },
            {
                "seq": 2,
                "id": "m-2",
                "at": 1800000000.0,
                "tokens": 14,
                "epoch": 0,
                "compacted": False,
                "superseded": False,
                "redacted": False,
                "format": "openai",
                "message": {"role": "assistant", "content": "May is mild and quiet: a good choice."},
            },
        ],
        "next": None,
    },
    "pin": {"seq": 1, "pinned": True, "tokens": 11},
    "compact": {"epoch": 0, "changed": False, "reason": "nothing_to_compact"},
    "usage": {"booked": True, "cost_usd": 0.000105, "factor": 1.44},
    "count": {"tokens": 9, "messages": [9], "system": 0, "tools": 0, "estimate": 9},
    "healthz": {"status": "ok"},
    "readyz": {"status": "ready"},
}
