"""JSON that someone else wrote, read and written again without ever raising."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import orjson

from memsvc.core.render.splice import MAX_ARGUMENTS_DEPTH, MAX_DEPTH, members, string, too_deep

Json = dict[str, Any]


def parse(data: bytes, depth: int = MAX_DEPTH) -> tuple[Any, bytes] | None:
    """The values of a JSON text, and the text as every reader takes it; None for what is no JSON, or nests deeper
    than `depth`.

    Half of a surrogate pair is left in the values, so that two halves in two events become one character; in the
    text a half is U+FFFD.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _leniently(data, depth)
    if len(data) > 2 * depth and too_deep(data, depth):  # less has no room to nest so deep
        return None
    return value, data


def _leniently(data: bytes, depth: int) -> tuple[Any, bytes] | None:
    try:
        value = json.loads(data.decode(), parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    text = dump(value)
    return None if too_deep(text, depth) else (value, text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else _finite(text)


def dump(value: Any) -> bytes:
    """Values that `parse` gave as compact JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair
        return whole_characters(json.dumps(value, ensure_ascii=False, separators=(",", ":"))).encode()


def quote(text: str) -> bytes:
    """A JSON string."""
    return string(whole_characters(text))


def whole_characters(text: str) -> str:
    """A text with its surrogate pairs joined; what is half of one is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def compact_object(text: str) -> bytes | None:
    """The text of a JSON object without white space, keys and numbers as they were spelled; None for any other."""
    found = parse(whole_characters(text).encode(), MAX_ARGUMENTS_DEPTH)
    if found is None or not isinstance(found[0], dict):
        return None
    return msgspec.json.format(found[1], indent=-1)


def part(raw: bytes, name: str) -> bytes:
    """The member `name` of a JSON object that has it, as it is spelled."""
    return members(raw)[name]


def obj(value: object) -> Json:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A string; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def text_or_none(value: object) -> str | None:
    """A string that is not empty, or None."""
    return value if isinstance(value, str) and value else None


def error_of(event: Json) -> Json | None:
    """What an event or a reply says went wrong; None if it is no error."""
    error = event.get("error")
    if isinstance(error, dict) and error:
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    if event.get("type") == "error":
        return {k: v for k, v in event.items() if k not in ("type", "sequence_number")}
    return None
