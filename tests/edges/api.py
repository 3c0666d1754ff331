"""A small client for the tests: sends anything, right or wrong, and reads what comes back."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from memsvc.server import create_app
from memsvc.server.front import set_up
from memsvc.server.gate import Gate
from memsvc.server.watch import Watch
from memsvc.wire.replies import Problem

MAX_BODY = 200_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def problem(self, status: int, field: str | None = None, code: str | None = None) -> dict[str, Any]:
        """The problem document, checked in every member, expected to have this status, field and code."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["Content-Type"] == "application/problem+json"
        document: dict[str, Any] = self.json
        problem = Problem.model_validate(document, strict=True)
        assert problem.status == status
        assert problem.type == f"/errors/{problem.code}"
        assert problem.request_id == self.headers["x-request-id"]
        assert problem.detail
        assert problem.title
        assert "Traceback" not in self.body.decode()
        if field is not None:
            assert problem.field == field, document
        if code is not None:
            assert problem.code == code, document
        return document


class Api:
    """One running server and a client of it."""

    def __init__(self, client: aiohttp.ClientSession, port: int) -> None:
        self.client = client
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send `body` as JSON, or `raw` as it is; `path` goes out exactly as given."""
        data: Any = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if isinstance(data, bytes) and len(data) > 1_000_000:
            data = io.BytesIO(data)
        url = URL(self.url + path, encoded=True)
        async with self.client.request(method, url, data=data, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The same, where success is expected: the parsed body, or None if there is none."""
        answer = await self.call(method, path, body, **more)
        assert answer.status < 300, (answer.status, answer.body)
        return answer.json if answer.body else None

    async def messages(self, session: str = "s") -> list[Any]:
        """All messages in a session's history."""
        found: list[Any] = (await self.ok("GET", f"/v1/sessions/{session}/history?limit=1000"))["messages"]
        return found


@asynccontextmanager
async def serving(memory: Any, **options: Any) -> AsyncIterator[Api]:
    """A server over `memory` on a free port, with a client."""
    gate = options.pop("gate", None) or Gate(options.pop("keys", None))
    given = {"gate": gate, "max_body_bytes": MAX_BODY, "watch": Watch(options.pop("sink", None)), **options}
    runner = await set_up(create_app(memory, **given), shutdown_s=1.0)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            yield Api(client, runner.addresses[0][1])
    finally:
        await runner.cleanup()
