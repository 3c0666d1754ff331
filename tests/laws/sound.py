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


def _responses_turn(w: Writer) -> list[Json]:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "auto"}
    parts = [{"type": "input_text", "text": w.text()}, image, {"type": "input_smell", "n": "@1@"}]
    messages: list[Json] = [{"role": "user", "content": w.text()}]
    if w.chance():
        messages = [{"type": "message", "role": "user", "content": parts}]
    if w.chance(4):
        messages.insert(0, {"type": "message", "role": w.pick(["system", "developer"]), "content": w.text()})
    for calls in (_calls(w) for _ in w.times(0, 2)):
        if not calls:
            continue
        if w.chance():
            messages.append({"type": "reasoning", "id": f"rs_{calls[0]}", "summary": [], "encrypted_content": "gAAA="})
        if w.chance():
            messages.append({"type": "web_search_call", "id": f"ws_{calls[0]}", "status": "completed", "n": "@3@"})
        messages += [
            {"type": "function_call", "id": f"fc_{c}", "call_id": c, "name": "run", "arguments": '{"q": 1.50}'}
            for c in calls
        ]
        outputs = [w.text(), [{"type": "input_text", "text": w.text()}, image]]
        messages += [{"type": "function_call_output", "call_id": c, "output": w.pick(outputs)} for c in calls]
    said = [{"type": "output_text", "text": w.text(), "annotations": []}]
    last: Json = {"type": "message", "id": f"msg_{w.tags}", "role": "assistant", "content": said}
    thought: Json = {"type": "reasoning", "id": f"rs_{w.tags}", "summary": [{"type": "summary_text", "text": "hm"}]}
    return [*messages, *([thought] if w.chance() else []), last, *([COMPACTION] if w.chance(4) else [])]


COMPACTION: Json = {"type": "compaction", "encrypted_content": "gAAAAA=="}
TURNS: dict[Format, Callable[[Writer], list[Json]]] = {
    "anthropic": _anthropic_turn,
    "openai": _openai_turn,
    "responses": _responses_turn,
}


@st.composite
def sound_logs(draw: Callable[[st.SearchStrategy[Any]], Any], format: Format) -> Log:
    """One to three turns in one format."""
    w = Writer(draw)
    for _ in w.times(1, 3):
        for message in TURNS[format](w):
            w.seq += 1
            w.add(message, format)
    return w.log
