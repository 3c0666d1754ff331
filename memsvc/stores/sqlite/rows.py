"""Reading and writing single rows; what the bigger writes are made of."""

from __future__ import annotations

import apsw

from memsvc.core.model import Entry, Key, Known, Session, Summary, Window
from memsvc.stores import rules
from memsvc.stores.sqlite.codec import (
    COUNTED,
    ENTRY_COLUMNS,
    SESSION_COLUMNS,
    SETTINGS,
    SUMMARY_COLUMNS,
    entry_of,
    session_of,
    session_row,
    summary_of,
)

SEQ_BITS = 32
MAX_SEQ = (1 << SEQ_BITS) - 1
_STORED = (*SETTINGS, *COUNTED)
_HEAD = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE tenant = ? AND sid = ?"
_REVISION = "SELECT revision, anchor_revision, anchor_tokens FROM sessions WHERE uid = ?"
_INSERT = (
    f"INSERT INTO sessions (tenant, sid, {', '.join(_STORED)}) "
    f"VALUES (?, ?, {', '.join('?' * len(_STORED))}) RETURNING uid"
)
_INSERT_AT = (
    f"INSERT INTO sessions (uid, tenant, sid, {', '.join(_STORED)}) VALUES (?, ?, ?, {', '.join('?' * len(_STORED))})"
)
_UPDATE = f"UPDATE sessions SET {', '.join(f'{c} = ?' for c in _STORED)} WHERE uid = ?"
_SUMMARY = f"SELECT {SUMMARY_COLUMNS} FROM summaries WHERE uid = ? AND epoch = ?"
_TAIL = f"SELECT {ENTRY_COLUMNS} FROM messages WHERE pos > ? AND pos <= ? AND superseded = 0 ORDER BY pos"
_RANGE = f"SELECT {ENTRY_COLUMNS} FROM messages WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?"
_SUMS = (
    "SELECT count(*), ifnull(sum(tokens), 0), ifnull(sum(ifnull(size, length(raw))), 0) FROM messages "
    "WHERE pos > ? AND pos <= ? AND superseded = 0"
)


class TooLarge(Exception):
    """A reading has passed the bound its caller set."""


def bounded(number: int) -> int:
    """A seq, epoch or limit from outside, brought into the range that SQLite can compare."""
    return min(max(number, 0), MAX_SEQ)


def pos(uid: int, seq: int) -> int:
    """Where message `seq` of session `uid` stands in the messages table. Never in another
    session's range, whatever `seq` is."""
    return uid << SEQ_BITS | bounded(seq)


def last_pos(uid: int) -> int:
    """The end of a session's range in the messages table."""
    return pos(uid, MAX_SEQ)


def head(db: apsw.Connection, key: Key) -> Session | None:
    """A session's header, or None."""
    row = db.execute(_HEAD, (key.tenant, key.session)).fetchone()
    return session_of(row) if row is not None else None


def must_head(db: apsw.Connection, key: Key) -> Session:
    """A session's header; NotFound if there is none."""
    found = head(db, key)
    if found is None:
        raise rules.no_session(key)
    return found


def insert(db: apsw.Connection, session: Session) -> int:
    """Store a new header; gives its uid."""
    row = (session.key.tenant, session.key.session, *session_row(session))
    return int(db.execute(_INSERT, row).get)


def insert_at(db: apsw.Connection, session: Session) -> None:
    """Store a new header under the uid that it has."""
    db.execute(_INSERT_AT, (session.uid, session.key.tenant, session.key.session, *session_row(session)))


def update(db: apsw.Connection, session: Session) -> Session:
    """Store a changed header; gives it back."""
    db.execute(_UPDATE, (*session_row(session), session.uid))
    return session


def tail(db: apsw.Connection, uid: int, after: int, most_bytes: int | None = None) -> tuple[Entry, ...]:
    """Live messages with seq > after. Raises TooLarge when they take more than `most_bytes`."""
    rows = db.execute(_TAIL, (pos(uid, after), last_pos(uid)))
    if most_bytes is None:
        return tuple(entry_of(r) for r in rows)
    found: list[Entry] = []
    try:
        for row in rows:
            most_bytes -= len(row[1])
            if most_bytes < 0:
                raise TooLarge
            found.append(entry_of(row))
    finally:
        rows.close(True)  # a cursor left half read would hold its snapshot beyond the COMMIT
    return tuple(found)


def unchanged(db: apsw.Connection, known: Known) -> Window | None:
    """The window of a reader who has all of it: its own header back. None if anything moved. A session's uid is never
    another's, not even after it was deleted."""
    held = known.session
    if held is None:
        return None
    found = db.execute(_REVISION, (held.uid,)).fetchone()
    if found != (held.revision, held.anchor_revision, held.anchor_tokens):
        return None
    return Window(held, None, (), partial=True)


def window(db: apsw.Connection, key: Key, known: Known | None, most_bytes: int | None = None) -> Window:
    """What a context is made of; without what the reader has already where that still holds.
    NotFound without the session; TooLarge when the messages take more than `most_bytes`."""
    session = must_head(db, key)
    if known is not None and (session.uid, session.prefix_revision) == (known.uid, known.prefix_revision):
        new = tail(db, session.uid, known.last_seq, most_bytes) if session.last_seq > known.last_seq else ()
        return Window(session, None, new, partial=True)
    if most_bytes is not None and session.tail_bytes > most_bytes:
        raise TooLarge
    current = summary(db, session.uid, session.summary_epoch)
    return Window(session, current, tail(db, session.uid, session.cut))


def between(db: apsw.Connection, uid: int, after: int, upto: int | None, limit: int) -> list[Entry]:
    """Messages as written with after < seq <= upto, at most `limit`."""
    end = last_pos(uid) if upto is None else pos(uid, upto)
    return [entry_of(r) for r in db.execute(_RANGE, (pos(uid, after), end, bounded(limit)))]


def summary(db: apsw.Connection, uid: int, epoch: int) -> Summary | None:
    """The summary that began `epoch`, None for epoch 0."""
    row = db.execute(_SUMMARY, (uid, epoch)).fetchone() if epoch else None
    return summary_of(row) if row is not None else None


def sums(db: apsw.Connection, uid: int, after: int, upto: int | None = None) -> tuple[int, int, int]:
    """(number, tokens, bytes) of live messages with after < seq <= upto."""
    end = last_pos(uid) if upto is None else pos(uid, upto)
    number, tokens, size = next(db.execute(_SUMS, (pos(uid, after), end)))
    return number, tokens, size
