"""Fills the store behind a server over HTTP, as a backend would."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

Json = dict[str, Any]
SMALL = {"mode": "threshold", "threshold_tokens": 600, "keep_tokens": 150, "summary_tokens": 120}
"""A policy under which a few dozen short messages are compacted."""


class Store:
    """Calls of the API.

    Args:
        key: sent as `Authorization`; None = the server has no keys.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    async def __aenter__(self) -> Store:
        self._http = aiohttp.ClientSession(self.url, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: Any = None, session: str | None = None) -> Any:
        """A call that succeeds; `path` is that of a session if one is named. Gives the body, None if there is none."""
        where = path if session is None else f"/v1/sessions/{quote(session, safe='')}{path}"
        # The name stays percent-encoded as it is: `%2F` must not become a slash again.
        async with self._http.request(method, URL(self.url + where, encoded=True), json=body) as response:
            answer = await response.json() if response.status != 204 else None
            assert response.status < 300, (response.status, answer)
            return answer

    async def put(self, session: str, **fields: Any) -> Json:
        """Create a session or change its settings."""
        found: Json = await self.call("PUT", "", fields, session)
        return found

    async def append(self, session: str, messages: Sequence[Json], **more: Any) -> Json:
        """Append messages."""
        found: Json = await self.call("POST", "/messages", {"messages": list(messages), **more}, session)
        return found

    async def chat(self, session: str, turns: int, **fields: Any) -> Json:
        """A session of so many plain turns under the policy SMALL, compacted as far as it will be."""
        await self.put(session, **{"policy": SMALL, **fields})
        messages = [message for number in range(turns) for message in turn(number)]
        await self.append(session, messages)
        await self.compact(session)
        found: Json = await self.call("GET", "", session=session)
        return found

    async def compact(self, session: str) -> Json:
        """Compact now and wait for it."""
        found: Json = await self.call("POST", "/compact", {"force": True, "wait_ms": 20_000}, session)
        return found

    async def usage(self, session: str, id: str, usage: Json, **more: Any) -> Json:
        """Report a call of Claude Sonnet, unless told otherwise."""
        report = {"id": id, "provider": "anthropic", "model": "claude-sonnet-5-5", "usage": usage, **more}
        found: Json = await self.call("POST", "/usage", report, session)
        return found


def turn(number: int) -> list[Json]:
    """A question and an answer, about 60 tokens, each unlike the others."""
    asked = f"Question {number}: where is parcel {7000 + number}, ordered on 2026-11-{number % 28 + 1:02}?"
    said = f"Parcel {7000 + number} left hub {number % 9}, takes {number % 5 + 1} days, reference R-{number * 37}."
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
