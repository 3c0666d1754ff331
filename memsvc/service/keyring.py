"""API keys made, listed, ended; the only place where a key exists in the clear, and only on its way out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from memsvc.core.access import SECRET_BYTES, SHOWN, Access, ApiKey, digest_of, key_of, ordered
from memsvc.errors import Conflict, InvalidRequest, NotFound
from memsvc.ports import Keys

MAX_TENANT, MAX_NAME = 200, 100
ID_BYTES = 6
"""An id need not be secret, only rare: a taken one is drawn again."""


class Keyring:
    """Looks after the keys of a store.

    Args:
        clock: unix seconds.
        random: so many random bytes, fit for secrets.
    """

    def __init__(
        self, keys: Keys, *, clock: Callable[[], float], random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._random = random

    async def create(
        self, tenant: str, scopes: Iterable[Access], *, name: str = "", lifetime_s: float | None = None
    ) -> tuple[str, ApiKey]:
        """A new key, and what is stored of it. The key cannot be had again. Raises InvalidRequest."""
        _check(tenant, "tenant", least=1, most=MAX_TENANT)
        _check(name, "name", least=0, most=MAX_NAME)
        given = ordered(scopes)
        if not given:
            raise InvalidRequest("A key needs at least one scope: read, write or admin.", field="scopes")
        now = self._clock()
        ends = None if lifetime_s is None else now + lifetime_s
        while True:
            id = self._random(ID_BYTES).hex()
            key = key_of(id, self._random(SECRET_BYTES))
            stored = ApiKey(id, tenant, name, given, digest_of(key), key[-SHOWN:], now, ends)
            if await self._keys.add_key(stored):
                return key, stored

    async def all(self, tenant: str | None = None) -> list[ApiKey]:
        """A tenant's keys, or everybody's, those that ended included, oldest first."""
        return await self._keys.keys(tenant)

    async def revoke(self, id: str) -> ApiKey:
        """End a key for good. One that was revoked before stays as it is. Raises NotFound."""
        return await self._change(id, lambda key, now: key if key.revoked_at else replace(key, revoked_at=now))

    async def rotate(self, id: str, *, grace_s: float = 0.0) -> tuple[str, ApiKey, ApiKey]:
        """A new key in the place of another: same tenant, name, scopes and lifetime. Gives the key, what is stored
        of it, and the old one, which ends after `grace_s` seconds, sooner if it would have anyway.

        Raises NotFound, and Conflict for a key that ended already: what was revoked is not to be had back."""
        old = await self._one(id)
        state = old.state(self._clock())
        if state != "active":
            raise Conflict(f"The key {id} is {state}; create a new one instead.", code="key_ended")
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        # The new one first: whatever stops us here, nobody is locked out.
        key, new = await self.create(old.tenant, old.scopes, name=old.name, lifetime_s=lifetime)
        if grace_s > 0:
            return key, new, await self._change(id, lambda key, now: _expiring(key, now + grace_s))
        return key, new, await self.revoke(id)

    async def _one(self, id: str) -> ApiKey:
        found = await self._keys.key(id)
        if found is None:
            raise NotFound(f"There is no key {id!r}; the id is the part between the underscores.")
        return found

    async def _change(self, id: str, change: Callable[[ApiKey, float], ApiKey]) -> ApiKey:
        while True:  # somebody else may be ending it too
            seen = await self._one(id)
            new = change(seen, self._clock())
            if new == seen or await self._keys.change_key(seen, new):
                return new


def _expiring(key: ApiKey, at: float) -> ApiKey:
    return replace(key, expires_at=at if key.expires_at is None else min(at, key.expires_at))


def _check(text: str, field: str, *, least: int, most: int) -> None:
    # Printable: a list of keys goes to somebody's terminal.
    if not least <= len(text) <= most or not text.isprintable():
        raise InvalidRequest(f"The {field} of a key must be {least} to {most} printable characters.", field=field)
