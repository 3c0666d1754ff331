"""The summarizer that needs no key and no network: it selects, it does not write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.extract import extract, read
from memsvc.errors import SummarizerError

INLINE_BYTES = 16_000
"""Up to this much input is read on the event loop: a few milliseconds, less than a thread is worth."""


class LocalSummarizer:
    """Extractive summaries on this machine's CPU; the last in every chain of summarizers. How many are written at once
    is up to who asks for them."""

    name = "local"

    def __init__(
        self, count: Callable[[str], int], count_each: Callable[[Sequence[str]], list[int]] | None = None
    ) -> None:
        """`count` gives the raw tokens of a text, `count_each` of several in one trip (None = one by one); both must be
        safe to call from a thread."""
        self._count = count
        self._count_each = count_each

    async def summarize(self, request: SummaryRequest) -> Reply:
        """A selection of at most `request.budget_tokens`. SummarizerError if nothing can be quoted."""
        size = sum(len(e.raw) for e in (*request.entries, *request.earlier)) + len(request.previous or "")
        if size <= INLINE_BYTES:
            text = extract(request, self._count)
        else:
            text = await asyncio.to_thread(self._extracted, request)
        if not text:
            raise SummarizerError("the messages hold no text that fits the summary", code="summary_empty")
        return Reply(text=text, model=self.name)

    def _extracted(self, request: SummaryRequest) -> str:
        """The same text, with all statements counted beforehand. A counter lets go of the interpreter and takes it
        back within a microsecond; a thread that waits for it is woken by each of these and gets it by none of them, as
        long as they come more often than it would ask for it."""
        if self._count_each is None:
            return extract(request, self._count)
        reading = request.reading or read([*request.earlier, *request.entries], request.previous)
        texts = list(dict.fromkeys(unit.text for unit in reading.units))
        known = dict(zip(texts, self._count_each(texts), strict=True))

        def count(text: str) -> int:
            found = known.get(text)
            return self._count(text) if found is None else found

        return extract(replace(request, reading=reading), count)
