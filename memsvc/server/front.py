"""The shortest way for the two calls that every turn of a conversation makes, append and fetch the context;
and past the router for calls of models.

A router, a match, a header map and their printing cost more than all that the service does for a context that has not
changed. Here a request that is spelled plainly, as every client spells it, is known by its whole target, and its answer
is written in one piece. Any other spelling, and all other calls, go the framework's way, to the same answers.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import ClientConnectionResetError, HttpVersion11, web
from aiohttp.hdrs import CONTENT_LENGTH
from multidict import istr

from memsvc.errors import MemsvcError
from memsvc.server import reply
from memsvc.server.asked import Content
from memsvc.server.query import context_request
from memsvc.service.requests import Rendered

PLAIN = re.compile(
    r"(/v1/sessions/([A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,199})/(context|messages))(?:\?([A-Za-z0-9_=&-]{0,200}))?"
)
"""Targets in which nothing is escaped, and nothing could be read in two ways."""
LONGEST = 512
"""Characters of a target that may be remembered."""
REMEMBERED = 4_096
"""Conversations are asked for again and again: their targets are taken apart once."""
Way = Callable[["Straight"], Awaitable[web.StreamResponse]]
_EXPECT = istr("Expect")


@dataclass(frozen=True, slots=True)
class Ways:
    """What answers the two calls; and by its path, which stands there plainly, each call of a model."""

    fetch: Way
    append: Way
    called: Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=dict)


FRONT: Final[web.AppKey[Ways]] = web.AppKey("FRONT")
"""In an application: its short ways."""


class Target:
    """A target, taken apart.

    Attributes:
        method: of the call that has this path.
        match_info: the name of the session, as the router would give it.
        wanted: what a fetch asks for; None = it is no fetch.
    """

    def __init__(self, path: str, session: str, call: str, query: str) -> None:
        self.raw_path = path
        self.raw_query_string = query
        self.match_info = {"sid": session}
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.wanted = context_request(query) if call == "context" else None
        self.method = "POST" if self.wanted is None else "GET"


class Straight:
    """One request: what border and handlers look at of it (`Asked`)."""

    __slots__ = ("content", "headers", "rel_url")

    def __init__(self, headers: Mapping[str, str], content: Content, rel_url: Target) -> None:
        self.headers = headers
        self.content = content
        self.rel_url = rel_url

    @property
    def method(self) -> str:
        """For a trace."""
        return self.rel_url.method

    @property
    def match_info(self) -> Mapping[str, str]:
        """See `Asked`."""
        return self.rel_url.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """See `Asked`."""
        return self.rel_url.query

    @property
    def content_length(self) -> int | None:
        """See `Asked`."""
        told = self.headers.get(CONTENT_LENGTH)
        return int(told) if told else None  # the framework's parser has refused what is no number


class Front:
    """Answers the two calls, leads calls of models to their door, and hands all else on.

    Args:
        rest: the framework's way.
    """

    def __init__(self, ways: Ways, rest: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._ways = ways
        self._rest = rest

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request."""
        raw = request.raw_path
        called = self._ways.called.get(raw)
        if called is not None and request.method == "POST" and _EXPECT not in request.headers:
            assert isinstance(request, web.Request), "the application makes them"
            return await called(request)
        if len(raw) > LONGEST or (target := _target(raw)) is None or target.method != request.method:
            return await self._rest(request)
        headers = request.headers
        if not request.keep_alive or request.version != HttpVersion11 or _EXPECT in headers:
            return await self._rest(request)
        asked = Straight(headers, request.content, target)
        return await (self._ways.append if target.wanted is None else self._ways.fetch)(asked)


class Finished(web.StreamResponse):
    """An answer that goes out as these bytes, on a connection that stays."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        super().__init__(status=status)
        self._head = head
        self._sent = body

    @property
    def keep_alive(self) -> bool:
        """Only such requests come this way."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it."""
        link = request.transport
        if link is None or link.is_closing():
            raise ClientConnectionResetError("the client is gone")
        link.write(self._head + self._sent)
        await request.writer.drain()  # who reads slowly is not sent more

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left."""


def finished(found: Rendered, request_id: str, seen: str | None) -> Finished:
    """A context, or 304 if `seen` (the If-None-Match header) names it already: what `reply.context` says."""
    told = f"\r\nETag: {found.etag}\r\nCache-Control: {reply.PRIVATE}\r\nx-request-id: {request_id}"
    common = f"{told}\r\nServer: {reply.SERVER}\r\nDate: {_date(int(time.time()))}"
    if seen is not None and reply.matches(seen, found.etag):
        return Finished(304, f"HTTP/1.1 304 Not Modified{common}\r\n\r\n".encode(), b"")
    length = f"Content-Type: {reply.JSON}\r\nContent-Length: {len(found.body)}"
    return Finished(200, f"HTTP/1.1 200 OK{common}\r\n{length}\r\n\r\n".encode(), found.body)


def told(body: bytes, request_id: str) -> Finished:
    """A 200 of finished JSON: what `reply.json_bytes` says."""
    common = f"Content-Type: {reply.JSON}\r\nx-request-id: {request_id}\r\nServer: {reply.SERVER}"
    rest = f"Date: {_date(int(time.time()))}\r\nContent-Length: {len(body)}"
    return Finished(200, f"HTTP/1.1 200 OK\r\n{common}\r\n{rest}\r\n\r\n".encode(), body)


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


async def set_up(app: web.Application, *, shutdown_s: float) -> web.AppRunner:
    """What serves an application, its short ways included; without them it would answer the same, and slower.

    Args:
        shutdown_s: what is under way at the end gets so many seconds.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=shutdown_s)
    await runner.setup()
    hasten(runner)
    return runner


def hasten(runner: web.AppRunner) -> None:
    """Let requests of a runner that is set up take the short ways."""
    server, ways = runner.server, runner.app.get(FRONT)
    assert server is not None, "the runner is set up"
    if ways is not None:
        server.request_handler = Front(ways, server.request_handler)


@functools.lru_cache(maxsize=REMEMBERED)
def _target(raw: str) -> Target | None:
    """What a target asks for; None = it is another call's, is not plain, or something is wrong with it."""
    plain = PLAIN.fullmatch(raw)
    if plain is None:
        return None
    try:
        return Target(plain[1], plain[2], plain[3], plain[4] or "")
    except MemsvcError:
        return None
