"""Summaries that can wait: one call, handed in as a batch at half price, and looked for later."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from msgspec.structs import replace

from memsvc.core.asking import Receipt, Reply, SummaryRequest
from memsvc.core.model import Key
from memsvc.core.money import OWN, Line, Usage
from memsvc.errors import MemsvcError, SummarizerError
from memsvc.llm.batches import Batches, quietly
from memsvc.llm.calls import PASSING, UNSURE, Answer, Ask, CallFailed
from memsvc.llm.paid import FEATURE, HOUR_S, booked, bounded
from memsvc.llm.written import WrittenSummarizer
from memsvc.ports import Holds, Prices

PARTS_OF_PRICE = 2
"""Both vendors take half."""


class DeferredSummarizer:
    """Hands in what a written summarizer would ask, if that is one call. Raises SummarizerError.

    A batch whose id was lost (the process died between handing it in and keeping the receipt) stays in the books at
    its worst case for good.
    """

    def __init__(
        self,
        written: WrittenSummarizer,
        batches: Batches,
        ledger: Holds,
        prices: Prices,
        *,
        clock: Callable[[], float],
        micros_per_hour: int | None,
    ) -> None:
        self.name = written.name
        self._written = written
        self._model = written.model
        self._batches = batches
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._most = micros_per_hour

    async def submit(self, request: SummaryRequest) -> Receipt:
        """Hand a request in: held at its worst case, at half price."""
        ask = await self._written.single(request)
        if ask is None or request.key is None:
            raise SummarizerError("the summary takes more than one call", code="summary_too_many_parts")
        usage, now = Usage(self._written.size(ask), ask.max_tokens), self._clock()
        micros = self._micros(usage, now)
        if micros is None:
            raise SummarizerError(f"the price of {self.name} is unknown", code="summary_price_unknown")
        line = self._line(request.key, f"{OWN}{uuid.uuid4().hex}", now, usage, micros)
        await booked(self._ledger.hold(line, most_micros=self._most, since=now - HOUR_S), self._most)
        try:
            batch = await self._batches.submit(ask, line.id)
        except CallFailed as failed:
            if failed.kind not in UNSURE:
                await self._settle(replace(line, usage=Usage(0, 0), micros=0, held=False))
            raise SummarizerError(f"{self.name}: {failed.what}", code=f"summary_{failed.kind}") from None
        return Receipt(self.name, line.id, batch, now, ask.max_tokens, micros)

    async def reply(self, key: Key, receipt: Receipt) -> Reply | None:
        """What came of it, settled in the books; None = ask again later. A SummarizerError is the end of it."""
        try:
            answer = await self._batches.answer(receipt.batch, receipt.id)
        except CallFailed as failed:
            if failed.kind in PASSING or failed.kind in ("auth", "quota"):
                return None  # the batch goes on
            if failed.kind == "request":  # it was not done, so it is not billed
                await self._settle(self._line(key, receipt.id, receipt.at, Usage(0, 0), 0))
            raise SummarizerError(f"{self.name}: {failed.what}", code="summary_batch_failed") from None
        if answer is None:
            return None
        answer = bounded(answer, Ask("", "", receipt.max_tokens, 0.0))
        micros = receipt.micros
        if answer.usage is not None:
            cost = self._micros(answer.usage, receipt.at)
            micros = micros if cost is None else cost
            await self._settle(self._line(key, receipt.id, receipt.at, answer.usage, micros))
        return _reply(answer, micros)

    async def cancel(self, receipt: Receipt) -> None:
        """Give it up. What it may cost stays in the books: it may be done already."""
        await quietly(self._batches.cancel(receipt.batch))

    def _micros(self, usage: Usage, at: float) -> int | None:
        micros = self._prices.micros(self._model.provider, self._model.name, usage, at=at)
        return None if micros is None else -(-micros // PARTS_OF_PRICE)

    def _line(self, key: Key, id: str, at: float, usage: Usage, micros: int) -> Line:
        return Line(id, key, at, FEATURE, self._model.provider, self._model.name, usage, micros)

    async def _settle(self, line: Line) -> None:
        try:
            await self._ledger.settle(line)
        except MemsvcError:
            return  # the worst case stays


def _reply(answer: Answer, micros: int) -> Reply:
    return Reply(answer.text, answer.model, answer.stop, micros / 1e6, written=True)
