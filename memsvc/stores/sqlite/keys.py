"""API keys as rows."""

from __future__ import annotations

from dataclasses import fields

import apsw

from memsvc.core.access import ApiKey, ordered
from memsvc.stores.sqlite.codec import Row

_COLUMNS = tuple(f.name for f in fields(ApiKey))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM keys"
_INSERT = (
    f"INSERT INTO keys ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT DO NOTHING "
    "RETURNING 1"
)
_CHANGE = (
    "UPDATE keys SET expires_at = ?, revoked_at = ? WHERE id = ? AND expires_at IS ? AND revoked_at IS ? RETURNING 1"
)


def add(db: apsw.Connection, key: ApiKey) -> bool:
    """Keep a new key; False if its id is taken."""
    return db.execute(_INSERT, _row(key)).fetchone() is not None


def one(db: apsw.Connection, id: str) -> ApiKey | None:
    """The key with this id, or None."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (id,)).fetchone()
    return None if row is None else _key(row)


def many(db: apsw.Connection, tenant: str | None) -> list[ApiKey]:
    """A tenant's keys, or everybody's, oldest first."""
    query = f"{_SELECT} WHERE tenant = ?1 OR ?1 IS NULL ORDER BY created_at, id"
    return [_key(row) for row in db.execute(query, (tenant,))]


def change(db: apsw.Connection, seen: ApiKey, new: ApiKey) -> bool:
    """Put `new` in the place of `seen`; False if that is not what is stored."""
    values = (new.expires_at, new.revoked_at, seen.id, seen.expires_at, seen.revoked_at)
    return db.execute(_CHANGE, values).fetchone() is not None


def _row(key: ApiKey) -> Row:
    values = {name: getattr(key, name) for name in _COLUMNS}
    return tuple({**values, "scopes": ",".join(key.scopes)}.values())


def _key(row: Row) -> ApiKey:
    values = dict(zip(_COLUMNS, row, strict=True))
    return ApiKey(**{**values, "scopes": ordered(values["scopes"].split(","))})
