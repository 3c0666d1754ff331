"""What the server keeps of every request, for tests to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

CLIENT_LEFT = 499
"""Status of a request whose client hung up before the reply."""
KEPT_HEADERS = (
    "anthropic-version",
    "anthropic-beta",
    "content-type",
    "idempotency-key",
    "user-agent",
    "x-fake-behaviour",
    "x-stainless-retry-count",
)


@dataclass(slots=True)
class Call:
    """One request.

    Attributes:
        number: 1 for the first request of this server.
        headers: those that a test may want, lower case; never the key.
        body: the decoded JSON, or None if there was none.
        status: of the reply; 0 while there is none, 499 if the client left.
        behaviour: which one was played; "" where none is.
        usage: what the call really used, whatever the reply says; None if no model was called.
    """

    number: int
    vendor: Literal["anthropic", "openai"]
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None
    model: str = ""
    status: int = 0
    behaviour: str = ""
    usage: Mapping[str, Any] | None = None
    items: list[Mapping[str, Any]] = field(default_factory=list)
    """Usage of the items of a batch that were answered, for the request that made the batch."""

    @property
    def request_id(self) -> str:
        """What the reply gives as the request's id."""
        return f"req_{self.number:08d}"


def vendor_of(request: web.Request) -> Literal["anthropic", "openai"]:
    """Whose API is called: both have `/v1/models`, one of them wants a version header."""
    if request.path.startswith("/v1/messages") or "anthropic-version" in request.headers:
        return "anthropic"
    return "openai"


def key_of(request: web.Request) -> str:
    """The API key of a request, from either header; empty if there is none."""
    bearer = request.headers.get("Authorization", "")
    scheme, _, key = bearer.partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else request.headers.get("x-api-key", "")
