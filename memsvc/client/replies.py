"""From an answer's bytes to what the methods give. Messages are decoded, never checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from memsvc.client.problems import unknown_answer
from memsvc.client.transport import Answer
from memsvc.core.model import Format
from memsvc.wire.replies import (
    AppendFacts,
    Covers,
    HistoryItem,
    HistoryPage,
    PrefixChange,
    StablePrefix,
    TokenCounts,
)

Model = TypeVar("Model", bound=BaseModel)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What to send to the model. The handle that fetched it gives it again while it is unchanged: read it, do not
    change it.

    Attributes:
        system, messages, input, tools: as the API gives them; None = the format or the session has none.
        etag: names these bytes; None where it came with an append.
    """

    format: Format
    system: str | list[Json] | None
    messages: list[Json]
    input: list[Json] | None
    tools: list[Json] | None
    epoch: int
    revision: int
    log_revision: int
    covers: Covers | None
    tokens: TokenCounts
    stable_prefix: StablePrefix
    prefix_change: PrefixChange | None
    thinking_stripped: bool
    etag: str | None = None

    @property
    def request(self) -> Json:
        """What the vendor's SDK takes, for `**`: `system` (Anthropic), `messages` or `input` (Responses), `tools`;
        what the session has none of is left out. The lists are new ones, their items are not."""
        named = "input" if self.format == "responses" else "messages"
        made: Json = {"system": self.system} if self.format == "anthropic" and self.system is not None else {}
        made[named] = list(self.messages)
        return made if self.tools is None else {**made, "tools": list(self.tools)}


class AppendReply(AppendFacts):
    """What an append did, and the context if that was asked for."""

    context: Context | None = None


def decoded(answer: Answer) -> Any:
    """The JSON of a body; numbers of any size stay."""
    try:
        return msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        raise unknown_answer() from None


def read(model: type[Model], answer: Answer) -> Model:
    """A small reply."""
    return checked(model, decoded(answer))


def checked(model: type[Model], value: Any) -> Model:
    """`value` as a `model`. Raises MemsvcError for the answer of something that is no memsvc."""
    try:
        return model.model_validate(value)
    except ValidationError:
        raise unknown_answer() from None


def read_context(answer: Answer) -> Context:
    """A fetched context."""
    return context_of(decoded(answer), answer.headers.get("ETag"))


def read_append(answer: Answer) -> AppendReply:
    """What an append did."""
    document = decoded(answer)
    context = document.pop("context", None) if isinstance(document, dict) else None
    reply = checked(AppendReply, document)
    return reply if context is None else reply.model_copy(update={"context": context_of(context, None)})


def read_history(answer: Answer) -> HistoryPage:
    """A page of the log."""
    document = decoded(answer)
    try:
        rows = [HistoryItem.model_construct(**row) for row in document["messages"]]
        return HistoryPage.model_construct(messages=rows, next=document["next"])
    except (KeyError, TypeError):
        raise unknown_answer() from None


def context_of(document: Mapping[str, Any], etag: str | None) -> Context:
    """A context as decoded."""
    try:
        covers, change = document["covers"], document["prefix_change"]
        return Context(
            format=document["format"],
            system=document.get("system"),
            messages=document["messages"],
            input=document.get("input"),
            tools=document.get("tools"),
            epoch=document["epoch"],
            revision=document["revision"],
            log_revision=document["log_revision"],
            covers=None if covers is None else checked(Covers, covers),
            tokens=checked(TokenCounts, document["tokens"]),
            stable_prefix=checked(StablePrefix, document["stable_prefix"]),
            # A later service may give reasons that are not known here.
            prefix_change=None if change is None else PrefixChange.model_construct(**change),
            thinking_stripped=document["thinking_stripped"],
            etag=etag,
        )
    except (KeyError, TypeError, AttributeError):
        raise unknown_answer() from None
