"""Recorded conversations as a client of a vendor's API holds them, call by call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.corpus import Conversation, Format, Json, role_of, script
from memsvc.testing.provider import Answer, ToolCall

PREFIXES = ("call_", "toolu_")
"""How the vendors' ids of calls begin."""
_BLANK_TEXTS = ("text", "input_text", "output_text")
Part = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a client adds to the conversation before a call, and what it gets.

    Attributes:
        said: its messages, with such of the assistant that came without a call.
        answer: messages, or Responses items, of the recorded answer.
    """

    said: tuple[Json, ...]
    answer: tuple[Json, ...]

    @property
    def asks(self) -> bool:
        """Whether it begins with what a person said, so that it can follow on anything."""
        return bool(self.said) and role_of(self.said[0]) == "user" and not _results(self.said[0])

    @property
    def calls(self) -> bool:
        """Whether the answer has calls of tools."""
        return any(part[0] == "call" for part in told(self.answer))


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation in one format. `system`: the text of its system prompt; None = it has none."""

    id: str
    format: Format
    system: str | None
    tools: tuple[Json, ...]
    exchanges: tuple[Exchange, ...]


def talk(conversation: Conversation, format: Format) -> Talk:
    """The conversation as it is held in a format, with ids as the vendor makes them."""
    read = script(conversation, format)
    system = read.put_system
    if read.leading:
        system = "\n\n".join(t for raw in read.leading for t in _texts(json.loads(raw)["content"])) or None
    prefix = "toolu_" if format == "anthropic" else "call_"
    exchanges: list[Exchange] = []
    pending: list[Json] = []
    due = False
    for step in read.steps:
        messages = [_named(json.loads(raw), prefix) for raw in step.messages]
        if due:
            size = _one_answer(messages, format)
            exchanges.append(Exchange(tuple(pending), tuple(messages[:size])))
            pending, messages = [], messages[size:]
        pending += messages
        due = step.call
    return Talk(read.id, format, system, read.tools, tuple(exchanges))


def answer_of(messages: Sequence[Json]) -> Answer:
    """What the provider is to answer."""
    parts = told(messages)
    text = "".join(part[1] for part in parts if part[0] == "assistant")
    calls = tuple(ToolCall(_bare(id), name, json.loads(given)) for kind, id, name, given in _calls(parts))
    return Answer(text, calls, "tool" if calls else "end", heedless=True)


def told(messages: Iterable[Json]) -> list[Part]:
    """What messages of any format say, one part for each text, call and result; texts of one message in one."""
    return [part for message in messages for part in _told(message)]


def _told(message: Json) -> Iterator[Part]:
    kind = message.get("type")
    if kind in ("function_call", "function_call_output"):
        yield _item(message)
        return
    content = message.get("content")
    if message.get("role") == "tool":
        yield "result", str(message["tool_call_id"]), "\n".join(_texts(content))
        return
    text = "".join(_texts(content))
    calls = [_block(b) for b in content if b.get("type") == "tool_use"] if isinstance(content, list) else []
    calls += [_chat_call(c) for c in message.get("tool_calls") or []]
    results = [b for b in content if b.get("type") == "tool_result"] if isinstance(content, list) else []
    yield from (("result", str(b["tool_use_id"]), "\n".join(_texts(b.get("content")))) for b in results)
    if text.strip():
        yield str(message.get("role")), text
    yield from calls


def _item(item: Json) -> Part:
    if item["type"] == "function_call":
        return "call", str(item["call_id"]), str(item["name"]), _canonical(item["arguments"])
    return "result", str(item["call_id"]), "\n".join(_texts(item.get("output")))


def _block(block: Json) -> Part:
    return "call", str(block["id"]), str(block["name"]), json.dumps(block["input"], sort_keys=True)


def _chat_call(call: Json) -> Part:
    function = call["function"]
    return "call", str(call["id"]), str(function["name"]), _canonical(function["arguments"])


def _canonical(arguments: str) -> str:
    return json.dumps(json.loads(arguments), sort_keys=True)


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [str(b["text"]) for b in content or [] if b.get("type") in _BLANK_TEXTS]


def _results(message: Json) -> bool:
    return any(part[0] == "result" for part in told([message]))


def _calls(parts: Iterable[Part]) -> Iterator[Part]:
    return (part for part in parts if part[0] == "call")


def _one_answer(messages: Sequence[Json], format: Format) -> int:
    """How many of an assistant's messages in a row one reply has: the first; of Responses a message and its calls."""
    if format != "responses":
        return 1
    size = 1
    while size < len(messages) and messages[size].get("type") == "function_call":
        size += 1
    return size


def _named(message: Json, prefix: str) -> Json:
    """The message with ids as the vendor makes them."""
    for member in ("call_id", "tool_call_id"):
        if member in message:
            message[member] = prefix + _bare(message[member])
    for call in message.get("tool_calls") or []:
        call["id"] = prefix + _bare(call["id"])
    content = message.get("content")
    for block in content if isinstance(content, list) else []:
        for member in ("id", "tool_use_id"):
            if member in block:
                block[member] = prefix + _bare(block[member])
    return message


def _bare(id: str) -> str:
    for prefix in PREFIXES:
        id = id.removeprefix(prefix)
    return id
