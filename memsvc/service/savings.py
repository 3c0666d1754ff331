"""What compactions have saved: read off the log when it is asked for, and written down when the next one is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from memsvc.core.limits import Policy
from memsvc.core.model import Key, Session, Summary
from memsvc.errors import NotFound
from memsvc.ports import Log
from memsvc.service.audit import MOST_SUMMARIES, Audit
from memsvc.service.documents import NO_SAVING, Saving, session_document, summary_document
from memsvc.service.economics import Economics


class Savings:
    """Documents that say what compactions have saved.

    Args:
        limits: the policy as it applies to a session.
    """

    def __init__(
        self, log: Log, economics: Economics, defaults: Policy, *, limits: Callable[[Session], Policy]
    ) -> None:
        self._log = log
        self._economics = economics
        self._defaults = defaults
        self._limits = limits
        self._audit = Audit(log)

    async def session(self, session: Session) -> dict[str, Any]:
        """A session's document. Raises NotFound if it was deleted meanwhile."""
        return session_document(session, self._defaults, await self._present(session))

    async def page(self, key: Key, *, after: int, limit: int, statements: bool = False) -> dict[str, Any]:
        """Summaries of epochs > `after`, oldest first; `next` is the value for `after`. With `statements` what each
        says and leaves out, a smaller page. Raises NotFound."""
        limit = min(limit, MOST_SUMMARIES) if statements else limit
        session = await self._log.head(key)
        if session is None:
            raise NotFound(f"no session {key.session!r}")
        found = await self._log.summaries(key, after=after, limit=limit + 1)
        page, following = found[:limit], [*found[1:], None]
        present = await self._present(session) if any(s.epoch == session.summary_epoch for s in page) else NO_SAVING
        now = session.summary_epoch
        saved = [present[1] if s.epoch == now else _by_then(s, f) for s, f in zip(page, following, strict=False)]
        rows = await asyncio.to_thread(_rows, page, now, saved)  # each is read through: half a millisecond
        if statements:
            rows = [{**row, **told} for row, told in zip(rows, await self._audit.tell(key, page), strict=True)]
        return {"summaries": rows, "next": page[-1].epoch if len(found) > limit else None}

    async def _present(self, session: Session) -> Saving:
        if not session.summary_epoch:
            return NO_SAVING
        window = await self._log.load(session.key)
        if window.summary is None:
            return NO_SAVING  # an edit has left it
        return window.summary.predicted_saving_usd, self._economics.saved_usd(window, self._limits(window.session))


def _rows(page: list[Summary], now: int, saved: list[float | None]) -> list[dict[str, Any]]:
    return [summary_document(s, s.epoch == now, usd) for s, usd in zip(page, saved, strict=True)]


def _by_then(summary: Summary, then: Summary | None) -> float | None:
    """What a summary had saved when the next one took its place; None for one that an edit has left."""
    return then.predecessor_saving_usd if then is not None and then.from_seq == summary.to_seq + 1 else None
