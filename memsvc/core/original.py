"""All that a message holds, for who looks for an exact value: more than a summary is made from.

`flatten.said` reads calls as short text, cuts very long arguments off and names attachments by their type. Here
arguments stand as they were written, and the text inside attachments is there too.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

from memsvc.core.flatten import Piece, said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex

_BESIDE = frozenset(
    {"type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "media_type", "status", "signature", "thinking"}
    | {"encrypted_content", "cache_control", "detail"}
)
"""Members that tell of a message and are not what it says, or are not to be shown."""
_PAYLOAD = regex(r"(?:data:[^,\s]{0,100},)?[A-Za-z0-9+/=_\r\n-]{500,}")
_ESCAPED = regex(r"(?:\\u[0-9a-fA-F]{4})+|\\[/\"\\]")
_NESTED = 3  # JSON in JSON in JSON


def whole(entry: Entry) -> str:
    """Everything that can be looked for in a message, in words."""
    message = said(entry)
    text = message.whole
    if all(piece.kind in ("text", "result", "error") for piece in message.pieces):
        return text
    rest = dict.fromkeys(leaf for leaf in _leaves(_load(entry.raw)) if leaf not in text)
    return "\n".join([text, *rest])


def shown(entry: Entry) -> str:
    """A message as a reader gets it: what was said word for word, the arguments of calls as JSON."""
    message = said(entry)
    arguments = list(_arguments(_load(entry.raw)))
    calls = [piece for piece in message.pieces if piece.kind == "call"]
    if len(calls) != len(arguments):
        return whole(entry)
    given = iter(arguments)
    parts = [_part(piece, next(given) if piece.kind == "call" else "") for piece in message.pieces]
    text = "\n".join(parts)
    rest = dict.fromkeys(leaf for leaf in _leaves(_load(entry.raw)) if leaf not in text)
    text = "\n".join([text, *rest]) if any(piece.kind == "media" for piece in message.pieces) else text
    return text.encode("utf-8", "replace").decode()


def plain(text: str) -> str:
    """A text in which width, and ways to write one character, are all the same."""
    return text if text.isascii() or unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def folded(text: str) -> str:
    """A text in the form in which texts are compared: `plain`, and case does not count."""
    return plain(text).casefold()


def forms(text: str) -> list[str]:
    """A text as it stands, and, where JSON may stand in it as a string, with its characters unescaped, as often as
    there are strings in strings."""
    found = [text]
    while "\\" in found[-1] and len(found) <= _NESTED:
        inner = _ESCAPED.sub(_unescaped, found[-1])
        if inner == found[-1]:
            break
        found.append(inner)
    return found


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    if not escape.startswith("\\u"):
        return escape[1]
    units = bytes.fromhex(escape.replace("\\u", ""))
    return units.decode("utf-16-be", "replace")


def _part(piece: Piece, arguments: str) -> str:
    if piece.kind == "call":
        return f"{piece.name} {arguments}".strip()
    return f"[{piece.text}]" if piece.kind == "media" else piece.text


def _load(raw: bytes) -> object:
    try:
        return json.loads(raw, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return None


class _Number(str):
    """A number as it was spelled."""

    __slots__ = ()


def _leaves(value: object) -> Iterator[str]:
    """Texts and numbers in a message, in order; of JSON in a string those inside."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(v for k, v in reversed(item.items()) if k not in _BESIDE)
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, str):
            inner = _load(item.encode("utf-8", "replace")) if item[:1] in ("{", "[") else None
            if isinstance(inner, dict | list):
                stack.append(inner)
            elif item.strip() and not _PAYLOAD.fullmatch(item):
                yield item.encode("utf-8", "replace").decode()


def _arguments(value: object) -> Iterator[str]:
    """The arguments of each call in a message, as JSON with numbers as they were spelled."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            given = next(
                (item[k] for k in ("input", "arguments") if k in item and isinstance(item.get("name"), str)), None
            )
            if given is not None:
                yield given if isinstance(given, str) and not isinstance(given, _Number) else _json(given)
            else:
                stack.extend(v for v in reversed(item.values()) if isinstance(v, dict | list))


def _json(value: object) -> str:
    """JSON of a decoded value; numbers as they were spelled."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
