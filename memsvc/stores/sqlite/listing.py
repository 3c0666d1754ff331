"""A tenant's sessions, page by page: newest activity first, with a cursor that holds its place."""

from __future__ import annotations

import apsw

from memsvc.core.model import Session
from memsvc.stores.paging import cursor, position
from memsvc.stores.sqlite import rows
from memsvc.stores.sqlite.codec import SESSION_COLUMNS, session_of


class Page:
    """A look at one page. Raises InvalidRequest for a cursor that was not given here."""

    def __init__(self, tenant: str, prefix: str, user: str | None, after: str | None, limit: int) -> None:
        where, values = ["tenant = ?"], [tenant]
        if prefix:
            where.append("sid >= ?")
            values.append(prefix)
        if (end := _after_prefix(prefix)) is not None:
            where.append("sid < ?")
            values.append(end)
        if user is not None:
            where.append("user = ?")
            values.append(user)
        self._limit = rows.bounded(limit)
        self._values: list[str | float] = list(values)
        if after is not None:
            where.append("(updated_at, uid) < (?, ?)")
            self._values += position(after, most_uid=1 << 31)
        self._query = (
            f"SELECT {SESSION_COLUMNS} FROM sessions WHERE {' AND '.join(where)} "
            "ORDER BY updated_at DESC, uid DESC LIMIT ?"
        )

    def read(self, db: apsw.Connection) -> tuple[list[Session], str | None]:
        """The page, and the cursor of the next one."""
        found = [session_of(r) for r in db.execute(self._query, (*self._values, self._limit + 1))]
        page = found[: self._limit]
        return page, cursor(page[-1].updated_at, page[-1].uid) if len(found) > self._limit else None


def _after_prefix(prefix: str) -> str | None:
    """The first text that sorts after all that begin with `prefix`; None if there is none."""
    prefix = prefix.rstrip("\U0010ffff")
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if following == 0xD800 else following)
