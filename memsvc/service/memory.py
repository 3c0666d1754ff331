"""Memory: what every face calls. One method a call of the API; each is a few awaits in order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from memsvc import __version__
from memsvc.core import policy as rules
from memsvc.core import shadow
from memsvc.core.limits import Policy
from memsvc.core.model import ON, Format, Key, Session
from memsvc.core.render import RENDERER
from memsvc.errors import CannotFit, MemsvcError, NotFound
from memsvc.observe import Sink
from memsvc.ports import NO_SPANS, Counter, Prices, Spans, Store, Summarizer
from memsvc.service import changes
from memsvc.service.asked import AskedFor, reverted, settled
from memsvc.service.breaks import Watched, tell_edited
from memsvc.service.budgets import Purse, Terms
from memsvc.service.compact import Compactor
from memsvc.service.copies import as_it_is, fork
from memsvc.service.deletion import delete, delete_user, purge, redact
from memsvc.service.documents import append_document, session_document
from memsvc.service.drafts import Drafts
from memsvc.service.economics import Economics
from memsvc.service.history import history
from memsvc.service.inbox import Inbox
from memsvc.service.leased import Leased
from memsvc.service.looks import Looks
from memsvc.service.pins import pin, pins
from memsvc.service.requests import (
    AppendRequest,
    CompactRequest,
    ContextRequest,
    CountRequest,
    PutRequest,
    Rendered,
    UsageRequest,
)
from memsvc.service.routing import Writers
from memsvc.service.savings import Savings
from memsvc.service.search import Search
from memsvc.service.shading import align, leave
from memsvc.service.spend import spend
from memsvc.service.stats import Stats
from memsvc.service.usage import Reports
from memsvc.service.views import Held, Views

LEASE_S = 30.0


class Memory:
    """Stores conversations and hands back contexts.

    Args:
        store: an open store.
        counter: counts raw tokens.
        summarizers: tried in order, the last one is local; or all that says who writes.
        defaults: the service's policy (`max_tokens` 0 = by the model).
        clock: unix seconds.
        wake: called when a compaction became due, so that a worker need not poll.
        sink: where events go.
        cache_bytes: memory for rendered contexts.
        prices: what reported calls cost; None = every price is unknown.
        purse: the books within tenants' budgets; None = there are no budgets but their own.
        economics: says when a compaction pays below the threshold; None = never.
        lease_s: a compaction that a caller asked for is taken over if nothing is heard of it for so long.
    """

    def __init__(
        self,
        store: Store,
        counter: Counter,
        summarizers: Sequence[Summarizer] | Writers,
        *,
        defaults: Policy,
        clock: Callable[[], float],
        wake: Callable[[], None] = lambda: None,
        sink: Sink = lambda event: None,
        cache_bytes: int = 24 * 1024 * 1024,
        prices: Prices | None = None,
        purse: Purse | None = None,
        economics: Economics | None = None,
        lease_s: float = LEASE_S,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._spans = spans
        self._store = store
        self._inbox = Inbox(counter)
        self._defaults = defaults
        self._clock = clock
        self._wake = wake
        self._sink = sink
        self._views = Views(store, defaults, cache_bytes)
        self._drafts = Drafts(store, self._inbox, defaults, limits=self._views.limits)
        economics = economics or Economics(None, clock=clock)
        self._search = Search(store)
        self._savings = Savings(store, economics, defaults, limits=self._views.limits)
        self.compactor = Compactor(
            store, counter, summarizers, defaults=defaults, clock=clock, sink=sink, economics=economics, spans=spans
        )
        self.looks = Looks(store, economics, limits=self._views.limits, clock=clock, wake=wake)
        self.purse = purse or Purse(store, Terms(), clock=clock, tell=sink)
        self.stats = Stats(store, self.purse, clock=clock, version=__version__)
        self._reports = Reports(store, self.purse, prices, defaults=defaults, clock=clock, wake=wake)
        leased = Leased(store, self.compactor, clock=clock, sink=sink, lease_s=lease_s)
        self._asked_for = AskedFor(leased)

    async def put(self, key: Key, request: PutRequest, *, quiet: bool = False) -> dict[str, Any]:
        """Create or merge a session; gives its document. `quiet`: who calls tells what that breaks."""
        change = changes.parse(key, request, self._inbox, self._defaults, self._clock())
        watched = Watched(change.apply)
        session = await self._store.put(key, watched, at=change.at)
        if not quiet:
            watched.tell(session, self._sink)
        return self._document(self._wake_if_queued(session))

    async def get(self, key: Key) -> dict[str, Any]:
        """A session's document. Raises NotFound."""
        return await self._savings.session(await self._head(key))

    async def list_sessions(
        self, tenant: str, *, prefix: str, user: str | None, after: str | None, limit: int
    ) -> dict[str, Any]:
        """A page of a tenant's sessions, newest activity first."""
        found, cursor = await self._store.sessions(tenant, prefix=prefix, user=user, after=after, limit=limit)
        return {"sessions": [self._document(s) for s in found], "next": cursor}

    async def append(self, key: Key, request: AppendRequest, *, hint: Format | None = None) -> dict[str, Any]:
        """Store messages, all or none; durable when it returns. `hint` is the format they are in
        when neither the request nor they nor the session tell."""
        if request.usage is not None:
            self._reports.check(request.usage)
        with self._spans.span("append"):
            batch = await self._drafts.batch(key, request, hint, self._clock())
            appended = await self._store.append(key, batch)
        if appended.due:
            self._wake()
        else:
            self.looks.note(appended.session)
        reply = append_document(appended)
        if request.usage is not None:
            await self._reports.take_appended(appended, request.usage, reply)
        return reply

    async def append_and_context(
        self, key: Key, request: AppendRequest, wanted: ContextRequest
    ) -> tuple[dict[str, Any], Rendered]:
        """Append, then the context that now holds: one round trip a turn.

        An error after the append carries its reply as `appended`: the messages are stored."""
        reply = await self.append(key, request, hint=wanted.format)
        try:
            return reply, await self.context(key, wanted)
        except MemsvcError as error:
            error.extra["appended"] = reply
            raise

    async def context(self, key: Key, request: ContextRequest) -> Rendered:
        """The context as finished JSON. Raises NotFound, or CannotFit with a `minimum`."""
        if self._spans is NO_SPANS:
            return await self._context(key, request)
        with self._spans.span("context"):
            return await self._context(key, request)

    async def _context(self, key: Key, request: ContextRequest) -> Rendered:
        if request.wait_ms:
            await settled(self._store, key, request.wait_ms / 1000, self._clock)
        asked = False
        for _ in range(4):  # a compaction at the hard mark changes what there is to fetch
            held = await self._views.get(key, request.format, request.marks)
            if held.answer is not None and held.answered == (held.session.revision, request.max_tokens):
                return held.answer
            if held.view.empty():
                raise CannotFit("the session has no message to send yet; append one first", code="empty_context")
            if not asked and shadow.aligned(held.session, held.limits) is not held.session:
                asked = True
                await align(self._store, held.session, self._views.limits, self._clock())
                continue
            if not self._over(held):
                answer = self._answer(held, request)  # first: another fetch may extend the view while this one waits
                await self._refresh_soft(held)
                return answer
            if held.session.shadow == ON:
                left = await leave(self._store, held.session, self._clock())
                if left.revision != held.session.revision:
                    continue  # there is a summary to be served
            await self.compactor.hard(held.session, rendered=held.sent_bytes())
        raise CannotFit("the session grows faster than it can be compacted; try again", retryable=True)

    async def history(self, key: Key, *, after: int, limit: int, format: Format | None, content: bool = True) -> bytes:
        """The verbatim log as JSON, a page of at most `limit` messages."""
        return await history(self._store, await self._head(key), after, limit, format, content)

    async def search(self, key: Key, *, q: str, limit: int) -> dict[str, Any]:
        """Messages that fit words, the best first. Raises NotFound, InvalidRequest."""
        return await self._search.find(key, q, limit)

    async def summaries(self, key: Key, *, after: int, limit: int, statements: bool = False) -> dict[str, Any]:
        """Committed summaries, oldest first, with what each says and leaves out if asked for; `next` is for `after`."""
        return await self._savings.page(key, after=after, limit=limit, statements=statements)

    async def compact(self, key: Key, request: CompactRequest) -> tuple[int, dict[str, Any]]:
        """Compact now, or go back: (200, what happened), or (202, ...) if it takes longer than `wait_ms`."""
        head = await self._head(key)
        if request.to_epoch is None:
            return await self._asked_for.compact(head, request)
        session, said = await reverted(self._store, head, request.to_epoch, self._clock())
        self._wake_if_queued(session)
        return 200, said

    async def usage(self, key: Key, request: UsageRequest) -> dict[str, Any]:
        """Book a model call that the caller made, and learn from it how the provider counts."""
        return await self._reports.take(await self._head(key), request)

    async def spend(self, tenant: str, *, period: str, by: str) -> dict[str, Any]:
        """What a tenant's calls have cost, and what its budgets have left."""
        found = await spend(self._store, tenant, period=period, by=by, now=self._clock())
        return {**found, "budgets": await self.purse.document(tenant)}

    async def truncate(
        self, key: Key, after_seq: int, *, if_log_revision: int | None = None, quiet: bool = False
    ) -> dict[str, Any]:
        """Supersede every message after `after_seq` (edit, regenerate); gives the session. Conflict if the log is not
        at `if_log_revision` (None = at any). `quiet`: as for `put`."""
        at = self._clock()
        cut = await self._store.truncate(key, after_seq=after_seq, at=at, if_log_revision=if_log_revision)
        if not quiet:
            tell_edited(cut, at, self._sink)
        return self._document(self._wake_if_queued(cut))

    async def redact(self, key: Key, seq: int) -> dict[str, Any]:
        """Erase one message and all that was made from it, for good, also where branches share it; gives the session.
        Raises NotFound."""
        session = await redact(self._store, self._views, key, seq, self._clock())
        return self._document(self._wake_if_queued(session))

    async def fork(
        self, key: Key, to: str, after_seq: int | None, *, dress: Callable[[Session], Session] = as_it_is
    ) -> dict[str, Any]:
        """A new session `to` that shares the past up to `after_seq` (None = all of it); gives its document.
        `dress` changes its header before anybody sees it."""
        made = await fork(self._store, key, Key(key.tenant, to), after_seq, self._clock(), dress)
        return self._document(self._wake_if_queued(made))

    async def pin(self, key: Key, seq: int) -> dict[str, Any]:
        """Keep a message word for word in every later summary. CannotFit if pins grow too large."""
        session = await self._head(key)
        return await pin(self._store, session, self._views.limits(session), seq)

    async def unpin(self, key: Key, seq: int) -> None:
        """Undo a pin. Idempotent."""
        await self._head(key)
        await self._store.pin(key, seq, False)

    async def pins(self, key: Key) -> dict[str, Any]:
        """The live messages that are pinned, in seq order. Raises NotFound."""
        return await pins(self._store, await self._head(key))

    async def delete(self, key: Key) -> None:
        """Remove a session, its branches, and all that was derived from it. Raises NotFound."""
        await delete(self._store, self._views, key)

    async def delete_user(self, tenant: str, user: str) -> None:
        """Remove every session that carries this `user` tag, and all that was derived from them. Idempotent."""
        await delete_user(self._store, self._views, tenant, user)

    async def delete_inactive(self, tenant: str, since: float) -> dict[str, Any]:
        """Remove every session that nothing was written to since `since` (unix seconds); says how many."""
        return {"deleted": await purge(self._store, tenant, since, now=self._clock(), forget=self._views.forget)}

    def on_forget(self, forget: Callable[[Key], None]) -> None:
        """Have `forget` called with each session that is deleted, or of which something is erased."""
        self._views.on_forget(forget)

    def limits(self, session: Session) -> Policy:
        """The policy as it applies to a session."""
        return self._views.limits(session)

    async def count(self, request: CountRequest) -> dict[str, Any]:
        """Raw tokens of messages, system prompt and tools, and what the provider may count."""
        return await self._inbox.count(request)

    async def ready(self) -> None:
        """Raise Unavailable unless the store serves."""
        await self._store.ping()

    async def drain(self, timeout_s: float = 30.0) -> None:
        """Wait at most so long for compactions that callers started, then cancel them."""
        await self.looks.stop()
        await self._reports.settled(timeout_s)
        await self._asked_for.drain(timeout_s)

    # --- helpers ---------------------------------------------------------------

    def _document(self, session: Session) -> dict[str, Any]:
        return session_document(session, self._defaults)

    async def _head(self, key: Key) -> Session:
        head = await self._store.head(key)
        if head is None:
            raise NotFound(f"no session {key.session!r}")
        return head

    def _over(self, held: Held) -> bool:
        session, limits = held.session, held.limits
        if rules.expected(session) > limits.max_tokens:
            return True
        return session.tail_bytes > limits.max_bytes or held.sent_bytes() > limits.max_bytes

    def _answer(self, held: Held, request: ContextRequest) -> Rendered:
        session = held.session
        needed = rules.expected(session)
        if request.max_tokens is not None and needed > request.max_tokens:
            raise CannotFit(
                f"the context takes {needed} tokens, max_tokens of this request is {request.max_tokens}; "
                "ask for more, or compact the session first",
                minimum=needed,
            )
        born = f"{session.uid:x}.{int(session.created_at * 1000):x}"
        limits = held.limits  # the service's defaults may differ from those of its last start
        style = f"{held.view.style.target}.{request.marks}.{limits.cache_ttl}.{limits.placement}"
        asked = f"{style}.{request.max_tokens or 0}"
        held.answer = Rendered(held.render(), f'"{born}.{session.revision}.{asked}.{RENDERER}"', session)
        held.answered = (session.revision, request.max_tokens)
        return held.answer

    async def _refresh_soft(self, held: Held) -> None:
        """Bring the header's soft mark up to date after the service's defaults changed."""
        session = held.session
        soft = rules.soft_mark(held.limits, session)
        if soft == session.soft_tokens or held.soft_checked == session.revision:
            return
        held.soft_checked = session.revision

        def change(stored: Session | None) -> Session:
            if stored is None:
                raise NotFound(f"no session {session.key.session!r}")
            return rules.marked(stored, self._views.limits(stored)) if stored.uid == session.uid else stored

        with contextlib.suppress(NotFound):  # deleted meanwhile: nothing to bring up to date
            changed = await self._store.put(session.key, change, at=self._clock())
            self._wake_if_queued(changed)

    def _wake_if_queued(self, session: Session) -> Session:
        if session.state == "queued":
            self._wake()
        return session
