"""Streams through the gateway that either side breaks off, at every place; providers that stall or talk nonsense."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from memsvc.core.vendor_calls import Api
from memsvc.gateway.relay import ProviderLeft, Watch
from tests.edges.through import MODEL, Json, Through, text_of, through
from tests.faults.playback import Playback

PATHS: dict[Api, str] = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
BODIES: dict[Api, Json] = {
    "messages": {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}], "stream": True},
    "chat": {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "hello"}], "stream": True},
    "responses": {"model": "gpt-6-luna", "input": "hello", "stream": True},
}
STRIDE = 23
"""Of the places at which a stream is cut every so many-th is tried; a prime, so that each kind of place comes up."""


def _sse(*events: Json | str, named: bool = False) -> bytes:
    lines = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
        lines.append(f"{name}data: {data}\n\n")
    return "".join(lines).encode()


def _messages() -> bytes:
    usage = {"input_tokens": 9, "output_tokens": 1}
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "usage": usage}
    block: Any = {"type": "text", "text": ""}
    call: Any = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}}
    return _sse(
        {"type": "message_start", "message": {**start, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hällo "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "wörld"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": call},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"n"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 12}},
        {"type": "message_stop"},
        named=True,
    )


def _chat() -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna", "usage": None}

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return _sse(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hällo "}),
        chunk({"content": "wörld"}),
        chunk({}, "stop"),
        {**head, "choices": [], "usage": usage},
        "[DONE]",
    )


def _responses() -> bytes:
    item: Any = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part: Any = {"type": "output_text", "text": "", "annotations": []}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    done = {**item, "status": "completed", "content": [{**part, "text": "Hällo wörld"}]}
    usage = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    reply = {"id": "resp_1", "object": "response", "model": "gpt-6-luna", "status": "in_progress", "output": []}
    return _sse(
        {"type": "response.created", "response": reply},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **where, "part": part},
        {"type": "response.output_text.delta", **where, "delta": "Hällo "},
        {"type": "response.output_text.delta", **where, "delta": "wörld"},
        {"type": "response.output_text.done", **where, "text": "Hällo wörld"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {**reply, "status": "completed", "output": [done], "usage": usage}},
        named=True,
    )


STREAMS: dict[Api, bytes] = {"messages": _messages(), "chat": _chat(), "responses": _responses()}


async def _stream(t: Through, api: Api, session: str, *, most: int | None = None) -> tuple[bytes, bool]:
    """The bytes that a client gets, and whether the stream ended as it should; with `most` it hangs up."""
    got = bytearray()
    headers = {"x-memsvc-session": session, "authorization": "Bearer any", "anthropic-version": "2026-10-21"}
    try:
        async with t.api.client.post(t.api.url + PATHS[api], json=BODIES[api], headers=headers) as reply:
            assert reply.status == 200, await reply.read()
            while chunk := await reply.content.read(1 if most is not None else 65_536):
                got += chunk
                if most is not None and len(got) >= most:
                    reply.close()
                    return bytes(got), False
    except (aiohttp.ClientError, ConnectionError):
        return bytes(got), False
    return bytes(got), True


@pytest.mark.parametrize("api", PATHS)
async def test_an_upstream_that_breaks_off_anywhere(api: Api) -> None:
    body = STREAMS[api]
    async with Playback(body) as upstream, through(upstream=upstream.url) as t:
        for cut in [*range(1, len(body), STRIDE), len(body)]:
            upstream.cut = cut
            session = f"s{cut}"
            got, ended = await _stream(t, api, session)
            assert not ended, "the client's connection breaks as the provider's did"
            if api != "chat":
                assert body.startswith(got)
            said = await t.said(session)
            assert said[0].get("role") == "user"
            assert len(said) <= 3
            whole = text_of(said[1]) if len(said) > 1 else ""
            assert "Hällo wörld".startswith(whole.strip() or "H"), said
            if len(said) > 1 and cut < len(body) * 0.6:
                assert "incomplete" in json.dumps(said[1])
            assert (await t.api.ok("GET", f"/v1/sessions/{session}/context"))["messages"]


@pytest.mark.parametrize("api", PATHS)
async def test_a_client_that_hangs_up_anywhere(api: Api) -> None:
    body = STREAMS[api]
    async with Playback(body) as upstream, through(upstream=upstream.url) as t:
        places = range(1, len(body), STRIDE * 3)
        for most in places:
            await _stream(t, api, f"s{most}", most=most)
        upstream.go.set()
        for most in places:
            rows = await _until_stored(t, f"s{most}")
            assert text_of(rows[1]).startswith("H")


async def _until_stored(t: Through, session: str) -> list[Json]:
    """The session's messages once its reply is there."""
    while True:
        said = await t.said(session)
        if len(said) > 1:
            return said
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("api", PATHS)
async def test_a_client_that_leaves_a_stalled_stream_frees_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memsvc.gateway.relay.LOOK_S", 0.02)
    body = STREAMS[api]
    async with Playback(body, stall=len(body) * 2 // 3) as upstream, through(upstream=upstream.url) as t:
        await _stream(t, api, "s", most=len(body) // 3)
        said = await _until_stored(t, "s")
        assert text_of(said[1]).startswith("Hällo")


async def test_a_provider_that_falls_silent_is_given_up() -> None:
    body = STREAMS["messages"]
    async with Playback(body, stall=len(body) // 2) as upstream, through(upstream=upstream.url, idle_s=0.1) as t:
        _, ended = await _stream(t, "messages", "s")
        assert not ended
        assert text_of((await t.said())[1]).startswith("Hällo")


class _Quiet:
    """A request and a reply of which nothing moves, until the reply is closed."""

    def __init__(self) -> None:
        self.transport, self.content, self.connection = self, self, None
        self.total_bytes = 0
        self.closed = asyncio.Event()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.closed.set()

    async def readany(self) -> bytes:
        await self.closed.wait()
        raise aiohttp.ClientConnectionError("closed")


async def test_a_provider_is_not_silent_while_its_slow_client_is_waited_for() -> None:
    quiet: Any = _Quiet()
    watch = Watch(quiet, quiet, 600.0)
    for _ in range(1000):  # half an hour
        watch._look()
    assert not quiet.closed.is_set()
    waits = asyncio.create_task(watch.chunk())
    await asyncio.sleep(0)
    for _ in range(300):
        watch._look()
    with pytest.raises(ProviderLeft):
        await waits
    watch.end()


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("garbage", [b"data: {\n\n", b"\xff\xfe\x00", b"data: null\n\ndata: 5\n\n", b":" * 70_000, b""])
async def test_nonsense_is_passed_on_and_harms_nobody(api: Api, garbage: bytes) -> None:
    async with Playback(garbage) as upstream, through(upstream=upstream.url) as t:
        got, ended = await _stream(t, api, "s")
        assert ended
        assert got == garbage
        assert len(await t.said()) == 1
        upstream.body = STREAMS[api]
        await _stream(t, api, "s")
        assert len(await t.said()) >= 2


@pytest.mark.parametrize("api", PATHS)
async def test_a_stream_arrives_byte_for_byte_and_is_stored_before_its_end(api: Api) -> None:
    body = STREAMS[api]
    async with Playback(body) as upstream, through(upstream=upstream.url) as t:
        got, ended = await _stream(t, api, "s")
        assert ended
        if api == "chat":
            assert b'"usage"' not in got
            assert got.endswith(b"data: [DONE]\n\n")
        else:
            assert got == body
        assert text_of((await t.said())[1]) == "Hällo wörld"
        rows = await t.spent()
        assert sum(row["held_calls"] for row in rows) == 0
