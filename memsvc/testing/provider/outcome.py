"""What a behaviour can make of a request: an answer or a fault, in neither vendor's shape yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memsvc.testing.provider.models import Model

Api = Literal["messages", "chat", "responses"]
Kind = Literal[
    "invalid",
    "auth",
    "no_model",
    "not_found",
    "too_large",
    "overflow",
    "rate_limit",
    "spend_limit",
    "overloaded",
    "server",
    "gateway",
    "expired",
]
STATUS: Mapping[Kind, int] = {
    "invalid": 400,
    "auth": 401,
    "no_model": 404,
    "not_found": 404,
    "too_large": 413,
    "overflow": 400,
    "rate_limit": 429,
    "spend_limit": 429,
    "overloaded": 529,
    "server": 500,
    "gateway": 502,
    "expired": 504,
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of a request: its name and the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that keeps the vendor's rules, read for a behaviour.

    Attributes:
        body: as it came.
        tokens: of the whole prompt.
        max_tokens: the most the reply may have, or None.
        system: the text of the system prompt.
        turns: (role, text) of every message; the role of a tool's result is `tool`.
        nth: how often this behaviour was chosen before.
    """

    api: Api
    model: Model
    body: Mapping[str, Any]
    tokens: int
    max_tokens: int | None
    system: str
    turns: tuple[tuple[str, str], ...]
    tools: tuple[Tool, ...]
    nth: int = 0

    @property
    def user(self) -> str:
        """Text of the last message if the user wrote it, else empty."""
        return self.turns[-1][1] if self.turns and self.turns[-1][0] == "user" else ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the answer calls; `id` without the vendor's prefix."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says.

    Attributes:
        thinking: True = a thinking block first, whatever the model; None = if the model thinks.
        refusal: why it refuses, in OpenAI's own member; None = it does not.
        usage: `absurd` and `missing` are what the reply says, never what the server books.
        variant: which absurdity.
        cut: the connection breaks in the middle of the reply.
        garbled: the reply is no JSON.
        waits: until the server's gate opens, or its `delay_s` is over.
        heedless: it may be longer than `max_tokens`.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    stop: Literal["end", "length", "tool", "refusal", "window"] = "end"
    thinking: bool | None = None
    refusal: str | None = None
    usage: Literal["honest", "absurd", "missing"] = "honest"
    variant: int = 0
    cut: bool = False
    garbled: bool = False
    waits: bool = False
    heedless: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A reply that is an error.

    Attributes:
        param: which field was wrong (OpenAI names it).
        reason: OpenAI's `code`, where the kind alone does not give it.
        retry_after: seconds, for the header of that name; None = no header.
    """

    kind: Kind
    message: str
    param: str | None = None
    reason: str | None = None
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status, but for the 529 that only Anthropic has."""
        return STATUS[self.kind]
