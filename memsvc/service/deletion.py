"""Making things go for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from memsvc.core.model import Key
from memsvc.errors import InvalidRequest, NotFound
from memsvc.ports import Census, Log
from memsvc.service.branches import branches
from memsvc.service.views import Views

AT_ONCE = 100
"""Sessions looked up at a time."""


async def delete_session(log: Log, views: Views, key: Key) -> None:
    """Remove a session and its branches, which clients of the gateway made without knowing. Raises NotFound."""
    main = await log.head(key)
    found = [] if main is None else (await branches(log, main))[0]
    last_first = sorted(found, key=lambda one: (len(one.key.session), one.key.session), reverse=True)  # leaves no gap
    for branch in last_first:
        views.forget(branch.key)
        await log.delete(branch.key)
    views.forget(key)
    if not await log.delete(key):
        raise NotFound(f"no session {key.session!r}")


async def sharing(log: Log, key: Key, seq: int) -> list[Key]:
    """The branches of a session that have the same message at a seq as it has."""
    main = await log.head(key)
    shared = await log.entries(key, after=seq - 1, upto=seq, limit=1)
    if main is None or not shared:
        return []
    found = [branch.key for branch in (await branches(log, main))[0]]
    copies = await asyncio.gather(*(log.entries(one, after=seq - 1, upto=seq, limit=1) for one in found))
    return [one for one, copy in zip(found, copies, strict=True) if copy and copy[0].raw == shared[0].raw]


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
