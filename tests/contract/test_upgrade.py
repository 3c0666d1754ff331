"""Stores that older releases wrote are brought up to date when they are opened, and lose nothing.

The files in `old` were written by those releases themselves (`old/write.py`), at each version of the schema.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from msgspec.structs import replace
from redis import Redis

from memsvc.core.model import Format, Key
from memsvc.errors import Unavailable
from memsvc.ports import Store
from memsvc.service.export import export
from memsvc.service.restore import Restored, restore
from memsvc.stores import inspect_store, open_store
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server, Waiting
from memsvc.stores.redis.topology import topology
from memsvc.stores.redis.upgrade import SCHEMA, STEP, upgrade, upgrade_shard
from memsvc.stores.redis.urls import parse
from memsvc.stores.sqlite import SQLiteStore
from tests.contract.old.write import FORMATS, dumped, messages
from tests.contract.servers import Process
from tests.service.world import SMALL, World, build

ROOT = Path(__file__).parents[2]
OLD = Path(__file__).parent / "old"
FILES = sorted(p.name.removesuffix(".store.gz") for p in OLD.glob("sqlite-*.store.gz"))
SERVERS = sorted(p.name.removesuffix(".store.gz") for p in OLD.glob("redis-*.store.gz"))
POLICY = replace(SMALL, threshold_tokens=500, keep_tokens=120, summary_tokens=240, max_tokens=100_000)
NEWEST = len(list((ROOT / "memsvc/stores/sqlite/schema").glob("*.sql")))

Opener = Callable[[], Store]
State = Callable[[], Any]


def unpacked(name: str) -> bytes:
    """A file of an older release."""
    return gzip.decompress((OLD / f"{name}.gz").read_bytes())


def fill(server: Process, name: str, prefix: str) -> None:
    """Put an older release's keys into a server, under another namespace."""
    text = base64.b64decode
    with Redis(port=server.port) as client:
        for packed, value in json.loads(unpacked(f"{name}.store")).items():
            key, content = text(packed).replace(b"memsvc:", f"{prefix}:".encode(), 1), value["content"]
            match value["kind"]:
                case "string":
                    client.set(key, text(content))
                case "hash":
                    client.hset(key, mapping={text(k): text(v) for k, v in content})
                case "zset":
                    client.zadd(key, {text(member): score for member, score in content})
                case _:
                    client.rpush(key, *map(text, content))


def rows_of(path: Path) -> dict[str, Any]:
    """All that is in a file."""
    with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found: dict[str, Any] = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
        return {**found, "version": db.execute("PRAGMA user_version").get}


@pytest.fixture
async def old(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str
) -> AsyncIterator[tuple[dict[str, Any], Opener, State]]:
    """What an older release says is in its store; the store; and how to look at all that is in it."""
    name = request.param
    if name.startswith("sqlite"):
        file = tmp_path / "old.db"
        file.write_bytes(unpacked(f"{name}.store"))
        yield json.loads(unpacked(f"{name}.json")), lambda: SQLiteStore(str(file)), lambda: rows_of(file)
    else:
        valkey: Process = request.getfixturevalue("valkey")
        fill(valkey, name, prefix)
        url = f"{valkey.url}?prefix={prefix}"
        yield json.loads(unpacked(f"{name}.json")), lambda: open_store(url), lambda: dumped(valkey.url, prefix)


class Row(msgspec.Struct):
    """A row of the history; the message as it is, byte for byte."""

    seq: int
    message: msgspec.Raw
    superseded: bool = False


class History(msgspec.Struct):
    """The history's document."""

    messages: list[Row]


def log_of(text: str | bytes) -> list[tuple[int, bytes, bool]]:
    """(seq, bytes, superseded) of a history."""
    history = msgspec.json.decode(text, type=History)
    return [(row.seq, bytes(row.message), row.superseded) for row in history.messages]


async def check_is_there(w: World, told: dict[str, Any]) -> None:
    """Everything that the older release has told of its sessions is so."""
    assert told["sessions"]
    for name, was in told["sessions"].items():
        key = Key("default", name)
        assert log_of(await w.memory.history(key, after=0, limit=1000, format=None)) == log_of(was["history"])
        now = await w.memory.get(key)
        for figure in ("epoch", "revision", "log_revision", "messages", "cut"):
            assert now[figure] == was["session"][figure]
        assert now["compaction"]["state"] == was["session"]["compaction"]["state"]
        summaries = {one["epoch"]: one for one in await w.summaries(key)}
        assert len(summaries) == len(was["summaries"])
        for one in was["summaries"]:
            figures = ("from", "to", "text", "tokens", "model", "reason", "current")
            assert {f: summaries[one["epoch"]][f] for f in figures} == {f: one[f] for f in figures}
        format: Format = name if name in FORMATS else "openai"
        context = await w.context(key, format=format)
        assert context == {**context, **was["context"]}


async def check_serves(w: World, told: dict[str, Any]) -> None:
    """Sessions go on: append, compact, pin, edit, export into another store."""
    for name in told["sessions"]:
        key, format = Key("default", name), name if name in FORMATS else "openai"
        before = await w.memory.get(key)
        answer = await w.append(*messages(format, 20), *messages(format, 21), key=key, format=format)
        assert answer["first_seq"] == log_of(told["sessions"][name]["history"])[-1][0] + 1
        await w.memory.pin(key, answer["first_seq"])
        _, done = await w.compact(key, force=True)
        assert done["changed"]
        assert done["epoch"] == before["epoch"] + 1
        assert "build 21 is out" in json.dumps(await w.context(key, format=format))
    target = SQLiteStore(":memory:")
    await target.open()
    lines: list[bytes] = []
    await export(w.store, lines.append)
    done_there = await restore(target, lines)
    assert done_there == Restored(imported=len(told["sessions"]), lines=3 * ("responses" in told["sessions"]))
    await target.close()


@pytest.mark.parametrize("old", [*FILES, *SERVERS], indirect=True)
async def test_an_older_store_is_brought_up_to_date_and_serves(old: tuple[dict[str, Any], Opener, State]) -> None:
    told, opener, state = old
    store = opener()
    await store.open()
    w = build(store, policy=POLICY)
    await check_is_there(w, told)
    assert [one.name for one in await store.keys()] == ["old"] * told["keys"]
    if told.get("budgets"):
        assert len(await store.budgets("default")) == len(told["budgets"]["budgets"])
    await store.close()
    after = await asyncio.to_thread(state)
    again = opener()
    await again.open()
    await check_is_there(build(again, policy=POLICY), told)
    await again.close()
    assert await asyncio.to_thread(state) == after, "a second start changes nothing"
    last = opener()
    await last.open()
    await check_serves(build(last, policy=POLICY), told)
    await last.close()


@pytest.mark.parametrize("old", ["sqlite-12", "redis-2-shadow"], indirect=True)
async def test_a_newer_store_is_refused_and_left_as_it_is(
    old: tuple[dict[str, Any], Opener, State], tmp_path: Path, valkey: Process, prefix: str
) -> None:
    _, opener, state = old
    if (file := tmp_path / "old.db").exists():
        with apsw.Connection(str(file)) as db:
            db.execute(f"PRAGMA user_version={NEWEST + 1}")
        db.close()
    else:
        valkey.tell("SET", f"{prefix}:{{m0}}:schema", str(SCHEMA + 1))
    before = await asyncio.to_thread(state)
    store = opener()
    with pytest.raises(Unavailable, match=r"schema version .*this release knows.*use the release that wrote it"):
        await store.open()
    await store.close()
    assert await asyncio.to_thread(state) == before


DYING = """
import asyncio, os, signal, sys
import apsw
from memsvc.stores.sqlite import SQLiteStore

def watch(connection):
    def seen(cursor, text, bound):
        if text == f"PRAGMA user_version={sys.argv[2]}":
            os.kill(os.getpid(), signal.SIGKILL)
        return True
    connection.exec_trace = seen

apsw.connection_hooks.append(watch)
asyncio.run(SQLiteStore(sys.argv[1]).open())
"""
"""Opens a file and is killed in the middle of bringing it up to date."""


@pytest.mark.parametrize("at", [7, NEWEST])
@pytest.mark.parametrize("old", ["sqlite-05"], indirect=True)
async def test_a_file_opens_again_after_a_kill_in_the_middle(
    old: tuple[dict[str, Any], Opener, State], tmp_path: Path, at: int
) -> None:
    told, opener, state = old
    command = [sys.executable, "-c", DYING, str(tmp_path / "old.db"), str(at)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (await asyncio.to_thread(state))["version"] == 5
    store = opener()
    await store.open()
    await check_is_there(build(store, policy=POLICY), told)
    await store.close()
    assert (await asyncio.to_thread(state))["version"] == NEWEST


class Dying(Server):
    """Dies after the first headers that it changed; `at` is their shard."""

    at = -1

    async def write(self, shard: int, script: str, keys: Sequence[str], *args: Any) -> Any:
        changed = await super().write(shard, script, keys, *args)
        if changed:
            self.at = shard
            raise ConnectionResetError
        return changed


@pytest.mark.parametrize("old", ["redis-1"], indirect=True)
async def test_a_server_is_brought_up_to_date_by_the_next_one_where_one_died_on_the_way(
    old: tuple[dict[str, Any], Opener, State], valkey: Process, prefix: str
) -> None:
    told, opener, _ = old
    keys = Keys(prefix)
    server = Dying(topology(parse(valkey.url)), keys, Waiting())
    await server.open()
    with pytest.raises(ConnectionResetError):
        await upgrade(server, keys, 1)
    assert await upgrade_shard(server, keys, server.at) == 0, "what is done already is left as it is"
    await server.close()
    assert valkey.tell("GET", keys.schema).endswith(f"1 to {SCHEMA}"), "the older release would misread what is done"
    facts = await inspect_store(f"{valkey.url}?prefix={prefix}").facts(now=0.0)
    assert facts.schema == 1
    first, second = opener(), opener()
    await asyncio.gather(first.open(), second.open())
    await check_is_there(build(first, policy=POLICY), told)
    await check_is_there(build(second, policy=POLICY), told)
    await first.close()
    await second.close()
    assert valkey.tell("GET", keys.schema).splitlines()[-1] == str(SCHEMA)


@pytest.mark.parametrize("old", ["redis-2-missed"], indirect=True)
async def test_a_header_that_an_old_process_wrote_later_is_refused_until_it_is_brought_up_to_date(
    old: tuple[dict[str, Any], Opener, State], valkey: Process, prefix: str
) -> None:
    told, opener, _ = old
    with Redis(port=valkey.port) as client:
        before = {key: client.get(key) for key in client.scan_iter(f"{prefix}:*:h:*")}
        store = opener()
        await store.open()
        for key, header in before.items():
            client.set(key, header or b"")
        w = build(store, policy=POLICY)
        name = next(iter(told["sessions"]))
        with pytest.raises(Unavailable, match="a header is of another release"):
            await w.memory.get(Key("default", name))
        with pytest.raises(Unavailable, match="a header is of another release"):
            await w.append(*messages("openai", 20), key=Key("default", name))
        assert {key: client.get(key) for key in before} == before
        await store.close()
        client.set(Keys(prefix).schema, 2)
    again = opener()
    await again.open()
    await check_is_there(build(again, policy=POLICY), told)
    await again.close()


@pytest.mark.parametrize("old", ["redis-1"], indirect=True)
async def test_headers_are_changed_many_at_once(
    old: tuple[dict[str, Any], Opener, State], valkey: Process, prefix: str
) -> None:
    keys = Keys(prefix)
    with Redis(port=valkey.port) as client:
        old_header = client.get(next(client.scan_iter(f"{prefix}:*:h:*")))
        assert old_header is not None
        for n in range(STEP + 1):
            client.set(f"{keys.base(0)}h:copy-{n}", old_header)
            client.zadd(f"{keys.base(0)}all", {f"copy-{n}": n})
        server = Server(topology(parse(valkey.url)), keys, Waiting())
        await server.open()
        client.config_resetstat()
        assert await upgrade_shard(server, keys, 0) >= STEP + 1
        await server.close()
        calls = client.info("commandstats")
    assert sum(calls.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha")) <= 3
