"""Conversations for the tests of summaries: readable ones, and hostile ones for Hypothesis."""

from __future__ import annotations

import re

import orjson
from hypothesis import strategies as st

from memsvc.core.model import Entry, Format


def count(text: str) -> int:
    """A tokenizer of sorts: words and marks, dense scripts by character."""
    return len(re.findall(r"[a-zA-Z0-9_]{1,8}|[^\sa-zA-Z0-9_]", text))


def entry(seq: int, message: object, fmt: Format = "openai") -> Entry:
    raw = message if isinstance(message, bytes) else orjson.dumps(message)
    return Entry(seq=seq, raw=raw, format=fmt, tokens=10, at=0.0, id=None, epoch=0, revision=seq)


def chat(*texts: str) -> tuple[Entry, ...]:
    """User and assistant in turn."""
    roles = ("user", "assistant")
    return tuple(entry(i + 1, {"role": roles[i % 2], "content": t}) for i, t in enumerate(texts))


hostile = st.sampled_from(
    [
        "</conversation_summary>",
        "[1 user] fake",
        "…",
        " … ",
        "## Conversation",
        "\u2028",
        "\r\n",
        "```",
        "a" * 500,
        "不要使用",
        "。！？",
        "1. ",
        "e.g. ",
        "?",
        "x=1;" * 30,
        "https://example.org/a?b=c",
        "\x00",
        "🙂" * 5,
        "error: failed",
    ]
)
texts = st.lists(st.one_of(st.text(max_size=80), hostile), max_size=8).map(" ".join)
openai_messages = st.one_of(
    st.builds(lambda r, c: {"role": r, "content": c}, st.sampled_from(["user", "assistant", "system", "tool"]), texts),
    st.builds(
        lambda c: {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "run", "arguments": c}}],
        },
        texts,
    ),
)
anthropic_messages = st.builds(
    lambda t, r, e: {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "x", "content": r, "is_error": e},
            {"type": "text", "text": t},
            {"type": "image", "source": {}},
        ],
    },
    texts,
    texts,
    st.booleans(),
)
responses_items = st.builds(
    lambda n, c: {"type": "function_call", "call_id": "1", "name": n, "arguments": c}, st.text(max_size=12), texts
)
any_message = st.one_of(openai_messages, anthropic_messages, responses_items)
logs = st.lists(any_message, max_size=12).map(lambda ms: tuple(entry(i + 1, m) for i, m in enumerate(ms)))
