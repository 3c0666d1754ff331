"""What a store keeps and tells for whoever looks at the whole: figures, never content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memsvc.core.figures import DayFigure, Figure, Noted, Queued
from memsvc.core.model import Key
from memsvc.core.money import Line, Spent


class Figures(Protocol):
    """Running figures by day, and the newest compactions of each tenant."""

    async def record(self, tenant: str, at: float, figures: Sequence[Figure], note: Noted | None = None) -> None:
        """Add to the figures of the day of `at`, and remember a compaction, in one trip. Of each tenant the newest
        `MOST_NOTED` are remembered; figures go after `KEPT_DAYS`."""
        ...

    async def figures(self, tenant: str | None, *, since: int, until: int) -> list[DayFigure]:
        """A tenant's figures (None = those of all together), from day `since` on and before day `until`, in order of
        day, kind and name."""
        ...

    async def noted(self, tenant: str | None, *, limit: int) -> list[Noted]:
        """A tenant's compactions (None = everybody's), newest first. A session that is gone has no name there,
        nor has a later one of its name."""
        ...


class Overview(Protocol):
    """What can be told of a whole store in a few looks."""

    async def spent_by_all(self, *, since: int, until: int) -> tuple[list[Spent], dict[str, Spent]]:
        """`Ledger.spent` of all tenants together, and what each comes to in these days: one figure by tenant, in
        order, which names no day, feature or model."""
        ...

    async def queued(self, tenant: str | None, *, now: float, limit: int) -> Queued:
        """The queue as far as it is a tenant's (None = all of it), and its first `limit` jobs."""
        ...

    async def session_count(self, tenant: str | None) -> int:
        """How many sessions a tenant has (None = there are)."""
        ...

    async def calls(self, key: Key, *, after: str | None, limit: int) -> tuple[list[Line], str | None]:
        """A session's lines in the books, oldest first, and the cursor of the next page. NotFound for an unknown
        session; InvalidRequest for a cursor that was not given."""
        ...
