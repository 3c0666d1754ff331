"""Calls of a model that are in the books before they are made, and never above a session's limit."""

from __future__ import annotations

import math
import uuid
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.model import Key
from memsvc.core.money import OWN, Line, Usage
from memsvc.errors import BudgetExceeded, MemsvcError, SummarizerError
from memsvc.llm.calls import UNSURE, Answer, Ask, CallFailed, Model
from memsvc.ports import NO_SPANS, Holds, Prices, Spans, call_used, calling

FEATURE = "summary"
FRAME_TOKENS = 50
"""Tags and message frames of a request."""
HOUR_S = 3600.0
CHARS_PER_TOKEN = 16
"""More text than this for each token that was granted cannot be the answer that was asked for."""

NOBODY = Key("", "")


class Bill(Struct):
    """What one summary has cost so far.

    Attributes:
        key: the session that pays; None = nobody is charged.
    """

    key: Key | None
    micros: int = 0

    @property
    def usd(self) -> float:
        """In dollars."""
        return self.micros / 1e6


class PaidModel:
    """A model whose calls are held at their worst case before they are made, and settled after.

    Args:
        count: raw tokens of a text.
        clock: unix seconds.
        micros_per_hour: the most a session may cost in an hour, millionths of a dollar; None = no limit.
    """

    def __init__(
        self,
        model: Model,
        ledger: Holds,
        prices: Prices,
        count: Callable[[str], int],
        *,
        clock: Callable[[], float],
        micros_per_hour: int | None,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._spans = spans
        self.name = f"{model.provider}:{model.name}"
        self._model = model
        self._ledger = ledger
        self._prices = prices
        self._count = count
        self._clock = clock
        self._most = micros_per_hour

    def size(self, ask: Ask) -> int:
        """The most provider tokens that the input of a request may come to."""
        raw = self._count(ask.system) + self._count(ask.user) + FRAME_TOKENS
        return math.ceil(raw * self._model.tokens_per_raw)

    def afford(self, input_tokens: int, output_tokens: int) -> None:
        """Raise SummarizerError where so much would pass the hourly limit even of a session that has spent
        nothing: better than to find out after half of it is paid."""
        micros = self._micros(Usage(input_tokens, output_tokens), self._clock())
        if self._most is not None and micros > self._most:
            raise SummarizerError(
                f"one summary by {self.name} would cost about {micros / 1e6:.2f} USD, a session may spend"
                f" {self._most / 1e6:.2f} in an hour; raise summary_usd_per_hour or name a cheaper model",
                code="summary_budget",
            )

    async def ask(self, ask: Ask, bill: Bill) -> Answer:
        """One call. Raises CallFailed for one that failed, SummarizerError for one that is not made."""
        usage = Usage(self.size(ask), ask.max_tokens)
        now = self._clock()
        provider, name, micros = self._model.provider, self._model.name, self._micros(usage, now)
        line_id = f"{OWN}{uuid.uuid4().hex}"
        line = Line(line_id, bill.key or NOBODY, now, FEATURE, provider, name, usage, micros, True)
        await self._hold(line)
        try:
            answer = await self._told(ask, bill)
        except CallFailed as failed:
            if failed.kind in UNSURE:
                bill.micros += micros  # perhaps billed: the worst case stays
            else:
                await self._settle(replace(line, usage=Usage(0, 0), micros=0, held=False))
            raise
        except BaseException:
            bill.micros += micros
            raise
        answer = bounded(answer, ask)
        if answer.usage is not None:
            cost = self._prices.micros(provider, name, answer.usage, at=now)
            line = replace(line, usage=answer.usage, micros=cost if cost is not None else micros)
        await self._settle(replace(line, held=False))
        bill.micros += line.micros or 0
        return answer

    async def _told(self, ask: Ask, bill: Bill) -> Answer:
        """The call itself, as a step of a trace."""
        model, key = self._model, bill.key or NOBODY
        told = {**calling(model.provider, model.name, ask.max_tokens), "memsvc.feature": FEATURE}
        if key.session:
            told |= {"gen_ai.conversation.id": key.session, "memsvc.tenant": key.tenant}
        with self._spans.span(f"chat {model.name}", told, kind="client") as span:
            try:
                answer = await model.ask(ask)
            except CallFailed as failed:
                span.fail(failed.kind)
                raise
            span.note(call_used(answer.model, answer.stop, answer.usage))
            return answer

    def _micros(self, usage: Usage, now: float) -> int:
        micros = self._prices.micros(self._model.provider, self._model.name, usage, at=now)
        if micros is None:
            raise SummarizerError(
                f"the price of {self.name} is unknown, so it is not called; set summarizer_input_usd and"
                " summarizer_output_usd",
                code="summary_price_unknown",
            )
        return micros

    async def _hold(self, line: Line) -> None:
        await booked(self._ledger.hold(line, most_micros=self._most, since=line.at - HOUR_S), self._most)

    async def _settle(self, line: Line) -> None:
        try:
            await self._ledger.settle(line)
        except MemsvcError:
            return  # the worst case stays in the books: too much, never too little


async def booked(hold: Awaitable[bool], most_micros: int | None) -> None:
    """Wait for a hold. Raises SummarizerError where there is none, so that the call is not made."""
    try:
        held = await hold
    except BudgetExceeded as over:
        raise SummarizerError(over.detail, code="summary_budget") from None
    except MemsvcError as failed:
        raise SummarizerError(f"the call could not be booked: {failed.detail}", code="summary_unbooked") from None
    if not held:
        raise SummarizerError(
            f"the session has used what summaries may cost in an hour ({(most_micros or 0) / 1e6:.2f} USD);"
            " summary_usd_per_hour is the limit",
            code="summary_budget",
        )


def bounded(answer: Answer, ask: Ask) -> Answer:
    """An answer without what cannot be true of it: more text than was granted, tokens that were not counted."""
    usage = answer.usage
    if usage is not None and (usage.input == 0 or (usage.output == 0 and answer.text)):
        answer = replace(answer, usage=None)
    most = CHARS_PER_TOKEN * ask.max_tokens
    if len(answer.text) > most:
        answer = replace(answer, text=answer.text[:most], stop="length")
    return answer
