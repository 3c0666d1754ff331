"""What the service needs that is no store: who writes summaries, what tokens cost, how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memsvc.core.asking import Receipt, Reply, SummaryRequest
from memsvc.core.economy import Rates
from memsvc.core.model import Key
from memsvc.core.money import Usage


class Summarizer(Protocol):
    """Writes the body of a summary. Raises SummarizerError, nothing else on purpose."""

    name: str

    async def summarize(self, request: SummaryRequest) -> Reply:
        """A body of at most `request.budget_tokens`, or SummarizerError."""
        ...


class Deferring(Protocol):
    """A summarizer that can hand a request in and be asked for the answer later. Raises SummarizerError."""

    name: str

    async def submit(self, request: SummaryRequest) -> Receipt:
        """Hand it in."""
        ...

    async def reply(self, key: Key, receipt: Receipt) -> Reply | None:
        """The answer; None = later. SummarizerError = there will be none."""
        ...

    async def cancel(self, receipt: Receipt) -> None:
        """Give it up, if it is not done yet."""
        ...


class Prices(Protocol):
    """What tokens cost. Pure once loaded, thread-safe, no network."""

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """Millionths of a dollar for a call, rounded up; None = the price is unknown."""
        ...

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """Dollars per million tokens of a short call; `long`: written with the longer lifetime. None = unknown."""
        ...


class Counter(Protocol):
    """Counts raw o200k tokens. Pure, thread-safe, special tokens are plain text."""

    def count(self, text: str) -> int:
        """Tokens of one text."""
        ...

    def count_many(self, texts: Sequence[str]) -> int:
        """Sum over several texts, in one trip."""
        ...

    def truncate(self, text: str, tokens: int) -> str:
        """The longest prefix of at most `tokens` tokens, cut on a character."""
        ...
