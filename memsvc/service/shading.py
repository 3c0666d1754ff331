"""Sessions that enter and leave the mode `shadow`."""

from __future__ import annotations

from collections.abc import Callable

from memsvc.core.limits import Policy
from memsvc.core.model import Session
from memsvc.core.shadow import aligned, outgrown
from memsvc.errors import NotFound
from memsvc.ports import Log


async def align(log: Log, session: Session, limits: Callable[[Session], Policy], at: float) -> None:
    """Bring a session's header in line with its mode, which the service's settings may have changed. Raises
    NotFound."""
    await _put(log, session, lambda stored: aligned(stored, limits(stored)), at)


async def leave(log: Log, session: Session, at: float) -> Session:
    """Serve a session compacted, now that its full history does not fit any more; gives its header. Raises
    NotFound."""
    return await _put(log, session, outgrown, at)


async def _put(log: Log, session: Session, change: Callable[[Session], Session], at: float) -> Session:
    def changed(stored: Session | None) -> Session:
        if stored is None:
            raise NotFound(f"no session {session.key.session!r}")
        return change(stored) if stored.uid == session.uid else stored

    return await log.put(session.key, changed, at=at)
