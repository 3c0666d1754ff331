"""The client without `await`: the same names, each waiting for its twin in a thread that all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self, Unpack

from memsvc.client.client import TIMEOUT_S, Client
from memsvc.client.options import (
    AppendOptions,
    CompactOptions,
    CountOptions,
    Json,
    Marks,
    Messages,
    PutOptions,
    UsageOptions,
)
from memsvc.client.portal import Portal
from memsvc.client.replies import AppendReply, Context
from memsvc.client.retry import PATIENT, Retry
from memsvc.client.session import Session
from memsvc.client.transport import Transport
from memsvc.core.model import Format
from memsvc.wire.replies import (
    BudgetList,
    CountReply,
    Deleted,
    Health,
    HistoryItem,
    HistoryPage,
    PinList,
    PinReply,
    SearchReply,
    SessionPage,
    SessionReply,
    SpendReply,
    UsageReply,
)
from memsvc.wire.stats import CallPage, StatsReply
from memsvc.wire.summaries import CompactReply, SummaryPage


class BlockingSession:
    """A `Session` without `await`.

    Attributes:
        id: the session's name.
    """

    def __init__(self, session: Session, portal: Portal) -> None:
        self.id: str = session.id
        self._session = session
        self._run = portal.run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def append(self, messages: Messages, **options: Unpack[AppendOptions]) -> AppendReply:
        """See `Session.append`."""
        return self._run(self._session.append(messages, **options))

    def context(
        self,
        format: Format | None = None,
        *,
        max_tokens: int | None = None,
        wait_ms: int | None = None,
        marks: Marks | None = None,
    ) -> Context:
        """See `Session.context`."""
        return self._run(self._session.context(format, max_tokens=max_tokens, wait_ms=wait_ms, marks=marks))

    def get(self) -> SessionReply:
        """See `Session.get`."""
        return self._run(self._session.get())

    def put(self, **options: Unpack[PutOptions]) -> SessionReply:
        """See `Session.put`."""
        return self._run(self._session.put(**options))

    def delete(self) -> None:
        """See `Session.delete`."""
        self._run(self._session.delete())

    def history(
        self, after: int = 0, limit: int = 100, *, format: Format | None = None, content: bool | None = None
    ) -> HistoryPage:
        """See `Session.history`."""
        return self._run(self._session.history(after, limit, format=format, content=content))

    def calls(self, after: str | None = None, limit: int | None = None) -> CallPage:
        """See `Session.calls`."""
        return self._run(self._session.calls(after, limit))

    def walk(self, after: int = 0, limit: int = 100, *, format: Format | None = None) -> Iterator[HistoryItem]:
        """See `Session.walk`."""
        following: int | None = after
        while following is not None:
            page = self.history(following, limit, format=format)
            yield from page.messages
            following = page.next

    def search(self, q: str, *, limit: int | None = None) -> SearchReply:
        """See `Session.search`."""
        return self._run(self._session.search(q, limit=limit))

    def summaries(
        self, after: int | None = None, limit: int | None = None, *, statements: bool | None = None
    ) -> SummaryPage:
        """See `Session.summaries`."""
        return self._run(self._session.summaries(after, limit, statements=statements))

    def compact(self, **options: Unpack[CompactOptions]) -> CompactReply:
        """See `Session.compact`."""
        return self._run(self._session.compact(**options))

    def usage(self, **report: Unpack[UsageOptions]) -> UsageReply:
        """See `Session.usage`."""
        return self._run(self._session.usage(**report))

    def truncate(self, after_seq: int) -> SessionReply:
        """See `Session.truncate`."""
        return self._run(self._session.truncate(after_seq))

    def fork(self, to: str, *, after_seq: int | None = None) -> SessionReply:
        """See `Session.fork`."""
        return self._run(self._session.fork(to, after_seq=after_seq))

    def redact(self, seq: int) -> SessionReply:
        """See `Session.redact`."""
        return self._run(self._session.redact(seq))

    def pin(self, seq: int) -> PinReply:
        """See `Session.pin`."""
        return self._run(self._session.pin(seq))

    def pins(self) -> PinList:
        """See `Session.pins`."""
        return self._run(self._session.pins())

    def unpin(self, seq: int) -> None:
        """See `Session.unpin`."""
        self._run(self._session.unpin(seq))


class BlockingClient:
    """A `Client` without `await`, for any number of threads. It also works inside a running event loop, which stands
    still meanwhile."""

    def __init__(
        self,
        service: str | Transport,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = PATIENT,
    ) -> None:
        self._client = Client(service, api_key=api_key, timeout_s=timeout_s, retry=retry)
        self._portal = Portal()
        self._run = self._portal.run

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()  # else the thread would stay
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """See `Client.open`."""
        self._run(self._client.open())

    def close(self) -> None:
        """See `Client.close`; ends the thread."""
        self._portal.close(self._client.close())

    def session(self, id: str) -> BlockingSession:
        """See `Client.session`."""
        return BlockingSession(self._client.session(id), self._portal)

    def list_sessions(
        self, *, prefix: str | None = None, user: str | None = None, after: str | None = None, limit: int | None = None
    ) -> SessionPage:
        """See `Client.list_sessions`."""
        return self._run(self._client.list_sessions(prefix=prefix, user=user, after=after, limit=limit))

    def walk_sessions(
        self, *, prefix: str | None = None, user: str | None = None, limit: int | None = None
    ) -> Iterator[SessionReply]:
        """See `Client.walk_sessions`."""
        page = self.list_sessions(prefix=prefix, user=user, limit=limit)
        yield from page.sessions
        while page.next is not None:
            page = self.list_sessions(prefix=prefix, user=user, after=page.next, limit=limit)
            yield from page.sessions

    def delete_user(self, user: str) -> None:
        """See `Client.delete_user`."""
        self._run(self._client.delete_user(user))

    def delete_inactive(self, inactive_since: float | str) -> Deleted:
        """See `Client.delete_inactive`."""
        return self._run(self._client.delete_inactive(inactive_since))

    def count(self, messages: Messages, **options: Unpack[CountOptions]) -> CountReply:
        """See `Client.count`."""
        return self._run(self._client.count(messages, **options))

    def spend(self, *, period: str | None = None, by: str | None = None) -> SpendReply:
        """See `Client.spend`."""
        return self._run(self._client.spend(period=period, by=by))

    def stats(self, *, period: str | None = None, tenants: Literal["mine", "all"] | None = None) -> StatsReply:
        """See `Client.stats`."""
        return self._run(self._client.stats(period=period, tenants=tenants))

    def budgets(self) -> BudgetList:
        """See `Client.budgets`."""
        return self._run(self._client.budgets())

    def put_budgets(self, budgets: Sequence[Json]) -> BudgetList:
        """See `Client.put_budgets`."""
        return self._run(self._client.put_budgets(budgets))

    def healthz(self) -> Health:
        """See `Client.healthz`."""
        return self._run(self._client.healthz())

    def readyz(self) -> Health:
        """See `Client.readyz`."""
        return self._run(self._client.readyz())

    def openapi(self) -> dict[str, Any]:
        """See `Client.openapi`."""
        return self._run(self._client.openapi())
