"""Running figures, remembered compactions, and what is told of the whole file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw
import orjson
from msgspec.structs import asdict

from memsvc.core.figures import KEPT_DAYS, MOST_NOTED, DayFigure, Figure, Noted, Queued, Waiting
from memsvc.core.model import Key
from memsvc.core.money import DAY_S, Line, Spent
from memsvc.stores.paging import packed_place, place_of
from memsvc.stores.sqlite import rows
from memsvc.stores.sqlite.census import LINE_COLUMNS, line_of
from memsvc.stores.sqlite.ledger import SPENT_COLUMNS, spent_of

T = TypeVar("T")
Read = Callable[[apsw.Connection], T]

_ADD = (
    "INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count, "
    "tokens = tokens + excluded.tokens, micros = micros + excluded.micros"
)
_SUMS = (
    "SELECT day, kind, name, CAST(total(count) AS INTEGER), CAST(total(tokens) AS INTEGER), "
    "CAST(total(micros) AS INTEGER) FROM figures WHERE day >= ?2 AND day < ?3 AND {whose} "
    "GROUP BY day, kind, name ORDER BY day, kind, name"
)
_NOTE = (
    "INSERT INTO noted (tenant, uid, at, note) "
    "VALUES (?1, ifnull((SELECT uid FROM sessions WHERE tenant = ?1 AND sid = ?2), 0), ?3, ?4)"
)
_FORGET = (
    "DELETE FROM noted WHERE tenant = ?1 AND n <= "
    f"(SELECT n FROM noted WHERE tenant = ?1 ORDER BY n DESC LIMIT 1 OFFSET {MOST_NOTED})"
)
_NOTED = (
    "SELECT n.tenant, ifnull(s.sid, ''), n.at, n.note FROM noted n LEFT JOIN sessions s ON s.uid = n.uid "
    "WHERE {whose} ORDER BY {order} LIMIT ?2"
)
_TENANTS = (
    "WITH RECURSIVE t(x) AS (SELECT min(tenant) FROM spent UNION ALL "
    "SELECT (SELECT min(tenant) FROM spent WHERE tenant > x) FROM t WHERE x IS NOT NULL)"
)
_SUMMED = ", ".join(f"total({name})" for name in SPENT_COLUMNS.split(", ")[4:])
_OF_THEM = "FROM t CROSS JOIN spent s ON s.tenant = t.x AND s.day >= ?1 AND s.day < ?2"
_BY_DAY = (
    f"{_TENANTS} SELECT day, feature, provider, model, {_SUMMED} {_OF_THEM} "
    "GROUP BY day, feature, provider, model ORDER BY day, feature, provider, model"
)
_BY_TENANT = f"{_TENANTS} SELECT tenant, 0, '', '', '', {_SUMMED} {_OF_THEM} GROUP BY tenant ORDER BY tenant"
_MINE = "FROM jobs j JOIN sessions s ON s.uid = j.uid WHERE s.tenant = ifnull(?1, s.tenant)"
_RUNS = "j.lease IS NOT NULL AND j.due_at > ?2"
_QUEUE = (
    f"SELECT count(*) - ifnull(sum({_RUNS}), 0), ifnull(sum(j.due_at <= ?2), 0), ifnull(sum({_RUNS}), 0), "
    f"min(CASE WHEN j.due_at <= ?2 THEN j.due_at END) {_MINE}"
)
_JOBS = (
    "SELECT s.tenant, s.sid, s.state, j.due_at, j.attempts, "
    f"CASE WHEN s.state IN ('backoff', 'failed') THEN s.last_reason END {_MINE} ORDER BY j.due_at, j.uid LIMIT ?2"
)
_CALLS = (
    f"SELECT {LINE_COLUMNS} FROM ledger WHERE tenant = ?1 AND session = ?2 AND (at, id) > (?3, ?4) "
    "ORDER BY at, id LIMIT ?5"
)


class FigureRows(ABC):
    """Implements `ports.Figures` and `ports.Overview` over the store's looks and writes."""

    @abstractmethod
    async def _write(self, work: Read[T], *, erases: bool = False) -> T: ...

    @abstractmethod
    async def _read(self, work: Read[T]) -> T: ...

    @abstractmethod
    async def _read_far(self, work: Read[T]) -> T: ...

    async def record(self, tenant: str, at: float, figures: Sequence[Figure], note: Noted | None = None) -> None:
        """Add to the figures of a day, and remember a compaction."""
        await self._write(lambda db: record(db, tenant, at, figures, note))

    async def figures(self, tenant: str | None, *, since: int, until: int) -> list[DayFigure]:
        """A tenant's figures, or those of all together."""
        query = _SUMS.format(whose="?1 IS NULL" if tenant is None else "tenant = ?1")
        return await self._read_far(lambda db: [DayFigure(*row) for row in db.execute(query, (tenant, since, until))])

    async def noted(self, tenant: str | None, *, limit: int) -> list[Noted]:
        """Compactions of a tenant, or everybody's, newest first."""
        return await self._read_far(lambda db: noted(db, tenant, limit))

    async def spent_by_all(self, *, since: int, until: int) -> tuple[list[Spent], dict[str, Spent]]:
        """What all lines come to, and those of each tenant."""
        return await self._read_far(lambda db: spent_by_all(db, since, until))

    async def queued(self, tenant: str | None, *, now: float, limit: int) -> Queued:
        """The queue, or a tenant's part of it."""
        return await self._read_far(lambda db: queued(db, tenant, now, limit))

    async def session_count(self, tenant: str | None) -> int:
        """How many sessions there are."""
        query = "SELECT count(*) FROM sessions" + ("" if tenant is None else " WHERE tenant = ?")
        return await self._read_far(lambda db: int(db.execute(query, () if tenant is None else (tenant,)).get))

    async def calls(self, key: Key, *, after: str | None, limit: int) -> tuple[list[Line], str | None]:
        """A session's lines, oldest first."""
        return await self._read_far(lambda db: calls(db, key, after, limit))


def record(db: apsw.Connection, tenant: str, at: float, figures: Sequence[Figure], note: Noted | None) -> None:
    """Add to the figures of a day, and remember a compaction; what is old goes."""
    day = int(at // DAY_S)
    for one in figures:
        db.execute(_ADD, (tenant, day, one.kind, one.name, one.count, one.tokens, one.micros))
    db.execute("DELETE FROM figures WHERE tenant = ? AND day < ?", (tenant, day - KEPT_DAYS))
    if note is None:
        return
    told = {name: value for name, value in asdict(note).items() if name not in ("tenant", "session", "at")}
    db.execute(_NOTE, (tenant, note.session, note.at, orjson.dumps(told).decode()))
    db.execute(_FORGET, (tenant,))


def noted(db: apsw.Connection, tenant: str | None, limit: int) -> list[Noted]:
    """Compactions, newest first."""
    whose, order = ("?1 IS NULL", "n.at DESC, n.n DESC") if tenant is None else ("n.tenant = ?1", "n.n DESC")
    found = db.execute(_NOTED.format(whose=whose, order=order), (tenant, rows.bounded(limit)))
    return [Noted(owner, session, at, **orjson.loads(note)) for owner, session, at, note in found]


def spent_by_all(db: apsw.Connection, since: int, until: int) -> tuple[list[Spent], dict[str, Spent]]:
    """What all lines come to, and those of each tenant. Tenants are found by leaps, so that other days cost nothing."""
    by_day = [spent_of(row) for row in db.execute(_BY_DAY, (since, until))]
    return by_day, {row[0]: spent_of(row[1:]) for row in db.execute(_BY_TENANT, (since, until))}


def queued(db: apsw.Connection, tenant: str | None, now: float, limit: int) -> Queued:
    """The queue, or a tenant's part of it."""
    waiting, due, running, oldest = db.execute(_QUEUE, (tenant, now)).fetchone() or (0, 0, 0, None)
    jobs: list[tuple[Any, ...]] = db.execute(_JOBS, (tenant, rows.bounded(limit))).fetchall()
    return Queued(waiting, due, running, oldest, tuple(Waiting(Key(row[0], row[1]), *row[2:]) for row in jobs))


def calls(db: apsw.Connection, key: Key, after: str | None, limit: int) -> tuple[list[Line], str | None]:
    """A page of a session's lines, and the cursor of the next one."""
    at, id = place_of(after, [-1e300, ""])
    limit = rows.bounded(limit)
    rows.must_head(db, key)
    found = [line_of(row) for row in db.execute(_CALLS, (key.tenant, key.session, at, id, limit + 1))]
    page = found[:limit]
    return page, packed_place([page[-1].at, page[-1].id]) if len(found) > limit else None
