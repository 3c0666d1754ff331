"""Conversations as a careful caller sends them: nothing in them needs a repair."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from memsvc.core.model import Format
from tests.laws.writer import DATA, NUMBERS, Json, Log, Writer


def _calls(w: Writer) -> list[str]:
    first = len(w.recent)
    w.recent += [f"call_{first + i}" for i in w.times(0, 3)]
    return w.recent[first:]


def _anthropic_turn(w: Writer) -> list[Json]:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
    opaque = {"type": "holo_gram", "n": "@1@", "x": "@3@"}
    asked: Any = w.text() if w.chance() else [{"type": "text", "text": w.text()}, image, opaque]
    messages: list[Json] = [{"role": "user", "content": asked}]
    for calls in (_calls(w) for _ in w.times(0, 2)):
        if not calls:
            continue
        server = f"srvtoolu_{len(w.recent)}"
        blocks = [
            {"type": "thinking", "thinking": "", "signature": "abc="},
            {"type": "text", "text": w.text(), "citations": None},
            {"type": "server_tool_use", "id": server, "name": "web_search", "input": {"q": "@4@"}},
            {"type": "web_search_tool_result", "tool_use_id": server, "content": []},
        ]
        blocks += [{"type": "tool_use", "id": c, "name": "run", "input": {"n": w.pick(list(NUMBERS))}} for c in calls]
        results: list[Json] = [
            {"type": "tool_result", "tool_use_id": c, "content": w.pick([w.text(), [image]]), "is_error": False}
            for c in calls
        ]
        messages.append({"role": "assistant", "content": blocks if w.chance() else blocks[4:]})
        messages.append({"role": "user", "content": results + [{"type": "text", "text": w.text()}] * w.pick([0, 1])})
    return [*messages, {"role": "assistant", "content": w.text()}]


def _openai_turn(w: Writer) -> list[Json]:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    asked: Any = w.text() if w.chance() else [{"type": "text", "text": w.text()}, image, {"type": "smell", "n": "@1@"}]
    messages: list[Json] = [{"role": "user", "content": asked}]
    if w.chance(4):
        messages.insert(0, {"role": w.pick(["system", "developer"]), "content": w.text()})
    for calls in (_calls(w) for _ in w.times(0, 2)):
        if not calls:
            continue
        made = [
            {"id": c, "type": "function", "function": {"name": "run", "arguments": json.dumps({"q": w.text()})}}
            for c in calls
        ]
        messages.append({"role": "assistant", "content": w.pick([None, w.text()]), "tool_calls": made})
        messages += [{"role": "tool", "tool_call_id": c, "content": w.text()} for c in calls]
    return [*messages, {"role": "assistant", "content": w.text(), "reasoning_content": "hm"}]


@st.composite
def sound_logs(draw: Callable[[st.SearchStrategy[Any]], Any], format: Format) -> Log:
    """One to three turns in one format."""
    w = Writer(draw)
    for _ in w.times(1, 3):
        for message in _anthropic_turn(w) if format == "anthropic" else _openai_turn(w):
            w.seq += 1
            w.add(message, format)
    return w.log
