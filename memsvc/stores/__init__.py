"""Stores by URL. Every one of them passes the same contract suite."""

from __future__ import annotations

from memsvc.ports import Store
from memsvc.stores.sqlite import SQLiteStore


def open_store(url: str) -> Store:
    """The store that a URL names, not open yet: `sqlite:///relative.db`, `sqlite:////absolute.db`
    or `sqlite://:memory:`. Raises ValueError for any other."""
    scheme, separator, rest = url.partition("://")
    match scheme:
        case "sqlite" if separator and rest == ":memory:":
            return SQLiteStore(":memory:")
        case "sqlite" if separator and rest.startswith("/") and not rest.endswith("/"):
            return SQLiteStore(rest[1:])
        case _:
            # Only the scheme is repeated: the rest of a URL may hold a password.
            raise ValueError(
                f"a store of scheme {scheme!r} is not one this release knows: "
                "sqlite:///relative.db, sqlite:////absolute.db or sqlite://:memory:"
            )
