"""`serve --workers N` and `worker`: several processes on one store, some of which die."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.processes.running import KILL, SMALL, STOP, Client, alive, memsvc, until

LONG = "; ".join(f"point {n} of what we said about the depot" for n in range(40))


async def test_processes_share_a_port_and_a_store_and_are_started_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/many.db"
    async with memsvc("serve", "--workers", "2", "--port", "0", "--store", store, shutdown_s=2) as server:
        assert "with 2 processes" in server.line
        client = Client(server.url)
        for n in range(10):
            await client.say("s", f"m{n}")
        before = server.children()
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        await until(lambda: not alive(before[0]))
        for n in range(10, 20):
            await client.say("s", f"m{n}")  # the other one serves on
        await until(lambda: len([p for p in server.children() if p != before[0]]) == 2)
        history = await client.call("GET", "/v1/sessions/s/history?limit=100")
        assert [m["message"]["content"] for m in history["messages"][::2]] == [f"m{n}" for n in range(20)]
        children = server.children()
        server.signal(STOP)
        assert await server.ended() == 0
        assert not [p for p in children if alive(p)]


async def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orphans.db"
    async with memsvc("serve", "--workers", "2", "--port", "0", "--store", store, shutdown_s=1) as server:
        children = server.children()
        server.signal(KILL)
        await server.ended()
        await until(lambda: not [p for p in children if alive(p)])


async def test_what_cannot_start_says_so_once(tmp_path: Path) -> None:
    async with memsvc(
        "serve", "--workers", "2", "--port", "0", "--store", f"sqlite:///{tmp_path}/no/where.db"
    ) as server:
        assert "cannot start" in server.line
        assert await server.ended() == 1
    async with memsvc("serve", "--workers", "2", "--store", "sqlite://:memory:") as server:
        assert "private to one" in server.line
        assert await server.ended() == 2


async def test_a_worker_of_its_own_does_what_a_server_without_one_leaves(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/worker.db"
    async with memsvc("serve", "--port", "0", "--store", store, workers_concurrency=0, **SMALL) as server:
        client = Client(server.url)
        await client.say("s", *[f"{n}: {LONG}" for n in range(6)])
        assert (await client.call("GET", "/v1/sessions/s"))["compaction"]["state"] == "queued"
        async with memsvc("worker", "--store", store, poll_s=0.1, **SMALL) as worker:
            assert " works on store sqlite:///" in worker.line

            async def idle() -> bool:
                return bool((await client.call("GET", "/v1/sessions/s"))["compaction"]["state"] == "idle")

            await until(idle)
            worker.signal(STOP)
            assert await worker.ended() == 0
        assert (await client.call("GET", "/v1/sessions/s"))["epoch"] == 1


async def test_a_stop_answers_what_is_under_way(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/drain.db"
    async with memsvc("serve", "--port", "0", "--store", store) as server:
        client = Client(server.url)
        calls = [asyncio.create_task(client.once(f"s{n}", LONG)) for n in range(20)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        server.signal(STOP)
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert await server.ended() == 0
    answered = [n for n, found in enumerate(done) if isinstance(found, dict)]
    assert answered
    async with memsvc("serve", "--port", "0", "--store", store) as server:
        client = Client(server.url)
        for n in answered:
            assert len((await client.call("GET", f"/v1/sessions/s{n}/history"))["messages"]) == 1
