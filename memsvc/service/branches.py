"""Branches: sessions `{sid}~2`, `{sid}~3`, ... that hold the other conversations which clients lead under one name.

A name proves nothing, since callers may choose such a one themselves. A branch is marked in its metadata: with its own
name and with the session that it left, by name and birth, so that neither a fork of a branch nor a session that was
deleted and created again is taken for one.

They are found by trying their names in a row, which costs a trip whatever else a tenant has.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from msgspec.structs import replace

from memsvc.core.model import Key, Session
from memsvc.ports import Log

MARK = "memsvc_branch"
"""Member of a branch's metadata."""

FIRST = 2
"""Number of the first branch: the session itself counts as one."""

_AT_ONCE, _MOST_AT_ONCE = 4, 64
"""Names that are tried at once. Some may be free, where a branch was deleted; after so many in a row there are none."""
_LONGEST_NAME = 200
_ROOM = 8  # for the sign and the number
_KEPT = 150


def stem(sid: str) -> str:
    """What the names of a session's branches begin with. A name that leaves no room is shortened, with its hash."""
    if len(sid) + _ROOM > _LONGEST_NAME:
        sid = f"{sid[:_KEPT]}.{hashlib.blake2b(sid.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
    return f"{sid}~"


def marker(main: Session, name: str) -> Callable[[Session], Session]:
    """What makes a header that of a branch called `name`."""

    def mark(header: Session) -> Session:
        metadata = {**_metadata(header), MARK: _mark(main, name)}
        return replace(header, settings=replace(header.settings, metadata=orjson.dumps(metadata)))

    return mark


def is_branch(session: Session, main: Session) -> bool:
    """Whether a session is a branch that left `main`."""
    return bool(_metadata(session).get(MARK) == _mark(main, session.key.session))


async def branches(log: Log, main: Session, number: int = FIRST) -> tuple[list[Session], int]:
    """A session's branches from a number on; and one that is free for the next. First those that came to more than a
    question and its answer, each kind by its newest activity."""
    found: list[Session] = []
    count, free = _AT_ONCE, 0
    while True:
        keys = [branch_key(main.key, n) for n in range(number, number + count)]
        heads = await asyncio.gather(*(log.head(key) for key in keys))
        found += [head for head in heads if head is not None and is_branch(head, main)]
        if not free and None in heads:
            free = number + heads.index(None)
        if heads.count(None) == count:
            return sorted(found, key=lambda s: (s.messages > 2, s.updated_at, s.uid), reverse=True), free
        number, count = number + count, min(count * 2, _MOST_AT_ONCE)


def branch_key(main: Key, number: int) -> Key:
    """The name of a branch."""
    return Key(main.tenant, f"{stem(main.session)}{number}")


def _mark(main: Session, name: str) -> dict[str, Any]:
    return {"name": name, "of": main.key.session, "since": main.created_at}


def _metadata(session: Session) -> dict[str, Any]:
    value = orjson.loads(session.settings.metadata) if session.settings.metadata else {}
    return value if isinstance(value, dict) else {}
