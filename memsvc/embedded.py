"""The service in this process: no server, no socket, and the same validation, handlers, limits and bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from memsvc.app import App
from memsvc.client import Answer, BlockingClient, Client, Request, Retry
from memsvc.client.retry import PATIENT
from memsvc.config import Config, ConfigError, embedded_config
from memsvc.core.access import OWNER_SCOPES, Caller
from memsvc.core.model import DEFAULT_TENANT
from memsvc.observe import Sink, plain_sink
from memsvc.server.body import Bodies
from memsvc.server.border import Border
from memsvc.server.gate import Gate, Headers
from memsvc.server.handlers import Handlers
from memsvc.service import Memory
from memsvc.wire import CALLS

MEMORY = "sqlite://"
"""Short for a store in memory, which ends with the client."""
GRACE_S = 10.0
"""The longest to wait for calls whose callers have gone."""


def open(
    url: str = "sqlite:///memsvc.db", *, tenant: str = DEFAULT_TENANT, retry: Retry = PATIENT, **settings: Any
) -> Client:
    """A client of a store in this process, whose compactions run here too. Raises ConfigError.

    Args:
        url: any store's; `sqlite://` is one in memory.
        tenant: whose sessions they are.
        retry: how often and how long calls are repeated when the store is away.
        settings: by the names of docs/settings.md. Neither `MEMSVC_*` variables nor a settings file count.
    """
    return Client(Embedded(_config(url, settings), tenant=tenant), retry=retry)


def open_blocking(
    url: str = "sqlite:///memsvc.db", *, tenant: str = DEFAULT_TENANT, retry: Retry = PATIENT, **settings: Any
) -> BlockingClient:
    """The same without `await`."""
    return BlockingClient(Embedded(_config(url, settings), tenant=tenant), retry=retry)


class InProcess:
    """Carries requests to a service in this process.

    A call that its caller gives up is finished all the same, as a server would.
    """

    def __init__(self, memory: Memory, *, tenant: str, max_body_bytes: int, sink: Sink) -> None:
        bodies = Bodies(max_body_bytes, timeout_s=60.0)  # all of a body is there: it never takes so long
        border = Border(_Own(tenant), None, bodies, sink)
        handlers = Handlers(memory, bodies)
        self._entrances = {call.name: border.guarded(getattr(handlers, call.name), call) for call in CALLS}
        self._running: set[asyncio.Task[web.Response]] = set()

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, request: Request, timeout_s: float) -> Answer:
        """The answer, however long it takes: nothing between here and there can lose it."""
        task = asyncio.ensure_future(self._entrances[request.row.name](_Inside(request)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        response = await asyncio.shield(task)
        body = response.body
        return Answer(response.status, response.headers, body if isinstance(body, bytes) else b"")

    async def close(self) -> None:
        """Wait for calls that were given up, a few seconds at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)


class Embedded:
    """The same with a service of its own, which lives while this is open. Raises ConfigError.

    Args:
        clock: unix seconds.
    """

    def __init__(self, config: Config, *, tenant: str = DEFAULT_TENANT, clock: Callable[[], float] = time.time) -> None:
        if not tenant or not tenant.isprintable() or len(tenant) > 200:
            raise ConfigError("tenant must be 1 to 200 printable characters.")
        self._tenant = tenant
        self._sink = plain_sink()
        self._app = App(config, clock=clock, log=self._sink)
        self._within: InProcess | None = None

    async def open(self) -> None:
        """Open the store and start the worker. Raises Unavailable."""
        app = self._app
        await app.open()
        most = app.config.max_body_bytes
        self._within = InProcess(app.memory, tenant=self._tenant, max_body_bytes=most, sink=self._sink)

    async def send(self, request: Request, timeout_s: float) -> Answer:
        """The answer."""
        assert self._within is not None, "opened first"
        return await self._within.send(request, timeout_s)

    async def close(self) -> None:
        """Finish what runs, compactions at most `shutdown_s` seconds, and close the store."""
        if self._within is not None:
            await self._within.close()
        await self._app.close()


class _Own(Gate):
    """Whoever holds the client is its tenant."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._own = Caller(tenant, OWNER_SCOPES)

    def caller(self, headers: Headers) -> Caller:
        return self._own


@dataclass(frozen=True, slots=True)
class _Target:
    raw_path: str
    raw_query_string: str


class _Body:
    """All of it is there."""

    def __init__(self, body: bytes) -> None:
        self._left = body

    async def readany(self) -> bytes:
        return self.read_nowait()

    def is_eof(self) -> bool:
        return True

    def read_nowait(self) -> bytes:
        left, self._left = self._left, b""
        return left


class _Inside:
    """A request as border and handlers look at it."""

    def __init__(self, request: Request) -> None:
        self.headers: Mapping[str, str] = request.headers
        self.match_info: Mapping[str, str] = request.values
        self.rel_url = _Target(request.path, request.query)
        self.content_length = len(request.body) if request.body is not None else None
        self.content = _Body(request.body or b"")

    @property
    def query(self) -> Mapping[str, str]:
        """The query, taken apart."""
        return dict(parse_qsl(self.rel_url.raw_query_string, keep_blank_values=True))


def _config(url: str, settings: Mapping[str, Any]) -> Config:
    return embedded_config({"store": "sqlite://:memory:" if url == MEMORY else url, **settings})
