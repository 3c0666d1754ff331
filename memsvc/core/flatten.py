"""What a stored message says, as plain text: the view that summaries are made from.

One reader for all three formats: their block names do not collide, so a message is read by the
shape of its parts. It never raises: what it cannot read becomes nothing, or the name of its type.
Thinking is not part of what was said and is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

import orjson
from msgspec import Struct

from memsvc.core.model import Entry

Role = Literal["user", "assistant", "tool", "system"]
Kind = Literal["text", "call", "result", "error", "media"]

_ROLES: dict[object, Role] = {
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
    "system": "system",
    "developer": "system",
}
_TEXT = frozenset({"text", "input_text", "output_text", "refusal", "summary_text"})
_SILENT = frozenset(
    {"thinking", "redacted_thinking", "reasoning", "compaction", "compaction_trigger", "item_reference"}
    | {"configuration_update", "mcp_list_tools", "program_output"}
)
_BESIDE_ARGUMENTS = frozenset(
    {"type", "id", "call_id", "status", "caller", "name", "output", "outputs", "result", "results", "error", "tools"}
    | {"server_label", "container_id", "approval_request_id", "encrypted_content", "fingerprint", "execution", "env"}
)
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_MAX_DEPTH = 6  # how deep content may nest inside content before its text no longer matters
_MAX_LEAVES = 200  # values of one call's arguments


class Piece(Struct, frozen=True, gc=False):
    """One part of a message.

    Attributes:
        text: what it says; for a call its arguments as `key=value` text, for media its type.
        name: the tool's name, for calls only.
    """

    kind: Kind
    text: str
    name: str = ""


class Said(Struct, frozen=True, gc=False):
    """One message as plain text, its parts in order; `name` is what the caller called a user who sent it."""

    seq: int
    role: Role
    pieces: tuple[Piece, ...]
    name: str = ""

    @property
    def text(self) -> str:
        """What the speaker wrote: calls, results and media left out."""
        return "\n".join(p.text for p in self.pieces if p.kind == "text")

    @property
    def whole(self) -> str:
        """Everything in it: calls as `name arguments`, results as their text, media as `[type]`."""
        return "\n".join(
            f"{p.name} {p.text}".strip() if p.kind == "call" else f"[{p.text}]" if p.kind == "media" else p.text
            for p in self.pieces
        )


def said(entry: Entry) -> Said:
    """Read one message. Content that cannot be read gives a message without pieces."""
    value = _load(entry.raw)
    if not isinstance(value, dict):
        return Said(entry.seq, "user", ())
    role = _ROLES.get(_hashable(value.get("role")), _role_of_item(value.get("type")))
    pieces = tuple(p for p in _message(value, role) if p.text.strip() or p.name)
    name = value.get("name") if role == "user" and "role" in value else None
    return Said(entry.seq, role, pieces, name if isinstance(name, str) else "")


def _load(raw: bytes) -> object:
    """Numbers stay as they were spelled: an identifier of 30 digits must not become a float."""
    try:
        if raw.startswith(b'{"'):  # what json.loads would do, without a new decoder each time
            return _DECODER.decode(raw.decode("utf-8", "surrogatepass"))
        return json.loads(raw, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError:
        try:
            return orjson.loads(raw)
        except ValueError:
            return None
    except ValueError:
        return None


def _hashable(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _role_of_item(kind: object) -> Role:
    """The speaker of a Responses item, which has no role unless it is a message."""
    if not isinstance(kind, str) or kind == "mcp_approval_response":
        return "user"
    if kind in ("configuration_update", "additional_tools"):
        return "system"
    return "tool" if kind.endswith("_output") and kind != "program_output" else "assistant"


def _message(value: dict[str, object], role: Role) -> Iterator[Piece]:
    if "role" not in value and isinstance(value.get("type"), str):
        yield from _item(value, str(value["type"]))
        return
    content = value.get("content")
    if role == "tool":
        yield Piece("result", plain(content))
    else:
        yield from _content(content, 0)
    if isinstance(value.get("refusal"), str):
        yield Piece("text", str(value["refusal"]))
    calls = value.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield from _tool_call(call)
    if isinstance(value.get("function_call"), dict):
        yield from _tool_call({"function": value["function_call"]})


def _item(item: dict[str, object], kind: str) -> Iterator[Piece]:
    """An item of the Responses API that is no message."""
    if kind in _SILENT:
        return
    if kind in ("function_call", "custom_tool_call"):
        yield from _block(item, 0)
    elif kind == "mcp_approval_response":
        yield Piece("text", "approved" if item.get("approve") is True else "not approved")
        yield Piece("text", plain(item.get("reason")))
    elif kind == "image_generation_call":
        yield Piece("media", kind)
        yield Piece("text", plain(item.get("revised_prompt")))
    elif kind.endswith("_output"):
        yield Piece("result", _output(item.get("output")))
    elif kind.endswith("_call") or kind in ("mcp_approval_request", "program"):
        yield from _built_in(item, kind)
    else:
        yield Piece("media", kind)


def _built_in(item: dict[str, object], kind: str) -> Iterator[Piece]:
    """A call of a built-in tool, with what came of it where the provider ran it."""
    arguments = item.get("arguments", {k: v for k, v in item.items() if k not in _BESIDE_ARGUMENTS})
    name = item.get("name")
    yield Piece("call", _arguments(arguments), name if isinstance(name, str) and name else kind.removesuffix("_call"))
    for member in ("output", "outputs", "results"):
        if item.get(member) is not None:
            yield Piece("result", _output(item[member]))
    if item.get("error") is not None:
        yield Piece("error", _arguments(item["error"]))


def _output(output: object) -> str:
    """What a tool gave: text, content parts, the streams of shell commands, or the names of media."""
    parts = output if isinstance(output, list) else [output]
    lines: list[str] = []
    for part in parts:
        streams = [part.get(k) for k in ("stdout", "stderr", "logs", "text")] if isinstance(part, dict) else []
        found = [x for x in streams if isinstance(x, str) and x]
        lines += found or [plain([part])]
    return "\n".join(x for x in lines if x)


def _tool_call(call: object) -> Iterator[Piece]:
    if not isinstance(call, dict):
        return
    for key, arguments in (("function", "arguments"), ("custom", "input")):
        body = call.get(key)
        if isinstance(body, dict):
            yield Piece("call", _arguments(body.get(arguments)), _name(body.get("name")))


def _content(content: object, depth: int) -> Iterator[Piece]:
    if isinstance(content, str):
        yield Piece("text", content)
    elif isinstance(content, list) and depth < _MAX_DEPTH:
        for block in content:
            if isinstance(block, str):
                yield Piece("text", block)
            elif isinstance(block, dict):
                yield from _block(block, depth)


def _block(block: dict[str, object], depth: int) -> Iterator[Piece]:
    kind = block.get("type")
    if not isinstance(kind, str) or kind in _SILENT:
        return
    if kind in _TEXT:
        text = block.get("refusal") if kind == "refusal" else block.get("text")
        yield Piece("text", text if isinstance(text, str) else "")
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        yield Piece("call", _arguments(block.get("input")), _name(block.get("name")))
    elif kind in ("function_call", "custom_tool_call"):
        yield Piece("call", _arguments(block.get("arguments", block.get("input"))), _name(block.get("name")))
    elif kind.endswith("_output"):
        yield Piece("result", plain(block.get("output"), depth + 1))
    elif kind.endswith("tool_result"):
        failed = block.get("is_error") is True
        yield Piece("error" if failed else "result", plain(block.get("content"), depth + 1))
    else:
        yield Piece("media", kind)


def plain(content: object, depth: int = 0) -> str:
    """The text inside a string, a block or a list of blocks; media as `[type]`."""
    if isinstance(content, dict):
        content = [content]
    return "\n".join(f"[{p.text}]" if p.kind == "media" else p.text for p in _content(content, depth))


def _name(value: object) -> str:
    return value if isinstance(value, str) and value else "tool"


def _arguments(value: object) -> str:
    """A call's arguments as `key=value` text: half the tokens of JSON, values as spelled. JSON inside a string
    may escape half a surrogate pair, which no text can carry: it becomes `?`."""
    return _written(value).encode("utf-8", "replace").decode()


def _written(value: object) -> str:
    if isinstance(value, str):
        parsed = _load(value.encode("utf-8", "replace"))
        if not isinstance(parsed, dict):
            return value
        value = parsed
    if isinstance(value, dict) and len(value) == 1:
        only = next(iter(value.values()))
        if isinstance(only, str):
            return only
    return " ".join(_leaves(value))


def _leaves(value: object) -> Iterator[str]:
    """Every scalar with the key it stands under, depth first, at most _MAX_LEAVES."""
    stack: list[tuple[str, object]] = [("", value)]
    left = _MAX_LEAVES
    while stack and left:
        key, item = stack.pop()
        if isinstance(item, dict):
            stack.extend((str(k), v) for k, v in reversed(list(item.items())[:_MAX_LEAVES]))
        elif isinstance(item, list):
            stack.extend((key, v) for v in reversed(item[:_MAX_LEAVES]))
        elif item is not None:
            left -= 1
            text = str(item).lower() if isinstance(item, bool) else str(item)
            yield f"{key}={text}" if key else text
