"""Long tool outputs, cut in the middle: what a context shows of them. The log keeps every byte.

Taken is the stored message, given back is one in the same format, so that all that renders messages need not know.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from msgspec.structs import replace

from memsvc.core.limits import clamp_of
from memsvc.core.model import Entry, Format
from memsvc.core.render.splice import array, edit, items, members, string

HEAD_SHARE = 0.6
"""Of what is shown, so much is the beginning and the rest the end: what was done, what came out."""
LEAST_CUT = 200
"""Bytes; less is not worth a mark in its place."""
_TEXTS = ("text", "input_text", "output_text")
_SIGNS = {"anthropic": b"tool_result", "openai": b"tool_call_id", "responses": b"_output"}


def shown(entry: Entry, clamps: str | None) -> Entry:
    """The message as a context shows it: itself, unless a tool's output in it is too long."""
    if clamps is None or entry.redacted:
        return entry
    raw = clamped(entry.raw, entry.format, entry.seq, clamp_of(clamps, entry.seq))
    return entry if raw is entry.raw else replace(entry, raw=raw)


def may_be_clamped(raw: bytes, format: Format) -> bool:
    """Whether there may be a tool's output in a message. Cheap, and never wrongly no (but for escaped names)."""
    return _SIGNS[format] in raw or b'"function"' in raw


def clamped(raw: bytes, format: Format, seq: int, most: int | None) -> bytes:
    """A valid message with at most about `most` bytes of text in each tool's output; `raw` itself where none is
    longer, or nothing is limited."""
    if most is None or len(raw) <= most or not may_be_clamped(raw, format):
        return raw
    parts = members(raw)
    if format == "anthropic":
        content = parts.get("content", b"")
        if not content.startswith(b"["):
            return raw
        before = items(content)
        after = [_member(block, "content", seq, most) if _kind(block) == "tool_result" else block for block in before]
        return raw if before == after else edit(raw, (), {"content": array(after)})
    if format == "openai":
        tool = _text(parts, "role") in ("tool", "function")
        return _member(raw, "content", seq, most) if tool else raw
    return _member(raw, "output", seq, most) if _text(parts, "type").endswith("_output") else raw


def _member(raw: bytes, name: str, seq: int, most: int) -> bytes:
    """An object with a member that is a text, or a list of blocks with texts, cut."""
    value = members(raw).get(name, b"")
    cut = _value(value, seq, most)
    return raw if cut is value else edit(raw, (), {name: cut})


def _value(value: bytes, seq: int, most: int) -> bytes:
    if value.startswith(b'"'):
        text = orjson.loads(value)
        cut = middle_out(text, seq, most)
        return value if cut == text else string(cut)
    if not value.startswith(b"["):
        return value
    before = items(value)
    texts = sum(_kind(block) in _TEXTS for block in before)
    share = most // max(1, texts)
    after = [_member(block, "text", seq, share) if _kind(block) in _TEXTS else block for block in before]
    return value if before == after else array(after)


def _kind(block: bytes) -> str:
    return _text(members(block), "type") if block.startswith(b"{") else ""


def _text(parts: Mapping[str, bytes], name: str) -> str:
    value = parts.get(name, b"")
    return orjson.loads(value) if value.startswith(b'"') else ""


def middle_out(text: str, seq: int, most: int) -> str:
    """A text of more than `most` bytes without its middle, cut at line ends where they are near."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= most + LEAST_CUT:
        return text
    head = int(most * HEAD_SHARE)
    first = _before(raw, head)
    last = _after(raw, len(raw) - (most - head))
    gone = len(raw) - len(first) - len(last)
    kept = (part.decode("utf-8", "surrogatepass") for part in (first, last))
    return f"\n[{gone} bytes of this output omitted, seq {seq}]\n".join(kept)


def _before(raw: bytes, end: int) -> bytes:
    """The first `end` bytes, less what would part a character, or a line that began shortly before."""
    line = raw.rfind(b"\n", end - end // 8, end)
    if line >= 0:
        return raw[:line]
    while end > 0 and raw[end] & 0xC0 == 0x80:
        end -= 1
    return raw[:end]


def _after(raw: bytes, start: int) -> bytes:
    line = raw.find(b"\n", start, start + (len(raw) - start) // 8)
    if line >= 0:
        return raw[line + 1 :]
    while start < len(raw) and raw[start] & 0xC0 == 0x80:
        start += 1
    return raw[start:]
