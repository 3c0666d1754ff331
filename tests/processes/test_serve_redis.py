"""The service on a Redis or Valkey, alone and as a cluster: the whole way over HTTP, with two servers and a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.servers import Nodes, Process, running
from tests.processes.running import SMALL, Client, memsvc, processes, until

LONG = "; ".join(f"point {n} of what we said about the depot" for n in range(40))


@pytest.mark.parametrize("kind", ["alone", "cluster"])
async def test_two_servers_and_a_worker_on_one_store(
    kind: str,
    valkey: Process,
    valkey_cluster: Nodes,
    prefix: str,
) -> None:
    store = f"{valkey.url if kind == 'alone' else valkey_cluster.url}?prefix={prefix}"
    serve = ("serve", "--port", "0", "--store", store)
    async with (
        memsvc(*serve, workers_concurrency=0, **SMALL) as one,
        memsvc(*serve, workers_concurrency=0, **SMALL) as two,
        memsvc("worker", "--store", store, poll_s=0.1, **SMALL),
    ):
        first, second = Client(one.url), Client(two.url)
        for n in range(6):
            await (first, second)[n % 2].say("s", f"{n}: {LONG}")

        async def compacted() -> bool:
            session = await first.call("GET", "/v1/sessions/s")
            return bool(session["epoch"] and session["compaction"]["state"] == "idle")

        await until(compacted)
        contexts = [await c.call("GET", "/v1/sessions/s/context?format=anthropic") for c in (first, second)]
        assert contexts[0] == contexts[1]
        assert contexts[0]["tokens"]["context"] < 600
        history = (await second.call("GET", "/v1/sessions/s/history"))["messages"]
        assert [m["seq"] for m in history] == list(range(1, 13))
        await first.call("DELETE", "/v1/sessions/s")
        assert (await second.call("GET", "/v1/sessions"))["sessions"] == []


async def test_a_password_is_told_to_nobody(tmp_path: Path) -> None:
    with running(tmp_path, "--requirepass", "very-secret-word", "--appendonly", "no") as server:
        url = f"redis://:very-secret-word@127.0.0.1:{server.port}/0?prefix=p"
        async with memsvc("serve", "--port", "0", store=url) as service:
            assert f"store redis://127.0.0.1:{server.port}/0," in service.line
            await Client(service.url).say("s", "hi")
        async with memsvc("serve", "--workers", "2", "--port", "0", store=url, shutdown_s=1) as service:
            shown = str(processes("args"))
            assert "very-secret-word" not in shown + service.line
        wrong = url.replace("very-secret-word", "another-secret")
        async with memsvc("serve", "--port", "0", store=wrong) as service:
            assert "cannot start" in service.line
            assert "secret" not in service.line
            assert await service.ended() == 1
        async with memsvc("serve", "--port", "0", store=url, redis_persistence="require") as service:
            assert "appendonly yes" in service.line
            assert await service.ended() == 1
