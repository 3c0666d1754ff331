"""Conversations to play: reading them from disk and writing them in any of the three formats.

The conversions are written for the benchmark alone; the service's own are what is being measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

Format = Literal["anthropic", "openai", "responses"]
FORMATS: tuple[Format, ...] = ("anthropic", "openai", "responses")
Json = dict[str, Any]
FILE = "conversations.jsonl"
_LEADING = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as found on disk: Chat Completions messages, each as its own bytes."""

    id: str
    messages: tuple[bytes, ...]
    tools: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Messages that are appended together; `call` = a model call (so a fetch) follows."""

    messages: tuple[bytes, ...]
    call: bool


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation ready to play in one format.

    Attributes:
        put_system: what PUT sets as the system prompt, or None.
        leading: system messages sent at the head of the first append; they get no seq.
        steps: what is appended, in order.
        last_user: for each step, the last user text said up to there; None = none yet.
    """

    id: str
    format: Format
    put_system: str | None
    leading: tuple[bytes, ...]
    tools: tuple[Json, ...]
    steps: tuple[Step, ...]
    last_user: tuple[str | None, ...]

    @property
    def messages(self) -> list[bytes]:
        """Every message that should get a seq, in order."""
        return [m for step in self.steps for m in step.messages]


class _Line(msgspec.Struct):
    messages: list[msgspec.Raw]
    id: str | int | None = None
    tools: list[Any] | str | None = None


def set_name(path: Path) -> str:
    """The name a set is reported under: its folder, or the file without its ending."""
    return path.name if path.is_dir() else (path.parent.name if path.name == FILE else path.stem)


def load(path: Path, limit: int | None = None) -> list[Conversation]:
    """The conversations of a folder (its `conversations.jsonl`) or of one `.jsonl` file.

    Raises ValueError naming the line for anything that is not in the documented shape.
    """
    file = path / FILE if path.is_dir() else path
    decoder = msgspec.json.Decoder(_Line)
    found: list[Conversation] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if limit is not None and len(found) >= limit:
                break
            if not line.strip():
                continue
            try:
                item = decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise ValueError(f"{file.name} line {number}: {error}") from error
            name = str(number) if item.id is None else str(item.id)
            raws = tuple(bytes(m) for m in item.messages)
            found.append(Conversation(name, raws, tuple(_tools(item.tools))))
    return found


def _tools(given: list[Any] | str | None) -> list[Json]:
    """Tool definitions; some sets hold them as JSON text, some as bare functions."""
    tools: list[Json] = json.loads(given or "[]") if isinstance(given, str) else given or []
    return [t if "type" in t else {"type": "function", "function": t} for t in tools]


def script(conversation: Conversation, format: Format) -> Script:
    """The conversation in one format, cut into the appends and calls of a chatbot backend."""
    decoded = [json.loads(raw) for raw in conversation.messages]
    lead = next((i for i, m in enumerate(decoded) if m["role"] not in _LEADING), len(decoded))
    if format == "openai":
        raws, tools = list(conversation.messages[lead:]), conversation.tools
        values, leading, put_system = decoded[lead:], conversation.messages[:lead], None
    elif format == "responses":
        values, tools = to_responses(decoded[lead:]), tuple(tool_to_responses(t) for t in conversation.tools)
        raws = [json.dumps(m, ensure_ascii=False).encode() for m in values]
        leading = tuple(json.dumps(m, ensure_ascii=False).encode() for m in to_responses(decoded[:lead]))
        put_system = None
    else:
        values, tools = to_anthropic(decoded[lead:]), tuple(tool_to_anthropic(t) for t in conversation.tools)
        raws, leading = [json.dumps(m, ensure_ascii=False).encode() for m in values], ()
        put_system = "\n\n".join(_plain(m["content"]) for m in decoded[:lead]) or None
    cut = steps([role_of(m) for m in values])
    made = tuple(Step(tuple(raws[a:b]), call) for a, b, call in cut)
    heard = tuple(last_user(values[:b]) for _, b, _ in cut)
    return Script(conversation.id, format, put_system, tuple(leading), tools, made, heard)


def steps(roles: Sequence[str]) -> list[tuple[int, int, bool]]:
    """Spans (start, end, call) of messages appended together.

    One model call is made before each assistant message that does not directly follow
    another, none before the first message; a run of assistant messages is one append.
    """
    spans: list[tuple[int, int, bool]] = []
    start = 0
    for i in range(1, len(roles) + 1):
        if i == len(roles):
            spans.append((start, i, False))
        elif (roles[i] == "assistant") != (roles[i - 1] == "assistant"):
            spans.append((start, i, roles[i] == "assistant"))
            start = i
    return spans if roles else []


def role_of(message: Json) -> str:
    """Who speaks: a Responses item that is no message is the assistant's call or a tool's output."""
    if "role" in message:
        return str(message["role"])
    return "tool" if str(message["type"]).endswith("_output") else "assistant"


def last_user(messages: Sequence[Json]) -> str | None:
    """The text of the last message in which the user says something; results are not speech."""
    for message in reversed(messages):
        if role_of(message) == "user":
            text = _plain(message["content"])
            if text.strip():
                return text
    return None


def to_anthropic(messages: Sequence[Json]) -> list[Json]:
    """Chat Completions messages in the shape of the Messages API; results of a run share a message."""
    out: list[Json] = []
    for i, message in enumerate(messages):
        if message["role"] == "tool":
            result = _result(message)
            if i and messages[i - 1]["role"] == "tool":
                out[-1]["content"].append(result)
            else:
                out.append({"role": "user", "content": [result]})
        elif message["role"] == "assistant":
            out.append({"role": "assistant", "content": _answer(message)})
        else:
            role = "user" if message["role"] == "user" else "system"
            out.append({"role": role, "content": _content(message["content"])})
    return out


def to_responses(messages: Sequence[Json]) -> list[Json]:
    """Chat Completions messages as Responses items: a call and a result are items of their own."""
    out: list[Json] = []
    for message in messages:
        role, content = message["role"], message.get("content")
        if role == "tool":
            output = content if isinstance(content, str) else _plain(content)
            out.append({"type": "function_call_output", "call_id": message["tool_call_id"], "output": output})
            continue
        calls = message.get("tool_calls") or []
        if not (calls and (content is None or not _plain(content).strip())):
            said = content if isinstance(content, str) or content is None else [_input(p) for p in content]
            out.append({"type": "message", "role": role, "content": said or ""})
        for call in calls:
            function = call["function"]
            item = {"type": "function_call", "call_id": call["id"], "name": function["name"]}
            out.append({**item, "arguments": function["arguments"]})
    return out


def tool_to_responses(tool: Json) -> Json:
    """One tool definition in the flat shape; anything but a function is passed on as it is."""
    function = tool.get("function")
    return {"type": "function", **function} if isinstance(function, dict) else tool


def _input(part: Json) -> Json:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
    return part


def tool_to_anthropic(tool: Json) -> Json:
    """One tool definition; anything but a function is passed on as it is."""
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    made = {"name": function["name"], "description": function.get("description", "")}
    return {**made, "input_schema": function.get("parameters") or {"type": "object", "properties": {}}}


def _answer(message: Json) -> str | list[Json]:
    calls = message.get("tool_calls") or []
    content = message.get("content")
    if not calls:
        return "" if content is None else _content(content)
    said = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    blocks = [b for b in said if b.get("type") != "text" or b["text"].strip()]
    return blocks + [_call(c) for c in calls]


def _call(call: Json) -> Json:
    arguments = call["function"]["arguments"]
    try:
        value = json.loads(arguments)
    except ValueError:
        value = None
    held = value if isinstance(value, dict) else {"_raw": arguments}
    return {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": held}


def _result(message: Json) -> Json:
    return {
        "type": "tool_result",
        "tool_use_id": message["tool_call_id"],
        "content": _content(message["content"]),
    }


def _content(content: Any) -> str | list[Json]:
    if content is None or isinstance(content, str):
        return content or ""
    return [_part(p) for p in content]


def _part(part: Json) -> Json:
    if part["type"] != "image_url":
        return part
    url: str = part["image_url"]["url"]
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(_texts(content or []))


def _texts(parts: Sequence[Json]) -> Iterator[str]:
    return (p["text"] for p in parts if p.get("type") in ("text", "input_text"))
