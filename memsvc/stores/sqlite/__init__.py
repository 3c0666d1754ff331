"""SQLite through apsw, whose bundled SQLite has the WAL-reset fix that many systems' lacks."""

from memsvc.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
