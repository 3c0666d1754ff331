"""The summarizer that needs no key and no network: it selects, it does not write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.extract import extract
from memsvc.errors import SummarizerError

INLINE_BYTES = 16_000
"""Up to this much input is read on the event loop: a few milliseconds, less than a thread is worth."""


class LocalSummarizer:
    """Extractive summaries on this machine's CPU; the last in every chain of summarizers. How many are written at once
    is up to who asks for them."""

    name = "local"

    def __init__(self, count: Callable[[str], int]) -> None:
        """`count` gives the raw tokens of a text; it must be safe to call from a thread."""
        self._count = count

    async def summarize(self, request: SummaryRequest) -> Reply:
        """A selection of at most `request.budget_tokens`. SummarizerError if nothing can be quoted."""
        size = sum(len(e.raw) for e in (*request.entries, *request.earlier)) + len(request.previous or "")
        if size <= INLINE_BYTES:
            text = extract(request, self._count)
        else:
            text = await asyncio.to_thread(extract, request, self._count)
        if not text:
            raise SummarizerError("the messages hold no text that fits the summary", code="summary_empty")
        return Reply(text=text, model=self.name)
