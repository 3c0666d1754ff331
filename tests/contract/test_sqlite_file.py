"""The contract over an SQLite file, and what only a file can do wrong."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from memsvc.core.model import Known, Part, Summary
from memsvc.core.money import Sent, Usage
from memsvc.errors import Unavailable
from memsvc.ports import Store
from memsvc.stores import open_store
from memsvc.stores.sqlite import SQLiteStore, connect, ledger, rows, writer
from memsvc.stores.sqlite.connect import APPLICATION_ID, open_writer
from memsvc.stores.sqlite.readers import NotHere
from tests.contract.copies_contract import HEADER, TO, stage
from tests.contract.making import KEY, OTHER, batch, compact, draft, line, log, must, say, sound, texts
from tests.contract.payload_contract import PICTURE, shown
from tests.contract.store_contract import StoreContract

SCHEMA = files("memsvc.stores.sqlite").joinpath("schema")
TABLES = ("payloads", "sessions", "messages", "summaries", "pins", "replays", "jobs")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return f"{tmp_path}/memory.db"


@pytest.fixture
async def store(path: str) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(path)
    await opened.open()
    yield opened
    await opened.close()


class TestSQLiteFile(StoreContract):
    @pytest.fixture
    async def store(self, path: str) -> AsyncIterator[Store]:
        opened = open_store(f"sqlite:///{path}", own_loop=True)
        await opened.open()
        yield opened
        await opened.close()


def counted(path: str) -> dict[str, int]:
    """Rows of every table."""
    with apsw.Connection(path) as db:
        return {name: db.execute(f"SELECT count(*) FROM {name}").get for name in TABLES}


async def test_what_was_written_is_there_after_opening_again(path: str, store: SQLiteStore) -> None:
    await say(store, 5)
    await store.pin(KEY, 2, True)
    await compact(store, 3)
    before = await store.load(KEY), await log(store), await store.pins(KEY)
    await store.close()
    again = SQLiteStore(path)
    await again.open()
    assert (await again.load(KEY), await log(again), await again.pins(KEY)) == before
    await again.close()


async def test_delete_leaves_nothing_in_any_table(path: str, store: SQLiteStore) -> None:
    for key in (KEY, OTHER):
        await store.append(key, batch(draft(id="a"), soft_tokens=1, idempotency_key="k", digest=b"d"))
        await say(store, 4, key=key)
        await store.pin(key, 2, True)
        await compact(store, 3, key=key)
        await store.truncate(key, after_seq=4, at=2.0)
    both = counted(path)
    await store.delete(KEY)
    assert counted(path) == {name: number // 2 for name, number in both.items()}
    await store.delete(OTHER)
    assert counted(path) == dict.fromkeys(TABLES, 0)


async def test_truncate_leaves_no_pin_of_what_it_cut(path: str, store: SQLiteStore) -> None:
    await say(store, 5)
    for seq in (2, 3, 4):
        await store.pin(KEY, seq, True)
    await store.truncate(KEY, after_seq=3, at=2.0)
    assert counted(path)["pins"] == 2


async def test_a_store_may_be_open_twice(path: str, store: SQLiteStore) -> None:
    other = SQLiteStore(path)
    await other.open()
    both = (store, other)
    await asyncio.gather(*(both[n % 2].append(KEY, batch(draft(f"m{n}"))) for n in range(50)))
    assert (await sound(store)).last_seq == 50
    assert await log(store) == await log(other)
    await other.close()
    assert (await say(store)).seqs == (51,)


async def test_many_open_a_new_file_at_once(path: str) -> None:
    stores = [SQLiteStore(path) for _ in range(8)]
    await asyncio.gather(*(s.open() for s in stores))
    await asyncio.gather(*(s.append(KEY, batch(draft())) for s in stores))
    assert (await sound(stores[0])).last_seq == 8
    await asyncio.gather(*(s.close() for s in stores))


async def test_a_file_of_a_newer_release_is_refused(path: str, store: SQLiteStore) -> None:
    await store.close()
    with apsw.Connection(path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(Unavailable, match=r"schema version 99.*use the release that wrote it"):
        await SQLiteStore(path).open()
    with apsw.Connection(path) as db:
        assert db.execute("PRAGMA user_version").get == 99


@pytest.mark.parametrize("version", [0, 1])
async def test_another_programs_database_is_left_alone(path: str, version: int) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (a)")
        db.execute(f"PRAGMA user_version={version}")
    db.close()
    with pytest.raises(Unavailable, match="another program's"):
        await SQLiteStore(path).open()
    with apsw.Connection(path) as found:
        assert found.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
async def test_a_new_file_and_its_logs_are_their_owners_alone(path: str, store: SQLiteStore) -> None:
    await say(store, 1)
    modes = {each.suffix: each.stat().st_mode & 0o777 for each in Path(path).parent.glob("memory.db*")}
    assert modes == {".db": 0o600, ".db-wal": 0o600, ".db-shm": 0o600}
    await store.close()
    os.chmod(path, 0o640)  # whoever shares it with a group may go on doing so
    again = SQLiteStore(path)
    await again.open()
    assert Path(path).stat().st_mode & 0o777 == 0o640
    await again.close()


async def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database at all" * 100)
    for name, says in (
        ("no/such/folder.db", "folder exists"),
        ("", "folder exists"),
        ("text.db", "no SQLite database"),
    ):
        with pytest.raises(Unavailable, match=says):
            await SQLiteStore(f"{tmp_path}/{name}").open()


async def test_closed_and_never_opened(path: str, store: SQLiteStore) -> None:
    await say(store)
    await store.close()
    await store.close()
    for closed in (store, SQLiteStore(path)):
        for call in (closed.head(KEY), closed.load(KEY), closed.append(KEY, batch(draft())), closed.ping()):
            with pytest.raises(Unavailable):
                await call
        await closed.close()


async def test_close_finishes_what_was_accepted(path: str) -> None:
    store = SQLiteStore(path)
    await store.open()
    waiting = [asyncio.create_task(store.append(KEY, batch(draft(f"m{n}")))) for n in range(1000)]
    await asyncio.sleep(0)  # all of them are in the queue now
    await store.close()
    answers = await asyncio.gather(*waiting)
    assert len({a.seqs for a in answers}) == 1000
    assert counted(path)["messages"] == 1000


async def test_cancelled_callers_disturb_nobody(store: SQLiteStore) -> None:
    tasks = [asyncio.create_task(store.append(KEY, batch(draft(f"m{n}")))) for n in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(a, BaseException) for a in answers[1::2])
    stored = {e.raw for e in await log(store)}
    assert all(draft(f"m{n}").raw in stored for n in range(1, 30, 2))
    await sound(store)


async def test_law7_a_write_that_breaks_in_the_middle_leaves_nothing(path: str, store: SQLiteStore) -> None:
    with apsw.Connection(path) as db:
        db.execute("CREATE TRIGGER t BEFORE INSERT ON replays BEGIN SELECT raise(ABORT, 'broken'); END")
    broken = batch(*texts(3), idempotency_key="k", digest=b"d")
    answers = await asyncio.gather(say(store), store.append(OTHER, broken), say(store, key=KEY), return_exceptions=True)
    assert isinstance(answers[1], Unavailable)
    assert await store.head(OTHER) is None
    assert (await sound(store)).messages == 2
    assert counted(path)["messages"] == 2


async def test_a_full_disk_fails_all_that_are_waiting_and_the_store_works_afterwards(path: str) -> None:
    store = SQLiteStore(path)
    await store.open()
    first = (await say(store)).session
    await full(store, True)
    huge = [store.append(KEY, batch(draft("x" * 100_000))) for _ in range(5)]
    answers = await asyncio.gather(*huge, return_exceptions=True)
    assert all(isinstance(a, Unavailable) and "disk is full" in a.detail for a in answers)
    assert len({id(a) for a in answers}) == 5
    assert await sound(store) == first
    await full(store, False)
    assert (await say(store)).seqs == (2,)
    await store.ping()
    await store.close()


async def full(store: SQLiteStore, now: bool) -> None:
    """Let the file not grow any more, or do."""

    def limit(db: apsw.Connection) -> None:
        pages = db.execute("PRAGMA page_count").get
        db.execute(f"PRAGMA max_page_count={pages + 2 if now else 2**31}")

    await run(store, limit)


@contextmanager
def no_file_grows(beyond: int) -> Iterator[None]:
    """Let the system refuse to write behind `beyond` bytes of any file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_is_undone_and_ping_knows_it(path: str, store: SQLiteStore) -> None:
    before = (await say(store, 30)).session
    with no_file_grows(os.path.getsize(f"{path}-wal")):
        writes = [store.append(KEY, batch(draft(f"m{n}"))) for n in range(5)] + [store.ping()]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        with pytest.raises(Unavailable):
            await store.ping()
    assert all(isinstance(a, Unavailable) for a in answers)
    assert len({id(a) for a in answers}) == len(answers)  # one exception must not be raised in two tasks
    assert await sound(store) == before
    await store.ping()
    assert (await say(store)).seqs == (31,)
    await sound(store)


async def run(store: SQLiteStore, work: Any) -> Any:
    """Run a function on the store's write connection."""
    assert store._writer is not None
    return await store._writer.do(work)


async def test_ping_proves_that_a_write_would_work(path: str, store: SQLiteStore) -> None:
    await run(store, lambda db: db.execute("PRAGMA query_only=1"))
    with pytest.raises(Unavailable, match="not writable"):
        await store.ping()
    with pytest.raises(Unavailable, match="not writable"):
        await say(store)
    assert store._writer is not None
    store._writer._connection.execute("PRAGMA query_only=0")
    await store.ping()


async def test_another_process_that_holds_the_file_is_unavailable_and_reads_go_on(
    path: str, store: SQLiteStore
) -> None:
    before = (await say(store)).session
    await run(store, lambda db: db.set_busy_timeout(0))
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    writes = [say(store), store.append(OTHER, batch(draft())), store.ping()]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(a, Unavailable) and "another process" in a.detail for a in answers)
    assert await sound(store) == before
    other.close()
    assert (await say(store)).seqs == (2,)


def damage(path: str, *, all_of_it: bool = False) -> None:
    """Overwrite the first page of every table and index, or everything behind the file's own first page."""
    with apsw.Connection(path) as db:
        roots = [page for (page,) in db.execute("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")]
    db.close()
    data = bytearray(Path(path).read_bytes())
    for page in range(2, len(data) // 4096 + 1) if all_of_it else roots:
        data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    Path(path).write_bytes(data)


async def test_a_damaged_file_is_unavailable(path: str, store: SQLiteStore) -> None:
    await say(store, 50)
    await store.close()
    await asyncio.to_thread(damage, path)
    damaged = SQLiteStore(path)
    await damaged.open()
    for call in (damaged.head(KEY), damaged.load(KEY), damaged.sessions("acme"), damaged.append(KEY, batch(draft()))):
        with pytest.raises(Unavailable, match="damaged"):
            await call
    await damaged.close()


async def test_a_file_whose_schema_is_damaged_does_not_open(path: str, store: SQLiteStore) -> None:
    await store.close()
    await asyncio.to_thread(damage, path, all_of_it=True)
    with pytest.raises(Unavailable, match="damaged"):
        await SQLiteStore(path).open()


def version_1(path: str) -> None:
    """A file as the first release left it, with one session of two messages."""
    script = SCHEMA.joinpath("001.sql").read_text(encoding="utf-8")
    given = {"tenant": KEY.tenant, "sid": KEY.session, "created_at": 1.0, "updated_at": 1.0, "factor": 1.3}
    given |= {"revision": 1, "log_revision": 1, "last_seq": 2, "messages": 2, "live_tokens": 20, "tail_tokens": 20}
    given |= dict.fromkeys(("system_tokens", "tools_tokens", "epoch", "cut", "summary_epoch", "summary_tokens"), 0)
    given |= {"tail_bytes": 4, "prefix_revision": 0, "bound_revision": 0, "renderer": 1, "state": "idle"}
    with apsw.Connection(path) as db:
        db.execute(script)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute("PRAGMA user_version=1")
        marks = ", ".join("?" * len(given))
        db.execute(f"INSERT INTO sessions ({', '.join(given)}) VALUES ({marks})", tuple(given.values()))
        row = "INSERT INTO messages (pos, raw, format, tokens, at, id, epoch, revision) VALUES (?, x'7b7d', 'openai', "
        for seq in (1, 2):
            db.execute(f"{row} 10, 1.0, NULL, 0, 1)", (rows.pos(1, seq),))
    db.close()


async def test_a_file_of_version_1_is_brought_up_to_date(path: str) -> None:
    await asyncio.to_thread(version_1, path)
    store = SQLiteStore(path)
    await store.open()
    session = await sound(store)
    assert (session.last_seq, session.factor, session.anchor_tokens, session.anchor_raw) == (2, 1.3, 0, 0)
    assert await store.book(line("r"))
    assert await store.sent(KEY, 1) == Sent(1, 0, 1, 20)
    assert (await say(store)).seqs == (3,)
    assert await run(store, lambda db: db.execute("PRAGMA user_version").get) == len(list(SCHEMA.iterdir()))
    await store.close()


async def test_a_summary_of_version_12_has_no_refusals(path: str) -> None:
    with apsw.Connection(path) as db:
        for name in sorted(p.name for p in SCHEMA.iterdir() if p.name < "013"):
            db.execute(SCHEMA.joinpath(name).read_text(encoding="utf-8"))
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute("PRAGMA user_version=12")
        db.execute(
            "INSERT INTO summaries (uid, epoch, from_seq, to_seq, text, tokens, model, reason, at, attempts, cost_usd,"
            " parent) VALUES (1, 1, 1, 2, 'x', 3, 'local', 'forced', 1.0, 1, 0.0, 0)"
        )
    db.close()
    store = SQLiteStore(path)
    await store.open()
    found = await run(store, lambda db: rows.summary(db, 1, 1))
    assert found == Summary(1, 1, 2, "x", 3, "local", "forced", 1.0, cost_usd=0.0)
    await store.close()


async def test_the_books_of_version_13_are_rolled_up(path: str) -> None:
    with apsw.Connection(path) as db:
        for name in sorted(p.name for p in SCHEMA.iterdir() if p.name < "014"):
            db.execute(SCHEMA.joinpath(name).read_text(encoding="utf-8"))
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute("PRAGMA user_version=13")
        columns = "tenant, id, session, uid, at, feature, provider, model, input, output, cache_read, micros, held"
        for id, at, micros, held in (
            ("a", 5.0, 7, 0),
            ("b", 6.0, 2**62, 1),
            ("c", 90_000.0, None, 0),
            ("d", -1.0, 1, 0),
        ):
            row = ("acme", id, None, 0, at, "chat", "p", "m", 2**62, 3, None, micros, held)
            db.execute(f"INSERT INTO ledger ({columns}) VALUES ({', '.join('?' * 13)})", row)
    db.close()
    store = SQLiteStore(path)
    await store.open()
    found = await store.spent("acme", since=-1, until=9)
    assert [(s.day, s.calls, s.usage.input, s.held, s.unpriced) for s in found] == [
        (-1, 1, 2**62, 0, 0),
        (0, 2, 2**63, 1, 0),
        (1, 1, 2**62, 0, 1),
    ]
    assert found[1].held_micros == 2**62
    await store.close()


async def test_the_books_are_never_searched_from_end_to_end(store: SQLiteStore) -> None:
    for query in (ledger._SPENT, ledger._FORGET, ledger._SETTLE):
        values = (None,) * query.count("?")
        plan = await run(store, lambda db, q=query, v=values: db.execute(f"EXPLAIN QUERY PLAN {q}", v).fetchall())
        assert all("SEARCH" in row[3] for row in plan), plan


async def test_what_is_booked_survives_and_a_delete_leaves_no_name(path: str, store: SQLiteStore) -> None:
    uid = (await say(store)).session.uid
    used = Usage(9, 8, 7, None, 5)
    assert await store.hold(line("h", 50, usage=used, revision=3), most_micros=None, since=0.0)
    await store.close()
    columns = "session, uid, input, output, cache_read, cache_write, cache_write_long, micros, held, revision"
    with apsw.Connection(path) as db:
        found = db.execute(f"SELECT {columns} FROM ledger").fetchall()
    db.close()
    assert found == [(KEY.session, uid, 9, 8, 7, None, 5, 50, 1, 3)]
    again = SQLiteStore(path)
    await again.open()
    await again.delete(KEY)
    left = await run(again, lambda db: db.execute(f"SELECT {columns} FROM ledger").fetchall())
    assert left == [(None, 0, *found[0][2:])]
    await again.close()


async def test_writes_of_one_turn_of_the_event_loop_are_one_transaction(store: SQLiteStore) -> None:
    commits: list[int] = []

    def watch(db: apsw.Connection) -> None:
        db.set_commit_hook(lambda: bool(commits.append(1)))

    async def write_twice() -> None:
        later = asyncio.create_task(run(store, lambda db: None))
        await run(store, lambda db: db.execute("UPDATE sessions SET epoch = epoch"))
        await later

    await say(store)
    await run(store, watch)
    commits.clear()
    await asyncio.gather(write_twice(), write_twice())
    assert len(commits) == 1


async def test_too_many_waiting_writes_are_turned_away(store: SQLiteStore) -> None:
    started, go = threading.Event(), threading.Event()
    blocker = asyncio.create_task(run(store, lambda db: (started.set(), go.wait())))
    await asyncio.to_thread(started.wait)
    accepted = [asyncio.create_task(run(store, lambda db: 1)) for _ in range(writer.MAX_WAITING)]
    await asyncio.sleep(0)  # each of them is in the queue now
    with pytest.raises(Unavailable, match="too many"):
        await say(store)
    go.set()
    assert await asyncio.gather(*accepted) == [1] * writer.MAX_WAITING
    await blocker
    await say(store)


async def test_a_large_tail_is_not_read_on_the_event_loop(store: SQLiteStore) -> None:
    session = (await store.append(KEY, batch(*(draft("x" * 100) for _ in range(10))))).session
    assert store._readers is not None
    for known in (None, Known(session.uid, 0, 0)):
        assert len(store._readers.one(lambda db, k=known: rows.window(db, KEY, k, 2000)).entries) == 10
        with pytest.raises(NotHere):
            store._readers.one(lambda db, k=known: rows.window(db, KEY, k, 900))


async def test_a_years_books_are_not_read_on_the_event_loop(store: SQLiteStore) -> None:
    """Thousands of days, features and models: who is asked for them meanwhile answers nobody."""
    readers: set[int] = set()

    def noting(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        if "FROM spent" in sql:
            readers.add(threading.get_ident())
        return True

    assert store._readers is not None
    for reader in (store._readers._near, *store._readers._connections):
        reader.exec_trace = noting
    await store.spent("t", since=0, until=366)
    await store.spent_by_all(since=0, until=366)
    assert readers
    assert threading.get_ident() not in readers


async def test_old_idempotency_records_go_and_young_ones_stay(path: str, store: SQLiteStore) -> None:
    await say(store)

    def old(db: apsw.Connection) -> None:
        uid = db.execute("SELECT uid FROM sessions").get
        rows = [(uid, f"o{n}", b"", b"{}", n if n < 99 else 10_050, 0.0 if n < 30 else 2e5) for n in range(100)]
        db.executemany("INSERT INTO replays VALUES (?, ?, ?, ?, ?, ?)", rows)

    await run(store, old)
    for n in range(10):
        await store.append(KEY, batch(draft(), at=2.1e5, idempotency_key=f"k{n}", digest=b""))
    assert counted(path)["replays"] == 110 - 30
    assert (await must(store)).log_revision == 11


async def test_pragmas(store: SQLiteStore) -> None:
    for name, value in (("journal_mode", "wal"), ("synchronous", 2), ("temp_store", 2)):
        assert await run(store, lambda db, name=name: db.execute(f"PRAGMA {name}").get) == value
    assert store._readers is not None
    with pytest.raises(Unavailable, match="not writable"):
        await store._readers.far(lambda db: db.execute("DELETE FROM sessions"))


def test_the_newest_schema_is_the_sum_of_its_scripts(path: str) -> None:
    with open_writer(path) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        others = {
            "ledger",
            "spent",
            "figures",
            "noted",
            "staged",
            "keys",
            "provider_keys",
            "budgets",
            "budgets_used",
            "sqlite_sequence",
        }
        assert {name for (name,) in tables} == {*TABLES, *others}
        assert db.execute("PRAGMA integrity_check").get == "ok"
    db.close()


@pytest.mark.parametrize("how", ["the next start", "another copy"])
async def test_what_a_dead_copy_left_goes(path: str, how: str) -> None:
    store = SQLiteStore(path)
    await store.open()
    await stage(store, "dead")
    await run(store, lambda db: db.execute("UPDATE staged SET touched = touched - 3601"))
    if how == "the next start":
        await store.close()
        store = SQLiteStore(path)
        await store.open()
    else:
        await store.stage(OTHER, "t", Part())
        await store.discard(OTHER, "t")
    for table in ("staged", "messages", "summaries", "pins"):
        assert await run(store, lambda db, t=table: db.execute(f"SELECT count(*) FROM {t}").get) == 0
    await store.close()


async def test_a_copy_under_way_outlives_a_start(path: str) -> None:
    store, other = SQLiteStore(path), SQLiteStore(path)
    await store.open()
    await stage(store)
    await other.open()
    assert (await store.publish(TO, "t", HEADER, (3, 8))).last_seq == 6
    await store.close()
    await other.close()


async def test_a_picture_that_comes_again_takes_no_room(store: SQLiteStore) -> None:
    for _ in range(20):
        await store.append(KEY, batch(shown(PICTURE)))
    size = "SELECT sum(length(data)), (SELECT sum(length(raw)) FROM messages) FROM payloads"
    data, frames = await run(store, lambda db: db.execute(size).fetchone())
    assert (data, frames < 2_000) == (len(PICTURE), True)
    for seq in range(1, 20):
        await store.redact(KEY, seq, at=2.0)
    assert (await run(store, lambda db: db.execute(size).fetchone()))[0] == len(PICTURE)
    await store.redact(KEY, 20, at=2.0)
    assert (await run(store, lambda db: db.execute(size).fetchone()))[0] is None


async def test_what_a_copy_left_that_died_goes_while_the_service_runs(path: str, store: SQLiteStore) -> None:
    await stage(store)
    await store.claim(now=1.0, lease_s=5.0)
    assert counted(path)["messages"] > 0
    await run(store, lambda db: db.execute("UPDATE staged SET touched = touched - 3601"))
    assert await store.claim(now=1.0, lease_s=5.0) is None
    assert counted(path) == dict.fromkeys(TABLES, 0)


@asynccontextmanager
async def read_without_a_pause(store: SQLiteStore, readers: int = 32) -> AsyncIterator[None]:
    """Somebody reads in every turn of the loop, and every turn has work to do."""
    ended = asyncio.Event()

    async def reads() -> None:
        while not ended.is_set():
            await store.head(KEY)
            for _ in range(200):
                orjson.dumps({"some": ["work"] * 10})
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(reads()) for _ in range(readers)]
    try:
        yield
    finally:
        ended.set()
        await asyncio.gather(*tasks)


async def test_what_is_erased_is_gone_from_the_log_while_every_turn_reads(path: str) -> None:
    """Snapshots that turns share would hold the log up all the time."""
    store = SQLiteStore(path, own_loop=True)
    await store.open()
    await say(store)
    async with read_without_a_pause(store):
        for number in range(3):
            secret = f"secret {number}"
            done = await store.append(KEY, batch(draft(secret)))
            assert secret.encode() in Path(f"{path}-wal").read_bytes()
            await store.redact(KEY, done.seqs[0], at=2.0)
            assert secret.encode() not in Path(f"{path}-wal").read_bytes()
    await store.close()


async def test_turns_share_no_snapshot_while_somebody_waits_for_the_log(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(path, own_loop=True)
    await store.open()
    await say(store)
    readers = store._readers
    assert readers is not None

    async def shared() -> bool:
        await asyncio.sleep(0)  # a turn of its own
        await store.head(KEY)
        return readers._near.in_transaction

    assert await shared()
    with readers.apart():
        assert not await shared()
    assert await shared()
    monkeypatch.setattr(connect, "CHECKPOINT_PAGES", 1)
    await say(store)
    assert not await shared(), "the log is long"
    monkeypatch.undo()
    await say(store)
    assert await shared(), "it has begun anew"
    await asyncio.sleep(0)
    assert not readers._near.in_transaction, "the turn has ended"
    await store.close()
