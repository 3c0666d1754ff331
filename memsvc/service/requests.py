"""What the faces ask the service for, already parsed; and what comes back as finished bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from memsvc.core.model import Format, Session
from memsvc.core.money import Sent
from memsvc.core.usage import Report

Marks = Literal["auto", "none"]
"""`auto` = the cache marks the format can carry; `none` = the plain lists."""


class PutRequest(Struct, frozen=True):
    """Create or merge a session.

    Attributes:
        fields: JSON text of each member that was sent, by name (`system`, `tools`, `format`,
            `model`, `policy`, `metadata`, `user`); `b"null"` = back to the default;
            absent = unchanged.
        system_role: of a `system` that is new, in OpenAI's formats.
    """

    fields: Mapping[str, bytes]
    system_role: Literal["system", "developer"] = "system"


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """A report of a model call that the caller made.

    Attributes:
        usage: the provider's usage object as it came.
        id: the provider's response id, or another name that is unique in the tenant; None = not known.
        provider, model: who was called; None = what the session tells.
        revision: of the context that was sent; None = nothing is learnt from the report.
        feature: what the call was for.
        at: when it was made; None = now.
        held: id under which the call's worst case was held; it is settled with this. None = nothing was held.
        where: path of `usage` in the caller's request, for errors.
        read: what the report says, where somebody has read it already.
        sent: the context of that revision, where it is at hand.
    """

    usage: Mapping[str, object]
    id: str | None = None
    provider: str | None = None
    model: str | None = None
    revision: int | None = None
    feature: str = "chat"
    at: float | None = None
    held: str | None = None
    where: str = "usage"
    read: Report | None = field(default=None, repr=False, compare=False)
    sent: Sent | None = field(default=None, repr=False, compare=False)


class AppendRequest(Struct, frozen=True):
    """Messages to append, each as its own JSON text.

    Attributes:
        format: None = the session's format, else guessed per message (`openai` when nothing tells).
        if_log_revision: value of If-Match, or None.
        usage: of the call that made the newest of the messages, or None.
    """

    messages: tuple[bytes, ...]
    ids: tuple[str, ...] | None = None
    at: tuple[float, ...] | None = None
    format: Format | None = None
    idempotency_key: str | None = None
    if_log_revision: int | None = None
    usage: UsageRequest | None = None


class ContextRequest(Struct, frozen=True):
    """What a fetch asks for.

    Attributes:
        format: None = the session's format.
        max_tokens: a smaller limit for this fetch alone; it never commits anything.
        wait_ms: wait at most so long for a compaction that is due; 0 = never wait.
    """

    format: Format | None = None
    max_tokens: int | None = None
    wait_ms: int = 0
    marks: Marks = "auto"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished context.

    Attributes:
        body: JSON.
        etag: the strong ETag that names it, with quotes.
        session: the header that it was rendered from.
    """

    body: bytes
    etag: str
    session: Session = field(compare=False)


class CompactRequest(Struct, frozen=True):
    """Ask for a compaction now.

    Attributes:
        force: compact although the context is below its threshold.
        keep_tokens: keep at least so much verbatim this time; None = the policy's.
        wait_ms: answer 202 if it is not done by then.
        to_epoch: write nothing, but make the summary of that epoch the current one again; 0 = the full history.
    """

    force: bool = False
    keep_tokens: int | None = None
    wait_ms: int = 10_000
    to_epoch: int | None = None


class CountRequest(Struct, frozen=True):
    """Count tokens without storing anything. Members are JSON text, None = absent."""

    messages: tuple[bytes, ...] = ()
    system: bytes | None = None
    tools: bytes | None = None
    model: str | None = None
    format: Format | None = None
