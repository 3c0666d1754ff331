"""What a summary is made from: the turns it covers, those before them, pins, and the request it must quote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core import accept
from memsvc.core.artifacts import Artifact
from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import Reading, bracketed, read
from memsvc.core.limits import Policy
from memsvc.core.model import Entry, Key, Window
from memsvc.core.policy import Cut
from memsvc.core.render import decode_entry
from memsvc.core.turns import Group, groups, speaks
from memsvc.core.verify import Record, drift
from memsvc.ports import Log

EARLIER_TOKENS = 150_000
"""How far back a summarizer that selects from originals may look, newest first."""
EARLIER_BYTES = 8 * 1024 * 1024
"""The same in bytes: images are few tokens and many bytes."""
PAGE = 50
MANY_ENTRIES = 50
"""More than this is parted into groups in a thread: so many take less than half a millisecond."""
REBUILD_EPOCHS = 5
"""After so many epochs a model writes its notes from the originals again, where these are at hand."""
MOST_DRIFT = 0.1
"""Share of a summary's points that its originals may leave without a source, before it is written anew."""
MOST_LOST, LOOKED_AT = 0.5, 12
"""The same for standing orders and the most useful exact values that are no longer in it: so many are looked at."""
LOCAL = "local"
"""Who selects from originals, as a summary names it."""
EXACT = ("path", "url", "id", "email", "error", "version")


class Plan(Struct, frozen=True):
    """A decided compaction with all that its summary must hold. `complete`: `earlier` has all live messages before
    those that are newly covered."""

    window: Window
    cut: Cut
    policy: Policy
    parts: accept.Parts
    earlier: tuple[Entry, ...]
    reading: Reading
    complete: bool = False
    saving_usd: float | None = None


class Material:
    """Gathers it from the store. Who calls has taken room for what is all CPU in it.

    Args:
        count: raw tokens of a text.
        rebuild_epochs: every so many epochs originals are shown instead of the summary before; 0 = only where that has
            drifted from them.
    """

    def __init__(self, store: Log, count: Callable[[str], int], rebuild_epochs: int = REBUILD_EPOCHS) -> None:
        self._store = store
        self._count = count
        self._rebuild_epochs = rebuild_epochs

    def request(self, plan: Plan) -> SummaryRequest:
        """What a summarizer is asked. Counts tokens many times: not for the event loop."""
        window, cut = plan.window, plan.cut
        system = window.session.settings.system
        return SummaryRequest(
            entries=covered_by(window, cut),
            earlier=plan.earlier,
            previous=_previous(window),
            system=system.content.decode() if system else None,
            budget_tokens=accept.body_budget(plan.parts, cut.budget, self._count),
            key=window.session.key,
            reading=plan.reading,
            told=accept.told(plan.parts, cut.budget, self._count),
        )

    def originals(self, plan: Plan) -> SummaryRequest | None:
        """The request for a summary from the originals at hand, where that is due; the summary before goes with them
        only if it stands for others, too. Reads all of them: not for the event loop."""
        request = self.request(plan)
        if not plan.earlier or not self._due(plan, request):
            return None
        previous = None if plan.complete else request.previous
        return replace(request, entries=(*plan.earlier, *request.entries), earlier=(), previous=previous)

    def _due(self, plan: Plan, request: SummaryRequest) -> bool:
        summary, epoch = plan.window.summary, plan.window.session.epoch + 1
        if summary is None or not request.previous or summary.model == LOCAL:  # that one selects from originals
            return False
        if self._rebuild_epochs and epoch // self._rebuild_epochs > summary.epoch // self._rebuild_epochs:
            return True
        if not plan.complete:
            return False
        record = Record.of(replace(request, entries=plan.earlier, earlier=(), previous=None), summary.to_seq)
        if drift(request.previous, record) > MOST_DRIFT:
            return True
        # not each time: it may be lost for want of room
        return epoch % 2 == 0 and _lost(summary.text, plan) > MOST_LOST

    async def groups(self, window: Window) -> list[Group]:
        """The messages of a window, parted."""
        if len(window.entries) <= MANY_ENTRIES:
            return groups(window.entries, decode_entry)
        return await asyncio.to_thread(groups, window.entries, decode_entry)

    async def plan(self, window: Window, cut: Cut, policy: Policy) -> Plan:
        """All that the summary behind a cut must hold."""
        key = window.session.key
        covered = covered_by(window, cut)
        earlier, complete = await self._earlier(key, window.session.cut)
        pins = [p for p in await self._store.pins(key) if p.seq <= cut.seq]
        request = await self._quoted(window, covered, cut.quote)
        behind = (*earlier, *covered)
        reading = await asyncio.to_thread(read, behind, _previous(window))
        parts = await asyncio.to_thread(accept.gather, behind, pins=pins, request=request, reading=reading)
        return Plan(window, cut, policy, replace(parts, from_seq=1), earlier, reading, complete)

    async def least(self, window: Window, parts: Sequence[Group], policy: Policy) -> int:
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
            covered, _ = await self._earlier(window.session.key, window.session.cut)
            return next((e for e in reversed(covered) if speaks(decode_entry(e))), None)
        found = await self._store.entries(window.session.key, after=before - 1, upto=before, limit=1)
        return found[0] if found else None

    async def _earlier(self, key: Key, cut: int) -> tuple[tuple[Entry, ...], bool]:
        """Originals that the present summary stands for, newest first up to a bound, in seq order; whether they
        are all."""
        pages: list[list[Entry]] = []
        tokens, size, upto = 0, 0, cut
        while upto > 0 and tokens < EARLIER_TOKENS and size < EARLIER_BYTES:
            page = await self._store.entries(key, after=max(0, upto - PAGE), upto=upto, limit=PAGE)
            live = [e for e in page if not e.superseded]
            pages.append(live)
            tokens += sum(e.tokens for e in live)
            size += sum(len(e.raw) for e in live)
            upto -= PAGE
        return tuple(e for page in reversed(pages) for e in page), upto <= 0


def covered_by(window: Window, cut: Cut) -> tuple[Entry, ...]:
    """The messages that a cut newly covers."""
    return tuple(e for e in window.entries if e.seq <= cut.seq)


def _previous(window: Window) -> str | None:
    """The body of the summary before, its messages named as notes by models name them."""
    return bracketed(accept.body_of(window.summary.text)) if window.summary else None


def _lost(block: str, plan: Plan) -> float:
    """Share of the standing orders and exact values of earlier messages that a block does not hold."""
    upto = plan.earlier[-1].seq
    exact = [a for a in plan.parts.artifacts if a.kind in EXACT and not a.text.isdecimal()]  # a mere number is no name
    values: list[Artifact] = [a for a in exact if a.seq <= upto][:LOOKED_AT]
    wanted = [*(a.text for a in values), *(d.text for d in plan.parts.directives if d.seq <= upto)]
    return sum(text not in block for text in wanted) / len(wanted) if wanted else 0.0
