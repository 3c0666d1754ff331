"""The gateway before providers that do what the stand-in does not, and what of a request reaches them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from memsvc.errors import NotFound
from memsvc.gateway.upstream import Upstream
from tests.edges.through import GPT, MODEL, Json, Through, text_of, through
from tests.edges.upstreams import Handler, answering, begin, events, message

ASKED: Json = {"model": MODEL, "max_tokens": 60_000, "messages": [{"role": "user", "content": "x"}]}
OURS = "service-key-of-acme-0001"


def echo(seen: list[web.Request], headers: Mapping[str, str] | None = None, **more: Any) -> Handler:
    """A provider that keeps what it was asked."""

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(message(**more), headers=headers)

    return handler


# --- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"authorization": f"Bearer {OURS}"}, 401),
        ({"authorization": f"Bearer {OURS}", "x-memsvc-key": ""}, 401),
        ({"authorization": f"Bearer {OURS}", "x-memsvc-key": OURS}, 401),
        ({"authorization": "Bearer theirs", "x-api-key": OURS, "x-memsvc-key": OURS}, 200),
        ({"authorization": f"Basic {OURS}", "x-api-key": "theirs", "x-memsvc-key": OURS}, 200),
    ],
)
async def test_the_key_for_this_service_goes_no_further(sent: dict[str, str], status: int) -> None:
    seen: list[web.Request] = []
    async with (
        answering(echo(seen)) as url,
        through(upstream=url, vault_key=os.urandom(32), keys={OURS: "acme"}) as t,
    ):
        sent["anthropic-version"] = "2026-10-21"
        answer = await t.api.call("POST", "/v1/messages", ASKED, headers=sent)
        assert answer.status == status
        assert len(seen) == (status == 200)
        assert OURS not in str([request.headers for request in seen])


async def test_what_is_of_one_connection_or_one_place_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login operator password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[web.Request] = []
    told = {"Strict-Transport-Security": "max-age=9", "Alt-Svc": "h3", "Access-Control-Allow-Origin": "*"}
    async with answering(echo(seen, {**told, "request-id": "r1"})) as url, through(upstream=url) as t:
        sent = {"x-api-key": "k", "anthropic-version": "2023-06-01", "x-hop": "1", "connection": "keep-alive, x-hop"}
        answer = await t.api.call("POST", "/v1/messages?beta=true", ASKED, headers=sent)
        assert answer.headers["request-id"] == "r1"
        assert not told.keys() & answer.headers.keys()
    (request,) = seen
    assert request.headers["x-api-key"] == "k"
    assert "Authorization" not in request.headers, "~/.netrc is for other programs"
    assert "x-hop" not in request.headers
    assert request.query_string == "beta=true"


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[web.Request] = []
    async with answering(echo(seen)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "")
        async with through(upstream="http://provider.example") as t:
            assert (await t.post("/v1/messages", ASKED)).status == 200
    assert seen[0].headers["Host"] == "provider.example"


async def test_ways_that_lead_elsewhere() -> None:
    seen: list[web.Request] = []
    async with answering(echo(seen)) as url, through(upstream=url) as t:
        loop = {"authorization": "Bearer k", "via": "1.1 memsvc, 1.1 edge"}
        assert (await t.api.call("GET", "/v1/models", headers=loop)).status == 400
        assert (await t.api.call("POST", "/v1/messages", ASKED, headers=loop)).status == 400
        climbing = await t.api.call("GET", "/v1/models/..%2f..%2ffiles", headers={"authorization": "Bearer k"})
        assert climbing.status == 400
    assert seen == []
    deployed = Upstream("openai", "http://h/openai/deployments/{model}?api-version=1", "openai")
    assert deployed.address("/c", "gpt-6-luna", "a=b") == "http://h/openai/deployments/gpt-6-luna/c?api-version=1&a=b"
    for name in ("..", ".", "a/b", "a?b", "模型", "a\n"):
        with pytest.raises(Exception, match="cannot stand"):
            deployed.address("/c", name)


async def test_counting_goes_to_the_vendor_of_the_path() -> None:
    async with through() as t:
        body = {"model": MODEL, "messages": ASKED["messages"]}
        await t.api.call("POST", "/v1/messages/count_tokens", body, headers={"authorization": "Bearer k"})
        assert t.provider.calls[0].path == "/v1/messages/count_tokens"


async def test_a_redirect_is_not_followed_and_costs_nothing() -> None:
    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "http://elsewhere.invalid/"})

    async with answering(moved) as url, through(upstream=url) as t:
        answer = await t.post("/v1/messages", ASKED)
        assert answer.status == 308
        assert "Location" not in answer.headers, "an SDK would follow, with its key for this service"
        assert "x-memsvc-cost-usd" not in answer.headers
        assert await t.spent() == []


@pytest.mark.parametrize(
    ("provider", "named"), [("openai", True), ("azure", True), ("mistral", False), ("local", False)]
)
async def test_members_that_only_openai_knows_go_to_openai_alone(provider: str, named: bool) -> None:
    bodies: list[Json] = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        said = {"role": "assistant", "content": f"answer {len(bodies)}"}
        return web.json_response({"id": f"c{len(bodies)}", "model": GPT, "choices": [{"index": 0, "message": said}]})

    async with answering(handler) as url, through(upstream=url, caps={"chat": 77}) as t:
        ways = t.gateway._ways
        t.gateway._ways = replace(ways, openai=replace(ways.openai, provider=provider, own=provider == "local"))
        for said in (["a"], ["a", "b"], ["a", "c"]):
            messages = [{"role": "user", "content": one} for one in said]
            assert (await t.post("/v1/chat/completions", {"model": GPT, "messages": messages})).status == 200
    assert [("prompt_cache_key" in body, "max_completion_tokens" in body) for body in bodies] == [(named, named)] * 3


async def test_a_body_that_is_too_long_is_not_asked_for() -> None:
    async with through() as t:
        reader, writer = await asyncio.open_connection("127.0.0.1", t.api.port)
        asked = ("POST /v1/messages HTTP/1.1", "Host: localhost", "Expect: 100-continue", "Content-Length: 99999999")
        writer.write("".join(f"{line}\r\n" for line in (*asked, "")).encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


@pytest.mark.parametrize(
    "member",
    [
        rb'"tools":[{"name":"%b","input_schema":{"type":"object"}}]' % b"\xff",
        rb'"system":"%b"' % b"\xff",
        rb'"metadata":{"user_id":"\ud800"}',
        rb'"metadata":{"x":1e999}',
        rb'"max_tokens":1e999',
        b'"tools":[{"name":"a","input_schema":{"x":' + b"[" * 400 + b"]" * 400 + b"}}]",
        b'"stream_options":' + b"[" * 5_000 + b"]" * 5_000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_what_no_reader_takes_is_refused_and_costs_nothing(path: str, member: bytes) -> None:
    seen: list[web.Request] = []
    async with answering(echo(seen)) as url, through(upstream=url) as t:
        body = b'{"model":"claude-opus-4-8",%b,"messages":[{"role":"user","content":"x"}]}' % member
        headers = {"x-memsvc-session": "s", "authorization": "Bearer k"}
        answer = await t.api.call("POST", path, raw=body, headers=headers)
        assert answer.status == 400, answer.body
        assert seen == []
        assert await t.spent() == []


# --- money --------------------------------------------------------------------------------------


async def test_a_model_of_another_name_is_booked_at_what_was_asked_for() -> None:
    async with answering(echo([], model="claude-sonnet-5-5-of-ours")) as url, through(upstream=url) as t:
        answer = await t.post("/v1/messages", ASKED)
        assert float(answer.headers["x-memsvc-cost-usd"]) == pytest.approx(0.00007)
        (row,) = await t.spent()
        assert (row["model"], row["unpriced_calls"], row["held_calls"]) == (MODEL, 0, 0)
        assert row["cost_usd"] == pytest.approx(0.00007)


async def test_every_choice_is_held() -> None:
    async with through() as t:
        await t.api.ok("PUT", "/v1/budgets", {"budgets": [{"period": "day", "limit_usd": 0.1}]})
        body = {"model": GPT, "max_completion_tokens": 50_000, "messages": ASKED["messages"]}
        assert (await t.post("/v1/chat/completions", body)).status == 200
        assert (await t.post("/v1/chat/completions", {**body, "n": 8})).status == 402


@pytest.mark.parametrize(("limit", "least", "most"), [(60_000, 1_400, 60_000), (500, 500, 500)])
async def test_what_was_thought_and_not_shown_is_booked_at_its_most(limit: int, least: int, most: int) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = await begin(request)
        for each in events(block={"type": "thinking", "thinking": "", "signature": ""})[:2]:
            await response.write(each)
        await asyncio.sleep(0.4)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with answering(cut) as url, through(upstream=url) as t:
        with pytest.raises(aiohttp.ClientError):
            await t.post("/v1/messages", {**ASKED, "stream": True, "max_tokens": limit})
        (row,) = await t.spent()
        assert least <= row["tokens"]["output"] <= most


async def test_a_repair_that_fails_leaves_nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: Any) -> None:
        raise NotFound("it was deleted meanwhile")

    async with through() as t:
        monkeypatch.setattr(t.gateway._conversations, "again", gone)
        t.provider.script(["overflow"])
        assert (await t.post("/v1/messages", ASKED)).status == 404
        assert await t.spent() == []


async def test_options_that_are_none_are_refused() -> None:
    async with through() as t:
        for wrong in ("x", 5, [], True):
            body = {"model": GPT, "stream": True, "stream_options": wrong, "messages": ASKED["messages"]}
            answer = await t.post("/v1/chat/completions", body)
            assert (answer.status, answer.json["error"]["param"]) == (400, "stream_options")
        assert await t.spent() == []


# --- streams ------------------------------------------------------------------------------------


async def test_a_reply_is_stored_before_its_end_is_out_however_that_is_cut() -> None:
    over = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = await begin(request)
        stream = b"".join(events("hello"))
        end = stream.rindex(b"event: message_stop")
        for begun, ended in ((0, end + 14), (end + 14, len(stream) - 6), (len(stream) - 6, len(stream))):
            await response.write(stream[begun:ended])
            await asyncio.sleep(0.02)
        await over.wait()  # the connection stays open for a while
        return response

    async with answering(slowly) as url, through(upstream=url) as t, _post(t, {**ASKED, "stream": True}) as reply:
        await reply.content.readuntil(b'"message_stop"}\n\n')
        assert [m["role"] for m in await t.said()] == ["user", "assistant"]
        over.set()


@pytest.mark.parametrize("history", ["auto", "new"])
async def test_a_second_attempt_after_a_break_is_no_second_message(history: str) -> None:
    times = iter(range(9))

    async def breaking(request: web.Request) -> web.StreamResponse:
        response, time = await begin(request), next(times)
        for each in events(f"answer {time}")[: 3 if time == 1 else 9]:
            await response.write(each)
        if time == 1:
            await asyncio.sleep(0.05)
            assert request.transport is not None
            request.transport.abort()
        return response

    async with answering(breaking) as url, through(upstream=url) as t:
        for said in ("one", "two", "two"):
            body = {**ASKED, "stream": True, "messages": [{"role": "user", "content": said}]}
            with contextlib.suppress(aiohttp.ClientError):
                await t.post("/v1/messages", body, x_memsvc_history=history)
        assert [text_of(m) for m in await t.said()] == ["one", "answer 0", "two", "answer 2"]


async def test_usage_that_follows_words_like_the_end_is_booked() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        response = await begin(request)
        base = {"id": "c1", "model": GPT, "object": "chat.completion.chunk"}
        said = {**base, "choices": [{"index": 0, "delta": {"content": "[DONE]"}, "finish_reason": "stop"}]}
        used = {**base, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}
        for data in (json.dumps(said), json.dumps(used), "[DONE]"):
            await response.write(f"data: {data}\n\n".encode())
            await asyncio.sleep(0.02)
        return response

    async with answering(chat) as url, through(upstream=url) as t:
        body = {"model": GPT, "stream": True, "messages": ASKED["messages"]}
        assert (await t.post("/v1/chat/completions", body)).status == 200
        (row,) = await t.spent()
        assert (row["tokens"]["output"], row["held_calls"]) == (6, 0)


async def test_a_client_that_reads_nothing_and_leaves() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = await begin(request)
        first, block, delta, *_ = events("x" * 100_000)
        await response.write(first + block)
        for _ in range(2_000):
            await response.write(delta)
        return response

    failures: list[Any] = []
    async with answering(flood) as url, through(upstream=url, sink=failures.append) as t:
        async with _post(t, {**ASKED, "stream": True}) as reply:
            await reply.content.readany()
            await asyncio.sleep(0.5)
            reply.close()
        async with asyncio.timeout(10):
            while len(await t.said()) < 2:  # noqa: ASYNC110 nothing tells when
                await asyncio.sleep(0.05)
        size = len(str((await t.said())[1]))
        assert 100_000 < size < 100_000_000, "the provider is not read faster than the client"
        assert failures == [], "a client that leaves is no failure"


def _post(t: Through, body: Json) -> Any:
    headers = {"x-memsvc-session": "s", "authorization": "Bearer k", "anthropic-version": "2026-10-21"}
    return t.api.client.post(f"{t.api.url}/v1/messages", json=body, headers=headers)
