"""Arguments of the calls that take many, by name. What they mean: the models of `memsvc.wire.requests`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from memsvc.core.model import Format

Json = Mapping[str, Any]
Message = Any
"""A message as the vendor's API takes it: a mapping, or an object of the vendor's SDK."""
Messages = Any
"""One message, or a sequence of them."""
Marks = Literal["auto", "none"]
System = str | Sequence[Json]


class AppendOptions(TypedDict, total=False):
    """Of `append`. With `context`, a format, the reply brings the context along, to which `max_tokens` and `marks`
    apply. `idempotency_key` None = a new one."""

    ids: Sequence[str] | None
    at: Sequence[float] | None
    format: Format | None
    usage: Any
    context: Format | None
    max_tokens: int | None
    marks: Marks | None
    idempotency_key: str | None
    if_log_revision: int | None


class PutOptions(TypedDict, total=False):
    """Of `put`: absent = unchanged, None = back to the default."""

    system: System | None
    tools: Sequence[Any] | None
    format: Format | None
    model: str | None
    policy: Json | None
    metadata: Json | None
    user: str | None


class UsageOptions(TypedDict):
    """Of `usage`: `id` is the provider's response id, `usage` its usage object as it came."""

    id: str
    provider: str
    model: str
    usage: Any
    revision: NotRequired[int | None]
    feature: NotRequired[str]
    at: NotRequired[float | None]


class CompactOptions(TypedDict, total=False):
    """Of `compact`. `wait_ms` None = ten seconds; `to_epoch` goes alone."""

    force: bool
    keep_tokens: int | None
    wait_ms: int | None
    to_epoch: int | None


class CountOptions(TypedDict, total=False):
    """Of `count`."""

    system: System | None
    tools: Sequence[Any] | None
    model: str | None
    format: Format | None
