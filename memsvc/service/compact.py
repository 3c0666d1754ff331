"""One compaction from start to commit: load, cut, summarize, accept, compare-and-set.

Nothing here decides when or how far (core.policy) or what a good summary is (core.accept).
A failure at any point leaves the session as it was; the log is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec.structs import replace

from memsvc.core import accept, shadow
from memsvc.core import policy as rules
from memsvc.core.asking import SummaryRequest, refusals
from memsvc.core.limits import Policy
from memsvc.core.model import ON, Key, Session, Summary, Window
from memsvc.core.render import RENDERER
from memsvc.core.route import Score
from memsvc.errors import CannotFit, Conflict, SummarizerError
from memsvc.observe import Compacted, NotCompacted, Sink, SummarizerFailed
from memsvc.ports import NO_SPANS, Counter, Span, Spans, Store, Summarizer
from memsvc.service.chain import PATIENCE_S, Chain, Wanted, reasons
from memsvc.service.deferral import Collected, Ticket, ticket_of
from memsvc.service.documents import limits
from memsvc.service.economics import Economics
from memsvc.service.material import Material, Plan
from memsvc.service.outcome import Outcome, cannot_fit, too_many_bytes
from memsvc.service.room import BEGUN, NEW, URGENT, Room
from memsvc.service.routing import Writers
from memsvc.service.shading import align

MANY_LOCKS = 10_000


class Compactor:
    """Runs compactions, at most one at a time per session in this process.

    Args:
        summarizers: tried in order, the last one must be local (it never fails for long); or all that says who writes.
        economics: says when it pays below the threshold; None = never.
    """

    def __init__(
        self,
        store: Store,
        counter: Counter,
        summarizers: Sequence[Summarizer] | Writers,
        *,
        defaults: Policy,
        clock: Callable[[], float],
        sink: Sink,
        economics: Economics | None = None,
        patience_s: float = PATIENCE_S,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._store = store
        self._counter = counter
        self._count = counter.count
        self._writers = summarizers if isinstance(summarizers, Writers) else Writers(summarizers)
        self._material = Material(store, counter.count, self._writers.rebuild_epochs)
        self._deferrals = self._writers.deferrals
        self._defaults = defaults
        self._clock = clock
        self._sink = sink
        self._economics = economics or Economics(None, clock=clock)
        self._patience_s = patience_s
        self._room = Room()
        self._spans = spans
        self._locks: dict[Key, asyncio.Lock] = {}
        self._hard_locks: dict[Key, asyncio.Lock] = {}

    async def run(self, key: Key, *, reason: str, keep_tokens: int | None = None, note: str = "") -> Outcome:
        """Compact if it is due (always, for reason `forced`); `note` is the job's. Raises NotFound,
        SummarizerError."""
        with self._step(key, reason) as span:
            outcome = await self._locked(key, reason, keep_tokens, note)
            self._told(span, key, reason, outcome)
            return outcome

    async def _locked(self, key: Key, reason: str, keep_tokens: int | None, note: str) -> Outcome:
        async with _lock(self._locks, key):
            ticket, outcome, left = ticket_of(note), None, None
            if ticket is not None:
                outcome, left = await self._collect(key, ticket, wanted=reason != "forced")
            if outcome is None:
                outcome = await self._run(key, reason, keep_tokens, ticket)
                if outcome.reason == "lost_race" and reason != "forced":
                    outcome = await self._run(key, reason, keep_tokens, ticket)  # it was an edit: still too large?
            return outcome if left is None else _waiting(outcome, left, self._clock())

    async def _run(self, key: Key, reason: str, keep_tokens: int | None, ticket: Ticket | None) -> Outcome:
        async with self._room.taken(NEW):  # the log is read in it, too: many at once would take much memory
            plan, told = await self._planned(key, reason, keep_tokens)
        if plan is None:
            return told
        if told.reason == "cold" and ticket is None:
            handed_in = await self._hand_in(plan)
            if handed_in is not None:
                return handed_in
        return replace(await self._write(plan, told.reason), trigger=told.reason)

    async def _planned(self, key: Key, reason: str, keep_tokens: int | None) -> tuple[Plan | None, Outcome]:
        """What is to be done, and why; None where nothing is."""
        window = await self._aligned(await self._store.load(key))
        session = window.session
        policy = self._limits(session)
        soft = rules.soft_mark(policy, session)
        keep, saving = policy.keep_tokens if keep_tokens is None else keep_tokens, None
        if reason != "forced" and (soft is None or session.context_tokens <= soft):
            advice = self._economics.read(session, policy, window.entries)
            if advice is None or not advice.look.due:
                again = advice.again if advice is not None else None
                return None, Outcome(False, "below_threshold", session.epoch, again=again)
            reason, saving = advice.look.reason, advice.look.saving / 1e6
            keep = max(keep, advice.look.keep_tokens)
        parts = await self._material.groups(window)
        cut = rules.plan(session, parts, keep_tokens=keep, summary_tokens=policy.summary_tokens)
        if cut is None:
            return None, Outcome(False, "nothing_to_compact", session.epoch)
        plan = await self._material.plan(window, cut, policy)
        return replace(plan, saving_usd=saving), Outcome(False, reason, session.epoch)

    async def _aligned(self, window: Window) -> Window:
        """The window of a session that is in the shadow if its mode wants it so: a commit goes by that."""
        if shadow.aligned(window.session, self._limits(window.session)) is window.session:
            return window
        await align(self._store, window.session, self._limits, self._clock())
        return await self._store.load(window.session.key)

    async def _hand_in(self, plan: Plan) -> Outcome | None:
        """Hand the summary in as a batch; None where it is to be written now."""
        if self._deferrals is None:
            return None
        session = plan.window.session
        async with self._room.taken(BEGUN):
            request = await asyncio.to_thread(self._material.request, plan)
            order, _ = await asyncio.to_thread(self._writers.order, request)
            originals = await asyncio.to_thread(self._material.originals, plan)
        for asked in (originals, request):
            ticket = None
            if asked is not None:
                ticket = await self._deferrals.submit(order[0].name, asked, session, plan.cut.seq, plan.saving_usd)
            if ticket is not None:
                break
        if ticket is None:
            return None
        return _waiting(Outcome(False, "batched", session.epoch, trigger="cold"), ticket, self._clock())

    async def _collect(self, key: Key, ticket: Ticket, *, wanted: bool) -> tuple[Outcome | None, Ticket | None]:
        """(what became of a batch; None = the compaction is to be made without it), (what is still to be looked for:
        a batch that nobody wants any more is waited for too, so that the books learn what it cost)."""
        if self._deferrals is None:
            return None, None
        window = await self._store.load(key)
        session, policy = window.session, self._limits(window.session)
        wanted = wanted and not ticket.dropped and ticket.fits(session)
        try:
            reply = await self._deferrals.reply(key, ticket, self._clock())
        except SummarizerError:
            return None, None
        if reply is None:
            if wanted and not self._pressed(window, policy):
                return Outcome(False, "batched", session.epoch), ticket.looked()
            if not ticket.dropped:
                await self._deferrals.cancel(ticket)
            return None, ticket.looked(dropped=True)
        async with self._room.taken(NEW):
            parts = await self._material.groups(window)
            cut = rules.cut_after(session, parts, ticket.to_seq, policy.summary_tokens) if wanted else None
            if cut is None:
                return None, None  # the session has gone on without it
            plan = replace(await self._material.plan(window, cut, policy), saving_usd=ticket.saving_usd)
        return await self._write(plan, "cold", first=Collected(ticket.receipt.writer, reply)), None

    def _pressed(self, window: Window, policy: Policy) -> bool:
        """Whether a session cannot wait any more."""
        session, soft = window.session, rules.soft_mark(policy, window.session)
        if soft is not None and session.context_tokens > soft:
            return True
        advice = self._economics.read(session, policy, window.entries)
        return advice is not None and advice.look.due and advice.look.reason != "cold"

    async def hard(self, seen: Session, *, rendered: int) -> Outcome:
        """Bring a context under its hard mark with the local summarizer, at once.

        `seen` is the header that was over it, `rendered` the bytes of its context. Raises
        CannotFit with the `minimum` that would fit when no legal context does."""
        with self._step(seen.key, "hard") as span:
            outcome = await self._hard(seen, rendered)
            self._told(span, seen.key, "hard", outcome)
            return outcome

    def _step(self, key: Key, reason: str) -> AbstractContextManager[Span]:
        told = {"gen_ai.conversation.id": key.session, "memsvc.tenant": key.tenant, "memsvc.trigger": reason}
        return self._spans.span("compaction", told)

    def _told(self, span: Span, key: Key, reason: str, outcome: Outcome) -> None:
        """Tell what a compaction came to; of one that changed something the commit has told."""
        trigger = outcome.trigger or reason
        span.note({"memsvc.trigger": trigger, "memsvc.outcome": "committed" if outcome.changed else outcome.reason})
        if not outcome.changed:
            self._sink(NotCompacted(key.tenant, key.session, trigger, outcome.reason))

    async def _hard(self, seen: Session, rendered: int) -> Outcome:
        key = seen.key
        async with _lock(self._hard_locks, key):  # not the other lock: who holds that may wait for a model
            window = await self._store.load(key)
            session, policy = window.session, self._limits(window.session)
            if (session.uid, session.epoch) != (seen.uid, seen.epoch):
                return Outcome(False, "lost_race", session.epoch)  # another fetch did it meanwhile
            parts = await self._material.groups(window)
            least = await self._material.least(window, parts, policy)
            beside = max(0, rendered - seen.tail_bytes)  # what the bytes of the messages are wrapped in
            room = max(0, policy.max_bytes - beside)
            cut = rules.plan_hard(session, parts, policy=policy, limit_bytes=room, least_block=least)
            need = rules.minimum(session, parts, least)
            if need > policy.max_tokens:
                raise cannot_fit(need, policy)
            if cut is None:
                raise too_many_bytes(rendered, policy)
            async with self._room.taken(URGENT):
                plan = await self._material.plan(window, cut, policy)
            outcome = await self._write(plan, "hard", local=True)
            if not outcome.changed and outcome.reason != "lost_race":
                raise cannot_fit(rules.expected(session), policy)
            return outcome

    async def _write(self, plan: Plan, reason: str, *, local: bool = False, first: Summarizer | None = None) -> Outcome:
        session, cut, started = plan.window.session, plan.cut, self._clock()
        rank = URGENT if local else BEGUN
        try:
            async with self._room.taken(rank):
                asked = await asyncio.to_thread(self._material.request, plan)
                wanted = Wanted(asked, plan.parts, cut.budget, cut.replaced, must=reason == "hard")
                chain, score = await asyncio.to_thread(self._chain, session.key, wanted.request, first, rank)
                if chain.asks_models and not local and first is None:
                    wanted = replace(wanted, originals=await asyncio.to_thread(self._material.originals, plan))
            written = await chain.write(wanted, local=local)
        except SummarizerError as failed:
            if failed.code != "no_gain":
                raise
            return Outcome(False, "no_gain", session.epoch, reasons(failed))
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
            refused=refusals(written.refused),
        )
        outcome = await self._commit(plan, summary, started, str(score) if score is not None else None)
        return replace(outcome, error="; ".join(written.failed) or None)

    def _chain(
        self, key: Key, request: SummaryRequest, first: Summarizer | None, rank: int
    ) -> tuple[Chain, Score | None]:
        def tell(name: str, code: str, where: tuple[str, ...]) -> None:
            self._sink(SummarizerFailed(key.tenant, key.session, name, code, where))

        order, score = self._writers.order(request)
        order = order if first is None else [first, *order]
        chain = Chain(order, self._counter, tell=tell, patience_s=self._patience_s, room=self._room, rank=rank)
        return chain, score

    def _crowded(self, plan: Plan) -> Outcome:
        """Why request and pins left no room: too little is replaced, or they are too large for good."""
        epoch, most = plan.window.session.epoch, plan.policy.summary_tokens
        if accept.minimum_block(plan.parts, most, self._count) <= most:
            return Outcome(False, "no_gain", epoch)
        advice = "pins and the quoted request leave no room in summary_tokens; unpin something or raise it"
        return Outcome(False, "pins_too_large", epoch, advice)

    async def _commit(self, plan: Plan, summary: Summary, started: float, routed: str | None) -> Outcome:
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
                after.context_tokens - summary.tokens + (summary.replaced_tokens or 0),  # appends meanwhile: in both
                after.context_tokens,
                summary.reason,
                summary.model,
                summary.attempts,
                self._clock() - started,
                routed,
                summary.cost_usd,
                summary.predicted_saving_usd,
                _settled(plan.window.summary, summary),
                after.shadow == ON,
            )
        )
        return Outcome(True, summary.reason, after.epoch)

    def _limits(self, session: Session) -> Policy:
        return limits(session, self._defaults)


def _settled(before: Summary | None, summary: Summary) -> tuple[float, float] | None:
    """What the compaction before was to save, and has saved; None where one of them is not known."""
    predicted = before.predicted_saving_usd if before is not None else None
    actual = summary.predecessor_saving_usd
    return None if predicted is None or actual is None else (predicted, actual)


def _waiting(outcome: Outcome, ticket: Ticket, now: float) -> Outcome:
    """An outcome of a session whose batch is to be looked for."""
    look = ticket.next_look(now)
    return replace(outcome, again=look if outcome.again is None else min(look, outcome.again), note=ticket.note)


def _lock(locks: dict[Key, asyncio.Lock], key: Key) -> asyncio.Lock:
    if len(locks) > MANY_LOCKS:
        for idle in [k for k, lock in locks.items() if not lock.locked()]:
            del locks[idle]
    return locks.setdefault(key, asyncio.Lock())
