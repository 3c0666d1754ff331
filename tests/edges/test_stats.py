"""What a dashboard asks a running service: figures by tenant and of all, a session's calls, the log without content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from memsvc import __version__
from memsvc.app import default_policy
from memsvc.config import Config
from memsvc.core.access import ALL
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter, Prices, Store
from memsvc.server.gate import Gate
from memsvc.service import Memory
from memsvc.service.holders import Holders
from memsvc.service.keyring import Keyring
from memsvc.service.recorder import Recorder
from tests.edges.api import Api, serving

S = "/v1/sessions/secret-name"
POLICY = {"threshold_tokens": 2_000, "keep_tokens": 300, "summary_tokens": 300}
LONG = [{"role": r, "content": f"{r} {i}: " + "words " * 150} for i in range(6) for r in ("user", "assistant")]
CALL = {"provider": "anthropic", "model": "claude-haiku-4-5", "usage": {"input_tokens": 3, "output_tokens": 12}}


@dataclass
class Watch:
    """A service with keys, and who asks it."""

    api: Api
    recorder: Recorder
    keyring: Keyring
    now: float = 1_800_000_000.0

    async def key(self, tenant: str, *scopes: Any) -> dict[str, str]:
        key, _ = await self.keyring.create(tenant, scopes or ALL)
        return {"Authorization": f"Bearer {key}"}

    async def stats(self, headers: dict[str, str], query: str = "") -> Any:
        await self.recorder.settled(9.0)
        self.now += 2
        return await self.api.ok("GET", f"/v1/stats{query}", headers=headers)

    async def talk(self, headers: dict[str, str], path: str = S) -> None:
        await self.api.ok("PUT", path, {"policy": POLICY, "system": "be brief", "format": "openai"}, headers=headers)
        await self.api.ok("POST", f"{path}/messages", {"messages": LONG}, headers=headers)
        await self.api.ok("POST", f"{path}/compact", {"force": True, "wait_ms": 9000}, headers=headers)
        for n in range(3):
            await self.api.ok("POST", f"{path}/usage", {"id": f"r{n}", "revision": 1, **CALL}, headers=headers)


@pytest.fixture
async def watch(store: Store, counter: Counter, prices: Prices) -> AsyncIterator[Watch]:
    def clock() -> float:
        return made.now

    recorder = Recorder(store, clock=clock)
    defaults = default_policy(Config())
    chain = [LocalSummarizer(counter.count)]
    memory = Memory(store, counter, chain, defaults=defaults, clock=clock, prices=prices, sink=recorder)
    keyring = Keyring(store, clock=clock)
    gate = Gate({"key-of-the-settings": "acme"}, Holders(store, clock=clock, monotonic=clock))
    async with serving(memory, gate=gate) as api:
        made = Watch(api, recorder, keyring)
        yield made
        await memory.drain()


async def test_figures_of_ones_own(watch: Watch) -> None:
    acme, other = await watch.key("acme"), await watch.key("other")
    await watch.talk(acme)
    found = await watch.stats(acme)
    assert (found["tenants"], found["to"], found["version"]) == ("mine", "2027-01-15", __version__)
    assert found["spend"]["total"]["calls"] == 3
    assert [row["tenant"] for row in found["spend"]["by_tenant"]] == ["acme"]
    assert found["spend"]["total"] == (await watch.api.ok("GET", "/v1/spend?period=7d", headers=acme))["total"]
    done = found["compactions"]
    assert (done["count"], done["failed"], done["by_reason"][0]["reason"]) == (1, 0, "forced")
    (recent,) = done["recent"]
    assert (recent["session"], recent["outcome"], recent["epoch"]) == ("secret-name", "committed", 1)
    assert recent["before_tokens"] - recent["after_tokens"] == done["tokens_removed"] > 0
    assert [b["cause"] for b in found["cache"]["breaks"]] == ["compacted"]
    assert found["sessions"]["count"] == 1
    await watch.api.ok("PUT", S, {"system": "be long"}, headers=acme)
    assert {b["cause"] for b in (await watch.stats(acme))["cache"]["breaks"]} == {"compacted", "system_changed"}
    nothing = await watch.stats(other)
    assert nothing["spend"]["by_tenant"] == nothing["compactions"]["recent"] == nothing["cache"]["breaks"] == []
    assert (nothing["spend"]["total"]["calls"], nothing["sessions"]["count"]) == (0, 0)


async def test_figures_of_all_are_for_operators_and_name_no_session(watch: Watch) -> None:
    acme, other = await watch.key("acme"), await watch.key("other", "read", "operator")
    for tenant in ("acme", "second"):
        await watch.talk(await watch.key(tenant))
    for stranger in (acme, await watch.key("other", "read", "admin"), {"x-api-key": "key-of-the-settings"}):
        for query in ("?tenants=all", "?period=7d&tenants=all", "?tenants=%61ll"):
            answer = await watch.api.call("GET", f"/v1/stats{query}", headers=stranger)
            assert answer.problem(403, code="scope_missing")["scope"] == "operator"
        await watch.api.ok("GET", "/v1/stats?tenants=mine", headers=stranger)
    (await watch.api.call("GET", "/v1/stats?tenants=mine&tenants=all", headers=acme)).problem(400)
    (await watch.api.call("GET", "/v1/stats?tenants=all", headers=await watch.key("o", "operator"))).problem(403)
    found = await watch.stats(other, "?tenants=all")
    assert [(row["tenant"], row["calls"]) for row in found["spend"]["by_tenant"]] == [("acme", 3), ("second", 3)]
    assert {row["tenant"] for row in found["compactions"]["recent"]} == {"acme", "second"}
    assert {row["session"] for row in found["compactions"]["recent"]} == {None}
    assert (found["compactions"]["count"], found["sessions"]["count"]) == (2, 2)
    assert "secret-name" not in str(found)
    (await watch.api.call("GET", S, headers=other)).problem(404)


async def test_the_machines_owner_may_see_all(api: Api) -> None:
    assert (await api.ok("GET", "/v1/stats?tenants=all"))["tenants"] == "all"


async def test_a_deleted_session_leaves_figures_and_no_name(watch: Watch) -> None:
    acme = await watch.key("acme")
    await watch.talk(acme)
    await watch.api.ok("PUT", S, {"user": "u-1"}, headers=acme)
    await watch.talk(acme, "/v1/sessions/second-name")
    await watch.stats(acme)
    await watch.api.call("DELETE", "/v1/users/u-1", headers=acme)
    await watch.api.call("DELETE", "/v1/sessions/second-name", headers=acme)
    found = await watch.stats(acme)
    assert [row["session"] for row in found["compactions"]["recent"]] == [None, None]
    assert found["compactions"]["count"] == 2
    assert not any(name in str(found) for name in ("secret-name", "second-name"))


async def test_a_sessions_calls(watch: Watch) -> None:
    acme = await watch.key("acme")
    await watch.talk(acme)
    page = await watch.api.ok("GET", f"{S}/calls?limit=2", headers=acme)
    assert [(c["id"], c["revision"], c["held"], c["tokens"]["output"]) for c in page["calls"]] == [
        ("r0", 1, False, 12),
        ("r1", 1, False, 12),
    ]
    assert page["calls"][0]["cost_usd"] > 0
    rest = await watch.api.ok("GET", f"{S}/calls?after={page['next']}", headers=acme)
    assert ([c["id"] for c in rest["calls"]], rest["next"]) == (["r2"], None)
    (await watch.api.call("GET", f"{S}/calls", headers=await watch.key("other"))).problem(404)
    (await watch.api.call("GET", f"{S}/calls?after=nonsense", headers=acme)).problem(400)


async def test_the_log_without_content(watch: Watch) -> None:
    acme = await watch.key("acme")
    for n in range(6):
        messages = [{"role": "user", "content": f"{n}.{i}"} for i in range(200)]
        await watch.api.ok("POST", f"{S}/messages", {"messages": messages}, headers=acme)
    first = await watch.api.ok("GET", f"{S}/history?content=false&limit=1100", headers=acme)
    assert [m["seq"] for m in first["messages"]] == list(range(1, 1101))
    assert first["next"] == 1100
    assert {m["role"] for m in first["messages"]} == {"user"}
    assert all(m["tokens"] and "message" not in m for m in first["messages"])
    rest = await watch.api.ok("GET", f"{S}/history?content=false&limit=5000&after=1100", headers=acme)
    assert ([m["seq"] for m in rest["messages"]], rest["next"]) == (list(range(1101, 1201)), None)
    full = await watch.api.ok("GET", f"{S}/history?limit=1100", headers=acme)
    assert len(full["messages"]) == 1000, "with content a page is smaller"
    assert full["next"] == 1000
