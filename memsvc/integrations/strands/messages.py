"""Messages of Strands as Anthropic's API takes them, and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from strands.types.content import Message

from memsvc.integrations.parts import Call, Image, Json, Other, Part, Result, Said, Text, Thought, from_wire, to_wire

_KIND = "strands"


def wire_of(message: Message) -> Json:
    """A message of Strands as Anthropic's API takes it."""
    (wire,) = to_wire(Said(message["role"], [p for block in message["content"] for p in _parts(block)]), "anthropic")
    return wire


def message_of(wire: Json) -> Message:
    """The message of Strands that one of Anthropic's stands for."""
    blocks = [_block(part) for said in from_wire(wire, "anthropic") for part in said.parts]
    return {"role": "assistant" if wire["role"] == "assistant" else "user", "content": blocks}


def _parts(block: Any) -> Iterator[Any]:
    match block:
        case {"text": str(text)}:
            yield Text(text)
        case {"json": value}:
            yield Text(json.dumps(value, ensure_ascii=False))
        case {"toolUse": used}:
            yield Call(used["toolUseId"], used["name"], used["input"])
        case {"toolResult": result}:
            told = tuple(part for one in result["content"] for part in _parts(one))
            yield Result(result["toolUseId"], told, result["status"] == "error")
        case {"image": {"format": kind, "source": {"bytes": bytes(data)}}}:
            yield Image(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")
        case {"reasoningContent": {"reasoningText": thought}}:
            yield Thought(thought["text"], thought.get("signature"))
        case {"cachePoint": _}:
            return
        case _:
            yield Other({"type": _KIND, "block": json.loads(json.dumps(block, default=_bytes))})


def _block(part: Part) -> Any:
    match part:
        case Text():
            return {"text": part.text}
        case Call():
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": part.arguments}}
        case Result():
            status = "error" if part.failed else "success"
            return {"toolResult": {"toolUseId": part.id, "status": status, "content": [_block(p) for p in part.parts]}}
        case Image(url=url) if url.startswith("data:image/"):
            kind, _, data = url.removeprefix("data:image/").partition(";base64,")
            return {"image": {"format": kind, "source": {"bytes": base64.b64decode(data)}}}
        case Thought():
            signature = {"signature": part.signature} if part.signature else {}
            return {"reasoningContent": {"reasoningText": {"text": part.text, **signature}}}
        case Other(block={"type": "strands", "block": block}):
            return json.loads(json.dumps(block), object_hook=_unbytes)
        case _:
            return {"text": str(part)}


def _bytes(value: bytes) -> Json:
    return {"$bytes": base64.b64encode(value).decode()}


def _unbytes(value: Json) -> Any:
    return base64.b64decode(value["$bytes"]) if value.keys() == {"$bytes"} else value
