"""Messages API: writing any message for it.

Rules: blocks of a user message with tool results start with them, ids match
`[a-zA-Z0-9_-]`, text is never blank, an assistant message does not end with thinking, the
only keys of a message are role and content.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from memsvc.core.model import Format
from memsvc.core.patterns import regex
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Opaque, Result, Text, Thinking, blank, omitted, plain
from memsvc.core.render.out import EMPTY_ERROR, PLACEHOLDER, Answer, Out, late_text
from memsvc.core.render.runs import Item, merged
from memsvc.core.render.splice import array, edit, items, json_object_text, members, obj, string

LEGAL_ID = regex(r"[a-zA-Z0-9_-]{1,64}\Z")
LEAD = "[The conversation begins with the assistant.]"
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_MARK = frozenset({"cache_control"})
_TEXT_DROP = frozenset({"cache_control", "id", "model", "usage", "stop_reason", "annotations"})
_AS_IT_IS = frozenset({"input", "cache_control"})
_USER_TEXT_DROP = _TEXT_DROP | {"citations"}


def text_block(text: str) -> bytes:
    """A text block."""
    return b'{"type":"text","text":' + string(text) + b"}"


class Encoder:
    """Writes messages for the Messages API.

    Args:
        plain_strings: leave a string content a string (for `marks=none`); otherwise every
            content is a list of blocks, so that a mark never changes the bytes before it.
    """

    format: Format = "anthropic"

    def __init__(self, plain_strings: bool = False) -> None:
        self._plain = plain_strings

    def legal_id(self, call_id: str) -> bool:
        """Whether the provider takes this call id."""
        return LEGAL_ID.match(call_id) is not None

    def lead(self) -> Out | None:
        """The fixed user line before a conversation that starts with the assistant."""
        return Out.of_blocks("user", [text_block(LEAD)])

    def assistant(self, msg: Decoded, seq: int, ids: Sequence[str], thinking: bool) -> list[Out]:
        """An assistant message; `ids` are the final ids of its calls in order."""
        native = msg.format == "anthropic"
        finals = iter(ids)
        parts: list[bytes] = []
        markable = end = 0  # counts: up to the last block that may be marked, that is no thinking
        for b in msg.blocks:
            if isinstance(b, Thinking):
                if thinking and native and b.signed:
                    parts.append(edit(b.raw, _MARK))
                continue
            part = _call_block(b, next(finals), native) if isinstance(b, Call) else _said(b, seq, native)
            if part is not None:
                parts.append(part)
                end = len(parts)
                markable = end if not isinstance(b, Opaque) else markable
        out = self._out("assistant", parts[:end], markable - 1, msg)
        return [out] if out is not None else []

    def run(self, items: Sequence[Item]) -> list[Out]:
        """A reply of several items is one message."""
        msg, ids = merged(items)
        return self.assistant(msg, items[-1].seq, ids, True)

    def user(self, msg: Decoded, seq: int) -> Out | None:
        """A user message, or what is left of one without its results."""
        parts, markable = _heard(msg, seq)
        return self._out("user", parts, markable, msg)

    def system(self, msg: Decoded, seq: int) -> Out | None:
        """A system message in mid-conversation: a marked text block in the user turn."""
        text = plain(msg.blocks, seq)
        if blank(text):
            return None
        return Out.of_blocks("user", [text_block(f"<system_message>\n{text}\n</system_message>")])

    def results(self, answers: Sequence[Answer], rest: Decoded | None, seq: int) -> list[Out]:
        """All results of a group in one user message, what else came with one of them behind."""
        parts = [_result_block(a) for a in answers]
        markable = len(parts) - 1
        if rest is not None:
            more, last = _heard(rest, seq)
            markable = len(parts) + last  # the last result, if nothing more may be marked
            parts += more
        return [Out.of_blocks("user", parts, markable)]

    def late(self, result: Result, seq: int) -> Out | None:
        """A result nobody waits for any more: user text that names the call."""
        return Out.of_blocks("user", [text_block(late_text(result, seq))])

    def _out(self, role: str, parts: list[bytes], markable: int, msg: Decoded) -> Out | None:
        if not parts:
            return None
        only = msg.blocks[0]
        if self._plain and len(msg.blocks) == 1 and isinstance(only, Text) and only.raw is None and not msg.name:
            return Out(role, obj([("role", string(role)), ("content", string(only.text))]))
        return Out.of_blocks(role, parts, markable)


# --- blocks ------------------------------------------------------------------


def _heard(msg: Decoded, seq: int) -> tuple[list[bytes], int]:
    """A user's blocks but for results, and the index of the last one that may be marked."""
    native = msg.format == "anthropic"
    parts: list[bytes] = []
    markable, name = -1, msg.name
    for b in msg.blocks:
        if isinstance(b, Result):
            continue
        if name and isinstance(b, Text) and not blank(b.text):
            b, name = Text(f"{name}: {b.text}"), None  # this API has no member for who speaks
        if isinstance(b, Text):
            part = _text(b, _USER_TEXT_DROP, native)
        elif isinstance(b, Media):
            part = _media(b, seq, native)
        else:
            part = _unmarked(b.raw) if native else text_block(omitted(b, seq))
        if part is not None:
            parts.append(part)
            markable = markable if isinstance(b, Opaque) else len(parts) - 1
    return parts, markable


def _said(b: Block, seq: int, native: bool) -> bytes | None:
    """A block of an assistant message that is no call and no thinking."""
    if isinstance(b, Text):
        return _text(b, _TEXT_DROP, native)
    if isinstance(b, Opaque) and native:
        return _unmarked(b.raw)
    return text_block(omitted(b, seq))  # an assistant may not show images or documents


def _text(b: Text, drop: frozenset[str], native: bool) -> bytes | None:
    if blank(b.text):
        return None
    return text_block(b.text) if b.raw is None or not native else edit(b.raw, drop)


def _media(b: Media, seq: int, native: bool) -> bytes:
    if native:
        return _unmarked(b.raw)
    kind, source = "image", []
    if b.kind == "image" and b.data and b.media_type in _IMAGES:
        source = [("type", "base64"), ("media_type", b.media_type), ("data", b.data)]
    elif b.kind == "image" and b.url and b.url.startswith(("https://", "http://")):
        source = [("type", "url"), ("url", b.url)]
    elif b.kind == "file" and b.data and b.media_type == "application/pdf":
        kind, source = "document", [("type", "base64"), ("media_type", b.media_type), ("data", b.data)]
    if not source:
        return text_block(omitted(b, seq))
    return obj([("type", string(kind)), ("source", obj((k, string(v)) for k, v in source))])


def _call_block(call: Call, final: str, native: bool) -> bytes:
    if not native:
        pairs = [("type", b'"tool_use"'), ("id", string(final)), ("name", string(call.name))]
        return obj([*pairs, ("input", json_object_text(call.arguments))])
    replaced = {} if final == call.id else {"id": string(final)}
    if not call.arguments.startswith("{"):  # it is valid JSON, or missing
        replaced["input"] = json_object_text(call.arguments)
    return edit(call.raw, _MARK, replaced)


def _result_block(answer: Answer) -> bytes:
    result = answer.result
    if result is None:
        pairs = [("type", b'"tool_result"'), ("tool_use_id", string(answer.id))]
        return obj([*pairs, ("content", string(PLACEHOLDER)), ("is_error", b"true")])
    if answer.native == "anthropic":
        return _native_result(result, answer)
    pairs = [("type", b'"tool_result"'), ("tool_use_id", string(answer.id))]
    only = result.content[0] if len(result.content) == 1 else None
    inner = [p for b in result.content if (p := _inner_block(b, answer.seq, False)) is not None]
    if isinstance(only, Text):
        pairs.append(("content", string(only.text)))
    elif inner:
        pairs.append(("content", array(inner)))
    return obj(pairs)


def _native_result(result: Result, answer: Answer) -> bytes:
    """A result block as it was written, but for blank texts, marks and members that say nothing."""
    parts = members(result.raw)
    drop = {"cache_control"} | {k for k in ("content", "is_error") if parts.get(k) == b"null"}
    replaced = {} if answer.id == result.call_id else {"tool_use_id": string(answer.id)}
    content = parts.get("content", b"null")
    if content.startswith(b"["):
        inner = [p for b in result.content if (p := _inner_block(b, answer.seq, True)) is not None]
        if not inner:
            drop.add("content")
        elif inner != items(content):
            replaced["content"] = array(inner)
    if result.is_error and all(isinstance(b, Text) and blank(b.text) for b in result.content):
        replaced["content"] = string(EMPTY_ERROR)
    return edit(result.raw, drop, replaced)


def _inner_block(b: Block, seq: int, native: bool) -> bytes | None:
    if isinstance(b, Text):
        return _text(b, _USER_TEXT_DROP, native)
    if isinstance(b, Media):
        return _media(b, seq, native)
    return _unmarked(b.raw) if isinstance(b, Opaque) and native else text_block(omitted(b, seq))


def _unmarked(raw: bytes) -> bytes:
    """A value without the caller's cache marks, at any depth but inside a tool's input."""
    if b"cache_control" not in raw and b"\\u00" not in raw:  # an escape may hide the name
        return raw  # the usual case, and the only one for large base64
    if raw.startswith(b"{"):
        replaced = {}
        for name, value in members(raw).items():
            if name not in _AS_IT_IS and (clean := _unmarked(value)) != value:
                replaced[name] = clean
        return edit(raw, _MARK, replaced)
    if raw.startswith(b"["):
        before = items(raw)
        after = list(map(_unmarked, before))
        return raw if before == after else array(after)
    return raw


def without_caller(call: Call) -> Call:
    """A call that no longer says which server tool's code made it."""
    return replace(call, raw=edit(call.raw, {"caller"}), within=None)
