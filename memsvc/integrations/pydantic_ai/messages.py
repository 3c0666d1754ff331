"""Pydantic AI's messages as a session stores them, part by part, and what is sent instead of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ThinkingPart,
    ToolCallPart,
)

from memsvc.integrations.mirror import Sent, Unit
from memsvc.integrations.pydantic_ai.wire import Json, of_part, of_response, to_message


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a message: of one part of a request (`part`), or of a response."""

    unit: Unit
    message: int
    part: int | None


def system_of(messages: Sequence[ModelMessage]) -> list[str]:
    """The system prompts of a history: they are sent before all else, and are no messages."""
    return [p.content for m in messages for p in m.parts if isinstance(p, SystemPromptPart)]


def stored(messages: Sequence[ModelMessage]) -> list[Stored]:
    """What a session stores of messages. A part's name comes from its words and its time: both stay the same when a
    history is written down and read again, or when requests are joined."""
    return list(_stored(messages))


def to_send(sent: Sent, units: Sequence[Stored], given: Sequence[ModelMessage]) -> list[ModelMessage]:
    """What is sent as messages: the given ones where they go as they are, after all system prompts."""
    systems = [p for m in given for p in m.parts if isinstance(p, SystemPromptPart)]
    found: list[ModelMessage] = [ModelRequest(parts=systems)] if systems else []
    names = {p.tool_call_id: p.tool_name for m in given for p in m.parts if isinstance(p, ToolCallPart)}
    out = {(u.message, u.part) for u in units} - {
        (units[m].message, units[m].part) for m in sent.messages if isinstance(m, int)
    }
    loop = max((u.message for u in units if u.unit.wire["role"] == "user"), default=-1)
    last = -1
    for m in sent.messages:
        if not isinstance(m, int):
            found.append(to_message(m, names))
        elif units[m].message != last:
            last = units[m].message
            found.append(_kept(given[last], last, out, bound=m in sent.before_epoch and last < loop))
    if isinstance(given[-1], ModelRequest) and last != len(given) - 1 and not isinstance(found[-1], ModelRequest):
        found.append(_kept(given[-1], len(given) - 1, out, bound=False))  # it says nothing, but a call ends with one
    return found


def _kept(message: ModelMessage, place: int, out: set[tuple[int, int | None]], *, bound: bool) -> ModelMessage:
    """The message itself, or what of it is sent."""
    if isinstance(message, ModelResponse):
        parts = [p for p in message.parts if not (bound and isinstance(p, ThinkingPart) and _binds(p))]
        return message if len(parts) == len(message.parts) else replace(message, parts=parts)
    kept = [p for i, p in enumerate(message.parts) if (place, i) not in out and not isinstance(p, SystemPromptPart)]
    return message if len(kept) == len(message.parts) else replace(message, parts=kept)


def _binds(part: ThinkingPart) -> bool:
    """Whether its provider may refuse it behind another prefix."""
    return part.provider_name in ("anthropic", "bedrock") and part.signature is not None


def _stored(messages: Sequence[ModelMessage]) -> Iterator[Stored]:
    for m, message in enumerate(messages):
        if isinstance(message, ModelResponse):
            yield Stored(_unit(of_response(message), message.timestamp), m, None)
            continue
        for p, part in enumerate(message.parts):
            if (wire := of_part(part)) is not None:
                yield Stored(_unit(wire, getattr(part, "timestamp", None)), m, p)


def _unit(wire: Json, at: datetime | None) -> Unit:
    said = json.dumps([wire, at.isoformat() if at is not None else None], sort_keys=True)
    return Unit(hashlib.sha256(said.encode()).hexdigest()[:40], wire)
