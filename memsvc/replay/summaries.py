"""Summarizers for a replay: one of a fixed size, and one that remembers what was asked of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.economy import INSTRUCTION_TOKENS
from memsvc.ports import Summarizer

FILLER = " memory"
"""One token of o200k, however often it is repeated."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a summarizer, in tokens."""

    input: int
    output: int


class FixedSummarizer:
    """Stands in for a model where only the money matters: filler of min(most, max(min(least, n), share x n)) tokens
    for n tokens of the originals that the summary stands for."""

    def __init__(self, share: float, least: int, most: int) -> None:
        self.name = f"fixed:{share:g},{least},{most}"
        self._share, self._least, self._most = share, least, most

    async def summarize(self, request: SummaryRequest) -> Reply:
        """Filler."""
        n = sum(e.tokens for e in (*request.earlier, *request.entries))
        size = int(min(self._most, max(min(self._least, n), self._share * n)))
        return Reply((FILLER * max(1, min(size, request.budget_tokens))).strip(), self.name)


class Remembering:
    """Hands a question on, and notes what was asked; see `asked`."""

    def __init__(self, inner: Summarizer, count: Callable[[str], int]) -> None:
        self.name = inner.name
        self._inner, self._count = inner, count
        self.asked: list[Asked] = []

    async def summarize(self, request: SummaryRequest) -> Reply:
        """What the other one says."""
        reply = await self._inner.summarize(request)
        covered = sum(e.tokens for e in request.entries)
        previous = self._count(request.previous) if request.previous else 0
        self.asked.append(Asked(covered + previous + INSTRUCTION_TOKENS, self._count(reply.text)))
        return reply
