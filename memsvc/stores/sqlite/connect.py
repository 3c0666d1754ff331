"""Opening connections, migrating the schema, and the one place that translates SQLite's errors."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from importlib.resources import files

import apsw

from memsvc.errors import Unavailable
from memsvc.stores.sqlite import payloads

MEMORY = ":memory:"
BUSY_MS = 5_000
"""How long a write waits for another process that is writing."""
SCRUB_MS = 100
"""How long cutting the log file to nothing waits for readers."""
WAL_STEP_S = 0.01
CHECKPOINT_PAGES = 4_000
"""Pages of the log, 16 MB, at which it goes into the database. A page that many appends change is copied once for all
of them; at SQLite's own 1,000 that is a tenth of an append's time."""
APPLICATION_ID = 0x6D656D73
"""`mems`: marks a file as ours, so that another program's database is never written to."""
JOURNAL_BYTES = 64 * 1024 * 1024
"""A log file that a burst has blown up is cut back to this."""


def unavailable(error: apsw.Error) -> Unavailable:
    """What callers get for SQLite's own error: a sentence that says what to look at."""
    return Unavailable(f"the SQLite store failed: {_advice(error)}", retry_after=1)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into Unavailable."""
    try:
        yield
    except apsw.Error as error:
        raise unavailable(error) from error


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


def _make_private(path: str) -> None:
    """A new file is its owner's alone, and its logs too, which get the file's mode: SQLite would let everybody read
    it. A file that is there keeps the mode that it was given. What is amiss with the path, SQLite says."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def open_writer(path: str) -> apsw.Connection:
    """The connection that writes: file created if need be, schema up to date, durable at
    every commit. Raises Unavailable."""
    if path != MEMORY:
        _make_private(path)
    with translated():
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        try:
            payloads.teach(connection)
            connection.set_busy_timeout(BUSY_MS)
            if path != MEMORY:
                _use_wal(connection)
            # What is deleted is overwritten, whole pages included (FAST would leave those on the free list).
            for pragma in (
                "secure_delete=ON",
                "synchronous=FULL",
                "fullfsync=1",
                "temp_store=MEMORY",
                "cache_size=-16000",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def rewrite_version(connection: apsw.Connection) -> None:
    """The least that can be written: the schema's number over itself."""
    connection.execute(f"PRAGMA user_version={connection.execute('PRAGMA user_version').get}")


def tend_log(connection: apsw.Connection, crowded: Callable[[bool], None]) -> None:
    """Let the log go into the database when it is long. `crowded` is told after each commit whether it is: it begins
    anew with the first commit that finds nobody reading in it."""

    def committed(db: apsw.Connection, name: str, pages: int) -> int:
        crowded(pages >= CHECKPOINT_PAGES)
        if pages >= CHECKPOINT_PAGES:
            with contextlib.suppress(apsw.Error):  # the next one tries again
                db.wal_checkpoint(name)
        return apsw.SQLITE_OK

    connection.set_wal_hook(committed)


def scrub(connection: apsw.Connection) -> None:
    """Take what was erased out of the log file too: all of it into the database, and the file cut to nothing.
    Left for the next time where another process reads for long; never raises."""
    with contextlib.suppress(apsw.Error):
        connection.set_busy_timeout(SCRUB_MS)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.set_busy_timeout(BUSY_MS)


def open_reader(path: str, *, busy_ms: int) -> apsw.Connection:
    """A connection to a file that stands already; it cannot write. Raises Unavailable."""
    with translated():
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
        payloads.teach(connection)
        connection.set_busy_timeout(busy_ms)
        for pragma in ("query_only=1", "temp_store=MEMORY", "cache_size=-4000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


def _use_wal(connection: apsw.Connection) -> None:
    """Switch a new file to WAL. SQLite does not wait for the lock this needs, so that several
    processes that open a new file at once must try until one of them has done it."""
    end = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").get
            break
        except apsw.BusyError:
            if time.monotonic() > end:
                raise
            time.sleep(WAL_STEP_S)
    if mode != "wal":
        raise Unavailable(f"the SQLite store cannot use WAL there (mode {mode}); put the file on a local disk")


def _migrate(connection: apsw.Connection) -> None:
    """Bring the schema up to date; safe when several processes open a new file at once."""
    scripts = sorted(p.name for p in files(__package__).joinpath("schema").iterdir() if p.name.endswith(".sql"))
    connection.execute("BEGIN")  # one snapshot: another process may be making the schema right now
    try:
        current = _found(connection, len(scripts)) == len(scripts)
    finally:
        connection.execute("COMMIT")
    if current:
        return  # the usual start takes no write lock
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _found(connection, len(scripts))
        for number, name in enumerate(scripts[found:], start=found + 1):
            connection.execute(files(__package__).joinpath("schema", name).read_text(encoding="utf-8"))
            connection.execute(f"PRAGMA user_version={number}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _found(connection: apsw.Connection, newest: int) -> int:
    """The schema version of the file, 0 for a new one. Unavailable if it is not for this release."""
    version = int(connection.execute("PRAGMA user_version").get)
    owner = connection.execute("PRAGMA application_id").get
    if owner != APPLICATION_ID and (owner or version or connection.execute("SELECT count(*) FROM sqlite_schema").get):
        raise Unavailable("the file is another program's SQLite database; name a new file or one of memsvc")
    if version > newest:
        raise Unavailable(
            f"the file has schema version {version}, this release knows up to {newest}; "
            "use the release that wrote it, or a newer one"
        )
    return version
