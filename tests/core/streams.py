"""Streams of the three APIs as their vendors send them, by what is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
Events = list[Json]


def sse(events: Events, *, named: bool = True, done: bool = False) -> bytes:
    """Events as bytes; chunks of Chat Completions have no names, and end with `[DONE]`."""
    made = ""
    for event in events:
        name = f"event: {event['type']}\n" if named and "type" in event else ""
        made += f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n"
    return (made + ("data: [DONE]\n\n" if done else "")).encode()


# --- Messages ------------------------------------------------------------------------


def _block(index: int, start: Json, *deltas: Json) -> Events:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": d} for d in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def message(*blocks: tuple[Any, ...], stop: str = "end_turn") -> Events:
    """A reply of the Messages API; each block is how it starts and its deltas."""
    usage = {"input_tokens": 12, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "standard"}
    about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": []}
    events: Events = [{"type": "message_start", "message": {**about, "stop_reason": None, "usage": usage}}]
    events.append({"type": "ping"})
    for index, (start, *deltas) in enumerate(blocks):
        events += _block(index, start, *deltas)
    last = {"input_tokens": None, "cache_read_input_tokens": 9, "output_tokens": 33}
    return [
        *events,
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": last},
        {"type": "message_stop"},
    ]


def told(text: str, *more: str) -> tuple[Any, ...]:
    """A block of text in pieces."""
    return {"type": "text", "text": ""}, *({"type": "text_delta", "text": t} for t in (text, *more))


def thought(text: str, signature: str = "c2lnbmVk") -> tuple[Any, ...]:
    """A block of thinking."""
    start = {"type": "thinking", "thinking": "", "signature": ""}
    return start, {"type": "thinking_delta", "thinking": text}, {"type": "signature_delta", "signature": signature}


def used(ident: str, *pieces: str, kind: str = "tool_use") -> tuple[Any, ...]:
    """A tool call whose input comes in pieces of JSON."""
    start = {"type": kind, "id": ident, "name": "look", "input": {}}
    return start, *({"type": "input_json_delta", "partial_json": p} for p in pieces)


CITED = (
    {"type": "text", "text": "", "citations": []},
    {"type": "text_delta", "text": "as it says"},
    {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "so", "document_index": 0}},
    {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "so too", "document_index": 1}},
)
SEARCHED = ({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x", "n": 1.50}]},)
REDACTED = ({"type": "redacted_thinking", "data": "c2VhbGVk"},)
NEW = ({"type": "hologram", "depth": 1.0, "shape": ""}, {"type": "hologram_delta", "shape": "round"})

MESSAGE = message(
    thought("Zürich? 東京! 🦉", "first"),
    told('Let me "look"', "… 🦊", " at\n\nit."),
    REDACTED,
    used("srvtoolu_1", '{"query": ', '"owls"}', kind="server_tool_use"),
    SEARCHED,
    CITED,
    NEW,
    thought("both", "second"),
    used("toolu_1", "", '{"zebra": 1, "apple"', ': {"b": [1.0, 2], "a": "\\u00e9 x"}}'),
    used("toolu_2"),
    stop="tool_use",
)

# --- Chat Completions ------------------------------------------------------------------


def chunks(*deltas: Json, stop: str | None = "stop", usage: bool = True) -> Events:
    """A reply of Chat Completions, with the usage that was asked for."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "gpt-6-luna"}
    rest: Json = {"usage": None} if usage else {}
    made: Events = [
        {**head, "choices": [{"index": 0, "delta": d, "logprobs": None, "finish_reason": None}], **rest} for d in deltas
    ]
    made.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": stop}], **rest})
    if usage:
        made.append({**head, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
    return made


def called(index: int, ident: str | None = None, piece: str = "", name: str = "look") -> Json:
    """What a chunk has of a call: first who it is, then pieces of its arguments."""
    if ident is None:
        return {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    function = {"name": name, "arguments": piece}
    return {"tool_calls": [{"index": index, "id": ident, "type": "function", "function": function}]}


CHAT = chunks(
    {"role": "assistant", "content": "", "refusal": None},
    {"reasoning_content": "Hm, 🦉."},
    {"content": "Grüße "},
    {"content": '"aus" 東京 🦊'},
    called(0, "call_1"),
    called(0, None, '{"z": 1.0,'),
    called(0, None, ' "a": []}'),
    called(1, "call_2", "{}"),
    stop="tool_calls",
)

# --- Responses ---------------------------------------------------------------------------


def response(*items: Json, status: str = "completed", output: bool = True, **more: Any) -> Events:
    """A reply of the Responses API, each item with the events that make it."""
    head = {"id": "resp_1", "object": "response", "model": "gpt-6.1-sol", "error": None, "incomplete_details": None}
    opening = {**head, "status": "in_progress", "output": [], "usage": None}
    events: Events = [{"type": "response.created", "response": opening}]
    for index, item in enumerate(items):
        events += _item(index, item)
    usage = {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 5}
    final = {**head, "status": status, "output": list(items) if output else [], "usage": usage, **more}
    events.append({"type": f"response.{status}", "response": final})
    return [{**e, "sequence_number": n} for n, e in enumerate(events)]


def _item(index: int, item: Json) -> Events:
    at = {"output_index": index, "item_id": item["id"]}
    bare = {**item, "status": "in_progress"} if "status" in item else dict(item)
    bare |= {"content": []} if "content" in item else {}
    bare |= {"arguments": ""} if "arguments" in item else {}
    made: Events = [{"type": "response.output_item.added", "output_index": index, "item": bare}]
    if "arguments" in item:
        made += [
            {"type": "response.function_call_arguments.delta", "delta": p, **at} for p in halves(item["arguments"])
        ]
    for j, part in enumerate(item.get("content", [])):
        kind, member = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
        place = {**at, "content_index": j}
        made.append({"type": "response.content_part.added", "part": {**part, member: ""}, **place})
        made += [{"type": f"response.{kind}.delta", "delta": p, **place} for p in halves(part[member])]
        made.append({"type": f"response.{kind}.done", member: part[member], **place})
        made.append({"type": "response.content_part.done", "part": part, **place})
    return [*made, {"type": "response.output_item.done", "output_index": index, "item": item}]


def halves(text: str) -> tuple[str, str]:
    """A text in two pieces."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def said(text: str, ident: str = "msg_1", **more: Any) -> Json:
    """A message item."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": ident, "type": "message", "role": "assistant", "status": "completed", "content": [part], **more}


def function(n: int, arguments: str = '{"z": 1.0, "a": 2}', **more: Any) -> Json:
    """A function call item."""
    named = {"id": f"fc_{n}", "type": "function_call", "call_id": f"call_{n}", "name": "look"}
    return {**named, "arguments": arguments, "status": "completed", **more}


REASONED = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
RESPONSE = response(REASONED, said('Grüße "aus" 東京 🦊'), {**REASONED, "id": "rs_2"}, function(1), function(2, "{}"))

STREAMS: Mapping[str, bytes] = {
    "messages": sse(MESSAGE),
    "chat": sse(CHAT, done=True),
    "responses": sse(RESPONSE),
}
"""One of each API with everything in it."""
