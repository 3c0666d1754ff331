"""Making things go for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from memsvc.core.model import Key, Session
from memsvc.errors import InvalidRequest, NotFound
from memsvc.ports import Census, Log
from memsvc.service.branches import branches
from memsvc.service.views import Views

AT_ONCE = 100
"""Sessions looked up at a time."""


async def delete(log: Log, views: Views, key: Key) -> None:
    """Remove a session and the branches that clients of the gateway have made of it. Raises NotFound."""
    head = await log.head(key)
    if head is None:
        raise NotFound(f"no session {key.session!r}")
    found = [s.key for s in (await branches(log, head))[0]]
    for one in sorted(found, key=lambda k: (len(k.session), k.session), reverse=True):  # a crash leaves no gap
        views.forget(one)
        await log.delete(one)
    views.forget(key)
    if not await log.delete(key):
        raise NotFound(f"no session {key.session!r}")


async def redact(log: Log, views: Views, key: Key, seq: int, at: float) -> Session:
    """Erase one message for good, in the session and in branches that share it; gives the session. Raises NotFound."""
    head = await log.head(key)
    for one in (await branches(log, head))[0] if head is not None else ():
        mine, its = [await log.entries(k, after=seq - 1, upto=seq, limit=1) for k in (key, one.key)]
        if mine and its and mine[0].raw == its[0].raw:
            await log.redact(one.key, seq, at=at)
            views.forget(one.key)
    session = await log.redact(key, seq, at=at)
    views.forget(key)
    return session


async def delete_user(log: Log, views: Views, tenant: str, user: str) -> None:
    """Remove every session of a tenant that carries this `user` tag.

    It looks until nothing is left, so that a session tagged meanwhile goes too."""
    while found := (await log.sessions(tenant, user=user, limit=AT_ONCE))[0]:
        await asyncio.gather(*(log.delete(session.key) for session in found))
        for session in found:
            views.forget(session.key)


class Sessions(Log, Census, Protocol):
    """A store as far as a purge needs it."""


async def purge(
    store: Sessions, tenant: str, since: float, *, now: float, forget: Callable[[Key], None], dry: bool = False
) -> int:
    """Remove every session of a tenant that nothing was written to since; gives how many. `dry`: only count.

    Whether one is idle is looked at again where it is deleted: one that awakes meanwhile stays."""
    if since > now:
        raise InvalidRequest(
            "`inactive_since` is in the future: no session has been active since then; give a time that has passed.",
            field="inactive_since",
        )
    number = 0
    after: str | None = None
    while True:
        page, following = await store.idle(tenant, before=since, after=after, limit=AT_ONCE)
        if dry:
            number += len(page)
        else:
            gone = await asyncio.gather(*(store.delete(s.key, before=since) for s in page))
            for session in page:
                forget(session.key)
            number += sum(gone)
        if following is None:
            return number
        after = following
