"""The books: one line a model call, written before the call at its worst, or after it as reported."""

from __future__ import annotations

from typing import Any

import apsw

from memsvc.core.model import Key
from memsvc.core.money import OWN, Line, Sent, Spent, Usage
from memsvc.core.shadow import shown
from memsvc.stores.sqlite import rows

MAX_INTEGER = 2**63 - 1
"""The largest number that a column holds."""

_FIGURES = (
    *("at", "feature", "provider", "model", "input", "output", "cache_read", "cache_write", "cache_write_long"),
    *("micros", "held", "revision"),
)
_INSERT = (
    f"INSERT INTO ledger (tenant, id, session, uid, {', '.join(_FIGURES)}) "
    f"VALUES ({', '.join('?' * (4 + len(_FIGURES)))}) ON CONFLICT DO NOTHING RETURNING 1"
)
_SETTLE = (
    f"UPDATE ledger SET {', '.join(f'{name} = ?' for name in _FIGURES)} "
    "WHERE tenant = ? AND id = ? AND held = 1 RETURNING 1"
)
_RELEASE = "DELETE FROM ledger WHERE tenant = ? AND id = ? AND held = 1 RETURNING 1"
# A sum of integers may overflow and fail for ever; `total` adds up as a float, exact up to 2^53.
_SPENT = (
    "SELECT total(micros) FROM ledger WHERE tenant = ? AND session = ? AND feature = ? AND at >= ? "
    f"AND id >= '{OWN}' AND id < '{OWN[:-1]}{chr(ord(OWN[-1]) + 1)}'"
)
SPENT_COLUMNS = (
    "day, feature, provider, model, calls, input, output, cache_read, cache_write, cache_write_long, micros, unpriced, "
    "held, held_micros"
)
_ROLLED = (
    f"SELECT {SPENT_COLUMNS} FROM spent WHERE tenant = ? AND day >= ? AND day < ? "
    "ORDER BY day, feature, provider, model"
)
_FORGET = "UPDATE ledger SET session = NULL, uid = 0 WHERE tenant = ? AND session = ?"
_UID = "SELECT uid FROM sessions WHERE tenant = ? AND sid = ?"
_NEWEST_FIRST = "SELECT revision, tokens FROM messages WHERE pos > ? AND pos <= ? ORDER BY pos DESC"


def hold(db: apsw.Connection, line: Line, most_micros: int | None, since: float) -> bool:
    """Book the worst case of a call; False, and nothing is booked, if it would pass `most_micros`,
    or if the id is booked already. NotFound for a session that is gone."""
    if line.key.session:
        rows.must_head(db, line.key)
    if most_micros is not None:
        asked = (line.key.tenant, line.key.session, line.feature, since)
        if db.execute(_SPENT, asked).get + (line.micros or 0) > most_micros:
            return False
    return _insert(db, line, held=True)


def settle(db: apsw.Connection, line: Line, held: str | None) -> bool:
    """Put what a call came to in the place of its worst case, or book it; False if it is settled already."""
    if held is not None and held != line.id:
        release(db, line.key, held)
    row = (*_figures(line, held=False), line.key.tenant, line.id)
    return db.execute(_SETTLE, row).fetchone() is not None or _insert(db, line, held=False)


def release(db: apsw.Connection, key: Key, id: str) -> bool:
    """Take a held line off; False if none is held."""
    return db.execute(_RELEASE, (key.tenant, id)).fetchone() is not None


def spent(db: apsw.Connection, tenant: str, since: int, until: int) -> list[Spent]:
    """What a tenant's lines come to, by day, feature and model: triggers keep count."""
    return [spent_of(row) for row in db.execute(_ROLLED, (tenant, since, until))]


def spent_of(row: tuple[Any, ...]) -> Spent:
    """A row of `SPENT_COLUMNS`."""
    day, feature, provider, model, *figures = row
    calls, *tokens, micros, unpriced, held, at_worst = map(int, figures)
    return Spent(day, feature, provider, model, calls, Usage(*tokens), micros, unpriced, held, at_worst)


def book(db: apsw.Connection, line: Line) -> bool:
    """Book a call; False if its id is booked already."""
    return _insert(db, line, held=line.held)


def forget(db: apsw.Connection, key: Key) -> None:
    """Take a session's name and uid off its lines."""
    db.execute(_FORGET, (key.tenant, key.session))


def follow(db: apsw.Connection, key: Key, uid: int) -> None:
    """Give a session's lines the uid of the one that took its place."""
    db.execute("UPDATE ledger SET uid = ? WHERE tenant = ? AND session = ?", (uid, key.tenant, key.session))


def sent(db: apsw.Connection, key: Key, revision: int) -> Sent | None:
    """The size of the context at an earlier revision of the present prefix. NotFound without the session."""
    session = rows.must_head(db, key)
    if not session.prefix_revision <= revision <= session.revision:
        return None
    session = shown(session)
    tokens = session.context_tokens
    newer = db.execute(_NEWEST_FIRST, (rows.pos(session.uid, session.cut), rows.last_pos(session.uid)))
    try:
        for appended, size in newer:  # what an edit cut off is older than the prefix that it began
            if appended <= revision:
                break
            tokens -= size
    finally:
        newer.close(True)
    return Sent(session.uid, session.prefix_revision, revision, tokens)


def _insert(db: apsw.Connection, line: Line, *, held: bool) -> bool:
    key = line.key
    uid = db.execute(_UID, (key.tenant, key.session)).get
    owner = (key.session, uid) if uid is not None else (None, 0)
    row = (key.tenant, line.id, *owner, *_figures(line, held=held))
    return db.execute(_INSERT, row).fetchone() is not None


def _figures(line: Line, *, held: bool) -> tuple[str | float | None, ...]:
    """The values of _FIGURES, in that order."""
    used = line.usage
    tokens = (used.input, used.output, used.cache_read, used.cache_write, used.cache_write_long)
    told = (line.at, line.feature, line.provider, line.model)
    return (*told, *map(_bounded, tokens), _bounded(line.micros), held, _bounded(line.revision))


def _bounded(number: int | None) -> int | None:
    return None if number is None else min(max(number, 0), MAX_INTEGER)
