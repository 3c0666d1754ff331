"""Looking into a store without opening it: nothing is created, brought up to date or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Reached
from memsvc.core.model import Key

Engine = Literal["sqlite", "redis"]


class Facts(Struct, frozen=True):
    """What a look into a store tells. Where the layout is not this release's, what it cannot read is left empty.

    Attributes:
        schema: version of the layout; None = there is no store yet.
        newest: the version that this release brings a store to.
        upgraded: versions that it brings up to date.
        sessions: how many; None = unknown.
        due: compactions that wait for a worker and were due before; `oldest_due` (unix seconds) since when.
        failing: sessions whose last compaction failed and will be tried again, with the reason; the first ones.
        sealed: (tenant, provider) of stored keys for providers.
        reached: budgets of tenants and how far they are used up.
        told: what the engine says of itself, by its own names, of each server or of the file.
    """

    engine: Engine
    schema: int | None
    newest: int
    upgraded: tuple[int, ...] = ()
    sessions: int | None = None
    due: int = 0
    oldest_due: float | None = None
    failing: tuple[tuple[Key, str], ...] = ()
    keys: tuple[ApiKey, ...] = ()
    sealed: tuple[tuple[str, str], ...] = ()
    reached: tuple[tuple[str, Reached], ...] = ()
    told: tuple[Mapping[str, str], ...] = ()


class Inspect(Protocol):
    """A look into one store."""

    async def facts(self, *, now: float, budgets: Sequence[Budget] = (), deep: bool = False) -> Facts:
        """What is there at `now`. Raises Unavailable. `budgets`: those of tenants that have none of their own;
        `deep`: read all of it, to see that it is whole."""
        ...
