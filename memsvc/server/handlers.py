"""One handler per row of the endpoint table: parse, call, reply."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from memsvc.core.budgets import Budget
from memsvc.core.model import Key
from memsvc.errors import InvalidRequest
from memsvc.server import reply
from memsvc.server.asked import Asked
from memsvc.server.body import Bodies, items, members, parse
from memsvc.server.paths import name_in_path
from memsvc.server.query import context_request
from memsvc.server.query import query as read_query
from memsvc.service.requests import (
    AppendRequest,
    CompactRequest,
    ContextRequest,
    CountRequest,
    PutRequest,
    UsageRequest,
)
from memsvc.wire import (
    check_append,
    check_append_query,
    check_idempotency_key,
    check_name,
    check_usage,
    validate,
)
from memsvc.wire import requests as take
from memsvc.wire.money import PutBudgets, SpendQuery
from memsvc.wire.stats import CallsQuery, StatsQuery

if TYPE_CHECKING:
    from memsvc.service import Memory

Handler = Callable[[Asked, Key], Awaitable[web.Response]]
Body = TypeVar("Body", bound=take.Body)


def _openapi() -> dict[str, Any]:
    from memsvc.wire.openapi import openapi_document

    return openapi_document()


class Handlers:
    """Turns requests into calls of `memory`. A `Key` names tenant and session ("" where none is)."""

    def __init__(self, memory: Memory, bodies: Bodies) -> None:
        self._memory = memory
        self._bodies = bodies
        self._openapi = functools.cache(_openapi)

    async def context(self, request: Asked, key: Key) -> web.Response:
        """The hot one, where it is not asked for in the plain way (`Front`)."""
        wanted = context_request(request.rel_url.raw_query_string)
        found = await self._memory.context(key, wanted)
        return reply.context(found.body, found.etag, request.headers.get("If-None-Match"))

    async def append(self, request: Asked, key: Key) -> web.Response:
        """Append, where it is not asked for in the plain way (`Front`)."""
        return reply.json_bytes(await self.appended(request, key))

    async def appended(self, request: Asked, key: Key) -> bytes:
        """Append; what is answered. With `?context=` the context is spliced in as bytes."""
        query = read_query(request, take.AppendQuery)
        check_append_query(query)
        wanted = _append_request(request.headers, await self._bodies.read(request))
        if query.context is None:
            return reply.printed(await self._memory.append(key, wanted))
        look = ContextRequest(query.context, query.max_tokens, marks=query.marks or "auto")
        done, context = await self._memory.append_and_context(key, wanted, look)
        return reply.printed_with(done, "context", context.body)

    async def put(self, request: Asked, key: Key) -> web.Response:
        """Create or merge; members go on as the bytes they came as."""
        raw = await self._bodies.read(request) or b"{}"
        validate(take.PutSession, parse(raw))
        return reply.json_value(await self._memory.put(key, PutRequest(members(raw))))

    async def get(self, request: Asked, key: Key) -> web.Response:
        """One session."""
        return reply.json_value(await self._memory.get(key))

    async def delete(self, request: Asked, key: Key) -> web.Response:
        """All of a session."""
        await self._memory.delete(key)
        return reply.empty()

    async def delete_user(self, request: Asked, key: Key) -> web.Response:
        """All sessions of one person."""
        user = check_name(name_in_path(request, "user", "user"), "user")
        await self._memory.delete_user(key.tenant, user)
        return reply.empty()

    async def delete_inactive(self, request: Asked, key: Key) -> web.Response:
        """All sessions that were left alone."""
        query = read_query(request, take.InactiveQuery)
        return reply.json_value(await self._memory.delete_inactive(key.tenant, query.inactive_since))

    async def spend(self, request: Asked, key: Key) -> web.Response:
        """What calls have cost."""
        query = read_query(request, SpendQuery)
        return reply.json_value(await self._memory.spend(key.tenant, **query.model_dump()))

    async def stats(self, request: Asked, key: Key) -> web.Response:
        """Figures of a period."""
        query = read_query(request, StatsQuery)
        return reply.json_value(await self._memory.stats.document(key.tenant, **query.model_dump()))

    async def calls(self, request: Asked, key: Key) -> web.Response:
        """A page of a session's lines in the books."""
        query = read_query(request, CallsQuery)
        return reply.json_value(await self._memory.stats.calls(key, **query.model_dump()))

    async def budgets(self, request: Asked, key: Key) -> web.Response:
        """What may be spent, and what is."""
        return reply.json_value({"budgets": await self._memory.purse.document(key.tenant)})

    async def put_budgets(self, request: Asked, key: Key) -> web.Response:
        """Set a tenant's budgets."""
        body = validate(PutBudgets, parse(await self._bodies.read(request)))
        wanted = [Budget(b.period, b.feature, round(b.limit_usd * 1_000_000) or 1) for b in body.each]
        return reply.json_value({"budgets": await self._memory.purse.put(key.tenant, wanted)})

    async def list_sessions(self, request: Asked, key: Key) -> web.Response:
        """A page of sessions."""
        query = read_query(request, take.ListQuery)
        return reply.json_value(await self._memory.list_sessions(key.tenant, **query.model_dump()))

    async def history(self, request: Asked, key: Key) -> web.Response:
        """A page of the log, as bytes."""
        query = read_query(request, take.HistoryQuery)
        return reply.json_bytes(await self._memory.history(key, **query.model_dump()))

    async def search(self, request: Asked, key: Key) -> web.Response:
        """Messages that fit words."""
        query = read_query(request, take.SearchQuery)
        return reply.json_value(await self._memory.search(key, **query.model_dump()))

    async def summaries(self, request: Asked, key: Key) -> web.Response:
        """A page of summaries."""
        query = read_query(request, take.SummariesQuery)
        return reply.json_value(await self._memory.summaries(key, **query.model_dump()))

    async def compact(self, request: Asked, key: Key) -> web.Response:
        """Compact now."""
        body = validate(take.Compact, parse(await self._bodies.read(request) or b"{}"))
        status, done = await self._memory.compact(key, CompactRequest(**body.model_dump()))
        return reply.json_value(done, status=status)

    async def usage(self, request: Asked, key: Key) -> web.Response:
        """Book a call."""
        body = validate(take.ReportUsage, parse(await self._bodies.read(request)))
        return reply.json_value(await self._memory.usage(key, UsageRequest(**body.model_dump())))

    async def truncate(self, request: Asked, key: Key) -> web.Response:
        """Cut the log off."""
        body = validate(take.Truncate, parse(await self._bodies.read(request)))
        return reply.json_value(await self._memory.truncate(key, body.after_seq))

    async def fork(self, request: Asked, key: Key) -> web.Response:
        """Share the past."""
        body = validate(take.Fork, parse(await self._bodies.read(request)))
        return reply.json_value(await self._memory.fork(key, body.to, body.after_seq))

    async def redact(self, request: Asked, key: Key) -> web.Response:
        """Erase a message."""
        return reply.json_value(await self._memory.redact(key, _seq(request)))

    async def pin(self, request: Asked, key: Key) -> web.Response:
        """Keep a message."""
        return reply.json_value(await self._memory.pin(key, _seq(request)))

    async def unpin(self, request: Asked, key: Key) -> web.Response:
        """Let it go."""
        await self._memory.unpin(key, _seq(request))
        return reply.empty()

    async def pins(self, request: Asked, key: Key) -> web.Response:
        """What is kept."""
        return reply.json_value(await self._memory.pins(key))

    async def count(self, request: Asked, key: Key) -> web.Response:
        """Count, store nothing."""
        wanted = _count_request(await self._bodies.read(request))
        return reply.json_value(await self._memory.count(wanted))

    async def healthz(self, request: Asked, key: Key) -> web.Response:
        """The process answers."""
        return reply.json_value({"status": "ok"})

    async def readyz(self, request: Asked, key: Key) -> web.Response:
        """The store answers too."""
        await self._memory.ready()
        return reply.json_value({"status": "ready"})

    async def openapi(self, request: Asked, key: Key) -> web.Response:
        """The OpenAPI document."""
        return reply.json_value(self._openapi())


def _append_request(headers: Mapping[str, str], raw: bytes) -> AppendRequest:
    body = validate(take.AppendMessages, parse(raw))
    check_append(body)
    return AppendRequest(
        messages=items(members(raw)["messages"]),
        ids=None if body.ids is None else tuple(body.ids),
        at=None if body.at is None else tuple(body.at),
        format=body.format,
        idempotency_key=check_idempotency_key(headers.get("Idempotency-Key")),
        if_log_revision=_if_match(headers.get("If-Match")),
        usage=_appended_usage(body.usage),
    )


def _appended_usage(usage: dict[str, Any] | None) -> UsageRequest | None:
    if usage is None:
        return None
    report = check_usage(usage)
    if report is None:
        return UsageRequest(usage)
    return UsageRequest(**report.model_dump(), where="usage.usage")


def _count_request(raw: bytes) -> CountRequest:
    body = validate(take.CountTokens, parse(raw))
    parts = members(raw)
    return CountRequest(
        messages=items(parts["messages"]),
        system=None if body.system is None else parts["system"],
        tools=None if body.tools is None else parts["tools"],
        model=body.model,
        format=body.format,
    )


def _seq(request: Asked) -> int:
    text = request.match_info["seq"]
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) == 0:
        raise InvalidRequest("`seq` must be a whole number of at least 1: a message's number.", field="seq")
    return int(text)


def _if_match(value: str | None) -> int | None:
    if value is None:
        return None
    found = re.fullmatch(r'("?)([0-9]{1,15})\1', value.strip())
    if found is None:
        raise InvalidRequest(
            "`If-Match` must be one log_revision, such as 5, plain or in quotes; or leave it out.",
            field="If-Match",
        )
    return int(found[2])
