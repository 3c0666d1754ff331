"""The endpoint table: one row per call. Routes, OpenAPI document and client are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from memsvc.core.access import Access
from memsvc.wire import replies as out
from memsvc.wire import requests as take
from memsvc.wire import summaries
from memsvc.wire.money import PutBudgets, SpendQuery

Scope = Literal["session", "tenant", "public"]
"""What a call is about: one session of the tenant, the tenant, or nobody (no credential needed)."""


@dataclass(frozen=True, slots=True)
class Param:
    """A header or a part of the path: its name on the wire, meaning and JSON schema."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One endpoint.

    Attributes:
        name: unique; the method's name in service and client.
        path: with `{sid}` and `{seq}` where a value goes.
        summary: one line for the documentation.
        query, body: models of what is taken; None = nothing is.
        headers: request headers that mean something here.
        replies: success statuses, each with its model; None = no body.
        errors: statuses of problem documents it may answer with, besides those every call shares.
        needs: the scope that a key must have for it; of public calls nobody asks.
        needs_with: query parameter -> the scope that it needs beside.
    """

    name: str
    method: str
    path: str
    summary: str
    scope: Scope
    replies: Mapping[int, type[BaseModel] | None]
    query: type[take.Query] | None = None
    body: type[take.Body] | None = None
    headers: tuple[Param, ...] = ()
    errors: tuple[int, ...] = ()
    needs: Access = "write"
    needs_with: Mapping[str, Access] = field(default_factory=dict)

    @property
    def body_required(self) -> bool:
        """False when an empty body means `{}`."""
        return self.body is not None and any(f.is_required() for f in self.body.model_fields.values())


SID = Param(
    "sid",
    "The session's name: 1 to 200 characters, percent-encoded (`/` as `%2F`).",
    {"type": "string", "minLength": 1, "maxLength": 200, **take.PLAIN},
)
SEQ = Param(
    "seq", "A message's number in its session.", {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999}
)
USER = Param(
    "user",
    "The `user` tag of sessions: 1 to 200 characters, percent-encoded (`/` as `%2F`).",
    {"type": "string", "minLength": 1, "maxLength": 200, **take.PLAIN},
)
PATH_PARAMS: Mapping[str, Param] = {param.name: param for param in (SID, SEQ, USER)}

IDEMPOTENCY_KEY = Param(
    "Idempotency-Key",
    "1 to 255 printable ASCII characters. The same key with the same body answers as the first time.",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
IF_MATCH = Param(
    "If-Match",
    "Append only if the session's `log_revision` still is this number (plain or in quotes), else 409.",
    {"type": "string", "pattern": '^("[0-9]+"|[0-9]+)$'},
)
IF_NONE_MATCH = Param(
    "If-None-Match", "ETags the caller holds already; 304 if one still names the context.", {"type": "string"}
)

_SESSION = "/v1/sessions/{sid}"

CALLS: tuple[Call, ...] = (
    # The three hot ones first: the router tries rows in this order.
    Call(
        "context",
        "GET",
        f"{_SESSION}/context",
        "The context to send to the model: system prompt, summary, recent messages.",
        "session",
        {200: out.ContextReply, 304: None},
        query=take.ContextQuery,
        headers=(IF_NONE_MATCH,),
        errors=(404, 422),
        needs="read",
    ),
    Call(
        "append",
        "POST",
        f"{_SESSION}/messages",
        "Append messages, creating the session if new; with `context` also return the context.",
        "session",
        {200: out.AppendReply},
        query=take.AppendQuery,
        body=take.AppendMessages,
        headers=(IDEMPOTENCY_KEY, IF_MATCH),
        errors=(409, 422),
        needs_with={"context": "read"},
    ),
    Call(
        "get",
        "GET",
        _SESSION,
        "One session: counts, tokens, compaction, policy.",
        "session",
        {200: out.SessionReply},
        errors=(404,),
        needs="read",
    ),
    Call(
        "put",
        "PUT",
        _SESSION,
        "Create a session or change its settings.",
        "session",
        {200: out.SessionReply},
        body=take.PutSession,
        errors=(409, 422),
    ),
    Call(
        "delete",
        "DELETE",
        _SESSION,
        "Delete a session and everything derived from it.",
        "session",
        {204: None},
        errors=(404,),
    ),
    Call(
        "delete_user",
        "DELETE",
        "/v1/users/{user}",
        "Delete every session of one person and everything derived from them.",
        "tenant",
        {204: None},
        needs="admin",
    ),
    Call(
        "list_sessions",
        "GET",
        "/v1/sessions",
        "Sessions, newest activity first.",
        "tenant",
        {200: out.SessionPage},
        query=take.ListQuery,
        needs="read",
    ),
    Call(
        "delete_inactive",
        "DELETE",
        "/v1/sessions",
        "Delete every session that nothing was written to since a time, and everything derived from it.",
        "tenant",
        {200: out.Deleted},
        query=take.InactiveQuery,
        needs="admin",
    ),
    Call(
        "history",
        "GET",
        f"{_SESSION}/history",
        "The log as it was written, compacted or not.",
        "session",
        {200: out.HistoryPage},
        query=take.HistoryQuery,
        errors=(404,),
        needs="read",
    ),
    Call(
        "search",
        "GET",
        f"{_SESSION}/search",
        "Messages that fit words, compacted or not, the best first.",
        "session",
        {200: out.SearchReply},
        query=take.SearchQuery,
        errors=(404,),
        needs="read",
    ),
    Call(
        "summaries",
        "GET",
        f"{_SESSION}/summaries",
        "Every committed summary: what it stands for, what it says and leaves out.",
        "session",
        {200: summaries.SummaryPage},
        query=take.SummariesQuery,
        errors=(404,),
        needs="read",
    ),
    Call(
        "compact",
        "POST",
        f"{_SESSION}/compact",
        "Compact now; 202 if it is still under way.",
        "session",
        {200: summaries.CompactReply, 202: summaries.CompactReply},
        body=take.Compact,
        errors=(404, 409, 422),
    ),
    Call(
        "usage",
        "POST",
        f"{_SESSION}/usage",
        "Report what a model call used: booked once, and the session learns how the provider counts.",
        "session",
        {200: out.UsageReply},
        body=take.ReportUsage,
        errors=(404,),
    ),
    Call(
        "truncate",
        "POST",
        f"{_SESSION}/truncate",
        "Cut the log off after a message, to edit or regenerate.",
        "session",
        {200: out.SessionReply},
        body=take.Truncate,
        errors=(404, 409),
    ),
    Call(
        "fork",
        "POST",
        f"{_SESSION}/fork",
        "A new session that shares the past of this one.",
        "session",
        {200: out.SessionReply},
        body=take.Fork,
        errors=(404, 409),
    ),
    Call(
        "redact",
        "DELETE",
        f"{_SESSION}/messages/{{seq}}",
        "Erase one message for good, and every summary that covers it.",
        "session",
        {200: out.SessionReply},
        errors=(404,),
    ),
    Call(
        "pin",
        "PUT",
        f"{_SESSION}/pins/{{seq}}",
        "Keep a message word for word in every summary.",
        "session",
        {200: out.PinReply},
        errors=(404, 422),
    ),
    Call(
        "unpin",
        "DELETE",
        f"{_SESSION}/pins/{{seq}}",
        "Stop keeping it.",
        "session",
        {204: None},
        errors=(404,),
    ),
    Call(
        "pins",
        "GET",
        f"{_SESSION}/pins",
        "Which messages are kept word for word.",
        "session",
        {200: out.PinList},
        errors=(404,),
        needs="read",
    ),
    Call(
        "count",
        "POST",
        "/v1/count",
        "Count tokens without storing anything.",
        "tenant",
        {200: out.CountReply},
        body=take.CountTokens,
        needs="read",
    ),
    Call(
        "spend",
        "GET",
        "/v1/spend",
        "What calls have cost, by day, feature and model.",
        "tenant",
        {200: out.SpendReply},
        query=SpendQuery,
        needs="read",
    ),
    Call(
        "budgets",
        "GET",
        "/v1/budgets",
        "What the tenant may spend, and how far that is used up.",
        "tenant",
        {200: out.BudgetList},
        needs="read",
    ),
    Call(
        "put_budgets",
        "PUT",
        "/v1/budgets",
        "Set the tenant's own budgets.",
        "tenant",
        {200: out.BudgetList},
        body=PutBudgets,
        needs="admin",
    ),
    Call("healthz", "GET", "/healthz", "The process answers.", "public", {200: out.Health}),
    Call("readyz", "GET", "/readyz", "The store is reachable.", "public", {200: out.Health}, errors=(503,)),
    Call("openapi", "GET", "/openapi.json", "This document.", "public", {200: out.Document}),
)
