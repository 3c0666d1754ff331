"""What the service answers: models for the documentation, the client and the tests.

The server does not validate its own replies; a test does, against a running service.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from memsvc.core.model import Format, PrefixReason, State


class Reply(BaseModel):
    """Base of replies. A later version may add members; readers ignore what they do not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class TokenCounts(Reply):
    """Raw o200k counts, framing included."""

    full: int = Field(description="The context without any compaction.")
    context: int = Field(description="system + tools + summary + tail.")
    system: int
    tools: int
    summary: int
    tail: int
    ratio: float = Field(description="context / full.")


class ShadowFigures(Reply):
    """What would be served if it were not for the mode `shadow`."""

    tokens: int = Field(description="Raw tokens of the compacted context.")


class CompactionState(Reply):
    """Where the session's compaction stands."""

    state: State
    due: float | None = Field(description="Unix seconds, null when nothing is queued.")
    last_error: str | None
    last_reason: str | None
    predicted_saving_usd: float | None = Field(description="Of the summary in force; null in lists of sessions.")
    actual_saving_usd: float | None = Field(description="The same, so far. Null = unknown, and in lists.")
    shadow: ShadowFigures | None = Field(description="In the mode `shadow`, while the full history is served.")


class SessionReply(Reply):
    """One session."""

    session: str
    format: Format | None
    model: str | None
    user: str | None
    metadata: dict[str, Any]
    created_at: float
    updated_at: float
    epoch: int = Field(description="Count of committed compactions (and of edits).")
    revision: int = Field(description="Count of changes visible in the context.")
    log_revision: int = Field(description="Count of changes of the log; what `If-Match` compares.")
    messages: int = Field(description="Live ones; edits supersede messages.")
    last_seq: int = Field(description="Highest seq ever given.")
    cut: int | None = Field(description="The last seq the summary stands for, null without one.")
    tokens: TokenCounts
    compaction: CompactionState
    policy: dict[str, Any] = Field(description="As set, and under `effective` with everything decided.")


class SessionPage(Reply):
    """Sessions, newest activity first."""

    sessions: list[SessionReply]
    next: str | None = Field(description="Value for `after`, null on the last page.")


class Covers(Reply):
    """The seqs a summary stands for, both ends included."""

    model_config: ClassVar[ConfigDict] = ConfigDict(populate_by_name=True, serialize_by_alias=True, frozen=True)

    from_seq: int = Field(alias="from")
    to: int


class StablePrefix(Reply):
    """The part of the context that later appends will not touch."""

    messages: int
    tokens: int
    sha256: str


class PrefixChange(Reply):
    """Why the present prefix began."""

    reason: PrefixReason
    at_revision: int


class ContextReply(Reply):
    """What to send to the model: `system` (Anthropic) and `messages`, or `input` (Responses), as they are."""

    format: Format
    system: str | list[dict[str, Any]] | None = None
    messages: list[dict[str, Any]]
    input: list[dict[str, Any]] | None = Field(None, description="In format `responses`: `messages` once more.")
    tools: list[dict[str, Any]] | None = None
    epoch: int
    revision: int
    log_revision: int
    covers: Covers | None
    tokens: TokenCounts
    stable_prefix: StablePrefix
    prefix_change: PrefixChange | None
    thinking_stripped: bool


class UsageReply(Reply):
    """What became of a usage report."""

    booked: bool = Field(description="False where this id is in the books already: nothing changed.")
    cost_usd: float | None = Field(description="What the call cost; null where the price is unknown.")
    factor: float | None = Field(description="Provider tokens per raw token, as reported; null while nothing is known.")


class AppendFacts(Reply):
    """What an append did, without the context."""

    session: str
    seqs: list[int]
    first_seq: int | None
    last_seq: int | None
    log_revision: int
    revision: int
    epoch: int
    tokens: int = Field(description="Raw count of the messages of this request.")
    duplicate: bool = Field(description="Nothing was written: all of it was there already.")
    usage: UsageReply | None = Field(None, description="With `usage` in the body.")


class AppendReply(AppendFacts):
    """What an append did."""

    context: ContextReply | None = Field(None, description="With `?context=FORMAT`.")


class HistoryItem(Reply):
    """One message as it was written."""

    seq: int
    id: str | None
    at: float
    tokens: int
    epoch: int
    compacted: bool
    superseded: bool
    redacted: bool = Field(description="Its text is gone for good; `message` is a fixed tombstone.")
    format: Format
    part: int | None = Field(None, description="Where another format takes several messages for one: which.")
    role: str | None = Field(None, description="As the message says it; null where it says none.")
    message: dict[str, Any] = Field(default_factory=dict, description="Absent with `content=false`.")


class HistoryPage(Reply):
    """The verbatim log, in seq order."""

    messages: list[HistoryItem]
    next: int | None = Field(description="Value for `after`, null at the end.")


class SearchResult(Reply):
    """A message that fits."""

    seq: int
    role: Literal["user", "assistant", "tool", "system"]
    at: float
    score: float = Field(description="Comparable within one search only.")
    snippet: str = Field(description="The part that fits best, on one line.")
    compacted: bool
    superseded: bool = Field(description="An edit has cut it off.")


class SearchReply(Reply):
    """Messages that fit, the best first."""

    results: list[SearchResult]
    matches: int = Field(description="How many fit in all.")
    from_seq: int = Field(description="Messages before this one were not looked at: the log is longer than 200,000.")


class PinReply(Reply):
    """A message that every summary keeps word for word."""

    seq: int
    pinned: bool
    tokens: int


class PinItem(Reply):
    """A pinned message."""

    seq: int
    tokens: int


class PinList(Reply):
    """The live messages that every summary keeps word for word, in seq order."""

    pins: list[PinItem]


class Deleted(Reply):
    """What a retention call removed."""

    deleted: int = Field(description="Number of sessions.")


class SpendTokens(Reply):
    """Tokens by class, in the providers' own counts; what a call does not say counts as 0."""

    input: int = Field(description="All input, cached or not.")
    output: int
    cache_read: int
    cache_write: int


class SpendFigures(Reply):
    """What calls came to."""

    calls: int
    tokens: SpendTokens
    cost_usd: float = Field(description="Held calls at their worst, unpriced ones at nothing.")
    held_usd: float = Field(description="The part of it that is held for calls not settled yet.")
    held_calls: int
    unpriced_calls: int = Field(description="Calls of models whose price is not known.")


class SpendRow(SpendFigures):
    """The same of one day, feature or model; the members that were not asked for are absent."""

    day: str | None = None
    feature: str | None = None
    provider: str | None = None
    model: str | None = None


class SpendTop(Reply):
    """One of the dearest."""

    feature: str | None = None
    provider: str | None = None
    model: str | None = None
    cost_usd: float


class BudgetItem(Reply):
    """A budget in force, and how far it is used up in its present period."""

    period: Literal["day", "month"]
    feature: str | None = Field(description="What the calls are for; null = all of them.")
    limit_usd: float
    spent_usd: float = Field(description="With what is held for calls not settled yet.")
    left_usd: float
    levels_reached: list[int] = Field(description="Per cent.")
    renews_at: float = Field(description="Unix seconds.")
    default: bool = Field(description="It is the service's, not the tenant's own.")


class BudgetList(Reply):
    """A tenant's budgets in force."""

    budgets: list[BudgetItem]


class SpendReply(Reply):
    """What a tenant's calls have cost in a period, days in UTC."""

    from_: str = Field(alias="from", description="First day.")
    to: str = Field(description="Last day.")
    by: list[str]
    total: SpendFigures
    rows: list[SpendRow]
    top_models: list[SpendTop]
    top_features: list[SpendTop]
    budgets: list[BudgetItem]


class CountReply(Reply):
    """Raw o200k counts, framing included."""

    tokens: int = Field(description="All of it.")
    messages: list[int] = Field(description="One figure per message.")
    system: int
    tools: int
    estimate: int = Field(description="What the provider may count, for the model or format given.")


class Health(Reply):
    """The process answers, or the store does."""

    status: Literal["ok", "ready"]


class Document(BaseModel):
    """The OpenAPI document."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True, defer_build=True)

    openapi: str


class Problem(BaseModel):
    """Every error, as `application/problem+json`. Which codes there are: docs/errors.md."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True, defer_build=True)

    type: str = Field(description="`/errors/` and the code.")
    title: str
    status: int
    code: str = Field(description="Stable name of the kind of error.")
    detail: str = Field(description="What was wrong, where, and what to do.")
    retryable: bool = Field(description="The same request may succeed later.")
    request_id: str = Field(description="Also in the header `x-request-id`; to find it in the log.")
    field: str | None = Field(None, description="The member, parameter or header that was wrong.")
