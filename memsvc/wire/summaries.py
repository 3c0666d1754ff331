"""What the service answers about summaries and compactions: more of the models of `replies`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from memsvc.wire.replies import Covers, Reply


class StatementItem(Reply):
    """One statement of a summary."""

    text: str
    section: str = Field(description="The heading that it stands under.")
    sources: list[int] = Field(description="Seqs of the messages that it comes from; empty = nobody knows.")
    named: bool = Field(description="The summary itself names them; else they were looked for in the originals.")


class LeftOut(Reply):
    """Of the live messages that a summary stands for those that no statement comes from."""

    model_config: ClassVar[ConfigDict] = ConfigDict(populate_by_name=True, serialize_by_alias=True, frozen=True)

    from_seq: int = Field(alias="from", description="Messages before this one were not looked at.")
    messages: int
    tokens: int
    ranges: list[list[int]] = Field(description="First and last seq of each run of them, in order; the newest 100.")


class SummaryItem(Covers):
    """One committed summary."""

    epoch: int
    text: str
    tokens: int
    model: str
    reason: str
    replaced_tokens: int | None = Field(description="Tokens that left the context for it; null where not recorded.")
    predicted_saving_usd: float | None
    actual_saving_usd: float | None = Field(
        description="What it has saved so far, or had when the next one took its place; itself paid. Null = unknown."
    )
    cost_usd: float
    at: float
    attempts: int
    current: bool
    sources: list[int] = Field(description="Seqs of the messages that it names; all others are left out of it.")
    refused: list[str] = Field(description="Whose answers were not taken before it, and why; the first 8.")
    statements: list[StatementItem] | None = Field(None, description="With `?statements=true`.")
    left_out: LeftOut | None = Field(None, description="With `?statements=true`.")


class SummaryPage(Reply):
    """Summaries, oldest first."""

    summaries: list[SummaryItem]
    next: int | None = Field(description="Value for `after`, null at the end.")


class CompactReply(Reply):
    """What became of a compaction that was asked for."""

    epoch: int
    changed: bool
    reason: str | None
    error: str | None = Field(
        None, description="What went wrong on the way: which summarizers gave no answer that may stand, and why."
    )
