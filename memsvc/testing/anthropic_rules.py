"""What the Messages API refuses. Generators of `place: what is wrong`, one small rule each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_MESSAGES = 100_000
MAX_MARKS = 4
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SYSTEM_IN_MESSAGES = re.compile(r"claude-((fable|mythos)-([5-9]|\d\d)(-|$)|opus-(4-8|5)(-|$)|(sonnet|haiku)-5-5(-|$))")
_FOREIGN = frozenset(
    {"image_url", "input_audio", "file", "refusal", "function", "input_text", "input_image", "input_file"}
    | {"output_text", "function_call", "function_call_output", "reasoning", "message"}
)
_THINKING = ("thinking", "redacted_thinking")
_KEYS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "thinking": frozenset({"type", "thinking", "signature", "cache_control"}),
    "redacted_thinking": frozenset({"type", "data", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller", "toolset_name"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"}),
}


def anthropic_violations(body: Mapping[str, Any], model: str | None) -> Iterator[str]:
    """Every rule of the Messages API that the body breaks."""
    yield from _system(body.get("system"))
    yield from _tools(body.get("tools"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: must be a list of at least one message"
        return
    if len(messages) > MAX_MESSAGES:
        yield f"messages: {len(messages)} are more than {MAX_MESSAGES}"
    for i, message in enumerate(messages):
        yield from _message(message, f"messages[{i}]")
    if all(isinstance(m, Mapping) for m in messages):
        yield from _order(messages, model)
        yield from _pairs(messages)
        yield from _unique_ids(messages)
        yield from _marks(body)


def _system(system: Any) -> Iterator[str]:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        yield "system: must be a string or a list of text blocks"
        return
    for i, block in enumerate(system):
        place = f"system[{i}]"
        if not isinstance(block, Mapping) or block.get("type") != "text":
            yield f"{place}: must be a text block"
        else:
            yield from _block(block, place, "system")


def _tools(tools: Any) -> Iterator[str]:
    if tools is None:
        return
    if not isinstance(tools, list):
        yield "tools: must be a list"
        return
    seen: set[str] = set()
    for i, tool in enumerate(tools):
        place = f"tools[{i}]"
        name = tool.get("name") if isinstance(tool, Mapping) else None
        if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
            yield f"{place}.name: must match {_TOOL_NAME.pattern}"
            continue
        if name in seen:
            yield f"{place}.name: {name} is there twice"
        seen.add(name)
        if tool.get("type") in (None, "custom") and not isinstance(tool.get("input_schema"), Mapping):
            yield f"{place}.input_schema: must be an object"


def _message(message: Any, place: str) -> Iterator[str]:
    if not isinstance(message, Mapping):
        yield f"{place}: must be an object"
        return
    for key in message.keys() - {"role", "content"}:
        yield f"{place}.{key}: extra key"
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        yield f"{place}.role: must be user or assistant, is {role!r}"
    if isinstance(content, str):
        if not content.strip():
            yield f"{place}.content: is blank"
        return
    if not isinstance(content, list) or not content:
        yield f"{place}.content: must be a text or a list of at least one block"
        return
    for i, block in enumerate(content):
        yield from _block(block, f"{place}.content[{i}]", str(role))
    yield from _results_first(content, place)
    yield from _server_pairs(content, place)


def _block(block: Any, place: str, role: str) -> Iterator[str]:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if not isinstance(kind, str) or not kind:
        yield f"{place}: must be an object with a string type"
        return
    if kind in _FOREIGN:
        yield f"{place}.type: {kind} belongs to another API"
    for key in block.keys() - _KEYS.get(kind, block.keys()):
        yield f"{place}.{key}: extra key"
    match kind:
        case "text":
            yield from _text(block, place, role)
        case "thinking" | "redacted_thinking":
            yield from _thinking(block, place, role)
        case "tool_use":
            yield from _tool_use(block, place, role)
        case "tool_result":
            yield from _tool_result(block, place, role)
        case "document" if role == "assistant":
            yield f"{place}: document in an assistant message"
        case _ if role == "system":
            yield f"{place}.type: only text may stand in a system message"


def _text(block: Mapping[str, Any], place: str, role: str) -> Iterator[str]:
    text = block.get("text")
    if not isinstance(text, str):
        yield f"{place}.text: must be a string"
    elif not text.strip():
        yield f"{place}.text: is blank"
    if role != "assistant" and "citations" in block:
        yield f"{place}.citations: only text of the assistant has citations"


def _thinking(block: Mapping[str, Any], place: str, role: str) -> Iterator[str]:
    if role != "assistant":
        yield f"{place}: thinking outside an assistant message"
    proof = "signature" if block["type"] == "thinking" else "data"
    if not isinstance(block.get(proof), str) or not block[proof]:
        yield f"{place}.{proof}: is missing"
    if block["type"] == "thinking" and not isinstance(block.get("thinking"), str):
        yield f"{place}.thinking: must be a string"


def _tool_use(block: Mapping[str, Any], place: str, role: str) -> Iterator[str]:
    if role != "assistant":
        yield f"{place}: tool_use outside an assistant message"
    if not isinstance(block.get("id"), str) or not _ID.fullmatch(block["id"]):
        yield f"{place}.id: must match {_ID.pattern}"
    if not isinstance(block.get("name"), str) or not block["name"]:
        yield f"{place}.name: must be a non-empty string"
    if not isinstance(block.get("input"), Mapping):
        yield f"{place}.input: must be an object"


def _tool_result(block: Mapping[str, Any], place: str, role: str) -> Iterator[str]:
    if role != "user":
        yield f"{place}: tool_result outside a user message"
    if not isinstance(block.get("tool_use_id"), str) or not _ID.fullmatch(block["tool_use_id"]):
        yield f"{place}.tool_use_id: must match {_ID.pattern}"
    content, error = block.get("content"), block.get("is_error")
    if error is not None and not isinstance(error, bool):
        yield f"{place}.is_error: must be true or false"
    if error is True and not content:
        yield f"{place}.content: may not be empty when is_error is true"
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        yield f"{place}.content: must be a string or a list of blocks"
        return
    for i, inner in enumerate(content):
        inside = f"{place}.content[{i}]"
        if isinstance(inner, Mapping) and inner.get("type") in ("tool_use", "tool_result", *_THINKING):
            yield f"{inside}.type: {inner['type']} inside a result"
        else:
            yield from _block(inner, inside, "user")


def _results_first(content: list[Any], place: str) -> Iterator[str]:
    other = False
    for i, block in enumerate(content):
        if _type(block) != "tool_result":
            other = True
        elif other:
            yield f"{place}.content[{i}]: results must come first in their message"


def _server_pairs(content: list[Any], place: str) -> Iterator[str]:
    """A server tool's result stands behind its call, in the same message."""
    calls: set[Any] = set()
    for i, block in enumerate(content):
        kind = _type(block)
        if kind in ("server_tool_use", "mcp_tool_use"):
            calls.add(block.get("id"))
        elif kind.endswith("_tool_result") and block.get("tool_use_id") not in calls:
            yield f"{place}.content[{i}].tool_use_id: no such server tool call in this message"


def _order(messages: list[Mapping[str, Any]], model: str | None) -> Iterator[str]:
    roles = [m.get("role") for m in messages]
    if roles[0] != "user":
        yield f"messages[0].role: the first message must be user, is {roles[0]!r}"
    allowed = model is not None and _SYSTEM_IN_MESSAGES.search(model) is not None
    for i, role in enumerate(roles):
        if role != "system":
            continue
        if not allowed:
            yield f"messages[{i}].role: system is not allowed here for model {model}"
        elif (i > 0 and roles[i - 1] != "user") or (i + 1 < len(roles) and roles[i + 1] != "assistant"):
            yield f"messages[{i}].role: system must follow a user message and be last or before an assistant"


def _pairs(messages: list[Mapping[str, Any]]) -> Iterator[str]:
    pending: list[str] = []
    for i, message in enumerate(messages):
        place = f"messages[{i}]"
        answered: set[str] = set()
        for j, block in enumerate(_blocks(message)):
            if _type(block) == "tool_result":
                call = str(block.get("tool_use_id"))
                if call in answered:
                    yield f"{place}.content[{j}].tool_use_id: {call} is answered twice"
                elif call not in pending:
                    yield f"{place}.content[{j}].tool_use_id: no call {call} in the message before"
                answered.add(call)
        for call in pending:
            if call not in answered:
                yield f"messages[{i - 1}]: call {call} is not answered in the message after it"
        pending = [str(b.get("id")) for b in _blocks(message) if _type(b) == "tool_use"]
    for call in pending:
        yield f"messages[{len(messages) - 1}]: call {call} is not answered in the message after it"


def _unique_ids(messages: list[Mapping[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for i, message in enumerate(messages):
        for j, block in enumerate(_blocks(message)):
            if _type(block) in ("tool_use", "server_tool_use", "mcp_tool_use"):
                call = str(block.get("id"))
                if call in seen:
                    yield f"messages[{i}].content[{j}].id: {call} is there twice"
                seen.add(call)


def _marks(body: Mapping[str, Any]) -> Iterator[str]:
    """Number, form, place and order of the cache marks; the automatic one counts as the last."""
    marks = list(_marked(body))
    if isinstance(body.get("cache_control"), Mapping):
        marks.append(("cache_control", {}, body["cache_control"]))
    if len(marks) > MAX_MARKS:
        yield f"cache_control: {len(marks)} marks are more than {MAX_MARKS}"
    short_seen = False
    for place, block, mark in marks:
        if not isinstance(mark, Mapping) or mark.get("type") != "ephemeral" or mark.keys() - {"type", "ttl"}:
            yield f"{place}.cache_control: must be of type ephemeral"
            continue
        ttl = mark.get("ttl", "5m")
        if ttl not in ("5m", "1h"):
            yield f"{place}.cache_control.ttl: must be 5m or 1h"
        if ttl == "1h" and short_seen:
            yield f"{place}.cache_control: 1h after 5m"
        short_seen = short_seen or ttl == "5m"
        if _type(block) in _THINKING or (_type(block) == "text" and not str(block.get("text", "")).strip()):
            yield f"{place}.cache_control: may not stand on thinking or empty text"
        if ".content[" in place.partition(".content[")[2]:
            yield f"{place}.cache_control: may not stand inside a result"


def _marked(body: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every mark in cache order: place, the block that bears it, the mark."""
    tops: list[tuple[str, Any]] = []
    for name in ("tools", "system"):
        value = body.get(name)
        tops += [(f"{name}[{i}]", b) for i, b in enumerate(value)] if isinstance(value, list) else []
    for i, message in enumerate(body["messages"]):
        tops += [(f"messages[{i}].content[{j}]", b) for j, b in enumerate(_blocks(message))]
    for place, block in tops:
        inner = block.get("content") if _type(block) == "tool_result" else None
        for j, part in enumerate(inner if isinstance(inner, list) else []):
            if isinstance(part, Mapping) and part.get("cache_control") is not None:
                yield f"{place}.content[{j}]", part, part["cache_control"]
        if isinstance(block, Mapping) and block.get("cache_control") is not None:
            yield place, block, block["cache_control"]


def _blocks(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _type(block: Any) -> str:
    return str(block.get("type", "")) if isinstance(block, Mapping) else ""
