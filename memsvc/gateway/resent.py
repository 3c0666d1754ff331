"""What sessions' last calls began with: a client that resends its history sends the same bytes again, and comparing
them takes a tenth of the time that it takes to cut them up and to hash them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from memsvc.core.model import Key
from memsvc.core.render.splice import items
from memsvc.core.vendor_calls import LISTS, Api, VendorCall
from memsvc.service.known import MOVES

MOST_BYTES = 8_000_000
"""Of messages that are kept, over all sessions; of one that is forgotten everything is looked at anew."""
LEAST_BYTES = 4_000
"""Less is looked at anew as quickly."""


class Begun(Struct, frozen=True):
    """The beginning of a list of messages, all but the newest of them.

    Attributes:
        opening, between: bytes before the first item and from each to the next, as the client writes them.
        listed: the items.
        front: so many of them are the system prompt; prints: fingerprints of the others.
        unmarked: so many of the items have no cache marks.
        size: of all, in bytes.
    """

    opening: bytes = b""
    between: bytes = b""
    listed: tuple[bytes, ...] = ()
    front: int = 0
    prints: Sequence[bytes] = ()
    unmarked: int = 0
    size: int = 0

    def of(self, raw: bytes) -> tuple[bytes, ...] | None:
        """The items of a list (valid JSON) that begins with these; None if it does not."""
        text = self.opening + self.between.join(self.listed)
        if not self.listed or not raw.startswith(text):
            return None
        rest = raw[len(text) :].lstrip()
        if rest.startswith(b","):
            return (*self.listed, *items(b"[" + rest[1:]))
        return self.listed if rest == b"]" else None


NOTHING = Begun()


class Recent:
    """Beginnings by session and API; those that were used longest ago go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._begun: OrderedDict[tuple[Key, Api], Begun] = OrderedDict()

    def get(self, key: Key, api: Api) -> Begun:
        """What the session's last call began with; empty where that is not known."""
        return self._begun.get((key, api), NOTHING)

    def keep(self, key: Key, call: VendorCall, prints: Sequence[bytes]) -> None:
        """Remember a call whose messages have these fingerprints."""
        raw, until = call.parts.get(LISTS[call.api], b""), len(call.listed) - MOVES
        front = len(call.listed) - len(call.messages)
        if len(raw) < LEAST_BYTES or len(raw) > self._most // 4 or until < max(2, front) or not raw.startswith(b"["):
            return
        first, second = call.listed[:2]
        start = raw.find(first)
        opening, between = raw[:start], raw[start + len(first) : raw.find(second, start + len(first))]
        listed, unmarked = call.listed[:until], call.unmarked_until(until)
        begun = Begun(opening, between, listed, front, prints[: until - front], unmarked, len(raw))
        if begun.of(raw) is None:
            return  # not written evenly
        place = key, call.api
        self._bytes += begun.size - self._begun.pop(place, NOTHING).size
        self._begun[place] = begun
        while self._bytes > self._most:
            self._bytes -= self._begun.popitem(last=False)[1].size

    def forget(self, key: Key) -> None:
        """Something of a session was erased. What is kept for it may be of a branch, or under another session's name:
        all of its tenant's goes."""
        for place in [place for place in self._begun if place[0].tenant == key.tenant]:
            self._bytes -= self._begun.pop(place).size
