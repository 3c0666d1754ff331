"""What the Responses API refuses in `input` and `tools`. Generators of `place: what is wrong`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_ID = 64
_ROLES = ("user", "assistant", "system", "developer")
_INSTRUCTING = ("system", "developer")
_SAID = frozenset({"output_text", "refusal"})
_HEARD = frozenset({"input_text", "input_image", "input_file", "input_audio"})
_IN_OUTPUT = frozenset({"input_text", "input_image", "input_file"})
_FOREIGN = frozenset(
    {"text", "image", "image_url", "document", "thinking", "redacted_thinking", "tool_use", "tool_result", "file"}
)
_OUTPUTS = {  # type of an output: (the calls it answers, its member that names the call)
    "function_call_output": (("function_call", "local_shell_call"), "call_id"),
    "custom_tool_call_output": (("custom_tool_call",), "call_id"),
    "local_shell_call_output": (("local_shell_call",), "id"),
    "shell_call_output": (("shell_call",), "call_id"),
    "apply_patch_call_output": (("apply_patch_call",), "call_id"),
    "computer_call_output": (("computer_call",), "call_id"),
}
_CALLS = frozenset().union(*(calls for calls, _ in _OUTPUTS.values()))
_OF_CALLER = frozenset({*_OUTPUTS, "mcp_approval_response", "compaction_trigger", "configuration_update"})
_OF_CALLER |= {"additional_tools"}
_STATUS = ("in_progress", "completed", "incomplete", "failed", "searching", "generating", "interpreting", "calling")
_NOT_IN_ITEMS = frozenset({"cache_control", "prompt_cache_breakpoint", "usage", "model", "stop_reason", "annotations"})
_NEEDED = {  # members that are strings and may not be empty
    "function_call": ("name",),
    "custom_tool_call": ("name",),
    "compaction": ("encrypted_content",),
    "item_reference": ("id",),
    "mcp_approval_request": ("id", "name"),
    "mcp_approval_response": ("approval_request_id",),
}


def responses_violations(body: Mapping[str, Any]) -> Iterator[str]:
    """Every rule of the Responses API that the body breaks; `messages` is read if it has no `input`."""
    if body.get("system") is not None:
        yield "system: the system prompt is an item"
    yield from _tools(body.get("tools"))
    found = body.get("input", body.get("messages"))
    if not isinstance(found, list) or not found:
        yield "input: must be a list of at least one item"
        return
    if not all(isinstance(item, Mapping) for item in found):
        yield "input: every item must be an object"
        return
    if all(_type(i) == "message" and i.get("role") in _INSTRUCTING for i in found):
        yield "input: nothing but instructions"
    for n, item in enumerate(found):
        yield from _item(item, f"input[{n}]")
    yield from _reasoning_is_followed(found)
    yield from _pairs(found)
    yield from _unique_ids(found)


def _type(item: Mapping[str, Any]) -> Any:
    """The type of an item; the easy message and the reference may go without."""
    kind = item.get("type")
    if kind is not None:
        return kind
    return "message" if "role" in item else "item_reference" if "id" in item else None


# --- tools -----------------------------------------------------------------------


def _tools(tools: Any) -> Iterator[str]:
    if tools is None:
        return
    if not isinstance(tools, list):  # an empty one is taken here: OpenAI's own agents send it
        yield "tools: must be a list of tools, or absent"
        return
    for i, tool in enumerate(tools):
        place = f"tools[{i}]"
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            yield f"{place}: must be an object with a string type"
            continue
        for key in tool.keys() & {"cache_control", "input_schema", "prompt_cache_breakpoint"}:
            yield f"{place}.{key}: not a key of a tool"
        if tool["type"] not in ("function", "custom"):
            continue
        if not isinstance(tool.get("name"), str) or not tool["name"]:
            yield f"{place}.name: must be a non-empty string"
        for key in tool.keys() & {"function", "custom"}:
            yield f"{place}.{key}: tools are flat in this API"
        if not isinstance(tool.get("parameters"), Mapping | None):
            yield f"{place}.parameters: must be an object"


# --- single items ----------------------------------------------------------------


def _item(item: Mapping[str, Any], place: str) -> Iterator[str]:
    kind = _type(item)
    if not isinstance(kind, str) or not kind:
        yield f"{place}.type: must be a string"
        return
    for key in item.keys() & _NOT_IN_ITEMS:
        yield f"{place}.{key}: not a key of an item"
    if "status" in item and item["status"] not in _STATUS:
        yield f"{place}.status: must be a status or absent, is {item['status']!r}"
    if kind == "message":
        yield from _message(item, place)
        return
    for key in _NEEDED.get(kind, ()):
        if not isinstance(item.get(key), str) or not item[key]:
            yield f"{place}.{key}: must be a non-empty string"
    if kind in _CALLS:
        yield from _call(item, kind, place)
    elif kind in _OUTPUTS:
        yield from _output(item, kind, place)
    elif kind == "reasoning":
        yield from _reasoning(item, place)


def _message(item: Mapping[str, Any], place: str) -> Iterator[str]:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        yield f"{place}.role: must be one of {', '.join(_ROLES)}, is {role!r}"
        return
    for key in item.keys() & {"tool_calls", "tool_call_id", "refusal", "function_call"}:
        yield f"{place}.{key}: belongs to another API"
    if role != "assistant" and "id" in item:
        yield f"{place}.id: only what the model said has one"
    if isinstance(content, str):
        if not content.strip():
            yield f"{place}.content: is blank"
        return
    yield from _parts(content, f"{place}.content", _SAID if role == "assistant" else _HEARD)


def _parts(parts: Any, place: str, legal: frozenset[str]) -> Iterator[str]:
    if not isinstance(parts, list) or not parts:
        yield f"{place}: must be a string or a list of at least one part"
        return
    for i, part in enumerate(parts):
        inside = f"{place}[{i}]"
        kind = part.get("type") if isinstance(part, Mapping) else None
        if not isinstance(kind, str) or not kind:
            yield f"{inside}: must be an object with a string type"
        elif kind in _FOREIGN or (kind in _SAID | _HEARD and kind not in legal):
            yield f"{inside}.type: no {kind} here"
        else:
            yield from _part(part, kind, inside)


def _part(part: Mapping[str, Any], kind: str, place: str) -> Iterator[str]:
    for key in part.keys() & ({"cache_control"} if kind in _SAID else {"cache_control", "annotations", "citations"}):
        yield f"{place}.{key}: not a key of this part"
    if "prompt_cache_breakpoint" in part:
        mark = part["prompt_cache_breakpoint"]
        if kind not in _IN_OUTPUT or not isinstance(mark, Mapping) or mark.get("mode") != "explicit":
            yield f"{place}.prompt_cache_breakpoint: not here, or not explicit"
    if kind in ("input_text", "output_text", "refusal"):
        text = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            yield f"{place}: must have a string"
        elif not text.strip():
            yield f"{place}: is blank"
    for member, what in (("image_url", str), ("file_id", str), ("file_data", str), ("file_url", str)):
        if part.get(member) is not None and not isinstance(part[member], what):
            yield f"{place}.{member}: must be a string"


def _call(item: Mapping[str, Any], kind: str, place: str) -> Iterator[str]:
    call_id = item.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        yield f"{place}.call_id: must be a non-empty string"
    elif len(call_id) > MAX_ID:
        yield f"{place}.call_id: {len(call_id)} characters are more than {MAX_ID}"
    if kind == "custom_tool_call" and not isinstance(item.get("input"), str):
        yield f"{place}.input: must be a string"
    if kind != "function_call":
        return
    if not isinstance(item.get("arguments"), str):
        yield f"{place}.arguments: must be a string"
        return
    try:
        decoded = json.loads(item["arguments"])
    except (ValueError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        yield f"{place}.arguments: must be the text of a JSON object"


def _output(item: Mapping[str, Any], kind: str, place: str) -> Iterator[str]:
    output = item.get("output")
    if kind in ("function_call_output", "custom_tool_call_output"):
        if not isinstance(output, str):
            yield from _parts(output, f"{place}.output", _IN_OUTPUT)
    elif kind == "local_shell_call_output" and not isinstance(output, str):
        yield f"{place}.output: must be a string"
    elif kind == "shell_call_output" and not isinstance(output, list):
        yield f"{place}.output: must be a list"
    elif kind == "computer_call_output" and not isinstance(output, Mapping):
        yield f"{place}.output: must be a screenshot"
    elif kind == "apply_patch_call_output" and item.get("status") not in ("completed", "failed"):
        yield f"{place}.status: must be completed or failed"


def _reasoning(item: Mapping[str, Any], place: str) -> Iterator[str]:
    if not isinstance(item.get("summary"), list):
        yield f"{place}.summary: must be a list"
    if not isinstance(item.get("encrypted_content"), str | None):
        yield f"{place}.encrypted_content: must be a string"


# --- items together ----------------------------------------------------------------


def _of_model(item: Mapping[str, Any]) -> bool:
    """Whether an item is a part of a reply."""
    kind = _type(item)
    return item.get("role") == "assistant" if kind == "message" else kind not in _OF_CALLER


def _reasoning_is_followed(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for i, item in enumerate(found):
        if _type(item) == "reasoning" and not (i + 1 < len(found) and _of_model(found[i + 1])):
            yield f"input[{i}]: reasoning was provided without its required following item"
        if _type(item) == "compaction_trigger" and i + 1 < len(found):
            yield f"input[{i}]: a compaction_trigger must be the last item"


def _pairs(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each call has one output behind it, each output a call before it (or a reference, that may be one)."""
    waiting: dict[str, tuple[str, int]] = {}
    asked: set[Any] = set()
    referred = False
    for i, item in enumerate(found):
        kind = _type(item)
        referred = referred or kind == "item_reference"
        if kind in _CALLS and isinstance(item.get("call_id"), str):
            waiting[item["call_id"]] = (kind, i)
        elif kind in _OUTPUTS:
            calls, key = _OUTPUTS[kind]
            name = item.get("call_id", item.get(key))
            call = waiting.pop(name, None) if isinstance(name, str) else None
            if call is None and not referred:
                yield f"input[{i}]: no tool call found for the output with call_id {name}"
            elif call is not None and call[0] not in calls:
                yield f"input[{i}].type: {kind} does not answer a {call[0]}"
        elif kind == "mcp_approval_request":
            asked.add(item.get("id"))
        elif kind == "mcp_approval_response" and item.get("approval_request_id") not in asked and not referred:
            yield f"input[{i}].approval_request_id: there is no such request"
    for name, (_, i) in waiting.items():
        yield f"input[{i}]: no tool output found for call {name}"


def _unique_ids(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    calls: set[str] = set()
    for i, item in enumerate(found):
        name = item.get("id") if _type(item) != "local_shell_call_output" else None
        if "id" in item and name is not None and (not isinstance(name, str) or not name):
            yield f"input[{i}].id: must be a non-empty string or absent"
        elif name in seen:
            yield f"input[{i}].id: duplicate item {name}"
        elif name is not None:
            seen.add(name)
        call = item.get("call_id") if _type(item) in _CALLS else None
        if isinstance(call, str) and call in calls:
            yield f"input[{i}].call_id: {call} is there twice"
        elif isinstance(call, str):
            calls.add(call)
