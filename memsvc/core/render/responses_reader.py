"""Responses API: taking its items apart. Nothing but InvalidRequest comes out of bad input."""

from __future__ import annotations

import re
from typing import Any, Literal

from memsvc.core.patterns import regex
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Opaque, Result, Text, Thinking, bad, load, shown
from memsvc.core.render.responses_items import PAIRS, PLAIN, kind_of_call, kind_of_output, pair_of
from memsvc.core.render.splice import edit, items, members, obj

ROLES = ("user", "assistant", "system", "developer")
_SAID_BY_USER = ("_output", "_response")
_OF_CALLER = ("compaction_trigger", "configuration_update", "additional_tools")
_DATA_URL = regex(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_NOT_ARGUMENTS = frozenset({"type", "id", "call_id", "status", "caller", "created_by", "execution", "agent"})
_UNREAD = frozenset({"encrypted_content"})

Json = dict[str, Any]


def decode(raw: bytes, where: str) -> Decoded:
    """Take an item apart. Raises InvalidRequest naming the place."""
    item = load(raw, where)
    kind = _type(item, where)
    if kind == "message":
        return _message(item, raw, where)
    item_id = item.get("id")
    found = item_id if isinstance(item_id, str) and item_id else None
    call, output = kind_of_call(kind), kind_of_output(kind)
    if call is not None and _is_paired(item, call, pair_of(call).key):
        block: Block = _call(item, raw, where, call)
        return Decoded("assistant", (block,), raw, "responses", kind, item_id=None if call == "mcp_approval" else found)
    if output is not None and _is_paired(item, output, _output_key(item, output)):
        block = _output(item, raw, where, output)
        return Decoded("user", (block,), raw, "responses", kind, item_id=None if output == "local_shell" else found)
    role, block = _other(item, kind, raw, where)
    return Decoded(role, (block,), raw, "responses", kind, item_id=found)


def _type(item: Json, where: str) -> str:
    """The item's type; the easy forms of a message and of a reference have none."""
    kind = item.get("type")
    if kind is None:
        if "role" in item:
            return "message"
        if isinstance(item.get("id"), str) and item["id"]:
            return "item_reference"
    if not isinstance(kind, str) or not kind:
        raise bad(f"{where}.type", f"must name an item of format responses, got {shown(kind)}")
    if kind in ROLES:
        raise bad(f"{where}.type", f"is a role, {shown(kind)}; a message has it as `role`")
    return kind


def _string(value: Json, name: str, where: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise bad(f"{where}.{name}", "must be a string that is not empty")
    return text


# --- messages ------------------------------------------------------------------


def _message(item: Json, raw: bytes, where: str) -> Decoded:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise bad(f"{where}.role", f"must be one of {', '.join(ROLES)} in format responses, got {shown(role)}")
    content = item.get("content")
    if isinstance(content, str):
        blocks: tuple[Block, ...] = (Text(content),)
    elif isinstance(content, list):
        blocks = _parts(content, members(raw)["content"], f"{where}.content")
    else:
        raise bad(f"{where}.content", "must be a string or a list of content parts")
    item_id = item.get("id")
    speaker: Literal["user", "assistant", "system"] = "system"
    if role in ("user", "assistant"):
        speaker = role  # type: ignore[assignment]
    found = item_id if isinstance(item_id, str) and item_id and role == "assistant" else None
    return Decoded(speaker, blocks, raw, "responses", role, item_id=found)


def _parts(values: list[Any], raw: bytes, where: str) -> tuple[Block, ...]:
    return tuple(_part(v, r, f"{where}[{i}]") for i, (v, r) in enumerate(zip(values, items(raw), strict=True)))


def _part(value: Any, raw: bytes, where: str) -> Block:
    if not isinstance(value, dict):
        raise bad(where, "must be an object")
    kind = _string(value, "type", where)
    match kind:
        case "input_text" | "output_text" | "text" | "refusal":
            name = "refusal" if kind == "refusal" else "text"
            if not isinstance(value.get(name), str):
                raise bad(f"{where}.{name}", "must be a string")
            return Text(value[name], raw)
        case "input_image" | "computer_screenshot":
            if not isinstance(value.get("image_url"), str | None):
                raise bad(f"{where}.image_url", "must be a string")
            return _by_url("image", raw, value.get("image_url"))
        case "input_file":
            return _by_url("file", raw, value.get("file_data") or value.get("file_url"))
        case "input_audio":
            return Media("audio", raw)
        case _:
            return Opaque(kind, raw)


def _by_url(kind: Literal["image", "file"], raw: bytes, url: object) -> Media:
    if not isinstance(url, str) or not url:
        return Media(kind, raw)
    match = _DATA_URL.match(url)
    if match:
        return Media(kind, raw, match.group(1), url[match.end() :])
    return Media(kind, raw, url=url)


# --- calls and outputs -----------------------------------------------------------


def _output_key(item: Json, kind: str) -> str:
    """The member that names the call; a local shell's output may have it under either name."""
    return "call_id" if isinstance(item.get("call_id"), str) else pair_of(kind).output_key


def _is_paired(item: Json, kind: str, key: str) -> bool:
    """Whether an item waits for (or is) an output of the caller's; without an id, or run by the
    provider, it stands for itself."""
    named = isinstance(item.get(key), str)
    if kind == "tool_search":
        return named and item.get("execution") == "client"
    return named or kind in PAIRS


def _call(item: Json, raw: bytes, where: str, kind: str) -> Call:
    key = pair_of(kind).key
    if not isinstance(item.get(key), str):
        raise bad(f"{where}.{key}", "must be a string")
    if kind in PLAIN:
        member = "arguments" if kind == "function" else "input"
        text = item.get(member)
        if not isinstance(text, str | None):
            raise bad(f"{where}.{member}", "must be a string")
        return Call(item[key], _string(item, "name", where), text or "", raw, kind)
    if kind == "mcp_approval" and isinstance(item.get("arguments"), str):
        name = item.get("name")
        return Call(item[key], name if isinstance(name, str) and name else kind, item["arguments"], raw, kind)
    rest = obj((k, v) for k, v in members(raw).items() if k not in _NOT_ARGUMENTS)
    return Call(item[key], kind, rest.decode(), raw, kind)


def _output(item: Json, raw: bytes, where: str, kind: str) -> Result:
    key = _output_key(item, kind)
    if not isinstance(item.get(key), str):
        raise bad(f"{where}.{key}", "must be a string")
    output = item.get("output")
    content: tuple[Block, ...] = ()
    if kind == "mcp_approval":
        content = (Text(f"approve: {str(item.get('approve') is True).lower()}"), *_reason(item))
    elif isinstance(output, str):
        content = (Text(output),)
    elif kind in PLAIN and isinstance(output, list):
        content = _parts(output, members(raw)["output"], f"{where}.output")
    elif kind in PLAIN and output is not None:
        raise bad(f"{where}.output", "must be a string or a list of content parts")
    elif output is not None:
        content = _tool_output(output, members(raw)["output"])
    elif isinstance(item.get("tools"), list):
        content = (Opaque("tools", members(raw)["tools"]),)
    return Result(item[key], content, False, raw, kind)


def _reason(item: Json) -> tuple[Text, ...]:
    reason = item.get("reason")
    return (Text(reason),) if isinstance(reason, str) else ()


def _tool_output(output: object, raw: bytes) -> tuple[Block, ...]:
    """What a built-in tool gave: a screenshot, the streams of shell commands, or anything."""
    values = output if isinstance(output, list) else [output]
    slices = items(raw) if isinstance(output, list) else [raw]
    return tuple(_tool_part(v, r) for v, r in zip(values, slices, strict=True))


def _tool_part(value: object, raw: bytes) -> Block:
    if not isinstance(value, dict):
        return Opaque("output", raw)
    if value.get("type") == "computer_screenshot":
        return _by_url("image", raw, value.get("image_url"))
    streams = [value[k] for k in ("stdout", "stderr", "text") if isinstance(value.get(k), str)]
    return Text("\n".join(x for x in streams if x), raw) if streams else Opaque("output", raw)


# --- everything else -----------------------------------------------------------------


def _other(item: Json, kind: str, raw: bytes, where: str) -> tuple[Literal["user", "assistant"], Block]:
    """An item that is no message, call or output: who it comes from, and what is known of it."""
    match kind:
        case "reasoning":
            return "assistant", _reasoning(item, raw, where)
        case "program":
            return "assistant", Opaque(kind, raw, call=_string(item, "call_id", where))
        case "program_output":
            return "assistant", Opaque(kind, raw, answers=_string(item, "call_id", where))
        case "item_reference":
            _string(item, "id", where)
        case "compaction":
            _string(item, "encrypted_content", where)
        case "image_generation_call" if isinstance(item.get("result"), str):
            said = item.get("revised_prompt")
            return "assistant", Media("image", raw, data=item["result"], text=said if isinstance(said, str) else "")
        case _:
            pass
    block = Opaque(kind, raw, shown=edit(raw, _UNREAD).decode() if "encrypted_content" in item else None)
    of_model = kind == "tool_search_output" or not (kind.endswith(_SAID_BY_USER) or kind in _OF_CALLER)
    return ("assistant" if of_model and item.get("role") in ("assistant", None) else "user"), block


def _reasoning(item: Json, raw: bytes, where: str) -> Thinking:
    if not isinstance(item.get("summary"), list):
        raise bad(f"{where}.summary", "must be a list")
    parts = [*item["summary"], *(item["content"] if isinstance(item.get("content"), list) else [])]
    texts = [p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)]
    return Thinking("\n".join(texts), raw)
