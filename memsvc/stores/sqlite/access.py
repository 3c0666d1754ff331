"""The part of the store that is about who may ask, and for how much: API keys, keys for providers, budgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import apsw

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Counted, Reached, Spending
from memsvc.stores.sqlite import budgets as budget_rows
from memsvc.stores.sqlite import keys
from memsvc.stores.sqlite import sealed as sealed_rows

T = TypeVar("T")
Read = Callable[[apsw.Connection], T]


class AccessKeys(ABC):
    """Implements `ports.Keys`, `ports.SealedKeys` and `ports.Budgets` over the store's looks and writes."""

    IN_ORDER = True
    """Of writes that are begun one after the other none is durable without those before it."""

    @abstractmethod
    async def _write(self, work: Read[T], *, erases: bool = False) -> T: ...

    @abstractmethod
    async def _read(self, work: Read[T]) -> T: ...

    @abstractmethod
    async def _read_far(self, work: Read[T]) -> T: ...

    # --- keys ------------------------------------------------------------------

    async def add_key(self, key: ApiKey) -> bool:
        """Keep a new key; False if its id is taken."""
        return await self._write(lambda db: keys.add(db, key))

    async def key(self, id: str) -> ApiKey | None:
        """The key with this id, or None."""
        return await self._read(lambda db: keys.one(db, id))

    async def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """A tenant's keys, or everybody's, oldest first."""
        return await self._read_far(lambda db: keys.many(db, tenant))

    async def change_key(self, seen: ApiKey, new: ApiKey) -> bool:
        """Put `new` in the place of `seen`; False if that is not what is stored."""
        return await self._write(lambda db: keys.change(db, seen, new))

    # --- keys for providers ----------------------------------------------------

    async def put_sealed(self, tenant: str, provider: str, sealed: bytes) -> None:
        """Keep an encrypted key."""
        await self._write(lambda db: sealed_rows.put(db, tenant, provider, sealed))

    async def sealed(self, tenant: str, provider: str) -> bytes | None:
        """An encrypted key, or None."""
        return await self._read(lambda db: sealed_rows.one(db, tenant, provider))

    async def remove_sealed(self, tenant: str, provider: str) -> bool:
        """Forget one; False if there is none."""
        return await self._write(lambda db: sealed_rows.remove(db, tenant, provider), erases=True)

    async def sealed_names(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """(tenant, provider) of all of them, in order."""
        return await self._read_far(lambda db: sealed_rows.names(db, tenant))

    # --- budgets ---------------------------------------------------------------

    async def budgets(self, tenant: str) -> list[Budget]:
        """A tenant's own budgets."""
        return await self._read(lambda db: budget_rows.listed(db, tenant))

    async def put_budgets(self, tenant: str, budgets: Sequence[Budget]) -> None:
        """Let these take the place of those that are there."""
        await self._write(lambda db: budget_rows.put(db, tenant, budgets))

    async def count(self, spending: Spending, limits: Sequence[Budget] = (), *, anyway: bool = False) -> Counted:
        """Count, unless a limit would be passed, or anyway."""
        return await self._write(lambda db: budget_rows.count(db, spending, limits, anyway))

    async def counted(self, tenant: str, at: float, budgets: Sequence[Budget]) -> list[Reached]:
        """How far budgets are used up."""
        return await self._read(lambda db: budget_rows.counted(db, tenant, at, budgets))
