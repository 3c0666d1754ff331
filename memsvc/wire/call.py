"""What a row of the endpoint table is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field
from pydantic import BaseModel

from memsvc.core.access import Access
from memsvc.wire import requests as take

Scope = Literal["session", "tenant", "public"]
"""What a call is about: one session of the tenant, the tenant, or nobody (no credential needed)."""


class Param(Struct, frozen=True):
    """A header or a part of the path: its name on the wire, meaning and JSON schema."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Call(Struct, frozen=True):
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
        needs_with: query parameter, or parameter=value -> the scope that it needs beside.
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
