"""Usage reports: what a model call used goes into the books, and its size calibrates the session."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from memsvc.core import policy as rules
from memsvc.core.limits import Policy
from memsvc.core.model import Appended, Session
from memsvc.core.money import OWN, Line
from memsvc.core.usage import Report, Vendor, read
from memsvc.errors import InvalidRequest, MemsvcError, NotFound
from memsvc.ports import Prices, Store
from memsvc.service.budgets import Purse
from memsvc.service.documents import limits
from memsvc.service.requests import UsageRequest

MICROS = 1_000_000
UNKNOWN = "unknown"
"""Name of a model or provider that neither a report nor its session tells."""


class Reports:
    """Takes usage reports of calls that others made.

    Args:
        prices: None = every price is unknown.
        wake: called when a report shows that a compaction is due.
    """

    def __init__(
        self,
        store: Store,
        purse: Purse,
        prices: Prices | None,
        *,
        defaults: Policy,
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._purse = purse
        self._prices = prices
        self._defaults = defaults
        self._clock = clock
        self._wake = wake
        self._loaded = False
        self._learning: set[asyncio.Task[None]] = set()

    def check(self, request: UsageRequest) -> Report:
        """What the report says. Raises InvalidRequest naming the member."""
        return request.read or read(request.usage, request.provider, where=request.where)

    async def take(self, session: Session, request: UsageRequest, own_id: str | None = None) -> dict[str, Any]:
        """Book a report and learn from it; gives the document of the reply. `own_id` names the call
        where the report does not. A call that is booked already is not booked again and teaches nothing, except where
        one was held for it: that is learnt from beside the booking, whatever became of it. InvalidRequest for a report
        that makes no sense, or names no call."""
        report = self.check(request)
        name = request.id or own_id
        if name is None:
            raise InvalidRequest("`id` is missing; send the provider's response id.", field="id")
        if name.startswith(OWN):
            raise InvalidRequest(f"`id` begins with {OWN!r}: the service names its own calls so.", field="id")
        line = await self._priced(session, request, report, name)
        if request.held is not None:
            # Beside it, so that a store writes both at once: nobody waits to learn whether it was booked before. What a
            # report says twice teaches nothing more.
            self._soon(self._calibrated(session, request, report))
            booked = await self._purse.settle(line, held=request.held)
        else:
            booked = await self._purse.book(line)
            if booked:
                session = await self._calibrated(session, request, report)
        return {
            "booked": booked,
            "cost_usd": line.micros / MICROS if line.micros is not None else None,
            "factor": rules.known_factor(session),
        }

    async def take_appended(self, appended: Appended, request: UsageRequest, reply: dict[str, Any]) -> None:
        """The same for a report that came with an append: its document joins the append's `reply`.

        The call made the newest of the messages that came with it, so its seq names the call: an
        append that is repeated books nothing twice. An error carries `reply` as `appended`."""
        own_id = f"append-{_birth(appended.session)}-{max(appended.seqs, default=0)}"
        try:
            reply["usage"] = await self.take(appended.session, request, own_id)
        except MemsvcError as error:
            error.extra["appended"] = reply
            raise

    async def settled(self, timeout_s: float) -> None:
        """Wait at most so long until all that was reported is learnt."""
        if self._learning:
            await asyncio.wait(self._learning, timeout=timeout_s)

    def _soon(self, learning: Coroutine[Any, Any, Session]) -> None:
        """Learn behind the back of a call whose client waits for its reply."""

        async def quietly() -> None:
            with contextlib.suppress(MemsvcError):  # the next report says as much
                await learning

        task = asyncio.create_task(quietly())
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    async def _priced(self, session: Session, request: UsageRequest, report: Report, name: str) -> Line:
        if self._loaded:
            return self._line(session, request, report, name)
        line = await asyncio.to_thread(self._line, session, request, report, name)  # loads the price list
        self._loaded = True
        return line

    def _line(self, session: Session, request: UsageRequest, report: Report, name: str) -> Line:
        at = self._clock() if request.at is None else request.at
        model = request.model or session.settings.model or UNKNOWN
        provider = request.provider or seller(session, report.vendor)
        micros = self._prices.micros(provider, model, report.usage, at=at) if self._prices is not None else None
        return Line(
            id=name,
            key=session.key,
            at=at,
            feature=request.feature,
            provider=provider,
            model=model,
            usage=report.usage,
            micros=micros,
            revision=request.revision,
        )

    async def _calibrated(self, session: Session, request: UsageRequest, report: Report) -> Session:
        """The header after it was told how many provider tokens the context of the report's revision took, and how many
        of them came from the cache."""
        revision, size, read = request.revision, report.size, report.usage.cache_read
        if revision is None or size is None:
            return session
        try:
            sent = request.sent or await self._store.sent(session.key, revision)
            if sent is None or sent.uid != session.uid:
                return session

            def change(stored: Session | None) -> Session:
                if stored is None:
                    raise NotFound(f"no session {session.key.session!r}")
                new = rules.calibrated(stored, sent, size, read)
                if new is stored:
                    return stored
                return rules.marked(new, limits(new, self._defaults))

            changed = await self._store.put(session.key, change, at=self._clock())
        except NotFound:
            return session  # deleted meanwhile: the books have it all the same
        if changed.state == "queued":
            self._wake()
        return changed


def _birth(session: Session) -> str:
    """Names a session for good: the same after a move to another store, another one for a successor of its name."""
    born = f"{session.created_at!r} {session.key.session}".encode()
    return hashlib.blake2b(born, digest_size=12).hexdigest()


def seller(session: Session, vendor: Vendor | None = None) -> str:
    """Whose price list a report belongs to that does not say it: by the session's model, by the
    report's shape, by the session's format."""
    name = rules.bare(session.settings.model)
    if name.startswith("claude"):
        return "anthropic"
    if name.startswith(("gpt-", "chatgpt-", "o1", "o3", "o4")):
        return "openai"
    told = vendor or session.settings.format
    if told is None:
        return UNKNOWN
    return "anthropic" if told == "anthropic" else "openai"
