"""Summaries that a model writes: parts of a transcript folded into notes, paid for within a limit."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.accept import MIN_HEADINGS
from memsvc.core.asking import Reply, SummaryRequest, headings
from memsvc.core.prompt import LEAST_TOKENS, SYSTEM_TOKENS, beside_tokens, parts, prompt
from memsvc.core.trim import clamp
from memsvc.errors import SummarizerError
from memsvc.llm.breaker import Breaker, Pass
from memsvc.llm.calls import ABOUT_CONTENT, FOR_GOOD, PASSING, Answer, Ask, CallFailed, Model
from memsvc.llm.paid import FRAME_TOKENS, Bill, PaidModel
from memsvc.ports import NO_SPANS, Holds, Prices, Spans

THINKING_TOKENS = 6_000
"""Head-room for thinking, which counts as output; at low effort models stay well below."""
WRITTEN_SHARE = 2.0
"""Provider tokens granted per raw token of the budget: Claude writes 1.3-1.6 of them, and a list runs over."""
NOTES_SHARE = 1.5
"""Notes between two parts may take so much of the budget; the last ones are cut to it later."""
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
SHARE = 0.25
"""Notes take at most so much of what they stand for: few turns need no long ones."""
LEAST_NOTES_TOKENS = 300


class Limits(Struct, frozen=True):
    """What a summary may take.

    Attributes:
        input_tokens: provider tokens of one request, its answer included: the model's window, or a price
            cliff below it.
        call_s: seconds for one part, its repetitions included.
        total_s: seconds for all of them: less than those who wait for a summary have patience for.
        micros_per_hour: the most a session may cost in an hour, millionths of a dollar; None = no limit.
    """

    input_tokens: int = 90_000
    call_s: float = 60.0
    total_s: float = 840.0
    micros_per_hour: int | None = 250_000


USUAL = Limits()
"""Where nothing else is said."""


class _Run(Struct):
    """One summary in the making. `end`: on the clock that never goes back."""

    bill: Bill
    leave: Pass
    end: float


class _Last(Struct, frozen=True):
    """The part whose answer a summary was, to have it written again without those before it."""

    text: str
    previous: str | None
    system_tokens: int
    window: int


class _Room(Struct, frozen=True):
    """How a window is divided, in raw tokens but for `output`."""

    system: int
    notes: int
    part: int
    output: int


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
        ledger: Holds,
        prices: Prices,
        count: Callable[[str], int],
        *,
        clock: Callable[[], float],
        limits: Limits = USUAL,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
        spans: Spans = NO_SPANS,
    ) -> None:
        self.model = model
        most = limits.micros_per_hour
        self._paid = PaidModel(model, ledger, prices, count, clock=clock, micros_per_hour=most, spans=spans)
        self.name = self._paid.name
        self._count = count
        self._limits = limits
        self._sleep = sleep
        self._monotonic = monotonic
        self._spread = spread
        self._breaker = Breaker(monotonic)
        self._window = limits.input_tokens

    async def open(self) -> None:
        """Load the SDK and make the client, so that the first summary need not."""
        await self.model.open()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.model.close()

    async def summarize(self, request: SummaryRequest) -> Reply:
        """Notes of at most about `request.budget_tokens`. Raises SummarizerError, with `cost_usd` of what was
        paid for nothing."""
        if (rest := self._breaker.resting_s()) > 0:
            raise SummarizerError(f"{self.name} rests for {rest:.0f} s after failures", code="summary_resting")
        run = _Run(Bill(request.key), self._breaker.enter(), self._monotonic() + self._limits.total_s)
        request = _fitting(request, self._count)
        try:
            if isinstance(request.resume, _Last):
                return await self._again(request, request.resume, run)
            return await self._fold(request, run)
        except CallFailed as failed:
            if failed.kind not in ABOUT_CONTENT:
                self._breaker.failed(run.leave, for_good=failed.kind in FOR_GOOD)
            what = f"{self.name}: {failed.what}"
            raise SummarizerError(what, code=f"summary_{failed.kind}", cost_usd=run.bill.usd) from None
        except SummarizerError as refused:
            refused.extra["cost_usd"] = run.bill.usd
            raise
        finally:
            self._breaker.left(run.leave)

    async def single(self, request: SummaryRequest) -> Ask | None:
        """The call that the whole summary would take; None where it takes several."""
        request = _fitting(request, self._count)
        try:
            room = await asyncio.to_thread(self._room, request, self._window)
        except CallFailed:
            return None
        texts = await asyncio.to_thread(parts, request, room.part, self._count)
        if len(texts) != 1:
            return None
        last = _Last(texts[0], self._notes(request.previous, room), room.system, self._window)
        return await asyncio.to_thread(self._asked, request, last, False, room.output)

    def size(self, ask: Ask) -> int:
        """The most provider tokens that the input of a call may come to."""
        return self._paid.size(ask)

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
        room = await asyncio.to_thread(self._room, request, window)
        texts = await asyncio.to_thread(parts, request, room.part, self._count)
        if len(texts) > MOST_PARTS:
            what = f"{self.name} would need {len(texts)} requests for it, more than {MOST_PARTS}"
            raise SummarizerError(what, code="summary_too_many_parts")
        previous = self._notes(request.previous, room)
        self._afford(request, texts, previous, room)
        for number, text in enumerate(texts, start=1):
            last = _Last(text, previous, room.system, window)
            answer = await self._ask(self._asked(request, last, number < len(texts), room.output), window, run)
            if number == len(texts):
                break
            if answer.stop != "end" or headings(answer.text) < MIN_HEADINGS:
                what = f"{self.name} wrote no notes for part {number} of {len(texts)}"
                raise SummarizerError(what, code="summary_incomplete")
            previous = self._notes(answer.text, room)
        return _reply(answer, run, last)

    async def _again(self, request: SummaryRequest, last: _Last, run: _Run) -> Reply:
        """The last part once more: the notes of those before it were good enough."""
        most = _most_output(request, last.window)
        free = last.window - self._paid.size(self._asked(request, last, False, most))
        most = max(1, min(most, free))
        return _reply(await self._ask(self._asked(request, last, False, most), last.window, run), run, last)

    def _room(self, request: SummaryRequest, window: int) -> _Room:
        """How a window is divided. Raises CallFailed where nothing is left for the transcript."""
        output = _most_output(request, window)
        free = int((window - output) / self.model.tokens_per_raw) - FRAME_TOKENS
        system = min(SYSTEM_TOKENS, max(0, free) // 4)
        free -= beside_tokens(request, self._count, system)
        notes = min(int(request.budget_tokens * NOTES_SHARE), free // 3)
        if free - notes < LEAST_TOKENS:
            raise CallFailed("overflow", f"a window of {window} tokens has no room for a transcript")
        return _Room(system, notes, free - notes, output)

    def _notes(self, text: str | None, room: _Room) -> str | None:
        return clamp(text, room.notes, self._count, "left out") if text else None

    def _asked(self, request: SummaryRequest, last: _Last, more: bool, output: int) -> Ask:
        """The call for one part; its time is set when it is made."""
        asked = prompt(request, last.text, last.previous, more, self._count, last.system_tokens)
        return Ask(asked.system, asked.user, output, self._limits.call_s)

    def _afford(self, request: SummaryRequest, texts: list[str], previous: str | None, room: _Room) -> None:
        """Refuse what cannot be paid to its end before the first part is."""
        per_raw = self.model.tokens_per_raw
        beside = beside_tokens(request, self._count, room.system) + FRAME_TOKENS
        raw = len(texts) * beside + (len(texts) - 1) * min(room.notes, request.budget_tokens)
        raw += sum(map(self._count, texts)) + (self._count(previous) if previous else 0)
        self._paid.afford(math.ceil(raw * per_raw), max(room.output, len(texts) * request.budget_tokens))

    async def _ask(self, asked: Ask, window: int, run: _Run) -> Answer:
        """One part, tried again where that may help and the time allows it."""
        if self._paid.size(asked) + asked.max_tokens > window:
            raise CallFailed("overflow", "the request is larger than the window")  # not even sent
        end = min(self._monotonic() + self._limits.call_s, run.end)
        for attempt in range(TRIES):
            left = end - self._monotonic()
            if left <= 0:
                break
            try:
                answer = await self._paid.ask(Ask(asked.system, asked.user, asked.max_tokens, left), run.bill)
            except CallFailed as failed:
                pause = self._pause_s(failed, attempt)
                if pause is None or self._monotonic() + pause >= end:
                    raise
            else:
                self._breaker.worked(run.leave)
                return answer
            await self._sleep(pause)
        raise CallFailed("timeout", f"no answer within {min(self._limits.call_s, self._limits.total_s):.0f} s")

    def _pause_s(self, failed: CallFailed, attempt: int) -> float | None:
        """How long to wait before trying again; None = do not."""
        if failed.kind not in PASSING or attempt + 1 >= TRIES:
            return None
        pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)] * (0.5 + self._spread())
        pause = max(pause, failed.retry_after_s or 0.0)
        return pause if pause <= LONGEST_PAUSE_S else None


def _reply(answer: Answer, run: _Run, last: _Last) -> Reply:
    return Reply(answer.text, answer.model, answer.stop, run.bill.usd, written=True, resume=last)


def _fitting(request: SummaryRequest, count: Callable[[str], int]) -> SummaryRequest:
    """The request with a budget that fits what is to be summarized."""
    behind = sum(e.tokens for e in (*request.earlier, *request.entries))
    if not request.earlier and request.previous:
        behind += count(request.previous)
    budget = min(request.budget_tokens, max(LEAST_NOTES_TOKENS, int(SHARE * behind)))
    return request if budget == request.budget_tokens else replace(request, budget_tokens=budget)


def _most_output(request: SummaryRequest, window: int) -> int:
    """Provider tokens that an answer may take, thinking included: a small window has to hold it too."""
    thinking = THINKING_TOKENS * (2 if request.refused else 1)  # it may have been cut short
    return min(math.ceil(request.budget_tokens * WRITTEN_SHARE) + thinking, window // 2)
