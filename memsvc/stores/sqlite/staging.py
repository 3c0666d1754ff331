"""Sessions put together out of sight, part by part, and made visible in one step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import apsw
from msgspec.structs import replace

from memsvc.core.model import Entry, Key, Part, Session, Summary
from memsvc.errors import Conflict
from memsvc.stores.sqlite import jobs, ledger, moves, payloads, rows
from memsvc.stores.sqlite.codec import SUMMARY_COLUMNS, summary_row

STALE_S = 3600
"""An attempt that nobody has added to for so long has died; what it left goes."""

_STAGED = "SELECT uid, last_seq FROM staged WHERE tenant = ? AND sid = ? AND token = ?"
_BEGIN = "INSERT INTO staged (uid, tenant, sid, token, last_seq, touched) VALUES (?, ?, ?, ?, 0, unixepoch())"
_ENTRY = (
    "INSERT INTO messages (pos, raw, cuts, size, format, tokens, at, id, epoch, revision, superseded, redacted) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SUMMARY = (
    f"INSERT OR REPLACE INTO summaries (uid, parent, {SUMMARY_COLUMNS}) "
    f"VALUES (?, 0, {', '.join('?' * len(SUMMARY_COLUMNS.split(', ')))})"
)


def stage(db: apsw.Connection, key: Key, token: str, part: Part) -> None:
    """Add a part; the first one of an attempt begins anew. Conflict if another attempt has taken over."""
    found = db.execute(_STAGED, (key.tenant, key.session, token)).fetchone()
    if found is None and part.after:
        raise _lost()
    uid, last = (int(found[0]), int(found[1])) if found is not None else (_begin(db, key, token), 0)
    if part.after != last and (not part.entries or part.entries[-1].seq > last):
        raise _lost()
    fresh = [e for e in part.entries if e.seq > last]
    db.executemany(_ENTRY, [_entry_row(db, uid, e) for e in fresh])
    db.executemany(_SUMMARY, [(uid, *summary_row(s)) for s in part.summaries])
    db.executemany("INSERT OR IGNORE INTO pins (uid, seq) VALUES (?, ?)", [(uid, seq) for seq in part.pins])
    change = "UPDATE staged SET last_seq = ?, touched = unixepoch() WHERE uid = ?"
    db.execute(change, (fresh[-1].seq if fresh else last, uid))


def publish(db: apsw.Connection, key: Key, token: str, session: Session, chain: Sequence[int], over: bool) -> Session:
    """Make what was staged visible under this header; `over` one that is there."""
    found = db.execute(_STAGED, (key.tenant, key.session, token)).fetchone()
    if found is None:
        raise _lost()
    old = rows.head(db, key)
    if old is not None and not over:
        raise Conflict(f"there is a session {key.session!r} already", code="session_exists")
    uid, last = int(found[0]), int(found[1])
    db.execute("DELETE FROM staged WHERE uid = ?", (uid,))
    if old is not None:
        moves.erase(db, old.uid)
    for parent, epoch in pairwise((0, *chain)):
        db.execute("UPDATE summaries SET parent = ? WHERE uid = ? AND epoch = ?", (parent, uid, epoch))
    current = rows.summary(db, uid, chain[-1]) if chain else None
    new = moves.pointed(db, _header(db, key, uid, last, session, current), current)
    rows.insert_at(db, new)
    ledger.follow(db, key, uid)
    return rows.update(db, jobs.ask_if_due(db, new, new.updated_at))


def discard(db: apsw.Connection, key: Key, token: str | None = None) -> None:
    """Remove what an attempt has staged for a key; None = whoever's it is."""
    query = "SELECT uid FROM staged WHERE tenant = ?1 AND sid = ?2 AND ifnull(?3, token) = token"
    for (uid,) in db.execute(query, (key.tenant, key.session, token)).fetchall():
        _remove(db, cast(int, uid))


def any_stale(db: apsw.Connection) -> bool:
    """Whether an attempt has died and left something."""
    return bool(db.execute("SELECT count(*) FROM staged WHERE touched < unixepoch() - ?", (STALE_S,)).get)


def remove_stale(db: apsw.Connection) -> None:
    """Remove what attempts left that died."""
    for (uid,) in db.execute("SELECT uid FROM staged WHERE touched < unixepoch() - ?", (STALE_S,)).fetchall():
        _remove(db, cast(int, uid))


def tidy(db: apsw.Connection) -> None:
    """The same at the start, if it can be done then; the usual start writes nothing."""
    with contextlib.suppress(apsw.Error):
        if any_stale(db):
            with db:
                remove_stale(db)


def _begin(db: apsw.Connection, key: Key, token: str) -> int:
    remove_stale(db)
    discard(db, key)
    uid = rows.insert(db, Session(Key("", token), 0, 0.0, 0.0))  # takes a uid that no other session will get
    db.execute("DELETE FROM sessions WHERE uid = ?", (uid,))
    db.execute(_BEGIN, (uid, key.tenant, key.session, token))
    return uid


def _entry_row(db: apsw.Connection, uid: int, e: Entry) -> tuple[object, ...]:
    place = rows.pos(uid, e.seq)
    kept = payloads.columns(db, uid, e.raw)
    return (place, *kept, e.format, e.tokens, e.at, e.id, e.epoch, e.revision, e.superseded, e.redacted)


def _header(db: apsw.Connection, key: Key, uid: int, last: int, session: Session, current: Summary | None) -> Session:
    number, tokens, _ = rows.sums(db, uid, 0)
    return replace(
        session,
        key=key,
        uid=uid,
        last_seq=last,
        messages=number,
        live_tokens=tokens,
        summary_epoch=current.epoch if current is not None else 0,
        state="idle",
        due_at=None,
    )


def _remove(db: apsw.Connection, uid: int) -> None:
    moves.erase(db, uid)
    db.execute("DELETE FROM staged WHERE uid = ?", (uid,))


def _lost() -> Conflict:
    return Conflict("another copy to the same session has begun, or this one was given up", code="lost_race")
