"""The fixed front of a context: the caller's tools and system prompt, in the target's shape.

What the caller wrote is never edited but for cache marks and output-only members; nothing
here depends on the messages, so these bytes stay the same across epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from memsvc.core.model import Format, System
from memsvc.core.render.blocks import blank
from memsvc.core.render.splice import array, edit, is_empty, items, members, obj, string, with_member

_MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
_NOT_SYSTEM = _MARKS | {"citations", "annotations", "id"}
_NO_PARAMETERS = b'{"type":"object","properties":{}}'


def system_blocks(stored: System | None, target: Format) -> list[bytes]:
    """The system prompt as text blocks of the target; [] = none, or only blank text."""
    if stored is None:
        return []
    value = orjson.loads(stored.content)
    if isinstance(value, str):
        return [] if blank(value) else [text_block(stored.content.strip(), target)]
    pairs = zip(items(stored.content), value, strict=True)
    wrong, right = ("text", b'"input_text"') if target == "responses" else ("input_text", b'"text"')
    return [
        edit(raw, _NOT_SYSTEM, {"type": right} if block.get("type") == wrong else None)
        for raw, block in pairs
        if not _is_blank(block)
    ]


def system_string(stored: System | None) -> bytes | None:
    """The system prompt as one JSON string, or None if it was not given as one."""
    text = stored.content.strip() if stored is not None else b""
    return text if text.startswith(b'"') and not blank(orjson.loads(text)) else None


def system_message(stored: System | None, target: Format, breakpoint: bytes | None) -> bytes | None:
    """The system prompt as a message, `breakpoint` (a JSON member) on its last part; None = none."""
    blocks = system_blocks(stored, target)
    if stored is None or not blocks:
        return None
    if breakpoint is not None:
        content = array([*blocks[:-1], with_member(blocks[-1], breakpoint)])
    elif target == "responses":
        content = system_string(stored) or array(blocks)
    else:
        content = system_string(stored) or (members(blocks[0])["text"] if len(blocks) == 1 else array(blocks))
    if target == "responses":
        return obj([("type", b'"message"'), ("role", b'"developer"'), ("content", content)])
    return obj([("role", string(stored.role)), ("content", content)])


def text_block(json_string: bytes, target: Format) -> bytes:
    """A text that is not the model's, as a block of the target."""
    kind = b"input_text" if target == "responses" else b"text"
    return b'{"type":"' + kind + b'","text":' + json_string + b"}"


def _is_blank(block: Mapping[str, Any]) -> bool:
    return block.get("type") in ("text", "input_text") and blank(str(block.get("text", "")))


def tool_list(raw: bytes | None, target: Format) -> list[bytes]:
    """The tools in the target's shape, the caller's marks removed. One that the target cannot
    have (a tool that the other provider runs itself) is left out."""
    if raw is None:
        return []
    pairs = zip(items(raw), orjson.loads(raw), strict=True)
    return [t for part, tool in pairs if (t := _tool(edit(part, _MARKS), tool, target)) is not None]


def _tool(raw: bytes, tool: Mapping[str, Any], target: Format) -> bytes | None:
    """One tool for the target, None if it cannot have it."""
    written = _format_of(tool)
    if written == target:
        return raw
    parts = members(raw)
    if tool.get("type") == "custom" and written != "anthropic":
        return _free(parts, target)
    if written == "openai" and isinstance(tool.get("function"), dict):
        parts, tool = members(parts["function"]), tool["function"]
    elif not isinstance(tool.get("input_schema"), dict) and not (written == "responses" and _is_function(tool)):
        return None
    return _function(parts, tool, target)


def _format_of(tool: Mapping[str, Any]) -> Format:
    """Whose tool it is. Each API has tools of a kind that only it knows; new ones may come."""
    kind = tool.get("type")
    if isinstance(tool.get("input_schema"), dict):
        return "anthropic"
    if isinstance(tool.get("function"), dict) or (kind == "custom" and "custom" in tool):
        return "openai"
    if kind in ("function", "custom", "namespace"):
        return "responses"
    named = "name" in tool or not isinstance(kind, str) or kind == "mcp_toolset"
    return "anthropic" if named else "responses"


def _is_function(tool: Mapping[str, Any]) -> bool:
    return tool.get("type") == "function" and isinstance(tool.get("name"), str)


def _function(parts: Mapping[str, bytes], tool: Mapping[str, Any], target: Format) -> bytes:
    """A function in the target's shape, from the members that name, describe and shape it."""
    pairs = [(k, parts[k]) for k in ("name", "description") if not is_empty(parts.get(k, b"null"))]
    name = "input_schema" if "input_schema" in tool else "parameters"
    schema = _schema(parts, name, tool.get(name))
    if target == "anthropic":
        return obj([*pairs, ("input_schema", schema)])
    strict = tool.get("strict") is True
    if target == "openai":
        more = [("strict", b"true")] if strict else []
        return obj([("type", b'"function"'), ("function", obj([*pairs, ("parameters", schema), *more]))])
    said = b"true" if strict else b"false"  # absent would mean true here, and false in the other APIs
    return obj([("type", b'"function"'), *pairs, ("parameters", schema), ("strict", said)])


def _schema(parts: Mapping[str, bytes], name: str, parameters: object) -> bytes:
    """The parameters as a schema: one that says nothing takes no arguments, and a type is a must."""
    if not isinstance(parameters, dict) or not parameters:
        return _NO_PARAMETERS
    return parts[name] if isinstance(parameters.get("type"), str) else edit(parts[name], (), {"type": b'"object"'})


def _free(parts: Mapping[str, bytes], target: Format) -> bytes | None:
    """A custom tool, whose input is free text. OpenAI's two APIs nest it in different ways."""
    if target == "anthropic":
        return None
    if target == "openai":
        inner = {k: v for k, v in parts.items() if k in ("name", "description", "format")}
        if b'"grammar"' in inner.get("format", b"") and inner["format"].startswith(b"{"):
            how = members(inner["format"])
            grammar = obj((k, how[k]) for k in ("definition", "syntax") if k in how)
            inner["format"] = obj([("type", b'"grammar"'), ("grammar", grammar)])
        return obj([("type", b'"custom"'), ("custom", obj(inner.items()))])
    inner = members(parts["custom"]) if parts.get("custom", b"").startswith(b"{") else {}
    how = members(inner["format"]) if inner.get("format", b"").startswith(b"{") else {}
    if how.get("grammar", b"").startswith(b"{"):
        inner["format"] = obj([("type", b'"grammar"'), *members(how["grammar"]).items()])
    return obj([("type", b'"custom"'), *((k, v) for k, v in inner.items() if k != "type")])
