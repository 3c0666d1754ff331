"""Batches of both vendors: finished, failed in part, canceled, expired."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from memsvc.testing.provider import Provider
from tests.provider.kit import Clock, count, user

HAIKU, LUNA = "claude-haiku-5-5", "gpt-6-luna"
HOUR, DAY = 3_600, 86_400


def item(name: str, **change: Any) -> Any:
    return {
        "custom_id": name,
        "params": {"model": HAIKU, "max_tokens": 900, "messages": [user(f"item {name}")]} | change,
    }


async def outcomes(claude: anthropic.AsyncAnthropic, batch: str) -> dict[str, Any]:
    return {e.custom_id: e.result async for e in await claude.messages.batches.results(batch)}


async def upload(gpt: openai.AsyncOpenAI, *lines: Any) -> str:
    data = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)
    return (await gpt.files.create(file=("in.jsonl", data), purpose="batch")).id


def line(name: str, url: str = "/v1/chat/completions", **change: Any) -> dict[str, Any]:
    body = {"model": LUNA, "messages": [user(f"item {name}")]} | change
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


async def made(gpt: openai.AsyncOpenAI, *lines: Any, endpoint: Any = "/v1/chat/completions") -> openai.types.Batch:
    return await gpt.batches.create(input_file_id=await upload(gpt, *lines), endpoint=endpoint, completion_window="24h")


async def content(gpt: openai.AsyncOpenAI, file: str | None) -> dict[str, Any]:
    assert file is not None
    text = (await gpt.files.content(file)).text
    return {x["custom_id"]: x for x in map(json.loads, text.splitlines())}


@pytest.fixture
async def slow_batches(clock: Clock) -> AsyncIterator[Provider]:
    """Results take an hour."""
    async with Provider(clock=clock, count=count, batch_s=HOUR) as provider:
        yield provider


async def test_a_batch_that_fails_in_part(claude: anthropic.AsyncAnthropic, provider: Provider) -> None:
    items = [item("a"), item("b", temperature=0), item("c", stream=True), item("d"), item("e", max_tokens=0)]
    batch = await claude.messages.batches.create(requests=items)
    assert (batch.processing_status, batch.request_counts.processing, batch.results_url) == ("in_progress", 5, None)
    batch = await claude.messages.batches.retrieve(batch.id)
    assert batch.processing_status == "ended"
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (2, 3)
    found = await outcomes(claude, batch.id)
    assert list(found) == ["e", "d", "c", "b", "a"]  # no order is promised
    assert "item a" in found["a"].message.content[-1].text
    assert found["a"].message.usage.service_tier == "batch"
    assert found["b"].error.error.type == "invalid_request_error"
    assert "temperature" in found["b"].error.error.message
    assert len(provider.calls[0].items) == 2


async def test_behaviours_go_by_item(claude: anthropic.AsyncAnthropic, provider: Provider) -> None:
    provider.script(["overloaded", "refusal", "expired", "ok"])
    batch = await claude.messages.batches.create(requests=[item(n) for n in "abcd"])
    counts = (await claude.messages.batches.retrieve(batch.id)).request_counts
    assert (counts.succeeded, counts.errored, counts.expired) == (2, 1, 1)
    found = await outcomes(claude, batch.id)
    assert found["a"].error.error.type == "overloaded_error"
    assert found["b"].message.stop_reason == "refusal"
    assert found["c"].type == "expired"


@pytest.mark.parametrize(
    "requests",
    [[], [item("a"), item("a")], [item("not valid")], [{"custom_id": "a"}]],
    ids=["none", "same id", "bad id", "no params"],
)
async def test_a_batch_that_is_refused(claude: anthropic.AsyncAnthropic, requests: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="requests"):
        await claude.messages.batches.create(requests=requests)


async def test_a_batch_takes_its_time(claude: anthropic.AsyncAnthropic, slow_batches: Provider, clock: Clock) -> None:
    client = claude.with_options(base_url=slow_batches.anthropic_url)
    batch = await client.messages.batches.create(requests=[item("a")])
    assert (await client.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await client.messages.batches.results(batch.id)
    clock.now += HOUR
    assert (await client.messages.batches.retrieve(batch.id)).processing_status == "ended"
    assert [b.id async for b in client.messages.batches.list()] == [batch.id]
    assert (await client.messages.batches.delete(batch.id)).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve(batch.id)


async def test_a_canceled_batch(claude: anthropic.AsyncAnthropic, slow_batches: Provider) -> None:
    client = claude.with_options(base_url=slow_batches.anthropic_url)
    batch = await client.messages.batches.create(requests=[item("a"), item("b")])
    assert (await client.messages.batches.cancel(batch.id)).processing_status == "canceling"
    ended = await client.messages.batches.retrieve(batch.id)
    assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 2)
    assert {r.type for r in (await outcomes(client, batch.id)).values()} == {"canceled"}


async def test_what_is_not_done_in_a_day_expires(
    claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI, provider: Provider, clock: Clock
) -> None:
    provider.script(["ok", "slow"])
    batch = await claude.messages.batches.create(requests=[item("a"), item("b")])
    clock.now += DAY - 1
    assert (await claude.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
    clock.now += 1
    counts = (await claude.messages.batches.retrieve(batch.id)).request_counts
    assert (counts.succeeded, counts.expired) == (1, 1)
    provider.script(["ok", "slow"])
    ours = await made(gpt, line("a"), line("b"))
    clock.now += DAY
    ended = await gpt.batches.retrieve(ours.id)
    assert (ended.status, ended.request_counts and ended.request_counts.failed) == ("expired", 1)
    assert (await content(gpt, ended.error_file_id))["b"]["error"]["code"] == "batch_expired"
    assert "a" in await content(gpt, ended.output_file_id)


async def test_a_batch_of_chat_completions(gpt: openai.AsyncOpenAI, provider: Provider) -> None:
    provider.script(["ok", "overloaded", "ok"])
    batch = await made(gpt, line("a"), line("b"), line("c", max_tokens=5))
    assert batch.status == "validating"
    batch = await gpt.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 2)
    good, bad = await content(gpt, batch.output_file_id), await content(gpt, batch.error_file_id)
    assert "item a" in good["a"]["response"]["body"]["choices"][0]["message"]["content"]
    assert (bad["b"]["response"]["status_code"], bad["b"]["error"]) == (503, None)
    assert bad["c"]["response"]["status_code"] == 400
    assert "max_tokens" in bad["c"]["response"]["body"]["error"]["message"]
    assert batch.usage is not None
    assert batch.usage.input_tokens == 4
    assert [b.id async for b in gpt.batches.list()] == [batch.id]


async def test_a_batch_of_responses(gpt: openai.AsyncOpenAI) -> None:
    entry = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": LUNA, "input": "hello"}}
    batch = await gpt.batches.retrieve((await made(gpt, entry, endpoint="/v1/responses")).id)
    body = (await content(gpt, batch.output_file_id))["a"]["response"]["body"]
    assert "hello" in body["output"][0]["content"][0]["text"]
    assert batch.error_file_id is None


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([b"{"], "invalid_json_line"),
        ([line("a"), line("a")], "duplicate_custom_id"),
        ([line("a", "/v1/responses")], "invalid_url"),
        ([{"custom_id": "a", "url": "/v1/chat/completions"}], "missing_required_parameter"),
        ([], "empty_file"),
    ],
)
async def test_a_file_that_makes_the_batch_fail(gpt: openai.AsyncOpenAI, lines: list[Any], code: str) -> None:
    batch = await gpt.batches.retrieve((await made(gpt, *lines)).id)
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert batch.errors.data[0].code == code
    assert batch.output_file_id is None


async def test_batches_that_are_not_made(gpt: openai.AsyncOpenAI) -> None:
    file = await upload(gpt, line("a"))
    good: dict[str, Any] = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    for change in ({"input_file_id": "file-9"}, {"endpoint": "/v1/embeddings"}, {"completion_window": "1h"}):
        with pytest.raises(openai.BadRequestError) as refused:
            await gpt.batches.create(**(good | change))
        assert refused.value.param == next(iter(change))


async def test_a_canceled_openai_batch(gpt: openai.AsyncOpenAI, provider: Provider) -> None:
    provider.script(["ok", "slow"])
    batch = await made(gpt, line("a"), line("b"))
    assert (await gpt.batches.cancel(batch.id)).status == "cancelling"
    ended = await gpt.batches.retrieve(batch.id)
    assert ended.status == "cancelled"
    assert list(await content(gpt, ended.output_file_id)) == ["a"]
    assert (await content(gpt, ended.error_file_id))["b"]["error"]["code"] == "batch_cancelled"


async def test_files(gpt: openai.AsyncOpenAI, provider: Provider) -> None:
    name = await upload(gpt, line("a"))
    about = await gpt.files.retrieve(name)
    assert (about.filename, about.purpose) == ("in.jsonl", "batch")
    assert [f.id async for f in gpt.files.list()] == [name]
    assert (await gpt.files.delete(name)).deleted
    with pytest.raises(openai.NotFoundError):
        await gpt.files.content(name)
    async with httpx2.AsyncClient(base_url=provider.openai_url, headers={"x-api-key": "k"}) as http:
        assert (await http.post("/files", files={"other": b"x"})).status_code == 400


async def test_closing_stops_what_waits(claude: anthropic.AsyncAnthropic, provider: Provider) -> None:
    provider.script(["slow"])
    waiting = asyncio.create_task(claude.messages.create(model=HAIKU, max_tokens=900, messages=[user("hi")]))
    batch = await claude.messages.batches.create(requests=[item("a")])
    assert (await claude.messages.batches.retrieve(batch.id)).processing_status == "in_progress"
    await provider.until(lambda calls: any(c.behaviour for c in calls))
    await provider.close()
    assert (await waiting).stop_reason == "end_turn"
