"""Which messages a vendor's client would call the same: a fingerprint that outlives dumps, marks and formats.

A message is read as the sequence of what it says: a speaker's text, a call, a result, an image. Each gets 16 bytes,
the first of which says who speaks; a message's fingerprint is those of its parts in a row. So messages that say the
same are equal, whichever format they are written in, and a run of messages is equal to another that parts the same
sayings elsewhere (parallel tool results in one message or in several; a reply as one message or as several items).

What clients drop or add on the way does not count: reasoning, ids and status of output items, usage, citations, cache
marks, null members, blank text, the order of members, how a text is split into blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from memsvc.core.model import Format
from memsvc.core.render import decode
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Opaque, Result, Text, Thinking, blank
from memsvc.core.render.splice import SPACE, json_object_text, too_deep
from memsvc.errors import InvalidRequest

SIZE = 16
"""Bytes of one part of a fingerprint."""
ASSISTANT, CALL, USER, RESULT, SYSTEM, UNKNOWN = b"a", b"c", b"u", b"t", b"s", b"?"
"""First byte of a part: whose it is. A call is the assistant's and waits for a result; a tool's result is the caller's,
but nothing that a person said."""

_SPEAKERS = {"assistant": ASSISTANT, "user": USER, "system": SYSTEM}
_PLAIN = ("function", "custom")
_BESIDE = frozenset({"cache_control", "prompt_cache_breakpoint", "status", "caller", "created_by", "created_at"})
"""Members of a block that clients add or drop without meaning anything by it."""
_ON_TOP = _BESIDE | {"id"}
_MOST_DEPTH = 150
"""Deepest nesting that is taken apart to be compared; what is deeper is compared as text."""


def fingerprint(format: Format, raw: bytes) -> bytes:
    """16 bytes for each thing that a message says, b"" for one that says nothing to compare (reasoning, blank text).
    One that cannot be taken apart gets the fingerprint of its bytes."""
    try:
        message = decode(raw, format)
    except InvalidRequest:
        return _part(UNKNOWN, b"raw", raw)
    return b"".join(_parts(message))


def speakers(fingerprint: bytes) -> bytes:
    """Who speaks in a message, a byte for each of its parts."""
    return fingerprint[::SIZE]


def has_answer(fingerprint: bytes) -> bool:
    """Whether an assistant says or calls anything in it."""
    said = speakers(fingerprint)
    return ASSISTANT in said or CALL in said


def _part(speaker: bytes, kind: bytes, *values: bytes) -> bytes:
    digest = hashlib.blake2b(kind, digest_size=SIZE - 1)
    for value in values:
        digest.update(b"%d:" % len(value))
        digest.update(value)
    return speaker + digest.digest()


def _parts(message: Decoded) -> Iterable[bytes]:
    speaker = _SPEAKERS[message.role]
    name = _utf8(message.name or "")
    said: list[str] = []
    for block in (*message.blocks, None):
        if isinstance(block, Text):
            said.append("" if blank(block.text) else block.text)
            continue
        if isinstance(block, Thinking):
            continue
        if text := "".join(said):
            yield _part(speaker, b"text", _utf8(text), name)
        said = []
        if block is not None:
            yield _block(block, speaker)


def _block(block: Block, speaker: bytes) -> bytes:
    match block:
        case Call():
            return _part(CALL, b"call", _utf8(block.id), _utf8(block.name), _arguments(block))
        case Result(kind=kind) if kind in _PLAIN:
            return _part(RESULT, b"result", _utf8(block.call_id), b"!" if block.is_error else b"", _content(block))
        case Result():
            return _part(RESULT, b"output", _utf8(block.call_id), _utf8(block.kind), _canonical(block.raw, _ON_TOP))
        case Media():
            return _part(speaker, b"media", _utf8(block.kind), _media(block))
        case Opaque():
            pair = _utf8(block.call or ""), _utf8(block.answers or "")
            left_out = _BESIDE if block.type == "item_reference" else _ON_TOP
            return _part(speaker, b"other", _utf8(block.type), *pair, _canonical(block.raw, left_out))
        case _:
            return _part(speaker, b"raw", block.raw or b"")


def _content(result: Result) -> bytes:
    """A result's content: texts in a row are one, the rest as it is."""
    inner = Decoded("user", result.content, result.raw, "anthropic", "user")
    return b"".join(_parts(inner))


def _arguments(call: Call) -> bytes:
    if call.kind == "custom":
        return _utf8(call.arguments)
    try:
        return _canonical(json_object_text(call.arguments), frozenset())
    except UnicodeEncodeError:
        return _utf8(call.arguments)


def _media(media: Media) -> bytes:
    if media.kind == "image" and (media.data or media.url):
        return b"\n".join(_utf8(x or "") for x in (media.media_type, media.data, media.url))
    if media.kind == "audio":
        value = orjson.loads(media.raw)
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            return _utf8(value["id"])  # spoken by the model: what goes back is its id alone
    return _canonical(media.raw, _ON_TOP)


def _canonical(raw: bytes, left_out: frozenset[str]) -> bytes:
    """JSON in one spelling: members in order, without those in `left_out` (of the outermost object) and marks."""
    if too_deep(raw, _MOST_DEPTH):
        return raw.strip(SPACE.encode())
    value = _plain(orjson.loads(raw), left_out, _BESIDE if left_out else frozenset())
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any, left_out: frozenset[str], inside: frozenset[str]) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if v is not None and k not in left_out}
        return {k: _plain(v, inside, inside) for k, v in kept.items()}
    if isinstance(value, list):
        return [_plain(v, inside, inside) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)  # what a client in JavaScript makes of 1.0
    return value


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
