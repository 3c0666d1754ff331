"""Metrics of several processes on one port, and of a worker that has no API."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import aiohttp
import pytest

from memsvc.cli.serving import serve
from memsvc.config import Config
from memsvc.embedded import open as memsvc_here
from tests.observing.scraped import Samples, samples, value
from tests.processes.running import SMALL, STOP, Client, alive, memsvc, until

TOKEN = "a-token-of-the-scraper"


async def scraped(url: str, **headers: str) -> Samples:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics", headers=headers) as response:
        assert response.status == 200
        return samples(await response.text())


async def test_a_scrape_shows_the_sum_of_all_processes_also_of_one_that_was_killed(tmp_path: Path) -> None:
    folders = tmp_path / "tmp"
    folders.mkdir()
    store = f"sqlite:///{tmp_path}/many.db"
    os.environ["TMPDIR"] = str(folders)
    try:
        async with memsvc("serve", "--workers", "2", "--port", "0", "--store", store, shutdown_s=2) as server:
            del os.environ["TMPDIR"]
            client = Client(server.url)
            for n in range(12):
                await client.say(f"s{n}", "hello")

            async def counted(wanted: int) -> bool:
                return value(await scraped(server.url), "memsvc_requests_total", call="append", status="2xx") == wanted

            await until(lambda: counted(12))
            before = server.children()
            spent = value(await scraped(server.url), "process_cpu_seconds_total")
            assert spent > 1.0, "two interpreters have started"
            assert {int(file.stem.rpartition("_")[2]) for file in folders.glob("*/gauge_live*.db")} == set(before)
            os.kill(before[0], signal.SIGKILL)
            await until(lambda: not alive(before[0]))
            await until(lambda: not list(folders.glob(f"*/gauge_live*_{before[0]}.db")))
            await client.say("s0", "again")
            await until(lambda: counted(13))
            found = await scraped(server.url)
            assert value(found, "process_cpu_seconds_total") >= spent, "what a process has used is used"
            assert value(found, "memsvc_gateway_streams_open") == 0
            assert value(found, "process_open_fds") > 10
            server.signal(STOP)
            assert await server.ended() == 0
            assert not list(folders.iterdir())
    finally:
        os.environ.pop("TMPDIR", None)


def test_without_a_folder_for_their_metrics_they_do_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert serve(Config(store="sqlite:///never.db", port=0), processes=2, child=False) == 2
    assert "set TMPDIR, or metrics = off" in capsys.readouterr().err


async def test_a_worker_has_a_port_for_probes_and_metrics_if_it_is_wanted(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/worker.db"
    quick = {**SMALL, "poll_s": 0.1, "metrics_token": TOKEN}
    async with memsvc("worker", "--store", store, "--metrics-port", "0", **quick) as worker:
        client = Client(worker.url)
        assert await client.call("GET", "/healthz") == {"status": "ok"}
        assert await client.call("GET", "/readyz") == {"status": "ready"}
        said = "; ".join(f"point {n} of what we said about the depot" for n in range(40))
        async with memsvc_here(store, workers_concurrency=0, **SMALL) as here:
            turns = [{"role": role, "content": f"{n}: {said}"} for n in range(6) for role in ("user", "assistant")]
            await here.session("s").append(turns)

        async def committed() -> float:
            found = await scraped(worker.url, Authorization=f"Bearer {TOKEN}")
            return value(found, "memsvc_compactions_total", outcome="committed")

        await until(committed)
        async with aiohttp.ClientSession() as session:
            for path, status in (("/metrics", 401), ("/v1/sessions", 404)):
                async with session.get(worker.url + path) as response:
                    assert response.status == status
        worker.signal(STOP)
        assert await worker.ended() == 0
