"""All that a file holds, page by page, in an order that activity does not change."""

from __future__ import annotations

import base64
import math
from typing import TypeVar

import apsw
import orjson

from memsvc.core.model import Key, Session
from memsvc.core.money import Line, Usage
from memsvc.errors import InvalidRequest
from memsvc.stores.sqlite import rows
from memsvc.stores.sqlite.codec import SESSION_COLUMNS, Row, session_of

T = TypeVar("T")
_EVERY = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE uid > ?1 AND tenant = ifnull(?2, tenant) ORDER BY uid LIMIT ?3"
_IDLE = (
    f"SELECT {SESSION_COLUMNS} FROM sessions WHERE tenant = ?1 AND updated_at < ?2 AND (updated_at, uid) > (?3, ?4) "
    "ORDER BY updated_at, uid LIMIT ?5"
)
_LINES = (
    "SELECT tenant, id, ifnull(session, ''), at, feature, provider, model, input, output, cache_read, cache_write, "
    "cache_write_long, micros, held, revision FROM ledger "
    "WHERE (tenant, id) > (?1, ?2) AND tenant = ifnull(?3, tenant) ORDER BY tenant, id LIMIT ?4"
)


def every(db: apsw.Connection, tenant: str | None, after: str | None, limit: int) -> tuple[list[Session], str | None]:
    """A page of sessions, and the cursor of the next one."""
    limit = rows.bounded(limit)
    found = [session_of(r) for r in db.execute(_EVERY, (_place(after, 0), tenant, limit + 1))]
    page = found[:limit]
    return page, _cursor(page[-1].uid) if len(found) > limit else None


def idle(
    db: apsw.Connection, tenant: str, before: float, after: str | None, limit: int
) -> tuple[list[Session], str | None]:
    """A page of sessions that were not active since `before`, and the cursor of the next one."""
    limit = rows.bounded(limit)
    place = _place(after, [-math.inf, 0])
    found = [session_of(r) for r in db.execute(_IDLE, (tenant, before, *place, limit + 1))]
    page = found[:limit]
    return page, _cursor([page[-1].updated_at, page[-1].uid]) if len(found) > limit else None


def lines(db: apsw.Connection, tenant: str | None, after: str | None, limit: int) -> tuple[list[Line], str | None]:
    """A page of the books, and the cursor of the next one."""
    limit = rows.bounded(limit)
    begin = _place(after, [tenant or "", ""])
    found = [_line(r) for r in db.execute(_LINES, (*begin, tenant, limit + 1))]
    page = found[:limit]
    return page, _cursor([page[-1].key.tenant, page[-1].id]) if len(found) > limit else None


def _line(row: Row) -> Line:
    tenant, name, session, at, feature, provider, model, *figures = row
    read, output, cache_read, cache_write, cache_write_long, micros, held, revision = figures
    usage = Usage(read, output, cache_read, cache_write, cache_write_long)
    return Line(name, Key(tenant, session), at, feature, provider, model, usage, micros, bool(held), revision)


def _cursor(place: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def _place(cursor: str | None, begin: T) -> T:
    if cursor is None:
        return begin
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        found = None
    if type(found) is not type(begin):
        raise InvalidRequest("after is not a cursor this store gave; start without it", field="after")
    return found
