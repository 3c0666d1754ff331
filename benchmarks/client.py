"""A thin HTTP client for the benchmarks: raw bytes out, decoded replies and wall time back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import orjson

from benchmarks.corpus import Format, Json

_PAGE = 500


class Refused(Exception):
    """A reply other than 2xx; `status` and the problem document's `code`."""

    def __init__(self, what: str, status: int, code: str) -> None:
        super().__init__(f"{what}: {status} {code}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Timed:
    """A decoded reply and how long it took on the wire, in milliseconds."""

    body: Json
    ms: float


class _Entry(msgspec.Struct):
    seq: int
    message: msgspec.Raw


class _History(msgspec.Struct):
    messages: list[_Entry]
    next: int | None = None


class Client:
    """One tenant of one server.

    Args:
        patience_s: how long a call is sent again while the service is away; appends carry a key, so that none
            is stored twice. 0 = never.
    """

    def __init__(self, url: str, http: aiohttp.ClientSession, *, patience_s: float = 0.0) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._patience_s = patience_s
        self.sent_again = 0

    async def put(self, session: str, body: Json) -> Json:
        """Create or change a session."""
        return (await self._json("PUT", session, "", orjson.dumps(body))).body

    async def append(self, session: str, messages: Sequence[bytes], format: Format) -> Timed:
        """Append messages, each sent as the very bytes given."""
        body = b'{"format":"%s","messages":[%s]}' % (format.encode(), b",".join(messages))
        return await self._json("POST", session, "/messages", body)

    async def context(self, session: str, format: Format) -> Timed:
        """What a model call would be made with."""
        return await self._json("GET", session, f"/context?format={format}")

    async def session(self, session: str) -> Json:
        """The session document."""
        return (await self._json("GET", session, "")).body

    async def history(self, session: str, format: Format) -> list[tuple[int, bytes]]:
        """The whole log, page by page: seq and the message's own bytes."""
        entries: list[tuple[int, bytes]] = []
        after: int | None = 0
        while after is not None:
            raw, _ = await self._bytes("GET", session, f"/history?after={after}&limit={_PAGE}&format={format}")
            page = msgspec.json.decode(raw, type=_History)
            entries += [(e.seq, bytes(e.message)) for e in page.messages]
            after = page.next
        return entries

    async def summaries(self, session: str) -> list[Json]:
        """Every committed summary, oldest first."""
        found: list[Json] = []
        after: Any = 0
        while after is not None:
            page = (await self._json("GET", session, f"/summaries?after={after}&limit=100")).body
            found += page["summaries"]
            after = page["next"]
        return found

    async def delete(self, session: str) -> None:
        """Remove the session."""
        try:
            await self._bytes("DELETE", session, "")
        except Refused as gone:
            if gone.status != 404 or not self._patience_s:  # the first one was done, its answer was lost
                raise

    async def _json(self, method: str, session: str, rest: str, body: bytes | None = None) -> Timed:
        raw, ms = await self._bytes(method, session, rest, body)
        return Timed(orjson.loads(raw), ms)

    async def _bytes(self, method: str, session: str, rest: str, body: bytes | None = None) -> tuple[bytes, float]:
        url = f"{self._url}/v1/sessions/{quote(session, safe='')}{rest}"
        headers = {"content-type": "application/json"} if body is not None else {}
        if self._patience_s and method == "POST":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return await self._once(method, url, headers, rest, body)
            except (aiohttp.ClientConnectionError, Refused) as failed:
                if time.monotonic() > end or (isinstance(failed, Refused) and failed.status != 503):
                    raise
            self.sent_again += 1
            await asyncio.sleep(0.05)

    async def _once(
        self, method: str, url: str, headers: dict[str, str], rest: str, body: bytes | None
    ) -> tuple[bytes, float]:
        started = time.perf_counter()
        async with self._http.request(method, url, data=body, headers=headers) as reply:
            raw = await reply.read()
            ms = (time.perf_counter() - started) * 1000
            if reply.status >= 300:
                raise Refused(f"{method} {rest.partition('?')[0] or 'session'}", reply.status, _code(raw))
            return raw, ms


def _code(raw: bytes) -> str:
    try:
        problem = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return "(no problem document)"
    return str(problem.get("code")) if isinstance(problem, dict) else "(no problem document)"
