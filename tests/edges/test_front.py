"""The short ways of the two hot calls give what the framework's way gives, byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession, web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsvc.app import default_policy
from memsvc.config import Config
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter
from memsvc.server import create_app
from memsvc.server.front import Front, set_up
from memsvc.server.gate import Gate
from memsvc.service import Memory
from memsvc.stores import open_store
from tests.edges.api import MAX_BODY
from tests.edges.conftest import NOW

VOLATILE = re.compile(
    rb"(?im)^(?:date|x-request-id):.*\r\n|\"request_id\":\"[^\"]*\"|\"(?:created|updated)_at\":[0-9.]+"
)
HI = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
PLAIN_NAMES = ("s", "a.b", "s~_-", "x" * 200, "x" * 201)
ODD_NAMES = ("a%2Eb", "..", "%2E%2E", ".", "s%20x", "s%FF", "s%2", "ü", "s+s", "s/", "", "s;t=1")
QUERIES = ("", "?", "?format=anthropic", "?format=x", "?format=openai&marks=none", "?max_tokens=1", "?max_tokens=-1")
ODD_QUERIES = (
    "?format=openai&format=openai",
    "?a",
    "?format=%6Fpenai",
    "?wait_ms=0",
    "?context=openai",
    "?context=",
    "#x",
)
HEADERS = (
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: nonsense\r\n",
    b"If-None-Match: *\r\n",
    b"If-Match: 7\r\n",
    b"Origin: http://evil.example\r\n",
    b"Sec-Fetch-Site: cross-site\r\n",
    b"x-request-id: mine\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Idempotency-Key: k\r\n",
    b"Authorization: Bearer nobody\r\n",
)
BODIES = (None, b"", HI, b"{", b"x" * (MAX_BODY + 1), b'{"messages":[]}')


async def opened(counter: Counter, *, short: bool) -> tuple[Memory, web.AppRunner]:
    """A service of its own, served."""
    store = open_store("sqlite://:memory:")
    await store.open()
    given = {"defaults": default_policy(Config()), "clock": lambda: NOW}
    memory = Memory(store, counter, [LocalSummarizer(counter.count)], **given)
    app = create_app(memory, gate=Gate(None), max_body_bytes=MAX_BODY)
    if short:
        runner = await set_up(app, shutdown_s=1.0)
        assert runner.server is not None
        assert isinstance(runner.server.request_handler, Front)
    else:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return memory, runner


async def nowhere(request: web.BaseRequest) -> web.StreamResponse:
    """Nothing comes this way."""
    raise AssertionError(request.raw_path)


async def test_plain_requests_take_the_short_ways(counter: Counter) -> None:
    memory, runner = await opened(counter, short=True)
    assert runner.server is not None
    front = runner.server.request_handler
    assert isinstance(front, Front)
    runner.server.request_handler = Front(front._ways, nowhere)
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        for name in PLAIN_NAMES[:4]:
            async with client.post(f"/v1/sessions/{name}/messages?context=openai", data=HI) as appended:
                assert appended.status == 200
                context = (await appended.json())["context"]
            async with client.get(f"/v1/sessions/{name}/context?format=openai") as fetched:
                assert await fetched.json() == context
            async with client.get(f"/v1/sessions/{name}/context", headers={"If-None-Match": "*"}) as same:
                assert (same.status, await same.read()) == (304, b"")
    await runner.cleanup()
    await memory.drain()


@pytest.fixture(scope="module")
def pair(counter: Counter) -> Iterator[tuple[asyncio.Runner, list[int]]]:
    """Ports of two services that are told the same: by the short ways, and by the framework's alone."""
    with asyncio.Runner() as loop:
        made = [loop.run(opened(counter, short=short)) for short in (True, False)]
        yield loop, [runner.addresses[0][1] for _, runner in made]
        for memory, runner in made:
            loop.run(runner.cleanup())
            loop.run(memory.drain())


async def exchange(port: int, request: bytes) -> bytes:
    """All that comes back until the server has nothing more to say, without what differs each time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # A request that ends the connection follows, so that nobody waits for more.
    writer.write(request + b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    try:
        return VOLATILE.sub(b"", await reader.read())
    except ConnectionResetError:  # what was sent and not read: the answer may be lost on the way
        return b"reset"
    finally:
        writer.close()


@given(
    method=st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT"]),
    name=st.sampled_from(PLAIN_NAMES) | st.sampled_from(ODD_NAMES),
    call=st.sampled_from(["context", "messages", "history"]),
    query=st.sampled_from(QUERIES) | st.sampled_from(ODD_QUERIES),
    version=st.sampled_from([b"1.1", b"1.1", b"1.0"]),
    headers=st.lists(st.sampled_from(HEADERS), max_size=3, unique=True),
    body=st.sampled_from(BODIES),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_request_is_answered_the_same_on_both_ways(
    pair: tuple[asyncio.Runner, list[int]],
    method: bytes,
    name: str,
    call: str,
    query: str,
    version: bytes,
    headers: list[bytes],
    body: bytes | None,
) -> None:
    runner, ports = pair
    target = f"/v1/sessions/{name}/{call}{query}".encode()
    told = b"".join(headers) + (b"" if body is None else b"Content-Length: %d\r\n" % len(body))
    request = b"%b %b HTTP/%b\r\nHost: 127.0.0.1\r\n%b\r\n%b" % (method, target, version, told, body or b"")

    async def ask() -> list[bytes]:
        return [await exchange(port, request) for port in ports]

    short, plain = runner.run(ask())
    if b"reset" not in (short, plain):
        assert sorted(short.split(b"\r\n")) == sorted(plain.split(b"\r\n"))
