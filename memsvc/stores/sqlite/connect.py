"""Opening connections, migrating the schema, and the one place that translates SQLite's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.resources import files

import apsw

from memsvc.errors import Unavailable

BUSY_MS = 5_000
"""How long a write waits for another process that is writing."""
_FULL = (apsw.FullError, apsw.IOError)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into Unavailable with a sentence that says what to look at."""
    try:
        yield
    except apsw.Error as error:
        raise Unavailable(f"the SQLite store failed: {_advice(error)}", retry_after=1) from error


def _advice(error: apsw.Error) -> str:
    text = str(error).removesuffix(".")
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return f"{text}; another process holds the file"
        case apsw.FullError():
            return f"{text}; the disk is full"
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return f"{text}; the file or its folder is not writable"
        case apsw.CorruptError() | apsw.NotADBError():
            return f"{text}; the file is damaged or no SQLite database: restore it from a backup"
        case apsw.CantOpenError():
            return f"{text}; check that the folder exists and is writable"
        case _:
            return text


def connect(path: str, *, writable: bool) -> apsw.Connection:
    """A connection in WAL mode, durable at every commit. Raises Unavailable."""
    with translated():
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(path, flags=flags | (apsw.SQLITE_OPEN_CREATE if writable else 0))
        connection.set_busy_timeout(BUSY_MS)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")
        if not writable:
            connection.execute("PRAGMA query_only=1")
            connection.execute("PRAGMA mmap_size=268435456")
        return connection


def migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to date; safe when several processes open a new file at once."""
    scripts = sorted(p.name for p in files(__package__).joinpath("schema").iterdir() if p.name.endswith(".sql"))
    newest = len(scripts)
    with translated():
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = connection.execute("PRAGMA user_version").get
            if found > newest:
                raise Unavailable(
                    f"the file has schema version {found}, this release knows up to {newest}; "
                    "use the release that wrote it, or a newer one"
                )
            for number, name in enumerate(scripts, start=1):
                if number > found:
                    connection.execute(files(__package__).joinpath("schema", name).read_text())
                    connection.execute(f"PRAGMA user_version={number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
