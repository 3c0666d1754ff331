"""A sink that adds events to the running figures of their tenants, behind the back of what they tell of.

Best effort: what waits when a process dies, or while the store is away, is not counted. The books, which are another
matter, lose nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from memsvc.core.figures import Figure, Noted
from memsvc.errors import MemsvcError
from memsvc.observe import CacheBroken, Compacted, CompactionFailed, Event, SummarizerFailed
from memsvc.ports import Figures

MOST_WAITING = 10_000
"""Records that wait for the store; beyond that the oldest are dropped."""
MICROS = 1_000_000


class _Record(Struct, frozen=True):
    tenant: str
    at: float
    figures: tuple[Figure, ...]
    note: Noted | None = None


class Recorder:
    """Takes events and writes them down one after the other.

    Args:
        clock: unix seconds.
    """

    def __init__(self, store: Figures, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[_Record] = deque(maxlen=MOST_WAITING)
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Note an event; of most there is nothing to count. Never raises, never waits."""
        record = _record(event, self._clock())
        if record is None or self._closed:
            return
        self._waiting.append(record)
        if self._writing is None or self._writing.done():
            try:
                self._writing = asyncio.get_running_loop().create_task(self._write())
            except RuntimeError:
                return  # told by a thread: the next event takes it along

    async def settled(self, timeout_s: float) -> None:
        """Wait at most so long until what was told is written."""
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=timeout_s)

    async def close(self, timeout_s: float) -> None:
        """The same, and take no more."""
        await self.settled(timeout_s)
        self._closed = True
        if self._writing is not None and not self._writing.done():
            self._writing.cancel()
            await asyncio.wait({self._writing})

    async def _write(self) -> None:
        while self._waiting:
            one = self._waiting.popleft()
            try:
                await self._store.record(one.tenant, one.at, one.figures, one.note)
            except MemsvcError:
                continue  # the store is away, and says so elsewhere


def _record(event: Event, at: float) -> _Record | None:
    match event:
        case Compacted():
            return _Record(event.tenant, at, tuple(_compacted(event)), _noted(event, at))
        case CompactionFailed():
            note = Noted(event.tenant, event.session, at, attempts=event.attempts, error=event.error)
            return _Record(event.tenant, at, (Figure("failed", event.error),), note)
        case SummarizerFailed():
            return _Record(event.tenant, at, (Figure("summarizer", f"{event.summarizer}/{event.error}"),))
        case CacheBroken():
            figure = Figure("broken", event.cause, tokens=event.tokens, micros=_micros(event.usd))
            return _Record(event.tenant, at, (figure,))
        case _:
            return None


def _compacted(event: Compacted) -> list[Figure]:
    removed = event.before_tokens - event.after_tokens
    found = [Figure("compacted", event.reason, tokens=removed, micros=_micros(event.cost_usd))]
    if not event.shadow:
        found.append(Figure("broken", "compacted", tokens=event.after_tokens))
    if event.predicted_saving_usd is not None:
        found.append(Figure("predicted", micros=_micros(event.predicted_saving_usd)))
    if event.settled is not None:
        predicted, actual = event.settled
        found.append(Figure("settled_predicted", micros=_micros(predicted)))
        found.append(Figure("settled_actual", micros=_micros(actual)))
    return found


def _noted(event: Compacted, at: float) -> Noted:
    return Noted(
        event.tenant,
        event.session,
        at,
        epoch=event.epoch,
        reason=event.reason,
        model=event.model,
        before_tokens=event.before_tokens,
        after_tokens=event.after_tokens,
        seconds=event.seconds,
        attempts=event.attempts,
        predicted_saving_usd=event.predicted_saving_usd,
    )


def _micros(usd: float | None) -> int:
    return 0 if usd is None else round(usd * MICROS)
