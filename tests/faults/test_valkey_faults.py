"""A Redis or Valkey that is slow, gone, full, read-only, forgetful or replaced: what callers get, and that nothing
acknowledged is lost or there twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from memsvc.client import Client, Retry
from memsvc.config import embedded_config
from memsvc.embedded import Embedded
from memsvc.errors import Unavailable
from memsvc.ports import Store
from memsvc.stores import open_store
from memsvc.stores.redis.checks import check_servers
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server, Waiting
from memsvc.stores.redis.topology import Single
from memsvc.stores.redis.urls import parse
from tests.contract.making import KEY, batch, draft, log, must, say, sound
from tests.contract.servers import Process, cluster, holds, running, watched
from tests.processes.running import until


@contextlib.asynccontextmanager
async def opened(url: str, **settings: object) -> AsyncIterator[Store]:
    store = open_store(url, **settings)  # type: ignore[arg-type]
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def server(tmp_path: Path) -> object:
    with running(tmp_path / "own", "--appendonly", "yes", "--appendfsync", "always") as process:
        yield process


async def keep_saying(store: Store, number: int, told: list[str]) -> None:
    """Append messages that name themselves, each until it is acknowledged."""
    for n in range(number):
        name = f"m{len(told)}-{n}"
        while name not in told[-1:]:  # however long a server takes to come back
            try:
                await store.append(KEY, batch(draft(name), idempotency_key=name))
                told.append(name)
            except Unavailable:
                await asyncio.sleep(0.02)


async def stored(store: Store) -> list[str]:
    return [e.raw.decode().split('"')[-2] for e in await log(store)]


async def test_a_frozen_server_is_unavailable_in_time_and_an_append_is_stored_once(server: Process) -> None:
    async with opened(f"{server.url}?timeout_s=1") as store:
        await say(store, 3)
        server.freeze()
        told = batch(draft("late"), idempotency_key="k")
        with pytest.raises(Unavailable) as failed:
            await store.append(KEY, told)
        assert failed.value.retryable
        with pytest.raises(Unavailable):
            await store.ping()
        server.thaw()
        answer = await store.append(KEY, told)  # it may have been done, and is not done twice
        assert answer.seqs == (4,)
        assert len(await log(store)) == 4
        await sound(store)


async def test_a_client_asks_again_until_the_server_is_back_and_each_append_is_stored_once(server: Process) -> None:
    back: list[Callable[[], object]] = []

    async def sleep(seconds: float) -> None:
        while back:
            await asyncio.to_thread(back.pop())

    config = embedded_config({"store": f"{server.url}?timeout_s=0.3"})
    async with Client(Embedded(config), retry=Retry(attempts=100), sleep=sleep) as client:
        session = client.session("s")
        for n, (harm, remedy) in enumerate([(server.freeze, server.thaw), (server.kill, server.start)] * 2):
            harm()
            back.append(remedy)
            await session.append({"role": "user", "content": str(n)})
            assert not back
        assert [row.message["content"] async for row in session.walk()] == ["0", "1", "2", "3"]


async def test_an_append_that_was_not_answered_is_not_sent_again(server: Process) -> None:
    async with opened(f"{server.url}?timeout_s=1") as store:
        await say(store, 3)
        server.freeze()
        appending = asyncio.create_task(store.append(KEY, batch(draft("once"))))  # no key, no id: twice would be two
        await asyncio.wait({appending}, timeout=20.0)
        server.thaw()
        with pytest.raises(Unavailable):
            await appending
        await until(lambda: _has(store, 4))  # it was on its way, and the server has read it now
        await say(store)
        assert [e.raw for e in await log(store)].count(draft("once").raw) == 1


async def _has(store: Store, number: int) -> bool:
    with contextlib.suppress(Unavailable):  # it has only just been thawed
        return len(await log(store)) >= number
    return False


async def test_what_was_acknowledged_survives_a_kill_of_the_server(server: Process) -> None:
    told: list[str] = []
    async with opened(server.url) as store:
        for _ in range(3):
            writing = asyncio.create_task(keep_saying(store, 30, told))
            await asyncio.sleep(0.02)
            server.kill()
            with pytest.raises(Unavailable):
                await store.ping()
            server.start()
            await writing
        assert await stored(store) == told
        assert (await must(store)).last_seq == 90
        await sound(store)


async def test_a_full_server_refuses_writes_and_reads_go_on(server: Process) -> None:
    async with opened(server.url) as store:
        await say(store, 3)
        server.tell("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Unavailable) as failed:
            await say(store)
        assert "memory" in failed.value.detail
        assert len((await store.load(KEY)).entries) == 3
        with pytest.raises(Unavailable):
            await store.ping()
        server.tell("CONFIG", "SET", "maxmemory", "0")
        await say(store)
        await sound(store)


async def test_a_primary_that_became_a_replica_refuses_writes_and_reads_go_on(server: Process, tmp_path: Path) -> None:
    with running(tmp_path / "other", "--appendonly", "yes") as other:
        async with opened(server.url) as store:
            await say(store, 3)
            other.tell("REPLICAOF", "127.0.0.1", str(server.port))
            await until(lambda: holds(lambda: "master_link_status:up" in other.tell("INFO", "replication")))
            other.tell("REPLICAOF", "NO", "ONE")
            server.tell("REPLICAOF", "127.0.0.1", str(other.port))
            with pytest.raises(Unavailable) as failed:
                await say(store)
            assert "replica" in failed.value.detail
            assert (await must(store)).last_seq == 3


class Looking(Single):
    """One server, and how often it was asked where the servers are now."""

    looks = 0

    async def look(self, moved: object = None) -> None:
        self.looks += 1


async def test_a_replica_on_which_a_write_is_found_done_already_is_not_stayed_with(server: Process) -> None:
    server.tell("REPLICAOF", "127.0.0.1", "1")
    topology = Looking(parse(server.url))
    sent = Server(topology, Keys("memsvc"), Waiting(replicas=1, ms=50))
    await sent.open()
    key = Keys("memsvc").place(KEY)
    with pytest.raises(Unavailable, match="replica"):
        await sent.write(key.shard, "head", key.of("hg"), 0)  # changes nothing, as an append that was done before
    assert topology.looks == 1
    await sent.close()


async def test_a_server_that_forgot_the_scripts_gets_them_again(server: Process) -> None:
    async with opened(server.url) as store:
        await say(store, 3)
        server.tell("SCRIPT", "FLUSH")
        await say(store, 3)
        assert len((await store.load(KEY)).entries) == 6


async def test_a_paused_server_is_waited_for(server: Process) -> None:
    async with opened(server.url) as store:
        await say(store)
        server.tell("CLIENT", "PAUSE", "200", "ALL")
        assert (await say(store)).seqs == (2,)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
async def test_a_server_that_throws_things_away_is_refused(server: Process, policy: str) -> None:
    server.tell("CONFIG", "SET", "maxmemory", "100mb")
    server.tell("CONFIG", "SET", "maxmemory-policy", policy)
    with pytest.raises(Unavailable) as failed:
        async with opened(server.url):
            pass
    assert "noeviction" in failed.value.detail


@pytest.mark.parametrize("options", [("--appendonly", "no"), ("--appendonly", "yes", "--appendfsync", "no")])
async def test_a_server_that_keeps_little_is_warned_of_or_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    said: list[str] = []
    with running(tmp_path, *options) as server:
        async with opened(server.url, warn=said.append):
            assert len(said) == 1
            assert "append" in said[0]
        async with opened(server.url, warn=said.append, persistence="off"):
            assert len(said) == 1
        if options[1] == "no":
            with pytest.raises(Unavailable):
                async with opened(server.url, persistence="require"):
                    pass


async def test_an_acl_user_needs_the_stores_keys_and_no_others(server: Process) -> None:
    server.tell("ACL", "SETUSER", "app", "on", ">secret", "resetkeys", "~memsvc:*", "resetchannels", "-@all")
    for right in ("+@read", "+@write", "+@scripting", "+ping", "+hello", "+client", "+info", "+wait", "-@dangerous"):
        server.tell("ACL", "SETUSER", "app", right)
    said: list[str] = []
    async with opened(f"redis://app:secret@127.0.0.1:{server.port}", warn=said.append) as store:
        await say(store, 3)
        await sound(store)
        assert await store.delete(KEY)
    with pytest.raises(Unavailable) as failed:
        async with opened(f"redis://app:wrong-secret@127.0.0.1:{server.port}"):
            pass
    assert "secret" not in failed.value.detail


async def test_writing_goes_on_after_a_fail_over_and_what_replicas_were_waited_for_is_there(tmp_path: Path) -> None:
    with watched(tmp_path, "--appendonly", "yes") as nodes:
        async with opened(f"{nodes.url}?timeout_s=1", wait_replicas=1, wait_ms=500) as store:
            told: list[str] = []
            await keep_saying(store, 20, told)
            before = asyncio.create_task(keep_saying(store, 40, told))
            await asyncio.sleep(0.02)
            old = await asyncio.to_thread(nodes.fail_over)
            await asyncio.to_thread(nodes.bring_back, old)  # writes wait for a replica: this one
            await before
            await keep_saying(store, 5, told)
            found = await stored(store)
            assert found == told
            await sound(store)


async def test_a_write_that_no_replica_confirms_is_not_acknowledged(server: Process) -> None:
    async with opened(server.url, wait_replicas=1, wait_ms=50) as store:
        with pytest.raises(Unavailable) as failed:
            await say(store)
        assert "replicas" in failed.value.detail


async def test_a_cluster_goes_on_when_a_primary_dies(tmp_path: Path) -> None:
    options = ("--appendonly", "yes", "--cluster-node-timeout", "500")
    with cluster(tmp_path, *options, replicas=3) as nodes:
        async with opened(f"{nodes.url}?timeout_s=1", wait_replicas=1, wait_ms=500) as store:
            told: list[str] = []
            await keep_saying(store, 10, told)
            writing = asyncio.create_task(keep_saying(store, 40, told))
            for primary in nodes.processes[:1]:
                await asyncio.to_thread(primary.kill)
            await writing
            assert await stored(store) == told
            assert len(told) == 50
            await sound(store)


class Reading:
    """A server that still reads its file: it answers INFO, and says of itself that it keeps no such file."""

    def servers(self) -> list[int]:
        return [0]

    async def ask(self, shard: int, command: tuple[str, ...]) -> bytes:
        return b"loading:1\r\naof_enabled:0\r\n"


async def test_a_server_that_still_reads_its_file_is_not_taken_for_one_without() -> None:
    said: list[str] = []
    with pytest.raises(Unavailable, match="still reading"):
        await check_servers(Reading(), Keys("memsvc"), "warn", said.append)  # type: ignore[arg-type]
    assert said == []
