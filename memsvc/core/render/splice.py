"""JSON as bytes: take apart and put together without rewriting what is inside.

Re-serialising would change key order, number spelling or escapes, and with them the
provider's cache key; so members and items stay the slices that the caller sent.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from itertools import accumulate

import msgspec
import orjson

from memsvc.errors import InvalidRequest

MAX_DEPTH = 200
"""Deepest nesting of a message, of a call's arguments included. The splitter recurses once a
level on the interpreter's stack of 1,000 frames; this leaves the rest to whoever calls."""
MAX_ARGUMENTS_DEPTH = MAX_DEPTH - 4
"""Deepest nesting of arguments that come as a string: as an object they stand inside
message, content, block and input."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
SPACE = " \t\r\n"
"""What JSON calls white space."""


def members(raw: bytes) -> dict[str, bytes]:
    """The members of a JSON object as raw slices, in order. `raw` must be valid JSON."""
    return {k: bytes(v) for k, v in _OBJECT.decode(raw).items()}


def items(raw: bytes) -> list[bytes]:
    """The items of a JSON list as raw slices. `raw` must be valid JSON."""
    return [bytes(v) for v in _LIST.decode(raw)]


def string(text: str) -> bytes:
    """A JSON string."""
    return orjson.dumps(text)


def obj(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """A compact JSON object from names and JSON texts."""
    pieces = [b"{"]  # joined once: values may be long
    for name, value in pairs:
        pieces += (orjson.dumps(name), b":", value, b",")
    if len(pieces) == 1:
        return b"{}"
    pieces[-1] = b"}"
    return b"".join(pieces)


def array(parts: Iterable[bytes]) -> bytes:
    """A compact JSON list from JSON texts."""
    return b"[%b]" % b",".join(parts)


def edit(raw: bytes, drop: Container[str], replace: Mapping[str, bytes] | None = None) -> bytes:
    """`raw` without the members in `drop` and with those in `replace` exchanged in place
    (or added at the end).

    Gives `raw` itself back when nothing changes, so an untouched message keeps its bytes.
    """
    parts = members(raw)
    if not replace:
        kept = [(k, v) for k, v in parts.items() if k not in drop]
        return raw.strip() if len(kept) == len(parts) else obj(kept)
    kept = [(k, replace.get(k, v)) for k, v in parts.items() if k not in drop or k in replace]
    return obj(kept + [(k, v) for k, v in replace.items() if k not in parts])


def with_member(raw: bytes, member: bytes) -> bytes:
    """A JSON object with one more member (`"name":value`) at its end."""
    head = raw[:-1]
    return head + (b"" if head.rstrip() == b"{" else b",") + member + b"}"


def is_empty(raw: bytes) -> bool:
    """Whether a JSON text is null or an empty list."""
    return raw == b"null" or (raw.startswith(b"[") and not raw[1:-1].strip())


def too_deep(raw: bytes, limit: int = MAX_DEPTH) -> bool:
    """Whether valid JSON nests more than `limit` objects and lists. Linear."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    steps = _STRINGS.sub(b"", raw).translate(_STEPS, delete=_NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > limit  # brackets in strings alone are none


def parse(raw: bytes, where: str) -> object:
    """JSON as values, checked on its way in. Raises InvalidRequest for what is no JSON or nests
    deeper than `MAX_DEPTH`."""
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{where}: is not valid JSON: {error}", field=where) from None
    if too_deep(raw):
        raise InvalidRequest(f"{where}: nests deeper than {MAX_DEPTH} objects and lists", field=where)
    return value


def json_object_text(text: str) -> bytes:
    """JSON text of a call's arguments as an object: `text` itself if it is one, `{}` if it is
    blank or null, else `{"_raw": text}` (a repair)."""
    bare = text.strip(SPACE)
    if not bare or bare == "null" or bare.isspace():
        return b"{}"
    if bare.startswith("{"):
        try:
            raw = bare.encode()
            if isinstance(orjson.loads(raw), dict) and not too_deep(raw, MAX_ARGUMENTS_DEPTH):
                return raw
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            pass
    return obj([("_raw", string(text))])
