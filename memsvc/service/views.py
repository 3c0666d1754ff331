"""Rendered sessions kept in memory, brought up to date from the store at every fetch.

The store's header is read each time, so any number of processes may write; what a view
saves is rendering again what it has rendered already.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from memsvc.core.limits import Policy
from memsvc.core.model import ON, Entry, Format, Key, Known, Session, Window
from memsvc.core.render import decode_entry
from memsvc.core.render.context import Style, View, style
from memsvc.core.shadow import shown
from memsvc.errors import NotFound, Unavailable
from memsvc.ports import Log
from memsvc.service.documents import limits
from memsvc.service.inbox import OFF_LOOP_BYTES
from memsvc.service.requests import Marks, Rendered

MAX_ROUNDS = 5
"""Tries to get a consistent view while other writers move the session's prefix."""

PAGE = 500

Slot = tuple[Key, Format, Marks]
NOTHING = Known(0, 0, 0)


class Held(Struct):
    """A view in memory, and what was derived from its present revision.

    Attributes:
        limits: the policy as it applies to this revision.
        mark: the store's, of the window that this was last brought up to date with.
        body: the finished document of revision `body_revision`.
        answer: the last reply, for (revision, max_tokens) `answered`.
        known: what the store is told of it at the next look.
    """

    view: View
    limits: Policy
    mark: bytes = b""
    body: bytes = b""
    body_revision: int = -1
    answer: Rendered | None = None
    answered: tuple[int, int | None] = (-1, None)
    soft_checked: int = -1
    size: int = field(default=0)
    known: Known = NOTHING

    def __post_init__(self) -> None:
        self.now()

    def now(self) -> None:
        """Note for the next look what the view knows."""
        session = self.session
        last_seq = self.view.tail.last_seq or session.cut
        self.known = Known(session.uid, session.prefix_revision, last_seq, session, self.mark)

    @property
    def session(self) -> Session:
        """The header that the view shows."""
        return self.view.session

    def render(self) -> bytes:
        """The context document of the present revision."""
        revision = self.session.revision
        if self.body_revision != revision:
            self.body, self.body_revision = self.view.body(), revision
        return self.body

    def sent_bytes(self) -> int:
        """Bytes of the document without what it says twice: a caller sends one of the two lists."""
        return len(self.render()) - self.view.repeated


class Views:
    """Views by session, format and marks; the least recently used go when memory is full."""

    def __init__(self, log: Log, defaults: Policy, max_bytes: int) -> None:
        self._log = log
        self._defaults = defaults
        self._max_bytes = max_bytes
        self._held: OrderedDict[Slot, Held] = OrderedDict()
        self._bytes = 0
        self._listeners: list[Callable[[Key], None]] = []

    async def get(self, key: Key, format: Format | None, marks: Marks) -> Held:
        """The session as it is now, rendered. Raises NotFound."""
        if format is None:
            head = await self._log.head(key)
            if head is None:
                raise NotFound(f"no session {key.session!r}")
            format = head.settings.format or "openai"
        slot = (key, format, marks)
        for _ in range(MAX_ROUNDS):
            held = self._held.get(slot)
            window = await self._log.load(key, held.known if held is not None else None)
            if self._held.get(slot) is not held:
                continue  # another fetch rebuilt it meanwhile
            if held is not None and window.session is held.session:
                self._held.move_to_end(slot)
                return held
            if held is None or not window.partial:
                whole = await self._whole(window)
                if whole is None or self._held.get(slot) is not held:
                    continue  # edited while it was read, or rebuilt by another fetch
                return await self._rebuild(slot, whole)
            if self._extend(held, window):
                self._keep(slot, held)
                return held
            self._drop(slot)
        whole = await self._whole(await self._log.load(key))
        if whole is None:
            raise Unavailable("the session is changed faster than it can be read; try again", retry_after=1)
        return await self._rebuild(slot, whole)

    async def _whole(self, window: Window) -> Window | None:
        """The window as its context shows it: with all live messages and without the summary where that is not
        served. None if the session was edited while they were read."""
        session = window.session
        if session.shadow != ON or not session.cut:
            return window
        earlier: list[Entry] = []
        seq = 0
        while page := await self._log.entries(session.key, after=seq, upto=session.cut, limit=PAGE):
            earlier += [e for e in page if not e.superseded]
            seq = page[-1].seq
        now = await self._log.head(session.key)
        if now is None or (now.uid, now.prefix_revision) != (session.uid, session.prefix_revision):
            return None
        entries = (*earlier, *window.entries)
        size = sum(len(e.raw) for e in entries)
        return replace(window, session=shown(session, size), summary=None, entries=entries)

    def limits(self, session: Session) -> Policy:
        """The policy as it applies to a session."""
        return limits(session, self._defaults)

    def _style(self, session: Session, format: Format, marks: Marks) -> Style:
        policy = self.limits(session)
        return style(
            format,
            marks=marks == "auto",
            model=session.settings.model,
            ttl=policy.cache_ttl,
            placement=policy.placement,
        )

    def _extend(self, held: Held, window: Window) -> bool:
        """Bring a view up to date. False if it must be rebuilt (its style changed)."""
        last = held.view.tail.last_seq
        new = tuple(e for e in window.entries if e.seq > last)
        session = shown(window.session, held.session.tail_bytes + sum(len(e.raw) for e in new))
        if _place(session) < _place(held.session) or session == held.session:
            return True  # nothing new, or an older reading that came late
        policy = self.limits(session)
        if (policy.cache_ttl, policy.placement) != (held.limits.cache_ttl, held.limits.placement):
            return False
        if session.settings.model != held.session.settings.model:
            return False
        held.view.extend(session, new)
        held.limits, held.mark = policy, window.mark
        held.answer = None
        held.now()
        return True

    async def _rebuild(self, slot: Slot, window: Window) -> Held:
        session = window.session
        chosen = self._style(session, slot[1], slot[2])

        def build() -> View:
            view = View(session, window.summary, chosen, decode_entry)
            view.extend(session, window.entries)
            return view

        small = session.tail_bytes < OFF_LOOP_BYTES * 4
        held = Held(build() if small else await asyncio.to_thread(build), self.limits(session), window.mark)
        self._drop(slot)
        self._keep(slot, held)
        return held

    def _keep(self, slot: Slot, held: Held) -> None:
        settings, summary = held.session.settings, held.session.summary_tokens * 8
        front = len(settings.system.content if settings.system else b"") + len(settings.tools or b"") + summary
        copies = 3 if held.view.style.target == "responses" else 2
        size = held.session.tail_bytes * copies + front * 3 + 4_000  # as stored, as fragments, in the finished body
        self._bytes += size - held.size
        held.size = size
        self._held[slot] = held
        self._held.move_to_end(slot)
        while self._bytes > self._max_bytes and len(self._held) > 1:
            _, old = self._held.popitem(last=False)
            self._bytes -= old.size

    def on_forget(self, forget: Callable[[Key], None]) -> None:
        """Have `forget` called whenever this is."""
        self._listeners.append(forget)

    def forget(self, key: Key) -> None:
        """Let go of a session that was deleted, or of which something was erased."""
        for forget in self._listeners:
            forget(key)
        for slot in [s for s in self._held if s[0] == key]:
            self._drop(slot)

    def _drop(self, slot: Slot) -> None:
        old = self._held.pop(slot, None)
        self._bytes -= old.size if old is not None else 0


def _place(session: Session) -> tuple[int, int]:
    """Orders readings of one header. A usage report changes what is expected of a context and not its
    revision; of two reports on one revision the later may be the lower, so they have no order."""
    return session.revision, session.anchor_revision
