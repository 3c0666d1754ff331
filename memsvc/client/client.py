"""The service as one object: sessions, and what is about all of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Literal, Self, Unpack

from memsvc.client.calls import Calls
from memsvc.client.http import HttpTransport
from memsvc.client.options import CountOptions, Json, Messages
from memsvc.client.replies import decoded, read
from memsvc.client.retry import PATIENT, Retry
from memsvc.client.session import Session
from memsvc.client.transport import Answer, Transport
from memsvc.client.writing import listed
from memsvc.wire.replies import BudgetList, CountReply, Deleted, Health, SessionPage, SessionReply, SpendReply
from memsvc.wire.stats import StatsReply

TIMEOUT_S = 30.0


class Client:
    """A memsvc service. `async with` opens and closes it; without, the first call opens it and `close` ends it.

    One client may be used by any number of tasks of one event loop.

    Args:
        service: its address, such as `http://127.0.0.1:8080`; or what carries requests to it.
        api_key: a key of the service; None = it asks for none.
        timeout_s: the longest to wait for one answer, beside what a call asks the service to wait.
        retry: how often and how long calls are repeated that may be.
        clock, sleep, chance: what `retry` goes by; for tests.
    """

    def __init__(
        self,
        service: str | Transport,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        transport = HttpTransport(service, api_key=api_key) if isinstance(service, str) else service
        self._calls = Calls(transport, timeout_s=timeout_s, retry=retry, clock=clock, sleep=sleep, chance=chance)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Get ready; otherwise the first call does."""
        await self._calls.open()

    async def close(self) -> None:
        """Let go of connections, or of the store. Calls after it raise RuntimeError."""
        await self._calls.close()

    def session(self, id: str) -> Session:
        """A handle of a session, which need not exist yet."""
        return Session(self._calls, id)

    async def list_sessions(
        self, *, prefix: str | None = None, user: str | None = None, after: str | None = None, limit: int | None = None
    ) -> SessionPage:
        """A page of sessions, newest activity first; `next` is for `after`, None at the end."""
        given = {"prefix": prefix, "user": user, "after": after, "limit": limit}
        return read(SessionPage, await self._send("list_sessions", given))

    async def walk_sessions(
        self, *, prefix: str | None = None, user: str | None = None, limit: int | None = None
    ) -> AsyncIterator[SessionReply]:
        """Every session, fetched in pages of `limit`."""
        page = await self.list_sessions(prefix=prefix, user=user, limit=limit)
        while True:
            for one in page.sessions:
                yield one
            if page.next is None:
                return
            page = await self.list_sessions(prefix=prefix, user=user, after=page.next, limit=limit)

    async def delete_user(self, user: str) -> None:
        """Delete every session with this `user` tag."""
        await self._calls.send("delete_user", {"user": user}, {})

    async def delete_inactive(self, inactive_since: float | str) -> Deleted:
        """Delete every session that nothing was written to since a time: unix seconds or ISO 8601."""
        return read(Deleted, await self._send("delete_inactive", {"inactive_since": inactive_since}))

    async def count(self, messages: Messages, **options: Unpack[CountOptions]) -> CountReply:
        """Count tokens of one message or a list; nothing is stored."""
        return read(CountReply, await self._send("count", {"messages": listed(messages), **options}))

    async def spend(self, *, period: str | None = None, by: str | None = None) -> SpendReply:
        """What calls have cost: `period` such as `7d`, told apart `by` `day`, `feature`, `model`."""
        return read(SpendReply, await self._send("spend", {"period": period, "by": by}))

    async def stats(self, *, period: str | None = None, tenants: Literal["mine", "all"] | None = None) -> StatsReply:
        """Figures of a period such as `7d`; of all `tenants` for operators."""
        return read(StatsReply, await self._send("stats", {"period": period, "tenants": tenants}))

    async def budgets(self) -> BudgetList:
        """What the tenant may spend, and how far that is used up."""
        return read(BudgetList, await self._send("budgets"))

    async def put_budgets(self, budgets: Sequence[Json]) -> BudgetList:
        """Set the tenant's own budgets."""
        return read(BudgetList, await self._send("put_budgets", {"budgets": list(budgets)}))

    async def healthz(self) -> Health:
        """The process answers."""
        return read(Health, await self._send("healthz"))

    async def readyz(self) -> Health:
        """The store is reachable. Raises Unavailable."""
        return read(Health, await self._send("readyz"))

    async def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document: dict[str, Any] = decoded(await self._send("openapi"))
        return document

    async def _send(self, name: str, given: Any = None) -> Answer:
        return await self._calls.send(name, {}, given or {})
