"""After an append in the economic mode: does a compaction pay? Asked in the background, once a session at a time.

Nothing depends on it that was promised: the threshold's job is queued with the append itself. A process that
dies before it has looked leaves that to the next call.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from memsvc.core.limits import Policy
from memsvc.core.meter import Meter
from memsvc.core.model import Key, Known, Session, Window
from memsvc.errors import MemsvcError
from memsvc.ports import Store
from memsvc.service.economics import WEIGHED, Economics, mark_of

HELD = 2_000
"""Sessions whose meter is remembered; that of another one is read from its tail again."""


class _Held(Struct):
    """A meter, and up to where it has read."""

    session: Session
    policy: Policy
    meter: Meter
    last_seq: int
    mark: bytes

    @property
    def known(self) -> Known:
        return Known(self.session.uid, self.session.prefix_revision, self.last_seq, mark=self.mark)


class Looks:
    """Asks the meter of sessions, and queues the compactions that pay.

    Args:
        limits: the policy as it applies to a session.
        wake: called when a compaction became due.
    """

    def __init__(
        self,
        store: Store,
        economics: Economics,
        *,
        limits: Callable[[Session], Policy],
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._economics = economics
        self._limits = limits
        self._clock = clock
        self._wake = wake
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._anew: set[Key] = set()

    def note(self, session: Session) -> None:
        """Something was appended."""
        key = session.key
        if self._limits(session).mode not in WEIGHED:
            return
        if key in self._running:
            self._anew.add(key)  # what it is reading now may lack this
            return
        task = asyncio.create_task(self._look_until_read(key))
        self._running[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    async def settled(self) -> None:
        """Wait until all that was noted has been looked at."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def stop(self) -> None:
        """Give up what is under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_until_read(self, key: Key) -> None:
        while True:
            self._anew.discard(key)
            try:
                await self._look(key)
            except MemsvcError:
                return  # deleted, or the store is away: the next call looks
            if key not in self._anew:
                return

    async def _look(self, key: Key) -> None:
        held = self._held.get(key)
        window = await self._store.load(key, held.known if held is not None else None)
        moved = held is not None and held.session.cut != window.session.cut  # in the shadow, under the same prefix
        if held is not None and window.partial and (moved or held.policy != self._limits(window.session)):
            window = await self._store.load(key)
        held = self._read(held if window.partial else None, window)
        if held is None:
            self._held.pop(key, None)
            return
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        advice = self._economics.advice(key, held.meter)
        if advice.look.due:
            await self._store.enqueue(key, due_at=self._clock())
            self._wake()
        elif advice.again is not None:
            await self._store.enqueue(key, due_at=advice.again)

    def _read(self, held: _Held | None, window: Window) -> _Held | None:
        """The meter brought up to date, a new one for None; None where nothing can be said."""
        session, policy = window.session, self._limits(window.session)
        if held is None:
            meter = self._economics.meter(session, policy)
            if meter is None:
                return None
            held = _Held(session, policy, meter, session.cut, b"")
        called = held.meter.called
        for entry in window.entries:
            if entry.seq > held.last_seq:
                held.meter.add(mark_of(entry))
                held.last_seq = entry.seq
        if held.meter.called is not None and held.meter.called != called:
            self._economics.returns.called(session.key, held.meter.called, held.meter.ttl_s)
        held.session, held.mark = session, window.mark
        return held

    def _ended(self, key: Key, task: asyncio.Task[None]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at: nobody waits for it
