"""One compaction from start to commit: load, cut, summarize, accept, compare-and-set.

Nothing here decides when or how far (core.policy) or what a good summary is (core.accept).
A failure at any point leaves the session as it was; the log is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from memsvc.core import accept
from memsvc.core import policy as rules
from memsvc.core.asking import SummaryRequest
from memsvc.core.limits import Policy
from memsvc.core.model import Entry, Key, Session, Summary, Window
from memsvc.core.policy import Cut
from memsvc.core.render import RENDERER, decode_entry
from memsvc.core.route import Score, Tier
from memsvc.core.turns import Group, groups, speaks
from memsvc.errors import CannotFit, Conflict, SummarizerError
from memsvc.observe import Compacted, Sink, SummarizerFailed
from memsvc.ports import Counter, Store, Summarizer
from memsvc.service.chain import PATIENCE_S, Chain, Wanted
from memsvc.service.documents import limits
from memsvc.service.economics import Economics
from memsvc.service.routing import Writers

EARLIER_TOKENS = 150_000
"""How far back a summarizer that selects from originals may look, newest first."""
EARLIER_BYTES = 8 * 1024 * 1024
"""The same in bytes: images are few tokens and many bytes."""
PAGE = 50
MANY_ENTRIES = 1_000
"""More than this is parted into groups in a thread."""
MANY_LOCKS = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a compaction came to.

    Attributes:
        reason: the trigger when something changed, else why nothing did.
        error: what went wrong on the way, or what somebody has to do about it; None = nothing.
        again: when to look again if no call comes before that (unix seconds); None = not by itself.
    """

    changed: bool
    reason: str
    epoch: int
    error: str | None = None
    again: float | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A decided compaction with all that its summary must hold."""

    window: Window
    cut: Cut
    policy: Policy
    parts: accept.Parts
    earlier: tuple[Entry, ...]
    saving_usd: float | None = None


class Compactor:
    """Runs compactions, at most one at a time per session in this process.

    Args:
        summarizers: tried in order; the last one must be local (it never fails for long).
        economics: says when it pays below the threshold; None = never.
        tiers: models by tier, of which the conversation's own is asked before the last of `summarizers`.
    """

    def __init__(
        self,
        store: Store,
        counter: Counter,
        summarizers: Sequence[Summarizer],
        *,
        defaults: Policy,
        clock: Callable[[], float],
        sink: Sink,
        economics: Economics | None = None,
        tiers: Mapping[Tier, Sequence[Summarizer]] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._counter = counter
        self._count = counter.count
        self._writers = Writers(summarizers, tiers)
        self._defaults = defaults
        self._clock = clock
        self._sink = sink
        self._economics = economics or Economics(None, clock=clock)
        self._patience_s = patience_s
        self._locks: dict[Key, asyncio.Lock] = {}
        self._hard_locks: dict[Key, asyncio.Lock] = {}

    async def run(self, key: Key, *, reason: str, keep_tokens: int | None = None) -> Outcome:
        """Compact if it is due (always, for reason `forced`). Raises NotFound, SummarizerError."""
        async with _lock(self._locks, key):
            outcome = await self._run(key, reason, keep_tokens)
            if outcome.reason == "lost_race" and reason != "forced":
                outcome = await self._run(key, reason, keep_tokens)  # it was an edit, perhaps: still too large?
            return outcome

    async def _run(self, key: Key, reason: str, keep_tokens: int | None) -> Outcome:
        window = await self._store.load(key)
        session = window.session
        policy = self._limits(session)
        soft = rules.soft_mark(policy, session)
        keep, saving = policy.keep_tokens if keep_tokens is None else keep_tokens, None
        if reason != "forced" and (soft is None or session.context_tokens <= soft):
            advice = self._economics.read(session, policy, window.entries)
            if advice is None or not advice.look.due:
                again = advice.again if advice is not None else None
                return Outcome(False, "below_threshold", session.epoch, again=again)
            reason, saving = advice.look.reason, advice.look.saving / 1e6
            keep = max(keep, advice.look.keep_tokens)
        parts = await _groups(window)
        cut = rules.plan(session, parts, keep_tokens=keep, summary_tokens=policy.summary_tokens)
        if cut is None:
            return Outcome(False, "nothing_to_compact", session.epoch)
        plan = await self._gather(window, cut, policy)
        return await self._write(replace(plan, saving_usd=saving), reason)

    async def hard(self, seen: Session, *, rendered: int) -> Outcome:
        """Bring a context under its hard mark with the local summarizer, at once.

        `seen` is the header that was over it, `rendered` the bytes of its context. Raises
        CannotFit with the `minimum` that would fit when no legal context does."""
        key = seen.key
        async with _lock(self._hard_locks, key):  # not the other lock: who holds that may wait for a model
            window = await self._store.load(key)
            session, policy = window.session, self._limits(window.session)
            if (session.uid, session.epoch) != (seen.uid, seen.epoch):
                return Outcome(False, "lost_race", session.epoch)  # another fetch did it meanwhile
            parts = await _groups(window)
            least = await self._least(window, parts, policy)
            beside = max(0, rendered - seen.tail_bytes)  # what the bytes of the messages are wrapped in
            room = max(0, policy.max_bytes - beside)
            cut = rules.plan_hard(session, parts, policy=policy, limit_bytes=room, least_block=least)
            need = rules.minimum(session, parts, least)
            if need > policy.max_tokens:
                raise _cannot_fit(need, policy)
            if cut is None:
                raise _too_many_bytes(rendered, policy)
            plan = await self._gather(window, cut, policy)
            outcome = await self._write(plan, "hard", local=True)
            if not outcome.changed and outcome.reason != "lost_race":
                raise _cannot_fit(rules.expected(session), policy)
            return outcome

    async def _write(self, plan: _Plan, reason: str, *, local: bool = False) -> Outcome:
        session, cut, started = plan.window.session, plan.cut, self._clock()
        wanted = Wanted(self._request(plan), plan.parts, cut.budget, cut.replaced, must=reason == "hard")
        try:
            chain, score = await asyncio.to_thread(self._chain, session.key, wanted.request)
            written = await chain.write(wanted, local=local)
        except SummarizerError as failed:
            if failed.code != "no_gain":
                raise
            return Outcome(False, "no_gain", session.epoch)
        except CannotFit:  # request and pins alone would fill the block
            return self._crowded(plan)
        request = plan.parts.request
        summary = Summary(
            epoch=session.epoch + 1,
            from_seq=session.cut + 1,
            to_seq=cut.seq,
            text=written.block,
            tokens=written.tokens,
            model=written.model,
            reason=reason,
            at=self._clock(),
            attempts=written.attempts,
            cost_usd=written.cost_usd,
            predicted_saving_usd=plan.saving_usd,
            request_seq=request.seq if request is not None else None,
            replaced_tokens=cut.replaced,
            predecessor_saving_usd=self._economics.saved_usd(plan.window, plan.policy),
        )
        outcome = await self._commit(plan, summary, started, str(score) if score is not None else None)
        return replace(outcome, error="; ".join(written.failed) or None)

    def _chain(self, key: Key, request: SummaryRequest) -> tuple[Chain, Score | None]:
        def tell(name: str, code: str, where: tuple[str, ...]) -> None:
            self._sink(SummarizerFailed(key.tenant, key.session, name, code, where))

        order, score = self._writers.order(request)
        return Chain(order, self._counter, tell=tell, patience_s=self._patience_s), score

    def _crowded(self, plan: _Plan) -> Outcome:
        """Why request and pins left no room: too little is replaced, or they are too large for good."""
        epoch, most = plan.window.session.epoch, plan.policy.summary_tokens
        if accept.minimum_block(plan.parts, most, self._count) <= most:
            return Outcome(False, "no_gain", epoch)
        advice = "pins and the quoted request leave no room in summary_tokens; unpin something or raise it"
        return Outcome(False, "pins_too_large", epoch, advice)

    async def _commit(self, plan: _Plan, summary: Summary, started: float, routed: str | None) -> Outcome:
        before = plan.window.session
        try:
            after = await self._store.commit(
                before.key,
                summary,
                expect_uid=before.uid,
                expect_epoch=before.epoch,
                expect_cut=before.cut,
                soft_tokens=rules.soft_tokens(plan.policy, rules.next_factor(before)),
                factor=None,  # an append may have told the format meanwhile
                renderer=RENDERER,
            )
        except Conflict:
            return Outcome(False, "lost_race", before.epoch)
        self._sink(
            Compacted(
                before.key.tenant,
                before.key.session,
                after.epoch,
                summary.from_seq,
                summary.to_seq,
                before.context_tokens,
                after.context_tokens,
                summary.reason,
                summary.model,
                summary.attempts,
                self._clock() - started,
                routed,
            )
        )
        return Outcome(True, summary.reason, after.epoch)

    # --- what a summary is made from ---------------------------------------------

    def _request(self, plan: _Plan) -> SummaryRequest:
        window, cut = plan.window, plan.cut
        system = window.session.settings.system
        return SummaryRequest(
            entries=_covered(window, cut),
            earlier=plan.earlier,
            previous=accept.body_of(window.summary.text) if window.summary else None,
            system=system.content.decode() if system else None,
            budget_tokens=accept.body_budget(plan.parts, cut.budget, self._count),
            key=window.session.key,
        )

    async def _gather(self, window: Window, cut: Cut, policy: Policy) -> _Plan:
        key = window.session.key
        covered = _covered(window, cut)
        earlier = await self._earlier(key, window.session.cut)
        pins = [p for p in await self._store.pins(key) if p.seq <= cut.seq]
        request = await self._quoted(window, covered, cut.quote)
        parts = await asyncio.to_thread(accept.gather, (*earlier, *covered), pins=pins, request=request)
        return _Plan(window, cut, policy, replace(parts, from_seq=1), earlier)

    async def _least(self, window: Window, parts: Sequence[Group], policy: Policy) -> int:
        """Tokens of the smallest summary that this session could have, whatever is cut."""
        pins = await self._store.pins(window.session.key)
        newest = next((g.user for g in reversed(parts) if g.user), None)
        request = await self._quoted(window, window.entries, newest)
        quoted = accept.asked(request) if request is not None else None
        must = accept.Parts(window.session.last_seq, request=quoted, pins=tuple(map(accept.quote, pins)))
        least, budget = 0, policy.summary_tokens
        while (found := accept.minimum_block(must, budget, self._count)) > least:
            least, budget = found, max(found, budget)  # a larger block has room for a longer quote
        return least

    async def _quoted(self, window: Window, entries: Sequence[Entry], seq: int | None) -> Entry | None:
        """The user message to quote: `seq` among `entries`; None = the one quoted before."""
        if seq == 0:
            return None
        if seq is not None:
            return next(e for e in entries if e.seq == seq)
        before = window.summary.request_seq if window.summary else None
        if before is None:  # the tail had a newer one then, which an edit has cut off
            covered = await self._earlier(window.session.key, window.session.cut)
            return next((e for e in reversed(covered) if speaks(decode_entry(e))), None)
        found = await self._store.entries(window.session.key, after=before - 1, upto=before, limit=1)
        return found[0] if found else None

    async def _earlier(self, key: Key, cut: int) -> tuple[Entry, ...]:
        """Originals that the present summary stands for, newest first up to a bound, in seq order."""
        pages: list[list[Entry]] = []
        tokens, size, upto = 0, 0, cut
        while upto > 0 and tokens < EARLIER_TOKENS and size < EARLIER_BYTES:
            page = await self._store.entries(key, after=max(0, upto - PAGE), upto=upto, limit=PAGE)
            live = [e for e in page if not e.superseded]
            pages.append(live)
            tokens += sum(e.tokens for e in live)
            size += sum(len(e.raw) for e in live)
            upto -= PAGE
        return tuple(e for page in reversed(pages) for e in page)

    def _limits(self, session: Session) -> Policy:
        return limits(session, self._defaults)


def _lock(locks: dict[Key, asyncio.Lock], key: Key) -> asyncio.Lock:
    if len(locks) > MANY_LOCKS:
        for idle in [k for k, lock in locks.items() if not lock.locked()]:
            del locks[idle]
    return locks.setdefault(key, asyncio.Lock())


def _covered(window: Window, cut: Cut) -> tuple[Entry, ...]:
    return tuple(e for e in window.entries if e.seq <= cut.seq)


async def _groups(window: Window) -> list[Group]:
    if len(window.entries) < MANY_ENTRIES:
        return groups(window.entries, decode_entry)
    return await asyncio.to_thread(groups, window.entries, decode_entry)


def _cannot_fit(need: int, policy: Policy) -> CannotFit:
    return CannotFit(
        f"what must stay takes {need} tokens, max_tokens of the session is {policy.max_tokens}; "
        "raise policy.max_tokens to the minimum, or shorten system prompt, tools, pins or the newest messages",
        minimum=need,
    )


def _too_many_bytes(need: int, policy: Policy) -> CannotFit:
    return CannotFit(
        f"what must stay takes {need} bytes, max_bytes of the session is {policy.max_bytes}; "
        "raise policy.max_bytes, or shorten system prompt, tools or the newest messages",
        minimum_bytes=need,
    )
