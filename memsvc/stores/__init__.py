"""Stores by URL. Every one of them passes the same contract suite."""

from __future__ import annotations

from memsvc.ports import Store
from memsvc.stores.sqlite import SQLiteStore

SCHEMES = ("sqlite",)


def open_store(url: str) -> Store:
    """The store that a URL names, not open yet: `sqlite:///relative.db`, `sqlite:////absolute.db`
    or `sqlite://:memory:`. Raises ValueError for any other."""
    scheme, separator, rest = url.partition("://")
    match scheme:
        case "sqlite" if separator and rest == ":memory:":
            return SQLiteStore(":memory:")
        case "sqlite" if separator and rest.startswith("/") and len(rest) > 1:
            return SQLiteStore(rest[1:])
        case _:
            raise ValueError(
                f"store {url!r} is not one this release knows: "
                "sqlite:///relative.db, sqlite:////absolute.db or sqlite://:memory:"
            )
