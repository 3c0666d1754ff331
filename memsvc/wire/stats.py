"""What a caller may ask about figures, and what the service answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from memsvc.core.model import State
from memsvc.wire.money import PERIOD
from memsvc.wire.replies import BudgetItem, Reply, SpendFigures, SpendTokens
from memsvc.wire.requests import Cursor, Limit, Query, plain

_DAY = "A day in UTC, `2026-11-24`. Days of which there is nothing to tell are absent."


class StatsQuery(Query):
    """Which figures."""

    period: Annotated[str, Field(max_length=20), AfterValidator(plain), WithJsonSchema(PERIOD)] = Field(
        "7d", description="As in `/v1/spend`."
    )
    tenants: Literal["mine", "all"] = Field("mine", description="`all`: of every tenant, for operators.")


class CallsQuery(Query):
    """Which of a session's calls."""

    after: Cursor | None = Field(None, description="The `next` of the page before.")
    limit: Limit = Field(100, description="How many items.")


class CallItem(Reply):
    """One line of the books."""

    id: str = Field(description="The provider's response id, or one of the service's own.")
    at: float
    feature: str
    provider: str
    model: str
    tokens: SpendTokens
    cost_usd: float | None = Field(description="Null = the price is unknown.")
    held: bool = Field(description="The worst case of a call that is not settled yet.")
    revision: int | None = Field(description="Of the context that was sent, where it was reported.")


class CallPage(Reply):
    """A session's lines in the books, oldest first."""

    calls: list[CallItem]
    next: str | None = Field(description="Value for `after`, null at the end.")


class DaySpend(SpendFigures):
    """What calls of a day and feature came to."""

    day: str = Field(description=_DAY)
    feature: str


class ModelSpend(SpendFigures):
    """What calls of a model came to."""

    provider: str
    model: str


class DayModelSpend(ModelSpend):
    """What calls of a day and model came to."""

    day: str = Field(description=_DAY)


class FeatureSpend(SpendFigures):
    """What calls for a feature came to."""

    feature: str


class TenantSpend(SpendFigures):
    """What a tenant's calls came to."""

    tenant: str


class SpendStats(Reply):
    """What calls have cost."""

    total: SpendFigures
    by_day: list[DaySpend]
    by_day_model: list[DayModelSpend]
    by_model: list[ModelSpend]
    by_feature: list[FeatureSpend]
    by_tenant: list[TenantSpend]


class CacheDay(Reply):
    """How caches did on a day."""

    day: str = Field(description=_DAY)
    hit_ratio: float | None
    cache_read: int
    cache_write: int
    input: int = Field(description="Neither read from a cache nor written to it: the three add up to all input.")


class Break(Reply):
    """Prefixes that were broken by one cause."""

    cause: str = Field(description="`compacted` is one that was wanted.")
    count: int
    tokens: int = Field(description="Expected to be written anew, by the providers' count.")
    cost_usd: float = Field(description="What that costs beyond reading them; 0 where nobody knows.")


class CacheStats(Reply):
    """How much was read from the providers' caches, and what kept them from more."""

    hit_ratio: float | None = Field(description="Tokens read from a cache over all input; null without input.")
    by_day: list[CacheDay]
    breaks: list[Break]


class CompactionDay(Reply):
    """Compactions of a day."""

    day: str = Field(description=_DAY)
    count: int
    failed: int


class ReasonCount(Reply):
    """Compactions by what triggered them."""

    reason: str
    count: int
    tokens_removed: int


class FailureCount(Reply):
    """Compactions that failed, by error."""

    error: str
    count: int


class SummarizerFailures(Reply):
    """Answers of a summarizer that could not stand; the next in line was asked."""

    summarizer: str
    error: str
    count: int


class RecentCompaction(Reply):
    """One compaction, or one that failed."""

    tenant: str
    session: str | None = Field(description="Null where it is gone, and where all tenants are told of.")
    at: float
    outcome: Literal["committed", "failed"]
    epoch: int | None
    reason: str | None
    model: str | None
    before_tokens: int | None
    after_tokens: int | None
    seconds: float | None
    attempts: int
    predicted_saving_usd: float | None
    error: str | None


class CompactionStats(Reply):
    """Compactions."""

    count: int
    failed: int
    tokens_removed: int
    cost_usd: float = Field(description="Of the summaries that were committed.")
    by_day: list[CompactionDay]
    by_reason: list[ReasonCount]
    failures: list[FailureCount]
    summarizers: list[SummarizerFailures]
    recent: list[RecentCompaction] = Field(description="Newest first, at most 50, whatever the period.")


class QueueJob(Reply):
    """A compaction that is due, scheduled or running."""

    tenant: str
    session: str | None = Field(description="Null where all tenants are told of.")
    state: State
    due: float = Field(description="Unix seconds; of one that runs: when its lease ends.")
    attempts: int
    error: str | None = Field(description="The code of the failure that it waits after.")


class QueueStats(Reply):
    """The queue of compactions as it is now. Of a queue of thousands the first 2,000 jobs may be all that counts."""

    waiting: int = Field(description="Due or scheduled.")
    due: int = Field(description="Those whose time has come.")
    running: int
    oldest_due_s: float | None = Field(description="How long the first of those has been due.")
    jobs: list[QueueJob] = Field(description="The first by due time, at most 50.")


class SavingsDay(Reply):
    """Savings of a day."""

    day: str = Field(description=_DAY)
    predicted_usd: float
    settled_predicted_usd: float
    settled_actual_usd: float


class SavingsStats(Reply):
    """What compactions were to save, and have saved."""

    predicted_usd: float = Field(description="Of the compactions of the period, as far as it was predicted.")
    settled_count: int = Field(description="Compactions that another one followed, of which both figures are known.")
    settled_predicted_usd: float
    settled_actual_usd: float
    by_day: list[SavingsDay]


class SessionStats(Reply):
    """How much is stored."""

    count: int | None
    messages: int | None


class StatsReply(Reply):
    """Figures of a period, and of now. A second old at most."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        populate_by_name=True, serialize_by_alias=True, extra="ignore", frozen=True
    )

    at: float = Field(description="Unix seconds.")
    version: str
    from_: str = Field(alias="from", description="First day.")
    to: str = Field(description="Last day.")
    tenants: Literal["mine", "all"]
    spend: SpendStats
    cache: CacheStats
    compactions: CompactionStats
    queue: QueueStats
    savings: SavingsStats
    budgets: list[BudgetItem] = Field(description="The caller's own.")
    sessions: SessionStats
