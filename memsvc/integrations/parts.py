"""What a message says, between a framework's classes and the vendors' wire formats.

An adapter whose framework has messages of its own turns them into `Said` and back; both wire formats are here, once.
What neither format knows is kept as a block of the adapter's own type, which comes back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Wire = Literal["anthropic", "openai"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: an address, or a data URL."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `arguments` as the model wrote them (text), or read."""

    id: str
    name: str
    arguments: str | Json


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    id: str
    parts: tuple[Text | Image | Other, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning. `signature` = the vendor's proof of it; None = none."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A block that is kept as it is; its `type` tells whose it is."""

    block: Json


Part = Text | Image | Call | Result | Thought | Other


@dataclass(frozen=True, slots=True)
class Said:
    """A message. `role` is system, developer, user, assistant or tool.

    Attributes:
        name: who of several speaks; None = not said. Only the format `openai` has it.
        id: in the log alone, no model gets it.
    """

    role: str
    parts: Sequence[Part]
    name: str | None = None
    id: str | None = None


def to_wire(said: Said, format: Wire) -> list[Json]:
    """A message as the vendor's API takes it: one for each result in the format `openai`, else one."""
    results = [part for part in said.parts if isinstance(part, Result)]
    rest = [part for part in said.parts if not isinstance(part, Result)]
    about = {"id": said.id} if said.id else {}
    if format == "anthropic":
        role = "user" if said.role == "tool" else said.role
        blocks = [_anthropic(part) for part in [*results, *rest]]
        return [{"role": role, "content": _brief(blocks), **about}]
    wires: list[Json] = [
        {"role": "tool", "tool_call_id": r.id, "content": _brief([_openai(p) for p in r.parts]), **about}
        for r in results
    ]
    if rest or not results:
        wires.append({**_spoken(said, rest), **about})
    return wires


def from_wire(wire: Json, format: Wire) -> list[Said]:
    """The messages that one of the vendor's stands for: results of tools are messages of their own."""
    content = wire.get("content") or []
    blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    about = {"name": wire.get("name"), "id": wire.get("id")}
    if format == "openai" and wire["role"] == "tool":
        parts = tuple(_part(block) for block in blocks)
        return [Said("tool", [Result(wire["tool_call_id"], parts)], **about)]
    read: list[Part] = [_part(block) for block in blocks]
    if wire.get("reasoning_content"):
        read.insert(0, Thought(wire["reasoning_content"]))
    calls = wire.get("tool_calls") or ()
    read += [Call(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls]
    results = [part for part in read if isinstance(part, Result)]
    rest = [part for part in read if not isinstance(part, Result)]
    found = [Said("tool", results, **about)] if results else []
    return found + ([Said(wire["role"], rest, **about)] if rest or not results else [])


def _spoken(said: Said, parts: list[Any]) -> Json:
    thought = "".join(p.text for p in parts if isinstance(p, Thought) and not p.signature)
    blocks = [_openai(p) for p in parts if not isinstance(p, Call) and not (isinstance(p, Thought) and not p.signature)]
    calls = [
        {"type": "function", "id": p.id, "function": {"name": p.name, "arguments": _written(p.arguments)}}
        for p in parts
        if isinstance(p, Call)
    ]
    wire: Json = {"role": said.role, "content": _brief(blocks)}
    more = {"name": said.name, "reasoning_content": thought, "tool_calls": calls}
    return wire | {name: value for name, value in more.items() if value}


def _brief(blocks: list[Json]) -> str | list[Json]:
    """A single text as a string."""
    if not blocks or (len(blocks) == 1 and blocks[0].keys() == {"type", "text"}):
        return "".join(block["text"] for block in blocks)
    return blocks


def _openai(part: Part) -> Json:
    match part:
        case Image():
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": part.url, **detail}}
        case _:
            return _anthropic(part)


def _anthropic(part: Part) -> Json:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image", "source": _source(part.url)}
        case Call():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _read(part.arguments)}
        case Result():
            failed = {"is_error": True} if part.failed else {}
            content = _brief([_anthropic(p) for p in part.parts])
            return {"type": "tool_result", "tool_use_id": part.id, "content": content, **failed}
        case Thought():
            signature = {"signature": part.signature} if part.signature else {}
            return {"type": "thinking", "thinking": part.text, **signature}
        case Other():
            return part.block


def _part(block: Json) -> Any:
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text)
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            detail: Any = more.get("detail")
            return Image(url, detail)
        case {"type": "image", "source": {"type": "url", "url": url}}:
            return Image(url)
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return Image(f"data:{kind};base64,{data}")
        case {"type": "tool_use"}:
            return Call(block["id"], block["name"], block["input"])
        case {"type": "tool_result"}:
            return Result(block["tool_use_id"], tuple(_parts(block.get("content") or "")), bool(block.get("is_error")))
        case {"type": "thinking"}:
            return Thought(block["thinking"], block.get("signature"))
        case _:
            return Other(block)


def _parts(content: str | Iterable[Json]) -> Iterator[Any]:
    if isinstance(content, str):
        if content:
            yield Text(content)
    else:
        yield from map(_part, content)


def _source(url: str) -> Json:
    if url.startswith("data:"):
        kind, _, data = url.removeprefix("data:").partition(";base64,")
        return {"type": "base64", "media_type": kind, "data": data}
    return {"type": "url", "url": url}


def _written(arguments: str | Json) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _read(arguments: str | Json) -> Json:
    if not isinstance(arguments, str):
        return arguments
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"_raw": arguments}
