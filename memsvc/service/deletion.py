"""Making things go for good."""

from __future__ import annotations

from memsvc.ports import Log
from memsvc.service.views import Views

AT_ONCE = 100
"""Sessions looked up at a time."""


async def delete_user(log: Log, views: Views, tenant: str, user: str) -> None:
    """Remove every session of a tenant that carries this `user` tag.

    It looks until nothing is left, so that a session tagged meanwhile goes too."""
    while found := (await log.sessions(tenant, user=user, limit=AT_ONCE))[0]:
        for session in found:
            await log.delete(session.key)
            views.forget(session.key)
