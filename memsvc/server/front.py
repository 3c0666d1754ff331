"""The shortest way for the one call that is made before every call of a model: `GET /v1/sessions/{sid}/context`.

A router, a match, a header map and their printing cost more than all that the service does for a context that has not
changed. Here a request that is spelled plainly, as every client spells it, is known by its whole target, and its answer
is written in one piece. Any other spelling, and all other calls, go the framework's way, to the same answers.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from aiohttp import ClientConnectionResetError, HttpVersion11, web
from multidict import istr

from memsvc.errors import MemsvcError
from memsvc.server import reply
from memsvc.server.query import context_request
from memsvc.service.requests import ContextRequest, Rendered

PLAIN = re.compile(r"/v1/sessions/([A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,199})/context(?:\?([A-Za-z0-9_=&-]{0,200}))?")
"""Targets in which nothing is escaped, and nothing could be read in two ways."""
LONGEST = 512
"""Characters of a target that may be remembered."""
REMEMBERED = 4_096
"""Conversations are asked for again and again: their targets are taken apart once."""
Rest = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Fetching = Callable[["Fetch"], Awaitable[web.StreamResponse]]
FRONT: Final[web.AppKey[Fetching]] = web.AppKey("FRONT")
"""In an application: what answers a `Fetch`."""
_EXPECT = istr("Expect")


@dataclass(frozen=True, slots=True)
class Target:
    """A target, taken apart: the session's name and what is wanted."""

    session: str
    wanted: ContextRequest


class Fetch:
    """One request for a context: what the border looks at of it."""

    __slots__ = ("headers", "session", "wanted")
    method = "GET"

    def __init__(self, headers: Mapping[str, str], target: Target) -> None:
        self.headers = headers
        self.session = target.session
        self.wanted = target.wanted


class Front:
    """Answers fetches itself and hands all else on.

    Args:
        fetch: answers one.
        rest: the framework's way.
    """

    def __init__(self, fetch: Fetching, rest: Rest) -> None:
        self._fetch = fetch
        self._rest = rest

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request."""
        raw = request.raw_path
        if request.method == "GET" and len(raw) <= LONGEST and (target := _target(raw)) is not None:
            headers = request.headers
            if request.keep_alive and request.version == HttpVersion11 and _EXPECT not in headers:
                return await self._fetch(Fetch(headers, target))
        return await self._rest(request)


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


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def hasten(runner: web.AppRunner) -> None:
    """Let requests of a runner that is set up take the shortest way. Without it all works as well, and slower."""
    server, fetch = runner.server, runner.app.get(FRONT)
    assert server is not None, "the runner is set up"
    if fetch is not None:
        server.request_handler = Front(fetch, server.request_handler)


@functools.lru_cache(maxsize=REMEMBERED)
def _target(raw: str) -> Target | None:
    """What a target asks for; None = it is another call's, is not plain, or something is wrong with it."""
    plain = PLAIN.fullmatch(raw)
    if plain is None:
        return None
    try:
        return Target(plain[1], context_request(plain[2] or ""))
    except MemsvcError:
        return None
