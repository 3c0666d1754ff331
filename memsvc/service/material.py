"""What a summary is made from: the turns it covers, those before them, pins, and the request it must quote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from memsvc.core import accept
from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import Reading, read
from memsvc.core.limits import Policy
from memsvc.core.model import Entry, Key, Window
from memsvc.core.policy import Cut
from memsvc.core.render import decode_entry
from memsvc.core.turns import Group, speaks
from memsvc.ports import Log

EARLIER_TOKENS = 150_000
"""How far back a summarizer that selects from originals may look, newest first."""
EARLIER_BYTES = 8 * 1024 * 1024
"""The same in bytes: images are few tokens and many bytes."""
PAGE = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """A decided compaction with all that its summary must hold."""

    window: Window
    cut: Cut
    policy: Policy
    parts: accept.Parts
    earlier: tuple[Entry, ...]
    reading: Reading
    saving_usd: float | None = None


class Material:
    """Gathers it from the store.

    Args:
        count: raw tokens of a text.
    """

    def __init__(self, store: Log, count: Callable[[str], int]) -> None:
        self._store = store
        self._count = count

    def request(self, plan: Plan) -> SummaryRequest:
        """What a summarizer is asked."""
        window, cut = plan.window, plan.cut
        system = window.session.settings.system
        return SummaryRequest(
            entries=covered_by(window, cut),
            earlier=plan.earlier,
            previous=accept.body_of(window.summary.text) if window.summary else None,
            system=system.content.decode() if system else None,
            budget_tokens=accept.body_budget(plan.parts, cut.budget, self._count),
            key=window.session.key,
            reading=plan.reading,
            told=accept.told(plan.parts, cut.budget, self._count),
        )

    async def plan(self, window: Window, cut: Cut, policy: Policy) -> Plan:
        """All that the summary behind a cut must hold."""
        key = window.session.key
        covered = covered_by(window, cut)
        earlier = await self._earlier(key, window.session.cut)
        pins = [p for p in await self._store.pins(key) if p.seq <= cut.seq]
        request = await self._quoted(window, covered, cut.quote)
        previous = accept.body_of(window.summary.text) if window.summary else None
        behind = (*earlier, *covered)
        reading = await asyncio.to_thread(read, behind, previous)
        parts = await asyncio.to_thread(accept.gather, behind, pins=pins, request=request, reading=reading)
        return Plan(window, cut, policy, replace(parts, from_seq=1), earlier, reading)

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


def covered_by(window: Window, cut: Cut) -> tuple[Entry, ...]:
    """The messages that a cut newly covers."""
    return tuple(e for e in window.entries if e.seq <= cut.seq)
