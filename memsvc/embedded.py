"""The service in this process: no server, no socket, and the same validation, handlers, limits and bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from memsvc.app import build
from memsvc.client import Answer, BlockingClient, Client, Request
from memsvc.config import Config, embedded_config
from memsvc.core.access import Caller
from memsvc.core.model import DEFAULT_TENANT
from memsvc.observe import plain_sink
from memsvc.server.body import Bodies
from memsvc.server.border import Border, Entrance
from memsvc.server.gate import Gate, Headers
from memsvc.server.handlers import Handlers
from memsvc.wire import CALLS

MEMORY = "sqlite://"
"""Short for a store in memory, which ends with the client."""


def open(url: str = "sqlite:///memsvc.db", *, tenant: str = DEFAULT_TENANT, **settings: Any) -> Client:
    """A client of a store in this process, whose compactions run here too. Raises ConfigError.

    Args:
        url: any store's; `sqlite://` is one in memory.
        tenant: whose sessions they are.
        settings: by the names of docs/settings.md. Neither `MEMSVC_*` variables nor a settings file count.
    """
    return Client(Embedded(_config(url, settings), tenant=tenant))


def open_blocking(url: str = "sqlite:///memsvc.db", *, tenant: str = DEFAULT_TENANT, **settings: Any) -> BlockingClient:
    """The same without `await`."""
    return BlockingClient(Embedded(_config(url, settings), tenant=tenant))


class Embedded:
    """Carries requests to a service that lives as long as this is open. Raises ConfigError.

    Args:
        clock: unix seconds.
    """

    def __init__(self, config: Config, *, tenant: str = DEFAULT_TENANT, clock: Callable[[], float] = time.time) -> None:
        self._sink = plain_sink()
        self._app = build(config, clock=clock, log=self._sink)
        self._bodies = Bodies(config.max_body_bytes, timeout_s=60.0)
        self._gate = _Own(tenant)
        self._entrances: dict[str, Entrance] = {}

    async def open(self) -> None:
        """Open the store and start the worker. Raises Unavailable."""
        await self._app.open()
        border = Border(self._gate, None, self._bodies, time.monotonic, self._sink)
        handlers = Handlers(self._app.memory, self._bodies)
        self._entrances = {call.name: border.guarded(getattr(handlers, call.name), call) for call in CALLS}

    async def send(self, request: Request, timeout_s: float) -> Answer:
        """The answer. It is waited for however long it takes: what is given up half-way here would be lost."""
        response = await self._entrances[request.row.name](_Inside(request))
        body = response.body
        return Answer(response.status, response.headers, body if isinstance(body, bytes) else b"")

    async def close(self) -> None:
        """Finish what runs, at most `shutdown_s` seconds, and close the store."""
        await self._app.close()


class _Own(Gate):
    """Whoever holds the client is its tenant."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._own = Caller(tenant)

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
