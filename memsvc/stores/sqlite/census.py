"""All that a file holds, page by page, in an order that activity does not change."""

from __future__ import annotations

import math

import apsw

from memsvc.core.model import Key, Session
from memsvc.core.money import Line, Usage
from memsvc.stores.paging import packed_place, place_of
from memsvc.stores.sqlite import rows
from memsvc.stores.sqlite.codec import SESSION_COLUMNS, Row, session_of

_EVERY = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE uid > ?1 AND tenant = ifnull(?2, tenant) ORDER BY uid LIMIT ?3"
_IDLE = (
    f"SELECT {SESSION_COLUMNS} FROM sessions WHERE tenant = ?1 AND updated_at < ?2 AND (updated_at, uid) > (?3, ?4) "
    "ORDER BY updated_at, uid LIMIT ?5"
)
LINE_COLUMNS = (
    "tenant, id, ifnull(session, ''), at, feature, provider, model, input, output, cache_read, cache_write, "
    "cache_write_long, micros, held, revision"
)
_LINES = (
    f"SELECT {LINE_COLUMNS} FROM ledger "
    "WHERE (tenant, id) > (?1, ?2) AND tenant = ifnull(?3, tenant) ORDER BY tenant, id LIMIT ?4"
)


def every(db: apsw.Connection, tenant: str | None, after: str | None, limit: int) -> tuple[list[Session], str | None]:
    """A page of sessions, and the cursor of the next one."""
    limit = rows.bounded(limit)
    found = [session_of(r) for r in db.execute(_EVERY, (place_of(after, 0), tenant, limit + 1))]
    page = found[:limit]
    return page, packed_place(page[-1].uid) if len(found) > limit else None


def idle(
    db: apsw.Connection, tenant: str, before: float, after: str | None, limit: int
) -> tuple[list[Session], str | None]:
    """A page of sessions that were not active since `before`, and the cursor of the next one."""
    limit = rows.bounded(limit)
    place = place_of(after, [-math.inf, 0])
    found = [session_of(r) for r in db.execute(_IDLE, (tenant, before, *place, limit + 1))]
    page = found[:limit]
    return page, packed_place([page[-1].updated_at, page[-1].uid]) if len(found) > limit else None


def lines(db: apsw.Connection, tenant: str | None, after: str | None, limit: int) -> tuple[list[Line], str | None]:
    """A page of the books, and the cursor of the next one."""
    limit = rows.bounded(limit)
    begin = place_of(after, [tenant or "", ""])
    found = [line_of(r) for r in db.execute(_LINES, (*begin, tenant, limit + 1))]
    page = found[:limit]
    return page, packed_place([page[-1].key.tenant, page[-1].id]) if len(found) > limit else None


def line_of(row: Row) -> Line:
    """A line from a row of `LINE_COLUMNS`."""
    tenant, name, session, at, feature, provider, model, *figures = row
    read, output, cache_read, cache_write, cache_write_long, micros, held, revision = figures
    usage = Usage(read, output, cache_read, cache_write, cache_write_long)
    return Line(name, Key(tenant, session), at, feature, provider, model, usage, micros, bool(held), revision)
