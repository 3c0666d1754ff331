"""A program of the vendors' SDKs sees the same from a gateway as from the provider itself.

The gateway here is the least one: it passes everything on, asks for the usage of streams of Chat Completions that did
not ask, takes it out again, and listens. Any other that has a URL can stand in its place: what differs for it are
headers (`At.headers`) and, where it marks what is to be cached, counts of usage (`normal(..., usage=False)`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from memsvc.core.stream import Heard, WithoutUsage, tap, whole
from memsvc.testing.provider import Provider
from tests.edges.gateway_programs import PROGRAMS, At, behave, first_difference, normal

NOW = 1_800_000_000.0
APIS: Any = {"/v1/messages": "messages", "/v1/chat/completions": "chat", "/v1/responses": "responses"}
PASSED_ON = {"content-type", "request-id", "x-request-id", "retry-after", "cache-control"}


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A fresh one: the same programs get the same replies."""
    made = Provider(clock=lambda: NOW, count=lambda text: max(1, len(text) // 4), salt="parity")
    made.behave(behave)
    async with made:
        yield made


class LeastGateway:
    """Passes on and listens."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.heard: list[Heard] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        api = APIS.get(request.path)
        streamed = body.get("stream") is True
        unasked = api == "chat" and streamed and not (body.get("stream_options") or {}).get("include_usage")
        if unasked:
            raw = json.dumps({**body, "stream_options": {"include_usage": True}}).encode()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.post(self._url + request.path, data=raw, headers=headers) as reply,
        ):
            kept = {k: v for k, v in reply.headers.items() if k.lower() in PASSED_ON}
            if not (streamed and reply.status == 200):
                whole_body = await reply.read()
                if api is not None:
                    self.heard.append(whole(api, whole_body))
                return web.Response(status=reply.status, body=whole_body, headers=kept)
            response = web.StreamResponse(headers=kept)
            await response.prepare(request)
            await self._pass(reply.content, response, api, WithoutUsage() if unasked else None)
            return response

    async def _pass(self, content: Any, response: web.StreamResponse, api: Any, without: WithoutUsage | None) -> None:
        listener = tap(api)
        async for chunk in content.iter_any():
            listener.feed(chunk)
            if out := without.feed(chunk) if without else chunk:
                await response.write(out)
        if without:
            await response.write(without.rest())
        self.heard.append(listener.heard())


@asynccontextmanager
async def gateway(url: str) -> AsyncIterator[tuple[At, LeastGateway]]:
    least = LeastGateway(url)
    app = web.Application()
    app.router.add_route("POST", "/{path:.*}", least.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield At(f"http://127.0.0.1:{runner.addresses[0][1]}"), least
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_sees_the_same(name: str) -> None:
    async with provider() as one, provider() as other, gateway(other.url) as (at, least):
        direct = await PROGRAMS[name](At(one.url))
        through = await PROGRAMS[name](at)
        assert len(direct) >= 1
        assert first_difference(normal(direct), normal(through)) is None
        assert [c.status for c in one.calls] == [c.status for c in other.calls]
        calls = [c for c in other.calls if c.path in APIS and c.usage is not None]
    if "broken" not in name and "cut" not in name:
        assert [h.complete for h in least.heard if h.id] == [True] * len(calls)


async def test_a_provider_like_it_says_the_same_with_the_same_ids() -> None:
    async with provider() as one, provider() as other:
        for name in ("messages_thinking_stream", "chat_raw_streams", "responses_tools"):
            assert await PROGRAMS[name](At(one.url)) == await PROGRAMS[name](At(other.url))


SEEN: list[Any] = [{"id": "a", "usage": {"n": 1}, "text": "x"}, {"item_id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda s: [*s, {}], "seen[3]: 'nothing' is not {}"),
        (lambda s: s[:-1], "seen[2]: {'id': '#1'} is not 'nothing'"),
        (lambda s: [{**s[0], "text": "y"}, *s[1:]], "seen[0].text: 'x' is not 'y'"),
        (lambda s: [{**s[0], "more": None}, *s[1:]], "seen[0].more: 'nothing' is not None"),
        (lambda s: [s[0], {"item_id": "c"}, s[2]], "seen[1].item_id: '#0' is not '#1'"),
        (lambda s: [{**s[0], "usage": {"n": 2}}, *s[1:]], "seen[0].usage.n: 1 is not 2"),
        (lambda s: [{**s[0], "id": "z"}, {"item_id": "z"}, s[2]], None),
    ],
)
def test_differences_are_found(change: Callable[[Any], Any], where: str | None) -> None:
    assert first_difference(normal(SEEN), normal(change(SEEN))) == where


def test_counts_may_be_left_out_of_the_comparison() -> None:
    other = [{**SEEN[0], "usage": {"n": 2}}, *SEEN[1:]]
    assert first_difference(normal(SEEN, usage=False), normal(other, usage=False)) is None
