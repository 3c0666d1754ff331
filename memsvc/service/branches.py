"""Branches: sessions `{sid}~2`, `{sid}~3`, ... that hold the other conversations which clients lead under one name.

A name proves nothing, since callers may choose such a one themselves. A branch is marked in its metadata: with its own
name and with the session that it left, by name and birth, so that neither a fork of a branch nor a session that was
deleted and created again is taken for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson

from memsvc.core.model import Key, Session
from memsvc.ports import Log

MARK = "memsvc_branch"
"""Member of a branch's metadata."""
MOST = 30
"""Branches of a session that are looked at, those with the newest activity first."""

_PAGE = 100
_LONGEST_NAME = 200
_ROOM = 8  # for the sign and the number
_KEPT = 150


def stem(sid: str) -> str:
    """What the names of a session's branches begin with. A name that leaves no room is shortened, with its hash."""
    if len(sid) + _ROOM > _LONGEST_NAME:
        sid = f"{sid[:_KEPT]}.{hashlib.blake2b(sid.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
    return f"{sid}~"


def following(sid: str, names: Iterable[str]) -> int:
    """The number of the next branch, where there are sessions with these names."""
    start = len(stem(sid))
    numbers = [int(n[start:]) for n in names if n[start:].isascii() and n[start:].isdecimal() and len(n[start:]) < 7]
    return max(numbers, default=1) + 1


def marker(main: Session, name: str) -> Callable[[Session], Session]:
    """What makes a header that of a branch called `name`."""

    def mark(header: Session) -> Session:
        metadata = {**_metadata(header), MARK: _mark(main, name)}
        return replace(header, settings=replace(header.settings, metadata=orjson.dumps(metadata)))

    return mark


def is_branch(session: Session, main: Session) -> bool:
    """Whether a session is a branch that left `main`."""
    return bool(_metadata(session).get(MARK) == _mark(main, session.key.session))


async def branches(log: Log, main: Session) -> tuple[list[Session], int]:
    """A session's branches, newest activity first, at most `MOST`; and the number of the next one."""
    found, _ = await log.sessions(main.key.tenant, prefix=stem(main.key.session), limit=_PAGE)
    number = following(main.key.session, (s.key.session for s in found))
    return [s for s in found if is_branch(s, main)][:MOST], number


async def every_branch(log: Log, main: Session) -> AsyncIterator[Session]:
    """All branches of a session, newest activity first."""
    after: str | None = None
    while True:
        found, after = await log.sessions(main.key.tenant, prefix=stem(main.key.session), after=after, limit=_PAGE)
        for session in found:
            if is_branch(session, main):
                yield session
        if after is None:
            return


def branch_key(main: Key, number: int) -> Key:
    """The name of a branch."""
    return Key(main.tenant, f"{stem(main.session)}{number}")


def _mark(main: Session, name: str) -> dict[str, Any]:
    return {"name": name, "of": main.key.session, "since": main.created_at}


def _metadata(session: Session) -> dict[str, Any]:
    value = orjson.loads(session.settings.metadata) if session.settings.metadata else {}
    return value if isinstance(value, dict) else {}
