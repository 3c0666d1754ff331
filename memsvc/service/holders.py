"""Whose key is it: look-ups of stored keys, remembered for a few seconds."""

from __future__ import annotations

from collections.abc import Callable

from memsvc.core.access import ApiKey
from memsvc.ports import Keys

AGE_S = 5.0
"""What was looked up is believed so long: after it a revoked key opens nothing in any process."""
MOST = 10_000
"""Look-ups that are remembered; the oldest go first."""

Found = tuple[ApiKey | None, float]


class Holders:
    """Stored keys by their ids.

    Whether any key was ever stored is remembered for good once it is so: a store that is emptied under a running
    service must not open it.

    Args:
        clock: unix seconds, by which keys expire.
        monotonic: seconds, by which look-ups age.
    """

    def __init__(self, keys: Keys, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._keys = keys
        self._monotonic = monotonic
        self._found: dict[str, Found] = {}
        self._any = False
        self._looked = float("-inf")
        self.now = clock

    def any_known(self) -> bool | None:
        """Whether a key was ever stored; None = nobody knows any more, ask `any`."""
        if self._any:
            return True
        return False if self._monotonic() - self._looked < AGE_S else None

    async def any(self) -> bool:
        """Whether a key was ever stored. Raises Unavailable."""
        began = self._monotonic()
        found = bool(await self._keys.keys())
        self._any = self._any or found  # after the look: another one may have found a key meanwhile
        self._looked = began
        return self._any

    def known(self, id: str) -> Found | None:
        """What was looked up lately, None in it for no such key; None if nothing was."""
        found = self._found.get(id)
        return found if found is not None and self._monotonic() - found[1] < AGE_S else None

    async def one(self, id: str) -> ApiKey | None:
        """The key with this id, from the store. Raises Unavailable."""
        began = self._monotonic()  # before the look: the age counts from the oldest that it may have seen
        found = await self._keys.key(id)
        self._found.pop(id, None)
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]
        self._found[id] = found, began
        self._any = self._any or found is not None
        return found
