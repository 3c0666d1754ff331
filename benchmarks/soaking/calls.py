"""HTTP to whichever server answers: one attempt at a time, over several servers of one store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import orjson

from benchmarks.corpus import Json
from benchmarks.soaking.notes import Tally

ATTEMPT_S = 15.0
"""An attempt is given up after so long; the server may still do what it asked."""
AGAIN = frozenset({429, 503})
"""Statuses after which the same request is sent again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` 0 = nothing did. `late` = it may still be done."""

    status: int
    raw: bytes = b""
    etag: str | None = None
    late: bool = False

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def again(self) -> bool:
        """Whether the same request should be sent again."""
        return self.status == 0 or self.status in AGAIN

    @property
    def body(self) -> Json:
        """The decoded body; empty where it is no object."""
        try:
            body = orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            return {}
        return cast(Json, body) if isinstance(body, dict) else {}

    @property
    def code(self) -> str:
        """The problem document's `code`; "" = none."""
        return str(self.body.get("code", ""))


class Calls:
    """Attempts at a random one of these servers, each counted by what came of it."""

    def __init__(self, http: aiohttp.ClientSession, urls: Sequence[str], rng: Random, tally: Tally) -> None:
        self._http = http
        self._urls = list(urls)
        self._rng = rng
        self._tally = tally

    async def once(
        self, method: str, session: str, rest: str = "", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """One attempt."""
        url = f"{self._rng.choice(self._urls)}/v1/sessions/{quote(session, safe='')}{rest}"
        sent = {"content-type": "application/json", **headers} if body is not None else dict(headers)
        try:
            async with (
                asyncio.timeout(ATTEMPT_S),
                self._http.request(method, url, data=body, headers=sent) as reply,
            ):
                raw = await reply.read()
                self._tally.answers[str(reply.status)] += 1
                return Answer(reply.status, raw, reply.headers.get("ETag"))
        except TimeoutError:
            self._tally.answers["no answer in time"] += 1
            return Answer(0, late=True)
        except (aiohttp.ClientError, OSError) as broken:
            self._tally.answers[_what(broken)] += 1
            return Answer(0)

    async def until(self, method: str, session: str, rest: str = "", body: bytes | None = None, **more: Any) -> Answer:
        """The same request, again and again, until it is answered for good."""
        while (answer := await self.once(method, session, rest, body, **more)).again:
            await self.pause()
        return answer

    async def pause(self) -> None:
        """Before the next attempt."""
        self._tally.retries += 1
        await asyncio.sleep(self._rng.uniform(0.02, 0.3))


def _what(broken: BaseException) -> str:
    if isinstance(broken, aiohttp.ClientConnectorError):
        return "not connected"
    return "connection lost"
