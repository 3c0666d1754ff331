"""Processes whose event loop stands still for longer than a lease: blocked, swapped out, stopped and continued."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from memsvc.testing.provider import Call, Provider
from tests.processes.running import SMALL, Client, memsvc, until

LONG = "; ".join(f"point {n} of what we said about the depot" for n in range(40))
FREEZE, THAW = signal.SIGSTOP, signal.SIGCONT


def about(session: str, calls: Sequence[Call]) -> int:
    """Calls of a model for this session's summary: every message of it ends with its name."""
    return sum(f"depot of {session}" in str(call.body) for call in calls)


def turns(session: str) -> list[str]:
    return [f"{n}: {LONG} of {session}" for n in range(6)]


async def test_a_worker_frozen_past_its_lease_pays_for_nothing_and_changes_nothing_when_it_goes_on(
    tmp_path: Path,
) -> None:
    store = f"sqlite:///{tmp_path}/frozen.db"
    async with Provider(count=lambda text: len(text.split())) as provider:
        provider.script(["slow", "ok"])
        settings = SMALL | {
            "summarizers": "anthropic",
            "anthropic_base_url": provider.anthropic_url,
            "anthropic_api_key": "any",
            "lease_s": 1,
            "poll_s": 0.1,
        }
        async with (
            memsvc("serve", "--port", "0", "--store", store, **settings | {"workers_concurrency": 0}) as server,
            memsvc("worker", "--store", store, **settings) as frozen,
        ):
            client = Client(server.url)

            async def state(session: str) -> tuple[int, str]:
                shown = await client.call("GET", f"/v1/sessions/{session}")
                return shown["epoch"], shown["compaction"]["state"]

            async def done(session: str) -> bool:
                return await state(session) == (1, "idle")

            await client.say("s", *turns("s"))
            await provider.until(lambda calls: about("s", calls) > 0)
            frozen.signal(FREEZE)
            provider.release()  # its answer comes while it stands still
            async with memsvc("worker", "--store", store, **settings) as other:
                await until(lambda: done("s"))
                first = await client.call("GET", "/v1/sessions/s/summaries")
                paid = about("s", provider.calls)
                other.signal(signal.SIGTERM)
                assert await other.ended() == 0
            frozen.signal(THAW)
            await client.say("t", *turns("t"))
            await until(lambda: done("t"))  # it works on, at the next job
            assert await state("s") == (1, "idle")
            assert await client.call("GET", "/v1/sessions/s/summaries") == first
            assert about("s", provider.calls) == paid
            assert first["summaries"][0]["model"] != "local"


async def test_what_is_sent_to_a_frozen_server_is_stored_once_when_it_goes_on(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/stalled.db"
    body = {"messages": [{"role": "user", "content": LONG}]}
    async with (
        memsvc("serve", "--port", "0", "--store", store) as stalled,
        memsvc("serve", "--port", "0", "--store", store) as other,
        aiohttp.ClientSession(headers={"Idempotency-Key": "k"}) as session,
    ):
        stalled.signal(FREEZE)
        with contextlib.suppress(asyncio.TimeoutError):
            await session.post(f"{stalled.url}/v1/sessions/s/messages", json=body, timeout=aiohttp.ClientTimeout(0.3))
            raise AssertionError("a frozen process answered")
        async with session.post(f"{other.url}/v1/sessions/s/messages", json=body) as response:
            assert (await response.json())["duplicate"] is False, "the other one serves on"
        waiting = asyncio.create_task(Client(stalled.url).call("GET", "/v1/sessions/s"))
        stalled.signal(THAW)
        assert (await waiting)["messages"] == 1
        async with session.post(f"{stalled.url}/v1/sessions/s/messages", json=body) as response:
            assert (await response.json())["duplicate"] is True
        history = await Client(other.url).call("GET", "/v1/sessions/s/history")
        assert [m["seq"] for m in history["messages"]] == [1]
