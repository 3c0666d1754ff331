"""The HTTP face itself: credentials, caching headers, limits, routing, and what it says of failures."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from typing import Any, cast

import pytest

from memsvc.core.model import Key
from memsvc.errors import InvalidRequest, MemsvcError, RateLimited, SummarizerError, Unavailable
from memsvc.observe import RequestFailed
from memsvc.server import create_app
from memsvc.server.gate import Gate
from memsvc.service import Memory
from memsvc.service.requests import ContextRequest
from memsvc.wire import CALLS
from tests.edges.api import MAX_BODY, Api, serving

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}
PUBLIC = ["/healthz", "/readyz", "/openapi.json"]


class Failing:
    """A service that fails in a given way, whatever is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def context(self, key: Key, request: ContextRequest) -> None:
        """The call the tests use."""
        raise self.error

    async def ready(self) -> None:
        """The other one."""
        raise self.error


# --- contexts and their names ----------------------------------------------------


async def test_etags(api: Api) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    first = await api.call("GET", f"{S}/context")
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for seen in (etag, f"W/{etag}", f'"other", {etag}', f'"other",W/{etag}', "*"):
        same = await api.call("GET", f"{S}/context", headers={"If-None-Match": seen})
        assert (same.status, same.body) == (304, b"")
        assert same.headers["ETag"] == etag
        assert "Content-Type" not in same.headers
    for seen in ('"other"', "", etag.strip('"')):
        assert (await api.call("GET", f"{S}/context", headers={"If-None-Match": seen})).body == first.body
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    changed = await api.call("GET", f"{S}/context", headers={"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("query", ["context=openai", "context=anthropic&marks=none", "context=openai&max_tokens=999"])
async def test_append_brings_the_context_along(api: Api, query: str) -> None:
    both = await api.call("POST", f"{S}/messages?{query}", {"messages": [HI]})
    alone = await api.call("GET", f"{S}/context?{query.replace('context', 'format')}")
    assert both.json["seqs"] == [1]
    assert both.body.endswith(b',"context":' + alone.body + b"}")


async def test_an_append_whose_context_fails_says_that_it_is_stored(api: Api) -> None:
    answer = await api.call("POST", f"{S}/messages?context=openai&max_tokens=1", {"messages": [HI]})
    assert answer.problem(422, code="cannot_fit")["appended"]["seqs"] == [1]
    assert [m["seq"] for m in await api.messages()] == [1]


# --- bodies ------------------------------------------------------------------------


async def test_the_content_type_does_not_matter(api: Api) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"):
        body = json.dumps({"messages": [HI]}).encode()
        await api.ok("POST", f"{S}/messages", raw=body, headers={"Content-Type": kind})
    assert len(await api.messages()) == 4


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "nonsense", "gzip, gzip"])
async def test_compressed_bodies_are_refused_unopened(api: Api, encoding: str) -> None:
    """Some kilobytes that would be many megabytes."""
    bomb = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(20_000_000), 9)[: MAX_BODY - 1]
    answer = await api.call("POST", f"{S}/messages", raw=bomb, headers={"Content-Encoding": encoding})
    answer.problem(415, "Content-Encoding", "unsupported_media")
    (await api.call("GET", S)).problem(404)


async def test_no_encoding_is_fine(api: Api) -> None:
    raw = json.dumps({"messages": [HI]}).encode()
    await api.ok("POST", f"{S}/messages", raw=raw, headers={"Content-Encoding": "identity"})


async def test_a_body_of_just_the_limit(api: Api) -> None:
    frame = len(json.dumps({"messages": [{**HI, "content": ""}]}))
    body = {"messages": [{**HI, "content": "x" * (MAX_BODY - frame)}]}
    assert len(json.dumps(body)) == MAX_BODY
    await api.ok("POST", f"{S}/messages", body)


async def raw_exchange(port: int, *parts: bytes) -> bytes:
    """Send bytes, then read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def head(path: str, *headers: str) -> bytes:
    """The head of a POST."""
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


async def test_a_client_that_sends_everything_before_it_reads_gets_the_413(api: Api) -> None:
    size = 20 * MAX_BODY
    sent = await raw_exchange(api.port, head(f"{S}/messages", f"Content-Length: {size}"), b"x" * size)
    assert sent.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in sent


async def test_expect_continue_is_refused_before_the_body(api: Api) -> None:
    size = 20 * MAX_BODY
    ask = "Expect: 100-continue"
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head(f"{S}/messages", f"Content-Length: {size}", ask))
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    body = json.dumps({"messages": [HI]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head(f"{S}/messages", f"Content-Length: {len(body)}", ask, "Connection: close"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_a_body_that_does_not_arrive(memory: Memory) -> None:
    async with serving(memory, body_timeout_s=0.05) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(head(f"{S}/messages", "Content-Length: 100") + b'{"messages": [')
        answer = await reader.readuntil(b"}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer
        assert b'"retryable":true' in answer
        (await api.call("GET", S)).problem(404)


async def test_a_broken_off_or_badly_framed_body_stores_nothing(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head(f"{S}/messages", "Content-Length: 100") + b'{"messages": [{"role": "user", "content": "x"}]}')
    writer.write_eof()
    await reader.read()
    writer.close()
    chunked = head(f"{S}/messages", "Transfer-Encoding: chunked", "Connection: close")
    assert b" 400 " in await raw_exchange(api.port, chunked, b"zz\r\n{}\r\n")
    (await api.call("GET", S)).problem(404)


# --- names, routes, methods ------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a/b", "a%2Fb", "%", "..", ".", "a b", "{x}", "?#&;+=", "聊天/1", "🧠" * 200, "a\u2028b"]
)
async def test_any_other_text_names_a_session(api: Api, name: str) -> None:
    path = "".join(f"%{byte:02X}" for byte in name.encode())
    other = "".join(f"%{byte:02x}" for byte in name.encode())
    await api.ok("POST", f"/v1/sessions/{path}/messages", {"messages": [HI]})
    assert (await api.ok("GET", f"/v1/sessions/{other}"))["session"] == name
    assert [s["session"] for s in (await api.ok("GET", "/v1/sessions"))["sessions"]] == [name]
    await api.ok("DELETE", f"/v1/sessions/{path}")


@pytest.mark.parametrize(
    "path", ["/ui/nothing", "/v1", "/v1/sessions/s/nothing", "/v1/sessions/a/b/context", "/healthz/", "/%FF"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_unknown_paths(api: Api, method: str, path: str) -> None:
    assert "/openapi.json" in (await api.call(method, path)).problem(404, code="no_such_path")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", S, "DELETE, GET, HEAD, PUT"),
        ("POST", f"{S}/context", "GET, HEAD"),
        ("GET", f"{S}/messages", "POST"),
        ("OPTIONS", f"{S}/messages", "POST"),
        ("GET", f"{S}/pins/1", "DELETE, PUT"),
        ("PATCH", "/v1/sessions", "DELETE, GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
    ],
)
async def test_unknown_methods(api: Api, method: str, path: str, allow: str) -> None:
    answer = await api.call(method, path)
    answer.problem(405, code="method_not_allowed")
    assert answer.headers["Allow"] == allow


async def test_head_is_get_without_the_body(api: Api) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    for path in (S, f"{S}/context", "/v1/sessions", *PUBLIC):
        get, head = await api.call("GET", path), await api.call("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(get.body))
    assert (await api.call("HEAD", "/v1/sessions/nobody")).status == 404


# --- what every answer has, and what failures say ----------------------------------


@pytest.mark.parametrize("path", [S, "/healthz", "/nowhere"])
async def test_request_ids(api: Api, path: str) -> None:
    mine = await api.call("GET", path, headers={"x-request-id": "trace-1:2.3"})
    assert mine.headers["x-request-id"] == "trace-1:2.3"
    for bad in ("", "a b", "x" * 101, '"<script>'):
        given = (await api.call("GET", path, headers={"x-request-id": bad})).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", given)
    assert mine.headers["Server"] == "memsvc"


async def test_a_bug_is_reported_without_what_it_says() -> None:
    events: list[Any] = []
    async with serving(Failing(ValueError("the customer's words")), sink=events.append) as api:
        answer = await api.call("GET", f"{S}/context", headers={"x-request-id": "r1"})
    problem = answer.problem(500, code="internal")
    assert "words" not in answer.body.decode()
    assert not problem["retryable"]
    (event,) = events
    assert isinstance(event, RequestFailed)
    assert (event.request_id, event.call, event.status, event.error) == ("r1", "context", 500, "ValueError")
    assert any("test_http.py" in place for place in event.where)
    assert "words" not in repr(event)


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (Unavailable("The store is away.", retry_after=2.2), 503, "3"),
        (Unavailable("The store is away."), 503, "1"),
        (SummarizerError("It failed."), 503, "1"),
        (RateLimited("Slow down.", retry_after=30), 429, "30"),
    ],
)
async def test_retry_after(error: MemsvcError, status: int, after: str) -> None:
    events: list[Any] = []
    async with serving(Failing(error), sink=events.append) as api:
        answer = await api.call("GET", f"{S}/context")
        assert (await api.call("GET", "/readyz")).status == status
        assert (await api.call("GET", "/healthz")).status == 200
    assert answer.problem(status)["retryable"]
    assert answer.headers["Retry-After"] == after
    assert [e.error for e in events if e.call == "context"] == ([error.code] if status >= 500 else [])


async def test_an_error_that_cannot_be_printed_is_still_an_answer() -> None:
    async with serving(Failing(InvalidRequest("bad \ud800 text", field="f", other=object()))) as api:
        assert "\\ud800" in (await api.call("GET", f"{S}/context")).problem(400, "f")["detail"]


def test_every_row_has_a_route() -> None:
    app = create_app(cast("Memory", None), gate=Gate(), max_body_bytes=1)
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert {(call.method, call.path) for call in CALLS} <= routes


async def test_forks(api: Api) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI, {"role": "assistant", "content": "Yes?"}]})
    made = await api.ok("POST", f"{S}/fork", {"to": "a/b é", "after_seq": 1})
    assert (made["session"], made["messages"], made["last_seq"]) == ("a/b é", 1, 1)
    assert [m["message"] for m in await api.messages("a%2Fb%20%C3%A9")] == [HI]
    (await api.call("POST", f"{S}/fork", {"to": "a/b é"})).problem(409, code="session_exists")
    for body, field in (
        ({}, "to"),
        ({"to": ""}, "to"),
        ({"to": "x\n"}, "to"),
        ({"to": "x", "after_seq": -1}, "after_seq"),
    ):
        (await api.call("POST", f"{S}/fork", body)).problem(400, field)


async def test_redaction(api: Api) -> None:
    sent = {"messages": [HI, {"role": "assistant", "content": "a secret"}]}
    await api.ok("POST", f"{S}/messages", sent, headers={"Idempotency-Key": "k"})
    etag = (await api.call("GET", f"{S}/context")).headers["ETag"]
    for _ in range(2):
        after = await api.ok("DELETE", f"{S}/messages/2")
        assert (after["messages"], after["last_seq"], after["log_revision"]) == (1, 2, 2)
    answer = await api.call("GET", f"{S}/context", headers={"If-None-Match": etag})
    assert answer.status == 200
    assert b"secret" not in answer.body
    gone = (await api.messages())[1]
    assert (gone["seq"], gone["redacted"], gone["message"], gone["tokens"]) == (2, True, {"type": "redacted"}, 0)
    assert (await api.ok("POST", f"{S}/messages", sent, headers={"Idempotency-Key": "k"}))["duplicate"]
    assert len(await api.messages()) == 2
