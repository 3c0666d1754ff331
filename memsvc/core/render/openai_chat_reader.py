"""Chat Completions: taking its messages apart. Nothing but InvalidRequest comes out of bad input."""

from __future__ import annotations

import re
from typing import Any, Literal

from memsvc.core.patterns import regex
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Opaque, Result, Text, bad, load, shown
from memsvc.core.render.splice import items, members

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MAY_LACK_CONTENT = ("assistant", "tool", "function")
_DATA_URL = regex(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)


def decode(raw: bytes, where: str) -> Decoded:
    """Take a message apart. Raises InvalidRequest naming the place."""
    msg = load(raw, where)
    role = msg.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise bad(f"{where}.role", f"must be one of {', '.join(ROLES)} in format openai, got {shown(role)}")
    content = _content(msg, raw, where, role)
    if role in ("tool", "function"):
        return _tool(msg, raw, where, content)
    if role == "assistant":
        blocks = (*content, *_beside_content(msg, raw, where), *_calls(msg, raw, where))
        return Decoded("assistant", blocks, raw, "openai", role)
    name = msg.get("name")
    if not (name is None or isinstance(name, str)):
        raise bad(f"{where}.name", "must be a string")
    return Decoded("user" if role == "user" else "system", content, raw, "openai", role, name or None)


def _content(msg: dict[str, Any], raw: bytes, where: str, role: str) -> tuple[Block, ...]:
    content = msg.get("content")
    if isinstance(content, str):
        return (Text(content),)
    if isinstance(content, list):
        slices = items(members(raw)["content"])
        return tuple(_part(v, r, f"{where}.content[{i}]") for i, (v, r) in enumerate(zip(content, slices, strict=True)))
    if content is None and role in _MAY_LACK_CONTENT:
        return ()
    raise bad(f"{where}.content", "must be a string or a list of content parts")


def _part(value: Any, raw: bytes, where: str) -> Block:
    if not isinstance(value, dict):
        raise bad(where, "must be an object")
    kind = _string(value, "type", where)
    match kind:
        case "text" | "refusal":
            if not isinstance(value.get(kind), str):
                raise bad(f"{where}.{kind}", "must be a string")
            return Text(value[kind], raw)
        case "image_url":
            image = value.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str):
                raise bad(f"{where}.image_url", "must be an object with a string `url`")
            return _by_url("image", raw, url)
        case "input_audio":
            return Media("audio", raw)
        case "file":
            file = value.get("file")
            return _by_url("file", raw, file.get("file_data") if isinstance(file, dict) else None)
        case _:
            return Opaque(kind, raw)


def _string(value: dict[str, Any], name: str, where: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise bad(f"{where}.{name}", "must be a string that is not empty")
    return text


def _by_url(kind: Literal["image", "file"], raw: bytes, url: object) -> Media:
    if not isinstance(url, str):
        return Media(kind, raw)
    match = _DATA_URL.match(url)
    if match:
        return Media(kind, raw, match.group(1), url[match.end() :])
    return Media(kind, raw, url=url)


def _beside_content(msg: dict[str, Any], raw: bytes, where: str) -> list[Block]:
    """What an assistant says outside of `content`: a refusal, or spoken audio by its id."""
    blocks: list[Block] = []
    refusal, audio = msg.get("refusal"), msg.get("audio")
    if not (refusal is None or isinstance(refusal, str)):
        raise bad(f"{where}.refusal", "must be a string")
    if refusal:
        blocks.append(Text(refusal))
    if audio is not None:
        if not isinstance(audio, dict):
            raise bad(f"{where}.audio", "must be an object")
        transcript = audio.get("transcript")
        said = transcript if isinstance(transcript, str) else ""
        blocks.append(Media("audio", members(raw)["audio"], text=said))
    return blocks


def _calls(msg: dict[str, Any], raw: bytes, where: str) -> tuple[Call, ...]:
    calls, legacy = msg.get("tool_calls"), msg.get("function_call")
    if not (calls is None or isinstance(calls, list)):
        raise bad(f"{where}.tool_calls", "must be a list")
    if not (legacy is None or isinstance(legacy, dict)):
        raise bad(f"{where}.function_call", "must be an object")
    if calls:
        slices = items(members(raw)["tool_calls"])
        return tuple(
            _call(v, r, f"{where}.tool_calls[{i}]") for i, (v, r) in enumerate(zip(calls, slices, strict=True))
        )
    if legacy is None:
        return ()
    name = _string(legacy, "name", f"{where}.function_call")
    return (Call(_legacy_id(name), name, _text(legacy, "arguments", f"{where}.function_call"), b""),)


def _call(value: Any, raw: bytes, where: str) -> Call:
    if not isinstance(value, dict):
        raise bad(where, "must be an object")
    if not isinstance(value.get("id"), str):
        raise bad(f"{where}.id", "must be a string")
    custom = value.get("type") == "custom"
    kind, text = ("custom", "input") if custom else ("function", "arguments")
    body = value.get(kind)
    if not isinstance(body, dict):
        raise bad(f"{where}.{kind}", "must be an object with a string `name`")
    name = _string(body, "name", f"{where}.{kind}")
    return Call(value["id"], name, _text(body, text, f"{where}.{kind}"), raw, kind)


def _text(value: dict[str, Any], name: str, where: str) -> str:
    text = value.get(name)
    if not (text is None or isinstance(text, str)):
        raise bad(f"{where}.{name}", "must be a string (JSON as text)")
    return text or ""


def _tool(msg: dict[str, Any], raw: bytes, where: str, content: tuple[Block, ...]) -> Decoded:
    role = str(msg["role"])
    if role == "function":
        call_id = _legacy_id(_string(msg, "name", where))
    elif isinstance(msg.get("tool_call_id"), str):
        call_id = str(msg["tool_call_id"])
    else:
        raise bad(f"{where}.tool_call_id", "must be a string")
    return Decoded("user", (Result(call_id, content, False, raw),), raw, "openai", role)


def _legacy_id(name: str) -> str:
    """The deprecated function_call has no id; its function's name pairs it with its answer."""
    return f"function_{name}"
