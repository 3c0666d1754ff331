"""Export and import: a whole store moves without loss, again and again, and through any interruption."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import asdict, replace

from memsvc.cli import main
from memsvc.core.model import Draft, Key, Session
from memsvc.errors import InvalidRequest, MemsvcError
from memsvc.llm import LocalSummarizer
from memsvc.ports import Store
from memsvc.service.archive import summary_of, summary_record
from memsvc.service.export import digest_of, export
from memsvc.service.requests import UsageRequest
from memsvc.service.restore import Restored, restore
from memsvc.stores import open_store
from memsvc.stores.sqlite import SQLiteStore
from tests.contract.census_contract import every, lines
from tests.contract.making import batch, log, say
from tests.contract.servers import Nodes
from tests.faults.test_crash_at_every_await import FAULTS, Dies, Faulty
from tests.service.audit import check
from tests.service.test_fork import Moving, grown
from tests.service.world import KEY, Failing, World, build, chat, request, the_counter, user, world

ODD = Key("acme", 'odd/é😀 "x"')
USAGE = UsageRequest({"input_tokens": 900, "output_tokens": 9}, "r1", "anthropic", "claude-haiku-4-5", revision=1)


@pytest.fixture
async def target() -> AsyncIterator[SQLiteStore]:
    made = SQLiteStore(":memory:")
    await made.open()
    yield made
    await made.close()


async def told(store: Any, **how: Any) -> list[bytes]:
    """An export, as lines."""
    out: list[bytes] = []
    await export(store, out.append, **how)
    return out


async def proof(store: Any) -> list[bytes]:
    """The digests of a store, sorted."""
    return sorted(await told(store, digests=True))


async def fill(w: World) -> list[bytes]:
    """Sessions of two tenants with all that a session can have; what was written to the first."""
    raws = await grown(w)
    await w.memory.usage(KEY, UsageRequest(USAGE.usage, "r0", "anthropic", "claude-haiku-4-5", revision=None))
    await w.put(ODD, tools=[{"name": "t"}], policy={"keep_tokens": 50}, model="claude-haiku-4-5", format="openai")
    await w.append(*chat(9), key=ODD, ids=tuple(f"m{i}é" for i in range(18)))
    await w.memory.usage(ODD, USAGE)
    await w.memory.truncate(ODD, 11)
    await w.append(user("x1; again"), key=ODD, at=(1.5,))
    await w.store.append(Key("acme", "bytes"), batch(Draft(b"\xff\x00 no text", "openai", 3, 2.5)))
    await w.put(Key("acme", "empty"), user="u")
    await w.append(*chat(3), key=Key("acme", "gone"), usage=UsageRequest({"input_tokens": 1, "output_tokens": 1}))
    await w.memory.delete(Key("acme", "gone"))
    return raws


async def same(one: Any, other: Any) -> None:
    """Two stores hold the same, looked at through their ports."""
    sessions = {s.key: s for s in await every(one)}
    assert {s.key for s in await every(other)} == set(sessions)
    for key, session in sessions.items():
        assert await log(one, key) == await log(other, key)
        assert await one.summaries(key, limit=1000) == await other.summaries(key, limit=1000)
        assert await one.pins(key) == await other.pins(key)
        there = await other.head(key)
        assert _plain(there) == _plain(session)
    told = [sorted(await lines(store), key=lambda line: (line.key.tenant, line.id)) for store in (one, other)]
    assert told[0] == told[1]


def _plain(session: Session) -> dict[str, Any]:
    told = {name: getattr(session, name) for name in session.__slots__}
    return {k: v for k, v in told.items() if k not in ("uid", "state", "due_at", "last_error")}


async def test_a_store_moves_without_loss(target: SQLiteStore) -> None:
    async with world() as w:
        raws = await fill(w)
        await w.work()
        out = await told(w.store)
        done = await restore(target, out)
        assert done == Restored(imported=4, lines=3)
        await same(w.store, target)
        assert await proof(target) == await proof(w.store)
        there = build(target, clock=w.clock)
        for key in (KEY, ODD):
            assert await there.context(key, format="anthropic") == await w.context(key, format="anthropic")
            for one in (w, there):
                await one.append(*chat(10, tag="n"), key=key)
                await one.work()
            assert await there.summaries(key) == await w.summaries(key)
            await there.memory.truncate(key, 7)
        await check(there, [*raws, *request(*chat(10, tag="n")).messages])


async def test_refusals_move_and_archives_without_them_are_as_they_were(target: SQLiteStore) -> None:
    model = Failing()
    async with world(summarizers=[model, LocalSummarizer(the_counter().count)]) as w:
        await w.append(*chat(12))
        await w.work()
        out = await told(w.store)
        assert (await restore(target, out)).imported == 1
        await same(w.store, target)
        (found,) = await w.store.summaries(KEY)
        assert found.refused == ("away: the provider is away",)
    before = asdict(found)
    del before["refused"]
    assert summary_record(replace(found, refused=())) == before, "else the digests of older archives do not hold"
    assert summary_of(json.loads(json.dumps(before))) == replace(found, refused=())


async def test_a_store_moves_to_a_cluster_and_back(target: SQLiteStore, valkey_cluster: Nodes, prefix: str) -> None:
    cluster = open_store(f"{valkey_cluster.url}?prefix={prefix}")
    await cluster.open()
    try:
        async with world() as w:
            raws = await fill(w)
            await w.work()
            assert await restore(cluster, await told(w.store)) == Restored(imported=4, lines=3)
            await same(w.store, cluster)
            assert await proof(cluster) == await proof(w.store)
            there = build(cluster, clock=w.clock)
            for key in (KEY, ODD):
                assert await there.context(key, format="anthropic") == await w.context(key, format="anthropic")
            assert await restore(target, await told(cluster)) == Restored(imported=4, lines=3)
            await same(cluster, target)
            assert await proof(target) == await proof(w.store)
            for one in (w, there, build(target, clock=w.clock)):
                await one.append(*chat(10, tag="n"))
                await one.work()
                await check(one, [*raws, *request(*chat(10, tag="n")).messages])
    finally:
        await cluster.close()


async def test_again_it_changes_nothing(target: SQLiteStore) -> None:
    async with world() as w:
        await fill(w)
        out = await told(w.store)
        await restore(target, out)
        before = await every(target)
        for over in (False, True):
            assert await restore(target, out, replace=over) == Restored(skipped=4, known=3)
        assert await every(target) == before


async def test_another_session_of_the_name_is_refused_and_named(target: SQLiteStore) -> None:
    async with world() as w:
        await fill(w)
        await say(target, 2, key=ODD)
        mine = await log(target, ODD)
        done = await restore(target, await told(w.store))
        assert (done.imported, done.refused) == (3, [ODD])
        assert await log(target, ODD) == mine
        done = await restore(target, await told(w.store), replace=True)
        assert (done.replaced, done.skipped, done.refused) == (1, 3, [])
        await same(w.store, target)


async def test_one_tenant_alone(target: SQLiteStore) -> None:
    async with world() as w:
        await fill(w)
        done = await restore(target, await told(w.store, tenant="acme"))
        assert done.imported == 3
        assert {s.key.tenant for s in await every(target)} == {"acme"}
        assert {one.key.tenant for one in await lines(target)} == {"acme"}


async def test_digests_tell_any_difference() -> None:
    async with world() as w:
        await fill(w)
        before = await proof(w.store)
        assert sum(b'"end"' in one for one in before) == 4
        deeds: list[Any] = [
            lambda: w.store.pin(ODD, 1, True),
            lambda: w.memory.redact(ODD, 2),
            lambda: w.append(user("one more"), key=ODD),
            lambda: w.put(ODD, metadata={"a": 1}),
            lambda: w.memory.usage(ODD, UsageRequest(USAGE.usage, "r2", "openai", "gpt-5")),
        ]
        for deed in deeds:
            await deed()
            after = await proof(w.store)
            assert after != before
            before = after
        key = await digest_of(w.store, KEY)
        await w.memory.fork(KEY, "copy", None)
        assert await digest_of(w.store, KEY) == key


async def test_a_damaged_file_is_noticed(target: SQLiteStore) -> None:
    async with world() as w:
        await fill(w)
        out = await told(w.store)
    for i, text in enumerate(out):
        damaged = [
            [*out[:i], *out[i + 1 :]],
            [*out[:i], text[: len(text) // 2]],
            [*out[:i], text.replace(b"1", b"2"), *out[i + 1 :]],
            [*out[:i], text.replace(b":[", b":[[").replace(b'":', b'" :"', 1), *out[i + 1 :]],
        ]
        for lines_of_it in damaged[:: 1 + i % 2]:
            if lines_of_it == out:
                continue
            with pytest.raises(InvalidRequest, match=r"^line \d+: "):
                await restore(target, lines_of_it)
    assert (await restore(target, out, replace=True)).refused == []
    assert (await restore(target, out)).skipped == 4


async def test_what_is_no_export(target: SQLiteStore) -> None:
    for text in ([], [b"{}"], [b"[1]"], [b'{"memsvc_export":2}'], [b'{"memsvc_export":1}', b'{"novel":1}']):
        with pytest.raises(InvalidRequest):
            await restore(target, text)
    for kind in ("message", "summary", "pins", "end"):
        with pytest.raises(InvalidRequest):
            await restore(target, [b'{"memsvc_export":1}', json.dumps({kind: {}}).encode()])
    assert await every(target) == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_import_that_dies_is_repeated(fault: str) -> None:
    async with world() as w:
        await fill(w)
        out = await told(w.store)
        expected = await proof(w.store)
    at, came = 0, True
    while came:
        at += 5
        store = SQLiteStore(":memory:")
        await store.open()
        faulty = Faulty(store, at, fault)
        try:
            await restore(cast(Store, faulty), out)
        except (MemsvcError, Dies, asyncio.CancelledError):
            came = True
        else:
            came = faulty.calls >= at
        whole = {line for line in await proof(store) if b'"end"' in line}
        assert whole <= set(expected)
        await restore(store, out)
        assert await proof(store) == expected
        await store.close()
    assert at > 20


async def test_a_store_in_use_is_exported_session_by_session(target: SQLiteStore) -> None:
    async with world() as w:
        await fill(w)
        calls, at = 1, 0
        while at < calls:
            at += 4
            await w.memory.fork(KEY, "f", None)
            moving = Moving(w.store, at, lambda: w.memory.redact(Key("default", "f"), 4))
            out = await told(moving)
            calls = moving.calls
            done = await restore(target, out, replace=True)
            assert done.refused == []
            copied = await log(target, Key("default", "f"))
            assert [e.seq for e in copied] == list(range(1, len(copied) + 1))
            await w.memory.delete(Key("default", "f"))
            await target.delete(Key("default", "f"))


async def test_a_session_that_never_keeps_still_is_named() -> None:
    async with world() as w:
        await w.append(*chat(2))
        turns = iter(range(1, 100))

        class Restless:
            def __getattr__(self, name: str) -> Any:
                return getattr(w.store, name)

            async def pins(self, key: Key) -> Any:
                await w.append(*chat(1))
                await w.memory.truncate(key, next(turns))
                return await w.store.pins(key)

        done = await export(cast(Store, Restless()), lambda text: None)
        assert done.moving == [KEY]
        assert done.total["sessions"] == 0


def test_the_commands(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def make() -> None:
        async with world(f"{tmp_path}/a.db") as w:
            await fill(w)

    asyncio.run(make())
    a, b = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    assert main(["export", "--store", a]) == 0
    (tmp_path / "out.jsonl").write_bytes(capfdbinary.readouterr().out)
    command = ["import", f"{tmp_path}/out.jsonl", "--store", b]
    assert main(command) == 0
    assert b"4 sessions imported" in capfdbinary.readouterr().out
    proofs = []
    for store in (a, b):
        assert main(["export", "--digest", "--store", store]) == 0
        proofs.append(sorted(capfdbinary.readouterr().out.splitlines()))
    assert proofs[0] == proofs[1]

    async def change() -> None:
        async with world(f"{tmp_path}/b.db") as w:
            await w.memory.delete(ODD)
            await w.append(user("other"), key=ODD)

    asyncio.run(change())
    assert main(command) == 1
    assert b"acme/odd" in capfdbinary.readouterr().err
    assert main([*command, "--replace"]) == 0
    assert main(["import", f"{tmp_path}/none", "--store", b]) == 1


@pytest.mark.parametrize("command", [("export",), ("purge", "--tenant", "t", "--inactive-since", "5")])
def test_a_mistyped_store_is_no_empty_one(
    tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "typo.db"
    assert main([*command, "--store", f"sqlite:///{file}"]) == 1
    assert "there is no store" in capsys.readouterr().err
    assert not file.exists()


def test_a_file_that_is_not_there_is_no_fault_of_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none.jsonl"), "--store", f"sqlite:///{tmp_path}/new.db"]) == 1
    assert "there is no file" in capsys.readouterr().err
