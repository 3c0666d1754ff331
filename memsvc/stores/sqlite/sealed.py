"""Encrypted keys for model providers as rows."""

from __future__ import annotations

import apsw

_PUT = (
    "INSERT INTO provider_keys (tenant, provider, sealed) VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET sealed = excluded.sealed"
)
_ONE = "SELECT sealed FROM provider_keys WHERE tenant = ? AND provider = ?"
_REMOVE = "DELETE FROM provider_keys WHERE tenant = ? AND provider = ? RETURNING 1"
_NAMES = "SELECT tenant, provider FROM provider_keys WHERE tenant = ?1 OR ?1 IS NULL ORDER BY tenant, provider"


def put(db: apsw.Connection, tenant: str, provider: str, sealed: bytes) -> None:
    """Keep bytes, in the place of those that are there."""
    db.execute(_PUT, (tenant, provider, sealed))


def one(db: apsw.Connection, tenant: str, provider: str) -> bytes | None:
    """The bytes, or None."""
    row = db.execute(_ONE, (tenant, provider)).fetchone()
    return None if row is None else bytes(row[0])


def remove(db: apsw.Connection, tenant: str, provider: str) -> bool:
    """Forget them; False if there are none."""
    return db.execute(_REMOVE, (tenant, provider)).fetchone() is not None


def names(db: apsw.Connection, tenant: str | None) -> list[tuple[str, str]]:
    """(tenant, provider) of all that is kept, of one tenant or everybody."""
    return [(row[0], row[1]) for row in db.execute(_NAMES, (tenant,))]
