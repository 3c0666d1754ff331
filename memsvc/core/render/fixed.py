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


def system_blocks(stored: System | None) -> list[bytes]:
    """The system prompt as text blocks that both formats take; [] = none, or only blank text."""
    if stored is None:
        return []
    value = orjson.loads(stored.content)
    if isinstance(value, str):
        return [] if blank(value) else [_text(stored.content.strip())]
    pairs = zip(items(stored.content), value, strict=True)
    return [edit(raw, _NOT_SYSTEM) for raw, block in pairs if not _is_blank(block)]


def system_string(stored: System | None) -> bytes | None:
    """The system prompt as one JSON string, or None if it was not given as one."""
    text = stored.content.strip() if stored is not None else b""
    return text if text.startswith(b'"') and not blank(orjson.loads(text)) else None


def system_message(stored: System | None, breakpoint: bytes | None) -> bytes | None:
    """The system prompt as a message, `breakpoint` (a JSON member) on its last part; None = none."""
    blocks = system_blocks(stored)
    if stored is None or not blocks:
        return None
    if breakpoint is not None:
        content = array([*blocks[:-1], with_member(blocks[-1], breakpoint)])
    else:
        content = system_string(stored) or (members(blocks[0])["text"] if len(blocks) == 1 else array(blocks))
    return obj([("role", string(stored.role)), ("content", content)])


def _text(json_string: bytes) -> bytes:
    return b'{"type":"text","text":' + json_string + b"}"


def _is_blank(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "text" and blank(str(block.get("text", "")))


def tool_list(raw: bytes | None, target: Format) -> list[bytes]:
    """The tools in the target's shape, the caller's marks removed. One that the target cannot
    have (a server tool of the other provider) is left out."""
    if raw is None:
        return []
    write = _for_anthropic if target == "anthropic" else _for_openai
    pairs = zip(items(raw), orjson.loads(raw), strict=True)
    return [t for part, tool in pairs if (t := write(edit(part, _MARKS), tool)) is not None]


def _for_anthropic(raw: bytes, tool: Mapping[str, Any]) -> bytes | None:
    function = tool.get("function")
    if not isinstance(function, dict):
        foreign = tool.get("type") in ("function", "custom") and "input_schema" not in tool
        return None if foreign else raw
    inner = members(members(raw)["function"])
    pairs = [(k, inner[k]) for k in ("name", "description") if not is_empty(inner.get(k, b"null"))]
    return obj([*pairs, ("input_schema", _schema(inner, function.get("parameters")))])


def _schema(inner: Mapping[str, bytes], parameters: object) -> bytes:
    """The parameters as a schema: one that says nothing takes no arguments, and a type is a must."""
    if not isinstance(parameters, dict) or not parameters:
        return _NO_PARAMETERS
    raw = inner["parameters"]
    return raw if isinstance(parameters.get("type"), str) else edit(raw, (), {"type": b'"object"'})


def _for_openai(raw: bytes, tool: Mapping[str, Any]) -> bytes | None:
    if not isinstance(tool.get("input_schema"), dict):
        return raw if tool.get("type") in ("function", "custom") and ("function" in tool or "custom" in tool) else None
    parts = members(raw)
    pairs = [(k, parts[k]) for k in ("name", "description") if not is_empty(parts.get(k, b"null"))]
    return obj([("type", b'"function"'), ("function", obj([*pairs, ("parameters", parts["input_schema"])]))])
