"""Metrics: what is counted of events and requests, what is looked up, and who may see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from memsvc.core.access import ApiKey, digest_of, key_of
from memsvc.core.budgets import Budget
from memsvc.core.model import Key
from memsvc.core.money import Usage
from memsvc.errors import Unavailable
from memsvc.metrics import ROWS, Live, Metrics
from memsvc.metrics.live import _Process
from memsvc.metrics.table import MOST_SERIES
from memsvc.observe import (
    Booked,
    BudgetReached,
    CacheBroken,
    Compacted,
    CompactionFailed,
    Event,
    NotCompacted,
    ProviderFailed,
    RequestFailed,
    StreamMoved,
    SummarizerFailed,
    WorkerFailed,
)
from memsvc.ports import Store
from memsvc.server.gate import Gate
from memsvc.server.watch import MetricsDoor, Watch
from memsvc.service.holders import Holders
from tests.edges.api import Api, serving
from tests.observing.scraped import Samples, samples, value
from tests.service.world import SMALL, World, world

TOKEN = "a-token-of-the-scraper"


def live(metrics: Metrics, store: Store, budgets: Any, **more: Any) -> Live:
    given = {"tenants": ["default"], "most_tenants": 5, "engine": "sqlite", "clock": lambda: 1_700_000_000.0, **more}
    return Live(metrics, store, budgets, **given)


@pytest.fixture
async def around() -> AsyncIterator[World]:
    async with world(policy=SMALL) as made:
        yield made


async def scraped(metrics: Metrics, around: World, **more: Any) -> Samples:
    more.setdefault("clock", around.clock)
    return samples((await live(metrics, around.store, around.memory.purse.document, **more).scrape()).decode())


async def test_every_row_of_the_table_and_nothing_else_is_shown(around: World) -> None:
    metrics = Metrics()
    found = {name for name, _ in await scraped(metrics, around)}
    known = {sample for row in ROWS for sample in row.samples}
    assert found <= known
    for row in ROWS:
        assert row.live or row.name in metrics._of
        if not row.labels and row.kind != "histogram":
            assert row.name in found, row.name


async def test_events_become_figures(around: World) -> None:
    metrics = Metrics()
    used = Usage(1_000, 50, cache_read=700, cache_write=100)
    events: list[Event] = [
        Compacted("t", "s", 1, 1, 9, 500, 100, "rent", "openai:m", seconds=1.5),
        NotCompacted("t", "s", "threshold", "no_gain"),
        CompactionFailed("t", "s", "unavailable", 1, trigger="forced"),
        SummarizerFailed("t", "s", "openai:m", "summary_timeout"),
        Booked("t", "s", "chat", "anthropic", "m", used, 0.25),
        Booked("t", "s", "chat", "anthropic", "m", Usage(10, 1), None),
        CacheBroken("t", "s", "tools_changed", 400, 0.5),
        CacheBroken("t", "s", "tools_changed", 100, None),
        BudgetReached("t", None, "day", 80, 1.0, 0.8),
        ProviderFailed("t", "s", "openai", "529"),
        StreamMoved("openai", opened=True),
        StreamMoved("openai", opened=True),
        StreamMoved("openai", opened=False),
        RequestFailed("r", "get", 500, "ValueError", 0.1, ("a.py:1 f",)),
        RequestFailed("r", "get", 503, "unavailable", 0.1),
        WorkerFailed("unavailable"),
    ]
    for event in events:
        metrics.tell(event)
    found = await scraped(metrics, around)
    wanted: list[tuple[float, str, dict[str, str]]] = [
        (1, "memsvc_compactions_total", {"trigger": "rent", "outcome": "committed"}),
        (1, "memsvc_compactions_total", {"trigger": "threshold", "outcome": "no_gain"}),
        (1, "memsvc_compactions_total", {"trigger": "forced", "outcome": "failed"}),
        (400, "memsvc_compaction_tokens_removed_total", {}),
        (1.5, "memsvc_summary_seconds_sum", {"writer": "openai:m"}),
        (1, "memsvc_summarizer_failures_total", {"summarizer": "openai:m", "error": "summary_timeout"}),
        (2, "memsvc_calls_booked_total", {"provider": "anthropic", "model": "m", "feature": "chat"}),
        (210, "memsvc_tokens_total", {"class_": "input"}),
        (700, "memsvc_tokens_total", {"class_": "cache_read"}),
        (100, "memsvc_tokens_total", {"class_": "cache_write"}),
        (51, "memsvc_tokens_total", {"class_": "output"}),
        (0.25, "memsvc_cost_usd_total", {}),
        (1, "memsvc_unpriced_calls_total", {}),
        (1_000, "memsvc_prompt_tokens_total", {}),  # the other report did not say what came from a cache
        (700, "memsvc_prompt_cached_tokens_total", {}),
        (2, "memsvc_cache_breaks_total", {"cause": "tools_changed"}),
        (500, "memsvc_cache_break_tokens_total", {}),
        (0.5, "memsvc_cache_break_usd_total", {}),
        (1, "memsvc_budget_alerts_total", {"period": "day", "percent": "80"}),
        (1, "memsvc_provider_errors_total", {"provider": "openai", "error": "529"}),
        (1, "memsvc_gateway_streams_open", {}),
        (1, "memsvc_faults_total", {"where": "request"}),
        (1, "memsvc_store_errors_total", {"where": "request"}),
        (2, "memsvc_store_errors_total", {"where": "worker"}),
    ]
    assert [value(found, name, **labels) for _, name, labels in wanted] == [number for number, _, _ in wanted]


async def test_names_that_callers_choose_do_not_grow_the_registry(around: World) -> None:
    metrics = Metrics()
    for n in range(500):
        metrics.tell(Booked("t", "s", f"feature-{n}", "openai", f"model-{n}", Usage(1, 1), 0.5))
    found = await scraped(metrics, around)
    series = [labels for name, labels in found if name == "memsvc_calls_booked_total"]
    assert len(series) <= 101
    assert value(found, "memsvc_calls_booked_total") == 500
    assert value(found, "memsvc_calls_booked_total", model="other", feature="other") == 400


async def test_names_that_are_few_each_do_not_grow_it_together(around: World) -> None:
    metrics = Metrics()
    for n in range(2_500):
        metrics.tell(Booked("t", "s", f"feature-{n % 25}", "openai", f"model-{n // 25}", Usage(1, 1), 0.5))
    found = await scraped(metrics, around)
    series = [labels for name, labels in found if name == "memsvc_calls_booked_total"]
    assert len(series) == MOST_SERIES + 1
    assert value(found, "memsvc_calls_booked_total") == 2_500
    assert value(found, "memsvc_calls_booked_total", provider="other", model="other", feature="other") == 1_500
    assert value(found, "memsvc_tokens_total", class_="output") == 2_500


async def test_a_figure_that_makes_no_sense_fails_nobody(around: World) -> None:
    metrics = Metrics()
    for usd in (-1.0, float("nan"), 0.25):
        metrics.tell(Booked("t", "s", "chat", "anthropic", "m", Usage(1, 1), usd))
    found = await scraped(metrics, around)
    assert value(found, "memsvc_cost_usd_total") == 0.25
    assert value(found, "memsvc_calls_booked_total") == 3


async def test_processes_are_seen_where_proc_has_nothing_but_them(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("/proc/self")
    found = {metric.name: metric.samples[0].value for metric in _Process(proc=str(tmp_path), registry=None).collect()}
    assert found["process_resident_memory_bytes"] > 1e6
    assert 0 < time.time() - found["process_start_time_seconds"] < 86_400


async def test_requests_are_counted_by_call_and_class(around: World) -> None:
    metrics = Metrics()
    ended = metrics.requests("context")
    for status, seconds in ((200, 0.0005), (304, 0.0006), (404, 0.4), (503, 400.0)):
        ended(status, seconds)
    found = await scraped(metrics, around)
    again = await scraped(metrics, around)
    for got in (found, again):
        classes = {
            c: value(got, "memsvc_requests_total", call="context", status=c) for c in ("2xx", "3xx", "4xx", "5xx")
        }
        assert classes == {"2xx": 1, "3xx": 1, "4xx": 1, "5xx": 1}
        assert value(got, "memsvc_request_seconds_count", call="context") == 4
        assert value(got, "memsvc_request_seconds_sum", call="context") == pytest.approx(400.4011)
        bounds = [
            value(got, "memsvc_request_seconds_bucket", le=le) for le in ("0.0005", "0.001", "0.5", "300.0", "+Inf")
        ]
        assert bounds == [1, 2, 3, 3, 4]


async def test_what_a_conversation_leaves_behind(around: World) -> None:
    metrics = Metrics()
    for n in range(8):
        await around.append(
            {"role": "user", "content": f"{n} " + "words and more words " * 20}, {"role": "assistant", "content": "ok"}
        )
    await around.memory.purse.put("default", [Budget("day", None, 2_000_000), Budget("month", "chat", 9_000_000)])
    around.clock.pass_(7.0)
    found = await scraped(metrics, around)
    assert value(found, "memsvc_compaction_jobs_due") == value(found, "memsvc_compaction_jobs_waiting") == 1
    assert value(found, "memsvc_compaction_oldest_due_seconds") == pytest.approx(7.0, abs=1.0)
    assert value(found, "memsvc_budget_left_usd", tenant="default", period="day", feature="") == 2.0
    assert value(found, "memsvc_budget_limit_usd", tenant="default", period="month", feature="chat") == 9.0
    assert await around.work() == 1
    found = await scraped(metrics, around)
    assert value(found, "memsvc_compaction_jobs_waiting") == value(found, "memsvc_compaction_oldest_due_seconds") == 0
    assert value(found, "memsvc_build_info", store="sqlite") == value(found, "memsvc_store_up") == 1
    assert value(found, "process_resident_memory_bytes") > 1e6


async def test_only_so_many_tenants_are_shown(around: World) -> None:
    for n in range(4):
        key = key_of(f"{n:012x}", bytes(32))
        stored = ApiKey(f"{n:012x}", f"tenant-{n}", "k", ("read",), digest_of(key), key[-4:], 1.0)
        await around.store.add_key(stored)
        await around.memory.purse.put(f"tenant-{n}", [Budget("day", None, 1_000_000)])
    found = await scraped(Metrics(), around, most_tenants=3)
    shown = {dict(labels)["tenant"] for name, labels in found if name == "memsvc_budget_left_usd"}
    assert shown == {"tenant-0", "tenant-1"}  # `default`, the third, has no budget
    assert value(found, "memsvc_budget_tenants_left_out") == 2
    none = await scraped(Metrics(), around, most_tenants=0)
    assert not [name for name, _ in none if name == "memsvc_budget_left_usd"]


async def test_a_store_that_is_away_hides_nothing_else(around: World) -> None:
    class Away:
        async def ping(self) -> None:
            raise Unavailable("away")

    metrics = Metrics()
    metrics.requests("get")(200, 0.1)
    looks = live(metrics, cast("Store", Away()), around.memory.purse.document)
    found = samples((await looks.scrape()).decode())
    assert value(found, "memsvc_store_up") == 0
    assert value(found, "memsvc_store_errors_total", where="scrape") == 1
    assert value(found, "memsvc_requests_total") == 1
    assert not [name for name, _ in found if name.startswith("memsvc_compaction_jobs")]


async def test_scrapers_at_once_are_one_look(around: World) -> None:
    class Counting:
        looks = 0

        def __getattr__(self, name: str) -> Any:
            if name == "ping":
                Counting.looks += 1
            return getattr(around.store, name)

    now = [0.0]
    looks = live(Metrics(), cast("Store", Counting()), around.memory.purse.document, monotonic=lambda: now[0])
    await asyncio.gather(*(looks.scrape() for _ in range(5)))
    assert Counting.looks == 1
    now[0] = 5.0
    await looks.scrape()
    assert Counting.looks == 2


# --- who may see them ---------------------------------------------------------------------------------------

Served = Callable[..., Any]


@pytest.fixture
def served(around: World) -> Served:
    def serve(gate: Gate, **door: Any) -> Any:
        metrics = Metrics()
        scrape = live(metrics, around.store, around.memory.purse.document).scrape
        watch = Watch(lambda event: None, [metrics.requests], door=MetricsDoor(scrape, gate, **door))
        return serving(around.memory, gate=gate, watch=watch)

    return serve


async def read(api: Api, **headers: str) -> Any:
    return await api.call("GET", "/metrics", headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_without_keys_programs_of_this_machine_see_them(served: Served) -> None:
    async with served(Gate()) as api:
        await api.ok("GET", "/healthz")
        answer = await read(api)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert value(samples(answer.body.decode()), "memsvc_requests_total", call="healthz", status="2xx") == 1
        (await read(api, Origin="https://elsewhere.example")).problem(403)
        (await read(api, Host="metrics.example")).problem(403)


async def test_no_key_of_a_tenant_opens_them(served: Served, around: World) -> None:
    everything = key_of("0" * 12, bytes(32))
    await around.store.add_key(
        ApiKey("0" * 12, "acme", "k", ("read", "write", "admin"), digest_of(everything), everything[-4:], 1.0)
    )
    holders = Holders(around.store, clock=around.clock, monotonic=lambda: 0.0)
    async with served(Gate({"a-key-of-the-settings": "acme"}, holders)) as api:
        for key in ("a-key-of-the-settings", everything):
            (await read(api, Authorization=f"Bearer {key}")).problem(403, code="metrics_closed")
        (await read(api)).problem(403, code="metrics_closed")
        (await read(api, Authorization="Bearer nobody-s-key")).problem(403, code="metrics_closed")


async def test_off_is_a_path_that_does_not_exist(around: World) -> None:
    async with serving(around.memory) as api:
        (await read(api)).problem(404, code="no_such_path")


async def test_a_token_opens_them_and_nothing_else(served: Served) -> None:
    async with served(Gate({"a-key-of-the-settings": "acme"}), token=TOKEN) as api:
        assert (await read(api, Authorization=f"Bearer {TOKEN}")).status == 200
        for sent in ("a-key-of-the-settings", TOKEN[:-1], ""):
            (await read(api, Authorization=f"Bearer {sent}")).problem(401)
        answer = await api.call("GET", "/v1/sessions", headers={"Authorization": f"Bearer {TOKEN}"})
        answer.problem(401)
    async with served(Gate(), token=TOKEN) as api:
        (await read(api)).problem(401)  # also on this machine, where one is set


async def test_public_is_public(served: Served) -> None:
    async with served(Gate({"a-key-of-the-settings": "acme"}), public=True) as api:
        assert (await read(api)).status == 200


async def test_a_session_is_in_no_label(served: Served, around: World) -> None:
    async with served(Gate()) as api:
        await api.ok("POST", "/v1/sessions/secret-name/messages", {"messages": [{"role": "user", "content": "secret"}]})
        await api.ok("GET", "/v1/sessions/secret-name/context")
        assert await around.store.head(Key("default", "secret-name")) is not None
        text = (await read(api)).body.decode()
    assert 'call="context"' in text
    assert "secret" not in text
