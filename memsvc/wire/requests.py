"""What a caller may send: bodies and query strings, as models that are also the documentation.

Bodies are strict (`"1"` is no number); in a query string digits are a number. A description says what
is expected, so that an error message can repeat it as the remedy.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from memsvc.core.limits import LEAST_CLAMP_TOKENS
from memsvc.core.model import FORMATS, Format
from memsvc.core.search import WORD

Mode = Literal["threshold", "economic", "manual", "shadow"]

MAX_MESSAGES = 10_000
"""Most messages in one append or count."""
MAX_LIMIT = 1_000
MAX_OUTLINE = 5_000
"""Most items of a page of the log without messages."""
"""Most items on one page."""
MAX_WAIT_MS = 60_000
"""Longest a caller may wait for a compaction."""
MAX_MEMBERS = 100
"""Most members of a usage object; the vendors' have about ten."""
MAX_NUMBER = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly."""
END_OF_TIME = 253_402_300_799
"""Last second of the year 9999."""


class Body(BaseModel):
    """Base of request bodies: strict types, no unknown members."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Query(BaseModel):
    """Base of query strings: no unknown parameters, numbers as digits."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def unprintable(text: str) -> bool:
    """Whether `text` has a control character, NUL or half a surrogate pair."""
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in text)


def plain(text: str) -> str:
    """A text, if it can be printed. For pydantic."""
    if unprintable(text):
        raise PydanticCustomError("plain_text", "must not have control characters, NUL or half surrogates")
    return text


def _digits(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise PydanticCustomError("int_type", "must be a whole number written in digits")
        return int(value)
    return value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _system(value: Any) -> Any:
    blocks = isinstance(value, list) and all(isinstance(block, dict) for block in value)
    if not (isinstance(value, str) or blocks):
        raise PydanticCustomError("system_type", "must be a string or a list of objects")
    return value


def read_moment(text: str) -> float:
    """Unix seconds of a time written as such, or as ISO 8601 (UTC where it has no zone). Raises ValueError."""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text)
    text = re.sub(r"(T.+) (\d\d:?\d\d)$", r"\1+\2", text)  # in a query string + is a space
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return read_moment(value)
        except (ValueError, OverflowError):
            raise PydanticCustomError(
                "moment", "must be unix seconds, or a time such as 2026-05-01T12:00:00Z"
            ) from None
    return value


PLAIN = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
"""For JSON Schema: no control characters; see `unprintable`."""
_SAYS_PLAIN: Any = PLAIN
_HAS_WORD: Any = {"allOf": [PLAIN, {"pattern": WORD}]}
_CURSOR: Any = {"pattern": "^[A-Za-z0-9_=-]+$"}
Name = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_SAYS_PLAIN), AfterValidator(plain)]
Cursor = Annotated[str, Field(min_length=1, max_length=2_000, json_schema_extra=_CURSOR), AfterValidator(plain)]
FormatName = Annotated[Format, WithJsonSchema({"enum": list(FORMATS)})]
ModeName = Annotated[Mode, WithJsonSchema({"enum": list(get_args(Mode))})]
Feature = Annotated[str, Field(min_length=1, max_length=100, json_schema_extra=_SAYS_PLAIN), AfterValidator(plain)]
Object = dict[str, Any]
_SYSTEM_BLOCK = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"enum": ["text", "input_text"]}, "text": {"type": "string"}},
}
System = Annotated[
    Any,
    AfterValidator(_system),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _SYSTEM_BLOCK}]}),
]
Moment = Annotated[float, Field(ge=0, le=END_OF_TIME)]
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER), BeforeValidator(_whole)]
Patience = Annotated[int, Field(ge=0, le=MAX_WAIT_MS), BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1, le=MAX_NUMBER), BeforeValidator(_whole)]
# The bounds stand before the reader of digits: only so do they reach the JSON schema.
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_digits)]
After = Annotated[int, Field(ge=0, le=MAX_NUMBER), BeforeValidator(_digits)]
Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_MS), BeforeValidator(_digits)]
Outline = Annotated[int, Field(ge=1, le=MAX_OUTLINE), BeforeValidator(_digits)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Room = Annotated[int, Field(ge=1, le=MAX_NUMBER), BeforeValidator(_digits)]

_FORMAT = "How the messages are written: " + ", ".join(f"`{name}`" for name in FORMATS) + "."
_LIMIT = f"How many items, 1 to {MAX_LIMIT}."
_MESSAGES = f"A list of 1 to {MAX_MESSAGES} message objects, as the vendor's API takes them."


class PolicyBody(Body):
    """When and how far to compact; what is absent or null has the service's default."""

    mode: ModeName | None = Field(
        None, description="When to compact: " + " or ".join(f"`{name}`" for name in get_args(Mode)) + "."
    )
    threshold_tokens: Count | None = Field(None, description="A context larger than this is compacted.")
    keep_tokens: Count | None = Field(None, description="The least that stays verbatim.")
    summary_tokens: Count | None = Field(None, description="The most a summary may take.")
    max_tokens: Count | None = Field(None, description="No context is ever larger (provider tokens).")
    max_bytes: Count | None = Field(None, description="No context has more bytes of messages.")
    cache_ttl: Literal["5m", "1h"] | None = Field(None, description="Life of the cache marks: `5m` or `1h`.")
    alpha: float | None = Field(None, gt=0, description="Economic mode: a positive number.")
    guard: float | None = Field(None, gt=0, description="Economic mode: a positive number.")
    tool_output_tokens: Annotated[int, Field(ge=LEAST_CLAMP_TOKENS, le=MAX_NUMBER), BeforeValidator(_whole)] | None = (
        Field(None, description="A tool's output longer than about this is shown without its middle, from now on.")
    )
    placement: Literal["user", "system_block"] | None = Field(
        None, description="Where the summary goes: `user` or `system_block`."
    )


class PutSession(Body):
    """Create or merge a session: absent = unchanged, null = back to the default."""

    system: System | None = Field(None, description="The system prompt: a string or a list of blocks.")
    tools: list[Object] | None = Field(None, fail_fast=True, description="The tool list, as the vendor's API takes it.")
    format: FormatName | None = Field(None, description=_FORMAT)
    model: Name | None = Field(None, description="The model this session talks to, 1 to 200 characters.")
    policy: PolicyBody | None = Field(None, description="When and how far to compact.")
    metadata: Object | None = Field(None, description="A free object, given back as it is.")
    user: Name | None = Field(None, description="A tag for all sessions of one person, 1 to 200 characters.")


class ReportUsage(Body):
    """What a model call used, for the books and for how the provider counts."""

    id: Name = Field(description="The provider's response id, 1 to 200 characters; a call is booked once.")
    revision: Number | None = Field(
        None,
        description="The `revision` of the context that was sent; without it nothing is learnt.",
    )
    provider: Name = Field(description="Who was called: `anthropic`, `openai`, ...")
    model: Name = Field(description="The model that answered, 1 to 200 characters.")
    usage: Object = Field(max_length=MAX_MEMBERS, description="The `usage` object of the provider's reply, as it came.")
    feature: Feature = Field("chat", description="What the call was for, 1 to 100 characters.")
    at: Moment | None = Field(None, description="When it was made, unix seconds from 0 to the year 9999. Default: now.")


class AppendMessages(Body):
    """Messages for the end of the log; all of them are stored or none."""

    messages: list[Object] = Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True, description=_MESSAGES)
    ids: list[Name] | None = Field(
        None,
        fail_fast=True,
        description="One id per message, each unique in the session; a message whose id is stored already is skipped.",
    )
    at: list[Moment] | None = Field(
        None, fail_fast=True, description="One time per message, unix seconds from 0 to the year 9999."
    )
    format: FormatName | None = Field(None, description=_FORMAT)
    usage: Object | None = Field(
        None,
        max_length=MAX_MEMBERS,
        description="Of the call that made the newest message: the `usage` object of the provider's reply, "
        "or what `POST .../usage` takes.",
    )


_TO_EPOCH = {"to_epoch": {"type": "integer"}}
_ALONE: Any = {
    "not": {
        "anyOf": [
            {"required": ["to_epoch", "keep_tokens"], "properties": {**_TO_EPOCH, "keep_tokens": {"type": "integer"}}},
            {"required": ["to_epoch", "force"], "properties": {**_TO_EPOCH, "force": {"const": True}}},
        ]
    }
}


class Compact(Body):
    """Ask for a compaction now."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_ALONE)

    force: bool = Field(False, description="Compact although the context is below its threshold.")
    keep_tokens: Count | None = Field(None, description="Keep at least so much verbatim, this time only.")
    wait_ms: Patience = Field(10_000, description="Answer 202 if it is not done after so many milliseconds.")
    to_epoch: Number | None = Field(
        None, description="Go back to the summary of this epoch instead, 0 = to the full history. Alone."
    )

    @field_validator("to_epoch")
    @classmethod
    def _alone(cls, epoch: int | None, info: ValidationInfo) -> int | None:
        if epoch is not None and (info.data.get("force") or info.data.get("keep_tokens") is not None):
            raise PydanticCustomError("alone", "goes without `force` and `keep_tokens`: nothing is written anew")
        return epoch


class Truncate(Body):
    """Cut the log off after a message, to edit or generate again."""

    after_seq: Number = Field(description="The last seq that stays; 0 cuts off everything.")


class Fork(Body):
    """Begin another session with the past of this one."""

    to: Name = Field(description="The new session's name, 1 to 200 characters; no session has it yet.")
    after_seq: Number | None = Field(None, description="The last seq that they share. Default: all of them.")


class CountTokens(Body):
    """Count tokens without storing anything."""

    messages: list[Object] = Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True, description=_MESSAGES)
    system: System | None = Field(None, description="The system prompt: a string or a list of blocks.")
    tools: list[Object] | None = Field(None, fail_fast=True, description="The tool list, as the vendor's API takes it.")
    model: Name | None = Field(None, description="The model to count for.")
    format: FormatName | None = Field(None, description=_FORMAT)


class ListQuery(Query):
    """Which sessions to list."""

    prefix: Annotated[str, Field(max_length=200, json_schema_extra=_SAYS_PLAIN), AfterValidator(plain)] = Field(
        "", description="Only sessions whose name begins with this."
    )
    user: Name | None = Field(None, description="Only sessions with this `user` tag.")
    after: Cursor | None = Field(None, description="The `next` of the page before.")
    limit: Limit = Field(100, description=_LIMIT)


class InactiveQuery(Query):
    """Which sessions have been left alone."""

    inactive_since: Annotated[
        float,
        Field(ge=0, le=END_OF_TIME),
        BeforeValidator(_moment),
        WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}),
    ] = Field(description="Unix seconds or ISO 8601 (UTC where it has no zone), not in the future.")


class AppendQuery(Query):
    """Whether the reply to an append brings the context along."""

    context: FormatName | None = Field(None, description="Return the context too, in this format. " + _FORMAT)
    max_tokens: Room | None = Field(None, description="With `context`: a smaller limit for this context alone.")
    marks: Literal["auto", "none"] | None = Field(None, description="With `context`: `auto` or `none`.")


class ContextQuery(Query):
    """How the context should look."""

    format: FormatName | None = Field(None, description=_FORMAT + " Default: the session's.")
    max_tokens: Room | None = Field(
        None, description="A smaller limit for this fetch alone: it fits, or the answer is 422."
    )
    wait_ms: Wait = Field(0, description=f"Wait at most so long for a compaction that is due, up to {MAX_WAIT_MS}.")
    marks: Literal["auto", "none"] = Field("auto", description="Cache marks: `auto` or `none`.")


class HistoryQuery(Query):
    """Which part of the log."""

    after: After = Field(0, description="The seq after which to begin.")
    limit: Outline = Field(
        100, description=f"How many items. A page has {MAX_LIMIT} at most, without content {MAX_OUTLINE}."
    )
    content: Flag = Field(True, description="False: items without `message`, to draw a long log.")
    format: FormatName | None = Field(None, description=_FORMAT + " Default: as each was written.")


class SearchQuery(Query):
    """What to look for."""

    q: Annotated[str, Field(min_length=1, max_length=1_000, json_schema_extra=_HAS_WORD), AfterValidator(plain)] = (
        Field(description='Words, and "phrases" that must be there word for word. No operators.')
    )
    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)] = Field(10, description="Most results.")


class SummariesQuery(Query):
    """Which summaries."""

    after: After = Field(0, description="The epoch after which to begin.")
    limit: Limit = Field(100, description=_LIMIT + " With `statements` a page has 20 at most.")
    statements: Flag = Field(False, description="Say what each states, where it comes from, and what it leaves out.")
