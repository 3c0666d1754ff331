"""Values to what is stored and back. The layout of a header stands here once; scripts get it from here."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from memsvc.core.model import TOMBSTONE, Draft, Entry, Format, Key, Session, Settings, Summary, System
from memsvc.core.money import Line, Usage
from memsvc.errors import Unavailable
from memsvc.stores.payloads import Cut, Packed
from memsvc.stores.redis.keys import fingerprint, user_token

COUNTED = tuple(name for name in Session.__struct_fields__ if name not in ("key", "uid", "settings"))
SHADOW = ("stamp", "user", "format", "system", "fixed")
"""Of the settings what scripts and readers look at: their fingerprint, the user's token, the format, the
fingerprint of the system prompt, the tokens of prompt and tools."""
KEPT = ("live_bytes", "tip", "prefix_tip", "put_tip")
"""Bytes of all live messages, and random numbers drawn when the log's end, the prefix or anything was
changed: by these a reader notices that the server has forgotten what it had acknowledged."""
JOB = ("job_due", "job_lease", "job_claimed", "job_again", "job_attempts", "job_note")
"""The session's one job; `job_due` is False where there is none."""
HEADER = ("tenant", "sid", "uid", *COUNTED, *SHADOW, *KEPT, *JOB)
AT = {name: number for number, name in enumerate(HEADER)}
NO_KEPT = (0, 0, 0, 0)
NO_JOB = (False, False, False, False, 0, "")

_FLOATS = tuple(AT[n] for n in ("created_at", "updated_at", "factor"))
_COUNTED_FROM, _COUNTED_TO = 3, 3 + len(COUNTED)
_DUE_AT = AT["due_at"]

ENTRY_PREFIX = struct.Struct(">IIIIQQQ")
"""Before each message: seq, epoch, revision, and of the live messages up to it number, tokens and bytes; tip."""
MARK = struct.Struct(">QQQ")
FINGERPRINT_CHARS = len(fingerprint())
REDACTED = -1
"""Stands for the tokens of a redacted message."""
_SETTINGS_TYPE = tuple[
    str | None, str | None, bytes | None, str | None, bytes | None, bytes | None, bytes | None, str | None, int, int
]
_encode = msgspec.msgpack.Encoder().encode
_header = msgspec.msgpack.Decoder(list[Any]).decode
_settings = msgspec.msgpack.Decoder(_SETTINGS_TYPE).decode
_body = msgspec.msgpack.Decoder(tuple[str, int, float, str | None, bytes | tuple[bytes, list[Cut]]]).decode
_SUMMARY = Summary.__struct_fields__


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it is stored: the raw bytes, by which a compare-and-set goes, and its values."""

    raw: bytes
    values: list[Any]

    @property
    def uid(self) -> int:
        """The session's identity."""
        return int(self.values[2])

    def __getitem__(self, name: str) -> Any:
        return self.values[AT[name]]

    def session(self, settings: Settings) -> Session:
        """The header as the service knows it."""
        v = self.values
        for n in _FLOATS:
            v[n] = float(v[n])
        if v[_DUE_AT] is not False:
            v[_DUE_AT] = float(v[_DUE_AT])
        counted: list[Any] = [None if x is False else x for x in v[_COUNTED_FROM:_COUNTED_TO]]
        created, updated, *rest = counted
        return Session(Key(v[0], v[1]), v[2], created, updated, settings, *rest)

    def mark(self) -> bytes:
        """By what a reader's next reading is compared with this one."""
        return MARK.pack(self["prefix_tip"], self["tip"], self["put_tip"])


def header_of(raw: bytes) -> Header:
    """A stored header. Raises Unavailable for one that another release wrote, whose fields have other places."""
    values = _header(raw)
    if len(values) != len(HEADER):
        raise Unavailable('a header is of another release: see "Two releases at once" in docs/upgrade.md')
    return Header(raw, values)


def packed_header(session: Session, stamp: str, old: Header | None = None) -> bytes:
    """A header as scripts read it; what only the store knows comes from the old one."""
    counted = (False if x is None else x for x in (getattr(session, name) for name in COUNTED))
    settings = session.settings
    shadow = (stamp, user_token(session.key.tenant, settings.user), settings.format or False)
    prompt = (system_mark(settings.system), session.fixed_tokens)
    kept = (*NO_KEPT, *NO_JOB) if old is None else old.values[AT["live_bytes"] :]
    return _encode([session.key.tenant, session.key.session, session.uid, *counted, *shadow, *prompt, *kept])


def system_mark(system: System | None) -> str | bool:
    """What tells one system prompt from another; False for none."""
    return False if system is None else fingerprint(system.content)


def packed_settings(settings: Settings) -> tuple[str, bytes]:
    """(fingerprint, bytes) of settings."""
    s, system = settings, settings.system
    prompt = (system.content, system.role) if system else (None, None)
    kept = (s.format, s.model, *prompt, s.tools, s.policy, s.metadata, s.user, s.system_tokens, s.tools_tokens)
    raw = _encode(kept)
    return stamp_of(raw), raw


def stamp_of(settings: bytes) -> str:
    """The fingerprint of stored settings."""
    return fingerprint(settings)


def settings_of(raw: bytes) -> Settings:
    """Stored settings."""
    format, model, system, role, tools, policy, metadata, user, n_system, n_tools = _settings(raw)
    prompt = System(system, role) if system is not None else None
    return Settings(format, model, prompt, tools, policy, metadata, user, n_system, n_tools)


def packed_draft(draft: Draft, packed: Packed) -> bytes:
    """A message without the numbers that the store gives it, and without its payloads."""
    return _encode((draft.format, draft.tokens, draft.at, draft.id, _text(packed)))


def packed_entry(entry: Entry, packed: Packed) -> bytes:
    """The same of a message from another log."""
    if entry.redacted:
        return packed_tombstone(entry)
    return _encode((entry.format, entry.tokens, entry.at, entry.id, _text(packed)))


def packed_tombstone(entry: Entry) -> bytes:
    """What takes the place of a message that is redacted."""
    return _encode((entry.format, REDACTED, entry.at, entry.id, TOMBSTONE))


def _text(packed: Packed) -> bytes | tuple[bytes, tuple[Cut, ...]]:
    return (packed.frame, packed.cuts) if packed.cuts else packed.frame


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it was read; `cuts` name the payloads that are missing in `entry.raw`."""

    entry: Entry
    cuts: list[Cut]


def stored_of(stored: bytes) -> Stored:
    """A stored message."""
    seq, epoch, revision, *_ = ENTRY_PREFIX.unpack_from(stored)
    format, tokens, at, id, text = _body(memoryview(stored)[ENTRY_PREFIX.size :])
    gone = tokens == REDACTED
    raw, cuts = (text, []) if isinstance(text, bytes) else text
    place = (seq, raw, _format(format), 0 if gone else tokens, at, id, epoch, revision)
    return Stored(Entry(*place, superseded=gone, redacted=gone), cuts)


def _format(name: str) -> Format:
    return name  # type: ignore[return-value]


def packed_summary(summary: Summary) -> bytes:
    """A summary; its epoch is in front of it, so that no two are alike. Without refusals it is as releases before
    them wrote it, and read it."""
    names = _SUMMARY if summary.refused else _SUMMARY[:-1]
    return struct.pack(">I", summary.epoch) + _encode([getattr(summary, name) for name in names])


def summary_of(stored: bytes) -> Summary:
    """A stored summary."""
    found = dict(zip(_SUMMARY, _header(memoryview(stored)[4:]), strict=False))  # an older release knew fewer members
    return Summary(**{**found, "at": float(found["at"]), "refused": tuple(found.get("refused", ()))})


MAX_INTEGER = 2**63 - 1


def bounded(number: int | None) -> int | None:
    """A figure from outside, brought into the range that every store can hold."""
    return None if number is None else min(max(number, 0), MAX_INTEGER)


def packed_line(line: Line) -> bytes:
    """A line of the ledger without its place and whether it is held, which the script puts in front."""
    used = line.usage
    tokens = (used.input, used.output, used.cache_read, used.cache_write, used.cache_write_long)
    told = (line.key.tenant, line.id, line.at, line.feature, line.provider, line.model)
    return _encode((*told, *map(bounded, tokens), bounded(line.micros), bounded(line.revision)))


_OWNED = struct.Struct(">cQI")
"""Before each line: `1` if it is held, the uid of its session, the size of its figure in a limit, which follows."""


def line_of(stored: bytes) -> tuple[int, Callable[[str], Line]]:
    """A stored line: the uid of its session, and the line for that session's name."""
    held, uid, size = _OWNED.unpack_from(stored)
    tenant, id, at, feature, provider, model, *figures = _header(memoryview(stored)[_OWNED.size + size :])
    *tokens, micros, revision = figures

    def line(session: str) -> Line:
        usage = Usage(*tokens)
        return Line(id, Key(tenant, session), at, feature, provider, model, usage, micros, held == b"1", revision)

    return uid, line


def spent_key(feature: str, at: float) -> bytes:
    """What a line's figure is sorted by: feature, then time. Earlier than 1970 is 1970."""
    return fingerprint(feature.encode())[:8].encode() + struct.pack(">d", max(at, 0.0))


def packed_spent(line: Line) -> bytes:
    """A line's figure among those of its session."""
    return spent_key(line.feature, line.at) + struct.pack(">d", bounded(line.micros) or 0) + line.id.encode()
