"""Headers: reading one, and changing it by compare-and-set."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from msgspec.structs import replace

from memsvc.core.model import Key, Session
from memsvc.errors import Unavailable
from memsvc.stores import rules
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import Keys, Place, user_token
from memsvc.stores.redis.seen import LEAST_BYTES, Seen
from memsvc.stores.redis.server import Server

TRIES = 100
"""Most tries to put a header that others keep changing."""
PATIENCE = 3
"""Tries after which this process's own appends wait for the put."""


def draw() -> int:
    """A random number that every part of the store holds exactly; never 0."""
    return secrets.randbelow((1 << 53) - 1) + 1


@dataclass(eq=False)
class Turn:
    """Who may change a session now, among the tasks of this process."""

    puts: asyncio.Lock = field(default_factory=asyncio.Lock)
    appends: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.appends.set()


class Headers:
    """Calls on headers. Raises what `ports.Log` says."""

    def __init__(self, server: Server, keys: Keys, seen: Seen) -> None:
        self._server = server
        self._keys = keys
        self._seen = seen
        self._turns: WeakValueDictionary[Key, Turn] = WeakValueDictionary()

    async def head(self, key: Key) -> Session | None:
        """The header, or None."""
        found = await self.stored(key)
        return found[0] if found is not None else None

    async def stored(self, key: Key) -> tuple[Session, codec.Header] | None:
        """The header, also as it is stored; None if there is no such session."""
        place, held = self._keys.place(key), self._seen.held(key)
        answer = await self._server.read(place.shard, "head", place.of("hg"), held.stamp)
        return self._seen.header(key, held, *answer) if answer else None

    async def put(self, key: Key, change: Callable[[Session | None], Session], *, at: float) -> Session:
        """Create or change the header; tried again until nobody else has changed it meanwhile."""
        turn = self._turns.setdefault(key, Turn())
        async with turn.puts:
            try:
                found = await self.stored(key)
                for tried in range(TRIES):
                    old, header = found if found is not None else (None, None)
                    new = change(old)
                    if new == old:
                        return new
                    if old is None:
                        new = replace(rules.born(key, new), uid=draw())
                    done, answer = await self._put(key, header, new, at)
                    if done is not None:
                        return done
                    found = self._seen.header(key, self._seen.held(key), *answer) if answer else None
                    if tried >= PATIENCE:
                        turn.appends.clear()
            finally:
                turn.appends.set()
        raise Unavailable("the session is changed faster than this change can be made; try again", retry_after=1)

    async def wait_turn(self, key: Key) -> None:
        """Let a put go first that others have kept from its end."""
        turn = self._turns.get(key)
        if turn is not None:
            await turn.appends.wait()

    async def _put(
        self, key: Key, header: codec.Header | None, new: Session, at: float
    ) -> tuple[Session | None, list[Any]]:
        """The session if that was done, else what is stored instead."""
        place = self._keys.place(key)
        stamp, settings = codec.packed_settings(new.settings)
        user = user_token(key.tenant, new.settings.user)
        before = header["user"] if header is not None else "-"
        seen = header.raw if header is not None else b""
        packed = codec.packed_header(replace(new, key=key), stamp, header)
        answer = await self._server.write(
            place.shard, "put", _keys(place, user, before), seen, packed, settings, place.name, repr(at), draw()
        )
        if answer[0] != b"done":
            return None, answer[1:]
        self._seen.put(key, stamp, user, new.settings, len(settings) + LEAST_BYTES)
        return codec.header_of(answer[1]).session(new.settings), []


def _keys(place: Place, user: str, before: str) -> list[str]:
    indexes = (place.index, place.user_index(user), place.user_index(before))
    return [*place.of("hg"), place.shared("due"), place.shared("all"), *indexes]
