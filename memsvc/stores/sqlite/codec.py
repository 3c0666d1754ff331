"""Rows to values and back. Column lists stand here once."""

from __future__ import annotations

from typing import Any

import orjson

from memsvc.core.model import Entry, Key, Session, Settings, Summary, System

Row = tuple[Any, ...]

SETTINGS = (
    "format",
    "model",
    "system",
    "system_role",
    "tools",
    "policy",
    "metadata",
    "user",
    "system_tokens",
    "tools_tokens",
)
COUNTED = tuple(name for name in Session.__struct_fields__ if name not in ("key", "uid", "settings"))
SESSION = ("tenant", "sid", "uid", *SETTINGS, *COUNTED)
SESSION_COLUMNS = ", ".join(SESSION)
_SETTINGS_FROM = 3
_COUNTED_FROM = _SETTINGS_FROM + len(SETTINGS)

ENTRY_COLUMNS = (
    "pos & 4294967295, iif(cuts IS NULL, raw, whole_message(pos >> 32, raw, cuts)), "
    "format, tokens, at, id, epoch, revision, superseded, redacted"
)
SUMMARY = Summary.__struct_fields__
SUMMARY_COLUMNS = ", ".join(SUMMARY)


def session_of(row: Row) -> Session:
    """A row of SESSION_COLUMNS as a header."""
    format, model, system, role, tools, policy, metadata, user, n_system, n_tools = row[_SETTINGS_FROM:_COUNTED_FROM]
    prompt = System(system, role) if system is not None else None
    settings = Settings(format, model, prompt, tools, policy, metadata, user, n_system, n_tools)
    created, updated, *rest = row[_COUNTED_FROM:]
    return Session(Key(row[0], row[1]), row[2], created, updated, settings, *rest)


def session_row(session: Session) -> Row:
    """The values of SETTINGS and COUNTED, in that order."""
    s = session.settings
    system = (s.system.content, s.system.role) if s.system else (None, None)
    kept = (s.format, s.model, *system, s.tools, s.policy, s.metadata, s.user)
    return (*kept, s.system_tokens, s.tools_tokens, *(getattr(session, name) for name in COUNTED))


def entry_of(row: Row) -> Entry:
    """A row of ENTRY_COLUMNS as a log entry."""
    return Entry(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], bool(row[8]), bool(row[9]))


def summary_of(row: Row) -> Summary:
    """A row of SUMMARY_COLUMNS as a summary."""
    refused = row[-1]
    return Summary(*(*row[:-1], tuple(orjson.loads(refused)) if refused is not None else ()))


def summary_row(summary: Summary) -> Row:
    """The values of SUMMARY_COLUMNS."""
    *plain, refused = (getattr(summary, name) for name in SUMMARY)
    return (*plain, orjson.dumps(refused).decode() if refused else None)
