"""Messages API: taking its messages apart. Nothing but InvalidRequest comes out of bad input."""

from __future__ import annotations

from typing import Any

from memsvc.core.render.blocks import (
    Block,
    Call,
    Decoded,
    Media,
    Opaque,
    Result,
    Text,
    Thinking,
    bad,
    load,
    shown,
)
from memsvc.core.render.splice import items, members

ROLES = ("user", "assistant", "system")
_SERVER_CALLS = ("server_tool_use", "mcp_tool_use")
_INSIDE_RESULT = ""  # stands for the role where blocks are those of a tool result


def decode(raw: bytes, where: str) -> Decoded:
    """Take a message apart. Raises InvalidRequest naming the place."""
    msg = load(raw, where)
    role = msg.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise bad(f"{where}.role", f"must be one of {', '.join(ROLES)} in format anthropic, got {shown(role)}")
    if "content" not in msg:
        raise bad(f"{where}.content", "is missing")
    blocks = _content(msg["content"], raw, where, role)
    return Decoded(role, blocks, raw, "anthropic", role)  # type: ignore[arg-type]


def _content(content: object, raw: bytes, where: str, role: str) -> tuple[Block, ...]:
    """The blocks of a member `content`; `raw` is the object that has it."""
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise bad(f"{where}.content", "must be a string or a list of content blocks")
    slices = items(members(raw)["content"])
    return tuple(
        _block(value, part, f"{where}.content[{i}]", role)
        for i, (value, part) in enumerate(zip(content, slices, strict=True))
    )


def _block(value: Any, raw: bytes, where: str, role: str) -> Block:
    if not isinstance(value, dict):
        raise bad(where, "must be an object")
    kind = _string(value, "type", where)
    match kind:
        case "text":
            if not isinstance(value.get("text"), str):
                raise bad(f"{where}.text", "must be a string")
            return Text(value["text"], raw)
        case "tool_use":
            return _call(value, raw, where, role)
        case "tool_result":
            return _result(value, raw, where, role)
        case "thinking" | "redacted_thinking":
            return _thinking(value, raw, where, role)
        case "image" | "document":
            return _media(value, raw)
        case _ if role == "assistant":
            return _server_tool(kind, value, raw, where)
        case _:
            return Opaque(kind, raw)


def _string(value: dict[str, Any], name: str, where: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise bad(f"{where}.{name}", "must be a string that is not empty")
    return text


def _call(value: dict[str, Any], raw: bytes, where: str, role: str) -> Call:
    if role != "assistant":
        raise bad(f"{where}.type", "tool_use belongs in an assistant message")
    if not isinstance(value.get("id"), str):
        raise bad(f"{where}.id", "must be a string")
    name = _string(value, "name", where)
    caller = value.get("caller")
    within = caller.get("tool_id") if isinstance(caller, dict) else None
    arguments = members(raw).get("input", b"").decode()
    return Call(value["id"], name, arguments, raw, within=within if isinstance(within, str) else None)


def _result(value: dict[str, Any], raw: bytes, where: str, role: str) -> Result:
    if role != "user":
        raise bad(f"{where}.type", "tool_result belongs in a user message")
    if not isinstance(value.get("tool_use_id"), str):
        raise bad(f"{where}.tool_use_id", "must be a string")
    error = value.get("is_error")
    if not (error is None or isinstance(error, bool)):
        raise bad(f"{where}.is_error", "must be true or false")
    content = value.get("content")
    inner = () if content is None else _content(content, raw, where, _INSIDE_RESULT)
    return Result(value["tool_use_id"], inner, error is True, raw)


def _thinking(value: dict[str, Any], raw: bytes, where: str, role: str) -> Thinking:
    if role != "assistant":
        raise bad(f"{where}.type", f"{value['type']} belongs in an assistant message")
    text = value.get("thinking")
    proof = value.get("signature" if value["type"] == "thinking" else "data")
    whole = value["type"] == "redacted_thinking" or isinstance(text, str)
    return Thinking(text if isinstance(text, str) else "", raw, whole and isinstance(proof, str) and bool(proof))


def _server_tool(kind: str, value: dict[str, Any], raw: bytes, where: str) -> Opaque:
    """What only an assistant message has: calls that the provider runs, and their results."""
    if kind in _SERVER_CALLS:
        return Opaque(kind, raw, call=_string(value, "id", where))
    if kind.endswith("_tool_result"):
        return Opaque(kind, raw, answers=_string(value, "tool_use_id", where))
    return Opaque(kind, raw)


def _media(value: dict[str, Any], raw: bytes) -> Media:
    source = value.get("source")
    src: dict[str, Any] = source if isinstance(source, dict) else {}
    data, url, media_type = (src[k] if isinstance(src.get(k), str) else None for k in ("data", "url", "media_type"))
    if src.get("type") == "text":
        return Media(value["type"], raw, media_type, text=data or "")
    if src.get("type") == "content":
        return Media(value["type"], raw, media_type, text=_inner_text(src.get("content")))
    return Media(value["type"], raw, media_type, data, url)


def _inner_text(content: object) -> str:
    """The text of a document that is made of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(b["text"] for b in blocks if isinstance(b, dict) and isinstance(b.get("text"), str))
