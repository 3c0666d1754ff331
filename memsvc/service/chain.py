"""Who writes a summary: summarizers asked in order until an answer may stand, each with one chance to repair it.

What a model wrote is held against what was said (`core.verify`): a little that does not hold is left out, more is
a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial

from msgspec import Struct, field
from msgspec.structs import replace

from memsvc.core import accept
from memsvc.core.asking import Reply, SummaryRequest, refusals
from memsvc.core.render.blocks import FRAMING_TOKENS
from memsvc.core.verify import Record, verified
from memsvc.errors import MemsvcError, SummarizerError
from memsvc.observe import places
from memsvc.ports import Counter, Summarizer
from memsvc.service.room import BEGUN, Room

Tell = Callable[[str, str, tuple[str, ...]], None]
PATIENCE_S = 900.0
"""The longest that one summarizer may take: a backstop, those that call a model have limits of their own."""
TOO_LONG = 1.5
"""An answer of more than so many times its budget is sent back once; after that it is cut."""
WORTH_FILLING = 12
"""Tokens left in a block that a statement could take."""
REPAIRABLE = frozenset(
    {"summary_incomplete", "summary_empty", "summary_placeholder", "summary_chat", "summary_unstructured"}
    | {"summary_unsupported", "summary_stale", "summary_steered", "summary_language", "summary_thin"}
)
"""What a model may get right when it is told what was wrong. A refusal stays one."""
TOO_MUCH = frozenset({"summary_too_many_parts", "summary_budget", "summary_overflow"})
"""Why originals cannot be read again where notes of them can be brought up to date."""


class Wanted(Struct, frozen=True):
    """A summary to be written.

    Attributes:
        budget: tokens that the whole block may take.
        replaced: tokens that leave the context for it.
        must: it is needed even if nothing can be said in it (a context over its hard mark).
        originals: the same from the originals instead of the summary before, for models; None = not wanted.
    """

    request: SummaryRequest
    parts: accept.Parts
    budget: int
    replaced: int
    must: bool = False
    originals: SummaryRequest | None = None


@dataclass(frozen=True)
class _Asking:
    """One request, and what its answers are held against."""

    request: SummaryRequest
    wanted: Wanted

    @cached_property
    def record(self) -> Record:
        parts = self.wanted.parts
        quoted = [*parts.pins, *([parts.request] if parts.request else [])]
        return Record.of(self.request, parts.to_seq, [(q.seq, q.role, q.text) for q in quoted])


class Written(Struct):
    """The block that may stand, and what it took.

    Attributes:
        attempts: answers asked for, of all summarizers.
        cost_usd: of all of them, those that were refused included.
        failed: what was wrong with those before, in order: whose, and the reason.
        refused: the same, with first answers of which the second may stand.
    """

    block: str = ""
    tokens: int = 0
    model: str = ""
    attempts: int = 0
    cost_usd: float = 0.0
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Chain:
    """Summarizers in order; the last one is local.

    Args:
        tell: called with the name of a summarizer, the code of its failure, and where in the program it was
            if it was a fault of ours.
        room: taken, with that rank, for all that is CPU of this machine; None = one of its own.
    """

    def __init__(
        self,
        summarizers: Sequence[Summarizer],
        counter: Counter,
        *,
        tell: Tell = lambda name, code, where: None,
        patience_s: float = PATIENCE_S,
        room: Room | None = None,
        rank: int = BEGUN,
    ) -> None:
        self._room = partial((room or Room()).taken, rank)
        self._summarizers = summarizers
        self._count = counter.count
        self._tell = tell
        self._patience_s = patience_s

    @property
    def asks_models(self) -> bool:
        """Whether any is asked before the local one."""
        return len(self._summarizers) > 1

    async def write(self, wanted: Wanted, *, local: bool = False) -> Written:
        """A block that passes every check; by the last summarizer alone where `local`.

        Raises SummarizerError when no answer may stand (`no_gain`: nothing worth having can be said;
        `extra["refused"]`: whose answers were refused, and why), and CannotFit when what must be in the block
        does not fit."""
        done = Written()
        refused: SummarizerError | None = None
        no_room = wanted.request.budget_tokens <= 0  # for a body: not worth a model's call
        for summarizer in self._summarizers[-1:] if local or no_room else self._summarizers:
            try:
                reply = await self._answered(summarizer, wanted, done)
                await self._compose(reply, wanted, done)
                if reply.text and not reply.written and wanted.budget - done.tokens >= WORTH_FILLING:
                    await self._fill(summarizer, wanted, done)
            except SummarizerError as failed:
                refused = failed
                self._note(summarizer, failed, done)
                continue
            return done
        assert refused is not None, "there is at least one summarizer"
        if done.failed:
            refused.extra["refused"] = refusals(done.failed)
        raise refused

    async def _answered(self, summarizer: Summarizer, wanted: Wanted, done: Written) -> Reply:
        """What one says, if it may stand."""
        if wanted.originals is not None and summarizer is not self._summarizers[-1]:
            try:
                return await self._accepted(summarizer, _Asking(wanted.originals, wanted), done)
            except SummarizerError as failed:
                if failed.code not in TOO_MUCH:
                    raise
        return await self._accepted(summarizer, _Asking(wanted.request, wanted), done)

    async def _accepted(self, summarizer: Summarizer, asking: _Asking, done: Written) -> Reply:
        """What it says to one request: the second answer where the first can be repaired."""
        local = summarizer is self._summarizers[-1]
        try:
            first = await self._asked(summarizer, asking.request, done)
        except SummarizerError as failed:
            if local:
                return _nothing_to_quote(summarizer, asking.wanted, failed)
            raise
        try:
            reply = await self._sound(first, asking)
        except SummarizerError as failed:
            if failed.code not in REPAIRABLE or local:
                raise  # the local one is no model: it would say the same again
            return await self._repaired(summarizer, asking, first, failed.detail, done)
        tokens, most = self._count(first.text), asking.request.budget_tokens
        if not first.written or tokens <= TOO_LONG * most:
            return reply
        try:
            return await self._repaired(summarizer, asking, first, f"it had {tokens} tokens, at most {most} fit", done)
        except SummarizerError as failed:
            self._note(summarizer, failed, done)
            return reply  # what is over is cut: better than what the next one may say

    async def _repaired(self, summarizer: Summarizer, asking: _Asking, first: Reply, why: str, done: Written) -> Reply:
        done.refused.append(_named(summarizer, why))
        again = replace(asking.request, refused=why, resume=first.resume)
        return await self._sound(await self._asked(summarizer, again, done), asking)

    async def _sound(self, reply: Reply, asking: _Asking) -> Reply:
        """An answer as it may stand."""
        accept.check_reply(reply)
        if not reply.written:
            return reply
        try:
            async with self._room():
                text = await asyncio.to_thread(lambda: verified(reply.text, asking.record))
        except SummarizerError as wrong:
            raise SummarizerError(wrong.detail, code=wrong.code) from None
        except Exception as bug:
            what = f"what {reply.model} wrote could not be checked: {type(bug).__name__}"
            raise SummarizerError(what, code="summary_internal") from bug
        return replace(reply, text=text)

    async def _asked(self, summarizer: Summarizer, request: SummaryRequest, done: Written) -> Reply:
        done.attempts += 1
        async with self._room_of(summarizer):
            return await self._patient(summarizer, request, done)

    def _room_of(self, summarizer: Summarizer) -> AbstractAsyncContextManager[None]:
        """For the last one, which computes; the others wait for somebody."""
        return self._room() if summarizer is self._summarizers[-1] else nullcontext()

    async def _patient(self, summarizer: Summarizer, request: SummaryRequest, done: Written) -> Reply:
        try:
            async with asyncio.timeout(self._patience_s):
                reply = await summarizer.summarize(request)
        except TimeoutError:
            what = f"{summarizer.name} did not answer within {self._patience_s:g} s"
            raise SummarizerError(what, code="summary_timeout") from None
        except SummarizerError as failed:
            done.cost_usd += _paid(failed)
            raise
        except Exception as bug:  # a fault in one summarizer is no reason to go without a summary
            if summarizer is self._summarizers[-1]:
                raise
            what = f"{summarizer.name} failed: {type(bug).__name__}"
            raise SummarizerError(what, code="summary_internal") from bug
        done.cost_usd += reply.cost_usd
        return reply

    async def _compose(self, reply: Reply, wanted: Wanted, done: Written) -> None:
        block = await self._composed(reply, wanted)
        tokens = self._count(block) + FRAMING_TOKENS
        accept.check_gain(replaced_tokens=wanted.replaced, block_tokens=tokens)
        done.block, done.tokens, done.model = block, tokens, reply.model

    async def _composed(self, reply: Reply, wanted: Wanted) -> str:
        async with self._room():
            return await asyncio.to_thread(accept.compose, reply.text, wanted.parts, wanted.budget, self._count)

    async def _fill(self, summarizer: Summarizer, wanted: Wanted, done: Written) -> None:
        """Use what a block has left: room was kept for exact values that the body holds itself. Only for those who
        select, which costs no call and is sure to fit."""
        more = wanted.request.budget_tokens + wanted.budget - done.tokens
        async with self._room_of(summarizer):
            reply = await summarizer.summarize(replace(wanted.request, budget_tokens=more))
        block = await self._composed(reply, wanted)
        tokens = self._count(block) + FRAMING_TOKENS
        if done.tokens < tokens <= wanted.budget and wanted.replaced - tokens >= accept.least_gain(wanted.replaced):
            done.block, done.tokens = block, tokens

    def _note(self, summarizer: Summarizer, failed: SummarizerError, done: Written) -> None:
        done.refused.append(_named(summarizer, failed.detail))
        if failed.code == "no_gain":
            return  # about the conversation, not about who was asked
        done.failed.append(done.refused[-1])
        bug = failed.__cause__
        where = places(bug.__traceback__) if failed.code == "summary_internal" and bug is not None else ()
        self._tell(summarizer.name, failed.code, where)


def _nothing_to_quote(local: Summarizer, wanted: Wanted, failed: SummarizerError) -> Reply:
    """An empty body, where the last in line found nothing to quote (images) and the block is worth having
    for what the service puts into it, or must be had."""
    if failed.code != "summary_empty":
        raise failed
    parts = wanted.parts
    if wanted.must or parts.request or parts.pins or parts.directives or parts.artifacts:
        return Reply("", local.name)
    raise SummarizerError(failed.detail, code="no_gain") from failed


def _paid(failed: SummarizerError) -> float:
    cost = failed.extra.get("cost_usd")
    return cost if isinstance(cost, float) else 0.0


def _named(summarizer: Summarizer, reason: str) -> str:
    return reason if reason.startswith(summarizer.name) else f"{summarizer.name}: {reason}"


def reasons(failed: MemsvcError) -> str | None:
    """Whose answers were refused on the way to a failure, and why; None where none was."""
    told = failed.extra.get("refused")
    return "; ".join(told) if isinstance(told, tuple) else None
