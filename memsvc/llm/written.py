"""Summaries that a model writes: parts of a transcript folded into notes, paid for within a limit."""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from memsvc.core.accept import MIN_HEADINGS, clamp
from memsvc.core.asking import Reply, SummaryRequest, headings
from memsvc.core.model import Key
from memsvc.core.money import Line, Usage
from memsvc.core.prompt import Prompt, beside_tokens, parts, prompt
from memsvc.errors import MemsvcError, SummarizerError
from memsvc.llm.breaker import Breaker
from memsvc.llm.calls import ABOUT_CONTENT, FOR_GOOD, PASSING, UNSURE, Answer, Ask, CallFailed, Model
from memsvc.ports import Ledger, Prices

FEATURE = "summary"
THINKING_TOKENS = 6_000
"""Head-room for thinking, which counts as output; at low effort models stay well below."""
WRITTEN_SHARE = 2.0
"""Provider tokens granted per raw token of the budget: Claude writes 1.3-1.6 of them, and a list runs over."""
NOTES_SHARE = 1.5
"""Notes between two parts may take so much of the budget; the last ones are cut to it later."""
FRAME_TOKENS = 50
"""Tags and message frames of a request."""
LEAST_WINDOW = 4_000
"""No window smaller than this is tried: prompt and answer would not both fit."""
TRIES = 3
"""Calls for one part, the first included."""
HALVINGS = 6
"""Sizes tried where requests are refused as too large, which costs nothing: from 90,000 tokens down to 4,000."""
PAUSES_S = (0.5, 2.0)
LONGEST_PAUSE_S = 20.0
"""A provider that asks for a longer one is left alone: the next summarizer is there at once."""
MOST_PARTS = 40
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a summary may take.

    Attributes:
        input_tokens: provider tokens of one request, its answer included: the model's window, or a price
            cliff below it.
        call_s: seconds for one part, its repetitions included.
        micros_per_hour: the most a session may cost in an hour, millionths of a dollar; None = no limit.
    """

    input_tokens: int = 90_000
    call_s: float = 60.0
    micros_per_hour: int | None = 250_000


class WrittenSummarizer:
    """A model that keeps notes; see `core.prompt` for what it is told.

    Args:
        model: how it is called.
        ledger, prices: every call is held at its worst case before it is made, and settled after.
        count: raw tokens of a text, safe to call from a thread.
        clock: unix seconds, for the books.
        sleep, monotonic, spread: waiting and its randomness, for tests.
    """

    def __init__(
        self,
        model: Model,
        ledger: Ledger,
        prices: Prices,
        count: Callable[[str], int],
        *,
        clock: Callable[[], float],
        limits: Limits = Limits(),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.name = f"{model.provider}:{model.name}"
        self._model = model
        self._ledger = ledger
        self._prices = prices
        self._count = count
        self._clock = clock
        self._limits = limits
        self._sleep = sleep
        self._monotonic = monotonic
        self._spread = spread
        self._breaker = Breaker(monotonic)
        self._window = limits.input_tokens

    async def open(self) -> None:
        """Load the SDK and make the client, so that the first summary need not."""
        await self._model.open()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._model.close()

    async def summarize(self, request: SummaryRequest) -> Reply:
        """Notes of at most about `request.budget_tokens`. Raises SummarizerError, with `cost_usd` of what was
        paid for nothing."""
        if (rest := self._breaker.resting_s()) > 0:
            raise SummarizerError(f"{self.name} rests for {rest:.0f} s after failures", code="summary_resting")
        run = _Run(request.key)
        self._breaker.enter()
        try:
            reply = await self._fold(request, run)
        except CallFailed as failed:
            if failed.kind not in ABOUT_CONTENT:
                self._breaker.failed(for_good=failed.kind in FOR_GOOD)
            raise SummarizerError(
                f"{self.name}: {failed.what}", code=f"summary_{failed.kind}", cost_usd=run.paid
            ) from None
        except SummarizerError as refused:
            self._breaker.worked()
            refused.extra["cost_usd"] = run.paid
            raise
        finally:
            self._breaker.gave_up()
        self._breaker.worked()
        return reply

    async def _fold(self, request: SummaryRequest, run: _Run) -> Reply:
        """The transcript part by part, each updating the notes of the one before."""
        window = self._window
        for _ in range(HALVINGS):
            try:
                reply = await self._parts(request, run, window)
            except CallFailed as failed:
                if failed.kind != "overflow" or window <= LEAST_WINDOW:
                    raise
                window = max(window // 2, LEAST_WINDOW)
                continue
            self._window = min(self._window, window)  # what worked is learnt, for others too; what failed is not
            return reply
        raise CallFailed("overflow", f"no part of the transcript fits its window, tried down to {window * 2} tokens")

    async def _parts(self, request: SummaryRequest, run: _Run, window: int) -> Reply:
        beside = await asyncio.to_thread(beside_tokens, request, self._count)
        notes = int(request.budget_tokens * NOTES_SHARE)  # what one part leaves for the next to start from
        most = _most_output(request, window)
        shown = window - most
        room = int(shown / self._model.tokens_per_raw) - beside - notes - FRAME_TOKENS
        texts = await asyncio.to_thread(parts, request, room, self._count)
        if len(texts) > MOST_PARTS:
            what = f"{self.name} would need {len(texts)} requests for it, more than {MOST_PARTS}"
            raise SummarizerError(what, code="summary_too_many_parts")
        previous, answer = request.previous, None
        for number, text in enumerate(texts, start=1):
            more = number < len(texts)
            answer = await self._ask(prompt(request, text, previous, more, self._count), most, run)
            if more and (answer.stop != "end" or headings(answer.text) < MIN_HEADINGS):
                what = f"{self.name} wrote no notes for part {number} of {len(texts)}"
                raise SummarizerError(what, code="summary_incomplete")
            previous = clamp(answer.text, notes, self._count, "left out")
        assert answer is not None, "there is at least one part"
        return Reply(answer.text, answer.model, answer.stop, run.paid, written=True)

    async def _ask(self, asked: Prompt, most: int, run: _Run) -> Answer:
        """One part, tried again where that may help and the time allows it."""
        end = self._monotonic() + self._limits.call_s
        for attempt in range(TRIES):
            left = end - self._monotonic()
            if left <= 0:
                break
            try:
                return await self._paid(Ask(asked.system, asked.user, most, left), run)
            except CallFailed as failed:
                pause = self._pause_s(failed, attempt)
                if pause is None or self._monotonic() + pause >= end:
                    raise
            await self._sleep(pause)
        raise CallFailed("timeout", f"no answer within {self._limits.call_s:.0f} s")

    def _pause_s(self, failed: CallFailed, attempt: int) -> float | None:
        """How long to wait before trying again; None = do not."""
        if failed.kind not in PASSING or attempt + 1 >= TRIES:
            return None
        pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)] * (0.5 + self._spread())
        pause = max(pause, failed.retry_after_s or 0.0)
        return pause if pause <= LONGEST_PAUSE_S else None

    # --- money -----------------------------------------------------------------

    async def _paid(self, ask: Ask, run: _Run) -> Answer:
        """One call in the books: its worst case before, what it came to after."""
        line = self._worst(ask, run.key)
        await self._hold(line)
        try:
            answer = await self._model.ask(ask)
        except CallFailed as failed:
            if failed.kind in UNSURE:
                run.micros += line.micros or 0  # perhaps billed: the worst case stays
            else:
                await self._settle(replace(line, usage=Usage(0, 0), micros=0, held=False))
            raise
        if answer.usage is not None:
            micros = self._prices.micros(self._model.provider, self._model.name, answer.usage, at=line.at)
            line = replace(line, usage=answer.usage, micros=micros if micros is not None else line.micros)
        await self._settle(replace(line, held=False))
        run.micros += line.micros or 0
        return answer

    def _worst(self, ask: Ask, key: Key | None) -> Line:
        input_tokens = math.ceil(
            (self._count(ask.system) + self._count(ask.user) + FRAME_TOKENS) * self._model.tokens_per_raw
        )
        usage = Usage(input_tokens, ask.max_tokens)
        now = self._clock()
        micros = self._prices.micros(self._model.provider, self._model.name, usage, at=now)
        if micros is None:
            raise SummarizerError(
                f"the price of {self.name} is unknown, so it is not called; set summarizer_input_usd and"
                " summarizer_output_usd",
                code="summary_price_unknown",
            )
        provider, name = self._model.provider, self._model.name
        return Line(f"memsvc-{uuid.uuid4().hex}", key or _NOBODY, now, FEATURE, provider, name, usage, micros, True)

    async def _hold(self, line: Line) -> None:
        most = self._limits.micros_per_hour
        try:
            held = await self._ledger.hold(line, most_micros=most, since=line.at - HOUR_S)
        except SummarizerError:
            raise
        except MemsvcError as failed:
            raise SummarizerError(f"the call could not be booked: {failed.detail}", code="summary_unbooked") from None
        if not held:
            raise SummarizerError(
                f"the session has used what summaries may cost in an hour ({(most or 0) / 1e6:.2f} USD)",
                code="summary_budget",
            )

    async def _settle(self, line: Line) -> None:
        try:
            await self._ledger.settle(line)
        except MemsvcError:
            return  # the worst case stays in the books: too much, never too little


def _most_output(request: SummaryRequest, window: int) -> int:
    """Provider tokens that an answer may take, thinking included: a small window has to hold it too."""
    thinking = THINKING_TOKENS * (2 if request.refused else 1)  # it may have been cut short
    return min(math.ceil(request.budget_tokens * WRITTEN_SHARE) + thinking, window // 2)


_NOBODY = Key("", "")


@dataclass(slots=True)
class _Run:
    """What one summary has cost so far."""

    key: Key | None
    micros: int = 0

    @property
    def paid(self) -> float:
        """In dollars."""
        return self.micros / 1e6
