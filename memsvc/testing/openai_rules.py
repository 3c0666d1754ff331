"""What Chat Completions refuses. Generators of `place: what is wrong`, one small rule each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_ID = 64
_INSTRUCTING = ("system", "developer")
_ROLES = (*_INSTRUCTING, "user", "assistant", "tool", "function")
_PARTS: dict[str, frozenset[str]] = {
    "system": frozenset({"text"}),
    "developer": frozenset({"text"}),
    "user": frozenset({"text", "image_url", "input_audio", "file"}),
    "assistant": frozenset({"text", "refusal"}),
    "tool": frozenset({"text"}),
}
_KNOWN = frozenset().union(*_PARTS.values())
_FOREIGN = frozenset(
    {"image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result", "search_result"}
    | {"server_tool_use", "input_text", "input_image", "input_file", "output_text", "reasoning"}
)
_OUTPUT_ONLY = frozenset(
    {"id", "model", "usage", "stop_reason", "stop_sequence", "annotations", "cache_control", "citations"}
)


def openai_violations(body: Mapping[str, Any]) -> Iterator[str]:
    """Every rule of Chat Completions that the body breaks."""
    if body.get("system") is not None:
        yield "system: the system prompt is a message"
    yield from _tools(body.get("tools"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: must be a list of at least one message"
        return
    if not all(isinstance(m, Mapping) for m in messages):
        yield "messages: every message must be an object"
        return
    if all(m.get("role") in _INSTRUCTING for m in messages):
        yield "messages: nothing but system messages"
    for i, message in enumerate(messages):
        yield from _message(message, f"messages[{i}]")
    yield from _pairs(messages)
    yield from _unique_ids(messages)


def _tools(tools: Any) -> Iterator[str]:
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        yield "tools: must be a list of at least one tool, or absent"
        return
    for i, tool in enumerate(tools):
        place = f"tools[{i}]"
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            yield f"{place}: must be an object with a string type"
            continue
        function = tool.get("function")
        if tool["type"] == "function" and not (
            isinstance(function, Mapping) and isinstance(function.get("name"), str) and function["name"]
        ):
            yield f"{place}.function: must be an object with a name"
        for key in tool.keys() & {"cache_control", "input_schema"}:
            yield f"{place}.{key}: belongs to another API"


def _message(message: Mapping[str, Any], place: str) -> Iterator[str]:
    role = message.get("role")
    if role not in _ROLES:
        yield f"{place}.role: must be one of {', '.join(_ROLES)}, is {role!r}"
        return
    for key in message.keys() & _OUTPUT_ONLY:
        yield f"{place}.{key}: not a key of a request message"
    if role != "assistant":
        for key in message.keys() & {"tool_calls", "function_call", "refusal", "audio"}:
            yield f"{place}.{key}: only an assistant message has it"
    if role != "tool" and "tool_call_id" in message:
        yield f"{place}.tool_call_id: only a tool message has it"
    if role == "function":
        if not isinstance(message.get("name"), str) or not message["name"]:
            yield f"{place}.name: a function message must have one"
        return
    yield from _content(message, place)
    if "tool_calls" in message:
        yield from _calls(message["tool_calls"], f"{place}.tool_calls")


def _content(message: Mapping[str, Any], place: str) -> Iterator[str]:
    role, content = str(message["role"]), message.get("content")
    if isinstance(content, str):
        return
    if content is None:
        if role != "assistant":
            yield f"{place}.content: is missing"
        elif not message.get("tool_calls") and not message.get("function_call"):
            yield f"{place}.content: may be null only where there are tool_calls"
        return
    if not isinstance(content, list) or not content:
        yield f"{place}.content: must be a string or a list of at least one part"
        return
    for i, part in enumerate(content):
        yield from _part(part, f"{place}.content[{i}]", role)


def _part(part: Any, place: str, role: str) -> Iterator[str]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(kind, str) or not kind:
        yield f"{place}: must be an object with a string type"
        return
    if kind in _FOREIGN:
        yield f"{place}.type: {kind} belongs to another API"
    elif kind in _KNOWN and kind not in _PARTS[role]:
        yield f"{place}.type: no {kind} in a {role} message"
    for key in part.keys() & {"cache_control", "citations"}:
        yield f"{place}.{key}: not a key of a content part"
    if kind in ("text", "refusal") and not isinstance(part.get(kind), str):
        yield f"{place}.{kind}: must be a string"
    if kind == "image_url":
        image = part.get("image_url")
        if not isinstance(image, Mapping) or not isinstance(image.get("url"), str):
            yield f"{place}.image_url: must be an object with a url"


def _calls(calls: Any, place: str) -> Iterator[str]:
    if not isinstance(calls, list) or not calls:
        yield f"{place}: must be a list of at least one call, or absent"
        return
    for i, call in enumerate(calls):
        inside = f"{place}[{i}]"
        if not isinstance(call, Mapping):
            yield f"{inside}: must be an object"
            continue
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id:
            yield f"{inside}.id: must be a non-empty string"
        elif len(call_id) > MAX_ID:
            yield f"{inside}.id: {len(call_id)} characters are more than {MAX_ID}"
        if "cache_control" in call:
            yield f"{inside}.cache_control: belongs to another API"
        if call.get("type") == "custom":
            continue
        if call.get("type") != "function":
            yield f"{inside}.type: must be function"
        yield from _function(call.get("function"), f"{inside}.function")


def _function(function: Any, place: str) -> Iterator[str]:
    if not isinstance(function, Mapping):
        yield f"{place}: must be an object"
        return
    if not isinstance(function.get("name"), str) or not function["name"]:
        yield f"{place}.name: must be a non-empty string"
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        yield f"{place}.arguments: must be a string"
        return
    try:
        decoded = json.loads(arguments)
    except (ValueError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        yield f"{place}.arguments: must be the text of a JSON object"


def _pairs(messages: list[Mapping[str, Any]]) -> Iterator[str]:
    pending: list[str] = []
    caller = 0
    for i, message in enumerate(messages):
        if message.get("role") == "tool":
            call = message.get("tool_call_id")
            if not isinstance(call, str) or call not in pending:
                yield f"messages[{i}].tool_call_id: no open call {call} right before it"
            else:
                pending.remove(call)
            continue
        for call in pending:
            yield f"messages[{caller}]: call {call} is not answered right after it"
        pending, caller = _ids(message), i
    for call in pending:
        yield f"messages[{caller}]: call {call} is not answered right after it"


def _unique_ids(messages: list[Mapping[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for i, message in enumerate(messages):
        for call in _ids(message):
            if call in seen:
                yield f"messages[{i}].tool_calls: id {call} is there twice"
            seen.add(call)


def _ids(message: Mapping[str, Any]) -> list[str]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    return [c["id"] for c in calls if isinstance(c, Mapping) and isinstance(c.get("id"), str)]
