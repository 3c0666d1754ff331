"""Looking into a file without changing it, its layout or its folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import apsw

from memsvc.core.budgets import Budget, Reached, in_force
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.errors import Unavailable
from memsvc.ports.inspect import Facts
from memsvc.stores.sqlite import budgets as budget_rows
from memsvc.stores.sqlite import keys, sealed
from memsvc.stores.sqlite.connect import APPLICATION_ID, MEMORY, translated

LOOK_S = 8.0
"""The longest that one look takes; `deep` takes as long as the disk does."""
STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
MOST = 50
"""Failing sessions and tenants' budgets that are told."""
_DUE = "SELECT count(*), min(due_at) FROM jobs WHERE due_at <= ?"
_FAILING = (
    "SELECT tenant, sid, ifnull(last_error, last_reason) FROM jobs JOIN sessions USING (uid) "
    f"WHERE jobs.attempts > 0 AND jobs.lease IS NULL LIMIT {MOST}"
)


class SQLiteInspect:
    """Implements `ports.inspect.Inspect`. A file that nobody uses is read as it lies: no lock, no file beside it."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def facts(self, *, now: float, budgets: Sequence[Budget] = (), deep: bool = False) -> Facts:
        """What is in the file. Raises Unavailable. Blocks, on a disk that is away for ever: not in a pool of threads,
        whose end a program waits for, but in whatever thread the caller can do without."""
        return self._facts(now, budgets, deep)

    def _facts(self, now: float, budgets: Sequence[Budget], deep: bool) -> Facts:
        scripts = [p.name for p in files(__package__).joinpath("schema").iterdir() if p.name.endswith(".sql")]
        newest = len(scripts)
        nothing = Facts("sqlite", None, newest, tuple(range(1, newest)))
        if self._path == MEMORY or not Path(self._path).exists():
            return nothing
        with translated(), closing(self._opened()) as db:
            if not deep:
                end = time.monotonic() + LOOK_S
                db.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            version = int(db.execute("PRAGMA user_version").get)
            owner = db.execute("PRAGMA application_id").get
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            if owner != APPLICATION_ID and (owner or version or there):
                raise Unavailable("the file is another program's SQLite database; name a new file or one of memsvc")
            if not version:
                return nothing
            told = tuple(_told(db, self._path, deep))
            if version > newest:
                return Facts("sqlite", version, newest, nothing.upgraded, told=(dict(told),))
            due, oldest = db.execute(_DUE, (now,)).fetchone() or (0, None)
            listed = keys.many(db, None) if "keys" in there else []
            tenants = {DEFAULT_TENANT, *(key.tenant for key in listed)}
            return Facts(
                "sqlite",
                version,
                newest,
                nothing.upgraded,
                sessions=db.execute("SELECT count(*) FROM sessions").get,
                due=due,
                oldest_due=oldest,
                failing=tuple((Key(t, s), str(why or "")) for t, s, why in db.execute(_FAILING)),
                keys=tuple(listed),
                sealed=tuple(sealed.names(db, None)) if "provider_keys" in there else (),
                reached=tuple(_reached(db, sorted(tenants), now, budgets)) if "budgets" in there else (),
                told=(dict(told),),
            )

    def _opened(self) -> apsw.Connection:
        """Beside a log file there is, or was, a process: then its locks are heeded. Without one the file is all there
        is, and reading it as it lies leaves nothing in the folder."""
        still = "" if Path(f"{self._path}-wal").exists() else "&immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        db = apsw.Connection(f"file:{quote(str(Path(self._path).absolute()))}?mode=ro{still}", flags=flags)
        db.set_busy_timeout(int(LOOK_S * 1000) // 4)
        return db


def _told(db: apsw.Connection, path: str, deep: bool) -> Iterator[tuple[str, str]]:
    # Not PRAGMA journal_mode: of a file that is read as it lies it says "delete", whatever the file's header says.
    yield "journal_mode", "wal" if _written_as_wal(path) else "delete"
    for name in ("page_count", "page_size", "freelist_count"):
        yield name, str(db.execute(f"PRAGMA {name}").get)
    if deep:
        yield "quick_check", str(db.execute("PRAGMA quick_check(1)").get)


def _written_as_wal(path: str) -> bool:
    """Bytes 18 and 19 of the header are the file format's write and read version: 2 = WAL."""
    with open(path, "rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def _reached(
    db: apsw.Connection, tenants: Sequence[str], now: float, defaults: Sequence[Budget]
) -> Iterator[tuple[str, Reached]]:
    own = [tenant for (tenant,) in db.execute("SELECT DISTINCT tenant FROM budgets")]
    for tenant in sorted({*own, *tenants})[:MOST]:
        asked = in_force(budget_rows.listed(db, tenant), defaults)
        for reached in budget_rows.counted(db, tenant, now, asked):
            yield tenant, reached
