"""The export format: sessions and the books as records, one JSON line each, and the digests that prove a move.

```text
{"memsvc_export": 1}
{"session": {...}, "beside": {...}}        a header; what stands beside it is in no digest
{"message": {"seq", ..., "raw"}} ...       `raw64` where the bytes are no UTF-8
{"summary": {...}} ...
{"pins": [seq, ...]}
{"end": {"tenant", "session", "sha256"}}   or {"void": {...}}: what came since the header is to be forgotten
{"line": {...}} ...                        the books
{"total": {"sessions", "lines", "sha256"}}
```
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import orjson

from memsvc.core.model import Entry, Key, Session, Summary
from memsvc.core.money import Line
from memsvc.errors import InvalidRequest

VERSION = 1
T = TypeVar("T")
Record = dict[str, Any]

_OF_THE_MOMENT = ("uid", "state", "due_at", "last_error")
"""What a header says of the store it is in, not of the conversation."""
_BESIDE = ("soft_tokens", "last_reason")
"""What follows from the service's settings, or is only shown: it moves too, and proves nothing."""
_SETTINGS = ("tools", "policy", "metadata")


class Digest:
    """The digest of one session: SHA-256 over its records."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, kind: str, value: object) -> None:
        """Take in one record."""
        self._hash.update(orjson.dumps([kind, value]) + b"\n")

    def hex(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()


class Total:
    """The digest of a whole export. It is a sum of hashes, so that the order of sessions does not matter."""

    def __init__(self) -> None:
        self.sessions = 0
        self.lines = 0
        self._sum = 0

    def add(self, kind: str, value: object) -> None:
        """Take in the end of a session, or a line of the books."""
        self._sum += int.from_bytes(hashlib.sha256(orjson.dumps([kind, value])).digest())
        self.sessions += kind == "end"
        self.lines += kind == "line"

    def record(self) -> Record:
        """What it came to."""
        return {"sessions": self.sessions, "lines": self.lines, "sha256": f"{self._sum % 2**256:064x}"}


def header_record(session: Session) -> tuple[Record, Record]:
    """A header, and what stands beside it."""
    value = _told(session)
    value = {"tenant": session.key.tenant, "session": session.key.session, **value}
    for name in ("key", *_OF_THE_MOMENT):
        del value[name]
    beside = {name: value.pop(name) for name in _BESIDE}
    settings = value["settings"]
    for name in _SETTINGS:
        settings[name] = _text(settings[name])
    if settings["system"] is not None:
        settings["system"]["content"] = _text(settings["system"]["content"])
    return value, beside


def header_of(value: Record, beside: Record) -> Session:
    """The header that a record tells. Raises InvalidRequest."""
    try:
        settings = {**value["settings"]}
        for name in _SETTINGS:
            settings[name] = _bytes(settings[name])
        if settings["system"] is not None:
            settings["system"] = {**settings["system"], "content": _bytes(settings["system"]["content"])}
        key = {"tenant": value["tenant"], "session": value["session"]}
        rest = {k: v for k, v in value.items() if k not in key}
        return _converted({**rest, **beside, "key": key, "uid": 0, "settings": settings}, Session)
    except (KeyError, TypeError, AttributeError) as wrong:
        raise InvalidRequest(f"a session's header is not as exported: {wrong}") from wrong


def message_record(entry: Entry) -> Record:
    """A message of the log."""
    value = _told(entry)
    raw = value.pop("raw")
    try:
        return {**value, "raw": raw.decode()}
    except UnicodeDecodeError:
        return {**value, "raw64": base64.b64encode(raw).decode()}


def message_of(value: Record) -> Entry:
    """The message that a record tells. Raises InvalidRequest."""
    try:
        rest = {k: v for k, v in value.items() if k not in ("raw", "raw64")}
        raw = value["raw"].encode() if "raw" in value else base64.b64decode(value["raw64"], validate=True)
    except (KeyError, AttributeError, ValueError) as wrong:
        raise InvalidRequest(f"a message is not as exported: {wrong}") from wrong
    return _converted({**rest, "raw": raw}, Entry)


def summary_record(summary: Summary) -> Record:
    """A summary. Without refusals it is as older releases wrote it, and so is its digest."""
    value = _told(summary)
    return value if summary.refused else {k: v for k, v in value.items() if k != "refused"}


def summary_of(value: Record) -> Summary:
    """The summary that a record tells. Raises InvalidRequest."""
    return _converted(value, Summary)


def line_record(line: Line) -> Record:
    """A line of the books; its session is "" where that is gone."""
    return _told(line)


def line_of(value: Record) -> Line:
    """The line that a record tells. Raises InvalidRequest."""
    return _converted(value, Line)


def key_record(key: Key) -> Record:
    """A session's name."""
    return {"tenant": key.tenant, "session": key.session}


def _converted(value: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(f"a {kind.__name__.lower()} is not as exported: {wrong}") from wrong


def _told(value: msgspec.Struct) -> Record:
    found: Record = msgspec.to_builtins(value, builtin_types=(bytes,))
    return found


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
