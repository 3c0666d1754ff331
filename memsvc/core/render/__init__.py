"""From stored messages to what a provider takes, and back: one place for every wire shape."""

from __future__ import annotations

import orjson

from memsvc.core.model import Entry, Format
from memsvc.core.render import (
    anthropic,
    anthropic_reader,
    openai_chat,
    openai_chat_reader,
    openai_responses,
    responses_reader,
)
from memsvc.core.render.blocks import FRAMING_TOKENS, Decoded, fixed_tokens, texts
from memsvc.core.render.ids import legal_form
from memsvc.core.render.out import Answer, Encoder, Out
from memsvc.core.render.runs import Item
from memsvc.core.render.splice import MAX_DEPTH, obj, string

RENDERER = 1
"""Version of the rendering rules. An epoch keeps the version that it began with."""

__all__ = [
    "MAX_DEPTH",
    "RENDERER",
    "convert",
    "decode",
    "decode_entry",
    "encoder",
    "guess",
    "readable",
    "tokens_beside_text",
]

_ANTHROPIC_TYPES = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document", "search_result"}
    | {"server_tool_use", "mcp_tool_use", "container_upload"}
)
_RESPONSES_TYPES = frozenset({"input_text", "input_image", "input_file", "output_text"})
_OPENAI_TYPES = frozenset({"image_url", "input_audio", "file", "refusal"})
_OPENAI_ROLES = ("tool", "developer", "function")
_OPENAI_MEMBERS = ("tool_calls", "function_call")


def decode(raw: bytes, format: Format, where: str = "message") -> Decoded:
    """Take a message apart. Raises InvalidRequest whose `field` starts with `where`."""
    if format == "anthropic":
        return anthropic_reader.decode(raw, where)
    if format == "openai":
        return openai_chat_reader.decode(raw, where)
    return responses_reader.decode(raw, where)


def decode_entry(entry: Entry) -> Decoded:
    """Take a stored message apart."""
    return decode(entry.raw, entry.format, f"seq {entry.seq}")


def encoder(target: Format, plain_strings: bool) -> Encoder:
    """What writes messages in a format. `plain_strings`: leave a string content a string, where
    cache marks would want blocks."""
    if target == "anthropic":
        return anthropic.Encoder(plain_strings)
    return openai_chat.Encoder() if target == "openai" else openai_responses.Encoder()


def readable(msg: Decoded) -> list[str]:
    """Every text of a message that a model would read."""
    return list(texts(msg.blocks)) + ([msg.name] if msg.name else [])


def tokens_beside_text(msg: Decoded) -> int:
    """Raw tokens of a message that are not in its texts: frame, calls, images, pages."""
    return FRAMING_TOKENS + fixed_tokens(msg.blocks) + (1 if msg.name else 0)


def convert(entry: Entry, target: Format) -> list[bytes]:
    """One stored message in another format: one or more messages (results part from text).

    A message that says nothing in that format is one with an empty content, so that every
    message of the log has its place."""
    if entry.format == target:
        return [entry.raw]
    msg = decode_entry(entry)
    encode = encoder(target, plain_strings=True)
    outs: list[Out] | list[Out | None]
    if msg.role == "assistant":
        finals = [legal_form(c.id, encode.legal_id) for c in msg.calls]
        if msg.format == "responses":
            outs = encode.run([Item(msg, entry.seq, tuple(finals))])
        else:
            outs = encode.assistant(msg, entry.seq, finals, True)
    elif msg.role == "system":
        outs = [encode.system(msg, entry.seq)]
    elif msg.results:
        ids = [legal_form(r.call_id, encode.legal_id) for r in msg.results]
        pairs = zip(ids, msg.results, strict=True)
        answers = [Answer(i, r, entry.seq, entry.format, msg, r.kind) for i, r in pairs]
        rest = msg if len(msg.results) < len(msg.blocks) else None
        outs = encode.results(answers, rest, entry.seq)
    else:
        outs = [encode.user(msg, entry.seq)]
    empty = obj([("role", string(msg.role)), ("content", b'""')])
    return [o.json for o in outs if o is not None] or [empty]


def guess(raws: tuple[bytes, ...]) -> Format | None:
    """The format that messages give away by a role, a member or a block type; None = any fits."""
    signs = {sign for raw in raws if (sign := _sign(raw)) is not None}
    told: tuple[Format, ...] = ("anthropic", "responses", "openai")  # the last takes some shapes of the others
    return next((format for format in told if format in signs), None)


def _sign(raw: bytes) -> Format | None:
    """The format that one message gives away; None too for what is no message at all."""
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None  # whoever takes it apart will say what is wrong with it
    if not isinstance(message, dict):
        return None
    if isinstance(message.get("type"), str) and "role" not in message:
        return "responses"
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    types = {b["type"] for b in blocks if isinstance(b, dict) and isinstance(b.get("type"), str)}
    if types & _ANTHROPIC_TYPES:
        return "anthropic"
    reply = "text" in types or "stop_reason" in message  # a reply of the Messages API names its type too
    if types & _RESPONSES_TYPES or (message.get("type") == "message" and not reply):
        return "responses"
    told = message.get("role") in _OPENAI_ROLES or any(message.get(m) for m in _OPENAI_MEMBERS)
    return "openai" if told or types & _OPENAI_TYPES else None
