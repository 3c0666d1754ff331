"""Reading transcripts: one conversation a line, dumps of message lists, and the logs of Claude Code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from memsvc.core.model import Format

BEGIN = 1_700_000_000.0
"""Time of the first message where a transcript tells no times."""
STEP_S = 1.0
"""Seconds between two messages then: all of it is hot."""
Json = dict[str, Any]


class BadTranscript(ValueError):
    """A file that cannot be read as conversations; the text says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to play.

    Attributes:
        messages: in the order in which they were said, in `format`.
        at: seconds, one a message, never going back.
        system, tools: as the request had them; None = nothing.
    """

    id: str
    messages: tuple[Json, ...]
    at: tuple[float, ...]
    format: Format
    system: Any = None
    tools: Any = None
    model: str | None = field(default=None)

    def calls(self) -> list[int]:
        """How many messages each model call was sent: one before each reply that follows no other reply."""
        replies = [_replies(m) for m in self.messages]
        return [n for n in range(1, len(replies)) if replies[n] and not replies[n - 1]]


def read(path: Path, format: Format | None = None) -> list[Conversation]:
    """All conversations of a file that have a message. Raises BadTranscript or OSError."""
    raw = path.read_bytes()
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError:
        whole = None
    lines = [(1, whole)] if whole is not None else list(_lines(raw))
    if not lines:
        raise BadTranscript(f"{path} is empty; it must have one conversation a line")
    values = [value for _, value in lines]
    if all(isinstance(v, dict) and "messages" not in v for v in values) and any("sessionId" in v for v in values):
        return list(_claude_code(values))
    return [c for number, value in lines if (c := _conversation(value, number, path.stem, format)).messages]


def _lines(raw: bytes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(raw.splitlines(), start=1):
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError as wrong:
                raise BadTranscript(f"line {number} is no JSON: {wrong}") from None


def _conversation(value: Any, number: int, name: str, format: Format | None) -> Conversation:
    if isinstance(value, list):
        value = {"messages": value}
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise BadTranscript(f'line {number} has no list `messages`; a conversation is {{"id", "messages": [...]}}')
    system = value.get("system")
    if system is None and messages and messages[0].get("role") in ("system", "developer"):
        system, messages = messages[0].get("content"), messages[1:]
    at = value.get("at")
    times = _times(at, len(messages), number)
    told = value.get("format") or format or guessed(messages)
    id = str(value.get("id") or f"{name}-{number}")
    return Conversation(
        id, tuple(messages), times, told, system, _tools(value.get("tools"), number, told), value.get("model")
    )


def _tools(tools: Any, line: int, format: Format) -> list[Json] | None:
    """As objects of the API; some data sets keep them as JSON text, or the function of each alone."""
    try:
        tools = orjson.loads(tools) if isinstance(tools, str) else tools
        found = [orjson.loads(t) if isinstance(t, str) else t for t in tools or []]
    except (TypeError, orjson.JSONDecodeError):
        found = [None]
    if not all(isinstance(t, dict) for t in found):
        raise BadTranscript(f"line {line}: `tools` must be a list of objects")
    if format == "openai":
        found = [t if "type" in t else {"type": "function", "function": t} for t in found]
    return found or None


def _times(at: Any, number: int, line: int) -> tuple[float, ...]:
    if at is None:
        return tuple(BEGIN + n * STEP_S for n in range(number))
    if not isinstance(at, list) or not all(isinstance(t, (int, float)) for t in at) or len(at) < number:
        raise BadTranscript(f"line {line}: `at` must have a number of seconds for each message")
    return _rising(float(t) for t in at[len(at) - number :])


def _rising(times: Iterable[float]) -> tuple[float, ...]:
    found: list[float] = []
    for t in times:
        found.append(max(t, found[-1]) if found else t)
    return tuple(found)


def guessed(messages: Iterable[Json]) -> Format:
    """Which API a list of messages was for: `openai` where nothing tells."""
    for message in messages:
        if message.get("role") == "tool" or message.get("tool_calls"):
            return "openai"
        if "role" not in message or message.get("type") in ("message", "function_call", "reasoning"):
            return "responses"
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if any(isinstance(b, dict) and b.get("type") in ("tool_use", "tool_result", "thinking") for b in blocks):
            return "anthropic"
    return "openai"


def _replies(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant" or message.get("type") in ("function_call", "reasoning")


def _claude_code(events: list[Json]) -> Iterator[Conversation]:
    """Claude Code writes an event a line; a reply of several blocks is several lines with one message id."""
    sessions: dict[str, list[Json]] = {}
    for event in events:
        if event.get("type") in ("user", "assistant") and not event.get("isSidechain"):
            sessions.setdefault(str(event.get("sessionId")), []).append(event)
    for name, found in sessions.items():
        messages: list[Json] = []
        times: list[float] = []
        last, model = None, None
        for event in found:
            message = event.get("message")
            if not isinstance(message, dict) or not message.get("content"):
                continue
            id = message.get("id")
            model = message.get("model") or model
            content = message["content"]
            if id is not None and id == last and isinstance(content, list):
                messages[-1]["content"].extend(content)
                continue
            blocks = list(content) if isinstance(content, list) else content
            messages.append({"role": message.get("role", event["type"]), "content": blocks})
            times.append(_moment(event.get("timestamp"), times))
            last = id if isinstance(blocks, list) else None
        if messages:
            yield Conversation(name, tuple(messages), _rising(times), "anthropic", model=model)


def _moment(text: Any, before: list[float]) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return before[-1] + STEP_S if before else BEGIN
